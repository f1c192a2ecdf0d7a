/* SPDX-License-Identifier: Apache-2.0 */
/* Content goes when its time is over, as a whole history, with a ledger entry, and what is signed stays. */
#include "retention_world.h"

#include "ledger/audit.h"
#include "tests/unit/verifier/content.h"

#define OBJECTS "SELECT count(*) FROM objects WHERE key IS NOT NULL"
#define OWN     "SELECT count(*) FROM record_contents WHERE key IS NOT NULL"
#define WITHIN  "wrapped IS NOT NULL AND substr(wrapped,1,4)<>x'00000000'"
#define BESIDE                                                                                     \
	"SELECT (SELECT count(*) FROM leaf_contents WHERE key IS NOT NULL)+(SELECT count(*) FROM " \
	"leaves WHERE " WITHIN ")"

/* The first policy counts once a sweep has seen it for the grace. */
static void first_grace(void)
{
	sweep();
	age(GRACE);
}

static void sweep__before_the_grace_of_the_first_policy__nothing_goes(void **state)
{
	struct world_attestation a;
	(void)state;
	be(1);
	launch(&a);
	end_instances();
	pass(31 * DAY);
	sweep();
	age(GRACE - 600);
	assert_gone(0);
	age(1200);
	assert_gone(1);
	world_attestation_release(&a);
}

static void sweep__launch_past_its_time__content_goes_and_what_is_signed_stays(void **state)
{
	struct world_attestation a;
	(void)state;
	be(1);
	launch(&a);
	end_instances();
	first_grace();
	assert_gone(0);
	int64_t objects = number(OBJECTS);
	age(22 * DAY);
	assert_gone(0);
	assert_int_equal(number(OWN), 1);
	age(2 * DAY);
	assert_gone(1);
	assert_int_equal(number(OWN), 0);
	assert_int_equal(number(OBJECTS), objects);
	assert_int_equal(number("SELECT count(*) FROM records"), 1);
	assert_true(number("SELECT length(cose) FROM records") > 0);
	json_t *entry = entry_of(LEAF_RETENTION);
	assert_string_equal(said(entry, "event"), "content-destroyed");
	assert_string_equal(said(entry, "by"), "retention");
	assert_int_equal(json_array_size(json_object_get(entry, "records")), 1);
	/* evidence and context; a state or a verdict that reads alike may stay with another record */
	assert_int_equal(json_array_size(json_object_get(entry, "objects")), 2);
	assert_int_equal(
		json_integer_value(json_array_get(json_object_get(entry, "policies"), 0)), 1);
	assert_string_equal(json_string_value(json_array_get(json_object_get(entry, "records"), 0)),
		record_id(0));
	json_decref(entry);
	world_attestation_release(&a);
}

static bool split_work(struct store_tx *tx, void *arg, struct err *err)
{
	(void)arg;
	(void)err;
	content_split(tx->sql, INT64_MAX);
	return true;
}

/* Its objects stand one by one, as they did before they had a row together. */
static void sweep__record_of_an_older_schema__its_objects_go_with_it(void **state)
{
	struct world_attestation a;
	(void)state;
	be(1);
	launch(&a);
	end_instances();
	int64_t objects = number(OBJECTS);
	assert_ok(store_run(w.app->store, split_work, NULL, &w.err), w.err);
	assert_int_equal(number(OBJECTS), objects + 4);
	first_grace();
	age(24 * DAY);
	assert_gone(1);
	assert_int_equal(number(OBJECTS), objects);
	json_t *entry = entry_of(LEAF_RETENTION);
	assert_int_equal(json_array_size(json_object_get(entry, "objects")), 4);
	json_decref(entry);
	world_attestation_release(&a);
}

/* A verifier of before would leave the contents where they are. */
static bool old_program(struct store_tx *tx, void *arg, struct err *err)
{
	(void)arg;
	return sql_exec(tx->sql,
		"INSERT INTO record_gone(idx, entry, time) SELECT idx, idx, 1 FROM records",
		SQL_NO_ARGS, NULL, err);
}

static void record_gone__said_by_a_program_that_knows_no_contents__refused(void **state)
{
	struct world_attestation a;
	(void)state;
	be(1);
	launch(&a);
	assert_false(store_run(w.app->store, old_program, NULL, &w.err));
	if (!strstr(w.err.text, "a program from before record_contents destroys no record"))
		fail_msg("%s", w.err.text);
	assert_gone(0);
	world_attestation_release(&a);
}

static void record__whose_content_went__says_so_and_gives_no_bundle(void **state)
{
	struct world_attestation a;
	char path[160];
	(void)state;
	be(1);
	launch(&a);
	end_instances();
	first_grace();
	(void)snprintf(path, sizeof(path), "/v1/records/%s", record_id(0));
	json_t *record = world_json(&w, &w.auditor, "GET", path, NULL, 200);
	assert_string_equal(said(record, "content"), "kept");
	assert_non_null(json_object_get(record, "verdict"));
	json_decref(record);
	age(30 * DAY);
	record = world_json(&w, &w.auditor, "GET", path, NULL, 200);
	assert_string_equal(said(record, "content"), "destroyed");
	assert_true(strlen(said(record, "destroyed")) == 20);
	assert_int_equal(json_integer_value(json_object_get(record, "destroyed_by_entry")),
		number("SELECT max(idx) FROM entries WHERE type=13"));
	assert_null(json_object_get(record, "verdict"));
	assert_true(json_is_true(json_object_get(record, "trusted")));
	json_decref(record);
	record = records();
	const json_t *first = json_array_get(json_object_get(record, "records"), 0);
	assert_string_equal(said(first, "content"), "destroyed");
	json_decref(record);
	(void)snprintf(path, sizeof(path), "/v1/records/%s/bundle", record_id(0));
	record = world_json(&w, &w.auditor, "GET", path, NULL, 410);
	if (!strstr(message(record), "was destroyed at ") ||
		!strstr(message(record), "as ledger entry "))
		fail_msg("%s", message(record));
	json_decref(record);
	world_attestation_release(&a);
}

/* Its renewals are kept for 10 days alone, the launch for 30: all stay for the launch; and a launch that is
 * past stays for a renewal that rests on it. */
static void sweep__history__kept_as_long_as_its_longest_member(void **state)
{
	struct world_attestation a, b;
	(void)state;
	be(1);
	launch(&a);
	renew(&a, &b);
	end_instances();
	first_grace();
	age(10 * DAY);
	assert_gone(0);
	age(14 * DAY);
	assert_gone(2);
	json_t *entry = entry_of(LEAF_RETENTION);
	/* The newest first. */
	assert_string_equal(json_string_value(json_array_get(json_object_get(entry, "records"), 0)),
		record_id(0));
	json_decref(entry);
	world_attestation_release(&a);
	world_attestation_release(&b);
}

static bool make_old(struct store_tx *tx, void *arg, struct err *err)
{
	(void)arg;
	return sql_exec(tx->sql, "UPDATE histories SET launch=1, first=1", SQL_NO_ARGS, NULL, err);
}

static void sweep__renewal_within_its_time__keeps_the_launch_it_rests_on(void **state)
{
	struct world_attestation a, b;
	(void)state;
	be(1);
	launch(&a);
	renew(&a, &b);
	end_instances();
	assert_ok(store_run(w.app->store, make_old, NULL, &w.err), w.err);
	first_grace();
	assert_gone(0);
	age(2 * DAY);
	assert_gone(0);
	age(2 * DAY);
	assert_gone(2);
	world_attestation_release(&a);
	world_attestation_release(&b);
}

static void sweep__instance_that_runs__keeps_its_history(void **state)
{
	struct world_attestation a;
	(void)state;
	be(1);
	launch(&a);
	first_grace();
	age(23 * DAY + 3600);
	assert_gone(0);
	age(DAY);
	assert_gone(1);
	world_attestation_release(&a);
}

static void sweep__refusal__by_its_own_time(void **state)
{
	struct world_attestation a = {.purpose = PURPOSE_LAUNCH};
	(void)state;
	be(1);
	w.scene->claims.release[0] ^= 1;
	world_attest(&w, &c, &a);
	assert_int_equal(a.status, 200);
	assert_false(a.result.trusted);
	first_grace();
	age(12 * DAY);
	assert_gone(0);
	age(DAY + 3600);
	assert_gone(1);
	world_attestation_release(&a);
}

static void two_refusals(void)
{
	w.scene->claims.release[0] ^= 1;
	for (uint8_t instance = 1; instance <= 2; instance++) {
		struct world_attestation a = {.purpose = PURPOSE_LAUNCH};
		be(instance);
		world_attest(&w, &c, &a);
		assert_false(a.result.trusted);
		world_attestation_release(&a);
	}
	grow_old(1, 5 * DAY);
}

static void bundle_is_there(const char *id)
{
	char path[160];
	(void)snprintf(path, sizeof(path), "/v1/records/%s/bundle", id);
	struct https_answer answer =
		world_call(&w, &w.auditor, "GET", path, NULL, (struct bytes){0});
	assert_int_equal(answer.status, 200);
	buf_release(&answer.body);
}

/* What registers and the policy in force need is left, and nothing of decisions. */
static void nothing_of_decisions(void)
{
	assert_int_equal(number("SELECT count(*) FROM object_refs"), 0);
	assert_int_equal(number(OWN), 0);
	assert_true(number(OBJECTS) > 0);
	assert_int_equal(
		number("SELECT count(*) FROM objects o, meta m WHERE o.key IS NOT NULL AND "
		       "o.digest=m.policy"),
		1);
}

/* The verdicts of two refusals are the same text: each has its own, and the ledger does not say that it is gone as long as
 * somebody has it. */
static void sweep__verdict_that_reads_alike__not_said_to_be_gone(void **state)
{
	struct record_contents left = {0};
	struct sql *sql = NULL;
	(void)state;
	two_refusals();
	assert_int_equal(number("SELECT count(*) FROM record_contents"), 2);
	first_grace();
	age(9 * DAY);
	assert_gone(1);
	json_t *entry = entry_of(LEAF_RETENTION);
	const json_t *objects = json_object_get(entry, "objects");
	assert_int_equal(json_array_size(objects), 2); /* evidence and context */
	uint64_t kept = (uint64_t)number("SELECT idx FROM record_contents WHERE key IS NOT NULL");
	assert_ok(store_read(w.app->store, &sql, &w.err), w.err);
	assert_ok(record_contents_get(sql, kept, &left, &w.err), w.err);
	store_read_done(w.app->store, &sql);
	assert_int_equal(left.count, 4);
	for (size_t i = 0; i < left.count; i++)
		for (size_t k = 0; k < 2; k++) {
			char hex[2 * SHA256_LEN + 1];
			hex_encode(BYTES_OF(left.digests[i]), hex);
			assert_string_not_equal(json_string_value(json_array_get(objects, k)), hex);
		}
	record_contents_release(&left);
	json_decref(entry);
	bundle_is_there(record_id(0));
	age(5 * DAY);
	assert_gone(2);
	nothing_of_decisions();
}

/* As an older schema has them: one object that two records name. It goes with the second. */
static void sweep__object_of_two_records__goes_with_the_last(void **state)
{
	static const char twice[] =
		"SELECT count(*) FROM object_refs r WHERE count=2 AND NOT EXISTS(SELECT 1 FROM "
		"policies p WHERE p.digest=r.digest OR p.signature=r.digest)";
	(void)state;
	two_refusals();
	assert_ok(store_run(w.app->store, split_work, NULL, &w.err), w.err);
	first_grace();
	assert_true(number(twice) > 0);
	age(9 * DAY);
	assert_gone(1);
	assert_int_equal(number(twice), 0);
	assert_int_equal(number("SELECT count(*) FROM object_refs r WHERE NOT EXISTS(SELECT 1 FROM "
				"objects o WHERE o.digest=r.digest AND o.key IS NOT NULL)"),
		0);
	bundle_is_there(record_id(0));
	age(5 * DAY);
	assert_gone(2);
	nothing_of_decisions();
}

static void sweep__again_after_all_went__a_decision_as_ever(void **state)
{
	struct world_attestation a;
	char path[160];
	(void)state;
	be(1);
	launch(&a);
	world_attestation_release(&a);
	end_instances();
	grow_old(1, 40 * DAY);
	first_grace();
	assert_gone(1);
	/* Objects that went are stored again where they come again. */
	be(2);
	a = (struct world_attestation){.purpose = PURPOSE_LAUNCH};
	world_attest(&w, &c, &a);
	(void)snprintf(path, sizeof(path), "/v1/records/%s/bundle", record_id(0));
	struct https_answer answer =
		world_call(&w, &w.auditor, "GET", path, NULL, (struct bytes){0});
	assert_int_equal(answer.status, 200);
	struct audit_report report;
	assert_ok(audit_run(buf_bytes(&answer.body), NULL, &report, &w.err), w.err);
	assert_true(report.consistent);
	audit_report_release(&report);
	buf_release(&answer.body);
	world_attestation_release(&a);
}

static int64_t entries_total(void)
{
	json_t *s = status();
	int64_t n = json_integer_value(json_object_get(s, "entries_total"));
	json_decref(s);
	return n;
}

/* What was appended since the last sweep is noted by the next, and counted all the same. */
static void status__entries_not_noted_yet__counted(void **state)
{
	struct world_attestation a;
	(void)state;
	int64_t before = entries_total();
	be(1);
	launch(&a);
	world_attestation_release(&a);
	int64_t after = entries_total();
	/* What was issued, and the version's floor; the decision is no entry of its own. */
	assert_int_equal(after, before + 2);
	note_entries();
	assert_int_equal(entries_total(), after);
	assert_int_equal(number("SELECT count(*) FROM entries"), after);
}

static void sweep__entries__those_with_a_time_go_and_the_leaf_stays(void **state)
{
	struct world_attestation a;
	(void)state;
	be(1);
	launch(&a);
	world_attestation_release(&a);
	int64_t all = number("SELECT count(*) FROM leaves");
	int64_t with = number(BESIDE);
	int64_t mine = number("SELECT count(*) FROM entries WHERE type IN (2, 8)");
	assert_true(mine >= 2);
	first_grace();
	age(34 * DAY);
	assert_int_equal(number("SELECT count(*) FROM entries WHERE gone IS NOT NULL"), mine);
	int64_t appended = number("SELECT count(*) FROM entries WHERE type=13");
	assert_int_equal(number("SELECT count(*) FROM leaves"), all + appended);
	assert_int_equal(number(BESIDE), with - mine + appended);
	assert_int_equal(number("SELECT count(*) FROM leaf_contents c, entries e WHERE e.idx=c.idx "
				"AND e.gone IS NOT NULL AND c.key IS NOT NULL"),
		0);
	assert_int_equal(number("SELECT count(*) FROM leaves l, entries e WHERE e.idx=l.idx AND "
				"e.gone IS NOT NULL AND " WITHIN),
		0);
	json_t *entry = entry_of(LEAF_RETENTION);
	assert_true(json_array_size(json_object_get(entry, "entries")) > 0);
	json_decref(entry);
	/* The ledger is what it was: the service opens over it. */
	https_close(&c);
	app_close(&w.app);
	if (!world_open(&w))
		fail_msg("%s", w.err.text);
	assert_true(world_connect(&w, &c));
}

static void leaf__of_a_decision_or_its_bytes__cannot_be_changed(void **state)
{
	struct world_attestation a;
	static const char *const texts[] = {
		"UPDATE leaves SET bytes=x'00'",
		"UPDATE leaves SET hash=x'00'",
		"DELETE FROM leaves",
		"DELETE FROM record_gone",
		"UPDATE holds SET reason=''",
		"DELETE FROM holds",
	};
	(void)state;
	be(1);
	launch(&a);
	world_attestation_release(&a);
	end_instances();
	json_decref(post(&w.admin, "/v1/holds", 201,
		"{\"from\":\"2001-01-01T00:00:00Z\",\"to\":"
		"\"2001-01-02T00:00:00Z\",\"reason\":\"r\"}"));
	first_grace();
	age(30 * DAY);
	https_close(&c);
	app_close(&w.app);
	struct sql *sql = NULL;
	char path[128];
	(void)world_path(&w, "verifier.db", path);
	assert_ok(test_sql()->open(path, true, &sql, &w.err), w.err);
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		struct err err = {0};
		if (test_sql()->script(sql, texts[i], &err))
			fail_msg("done: %s", texts[i]);
	}
	sql_close(&sql);
	assert_true(world_open(&w));
	assert_true(world_connect(&w, &c));
}

/* ---- a dry run, and one that is asked for ---- */

static void sweep__dry_run__tells_what_then_really_goes(void **state)
{
	struct world_attestation a, b;
	(void)state;
	be(1);
	launch(&a);
	renew(&a, &b);
	end_instances();
	first_grace();
	pass(40 * DAY);
	int64_t leaves = number("SELECT count(*) FROM leaves");
	json_t *dry = post(&w.admin, "/v1/retention/sweep", 200, "{\"dry_run\":true}");
	assert_int_equal(json_array_size(json_object_get(dry, "records")), 2);
	assert_true(json_array_size(json_object_get(dry, "entries")) >= 2);
	assert_gone(0);
	assert_int_equal(number("SELECT count(*) FROM leaves"), leaves);
	json_t *real = post(&w.admin, "/v1/retention/sweep", 200, "{}");
	assert_gone(2);
	static const char *const keys[] = {"records", "objects", "entries", "more"};
	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		assert_true(
			json_equal(json_object_get(dry, keys[i]), json_object_get(real, keys[i])));
	json_t *entry = entry_of(LEAF_RETENTION);
	assert_true(json_equal(json_object_get(dry, "objects"), json_object_get(entry, "objects")));
	assert_string_equal(said(entry, "by"), "spiffe://" WORLD_DOMAIN "/operator/admin/test");
	json_decref(dry);
	json_decref(real);
	json_decref(entry);
	world_attestation_release(&a);
	world_attestation_release(&b);
}

static void sweep__asked_by_an_auditor__forbidden(void **state)
{
	(void)state;
	json_decref(post(&w.auditor, "/v1/retention/sweep", 403, "{\"dry_run\":true}"));
	json_decref(post(&w.admin, "/v1/retention/sweep", 400, "{\"accept_clock\":true}"));
	json_decref(post(&w.admin, "/v1/retention/sweep", 400,
		"{\"accept_clock\":true,\"dry_run\":true,\"reason\":\"r\"}"));
}

static void sweep__more_than_one_batch__each_with_its_entry(void **state)
{
	struct world_attestation a, b;
	(void)state;
	be(1);
	launch(&a);
	for (unsigned i = 0; i < RETENTION_BATCH_RECORDS + 3; i++) {
		renew(&a, &b);
		world_attestation_release(&a);
		a = b;
	}
	end_instances();
	first_grace();
	age(30 * DAY);
	assert_gone(RETENTION_BATCH_RECORDS + 4);
	assert_int_equal(number("SELECT count(DISTINCT entry) FROM record_gone"), 2);
	/* The newest went first. */
	assert_int_equal(
		number("SELECT count(*) FROM record_gone a, record_gone b WHERE a.idx<b.idx "
		       "AND a.entry<b.entry"),
		0);
	world_attestation_release(&a);
}

/* ---- nothing by halves ---- */

static void sweep__commit_that_fails__nothing_went(void **state)
{
	struct world_attestation a;
	struct sweep_result result;
	(void)state;
	be(1);
	launch(&a);
	world_attestation_release(&a);
	end_instances();
	first_grace();
	pass(30 * DAY);
	int64_t leaves = number("SELECT count(*) FROM leaves");
	int64_t objects = number(OBJECTS);
	/* The first is of the beginning, the second destroys. */
	for (int commit = 1; commit <= 2; commit++) {
		fake_sql.fail_commit = 0;
		if (commit == 2) {
			static const struct sweep_request begun = {
				.dry = true, .told = true, .by = "", .reason = ""};
			assert_ok(
				retention_sweep(w.app->retention, &begun, &result, &w.err), w.err);
			gone_list_release(&result.gone);
		}
		fake_sql.fail_commit = 1;
		assert_false(sweep_try(&result));
		fake_sql.fail_commit = 0;
		assert_gone(0);
		assert_int_equal(number("SELECT count(*) FROM leaves"), leaves);
		assert_int_equal(number(OBJECTS), objects);
	}
	while (!store_ready(w.app->store))
		(void)usleep(20000);
	sweep();
	assert_gone(1);
}

static void status__says_what_counts(void **state)
{
	(void)state;
	json_t *s = status();
	assert_string_equal(said(s, "clock"), "right");
	assert_true(json_is_false(json_object_get(s, "destroys")));
	assert_int_equal(json_integer_value(json_object_get(s, "grace")), GRACE);
	assert_true(json_is_null(json_object_get(json_object_get(s, "decisions"), "launch")));
	json_decref(s);
	first_grace();
	s = status();
	assert_true(json_is_true(json_object_get(s, "destroys")));
	const json_t *decisions = json_object_get(s, "decisions");
	assert_int_equal(json_integer_value(json_object_get(decisions, "launch")), 30 * DAY);
	assert_int_equal(json_integer_value(json_object_get(decisions, "renew")), 10 * DAY);
	assert_int_equal(json_integer_value(json_object_get(decisions, "refused")), 20 * DAY);
	assert_int_equal(
		json_integer_value(json_object_get(json_object_get(s, "entries"), "issued")),
		40 * DAY);
	assert_int_equal(json_array_size(json_object_get(s, "policies")), 1);
	json_decref(s);
}

/* The policy's names of entries are the ledger's, but for decisions, and for what it says of
 * destruction, which has no end. */
static void entries__kinds_of_the_policy__are_the_ledgers(void **state)
{
	size_t k = 0;
	(void)state;
	for (unsigned type = LEAF_ISSUED; type < LEAF_TYPES; type++) {
		if (type == LEAF_RETENTION)
			continue;
		assert_int_equal(retention_entries[k].leaf_type, type);
		assert_string_equal(retention_entries[k].name, leaf_type_name(type));
		k++;
	}
	assert_int_equal(k, RETENTION_ENTRY_KINDS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			sweep__before_the_grace_of_the_first_policy__nothing_goes, setup, teardown),
		cmocka_unit_test_setup_teardown(
			sweep__launch_past_its_time__content_goes_and_what_is_signed_stays, setup,
			teardown),
		cmocka_unit_test_setup_teardown(
			sweep__record_of_an_older_schema__its_objects_go_with_it, setup, teardown),
		cmocka_unit_test_setup_teardown(
			record_gone__said_by_a_program_that_knows_no_contents__refused, setup,
			teardown),
		cmocka_unit_test_setup_teardown(
			record__whose_content_went__says_so_and_gives_no_bundle, setup, teardown),
		cmocka_unit_test_setup_teardown(
			sweep__history__kept_as_long_as_its_longest_member, setup, teardown),
		cmocka_unit_test_setup_teardown(
			sweep__renewal_within_its_time__keeps_the_launch_it_rests_on, setup,
			teardown),
		cmocka_unit_test_setup_teardown(
			sweep__instance_that_runs__keeps_its_history, setup, teardown),
		cmocka_unit_test_setup_teardown(sweep__refusal__by_its_own_time, setup, teardown),
		cmocka_unit_test_setup_teardown(
			sweep__verdict_that_reads_alike__not_said_to_be_gone, setup, teardown),
		cmocka_unit_test_setup_teardown(
			sweep__object_of_two_records__goes_with_the_last, setup, teardown),
		cmocka_unit_test_setup_teardown(
			sweep__again_after_all_went__a_decision_as_ever, setup, teardown),
		cmocka_unit_test_setup_teardown(
			status__entries_not_noted_yet__counted, setup, teardown),
		cmocka_unit_test_setup_teardown(
			sweep__entries__those_with_a_time_go_and_the_leaf_stays, setup, teardown),
		cmocka_unit_test_setup_teardown(
			leaf__of_a_decision_or_its_bytes__cannot_be_changed, setup, teardown),
		cmocka_unit_test_setup_teardown(
			sweep__dry_run__tells_what_then_really_goes, setup, teardown),
		cmocka_unit_test_setup_teardown(
			sweep__asked_by_an_auditor__forbidden, setup, teardown),
		cmocka_unit_test_setup_teardown(
			sweep__more_than_one_batch__each_with_its_entry, setup, teardown),
		cmocka_unit_test_setup_teardown(
			sweep__commit_that_fails__nothing_went, setup, teardown),
		cmocka_unit_test_setup_teardown(status__says_what_counts, setup, teardown),
		cmocka_unit_test(entries__kinds_of_the_policy__are_the_ledgers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
