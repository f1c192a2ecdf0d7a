/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/crl.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>

static bool times_set(X509_CRL *crl, const struct crl_wish *wish)
{
	ASN1_TIME *last = ASN1_TIME_set(NULL, (time_t)wish->last);
	ASN1_TIME *next = ASN1_TIME_set(NULL, (time_t)wish->next);
	bool ok = last && next && X509_CRL_set1_lastUpdate(crl, last) == 1 &&
		  (wish->next == 0 || X509_CRL_set1_nextUpdate(crl, next) == 1);
	ASN1_TIME_free(last);
	ASN1_TIME_free(next);
	return ok;
}

static bool revoke(X509_CRL *crl, const struct cert *cert)
{
	X509_REVOKED *entry = X509_REVOKED_new();
	if (entry &&
		X509_REVOKED_set_serialNumber(entry, X509_get_serialNumber(cert_x509(cert))) == 1 &&
		X509_REVOKED_set_revocationDate(
			entry, (ASN1_TIME *)(uintptr_t)X509_CRL_get0_lastUpdate(crl)) == 1 &&
		X509_CRL_add0_revoked(crl, entry) == 1)
		return true;
	X509_REVOKED_free(entry);
	return false;
}

static bool extend(X509_CRL *crl, const struct crl_wish *wish)
{
	X509_EXTENSION *extension = X509V3_EXT_nconf(NULL, NULL, wish->extension, wish->value);
	bool ok = extension && X509_CRL_add_ext(crl, extension, -1) == 1;
	X509_EXTENSION_free(extension);
	return ok;
}

static bool fill(X509_CRL *crl, const struct crl_wish *wish)
{
	return X509_CRL_set_version(crl, X509_CRL_VERSION_2) == 1 &&
	       X509_CRL_set_issuer_name(crl, X509_get_subject_name(cert_x509(wish->issuer))) == 1 &&
	       times_set(crl, wish) && (!wish->revoked || revoke(crl, wish->revoked)) &&
	       (!wish->extension || extend(crl, wish)) && X509_CRL_sort(crl) == 1 &&
	       X509_CRL_sign(crl, key_evp(wish->key), EVP_sha256()) > 0;
}

bool crl_make(const struct crl_wish *wish, struct buf *out, struct err *err)
{
	X509_CRL *crl = X509_CRL_new();
	BIO *bio = BIO_new(BIO_s_mem());
	bool ok = crl && bio && fill(crl, wish) &&
		  (wish->der ? i2d_X509_CRL_bio(bio, crl) : PEM_write_bio_X509_CRL(bio, crl)) == 1;
	char *text = NULL;
	long len = ok ? BIO_get_mem_data(bio, &text) : 0;
	buf_put(out, bytes_of(text, (size_t)len));
	BIO_free(bio);
	X509_CRL_free(crl);
	return ok ? buf_ok(out, err) : err_set(err, ERR_CRYPTO, "crl_make: OpenSSL");
}
