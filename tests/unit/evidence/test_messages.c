/* SPDX-License-Identifier: Apache-2.0 */
/* Every message: what is encoded decodes to the same, and encodes to the same bytes again. */
#include "evidence/evidence.h"

#include "parse_check.h"

static struct buf out, again;

static int teardown(void **state)
{
	(void)state;
	buf_release(&out);
	buf_release(&again);
	return 0;
}

static const struct enroll_begin BEGIN = {
	.ek_public = {(const uint8_t *)"ek", 2},
	.ek_cert_count = 2,
	.ek_certs = {{(const uint8_t *)"cert", 4}, {(const uint8_t *)"issuer", 6}},
	.ak_public = {(const uint8_t *)"ak", 2},
	.join_token = {(const uint8_t *)"token", 5},
	.name = {(const uint8_t *)"host-1", 6},
};
static const struct enroll_offer OFFER = {
	.session = {(const uint8_t *)"session", 7},
	.id_object = {(const uint8_t *)"object", 6},
	.encrypted_secret = {(const uint8_t *)"secret", 6},
	.host_id = {1, 2, 3},
	.verifier_id = {(const uint8_t *)"v", 1},
};
static const struct enroll_finish FINISH = {
	.session = {(const uint8_t *)"session", 7},
	.secret = {(const uint8_t *)"secret", 6},
	.evidence = {(const uint8_t *)"evidence", 8},
};
static const struct enroll_result RESULT = {
	.host_id = {9},
	.state = HOST_ACTIVE,
	.cert_count = 1,
	.certs = {{(const uint8_t *)"cert", 4}},
};
static const struct challenge_request REQUEST = {.purpose = PURPOSE_RENEW, .instance = {5}};
static const struct challenge_offer CHALLENGE = {
	.challenge = {(const uint8_t *)"challenge", 9},
	.expires = 1800000000,
	.runtime_first = 44,
};
static const struct attest_result TRUSTED = {
	.trusted = true,
	.verdict = {(const uint8_t *)"{}", 2},
	.record = {7},
	.cert_count = 2,
	.certs = {{(const uint8_t *)"svid", 4}, {(const uint8_t *)"issuer", 6}},
	.token_count = 1,
	.tokens = {{(const uint8_t *)"a.b.c", 5}},
	.bundle_count = 1,
	.bundle = {{(const uint8_t *)"root", 4}},
	.expires = 1800000000,
	.renew_after = 300,
	.next = {.challenge = {(const uint8_t *)"next", 4},
		.expires = 1800000300,
		.runtime_first = 45,
		.ima_wanted = true,
		.ima_first = 46},
};
static const struct attest_result REFUSED = {
	.verdict = {(const uint8_t *)"{}", 2},
	.record = {7},
};

/* For each message: encode a sample, re-encode what decodes, decode anything. */
#define MESSAGE(type, sample)                                                                      \
	static bool type##_sample(struct buf *to, struct err *err)                                 \
	{                                                                                          \
		return type##_encode(&(sample), to, err);                                          \
	}                                                                                          \
	static bool type##_again(struct bytes in, struct buf *to, struct err *err)                 \
	{                                                                                          \
		struct type m;                                                                     \
                                                                                                   \
		return type##_decode(in, &m, err) && type##_encode(&m, to, err);                   \
	}                                                                                          \
	static bool type##_parse(struct bytes in, struct err *err)                                 \
	{                                                                                          \
		struct type m;                                                                     \
                                                                                                   \
		return type##_decode(in, &m, err);                                                 \
	}
MESSAGE(enroll_begin, BEGIN)
MESSAGE(enroll_offer, OFFER)
MESSAGE(enroll_finish, FINISH)
MESSAGE(enroll_result, RESULT)
MESSAGE(challenge_request, REQUEST)
MESSAGE(challenge_offer, CHALLENGE)
MESSAGE(attest_result, TRUSTED)

#define ROW(type)                                                                                  \
	{                                                                                          \
		type##_sample, type##_again, type##_parse                                          \
	}
static const struct {
	bool (*sample)(struct buf *to, struct err *err);
	bool (*again)(struct bytes in, struct buf *to, struct err *err);
	parse_fn parse;
} MESSAGES[] = {ROW(enroll_begin), ROW(enroll_offer), ROW(enroll_finish), ROW(enroll_result),
	ROW(challenge_request), ROW(challenge_offer), ROW(attest_result)};

static void message__encode_of_decode__same_bytes(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(MESSAGES); i++) {
		struct err err = {0};

		buf_clear(&out);
		buf_clear(&again);
		assert_ok(MESSAGES[i].sample(&out, &err), err);
		assert_ok(MESSAGES[i].again(buf_bytes(&out), &again, &err), err);
		assert_bytes(buf_bytes(&again), buf_bytes(&out));
	}
}

static void message__prefixes_and_more__refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(MESSAGES); i++) {
		struct err err = {0};

		buf_clear(&out);
		assert_ok(MESSAGES[i].sample(&out, &err), err);
		assert_exact_length(MESSAGES[i].parse, buf_bytes(&out));
		parse_all_changes(MESSAGES[i].parse, buf_bytes(&out));
	}
}

/* One message is never another: a session cannot be passed off as a result. */
static void message__read_as_another__refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(MESSAGES); i++)
		for (size_t j = 0; j < ARRAY_LEN(MESSAGES); j++) {
			struct err err = {0};

			buf_clear(&out);
			assert_ok(MESSAGES[i].sample(&out, &err), err);
			if (i != j && MESSAGES[j].parse(buf_bytes(&out), &err))
				fail_msg("message %zu was read as message %zu", i, j);
		}
}

static void enroll_begin__fields__return(void **state)
{
	struct enroll_begin m;
	struct err err = {0};

	(void)state;
	assert_ok(enroll_begin_encode(&BEGIN, &out, &err), err);
	assert_ok(enroll_begin_decode(buf_bytes(&out), &m, &err), err);
	assert_bytes(m.ek_public, BEGIN.ek_public);
	assert_int_equal(m.ek_cert_count, 2);
	assert_bytes(m.ek_certs[1], BEGIN.ek_certs[1]);
	assert_bytes(m.ak_public, BEGIN.ak_public);
	assert_bytes(m.join_token, BEGIN.join_token);
	assert_bytes(m.name, BEGIN.name);
}

static void enroll_begin__without_certificate_and_token__accepted(void **state)
{
	struct enroll_begin m = BEGIN;
	struct err err = {0};

	(void)state;
	m.ek_cert_count = 0;
	m.join_token = (struct bytes){0};
	assert_ok(enroll_begin_encode(&m, &out, &err), err);
	assert_ok(enroll_begin_decode(buf_bytes(&out), &m, &err), err);
	assert_int_equal(m.ek_cert_count, 0);
	assert_int_equal(m.join_token.len, 0);
}

/* E28: names with line ends, control characters, paths or megabytes. */
static void enroll_begin__odd_name__refused(void **state)
{
	static char large[4097];
	const char *names[] = {"", "a\nb", "\x1b[31m", "../etc", "Host", "-a", large};

	(void)state;
	memset(large, 'a', sizeof(large) - 1);
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		struct enroll_begin m = BEGIN;
		struct err err = {0};

		m.name = bytes_str(names[i]);
		assert_false(enroll_begin_encode(&m, &out, &err));
		assert_non_null(strstr(err.text, "enroll-begin: name: "));
		assert_int_equal(out.len, 0);
	}
}

static void message__more_than_its_array_holds__refused(void **state)
{
	struct enroll_begin begin = BEGIN;
	struct enroll_result result = RESULT;
	struct attest_result answer = TRUSTED;
	struct err err;

	(void)state;
	begin.ek_cert_count = EK_CERTS_MAX + 1;
	assert_fails(enroll_begin_encode(&begin, &out, &err), err, ERR_LIMIT,
		"enroll-begin: ek_certs: 9, more than 8");
	result.cert_count = SIZE_MAX;
	assert_false(enroll_result_encode(&result, &out, &err));
	answer.cert_count = CREDENTIAL_CERTS_MAX + 1;
	assert_fails(attest_result_encode(&answer, &out, &err), err, ERR_LIMIT,
		"attest-result: certs: 9, more than 8");
	answer = TRUSTED;
	answer.token_count = AUDIENCES_MAX + 1;
	assert_fails(attest_result_encode(&answer, &out, &err), err, ERR_LIMIT,
		"attest-result: tokens: 9, more than 8");
	answer = TRUSTED;
	answer.bundle_count = CREDENTIAL_CERTS_MAX + 1;
	assert_fails(attest_result_encode(&answer, &out, &err), err, ERR_LIMIT,
		"attest-result: bundle: 9, more than 8");
}

static void challenge_request__enrolment_or_no_instance__refused(void **state)
{
	struct challenge_request m = REQUEST;
	struct err err;

	(void)state;
	m.purpose = PURPOSE_ENROLL;
	assert_fails(challenge_request_encode(&m, &out, &err), err, ERR_FORMAT,
		"challenge-request: purpose: neither launch nor renew at offset 2");
	m.purpose = PURPOSE_NONE;
	assert_false(challenge_request_encode(&m, &out, &err));
	m = REQUEST;
	memset(m.instance, 0, sizeof(m.instance));
	assert_fails(challenge_request_encode(&m, &out, &err), err, ERR_FORMAT,
		"challenge-request: instance: zero at offset 0");
}

static void challenge_offer__negative_time__refused(void **state)
{
	struct challenge_offer m = CHALLENGE;
	struct err err = {0};

	(void)state;
	m.expires = -1;
	assert_false(challenge_offer_encode(&m, &out, &err));
	assert_non_null(strstr(err.text, "challenge-offer: expires: "));
}

static void attest_result__fields__return(void **state)
{
	struct attest_result m;
	struct err err = {0};

	(void)state;
	assert_ok(attest_result_encode(&TRUSTED, &out, &err), err);
	assert_ok(attest_result_decode(buf_bytes(&out), &m, &err), err);
	assert_true(m.trusted);
	assert_bytes(m.verdict, TRUSTED.verdict);
	assert_int_equal(m.record[0], 7);
	assert_int_equal(m.cert_count, 2);
	assert_bytes(m.tokens[0], TRUSTED.tokens[0]);
	assert_bytes(m.bundle[0], TRUSTED.bundle[0]);
	assert_true(m.expires == 1800000000 && m.renew_after == 300);
	assert_bytes(m.next.challenge, TRUSTED.next.challenge);
	assert_true(m.next.expires == 1800000300 && m.next.runtime_first == 45);
	assert_true(m.next.ima_wanted && m.next.ima_first == 46);
	assert_false(m.again);
}

static void attest_result__again__only_in_a_refusal(void **state)
{
	struct attest_result m = REFUSED;
	struct err err = {0};

	(void)state;
	m.again = true;
	assert_ok(attest_result_encode(&m, &out, &err), err);
	m.again = false;
	assert_ok(attest_result_decode(buf_bytes(&out), &m, &err), err);
	assert_true(m.again);
	buf_clear(&out);
	m = TRUSTED;
	m.again = true;
	assert_fails(attest_result_encode(&m, &out, &err), err, ERR_FORMAT,
		"attest-result: again: set in an acceptance at offset 0");
}

static void attest_result__report_end__only_in_an_acceptance_and_left_out_otherwise(void **state)
{
	struct attest_result m = TRUSTED;
	struct err err = {0};

	(void)state;
	m.report_end = true;
	assert_ok(attest_result_encode(&m, &out, &err), err);
	m.report_end = false;
	assert_ok(attest_result_decode(buf_bytes(&out), &m, &err), err);
	assert_true(m.report_end);
	out.data[out.len - 1] = 0xf4; /* false */
	assert_fails(attest_result_decode(buf_bytes(&out), &m, &err), err, ERR_FORMAT,
		"attest-result: report_end: false is said by leaving it out at offset 104");
	buf_clear(&out);
	assert_ok(attest_result_encode(&TRUSTED, &out, &err), err);
	assert_ok(attest_result_decode(buf_bytes(&out), &m, &err), err);
	assert_false(m.report_end);
	buf_clear(&out);
	m = REFUSED;
	m.report_end = true;
	assert_fails(attest_result_encode(&m, &out, &err), err, ERR_FORMAT,
		"attest-result: report_end: set in a refusal at offset 0");
}

static void attest_result__lease_and_ends__both_ways_and_left_out_otherwise(void **state)
{
	struct attest_result m = TRUSTED, read;
	struct err err = {0};

	(void)state;
	m.lease = 900;
	m.on_lease_end = END_FREEZE;
	m.on_refusal = END_STOP;
	m.thaw = true;
	assert_ok(attest_result_encode(&m, &out, &err), err);
	assert_ok(attest_result_decode(buf_bytes(&out), &read, &err), err);
	assert_true(read.lease == 900 && read.on_lease_end == END_FREEZE &&
		    read.on_refusal == END_STOP && read.thaw);
	out.data[out.len - 3] = 3; /* on_refusal, before 0f f5 */
	assert_fails(attest_result_decode(buf_bytes(&out), &read, &err), err, ERR_FORMAT,
		"attest-result: on_refusal: out of range at offset 110");
	out.data[out.len - 3] = 0;
	assert_fails(attest_result_decode(buf_bytes(&out), &read, &err), err, ERR_FORMAT,
		"attest-result: on_refusal: 0 is said by leaving it out at offset 110");
	buf_clear(&out);
	m.lease = LEASE_MAX + 1;
	assert_false(attest_result_encode(&m, &out, &err));
	buf_clear(&out);
	m = REFUSED;
	m.on_refusal = END_FREEZE;
	assert_ok(attest_result_encode(&m, &out, &err), err);
	assert_ok(attest_result_decode(buf_bytes(&out), &read, &err), err);
	assert_int_equal(read.on_refusal, END_FREEZE);
	assert_true(read.lease == 0 && read.on_lease_end == END_CONTINUE && !read.thaw);
}

/* A refusal that carries a credential, or the means to go on, is not decoded at all. */
static void attest_result__refusal_with_something_usable__refused(void **state)
{
	struct attest_result m;
	struct err err = {0};

#define REFUSAL(change, message)                                                                   \
	m = REFUSED;                                                                               \
	change;                                                                                    \
	assert_fails(attest_result_encode(&m, &out, &err), err, ERR_FORMAT, message)

	(void)state;
	assert_ok(attest_result_encode(&REFUSED, &out, &err), err);
	assert_ok(attest_result_decode(buf_bytes(&out), &m, &err), err);
	assert_false(m.trusted);
	assert_int_equal(m.next.challenge.len, 0);
	buf_clear(&out);
	REFUSAL((m.cert_count = 1, m.certs[0] = TRUSTED.certs[0]),
		"attest-result: certs: a credential in a refusal at offset 0");
	REFUSAL((m.token_count = 1, m.tokens[0] = TRUSTED.tokens[0]),
		"attest-result: certs: a credential in a refusal at offset 0");
	REFUSAL(m.expires = 1, "attest-result: next: a renewal in a refusal at offset 0");
	REFUSAL(m.renew_after = 1, "attest-result: next: a renewal in a refusal at offset 0");
	REFUSAL(m.next = TRUSTED.next, "attest-result: next: a renewal in a refusal at offset 0");
	REFUSAL(m.lease = 1, "attest-result: lease: set in a refusal at offset 0");
	REFUSAL(m.on_lease_end = END_STOP, "attest-result: lease: set in a refusal at offset 0");
	REFUSAL(m.thaw = true, "attest-result: thaw: set in a refusal at offset 0");
#undef REFUSAL
}

static void host_state__names__both_ways(void **state)
{
	static const char *const names[] = {"none", "pending", "active", "quarantined", "retired"};

	(void)state;
	for (enum host_state s = HOST_PENDING; s <= HOST_RETIRED; s++) {
		assert_string_equal(host_state_name(s), names[s]);
		assert_int_equal(host_state_of_name(bytes_str(names[s])), s);
	}
	assert_int_equal(host_state_of_name(BYTES_LIT("none")), HOST_NONE);
	assert_int_equal(host_state_of_name(BYTES_LIT("Active")), HOST_NONE);
	assert_string_equal(host_state_name((enum host_state)7), "unknown");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(message__encode_of_decode__same_bytes, teardown),
		cmocka_unit_test_teardown(message__prefixes_and_more__refused, teardown),
		cmocka_unit_test_teardown(message__read_as_another__refused, teardown),
		cmocka_unit_test_teardown(enroll_begin__fields__return, teardown),
		cmocka_unit_test_teardown(
			enroll_begin__without_certificate_and_token__accepted, teardown),
		cmocka_unit_test_teardown(enroll_begin__odd_name__refused, teardown),
		cmocka_unit_test_teardown(message__more_than_its_array_holds__refused, teardown),
		cmocka_unit_test_teardown(
			challenge_request__enrolment_or_no_instance__refused, teardown),
		cmocka_unit_test_teardown(challenge_offer__negative_time__refused, teardown),
		cmocka_unit_test_teardown(attest_result__fields__return, teardown),
		cmocka_unit_test_teardown(attest_result__again__only_in_a_refusal, teardown),
		cmocka_unit_test_teardown(
			attest_result__report_end__only_in_an_acceptance_and_left_out_otherwise,
			teardown),
		cmocka_unit_test_teardown(
			attest_result__lease_and_ends__both_ways_and_left_out_otherwise, teardown),
		cmocka_unit_test_teardown(
			attest_result__refusal_with_something_usable__refused, teardown),
		cmocka_unit_test_teardown(host_state__names__both_ways, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
