/* SPDX-License-Identifier: Apache-2.0 */
/* The signed manifest of a model: read in both dialects, written and read back, every deviation
 * refused; and what was found compared with it. */
#include "policy/model_signature.h"

#include "base/text.h"
#include "tests/support/unit.h"

/* Two files of the reference implementation's own tests, and the root digest it gave them. */
#define ONE  "bc9a717db6064a32cbe9eae6fc40651dd6d36ef1757183f590eff2b1765d7ebc"
#define TWO  "32dcb1f8e1ae52d5963e56a6ba06ab58b424c15ed2a6b70d2feca1d089370028"
#define ROOT "92745110b1ab4368471cbe31664e10174e954b113a3df333db860317b2c6dec4"

#define RESOURCE(name, digest)                                                                     \
	"{\"name\":\"" name "\",\"digest\":\"" digest "\",\"algorithm\":\"sha256\"}"
#define STATEMENT(serialization, resources)                                                        \
	"{\"_type\":\"https://in-toto.io/Statement/v1\",\"subject\":[{\"name\":\"m\",\"digest\":{" \
	"\"sha256\":\"" ROOT "\"}}],\"predicateType\":\"https://model_signing/signature/v1.0\","   \
	"\"predicate\":{\"serialization\":{" serialization "},\"resources\":[" resources "]}}"
#define FILES                                                                                      \
	"\"method\":\"files\",\"hash_type\":\"sha256\",\"allow_symlinks\":false,"                  \
	"\"ignore_paths\":[\".git\",\"model.sig\"]"
#define SHARDS                                                                                     \
	"\"method\":\"shards\",\"hash_type\":\"sha256\",\"shard_size\":9,\"allow_symlinks\":false"
#define BOTH RESOURCE("signme-1", ONE) "," RESOURCE("signme-2", TWO)

static const char files_text[] = STATEMENT(FILES, BOTH);
static const char shards_text[] =
	STATEMENT(SHARDS, RESOURCE("a:0:9", ONE) "," RESOURCE("a:9:17", TWO));

static struct model_manifest *manifest;
static struct buf edited, written;
static struct err err;

static int teardown(void **state)
{
	(void)state;
	model_manifest_free(&manifest);
	buf_release(&edited);
	buf_release(&written);
	return 0;
}

/* Replaces the first occurrence. */
static struct bytes edit(const char *text, const char *from, const char *to)
{
	const char *at = strstr(text, from);
	assert_non_null(at);
	buf_clear(&edited);
	buf_printf(&edited, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
	assert_ok(buf_ok(&edited, &err), err);
	return buf_bytes(&edited);
}

struct deviation {
	const char *from, *to, *text;
	enum err_code code;
};

static void refused(const char *text, const struct deviation *cases, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct bytes in = edit(text, cases[i].from, cases[i].to);
		assert_fails(model_manifest_parse(in, &manifest, &err), err, cases[i].code,
			cases[i].text);
		assert_null(manifest);
	}
}

static void parse(const char *text)
{
	assert_ok(model_manifest_parse(bytes_str(text), &manifest, &err), err);
}

static void manifest__files_of_the_reference__root_is_theirs(void **state)
{
	char hex[2 * SHA256_LEN + 1];
	(void)state;
	parse(files_text);
	hex_encode(BYTES_OF(manifest->root), hex);
	assert_string_equal(hex, ROOT);
	assert_int_equal(manifest->resource_count, 2);
	assert_bytes(manifest->resources[1].path, BYTES_LIT("signme-2"));
	assert_int_equal(manifest->shard_size, 0);
	assert_false(manifest->allow_symlinks);
	assert_int_equal(manifest->ignore_count, 2);
	assert_string_equal(manifest->ignores[1], "model.sig");
}

/* The root is over the digests in the order given: the other order has another one. */
static void manifest__order_of_the_other_dialect__taken_as_it_stands(void **state)
{
	static const char spec[] = STATEMENT(FILES, RESOURCE("a.b", ONE) "," RESOURCE("a/b", TWO));
	static const char reference[] =
		STATEMENT(FILES, RESOURCE("a/b", ONE) "," RESOURCE("a.b", TWO));
	(void)state;
	parse(spec);
	model_manifest_free(&manifest);
	parse(reference);
	assert_bytes(manifest->resources[0].path, BYTES_LIT("a.b"));
}

static void manifest__resources_in_another_order__root_does_not_match(void **state)
{
	static const char turned[] = STATEMENT(FILES, RESOURCE("b", TWO) "," RESOURCE("a", ONE));
	(void)state;
	assert_fails(model_manifest_parse(bytes_str(turned), &manifest, &err), err, ERR_FORMAT,
		"model manifest: subject: the root digest is not the one over the resources");
}

static void manifest__shards_of_both_dialects__read(void **state)
{
	(void)state;
	parse(shards_text);
	assert_int_equal(manifest->shard_size, 9);
	assert_bytes(manifest->resources[1].path, BYTES_LIT("a"));
	assert_int_equal(manifest->resources[1].start, 9);
	assert_int_equal(manifest->resources[1].end, 17);
	model_manifest_free(&manifest);
	/* A double, as protobuf writes it; and the algorithm by a name of its own. */
	struct bytes in = edit(shards_text, "\"shard_size\":9", "\"shard_size\":9.0");
	assert_ok(model_manifest_parse(in, &manifest, &err), err);
	assert_int_equal(manifest->shard_size, 9);
	model_manifest_free(&manifest);
	in = edit(shards_text, "\"algorithm\":\"sha256\"", "\"algorithm\":\"sha256-sharded-9\"");
	assert_ok(model_manifest_parse(in, &manifest, &err), err);
}

static void manifest__colons_in_a_path__the_last_two_numbers_count(void **state)
{
	(void)state;
	struct bytes in = edit(shards_text, "\"a:0:9\"", "\"a:0:9:0:9\"");
	assert_fails(model_manifest_parse(in, &manifest, &err), err, ERR_FORMAT,
		"model manifest: resource a:9:17: does not join what is signed before it");
	static const char colons[] =
		STATEMENT(SHARDS, RESOURCE("c:0:1:0:9", ONE) "," RESOURCE("c:0:1:9:10", TWO));
	parse(colons);
	assert_bytes(manifest->resources[0].path, BYTES_LIT("c:0:1"));
}

static void manifest__one_file_named_dot__single(void **state)
{
	static const char single[] = STATEMENT(FILES, RESOURCE(".", ONE));
	(void)state;
	assert_fails(model_manifest_parse(bytes_str(single), &manifest, &err), err, ERR_FORMAT,
		"model manifest: subject: the root digest is not the one over the resources");
	static const char shards[] =
		STATEMENT(SHARDS, RESOURCE(".:0:9", ONE) "," RESOURCE(".:9:10", TWO));
	parse(shards);
	assert_true(manifest->single);
}

#define NO_FILE(name)                                                                              \
	"model manifest: resource \"" name "\": not the name of a file below the model"

static void M10__name_that_leaves_the_model__refused(void **state)
{
	static const struct deviation cases[] = {
		{"signme-2", "../secret", NO_FILE("../secret"), ERR_FORMAT},
		{"signme-2", "a/../../secret", NO_FILE("a/../../secret"), ERR_FORMAT},
		{"signme-2", "a/..", NO_FILE("a/.."), ERR_FORMAT},
		{"signme-2", "/etc/passwd", NO_FILE("/etc/passwd"), ERR_FORMAT},
		{"signme-2", "a\\\\..\\\\b", NO_FILE("a\\\\..\\\\b"), ERR_FORMAT},
		{"signme-2", "", NO_FILE(""), ERR_FORMAT},
		{"signme-2", ".", NO_FILE("."), ERR_FORMAT},
		{"signme-2", "a/./b", NO_FILE("a/./b"), ERR_FORMAT},
		{"signme-2", "a//b", NO_FILE("a//b"), ERR_FORMAT},
		{"signme-2", "a/", NO_FILE("a/"), ERR_FORMAT},
		{"signme-2", "a\\nb", NO_FILE("a\\nb"), ERR_FORMAT},
		{"signme-2", "signme-1", "model manifest: resource signme-1: there twice",
			ERR_FORMAT},
	};
	(void)state;
	refused(files_text, cases, ARRAY_LEN(cases));
	static const struct deviation shards[] = {
		{"a:0:9", "../a:0:9", NO_FILE("../a"), ERR_FORMAT},
		{"a:0:9", ":0:9", NO_FILE(""), ERR_FORMAT},
	};
	refused(shards_text, shards, ARRAY_LEN(shards));
}

static void M9__manifest_of_no_file__refused(void **state)
{
	static const char empty[] = STATEMENT(FILES, "");
	(void)state;
	assert_fails(model_manifest_parse(bytes_str(empty), &manifest, &err), err, ERR_FORMAT,
		"model manifest: resources: empty");
}

static void manifest__unknown_algorithms__refused_by_name(void **state)
{
	static const struct deviation cases[] = {
		{"\"hash_type\":\"sha256\"", "\"hash_type\":\"blake2b\"",
			"model manifest: hash_type \"blake2b\" is not supported", ERR_UNSUPPORTED},
		{"\"method\":\"files\"", "\"method\":\"tree\"",
			"model manifest: method \"tree\" is not supported", ERR_UNSUPPORTED},
		{"\"algorithm\":\"sha256\"", "\"algorithm\":\"md5\"",
			"model manifest: resource signme-1: algorithm \"md5\" is not supported",
			ERR_UNSUPPORTED},
		{"\"algorithm\":\"sha256\"", "\"algorithm\":\"sha256-sharded-0\"",
			"model manifest: resource signme-1: algorithm \"sha256-sharded-0\" is not "
			"supported",
			ERR_UNSUPPORTED},
	};
	(void)state;
	refused(files_text, cases, ARRAY_LEN(cases));
	static const struct deviation shards[] = {
		{"\"algorithm\":\"sha256\"", "\"algorithm\":\"sha256-sharded-8\"",
			"model manifest: resource a:0:9: algorithm \"sha256-sharded-8\" is not "
			"supported",
			ERR_UNSUPPORTED},
	};
	refused(shards_text, shards, ARRAY_LEN(shards));
}

#define PREFIX "model manifest: "

static void manifest__other_statement__refused(void **state)
{
	static const struct deviation cases[] = {
		{"Statement/v1", "Statement/v2",
			PREFIX "statement: _type: not an in-toto Statement v1", ERR_FORMAT},
		{"signature/v1.0", "signature/v1.1",
			PREFIX "statement: predicateType: not the signature of a model, v1.0",
			ERR_FORMAT},
		{"{\"_type\"", "{\"more\":1,\"_type\"", PREFIX "statement: more: unknown key",
			ERR_FORMAT},
		{"\"predicate\":{", "\"predicate\":{\"more\":1,",
			PREFIX "statement: more: unknown key", ERR_FORMAT},
		{"\"method\"", "\"more\":1,\"method\"", PREFIX "serialization: more: unknown key",
			ERR_FORMAT},
		{"\"subject\":[", "\"subject\":[{},", PREFIX "subject: subject: too many items",
			ERR_FORMAT},
		{"\"sha256\":\"9", "\"sha256\":\"8",
			PREFIX "subject: the root digest is not the one over the resources",
			ERR_FORMAT},
		{"\"sha256\":\"9", "\"sha512\":\"9", PREFIX "subject: sha256: missing", ERR_FORMAT},
		{"\"digest\":\"b", "\"digest\":\"B",
			PREFIX
			"signme-1: resource: digest: expected lower-case hex of the right length",
			ERR_FORMAT},
		{"\"allow_symlinks\":false", "\"allow_symlinks\":0",
			PREFIX "serialization: allow_symlinks: missing, or neither true nor false",
			ERR_FORMAT},
		{"\"allow_symlinks\":false", "\"allow_symlinks\":false,\"shard_size\":5",
			PREFIX "serialization: shard_size: given for whole files", ERR_FORMAT},
	};
	(void)state;
	refused(files_text, cases, ARRAY_LEN(cases));
	static const char none[] =
		"\"subject\":[{\"name\":\"m\",\"digest\":{\"sha256\":\"" ROOT "\"}}]";
	static const struct deviation subject[] = {
		{none, "\"subject\":[]", PREFIX "subject: subject: not exactly one", ERR_FORMAT}};
	refused(files_text, subject, 1);
}

#define IGNORES                                                                                    \
	PREFIX "serialization: ignore_paths: not relative paths below the model, without patterns"

static void manifest__ignored_paths_that_are_no_paths__refused(void **state)
{
	static const struct deviation cases[] = {
		{"\".git\"", "\"../.git\"", IGNORES, ERR_FORMAT},
		{"\".git\"", "\"/\"", IGNORES, ERR_FORMAT},
		{"\".git\"", "\".\"", IGNORES, ERR_FORMAT},
		{"\".git\"", "\"\"", IGNORES, ERR_FORMAT},
		{"\".git\"", "\"*.bin\"", IGNORES, ERR_FORMAT},
		{"\".git\"", "\"a?\"", IGNORES, ERR_FORMAT},
		{"\".git\"", "\"[a]\"", IGNORES, ERR_FORMAT},
		{"\".git\"", "7", IGNORES, ERR_FORMAT},
	};
	(void)state;
	refused(files_text, cases, ARRAY_LEN(cases));
}

#define LOOSE(name) PREFIX "resource " name ": does not join what is signed before it"
#define SIZE        PREFIX "serialization: shard_size: "

static void manifest__shards_with_gaps__refused(void **state)
{
	static const struct deviation cases[] = {
		{"a:9:17", "a:10:17", LOOSE("a:10:17"), ERR_FORMAT},
		{"a:9:17", "a:8:17", LOOSE("a:8:17"), ERR_FORMAT},
		{"a:9:17", "a:9:19", LOOSE("a:9:19"), ERR_FORMAT},
		{"a:9:17", "a:9:9", LOOSE("a:9:9"), ERR_FORMAT},
		{"a:0:9", "a:1:9", LOOSE("a:1:9"), ERR_FORMAT},
		{"a:9:17", "b:9:17", LOOSE("b:9:17"), ERR_FORMAT},
		{"a:9:17", "a:0:9", LOOSE("a:0:9"), ERR_FORMAT},
		{"a:9:17", "a", PREFIX "resource \"a\": not path:start:end", ERR_FORMAT},
		{"a:9:17", "a:17", PREFIX "resource \"a:17\": not path:start:end", ERR_FORMAT},
		{"a:9:17", "a:09:17", PREFIX "resource \"a:09:17\": not path:start:end",
			ERR_FORMAT},
		{"a:9:17", "a:9:", PREFIX "resource \"a:9:\": not path:start:end", ERR_FORMAT},
		{"a:9:17", "a:9:1000000000000000000",
			PREFIX "resource \"a:9:1000000000000000000\": not path:start:end",
			ERR_FORMAT},
		{"\"shard_size\":9,", "", SIZE "missing", ERR_FORMAT},
		{"\"shard_size\":9", "\"shard_size\":9.5", SIZE "not a whole number in range",
			ERR_FORMAT},
		{"\"shard_size\":9", "\"shard_size\":1e300", SIZE "not a whole number in range",
			ERR_FORMAT},
		{"\"shard_size\":9", "\"shard_size\":0.0", SIZE "not a whole number in range",
			ERR_FORMAT},
	};
	(void)state;
	refused(shards_text, cases, ARRAY_LEN(cases));
	/* A short run that another one follows. */
	static const char gap[] =
		STATEMENT(SHARDS, RESOURCE("a:0:8", ONE) "," RESOURCE("a:8:17", TWO));
	assert_fails(model_manifest_parse(bytes_str(gap), &manifest, &err), err, ERR_FORMAT,
		LOOSE("a:8:17"));
}

/* ---- writing ---- */

static struct model_resource some[] = {
	{.path = {(const uint8_t *)"a/b", 3}, .digest = {1}},
	{.path = {(const uint8_t *)"a.b", 3}, .digest = {2}},
	{.path = {(const uint8_t *)"a", 1}, .digest = {3}},
};
static const char *some_ignores[] = {".git", "model.sig"};

static struct model_manifest made(struct model_resource *resources, size_t n, uint64_t shard_size)
{
	return (struct model_manifest){.name = "m",
		.shard_size = shard_size,
		.ignores = some_ignores,
		.ignore_count = 2,
		.resources = resources,
		.resource_count = n};
}

static void names_in_order(enum model_form form, const char *first, const char *second)
{
	struct model_manifest one = made(some, ARRAY_LEN(some), 0);
	buf_release(&written);
	assert_ok(model_manifest_write(&one, form, &written, &err), err);
	const char *text = buf_str(&written);
	assert_non_null(strstr(text, first));
	assert_true(strstr(text, first) < strstr(text, second));
	assert_ok(model_manifest_parse(buf_bytes(&written), &manifest, &err), err);
	assert_memory_equal(manifest->root, one.root, SHA256_LEN);
	assert_int_equal(manifest->ignore_count, 2);
	model_manifest_free(&manifest);
}

static void write__both_dialects__each_in_its_order_and_read_back(void **state)
{
	struct model_manifest spec = made(some, ARRAY_LEN(some), 0), reference = spec;
	(void)state;
	names_in_order(MODEL_FORM_SPEC, "\"a.b\"", "\"a/b\"");
	names_in_order(MODEL_FORM_REFERENCE, "\"a/b\"", "\"a.b\"");
	assert_ok(model_root(&spec, MODEL_FORM_SPEC, &err), err);
	assert_ok(model_root(&reference, MODEL_FORM_REFERENCE, &err), err);
	assert_memory_not_equal(spec.root, reference.root, SHA256_LEN);
}

/* By the whole name: a colon comes after a dash, and 10 before 9. */
static void write__shards__ordered_by_name_or_by_place(void **state)
{
	struct model_resource shards[12];
	(void)state;
	for (size_t i = 0; i < 11; i++)
		shards[i] = (struct model_resource){
			.path = BYTES_LIT("w"), .start = i, .end = i + 1, .digest = {(uint8_t)i}};
	shards[11] = (struct model_resource){.path = BYTES_LIT("w-"), .end = 1, .digest = {77}};
	struct model_manifest one = made(shards, 12, 1);
	assert_ok(model_manifest_write(&one, MODEL_FORM_SPEC, &written, &err), err);
	const char *text = buf_str(&written);
	assert_true(strstr(text, "\"w-:0:1\"") < strstr(text, "\"w:0:1\""));
	assert_true(strstr(text, "\"w:10:11\"") < strstr(text, "\"w:9:10\""));
	assert_null(strstr(text, "sha256-sharded-1"));
	assert_ok(model_manifest_parse(buf_bytes(&written), &manifest, &err), err);
	assert_int_equal(manifest->resources[10].start, 10);
	model_manifest_free(&manifest);
	buf_clear(&written);
	assert_ok(model_manifest_write(&one, MODEL_FORM_REFERENCE, &written, &err), err);
	text = buf_str(&written);
	assert_true(strstr(text, "\"w:0:1\"") < strstr(text, "\"w-:0:1\""));
	assert_true(strstr(text, "\"w:9:10\"") < strstr(text, "\"w:10:11\""));
	assert_non_null(strstr(text, "sha256-sharded-1"));
	assert_ok(model_manifest_parse(buf_bytes(&written), &manifest, &err), err);
}

static void write__what_could_not_be_read__refused(void **state)
{
	struct model_resource out[] = {{.path = BYTES_LIT("../a")}};
	struct model_manifest one = made(out, 1, 0), none = made(out, 0, 0);
	static const char *patterns[] = {"*.bin"};
	(void)state;
	assert_fails(model_manifest_write(&one, MODEL_FORM_SPEC, &written, &err), err, ERR_FORMAT,
		NO_FILE("../a"));
	assert_fails(model_manifest_write(&none, MODEL_FORM_SPEC, &written, &err), err, ERR_FORMAT,
		PREFIX "resources: empty");
	one = made(some, ARRAY_LEN(some), 0);
	one.ignores = patterns;
	one.ignore_count = 1;
	assert_fails(model_manifest_write(&one, MODEL_FORM_SPEC, &written, &err), err, ERR_USAGE,
		PREFIX "ignored path \"*.bin\": not a relative path below the model, without "
		       "patterns");
}

/* ---- comparing ---- */

static struct model_differences differences;

static void compare(const struct model_resource *found, size_t n)
{
	model_compare(manifest, found, n, &differences);
}

static void compare__what_was_signed__nothing(void **state)
{
	(void)state;
	parse(files_text);
	compare(manifest->resources, manifest->resource_count);
	assert_int_equal(differences.missing + differences.extra + differences.changed, 0);
	assert_int_equal(differences.shown, 0);
}

static void compare__missing_extra_changed__told_apart(void **state)
{
	(void)state;
	parse(files_text);
	struct model_resource found[2] = {
		{.path = BYTES_LIT("other")}, {.path = BYTES_LIT("signme-2")}};
	compare(found, 2);
	assert_int_equal(differences.missing, 1);
	assert_int_equal(differences.extra, 1);
	assert_int_equal(differences.changed, 1);
	assert_int_equal(differences.shown, 3);
	assert_string_equal(model_fault_name(differences.first[0].fault), "extra");
	assert_bytes(differences.first[0].resource->path, BYTES_LIT("other"));
	assert_string_equal(model_fault_name(differences.first[1].fault), "missing");
	assert_string_equal(model_fault_name(differences.first[2].fault), "changed");
	assert_string_equal(model_fault_name((enum model_fault)0), "unknown");
}

/* Extra files may be let pass; more of a signed file never. */
static void compare__octets_behind_what_is_signed__changed_not_extra(void **state)
{
	(void)state;
	parse(shards_text);
	struct model_resource found[3];
	memcpy(found, manifest->resources, 2 * sizeof(*found));
	found[2] = (struct model_resource){.path = BYTES_LIT("a"), .start = 17, .end = 18};
	compare(found, 3);
	assert_int_equal(differences.extra, 0);
	assert_int_equal(differences.changed, 1);
	found[1].end = 18;
	compare(found, 2);
	assert_int_equal(differences.changed, 1);
}

static void compare__very_many__counted_and_the_first_shown(void **state)
{
	struct model_resource found[50];
	char names[50][4];
	(void)state;
	parse(files_text);
	for (size_t i = 0; i < 50; i++) {
		snprintf(names[i], sizeof(names[i]), "a%02zu", i);
		found[i] = (struct model_resource){.path = bytes_str(names[i])};
	}
	compare(found, 50);
	assert_int_equal(differences.extra, 50);
	assert_int_equal(differences.missing, 2);
	assert_int_equal(differences.shown, MODEL_FAULTS_SHOWN);
}

#define TEST(name) cmocka_unit_test_teardown(name, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(manifest__files_of_the_reference__root_is_theirs),
		TEST(manifest__order_of_the_other_dialect__taken_as_it_stands),
		TEST(manifest__resources_in_another_order__root_does_not_match),
		TEST(manifest__shards_of_both_dialects__read),
		TEST(manifest__colons_in_a_path__the_last_two_numbers_count),
		TEST(manifest__one_file_named_dot__single),
		TEST(M10__name_that_leaves_the_model__refused),
		TEST(M9__manifest_of_no_file__refused),
		TEST(manifest__unknown_algorithms__refused_by_name),
		TEST(manifest__other_statement__refused),
		TEST(manifest__ignored_paths_that_are_no_paths__refused),
		TEST(manifest__shards_with_gaps__refused),
		TEST(write__both_dialects__each_in_its_order_and_read_back),
		TEST(write__shards__ordered_by_name_or_by_place),
		TEST(write__what_could_not_be_read__refused),
		TEST(compare__what_was_signed__nothing),
		TEST(compare__missing_extra_changed__told_apart),
		TEST(compare__octets_behind_what_is_signed__changed_not_extra),
		TEST(compare__very_many__counted_and_the_first_shown),
	};
	return cmocka_run_group_tests_name("policy/model_manifest", tests, NULL, NULL);
}
