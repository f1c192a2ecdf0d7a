/* SPDX-License-Identifier: Apache-2.0 */
/*
 * assay log monitor: follows a ledger from what it was when it was looked at last. Every leaf is
 * read, hashed, and must make the tree that was signed; the tree must contain the one of last time.
 */
#include "cli/commands.h"

#include "cli/log_client.h"
#include "ledger/ledger.h"
#include "ledger/tlog_policy.h"

#include <errno.h>

#define STATE_NOTE "checkpoint"
#define STATE_EDGE "edge"

static const struct option_spec options[] = {
	{"policy", "FILE", OPTION_VALUE, "the log, its witnesses and their quorum (tlog-policy)"},
	{"state", "DIR", OPTION_VALUE, "what was seen last; made if it is not there"},
	{"url", "URL", OPTION_VALUE, "where the log is (default: the verifier's own, /log)"},
	{"log-ca", "FILE", OPTION_VALUE, "CA of that server (default: the system's)"},
	API_OPTIONS,
	OPTIONS_END,
};

struct monitor {
	struct cli *cli;
	struct log_client log;
	struct tlog_policy *policy;
	const char *state;
	struct buf note, last_note;
	struct tlog_cosigned now, last;
	struct tree_edge edge; /* of the leaves read so far */
	int64_t time; /* of the last leaf */
	uint64_t counts[LEAF_TYPES], backwards;
};

static void monitor_release(struct monitor *m)
{
	log_client_release(&m->log);
	tlog_policy_free(&m->policy);
	buf_release(&m->note);
	buf_release(&m->last_note);
}

static bool state_path(const struct monitor *m, const char *name, struct buf *out)
{
	return path_join(out, m->state, name) != NULL ||
	       err_set(&m->cli->err, ERR_NOMEM, "monitor");
}

/* What it was last time; nothing the first time. A state that does not fit together is an error: it
 * is what the ledger is held against. */
static bool state_read(struct monitor *m)
{
	OWNED(buf_release) struct buf path = {0}, edge_path = {0}, edge = {0};
	struct err *err = &m->cli->err;
	uint8_t root[SHA256_LEN];
	if (!state_path(m, STATE_NOTE, &path) || !state_path(m, STATE_EDGE, &edge_path))
		return false;
	if (!cli_read(buf_str(&path), NOTE_MAX, &m->last_note, err)) {
		if (err->code != ERR_NOT_FOUND)
			return false;
		*err = (struct err){0};
		return true;
	}
	if (!tlog_policy_check(m->policy, NULL, buf_bytes(&m->last_note), &m->last, err) ||
		!cli_read(buf_str(&edge_path), 4096, &edge, err) ||
		!tree_edge_decode(buf_bytes(&edge), &m->edge, err) ||
		!tree_root(&m->edge, root, err))
		return err_wrap(err, "%s", m->state);
	return (m->edge.size == m->last.checkpoint.size &&
		       memcmp(root, m->last.checkpoint.root, SHA256_LEN) == 0) ||
	       err_set(err, ERR_CONFIG, "%s: its two files are not of one tree", m->state);
}

static bool state_write(struct monitor *m)
{
	OWNED(buf_release) struct buf path = {0}, edge_path = {0}, edge = {0};
	struct err *err = &m->cli->err;
	return state_path(m, STATE_NOTE, &path) && state_path(m, STATE_EDGE, &edge_path) &&
	       tree_edge_encode(&m->edge, &edge, err) &&
	       file_write_atomic(buf_str(&edge_path), buf_bytes(&edge), 0600, err) &&
	       file_write_atomic(buf_str(&path), buf_bytes(&m->note), 0600, err);
}

/* The ledger says something that it denied before: both notes are kept. */
static bool broken(struct monitor *m, const char *why)
{
	OWNED(buf_release) struct buf path = {0};
	char name[48];
	(void)snprintf(name, sizeof(name), "contradiction-%llu",
		(unsigned long long)m->now.checkpoint.size);
	if (!state_path(m, name, &path) ||
		!file_write_atomic(buf_str(&path), buf_bytes(&m->note), 0600, &m->cli->err))
		return false;
	return err_set(&m->cli->err, ERR_MISMATCH, "%s (kept: %s)", why, buf_str(&path));
}

static bool checkpoint_read(struct monitor *m)
{
	struct err *err = &m->cli->err;
	if (!log_client_get(&m->log, "/checkpoint", NOTE_MAX, &m->note) ||
		!tlog_policy_check(m->policy, NULL, buf_bytes(&m->note), &m->now, err))
		return false;
	if (m->now.checkpoint.size < m->last.checkpoint.size)
		return broken(m, "the ledger is smaller than it was");
	if (m->now.checkpoint.size == m->last.checkpoint.size && m->last.checkpoint.size > 0 &&
		memcmp(m->now.checkpoint.root, m->last.checkpoint.root, SHA256_LEN) != 0)
		return broken(m, "the ledger shows another tree of the same size");
	return true;
}

static bool leaf_look(struct monitor *m, struct bytes bytes)
{
	struct leaf leaf;
	uint8_t hash[SHA256_LEN];
	struct err *err = &m->cli->err;
	if (!leaf_decode(bytes, &leaf, err) || !leaf_hash(bytes, hash, err))
		return err_wrap(err, "leaf %llu", (unsigned long long)m->edge.size);
	if (leaf.time < m->time) {
		m->backwards++;
		(void)fprintf(stderr,
			"assay: leaf %llu: its time lies %llds before the one before\n",
			(unsigned long long)m->edge.size, (long long)(m->time - leaf.time));
	} else {
		m->time = leaf.time;
	}
	m->counts[leaf.type]++;
	return tree_append(&m->edge, hash, err);
}

/* From where the last tree ended; a bundle's first leaves may be known already. */
static bool leaves_read(struct monitor *m)
{
	uint64_t size = m->now.checkpoint.size;
	while (m->edge.size < size) {
		OWNED(buf_release) struct buf bundle = {0};
		uint64_t index = m->edge.size / TILE_WIDTH, at = index * TILE_WIDTH;
		unsigned width = tile_width_in(size, 0, index);
		if (!log_client_bundle(&m->log, size, index, &bundle))
			return false;
		struct bytes rest = buf_bytes(&bundle), leaf;
		for (unsigned i = 0; i < width; i++, at++) {
			if (!bundle_next(&rest, &leaf, &m->cli->err))
				return false;
			if (at >= m->edge.size && !leaf_look(m, leaf))
				return false;
		}
	}
	return true;
}

/* The leaves, added to the tree of last time, make the tree of now: consistent, and nothing hidden. */
static bool follow(struct monitor *m)
{
	uint8_t root[SHA256_LEN];
	if (!checkpoint_read(m) || !leaves_read(m) || !tree_root(&m->edge, root, &m->cli->err))
		return false;
	if (memcmp(root, m->now.checkpoint.root, SHA256_LEN) != 0)
		return broken(m, "its leaves, behind those of last time, do not make its tree");
	return state_write(m);
}

static enum status say(struct monitor *m)
{
	struct cli *cli = m->cli;
	unsigned long long size = m->now.checkpoint.size, last = m->last.checkpoint.size;
	int witnesses = __builtin_popcountll(m->now.witnesses);
	enum status status = m->backwards ? STATUS_REFUSED : STATUS_DONE;
	if (cli->json) {
		json_t *types = json_object();
		for (int i = 1; i < LEAF_TYPES; i++)
			if (m->counts[i])
				(void)json_object_set_new(types, leaf_type_name((enum leaf_type)i),
					json_integer((json_int_t)m->counts[i]));
		return cli_print_json(cli,
			json_pack("{s:I,s:I,s:i,s:I,s:o}", "size", (json_int_t)size, "last_size",
				(json_int_t)last, "witnesses", witnesses, "times_backwards",
				(json_int_t)m->backwards, "leaves", types),
			status);
	}
	(void)printf("%sconsistent%s: %llu leaves, %llu more than last time, %d witnesses\n",
		colour(cli, "green"), colour(cli, "off"), size, size - last, witnesses);
	for (int i = 1; i < LEAF_TYPES; i++)
		if (m->counts[i])
			(void)printf("  %-12s %llu\n", leaf_type_name((enum leaf_type)i),
				(unsigned long long)m->counts[i]);
	return status;
}

static enum status run(struct cli *cli)
{
	OWNED(monitor_release) struct monitor m = {.cli = cli};
	OWNED(buf_release) struct buf text = {0};
	const char *policy = NULL;
	m.log = (struct log_client){
		.cli = cli, .url = option(cli, "url"), .ca = option(cli, "log-ca")};
	if (!option_required(cli, "policy", &policy) || !option_required(cli, "state", &m.state) ||
		!cli_read(policy, TLOG_POLICY_MAX, &text, &cli->err))
		return cli_fail(cli);
	if (!tlog_policy_parse(buf_bytes(&text), &m.policy, &cli->err)) {
		(void)err_wrap(&cli->err, "%s", policy);
		return cli_fail(cli);
	}
	if (!file_make_dirs(m.state, 0700, &cli->err) || !state_read(&m))
		return cli_fail(cli);
	if (follow(&m))
		return say(&m);
	if (cli->err.code != ERR_MISMATCH)
		return cli_fail(cli);
	(void)fprintf(
		stderr, "%srefused%s: %s\n", colour(cli, "red"), colour(cli, "off"), cli->err.text);
	return STATUS_REFUSED;
}

const struct command cmd_log_monitor = {
	.group = "log",
	.name = "monitor",
	.synopsis = "--policy FILE --state DIR [--url URL]",
	.summary =
		"Follows a ledger: every leaf read, and the tree of last time inside the new one.",
	.options = options,
	.run = run,
};
