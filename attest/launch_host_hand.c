/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/launch_host.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#include "attest/instance_saved.h"
#include "base/file.h"
#include "base/text.h"
#include "base/time.h"

/* ---- is it the agent? ---- */

bool launch_host_is_agent(const struct instance *instance, int executable, struct err *err)
{
	char exe[64], process[64];
	struct stat wanted, found, owner;
	(void)snprintf(exe, sizeof(exe), "/proc/%d/exe", instance->pid);
	(void)snprintf(process, sizeof(process), "/proc/%d", instance->pid);
	if (fstat(executable, &wanted) != 0)
		return err_errno(err, errno, "the sealed executable");
	if (stat(process, &owner) != 0 || stat(exe, &found) != 0) {
		int why = errno;
		return instance_alive(instance)
			       ? err_errno(err, why, "%s", exe)
			       : err_set(err, ERR_MISMATCH,
					 "the caller ended instead of becoming the agent");
	}
	/* The pid still is the one of the pidfd: otherwise what was looked at may be another process. */
	if (!instance_alive(instance))
		return err_set(err, ERR_MISMATCH, "the agent ended at once");
	if (found.st_dev != wanted.st_dev || found.st_ino != wanted.st_ino)
		return err_set(err, ERR_MISMATCH,
			"process %d executes something else than the bytes that were measured",
			instance->pid);
	if (owner.st_uid != instance->uid)
		return err_set(err, ERR_MISMATCH,
			"process %d is user %u's, the agent is to run as user %u", instance->pid,
			owner.st_uid, instance->uid);
	return true;
}

/* ---- handing over ---- */

bool launch_host_verdict(struct launch_host *launch, const char *event,
	const struct attest_result *result, const int *fds, size_t count, struct err *err)
{
	OWNED(fd_close) int verdict = -1;
	char record[2 * SHA256_LEN + 1];
	int all[LAUNCH_FDS];
	hex_encode(BYTES_OF(result->record), record);
	OWNED(json_release)
	json_t *message = json_pack("{s:s,s:s}", "event", event, "record", record);
	if (!message)
		return err_set(err, ERR_NOMEM, "no memory for a message");
	if (count >= ARRAY_LEN(all) ||
		!launch_memfd_of("assay-verdict", result->verdict, &verdict, err))
		return false;
	all[0] = verdict;
	memcpy(all + 1, fds, count * sizeof(*fds));
	return socket_send(launch->connection->fd, message, all, count + 1, HOSTD_SEND_MS, err);
}

static bool send_plan(
	struct launch_host *launch, const struct attest_result *result, struct err *err)
{
	OWNED(buf_release) struct buf text = {0};
	OWNED(fd_close) int plan = -1;
	if (!launch_plan_write(&launch->plan, &text, err) ||
		!launch_memfd_of("assay-plan", buf_bytes(&text), &plan, err))
		return false;
	const int fds[LAUNCH_FDS - 1] = {plan, launch->material.pack.index,
		launch->material.pack.data, launch->material.executable};
	return launch_host_verdict(launch, "plan", result, fds, ARRAY_LEN(fds), err);
}

/* The socket closes by itself when the caller executes the agent. Anything that is said before means that he could not. */
static bool wait_exec(struct launch_host *launch, struct err *err)
{
	OWNED(json_release) json_t *message = NULL;
	if (!socket_receive(launch->connection->fd, HOSTD_EXEC_MS, 0, &message, NULL, err))
		return err_wrap(err, "waiting for the agent to start");
	if (!message)
		return true;
	struct json_fields f = json_fields_of("failed");
	const char *text = json_need_str(&f, message, "message", ERR_TEXT_MAX);
	if (!json_fields_ok(&f, err))
		return false;
	return err_set(
		err, ERR_IO, "the caller could not start the agent: %s", ESC(bytes_str(text)));
}

static bool deliver(struct launch_host *launch, const struct attest_result *result, struct err *err)
{
	struct instance *instance = launch->instance;
	if (!instance_schedule(instance, result->renew_after, err))
		return false;
	instance->state = INSTANCE_TRUSTED;
	instance_take_terms(instance, result);
	/* First that it is known again, then what it may show: no credential is out there that no hostd would take back. */
	if (!instance_save(launch->hostd, instance, err) ||
		!credentials_write(instance, result, err))
		return false;
	hostd_keep_key(launch->hostd, instance);
	launch->handed = instances_add(launch->hostd->instances, instance, &launch->place, err);
	return launch->handed;
}

bool launch_host_hand(
	struct launch_host *launch, const struct attest_result *result, struct err *err)
{
	struct host_log_status log;
	host_log_status(launch->hostd->events, &log);
	launch->instance->process.records = log.records;
	launch->instance->process.sandbox = launch->plan.sandbox;
	/* The caller, before he becomes the agent: so whatever the agent starts is in there from the beginning. */
	instance_cgroup_make(launch->instance);
	if (!send_plan(launch, result, err) || !wait_exec(launch, err) ||
		!launch_host_is_agent(launch->instance, launch->material.executable, err) ||
		!launch_host_is_confined(launch->instance->pid, launch->plan.sandbox, err) ||
		/* Once more: what was looked at in between was this very process. */
		!launch_host_is_agent(launch->instance, launch->material.executable, err) ||
		!instance_know(launch->instance, launch->material.executable, err))
		return false;
	return deliver(launch, result, err);
}
