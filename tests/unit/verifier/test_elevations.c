/* SPDX-License-Identifier: Apache-2.0 */
/* Elevations over the API: asked for, approved, carried, ended, and what must not come of them. */
#include "verifier/elevations.h"

#include "crypto/jws.h"
#include "evidence/names.h"
#include "tests/unit/verifier/fakes.h"
#include "tests/unit/verifier/world.h"

#include <pthread.h>
#include <sys/mman.h>

#define TEXT(...) ((char *)(uintptr_t)(__VA_ARGS__))
#define RULES                                                                                      \
	"    elevations:\n"                                                                        \
	"      - name: delete\n        entitlement: tickets.delete\n"                              \
	"        audiences: [tickets.bank.example]\n        duration_max: 30m\n"                   \
	"        unapproved_for: 10m\n        cool_down: 1m\n        by_instance: true\n"          \
	"        approvals: [ {role: security, count: 2} ]\n"                                      \
	"      - name: watch\n        entitlement: tickets.watch\n        duration_max: 10m\n"     \
	"        at_once: 2\n        approvals: [ {role: security, count: 1} ]\n"

static struct world w;
static struct https c;
static struct world_attestation a, b;
static struct shifted_clock moved;
static char id[33], other_id[33];

static int start(void **state, void (*prepare)(struct world *world))
{
	(void)state;
	memset(&w, 0, sizeof(w));
	memset(&a, 0, sizeof(a));
	memset(&b, 0, sizeof(b));
	moved = (struct shifted_clock){.base.ops = &shifted_clock_ops};
	w.clock = &moved.base;
	w.prepare = prepare;
	w.class_lines = SCENE_CLASS_LINES RULES;
	world_start(&w);
	world_enroll(&w);
	w.scene->claims.audience_count = 1;
	w.scene->claims.audiences[0] = BYTES_LIT("invoices.bank.example");
	assert_true(world_connect(&w, &c));
	world_launch(&w, &c, &a);
	return 0;
}

/* Credentials are looked up by whoever is shown them. */
static void configure(struct world *world)
{
	char path[128];
	struct buf text = {0};
	(void)world_path(world, "verifierd.yaml", path);
	assert_ok(file_read(path, 65536, &text, &world->err), world->err);
	buf_put_str(&text, "public_url: https://verifier.bank.example\n");
	assert_ok(file_write_atomic(path, buf_bytes(&text), 0600, &world->err), world->err);
	buf_release(&text);
}

static int setup(void **state)
{
	return start(state, NULL);
}

static int setup_public(void **state)
{
	return start(state, configure);
}

static int teardown(void **state)
{
	(void)state;
	world_attestation_release(&a);
	world_attestation_release(&b);
	https_close(&c);
	world_stop(&w);
	return 0;
}

/* ---- asking and saying ---- */

static void post(const struct world_operator *who, const char *path, const char *type,
	struct bytes body, int status, const char *told)
{
	struct https_answer answer = world_call(&w, who, "POST", path, type, body);
	buf_put(&answer.body, bytes_of("", 1));
	if (answer.status != status || !strstr((char *)answer.body.data, told))
		fail_msg("%s: %d, wanted %d %s: %s", path, answer.status, status, told,
			(char *)answer.body.data);
	buf_release(&answer.body);
}

static void ask(const char *body, int status, const char *told)
{
	post(&w.admin, "/v1/elevations", "application/json", bytes_str(body), status, told);
}

static void asked(const char *right, int duration, char ret[33])
{
	char body[256];
	(void)snprintf(body, sizeof(body),
		"{\"workload\":\"ocr-agent\",\"right\":\"%s\",\"duration\":%d,\"reason\":\"r\"}",
		right, duration);
	json_t *answer = world_json(&w, &w.admin, "POST", "/v1/elevations", body, 201);
	(void)snprintf(ret, 33, "%s", json_string_value(json_object_get(answer, "id")));
	json_decref(answer);
}

static json_t *view_of(const char *which)
{
	char path[96];
	(void)snprintf(path, sizeof(path), "/v1/elevations/%s", which);
	return world_json(&w, &w.auditor, "GET", path, NULL, 200);
}

static void assert_state(const char *which, const char *wanted, const char *why)
{
	json_t *view = view_of(which);
	assert_string_equal(json_string_value(json_object_get(view, "state")), wanted);
	assert_string_equal(json_string_value(json_object_get(view, "why")), why);
	json_decref(view);
}

/* A person's word, signed as the command does. */
static void word(
	const char *which, const char *person, struct key *key, bool denied, struct buf *envelope)
{
	json_t *view = view_of(which);
	struct buf text = {0}, statement = {0};
	struct elevation_request *request = NULL;
	assert_ok(json_write(json_object_get(view, "request"), false, &text, &w.err), w.err);
	assert_ok(elevation_request_parse(buf_bytes(&text), &request, &w.err), w.err);
	int64_t now = clock_wall(&moved.base);
	struct elevation_approval approval = {.verifier = request->verifier,
		.workload = request->workload,
		.right = request->right,
		.person = TEXT(person),
		.role = TEXT("security"),
		.reason = TEXT("looked at it"),
		.duration = request->duration,
		.issued = now,
		.expires = now + 86400,
		.denied = denied};
	memcpy(approval.request, request->digest, SHA256_LEN);
	memcpy(approval.id, request->id, sizeof(approval.id));
	assert_ok(hex_decode_exact(bytes_str(json_string_value(json_object_get(view, "entry"))),
			  approval.entry, SHA256_LEN, &w.err),
		w.err);
	assert_ok(elevation_approval_statement(&approval, &statement, &w.err), w.err);
	buf_clear(envelope);
	assert_ok(dsse_sign(DSSE_INTOTO_TYPE, buf_bytes(&statement), key, envelope, &w.err), w.err);
	elevation_request_free(&request);
	buf_release(&text);
	buf_release(&statement);
	json_decref(view);
}

static void say(const char *which, const char *person, struct key *key, bool denied, int status,
	const char *told)
{
	struct buf envelope = {0};
	char path[96];
	word(which, person, key, denied, &envelope);
	(void)snprintf(path, sizeof(path), "/v1/elevations/%s/words", which);
	post(&w.ci, path, MEDIA_DSSE, buf_bytes(&envelope), status, told);
	buf_release(&envelope);
}

static void lend(const char *right, int duration)
{
	asked(right, duration, id);
	say(id, "alice", w.keys.alice, false, 201, "");
	if (strcmp(right, "delete") == 0)
		say(id, "bob", w.keys.bob, false, 201, "\"state\":\"in-force\"");
}

static void renew(void)
{
	world_next(&w, &a, &b);
	world_attest(&w, &c, &b);
	assert_outcome(&b, "trusted");
	world_attestation_release(&a);
	a = b;
	b = (struct world_attestation){0};
}

/* What the newest token carries; NULL: nothing. */
static json_t *token_lent(size_t i)
{
	struct buf claims = {0};
	json_t *root = NULL;
	assert_true(i < a.result.token_count);
	assert_ok(jws_verify(a.result.tokens[i], w.app->issuer.signing_key, "JWT", &claims, &w.err),
		w.err);
	assert_ok(json_open(buf_bytes(&claims), 8192, &root, &w.err), w.err);
	json_t *lent =
		json_incref(json_object_get(json_object_get(root, JWT_ASSAY), JWT_ELEVATIONS));
	json_decref(root);
	buf_release(&claims);
	return lent;
}

static void assert_plain(void)
{
	struct cert *svid = NULL;
	struct bytes value;
	assert_null(token_lent(0));
	assert_int_equal(a.result.token_count, 1);
	assert_ok(cert_from_der(a.result.certs[0], false, &svid, &w.err), w.err);
	assert_false(cert_extension(svid, OID_ELEVATIONS, &value));
	cert_unref(&svid);
}

static int64_t number(const char *text)
{
	struct sql *sql = NULL;
	struct sql_query *q = NULL;
	assert_ok(store_read(w.app->store, &sql, &w.err), w.err);
	assert_ok(sql_first(sql, text, SQL_NO_ARGS, &q, &w.err), w.err);
	int64_t value = q ? sql_int(q, 0) : -1;
	sql_finish(&q);
	store_read_done(w.app->store, &sql);
	return value;
}

/* ---- the whole ---- */

static void elevation__approved__next_credentials_carry_it(void **state)
{
	(void)state;
	struct cert *svid = NULL;
	struct bytes value;
	struct issued_elevation lent[ISSUED_ELEVATIONS_MAX];
	size_t count = 0;
	lend("delete", 120);
	assert_plain(); /* what was issued before has nothing of it */
	renew();
	json_t *carried = token_lent(0), *one = json_array_get(carried, 0);
	assert_int_equal(json_array_size(carried), 1);
	assert_string_equal(
		json_string_value(json_object_get(one, "entitlement")), "tickets.delete");
	json_int_t until = json_integer_value(json_object_get(one, "until"));
	assert_true(a.result.expires <= until && until <= clock_wall(&moved.base) + 120);
	assert_ok(cert_from_der(a.result.certs[0], false, &svid, &w.err), w.err);
	assert_true(cert_extension(svid, OID_ELEVATIONS, &value));
	assert_ok(issued_elevations_decode(value, lent, &count, &w.err), w.err);
	assert_int_equal(count, 1);
	assert_true(bytes_equal_str(lent[0].right, "delete"));
	assert_int_equal(lent[0].until, until);
	assert_true(cert_not_after(svid) <= until);
	/* The entry that it names says who approved. */
	char hex[2 * SHA256_LEN + 1];
	hex_encode(BYTES_OF(lent[0].approval), hex);
	json_t *view = view_of(id);
	assert_string_equal(json_string_value(json_object_get(view, "approval")), hex);
	json_t *entry = world_entry(&w, "elevation-begun");
	assert_string_equal(json_string_value(json_object_get(entry, "approved_by")),
		"alice as security, bob as security");
	json_decref(entry);
	json_decref(view);
	json_decref(carried);
	cert_unref(&svid);
	assert_int_equal(a.result.token_count, 2); /* for the audience that is lent */
	carried = token_lent(1);
	assert_int_equal(json_array_size(carried), 1);
	json_decref(carried);
}

static void elevation__its_time_over__ends_by_itself(void **state)
{
	(void)state;
	lend("delete", 60);
	renew();
	moved.shift += 61;
	renew();
	assert_plain();
	assert_state(id, "ended", "its time is over");
	json_t *entry = world_entry(&w, "elevation-ended");
	assert_string_equal(json_string_value(json_object_get(entry, "elevation")), id);
	assert_string_equal(json_string_value(json_object_get(entry, "by")), "verifier");
	json_decref(entry);
	/* The clock set back brings nothing back. */
	moved.shift -= 61;
	b = (struct world_attestation){.purpose = PURPOSE_RENEW};
	buf_clear(&w.scene->log);
	w.scene->attest.clock += 10;
	world_attest(&w, &c, &b);
	assert_outcome(&b, "trusted");
	world_attestation_release(&a);
	a = b;
	b = (struct world_attestation){0};
	assert_plain();
	assert_state(id, "ended", "its time is over");
}

static void elevation__nobody_asks__ends_all_the_same(void **state)
{
	(void)state;
	lend("watch", 60);
	asked("delete", 60, other_id);
	elevations_settle_all(w.app);
	assert_int_equal(number("SELECT count(*) FROM elevations WHERE state IN (1, 2)"), 2);
	moved.shift += 601;
	elevations_settle_all(w.app);
	assert_int_equal(number("SELECT count(*) FROM elevations WHERE state=5"), 1);
	assert_int_equal(number("SELECT count(*) FROM elevations WHERE state=4"), 1);
	assert_int_equal(
		number("SELECT ended-ends FROM elevations WHERE state=5"), 0); /* then, not now */
}

/* Workloads before and after ours by name whose row nobody can read. */
static bool unreadable_work(struct store_tx *tx, void *arg, struct err *err)
{
	(void)arg;
	return sql_exec(tx->sql,
		"INSERT INTO elevations(id, workload, lent, clause, state, asked, lapses, "
		"activated, ends, ended, entry, activation, why, policy, host, instance, request) "
		"VALUES(x'0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a', 'aaa', 'watch', x'00', 1, 1, 2, 0, 0, "
		"0, x'00', x'00', '', x'00', "
		"x'', x'', x''), (x'0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b', 'zzz', 'watch', x'00', 1, "
		"1, 2, 0, 0, 0, x'00', x'00', "
		"'', x'00', x'', x'', x'')",
		SQL_NO_ARGS, NULL, err);
}

static void register_workload(const char *name)
{
	char body[256];
	(void)snprintf(body, sizeof(body),
		"{\"name\":\"%s\",\"risk_class\":\"low\",\"environment\":\"prod\",\"owner\":\"o\","
		"\"purpose\":\"p\"}",
		name);
	world_do(&w, &w.admin, "POST", "/v1/workloads", body, 201);
}

static void elevation__another_workload_cannot_be_settled__ends_all_the_same_and_it_is_told(
	void **state)
{
	char log[8192] = "";
	int old = w.app->log.fd, fd = memfd_create("log", MFD_CLOEXEC);
	(void)state;
	assert_true(fd >= 0);
	register_workload("aaa");
	register_workload("zzz");
	lend("watch", 60);
	assert_ok(store_run(w.app->store, unreadable_work, NULL, &w.err), w.err);
	moved.shift += 61;
	w.app->log.fd = fd;
	elevations_settle_all(w.app);
	w.app->log.fd = old;
	ssize_t n = pread(fd, log, sizeof(log) - 1, 0);
	(void)close(fd);
	assert_true(n > 0);
	assert_int_equal(number("SELECT count(*) FROM elevations WHERE state=5"), 1);
	const char *first = strstr(log, "elevations-not-settled workload=aaa");
	const char *second = strstr(log, "elevations-not-settled workload=zzz");
	if (!first || !second || !strstr(first, "clause"))
		fail_msg("%s", log);
}

static void P8__revoked__credentials_that_carry_it_are_too(void **state)
{
	(void)state;
	char path[96];
	struct cert *svid = NULL;
	lend("delete", 600);
	renew();
	assert_ok(cert_from_der(a.result.certs[0], false, &svid, &w.err), w.err);
	struct world_operator agent = {.cert = svid, .key = w.keys.instance};
	world_do(&w, &agent, "GET", "/v1/whoami", NULL, 200);
	assert_int_equal(number("SELECT count(*) FROM credentials WHERE revoked>0"), 0);
	int64_t lists = number("SELECT sequence FROM revocation");
	int64_t version = number("SELECT version FROM workloads");
	(void)snprintf(path, sizeof(path), "/v1/elevations/%s/revoke", id);
	world_do(&w, &w.auditor, "POST", path, "{\"reason\":\"r\"}", 403);
	world_do(&w, &w.ci, "POST", path, "{\"reason\":\"r\"}", 403);
	world_do(&w, &w.admin, "POST", path, "{\"reason\":\"wrong ticket\"}", 200);
	/* Those of the renewal, not those of the launch; and decisions in flight start over. */
	assert_int_equal(
		number("SELECT count(*) FROM credentials WHERE revoked>0 AND reason=9"), 3);
	assert_int_equal(number("SELECT sequence FROM revocation"), lists + 1);
	assert_true(number("SELECT version FROM workloads") > version);
	world_do(&w, &agent, "GET", "/v1/whoami", NULL, 403);
	world_do(&w, &w.admin, "POST", path, "{\"reason\":\"again\"}", 409);
	assert_state(id, "revoked", "wrong ticket");
	renew();
	assert_plain();
	cert_unref(&svid);
}

/* Where a token says that its bit stands; -1: nowhere. */
static int64_t place_of(struct bytes token)
{
	struct buf claims = {0};
	json_t *root = NULL;
	assert_ok(jws_verify(token, w.app->issuer.signing_key, "JWT", &claims, &w.err), w.err);
	assert_ok(json_open(buf_bytes(&claims), 8192, &root, &w.err), w.err);
	json_t *list = json_object_get(json_object_get(root, "status"), "status_list");
	int64_t place = list ? json_integer_value(json_object_get(list, "idx")) : -1;
	json_decref(root);
	buf_release(&claims);
	return place;
}

/* The tokens that it brings are those that somebody wants to take back. */
static void P8__tokens_of_a_lent_right__each_has_a_place_in_a_status_list(void **state)
{
	(void)state;
	lend("delete", 600);
	renew();
	assert_int_equal(a.result.token_count, 2);
	assert_true(place_of(a.result.tokens[0]) >= 0 && place_of(a.result.tokens[1]) >= 0);
	assert_int_not_equal(place_of(a.result.tokens[0]), place_of(a.result.tokens[1]));
	/* Also where the agent asks for no other token. */
	w.scene->claims.audience_count = 0;
	renew();
	assert_int_equal(a.result.token_count, 1);
	assert_true(place_of(a.result.tokens[0]) >= 0);
	assert_int_equal(number("SELECT count(*) FROM credentials WHERE kind=3 AND status=0"), 0);
}

static void P8__denied_while_in_force__ends_at_once(void **state)
{
	(void)state;
	lend("delete", 600);
	renew();
	say(id, "bob", w.keys.bob, true, 201, "\"state\":\"revoked\"");
	assert_state(id, "revoked", "denied by bob as security");
	assert_int_equal(number("SELECT count(*) FROM credentials WHERE revoked>0"), 3);
	renew();
	assert_plain();
}

static void elevation__denied__never_comes_into_force(void **state)
{
	(void)state;
	asked("delete", 60, id);
	say(id, "alice", w.keys.alice, false, 201, "\"state\":\"asked\"");
	say(id, "bob", w.keys.bob, true, 201, "\"state\":\"denied\"");
	say(id, "bob", w.keys.bob, false, 409, "the elevation is denied: denied by bob");
	renew();
	assert_plain();
}

static void elevation__not_approved_in_time__lapses(void **state)
{
	(void)state;
	asked("delete", 60, id);
	say(id, "alice", w.keys.alice, false, 201, "\"state\":\"asked\"");
	moved.shift += 600;
	say(id, "bob", w.keys.bob, false, 409, "the elevation is lapsed: not approved in time");
	assert_state(id, "lapsed", "not approved in time");
}

static void P10__word_on_another_request__refused(void **state)
{
	(void)state;
	struct buf envelope = {0};
	char path[96];
	asked("delete", 60, id);
	asked("delete", 60, other_id);
	word(id, "alice", w.keys.alice, false, &envelope);
	(void)snprintf(path, sizeof(path), "/v1/elevations/%s/words", other_id);
	post(&w.ci, path, MEDIA_DSSE, buf_bytes(&envelope), 403,
		"elevation refused: of another request");
	(void)snprintf(path, sizeof(path), "/v1/elevations/%s/words", id);
	post(&w.ci, path, MEDIA_DSSE, buf_bytes(&envelope), 201, "");
	post(&w.ci, path, MEDIA_DSSE, buf_bytes(&envelope), 200, ""); /* the very same */
	buf_release(&envelope);
	assert_int_equal(number("SELECT count(*) FROM elevation_words"), 1);
}

static void P5__approved_twice_by_one_person__refused(void **state)
{
	(void)state;
	asked("delete", 60, id);
	say(id, "alice", w.keys.alice, false, 201, "");
	moved.shift += 1; /* another envelope */
	say(id, "alice", w.keys.alice, false, 409, "alice as security has approved it already");
	say(id, "bob", w.keys.alice, false, 403, "not signed by a key of this person");
	assert_state(id, "asked", "");
}

static void P7__who_asked__recorded_by_name_and_key(void **state)
{
	(void)state;
	char hex[2 * SHA256_LEN + 1];
	asked("delete", 60, id);
	json_t *view = view_of(id), *request = json_object_get(view, "request");
	assert_string_equal(json_string_value(json_object_get(request, "person")), "test");
	hex_encode(bytes_of(key_id(w.admin.key), SHA256_LEN), hex);
	assert_string_equal(json_string_value(json_object_get(request, "key")), hex);
	assert_string_equal(json_string_value(json_object_get(request, "requester")),
		"spiffe://bank.example/operator/admin/test");
	json_decref(view);
}

/* ---- how many, how soon ---- */

struct saying {
	const char *which;
	struct buf envelope;
	int status;
};

static void *saying_main(void *arg)
{
	struct saying *s = arg;
	char path[96];
	(void)snprintf(path, sizeof(path), "/v1/elevations/%s/words", s->which);
	struct https_answer answer =
		world_call(&w, &w.ci, "POST", path, MEDIA_DSSE, buf_bytes(&s->envelope));
	s->status = answer.status;
	buf_release(&answer.body);
	return NULL;
}

static void elevation__two_last_approvals_at_once__one_begins(void **state)
{
	(void)state;
	struct saying both[2] = {{.which = id}, {.which = other_id}};
	pthread_t threads[2];
	asked("delete", 60, id);
	asked("delete", 60, other_id);
	for (size_t i = 0; i < 2; i++) {
		say(both[i].which, "alice", w.keys.alice, false, 201, "");
		word(both[i].which, "bob", w.keys.bob, false, &both[i].envelope);
	}
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, saying_main, &both[i]), 0);
	for (size_t i = 0; i < 2; i++) {
		(void)pthread_join(threads[i], NULL);
		buf_release(&both[i].envelope);
	}
	assert_int_equal(both[0].status + both[1].status, 201 + 409);
	assert_int_equal(number("SELECT count(*) FROM elevations WHERE state=2"), 1);
	assert_int_equal(number("SELECT count(*) FROM elevation_words"), 3);
}

static void elevation__at_once_and_cooling_down__refused(void **state)
{
	(void)state;
	lend("delete", 60);
	ask("{\"workload\":\"ocr-agent\",\"right\":\"delete\",\"duration\":60,\"reason\":\"r\"}",
		409, "1 in force for workload ocr-agent: at most 1 at one time");
	lend("watch", 60);
	lend("watch", 60);
	ask("{\"workload\":\"ocr-agent\",\"right\":\"watch\",\"duration\":60,\"reason\":\"r\"}",
		409, "at most 2 at one time");
	moved.shift += 61;
	ask("{\"workload\":\"ocr-agent\",\"right\":\"delete\",\"duration\":60,\"reason\":\"r\"}",
		409, "the last one of workload ocr-agent is cooling down until");
	ask("{\"workload\":\"ocr-agent\",\"right\":\"watch\",\"duration\":60,\"reason\":\"r\"}",
		201, "");
	moved.shift += 60;
	ask("{\"workload\":\"ocr-agent\",\"right\":\"delete\",\"duration\":60,\"reason\":\"r\"}",
		201, "");
}

/* Asked before the first ended, approved after it: the wait counts all the same. */
static void elevation__asked_before_the_end_of_another__cools_down(void **state)
{
	(void)state;
	asked("delete", 60, other_id);
	lend("delete", 60);
	say(other_id, "alice", w.keys.alice, false, 201, "");
	moved.shift += 61;
	say(other_id, "bob", w.keys.bob, false, 409, "cooling down until");
	moved.shift += 60;
	say(other_id, "bob", w.keys.bob, false, 201, "\"state\":\"in-force\"");
}

/* Instances fill half of the places at most. */
static void elevation__too_many_asked_for__refused(void **state)
{
	(void)state;
	struct cert *svid = NULL;
	static const char own[] = "{\"right\":\"delete\",\"duration\":60,\"reason\":\"r\"}";
	assert_ok(cert_from_der(a.result.certs[0], false, &svid, &w.err), w.err);
	struct world_operator agent = {.cert = svid, .key = w.keys.instance};
	for (size_t i = 0; i < ELEVATIONS_ASKED_MAX / 2; i++)
		world_do(&w, &agent, "POST", "/v1/elevations", own, 201);
	post(&agent, "/v1/elevations", "application/json", bytes_str(own), 400,
		"32 requests for elevations wait for approval");
	for (size_t i = ELEVATIONS_ASKED_MAX / 2; i < ELEVATIONS_ASKED_MAX; i++)
		asked("watch", 60, id);
	ask("{\"workload\":\"ocr-agent\",\"right\":\"watch\",\"duration\":60,\"reason\":\"r\"}",
		400, "64 requests for elevations wait for approval");
	cert_unref(&svid);
}

/* ---- whose, and what for ---- */

static void elevation__that_cannot_be__refused(void **state)
{
	(void)state;
	static const struct {
		const char *body;
		int status;
		const char *told;
	} cases[] = {
		{"{}", 400, "right: missing"},
		{"{\"workload\":\"ocr-agent\",\"right\":\"delete\",\"duration\":60}", 400,
			"reason: missing"},
		{"{\"workload\":\"ocr-agent\",\"right\":\"delete\",\"duration\":9,\"reason\":"
		 "\"r\"}",
			400, "duration: out of range"},
		{"{\"right\":\"delete\",\"duration\":60,\"reason\":\"r\"}", 400,
			"workload: not a name"},
		{"{\"workload\":\"ocr-agent\",\"right\":\"delete\",\"duration\":1801,\"reason\":"
		 "\"r\"}",
			403, "lent for at most 1800 s"},
		{"{\"workload\":\"ocr-agent\",\"right\":\"root\",\"duration\":60,\"reason\":\"r\"}",
			404, "risk class low lends no right root"},
		{"{\"workload\":\"nobody\",\"right\":\"delete\",\"duration\":60,\"reason\":\"r\"}",
			404, "no active workload nobody"},
		{"{\"workload\":\"ocr-agent\",\"right\":\"delete\",\"duration\":60,\"reason\":"
		 "\"r\","
		 "\"instance\":\"00000000000000000000000000000000\"}",
			400, "instance: without its host"},
		{"{\"workload\":\"ocr-agent\",\"right\":\"delete\",\"duration\":60,\"reason\":"
		 "\"r\","
		 "\"host\":\"0000000000000000000000000000000000000000000000000000000000000000\","
		 "\"instance\":\"00000000000000000000000000000000\"}",
			404, "no such instance"},
		{"{\"workload\":\"ocr-agent\",\"right\":\"delete\",\"duration\":60,\"reason\":"
		 "\"r\","
		 "\"release\":"
		 "\"0000000000000000000000000000000000000000000000000000000000000000\"}",
			404, "no such release"},
		{"{\"workload\":\"ocr-agent\",\"right\":\"delete\",\"duration\":60,\"reason\":"
		 "\"r\","
		 "\"forever\":true}",
			400, "forever"},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		ask(cases[i].body, cases[i].status, cases[i].told);
	assert_int_equal(number("SELECT count(*) FROM elevations"), 0);
	world_do(&w, &w.auditor, "POST", "/v1/elevations", "{}", 403);
	world_do(&w, &w.admin, "GET", "/v1/elevations/00", NULL, 404);
	world_do(&w, &w.admin, "GET", "/v1/elevations/00000000000000000000000000000000", NULL, 404);
}

static void elevation__of_no_release_said__of_the_one_that_runs(void **state)
{
	(void)state;
	char hex[2 * SHA256_LEN + 1];
	hex_encode(BYTES_OF(w.scene->release_digest), hex);
	asked("delete", 60, id);
	json_t *view = view_of(id);
	assert_string_equal(
		json_string_value(json_object_get(json_object_get(view, "request"), "release")),
		hex);
	json_decref(view);
	ask("{\"workload\":\"ocr-agent\",\"right\":\"watch\",\"duration\":60,\"reason\":\"r\","
	    "\"any_release\":true}",
		201, "");
}

static void elevation__for_what_does_not_stand__refused(void **state)
{
	(void)state;
	char host[2 * HOST_ID_LEN + 1], release[2 * SHA256_LEN + 1], path[128], body[512];
	static const char form[] = "{\"workload\":\"%s\",\"right\":\"delete\",\"duration\":60,"
				   "\"reason\":\"r\",\"host\":\"%s\",\"instance\":"
				   "\"11111111111111111111111111111111\"}";
	hex_encode(BYTES_OF(w.host_id), host);
	hex_encode(BYTES_OF(w.scene->release_digest), release);
	world_do(&w, &w.admin, "POST", "/v1/workloads",
		"{\"name\":\"other\",\"risk_class\":\"low\",\"environment\":\"prod\",\"owner\":"
		"\"docs\",\"purpose\":\"reads\"}",
		201);
	(void)snprintf(body, sizeof(body), form, "other", host);
	ask(body, 404, "no such instance of workload other");
	(void)snprintf(path, sizeof(path), "/v1/releases/%s/revoke", release);
	world_do(&w, &w.admin, "POST", path, "{\"reason\":\"r\"}", 200);
	(void)snprintf(body, sizeof(body), form, "ocr-agent", host);
	ask(body, 404, "no such release of workload ocr-agent stands");
	world_next(&w, &a, &b);
	world_attest(&w, &c, &b);
	assert_outcome(&b, "untrusted: release-revoked");
	ask(body, 409, "the instance is refused");
}

static void instance__asks_for_itself__and_nobody_else(void **state)
{
	(void)state;
	struct cert *svid = NULL;
	assert_ok(cert_from_der(a.result.certs[0], false, &svid, &w.err), w.err);
	struct world_operator agent = {.cert = svid, .key = w.keys.instance};
	json_t *answer = world_json(&w, &agent, "POST", "/v1/elevations",
		"{\"right\":\"delete\",\"duration\":60,\"reason\":\"r\"}", 201);
	(void)snprintf(id, sizeof(id), "%s", json_string_value(json_object_get(answer, "id")));
	json_decref(answer);
	json_t *view = view_of(id), *request = json_object_get(view, "request");
	assert_null(json_object_get(request, "person"));
	assert_string_equal(json_string_value(json_object_get(request, "instance")),
		"11111111111111111111111111111111");
	json_decref(view);
	post(&agent, "/v1/elevations", "application/json",
		BYTES_LIT("{\"right\":\"watch\",\"duration\":60,\"reason\":\"r\"}"), 403,
		"right watch: instances may not ask for it");
	post(&agent, "/v1/elevations", "application/json",
		BYTES_LIT("{\"workload\":\"other\",\"right\":\"delete\",\"duration\":60,\"reason\":"
			  "\"r\"}"),
		403, "an instance asks for itself alone");
	post(&agent, "/v1/elevations", "application/json",
		BYTES_LIT("{\"right\":\"delete\",\"duration\":60,\"reason\":\"r\",\"instance\":"
			  "\"22222222222222222222222222222222\"}"),
		403, "an instance asks for itself alone");
	say(id, "alice", w.keys.alice, false, 201, "");
	say(id, "bob", w.keys.bob, false, 201, "\"state\":\"in-force\"");
	renew();
	json_t *carried = token_lent(0);
	assert_int_equal(json_array_size(carried), 1);
	json_decref(carried);
	cert_unref(&svid);
}

/* In force for another instance of the same workload. */
static void P10__elevation_of_another_instance__not_carried(void **state)
{
	(void)state;
	struct cert *svid = NULL;
	assert_ok(cert_from_der(a.result.certs[0], false, &svid, &w.err), w.err);
	struct world_operator agent = {.cert = svid, .key = w.keys.instance};
	json_t *answer = world_json(&w, &agent, "POST", "/v1/elevations",
		"{\"right\":\"delete\",\"duration\":60,\"reason\":\"r\"}", 201);
	(void)snprintf(id, sizeof(id), "%s", json_string_value(json_object_get(answer, "id")));
	json_decref(answer);
	say(id, "alice", w.keys.alice, false, 201, "");
	say(id, "bob", w.keys.bob, false, 201, "\"state\":\"in-force\"");
	world_attestation_release(&a);
	w.scene->instance[0]++;
	w.scene->claims.instance[0]++;
	scene_log_default(w.scene);
	world_launch(&w, &c, &a);
	assert_plain();
	cert_unref(&svid);
}

static void policy__that_lends_it_no_more__ends_it(void **state)
{
	(void)state;
	lend("delete", 600);
	asked("watch", 60, other_id);
	renew();
	w.class_lines = SCENE_CLASS_LINES;
	world_policy_write(&w, 2, "");
	assert_ok(app_policy_load(w.app, &w.err), w.err);
	assert_state(id, "ended", "no longer lent by the policy");
	assert_state(other_id, "lapsed", "no longer lent by the policy");
	assert_int_equal(number("SELECT count(*) FROM credentials WHERE revoked>0"), 3);
}

static void P8__policy_that_takes_an_approver_out__ends_it(void **state)
{
	(void)state;
	struct key *bob = w.keys.bob;
	lend("delete", 600);
	renew();
	world_policy_write(&w, 2, ""); /* nothing of it changes */
	assert_ok(app_policy_load(w.app, &w.err), w.err);
	assert_state(id, "in-force", "");
	assert_int_equal(number("SELECT count(*) FROM elevations WHERE policy=(SELECT policy FROM "
				"meta)"),
		1);
	w.keys.bob = w.keys.other;
	world_policy_write(&w, 3, "");
	w.keys.bob = bob;
	assert_ok(app_policy_load(w.app, &w.err), w.err);
	assert_int_equal(number("SELECT count(*) FROM elevations WHERE state=5"), 1);
	assert_state(id, "ended", "not approved by 2 as security");
	assert_int_equal(number("SELECT count(*) FROM credentials WHERE revoked>0"), 3);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(elevation__approved__next_credentials_carry_it),
		T(elevation__its_time_over__ends_by_itself),
		T(elevation__nobody_asks__ends_all_the_same),
		T(elevation__another_workload_cannot_be_settled__ends_all_the_same_and_it_is_told),
		T(P8__revoked__credentials_that_carry_it_are_too),
		cmocka_unit_test_setup_teardown(
			P8__tokens_of_a_lent_right__each_has_a_place_in_a_status_list, setup_public,
			teardown),
		T(P8__denied_while_in_force__ends_at_once),
		T(elevation__denied__never_comes_into_force),
		T(elevation__not_approved_in_time__lapses),
		T(P10__word_on_another_request__refused),
		T(P5__approved_twice_by_one_person__refused),
		T(P7__who_asked__recorded_by_name_and_key),
		T(elevation__two_last_approvals_at_once__one_begins),
		T(elevation__at_once_and_cooling_down__refused),
		T(elevation__asked_before_the_end_of_another__cools_down),
		T(elevation__too_many_asked_for__refused),
		T(elevation__that_cannot_be__refused),
		T(elevation__of_no_release_said__of_the_one_that_runs),
		T(elevation__for_what_does_not_stand__refused),
		T(instance__asks_for_itself__and_nobody_else),
		T(P10__elevation_of_another_instance__not_carried),
		T(policy__that_lends_it_no_more__ends_it),
		T(P8__policy_that_takes_an_approver_out__ends_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
