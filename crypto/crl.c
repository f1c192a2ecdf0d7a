/* SPDX-License-Identifier: Apache-2.0 */
/* Certificate revocation lists, RFC 5280 section 5: parsed here, judged with a chain. */
#include "crypto/cert_private.h"

#include <openssl/pem.h>
#include <stdlib.h>

#include "crypto/der.h"
#include "crypto/openssl_error.h"
#include "crypto/pem.h"

struct crls *crls_new(void)
{
	struct crls *crls = calloc(1, sizeof(*crls));

	if (!crls)
		return NULL;
	crls->list = sk_X509_CRL_new_null();
	if (!crls->list)
		crls_free(&crls);
	return crls;
}

void crls_free(struct crls **crls)
{
	if (*crls) {
		sk_X509_CRL_pop_free((*crls)->list, X509_CRL_free);
		free(*crls);
	}
	*crls = NULL;
}

size_t crls_count(const struct crls *crls)
{
	return crls ? (size_t)sk_X509_CRL_num(crls->list) : 0;
}

bool crls_der(const struct crls *crls, size_t i, struct buf *out, struct err *err)
{
	unsigned char *der = NULL;
	int len = i < crls_count(crls) ? i2d_X509_CRL(sk_X509_CRL_value(crls->list, (int)i), &der)
				       : -1;

	if (len < 0)
		return err_set(err, ERR_CRYPTO, "CRL: no list %zu", i);
	buf_put(out, bytes_of(der, (size_t)len));
	OPENSSL_free(der);
	return buf_ok(out, err);
}

bool crls_of_issuer(const struct crls *crls, const X509_NAME *issuer)
{
	for (int i = 0; i < sk_X509_CRL_num(crls->list); i++)
		if (X509_NAME_cmp(X509_CRL_get_issuer(sk_X509_CRL_value(crls->list, i)), issuer) ==
			0)
			return true;
	return false;
}

/* A list that never ends, or says only what changed since another, makes "not on it" mean less than it
 * seems to. */
static bool crl_check(const X509_CRL *crl, struct err *err)
{
	if (!X509_CRL_get0_nextUpdate(crl))
		return err_set(err, ERR_FORMAT, "nextUpdate: missing");
	if (X509_CRL_get_ext_by_NID(crl, NID_delta_crl, -1) >= 0)
		return err_set(
			err, ERR_FORMAT, "deltaCRLIndicator: delta lists are not understood");
	return true;
}

static bool keep(X509_CRL *crl, struct crls *crls, struct err *err)
{
	if (!crl)
		return openssl_fail(err, ERR_FORMAT, "CRL");
	if (!crl_check(crl, err)) {
		X509_CRL_free(crl);
		return err_wrap(err, "CRL");
	}
	if (sk_X509_CRL_num(crls->list) < CRLS_MAX && sk_X509_CRL_push(crls->list, crl) > 0)
		return true;
	X509_CRL_free(crl);
	return err_set(err, ERR_LIMIT, "more than %d CRLs", CRLS_MAX);
}

static bool add_der(struct bytes in, struct crls *crls, struct err *err)
{
	const uint8_t *at = in.data, *end = in.data + in.len;

	while (at < end)
		if (!keep(d2i_X509_CRL(NULL, &at, (long)(end - at)), crls, err))
			return false;
	return true;
}

static bool visit_block(const struct pem_block *block, void *context, struct err *err)
{
	if (strcmp(block->name, PEM_STRING_X509_CRL) != 0)
		return true;
	return add_der(block->der, context, err);
}

bool crls_add(struct crls *crls, struct bytes in, struct err *err)
{
	size_t before = crls_count(crls);

	if (in.len > CRLS_BYTES_MAX)
		return err_set(
			err, ERR_LIMIT, "CRLs of %zu bytes, at most %d", in.len, CRLS_BYTES_MAX);
	if (!(der_looks_long(in) ? add_der(in, crls, err) : pem_each(in, visit_block, crls, err)))
		return false;
	/* Who gives CRLs wants them checked; a file of something else must not mean that none is.
	 */
	return crls_count(crls) > before || err_set(err, ERR_FORMAT, "CRL: none in these bytes");
}
