/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/story.h"

#include "ledger/timeline.h"

#include <stdlib.h>

#define TIMES "the verifier's clock, UTC"

void story_release(struct story *story)
{
	for (size_t i = 0; i < story->count; i++)
		ledger_entry_release(&story->entries[i].entry);
	free(story->entries);
	memset(story, 0, sizeof(*story));
}

/* ---- the tree ---- */

bool story_tree(
	struct story *story, struct bytes note, const struct tlog_policy *policy, struct err *err)
{
	struct tlog_cosigned cosigned = {0};
	if (policy ? !tlog_policy_check(policy, NULL, note, &cosigned, err)
		   : !checkpoint_parse(note, &cosigned.checkpoint, err))
		return err_wrap(err, "checkpoint");
	story->tree_size = cosigned.checkpoint.size;
	story->tree_proven = policy != NULL;
	memcpy(story->tree_root, cosigned.checkpoint.root, sizeof(story->tree_root));
	(void)snprintf(story->tree, sizeof(story->tree), "%s%s",
		policy ? "signed as you demand by log " : "the word of log ",
		ESC(cosigned.checkpoint.origin));
	return true;
}

/* ---- entries ---- */

bool story_take(struct story *story, struct ledger_entry *entry, bool audited, struct err *err)
{
	if (!ledger_entry_check(entry, story->tree_size, story->tree_root, err))
		return false;
	if (story->count == STORY_ENTRIES_MAX)
		return err_set(err, ERR_LIMIT, "more than %u entries: choose a shorter time",
			STORY_ENTRIES_MAX);
	if (story->count == story->room) {
		size_t room = story->room ? 2 * story->room : 256;
		struct story_entry *entries = realloc(story->entries, room * sizeof(*entries));
		if (!entries)
			return err_set(err, ERR_NOMEM, "story");
		story->entries = entries;
		story->room = room;
	}
	struct story_entry *own = &story->entries[story->count++];
	*own = (struct story_entry){.entry = TAKE_STRUCT(*entry), .audited = audited};
	buf_release(&own->entry.leaf);
	buf_release(&own->entry.proof);
	if (own->entry.type != LEAF_ISSUED)
		buf_release(&own->entry.content);
	return true;
}

static bool page_take(
	struct cli *cli, struct story *story, const struct entry_page *page, const char *query)
{
	for (size_t i = 0; i < json_array_size(page->entries); i++) {
		OWNED(ledger_entry_release) struct ledger_entry entry = {0};
		if (!ledger_entry_read(json_array_get(page->entries, i), &entry, &cli->err) ||
			!story_take(story, &entry, false, &cli->err))
			return err_wrap(&cli->err, "/v1/entries?%s", query);
	}
	return true;
}

static bool page_fetch(struct cli *cli, struct story *story, const char *query, uint64_t *start,
	const struct tlog_policy *policy)
{
	OWNED(json_release) json_t *answer = NULL;
	OWNED(buf_release) struct buf path = {0};
	struct entry_page page;
	buf_printf(&path, "/v1/entries?%s&limit=%u&start=%llu", query, ENTRIES_PAGE_MAX,
		(unsigned long long)*start);
	if (story->tree_size)
		buf_printf(&path, "&tree_size=%llu", (unsigned long long)story->tree_size);
	else if (policy && policy->quorum != QUORUM_NONE)
		buf_put_str(&path, "&witnessed=1");
	if (!buf_str(&path))
		return err_set(&cli->err, ERR_NOMEM, "story");
	if (!api_json(cli, buf_str(&path), NULL, NULL, &answer) ||
		!entry_page_read(answer, &page, &cli->err))
		return false;
	if (!story->tree_size && !story_tree(story, bytes_str(page.checkpoint), policy, &cli->err))
		return false;
	if (page.more && page.next <= *start)
		return err_set(&cli->err, ERR_FORMAT, "entries: next: does not move on");
	*start = page.more ? page.next : 0;
	return page_take(cli, story, &page, query);
}

bool story_fetch(
	struct cli *cli, struct story *story, const char *query, const struct tlog_policy *policy)
{
	uint64_t start = 0;
	do
		if (!page_fetch(cli, story, query, &start, policy))
			return false;
	while (start);
	return true;
}

static int entry_order(const void *a, const void *b)
{
	uint64_t x = ((const struct story_entry *)a)->entry.index;
	uint64_t y = ((const struct story_entry *)b)->entry.index;
	return x < y ? -1 : x > y;
}

void story_sort(struct story *story)
{
	size_t kept = 0;
	if (story->count > 0)
		qsort(story->entries, story->count, sizeof(story->entries[0]), entry_order);
	for (size_t i = 0; i < story->count; i++) {
		struct story_entry *e = &story->entries[i];
		if (kept > 0 && story->entries[kept - 1].entry.index == e->entry.index)
			ledger_entry_release(&e->entry);
		else
			story->entries[kept++] = *e;
	}
	story->count = kept;
}

/* ---- telling ---- */

bool story_lines(const struct story *story, const uint8_t *host, int64_t until, json_t **ret,
	struct err *err)
{
	OWNED(timeline_free) struct timeline *timeline = NULL;
	const struct timeline_options options = {.host = host, .until = until};
	if (!timeline_new(&options, &timeline, err))
		return false;
	for (size_t i = 0; i < story->count; i++)
		if (!timeline_add(
			    timeline, &story->entries[i].entry, story->entries[i].audited, err))
			return false;
	return timeline_finish(timeline, ret, err);
}

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));
	return text ? text : "";
}

static void line_print(const struct cli *cli, const json_t *line)
{
	char text[640];
	const json_t *rests = json_object_get(line, "rests_on");
	bool proven = strcmp(text_of(line, "standing"), "proven") == 0;
	const char *by = text_of(line, "by"), *slash = strrchr(by, '/');
	(void)printf("%s  %s%-8s%s  %-14s  %s", text_of(line, "time"),
		colour(cli, proven ? "green" : "dim"), proven ? "proven" : "asserted",
		colour(cli, "off"), text_of(line, "kind"),
		text_escape(bytes_str(text_of(line, "text")), text, sizeof(text)));
	if (text_of(line, "until")[0])
		(void)printf(", until %s", text_of(line, "until"));
	if (by[0])
		(void)printf(", by %s", ESC(bytes_str(slash ? slash + 1 : by)));
	(void)printf("  %s[", colour(cli, "dim"));
	for (size_t i = 0; i < json_array_size(rests); i++) {
		const json_t *rest = json_array_get(rests, i);
		(void)printf("%sentry %lld %.16s", i ? "; " : "",
			(long long)json_integer_value(json_object_get(rest, "entry")),
			text_of(rest, "id"));
	}
	(void)printf("]%s\n", colour(cli, "off"));
}

/* NULL: not of a package. */
static json_t *records_json(const struct story *story)
{
	return story->records
		       ? json_pack("{s:s, s:s}", "standing",
				 story->records[0] ? "asserted" : "proven", "by", story->records)
		       : NULL;
}

enum status story_print(
	struct cli *cli, const struct story *story, const char *subject, const json_t *lines)
{
	char root[2 * SHA256_LEN + 1];
	hex_encode(BYTES_OF(story->tree_root), root);
	const char *standing = story->tree_proven ? "proven" : "asserted";
	if (cli->json)
		return cli_print_json(cli,
			json_pack("{s:s, s:s, s:{s:I, s:s, s:s, s:s}, s:o*, s:O}", "subject",
				subject, "times", TIMES, "tree", "size",
				(json_int_t)story->tree_size, "root", root, "standing", standing,
				"by", story->tree, "records", records_json(story), "lines", lines),
			STATUS_DONE);
	(void)printf("%s; times are %s\n", subject, TIMES);
	(void)printf("every entry was found in the tree of %llu, root %s: %s, %s\n",
		(unsigned long long)story->tree_size, root, standing, story->tree);
	if (story->records)
		(void)printf("decisions are %s%s\n",
			story->records[0] ? "asserted, the word of "
					  : "proven, signed by whom you pinned",
			story->records);
	(void)printf("\n");
	for (size_t i = 0; i < json_array_size(lines); i++)
		line_print(cli, json_array_get(lines, i));
	return STATUS_DONE;
}
