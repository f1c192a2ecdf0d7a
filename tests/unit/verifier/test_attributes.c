/* SPDX-License-Identifier: Apache-2.0 */
/* Attributes of hosts: who may say something of a host, what is kept of it, and that decisions rest
 * on what counts now. */
#include "verifier/attributes.h"

#include "ledger/audit.h"
#include "tests/unit/verifier/fakes.h"
#include "tests/unit/verifier/world.h"

#define BY "spiffe://bank.example/operator/admin/test"

static struct world w;
static char path[160];

static void start(const char *class_lines)
{
	char id[2 * HOST_ID_LEN + 1];
	w.class_lines = class_lines;
	world_start(&w);
	hex_encode(BYTES_OF(w.host_id), id);
	(void)snprintf(path, sizeof(path), "/v1/hosts/%s/attributes", id);
}

static int setup(void **state)
{
	(void)state;
	memset(&w, 0, sizeof(w));
	start(NULL);
	world_enroll(&w);
	return 0;
}

static int setup_placed(void **state)
{
	(void)state;
	memset(&w, 0, sizeof(w));
	start(SCENE_CLASS_LINES "    jurisdictions: [CH]\n"
				"    third_party_jurisdictions: [CH]\n");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	world_stop(&w);
	return 0;
}

static json_t *say(const char *body, int status)
{
	return world_json(&w, &w.admin, "POST", path, body, status);
}

static void say_ok(const char *body)
{
	json_decref(say(body, 200));
}

/* What the answer says is wrong. */
static void say_refused(const char *body, int status, const char *why)
{
	json_t *answer = say(body, status);
	const char *message =
		json_string_value(json_object_get(json_object_get(answer, "error"), "message"));
	if (!message || !strstr(message, why))
		fail_msg("%s: %s", body, message ? message : "no message");
	json_decref(answer);
}

static const char *value_of(const json_t *host, const char *key, const char *field)
{
	return json_string_value(
		json_object_get(json_object_get(json_object_get(host, "attributes"), key), field));
}

static json_t *newest_entry(void)
{
	return world_entry(&w, NULL);
}

static void attributes__set_changed_taken_back__all_is_kept(void **state)
{
	(void)state;
	say_ok("{\"set\":{\"jurisdiction\":\"DE\",\"site\":\"fra1\"},\"reason\":\"rack 1\"}");
	say_ok("{\"set\":{\"jurisdiction\":\"CH\"},\"unset\":[\"site\"],\"reason\":\"moved\"}");
	json_t *host = say("{\"set\":{\"environment\":\"prod\"},\"reason\":\"r\"}", 200);
	assert_int_equal(json_object_size(json_object_get(host, "attributes")), 2);
	assert_string_equal(value_of(host, "jurisdiction", "value"), "CH");
	assert_string_equal(value_of(host, "jurisdiction", "by"), BY);
	assert_string_equal(value_of(host, "jurisdiction", "reason"), "moved");
	assert_string_equal(value_of(host, "environment", "value"), "prod");
	const json_t *history = json_object_get(host, "attribute_history");
	assert_int_equal(json_array_size(history), 5);
	const json_t *newest = json_array_get(history, 0), *back = json_array_get(history, 2);
	assert_string_equal(json_string_value(json_object_get(newest, "key")), "environment");
	assert_string_equal(json_string_value(json_object_get(back, "key")), "site");
	assert_true(json_is_null(json_object_get(back, "value")));
	json_decref(host);
}

static void attributes__change__a_ledger_entry(void **state)
{
	(void)state;
	char id[2 * HOST_ID_LEN + 1];
	say_ok("{\"set\":{\"jurisdiction\":\"CH\"},\"reason\":\"seen it\"}");
	json_t *entry = newest_entry();
	hex_encode(BYTES_OF(w.host_id), id);
	assert_string_equal(json_string_value(json_object_get(entry, "event")), "host-attributes");
	assert_string_equal(json_string_value(json_object_get(entry, "host")), id);
	assert_string_equal(json_string_value(json_object_get(entry, "by")), BY);
	assert_string_equal(json_string_value(json_object_get(entry, "reason")), "seen it");
	assert_string_equal(
		json_string_value(json_object_get(json_object_get(entry, "set"), "jurisdiction")),
		"CH");
	json_decref(entry);
}

static void attributes__in_another_form__refused(void **state)
{
	static const struct {
		const char *body;
		int status;
		const char *why;
	} cases[] = {
		{"{\"reason\":\"r\"}", 400, "nothing is set and nothing unset"},
		{"{\"set\":{},\"reason\":\"r\"}", 400, "nothing is set and nothing unset"},
		{"{\"set\":{\"site\":\"a\"}}", 400, "reason"},
		{"{\"set\":{\"site\":\"a\"},\"reason\":\"\"}", 400, "say why"},
		{"{\"set\":[\"site\"],\"reason\":\"r\"}", 400, "expected an object of texts"},
		{"{\"set\":{\"site\":7},\"reason\":\"r\"}", 400, "texts of 1 to 253 bytes"},
		{"{\"set\":{\"site\":\"\"},\"reason\":\"r\"}", 400, "texts of 1 to 253 bytes"},
		{"{\"set\":{\"Site\":\"a\"},\"reason\":\"r\"}", 400, "expected names"},
		{"{\"set\":{\"jurisdiction\":\"Schweiz\"},\"reason\":\"r\"}", 400,
			"a jurisdiction as CH or CH-ZH"},
		{"{\"unset\":[\"Site\"],\"reason\":\"r\"}", 400, "expected names"},
		{"{\"unset\":[7],\"reason\":\"r\"}", 400, "expected names"},
		{"{\"unset\":[\"site\",\"site\"],\"reason\":\"r\"}", 400, "given twice"},
		{"{\"set\":{\"site\":\"a\"},\"unset\":[\"site\"],\"reason\":\"r\"}", 400,
			"both set and unset"},
		{"{\"unset\":[\"site\"],\"reason\":\"r\"}", 409, "this host has no attribute site"},
		{"{\"set\":{\"site\":\"a\"},\"by\":\"olga\",\"reason\":\"r\"}", 400, "by"},
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		say_refused(cases[i].body, cases[i].status, cases[i].why);
}

static void attributes__more_than_32__refused(void **state)
{
	(void)state;
	struct buf body = {0};
	buf_put_str(&body, "{\"reason\":\"r\",\"set\":{\"k0\":\"v\"");
	for (unsigned i = 1; i < HOST_ATTRIBUTES_MAX; i++)
		buf_printf(&body, ",\"k%u\":\"v\"", i);
	buf_put_str(&body, "}}");
	say_ok(buf_str(&body));
	say_refused("{\"set\":{\"k99\":\"v\"},\"reason\":\"r\"}", 400, "at most 32 attributes");
	say_ok("{\"set\":{\"k99\":\"v\"},\"unset\":[\"k0\"],\"reason\":\"r\"}");
	buf_release(&body);
}

/* Nobody but an operator who is admin, and least of all the host itself. */
static void attributes__by_others__refused(void **state)
{
	(void)state;
	const char *body = "{\"set\":{\"jurisdiction\":\"CH\"},\"reason\":\"r\"}";
	struct world_operator host = {.cert = w.host_cert, .key = w.host_key};
	world_do(&w, &host, "POST", path, body, 403);
	world_do(&w, &w.ci, "POST", path, body, 403);
	world_do(&w, &w.auditor, "POST", path, body, 403);
	world_do(&w, &w.admin, "POST",
		"/v1/hosts/"
		"0000000000000000000000000000000000000000000000000000000000000000"
		"/attributes",
		body, 404);
}

static void attributes__host_retired__refused(void **state)
{
	(void)state;
	char retire[160];
	(void)snprintf(retire, sizeof(retire), "%.*s/retire", (int)(strlen(path) - 11), path);
	world_do(&w, &w.admin, "POST", retire, "{\"reason\":\"r\"}", 200);
	say_refused("{\"set\":{\"site\":\"a\"},\"reason\":\"r\"}", 409, "this host is retired");
}

static bool forge_work(struct store_tx *tx, void *arg, struct err *err)
{
	return sql_exec(tx->sql, arg, SQL_NO_ARGS, NULL, err);
}

/* What was said cannot be unsaid, not even by this program. */
static void attributes__rows__immutable(void **state)
{
	static const char *const attempts[] = {
		"UPDATE host_attributes SET value='DE'", "DELETE FROM host_attributes"};
	(void)state;
	say_ok("{\"set\":{\"jurisdiction\":\"CH\"},\"reason\":\"r\"}");
	for (size_t i = 0; i < ARRAY_LEN(attempts); i++) {
		struct err err = {0};
		assert_false(
			store_run(w.app->store, forge_work, (void *)(uintptr_t)attempts[i], &err));
		assert_non_null(strstr(err.text, "what was said of a host is"));
	}
}

/* ---- join tokens ---- */

static void token__with_attributes__the_host_has_them_from_its_maker(void **state)
{
	(void)state;
	struct world_enrolment e = world_enrolment_of(&w);
	struct https c;
	struct world_attestation a;
	char *token =
		world_token(&w, "{\"attributes\":{\"jurisdiction\":\"CH\",\"site\":\"zrh1\"}}");
	e.token = bytes_str(token);
	world_enroll_run(&w, &e);
	assert_int_equal(e.state, HOST_ACTIVE);
	w.host_cert = cert_ref(e.cert);
	char show[160];
	(void)snprintf(show, sizeof(show), "%.*s", (int)(strlen(path) - 11), path);
	json_t *host = world_json(&w, &w.auditor, "GET", show, NULL, 200);
	assert_string_equal(value_of(host, "jurisdiction", "value"), "CH");
	assert_string_equal(value_of(host, "site", "by"), BY);
	assert_string_equal(value_of(host, "site", "reason"), "join token");
	json_decref(host);
	assert_true(world_connect(&w, &c));
	world_launch(&w, &c, &a);
	world_attestation_release(&a);
	https_close(&c);
	/* Enrolling again with the used token says nothing anew. */
	say_ok("{\"set\":{\"jurisdiction\":\"US\"},\"reason\":\"moved\"}");
	world_enrolment_release(&e);
	e = world_enrolment_of(&w);
	e.token = bytes_str(token);
	world_enroll_run(&w, &e);
	assert_int_equal(e.state, HOST_ACTIVE);
	host = world_json(&w, &w.auditor, "GET", show, NULL, 200);
	assert_string_equal(value_of(host, "jurisdiction", "value"), "US");
	json_decref(host);
	world_enrolment_release(&e);
	free(token);
}

/* Without a certificate it waits for an operator's word; what its token said of it counts already, and
 * once. */
static void token__host_that_waits__has_its_attributes_once(void **state)
{
	(void)state;
	char show[160];
	char *token = world_token(&w, "{\"attributes\":{\"jurisdiction\":\"CH\"}}");
	(void)snprintf(show, sizeof(show), "%.*s", (int)(strlen(path) - 11), path);
	for (int round = 0; round < 2; round++) {
		struct world_enrolment e = world_enrolment_of(&w);
		e.ek_cert = NULL;
		e.token = bytes_str(token);
		world_enroll_run(&w, &e);
		assert_int_equal(e.finish_status, 200);
		assert_int_equal(e.state, HOST_PENDING);
		world_enrolment_release(&e);
		json_t *host = world_json(&w, &w.auditor, "GET", show, NULL, 200);
		assert_string_equal(
			value_of(host, "jurisdiction", "value"), round == 0 ? "CH" : "US");
		json_decref(host);
		say_ok("{\"set\":{\"jurisdiction\":\"US\"},\"reason\":\"moved\"}");
	}
	free(token);
}

/* Made for this very TPM, and used without being shown. */
static void token__for_this_host__its_attributes_count_without_being_sent(void **state)
{
	(void)state;
	struct world_enrolment e = world_enrolment_of(&w);
	char body[256], id[2 * HOST_ID_LEN + 1];
	hex_encode(BYTES_OF(w.host_id), id);
	(void)snprintf(body, sizeof(body),
		"{\"ek_digest\":\"%s\",\"attributes\":{\"jurisdiction\":\"CH\"}}", id);
	free(world_token(&w, body));
	body[15] = body[15] == '0' ? '1' : '0'; /* another TPM's */
	char *other = strstr(body, "CH");
	memcpy(other, "US", 2);
	free(world_token(&w, body));
	world_enroll_run(&w, &e);
	assert_int_equal(e.state, HOST_ACTIVE);
	json_t *hosts = world_json(&w, &w.auditor, "GET", "/v1/hosts", NULL, 200);
	assert_string_equal(value_of(json_array_get(json_object_get(hosts, "hosts"), 0),
				    "jurisdiction", "value"),
		"CH");
	json_decref(hosts);
	world_enrolment_release(&e);
}

static void token__attributes_in_another_form__refused(void **state)
{
	static const char *const bodies[] = {"{\"attributes\":[]}",
		"{\"attributes\":{\"jurisdiction\":\"ch\"}}",
		"{\"attributes\":{\"kubernetes-node\":\"A\"}}", "{\"attributes\":{\"a\":1}}"};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bodies); i++)
		world_do(&w, &w.admin, "POST", "/v1/join-tokens", bodies[i], 400);
}

/* ---- nodes ---- */

struct second_host {
	struct host_row row;
	struct err err;
};

static bool second_work(struct store_tx *tx, void *arg, struct err *err)
{
	struct second_host *s = arg;
	return host_insert(tx->sql, &s->row, err);
}

static void node__of_another_host__refused_until_that_is_retired(void **state)
{
	(void)state;
	struct second_host s = {.row = {.state = HOST_ACTIVE, .epoch = 1, .enrolled = 1}};
	char first[160], second[160], id[2 * HOST_ID_LEN + 1];
	s.row.id[0] = s.row.ak_name[0] = 9;
	buf_put_str(&s.row.ek_public, "e");
	buf_put_str(&s.row.ak_public, "a");
	assert_ok(store_run(w.app->store, second_work, &s, &w.err), w.err);
	hex_encode(BYTES_OF(s.row.id), id);
	(void)snprintf(second, sizeof(second), "/v1/hosts/%s/attributes", id);
	(void)snprintf(first, sizeof(first), "%s", path);
	const char *node = "{\"set\":{\"kubernetes-node\":\"n1\"},\"reason\":\"r\"}";
	say_ok(node);
	say_ok(node); /* its own */
	(void)snprintf(path, sizeof(path), "%s", second);
	say_refused(node, 409, "kubernetes-node n1 is host ");
	say_ok("{\"set\":{\"site\":\"n1\"},\"reason\":\"r\"}"); /* only nodes are single */
	(void)snprintf(path, sizeof(path), "%s", first);
	char retire[160];
	(void)snprintf(retire, sizeof(retire), "%.*s/retire", (int)(strlen(path) - 11), path);
	world_do(&w, &w.admin, "POST", retire, "{\"reason\":\"r\"}", 200);
	(void)snprintf(path, sizeof(path), "%s", second);
	say_ok(node);
	host_row_release(&s.row);
}

/* ---- decisions ---- */

static void decision__follows_the_register__audited_the_same(void **state)
{
	(void)state;
	struct https c;
	struct world_attestation a = {.purpose = PURPOSE_LAUNCH}, next;
	world_enroll(&w);
	assert_true(world_connect(&w, &c));
	world_attest(&w, &c, &a);
	assert_outcome(&a, "untrusted: host-jurisdiction");
	world_attestation_release(&a);
	say_ok("{\"set\":{\"jurisdiction\":\"CH-ZH\"},\"reason\":\"r\"}");
	world_launch(&w, &c, &a);
	assert_non_null(memmem(a.result.verdict.data, a.result.verdict.len,
		"host: jurisdiction: CH-ZH, asserted by operator test, not proven", 63));
	char bundle[160], id[2 * SHA256_LEN + 1];
	hex_encode(BYTES_OF(a.result.record), id);
	(void)snprintf(bundle, sizeof(bundle), "/v1/records/%s/bundle", id);
	struct https_answer answer =
		world_call(&w, &w.auditor, "GET", bundle, NULL, (struct bytes){0});
	assert_int_equal(answer.status, 200);
	assert_non_null(memmem(answer.body.data, answer.body.len, "jurisdiction", 12));
	struct audit_anchors anchors = {.roots = &w.ca, .root_count = 1};
	struct audit_report report;
	assert_ok(audit_run(buf_bytes(&answer.body), &anchors, &report, &w.err), w.err);
	assert_true(report.consistent);
	audit_report_release(&report);
	buf_release(&answer.body);
	/* The register changes: refused at the next renewal. */
	say_ok("{\"set\":{\"jurisdiction\":\"US\"},\"reason\":\"moved\"}");
	world_next(&w, &a, &next);
	world_attestation_release(&a);
	world_attest(&w, &c, &next);
	assert_outcome(&next, "untrusted: host-jurisdiction");
	world_attestation_release(&next);
	https_close(&c);
}

static bool touch_work(struct store_tx *tx, void *arg, struct err *err)
{
	struct host_row *row = arg;
	const struct attribute_changes changes = {.by = BY, .reason = "r", .time = 1};
	return attributes_change(w.app, tx, row->id, &changes, err) &&
	       host_recheck(tx->sql, row, err);
}

/* A decision that rests on what was said before does not commit. */
static void decision__attributes_changed_meanwhile__does_not_commit(void **state)
{
	(void)state;
	struct sql *sql = NULL;
	struct host_row row = {0};
	bool found = false;
	struct err err = {0};
	assert_ok(store_read(w.app->store, &sql, &err), err);
	assert_ok(host_get(sql, w.host_id, &row, &found, &err), err);
	store_read_done(w.app->store, &sql);
	assert_fails(store_run(w.app->store, touch_work, &row, &err), err, ERR_CONFLICT,
		"the host was changed meanwhile");
	host_row_release(&row);
}

static void gate__third_party_elsewhere__refused_as_is_the_launch(void **state)
{
	(void)state;
	struct https c;
	struct world_attestation a = {.purpose = PURPOSE_LAUNCH};
	world_enroll(&w);
	say_ok("{\"set\":{\"jurisdiction\":\"CH\"},\"reason\":\"r\"}");
	char gate[160], digest[2 * SHA256_LEN + 1];
	hex_encode(BYTES_OF(w.scene->release_digest), digest);
	(void)snprintf(gate, sizeof(gate), "/v1/releases/%s/gate?environment=prod", digest);
	json_t *answer = world_json(&w, &w.ci, "GET", gate, NULL, 200);
	assert_string_equal(
		json_string_value(json_object_get(json_object_get(answer, "verdict"), "outcome")),
		"trusted");
	json_decref(answer);
	world_do(&w, &w.admin, "POST", "/v1/workloads/ocr-agent/review",
		"{\"reason\":\"r\",\"next_review\":\"2099-01-01T00:00:00Z\",\"third_parties\":[{"
		"\"name\":\"llm\",\"jurisdiction\":\"US\"}]}",
		200);
	answer = world_json(&w, &w.ci, "GET", gate, NULL, 200);
	char *text = json_dumps(answer, 0);
	assert_non_null(strstr(text, "third-party-jurisdiction"));
	free(text);
	json_decref(answer);
	assert_true(world_connect(&w, &c));
	world_attest(&w, &c, &a);
	assert_outcome(&a, "untrusted: third-party-jurisdiction");
	world_attestation_release(&a);
	https_close(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define C(name) cmocka_unit_test_setup_teardown(name, setup_placed, teardown)
		T(attributes__set_changed_taken_back__all_is_kept),
		T(attributes__change__a_ledger_entry),
		T(attributes__in_another_form__refused),
		T(attributes__more_than_32__refused),
		T(attributes__by_others__refused),
		T(attributes__host_retired__refused),
		T(attributes__rows__immutable),
		C(token__with_attributes__the_host_has_them_from_its_maker),
		C(token__host_that_waits__has_its_attributes_once),
		C(token__for_this_host__its_attributes_count_without_being_sent),
		C(token__attributes_in_another_form__refused),
		T(node__of_another_host__refused_until_that_is_retired),
		C(decision__follows_the_register__audited_the_same),
		T(decision__attributes_changed_meanwhile__does_not_commit),
		C(gate__third_party_elsewhere__refused_as_is_the_launch),
#undef T
#undef C
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
