/* SPDX-License-Identifier: Apache-2.0 */
/* assay audit --extract (cmd_audit.c): whoever makes the file names what is written. The audit itself: tests/unit/ledger. */
#include "cli/commands.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/unit/ledger/audit_world.h"

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

/* A record that has an input of a name which auditors have files of. */
static int setup(void **state)
{
	struct buf pem = {0}, bundle = {0};
	(void)state;
	strcpy(dir, "/tmp/assay-audit.XXXXXX");
	assert_non_null(mkdtemp(dir));
	scene_keys_make(&keys);
	assert_ok(key_generate(KEY_EC_P256, &verifier, &err), err);
	w = calloc(1, sizeof(*w));
	assert_non_null(w);
	w->verifier = verifier;
	struct scene *s = scene_new(&keys);
	scene_run(s);
	(void)world_keep(w, s);
	kept_name(&w->records[0], "ca.pem", BYTES_LIT("theirs"));
	world_seal(w, 0);
	world_bundle(w, 0);
	assert_ok(audit_bundle_encode(&w->b, &bundle, &err), err);
	assert_ok(file_write_atomic(path_of("bundle"), buf_bytes(&bundle), 0600, &err), err);
	assert_ok(key_public_pem(verifier, &pem, &err), err);
	assert_ok(file_write_atomic(path_of("key"), buf_bytes(&pem), 0600, &err), err);
	scene_free(s);
	buf_release(&pem);
	buf_release(&bundle);
	return 0;
}

static int teardown(void **state)
{
	char command[64];
	(void)state;
	(void)snprintf(command, sizeof(command), "rm -r %.31s", dir);
	(void)!system(command);
	audit_world_clear(w);
	free(w);
	scene_keys_free(&keys);
	key_unref(&verifier);
	return 0;
}

static enum status extract_to(const char *directory)
{
	static const struct environment environment;
	const char *const words[] = {
		path_of("bundle"), "--key", path_of("key"), "--extract", directory};
	struct arguments arguments = {0};
	struct cli cli = {.environment = &environment, .arguments = &arguments};
	char *argv[ARRAY_LEN(words)];
	int kept[2], null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		argv[i] = (char *)(uintptr_t)words[i];
	assert_ok(arguments_parse(&cmd_audit, (int)ARRAY_LEN(words), argv, &arguments, &err), err);
	assert_int_equal(fflush(NULL), 0);
	for (int i = 0; i < 2; i++) {
		kept[i] = dup(i + 1);
		(void)dup2(null, i + 1);
	}
	enum status status = cmd_audit.run(&cli);
	(void)fflush(stdout);
	for (int i = 0; i < 2; i++) {
		(void)dup2(kept[i], i + 1);
		fd_close(&kept[i]);
	}
	fd_close(&null);
	arguments_release(&arguments);
	err = cli.err;
	return status;
}

static void assert_file(const char *name, const char *wanted)
{
	struct buf content = {0};
	assert_ok(file_read(path_of(name), 1u << 20, &content, &err), err);
	assert_true(bytes_equal_str(buf_bytes(&content), wanted));
	buf_release(&content);
}

static void extract__into_its_own_directory__written_and_again(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(extract_to(path_of("out")), STATUS_DONE);
		assert_file("out/ca.pem", "theirs");
		assert_int_equal(access(path_of("out/evidence"), R_OK), 0);
	}
}

static void T12__extract_where_a_file_of_that_name_is__left_alone(void **state)
{
	(void)state;
	assert_ok(file_write_atomic(path_of("ca.pem"), BYTES_LIT("mine"), 0600, &err), err);
	assert_int_equal(extract_to(dir), STATUS_UNDECIDED);
	assert_int_equal(err.code, ERR_CONFLICT);
	assert_non_null(strstr(err.text, "ca.pem: is there, and is something else"));
	assert_file("ca.pem", "mine");
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(extract__into_its_own_directory__written_and_again),
		T(T12__extract_where_a_file_of_that_name_is__left_alone),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
