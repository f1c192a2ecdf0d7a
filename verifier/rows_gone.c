/* SPDX-License-Identifier: Apache-2.0 */
/* What goes, and what goes with it. Every function runs inside the job that appends the ledger entry
 * over it. */
#include "verifier/record_contents.h"
#include "verifier/retention_rows.h"

#include "base/text.h"

#include <stdlib.h>

bool gone_list_init(struct gone_list *list, struct err *err)
{
	*list = (struct gone_list){
		.records = json_array(), .objects = json_array(), .entries = json_array()};
	return (list->records && list->objects && list->entries) ||
	       err_set(err, ERR_NOMEM, "retention");
}

void gone_list_release(struct gone_list *list)
{
	json_release(&list->records);
	json_release(&list->objects);
	json_release(&list->entries);
	memset(list, 0, sizeof(*list));
}

static bool list_digest(
	json_t *list, size_t *count, const uint8_t digest[SHA256_LEN], struct err *err)
{
	char hex[2 * SHA256_LEN + 1];
	hex_encode(bytes_of(digest, SHA256_LEN), hex);
	(*count)++;
	return json_array_append_new(list, json_string(hex)) == 0 ||
	       err_set(err, ERR_NOMEM, "retention");
}

static bool destroy_object(
	struct sql *sql, const uint8_t digest[SHA256_LEN], struct gone_list *list, struct err *err)
{
	struct err why = {0};
	if (object_destroy(sql, digest, &why))
		return list_digest(list->objects, &list->object_count, digest, err);
	/* A reference that was never attached. */
	return why.code == ERR_NOT_FOUND || err_set(err, why.code, "%s", why.text);
}

/* ---- records ---- */

/* One record fewer names it; *ret_last: none does any more. */
static bool unname(
	struct sql *sql, const uint8_t digest[SHA256_LEN], bool *ret_last, struct err *err)
{
	const struct sql_value key = sql_b(bytes_of(digest, SHA256_LEN));
	int64_t changed = 0;
	*ret_last = false;
	if (!sql_exec(sql, "DELETE FROM object_refs WHERE digest=?1 AND count<=1", SQL_ARGS(key),
		    &changed, err))
		return false;
	*ret_last = changed == 1;
	return *ret_last || sql_exec(sql, "UPDATE object_refs SET count=count-1 WHERE digest=?1",
				    SQL_ARGS(key), NULL, err);
}

/* Of a record's own objects, those that no other can have: a state or a verdict that reads alike may stay with another record,
 * and that of this one has gone with it. */
static bool names_one(const char *input)
{
	return strcmp(input, "evidence") == 0 || strcmp(input, "context") == 0;
}

/* own: what is the record's alone has gone with it, all at once. */
static bool destroy_inputs(struct sql *sql, const struct record *record, bool own,
	struct gone_list *list, struct err *err)
{
	for (size_t i = 0; i < record->input_count; i++) {
		const struct record_input *input = &record->inputs[i];
		bool of_policy = false, last = false;
		if (!retention_counted(input->name, &of_policy))
			continue;
		if (own && !of_policy) {
			if (names_one(input->name) &&
				!list_digest(
					list->objects, &list->object_count, input->digest, err))
				return false;
			continue;
		}
		if (!unname(sql, input->digest, &last, err))
			return false;
		/* A policy's text has its own end (policies_destroy). */
		if (last && !of_policy && !destroy_object(sql, input->digest, list, err))
			return false;
	}
	return true;
}

bool record_destroy(struct sql *sql, const struct record_row *row, const struct gone *gone,
	struct gone_list *list, struct err *err)
{
	OWNED(free_ptr) struct record *record = calloc(1, sizeof(*record));
	struct cose_sign1 message;
	int64_t changed = 0;
	if (!record)
		return err_set(err, ERR_NOMEM, "record");
	if (!cose_sign1_parse(buf_bytes(&row->cose), &message, err) ||
		!record_decode(message.payload, record, err))
		return err_wrap(err, "record at index %llu", (unsigned long long)row->index);
	if (!sql_exec(sql,
		    "UPDATE histories SET kept=kept-1 WHERE host=?1 AND instance=?2 AND "
		    "workload=?3 AND kept>0",
		    SQL_ARGS(sql_b(BYTES_OF(row->host)), sql_b(BYTES_OF(row->instance)),
			    sql_t(bytes_str(row->workload))),
		    &changed, err))
		return false;
	if (changed != 1)
		return err_set(err, ERR_STORE, "record at index %llu: its history is not known",
			(unsigned long long)row->index);
	bool own = false;
	return record_contents_destroy(sql, row->index, &own, err) &&
	       destroy_inputs(sql, record, own, list, err) &&
	       sql_exec(sql,
		       "INSERT INTO record_gone(idx, entry, time, contents) VALUES(?1,?2,?3,1)",
		       SQL_ARGS(sql_u(row->index), sql_u(gone->entry), sql_i(gone->time)), NULL,
		       err) &&
	       list_digest(list->records, &list->record_count, row->id, err);
}

/* ---- entries ---- */

bool entry_destroy(struct sql *sql, uint64_t index, const struct gone *gone, struct gone_list *list,
	struct err *err)
{
	list->entry_count++;
	return leaf_content_destroy(sql, index, err) &&
	       sql_exec(sql, "UPDATE entries SET gone=?2, gone_time=?3 WHERE idx=?1",
		       SQL_ARGS(sql_u(index), sql_u(gone->entry), sql_i(gone->time)), NULL, err) &&
	       (json_array_append_new(list->entries, json_integer((json_int_t)index)) == 0 ||
		       err_set(err, ERR_NOMEM, "retention"));
}

/* ---- policies ---- */

#define POLICIES_AT_ONCE 8u

struct past_policy {
	int64_t seq;
	uint8_t digest[SHA256_LEN], signature[SHA256_LEN];
};

static bool past_find(struct sql *sql, int64_t until, int64_t seen_from,
	struct past_policy ret[POLICIES_AT_ONCE], size_t *ret_count, struct err *err)
{
	OWNED(sql_finish) struct sql_query *q = NULL;
	bool more = false;
	*ret_count = 0;
	if (!sql_start(sql,
		    "SELECT p.seq, p.digest, p.signature FROM policies p WHERE p.gone=0 AND NOT "
		    "EXISTS(SELECT 1 FROM policies s WHERE s.digest=p.digest AND s.state IN (1, "
		    "2)) AND EXISTS(SELECT 1 FROM policies n WHERE n.seq>p.seq AND n.in_force>0 "
		    "AND n.in_force<=?1) AND NOT EXISTS(SELECT 1 FROM object_refs r WHERE "
		    "r.digest=p.digest OR r.digest=p.signature) AND NOT EXISTS(SELECT 1 FROM "
		    "policies_seen c WHERE c.digest=p.digest AND c.seq>=?2) ORDER BY p.seq LIMIT 8",
		    SQL_ARGS(sql_i(until), sql_i(seen_from)), &q, err))
		return false;
	while (sql_next(q, &more, err)) {
		struct past_policy *to = &ret[*ret_count];
		if (!more || *ret_count == POLICIES_AT_ONCE)
			return true;
		to->seq = sql_int(q, 0);
		if (!sql_exact(q, 1, "policy digest", to->digest, SHA256_LEN, err) ||
			!sql_exact(q, 2, "signature digest", to->signature, SHA256_LEN, err))
			return false;
		(*ret_count)++;
	}
	return false;
}

/* An object that this policy alone named: *ret_found false when there is none left. */
static bool own_reference(struct sql *sql, const uint8_t policy[SHA256_LEN],
	uint8_t ret[SHA256_LEN], bool *ret_found, struct err *err)
{
	OWNED(sql_finish) struct sql_query *q = NULL;
	if (!sql_first(sql,
		    "SELECT digest FROM policy_references a WHERE policy=?1 AND NOT EXISTS(SELECT "
		    "1 FROM policy_references b WHERE b.digest=a.digest AND b.policy<>?1) LIMIT 1",
		    SQL_ARGS(sql_b(bytes_of(policy, SHA256_LEN))), &q, err))
		return false;
	*ret_found = q != NULL;
	return !q || sql_exact(q, 0, "reference digest", ret, SHA256_LEN, err);
}

static bool destroy_references(
	struct sql *sql, const uint8_t policy[SHA256_LEN], struct gone_list *list, struct err *err)
{
	uint8_t digest[SHA256_LEN];
	for (;;) {
		bool found = false;
		if (!own_reference(sql, policy, digest, &found, err))
			return false;
		if (!found)
			break;
		if (!destroy_object(sql, digest, list, err) ||
			!sql_exec(sql,
				"DELETE FROM policy_references WHERE policy=?1 AND digest=?2",
				SQL_ARGS(sql_b(bytes_of(policy, SHA256_LEN)),
					sql_b(BYTES_OF(digest))),
				NULL, err))
			return false;
	}
	return sql_exec(sql, "DELETE FROM policy_references WHERE policy=?1",
		SQL_ARGS(sql_b(bytes_of(policy, SHA256_LEN))), NULL, err);
}

static bool destroy_policy(
	struct sql *sql, const struct past_policy *past, struct gone_list *list, struct err *err)
{
	static const uint8_t none[SHA256_LEN];
	return destroy_references(sql, past->digest, list, err) &&
	       destroy_object(sql, past->digest, list, err) &&
	       (memcmp(past->signature, none, sizeof(none)) == 0 ||
		       destroy_object(sql, past->signature, list, err)) &&
	       sql_exec(sql, "UPDATE policies SET gone=1 WHERE digest=?1",
		       SQL_ARGS(sql_b(BYTES_OF(past->digest))), NULL, err);
}

bool policies_destroy(
	struct sql *sql, int64_t until, int64_t seen_from, struct gone_list *list, struct err *err)
{
	struct past_policy past[POLICIES_AT_ONCE];
	size_t count = 0;
	if (!past_find(sql, until, seen_from, past, &count, err))
		return false;
	for (size_t i = 0; i < count; i++)
		if (!destroy_policy(sql, &past[i], list, err))
			return err_wrap(err, "policy row %lld", (long long)past[i].seq);
	return true;
}
