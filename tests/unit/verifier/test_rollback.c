/* SPDX-License-Identifier: Apache-2.0 */
/* Rolling the version floor back over the API: with the approvals of persons, once, for one move. */
#include "verifier/floors.h"

#include <pthread.h>

#include "tests/unit/verifier/fakes.h"
#include "tests/unit/verifier/held.h"
#include "tests/unit/verifier/world.h"

#define ROLLBACK  "/v1/workloads/ocr-agent/rollback"
#define TEXT(...) ((char *)(uintptr_t)(__VA_ARGS__))

static struct world w;
static struct shifted_clock moved;
static struct https c;
static struct world_attestation a;
static uint8_t old_release[SHA256_LEN], new_release[SHA256_LEN];

static void release_is(const char *version, uint8_t ret[SHA256_LEN])
{
	w.scene->release.version = TEXT(version);
	scene_release(w.scene);
	scene_approve(w.scene);
	struct https_answer answer = world_call(&w, &w.ci, "POST", "/v1/releases", MEDIA_DSSE,
		buf_bytes(&w.scene->release_envelope));
	bool published = answer.status == 201;
	buf_release(&answer.body);
	for (size_t i = 0; published && i < w.scene->context.approval_count; i++)
		world_post(&w, &w.ci, "/v1/approvals", MEDIA_DSSE, w.scene->approval_list[i], 201);
	memcpy(ret, w.scene->release_digest, SHA256_LEN);
}

static void launch(const char *version, const char *outcome)
{
	uint8_t digest[SHA256_LEN];
	release_is(version, digest);
	world_attestation_release(&a);
	a = (struct world_attestation){.purpose = PURPOSE_LAUNCH};
	w.scene->instance[0]++;
	w.scene->claims.instance[0]++;
	scene_log_default(w.scene);
	world_attest(&w, &c, &a);
	assert_outcome(&a, outcome);
}

static int setup(void **state)
{
	(void)state;
	moved = (struct shifted_clock){.base.ops = &shifted_clock_ops};
	memset(&w, 0, sizeof(w));
	w.clock = &moved.base;
	world_start(&w);
	world_enroll(&w);
	assert_true(world_connect(&w, &c));
	a = (struct world_attestation){.purpose = PURPOSE_LAUNCH};
	release_is("1.4.0", old_release);
	launch("1.4.0", "trusted");
	release_is("1.5.0", new_release);
	launch("1.5.0", "trusted"); /* the floor's second move */
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

/* ---- approvals ---- */

static struct approval approval_of(const char *person, const char *role)
{
	struct approval approval = {.environment = TEXT("prod"),
		.person = TEXT(person),
		.role = TEXT(role),
		.reason = TEXT("1.5.0 loses pages"),
		.issued = clock_wall(&moved.base) - 5,
		.expires = clock_wall(&moved.base) + 3600,
		.workload = TEXT("ocr-agent"),
		.from = TEXT("1.5.0"),
		.floor = 2};
	memcpy(approval.release, old_release, SHA256_LEN);
	memcpy(approval.clause, w.scene->policy->classes[0].clause, SHA256_LEN);
	return approval;
}

static void put_signed(struct buf *list, const struct approval *approval, struct key *key)
{
	struct buf statement = {0}, envelope = {0};
	assert_ok(rollback_approval_statement(approval, &statement, &w.err), w.err);
	assert_ok(
		dsse_sign(DSSE_INTOTO_TYPE, buf_bytes(&statement), key, &envelope, &w.err), w.err);
	buf_put_str(list, list->len ? "," : "");
	buf_put(list, buf_bytes(&envelope));
	buf_release(&statement);
	buf_release(&envelope);
}

/* Both that the class demands. */
static void put_both(struct buf *list)
{
	struct approval one = approval_of("alice", "model-risk"),
			two = approval_of("bob", "security");
	put_signed(list, &one, w.keys.alice);
	put_signed(list, &two, w.keys.bob);
}

static void roll_back_by(const struct world_operator *who, const uint8_t release[SHA256_LEN],
	struct buf *approvals, int status, const char *message)
{
	struct buf body = {0};
	char hex[2 * SHA256_LEN + 1];
	hex_encode(bytes_of(release, SHA256_LEN), hex);
	buf_printf(&body, "{\"release\":\"%s\",\"reason\":\"pages\",\"approvals\":[%s]}", hex,
		approvals->len ? buf_str(approvals) : "");
	struct https_answer answer =
		world_call(&w, who, "POST", ROLLBACK, "application/json", buf_bytes(&body));
	buf_put(&answer.body, bytes_of("", 1));
	if (answer.status != status || !strstr((char *)answer.body.data, message))
		fail_msg("%d, wanted %d: %s", answer.status, status, (char *)answer.body.data);
	buf_release(&answer.body);
	buf_release(&body);
}

static void roll_back(struct buf *approvals, int status, const char *message)
{
	roll_back_by(&w.admin, old_release, approvals, status, message);
}

static void assert_floor(const char *version, int sequence, bool rolled_back)
{
	json_t *view = world_json(&w, &w.auditor, "GET", "/v1/workloads/ocr-agent", NULL, 200);
	const json_t *floor = json_object_get(view, "version_floor");
	assert_string_equal(json_string_value(json_object_get(floor, "version")), version);
	assert_int_equal(json_integer_value(json_object_get(floor, "sequence")), sequence);
	assert_int_equal(json_is_true(json_object_get(floor, "rolled_back")), rolled_back);
	json_decref(view);
}

/* ---- the tests ---- */

static void rollback__approved_by_persons__old_release_launches_and_floor_stays_down(void **state)
{
	(void)state;
	struct buf list = {0};
	launch("1.4.0", "untrusted: version-floor");
	put_both(&list);
	roll_back(&list, 200, "\"version\":\"1.4.0\"");
	assert_floor("1.4.0", 3, true);
	launch("1.4.0", "trusted");
	assert_floor("1.4.0", 3, true);
	launch("1.5.0", "trusted"); /* hosts not yet rolled back do not raise it again */
	launch("1.5.0+arm", "trusted");
	assert_floor("1.4.0", 3, true);
	launch("1.3.0", "untrusted: version-floor");
	launch("1.4.1", "trusted"); /* a repaired one does */
	assert_floor("1.4.1", 4, false);
	launch("1.4.0", "untrusted: version-floor");
	buf_release(&list);
}

static void P9__rollback_approvals_replayed_after_the_floor_rose_again__refused(void **state)
{
	(void)state;
	struct buf list = {0};
	put_both(&list);
	roll_back(&list, 200, "");
	roll_back(&list, 409, "release 1.4.0 is not below the version floor 1.4.0");
	launch("1.5.1", "trusted");
	roll_back(&list, 403, "approval-missing");
	roll_back(&list, 403, "of a rollback from another version");
	assert_floor("1.5.1", 4, false);
	launch("1.4.0", "untrusted: version-floor");
	buf_release(&list);
}

static void rollback__threshold_not_met__refused(void **state)
{
	(void)state;
	struct buf list = {0};
	struct approval one = approval_of("alice", "model-risk");
	roll_back(&list, 403,
		"rollback refused: approval-missing: expected 1 as model-risk, found none");
	put_signed(&list, &one, w.keys.alice);
	roll_back(&list, 403, "expected 1 as security, found none");
	one.role = TEXT("security");
	one.person = TEXT("bob");
	put_signed(&list, &one, w.keys.alice); /* in bob's name */
	roll_back(&list, 403, "not signed by a key of this person");
	assert_floor("1.5.0", 2, false);
	launch("1.4.0", "untrusted: version-floor");
	buf_release(&list);
}

static void rollback__expired_or_of_something_else__refused(void **state)
{
	(void)state;
	struct approval one = approval_of("alice", "model-risk");
	struct approval two = approval_of("bob", "security");
	const struct approval good = two;
	for (int i = 0; i < 5; i++) {
		static const char *const why[] = {"expired", "for another environment",
			"of another release", "another workload", "of a floor that has moved"};
		struct buf list = {0};
		two = good;
		if (i == 0)
			two.expires = clock_wall(&moved.base) - 1;
		else if (i == 1)
			two.environment = TEXT("test");
		else if (i == 2)
			memcpy(two.release, new_release, SHA256_LEN);
		else if (i == 3)
			two.workload = TEXT("other-agent");
		else
			two.floor = 1;
		put_signed(&list, &one, w.keys.alice);
		put_signed(&list, &two, w.keys.bob);
		roll_back(&list, 403, why[i]);
		buf_release(&list);
	}
	assert_floor("1.5.0", 2, false);
}

static void P2__approvals_of_the_release_itself__roll_nothing_back(void **state)
{
	(void)state;
	struct buf list = {0};
	uint8_t digest[SHA256_LEN];
	release_is("1.4.0", digest); /* its approvals are the scene's now */
	for (size_t i = 0; i < w.scene->context.approval_count; i++) {
		buf_put_str(&list, i ? "," : "");
		buf_put(&list, w.scene->approval_list[i]);
	}
	roll_back(&list, 403, "approval-missing");
	assert_floor("1.5.0", 2, false);
	buf_release(&list);
}

static void rollback__release_that_does_not_stand__refused(void **state)
{
	(void)state;
	struct buf list = {0};
	char hex[2 * SHA256_LEN + 1], path[128];
	put_both(&list);
	hex_encode(BYTES_OF(old_release), hex);
	(void)snprintf(path, sizeof(path), "/v1/releases/%s/revoke", hex);
	world_do(&w, &w.admin, "POST", path, "{\"reason\":\"r\"}", 200);
	roll_back(&list, 403, "release-revoked");
	buf_release(&list);
}

static bool security_work(struct store_tx *tx, void *arg, struct err *err)
{
	return security_floor_insert(tx->sql, arg, err);
}

static void P9__rollback_below_the_security_floor__refused(void **state)
{
	(void)state;
	struct buf list = {0};
	struct security_floor_row row = {
		.workload = "ocr-agent", .sequence = 1, .minimum = "1.4.1"};
	assert_ok(store_run(w.app->store, security_work, &row, &w.err), w.err);
	put_both(&list);
	roll_back(&list, 403, "security-floor");
	assert_floor("1.5.0", 2, false);
	buf_release(&list);
}

static void rollback__to_what_is_not_there_or_not_below__refused(void **state)
{
	(void)state;
	struct buf list = {0};
	uint8_t unknown[SHA256_LEN] = {7};
	put_both(&list);
	roll_back_by(&w.admin, unknown, &list, 404, "no such release of workload ocr-agent");
	roll_back_by(&w.admin, new_release, &list, 409,
		"release 1.5.0 is not below the version floor 1.5.0");
	world_do(&w, &w.admin, "POST", "/v1/workloads",
		"{\"name\":\"b\",\"risk_class\":\"low\",\"environment\":\"prod\",\"owner\":\"o\","
		"\"purpose\":\"p\"}",
		201);
	char hex[2 * SHA256_LEN + 1], body[160];
	hex_encode(BYTES_OF(old_release), hex);
	(void)snprintf(body, sizeof(body), "{\"release\":\"%s\",\"reason\":\"r\"}", hex);
	world_do(&w, &w.admin, "POST", "/v1/workloads/b/rollback", body, 404);
	world_do(&w, &w.admin, "POST", "/v1/workloads/nobody/rollback", body, 404);
	buf_release(&list);
}

static void rollback__workload_without_a_floor__conflict(void **state)
{
	(void)state;
	char hex[2 * SHA256_LEN + 1], body[160];
	world_do(&w, &w.admin, "POST", "/v1/workloads",
		"{\"name\":\"b\",\"risk_class\":\"low\",\"environment\":\"prod\",\"owner\":\"o\","
		"\"purpose\":\"p\"}",
		201);
	w.scene->release.workload = TEXT("b");
	scene_release(w.scene);
	world_post(
		&w, &w.ci, "/v1/releases", MEDIA_DSSE, buf_bytes(&w.scene->release_envelope), 201);
	hex_encode(BYTES_OF(w.scene->release_digest), hex);
	(void)snprintf(body, sizeof(body), "{\"release\":\"%s\",\"reason\":\"r\"}", hex);
	json_t *answer = world_json(&w, &w.admin, "POST", "/v1/workloads/b/rollback", body, 409);
	assert_string_equal(
		json_string_value(json_object_get(json_object_get(answer, "error"), "message")),
		"workload b has no version floor yet");
	json_decref(answer);
}

/* ---- what moves while it is decided ---- */
static bool revoke_work(struct store_tx *tx, void *arg, struct err *err)
{
	struct release_row row = {0};
	bool found = false;
	bool ok = release_get(tx->sql, arg, &row, &found, err) && found &&
		  release_set_state(tx->sql, arg, row.version, RELEASE_REVOKED, err);
	release_row_release(&row);
	return ok;
}

static bool policy_work(struct store_tx *tx, void *arg, struct err *err)
{
	return policy_in_force_set(tx, arg, 99, err);
}

static void rollback__something_moved_meanwhile__nothing_is_rolled_back(void **state)
{
	(void)state;
	struct security_floor_row row = {
		.workload = "ocr-agent", .sequence = 1, .minimum = "1.4.1"};
	uint8_t other[SHA256_LEN] = {9};
	const struct {
		store_work change;
		void *arg;
		const char *why;
	} cases[] = {
		{security_work, &row, "the workload was changed meanwhile"},
		{revoke_work, old_release, "the release was changed meanwhile"},
		{policy_work, other, "the policy was changed meanwhile"},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct buf list = {0};
		if (i > 0) {
			(void)teardown(NULL);
			(void)setup(NULL);
		}
		put_both(&list);
		pthread_t thread = hold(&w, cases[i].change, cases[i].arg);
		roll_back(&list, 409, cases[i].why);
		held_end(thread);
		assert_floor("1.5.0", 2, false);
		buf_release(&list);
	}
}

/* The same approvals handed in by many at once move the floor once. */
struct racer {
	pthread_t thread;
	struct buf body;
	int status;
};

static void *race(void *arg)
{
	struct racer *r = arg;
	struct https_answer answer =
		world_call(&w, &w.admin, "POST", ROLLBACK, "application/json", buf_bytes(&r->body));
	r->status = answer.status;
	buf_release(&answer.body);
	return NULL;
}

static void rollback__by_many_at_once__moves_once(void **state)
{
	(void)state;
	static struct racer racers[6];
	struct buf list = {0};
	char hex[2 * SHA256_LEN + 1];
	unsigned won = 0;
	put_both(&list);
	hex_encode(BYTES_OF(old_release), hex);
	for (size_t i = 0; i < ARRAY_LEN(racers); i++) {
		racers[i] = (struct racer){0};
		buf_printf(&racers[i].body,
			"{\"release\":\"%s\",\"reason\":\"r\",\"approvals\":[%s]}", hex,
			buf_str(&list));
		assert_int_equal(pthread_create(&racers[i].thread, NULL, race, &racers[i]), 0);
	}
	for (size_t i = 0; i < ARRAY_LEN(racers); i++) {
		assert_int_equal(pthread_join(racers[i].thread, NULL), 0);
		won += racers[i].status == 200;
		assert_true(racers[i].status == 200 || racers[i].status == 409);
		buf_release(&racers[i].body);
	}
	assert_int_equal(won, 1);
	assert_floor("1.4.0", 3, true);
	buf_release(&list);
}

static void rollback__bad_bodies_and_callers__refused(void **state)
{
	(void)state;
	static const char *const bad[] = {"", "[]", "{}", "{\"release\":\"00\",\"reason\":\"r\"}",
		"{\"reason\":\"r\",\"approvals\":[]}"};
	struct buf list = {0};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		world_do(&w, &w.admin, "POST", ROLLBACK, bad[i], 400);
	char hex[2 * SHA256_LEN + 1], body[200];
	hex_encode(BYTES_OF(old_release), hex);
	static const char *const rest[] = {"", ",\"reason\":\"\"", ",\"reason\":\"r\",\"more\":1",
		",\"reason\":\"r\",\"approvals\":{}"};
	for (size_t i = 0; i < ARRAY_LEN(rest); i++) {
		(void)snprintf(body, sizeof(body), "{\"release\":\"%s\"%s}", hex, rest[i]);
		world_do(&w, &w.admin, "POST", ROLLBACK, body, 400);
	}
	put_both(&list);
	roll_back_by(&w.ci, old_release, &list, 403, "forbidden");
	roll_back_by(&w.auditor, old_release, &list, 403, "forbidden");
	assert_floor("1.5.0", 2, false);
	buf_release(&list);
}

static void rollback__in_the_ledger__with_the_approvals_digests(void **state)
{
	(void)state;
	struct store_tree tree;
	struct sql *sql = NULL;
	struct leaf_row leaf = {0};
	struct buf list = {0}, one = {0};
	uint8_t digest[SHA256_LEN];
	char hex[2 * SHA256_LEN + 1];
	bool found = false;
	struct approval approval = approval_of("alice", "model-risk");
	put_signed(&list, &approval, w.keys.alice);
	buf_put(&one, buf_bytes(&list));
	approval = approval_of("bob", "security");
	put_signed(&list, &approval, w.keys.bob);
	roll_back(&list, 200, "");
	/* Kept as the verifier wrote it: compact, keys sorted. */
	json_t *envelope = NULL;
	assert_ok(json_open(buf_bytes(&one), JSON_INPUT_MAX, &envelope, &w.err), w.err);
	buf_clear(&one);
	assert_ok(json_write(envelope, false, &one, &w.err), w.err);
	json_decref(envelope);
	assert_ok(sha256_of(buf_bytes(&one), digest, &w.err), w.err);
	hex_encode(BYTES_OF(digest), hex);
	buf_clear(&one);
	store_tree(w.app->store, &tree);
	assert_ok(store_read(w.app->store, &sql, &w.err), w.err);
	assert_ok(leaf_get(sql, tree.size - 1, &leaf, &found, &w.err), w.err);
	assert_ok(object_get(sql, digest, &one, &w.err), w.err);
	store_read_done(w.app->store, &sql);
	const char *const parts[] = {"\"event\":\"version-floor-rollback\"",
		"\"version\":\"1.4.0\"", "\"from\":\"1.5.0\"", "\"sequence\":3",
		"\"reason\":\"pages\"", hex};
	for (size_t i = 0; i < ARRAY_LEN(parts); i++)
		if (!memmem(leaf.content.data, leaf.content.len, parts[i], strlen(parts[i])))
			fail_msg("no %s", parts[i]);
	leaf_row_release(&leaf);
	buf_release(&one);
	buf_release(&list);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(rollback__approved_by_persons__old_release_launches_and_floor_stays_down),
		T(P9__rollback_approvals_replayed_after_the_floor_rose_again__refused),
		T(rollback__threshold_not_met__refused),
		T(rollback__expired_or_of_something_else__refused),
		T(P2__approvals_of_the_release_itself__roll_nothing_back),
		T(rollback__release_that_does_not_stand__refused),
		T(P9__rollback_below_the_security_floor__refused),
		T(rollback__to_what_is_not_there_or_not_below__refused),
		T(rollback__workload_without_a_floor__conflict),
		T(rollback__something_moved_meanwhile__nothing_is_rolled_back),
		T(rollback__by_many_at_once__moves_once),
		T(rollback__bad_bodies_and_callers__refused),
		T(rollback__in_the_ledger__with_the_approvals_digests),
#undef T
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
