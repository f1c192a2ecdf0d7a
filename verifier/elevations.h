/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Elevations as rows of the store, and what becomes of them. Whatever changes which are in force
 * raises the version of the workload's row, inside the same job: a decision that read them before
 * it does not commit, and two approvals that would each begin one are made one after the other.
 * Private to verifier/.
 */
#ifndef ASSAY_VERIFIER_ELEVATIONS_H
#define ASSAY_VERIFIER_ELEVATIONS_H

#include "policy/elevation.h"
#include "verifier/app.h"

#define ELEVATIONS_ASKED_MAX 64u /* of one workload, at one time; half of these by its instances */

enum elevation_state {
	ELEVATION_NONE = 0,
	ELEVATION_ASKED = 1,
	ELEVATION_IN_FORCE = 2,
	ELEVATION_DENIED = 3, /* before it was in force */
	ELEVATION_LAPSED = 4, /* not approved in time */
	ELEVATION_ENDED = 5, /* by its time, or by a policy that lends it no more */
	ELEVATION_REVOKED = 6
};
const char *elevation_state_name(enum elevation_state state);

struct elevation_row {
	uint8_t id[ELEVATION_ID_LEN];
	char workload[ROW_NAME_MAX], right[ROW_NAME_MAX];
	uint8_t clause[SHA256_LEN];
	enum elevation_state state;
	int64_t asked, lapses;
	int64_t activated, until; /* 0: never was in force */
	int64_t ended; /* 0: asked for, or in force */
	uint8_t entry[SHA256_LEN], activation[SHA256_LEN]; /* leaf hashes; activation: zeros */
	char why[ROW_TEXT_MAX]; /* it ended */
	uint8_t policy[SHA256_LEN]; /* by which its approvals suffice; zeros before */
	struct buf request; /* canonical JSON; left empty by elevations_open */
};
void elevation_row_release(struct elevation_row *row);

must_use bool elevation_get(struct sql *sql, const uint8_t id[ELEVATION_ID_LEN],
	struct elevation_row *ret, bool *ret_found, struct err *err);
/* ERR_LIMIT beyond ELEVATIONS_ASKED_MAX that wait for approval. */
must_use bool elevation_insert(struct sql *sql, const struct elevation_row *row,
	const struct elevation_request *request, struct err *err);
/* State, times, activation, why, policy; moves the workload's version. ERR_CONFLICT unless the row is still
 * in the state given. */
must_use bool elevation_update(struct sql *sql, const struct elevation_row *row,
	enum elevation_state from, struct err *err);
/* Asked for or in force, of a workload; at most max, those that are over
 * first. */
must_use bool elevations_open(struct sql *sql, struct bytes workload, struct elevation_row *ret,
	size_t max, size_t *ret_count, struct err *err);
must_use bool elevations_any_open(
	struct sql *sql, struct bytes workload, bool *ret, struct err *err);
typedef bool (*elevation_visit)(void *arg, const struct elevation_row *row, struct err *err);
/* Newest first, at most ROW_LIST_MAX; workload empty: all. */
must_use bool elevations_each(
	struct sql *sql, struct bytes workload, elevation_visit visit, void *arg, struct err *err);
/* Workloads that have one whose time is over, or that is in force by another policy; at most max of
 * them, ascending, those after a name. */
must_use bool elevations_due(struct sql *sql, const uint8_t policy[SHA256_LEN], int64_t now,
	const char *after, char ret[][ROW_NAME_MAX], size_t max, size_t *ret_count,
	struct err *err);
/* How many of the right are in force for the workload, and when the last one that is not ended; 0:
 * none did. */
must_use bool elevations_count(struct sql *sql, const struct elevation_row *row,
	unsigned *ret_in_force, int64_t *ret_ended, struct err *err);

/* Envelopes, in the order they came. */
must_use bool elevation_words_get(struct sql *sql, const uint8_t id[ELEVATION_ID_LEN],
	struct elevation *ret, struct err *err);
must_use bool elevation_word_insert(struct sql *sql, const uint8_t id[ELEVATION_ID_LEN],
	size_t number, struct bytes envelope, struct err *err);

/* Which credentials carry it: credentials_revoke_elevation ends them. */
must_use bool elevation_credential_insert(struct sql *sql, const uint8_t id[ELEVATION_ID_LEN],
	const char *serial, int64_t not_after, struct err *err);

/* Row, request and words as the policy judges them. */
must_use bool elevation_open(
	struct sql *sql, const struct elevation_row *row, struct elevation *ret, struct err *err);
/* What is in force for an instance: the object that a context freezes; nothing is appended when
 * there is none. To be read after the workload's row, whose version then vouches for it. */
must_use bool elevations_load(struct sql *sql, struct bytes workload,
	const uint8_t host[HOST_ID_LEN], const uint8_t instance[INSTANCE_ID_LEN], struct buf *out,
	struct err *err);

/* ---- elevation_steps.c: inside a job; row, credentials and ledger move together ---- */

/* Why it ends, and by whose hand: a certificate's URI, or "verifier". */
struct elevation_end {
	enum elevation_state to;
	const char *why, *by;
	int64_t now;
	const uint8_t *statement; /* SHA-256 of the envelope that denied it; NULL: none */
};
must_use bool elevation_finish(struct app *app, struct store_tx *tx, struct elevation_row *row,
	const struct elevation_end *end, struct err *err);
/* Not more than the policy allows at one time, and not too soon after the last. ERR_CONFLICT. */
must_use bool elevation_room(struct sql *sql, const struct elevation_row *row,
	const struct policy_elevation *rule, int64_t now, struct err *err);
/* By tx->policy. */
must_use bool elevation_begin(struct app *app, struct store_tx *tx, struct elevation_row *row,
	const struct elevation *elevation, const struct elevation_judgement *judgement, int64_t now,
	struct err *err);
/* Ends what is over, by time or by the policy, of a workload. */
must_use bool elevations_settle(struct app *app, struct bytes workload, struct err *err);
/* Of every workload; logged for each that fails. */
void elevations_settle_all(struct app *app);
/* Inside a job. */
must_use bool elevations_settle_in(struct app *app, struct store_tx *tx,
	const struct policy *policy, struct bytes workload, int64_t now, struct err *err);

#endif
