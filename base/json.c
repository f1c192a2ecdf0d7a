/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"

/* When memory runs out, jansson's lexer drops a byte of the text and goes on: what it then gives is another value than the
 * one that was written, or another fault than the true one. So its allocator remembers, and once it failed it fails until
 * the call is over, whose result is then thrown away. */
static _Thread_local struct {
	bool watched, starved;
} memory;

static void *take_memory(size_t size)
{
	void *taken = memory.watched && memory.starved ? NULL : malloc(size);

	memory.starved = memory.starved || !taken;
	return taken;
}

/* Before any thread is there: jansson keeps this in a global. */
__attribute__((constructor)) static void watch_memory(void)
{
	json_set_alloc_funcs(take_memory, free);
}

static void watch_begin(void)
{
	memory.watched = true;
	memory.starved = false;
}

/* Whether memory ran out since. */
static bool watch_end(void)
{
	memory.watched = false;
	return memory.starved;
}

/* Nesting is counted before jansson sees the text: its parser recurses up to a limit of its own. */
static bool depth_within(struct bytes in, size_t max)
{
	size_t depth = 0;
	bool in_string = false;

	for (size_t i = 0; i < in.len; i++) {
		uint8_t c = in.data[i];

		if (in_string) {
			if (c == '\\')
				i++;
			else if (c == '"')
				in_string = false;
		} else if (c == '"') {
			in_string = true;
		} else if (c == '{' || c == '[') {
			if (++depth > max)
				return false;
		} else if ((c == '}' || c == ']') && depth > 0) {
			depth--;
		}
	}
	return true;
}

bool json_open(struct bytes in, size_t max, json_t **ret, struct err *err)
{
	json_error_t why = {0};
	json_t *value;

	if (in.len > max)
		return err_set(err, ERR_LIMIT, "JSON: %zu bytes, more than %zu", in.len, max);
	if (!depth_within(in, JSON_DEPTH_MAX))
		return err_set(err, ERR_LIMIT, "JSON: nested deeper than %d", JSON_DEPTH_MAX);
	watch_begin();
	value = json_loadb(
		in.len ? (const char *)in.data : "", in.len, JSON_REJECT_DUPLICATES, &why);
	if (watch_end()) {
		json_decref(value);
		return err_set(err, ERR_NOMEM, "JSON: no memory");
	}
	if (!value)
		return err_set(err, ERR_FORMAT, "JSON: line %d, column %d: %s", why.line,
			why.column, ESC(bytes_str(why.text)));
	*ret = value;
	return true;
}

struct json_fields json_fields_of(const char *what)
{
	return (struct json_fields){.what = what};
}

void json_fields_fail(struct json_fields *f, const char *key, const char *why)
{
	if (f->why)
		return;
	f->why = why;
	text_escape(bytes_str(key), f->where, sizeof(f->where));
}

bool json_fields_ok(const struct json_fields *f, struct err *err)
{
	return !f->why || err_set(err, ERR_FORMAT, "%s: %s: %s", f->what, f->where, f->why);
}

/* The member, NULL when it is absent; null counts as a value of the wrong type. */
static const json_t *member(struct json_fields *f, const json_t *object, const char *key, bool need)
{
	const json_t *value;

	if (f->why)
		return NULL;
	if (!json_is_object(object)) {
		json_fields_fail(f, key, "expected inside an object");
		return NULL;
	}
	value = json_object_get(object, key);
	if (!value && need)
		json_fields_fail(f, key, "missing");
	return value;
}

static const char *str_of(struct json_fields *f, const json_t *value, const char *key, size_t max)
{
	if (!value)
		return NULL;
	if (!json_is_string(value)) {
		json_fields_fail(f, key, "expected a string");
		return NULL;
	}
	if (json_string_length(value) > max) {
		json_fields_fail(f, key, "too long");
		return NULL;
	}
	return json_string_value(value);
}

const char *json_need_str(struct json_fields *f, const json_t *object, const char *key, size_t max)
{
	const char *text = str_of(f, member(f, object, key, true), key, max);

	return text ? text : "";
}

const char *json_want_str(struct json_fields *f, const json_t *object, const char *key, size_t max)
{
	return str_of(f, member(f, object, key, false), key, max);
}

static int64_t int_of(struct json_fields *f, const json_t *value, const char *key, int64_t min,
	int64_t max, int64_t fallback)
{
	if (!value)
		return fallback;
	if (!json_is_integer(value)) {
		json_fields_fail(f, key, "expected an integer");
		return fallback;
	}
	if (json_integer_value(value) < min || json_integer_value(value) > max) {
		json_fields_fail(f, key, "out of range");
		return fallback;
	}
	return json_integer_value(value);
}

int64_t json_need_int(
	struct json_fields *f, const json_t *object, const char *key, int64_t min, int64_t max)
{
	return int_of(f, member(f, object, key, true), key, min, max, 0);
}

int64_t json_want_int(struct json_fields *f, const json_t *object, const char *key, int64_t min,
	int64_t max, int64_t fallback)
{
	return int_of(f, member(f, object, key, false), key, min, max, fallback);
}

bool json_want_bool(struct json_fields *f, const json_t *object, const char *key, bool fallback)
{
	const json_t *value = member(f, object, key, false);

	if (!value)
		return fallback;
	if (!json_is_boolean(value)) {
		json_fields_fail(f, key, "expected true or false");
		return fallback;
	}
	return json_is_true(value);
}

const json_t *json_need_object(struct json_fields *f, const json_t *object, const char *key)
{
	const json_t *value = member(f, object, key, true);

	if (value && !json_is_object(value)) {
		json_fields_fail(f, key, "expected an object");
		return NULL;
	}
	return value;
}

static const json_t *array_of(
	struct json_fields *f, const json_t *value, const char *key, size_t max)
{
	if (!value)
		return NULL;
	if (!json_is_array(value)) {
		json_fields_fail(f, key, "expected an array");
		return NULL;
	}
	if (json_array_size(value) > max) {
		json_fields_fail(f, key, "too many items");
		return NULL;
	}
	return value;
}

const json_t *json_need_array(
	struct json_fields *f, const json_t *object, const char *key, size_t max)
{
	return array_of(f, member(f, object, key, true), key, max);
}

const json_t *json_want_array(
	struct json_fields *f, const json_t *object, const char *key, size_t max)
{
	return array_of(f, member(f, object, key, false), key, max);
}

void json_need_hex(
	struct json_fields *f, const json_t *object, const char *key, uint8_t *out, size_t n)
{
	const char *text = json_need_str(f, object, key, SIZE_MAX);

	memset(out, 0, n);
	if (f->why)
		return;
	if (!hex_decode_exact(bytes_str(text), out, n, NULL)) {
		memset(out, 0, n);
		json_fields_fail(f, key, "expected lower-case hex of the right length");
	}
}

static bool is_listed(const char *key, const char *const *keys)
{
	for (; *keys; keys++)
		if (strcmp(key, *keys) == 0)
			return true;
	return false;
}

void json_only_keys(struct json_fields *f, const json_t *object, const char *const *keys)
{
	json_t *walked = (json_t *)object; /* jansson's iterators take no const */
	const char *key;
	json_t *value;

	if (f->why)
		return;
	if (!json_is_object(object)) {
		json_fields_fail(f, "top level", "expected an object");
		return;
	}
	json_object_foreach(walked, key, value)
	{
		if (!is_listed(key, keys))
			json_fields_fail(f, key, "unknown key");
	}
}

static int append(const char *text, size_t len, void *out)
{
	buf_put(out, bytes_of(text, len));
	return ((struct buf *)out)->failed ? -1 : 0;
}

bool json_write(const json_t *value, bool pretty, struct buf *out, struct err *err)
{
	size_t flags = JSON_SORT_KEYS | JSON_ENCODE_ANY | (pretty ? JSON_INDENT(2) : JSON_COMPACT);
	size_t start = out->len;
	bool written;

	watch_begin();
	written = json_dump_callback(value, append, out, flags) == 0;
	if (watch_end() || !written) {
		out->len = start;
		return buf_ok(out, err) &&
		       (memory.starved ? err_set(err, ERR_NOMEM, "JSON: no memory")
				       : err_set(err, ERR_INTERNAL,
						 "JSON: a value that cannot be written"));
	}
	if (pretty)
		buf_put_u8(out, '\n');
	return buf_ok(out, err);
}

void json_put_string(struct buf *out, const char *text)
{
	static const char named[] = "\"\\\b\f\n\r\t", letters[] = "\"\\bfnrt";
	const char *from = text, *at = text;

	if (!text || !utf8_valid(bytes_str(text))) {
		out->failed = true;
		return;
	}
	buf_put_u8(out, '"');
	for (; *at; at++) {
		if ((unsigned char)*at >= 0x20 && *at != '"' && *at != '\\')
			continue;
		const char *known = strchr(named, *at);

		buf_put(out, bytes_of(from, (size_t)(at - from)));
		from = at + 1;
		if (known)
			buf_printf(out, "\\%c", letters[known - named]);
		else
			buf_printf(out, "\\u%04X", (unsigned)*at);
	}
	buf_put(out, bytes_of(from, (size_t)(at - from)));
	buf_put_u8(out, '"');
}

json_t *json_base64(struct bytes in)
{
	OWNED(buf_release) struct buf text = {0};
	buf_put_base64(&text, in, false);
	return buf_str(&text) ? json_stringn(buf_str(&text), text.len) : NULL;
}

void json_release(json_t **value)
{
	json_decref(*value);
	*value = NULL;
}
