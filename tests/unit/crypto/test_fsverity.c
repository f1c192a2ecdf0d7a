/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/text.h"
#include "crypto/fsverity.h"

#define POOL_LEN 3000000u

static uint8_t *pool;
static struct fsverity *tree;

static int setup(void **state)
{
	(void)state;
	pool = malloc(POOL_LEN);
	if (!pool)
		return -1;
	for (size_t i = 0; i < POOL_LEN; i++)
		pool[i] = (uint8_t)(i * 167 + (i >> 12) * 13 + 5);
	return 0;
}
static int teardown(void **state)
{
	(void)state;
	free(pool);
	return 0;
}
static int tree_setup(void **state)
{
	(void)state;
	return fsverity_new(&tree, NULL) ? 0 : -1;
}
static int tree_teardown(void **state)
{
	(void)state;
	fsverity_free(&tree);
	return 0;
}

static void assert_digest(const uint8_t digest[SHA256_LEN], const char *hex)
{
	char text[2 * SHA256_LEN + 1];
	hex_encode(bytes_of(digest, SHA256_LEN), text);
	assert_string_equal(text, hex);
}

/* What `fsverity digest` 1.5 prints for the first `len` bytes of the pool. */
struct content_case {
	size_t len;
	const char *hex;
};
static const struct content_case contents[] = {
	{0, "3d248ca542a24fc62d1c43b916eae5016878e2533c88238480b26128a1f1af95"},
	{1, "439717eef0d80a1f4a8778647abc35521b45c90f61e8e7d06fd0ec55479024e8"},
	{4095, "0895ce0c8556ba87e347b606835e20ec2226d5f6d61c2353d3238f75acb8dfc3"},
	{4096, "6590a926a62acc12ea023e8fd7cbcd951793208b1c119f66056f461f13e1fb6e"},
	{4097, "4600a6d842bd4d54933cafac27cfd8cdeaf6cf478e2118fa06a298bb8ee1212a"},
	{8192, "c3b8b27126e67795c47ea5d4711416e58ef9c3b59d7664ee4329d1d23812a6bd"},
	{524287, "ec24c3e4e04f5a072af4e6a8d31acc2012680a12a72118983cac2f0d9c54a4ac"},
	{524288, "8dad4acc700a5e0426879a4177fe3ef5a05393ac826171f3459491cfd61e209d"},
	{524289, "517de2df4fe184fde8c8a91292c72c893e74ac32d159d0e7b951038c7c0301c9"},
	{1048576, "4745b73e03aa8072e21487ff51d0119ebe2f9bf5bd8bf77082e9b1be87bf3595"},
	{1048577, "0a962eaa4251fd8db34dbe00771129b4153281a722fd7baefbaf922a1c1aca22"},
	{3000000, "e4e94d3ee7a6ebfc2582f85c84507b7d4bc383ed286c92f70d9adba1756c409c"},
};

static void fsverity_of__every_tree_shape__as_the_tool(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(contents); i++) {
		uint8_t digest[SHA256_LEN];
		struct err err = {0};
		assert_true(fsverity_of(bytes_of(pool, contents[i].len), digest, &err));
		assert_digest(digest, contents[i].hex);
	}
}

/* Files of zeros, so that three and four levels need no gigabytes here. */
static const struct {
	uint64_t len;
	const char *hex;
} zeros[] = {
	{67108864, "382b8844ad09fb5f7b53e0fc27413cd4e72f47d69604dac5d4865e609ba33c53"},
	{67108865, "be5993679f703697692cc6ce69e480edc9721baff591795438ae8097275c0687"},
	{8589934593, "c9edc0b71ef6a67bebfcb5cbceb13f04da52ea3308cf272cff705cd05161020a"},
};

static void put_zero_leaves(uint64_t count)
{
	enum { AT_ONCE = 1000 };
	static const uint8_t zero[FSVERITY_BLOCK];
	static uint8_t leaves[AT_ONCE * SHA256_LEN];
	assert_true(fsverity_hash_blocks(zero, 1, leaves, NULL));
	for (size_t i = 1; i < AT_ONCE; i++)
		memcpy(leaves + i * SHA256_LEN, leaves, SHA256_LEN);
	while (count > 0) {
		size_t n = count < AT_ONCE ? (size_t)count : AT_ONCE;
		assert_true(fsverity_put_leaves(tree, leaves, n, NULL));
		count -= n;
	}
}

static void fsverity_final__deep_trees__as_the_tool(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(zeros); i++) {
		uint8_t digest[SHA256_LEN];
		put_zero_leaves((zeros[i].len + FSVERITY_BLOCK - 1) / FSVERITY_BLOCK);
		assert_true(fsverity_final(tree, zeros[i].len, digest, NULL));
		assert_digest(digest, zeros[i].hex);
	}
}

static void fsverity_final__leaves_do_not_fit_the_size__refused(void **state)
{
	(void)state;
	uint8_t digest[SHA256_LEN];
	struct err err = {0};
	put_zero_leaves(2);
	assert_false(fsverity_final(tree, FSVERITY_BLOCK, digest, &err));
	assert_int_equal(err.code, ERR_INTERNAL);
	assert_string_equal(err.text, "fs-verity: 2 leaves for a file of 1 blocks");
}

static void fsverity_final__used_again__starts_over(void **state)
{
	(void)state;
	uint8_t first[SHA256_LEN], second[SHA256_LEN];
	put_zero_leaves(300);
	assert_true(fsverity_final(tree, 300 * FSVERITY_BLOCK, first, NULL));
	put_zero_leaves(300);
	assert_true(fsverity_final(tree, 300 * FSVERITY_BLOCK, second, NULL));
	assert_memory_equal(first, second, SHA256_LEN);
}

static void fsverity_hash_blocks__many__each_as_sha256(void **state)
{
	(void)state;
	enum { BLOCKS = 131 };
	uint8_t digests[BLOCKS * SHA256_LEN], want[SHA256_LEN];
	assert_true(fsverity_hash_blocks(pool, BLOCKS, digests, NULL));
	for (size_t i = 0; i < BLOCKS; i++) {
		struct bytes block = bytes_of(pool + i * FSVERITY_BLOCK, FSVERITY_BLOCK);
		assert_true(sha256_of(block, want, NULL));
		assert_memory_equal(digests + i * SHA256_LEN, want, SHA256_LEN);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fsverity_of__every_tree_shape__as_the_tool),
		cmocka_unit_test_setup_teardown(
			fsverity_final__deep_trees__as_the_tool, tree_setup, tree_teardown),
		cmocka_unit_test_setup_teardown(fsverity_final__leaves_do_not_fit_the_size__refused,
			tree_setup, tree_teardown),
		cmocka_unit_test_setup_teardown(
			fsverity_final__used_again__starts_over, tree_setup, tree_teardown),
		cmocka_unit_test(fsverity_hash_blocks__many__each_as_sha256),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
