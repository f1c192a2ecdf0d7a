/* SPDX-License-Identifier: Apache-2.0 */
/* The objects that a record names, read from the store as they are asked for and kept while it is in
 * hand. Private to verifier/. */
#ifndef ASSAY_VERIFIER_RECORD_OBJECTS_H
#define ASSAY_VERIFIER_RECORD_OBJECTS_H

#include "ledger/audit.h"
#include "verifier/rows.h"

struct record_objects {
	struct sql *sql; /* borrowed */
	size_t count;
	uint8_t digests[AUDIT_OBJECTS_MAX][SHA256_LEN];
	struct buf objects[AUDIT_OBJECTS_MAX];
	struct err err; /* of a lookup inside a decoder */
};
/* Takes in what is the record's own (record_contents.h): first of all. ERR_GONE, ERR_STORE. */
must_use bool record_objects_of(struct record_objects *o, uint64_t index, struct err *err);
/* Borrowed until the release. ERR_NOT_FOUND, ERR_STORE, ERR_LIMIT beyond AUDIT_OBJECTS_MAX. */
must_use bool record_objects_get(struct record_objects *o, const uint8_t digest[SHA256_LEN],
	struct bytes *ret, struct err *err);
/* A policy_find over struct record_objects. */
bool record_objects_find(void *objects, const uint8_t digest[SHA256_LEN], struct bytes *ret);
void record_objects_release(struct record_objects *o);
/* The digest of an input; NULL: the record names none so. */
const uint8_t *record_input_digest(const struct record *record, const char *name);

#endif
