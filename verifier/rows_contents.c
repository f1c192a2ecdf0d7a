/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Contents beside the ledger, sealed (vault.h): objects by their digest, and what a leaf commits to,
 * its salt in front. A content that was destroyed leaves its row behind: when, and nothing of what.
 *
 * A rotation writes data keys and no large content: a data key stands in a table of its own, or in the
 * leaf's row beside a small content. Either way the rows with keys are only ever appended or overwritten
 * in place by as many bytes, so that no page of the database keeps an older copy of one. Of a leaf's own
 * row therefore zeros stay where key and content were; a row in leaf_contents says what came after:
 * destroyed, or another content in its place.
 */
#include "verifier/rows_sealed.h"

/* More than this does not stand in a leaf's own row: some leaves fit a page, and none is cut in two. */
#define LEAF_WITHIN_MAX 1024u

/* ---- objects ---- */

static void object_identity(const uint8_t digest[SHA256_LEN], struct buf *out)
{
	sealed_identity("assay object", bytes_of(digest, SHA256_LEN), out);
}

/* *ret_there: there is a row. *ret_key is 0 when its content was destroyed. */
static bool object_find(struct sql *sql, const uint8_t digest[SHA256_LEN], bool *ret_there,
	int64_t *ret_key, struct err *err)
{
	OWNED(sql_finish) struct sql_query *q = NULL;
	if (!sql_first(sql, "SELECT key FROM objects WHERE digest=?1",
		    SQL_ARGS(sql_b(bytes_of(digest, SHA256_LEN))), &q, err))
		return false;
	*ret_there = q != NULL;
	*ret_key = q ? sql_int(q, 0) : 0;
	return true;
}

#define NOT_HELD " WHERE NOT EXISTS(SELECT 1 FROM objects WHERE digest=?1 AND key IS NOT NULL)"

/* Without waiting for what there is: it is sealed in any case, and stored if it is wanted. */
static bool object_put_unasked(
	struct sql *sql, const uint8_t digest[SHA256_LEN], struct bytes content, struct err *err)
{
	OWNED(buf_release) struct buf identity = {0};
	OWNED(buf_release) struct buf sealed = {0};
	struct vault *vault = NULL;
	uint8_t wrapped[VAULT_WRAPPED_LEN];
	struct sql_value name = sql_b(bytes_of(digest, SHA256_LEN));
	object_identity(digest, &identity);
	if (!buf_ok(&identity, err) || !sealed_vault(sql, &vault, err) ||
		!vault_seal(vault, buf_bytes(&identity), content, wrapped, &sealed, err))
		return err_wrap(err, "object");
	return sql_exec(sql, "INSERT INTO data_keys(wrapped) SELECT ?2" NOT_HELD,
		       SQL_ARGS(name, sql_b(BYTES_OF(wrapped))), NULL, err) &&
	       sql_exec(sql,
		       "INSERT INTO objects(digest, key, destroyed, sealed) "
		       "SELECT ?1, " SEALED_NEWEST_KEY ", 0, ?2" NOT_HELD
		       " ON CONFLICT(digest) DO UPDATE SET key=excluded.key, "
		       "sealed=excluded.sealed",
		       SQL_ARGS(name, sql_b(buf_bytes(&sealed))), NULL, err);
}

bool object_put(
	struct sql *sql, const uint8_t digest[SHA256_LEN], struct bytes content, struct err *err)
{
	OWNED(buf_release) struct buf identity = {0};
	OWNED(buf_release) struct buf sealed = {0};
	struct sql_value name = sql_b(bytes_of(digest, SHA256_LEN));
	bool there = false;
	int64_t key = 0;
	if (sql->ops->exec)
		return object_put_unasked(sql, digest, content, err);
	if (!object_find(sql, digest, &there, &key, err))
		return false;
	if (key != 0)
		return true;
	object_identity(digest, &identity);
	if (!sealed_make(sql, &identity, content, &sealed, err))
		return err_wrap(err, "object");
	return sql_exec(sql,
		there ? "UPDATE objects SET key=" SEALED_NEWEST_KEY ", sealed=?2 WHERE digest=?1"
		      : "INSERT INTO objects(digest, key, destroyed, sealed) "
			"VALUES(?1," SEALED_NEWEST_KEY ",0,?2)",
		SQL_ARGS(name, sql_b(buf_bytes(&sealed))), NULL, err);
}

bool object_get(struct sql *sql, const uint8_t digest[SHA256_LEN], struct buf *ret, struct err *err)
{
	OWNED(sql_finish) struct sql_query *q = NULL;
	OWNED(buf_release) struct buf identity = {0};
	OWNED(buf_release) struct buf content = {0};
	uint8_t actual[SHA256_LEN];
	if (!sql_first(sql,
		    "SELECT o.destroyed, k.wrapped, o.sealed, o.key FROM objects o LEFT JOIN "
		    "data_keys k ON k.id=o.key WHERE o.digest=?1",
		    SQL_ARGS(sql_b(bytes_of(digest, SHA256_LEN))), &q, err))
		return false;
	if (!q)
		return err_set(err, ERR_NOT_FOUND, "object is not stored");
	object_identity(digest, &identity);
	if (!sealed_open(sql, q, "object", &identity, &content, err) ||
		!sha256_of(buf_bytes(&content), actual, err))
		return false;
	if (memcmp(actual, digest, sizeof(actual)) != 0)
		return err_set(err, ERR_STORE, "stored object does not have its digest");
	buf_put(ret, buf_bytes(&content));
	return buf_ok(ret, err);
}

bool object_destroy(struct sql *sql, const uint8_t digest[SHA256_LEN], struct err *err)
{
	struct vault *vault = NULL;
	bool there = false;
	int64_t key = 0;
	if (!sealed_vault(sql, &vault, err) || !object_find(sql, digest, &there, &key, err))
		return false;
	if (!there)
		return err_set(err, ERR_NOT_FOUND, "object is not stored");
	return key == 0 ||
	       (sealed_key_destroy(sql, key, err) &&
		       sql_exec(sql,
			       "UPDATE objects SET key=NULL, destroyed=?2, sealed=x'' WHERE "
			       "digest=?1",
			       SQL_ARGS(sql_b(bytes_of(digest, SHA256_LEN)),
				       sql_i(vault_now(vault))),
			       NULL, err));
}

/* ---- what leaves commit to ---- */

static void leaf_identity(uint64_t index, struct buf *out)
{
	struct buf name = {0};
	buf_put_be64(&name, index);
	sealed_identity("assay leaf", buf_bytes(&name), out);
	out->failed = out->failed || name.failed;
	buf_release(&name);
}

/* In its own row a leaf's content belongs to the leaf by its hash: where it will stand is not known
 * when it is sealed. */
static void leaf_hash_identity(const uint8_t hash[SHA256_LEN], struct buf *out)
{
	sealed_identity("assay leaf hash", bytes_of(hash, SHA256_LEN), out);
}

static bool leaf_plain(struct bytes salt, struct bytes content, struct buf *out, struct err *err)
{
	buf_put(out, salt);
	buf_put(out, content);
	return buf_ok(out, err);
}

bool leaf_seal(struct vault *vault, struct leaf_row *row, struct err *err)
{
	OWNED(buf_release) struct buf identity = {0};
	OWNED(buf_release) struct buf plain = {0};
	buf_clear(&row->sealed);
	if (row->content.len > LEAF_WITHIN_MAX)
		return true;
	leaf_hash_identity(row->hash, &identity);
	return (buf_ok(&identity, err) &&
		       leaf_plain(BYTES_OF(row->salt), buf_bytes(&row->content), &plain, err) &&
		       vault_seal(vault, buf_bytes(&identity), buf_bytes(&plain), row->wrapped,
			       &row->sealed, err)) ||
	       err_wrap(err, "content of a leaf");
}

bool leaf_content_put(
	struct sql *sql, uint64_t index, struct bytes salt, struct bytes content, struct err *err)
{
	OWNED(buf_release) struct buf identity = {0};
	OWNED(buf_release) struct buf plain = {0};
	OWNED(buf_release) struct buf sealed = {0};
	leaf_identity(index, &identity);
	if (!leaf_plain(salt, content, &plain, err) ||
		!sealed_make(sql, &identity, buf_bytes(&plain), &sealed, err))
		return err_wrap(err, "content of leaf %llu", (unsigned long long)index);
	return sql_exec(sql,
		"INSERT INTO leaf_contents(idx, key, destroyed, sealed) "
		"VALUES(?1," SEALED_NEWEST_KEY ",0,?2)",
		SQL_ARGS(sql_u(index), sql_b(buf_bytes(&sealed))), NULL, err);
}

#define LEAF_NAME_MAX 32

static void leaf_name(uint64_t index, char out[LEAF_NAME_MAX])
{
	(void)snprintf(out, LEAF_NAME_MAX, "leaf %llu", (unsigned long long)index);
}

static bool leaf_split(struct bytes plain, struct leaf_row *row, const char *what, struct err *err)
{
	if (plain.len < sizeof(row->salt))
		return err_set(err, ERR_STORE, "%s: its content has %zu bytes", what, plain.len);
	memcpy(row->salt, plain.data, sizeof(row->salt));
	buf_put(&row->content,
		bytes_of(plain.data + sizeof(row->salt), plain.len - sizeof(row->salt)));
	return buf_ok(&row->content, err);
}

/* Column 3 of the query is the key again: NULL reads as 0. */
bool leaf_content_get(struct sql *sql, struct leaf_row *row, struct err *err)
{
	OWNED(sql_finish) struct sql_query *q = NULL;
	OWNED(buf_release) struct buf identity = {0};
	OWNED(buf_release) struct buf plain = {0};
	char what[LEAF_NAME_MAX];
	leaf_name(row->index, what);
	if (!sql_first(sql,
		    "SELECT c.destroyed, k.wrapped, c.sealed, c.key FROM leaf_contents c LEFT JOIN "
		    "data_keys k ON k.id=c.key WHERE c.idx=?1",
		    SQL_ARGS(sql_u(row->index)), &q, err))
		return false;
	if (!q)
		return err_set(err, ERR_STORE, "%s: its content is not stored", what);
	leaf_identity(row->index, &identity);
	if (!sealed_open(sql, q, what, &identity, &plain, err))
		return false;
	return leaf_split(buf_bytes(&plain), row, what, err);
}

/* Zeros in the leaf's own row: what there is of its content stands elsewhere, or has gone. */
static bool within(struct bytes wrapped)
{
	return wrapped.len == VAULT_WRAPPED_LEN && vault_generation_of(wrapped.data) != 0;
}

bool leaf_content_open(struct sql *sql, struct leaf_row *row, struct bytes wrapped,
	struct bytes sealed, struct err *err)
{
	OWNED(buf_release) struct buf identity = {0};
	OWNED(buf_release) struct buf plain = {0};
	struct vault *vault = NULL;
	char what[LEAF_NAME_MAX];
	leaf_name(row->index, what);
	if (!within(wrapped))
		return leaf_content_get(sql, row, err);
	leaf_hash_identity(row->hash, &identity);
	return buf_ok(&identity, err) && sealed_vault(sql, &vault, err) &&
	       (vault_open(vault, buf_bytes(&identity), wrapped, sealed, &plain, err) ||
		       err_wrap(err, "%s", what)) &&
	       leaf_split(buf_bytes(&plain), row, what, err);
}

/* By as many zeros: see above. *ret_within false: there is nothing in the leaf's own row. */
static bool within_destroy(struct sql *sql, uint64_t index, bool *ret_within, struct err *err)
{
	static const uint8_t nothing[VAULT_WRAPPED_LEN];
	OWNED(sql_finish) struct sql_query *q = NULL;
	OWNED(buf_release) struct buf zeros = {0};
	if (!sql_first(sql, "SELECT wrapped, length(sealed) FROM leaves WHERE idx=?1",
		    SQL_ARGS(sql_u(index)), &q, err))
		return false;
	*ret_within = q && within(sql_bytes(q, 0));
	if (!*ret_within)
		return true;
	uint8_t *at = buf_extend(&zeros, (size_t)sql_int(q, 1));
	if (!at)
		return buf_ok(&zeros, err);
	memset(at, 0, zeros.len);
	sql_finish(&q);
	sql->scrub = true;
	return sql_exec(sql, "UPDATE leaves SET wrapped=?2, sealed=?3 WHERE idx=?1",
		SQL_ARGS(sql_u(index), sql_b(BYTES_OF(nothing)), sql_b(buf_bytes(&zeros))), NULL,
		err);
}

bool leaf_content_destroy(struct sql *sql, uint64_t index, struct err *err)
{
	OWNED(sql_finish) struct sql_query *q = NULL;
	struct vault *vault = NULL;
	bool was_within = false;
	if (!sealed_vault(sql, &vault, err) || !within_destroy(sql, index, &was_within, err))
		return false;
	if (was_within)
		return sql_exec(sql,
			"INSERT INTO leaf_contents(idx, key, destroyed, sealed) "
			"VALUES(?1,NULL,?2,x'')",
			SQL_ARGS(sql_u(index), sql_i(vault_now(vault))), NULL, err);
	if (!sql_first(sql, "SELECT key FROM leaf_contents WHERE idx=?1", SQL_ARGS(sql_u(index)),
		    &q, err))
		return false;
	if (!q)
		return err_set(
			err, ERR_NOT_FOUND, "leaf %llu is not stored", (unsigned long long)index);
	int64_t key = sql_int(q, 0);
	sql_finish(&q);
	return key == 0 ||
	       (sealed_key_destroy(sql, key, err) &&
		       sql_exec(sql,
			       "UPDATE leaf_contents SET key=NULL, destroyed=?2, sealed=x'' WHERE "
			       "idx=?1",
			       SQL_ARGS(sql_u(index), sql_i(vault_now(vault))), NULL, err));
}

/* The key of the one before is destroyed; the new one is sealed under a key of its own. */
bool leaf_content_replace(
	struct sql *sql, const struct leaf_row *row, struct bytes content, struct err *err)
{
	return leaf_content_destroy(sql, row->index, err) &&
	       sql_exec(sql, "DELETE FROM leaf_contents WHERE idx=?1", SQL_ARGS(sql_u(row->index)),
		       NULL, err) &&
	       leaf_content_put(sql, row->index, BYTES_OF(row->salt), content, err);
}

/* ---- what stood in clear before there were keys ---- */

#define CLEAR_BATCH 256u

static bool clear_object_seal(struct sql *sql, bool *ret_more, struct err *err)
{
	OWNED(sql_finish) struct sql_query *q = NULL;
	OWNED(buf_release) struct buf content = {0};
	uint8_t digest[SHA256_LEN];
	if (!sql_first(
		    sql, "SELECT digest, bytes FROM clear_objects LIMIT 1", SQL_NO_ARGS, &q, err))
		return false;
	*ret_more = q != NULL;
	if (!q)
		return true;
	sql_put(q, 1, &content);
	if (!sql_exact(q, 0, "object digest", digest, sizeof(digest), err) ||
		!buf_ok(&content, err))
		return false;
	sql_finish(&q);
	return object_put(sql, digest, buf_bytes(&content), err) &&
	       sql_exec(sql, "DELETE FROM clear_objects WHERE digest=?1",
		       SQL_ARGS(sql_b(BYTES_OF(digest))), NULL, err);
}

static bool clear_leaf_seal(struct sql *sql, bool *ret_more, struct err *err)
{
	OWNED(sql_finish) struct sql_query *q = NULL;
	OWNED(buf_release) struct buf content = {0};
	uint8_t salt[LEDGER_SALT_LEN];
	if (!sql_first(sql, "SELECT idx, salt, content FROM clear_leaves LIMIT 1", SQL_NO_ARGS, &q,
		    err))
		return false;
	*ret_more = q != NULL;
	if (!q)
		return true;
	uint64_t index = (uint64_t)sql_int(q, 0);
	sql_put(q, 2, &content);
	if (!sql_exact(q, 1, "leaf salt", salt, sizeof(salt), err) || !buf_ok(&content, err))
		return false;
	sql_finish(&q);
	return leaf_content_put(sql, index, BYTES_OF(salt), buf_bytes(&content), err) &&
	       sql_exec(sql, "DELETE FROM clear_leaves WHERE idx=?1", SQL_ARGS(sql_u(index)), NULL,
		       err);
}

static bool clear_batch(struct sql *sql, bool (*one)(struct sql *, bool *, struct err *),
	bool *ret_more, struct err *err)
{
	bool ok = sql->ops->begin(sql, err);
	if (!ok)
		return false;
	*ret_more = true;
	for (unsigned i = 0; i < CLEAR_BATCH && ok && *ret_more; i++)
		ok = one(sql, ret_more, err);
	if (ok)
		return sql->ops->commit(sql, err);
	sql->ops->rollback(sql);
	return false;
}

/* Pages of the time before may hold copies that nobody deletes any more: the file is written anew. */
static bool clear_pages(struct sql *sql, struct err *err)
{
	OWNED(sql_finish) struct sql_query *q = NULL;
	bool done = false;
	if (!sql_first(sql, "SELECT scrub FROM meta WHERE id=1", SQL_NO_ARGS, &q, err))
		return false;
	bool wanted = q && sql_int(q, 0) != 0;
	sql_finish(&q);
	return !wanted ||
	       (sql->ops->scrub(sql, true, &done, err) &&
		       sql_exec(sql, "UPDATE meta SET scrub=0 WHERE id=1", SQL_NO_ARGS, NULL, err));
}

bool contents_seal(struct sql *sql, struct err *err)
{
	bool (*const kinds[])(struct sql *, bool *, struct err *) = {
		clear_object_seal, clear_leaf_seal};
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		for (bool more = true; more;)
			if (!clear_batch(sql, kinds[i], &more, err))
				return err_wrap(err, "sealing what is stored in clear");
	return clear_pages(sql, err);
}
