/* SPDX-License-Identifier: Apache-2.0 */
/* Files that the kernel's fs-verity protects, on an ext4 image of our own. Skipped without root, a loop device, or a kernel
 * with CONFIG_FS_VERITY. */
#include "tests/unit/attest/scratch_tree.h"

#include <linux/fsverity.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>

#include "attest/measure.h"
#include "crypto/fsverity.h"

#define CONTENT_LEN ((5u << 20) + 100u)
#define IMAGE_LEN   (64u << 20)

static struct measured_file file;
static uint8_t content[CONTENT_LEN];
static uint8_t verity_digest[SHA256_LEN], plain_digest[SHA256_LEN];
static bool have_verity;

/* The mount namespace ends with this process, and the mount and the loop device with it. */
static bool mount_image(void)
{
	char make[2 * PATH_MAX + 128], mount_it[2 * PATH_MAX + 128];
	tree_directory("v");
	tree_file("image", "");
	snprintf(make, sizeof(make),
		"/sbin/mke2fs -q -F -t ext4 -b 4096 -O verity '%s' >/dev/null 2>&1",
		tree_path("image"));
	snprintf(mount_it, sizeof(mount_it), "mount -o loop '%s' '%s' 2>/dev/null",
		tree_path("image"), tree_path("v"));
	return geteuid() == 0 && truncate(tree_path("image"), IMAGE_LEN) == 0 &&
	       unshare(CLONE_NEWNS) == 0 &&
	       mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 && system(make) == 0 &&
	       system(mount_it) == 0;
}

static int group_setup(void **state)
{
	if (tree_make(state) != 0)
		return -1;
	for (size_t i = 0; i < CONTENT_LEN; i++)
		content[i] = tree_pattern(i);
	if (!fsverity_of(BYTES_OF(content), verity_digest, NULL) ||
		!sha256_of(BYTES_OF(content), plain_digest, NULL))
		return -1;
	have_verity = mount_image();
	return 0;
}

static int group_teardown(void **state)
{
	if (have_verity)
		(void)umount(tree_path("v"));
	return tree_remove(state);
}

static int teardown(void **state)
{
	(void)state;
	measured_file_release(&file);
	return 0;
}

/* A file with fs-verity on; false where the kernel does not do these parameters. */
static bool make(const char *name, uint32_t block_size, const char *salt)
{
	struct fsverity_enable_arg enable = {
		.version = 1,
		.hash_algorithm = FS_VERITY_HASH_ALG_SHA256,
		.block_size = block_size,
		.salt_size = (uint32_t)strlen(salt),
		.salt_ptr = (uintptr_t)salt,
	};
	if (!have_verity)
		return false;
	tree_bytes(name, content, sizeof(content));
	int fd = open(tree_path(name), O_RDONLY | O_CLOEXEC);
	bool done = ioctl(fd, FS_IOC_ENABLE_VERITY, &enable) == 0;
	close(fd);
	return done;
}

static void measure(const char *name, enum measure_alg alg)
{
	struct err err = {0};
	int fd = -1;
	measured_file_release(&file);
	assert_true(measure_open(tree_path(name), &fd, &err));
	bool done = measure_fd(fd, name, alg, 2, &file, &err);
	close(fd);
	if (!done)
		fail_msg("%s", err.text);
}

static void verity__default_parameters__digest_from_the_kernel(void **state)
{
	(void)state;
	if (!make("v/default", 4096, ""))
		skip();
	measure("v/default", MEASURE_FSVERITY);
	assert_memory_equal(file.digest, verity_digest, SHA256_LEN);
	assert_true(file.kernel_verity && file.verity);
	assert_int_equal(file.size, CONTENT_LEN);
}

static void verity__sha256_wanted__content_read_and_still_immutable(void **state)
{
	(void)state;
	if (!make("v/plain", 4096, ""))
		skip();
	measure("v/plain", MEASURE_SHA256);
	assert_memory_equal(file.digest, plain_digest, SHA256_LEN);
	assert_true(file.verity);
	assert_false(file.kernel_verity);
}

/* The kernel's digest would be another one than `fsverity digest` prints. */
static void verity__salted__content_read(void **state)
{
	(void)state;
	if (!make("v/salted", 4096, "salt"))
		skip();
	measure("v/salted", MEASURE_FSVERITY);
	assert_memory_equal(file.digest, verity_digest, SHA256_LEN);
	assert_true(file.verity);
	assert_false(file.kernel_verity);
}

static void verity__smaller_blocks__content_read(void **state)
{
	(void)state;
	if (!make("v/small", 1024, ""))
		skip();
	measure("v/small", MEASURE_FSVERITY);
	assert_memory_equal(file.digest, verity_digest, SHA256_LEN);
	assert_false(file.kernel_verity);
}

static void verity__tree_and_paths__digest_from_the_kernel(void **state)
{
	(void)state;
	struct measured_tree tree = {0};
	struct err err = {0};
	const char *path = tree_path("v/d/f");
	bool ok = false;
	if (have_verity)
		tree_directory("v/d");
	if (!make("v/d/f", 4096, ""))
		skip();
	assert_true(measure_tree(tree_path("v/d"), MEASURE_FSVERITY, 2, &tree, &err));
	bool kernel = tree.files[0].kernel_verity && tree.files[0].verity;
	bool equal = memcmp(tree.files[0].digest, verity_digest, SHA256_LEN) == 0;
	measured_tree_release(&tree);
	assert_true(kernel && equal);
	assert_true(measure_paths(&path, 1, MEASURE_FSVERITY, 2, false, &file, &ok, &err, &err));
	assert_true(ok && file.kernel_verity);
	assert_memory_equal(file.digest, verity_digest, SHA256_LEN);
}

static void verity__off__content_read(void **state)
{
	(void)state;
	if (!have_verity)
		skip();
	tree_bytes("v/off", content, sizeof(content));
	measure("v/off", MEASURE_FSVERITY);
	assert_memory_equal(file.digest, verity_digest, SHA256_LEN);
	assert_false(file.verity || file.kernel_verity);
}

#define TEST(name) cmocka_unit_test_teardown(name, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(verity__default_parameters__digest_from_the_kernel),
		TEST(verity__sha256_wanted__content_read_and_still_immutable),
		TEST(verity__salted__content_read),
		TEST(verity__smaller_blocks__content_read),
		TEST(verity__tree_and_paths__digest_from_the_kernel),
		TEST(verity__off__content_read),
	};
	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
