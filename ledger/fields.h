/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The content of an entry whose fields can be shown, or taken out, one by one (docs/formats/record.md,
 * "Fields of an entry"). Pure.
 *
 * Kept beside the leaf: a JSON object with the fields by name, "salts" with a salt of 32 bytes for each
 * (hex, by the field's name), and, where some were taken out, "redacted" with their digests. A field's
 * digest is the SHA-256 of the canonical JSON [salt, name, value]. What the leaf commits to is the
 * canonical JSON {"digests": [each field's, ascending], "type": "assay/fields/1"}: it stays the same
 * whatever is taken out.
 *
 * Entries from before there were salts commit to their content as it is.
 */
#ifndef ASSAY_LEDGER_FIELDS_H
#define ASSAY_LEDGER_FIELDS_H

#include "base/json.h"
#include "crypto/digest.h"

#define FIELDS_MAX      64u
#define FIELDS_TEXT_MAX (1u << 20)
#define FIELD_SALT_LEN  32u

/* content: a JSON object, none of whose names is "salts" or "redacted"; salts: FIELD_SALT_LEN bytes for
 * each field. Appends what is kept. ERR_LIMIT beyond FIELDS_MAX, ERR_USAGE. */
must_use bool fields_seal(
	const json_t *content, struct bytes salts, struct buf *ret_kept, struct err *err);

struct fields {
	json_t *shown; /* owned; the fields by name, without salts */
	size_t redacted; /* how many are not shown */
	bool salted; /* false: from before there were salts */
	struct buf committed; /* what the leaf commits to */
};
void fields_release(struct fields *fields);
/* Strict for salted content: each field has its salt and each salt its field, digests are lower-case
 * hex, none twice. ERR_FORMAT, ERR_LIMIT. */
must_use bool fields_open(struct bytes kept, struct fields *ret, struct err *err);
/* The same content without a field. ERR_NOT_FOUND: no such field, or taken out already;
 * ERR_UNSUPPORTED: from before there were salts. */
must_use bool fields_redact(
	struct bytes kept, const char *name, struct buf *ret_kept, struct err *err);

#endif
