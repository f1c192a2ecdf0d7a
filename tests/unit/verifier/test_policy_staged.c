/* SPDX-License-Identifier: Apache-2.0 */
/* A policy that is staged: taken in only signed and newer, judged beside the one in force without touching an answer, and
 * put in force once, by whoever may, with what was meant (app_staged.c, api_policies.c, rows_policies.c, policy_ref.c). */
#include <pthread.h>
#include <unistd.h>

#include "ledger/audit.h"
#include "tests/unit/verifier/fakes.h"
#include "tests/unit/verifier/world.h"
#include "verifier/record_objects.h"

#define WAIT_ROUNDS 1000 /* of 10 ms */
#define TIGHTER     "    key: tpm\n"

static struct world w;
static struct key *anna, *bert, *other;
static const char *signers; /* the lines of verifierd.yaml; NULL: none */
static struct shifted_clock shifted = {.base = {&shifted_clock_ops}};

static void put(const char *name, struct bytes content)
{
	char path[128];

	(void)world_path(&w, name, path);
	assert_ok(file_write_atomic(path, content, 0600, &w.err), w.err);
}

static void get(const char *name, struct buf *ret)
{
	char path[128];

	(void)world_path(&w, name, path);
	buf_clear(ret);
	assert_ok(file_read(path, POLICY_ENVELOPE_MAX, ret, &w.err), w.err);
}

/* An envelope over the text by the keys up to the first NULL. */
static void envelope(struct bytes text, struct key *const *by, struct buf *ret)
{
	buf_clear(ret);
	for (; *by; by++) {
		struct buf next = {0};

		assert_ok(policy_signature_add(buf_bytes(ret), text, *by, &next, &w.err), w.err);
		buf_release(ret);
		*ret = next;
	}
}
#define BY(...) ((struct key *const[]){__VA_ARGS__, NULL})

static void pem_file(const char *name, const struct key *key)
{
	struct buf pem = {0};

	assert_ok(key_public_pem(key, &pem, &w.err), w.err);
	put(name, buf_bytes(&pem));
	buf_release(&pem);
}

static void configure(const char *lines)
{
	struct buf config = {0}, whole = {0};

	get("verifierd.yaml", &config);
	const char *text = buf_str(&config), *end = strstr(text, "\npolicy_keys:");
	buf_printf(
		&whole, "%.*s%s", (int)(end ? (size_t)(end - text) + 1 : config.len), text, lines);
	put("verifierd.yaml", buf_bytes(&whole));
	buf_release(&config);
	buf_release(&whole);
}

#define TWO_OF_TWO                                                                                 \
	"policy_keys:\n  - {name: anna, key: anna.pub}\n  - {name: bert, key: bert.pub}\n"         \
	"policy_threshold: 2\n"
#define OTHERS                                                                                     \
	"policy_keys:\n  - {name: anna, key: anna.pub}\n  - {name: dora, key: other.pub}\n"        \
	"policy_threshold: 2\n"

static void prepare(struct world *world)
{
	struct buf policy = {0}, sig = {0};

	(void)world;
	pem_file("anna.pub", anna);
	pem_file("bert.pub", bert);
	pem_file("other.pub", other);
	if (!signers)
		return;
	configure(signers);
	get("policy.yaml", &policy);
	envelope(buf_bytes(&policy), BY(anna, bert), &sig);
	put("policy.yaml.sig", buf_bytes(&sig));
	buf_release(&policy);
	buf_release(&sig);
}

static int setup(void **state)
{
	(void)state;
	struct key **const made[] = {&anna, &bert, &other};
	for (size_t i = 0; i < ARRAY_LEN(made); i++)
		assert_ok(key_generate(KEY_EC_P256, made[i], &w.err), w.err);
	signers = TWO_OF_TWO;
	shifted.shift = 0;
	w.clock = &shifted.base;
	w.prepare = prepare;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	world_stop(&w);
	key_unref(&anna);
	key_unref(&bert);
	key_unref(&other);
	return 0;
}

/* The policy of the world under another version, its class with lines more. */
static void text_of(int version, const char *class_lines, struct buf *ret)
{
	struct buf file = {0};
	const char *last;

	get("policy.yaml", &file);
	buf_clear(ret);
	const char *text = buf_str(&file), *at = strstr(text, "\nversion: "),
		   *class = strstr(text, "    credential_lifetime: 10m\n");
	assert_non_null(at);
	assert_non_null(class);
	last = class + strlen("    credential_lifetime: 10m\n");
	at += strlen("\nversion: ");
	buf_printf(ret, "%.*s%d", (int)(at - text), text, version);
	at = strchr(at, '\n');
	buf_printf(ret, "%.*s%s%s", (int)(last - at), at, class_lines, last);
	buf_release(&file);
}

static void hex_of(struct bytes content, char out[2 * SHA256_LEN + 1])
{
	uint8_t digest[SHA256_LEN];

	assert_ok(sha256_of(content, digest, &w.err), w.err);
	hex_encode(BYTES_OF(digest), out);
}

/* Stages a version and gives the digest of its file. */
static void stage(int version, const char *class_lines, int wanted, char digest[2 * SHA256_LEN + 1])
{
	struct buf text = {0}, sig = {0};

	text_of(version, class_lines, &text);
	envelope(buf_bytes(&text), BY(anna, bert), &sig);
	hex_of(buf_bytes(&text), digest);
	world_post(&w, &w.admin, "/v1/policies", MEDIA_DSSE, buf_bytes(&sig), wanted);
	buf_release(&text);
	buf_release(&sig);
}

static void refused(struct bytes body, int wanted, const char *why)
{
	struct https_answer a = world_call(&w, &w.admin, "POST", "/v1/policies", MEDIA_DSSE, body);

	if (a.status != wanted || !strstr(buf_str(&a.body), why))
		fail_msg("%d %s, wanted %d %s", a.status, buf_str(&a.body), wanted, why);
	buf_release(&a.body);
}

static json_t *order(
	int version, const char *what, const char *digest, const char *more, int wanted)
{
	char path[96], body[256];

	(void)snprintf(path, sizeof(path), "/v1/policies/%d/%s", version, what);
	(void)snprintf(
		body, sizeof(body), "{\"digest\":\"%s\",\"reason\":\"because\"%s}", digest, more);
	return world_json(&w, &w.admin, "POST", path, body, wanted);
}

static void ordered(int version, const char *what, const char *digest, const char *more, int wanted)
{
	json_decref(order(version, what, digest, more, wanted));
}

static const char *message(const json_t *answer)
{
	return json_string_value(json_object_get(json_object_get(answer, "error"), "message"));
}

static void assert_conflict(int version, const char *digest, const char *why)
{
	json_t *answer = order(version, "activate", digest, "", 409);

	if (!strstr(message(answer), why))
		fail_msg("%s, wanted %s", message(answer), why);
	json_decref(answer);
}

/* "2 staged, 1 in-force" */
static void assert_policies(const char *wanted)
{
	json_t *answer = world_json(&w, &w.auditor, "GET", "/v1/policies", NULL, 200), *row;
	struct buf text = {0};
	size_t i;

	json_array_foreach(json_object_get(answer, "policies"), i, row)
		buf_printf(&text, "%s%lld %s", i ? ", " : "",
			(long long)json_integer_value(json_object_get(row, "version")),
			json_string_value(json_object_get(row, "state")));
	assert_string_equal(buf_str(&text), wanted);
	buf_release(&text);
	json_decref(answer);
}

/* The newest ledger entry of an event about a policy. */
static json_t *entry(const char *event)
{
	struct sql *sql = NULL;
	struct sql_query *q = NULL;
	json_t *ret = NULL;
	char like[64];

	(void)snprintf(like, sizeof(like), "%%\"event\":\"%s\"%%", event);
	assert_ok(store_read(w.app->store, &sql, &w.err), w.err);
	assert_ok(sql_first(sql,
			  "SELECT content FROM leaves WHERE CAST(content AS TEXT) LIKE ?1 ORDER "
			  "BY idx DESC LIMIT 1",
			  SQL_ARGS(sql_t(bytes_str(like))), &q, &w.err),
		w.err);
	assert_non_null(q);
	assert_ok(json_open(sql_bytes(q, 0), 4096, &ret, &w.err), w.err);
	sql_finish(&q);
	store_read_done(w.app->store, &sql);
	return ret;
}

static const char *said(const json_t *entry, const char *key)
{
	return json_string_value(json_object_get(entry, key));
}

static int64_t in_force(void)
{
	struct policy_ref *ref = app_policy(w.app);
	int64_t version = ref->policy->version;

	policy_ref_drop(&ref);
	return version;
}

static void assert_in_force(int64_t version)
{
	assert_int_equal(in_force(), version);
}

/* ---- staging ---- */

static void stage__signed_and_newer__kept_and_without_effect(void **state)
{
	char digest[2 * SHA256_LEN + 1];

	(void)state;
	world_start(&w);
	assert_policies("1 in-force");
	stage(2, "", 201, digest);
	assert_policies("2 staged, 1 in-force");
	assert_in_force(1);
	json_t *e = entry("policy-staged");
	assert_string_equal(said(e, "digest"), digest);
	assert_string_equal(said(e, "by"), "spiffe://bank.example/operator/admin/test");
	assert_int_equal(json_array_size(json_object_get(e, "signed_by")), 2);
	json_decref(e);
	stage(2, "", 200, digest);
	assert_policies("2 staged, 1 in-force");
}

static void P5__staged_by_one_signer_twice_or_a_stranger__refused(void **state)
{
	struct buf text = {0}, sig = {0}, more = {0};

	(void)state;
	world_start(&w);
	text_of(2, "", &text);
	envelope(buf_bytes(&text), BY(anna), &sig);
	refused(buf_bytes(&sig), 403, "1 of the keys that count signed: anna; 2 must");
	assert_ok(dsse_add_signature(buf_bytes(&sig), anna, &more, &w.err), w.err);
	refused(buf_bytes(&more), 403, "1 of the keys that count signed: anna; 2 must");
	envelope(buf_bytes(&text), BY(anna, other), &sig);
	refused(buf_bytes(&sig), 403, "1 of the keys that count signed: anna; 2 must");
	buf_clear(&sig);
	assert_ok(dsse_sign(DSSE_INTOTO_TYPE, buf_bytes(&text), anna, &sig, &w.err), w.err);
	refused(buf_bytes(&sig), 403, "not over a policy");
	refused(BYTES_LIT("{}"), 400, "malformed");
	assert_policies("1 in-force");
	buf_release(&text);
	buf_release(&sig);
	buf_release(&more);
}

static void stage__what_no_verifier_would_take__refused(void **state)
{
	struct buf text = {0}, sig = {0};

	(void)state;
	world_start(&w);
	text_of(2, "    renew_after: 20m\n", &text);
	envelope(buf_bytes(&text), BY(anna, bert), &sig);
	refused(buf_bytes(&sig), 400, "renew_after: must be shorter than credential_lifetime");
	text_of(2,
		"    host_classes: [h]\nhost_classes: [{name: h, references: [{kind: golden-log, "
		"sha256: 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff}]}]\n",
		&text);
	envelope(buf_bytes(&text), BY(anna, bert), &sig);
	refused(buf_bytes(&sig), 404, "references");
	assert_policies("1 in-force");
	buf_release(&text);
	buf_release(&sig);
}

static void P9__staged_version_equal_or_lower__refused(void **state)
{
	char digest[2 * SHA256_LEN + 1], first[2 * SHA256_LEN + 1];

	(void)state;
	world_start(&w);
	stage(3, "", 201, first);
	ordered(3, "activate", first, "", 200);
	assert_in_force(3);
	stage(3, "    pinned: true\n", 409, digest);
	stage(2, "", 409, digest);
	assert_policies("3 in-force, 1 superseded");
}

static void stage__another_one_waits__refused_until_it_is_withdrawn(void **state)
{
	char two[2 * SHA256_LEN + 1], three[2 * SHA256_LEN + 1];

	(void)state;
	world_start(&w);
	stage(2, "", 201, two);
	stage(3, "", 409, three);
	ordered(2, "withdraw", two, ",\"at\":\"2027-01-01T00:00:00Z\"", 400);
	ordered(2, "withdraw", two, "", 200);
	assert_policies("2 withdrawn, 1 in-force");
	json_t *e = entry("policy-withdrawn");
	assert_string_equal(said(e, "reason"), "because");
	assert_string_equal(said(e, "by"), "spiffe://bank.example/operator/admin/test");
	json_decref(e);
	assert_conflict(2, two, "version 2 is not staged");
	stage(3, "", 201, three);
	assert_policies("3 staged, 2 withdrawn, 1 in-force");
}

static void stage__no_policy_keys__refused(void **state)
{
	struct buf text = {0}, sig = {0};

	(void)state;
	signers = NULL;
	world_start(&w);
	text_of(2, "", &text);
	envelope(buf_bytes(&text), BY(anna, bert), &sig);
	refused(buf_bytes(&sig), 400, "this verifier has no policy_keys");
	buf_release(&text);
	buf_release(&sig);
}

/* ---- activating ---- */

static void activate__what_was_meant__in_force_and_in_the_ledger(void **state)
{
	char digest[2 * SHA256_LEN + 1];

	(void)state;
	world_start(&w);
	stage(2, "", 201, digest);
	ordered(2, "activate", digest, "", 200);
	assert_in_force(2);
	assert_policies("2 in-force, 1 superseded");
	json_t *e = entry("policy");
	assert_string_equal(said(e, "digest"), digest);
	assert_string_equal(said(e, "by"), "spiffe://bank.example/operator/admin/test");
	assert_string_equal(said(e, "reason"), "because");
	assert_int_equal(json_integer_value(json_object_get(e, "threshold")), 2);
	json_decref(e);
	assert_conflict(2, digest, "version 2 is not staged");
}

/* Between looking at it and activating it, somebody staged other content under the same version. */
static void P9__activation_of_a_replaced_policy__refused(void **state)
{
	char meant[2 * SHA256_LEN + 1], replaced[2 * SHA256_LEN + 1];

	(void)state;
	world_start(&w);
	stage(2, "", 201, meant);
	ordered(2, "withdraw", meant, "", 200);
	stage(2, "    pinned: true\n", 201, replaced);
	assert_conflict(2, meant, "staged with other content than was meant");
	assert_in_force(1);
	ordered(2, "activate", replaced, "", 200);
	assert_in_force(2);
}

/* Bert may sign no more: what he signed before does not come into force. */
static void activate__signers_changed_since__refused(void **state)
{
	char digest[2 * SHA256_LEN + 1];
	struct buf policy = {0}, sig = {0};

	(void)state;
	world_start(&w);
	stage(2, "", 201, digest);
	app_close(&w.app);
	configure(OTHERS);
	get("policy.yaml", &policy);
	envelope(buf_bytes(&policy), BY(anna, other), &sig);
	put("policy.yaml.sig", buf_bytes(&sig));
	assert_true(world_open(&w));
	assert_policies("2 staged, 1 in-force");
	json_t *answer = order(2, "activate", digest, "", 403);
	assert_non_null(strstr(message(answer), "1 of the keys that count signed: anna; 2 must"));
	json_decref(answer);
	assert_in_force(1);
	buf_release(&policy);
	buf_release(&sig);
}

struct caller {
	pthread_t thread;
	const char *digest;
	int status;
};

static void *call_main(void *arg)
{
	struct caller *c = arg;
	char body[256];

	(void)snprintf(body, sizeof(body), "{\"digest\":\"%s\",\"reason\":\"race\"}", c->digest);
	struct https_answer a = world_call(&w, &w.admin, "POST", "/v1/policies/2/activate",
		"application/json", bytes_str(body));
	c->status = a.status;
	buf_release(&a.body);
	return NULL;
}

static void activate__two_at_once__one_comes_through(void **state)
{
	struct caller callers[4];
	char digest[2 * SHA256_LEN + 1];
	int done = 0, conflicts = 0;

	(void)state;
	world_start(&w);
	stage(2, "", 201, digest);
	for (size_t i = 0; i < ARRAY_LEN(callers); i++) {
		callers[i].digest = digest;
		assert_int_equal(
			pthread_create(&callers[i].thread, NULL, call_main, &callers[i]), 0);
	}
	for (size_t i = 0; i < ARRAY_LEN(callers); i++) {
		(void)pthread_join(callers[i].thread, NULL);
		done += callers[i].status == 200;
		conflicts += callers[i].status == 409;
	}
	assert_int_equal(done, 1);
	assert_int_equal(conflicts, 3);
	assert_in_force(2);
	assert_policies("2 in-force, 1 superseded");
}

static void activate__commit_that_fails__as_if_never_asked(void **state)
{
	char digest[2 * SHA256_LEN + 1];

	(void)state;
	w.sql = fake_sql_init();
	world_start(&w);
	stage(2, "", 201, digest);
	fake_sql.fail_commit = 1;
	ordered(2, "activate", digest, "", 503);
	assert_in_force(1);
	for (int i = 0; i < WAIT_ROUNDS && !store_ready(w.app->store); i++)
		(void)usleep(10000);
	assert_policies("2 staged, 1 in-force");
	ordered(2, "activate", digest, "", 200);
	assert_in_force(2);
}

/* ---- what lasts ---- */

static void restart__between_staging_and_activating__still_staged(void **state)
{
	char digest[2 * SHA256_LEN + 1];

	(void)state;
	world_start(&w);
	stage(2, "", 201, digest);
	app_close(&w.app);
	assert_true(world_open(&w));
	assert_in_force(1);
	assert_policies("2 staged, 1 in-force");
	ordered(2, "activate", digest, "", 200);
	assert_in_force(2);
}

/* The file still holds version 1: what was activated stays, at start and at every reading. */
static void restart__after_activating__the_older_file_is_passed_over(void **state)
{
	char digest[2 * SHA256_LEN + 1];

	(void)state;
	world_start(&w);
	stage(2, "", 201, digest);
	ordered(2, "activate", digest, "", 200);
	app_close(&w.app);
	assert_true(world_open(&w));
	assert_in_force(2);
	assert_ok(app_policy_load(w.app, &w.err), w.err);
	assert_in_force(2);
	assert_policies("2 in-force, 1 superseded");
}

static void restart__file_of_the_same_version_and_other_content__refused(void **state)
{
	char digest[2 * SHA256_LEN + 1];
	struct buf text = {0}, sig = {0};

	(void)state;
	world_start(&w);
	stage(2, "", 201, digest);
	ordered(2, "activate", digest, "", 200);
	text_of(2, "    pinned: true\n", &text);
	envelope(buf_bytes(&text), BY(anna, bert), &sig);
	put("policy.yaml", buf_bytes(&text));
	put("policy.yaml.sig", buf_bytes(&sig));
	assert_false(app_policy_load(w.app, &w.err));
	assert_int_equal(w.err.code, ERR_CONFIG);
	assert_non_null(strstr(w.err.text, "version 2 is in force with other content"));
	assert_in_force(2);
	app_close(&w.app);
	assert_false(world_open(&w));
	buf_release(&text);
	buf_release(&sig);
}

/* In force, and no longer signed by enough of those who count now: nothing is decided by it. */
static void restart__activated_policy_that_no_longer_stands__start_refused(void **state)
{
	char digest[2 * SHA256_LEN + 1];
	struct buf policy = {0}, sig = {0};

	(void)state;
	world_start(&w);
	stage(2, "", 201, digest);
	ordered(2, "activate", digest, "", 200);
	app_close(&w.app);
	configure(OTHERS);
	get("policy.yaml", &policy);
	envelope(buf_bytes(&policy), BY(anna, other), &sig);
	put("policy.yaml.sig", buf_bytes(&sig));
	assert_false(world_open(&w));
	assert_int_equal(w.err.code, ERR_DENIED);
	assert_non_null(strstr(w.err.text, "the policy in force, which the file does not hold: "
					   "stored policy 2.sig: signature: 1 of the keys"));
	buf_release(&policy);
	buf_release(&sig);
}

static void file__newer_than_what_is_staged__overtakes_it(void **state)
{
	char digest[2 * SHA256_LEN + 1];
	struct buf text = {0}, sig = {0};

	(void)state;
	world_start(&w);
	stage(2, "", 201, digest);
	text_of(3, "", &text);
	envelope(buf_bytes(&text), BY(anna, bert), &sig);
	put("policy.yaml", buf_bytes(&text));
	put("policy.yaml.sig", buf_bytes(&sig));
	assert_ok(app_policy_load(w.app, &w.err), w.err);
	assert_in_force(3);
	assert_policies("3 in-force, 2 superseded, 1 superseded");
	assert_conflict(2, digest, "version 2 is not staged");
	buf_release(&text);
	buf_release(&sig);
}

static void kept__every_version__its_file_and_its_signature(void **state)
{
	char digest[2 * SHA256_LEN + 1];
	struct buf file = {0}, sig = {0};
	static const char *const paths[] = {"/v1/policies/1", "/v1/policies/1/signature"};

	(void)state;
	world_start(&w);
	stage(2, "", 201, digest);
	ordered(2, "activate", digest, "", 200);
	get("policy.yaml", &file);
	get("policy.yaml.sig", &sig);
	for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
		struct https_answer a =
			world_call(&w, &w.auditor, "GET", paths[i], NULL, (struct bytes){0});

		assert_int_equal(a.status, 200);
		assert_bytes(buf_bytes(&a.body), buf_bytes(i ? &sig : &file));
		buf_release(&a.body);
	}
	world_do(&w, &w.auditor, "GET", "/v1/policies/3", NULL, 404);
	world_do(&w, &w.auditor, "GET", "/v1/policies/x", NULL, 404);
	world_do(&w, &w.auditor, "GET", "/v1/policies/01", NULL, 404);
	buf_release(&file);
	buf_release(&sig);
}

/* A database from before policies had rows. */
static void migrate__policies_of_schema_4__found_in_the_ledger(void **state)
{
	char digest[2 * SHA256_LEN + 1], path[128];
	struct sql *sql = NULL;

	(void)state;
	world_start(&w);
	stage(2, "", 201, digest);
	ordered(2, "activate", digest, "", 200);
	app_close(&w.app);
	(void)world_path(&w, "verifier.db", path);
	assert_ok(sql_sqlite.open(path, true, &sql, &w.err), w.err);
	assert_ok(sql->ops->script(sql,
			  "DROP TABLE policy_differences; DROP TABLE policies; PRAGMA "
			  "user_version=4",
			  &w.err),
		w.err);
	assert_ok(store_migrate(sql, &w.err), w.err);
	sql_close(&sql);
	/* It is not known any more that version 2 was staged: a file that is older is then refused. */
	assert_false(world_open(&w));
	assert_non_null(strstr(w.err.text, "version 2 is in force with other content"));
	struct buf text = {0}, sig = {0};
	text_of(2, "", &text);
	envelope(buf_bytes(&text), BY(anna, bert), &sig);
	put("policy.yaml", buf_bytes(&text));
	put("policy.yaml.sig", buf_bytes(&sig));
	assert_true(world_open(&w));
	assert_policies("2 in-force, 1 superseded");
	buf_release(&text);
	buf_release(&sig);
}

/* ---- at a time ---- */

static const char *at_of(int64_t from_now, char out[64])
{
	char time[TIME_TEXT_MAX];

	(void)snprintf(
		out, 64, ",\"at\":\"%s\"", time_format(clock_wall(&shifted.base) + from_now, time));
	return out;
}

static void wait_in_force(int64_t version)
{
	for (int i = 0; i < WAIT_ROUNDS && in_force() != version; i++)
		(void)usleep(10000);
	assert_in_force(version);
}

static void activate__at_a_time__not_before_and_once(void **state)
{
	char digest[2 * SHA256_LEN + 1], at[64];

	(void)state;
	world_start(&w);
	stage(2, "", 201, digest);
	ordered(2, "activate", digest, at_of(-5, at), 400);
	ordered(2, "activate", digest, at_of(400 * (int64_t)86400, at), 400);
	ordered(2, "activate", digest, ",\"at\":\"tomorrow\"", 400);
	ordered(2, "activate", digest, at_of(600, at), 200);
	json_t *e = entry("policy-activation-set");
	assert_non_null(said(e, "at"));
	assert_string_equal(said(e, "by"), "spiffe://bank.example/operator/admin/test");
	json_decref(e);
	/* The clock goes back: it is as far away as the clock says. */
	shifted.shift = -86400;
	(void)usleep(1200000);
	assert_in_force(1);
	shifted.shift = 700;
	wait_in_force(2);
	e = entry("policy");
	assert_string_equal(said(e, "by"), "spiffe://bank.example/operator/admin/test");
	json_decref(e);
	/* In force is in force, whatever the clock says afterwards. */
	shifted.shift = -86400;
	assert_ok(app_policy_load(w.app, &w.err), w.err);
	assert_in_force(2);
	shifted.shift = 0;
	assert_policies("2 in-force, 1 superseded");
}

static void activate__at_a_time_that_came_while_it_was_down__at_start(void **state)
{
	char digest[2 * SHA256_LEN + 1], at[64];

	(void)state;
	world_start(&w);
	stage(2, "", 201, digest);
	ordered(2, "activate", digest, at_of(600, at), 200);
	app_close(&w.app);
	shifted.shift = 700;
	assert_true(world_open(&w));
	wait_in_force(2);
}

static void activate__at_a_time_and_withdrawn__never(void **state)
{
	char digest[2 * SHA256_LEN + 1], at[64];

	(void)state;
	world_start(&w);
	stage(2, "", 201, digest);
	ordered(2, "activate", digest, at_of(600, at), 200);
	ordered(2, "withdraw", digest, "", 200);
	shifted.shift = 700;
	(void)usleep(1200000);
	assert_in_force(1);
	assert_policies("2 withdrawn, 1 in-force");
}

/* ---- judged beside ---- */

static json_t *differences(int version)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/v1/policies/%d/differences", version);
	return world_json(&w, &w.auditor, "GET", path, NULL, 200);
}

static int64_t count_of(const json_t *answer, const char *key)
{
	return json_integer_value(json_object_get(json_object_get(answer, "judged"), key));
}

/* Until so many decisions have been judged by it. */
static json_t *judged(int version, int64_t wanted)
{
	for (int i = 0; i < WAIT_ROUNDS; i++) {
		json_t *answer = differences(version);

		if (count_of(answer, "same") + count_of(answer, "changed") +
				count_of(answer, "undecided") + count_of(answer, "unreadable") >=
			wanted)
			return answer;
		json_decref(answer);
		(void)usleep(10000);
	}
	fail_msg("version %d: not judged", version);
	return NULL;
}

static void launch(void)
{
	struct https c;
	struct world_attestation a;

	assert_true(world_connect(&w, &c));
	world_launch(&w, &c, &a);
	world_attestation_release(&a);
	https_close(&c);
}

static void beside__a_decision_that_would_change__counted_and_answered_as_ever(void **state)
{
	char digest[2 * SHA256_LEN + 1];

	(void)state;
	world_start(&w);
	world_enroll(&w);
	launch(); /* before it was staged */
	stage(2, TIGHTER, 201, digest);
	w.scene->attest.clock += 10;
	launch();
	json_t *answer = judged(2, 1);
	assert_int_equal(count_of(answer, "changed"), 1);
	assert_int_equal(count_of(answer, "same"), 0);
	const json_t *one = json_array_get(json_object_get(answer, "differences"), 0);
	assert_string_equal(said(one, "workload"), "ocr-agent");
	assert_string_equal(said(one, "before"), "trusted");
	assert_string_equal(said(one, "after"), "untrusted");
	assert_string_equal(said(one, "reason"), "key-protection");
	assert_int_equal(json_integer_value(json_object_get(one, "count")), 1);
	assert_int_equal(json_array_size(json_object_get(answer, "differences")), 1);
	json_decref(answer);
	/* It goes on where it stopped. */
	app_close(&w.app);
	assert_true(world_open(&w));
	w.scene->attest.clock += 10;
	launch();
	answer = judged(2, 2);
	assert_int_equal(count_of(answer, "changed"), 2);
	one = json_array_get(json_object_get(answer, "differences"), 0);
	assert_int_equal(json_integer_value(json_object_get(one, "count")), 2);
	json_decref(answer);
}

static void beside__an_unrelated_edit__nothing_changes(void **state)
{
	char digest[2 * SHA256_LEN + 1];

	(void)state;
	world_start(&w);
	world_enroll(&w);
	stage(2, "# a comment\n", 201, digest);
	launch();
	json_t *answer = judged(2, 1);
	assert_int_equal(count_of(answer, "same"), 1);
	assert_int_equal(json_array_size(json_object_get(answer, "differences")), 0);
	json_decref(answer);
}

/* ---- a job over what is stored ---- */

static json_t *job_done(json_int_t id)
{
	for (int i = 0; i < WAIT_ROUNDS; i++) {
		json_t *report = world_json(&w, &w.auditor, "GET", "/v1/shadow", NULL, 200);

		if (strcmp(said(report, "state"), "running") != 0) {
			assert_int_equal(json_integer_value(json_object_get(report, "job")), id);
			return report;
		}
		json_decref(report);
		(void)usleep(10000);
	}
	fail_msg("the job does not end");
	return NULL;
}

static json_int_t job_start(const char *path, struct bytes text, int wanted)
{
	struct https_answer a = world_call(&w, &w.auditor, "POST", path, "application/yaml", text);
	json_t *answer = NULL;

	if (a.status != wanted)
		fail_msg("%d %s", a.status, buf_str(&a.body));
	assert_ok(json_open(buf_bytes(&a.body), 4096, &answer, &w.err), w.err);
	json_int_t id = json_integer_value(json_object_get(answer, "job"));
	json_decref(answer);
	buf_release(&a.body);
	return id;
}

static void shadow__decisions_of_the_last_days__those_that_change_by_reason(void **state)
{
	struct buf text = {0};

	(void)state;
	world_start(&w);
	world_do(&w, &w.auditor, "GET", "/v1/shadow", NULL, 404);
	world_enroll(&w);
	for (int i = 0; i < 3; i++) {
		launch();
		w.scene->attest.clock += 10;
	}
	text_of(9, TIGHTER, &text);
	json_t *report = job_done(job_start("/v1/shadow?since=10m", buf_bytes(&text), 202));
	assert_string_equal(said(report, "state"), "done");
	assert_int_equal(json_integer_value(json_object_get(report, "judged")), 3);
	assert_int_equal(json_integer_value(json_object_get(report, "changed")), 3);
	assert_int_equal(json_integer_value(json_object_get(report, "version")), 9);
	const json_t *one = json_array_get(json_object_get(report, "differences"), 0);
	assert_string_equal(said(one, "reason"), "key-protection");
	assert_int_equal(json_integer_value(json_object_get(one, "count")), 3);
	json_decref(report);
	/* Later they are older than what is asked for. */
	shifted.shift = 1200;
	report = job_done(job_start("/v1/shadow?since=10m", buf_bytes(&text), 202));
	assert_int_equal(json_integer_value(json_object_get(report, "judged")), 0);
	json_decref(report);
	assert_in_force(1);
	assert_policies("1 in-force");
	buf_release(&text);
}

static void shadow__what_is_no_policy_or_no_span__refused(void **state)
{
	struct buf text = {0};

	(void)state;
	world_start(&w);
	(void)job_start("/v1/shadow", BYTES_LIT("policy: 1\n"), 400);
	text_of(9, "", &text);
	(void)job_start("/v1/shadow?since=soon", buf_bytes(&text), 400);
	buf_release(&text);
}

/* A record whose objects have gone says nothing, and stops nothing. */
static void shadow__a_record_that_cannot_be_read__counted(void **state)
{
	struct buf text = {0};
	struct sql *sql = NULL;
	struct record_row rows[2];
	struct record *record = calloc(1, sizeof(*record));
	size_t n = 0;
	char path[128];

	(void)state;
	world_start(&w);
	world_enroll(&w);
	launch();
	w.scene->attest.clock += 10;
	launch();
	(void)world_path(&w, "verifier.db", path);
	assert_ok(sql_sqlite.open(path, true, &sql, &w.err), w.err);
	assert_ok(records_from(sql, 0, rows, 2, &n, &w.err), w.err);
	assert_int_equal(n, 2);
	assert_ok(record_open(buf_bytes(&rows[0].cose), w.app->issuer.signing_key, record, &w.err),
		w.err);
	assert_ok(sql_exec(sql, "DELETE FROM objects WHERE digest=?1",
			  SQL_ARGS(sql_b(
				  bytes_of(record_input_digest(record, "evidence"), SHA256_LEN))),
			  NULL, &w.err),
		w.err);
	record_row_release(&rows[0]);
	record_row_release(&rows[1]);
	free(record);
	sql_close(&sql);
	text_of(9, "", &text);
	json_t *report = job_done(job_start("/v1/shadow", buf_bytes(&text), 202));
	assert_int_equal(json_integer_value(json_object_get(report, "judged")), 2);
	assert_int_equal(json_integer_value(json_object_get(report, "same")), 1);
	assert_int_equal(json_integer_value(json_object_get(report, "unreadable")), 1);
	json_decref(report);
	buf_release(&text);
}

/* ---- who signed, in the record ---- */

static void record__signed_policy__the_audit_says_by_whom(void **state)
{
	struct https c;
	struct world_attestation a;
	struct audit_report report = {0};
	struct policy_signers pinned = {0};
	struct buf pem = {0};
	char id[2 * SHA256_LEN + 1], path[160];
	bool proved = false, asserted = false;

	(void)state;
	world_start(&w);
	world_enroll(&w);
	assert_true(world_connect(&w, &c));
	world_launch(&w, &c, &a);
	hex_encode(BYTES_OF(a.result.record), id);
	(void)snprintf(path, sizeof(path), "/v1/records/%s/bundle", id);
	struct https_answer bundle =
		world_call(&w, &w.auditor, "GET", path, NULL, (struct bytes){0});
	assert_int_equal(bundle.status, 200);
	assert_ok(audit_run(buf_bytes(&bundle.body), NULL, &report, &w.err), w.err);
	assert_true(report.consistent);
	for (size_t i = 0; i < report.step_count; i++) {
		proved = proved || (strcmp(report.steps[i].what, "policy signature") == 0 &&
					   report.steps[i].result == AUDIT_PROVED);
		asserted = asserted || (strcmp(report.steps[i].what, "policy signers") == 0 &&
					       report.steps[i].result == AUDIT_ASSERTED);
	}
	assert_true(proved && asserted);
	audit_report_release(&report);
	assert_ok(key_public_pem(other, &pem, &w.err), w.err);
	assert_ok(policy_signers_add(&pinned, "dora", buf_bytes(&pem), &w.err), w.err);
	assert_ok(policy_signers_demand(&pinned, 1, &w.err), w.err);
	const struct audit_anchors anchors = {.policy_signers = &pinned};
	assert_ok(audit_run(buf_bytes(&bundle.body), &anchors, &report, &w.err), w.err);
	assert_false(report.consistent);
	audit_report_release(&report);
	policy_signers_release(&pinned);
	buf_release(&pem);
	buf_release(&bundle.body);
	world_attestation_release(&a);
	https_close(&c);
}

#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(stage__signed_and_newer__kept_and_without_effect),
		T(P5__staged_by_one_signer_twice_or_a_stranger__refused),
		T(stage__what_no_verifier_would_take__refused),
		T(P9__staged_version_equal_or_lower__refused),
		T(stage__another_one_waits__refused_until_it_is_withdrawn),
		T(stage__no_policy_keys__refused),
		T(activate__what_was_meant__in_force_and_in_the_ledger),
		T(P9__activation_of_a_replaced_policy__refused),
		T(activate__signers_changed_since__refused),
		T(activate__two_at_once__one_comes_through),
		T(activate__commit_that_fails__as_if_never_asked),
		T(restart__between_staging_and_activating__still_staged),
		T(restart__after_activating__the_older_file_is_passed_over),
		T(restart__file_of_the_same_version_and_other_content__refused),
		T(restart__activated_policy_that_no_longer_stands__start_refused),
		T(file__newer_than_what_is_staged__overtakes_it),
		T(kept__every_version__its_file_and_its_signature),
		T(migrate__policies_of_schema_4__found_in_the_ledger),
		T(activate__at_a_time__not_before_and_once),
		T(activate__at_a_time_that_came_while_it_was_down__at_start),
		T(activate__at_a_time_and_withdrawn__never),
		T(beside__a_decision_that_would_change__counted_and_answered_as_ever),
		T(beside__an_unrelated_edit__nothing_changes),
		T(shadow__decisions_of_the_last_days__those_that_change_by_reason),
		T(shadow__what_is_no_policy_or_no_span__refused),
		T(shadow__a_record_that_cannot_be_read__counted),
		T(record__signed_policy__the_audit_says_by_whom),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
