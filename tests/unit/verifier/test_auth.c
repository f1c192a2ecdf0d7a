/* SPDX-License-Identifier: Apache-2.0 */
/* E31, S15: every route of the table, walked with every certificate that must not use it; and certificates that die. */
#include "tests/unit/verifier/world.h"

static struct world w;

static int setup(void **state)
{
	(void)state;
	w.events_wait_ms = 1; /* nothing will have happened */
	world_start(&w);
	world_enroll(&w);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	world_stop(&w);
	return 0;
}

/* A concrete path for a pattern. */
static const char *path_of(const char *pattern, char out[256])
{
	size_t at = 0;
	for (const char *p = pattern; *p; p++) {
		if (*p != '{') {
			out[at++] = *p;
			continue;
		}
		memset(out + at, 'a', 64);
		at += 64;
		p = strchr(p, '}');
	}
	out[at] = 0;
	return out;
}

/* 0: the handshake was refused. */
static int status_of(const struct route *route, const struct world_operator *who)
{
	char path[256];
	struct https_answer a = world_call(&w, who, route->method == HTTP_GET ? "GET" : "POST",
		path_of(route->pattern, path),
		route->method == HTTP_POST ? route->content_type : NULL, BYTES_LIT(""));
	buf_release(&a.body);
	return a.status;
}

static void expect(
	const struct route *route, const struct world_operator *who, const char *what, bool allowed)
{
	int status = status_of(route, who);
	bool in = status != 0 && status != 401 && status != 403;
	if (in != allowed)
		fail_msg("%s with %s: %d", route->pattern, what, status);
	if (!who && !allowed && status != 401)
		fail_msg("%s without certificate: %d, wanted 401", route->pattern, status);
}

static void routes__no_certificate__only_those_for_anyone(void **state)
{
	(void)state;
	for (size_t i = 0; i < app_route_count(); i++)
		expect(&app_routes[i], NULL, "nothing", app_routes[i].roles == 0);
}

static void routes__every_role__only_its_own(void **state)
{
	(void)state;
	const struct {
		const char *name;
		unsigned role;
		struct world_operator who;
	} all[] = {
		{"admin", ROLE_ADMIN, w.admin},
		{"ci", ROLE_CI, w.ci},
		{"auditor", ROLE_AUDITOR, w.auditor},
		{"host", ROLE_HOST, {w.host_cert, w.host_key}},
	};
	for (size_t i = 0; i < app_route_count(); i++)
		for (size_t k = 0; k < ARRAY_LEN(all); k++)
			expect(&app_routes[i], &all[k].who, all[k].name,
				app_routes[i].roles == 0 ||
					(app_routes[i].roles & all[k].role) != 0);
}

static void routes__certificates_that_are_none__refused_everywhere(void **state)
{
	(void)state;
	struct key *key = NULL;
	int64_t now = clock_wall(&clock_system);
	assert_ok(key_generate(KEY_EC_P256, &key, &w.err), w.err);
	const char *uri = "spiffe://bank.example/operator/admin/test";
	struct cert_request server_only = {.uri = uri,
		.subject = key,
		.not_before = now - 60,
		.not_after = now + 60,
		.server_auth = true};
	struct cert_request no_eku = {
		.uri = uri, .subject = key, .not_before = now - 60, .not_after = now + 60};
	struct cert_request other_ca = {.uri = uri,
		.subject = key,
		.not_before = now - 60,
		.not_after = now + 60,
		.client_auth = true};
	struct {
		const char *what;
		struct cert *cert;
	} bad[] = {
		{"an expired certificate", world_cert(&w, uri, key, now - 600, now - 1)},
		{"a certificate of tomorrow", world_cert(&w, uri, key, now + 3600, now + 7200)},
		{"another trust domain", world_cert(&w, "spiffe://evil.example/operator/admin/test",
						 key, now - 60, now + 60)},
		{"an unknown role", world_cert(&w, "spiffe://bank.example/operator/root/test", key,
					    now - 60, now + 60)},
		{"no identity", world_cert(&w, "https://bank.example/", key, now - 60, now + 60)},
		{"a host that never enrolled",
			world_cert(&w,
				"spiffe://bank.example/host/"
				"00000000000000000000000000000000000000000000000000000000000000ff",
				key, now - 60, now + 60)},
		{"an instance that never was", world_cert(&w,
						       "spiffe://bank.example/workload/ocr-agent/"
						       "00000000000000000000000000000000",
						       key, now - 60, now + 60)},
		{"a certificate for servers", NULL},
		{"a certificate without usage", NULL},
		{"another CA's certificate", NULL},
	};
	struct cert *stranger = NULL;
	struct cert_request self = {.common_name = "evil",
		.subject = key,
		.not_before = now - 60,
		.not_after = now + 60,
		.ca = true};
	assert_ok(cert_issue(&self, NULL, key, &stranger, &w.err), w.err);
	assert_ok(cert_issue(&server_only, w.authority.ca, w.authority.key, &bad[7].cert, &w.err),
		w.err);
	assert_ok(
		cert_issue(&no_eku, w.authority.ca, w.authority.key, &bad[8].cert, &w.err), w.err);
	assert_ok(cert_issue(&other_ca, stranger, key, &bad[9].cert, &w.err), w.err);
	for (size_t k = 0; k < ARRAY_LEN(bad); k++) {
		struct world_operator who = {.cert = bad[k].cert, .key = key};
		for (size_t i = 0; i < app_route_count(); i++) {
			int status = status_of(&app_routes[i], &who);
			if (app_routes[i].roles != 0 && status != 0 && status != 401 &&
				status != 403)
				fail_msg("%s with %s: %d", app_routes[i].pattern, bad[k].what,
					status);
		}
		cert_unref(&bad[k].cert);
	}
	cert_unref(&stranger);
	key_unref(&key);
}

/* The same question asked of auth_check itself: the handshake is not the only guard. */
static void auth__expired_on_an_open_connection__refused(void **state)
{
	(void)state;
	struct identity who;
	int64_t now = clock_wall(&clock_system);
	struct cert *old = world_cert(
		&w, "spiffe://bank.example/operator/admin/test", w.admin.key, now - 600, now - 1);
	assert_int_equal(auth_check(w.app, NULL, 0, &who), 0);
	assert_int_equal(auth_check(w.app, NULL, ROLE_ADMIN, &who), 401);
	assert_int_equal(auth_check(w.app, old, ROLE_ADMIN, &who), 401);
	assert_int_equal(auth_check(w.app, w.admin.cert, ROLE_CI, &who), 403);
	assert_int_equal(auth_check(w.app, w.ca, ROLE_ANY_CERTIFICATE, &who), 403);
	assert_int_equal(auth_check(w.app, w.admin.cert, ROLE_ADMIN, &who), 0);
	assert_string_equal(who.name, "test");
	cert_unref(&old);
}

static struct world_operator launch(void)
{
	struct https c;
	struct world_attestation a;
	struct world_operator agent = {.key = w.keys.instance};
	assert_true(world_connect(&w, &c));
	world_launch(&w, &c, &a);
	assert_ok(cert_from_der(a.result.certs[0], false, &agent.cert, &w.err), w.err);
	world_attestation_release(&a);
	https_close(&c);
	return agent;
}

static void host_path(const char *what, char out[128])
{
	char id[2 * HOST_ID_LEN + 1];
	hex_encode(BYTES_OF(w.host_id), id);
	(void)snprintf(out, 128, "/v1/hosts/%s/%s", id, what);
}

static void certificates__workload__only_whoami_and_dies_with_its_host(void **state)
{
	(void)state;
	char path[128];
	struct world_operator agent = launch(), host = {w.host_cert, w.host_key};
	for (size_t i = 0; i < app_route_count(); i++)
		expect(&app_routes[i], &agent, "a workload's certificate",
			app_routes[i].roles == 0 || (app_routes[i].roles & ROLE_WORKLOAD) != 0);
	host_path("quarantine", path);
	world_do(&w, &w.admin, "POST", path, "{\"reason\":\"test\"}", 200);
	world_do(&w, &agent, "GET", "/v1/whoami", NULL, 403);
	world_do(&w, &host, "GET", "/v1/whoami", NULL, 403);
	/* Confirming the host brings back neither what was revoked nor anything for the host's old certificate. */
	host_path("confirm", path);
	world_do(&w, &w.admin, "POST", path, "{\"reason\":\"looked into\"}", 200);
	world_do(&w, &agent, "GET", "/v1/whoami", NULL, 403);
	world_do(&w, &host, "GET", "/v1/whoami", NULL, 403);
	cert_unref(&agent.cert);
}

static void certificates__workload__dies_with_its_workload(void **state)
{
	(void)state;
	struct world_operator agent = launch();
	world_do(&w, &agent, "GET", "/v1/whoami", NULL, 200);
	world_do(&w, &w.admin, "POST", "/v1/workloads/ocr-agent/retire", "{\"reason\":\"over\"}",
		200);
	world_do(&w, &agent, "GET", "/v1/whoami", NULL, 403);
	cert_unref(&agent.cert);
}

static void certificates__workload__dies_with_its_release(void **state)
{
	(void)state;
	char digest[2 * SHA256_LEN + 1], path[128];
	struct world_operator agent = launch();
	hex_encode(BYTES_OF(w.scene->release_digest), digest);
	(void)snprintf(path, sizeof(path), "/v1/releases/%s/revoke", digest);
	world_do(&w, &w.admin, "POST", path, "{\"reason\":\"bad model\"}", 200);
	world_do(&w, &w.admin, "POST", path, "{\"reason\":\"again\"}", 409);
	world_do(&w, &agent, "GET", "/v1/whoami", NULL, 403);
	cert_unref(&agent.cert);
}

static void certificates__on_an_open_connection__die_too(void **state)
{
	(void)state;
	struct https c;
	char path[128];
	struct world_operator agent = launch();
	assert_true(https_open(&c, w.port, w.ca, agent.cert, agent.key));
	struct https_answer a = https_request(&c, "GET", "/v1/whoami", NULL, (struct bytes){0});
	assert_int_equal(a.status, 200);
	buf_release(&a.body);
	host_path("retire", path);
	world_do(&w, &w.admin, "POST", path, "{\"reason\":\"sold\"}", 200);
	a = https_request(&c, "GET", "/v1/whoami", NULL, (struct bytes){0});
	assert_int_equal(a.status, 403);
	buf_release(&a.body);
	https_close(&c);
	cert_unref(&agent.cert);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			routes__no_certificate__only_those_for_anyone, setup, teardown),
		cmocka_unit_test_setup_teardown(routes__every_role__only_its_own, setup, teardown),
		cmocka_unit_test_setup_teardown(
			routes__certificates_that_are_none__refused_everywhere, setup, teardown),
		cmocka_unit_test_setup_teardown(
			auth__expired_on_an_open_connection__refused, setup, teardown),
		cmocka_unit_test_setup_teardown(
			certificates__workload__only_whoami_and_dies_with_its_host, setup,
			teardown),
		cmocka_unit_test_setup_teardown(
			certificates__workload__dies_with_its_workload, setup, teardown),
		cmocka_unit_test_setup_teardown(
			certificates__workload__dies_with_its_release, setup, teardown),
		cmocka_unit_test_setup_teardown(
			certificates__on_an_open_connection__die_too, setup, teardown),
	};
	(void)signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
