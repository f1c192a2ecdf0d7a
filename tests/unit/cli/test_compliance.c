/* SPDX-License-Identifier: Apache-2.0 */
/* The report: what each kind of evidence needs, what it says when it is not there, and that it never
 * says more. */
#include "cli/compliance.h"

#include "tests/unit/ledger/whole_bundle.h"

#include "base/text.h"
#include "policy/policy.h"

static struct err err;
static json_t *workload, *release, *records, *record, *result;
static struct compliance_facts facts;

static json_t *parse(const char *text)
{
	json_t *value = NULL;
	assert_ok(json_open(bytes_str(text), 1u << 20, &value, &err), err);
	return value;
}

/* A statement in an envelope, without a good signature: who signed is the verifier's word. */
static void put_envelope(struct bytes statement)
{
	struct buf text = {0};
	buf_put_str(&text, "{\"payloadType\":\"application/vnd.in-toto+json\",\"payload\":\"");
	buf_put_base64(&text, statement, false);
	buf_put_str(&text, "\",\"signatures\":[{\"sig\":\"AA==\"}]}");
	(void)json_object_set_new(release, "envelope", parse(buf_str(&text)));
	buf_release(&text);
}

static void put_statement(char *commit, char *change, char **datasets, size_t count)
{
	static char r[] = "r", one[] = "1", w[] = "w", o[] = "o", a[] = "a", p[] = "p",
		    low[] = "low", binary[] = "binary", path[] = "/opt/agent";
	struct release_component component = {
		.name = binary, .role = binary, .path = path, .kind = COMPONENT_SHA256, .files = 1};
	struct release statement = {.name = r,
		.version = one,
		.workload = w,
		.owner = o,
		.author = a,
		.purpose = p,
		.risk_class = low,
		.code_commit = commit,
		.change_request = change,
		.dataset_snapshots = datasets,
		.dataset_count = count,
		.components = &component,
		.component_count = 1};
	struct buf text = {0};
	memset(component.digest, 0xc0, SHA256_LEN);
	memset(statement.spec, 0x5e, SHA256_LEN);
	assert_ok(release_statement(&statement, &text, &err), err);
	put_envelope(buf_bytes(&text));
	buf_release(&text);
}

static int setup(void **state)
{
	(void)state;
	err = (struct err){0};
	workload = parse(
		"{\"name\":\"w\",\"risk_class\":\"low\",\"environment\":\"prod\",\"owner\":\"o\","
		"\"purpose\":\"p\",\"created\":\"2026-01-01T00:00:00Z\",\"reviewed\":"
		"\"2026-02-01T00:00:00Z\",\"reviewed_by\":\"spiffe://x/operator/admin/a\","
		"\"review_reason\":\"yearly\",\"review\":{\"state\":\"ahead\",\"due\":\"\"},"
		"\"controls\":[\"A/1\",\"B/9\"],\"third_parties\":[{\"name\":\"Acme\","
		"\"jurisdiction\":\"CH\"}]}");
	release = parse(
		"{\"digest\":\"dd\",\"name\":\"r\",\"version\":\"1\",\"published\":"
		"\"2026-01-02T00:00:00Z\",\"appraisal\":{\"outcome\":\"trusted\",\"reasons\":[],"
		"\"checked\":[\"release r 1: signed by b\",\"approval as risk: alice\"]}}");
	records = parse("[{\"id\":\"aa\",\"time\":\"2026-03-01T00:00:00Z\",\"trusted\":false},"
			"{\"id\":\"bb\",\"time\":\"2026-02-01T00:00:00Z\",\"trusted\":true}]");
	record = parse("{\"id\":\"bb\",\"time\":\"2026-02-01T00:00:00Z\",\"trusted\":true,"
		       "\"verdict\":{\"assurance\":\"booted\"}}");
	facts = (struct compliance_facts){
		.workload = workload, .release = release, .records = records, .record = record};
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	json_decref(workload);
	json_decref(release);
	json_decref(records);
	json_decref(record);
	json_release(&result);
	return 0;
}

/* The evidence's first line, or why there is none with a '!' before it. */
static const char *found(enum evidence_kind kind, char out[512])
{
	json_release(&result);
	assert_ok(compliance_evidence(&facts, kind, &result, &err), err);
	assert_string_equal(
		json_string_value(json_object_get(result, "kind")), evidence_kind_name(kind));
	const json_t *by = json_object_get(result, "by");
	if (json_is_true(json_object_get(result, "evidenced")) != (json_array_size(by) > 0))
		fail_msg("evidenced without evidence");
	if (json_array_size(by) > 0)
		(void)snprintf(out, 512, "%s", json_string_value(json_array_get(by, 0)));
	else
		(void)snprintf(out, 512, "!%s", json_string_value(json_object_get(result, "why")));
	return out;
}

#define assert_found(kind, wanted)                                                                 \
	do {                                                                                       \
		char out_[512];                                                                    \
		assert_string_equal(found((kind), out_), wanted);                                  \
	} while (0)

static void set(json_t *object, const char *key, const char *json)
{
	assert_int_equal(json_object_set_new(object, key, parse(json)), 0);
}

static void register__facts_there_or_not__said(void **state)
{
	(void)state;
	assert_found(EVIDENCE_REGISTERED,
		"register: owner o, risk class low, purpose \"p\", since 2026-01-01T00:00:00Z");
	assert_found(EVIDENCE_REVIEWED,
		"review: 2026-02-01T00:00:00Z by spiffe://x/operator/admin/a: yearly");
	assert_found(EVIDENCE_THIRD_PARTIES, "register: third party Acme in CH");
	set(workload, "review", "{\"state\":\"due\",\"due\":\"2026-03-01T00:00:00Z\"}");
	assert_found(EVIDENCE_REVIEWED, "!a review is due since 2026-03-01T00:00:00Z");
	set(workload, "review", "{\"state\":\"overdue\",\"due\":\"2026-03-01T00:00:00Z\"}");
	assert_found(EVIDENCE_REVIEWED, "!a review is due since 2026-03-01T00:00:00Z");
	(void)json_object_del(workload, "reviewed_by");
	assert_found(EVIDENCE_REVIEWED, "!no review is recorded");
	set(workload, "third_parties", "[]");
	assert_found(EVIDENCE_THIRD_PARTIES, "!the register lists no third party");
	(void)json_object_del(workload, "owner");
	assert_found(EVIDENCE_REGISTERED, "!the register names no owner, purpose or risk class");
}

static void release__signed_and_approved__said(void **state)
{
	(void)state;
	assert_found(EVIDENCE_RELEASE_SIGNED, "release dd: r 1, published 2026-01-02T00:00:00Z");
	assert_found(EVIDENCE_RELEASE_APPROVED, "release dd: approval as risk: alice");
	set(release, "appraisal",
		"{\"reasons\":[{\"code\":\"approval-missing\"}],\"checked\":["
		"\"approval as risk: alice\"]}");
	assert_found(EVIDENCE_RELEASE_APPROVED,
		"!release dd: approvals that its risk class asks for are missing");
	assert_found(EVIDENCE_RELEASE_SIGNED, "release dd: r 1, published 2026-01-02T00:00:00Z");
	set(release, "appraisal", "{\"reasons\":[],\"checked\":[]}");
	assert_found(EVIDENCE_RELEASE_APPROVED, "!the risk class asks for no approval");
}

static void release__not_signed_or_none__no_evidence_of_any_kind(void **state)
{
	(void)state;
	static const enum evidence_kind kinds[] = {EVIDENCE_RELEASE_SIGNED,
		EVIDENCE_RELEASE_APPROVED, EVIDENCE_CHANGE, EVIDENCE_DATASETS};
	static const char *const against[] = {"{\"reasons\":[{\"code\":\"release-signature\"}]}",
		"{\"reasons\":[{\"code\":\"release-malformed\"}]}",
		"{\"reasons\":[{\"code\":\"risk-class\"}]}", "[]"};
	for (size_t a = 0; a < ARRAY_LEN(against); a++) {
		set(release, "appraisal", against[a]);
		for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
			assert_found(kinds[i], "!release dd: not signed by a key of the policy in "
					       "force, or of no class of it");
	}
	facts.release = NULL;
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		assert_found(kinds[i], "!no release is published and not revoked");
}

static void release__commit_change_and_data__said_or_missed(void **state)
{
	(void)state;
	char commit[] = "0123456789abcdef0123456789abcdef01234567", change[] = "CHG-7";
	char data[] = "invoices-2026-01";
	char *datasets[] = {data};
	put_statement(commit, change, datasets, 1);
	assert_found(EVIDENCE_CHANGE,
		"release dd: code commit 0123456789abcdef0123456789abcdef01234567");
	assert_string_equal(json_string_value(json_array_get(json_object_get(result, "by"), 1)),
		"release dd: change request CHG-7");
	assert_found(EVIDENCE_DATASETS, "release dd: data set invoices-2026-01");
	put_statement(NULL, NULL, NULL, 0);
	assert_found(EVIDENCE_CHANGE, "!release dd names no commit and no change request");
	assert_found(EVIDENCE_DATASETS, "!release dd names no data set");
}

static void release__statement_unreadable__said(void **state)
{
	(void)state;
	put_envelope(BYTES_LIT("{}"));
	assert_found(EVIDENCE_CHANGE, "!release dd cannot be read");
	(void)json_object_del(release, "envelope");
	assert_found(EVIDENCE_DATASETS, "!release dd cannot be read");
}

static void decisions__there_or_not__said(void **state)
{
	(void)state;
	assert_found(EVIDENCE_MEASURED,
		"record bb: what ran was the release at 2026-02-01T00:00:00Z, assurance booted");
	assert_found(EVIDENCE_BOOT, "record bb: the host's boot was appraised at "
				    "2026-02-01T00:00:00Z, assurance booted");
	assert_found(EVIDENCE_RECORDS, "records: 2 read, 1 of them refusals, newest aa of "
				       "2026-03-01T00:00:00Z");
	set(record, "verdict", "{\"assurance\":\"measured\"}");
	assert_found(EVIDENCE_BOOT, "record bb: the host's boot was appraised at "
				    "2026-02-01T00:00:00Z, assurance measured");
	set(record, "verdict", "{\"assurance\":\"reported\"}");
	assert_found(EVIDENCE_BOOT, "!record bb: nothing of the host's boot was appraised");
	facts.record = NULL;
	facts.records = NULL;
	assert_found(EVIDENCE_RECORDS, "!no decision is recorded");
	static const enum evidence_kind kinds[] = {
		EVIDENCE_MEASURED, EVIDENCE_BOOT, EVIDENCE_AUDIT};
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		assert_found(kinds[i], "!no trusted decision about the current release is among "
				       "the newest records");
}

static void audit__bundle_that_is_none__no_evidence(void **state)
{
	(void)state;
	facts.bundle = BYTES_LIT("\xa1\x01\x02");
	assert_found(
		EVIDENCE_AUDIT, "!record bb: its verdict was not reached again from its bundle");
	facts.bundle = (struct bytes){0};
	assert_found(
		EVIDENCE_AUDIT, "!record bb: its verdict was not reached again from its bundle");
}

/* A verifier that answers with the bundle of a better decision. */
static void audit__bundle_of_another_record__no_evidence(void **state)
{
	struct scene_keys keys;
	struct whole *w = calloc(1, sizeof(*w));
	char id[2 * SHA256_LEN + 1], wanted[192];
	(void)state;
	assert_non_null(w);
	scene_keys_make(&keys);
	struct scene *s = scene_new(&keys);
	scene_run(s);
	whole_make(w, s, NULL, 0);
	facts.bundle = buf_bytes(&w->file);
	assert_found(EVIDENCE_AUDIT, "!record bb: the bundle that was sent is of another record");
	hex_encode(BYTES_OF(w->hashes[WHOLE_INDEX]), id);
	assert_int_equal(json_object_set_new(record, "id", json_string(id)), 0);
	(void)snprintf(wanted, sizeof(wanted),
		"record %s: its verdict was reached again from its bundle, by the key in it", id);
	assert_found(EVIDENCE_AUDIT, wanted);
	facts.bundle = (struct bytes){0};
	scene_free(s);
	scene_keys_free(&keys);
	whole_release(w);
	free(w);
}

static void report__statuses__by_what_is_evidenced(void **state)
{
	(void)state;
	static const char text[] =
		"map: 1\nname: n\nversion: \"1\"\ncontrols:\n"
		"  - {id: A/1, framework: f, clause: c, title: t, evidence: [registered, "
		"reviewed]}\n"
		"  - {id: A/2, framework: f, clause: c, title: t, evidence: [registered, "
		"offline-audit]}\n"
		"  - {id: A/3, framework: f, clause: c, title: t, evidence: [offline-audit]}\n";
	static const char *const status[] = {"evidenced", "partly evidenced", "not evidenced here"};
	struct control_map *map = NULL;
	assert_ok(control_map_parse(bytes_str(text), "m", &map, &err), err);
	assert_ok(compliance_report(&facts, map, &result, &err), err);
	control_map_free(&map);
	const json_t *controls = json_object_get(result, "controls");
	assert_int_equal(json_array_size(controls), 3);
	for (size_t i = 0; i < 3; i++) {
		const json_t *c = json_array_get(controls, i);
		assert_string_equal(json_string_value(json_object_get(c, "status")), status[i]);
		assert_int_equal(json_is_true(json_object_get(c, "declared")), i == 0);
	}
	const json_t *unknown = json_object_get(result, "not_in_map");
	assert_int_equal(json_array_size(unknown), 1);
	assert_string_equal(json_string_value(json_array_get(unknown, 0)), "B/9");
}

static void map__built_in__is_the_one_in_docs(void **state)
{
	(void)state;
	struct control_map *map = NULL;
	assert_ok(control_map_parse(
			  bytes_of(control_map_shipped, control_map_shipped_len), "m", &map, &err),
		err);
	assert_string_equal(map->name, "assay-default");
	control_map_free(&map);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(register__facts_there_or_not__said),
		T(release__signed_and_approved__said),
		T(release__not_signed_or_none__no_evidence_of_any_kind),
		T(release__commit_change_and_data__said_or_missed),
		T(release__statement_unreadable__said),
		T(decisions__there_or_not__said),
		T(audit__bundle_that_is_none__no_evidence),
		T(audit__bundle_of_another_record__no_evidence),
		T(report__statuses__by_what_is_evidenced),
		T(map__built_in__is_the_one_in_docs),
#undef T
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
