/* SPDX-License-Identifier: Apache-2.0 */
/*
 * assay-hostd: owns the TPM and the runtime log, measures and launches workloads, renews their credentials. One process per
 * TPM; as root for everybody on the machine, or as an ordinary user for himself alone.
 */
#ifndef ASSAY_ATTEST_HOSTD_H
#define ASSAY_ATTEST_HOSTD_H

#include "attest/client.h"
#include "attest/config.h"
#include "attest/enroll.h"

/* The verifier as hostd needs it after enrolment. A seam: tests put a fake in its place. */
struct verifier_link;
struct verifier_link_ops {
	bool (*challenge)(struct verifier_link *link, const struct challenge_request *request,
		struct buf *buffer, struct challenge_offer *ret, struct err *err);
	bool (*attest)(struct verifier_link *link, client_build build, void *context,
		struct buf *buffer, struct attest_result *ret, struct err *err);
	void (*free)(struct verifier_link *link);
};
struct verifier_link {
	const struct verifier_link_ops *ops;
	unsigned retry_after; /* seconds that the last answer asks to wait; 0: it does not */
};

struct hostd_options {
	const struct hostd_config *config; /* borrowed, as are the others */
	const struct log *log;
	struct tpm *tpm; /* NULL: opened as the configuration says */
	/* NULL: over HTTPS with the host's certificate. */
	bool (*connect)(void *context, struct verifier_link **ret, struct err *err);
	void *context;
	struct enrolment *enrolment; /* NULL: what the state directory holds; else taken over */
	const char *
		notify; /* NOTIFY_SOCKET, which keeps descriptors over a restart; NULL: nobody does */
	const struct clock *clock; /* NULL: the machine's */
	unsigned kept_count; /* LISTEN_FDS: descriptors from 3 on that it gave back, */
	const char *kept_names; /* and LISTEN_FDNAMES */
};

struct hostd;
/* Takes the lock of the state directory (ERR_CONFLICT: another hostd has it), connects to the TPM, opens the runtime log. */
must_use bool hostd_new(const struct hostd_options *options, struct hostd **ret, struct err *err);
/* Listens on the socket; ready (may be NULL) is called once it does. Serves until stop_fd is readable, then waits for
 * requests under way. */
must_use bool hostd_run(struct hostd *hostd, int stop_fd, void (*ready)(void *context),
	void *context, struct err *err);
void hostd_free(struct hostd **hostd); /* cleanup; NULL is fine */

/* NOTIFY_SOCKET protocol of systemd: "READY=1". An empty or absent address is nobody to tell, and no error. */
must_use bool hostd_notify(const char *address, const char *state, struct err *err);
/* With a descriptor: "FDSTORE=1\nFDNAME=…". -1: without one. */
must_use bool hostd_notify_fd(const char *address, const char *state, int fd, struct err *err);

#endif
