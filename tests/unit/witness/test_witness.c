/* SPDX-License-Identifier: Apache-2.0 */
/* A witness with its state on disk: what it cosigns, what survives, and what it keeps of a fork. */
#include "witness/witness.h"

#include <ftw.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "ledger/ledger.h"
#include "ledger/tlog_proof.h"
#include "tests/support/tree_proof.h"
#include "tests/support/unit.h"
#include "tests/unit/verifier/https.h"
#include "witness/serve.h"

#define LEAVES 20u
#define ORIGIN "log.example"

static char dir[64], state_dir[96], origin_hex[2 * SHA256_LEN + 1];
static uint8_t leaves[2][LEAVES][SHA256_LEN]; /* two histories that part at leaf 10 */
static struct key *log_pair, *witness_pair;
static struct note_key log_key, cosigner;
static struct tlog_policy *policy;
static struct witness *witness;
static struct witness_reply reply;

static int64_t wall_at(const struct clock *clock)
{
	(void)clock;
	return 1767139200;
}
static const struct clock_ops clock_ops = {.wall = wall_at};
static const struct clock at = {.ops = &clock_ops};
static const struct log quiet = {.fd = -1};
static struct err err;

static bool open_witness(void)
{
	const struct witness_config config = {.policy = policy,
		.cosigner = &cosigner,
		.directory = state_dir,
		.clock = &at,
		.log = &quiet};
	err = (struct err){0};
	return witness_open(&config, &witness, &err);
}

static int group_setup(void **state)
{
	uint8_t digest[SHA256_LEN];

	(void)state;
	for (unsigned history = 0; history < 2; history++)
		for (unsigned i = 0; i < LEAVES; i++) {
			char word[32];

			snprintf(word, sizeof(word), "%s %u", history && i >= 10 ? "other" : "leaf",
				i);
			assert_ok(leaf_hash(bytes_str(word), leaves[history][i], &err), err);
		}
	assert_ok(sha256_of(BYTES_LIT(ORIGIN), digest, &err), err);
	hex_encode(BYTES_OF(digest), origin_hex);
	return 0;
}

static int setup(void **state)
{
	struct buf text = {0};

	(void)state;
	(void)snprintf(dir, sizeof(dir), "/tmp/assay-witness-XXXXXX");
	assert_non_null(mkdtemp(dir));
	(void)snprintf(state_dir, sizeof(state_dir), "%s/state", dir);
	assert_ok(key_generate(KEY_ED25519, &log_pair, &err), err);
	assert_ok(key_generate(KEY_ED25519, &witness_pair, &err), err);
	assert_ok(note_key_of(ORIGIN, log_pair, &log_key, &err), err);
	assert_ok(note_cosigner_of("w.example", witness_pair, &cosigner, &err), err);
	buf_put_str(&text, "log ");
	assert_ok(note_key_write(&log_key, &text, &err), err);
	buf_put_str(&text, "\nquorum none\n");
	assert_ok(tlog_policy_parse(buf_bytes(&text), &policy, &err), err);
	buf_release(&text);
	if (!open_witness())
		fail_msg("%s", err.text);
	return 0;
}

static int remove_one(const char *name, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(name);
}

static int teardown(void **state)
{
	(void)state;
	witness_reply_release(&reply);
	witness_close(&witness);
	tlog_policy_free(&policy);
	note_key_release(&log_key);
	note_key_release(&cosigner);
	key_unref(&log_pair);
	key_unref(&witness_pair);
	return nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static void note_put(unsigned history, uint64_t size, struct buf *out)
{
	struct buf body = {0};
	struct tile_source tiles = {
		.size = LEAVES, .read = tree_proof_read, .arg = leaves[history]};
	struct checkpoint made = {.origin = BYTES_LIT(ORIGIN), .size = size};

	assert_ok(tiles_root(&tiles, size, made.root, &err), err);
	assert_ok(checkpoint_write(&made, &body, &err), err);
	assert_ok(note_sign(buf_bytes(&body), &log_key, out, &err), err);
	buf_release(&body);
}

static void body_make(unsigned history, uint64_t from, uint64_t to, struct buf *out)
{
	struct buf note = {0};
	struct witness_request request = {.old_size = from};
	struct tile_source tiles = {
		.size = LEAVES, .read = tree_proof_read, .arg = leaves[history]};

	note_put(history, to, &note);
	request.checkpoint = buf_bytes(&note);
	assert_ok(tiles_consistency(&tiles, from, to, &request.hashes, &err), err);
	assert_ok(witness_request_write(&request, out, &err), err);
	buf_release(&request.hashes);
	buf_release(&note);
}

static int add(unsigned history, uint64_t from, uint64_t to)
{
	struct buf body = {0};

	body_make(history, from, to, &body);
	witness_reply_release(&reply);
	witness_add(witness, buf_bytes(&body), &reply);
	buf_release(&body);
	return reply.status;
}

static void state_file(const char *name, char out[256])
{
	(void)snprintf(out, 256, "%s/%s/%s", state_dir, origin_hex, name);
}

static void witness__growing_log__cosigned_and_kept(void **state)
{
	struct buf note = {0};
	struct bytes text;
	int64_t time = 0;

	(void)state;
	witness_latest(witness, origin_hex, &reply);
	assert_int_equal(reply.status, 404);
	assert_int_equal(add(0, 0, 5), 200);
	note_put(0, 5, &note);
	buf_put(&note, buf_bytes(&reply.body));
	assert_ok(note_cosigned(buf_bytes(&note), &cosigner, &text, &time, &err), err);
	assert_int_equal(time, wall_at(&at));
	witness_reply_release(&reply);
	witness_latest(witness, origin_hex, &reply);
	assert_int_equal(reply.status, 200);
	assert_bytes(buf_bytes(&reply.body), buf_bytes(&note));
	assert_int_equal(add(0, 5, 5), 200);
	assert_int_equal(add(0, 5, 12), 200);
	assert_int_equal(add(0, 5, 12), 409);
	assert_string_equal(reply.type, "text/x.tlog.size");
	assert_string_equal(buf_str(&reply.body), "12\n");
	buf_release(&note);
}

/* T4: also after a restart. */
static void T4__smaller_tree_after_restart__refused(void **state)
{
	(void)state;
	assert_int_equal(add(0, 0, 12), 200);
	witness_close(&witness);
	assert_true(open_witness());
	assert_int_equal(add(0, 0, 8), 409);
	assert_string_equal(buf_str(&reply.body), "12\n");
	assert_int_equal(add(0, 12, 20), 200);
}

/* T3: another history of the same size. */
static void T3__fork__refused_and_both_sides_kept(void **state)
{
	struct buf a = {0}, b = {0};
	struct bytes text;
	char path[256];

	(void)state;
	assert_int_equal(add(0, 0, 15), 200);
	assert_int_equal(add(1, 15, 15), 409);
	assert_int_equal(add(1, 0, 15), 409);
	state_file("fork-15-a", path);
	assert_ok(file_read(path, NOTE_MAX, &a, &err), err);
	state_file("fork-15-b", path);
	assert_ok(file_read(path, NOTE_MAX, &b, &err), err);
	assert_ok(note_open(buf_bytes(&a), &log_key, &text, &err), err);
	assert_ok(note_open(buf_bytes(&b), &log_key, &text, &err), err);
	note_put(1, 15, &a);
	assert_int_equal(add(1, 15, 18), 422);
	assert_int_equal(add(1, 10, 18), 409);
	assert_int_equal(add(0, 15, 18), 200);
	buf_release(&a);
	buf_release(&b);
}

static void witness__request_of_no_use__told_why(void **state)
{
	struct buf body = {0};

	(void)state;
	witness_add(witness, BYTES_LIT("old x\n"), &reply);
	assert_int_equal(reply.status, 400);
	assert_string_equal(buf_str(&reply.body), "request: does not begin with the old size\n");
	witness_reply_release(&reply);
	witness_add(witness, BYTES_LIT("old 0\n\nother.example\n1\n"), &reply);
	assert_int_equal(reply.status, 404);
	witness_reply_release(&reply);
	body_make(0, 0, 5, &body);
	body.data[body.len - 5] ^= 1;
	witness_add(witness, buf_bytes(&body), &reply);
	assert_int_equal(reply.status, 403);
	witness_reply_release(&reply);
	buf_release(&body);
	body_make(0, 4, 5, &body);
	body.data[4] = '6';
	witness_add(witness, buf_bytes(&body), &reply);
	assert_int_equal(reply.status, 400);
	witness_latest(witness, "nohex", &reply);
	assert_int_equal(reply.status, 404);
	buf_release(&body);
}

/* Signatures that others put beside the log's are not stored: one in this witness's own name would
 * keep it from starting again. */
static void witness__foreign_lines_in_its_name__not_kept(void **state)
{
	struct buf body = {0}, line = {0};

	(void)state;
	body_make(0, 0, 5, &body);
	assert_ok(note_cosign(BYTES_LIT("another text\n"), &cosigner, 5, &line, &err), err);
	buf_put(&body, buf_bytes(&line));
	witness_add(witness, buf_bytes(&body), &reply);
	assert_int_equal(reply.status, 200);
	witness_close(&witness);
	assert_true(open_witness());
	assert_int_equal(add(0, 5, 6), 200);
	buf_release(&body);
	buf_release(&line);
}

/* The log's own line, as often as fits: the state stays one that it starts from. */
static void witness__one_line_many_times__kept_once(void **state)
{
	struct buf body = {0}, note = {0};

	(void)state;
	body_make(0, 0, 5, &body);
	note_put(0, 5, &note);
	const char *line = strstr(buf_str(&note), "\n\n") + 2;
	for (int i = 0; i < 63; i++)
		buf_put_str(&body, line);
	witness_add(witness, buf_bytes(&body), &reply);
	assert_int_equal(reply.status, 200);
	witness_close(&witness);
	assert_true(open_witness());
	assert_int_equal(add(0, 5, 6), 200);
	buf_release(&body);
	buf_release(&note);
}

/* A text that leaves no room for one more line is refused, and leaves the state as it was. */
static void witness__no_room_for_its_line__refused(void **state)
{
	struct buf text = {0}, note = {0}, body = {0};
	struct tile_source tiles = {.size = LEAVES, .read = tree_proof_read, .arg = leaves[0]};
	struct checkpoint made = {.origin = BYTES_LIT(ORIGIN), .size = 5};
	struct witness_request request = {0};

	(void)state;
	assert_ok(tiles_root(&tiles, 5, made.root, &err), err);
	assert_ok(checkpoint_write(&made, &text, &err), err);
	while (text.len < NOTE_MAX - 200)
		buf_put_str(&text, "more\n");
	assert_ok(note_sign(buf_bytes(&text), &log_key, &note, &err), err);
	request.checkpoint = buf_bytes(&note);
	assert_ok(witness_request_write(&request, &body, &err), err);
	witness_add(witness, buf_bytes(&body), &reply);
	assert_int_equal(reply.status, 400);
	assert_string_equal(buf_str(&reply.body), "the checkpoint is too long to be cosigned\n");
	assert_int_equal(add(0, 0, 5), 200);
	buf_release(&text);
	buf_release(&note);
	buf_release(&body);
}

/* What cannot be made durable is not cosigned, and not remembered either. */
static void witness__state_cannot_be_written__no_cosignature(void **state)
{
	char path[256];

	(void)state;
	assert_int_equal(add(0, 0, 5), 200);
	(void)snprintf(path, sizeof(path), "%s/%s", state_dir, origin_hex);
	assert_int_equal(nftw(path, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
	assert_int_equal(add(0, 5, 9), 500);
	assert_string_equal(buf_str(&reply.body), "this witness has a fault\n");
	assert_int_equal(mkdir(path, 0755), 0);
	assert_int_equal(add(0, 5, 9), 200);
}

static void witness__state_of_another__does_not_start(void **state)
{
	struct buf note = {0};
	char path[256];

	(void)state;
	assert_int_equal(add(0, 0, 5), 200);
	assert_false(open_witness());
	assert_int_equal(err.code, ERR_BUSY);
	assert_non_null(strstr(err.text, "another witness works on this directory"));
	witness_close(&witness);
	note_put(0, 3, &note);
	state_file("checkpoint", path);
	assert_ok(file_write_atomic(path, buf_bytes(&note), 0644, &err), err);
	assert_false(open_witness());
	assert_int_equal(err.code, ERR_STORE);
	assert_non_null(strstr(err.text, "not what this witness signed last"));
	buf_release(&note);
}

static void witness__nothing_to_witness_or_to_sign_with__does_not_start(void **state)
{
	struct tlog_policy *none = NULL;
	struct witness_config config = {
		.cosigner = &cosigner, .directory = state_dir, .clock = &at, .log = &quiet};
	struct witness *other = NULL;

	(void)state;
	witness_close(&witness);
	assert_ok(tlog_policy_parse(BYTES_LIT("quorum none\n"), &none, &err), err);
	config.policy = none;
	assert_fails(
		witness_open(&config, &other, &err), err, ERR_USAGE, "witness: no log to witness");
	config.policy = policy;
	config.cosigner = &log_key;
	assert_fails(witness_open(&config, &other, &err), err, ERR_USAGE,
		"witness: no private key to cosign with");
	tlog_policy_free(&none);
}

static void serve__over_tls__as_the_specification_says(void **state)
{
	struct cert *ca = NULL, *cert = NULL;
	struct key *ca_key = NULL, *key = NULL;
	struct buf pem = {0}, body = {0};
	struct witness_server *server = NULL;
	struct https c;
	char path[128];
	const char *names[] = {"127.0.0.1", NULL};

	(void)state;
	assert_ok(key_generate(KEY_EC_P256, &key, &err), err);
	assert_ok(key_generate(KEY_EC_P256, &ca_key, &err), err);
	struct cert_request request = {.common_name = "CA",
		.subject = ca_key,
		.not_before = clock_wall(&clock_system) - 60,
		.not_after = clock_wall(&clock_system) + 600,
		.ca = true};
	assert_ok(cert_issue(&request, NULL, ca_key, &ca, &err), err);
	request = (struct cert_request){.common_name = "witness",
		.dns = names,
		.subject = key,
		.not_before = request.not_before,
		.not_after = request.not_after,
		.server_auth = true};
	assert_ok(cert_issue(&request, ca, ca_key, &cert, &err), err);
	assert_ok(cert_pem(cert, &pem, &err), err);
	const struct witness_serve_config config = {
		.address = "127.0.0.1", .chain_pem = buf_bytes(&pem), .key = key, .log = &quiet};
	assert_ok(witness_serve(&config, witness, &server, &err), err);
	assert_true(https_open(&c, witness_server_port(server), ca, NULL, NULL));
	body_make(0, 0, 7, &body);
	struct https_answer a =
		https_request(&c, "POST", "/add-checkpoint", "text/plain", buf_bytes(&body));
	assert_int_equal(a.status, 200);
	assert_memory_equal(a.body.data, "\xe2\x80\x94 w.example ", 14);
	buf_release(&a.body);
	a = https_request(&c, "POST", "/add-checkpoint", "text/plain", buf_bytes(&body));
	assert_int_equal(a.status, 409);
	assert_string_equal(buf_str(&a.body), "7\n");
	buf_release(&a.body);
	(void)snprintf(path, sizeof(path), "/%s/checkpoint", origin_hex);
	a = https_request(&c, "GET", path, NULL, (struct bytes){0});
	assert_int_equal(a.status, 200);
	buf_release(&a.body);
	https_close(&c);
	witness_server_stop(&server);
	cert_unref(&ca);
	cert_unref(&cert);
	key_unref(&ca_key);
	key_unref(&key);
	buf_release(&pem);
	buf_release(&body);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(witness__growing_log__cosigned_and_kept),
		T(T4__smaller_tree_after_restart__refused),
		T(T3__fork__refused_and_both_sides_kept),
		T(witness__request_of_no_use__told_why),
		T(witness__foreign_lines_in_its_name__not_kept),
		T(witness__one_line_many_times__kept_once),
		T(witness__no_room_for_its_line__refused),
		T(witness__state_cannot_be_written__no_cosignature),
		T(witness__state_of_another__does_not_start),
		T(witness__nothing_to_witness_or_to_sign_with__does_not_start),
		T(serve__over_tls__as_the_specification_says),
	};

	return cmocka_run_group_tests(tests, group_setup, NULL);
}
