/* SPDX-License-Identifier: Apache-2.0 */
/*
 * attest/launch_measure.c: what the agent gets is what was measured. fs-verity needs a kernel and a file system of its own, so
 * here three calls say of some inodes that they have it; and what others do between two steps of the measuring is done in them.
 */
#include "tests/unit/attest/scratch_tree.h"

#include <errno.h>
#include <linux/fsverity.h>
#include <linux/magic.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <time.h>

#include "attest/launch_measure.h"
#include "base/file.h"
#include "crypto/fsverity.h"

#define STATX_ATTRIBUTE_VERITY 0x00100000u
#define GOOD                   "good weights"
#define EVIL                   "evil weights"

static struct spec spec;
static struct launch_material material;
static struct instance *instance;
static struct err err;

/* ---- the kernel's part ---- */

static ino_t verity[2];
/* After so many looks at the first of them another file is moved to its place; 0: never. */
static unsigned looks_left;

static bool has_verity(ino_t inode)
{
	return inode != 0 && (inode == verity[0] || inode == verity[1]);
}

static bool has_verity_fd(int fd)
{
	struct stat st;
	return fstat(fd, &st) == 0 && has_verity(st.st_ino);
}

int statx(int directory, const char *restrict path, int flags, unsigned mask,
	struct statx *restrict ret)
{
	int result = (int)syscall(SYS_statx, directory, path, flags, mask, ret);
	if (result == 0 && has_verity(ret->stx_ino)) {
		ret->stx_attributes |= STATX_ATTRIBUTE_VERITY;
		ret->stx_attributes_mask |= STATX_ATTRIBUTE_VERITY;
	}
	if (result == 0 && ret->stx_ino == verity[0] && looks_left > 0 && --looks_left == 0)
		assert_int_equal(rename(tree_path("evil"), tree_path("weights")), 0);
	return result;
}

int fstatfs(int fd, struct statfs *ret)
{
	int result = (int)syscall(SYS_fstatfs, fd, ret);
	if (result == 0 && has_verity_fd(fd))
		ret->f_type = EXT4_SUPER_MAGIC;
	return result;
}

int ioctl(int fd, unsigned long request, ...)
{
	va_list more;
	va_start(more, request);
	void *argument = va_arg(more, void *);
	va_end(more);
	if (request != FS_IOC_MEASURE_VERITY || !has_verity_fd(fd))
		return (int)syscall(SYS_ioctl, fd, request, argument);
	struct fsverity_digest *answer = argument;
	uint8_t content[64];
	ssize_t n = pread(fd, content, sizeof(content), 0);
	answer->digest_algorithm = FS_VERITY_HASH_ALG_SHA256;
	answer->digest_size = SHA256_LEN;
	return n > 0 && fsverity_of(bytes_of(content, (size_t)n), answer->digest, NULL) ? 0 : -1;
}

/* ---- a workload ---- */

static ino_t inode_of(const char *name)
{
	struct stat st;
	assert_int_equal(stat(tree_path(name), &st), 0);
	return st.st_ino;
}

static void copy_to(const char *from, const char *name)
{
	struct buf content = {0};
	assert_true(file_read(from, 64u << 20, &content, NULL));
	tree_bytes(name, content.data, content.len);
	buf_release(&content);
	assert_int_equal(chmod(tree_path(name), 0755), 0);
}

static int setup(void **state)
{
	memset(&err, 0, sizeof(err));
	memset(verity, 0, sizeof(verity));
	looks_left = 0;
	if (tree_make(state) != 0 || !instance_new("w", &instance, &err))
		return -1;
	copy_to("/usr/bin/true", "agent");
	tree_file("weights", GOOD);
	tree_file("evil", EVIL);
	/* Change times lie before the measuring. */
	return nanosleep(&(struct timespec){.tv_nsec = 30000000}, NULL);
}

static int teardown(void **state)
{
	launch_material_release(&material);
	memset(&material, 0, sizeof(material));
	instance_unref(&instance);
	spec_release(&spec);
	return tree_remove(state);
}

static bool tell(void *context, const char *text, struct err *ret)
{
	void (*const *step)(const char *) = context;
	(void)ret;
	if (*step)
		(*step)(text);
	return true;
}

static void accept_spec(const char *components)
{
	char text[8 * PATH_MAX];
	snprintf(text, sizeof(text), "workload: w\ncommand: [%s]\ncomponents:\n%s",
		tree_path("agent"), components);
	if (!spec_parse(bytes_str(text), "w.yaml", &spec, &err) || !spec_accept(&spec, &err))
		fail_msg("%s", err.text);
}

static void accept_weights(const char *digest)
{
	char components[4 * PATH_MAX];
	snprintf(components, sizeof(components),
		"  - {name: agent, role: binary, path: %s}\n"
		"  - {name: weights, role: model, path: %s, digest: %s}\n",
		tree_path("agent"), tree_path("weights"), digest);
	accept_spec(components);
}

/* step, when not NULL, is told each line of progress. */
static bool measure(void (*step)(const char *text))
{
	static const uint8_t id[INSTANCE_ID_LEN] = {1};
	const struct launch_measure_options options = {.instance = id,
		.copy_limit = 64u << 20,
		.threads = 1,
		.context = &step,
		.progress = tell};
	return launch_measure(&spec, &options, &material, instance, &err);
}

/* The entry of a kind, or one of no kind. */
static struct launch_entry entry_of(enum launch_kind kind, struct buf *index)
{
	struct launch_entry entry = {0};
	assert_int_equal(lseek(material.pack.index, 0, SEEK_SET), 0);
	assert_true(file_read_fd(material.pack.index, "index", 1u << 20, index, &err));
	struct reader r = rd_of(buf_bytes(index));
	do
		assert_true(launch_entry_next(&r, &entry, &err));
	while (entry.kind != LAUNCH_NONE && entry.kind != kind);
	return entry;
}

/* ---- fs-verity ---- */

static void launch_measure__fs_verity_file__pinned_by_its_digest(void **state)
{
	(void)state;
	uint8_t digest[SHA256_LEN];
	struct buf index = {0};
	verity[0] = inode_of("weights");
	accept_weights("sha256");
	if (!measure(NULL))
		fail_msg("%s", err.text);
	struct launch_entry entry = entry_of(LAUNCH_PIN, &index);
	bool pinned = entry.kind == LAUNCH_PIN;
	buf_release(&index);
	assert_true(pinned);
	assert_true(fsverity_of(BYTES_LIT(GOOD), digest, NULL));
	assert_memory_equal(entry.digest, digest, SHA256_LEN);
	assert_int_equal(entry.inode, verity[0]);
}

/* The measuring looks four times at a file: as it is opened, twice, before its bytes are read and after. */
#define LOOKS_OF_MEASURING 4u

static void assert_replaced(const char *digest)
{
	verity[0] = inode_of("weights");
	verity[1] = inode_of("evil");
	accept_weights(digest);
	looks_left = LOOKS_OF_MEASURING;
	assert_false(measure(NULL));
	assert_int_equal(looks_left, 0);
	assert_int_equal(inode_of("weights"), verity[1]);
	assert_int_equal(err.code, ERR_CONFLICT);
	assert_non_null(strstr(err.text, "weights changed while it was being measured"));
}

/* M1: both have fs-verity, so the kernel vouches for what either holds. */
static void launch_measure__pinned_file_replaced_once_measured__refused(void **state)
{
	(void)state;
	assert_replaced("sha256");
}

static void launch_measure__pinned_by_the_digest_measured_and_replaced__refused(void **state)
{
	(void)state;
	assert_replaced("fs-verity");
}

/* ---- the closure ---- */

/* The weights come first, and the closure before them. */
static void swap_program(const char *text)
{
	if (strncmp(text, "weights: ", 9) != 0)
		return;
	copy_to("/bin/bash", "other");
	assert_int_equal(rename(tree_path("other"), tree_path("agent")), 0);
}

/* The libraries of the one that was asked about are not those of the other. */
static void launch_measure__program_replaced_after_its_closure__refused(void **state)
{
	(void)state;
	char components[4 * PATH_MAX];
	snprintf(components, sizeof(components),
		"  - {name: weights, role: model, path: %s}\n"
		"  - {name: agent, role: binary, path: %s}\n",
		tree_path("weights"), tree_path("agent"));
	accept_spec(components);
	assert_false(measure(swap_program));
	assert_int_equal(err.code, ERR_CONFLICT);
	assert_non_null(strstr(err.text, "agent changed while it was being measured"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(launch_measure__fs_verity_file__pinned_by_its_digest),
		TEST(launch_measure__pinned_file_replaced_once_measured__refused),
		TEST(launch_measure__pinned_by_the_digest_measured_and_replaced__refused),
		TEST(launch_measure__program_replaced_after_its_closure__refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
