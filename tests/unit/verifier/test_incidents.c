/* SPDX-License-Identifier: Apache-2.0 */
/* Incidents: opened, attached to, closed; who may; each step an entry that its subjects show. */
#include "tests/unit/verifier/world.h"
#include "verifier/incidents.h"

static struct world w;
static char host_hex[2 * HOST_ID_LEN + 1], record_hex[2 * SHA256_LEN + 1];
static char incident[INCIDENT_ID_TEXT];

static int group_setup(void **state)
{
	(void)state;
	struct https c;
	struct world_attestation a;
	world_start(&w);
	world_enroll(&w);
	hex_encode(BYTES_OF(w.host_id), host_hex);
	assert_true(world_connect(&w, &c));
	world_launch(&w, &c, &a);
	hex_encode(bytes_of(a.result.record, SHA256_LEN), record_hex);
	world_attestation_release(&a);
	https_close(&c);
	return 0;
}

static int group_teardown(void **state)
{
	(void)state;
	world_stop(&w);
	return 0;
}

static json_t *post(const char *path, int status, const char *format, ...)
{
	char body[1024];
	va_list args;
	va_start(args, format);
	(void)vsnprintf(body, sizeof(body), format, args);
	va_end(args);
	return world_json(&w, &w.admin, "POST", path, body, status);
}

static const char *text(const json_t *value, const char *key)
{
	const char *found = json_string_value(json_object_get(value, key));
	return found ? found : "";
}

static int setup(void **state)
{
	(void)state;
	json_t *answer = post("/v1/incidents", 201,
		"{\"title\":\"odd clock\",\"severity\":\"high\",\"host\":\"%s\"}", host_hex);
	(void)snprintf(incident, sizeof(incident), "%s", text(answer, "incident"));
	assert_string_equal(text(answer, "state"), "open");
	json_decref(answer);
	return 0;
}

static const char *path_of(const char *step, char out[96])
{
	(void)snprintf(out, 96, "/v1/incidents/%s%s", incident, step);
	return out;
}

static void assert_answer(const char *path, int status, const char *body, const char *message)
{
	json_t *answer = world_json(&w, &w.admin, "POST", path, body, status);
	assert_string_equal(text(json_object_get(answer, "error"), "message"), message);
	json_decref(answer);
}

static void incident__whole_life__told_by_its_steps(void **state)
{
	(void)state;
	char path[96];
	const json_t *steps;
	json_decref(post(
		path_of("/attach", path), 200, "{\"what\":\"record\",\"id\":\"%s\"}", record_hex));
	json_decref(post(path, 200, "{\"what\":\"hold\",\"id\":\"hold-1\",\"comment\":\"court\"}"));
	json_decref(post(path, 200, "{\"what\":\"workload\",\"id\":\"other\"}"));
	json_decref(post(path_of("/close", path), 200, "{\"reason\":\"explained\"}"));
	json_t *answer = world_json(&w, &w.auditor, "GET", path_of("", path), NULL, 200);
	steps = json_object_get(answer, "steps");
	assert_string_equal(text(answer, "title"), "odd clock");
	assert_string_equal(text(answer, "state"), "closed");
	assert_string_equal(text(answer, "host"), host_hex);
	assert_string_equal(text(answer, "opened_by"), "spiffe://bank.example/operator/admin/test");
	assert_int_equal(json_array_size(steps), 5);
	/* A record under its own subjects, a hold under the incident's, a subject under itself. */
	assert_string_equal(text(json_array_get(steps, 1), "workload"), "ocr-agent");
	assert_string_equal(text(json_array_get(steps, 1), "attached"), record_hex);
	assert_string_equal(text(json_array_get(steps, 2), "host"), host_hex);
	assert_string_equal(text(json_array_get(steps, 2), "comment"), "court");
	assert_string_equal(text(json_array_get(steps, 3), "workload"), "other");
	assert_string_equal(text(json_array_get(steps, 3), "host"), "");
	assert_string_equal(text(json_array_get(steps, 4), "reason"), "explained");
	json_decref(answer);
}

static void incident__note__an_object_by_its_digest(void **state)
{
	(void)state;
	char path[160];
	static const char note[] = "The clock went back twice.\n";
	uint8_t digest[SHA256_LEN];
	char hex[2 * SHA256_LEN + 1];
	struct buf base64 = {0};
	buf_put_base64(&base64, bytes_str(note), false);
	json_t *answer = post(path_of("/attach", path), 200,
		"{\"what\":\"note\",\"content\":\"%s\",\"name\":\"n.txt\"}", buf_str(&base64));
	assert_true(sha256_of(bytes_str(note), digest, NULL));
	hex_encode(BYTES_OF(digest), hex);
	const json_t *step = json_array_get(json_object_get(answer, "steps"), 1);
	assert_string_equal(text(step, "attached"), hex);
	assert_string_equal(text(step, "name"), "n.txt");
	assert_int_equal(json_integer_value(json_object_get(step, "length")), sizeof(note) - 1);
	json_decref(answer);
	(void)snprintf(path, sizeof(path), "/v1/objects/%s", hex);
	struct https_answer a = world_call(&w, &w.auditor, "GET", path, NULL, (struct bytes){0});
	assert_int_equal(a.status, 200);
	assert_bytes(buf_bytes(&a.body), bytes_str(note));
	buf_release(&a.body);
	buf_release(&base64);
}

static void incident__of_a_host__in_its_entries(void **state)
{
	(void)state;
	char path[160];
	(void)snprintf(path, sizeof(path), "/v1/entries?host=%s&type=incident", host_hex);
	json_t *before = world_json(&w, &w.auditor, "GET", path, NULL, 200);
	size_t count = json_array_size(json_object_get(before, "entries"));
	json_decref(before);
	json_decref(post(path_of("/close", (char[96]){0}), 200, "{\"reason\":\"x\"}"));
	json_t *after = world_json(&w, &w.auditor, "GET", path, NULL, 200);
	assert_int_equal(json_array_size(json_object_get(after, "entries")), count + 1);
	json_decref(after);
	(void)snprintf(path, sizeof(path), "/v1/entries?incident=%s", incident);
	after = world_json(&w, &w.auditor, "GET", path, NULL, 200);
	assert_int_equal(json_array_size(json_object_get(after, "entries")), 2);
	json_decref(after);
}

static void incident__closed__nothing_follows(void **state)
{
	(void)state;
	char path[96], message[64];
	json_decref(post(path_of("/close", path), 200, "{\"reason\":\"x\"}"));
	(void)snprintf(message, sizeof(message), "incident %s is closed", incident);
	assert_answer(path, 409, "{\"reason\":\"x\"}", message);
	assert_answer(path_of("/attach", path), 409, "{\"what\":\"hold\",\"id\":\"h\"}", message);
}

static void incident__unknown__not_found(void **state)
{
	(void)state;
	assert_answer("/v1/incidents/0000000000000000/close", 404, "{\"reason\":\"x\"}",
		"no incident 0000000000000000");
	assert_answer("/v1/incidents/x/close", 404, "{\"reason\":\"x\"}",
		"x is no incident: expected 16 hex digits");
	world_do(&w, &w.auditor, "GET", "/v1/incidents/0000000000000000", NULL, 404);
	assert_answer(path_of("/attach", (char[96]){0}), 404,
		"{\"what\":\"record\",\"id\":"
		"\"0000000000000000000000000000000000000000000000000000000000000000\"}",
		"no such record");
}

static void incident__asked_wrongly__said_so(void **state)
{
	(void)state;
	static const struct {
		const char *step, *body, *message;
	} wrong[] = {
		{NULL, "{\"title\":\"\",\"severity\":\"high\"}", "body: title: say what happened"},
		{NULL, "{\"title\":\"t\",\"severity\":\"odd\"}",
			"body: severity: expected low, medium, high or critical"},
		{NULL, "{\"title\":\"t\",\"severity\":\"low\",\"host\":\"12\"}",
			"body: host: expected 64 hex digits"},
		{NULL, "{\"title\":\"t\",\"severity\":\"low\",\"workload\":\"A b\"}",
			"body: workload: not a name"},
		{"/attach", "{\"what\":\"thing\",\"id\":\"x\"}",
			"body: what: expected record, hold, host, workload, release, note or file"},
		{"/attach", "{\"what\":\"record\",\"id\":\"12\"}",
			"body: id: expected 64 hex digits"},
		{"/attach", "{\"what\":\"hold\",\"id\":\"A b\"}", "body: id: not a name"},
		{"/attach", "{\"what\":\"note\",\"content\":\"\"}", "body: content: empty"},
		{"/attach", "{\"what\":\"note\",\"content\":\"/w==\"}",
			"body: content: a note is text in UTF-8"},
		{"/close", "{\"reason\":\"\"}", "body: reason: say why"},
	};
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		char path[96];
		assert_answer(wrong[i].step ? path_of(wrong[i].step, path) : "/v1/incidents", 400,
			wrong[i].body, wrong[i].message);
	}
}

static void incident__by_others_than_admins__forbidden(void **state)
{
	(void)state;
	char path[96];
	static const char opening[] = "{\"title\":\"t\",\"severity\":\"low\"}";
	world_do(&w, &w.auditor, "POST", "/v1/incidents", opening, 403);
	world_do(&w, &w.ci, "POST", "/v1/incidents", opening, 403);
	world_do(&w, &w.auditor, "POST", path_of("/close", path), "{\"reason\":\"x\"}", 403);
	world_do(&w, &w.ci, "GET", "/v1/incidents", NULL, 403);
}

static void incidents__listed__each_once(void **state)
{
	(void)state;
	json_t *before = world_json(&w, &w.auditor, "GET", "/v1/incidents", NULL, 200);
	(void)setup(state);
	json_decref(post(
		path_of("/attach", (char[96]){0}), 200, "{\"what\":\"hold\",\"id\":\"hold-2\"}"));
	json_t *after = world_json(&w, &w.auditor, "GET", "/v1/incidents", NULL, 200);
	const json_t *list = json_object_get(after, "incidents");
	size_t n = json_array_size(list);
	assert_int_equal(n, json_array_size(json_object_get(before, "incidents")) + 1);
	assert_string_equal(text(json_array_get(list, n - 1), "incident"), incident);
	assert_int_equal(
		json_integer_value(json_object_get(json_array_get(list, n - 1), "steps")), 2);
	json_decref(before);
	json_decref(after);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, setup)
	const struct CMUnitTest tests[] = {
		TEST(incident__whole_life__told_by_its_steps),
		TEST(incident__note__an_object_by_its_digest),
		TEST(incident__of_a_host__in_its_entries),
		TEST(incident__closed__nothing_follows),
		TEST(incident__unknown__not_found),
		TEST(incident__asked_wrongly__said_so),
		TEST(incident__by_others_than_admins__forbidden),
		TEST(incidents__listed__each_once),
	};
	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
