/* SPDX-License-Identifier: Apache-2.0 */
/* What renewals of a package stand on (audit_package_decisions.c), and what entries name (audit_package_entries.c):
 * packages of decisions that a verifier signed which lies. Honest packages: tests/unit/verifier/test_audit_package.c. */
#include "ledger/audit_package.h"

#include "ledger/fields.h"
#include "tests/unit/ledger/audit_world.h"

#include <stdlib.h>

#define EARLIER "earlier states"

static struct scene_keys keys;
static struct key *verifier;
static struct audit_world *w;
static struct scene *s;
static struct buf archive;
static json_t *files, *entries;
static struct package_audit audit;
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

static void renew(size_t index)
{
	s->state_in = s->state_out;
	memcpy(s->state_in.record, w->records[index].hash, SHA256_LEN);
	s->context.now += 60;
	s->context.challenge.issued += 60;
	s->context.challenge.expires += 60;
	s->context.challenge.counter++;
	s->claims.runtime_first = s->log_next;
	buf_clear(&s->log);
	s->attest.clock += 60000;
	scene_run(s);
	(void)world_keep(w, s);
}

/* A launch, and a renewal that stands on it. */
static int setup(void **state)
{
	(void)state;
	w = calloc(1, sizeof(*w));
	files = package_index_new("ocr-agent", 0, 4000000000);
	entries = json_array();
	assert_non_null(w);
	w->verifier = verifier;
	anchors = (struct audit_anchors){.keys = &verifier, .key_count = 1};
	s = scene_new(&keys);
	scene_run(s);
	assert_trusted(s);
	(void)world_keep(w, s);
	s->context.challenge.purpose = s->claims.purpose = PURPOSE_RENEW;
	s->claims.running = true;
	renew(0);
	assert_trusted(s);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	package_audit_release(&audit);
	buf_release(&archive);
	json_decref(files);
	json_decref(entries);
	scene_free(s);
	audit_world_clear(w);
	free(w);
	return 0;
}

/* ---- the package ---- */

static void append(const char *path, struct bytes content)
{
	static const uint8_t zeros[PACKAGE_BLOCK];

	assert_ok(package_header(path, content.len, &archive, &err), err);
	buf_put(&archive, content);
	buf_put(&archive, bytes_of(zeros, package_padding(content.len)));
}

static void put(const char *path, struct bytes content)
{
	const json_t *list = json_object_get(files, "files");

	for (size_t i = 0; i < json_array_size(list); i++)
		if (strcmp(json_string_value(json_object_get(json_array_get(list, i), "path")),
			    path) == 0)
			return;
	append(path, content);
	assert_ok(package_index_add(files, path, content, &err), err);
}

static bool keep(void *arg, const uint8_t digest[SHA256_LEN], struct bytes object, struct err *why)
{
	char path[PACKAGE_PATH_MAX + 1] = "objects/";

	(void)arg;
	(void)why;
	hex_encode(bytes_of(digest, SHA256_LEN), path + strlen(path));
	put(path, object);
	return true;
}

static void put_decision(size_t index)
{
	struct buf whole = {0}, stripped = {0};
	char path[PACKAGE_PATH_MAX + 1];

	world_bundle(w, index);
	assert_ok(audit_bundle_encode(&w->b, &whole, &err), err);
	assert_ok(package_strip(buf_bytes(&whole), keep, NULL, &stripped, &err), err);
	(void)snprintf(path, sizeof(path), "decisions/%020zu.cbor", index);
	put(path, buf_bytes(&stripped));
	buf_release(&whole);
	buf_release(&stripped);
}

static void put_entry(size_t index, enum leaf_type type, struct bytes content)
{
	const struct kept *k = &w->records[index];
	struct ledger_entry e = {.index = index, .type = type, .time = k->record.time};

	world_prove(w, index, &e.proof);
	buf_put(&e.leaf, buf_bytes(&k->leaf));
	buf_put(&e.content, content);
	memcpy(e.id, k->hash, SHA256_LEN);
	memcpy(e.salt, k->salt, LEDGER_SALT_LEN);
	assert_int_equal(json_array_append_new(entries, ledger_entry_json(&e)), 0);
	ledger_entry_release(&e);
}

static void put_tree(void)
{
	struct checkpoint checkpoint = {.origin = BYTES_LIT("log.example"), .size = w->count};
	struct buf note = {0}, page = {0};
	char root[2 * SHA256_LEN + 1];

	memcpy(checkpoint.root, w->b.tree_root, SHA256_LEN);
	assert_ok(checkpoint_write(&checkpoint, &note, &err), err);
	put("checkpoint", buf_bytes(&note));
	hex_encode(BYTES_OF(checkpoint.root), root);
	json_t *value = json_pack("{s:I, s:s, s:s, s:O, s:n}", "tree_size", (json_int_t)w->count,
		"tree_root", root, "checkpoint", buf_str(&note), "entries", entries, "next");
	assert_ok(json_write(value, false, &page, &err), err);
	put("entries/000001.json", buf_bytes(&page));
	json_decref(value);
	buf_release(&note);
	buf_release(&page);
}

/* Of the records up to `decisions`; what lies behind them is no decision. */
static void run(size_t decisions)
{
	static const uint8_t zeros[PACKAGE_END];
	const struct package_audit_options options = {.anchors = &anchors};
	struct buf pem = {0}, index = {0}, signature = {0};

	for (size_t i = 0; i < decisions; i++) {
		put_decision(i);
		put_entry(i, LEAF_DECISION, buf_bytes(&w->records[i].cose));
	}
	put_tree();
	assert_ok(key_public_pem(verifier, &pem, &err), err);
	put("maker.pem", buf_bytes(&pem));
	assert_ok(json_write(files, false, &index, &err), err);
	assert_ok(package_sign(buf_bytes(&index), "ocr-agent", verifier, &signature, &err), err);
	append(PACKAGE_INDEX, buf_bytes(&index));
	append(PACKAGE_SIGNATURE, buf_bytes(&signature));
	buf_put(&archive, BYTES_OF(zeros));
	assert_ok(package_audit_run(buf_bytes(&archive), &options, &audit, &err), err);
	buf_release(&pem);
	buf_release(&index);
	buf_release(&signature);
}

static bool has_step(const char *what, enum audit_step_result result, const char *part)
{
	for (size_t i = 0; i < audit.step_count; i++)
		if (audit.steps[i].result == result && strcmp(audit.steps[i].what, what) == 0 &&
			strstr(audit.steps[i].detail, part))
			return true;
	return false;
}

static void assert_has(const char *what, enum audit_step_result result, const char *part)
{
	if (has_step(what, result, part))
		return;
	for (size_t i = 0; i < audit.step_count; i++)
		print_message("%d %s: %s\n", (int)audit.steps[i].result, audit.steps[i].what,
			audit.steps[i].detail);
	fail_msg("no step %s: %s", what, part);
}

/* ---- what renewals stand on ---- */

static void renewals__of_one_instance__stand(void **state)
{
	(void)state;
	renew(1);
	run(3);
	if (!audit.consistent)
		assert_has("none", AUDIT_FAILED, "");
	assert_has(EARLIER, AUDIT_PROVED, "2 renewals stand on what decisions in this package");
}

/* A verifier that lets one instance stand on what another one established. */
static void renewal__on_another_instance__failed(void **state)
{
	(void)state;
	memset(s->context.challenge.instance, 0x22, INSTANCE_ID_LEN);
	memset(s->claims.instance, 0x22, INSTANCE_ID_LEN);
	renew(1);
	assert_trusted(s);
	run(3);
	assert_has("earlier state", AUDIT_FAILED, "entry 2 stands on entry 1");
	assert_false(audit.consistent);
	assert_false(audit.decisions[2].consistent);
	assert_true(audit.decisions[1].consistent);
}

/* What was refused establishes nothing; its leaf hash in a state makes it no trust. */
static void renewal__on_a_refusal__failed(void **state)
{
	struct policy_state good = s->state_out;

	(void)state;
	s->context.host.state = HOST_QUARANTINED;
	renew(1);
	assert_refused(s, REASON_HOST_STATE);
	s->context.host.state = HOST_ACTIVE;
	s->state_out = good;
	renew(2);
	assert_trusted(s);
	run(w->count);
	assert_has("earlier state", AUDIT_FAILED, "entry 3 stands on entry 2");
	assert_false(audit.consistent);
}

/* ---- whose word they are ---- */

static void decisions__whose_word__proven_only_where_each_is(void **state)
{
	struct package_decision list[2] = {
		{.consistent = true, .signer_proven = true, .by = ""},
		{.consistent = true, .by = "somebody"},
	};
	struct package_audit some = {0};

	(void)state;
	assert_null(package_decisions_by(&some));
	some.decisions = list;
	some.decision_count = 1;
	assert_string_equal(package_decisions_by(&some), "");
	some.gone_count = 1;
	assert_string_equal(
		package_decisions_by(&some), "the verifier where their content was destroyed");
	some.decision_count = 2;
	assert_string_equal(package_decisions_by(&some), "somebody");
	some.decision_count = 0;
	assert_string_equal(
		package_decisions_by(&some), "the verifier where their content was destroyed");
}

/* ---- what entries name ---- */

/* The leaf of an entry that is no decision, behind all others. */
static size_t other_leaf(enum leaf_type type, struct bytes content)
{
	struct kept *k = &w->records[w->count];
	struct leaf leaf = {.type = type, .time = s->context.now};

	k->record.time = leaf.time;
	memset(k->salt, 0x5a, LEDGER_SALT_LEN);
	assert_ok(entry_commitment(type, k->salt, content, leaf.commitment, &err), err);
	assert_ok(leaf_encode(&leaf, &k->leaf, &err), err);
	assert_ok(leaf_hash(buf_bytes(&k->leaf), k->hash, &err), err);
	return w->count++;
}

/* However much is missing: what is asserted or not checked is said. */
static void entries__that_name_many_missing_objects__hide_nothing(void **state)
{
	static const char text[] = "{\"event\":\"incident\",\"what\":\"note\",\"attached\":\"00\"}";

	(void)state;
	size_t at = other_leaf(LEAF_INCIDENT, bytes_str(text));
	for (size_t i = 0; i < 2 * PACKAGE_STEPS_MAX; i++)
		put_entry(at, LEAF_INCIDENT, bytes_str(text));
	run(at);
	assert_true(audit.consistent);
	assert_has("note", AUDIT_NOT_CHECKED, "names an object that is not in the package");
	assert_has("objects", AUDIT_NOT_CHECKED, "112 more entries name an object that is not");
	assert_has("entries", AUDIT_ASSERTED, "stand in that tree");
	assert_has("completeness", AUDIT_ASSERTED, "is the maker's word");
	assert_has("time", AUDIT_ASSERTED, "the clock is the verifier's");
}

/* ---- what entries do not show ---- */

/* Of an entry's two fields one is not shown; the ledger says that `said` was taken out. */
static void run_hiding(const char *hidden, const char *said)
{
	uint8_t salts[2 * FIELD_SALT_LEN];
	struct buf kept = {0}, less = {0};
	char retention[128];
	json_t *content = json_pack("{s:s, s:s}", "by", "eve", "reason", "x");

	for (size_t i = 0; i < sizeof(salts); i++)
		salts[i] = (uint8_t)i;
	assert_ok(fields_seal(content, BYTES_OF(salts), &kept, &err), err);
	assert_ok(fields_redact(buf_bytes(&kept), hidden, &less, &err), err);
	size_t at = other_leaf(LEAF_HOST_STATE, buf_bytes(&kept));
	(void)snprintf(retention, sizeof(retention),
		"{\"event\":\"field-redacted\",\"entry\":%zu,\"field\":\"%s\"}", at, said);
	size_t behind = other_leaf(LEAF_RETENTION, bytes_str(retention));
	put_entry(at, LEAF_HOST_STATE, buf_bytes(&less));
	put_entry(behind, LEAF_RETENTION, bytes_str(retention));
	run(at);
	json_decref(content);
	buf_release(&kept);
	buf_release(&less);
}

static void T20__field_hidden_as_said__not_checked(void **state)
{
	(void)state;
	run_hiding("reason", "reason");
	assert_true(audit.consistent);
	assert_has("content taken out", AUDIT_NOT_CHECKED, "1 fields were taken out");
}

/* From a copy of before: what was taken out is shown, and who did it is not. */
static void T20__field_hidden_instead_of_the_one_taken_out__failed(void **state)
{
	(void)state;
	run_hiding("by", "reason");
	assert_has("content taken out", AUDIT_FAILED, "1 of its fields are not shown");
	assert_false(audit.consistent);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(renewals__of_one_instance__stand),
		T(renewal__on_another_instance__failed),
		T(renewal__on_a_refusal__failed),
		T(decisions__whose_word__proven_only_where_each_is),
		T(T20__field_hidden_as_said__not_checked),
		T(T20__field_hidden_instead_of_the_one_taken_out__failed),
		T(entries__that_name_many_missing_objects__hide_nothing),
	};
	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
