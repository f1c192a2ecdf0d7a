/* SPDX-License-Identifier: Apache-2.0 */
/* A policy that is staged: taken in only signed and newer, judged beside the one in force without touching an answer, and
 * put in force once, by whoever may, with what was meant (app_staged.c, api_policies.c, rows_policies.c, policy_ref.c). */
#include <pthread.h>

#include "tests/unit/verifier/content.h"
#include "tests/unit/verifier/held.h"
#include "tests/unit/verifier/schema_undo.h"
#include "tests/unit/verifier/staged_world.h"
#include "verifier/app_policy.h"

/* Nothing is judged beside the one in force any more. */
static void assert_none_staged(void)
{
	int64_t seq = 0;
	struct policy_ref *ref = app_staged(w.app, &seq);

	assert_null(ref);
}

static void refused_conflict(int version, const char *why)
{
	struct buf text = {0}, sig = {0};

	text_of(version, "", &text);
	envelope(buf_bytes(&text), BY(anna, bert), &sig);
	refused(buf_bytes(&sig), 409, why);
	buf_release(&text);
	buf_release(&sig);
}

/* ---- staging ---- */

static void stage__signed_and_newer__kept_and_without_effect(void **state)
{
	char digest[2 * SHA256_LEN + 1];

	(void)state;
	world_start(&w);
	assert_policies("1 in-force");
	stage(2, "", 201, digest);
	assert_policies("2 staged, 1 in-force");
	assert_in_force(1);
	json_t *e = entry("policy-staged");
	assert_string_equal(said(e, "digest"), digest);
	assert_string_equal(said(e, "by"), "spiffe://bank.example/operator/admin/test");
	assert_int_equal(json_array_size(json_object_get(e, "signed_by")), 2);
	json_decref(e);
	stage(2, "", 200, digest);
	assert_policies("2 staged, 1 in-force");
}

static void P5__staged_by_one_signer_twice_or_a_stranger__refused(void **state)
{
	struct buf text = {0}, sig = {0}, more = {0};

	(void)state;
	world_start(&w);
	text_of(2, "", &text);
	envelope(buf_bytes(&text), BY(anna), &sig);
	refused(buf_bytes(&sig), 403, "1 of the keys that count signed: anna; 2 must");
	assert_ok(dsse_add_signature(buf_bytes(&sig), anna, &more, &w.err), w.err);
	refused(buf_bytes(&more), 403, "1 of the keys that count signed: anna; 2 must");
	envelope(buf_bytes(&text), BY(anna, other), &sig);
	refused(buf_bytes(&sig), 403, "1 of the keys that count signed: anna; 2 must");
	buf_clear(&sig);
	assert_ok(dsse_sign(DSSE_INTOTO_TYPE, buf_bytes(&text), anna, &sig, &w.err), w.err);
	refused(buf_bytes(&sig), 403, "not over a policy");
	refused(BYTES_LIT("{}"), 400, "malformed");
	assert_policies("1 in-force");
	buf_release(&text);
	buf_release(&sig);
	buf_release(&more);
}

static void stage__what_no_verifier_would_take__refused(void **state)
{
	struct buf text = {0}, sig = {0};

	(void)state;
	world_start(&w);
	text_of(2, "    renew_after: 20m\n", &text);
	envelope(buf_bytes(&text), BY(anna, bert), &sig);
	refused(buf_bytes(&sig), 400, "renew_after: must be shorter than credential_lifetime");
	text_of(2,
		"    host_classes: [h]\nhost_classes: [{name: h, references: [{kind: golden-log, "
		"sha256: 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff}]}]\n",
		&text);
	envelope(buf_bytes(&text), BY(anna, bert), &sig);
	refused(buf_bytes(&sig), 404, "references");
	text_of(2, "", &text);
	memcpy(strstr(buf_str(&text), "bank.example"), "tank.example", 12);
	envelope(buf_bytes(&text), BY(anna, bert), &sig);
	refused(buf_bytes(&sig), 400, "trust_domain: tank.example is not this verifier's");
	assert_policies("1 in-force");
	buf_release(&text);
	buf_release(&sig);
}

static void P9__staged_version_equal_or_lower__refused(void **state)
{
	char digest[2 * SHA256_LEN + 1], first[2 * SHA256_LEN + 1];

	(void)state;
	world_start(&w);
	stage(3, "", 201, first);
	ordered(3, "activate", first, "", 200);
	assert_in_force(3);
	stage(3, "    pinned: true\n", 409, digest);
	refused_conflict(2, "version 2 is not above version 3, which is in force");
	assert_policies("3 in-force, 1 superseded");
}

static void stage__another_one_waits__refused_until_it_is_withdrawn(void **state)
{
	char two[2 * SHA256_LEN + 1], three[2 * SHA256_LEN + 1];

	(void)state;
	world_start(&w);
	stage(2, "", 201, two);
	refused_conflict(3, "version 2 is staged: withdraw it first");
	assert_conflict(3, two, "version 3 is not staged");
	ordered(2, "withdraw", two, ",\"at\":\"2027-01-01T00:00:00Z\"", 400);
	ordered(2, "withdraw", two, "", 200);
	assert_policies("2 withdrawn, 1 in-force");
	json_t *e = entry("policy-withdrawn");
	assert_string_equal(said(e, "reason"), "because");
	assert_string_equal(said(e, "by"), "spiffe://bank.example/operator/admin/test");
	json_decref(e);
	assert_conflict(2, two, "version 2 is not staged");
	stage(3, "", 201, three);
	assert_policies("3 staged, 2 withdrawn, 1 in-force");
}

static void stage__no_policy_keys__refused(void **state)
{
	struct buf text = {0}, sig = {0};

	(void)state;
	signers = NULL;
	world_start(&w);
	text_of(2, "", &text);
	envelope(buf_bytes(&text), BY(anna, bert), &sig);
	refused(buf_bytes(&sig), 400, "this verifier has no policy_keys");
	buf_release(&text);
	buf_release(&sig);
}

/* ---- activating ---- */

static void activate__what_was_meant__in_force_and_in_the_ledger(void **state)
{
	char digest[2 * SHA256_LEN + 1];

	(void)state;
	world_start(&w);
	stage(2, "", 201, digest);
	ordered(2, "activate", digest, "", 200);
	assert_in_force(2);
	assert_policies("2 in-force, 1 superseded");
	assert_none_staged();
	json_t *e = entry("policy");
	assert_string_equal(said(e, "digest"), digest);
	assert_string_equal(said(e, "by"), "spiffe://bank.example/operator/admin/test");
	assert_string_equal(said(e, "reason"), "because");
	assert_int_equal(json_integer_value(json_object_get(e, "threshold")), 2);
	json_decref(e);
	assert_conflict(2, digest, "version 2 is not staged");
}

/* Between looking at it and activating it, somebody staged other content under the same version. */
static void P9__activation_of_a_replaced_policy__refused(void **state)
{
	char meant[2 * SHA256_LEN + 1], replaced[2 * SHA256_LEN + 1];

	(void)state;
	world_start(&w);
	stage(2, "", 201, meant);
	ordered(2, "withdraw", meant, "", 200);
	stage(2, "    pinned: true\n", 201, replaced);
	assert_conflict(2, meant, "staged with other content than was meant");
	assert_in_force(1);
	ordered(2, "activate", replaced, "", 200);
	assert_in_force(2);
}

/* Somebody with a hand on the database gives a staged policy a higher version than its file says. */
static void activate__row_of_another_version_than_the_file__refused(void **state)
{
	char digest[2 * SHA256_LEN + 1], path[128];
	struct sql *sql = NULL;

	(void)state;
	world_start(&w);
	stage(2, "", 201, digest);
	app_close(&w.app);
	(void)world_path(&w, "verifier.db", path);
	assert_ok(test_sql()->open(path, true, &sql, &w.err), w.err);
	assert_ok(
		sql->ops->script(sql, TEST_SQL_DROP_TRIGGER("policies_fixed", "policies"), &w.err),
		w.err);
	assert_ok(sql->ops->script(sql, "UPDATE policies SET version=3 WHERE state=1", &w.err),
		w.err);
	sql_close(&sql);
	assert_true(world_open(&w));
	assert_none_staged();
	ordered(3, "activate", digest, "", 503);
	assert_in_force(1);
}

/* Bert may sign no more: what he signed before does not come into force. */
static void activate__signers_changed_since__refused(void **state)
{
	char digest[2 * SHA256_LEN + 1];
	struct buf policy = {0}, sig = {0};

	(void)state;
	world_start(&w);
	stage(2, "", 201, digest);
	app_close(&w.app);
	configure(OTHERS);
	get("policy.yaml", &policy);
	envelope(buf_bytes(&policy), BY(anna, other), &sig);
	put("policy.yaml.sig", buf_bytes(&sig));
	assert_true(world_open(&w));
	assert_policies("2 staged, 1 in-force");
	json_t *answer = order(2, "activate", digest, "", 403);
	assert_non_null(strstr(message(answer), "1 of the keys that count signed: anna; 2 must"));
	json_decref(answer);
	assert_in_force(1);
	buf_release(&policy);
	buf_release(&sig);
}

struct caller {
	pthread_t thread;
	const char *digest;
	int status;
};

static void *call_main(void *arg)
{
	struct caller *c = arg;
	char body[256];

	(void)snprintf(body, sizeof(body), "{\"digest\":\"%s\",\"reason\":\"race\"}", c->digest);
	struct https_answer a = world_call(&w, &w.admin, "POST", "/v1/policies/2/activate",
		"application/json", bytes_str(body));
	c->status = a.status;
	buf_release(&a.body);
	return NULL;
}

static void activate__two_at_once__one_comes_through(void **state)
{
	struct caller callers[4];
	char digest[2 * SHA256_LEN + 1];
	int done = 0, conflicts = 0;

	(void)state;
	world_start(&w);
	stage(2, "", 201, digest);
	for (size_t i = 0; i < ARRAY_LEN(callers); i++) {
		callers[i].digest = digest;
		assert_int_equal(
			pthread_create(&callers[i].thread, NULL, call_main, &callers[i]), 0);
	}
	for (size_t i = 0; i < ARRAY_LEN(callers); i++) {
		(void)pthread_join(callers[i].thread, NULL);
		done += callers[i].status == 200;
		conflicts += callers[i].status == 409;
	}
	assert_int_equal(done, 1);
	assert_int_equal(conflicts, 3);
	assert_in_force(2);
	assert_policies("2 in-force, 1 superseded");
}

/* Of two policies in the store, the withdrawn one is staged and the other way round: as another verifier may bring about. */
static bool exchange_work(struct store_tx *tx, void *arg, struct err *err)
{
	(void)arg;
	return sql_exec(tx->sql, "UPDATE policies SET state=3, in_force=-1 WHERE state=1",
		       SQL_NO_ARGS, NULL, err) &&
	       sql_exec(tx->sql, "UPDATE policies SET state=1 WHERE state=4", SQL_NO_ARGS, NULL,
		       err) &&
	       sql_exec(tx->sql, "UPDATE policies SET state=4, in_force=0 WHERE in_force=-1",
		       SQL_NO_ARGS, NULL, err);
}

/* What was opened is the other one; when it is to be put in force, what was meant is staged again. */
static void activate__another_staged_for_a_moment__not_that_one_in_its_name(void **state)
{
	char meant[2 * SHA256_LEN + 1], another[2 * SHA256_LEN + 1];

	(void)state;
	world_start(&w);
	stage(3, TIGHTER, 201, another);
	ordered(3, "withdraw", another, "", 200);
	stage(2, "", 201, meant);
	assert_ok(store_run(w.app->store, exchange_work, NULL, &w.err), w.err);
	assert_policies("3 staged, 2 withdrawn, 1 in-force");
	pthread_t thread = hold(&w, exchange_work, NULL);
	assert_conflict(2, meant, "another policy was staged meanwhile");
	held_end(thread);
	assert_policies("3 withdrawn, 2 staged, 1 in-force");
	ordered(2, "activate", meant, "", 200);
	assert_in_force(2);
}

static void activate__commit_that_fails__as_if_never_asked(void **state)
{
	char digest[2 * SHA256_LEN + 1];

	(void)state;
	w.sql = fake_sql_init();
	world_start(&w);
	stage(2, "", 201, digest);
	fake_sql.fail_commit = 1000; /* whoever else commits meanwhile */
	ordered(2, "activate", digest, "", 503);
	fake_sql.fail_commit = 0;
	assert_in_force(1);
	for (int i = 0; i < WAIT_ROUNDS && !store_ready(w.app->store); i++)
		(void)usleep(10000);
	assert_policies("2 staged, 1 in-force");
	ordered(2, "activate", digest, "", 200);
	assert_in_force(2);
}

/* ---- what lasts ---- */

static void restart__between_staging_and_activating__still_staged(void **state)
{
	char digest[2 * SHA256_LEN + 1];

	(void)state;
	world_start(&w);
	stage(2, "", 201, digest);
	app_close(&w.app);
	assert_true(world_open(&w));
	assert_in_force(1);
	assert_policies("2 staged, 1 in-force");
	ordered(2, "activate", digest, "", 200);
	assert_in_force(2);
}

/* The file still holds version 1: what was activated stays, at start and at every reading. */
static void restart__after_activating__the_older_file_is_passed_over(void **state)
{
	char digest[2 * SHA256_LEN + 1];

	(void)state;
	world_start(&w);
	stage(2, "", 201, digest);
	ordered(2, "activate", digest, "", 200);
	app_close(&w.app);
	assert_true(world_open(&w));
	assert_in_force(2);
	assert_ok(app_policy_load(w.app, &w.err), w.err);
	assert_in_force(2);
	assert_policies("2 in-force, 1 superseded");
}

static void restart__file_of_the_same_version_and_other_content__refused(void **state)
{
	char digest[2 * SHA256_LEN + 1];
	struct buf text = {0}, sig = {0};

	(void)state;
	world_start(&w);
	stage(2, "", 201, digest);
	ordered(2, "activate", digest, "", 200);
	text_of(2, "    pinned: true\n", &text);
	envelope(buf_bytes(&text), BY(anna, bert), &sig);
	put("policy.yaml", buf_bytes(&text));
	put("policy.yaml.sig", buf_bytes(&sig));
	assert_false(app_policy_load(w.app, &w.err));
	assert_int_equal(w.err.code, ERR_CONFIG);
	assert_non_null(strstr(w.err.text, "version 2 is in force with other content"));
	assert_in_force(2);
	app_close(&w.app);
	assert_false(world_open(&w));
	buf_release(&text);
	buf_release(&sig);
}

/* In force, and no longer signed by enough of those who count now: nothing is decided by it. */
static void restart__activated_policy_that_no_longer_stands__start_refused(void **state)
{
	char digest[2 * SHA256_LEN + 1];
	struct buf policy = {0}, sig = {0};

	(void)state;
	world_start(&w);
	stage(2, "", 201, digest);
	ordered(2, "activate", digest, "", 200);
	app_close(&w.app);
	configure(OTHERS);
	get("policy.yaml", &policy);
	envelope(buf_bytes(&policy), BY(anna, other), &sig);
	put("policy.yaml.sig", buf_bytes(&sig));
	assert_false(world_open(&w));
	assert_int_equal(w.err.code, ERR_DENIED);
	assert_non_null(strstr(w.err.text, "the policy in force, which the file does not hold: "
					   "stored policy 2.sig: signature: 1 of the keys"));
	buf_release(&policy);
	buf_release(&sig);
}

static void file__newer_than_what_is_staged__overtakes_it(void **state)
{
	char digest[2 * SHA256_LEN + 1];
	struct buf text = {0}, sig = {0};

	(void)state;
	world_start(&w);
	stage(2, "", 201, digest);
	text_of(3, "", &text);
	envelope(buf_bytes(&text), BY(anna, bert), &sig);
	put("policy.yaml", buf_bytes(&text));
	put("policy.yaml.sig", buf_bytes(&sig));
	assert_ok(app_policy_load(w.app, &w.err), w.err);
	assert_in_force(3);
	assert_policies("3 in-force, 2 superseded, 1 superseded");
	assert_none_staged();
	assert_conflict(2, digest, "version 2 is not staged");
	buf_release(&text);
	buf_release(&sig);
}

static void kept__every_version__its_file_and_its_signature(void **state)
{
	char digest[2 * SHA256_LEN + 1];
	struct buf file = {0}, sig = {0};
	static const char *const paths[] = {"/v1/policies/1", "/v1/policies/1/signature"};

	(void)state;
	world_start(&w);
	stage(2, "", 201, digest);
	ordered(2, "activate", digest, "", 200);
	get("policy.yaml", &file);
	get("policy.yaml.sig", &sig);
	for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
		struct https_answer a =
			world_call(&w, &w.auditor, "GET", paths[i], NULL, (struct bytes){0});

		assert_int_equal(a.status, 200);
		assert_bytes(buf_bytes(&a.body), buf_bytes(i ? &sig : &file));
		buf_release(&a.body);
	}
	world_do(&w, &w.auditor, "GET", "/v1/policies/3", NULL, 404);
	world_do(&w, &w.auditor, "GET", "/v1/policies/x", NULL, 404);
	world_do(&w, &w.auditor, "GET", "/v1/policies/01", NULL, 404);
	buf_release(&file);
	buf_release(&sig);
}

/* A database from before policies had rows. */
static void migrate__policies_of_schema_4__found_in_the_ledger(void **state)
{
	char digest[2 * SHA256_LEN + 1], path[128];
	struct sql *sql = NULL;
	struct vault *vault = NULL;
	struct key *kek = NULL;

	(void)state;
	world_start(&w);
	stage(2, "", 201, digest);
	ordered(2, "activate", digest, "", 200);
	app_close(&w.app);
	(void)world_path(&w, "verifier.db", path);
	assert_ok(test_sql()->open(path, true, &sql, &w.err), w.err);
	(void)world_path(&w, "content.key", path);
	assert_ok(key_from_uri(path, &kek, &w.err), w.err);
	vault = content_vault(sql, kek);
	content_unseal(sql);
	schema_undo(sql, 8);
	assert_ok(store_migrate(sql, &w.err), w.err);
	sql_close(&sql);
	vault_free(&vault);
	key_unref(&kek);
	/* It is not known any more that version 2 was staged: a file that is older is then refused, but where another verifier on
	 * the database may have brought it. */
	bool opened = world_open(&w);
	assert_int_equal(opened, test_sql_is_postgres());
	if (opened)
		app_close(&w.app);
	else
		assert_non_null(strstr(w.err.text, "version 2 is in force with other content"));
	struct buf text = {0}, sig = {0};
	text_of(2, "", &text);
	envelope(buf_bytes(&text), BY(anna, bert), &sig);
	put("policy.yaml", buf_bytes(&text));
	put("policy.yaml.sig", buf_bytes(&sig));
	assert_true(world_open(&w));
	assert_policies("2 in-force, 1 superseded");
	buf_release(&text);
	buf_release(&sig);
}

/* ---- at a time ---- */

static const char *at_of(int64_t from_now, char out[64])
{
	char time[TIME_TEXT_MAX];

	(void)snprintf(
		out, 64, ",\"at\":\"%s\"", time_format(clock_wall(&shifted.base) + from_now, time));
	return out;
}

static void wait_in_force(int64_t version)
{
	for (int i = 0; i < WAIT_ROUNDS && in_force() != version; i++)
		(void)usleep(10000);
	assert_in_force(version);
}

/* By both clocks, as it does. */
static void time_passes(int64_t seconds)
{
	shifted.later_ms += (uint64_t)seconds * 1000;
	shifted.shift += seconds;
}

/* Time passes until then: what the thread has seen of the clock by now depends on the machine. */
static void in_force_with_time(int64_t version)
{
	for (int i = 0; i < 20 && in_force() != version; i++) {
		time_passes(700);
		for (int k = 0; k < 200 && in_force() != version; k++)
			(void)usleep(10000);
	}
	assert_in_force(version);
}

static void activate__at_a_time__not_before_and_once(void **state)
{
	char digest[2 * SHA256_LEN + 1], at[64];

	(void)state;
	world_start(&w);
	stage(2, "", 201, digest);
	ordered(2, "activate", digest, at_of(-5, at), 400);
	ordered(2, "activate", digest, at_of(400 * (int64_t)86400, at), 400);
	ordered(2, "activate", digest, ",\"at\":\"tomorrow\"", 400);
	ordered(2, "activate", digest, at_of(600, at), 200);
	json_t *e = entry("policy-activation-set");
	assert_non_null(said(e, "at"));
	assert_string_equal(said(e, "by"), "spiffe://bank.example/operator/admin/test");
	json_decref(e);
	/* The clock goes back: it is as far away as the clock says. */
	shifted.shift = -86400;
	(void)usleep(1200000);
	assert_in_force(1);
	shifted.shift = 0;
	in_force_with_time(2);
	e = entry("policy");
	assert_string_equal(said(e, "by"), "spiffe://bank.example/operator/admin/test");
	json_decref(e);
	/* In force is in force, whatever the clock says afterwards. */
	shifted.shift = -86400;
	assert_ok(app_policy_load(w.app, &w.err), w.err);
	assert_in_force(2);
	shifted.shift = 0;
	assert_policies("2 in-force, 1 superseded");
}

static void activate__at_a_time_that_came_while_it_was_down__at_start(void **state)
{
	char digest[2 * SHA256_LEN + 1], at[64];

	(void)state;
	world_start(&w);
	stage(2, "", 201, digest);
	ordered(2, "activate", digest, at_of(600, at), 200);
	app_close(&w.app);
	shifted.shift = 700;
	assert_true(world_open(&w));
	wait_in_force(2);
}

static void activate__at_a_time_and_the_clock_ahead_for_a_moment__not_before(void **state)
{
	char digest[2 * SHA256_LEN + 1], at[64];

	(void)state;
	world_start(&w);
	stage(2, "", 201, digest);
	ordered(2, "activate", digest, at_of(900, at), 200);
	shifted.shift = 1000;
	(void)usleep(2500000);
	shifted.shift = 0;
	assert_in_force(1);
	in_force_with_time(2);
}

/* Right from then on: it counts when it has stood for a while. */
static void activate__at_a_time_and_the_clock_set_right__soon(void **state)
{
	char digest[2 * SHA256_LEN + 1], at[64];

	(void)state;
	world_start(&w);
	stage(2, "", 201, digest);
	ordered(2, "activate", digest, at_of(900, at), 200);
	shifted.shift = 1000;
	(void)usleep(2500000);
	assert_in_force(1);
	in_force_with_time(2);
}

static void activate__at_a_time_and_withdrawn__never(void **state)
{
	char digest[2 * SHA256_LEN + 1], at[64];

	(void)state;
	world_start(&w);
	stage(2, "", 201, digest);
	ordered(2, "activate", digest, at_of(600, at), 200);
	ordered(2, "withdraw", digest, "", 200);
	time_passes(700);
	(void)usleep(1200000);
	assert_in_force(1);
	assert_policies("2 withdrawn, 1 in-force");
}

#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(stage__signed_and_newer__kept_and_without_effect),
		T(P5__staged_by_one_signer_twice_or_a_stranger__refused),
		T(stage__what_no_verifier_would_take__refused),
		T(P9__staged_version_equal_or_lower__refused),
		T(stage__another_one_waits__refused_until_it_is_withdrawn),
		T(stage__no_policy_keys__refused),
		T(activate__what_was_meant__in_force_and_in_the_ledger),
		T(P9__activation_of_a_replaced_policy__refused),
		T(activate__row_of_another_version_than_the_file__refused),
		T(activate__signers_changed_since__refused),
		T(activate__two_at_once__one_comes_through),
		T(activate__another_staged_for_a_moment__not_that_one_in_its_name),
		T(activate__commit_that_fails__as_if_never_asked),
		T(restart__between_staging_and_activating__still_staged),
		T(restart__after_activating__the_older_file_is_passed_over),
		T(restart__file_of_the_same_version_and_other_content__refused),
		T(restart__activated_policy_that_no_longer_stands__start_refused),
		T(file__newer_than_what_is_staged__overtakes_it),
		T(kept__every_version__its_file_and_its_signature),
		T(migrate__policies_of_schema_4__found_in_the_ledger),
		T(activate__at_a_time__not_before_and_once),
		T(activate__at_a_time_that_came_while_it_was_down__at_start),
		T(activate__at_a_time_and_the_clock_ahead_for_a_moment__not_before),
		T(activate__at_a_time_and_the_clock_set_right__soon),
		T(activate__at_a_time_and_withdrawn__never),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
