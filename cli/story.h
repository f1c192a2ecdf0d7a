/* SPDX-License-Identifier: Apache-2.0 */
/* The entries of which a story is told, from a verifier or from a package, each proved from one tree
 * before it counts. */
#ifndef ASSAY_CLI_STORY_H
#define ASSAY_CLI_STORY_H

#include "cli/cli.h"
#include "ledger/entry.h"
#include "ledger/tlog_policy.h"

#define STORY_ENTRIES_MAX 200000u

struct story_entry {
	struct ledger_entry entry; /* without leaf and proof: they were checked */
	bool audited; /* a decision whose audit held */
};
struct story {
	struct story_entry *entries;
	size_t count, room;
	uint64_t tree_size; /* 0: none is known yet */
	uint8_t tree_root[SHA256_LEN];
	char tree[320]; /* who says that this is the tree */
	bool tree_proven;
	const char *
		records; /* of a package: whose word decisions are; "": proven; NULL: no package, or none in it */
};
void story_release(struct story *story);
/* The tree that entries are proved from; with a policy its note must be signed as that asks. */
must_use bool story_tree(
	struct story *story, struct bytes note, const struct tlog_policy *policy, struct err *err);
/* Proves the entry, and takes what it owns. */
must_use bool story_take(
	struct story *story, struct ledger_entry *entry, bool audited, struct err *err);
/* All entries that a query of /v1/entries finds ("host=…"); the first answer brings the tree. Errors
 * are put into cli->err. */
must_use bool story_fetch(
	struct cli *cli, struct story *story, const char *query, const struct tlog_policy *policy);
/* Ascending, each once. */
void story_sort(struct story *story);
/* host NULL: all; until 0: nobody asks. */
must_use bool story_lines(const struct story *story, const uint8_t *host, int64_t until,
	json_t **ret, struct err *err);
/* {"subject", "times", "tree": {…}, "records": {"standing", "by"} of a package, "lines"}; or the same for people. */
enum status story_print(
	struct cli *cli, const struct story *story, const char *subject, const json_t *lines);

#endif
