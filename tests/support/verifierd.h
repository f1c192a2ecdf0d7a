/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A real assay-verifierd of a test's own: made by `init` in a temporary directory, with a policy that names the test's TPM
 * maker, release key and approvers, on a free port of 127.0.0.1. The program is taken from $ASSAY_BIN, or else from where the
 * test's own program lies.
 *
 *	verifierd_new(&v, &err);	made, not started: change the policy or verifierd.yaml now
 *	verifierd_start(&v, &err);	until /readyz answers
 *	verifierd_publish(&v, &workload, "low", &err);
 *	verifierd_stop(&v, SIGKILL);	and start again: the same port, the same store
 *	verifierd_release(&v);
 */
#ifndef ASSAY_TESTS_SUPPORT_VERIFIERD_H
#define ASSAY_TESTS_SUPPORT_VERIFIERD_H

#include <signal.h>
#include <sys/resource.h>

#include "tests/support/sw_host.h"

#define VERIFIERD_DOMAIN "bank.example"

struct verifierd {
	char dir[64], url[48];
	char program[512]; /* of assay-verifierd; others lie beside it */
	uint16_t port;
	pid_t pid; /* 0: not running */
	rlim_t files_max, size_max; /* limits of the process; 0: none of ours */
	struct ek_ca maker;
	struct key *builder, *alice, *bob, *ca_key;
	struct cert *ca;
	struct buf ca_pem, admin_pem;
	struct key *admin_key;
	struct client *admin; /* belongs to one thread at a time */
};

must_use bool verifierd_new(struct verifierd *v, struct err *err);
must_use bool verifierd_start(struct verifierd *v, struct err *err);
/* Ends it and waits; the exit status as waitpid gives it. */
int verifierd_stop(struct verifierd *v, int signal);
void verifierd_release(struct verifierd *v);

/* The policy: classes low (alice approves as model-risk) and tpm (key in the TPM demanded). `extra` is appended. */
must_use bool verifierd_policy(
	const struct verifierd *v, int version, const char *extra, struct err *err);
/* Appended to verifierd.yaml. */
must_use bool verifierd_configure(const struct verifierd *v, const char *lines, struct err *err);
/* Runs a program of ours that lies beside assay-verifierd, its output into `output` (a path); argv[0] is its name. -1: it
 * could not be run. */
int verifierd_run(const struct verifierd *v, const char *output, const char *const *argv);

/* A request as admin. Any answer is a success. body {NULL, 0}: GET. */
must_use bool verifierd_call(struct verifierd *v, const char *path, const char *type,
	struct bytes body, int *ret_status, struct buf *answer, struct err *err);
/* JSON, and the status must be as wanted. answer may be NULL. */
must_use bool verifierd_json(struct verifierd *v, const char *path, const char *body, int wanted,
	struct buf *answer, struct err *err);
/* A join token, to be freed. */
must_use bool verifierd_token(struct verifierd *v, char **ret, struct err *err);
/* A host that is enrolled and active, with a connection. */
must_use bool verifierd_host(struct verifierd *v, struct sw_host **ret, struct err *err);
/* A client certificate by this verifier's CA, PEM, for any identity. */
must_use bool verifierd_certificate(const struct verifierd *v, const char *uri,
	const struct key *key, int64_t not_before, int64_t not_after, struct cert **ret,
	struct err *err);

/* Register, release, publish and approve. workload->release is filled in. */
must_use bool verifierd_publish(
	struct verifierd *v, struct sw_workload *workload, const char *class_name, struct err *err);
/* The envelopes alone. */
must_use bool verifierd_release_envelope(const struct verifierd *v, struct sw_workload *workload,
	const char *class_name, struct buf *out, struct err *err);
struct approval;
must_use bool verifierd_approval_envelope(const struct verifierd *v,
	const struct approval *approval, struct key *key, struct buf *out, struct err *err);
/* What alice says of it: for an hour, in environment prod. Borrows from the workload. */
must_use bool verifierd_approval(const struct verifierd *v, const struct sw_workload *workload,
	const char *class_name, struct approval *ret, struct err *err);

#endif
