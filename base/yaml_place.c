/* SPDX-License-Identifier: Apache-2.0 */
/* Where in a text a loaded value stood: the text's events and the data are walked side by side, by
 * the schema that led from one to the other. Done only once something is wrong. */
#include "base/yaml.h"

#include <yaml.h>

#include "base/text.h"

/* One open mapping or sequence. */
struct level {
	const cyaml_schema_value_t *schema; /* NULL: it has none here */
	const uint8_t *base; /* of the structure, or of the first entry */
	const cyaml_schema_field_t *field; /* of the mapping's key read last */
	size_t next; /* entry of the sequence */
	bool mapping, value_next;
};

/* A value's schema and where it was loaded to. */
struct slot {
	const cyaml_schema_value_t *schema;
	const uint8_t *at; /* NULL: unknown */
	size_t size;
};

struct walk {
	const uint8_t *place;
	size_t line, column; /* of the innermost value that holds the place; 0: none yet */
	size_t depth;
	struct level levels[YAML_DEPTH_MAX];
};

static bool holds(const uint8_t *at, size_t size, const uint8_t *place)
{
	return at && (uintptr_t)place >= (uintptr_t)at && (uintptr_t)place - (uintptr_t)at < size;
}

static struct slot slot_of(const cyaml_schema_value_t *schema, const uint8_t *at)
{
	bool pointer = schema->flags & CYAML_FLAG_POINTER;

	return (struct slot){schema, at, pointer ? sizeof(void *) : schema->data_size};
}

/* Steps over the value in the mapping or sequence around it. */
static struct slot slot_next(struct level *level)
{
	const struct slot none = {0};

	if (level->mapping) {
		const cyaml_schema_field_t *field = level->field;

		level->value_next = false;
		if (!level->base || !field)
			return none;
		return slot_of(&field->value, level->base + field->data_offset);
	}
	if (!level->schema || !level->base)
		return none;
	const cyaml_schema_value_t *entry = level->schema->sequence.entry;
	struct slot slot = slot_of(entry, level->base);

	slot.at += level->next++ * slot.size;
	return slot;
}

static const uint8_t *value_of(const struct slot *slot)
{
	const uint8_t *pointed = NULL;

	if (!slot->at || !(slot->schema->flags & CYAML_FLAG_POINTER))
		return slot->at;
	memcpy(&pointed, slot->at, sizeof(pointed));
	return pointed;
}

static void see(struct walk *w, const struct slot *slot, const yaml_mark_t *mark)
{
	bool structure = slot->schema && slot->schema->type == CYAML_MAPPING;

	if (!holds(slot->at, slot->size, w->place) &&
		!(structure && holds(value_of(slot), slot->schema->data_size, w->place)))
		return;
	w->line = mark->line + 1;
	w->column = mark->column + 1;
}

static void on_key(struct level *level, struct bytes text)
{
	const cyaml_schema_field_t *fields = level->schema ? level->schema->mapping.fields : NULL;

	level->value_next = true;
	level->field = NULL;
	for (size_t i = 0; fields && fields[i].key; i++)
		if (bytes_equal_str(text, fields[i].key))
			level->field = &fields[i];
}

static void enter(struct walk *w, const struct slot *slot, bool mapping)
{
	bool fits =
		slot->schema && (mapping ? slot->schema->type == CYAML_MAPPING
					 : slot->schema->type == CYAML_SEQUENCE ||
							slot->schema->type == CYAML_SEQUENCE_FIXED);

	if (w->depth == YAML_DEPTH_MAX)
		return;
	w->levels[w->depth++] = (struct level){
		.schema = fits ? slot->schema : NULL,
		.base = fits ? value_of(slot) : NULL,
		.mapping = mapping,
	};
}

/* The text was scanned before: it nests no deeper than levels can hold, and has one document. */
static void on_event(struct walk *w, const yaml_event_t *event, const struct slot *root)
{
	struct level *level = w->depth ? &w->levels[w->depth - 1] : NULL;
	bool scalar = event->type == YAML_SCALAR_EVENT;
	bool mapping = event->type == YAML_MAPPING_START_EVENT;

	if (event->type == YAML_MAPPING_END_EVENT || event->type == YAML_SEQUENCE_END_EVENT)
		w->depth -= w->depth > 0;
	if (!scalar && !mapping && event->type != YAML_SEQUENCE_START_EVENT)
		return;
	if (scalar && level && level->mapping && !level->value_next) {
		on_key(level, bytes_of(event->data.scalar.value, event->data.scalar.length));
		return;
	}
	struct slot slot = level ? slot_next(level) : *root;
	see(w, &slot, &event->start_mark);
	if (!scalar)
		enter(w, &slot, mapping);
}

static void walk(struct walk *w, struct bytes text, const struct slot *root)
{
	yaml_parser_t parser;
	bool end = false;

	if (!yaml_parser_initialize(&parser))
		return;
	yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&parser, text.data, text.len);
	while (!end) {
		yaml_event_t event;

		if (!yaml_parser_parse(&parser, &event))
			break;
		on_event(w, &event, root);
		end = event.type == YAML_STREAM_END_EVENT;
		yaml_event_delete(&event);
	}
	yaml_parser_delete(&parser);
}

bool yaml_wrap(struct err *err, struct bytes text, const char *name,
	const cyaml_schema_value_t *schema, const void *data)
{
	struct walk w = {.place = err ? err->place : NULL};
	const struct slot root = {schema, (const uint8_t *)&data, sizeof(data)};

	if (w.place)
		walk(&w, text, &root);
	return w.line ? err_wrap(err, "%s:%zu:%zu", name, w.line, w.column)
		      : err_wrap(err, "%s", name);
}
