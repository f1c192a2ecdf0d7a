/* SPDX-License-Identifier: Apache-2.0 */
/* Control maps: the one shipped, and what a map must not be. */
#include "policy/control_map.h"

#include "base/file.h"
#include "tests/support/unit.h"

static struct control_map *map;
static struct err err;

static int teardown(void **state)
{
	(void)state;
	control_map_free(&map);
	err = (struct err){0};
	return 0;
}

#define HEAD "map: 1\nname: n\nversion: \"1\"\ncontrols:\n"
#define CONTROL(id, evidence)                                                                      \
	"  - id: \"" id                                                                            \
	"\"\n    framework: f\n    clause: c\n    title: t\n    evidence: [" evidence "]\n"

static void map__shipped__parses_and_uses_every_kind(void **state)
{
	(void)state;
	struct buf text = {0};
	bool used[EVIDENCE_KINDS] = {false};
	assert_ok(
		file_read("docs/compliance/controls.yaml", CONTROL_MAP_TEXT_MAX, &text, &err), err);
	assert_ok(control_map_parse(buf_bytes(&text), "controls.yaml", &map, &err), err);
	buf_release(&text);
	for (unsigned i = 0; i < map->controls_count; i++)
		for (unsigned k = 0; k < map->controls[i].evidence_count; k++)
			used[map->controls[i].evidence[k]] = true;
	for (int kind = EVIDENCE_NONE + 1; kind < EVIDENCE_KINDS; kind++)
		if (!used[kind])
			fail_msg("%s is used by no control",
				evidence_kind_name((enum evidence_kind)kind));
	const struct control *c = control_map_find(map, "EU-AI-Act/26(6)");
	assert_non_null(c);
	assert_string_equal(c->clause, "Article 26(6)");
	assert_int_equal(c->evidence[1], EVIDENCE_AUDIT);
	assert_null(control_map_find(map, "EU-AI-Act"));
}

static void map__bad__refused_with_what_is_wrong(void **state)
{
	(void)state;
	static const struct {
		const char *text, *why;
	} cases[] = {
		{"", "map.yaml"},
		{"map: 2\nname: n\nversion: \"1\"\ncontrols:\n" CONTROL("A/1", "registered"),
			"map: 2: this program knows format 1"},
		{HEAD CONTROL("A 1", "registered"), "an id is 1 to 64 letters"},
		{HEAD CONTROL("A/1", "registered") CONTROL("A/1", "reviewed"), "A/1: given twice"},
		{HEAD CONTROL("A/1", "registered, registered"), "registered given twice"},
		{HEAD CONTROL("A/1", "complied-with"), "complied-with"},
		{HEAD CONTROL("A/1", ""), "map.yaml"},
		{HEAD "  - id: A\n", "map.yaml"},
		{HEAD CONTROL("A/1", "registered") "met: true\n", "unknown key \"met\""},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		err = (struct err){0};
		assert_false(control_map_parse(bytes_str(cases[i].text), "map.yaml", &map, &err));
		assert_null(map);
		if (!strstr(err.text, cases[i].why))
			fail_msg("case %zu: %s", i, err.text);
	}
}

static void map__too_long__refused(void **state)
{
	(void)state;
	struct buf text = {0};
	(void)buf_extend(&text, CONTROL_MAP_TEXT_MAX + 1);
	assert_false(control_map_parse(buf_bytes(&text), "map.yaml", &map, &err));
	assert_int_equal(err.code, ERR_LIMIT);
	buf_release(&text);
}

static void kind__unknown__none(void **state)
{
	(void)state;
	assert_string_equal(evidence_kind_name(EVIDENCE_NONE), "none");
	assert_string_equal(evidence_kind_name(EVIDENCE_KINDS), "none");
	assert_string_equal(evidence_kind_name(EVIDENCE_AUDIT), "offline-audit");
}

static void id__length_and_letters__bounded(void **state)
{
	(void)state;
	char id[CONTROL_ID_MAX + 2];
	memset(id, 'a', sizeof(id));
	assert_true(control_id_ok(bytes_of(id, CONTROL_ID_MAX)));
	assert_false(control_id_ok(bytes_of(id, CONTROL_ID_MAX + 1)));
	assert_false(control_id_ok(bytes_of(id, 0)));
	assert_true(control_id_ok(bytes_str("aZ09._-/:()")));
	assert_false(control_id_ok(bytes_str("a\xc3\xa4")));
	assert_false(control_id_ok(BYTES_LIT("a\0b")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_teardown(name, teardown)
		T(map__shipped__parses_and_uses_every_kind),
		T(map__bad__refused_with_what_is_wrong),
		T(map__too_long__refused),
		T(kind__unknown__none),
		T(id__length_and_letters__bounded),
#undef T
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
