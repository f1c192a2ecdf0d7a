/* SPDX-License-Identifier: Apache-2.0 */
/* What a renewal stands on (audit_earlier.c, audit_links.c): proven back to the full appraisal, or said
 * to be somebody's word. */
#include "tests/unit/ledger/audit_world.h"

#define STATE "earlier state"
#define FULL  "launch and EK certificate"

static struct scene_keys keys;
static struct key *verifier;
static struct audit_world *w;
static struct scene *s;
static struct audit_anchors anchors;
static struct err err;

static int group_setup(void **state)
{
	(void)state;
	scene_keys_make(&keys);
	assert_ok(key_generate(KEY_EC_P256, &verifier, &err), err);
	return 0;
}

static int group_teardown(void **state)
{
	(void)state;
	scene_keys_free(&keys);
	key_unref(&verifier);
	return 0;
}

/* The state that the record established, as the verifier stores it. */
static void stand_on(size_t index)
{
	s->state_in = s->state_out;
	memcpy(s->state_in.record, w->records[index].hash, SHA256_LEN);
}

static size_t renew(size_t index)
{
	stand_on(index);
	s->context.now += 60;
	s->context.challenge.issued += 60;
	s->context.challenge.expires += 60;
	s->context.challenge.counter++;
	s->claims.runtime_first = s->log_next;
	buf_clear(&s->log);
	s->attest.clock += 60000;
	scene_run(s);
	return world_keep(w, s);
}

/* A launch and three renewals: records 0 to 3. */
static int setup(void **state)
{
	(void)state;
	w = calloc(1, sizeof(*w));
	assert_non_null(w);
	w->verifier = verifier;
	anchors = (struct audit_anchors){.keys = &verifier, .key_count = 1};
	s = scene_new(&keys);
	scene_run(s);
	assert_trusted(s);
	(void)world_keep(w, s);
	s->context.challenge.purpose = s->claims.purpose = PURPOSE_RENEW;
	s->claims.running = true;
	for (size_t i = 0; i < 3; i++) {
		(void)renew(i);
		assert_trusted(s);
	}
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	scene_free(s);
	audit_world_clear(w);
	free(w);
	return 0;
}

static void audit(void)
{
	world_audit(w, &anchors);
}

static void audit_last(void)
{
	world_bundle(w, w->count - 1);
	world_chain(w, w->count - 2, 0);
	world_chain_seal(w);
	audit();
}

static void assert_leaf(const char *what, enum audit_step_result result, const char *detail)
{
	const struct audit_step *step = world_leaf(w, what, result, false);

	if (!step)
		world_print(w);
	assert_non_null(step);
	if (!strstr(step->detail, detail))
		world_print(w);
	assert_non_null(strstr(step->detail, detail));
}

/* The chain, and nothing but the chain, does not hold. */
static void assert_broken(const char *detail)
{
	size_t failures = 0;

	assert_leaf(STATE, AUDIT_FAILED, detail);
	assert_leaf(FULL, AUDIT_NOT_CHECKED, "the chain to it does not hold");
	for (size_t i = 0; i < w->report.step_count; i++)
		failures += w->report.steps[i].result == AUDIT_FAILED;
	assert_int_equal(failures, 1);
	assert_false(w->report.consistent);
	assert_false(w->report.grounded);
}

static void chain__to_the_launch__proven(void **state)
{
	(void)state;
	audit_last();
	if (!w->report.consistent)
		world_print(w);
	assert_true(w->report.consistent);
	assert_true(w->report.grounded);
	assert_leaf(STATE, AUDIT_PROVED, "3 records back to the full appraisal ");
	assert_leaf(FULL, AUDIT_PROVED, "of 2027-01-15T08:00:00Z, a launch: see below");
	/* The full appraisal's own leaves hang below. */
	assert_non_null(world_leaf(w, "quote", AUDIT_PROVED, true));
	assert_non_null(world_leaf(w, "EK certificate chain", AUDIT_PROVED, true));
	assert_non_null(world_leaf(w, "inclusion in the ledger", AUDIT_PROVED, true));
	assert_leaf("EK certificate chain", AUDIT_NOT_CHECKED, "judged by the full appraisal");
}

static void chain__of_a_refused_renewal__proven_too(void **state)
{
	(void)state;
	s->context.host.state = HOST_QUARANTINED;
	(void)renew(3);
	assert_refused(s, REASON_HOST_STATE);
	audit_last();
	assert_true(w->report.consistent);
	assert_true(w->report.grounded);
}

/* Refused for a policy that came since, it stands on what the one before was judged by. */
static void chain__under_a_policy_of_before__proven(void **state)
{
	(void)state;
	s->top_lines = "# another\n";
	scene_policy(s);
	(void)renew(3);
	assert_refused(s, REASON_STATE_STALE);
	audit_last();
	assert_true(w->report.consistent);
	assert_true(w->report.grounded);
}

static void chain__none_or_cut__asserted_and_failed_on_demand(void **state)
{
	(void)state;
	world_bundle(w, 3);
	audit();
	assert_true(w->report.consistent);
	assert_false(w->report.grounded);
	assert_leaf(STATE, AUDIT_ASSERTED, "taken from record ");
	assert_leaf(FULL, AUDIT_NOT_CHECKED, "judged by the full appraisal");
	world_chain(w, 2, 1);
	world_chain_seal(w);
	audit();
	assert_true(w->report.consistent);
	assert_false(w->report.grounded);
	assert_leaf(STATE, AUDIT_ASSERTED, "2 records back it is reached again; what record ");
	anchors.demand_full = true;
	audit();
	assert_false(w->report.consistent);
	assert_leaf(STATE, AUDIT_FAILED, "is not here");
}

static void launch__stands_on_itself__grounded(void **state)
{
	(void)state;
	anchors.demand_full = true;
	world_bundle(w, 0);
	audit();
	assert_true(w->report.consistent);
	assert_true(w->report.grounded);
	assert_null(world_leaf(w, STATE, AUDIT_ASSERTED, false));
	/* Records behind what stands on none prove nothing, and are not there for nothing. */
	world_chain(w, 2, 1);
	world_chain_seal(w);
	audit();
	assert_leaf(STATE, AUDIT_FAILED, "it stands on none");
}

/* ---- what is wrong with a chain ---- */

static void T10__record_of_the_chain_missing__broken(void **state)
{
	(void)state;
	world_bundle(w, 3);
	world_chain(w, 1, 0); /* without record 2 */
	world_chain_seal(w);
	audit();
	assert_broken("record 1 back is another one than the state names");
}

static void T7__records_of_the_chain_exchanged__broken(void **state)
{
	struct audit_link first;

	(void)state;
	world_bundle(w, 3);
	world_chain(w, 2, 0);
	first = w->links[1];
	w->links[1] = w->links[2];
	w->links[2] = first;
	world_chain_seal(w);
	audit();
	assert_broken("record 2 back is another one than the state names");
}

static void chain__more_than_it_needs__broken(void **state)
{
	(void)state;
	world_bundle(w, 3);
	world_chain(w, 2, 0);
	w->links[3] = w->links[2];
	w->chained.count = 4;
	world_chain_seal(w);
	audit();
	assert_broken("1 records lie behind the full appraisal");
}

static void T1__record_of_the_chain_not_in_the_tree__broken(void **state)
{
	(void)state;
	world_bundle(w, 3);
	world_chain(w, 2, 0);
	w->links[1].proof = w->links[0].proof;
	world_chain_seal(w);
	audit();
	assert_broken("record 2 back: inclusion in the ledger: the leaf is not in the tree");
}

static void T1__record_of_the_chain_altered__broken(void **state)
{
	(void)state;
	world_bundle(w, 3);
	world_chain(w, 2, 0);
	w->records[1].cose.data[w->records[1].cose.len - 1] ^= 1;
	world_chain_seal(w);
	audit();
	assert_broken("record 2 back: record signature: the bundle brings no certificate");
}

static void T10__object_of_the_chain_missing__broken(void **state)
{
	(void)state;
	world_bundle(w, 3);
	world_chain(w, 2, 0);
	w->records[1].objects[1].data[0] ^= 1; /* the evidence */
	world_chain_seal(w);
	audit();
	assert_broken("record 2 back: input evidence: not reproducible");
}

/* The verifier kept another state than the record before established, and signed all of it. */
static void chain__renewal_on_an_invented_state__broken(void **state)
{
	(void)state;
	s->state_out.unpinned = !s->state_out.unpinned;
	(void)renew(3);
	audit_last();
	assert_broken("record 1 back established another state than is stood on");
}

/* What was refused establishes nothing; its leaf hash in a state makes it no trust. */
static void chain__renewal_on_a_refusal__broken(void **state)
{
	struct policy_state good = s->state_out;

	(void)state;
	s->context.host.state = HOST_QUARANTINED;
	(void)renew(3);
	s->context.host.state = HOST_ACTIVE;
	s->state_out = good;
	(void)renew(4);
	assert_trusted(s);
	audit_last();
	assert_broken("record 1 back is a refusal: it established nothing");
}

/* The verifier lied in a renewal that later ones stand on. */
static void chain__verdict_in_it_is_a_lie__broken(void **state)
{
	struct verdict *honest = calloc(1, sizeof(*honest));

	(void)state;
	assert_non_null(honest);
	*honest = *s->verdict;
	stand_on(3);
	s->context.host.state = HOST_QUARANTINED;
	scene_judge(s);
	s->state_out = s->state_in;
	(void)world_keep_as(w, s, honest);
	free(honest);
	s->context.host.state = HOST_ACTIVE;
	(void)renew(4);
	audit_last();
	assert_broken("record 1 back: ");
}

/* A state may be told afterwards that the instance ended: that takes away, and is the verifier's word. */
static void chain__instance_ended_since__asserted(void **state)
{
	(void)state;
	s->state_out.ended = true;
	(void)renew(3);
	assert_refused(s, REASON_INSTANCE_ENDED);
	audit_last();
	assert_true(w->report.consistent);
	assert_true(w->report.grounded);
	assert_leaf("end of the instance", AUDIT_ASSERTED, "the verifier says that it ended since");
}

/* A verifier that lets one instance stand on what another one established. */
static void chain__of_another_instance__broken(void **state)
{
	(void)state;
	memset(s->context.challenge.instance, 0x22, INSTANCE_ID_LEN);
	memset(s->claims.instance, 0x22, INSTANCE_ID_LEN);
	(void)renew(3);
	assert_trusted(s);
	audit_last();
	assert_broken("record 1 back is of another host or instance");
}

static void chain__record_tells_another_story__broken(void **state)
{
	(void)state;
	w->records[3].record.instance[0] ^= 1;
	world_seal(w, 3);
	(void)renew(3);
	audit_last();
	assert_broken("record 1 back: record and its inputs: the record and its inputs speak");
}

/* Nobody stands on what the ledger took in later. */
static void T7__record_of_the_chain_behind_in_the_ledger__broken(void **state)
{
	struct kept last = w->records[3];

	(void)state;
	w->records[3] = w->records[2];
	w->records[2] = last;
	world_bundle(w, 2);
	world_chain(w, 3, 0);
	w->links[1] = w->links[2];
	w->links[2] = w->links[3];
	w->chained.count = 3;
	world_chain_seal(w);
	audit();
	assert_broken("record 1 back stands in the ledger behind this one");
}

/* ---- the format ---- */

static void links__encoded__read_back(void **state)
{
	struct audit_links back = {0};
	struct buf again = {0};

	(void)state;
	world_bundle(w, 3);
	world_chain(w, 2, 0);
	world_chain_seal(w);
	assert_ok(audit_links_decode(buf_bytes(&w->chain), &back, &err), err);
	assert_int_equal(back.count, 3);
	assert_int_equal(back.object_count, w->chained.object_count);
	assert_int_equal(back.links[2].index, 0);
	assert_ok(audit_links_encode(&back, &again, &err), err);
	assert_bytes(buf_bytes(&again), buf_bytes(&w->chain));
	audit_links_release(&back);
	for (size_t n = 0; n < w->chain.len; n += 131) {
		err = (struct err){0};
		assert_false(audit_links_decode(bytes_of(w->chain.data, n), &back, &err));
		assert_int_equal(err.code, ERR_FORMAT);
		assert_null(back.links);
	}
	buf_release(&again);
}

static void links__out_of_bounds__refused(void **state)
{
	/* {1: [[h'00', h'00', …]], 2: []}: of one part, and with another key. */
	static const struct {
		struct bytes in;
		const char *why;
	} cases[] = {
		{BYTES_LIT("\xa2\x01\x81\x81\x41\x00\x02\x80"), "not five parts"},
		{BYTES_LIT("\xa3\x01\x80\x02\x80\x03\x80"), "audit chain"},
		{BYTES_LIT("\xa1\x01\x80"), "objects"},
	};
	struct audit_links many = {.count = AUDIT_LINKS_MAX + 1}, back = {0};
	struct buf out = {0};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		err = (struct err){0};
		assert_false(audit_links_decode(cases[i].in, &back, &err));
		assert_int_equal(err.code, ERR_FORMAT);
		assert_non_null(strstr(err.text, cases[i].why));
	}
	assert_false(audit_links_encode(&many, &out, &err));
	assert_int_equal(err.code, ERR_LIMIT);
	many = (struct audit_links){.object_count = AUDIT_LINK_OBJECTS_MAX + 1};
	assert_false(audit_links_encode(&many, &out, &err));
	assert_false(audit_links_decode(bytes_of(out.data, AUDIT_BUNDLE_MAX + 1), &back, &err));
	assert_int_equal(err.code, ERR_LIMIT);
	buf_release(&out);
}

static void T12__chain_is_junk__broken(void **state)
{
	(void)state;
	world_bundle(w, 3);
	w->b.chain = BYTES_LIT("junk");
	audit();
	assert_broken("audit chain: ");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(chain__to_the_launch__proven),
		T(chain__of_a_refused_renewal__proven_too),
		T(chain__under_a_policy_of_before__proven),
		T(chain__none_or_cut__asserted_and_failed_on_demand),
		T(launch__stands_on_itself__grounded),
		T(T10__record_of_the_chain_missing__broken),
		T(T7__records_of_the_chain_exchanged__broken),
		T(chain__more_than_it_needs__broken),
		T(T1__record_of_the_chain_not_in_the_tree__broken),
		T(T1__record_of_the_chain_altered__broken),
		T(T10__object_of_the_chain_missing__broken),
		T(chain__renewal_on_an_invented_state__broken),
		T(chain__renewal_on_a_refusal__broken),
		T(chain__verdict_in_it_is_a_lie__broken),
		T(chain__instance_ended_since__asserted),
		T(chain__of_another_instance__broken),
		T(chain__record_tells_another_story__broken),
		T(T7__record_of_the_chain_behind_in_the_ledger__broken),
		T(links__encoded__read_back),
		T(links__out_of_bounds__refused),
		T(T12__chain_is_junk__broken),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
