/* SPDX-License-Identifier: Apache-2.0 */
/* Tiles of the ledger: level 0 is the leaves' own hashes, the levels above stand in a table. */
#include "verifier/rows.h"

static bool tile_hash_put(struct sql *sql, unsigned level, uint64_t index,
	const uint8_t hash[SHA256_LEN], struct err *err)
{
	return sql_exec(sql, "INSERT INTO tile_hashes(level, idx, hash) VALUES(?1,?2,?3)",
		SQL_ARGS(sql_i(level), sql_u(index), sql_b(bytes_of(hash, SHA256_LEN))), NULL, err);
}

static bool tile_start(
	struct sql *sql, const struct tile *tile, struct sql_query **ret, struct err *err)
{
	uint64_t first = tile->index * TILE_WIDTH, end = first + tile->width;

	if (tile->index > INT64_MAX / TILE_WIDTH - 1)
		return err_set(err, ERR_NOT_FOUND, "the ledger has no such tile");
	if (tile->entries)
		return sql_start(sql,
			"SELECT idx, bytes FROM leaves WHERE idx>=?1 AND idx<?2 ORDER BY idx",
			SQL_ARGS(sql_u(first), sql_u(end)), ret, err);
	if (tile->level == 0)
		return sql_start(sql,
			"SELECT idx, hash FROM leaves WHERE idx>=?1 AND idx<?2 ORDER BY idx",
			SQL_ARGS(sql_u(first), sql_u(end)), ret, err);
	return sql_start(sql,
		"SELECT idx, hash FROM tile_hashes WHERE level=?1 AND idx>=?2 AND idx<?3 ORDER BY "
		"idx",
		SQL_ARGS(sql_i(tile->level), sql_u(first), sql_u(end)), ret, err);
}

static bool entry_put(const struct tile *tile, struct bytes value, struct buf *out, struct err *err)
{
	if (tile->entries)
		return bundle_put(out, value, err);
	if (value.len != SHA256_LEN)
		return err_set(err, ERR_STORE, "a hash of the ledger has %zu bytes", value.len);
	buf_put(out, value);
	return buf_ok(out, err);
}

bool tile_get(struct sql *sql, const struct tile *tile, struct buf *out, struct err *err)
{
	OWNED(sql_finish) struct sql_query *q = NULL;
	uint64_t expected = tile->index * TILE_WIDTH;
	bool more = false;

	if (!tile_start(sql, tile, &q, err))
		return false;
	for (unsigned i = 0; i < tile->width; i++) {
		if (!sql_next(q, &more, err))
			return false;
		if (!more)
			return err_set(err, ERR_NOT_FOUND, "the ledger has no such tile yet");
		if ((uint64_t)sql_int(q, 0) != expected++)
			return err_set(err, ERR_STORE, "the ledger has a gap before %llu",
				(unsigned long long)sql_int(q, 0));
		if (!entry_put(tile, sql_bytes(q, 1), out, err))
			return false;
	}
	return true;
}

bool tiles_put(
	struct sql *sql, uint64_t size, const struct tree_completed *completed, struct err *err)
{
	for (size_t i = 0; i < completed->count; i++) {
		unsigned level = (unsigned)i + 1;
		if (!tile_hash_put(sql, level, (size >> (8 * level)) - 1, completed->roots[i], err))
			return err_wrap(err, "ledger tile");
	}
	return true;
}

/* What the tree of `size` leaves completed, out of the rows. */
static bool tiles_grow(struct sql *sql, uint64_t size, struct err *err)
{
	uint64_t entries = size;

	for (unsigned level = 0; level < TILE_LEVEL_MAX && entries > 0; level++) {
		OWNED(buf_release) struct buf hashes = {0};
		struct tile tile = {.level = level, .width = TILE_WIDTH};
		uint8_t root[SHA256_LEN];

		if (entries % TILE_WIDTH != 0)
			return true;
		entries /= TILE_WIDTH;
		tile.index = entries - 1;
		if (!tile_get(sql, &tile, &hashes, err) ||
			!tile_fold(buf_bytes(&hashes), root, err) ||
			!tile_hash_put(sql, level + 1, tile.index, root, err))
			return err_wrap(err, "ledger tile");
	}
	return true;
}

static bool leaves_count(struct sql *sql, uint64_t *ret, struct err *err)
{
	OWNED(sql_finish) struct sql_query *q = NULL;

	if (!sql_first(sql, "SELECT COUNT(*) FROM leaves", SQL_NO_ARGS, &q, err))
		return false;
	*ret = q ? (uint64_t)sql_int(q, 0) : 0;
	return true;
}

bool tiles_fill(struct sql *sql, struct err *err)
{
	uint64_t count = 0;

	if (!leaves_count(sql, &count, err))
		return false;
	for (uint64_t size = TILE_WIDTH; size <= count; size += TILE_WIDTH)
		if (!tiles_grow(sql, size, err))
			return false;
	return true;
}

static bool source_read(void *arg, const struct tile *tile, struct buf *out, struct err *err)
{
	return tile_get(arg, tile, out, err);
}

struct tile_source tile_rows(struct sql *sql, uint64_t size)
{
	return (struct tile_source){.size = size, .read = source_read, .arg = sql};
}

/* ---- the checkpoint ---- */

static bool note_get(struct sql *sql, const char *text, struct buf *ret_note, struct err *err)
{
	OWNED(sql_finish) struct sql_query *q = NULL;

	if (!sql_first(sql, text, SQL_NO_ARGS, &q, err))
		return false;
	if (!q)
		return err_set(err, ERR_STORE, "the database has no meta row");
	buf_clear(ret_note);
	sql_put(q, 0, ret_note);
	return buf_ok(ret_note, err);
}

bool checkpoint_get(struct sql *sql, struct buf *ret_note, struct err *err)
{
	return note_get(sql, "SELECT checkpoint FROM meta WHERE id=1", ret_note, err);
}

bool checkpoint_set(struct sql *sql, struct bytes note, struct err *err)
{
	return sql_exec(
		sql, "UPDATE meta SET checkpoint=?1 WHERE id=1", SQL_ARGS(sql_b(note)), NULL, err);
}

bool cosigned_get(struct sql *sql, struct buf *ret_note, struct err *err)
{
	return note_get(sql, "SELECT cosigned FROM meta WHERE id=1", ret_note, err);
}

bool cosigned_set(struct sql *sql, struct bytes note, struct err *err)
{
	return sql_exec(
		sql, "UPDATE meta SET cosigned=?1 WHERE id=1", SQL_ARGS(sql_b(note)), NULL, err);
}
