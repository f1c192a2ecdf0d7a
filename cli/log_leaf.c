/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/log_leaf.h"

#include "ledger/ledger.h"

bool log_leaf_hash(struct cli *cli, const char *text, uint8_t ret[SHA256_LEN])
{
	OWNED(buf_release) struct buf leaf = {0};
	if (hex_decode_exact(bytes_str(text), ret, SHA256_LEN, NULL))
		return true;
	return (cli_read(text, UINT16_MAX, &leaf, &cli->err) &&
		       leaf_hash(buf_bytes(&leaf), ret, &cli->err)) ||
	       err_wrap(&cli->err, "neither 64 hex digits nor a file with a leaf");
}

bool log_policy_read(struct cli *cli, const char *option_name, struct tlog_policy **ret)
{
	OWNED(buf_release) struct buf text = {0};
	const char *path = NULL;
	if (!option_required(cli, option_name, &path))
		return false;
	if (cli_read(path, TLOG_POLICY_MAX, &text, &cli->err) &&
		tlog_policy_parse(buf_bytes(&text), ret, &cli->err))
		return true;
	/* A policy whose keys do not fit decides nothing. */
	if (cli->err.code == ERR_MISMATCH)
		cli->err.code = ERR_CONFIG;
	return err_wrap(&cli->err, "--%s %s", option_name, path);
}

bool log_key_read(struct cli *cli, const char *option_name, struct key **ret)
{
	OWNED(buf_release) struct buf pem = {0};
	const char *path = NULL;
	return option_required(cli, option_name, &path) &&
	       ((cli_read(path, 65536, &pem, &cli->err) &&
			key_from_pem(buf_bytes(&pem), ret, &cli->err)) ||
		       err_wrap(&cli->err, "--%s %s", option_name, path));
}

bool log_leaves_each(struct log_client *client, uint64_t size,
	bool (*visit)(void *arg, uint64_t index, const uint8_t hash[SHA256_LEN]), void *arg)
{
	struct tile_source tiles = log_client_tiles(client, size);
	for (uint64_t at = 0; at < size; at += TILE_WIDTH) {
		OWNED(buf_release) struct buf hashes = {0};
		struct tile tile = {.index = at / TILE_WIDTH};
		tile.width = tile_width_in(size, 0, tile.index);
		if (!tiles.read(tiles.arg, &tile, &hashes, &client->cli->err))
			return false;
		for (unsigned i = 0; i < tile.width; i++)
			if (!visit(arg, at + i, hashes.data + (size_t)i * SHA256_LEN))
				return true;
	}
	return true;
}

bool log_leaf_check(struct log_client *client, const struct checkpoint *tree, uint64_t index,
	const uint8_t hash[SHA256_LEN])
{
	OWNED(buf_release) struct buf hashes = {0};
	struct tile_source tiles = log_client_tiles(client, tree->size);
	struct err *err = &client->cli->err;
	return tiles_inclusion(&tiles, index, tree->size, &hashes, err) &&
	       tree_inclusion_check(index, tree->size, hash, buf_bytes(&hashes), tree->root, err);
}

enum leaf_time log_leaf_time(int64_t time, int64_t last, int64_t now)
{
	if (time - TLOG_AHEAD_MAX > now)
		return LEAF_TIME_AHEAD;
	return time < last ? LEAF_TIME_BACKWARDS : LEAF_TIME_FITS;
}
