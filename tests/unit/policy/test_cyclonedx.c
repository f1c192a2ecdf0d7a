/* SPDX-License-Identifier: Apache-2.0 */
/* CycloneDX 1.6 and 1.7: read into the common view, and every deviation refused. */
#include "bom_case.h"

static int setup(void **state)
{
	(void)state;
	t.type = "https://cyclonedx.org/bom";
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	case_teardown();
	return 0;
}

static void cyclonedx__as_a_generator_writes_it__read(void **state)
{
	const struct bom_component *model;

	(void)state;
	assert_ok(case_read(CYCLONEDX_TEXT, &t.err), t.err);
	assert_int_equal(t.bom->format, BOM_CYCLONEDX);
	assert_string_equal(t.bom->spec_version, "1.6");
	assert_string_equal(t.bom->id, "urn:uuid:6f1d7a52-0c0e-4a58-9d1c-3f5a4f0c6b11");
	assert_int_equal(t.bom->version, 3);
	assert_int_equal(t.bom->made_at, 1785578400); /* 2026-08-01T10:00:00Z */
	assert_int_equal(t.bom->component_count, 5);
	model = &t.bom->components[0];
	assert_true(model->root && model->kind == BOM_MODEL && model->has_sha256);
	assert_int_equal(model->sha256[31], 0xaa);
	assert_string_equal(model->name, "llm");
	assert_string_equal(model->version, "7b");
	assert_int_equal(model->license_count, 1);
	assert_true(model->licenses[0].expression);
	assert_string_equal(model->licenses[0].text, "Apache-2.0 OR MIT");
	assert_int_equal(model->dataset_count, 2);
	assert_string_equal(t.bom->components[model->datasets[0]].name, "invoices");
	assert_string_equal(t.bom->components[model->datasets[1]].name, "feedback");
}

static void cyclonedx__nested_and_other_components__kept(void **state)
{
	(void)state;
	assert_ok(case_read(CYCLONEDX_TEXT, &t.err), t.err);
	assert_int_equal(t.bom->components[1].kind, BOM_DATASET);
	assert_false(t.bom->components[1].root);
	assert_string_equal(t.bom->components[1].licenses[0].text, "Bank internal");
	assert_false(t.bom->components[1].licenses[0].expression);
	assert_int_equal(t.bom->components[2].kind, BOM_SOFTWARE);
	assert_string_equal(t.bom->components[2].licenses[0].text, "MIT");
	assert_string_equal(t.bom->components[3].name, "tokens.so");
	assert_int_equal(t.bom->components[4].kind, BOM_DATASET);
	assert_string_equal(bom_kind_name(BOM_DATASET), "dataset");
}

static void cyclonedx__least__read(void **state)
{
	(void)state;
	assert_ok(
		case_read("{\"bomFormat\":\"CycloneDX\",\"specVersion\":\"1.7\"}", &t.err), t.err);
	assert_int_equal(t.bom->component_count, 0);
	assert_int_equal(t.bom->version, 1);
	assert_int_equal(t.bom->made_at, 0);
	assert_null(t.bom->id);
}

static void cyclonedx__data_of_another_type__no_data_set(void **state)
{
	(void)state;
	case_accepted(CYCLONEDX_TEXT, "{\"ref\":\"ds1\"},", "");
	case_accepted(buf_str(&t.text), "\"ds1/data\",\"type\":\"dataset\"",
		"\"ds1/data\",\"type\":\"configuration\"");
	assert_int_equal(t.bom->components[1].kind, BOM_OTHER);
}

static void cyclonedx__reference_to_data_within_a_component__is_the_component(void **state)
{
	(void)state;
	case_accepted(CYCLONEDX_TEXT, "{\"ref\":\"ds1\"}", "{\"ref\":\"ds1/data\"}");
	assert_int_equal(t.bom->components[0].datasets[0], 1);
}

static void cyclonedx__card_of_what_is_no_model__trained_on_nothing(void **state)
{
	(void)state;
	case_accepted(CYCLONEDX_TEXT, "\"type\":\"machine-learning-model\"", "\"type\":\"file\"");
	assert_int_equal(t.bom->components[0].kind, BOM_SOFTWARE);
	assert_int_equal(t.bom->components[0].dataset_count, 0);
	assert_int_equal(t.bom->component_count, 4);
}

static void cyclonedx__inline_data_without_name_or_of_another_type__no_data_set(void **state)
{
	(void)state;
	case_accepted(CYCLONEDX_TEXT, "\"name\":\"feedback\"", "\"description\":\"x\"");
	assert_int_equal(t.bom->components[0].dataset_count, 1);
	case_accepted(CYCLONEDX_TEXT, "{\"type\":\"dataset\",\"name\":\"feedback\"}",
		"{\"type\":\"other\",\"name\":\"feedback\"}");
	assert_int_equal(t.bom->components[0].dataset_count, 1);
}

static void cyclonedx__times__read_or_refused(void **state)
{
	static const struct {
		const char *time;
		int64_t seconds; /* 0: refused */
	} cases[] = {
		{"2026-08-01T10:00:00Z", 1785578400},
		{"2026-08-01T10:00:00.123456+00:00", 1785578400},
		{"2026-08-01T04:30:00-05:30", 1785578400},
		{"2026-08-01T10:00:00", 0},
		{"2026-08-01", 0},
		{"2026-08-01T10:00:00+24:00", 0},
		{"2026-08-01T10:00:00+02:60", 0},
		{"2026-08-01T10:00:00+0200", 0},
		{"2026-08-01T10:00:00+0a:00", 0},
		{"2026-08-01T10:00:00+0?:00", 0},
		{"2026-08-01T10:00:00 02:00", 0},
		{"2026-08-01T10:00:00+02.00", 0},
		{"Z", 0},
		{"1970-01-01T00:00:00+01:00", 0},
		{"+02:00", 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		if (cases[i].seconds) {
			case_accepted(
				CYCLONEDX_TEXT, "2026-08-01T12:00:00.25+02:00", cases[i].time);
			assert_int_equal(t.bom->made_at, cases[i].seconds);
		} else {
			case_refused(CYCLONEDX_TEXT, "2026-08-01T12:00:00.25+02:00", cases[i].time,
				"CycloneDX: timestamp: not a time (2026-11-22T23:21:38Z)");
		}
	}
}

static void cyclonedx__wrong__refused_by_name(void **state)
{
	static const char *const cases[][3] = {
		{"\"CycloneDX\"", "\"cyclonedx\"", "CycloneDX: bomFormat: not CycloneDX"},
		{"\"bomFormat\"", "\"format\"", "CycloneDX: bomFormat: missing"},
		{"\"1.6\"", "\"1.5\"", "CycloneDX: specVersion: neither 1.6 nor 1.7"},
		{"\"1.6\"", "\"1.60\"", "CycloneDX: specVersion: neither 1.6 nor 1.7"},
		{"\"1.6\"", "1.6", "CycloneDX: specVersion: expected a string"},
		{"\"version\":3", "\"version\":0", "CycloneDX: version: out of range"},
		{"\"version\":3", "\"version\":\"3\"", "CycloneDX: version: expected an integer"},
		{"6f1d7a52", "6F1D7A52",
			"CycloneDX: serialNumber: not urn:uuid: and a UUID in lower case"},
		{"3f5a4f0c6b11\",\"version\"", "3f5a4f0c6b110\",\"version\"",
			"CycloneDX: serialNumber: not urn:uuid: and a UUID in lower case"},
		{"urn:uuid:6f", "urn:uuid:",
			"CycloneDX: serialNumber: not urn:uuid: and a UUID in lower case"},
		{"machine-learning-model", "model",
			"CycloneDX: component 0: type: no type of component that CycloneDX has"},
		{"\"name\":\"llm\",", "", "CycloneDX: component 0: name: missing"},
		{"\"name\":\"llm\"", "\"name\":\"\"", "CycloneDX: component 0: name: missing"},
		{"\"name\":\"llm\"", "\"name\":\"l\\nm\"",
			"CycloneDX: component 0: name: empty, too long or with control characters"},
		{"pkg:", "pkh:", "CycloneDX: component 0: purl: not a package URL"},
		{"\"considerations\":{\"users\":[\"clerks\"]}", "\"considerations\":[]",
			"CycloneDX: component 0: considerations: expected an object"},
		{"\"task\":\"text-generation\"", "\"task\":1",
			"CycloneDX: component 0: task: expected a string"},
		{"\"governance\":{\"owners\":[]}", "\"governance\":1",
			"CycloneDX: component 1: governance: expected an object"},
		{"{\"expression\":\"Apache-2.0 OR MIT\"}", "{}",
			"CycloneDX: component 0: licenses: not one of expression, id and name"},
		{"{\"id\":\"MIT\"}", "{\"id\":\"MIT\",\"name\":\"GPL\"}",
			"CycloneDX: component 2: licenses: not one of expression, id and name"},
		{"{\"license\":{\"id\":\"MIT\"}}",
			"{\"license\":{\"id\":\"MIT\"},\"expression\":\"MIT\"}",
			"CycloneDX: component 2: licenses: not one of expression, id and name"},
		{"{\"ref\":\"ds1\"}", "{\"ref\":\"ds2\"}",
			"CycloneDX: component 0: datasets: refers to nothing in this BOM"},
		{"{\"ref\":\"ds1\"}", "{\"ref\":\"lib\"}",
			"CycloneDX: component 0: datasets: refers to what is no data set"},
		{"{\"ref\":\"ds1\"}", "{\"ref\":\"svc\"}",
			"CycloneDX: component 0: datasets: refers to what is no data set"},
		{"{\"ref\":\"ds1\"}", "{\"ref\":1}",
			"CycloneDX: component 0: ref: expected a string"},
		{"\"tokens.so\"", "17", "CycloneDX: component 3: name: expected a string"},
		{"\"components\":[{\"type\":\"file\"", "\"components\":[1,{\"type\":\"file\"",
			"CycloneDX: component 3: type: expected inside an object"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		case_refused(CYCLONEDX_TEXT, cases[i][0], cases[i][1], cases[i][2]);
}

static void cyclonedx__references__unique_and_within(void **state)
{
	static const char *const cases[][3] = {
		{"\"bom-ref\":\"lib/f\"", "\"bom-ref\":\"model\"", "CycloneDX: model: given twice"},
		{"\"bom-ref\":\"svc\"", "\"bom-ref\":\"ds1\"", "CycloneDX: ds1: given twice"},
		{"\"bom-ref\":\"how\"", "\"bom-ref\":\"svc\"", "CycloneDX: svc: given twice"},
		{"\"bom-ref\":\"svc\"", "\"bom-ref\":\"\"",
			"CycloneDX: bom-ref: empty or too long"},
		{"\"bom-ref\":\"svc\"", "\"bom-ref\":9", "CycloneDX: bom-ref: expected a string"},
		{"[\"ds1\",\"svc\"]", "[\"ds1\",\"svd\"]",
			"CycloneDX: dependency 0: dependsOn: refers to nothing in this BOM"},
		{"[\"ds1\",\"svc\"]", "[\"ds1\",7]",
			"CycloneDX: dependency 0: dependsOn: refers to nothing in this BOM"},
		{"{\"ref\":\"lib\"", "{\"ref\":\"nobody\"",
			"CycloneDX: dependency 1: ref: refers to nothing in this BOM"},
		{"{\"ref\":\"lib\"", "{\"ref\":\"model\"",
			"CycloneDX: dependency 1: ref: given twice"},
		{"\"dependsOn\":[\"lib/f\"]", "\"provides\":[\"x\"]",
			"CycloneDX: dependency 1: provides: refers to nothing in this BOM"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		case_refused(CYCLONEDX_TEXT, cases[i][0], cases[i][1], cases[i][2]);
}

/* Twins differ in bytes, so they are two refs and two names. */
static void cyclonedx__twin_of_a_reference__another_one(void **state)
{
	(void)state;
	case_accepted(CYCLONEDX_TEXT, "\"bom-ref\":\"how\"", "\"bom-ref\":\"mod\xd0\xb5l\"");
	case_refused(CYCLONEDX_TEXT, "{\"ref\":\"ds1\"}",
		"{\"ref\":\"d\xd1\x95"
		"1\"}",
		"CycloneDX: component 0: datasets: refers to nothing in this BOM");
	assert_ok(case_read(CYCLONEDX_TEXT, &t.err), t.err);
	assert_true(bom_names_dataset(t.bom, "invoices@3"));
	assert_true(bom_names_dataset(t.bom, "feedback"));
	assert_false(bom_names_dataset(t.bom, "inv\xd0\xbeices@3"));
	assert_false(bom_names_dataset(t.bom, "Invoices@3"));
	assert_false(bom_names_dataset(t.bom, "invoices@33"));
	assert_false(bom_names_dataset(t.bom, "invoices 3"));
	assert_false(bom_names_dataset(t.bom, "feedback@1"));
	assert_false(bom_names_dataset(t.bom, "llm@7b"));
}

static void P11__hash_in_another_form__refused(void **state)
{
	static const char upper[] =
		"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
	static const char algorithm[] =
		"CycloneDX: component 0: hashes: no algorithm that CycloneDX has";
	static const char form[] =
		"CycloneDX: component 0: hashes: expected lower-case hex of the right length";

	(void)state;
	case_refused(CYCLONEDX_TEXT, "\"SHA-256\"", "\"SHA256\"", algorithm);
	case_refused(CYCLONEDX_TEXT, "\"SHA-256\"", "\"sha-256\"", algorithm);
	case_refused(CYCLONEDX_TEXT, "\"SHA-256\"", "\"\"", algorithm);
	case_refused(CYCLONEDX_TEXT, HEX_A, upper, form);
	case_refused(CYCLONEDX_TEXT, HEX_A, "aa", form);
	case_refused(CYCLONEDX_TEXT, HEX_A, "sha256:" HEX_A, form);
	case_refused(CYCLONEDX_TEXT, "\"SHA-512\",\"content\":\"00\"",
		"\"SHA-256\",\"content\":\"" HEX_B "\"",
		"CycloneDX: component 0: hashes: SHA-256 given twice");
}

static void P11__hash_of_another_algorithm__is_no_sha256(void **state)
{
	static const char *const others[] = {"SHA3-256", "BLAKE2b-256", "BLAKE3", "Streebog-256"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(others); i++) {
		char quoted[32];

		(void)snprintf(quoted, sizeof(quoted), "\"%s\"", others[i]);
		case_accepted(CYCLONEDX_TEXT, "\"SHA-256\"", quoted);
		assert_false(t.bom->components[0].has_sha256);
	}
}

static void cyclonedx__type_with_a_version__must_fit(void **state)
{
	static const char *const good[] = {
		"https://cyclonedx.org/bom/v1.6", "https://cyclonedx.org/bom/v1"};
	static const char *const bad[] = {"https://cyclonedx.org/bom/v1.7",
		"https://cyclonedx.org/bom/1.6", "https://cyclonedx.org/bom/w1.6",
		"https://cyclonedx.org/bom/", "https://cyclonedx.org/bom/v1.",
		"https://cyclonedx.org/bom/v1.6.1", "https://cyclonedx.org/bom/v"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		t.type = good[i];
		assert_ok(case_read(CYCLONEDX_TEXT, &t.err), t.err);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		t.type = bad[i];
		assert_fails(case_read(CYCLONEDX_TEXT, &t.err), t.err, ERR_FORMAT,
			"CycloneDX: predicateType: says another version than the content");
	}
}

static void cyclonedx__no_content__refused(void **state)
{
	(void)state;
	assert_fails(bom_read(t.type, NULL, &t.bom, &t.err), t.err, ERR_FORMAT,
		"CycloneDX: predicate: missing");
	assert_fails(case_read("[]", &t.err), t.err, ERR_FORMAT,
		"CycloneDX: specVersion: expected inside an object");
}

/* ---- how much ---- */

#define HEAD "{\"bomFormat\":\"CycloneDX\",\"specVersion\":\"1.6\","

static void put_many(size_t components)
{
	buf_clear(&t.text);
	buf_put_str(&t.text, HEAD "\"components\":[");
	for (size_t i = 0; i < components; i++)
		buf_printf(&t.text, "%s{\"type\":\"file\",\"name\":\"f%zu\",\"bom-ref\":\"%zu\"}",
			i ? "," : "", i, i);
	buf_put_str(&t.text, "]}");
}

static void P13__more_components_than_the_limit__refused(void **state)
{
	(void)state;
	put_many(10000);
	assert_ok(case_read(buf_str(&t.text), &t.err), t.err);
	assert_int_equal(t.bom->component_count, 10000);
	assert_string_equal(t.bom->components[9999].name, "f9999");
	put_many(BOM_COMPONENTS_MAX + 1);
	assert_fails(case_read(buf_str(&t.text), &t.err), t.err, ERR_FORMAT,
		"CycloneDX: components: too many items");
}

/* Two lists, each within the limit: they are counted together. */
static void P13__components_in_several_lists__counted_together(void **state)
{
	(void)state;
	buf_put_str(&t.text, HEAD "\"components\":[");
	for (size_t k = 0; k < 2; k++) {
		buf_printf(&t.text, "%s{\"type\":\"file\",\"name\":\"f\",\"components\":[",
			k ? "," : "");
		for (size_t i = 0; i < BOM_COMPONENTS_MAX / 2; i++)
			buf_printf(&t.text, "%s{\"type\":\"file\",\"name\":\"f\"}", i ? "," : "");
		buf_put_str(&t.text, "]}");
	}
	buf_put_str(&t.text, "]}");
	assert_fails(case_read(buf_str(&t.text), &t.err), t.err, ERR_FORMAT,
		"CycloneDX: component 1: components: too many items");
}

static void P13__more_licences_than_the_limit__refused(void **state)
{
	(void)state;
	buf_put_str(&t.text, HEAD "\"components\":[");
	for (size_t k = 0; k < BOM_LINKS_MAX / 256 + 1; k++) {
		buf_printf(&t.text, "%s{\"type\":\"file\",\"name\":\"f\",\"licenses\":[",
			k ? "," : "");
		for (size_t i = 0; i < 256; i++)
			buf_printf(&t.text, "%s{\"expression\":\"A\"}", i ? "," : "");
		buf_put_str(&t.text, "]}");
	}
	buf_put_str(&t.text, "]}");
	assert_fails(case_read(buf_str(&t.text), &t.err), t.err, ERR_FORMAT,
		"CycloneDX: component 256: components: too many licences and data sets");
}

static void P13__components_within_components__to_the_depth_of_json(void **state)
{
	(void)state;
	for (size_t depth = 15; depth <= 16; depth++) {
		buf_clear(&t.text);
		buf_put_str(&t.text, HEAD "\"metadata\":{}");
		for (size_t i = 0; i < depth; i++)
			buf_put_str(&t.text, ",\"components\":[{\"type\":\"file\",\"name\":\"f\"");
		for (size_t i = 0; i < depth; i++)
			buf_put_str(&t.text, "}]");
		buf_put_str(&t.text, "}");
		if (depth == 15)
			assert_ok(case_read(buf_str(&t.text), &t.err), t.err);
		else
			assert_fails(case_read(buf_str(&t.text), &t.err), t.err, ERR_LIMIT,
				"JSON: nested deeper than 32");
	}
}

/* ---- what it describes ---- */

static bool is_a(const void *arg, const uint8_t sha256[SHA256_LEN])
{
	(void)arg;
	return sha256[0] == 0xaa;
}

static bool is_b(const void *arg, const uint8_t sha256[SHA256_LEN])
{
	(void)arg;
	return sha256[0] == 0xbb;
}

#define PROGRAM                                                                                    \
	HEAD "\"metadata\":{\"component\":{\"type\":\"application\",\"name\":\"agent\"}},"         \
	     "\"components\":[{\"type\":\"machine-learning-model\",\"name\":\"llm\","              \
	     "\"hashes\":[{\"alg\":\"SHA-256\",\"content\":\"" HEX_A "\"}]}]}"
#define ROOTLESS                                                                                   \
	HEAD "\"components\":[{\"type\":\"machine-learning-model\",\"name\":\"one\","              \
	     "\"hashes\":[{\"alg\":\"SHA-256\",\"content\":\"" HEX_A "\"}]},"                      \
	     "{\"type\":\"machine-learning-model\",\"name\":\"two\"}]}"

static void P15__bom_of_another_model__told(void **state)
{
	(void)state;
	assert_ok(case_read(CYCLONEDX_TEXT, &t.err), t.err);
	assert_null(bom_other(t.bom, is_a, NULL, NULL));
	assert_string_equal(bom_other(t.bom, is_b, NULL, NULL)->name, "llm");
	assert_string_equal(bom_other(t.bom, is_b, is_a, NULL)->name, "llm");
	assert_ok(case_read(ROOTLESS, &t.err), t.err);
	assert_null(bom_other(t.bom, is_a, is_b, NULL));
	assert_string_equal(bom_other(t.bom, is_b, is_a, NULL)->name, "one");
}

static void P15__bom_of_a_program__its_models_are_parts_of_it(void **state)
{
	(void)state;
	assert_ok(case_read(PROGRAM, &t.err), t.err);
	assert_null(bom_other(t.bom, is_b, NULL, NULL));
	assert_null(bom_other(t.bom, is_b, is_a, NULL));
	assert_string_equal(bom_other(t.bom, is_b, is_b, NULL)->name, "llm");
	case_accepted(PROGRAM, "\"name\":\"agent\"",
		"\"name\":\"agent\",\"hashes\":[{\"alg\":\"SHA-256\",\"content\":\"" HEX_B "\"}]");
	assert_null(bom_other(t.bom, is_b, is_a, NULL));
	assert_string_equal(bom_other(t.bom, is_a, is_a, NULL)->name, "agent");
}

static void bom__without_digests__describes_nothing_else(void **state)
{
	(void)state;
	case_accepted(ROOTLESS, "SHA-256", "SHA3-256");
	assert_null(bom_other(t.bom, is_b, is_b, NULL));
	/* The data set's is none of a model. */
	case_accepted(CYCLONEDX_TEXT, "SHA-256", "SHA3-256");
	assert_true(t.bom->components[1].has_sha256);
	assert_null(bom_other(t.bom, is_a, is_a, NULL));
}

static void bom__of_several_other_models__the_first_is_told(void **state)
{
	(void)state;
	case_accepted(ROOTLESS, "\"name\":\"two\"",
		"\"name\":\"two\",\"hashes\":[{\"alg\":\"SHA-256\",\"content\":\"" HEX_A "\"}]");
	assert_string_equal(bom_other(t.bom, is_b, is_b, NULL)->name, "one");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(cyclonedx__as_a_generator_writes_it__read),
		T(cyclonedx__nested_and_other_components__kept),
		T(cyclonedx__least__read),
		T(cyclonedx__data_of_another_type__no_data_set),
		T(cyclonedx__reference_to_data_within_a_component__is_the_component),
		T(cyclonedx__card_of_what_is_no_model__trained_on_nothing),
		T(cyclonedx__inline_data_without_name_or_of_another_type__no_data_set),
		T(cyclonedx__times__read_or_refused),
		T(cyclonedx__wrong__refused_by_name),
		T(cyclonedx__references__unique_and_within),
		T(cyclonedx__twin_of_a_reference__another_one),
		T(P11__hash_in_another_form__refused),
		T(P11__hash_of_another_algorithm__is_no_sha256),
		T(cyclonedx__type_with_a_version__must_fit),
		T(cyclonedx__no_content__refused),
		T(P13__more_components_than_the_limit__refused),
		T(P13__components_in_several_lists__counted_together),
		T(P13__more_licences_than_the_limit__refused),
		T(P13__components_within_components__to_the_depth_of_json),
		T(P15__bom_of_another_model__told),
		T(P15__bom_of_a_program__its_models_are_parts_of_it),
		T(bom__without_digests__describes_nothing_else),
		T(bom__of_several_other_models__the_first_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
