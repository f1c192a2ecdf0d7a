/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An entry of the ledger with what lies beside it, so that it can be proved by itself: as JSON
 * {"index", "type", "time", "id": leaf hash, "leaf": base64, "salt": hex, "content": base64, or null
 * when it was destroyed, "proof": base64 of the hashes from the leaf up, and for decisions
 * "decision": see decision_facts.h}. The content of a decision is its signed record.
 *
 * A page is what the verifier answers: {"tree_size", "tree_root", "checkpoint": note or null,
 * "entries": [...] ascending, "next": index or null}. Pure.
 */
#ifndef ASSAY_LEDGER_ENTRY_H
#define ASSAY_LEDGER_ENTRY_H

#include "base/time.h"
#include "ledger/decision_facts.h"

#define ENTRY_CONTENT_MAX  (64u << 10)
#define ENTRIES_PAGE_MAX   200u /* two fit when the last one brings its issued leaf */
#define ENTRIES_PAGE_BYTES (4u << 20) /* a page ends behind the entry that passes it */

struct ledger_entry {
	uint64_t index;
	enum leaf_type type;
	int64_t time;
	uint8_t id[SHA256_LEN];
	struct buf leaf, content, proof;
	uint8_t salt[LEDGER_SALT_LEN];
	bool destroyed; /* content is empty then */
	bool emptied; /* a decision: what it was decided on was destroyed; its record may be there */
	size_t redacted; /* fields of said that were taken out */
	bool decided; /* facts are there */
	struct decision_facts facts;
	json_t *said; /* the content of a type that is told in JSON; NULL otherwise */
};
void ledger_entry_release(struct ledger_entry *entry);
/* The caller owns it; NULL: no memory. */
json_t *ledger_entry_json(const struct ledger_entry *entry);
/* ERR_FORMAT, ERR_LIMIT; nothing is proved yet. */
must_use bool ledger_entry_read(const json_t *value, struct ledger_entry *ret, struct err *err);
/* That leaf, time, type, id, salt and content belong together, and that the tree of that root holds
 * the leaf. ERR_MISMATCH says which does not. */
must_use bool ledger_entry_check(const struct ledger_entry *entry, uint64_t tree_size,
	const uint8_t tree_root[SHA256_LEN], struct err *err);
/* Fills said from content; content of another form leaves it NULL. ERR_NOMEM. */
must_use bool ledger_entry_open(struct ledger_entry *entry, struct err *err);

/* What is said in JSON is about: the name of a workload, the digest of a release in hex; NULL when it
 * names none. Borrowed from the value. */
const char *entry_workload(enum leaf_type type, const json_t *said);
const char *entry_release(enum leaf_type type, const json_t *said);

/* What a leaf commits to when this lies beside it: of fields with salts their digests (ledger/fields.h),
 * of decisions and what was issued the content itself. ERR_MISMATCH: no content of an entry. */
must_use bool entry_commitment(enum leaf_type type, const uint8_t salt[LEDGER_SALT_LEN],
	struct bytes content, uint8_t out[SHA256_LEN], struct err *err);

struct entry_page {
	uint64_t tree_size;
	uint8_t tree_root[SHA256_LEN];
	const char *checkpoint; /* borrowed from the value read; NULL: none */
	const json_t *entries; /* likewise */
	bool more;
	uint64_t next; /* from where on to ask, where there is more */
};
must_use bool entry_page_read(const json_t *value, struct entry_page *ret, struct err *err);

#endif
