/* SPDX-License-Identifier: Apache-2.0 */
#include "evidence/evidence.h"

#include "base/cbor.h"
#include "parse_check.h"

static const uint8_t SPKI[] = {0x30, 0x03, 0x02, 0x01, 0x00};
static struct buf out, again;

static int teardown(void **state)
{
	(void)state;
	buf_release(&out);
	buf_release(&again);
	return 0;
}

static struct claims launch(void)
{
	struct claims c = {
		.nonce = {1},
		.verifier_id = BYTES_LIT("verifier.example"),
		.purpose = PURPOSE_LAUNCH,
		.host_id = {2},
		.instance = {3},
		.workload = BYTES_LIT("ocr-agent"),
		.release = {4},
		.key = BYTES_OF(SPKI),
		.key_protection = KEY_TPM,
		.runtime_first = 2,
		.runtime_next = 300,
		.runtime_digest = {5},
		.runtime_length = 7000,
		.firmware_digest = {6},
		.firmware_length = 70000,
		.ima_start = 9,
		.boot_id = {7},
		.exporter = {8},
		.want_x509 = true,
		.audience_count = 2,
		.audiences = {BYTES_LIT("https://a.example"), BYTES_LIT("b")},
		.running = true,
	};
	return c;
}

static struct claims enrolment(void)
{
	struct claims c = launch();

	c.purpose = PURPOSE_ENROLL;
	c.workload = (struct bytes){0};
	memset(c.instance, 0, sizeof(c.instance));
	memset(c.release, 0, sizeof(c.release));
	c.audience_count = 0;
	return c;
}

static bool parse(struct bytes in, struct err *err)
{
	struct claims c;

	return claims_decode(in, &c, err);
}

static struct bytes encoded(const struct claims *c)
{
	struct err err = {0};

	buf_clear(&out);
	assert_ok(claims_encode(c, &out, &err), err);
	return buf_bytes(&out);
}

static void claims__launch__every_field_returns(void **state)
{
	struct claims wanted = launch(), c;
	struct err err = {0};

	(void)state;
	assert_ok(claims_decode(encoded(&wanted), &c, &err), err);
	assert_memory_equal(c.nonce, wanted.nonce, sizeof(c.nonce));
	assert_bytes(c.verifier_id, wanted.verifier_id);
	assert_int_equal(c.purpose, PURPOSE_LAUNCH);
	assert_memory_equal(c.host_id, wanted.host_id, sizeof(c.host_id));
	assert_memory_equal(c.instance, wanted.instance, sizeof(c.instance));
	assert_bytes(c.workload, wanted.workload);
	assert_memory_equal(c.release, wanted.release, sizeof(c.release));
	assert_bytes(c.key, wanted.key);
	assert_int_equal(c.key_protection, KEY_TPM);
	assert_true(c.runtime_first == 2 && c.runtime_next == 300 && c.runtime_length == 7000);
	assert_memory_equal(c.runtime_digest, wanted.runtime_digest, sizeof(c.runtime_digest));
	assert_memory_equal(c.firmware_digest, wanted.firmware_digest, sizeof(c.firmware_digest));
	assert_true(c.firmware_length == 70000 && c.ima_start == 9);
	assert_memory_equal(c.boot_id, wanted.boot_id, sizeof(c.boot_id));
	assert_memory_equal(c.exporter, wanted.exporter, sizeof(c.exporter));
	assert_true(c.want_x509 && c.running);
	assert_int_equal(c.audience_count, 2);
	assert_bytes(c.audiences[0], wanted.audiences[0]);
	assert_bytes(c.audiences[1], wanted.audiences[1]);
}

static void claims__encode_of_decode__same_bytes(void **state)
{
	const struct claims all[] = {launch(), enrolment()};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		struct claims c;
		struct err err = {0};

		assert_ok(claims_decode(encoded(&all[i]), &c, &err), err);
		buf_clear(&again);
		assert_ok(claims_encode(&c, &again, &err), err);
		assert_bytes(buf_bytes(&again), buf_bytes(&out));
	}
}

static void claims__prefixes_and_more__refused(void **state)
{
	const struct claims all[] = {launch(), enrolment()};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		assert_exact_length(parse, encoded(&all[i]));
		parse_all_changes(parse, encoded(&all[i]));
	}
}

/* Fields that do not fit each other: the encoder makes nothing that the decoder would refuse. */
static void claims__inconsistent__refused_by_name(void **state)
{
	static const char control[] = "a\nb";
	struct claims c;
	struct err err;
	char long_text[257] = {0};

#define REFUSED(from, change, wanted_code, wanted)                                                 \
	c = from();                                                                                \
	change;                                                                                    \
	err = (struct err){0};                                                                     \
	assert_false(claims_encode(&c, &out, &err));                                               \
	assert_int_equal(err.code, wanted_code);                                                   \
	if (!strstr(err.text, wanted))                                                             \
		fail_msg("\"%s\" lacks \"%s\"", err.text, wanted);                                 \
	assert_int_equal(out.len, 0)

	(void)state;
	memset(long_text, 'a', 256);
	REFUSED(launch, c.purpose = PURPOSE_NONE, ERR_FORMAT, "claims: purpose: zero");
	REFUSED(launch, c.purpose = 4, ERR_FORMAT, "claims: purpose: out of range");
	REFUSED(launch, c.key_protection = 0, ERR_FORMAT, "claims: key_protection: zero");
	REFUSED(launch, memset(c.instance, 0, 16), ERR_FORMAT, "claims: instance: zero");
	REFUSED(launch, c.workload.len = 0, ERR_FORMAT, "claims: workload: not a name");
	REFUSED(launch, c.workload = BYTES_LIT(control), ERR_FORMAT,
		"claims: workload: not a name");
	REFUSED(enrolment, c.instance[0] = 1, ERR_FORMAT, "claims: instance: set in an enrolment");
	REFUSED(enrolment, c.workload = BYTES_LIT("a"), ERR_FORMAT,
		"claims: workload: set in an enrolment");
	REFUSED(enrolment, c.release[31] = 1, ERR_FORMAT, "claims: release: set in an enrolment");
	REFUSED(launch, c.runtime_next = 1, ERR_FORMAT,
		"claims: runtime_next: before runtime_first");
	REFUSED(launch, c.firmware_length = 0, ERR_FORMAT,
		"claims: firmware_digest: set without a log");
	REFUSED(launch, c.verifier_id.len = 0, ERR_FORMAT, "claims: verifier_id");
	REFUSED(launch, c.verifier_id = bytes_str(long_text), ERR_FORMAT, "claims: verifier_id");
	REFUSED(launch, c.key.len = 0, ERR_FORMAT, "claims: key");
	REFUSED(launch, c.runtime_length = RUNTIME_LOG_MAX + 1, ERR_FORMAT,
		"claims: runtime_length");
	REFUSED(launch, c.audiences[1].len = 0, ERR_FORMAT, "claims: audiences");
	REFUSED(launch, c.audience_count = 9, ERR_LIMIT, "claims: audiences: 9, more than 8");
#undef REFUSED
}

/* S6: what the deterministic profile refuses, wherever it stands. */
static void claims__not_this_profile__refused(void **state)
{
	struct cbor_writer w = cbor_writer_of(&out);
	struct err err = {0};

	(void)state;
	cbor_put_map(&w, 2);
	cbor_put_int(&w, CLAIM_NONCE);
	cbor_put_bytes(&w, bytes_of((uint8_t[32]){0}, 32));
	cbor_put_int(&w, CLAIM_PROFILE);
	cbor_put_str(&w, "tag:assay.example,2026:evidence/2");
	assert_ok(cbor_writer_finish(&w, &err), err);
	assert_fails(parse(buf_bytes(&out), &err), err, ERR_FORMAT,
		"claims: eat_profile: another profile at offset 39");
}

static void claims__beyond_the_limit__refused(void **state)
{
	static const uint8_t large[CLAIMS_MAX + 1];
	struct err err;

	(void)state;
	assert_fails(
		parse(BYTES_OF(large), &err), err, ERR_LIMIT, "claims: 8193 bytes, more than 8192");
}

static void names__of_enumerators(void **state)
{
	(void)state;
	assert_string_equal(purpose_name(PURPOSE_ENROLL), "enroll");
	assert_string_equal(purpose_name(PURPOSE_LAUNCH), "launch");
	assert_string_equal(purpose_name(PURPOSE_RENEW), "renew");
	assert_string_equal(purpose_name((enum purpose)9), "unknown");
	assert_string_equal(key_protection_name(KEY_SOFTWARE), "software");
	assert_string_equal(key_protection_name(KEY_TPM), "tpm");
	assert_string_equal(key_protection_name((enum key_protection)9), "unknown");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(claims__launch__every_field_returns, teardown),
		cmocka_unit_test_teardown(claims__encode_of_decode__same_bytes, teardown),
		cmocka_unit_test_teardown(claims__prefixes_and_more__refused, teardown),
		cmocka_unit_test_teardown(claims__inconsistent__refused_by_name, teardown),
		cmocka_unit_test_teardown(claims__not_this_profile__refused, teardown),
		cmocka_unit_test_teardown(claims__beyond_the_limit__refused, teardown),
		cmocka_unit_test_teardown(names__of_enumerators, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
