/* SPDX-License-Identifier: Apache-2.0 */
/* hostd's side of one `assay run`, in the order in which it happens. Private to launch_host*.c and their tests. */
#ifndef ASSAY_ATTEST_LAUNCH_HOST_H
#define ASSAY_ATTEST_LAUNCH_HOST_H

#include "attest/hostd_state.h"
#include "attest/launch_exec.h"
#include "attest/launch_measure.h"

struct launch_host {
	struct connection *connection;
	struct hostd *hostd;
	char *workload, *credentials; /* credentials: path of the directory given; NULL: none */
	json_t *arguments, *ready; /* what the texts below point into */
	size_t argument_count;
	const char *arguments_given[SPEC_ARGUMENTS_MAX];
	struct spec spec;
	struct spec_values values;
	struct instance *instance;
	struct instance_place place;
	struct host_log_place log_place;
	bool handed; /* to the table of instances, whose threads have it now */
	struct launch_material material;
	char **argv; /* of spec_argv */
	struct launch_plan plan;
	struct buf variables[SPEC_ENVIRONMENT_MAX + 2]; /* "NAME=value" */
	uint8_t launch_digest[SHA256_LEN];
};
void launch_host_release(struct launch_host *launch); /* cleanup */

/* Waits for a turn to measure, and gives it back. What is measured may be as large as its owner likes. */
void launch_measuring_begin(struct connection *c);
void launch_measuring_end(struct connection *c);
/* Under connections_mutex: whether it is the connection's turn. */
bool launch_may_measure(const struct connection *c);

/* ---- launch_host_request.c: who asks for what ---- */
must_use bool launch_host_request(
	struct launch_host *launch, const json_t *request, struct socket_fds *fds, struct err *err);
/* Asks the caller to open his files and for his values of variables. */
must_use bool launch_host_ask(struct launch_host *launch, struct err *err);
/* ERR_DENIED unless the peer is root, hostd's own user, or the user whom the workload is for. */
must_use bool launch_host_authorise(const struct launch_host *launch, struct err *err);

/* ---- launch_host_record.c: what decides what runs, into the log ---- */
/* Its place in the log, and among the instances. */
must_use bool launch_host_reserve(struct launch_host *launch, struct err *err);
must_use bool launch_host_plan(struct launch_host *launch, struct err *err);
must_use bool launch_host_record(struct launch_host *launch, struct err *err);

/* ---- launch_host_hand.c: after the verdict ---- */
/* An event with the verdict in a memfd, and more descriptors behind it. */
must_use bool launch_host_verdict(struct launch_host *launch, const char *event,
	const struct attest_result *result, const int *fds, size_t count, struct err *err);
/* Sends the plan, waits until the caller has become the agent, and makes sure that he has, before anything is written. */
must_use bool launch_host_hand(
	struct launch_host *launch, const struct attest_result *result, struct err *err);
/* ERR_MISMATCH unless the process executes the file behind the descriptor, as this user. */
must_use bool launch_host_is_agent(
	const struct instance *instance, int executable, struct err *err);

/* ---- launch_host_sandbox.c ---- */
/* ERR_MISMATCH unless the process is confined as the launch record says: capabilities, network and
 * mounts as the kernel shows them. */
must_use bool launch_host_is_confined(pid_t pid, unsigned sandbox, struct err *err);
/* What it looks for in files of /proc/PID, for tests of it. */
must_use bool sandbox_status_ok(struct bytes status, unsigned sandbox, struct err *err);
must_use bool sandbox_network_ok(struct bytes devices, struct err *err);
must_use bool sandbox_mounts_ok(struct bytes mountinfo, struct err *err);

#endif
