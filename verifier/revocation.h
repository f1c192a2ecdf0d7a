/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Revocation as others see it: the CA's list, answers of OCSP, and status lists of tokens (IETF draft-ietf-oauth-status-list).
 * Each is made when somebody asks and what was made before does not say everything any more: the sequence in the store has
 * moved, or half of its lifetime has passed. So what a command has answered stands on the next list that is given out, by any
 * verifier on the same database. What was signed is kept until then. Private to verifier/.
 */
#ifndef ASSAY_VERIFIER_REVOCATION_H
#define ASSAY_VERIFIER_REVOCATION_H

#include "verifier/app.h"
#include "verifier/revocation_rows.h"

#define MEDIA_CRL           "application/pkix-crl"
#define MEDIA_OCSP_REQUEST  "application/ocsp-request"
#define MEDIA_OCSP_RESPONSE "application/ocsp-response"
#define MEDIA_STATUS_LIST   "application/statuslist+jwt"

#define OCSP_KEPT_MAX   256u /* signed answers without a nonce */
#define STATUS_KEPT_MAX 32u /* signed status lists */
/* The responder's certificate: short, for nobody can take it back (id-pkix-ocsp-nocheck). */
#define OCSP_RESPONDER_LIFETIME 86400

struct ocsp_kept {
	uint8_t request[SHA256_LEN]; /* digest */
	int64_t sequence, made;
	struct buf reply;
};
struct status_kept {
	int64_t list, sequence, made;
	struct buf token;
};
struct crl_kept {
	struct crl_row row;
	struct http_shared *der; /* NULL: none yet */
};
enum { CA_OF_NOW = 0, CA_OF_BEFORE, CAS }; /* the one that issues; one that did before */
struct revocation {
	struct app *app;
	/* the CAs' lists; held while one is made, so that one thread makes it */
	pthread_mutex_t crl_lock;
	struct crl_kept crls[CAS];
	/* OCSP */
	pthread_mutex_t ocsp_lock;
	struct key *responder_key;
	struct cert *responder[CAS]; /* for that key, by each CA that is asked about */
	struct ocsp_kept ocsp_kept[OCSP_KEPT_MAX];
	/* tokens: the list that this process puts its own in, in an order nobody can guess */
	pthread_mutex_t status_lock;
	int64_t list; /* -1: none begun */
	uint32_t taken;
	uint16_t order[STATUS_LIST_LEN];
	struct status_kept status_kept[STATUS_KEPT_MAX];
};
/* Makes the responder's key, and has the CAs certify it. */
must_use bool revocation_start(struct app *app, struct revocation **ret, struct err *err);
void revocation_stop(struct revocation **revocation);

/* The list as of now of the CA whose key has that name (key_id; NULL: the one that issues), DER: a reference. Anybody may fetch it,
 * and it may be large. ERR_NOT_FOUND: it is no CA of this service, or its key is not here. */
must_use bool revocation_crl(
	struct app *app, const uint8_t *ca, struct http_shared **ret, struct err *err);
/* revocation_ocsp.c: the answer to a request, appended; what cannot be answered is answered by a fault of OCSP's own. One answer
 * has one signer, certified by the CA of the first certificate asked about: those of another CA are unknown in it. */
must_use bool revocation_ocsp(
	struct app *app, struct bytes request, struct buf *out, struct err *err);
must_use bool revocation_responders_make(struct revocation *r, int64_t now, struct err *err);
void revocation_ocsp_release(struct revocation *r);
/* revocation_status.c: a place for a token that is about to be signed; 0 where tokens do not name one (no public_url). Runs a
 * job when a list is full: not from the writer's thread. */
must_use bool revocation_status_take(struct app *app, int64_t *ret, struct err *err);
/* The signed list, appended. ERR_NOT_FOUND: no such list. */
must_use bool revocation_status_list(
	struct app *app, int64_t list, struct buf *out, struct err *err);
void revocation_status_release(struct revocation *r);

/* Whether something signed then may be given out still. */
bool revocation_good(const struct app *app, int64_t made, int64_t sequence, int64_t sequence_now);

#endif
