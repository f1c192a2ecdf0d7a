/* SPDX-License-Identifier: Apache-2.0 */
/* A log read over HTTPS: its checkpoint and its tiles (C2SP tlog-tiles). */
#ifndef ASSAY_CLI_LOG_CLIENT_H
#define ASSAY_CLI_LOG_CLIENT_H

#include "cli/cli.h"
#include "ledger/tile.h"

#define LOG_TILES_KEPT 64u

/* Tiles once read are kept, the least recently read ones given up. */
struct log_client {
	struct cli *cli;
	const char *url, *ca; /* url: what stands before "/checkpoint"; NULL: the verifier's own,
				  at /log */
	struct {
		struct tile tile;
		struct buf hashes;
		uint64_t read;
	} tiles[LOG_TILES_KEPT];
	uint64_t reads;
};
void log_client_release(struct log_client *client);
/* GET path, which begins with a slash, below the log's address. Errors are put into client->cli. */
must_use bool log_client_get(
	struct log_client *client, const char *path, size_t max, struct buf *ret);
/* The tiles of a tree of that size, as proofs are made from. A tile that the log no longer has in the
 * width asked for is read wider. */
struct tile_source log_client_tiles(struct log_client *client, uint64_t size);
/* The leaves of one bundle, as many as the tree of that size has there. */
must_use bool log_client_bundle(
	struct log_client *client, uint64_t size, uint64_t index, struct buf *ret);

#endif
