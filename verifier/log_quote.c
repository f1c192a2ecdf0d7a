/* SPDX-License-Identifier: Apache-2.0 */
#include "verifier/log_quote.h"

#include "base/file.h"
#include "verifier/rows.h"

#define AK_FILE_MAX 16384u

bool log_quote_pin(struct ledger_log *log, const char *path, struct err *err)
{
	OWNED(buf_release) struct buf file = {0};

	return (file_read(path, AK_FILE_MAX, &file, err) &&
		       checkpoint_quote_ak(buf_bytes(&file), &log->host_ak, err)) ||
	       err_wrap(err, "log_host_ak: %s", path);
}

bool log_quote_get(struct sql *sql, struct buf *ret_file, uint64_t *ret_size, struct err *err)
{
	OWNED(sql_finish) struct sql_query *q = NULL;

	*ret_size = 0;
	buf_clear(ret_file);
	if (!sql_first(sql, "SELECT size, quote FROM log_quote WHERE id=1", SQL_NO_ARGS, &q, err))
		return false;
	if (!q)
		return true;
	*ret_size = (uint64_t)sql_int(q, 0);
	sql_put(q, 1, ret_file);
	return buf_ok(ret_file, err);
}

struct keeping {
	struct bytes file;
	uint64_t size;
};

static bool keep_work(struct store_tx *tx, void *arg, struct err *err)
{
	OWNED(buf_release) struct buf there = {0};
	const struct keeping *k = arg;
	uint64_t size = 0;

	if (!log_quote_get(tx->sql, &there, &size, err))
		return false;
	if (size > k->size)
		return err_set(err, ERR_CONFLICT,
			"a quote over %llu leaves is kept, and this one is over %llu",
			(unsigned long long)size, (unsigned long long)k->size);
	return sql_exec(tx->sql,
		"INSERT INTO log_quote(id, size, quote) VALUES(1, ?1, ?2)"
		" ON CONFLICT(id) DO UPDATE SET size=excluded.size, quote=excluded.quote",
		SQL_ARGS(sql_u(k->size), sql_b(k->file)), NULL, err);
}

/* Signed with this log's key means little if the tree is not this ledger's. */
static bool tree_check(struct store *store, const struct checkpoint *checkpoint, struct err *err)
{
	struct store_tree tree;
	bool same = false;

	if (!ledger_log_holds(store, &tree, checkpoint, &same, err))
		return false;
	if (checkpoint->size == 0 || checkpoint->size > tree.size)
		return err_set(err, ERR_CONFLICT,
			"the quote is over a ledger of %llu leaves, and this one has %llu",
			(unsigned long long)checkpoint->size, (unsigned long long)tree.size);
	return same || err_set(err, ERR_CONFLICT, "the quote is over another ledger of %llu leaves",
			       (unsigned long long)checkpoint->size);
}

bool log_quote_accept(const struct ledger_log *log, struct store *store, struct bytes file,
	uint64_t *ret_size, struct err *err)
{
	struct checkpoint_quote quote;
	struct checkpoint_quoted quoted;
	struct bytes text;

	if (!checkpoint_quote_decode(file, &quote, err) ||
		!note_open(quote.note, &log->key, &text, err) ||
		!checkpoint_quote_check(&quote, log->host_ak, &quoted, err))
		return false;
	if (!bytes_equal_str(quoted.checkpoint.origin, log->key.name))
		return err_set(
			err, ERR_MISMATCH, "checkpoint quote: the checkpoint of another log");
	struct keeping keeping = {.file = file, .size = quoted.checkpoint.size};
	if (!tree_check(store, &quoted.checkpoint, err) ||
		!store_run(store, keep_work, &keeping, err))
		return false;
	*ret_size = keeping.size;
	return true;
}
