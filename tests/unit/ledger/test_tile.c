/* SPDX-License-Identifier: Apache-2.0 */
/* Names of tiles, bundles, and proofs made from tiles. */
#include "ledger/tile.h"

#include <stdlib.h>

#include "base/text.h"
#include "ledger/ledger.h"
#include "tests/support/unit.h"

#define LEAVES 70000u

static struct err err;
static uint8_t levels[3][LEAVES][SHA256_LEN]; /* level 2 is the roots of 65,536 leaves */
static uint64_t reads;

static void leaf_n(uint64_t n, uint8_t out[SHA256_LEN])
{
	char text[32];

	snprintf(text, sizeof(text), "leaf %llu", (unsigned long long)n);
	assert_ok(leaf_hash(bytes_str(text), out, &err), err);
}

static int group_setup(void **state)
{
	(void)state;
	for (uint64_t i = 0; i < LEAVES; i++)
		leaf_n(i, levels[0][i]);
	for (unsigned level = 1; level < 3; level++)
		for (uint64_t i = 0; i < LEAVES >> (8 * level); i++) {
			struct tree_edge edge = {0};

			for (uint64_t n = 0; n < TILE_WIDTH; n++)
				assert_ok(tree_append(&edge, levels[level - 1][i * TILE_WIDTH + n],
						  &err),
					err);
			assert_ok(tree_root(&edge, levels[level][i], &err), err);
		}
	return 0;
}

static bool read_tile(void *arg, const struct tile *tile, struct buf *out, struct err *e)
{
	uint64_t size = *(const uint64_t *)arg;

	(void)e;
	reads++;
	assert_false(tile->entries);
	assert_in_range(tile->level, 0, 2);
	assert_in_range(tile->width, 1, TILE_WIDTH);
	assert_int_equal(tile->width, tile_width_in(size, tile->level, tile->index));
	buf_put(out, bytes_of(levels[tile->level][tile->index * TILE_WIDTH],
			     (size_t)tile->width * SHA256_LEN));
	return true;
}

static struct tile_source source_of(const uint64_t *size)
{
	return (struct tile_source){.size = *size, .read = read_tile, .arg = (void *)size};
}

static void append__every_leaf__tells_the_tiles_it_completed(void **state)
{
	struct tree_edge edge = {0};
	struct tree_completed completed = {.count = 9};

	(void)state;
	for (uint64_t size = 1; size <= LEAVES; size++) {
		assert_ok(tree_append_tiles(&edge, levels[0][size - 1], &completed, &err), err);
		assert_int_equal(completed.count, size % 65536 == 0 ? 2 : size % TILE_WIDTH == 0);
		for (size_t i = 0; i < completed.count; i++)
			assert_memory_equal(completed.roots[i],
				levels[i + 1][(size >> (8 * (i + 1))) - 1], SHA256_LEN);
	}
}

static void root__known_trees__known_roots(void **state)
{
	static const struct {
		uint64_t size;
		const char *root;
	} known[] = {
		{0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
		{1, "1bb97dcc21635d47e2663efdfd0a174686d98dd701352dd2cd06e8b43fd3d305"},
		{256, "cf5effdb11d0927a2edf53b0e73c7837f659414e00537da5d90eb5c4c49ff274"},
		{257, "855b936aa00cb98b5114484249ad39d78a6be93623e26c01e8e487dc02184a5a"},
		{65536, "e100ba54d69a91012fc13b7890feac78d6996a097268b6f735d17311c7402a60"},
		{65537, "689b22742cab2adeb36ba622ff2736336464858f5de4a2c02f33bf163e7dca5f"},
		{70000, "da0532ff7b2ee56f4067110fc964e9f27b5959f9527bfff3fa501aa7584deaf3"},
	};
	const uint64_t size = LEAVES;
	struct tile_source source = source_of(&size);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(known); i++) {
		uint8_t root[SHA256_LEN];
		char text[2 * SHA256_LEN + 1];

		assert_ok(tiles_root(&source, known[i].size, root, &err), err);
		hex_encode(BYTES_OF(root), text);
		assert_string_equal(text, known[i].root);
	}
}

static void check_inclusion(uint64_t stored, uint64_t index, uint64_t size)
{
	struct tile_source source = source_of(&stored);
	struct buf proof = {0};
	uint8_t root[SHA256_LEN];

	assert_ok(tiles_root(&source, size, root, &err), err);
	assert_ok(tiles_inclusion(&source, index, size, &proof, &err), err);
	assert_ok(
		tree_inclusion_check(index, size, levels[0][index], buf_bytes(&proof), root, &err),
		err);
	buf_release(&proof);
}

static void check_consistency(uint64_t stored, uint64_t old_size, uint64_t new_size)
{
	struct tile_source source = source_of(&stored);
	struct buf proof = {0};
	uint8_t old_root[SHA256_LEN], new_root[SHA256_LEN];

	assert_ok(tiles_root(&source, old_size, old_root, &err), err);
	assert_ok(tiles_root(&source, new_size, new_root, &err), err);
	assert_ok(tiles_consistency(&source, old_size, new_size, &proof, &err), err);
	assert_ok(tree_consistency_check(
			  old_size, new_size, old_root, new_root, buf_bytes(&proof), &err),
		err);
	buf_release(&proof);
}

static void proofs__every_small_tree__hold(void **state)
{
	(void)state;
	for (uint64_t size = 1; size <= 40; size++) {
		for (uint64_t i = 0; i < size; i++)
			check_inclusion(size, i, size);
		for (uint64_t old = 0; old <= size; old++)
			check_consistency(size, old, size);
	}
}

/* Sizes around the borders of tiles and of levels, in trees that have grown beyond them. */
static void proofs__around_borders_of_tiles__hold(void **state)
{
	static const uint64_t sizes[] = {1, 2, 255, 256, 257, 511, 512, 513, 4095, 65280, 65535,
		65536, 65537, 65792, 65793, 69999, 70000};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
		for (size_t j = i; j < ARRAY_LEN(sizes); j++) {
			check_consistency(LEAVES, sizes[i], sizes[j]);
			check_consistency(sizes[j], sizes[i], sizes[j]);
			check_inclusion(LEAVES, sizes[i] - 1, sizes[j]);
			check_inclusion(sizes[j], sizes[i] - 1, sizes[j]);
		}
}

static void proofs__large_tree__few_tiles_read(void **state)
{
	const uint64_t size = LEAVES;
	struct tile_source source = source_of(&size);
	struct buf proof = {0};

	(void)state;
	reads = 0;
	assert_ok(tiles_inclusion(&source, 12345, size, &proof, &err), err);
	assert_int_equal(reads, 4); /* two of level 0, two of level 1 */
	buf_release(&proof);
}

static void proofs__what_is_not_in_the_tree__refused(void **state)
{
	const uint64_t size = 10;
	struct tile_source source = source_of(&size);
	struct buf out = {0};
	uint8_t root[SHA256_LEN];

	(void)state;
	assert_fails(tiles_inclusion(&source, 3, 11, &out, &err), err, ERR_USAGE,
		"tiles: 11 leaves are asked for, and 10 are there");
	assert_fails(tiles_inclusion(&source, 5, 5, &out, &err), err, ERR_USAGE,
		"tiles: no leaf 5 in a tree of 5");
	assert_fails(tiles_inclusion(&source, 0, 0, &out, &err), err, ERR_USAGE,
		"tiles: no leaf 0 in a tree of 0");
	assert_fails(tiles_consistency(&source, 3, 11, &out, &err), err, ERR_USAGE,
		"tiles: 11 leaves are asked for, and 10 are there");
	assert_fails(tiles_consistency(&source, 7, 6, &out, &err), err, ERR_USAGE,
		"tiles: a tree of 7 is no part of one of 6");
	assert_fails(tiles_root(&source, 11, root, &err), err, ERR_USAGE,
		"tiles: 11 leaves are asked for, and 10 are there");
	assert_int_equal(out.len, 0);
}

static bool read_short(void *arg, const struct tile *tile, struct buf *out, struct err *e)
{
	return read_tile(arg, tile, out, e) && (out->len--, true);
}

static bool read_nothing(void *arg, const struct tile *tile, struct buf *out, struct err *e)
{
	(void)arg;
	(void)tile;
	(void)out;
	return err_set(e, ERR_IO, "no such tile");
}

static void proofs__tile_missing_or_of_another_length__refused(void **state)
{
	const uint64_t size = 10;
	struct tile_source source = source_of(&size);
	struct buf out = {0};

	(void)state;
	source.read = read_short;
	assert_fails(tiles_inclusion(&source, 3, 10, &out, &err), err, ERR_FORMAT,
		"tile: 319 bytes where 10 hashes belong");
	source.read = read_nothing;
	assert_fails(tiles_inclusion(&source, 3, 10, &out, &err), err, ERR_IO, "no such tile");
	assert_fails(tiles_consistency(&source, 3, 10, &out, &err), err, ERR_IO, "no such tile");
	buf_release(&out);
}

static void width__sizes_and_levels__as_the_specification_says(void **state)
{
	(void)state;
	assert_int_equal(tile_width_in(0, 0, 0), 0);
	assert_int_equal(tile_width_in(1, 0, 0), 1);
	assert_int_equal(tile_width_in(256, 0, 0), 256);
	assert_int_equal(tile_width_in(256, 0, 1), 0);
	assert_int_equal(tile_width_in(256, 1, 0), 1);
	assert_int_equal(tile_width_in(255, 1, 0), 0);
	assert_int_equal(tile_width_in(70000, 0, 273), 112);
	assert_int_equal(tile_width_in(70000, 1, 1), 17);
	assert_int_equal(tile_width_in(70000, 2, 0), 1);
	assert_int_equal(tile_width_in(UINT64_MAX, 7, 0), 255);
	assert_int_equal(tile_width_in(UINT64_MAX, 8, 0), 0);
	assert_int_equal(tile_width_in(UINT64_MAX, 0, UINT64_MAX), 0);
	assert_int_equal(tile_width_in(UINT64_MAX, 0, UINT64_MAX / 256), 255);
}

static void path__tiles__written_and_read_back(void **state)
{
	static const struct {
		struct tile tile;
		const char *path;
	} cases[] = {
		{{.level = 0, .index = 0, .width = 256}, "tile/0/000"},
		{{.level = 1, .index = 999, .width = 1}, "tile/1/999.p/1"},
		{{.level = 0, .index = 1000, .width = 256}, "tile/0/x001/000"},
		{{.level = 3, .index = 1234067, .width = 255}, "tile/3/x001/x234/067.p/255"},
		{{.entries = true, .index = 42, .width = 7}, "tile/entries/042.p/7"},
		{{.level = 0, .index = UINT64_MAX, .width = 256},
			"tile/0/x018/x446/x744/x073/x709/x551/615"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct buf out = {0};
		struct tile back;

		assert_ok(tile_path_write(&cases[i].tile, &out, &err), err);
		assert_string_equal(buf_str(&out), cases[i].path);
		assert_ok(tile_path_parse(bytes_str(cases[i].path), &back, &err), err);
		assert_int_equal(back.entries, cases[i].tile.entries);
		assert_int_equal(back.level, cases[i].tile.level);
		assert_true(back.index == cases[i].tile.index);
		assert_int_equal(back.width, cases[i].tile.width);
		buf_release(&out);
	}
}

static void path__any_other_form__refused(void **state)
{
	static const char *const paths[] = {"", "tile", "tile/", "/tile/0/000", "tile/0/00",
		"tile/0/0000", "tile/00/000", "tile/8/000", "tile/63/000", "tile/0/x000/001",
		"tile/0/x001", "tile/0/x001/", "tile/0/001/002", "tile/0/000.p/0",
		"tile/0/000.p/256", "tile/0/000.p/01", "tile/0/000.p/", "tile/0/000.p/1000",
		"tile/0/000.p/1/", "tile/0/000/", "tile/entries/0/000", "tile/data/000",
		"tile/-1/000", "tile/0/../000", "tile/0/000.p/1x", "tile/0/000x",
		"tile/0/x018/x446/x744/x073/x709/x551/616",
		"tile/0/x001/x000/x000/x000/x000/x000/x000/000",
		"tile/0/x111/x111/x111/x111/x111/x111/x111/x111/x111/x111/x111/x111/x111/111"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
		struct tile tile;

		if (tile_path_parse(bytes_str(paths[i]), &tile, &err))
			fail_msg("\"%s\" was read as a tile", paths[i]);
		assert_string_equal(err.text, "tile: not the path of one");
	}
}

static void path__tiles_that_cannot_be__not_written(void **state)
{
	static const struct tile tiles[] = {{.level = 8, .width = 256},
		{.entries = true, .level = 1, .width = 256}, {.width = 0}, {.width = 257}};
	struct buf out = {0};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(tiles); i++) {
		assert_false(tile_path_write(&tiles[i], &out, &err));
		assert_int_equal(err.code, ERR_USAGE);
	}
	buf_release(&out);
}

static void bundle__leaves__come_back(void **state)
{
	struct buf bundle = {0};
	uint8_t long_leaf[UINT16_MAX + 1] = {1};
	struct bytes rest, leaf;

	(void)state;
	assert_ok(bundle_put(&bundle, (struct bytes){0}, &err), err);
	assert_ok(bundle_put(&bundle, bytes_str("one"), &err), err);
	assert_ok(bundle_put(&bundle, bytes_of(long_leaf, UINT16_MAX), &err), err);
	assert_fails(bundle_put(&bundle, BYTES_OF(long_leaf), &err), err, ERR_LIMIT,
		"bundle: a leaf of 65536 bytes");
	rest = buf_bytes(&bundle);
	assert_ok(bundle_next(&rest, &leaf, &err), err);
	assert_int_equal(leaf.len, 0);
	assert_ok(bundle_next(&rest, &leaf, &err), err);
	assert_bytes(leaf, bytes_str("one"));
	assert_ok(bundle_next(&rest, &leaf, &err), err);
	assert_bytes(leaf, bytes_of(long_leaf, UINT16_MAX));
	assert_int_equal(rest.len, 0);
	assert_fails(bundle_next(&rest, &leaf, &err), err, ERR_FORMAT, "bundle: ends in a length");
	rest = bytes_of("\0\5four", 6);
	assert_fails(bundle_next(&rest, &leaf, &err), err, ERR_FORMAT, "bundle: ends in a leaf");
	rest = bytes_of("\0", 1);
	assert_fails(bundle_next(&rest, &leaf, &err), err, ERR_FORMAT, "bundle: ends in a length");
	buf_release(&bundle);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(append__every_leaf__tells_the_tiles_it_completed),
		cmocka_unit_test(root__known_trees__known_roots),
		cmocka_unit_test(proofs__every_small_tree__hold),
		cmocka_unit_test(proofs__around_borders_of_tiles__hold),
		cmocka_unit_test(proofs__large_tree__few_tiles_read),
		cmocka_unit_test(proofs__what_is_not_in_the_tree__refused),
		cmocka_unit_test(proofs__tile_missing_or_of_another_length__refused),
		cmocka_unit_test(width__sizes_and_levels__as_the_specification_says),
		cmocka_unit_test(path__tiles__written_and_read_back),
		cmocka_unit_test(path__any_other_form__refused),
		cmocka_unit_test(path__tiles_that_cannot_be__not_written),
		cmocka_unit_test(bundle__leaves__come_back),
	};

	return cmocka_run_group_tests(tests, group_setup, NULL);
}
