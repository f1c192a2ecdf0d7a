/* SPDX-License-Identifier: Apache-2.0 */
/* The ledger with what lies beside it, for auditors: entries by what they are about, each with its
 * proof, and the objects that they name. */
#include "verifier/app.h"

#include "base/text.h"
#include "verifier/entries.h"
#include "verifier/record_contents.h"
#include "verifier/record_objects.h"

#include <stdlib.h>

#define ENTRIES_DEFAULT 50u

/* ---- what is asked for ---- */

struct asked {
	struct entry_filter filter;
	uint64_t tree_size; /* 0: the newest tree */
	bool witnessed; /* the newest one that witnesses saw */
};

static bool number_query(struct call *call, const char *name, uint64_t min, uint64_t max,
	uint64_t *value, struct err *err)
{
	const char *text = http_query(call->exchange, name);
	if (!text)
		return true;
	if (!text_decimal(bytes_str(text), value) || *value < min || *value > max)
		return err_set(err, ERR_FORMAT, "%s: expected %llu to %llu", name,
			(unsigned long long)min, (unsigned long long)max);
	return true;
}

static bool time_query(struct call *call, const char *name, int64_t *value, struct err *err)
{
	const char *text = http_query(call->exchange, name);
	return !text || time_parse(bytes_str(text), value, err) || err_wrap(err, "%s", name);
}

static bool type_query(struct call *call, enum leaf_type *ret, struct err *err)
{
	const char *text = http_query(call->exchange, "type");
	if (!text)
		return true;
	for (unsigned t = LEAF_NONE + 1; t < LEAF_TYPES; t++)
		if (strcmp(leaf_type_name((enum leaf_type)t), text) == 0) {
			*ret = (enum leaf_type)t;
			return true;
		}
	return err_set(err, ERR_FORMAT, "type: the ledger has none of that name");
}

/* One subject at most: two would have to be searched for, not looked up. */
static bool subject_query(struct call *call, struct entry_filter *f, struct err *err)
{
	static const struct {
		const char *name;
		enum entry_subject kind;
		bool digest;
	} subjects[] = {{"host", SUBJECT_HOST, true}, {"workload", SUBJECT_WORKLOAD, false},
		{"release", SUBJECT_RELEASE, true}, {"incident", SUBJECT_INCIDENT, false}};
	for (size_t i = 0; i < ARRAY_LEN(subjects); i++) {
		uint8_t digest[SHA256_LEN];
		struct bytes text = bytes_str(http_query(call->exchange, subjects[i].name));
		if (!text.data)
			continue;
		if (f->kind != SUBJECT_NONE)
			return err_set(err, ERR_FORMAT,
				"%s: one of host, workload, release and incident",
				subjects[i].name);
		if (subjects[i].digest ? !hex_decode_exact(text, digest, sizeof(digest), NULL)
				       : !text_is_name(text))
			return err_set(err, ERR_FORMAT, "%s: expected %s", subjects[i].name,
				subjects[i].digest ? "64 lower-case hex digits" : "a name");
		f->kind = subjects[i].kind;
		f->subject = text;
	}
	return true;
}

static bool asked_read(struct call *call, struct asked *ret, struct err *err)
{
	uint64_t limit = ENTRIES_DEFAULT, witnessed = 0;
	if (!subject_query(call, &ret->filter, err) || !type_query(call, &ret->filter.type, err) ||
		!time_query(call, "from", &ret->filter.from, err) ||
		!time_query(call, "to", &ret->filter.to, err) ||
		!number_query(call, "start", 0, INT64_MAX, &ret->filter.start, err) ||
		!number_query(call, "limit", 1, ENTRIES_PAGE_MAX, &limit, err) ||
		!number_query(call, "tree_size", 1, INT64_MAX, &ret->tree_size, err) ||
		!number_query(call, "witnessed", 0, 1, &witnessed, err))
		return false;
	ret->filter.limit = (unsigned)limit;
	ret->filter.bytes_max = ENTRIES_PAGE_BYTES;
	ret->witnessed = witnessed == 1;
	return true;
}

/* ---- the answer ---- */

struct listing {
	struct sql *sql;
	struct buf checkpoint; /* empty: the caller named the tree */
	struct tile_source source;
	uint8_t root[SHA256_LEN];
	json_t *entries;
};

static void listing_release(struct listing *l)
{
	buf_release(&l->checkpoint);
	json_decref(l->entries);
}

/* A tree that the caller named must be one that the ledger has had. */
static bool tree_of(struct listing *l, const struct asked *asked, struct err *err)
{
	struct checkpoint newest = {0};
	uint64_t size = asked->tree_size;
	if (!(asked->witnessed ? cosigned_get(l->sql, &l->checkpoint, err)
			       : checkpoint_get(l->sql, &l->checkpoint, err)))
		return false;
	if (l->checkpoint.len == 0)
		return err_set(err, ERR_NOT_FOUND, "%s",
			asked->witnessed ? "no checkpoint has been cosigned yet"
					 : "the ledger is empty");
	if (!checkpoint_parse(buf_bytes(&l->checkpoint), &newest, err))
		return err_set(err, ERR_STORE, "the stored checkpoint cannot be read");
	if (size > newest.size)
		return err_set(err, ERR_NOT_FOUND, "tree_size: the ledger has %llu entries",
			(unsigned long long)newest.size);
	l->source = tile_rows(l->sql, size ? size : newest.size);
	if (size)
		buf_clear(&l->checkpoint);
	return tiles_root(&l->source, l->source.size, l->root, err);
}

/* An object that is no longer kept tells nothing. */
static bool is_gone(const struct err *why, struct err *err)
{
	return why->code == ERR_NOT_FOUND || why->code == ERR_GONE ||
	       err_set(err, why->code, "%s", why->text);
}

static bool object_find(struct sql *sql, const struct record_contents *own,
	const struct record *record, const char *name, struct buf *ret, struct err *err)
{
	const uint8_t *digest = record_input_digest(record, name);
	const struct bytes *found = digest ? record_contents_find(own, digest) : NULL;
	struct err why = {0};
	if (found)
		buf_put(ret, *found);
	if (!digest || found)
		return buf_ok(ret, err);
	if (object_get(sql, digest, ret, &why))
		return true;
	buf_clear(ret);
	return is_gone(&why, err);
}

static bool facts_add(struct sql *sql, struct ledger_entry *e, struct err *err)
{
	OWNED(buf_release) struct buf evidence = {0}, verdict = {0};
	OWNED(record_contents_release) struct record_contents own = {0};
	OWNED(free_ptr) struct record *record = calloc(1, sizeof(*record));
	struct cose_sign1 message;
	struct err why = {0};
	if (!record)
		return err_set(err, ERR_NOMEM, "entries");
	if (!cose_sign1_parse(buf_bytes(&e->content), &message, err) ||
		!record_decode(message.payload, record, err))
		return err_set(err, ERR_STORE, "a stored record cannot be read");
	if (!record_contents_get(sql, e->index, &own, &why) && !is_gone(&why, err))
		return false;
	if (!object_find(sql, &own, record, "evidence", &evidence, err) ||
		!object_find(sql, &own, record, "verdict", &verdict, err) ||
		!decision_facts_of(
			record, buf_bytes(&evidence), buf_bytes(&verdict), &e->facts, err))
		return false;
	e->decided = true;
	return true;
}

static bool entry_visited(void *arg, struct ledger_entry *e, struct err *err)
{
	struct listing *l = arg;
	if (!tiles_inclusion(&l->source, e->index, l->source.size, &e->proof, err) ||
		(e->type == LEAF_DECISION && !e->destroyed && !facts_add(l->sql, e, err)))
		return false;
	return json_array_append_new(l->entries, ledger_entry_json(e)) == 0 ||
	       err_set(err, ERR_NOMEM, "entries");
}

static bool list(struct call *call, struct listing *l, struct asked *asked, struct err *err)
{
	char root[2 * SHA256_LEN + 1];
	uint64_t next = 0;
	if (!tree_of(l, asked, err))
		return false;
	asked->filter.end = l->source.size;
	if (!entries_each(l->sql, &asked->filter, entry_visited, l, &next, err))
		return false;
	hex_encode(BYTES_OF(l->root), root);
	return call_json(call, 200,
		json_pack("{s:I, s:s, s:s?, s:O, s:o}", "tree_size", (json_int_t)l->source.size,
			"tree_root", root, "checkpoint",
			l->checkpoint.len > 0 ? buf_str(&l->checkpoint) : NULL, "entries",
			l->entries, "next", next ? json_integer((json_int_t)next) : json_null()),
		err);
}

bool serve_entries(struct call *call, struct err *err)
{
	OWNED(listing_release) struct listing l = {.entries = json_array()};
	struct asked asked = {0};
	if (!l.entries)
		return err_set(err, ERR_NOMEM, "entries");
	if (!asked_read(call, &asked, err) || !call_read(call, &l.sql, err))
		return false;
	bool ok = list(call, &l, &asked, err);
	store_read_done(call->app->store, &l.sql);
	return ok;
}

/* record=ID: of a record's own objects it alone knows where they are. */
static bool object_of(struct call *call, struct sql *sql, const uint8_t digest[SHA256_LEN],
	const char *record, struct err *err)
{
	uint8_t id[SHA256_LEN];
	uint64_t index = 0;
	bool found = false;
	if (!record)
		return object_get(sql, digest, &call->reply, err);
	if (!hex_decode_exact(bytes_str(record), id, sizeof(id), err))
		return err_wrap(err, "record");
	if (!decision_find(sql, id, &index, &found, err))
		return false;
	return found ? record_object_get(sql, index, digest, &call->reply, err)
		     : err_set(err, ERR_NOT_FOUND, "no such record");
}

bool serve_object(struct call *call, struct err *err)
{
	uint8_t digest[SHA256_LEN];
	struct sql *sql = NULL;
	if (!call_param_digest(call, 0, digest, err) || !call_read(call, &sql, err))
		return false;
	buf_clear(&call->reply);
	bool ok = object_of(call, sql, digest, http_query(call->exchange, "record"), err);
	store_read_done(call->app->store, &sql);
	call->status = 200;
	call->type = "application/octet-stream";
	return ok;
}
