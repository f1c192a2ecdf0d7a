/* SPDX-License-Identifier: Apache-2.0 */
/* Time stamps of RFC 3161, as OpenSSL's authority makes them: read, and judged by pinned certificates. */
#include "crypto/timestamp.h"

#include "crypto/der.h"
#include "tests/support/sigstore_make.h"
#include "tests/support/timestamp_make.h"
#include "tests/support/unit.h"

#define MESSAGE BYTES_LIT("a signature")
#define BEGIN   1700000000
#define END     1800000000
#define WHEN    1750000000

static struct key *key, *other_key;
static struct cert *authority, *other, *for_code;
static struct buf response, edited;
static struct timestamp stamp;
static int64_t when;
static struct err err;

static void make_cert(struct key *of, const char *const (*extensions)[2], struct cert **ret)
{
	const struct sigstore_cert_recipe recipe = {.name = "authority",
		.key = of,
		.issuer_key = of,
		.extensions = extensions,
		.begin = BEGIN,
		.end = END};

	assert_ok(sigstore_make_cert(&recipe, ret, &err), err);
}

static int group_setup(void **state)
{
	(void)state;
	assert_ok(key_generate(KEY_EC_P256, &key, &err), err);
	assert_ok(key_generate(KEY_EC_P256, &other_key, &err), err);
	make_cert(key, timestamp_extensions, &authority);
	make_cert(other_key, timestamp_extensions, &other);
	make_cert(key, sigstore_leaf_extensions, &for_code);
	return 0;
}

static int group_teardown(void **state)
{
	(void)state;
	key_unref(&key);
	key_unref(&other_key);
	cert_unref(&authority);
	cert_unref(&other);
	cert_unref(&for_code);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	buf_release(&response);
	buf_release(&edited);
	return 0;
}

static void make(int64_t time)
{
	buf_clear(&response);
	assert_ok(timestamp_make(key, authority, MESSAGE, time, &response, &err), err);
}

static bool verify(struct cert *by, struct bytes message)
{
	when = 0;
	return timestamp_verify(buf_bytes(&response), message, &by, 1, &when, &err);
}

/* The bytes with one place changed: where these octets stand. */
static struct bytes edit(struct bytes from, struct bytes to)
{
	uint8_t *at;

	buf_clear(&edited);
	buf_put(&edited, buf_bytes(&response));
	at = memmem(edited.data, edited.len, from.data, from.len);
	assert_non_null(at);
	assert_int_equal(from.len, to.len);
	memcpy(at, to.data, to.len);
	return buf_bytes(&edited);
}

static void stamp__by_a_known_authority__tells_when(void **state)
{
	struct cert *const both[] = {other, authority};

	(void)state;
	make(WHEN);
	assert_ok(verify(authority, MESSAGE), err);
	assert_int_equal(when, WHEN);
	assert_ok(timestamp_verify(buf_bytes(&response), MESSAGE, both, 2, &when, &err), err);
	assert_ok(timestamp_parse(buf_bytes(&response), &stamp, &err), err);
	assert_int_equal(stamp.time, WHEN);
	assert_int_equal(stamp.imprint.len, SHA256_LEN);
	make(WHEN + 1);
	assert_ok(verify(authority, MESSAGE), err);
	assert_int_equal(when, WHEN + 1);
}

static void stamp__by_nobody_known__refused(void **state)
{
	(void)state;
	make(WHEN);
	assert_fails(verify(other, MESSAGE), err, ERR_MISMATCH,
		"time stamp: signature: does not verify with this ECDSA P-256 key");
	assert_fails(timestamp_verify(buf_bytes(&response), MESSAGE, NULL, 0, &when, &err), err,
		ERR_MISMATCH, "time stamp: no authority is known to sign any");
	assert_int_equal(when, 0);
}

static void P15__stamp_of_something_else__refused(void **state)
{
	(void)state;
	make(WHEN);
	assert_fails(verify(authority, BYTES_LIT("another signature")), err, ERR_MISMATCH,
		"time stamp: is of something else");
}

/* The time is in what was signed: changed, it is nobody's. */
static void P15__stamp_with_another_time__refused(void **state)
{
	struct cert *by = authority;

	(void)state;
	make(WHEN);
	assert_fails(timestamp_verify(edit(BYTES_LIT("20250615"), BYTES_LIT("20250616")), MESSAGE,
			     &by, 1, &when, &err),
		err, ERR_MISMATCH, "time stamp: its signature is about another statement of time");
}

static void stamp__by_a_certificate_for_something_else__refused(void **state)
{
	(void)state;
	make(WHEN);
	assert_fails(verify(for_code, MESSAGE), err, ERR_MISMATCH,
		"time stamp: its signer's certificate is not for time stamping");
}

static void stamp__outside_the_certificates_validity__refused(void **state)
{
	(void)state;
	make(BEGIN);
	assert_ok(verify(authority, MESSAGE), err);
	make(BEGIN - 1);
	assert_fails(verify(authority, MESSAGE), err, ERR_MISMATCH,
		"time stamp: its signer's certificate was not valid then");
	make(END);
	assert_fails(verify(authority, MESSAGE), err, ERR_MISMATCH,
		"time stamp: its signer's certificate was not valid then");
}

static void stamp__attributes_changed__refused(void **state)
{
	struct cert *by = authority;
	struct buf more = {0};

	(void)state;
	make(WHEN);
	assert_ok(timestamp_parse(buf_bytes(&response), &stamp, &err), err);
	buf_put(&more, stamp.message_digest);
	more.data[0] ^= 1;
	assert_fails(timestamp_verify(edit(stamp.message_digest, buf_bytes(&more)), MESSAGE, &by, 1,
			     &when, &err),
		err, ERR_MISMATCH, "time stamp: its signature is about another statement of time");
	buf_release(&more);
}

static void stamp__of_another_form__refused(void **state)
{
	static const struct {
		const char *from, *to;
		size_t len;
		enum err_code code;
		const char *why; /* its beginning */
	} cases[] = {
		{"\x30\x03\x02\x01\x00", "\x30\x03\x02\x01\x02", 5, ERR_MISMATCH,
			"time stamp: was not granted"},
		{"20250615", "2025061x", 8, ERR_FORMAT, "time stamp: genTime: not a time"},
		{"20250615", "20251315", 8, ERR_FORMAT, "time stamp: genTime: not a time"},
		{"20250615", "20250631", 8, ERR_FORMAT, "time stamp: genTime: not a time"},
		{"\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02", "\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01", 9,
			ERR_FORMAT, "time stamp: contentType: another identifier"},
		{"\x2a\x86\x48\x86\xf7\x0d\x01\x09\x03", "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x05", 9,
			ERR_FORMAT,
			"time stamp: signedAttrs: not one contentType and one messageDigest"},
		{"\x2a\x86\x48\x86\xf7\x0d\x01\x09\x04", "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x05", 9,
			ERR_FORMAT,
			"time stamp: signedAttrs: not one contentType and one messageDigest"},
		{"\x60\x86\x48\x01\x65\x03\x04\x02\x01", "\x60\x86\x48\x01\x65\x03\x04\x02\x09", 9,
			ERR_UNSUPPORTED, "time stamp: digest algorithm is not SHA-2"},
	};

	(void)state;
	make(WHEN);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct bytes in = edit(
			bytes_of(cases[i].from, cases[i].len), bytes_of(cases[i].to, cases[i].len));

		/* The first identifier of a digest is the list's, which nobody looks at. */
		if (cases[i].code == ERR_UNSUPPORTED) {
			uint8_t *last = memmem(edited.data + edited.len / 4, edited.len / 2,
				cases[i].from, cases[i].len);

			assert_non_null(last);
			memcpy(last, cases[i].to, cases[i].len);
		}
		err = (struct err){0};
		assert_false(timestamp_parse(in, &stamp, &err));
		assert_int_equal(err.code, cases[i].code);
		assert_int_equal(strncmp(err.text, cases[i].why, strlen(cases[i].why)), 0);
	}
}

/* ---- written by hand: what no authority of OpenSSL's says ---- */

#define SIGNED_DATA  "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02"
#define TST_INFO     "\x06\x0b\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x01\x04"
#define OTHER_INFO   "\x06\x0b\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x01\x05"
#define CONTENT_TYPE "\x30\x1a\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x09\x03\x31\x0d" TST_INFO
#define DIGEST       "\x30\x10\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x09\x04\x31\x03\x04\x01x"
#define SHA256       "\x30\x0b\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01"
#define VERSION_1    "\x02\x01\x01"
#define VERSION_2    "\x02\x01\x02"
#define POLICY       "\x06\x01\x2a"
#define TIME                                                                                       \
	"\x18\x0f"                                                                                 \
	"20250615120000Z"
#define PLAIN                                                                                      \
	"\xa1\x09\x30\x07\x06\x01\x2a\x04\x02"                                                     \
	"ab"
#define CRITICAL                                                                                   \
	"\xa1\x0c\x30\x0a\x06\x01\x2a\x01\x01\xff\x04\x02"                                         \
	"ab"

/* What is in the buffer becomes the content of an element. */
static void wrap(uint8_t tag)
{
	struct buf whole = {0};

	der_put(&whole, tag, buf_bytes(&edited));
	buf_release(&edited);
	edited = whole;
}

static void put_front(const char *octets, size_t len)
{
	struct buf whole = {0};

	buf_put(&whole, bytes_of(octets, len));
	buf_put(&whole, buf_bytes(&edited));
	buf_release(&edited);
	edited = whole;
}

#define FRONT(octets)  put_front(octets, sizeof(octets) - 1)
#define BEHIND(octets) buf_put(&edited, bytes_of(octets, sizeof(octets) - 1))

/* A response whose signature nobody made. */
static bool parse_made(struct bytes version, struct bytes content_type, struct bytes extensions)
{
	buf_clear(&edited);
	buf_put(&edited, version);
	BEHIND(POLICY "\x30\x10" SHA256 "\x04\x01x" VERSION_1 TIME);
	buf_put(&edited, extensions);
	wrap(DER_SEQUENCE);
	wrap(DER_OCTET_STRING);
	wrap(DER_CONTEXT_0);
	put_front((const char *)content_type.data, content_type.len);
	wrap(DER_SEQUENCE);
	FRONT(VERSION_1 "\x31\x00");
	BEHIND("\x31\x4e\x30\x4c" VERSION_1 "\x30\x00" SHA256 "\xa0\x2e" CONTENT_TYPE DIGEST
	       "\x30\x00\x04\x06signed");
	wrap(DER_SEQUENCE);
	wrap(DER_CONTEXT_0);
	FRONT(SIGNED_DATA);
	wrap(DER_SEQUENCE);
	FRONT("\x30\x03\x02\x01\x00");
	wrap(DER_SEQUENCE);
	err = (struct err){0};
	return timestamp_parse(buf_bytes(&edited), &stamp, &err);
}

static void stamp__of_another_version_or_with_a_critical_extension__refused(void **state)
{
	const struct bytes first = BYTES_LIT(VERSION_1), info = BYTES_LIT(TST_INFO), none = {0};

	(void)state;
	assert_ok(parse_made(first, info, none), err);
	assert_int_equal(stamp.time, 1749988800);
	assert_bytes(stamp.signature, BYTES_LIT("signed"));
	assert_ok(parse_made(first, info, BYTES_LIT(PLAIN)), err);
	assert_false(parse_made(first, info, BYTES_LIT(CRITICAL)));
	assert_int_equal(err.code, ERR_UNSUPPORTED);
	assert_string_equal(err.text, "time stamp: an extension is critical");
	assert_false(parse_made(BYTES_LIT(VERSION_2), info, none));
	assert_int_equal(err.code, ERR_FORMAT);
	assert_non_null(strstr(err.text, "version: not 1"));
	assert_false(parse_made(first, BYTES_LIT(OTHER_INFO), none));
	assert_int_equal(err.code, ERR_FORMAT);
	assert_non_null(strstr(err.text, "eContentType: another identifier"));
}

static void stamp__truncated_or_longer__refused(void **state)
{
	(void)state;
	make(WHEN);
	for (size_t n = 0; n < response.len; n++) {
		err = (struct err){0};
		assert_false(timestamp_parse(bytes_of(response.data, n), &stamp, &err));
		assert_int_equal(err.code, ERR_FORMAT);
	}
	buf_put_u8(&response, 0);
	assert_false(timestamp_parse(buf_bytes(&response), &stamp, &err));
	assert_int_equal(err.code, ERR_FORMAT);
}

static void P13__stamp_beyond_the_limit__refused(void **state)
{
	static const uint8_t zeros[TIMESTAMP_MAX + 1];

	(void)state;
	assert_fails(timestamp_parse(BYTES_OF(zeros), &stamp, &err), err, ERR_LIMIT,
		"time stamp: 16385 bytes, at most 16384");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_teardown(name, teardown)
		T(stamp__by_a_known_authority__tells_when),
		T(stamp__by_nobody_known__refused),
		T(P15__stamp_of_something_else__refused),
		T(P15__stamp_with_another_time__refused),
		T(stamp__by_a_certificate_for_something_else__refused),
		T(stamp__outside_the_certificates_validity__refused),
		T(stamp__attributes_changed__refused),
		T(stamp__of_another_form__refused),
		T(stamp__of_another_version_or_with_a_critical_extension__refused),
		T(stamp__truncated_or_longer__refused),
		T(P13__stamp_beyond_the_limit__refused),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
