/* SPDX-License-Identifier: Apache-2.0 */
#include "base/file.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/unit.h"

struct fixture {
	char dir[64];
	struct buf path, buf;
	char wanted[512];
	struct err err;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	*state = f;
	if (!f)
		return -1;
	strcpy(f->dir, "/tmp/assay-test-file-XXXXXX");
	return mkdtemp(f->dir) ? 0 : -1;
}

static void remove_tree(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry;
	struct buf child = {0};

	while (dir && (entry = readdir(dir)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			remove_tree(path_join(&child, path, entry->d_name));
	if (dir)
		closedir(dir);
	buf_release(&child);
	remove(path);
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	remove_tree(f->dir);
	buf_release(&f->path);
	buf_release(&f->buf);
	free(f);
	return 0;
}

static const char *in_dir(struct fixture *f, const char *name)
{
	return path_join(&f->path, f->dir, name);
}

static const char *wanted(struct fixture *f, const char *name, const char *rest)
{
	snprintf(f->wanted, sizeof(f->wanted), "%s/%s: %s", f->dir, name, rest);
	return f->wanted;
}

static size_t count_entries(const char *path)
{
	DIR *dir = opendir(path);
	size_t n = 0;

	assert_non_null(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n - 2;
}

static void file_write_atomic__then_read__gives_content_and_mode(void **state)
{
	struct fixture *f = *state;
	struct stat st;

	assert_ok(file_write_atomic(in_dir(f, "a"), BYTES_LIT("old"), 0644, &f->err), f->err);
	assert_ok(file_write_atomic(in_dir(f, "a"), BYTES_LIT("new\0"), 0600, &f->err), f->err);
	buf_put_str(&f->buf, "replaced");
	assert_ok(file_read(in_dir(f, "a"), 4, &f->buf, &f->err), f->err);
	assert_bytes(buf_bytes(&f->buf), BYTES_LIT("new\0"));
	assert_int_equal(stat(in_dir(f, "a"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(count_entries(f->dir), 1);
}

static void file_write_atomic__relative_name__works_in_the_current_directory(void **state)
{
	struct fixture *f = *state;
	int home = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assert_int_equal(chdir(f->dir), 0);
	assert_ok(file_write_atomic("plain", BYTES_LIT("x"), 0644, &f->err), f->err);
	assert_int_equal(fchdir(home), 0);
	close(home);
	assert_int_equal(count_entries(f->dir), 1);
}

static void file_write_atomic__link__is_replaced_and_not_followed(void **state)
{
	struct fixture *f = *state;
	struct stat st;

	assert_ok(file_write_atomic(in_dir(f, "target"), BYTES_LIT("old"), 0644, &f->err), f->err);
	assert_int_equal(symlink("target", in_dir(f, "link")), 0);
	assert_ok(file_write_atomic(in_dir(f, "link"), BYTES_LIT("new"), 0644, &f->err), f->err);
	assert_int_equal(lstat(in_dir(f, "link"), &st), 0);
	assert_true(S_ISREG(st.st_mode));
	assert_ok(file_read(in_dir(f, "target"), 9, &f->buf, &f->err), f->err);
	assert_bytes(buf_bytes(&f->buf), BYTES_LIT("old"));
}

static void file_write_atomic__onto_a_directory__fails_and_leaves_nothing(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(mkdir(in_dir(f, "d"), 0700), 0);
	assert_fails(file_write_atomic(in_dir(f, "d"), BYTES_LIT("x"), 0644, &f->err), f->err,
		ERR_IO, wanted(f, "d", "rename: Is a directory"));
	assert_int_equal(count_entries(f->dir), 1);
	assert_fails(file_write_atomic(in_dir(f, "none/x"), BYTES_LIT("x"), 0644, &f->err), f->err,
		ERR_NOT_FOUND, wanted(f, "none/x", "No such file or directory"));
}

static void file_read__limit__is_exact(void **state)
{
	struct fixture *f = *state;

	assert_ok(file_write_atomic(in_dir(f, "a"), BYTES_LIT("12345"), 0644, &f->err), f->err);
	assert_ok(file_read(in_dir(f, "a"), 5, &f->buf, &f->err), f->err);
	assert_fails(file_read(in_dir(f, "a"), 4, &f->buf, &f->err), f->err, ERR_LIMIT,
		wanted(f, "a", "5 bytes, more than 4"));
	assert_int_equal(f->buf.len, 5);
	assert_ok(file_write_atomic(in_dir(f, "e"), (struct bytes){0}, 0644, &f->err), f->err);
	assert_ok(file_read(in_dir(f, "e"), 0, &f->buf, &f->err), f->err);
	assert_int_equal(f->buf.len, 0);
}

static void file_read__sparse_and_huge__is_refused_before_reading(void **state)
{
	struct fixture *f = *state;
	int fd = open(in_dir(f, "huge"), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

	assert_int_equal(ftruncate(fd, 1ll << 40), 0);
	close(fd);
	assert_fails(file_read(in_dir(f, "huge"), 100, &f->buf, &f->err), f->err, ERR_LIMIT,
		wanted(f, "huge", "1099511627776 bytes, more than 100"));
}

static void file_read__special_files__are_refused_without_waiting(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(mkfifo(in_dir(f, "fifo"), 0600), 0);
	assert_fails(file_read(in_dir(f, "fifo"), 9, &f->buf, &f->err), f->err, ERR_IO,
		wanted(f, "fifo", "not a regular file"));
	assert_int_equal(mkdir(in_dir(f, "d"), 0700), 0);
	assert_fails(file_read(in_dir(f, "d"), 9, &f->buf, &f->err), f->err, ERR_IO,
		wanted(f, "d", "not a regular file"));
	assert_fails(file_read("/dev/zero", 9, &f->buf, &f->err), f->err, ERR_IO,
		"/dev/zero: not a regular file");
	assert_fails(file_read(in_dir(f, "none\n"), 9, &f->buf, &f->err), f->err, ERR_NOT_FOUND,
		wanted(f, "none\\n", "No such file or directory"));
}

static void file_read__file_without_a_size__is_read(void **state)
{
	struct fixture *f = *state;

	assert_ok(file_read("/proc/self/status", 1 << 20, &f->buf, &f->err), f->err);
	assert_true(f->buf.len > 100);
	assert_fails(file_read("/proc/self/status", 10, &f->buf, &f->err), f->err, ERR_LIMIT,
		"/proc/self/status: more than 10 bytes");
}

static void file_fd__pipe__short_transfers_are_joined(void **state)
{
	struct fixture *f = *state;
	int ends[2];

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	assert_ok(file_write_fd(ends[1], "pipe", BYTES_LIT("one"), &f->err), f->err);
	assert_ok(file_write_fd(ends[1], "pipe", BYTES_LIT("two"), &f->err), f->err);
	fd_close(&ends[1]);
	assert_int_equal(ends[1], -1);
	assert_ok(file_read_fd(ends[0], "pipe", 6, &f->buf, &f->err), f->err);
	assert_bytes(buf_bytes(&f->buf), BYTES_LIT("onetwo"));
	fd_close(&ends[0]);
	fd_close(&ends[0]);
}

static void file_fd__device_full_and_bad_descriptor__are_errors(void **state)
{
	struct fixture *f = *state;
	int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);

	assert_fails(file_write_fd(fd, "full", BYTES_LIT("x"), &f->err), f->err, ERR_IO,
		"full: write: No space left on device");
	fd_close(&fd);
	assert_fails(file_read_fd(-1, "none", 9, &f->buf, &f->err), f->err, ERR_IO,
		"none: read: Bad file descriptor");
}

static void file_make_dirs__nested__are_made_once(void **state)
{
	struct fixture *f = *state;
	struct stat st;

	assert_ok(file_make_dirs(in_dir(f, "a/b//c/"), 0700, &f->err), f->err);
	assert_ok(file_make_dirs(in_dir(f, "a/b/c"), 0700, &f->err), f->err);
	assert_int_equal(stat(in_dir(f, "a/b/c"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_ok(file_write_atomic(in_dir(f, "file"), BYTES_LIT("x"), 0644, &f->err), f->err);
	assert_fails(file_make_dirs(in_dir(f, "file"), 0700, &f->err), f->err, ERR_IO,
		wanted(f, "file", "Not a directory"));
	assert_fails(file_make_dirs(in_dir(f, "file/x"), 0700, &f->err), f->err, ERR_IO,
		wanted(f, "file", "Not a directory"));
	assert_ok(file_make_dirs("/", 0700, &f->err), f->err);
}

static void path_join__slashes__are_one(void **state)
{
	static const struct {
		const char *directory, *name, *joined;
	} cases[] = {{"/a", "b", "/a/b"}, {"/a/", "b", "/a/b"}, {"/a//", "//b", "/a/b"},
		{"/", "b", "/b"}, {"", "b", "b"}, {"", "/b", "b"}, {".", "b/c", "./b/c"}};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_string_equal(
			path_join(&f->buf, cases[i].directory, cases[i].name), cases[i].joined);
	f->buf.failed = true;
	assert_null(path_join(&f->buf, "a", "b"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			file_write_atomic__then_read__gives_content_and_mode, setup, teardown),
		cmocka_unit_test_setup_teardown(
			file_write_atomic__relative_name__works_in_the_current_directory, setup,
			teardown),
		cmocka_unit_test_setup_teardown(
			file_write_atomic__link__is_replaced_and_not_followed, setup, teardown),
		cmocka_unit_test_setup_teardown(
			file_write_atomic__onto_a_directory__fails_and_leaves_nothing, setup,
			teardown),
		cmocka_unit_test_setup_teardown(file_read__limit__is_exact, setup, teardown),
		cmocka_unit_test_setup_teardown(
			file_read__sparse_and_huge__is_refused_before_reading, setup, teardown),
		cmocka_unit_test_setup_teardown(
			file_read__special_files__are_refused_without_waiting, setup, teardown),
		cmocka_unit_test_setup_teardown(
			file_read__file_without_a_size__is_read, setup, teardown),
		cmocka_unit_test_setup_teardown(
			file_fd__pipe__short_transfers_are_joined, setup, teardown),
		cmocka_unit_test_setup_teardown(
			file_fd__device_full_and_bad_descriptor__are_errors, setup, teardown),
		cmocka_unit_test_setup_teardown(
			file_make_dirs__nested__are_made_once, setup, teardown),
		cmocka_unit_test_setup_teardown(path_join__slashes__are_one, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
