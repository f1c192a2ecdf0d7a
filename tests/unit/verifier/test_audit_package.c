/* SPDX-License-Identifier: Apache-2.0 */
/* The audit of an evidence package of real decisions: an honest one holds, and whatever is taken
 * away, bent or put elsewhere shows. */
#include "crypto/dsse.h"
#include "policy/signature.h"
#include "tests/unit/verifier/world.h"

static struct world w;

#include "tests/unit/verifier/package_world.h"

static struct key *stranger, *anna;
static unsigned visited, visited_audited;

/* The policy is signed by anna. */
static void prepare(struct world *world)
{
	struct buf config = {0}, envelope = {0};
	char path[128];
	(void)world_path(world, "verifierd.yaml", path);
	assert_ok(file_read(path, 65536, &config, &w.err), w.err);
	buf_put_str(&config, "policy_keys:\n  - name: anna\n    key: ");
	scene_put_pem(&config, anna, 6);
	buf_put_str(&config, "policy_threshold: 1\n");
	assert_ok(file_write_atomic(path, buf_bytes(&config), 0600, &w.err), w.err);
	assert_ok(policy_signature_add((struct bytes){0}, buf_bytes(&world->scene->policy_text),
			  anna, &envelope, &w.err),
		w.err);
	(void)world_path(world, "policy.yaml.sig", path);
	assert_ok(file_write_atomic(path, buf_bytes(&envelope), 0600, &w.err), w.err);
	buf_release(&config);
	buf_release(&envelope);
}

/* A launch and two renewals. */
static int group_setup(void **state)
{
	(void)state;
	struct https c;
	struct world_attestation a, next;
	struct buf pem = {0};
	assert_ok(key_generate(KEY_EC_P256, &anna, &w.err), w.err);
	w.prepare = prepare;
	world_start(&w);
	world_enroll(&w);
	assert_true(world_connect(&w, &c));
	world_launch(&w, &c, &a);
	for (int i = 0; i < 2; i++) {
		world_next(&w, &a, &next);
		world_attestation_release(&a);
		world_attest(&w, &c, &next);
		assert_outcome(&next, "trusted");
		a = next;
	}
	world_attestation_release(&a);
	https_close(&c);
	assert_ok(key_generate(KEY_EC_P256, &maker, &w.err), w.err);
	assert_ok(key_generate(KEY_EC_P256, &stranger, &w.err), w.err);
	assert_ok(key_public_pem(maker, &pem, &w.err), w.err);
	struct buf note = get("/log/checkpoint");
	put("checkpoint", buf_bytes(&note));
	put_entries("entries/000001.json", "type=decision");
	put_entries("entries/000002.json", "type=policy");
	put_entries("entries/000003.json", "workload=ocr-agent&type=approval");
	put_decisions();
	struct buf policy = {0};
	buf_put(&policy, buf_bytes(&w.scene->policy_text));
	uint8_t digest[SHA256_LEN];
	assert_true(sha256_of(buf_bytes(&policy), digest, NULL));
	assert_true(keep(NULL, digest, buf_bytes(&policy), NULL));
	put("register.json", BYTES_LIT("{}"));
	put("maker.pem", buf_bytes(&pem));
	buf_release(&policy);
	buf_release(&note);
	buf_release(&pem);
	return 0;
}

static int group_teardown(void **state)
{
	(void)state;
	honest_release();
	key_unref(&maker);
	key_unref(&stranger);
	key_unref(&anna);
	world_stop(&w);
	return 0;
}

static int setup(void **state)
{
	(void)state;
	members_copy();
	visited = visited_audited = 0;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	members_release();
	return 0;
}

static bool visit(void *arg, struct ledger_entry *entry, bool audited, struct err *err)
{
	(void)arg;
	(void)err;
	visited++;
	visited_audited += audited;
	assert_int_equal(audited, entry->type == LEAF_DECISION);
	return true;
}

/* ---- honest ---- */

static void package__honest__holds(void **state)
{
	(void)state;
	struct audit_anchors anchors = {.roots = &w.ca, .root_count = 1};
	options = (struct package_audit_options){
		.anchors = &anchors, .makers = &maker, .maker_count = 1, .visit = visit};
	run_signed(NULL);
	if (!audit.consistent)
		assert_step("none", AUDIT_FAILED, "");
	assert_int_equal(audit.decision_count, 3);
	assert_int_equal(visited, 6);
	assert_int_equal(visited_audited, 3);
	assert_step("maker's signature", AUDIT_PROVED, "that you pinned");
	assert_step("decisions", AUDIT_PROVED, "3 of 3");
	assert_step("record signer", AUDIT_PROVED, "of 3 decisions: a key that you pinned");
	assert_null(step("record signer", AUDIT_ASSERTED));
	assert_step("policy signers", AUDIT_ASSERTED, "of 3 decisions: persons whom the verifier");
	assert_null(step("policy signers", AUDIT_PROVED));
	assert_step("earlier states", AUDIT_PROVED, "2 renewals stand on");
	assert_step("entries", AUDIT_ASSERTED, "all 6 listed");
	assert_step("checkpoint", AUDIT_ASSERTED, "the word of log");
	assert_step("completeness", AUDIT_ASSERTED, "is the maker's word");
	assert_null(step("policy", AUDIT_NOT_CHECKED));
	json_t *report = package_audit_json(&audit);
	assert_true(json_is_true(json_object_get(report, "consistent")));
	const json_t *decisions = json_object_get(report, "decisions");
	assert_int_equal(json_array_size(decisions), 3);
	assert_true(json_is_true(json_object_get(json_array_get(decisions, 0), "proven")));
	assert_string_equal(
		json_string_value(json_object_get(json_array_get(decisions, 0), "by")), "");
	json_decref(report);
}

static bool visit_count(void *arg, struct ledger_entry *entry, bool audited, struct err *err)
{
	(void)arg;
	(void)entry;
	(void)err;
	visited_audited += audited;
	return true;
}

static void assert_all_by(const char *by)
{
	assert_true(audit.consistent);
	assert_int_equal(audit.decision_count, 3);
	for (size_t i = 0; i < audit.decision_count; i++) {
		assert_true(audit.decisions[i].consistent);
		assert_false(package_decision_proven(&audit.decisions[i]));
		assert_string_equal(audit.decisions[i].by, by);
	}
	json_t *report = package_audit_json(&audit);
	const json_t *d = json_array_get(json_object_get(report, "decisions"), 0);
	assert_true(json_is_false(json_object_get(d, "proven")));
	assert_string_equal(json_string_value(json_object_get(d, "by")), by);
	json_decref(report);
	assert_int_equal(visited_audited, 0);
}

/* The verifier of a forger signs whatever it is told: nothing that it decided is proven. */
static void decisions__verifier_not_pinned__asserted(void **state)
{
	(void)state;
	struct audit_anchors makers_only = {0};
	options = (struct package_audit_options){
		.anchors = &makers_only, .makers = &maker, .maker_count = 1, .visit = visit_count};
	run_signed(NULL);
	assert_all_by("the key that the package brings");
	assert_step("record signer", AUDIT_ASSERTED, "of 3 decisions: the key that the package");
	assert_null(step("record signer", AUDIT_PROVED));
}

static void decisions__verifier_by_key__proven(void **state)
{
	(void)state;
	struct audit_anchors anchors = {.keys = &w.app->issuer.signing_key, .key_count = 1};
	options = (struct package_audit_options){.anchors = &anchors, .visit = visit};
	run_signed(NULL);
	assert_true(audit.consistent);
	assert_true(package_decision_proven(&audit.decisions[2]));
	assert_int_equal(visited_audited, 3);
}

static void policy__signers_pinned__proven_or_failed(void **state)
{
	(void)state;
	static char name[] = "anna";
	struct policy_signers persons = {
		.count = 1, .threshold = 1, .keys = {anna}, .names = {name}};
	struct audit_anchors anchors = {.policy_signers = &persons};
	options.anchors = &anchors;
	run_signed(NULL);
	assert_true(audit.consistent);
	assert_step("policy signers", AUDIT_PROVED, "of 3 decisions: persons whom you pinned");
	assert_null(step("policy signers", AUDIT_ASSERTED));
	assert_false(package_decision_proven(&audit.decisions[0]));
	package_audit_release(&audit);
	persons.keys[0] = stranger;
	assert_failed("decision", "policy signature");
	assert_null(step("policy signers", AUDIT_PROVED));
}

static void package__nothing_pinned__asserted(void **state)
{
	(void)state;
	run_signed(NULL);
	assert_true(audit.consistent);
	assert_step("maker's signature", AUDIT_ASSERTED, "with the key that the package brings");
}

/* ---- who made it ---- */

static void signature__by_another_maker__failed(void **state)
{
	(void)state;
	options.makers = &stranger;
	options.maker_count = 1;
	assert_failed("maker's signature", "not by a key that you pinned");
}

static void signature__over_another_index__failed(void **state)
{
	(void)state;
	run_signed("{}");
	assert_false(audit.consistent);
	assert_step("maker's signature", AUDIT_FAILED, "over another index");
}

static void signature__over_something_else_than_a_statement__failed(void **state)
{
	(void)state;
	struct buf envelope = {0};
	run_signed(NULL);
	assert_true(audit.consistent);
	package_audit_release(&audit);
	/* The same payload, signed by the same key, as another type. */
	struct package *package = NULL;
	struct dsse *dsse = NULL;
	assert_ok(package_open(buf_bytes(&archive), &package, &w.err), w.err);
	struct bytes last = package_find(package, PACKAGE_SIGNATURE)->content;
	assert_ok(dsse_parse(last, &dsse, &w.err), w.err);
	assert_ok(
		dsse_sign("application/json", buf_bytes(&dsse->payload), maker, &envelope, &w.err),
		w.err);
	archive.len = (size_t)(last.data - archive.data) - PACKAGE_BLOCK;
	package_free(&package);
	append(PACKAGE_SIGNATURE, buf_bytes(&envelope));
	for (size_t i = 0; i < PACKAGE_END; i++)
		buf_put_u8(&archive, 0);
	assert_ok(package_audit_run(buf_bytes(&archive), &options, &audit, &w.err), w.err);
	assert_false(audit.consistent);
	assert_step("maker's signature", AUDIT_FAILED, "not an in-toto statement");
	dsse_free(&dsse);
	buf_release(&envelope);
}

static void signature__key_that_it_brings_is_anothers__failed(void **state)
{
	(void)state;
	struct buf pem = {0};
	assert_ok(key_public_pem(stranger, &pem, &w.err), w.err);
	replace(find("maker.pem", 0), buf_bytes(&pem));
	buf_release(&pem);
	assert_failed("maker's signature", "not by the key it brings");
	package_audit_release(&audit);
	take_out(find("maker.pem", 0));
	assert_failed("maker's signature", "brings no key, and none is pinned");
}

/* ---- what is missing ---- */

static void object__missing__decision_failed(void **state)
{
	(void)state;
	take_out(find("objects/", 0));
	assert_failed("decision", "is not in the package");
}

static void decision__missing__failed(void **state)
{
	(void)state;
	take_out(find("decisions/", 1));
	assert_failed("entries", "its decision is not in the package");
}

static void entries__of_a_decision_missing__failed(void **state)
{
	(void)state;
	take_out(find("entries/000001", 0));
	assert_failed("decisions", "3 have no entry in the package");
}

/* In whatever order: each decision is found by its own entry. */
static void entries__of_decisions_in_another_order__hold(void **state)
{
	(void)state;
	json_t *page = NULL;
	struct buf text = {0};
	struct test_member *entries = find("entries/000001", 0);
	assert_ok(json_open(buf_bytes(&entries->content), JSON_INPUT_MAX, &page, &w.err), w.err);
	json_t *list = json_object_get(page, "entries");
	json_t *first = json_incref(json_array_get(list, 0));
	json_array_remove(list, 0);
	json_array_append_new(list, first);
	assert_ok(json_write(page, false, &text, &w.err), w.err);
	replace(entries, buf_bytes(&text));
	run_signed(NULL);
	assert_true(audit.consistent);
	json_decref(page);
	buf_release(&text);
}

static void checkpoint__missing__failed(void **state)
{
	(void)state;
	take_out(find("checkpoint", 0));
	assert_failed("checkpoint", "the package brings none");
}

static void policy__missing__said_so(void **state)
{
	(void)state;
	/* Only the entry speaks of a policy that no decision in the package stood on. */
	for (int i = 0; i < 3; i++)
		take_out(find("decisions/", 0));
	take_out(find("entries/000001", 0));
	for (size_t i = 0; i < member_count;)
		if (strncmp(members[i].path, "objects/", 8) == 0)
			take_out(&members[i]);
		else
			i++;
	run_signed(NULL);
	assert_true(audit.consistent);
	assert_step("policy", AUDIT_NOT_CHECKED, "names an object that is not in the package");
}

static void launch__of_renewals_missing__they_are_asserted(void **state)
{
	(void)state;
	json_t *page = NULL;
	struct buf text = {0};
	take_out(find("decisions/", 0));
	struct test_member *entries = find("entries/000001", 0);
	assert_ok(json_open(buf_bytes(&entries->content), JSON_INPUT_MAX, &page, &w.err), w.err);
	json_array_remove(json_object_get(page, "entries"), 0);
	assert_ok(json_write(page, false, &text, &w.err), w.err);
	replace(entries, buf_bytes(&text));
	run_signed(NULL);
	assert_true(audit.consistent);
	assert_step("earlier states", AUDIT_ASSERTED, "1 renewals stand on decisions that are not");
	json_decref(page);
	buf_release(&text);
}

/* The renewal behind it brings its chain: what it stands on is proved all the same. */
static void launch__missing_and_the_chain_there__proved(void **state)
{
	(void)state;
	json_t *page = NULL;
	struct buf text = {0}, stripped = {0};
	char ask[128];
	take_out(find("decisions/", 0));
	struct test_member *entries = find("entries/000001", 0);
	assert_ok(json_open(buf_bytes(&entries->content), JSON_INPUT_MAX, &page, &w.err), w.err);
	json_array_remove(json_object_get(page, "entries"), 0);
	(void)snprintf(ask, sizeof(ask), "/v1/records/%s/bundle",
		json_string_value(json_object_get(
			json_array_get(json_object_get(page, "entries"), 0), "id")));
	struct buf bundle = get(ask);
	assert_ok(package_strip(buf_bytes(&bundle), keep, NULL, &stripped, &w.err), w.err);
	replace(find("decisions/", 0), buf_bytes(&stripped));
	assert_ok(json_write(page, false, &text, &w.err), w.err);
	replace(entries, buf_bytes(&text));
	struct audit_anchors anchors = {.roots = &w.ca, .root_count = 1};
	options.anchors = &anchors;
	run_signed(NULL);
	assert_true(audit.consistent);
	assert_step("earlier states", AUDIT_PROVED, "1 renewals bring the chain back");
	assert_null(step("earlier states", AUDIT_ASSERTED));
	json_decref(page);
	buf_release(&text);
	buf_release(&stripped);
	buf_release(&bundle);
}

/* ---- what was bent ---- */

static void decision__under_another_index__failed(void **state)
{
	(void)state;
	struct test_member *m = find("decisions/", 0);
	m->path[strlen("decisions/00000000000000000000") - 1]++;
	assert_failed("decision", "not under its own index, or out of order");
}

static void decisions__out_of_order__failed(void **state)
{
	(void)state;
	struct test_member *first = find("decisions/", 0), *second = find("decisions/", 1);
	struct test_member swap = *first;
	*first = *second;
	*second = swap;
	assert_failed("decision", "not under its own index, or out of order");
}

static void bundle__with_whole_objects__failed(void **state)
{
	(void)state;
	struct audit_bundle *b = calloc(1, sizeof(*b));
	struct test_member *m = find("decisions/", 0);
	struct buf again = {0};
	assert_non_null(b);
	assert_ok(audit_bundle_decode(buf_bytes(&m->content), b, &w.err), w.err);
	b->objects[0] = BYTES_LIT("whole");
	assert_ok(audit_bundle_encode(b, &again, &w.err), w.err);
	replace(m, buf_bytes(&again));
	assert_failed("decision", "object 0: no digest");
	free(b);
	buf_release(&again);
}

static void entries__from_another_tree__failed(void **state)
{
	(void)state;
	json_t *page = NULL;
	struct buf text = {0};
	struct test_member *entries = find("entries/000002", 0);
	assert_ok(json_open(buf_bytes(&entries->content), JSON_INPUT_MAX, &page, &w.err), w.err);
	json_object_set_new(page, "tree_size", json_integer(3));
	assert_ok(json_write(page, false, &text, &w.err), w.err);
	replace(entries, buf_bytes(&text));
	assert_failed("entries", "proved from another tree than the checkpoint's");
	json_decref(page);
	buf_release(&text);
}

static void entry__with_another_content__failed(void **state)
{
	(void)state;
	json_t *page = NULL;
	struct buf text = {0};
	struct test_member *entries = find("entries/000003", 0);
	assert_ok(json_open(buf_bytes(&entries->content), JSON_INPUT_MAX, &page, &w.err), w.err);
	json_object_set_new(json_array_get(json_object_get(page, "entries"), 0), "content",
		json_string("e30="));
	assert_ok(json_write(page, false, &text, &w.err), w.err);
	replace(entries, buf_bytes(&text));
	assert_failed("entries", "the leaf commits to another content");
	json_decref(page);
	buf_release(&text);
}

/* The bundle of one decision under the index of another, as its entry says. */
static void decision__of_another_entry__failed(void **state)
{
	(void)state;
	struct audit_bundle *b = calloc(1, sizeof(*b));
	struct test_member *first = find("decisions/", 0), *second = find("decisions/", 1);
	struct buf again = {0};
	uint64_t index;
	assert_non_null(b);
	assert_ok(audit_bundle_decode(buf_bytes(&second->content), b, &w.err), w.err);
	index = b->index;
	assert_ok(audit_bundle_decode(buf_bytes(&first->content), b, &w.err), w.err);
	b->index = index;
	assert_ok(audit_bundle_encode(b, &again, &w.err), w.err);
	replace(second, buf_bytes(&again));
	assert_failed("entries", "another decision is in the package");
	assert_step("decisions", AUDIT_FAILED, "2 have no entry in the package");
	free(b);
	buf_release(&again);
}

static void decisions__by_a_stranger__nothing_stands_on_them(void **state)
{
	(void)state;
	struct audit_anchors anchors = {.keys = &stranger, .key_count = 1};
	options.anchors = &anchors;
	assert_failed("earlier state", "which did not establish that");
	assert_step("decisions", AUDIT_FAILED, "0 of 3");
	assert_step("decision", AUDIT_FAILED, "not by a key that you pinned");
}

/* ---- what it is about ---- */

static void decisions__of_another_workload__failed(void **state)
{
	(void)state;
	about = "other-agent";
	assert_failed("decision", "of workload ocr-agent, and the package is of other-agent");
	assert_step("decisions", AUDIT_FAILED, "0 of 3");
	assert_false(package_decision_proven(&audit.decisions[0]));
}

static void decisions__outside_the_time__failed(void **state)
{
	(void)state;
	run_signed(NULL);
	assert_true(audit.consistent);
	int64_t first = audit.decisions[0].time, last = audit.decisions[2].time;
	assert_true(first > 1000000000);
	package_audit_release(&audit);
	about_from = last + 1;
	assert_failed("decision", "outside the time of the package");
	assert_step("decisions", AUDIT_FAILED, "0 of 3");
	package_audit_release(&audit);
	about_from = 0;
	about_to = first - 1;
	assert_failed("decision", "outside the time of the package");
	assert_step("decisions", AUDIT_FAILED, "0 of 3");
}

static void decisions__at_the_ends_of_the_time__hold(void **state)
{
	(void)state;
	run_signed(NULL);
	about_from = audit.decisions[0].time;
	about_to = audit.decisions[2].time;
	package_audit_release(&audit);
	run_signed(NULL);
	assert_true(audit.consistent);
}

static bool object_find(void *arg, const uint8_t digest[SHA256_LEN], struct bytes *ret)
{
	char path[PACKAGE_PATH_MAX + 1] = "objects/";
	(void)arg;
	hex_encode(bytes_of(digest, SHA256_LEN), path + strlen(path));
	for (size_t i = 0; i < member_count; i++)
		if (strcmp(members[i].path, path) == 0) {
			*ret = buf_bytes(&members[i].content);
			return true;
		}
	return false;
}

/* A verifier that lies: the state that a renewal starts from is not what the launch established, and
 * its own key signs that. */
static void earlier_state__another_than_established__failed(void **state)
{
	(void)state;
	static struct audit_bundle b;
	static struct policy_frozen frozen;
	static struct record record;
	struct cose_sign1 message;
	struct bytes context = {0};
	struct buf forged = {0}, sealed = {0}, again = {0};
	uint8_t digest[SHA256_LEN];
	struct test_member *m = find("decisions/", 1);
	assert_ok(audit_bundle_decode(buf_bytes(&m->content), &b, &w.err), w.err);
	assert_ok(cose_sign1_parse(b.record, &message, &w.err), w.err);
	assert_ok(record_decode(message.payload, &record, &w.err), w.err);
	size_t at = 0;
	while (strcmp(record.inputs[at].name, "context") != 0)
		at++;
	assert_true(object_find(NULL, record.inputs[at].digest, &context));
	assert_ok(policy_context_decode(context, object_find, NULL, &frozen, &w.err), w.err);
	frozen.state_in.unpinned = !frozen.state_in.unpinned;
	assert_ok(policy_context_encode(
			  &frozen.context, frozen.evidence, &frozen.state_in, &forged, &w.err),
		w.err);
	assert_true(sha256_of(buf_bytes(&forged), digest, NULL));
	for (size_t i = 0; i < b.object_count; i++)
		if (memcmp(b.objects[i].data, record.inputs[at].digest, SHA256_LEN) == 0)
			b.objects[i] = BYTES_OF(digest);
	memcpy(record.inputs[at].digest, digest, sizeof(digest));
	assert_ok(record_sign(&record, w.app->issuer.signing_key, &sealed, &w.err), w.err);
	b.record = buf_bytes(&sealed);
	assert_ok(audit_bundle_encode(&b, &again, &w.err), w.err);
	replace(m, buf_bytes(&again));
	memset(&members[member_count], 0, sizeof(members[0]));
	(void)snprintf(members[member_count].path, sizeof(members[0].path), "objects/");
	hex_encode(BYTES_OF(digest), members[member_count].path + strlen("objects/"));
	buf_put(&members[member_count++].content, buf_bytes(&forged));
	assert_failed("earlier state", "which did not establish that");
	memset(&b, 0, sizeof(b)); /* it borrowed from here */
	policy_frozen_release(&frozen);
	buf_release(&forged);
	buf_release(&sealed);
	buf_release(&again);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(package__honest__holds),
		TEST(decisions__verifier_not_pinned__asserted),
		TEST(decisions__verifier_by_key__proven),
		TEST(policy__signers_pinned__proven_or_failed),
		TEST(package__nothing_pinned__asserted),
		TEST(signature__by_another_maker__failed),
		TEST(signature__over_another_index__failed),
		TEST(signature__over_something_else_than_a_statement__failed),
		TEST(signature__key_that_it_brings_is_anothers__failed),
		TEST(object__missing__decision_failed),
		TEST(decision__missing__failed),
		TEST(entries__of_a_decision_missing__failed),
		TEST(entries__of_decisions_in_another_order__hold),
		TEST(checkpoint__missing__failed),
		TEST(policy__missing__said_so),
		TEST(launch__of_renewals_missing__they_are_asserted),
		TEST(launch__missing_and_the_chain_there__proved),
		TEST(decision__under_another_index__failed),
		TEST(decisions__out_of_order__failed),
		TEST(bundle__with_whole_objects__failed),
		TEST(entries__from_another_tree__failed),
		TEST(entry__with_another_content__failed),
		TEST(decision__of_another_entry__failed),
		TEST(decisions__by_a_stranger__nothing_stands_on_them),
		TEST(decisions__of_another_workload__failed),
		TEST(decisions__outside_the_time__failed),
		TEST(decisions__at_the_ends_of_the_time__hold),
		TEST(earlier_state__another_than_established__failed),
	};
	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
