/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/sct.h"

#include "crypto/cert_private.h"
#include "crypto/der.h"
#include "crypto/openssl_error.h"

#include <openssl/x509v3.h>

#define OID_SCT_LIST "1.3.6.1.4.1.11129.2.4.2"

enum {
	VERSION_1 = 0,
	LOG_ID_LEN = 32,
	HASH_SHA256 = 4, /* RFC 5246, section 7.4.1.4.1 */
	SIGNATURE_RSA = 1,
	SIGNATURE_ECDSA = 3,
	TYPE_CERTIFICATE_TIMESTAMP = 0,
	ENTRY_PRECERT = 1,
	TBS_MAX = 0xffffff,
};

/* False: of another version, and only then left unread. */
static bool read_sct(struct reader *r, struct sct *ret)
{
	if (rd_u8(r, "version") != VERSION_1) {
		(void)rd_bytes(r, rd_left(r), "version");
		return false;
	}
	ret->log_id = rd_bytes(r, LOG_ID_LEN, "id");
	ret->timestamp = rd_be64(r, "timestamp");
	ret->extensions = rd_bytes(r, rd_be16(r, "extensions"), "extensions");
	ret->hash = rd_u8(r, "hash");
	ret->algorithm = rd_u8(r, "algorithm");
	ret->signature = rd_bytes(r, rd_be16(r, "signature"), "signature");
	return true;
}

bool sct_list_parse(
	struct bytes list, size_t max, struct sct *ret, size_t *ret_count, struct err *err)
{
	struct reader r = rd_of(list);
	struct reader all = rd_sub(&r, rd_be16(&r, "sct_list"), "sct_list");
	size_t n = 0;

	while (rd_left(&all) && !rd_failed(&all)) {
		struct reader one = rd_sub(&all, rd_be16(&all, "sct"), "sct");
		struct sct sct = {0};
		bool known = read_sct(&one, &sct);

		rd_sub_finish(&all, &one, "sct");
		if (rd_failed(&all) || !known)
			continue;
		if (n == max)
			rd_fail(&all, "sct_list", "too many");
		else
			ret[n++] = sct;
	}
	rd_sub_finish(&r, &all, "sct_list");
	if (!rd_finish(&r, err))
		return err_wrap(err, "certificate timestamps");
	*ret_count = n;
	return true;
}

static void x509_free(X509 **x509)
{
	X509_free(*x509);
}

/* What was to be issued: the certificate's body without the list. */
static bool put_precert(const struct cert *leaf, struct buf *out, struct err *err)
{
	OWNED(x509_free) X509 *copy = X509_dup(leaf->x509);
	int at = copy ? X509_get_ext_by_NID(copy, NID_ct_precert_scts, -1) : -1;
	uint8_t *tbs = NULL;
	int len;

	if (at >= 0)
		X509_EXTENSION_free(X509_delete_ext(copy, at));
	len = at >= 0 ? i2d_re_X509_tbs(copy, &tbs) : -1;
	if (len < 0 || len > TBS_MAX) {
		OPENSSL_free(tbs);
		return openssl_fail(err, ERR_NOMEM, "certificate timestamps");
	}
	buf_put_u8(out, (uint8_t)(len >> 16));
	buf_put_u8(out, (uint8_t)(len >> 8));
	buf_put_u8(out, (uint8_t)len);
	buf_put(out, bytes_of(tbs, (size_t)len));
	OPENSSL_free(tbs);
	return buf_ok(out, err);
}

static void put_be(struct buf *out, uint64_t value, unsigned octets)
{
	while (octets--)
		buf_put_u8(out, (uint8_t)(value >> 8 * octets));
}

/* digitally-signed struct of RFC 6962, section 3.2. */
static bool put_signed(const struct sct *sct, const struct cert *issuer, struct bytes precert,
	struct buf *out, struct err *err)
{
	uint8_t issuer_key[SHA256_LEN];

	if (!sha256_of(buf_bytes(&issuer->spki), issuer_key, err))
		return false;
	buf_put_u8(out, VERSION_1);
	buf_put_u8(out, TYPE_CERTIFICATE_TIMESTAMP);
	put_be(out, sct->timestamp, 8);
	put_be(out, ENTRY_PRECERT, 2);
	buf_put(out, BYTES_OF(issuer_key));
	buf_put(out, precert);
	put_be(out, sct->extensions.len, 2);
	buf_put(out, sct->extensions);
	return buf_ok(out, err);
}

static const struct key *log_of(const struct sct *sct, struct key *const *logs, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (bytes_equal(sct->log_id, bytes_of(key_id(logs[i]), SHA256_LEN)))
			return logs[i];
	return NULL;
}

static bool read_list(
	const struct cert *leaf, struct sct scts[SCT_MAX], size_t *ret_count, struct err *err)
{
	struct bytes extension, list;
	struct reader r;

	if (!cert_extension(leaf, OID_SCT_LIST, &extension))
		return err_set(err, ERR_MISMATCH, "certificate timestamps: there are none");
	r = rd_of(extension);
	list = der_value(&r, DER_OCTET_STRING, "extension");
	if (!rd_finish(&r, err))
		return err_wrap(err, "certificate timestamps");
	return sct_list_parse(list, SCT_MAX, scts, ret_count, err);
}

static bool verify(const struct sct *sct, const struct cert *issuer, struct bytes precert,
	const struct key *log, int64_t now, struct err *err)
{
	OWNED(buf_release) struct buf text = {0};
	bool rsa = key_type_of(log) == KEY_RSA;

	if (sct->hash != HASH_SHA256 || sct->algorithm != (rsa ? SIGNATURE_RSA : SIGNATURE_ECDSA))
		return err_set(err, ERR_MISMATCH, "hash %u and algorithm %u do not go with the log",
			sct->hash, sct->algorithm);
	if (sct->timestamp / 1000 > (uint64_t)now)
		return err_set(err, ERR_MISMATCH, "from the future");
	return put_signed(sct, issuer, precert, &text, err) &&
	       key_verify(log, key_default_scheme(log), DIGEST_SHA256, buf_bytes(&text),
		       sct->signature, err);
}

bool sct_check(const struct cert *leaf, const struct cert *issuer, struct key *const *logs,
	size_t log_count, int64_t now, struct err *err)
{
	OWNED(buf_release) struct buf precert = {0};
	struct err why = {.code = ERR_MISMATCH, .text = "none by a log that is pinned"};
	struct sct scts[SCT_MAX];
	size_t n = 0;

	if (!read_list(leaf, scts, &n, err) || !put_precert(leaf, &precert, err))
		return false;
	for (size_t i = 0; i < n; i++) {
		const struct key *log = log_of(&scts[i], logs, log_count);

		if (!log)
			continue;
		if (verify(&scts[i], issuer, buf_bytes(&precert), log, now, &why))
			return true;
		if (why.code == ERR_NOMEM)
			break;
	}
	return err_set(err, why.code, "certificate timestamps: %s", why.text);
}
