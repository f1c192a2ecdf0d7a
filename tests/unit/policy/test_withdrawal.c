/* SPDX-License-Identifier: Apache-2.0 */
/* Statements that their signers took back. */
#include "policy/withdrawal.h"

#include "statement_scene.h"

#define TESTS  "      - {kind: test-result, name: tests}\n"
#define PASSED "{\"result\":\"PASSED\",\"configuration\":[]}"

static void say_passed(struct key *key)
{
	say(BINARY, TEST_RESULT, PASSED, key);
}

/* A withdrawal of what was said as number `of`. */
static struct withdrawal withdrawal_of(size_t of)
{
	struct withdrawal w = {
		.reason = (char *)(uintptr_t) "the test rig was broken", .issued = SCENE_NOW - 5};
	struct dsse *dsse = NULL;

	assert_ok(dsse_parse(views[of], &dsse, &s->err), s->err);
	assert_ok(sha256_of(buf_bytes(&dsse->payload), w.statement, &s->err), s->err);
	dsse_free(&dsse);
	memcpy(w.release, s->release_digest, SHA256_LEN);
	return w;
}

static void withdraw(const struct withdrawal *w, struct key *key)
{
	struct buf text = {0};

	assert_ok(withdrawal_statement(w, &text, &s->err), s->err);
	assert_true(count < SAID_MAX);
	assert_ok(dsse_sign(DSSE_INTOTO_TYPE, buf_bytes(&text), key, &envelopes[count], &s->err),
		s->err);
	views[count] = buf_bytes(&envelopes[count]);
	count++;
	buf_release(&text);
}

/* Whether the verifier would keep it beside this release. */
static bool check(size_t i)
{
	struct release read = s->release;

	memcpy(read.digest, s->release_digest, SHA256_LEN);
	return release_statement_check(&read, views[i], s->policy, s->context.now, &s->err);
}

static void P8__statement_withdrawn_by_its_signer__refused(void **state)
{
	struct withdrawal w;

	(void)state;
	say_passed(keys.other);
	w = withdrawal_of(0);
	withdraw(&w, keys.other);
	demand(TESTS);
	assert_int_equal(s->verdict->reason_count, 2);
	assert_int_equal(s->verdict->reasons[0].code, REASON_STATEMENT_MISSING);
	assert_int_equal(s->verdict->reasons[1].code, REASON_STATEMENT_WITHDRAWN);
	assert_string_equal(s->verdict->reasons[1].subject, "statement 1 for tests");
	assert_string_equal(s->verdict->reasons[1].expected, "standing");
	assert_string_equal(s->verdict->reasons[1].actual, "withdrawn by its signer");
	assert_false(list.met);
	/* Said anew, in other bytes, it stands again. */
	say(SETTINGS, TEST_RESULT, PASSED, keys.other);
	demand(TESTS);
	assert_trusted(s);
}

static void P8__withdrawal_before_the_statement__counts(void **state)
{
	struct withdrawal w;

	(void)state;
	say_passed(keys.other);
	w = withdrawal_of(0);
	withdraw(&w, keys.other);
	views[0] = buf_bytes(&envelopes[1]);
	views[1] = buf_bytes(&envelopes[0]);
	demand(TESTS);
	assert_refused_among(s, REASON_STATEMENT_WITHDRAWN);
}

static void P8__withdrawal_that_names_another_release__counts(void **state)
{
	struct withdrawal w;

	(void)state;
	say_passed(keys.other);
	w = withdrawal_of(0);
	w.release[0] ^= 1;
	withdraw(&w, keys.other);
	demand(TESTS);
	assert_refused_among(s, REASON_STATEMENT_WITHDRAWN);
}

static void P8__withdrawal_by_somebody_else__ignored(void **state)
{
	struct withdrawal w;

	(void)state;
	say_passed(keys.other);
	w = withdrawal_of(0);
	withdraw(&w, keys.instance); /* lab did not sign it */
	withdraw(&w, keys.alice); /* nobody for statements */
	w.statement[31] ^= 1;
	withdraw(&w, keys.other); /* of something else */
	demand(TESTS);
	assert_trusted(s);
}

static void P8__withdrawal_that_does_not_parse__ignored(void **state)
{
	char predicate[] = "{\"reason\":\"r\"}";

	(void)state;
	say_passed(keys.other);
	say(BINARY, "https://assay.example/statement-withdrawal/v1", predicate, keys.other);
	demand(TESTS);
	assert_trusted(s);
}

static void P8__withdrawal_beside_junk_and_of_its_own_payload_type__counts(void **state)
{
	struct withdrawal w;
	struct buf text = {0};

	(void)state;
	say_passed(keys.other);
	w = withdrawal_of(0);
	assert_ok(withdrawal_statement(&w, &text, &s->err), s->err);
	assert_ok(dsse_sign("application/vnd.in-toto.withdrawal+json", buf_bytes(&text), keys.other,
			  &envelopes[1], &s->err),
		s->err);
	buf_release(&text);
	views[1] = BYTES_LIT("junk");
	views[2] = buf_bytes(&envelopes[1]);
	count = 3;
	demand(TESTS);
	assert_refused_among(s, REASON_STATEMENT_WITHDRAWN);
	assert_ok(check(2), s->err);
	assert_false(check(1));
	assert_int_equal(s->err.code, ERR_FORMAT);
}

/* Two keys signed: each takes its own word back, and no more. */
static void P8__one_of_two_signers_withdraws__the_other_stands(void **state)
{
	struct withdrawal w;
	struct buf both = {0};

	(void)state;
	say_passed(keys.other);
	assert_ok(dsse_add_signature(views[0], keys.instance, &both, &s->err), s->err);
	views[0] = buf_bytes(&both);
	w = withdrawal_of(0);
	withdraw(&w, keys.other);
	demand(TESTS);
	assert_trusted(s);
	assert_string_equal(list.items[2].by, "1 signed by lab");
	demand("      - {kind: test-result, name: tests, keys: [ci]}\n");
	assert_refused_among(s, REASON_STATEMENT_WITHDRAWN);
	withdraw(&w, keys.instance);
	demand(TESTS);
	assert_refused_among(s, REASON_STATEMENT_WITHDRAWN);
	buf_release(&both);
}

/* ---- taking it in ---- */

static void withdrawal_check__by_a_statement_key_for_this_release__taken_in(void **state)
{
	struct withdrawal w;

	(void)state;
	s->top_lines = buf_str(&top);
	scene_policy(s);
	say_passed(keys.other);
	w = withdrawal_of(0);
	withdraw(&w, keys.instance);
	assert_ok(check(1), s->err);
	withdraw(&w, keys.alice);
	assert_fails(check(2), s->err, ERR_DENIED,
		"statement-signature: a withdrawal that no key signed which the policy trusts for "
		"statements");
	w.release[0] ^= 1;
	withdraw(&w, keys.other);
	assert_fails(check(3), s->err, ERR_MISMATCH,
		"statement-other: withdrawn beside another release");
	say(RELEASE, "https://assay.example/statement-withdrawal/v1", "{}", keys.other);
	assert_false(check(4));
	assert_int_equal(s->err.code, ERR_FORMAT);
}

/* Whoever does not look at the answer keeps nothing as a withdrawal. */
static void withdrawal_check__unreadable__says_that_it_is_none(void **state)
{
	bool withdraws = true;

	(void)state;
	assert_false(withdrawal_check(
		BYTES_LIT("junk"), s->release_digest, s->policy, SCENE_NOW, &withdraws, &s->err));
	assert_int_equal(s->err.code, ERR_FORMAT);
	assert_false(withdraws);
}

static void withdrawal_check__too_many_signatures__refused(void **state)
{
	struct withdrawal w;

	(void)state;
	s->top_lines = buf_str(&top);
	scene_policy(s);
	say_passed(keys.other);
	w = withdrawal_of(0);
	withdraw(&w, keys.other);
	for (int i = 0; i < 8; i++) {
		struct buf more = {0};

		assert_ok(dsse_add_signature(buf_bytes(&envelopes[1]), keys.alice, &more, &s->err),
			s->err);
		buf_release(&envelopes[1]);
		envelopes[1] = more;
		views[1] = buf_bytes(&more);
		assert_int_equal(check(1), i < 7);
	}
	assert_int_equal(s->err.code, ERR_LIMIT);
}

/* Whether envelope i has a place beside those before it. */
static bool place(size_t i, bool *ret_new)
{
	s->err = (struct err){0};
	*ret_new = false;
	return withdrawal_place(views[i], views, i, s->policy, s->context.now, ret_new, &s->err);
}

#define NOTHING                                                                                    \
	"statement-other: no statement beside this release has the digest and a signer of the "    \
	"withdrawal"

static void P8__withdrawal_of_nothing_that_its_signer_said__has_no_place(void **state)
{
	struct withdrawal w;
	bool new = false;

	(void)state;
	s->top_lines = buf_str(&top);
	scene_policy(s);
	say_passed(keys.other);
	w = withdrawal_of(0);
	w.statement[0] ^= 1;
	withdraw(&w, keys.other);
	assert_fails(place(1, &new), s->err, ERR_MISMATCH, NOTHING);
	w.issued++; /* as one from before would stand there */
	withdraw(&w, keys.other);
	assert_fails(place(2, &new), s->err, ERR_MISMATCH, NOTHING);
	w = withdrawal_of(0);
	withdraw(&w, keys.instance); /* trusted for statements; not the signer of this one */
	assert_fails(place(3, &new), s->err, ERR_MISMATCH, NOTHING);
	w = withdrawal_of(1); /* no statement, but a withdrawal */
	withdraw(&w, keys.other);
	assert_fails(place(4, &new), s->err, ERR_MISMATCH, NOTHING);
}

static void P8__withdrawal_again_by_the_same_signer__known_already(void **state)
{
	struct withdrawal w;
	struct buf both = {0};
	char unreadable[] = "{}";
	bool new = false;

	(void)state;
	s->top_lines = buf_str(&top);
	scene_policy(s);
	say_passed(keys.other);
	assert_ok(dsse_add_signature(views[0], keys.instance, &both, &s->err), s->err);
	views[0] = buf_bytes(&both);
	buf_put_str(&envelopes[count], unreadable);
	views[count] = buf_bytes(&envelopes[count]);
	count++;
	w = withdrawal_of(0);
	withdraw(&w, keys.other);
	assert_ok(place(2, &new), s->err);
	assert_true(new);
	w.issued++;
	withdraw(&w, keys.other); /* other bytes, the same word */
	assert_ok(place(3, &new), s->err);
	assert_false(new);
	withdraw(&w, keys.instance); /* the other signer's is another one */
	assert_ok(place(4, &new), s->err);
	assert_true(new);
	buf_release(&both);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(P8__statement_withdrawn_by_its_signer__refused),
		T(P8__withdrawal_before_the_statement__counts),
		T(P8__withdrawal_that_names_another_release__counts),
		T(P8__withdrawal_by_somebody_else__ignored),
		T(P8__withdrawal_that_does_not_parse__ignored),
		T(P8__withdrawal_beside_junk_and_of_its_own_payload_type__counts),
		T(P8__one_of_two_signers_withdraws__the_other_stands),
		T(withdrawal_check__by_a_statement_key_for_this_release__taken_in),
		T(withdrawal_check__unreadable__says_that_it_is_none),
		T(withdrawal_check__too_many_signatures__refused),
		T(P8__withdrawal_of_nothing_that_its_signer_said__has_no_place),
		T(P8__withdrawal_again_by_the_same_signer__known_already),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
