/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/attest/scratch_tree.h"

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "attest/measure_internal.h"
#include "base/file.h"
#include "crypto/fsverity.h"

#define TRIES 50
#define LARGE ((5u << 20) + 4097u) /* beyond where threads work inside one file */

static struct measured_file file;

static atomic_uint pauses;

int nanosleep(const struct timespec *wanted, struct timespec *left)
{
	atomic_fetch_add(&pauses, 1);
	return clock_nanosleep(CLOCK_REALTIME, 0, wanted, left) == 0 ? 0 : -1;
}

static int teardown(void **state)
{
	measured_file_release(&file);
	return tree_remove(state);
}

static bool measure(const char *name, enum measure_alg alg, int threads, struct err *err)
{
	int fd = open(tree_path(name), O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	measured_file_release(&file);
	bool done = measure_fd(fd, name, alg, threads, &file, err);
	close(fd);
	return done;
}

static void expected_digest(size_t len, enum measure_alg alg, uint8_t digest[SHA256_LEN])
{
	uint8_t *data = malloc(len + 1);
	assert_non_null(data);
	for (size_t i = 0; i < len; i++)
		data[i] = tree_pattern(i);
	bool done = alg == MEASURE_FSVERITY ? fsverity_of(bytes_of(data, len), digest, NULL)
					    : sha256_of(bytes_of(data, len), digest, NULL);
	free(data);
	assert_true(done);
}

static void check_sizes(enum measure_alg alg, int threads)
{
	static const size_t sizes[] = {
		0, 1, 4095, 4096, 4097, 262143, 262144, 262145, 1 << 20, LARGE};
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		uint8_t want[SHA256_LEN];
		struct err err = {0};
		tree_big("f", sizes[i]);
		assert_true(measure("f", alg, threads, &err));
		expected_digest(sizes[i], alg, want);
		assert_memory_equal(file.digest, want, SHA256_LEN);
		assert_int_equal(file.size, sizes[i]);
		assert_string_equal(file.path, "f");
		assert_false(file.kernel_verity);
	}
}

static void measure_fd__sha256_of_any_size__as_openssl(void **state)
{
	(void)state;
	check_sizes(MEASURE_SHA256, 1);
	check_sizes(MEASURE_SHA256, 3);
}

static void measure_fd__fsverity_of_any_size_and_threads__the_same(void **state)
{
	(void)state;
	check_sizes(MEASURE_FSVERITY, 0);
	check_sizes(MEASURE_FSVERITY, 1);
	check_sizes(MEASURE_FSVERITY, 2);
	check_sizes(MEASURE_FSVERITY, 7);
}

static void M3__hard_link__recorded(void **state)
{
	(void)state;
	struct stat st;
	tree_file("f", "x");
	assert_int_equal(link(tree_path("f"), tree_path("g")), 0);
	assert_true(measure("f", MEASURE_SHA256, 1, NULL));
	assert_int_equal(stat(tree_path("g"), &st), 0);
	assert_int_equal(file.links, 2);
	assert_int_equal(file.inode, st.st_ino);
	assert_int_equal(file.device, st.st_dev);
}

static void measure_fd__not_a_regular_file__refused(void **state)
{
	(void)state;
	struct err err = {0};
	tree_directory("d");
	assert_false(measure("d", MEASURE_SHA256, 1, &err));
	assert_string_equal(err.text, "d: is a directory, not a regular file");
	assert_int_equal(err.code, ERR_FORMAT);
}

static void measure_fd__content_behind_a_size_of_zero__refused(void **state)
{
	(void)state;
	static const enum measure_alg algs[] = {MEASURE_SHA256, MEASURE_FSVERITY};
	for (size_t i = 0; i < ARRAY_LEN(algs); i++) {
		struct err err = {0};
		int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
		assert_true(fd >= 0);
		bool done = measure_fd(fd, "status", algs[i], 1, &file, &err);
		close(fd);
		assert_false(done);
		assert_string_equal(
			err.text, "after 4 attempts: status: longer than its size of 0");
		assert_int_equal(err.code, ERR_CONFLICT);
	}
}

static void M6__sparse_8_tib__refused_before_reading(void **state)
{
	(void)state;
	struct err err = {0};
	tree_file("sparse", "");
	if (truncate(tree_path("sparse"), (off_t)1 << 43) != 0)
		skip();
	assert_false(measure("sparse", MEASURE_SHA256, 1, &err));
	assert_int_equal(err.code, ERR_LIMIT);
}

/* Somebody who keeps changing the file while it is hashed. */
struct changer {
	int fd;
	atomic_bool stop;
	atomic_ulong changes;
	void (*change)(int fd, unsigned long turn);
};

static void *change_on(void *context)
{
	struct changer *changer = context;
	while (!atomic_load(&changer->stop))
		changer->change(changer->fd, atomic_fetch_add(&changer->changes, 1));
	return NULL;
}

static void overwrite(int fd, unsigned long turn)
{
	uint8_t byte = (uint8_t)turn;
	(void)!pwrite(fd, &byte, 1, 4097);
}
/* The modification time is set back each time: the change time tells. */
static void overwrite_secretly(int fd, unsigned long turn)
{
	const struct timespec old[2] = {{.tv_sec = 1000000000}, {.tv_sec = 1000000000}};
	overwrite(fd, turn);
	(void)!futimens(fd, old);
}
static void grow(int fd, unsigned long turn)
{
	(void)!ftruncate(fd, (off_t)(LARGE + turn % (1u << 20)));
}
static void shrink(int fd, unsigned long turn)
{
	(void)!ftruncate(fd, (off_t)(LARGE - turn % 4096u));
}

static void check_changing(void (*change)(int fd, unsigned long turn), enum measure_alg alg)
{
	struct changer changer = {.change = change};
	pthread_t thread;
	struct err err = {0};
	tree_big("f", LARGE);
	changer.fd = open(tree_path("f"), O_WRONLY | O_CLOEXEC);
	assert_int_equal(pthread_create(&thread, NULL, change_on, &changer), 0);
	while (atomic_load(&changer.changes) == 0)
		usleep(100);
	bool done = true;
	/* A changer that the scheduler holds back for a whole attempt has changed nothing, and the
	 * measuring is right to succeed; without the check it would succeed every time. */
	for (int i = 0; i < TRIES && done; i++) {
		measured_file_release(&file);
		done = measure("f", alg, 2, &err);
	}
	atomic_store(&changer.stop, true);
	pthread_join(thread, NULL);
	close(changer.fd);
	assert_false(done);
	assert_int_equal(err.code, ERR_CONFLICT);
	assert_non_null(strstr(err.text, "after 4 attempts: f: "));
}

static void M7__overwritten_while_hashed__refused(void **state)
{
	(void)state;
	check_changing(overwrite, MEASURE_SHA256);
	check_changing(overwrite, MEASURE_FSVERITY);
}
static void M7__overwritten_and_time_set_back__refused(void **state)
{
	(void)state;
	check_changing(overwrite_secretly, MEASURE_SHA256);
}
static void M7__growing_while_hashed__refused(void **state)
{
	(void)state;
	check_changing(grow, MEASURE_SHA256);
	check_changing(grow, MEASURE_FSVERITY);
}
static void M7__shrinking_while_hashed__refused(void **state)
{
	(void)state;
	check_changing(shrink, MEASURE_SHA256);
	check_changing(shrink, MEASURE_FSVERITY);
}

static void measure_alg_name__all__named(void **state)
{
	(void)state;
	assert_string_equal(measure_alg_name(MEASURE_SHA256), "sha256");
	assert_string_equal(measure_alg_name(MEASURE_FSVERITY), "fs-verity-sha256");
	assert_string_equal(measure_alg_name((enum measure_alg)0), "unknown");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, tree_make, teardown)

/* A tree of thousands of files whose times lie ahead, since the clock was set back, is measured without a pause for each. */
static void stamp_settle__changed_ahead_of_the_clock__does_not_wait(void **state)
{
	(void)state;
	struct timespec now;
	struct stamp stamp = {0};
	assert_int_equal(clock_gettime(CLOCK_REALTIME_COARSE, &now), 0);
	stamp.changed.seconds = now.tv_sec + 3600;
	atomic_store(&pauses, 0);
	stamp_settle(&stamp);
	assert_int_equal(atomic_load(&pauses), 0);
	/* One of this very moment is waited for. */
	assert_int_equal(clock_gettime(CLOCK_REALTIME_COARSE, &now), 0);
	stamp.changed.seconds = now.tv_sec + 1;
	stamp_settle(&stamp);
	assert_true(atomic_load(&pauses) > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(measure_fd__sha256_of_any_size__as_openssl),
		TEST(measure_fd__fsverity_of_any_size_and_threads__the_same),
		TEST(M3__hard_link__recorded),
		cmocka_unit_test(stamp_settle__changed_ahead_of_the_clock__does_not_wait),
		TEST(measure_fd__not_a_regular_file__refused),
		TEST(measure_fd__content_behind_a_size_of_zero__refused),
		TEST(M6__sparse_8_tib__refused_before_reading),
		TEST(M7__overwritten_while_hashed__refused),
		TEST(M7__overwritten_and_time_set_back__refused),
		TEST(M7__growing_while_hashed__refused),
		TEST(M7__shrinking_while_hashed__refused),
		TEST(measure_alg_name__all__named),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
