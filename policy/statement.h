/* SPDX-License-Identifier: Apache-2.0 */
/* in-toto Statement v1, as strict as we write it: unknown keys refused, digests canonical. Private
 * to policy/. */
#ifndef ASSAY_POLICY_STATEMENT_H
#define ASSAY_POLICY_STATEMENT_H

#include "base/json.h"
#include "crypto/digest.h"

#define STATEMENT_TYPE "https://in-toto.io/Statement/v1"

struct statement {
	json_t *root;
	const json_t *subjects, *predicate; /* borrowed from root */
	size_t subject_count;
};
/* Opens a statement of exactly this predicate type with 1..subjects_max subjects. */
must_use bool statement_open(struct bytes in, const char *predicate_type, size_t subjects_max,
	struct statement *ret, struct err *err);
void statement_release(struct statement *statement);
/* Name and SHA-256 of subject i; faults are sticky in f. The name is borrowed. */
const char *statement_subject(const struct statement *statement, size_t i, struct json_fields *f,
	uint8_t digest[SHA256_LEN]);
/* Writes a statement in canonical JSON; takes both values, NULL stands for "no memory". */
must_use bool statement_write(const char *predicate_type, json_t *subjects, json_t *predicate,
	struct buf *out, struct err *err);
json_t *statement_subject_new(const char *name, const uint8_t digest[SHA256_LEN]);

/* A string or object member that may be NULL (then nothing is set); false on no memory. */
bool statement_put_str(json_t *object, const char *key, const char *value);
bool statement_put_hex(json_t *object, const char *key, const uint8_t digest[SHA256_LEN]);

/* Texts of a predicate, copied: required and optional; false only on no memory. Control characters
 * and (required) empty texts are faults in f. */
bool statement_need_text(
	struct json_fields *f, const json_t *object, const char *key, size_t max, char **ret);
bool statement_want_text(
	struct json_fields *f, const json_t *object, const char *key, size_t max, char **ret);
/* As need_text, and text_is_name. */
bool statement_need_name(struct json_fields *f, const json_t *object, const char *key, char **ret);

#endif
