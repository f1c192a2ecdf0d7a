/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/timestamp.h"

#include <string.h>
#include <time.h>

#include "crypto/der.h"

#define DER_BOOLEAN          0x01
#define DER_GENERALIZED_TIME 0x18
#define DER_KEY_ID           0x80
#define STATUS_GRANTED       0
#define STATUS_WITH_MODS     1
#define OID_TIME_STAMPING    "1.3.6.1.5.5.7.3.8"

static const struct bytes oid_signed_data = BYTES_LIT("\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02");
static const struct bytes oid_tst_info = BYTES_LIT("\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x01\x04");
static const struct bytes oid_content_type = BYTES_LIT("\x2a\x86\x48\x86\xf7\x0d\x01\x09\x03");
static const struct bytes oid_message_digest = BYTES_LIT("\x2a\x86\x48\x86\xf7\x0d\x01\x09\x04");

/* An element that may be there. */
static bool skip(struct reader *r, uint8_t tag, const char *field)
{
	if (der_peek(r) != tag)
		return false;
	(void)der_value(r, tag, field);
	return true;
}

/* ---- TSTInfo ---- */

static int two_digits(const uint8_t *at)
{
	return (at[0] - '0') * 10 + (at[1] - '0');
}

/* YYYYMMDDhhmmss[.f]Z */
static int64_t read_time(struct reader *r)
{
	struct bytes text = der_value(r, DER_GENERALIZED_TIME, "genTime");
	struct tm tm = {0}, back;
	time_t seconds;

	if (rd_failed(r))
		return 0;
	for (size_t i = 0; i < text.len; i++)
		if (i == 14 ? text.data[i] != '.' && text.data[i] != 'Z'
			    : i + 1 != text.len && (text.data[i] < '0' || text.data[i] > '9'))
			rd_fail(r, "genTime", "not a time");
	if (text.len < 15 || text.len == 16 || text.data[text.len - 1] != 'Z')
		rd_fail(r, "genTime", "not a time");
	if (rd_failed(r))
		return 0;
	tm.tm_year = two_digits(text.data) * 100 + two_digits(text.data + 2) - 1900;
	tm.tm_mon = two_digits(text.data + 4) - 1;
	tm.tm_mday = two_digits(text.data + 6);
	tm.tm_hour = two_digits(text.data + 8);
	tm.tm_min = two_digits(text.data + 10);
	tm.tm_sec = two_digits(text.data + 12);
	back = tm;
	seconds = timegm(&back);
	/* timegm carries what is out of range. */
	if (back.tm_mon != tm.tm_mon || back.tm_mday != tm.tm_mday || back.tm_hour != tm.tm_hour ||
		back.tm_min != tm.tm_min || back.tm_sec != tm.tm_sec || seconds <= 0)
		rd_fail(r, "genTime", "not a time");
	return seconds;
}

/* None that is critical is understood. */
static bool has_critical(struct reader *info)
{
	struct reader list = der_enter(info, DER_CONTEXT_1, "extensions");
	bool critical = false;

	while (!rd_failed(&list) && rd_left(&list)) {
		struct reader one = der_enter(&list, DER_SEQUENCE, "extension");

		(void)der_value(&one, DER_OID, "extension");
		critical |= skip(&one, DER_BOOLEAN, "extension");
		(void)der_value(&one, DER_OCTET_STRING, "extension");
		rd_sub_finish(&list, &one, "extension");
	}
	rd_sub_finish(info, &list, "extensions");
	return critical;
}

static bool read_info(struct bytes der, struct timestamp *ret, bool *ret_critical, struct err *err)
{
	struct reader r = rd_of(der), info = der_enter(&r, DER_SEQUENCE, "TSTInfo"), imprint;
	struct bytes version = der_unsigned(&info, "version");

	if (!rd_failed(&info) && !bytes_equal(version, BYTES_LIT("\x01")))
		rd_fail(&info, "version", "not 1");
	(void)der_value(&info, DER_OID, "policy");
	imprint = der_enter(&info, DER_SEQUENCE, "messageImprint");
	ret->imprint_alg = der_digest_alg(&imprint, "messageImprint");
	ret->imprint = der_value(&imprint, DER_OCTET_STRING, "messageImprint");
	rd_sub_finish(&info, &imprint, "messageImprint");
	(void)der_value(&info, DER_INTEGER, "serialNumber");
	ret->time = read_time(&info);
	(void)skip(&info, DER_SEQUENCE, "accuracy");
	(void)skip(&info, DER_BOOLEAN, "ordering");
	(void)skip(&info, DER_INTEGER, "nonce");
	(void)skip(&info, DER_CONTEXT_0, "tsa");
	if (der_peek(&info) == DER_CONTEXT_1)
		*ret_critical = has_critical(&info);
	rd_sub_finish(&r, &info, "TSTInfo");
	return rd_finish(&r, err);
}

/* ---- CMS ---- */

/* contentType and messageDigest, each once and with one value; others are not looked at. */
static void read_attributes(struct reader *signer, struct timestamp *ret)
{
	struct reader list = der_enter(signer, DER_CONTEXT_0, "signedAttrs");
	unsigned types = 0, message_digests = 0;

	ret->attributes = list.in;
	while (!rd_failed(&list) && rd_left(&list)) {
		struct reader one = der_enter(&list, DER_SEQUENCE, "attribute"), values;
		struct bytes oid = der_value(&one, DER_OID, "attribute");

		values = der_enter(&one, DER_SET, "attribute");
		if (bytes_equal(oid, oid_content_type)) {
			types++;
			der_expect_oid(&values, oid_tst_info, "contentType");
		} else if (bytes_equal(oid, oid_message_digest)) {
			message_digests++;
			ret->message_digest = der_value(&values, DER_OCTET_STRING, "messageDigest");
		} else {
			(void)rd_bytes(&values, rd_left(&values), "attribute");
		}
		rd_sub_finish(&one, &values, "attribute");
		rd_sub_finish(&list, &one, "attribute");
	}
	if (!rd_failed(&list) && (types != 1 || message_digests != 1))
		rd_fail(&list, "signedAttrs", "not one contentType and one messageDigest");
	rd_sub_finish(signer, &list, "signedAttrs");
}

static void read_signer(struct reader *r, struct timestamp *ret)
{
	struct reader signer = der_enter(r, DER_SEQUENCE, "signerInfo");

	(void)der_unsigned(&signer, "signerInfo version");
	if (!skip(&signer, DER_KEY_ID, "sid"))
		(void)der_value(&signer, DER_SEQUENCE, "sid");
	ret->alg = der_digest_alg(&signer, "digestAlgorithm");
	read_attributes(&signer, ret);
	(void)der_value(&signer, DER_SEQUENCE, "signatureAlgorithm");
	ret->signature = der_value(&signer, DER_OCTET_STRING, "signature");
	(void)skip(&signer, DER_CONTEXT_1, "unsignedAttrs");
	rd_sub_finish(r, &signer, "signerInfo");
}

static void read_content(struct reader *data, struct timestamp *ret)
{
	struct reader content = der_enter(data, DER_SEQUENCE, "encapContentInfo"), inner;

	der_expect_oid(&content, oid_tst_info, "eContentType");
	inner = der_enter(&content, DER_CONTEXT_0, "eContent");
	ret->info = der_value(&inner, DER_OCTET_STRING, "eContent");
	rd_sub_finish(&content, &inner, "eContent");
	rd_sub_finish(data, &content, "encapContentInfo");
}

static void read_token(struct reader *r, struct timestamp *ret)
{
	struct reader token = der_enter(r, DER_SEQUENCE, "timeStampToken"), explicit, data, signers;

	der_expect_oid(&token, oid_signed_data, "contentType");
	explicit = der_enter(&token, DER_CONTEXT_0, "content");
	data = der_enter(&explicit, DER_SEQUENCE, "signedData");
	(void)der_unsigned(&data, "version");
	(void)der_value(&data, DER_SET, "digestAlgorithms");
	read_content(&data, ret);
	(void)skip(&data, DER_CONTEXT_0, "certificates");
	(void)skip(&data, DER_CONTEXT_1, "crls");
	signers = der_enter(&data, DER_SET, "signerInfos");
	read_signer(&signers, ret);
	rd_sub_finish(&data, &signers, "signerInfos");
	rd_sub_finish(&explicit, &data, "signedData");
	rd_sub_finish(&token, &explicit, "content");
	rd_sub_finish(r, &token, "timeStampToken");
}

bool timestamp_parse(struct bytes der, struct timestamp *ret, struct err *err)
{
	struct reader r = rd_of(der), outer, status;
	struct timestamp made = {0};
	struct bytes granted;
	bool critical = false, refused;

	if (der.len > TIMESTAMP_MAX)
		return err_set(err, ERR_LIMIT, "time stamp: %zu bytes, at most %d", der.len,
			TIMESTAMP_MAX);
	outer = der_enter(&r, DER_SEQUENCE, "TimeStampResp");
	status = der_enter(&outer, DER_SEQUENCE, "PKIStatusInfo");
	granted = der_value(&status, DER_INTEGER, "status");
	refused = granted.len != 1 || granted.data[0] > STATUS_WITH_MODS;
	if (!rd_failed(&status) && refused)
		return err_set(err, ERR_MISMATCH, "time stamp: was not granted");
	(void)rd_bytes(&status, rd_left(&status), "statusString");
	rd_sub_finish(&outer, &status, "PKIStatusInfo");
	read_token(&outer, &made);
	rd_sub_finish(&r, &outer, "TimeStampResp");
	if (!rd_finish(&r, err) || !read_info(made.info, &made, &critical, err))
		return err_wrap(err, "time stamp");
	if (made.alg == DIGEST_NONE || made.imprint_alg == DIGEST_NONE)
		return err_set(err, ERR_UNSUPPORTED, "time stamp: digest algorithm is not SHA-2");
	if (critical)
		return err_set(err, ERR_UNSUPPORTED, "time stamp: an extension is critical");
	*ret = made;
	return true;
}

/* ---- judging ---- */

static bool digest_is(
	enum digest_alg alg, struct bytes of, struct bytes wanted, const char *why, struct err *err)
{
	struct digest found;

	if (!digest_of(alg, of, &found, err))
		return false;
	return bytes_equal(digest_bytes(&found), wanted) ||
	       err_set(err, ERR_MISMATCH, "time stamp: %s", why);
}

static bool signed_by(const struct timestamp *stamp, struct bytes attributes,
	const struct cert *authority, struct err *err)
{
	OWNED(key_unref) struct key *key = NULL;
	bool for_stamps;

	if (!cert_key(authority, &key, err) ||
		!key_verify(key, key_default_scheme(key),
			key_type_of(key) == KEY_ED25519 ? DIGEST_NONE : stamp->alg, attributes,
			stamp->signature, err))
		return err_wrap(err, "time stamp");
	/* Asked for at once: whatever is verified next forgets that memory ran out. */
	cert_looks_begin();
	for_stamps = cert_has_eku(authority, OID_TIME_STAMPING);
	if (!cert_looks_whole(err))
		return false;
	if (!for_stamps)
		return err_set(err, ERR_MISMATCH,
			"time stamp: its signer's certificate is not for time stamping");
	return (stamp->time >= cert_not_before(authority) &&
		       stamp->time < cert_not_after(authority)) ||
	       err_set(err, ERR_MISMATCH,
		       "time stamp: its signer's certificate was not valid then");
}

bool timestamp_verify(struct bytes der, struct bytes message, struct cert *const *authorities,
	size_t count, int64_t *ret_time, struct err *err)
{
	OWNED(buf_release) struct buf attributes = {0};
	struct timestamp stamp;
	struct err why = {
		.code = ERR_MISMATCH, .text = "time stamp: no authority is known to sign any"};

	if (!timestamp_parse(der, &stamp, err) ||
		!digest_is(
			stamp.imprint_alg, message, stamp.imprint, "is of something else", err) ||
		!digest_is(stamp.alg, stamp.info, stamp.message_digest,
			"its signature is about another statement of time", err))
		return false;
	der_put(&attributes, DER_SET, stamp.attributes);
	if (!buf_ok(&attributes, err))
		return false;
	for (size_t i = 0; i < count; i++) {
		why = (struct err){0};
		if (signed_by(&stamp, buf_bytes(&attributes), authorities[i], &why)) {
			*ret_time = stamp.time;
			return true;
		}
		if (why.code == ERR_NOMEM || why.code == ERR_CRYPTO)
			break;
	}
	return err_set(err, why.code, "%s", why.text);
}
