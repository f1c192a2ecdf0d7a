/* SPDX-License-Identifier: Apache-2.0 */
/* Subscribers hear what ended trust, in order, and miss nothing when they come back. */
#include "tests/unit/verifier/world.h"

#include "verifier/events.h"

static struct world w;
static struct https c;

static int setup(void **state)
{
	(void)state;
	world_start(&w);
	world_enroll(&w);
	assert_true(https_open(&c, w.port, w.ca, w.auditor.cert, w.auditor.key));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	https_close(&c);
	world_stop(&w);
	return 0;
}

static void host_do(const char *what)
{
	char id[2 * HOST_ID_LEN + 1], path[128];
	hex_encode(BYTES_OF(w.host_id), id);
	(void)snprintf(path, sizeof(path), "/v1/hosts/%s/%s", id, what);
	world_do(&w, &w.admin, "POST", path, "{\"reason\":\"lost\"}", 200);
}

static uint64_t now_ms(void)
{
	return clock_monotonic_ms(&clock_system);
}

/* A request is on its way and waits; then something happens. */
static void events__waiting_when_a_host_is_quarantined__heard_at_once(void **state)
{
	struct https_answer answer = {0};
	(void)state;
	assert_true(https_send(&c, "GET", "/v1/events", NULL, (struct bytes){0}));
	(void)usleep(300000);
	host_do("quarantine");
	uint64_t begin = now_ms();
	https_receive(&c, &answer);
	assert_true(now_ms() - begin < 1000);
	print_message("heard %u ms after the command answered\n", (unsigned)(now_ms() - begin));
	assert_int_equal(answer.status, 200);
	const char *text = buf_str(&answer.body);
	assert_non_null(strstr(text, "\nevent: host-state\ndata: {"));
	assert_non_null(strstr(text, "\"state\":\"quarantined\""));
	assert_non_null(strstr(text, "\"reason\":\"lost\""));
	buf_release(&answer.body);
}

/* The id of the last event in an answer. */
static uint64_t last_id(const char *text)
{
	uint64_t id = 0;
	for (const char *at = strstr(text, "id: "); at; at = strstr(at + 1, "\nid: "))
		id = strtoull(strchr(at, ' ') + 1, NULL, 10);
	return id;
}

static void events__asked_again_with_the_last_id__each_told_once(void **state)
{
	char path[64] = "/v1/events?after=0";
	unsigned heard = 0;
	(void)state;
	host_do("quarantine");
	host_do("confirm");
	world_do(&w, &w.admin, "POST", "/v1/workloads/ocr-agent/retire", "{\"reason\":\"done\"}",
		200);
	while (heard < 3) {
		struct https_answer a = https_request(&c, "GET", path, NULL, (struct bytes){0});
		assert_int_equal(a.status, 200);
		const char *text = buf_str(&a.body);
		static const char *const marks[] = {
			"\"state\":\"quarantined\"", "\"state\":\"active\"", "workload-retired"};
		for (size_t i = 0; i < ARRAY_LEN(marks); i++)
			heard += strstr(text, marks[i]) != NULL;
		(void)snprintf(path, sizeof(path), "/v1/events?after=%llu",
			(unsigned long long)last_id(text));
		buf_release(&a.body);
	}
	assert_int_equal(heard, 3);
}

static void events__bad_id_or_role__refused(void **state)
{
	(void)state;
	world_do(&w, &w.auditor, "GET", "/v1/events?after=x", NULL, 400);
	world_do(&w, &w.auditor, "GET", "/v1/events?after=-1", NULL, 400);
	world_do(&w, &w.ci, "GET", "/v1/events?after=0", NULL, 403);
}

/* What waits when the service stops is answered, and nothing hangs. */
static void events__waiting_at_the_stop__ends(void **state)
{
	(void)state;
	assert_true(https_send(&c, "GET", "/v1/events", NULL, (struct bytes){0}));
	(void)usleep(200000);
	uint64_t begin = now_ms();
	app_close(&w.app);
	assert_true(now_ms() - begin < 10000);
	assert_true(world_open(&w));
}

/* A refusal has no content of its own in the ledger: it is told from its record. */
static void events__refusal__told_with_its_record(void **state)
{
	struct world_attestation a = {.purpose = PURPOSE_LAUNCH};
	struct https host;
	struct sql *sql = NULL;
	struct event events[EVENTS_PAGE_MAX] = {0};
	size_t count = 0, found = 0;
	uint64_t next = 0;
	(void)state;
	assert_true(world_connect(&w, &host));
	w.scene->pcrs.values[SCENE_PCR][0] ^= 1;
	world_attest(&w, &host, &a);
	assert_false(a.result.trusted);
	assert_ok(store_read(w.app->store, &sql, &w.err), w.err);
	assert_ok(events_read(sql, 0, events, EVENTS_PAGE_MAX, &count, &next, &w.err), w.err);
	store_read_done(w.app->store, &sql);
	for (size_t i = 0; i < count; i++) {
		if (strcmp(events[i].name, "refused") == 0)
			found++;
		assert_true(i == 0 || events[i].id > events[i - 1].id);
		event_release(&events[i]);
	}
	assert_int_equal(found, 1);
	struct store_tree tree;
	store_tree(w.app->store, &tree);
	assert_int_equal(next, tree.size);
	world_attestation_release(&a);
	https_close(&host);
}

/* ---- one reader and the others ---- */

#define TOO_MANY 9u

static int64_t turned_away(void)
{
	return metric_get(w.app->metrics, METRIC_SHED, METRIC_SHED_PEER);
}

static void await_turned_away(int64_t wanted)
{
	for (unsigned i = 0; i < 1000 && turned_away() < wanted; i++)
		(void)usleep(10000);
	assert_int_equal(turned_away(), wanted);
}

static void ask_all(struct https *list, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		assert_true(https_open(&list[i], w.port, w.ca, w.auditor.cert, w.auditor.key));
	/* None of them is answered for want of events before the last is there. */
	for (unsigned i = 0; i < count; i++)
		assert_true(https_send(&list[i], "GET", "/v1/events", NULL, (struct bytes){0}));
}

static unsigned answers(struct https *list, unsigned count, int status)
{
	unsigned found = 0;
	for (unsigned i = 0; i < count; i++) {
		struct https_answer a = {0};
		https_receive(&list[i], &a);
		found += a.status == status;
		if (a.status == 429) {
			assert_true(a.retry_after >= 1);
			assert_non_null(strstr(buf_str(&a.body), "64 requests of yours wait"));
		}
		buf_release(&a.body);
	}
	return found;
}

static void close_all(struct https *list, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		https_close(&list[i]);
}

static void events__more_of_one_reader_than_its_share__turned_away_and_others_wait(void **state)
{
	static struct https list[EVENTS_SHARE_MAX + TOO_MANY];
	struct https admin;
	struct https_answer answer = {0};
	(void)state;
	ask_all(list, ARRAY_LEN(list));
	await_turned_away(TOO_MANY);
	assert_true(https_open(&admin, w.port, w.ca, w.admin.cert, w.admin.key));
	assert_true(https_send(&admin, "GET", "/v1/events", NULL, (struct bytes){0}));
	(void)usleep(300000);
	assert_int_equal(turned_away(), TOO_MANY);
	host_do("quarantine");
	https_receive(&admin, &answer);
	assert_int_equal(answer.status, 200);
	assert_non_null(strstr(buf_str(&answer.body), "\"state\":\"quarantined\""));
	assert_int_equal(answers(list, ARRAY_LEN(list), 200), EVENTS_SHARE_MAX);
	buf_release(&answer.body);
	https_close(&admin);
	close_all(list, ARRAY_LEN(list));
}

/* Each answer gives back what it held, at once. */
static void events__share_used_and_answered__used_again(void **state)
{
	static struct https list[EVENTS_SHARE_MAX];
	static const char *const done[] = {"quarantine", "confirm", "quarantine"};
	(void)state;
	for (size_t round = 0; round < ARRAY_LEN(done); round++) {
		ask_all(list, ARRAY_LEN(list));
		(void)usleep(500000);
		host_do(done[round]);
		assert_int_equal(answers(list, ARRAY_LEN(list), 200), ARRAY_LEN(list));
		close_all(list, ARRAY_LEN(list));
	}
	assert_int_equal(turned_away(), 0);
}

#define UNIT(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT(events__waiting_when_a_host_is_quarantined__heard_at_once),
		UNIT(events__asked_again_with_the_last_id__each_told_once),
		UNIT(events__bad_id_or_role__refused),
		UNIT(events__waiting_at_the_stop__ends),
		UNIT(events__refusal__told_with_its_record),
		UNIT(events__more_of_one_reader_than_its_share__turned_away_and_others_wait),
		UNIT(events__share_used_and_answered__used_again),
	};
	(void)signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
