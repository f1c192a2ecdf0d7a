/* SPDX-License-Identifier: Apache-2.0 */
/* A verifier with policy_keys, and policies signed, staged, ordered about and looked at over its API. */
#ifndef ASSAY_TESTS_UNIT_VERIFIER_STAGED_WORLD_H
#define ASSAY_TESTS_UNIT_VERIFIER_STAGED_WORLD_H

#include <unistd.h>

#include "tests/unit/verifier/fakes.h"
#include "tests/unit/verifier/world.h"

#define WAIT_ROUNDS 1000 /* of 10 ms */
#define TIGHTER     "    key: tpm\n"

static struct world w;
static struct key *anna, *bert, *other;
static const char *signers; /* the lines of verifierd.yaml; NULL: none */
static struct shifted_clock shifted = {.base = {&shifted_clock_ops}};

static inline void put(const char *name, struct bytes content)
{
	char path[128];

	(void)world_path(&w, name, path);
	assert_ok(file_write_atomic(path, content, 0600, &w.err), w.err);
}

static inline void get(const char *name, struct buf *ret)
{
	char path[128];

	(void)world_path(&w, name, path);
	buf_clear(ret);
	assert_ok(file_read(path, POLICY_ENVELOPE_MAX, ret, &w.err), w.err);
}

/* An envelope over the text by the keys up to the first NULL. */
static inline void envelope(struct bytes text, struct key *const *by, struct buf *ret)
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

static inline void pem_file(const char *name, const struct key *key)
{
	struct buf pem = {0};

	assert_ok(key_public_pem(key, &pem, &w.err), w.err);
	put(name, buf_bytes(&pem));
	buf_release(&pem);
}

static inline void configure(const char *lines)
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

static inline void prepare(struct world *world)
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

static inline int setup(void **state)
{
	(void)state;
	struct key **const made[] = {&anna, &bert, &other};
	for (size_t i = 0; i < ARRAY_LEN(made); i++)
		assert_ok(key_generate(KEY_EC_P256, made[i], &w.err), w.err);
	signers = TWO_OF_TWO;
	shifted.shift = 0;
	shifted.later_ms = 0;
	w.clock = &shifted.base;
	w.prepare = prepare;
	return 0;
}

static inline int teardown(void **state)
{
	(void)state;
	world_stop(&w);
	key_unref(&anna);
	key_unref(&bert);
	key_unref(&other);
	return 0;
}

/* The policy of the world under another version, its class with lines more. */
static inline void text_of(int version, const char *class_lines, struct buf *ret)
{
	struct buf file = {0};
	const char *last;

	get("policy.yaml", &file);
	buf_clear(ret);
	const char *text = buf_str(&file), *at = strstr(text, "\nversion: "),
		   *class = strstr(text, "    credential_lifetime: ");
	assert_non_null(at);
	assert_non_null(class);
	last = strchr(class, '\n') + 1;
	at += strlen("\nversion: ");
	buf_printf(ret, "%.*s%d", (int)(at - text), text, version);
	at = strchr(at, '\n');
	buf_printf(ret, "%.*s%s%s", (int)(last - at), at, class_lines, last);
	buf_release(&file);
}

static inline void hex_of(struct bytes content, char out[2 * SHA256_LEN + 1])
{
	uint8_t digest[SHA256_LEN];

	assert_ok(sha256_of(content, digest, &w.err), w.err);
	hex_encode(BYTES_OF(digest), out);
}

/* Stages a version and gives the digest of its file. */
static inline void stage(
	int version, const char *class_lines, int wanted, char digest[2 * SHA256_LEN + 1])
{
	struct buf text = {0}, sig = {0};

	text_of(version, class_lines, &text);
	envelope(buf_bytes(&text), BY(anna, bert), &sig);
	hex_of(buf_bytes(&text), digest);
	world_post(&w, &w.admin, "/v1/policies", MEDIA_DSSE, buf_bytes(&sig), wanted);
	buf_release(&text);
	buf_release(&sig);
}

static inline void refused(struct bytes body, int wanted, const char *why)
{
	struct https_answer a = world_call(&w, &w.admin, "POST", "/v1/policies", MEDIA_DSSE, body);

	if (a.status != wanted || !strstr(buf_str(&a.body), why))
		fail_msg("%d %s, wanted %d %s", a.status, buf_str(&a.body), wanted, why);
	buf_release(&a.body);
}

static inline json_t *order(
	int version, const char *what, const char *digest, const char *more, int wanted)
{
	char path[96], body[256];

	(void)snprintf(path, sizeof(path), "/v1/policies/%d/%s", version, what);
	(void)snprintf(
		body, sizeof(body), "{\"digest\":\"%s\",\"reason\":\"because\"%s}", digest, more);
	return world_json(&w, &w.admin, "POST", path, body, wanted);
}

static inline void ordered(
	int version, const char *what, const char *digest, const char *more, int wanted)
{
	json_decref(order(version, what, digest, more, wanted));
}

static inline const char *message(const json_t *answer)
{
	return json_string_value(json_object_get(json_object_get(answer, "error"), "message"));
}

static inline void assert_conflict(int version, const char *digest, const char *why)
{
	json_t *answer = order(version, "activate", digest, "", 409);

	if (!strstr(message(answer), why))
		fail_msg("%s, wanted %s", message(answer), why);
	json_decref(answer);
}

/* "2 staged, 1 in-force" */
static inline void assert_policies(const char *wanted)
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
static inline json_t *entry(const char *event)
{
	return world_entry(&w, event);
}

static inline const char *said(const json_t *entry, const char *key)
{
	return json_string_value(json_object_get(entry, key));
}

static inline int64_t in_force(void)
{
	struct policy_ref *ref = app_policy(w.app);
	int64_t version = ref->policy->version;

	policy_ref_drop(&ref);
	return version;
}

static inline void assert_in_force(int64_t version)
{
	assert_int_equal(in_force(), version);
}

#endif
