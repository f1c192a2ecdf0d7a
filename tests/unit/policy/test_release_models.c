/* SPDX-License-Identifier: Apache-2.0 */
/* OpenSSF model signatures as a demand: what binds one to the component that a release measures. */
#include "identity_texts.h"

#include "policy/checklist.h"
#include "policy/model_signature.h"

#define DEMAND "      - {kind: model-signature, name: weights}\n"
#define MODEL  1 /* of the scene's components */

static struct scene_keys keys;
static struct sigstore_maker maker;
static struct scene *s;
static struct buf top, manifest, statement, envelope;
static struct bytes view;
static struct model_resource files[8];
static size_t file_count;
static struct model_manifest model;
static struct checklist list;

static int group_setup(void **state)
{
	struct err err = {0};

	(void)state;
	scene_keys_make(&keys);
	return sigstore_maker_start(&maker, &err) ? 0 : -1;
}

static int group_teardown(void **state)
{
	(void)state;
	sigstore_maker_release(&maker);
	scene_keys_free(&keys);
	return 0;
}

static void file(const char *path, const char *content)
{
	struct model_resource *f = &files[file_count++];

	memset(f, 0, sizeof(*f));
	f->path = bytes_str(path);
	assert_ok(sha256_of(bytes_str(content), f->digest, &s->err), s->err);
}

static int setup(void **state)
{
	(void)state;
	s = scene_new(&keys);
	buf_put_str(
		&top, "statement_keys:\n  - name: lab\n    kinds: [model-signature]\n    pem: ");
	scene_put_pem(&top, keys.other, 6);
	model = (struct model_manifest){.name = "llm", .resources = files};
	file_count = 0;
	file("weights/a.bin", "a");
	file("weights.json", "w");
	file("config.json", "c");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	buf_release(&top);
	buf_release(&manifest);
	buf_release(&statement);
	buf_release(&envelope);
	scene_free(s);
	return 0;
}

/* The component as measuring a directory of these files gives it: by path, octet by octet. */
static void component_of_files(void)
{
	struct release_component *c = &s->components[MODEL];

	buf_clear(&manifest);
	model_sort(files, file_count);
	for (size_t i = 0; i < file_count; i++) {
		buf_put_hex(&manifest, BYTES_OF(files[i].digest));
		buf_printf(&manifest, "  %.*s\n", (int)files[i].path.len,
			(const char *)files[i].path.data);
	}
	c->kind = COMPONENT_TREE_SHA256;
	assert_ok(sha256_of(buf_bytes(&manifest), c->digest, &s->err), s->err);
	scene_release(s);
}

static void sign_as(enum model_form form, struct key *key)
{
	model.resource_count = file_count;
	buf_clear(&statement);
	buf_clear(&envelope);
	assert_ok(model_manifest_write(&model, form, &statement, &s->err), s->err);
	assert_ok(
		model_bundle_sign(buf_bytes(&statement), key, NULL, 0, &envelope, &s->err), s->err);
}

static void judge(const char *lines)
{
	OWNED(release_free) struct release *release = NULL;
	static char class_lines[512];
	struct release_input input = {.envelope = s->context.release,
		.statements = &view,
		.statement_count = 1,
		.environment = bytes_str("prod")};

	snprintf(class_lines, sizeof(class_lines),
		"    approvals: []\n    credential_lifetime: 10m\n    statements:\n%s", lines);
	s->class_lines = class_lines;
	s->top_lines = buf_str(&top);
	scene_policy(s);
	view = buf_bytes(&envelope);
	memset(s->verdict, 0, sizeof(*s->verdict));
	assert_ok(release_checklist(
			  &input, s->policy, SCENE_NOW, &list, s->verdict, &release, &s->err),
		s->err);
	verdict_conclude(s->verdict);
}

static void refused_as_other(void)
{
	judge(DEMAND);
	assert_false(s->verdict->trusted);
	assert_int_equal(s->verdict->reason_count, 2);
	assert_string_equal(s->verdict->reasons[0].expected, "model-signature of model");
	assert_int_equal(s->verdict->reasons[1].code, REASON_STATEMENT_OTHER);
	assert_string_equal(s->verdict->reasons[1].actual, "of something else");
}

/* ---- what counts ---- */

static void directory__signed_in_either_form__counts(void **state)
{
	(void)state;
	component_of_files();
	for (int form = MODEL_FORM_SPEC; form <= MODEL_FORM_REFERENCE; form++) {
		sign_as(form, keys.other);
		judge(DEMAND);
		assert_trusted(s);
		assert_string_equal(
			list.items[2].demand, "statement weights: model-signature of model");
		assert_string_equal(list.items[2].by, "1 signed by lab");
		assert_int_equal(list.items[2].expires, 0);
	}
}

static void directory__in_shards_of_whole_files__counts(void **state)
{
	(void)state;
	component_of_files();
	model.shard_size = 1000;
	for (size_t i = 0; i < file_count; i++)
		files[i].end = 1;
	sign_as(MODEL_FORM_SPEC, keys.other);
	judge(DEMAND);
	assert_trusted(s);
}

static void file__signed_alone__counts(void **state)
{
	struct release_component *c = &s->components[MODEL];

	(void)state;
	file_count = 0;
	file("model.gguf", "weights");
	c->kind = COMPONENT_SHA256;
	memcpy(c->digest, files[0].digest, SHA256_LEN);
	scene_release(s);
	sign_as(MODEL_FORM_SPEC, keys.other);
	judge(DEMAND);
	assert_trusted(s);
	files[0].path = bytes_str(".");
	model.single = true;
	sign_as(MODEL_FORM_REFERENCE, keys.other);
	judge(DEMAND);
	assert_trusted(s);
	component_of_files();
	refused_as_other();
}

static void directory__of_one_file__counts(void **state)
{
	(void)state;
	file_count = 0;
	file("model.gguf", "weights");
	component_of_files();
	sign_as(MODEL_FORM_SPEC, keys.other);
	judge(DEMAND);
	assert_trusted(s);
}

static void signature__by_a_certificate_in_the_log__counts(void **state)
{
	struct sigstore_recipe recipe = {0};
	struct cert *leaf = NULL;

	(void)state;
	component_of_files();
	sign_as(MODEL_FORM_SPEC, keys.other);
	buf_clear(&top);
	identity_put_log(&top, &maker);
	buf_put_str(&top, "statement_identities:\n");
	identity_put(&top, &maker, "lab",
		"    kinds: [model-signature]\n    identity: \"" SIGSTORE_NAME
		"\"\n    issuer: \"" SIGSTORE_ISSUER "\"\n");
	assert_ok(sigstore_make_leaf(&maker, sigstore_leaf_extensions, &leaf, &s->err), s->err);
	recipe.leaf = leaf;
	recipe.statement = buf_str(&statement);
	buf_clear(&envelope);
	assert_ok(sigstore_make(&maker, &recipe, &envelope, &s->err), s->err);
	judge(DEMAND);
	assert_trusted(s);
	cert_unref(&leaf);
}

/* ---- what does not ---- */

static void signature__by_a_key_not_trusted__refused(void **state)
{
	(void)state;
	component_of_files();
	sign_as(MODEL_FORM_SPEC, keys.instance);
	judge(DEMAND);
	assert_refused_among(s, REASON_STATEMENT_SIGNATURE);
}

static void P15__signature_of_another_model__refused(void **state)
{
	(void)state;
	component_of_files();
	files[0].digest[31] ^= 1;
	sign_as(MODEL_FORM_SPEC, keys.other);
	refused_as_other();
	files[0].digest[31] ^= 1;
	sign_as(MODEL_FORM_SPEC, keys.other);
	judge(DEMAND);
	assert_trusted(s);
	file("extra.bin", "x");
	sign_as(MODEL_FORM_SPEC, keys.other);
	refused_as_other();
	file_count = 2;
	sign_as(MODEL_FORM_SPEC, keys.other);
	refused_as_other();
}

/* The digest that is signed covers no names: two files changed for each other keep it. */
static void P15__signature_of_the_same_files_under_other_names__refused(void **state)
{
	uint8_t root[SHA256_LEN];

	(void)state;
	component_of_files();
	sign_as(MODEL_FORM_SPEC, keys.other);
	memcpy(root, model.root, SHA256_LEN);
	files[2].path = bytes_str("weights/b.bin");
	sign_as(MODEL_FORM_SPEC, keys.other);
	assert_memory_equal(root, model.root, SHA256_LEN);
	refused_as_other();
}

/* Whoever names the root digest as a component's has measured nothing. */
static void P11__root_digest_as_a_components__refused(void **state)
{
	(void)state;
	sign_as(MODEL_FORM_SPEC, keys.other);
	memcpy(s->components[MODEL].digest, model.root, SHA256_LEN);
	s->components[MODEL].kind = COMPONENT_TREE_SHA256;
	scene_release(s);
	refused_as_other();
	s->components[MODEL].kind = COMPONENT_SHA256;
	scene_release(s);
	refused_as_other();
}

static void P11__digest_of_another_kind__refused(void **state)
{
	(void)state;
	component_of_files();
	sign_as(MODEL_FORM_SPEC, keys.other);
	s->components[MODEL].kind = COMPONENT_TREE_FSVERITY;
	scene_release(s);
	refused_as_other();
	s->components[MODEL].kind = COMPONENT_SHA256;
	scene_release(s);
	refused_as_other();
	file_count = 0;
	file("model.gguf", "weights");
	sign_as(MODEL_FORM_SPEC, keys.other);
	memcpy(s->components[MODEL].digest, files[0].digest, SHA256_LEN);
	s->components[MODEL].kind = COMPONENT_TREE_SHA256;
	scene_release(s);
	refused_as_other();
	s->components[MODEL].kind = COMPONENT_FSVERITY;
	scene_release(s);
	refused_as_other();
}

/* One of several files is not the model that was signed. */
static void file__that_is_a_part_of_the_signed_model__refused(void **state)
{
	(void)state;
	sign_as(MODEL_FORM_SPEC, keys.other);
	s->components[MODEL].kind = COMPONENT_SHA256;
	memcpy(s->components[MODEL].digest, files[0].digest, SHA256_LEN);
	scene_release(s);
	refused_as_other();
}

static void directory__with_a_file_in_several_shards__refused(void **state)
{
	(void)state;
	file_count = 0;
	file("a", "first half");
	file("a", "second half");
	model.shard_size = 10;
	files[0].end = files[1].start = 10;
	files[1].end = 15;
	component_of_files();
	sign_as(MODEL_FORM_SPEC, keys.other);
	refused_as_other();
	s->components[MODEL].kind = COMPONENT_SHA256;
	memcpy(s->components[MODEL].digest, files[0].digest, SHA256_LEN);
	scene_release(s);
	refused_as_other();
	/* What is not known is not zeros. */
	memset(s->components[MODEL].digest, 0, SHA256_LEN);
	scene_release(s);
	refused_as_other();
	s->components[MODEL].kind = COMPONENT_TREE_SHA256;
	scene_release(s);
	refused_as_other();
}

static void release__with_a_second_model__both_are_to_be_signed(void **state)
{
	(void)state;
	component_of_files();
	sign_as(MODEL_FORM_SPEC, keys.other);
	s->components[2].role = (char *)(uintptr_t) "model";
	scene_release(s);
	judge(DEMAND);
	assert_false(s->verdict->trusted);
	assert_string_equal(s->verdict->reasons[0].actual, "1, none of settings");
}

/* A statement of the predicate that is none by its specification is nobody's. */
static void P3__manifest_that_is_malformed__refused(void **state)
{
	struct buf spoiled = {0};
	const char *text, *at;

	(void)state;
	component_of_files();
	sign_as(MODEL_FORM_SPEC, keys.other);
	text = buf_str(&statement);
	at = strstr(text, "\"method\":\"files\"");
	assert_non_null(at);
	buf_printf(&spoiled, "%.*s\"method\":\"other\"%s", (int)(at - text), text,
		at + strlen("\"method\":\"files\""));
	buf_clear(&envelope);
	assert_ok(dsse_sign(DSSE_INTOTO_TYPE, buf_bytes(&spoiled), keys.other, &envelope, &s->err),
		s->err);
	judge(DEMAND);
	assert_refused_among(s, REASON_STATEMENT_MALFORMED);
	buf_release(&spoiled);
}

/* No name of the model, nor anything that says "release", makes it the release's. */
static void signature__never_speaks_of_the_release(void **state)
{
	(void)state;
	sign_as(MODEL_FORM_SPEC, keys.other);
	s->top_lines = buf_str(&top);
	scene_policy(s);
	memcpy(s->release.digest, model.root, SHA256_LEN);
	assert_fails(release_statement_check(
			     &s->release, buf_bytes(&envelope), s->policy, SCENE_NOW, &s->err),
		s->err, ERR_MISMATCH,
		"statement-other: speaks neither of this release nor of a component");
	component_of_files();
	assert_ok(release_statement_check(
			  &s->release, buf_bytes(&envelope), s->policy, SCENE_NOW, &s->err),
		s->err);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(directory__signed_in_either_form__counts),
		T(directory__in_shards_of_whole_files__counts),
		T(file__signed_alone__counts),
		T(directory__of_one_file__counts),
		T(signature__by_a_certificate_in_the_log__counts),
		T(signature__by_a_key_not_trusted__refused),
		T(P15__signature_of_another_model__refused),
		T(P15__signature_of_the_same_files_under_other_names__refused),
		T(P11__root_digest_as_a_components__refused),
		T(P11__digest_of_another_kind__refused),
		T(file__that_is_a_part_of_the_signed_model__refused),
		T(directory__with_a_file_in_several_shards__refused),
		T(release__with_a_second_model__both_are_to_be_signed),
		T(P3__manifest_that_is_malformed__refused),
		T(signature__never_speaks_of_the_release),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
