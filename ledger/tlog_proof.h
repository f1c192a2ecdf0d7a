/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What travels between logs, witnesses and auditors as text: hashes of a proof, a line each, an
 * empty line, and a checkpoint. C2SP tlog-proof v1.0.0 (the offline proof that an entry stands in a
 * log) and the request of C2SP tlog-witness v1.0.0. Pure.
 */
#ifndef ASSAY_LEDGER_TLOG_PROOF_H
#define ASSAY_LEDGER_TLOG_PROOF_H

#include "crypto/merkle.h"
#include "crypto/note.h"

#define TLOG_PROOF_HASHES_MAX 63 /* lines of a proof */
#define TLOG_PROOF_EXTRA_MAX  4096
#define TLOG_PROOF_MAX        (NOTE_MAX + 2 * TLOG_PROOF_EXTRA_MAX + TLOG_PROOF_HASHES_MAX * 45 + 64)

struct tlog_proof {
	struct buf extra; /* not authenticated by anything; empty: none */
	uint64_t index;
	struct buf hashes; /* from the leaf up */
	struct bytes checkpoint; /* the note, borrowed */
};
void tlog_proof_release(struct tlog_proof *proof);
/* ERR_FORMAT, ERR_LIMIT. Nothing is verified. */
must_use bool tlog_proof_parse(struct bytes in, struct tlog_proof *ret, struct err *err);
/* Appends the file. ERR_USAGE for hashes that are no run of at most TLOG_PROOF_HASHES_MAX. */
must_use bool tlog_proof_write(const struct tlog_proof *proof, struct buf *out, struct err *err);
/* That a leaf of this hash stands at the proof's index in the tree that this log signed: its
 * signature, its origin, and the path to its root. ret_checkpoint may be NULL. ERR_MISMATCH. */
must_use bool tlog_proof_verify(const struct tlog_proof *proof, const struct note_key *log,
	const uint8_t leaf[SHA256_LEN], struct checkpoint *ret_checkpoint, struct err *err);

/* The body of add-checkpoint. */
struct witness_request {
	uint64_t old_size;
	struct buf hashes;
	struct bytes checkpoint; /* the note, borrowed */
};
void witness_request_release(struct witness_request *request);
must_use bool witness_request_parse(struct bytes in, struct witness_request *ret, struct err *err);
must_use bool witness_request_write(
	const struct witness_request *request, struct buf *out, struct err *err);
/* The origin that the request's checkpoint claims, before anything is verified; borrowed. */
must_use bool witness_request_origin(
	const struct witness_request *request, struct bytes *ret, struct err *err);

/* What a witness last cosigned of a log; size 0: nothing yet. */
struct witness_state {
	uint64_t size;
	uint8_t root[SHA256_LEN];
};
enum witness_answer {
	WITNESS_COSIGNS = 0, /* 200: the state becomes the checkpoint's */
	WITNESS_MALFORMED, /* 400: the old size is above the new one */
	WITNESS_UNSIGNED, /* 403: not by this log's key */
	WITNESS_BEHIND, /* 409: the state is of another size than the request's old one */
	WITNESS_FORK, /* 409: two trees of one size, both signed: the log lies */
	WITNESS_UNPROVEN, /* 422: not proven to contain the tree of the state */
};
/* HTTP status of an answer. */
int witness_answer_status(enum witness_answer answer);
/* Judges a request about the log of this key. *ret_state is the state after it, set when it is
 * cosigned; why in err otherwise. A failure that is no answer (ERR_NOMEM, ERR_CRYPTO) returns
 * false. */
must_use bool witness_judge(const struct witness_request *request, const struct note_key *log,
	const struct witness_state *state, enum witness_answer *ret_answer,
	struct witness_state *ret_state, struct bytes *ret_text, struct err *err);

#endif
