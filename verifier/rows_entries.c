/* SPDX-License-Identifier: Apache-2.0 */
/* Which entries are about what: written with each entry, and how pages of them are found. */
#include "verifier/entries.h"

#include "base/text.h"

#include <stdio.h>

/* ---- the index ---- */

static bool subject_put(struct sql *sql, enum entry_subject kind, const char *subject,
	enum leaf_type type, uint64_t index, struct err *err)
{
	return sql_exec(sql,
		"INSERT INTO entry_subjects(kind, subject, idx, type) VALUES(?1,?2,?3,?4) ON "
		"CONFLICT DO NOTHING",
		SQL_ARGS(sql_i(kind), sql_t(bytes_str(subject)), sql_u(index), sql_i(type)), NULL,
		err);
}

static const char *word(const json_t *content, const char *key)
{
	const char *text = json_string_value(json_object_get(content, key));
	return text && text[0] ? text : NULL;
}

/* A name that another row knows: the workload of a release, of an instance. */
static bool lookup(struct sql *sql, const char *text, const struct sql_value *args, size_t n,
	char ret[ROW_NAME_MAX], struct err *err)
{
	OWNED(sql_finish) struct sql_query *q = NULL;
	ret[0] = '\0';
	return sql_first(sql, text, args, n, &q, err) &&
	       (!q || sql_text(q, 0, "workload", ret, ROW_NAME_MAX, err));
}

static bool workload_lookup(struct sql *sql, const json_t *content, const char *release,
	char ret[ROW_NAME_MAX], struct err *err)
{
	uint8_t digest[SHA256_LEN], host[HOST_ID_LEN], instance[INSTANCE_ID_LEN];
	ret[0] = '\0';
	if (release)
		return !hex_decode_exact(bytes_str(release), digest, sizeof(digest), NULL) ||
		       lookup(sql, "SELECT workload FROM releases WHERE digest=?1",
			       SQL_ARGS(sql_b(BYTES_OF(digest))), ret, err);
	if (!hex_decode_exact(bytes_str(word(content, "host")), host, sizeof(host), NULL) ||
		!hex_decode_exact(
			bytes_str(word(content, "instance")), instance, sizeof(instance), NULL))
		return true;
	return lookup(sql, "SELECT workload FROM instances WHERE host=?1 AND instance=?2",
		SQL_ARGS(sql_b(BYTES_OF(host)), sql_b(BYTES_OF(instance))), ret, err);
}

bool entry_subjects_put(struct sql *sql, uint64_t index, enum leaf_type type, const json_t *content,
	struct err *err)
{
	char found[ROW_NAME_MAX];
	const char *release = entry_release(type, content),
		   *workload = entry_workload(type, content);
	if (!workload) {
		if (!workload_lookup(sql, content, release, found, err))
			return false;
		workload = found[0] ? found : NULL;
	}
	const struct {
		enum entry_subject kind;
		const char *subject;
	} subjects[] = {
		{SUBJECT_NONE, leaf_type_name(type)},
		{SUBJECT_HOST, word(content, "host")},
		{SUBJECT_WORKLOAD, workload},
		{SUBJECT_RELEASE, release},
		{SUBJECT_INCIDENT, word(content, "incident")},
	};
	for (size_t i = 0; i < ARRAY_LEN(subjects); i++)
		if (subjects[i].subject &&
			!subject_put(sql, subjects[i].kind, subjects[i].subject, type, index, err))
			return err_wrap(err, "index of entries");
	return true;
}

/* At that step contents stood in clear. */
static bool fill_one(struct sql *sql, uint64_t index, struct bytes leaf_bytes, struct bytes content,
	struct err *err)
{
	OWNED(ledger_entry_release) struct ledger_entry entry = {.index = index};
	struct leaf leaf;
	if (!leaf_decode(leaf_bytes, &leaf, err))
		return err_set(
			err, ERR_STORE, "entry %llu: %.200s", (unsigned long long)index, err->text);
	entry.type = leaf.type;
	buf_put(&entry.content, content);
	return buf_ok(&entry.content, err) && ledger_entry_open(&entry, err) &&
	       (!entry.said || entry_subjects_put(sql, index, entry.type, entry.said, err));
}

bool entry_subjects_fill(struct sql *sql, struct err *err)
{
	OWNED(sql_finish) struct sql_query *q = NULL;
	bool more = false;
	if (!sql_start(sql,
		    "SELECT idx, bytes, content FROM leaves WHERE content IS NOT NULL ORDER BY idx",
		    SQL_NO_ARGS, &q, err))
		return false;
	while (sql_next(q, &more, err)) {
		if (!more)
			return true;
		if (!fill_one(sql, (uint64_t)sql_int(q, 0), sql_bytes(q, 1), sql_bytes(q, 2), err))
			return false;
	}
	return false;
}

/* ---- one entry ---- */

/* The content of a decision is its record. */
static bool content_load(struct sql *sql, struct ledger_entry *e, struct err *err)
{
	OWNED(record_row_release) struct record_row record = {0};
	bool found = false;
	if (e->type == LEAF_DECISION) {
		if (!record_get(sql, e->id, &record, &found, err))
			return false;
		e->content = TAKE_STRUCT(record.cose);
	}
	e->destroyed = e->content.len == 0;
	return true;
}

/* Of a leaf whose content was destroyed: its hash and bytes. */
static bool leaf_load(
	struct sql *sql, uint64_t index, struct leaf_row *ret, bool *ret_found, struct err *err)
{
	OWNED(sql_finish) struct sql_query *q = NULL;
	struct err why = {0};
	if (leaf_get(sql, index, ret, ret_found, &why))
		return true;
	if (why.code != ERR_GONE)
		return err_set(err, why.code, "%s", why.text);
	if (!sql_first(sql, "SELECT hash, bytes FROM leaves WHERE idx=?1", SQL_ARGS(sql_u(index)),
		    &q, err))
		return false;
	*ret_found = q != NULL;
	if (q)
		sql_put(q, 1, &ret->bytes);
	return !q || (sql_exact(q, 0, "leaf hash", ret->hash, sizeof(ret->hash), err) &&
			     buf_ok(&ret->bytes, err));
}

bool entry_load(struct sql *sql, uint64_t index, struct ledger_entry *ret, struct err *err)
{
	OWNED(ledger_entry_release) struct ledger_entry entry = {.index = index};
	OWNED(leaf_row_release) struct leaf_row row = {0};
	struct leaf leaf;
	bool found = false;
	if (!leaf_load(sql, index, &row, &found, err))
		return false;
	if (!found)
		return err_set(err, ERR_NOT_FOUND, "the ledger has no entry %llu",
			(unsigned long long)index);
	if (!leaf_decode(buf_bytes(&row.bytes), &leaf, err))
		return err_set(
			err, ERR_STORE, "entry %llu: %.200s", (unsigned long long)index, err->text);
	entry.type = leaf.type;
	entry.time = leaf.time;
	memcpy(entry.id, row.hash, sizeof(entry.id));
	memcpy(entry.salt, row.salt, sizeof(entry.salt));
	entry.leaf = TAKE_STRUCT(row.bytes);
	entry.content = TAKE_STRUCT(row.content);
	if (!content_load(sql, &entry, err) || !ledger_entry_open(&entry, err))
		return false;
	*ret = TAKE_STRUCT(entry);
	return true;
}

/* ---- pages ---- */

#define START "idx>=?1 AND idx<?2"

/* One text for each way in, so that each finds its index. digest: room for a
 * subject in binary, which must live as long as the query. */
static bool candidates_start(struct sql *sql, const struct entry_filter *f,
	uint8_t digest[SHA256_LEN], struct sql_query **ret, struct err *err)
{
	const struct sql_value start = sql_u(f->start), end = sql_u(f->end);
	const struct sql_value scan = sql_i(ENTRIES_SCAN_MAX), type = sql_i(f->type);
	const struct sql_value subject = sql_t(f->subject);
	if (f->kind == SUBJECT_NONE && f->type == LEAF_NONE)
		return sql_start(sql,
			"SELECT idx FROM leaves WHERE " START " ORDER BY idx LIMIT ?3",
			SQL_ARGS(start, end, scan), ret, err);
	if (f->kind == SUBJECT_NONE && (f->type == LEAF_DECISION || f->type == LEAF_ISSUED))
		return sql_start(sql,
			"SELECT idx FROM records WHERE " START " ORDER BY idx LIMIT ?3",
			SQL_ARGS(start, end, scan), ret, err);
	if (f->kind == SUBJECT_NONE)
		return sql_start(sql,
			"SELECT idx FROM entry_subjects WHERE kind=0 AND subject=?4 AND " START
			" ORDER BY idx LIMIT ?3",
			SQL_ARGS(start, end, scan, sql_t(bytes_str(leaf_type_name(f->type)))), ret,
			err);
#define ABOUT                                                                                      \
	"SELECT idx FROM entry_subjects WHERE kind=?6 AND subject=?5 AND (?4=0 OR type=?4) "       \
	"AND " START " UNION ALL SELECT idx FROM records WHERE "
#define ORDERED " AND ?4 IN (0,1,2) AND " START " ORDER BY 1 LIMIT ?3"
	const struct sql_value kind = sql_i(f->kind);
	if ((f->kind == SUBJECT_HOST || f->kind == SUBJECT_RELEASE) &&
		!hex_decode_exact(f->subject, digest, SHA256_LEN, err))
		return false;
	const struct sql_value key = sql_b(bytes_of(digest, SHA256_LEN));
	if (f->kind == SUBJECT_HOST)
		return sql_start(sql, ABOUT "host=?7" ORDERED,
			SQL_ARGS(start, end, scan, type, subject, kind, key), ret, err);
	if (f->kind == SUBJECT_WORKLOAD)
		return sql_start(sql, ABOUT "workload=?5" ORDERED,
			SQL_ARGS(start, end, scan, type, subject, kind), ret, err);
	if (f->kind == SUBJECT_RELEASE)
		return sql_start(sql,
			ABOUT "workload=(SELECT workload FROM releases WHERE digest=?7) AND "
			      "release=?7" ORDERED,
			SQL_ARGS(start, end, scan, type, subject, kind, key), ret, err);
	return sql_start(sql,
		"SELECT idx FROM entry_subjects WHERE kind=?6 AND subject=?5 AND (?4=0 OR type=?4) "
		"AND " START " ORDER BY idx LIMIT ?3",
		SQL_ARGS(start, end, scan, type, subject, kind), ret, err);
}

struct page {
	struct sql *sql;
	const struct entry_filter *filter;
	entry_visit visit;
	void *arg;
	unsigned count, scanned;
	size_t bytes;
	uint64_t last; /* index of the newest one looked at */
};

static bool wanted(const struct entry_filter *f, const struct ledger_entry *e)
{
	return (f->type == LEAF_NONE || f->type == e->type) &&
	       (f->from == 0 || e->time >= f->from) && (f->to == 0 || e->time <= f->to);
}

static bool hand_over(struct page *p, struct ledger_entry *e, struct err *err)
{
	p->last = e->index;
	p->scanned++;
	if (!wanted(p->filter, e))
		return true;
	p->count++;
	p->bytes += e->leaf.len + e->content.len;
	return p->visit(p->arg, e, err);
}

/* What was issued on a decision is the entry behind it; nothing else has its hash. */
static bool issued_follows(const struct ledger_entry *decision, const struct ledger_entry *next)
{
	const struct bytes head = BYTES_LIT("\xa2\x00\x58\x20");
	return next->type == LEAF_ISSUED && next->content.len >= head.len + SHA256_LEN &&
	       memcmp(next->content.data, head.data, head.len) == 0 &&
	       memcmp(next->content.data + head.len, decision->id, SHA256_LEN) == 0;
}

static bool visit_issued(struct page *p, const struct ledger_entry *decision, struct err *err)
{
	OWNED(ledger_entry_release) struct ledger_entry next = {0};
	struct err why = {0};
	if (decision->index + 1 >= p->filter->end)
		return true;
	if (!entry_load(p->sql, decision->index + 1, &next, &why))
		return why.code == ERR_NOT_FOUND || err_set(err, why.code, "%s", why.text);
	return !issued_follows(decision, &next) || hand_over(p, &next, err);
}

static bool visit_one(struct page *p, uint64_t index, struct err *err)
{
	OWNED(ledger_entry_release) struct ledger_entry entry = {0};
	struct ledger_entry decision = {.index = index};
	const struct entry_filter *f = p->filter;
	if (!entry_load(p->sql, index, &entry, err))
		return false;
	memcpy(decision.id, entry.id, sizeof(decision.id));
	/* Where every leaf is asked for, it comes by itself. */
	bool pair =
		entry.type == LEAF_DECISION && (f->kind != SUBJECT_NONE || f->type == LEAF_ISSUED);
	return hand_over(p, &entry, err) && (!pair || visit_issued(p, &decision, err));
}

bool entries_each(struct sql *sql, const struct entry_filter *filter, entry_visit visit, void *arg,
	uint64_t *ret_next, struct err *err)
{
	OWNED(sql_finish) struct sql_query *q = NULL;
	struct page page = {.sql = sql, .filter = filter, .visit = visit, .arg = arg};
	uint8_t digest[SHA256_LEN] = {0};
	bool more = false;
	*ret_next = 0;
	if (!candidates_start(sql, filter, digest, &q, err))
		return false;
	while (sql_next(q, &more, err)) {
		bool full = page.count >= filter->limit || page.bytes > filter->bytes_max ||
			    page.scanned >= ENTRIES_SCAN_MAX;
		if (more ? full : page.scanned >= ENTRIES_SCAN_MAX)
			*ret_next = page.last + 1;
		if (!more || full)
			return true;
		if (!visit_one(&page, (uint64_t)sql_int(q, 0), err))
			return false;
	}
	return false;
}
