/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events pushed to subscribers: the same events, in the same order, as GET /v1/events tells (events.h), one HTTPS request
 * each, signed as Standard Webhooks 1.0.0 says (webhook-id, webhook-timestamp, webhook-signature).
 *
 * The ledger is the outbox. A row for each webhook says from which entry on there is something to tell; it moves in the
 * transaction that writes down the acknowledgement. So each event is delivered at least once: whoever dies between the
 * answer and that transaction tells it again, under the same webhook-id. A thread for each webhook: a dead receiver keeps
 * nobody waiting but its own queue, whose order is kept.
 *
 * What is not acknowledged is tried again with growing pauses, until it was tried for give_up_after: then the webhook stands, the
 * ledger says so, and an administrator has it go on from that event (assay webhook retry). Private to verifier/.
 */
#ifndef ASSAY_VERIFIER_WEBHOOKS_H
#define ASSAY_VERIFIER_WEBHOOKS_H

#include "verifier/app.h"
#include "verifier/events.h"

#define WEBHOOK_SECRET_MIN 24u
#define WEBHOOK_SECRET_MAX 64u
#define WEBHOOK_ID_MAX     64u
#define WEBHOOK_ANSWER_MAX 65536u /* bytes of an answer that are read; nothing is made of them */
#define WEBHOOK_CONNECT_MS 5000u
#define WEBHOOK_TIMEOUT_MS 15000u
#define WEBHOOK_LOOK_MS    250 /* how soon an event is seen */
#define WEBHOOK_STANDS_MS  2000 /* after the store could not be read or written */
#define WEBHOOK_PAUSE_MAX  3600 /* seconds between two attempts, at most */
#define WEBHOOK_TURN       45 /* seconds that one verifier's turn lasts */
#define WEBHOOK_TURN_FAR                                                                           \
	300 /* a turn that lasts so long yet was taken by a clock that went wrong */
#define WEBHOOK_TURN_LEFT  20 /* of which so many have to be left when an attempt begins */
#define WEBHOOK_ACKS_KEPT  (INT64_C(90) * 86400)
#define WEBHOOK_ACKS_SHOWN 100u
#define WEBHOOK_OWNER_LEN  16u
#define WEBHOOK_SKIP_MAX   4096u /* entries passed over before that is written down */

/* ---- one request (webhook_send.c) ---- */

struct webhook_target {
	const struct config_webhook *config; /* borrowed */
	struct buf secret; /* empty: none; wiped on release */
	struct key *key; /* NULL: none; Ed25519 */
	struct buf ca; /* PEM; empty: the system's */
};
/* Reads secret, key and CA. ERR_CONFIG. */
must_use bool webhook_target_open(
	const struct config_webhook *config, struct webhook_target *ret, struct err *err);
void webhook_target_release(struct webhook_target *target);

/* One that is configured, with what it needs; nothing of it changes, so its thread and whoever asks about it share it. */
struct webhook {
	atomic_uint refs;
	struct config_webhook config; /* its own */
	struct webhook_target target;
};
/* Takes what is in config over, whatever comes of it. ERR_CONFIG. */
must_use bool webhook_new(struct config_webhook *config, struct webhook **ret, struct err *err);
struct webhook *webhook_ref(struct webhook *webhook);
void webhook_unref(struct webhook **webhook);
/* Whether the two are configured alike and have read the same secret, key and CA. */
bool webhook_equal(const struct webhook *a, const struct webhook *b);

/* The header's value: "v1,BASE64", "v1a,BASE64" or both with a blank between them, over ID.TIME.BODY. */
must_use bool webhook_sign(const struct webhook_target *target, const char *id, int64_t time,
	struct bytes body, struct buf *out, struct err *err);
/* The secret of a file: whsec_ and base64 of 24 to 64 bytes. ERR_FORMAT. */
must_use bool webhook_secret_read(struct bytes text, struct buf *ret, struct err *err);

struct webhook_outcome {
	int status; /* 0: there was no answer */
	int64_t retry_after; /* seconds that the receiver asks for; 0: none */
	char error[256]; /* "": 2xx */
};
/* Connects, sends, reads the answer: WEBHOOK_TIMEOUT_MS at most. False only for want of memory; what the receiver does
 * wrong is an outcome. stop: set by another thread to end it early. */
must_use bool webhook_send(const struct webhook_target *target, const char *id, int64_t time,
	struct bytes body, const atomic_bool *stop, struct webhook_outcome *ret, struct err *err);

/* ---- rows (rows_webhooks.c) ---- */

enum webhook_state { WEBHOOK_DELIVERING = 1, WEBHOOK_GAVE_UP = 2 };
struct webhook_row {
	char name[ROW_NAME_MAX];
	enum webhook_state state;
	uint64_t position; /* ledger index that is looked at next */
	int64_t attempts; /* at the event that is first in the queue */
	int64_t first_try, next_try; /* of that event; 0: none yet */
	int64_t tried; /* seconds between its attempts, by no clock that can be set */
	int64_t last_status;
	char last_error[256];
	int64_t acked; /* ledger index; -1: none yet */
	int64_t acked_time;
};
struct webhook_ack {
	uint64_t entry;
	int64_t time, status, attempts;
};
must_use bool webhook_row_get(struct sql *sql, const char *name, struct webhook_row *ret,
	bool *ret_found, struct err *err);
/* A new one that begins at that entry; one that is there stays. */
must_use bool webhook_row_add(
	struct sql *sql, const char *name, uint64_t position, struct err *err);
/* Moves what was at `from`; *ret_moved is false when another verifier has moved it. */
must_use bool webhook_row_put(struct sql *sql, const struct webhook_row *row, uint64_t from,
	bool *ret_moved, struct err *err);
/* Whose turn it is: taken or prolonged until `until`, when it is nobody else's at `now`. */
must_use bool webhook_turn(struct sql *sql, const char *name,
	const uint8_t owner[WEBHOOK_OWNER_LEN], int64_t now, int64_t until, bool *ret_mine,
	struct err *err);
/* Forgets those older than WEBHOOK_ACKS_KEPT. */
must_use bool webhook_ack_add(
	struct sql *sql, const char *name, const struct webhook_ack *ack, struct err *err);
/* The newest first. */
must_use bool webhook_acks(struct sql *sql, const char *name, struct webhook_ack *ret, size_t max,
	size_t *ret_count, struct err *err);

/* ---- delivering (webhooks.c) ---- */

/* Until the next attempt: a second, doubled each time up to WEBHOOK_PAUSE_MAX, of which a random half is left out. */
int64_t webhook_pause(int64_t attempts, uint32_t random);
/* Whether the next attempt is still to come. One that lies further ahead than any pause was set by a clock that went wrong,
 * and is due: or nobody would hear of anything for as long as it ran ahead. */
bool webhook_waits(const struct webhook_row *row, int64_t now);

/* What one verifier remembers of an event that it could not deliver: since when it tries, and what had been tried by then. */
struct webhook_trying {
	uint64_t position;
	int64_t first_try, tried;
	uint64_t ms; /* monotonic */
};
/* How long that event has been tried, at an attempt now. What passed while nobody remembered it counts nothing: never is more
 * counted than was. */
int64_t webhook_tried(
	struct webhook_trying *trying, const struct webhook_row *row, uint64_t now_ms);

struct courier;
/* A thread for this webhook, which waits until it may begin. owner: whose turn it takes, borrowed. */
must_use bool courier_new(struct app *app, const uint8_t owner[WEBHOOK_OWNER_LEN],
	struct webhook *webhook, struct courier **ret, struct err *err);
struct webhook *courier_webhook(const struct courier *courier);
void courier_begin(struct courier *courier);
/* Has it end, and does not wait for that. */
void courier_stop(struct courier *courier);
/* Waits for its end: a request under way is broken off. Then another may deliver to this webhook. */
void courier_free(struct courier **courier);

/* ---- those configured (webhooks_list.c) ---- */

struct webhooks;
/* Reads what each needs and starts its thread. Takes the webhooks of config over. */
must_use bool webhooks_start(
	struct app *app, struct config *config, struct webhooks **ret, struct err *err);
void webhooks_stop(struct webhooks **webhooks);
/* From now on those of config, whose webhooks are taken over. Threads of webhooks that are as before go on undisturbed; one that
 * changed goes on where the one of its name stood. On error nothing has changed. One thread at a time. */
must_use bool webhooks_change(struct webhooks *webhooks, struct config *config, struct err *err);
/* Reads what each needs, and nothing else. */
must_use bool webhooks_check(const struct config *config, struct err *err);
/* NULL: none of that name is configured. The caller unrefs it. */
struct webhook *webhooks_find(struct webhooks *webhooks, const char *name);
/* All, in the order of the configuration; returns how many. The caller unrefs each. */
size_t webhooks_list(struct webhooks *webhooks, struct webhook *ret[WEBHOOKS_MAX]);

/* The webhook-id of an event: the same from each verifier of this ledger. */
must_use bool webhook_event_id(
	const struct app *app, uint64_t entry, char out[WEBHOOK_ID_MAX], struct err *err);

#endif
