/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tree of checks: every check has its leaf, and what is wrong shows at that leaf. The verifier lies
 * in all of these: it froze what it was sent, signed all of it, and says that it came out as trusted.
 */
#include "ledger/audit_tree.h"

#include "tests/unit/ledger/audit_world.h"
#include "tests/unit/policy/ek_ca.h"
#include "tests/unit/policy/ima_scene.h"

#define MACHINE "secure-boot"

static struct scene_keys keys;
static struct ek_ca maker, stranger;
static struct key *verifier;
static struct audit_world *w;
static struct scene *s;
static struct verdict *honest;
static struct policy_state honest_state;
static struct buf golden, rules, class_lines, statement, ek_cert, other_ek_cert, ak;
static struct bytes statements[1];
static struct err err;

static int group_setup(void **state)
{
	(void)state;
	scene_keys_make(&keys);
	ek_ca_make(&maker, "maker", SCENE_NOW);
	ek_ca_make(&stranger, "stranger", SCENE_NOW);
	assert_ok(key_generate(KEY_EC_P256, &verifier, &err), err);
	return 0;
}

static int group_teardown(void **state)
{
	(void)state;
	scene_keys_free(&keys);
	ek_ca_free(&maker);
	ek_ca_free(&stranger);
	key_unref(&verifier);
	return 0;
}

/* ---- an honest launch with everything that can be judged ---- */

static void make_statement(void)
{
	struct buf text = {0};
	char hex[2 * SHA256_LEN + 1];

	hex_encode(BYTES_OF(s->components[0].digest), hex);
	buf_printf(&text,
		"{\"_type\":\"https://in-toto.io/Statement/v1\",\"subject\":[{\"name\":\"x\","
		"\"digest\":{\"sha256\":\"%s\"}}],\"predicateType\":"
		"\"https://in-toto.io/attestation/test-result/v0.1\",\"predicate\":"
		"{\"result\":\"PASSED\",\"configuration\":[]}}",
		hex);
	assert_ok(dsse_sign(DSSE_INTOTO_TYPE, buf_bytes(&text), keys.other, &statement, &err), err);
	buf_release(&text);
	statements[0] = buf_bytes(&statement);
	s->context.statements = statements;
	s->context.statement_count = 1;
}

static void make_certs(void)
{
	struct ek_cert_wish wish = {
		.subject = keys.ek->key,
		.not_before = SCENE_NOW - 5 * 86400,
		.not_after = SCENE_NOW + 86400,
		.eku = EK_CA_EKU,
	};

	ek_ca_issue(&maker, &wish, &ek_cert);
	ek_ca_issue(&stranger, &wish, &other_ek_cert);
	s->context.host.ek_certs = buf_bytes(&ek_cert);
}

/* The scene's policy with the maker's root in it. */
static void trust_maker(void)
{
	struct buf whole = {0};
	const char *text = buf_str(&s->policy_text), *at = strstr(text, "ek_roots: []\n");

	assert_non_null(at);
	buf_printf(&whole, "%.*s", (int)(at - text), text);
	ek_ca_put_yaml(&maker, &whole);
	buf_put_str(&whole, at + strlen("ek_roots: []\n"));
	buf_release(&s->policy_text);
	s->policy_text = whole;
	policy_free(&s->policy);
	assert_ok(policy_parse(buf_bytes(&s->policy_text), "policy.yaml", &s->policy, &err), err);
	s->context.policy = s->policy;
}

static void make_policy(void)
{
	boot_read(MACHINE, "firmware.log", &golden);
	ima_rules_of(buf_bytes(&boot.ima), &rules);
	ima_hostd_line(buf_bytes(&boot.ima), "/usr/bin/busybox", &class_lines);
	buf_put_str(
		&class_lines, "statement_keys:\n  - name: ci\n    kinds: [test-result]\n    pem: ");
	scene_put_pem(&class_lines, keys.other, 6);
	boot_reference("golden-log", buf_bytes(&golden), "");
	boot_reference("ima-rules", buf_bytes(&rules), "");
	boot_policy(BOOT_RISK "    statements:\n      - {kind: test-result, name: tests}\n",
		buf_str(&class_lines));
	trust_maker();
	boot_attach(buf_bytes(&golden));
	boot_attach(buf_bytes(&rules));
}

static int setup(void **state)
{
	(void)state;
	w = calloc(1, sizeof(*w));
	honest = calloc(1, sizeof(*honest));
	assert_true(w && honest);
	w->verifier = verifier;
	boot_setup(&keys, MACHINE);
	boot.send_ima = true;
	s = boot.s;
	make_policy();
	make_statement();
	make_certs();
	scene_run(s);
	assert_trusted(s);
	*honest = *s->verdict;
	honest_state = s->state_out;
	return 0;
}

static int teardown(void **state)
{
	struct buf *all[] = {
		&golden, &rules, &class_lines, &statement, &ek_cert, &other_ek_cert, &ak};

	(void)state;
	boot_teardown();
	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		buf_release(all[i]);
	audit_world_clear(w);
	free(w);
	free(honest);
	return 0;
}

/* With the references that the policy names, and one object more. */
static void bundle_and_audit(struct bytes more)
{
	const struct audit_anchors anchors = {.keys = &verifier, .key_count = 1};

	world_bundle(w, 0);
	w->b.objects[w->b.object_count++] = buf_bytes(&golden);
	w->b.objects[w->b.object_count++] = buf_bytes(&rules);
	if (more.len > 0)
		w->b.objects[w->b.object_count++] = more;
	world_audit(w, &anchors);
}

/* Kept as if the honest verdict had come out. */
static void keep_and_audit(void)
{
	s->state_out = honest_state;
	(void)world_keep_as(w, s, honest);
	bundle_and_audit((struct bytes){0});
}

/* ---- what is bent ---- */

static void bend_ek_root(void)
{
	s->context.host.ek_certs = buf_bytes(&other_ek_cert);
}

/* TPMT_PUBLIC: type, nameAlg, then objectAttributes, big-endian; fixedTPM is bit 1. */
static void bend_ak_attribute(void)
{
	buf_put(&ak, s->context.host.ak_public);
	ak.data[7] ^= 0x02;
	s->context.host.ak_public = buf_bytes(&ak);
}

static void last_byte_of_signature(struct scene *scene, struct evidence *e)
{
	(void)scene;
	boot_edit(scene, e);
	scene->signature.data[scene->signature.len - 1] ^= 1;
}

static void bend_quote(void)
{
	s->edit_evidence = last_byte_of_signature;
	scene_attest(s);
}

static void other_extra_data(struct tpms_attest *attest)
{
	static const uint8_t other[SHA256_LEN] = {1};

	attest->extra_data = BYTES_OF(other);
}

static void bend_quote_nonce(void)
{
	s->edit_attest = other_extra_data;
	scene_attest(s);
}

static void bend_challenge_nonce(void)
{
	s->claims.nonce[0] ^= 1;
	scene_attest(s);
}

static void bent_runtime(struct scene *scene, struct evidence *e)
{
	boot_edit(scene, e);
	scene->log.data[scene->log.len / 2] ^= 1;
}

static void bend_runtime_log(void)
{
	s->edit_evidence = bent_runtime;
	scene_attest(s);
}

static void bend_firmware_log(void)
{
	boot.firmware.data[boot.firmware.len - 1] ^= 1;
	scene_attest(s);
}

/* Claimed as it was sent: only the replay can tell. */
static void bend_firmware_log_and_claims(void)
{
	boot.firmware.data[boot.firmware.len - 1] ^= 1;
	boot_claims();
	scene_attest(s);
}

static void bend_ima_log(void)
{
	boot.ima.data[boot.ima.len - 1] ^= 1;
	scene_attest(s);
}

static void bend_release(void)
{
	s->release_envelope.data[s->release_envelope.len - 6] ^= 1;
	s->context.release = buf_bytes(&s->release_envelope);
}

static void bend_release_state(void)
{
	s->context.release_state = RELEASE_REVOKED;
}

static void bend_statement(void)
{
	const char *found = strstr(buf_str(&statement), "\"sig\":\"");
	size_t at;

	assert_non_null(found);
	at = (size_t)(found - buf_str(&statement)) + 9;
	statement.data[at] = statement.data[at] == 'A' ? 'B' : 'A';
}

static void bend_approval(void)
{
	s->approvals[1].key = keys.alice;
	scene_approve(s);
}

static void bend_component(void)
{
	s->components[2].digest[0] ^= 1;
	scene_log_default(s);
	scene_attest(s);
}

static void bend_host_state(void)
{
	s->context.host.state = HOST_QUARANTINED;
}

static void bend_connection(void)
{
	s->context.exporter[0] ^= 1;
}

static const struct {
	const char *leaf;
	enum audit_section section;
	void (*bend)(void);
} bent[] = {
	{"EK certificate chain", AUDIT_EVIDENCE, bend_ek_root},
	{"AK attributes", AUDIT_EVIDENCE, bend_ak_attribute},
	{"quote", AUDIT_EVIDENCE, bend_quote},
	{"nonce", AUDIT_EVIDENCE, bend_quote_nonce},
	{"nonce", AUDIT_EVIDENCE, bend_challenge_nonce},
	{"runtime log", AUDIT_EVIDENCE, bend_runtime_log},
	{"firmware log", AUDIT_EVIDENCE, bend_firmware_log},
	{"firmware log", AUDIT_EVIDENCE, bend_firmware_log_and_claims},
	{"IMA log", AUDIT_EVIDENCE, bend_ima_log},
	{"components", AUDIT_EVIDENCE, bend_component},
	{"host state", AUDIT_EVIDENCE, bend_host_state},
	{"TLS connection", AUDIT_EVIDENCE, bend_connection},
	{"release signature", AUDIT_RELEASE, bend_release},
	{"release signature", AUDIT_RELEASE, bend_release_state},
	{"statements", AUDIT_RELEASE, bend_statement},
	{"approvals", AUDIT_RELEASE, bend_approval},
};

/* It fails at its leaf, and besides only the verdict as a whole does, and the state out of it. */
static void assert_fails_at(size_t i)
{
	const struct audit_step *leaf = world_leaf(w, bent[i].leaf, AUDIT_FAILED, false);

	if (!leaf)
		world_print(w);
	assert_non_null(leaf);
	assert_int_equal(leaf->section, bent[i].section);
	assert_non_null(strstr(leaf->detail, "does not hold: "));
	assert_non_null(world_leaf(w, "verdict", AUDIT_FAILED, false));
	assert_false(w->report.consistent);
	for (size_t k = 0; k < w->report.step_count; k++) {
		const struct audit_step *step = &w->report.steps[k];

		if (step->result != AUDIT_FAILED || strcmp(step->what, bent[i].leaf) == 0 ||
			strcmp(step->what, "verdict") == 0 ||
			strcmp(step->what, "state established") == 0)
			continue;
		world_print(w);
		fail_msg("%s: %s fails too", bent[i].leaf, step->what);
	}
}

static void tree__each_thing_bent__fails_at_its_leaf(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(bent); i++) {
		if (i > 0)
			(void)setup(state);
		bent[i].bend();
		keep_and_audit();
		assert_fails_at(i);
		if (i + 1 < ARRAY_LEN(bent))
			(void)teardown(state);
	}
}

/* Recorded as what it is, a refusal is consistent, and its leaf is proven: it does not hold. */
static void tree__each_thing_bent_and_refused__proven_as_recorded(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(bent); i++) {
		if (i > 0)
			(void)setup(state);
		bent[i].bend();
		scene_judge(s);
		assert_false(s->verdict->trusted);
		*honest = *s->verdict;
		honest_state = s->state_out;
		keep_and_audit();
		if (!w->report.consistent)
			world_print(w);
		assert_true(w->report.consistent);
		assert_non_null(world_leaf(w, bent[i].leaf, AUDIT_PROVED, false));
		if (i + 1 < ARRAY_LEN(bent))
			(void)teardown(state);
	}
}

/* Refused, but for another finding than comes out: the record tells a tale about its reason. */
static void tree__refused_for_another_finding__fails_at_its_leaf(void **state)
{
	struct reason *reason = &honest->reasons[0];
	char *const texts[] = {reason->subject, reason->expected, reason->actual};

	(void)state;
	bend_host_state();
	scene_judge(s);
	honest_state = s->state_out;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		*honest = *s->verdict;
		texts[i][0] ^= 1;
		keep_and_audit();
		assert_non_null(world_leaf(w, "host state", AUDIT_FAILED, false));
		assert_null(world_leaf(w, "host state", AUDIT_PROVED, false));
		audit_world_clear(w);
	}
}

/* ---- honest ---- */

static void tree__honest__every_check_has_its_leaf(void **state)
{
	static const struct {
		const char *leaf;
		enum audit_section section;
		enum audit_step_result result;
		const char *by;
	} leaves[] = {
		{"record signature", AUDIT_RECORD, AUDIT_PROVED, ""},
		{"EK certificate chain", AUDIT_EVIDENCE, AUDIT_PROVED, ""},
		{"AK attributes", AUDIT_EVIDENCE, AUDIT_PROVED, ""},
		{"quote", AUDIT_EVIDENCE, AUDIT_PROVED, ""},
		{"nonce", AUDIT_EVIDENCE, AUDIT_PROVED, ""},
		{"runtime log", AUDIT_EVIDENCE, AUDIT_PROVED, ""},
		{"firmware log", AUDIT_EVIDENCE, AUDIT_PROVED, ""},
		{"IMA log", AUDIT_EVIDENCE, AUDIT_PROVED, ""},
		{"host state", AUDIT_EVIDENCE, AUDIT_ASSERTED, "the verifier"},
		{"time", AUDIT_EVIDENCE, AUDIT_ASSERTED, "the verifier"},
		{"release signature", AUDIT_RELEASE, AUDIT_PROVED, ""},
		{"statements", AUDIT_RELEASE, AUDIT_PROVED, ""},
		{"approvals", AUDIT_RELEASE, AUDIT_PROVED, ""},
		{"workload", AUDIT_RELEASE, AUDIT_ASSERTED, "the verifier"},
		{"policy", AUDIT_POLICY, AUDIT_PROVED, ""},
		{"policy signature", AUDIT_POLICY, AUDIT_NOT_CHECKED, ""},
		{"verdict", AUDIT_VERDICT, AUDIT_PROVED, ""},
		{"inclusion in the ledger", AUDIT_LEDGER, AUDIT_PROVED, ""},
		{"tree root", AUDIT_LEDGER, AUDIT_ASSERTED, "the verifier"},
		{"witnesses", AUDIT_LEDGER, AUDIT_NOT_CHECKED, ""},
	};

	(void)state;
	keep_and_audit();
	assert_true(w->report.consistent);
	for (size_t i = 0; i < ARRAY_LEN(leaves); i++) {
		const struct audit_step *step =
			world_leaf(w, leaves[i].leaf, leaves[i].result, false);

		if (!step) {
			world_print(w);
			fail_msg("%s is not as it should be", leaves[i].leaf);
		}
		assert_int_equal(step->section, leaves[i].section);
		assert_string_equal(step->by, leaves[i].by);
	}
}

/* What a program said that nobody measured is that program's word; measured, it follows. */
static void tree__components__the_hosts_word_unless_it_is_measured(void **state)
{
	const struct audit_step *step;

	(void)state;
	keep_and_audit();
	assert_int_equal(honest->assurance, ASSURANCE_MEASURED);
	assert_non_null(world_leaf(w, "components", AUDIT_PROVED, false));
	assert_null(world_leaf(w, "components", AUDIT_ASSERTED, false));
	audit_world_clear(w);
	s->class_lines = SCENE_CLASS_LINES;
	s->top_lines = "";
	scene_policy(s);
	scene_approval_set(s, 0, "alice", "model-risk", keys.alice);
	scene_approval_set(s, 1, "bob", "security", keys.bob);
	scene_approve(s);
	s->context.host.ek_certs = (struct bytes){0};
	scene_run(s);
	assert_trusted(s);
	assert_int_equal(s->verdict->assurance, ASSURANCE_REPORTED);
	*honest = *s->verdict;
	honest_state = s->state_out;
	keep_and_audit();
	step = world_leaf(w, "components", AUDIT_ASSERTED, false);
	assert_non_null(step);
	assert_string_equal(step->by, "assay-hostd of the host");
}

/* ---- objects of the bundle ---- */

/* A byte of an object: nobody names what it is now, and the leaf of the input says so. */
static void T10__a_byte_of_each_input__fails_at_the_input(void **state)
{
	const struct audit_anchors anchors = {.keys = &verifier, .key_count = 1};
	const struct record *record;

	(void)state;
	keep_and_audit();
	record = &w->records[0].record;
	for (size_t i = 0; i < record->input_count; i++) {
		struct buf *object = &w->records[0].objects[i];
		char what[64];

		(void)snprintf(what, sizeof(what), "input %s", record->inputs[i].name);
		object->data[object->len / 2] ^= 1;
		world_audit(w, &anchors);
		object->data[object->len / 2] ^= 1;
		assert_non_null(world_leaf(w, what, AUDIT_FAILED, false));
		assert_false(w->report.reproducible);
		/* Nothing else poses as checked. */
		if (strcmp(record->inputs[i].name, "context") == 0)
			assert_non_null(world_leaf(w, "quote", AUDIT_NOT_CHECKED, false));
	}
}

/* The record names one policy, and its context was judged by another. */
static void policy__other_than_the_record_names__fails_at_its_leaf(void **state)
{
	struct kept *k = &w->records[0];
	const struct audit_step *step;
	size_t slot = 2;

	(void)state;
	keep_and_audit();
	assert_string_equal(k->record.inputs[slot].name, "policy");
	assert_ok(sha256_of(BYTES_LIT("another"), k->record.inputs[slot].digest, &err), err);
	world_seal(w, 0);
	bundle_and_audit(BYTES_LIT("another"));
	step = world_leaf(w, "policy", AUDIT_FAILED, false);
	assert_non_null(step);
	assert_string_equal(step->detail, "the record names another one than was judged by");
	assert_non_null(world_leaf(w, "verdict", AUDIT_PROVED, false));
}

/* ---- the forms of it ---- */

static void json__tree__branches_counts_and_who_says_so(void **state)
{
	OWNED(buf_release) struct buf text = {0};
	OWNED(json_release) json_t *root = NULL;
	json_t *tree, *branch, *leaf;
	size_t i, k, leaves = 0;
	bool asserted = false;

	(void)state;
	keep_and_audit();
	assert_ok(audit_report_json(&w->report, &text, &err), err);
	assert_ok(json_open(buf_bytes(&text), 1 << 20, &root, &err), err);
	tree = json_object_get(root, "tree");
	assert_int_equal(json_array_size(tree), 6);
	assert_string_equal(
		json_string_value(json_object_get(json_array_get(tree, 1), "name")), "evidence");
	json_array_foreach(tree, i, branch)
	{
		json_t *counts = json_object_get(branch, "counts");

		assert_int_equal(json_integer_value(json_object_get(counts, "failed")), 0);
		json_array_foreach(json_object_get(branch, "leaves"), k, leaf)
		{
			const char *result = json_string_value(json_object_get(leaf, "result"));
			bool is = strcmp(result, "asserted") == 0;

			leaves++;
			asserted = asserted || is;
			assert_int_equal(is, json_object_get(leaf, "by") != NULL);
		}
	}
	assert_true(asserted);
	assert_int_equal(leaves, w->report.step_count);
	assert_int_equal(json_array_size(json_object_get(root, "steps")), w->report.step_count);
}

static void text_and_html__branches__named_with_counts(void **state)
{
	OWNED(buf_release) struct buf text = {0};
	OWNED(buf_release) struct buf html = {0};

	(void)state;
	keep_and_audit();
	assert_ok(audit_report_text(&w->report, false, &text, &err), err);
	assert_non_null(strstr(buf_str(&text), "\nrecord (1 proven)\n"));
	assert_non_null(strstr(buf_str(&text), "\nevidence ("));
	assert_non_null(strstr(buf_str(&text), "  asserted     time, says the verifier: "));
	assert_ok(audit_report_html(&w->report, &html, &err), err);
	assert_non_null(strstr(buf_str(&html), "<h3>record <small>1 proven</small></h3>"));
	assert_non_null(strstr(buf_str(&html), "<br><small>says the verifier</small>"));
	assert_null(strstr(buf_str(&html), "<script"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(tree__each_thing_bent__fails_at_its_leaf),
		T(tree__each_thing_bent_and_refused__proven_as_recorded),
		T(tree__refused_for_another_finding__fails_at_its_leaf),
		T(tree__honest__every_check_has_its_leaf),
		T(tree__components__the_hosts_word_unless_it_is_measured),
		T(T10__a_byte_of_each_input__fails_at_the_input),
		T(policy__other_than_the_record_names__fails_at_its_leaf),
		T(json__tree__branches_counts_and_who_says_so),
		T(text_and_html__branches__named_with_counts),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
