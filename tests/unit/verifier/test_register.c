/* SPDX-License-Identifier: Apache-2.0 */
/* The register over the API: what it takes and refuses, reviews, releases, and what follows when a
 * review falls due. */
#include "verifier/register.h"

#include "policy/control_map.h"

#include "tests/unit/verifier/fakes.h"
#include "tests/unit/verifier/world.h"

#define PERIOD INT64_C(600) /* operators' certificates in the test world end within the hour */

static struct world w;
static struct shifted_clock moved;

static int setup(void **state)
{
	(void)state;
	moved = (struct shifted_clock){.base.ops = &shifted_clock_ops};
	memset(&w, 0, sizeof(w));
	w.clock = &moved.base;
	w.class_lines = SCENE_CLASS_LINES
		"    review_every: 10m\n    review_grace: 10m\n"
		"  - name: easy\n    approvals: []\n    credential_lifetime: 5m\n";
	world_start(&w);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	world_stop(&w);
	return 0;
}

#define NEW(name, class, more)                                                                     \
	"{\"name\":\"" name "\",\"risk_class\":\"" class "\",\"environment\":\"prod\",\"owner\":"  \
							 "\"o\",\"purpose\":\"p\"" more "}"

static const char *text_at(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));
	if (!text)
		fail_msg("no text %s", key);
	return text;
}

static const char *review_state(const json_t *workload)
{
	return text_at(json_object_get(workload, "review"), "state");
}

static json_t *workload(const char *name)
{
	char path[96];
	(void)snprintf(path, sizeof(path), "/v1/workloads/%s", name);
	return world_json(&w, &w.auditor, "GET", path, NULL, 200);
}

static void workload__every_fact__kept_and_shown(void **state)
{
	(void)state;
	world_do(&w, &w.admin, "POST", "/v1/workloads",
		NEW("a", "easy",
			",\"unit\":\"claims\",\"controls\":[\"EU-AI-Act/12\",\"SOC2/CC6.1\"],"
			"\"third_parties\":[{\"name\":\"Bank \\\"One\\\"\",\"jurisdiction\":\"CH\"}"
			"],\"review_interval\":86400,\"next_review\":\"2999-01-02T03:04:05Z\""),
		201);
	json_t *a = workload("a");
	assert_string_equal(text_at(a, "unit"), "claims");
	json_t *controls = json_object_get(a, "controls");
	assert_int_equal(json_array_size(controls), 2);
	assert_string_equal(json_string_value(json_array_get(controls, 1)), "SOC2/CC6.1");
	json_t *party = json_array_get(json_object_get(a, "third_parties"), 0);
	assert_string_equal(text_at(party, "name"), "Bank \"One\"");
	assert_string_equal(text_at(party, "jurisdiction"), "CH");
	assert_int_equal(json_integer_value(json_object_get(a, "review_interval")), 86400);
	assert_string_equal(text_at(a, "next_review"), "2999-01-02T03:04:05Z");
	assert_string_equal(text_at(a, "reviewed_by"), "");
	assert_string_equal(text_at(a, "reviewed"), text_at(a, "created"));
	assert_string_equal(review_state(a), "ahead");
	assert_string_equal(text_at(json_object_get(a, "review"), "refused_from"), "");
	assert_true(json_is_null(json_object_get(a, "current_release")));
	json_decref(a);
}

static void workload__bad_facts__refused(void **state)
{
	(void)state;
	static const struct {
		const char *body, *why;
	} cases[] = {
		{NEW("b", "easy", ",\"controls\":[\"a b\"]"), "controls"},
		{NEW("b", "easy", ",\"controls\":[\"\"]"), "controls"},
		{NEW("b", "easy", ",\"controls\":[7]"), "controls"},
		{NEW("b", "easy", ",\"controls\":\"A\""), "controls"},
		{NEW("b", "easy", ",\"controls\":[\"A\",\"A\"]"), "given twice"},
		{NEW("b", "easy", ",\"third_parties\":[{\"name\":\"x\"}]"), "third_parties"},
		{NEW("b", "easy", ",\"third_parties\":[{\"name\":\"x\",\"jurisdiction\":\"ch\"}]"),
			"capital letters"},
		{NEW("b", "easy", ",\"third_parties\":[{\"name\":\"x\",\"jurisdiction\":\"CHE\"}]"),
			"capital letters"},
		{NEW("b", "easy", ",\"third_parties\":[{\"name\":\"\",\"jurisdiction\":\"CH\"}]"),
			"third_parties"},
		{NEW("b", "easy",
			 ",\"third_parties\":[{\"name\":\"x\\ny\",\"jurisdiction\":\"CH\"}]"),
			"third_parties"},
		{NEW("b", "easy",
			 ",\"third_parties\":[{\"name\":\"x\",\"jurisdiction\":\"CH\",\"z\":1}]"),
			"third_parties"},
		{NEW("b", "easy",
			 ",\"third_parties\":[{\"name\":\"x\",\"jurisdiction\":\"CH\"},"
			 "{\"jurisdiction\":\"CH\",\"name\":\"x\"}]"),
			"given twice"},
		{NEW("b", "easy", ",\"unit\":7"), "unit"},
		{NEW("b", "easy", ",\"review_interval\":-1"), "review_interval"},
		{NEW("b", "easy", ",\"next_review\":\"2999-01-02\""), "next_review"},
		{NEW("b", "easy", ",\"next_review\":\"2001-01-01T00:00:00Z\""), "must lie ahead"},
		{NEW("b", "low", ",\"next_review\":\"2999-01-01T00:00:00Z\""),
			"risk class low asks for a review by"},
		{NEW("b", "low", ",\"review_interval\":601"),
			"risk class low asks for a review every 600 s"},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		json_t *answer =
			world_json(&w, &w.admin, "POST", "/v1/workloads", cases[i].body, 400);
		const char *message = text_at(json_object_get(answer, "error"), "message");
		if (!strstr(message, cases[i].why))
			fail_msg("case %zu: %s", i, message);
		json_decref(answer);
	}
	world_do(&w, &w.admin, "GET", "/v1/workloads/b", NULL, 404);
}

static void workload__lists_over_their_bounds__refused(void **state)
{
	(void)state;
	static const struct {
		const char *key;
		unsigned n;
		int width;
		const char *open, *close;
	} cases[] = {
		{"controls", REGISTER_CONTROLS_MAX + 1, 4, "\"", "\""},
		{"controls", 1, CONTROL_ID_MAX + 1, "\"", "\""},
		{"controls", REGISTER_CONTROLS_MAX, CONTROL_ID_MAX, "\"", "\""}, /* bytes */
		{"third_parties", REGISTER_PARTIES_MAX + 1, 4, "{\"name\":\"",
			"\",\"jurisdiction\":\"CH\"}"},
		{"third_parties", 1, REGISTER_PARTY_LEN + 1, "{\"name\":\"",
			"\",\"jurisdiction\":\"CH\"}"},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct buf body = {0};
		buf_printf(&body,
			"{\"name\":\"b\",\"risk_class\":\"easy\",\"environment\":\"e\",\"owner\":"
			"\"o\",\"purpose\":\"p\",\"%s\":[",
			cases[i].key);
		for (unsigned k = 0; k < cases[i].n; k++)
			buf_printf(&body, "%s%s%0*u%s", k ? "," : "", cases[i].open, cases[i].width,
				k, cases[i].close);
		buf_put_str(&body, "]}");
		world_do(&w, &w.admin, "POST", "/v1/workloads", buf_str(&body), 400);
		buf_release(&body);
	}
}

static void view__releases__current_and_previous(void **state)
{
	(void)state;
	char digest[2 * SHA256_LEN + 1], path[128];
	hex_encode(BYTES_OF(w.scene->release_digest), digest);
	json_t *ocr = workload("ocr-agent");
	json_t *current = json_object_get(ocr, "current_release");
	assert_string_equal(text_at(current, "digest"), digest);
	assert_int_equal(json_array_size(json_object_get(ocr, "previous_releases")), 0);
	json_decref(ocr);
	(void)snprintf(path, sizeof(path), "/v1/releases/%s/revoke", digest);
	world_do(&w, &w.admin, "POST", path, "{\"reason\":\"r\"}", 200);
	ocr = workload("ocr-agent");
	assert_true(json_is_null(json_object_get(ocr, "current_release")));
	json_t *previous = json_object_get(ocr, "previous_releases");
	assert_int_equal(json_array_size(previous), 1);
	assert_string_equal(text_at(json_array_get(previous, 0), "state"), "revoked");
	json_decref(ocr);
}

#define REVIEW "/v1/workloads/ocr-agent/review"

static void review__recorded__moves_the_date_and_says_who(void **state)
{
	(void)state;
	json_t *before = workload("ocr-agent");
	moved.shift = PERIOD + 1;
	json_t *due = workload("ocr-agent");
	assert_string_equal(review_state(before), "ahead");
	assert_string_equal(review_state(due), "due");
	json_t *after = world_json(&w, &w.admin, "POST", REVIEW,
		"{\"reason\":\"quarterly\",\"unit\":\"loans\",\"controls\":[\"A/1\"]}", 200);
	assert_string_equal(review_state(after), "ahead");
	assert_string_equal(
		text_at(after, "reviewed_by"), "spiffe://" WORLD_DOMAIN "/operator/admin/test");
	assert_string_equal(text_at(after, "review_reason"), "quarterly");
	assert_string_equal(text_at(after, "unit"), "loans");
	assert_int_equal(json_array_size(json_object_get(after, "controls")), 1);
	assert_string_not_equal(text_at(after, "reviewed"), text_at(before, "reviewed"));
	assert_string_not_equal(text_at(after, "next_review"), text_at(before, "next_review"));
	json_decref(before);
	json_decref(due);
	json_decref(after);
	after = world_json(&w, &w.admin, "POST", REVIEW, "{\"reason\":\"again\"}", 200);
	assert_string_equal(text_at(after, "unit"), "loans"); /* what is left out stays */
	json_decref(after);
}

static void review__in_the_ledger__with_who_why_and_what(void **state)
{
	(void)state;
	struct store_tree tree;
	struct sql *sql = NULL;
	struct leaf_row leaf = {0};
	bool found = false;
	world_do(&w, &w.admin, "POST", REVIEW, "{\"reason\":\"quarterly\"}", 200);
	store_tree(w.app->store, &tree);
	assert_true(store_read(w.app->store, &sql, &w.err));
	assert_ok(leaf_get(sql, tree.size - 1, &leaf, &found, &w.err), w.err);
	store_read_done(w.app->store, &sql);
	assert_true(found);
	static const char *const parts[] = {"\"event\":\"workload-reviewed\"",
		"\"reason\":\"quarterly\"",
		"\"by\":\"spiffe://" WORLD_DOMAIN "/operator/admin/test\"", "\"next_review\":\"2"};
	for (size_t i = 0; i < ARRAY_LEN(parts); i++)
		assert_non_null(
			memmem(leaf.content.data, leaf.content.len, parts[i], strlen(parts[i])));
	leaf_row_release(&leaf);
}

static void review__bad_or_by_others__refused(void **state)
{
	(void)state;
	static const struct {
		const char *body;
		int status;
	} cases[] = {
		{"{}", 400},
		{"{\"reason\":\"\"}", 400},
		{"{\"reason\":\"r\",\"owner\":\"x\"}", 400},
		{"{\"reason\":\"r\",\"next_review\":\"2999-01-01T00:00:00Z\"}", 400},
		{"{\"reason\":\"r\",\"next_review\":\"2001-01-01T00:00:00Z\"}", 400},
		{"{\"reason\":\"r\",\"controls\":[\"a b\"]}", 400},
		{"[]", 400},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		world_do(&w, &w.admin, "POST", REVIEW, cases[i].body, cases[i].status);
	world_do(&w, &w.ci, "POST", REVIEW, "{\"reason\":\"r\"}", 403);
	world_do(&w, &w.auditor, "POST", REVIEW, "{\"reason\":\"r\"}", 403);
	world_do(&w, &w.admin, "POST", "/v1/workloads/nobody/review", "{\"reason\":\"r\"}", 404);
	world_do(&w, &w.admin, "POST", "/v1/workloads", NEW("c", "easy", ""), 201);
	json_t *answer = world_json(
		&w, &w.admin, "POST", "/v1/workloads/c/review", "{\"reason\":\"r\"}", 400);
	assert_non_null(strstr(
		text_at(json_object_get(answer, "error"), "message"), "next_review is needed"));
	json_decref(answer);
	world_do(&w, &w.admin, "POST", "/v1/workloads/ocr-agent/retire", "{\"reason\":\"r\"}", 200);
	world_do(&w, &w.admin, "POST", REVIEW, "{\"reason\":\"r\"}", 409);
}

/* A launch of another instance, with a runtime log of its own. */
static void another_instance(void)
{
	w.scene->instance[0]++;
	w.scene->claims.instance[0]++;
	scene_log_default(w.scene);
}

static void launch__review_due_then_overdue_then_made__warned_refused_trusted(void **state)
{
	(void)state;
	struct world_attestation a = {0};
	struct https c;
	world_enroll(&w);
	assert_true(world_connect(&w, &c));
	moved.shift = PERIOD + 1;
	world_launch(&w, &c, &a);
	assert_non_null(memmem(a.result.verdict.data, a.result.verdict.len,
		"review of the workload: due since", 33));
	world_attestation_release(&a);
	moved.shift = 2 * PERIOD + 1;
	a = (struct world_attestation){.purpose = PURPOSE_LAUNCH};
	another_instance();
	world_attest(&w, &c, &a);
	assert_outcome(&a, "untrusted: review-overdue");
	world_attestation_release(&a);
	world_do(&w, &w.admin, "POST", REVIEW, "{\"reason\":\"r\"}", 200);
	another_instance();
	world_launch(&w, &c, &a);
	world_attestation_release(&a);
	https_close(&c);
}

static void assert_overdue(json_t *verdict)
{
	assert_string_equal(text_at(verdict, "outcome"), "untrusted");
	assert_string_equal(text_at(json_array_get(json_object_get(verdict, "reasons"), 0), "code"),
		"review-overdue");
}

static void release__review_overdue__its_appraisal_and_the_gate_say_so(void **state)
{
	(void)state;
	char digest[2 * SHA256_LEN + 1], path[128];
	hex_encode(BYTES_OF(w.scene->release_digest), digest);
	(void)snprintf(path, sizeof(path), "/v1/releases/%s", digest);
	moved.shift = 2 * PERIOD + 1;
	json_t *release = world_json(&w, &w.ci, "GET", path, NULL, 200);
	assert_overdue(json_object_get(release, "appraisal"));
	json_decref(release);
	(void)snprintf(path, sizeof(path), "/v1/releases/%s/gate?environment=prod", digest);
	json_t *gate = world_json(&w, &w.ci, "GET", path, NULL, 200);
	assert_overdue(json_object_get(gate, "verdict"));
	json_decref(gate);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(workload__every_fact__kept_and_shown),
		T(workload__bad_facts__refused),
		T(workload__lists_over_their_bounds__refused),
		T(view__releases__current_and_previous),
		T(review__recorded__moves_the_date_and_says_who),
		T(review__in_the_ledger__with_who_why_and_what),
		T(review__bad_or_by_others__refused),
		T(launch__review_due_then_overdue_then_made__warned_refused_trusted),
		T(release__review_overdue__its_appraisal_and_the_gate_say_so),
#undef T
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
