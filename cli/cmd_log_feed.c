/* SPDX-License-Identifier: Apache-2.0 */
/*
 * assay log feed: takes the verifier's newest checkpoint to its witnesses and their cosignatures
 * back. The verifier itself opens no connection: this runs beside it, needs its public log and an
 * operator's certificate, and can forge nothing.
 */
#include "cli/commands.h"

#include "cli/log_client.h"
#include "ledger/tlog_policy.h"
#include "ledger/tlog_proof.h"

#include <errno.h>
#include <time.h>

#define ANSWER_MAX 8192u

static const struct option_spec options[] = {
	{"policy", "FILE", OPTION_VALUE, "the log and its witnesses with their URLs (tlog-policy)"},
	{"witness-ca", "FILE", OPTION_VALUE,
		"CA of the witnesses' servers (default: the system's)"},
	{"every", "SECONDS", OPTION_VALUE, "go on, so often, until a signal (default: once)"},
	API_OPTIONS,
	OPTIONS_END,
};

struct feed {
	struct cli *cli;
	struct log_client log;
	struct tlog_policy *policy;
	struct buf note; /* the checkpoint, and what was gathered */
	struct bytes text;
	struct checkpoint checkpoint;
	uint64_t seen[TLOG_POLICY_NAMES_MAX]; /* sizes that witnesses cosigned last */
	uint64_t cosigned; /* who did in this round */
	unsigned asked, answered;
};

static void feed_release(struct feed *feed)
{
	log_client_release(&feed->log);
	tlog_policy_free(&feed->policy);
	buf_release(&feed->note);
}

static bool latest_read(struct feed *feed)
{
	OWNED(buf_release) struct buf note = {0};
	struct err *err = &feed->cli->err;
	if (!log_client_get(&feed->log, "/latest", NOTE_MAX, &note))
		return false;
	buf_release(&feed->note);
	feed->note = TAKE_STRUCT(note);
	for (size_t i = 0; i < feed->policy->log_count; i++)
		if (note_open(buf_bytes(&feed->note), &feed->policy->logs[i].key, &feed->text, err))
			return checkpoint_parse(feed->text, &feed->checkpoint, err);
	return err_wrap(err, "the verifier's checkpoint");
}

static bool ask_once(struct feed *feed, const struct tlog_party *witness, uint64_t old,
	struct bytes note, struct buf *answer, long *ret_status)
{
	OWNED(witness_request_release)
	struct witness_request request = {.old_size = old, .checkpoint = note};
	OWNED(buf_release) struct buf body = {0};
	struct tile_source tiles = log_client_tiles(&feed->log, feed->checkpoint.size);
	struct err *err = &feed->cli->err;
	if (!tiles_consistency(&tiles, old, feed->checkpoint.size, &request.hashes, err) ||
		!witness_request_write(&request, &body, err))
		return false;
	struct bytes bytes = buf_bytes(&body);
	return api_elsewhere(feed->cli, witness->url, option(feed->cli, "witness-ca"),
		       "/add-checkpoint", "text/plain", &bytes, answer, ret_status) &&
	       (answer->len <= ANSWER_MAX ||
		       err_set(err, ERR_LIMIT, "an answer of %zu bytes", answer->len));
}

/* The size that a 409 tells. */
static bool size_of(const struct buf *answer, uint64_t *ret)
{
	struct bytes rest = buf_bytes(answer), line;
	return text_next_line(&rest, &line) && rest.len == 0 && text_decimal(line, ret);
}

/* A cosignature that does not verify would make the whole note worthless. */
static bool cosignature_take(struct feed *feed, const struct tlog_party *witness, struct bytes note,
	const struct buf *lines)
{
	OWNED(buf_release) struct buf both = {0};
	struct bytes text;
	int64_t time;
	struct err *err = &feed->cli->err;
	buf_put(&both, note);
	buf_put(&both, buf_bytes(lines));
	if (!buf_ok(&both, err) ||
		!note_cosigned(buf_bytes(&both), &witness->key, &text, &time, err))
		return false;
	const struct note_key *keys[] = {&witness->key};
	OWNED(buf_release) struct buf own = {0};
	if (!note_reduce(buf_bytes(&both), keys, 1, &own, err))
		return false;
	size_t head = text.len + 1;
	buf_put(&feed->note, bytes_of(own.data + head, own.len - head));
	return buf_ok(&feed->note, err);
}

static bool witness_ask(struct feed *feed, size_t i, struct bytes note)
{
	const struct tlog_party *witness = &feed->policy->witnesses[i];
	uint64_t old = feed->seen[i] <= feed->checkpoint.size ? feed->seen[i] : 0, told = 0;
	struct err *err = &feed->cli->err;
	long status = 0;
	for (int attempt = 0; attempt < 2; attempt++) {
		OWNED(buf_release) struct buf answer = {0};
		if (!ask_once(feed, witness, old, note, &answer, &status))
			return false;
		if (status == 200) {
			feed->seen[i] = feed->checkpoint.size;
			return cosignature_take(feed, witness, note, &answer);
		}
		if (status != 409 || !size_of(&answer, &told))
			return err_set(err, ERR_DENIED, "HTTP status %ld: %s", status,
				ESC(buf_bytes(&answer)));
		if (told > feed->checkpoint.size)
			return err_set(err, ERR_CONFLICT,
				"it has seen %llu leaves, and the ledger has %llu: an older copy?",
				(unsigned long long)told,
				(unsigned long long)feed->checkpoint.size);
		old = told;
	}
	return told == feed->checkpoint.size
		       ? err_set(err, ERR_CONFLICT,
				 "it has seen another tree of %llu leaves: the ledger was forked",
				 (unsigned long long)told)
		       : err_set(err, ERR_BUSY, "somebody else feeds it at the same time");
}

static bool deliver(struct feed *feed)
{
	OWNED(json_release) json_t *answer = NULL;
	struct bytes body = buf_bytes(&feed->note);
	return api_json(feed->cli, "/v1/log/cosigned", "text/plain", &body, &answer);
}

/* Every witness is asked, whatever the others say; what came together goes back. */
static bool round_run(struct feed *feed)
{
	OWNED(buf_release) struct buf note = {0};
	bool delivered = false;
	feed->asked = feed->answered = 0;
	feed->cosigned = 0;
	if (!latest_read(feed))
		return false;
	buf_put(&note, buf_bytes(&feed->note));
	if (!buf_ok(&note, &feed->cli->err))
		return false;
	for (size_t i = 0; i < feed->policy->witness_count; i++) {
		const struct tlog_party *witness = &feed->policy->witnesses[i];
		if (!witness->url)
			continue;
		feed->asked++;
		if (!witness_ask(feed, i, buf_bytes(&note))) {
			(void)fprintf(stderr, "assay: witness %s: %s\n", witness->name,
				feed->cli->err.text);
			continue;
		}
		feed->answered++;
		feed->cosigned |= UINT64_C(1) << i;
		/* At once: one that is slow must not let the others' cosignatures grow old. */
		if (!delivered && tlog_policy_quorum(feed->policy, feed->cosigned) &&
			!(delivered = deliver(feed)))
			return false;
	}
	return deliver(feed);
}

static bool say(struct feed *feed)
{
	unsigned long long size = feed->checkpoint.size;
	if (feed->cli->json)
		return cli_print_json(feed->cli,
			       json_pack("{s:I,s:i,s:i}", "size", (json_int_t)size, "asked",
				       (int)feed->asked, "cosigned", (int)feed->answered),
			       STATUS_DONE) == STATUS_DONE;
	(void)printf(
		"%llu leaves, cosigned by %u of %u witnesses\n", size, feed->answered, feed->asked);
	return fflush(stdout) == 0;
}

static bool feed_open(struct cli *cli, struct feed *feed, uint64_t *ret_every)
{
	OWNED(buf_release) struct buf text = {0};
	const char *policy = NULL, *every = option_or(cli, "every", "0");
	if (!option_required(cli, "policy", &policy) ||
		!cli_read(policy, TLOG_POLICY_MAX, &text, &cli->err))
		return false;
	if (!text_decimal(bytes_str(every), ret_every) || *ret_every > 86400)
		return err_set(&cli->err, ERR_USAGE, "--every: seconds, at most a day");
	if (!tlog_policy_parse(buf_bytes(&text), &feed->policy, &cli->err))
		return err_wrap(&cli->err, "%s", policy);
	if (feed->policy->log_count == 0)
		return err_set(&cli->err, ERR_USAGE, "%s: no log", policy);
	feed->cli = cli;
	feed->log.cli = cli;
	return true;
}

static enum status run(struct cli *cli)
{
	OWNED(feed_release) struct feed feed = {0};
	uint64_t every = 0;
	if (!feed_open(cli, &feed, &every))
		return cli_fail(cli);
	for (;;) {
		bool ok = round_run(&feed) && say(&feed);
		if (every == 0)
			return ok ? STATUS_DONE : cli_fail(cli);
		if (!ok)
			(void)fprintf(stderr, "assay: %s\n", cli->err.text);
		const struct timespec pause = {.tv_sec = (time_t)every};
		if (nanosleep(&pause, NULL) != 0 && errno != EINTR)
			return cli_fail(cli);
	}
}

const struct command cmd_log_feed = {
	.group = "log",
	.name = "feed",
	.synopsis = "--policy FILE [--every SECONDS] [--witness-ca FILE]",
	.summary = "Takes the verifier's checkpoint to its witnesses and brings it back cosigned.",
	.options = options,
	.run = run,
};
