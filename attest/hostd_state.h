/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of hostd share. Private to attest/hostd*.c, instance*.c and launch_host*.c. */
#ifndef ASSAY_ATTEST_HOSTD_STATE_H
#define ASSAY_ATTEST_HOSTD_STATE_H

#include "attest/hostd.h"
#include "attest/instance.h"
#include "attest/log.h"
#include "attest/socket.h"

#define HOSTD_CONNECTIONS_MAX     64u
#define HOSTD_CONNECTIONS_OF_USER 16u /* of one user other than root and hostd's own */
#define HOSTD_LAUNCHES_MAX        4u /* measuring at a time; others wait */
#define HOSTD_LAUNCHES_OF_USER    2u /* of one user as above; together they leave one */
#define HOSTD_STACK               (256u << 10)
#define HOSTD_REQUEST_MS          10000 /* for the request of a new connection */
#define HOSTD_SEND_MS             5000
#define HOSTD_READY_MS            60000 /* for the caller to open his files */
#define HOSTD_EXEC_MS             60000 /* for the caller to become the agent */
#define HOSTD_IDLE_MS             60000 /* so long it trusts its clock to go on evenly */
#define HOSTD_STOP_GRACE_MS       10000 /* from SIGTERM to SIGKILL for an agent that is stopped */

/* A connection to the verifier and who uses it: launches have one, renewals another, so that neither waits for the other. */
struct hostd_link {
	pthread_mutex_t mutex;
	struct verifier_link *link; /* NULL: not made yet */
};

struct connection {
	struct hostd *hostd;
	int fd;
	struct socket_peer peer;
	bool measuring; /* its launch; under connections_mutex */
	struct connection *next;
};

struct hostd {
	const struct hostd_config *config;
	const struct log *log;
	struct tpm *tpm;
	bool own_tpm;
	bool keys_loaded; /* EK and AK, under identity_mutex */
	struct host_log *events;
	uint8_t boot_id[16];
	int state_lock;
	bool (*connect)(void *context, struct verifier_link **ret, struct err *err);
	void *connect_context;

	pthread_mutex_t identity_mutex; /* held while the verifier is asked */
	bool enrolled;
	struct enrolment enrolment;
	/* The same in short, for whoever must not wait; under connections_mutex. */
	struct hostd_view {
		char host[2 * HOST_ID_LEN + 1]; /* empty: not enrolled */
		enum host_state state;
		int64_t not_after;
	} view;

	struct hostd_link launches, renewals;
	struct instances *instances;
	const struct clock *clock;
	uint64_t stop_grace_ms; /* HOSTD_STOP_GRACE_MS */
	uint64_t idle_ms; /* HOSTD_IDLE_MS */

	const char *notify; /* as in hostd_options */
	unsigned kept_count;
	const char *kept_names;

	pthread_mutex_t connections_mutex;
	pthread_cond_t connections_cond;
	struct connection *connections;
	size_t connection_count;
	uint64_t accept_logged_ms; /* when a failing accept was last logged; hostd_run's own */
};

/* What this host cannot do (a file it may not read, a TPM that locks it out) is no refusal by the verifier, which would be
 * for good: such codes become ERR_IO. Is false. */
bool hostd_fault(struct err *err);

/* Who the host is, as of now. */
struct hostd_identity {
	uint8_t host_id[HOST_ID_LEN];
	char verifier_id[256];
};
/* ERR_DENIED while the host is not enrolled, or pending; a pending host asks the verifier once more. Loads EK and AK into the
 * TPM's session when that has not been done, and renews a host certificate that is about to expire. */
must_use bool hostd_identity(struct hostd *hostd, struct hostd_identity *ret, struct err *err);
/* The AK's public area (TPMT_PUBLIC), appended, and the AK ready to quote. Fails where hostd_identity does. */
must_use bool hostd_ak(struct hostd *hostd, struct buf *ret_public, struct err *err);
must_use bool hostd_enroll(struct hostd *hostd, struct bytes join_token, struct bytes name,
	struct enrolment *ret, struct err *err);
/* After each change of the enrolment, under identity_mutex. */
void hostd_view_update(struct hostd *hostd);
/* Drops the connections to the verifier: the next use makes new ones. */
void hostd_disconnect(struct hostd *hostd);

/* One attestation of an instance: challenge, quote, verdict. Keeps the next challenge in the instance. The views in *ret
 * point into *buffer. A refused verdict is an answer. */
must_use bool hostd_attest(struct hostd *hostd, struct hostd_link *link, struct instance *instance,
	enum purpose purpose, struct buf *buffer, struct attest_result *ret, struct err *err);

/* Software keys in the service manager's hands: hostd_fdstore.c. Nothing happens where there is none. */
void hostd_keep_key(struct hostd *hostd, const struct instance *instance);
void hostd_unkeep_key(struct hostd *hostd, const struct instance *instance);
/* False unless it gave back the instance's key, with this key_id. */
bool hostd_kept_key(const struct hostd *hostd, const struct instance *instance,
	const uint8_t id[SHA256_LEN], struct key **ret);
/* The descriptor of this name among those of "a:b:c"; -1 when there is none. */
int hostd_kept_fd(const char *names, unsigned count, const char *wanted);

/* Requests, one function each; the answer is sent by the caller. */
must_use bool hostd_request_status(
	struct connection *c, const json_t *request, json_t **ret, struct err *err);
must_use bool hostd_request_enroll(
	struct connection *c, const json_t *request, json_t **ret, struct err *err);
must_use bool hostd_request_workloads(
	struct connection *c, const json_t *request, json_t **ret, struct err *err);
must_use bool hostd_request_stop(
	struct connection *c, const json_t *request, json_t **ret, struct err *err);
/* hostd_quote.c: a quote over a checkpoint of the ledger. */
must_use bool hostd_request_quote_checkpoint(
	struct connection *c, const json_t *request, json_t **ret, struct err *err);
/* The whole conversation of `assay run`. True: the agent runs, or a verdict against it was delivered. */
must_use bool hostd_launch(
	struct connection *c, const json_t *request, struct socket_fds *fds, struct err *err);

/* Serves one connection and ends it. */
void hostd_serve(struct connection *c);
/* root or the user that hostd itself runs as */
bool hostd_peer_is_operator(const struct connection *c);

#endif
