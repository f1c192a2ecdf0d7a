/* SPDX-License-Identifier: Apache-2.0 */
/* What agents are shown as when nothing comes any more, what the ledger then says, and how they come back. */
#include "tests/unit/verifier/world.h"

#include "tests/unit/verifier/fakes.h"
#include "verifier/leases.h"

static struct world w;
static struct shifted_clock shifted;
static struct https c;
static struct world_attestation a;
static int64_t lease; /* of the class, in seconds */

static int setup(void **state)
{
	(void)state;
	shifted = (struct shifted_clock){.base = {.ops = &shifted_clock_ops}};
	w.clock = &shifted.base;
	world_start(&w);
	world_enroll(&w);
	lease = w.scene->policy->classes[0].lease;
	assert_true(world_connect(&w, &c));
	world_launch(&w, &c, &a);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	world_attestation_release(&a);
	https_close(&c);
	world_stop(&w);
	return 0;
}

/* ---- the rule ---- */

/* Renewed at 1000. */
static void view__by_lease_and_silence__table(void **state)
{
	static const struct {
		enum instance_state state;
		enum host_state host;
		enum workload_state workload;
		enum instance_view view;
		int64_t lease, heard, now;
	} cases[] = {
		{INSTANCE_TRUSTED, HOST_ACTIVE, WORKLOAD_ACTIVE, VIEW_TRUSTED, 1600, 1000, 1599},
		{INSTANCE_TRUSTED, HOST_ACTIVE, WORKLOAD_ACTIVE, VIEW_UNREACHABLE, 1600, 1000,
			1600},
		{INSTANCE_TRUSTED, HOST_ACTIVE, WORKLOAD_ACTIVE, VIEW_STALE, 1600, 1001, 1600},
		{INSTANCE_TRUSTED, HOST_ACTIVE, WORKLOAD_ACTIVE, VIEW_UNREACHABLE, 1600, 1001,
			1601},
		{INSTANCE_TRUSTED, HOST_ACTIVE, WORKLOAD_ACTIVE, VIEW_STALE, 1600, 1590, 2189},
		{INSTANCE_TRUSTED, HOST_ACTIVE, WORKLOAD_ACTIVE, VIEW_UNREACHABLE, 1600, 1590,
			2190},
		{INSTANCE_TRUSTED, HOST_ACTIVE, WORKLOAD_ACTIVE, VIEW_UNREACHABLE, 0, 0, 1},
		{INSTANCE_REFUSED, HOST_ACTIVE, WORKLOAD_ACTIVE, VIEW_UNTRUSTED, 1600, 1000, 1},
		{INSTANCE_ENDED, HOST_QUARANTINED, WORKLOAD_ACTIVE, VIEW_ENDED, 1600, 1000, 1},
		{INSTANCE_TRUSTED, HOST_QUARANTINED, WORKLOAD_ACTIVE, VIEW_QUARANTINED, 1600, 0, 1},
		{INSTANCE_TRUSTED, HOST_QUARANTINED, WORKLOAD_ACTIVE, VIEW_QUARANTINED, 1600, 0, 9},
		{INSTANCE_TRUSTED, HOST_RETIRED, WORKLOAD_ACTIVE, VIEW_RETIRED, 1600, 1000, 1},
		{INSTANCE_TRUSTED, HOST_PENDING, WORKLOAD_ACTIVE, VIEW_UNTRUSTED, 1600, 1000, 1},
		{INSTANCE_TRUSTED, HOST_ACTIVE, WORKLOAD_RETIRED, VIEW_RETIRED, 1600, 1000, 1},
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct instance_facts f = {.state = cases[i].state,
			.host_state = cases[i].host,
			.workload_state = cases[i].workload,
			.renewed = 1000,
			.lease = cases[i].lease,
			.heard = cases[i].heard};
		if (instance_view_of(&f, cases[i].now) != cases[i].view)
			fail_msg("case %zu: %s", i,
				instance_view_name(instance_view_of(&f, cases[i].now)));
	}
}

/* ---- a running verifier ---- */

static const char *path_of(char out[200])
{
	char host[2 * HOST_ID_LEN + 1], instance[2 * INSTANCE_ID_LEN + 1];
	hex_encode(BYTES_OF(w.host_id), host);
	hex_encode(BYTES_OF(w.scene->instance), instance);
	(void)snprintf(out, 200, "/v1/instances/%s/%s", host, instance);
	return out;
}

/* On a page of hosts each stands as it does by itself. */
static void assert_standing(void)
{
	char path[160], id[2 * HOST_ID_LEN + 1];
	static const char *const keys[] = {"agents", "last_heard", "last_seen"};
	hex_encode(BYTES_OF(w.host_id), id);
	(void)snprintf(path, sizeof(path), "/v1/hosts/%s", id);
	json_t *one = world_json(&w, &w.auditor, "GET", path, NULL, 200);
	json_t *all = world_json(&w, &w.auditor, "GET", "/v1/hosts", NULL, 200);
	json_t *list = json_object_get(all, "hosts");
	assert_int_equal(json_array_size(list), 1);
	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		assert_true(json_equal(json_object_get(json_array_get(list, 0), keys[i]),
			json_object_get(one, keys[i])));
	json_decref(one);
	json_decref(all);
}

static void shown_as(const char *wanted)
{
	char path[200];
	json_t *one = world_json(&w, &w.auditor, "GET", path_of(path), NULL, 200);
	assert_string_equal(json_string_value(json_object_get(one, "state")), wanted);
	json_decref(one);
	json_t *list = world_json(&w, &w.auditor, "GET", "/v1/instances", NULL, 200);
	json_t *first = json_array_get(json_object_get(list, "instances"), 0);
	assert_string_equal(json_string_value(json_object_get(first, "state")), wanted);
	json_decref(list);
	json_t *hosts = world_json(&w, &w.auditor, "GET", "/v1/hosts", NULL, 200);
	first = json_array_get(json_object_get(hosts, "hosts"), 0);
	assert_string_equal(json_string_value(json_object_get(first, "agents")), wanted);
	json_decref(hosts);
	assert_standing();
}

/* "trusted launch, stale lease-ended" */
static void history_is(const char *wanted)
{
	char path[200], text[400] = "";
	json_t *one = world_json(&w, &w.auditor, "GET", path_of(path), NULL, 200), *row;
	size_t i;
	json_array_foreach(json_object_get(one, "history"), i, row)(void)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s %s", i ? ", " : "",
			json_string_value(json_object_get(row, "state")),
			json_string_value(json_object_get(row, "why")));
	assert_string_equal(text, wanted);
	json_decref(one);
}

static unsigned sweep(void)
{
	unsigned told = 0;
	assert_ok(leases_sweep(w.app, &told, &w.err), w.err);
	return told;
}

/* No sweep runs here, as if its thread had died: nothing is shown as trusted all the same. */
static void lease_ended__no_sweep__shown_all_the_same(void **state)
{
	(void)state;
	leases_stop(&w.app->leases);
	shown_as("trusted");
	shifted.shift += lease - 5;
	shown_as("trusted");
	shifted.shift += 5;
	shown_as("unreachable");
	history_is("trusted launch");
}

static void sweep__silent_host__in_ledger_and_history_once(void **state)
{
	(void)state;
	assert_int_equal(sweep(), 0);
	shifted.shift += lease;
	assert_int_equal(sweep(), 1);
	assert_int_equal(sweep(), 0);
	history_is("trusted launch, unreachable nothing-heard");
	json_t *entry = world_entry(&w, "instance-state");
	assert_string_equal(json_string_value(json_object_get(entry, "state")), "unreachable");
	char host[2 * HOST_ID_LEN + 1];
	hex_encode(BYTES_OF(w.host_id), host);
	assert_string_equal(json_string_value(json_object_get(entry, "host")), host);
	json_decref(entry);
}

/* The host asks for challenges, and brings nothing: stale; then it is gone, too. */
static void sweep__host_asks_and_brings_nothing__stale_then_unreachable(void **state)
{
	struct world_attestation asked = {.purpose = PURPOSE_RENEW};
	int64_t heard = 0;
	(void)state;
	shifted.shift += lease - 10;
	world_challenge(&w, &c, &asked);
	for (int i = 0; i < 3000 && heard < clock_wall(w.clock) - 60; i++) {
		struct sql *sql = NULL;
		assert_ok(store_read(w.app->store, &sql, &w.err), w.err);
		assert_ok(host_heard_get(sql, w.host_id, &heard, &w.err), w.err);
		store_read_done(w.app->store, &sql);
		(void)usleep(10000);
	}
	shifted.shift += 15;
	shown_as("stale");
	assert_int_equal(sweep(), 1);
	assert_int_equal(sweep(), 0);
	history_is("trusted launch, stale lease-ended");
	shifted.shift += lease;
	shown_as("unreachable");
	assert_int_equal(sweep(), 1);
	assert_int_equal(sweep(), 0);
	history_is("trusted launch, stale lease-ended, unreachable nothing-heard");
	world_attestation_release(&asked);
}

static void renewal__after_the_lease__trusted_again(void **state)
{
	struct world_attestation next;
	(void)state;
	shifted.shift += lease + 100;
	assert_int_equal(sweep(), 1);
	world_next(&w, &a, &next);
	world_attest(&w, &c, &next);
	assert_outcome(&next, "trusted");
	shown_as("trusted");
	history_is("trusted launch, unreachable nothing-heard, trusted renew");
	assert_int_equal(sweep(), 0);
	shifted.shift += lease;
	assert_int_equal(sweep(), 1); /* the new lease ends as well */
	world_attestation_release(&next);
}

/* Renewed while the clock was ahead: what is renewed once it is right again is believed no longer than others. */
static void lease__of_a_clock_that_ran_ahead__no_longer_than_the_class_says(void **state)
{
	struct world_attestation ahead = {.purpose = PURPOSE_RENEW},
				 next = {.purpose = PURPOSE_RENEW};
	(void)state;
	shifted.shift += 4 * 3600;
	buf_clear(&w.scene->log);
	w.scene->attest.clock += 10;
	world_attest(&w, &c, &ahead);
	assert_outcome(&ahead, "trusted");
	shifted.shift -= 4 * 3600;
	w.scene->attest.clock += 10;
	world_attest(&w, &c, &next);
	assert_outcome(&next, "trusted");
	assert_int_equal(next.result.lease, lease);
	shifted.shift += lease + 1;
	shown_as("unreachable");
	world_attestation_release(&ahead);
	world_attestation_release(&next);
}

static void renewal__in_time__no_news(void **state)
{
	struct world_attestation next;
	(void)state;
	world_next(&w, &a, &next);
	shifted.shift += lease / 2;
	world_attest(&w, &c, &next);
	assert_outcome(&next, "trusted");
	shifted.shift += lease / 2 + 1;
	shown_as("trusted");
	assert_int_equal(sweep(), 0);
	history_is("trusted launch");
	world_attestation_release(&next);
}

static void host_quarantined__agents__history_says_so(void **state)
{
	char id[2 * HOST_ID_LEN + 1], path[128];
	(void)state;
	hex_encode(BYTES_OF(w.host_id), id);
	(void)snprintf(path, sizeof(path), "/v1/hosts/%s/quarantine", id);
	world_do(&w, &w.admin, "POST", path, "{\"reason\":\"lost\"}", 200);
	shown_as("quarantined");
	history_is("trusted launch, quarantined host-quarantined");
	shifted.shift += 10 * lease;
	assert_int_equal(sweep(), 0); /* it is not news that nothing comes */
}

/* Whoever is silent when it may run again is told of like any other. */
static void host_confirmed__agent_that_is_gone__told_of(void **state)
{
	char id[2 * HOST_ID_LEN + 1], path[128];
	(void)state;
	hex_encode(BYTES_OF(w.host_id), id);
	(void)snprintf(path, sizeof(path), "/v1/hosts/%s/quarantine", id);
	world_do(&w, &w.admin, "POST", path, "{\"reason\":\"lost\"}", 200);
	shifted.shift += lease;
	assert_int_equal(sweep(), 0);
	(void)snprintf(path, sizeof(path), "/v1/hosts/%s/confirm", id);
	world_do(&w, &w.admin, "POST", path, "{\"reason\":\"found\"}", 200);
	assert_int_equal(sweep(), 1);
	assert_int_equal(sweep(), 0);
	shown_as("unreachable");
	history_is("trusted launch, quarantined host-quarantined, unreachable nothing-heard");
}

static bool heard_work(struct store_tx *tx, void *arg, struct err *err)
{
	const int64_t *time = arg;
	return host_heard_set(tx->sql, w.host_id, *time, err);
}

static int64_t heard_at(int64_t time)
{
	struct sql *sql = NULL;
	int64_t heard = 0;
	assert_ok(store_run(w.app->store, heard_work, &time, &w.err), w.err);
	assert_ok(store_read(w.app->store, &sql, &w.err), w.err);
	assert_ok(host_heard_get(sql, w.host_id, &heard, &w.err), w.err);
	store_read_done(w.app->store, &sql);
	return heard;
}

/* Silent since, it would be shown as stale for as long as the clock ran ahead, and never as unreachable. */
static void heard__by_a_clock_that_ran_ahead__right_with_the_next_question(void **state)
{
	int64_t now = clock_wall(w.clock) + 10;
	(void)state;
	assert_int_equal(heard_at(now + HEARD_APART_S), now + HEARD_APART_S);
	assert_int_equal(
		heard_at(now), now + HEARD_APART_S); /* two verifiers, each with its clock */
	assert_int_equal(heard_at(now + 86400), now + 86400);
	assert_int_equal(heard_at(now), now);
}

static void workload_retired__agents__retired(void **state)
{
	(void)state;
	world_do(&w, &w.admin, "POST", "/v1/workloads/ocr-agent/retire", "{\"reason\":\"done\"}",
		200);
	shown_as("retired");
	history_is("trusted launch, retired workload-retired");
}

static void tpm__first_look_and_reboot__told_in_the_hosts_view(void **state)
{
	char id[2 * HOST_ID_LEN + 1], path[128];
	struct world_attestation again = {.purpose = PURPOSE_RENEW};
	(void)state;
	w.scene->attest.clock -= 900000;
	world_attest(&w, &c, &again);
	assert_outcome(&again, "untrusted: clock-backwards");
	hex_encode(BYTES_OF(w.host_id), id);
	(void)snprintf(path, sizeof(path), "/v1/hosts/%s", id);
	json_t *host = world_json(&w, &w.auditor, "GET", path, NULL, 200);
	json_t *tpm = json_object_get(host, "tpm");
	assert_int_equal(json_array_size(tpm), 2);
	json_t *first = json_array_get(tpm, 0), *second = json_array_get(tpm, 1);
	assert_int_equal(json_array_size(json_object_get(first, "steps")), 0);
	assert_true(json_is_true(json_object_get(first, "accepted")));
	assert_string_equal(
		json_string_value(json_array_get(json_object_get(second, "steps"), 0)), "fork");
	assert_true(json_is_false(json_object_get(second, "accepted")));
	json_decref(host);
	shown_as("quarantined");
	world_attestation_release(&again);
}

/* The class believes a decision for less long than its credential lives. */
static int setup_short(void **state)
{
	w.class_lines = SCENE_CLASS_LINES "    lease: 301s\n";
	return setup(state);
}

static int whoami(void)
{
	struct world_operator agent = {.key = w.keys.instance};
	assert_ok(cert_from_der(a.result.certs[0], false, &agent.cert, &w.err), w.err);
	struct https_answer answer =
		world_call(&w, &agent, "GET", "/v1/whoami", NULL, (struct bytes){0});
	cert_unref(&agent.cert);
	buf_release(&answer.body);
	return answer.status;
}

static void credential__outlives_its_lease__opens_nothing(void **state)
{
	(void)state;
	assert_int_equal(whoami(), 200);
	shifted.shift += 302;
	assert_int_equal(whoami(), 403);
	shown_as("unreachable");
}

static void list__filters_and_pages(void **state)
{
	static const struct {
		const char *query;
		size_t count;
		int status;
	} cases[] = {{"?workload=ocr-agent", 1, 200}, {"?workload=other", 0, 200},
		{"?state=trusted", 1, 200}, {"?state=stale", 0, 200}, {"?limit=1", 1, 200},
		{"?limit=0", 0, 400}, {"?limit=501", 0, 400}, {"?host=xy", 0, 400},
		{"?after=00", 0, 400}};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char path[128];
		(void)snprintf(path, sizeof(path), "/v1/instances%s", cases[i].query);
		json_t *answer = world_json(&w, &w.admin, "GET", path, NULL, cases[i].status);
		if (json_array_size(json_object_get(answer, "instances")) != cases[i].count)
			fail_msg("%s", path);
		json_decref(answer);
	}
	world_do(&w, &w.admin, "GET", "/v1/instances/00/00", NULL, 404);
	world_do(&w, &w.ci, "GET", "/v1/instances", NULL, 403);
}

#define UNIT(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(view__by_lease_and_silence__table),
		UNIT(lease_ended__no_sweep__shown_all_the_same),
		UNIT(sweep__silent_host__in_ledger_and_history_once),
		UNIT(sweep__host_asks_and_brings_nothing__stale_then_unreachable),
		UNIT(renewal__after_the_lease__trusted_again),
		UNIT(lease__of_a_clock_that_ran_ahead__no_longer_than_the_class_says),
		UNIT(renewal__in_time__no_news),
		UNIT(host_quarantined__agents__history_says_so),
		UNIT(host_confirmed__agent_that_is_gone__told_of),
		UNIT(heard__by_a_clock_that_ran_ahead__right_with_the_next_question),
		UNIT(workload_retired__agents__retired),
		UNIT(tpm__first_look_and_reboot__told_in_the_hosts_view),
		UNIT(list__filters_and_pages),
		cmocka_unit_test_setup_teardown(
			credential__outlives_its_lease__opens_nothing, setup_short, teardown),
	};
	(void)signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
