/* SPDX-License-Identifier: Apache-2.0 */
/* assay entry verify (cmd_entry.c): what the file alone vouches for is not called proved. The rest of it:
 * tests/unit/ledger/test_entry.c, tests/e2e/test_retention.sh. */
#include "cli/commands.h"

#include "crypto/note.h"
#include "ledger/entry_file.h"
#include "ledger/ledger.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/support/unit.h"

static char dir[32];
static struct note_key log_key;
static struct key *key;
static struct err err;

static const char *path_of(const char *name, char out[64])
{
	(void)snprintf(out, 64, "%.31s/%.20s", dir, name);
	return out;
}

static void put(const char *name, const struct buf *content)
{
	char path[64];
	assert_ok(file_write_atomic(path_of(name, path), buf_bytes(content), 0600, &err), err);
}

/* A log of one leaf, whose note somebody signed. */
static void entry_put(void)
{
	struct entry_file file = {.salt = {1}};
	struct leaf leaf = {.type = LEAF_HOST_STATE, .time = 1800000000};
	struct checkpoint tree = {.origin = BYTES_LIT("log.example"), .size = 1};
	struct buf kept = {0}, bytes = {0}, text = {0}, note = {0}, out = {0};
	struct fields fields = {0};
	uint8_t salts[FIELD_SALT_LEN] = {2};
	json_t *content = json_pack("{s:s}", "reason", "lost");
	assert_ok(fields_seal(content, BYTES_OF(salts), &kept, &err), err);
	assert_ok(fields_open(buf_bytes(&kept), &fields, &err), err);
	assert_ok(ledger_commitment(file.salt, buf_bytes(&fields.committed), leaf.commitment, &err),
		err);
	assert_ok(leaf_encode(&leaf, &bytes, &err), err);
	assert_ok(leaf_hash(buf_bytes(&bytes), tree.root, &err), err);
	assert_ok(checkpoint_write(&tree, &text, &err), err);
	assert_ok(note_sign(buf_bytes(&text), &log_key, &note, &err), err);
	file.leaf = buf_bytes(&bytes);
	file.content = buf_bytes(&kept);
	file.checkpoint = buf_bytes(&note);
	assert_ok(entry_file_write(&file, &out, &err), err);
	put("entry", &out);
	fields_release(&fields);
	json_decref(content);
	struct buf *all[] = {&kept, &bytes, &text, &note, &out};
	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		buf_release(all[i]);
}

static void policy_put(const char *name, const struct note_key *log)
{
	struct buf text = {0};
	buf_put_str(&text, "log ");
	assert_ok(note_key_write(log, &text, &err), err);
	buf_put_str(&text, "\nquorum none\n");
	put(name, &text);
	buf_release(&text);
}

static int setup(void **state)
{
	struct note_key other = {0};
	struct key *stranger = NULL;
	(void)state;
	strcpy(dir, "/tmp/assay-entry.XXXXXX");
	assert_non_null(mkdtemp(dir));
	assert_ok(key_generate(KEY_ED25519, &key, &err), err);
	assert_ok(key_generate(KEY_ED25519, &stranger, &err), err);
	assert_ok(note_key_of("log.example", key, &log_key, &err), err);
	assert_ok(note_key_of("log.example", stranger, &other, &err), err);
	entry_put();
	policy_put("log", &log_key);
	policy_put("other", &other);
	note_key_release(&other);
	key_unref(&stranger);
	return 0;
}

static int teardown(void **state)
{
	static const char *const names[] = {"entry", "log", "other", "out"};
	char path[64];
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		(void)unlink(path_of(names[i], path));
	(void)rmdir(dir);
	note_key_release(&log_key);
	key_unref(&key);
	return 0;
}

/* What is printed, as JSON; policy NULL: none is given. */
static json_t *run(const char *policy, enum status wanted)
{
	static const struct environment environment;
	char entry[64], known[64], out[64], option[] = "--log-policy";
	char *argv[] = {entry, option, known};
	struct arguments arguments = {0};
	struct cli cli = {.environment = &environment, .arguments = &arguments, .json = true};
	struct buf text = {0};
	json_t *answer = NULL;
	(void)path_of("entry", entry);
	(void)path_of(policy ? policy : "", known);
	assert_ok(arguments_parse(&cmd_entry_verify, policy ? 3 : 1, argv, &arguments, &err), err);
	assert_int_equal(fflush(stdout), 0);
	int before = dup(STDOUT_FILENO);
	int to = open(path_of("out", out), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	(void)dup2(to, STDOUT_FILENO);
	enum status status = cmd_entry_verify.run(&cli);
	(void)fflush(stdout);
	(void)dup2(before, STDOUT_FILENO);
	fd_close(&before);
	fd_close(&to);
	arguments_release(&arguments);
	assert_int_equal(status, wanted);
	assert_ok(file_read(out, 65536, &text, &err), err);
	assert_ok(json_open(buf_bytes(&text), 65536, &answer, &err), err);
	buf_release(&text);
	return answer;
}

static void entry__in_a_tree_of_its_own_file__not_proved(void **state)
{
	(void)state;
	json_t *answer = run(NULL, STATUS_DONE);
	assert_true(json_is_false(json_object_get(answer, "proved")));
	json_decref(answer);
}

static void entry__in_a_tree_of_the_log_that_is_known__proved(void **state)
{
	(void)state;
	json_t *answer = run("log", STATUS_DONE);
	assert_true(json_is_true(json_object_get(answer, "proved")));
	json_decref(answer);
}

static void T8__entry_in_a_tree_of_another_log__refused(void **state)
{
	(void)state;
	json_t *answer = run("other", STATUS_REFUSED);
	assert_true(json_is_false(json_object_get(answer, "proved")));
	assert_non_null(strstr(
		json_string_value(json_object_get(answer, "reason")), "signed by no known log"));
	json_decref(answer);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(entry__in_a_tree_of_its_own_file__not_proved),
		T(entry__in_a_tree_of_the_log_that_is_known__proved),
		T(T8__entry_in_a_tree_of_another_log__refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
