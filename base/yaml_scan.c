/* SPDX-License-Identifier: Apache-2.0 */
#include "base/yaml_scan.h"

#include <yaml.h>

#include "base/text.h"

/* One open mapping or sequence. */
struct level {
	const cyaml_schema_value_t *schema; /* NULL: below something that has no schema */
	const cyaml_schema_field_t *field; /* of the mapping's key read last */
	uint64_t seen; /* fields met so far, a bit each */
	bool mapping;
	bool value_next;
};

struct scan {
	const char *name;
	const cyaml_schema_value_t *root;
	size_t line, column; /* of the event in hand, from 1 */
	size_t documents;
	size_t depth;
	struct level levels[YAML_DEPTH_MAX];
	struct err *err;
};

static bool refuse(struct scan *s, const char *why, struct bytes text)
{
	if (!text.data)
		return err_set(
			s->err, ERR_CONFIG, "%s:%zu:%zu: %s", s->name, s->line, s->column, why);
	return err_set(s->err, ERR_CONFIG, "%s:%zu:%zu: %s \"%s\"", s->name, s->line, s->column,
		why, ESC(text));
}

static bool is_integer(struct bytes text, bool negative_too)
{
	size_t at = negative_too && text.len > 0 && text.data[0] == '-' ? 1 : 0;
	bool hex = text.len > at + 2 && text.data[at] == '0' && text.data[at + 1] == 'x';

	if (at == text.len || (!hex && text.data[at] == '0' && text.len > at + 1))
		return false;
	for (size_t i = hex ? at + 2 : at; i < text.len; i++) {
		uint8_t c = text.data[i];
		bool digit = c >= '0' && c <= '9';

		if (!digit && !(hex && ((c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'))))
			return false;
	}
	return true;
}

static bool is_word_of(struct bytes text, const cyaml_schema_value_t *schema)
{
	for (uint32_t i = 0; i < schema->enumeration.count; i++)
		if (bytes_equal_str(text, schema->enumeration.strings[i].str))
			return true;
	return false;
}

static bool scan_value(struct scan *s, const cyaml_schema_value_t *schema, struct bytes text)
{
	if (!schema)
		return true;
	if ((schema->type == CYAML_INT || schema->type == CYAML_UINT) &&
		!is_integer(text, schema->type == CYAML_INT))
		return refuse(s,
			schema->type == CYAML_INT ? "no integer:" : "no unsigned integer:", text);
	if (schema->type == CYAML_BOOL && !bytes_equal_str(text, "true") &&
		!bytes_equal_str(text, "false"))
		return refuse(s, "neither true nor false:", text);
	if (schema->type == CYAML_ENUM && !is_word_of(text, schema))
		return refuse(s, "unknown word", text);
	return true;
}

static bool scan_key(struct scan *s, struct level *level, struct bytes text)
{
	const cyaml_schema_field_t *fields = level->schema ? level->schema->mapping.fields : NULL;

	level->value_next = true;
	if (!fields)
		return true;
	for (size_t i = 0; fields[i].key; i++) {
		if (!bytes_equal_str(text, fields[i].key))
			continue;
		if (i >= 64)
			return refuse(s, "a schema of more than 64 fields at", text);
		if (level->seen >> i & 1)
			return refuse(s, "duplicate key", text);
		level->seen |= (uint64_t)1 << i;
		level->field = &fields[i];
		return true;
	}
	return refuse(s, "unknown key", text);
}

/* The schema of the value that begins here; steps over it in the mapping around it. */
static const cyaml_schema_value_t *next_schema(struct scan *s)
{
	struct level *level = s->depth ? &s->levels[s->depth - 1] : NULL;

	if (!level)
		return s->root;
	if (level->mapping) {
		level->value_next = false;
		return level->schema && level->field ? &level->field->value : NULL;
	}
	return level->schema ? level->schema->sequence.entry : NULL;
}

static bool key_is_next(const struct scan *s)
{
	return s->depth > 0 && s->levels[s->depth - 1].mapping &&
	       !s->levels[s->depth - 1].value_next;
}

static bool on_scalar(struct scan *s, const yaml_event_t *event)
{
	struct bytes text = bytes_of(event->data.scalar.value, event->data.scalar.length);

	if (event->data.scalar.anchor || event->data.scalar.tag)
		return refuse(s, "anchors and tags are refused", (struct bytes){0});
	/* libcyaml's strings would end there. */
	if (text.len && memchr(text.data, 0, text.len))
		return refuse(s, "NUL in a value:", text);
	if (key_is_next(s))
		return scan_key(s, &s->levels[s->depth - 1], text);
	return scan_value(s, next_schema(s), text);
}

static bool enter(struct scan *s, bool mapping, bool decorated)
{
	const cyaml_schema_value_t *schema;
	bool described;

	if (decorated)
		return refuse(s, "anchors and tags are refused", (struct bytes){0});
	if (key_is_next(s))
		return refuse(s, "a key must be a plain word", (struct bytes){0});
	if (s->depth == YAML_DEPTH_MAX)
		return refuse(s, "nested too deep", (struct bytes){0});
	schema = next_schema(s);
	described = schema && (mapping ? schema->type == CYAML_MAPPING
				       : schema->type == CYAML_SEQUENCE ||
						      schema->type == CYAML_SEQUENCE_FIXED);
	s->levels[s->depth++] =
		(struct level){.schema = described ? schema : NULL, .mapping = mapping};
	return true;
}

static bool leave(struct scan *s)
{
	s->depth--;
	return true;
}

static bool on_event(struct scan *s, const yaml_event_t *event)
{
	s->line = event->start_mark.line + 1;
	s->column = event->start_mark.column + 1;
	switch (event->type) {
	case YAML_DOCUMENT_START_EVENT:
		return ++s->documents == 1 ||
		       refuse(s, "more than one document", (struct bytes){0});
	case YAML_ALIAS_EVENT:
		return refuse(s, "aliases are refused", (struct bytes){0});
	case YAML_SCALAR_EVENT:
		return on_scalar(s, event);
	case YAML_MAPPING_START_EVENT:
		return enter(
			s, true, event->data.mapping_start.anchor || event->data.mapping_start.tag);
	case YAML_SEQUENCE_START_EVENT:
		return enter(s, false,
			event->data.sequence_start.anchor || event->data.sequence_start.tag);
	case YAML_MAPPING_END_EVENT:
	case YAML_SEQUENCE_END_EVENT:
		return leave(s);
	default:
		return true;
	}
}

static bool scan_events(struct scan *s, yaml_parser_t *parser)
{
	bool ok = true, end = false;

	while (ok && !end) {
		yaml_event_t event;

		if (!yaml_parser_parse(parser, &event)) {
			s->line = parser->problem_mark.line + 1;
			s->column = parser->problem_mark.column + 1;
			return refuse(s, parser->problem ? parser->problem : "no YAML",
				(struct bytes){0});
		}
		ok = on_event(s, &event);
		end = event.type == YAML_STREAM_END_EVENT;
		yaml_event_delete(&event);
	}
	if (ok && s->documents == 0)
		return err_set(s->err, ERR_CONFIG, "%s: empty", s->name);
	return ok;
}

bool yaml_scan(
	struct bytes text, const char *name, const cyaml_schema_value_t *schema, struct err *err)
{
	struct scan s = {.name = name, .root = schema, .line = 1, .column = 1, .err = err};
	yaml_parser_t parser;
	bool ok;

	/* libyaml would also read UTF-16 and guess which it is. */
	if (!utf8_valid(text))
		return err_set(err, ERR_CONFIG, "%s: invalid UTF-8", name);
	if (!yaml_parser_initialize(&parser))
		return err_set(err, ERR_NOMEM, "%s: out of memory", name);
	yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&parser, text.len ? text.data : (const uint8_t *)"", text.len);
	ok = scan_events(&s, &parser);
	yaml_parser_delete(&parser);
	return ok;
}
