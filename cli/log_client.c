/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/log_client.h"

#define BUNDLE_BYTES_MAX (TILE_WIDTH * (UINT16_MAX + 2u))

void log_client_release(struct log_client *client)
{
	for (size_t i = 0; i < LOG_TILES_KEPT; i++)
		buf_release(&client->tiles[i].hashes);
}

/* One answer; 404 is told apart. */
static bool get(
	struct log_client *client, const char *path, size_t max, struct buf *ret, bool *ret_found)
{
	OWNED(buf_release) struct buf answer = {0};
	OWNED(buf_release) struct buf own = {0};
	struct cli *cli = client->cli;
	long status = 200;
	if (client->url) {
		if (!api_elsewhere(
			    cli, client->url, client->ca, path, NULL, NULL, &answer, &status))
			return false;
	} else {
		buf_printf(&own, "/log%s", path);
		if (!buf_str(&own))
			return err_set(&cli->err, ERR_NOMEM, "log");
		if (!api_bytes(cli, buf_str(&own), NULL, NULL, &answer)) {
			if (cli->err.code != ERR_NOT_FOUND)
				return false;
			status = 404;
		}
	}
	*ret_found = status == 200;
	if (status != 200 && status != 404)
		return err_set(&cli->err, ERR_NET, "%s: HTTP status %ld", path, status);
	if (answer.len > max)
		return err_set(
			&cli->err, ERR_LIMIT, "%s: %zu bytes, at most %zu", path, answer.len, max);
	buf_release(ret);
	*ret = TAKE_STRUCT(answer);
	return true;
}

bool log_client_get(struct log_client *client, const char *path, size_t max, struct buf *ret)
{
	bool found = false;
	if (!get(client, path, max, ret, &found))
		return false;
	return found || err_set(&client->cli->err, ERR_NOT_FOUND, "%s: the log has none", path);
}

/* In the width asked for, or, where a tile was completed since, cut out of the whole one. */
static bool tile_fetch(struct log_client *client, const struct tile *tile, size_t max,
	struct buf *ret, struct err *err)
{
	struct tile wanted = *tile;
	for (;;) {
		OWNED(buf_release) struct buf path = {0};
		bool found = false;
		buf_put_u8(&path, '/');
		if (!tile_path_write(&wanted, &path, err))
			return false;
		if (!get(client, buf_str(&path), max, ret, &found))
			return err_set(err, client->cli->err.code, "%s", client->cli->err.text);
		if (found)
			return true;
		if (wanted.width == TILE_WIDTH)
			return err_set(
				err, ERR_NOT_FOUND, "%s: the log has no such tile", buf_str(&path));
		wanted.width = TILE_WIDTH;
	}
}

static size_t slot_for(struct log_client *client)
{
	size_t oldest = 0;
	for (size_t i = 1; i < LOG_TILES_KEPT; i++)
		if (client->tiles[i].read < client->tiles[oldest].read)
			oldest = i;
	return oldest;
}

static bool read_tile(void *arg, const struct tile *tile, struct buf *out, struct err *err)
{
	struct log_client *client = arg;
	size_t len = (size_t)tile->width * SHA256_LEN, slot = LOG_TILES_KEPT;
	for (size_t i = 0; i < LOG_TILES_KEPT; i++)
		if (client->tiles[i].read && client->tiles[i].tile.level == tile->level &&
			client->tiles[i].tile.index == tile->index &&
			client->tiles[i].hashes.len >= len)
			slot = i;
	if (slot == LOG_TILES_KEPT) {
		slot = slot_for(client);
		client->tiles[slot].read = 0;
		if (!tile_fetch(client, tile, TILE_BYTES_MAX, &client->tiles[slot].hashes, err))
			return false;
		client->tiles[slot].tile = *tile;
	}
	client->tiles[slot].read = ++client->reads;
	if (client->tiles[slot].hashes.len < len)
		return err_set(err, ERR_FORMAT, "tile: %zu bytes where %u hashes belong",
			client->tiles[slot].hashes.len, tile->width);
	buf_put(out, bytes_of(client->tiles[slot].hashes.data, len));
	return buf_ok(out, err);
}

struct tile_source log_client_tiles(struct log_client *client, uint64_t size)
{
	return (struct tile_source){.size = size, .read = read_tile, .arg = client};
}

bool log_client_bundle(struct log_client *client, uint64_t size, uint64_t index, struct buf *ret)
{
	struct tile tile = {.entries = true, .index = index};
	tile.width = tile_width_in(size, 0, index);
	return tile_fetch(client, &tile, BUNDLE_BYTES_MAX, ret, &client->cli->err);
}
