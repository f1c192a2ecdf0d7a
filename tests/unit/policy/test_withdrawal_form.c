/* SPDX-License-Identifier: Apache-2.0 */
/* The statement that takes another one back: written, read, and refused in words. */
#include "policy/withdrawal.h"

#include "tests/support/unit.h"

#define HEX           "0707070707070707070707070707070707070707070707070707070707070707"
#define SUBJECT(name) "{\"digest\":{\"sha256\":\"" HEX "\"},\"name\":\"" name "\"}"
#define FORM(subjects, predicate)                                                                  \
	"{\"_type\":\"https://in-toto.io/Statement/v1\",\"predicate\":" predicate                  \
	",\"predicateType\":\"https://assay.example/statement-withdrawal/"                         \
	"v1\",\"subject\":[" subjects "]}"
#define TWO  SUBJECT("statement") "," SUBJECT("release")
#define TIME "\"2026-11-26T00:00:00Z\""
#define SAID "{\"issued\":" TIME ",\"reason\":\"r\"}"

static struct err err;

static void withdrawal__written_and_read__the_same(void **state)
{
	struct withdrawal w = {.reason = (char *)(uintptr_t) "the test rig was broken",
				  .issued = 1795000000},
			  read = {0};
	struct buf text = {0};

	(void)state;
	memset(w.statement, 1, SHA256_LEN);
	memset(w.release, 2, SHA256_LEN);
	assert_ok(withdrawal_statement(&w, &text, &err), err);
	assert_ok(withdrawal_parse(buf_bytes(&text), &read, &err), err);
	assert_memory_equal(read.statement, w.statement, SHA256_LEN);
	assert_memory_equal(read.release, w.release, SHA256_LEN);
	assert_string_equal(read.reason, w.reason);
	assert_int_equal(read.issued, w.issued);
	withdrawal_release(&read);
	assert_null(read.reason);
	buf_release(&text);
}

static void withdrawal__reason_at_its_limit__written(void **state)
{
	static char reason[WITHDRAWAL_REASON_MAX + 2];
	struct withdrawal w = {.reason = reason, .issued = 1};
	struct buf text = {0};

	(void)state;
	memset(reason, 'r', WITHDRAWAL_REASON_MAX);
	assert_ok(withdrawal_statement(&w, &text, &err), err);
	buf_clear(&text);
	reason[WITHDRAWAL_REASON_MAX] = 'r';
	assert_fails(withdrawal_statement(&w, &text, &err), err, ERR_FORMAT,
		"withdrawal: reason: too long");
	assert_int_equal(text.len, 0);
	w.reason = (char *)(uintptr_t) "\xff";
	assert_fails(withdrawal_statement(&w, &text, &err), err, ERR_NOMEM,
		"withdrawal: no memory, or text that is not UTF-8");
	buf_release(&text);
}

static void withdrawal__bad__refused_in_words(void **state)
{
#define SUBJECTS_WRONG "withdrawal: subject: not a statement and a release"
#define TIME_WRONG     "withdrawal: issued: not a time (2026-11-22T23:21:38Z)"
	static const struct {
		const char *text, *wanted;
	} cases[] = {
		{FORM(TWO, SAID), NULL},
		{FORM(SUBJECT("statement"), SAID), SUBJECTS_WRONG},
		{FORM(SUBJECT("release") "," SUBJECT("statement"), SAID), SUBJECTS_WRONG},
		{FORM(SUBJECT("statement") "," SUBJECT("statement"), SAID), SUBJECTS_WRONG},
		{FORM(SUBJECT("release") "," SUBJECT("release"), SAID), SUBJECTS_WRONG},
		{FORM(TWO "," SUBJECT("release"), SAID),
			"withdrawal: statement: subject: too many items"},
		{FORM(TWO, "{\"issued\":" TIME "}"), "withdrawal: reason: missing"},
		{FORM(TWO, "{\"issued\":\"yesterday\",\"reason\":\"r\"}"), TIME_WRONG},
		{FORM(TWO, "{\"issued\":\"2026-11-26T00:00:00.00000000000Z\",\"reason\":\"r\"}"),
			TIME_WRONG},
		{FORM(TWO, "{\"issued\":\"2026-11-26T00:00:00.000000000000Z\",\"reason\":\"r\"}"),
			"withdrawal: issued: too long"},
		{FORM(TWO, "{\"issued\":" TIME ",\"reason\":\"r\",\"until\":1}"),
			"withdrawal: until: unknown key"},
		{"{}", "withdrawal: statement: _type: missing"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct withdrawal w = {0};

		if (!cases[i].wanted) {
			assert_ok(withdrawal_parse(bytes_str(cases[i].text), &w, &err), err);
			withdrawal_release(&w);
			continue;
		}
		assert_fails(withdrawal_parse(bytes_str(cases[i].text), &w, &err), err, ERR_FORMAT,
			cases[i].wanted);
		assert_null(w.reason);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(withdrawal__written_and_read__the_same),
		cmocka_unit_test(withdrawal__reason_at_its_limit__written),
		cmocka_unit_test(withdrawal__bad__refused_in_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
