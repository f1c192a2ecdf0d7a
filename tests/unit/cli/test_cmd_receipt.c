/* SPDX-License-Identifier: Apache-2.0 */
/* assay receipt verify (cmd_receipt.c): what a statement's receipt is of. Receipts themselves: tests/unit/ledger/test_receipt.c,
 * tests/e2e/test_receipts.sh. */
#include "cli/commands.h"

#include "ledger/receipt.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/unit/ledger/audit_world.h"

#define ORIGIN "log.example"

static char dir[32];
static struct scene_keys keys;
static struct key *verifier;
static struct audit_world *w;
static struct err err;

static const char *path_of(const char *name)
{
	static char out[8][64];
	static unsigned next;
	char *one = out[next++ % 8];
	(void)snprintf(one, sizeof(out[0]), "%.31s/%.24s", dir, name);
	return one;
}

/* Two decisions in a ledger. */
static int setup(void **state)
{
	struct buf pem = {0};
	(void)state;
	strcpy(dir, "/tmp/assay-receipt.XXXXXX");
	assert_non_null(mkdtemp(dir));
	scene_keys_make(&keys);
	assert_ok(key_generate(KEY_EC_P256, &verifier, &err), err);
	w = calloc(1, sizeof(*w));
	assert_non_null(w);
	w->verifier = verifier;
	struct scene *s = scene_new(&keys);
	scene_run(s);
	(void)world_keep(w, s);
	s->context.host.state = HOST_QUARANTINED;
	scene_run(s);
	(void)world_keep(w, s);
	assert_ok(key_public_pem(verifier, &pem, &err), err);
	assert_ok(file_write_atomic(path_of("key"), buf_bytes(&pem), 0600, &err), err);
	scene_free(s);
	buf_release(&pem);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	(void)unlink(path_of("key"));
	(void)unlink(path_of("file"));
	(void)rmdir(dir);
	audit_world_clear(w);
	free(w);
	scene_keys_free(&keys);
	key_unref(&verifier);
	return 0;
}

/* The statement of one decision with the receipt of another one, or of itself. */
static void put(size_t statement, size_t received)
{
	struct buf seal = {0}, receipt = {0}, file = {0};
	world_bundle(w, received);
	const struct receipt_proof proof = {.kind = RECEIPT_INCLUSION,
		.size = w->b.tree_size,
		.from = received,
		.hashes = w->b.proof};
	assert_ok(receipt_seal(verifier, ORIGIN, w->b.tree_size, w->b.tree_root, &seal, &err), err);
	assert_ok(receipt_write(buf_bytes(&seal), &proof, &receipt, &err), err);
	const struct bytes receipts[] = {buf_bytes(&receipt)};
	const struct kept *k = &w->records[statement];
	assert_ok(transparent_write(buf_bytes(&k->cose), k->salt, receipts, 1, &file, &err), err);
	assert_ok(file_write_atomic(path_of("file"), buf_bytes(&file), 0600, &err), err);
	buf_release(&seal);
	buf_release(&receipt);
	buf_release(&file);
}

/* leaf < 0: none is named. */
static enum status verify(int leaf)
{
	static const struct environment environment;
	char hex[2 * SHA256_LEN + 1] = "";
	const char *const words[] = {path_of("file"), "--key", path_of("key"), "--signer",
		path_of("key"), "--leaf", hex};
	struct arguments arguments = {0};
	struct cli cli = {.environment = &environment, .arguments = &arguments};
	char *argv[ARRAY_LEN(words)];
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	if (leaf >= 0)
		hex_encode(BYTES_OF(w->records[leaf].hash), hex);
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		argv[i] = (char *)(uintptr_t)words[i];
	assert_ok(arguments_parse(&cmd_receipt_verify, (int)ARRAY_LEN(words) - (leaf < 0 ? 2 : 0),
			  argv, &arguments, &err),
		err);
	assert_int_equal(fflush(stdout), 0);
	int kept = dup(STDOUT_FILENO);
	(void)dup2(null, STDOUT_FILENO);
	enum status status = cmd_receipt_verify.run(&cli);
	(void)fflush(stdout);
	(void)dup2(kept, STDOUT_FILENO);
	fd_close(&kept);
	fd_close(&null);
	arguments_release(&arguments);
	return status;
}

static void statement__with_its_own_receipt__proved(void **state)
{
	(void)state;
	put(0, 0);
	assert_int_equal(verify(-1), STATUS_DONE);
	assert_int_equal(verify(0), STATUS_DONE);
	assert_int_equal(verify(1), STATUS_REFUSED);
}

/* P15: the decision that was asked about stands in the ledger, and another one was shown with its receipt. */
static void P15__statement_with_the_receipt_of_another__refused(void **state)
{
	(void)state;
	put(0, 1);
	assert_int_equal(verify(-1), STATUS_REFUSED);
	assert_int_equal(verify(1), STATUS_REFUSED);
	assert_int_equal(verify(0), STATUS_REFUSED);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(statement__with_its_own_receipt__proved),
		T(P15__statement_with_the_receipt_of_another__refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
