/* SPDX-License-Identifier: Apache-2.0 */
/* The ledger as a log: checkpoints, tiles as files and over HTTP, and ledgers that must not start. */
#include "tests/unit/verifier/world.h"

#include "tests/unit/verifier/content.h"

#define ORIGIN "bank.example/log"

static char dir[64], db[96], copy[96], log_key[96], log_dir[96];
static struct store *store;
static struct ledger_log ledger;
static struct err err;
static const char *leaf_word = "leaf";

/* ---- a store alone ---- */

static bool reopen(void)
{
	struct store_config config = {.ops = test_sql(),
		.location = db,
		.clock = &clock_system,
		.random = &random_system,
		.content_key = content_kek(),
		.seal = ledger_log_seal,
		.seal_arg = &ledger};
	store_close(&store);
	err = (struct err){0};
	return store_open(&config, &store, &err);
}

static void key_put(const char *path)
{
	struct key *key = NULL;
	struct buf pem = {0};
	assert_ok(key_generate(KEY_ED25519, &key, &err), err);
	assert_ok(key_private_pem(key, &pem, &err), err);
	assert_ok(file_write_atomic(path, buf_bytes(&pem), 0600, &err), err);
	key_unref(&key);
	buf_release(&pem);
}

static int setup(void **state)
{
	(void)state;
	(void)snprintf(dir, sizeof(dir), "/tmp/assay-log-XXXXXX");
	assert_non_null(mkdtemp(dir));
	(void)snprintf(db, sizeof(db), "%s/v.db", dir);
	(void)snprintf(copy, sizeof(copy), "%s/copy.db", dir);
	(void)snprintf(log_key, sizeof(log_key), "%s/log.key", dir);
	(void)snprintf(log_dir, sizeof(log_dir), "%s/log", dir);
	key_put(log_key);
	assert_ok(ledger_log_load(log_key, ORIGIN, &ledger, &err), err);
	assert_int_equal(mkdir(log_dir, 0755), 0);
	assert_true(reopen());
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	store_close(&store);
	ledger_log_release(&ledger);
	return nftw(dir, world_remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static bool append_work(struct store_tx *tx, void *arg, struct err *e)
{
	unsigned count = *(const unsigned *)arg;
	for (unsigned i = 0; i < count; i++) {
		struct leaf_row row = {0};
		buf_printf(&row.bytes, "%s %llu", leaf_word, (unsigned long long)tx->edge.size);
		bool ok = leaf_hash(buf_bytes(&row.bytes), row.hash, e) && leaf_append(tx, &row, e);
		leaf_row_release(&row);
		if (!ok)
			return false;
	}
	return true;
}

static void append(unsigned count)
{
	assert_ok(store_run(store, append_work, &count, &err), err);
}

static bool sql_work(struct store_tx *tx, void *arg, struct err *e)
{
	return tx->sql->ops->script(tx->sql, arg, e);
}

#define ZEROS "x'0000000000000000000000000000000000000000000000000000000000000000'"

static void tamper(const char *script)
{
	assert_ok(store_run(store, sql_work, (void *)(uintptr_t)script, &err), err);
}

static void read_in(const char *name, struct buf *out)
{
	char path[192];
	(void)snprintf(path, sizeof(path), "%s/%s", log_dir, name);
	assert_ok(file_read(path, 1u << 20, out, &err), err);
}

static bool is_there(const char *name)
{
	char path[192];
	(void)snprintf(path, sizeof(path), "%s/%s", log_dir, name);
	return access(path, F_OK) == 0;
}

static bool good(void)
{
	err = (struct err){0};
	return ledger_log_check(&ledger, store, log_dir, &err);
}

static void assert_bad(const char *message)
{
	assert_false(good());
	assert_string_equal(err.text, message);
	assert_int_equal(err.code, ERR_STORE);
}

/* Roots of "leaf 0" … as two other implementations have them. */
static void checkpoint__every_commit__signed_over_its_tree(void **state)
{
	(void)state;
	struct sql *sql = NULL;
	struct buf note = {0};
	struct bytes text;
	append(257);
	append(43);
	assert_ok(store_read(store, &sql, &err), err);
	assert_ok(checkpoint_get(sql, &note, &err), err);
	store_read_done(store, &sql);
	assert_ok(note_open(buf_bytes(&note), &ledger.key, &text, &err), err);
	assert_true(bytes_equal_str(
		text, ORIGIN "\n300\n56/ILTiUT8eTBUUygJHUWCMojB9zTL2sBjlnE+vUtdU=\n"));
	assert_ok(ledger_log_check(&ledger, store, log_dir, &err), err);
	assert_true(reopen());
	assert_ok(ledger_log_check(&ledger, store, log_dir, &err), err);
	buf_release(&note);
}

static void publish__growing_ledger__tiles_then_checkpoint(void **state)
{
	(void)state;
	struct buf a = {0}, b = {0};
	assert_ok(log_publish(store, log_dir, false, &err), err);
	assert_false(is_there("checkpoint"));
	append(200);
	assert_ok(log_publish(store, log_dir, false, &err), err);
	read_in("tile/0/000.p/200", &a);
	assert_int_equal(a.len, 200 * SHA256_LEN);
	assert_true(is_there("tile/entries/000.p/200"));
	append(100);
	assert_ok(log_publish(store, log_dir, false, &err), err);
	read_in("tile/0/000", &b);
	assert_int_equal(b.len, TILE_BYTES_MAX);
	assert_memory_equal(a.data, b.data, a.len);
	read_in("tile/0/001.p/44", &b);
	assert_int_equal(b.len, 44 * SHA256_LEN);
	read_in("tile/1/000.p/1", &b);
	assert_int_equal(b.len, SHA256_LEN);
	assert_false(is_there("tile/0/000.p"));
	assert_false(is_there("tile/entries/000.p"));
	assert_false(is_there("tile/2"));
	read_in("tile/entries/001.p/44", &b);
	struct bytes rest = buf_bytes(&b), leaf;
	assert_ok(bundle_next(&rest, &leaf, &err), err);
	assert_true(bytes_equal_str(leaf, "leaf 256"));
	read_in("checkpoint", &b);
	assert_non_null(strstr(buf_str(&b), "\n300\n"));
	assert_ok(ledger_log_check(&ledger, store, log_dir, &err), err);
	buf_release(&a);
	buf_release(&b);
}

static void publish__tile_lost__written_again_when_nothing_is_published(void **state)
{
	(void)state;
	char path[192];
	append(300);
	assert_ok(log_publish(store, log_dir, false, &err), err);
	(void)snprintf(path, sizeof(path), "%s/tile/0/000", log_dir);
	assert_int_equal(unlink(path), 0);
	(void)snprintf(path, sizeof(path), "%s/latest", log_dir);
	assert_int_equal(unlink(path), 0);
	assert_ok(log_publish(store, log_dir, false, &err), err);
	assert_true(is_there("tile/0/000"));
	assert_true(is_there("checkpoint"));
}

/* A file that no checkpoint has promised, left by a history that is gone, is not believed. */
static void publish__stray_tile__written_over(void **state)
{
	(void)state;
	struct buf tile = {0};
	char path[192];
	append(200);
	assert_ok(log_publish(store, log_dir, false, &err), err);
	(void)snprintf(path, sizeof(path), "%s/tile/0/000", log_dir);
	assert_ok(file_write_atomic(path, BYTES_LIT("another history"), 0644, &err), err);
	append(100);
	assert_ok(log_publish(store, log_dir, false, &err), err);
	read_in("tile/0/000", &tile);
	assert_int_equal(tile.len, TILE_BYTES_MAX);
	buf_release(&tile);
}

static void publish__directory_cannot_be_written__says_so(void **state)
{
	(void)state;
	append(1);
	assert_false(log_publish(store, "/proc/assay", false, &err));
	assert_non_null(strstr(err.text, "/proc/assay"));
}

static void publisher__ends__with_everything_written(void **state)
{
	(void)state;
	const struct log log = {.fd = -1};
	struct log_publisher *publisher = NULL;
	char path[160];
	(void)snprintf(path, sizeof(path), "%s/a/b", dir);
	assert_ok(log_publisher_start(path, store, false, &log, &publisher, &err), err);
	append(3);
	log_publisher_stop(&publisher);
	assert_null(publisher);
	log_publisher_stop(&publisher);
	(void)snprintf(path, sizeof(path), "%s/a/b/tile/0/000.p/3", dir);
	assert_int_equal(access(path, F_OK), 0);
	assert_false(log_publisher_start("/proc/assay", store, false, &log, &publisher, &err));
}

/* ---- ledgers that must not start ---- */

/* T1: the past is rewritten in the database. */
static void T1__leaf_changed__refused_at_start(void **state)
{
	(void)state;
	append(300);
	tamper(TEST_SQL_DROP_TRIGGER("leaves_fixed", "leaves"));
	tamper("UPDATE leaves SET hash=" ZEROS " WHERE idx=299");
	assert_bad("ledger: its leaves do not make its tree: the database was changed by "
		   "something else than this service; restore it, and see "
		   "docs/operations.md");
}

static bool edge_work(struct store_tx *tx, void *arg, struct err *e)
{
	return sql_exec(tx->sql, "UPDATE meta SET edge=?1 WHERE id=1",
		SQL_ARGS(sql_b(buf_bytes(arg))), NULL, e);
}

/* T1: and the tree made to fit it. */
static void T1__leaf_and_tree_changed__refused_at_start(void **state)
{
	(void)state;
	struct tree_edge edge = {0};
	struct buf forged = {0};
	const uint8_t zeros[SHA256_LEN] = {0};
	append(2);
	assert_ok(tree_append(&edge, zeros, &err) && tree_append(&edge, zeros, &err) &&
			  tree_edge_encode(&edge, &forged, &err),
		err);
	tamper(TEST_SQL_DROP_TRIGGER("leaves_fixed", "leaves"));
	tamper("UPDATE leaves SET hash=" ZEROS);
	assert_ok(store_run(store, edge_work, &forged, &err), err);
	buf_release(&forged);
	assert_true(reopen());
	assert_bad("ledger: its checkpoint is of another tree: the database was changed by "
		   "something else than this service; restore it, and see "
		   "docs/operations.md");
}

static void T1__checkpoint_taken_out__refused_at_start(void **state)
{
	(void)state;
	append(2);
	tamper("UPDATE meta SET checkpoint=x''");
	assert_true(reopen());
	assert_bad("ledger: its checkpoint is missing");
}

/* A ledger that an upgrade left unsigned is signed, however often the start failed in between. */
static void upgrade__unsigned_ledger__signed_at_the_first_start_that_works(void **state)
{
	(void)state;
	char path[192];
	append(2);
	tamper("UPDATE meta SET checkpoint=x'00'");
	(void)snprintf(path, sizeof(path), "%s/latest", log_dir);
	assert_ok(file_write_atomic(path, BYTES_LIT("left over"), 0644, &err), err);
	assert_true(reopen());
	assert_false(good());
	assert_int_equal(unlink(path), 0);
	assert_true(reopen());
	assert_true(good());
	assert_true(reopen());
	assert_true(good());
}

static void T1__checkpoint_by_another_key__refused_at_start(void **state)
{
	(void)state;
	append(2);
	ledger_log_release(&ledger);
	key_put(log_key);
	assert_ok(ledger_log_load(log_key, ORIGIN, &ledger, &err), err);
	assert_bad("ledger: its checkpoint: note: no signature by " ORIGIN);
}

static struct note_key key_of(const char *path)
{
	struct note_key made = {0};
	struct key *key = NULL;
	assert_ok(key_from_uri(path, &key, &err), err);
	assert_ok(note_key_of(ORIGIN, key, &made, &err), err);
	key_unref(&key);
	return made;
}

static bool stored_is_signed_by(const struct note_key *key)
{
	struct sql *sql = NULL;
	struct buf note = {0};
	struct bytes text;
	assert_ok(store_read(store, &sql, &err), err);
	assert_ok(checkpoint_get(sql, &note, &err), err);
	store_read_done(store, &sql);
	bool ok = note_open(buf_bytes(&note), key, &text, NULL);
	buf_release(&note);
	return ok;
}

static bool changed(void)
{
	bool yes = false;
	assert_ok(ledger_log_keys_changed(&ledger, store, &yes, &err), err);
	return yes;
}

/* Old alone, both, new with the old one for those who are late, new alone: whoever knows either key
 * follows through the overlap, and the start finds its own signature at each step. */
static void log_key__followed_by_another__both_sign_in_between(void **state)
{
	(void)state;
	char next[128];
	(void)snprintf(next, sizeof(next), "%s/log2.key", dir);
	key_put(next);
	struct note_key old_key = key_of(log_key), new_key = key_of(next);
	const struct {
		const char *key, *also;
		bool old_signs, new_signs;
	} steps[] = {
		{log_key, NULL, true, false},
		{log_key, next, true, true},
		{next, log_key, true, true},
		{next, NULL, false, true},
	};
	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		store_close(&store);
		ledger_log_release(&ledger);
		assert_ok(ledger_log_load(steps[i].key, ORIGIN, &ledger, &err), err);
		if (steps[i].also)
			assert_ok(ledger_log_load_also(&ledger, steps[i].also, &err), err);
		assert_true(reopen());
		assert_true(good());
		assert_int_equal(changed(), i == 1 || i == 3);
		append(2);
		assert_false(changed());
		assert_ok(log_publish(store, log_dir, false, &err), err);
		assert_int_equal(stored_is_signed_by(&old_key), steps[i].old_signs);
		assert_int_equal(stored_is_signed_by(&new_key), steps[i].new_signs);
	}
	note_key_release(&old_key);
	note_key_release(&new_key);
	(void)unlink(next);
}

static void log_key_also__same_key_or_no_ed25519__refused(void **state)
{
	(void)state;
	char message[256];
	struct key *key = NULL;
	struct buf pem = {0};
	(void)snprintf(
		message, sizeof(message), "log_key_also: %s: the same key as log_key", log_key);
	assert_fails(ledger_log_load_also(&ledger, log_key, &err), err, ERR_CONFIG, message);
	assert_null(ledger.also.key);
	assert_ok(key_generate(KEY_EC_P256, &key, &err), err);
	assert_ok(key_private_pem(key, &pem, &err), err);
	assert_ok(file_write_atomic(log_key, buf_bytes(&pem), 0600, &err), err);
	(void)snprintf(message, sizeof(message),
		"log_key_also: %s: checkpoints are signed with an Ed25519 private key", log_key);
	assert_fails(ledger_log_load_also(&ledger, log_key, &err), err, ERR_CONFIG, message);
	key_unref(&key);
	buf_release(&pem);
}

static void copy_file(const char *from, const char *to)
{
	struct buf content = {0};
	assert_ok(file_read(from, 1u << 26, &content, &err), err);
	assert_ok(file_write_atomic(to, buf_bytes(&content), 0600, &err), err);
	buf_release(&content);
}

/* T2: an older database is put in the place of the newer one. */
static void T2__database_rolled_back__refused_at_start(void **state)
{
	TEST_SQLITE_ONLY;
	(void)state;
	char message[320];
	append(5);
	store_close(&store);
	copy_file(db, copy);
	assert_true(reopen());
	append(2);
	assert_ok(log_publish(store, log_dir, false, &err), err);
	store_close(&store);
	copy_file(copy, db);
	assert_true(reopen());
	struct store_tree tree;
	store_tree(store, &tree);
	assert_int_equal(tree.size, 5);
	(void)snprintf(message, sizeof(message),
		"ledger: %s/latest was signed over 7 leaves, and the database has 5: it is an "
		"older copy; see docs/operations.md",
		log_dir);
	assert_bad(message);
	/* Growing on, otherwise, does not help it. */
	leaf_word = "other";
	append(4);
	leaf_word = "leaf";
	assert_bad("ledger: not the one whose checkpoint was published: the database was "
		   "changed by something else than this service; restore it, and see "
		   "docs/operations.md");
}

static void T2__published_checkpoint_torn_or_of_another_log__refused(void **state)
{
	(void)state;
	char path[192], message[320];
	struct ledger_log other = {0};
	struct store_tree tree = {.size = 1};
	struct buf note = {0};
	append(5);
	(void)snprintf(path, sizeof(path), "%s/latest", log_dir);
	assert_ok(file_write_atomic(path, BYTES_LIT("bank.exam"), 0644, &err), err);
	(void)snprintf(message, sizeof(message),
		"ledger: %s: note: no signatures behind an empty line", path);
	assert_bad(message);
	assert_ok(note_key_of("other.example/log", ledger.key.key, &other.key, &err), err);
	assert_ok(ledger_log_seal(&other, &tree, &note, &err), err);
	assert_ok(file_write_atomic(path, buf_bytes(&note), 0644, &err), err);
	(void)snprintf(message, sizeof(message), "ledger: %s: note: no signature by " ORIGIN, path);
	assert_bad(message);
	/* Signed by our key, in our name, about another log. */
	buf_clear(&note);
	assert_ok(note_sign(BYTES_LIT("other\n1\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n"),
			  &ledger.key, &note, &err),
		err);
	assert_ok(file_write_atomic(path, buf_bytes(&note), 0644, &err), err);
	(void)snprintf(message, sizeof(message), "ledger: %s: the checkpoint of another log", path);
	assert_bad(message);
	buf_release(&note);
	ledger_log_release(&other);
}

static void log_key__not_ed25519_or_no_name__refused(void **state)
{
	(void)state;
	struct ledger_log other = {0};
	struct key *key = NULL;
	struct buf pem = {0};
	char message[256];
	assert_ok(key_generate(KEY_EC_P256, &key, &err), err);
	assert_ok(key_private_pem(key, &pem, &err), err);
	assert_fails(ledger_log_load(log_key, "a name", &other, &err), err, ERR_USAGE,
		"log_origin: note key: \"a name\" is no name");
	assert_ok(file_write_atomic(log_key, buf_bytes(&pem), 0600, &err), err);
	(void)snprintf(message, sizeof(message),
		"log_key: %s: checkpoints are signed with an Ed25519 private key", log_key);
	assert_fails(ledger_log_load(log_key, ORIGIN, &other, &err), err, ERR_CONFIG, message);
	key_unref(&key);
	buf_release(&pem);
}

/* ---- witnesses ---- */

enum { NOW = 1800000000 };
static struct key *witness_pair;
static struct note_key cosigner;

static int witness_setup(void **state)
{
	struct buf text = {0};
	char path[96];
	if (setup(state) != 0)
		return -1;
	assert_ok(key_generate(KEY_ED25519, &witness_pair, &err), err);
	assert_ok(note_cosigner_of("w.example", witness_pair, &cosigner, &err), err);
	buf_put_str(&text, "witness w ");
	assert_ok(note_key_write(&cosigner, &text, &err), err);
	buf_put_str(&text, "\nquorum w\n");
	(void)snprintf(path, sizeof(path), "%s/policy", dir);
	assert_ok(file_write_atomic(path, buf_bytes(&text), 0600, &err), err);
	assert_ok(ledger_log_witnesses(&ledger, path, 60, NOW, &err), err);
	buf_release(&text);
	return 0;
}

static int witness_teardown(void **state)
{
	note_key_release(&cosigner);
	key_unref(&witness_pair);
	return teardown(state);
}

/* The newest checkpoint, cosigned at that time. */
static struct buf cosigned_at(int64_t time)
{
	struct sql *sql = NULL;
	struct buf note = {0};
	struct bytes text;
	assert_ok(store_read(store, &sql, &err), err);
	assert_ok(checkpoint_get(sql, &note, &err), err);
	store_read_done(store, &sql);
	assert_ok(note_open(buf_bytes(&note), &ledger.key, &text, &err), err);
	struct buf body = {0};
	buf_put(&body, text);
	assert_ok(note_cosign(buf_bytes(&body), &cosigner, time, &note, &err), err);
	buf_release(&body);
	return note;
}

static bool accept_at(struct buf note, int64_t now)
{
	err = (struct err){0};
	bool ok = ledger_log_accept(&ledger, store, buf_bytes(&note), now, &err);
	buf_release(&note);
	return ok;
}

static void witnesses__quorum_fresh__trusted_for_so_long(void **state)
{
	(void)state;
	append(3);
	assert_fails(ledger_log_fresh(&ledger, NOW, &err), err, ERR_BUSY,
		"no quorum of witnesses saw the ledger in the last 60s: is `assay log feed` "
		"running?");
	/* From before this start: what a copy of the database brings along. */
	assert_true(accept_at(cosigned_at(NOW - 1), NOW));
	assert_false(ledger_log_fresh(&ledger, NOW, &err));
	assert_true(accept_at(cosigned_at(NOW + 5), NOW + 5));
	assert_ok(ledger_log_fresh(&ledger, NOW + 5, &err), err);
	assert_ok(ledger_log_fresh(&ledger, NOW + 65, &err), err);
	assert_false(ledger_log_fresh(&ledger, NOW + 66, &err));
	append(2);
	assert_true(accept_at(cosigned_at(NOW + 70), NOW + 70));
	assert_ok(ledger_log_fresh(&ledger, NOW + 70, &err), err);
	ledger.quorum_age = 0;
	assert_ok(ledger_log_fresh(&ledger, NOW + 1000000, &err), err);
}

/* Public notes, brought back by anybody: they take nothing away. */
static void witnesses__older_cosignature_replayed__changes_nothing(void **state)
{
	(void)state;
	struct buf old, kept = {0};
	struct sql *sql = NULL;
	append(3);
	old = cosigned_at(NOW + 1);
	struct buf again = {0}, once_more = {0};
	buf_put(&again, buf_bytes(&old));
	buf_put(&once_more, buf_bytes(&old));
	assert_true(accept_at(old, NOW + 1));
	assert_true(accept_at(cosigned_at(NOW + 50), NOW + 50));
	assert_true(accept_at(again, NOW + 50));
	assert_ok(ledger_log_fresh(&ledger, NOW + 100, &err), err);
	append(2);
	assert_true(accept_at(cosigned_at(NOW + 60), NOW + 60));
	/* After a restart nothing is remembered but what is stored. */
	ledger.witnesses = 0;
	assert_true(accept_at(once_more, NOW + 60));
	assert_ok(store_read(store, &sql, &err), err);
	assert_ok(cosigned_get(sql, &kept, &err), err);
	store_read_done(store, &sql);
	assert_non_null(strstr(buf_str(&kept), "\n5\n"));
	buf_release(&kept);
}

static void witnesses__larger_tree_in_the_same_second__kept(void **state)
{
	(void)state;
	struct sql *sql = NULL;
	struct buf kept = {0};
	append(3);
	assert_true(accept_at(cosigned_at(NOW), NOW));
	append(4);
	assert_true(accept_at(cosigned_at(NOW), NOW));
	assert_ok(store_read(store, &sql, &err), err);
	assert_ok(cosigned_get(sql, &kept, &err), err);
	store_read_done(store, &sql);
	assert_non_null(strstr(buf_str(&kept), "\n7\n"));
	buf_release(&kept);
}

/* A clock that was ahead when a witness signed, and was put right. */
static void witnesses__cosignature_from_ahead__not_fresh_for_ever(void **state)
{
	(void)state;
	append(3);
	assert_true(accept_at(cosigned_at(NOW + 1000), NOW + 1000));
	assert_ok(ledger_log_fresh(&ledger, NOW + 1000, &err), err);
	assert_false(ledger_log_fresh(&ledger, NOW + 100, &err));
}

static void witnesses__cosigned_note__kept_with_known_lines_only(void **state)
{
	(void)state;
	struct sql *sql = NULL;
	struct buf kept = {0}, note, older;
	struct key *pair = NULL;
	struct note_key stranger = {0};
	append(3);
	older = cosigned_at(NOW);
	append(2);
	note = cosigned_at(NOW);
	assert_ok(key_generate(KEY_ED25519, &pair, &err), err);
	assert_ok(note_cosigner_of("stranger.example", pair, &stranger, &err), err);
	assert_ok(note_cosign(BYTES_LIT("x\n"), &stranger, 5, &note, &err), err);
	assert_true(accept_at(note, NOW));
	/* An older one does not take its place. */
	assert_true(accept_at(older, NOW));
	assert_ok(store_read(store, &sql, &err), err);
	assert_ok(cosigned_get(sql, &kept, &err), err);
	store_read_done(store, &sql);
	assert_non_null(strstr(buf_str(&kept), "\n5\n"));
	assert_non_null(strstr(buf_str(&kept), " w.example "));
	assert_null(strstr(buf_str(&kept), "stranger"));
	note_key_release(&stranger);
	key_unref(&pair);
	buf_release(&kept);
}

static void witnesses__not_cosigned_or_from_the_future__refused(void **state)
{
	(void)state;
	struct buf note = {0};
	append(3);
	struct store_tree tree;
	store_tree(store, &tree);
	assert_ok(ledger_log_seal(&ledger, &tree, &note, &err), err);
	assert_false(accept_at(note, NOW));
	assert_int_equal(err.code, ERR_MISMATCH);
	assert_string_equal(err.text, "checkpoint: 0 of its witnesses are no quorum");
	assert_true(accept_at(cosigned_at(NOW + 60), NOW));
	assert_false(accept_at(cosigned_at(NOW + 61), NOW));
	assert_string_equal(err.text, "checkpoint: cosigned in the future: whose clock is wrong?");
	note = cosigned_at(NOW);
	note.data[note.len - 20] ^= 1;
	assert_false(accept_at(note, NOW));
	tlog_policy_free(&ledger.policy);
	assert_false(accept_at(cosigned_at(NOW), NOW));
	assert_int_equal(err.code, ERR_NOT_FOUND);
}

/* T3: what this log's key signed, and this ledger does not contain. */
static void T3__witnesses_saw_another_ledger__refused(void **state)
{
	(void)state;
	struct store_tree other = {.size = 3};
	struct buf note = {0}, body = {0};
	append(3);
	for (other.size = 3; other.size <= 9; other.size += 6) {
		struct checkpoint made = {.origin = BYTES_LIT(ORIGIN), .size = other.size};
		buf_clear(&body);
		note = (struct buf){0};
		assert_ok(ledger_log_seal(&ledger, &other, &note, &err), err);
		assert_ok(checkpoint_write(&made, &body, &err), err);
		assert_ok(note_cosign(buf_bytes(&body), &cosigner, NOW, &note, &err), err);
		assert_false(accept_at(note, NOW));
		assert_int_equal(err.code, ERR_CONFLICT);
		assert_string_equal(err.text,
			other.size == 3
				? "the witnesses saw another ledger of 3 leaves than this one"
				: "the witnesses saw a ledger of 9 leaves, and this one has 3: an "
				  "older copy of the database?");
	}
	assert_false(ledger_log_fresh(&ledger, NOW, &err));
	buf_release(&body);
}

static void witnesses__policy_that_demands_nothing__refused_with_an_age(void **state)
{
	(void)state;
	char path[96], message[256];
	(void)snprintf(path, sizeof(path), "%s/none", dir);
	assert_ok(file_write_atomic(path, BYTES_LIT("quorum none\n"), 0600, &err), err);
	(void)snprintf(message, sizeof(message),
		"log_policy: %s: quorum none demands nothing: log_quorum_age has no meaning with "
		"it",
		path);
	assert_fails(ledger_log_witnesses(&ledger, path, 60, NOW, &err), err, ERR_CONFIG, message);
	tlog_policy_free(&ledger.policy);
	assert_ok(ledger_log_witnesses(&ledger, path, 0, NOW, &err), err);
	tlog_policy_free(&ledger.policy);
	assert_ok(file_write_atomic(path, BYTES_LIT("quorum\n"), 0600, &err), err);
	assert_false(ledger_log_witnesses(&ledger, path, 0, NOW, &err));
}

/* ---- over HTTP ---- */

static struct world w;

static int world_setup(void **state)
{
	(void)state;
	world_start(&w);
	return 0;
}

static int world_teardown(void **state)
{
	(void)state;
	world_stop(&w);
	return 0;
}

static struct buf get(const char *path, int wanted)
{
	struct https_answer a = world_call(&w, NULL, "GET", path, NULL, (struct bytes){0});
	if (a.status != wanted)
		fail_msg("%s: %d, wanted %d: %s", path, a.status, wanted, buf_str(&a.body));
	return a.body;
}

/* What a client without a certificate, and with the log's public key alone, can check. */
static void http__checkpoint_and_tiles__fit_each_other(void **state)
{
	(void)state;
	char path[128];
	struct note_key key = {0};
	struct buf vkey = {0}, note = get("/log/checkpoint", 200);
	struct bytes text;
	struct checkpoint checkpoint;
	struct tree_edge edge = {0};
	uint8_t root[SHA256_LEN];
	(void)world_path(&w, "log.pub", path);
	assert_ok(file_read(path, 4096, &vkey, &err), err);
	assert_ok(note_key_parse(bytes_of(vkey.data, vkey.len - 1), &key, &err), err);
	assert_ok(note_open(buf_bytes(&note), &key, &text, &err), err);
	assert_ok(checkpoint_parse(text, &checkpoint, &err), err);
	assert_true(bytes_equal_str(checkpoint.origin, ORIGIN));
	assert_in_range(checkpoint.size, 2, 255);
	(void)snprintf(path, sizeof(path), "/log/tile/entries/000.p/%u", (unsigned)checkpoint.size);
	struct buf bundle = get(path, 200);
	(void)snprintf(path, sizeof(path), "/log/tile/0/000.p/%u", (unsigned)checkpoint.size);
	struct buf tile = get(path, 200);
	struct bytes rest = buf_bytes(&bundle), leaf;
	for (uint64_t i = 0; i < checkpoint.size; i++) {
		struct leaf decoded;
		uint8_t hash[SHA256_LEN];
		assert_ok(bundle_next(&rest, &leaf, &err), err);
		assert_ok(leaf_decode(leaf, &decoded, &err), err);
		assert_ok(leaf_hash(leaf, hash, &err), err);
		assert_memory_equal(hash, tile.data + i * SHA256_LEN, SHA256_LEN);
		assert_ok(tree_append(&edge, hash, &err), err);
	}
	assert_int_equal(rest.len, 0);
	assert_ok(tree_root(&edge, root, &err), err);
	assert_memory_equal(root, checkpoint.root, SHA256_LEN);
	note_key_release(&key);
	struct buf *bufs[] = {&vkey, &note, &bundle, &tile};
	for (size_t i = 0; i < ARRAY_LEN(bufs); i++)
		buf_release(bufs[i]);
}

static void http__no_tile__not_found(void **state)
{
	(void)state;
	static const char *const paths[] = {"/log/tile/0/001", "/log/tile/0/000",
		"/log/tile/1/000.p/1", "/log/tile/0/000.p/255", "/log/tile/0", "/log/tile/",
		"/log/tile/0/../0/000", "/log/tile/7/x999/x999/x999/x999/x999/x999/999",
		"/log/tile/0/000.p/0", "/log/", "/log/tile/entries/x999/x999/x999/x999/x999/999"};
	for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
		struct buf body = get(paths[i], 404);
		buf_release(&body);
	}
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(checkpoint__every_commit__signed_over_its_tree),
		T(publish__growing_ledger__tiles_then_checkpoint),
		T(publish__tile_lost__written_again_when_nothing_is_published),
		T(publish__stray_tile__written_over),
		T(publish__directory_cannot_be_written__says_so),
		T(publisher__ends__with_everything_written),
		T(T1__leaf_changed__refused_at_start),
		T(T1__leaf_and_tree_changed__refused_at_start),
		T(T1__checkpoint_taken_out__refused_at_start),
		T(upgrade__unsigned_ledger__signed_at_the_first_start_that_works),
		T(T1__checkpoint_by_another_key__refused_at_start),
		T(log_key__followed_by_another__both_sign_in_between),
		T(log_key_also__same_key_or_no_ed25519__refused),
		T(T2__database_rolled_back__refused_at_start),
		T(T2__published_checkpoint_torn_or_of_another_log__refused),
		T(log_key__not_ed25519_or_no_name__refused),
#define V(f) cmocka_unit_test_setup_teardown(f, witness_setup, witness_teardown)
		V(witnesses__quorum_fresh__trusted_for_so_long),
		V(witnesses__older_cosignature_replayed__changes_nothing),
		V(witnesses__larger_tree_in_the_same_second__kept),
		V(witnesses__cosignature_from_ahead__not_fresh_for_ever),
		V(witnesses__cosigned_note__kept_with_known_lines_only),
		V(witnesses__not_cosigned_or_from_the_future__refused),
		V(T3__witnesses_saw_another_ledger__refused),
		T(witnesses__policy_that_demands_nothing__refused_with_an_age),
		cmocka_unit_test_setup_teardown(
			http__checkpoint_and_tiles__fit_each_other, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(
			http__no_tile__not_found, world_setup, world_teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
