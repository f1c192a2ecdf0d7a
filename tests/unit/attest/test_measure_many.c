/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/attest/scratch_tree.h"

#include "attest/measure.h"
#include "crypto/fsverity.h"

#define FILES 150u

static char names[FILES][PATH_MAX];
static const char *paths[FILES];
static struct measured_file files[FILES];
static bool ok[FILES];
static struct err errs[FILES];
static struct err err;

static int setup(void **state)
{
	memset(&err, 0, sizeof(err));
	memset(errs, 0, sizeof(errs));
	return tree_make(state);
}

static int teardown(void **state)
{
	for (size_t i = 0; i < FILES; i++)
		measured_file_release(&files[i]);
	return tree_remove(state);
}

static void use_path(size_t i, const char *path)
{
	snprintf(names[i], sizeof(names[i]), "%s", path);
	paths[i] = names[i];
}

/* Below and above what goes through the lanes, and one that all threads share. */
static size_t size_of(size_t i)
{
	static const size_t odd[] = {
		0, 1, 4095, 4096, 4097, 131071, 131072, 131073, 300000, 5 << 20};
	return i < ARRAY_LEN(odd) ? odd[i] : i * 997 % 20000;
}

static void check_all(enum measure_alg alg, int threads)
{
	assert_true(measure_paths(paths, FILES, alg, threads, false, files, ok, errs, &err));
	for (size_t i = 0; i < FILES; i++) {
		uint8_t want[SHA256_LEN];
		uint8_t *data = malloc(size_of(i) + 1);
		assert_non_null(data);
		for (size_t k = 0; k < size_of(i); k++)
			data[k] = tree_pattern(k);
		bool done = alg == MEASURE_FSVERITY
				    ? fsverity_of(bytes_of(data, size_of(i)), want, NULL)
				    : sha256_of(bytes_of(data, size_of(i)), want, NULL);
		free(data);
		assert_true(done && ok[i]);
		assert_memory_equal(files[i].digest, want, SHA256_LEN);
		assert_string_equal(files[i].path, paths[i]);
		assert_int_equal(files[i].size, size_of(i));
		assert_int_equal(files[i].links, 1);
		measured_file_release(&files[i]);
	}
}

static void measure_paths__many_sizes__each_as_alone(void **state)
{
	(void)state;
	for (size_t i = 0; i < FILES; i++) {
		char name[16];
		snprintf(name, sizeof(name), "%03zu", i);
		tree_big(name, size_of(i));
		use_path(i, tree_path(name));
	}
	for (int threads = 0; threads <= 3; threads++) {
		check_all(MEASURE_SHA256, threads);
		check_all(MEASURE_FSVERITY, threads);
	}
}

static void measure_paths__bad_ones_among_good_ones__named_and_the_rest_done(void **state)
{
	(void)state;
	tree_file("good", "x");
	tree_fifo("fifo");
	tree_link("good", "link");
	tree_directory("d");
	const struct {
		const char *path;
		enum err_code code;
		const char *text;
	} cases[] = {
		{tree_path("good"), ERR_NONE, ""},
		{tree_path("fifo"), ERR_FORMAT, "is a FIFO, not a regular file"},
		{tree_path("link"), ERR_FORMAT, "a symbolic link stands in the path"},
		{tree_path("none"), ERR_NOT_FOUND, "No such file"},
		{tree_path("d"), ERR_FORMAT, "is a directory"},
		{"/dev/zero", ERR_FORMAT, "is a character device"},
		{"/proc/version", ERR_CONFLICT, "longer than its size of 0"},
		{tree_path("good"), ERR_NONE, ""},
	};
	const size_t n = ARRAY_LEN(cases);
	for (size_t i = 0; i < n; i++)
		use_path(i, cases[i].path);
	assert_true(measure_paths(paths, n, MEASURE_SHA256, 2, false, files, ok, errs, &err));
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(ok[i], cases[i].code == ERR_NONE);
		assert_int_equal(errs[i].code, cases[i].code);
		assert_non_null(strstr(errs[i].text, cases[i].text));
		assert_true((files[i].path != NULL) == ok[i]);
	}
	assert_memory_equal(files[0].digest, files[n - 1].digest, SHA256_LEN);
}

static void measure_paths__link_to_be_followed__followed(void **state)
{
	(void)state;
	tree_file("f", "x");
	tree_link("f", "link");
	use_path(0, tree_path("f"));
	use_path(1, tree_path("link"));
	assert_true(measure_paths(paths, 2, MEASURE_SHA256, 1, true, files, ok, errs, &err));
	assert_true(ok[0] && ok[1]);
	assert_memory_equal(files[0].digest, files[1].digest, SHA256_LEN);
}

static void M5__proc_self_exe__refused_even_when_following(void **state)
{
	(void)state;
	use_path(0, "/proc/self/exe");
	assert_true(measure_paths(paths, 1, MEASURE_SHA256, 1, true, files, ok, errs, &err));
	assert_false(ok[0]);
	assert_int_equal(errs[0].code, ERR_FORMAT);
}

static void measure_paths__relative_path__measured(void **state)
{
	(void)state;
	char *before = getcwd(NULL, 0);
	tree_file("f", "x");
	use_path(0, "f");
	assert_int_equal(chdir(tree_root), 0);
	bool done = measure_paths(paths, 1, MEASURE_SHA256, 1, false, files, ok, errs, &err);
	int back = chdir(before);
	free(before);
	assert_true(done && ok[0] && back == 0);
	assert_string_equal(files[0].path, "f");
}

static void measure_paths__none__done(void **state)
{
	(void)state;
	assert_true(measure_paths(NULL, 0, MEASURE_SHA256, 0, false, files, ok, errs, &err));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(measure_paths__many_sizes__each_as_alone),
		TEST(measure_paths__bad_ones_among_good_ones__named_and_the_rest_done),
		TEST(measure_paths__link_to_be_followed__followed),
		TEST(M5__proc_self_exe__refused_even_when_following),
		TEST(measure_paths__relative_path__measured),
		TEST(measure_paths__none__done),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
