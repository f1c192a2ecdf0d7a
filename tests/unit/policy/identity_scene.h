/* SPDX-License-Identifier: Apache-2.0 */
/* A release with a statement beside it, by certificate or in a Sigstore bundle, as the gate and every launch judge it. */
#ifndef ASSAY_TESTS_UNIT_POLICY_IDENTITY_SCENE_H
#define ASSAY_TESTS_UNIT_POLICY_IDENTITY_SCENE_H

#include "identity_texts.h"

#include "policy/checklist.h"
#include "policy/statement_signers.h"
#include "policy/withdrawal.h"
#include "tests/support/timestamp_make.h"

#define REPOSITORY "    source_repository: \"https://git.example/acme/agent\"\n"
#define OID        "1.3.6.1.4.1.57264.1."
#define NAMED      "    identity: \"" SIGSTORE_NAME "\"\n    issuer: \"" SIGSTORE_ISSUER "\"\n"
#define PLAIN      "    kinds: [provenance]\n" NAMED
#define OPTIONAL   PLAIN "    log: optional\n"
#define BUILD      "      - {kind: provenance, name: build}\n"
#define UNLOGGED   "no entry of a transparency log: nothing proves when the certificate signed"
#define LONG_END   INT64_C(1850000000)

static struct scene_keys keys;
static struct sigstore_maker maker;
static struct cert *leaf, *odd_leaf, *authority, *stranger;
static struct scene *s;
static struct buf top, statement, envelope;
static struct bytes view, beside;
static struct sigstore_recipe recipe;
static struct checklist list;

static inline bool make_authority(struct key *key, struct cert **ret, struct err *err)
{
	const struct sigstore_cert_recipe recipe_of = {.name = "authority",
		.key = key,
		.issuer_key = key,
		.extensions = timestamp_extensions,
		.begin = SIGSTORE_CA_BEGIN,
		.end = SIGSTORE_CA_END};

	return sigstore_make_cert(&recipe_of, ret, err);
}

static inline int group_setup(void **state)
{
	struct err err = {0};

	(void)state;
	scene_keys_make(&keys);
	return make_authority(keys.alice, &authority, &err) &&
			       make_authority(keys.bob, &stranger, &err) &&
			       sigstore_maker_start(&maker, &err) &&
			       sigstore_make_leaf(&maker, sigstore_leaf_extensions, &leaf, &err)
		       ? 0
		       : -1;
}

static inline int group_teardown(void **state)
{
	(void)state;
	cert_unref(&leaf);
	cert_unref(&authority);
	cert_unref(&stranger);
	sigstore_maker_release(&maker);
	scene_keys_free(&keys);
	return 0;
}

static inline void say_of(const uint8_t digest[SHA256_LEN])
{
	char hex[2 * SHA256_LEN + 1];

	hex_encode(bytes_of(digest, SHA256_LEN), hex);
	buf_clear(&statement);
	buf_printf(&statement,
		"{\"_type\":\"https://in-toto.io/Statement/v1\",\"subject\":[{\"digest\":{"
		"\"sha256\":\"%s\"}}],\"predicateType\":\"https://slsa.dev/provenance/v1\","
		"\"predicate\":{\"buildDefinition\":{\"buildType\":\"t\","
		"\"externalParameters\":{}},\"runDetails\":{\"builder\":{\"id\":\"b\"}}}}",
		hex);
	recipe = (struct sigstore_recipe){.leaf = leaf, .statement = buf_str(&statement)};
}

static inline int setup(void **state)
{
	(void)state;
	s = scene_new(&keys);
	say_of(s->components[0].digest);
	return 0;
}

static inline int teardown(void **state)
{
	(void)state;
	beside = (struct bytes){0};
	buf_release(&top);
	buf_release(&statement);
	buf_release(&envelope);
	cert_unref(&odd_leaf);
	scene_free(s);
	return 0;
}

static inline void identity(const char *lines)
{
	buf_clear(&top);
	identity_put_log(&top, &maker);
	buf_put_str(&top, "statement_identities:\n");
	identity_put(&top, &maker, "workflow", lines);
}

static inline void bundle(void)
{
	buf_clear(&envelope);
	assert_ok(sigstore_make(&maker, &recipe, &envelope, &s->err), s->err);
}

/* The envelope alone, with the signer's certificate in its signature, as older builders write. */
static inline void envelope_with(const struct cert *cert)
{
	struct buf pem = {0}, bare = {0};
	json_t *root = NULL, *signature;

	assert_ok(cert_pem(cert, &pem, &s->err), s->err);
	assert_ok(sigstore_make_envelope(&maker, buf_str(&statement), &bare, &s->err), s->err);
	assert_ok(json_open(buf_bytes(&bare), JSON_INPUT_MAX, &root, &s->err), s->err);
	signature = json_array_get(json_object_get(root, "signatures"), 0);
	json_object_set_new(signature, "cert", json_string(buf_str(&pem)));
	buf_clear(&envelope);
	assert_ok(json_write(root, false, &envelope, &s->err), s->err);
	json_decref(root);
	buf_release(&bare);
	buf_release(&pem);
}

/* A leaf of other extensions or a longer life. */
static inline void leaf_of(const char *name, const char *value, int64_t end)
{
	const char *extensions[8][2] = {{0}};
	struct sigstore_cert_recipe r = {.name = "signer",
		.key = maker.signer_key,
		.issuer = maker.root,
		.issuer_key = maker.root_key,
		.begin = SIGSTORE_LEAF_BEGIN,
		.end = end};
	size_t n = 0;

	for (size_t i = 0; sigstore_leaf_extensions[i][0]; i++) {
		bool replaced = name && strcmp(sigstore_leaf_extensions[i][0], name) == 0;

		if (replaced && !value)
			continue;
		extensions[n][0] = sigstore_leaf_extensions[i][0];
		extensions[n++][1] = replaced ? value : sigstore_leaf_extensions[i][1];
	}
	r.extensions = (const char *const(*)[2])extensions;
	cert_unref(&odd_leaf);
	assert_ok(sigstore_make_cert(&r, &odd_leaf, &s->err), s->err);
	recipe.leaf = odd_leaf;
}

static inline void judge_at(int64_t now)
{
	OWNED(release_free) struct release *release = NULL;
	struct bytes views[] = {view = buf_bytes(&envelope), beside};
	struct release_input input = {.envelope = s->context.release,
		.statements = views,
		.statement_count = beside.len > 0 ? 2 : 1,
		.environment = bytes_str("prod")};

	memset(s->verdict, 0, sizeof(*s->verdict));
	assert_ok(release_checklist(&input, s->policy, now, &list, s->verdict, &release, &s->err),
		s->err);
	verdict_conclude(s->verdict);
	assert_int_equal(s->verdict->trusted, list.met);
}

static inline void demand(const char *lines)
{
	static char class_lines[1024];

	snprintf(class_lines, sizeof(class_lines),
		"    approvals: []\n    credential_lifetime: 10m\n    statements:\n%s", lines);
	s->class_lines = class_lines;
	s->top_lines = buf_str(&top);
	scene_policy(s);
	judge_at(SCENE_NOW);
}

static inline void accepted(const char *by)
{
	demand(BUILD);
	assert_trusted(s);
	assert_string_equal(list.items[2].by, by);
}

static inline void assert_unmet(enum reason_code why, const char *actual)
{
	assert_false(s->verdict->trusted);
	assert_int_equal(s->verdict->reason_count, 2);
	assert_int_equal(s->verdict->reasons[0].code, REASON_STATEMENT_MISSING);
	assert_string_equal(s->verdict->reasons[1].actual, actual);
	assert_int_equal(s->verdict->reasons[1].code, why);
}

static inline void refused(const char *why)
{
	demand(BUILD);
	assert_unmet(REASON_STATEMENT_SIGNATURE, why);
}

#endif
