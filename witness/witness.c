/* SPDX-License-Identifier: Apache-2.0 */
#include "witness/witness.h"

#include "base/file.h"
#include "base/text.h"
#include "ledger/tlog_proof.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>

#define STATE_FILE "checkpoint"
#define LOCK_FILE  "lock"
#define TEXT_PLAIN "text/plain; charset=utf-8"

struct watched { /* one log */
	const struct note_key *key;
	char hex[2 * SHA256_LEN + 1]; /* SHA-256 of its origin */
	struct witness_state state;
	struct buf note; /* the last one cosigned, as stored; empty: none */
};

struct witness {
	struct witness_config config;
	char *directory;
	int lock_fd;
	pthread_mutex_t lock; /* over what is below, and the files */
	size_t count;
	struct watched logs[TLOG_POLICY_LOGS_MAX];
};

void witness_reply_release(struct witness_reply *reply)
{
	buf_release(&reply->body);
	memset(reply, 0, sizeof(*reply));
}

static bool path_of(const struct witness *witness, const struct watched *log, const char *name,
	struct buf *out, struct err *err)
{
	buf_clear(out);
	buf_printf(out, "%s/%s/%s", witness->directory, log->hex, name);
	return buf_str(out) != NULL || err_set(err, ERR_NOMEM, "witness");
}

/* ---- opening ---- */

/* Fails closed: a state that is not this witness's own would let it sign a second history. */
static bool state_read(const struct witness *witness, struct watched *log, struct err *err)
{
	OWNED(buf_release) struct buf path = {0};
	struct checkpoint checkpoint;
	struct bytes text;
	struct stat st;
	struct err why = {0};
	int64_t time;

	if (!path_of(witness, log, STATE_FILE, &path, err))
		return false;
	if (lstat(buf_str(&path), &st) != 0 && errno == ENOENT)
		return true;
	if (!file_read(buf_str(&path), NOTE_MAX, &log->note, err))
		return false;
	if (!note_cosigned(buf_bytes(&log->note), witness->config.cosigner, &text, &time, &why) ||
		!note_open(buf_bytes(&log->note), log->key, &text, &why) ||
		!checkpoint_parse(text, &checkpoint, &why))
		return err_set(err, why.code == ERR_NOMEM ? ERR_NOMEM : ERR_STORE,
			"%s: not what this witness signed last: %s", buf_str(&path), why.text);
	log->state.size = checkpoint.size;
	memcpy(log->state.root, checkpoint.root, SHA256_LEN);
	return true;
}

static bool log_open(struct witness *witness, const struct note_key *key, struct err *err)
{
	struct watched *log = &witness->logs[witness->count++];
	OWNED(buf_release) struct buf path = {0};
	uint8_t digest[SHA256_LEN];

	log->key = key;
	if (!sha256_of(bytes_str(key->name), digest, err))
		return false;
	hex_encode(BYTES_OF(digest), log->hex);
	for (size_t i = 0; i + 1 < witness->count; i++)
		if (strcmp(witness->logs[i].hex, log->hex) == 0)
			return err_set(err, ERR_USAGE, "%s: two keys of one log", key->name);
	buf_printf(&path, "%s/%s", witness->directory, log->hex);
	return buf_ok(&path, err) && file_make_dirs(buf_str(&path), 0755, err) &&
	       state_read(witness, log, err);
}

/* For as long as this process lives. */
static bool lock_take(struct witness *witness, struct err *err)
{
	OWNED(buf_release) struct buf path = {0};

	if (!path_join(&path, witness->directory, LOCK_FILE))
		return err_set(err, ERR_NOMEM, "witness");
	witness->lock_fd = open(buf_str(&path), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (witness->lock_fd < 0)
		return err_errno(err, errno, "%s", buf_str(&path));
	if (flock(witness->lock_fd, LOCK_EX | LOCK_NB) == 0)
		return true;
	return errno == EWOULDBLOCK
		       ? err_set(err, ERR_BUSY, "%s: another witness works on this directory",
				 witness->directory)
		       : err_errno(err, errno, "%s", buf_str(&path));
}

bool witness_open(const struct witness_config *config, struct witness **ret, struct err *err)
{
	struct witness *made = calloc(1, sizeof(*made));

	if (!made)
		return err_set(err, ERR_NOMEM, "witness");
	if (pthread_mutex_init(&made->lock, NULL) != 0) {
		free(made);
		return err_set(err, ERR_NOMEM, "witness");
	}
	OWNED(witness_close) struct witness *witness = made;
	witness->lock_fd = -1;
	witness->config = *config;
	witness->directory = bytes_strdup(bytes_str(config->directory));
	if (!witness->directory)
		return err_set(err, ERR_NOMEM, "witness");
	if (config->policy->log_count == 0)
		return err_set(err, ERR_USAGE, "witness: no log to witness");
	if (!config->cosigner->cosigner || !key_has_private(config->cosigner->key))
		return err_set(err, ERR_USAGE, "witness: no private key to cosign with");
	if (!file_make_dirs(witness->directory, 0755, err) || !lock_take(witness, err))
		return false;
	for (size_t i = 0; i < config->policy->log_count; i++)
		if (!log_open(witness, &config->policy->logs[i].key, err))
			return err_wrap(err, "witness");
	*ret = TAKE(witness);
	return true;
}

void witness_close(struct witness **witness)
{
	struct witness *self = *witness;

	*witness = NULL;
	if (!self)
		return;
	for (size_t i = 0; i < self->count; i++)
		buf_release(&self->logs[i].note);
	fd_close(&self->lock_fd);
	(void)pthread_mutex_destroy(&self->lock);
	free(self->directory);
	free(self);
}

/* ---- answering ---- */

static void say(struct witness_reply *reply, int status, const char *type, const char *text)
{
	reply->status = status;
	reply->type = type;
	buf_put_str(&reply->body, text);
}

static void fault(const struct witness *witness, const char *origin, const struct err *why,
	struct witness_reply *reply)
{
	log_event(witness->config.log, LOG_LEVEL_ERROR, "witness-fault", {"log", bytes_str(origin)},
		{"error", bytes_str(why->text)});
	buf_clear(&reply->body);
	say(reply, 500, TEXT_PLAIN, "this witness has a fault\n");
}

/* Durable before it is answered: the text with the log's signature, which was verified, and the
 * cosignature. What others signed, or what stands there in their names, is not kept. */
static bool cosign(struct witness *witness, struct watched *log,
	const struct witness_request *request, struct bytes text, const struct witness_state *state,
	struct buf *ret_line, struct err *err)
{
	OWNED(buf_release) struct buf note = {0};
	OWNED(buf_release) struct buf path = {0};

	if (!note_cosign(text, witness->config.cosigner, clock_wall(witness->config.clock),
		    ret_line, err))
		return false;
	/* The same tree again: what is on the disk says it already. */
	if (log->note.len > 0 && log->state.size == state->size)
		return true;
	if (!note_reduce(request->checkpoint, &log->key, 1, &note, err))
		return false;
	buf_put(&note, buf_bytes(ret_line));
	if (note.len > NOTE_MAX)
		return err_set(err, ERR_LIMIT, "the checkpoint is too long to be cosigned");
	if (!buf_ok(&note, err) || !path_of(witness, log, STATE_FILE, &path, err) ||
		!file_write_atomic(buf_str(&path), buf_bytes(&note), 0644, err))
		return false;
	log->state = *state;
	buf_release(&log->note);
	log->note = TAKE_STRUCT(note);
	return true;
}

/* Both sides, once for each size: the first pair is proof enough. */
static bool keep_fork(const struct witness *witness, const struct watched *log,
	struct bytes checkpoint, struct err *err)
{
	const struct bytes sides[] = {buf_bytes(&log->note), checkpoint};

	for (size_t i = 0; i < ARRAY_LEN(sides); i++) {
		OWNED(buf_release) struct buf path = {0};
		char name[40];
		struct stat st;

		(void)snprintf(name, sizeof(name), "fork-%llu-%c",
			(unsigned long long)log->state.size, (char)('a' + (int)i));
		if (!path_of(witness, log, name, &path, err))
			return false;
		if (lstat(buf_str(&path), &st) == 0)
			continue;
		if (!file_write_atomic(buf_str(&path), sides[i], 0644, err))
			return false;
	}
	return true;
}

static struct watched *log_find(struct witness *witness, struct bytes origin)
{
	for (size_t i = 0; i < witness->count; i++)
		if (bytes_equal_str(origin, witness->logs[i].key->name))
			return &witness->logs[i];
	return NULL;
}

/* Under the lock. */
static void decide(struct witness *witness, struct watched *log,
	const struct witness_request *request, struct witness_reply *reply)
{
	enum witness_answer answer = WITNESS_UNSIGNED;
	struct witness_state after = {0};
	struct bytes text = {0};
	struct err why = {0};

	if (!witness_judge(request, log->key, &log->state, &answer, &after, &text, &why)) {
		fault(witness, log->key->name, &why, reply);
		return;
	}
	if (answer == WITNESS_COSIGNS) {
		if (cosign(witness, log, request, text, &after, &reply->body, &why)) {
			say(reply, 200, TEXT_PLAIN, "");
			return;
		}
		if (why.code != ERR_LIMIT) {
			fault(witness, log->key->name, &why, reply);
			return;
		}
		buf_clear(&reply->body);
		say(reply, 400, TEXT_PLAIN, "the checkpoint is too long to be cosigned\n");
		return;
	}
	if (answer == WITNESS_FORK) {
		struct err lost = {0};
		bool kept = keep_fork(witness, log, request->checkpoint, &lost);

		log_event(witness->config.log, LOG_LEVEL_ERROR, "log-forked",
			{"log", bytes_str(log->key->name)}, {"why", bytes_str(why.text)},
			{"evidence", kept ? bytes_str(log->hex) : bytes_str(lost.text)});
	} else if (answer == WITNESS_UNPROVEN) {
		/* Signed by the log, and no continuation. What anybody can send is not worth a line. */
		log_event(witness->config.log, LOG_LEVEL_WARNING, "checkpoint-refused",
			{"log", bytes_str(log->key->name)}, {"why", bytes_str(why.text)});
	}
	if (answer == WITNESS_BEHIND || answer == WITNESS_FORK) {
		buf_printf(&reply->body, "%llu\n", (unsigned long long)log->state.size);
		say(reply, 409, "text/x.tlog.size", "");
		return;
	}
	say(reply, witness_answer_status(answer), TEXT_PLAIN, why.text);
	buf_put_u8(&reply->body, '\n');
}

void witness_add(struct witness *witness, struct bytes body, struct witness_reply *ret)
{
	OWNED(witness_request_release) struct witness_request request = {0};
	struct bytes origin;
	struct err why = {0};

	if (!witness_request_parse(body, &request, &why) ||
		!witness_request_origin(&request, &origin, &why)) {
		if (why.code == ERR_NOMEM)
			fault(witness, "", &why, ret);
		else
			say(ret, 400, TEXT_PLAIN, why.text), buf_put_u8(&ret->body, '\n');
		return;
	}
	struct watched *log = log_find(witness, origin);
	if (!log) {
		say(ret, 404, TEXT_PLAIN, "this log is not known here\n");
		return;
	}
	(void)pthread_mutex_lock(&witness->lock);
	decide(witness, log, &request, ret);
	(void)pthread_mutex_unlock(&witness->lock);
	if (!buf_ok(&ret->body, &why))
		fault(witness, log->key->name, &why, ret);
}

void witness_latest(struct witness *witness, const char *origin_hex, struct witness_reply *ret)
{
	say(ret, 404, TEXT_PLAIN, "");
	(void)pthread_mutex_lock(&witness->lock);
	for (size_t i = 0; i < witness->count; i++)
		if (strcmp(witness->logs[i].hex, origin_hex) == 0 &&
			witness->logs[i].note.len > 0) {
			ret->status = 200;
			buf_put(&ret->body, buf_bytes(&witness->logs[i].note));
		}
	(void)pthread_mutex_unlock(&witness->lock);
	if (ret->status == 404)
		buf_put_str(&ret->body, "nothing was cosigned\n");
}
