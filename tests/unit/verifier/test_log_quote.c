/* SPDX-License-Identifier: Apache-2.0 */
/* Quotes of the verifier's host: which are taken, kept, served and published. */
#include "tests/unit/verifier/world.h"

#include "tests/support/quoted_make.h"
#include "tests/unit/verifier/content.h"

#define ORIGIN "bank.example/log"

static char dir[64], db[96], log_dir[96];
static struct store *store;
static struct ledger_log ledger;
static struct tpm_sw_key *ak, *other;
static struct quoted_make made;
static struct err err;

static int setup(void **state)
{
	struct key *key = NULL;
	struct store_config config = {.ops = test_sql(),
		.location = db,
		.clock = &clock_system,
		.random = &random_system,
		.content_key = content_kek(),
		.seal = ledger_log_seal,
		.seal_arg = &ledger};
	(void)state;
	(void)snprintf(dir, sizeof(dir), "/tmp/assay-quote-XXXXXX");
	assert_non_null(mkdtemp(dir));
	(void)snprintf(db, sizeof(db), "%s/v.db", dir);
	(void)snprintf(log_dir, sizeof(log_dir), "%s/log", dir);
	assert_int_equal(mkdir(log_dir, 0755), 0);
	assert_ok(key_generate(KEY_ED25519, &key, &err), err);
	assert_ok(note_key_of(ORIGIN, key, &ledger.key, &err), err);
	key_unref(&key);
	(void)pthread_mutex_init(&ledger.lock, NULL);
	assert_ok(tpm_sw_ak_new(TPM_SW_ECDSA_P256, 0, &ak, &err), err);
	assert_ok(tpm_sw_ak_new(TPM_SW_ECDSA_P256, 0, &other, &err), err);
	assert_ok(store_open(&config, &store, &err), err);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	quoted_release(&made);
	memset(&made, 0, sizeof(made));
	tpm_sw_key_free(&ak);
	tpm_sw_key_free(&other);
	store_close(&store);
	ledger_log_release(&ledger);
	return nftw(dir, world_remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static bool append_work(struct store_tx *tx, void *arg, struct err *e)
{
	struct leaf_row row = {0};
	(void)arg;
	buf_printf(&row.bytes, "leaf %llu", (unsigned long long)tx->edge.size);
	bool ok = leaf_hash(buf_bytes(&row.bytes), row.hash, e) && leaf_append(tx, &row, e);
	leaf_row_release(&row);
	return ok;
}

/* Grows the ledger to that size, and quotes its checkpoint. */
static void quote_at(const struct tpm_sw_key *key, uint64_t size)
{
	struct store_tree tree;
	store_tree(store, &tree);
	for (; tree.size < size; tree.size++)
		assert_ok(store_run(store, append_work, NULL, &err), err);
	store_tree(store, &tree);
	assert_int_equal(tree.size, size);
	quoted_honest(&made, key, &ledger.key, size, tree.root);
}

static bool taken(uint64_t *size)
{
	err = (struct err){0};
	return log_quote_accept(&ledger, store, buf_bytes(&made.file), size, &err);
}

static void assert_not_taken(enum err_code code, const char *message)
{
	uint64_t size = 0;
	assert_false(taken(&size));
	assert_int_equal(err.code, code);
	if (!strstr(err.text, message))
		fail_msg("%s", err.text);
}

static uint64_t kept(struct buf *file)
{
	struct sql *sql = NULL;
	uint64_t size = 0;
	assert_ok(store_read(store, &sql, &err), err);
	assert_ok(log_quote_get(sql, file, &size, &err), err);
	store_read_done(store, &sql);
	return size;
}

static void quote__of_this_ledger__kept_and_published(void **state)
{
	struct buf file = {0}, there = {0}, path = {0};
	uint64_t size = 0;
	(void)state;
	quote_at(ak, 3);
	assert_int_equal(kept(&file), 0);
	assert_ok(log_publish(store, log_dir, false, &err), err);
	assert_non_null(path_join(&path, log_dir, LOG_QUOTE_FILE));
	assert_int_not_equal(access(buf_str(&path), F_OK), 0);
	assert_true(taken(&size));
	assert_int_equal(size, 3);
	assert_int_equal(kept(&file), 3);
	assert_true(bytes_equal(buf_bytes(&file), buf_bytes(&made.file)));
	assert_ok(log_publish(store, log_dir, false, &err), err);
	assert_ok(file_read(buf_str(&path), CHECKPOINT_QUOTE_MAX, &there, &err), err);
	assert_true(bytes_equal(buf_bytes(&there), buf_bytes(&file)));
	buf_release(&file);
	buf_release(&there);
	buf_release(&path);
}

static void T4__quote_over_a_smaller_tree_than_the_kept__refused(void **state)
{
	struct quoted_make small;
	struct buf file = {0};
	uint64_t size = 0;
	(void)state;
	quote_at(ak, 3);
	small = made;
	memset(&made, 0, sizeof(made));
	quote_at(ak, 5);
	assert_true(taken(&size));
	quoted_release(&made);
	made = small;
	assert_not_taken(ERR_CONFLICT, "a quote over 5 leaves is kept, and this one is over 3");
	assert_int_equal(kept(&file), 5);
	memset(&made, 0, sizeof(made));
	quoted_release(&small);
	quote_at(ak, 5); /* of the same tree, after another boot say: takes its place */
	assert_true(taken(&size));
	buf_release(&file);
}

static void T3__quote_over_a_tree_that_is_not_this_ledgers__refused(void **state)
{
	static const uint8_t root[SHA256_LEN] = {1}, empty[SHA256_LEN];
	(void)state;
	quote_at(ak, 3);
	quoted_honest(&made, ak, &ledger.key, 3, root);
	assert_not_taken(ERR_CONFLICT, "the quote is over another ledger of 3 leaves");
	quoted_honest(&made, ak, &ledger.key, 4, root);
	assert_not_taken(ERR_CONFLICT, "over a ledger of 4 leaves, and this one has 3");
	quoted_honest(&made, ak, &ledger.key, 0, empty);
	assert_not_taken(ERR_CONFLICT, "over a ledger of 0 leaves, and this one has 3");
}

static void T8__quote_over_a_note_of_another_key_or_log__refused(void **state)
{
	struct note_key stranger;
	struct store_tree tree;
	(void)state;
	quote_at(ak, 3);
	store_tree(store, &tree);
	quoted_log_key(ORIGIN, &stranger);
	quoted_honest(&made, ak, &stranger, 3, tree.root);
	assert_not_taken(ERR_MISMATCH, "note: no signature by " ORIGIN);
	/* Signed by the log's key under its name, over another log's text. */
	struct checkpoint checkpoint = {.origin = BYTES_LIT("elsewhere"), .size = 3};
	struct buf text = {0};
	uint8_t nonce[SHA256_LEN];
	memcpy(checkpoint.root, tree.root, SHA256_LEN);
	assert_ok(checkpoint_write(&checkpoint, &text, &err), err);
	buf_clear(&made.note);
	assert_ok(note_sign(buf_bytes(&text), &ledger.key, &made.note, &err), err);
	assert_ok(checkpoint_quote_nonce(buf_bytes(&text), nonce, &err), err);
	quoted_over(&made, ak, &made.note, BYTES_OF(nonce));
	assert_not_taken(ERR_MISMATCH, "the checkpoint of another log");
	buf_release(&text);
	note_key_release(&stranger);
}

static void Q24__quote_by_another_key_than_the_configured__refused(void **state)
{
	struct buf path = {0};
	uint64_t size = 0;
	(void)state;
	assert_non_null(path_join(&path, dir, "ak"));
	assert_false(log_quote_pin(&ledger, buf_str(&path), &err));
	assert_non_null(strstr(err.text, "log_host_ak: "));
	assert_ok(file_write_atomic(buf_str(&path), buf_bytes(&ak->public_area), 0644, &err), err);
	assert_ok(log_quote_pin(&ledger, buf_str(&path), &err), err);
	quote_at(other, 3);
	assert_not_taken(ERR_MISMATCH, "by another attestation key than the one that is pinned");
	quote_at(ak, 3);
	assert_true(taken(&size));
	buf_release(&path);
}

static void quote__no_quote_at_all__refused(void **state)
{
	(void)state;
	buf_put_str(&made.file, "nothing");
	assert_not_taken(ERR_FORMAT, "checkpoint quote: ");
	quote_at(ak, 3);
	made.quote.pcrs.values[0][0] ^= 1;
	quoted_encode(&made);
	assert_not_taken(ERR_MISMATCH, "quote-pcr-digest");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(quote__of_this_ledger__kept_and_published),
		TEST(T4__quote_over_a_smaller_tree_than_the_kept__refused),
		TEST(T3__quote_over_a_tree_that_is_not_this_ledgers__refused),
		TEST(T8__quote_over_a_note_of_another_key_or_log__refused),
		TEST(Q24__quote_by_another_key_than_the_configured__refused),
		TEST(quote__no_quote_at_all__refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
