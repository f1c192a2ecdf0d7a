/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificates, bundles and public keys. Who supplies the bytes: a host that enrols (EK certificate and chain), a client in its TLS
 * handshake, a signer of a model.
 */
#include <stdlib.h>

#include "crypto/x509.h"

enum { CERTS_MAX = 8 };

static void look_into(const struct cert *cert)
{
	char text[X509_URI_MAX + 1];
	uint8_t digest[SHA256_LEN];
	struct bytes value = {0};
	struct key *key = NULL;
	struct err err = {0};

	cert_subject(cert, text, sizeof(text));
	cert_issuer(cert, text, sizeof(text));
	cert_serial(cert, text, sizeof(text));
	cert_uri(cert, text, sizeof(text));
	cert_is_ca(cert);
	cert_key_usage(cert);
	cert_has_eku(cert, "2.23.133.8.1");
	cert_extension(cert, "2.5.29.17", &value);
	cert_san_directory_attribute(cert, "2.23.133.2.1", text, sizeof(text));
	if (cert_not_before(cert) == 1 && cert_not_after(cert) == 2)
		abort(); /* only so that both are read */
	if (!cert_digest(cert, digest, &err))
		abort();
	if (cert_key(cert, &key, &err) && key_bits(key) < 256)
		abort();
	key_unref(&key);
}

/* Judged against itself as the only root, and against nothing. */
static void judge(struct cert *cert)
{
	struct chain_options options = {
		.roots = &cert, .root_count = 1, .at = cert_not_before(cert)};
	struct chain_result result;
	struct err err = {0};

	if (chain_verify(cert, &options, &result, &err) && result.fault == CHAIN_OK &&
		result.count != 1)
		abort();
	chain_result_release(&result);
	options.root_count = 0;
	options.intermediates = &cert;
	options.intermediate_count = 1;
	options.handles_san = true;
	options.ignore_expiry = true;
	if (chain_verify(cert, &options, &result, &err) && result.fault == CHAIN_OK)
		abort();
	chain_result_release(&result);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes in = bytes_of(data, size);
	struct cert *certs[CERTS_MAX];
	struct cert *cert = NULL;
	struct key *key = NULL;
	struct err err = {0};
	size_t count = 0;

	if (cert_from_der(in, false, &cert, &err)) {
		if (!bytes_equal(cert_der(cert), in))
			abort();
		look_into(cert);
		judge(cert);
	}
	cert_unref(&cert);
	if (cert_from_der(in, true, &cert, &err) && cert_der(cert).len > size)
		abort();
	cert_unref(&cert);
	if (certs_from_bytes(in, CERTS_MAX, certs, &count, &err) && count > CERTS_MAX)
		abort();
	while (count > 0)
		cert_unref(&certs[--count]);
	/* What is accepted as a key is in its only form. */
	if (key_from_spki(in, &key, &err) && !bytes_equal(key_spki(key), in))
		abort();
	key_unref(&key);
	if (key_from_pem(in, &key, &err) && key_spki(key).len == 0)
		abort();
	key_unref(&key);
	return 0;
}
