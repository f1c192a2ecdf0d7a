/* SPDX-License-Identifier: Apache-2.0 */
/* Names of tiles, and bundles of leaves. */
#include "ledger/tile.h"

#define INDEX_GROUP 1000u /* a name tells an index in groups of three digits, "x001/x234/067" */

unsigned tile_width_in(uint64_t size, unsigned level, uint64_t index)
{
	uint64_t entries = level > TILE_LEVEL_MAX ? 0 : size >> (8 * level);
	uint64_t before;

	if (__builtin_mul_overflow(index, (uint64_t)TILE_WIDTH, &before) || before >= entries)
		return 0;
	return entries - before < TILE_WIDTH ? (unsigned)(entries - before) : TILE_WIDTH;
}

/* ---- paths ---- */

static bool take(struct bytes *rest, const char *text)
{
	size_t len = strlen(text);

	if (rest->len < len || memcmp(rest->data, text, len) != 0)
		return false;
	*rest = bytes_of(rest->data + len, rest->len - len);
	return true;
}

static bool take_digit(struct bytes *rest, unsigned *ret)
{
	if (rest->len == 0 || rest->data[0] < '0' || rest->data[0] > '9')
		return false;
	*ret = (unsigned)(rest->data[0] - '0');
	*rest = bytes_of(rest->data + 1, rest->len - 1);
	return true;
}

/* "067", or "x001/x234/067" with no leading group of zeros. */
static bool take_index(struct bytes *rest, uint64_t *ret)
{
	uint64_t index = 0;
	bool more = true;

	for (bool first = true; more; first = false) {
		unsigned a, b, c;

		more = take(rest, "x");
		if (!take_digit(rest, &a) || !take_digit(rest, &b) || !take_digit(rest, &c))
			return false;
		if (first && more && a + b + c == 0)
			return false;
		if (__builtin_mul_overflow(index, (uint64_t)INDEX_GROUP, &index) ||
			__builtin_add_overflow(index, UINT64_C(100) * a + 10 * b + c, &index))
			return false;
		if (more && !take(rest, "/"))
			return false;
	}
	*ret = index;
	return true;
}

/* Nothing, or ".p/W" with 1 <= W < TILE_WIDTH. */
static bool take_width(struct bytes *rest, unsigned *ret)
{
	unsigned width = 0, digit;

	*ret = TILE_WIDTH;
	if (rest->len == 0)
		return true;
	if (!take(rest, ".p/") || rest->len == 0 || rest->len > 3 || rest->data[0] == '0')
		return false;
	while (take_digit(rest, &digit))
		width = 10 * width + digit;
	*ret = width;
	return width < TILE_WIDTH && rest->len == 0;
}

bool tile_path_parse(struct bytes path, struct tile *ret, struct err *err)
{
	struct tile tile = {0};
	struct bytes rest = path;
	bool ok = path.len <= TILE_PATH_MAX && take(&rest, "tile/");

	tile.entries = ok && take(&rest, "entries");
	ok = ok && (tile.entries || take_digit(&rest, &tile.level)) &&
	     tile.level <= TILE_LEVEL_MAX && take(&rest, "/") && take_index(&rest, &tile.index) &&
	     take_width(&rest, &tile.width);
	if (!ok)
		return err_set(err, ERR_FORMAT, "tile: not the path of one");
	*ret = tile;
	return true;
}

bool tile_path_write(const struct tile *tile, struct buf *out, struct err *err)
{
	uint64_t groups = 1;

	if (tile->level > TILE_LEVEL_MAX || (tile->entries && tile->level != 0) ||
		tile->width == 0 || tile->width > TILE_WIDTH)
		return err_set(err, ERR_USAGE, "tile: none of level %u and width %u", tile->level,
			tile->width);
	if (tile->entries)
		buf_put_str(out, "tile/entries/");
	else
		buf_printf(out, "tile/%u/", tile->level);
	while (tile->index / groups >= INDEX_GROUP)
		groups *= INDEX_GROUP;
	for (; groups > 1; groups /= INDEX_GROUP)
		buf_printf(
			out, "x%03llu/", (unsigned long long)(tile->index / groups % INDEX_GROUP));
	buf_printf(out, "%03llu", (unsigned long long)(tile->index % INDEX_GROUP));
	if (tile->width < TILE_WIDTH)
		buf_printf(out, ".p/%u", tile->width);
	return buf_ok(out, err);
}

/* ---- bundles ---- */

bool bundle_put(struct buf *bundle, struct bytes leaf, struct err *err)
{
	if (leaf.len > UINT16_MAX)
		return err_set(err, ERR_LIMIT, "bundle: a leaf of %zu bytes", leaf.len);
	buf_put_be16(bundle, (uint16_t)leaf.len);
	buf_put(bundle, leaf);
	return buf_ok(bundle, err);
}

bool bundle_next(struct bytes *bundle, struct bytes *ret_leaf, struct err *err)
{
	size_t len;

	if (bundle->len < 2)
		return err_set(err, ERR_FORMAT, "bundle: ends in a length");
	len = (size_t)bundle->data[0] << 8 | bundle->data[1];
	if (bundle->len - 2 < len)
		return err_set(err, ERR_FORMAT, "bundle: ends in a leaf");
	*ret_leaf = bytes_of(bundle->data + 2, len);
	*bundle = bytes_of(bundle->data + 2 + len, bundle->len - 2 - len);
	return true;
}
