/* SPDX-License-Identifier: Apache-2.0 */
/* Decisions that a package has no bundle of, since what they were decided on was destroyed: the index
 * has to say so, and an entry of the ledger that is in the package too. Then their record stands, as
 * far as it is there; what it says was decided is not reached again. */
#include "ledger/audit_package_private.h"

#include <stdlib.h>

#include "base/text.h"

#define SHOWN_MAX 16 /* failures told one by one */

static int id_order(const void *a, const void *b)
{
	const struct package_gone *x = *(struct package_gone *const *)a;
	const struct package_gone *y = *(struct package_gone *const *)b;

	return memcmp(x->mark->record, y->mark->record, SHA256_LEN);
}

bool package_gone_open(struct package_case *c, struct err *err)
{
	struct package_audit *audit = c->audit;
	size_t n = audit->index.destroyed_count;

	audit->gone = calloc(n ? n : 1, sizeof(*audit->gone));
	c->gone_by_id = calloc(n ? n : 1, sizeof(struct package_gone *));
	if (!audit->gone || !c->gone_by_id)
		return err_set(err, ERR_NOMEM, "package");
	audit->gone_count = n;
	for (size_t i = 0; i < n; i++) {
		audit->gone[i].mark = &audit->index.destroyed[i];
		c->gone_by_id[i] = &audit->gone[i];
	}
	qsort(c->gone_by_id, n, sizeof(struct package_gone *), id_order);
	return true;
}

/* ---- its record ---- */

/* The key that the leaf names, if it is at hand. */
static const struct key *signer_of(const struct package_case *c, const uint8_t issuer[SHA256_LEN])
{
	for (size_t i = 0; i < c->anchors->key_count; i++)
		if (memcmp(key_id(c->anchors->keys[i]), issuer, SHA256_LEN) == 0)
			return c->anchors->keys[i];
	for (size_t i = 0; i < c->signer_count; i++)
		if (memcmp(key_id(c->signers[i]), issuer, SHA256_LEN) == 0)
			return c->signers[i];
	return NULL;
}

static bool record_read(struct package_case *c, const struct ledger_entry *entry,
	const struct key *signer, struct record *ret, struct err *err)
{
	struct cose_sign1 message;

	if (signer)
		return record_open(buf_bytes(&entry->content), signer, ret, err);
	if (c->anchors->key_count > 0 && c->anchors->root_count == 0)
		return err_set(err, ERR_MISMATCH, "not by a key that you pinned");
	return cose_sign1_parse(buf_bytes(&entry->content), &message, err) &&
	       record_decode(message.payload, ret, err);
}

static void count(struct package_case *c, bool is_signed)
{
	if (!is_signed)
		c->gone_count.unsigned_++;
	else if (package_pinned(c))
		c->gone_count.proved++;
	else
		c->gone_count.asserted++;
}

/* That the leaf commits to it was found before; what the record says is all that is told of it. */
static bool record_check(
	struct package_case *c, struct ledger_entry *entry, bool again, struct err *err)
{
	OWNED(free_ptr) struct record *record = calloc(1, sizeof(*record));
	struct leaf leaf;

	if (!record)
		return err_set(err, ERR_NOMEM, "package");
	if (!leaf_decode(buf_bytes(&entry->leaf), &leaf, err))
		return false;
	const struct key *signer = signer_of(c, leaf.issuer);

	if (!record_read(c, entry, signer, record, err))
		return err_wrap(err, "entry %llu: its record", (unsigned long long)entry->index);
	if (record->time != leaf.time)
		return err_set(err, ERR_MISMATCH, "entry %llu: its record tells another time",
			(unsigned long long)entry->index);
	if (!again)
		count(c, signer != NULL);
	entry->decided = true;
	return decision_facts_of(record, (struct bytes){0}, (struct bytes){0}, &entry->facts, err);
}

/* ---- entries ---- */

static int entry_order(const void *key, const void *element)
{
	uint64_t index = *(const uint64_t *)key;
	uint64_t own = ((const struct package_gone *)element)->mark->entry;

	return index < own ? -1 : index > own;
}

bool package_gone_take(struct package_case *c, struct ledger_entry *entry, struct err *err)
{
	struct package_gone *gone = bsearch(
		&entry->index, c->audit->gone, c->audit->gone_count, sizeof(*gone), entry_order);

	if (!gone)
		return err_set(err, ERR_NOT_FOUND,
			"entry %llu: its decision is not in the package, and the index does not "
			"say that it was destroyed",
			(unsigned long long)entry->index);
	if (memcmp(gone->mark->record, entry->id, SHA256_LEN) != 0)
		return err_set(err, ERR_MISMATCH,
			"entry %llu: the index says that another record was destroyed",
			(unsigned long long)entry->index);
	bool again = gone->found;

	gone->found = true;
	entry->emptied = true;
	entry->decided = false;
	return entry->destroyed || record_check(c, entry, again, err);
}

static int record_order(const void *key, const void *element)
{
	const struct package_gone *gone = *(struct package_gone *const *)element;

	return memcmp(key, gone->mark->record, SHA256_LEN);
}

void package_gone_heed(struct package_case *c, const struct ledger_entry *entry)
{
	const char *event = json_string_value(json_object_get(entry->said, "event"));
	const json_t *records = json_object_get(entry->said, "records");

	if (entry->type != LEAF_RETENTION || !event || strcmp(event, "content-destroyed") != 0)
		return;
	for (size_t i = 0; i < json_array_size(records); i++) {
		uint8_t id[SHA256_LEN];
		const char *text = json_string_value(json_array_get(records, i));

		if (!text || !hex_decode_exact(bytes_str(text), id, sizeof(id), NULL))
			continue;
		struct package_gone **gone = bsearch(id, c->gone_by_id, c->audit->gone_count,
			sizeof(struct package_gone *), record_order);

		if (gone && (*gone)->mark->by == entry->index)
			(*gone)->named = true;
	}
}

/* ---- what came of it ---- */

static void note_signatures(struct package_case *c)
{
	const struct package_gone_count *n = &c->gone_count;

	if (n->proved > 0)
		package_note(c, AUDIT_PROVED, "destroyed",
			"the records of %zu decisions are signed as you demand, and what the "
			"ledger holds",
			n->proved);
	if (n->asserted > 0)
		package_note(c, AUDIT_ASSERTED, "destroyed",
			"the records of %zu decisions are signed by the key of others in the "
			"package",
			n->asserted);
	if (n->unsigned_ > 0)
		package_note(c, AUDIT_NOT_CHECKED, "destroyed",
			"the signatures of %zu records: their key is neither pinned nor in the "
			"package",
			n->unsigned_);
}

static void note_failed(struct package_case *c, const struct package_gone *gone)
{
	unsigned long long entry = gone->mark->entry, by = gone->mark->by;

	if (package_decision_find(c, gone->mark->entry))
		package_note(c, AUDIT_FAILED, "destroyed",
			"entry %llu: destroyed as the index says, and its decision is in the "
			"package",
			entry);
	else if (!gone->found)
		package_note(c, AUDIT_FAILED, "destroyed",
			"entry %llu: destroyed as the index says, and not in the package", entry);
	else
		package_note(c, AUDIT_FAILED, "destroyed",
			"entry %llu: no retention entry %llu in the package says that its content "
			"was destroyed",
			entry, by);
}

void package_gone_close(struct package_case *c)
{
	size_t held = 0, shown = 0;

	for (size_t i = 0; i < c->audit->gone_count; i++) {
		const struct package_gone *gone = &c->audit->gone[i];

		if (gone->found && gone->named)
			held++;
		else if (shown++ < SHOWN_MAX)
			note_failed(c, gone);
	}
	if (held > 0)
		package_note(c, AUDIT_NOT_CHECKED, "destroyed",
			"%zu decisions: content destroyed, as ledger entries say: not checked",
			held);
	note_signatures(c);
}
