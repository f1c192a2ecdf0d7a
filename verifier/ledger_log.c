/* SPDX-License-Identifier: Apache-2.0 */
#include "verifier/ledger_log.h"

#include "base/file.h"
#include "verifier/rows.h"

#include <errno.h>
#include <unistd.h>

#define SCHEMA_WITH_CHECKPOINTS 5

bool ledger_log_load(const char *uri, const char *origin, struct ledger_log *ret, struct err *err)
{
	OWNED(key_unref) struct key *key = NULL;

	if (!key_from_uri(uri, &key, err))
		return err_wrap(err, "log_key: %s", uri);
	if (!key_has_private(key) || key_type_of(key) != KEY_ED25519)
		return err_set(err, ERR_CONFIG,
			"log_key: %s: checkpoints are signed with an Ed25519 private key", uri);
	return note_key_of(origin, key, &ret->key, err) || err_wrap(err, "log_origin");
}

void ledger_log_release(struct ledger_log *log)
{
	note_key_release(&log->key);
}

bool ledger_log_seal(void *arg, const struct store_tree *tree, struct buf *note, struct err *err)
{
	const struct ledger_log *log = arg;
	OWNED(buf_release) struct buf text = {0};
	struct checkpoint checkpoint = {.origin = bytes_str(log->key.name), .size = tree->size};

	memcpy(checkpoint.root, tree->root, sizeof(checkpoint.root));
	return checkpoint_write(&checkpoint, &text, err) &&
	       note_sign(buf_bytes(&text), &log->key, note, err);
}

/* ---- the check at start ---- */

/* Signed by this log and about it. */
static bool note_read(const struct ledger_log *log, struct bytes note, const char *name,
	struct checkpoint *ret, struct err *err)
{
	struct bytes text;
	struct err why = {0};

	if (!note_open(note, &log->key, &text, &why) || !checkpoint_parse(text, ret, &why))
		return err_set(err, why.code == ERR_NOMEM ? ERR_NOMEM : ERR_STORE, "ledger: %s: %s",
			name, why.text);
	if (!bytes_equal_str(ret->origin, log->key.name))
		return err_set(err, ERR_STORE, "ledger: %s: the checkpoint of another log", name);
	return true;
}

static bool same_root(
	const uint8_t a[SHA256_LEN], const uint8_t b[SHA256_LEN], const char *what, struct err *err)
{
	return memcmp(a, b, SHA256_LEN) == 0 ||
	       err_set(err, ERR_STORE,
		       "ledger: %s: the database was changed by something else than this service; "
		       "restore it, and see docs/operations.md",
		       what);
}

static bool note_check(const struct ledger_log *log, struct sql *sql, const struct store_tree *tree,
	bool *ret_signed, struct err *err)
{
	OWNED(buf_release) struct buf note = {0};
	struct checkpoint checkpoint;

	if (!checkpoint_get(sql, &note, err))
		return false;
	*ret_signed = note.len > 0;
	if (!*ret_signed)
		return true;
	if (!note_read(log, buf_bytes(&note), "its checkpoint", &checkpoint, err))
		return false;
	if (checkpoint.size != tree->size)
		return err_set(err, ERR_STORE, "ledger: %llu leaves, but its checkpoint says %llu",
			(unsigned long long)tree->size, (unsigned long long)checkpoint.size);
	return same_root(checkpoint.root, tree->root, "its checkpoint is of another tree", err);
}

/* The file may be behind the database, and never ahead of it. */
static bool published_check(const struct ledger_log *log, const struct tile_source *source,
	const char *directory, struct err *err)
{
	OWNED(buf_release) struct buf path = {0};
	OWNED(buf_release) struct buf note = {0};
	struct checkpoint checkpoint;
	uint8_t root[SHA256_LEN];

	if (!path_join(&path, directory, LOG_CHECKPOINT_FILE))
		return err_set(err, ERR_NOMEM, "ledger");
	if (access(buf_str(&path), F_OK) != 0 && errno == ENOENT)
		return true;
	if (!file_read(buf_str(&path), NOTE_MAX, &note, err) ||
		!note_read(log, buf_bytes(&note), buf_str(&path), &checkpoint, err))
		return false;
	if (checkpoint.size > source->size)
		return err_set(err, ERR_STORE,
			"ledger: %s was signed over %llu leaves, and the database has %llu: it is "
			"an older copy; see docs/operations.md",
			buf_str(&path), (unsigned long long)checkpoint.size,
			(unsigned long long)source->size);
	return tiles_root(source, checkpoint.size, root, err) &&
	       same_root(root, checkpoint.root, "not the one whose checkpoint was published", err);
}

static bool seal_work(struct store_tx *tx, void *arg, struct err *err)
{
	(void)arg;
	(void)err;
	tx->edge_changed = true;
	return true;
}

static bool check(const struct ledger_log *log, struct store *store, struct sql *sql,
	const char *directory, bool *ret_signed, struct err *err)
{
	struct store_tree tree;
	uint8_t root[SHA256_LEN];

	store_tree(store, &tree);
	struct tile_source source = tile_rows(sql, tree.size);
	if (!tiles_root(&source, tree.size, root, err))
		return err_set(err, err && err->code == ERR_NOMEM ? ERR_NOMEM : ERR_STORE,
			"ledger: %.200s", err ? err->text : "");
	return same_root(root, tree.root, "its leaves do not make its tree", err) &&
	       note_check(log, sql, &tree, ret_signed, err) &&
	       (!directory || published_check(log, &source, directory, err));
}

bool ledger_log_check(
	struct ledger_log *log, struct store *store, const char *directory, struct err *err)
{
	struct sql *sql = NULL;
	bool sealed = false;

	if (!store_read(store, &sql, err))
		return false;
	bool ok = check(log, store, sql, directory, &sealed, err);
	store_read_done(store, &sql);
	if (!ok || sealed)
		return ok;
	if (store_migrated_from(store) >= SCHEMA_WITH_CHECKPOINTS)
		return err_set(err, ERR_STORE, "ledger: its checkpoint is missing");
	return store_run(store, seal_work, NULL, err);
}
