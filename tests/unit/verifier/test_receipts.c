/* SPDX-License-Identifier: Apache-2.0 */
/* What a service proves of its ledger to whoever asks. */
#include "verifier/receipts.h"

#include "tests/support/unit.h"
#include "base/file.h"
#include "tests/unit/verifier/world.h"

#define ORIGIN "bank.example/log"

static struct world w;
static struct err err;
static struct key *key;
static struct receipt receipt, second;
static struct tlog_proof proof;
static struct buf body, more, tile;

static struct buf get(const char *path, int wanted)
{
	struct https_answer a = world_call(&w, NULL, "GET", path, NULL, (struct bytes){0});
	if (a.status != wanted)
		fail_msg("%s: %d, wanted %d: %s", path, a.status, wanted, buf_str(&a.body));
	return a.body;
}

/* The first two leaves' hashes are always there. */
static int setup(void **state)
{
	(void)state;
	world_start(&w);
	struct buf pem = get("/log/receipt-key", 200);
	assert_ok(key_from_pem(buf_bytes(&pem), &key, &err), err);
	buf_release(&pem);
	tile = get("/log/tile/0/000.p/2", 200);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	world_stop(&w);
	key_unref(&key);
	receipt_release(&receipt);
	receipt_release(&second);
	tlog_proof_release(&proof);
	buf_release(&body);
	buf_release(&more);
	buf_release(&tile);
	return 0;
}

static void http__receipt_of_any_leaf__verifies_with_the_key_served(void **state)
{
	(void)state;
	body = get("/log/receipt/0", 200);
	assert_ok(receipt_parse(buf_bytes(&body), &receipt, &err), err);
	assert_ok(receipt_verify(&receipt, key, ORIGIN, tile.data, NULL, &err), err);
	more = get("/log/receipt/1", 200);
	assert_ok(receipt_parse(buf_bytes(&more), &second, &err), err);
	assert_ok(receipt_verify(&second, key, ORIGIN, tile.data + SHA256_LEN, NULL, &err), err);
	/* The key signed once: who asks does not make it work. */
	assert_bytes(second.message.signature, receipt.message.signature);
}

/* As if a quorum of witnesses had seen the tree as it is, and nothing since. */
static bool witness_work(struct store_tx *tx, void *arg, struct err *e)
{
	OWNED(buf_release) struct buf note = {0};
	(void)arg;
	return checkpoint_get(tx->sql, &note, e) && cosigned_set(tx->sql, buf_bytes(&note), e);
}

/* Borrows from *bytes, which the caller releases. */
static void receipt_of(uint64_t index, struct buf *bytes, struct receipt *ret)
{
	char path[64];
	(void)snprintf(path, sizeof(path), "/log/receipt/%llu", (unsigned long long)index);
	receipt_release(ret);
	buf_release(bytes);
	*bytes = get(path, 200);
	assert_ok(receipt_parse(buf_bytes(bytes), ret, &err), err);
}

static void http__receipts_above_and_below_what_witnesses_saw__one_signature_each(void **state)
{
	static const char body_of_workload[] =
		"{\"name\":\"other\",\"risk_class\":\"low\",\"environment\":\"prod\","
		"\"owner\":\"o\",\"purpose\":\"p\"}";
	struct receipt newest = {0}, again = {0};
	struct buf newest_bytes = {0}, again_bytes = {0};
	(void)state;
	receipt_of(0, &body, &receipt);
	uint64_t seen = receipt.proof.size;
	assert_ok(store_run(w.app->store, witness_work, NULL, &err), err);
	json_decref(world_json(&w, &w.admin, "POST", "/v1/workloads", body_of_workload, 201));
	receipt_of(seen, &newest_bytes, &newest);
	assert_true(newest.proof.size > seen);
	receipt_of(0, &more, &second);
	assert_int_equal(second.proof.size, seen);
	for (unsigned i = 0; i < 3; i++) {
		receipt_of(1, &again_bytes, &again);
		assert_int_equal(again.proof.size, seen);
		assert_bytes(again.message.signature, second.message.signature);
		assert_ok(receipt_verify(&again, key, ORIGIN, tile.data + SHA256_LEN, NULL, &err),
			err);
		receipt_of(seen, &again_bytes, &again);
		assert_bytes(again.message.signature, newest.message.signature);
	}
	receipt_release(&newest);
	receipt_release(&again);
	buf_release(&newest_bytes);
	buf_release(&again_bytes);
}

static void http__consistency__from_the_first_leaf_on(void **state)
{
	uint8_t root[SHA256_LEN];
	(void)state;
	body = get("/log/consistency/2", 200);
	assert_ok(receipt_parse(buf_bytes(&body), &receipt, &err), err);
	assert_int_equal(receipt.proof.kind, RECEIPT_CONSISTENCY);
	assert_int_equal(receipt.proof.from, 2);
	assert_ok(tree_node_hash(tile.data, tile.data + SHA256_LEN, root, &err), err);
	assert_ok(receipt_verify(&receipt, key, ORIGIN, root, NULL, &err), err);
}

static void http__proof__under_the_ledgers_own_checkpoint(void **state)
{
	char path[128];
	struct note_key log = {0};
	struct buf vkey = {0};
	(void)state;
	(void)world_path(&w, "log.pub", path);
	assert_ok(file_read(path, 4096, &vkey, &err), err);
	assert_ok(note_key_parse(bytes_of(vkey.data, vkey.len - 1), &log, &err), err);
	body = get("/log/proof/1", 200);
	assert_ok(tlog_proof_parse(buf_bytes(&body), &proof, &err), err);
	assert_ok(tlog_proof_verify(&proof, &log, tile.data + SHA256_LEN, NULL, &err), err);
	assert_int_equal(proof.extra.len, 0);
	note_key_release(&log);
	buf_release(&vkey);
}

static void http__what_is_not_there__not_found(void **state)
{
	static const char *const paths[] = {"/log/receipt/999999", "/log/receipt/x",
		"/log/receipt/01", "/log/receipt/-1", "/log/receipt/18446744073709551615",
		"/log/receipt/0000000000000000000000000000000000000000000000000000000000000000",
		"/log/proof/999999", "/log/proof/x", "/log/consistency/0",
		"/log/consistency/999999", "/log/consistency/x",
		"/log/consistency/18446744073709551615"};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
		struct buf answer = get(paths[i], 404);
		buf_release(&answer);
	}
}

static void http__record_that_is_not_there__not_found(void **state)
{
	static const char *const forms[] = {"receipt", "proof", "statement"};
	char path[160];
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
		(void)snprintf(path, sizeof(path), "/v1/records/%064d/%s", 0, forms[i]);
		struct https_answer a =
			world_call(&w, &w.admin, "GET", path, NULL, (struct bytes){0});
		assert_int_equal(a.status, 404);
		buf_release(&a.body);
		struct buf refused = get(path, 401);
		buf_release(&refused);
	}
}

static void receipt_key__not_p256_or_not_there__refused(void **state)
{
	struct receipt_signer signer = {0};
	char path[128], uri[160], message[320];
	(void)state;
	(void)world_path(&w, "log.key", path);
	(void)snprintf(uri, sizeof(uri), "file:%s", path);
	(void)snprintf(message, sizeof(message),
		"receipt_key: %s: receipts are signed with a P-256 private key", uri);
	assert_fails(
		receipt_signer_load(uri, key, ORIGIN, &signer, &err), err, ERR_CONFIG, message);
	assert_false(receipt_signer_load("file:/nowhere/at/all", key, ORIGIN, &signer, &err));
	assert_null(signer.key);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(http__receipt_of_any_leaf__verifies_with_the_key_served),
		T(http__receipts_above_and_below_what_witnesses_saw__one_signature_each),
		T(http__consistency__from_the_first_leaf_on),
		T(http__proof__under_the_ledgers_own_checkpoint),
		T(http__what_is_not_there__not_found),
		T(http__record_that_is_not_there__not_found),
		T(receipt_key__not_p256_or_not_there__refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
