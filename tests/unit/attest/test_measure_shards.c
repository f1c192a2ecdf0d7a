/* SPDX-License-Identifier: Apache-2.0 */
/* Directories measured otherwise: paths left out, links followed below the root, files in runs. */
#include "tests/unit/attest/scratch_tree.h"

#include <pthread.h>
#include <stdatomic.h>

#include "attest/measure.h"
#include "tests/support/unit.h"

static struct measured_tree tree;
static struct err err;

static int setup(void **state)
{
	memset(&err, 0, sizeof(err));
	return tree_make(state);
}

static int teardown(void **state)
{
	measured_tree_release(&tree);
	return tree_remove(state);
}

static bool measure(const struct measure_tree_options *options)
{
	measured_tree_release(&tree);
	return measure_tree_as(tree_path("m"), options, &tree, &err);
}

static void assert_refused(
	const struct measure_tree_options *options, enum err_code code, const char *why)
{
	char wanted[PATH_MAX + 256];
	snprintf(wanted, sizeof(wanted), "%s: %s", tree_path("m"), why);
	assert_fails(measure(options), err, code, wanted);
	assert_int_equal(tree.count, 0);
}

/* m/a/one, m/git/x, m/two */
static void model(void)
{
	tree_directory("m");
	tree_directory("m/a");
	tree_directory("m/git");
	tree_file("m/a/one", "one");
	tree_file("m/git/x", "not looked at");
	tree_file("m/two", "two");
}

static void assert_paths(const char *const *paths, size_t n)
{
	assert_int_equal(tree.count, n);
	for (size_t i = 0; i < n; i++)
		assert_string_equal(tree.files[i].path, paths[i]);
}

/* ---- left out ---- */

static void ignore__file_and_directory__left_out_and_told(void **state)
{
	static const char *const ignore[] = {"git", "two", "nothing", "one"};
	static const char *const rest[] = {"a/one"};
	const struct measure_tree_options options = {
		.alg = MEASURE_SHA256, .ignore = ignore, .ignore_count = 4};
	(void)state;
	model();
	tree_fifo("m/git/fifo");
	assert_ok(measure(&options), err);
	assert_paths(rest, 1);
	assert_true(tree.left_out[0]);
	assert_true(tree.left_out[1]);
	assert_false(tree.left_out[2]);
	assert_false(tree.left_out[3]); /* of a/one only the name */
}

static void ignore__everything_of_a_directory_below__not_empty(void **state)
{
	static const char *const ignore[] = {"a/one"};
	static const char *const rest[] = {"git/x", "two"};
	const struct measure_tree_options options = {
		.alg = MEASURE_SHA256, .ignore = ignore, .ignore_count = 1};
	(void)state;
	model();
	assert_ok(measure(&options), err);
	assert_paths(rest, 2);
}

static void M9__everything_left_out__refused(void **state)
{
	static const char *const ignore[] = {"a", "git", "two"};
	const struct measure_tree_options options = {
		.alg = MEASURE_SHA256, .ignore = ignore, .ignore_count = 3};
	(void)state;
	model();
	assert_refused(&options, ERR_FORMAT, "empty directory");
}

/* ---- links ---- */

static const struct measure_tree_options following = {.alg = MEASURE_SHA256, .follow_links = true};

static void links__not_asked_for__refused(void **state)
{
	const struct measure_tree_options options = {.alg = MEASURE_SHA256};
	(void)state;
	model();
	tree_link("two", "m/link");
	assert_refused(&options, ERR_FORMAT, "link: is a symbolic link, not a regular file");
}

static void links__file_and_directory_below__as_what_they_lead_to(void **state)
{
	static const char *const all[] = {"a/one", "a/up", "git/x", "there/one", "there/up", "two"};
	(void)state;
	model();
	tree_link("../two", "m/a/up");
	tree_link("a", "m/there");
	assert_ok(measure(&following), err);
	assert_paths(all, 6);
	assert_memory_equal(tree.files[1].digest, tree.files[5].digest, SHA256_LEN);
}

static void links__out_of_the_model__refused(void **state)
{
	(void)state;
	model();
	tree_file("secret", "secret");
	tree_link("../secret", "m/link");
	assert_refused(
		&following, ERR_FORMAT, "link: leaves the directory, or crosses a mount point");
	assert_int_equal(unlink(tree_path("m/link")), 0);
	tree_link(tree_path("m/two"), "m/link"); /* absolute: outside too */
	assert_refused(
		&following, ERR_FORMAT, "link: leaves the directory, or crosses a mount point");
}

static void links__in_a_circle__refused(void **state)
{
	(void)state;
	model();
	tree_link("..", "m/a/up");
	assert_false(measure(&following));
	assert_int_equal(err.code, ERR_LIMIT);
	assert_non_null(strstr(err.text, "more than 32 levels of directories"));
}

/* ---- runs ---- */

#define SIZE (700u << 10) /* more than one reading */

static void assert_shard(size_t i, size_t file, uint64_t start, uint64_t end, const uint8_t *data)
{
	uint8_t digest[SHA256_LEN];
	assert_ok(sha256_of(bytes_of(data + start, (size_t)(end - start)), digest, &err), err);
	assert_int_equal(tree.shards[i].file, file);
	assert_int_equal(tree.shards[i].start, start);
	assert_int_equal(tree.shards[i].end, end);
	assert_memory_equal(tree.shards[i].digest, digest, SHA256_LEN);
}

static void shards__large_small_and_empty__each_run_its_digest(void **state)
{
	uint8_t *data = malloc(SIZE);
	assert_non_null(data);
	for (size_t i = 0; i < SIZE; i++)
		data[i] = tree_pattern(i);
	(void)state;
	tree_directory("m");
	tree_bytes("m/b", data, SIZE);
	tree_bytes("m/a", data, 3);
	tree_file("m/e", "");
	for (int threads = 1; threads <= 4; threads += 3) {
		const struct measure_tree_options options = {
			.alg = MEASURE_SHA256, .threads = threads, .shard_size = 300000};
		assert_ok(measure(&options), err);
		assert_int_equal(tree.count, 3);
		assert_int_equal(tree.bytes, SIZE + 3);
		assert_int_equal(tree.files[2].size, 0);
		assert_int_equal(tree.shard_count, 4);
		assert_shard(0, 0, 0, 3, data);
		assert_shard(1, 1, 0, 300000, data);
		assert_shard(2, 1, 300000, 600000, data);
		assert_shard(3, 1, 600000, SIZE, data);
	}
	free(data);
}

static void shards__one_open_file__the_same(void **state)
{
	int fd = -1;
	(void)state;
	tree_file("f", "0123456789");
	assert_ok(measure_open(tree_path("f"), &fd, &err), err);
	assert_ok(measure_fd_shards(fd, "f", 4, 2, &tree, &err), err);
	close(fd);
	assert_int_equal(tree.bytes, 10);
	assert_int_equal(tree.shard_count, 3);
	assert_shard(0, 0, 0, 4, (const uint8_t *)"0123456789");
	assert_shard(2, 0, 8, 10, (const uint8_t *)"0123456789");
}

static void shards__more_than_can_be__refused_before_reading(void **state)
{
	const struct measure_tree_options options = {.alg = MEASURE_SHA256, .shard_size = 1};
	(void)state;
	tree_directory("m");
	tree_file("m/sparse", "");
	assert_int_equal(truncate(tree_path("m/sparse"), 1 << 30), 0);
	assert_refused(&options, ERR_LIMIT, "more than 1000000 shards");
}

static atomic_bool done;

static void *write_on(void *context)
{
	int fd = *(const int *)context;
	for (unsigned i = 0; !done; i++)
		if (pwrite(fd, &i, sizeof(i), 0) != sizeof(i))
			break;
	return NULL;
}

/* No second listing stands behind a single file: the stamps alone tell. */
static void M7__file_written_while_hashed_in_runs__refused(void **state)
{
	pthread_t writer;
	bool measured = true;
	int fd = -1, to = -1;
	(void)state;
	tree_big("f", 4u << 20);
	to = open(tree_path("f"), O_WRONLY | O_CLOEXEC);
	assert_true(to >= 0);
	assert_ok(measure_open(tree_path("f"), &fd, &err), err);
	done = false;
	assert_int_equal(pthread_create(&writer, NULL, write_on, &to), 0);
	for (int i = 0; measured && i < 500; i++) {
		measured_tree_release(&tree);
		measured = measure_fd_shards(fd, "f", 1u << 20, 2, &tree, &err);
	}
	done = true;
	pthread_join(writer, NULL);
	close(fd);
	close(to);
	assert_false(measured);
	assert_int_equal(err.code, ERR_CONFLICT);
	assert_non_null(strstr(err.text, "f: changed since it was listed ("));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(ignore__file_and_directory__left_out_and_told),
		TEST(ignore__everything_of_a_directory_below__not_empty),
		TEST(M9__everything_left_out__refused),
		TEST(links__not_asked_for__refused),
		TEST(links__file_and_directory_below__as_what_they_lead_to),
		TEST(links__out_of_the_model__refused),
		TEST(links__in_a_circle__refused),
		TEST(shards__large_small_and_empty__each_run_its_digest),
		TEST(shards__one_open_file__the_same),
		TEST(shards__more_than_can_be__refused_before_reading),
		TEST(M7__file_written_while_hashed_in_runs__refused),
	};
	return cmocka_run_group_tests_name("attest/measure_shards", tests, NULL, NULL);
}
