/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who did what: every route that an operator changes something by leaves a ledger entry that names his certificate. The route
 * table is walked: a new route has to be put into one of the two lists here.
 */
#include "tests/unit/verifier/world.h"

#define OPERATORS (ROLE_ADMIN | ROLE_AUDITOR | ROLE_CI)

static struct world w;
static char host[2 * HOST_ID_LEN + 1], release[2 * SHA256_LEN + 1], incident[64], hold[96];

static int setup(void **state)
{
	(void)state;
	world_start(&w);
	world_enroll(&w);
	hex_encode(BYTES_OF(w.host_id), host);
	uint8_t digest[SHA256_LEN];
	memcpy(digest, w.scene->claims.release, sizeof(digest));
	hex_encode(BYTES_OF(digest), release);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	world_stop(&w);
	return 0;
}

/* In an order in which each may happen. "%s": what `with` points to; answers keep the id that later steps are about. */
static const struct {
	const char *pattern, *path, *with, *body;
	int status;
	const char *event;
	const char *keep;
	char *into;
	size_t size;
} steps[] = {
	{"/v1/join-tokens", "/v1/join-tokens", "", "{\"name\":\"next\"}", 201, "host-invited"},
	{"/v1/hosts/{id}/attributes", "/v1/hosts/%s/attributes", host,
		"{\"set\":{\"rack\":\"a\"},\"reason\":\"moved\"}", 200, "host-attributes"},
	{"/v1/workloads", "/v1/workloads", "",
		"{\"name\":\"second\",\"risk_class\":\"low\",\"environment\":\"prod\",\"owner\":"
		"\"o\","
		"\"purpose\":\"p\"}",
		201, "workload"},
	{"/v1/workloads/{name}/review", "/v1/workloads/second/review", "",
		"{\"reason\":\"looked\",\"next_review\":\"2027-01-01T00:00:00Z\"}", 200,
		"workload-review"},
	{"/v1/workloads/{name}/retire", "/v1/workloads/second/retire", "", "{\"reason\":\"old\"}",
		200, "workload-retire"},
	{"/v1/holds", "/v1/holds", "", "{\"workload\":\"ocr-agent\",\"reason\":\"court\"}", 201,
		"hold-set", "id", hold, sizeof(hold)},
	{"/v1/holds/{id}/lift", "/v1/holds/%s/lift", hold, "{\"reason\":\"over\"}", 200, "hold-"},
	{"/v1/incidents", "/v1/incidents", "", "{\"title\":\"odd\",\"severity\":\"low\"}", 201,
		"incident", "incident", incident, sizeof(incident)},
	{"/v1/incidents/{id}/attach", "/v1/incidents/%s/attach", incident,
		"{\"what\":\"workload\",\"id\":\"ocr-agent\"}", 200, "incident"},
	{"/v1/incidents/{id}/close", "/v1/incidents/%s/close", incident, "{\"reason\":\"done\"}",
		200, "incident"},
	{"/v1/releases/{digest}/revoke", "/v1/releases/%s/revoke", release, "{\"reason\":\"bad\"}",
		200, "release"},
	{"/v1/hosts/{id}/quarantine", "/v1/hosts/%s/quarantine", host, "{\"reason\":\"odd\"}", 200,
		"host-state"},
	{"/v1/hosts/{id}/confirm", "/v1/hosts/%s/confirm", host, "{\"reason\":\"fine\"}", 200,
		"host-state"},
	{"/v1/hosts/{id}/retire", "/v1/hosts/%s/retire", host, "{\"reason\":\"sold\"}", 200,
		"host-state"},
};

/* What is shown elsewhere, or changes nothing that anybody relies on. */
static const struct {
	const char *pattern, *why;
} others[] = {
	{"/v1/releases", "below: the world publishes one"},
	{"/v1/approvals", "below: the world publishes them"},
	{"/v1/releases/{digest}/statements", "test_statements.c"},
	{"/v1/workloads/{name}/rollback", "test_rollback.c"},
	{"/v1/security-floors", "test_security_floor.c"},
	{"/v1/rollouts", "test_rollout_start.c"},
	{"/v1/rollouts/{workload}/promote", "test_rollout.c"},
	{"/v1/rollouts/{workload}/halt", "test_rollout.c"},
	{"/v1/rollouts/{workload}/rollback", "test_rollout.c"},
	{"/v1/entries/{index}/redact", "test_redact.c"},
	{"/v1/policies", "test_policy_staged.c"},
	{"/v1/policies/{version}/activate", "test_policy_staged.c"},
	{"/v1/policies/{version}/withdraw", "test_policy_staged.c"},
	{"/v1/retention/sweep", "what it destroys has an entry each: test_retention.c"},
	{"/v1/shadow", "judges what is stored, and changes nothing"},
	{"/v1/shadow/{job}/end", "test_policy_shadow.c"},
	{"/v1/webhooks/{name}/retry", "test_webhooks.c"},
	{"/v1/webhooks/{name}/test", "changes nothing: it sends once, and is in the log"},
	{"/v1/elevations", "test_elevations.c"},
	{"/v1/elevations/{id}/words", "test_elevations.c"},
	{"/v1/elevations/{id}/revoke", "test_elevations.c"},
	{"/v1/log/quoted", "a TPM's signature speaks for itself"},
	{"/v1/log/cosigned", "a witness's signature speaks for itself"},
};

static bool listed(const char *pattern)
{
	for (size_t i = 0; i < ARRAY_LEN(steps); i++)
		if (strcmp(steps[i].pattern, pattern) == 0)
			return true;
	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		if (strcmp(others[i].pattern, pattern) == 0)
			return true;
	return false;
}

static void routes__that_operators_change_something_by__all_looked_at(void **state)
{
	(void)state;
	size_t n = 0;
	for (size_t i = 0; i < app_route_count(); i++) {
		const struct route *route = &app_routes[i];
		if (route->method != HTTP_POST || (route->roles & OPERATORS) == 0 ||
			(route->roles & ROLE_HOST) != 0)
			continue;
		if (!listed(route->pattern))
			fail_msg("POST %s: say here which entry tells who used it", route->pattern);
		n++;
	}
	assert_true(n >= ARRAY_LEN(steps));
}

static const char *string_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));
	return text ? text : "";
}

static uint64_t tree_size(void)
{
	struct store_tree tree;
	store_tree(w.app->store, &tree);
	return tree.size;
}

static void routes__each_used__its_entry_names_the_certificate(void **state)
{
	(void)state;
	char uri[X509_URI_MAX];
	assert_true(cert_uri(w.admin.cert, uri, sizeof(uri)));
	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		char path[160];
		uint64_t before = tree_size();
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		(void)snprintf(path, sizeof(path), steps[i].path, steps[i].with);
#pragma GCC diagnostic pop
		json_t *answer =
			world_json(&w, &w.admin, "POST", path, steps[i].body, steps[i].status);
		const json_t *kept = steps[i].keep ? json_object_get(answer, steps[i].keep) : NULL;
		if (json_is_integer(kept))
			(void)snprintf(steps[i].into, steps[i].size, "%lld",
				(long long)json_integer_value(kept));
		else if (kept)
			(void)snprintf(steps[i].into, steps[i].size, "%s",
				string_of(answer, steps[i].keep));
		json_decref(answer);
		if (tree_size() <= before)
			fail_msg("%s: no entry", path);
		json_t *entry = world_entry(&w, NULL);
		if (strcmp(string_of(entry, "by"), uri) != 0)
			fail_msg("%s: by %s, not %s", path, string_of(entry, "by"), uri);
		if (strncmp(string_of(entry, "event"), steps[i].event, strlen(steps[i].event)) != 0)
			fail_msg("%s: event %s", path, string_of(entry, "event"));
		json_decref(entry);
	}
}

static void releases_and_approvals__published__entries_name_the_certificate(void **state)
{
	(void)state;
	char uri[X509_URI_MAX];
	static const char *const events[] = {"release", "approval"};
	assert_true(cert_uri(w.ci.cert, uri, sizeof(uri)));
	for (size_t i = 0; i < ARRAY_LEN(events); i++) {
		json_t *entry = world_entry(&w, events[i]);
		assert_string_equal(string_of(entry, "by"), uri);
		json_decref(entry);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(routes__that_operators_change_something_by__all_looked_at),
		T(routes__each_used__its_entry_names_the_certificate),
		T(releases_and_approvals__published__entries_name_the_certificate),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
