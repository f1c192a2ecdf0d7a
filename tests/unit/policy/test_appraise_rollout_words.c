/* SPDX-License-Identifier: Apache-2.0 */
/* What a rollout says: the places and digests in its reasons, word for word, and the gate, which knows no host. */
#include "policy/policy.h"

#include "scene.h"

#define WHICH(state) "rollout ab00000000000000 (" state ", canary 5%)"

static struct scene_keys keys;
static struct scene *s;
static struct rollout_view *rollout;

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
	rollout = &s->context.rollout;
	*rollout = (struct rollout_view){.state = ROLLOUT_RUNNING,
		.id = {0xab},
		.share = 500,
		.changed = SCENE_NOW - 60,
		.drain = 600};
	memset(rollout->release_new, 0x0e, SHA256_LEN);
	memset(rollout->release_old, 0x0d, SHA256_LEN);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	scene_free(s);
	return 0;
}

/* "12.3456%", of all places, cut off. */
static void put_place(char out[ROLLOUT_SHARE_TEXT])
{
	uint64_t place = 0;
	unsigned millionths;

	assert_true(rollout_place(rollout->id, s->context.host.id, &place, NULL));
	millionths = (unsigned)((double)place / 18446744073709551616.0 * 1000000.0);
	snprintf(out, ROLLOUT_SHARE_TEXT, "%u.%04u%%", millionths / 10000, millionths % 10000);
}

static void reason__place_and_release__word_for_word(void **state)
{
	char place[ROLLOUT_SHARE_TEXT], wanted[REASON_TEXT_MAX], hex[2 * SHA256_LEN + 1];
	const struct reason *r = s->verdict->reasons;

	(void)state;
	put_place(place);
	hex_encode(BYTES_OF(s->release_digest), hex);
	scene_run(s);
	assert_refused(s, REASON_ROLLOUT_RELEASE);
	assert_string_equal(r->subject, "release of the workload");
	assert_string_equal(r->actual, hex);
	assert_string_equal(r->where, WHICH("running"));
	memcpy(rollout->release_new, s->release_digest, SHA256_LEN);
	rollout->share = 1;
	scene_run(s);
	if (s->verdict->trusted)
		return; /* one host in ten thousand */
	assert_refused(s, REASON_ROLLOUT_CANARY);
	snprintf(wanted, sizeof(wanted), "a host outside it: place %s", place);
	assert_string_equal(r->actual, wanted);
}

/* ---- the gate ---- */

/* The release, and bytes behind it that are none of its digest. */
static uint8_t release[2 * SHA256_LEN];

static void gate(enum rollout_state state, uint8_t of)
{
	rollout->state = state;
	memset(release, of, SHA256_LEN);
	memset(release + SHA256_LEN, 0x77, SHA256_LEN);
	memset(s->verdict, 0, sizeof(*s->verdict));
	policy_rollout_gate(rollout, release, s->verdict);
}

static void assert_nothing_said(void)
{
	assert_int_equal(s->verdict->reason_count, 0);
	assert_int_equal(s->verdict->checked_count, 0);
	assert_int_equal(s->verdict->not_checked_count, 0);
}

static void gate__running__leaves_the_hosts_open(void **state)
{
	(void)state;
	gate(ROLLOUT_RUNNING, 0x0e);
	assert_int_equal(s->verdict->reason_count, 0);
	assert_int_equal(s->verdict->not_checked_count, 1);
	assert_string_equal(s->verdict->not_checked[0],
		WHICH("running") ": on which hosts; only those of the canary launch it");
}

static void gate__halted_or_rolled_back__refused(void **state)
{
	static const struct {
		enum rollout_state state;
		enum reason_code code;
		const char *actual, *where;
	} cases[] = {
		{ROLLOUT_HALTED, REASON_ROLLOUT_HALTED, "halted since 2027-01-15T07:59:00Z",
			WHICH("halted")},
		{ROLLOUT_ROLLED_BACK, REASON_ROLLOUT_ROLLED_BACK,
			"rolled back since 2027-01-15T07:59:00Z", WHICH("rolled-back")},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		gate(cases[i].state, 0x0e);
		assert_int_equal(s->verdict->reason_count, 1);
		assert_int_equal(s->verdict->reasons[0].code, cases[i].code);
		assert_string_equal(s->verdict->reasons[0].subject, "rollout of the release");
		assert_string_equal(s->verdict->reasons[0].expected, "running or promoted");
		assert_string_equal(s->verdict->reasons[0].actual, cases[i].actual);
		assert_string_equal(s->verdict->reasons[0].where, cases[i].where);
		assert_int_equal(s->verdict->not_checked_count, 0);
	}
}

static void gate__promoted_or_none__nothing_said(void **state)
{
	(void)state;
	gate(ROLLOUT_PROMOTED, 0x0e);
	assert_nothing_said();
	gate(ROLLOUT_NONE, 0x0e);
	assert_nothing_said();
}

static void gate__of_another_release__nothing_said(void **state)
{
	static const enum rollout_state states[] = {
		ROLLOUT_RUNNING, ROLLOUT_HALTED, ROLLOUT_ROLLED_BACK};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(states); i++) {
		gate(states[i], 0x0d);
		assert_nothing_said();
		gate(states[i], 0x0f);
		assert_nothing_said();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(reason__place_and_release__word_for_word),
		T(gate__running__leaves_the_hosts_open),
		T(gate__halted_or_rolled_back__refused),
		T(gate__promoted_or_none__nothing_said),
		T(gate__of_another_release__nothing_said),
#undef T
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
