/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/cert_private.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <time.h>

#include "crypto/der.h"
#include "crypto/key_private.h"
#include "crypto/openssl_error.h"
#include "crypto/pem.h"

enum { NV_HEADER = 7 };

static bool read_time(const ASN1_TIME *time, const char *field, int64_t *ret, struct err *err)
{
	struct tm tm;

	if (!time || ASN1_TIME_to_tm(time, &tm) != 1) {
		openssl_forget();
		return err_set(err, ERR_FORMAT, "%s: not a time", field);
	}
	*ret = timegm(&tm);
	return true;
}

/* RFC 5280 section 4.2 allows one of each; with two, which one counts would be a matter of taste.
 */
static bool check_extensions(const X509 *x509, struct err *err)
{
	int n = X509_get_ext_count(x509);

	if (n > CERT_EXTENSIONS_MAX)
		return err_set(err, ERR_LIMIT, "%d extensions, at most %d", n, CERT_EXTENSIONS_MAX);
	for (int i = 0; i < n; i++) {
		const ASN1_OBJECT *oid = X509_EXTENSION_get_object(X509_get_ext(x509, i));

		if (X509_get_ext_by_OBJ(x509, oid, i) >= 0)
			return err_set(err, ERR_FORMAT, "an extension occurs twice");
	}
	return true;
}

static bool decode(struct cert *cert, struct err *err)
{
	struct bytes der = buf_bytes(&cert->der), spki = {0};
	const uint8_t *at = der.data;

	if (!cert_outline(der, &spki, err))
		return false;
	buf_put(&cert->spki, spki);
	if (!buf_ok(&cert->spki, err))
		return false;
	openssl_begin();
	cert->x509 = d2i_X509(NULL, &at, (long)der.len);
	if (!cert->x509 || at != der.data + der.len)
		return openssl_fail(err, ERR_FORMAT, "X.509");
	/* Fills OpenSSL's cache of extensions now, so that threads find it made. Whether they make
	 * sense is judged with the chain. */
	if (X509_check_purpose(cert->x509, -1, 0) != 1)
		openssl_forget();
	/* What OpenSSL had no memory for, it leaves out of the certificate and says nothing. */
	if (!openssl_answer(err, "X.509"))
		return false;
	return check_extensions(cert->x509, err) &&
	       read_time(X509_get0_notBefore(cert->x509), "notBefore", &cert->not_before, err) &&
	       read_time(X509_get0_notAfter(cert->x509), "notAfter", &cert->not_after, err);
}

/* Exactly one certificate. */
static bool cert_make(struct bytes der, struct cert **ret, struct err *err)
{
	OWNED(cert_unref) struct cert *made = NULL;

	if (der.len > X509_DER_MAX)
		return err_set(err, ERR_LIMIT, "certificate: %zu bytes, at most %d", der.len,
			X509_DER_MAX);
	made = calloc(1, sizeof(*made));
	if (!made)
		return err_set(err, ERR_NOMEM, "certificate: out of memory");
	atomic_init(&made->refs, 1);
	buf_put(&made->der, der);
	if (!buf_ok(&made->der, err))
		return false;
	if (!decode(made, err))
		return err_wrap(err, "certificate");
	*ret = TAKE(made);
	return true;
}

/* NV indices hold certificates behind a header of TPM 1.2's days (TCG_PCCLIENT_STORED_CERT: tag
 * 1001, full certificate, size; tag 1002) now and then. */
static struct bytes skip_nv_header(struct bytes in)
{
	if (in.len > NV_HEADER && memcmp(in.data, "\x10\x01\x00", 3) == 0 &&
		memcmp(in.data + 5, "\x10\x02", 2) == 0)
		return bytes_of(in.data + NV_HEADER, in.len - NV_HEADER);
	return in;
}

/* Cuts the first element off its padding, which must be all zeros or all ones. */
static bool cut_padding(struct bytes in, struct bytes *ret, struct err *err)
{
	struct reader r = rd_of(in);
	struct bytes first = der_element(&r, DER_SEQUENCE, "Certificate");
	struct bytes rest = rd_bytes(&r, rd_left(&r), "padding");

	if (!rd_finish(&r, err))
		return err_wrap(err, "certificate");
	for (size_t i = 0; i < rest.len; i++)
		if (rest.data[i] != rest.data[0] || (rest.data[i] != 0 && rest.data[i] != 0xff))
			return err_set(err, ERR_FORMAT,
				"certificate: neither zeros nor ones behind it at offset %zu",
				first.len + i);
	*ret = first;
	return true;
}

bool cert_from_der(struct bytes der, bool padded, struct cert **ret, struct err *err)
{
	if (padded && !cut_padding(skip_nv_header(der), &der, err))
		return false;
	return cert_make(der, ret, err);
}

struct collection {
	struct cert **certs;
	size_t count, max;
};

static bool visit_block(const struct pem_block *block, void *context, struct err *err)
{
	struct collection *found = context;

	if (strcmp(block->name, PEM_STRING_X509) != 0)
		return true; /* bundles carry keys and parameters besides */
	if (found->count == found->max)
		return err_set(err, ERR_LIMIT, "more than %zu certificates", found->max);
	if (!cert_make(block->der, &found->certs[found->count], err))
		return false;
	found->count++;
	return true;
}

static bool certs_from_der(struct bytes in, struct collection *found, struct err *err)
{
	struct reader r = rd_of(in);

	while (rd_left(&r)) {
		struct pem_block block = {
			PEM_STRING_X509, "", der_element(&r, DER_SEQUENCE, "Certificate")};

		if (rd_failed(&r))
			return rd_finish(&r, err);
		if (!visit_block(&block, found, err))
			return false;
	}
	return true;
}

bool certs_from_bytes(
	struct bytes in, size_t max, struct cert **ret, size_t *ret_count, struct err *err)
{
	struct collection found = {ret, 0, max};

	if (der_looks_long(in) ? certs_from_der(in, &found, err)
			       : pem_each(in, visit_block, &found, err)) {
		*ret_count = found.count;
		return true;
	}
	err_wrap(err, "certificate %zu", found.count + 1);
	while (found.count > 0)
		cert_unref(&ret[--found.count]);
	return false;
}

bool cert_from_pem(struct bytes pem, struct cert **ret, struct err *err)
{
	OWNED(cert_unref) struct cert *made = NULL;
	struct collection found = {&made, 0, 1};

	if (!pem_each(pem, visit_block, &found, err))
		return false;
	if (!made)
		return err_set(err, ERR_FORMAT, "certificate: no PEM block of that name");
	*ret = TAKE(made);
	return true;
}

struct cert *cert_ref(struct cert *cert)
{
	if (cert)
		atomic_fetch_add_explicit(&cert->refs, 1, memory_order_relaxed);
	return cert;
}

void cert_unref(struct cert **cert)
{
	struct cert *gone = TAKE(*cert);

	if (!gone || atomic_fetch_sub_explicit(&gone->refs, 1, memory_order_acq_rel) != 1)
		return;
	X509_free(gone->x509);
	buf_release(&gone->der);
	buf_release(&gone->spki);
	free(atomic_load(&gone->client_uri));
	free(gone);
}

struct bytes cert_der(const struct cert *cert)
{
	return buf_bytes(&cert->der);
}

bool cert_pem(const struct cert *cert, struct buf *out, struct err *err)
{
	return pem_put(out, PEM_STRING_X509, cert_der(cert), err);
}

bool cert_key(const struct cert *cert, struct key **ret, struct err *err)
{
	struct key_parts parts;

	if (!spki_parse(buf_bytes(&cert->spki), true, &parts, err) ||
		!key_from_parts(&parts, ret, err))
		return err_wrap(err, "certificate");
	return true;
}

bool cert_digest(const struct cert *cert, uint8_t out[SHA256_LEN], struct err *err)
{
	return sha256_of(buf_bytes(&cert->der), out, err);
}

int64_t cert_not_before(const struct cert *cert)
{
	return cert->not_before;
}

int64_t cert_not_after(const struct cert *cert)
{
	return cert->not_after;
}

X509 *cert_x509(const struct cert *cert)
{
	return cert->x509;
}
