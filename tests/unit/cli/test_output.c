/* SPDX-License-Identifier: Apache-2.0 */
/* What commands print and write (output.c): nothing that was lost is reported as done, nothing that others say steers a
 * terminal, and no file comes to lie where somebody prints. */
#include "cli/cli.h"

#include "cli/package_make.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/unit.h"

static struct err err;
static int kept = -1; /* standard output as it was */

static void stdout_to(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(fflush(stdout), 0);
	kept = dup(STDOUT_FILENO);
	assert_int_equal(dup2(fd, STDOUT_FILENO), STDOUT_FILENO);
	assert_int_equal(close(fd), 0);
}

static void stdout_back(void)
{
	(void)fflush(stdout);
	(void)dup2(kept, STDOUT_FILENO);
	fd_close(&kept);
	clearerr(stdout);
}

/* ---- what was lost ---- */

/* S8: one write that fails leaves an empty buffer, and nothing to fail behind it. */
static void S8__output__larger_than_the_buffer_and_no_room__not_done(void **state)
{
	static char text[100000];
	enum status done, refused;
	(void)state;
	stdout_to("/dev/full");
	memset(text, 'x', sizeof(text));
	(void)fwrite(text, 1, sizeof(text), stdout);
	done = cli_finish(STATUS_DONE);
	refused = cli_finish(STATUS_REFUSED);
	stdout_back();
	assert_int_equal(done, STATUS_UNDECIDED);
	assert_int_equal(refused, STATUS_REFUSED);
}

static void output__that_is_out__as_it_was_decided(void **state)
{
	enum status done;
	(void)state;
	stdout_to("/dev/null");
	(void)fputs("text\n", stdout);
	done = cli_finish(STATUS_DONE);
	stdout_back();
	assert_int_equal(done, STATUS_DONE);
}

/* ---- streams that a caller closed ---- */

/* In a child: its own would be lost. */
static int opened_without_streams(void)
{
	int fd;
	for (fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		(void)close(fd);
	if (!cli_streams_open())
		return 1;
	if (open("/dev/zero", O_RDWR) <= STDERR_FILENO)
		return 2;
	return write(STDOUT_FILENO, "x", 1) == 1 || write(STDERR_FILENO, "x", 1) == 1 ? 3 : 0;
}

static void streams__closed__nothing_else_is_printed_into(void **state)
{
	int status = -1;
	pid_t child;
	(void)state;
	assert_int_equal(fflush(NULL), 0);
	child = fork();
	if (child == 0)
		_exit(opened_without_streams());
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	assert_true(cli_streams_open());
}

/* ---- files ---- */

static void out__a_device__written_into_and_not_replaced(void **state)
{
	struct stat st;
	(void)state;
	assert_fails(cli_write("/dev/full", BYTES_LIT("x"), false, &err), err, ERR_IO,
		"/dev/full: write: No space left on device");
	assert_int_equal(stat("/dev/full", &st), 0);
	assert_true(S_ISCHR(st.st_mode));
	struct package_file package = {0};
	assert_fails(package_file_begin(&package, "/dev/full", "w", 0, 1, &err), err, ERR_USAGE,
		"/dev/full: a package is made as a file");
	package_file_release(&package);
	assert_false(cli_is_device("/dev/shm/x"));
	assert_false(cli_is_device("dev/null"));
	assert_fails(cli_write("/dev/there-is-none", BYTES_LIT("x"), false, &err), err,
		ERR_NOT_FOUND, "/dev/there-is-none: No such file or directory");
}

/* ---- what others say ---- */

static void object__with_escapes_in_keys_and_values__shown_escaped(void **state)
{
	char path[] = "/tmp/assay-output.XXXXXX";
	struct buf text = {0};
	/* The last key has a C1 control, as UTF-8 has it. */
	json_t *object = json_pack("{s:s, s:[s]}", "a\x1b[2J", "b\x1b[2J", "c\xc2\x9b", "d\x1b");
	int fd = mkstemp(path);
	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(close(fd), 0);
	stdout_to(path);
	cli_print_object(object);
	stdout_back();
	assert_ok(file_read(path, 4096, &text, &err), err);
	for (size_t i = 0; i < text.len; i++)
		if ((text.data[i] < ' ' && text.data[i] != '\n') || text.data[i] == 0xc2)
			fail_msg("a control character at %zu", i);
	assert_non_null(strstr(buf_str(&text), "a\\x1b[2J"));
	buf_release(&text);
	json_decref(object);
	(void)unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(S8__output__larger_than_the_buffer_and_no_room__not_done),
		cmocka_unit_test(output__that_is_out__as_it_was_decided),
		cmocka_unit_test(streams__closed__nothing_else_is_printed_into),
		cmocka_unit_test(out__a_device__written_into_and_not_replaced),
		cmocka_unit_test(object__with_escapes_in_keys_and_values__shown_escaped),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
