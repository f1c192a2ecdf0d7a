/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One entry of the ledger in a file of its own, with what proves it: canonical JSON {"type":
 * "assay/entry/1", "index", "leaf" (hex), "salt" (hex), "content" (the object as it is kept beside the
 * leaf, ledger/fields.h), "proof" ([hex of each node]), "checkpoint" (a signed note)}. Pure.
 */
#ifndef ASSAY_LEDGER_ENTRY_FILE_H
#define ASSAY_LEDGER_ENTRY_FILE_H

#include "ledger/fields.h"
#include "ledger/ledger.h"

#define ENTRY_FILE_MAX (2u << 20)

struct entry_file { /* borrows */
	uint64_t index;
	struct bytes leaf;
	uint8_t salt[LEDGER_SALT_LEN];
	struct bytes content; /* JSON */
	struct bytes proof; /* nodes, concatenated */
	struct bytes checkpoint;
};
/* ERR_UNSUPPORTED when the content is not JSON: entries of credentials are CBOR. */
must_use bool entry_file_write(const struct entry_file *file, struct buf *out, struct err *err);

/* One that was read: owns what it has. */
struct entry_opened {
	uint64_t index;
	struct leaf leaf;
	struct buf leaf_bytes, content, proof, checkpoint;
	uint8_t salt[LEDGER_SALT_LEN];
	struct fields fields;
};
void entry_opened_release(struct entry_opened *entry);
/* ERR_FORMAT, ERR_LIMIT. Nothing is proved yet. */
must_use bool entry_file_read(struct bytes in, struct entry_opened *ret, struct err *err);
/* The fields are what the leaf commits to; and the leaf stands at its index in the tree that the
 * checkpoint is over, whose signatures are looked at elsewhere. ERR_MISMATCH, ERR_FORMAT. */
must_use bool entry_file_prove(const struct entry_opened *entry, struct err *err);

#endif
