/* SPDX-License-Identifier: Apache-2.0 */
/*
 * S9, T1, T2: power that goes at a moment of chance, below the store and below what is published from it. Whatever is left, the
 * store opens, its ledger is a prefix of what was appended, nothing that was acknowledged is missing, no job is there by half,
 * its checkpoint is of its tree, and what is published is whole. Then it goes on, and sometimes the power goes again.
 *
 * 300 cuts; ASSAY_LONG=1: 10,000, each of them another.
 */
#include "tests/fault/power_vfs.h"

#include "verifier/ledger_log.h"
#include "verifier/log_publish.h"
#include "verifier/rows.h"

#define ORIGIN      "power.example/log"
#define LEAVES_MAX  20000u
#define CUTS_EACH   50u /* of what is recorded at a time */
#define SAID_LEAVES 1
#define SAID_TILES  2

static char place[64], root[96], target[96], db[128], log_dir[128];
static struct ledger_log ledger;
static struct store *store;
static struct err err;
static uint8_t (*roots)[SHA256_LEN]; /* of the first n leaves */
static struct sql_ops ops;

/* ---- leaves that follow from their number ---- */

static void leaf_make(uint64_t index, struct leaf_row *row)
{
	buf_printf(&row->bytes, "leaf %llu", (unsigned long long)index);
	memset(row->salt, (int)(index & 0xff), sizeof(row->salt));
	uint8_t *content = buf_extend(&row->content, index * 7919 % 3001);
	assert_non_null(content);
	memset(content, (int)(index & 0xff), row->content.len);
	assert_ok(leaf_hash(buf_bytes(&row->bytes), row->hash, &err), err);
}

static void roots_make(void)
{
	struct tree_edge edge = {0};
	roots = calloc(LEAVES_MAX + 1, sizeof(*roots));
	assert_non_null(roots);
	for (uint64_t i = 0; i <= LEAVES_MAX; i++) {
		struct leaf_row row = {0};
		assert_ok(tree_root(&edge, roots[i], &err), err);
		buf_printf(&row.bytes, "leaf %llu", (unsigned long long)i);
		assert_ok(leaf_hash(buf_bytes(&row.bytes), row.hash, &err), err);
		assert_ok(tree_append(&edge, row.hash, &err), err);
		leaf_row_release(&row);
	}
}

/* ---- the store, with small caches so that it writes at every turn ---- */

static bool open_small(const char *location, bool writer, struct sql **ret, struct err *e)
{
	char settings[96];
	if (!sql_sqlite.open(location, writer, ret, e))
		return false;
	(void)snprintf(settings, sizeof(settings),
		"PRAGMA wal_autocheckpoint=%d; PRAGMA cache_size=%d", (int)power_random(120) + 4,
		(int)power_random(40) + 10);
	return !writer || sql_sqlite.script(*ret, settings, e);
}

static bool start(const char *directory)
{
	struct store_config config = {.ops = &ops,
		.location = db,
		.clock = &clock_system,
		.seal = ledger_log_seal,
		.seal_arg = &ledger};
	(void)snprintf(db, sizeof(db), "%s/v.db", directory);
	(void)snprintf(log_dir, sizeof(log_dir), "%s/log", directory);
	err = (struct err){0};
	return store_open(&config, &store, &err) && file_make_dirs(log_dir, 0755, &err) &&
	       ledger_log_check(&ledger, store, log_dir, &err);
}

static struct {
	pthread_mutex_t lock;
	pthread_cond_t wake;
	size_t under_way, failed;
} jobs = {.lock = PTHREAD_MUTEX_INITIALIZER, .wake = PTHREAD_COND_INITIALIZER};

/* A decision's two: its own leaf, and that its credentials were issued. */
static bool pair_work(struct store_tx *tx, void *arg, struct err *e)
{
	for (unsigned i = 0; i < 2; i++) {
		struct leaf_row row = {0};
		leaf_make(tx->edge.size, &row);
		bool ok = leaf_append(tx, &row, e);
		leaf_row_release(&row);
		if (!ok)
			return false;
	}
	*(uint64_t *)arg = tx->edge.size;
	return true;
}

static void pair_done(void *arg, const struct err *e)
{
	if (!e)
		power_say(SAID_LEAVES, *(uint64_t *)arg);
	free(arg);
	(void)pthread_mutex_lock(&jobs.lock);
	jobs.failed += e != NULL;
	if (--jobs.under_way == 0)
		(void)pthread_cond_signal(&jobs.wake);
	(void)pthread_mutex_unlock(&jobs.lock);
}

static void append(size_t pairs)
{
	jobs.under_way = pairs;
	jobs.failed = 0;
	for (size_t i = 0; i < pairs; i++) {
		uint64_t *size = calloc(1, sizeof(*size));
		assert_non_null(size);
		store_submit(store, pair_work, pair_done, size);
	}
	(void)pthread_mutex_lock(&jobs.lock);
	while (jobs.under_way > 0)
		(void)pthread_cond_wait(&jobs.wake, &jobs.lock);
	(void)pthread_mutex_unlock(&jobs.lock);
	assert_int_equal(jobs.failed, 0);
}

static uint64_t size_now(void)
{
	struct store_tree tree;
	store_tree(store, &tree);
	return tree.size;
}

static void publish(void)
{
	uint64_t size = size_now();
	assert_ok(log_publish(store, log_dir, false, &err), err);
	power_say(SAID_TILES, size);
}

/* ---- what is published ---- */

/* A partial tile, or when it is gone what its full one begins with (tlog-tiles). Hashes, or leaves. */
static bool published_tile(void *arg, const struct tile *tile, struct buf *out, struct err *e)
{
	struct tile full = *tile;
	struct buf path = {0};
	(void)arg;
	buf_printf(&path, "%s/", log_dir);
	bool ok = tile_path_write(tile, &path, e);
	if (ok && tile->width < TILE_WIDTH && access(buf_str(&path), F_OK) != 0) {
		full.width = TILE_WIDTH;
		buf_clear(&path);
		buf_printf(&path, "%s/", log_dir);
		ok = tile_path_write(&full, &path, e);
	}
	ok = ok && file_read(buf_str(&path), 1u << 20, out, e);
	if (ok && !tile->entries && out->len > (size_t)tile->width * SHA256_LEN)
		out->len = (size_t)tile->width * SHA256_LEN;
	buf_release(&path);
	return ok;
}

static void check_bundle(uint64_t size, uint64_t index)
{
	struct tile tile = {
		.entries = true, .index = index, .width = tile_width_in(size, 0, index)};
	struct buf bundle = {0};
	assert_ok(published_tile(NULL, &tile, &bundle, &err), err);
	struct bytes rest = buf_bytes(&bundle), leaf;
	for (unsigned i = 0; i < tile.width; i++) {
		char wanted[32];
		(void)snprintf(wanted, sizeof(wanted), "leaf %llu",
			(unsigned long long)(index * TILE_WIDTH + i));
		assert_ok(bundle_next(&rest, &leaf, &err), err);
		assert_true(bytes_equal_str(leaf, wanted));
	}
	buf_release(&bundle);
}

/* As a reader of the files sees it: what the checkpoint promises is there. */
static uint64_t published(const char *name)
{
	char path[160];
	struct buf note = {0};
	struct bytes text;
	struct checkpoint checkpoint;
	uint8_t made[SHA256_LEN];
	(void)snprintf(path, sizeof(path), "%s/%s", log_dir, name);
	if (access(path, F_OK) != 0)
		return 0;
	assert_ok(file_read(path, NOTE_MAX, &note, &err), err);
	assert_ok(note_open(buf_bytes(&note), &ledger.key, &text, &err), err);
	assert_ok(checkpoint_parse(text, &checkpoint, &err), err);
	struct tile_source source = {.size = checkpoint.size, .read = published_tile};
	assert_ok(tiles_root(&source, checkpoint.size, made, &err), err);
	assert_memory_equal(made, roots[checkpoint.size], SHA256_LEN);
	assert_memory_equal(made, checkpoint.root, SHA256_LEN);
	for (uint64_t index = 0; index * TILE_WIDTH < checkpoint.size; index++) {
		struct tile tile = {
			.index = index, .width = tile_width_in(checkpoint.size, 0, index)};
		struct buf hashes = {0};
		assert_ok(published_tile(NULL, &tile, &hashes, &err), err);
		assert_int_equal(hashes.len, (size_t)tile.width * SHA256_LEN);
		buf_release(&hashes);
		check_bundle(checkpoint.size, index);
	}
	buf_release(&note);
	return checkpoint.size;
}

/* ---- recorded, and cut ---- */

static void record(void)
{
	power_begin(root);
	if (!start(root))
		fail_msg("%s", err.text);
	size_t rounds = power_random(6) + 2;
	for (size_t i = 0; i < rounds; i++) {
		append(power_random(power_random(4) == 0 ? 200 : 12) + 1);
		if (power_random(2))
			publish();
		if (power_random(4) == 0) {
			store_close(&store);
			if (!start(root))
				fail_msg("%s", err.text);
		}
	}
	store_close(&store);
	power_end();
}

/* Leaf by leaf out of the rows, whatever the tiles above say. */
static void check_rows(uint64_t size)
{
	struct sql *sql = NULL;
	struct tree_edge edge = {0};
	uint8_t made[SHA256_LEN];
	assert_ok(store_read(store, &sql, &err), err);
	for (uint64_t i = 0; i < size; i++) {
		struct leaf_row row = {0};
		bool found = false;
		assert_ok(leaf_get(sql, i, &row, &found, &err), err);
		assert_true(found);
		assert_int_equal(row.content.len, i * 7919 % 3001);
		assert_ok(tree_append(&edge, row.hash, &err), err);
		leaf_row_release(&row);
	}
	store_read_done(store, &sql);
	assert_ok(tree_root(&edge, made, &err), err);
	assert_memory_equal(made, roots[size], SHA256_LEN);
}

/* Nothing of it is durable: any bytes may be there. */
static void shared_memory_put(void)
{
	char path[160];
	uint8_t noise[4096];
	struct buf content = {0};
	if (power_random(2))
		return;
	(void)snprintf(path, sizeof(path), "%s/v.db-shm", target);
	for (size_t i = 0; i < sizeof(noise); i++)
		noise[i] = (uint8_t)power_random(256);
	for (unsigned i = 0; i < 8; i++)
		buf_put(&content, BYTES_OF(noise));
	assert_ok(file_write_atomic(path, buf_bytes(&content), 0600, &err), err);
	buf_release(&content);
}

static void cut_and_look(size_t at, uint64_t most)
{
	uint64_t leaves = power_said(SAID_LEAVES, at), tiles = power_said(SAID_TILES, at);
	power_place_remove(target);
	assert_int_equal(mkdir(target, 0700), 0);
	power_cut(at, target);
	shared_memory_put();
	if (!start(target))
		fail_msg("cut before event %zu: %s", at, err.text);
	uint64_t size = size_now();
	assert_in_range(size, leaves, most);
	assert_int_equal(size % 2, 0);
	check_rows(size);
	assert_in_range(published(LOG_LATEST_FILE), tiles, size);
	assert_in_range(published(LOG_CHECKPOINT_FILE), tiles, size);
	append(power_random(3) + 1);
	publish();
	check_rows(size_now());
	assert_int_equal(published(LOG_LATEST_FILE), size_now());
	assert_int_equal(published(LOG_CHECKPOINT_FILE), size_now());
	store_close(&store);
}

/* The next world begins with what a cut left of this one, or from nothing. */
static void next_world(size_t at)
{
	power_place_remove(root);
	assert_int_equal(mkdir(root, 0700), 0);
	if (power_random(5) > 0)
		power_cut(at, root);
}

static uint64_t world_size(void)
{
	uint64_t most = 0;
	for (size_t i = 0; i < power.count; i++)
		if (power.events[i].kind == POWER_SAID && power.events[i].said == SAID_LEAVES &&
			power.events[i].at > most)
			most = power.events[i].at;
	return most;
}

static void S9__power_cut_at_any_moment__ledger_whole_and_nothing_acknowledged_lost(void **state)
{
	size_t wanted = power_cuts_wanted(300), done = 0, worlds = 0, events = 0;
	const char *seed = getenv("ASSAY_SEED");
	(void)state;
	power_seed = seed ? strtoull(seed, NULL, 10) : 88172645463325252u;
	while (done < wanted) {
		uint64_t before = power_seed;
		record();
		events += power.count - power.start;
		uint64_t most = world_size();
		size_t span = power.count - power.start + 1, at = power.start;
		assert_true(most + 512 < LEAVES_MAX);
		for (size_t i = 0; i < CUTS_EACH && done < wanted; i++, done++) {
			at = power.start + power_random(span);
			cut_and_look(at, most);
		}
		if (most > 2000)
			at = 0;
		next_world(at);
		power_release();
		worlds++;
		(void)before;
	}
	print_message("%zu cuts of %zu worlds, %zu events recorded\n", done, worlds, events);
}

static int setup(void **state)
{
	struct key *key = NULL;
	struct buf pem = {0};
	char path[160];
	(void)state;
	power_place_make(place);
	(void)snprintf(root, sizeof(root), "%s/world", place);
	(void)snprintf(target, sizeof(target), "%s/after", place);
	(void)snprintf(path, sizeof(path), "%s/log.key", place);
	assert_int_equal(mkdir(root, 0700), 0);
	assert_ok(key_generate(KEY_ED25519, &key, &err), err);
	assert_ok(key_private_pem(key, &pem, &err), err);
	assert_ok(file_write_atomic(path, buf_bytes(&pem), 0600, &err), err);
	assert_ok(ledger_log_load(path, ORIGIN, &ledger, &err), err);
	key_unref(&key);
	buf_release(&pem);
	ops = sql_sqlite;
	ops.open = open_small;
	power_vfs_init();
	roots_make();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	store_close(&store);
	power_end();
	power_release();
	ledger_log_release(&ledger);
	free(roots);
	power_place_remove(place);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(
		S9__power_cut_at_any_moment__ledger_whole_and_nothing_acknowledged_lost, setup,
		teardown)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
