/* SPDX-License-Identifier: Apache-2.0 */
/* The statement of a security floor: read, written, signed by a threshold of keys. */
#include "policy/security_floor.h"

#include "crypto/dsse.h"
#include "evidence/names.h"
#include "policy/release_version.h"
#include "tests/support/unit.h"

#define TEXT(...) ((char *)(uintptr_t)(__VA_ARGS__))

static struct key *anna, *bert, *carl;
static struct policy_signers signers;
static struct security_floor *floor_read_back;
static struct buf envelope, next;
static struct err err;

static int group_setup(void **state)
{
	struct key **const made[] = {&anna, &bert, &carl};
	static const char *const names[] = {"anna", "bert"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(made); i++)
		assert_ok(key_generate(KEY_EC_P256, made[i], &err), err);
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		struct buf pem = {0};

		assert_ok(key_public_pem(*made[i], &pem, &err), err);
		assert_ok(policy_signers_add(&signers, names[i], buf_bytes(&pem), &err), err);
		buf_release(&pem);
	}
	assert_ok(policy_signers_demand(&signers, 2, &err), err);
	return 0;
}

static int group_teardown(void **state)
{
	(void)state;
	policy_signers_release(&signers);
	key_unref(&anna);
	key_unref(&bert);
	key_unref(&carl);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	security_floor_free(&floor_read_back);
	buf_release(&envelope);
	buf_release(&next);
	err = (struct err){0};
	return 0;
}

static struct security_floor floor_of(const char *minimum)
{
	return (struct security_floor){.trust_domain = TEXT("bank.example"),
		.workload = TEXT("ocr-agent"),
		.minimum = TEXT(minimum),
		.reason = TEXT("CVE-2026-1"),
		.sequence = 7,
		.issued = 1800000000};
}

static void sign_too(struct key *key)
{
	buf_clear(&next);
	assert_ok(security_floor_sign_too(buf_bytes(&envelope), key, &next, &err), err);
	buf_clear(&envelope);
	buf_put(&envelope, buf_bytes(&next));
}

/* Signed by the keys up to the first NULL. */
static void sign(struct key *first, ...)
{
	struct security_floor floor = floor_of("1.4.1");
	va_list more;
	struct key *key;

	buf_clear(&envelope);
	assert_ok(security_floor_sign(&floor, first, &envelope, &err), err);
	va_start(more, first);
	while ((key = va_arg(more, struct key *)))
		sign_too(key);
	va_end(more);
}

static bool verify(uint64_t *ret)
{
	security_floor_free(&floor_read_back);
	return security_floor_verify(buf_bytes(&envelope), &signers, &floor_read_back, ret, &err);
}

static void floor__written__read_back_the_same(void **state)
{
	static const char *const minimums[] = {"1.4.1", "2", NULL};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(minimums); i++) {
		struct security_floor floor = floor_of(minimums[i]);
		uint8_t digest[SHA256_LEN];

		buf_clear(&next);
		assert_ok(security_floor_write(&floor, &next, &err), err);
		assert_ok(security_floor_parse(buf_bytes(&next), &floor_read_back, &err), err);
		assert_string_equal(floor_read_back->trust_domain, "bank.example");
		assert_string_equal(floor_read_back->workload, "ocr-agent");
		assert_string_equal(floor_read_back->reason, "CVE-2026-1");
		assert_int_equal(floor_read_back->sequence, 7);
		assert_int_equal(floor_read_back->issued, 1800000000);
		assert_int_equal(floor_read_back->minimum != NULL, minimums[i] != NULL);
		if (minimums[i])
			assert_string_equal(floor_read_back->minimum, minimums[i]);
		assert_ok(sha256_of(buf_bytes(&next), digest, &err), err);
		assert_memory_equal(floor_read_back->digest, digest, SHA256_LEN);
		security_floor_free(&floor_read_back);
	}
}

static void floor__bad_payload__refused_by_name(void **state)
{
#define HEAD "{\"type\":\"assay/security-floor/1\",\"trust_domain\":\"d\","
#define TAIL ",\"reason\":\"r\",\"issued\":\"2026-11-22T23:21:38Z\"}"
	static const struct {
		const char *text, *why;
	} cases[] = {
		{"", "security floor: "},
		{"[]", "security floor: "},
		{"{\"type\":\"assay/security-floor/2\",\"trust_domain\":\"d\",\"workload\":\"w\","
		 "\"sequence\":1" TAIL,
			"security floor: type: not assay/security-floor/1"},
		{HEAD "\"workload\":\"*\",\"sequence\":1" TAIL, "workload: not a name"},
		{HEAD "\"workload\":\"w*\",\"sequence\":1" TAIL, "workload: not a name"},
		{HEAD "\"sequence\":1" TAIL, "workload: missing"},
		{HEAD "\"workload\":\"w\",\"sequence\":0" TAIL, "sequence"},
		{HEAD "\"workload\":\"w\",\"sequence\":-1" TAIL, "sequence"},
		{HEAD "\"workload\":\"w\",\"sequence\":9007199254740992" TAIL, "sequence"},
		{HEAD "\"workload\":\"w\",\"sequence\":\"1\"" TAIL, "sequence"},
		{HEAD "\"workload\":\"w\"" TAIL, "sequence"},
		{HEAD "\"workload\":\"w\",\"sequence\":1,\"minimum\":\"v1\"" TAIL,
			"minimum: not a version that has an order"},
		{HEAD "\"workload\":\"w\",\"sequence\":1,\"minimum\":\"\"" TAIL, "minimum"},
		{HEAD "\"workload\":\"w\",\"sequence\":1,\"sequence\":2" TAIL, "security floor: "},
		{HEAD "\"workload\":\"w\",\"sequence\":1,\"also\":2" TAIL, "also"},
		{HEAD "\"workload\":\"w\",\"sequence\":1,\"reason\":\"r\"}", "issued"},
		{HEAD "\"workload\":\"w\",\"sequence\":1,\"reason\":\"r\",\"issued\":\"now\"}",
			"security floor: issued: not a time (2026-11-22T23:21:38Z)"},
		{HEAD "\"workload\":\"w\",\"sequence\":1,\"reason\":\"r\","
		      "\"issued\":\"2026-11-22T23:21:38.00000000000Z\"}",
			"security floor: issued: not a time (2026-11-22T23:21:38Z)"},
		{HEAD "\"workload\":\"w\",\"sequence\":1,\"reason\":\"r\","
		      "\"issued\":\"2026-11-22T23:21:38.000000000000Z\"}",
			"security floor: issued: too long"},
		{"{\"type\":\"01234567890123456789012345678901234567890123456789012345678901234\"}",
			"security floor: type: too long"},
		{HEAD "\"workload\":\"w\",\"sequence\":1,\"issued\":\"2026-11-22T23:21:38Z\"}",
			"reason: missing"},
		{"{\"type\":\"assay/security-floor/1\",\"workload\":\"w\",\"sequence\":1" TAIL,
			"trust_domain: missing"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_false(
			security_floor_parse(bytes_str(cases[i].text), &floor_read_back, &err));
		if (!strstr(err.text, cases[i].why))
			fail_msg("case %zu: %s", i, err.text);
	}
}

static void floor__written__canonical(void **state)
{
	struct security_floor floor = floor_of("1.4.1");

	(void)state;
	assert_ok(security_floor_write(&floor, &next, &err), err);
	assert_string_equal(buf_str(&next),
		"{\"issued\":\"2027-01-15T08:00:00Z\",\"minimum\":\"1.4.1\",\"reason\":"
		"\"CVE-2026-1\",\"sequence\":7,\"trust_domain\":\"bank.example\",\"type\":"
		"\"assay/security-floor/1\",\"workload\":\"ocr-agent\"}");
}

/* One text after the other: at its limit, and one byte over it. */
static void floor__each_text__as_long_as_its_limit(void **state)
{
	static char text[4096];
	struct security_floor floor = floor_of("1.4.1");
	const struct {
		char **member;
		size_t max;
		const char *why;
	} cases[] = {
		{&floor.trust_domain, 255, "security floor: trust_domain: too long"},
		{&floor.workload, 64, "security floor: workload: too long"},
		{&floor.minimum, RELEASE_VERSION_MAX, "security floor: minimum: too long"},
		{&floor.reason, 2048, "security floor: reason: too long"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char *before = *cases[i].member;

		memset(text, '1', cases[i].max);
		text[cases[i].max] = '\0';
		*cases[i].member = text;
		buf_clear(&next);
		assert_ok(security_floor_write(&floor, &next, &err), err);
		text[cases[i].max] = '1';
		text[cases[i].max + 1] = '\0';
		buf_clear(&next);
		assert_fails(
			security_floor_write(&floor, &next, &err), err, ERR_FORMAT, cases[i].why);
		*cases[i].member = TEXT("\xff");
		assert_fails(security_floor_write(&floor, &next, &err), err, ERR_NOMEM,
			"security floor: no memory, or text that is not UTF-8");
		*cases[i].member = before;
	}
}

/* The payload and the envelope: so many bytes, and not one more. */
static void floor__sizes__at_their_limits(void **state)
{
	struct security_floor floor = floor_of("1.4.1");
	uint64_t mask = 0;

	(void)state;
	assert_ok(security_floor_write(&floor, &next, &err), err);
	while (next.len < (64u << 10))
		buf_put_str(&next, " ");
	assert_ok(security_floor_parse(buf_bytes(&next), &floor_read_back, &err), err);
	buf_put_str(&next, " ");
	security_floor_free(&floor_read_back);
	assert_fails(security_floor_parse(buf_bytes(&next), &floor_read_back, &err), err, ERR_LIMIT,
		"security floor: JSON: 65537 bytes, more than 65536");
	sign(anna, bert, NULL);
	while (envelope.len < SECURITY_FLOOR_ENVELOPE_MAX)
		buf_put_str(&envelope, " ");
	assert_ok(verify(&mask), err);
	assert_int_equal(mask, 3);
}

static void floor__that_could_not_be_read_back__not_written(void **state)
{
	struct security_floor floor = floor_of("newest");

	(void)state;
	assert_false(security_floor_write(&floor, &next, &err));
	floor = floor_of("1");
	floor.sequence = 0;
	assert_false(security_floor_sign(&floor, anna, &next, &err));
	assert_int_equal(next.len, 0);
}

static void verify__enough_of_the_signers__holds(void **state)
{
	uint64_t mask = 0;

	(void)state;
	sign(anna, bert, NULL);
	assert_ok(verify(&mask), err);
	assert_int_equal(mask, 3);
	assert_string_equal(floor_read_back->minimum, "1.4.1");
}

static void P6__security_floor_below_the_threshold__refused(void **state)
{
	uint64_t mask = 9;

	(void)state;
	sign(anna, NULL);
	assert_fails(verify(&mask), err, ERR_DENIED,
		"security floor: signature: 1 of the keys that count signed: anna; 2 must");
	assert_int_equal(mask, 0);
	assert_null(floor_read_back);
	sign(anna, carl, NULL);
	assert_fails(verify(&mask), err, ERR_DENIED,
		"security floor: signature: 1 of the keys that count signed: anna; 2 must");
	sign(carl, NULL);
	assert_fails(verify(&mask), err, ERR_DENIED,
		"security floor: signature: 0 of the keys that count signed; 2 must");
}

static void P5__security_floor_signed_twice_by_one_key__counts_once(void **state)
{
	uint64_t mask = 0;

	(void)state;
	sign(anna, NULL);
	assert_fails(security_floor_sign_too(buf_bytes(&envelope), anna, &next, &err), err,
		ERR_CONFLICT, "this key has signed it already");
	buf_clear(&next);
	assert_ok(dsse_add_signature(buf_bytes(&envelope), anna, &next, &err), err);
	buf_clear(&envelope);
	buf_put(&envelope, buf_bytes(&next));
	assert_false(verify(&mask));
	assert_int_equal(err.code, ERR_DENIED);
}

static void P1__security_floor_under_another_payload_type__refused(void **state)
{
	struct security_floor floor = floor_of("1.4.1");
	uint64_t mask = 0;

	(void)state;
	assert_ok(security_floor_write(&floor, &next, &err), err);
	assert_ok(dsse_sign(MEDIA_POLICY, buf_bytes(&next), anna, &envelope, &err), err);
	assert_fails(verify(&mask), err, ERR_FORMAT,
		"security floor: payload type application/vnd.assay.policy+yaml: expected "
		"application/vnd.assay.security-floor+json");
	assert_false(security_floor_open(buf_bytes(&envelope), &floor_read_back, &err));
	assert_false(security_floor_sign_too(buf_bytes(&envelope), bert, &next, &err));
}

static void verify__junk_and_too_much__refused(void **state)
{
	uint64_t mask = 0;

	(void)state;
	assert_ok(dsse_sign(MEDIA_SECURITY_FLOOR, BYTES_LIT("{}"), anna, &envelope, &err), err);
	assert_false(verify(&mask));
	assert_int_equal(err.code, ERR_FORMAT);
	buf_clear(&envelope);
	buf_put_str(&envelope, "{}");
	assert_false(verify(&mask));
	assert_int_equal(err.code, ERR_FORMAT);
	buf_clear(&envelope);
	for (size_t i = 0; i <= SECURITY_FLOOR_ENVELOPE_MAX; i++)
		buf_put_str(&envelope, " ");
	assert_fails(
		verify(&mask), err, ERR_LIMIT, "security floor: 131073 bytes: more than 131072");
}

static void open__unsigned_enough__read_all_the_same(void **state)
{
	(void)state;
	sign(carl, NULL);
	assert_ok(security_floor_open(buf_bytes(&envelope), &floor_read_back, &err), err);
	assert_int_equal(floor_read_back->sequence, 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_teardown(name, teardown)
		T(floor__written__read_back_the_same),
		T(floor__bad_payload__refused_by_name),
		T(floor__written__canonical),
		T(floor__each_text__as_long_as_its_limit),
		T(floor__sizes__at_their_limits),
		T(floor__that_could_not_be_read_back__not_written),
		T(verify__enough_of_the_signers__holds),
		T(P6__security_floor_below_the_threshold__refused),
		T(P5__security_floor_signed_twice_by_one_key__counts_once),
		T(P1__security_floor_under_another_payload_type__refused),
		T(verify__junk_and_too_much__refused),
		T(open__unsigned_enough__read_all_the_same),
#undef T
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
