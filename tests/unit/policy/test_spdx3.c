/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX 3.0.1 with the AI profile: read into the common view, and every deviation refused. */
#include "bom_case.h"

static int setup(void **state)
{
	(void)state;
	t.type = "https://spdx.dev/Document/v3";
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	case_teardown();
	return 0;
}

static void spdx__as_a_generator_writes_it__read(void **state)
{
	const struct bom_component *model;

	(void)state;
	assert_ok(case_read(SPDX_TEXT, &t.err), t.err);
	assert_int_equal(t.bom->format, BOM_SPDX);
	assert_string_equal(t.bom->spec_version, "3.0.1");
	assert_string_equal(t.bom->id, "urn:doc");
	assert_int_equal(t.bom->version, 0);
	assert_int_equal(t.bom->made_at, 1785578400); /* 2026-08-01T10:00:00Z */
	assert_int_equal(t.bom->component_count, 3);
	model = &t.bom->components[0];
	assert_true(model->root && model->kind == BOM_MODEL && model->has_sha256);
	assert_int_equal(model->sha256[0], 0xaa);
	assert_string_equal(model->version, "7b");
	assert_int_equal(model->license_count, 1);
	assert_true(model->licenses[0].expression);
	assert_string_equal(model->licenses[0].text, "Apache-2.0 OR MIT");
	assert_int_equal(model->dataset_count, 1);
	assert_int_equal(model->datasets[0], 1);
	assert_true(bom_names_dataset(t.bom, "invoices@3"));
	assert_int_equal(t.bom->components[2].kind, BOM_SOFTWARE);
	assert_false(t.bom->components[2].root);
	assert_string_equal(t.bom->components[2].licenses[0].text, "MIT");
	assert_false(t.bom->components[2].licenses[0].expression);
}

static void spdx__document_that_names_its_root_itself__read(void **state)
{
	(void)state;
	case_accepted(SPDX_TEXT, "[\"urn:sbom\"]", "[\"urn:lib\",\"urn:data\"]");
	assert_false(t.bom->components[0].root);
	assert_true(t.bom->components[1].root && t.bom->components[2].root);
	case_accepted(SPDX_TEXT, "[\"urn:sbom\"]", "[\"urn:who\"]");
	assert_false(t.bom->components[0].root);
	case_accepted(SPDX_TEXT, "[\"urn:sbom\"]", "[\"urn:sbom\",\"urn:who\"]");
	assert_true(t.bom->components[0].root);
}

static void spdx__collections_in_a_circle__ends(void **state)
{
	(void)state;
	case_accepted(SPDX_TEXT, "[\"urn:model\"]},", "[\"urn:sbom\"]},");
	assert_false(t.bom->components[0].root);
}

static void spdx__licences_of_other_forms__by_name_or_nobodys(void **state)
{
	static const char set[] = "{\"type\":\"expandedlicensing_ConjunctiveLicenseSet\"";

	(void)state;
	case_accepted(SPDX_TEXT, "[\"https://spdx.org/licenses/MIT\"]",
		"[\"urn:unknown\",\"NoAssertionLicense\"]");
	assert_int_equal(t.bom->components[2].license_count, 2);
	assert_string_equal(t.bom->components[2].licenses[0].text, "urn:unknown");
	assert_false(t.bom->components[2].licenses[0].expression);
	case_accepted(SPDX_TEXT, "{\"type\":\"simplelicensing_LicenseExpression\"", set);
	assert_string_equal(t.bom->components[0].licenses[0].text, "urn:licence");
	assert_true(t.bom->components[0].licenses[0].expression);
	case_accepted(SPDX_TEXT, "{\"type\":\"simplelicensing_LicenseExpression\"",
		"{\"type\":\"expandedlicensing_CustomLicense\"");
	assert_false(t.bom->components[0].licenses[0].expression);
}

static void spdx__trained_on_what_is_no_data_set__not_listed(void **state)
{
	(void)state;
	case_accepted(SPDX_TEXT, "\"to\":[\"urn:data\"]",
		"\"to\":[\"urn:lib\",\"NoneElement\",\"NoAssertionElement\"]");
	assert_int_equal(t.bom->components[0].dataset_count, 0);
	case_accepted(SPDX_TEXT, "\"from\":\"urn:model\"", "\"from\":\"urn:lib\"");
	assert_int_equal(t.bom->components[0].dataset_count, 0);
	assert_int_equal(t.bom->components[2].dataset_count, 0);
	case_accepted(SPDX_TEXT, "\"Relationship\"", "\"LifecycleScopedRelationship\"");
	assert_int_equal(t.bom->components[0].dataset_count, 1);
}

static void spdx__without_models__needs_no_ai_profile(void **state)
{
	(void)state;
	case_refused(SPDX_TEXT, "\"ai\",", "",
		"SPDX: profileConformance: without ai, though a model is described");
	case_accepted(buf_str(&t.text), "ai_AIPackage", "software_Package");
	assert_int_equal(t.bom->components[0].kind, BOM_SOFTWARE);
}

static void spdx__wrong__refused_by_name(void **state)
{
	static const char *const cases[][3] = {
		{"3.0.1/spdx-context", "3.0.0/spdx-context",
			"SPDX: @context: not that of SPDX 3.0.1"},
		{"\"@context\":\"https", "\"@context\":\"http",
			"SPDX: @context: not that of SPDX 3.0.1"},
		{"\"@context\":\"https://spdx.org/rdf/3.0.1/spdx-context.jsonld\"",
			"\"@context\":[\"https://spdx.org/rdf/3.0.1/spdx-context.jsonld\"]",
			"SPDX: @context: expected a string"},
		{"\"@graph\"", "\"graph\"", "SPDX: graph: unknown key"},
		{"\"@graph\":", "\"type\":1,\"@graph\":", "SPDX: type: unknown key"},
		{"\"SpdxDocument\"", "\"Bundle\"", "SPDX: @graph: has no SpdxDocument"},
		{"\"software_Sbom\"", "\"SpdxDocument\"",
			"SPDX: element 3: type: a second SpdxDocument"},
		{"\"spdxId\":\"urn:lib\"", "\"spdxId\":\"urn:model\"",
			"SPDX: element 6: urn:model: given twice"},
		{"\"spdxId\":\"urn:lib\",", "", "SPDX: element 6: spdxId: missing"},
		{"\"spdxId\":\"urn:lib\"", "\"spdxId\":\"\"",
			"SPDX: element 6: spdxId: empty or too long"},
		{"\"specVersion\":\"3.0.1\"", "\"specVersion\":\"3.0.0\"",
			"SPDX: element 0: specVersion: not 3.0.1"},
		{"\"created\":\"2026-08-01T10:00:00Z\",", "", "SPDX: element 0: created: missing"},
		{"\"created\":\"2026-07-01T10:00:00Z\"", "\"created\":\"yesterday\"",
			"SPDX: element 6: created: not a time (2026-11-22T23:21:38Z)"},
		{"\"createdBy\":[\"urn:who\"]", "\"createdBy\":\"urn:who\"",
			"SPDX: element 0: createdBy: expected an array"},
		{"\"creationInfo\":\"_:made\"", "\"creationInfo\":\"_:other\"",
			"SPDX: element 1: creationInfo: refers to none in the graph"},
		{"\"creationInfo\":\"_:made\"", "\"creationInfo\":\"urn:model\"",
			"SPDX: element 1: creationInfo: refers to none in the graph"},
		{"\"creationInfo\":\"_:made\",", "", "SPDX: element 1: creationInfo: missing"},
		{"\"creationInfo\":{\"type\":\"CreationInfo\"",
			"\"creationInfo\":{\"type\":\"Hash\"",
			"SPDX: element 6: creationInfo: not a CreationInfo"},
		{"\"name\":\"llm\"", "\"title\":\"llm\"", "SPDX: element 4: name: missing"},
		{"\"name\":\"tokens\"", "\"name\":7", "SPDX: element 6: name: expected a string"},
		{"{\"type\":\"Organization\"", "{\"type\":[\"Organization\"]",
			"SPDX: element 1: type: expected a string"},
		{"{\"type\":\"Organization\"", "7,{\"type\":\"Organization\"",
			"SPDX: element 1: type: expected inside an object"},
		{"\"to\":[\"urn:data\"]", "\"to\":[\"urn:gone\"]",
			"SPDX: element 8: to: refers to nothing in the graph"},
		{"\"to\":[\"urn:data\"]", "\"to\":[7]", "SPDX: element 8: to: expected strings"},
		{"\"to\":[\"urn:data\"]", "\"to\":\"urn:data\"",
			"SPDX: element 8: to: expected an array"},
		{"\"from\":\"urn:model\",", "", "SPDX: element 8: from: missing"},
		{"\"rootElement\":[\"urn:sbom\"]", "\"rootElement\":[\"urn:gone\"]",
			"SPDX: rootElement: refers to nothing in the graph"},
		{"\"rootElement\":[\"urn:sbom\"]", "\"rootElement\":[\"urn:sbom\",\"urn:sbom\"]",
			"SPDX: rootElement: more than one BOM in the graph"},
		{"\"simplelicensing_licenseExpression\":", "\"licenseExpression\":",
			"SPDX: element 10: simplelicensing_licenseExpression: missing"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		case_refused(SPDX_TEXT, cases[i][0], cases[i][1], cases[i][2]);
}

/* The same said in other words, which a JSON-LD processor would understand. */
static void P4__other_spellings_of_members__refused(void **state)
{
	static const char *const cases[][3] = {
		{"{\"type\":\"ai_AIPackage\"",
			"{\"type\":\"https://spdx.org/rdf/3.0.1/terms/AI/AIPackage\"",
			"SPDX: element 4: type: not a type in its short form"},
		{"\"software_packageVersion\":\"7b\"", "\"@type\":\"ai_AIPackage\"",
			"SPDX: element 4: @type: not a member in its short form"},
		{"\"software_packageVersion\":\"7b\"", "\"@id\":\"urn:other\"",
			"SPDX: element 4: @id: not a member in its short form"},
		{"\"software_packageVersion\":\"7b\"", "\"@graph\":[]",
			"SPDX: element 4: @graph: not a member in its short form"},
		{"\"software_packageVersion\":\"7b\"", "\"spdx:Core/name\":\"other\"",
			"SPDX: element 4: spdx:Core/name: not a member in its short form"},
		{"\"relationshipType\":\"trainedOn\"", "\"relationshipType\":\"spdx:trainedOn\"",
			"SPDX: element 8: relationshipType: not a type in its short form"},
		{"{\"type\":\"Hash\"", "{\"type\":\"spdx:Core/Hash\"",
			"SPDX: element 4: type: not a type in its short form"},
		{"{\"type\":\"Hash\"", "{\"@type\":\"Hash\",\"type\":\"Hash\"",
			"SPDX: element 4: @type: not a member in its short form"},
		{"\"creationInfo\":{\"type\"", "\"creationInfo\":{\"@type\":\"x\",\"type\"",
			"SPDX: element 6: @type: not a member in its short form"},
		{"\"@id\":\"_:made\"", "\"@id\":\"_:made\",\"@reverse\":{}",
			"SPDX: element 0: @reverse: not a member in its short form"},
		{"\"@context\":", "\"@graph\":[],\"@context\":",
			"JSON: line 1, column 81: duplicate object key near '\"@graph\"'"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		case_refused(SPDX_TEXT, cases[i][0], cases[i][1], cases[i][2]);
}

static void P11__hash_in_another_form__refused(void **state)
{
	static const char upper[] =
		"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
	static const char algorithm[] = "SPDX: element 4: algorithm: none that SPDX has";
	static const char form[] =
		"SPDX: element 4: hashValue: expected lower-case hex of the right length";

	(void)state;
	case_refused(SPDX_TEXT, "\"sha256\"", "\"SHA256\"", algorithm);
	case_refused(SPDX_TEXT, "\"sha256\"", "\"SHA-256\"", algorithm);
	case_refused(SPDX_TEXT, "\"sha256\"", "\"checksumAlgorithm_sha256\"", algorithm);
	case_refused(SPDX_TEXT, HEX_A, upper, form);
	case_refused(SPDX_TEXT, HEX_A, "aa", form);
	case_refused(SPDX_TEXT, "\"sha512\",\"hashValue\":\"00\"",
		"\"sha256\",\"hashValue\":\"" HEX_B "\"",
		"SPDX: element 4: hashValue: SHA-256 given twice");
	case_refused(SPDX_TEXT, "\"verifiedUsing\":[", "\"verifiedUsing\":[\"_:hash\",",
		"SPDX: element 4: type: expected inside an object");
	case_accepted(SPDX_TEXT, "\"sha256\"", "\"sha3_256\"");
	assert_false(t.bom->components[0].has_sha256);
	/* A digest over a list of digests is none of the bytes. */
	case_accepted(SPDX_TEXT, "\"sha1\",\"hashValue\":\"00\"",
		"\"sha256\",\"hashValue\":\"" HEX_B "\"");
	assert_int_equal(t.bom->components[0].sha256[0], 0xaa);
}

static void spdx__type_with_a_version__must_fit(void **state)
{
	static const char *const good[] = {"https://spdx.dev/Document",
		"https://spdx.dev/Document/v3", "https://spdx.dev/Document/v3.0",
		"https://spdx.dev/Document/v3.0.1"};
	static const char *const bad[] = {"https://spdx.dev/Document/v2.3",
		"https://spdx.dev/Document/v3.1", "https://spdx.dev/Document/v30"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		t.type = good[i];
		assert_ok(case_read(SPDX_TEXT, &t.err), t.err);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		t.type = bad[i];
		assert_fails(case_read(SPDX_TEXT, &t.err), t.err, ERR_FORMAT,
			"SPDX: predicateType: says another version than the content");
	}
	t.type = "https://spdx.dev/Documents";
	assert_false(bom_is_type(t.type));
	assert_fails(case_read(SPDX_TEXT, &t.err), t.err, ERR_INTERNAL, "no BOM");
}

static void P13__more_models_than_the_limit__refused(void **state)
{
	struct buf many = {0};

	(void)state;
	buf_put_str(&many, "\"@graph\":[");
	for (size_t i = 0; i <= BOM_COMPONENTS_MAX; i++)
		buf_printf(&many,
			"{\"type\":\"software_File\",\"spdxId\":\"urn:f%zu\"," SPDX_REST
			",\"name\":\"f\"},",
			i);
	assert_fails(case_read(case_edit(SPDX_TEXT, "\"@graph\":[", buf_str(&many)), &t.err), t.err,
		ERR_FORMAT, "SPDX: element 16384: components: too many items");
	buf_clear(&many);
	buf_put_str(&many, "\"@graph\":[");
	for (size_t i = 0; i < 10000; i++)
		buf_printf(&many,
			"{\"type\":\"software_File\",\"spdxId\":\"urn:f%zu\"," SPDX_REST
			",\"name\":\"f\"},",
			i);
	case_accepted(SPDX_TEXT, "\"@graph\":[", buf_str(&many));
	assert_int_equal(t.bom->component_count, 10003);
	buf_release(&many);
}

/* Every relationship within its limit: they are counted together. */
static void P13__more_licences_than_the_limit__refused(void **state)
{
	struct buf many = {0};

	(void)state;
	for (size_t k = 0; k <= BOM_LINKS_MAX / 4096; k++) {
		buf_printf(&many,
			"{\"type\":\"Relationship\",\"spdxId\":\"urn:l%zu\"," SPDX_REST
			",\"relationshipType\":\"hasDeclaredLicense\",\"from\":\"urn:lib\","
			"\"to\":[\"a\"",
			k);
		for (size_t i = 1; i < 4096; i++)
			buf_put_str(&many, ",\"a\"");
		buf_put_str(&many, "]},");
	}
	buf_put_str(&many, "{\"type\":\"Organization\"");
	assert_fails(case_read(case_edit(SPDX_TEXT, "{\"type\":\"Organization\"", buf_str(&many)),
			     &t.err),
		t.err, ERR_FORMAT, "SPDX: element 17: components: too many licences and data sets");
	buf_release(&many);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(spdx__as_a_generator_writes_it__read),
		T(spdx__document_that_names_its_root_itself__read),
		T(spdx__collections_in_a_circle__ends),
		T(spdx__licences_of_other_forms__by_name_or_nobodys),
		T(spdx__trained_on_what_is_no_data_set__not_listed),
		T(spdx__without_models__needs_no_ai_profile),
		T(spdx__wrong__refused_by_name),
		T(P4__other_spellings_of_members__refused),
		T(P11__hash_in_another_form__refused),
		T(spdx__type_with_a_version__must_fit),
		T(P13__more_models_than_the_limit__refused),
		T(P13__more_licences_than_the_limit__refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
