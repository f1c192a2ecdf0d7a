/* SPDX-License-Identifier: Apache-2.0 */
/* A verifier with policy_keys: only a policy that enough of them signed comes into force, at start
 * and at every reading after it; what was in force stays. */
#include "policy/signature.h"

#include <fcntl.h>
#include <unistd.h>

#include "tests/unit/verifier/world.h"

static struct world w;
static struct key *anna, *bert, *other;
static const char *threshold;
static struct key *signing[3];
static bool alice_is_a_policy_key;

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

/* policy.yaml.sig over what policy.yaml holds now, by the keys up to the first NULL. */
static void sign(struct key *const *by)
{
	struct buf policy = {0}, envelope = {0};

	get("policy.yaml", &policy);
	for (; *by; by++) {
		struct buf next = {0};

		assert_ok(policy_signature_add(
				  buf_bytes(&envelope), buf_bytes(&policy), *by, &next, &w.err),
			w.err);
		buf_release(&envelope);
		envelope = next;
	}
	put("policy.yaml.sig", buf_bytes(&envelope));
	buf_release(&policy);
	buf_release(&envelope);
}

#define SIGN(...) sign((struct key *const[]){__VA_ARGS__, NULL})

static void prepare(struct world *world)
{
	struct buf config = {0}, pem = {0};

	get("verifierd.yaml", &config);
	buf_put_str(&config, "policy_keys:\n  - name: anna\n    key: ");
	scene_put_pem(&config, anna, 6);
	buf_put_str(&config, "  - name: bert\n    key: keys/bert.pub\n");
	if (alice_is_a_policy_key) {
		buf_put_str(&config, "  - name: alice\n    key: ");
		scene_put_pem(&config, world->keys.alice, 6);
	}
	buf_printf(&config, "policy_threshold: %s\n", threshold);
	put("verifierd.yaml", buf_bytes(&config));
	assert_ok(key_public_pem(bert, &pem, &w.err), w.err);
	char path[128];
	(void)world_path(&w, "keys", path);
	assert_ok(file_make_dirs(path, 0700, &w.err), w.err);
	put("keys/bert.pub", buf_bytes(&pem));
	if (signing[0])
		sign(signing);
	buf_release(&config);
	buf_release(&pem);
}

static int setup(void **state)
{
	(void)state;
	struct key **const made[] = {&anna, &bert, &other};
	for (size_t i = 0; i < ARRAY_LEN(made); i++)
		assert_ok(key_generate(KEY_EC_P256, made[i], &w.err), w.err);
	threshold = "2";
	alice_is_a_policy_key = false;
	signing[0] = anna;
	signing[1] = bert;
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

/* The last leaf of the ledger that is about a policy. */
static json_t *entry(void)
{
	return world_entry(&w, "policy");
}

static void start__signed_by_enough__in_force_and_in_the_ledger(void **state)
{
	struct buf envelope = {0}, kept = {0};
	uint8_t digest[SHA256_LEN];
	char hex[2 * SHA256_LEN + 1];
	struct sql *sql = NULL;

	(void)state;
	world_start(&w);
	json_t *e = entry();
	get("policy.yaml.sig", &envelope);
	assert_true(sha256_of(buf_bytes(&envelope), digest, NULL));
	hex_encode(BYTES_OF(digest), hex);
	assert_string_equal(json_string_value(json_object_get(e, "signature")), hex);
	assert_int_equal(json_integer_value(json_object_get(e, "threshold")), 2);
	const json_t *names = json_object_get(e, "signed_by");
	assert_int_equal(json_array_size(names), 2);
	assert_string_equal(json_string_value(json_array_get(names, 0)), "anna");
	assert_string_equal(json_string_value(json_array_get(names, 1)), "bert");
	assert_ok(store_read(w.app->store, &sql, &w.err), w.err);
	assert_ok(object_get(sql, digest, &kept, &w.err), w.err);
	store_read_done(w.app->store, &sql);
	assert_bytes(buf_bytes(&kept), buf_bytes(&envelope));
	json_decref(e);
	buf_release(&envelope);
	buf_release(&kept);
}

static void start__unsigned_too_few_or_foreign__refused(void **state)
{
	char path[128];

	(void)state;
	world_start(&w);
	app_close(&w.app);
	SIGN(anna);
	assert_false(world_open(&w));
	assert_int_equal(w.err.code, ERR_DENIED);
	assert_non_null(strstr(w.err.text,
		"policy.yaml.sig: signature: 1 of the keys that count signed: anna; 2 must"));
	SIGN(anna, other);
	assert_false(world_open(&w));
	assert_int_equal(w.err.code, ERR_DENIED);
	(void)world_path(&w, "policy.yaml.sig", path);
	assert_int_equal(unlink(path), 0);
	assert_false(world_open(&w));
	assert_int_equal(w.err.code, ERR_NOT_FOUND);
	assert_non_null(strstr(w.err.text, "the policy's signature (assay policy sign makes it)"));
	SIGN(anna, bert);
	assert_true(world_open(&w));
}

static void reload__bad_signature__the_policy_before_stays_in_force(void **state)
{
	struct store_tree before, after;

	(void)state;
	world_start(&w);
	store_tree(w.app->store, &before);
	world_policy_write(&w, 2, "");
	assert_false(app_policy_load(w.app, &w.err));
	assert_int_equal(w.err.code, ERR_MISMATCH);
	assert_non_null(strstr(w.err.text, "over other bytes than this policy file's"));
	SIGN(bert);
	assert_false(app_policy_load(w.app, &w.err));
	assert_int_equal(w.err.code, ERR_DENIED);
	assert_int_equal(w.app->policy->policy->version, 1);
	store_tree(w.app->store, &after);
	assert_memory_equal(&before, &after, sizeof(before));
	SIGN(bert, anna);
	assert_ok(app_policy_load(w.app, &w.err), w.err);
	assert_int_equal(w.app->policy->policy->version, 2);
}

/* An older policy keeps its good signatures: the version refuses it. */
static void P9__older_policy_with_good_signatures__refused(void **state)
{
	(void)state;
	world_start(&w);
	world_policy_write(&w, 2, "");
	SIGN(anna, bert);
	assert_ok(app_policy_load(w.app, &w.err), w.err);
	world_policy_write(&w, 1, "");
	SIGN(anna, bert);
	/* Where there are more verifiers, another one may have brought the newer: the older is passed over. */
	bool passed = app_policy_load(w.app, &w.err);
	assert_int_equal(passed, test_sql_is_postgres());
	assert_int_equal(w.app->policy->policy->version, 2);
	if (!passed) {
		assert_int_equal(w.err.code, ERR_CONFIG);
		assert_non_null(strstr(w.err.text, "version 2 is in force with other content"));
	}
	app_close(&w.app);
	assert_int_equal(world_open(&w), test_sql_is_postgres());
	app_close(&w.app);
	world_policy_write(&w, 3, "");
	SIGN(anna, bert);
	assert_true(world_open(&w));
}

static void start__a_policy_key_that_approves__refused(void **state)
{
	(void)state;
	world_start(&w);
	app_close(&w.app);
	alice_is_a_policy_key = true;
	struct init_names names = {.trust_domain = WORLD_DOMAIN, .listen = "127.0.0.1:0", .now = 0};
	struct buf config = {0};
	init_config_text(&names, &config);
	put("verifierd.yaml", buf_bytes(&config));
	buf_release(&config);
	prepare(&w);
	assert_false(world_open(&w));
	assert_int_equal(w.err.code, ERR_DENIED);
	assert_non_null(strstr(w.err.text, "policy key alice is a key of approver alice"));
}

static void start__without_policy_keys__said_in_the_log(void **state)
{
	char path[128];
	struct buf log = {0};

	(void)state;
	w.prepare = NULL;
	world_start(&w);
	json_t *e = entry();
	assert_null(json_object_get(e, "signature"));
	assert_null(json_object_get(e, "signed_by"));
	json_decref(e);
	(void)world_path(&w, "lines", path);
	int fd = open(path, O_CREAT | O_WRONLY, 0600);
	assert_true(fd >= 0);
	w.app->log.fd = fd;
	assert_ok(app_policy_load(w.app, &w.err), w.err);
	get("lines", &log);
	assert_non_null(strstr(buf_str(&log), "policy-unsigned"));
	assert_non_null(strstr(buf_str(&log), "not checked: who wrote the policy"));
	app_close(&w.app);
	(void)close(fd);
	buf_release(&log);
}

#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(start__signed_by_enough__in_force_and_in_the_ledger),
		T(start__unsigned_too_few_or_foreign__refused),
		T(reload__bad_signature__the_policy_before_stays_in_force),
		T(P9__older_policy_with_good_signatures__refused),
		T(start__a_policy_key_that_approves__refused),
		T(start__without_policy_keys__said_in_the_log),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
