/* SPDX-License-Identifier: Apache-2.0 */
/* The objects that records name, read from the store as they are asked for and kept, each once, while they are in hand. Private
 * to verifier/. */
#ifndef ASSAY_VERIFIER_RECORD_OBJECTS_H
#define ASSAY_VERIFIER_RECORD_OBJECTS_H

#include "ledger/audit.h"
#include "verifier/rows.h"

struct record_objects {
	struct sql *sql; /* borrowed */
	const struct record_objects
		*shared; /* borrowed: what is there is not read again; or NULL */
	size_t max; /* that are kept */
	size_t count, room, bytes; /* bytes: of them all */
	struct record_object {
		uint8_t digest[SHA256_LEN];
		struct buf bytes;
	} * list; /* owned */
	struct err err; /* of a lookup inside a decoder */
};
/* Takes in what is the record's own (record_contents.h): before anything else of it. ERR_GONE, ERR_STORE, ERR_LIMIT beyond max. */
must_use bool record_objects_of(struct record_objects *o, uint64_t index, struct err *err);
/* Borrowed until the release. ERR_NOT_FOUND, ERR_STORE, ERR_LIMIT beyond max. */
must_use bool record_objects_get(struct record_objects *o, const uint8_t digest[SHA256_LEN],
	struct bytes *ret, struct err *err);
/* A policy_find over struct record_objects. */
bool record_objects_find(void *objects, const uint8_t digest[SHA256_LEN], struct bytes *ret);
/* Forgets all behind the first `count`. */
void record_objects_cut(struct record_objects *o, size_t count);
/* Others may be taken in then. */
void record_objects_release(struct record_objects *o);
/* The digest of an input; NULL: the record names none so. */
const uint8_t *record_input_digest(const struct record *record, const char *name);

#endif
