/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTPS to the verifier: TLS 1.3 with a pinned CA and nothing else, one connection that is kept for
 * the next request, and sessions that are resumed when it was lost: by this client alone, under the
 * certificate that they began with, and as long as the verifier's certificate verifies as of now.
 * Nothing is sent early. A client belongs to one thread at a time.
 *
 * Evidence is bound to the very connection that carries it (RFC 9266): its body is made by a
 * callback once the handshake is done, with that connection's exporter, and made anew when the
 * request has to move to another connection.
 */
#ifndef ASSAY_ATTEST_CLIENT_H
#define ASSAY_ATTEST_CLIENT_H

#include "evidence/evidence.h"

#define CLIENT_ANSWER_MAX (1u << 20)
#define CLIENT_TIMEOUT_MS 30000u
#define CLIENT_CONNECT_MS 10000u

struct client_options {
	const char *url; /* "https://verifier.example:8443", nothing behind the authority but an
			    optional slash */
	struct bytes ca; /* PEM of the pinned CA certificates; copied */
	struct bytes certificate; /* PEM, host certificate and its issuers; empty: none yet */
	struct key *key; /* its private key; NULL: none yet */
	const char *proxy; /* "http://proxy:3128"; NULL: direct, whatever the environment says */
	unsigned timeout_ms; /* of a whole request, 0: CLIENT_TIMEOUT_MS */
	unsigned connect_timeout_ms; /* 0: CLIENT_CONNECT_MS */
};

struct client;
/* No connection is made yet. ERR_CONFIG for a URL that is not https or a CA that does not parse. */
must_use bool client_new(
	const struct client_options *options, struct client **ret, struct err *err);
void client_free(struct client **client); /* cleanup; NULL is fine */
/* From now on (on a new connection) with this certificate: after enrolment and its renewal. */
must_use bool client_set_identity(
	struct client *client, struct bytes certificate_pem, struct key *key, struct err *err);

/* Makes the body for the connection whose exporter this is, appended to out. May be called more
 * than once for one request; then `out` is empty again. False ends the request with this err. */
typedef bool (*client_build)(
	void *context, const uint8_t exporter[TLS_EXPORTER_LEN], struct buf *out, struct err *err);

#define CLIENT_RETRY_AFTER_MAX 600u
/* Seconds that the last answer, a 429 or 503, asks to wait (RFC 9110, 10.2.3), CLIENT_RETRY_AFTER_MAX at most; 0: none said so. */
unsigned client_retry_after(const struct client *client);

/*
 * Errors of all requests below. Connection, TLS and timeouts: ERR_NET; "… inspects TLS …" names the
 * issuer when the certificate shown is not from the pinned CA. An answer of the verifier that is an
 * error gives its message and hint, escaped, as: 400 ERR_FORMAT, 401 ERR_MISMATCH (our certificate is none there, now), 403 ERR_DENIED, 404
 * ERR_NOT_FOUND, 409 ERR_CONFLICT, 410 ERR_GONE, 413 ERR_LIMIT, 429 and 503 ERR_BUSY, else ERR_NET. An answer
 * that is no valid message: ERR_FORMAT.
 *
 * The views in *ret point into *buffer, which the caller owns.
 */
must_use bool client_enroll_begin(struct client *client, const struct enroll_begin *request,
	struct buf *buffer, struct enroll_offer *ret, struct err *err);
/* build makes the encoded enroll_finish message. */
must_use bool client_enroll_finish(struct client *client, client_build build, void *context,
	struct buf *buffer, struct enroll_result *ret, struct err *err);
must_use bool client_challenge(struct client *client, const struct challenge_request *request,
	struct buf *buffer, struct challenge_offer *ret, struct err *err);
/* build makes the encoded evidence message. A refused verdict is an answer, not an error. */
must_use bool client_attest(struct client *client, client_build build, void *context,
	struct buf *buffer, struct attest_result *ret, struct err *err);

/* Any request: body (may be empty: GET) of a media type, answer of at most CLIENT_ANSWER_MAX bytes;
 * *ret_status the HTTP status, errors of the verifier not mapped. */
must_use bool client_request(struct client *client, const char *path, const char *media_type,
	struct bytes body, struct buf *ret_body, int *ret_status, struct err *err);

#endif
