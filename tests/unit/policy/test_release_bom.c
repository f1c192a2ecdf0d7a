/* SPDX-License-Identifier: Apache-2.0 */
/* Bills of materials beside a release, held against what a risk class demands of them. */
#include "base/time.h"
#include "policy/checklist.h"
#include "scene.h"

#define CLASS_PLAIN "    approvals: []\n    credential_lifetime: 10m\n    statements:\n"
#define CYCLONEDX   "https://cyclonedx.org/bom"
#define BINARY      0
#define MODEL       1
#define RELEASE     3
#define ELSEWHERE   4
#define SAID_MAX    4

static struct scene_keys keys;
static struct scene *s;
static struct buf top, envelopes[SAID_MAX], predicate;
static struct bytes views[SAID_MAX];
static size_t count;
static struct release *release;
static struct checklist list;

static int group_setup(void **state)
{
	(void)state;
	scene_keys_make(&keys);
	return 0;
}

static int group_teardown(void **state)
{
	(void)state;
	scene_keys_free(&keys);
	return 0;
}

/* The model is known by its SHA-256; ci and lab speak of materials. */
static int setup(void **state)
{
	(void)state;
	s = scene_new(&keys);
	s->components[MODEL].kind = COMPONENT_SHA256;
	scene_release(s);
	buf_put_str(&top, "statement_keys:\n  - name: ci\n    kinds: [bom, provenance]\n    pem: ");
	scene_put_pem(&top, keys.other, 6);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	release_free(&release);
	buf_release(&top);
	buf_release(&predicate);
	for (size_t i = 0; i < SAID_MAX; i++)
		buf_release(&envelopes[i]);
	count = 0;
	scene_free(s);
	return 0;
}

static const char *hex_of(int subject)
{
	static const uint8_t elsewhere[SHA256_LEN] = {0xee};
	static char hex[SAID_MAX][2 * SHA256_LEN + 1];
	static size_t turn;
	char *out = hex[turn++ % SAID_MAX];

	if (subject == RELEASE)
		hex_encode(BYTES_OF(s->release_digest), out);
	else if (subject == ELSEWHERE)
		hex_encode(BYTES_OF(elsewhere), out);
	else
		hex_encode(BYTES_OF(s->components[subject].digest), out);
	return out;
}

static void say(int subject, const char *type)
{
	struct buf text = {0};

	assert_ok(buf_ok(&predicate, &s->err), s->err);
	buf_printf(&text,
		"{\"_type\":\"https://in-toto.io/Statement/v1\",\"subject\":[{\"name\":\"x\","
		"\"digest\":{\"sha256\":\"%s\"}}],\"predicateType\":\"%s\",\"predicate\":%s}",
		hex_of(subject), type, buf_str(&predicate));
	assert_true(count < SAID_MAX);
	buf_clear(&envelopes[count]);
	assert_ok(dsse_sign(DSSE_INTOTO_TYPE, buf_bytes(&text), keys.other, &envelopes[count],
			  &s->err),
		s->err);
	views[count] = buf_bytes(&envelopes[count]);
	count++;
	buf_release(&text);
}

/* A BOM whose root is of this type and digest; rest: what follows in the root, its end, that of the
 * metadata, and what stands behind. */
static void say_bom(int subject, const char *root, int digest, const char *made, const char *rest)
{
	buf_clear(&predicate);
	buf_printf(&predicate,
		"{\"bomFormat\":\"CycloneDX\",\"specVersion\":\"1.6\",\"metadata\":{%s%s%s"
		"\"component\":{\"type\":\"%s\",\"name\":\"llm\",\"hashes\":[{\"alg\":\"SHA-256\","
		"\"content\":\"%s\"}]%s}",
		made ? "\"timestamp\":\"" : "", made ? made : "", made ? "\"," : "", root,
		hex_of(digest), rest);
	say(subject, CYCLONEDX);
}

#define MODEL_TYPE "machine-learning-model"
#define PLAIN      "}}"
#define UNDER(licences, datasets)                                                                  \
	",\"licenses\":[" licences "],\"modelCard\":{\"modelParameters\":{\"datasets\":[" datasets \
	"]}}}}"

static void judge_at(int64_t now)
{
	const struct release_input input = {
		.envelope = s->context.release,
		.statements = views,
		.statement_count = count,
		.environment = bytes_str("prod"),
	};

	release_free(&release);
	memset(s->verdict, 0, sizeof(*s->verdict));
	assert_ok(release_checklist(&input, s->policy, now, &list, s->verdict, &release, &s->err),
		s->err);
	verdict_conclude(s->verdict);
	assert_int_equal(s->verdict->trusted, list.met);
}

static void demand(const char *terms)
{
	static char class_lines[1024];

	snprintf(class_lines, sizeof(class_lines), CLASS_PLAIN "      - {kind: bom, name: bom%s}\n",
		terms);
	s->class_lines = class_lines;
	s->top_lines = buf_str(&top);
	scene_policy(s);
	s->context.approval_count = 0;
	judge_at(SCENE_NOW);
}

/* Refused because no BOM counts, and the one there is for this reason. */
static void assert_unmet(const char *expected, const char *actual)
{
	assert_false(s->verdict->trusted);
	assert_int_equal(s->verdict->reason_count, 2);
	assert_int_equal(s->verdict->reasons[0].code, REASON_STATEMENT_MISSING);
	assert_int_equal(s->verdict->reasons[1].code, REASON_STATEMENT_CONTENT);
	assert_string_equal(s->verdict->reasons[1].expected, expected);
	assert_string_equal(s->verdict->reasons[1].actual, actual);
}

/* Refused because those that count do not show this. */
static void assert_lacking(const char *actual)
{
	assert_refused(s, REASON_STATEMENT_MISSING);
	assert_int_equal(s->verdict->reason_count, 1);
	assert_string_equal(s->verdict->reasons[0].actual, actual);
}

/* ---- what it describes ---- */

static void bom__of_the_model__counts(void **state)
{
	(void)state;
	say_bom(MODEL, MODEL_TYPE, MODEL, NULL, PLAIN);
	demand("");
	assert_trusted(s);
	assert_string_equal(list.items[2].by, "1 signed by ci");
}

static void P15__bom_of_another_model__refused(void **state)
{
	(void)state;
	say_bom(MODEL, MODEL_TYPE, ELSEWHERE, NULL, PLAIN);
	demand("");
	assert_unmet("a BOM that describes its subject", "describes another model: llm");
}

/* Both are of the release; still the BOM is not about what it is said to be about. */
static void P15__bom_of_one_component_said_of_another__refused(void **state)
{
	(void)state;
	say_bom(BINARY, MODEL_TYPE, MODEL, NULL, PLAIN);
	demand("");
	assert_unmet("a BOM that describes its subject", "describes another model: llm");
}

static void bom__of_the_release_as_a_whole__describes_any_component(void **state)
{
	(void)state;
	say_bom(RELEASE, MODEL_TYPE, MODEL, NULL, PLAIN);
	demand("");
	assert_trusted(s);
	count = 0;
	say_bom(RELEASE, "application", RELEASE, NULL, PLAIN);
	demand("");
	assert_trusted(s);
	count = 0;
	say_bom(RELEASE, MODEL_TYPE, ELSEWHERE, NULL, PLAIN);
	demand("");
	assert_unmet("a BOM that describes its subject", "describes another model: llm");
}

/* A BOM of a program with a model in it. */
static void say_program(int model)
{
	buf_clear(&predicate);
	buf_printf(&predicate,
		"{\"bomFormat\":\"CycloneDX\",\"specVersion\":\"1.6\",\"metadata\":{\"component\":"
		"{\"type\":\"application\",\"name\":\"agent\"}},\"components\":[{\"type\":"
		"\"" MODEL_TYPE "\",\"name\":\"inner\",\"hashes\":[{\"alg\":\"SHA-256\","
		"\"content\":\"%s\"}]}]}",
		hex_of(model));
	say(BINARY, CYCLONEDX);
}

static void P15__bom_of_a_program_with_another_model__refused(void **state)
{
	(void)state;
	say_program(MODEL);
	demand("");
	assert_trusted(s);
	count = 0;
	say_program(ELSEWHERE);
	demand("");
	assert_unmet("a BOM that describes its subject", "describes another model: inner");
}

/* What cannot be compared is not another; but it is not shown to be the one either. */
static void bom__of_a_model_known_by_fs_verity__only_through_the_release(void **state)
{
	(void)state;
	s->components[MODEL].kind = COMPONENT_FSVERITY;
	scene_release(s);
	say_program(ELSEWHERE);
	demand("");
	assert_unmet("a BOM that describes its subject", "describes another model: inner");
	count = 0;
	say_bom(RELEASE, MODEL_TYPE, ELSEWHERE, NULL, PLAIN);
	demand("");
	assert_trusted(s);
	count = 0;
	say_bom(RELEASE, "application", ELSEWHERE, NULL, PLAIN);
	demand("");
	assert_unmet("a BOM that describes its subject", "describes another software: llm");
	count = 0;
	say_bom(RELEASE, MODEL_TYPE, MODEL, NULL, PLAIN);
	demand(", models: required");
	assert_lacking("1, none of model model by its SHA-256");
}

static void P3__bom_that_cannot_be_read__refused_and_said_why(void **state)
{
	(void)state;
	buf_put_str(&predicate, "{\"bomFormat\":\"CycloneDX\",\"specVersion\":\"1.5\"}");
	say(MODEL, CYCLONEDX);
	demand("");
	assert_unmet("CycloneDX 1.6 or 1.7, or SPDX 3.0.1",
		"CycloneDX: specVersion: neither 1.6 nor 1.7");
	demand(", max_age: 1d");
	assert_int_equal(s->verdict->reasons[1].code, REASON_STATEMENT_EXPIRED);
	assert_string_equal(s->verdict->reasons[1].actual, "does not say when");
}

/* ---- formats ---- */

static void bom__of_a_format_not_named__refused(void **state)
{
	(void)state;
	say_bom(MODEL, MODEL_TYPE, MODEL, NULL, PLAIN);
	demand(", formats: [spdx]");
	assert_unmet("a format that the risk class names", "cyclonedx 1.6");
	demand(", formats: [cyclonedx]");
	assert_trusted(s);
	demand(", formats: [spdx, cyclonedx]");
	assert_trusted(s);
}

/* ---- models and data sets ---- */

static void models__not_described_by_digest__refused(void **state)
{
	(void)state;
	buf_put_str(&predicate,
		"{\"bomFormat\":\"CycloneDX\",\"specVersion\":\"1.7\","
		"\"components\":[{\"type\":\"" MODEL_TYPE "\",\"name\":\"model\"}]}");
	say(MODEL, CYCLONEDX);
	demand("");
	assert_trusted(s);
	demand(", models: any");
	assert_trusted(s);
	demand(", models: required");
	assert_lacking("1, none of model model by its SHA-256");
	say_bom(MODEL, MODEL_TYPE, MODEL, NULL, PLAIN);
	demand(", models: required");
	assert_trusted(s);
}

/* A file of the same bytes is not described as a model. */
static void models__described_as_a_file__refused(void **state)
{
	(void)state;
	say_bom(MODEL, "file", MODEL, NULL, PLAIN);
	demand(", models: required");
	assert_lacking("1, none of model model by its SHA-256");
}

static char *snapshots[] = {(char *)(uintptr_t) "tessdata@4.1", (char *)(uintptr_t) "notes"};

static void datasets__not_named__refused(void **state)
{
	(void)state;
	s->release.dataset_snapshots = snapshots;
	s->release.dataset_count = 2;
	scene_release(s);
	say_bom(MODEL, MODEL_TYPE, MODEL, NULL,
		UNDER("", "{\"type\":\"dataset\",\"name\":\"notes\"}"));
	demand("");
	assert_trusted(s);
	demand(", datasets: required");
	assert_lacking("1, none of data set tessdata@4.1");
	say_bom(MODEL, MODEL_TYPE, MODEL, NULL,
		UNDER("", "{\"type\":\"dataset\",\"name\":\"tessdata@4.2\"}"));
	demand(", datasets: required");
	assert_lacking("2, none of data set tessdata@4.1");
	say_bom(MODEL, MODEL_TYPE, MODEL, NULL,
		UNDER("", "") ",\"components\":[{\"type\":\"data\",\"name\":\"tessdata\","
			      "\"version\":\"4.1\"}]");
	demand(", datasets: required");
	assert_trusted(s);
	s->release.dataset_count = 0;
}

/* ---- licences ---- */

static void licenses__of_models_and_data_sets__listed_only(void **state)
{
	static const struct {
		const char *rest, *actual; /* NULL: counts */
	} cases[] = {
		{UNDER("{\"expression\":\"MIT OR X\"}", ""), NULL},
		{UNDER("{\"license\":{\"id\":\"apache-2.0\"}}", ""), NULL},
		{UNDER("{\"license\":{\"id\":\"MIT\"}},{\"license\":{\"id\":\"X\"}}", ""),
			"model llm: X"},
		{UNDER("{\"expression\":\"MIT AND X\"}", ""), "model llm: MIT AND X"},
		{UNDER("{\"license\":{\"name\":\"MIT OR X\"}}", ""), "model llm: MIT OR X"},
		{UNDER("{\"expression\":\"MIT OR\"}", ""), "model llm: MIT OR"},
		{PLAIN, "model llm: states no licence"},
		{UNDER("{\"license\":{\"id\":\"MIT\"}}",
			 "{\"type\":\"dataset\",\"name\":\"notes\"}"),
			"dataset notes: states no licence"},
		{UNDER("{\"license\":{\"id\":\"MIT\"}}", "") ",\"components\":[{\"type\":\"file\","
							     "\"name\":\"f\"}]",
			NULL},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		count = 0;
		say_bom(MODEL, MODEL_TYPE, MODEL, NULL, cases[i].rest);
		demand(", licenses: [MIT, Apache-2.0]");
		if (cases[i].actual)
			assert_unmet("licences that the risk class allows", cases[i].actual);
		else
			assert_trusted(s);
		demand("");
		assert_trusted(s);
	}
}

static void licenses__forbidden__nowhere(void **state)
{
	static const struct {
		const char *licence, *actual; /* NULL: counts */
	} cases[] = {
		{"{\"license\":{\"id\":\"MIT\"}}", NULL},
		{"{\"expression\":\"MIT OR AGPL-3.0-only\"}", NULL},
		{"{\"license\":{\"id\":\"agpl-3.0-only\"}}", "software f: agpl-3.0-only"},
		{"{\"license\":{\"name\":\"AGPL-3.0-only\"}}", "software f: AGPL-3.0-only"},
		{"{\"expression\":\"MIT AND AGPL-3.0-only\"}", "software f: MIT AND AGPL-3.0-only"},
		{"{\"expression\":\"AGPL-3.0-only WITH x\"}", "software f: AGPL-3.0-only WITH x"},
		{"{\"expression\":\"(MIT\"}", "software f: (MIT"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char rest[256];

		count = 0;
		snprintf(rest, sizeof(rest),
			"}},\"components\":[{\"type\":\"file\",\"name\":\"f\",\"licenses\":[%s]}]",
			cases[i].licence);
		say_bom(MODEL, MODEL_TYPE, MODEL, NULL, rest);
		demand(", licenses_forbidden: [AGPL-3.0-only]");
		if (cases[i].actual)
			assert_unmet("licences that the risk class allows", cases[i].actual);
		else
			assert_trusted(s);
	}
}

/* ---- time ---- */

static const char *ago(int64_t seconds)
{
	static char text[TIME_TEXT_MAX];

	return time_format(SCENE_NOW - seconds, text);
}

static void P8__bom_older_than_the_class_allows__refused_and_foretold(void **state)
{
	(void)state;
	say_bom(MODEL, MODEL_TYPE, MODEL, ago(3600), PLAIN);
	demand(", max_age: 1h");
	assert_trusted(s);
	assert_int_equal(list.expires, SCENE_NOW + 1);
	judge_at(SCENE_NOW + 1);
	assert_int_equal(s->verdict->reasons[1].code, REASON_STATEMENT_EXPIRED);
	assert_string_equal(s->verdict->reasons[1].actual, "made at 2027-01-15T07:00:00Z");
	count = 0;
	say_bom(MODEL, MODEL_TYPE, MODEL, ago(-61), PLAIN);
	demand("");
	assert_int_equal(s->verdict->reasons[1].code, REASON_STATEMENT_EXPIRED);
}

/* Of two BOMs the younger one lives longer, but it does not show the model. */
static void bom__end_of_what_is_needed__is_the_end(void **state)
{
	(void)state;
	say_bom(MODEL, MODEL_TYPE, MODEL, ago(50), PLAIN);
	say_bom(MODEL, "file", MODEL, ago(10), PLAIN);
	demand(", max_age: 100s");
	assert_int_equal(list.expires, SCENE_NOW + 91);
	demand(", max_age: 100s, models: required");
	assert_trusted(s);
	assert_int_equal(list.expires, SCENE_NOW + 51);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(bom__of_the_model__counts),
		T(P15__bom_of_another_model__refused),
		T(P15__bom_of_one_component_said_of_another__refused),
		T(bom__of_the_release_as_a_whole__describes_any_component),
		T(P15__bom_of_a_program_with_another_model__refused),
		T(bom__of_a_model_known_by_fs_verity__only_through_the_release),
		T(P3__bom_that_cannot_be_read__refused_and_said_why),
		T(bom__of_a_format_not_named__refused),
		T(models__not_described_by_digest__refused),
		T(models__described_as_a_file__refused),
		T(datasets__not_named__refused),
		T(licenses__of_models_and_data_sets__listed_only),
		T(licenses__forbidden__nowhere),
		T(P8__bom_older_than_the_class_allows__refused_and_foretold),
		T(bom__end_of_what_is_needed__is_the_end),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
