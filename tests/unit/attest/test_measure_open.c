/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/attest/scratch_tree.h"

#include "attest/measure.h"
#include "base/file.h"

static void assert_refused(const char *path, enum err_code code, const char *text)
{
	struct err err = {0};
	int fd = -1;
	assert_false(measure_open(path, &fd, &err));
	assert_int_equal(fd, -1);
	assert_non_null(strstr(err.text, text));
	assert_int_equal(err.code, code);
}

static void measure_open__regular_file__opened(void **state)
{
	(void)state;
	tree_file("f", "x");
	int fd = -1;
	struct err err = {0};
	assert_true(measure_open(tree_path("f"), &fd, &err));
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	fd_close(&fd);
}

static void measure_open__text_that_is_not_canonical__refused(void **state)
{
	(void)state;
	static const char *const paths[] = {
		"", "f", "./f", "/a/../b", "/a/./b", "/a//b", "/a/", "//a", "/..", "/a/.."};
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
		assert_refused(paths[i], ERR_USAGE, "not a canonical absolute path");
}

static void M2__symbolic_link_at_the_end__refused(void **state)
{
	(void)state;
	tree_file("f", "x");
	tree_link("f", "link");
	assert_refused(tree_path("link"), ERR_FORMAT, "symbolic link");
}

static void M2__symbolic_link_in_the_middle__refused(void **state)
{
	(void)state;
	tree_directory("d");
	tree_file("d/f", "x");
	tree_link("d", "link");
	tree_link(tree_path("d"), "absolute");
	assert_refused(tree_path("link/f"), ERR_FORMAT, "symbolic link");
	assert_refused(tree_path("absolute/f"), ERR_FORMAT, "symbolic link");
}

static void M5__fifo__refused_without_blocking(void **state)
{
	(void)state;
	tree_fifo("fifo");
	assert_refused(tree_path("fifo"), ERR_FORMAT, "is a FIFO, not a regular file");
}

static void M5__socket__refused(void **state)
{
	(void)state;
	tree_socket("socket");
	assert_refused(tree_path("socket"), ERR_FORMAT, "is a socket, not a regular file");
}

static void M5__dev_zero__refused(void **state)
{
	(void)state;
	assert_refused("/dev/zero", ERR_FORMAT, "is a character device, not a regular file");
}

static void M5__proc_self_exe__refused(void **state)
{
	(void)state;
	assert_refused("/proc/self/exe", ERR_FORMAT, "symbolic link");
}

static void measure_open__directory__refused(void **state)
{
	(void)state;
	tree_directory("d");
	assert_refused(tree_path("d"), ERR_FORMAT, "is a directory, not a regular file");
}

static void measure_open__missing__not_found(void **state)
{
	(void)state;
	assert_refused(tree_path("none"), ERR_NOT_FOUND, "No such file");
}

static void M6__sparse_8_tib__refused_by_size(void **state)
{
	(void)state;
	tree_file("sparse", "");
	if (truncate(tree_path("sparse"), (off_t)1 << 43) != 0)
		skip();
	assert_refused(
		tree_path("sparse"), ERR_LIMIT, "8796093022208 bytes, more than 4398046511104");
}

static void measure_open_directory__directory_only(void **state)
{
	(void)state;
	struct err err = {0};
	int fd = -1;
	tree_directory("d");
	tree_file("f", "x");
	tree_link("d", "link");
	assert_true(measure_open_directory(tree_path("d"), &fd, &err));
	fd_close(&fd);
	assert_false(measure_open_directory(tree_path("f"), &fd, &err));
	assert_non_null(strstr(err.text, "is a regular file, not a directory"));
	assert_false(measure_open_directory(tree_path("link"), &fd, &err));
	assert_int_equal(err.code, ERR_FORMAT);
}

static void assert_not_beneath(int directory, const char *relative)
{
	struct err err = {0};
	int fd = -1;
	assert_false(measure_open_beneath(directory, relative, &fd, &err));
	assert_int_equal(err.code, ERR_FORMAT);
}

static void M10__name_that_leaves_the_directory__refused(void **state)
{
	(void)state;
	struct err err = {0};
	int directory = -1, fd = -1;
	tree_directory("d");
	tree_file("secret", "x");
	tree_file("d/f", "x");
	tree_link("../secret", "d/link");
	assert_true(measure_open_directory(tree_path("d"), &directory, &err));
	bool opened = measure_open_beneath(directory, "f", &fd, &err);
	fd_close(&fd);
	assert_not_beneath(directory, "../secret");
	assert_not_beneath(directory, "link");
	assert_not_beneath(directory, tree_path("secret"));
	fd_close(&directory);
	assert_true(opened);
}

static void measure_canonical__links__resolved(void **state)
{
	(void)state;
	char *canonical = NULL;
	struct err err = {0};
	tree_directory("d");
	tree_file("d/f", "x");
	tree_link("d", "link");
	assert_true(measure_canonical(tree_path("link/../link/f"), &canonical, &err));
	assert_string_equal(canonical, tree_path("d/f"));
	free(canonical);
	assert_false(measure_canonical(tree_path("none"), &canonical, &err));
	assert_int_equal(err.code, ERR_NOT_FOUND);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, tree_make, tree_remove)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(measure_open__regular_file__opened),
		TEST(measure_open__text_that_is_not_canonical__refused),
		TEST(M2__symbolic_link_at_the_end__refused),
		TEST(M2__symbolic_link_in_the_middle__refused),
		TEST(M5__fifo__refused_without_blocking),
		TEST(M5__socket__refused),
		TEST(M5__dev_zero__refused),
		TEST(M5__proc_self_exe__refused),
		TEST(measure_open__directory__refused),
		TEST(measure_open__missing__not_found),
		TEST(M6__sparse_8_tib__refused_by_size),
		TEST(measure_open_directory__directory_only),
		TEST(M10__name_that_leaves_the_directory__refused),
		TEST(measure_canonical__links__resolved),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
