/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger/entry.h"

#include "base/text.h"
#include "ledger/fields.h"

void ledger_entry_release(struct ledger_entry *entry)
{
	buf_release(&entry->leaf);
	buf_release(&entry->content);
	buf_release(&entry->proof);
	json_decref(entry->said);
	memset(entry, 0, sizeof(*entry));
}

/* ---- written ---- */

json_t *ledger_entry_json(const struct ledger_entry *e)
{
	char id[2 * SHA256_LEN + 1], salt[2 * LEDGER_SALT_LEN + 1], time[TIME_TEXT_MAX];
	OWNED(json_release) json_t *ret = NULL;

	hex_encode(BYTES_OF(e->id), id);
	hex_encode(BYTES_OF(e->salt), salt);
	ret = json_pack("{s:I, s:s, s:s, s:s, s:o, s:s, s:o, s:o}", "index", (json_int_t)e->index,
		"type", leaf_type_name(e->type), "time", time_format(e->time, time), "id", id,
		"leaf", json_base64(buf_bytes(&e->leaf)), "salt", salt, "content",
		e->destroyed ? json_null() : json_base64(buf_bytes(&e->content)), "proof",
		json_base64(buf_bytes(&e->proof)));
	if (ret && e->decided &&
		json_object_set_new(ret, "decision", decision_facts_json(&e->facts)) != 0)
		return NULL;
	return TAKE(ret);
}

/* ---- read ---- */

static void read_base64(
	struct json_fields *f, const char *key, const char *text, size_t max, struct buf *ret)
{
	if (!base64_decode(bytes_str(text), false, max, ret, NULL))
		json_fields_fail(f, key, "expected base64 of a bounded length");
}

static enum leaf_type read_type(struct json_fields *f, const json_t *value)
{
	const char *name = json_need_str(f, value, "type", 32);

	for (unsigned t = LEAF_NONE + 1; t < LEAF_TYPES; t++)
		if (strcmp(leaf_type_name((enum leaf_type)t), name) == 0)
			return (enum leaf_type)t;
	json_fields_fail(f, "type", "unknown");
	return LEAF_NONE;
}

static void read_content(struct json_fields *f, const json_t *value, struct ledger_entry *ret)
{
	ret->destroyed = json_is_null(json_object_get(value, "content"));
	if (!ret->destroyed)
		read_base64(f, "content",
			json_need_str(f, value, "content", 2 * (size_t)ENTRY_CONTENT_MAX),
			ENTRY_CONTENT_MAX, &ret->content);
}

static const char *const ENTRY_KEYS[] = {
	"index", "type", "time", "id", "leaf", "salt", "content", "proof", "decision", NULL};

static bool read_entry(const json_t *value, struct ledger_entry *ret, struct err *err)
{
	struct json_fields f = json_fields_of("entry");
	const json_t *decision = json_object_get(value, "decision");

	json_only_keys(&f, value, ENTRY_KEYS);
	ret->index = (uint64_t)json_need_int(&f, value, "index", 0, INT64_MAX);
	ret->type = read_type(&f, value);
	if (!time_parse(
		    bytes_str(json_need_str(&f, value, "time", TIME_TEXT_MAX)), &ret->time, NULL))
		json_fields_fail(&f, "time", "not a time");
	json_need_hex(&f, value, "id", ret->id, sizeof(ret->id));
	json_need_hex(&f, value, "salt", ret->salt, sizeof(ret->salt));
	read_base64(&f, "leaf", json_need_str(&f, value, "leaf", 2 * (size_t)LEDGER_LEAF_MAX),
		LEDGER_LEAF_MAX, &ret->leaf);
	read_base64(&f, "proof",
		json_need_str(&f, value, "proof", 2 * (size_t)MERKLE_PROOF_MAX * SHA256_LEN),
		(size_t)MERKLE_PROOF_MAX * SHA256_LEN, &ret->proof);
	read_content(&f, value, ret);
	if (!json_fields_ok(&f, err))
		return false;
	ret->decided = decision != NULL;
	return !decision || decision_facts_read(decision, &ret->facts, err);
}

bool ledger_entry_read(const json_t *value, struct ledger_entry *ret, struct err *err)
{
	OWNED(ledger_entry_release) struct ledger_entry entry = {0};

	if (!read_entry(value, &entry, err) || !ledger_entry_open(&entry, err))
		return err_wrap(err, "entry %llu", (unsigned long long)entry.index);
	*ret = TAKE_STRUCT(entry);
	return true;
}

bool ledger_entry_open(struct ledger_entry *entry, struct err *err)
{
	OWNED(fields_release) struct fields fields = {0};
	struct err why = {0};

	if (entry->destroyed || entry->type == LEAF_DECISION || entry->type == LEAF_ISSUED)
		return true;
	if (entry->content.len <= ENTRY_CONTENT_MAX &&
		fields_open(buf_bytes(&entry->content), &fields, &why)) {
		entry->said = json_incref(fields.shown);
		entry->redacted = fields.redacted;
		return true;
	}
	/* What could not be looked at is not what nobody can read. */
	return (why.code != ERR_NOMEM && why.code != ERR_INTERNAL) ||
	       err_set(err, why.code, "%s", why.text);
}

/* ---- what it is about ---- */

static const char *word(const json_t *said, const char *key)
{
	const char *text = json_string_value(json_object_get(said, key));

	return text && text[0] ? text : NULL;
}

/* "workload" is its name, or what the register says of it; entries of the register have "name". */
const char *entry_workload(enum leaf_type type, const json_t *said)
{
	const char *name = word(said, "workload");

	if (!name)
		name = word(json_object_get(said, "workload"), "name");
	return name || type != LEAF_WORKLOAD ? name : word(said, "name");
}

/* Where an entry of releases is about something else, "digest" is that other thing's. */
const char *entry_release(enum leaf_type type, const json_t *said)
{
	const char *event = word(said, "event"), *release = word(said, "release");

	if (release || type != LEAF_RELEASE || !event)
		return release;
	return strcmp(event, "release") == 0 || strcmp(event, "release-revoked") == 0
		       ? word(said, "digest")
		       : NULL;
}

/* ---- proved ---- */

static bool fails(const struct ledger_entry *entry, struct err *err, const char *what)
{
	return err_set(err, ERR_MISMATCH, "entry %llu: %s", (unsigned long long)entry->index, what);
}

bool entry_commitment(enum leaf_type type, const uint8_t salt[LEDGER_SALT_LEN],
	struct bytes content, uint8_t out[SHA256_LEN], struct err *err)
{
	OWNED(fields_release) struct fields fields = {0};
	struct err why = {0};

	if (type != LEAF_DECISION && type != LEAF_ISSUED) {
		if (fields_open(content, &fields, &why))
			content = buf_bytes(&fields.committed);
		else
			return err_set(err, why.code == ERR_NOMEM ? ERR_NOMEM : ERR_MISMATCH, "%s",
				why.text);
	}
	return ledger_commitment(salt, content, out, err);
}

static bool commitment_holds(
	const struct ledger_entry *entry, const struct leaf *leaf, bool *ret, struct err *err)
{
	uint8_t commitment[SHA256_LEN];
	struct err why = {0};

	*ret = entry->destroyed;
	if (entry->destroyed)
		return true;
	if (!entry_commitment(
		    entry->type, entry->salt, buf_bytes(&entry->content), commitment, &why))
		return why.code == ERR_MISMATCH || err_set(err, why.code, "%s", why.text);
	*ret = memcmp(commitment, leaf->commitment, sizeof(commitment)) == 0;
	return true;
}

bool ledger_entry_check(const struct ledger_entry *entry, uint64_t tree_size,
	const uint8_t tree_root[SHA256_LEN], struct err *err)
{
	struct leaf leaf;
	uint8_t hash[SHA256_LEN];
	bool holds = false;

	if (!leaf_decode(buf_bytes(&entry->leaf), &leaf, err) ||
		!leaf_hash(buf_bytes(&entry->leaf), hash, err) ||
		!commitment_holds(entry, &leaf, &holds, err))
		return err_wrap(err, "entry %llu", (unsigned long long)entry->index);
	if (memcmp(hash, entry->id, sizeof(hash)) != 0)
		return fails(entry, err, "its id is not the hash of its leaf");
	if (leaf.type != entry->type)
		return fails(entry, err, "its leaf is of another type");
	if (leaf.time != entry->time)
		return fails(entry, err, "its leaf tells another time");
	if (!holds)
		return fails(entry, err, "the leaf commits to another content");
	return tree_inclusion_check(
		       entry->index, tree_size, hash, buf_bytes(&entry->proof), tree_root, err) ||
	       err_wrap(err, "entry %llu: inclusion", (unsigned long long)entry->index);
}

/* ---- pages ---- */

static const char *const PAGE_KEYS[] = {
	"tree_size", "tree_root", "checkpoint", "entries", "next", NULL};

bool entry_page_read(const json_t *value, struct entry_page *ret, struct err *err)
{
	struct json_fields f = json_fields_of("entries");
	struct entry_page page = {0};

	json_only_keys(&f, value, PAGE_KEYS);
	page.tree_size = (uint64_t)json_need_int(&f, value, "tree_size", 0, INT64_MAX);
	json_need_hex(&f, value, "tree_root", page.tree_root, sizeof(page.tree_root));
	if (!json_is_null(json_object_get(value, "checkpoint")))
		page.checkpoint = json_need_str(&f, value, "checkpoint", 64u << 10);
	page.entries = json_need_array(&f, value, "entries", ENTRIES_PAGE_MAX + 1);
	page.more = !json_is_null(json_object_get(value, "next"));
	if (page.more)
		page.next = (uint64_t)json_need_int(&f, value, "next", 0, INT64_MAX);
	if (!json_fields_ok(&f, err))
		return false;
	*ret = page;
	return true;
}
