/* SPDX-License-Identifier: Apache-2.0 */
/* Leaves of a log by name: their hashes, and where they stand. */
#ifndef ASSAY_CLI_LOG_LEAF_H
#define ASSAY_CLI_LOG_LEAF_H

#include "cli/log_client.h"
#include "crypto/key.h"
#include "ledger/tlog_policy.h"

/* 64 lower-case hex digits: the hash; anything else: a file with the leaf's own bytes. */
must_use bool log_leaf_hash(struct cli *cli, const char *text, uint8_t ret[SHA256_LEN]);
/* The policy file that this option names. */
must_use bool log_policy_read(struct cli *cli, const char *option_name, struct tlog_policy **ret);
must_use bool log_key_read(struct cli *cli, const char *option_name, struct key **ret);
/* Calls visit for every leaf's hash in the log's first `size` leaves, as its tiles have them: whether
 * they make a tree that anybody signed is not looked at. visit returns whether to go on. */
must_use bool log_leaves_each(struct log_client *client, uint64_t size,
	bool (*visit)(void *arg, uint64_t index, const uint8_t hash[SHA256_LEN]), void *arg);
/* That a leaf of this hash stands at this index in the tree, by the log's tiles. ERR_MISMATCH. */
must_use bool log_leaf_check(struct log_client *client, const struct checkpoint *tree,
	uint64_t index, const uint8_t hash[SHA256_LEN]);

/* What a leaf's time is beside those of the leaves before it and our own clock, which may be a little behind. */
enum leaf_time { LEAF_TIME_FITS = 0, LEAF_TIME_BACKWARDS, LEAF_TIME_AHEAD };
enum leaf_time log_leaf_time(int64_t time, int64_t last, int64_t now);

#endif
