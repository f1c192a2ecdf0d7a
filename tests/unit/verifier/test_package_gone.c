/* SPDX-License-Identifier: Apache-2.0 */
/* A package of decisions of which some have lost what they were decided on: said, not proved, and no way
 * to leave out a decision that was not destroyed. Audits ledger/audit_package_gone.c. */
#include "retention_world.h"

#include "ledger/timeline.h"
#include "tests/unit/verifier/package_world.h"

#define DECISIONS "entries/000001"
#define RETENTION "entries/000002"
/* Among the decisions. */
#define KEPT      0
#define GONE      1
#define ALSO_GONE 2

static struct key *stranger;

/* A launch that is kept, and a launch and its renewal that were destroyed. */
static int group_setup(void **state)
{
	struct world_attestation a, b, kept;
	struct buf pem = {0};
	if (setup(state) != 0)
		return -1;
	be(1);
	launch(&kept);
	be(2);
	launch(&a);
	renew(&a, &b);
	end_instances();
	grow_old(2, 40 * DAY);
	sweep();
	age(GRACE);
	assert_gone(2);
	assert_ok(key_generate(KEY_EC_P256, &maker, &w.err), w.err);
	assert_ok(key_generate(KEY_EC_P256, &stranger, &w.err), w.err);
	assert_ok(key_public_pem(maker, &pem, &w.err), w.err);
	struct buf note = get("/log/checkpoint");
	put("checkpoint", buf_bytes(&note));
	put_entries("entries/000001.json", "type=decision");
	put_entries("entries/000002.json", "type=retention");
	put_decisions();
	put("maker.pem", buf_bytes(&pem));
	buf_release(&note);
	buf_release(&pem);
	world_attestation_release(&a);
	world_attestation_release(&b);
	world_attestation_release(&kept);
	return 0;
}

static int group_teardown(void **state)
{
	honest_release();
	key_unref(&maker);
	key_unref(&stranger);
	return teardown(state);
}

static int begin(void **state)
{
	(void)state;
	members_copy();
	return 0;
}

static int end(void **state)
{
	(void)state;
	members_release();
	return 0;
}

/* ---- bent ---- */

static json_t *entry_at(json_t *page, size_t i)
{
	return json_array_get(json_object_get(page, "entries"), i);
}

/* As if it had been destroyed with the others. */
static void mark_kept(void)
{
	json_t *page = page_open(DECISIONS);
	const json_t *e = entry_at(page, KEPT);
	memmove(marks + 1, marks, mark_count++ * sizeof(marks[0]));
	marks[0].entry = (uint64_t)json_integer_value(json_object_get(e, "index"));
	marks[0].by = marks[1].by;
	assert_ok(hex_decode_exact(bytes_str(json_string_value(json_object_get(e, "id"))),
			  marks[0].record, sizeof(marks[0].record), &w.err),
		w.err);
	json_decref(page);
}

/* ---- honest ---- */

static void assert_consistent(void)
{
	run_signed(NULL);
	if (!audit.consistent)
		assert_step("none", AUDIT_FAILED, "");
}

static void package__with_destroyed_decisions__not_checked_and_the_rest_proved(void **state)
{
	struct audit_anchors anchors = {.roots = &w.ca, .root_count = 1};
	(void)state;
	options.anchors = &anchors;
	assert_consistent();
	assert_int_equal(audit.decision_count, 1);
	assert_int_equal(audit.gone_count, 2);
	assert_step("decisions", AUDIT_PROVED, "1 of 1");
	assert_step("destroyed", AUDIT_NOT_CHECKED,
		"2 decisions: content destroyed, as ledger entries say: not checked");
	assert_step("destroyed", AUDIT_PROVED, "the records of 2 decisions are signed as you");
	json_t *report = package_audit_json(&audit);
	const json_t *first = json_array_get(json_object_get(report, "destroyed"), 0);
	assert_int_equal(json_array_size(json_object_get(report, "destroyed")), 2);
	assert_int_equal(json_integer_value(json_object_get(first, "by")), (json_int_t)marks[0].by);
	assert_true(json_is_true(json_object_get(first, "named")));
	json_decref(report);
}

static void package__nothing_pinned__records_asserted(void **state)
{
	(void)state;
	assert_consistent();
	assert_step("destroyed", AUDIT_ASSERTED, "signed by the key of others in the package");
	assert_step("policy signers", AUDIT_NOT_CHECKED, "of 1 decisions: nobody signed");
}

/* Of those that were destroyed the record tells for whom, and the leaf when. */
static void destroyed__of_another_workload_or_time__failed(void **state)
{
	(void)state;
	about = "other-agent";
	assert_failed("entries", "of workload ocr-agent, and the package is of other-agent");
	package_audit_release(&audit);
	about = "ocr-agent";
	about_to = 1000000000;
	assert_failed("entries", "outside the time of the package");
}

/* Each entry twice: nothing is counted twice. */
static void entries__twice__counted_once(void **state)
{
	(void)state;
	struct test_member *m = &members[member_count++];
	memset(m, 0, sizeof(*m));
	(void)snprintf(m->path, sizeof(m->path), "entries/000003.json");
	buf_put(&m->content, buf_bytes(&find(DECISIONS, 0)->content));
	assert_consistent();
	assert_step("destroyed", AUDIT_ASSERTED, "the records of 2 decisions");
}

static void record__of_a_key_that_nobody_has__signature_not_checked(void **state)
{
	(void)state;
	take_out(find("decisions/", 0));
	json_t *page = page_open(DECISIONS);
	json_array_remove(json_object_get(page, "entries"), KEPT);
	page_close(DECISIONS, page);
	assert_consistent();
	assert_step("destroyed", AUDIT_NOT_CHECKED, "the signatures of 2 records");
}

static void record__not_there_either__not_checked(void **state)
{
	(void)state;
	json_t *page = page_open(DECISIONS);
	json_object_set_new(entry_at(page, GONE), "content", json_null());
	page_close(DECISIONS, page);
	assert_consistent();
	assert_step("destroyed", AUDIT_NOT_CHECKED, "2 decisions: content destroyed");
	assert_step("destroyed", AUDIT_ASSERTED, "the records of 1 decisions");
}

/* ---- left out, and not destroyed ---- */

static void decision__left_out__failed(void **state)
{
	(void)state;
	take_out(find("decisions/", 0));
	assert_failed("entries",
		"its decision is not in the package, and the index does not say that it was "
		"destroyed");
}

static void decision__left_out_and_its_record_too__failed(void **state)
{
	(void)state;
	take_out(find("decisions/", 0));
	json_t *page = page_open(DECISIONS);
	json_object_set_new(entry_at(page, KEPT), "content", json_null());
	page_close(DECISIONS, page);
	assert_failed("entries", "its decision is not in the package");
}

/* The retention entry is there; it names other records. */
static void decision__left_out_and_marked__failed(void **state)
{
	(void)state;
	mark_kept();
	take_out(find("decisions/", 0));
	assert_failed("destroyed", "no retention entry");
}

static void mark__of_a_decision_that_is_there__failed(void **state)
{
	(void)state;
	mark_kept();
	assert_failed("destroyed", "and its decision is in the package");
}

static void mark__of_no_entry__failed(void **state)
{
	(void)state;
	json_t *page = page_open(DECISIONS);
	json_array_remove(json_object_get(page, "entries"), GONE);
	page_close(DECISIONS, page);
	assert_failed("destroyed", "destroyed as the index says, and not in the package");
}

static void mark__of_another_record__failed(void **state)
{
	(void)state;
	marks[0].record[0] ^= 1;
	assert_failed("entries", "the index says that another record was destroyed");
}

static void mark__by_another_entry__failed(void **state)
{
	(void)state;
	marks[0].by++;
	assert_failed("destroyed", "no retention entry");
}

static void retention_entry__missing__failed(void **state)
{
	(void)state;
	take_out(find(RETENTION, 0));
	assert_failed("destroyed", "in the package says that its content was destroyed");
	assert_null(step("destroyed", AUDIT_NOT_CHECKED));
}

/* Whoever changes what the entry says, changes what its leaf commits to. */
static void retention_entry__bent_to_name_it__failed(void **state)
{
	(void)state;
	json_t *page = page_open(RETENTION);
	json_object_set_new(entry_at(page, 0), "content", json_string("e30="));
	page_close(RETENTION, page);
	assert_failed("entries", "the leaf commits to another content");
	assert_step("destroyed", AUDIT_FAILED, "no retention entry");
}

/* A bundle whose entry is left out does not hide behind a decision that was destroyed. */
static void entry__of_a_bundle_missing__failed(void **state)
{
	(void)state;
	json_t *page = page_open(DECISIONS);
	json_array_remove(json_object_get(page, "entries"), KEPT);
	page_close(DECISIONS, page);
	assert_failed("decisions", "1 have no entry in the package");
}

/* ---- the record ---- */

static void record__another__failed(void **state)
{
	(void)state;
	json_t *page = page_open(DECISIONS);
	json_object_set(entry_at(page, GONE), "content",
		json_object_get(entry_at(page, ALSO_GONE), "content"));
	page_close(DECISIONS, page);
	assert_failed("entries", "the leaf commits to another content");
}

static void record__not_by_the_pinned_key__failed(void **state)
{
	struct audit_anchors anchors = {.keys = &stranger, .key_count = 1};
	(void)state;
	take_out(find("decisions/", 0));
	json_t *page = page_open(DECISIONS);
	json_array_remove(json_object_get(page, "entries"), KEPT);
	page_close(DECISIONS, page);
	options.anchors = &anchors;
	assert_failed("entries", "its record: not by a key that you pinned");
}

static void record__by_the_pinned_key__proved(void **state)
{
	struct audit_anchors anchors = {.keys = &w.app->issuer.signing_key, .key_count = 1};
	(void)state;
	options.anchors = &anchors;
	assert_consistent();
	assert_step("destroyed", AUDIT_PROVED, "the records of 2 decisions");
}

/* ---- another ledger: a decision that is kept, one that is gone, and what says so ---- */

struct own {
	struct bytes record; /* of the one that is gone; empty: not there either */
	struct key *issuer; /* as its leaf names it */
	enum leaf_type type; /* of what says so, or not */
	const char *event;
	bool destroyed;
	struct key *bundle_cert; /* whose certificate the bundle brings; NULL: the verifier's */
	struct ledger_entry e[3];
	uint8_t left[SHA256_LEN], right[SHA256_LEN], root[SHA256_LEN];
};
#define OWN_TIME 1800000000

static void own_entry(struct own *o, uint64_t index, enum leaf_type type, struct bytes content)
{
	struct ledger_entry *e = &o->e[index];
	struct leaf leaf = {.type = type, .time = OWN_TIME};
	if (o->issuer)
		memcpy(leaf.issuer, key_id(o->issuer), SHA256_LEN);
	*e = (struct ledger_entry){.index = index, .type = type, .time = leaf.time};
	buf_put(&e->content, content);
	assert_ok(entry_commitment(type, e->salt, buf_bytes(&e->content), leaf.commitment, &w.err),
		w.err);
	assert_ok(leaf_encode(&leaf, &e->leaf, &w.err), w.err);
	assert_ok(leaf_hash(buf_bytes(&e->leaf), e->id, &w.err), w.err);
}

static void own_tree(struct own *o)
{
	static const uint8_t last[SHA256_LEN];
	assert_ok(tree_node_hash(o->e[0].id, o->e[1].id, o->left, &w.err), w.err);
	assert_ok(tree_node_hash(o->e[2].id, last, o->right, &w.err), w.err);
	assert_ok(tree_node_hash(o->left, o->right, o->root, &w.err), w.err);
	for (size_t i = 0; i < 3; i++) {
		struct buf *proof = &o->e[i].proof;
		buf_clear(proof);
		buf_put(proof, i == 2 ? BYTES_OF(last) : BYTES_OF(o->e[1 - i].id));
		buf_put(proof, i == 2 ? BYTES_OF(o->left) : BYTES_OF(o->right));
	}
}

static void own_bundle(const struct own *o)
{
	struct audit_bundle *b = calloc(1, sizeof(*b));
	struct cert *cert = NULL;
	struct buf again = {0};
	struct test_member *m = find("decisions/", 0);
	assert_non_null(b);
	assert_ok(audit_bundle_decode(buf_bytes(&m->content), b, &w.err), w.err);
	b->index = 0;
	b->tree_size = 4;
	memcpy(b->tree_root, o->root, SHA256_LEN);
	b->proof = buf_bytes(&o->e[0].proof);
	b->checkpoint = b->receipt = b->receipt_key = (struct bytes){0};
	if (o->bundle_cert) {
		cert = world_cert(&w, "spiffe://bank.example/other", o->bundle_cert, OWN_TIME - 60,
			OWN_TIME + 60);
		b->certs[0] = cert_der(cert);
	}
	assert_ok(audit_bundle_encode(b, &again, &w.err), w.err);
	replace(m, buf_bytes(&again));
	(void)snprintf(m->path, sizeof(m->path), "decisions/%020d.cbor", 0);
	cert_unref(&cert);
	buf_release(&again);
	free(b);
}

static void own_pages(struct own *o)
{
	struct checkpoint checkpoint = {.origin = BYTES_LIT("bank.example/log"), .size = 4};
	struct buf note = {0}, text = {0};
	char root[2 * SHA256_LEN + 1];
	memcpy(checkpoint.root, o->root, SHA256_LEN);
	assert_ok(checkpoint_write(&checkpoint, &note, &w.err), w.err);
	hex_encode(BYTES_OF(o->root), root);
	json_t *page = json_pack("{s:i, s:s, s:n, s:[o, o, o], s:n}", "tree_size", 4, "tree_root",
		root, "checkpoint", "entries", ledger_entry_json(&o->e[0]),
		ledger_entry_json(&o->e[1]), ledger_entry_json(&o->e[2]), "next");
	assert_ok(json_write(page, false, &text, &w.err), w.err);
	replace(find("checkpoint", 0), buf_bytes(&note));
	replace(find(DECISIONS, 0), buf_bytes(&text));
	take_out(find(RETENTION, 0));
	json_decref(page);
	buf_release(&note);
	buf_release(&text);
}

static void own_package(struct own *o)
{
	char id[2 * SHA256_LEN + 1], text[256];
	json_t *page = page_open(DECISIONS);
	assert_ok(ledger_entry_read(entry_at(page, KEPT), &o->e[0], &w.err), w.err);
	json_decref(page);
	o->e[0].index = 0;
	own_entry(o, 1, LEAF_DECISION, o->record);
	hex_encode(BYTES_OF(o->e[1].id), id);
	(void)snprintf(text, sizeof(text), "{\"event\":\"%s\",\"records\":[\"%s\"]}", o->event, id);
	own_entry(o, 2, o->type, bytes_str(text));
	o->e[1].destroyed = o->record.len == 0;
	o->e[2].destroyed = o->destroyed;
	own_tree(o);
	own_bundle(o);
	own_pages(o);
	mark_count = 1;
	marks[0] = (struct package_destroyed){.entry = 1, .by = 2};
	memcpy(marks[0].record, o->e[1].id, SHA256_LEN);
	for (size_t i = 0; i < 3; i++)
		ledger_entry_release(&o->e[i]);
}

static void retention_entry__of_any_other_kind__failed(void **state)
{
	static const struct {
		enum leaf_type type;
		const char *event;
		bool destroyed;
	} cases[] = {
		{LEAF_WORKLOAD, "content-destroyed", false},
		{LEAF_RETENTION, "hold-set", false},
		{LEAF_RETENTION, "content-destroyed", true},
	};
	struct own honest_one = {.type = LEAF_RETENTION, .event = "content-destroyed"};
	(void)state;
	own_package(&honest_one);
	assert_consistent();
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct own o = {.type = cases[i].type,
			.event = cases[i].event,
			.destroyed = cases[i].destroyed};
		members_release();
		members_copy();
		own_package(&o);
		assert_failed("destroyed", "no retention entry 2 in the package");
	}
}

/* A record as a verifier signs it. */
static struct buf own_record(struct key *key, int64_t time)
{
	static struct record record;
	struct buf ret = {0};
	struct cose_sign1 message;
	json_t *page = page_open(DECISIONS);
	OWNED(ledger_entry_release) struct ledger_entry e = {0};
	assert_ok(ledger_entry_read(entry_at(page, KEPT), &e, &w.err), w.err);
	json_decref(page);
	assert_ok(cose_sign1_parse(buf_bytes(&e.content), &message, &w.err), w.err);
	assert_ok(record_decode(message.payload, &record, &w.err), w.err);
	record.time = time;
	assert_ok(record_sign(&record, key, &ret, &w.err), w.err);
	return ret;
}

static void run_own(struct key *signer, int64_t time, struct key *named, struct key *bundle_cert)
{
	struct audit_anchors anchors = {.keys = &w.app->issuer.signing_key, .key_count = 1};
	struct buf record = own_record(signer, time);
	struct own o = {.record = buf_bytes(&record),
		.issuer = named,
		.type = LEAF_RETENTION,
		.event = "content-destroyed",
		.bundle_cert = bundle_cert};
	own_package(&o);
	options.anchors = &anchors;
	run_signed(NULL);
	options.anchors = NULL;
	buf_release(&record);
}

static void record__of_another_time_or_signer__failed(void **state)
{
	struct key *own = w.app->issuer.signing_key;
	const struct {
		struct key *signer;
		int64_t time;
		const char *said;
	} cases[] = {
		{own, OWN_TIME + 1, "entry 1: its record tells another time"},
		{stranger, OWN_TIME, "entry 1: its record"},
	};
	(void)state;
	run_own(own, OWN_TIME, own, NULL);
	assert_true(audit.consistent);
	assert_step("destroyed", AUDIT_PROVED, "the records of 1 decisions");
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		members_release();
		members_copy();
		run_own(cases[i].signer, cases[i].time, own, NULL);
		assert_false(audit.consistent);
		assert_step("entries", AUDIT_FAILED, cases[i].said);
	}
}

/* Nothing rests on the certificates of a bundle whose record a pinned key opens. */
static void record__by_a_key_that_a_bundle_smuggles_in__failed(void **state)
{
	(void)state;
	run_own(stranger, OWN_TIME, stranger, stranger);
	assert_false(audit.consistent);
	assert_step("decisions", AUDIT_PROVED, "1 of 1");
	assert_step("entries", AUDIT_FAILED, "its record: not by a key that you pinned");
}

/* A key from before: the one in the package is another, and nobody has failed. */
static void record__by_an_older_key__signature_not_checked(void **state)
{
	struct audit_anchors anchors = {.roots = &w.ca, .root_count = 1};
	struct buf record = own_record(stranger, OWN_TIME);
	struct own o = {.record = buf_bytes(&record),
		.issuer = stranger,
		.type = LEAF_RETENTION,
		.event = "content-destroyed"};
	(void)state;
	own_package(&o);
	buf_release(&record);
	options.anchors = &anchors;
	assert_consistent();
	assert_step("destroyed", AUDIT_NOT_CHECKED, "the signatures of 1 records");
}

/* Nor on those of a decision whose audit failed. */
static void record__by_the_key_of_a_decision_that_failed__failed(void **state)
{
	struct audit_anchors anchors = {.keys = &stranger, .key_count = 1};
	(void)state;
	options.anchors = &anchors;
	assert_failed("entries", "its record: not by a key that you pinned");
	assert_null(step("destroyed", AUDIT_PROVED));
}

/* ---- the story ---- */

static struct timeline *story;

static bool tell(void *arg, struct ledger_entry *entry, bool audited, struct err *err)
{
	(void)arg;
	return entry->type != LEAF_DECISION || timeline_add(story, entry, audited, err);
}

static void timeline__of_it__content_destroyed(void **state)
{
	static const struct timeline_options all;
	json_t *lines = NULL;
	(void)state;
	assert_ok(timeline_new(&all, &story, &w.err), w.err);
	options.visit = tell;
	assert_consistent();
	assert_ok(timeline_finish(story, &lines, &w.err), w.err);
	assert_string_equal(said(json_array_get(lines, 1), "kind"), "launch");
	const json_t *first = json_array_get(lines, 2);
	assert_string_equal(said(first, "kind"), "destroyed");
	assert_string_equal(said(first, "text"),
		"launch of instance 0202020202020202… of ocr-agent trusted: its content was "
		"destroyed");
	assert_string_equal(said(first, "standing"), "asserted");
	assert_string_equal(said(first, "workload"), "ocr-agent");
	assert_string_equal(said(json_array_get(lines, 3), "kind"), "destroyed");
	json_decref(lines);
	timeline_free(&story);
}

static void timeline__record_not_there_either__no_word_of_the_verifiers(void **state)
{
	static const struct timeline_options all;
	json_t *lines = NULL;
	(void)state;
	json_t *page = page_open(DECISIONS);
	assert_non_null(json_object_get(entry_at(page, GONE), "decision"));
	json_object_set_new(entry_at(page, GONE), "content", json_null());
	page_close(DECISIONS, page);
	assert_ok(timeline_new(&all, &story, &w.err), w.err);
	options.visit = tell;
	assert_consistent();
	assert_ok(timeline_finish(story, &lines, &w.err), w.err);
	assert_string_equal(
		said(json_array_get(lines, 2), "text"), "decision: its content was destroyed");
	json_decref(lines);
	timeline_free(&story);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
	const struct CMUnitTest tests[] = {
		TEST(package__with_destroyed_decisions__not_checked_and_the_rest_proved),
		TEST(package__nothing_pinned__records_asserted),
		TEST(destroyed__of_another_workload_or_time__failed),
		TEST(entries__twice__counted_once),
		TEST(record__of_a_key_that_nobody_has__signature_not_checked),
		TEST(record__not_there_either__not_checked),
		TEST(decision__left_out__failed),
		TEST(decision__left_out_and_its_record_too__failed),
		TEST(decision__left_out_and_marked__failed),
		TEST(mark__of_a_decision_that_is_there__failed),
		TEST(mark__of_no_entry__failed),
		TEST(mark__of_another_record__failed),
		TEST(mark__by_another_entry__failed),
		TEST(retention_entry__missing__failed),
		TEST(retention_entry__bent_to_name_it__failed),
		TEST(entry__of_a_bundle_missing__failed),
		TEST(record__another__failed),
		TEST(record__not_by_the_pinned_key__failed),
		TEST(record__by_the_pinned_key__proved),
		TEST(retention_entry__of_any_other_kind__failed),
		TEST(record__of_another_time_or_signer__failed),
		TEST(record__by_a_key_that_a_bundle_smuggles_in__failed),
		TEST(record__by_an_older_key__signature_not_checked),
		TEST(record__by_the_key_of_a_decision_that_failed__failed),
		TEST(timeline__record_not_there_either__no_word_of_the_verifiers),
		TEST(timeline__of_it__content_destroyed),
	};
	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
