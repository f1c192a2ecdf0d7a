/* SPDX-License-Identifier: Apache-2.0 */
#include "verifier/record_contents.h"

#include "base/cbor.h"
#include "verifier/rows_sealed.h"

static const char what[] = "objects of a record";

static void identity_of(const uint8_t id[SHA256_LEN], struct buf *out)
{
	sealed_identity("assay record objects", bytes_of(id, SHA256_LEN), out);
}

bool record_contents_encode(
	const struct bytes *contents, size_t count, struct buf *out, struct err *err)
{
	struct cbor_writer w = cbor_writer_of(out);
	if (count > RECORD_CONTENTS_MAX)
		return err_set(err, ERR_INTERNAL, "%s: at most %u", what, RECORD_CONTENTS_MAX);
	cbor_put_array(&w, count);
	for (size_t i = 0; i < count; i++)
		cbor_put_bytes(&w, contents[i]);
	return cbor_writer_finish(&w, err) || err_wrap(err, "%s", what);
}

bool record_seal(struct vault *vault, struct record_row *row, const struct bytes *contents,
	size_t count, struct err *err)
{
	OWNED(buf_release) struct buf identity = {0};
	OWNED(buf_release) struct buf plain = {0};
	if (!record_contents_encode(contents, count, &plain, err))
		return false;
	identity_of(row->id, &identity);
	buf_clear(&row->sealed);
	return (buf_ok(&identity, err) && vault_seal(vault, buf_bytes(&identity), buf_bytes(&plain),
						  row->wrapped, &row->sealed, err)) ||
	       err_wrap(err, "%s", what);
}

bool record_contents_put(struct sql *sql, const struct record_row *row, struct err *err)
{
	struct vault *vault = NULL;
	uint8_t wrapped[VAULT_WRAPPED_LEN];
	bool changed = false;
	memcpy(wrapped, row->wrapped, sizeof(wrapped));
	return sealed_vault(sql, &vault, err) && vault_rewrap(vault, wrapped, &changed, err) &&
	       sealed_key_put(sql, wrapped, err) &&
	       sql_exec(sql,
		       "INSERT INTO record_contents(idx, key, destroyed, sealed) "
		       "VALUES(?1," SEALED_NEWEST_KEY ",0,?2)",
		       SQL_ARGS(sql_u(row->index), sql_b(buf_bytes(&row->sealed))), NULL, err);
}

void record_contents_release(struct record_contents *contents)
{
	buf_release(&contents->plain);
	contents->count = 0;
}

bool record_contents_parse(struct buf *plain, struct record_contents *ret, struct err *err)
{
	OWNED(record_contents_release)
	struct record_contents c = {.plain = TAKE_STRUCT(*plain)};
	struct cbor_doc doc;
	struct cbor_item root;
	if (!cbor_open(buf_bytes(&c.plain), true, what, &doc, &root, err))
		return false;
	size_t count = cbor_array(root, RECORD_CONTENTS_MAX, "objects");
	for (size_t i = 0; i < count; i++)
		c.contents[i] = cbor_bytes(cbor_at(root, i, "object"), 0, SIZE_MAX, "object");
	if (!cbor_close(&doc, err))
		return false;
	for (; c.count < count; c.count++)
		if (!sha256_of(c.contents[c.count], c.digests[c.count], err))
			return false;
	*ret = TAKE_STRUCT(c);
	return true;
}

bool record_contents_get(
	struct sql *sql, uint64_t index, struct record_contents *ret, struct err *err)
{
	OWNED(sql_finish) struct sql_query *q = NULL;
	OWNED(buf_release) struct buf identity = {0};
	OWNED(buf_release) struct buf plain = {0};
	uint8_t id[SHA256_LEN];
	*ret = (struct record_contents){0};
	if (!sql_first(sql,
		    "SELECT c.destroyed, k.wrapped, c.sealed, c.key, r.id FROM record_contents c "
		    "JOIN records r ON r.idx=c.idx LEFT JOIN data_keys k ON k.id=c.key "
		    "WHERE c.idx=?1",
		    SQL_ARGS(sql_u(index)), &q, err))
		return false;
	if (!q)
		return true;
	if (!sql_exact(q, 4, "record id", id, sizeof(id), err))
		return false;
	identity_of(id, &identity);
	return sealed_open(sql, q, what, &identity, &plain, err) &&
	       (record_contents_parse(&plain, ret, err) ||
		       err_set(err, err && err->code == ERR_NOMEM ? ERR_NOMEM : ERR_STORE,
			       "%s cannot be read", what));
}

const struct bytes *record_contents_find(
	const struct record_contents *contents, const uint8_t digest[SHA256_LEN])
{
	for (size_t i = 0; i < contents->count; i++)
		if (memcmp(contents->digests[i], digest, SHA256_LEN) == 0)
			return &contents->contents[i];
	return NULL;
}

bool record_object_get(struct sql *sql, uint64_t index, const uint8_t digest[SHA256_LEN],
	struct buf *ret, struct err *err)
{
	OWNED(record_contents_release) struct record_contents c = {0};
	struct err why = {0}, shared = {0};
	bool there = record_contents_get(sql, index, &c, &why);
	if (!there && why.code != ERR_GONE)
		return err_set(err, why.code, "%s", why.text);
	const struct bytes *own = record_contents_find(&c, digest);
	if (own) {
		buf_put(ret, *own);
		return buf_ok(ret, err);
	}
	if (object_get(sql, digest, ret, &shared))
		return true;
	/* What is not shared was the record's own, and has gone with it. */
	const struct err *reason = !there && shared.code == ERR_NOT_FOUND ? &why : &shared;
	return err_set(err, reason->code, "%s", reason->text);
}

bool record_contents_destroy(struct sql *sql, uint64_t index, bool *ret_found, struct err *err)
{
	OWNED(sql_finish) struct sql_query *q = NULL;
	struct vault *vault = NULL;
	if (!sealed_vault(sql, &vault, err) ||
		!sql_first(sql, "SELECT key FROM record_contents WHERE idx=?1",
			SQL_ARGS(sql_u(index)), &q, err))
		return false;
	*ret_found = q != NULL;
	int64_t key = q ? sql_int(q, 0) : 0;
	sql_finish(&q);
	return key == 0 ||
	       (sealed_key_destroy(sql, key, err) &&
		       sql_exec(sql,
			       "UPDATE record_contents SET key=NULL, destroyed=?2, sealed=x'' "
			       "WHERE idx=?1",
			       SQL_ARGS(sql_u(index), sql_i(vault_now(vault))), NULL, err));
}
