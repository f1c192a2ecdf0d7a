/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger/tlog_proof.h"

#include "base/text.h"

static const char magic[] = "c2sp.org/tlog-proof@v1";

void tlog_proof_release(struct tlog_proof *proof)
{
	buf_release(&proof->extra);
	buf_release(&proof->hashes);
	memset(proof, 0, sizeof(*proof));
}

void witness_request_release(struct witness_request *request)
{
	buf_release(&request->hashes);
	memset(request, 0, sizeof(*request));
}

/* ---- lines ---- */

/* "word value". */
static bool line_value(struct bytes line, const char *word, struct bytes *ret)
{
	size_t len = strlen(word);

	if (line.len <= len || memcmp(line.data, word, len) != 0 || line.data[len] != ' ')
		return false;
	*ret = bytes_of(line.data + len + 1, line.len - len - 1);
	return true;
}

/* Hashes up to the empty line; what follows it is the checkpoint. */
static bool read_hashes(struct bytes *rest, const char *what, struct buf *ret, struct err *err)
{
	OWNED(buf_release) struct buf hash = {0};
	struct bytes line;

	for (unsigned n = 0;; n++) {
		if (!text_next_line(rest, &line))
			return err_set(
				err, ERR_FORMAT, "%s: no empty line behind the hashes", what);
		if (line.len == 0)
			break;
		if (n == TLOG_PROOF_HASHES_MAX)
			return err_set(err, ERR_LIMIT, "%s: more than %d hashes", what,
				TLOG_PROOF_HASHES_MAX);
		if (!base64_decode(line, false, SHA256_LEN, &hash, err))
			return err_wrap(err, "%s: hash %u", what, n);
		if (hash.len != SHA256_LEN)
			return err_set(
				err, ERR_FORMAT, "%s: hash %u: %zu bytes", what, n, hash.len);
		buf_put(ret, buf_bytes(&hash));
	}
	if (rest->len == 0)
		return err_set(err, ERR_FORMAT, "%s: no checkpoint", what);
	return buf_ok(ret, err);
}

static bool write_hashes(
	const struct buf *hashes, struct bytes checkpoint, struct buf *out, struct err *err)
{
	if (hashes->len % SHA256_LEN != 0 || hashes->len / SHA256_LEN > TLOG_PROOF_HASHES_MAX)
		return err_set(
			err, ERR_USAGE, "proof: %zu bytes are no list of hashes", hashes->len);
	for (size_t i = 0; i < hashes->len; i += SHA256_LEN) {
		buf_put_base64(out, bytes_of(hashes->data + i, SHA256_LEN), false);
		buf_put_u8(out, '\n');
	}
	buf_put_u8(out, '\n');
	buf_put(out, checkpoint);
	return buf_ok(out, err);
}

/* ---- offline proofs ---- */

static bool read_head(struct bytes *rest, struct tlog_proof *proof, struct err *err)
{
	struct bytes line, value;

	if (!text_next_line(rest, &line) || !bytes_equal_str(line, magic))
		return err_set(err, ERR_FORMAT, "proof: does not begin with %s", magic);
	if (!text_next_line(rest, &line))
		return err_set(err, ERR_FORMAT, "proof: no index");
	if (line_value(line, "extra", &value)) {
		if (!base64_decode(value, false, TLOG_PROOF_EXTRA_MAX, &proof->extra, err))
			return err_wrap(err, "proof: extra");
		if (!text_next_line(rest, &line))
			return err_set(err, ERR_FORMAT, "proof: no index");
	}
	if (!line_value(line, "index", &value) || !text_decimal(value, &proof->index))
		return err_set(err, ERR_FORMAT, "proof: no index");
	return true;
}

bool tlog_proof_parse(struct bytes in, struct tlog_proof *ret, struct err *err)
{
	OWNED(tlog_proof_release) struct tlog_proof proof = {0};

	if (in.len > TLOG_PROOF_MAX)
		return err_set(err, ERR_LIMIT, "proof: %zu bytes, at most %d", in.len,
			(int)TLOG_PROOF_MAX);
	if (!read_head(&in, &proof, err) || !read_hashes(&in, "proof", &proof.hashes, err))
		return false;
	proof.checkpoint = in;
	*ret = TAKE_STRUCT(proof);
	return true;
}

bool tlog_proof_write(const struct tlog_proof *proof, struct buf *out, struct err *err)
{
	buf_printf(out, "%s\n", magic);
	if (proof->extra.len > 0) {
		buf_put_str(out, "extra ");
		buf_put_base64(out, buf_bytes(&proof->extra), false);
		buf_put_u8(out, '\n');
	}
	buf_printf(out, "index %llu\n", (unsigned long long)proof->index);
	return write_hashes(&proof->hashes, proof->checkpoint, out, err);
}

bool tlog_proof_verify(const struct tlog_proof *proof, const struct note_key *log,
	const uint8_t leaf[SHA256_LEN], struct checkpoint *ret_checkpoint, struct err *err)
{
	struct checkpoint checkpoint;
	struct bytes text;

	if (!note_open(proof->checkpoint, log, &text, err) ||
		!checkpoint_parse(text, &checkpoint, err))
		return false;
	if (!bytes_equal_str(checkpoint.origin, log->name))
		return err_set(err, ERR_MISMATCH, "proof: the checkpoint is of log \"%s\", not %s",
			ESC(checkpoint.origin), log->name);
	if (!tree_inclusion_check(proof->index, checkpoint.size, leaf, buf_bytes(&proof->hashes),
		    checkpoint.root, err))
		return false;
	if (ret_checkpoint)
		*ret_checkpoint = checkpoint;
	return true;
}

/* ---- requests to witnesses ---- */

bool witness_request_parse(struct bytes in, struct witness_request *ret, struct err *err)
{
	OWNED(witness_request_release) struct witness_request request = {0};
	struct bytes line, value;

	if (!text_next_line(&in, &line) || !line_value(line, "old", &value) ||
		!text_decimal(value, &request.old_size))
		return err_set(err, ERR_FORMAT, "request: does not begin with the old size");
	if (!read_hashes(&in, "request", &request.hashes, err))
		return false;
	request.checkpoint = in;
	*ret = TAKE_STRUCT(request);
	return true;
}

bool witness_request_write(const struct witness_request *request, struct buf *out, struct err *err)
{
	buf_printf(out, "old %llu\n", (unsigned long long)request->old_size);
	return write_hashes(&request->hashes, request->checkpoint, out, err);
}

bool witness_request_origin(
	const struct witness_request *request, struct bytes *ret, struct err *err)
{
	struct bytes rest = request->checkpoint;

	return (text_next_line(&rest, ret) && ret->len > 0 && ret->len <= NOTE_NAME_MAX) ||
	       err_set(err, ERR_FORMAT, "request: the checkpoint has no origin");
}

int witness_answer_status(enum witness_answer answer)
{
	static const int statuses[] = {
		[WITNESS_COSIGNS] = 200,
		[WITNESS_MALFORMED] = 400,
		[WITNESS_UNSIGNED] = 403,
		[WITNESS_BEHIND] = 409,
		[WITNESS_FORK] = 409,
		[WITNESS_UNPROVEN] = 422,
	};

	return statuses[answer];
}

/* Whether an error says something about the request, and nothing about this machine. */
static bool is_finding(const struct err *why)
{
	return why->code == ERR_MISMATCH || why->code == ERR_FORMAT || why->code == ERR_LIMIT;
}

static bool answer(
	enum witness_answer *ret, enum witness_answer value, const struct err *why, struct err *err)
{
	*ret = value;
	(void)err_set(err, why->code, "%s", why->text);
	return is_finding(why);
}

/* The same log, a tree that is not smaller, and what the witness knows inside it. */
static bool judge_tree(const struct witness_request *request, const struct checkpoint *checkpoint,
	const struct witness_state *state, enum witness_answer *ret, struct err *err)
{
	uint8_t old_root[SHA256_LEN];
	struct err why = {0};

	if (state->size == checkpoint->size && state->size > 0 &&
		memcmp(state->root, checkpoint->root, SHA256_LEN) != 0) {
		(void)err_set(&why, ERR_MISMATCH, "another tree of size %llu was cosigned before",
			(unsigned long long)state->size);
		return answer(ret, WITNESS_FORK, &why, err);
	}
	if (request->old_size > checkpoint->size) {
		(void)err_set(&why, ERR_FORMAT, "the old size %llu is above the new one, %llu",
			(unsigned long long)request->old_size,
			(unsigned long long)checkpoint->size);
		return answer(ret, WITNESS_MALFORMED, &why, err);
	}
	if (request->old_size != state->size) {
		(void)err_set(&why, ERR_MISMATCH, "the last cosigned size is %llu, not %llu",
			(unsigned long long)state->size, (unsigned long long)request->old_size);
		return answer(ret, WITNESS_BEHIND, &why, err);
	}
	memcpy(old_root, state->root, sizeof(old_root));
	if (state->size == 0 && !sha256_of((struct bytes){0}, old_root, err))
		return false;
	if (!tree_consistency_check(state->size, checkpoint->size, old_root, checkpoint->root,
		    buf_bytes(&request->hashes), &why))
		return answer(ret, WITNESS_UNPROVEN, &why, err);
	*ret = WITNESS_COSIGNS;
	return true;
}

bool witness_judge(const struct witness_request *request, const struct note_key *log,
	const struct witness_state *state, enum witness_answer *ret_answer,
	struct witness_state *ret_state, struct bytes *ret_text, struct err *err)
{
	struct checkpoint checkpoint;
	struct err why = {0};

	if (!note_open(request->checkpoint, log, ret_text, &why) ||
		!checkpoint_parse(*ret_text, &checkpoint, &why))
		return answer(ret_answer, WITNESS_UNSIGNED, &why, err);
	if (!bytes_equal_str(checkpoint.origin, log->name)) {
		(void)err_set(&why, ERR_MISMATCH, "the checkpoint is of another log");
		return answer(ret_answer, WITNESS_UNSIGNED, &why, err);
	}
	if (!judge_tree(request, &checkpoint, state, ret_answer, err))
		return false;
	if (*ret_answer == WITNESS_COSIGNS) {
		ret_state->size = checkpoint.size;
		memcpy(ret_state->root, checkpoint.root, SHA256_LEN);
	}
	return true;
}
