/* SPDX-License-Identifier: Apache-2.0 */
/*
 * assay log monitor: follows a ledger from what it was when it was looked at last. Every leaf is
 * read, hashed, and must make the tree that was signed; the tree must contain the one of last time. With
 * a watch file, entries about somebody's thing are opened, and whoever else speaks of it is told.
 */
#include "cli/commands.h"

#include "base/time.h"
#include "cli/log_client.h"
#include "cli/log_credentials.h"
#include "cli/log_leaf.h"
#include "cli/log_openings.h"
#include "ledger/ledger.h"
#include "ledger/tlog_policy.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>

#define STATE_FILE  "state"
#define STATE_MAGIC "assay log monitor 1"
#define STATE_MAX   (NOTE_MAX + 8192)

static const struct option_spec options[] = {
	{"policy", "FILE", OPTION_VALUE, "the log, its witnesses and their quorum (tlog-policy)"},
	{"state", "DIR", OPTION_VALUE, "what was seen last; made if it is not there"},
	{"max-age", "SECONDS", OPTION_VALUE, "refuse a checkpoint that no quorum cosigned since"},
	{"watch", "FILE", OPTION_VALUE,
		"who may make entries about what; the verifier is asked to open them"},
	{"credentials", "DIR", OPTION_VALUE,
		"certificates and tokens that were shown: report whose decision is not there"},
	{"url", "URL", OPTION_VALUE, "where the log is (default: the verifier's own, /log)"},
	{"log-ca", "FILE", OPTION_VALUE, "CA of that server (default: the system's)"},
	API_OPTIONS,
	OPTIONS_END,
};

struct monitor {
	struct cli *cli;
	struct log_client log;
	struct tlog_policy *policy;
	struct log_watch *watch; /* NULL: nothing is opened */
	const char *state;
	int lock;
	struct buf note, last_note;
	struct tlog_cosigned now;
	struct checkpoint last; /* size 0: nothing was seen before */
	struct tree_edge edge; /* of the leaves read so far */
	int64_t time; /* of the last leaf */
	int64_t clock; /* ours, when we began */
	uint64_t counts[LEAF_TYPES], backwards, ahead, unreadable, opened, destroyed;
	struct log_credentials credentials;
	int64_t age; /* seconds since a quorum cosigned; -1: no quorum is demanded */
};

static void monitor_release(struct monitor *m)
{
	log_client_release(&m->log);
	tlog_policy_free(&m->policy);
	log_watch_free(&m->watch);
	log_credentials_release(&m->credentials);
	buf_release(&m->note);
	buf_release(&m->last_note);
	fd_close(&m->lock);
}

static bool state_path(const struct monitor *m, const char *name, struct buf *out)
{
	return path_join(out, m->state, name) != NULL ||
	       err_set(&m->cli->err, ERR_NOMEM, "monitor");
}

static bool state_lock(struct monitor *m)
{
	OWNED(buf_release) struct buf path = {0};
	if (!state_path(m, "lock", &path))
		return false;
	m->lock = open(buf_str(&path), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (m->lock < 0)
		return err_errno(&m->cli->err, errno, "%s", buf_str(&path));
	return flock(m->lock, LOCK_EX | LOCK_NB) == 0 ||
	       err_set(&m->cli->err, ERR_BUSY, "%s: another monitor works on it", m->state);
}

/* ---- what it was last time: a line each for the last leaf's time and the tree's right edge, then the
 * note ---- */

static bool line_take(struct bytes *rest, const char *word, struct bytes *ret)
{
	struct bytes line;
	size_t len = strlen(word);
	if (!text_next_line(rest, &line) || line.len < len || memcmp(line.data, word, len) != 0)
		return false;
	*ret = bytes_of(line.data + len, line.len - len);
	return true;
}

static bool state_parse(struct monitor *m, struct bytes in)
{
	OWNED(buf_release) struct buf edge = {0};
	struct err *err = &m->cli->err;
	struct bytes value, time, coded;
	uint64_t number = 0;
	if (!line_take(&in, STATE_MAGIC, &value) || value.len > 0 ||
		!line_take(&in, "time ", &time) || !text_decimal(time, &number) ||
		number > INT64_MAX || !line_take(&in, "edge ", &coded) ||
		!base64_decode(coded, false, 4096, &edge, err) ||
		!tree_edge_decode(buf_bytes(&edge), &m->edge, err))
		return err_set(err, ERR_CONFIG, "not a monitor's state");
	m->time = (int64_t)number;
	buf_put(&m->last_note, in);
	return buf_ok(&m->last_note, err);
}

/* Signed by one of the policy's logs; who witnessed it then is no matter now. */
static bool state_check(struct monitor *m)
{
	struct err *err = &m->cli->err;
	uint8_t root[SHA256_LEN];
	struct bytes text;
	bool opened = false;
	for (size_t i = 0; i < m->policy->log_count && !opened; i++)
		opened = note_open(buf_bytes(&m->last_note), &m->policy->logs[i].key, &text, err);
	if (!opened || !checkpoint_parse(text, &m->last, err) || !tree_root(&m->edge, root, err))
		return err_set(err, ERR_CONFIG, "not a tree of a log in the policy");
	return (m->edge.size == m->last.size && memcmp(root, m->last.root, SHA256_LEN) == 0) ||
	       err_set(err, ERR_CONFIG, "its parts are not of one tree");
}

/* A state that does not fit together is an error: it is what the ledger is held against. */
static bool state_read(struct monitor *m)
{
	OWNED(buf_release) struct buf path = {0}, text = {0};
	struct err *err = &m->cli->err;
	if (!state_path(m, STATE_FILE, &path))
		return false;
	if (!cli_read(buf_str(&path), STATE_MAX, &text, err)) {
		if (err->code != ERR_NOT_FOUND)
			return false;
		*err = (struct err){0};
		return true;
	}
	if (!state_parse(m, buf_bytes(&text)) || !state_check(m))
		return err_wrap(err, "%s", buf_str(&path));
	*err = (struct err){0};
	return true;
}

/* One file, whole or not at all. */
static bool state_write(struct monitor *m)
{
	OWNED(buf_release) struct buf path = {0}, edge = {0}, text = {0};
	struct err *err = &m->cli->err;
	if (!state_path(m, STATE_FILE, &path) || !tree_edge_encode(&m->edge, &edge, err))
		return false;
	buf_printf(&text, STATE_MAGIC "\ntime %lld\nedge ", (long long)m->time);
	buf_put_base64(&text, buf_bytes(&edge), false);
	buf_put_u8(&text, '\n');
	buf_put(&text, buf_bytes(&m->note));
	return buf_ok(&text, err) && file_write_atomic(buf_str(&path), buf_bytes(&text), 0600, err);
}

/* ---- what it is now ---- */

/* The ledger says something that it denied before: its note is kept, once for each root. What it said
 * before stays in the state. */
static bool broken(struct monitor *m, const char *why)
{
	OWNED(buf_release) struct buf path = {0};
	char name[64], hex[17];
	(void)snprintf(name, sizeof(name), "contradiction-%llu-%s",
		(unsigned long long)m->now.checkpoint.size,
		text_short_hex(BYTES_OF(m->now.checkpoint.root), hex));
	if (!state_path(m, name, &path) ||
		!file_write_atomic(buf_str(&path), buf_bytes(&m->note), 0600, &m->cli->err))
		return false;
	return err_set(&m->cli->err, ERR_MISMATCH, "%s (kept: %s)", why, buf_str(&path));
}

static bool age_check(struct monitor *m)
{
	uint64_t most = 0;
	const char *text = option(m->cli, "max-age");
	m->age = tlog_policy_age(m->policy, &m->now, m->clock);
	if (!text)
		return true;
	if (!text_decimal(bytes_str(text), &most) || most > INT64_MAX)
		return err_set(&m->cli->err, ERR_USAGE, "--max-age: seconds");
	if (m->policy->quorum == QUORUM_NONE)
		return err_set(&m->cli->err, ERR_USAGE, "--max-age: the policy demands no quorum");
	if (m->age < 0)
		return err_set(&m->cli->err, ERR_MISMATCH,
			"the checkpoint shown: without cosignatures of a time to come there is no "
			"quorum");
	return (uint64_t)m->age <= most ||
	       err_set(&m->cli->err, ERR_MISMATCH,
		       "the checkpoint shown was cosigned %llds ago: an old view",
		       (long long)m->age);
}

static bool checkpoint_read(struct monitor *m)
{
	const struct checkpoint *now = &m->now.checkpoint;
	if (!log_client_get(&m->log, "/checkpoint", NOTE_MAX, &m->note) ||
		!tlog_policy_check(m->policy, NULL, buf_bytes(&m->note), &m->now, &m->cli->err) ||
		!age_check(m))
		return false;
	if (m->last.size == 0)
		return true;
	if (!bytes_equal(now->origin, m->last.origin))
		return err_set(&m->cli->err, ERR_CONFIG,
			"%s: this state is of another log; use a state for each", m->state);
	if (now->size < m->last.size)
		return err_set(&m->cli->err, ERR_MISMATCH,
			"the ledger is smaller than it was, %llu leaves and not %llu: an older "
			"view, or an older copy",
			(unsigned long long)now->size, (unsigned long long)m->last.size);
	if (now->size == m->last.size && memcmp(now->root, m->last.root, SHA256_LEN) != 0)
		return broken(m, "the ledger shows another tree of the same size");
	return true;
}

/* One that is yet to come is no measure for those behind it. */
static void time_look(struct monitor *m, unsigned long long at, int64_t time)
{
	switch (log_leaf_time(time, m->time, m->clock)) {
	case LEAF_TIME_FITS:
		m->time = time;
		return;
	case LEAF_TIME_BACKWARDS:
		m->backwards++;
		(void)fprintf(stderr,
			"assay: leaf %llu: its time lies %llds before an earlier one's\n", at,
			(long long)(m->time - time));
		return;
	case LEAF_TIME_AHEAD:
		m->ahead++;
		(void)fprintf(stderr, "assay: leaf %llu: its time lies %llds ahead of ours\n", at,
			(long long)(time - m->clock));
		return;
	}
}

/* Every leaf counts for the tree, whatever is in it. */
static bool leaf_look(struct monitor *m, struct bytes bytes)
{
	struct leaf leaf = {0};
	uint8_t hash[SHA256_LEN];
	struct err why = {0};
	unsigned long long at = m->edge.size;
	if (!leaf_hash(bytes, hash, &m->cli->err) || !tree_append(&m->edge, hash, &m->cli->err))
		return false;
	log_credentials_leaf(&m->credentials, hash);
	if (!leaf_decode(bytes, &leaf, &why)) {
		m->unreadable++;
		(void)fprintf(stderr, "assay: leaf %llu: %s\n", at, why.text);
		return why.code != ERR_NOMEM || err_set(&m->cli->err, ERR_NOMEM, "monitor");
	}
	time_look(m, at, leaf.time);
	m->counts[leaf.type]++;
	if (!m->watch || !log_watch_opens(leaf_type_name(leaf.type)))
		return true;
	m->opened++;
	return log_opening_judge(m->cli, m->watch, at, &leaf);
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
	if (!log_credentials_search(&m->credentials, &m->log, &m->now.checkpoint))
		return false;
	if (m->watch)
		m->destroyed = log_watch_settle(m->watch);
	return state_write(m);
}

static json_t *warnings_json(const struct monitor *m)
{
	json_t *list = json_array();
	size_t n = 0;
	const struct log_watch_warning *w = m->watch ? log_watch_warnings(m->watch, &n) : NULL;
	for (size_t i = 0; list && i < n; i++)
		(void)json_array_append_new(
			list, json_pack("{s:I,s:s,s:s}", "index", (json_int_t)w[i].index, "type",
				      w[i].type, "warning", w[i].text));
	return list;
}

static enum status say_json(struct monitor *m, enum status status)
{
	json_t *types = json_object();
	for (int i = 1; i < LEAF_TYPES; i++)
		if (m->counts[i])
			(void)json_object_set_new(types, leaf_type_name((enum leaf_type)i),
				json_integer((json_int_t)m->counts[i]));
	return cli_print_json(m->cli,
		json_pack("{s:I,s:I,s:i,s:o,s:I,s:I,s:I,s:I,s:I,s:o,s:I,s:I,s:o}", "size",
			(json_int_t)m->now.checkpoint.size, "last_size", (json_int_t)m->last.size,
			"witnesses", __builtin_popcountll(m->now.witnesses), "age",
			m->age < 0 ? json_null() : json_integer((json_int_t)m->age),
			"times_backwards", (json_int_t)m->backwards, "times_ahead",
			(json_int_t)m->ahead, "unreadable", (json_int_t)m->unreadable,
			"credentials_missing", (json_int_t)m->credentials.missing,
			"credentials_nameless", (json_int_t)m->credentials.nameless, "leaves",
			types, "opened", (json_int_t)m->opened, "destroyed",
			(json_int_t)m->destroyed, "warnings", warnings_json(m)),
		status);
}

static void say_warnings(const struct monitor *m)
{
	size_t n = 0;
	const struct log_watch_warning *w = m->watch ? log_watch_warnings(m->watch, &n) : NULL;
	if (m->watch)
		(void)printf(
			"%llu entries opened, %zu warnings\n", (unsigned long long)m->opened, n);
	if (m->destroyed)
		(void)printf("%llu entries not opened: retention destroyed their content\n",
			(unsigned long long)m->destroyed);
	for (size_t i = 0; i < n; i++)
		(void)printf("%swarning%s: leaf %llu, %s: %s\n", colour(m->cli, "red"),
			colour(m->cli, "off"), (unsigned long long)w[i].index, w[i].type,
			w[i].text);
}

static bool warned(const struct monitor *m)
{
	size_t n = 0;
	return m->watch && log_watch_warnings(m->watch, &n) && n > 0;
}

static enum status say(struct monitor *m)
{
	struct cli *cli = m->cli;
	unsigned long long size = m->now.checkpoint.size, last = m->last.size;
	bool strange = m->backwards || m->ahead || m->unreadable || warned(m) ||
		       m->credentials.missing || m->credentials.nameless;
	enum status status = strange ? STATUS_REFUSED : STATUS_DONE;
	if (cli->json)
		return say_json(m, status);
	(void)printf("%sconsistent%s: %llu leaves, %llu more than last time, %d witnesses",
		colour(cli, "green"), colour(cli, "off"), size, size - last,
		__builtin_popcountll(m->now.witnesses));
	if (m->age >= 0)
		(void)printf(", a quorum %llds ago", (long long)m->age);
	(void)printf("\n");
	if (m->credentials.count + m->credentials.nameless > 0)
		(void)printf("  credentials  %zu, %zu of them without their decision in the "
			     "ledger\n",
			m->credentials.count + m->credentials.nameless,
			m->credentials.missing + m->credentials.nameless);
	for (int i = 1; i < LEAF_TYPES; i++)
		if (m->counts[i])
			(void)printf("  %-12s %llu\n", leaf_type_name((enum leaf_type)i),
				(unsigned long long)m->counts[i]);
	say_warnings(m);
	return status;
}

static enum status run(struct cli *cli)
{
	OWNED(monitor_release)
	struct monitor m = {.cli = cli, .lock = -1, .clock = clock_wall(&clock_system)};
	m.log = (struct log_client){
		.cli = cli, .url = option(cli, "url"), .ca = option(cli, "log-ca")};
	if (!option_required(cli, "state", &m.state) || !log_policy_read(cli, "policy", &m.policy))
		return cli_fail(cli);
	if (option(cli, "credentials") &&
		!log_credentials_read(cli, option(cli, "credentials"), &m.credentials))
		return cli_fail(cli);
	if (option(cli, "watch") && !log_watch_load(option(cli, "watch"), &m.watch, &cli->err))
		return cli_fail(cli);
	if (!file_make_dirs(m.state, 0700, &cli->err) || !state_lock(&m) || !state_read(&m))
		return cli_fail(cli);
	if (follow(&m))
		return say(&m);
	if (cli->err.code != ERR_MISMATCH || cli->json)
		return cli_fail(cli);
	(void)fprintf(
		stderr, "%srefused%s: %s\n", colour(cli, "red"), colour(cli, "off"), cli->err.text);
	return STATUS_REFUSED;
}

const struct command cmd_log_monitor = {
	.group = "log",
	.name = "monitor",
	.synopsis = "--policy FILE --state DIR [--watch FILE] [--max-age SECONDS] [--url URL]",
	.summary = "Follows a ledger leaf by leaf, and tells of entries that others made.",
	.options = options,
	.run = run,
};
