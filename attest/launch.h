/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The caller's side of `assay run`: asks hostd to measure, attest and hand over a launch plan, builds the private mount
 * namespace from it and becomes the agent. It runs in the caller's own process, so that signals, exit status, terminal,
 * standard input, cgroup and a unit's sandbox are the caller's. No TPM, no network, no threads below this header.
 */
#ifndef ASSAY_ATTEST_LAUNCH_H
#define ASSAY_ATTEST_LAUNCH_H

#include "attest/socket.h"

struct launch_options {
	const char *socket_path; /* NULL: HOSTD_SOCKET_DEFAULT */
	const char *workload; /* name of a spec in hostd's workloads directory */
	const char *
		release; /* digest in hex of the release claimed; NULL: <workload>.release beside the spec */
	const char *const *arguments; /* the variable arguments, as typed by the spec */
	size_t argument_count;
	const char *
		credentials; /* directory for svid.pem, key.pem, bundle.pem, jwt-N.token; kept afterwards. NULL: a private one,
				  * removed at exit. The agent finds either in ASSAY_CREDENTIALS */
	void *context; /* for the callbacks, each of which may be NULL */
	void (*progress)(void *context, const char *text); /* "measured model: 4 MiB, sha256 1f…" */
	/* The verifier's verdict, JSON as policy/verdict.h writes it; record is the decision's leaf hash in hex ("" if none). */
	void (*verdict)(void *context, struct bytes json, bool trusted, const char *record);
};

/* Does not return when the agent starts: the process has become it. Otherwise:
 *   true   refused: a verdict was given (to the callback); exit status 1
 *   false  nothing could be decided or started: err says why. ERR_USAGE: arguments; exit status 2, all else 3.
 * The process must be single-threaded. After a failure late in the launch it may already be in a namespace of its own:
 * report and exit. */
must_use bool launch_run(const struct launch_options *options, struct err *err);

#endif
