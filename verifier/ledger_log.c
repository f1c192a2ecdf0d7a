/* SPDX-License-Identifier: Apache-2.0 */
#include "verifier/ledger_log.h"

#include "base/file.h"
#include "verifier/rows.h"

#include <errno.h>
#include <unistd.h>

static bool key_load(const char *option, const char *uri, const char *origin, struct note_key *ret,
	struct err *err)
{
	OWNED(key_unref) struct key *key = NULL;

	if (!key_from_uri(uri, &key, err))
		return err_wrap(err, "%s: %s", option, uri);
	if (!key_has_private(key) || key_type_of(key) != KEY_ED25519)
		return err_set(err, ERR_CONFIG,
			"%s: %s: checkpoints are signed with an Ed25519 private key", option, uri);
	return note_key_of(origin, key, ret, err) || err_wrap(err, "log_origin");
}

bool ledger_log_load(const char *uri, const char *origin, struct ledger_log *ret, struct err *err)
{
	if (!key_load("log_key", uri, origin, &ret->key, err))
		return false;
	(void)pthread_mutex_init(&ret->lock, NULL);
	return true;
}

bool ledger_log_load_also(struct ledger_log *log, const char *uri, struct err *err)
{
	OWNED(note_key_release) struct note_key also = {0};

	if (!key_load("log_key_also", uri, log->key.name, &also, err))
		return false;
	if (key_equal(also.key, log->key.key))
		return err_set(err, ERR_CONFIG, "log_key_also: %s: the same key as log_key", uri);
	log->also = TAKE_STRUCT(also);
	return true;
}

void ledger_log_release(struct ledger_log *log)
{
	if (log->key.key)
		(void)pthread_mutex_destroy(&log->lock);
	note_key_release(&log->key);
	note_key_release(&log->also);
	tlog_policy_free(&log->policy);
	key_unref(&log->host_ak);
	memset(log, 0, sizeof(*log));
}

bool ledger_log_witnesses(
	struct ledger_log *log, const char *path, int64_t quorum_age, int64_t now, struct err *err)
{
	OWNED(buf_release) struct buf text = {0};

	if (!file_read(path, TLOG_POLICY_MAX, &text, err) ||
		!tlog_policy_parse(buf_bytes(&text), &log->policy, err))
		return err_wrap(err, "log_policy: %s", path);
	if (quorum_age > 0 && log->policy->quorum == QUORUM_NONE)
		return err_set(err, ERR_CONFIG,
			"log_policy: %s: quorum none demands nothing: log_quorum_age has no "
			"meaning with it",
			path);
	log->quorum_age = quorum_age;
	log->started = now;
	return true;
}

/* The second signature's line alone, under the first. */
static bool sign_also(
	const struct ledger_log *log, struct bytes text, struct buf *note, struct err *err)
{
	OWNED(buf_release) struct buf whole = {0};

	if (!note_sign(text, &log->also, &whole, err))
		return false;
	buf_put(note, bytes_of(whole.data + text.len + 1, whole.len - text.len - 1));
	return buf_ok(note, err);
}

bool ledger_log_seal(void *arg, const struct store_tree *tree, struct buf *note, struct err *err)
{
	const struct ledger_log *log = arg;
	OWNED(buf_release) struct buf text = {0};
	struct checkpoint checkpoint = {.origin = bytes_str(log->key.name), .size = tree->size};

	memcpy(checkpoint.root, tree->root, sizeof(checkpoint.root));
	return checkpoint_write(&checkpoint, &text, err) &&
	       note_sign(buf_bytes(&text), &log->key, note, err) &&
	       (!log->also.key || sign_also(log, buf_bytes(&text), note, err));
}

static bool is_named(struct bytes note, const struct note_key *key)
{
	bool named = false;

	return note_names(note, key, &named, NULL) && named;
}

bool ledger_log_keys_changed(
	const struct ledger_log *log, struct store *store, bool *ret_changed, struct err *err)
{
	OWNED(buf_release) struct buf note = {0};
	OWNED(buf_release) struct buf ours = {0};
	const struct note_key *keys[] = {&log->key, &log->also};
	struct sql *sql = NULL;

	if (!store_read(store, &sql, err))
		return false;
	bool ok = checkpoint_get(sql, &note, err);
	store_read_done(store, &sql);
	*ret_changed = false;
	if (!ok || note.len <= 1)
		return ok;
	if (!note_reduce(buf_bytes(&note), keys, log->also.key ? 2 : 1, &ours, err))
		return false;
	*ret_changed = !bytes_equal(buf_bytes(&note), buf_bytes(&ours)) ||
		       !is_named(buf_bytes(&note), &log->key) ||
		       (log->also.key && !is_named(buf_bytes(&note), &log->also));
	return true;
}

/* ---- the check at start ---- */

#define CHECKS_MAX 100u

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
	*ret_signed = note.len > 1;
	if (!*ret_signed)
		return note.len == 1 || tree->size == 0 ||
		       err_set(err, ERR_STORE, "ledger: its checkpoint is missing");
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

	if (!path_join(&path, directory, LOG_LATEST_FILE))
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

/* Where other verifiers write meanwhile, what was read at two moments may not fit together: it is read
 * again, for as long as the tree has grown in between. */
static bool check_shared(const struct ledger_log *log, struct store *store, struct sql *sql,
	const char *directory, bool *ret_signed, struct err *err)
{
	struct store_tree before, after;
	bool ok = false, grown = true;

	for (unsigned i = 0; !ok && grown && i < CHECKS_MAX; i++) {
		store_tree(store, &before);
		ok = check(log, store, sql, directory, ret_signed, err);
		store_tree(store, &after);
		grown = store_is_shared(store) && after.size != before.size;
	}
	return ok;
}

bool ledger_log_check(
	struct ledger_log *log, struct store *store, const char *directory, struct err *err)
{
	struct sql *sql = NULL;
	bool sealed = false;

	if (!store_read(store, &sql, err))
		return false;
	bool ok = check_shared(log, store, sql, directory, &sealed, err);
	store_read_done(store, &sql);
	return ok && (sealed || store_run(store, seal_work, NULL, err));
}

/* ---- cosignatures ---- */

#define FUTURE_MAX 60 /* seconds by which a witness's clock may be ahead */

/* Who signed with a clock that is ahead is not counted; the others may be a quorum all the same. */
static bool times_check(
	const struct ledger_log *log, struct tlog_cosigned *cosigned, int64_t now, struct err *err)
{
	for (size_t i = 0; i < log->policy->witness_count; i++)
		if (cosigned->times[i] > now + FUTURE_MAX)
			cosigned->witnesses &= ~(UINT64_C(1) << i);
	return tlog_policy_quorum(log->policy, cosigned->witnesses) ||
	       err_set(err, ERR_MISMATCH,
		       "checkpoint: cosigned in the future: whose clock is wrong?");
}

bool ledger_log_holds(struct store *store, struct store_tree *ret_tree,
	const struct checkpoint *checkpoint, bool *ret_same, struct err *err)
{
	struct sql *sql = NULL;
	uint8_t root[SHA256_LEN];

	*ret_same = false;
	if (!store_read(store, &sql, err))
		return false;
	bool ok = store_tree_of(store, sql, ret_tree, err);
	if (ok && checkpoint->size <= ret_tree->size) {
		struct tile_source source = tile_rows(sql, ret_tree->size);
		ok = tiles_root(&source, checkpoint->size, root, err);
		*ret_same = ok && memcmp(root, checkpoint->root, SHA256_LEN) == 0;
	}
	store_read_done(store, &sql);
	return ok;
}

/* A tree that the witnesses saw, and that is not in this ledger, was signed with its key. */
static bool tree_check(struct store *store, const struct checkpoint *checkpoint, struct err *err)
{
	struct store_tree tree;
	bool same = false;

	if (!ledger_log_holds(store, &tree, checkpoint, &same, err))
		return false;
	if (checkpoint->size > tree.size)
		return err_set(err, ERR_CONFLICT,
			"the witnesses saw a ledger of %llu leaves, and this one has %llu: an "
			"older copy of the database?",
			(unsigned long long)checkpoint->size, (unsigned long long)tree.size);
	return same || err_set(err, ERR_CONFLICT,
			       "the witnesses saw another ledger of %llu leaves than this one",
			       (unsigned long long)checkpoint->size);
}

static bool note_keep(const struct ledger_log *log, struct bytes note, uint64_t witnesses,
	struct buf *out, struct err *err)
{
	const struct note_key *keys[TLOG_POLICY_NAMES_MAX + 2] = {&log->key, &log->also};
	size_t count = log->also.key ? 2 : 1;

	for (size_t i = 0; i < log->policy->witness_count; i++)
		if (witnesses >> i & 1)
			keys[count++] = &log->policy->witnesses[i].key;
	return note_reduce(note, keys, count, out, err);
}

/* Size of the tree that the stored note is about; 0: none. */
static bool kept_size(struct sql *sql, uint64_t *ret, struct err *err)
{
	OWNED(buf_release) struct buf note = {0};
	struct checkpoint checkpoint;

	*ret = 0;
	if (!cosigned_get(sql, &note, err))
		return false;
	if (note.len == 0)
		return true;
	if (!checkpoint_parse(buf_bytes(&note), &checkpoint, err))
		return false;
	*ret = checkpoint.size;
	return true;
}

struct keeping {
	struct buf note;
	uint64_t size;
};

static void keeping_release(struct keeping *k)
{
	buf_release(&k->note);
}

/* A larger one stays, whoever brings back an old one. */
static bool cosigned_work(struct store_tx *tx, void *arg, struct err *err)
{
	const struct keeping *k = arg;
	uint64_t size = 0;

	if (!kept_size(tx->sql, &size, err))
		return false;
	return size > k->size || cosigned_set(tx->sql, buf_bytes(&k->note), err);
}

/* Each accepted note is of this ledger, so that what each witness saw last adds up. */
static bool times_merge(struct ledger_log *log, const struct tlog_cosigned *cosigned)
{
	(void)pthread_mutex_lock(&log->lock);
	/* Two trees may be cosigned within one second. */
	bool newer = cosigned->checkpoint.size > log->cosigned_size;
	if (newer)
		log->cosigned_size = cosigned->checkpoint.size;
	for (size_t i = 0; i < log->policy->witness_count; i++)
		if (cosigned->witnesses >> i & 1 &&
			(!(log->witnesses >> i & 1) || cosigned->times[i] > log->times[i])) {
			log->witnesses |= UINT64_C(1) << i;
			log->times[i] = cosigned->times[i];
			newer = true;
		}
	(void)pthread_mutex_unlock(&log->lock);
	return newer;
}

bool ledger_log_accept(struct ledger_log *log, struct store *store, struct bytes note, int64_t now,
	struct err *err)
{
	OWNED(keeping_release) struct keeping keeping = {0};
	struct tlog_cosigned cosigned;

	if (!log->policy)
		return err_set(err, ERR_NOT_FOUND, "no witnesses are configured (log_policy)");
	if (!tlog_policy_check(log->policy, &log->key, note, &cosigned, err) ||
		!times_check(log, &cosigned, now, err) ||
		!tree_check(store, &cosigned.checkpoint, err) ||
		!note_keep(log, note, cosigned.witnesses, &keeping.note, err))
		return false;
	keeping.size = cosigned.checkpoint.size;
	/* What says nothing new about any witness replaces nothing. */
	return !times_merge(log, &cosigned) || store_run(store, cosigned_work, &keeping, err);
}

bool ledger_log_fresh(struct ledger_log *log, int64_t now, struct err *err)
{
	uint64_t fresh = 0;

	if (log->quorum_age == 0)
		return true;
	(void)pthread_mutex_lock(&log->lock);
	for (size_t i = 0; i < log->policy->witness_count; i++)
		if (log->witnesses >> i & 1 && log->times[i] >= log->started &&
			log->times[i] >= now - log->quorum_age && log->times[i] <= now + FUTURE_MAX)
			fresh |= UINT64_C(1) << i;
	(void)pthread_mutex_unlock(&log->lock);
	return tlog_policy_quorum(log->policy, fresh) ||
	       err_set(err, ERR_BUSY,
		       "no quorum of witnesses saw the ledger in the last %llds: is `assay log "
		       "feed` running?",
		       (long long)log->quorum_age);
}

/* What another verifier was brought. */
static void cosigned_follow(struct ledger_log *log, struct store *store)
{
	OWNED(buf_release) struct buf note = {0};
	struct tlog_cosigned cosigned;
	struct sql *sql = NULL;

	if (!store_read(store, &sql, NULL))
		return;
	bool ok = cosigned_get(sql, &note, NULL) && note.len > 0;
	store_read_done(store, &sql);
	if (ok && tlog_policy_check(log->policy, &log->key, buf_bytes(&note), &cosigned, NULL))
		(void)times_merge(log, &cosigned);
}

bool ledger_log_fresh_in(struct ledger_log *log, struct store *store, int64_t now, struct err *err)
{
	if (!store_is_shared(store) || ledger_log_fresh(log, now, NULL))
		return ledger_log_fresh(log, now, err);
	cosigned_follow(log, store);
	return ledger_log_fresh(log, now, err);
}

static uint64_t seen_since(const struct ledger_log *log, int64_t time)
{
	uint64_t seen = 0;
	for (size_t i = 0; i < log->policy->witness_count; i++)
		if (log->witnesses >> i & 1 && log->times[i] >= log->started &&
			log->times[i] >= time)
			seen |= UINT64_C(1) << i;
	return seen;
}

int64_t ledger_log_seen(struct ledger_log *log)
{
	int64_t best = 0;
	if (!log->policy)
		return 0;
	(void)pthread_mutex_lock(&log->lock);
	for (size_t i = 0; i < log->policy->witness_count; i++)
		if (log->times[i] > best &&
			tlog_policy_quorum(log->policy, seen_since(log, log->times[i])))
			best = log->times[i];
	(void)pthread_mutex_unlock(&log->lock);
	return best;
}
