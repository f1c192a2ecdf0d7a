/* SPDX-License-Identifier: Apache-2.0 */
/* Policies of logs and witnesses, and checkpoints under them. */
#include "ledger/tlog_policy.h"

#include "tests/support/unit.h"

enum { WITNESSES = 4 };

static struct key *log_pair, *pairs[WITNESSES];
static struct note_key log_key, cosigners[WITNESSES];
static char log_vkey[200], vkeys[WITNESSES][200];
static struct tlog_policy *policy;
static struct buf note;
static struct tlog_cosigned cosigned;
static struct err err;

#define TEXT "log.example\n1\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n"

static void vkey_put(const struct note_key *key, char out[200])
{
	struct buf text = {0};

	assert_ok(note_key_write(key, &text, &err), err);
	(void)snprintf(out, 200, "%s", buf_str(&text));
	buf_release(&text);
}

static int group_setup(void **state)
{
	(void)state;
	assert_ok(key_generate(KEY_ED25519, &log_pair, &err), err);
	assert_ok(note_key_of("log.example", log_pair, &log_key, &err), err);
	vkey_put(&log_key, log_vkey);
	for (int i = 0; i < WITNESSES; i++) {
		char name[32];

		(void)snprintf(name, sizeof(name), "w%d.example", i);
		assert_ok(key_generate(KEY_ED25519, &pairs[i], &err), err);
		assert_ok(note_cosigner_of(name, pairs[i], &cosigners[i], &err), err);
		vkey_put(&cosigners[i], vkeys[i]);
	}
	return 0;
}

static int group_teardown(void **state)
{
	(void)state;
	note_key_release(&log_key);
	key_unref(&log_pair);
	for (int i = 0; i < WITNESSES; i++) {
		note_key_release(&cosigners[i]);
		key_unref(&pairs[i]);
	}
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	tlog_policy_free(&policy);
	buf_release(&note);
	return 0;
}

/* %L and %0 … %3 stand for keys. */
static bool parse(const char *text)
{
	struct buf out = {0};

	for (const char *at = text; *at; at++)
		if (*at == '%' && at[1] == 'L')
			buf_put_str(&out, (at++, log_vkey));
		else if (*at == '%')
			buf_put_str(&out, vkeys[*++at - '0']);
		else
			buf_put_u8(&out, (uint8_t)*at);
	tlog_policy_free(&policy);
	err = (struct err){0};
	bool ok = tlog_policy_parse(buf_bytes(&out), &policy, &err);
	buf_release(&out);
	return ok;
}

static void note_make(unsigned mask)
{
	buf_release(&note);
	assert_ok(note_sign(BYTES_LIT(TEXT), &log_key, &note, &err), err);
	for (int i = 0; i < WITNESSES; i++)
		if (mask >> i & 1)
			assert_ok(
				note_cosign(BYTES_LIT(TEXT), &cosigners[i], 1000 + i, &note, &err),
				err);
}

static bool check(const struct note_key *log)
{
	return tlog_policy_check(policy, log, buf_bytes(&note), &cosigned, &err);
}

static void policy__two_levels__every_set_of_witnesses_judged(void **state)
{
	(void)state;
	if (!parse("# comment\n\n  log %L  https://log.example/\n"
		   "witness A %0 https://a.example\nwitness B\t%1\nwitness C %2\nwitness D %3\n"
		   "group abc 2 A B C\ngroup all all abc D\nquorum all\n"))
		fail_msg("%s", err.text);
	assert_int_equal(policy->witness_count, WITNESSES);
	assert_string_equal(policy->logs[0].url, "https://log.example/");
	assert_string_equal(policy->witnesses[0].url, "https://a.example");
	assert_null(policy->witnesses[1].url);
	for (unsigned mask = 0; mask < 16; mask++) {
		bool quorum = __builtin_popcount(mask & 7) >= 2 && (mask & 8);

		note_make(mask);
		assert_int_equal(tlog_policy_quorum(policy, mask), quorum);
		assert_int_equal(check(NULL), quorum);
		assert_int_equal(cosigned.witnesses, mask);
		assert_int_equal(cosigned.checkpoint.size, 1);
		for (int i = 0; i < WITNESSES; i++)
			assert_int_equal(cosigned.times[i], mask >> i & 1 ? 1000 + i : 0);
	}
}

static void policy__none_any_and_one_witness__as_they_say(void **state)
{
	(void)state;
	note_make(0);
	assert_true(parse("log %L\nquorum none\n"));
	assert_ok(check(NULL), err);
	assert_true(parse("log %L\nwitness A %0\nwitness B %1\ngroup g any A B\nquorum g\n"));
	assert_fails(
		check(NULL), err, ERR_MISMATCH, "checkpoint: 0 of its witnesses are no quorum");
	note_make(2);
	assert_ok(check(NULL), err);
	assert_true(parse("log %L\nwitness A %0\nwitness B %1\nquorum A\n"));
	assert_fails(
		check(NULL), err, ERR_MISMATCH, "checkpoint: 1 of its witnesses are no quorum");
	note_make(1);
	assert_ok(check(NULL), err);
}

/* Of two that must have cosigned the older counts; a time that is yet to come counts for nobody. */
static void policy__age__by_the_youngest_quorum_that_is_past(void **state)
{
	static const struct {
		int64_t times[3], wanted;
	} cases[] = {
		{{900, 800, 700}, 200},
		{{1000, 1000, 1000}, 0},
		{{1000 + TLOG_AHEAD_MAX, 950, 0}, 50},
		{{INT64_MAX, 950, 600}, 400},
		{{INT64_MAX, INT64_MAX, 600}, -1},
		{{INT64_MAX, INT64_MAX, INT64_MAX}, -1},
	};
	static struct tlog_policy two = {
		.witness_count = 3,
		.group_count = 1,
		.groups = {{.threshold = 2, .witnesses = 7}},
		.quorum = QUORUM_GROUP,
	};
	struct tlog_cosigned seen = {.witnesses = 7};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		memcpy(seen.times, cases[i].times, sizeof(cases[i].times));
		if (tlog_policy_age(&two, &seen, 1000) != cases[i].wanted)
			fail_msg(
				"case %zu: %lld", i, (long long)tlog_policy_age(&two, &seen, 1000));
	}
	seen.witnesses = 4;
	assert_int_equal(tlog_policy_age(&two, &seen, 1000), -1);
	two.quorum = QUORUM_NONE;
	assert_int_equal(tlog_policy_age(&two, &seen, 1000), -1);
}

static void policy__log__given_or_among_its_own(void **state)
{
	struct note_key other = {0};
	char message[200];

	(void)state;
	note_make(0);
	assert_true(parse("quorum none\n"));
	assert_fails(check(NULL), err, ERR_MISMATCH, "checkpoint: signed by no known log");
	assert_ok(check(&log_key), err);
	/* The same key under another name, and a checkpoint of another origin under this one. */
	assert_ok(note_key_of("other.example", log_pair, &other, &err), err);
	assert_fails(check(&other), err, ERR_MISMATCH, "checkpoint: signed by no known log");
	buf_release(&note);
	assert_ok(note_sign(BYTES_LIT(TEXT), &other, &note, &err), err);
	assert_fails(
		check(&other), err, ERR_MISMATCH, "checkpoint: of another log than other.example");
	note_key_release(&other);
	/* A line in the log's name that does not verify. */
	note_make(0);
	note.data[12] = '2';
	assert_false(check(&log_key));
	(void)snprintf(message, sizeof(message), "note: signature by log.example: ");
	assert_memory_equal(err.text, message, strlen(message));
}

/* T3: a cosignature that does not verify is not passed over. */
static void policy__cosignature_bent_or_of_another_text__refused(void **state)
{
	struct buf line = {0};

	(void)state;
	assert_true(parse("log %L\nwitness A %0\nquorum none\n"));
	buf_release(&note);
	assert_ok(note_sign(BYTES_LIT(TEXT), &log_key, &note, &err), err);
	assert_ok(note_cosign(BYTES_LIT("log.example\n2\n"), &cosigners[0], 5, &line, &err), err);
	buf_put(&note, buf_bytes(&line));
	assert_false(check(NULL));
	assert_non_null(strstr(err.text, "note: signature by w0.example"));
	buf_release(&line);
}

static void policy__wrong_lines__told_by_number(void **state)
{
	static const struct {
		const char *text, *error;
	} cases[] = {
		{"", "policy: no quorum"},
		{"quorum none", "policy: the last line has no end"},
		{"quorum none\nquorum none\n", "policy: line 2: a second quorum"},
		{"quorum x\n", "policy: line 1: a name that no earlier line defines"},
		{"quorum\n", "policy: line 1: expected one name"},
		{"quorum none none\n", "policy: line 1: expected one name"},
		{"log %0\nquorum none\n", "policy: line 1: a witness's key signs for no log"},
		{"log\n", "policy: line 1: expected a key, and perhaps a URL"},
		{"log %L a b\n", "policy: line 1: expected a key, and perhaps a URL"},
		{"log %L\nlog %L\n", "policy: line 2: the key stands there twice"},
		{"log x\n", "policy: line 1: note key: not name+id+key"},
		{"witness a\n", "policy: line 1: expected a key, and perhaps a URL"},
		{"witness\n", "policy: line 1: expected a name and a key"},
		{"witness a %L\n", "policy: line 1: the key is no witness's"},
		{"witness a %0\nwitness b %0\n", "policy: line 2: the key stands there twice"},
		{"witness a %0\nwitness a %1\n", "policy: line 2: the name is taken"},
		{"witness none %0\n", "policy: line 1: the name is taken"},
		{"witness a %0\ngroup a any a\n", "policy: line 2: the name is taken"},
		{"witness a %0\ngroup g 0 a\n",
			"policy: line 2: a threshold of no member, or of more than there are"},
		{"witness a %0\ngroup g 2 a\n",
			"policy: line 2: a threshold of no member, or of more than there are"},
		{"witness a %0\ngroup g 01 a\n", "policy: line 2: expected all, any or a number"},
		{"witness a %0\ngroup g -1 a\n", "policy: line 2: expected all, any or a number"},
		{"witness a %0\ngroup g any\n",
			"policy: line 2: expected a name, a threshold and members"},
		{"group g any g\n", "policy: line 1: a member that no earlier line defines"},
		{"witness a %0\ngroup g 2 a a\n", "policy: line 2: a member that is one already"},
		{"witness a %0\ngroup g any a\ngroup h any a\n",
			"policy: line 3: a member that is one already"},
		{"witness a %0\ngroup g any a\ngroup h any g\ngroup i any g\n",
			"policy: line 4: a member that is one already"},
		{"witness a %0\ngroup g any none\n",
			"policy: line 2: a member that no earlier line defines"},
		{"witnes a %0\n", "policy: line 1: expected log, witness, group or quorum"},
		{"quorum none\r\n", "policy: a control character"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		if (parse(cases[i].text))
			fail_msg("read: %s", cases[i].text);
		assert_string_equal(err.text, cases[i].error);
	}
}

static void policy__too_much__limits(void **state)
{
	struct buf text = {0};

	(void)state;
	buf_put_str(&text, "group g any");
	for (int i = 0; i < 100; i++)
		buf_put_str(&text, " a");
	buf_put_u8(&text, '\n');
	assert_fails(tlog_policy_parse(buf_bytes(&text), &policy, &err), err, ERR_LIMIT,
		"policy: line 1: too many words");
	buf_clear(&text);
	while (text.len <= TLOG_POLICY_MAX)
		buf_put_str(&text, "# comment\n");
	assert_false(tlog_policy_parse(buf_bytes(&text), &policy, &err));
	assert_int_equal(err.code, ERR_LIMIT);
	buf_release(&text);
}

int main(void)
{
#define T(f) cmocka_unit_test_teardown(f, teardown)
	const struct CMUnitTest tests[] = {
		T(policy__two_levels__every_set_of_witnesses_judged),
		T(policy__none_any_and_one_witness__as_they_say),
		T(policy__age__by_the_youngest_quorum_that_is_past),
		T(policy__log__given_or_among_its_own),
		T(policy__cosignature_bent_or_of_another_text__refused),
		T(policy__wrong_lines__told_by_number),
		T(policy__too_much__limits),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
