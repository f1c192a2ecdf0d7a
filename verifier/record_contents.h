/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The objects that are a record's own: evidence, context, the state that it left, verdict. Each record has its copy, also where
 * another's verdict reads alike, and it goes with the record. They are sealed together under one data key, in one row that stands
 * behind the one of the record before, and found by the record. What records share (policies, releases, approvals) are objects by
 * their digest (rows.h), and so are the own ones of records from before there were such rows.
 *
 * What is sealed: a CBOR array of byte strings, the objects; its identity is the record's id. Private to verifier/.
 */
#ifndef ASSAY_VERIFIER_RECORD_CONTENTS_H
#define ASSAY_VERIFIER_RECORD_CONTENTS_H

#include "verifier/rows.h"

#define RECORD_CONTENTS_MAX 4u

/* Seals ahead of record_insert and off the writer's thread; row->id is set. */
must_use bool record_seal(struct vault *vault, struct record_row *row, const struct bytes *contents,
	size_t count, struct err *err);
/* What record_seal made. A master key that was rotated meanwhile is no matter. */
must_use bool record_contents_put(struct sql *sql, const struct record_row *row, struct err *err);

struct record_contents {
	struct buf plain;
	size_t count;
	struct bytes contents[RECORD_CONTENTS_MAX]; /* in plain */
	uint8_t digests[RECORD_CONTENTS_MAX][SHA256_LEN]; /* computed */
};
void record_contents_release(struct record_contents *contents);
/* What is sealed, appended; and the objects in it, which is taken over whatever comes of it. ERR_FORMAT, ERR_LIMIT. */
must_use bool record_contents_encode(
	const struct bytes *contents, size_t count, struct buf *out, struct err *err);
must_use bool record_contents_parse(
	struct buf *plain, struct record_contents *ret, struct err *err);
/* No contents: the record is not there, or its objects stand one by one. ERR_GONE: destroyed, and when; ERR_STORE: they do not
 * open. */
must_use bool record_contents_get(
	struct sql *sql, uint64_t index, struct record_contents *ret, struct err *err);
/* Into contents; NULL: none of them. */
const struct bytes *record_contents_find(
	const struct record_contents *contents, const uint8_t digest[SHA256_LEN]);
/* One object that a record names, whether its own or not. Errors as object_get has them; ERR_GONE also for what nobody shares
 * with a record whose own objects are destroyed. Appends. */
must_use bool record_object_get(struct sql *sql, uint64_t index, const uint8_t digest[SHA256_LEN],
	struct buf *ret, struct err *err);
/* For good, as object_destroy does. *ret_found false: there is no such row. */
must_use bool record_contents_destroy(
	struct sql *sql, uint64_t index, bool *ret_found, struct err *err);

#endif
