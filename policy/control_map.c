/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/control_map.h"

#include <assert.h>

#include "base/text.h"
#include "base/yaml.h"

#define TEXT_MAX 255u

static const cyaml_strval_t kinds[] = {
	{"registered", EVIDENCE_REGISTERED},
	{"reviewed", EVIDENCE_REVIEWED},
	{"third-parties", EVIDENCE_THIRD_PARTIES},
	{"release-signed", EVIDENCE_RELEASE_SIGNED},
	{"release-approved", EVIDENCE_RELEASE_APPROVED},
	{"change-recorded", EVIDENCE_CHANGE},
	{"datasets-recorded", EVIDENCE_DATASETS},
	{"components-measured", EVIDENCE_MEASURED},
	{"boot-appraised", EVIDENCE_BOOT},
	{"records-kept", EVIDENCE_RECORDS},
	{"offline-audit", EVIDENCE_AUDIT},
};
static_assert(ARRAY_LEN(kinds) == EVIDENCE_KINDS - 1, "a name for every kind");

static const cyaml_schema_value_t kind_entry = {
	CYAML_VALUE_ENUM(CYAML_FLAG_STRICT, enum evidence_kind, kinds, ARRAY_LEN(kinds)),
};
static const cyaml_schema_field_t control_fields[] = {
	CYAML_FIELD_STRING_PTR("id", CYAML_FLAG_POINTER, struct control, id, 1, TEXT_MAX),
	CYAML_FIELD_STRING_PTR(
		"framework", CYAML_FLAG_POINTER, struct control, framework, 1, TEXT_MAX),
	CYAML_FIELD_STRING_PTR("clause", CYAML_FLAG_POINTER, struct control, clause, 1, TEXT_MAX),
	CYAML_FIELD_STRING_PTR("title", CYAML_FLAG_POINTER, struct control, title, 1, TEXT_MAX),
	CYAML_FIELD_SEQUENCE("evidence", CYAML_FLAG_POINTER, struct control, evidence, &kind_entry,
		1, EVIDENCE_KINDS - 1),
	CYAML_FIELD_END,
};
static const cyaml_schema_value_t control_entry = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct control, control_fields),
};
static const cyaml_schema_field_t map_fields[] = {
	CYAML_FIELD_INT("map", CYAML_FLAG_DEFAULT, struct control_map, map),
	CYAML_FIELD_STRING_PTR("name", CYAML_FLAG_POINTER, struct control_map, name, 1, TEXT_MAX),
	CYAML_FIELD_STRING_PTR(
		"version", CYAML_FLAG_POINTER, struct control_map, version, 1, TEXT_MAX),
	CYAML_FIELD_SEQUENCE("controls", CYAML_FLAG_POINTER, struct control_map, controls,
		&control_entry, 1, CONTROLS_MAX),
	CYAML_FIELD_END,
};
static const cyaml_schema_value_t map_schema = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct control_map, map_fields),
};

const char *evidence_kind_name(enum evidence_kind kind)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (kinds[i].val == (int64_t)kind)
			return kinds[i].str;
	return "none";
}

bool control_id_ok(struct bytes id)
{
	for (size_t i = 0; i < id.len; i++)
		if (!(id.data[i] >= 'a' && id.data[i] <= 'z') &&
			!(id.data[i] >= 'A' && id.data[i] <= 'Z') &&
			!(id.data[i] >= '0' && id.data[i] <= '9') &&
			(id.data[i] == 0 || !strchr("._-/:()", id.data[i])))
			return false;
	return id.len > 0 && id.len <= CONTROL_ID_MAX;
}

static bool check_control(const struct control_map *map, const struct control *control,
	const char *name, struct err *err)
{
	if (!control_id_ok(bytes_str(control->id)))
		return err_set(err, ERR_CONFIG,
			"%s: controls: %s: an id is 1 to 64 letters, digits and . _ - / : ( )",
			name, ESC(bytes_str(control->id)));
	if (control_map_find(map, control->id) != control)
		return err_set(err, ERR_CONFIG, "%s: controls: %s: given twice", name, control->id);
	for (unsigned i = 0; i < control->evidence_count; i++)
		for (unsigned k = 0; k < i; k++)
			if (control->evidence[i] == control->evidence[k])
				return err_set(err, ERR_CONFIG,
					"%s: controls: %s: evidence: %s given twice", name,
					control->id, evidence_kind_name(control->evidence[i]));
	return true;
}

bool control_map_parse(
	struct bytes yaml, const char *name, struct control_map **ret, struct err *err)
{
	void *data = NULL;
	struct control_map *map = NULL;
	bool ok = true;

	if (yaml.len > CONTROL_MAP_TEXT_MAX)
		return err_set(err, ERR_LIMIT, "%s: %zu bytes: more than %u", name, yaml.len,
			CONTROL_MAP_TEXT_MAX);
	if (!yaml_load(yaml, name, &map_schema, &data, err))
		return false;
	map = data;
	if (map->map != 1)
		ok = err_set(err, ERR_CONFIG, "%s: map: %d: this program knows format 1", name,
			map->map);
	for (unsigned i = 0; ok && i < map->controls_count; i++)
		ok = check_control(map, &map->controls[i], name, err);
	if (ok)
		*ret = map;
	else
		control_map_free(&map);
	return ok;
}

void control_map_free(struct control_map **map)
{
	if (*map)
		yaml_free(&map_schema, *map, 0);
	*map = NULL;
}

const struct control *control_map_find(const struct control_map *map, const char *id)
{
	for (unsigned i = 0; i < map->controls_count; i++)
		if (strcmp(map->controls[i].id, id) == 0)
			return &map->controls[i];
	return NULL;
}
