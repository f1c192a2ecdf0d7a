/* SPDX-License-Identifier: Apache-2.0 */
/* The frozen context (context.c, context_parts.c): what was judged can be judged again, and comes out byte for byte the same. */
#include "policy/policy.h"

#include "extra_key.h"
#include "scene.h"

static struct scene_keys keys;
static struct scene *s;
static struct buf frozen, again;
static struct policy_frozen thawed;

static int group_setup(void **state)
{
	(void)state;
	scene_keys_make(&keys);
	return 0;
}

static int group_teardown(void **state)
{
	(void)state;
	scene_keys_free(&keys);
	return 0;
}

static int setup(void **state)
{
	(void)state;
	s = scene_new(&keys);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	policy_frozen_release(&thawed);
	scene_free(s);
	buf_release(&frozen);
	buf_release(&again);
	return 0;
}

/* The objects of the bundle; hidden: the one that is not there. */
struct shelf {
	struct bytes objects[8];
	size_t count;
	size_t hidden;
	bool lie;
};
static struct shelf shelf;

static bool find(void *arg, const uint8_t digest[SHA256_LEN], struct bytes *ret)
{
	struct shelf *from = arg;
	struct err err = {0};

	for (size_t i = 0; i < from->count; i++) {
		uint8_t own[SHA256_LEN];

		if (!sha256_of(from->objects[i], own, &err) || i == from->hidden)
			continue;
		if (memcmp(own, digest, SHA256_LEN) == 0) {
			*ret = from->lie ? BYTES_LIT("something else") : from->objects[i];
			return true;
		}
	}
	return false;
}

static void freeze(void)
{
	buf_clear(&frozen);
	assert_ok(policy_context_encode(
			  &s->context, buf_bytes(&s->evidence), &s->state_in, &frozen, &s->err),
		s->err);
	shelf = (struct shelf){
		.objects = {buf_bytes(&s->policy_text), s->context.release, buf_bytes(&s->evidence),
			s->approval_list[0], s->approval_list[1], s->context.host.ek_certs},
		.count = 6,
		.hidden = 99,
	};
}

static void thaw(void)
{
	assert_ok(
		policy_context_decode(buf_bytes(&frozen), find, &shelf, &thawed, &s->err), s->err);
}

/* Freezes, thaws, freezes again: the same bytes. Judges what was thawed: the same verdict and state. */
static void assert_reproducible(void)
{
	struct buf first = {0}, second = {0}, state_first = {0}, state_second = {0};
	struct policy_state out;

	freeze();
	assert_ok(verdict_json(s->verdict, &first, &s->err), s->err);
	assert_ok(policy_state_encode(&s->state_out, &state_first, &s->err), s->err);
	thaw();
	buf_clear(&again);
	assert_ok(policy_context_encode(
			  &thawed.context, thawed.evidence, &thawed.state_in, &again, &s->err),
		s->err);
	assert_bytes(buf_bytes(&again), buf_bytes(&frozen));
	assert_ok(policy_appraise(thawed.evidence, &thawed.context, &thawed.state_in, s->verdict,
			  &out, &s->err),
		s->err);
	assert_ok(verdict_json(s->verdict, &second, &s->err), s->err);
	assert_ok(policy_state_encode(&out, &state_second, &s->err), s->err);
	assert_bytes(buf_bytes(&second), buf_bytes(&first));
	assert_bytes(buf_bytes(&state_second), buf_bytes(&state_first));
	buf_release(&first);
	buf_release(&second);
	buf_release(&state_first);
	buf_release(&state_second);
}

static void context__trusted_launch__reproducible(void **state)
{
	(void)state;
	scene_run(s);
	assert_trusted(s);
	assert_reproducible();
}

static void context__statements_beside_the_release__reproducible(void **state)
{
	static const struct bytes statements[] = {
		{(const uint8_t *)"one", 3}, {(const uint8_t *)"another", 7}};

	(void)state;
	scene_run(s);
	freeze();
	thaw();
	assert_int_equal(thawed.context.statement_count, 0);
	policy_frozen_release(&thawed);
	s->context.statements = statements;
	s->context.statement_count = 2;
	freeze();
	shelf.objects[6] = statements[0];
	shelf.objects[7] = statements[1];
	shelf.count = 8;
	thaw();
	assert_int_equal(thawed.context.statement_count, 2);
	assert_bytes(thawed.context.statements[1], statements[1]);
	buf_clear(&again);
	assert_ok(policy_context_encode(
			  &thawed.context, thawed.evidence, &thawed.state_in, &again, &s->err),
		s->err);
	assert_bytes(buf_bytes(&again), buf_bytes(&frozen));
	policy_frozen_release(&thawed);
	shelf.count = 7;
	assert_false(policy_context_decode(buf_bytes(&frozen), find, &shelf, &thawed, &s->err));
	assert_int_equal(s->err.code, ERR_NOT_FOUND);
	assert_non_null(strstr(s->err.text, "context: statement "));
	s->context.statement_count = STATEMENTS_MAX + 1;
	buf_clear(&frozen);
	assert_fails(policy_context_encode(
			     &s->context, buf_bytes(&s->evidence), &s->state_in, &frozen, &s->err),
		s->err, ERR_USAGE, "context: no policy, or too many approvals or statements");
}

static void context__floors__kept_and_reproducible(void **state)
{
	(void)state;
	s->context.floor = (struct context_floor){.sequence = UINT64_MAX,
		.version = BYTES_LIT("1.3.0"),
		.release = {9, 8},
		.published = SCENE_NOW - 7,
		.judged_published = SCENE_NOW - 6,
		.passed = SCENE_NOW - 5};
	scene_run(s);
	assert_trusted(s);
	assert_reproducible();
	assert_int_equal(thawed.context.floor.judged_published, SCENE_NOW - 6);
	assert_int_equal(thawed.context.security_floor.sequence, 0);
	policy_frozen_release(&thawed);
	s->context.security_floor = (struct context_security_floor){
		.sequence = 4, .minimum = BYTES_LIT("1.4.1"), .statement = {7}};
	scene_judge(s);
	assert_refused(s, REASON_SECURITY_FLOOR);
	assert_reproducible();
	assert_int_equal(thawed.context.security_floor.statement[0], 7);
	assert_bytes(thawed.context.floor.version, BYTES_LIT("1.3.0"));
	assert_int_equal(thawed.context.floor.passed, SCENE_NOW - 5);
	policy_frozen_release(&thawed);
	s->context.floor = (struct context_floor){0};
	s->context.security_floor.minimum = (struct bytes){0}; /* lifted, and said so */
	scene_judge(s);
	assert_trusted(s);
	assert_reproducible();
	assert_int_equal(thawed.context.security_floor.sequence, 4);
}

/* What says the same in two ways, or nothing, is no context. */
static void context__floor_of_sequence_zero_or_without_version__refused(void **state)
{
	static const struct {
		const char *from, *to, *why;
		size_t len;
	} cases[] = {
		{"\x0f\xa6\x01\x03\x02\x61", "\x0f\xa6\x01\x00\x02\x61",
			"floor's sequence: 0 is said by leaving the floor out", 6},
		{"\x10\xa3\x01\x04\x02\x61", "\x10\xa3\x01\x00\x02\x61",
			"security floor's sequence: 0 is said by leaving the floor out", 6},
		{"\x06\x00\x10\xa3", "\x07\x00\x10\xa3", "version floor", 4},
		{"\x61\x31\x03\x58\x20\x55", "\x61\x31\x04\x58\x20\x55", "security floor", 6},
	};

	(void)state;
	s->context.floor = (struct context_floor){.sequence = 3, .version = BYTES_LIT("1")};
	s->context.security_floor = (struct context_security_floor){
		.sequence = 4, .minimum = BYTES_LIT("1"), .statement = {0x55}};
	scene_run(s);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		freeze();
		uint8_t *at = memmem(frozen.data, frozen.len, cases[i].from, cases[i].len);

		assert_non_null(at);
		memcpy(at, cases[i].to, cases[i].len);
		assert_false(
			policy_context_decode(buf_bytes(&frozen), find, &shelf, &thawed, &s->err));
		if (!strstr(s->err.text, cases[i].why))
			fail_msg("case %zu: %s", i, s->err.text);
	}
	s->context.floor.version = (struct bytes){0};
	freeze();
	assert_false(policy_context_decode(buf_bytes(&frozen), find, &shelf, &thawed, &s->err));
	assert_non_null(strstr(s->err.text, "floor's version"));
	s->context.floor.passed = -1;
	buf_clear(&frozen);
	assert_fails(policy_context_encode(
			     &s->context, buf_bytes(&s->evidence), &s->state_in, &frozen, &s->err),
		s->err, ERR_USAGE, "context: a time out of range");
}

static void context__renewal_with_host_seen__reproducible(void **state)
{
	(void)state;
	scene_renewal(s);
	scene_run(s);
	assert_trusted(s);
	assert_reproducible();
	assert_true(thawed.context.host.seen);
	assert_true(thawed.state_in.established);
}

/* What refuses it is in the record: an auditor finds the same. */
static void context__full_appraisal_overdue__kept_and_reproducible(void **state)
{
	uint8_t *at;

	(void)state;
	scene_renewal(s);
	s->context.full_ago = 5;
	scene_run(s);
	assert_refused(s, REASON_STATE_STALE);
	assert_reproducible();
	assert_int_equal(thawed.context.full_ago, 5);
	policy_frozen_release(&thawed);
	at = frozen.data + frozen.len - 2; /* the last key, 20, and its value */
	assert_memory_equal(at, "\x14\x05", 2);
	at[1] = 0;
	assert_false(policy_context_decode(buf_bytes(&frozen), find, &shelf, &thawed, &s->err));
	assert_non_null(strstr(s->err.text, "full appraisal: 0: left out where none is overdue"));
}

static void context__refusal_with_ek_certificate__reproducible(void **state)
{
	(void)state;
	s->context.host.ek_certs = BYTES_LIT("\x30\x03\x02\x01\x01");
	s->context.workload.state = WORKLOAD_RETIRED;
	scene_run(s);
	assert_refused_among(s, REASON_EK_CERT);
	assert_reproducible();
}

static void context__nothing_known__reproducible(void **state)
{
	(void)state;
	scene_attest(s);
	s->context = (struct policy_context){.now = SCENE_NOW, .policy = s->policy};
	scene_judge(s);
	assert_reproducible();
}

static void context__review_times__kept_and_reproducible(void **state)
{
	(void)state;
	s->context.workload.reviewed = SCENE_NOW - 5;
	s->context.workload.review_next = SCENE_NOW + 5;
	scene_run(s);
	assert_trusted(s);
	assert_reproducible();
	assert_int_equal(thawed.context.workload.reviewed, SCENE_NOW - 5);
	assert_int_equal(thawed.context.workload.review_next, SCENE_NOW + 5);
}

static void context__attributes_and_third_parties__kept_and_reproducible(void **state)
{
	static const struct host_attribute attributes[] = {
		{BYTES_LIT("jurisdiction"), BYTES_LIT("CH"),
			BYTES_LIT("spiffe://a/operator/admin/o")},
		{BYTES_LIT("site"), BYTES_LIT("zrh1"), BYTES_LIT("spiffe://a/operator/admin/p")},
	};

	(void)state;
	s->context.host.attributes = attributes;
	s->context.host.attribute_count = 2;
	s->context.workload.third_parties = BYTES_LIT("[]");
	scene_run(s);
	assert_trusted(s);
	assert_reproducible();
	assert_int_equal(thawed.context.host.attribute_count, 2);
	assert_bytes(thawed.context.host.attributes[0].value, BYTES_LIT("CH"));
	assert_bytes(thawed.context.host.attributes[1].key, BYTES_LIT("site"));
	assert_bytes(
		thawed.context.host.attributes[1].by, BYTES_LIT("spiffe://a/operator/admin/p"));
	assert_bytes(thawed.context.workload.third_parties, BYTES_LIT("[]"));
}

/* One set, one encoding: ascending, none twice, each whole, and none at all by leaving it out. */
static void context__attributes_in_another_form__refused(void **state)
{
	static const struct {
		struct bytes array;
		const char *why;
	} cases[] = {
		{BYTES_LIT("\x80"), "host attributes: empty: left out where there are none"},
		{BYTES_LIT("\x82\x83\x61"
			   "b\x61v\x61w\x83\x61"
			   "a\x61v\x61w"),
			"host attributes: not in ascending order"},
		{BYTES_LIT("\x82\x83\x61"
			   "a\x61v\x61w\x83\x61"
			   "a\x61v\x61w"),
			"host attributes: not in ascending order"},
		{BYTES_LIT("\x81\x82\x61"
			   "a\x61v"),
			"host attribute: expected key, value and who set it"},
		{BYTES_LIT("\x81\x83\x60\x61v\x61w"), "host attribute key"},
		{BYTES_LIT("\x81\x83\x61"
			   "a\x60\x61w"),
			"host attribute value"},
		{BYTES_LIT("\x81\x83\x61"
			   "a\x61v\x60"),
			"host attribute: by"},
	};
	static const struct bytes good = BYTES_LIT("\x81\x83\x61k\x61v\x61w");
	static const struct host_attribute one[] = {
		{BYTES_LIT("k"), BYTES_LIT("v"), BYTES_LIT("w")}};

	(void)state;
	s->context.host.attributes = one;
	s->context.host.attribute_count = 1;
	scene_run(s);
	freeze();
	thaw();
	policy_frozen_release(&thawed);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		uint8_t *at = memmem(frozen.data, frozen.len, good.data, good.len);

		assert_non_null(at);
		buf_clear(&again);
		buf_put(&again, bytes_of(frozen.data, (size_t)(at - frozen.data)));
		buf_put(&again, cases[i].array);
		at += good.len;
		buf_put(&again, bytes_of(at, (size_t)(frozen.data + frozen.len - at)));
		s->err = (struct err){0};
		assert_false(
			policy_context_decode(buf_bytes(&again), find, &shelf, &thawed, &s->err));
		if (!strstr(s->err.text, cases[i].why))
			fail_msg("case %zu: %s", i, s->err.text);
	}
	s->context.host.attribute_count = HOST_ATTRIBUTES_MAX + 1;
	buf_clear(&frozen);
	s->err = (struct err){0};
	assert_fails(policy_context_encode(
			     &s->context, buf_bytes(&s->evidence), &s->state_in, &frozen, &s->err),
		s->err, ERR_USAGE, "context: too many attributes of the host");
}

/* One value, one encoding: no review is a key that is not there. */
static void context__review_time_of_zero__refused(void **state)
{
	static const uint8_t key[] = {0x05, 0x1a};

	(void)state;
	s->context.workload.reviewed = SCENE_NOW;
	scene_run(s);
	freeze();
	uint8_t *at = memmem(frozen.data, frozen.len, "\x07\xa5", 2);
	assert_non_null(at);
	at = memmem(at, (size_t)(frozen.data + frozen.len - at), key, sizeof(key));
	assert_non_null(at);
	buf_clear(&again);
	buf_put(&again, bytes_of(frozen.data, (size_t)(at - frozen.data) + 1));
	buf_put_u8(&again, 0);
	at += 6;
	buf_put(&again, bytes_of(at, (size_t)(frozen.data + frozen.len - at)));
	assert_false(policy_context_decode(buf_bytes(&again), find, &shelf, &thawed, &s->err));
	assert_non_null(strstr(s->err.text, "reviewed: 0 is said by leaving it out"));
}

/* T10: each object that the context names is needed, and a missing one is named. */
static void T10__object_missing__named(void **state)
{
	static const char *const names[] = {"context: policy ", "context: release ",
		"context: evidence ", "context: approval ", "context: approval ",
		"context: EK certificates "};

	(void)state;
	s->context.host.ek_certs = BYTES_LIT("\x30\x03\x02\x01\x01");
	scene_run(s);
	freeze();
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		shelf.hidden = i;
		s->err = (struct err){0};
		assert_false(
			policy_context_decode(buf_bytes(&frozen), find, &shelf, &thawed, &s->err));
		assert_int_equal(s->err.code, ERR_NOT_FOUND);
		assert_int_equal(strncmp(s->err.text, names[i], strlen(names[i])), 0);
		assert_null(thawed.policy);
	}
}

static void context__object_with_another_digest__refused(void **state)
{
	(void)state;
	scene_run(s);
	freeze();
	shelf.lie = true;
	assert_fails(policy_context_decode(buf_bytes(&frozen), find, &shelf, &thawed, &s->err),
		s->err, ERR_MISMATCH, "context: policy: not the bytes with its digest");
}

static void context__truncated_or_longer__refused(void **state)
{
	(void)state;
	scene_run(s);
	freeze();
	for (size_t n = 0; n < frozen.len; n++)
		assert_false(policy_context_decode(
			bytes_of(frozen.data, n), find, &shelf, &thawed, &s->err));
	buf_put_u8(&frozen, 0);
	assert_false(policy_context_decode(buf_bytes(&frozen), find, &shelf, &thawed, &s->err));
}

static void context__any_bit_changed__refused_or_seen_again(void **state)
{
	uint8_t *whole;
	size_t n;

	(void)state;
	scene_run(s);
	freeze();
	whole = frozen.data;
	n = frozen.len;
	for (size_t at = 0; at < n; at++) {
		whole[at] ^= 1;
		if (policy_context_decode(buf_bytes(&frozen), find, &shelf, &thawed, &s->err)) {
			buf_clear(&again);
			assert_ok(policy_context_encode(&thawed.context, thawed.evidence,
					  &thawed.state_in, &again, &s->err),
				s->err);
			assert_bytes(buf_bytes(&again), buf_bytes(&frozen));
			policy_frozen_release(&thawed);
		}
		whole[at] ^= 1;
	}
}

static void context__times_out_of_range__not_encoded(void **state)
{
	(void)state;
	scene_attest(s);
	s->context.challenge.issued = -1;
	assert_false(policy_context_encode(
		&s->context, buf_bytes(&s->evidence), &s->state_in, &frozen, &s->err));
	assert_int_equal(s->err.code, ERR_USAGE);
	s->context.challenge.issued = 0;
	s->context.policy = NULL;
	assert_false(policy_context_encode(
		&s->context, buf_bytes(&s->evidence), &s->state_in, &frozen, &s->err));
}

static void context__unknown_key_anywhere__refused(void **state)
{
	static const struct bytes maps[] = {
		BYTES_LIT("\x04\xa8\x01\x58"), /* host */
		BYTES_LIT("\x08\xa4\x01\x01\x02\x00"), /* seen */
		BYTES_LIT("\x05\xa9\x01\x58"), /* challenge */
		BYTES_LIT("\x07\xa4\x01\x69"), /* workload */
	};

	(void)state;
	scene_renewal(s);
	scene_run(s);
	freeze();
	thaw();
	for (size_t i = 0; i < ARRAY_LEN(maps); i++) {
		policy_frozen_release(&thawed);
		extra_key_first(buf_bytes(&frozen), extra_key_find(buf_bytes(&frozen), maps[i]) + 1,
			&again);
		assert_false(
			policy_context_decode(buf_bytes(&again), find, &shelf, &thawed, &s->err));
	}
	extra_key_last(buf_bytes(&frozen), &again);
	assert_false(policy_context_decode(buf_bytes(&again), find, &shelf, &thawed, &s->err));
}

static void S6__context_too_large__refused(void **state)
{
	(void)state;
	assert_fails(policy_context_decode(bytes_of(s, 65537), find, &shelf, &thawed, &s->err),
		s->err, ERR_LIMIT, "context: 65537 bytes: more than 65536");
}

/* ---- the state alone ---- */

static void state__established__round_trip(void **state)
{
	struct policy_state back;

	(void)state;
	scene_renewal(s);
	assert_ok(policy_state_encode(&s->state_in, &frozen, &s->err), s->err);
	assert_ok(policy_state_decode(buf_bytes(&frozen), &back, &s->err), s->err);
	assert_ok(policy_state_encode(&back, &again, &s->err), s->err);
	assert_bytes(buf_bytes(&again), buf_bytes(&frozen));
	assert_true(back.established);
	assert_int_equal(back.runtime_next, 5);
	assert_memory_equal(back.record, s->state_in.record, SHA256_LEN);
	for (size_t n = 0; n < frozen.len; n++)
		assert_false(policy_state_decode(bytes_of(frozen.data, n), &back, &s->err));
	extra_key_first(buf_bytes(&frozen), 0, &again);
	assert_false(policy_state_decode(buf_bytes(&again), &back, &s->err));
}

static void state__established_without_bank__refused(void **state)
{
	struct policy_state st = {.established = true}, back;

	(void)state;
	assert_ok(policy_state_encode(&st, &frozen, &s->err), s->err);
	assert_false(policy_state_decode(buf_bytes(&frozen), &back, &s->err));
	st = (struct policy_state){.bank = DIGEST_SHA1};
	buf_clear(&frozen);
	assert_ok(policy_state_encode(&st, &frozen, &s->err), s->err);
	assert_false(policy_state_decode(buf_bytes(&frozen), &back, &s->err));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(context__trusted_launch__reproducible),
		T(context__statements_beside_the_release__reproducible),
		T(context__floors__kept_and_reproducible),
		T(context__floor_of_sequence_zero_or_without_version__refused),
		T(context__renewal_with_host_seen__reproducible),
		T(context__full_appraisal_overdue__kept_and_reproducible),
		T(context__refusal_with_ek_certificate__reproducible),
		T(context__nothing_known__reproducible),
		T(context__review_times__kept_and_reproducible),
		T(context__attributes_and_third_parties__kept_and_reproducible),
		T(context__attributes_in_another_form__refused),
		T(context__review_time_of_zero__refused),
		T(T10__object_missing__named),
		T(context__object_with_another_digest__refused),
		T(context__truncated_or_longer__refused),
		T(context__any_bit_changed__refused_or_seen_again),
		T(context__times_out_of_range__not_encoded),
		T(context__unknown_key_anywhere__refused),
		T(S6__context_too_large__refused),
		T(state__established__round_trip),
		T(state__established_without_bank__refused),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
