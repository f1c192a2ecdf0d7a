/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Strict JSON over jansson: duplicate keys, trailing data, invalid UTF-8, NUL, over-deep or
 * over-long input refused. Values are jansson's json_t; what is here opens, looks up with sticky
 * faults, and writes canonically.
 */
#ifndef ASSAY_BASE_JSON_H
#define ASSAY_BASE_JSON_H

#include "base/bytes.h"

#include <jansson.h>

#define JSON_INPUT_MAX (8u << 20)
#define JSON_DEPTH_MAX 32

/* Parses a whole document. The caller owns *ret (json_decref). */
must_use bool json_open(struct bytes in, size_t max, json_t **ret, struct err *err);

/* Sticky lookups into an object, for reading a message like a schema. */
struct json_fields {
	const char *what;
	char where[96]; /* first faulty field */
	const char *why;
};
struct json_fields json_fields_of(const char *what);
const char *json_need_str(
	struct json_fields *f, const json_t *object, const char *key, size_t max); /* "" on fault */
const char *json_want_str(struct json_fields *f, const json_t *object, const char *key,
	size_t max); /* NULL if absent */
int64_t json_need_int(
	struct json_fields *f, const json_t *object, const char *key, int64_t min, int64_t max);
int64_t json_want_int(struct json_fields *f, const json_t *object, const char *key, int64_t min,
	int64_t max, int64_t fallback);
bool json_want_bool(struct json_fields *f, const json_t *object, const char *key, bool fallback);
const json_t *json_need_object(
	struct json_fields *f, const json_t *object, const char *key); /* NULL on fault */
const json_t *json_need_array(
	struct json_fields *f, const json_t *object, const char *key, size_t max);
const json_t *json_want_array(struct json_fields *f, const json_t *object, const char *key,
	size_t max); /* NULL if absent */
/* Lower-case hex of exactly n bytes. */
void json_need_hex(
	struct json_fields *f, const json_t *object, const char *key, uint8_t *out, size_t n);
/* Fails when the object holds a key outside the NULL-terminated list. */
void json_only_keys(struct json_fields *f, const json_t *object, const char *const *keys);
void json_fields_fail(struct json_fields *f, const char *key, const char *why);
must_use bool json_fields_ok(const struct json_fields *f, struct err *err);

/* Appends: compact, keys sorted, no trailing newline (pretty = true: indented, sorted, newline). */
must_use bool json_write(const json_t *value, bool pretty, struct buf *out, struct err *err);
/* Appends a string in quotes, byte for byte as json_write writes it; text that is no UTF-8, or none, fails the buffer. */
void json_put_string(struct buf *out, const char *text);
/* The bytes in base64, padded, as a JSON string that the caller owns; NULL: no memory. */
json_t *json_base64(struct bytes in);
/* cleanup for OWNED(). */
void json_release(json_t **value);

#endif
