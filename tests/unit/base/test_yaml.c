/* SPDX-License-Identifier: Apache-2.0 */
#include "base/yaml.h"

#include <stdlib.h>

#include "tests/support/unit.h"

enum colour { RED, GREEN };
struct wheel {
	char *maker;
	unsigned spokes;
};
struct bicycle {
	char *name;
	int offset;
	unsigned gears;
	bool bell;
	enum colour colour;
	struct wheel *wheels;
	unsigned wheels_count;
	struct wheel spare;
};

static const cyaml_strval_t colours[] = {{"red", RED}, {"green", GREEN}};
static const cyaml_schema_field_t wheel_fields[] = {
	CYAML_FIELD_STRING_PTR("maker", CYAML_FLAG_POINTER, struct wheel, maker, 1, 8),
	CYAML_FIELD_UINT("spokes", CYAML_FLAG_OPTIONAL, struct wheel, spokes), CYAML_FIELD_END};
static const cyaml_schema_value_t wheel_schema = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct wheel, wheel_fields)};
static const cyaml_schema_field_t bicycle_fields[] = {
	CYAML_FIELD_STRING_PTR(
		"name", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct bicycle, name, 1, 8),
	CYAML_FIELD_INT("offset", CYAML_FLAG_OPTIONAL, struct bicycle, offset),
	CYAML_FIELD_UINT("gears", CYAML_FLAG_OPTIONAL, struct bicycle, gears),
	CYAML_FIELD_BOOL("bell", CYAML_FLAG_OPTIONAL, struct bicycle, bell),
	CYAML_FIELD_ENUM("colour", CYAML_FLAG_OPTIONAL, struct bicycle, colour, colours, 2),
	CYAML_FIELD_SEQUENCE("wheels", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct bicycle,
		wheels, &wheel_schema, 0, 3),
	CYAML_FIELD_MAPPING("spare", CYAML_FLAG_OPTIONAL, struct bicycle, spare, wheel_fields),
	CYAML_FIELD_END};
static const cyaml_schema_value_t bicycle_schema = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct bicycle, bicycle_fields)};
static const cyaml_schema_value_t wheels_schema = {
	CYAML_VALUE_SEQUENCE(CYAML_FLAG_POINTER, struct wheel, &wheel_schema, 0, 3)};

static bool load(const char *text, struct err *err)
{
	void *bicycle = NULL;
	bool ok = yaml_load(bytes_str(text), "bike.yaml", &bicycle_schema, &bicycle, err);

	assert_int_equal(bicycle != NULL, ok);
	yaml_free(&bicycle_schema, bicycle, 0);
	return ok;
}

static void yaml_load__good__fills_the_struct(void **state)
{
	static const char text[] = "# a comment\n---\nname: racer\noffset: -3\ngears: 0x1F\n"
				   "bell: true\ncolour: green\nwheels:\n- maker: mavic\n"
				   "  spokes: 28\n- {maker: \"a: b\"}\nspare: {maker: x}\n...\n";
	struct bicycle *b = NULL;
	struct err err;

	(void)state;
	assert_ok(yaml_load(BYTES_LIT(text), "bike.yaml", &bicycle_schema, (void **)&b, &err), err);
	assert_string_equal(b->name, "racer");
	assert_int_equal(b->offset, -3);
	assert_int_equal(b->gears, 31);
	assert_true(b->bell);
	assert_int_equal(b->colour, GREEN);
	assert_int_equal(b->wheels_count, 2);
	assert_string_equal(b->wheels[1].maker, "a: b");
	assert_int_equal(b->wheels[0].spokes, 28);
	assert_string_equal(b->spare.maker, "x");
	yaml_free(&bicycle_schema, b, 0);
}

static void yaml_load__faults__name_file_and_line(void **state)
{
	static const struct {
		const char *yaml, *text;
	} cases[] = {
		{"name: a\n\ncolor: red\n", "bike.yaml:3:1: unknown key \"color\""},
		{"wheels:\n- maker: x\n- maker: y\n  Spokes: 1\n",
			"bike.yaml:4:3: unknown key \"Spokes\""},
		{"spare:\n  maker: x\n  size: 1\n", "bike.yaml:3:3: unknown key \"size\""},
		{"name: a\ngears: 1\nname: b\n", "bike.yaml:3:1: duplicate key \"name\""},
		{"wheels:\n- maker: x\n  maker: y\n", "bike.yaml:3:3: duplicate key \"maker\""},
		{"\"na\\x6de\": a\nname: b\n", "bike.yaml:2:1: duplicate key \"name\""},
		{"name: a\n---\nname: b\n", "bike.yaml:2:1: more than one document"},
		{"name: a\n...\n---\n", "bike.yaml:3:1: more than one document"},
		{"name: &x a\n", "bike.yaml:1:7: anchors and tags are refused"},
		{"spare: &x\n  maker: y\n", "bike.yaml:1:8: anchors and tags are refused"},
		{"wheels: &x []\n", "bike.yaml:1:9: anchors and tags are refused"},
		{"name: *x\n", "bike.yaml:1:7: aliases are refused"},
		{"name: !!str a\n", "bike.yaml:1:7: anchors and tags are refused"},
		{"<<: {name: a}\n", "bike.yaml:1:1: unknown key \"<<\""},
		{"? [name]\n: a\n", "bike.yaml:1:3: a key must be a plain word"},
		{"? {name: a}\n: a\n", "bike.yaml:1:3: a key must be a plain word"},
		{"name: \"a\\0b\"\n", "bike.yaml:1:7: NUL in a value: \"a\\x00b\""},
		{"\"name\\0\": a\n", "bike.yaml:1:1: NUL in a value: \"name\\x00\""},
		{"name: a\ngears: 15m\n", "bike.yaml:2:8: no unsigned integer: \"15m\""},
		{"gears: -1\n", "bike.yaml:1:8: no unsigned integer: \"-1\""},
		{"gears: 1 2\n", "bike.yaml:1:8: no unsigned integer: \"1 2\""},
		{"gears: 010\n", "bike.yaml:1:8: no unsigned integer: \"010\""},
		{"gears: 0x\n", "bike.yaml:1:8: no unsigned integer: \"0x\""},
		{"gears: ''\n", "bike.yaml:1:8: no unsigned integer: \"\""},
		{"gears:\n", "bike.yaml:1:7: no unsigned integer: \"\""},
		{"gears: \" 1\"\n", "bike.yaml:1:8: no unsigned integer: \" 1\""},
		{"offset: +1\n", "bike.yaml:1:9: no integer: \"+1\""},
		{"offset: '-'\n", "bike.yaml:1:9: no integer: \"-\""},
		{"bell: off\n", "bike.yaml:1:7: neither true nor false: \"off\""},
		{"bell: flase\n", "bike.yaml:1:7: neither true nor false: \"flase\""},
		{"colour: blue\n", "bike.yaml:1:9: unknown word \"blue\""},
		{"colour: 1\n", "bike.yaml:1:9: unknown word \"1\""},
		{"colour: \"red\\e[1m\\n\"\n", "bike.yaml:1:9: unknown word \"red\\x1b[1m\\n\""},
		{"gears: 99999999999999999999\n",
			"bike.yaml:1:8: Invalid uint64_t value: '99999999999999999999'"},
		{"name: aaaaaaaaa\n", "bike.yaml:1:7: STRING length > 8: aaaaaaaaa"},
		{"name: ''\n", "bike.yaml:1:7: STRING length < 1: "},
		{"name: [a]\n", "bike.yaml:1:7: Expecting STRING, got event: SEQUENCE_START"},
		{"wheels: 7\n", "bike.yaml:1:9: Expecting SEQUENCE, got event: SCALAR"},
		{"spare:\n  spokes: 1\n", "bike.yaml:2:11: Missing required mapping field: maker"},
		{"wheels: [{maker: a}, {maker: a}, {maker: a}, {maker: a}]\n",
			"bike.yaml:1:46: Excessive entries (3 max) in sequence."},
		{"name: a\n\tgears: 1\n",
			"bike.yaml:2:1: found a tab character that violates indentation"},
		{"name: [\n", "bike.yaml:2:1: did not find expected node content"},
		{"name: \"a\n", "bike.yaml:2:1: found unexpected end of stream"},
		{"- name: a\n", "bike.yaml:1:1: Expecting MAPPING, got event: SEQUENCE_START"},
		{"text\n", "bike.yaml:1:1: Expecting MAPPING, got event: SCALAR"},
		{"", "bike.yaml: empty"},
		{"# only a comment\n", "bike.yaml: empty"},
		{"---\n", "bike.yaml:1:1: Expecting MAPPING, got event: SCALAR"},
		{"name: \xff\n", "bike.yaml: invalid UTF-8"},
		{"\xff\xfe"
		 "n",
			"bike.yaml: invalid UTF-8"},
		{"name: \x01\n", "bike.yaml:1:1: control characters are not allowed"},
	};
	struct err err;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_fails(load(cases[i].yaml, &err), err, ERR_CONFIG, cases[i].text);
}

static void yaml_load__no_field_set__gives_zeros(void **state)
{
	struct bicycle *b = NULL;
	struct err err;

	(void)state;
	assert_ok(yaml_load(BYTES_LIT("{}"), "bike.yaml", &bicycle_schema, (void **)&b, &err), err);
	assert_null(b->name);
	assert_int_equal(b->gears, 0);
	yaml_free(&bicycle_schema, b, 0);
}

static void yaml_load__bombs__are_refused(void **state)
{
	struct buf text = {0};
	void *data = NULL;
	struct err err;

	(void)state;
	buf_put_str(&text, "name: ");
	for (int i = 0; i < 100000; i++)
		buf_put_str(&text, "[");
	assert_fails(
		load(buf_str(&text), &err), err, ERR_CONFIG, "bike.yaml:1:38: nested too deep");
	buf_clear(&text);
	for (unsigned i = 0; i <= YAML_INPUT_MAX; i++)
		buf_put_u8(&text, '#');
	assert_fails(yaml_load(buf_bytes(&text), "bike.yaml", &bicycle_schema, &data, &err), err,
		ERR_LIMIT, "bike.yaml: 1048577 bytes, more than 1048576");
	buf_release(&text);
	assert_null(data);
}

static void yaml_load_sequence__top_level__gives_the_count(void **state)
{
	struct wheel *wheels = NULL;
	unsigned count = 0;
	struct err err;

	(void)state;
	assert_ok(yaml_load_sequence(BYTES_LIT("- maker: a\n- maker: b\n  spokes: 3\n"), "w.yaml",
			  &wheels_schema, (void **)&wheels, &count, &err),
		err);
	assert_int_equal(count, 2);
	assert_int_equal(wheels[1].spokes, 3);
	yaml_free(&wheels_schema, wheels, count);
	assert_fails(yaml_load_sequence(BYTES_LIT("- maker: a\n- maker: b\n  spoke: 3\n"), "w.yaml",
			     &wheels_schema, (void **)&wheels, &count, &err),
		err, ERR_CONFIG, "w.yaml:3:3: unknown key \"spoke\"");
	assert_int_equal(count, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(yaml_load__good__fills_the_struct),
		cmocka_unit_test(yaml_load__faults__name_file_and_line),
		cmocka_unit_test(yaml_load__no_field_set__gives_zeros),
		cmocka_unit_test(yaml_load__bombs__are_refused),
		cmocka_unit_test(yaml_load_sequence__top_level__gives_the_count),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
