/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/attest/scratch_tree.h"

#include <pthread.h>
#include <stdatomic.h>

#include "attest/measure.h"

static struct measured_tree tree, other;
static struct buf text;
static struct err err;

static int setup(void **state)
{
	memset(&err, 0, sizeof(err));
	return tree_make(state);
}

/* For very many files: in memory where there is such a place. */
static int setup_in_memory(void **state)
{
	memset(&err, 0, sizeof(err));
	return access("/dev/shm", W_OK) == 0 ? tree_make_in("/dev/shm") : tree_make(state);
}

static int teardown(void **state)
{
	measured_tree_release(&tree);
	measured_tree_release(&other);
	buf_release(&text);
	return tree_remove(state);
}

static void measure(struct measured_tree *ret)
{
	if (!measure_tree(tree_path("m"), MEASURE_SHA256, 2, ret, &err))
		fail_msg("%s", err.text);
}

static void assert_refused(enum err_code code, const char *why)
{
	assert_false(measure_tree(tree_path("m"), MEASURE_SHA256, 2, &tree, &err));
	assert_int_equal(tree.count, 0);
	if (!strstr(err.text, why))
		fail_msg("\"%s\" lacks \"%s\"", err.text, why);
	assert_int_equal(err.code, code);
	assert_true(strncmp(err.text, tree_path("m"), strlen(tree_path("m"))) == 0);
}

static void model(void)
{
	tree_directory("m");
	tree_directory("m/a");
	tree_file("m/a/b", "one");
	tree_file("m/a.b", "two");
	tree_file("m/z", "");
}

static void measure_tree__files__sorted_bytewise_with_both_digests(void **state)
{
	(void)state;
	static const char manifest[] =
		"3fc4ccfe745870e2c0d99f71f30ff0656c8dedd41cc1d7d3d376b0dbe685e2f3  a.b\n"
		"7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed  a/b\n"
		"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855  z\n";
	uint8_t digest[SHA256_LEN], raw[3 * SHA256_LEN];
	model();
	measure(&tree);
	assert_int_equal(tree.count, 3);
	assert_int_equal(tree.bytes, 6);
	assert_true(measured_tree_manifest(&tree, &text, &err));
	assert_string_equal(buf_str(&text), manifest);
	assert_true(sha256_of(buf_bytes(&text), digest, NULL));
	assert_memory_equal(tree.manifest_digest, digest, SHA256_LEN);
	for (size_t i = 0; i < 3; i++)
		memcpy(raw + i * SHA256_LEN, tree.files[i].digest, SHA256_LEN);
	assert_true(sha256_of(BYTES_OF(raw), digest, NULL));
	assert_memory_equal(tree.digest, digest, SHA256_LEN);
}

static void measure_tree__renamed_in_order__other_manifest_digest(void **state)
{
	(void)state;
	model();
	measure(&tree);
	assert_int_equal(rename(tree_path("m/z"), tree_path("m/y")), 0);
	measure(&other);
	/* The Model Signing root does not see it: it is no identity. */
	assert_memory_equal(tree.digest, other.digest, SHA256_LEN);
	assert_memory_not_equal(tree.manifest_digest, other.manifest_digest, SHA256_LEN);
}

static void M8__extra_file__other_digest(void **state)
{
	(void)state;
	model();
	measure(&tree);
	tree_file("m/a/extra", "");
	measure(&other);
	assert_int_equal(other.count, 4);
	assert_memory_not_equal(tree.manifest_digest, other.manifest_digest, SHA256_LEN);
}

static void M9__file_removed__other_digest(void **state)
{
	(void)state;
	model();
	measure(&tree);
	assert_int_equal(unlink(tree_path("m/z")), 0);
	measure(&other);
	assert_memory_not_equal(tree.manifest_digest, other.manifest_digest, SHA256_LEN);
}

static void M9__empty_directory__refused(void **state)
{
	(void)state;
	tree_directory("m");
	assert_refused(ERR_FORMAT, "empty directory");
}

static void M9__empty_directory_inside__refused(void **state)
{
	(void)state;
	model();
	tree_directory("m/sub");
	tree_directory("m/sub/none");
	assert_refused(ERR_FORMAT, "sub/none/: empty directory");
}

static void M2__link_inside__refused(void **state)
{
	(void)state;
	model();
	tree_link("z", "m/link");
	assert_refused(ERR_FORMAT, "link: is a symbolic link");
}

static void M2__link_to_a_directory_inside__refused(void **state)
{
	(void)state;
	model();
	tree_link("/etc", "m/a/link");
	assert_refused(ERR_FORMAT, "a/link: is a symbolic link");
}

static void M2__directory_is_a_link__refused(void **state)
{
	(void)state;
	tree_directory("real");
	tree_file("real/f", "x");
	tree_link("real", "m");
	assert_refused(ERR_FORMAT, "is a symbolic link, not a directory");
}

static void M2__link_above_the_directory__refused(void **state)
{
	(void)state;
	tree_directory("real");
	tree_directory("real/d");
	tree_file("real/d/f", "x");
	tree_link("real", "link");
	assert_false(measure_tree(tree_path("link/d"), MEASURE_SHA256, 1, &tree, &err));
	assert_non_null(strstr(err.text, "a symbolic link stands in the path"));
}

static void M5__fifo_inside__refused_without_blocking(void **state)
{
	(void)state;
	model();
	tree_fifo("m/a/fifo");
	assert_refused(ERR_FORMAT, "a/fifo: is a FIFO");
}

static void M5__socket_inside__refused(void **state)
{
	(void)state;
	model();
	tree_socket("m/s");
	assert_refused(ERR_FORMAT, "s: is a socket");
}

static void M6__sparse_8_tib_inside__refused(void **state)
{
	(void)state;
	model();
	if (truncate(tree_path("m/z"), (off_t)1 << 43) != 0)
		skip();
	assert_refused(ERR_LIMIT, "z: 8796093022208 bytes");
}

static void measure_tree__names_a_manifest_cannot_carry__refused(void **state)
{
	(void)state;
	static const char *const names[] = {
		"m/a\nb", "m/\x1b[2J", "m/a\\b", "m/\xff\xfe", "m/\x7f"};
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		model();
		tree_file(names[i], "x");
		assert_refused(ERR_FORMAT, "a name with control characters");
		tree_remove(NULL);
		assert_int_equal(mkdir(tree_root, 0700), 0);
	}
}

static void measure_tree__missing__not_found(void **state)
{
	(void)state;
	assert_refused(ERR_NOT_FOUND, "No such file");
}

static void measure_tree__a_file__refused(void **state)
{
	(void)state;
	tree_file("m", "x");
	assert_refused(ERR_FORMAT, "is a regular file, not a directory");
}

static void measure_tree__too_deep__refused(void **state)
{
	(void)state;
	char path[2 + 2 * MEASURE_DEPTH_MAX + 2] = "m";
	tree_directory(path);
	for (size_t i = 0; i < MEASURE_DEPTH_MAX; i++) {
		path[1 + 2 * i] = '/';
		path[2 + 2 * i] = 'd';
		tree_directory(path);
	}
	path[1 + 2 * MEASURE_DEPTH_MAX] = '/';
	path[2 + 2 * MEASURE_DEPTH_MAX] = 'f';
	tree_file(path, "x");
	assert_refused(ERR_LIMIT, "more than 32 levels of directories");
}

/* Names, not inodes, are what is counted: a hundred thousand links are made in a fraction of the time of as many files.
 * A file has at most 65,000 of them (ext4). */
static void measure_tree__too_many_files__refused(void **state)
{
	(void)state;
	char name[16], file[16] = "";
	tree_directory("m");
	int directory = open(tree_path("m"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(directory >= 0);
	for (unsigned i = 0; i <= MEASURE_DIR_FILES_MAX; i++) {
		snprintf(name, sizeof(name), "%u", i);
		if (i % 30000 != 0) {
			assert_int_equal(linkat(directory, file, directory, name, 0), 0);
			continue;
		}
		int fd = openat(directory, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
		assert_true(fd >= 0);
		close(fd);
		memcpy(file, name, sizeof(file));
	}
	close(directory);
	assert_refused(ERR_LIMIT, "more than 100000 files");
}

/* Somebody who changes the directory while it is hashed, over and over. */
static atomic_bool stop;
static atomic_ulong turns;
static void *change_on(void *context)
{
	void (*change)(unsigned long turn) = *(void (**)(unsigned long))context;
	while (!atomic_load(&stop))
		change(atomic_fetch_add(&turns, 1));
	return NULL;
}

/* A new file each turn, and nothing else: only the second listing can tell. Not so fast that the limit of files is met. */
static void add_one(unsigned long turn)
{
	char path[PATH_MAX + 64];
	snprintf(path, sizeof(path), "%s/m/new-%lu", tree_root, turn);
	close(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
	usleep(200);
}

/* The same name and content, another inode each time. */
static void swap(unsigned long turn)
{
	char from[PATH_MAX + 64], to[PATH_MAX + 64];
	snprintf(from, sizeof(from), "%s/twin-%lu", tree_root, turn % 2);
	snprintf(to, sizeof(to), "%s/m/z", tree_root);
	(void)!rename(from, to);
	close(open(from, O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
}

/* A file that is now a file, now a link out of the directory. */
static void swap_for_link(unsigned long turn)
{
	char from[PATH_MAX + 64], to[PATH_MAX + 64];
	snprintf(from, sizeof(from), "%s/next", tree_root);
	snprintf(to, sizeof(to), "%s/m/z", tree_root);
	if (turn % 2 == 0)
		(void)!symlink("/etc/passwd", from);
	else
		close(open(from, O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
	(void)!rename(from, to);
}

static void check_changing(void (*change)(unsigned long turn))
{
	pthread_t thread;
	model();
	/* Long enough to hash that the changer gets its turns meanwhile, on a busy machine too. */
	tree_file("m/a/big", "");
	assert_int_equal(truncate(tree_path("m/a/big"), 64 << 20), 0);
	atomic_store(&stop, false);
	atomic_store(&turns, 0);
	assert_int_equal(pthread_create(&thread, NULL, change_on, &change), 0);
	while (atomic_load(&turns) < 4)
		usleep(100);
	/* All the same it may have had none: nothing was changed then, and being done is right. */
	bool done = true;
	for (int i = 0; i < 20 && done; i++) {
		measured_tree_release(&tree);
		done = measure_tree(tree_path("m"), MEASURE_SHA256, 1, &tree, &err);
	}
	atomic_store(&stop, true);
	pthread_join(thread, NULL);
	assert_false(done);
}

static void M8__files_appear_while_hashed__refused(void **state)
{
	(void)state;
	check_changing(add_one);
	assert_int_equal(err.code, ERR_CONFLICT);
	assert_non_null(strstr(err.text, "after 4 attempts: "));
}

static void M7__file_replaced_by_its_twin__refused(void **state)
{
	(void)state;
	check_changing(swap);
	assert_int_equal(err.code, ERR_CONFLICT);
}

static void M2__file_swapped_for_a_link__never_followed(void **state)
{
	(void)state;
	check_changing(swap_for_link);
	assert_true(err.code == ERR_CONFLICT || err.code == ERR_FORMAT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(measure_tree__files__sorted_bytewise_with_both_digests),
		TEST(measure_tree__renamed_in_order__other_manifest_digest),
		TEST(M8__extra_file__other_digest),
		TEST(M9__file_removed__other_digest),
		TEST(M9__empty_directory__refused),
		TEST(M9__empty_directory_inside__refused),
		TEST(M2__link_inside__refused),
		TEST(M2__link_to_a_directory_inside__refused),
		TEST(M2__directory_is_a_link__refused),
		TEST(M2__link_above_the_directory__refused),
		TEST(M5__fifo_inside__refused_without_blocking),
		TEST(M5__socket_inside__refused),
		TEST(M6__sparse_8_tib_inside__refused),
		TEST(measure_tree__names_a_manifest_cannot_carry__refused),
		TEST(measure_tree__missing__not_found),
		TEST(measure_tree__a_file__refused),
		TEST(measure_tree__too_deep__refused),
		cmocka_unit_test_setup_teardown(
			measure_tree__too_many_files__refused, setup_in_memory, teardown),
		TEST(M8__files_appear_while_hashed__refused),
		TEST(M7__file_replaced_by_its_twin__refused),
		TEST(M2__file_swapped_for_a_link__never_followed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
