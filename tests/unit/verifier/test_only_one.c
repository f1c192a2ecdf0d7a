/* SPDX-License-Identifier: Apache-2.0 */
/* The lock that one service holds on its database. */
#include "verifier/only_one.h"

#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "tests/support/unit.h"

static char directory[] = "/tmp/assay-only-one.XXXXXX", path[128], lock[160];
static struct err err;

static int setup(void **state)
{
	(void)state;
	if (!mkdtemp(directory))
		return -1;
	snprintf(path, sizeof(path), "%s/verifier.db", directory);
	snprintf(lock, sizeof(lock), "%s.lock", path);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	(void)unlink(lock);
	(void)rmdir(directory);
	strcpy(directory + strlen(directory) - 6, "XXXXXX");
	return 0;
}

static void only_one__second__refused_until_the_first_leaves(void **state)
{
	int first = -1, second = -1;
	char wanted[400];

	(void)state;
	snprintf(wanted, sizeof(wanted),
		"%s: another assay-verifierd serves this database: stop it first, or give this one "
		"a "
		"database of its own",
		lock);
	assert_ok(only_one_take(path, &first, &err), err);
	assert_true(first >= 0);
	assert_fails(only_one_take(path, &second, &err), err, ERR_BUSY, wanted);
	assert_int_equal(second, -1);
	fd_close(&first);
	assert_int_equal(first, -1);
	assert_ok(only_one_take(path, &second, &err), err);
	fd_close(&second);
	fd_close(&second);
}

static void only_one__holder_dies__free_again(void **state)
{
	int fd = -1, status = 0;
	pid_t child;

	(void)state;
	child = fork();
	if (child == 0)
		_exit(only_one_take(path, &fd, &err) ? 0 : 1);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_ok(only_one_take(path, &fd, &err), err);
	fd_close(&fd);
}

static void only_one__no_such_directory__says_so(void **state)
{
	int fd = -1;

	(void)state;
	assert_fails(only_one_take("/nonexistent/verifier.db", &fd, &err), err, ERR_IO,
		"/nonexistent/verifier.db.lock: No such file or directory");
	assert_int_equal(fd, -1);
}

static void only_one__lock_is_a_link__not_followed(void **state)
{
	int fd = -1;

	(void)state;
	assert_int_equal(symlink("elsewhere", lock), 0);
	assert_false(only_one_take(path, &fd, &err));
	assert_int_equal(err.code, ERR_IO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(only_one__second__refused_until_the_first_leaves),
		T(only_one__holder_dies__free_again),
		T(only_one__no_such_directory__says_so),
		T(only_one__lock_is_a_link__not_followed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
