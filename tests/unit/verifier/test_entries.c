/* SPDX-License-Identifier: Apache-2.0 */
/* GET /v1/entries and /v1/objects: what auditors read of the ledger, by what it is about. */
#include "tests/unit/verifier/content.h"
#include "tests/unit/verifier/schema_undo.h"
#include "tests/unit/verifier/world.h"
#include "verifier/entries.h"

static struct world w;
static char host_hex[2 * HOST_ID_LEN + 1], decision_hex[2 * SHA256_LEN + 1];

/* One host, one launch, one renewal. */
static int setup(void **state)
{
	(void)state;
	struct https c;
	struct world_attestation a, next;
	world_start(&w);
	world_enroll(&w);
	hex_encode(BYTES_OF(w.host_id), host_hex);
	assert_true(world_connect(&w, &c));
	world_launch(&w, &c, &a);
	hex_encode(bytes_of(a.result.record, SHA256_LEN), decision_hex);
	world_next(&w, &a, &next);
	world_attest(&w, &c, &next);
	assert_outcome(&next, "trusted");
	world_attestation_release(&a);
	world_attestation_release(&next);
	https_close(&c);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	world_stop(&w);
	return 0;
}

static json_t *ask(const char *query)
{
	char path[256];
	(void)snprintf(path, sizeof(path), "/v1/entries?%s", query);
	return world_json(&w, &w.auditor, "GET", path, NULL, 200);
}

/* The types in order; every entry is proved on the way. */
static void assert_types(json_t *answer, const char *wanted)
{
	struct entry_page page;
	struct buf types = {0};
	assert_ok(entry_page_read(answer, &page, &w.err), w.err);
	for (size_t i = 0; i < json_array_size(page.entries); i++) {
		struct ledger_entry e = {0};
		assert_ok(ledger_entry_read(json_array_get(page.entries, i), &e, &w.err), w.err);
		assert_ok(ledger_entry_check(&e, page.tree_size, page.tree_root, &w.err), w.err);
		assert_int_equal(e.decided, e.type == LEAF_DECISION);
		buf_printf(&types, "%s%s", i ? " " : "", leaf_type_name(e.type));
		ledger_entry_release(&e);
	}
	assert_string_equal(types.len ? buf_str(&types) : "", wanted);
	buf_release(&types);
	json_decref(answer);
}

static void entries__of_a_host__its_own_and_what_was_issued(void **state)
{
	(void)state;
	char query[128];
	(void)snprintf(query, sizeof(query), "host=%s", host_hex);
	assert_types(ask(query), "enrolment decision issued decision issued");
	(void)snprintf(query, sizeof(query), "host=%s&type=issued", host_hex);
	assert_types(ask(query), "issued issued");
	(void)snprintf(query, sizeof(query), "host=%s&type=enrolment", host_hex);
	assert_types(ask(query), "enrolment");
	host_hex[0] = host_hex[0] == '0' ? '1' : '0';
	(void)snprintf(query, sizeof(query), "host=%s", host_hex);
	assert_types(ask(query), "");
}

static void entries__of_a_workload__releases_and_approvals_too(void **state)
{
	(void)state;
	assert_types(ask("workload=ocr-agent"),
		"workload release approval approval decision issued workload decision issued");
	assert_types(ask("workload=ocr-agent&type=approval"), "approval approval");
	assert_types(ask("workload=other"), "");
}

static void entries__of_a_release__its_approvals_and_decisions(void **state)
{
	(void)state;
	char query[128], release[2 * SHA256_LEN + 1];
	hex_encode(BYTES_OF(w.scene->release_digest), release);
	(void)snprintf(query, sizeof(query), "release=%s", release);
	assert_types(
		ask(query), "release approval approval decision issued workload decision issued");
}

static void entries__by_type_alone__found(void **state)
{
	(void)state;
	assert_types(ask("type=policy"), "policy");
	assert_types(ask("type=decision"), "decision decision");
	assert_types(ask("type=issued"), "issued issued");
	assert_types(ask("type=incident"), "");
	assert_types(ask(""), "policy workload release approval approval host-state enrolment "
			      "decision issued workload "
			      "decision issued");
}

static void entries__page_by_page__each_once_and_in_order(void **state)
{
	(void)state;
	uint64_t start = 0, pages = 0, indices = 0, last = 0;
	for (bool more = true; more; pages++) {
		char query[96];
		struct entry_page page;
		(void)snprintf(query, sizeof(query), "workload=ocr-agent&limit=1&start=%llu",
			(unsigned long long)start);
		json_t *answer = ask(query);
		assert_ok(entry_page_read(answer, &page, &w.err), w.err);
		for (size_t i = 0; i < json_array_size(page.entries); i++, indices++) {
			uint64_t index = (uint64_t)json_integer_value(
				json_object_get(json_array_get(page.entries, i), "index"));
			assert_true(indices == 0 || index > last);
			last = index;
		}
		more = page.more;
		start = page.next;
		json_decref(answer);
	}
	assert_int_equal(indices, 9);
	assert_int_equal(pages, 7); /* what was issued comes with its decision */
}

static void entries__between_times__no_others(void **state)
{
	(void)state;
	assert_types(ask("from=2020-01-01T00:00:00Z&to=2020-01-02T00:00:00Z"), "");
	assert_types(
		ask("type=policy&from=2020-01-01T00:00:00Z&to=2100-01-01T00:00:00Z"), "policy");
	assert_types(ask("type=policy&from=2100-01-01T00:00:00Z"), "");
	assert_types(ask("type=policy&to=2020-01-01T00:00:00Z"), "");
}

static void entries__an_older_tree__proved_from_it(void **state)
{
	(void)state;
	json_t *answer = ask("tree_size=3");
	assert_int_equal(json_integer_value(json_object_get(answer, "tree_size")), 3);
	assert_true(json_is_null(json_object_get(answer, "checkpoint")));
	assert_types(answer, "policy workload release");
	world_do(&w, &w.auditor, "GET", "/v1/entries?tree_size=1000", NULL, 404);
	world_do(&w, &w.auditor, "GET", "/v1/entries?witnessed=1", NULL, 404);
}

static void entries__checkpoint__signed_over_that_tree(void **state)
{
	(void)state;
	json_t *answer = ask("type=policy");
	struct entry_page page;
	struct checkpoint signed_tree;
	struct bytes text;
	assert_ok(entry_page_read(answer, &page, &w.err), w.err);
	assert_ok(note_open(bytes_str(page.checkpoint), &w.app->ledger_log.key, &text, &w.err),
		w.err);
	assert_ok(checkpoint_parse(text, &signed_tree, &w.err), w.err);
	assert_int_equal(signed_tree.size, page.tree_size);
	assert_memory_equal(signed_tree.root, page.tree_root, SHA256_LEN);
	json_decref(answer);
}

static void entries__decision__told_from_its_objects(void **state)
{
	(void)state;
	json_t *answer = ask("type=decision&limit=1");
	struct ledger_entry e = {0};
	assert_ok(ledger_entry_read(
			  json_array_get(json_object_get(answer, "entries"), 0), &e, &w.err),
		w.err);
	assert_memory_equal(e.facts.host, w.host_id, HOST_ID_LEN);
	assert_string_equal(e.facts.workload, "ocr-agent");
	assert_int_equal(e.facts.purpose, PURPOSE_LAUNCH);
	assert_true(e.facts.trusted && e.facts.full && e.facts.booted);
	assert_int_equal(e.facts.renew_after, 300);
	assert_int_equal(e.facts.reset_count, w.scene->attest.reset_count);
	assert_int_equal(e.facts.restart_count, w.scene->attest.restart_count);
	assert_int_equal(e.facts.clock_ms + 10, w.scene->attest.clock);
	assert_memory_equal(e.facts.boot_id, w.scene->claims.boot_id, 16);
	ledger_entry_release(&e);
	json_decref(answer);
}

static void entries__asked_wrongly__said_so(void **state)
{
	(void)state;
	static const struct {
		const char *query, *message;
	} wrong[] = {
		{"type=nothing", "type: the ledger has none of that name"},
		{"type=none", "type: the ledger has none of that name"},
		{"host=1234", "host: expected 64 lower-case hex digits"},
		{"workload=A%20b", "workload: expected a name"},
		{"workload=a&incident=b", "incident: one of host, workload, release and incident"},
		{"limit=0", "limit: expected 1 to 200"},
		{"limit=201", "limit: expected 1 to 200"},
		{"start=-1", "start: expected 0 to 9223372036854775807"},
		{"from=yesterday",
			"from: time \"yesterday\": expected a form like 2026-11-22T23:21:38Z"},
	};
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		char path[128];
		(void)snprintf(path, sizeof(path), "/v1/entries?%s", wrong[i].query);
		json_t *answer = world_json(&w, &w.auditor, "GET", path, NULL, 400);
		assert_string_equal(json_string_value(json_object_get(
					    json_object_get(answer, "error"), "message")),
			wrong[i].message);
		json_decref(answer);
	}
	world_do(&w, &w.ci, "GET", "/v1/entries", NULL, 403);
	world_do(&w, NULL, "GET", "/v1/entries", NULL, 401);
}

static void objects__by_digest__their_bytes(void **state)
{
	(void)state;
	char path[160], digest[2 * SHA256_LEN + 1];
	uint8_t hash[SHA256_LEN];
	assert_true(sha256_of(buf_bytes(&w.scene->policy_text), hash, NULL));
	hex_encode(BYTES_OF(hash), digest);
	(void)snprintf(path, sizeof(path), "/v1/objects/%s", digest);
	struct https_answer a = world_call(&w, &w.auditor, "GET", path, NULL, (struct bytes){0});
	assert_int_equal(a.status, 200);
	assert_bytes(buf_bytes(&a.body), buf_bytes(&w.scene->policy_text));
	buf_release(&a.body);
	world_do(&w, &w.ci, "GET", path, NULL, 403);
	path[strlen(path) - 1] = path[strlen(path) - 1] == '0' ? '1' : '0';
	world_do(&w, &w.auditor, "GET", path, NULL, 404);
}

static bool count_visited(void *arg, struct ledger_entry *entry, struct err *err)
{
	(void)entry;
	(void)err;
	++*(unsigned *)arg;
	return true;
}

/* What retention counts of decisions, as numbers that differ when anything of it does. */
static const char *const counted[] = {
	"SELECT count(*) FROM histories",
	"SELECT CAST(sum(kept) AS BIGINT) FROM histories",
	"SELECT CAST(sum(first+last+launch+renew+refused) AS BIGINT) FROM histories",
	"SELECT count(*) FROM object_refs",
	"SELECT CAST(sum(count) AS BIGINT) FROM object_refs",
};

static void counts_read(struct sql *sql, int64_t ret[ARRAY_LEN(counted)])
{
	for (size_t i = 0; i < ARRAY_LEN(counted); i++) {
		struct sql_query *q = NULL;
		assert_ok(sql_first(sql, counted[i], SQL_NO_ARGS, &q, &w.err), w.err);
		ret[i] = sql_int(q, 0);
		assert_true(ret[i] > 0);
		sql_finish(&q);
	}
}

static void entries__old_database__indexed_from_its_contents(void **state)
{
	(void)state;
	struct sql *sql = NULL;
	struct key *kek = NULL;
	char path[128];
	uint64_t next = 9;
	unsigned before = 0, after = 0;
	int64_t counts[ARRAY_LEN(counted)], counts_after[ARRAY_LEN(counted)];
	struct entry_filter filter = {.kind = SUBJECT_WORKLOAD,
		.subject = BYTES_LIT("ocr-agent"),
		.end = INT64_MAX,
		.limit = ENTRIES_PAGE_MAX,
		.bytes_max = ENTRIES_PAGE_BYTES};
	app_close(&w.app);
	(void)world_path(&w, "verifier.db", path);
	assert_ok(test_sql()->open(path, true, &sql, &w.err), w.err);
	(void)world_path(&w, "content.key", path);
	assert_ok(key_from_uri(path, &kek, &w.err), w.err);
	struct vault *vault = content_vault(sql, kek);
	assert_ok(entries_each(sql, &filter, count_visited, &before, &next, &w.err), w.err);
	assert_int_equal(next, 0);
	content_unseal(sql);
	counts_read(sql, counts);
	schema_undo(sql, 9);
	assert_ok(store_migrate(sql, &w.err), w.err);
	counts_read(sql, counts_after);
	assert_memory_equal(counts_after, counts, sizeof(counts));
	vault_free(&vault);
	vault = content_vault(sql, kek);
	assert_ok(contents_seal(sql, &w.err), w.err);
	assert_ok(entries_each(sql, &filter, count_visited, &after, &next, &w.err), w.err);
	assert_int_equal(before, 9);
	assert_int_equal(after, before);
	sql_close(&sql);
	vault_free(&vault);
	key_unref(&kek);
}

int main(void)
{
#define TEST(name) cmocka_unit_test(name)
	const struct CMUnitTest tests[] = {
		TEST(entries__of_a_host__its_own_and_what_was_issued),
		TEST(entries__of_a_workload__releases_and_approvals_too),
		TEST(entries__of_a_release__its_approvals_and_decisions),
		TEST(entries__by_type_alone__found),
		TEST(entries__page_by_page__each_once_and_in_order),
		TEST(entries__between_times__no_others),
		TEST(entries__an_older_tree__proved_from_it),
		TEST(entries__checkpoint__signed_over_that_tree),
		TEST(entries__decision__told_from_its_objects),
		TEST(entries__asked_wrongly__said_so),
		TEST(objects__by_digest__their_bytes),
		TEST(entries__old_database__indexed_from_its_contents),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
