/* SPDX-License-Identifier: Apache-2.0 */
#include "evidence/evidence.h"

#include "base/cbor.h"
#include "parse_check.h"

static struct buf out, again;

static int teardown(void **state)
{
	(void)state;
	buf_release(&out);
	buf_release(&again);
	return 0;
}

static struct evidence full(void)
{
	struct evidence e = {
		.claims = BYTES_LIT("claims"),
		.message = BYTES_LIT("message"),
		.signature = BYTES_LIT("signature"),
		.pcrs = {.alg = DIGEST_SHA256, .present = 0x8001ff},
		.runtime_log = BYTES_LIT("runtime"),
		.firmware_log = BYTES_LIT("firmware"),
		.ima_log = BYTES_LIT("ima"),
		.key_certification = {BYTES_LIT("p"), BYTES_LIT("m"), BYTES_LIT("s")},
		.challenge = BYTES_LIT("challenge"),
		.possession = BYTES_LIT("possession"),
		.systemd_log = BYTES_LIT("systemd"),
	};

	for (size_t i = 0; i < TPM_PCRS; i++)
		memset(e.pcrs.values[i], (int)i, 32);
	return e;
}

static struct evidence least(void)
{
	struct evidence e = full();

	e.pcrs.alg = DIGEST_SHA384;
	e.pcrs.present = 1;
	e.runtime_log = e.firmware_log = e.ima_log = e.systemd_log = (struct bytes){0};
	memset(&e.key_certification, 0, sizeof(e.key_certification));
	return e;
}

static bool parse(struct bytes in, struct err *err)
{
	struct evidence e;

	return evidence_decode(in, &e, err);
}

static struct bytes encoded(const struct evidence *e)
{
	struct err err = {0};

	buf_clear(&out);
	assert_ok(evidence_encode(e, &out, &err), err);
	return buf_bytes(&out);
}

static void evidence__full__every_field_returns(void **state)
{
	struct evidence wanted = full(), e;
	struct err err = {0};

	(void)state;
	assert_ok(evidence_decode(encoded(&wanted), &e, &err), err);
	assert_bytes(e.claims, wanted.claims);
	assert_bytes(e.message, wanted.message);
	assert_bytes(e.signature, wanted.signature);
	assert_int_equal(e.pcrs.alg, DIGEST_SHA256);
	assert_int_equal(e.pcrs.present, 0x8001ff);
	assert_memory_equal(e.pcrs.values[23], wanted.pcrs.values[23], 32);
	assert_bytes(e.runtime_log, wanted.runtime_log);
	assert_bytes(e.firmware_log, wanted.firmware_log);
	assert_bytes(e.ima_log, wanted.ima_log);
	assert_bytes(e.systemd_log, wanted.systemd_log);
	assert_bytes(e.key_certification.public_area, wanted.key_certification.public_area);
	assert_bytes(e.key_certification.message, wanted.key_certification.message);
	assert_bytes(e.key_certification.signature, wanted.key_certification.signature);
	assert_bytes(e.challenge, wanted.challenge);
	assert_bytes(e.possession, wanted.possession);
}

static void evidence__encode_of_decode__same_bytes(void **state)
{
	const struct evidence all[] = {full(), least()};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		struct evidence e;
		struct err err = {0};

		assert_ok(evidence_decode(encoded(&all[i]), &e, &err), err);
		buf_clear(&again);
		assert_ok(evidence_encode(&e, &again, &err), err);
		assert_bytes(buf_bytes(&again), buf_bytes(&out));
	}
}

static void evidence__prefixes_and_more__refused(void **state)
{
	const struct evidence all[] = {full(), least()};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		assert_exact_length(parse, encoded(&all[i]));
		parse_all_changes(parse, encoded(&all[i]));
	}
}

static void evidence__bad_part__refused_by_name(void **state)
{
	struct evidence e;
	struct err err;

#define REFUSED(change, wanted)                                                                    \
	e = full();                                                                                \
	change;                                                                                    \
	err = (struct err){0};                                                                     \
	assert_false(evidence_encode(&e, &out, &err));                                             \
	assert_int_equal(err.code, ERR_FORMAT);                                                    \
	if (!strstr(err.text, wanted))                                                             \
	fail_msg("\"%s\" lacks \"%s\"", err.text, wanted)

	(void)state;
	REFUSED(e.claims.len = 0, "evidence: claims: ");
	REFUSED(e.message.len = 0, "evidence: message: ");
	REFUSED(e.signature.len = 0, "evidence: signature: ");
	REFUSED(e.challenge.len = 0, "evidence: challenge: ");
	REFUSED(e.possession.len = 0, "evidence: possession: ");
	REFUSED(e.key_certification.signature.len = 0, "evidence: key_certification: ");
	REFUSED(e.pcrs.alg = DIGEST_SHA1, "evidence: bank: neither SHA-256 nor SHA-384");
	REFUSED(e.pcrs.alg = DIGEST_NONE, "evidence: bank: neither SHA-256 nor SHA-384");
#undef REFUSED
}

/* A map of 5 and 4 with a given key and value. */
static struct bytes with_pcr(uint64_t pcr, size_t len, int64_t extra_key)
{
	static const uint8_t value[64];
	struct cbor_writer w = cbor_writer_of(&out);
	struct err err = {0};

	buf_clear(&out);
	cbor_put_map(&w, extra_key ? 3 : 2);
	cbor_put_int(&w, 4);
	cbor_put_uint(&w, DIGEST_SHA256);
	cbor_put_int(&w, 5);
	cbor_put_map(&w, 1);
	cbor_put_uint(&w, pcr);
	cbor_put_bytes(&w, bytes_of(value, len));
	if (extra_key) {
		cbor_put_int(&w, extra_key);
		cbor_put_uint(&w, 0);
	}
	assert_ok(cbor_writer_finish(&w, &err), err);
	return buf_bytes(&out);
}

static void evidence__unknown_key__refused(void **state)
{
	struct err err = {0};

	(void)state;
	assert_false(parse(with_pcr(0, 32, 13), &err));
	assert_non_null(strstr(err.text, "evidence: evidence: "));
}

/* The value of a PCR has its bank's size, and a PCR a TPM's number. */
static void evidence__pcr_of_odd_number_or_size__refused(void **state)
{
	static const struct {
		uint64_t pcr;
		size_t len;
	} cases[] = {{24, 32}, {UINT64_MAX, 32}, {0, 31}, {0, 33}, {0, 64}, {0, 0}};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct bytes in = with_pcr(cases[i].pcr, cases[i].len, 0);
		struct cbor_doc doc;
		struct cbor_item root;
		struct err err = {0};

		assert_ok(cbor_open(in, true, "x", &doc, &root, &err), err);
		assert_false(parse(in, &err));
	}
}

static void selection__both_banks__pcrs_0_to_15(void **state)
{
	struct tpml_pcr_selection s;
	struct err err = {0};

	(void)state;
	assert_ok(evidence_selection(DIGEST_SHA256, &s, &err), err);
	assert_int_equal(s.count, 1);
	assert_int_equal(s.banks[0].hash, TPM_ALG_SHA256);
	assert_int_equal(s.banks[0].pcrs, 0xffff);
	assert_ok(evidence_selection(DIGEST_SHA384, &s, &err), err);
	assert_int_equal(s.banks[0].hash, TPM_ALG_SHA384);
	assert_fails(evidence_selection(DIGEST_SHA1, &s, &err), err, ERR_USAGE,
		"PCR bank sha1 is not one that is quoted");
	assert_false(evidence_selection(DIGEST_SHA512, &s, &err));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(evidence__full__every_field_returns, teardown),
		cmocka_unit_test_teardown(evidence__encode_of_decode__same_bytes, teardown),
		cmocka_unit_test_teardown(evidence__prefixes_and_more__refused, teardown),
		cmocka_unit_test_teardown(evidence__bad_part__refused_by_name, teardown),
		cmocka_unit_test_teardown(evidence__unknown_key__refused, teardown),
		cmocka_unit_test_teardown(evidence__pcr_of_odd_number_or_size__refused, teardown),
		cmocka_unit_test_teardown(selection__both_banks__pcrs_0_to_15, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
