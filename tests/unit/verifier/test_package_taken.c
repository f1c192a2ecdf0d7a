/* SPDX-License-Identifier: Apache-2.0 */
/* A package with entries whose content was destroyed, and of which fields were taken out: what says so has
 * to be in it. Audits ledger/audit_package_taken.c. */
#include "retention_world.h"

#include "tests/unit/verifier/package_world.h"

#define STATES    "entries/000003"
#define RETENTION "entries/000004"

static int64_t redacted_index;

static void redact(const char *field)
{
	char path[64];
	(void)snprintf(path, sizeof(path), "/v1/entries/%lld/redact", (long long)redacted_index);
	json_decref(post(&w.admin, path, 200, "{\"field\":\"%s\",\"reason\":\"asked\"}", field));
}

/* The workload's entry is destroyed; of the quarantine's two fields are taken out. */
static int group_setup(void **state)
{
	struct world_attestation a;
	struct buf pem = {0};
	char path[160], host[2 * HOST_ID_LEN + 1];
	if (setup(state) != 0)
		return -1;
	be(1);
	launch(&a);
	end_instances();
	pass(41 * DAY);
	sweep();
	age(GRACE);
	hex_encode(BYTES_OF(w.host_id), host);
	(void)snprintf(path, sizeof(path), "/v1/hosts/%s/quarantine", host);
	json_decref(post(&w.admin, path, 200, "{\"reason\":\"Mr Smith took it home\"}"));
	redacted_index = number("SELECT max(idx) FROM entries WHERE type=4");
	redact("reason");
	redact("state");
	assert_ok(key_generate(KEY_EC_P256, &maker, &w.err), w.err);
	assert_ok(key_public_pem(maker, &pem, &w.err), w.err);
	struct buf note = get("/log/checkpoint");
	put("checkpoint", buf_bytes(&note));
	put_entries("entries/000001.json", "type=decision");
	put_entries("entries/000002.json", "type=workload");
	put_entries("entries/000003.json", "type=host-state");
	put_entries("entries/000004.json", "type=retention");
	put_decisions();
	put("maker.pem", buf_bytes(&pem));
	buf_release(&note);
	buf_release(&pem);
	world_attestation_release(&a);
	return 0;
}

static int group_teardown(void **state)
{
	honest_release();
	key_unref(&maker);
	return teardown(state);
}

static int begin(void **state)
{
	(void)state;
	members_copy();
	about_to = 4000000000 + 100 * DAY;
	return 0;
}

static int end(void **state)
{
	(void)state;
	members_release();
	return 0;
}

/* The retention entries of that event leave the package: all of them, or the last. */
static void leave_out(const char *event, bool all)
{
	json_t *page = page_open(RETENTION);
	json_t *list = json_object_get(page, "entries");
	for (size_t i = json_array_size(list); i-- > 0;) {
		OWNED(ledger_entry_release) struct ledger_entry entry = {0};
		assert_ok(ledger_entry_read(json_array_get(list, i), &entry, &w.err), w.err);
		if (strcmp(said(entry.said, "event"), event) != 0)
			continue;
		assert_int_equal(json_array_remove(list, i), 0);
		if (!all)
			break;
	}
	page_close(RETENTION, page);
}

/* ---- honest ---- */

static void package__what_was_taken_is_said__not_checked_and_consistent(void **state)
{
	(void)state;
	run_signed(NULL);
	if (!audit.consistent)
		assert_step("none", AUDIT_FAILED, "");
	assert_step("content taken out", AUDIT_NOT_CHECKED, "entries was destroyed, as ledger");
	assert_step("content taken out", AUDIT_NOT_CHECKED,
		"2 fields were taken out of entries, as ledger entries say");
	assert_int_equal(audit.redacted_count, 2);
	assert_true(audit.destroyed_count > 0);
}

/* Nothing is proved by a key that the package brings, nor by a tree that nobody vouches for. */
static void package__nothing_pinned__no_step_about_decisions_or_entries_proven(void **state)
{
	static const char *const asserted[] = {"decisions", "entries"};
	(void)state;
	run_signed(NULL);
	for (size_t i = 0; i < ARRAY_LEN(asserted); i++) {
		assert_null(step(asserted[i], AUDIT_PROVED));
		assert_non_null(step(asserted[i], AUDIT_ASSERTED));
	}
}

static void entries__twice__counted_once(void **state)
{
	(void)state;
	struct test_member *m = &members[member_count++];
	memset(m, 0, sizeof(*m));
	(void)snprintf(m->path, sizeof(m->path), "entries/000005.json");
	buf_put(&m->content, buf_bytes(&find(STATES, 0)->content));
	run_signed(NULL);
	assert_true(audit.consistent);
	assert_int_equal(audit.redacted_count, 2);
}

/* ---- hidden ---- */

static void T20__content_left_out_as_if_destroyed__failed(void **state)
{
	(void)state;
	json_t *page = page_open(STATES);
	json_object_set_new(
		json_array_get(json_object_get(page, "entries"), 0), "content", json_null());
	page_close(STATES, page);
	assert_failed("content taken out",
		"no retention entry in the package says that its content was destroyed");
}

static void T20__retention_entry_left_out__failed(void **state)
{
	(void)state;
	leave_out("content-destroyed", true);
	assert_failed("content taken out", "says that its content was destroyed");
}

static void T20__one_of_two_redactions_not_said__failed(void **state)
{
	(void)state;
	leave_out("field-redacted", false);
	assert_failed("content taken out", "2 of its fields are not shown");
	assert_int_equal(audit.redacted_count, 0);
}

static void T20__no_redaction_said__failed(void **state)
{
	(void)state;
	leave_out("field-redacted", true);
	assert_failed("content taken out", "2 of its fields are not shown");
}

/* The whole content of an entry of which fields may be missing: more is gone than was said. */
static void T20__redacted_entry_left_out_whole__failed(void **state)
{
	(void)state;
	json_t *page = page_open(STATES), *list = json_object_get(page, "entries");
	json_object_set_new(
		json_array_get(list, json_array_size(list) - 1), "content", json_null());
	page_close(STATES, page);
	assert_failed("content taken out", "says that its content was destroyed");
}

/* Shown once and hidden once, in either order: hidden is what counts. */
static void T20__entry_shown_and_hidden__failed(void **state)
{
	(void)state;
	for (int first = 0; first < 2; first++) {
		struct test_member *m = &members[member_count++];
		memset(m, 0, sizeof(*m));
		(void)snprintf(m->path, sizeof(m->path), "entries/000005.json");
		buf_put(&m->content, buf_bytes(&find(STATES, 0)->content));
		const char *bent = first ? STATES : "entries/000005";
		json_t *page = page_open(bent), *list = json_object_get(page, "entries");
		json_object_set_new(json_array_get(list, 0), "content", json_null());
		page_close(bent, page);
		assert_failed("content taken out", "says that its content was destroyed");
		members_release();
		members_copy();
		about_to = 4000000000 + 100 * DAY;
	}
}

/* ---- made up: entry 0 hides something, entry 1 says so, or something else ---- */

#define OWN_TIME 1900000000

static void own_entry(
	struct ledger_entry *e, uint64_t index, enum leaf_type type, const char *content)
{
	struct leaf leaf = {.type = type, .time = OWN_TIME};
	*e = (struct ledger_entry){.index = index, .type = type, .time = leaf.time};
	buf_put_str(&e->content, content);
	assert_ok(entry_commitment(type, e->salt, buf_bytes(&e->content), leaf.commitment, &w.err),
		w.err);
	assert_ok(leaf_encode(&leaf, &e->leaf, &w.err), w.err);
	assert_ok(leaf_hash(buf_bytes(&e->leaf), e->id, &w.err), w.err);
}

/* At `hidden` the entry that is destroyed, at the other place what is said. */
static void own_package(uint64_t hidden, enum leaf_type type, const char *said_there)
{
	struct checkpoint checkpoint = {.origin = BYTES_LIT("bank.example/log"), .size = 2};
	struct ledger_entry e[2];
	struct buf note = {0}, text = {0};
	char root[2 * SHA256_LEN + 1];
	own_entry(&e[hidden], hidden, LEAF_WORKLOAD, "{\"event\":\"workload\"}");
	own_entry(&e[1 - hidden], 1 - hidden, type, said_there);
	e[hidden].destroyed = true;
	assert_ok(tree_node_hash(e[0].id, e[1].id, checkpoint.root, &w.err), w.err);
	for (size_t i = 0; i < 2; i++)
		buf_put(&e[i].proof, BYTES_OF(e[1 - i].id));
	assert_ok(checkpoint_write(&checkpoint, &note, &w.err), w.err);
	hex_encode(BYTES_OF(checkpoint.root), root);
	json_t *page = json_pack("{s:i, s:s, s:n, s:[o, o], s:n}", "tree_size", 2, "tree_root",
		root, "checkpoint", "entries", ledger_entry_json(&e[0]), ledger_entry_json(&e[1]),
		"next");
	assert_ok(json_write(page, false, &text, &w.err), w.err);
	while (member_count > 0)
		take_out(&members[0]);
	mark_count = 0;
	members[0] = (struct test_member){.path = "checkpoint", .content = note};
	members[1] = (struct test_member){.path = "entries/000001.json", .content = text};
	member_count = 2;
	struct buf pem = {0};
	assert_ok(key_public_pem(maker, &pem, &w.err), w.err);
	members[member_count++] = (struct test_member){.path = "maker.pem", .content = pem};
	json_decref(page);
	for (size_t i = 0; i < 2; i++)
		ledger_entry_release(&e[i]);
}

static void said__by_a_retention_entry_behind_it__held(void **state)
{
	(void)state;
	own_package(
		0, LEAF_RETENTION, "{\"event\":\"content-destroyed\",\"entries\":[-1,\"x\",0]}");
	run_signed(NULL);
	assert_true(audit.consistent);
	assert_step("content taken out", AUDIT_NOT_CHECKED, "the content of 1 entries");
}

static void T20__said_by_anything_else__failed(void **state)
{
	static const struct {
		uint64_t hidden;
		enum leaf_type type;
		const char *said;
	} cases[] = {
		{1, LEAF_RETENTION, "{\"event\":\"content-destroyed\",\"entries\":[1]}"},
		{0, LEAF_POLICY, "{\"event\":\"content-destroyed\",\"entries\":[0]}"},
		{0, LEAF_RETENTION, "{\"event\":\"content-destroyed\",\"entries\":[1]}"},
		{0, LEAF_RETENTION, "{\"event\":\"hold-set\",\"entries\":[0]}"},
		{0, LEAF_RETENTION, "{\"entries\":[0]}"},
		{0, LEAF_RETENTION, "{\"event\":\"field-redacted\",\"entry\":0,\"field\":\"a\"}"},
		{0, LEAF_RETENTION, "{\"event\":\"field-redacted\",\"entry\":0,\"field\":\"\"}"},
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		own_package(cases[i].hidden, cases[i].type, cases[i].said);
		assert_failed("content taken out", "says that its content was destroyed");
		members_release();
		members_copy();
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
	const struct CMUnitTest tests[] = {
		TEST(package__what_was_taken_is_said__not_checked_and_consistent),
		TEST(package__nothing_pinned__no_step_about_decisions_or_entries_proven),
		TEST(entries__twice__counted_once),
		TEST(T20__content_left_out_as_if_destroyed__failed),
		TEST(T20__retention_entry_left_out__failed),
		TEST(T20__one_of_two_redactions_not_said__failed),
		TEST(T20__no_redaction_said__failed),
		TEST(T20__redacted_entry_left_out_whole__failed),
		TEST(T20__entry_shown_and_hidden__failed),
		TEST(said__by_a_retention_entry_behind_it__held),
		TEST(T20__said_by_anything_else__failed),
	};
	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
