/* SPDX-License-Identifier: Apache-2.0 */
/* What can be done to an agent's process: a cgroup of its own, the freezer, the end. */
#include "attest/instance.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "attest/hostd_state.h"
#include "base/file.h"
#include "base/text.h"
#include "base/time.h"

#define PROC_MAX        (1u << 20)
#define CGROUP_PREFIX   "assay-"
#define STAT_STARTED    22u /* of proc_pid_stat(5), counted from 1 */
#define STAT_COMM       2u
#define MOUNT_ROOT      3u /* fields of mountinfo, counted from 0 */
#define MOUNT_POINT     4u
#define FREEZE_MS       2000
#define EMPTY_MS        500
#define EVENTS_PAUSE_MS 5

/* ---- /proc ---- */

static bool read_proc(pid_t pid, const char *name, struct buf *ret, struct err *err)
{
	char path[64];
	(void)snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	return file_read(path, PROC_MAX, ret, err);
}

bool process_started_of(struct bytes stat, uint64_t *ret, struct err *err)
{
	/* The name is the process's own choice and may hold blanks and parentheses: what counts comes after the last one. */
	const uint8_t *end = stat.len ? memrchr(stat.data, ')', stat.len) : NULL;
	size_t skip = end ? (size_t)(end - stat.data) + 2 : stat.len + 1;
	if (skip > stat.len)
		return err_set(err, ERR_FORMAT, "the status of a process names no program");
	struct bytes rest = bytes_of(stat.data + skip, stat.len - skip);
	for (unsigned field = STAT_COMM + 1; field < STAT_STARTED; field++)
		(void)text_next_word(&rest, ' ');
	return text_decimal(text_next_word(&rest, ' '), ret) ||
	       err_set(err, ERR_FORMAT, "the status of a process has no time of its start");
}

bool process_started(pid_t pid, uint64_t *ret, struct err *err)
{
	OWNED(buf_release) struct buf stat = {0};
	return read_proc(pid, "stat", &stat, err) && process_started_of(buf_bytes(&stat), ret, err);
}

bool cgroup_path_of(struct bytes text, struct bytes *ret)
{
	struct bytes line;
	while (text_next_line(&text, &line)) {
		if (line.len < 4 || memcmp(line.data, "0::/", 4) != 0)
			continue;
		*ret = bytes_of(line.data + 3, line.len - 3);
		/* Above what this process sees, or removed. */
		return !memmem(ret->data, ret->len, "/..", 3) && !memchr(ret->data, ' ', ret->len);
	}
	return false;
}

bool cgroup_mount_of(struct bytes mountinfo, struct bytes *ret)
{
	struct bytes line;
	while (text_next_line(&mountinfo, &line)) {
		struct bytes root = {0}, point = {0}, rest = line;
		const uint8_t *kind =
			line.len ? memmem(line.data, line.len, " - cgroup2 ", 11) : NULL;
		if (!kind)
			continue;
		for (unsigned field = 0; field <= MOUNT_POINT; field++) {
			struct bytes word = text_next_word(&rest, ' ');
			root = field == MOUNT_ROOT ? word : root;
			point = field == MOUNT_POINT ? word : point;
		}
		/* A part of the tree only, or a name with escapes: not for us. */
		if (!bytes_equal_str(root, "/") || memchr(point.data, '\\', point.len))
			continue;
		*ret = point;
		return true;
	}
	return false;
}

/* ---- a cgroup of its own ---- */

static bool cgroup_of(pid_t pid, struct buf *ret)
{
	OWNED(buf_release) struct buf mounts = {0}, own = {0};
	struct bytes point, path;
	struct err ignored;
	if (!file_read("/proc/self/mountinfo", PROC_MAX, &mounts, &ignored) ||
		!read_proc(pid, "cgroup", &own, &ignored) ||
		!cgroup_mount_of(buf_bytes(&mounts), &point) ||
		!cgroup_path_of(buf_bytes(&own), &path))
		return false;
	buf_put(ret, point);
	if (path.len > 1)
		buf_put(ret, path);
	return buf_str(ret) != NULL;
}

static bool put(
	const struct instance *instance, const char *name, const char *text, struct err *err)
{
	OWNED(buf_release) struct buf path = {0};
	if (!instance->cgroup || !path_join(&path, instance->cgroup, name))
		return err_set(err, ERR_NOT_FOUND, "no cgroup");
	OWNED(fd_close) int fd = open(buf_str(&path), O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		return err_errno(err, errno, "%s", buf_str(&path));
	return true;
}

bool instance_cgroup_holds(const struct instance *instance)
{
	OWNED(buf_release) struct buf found = {0};
	return instance->cgroup && cgroup_of(instance->pid, &found) &&
	       strcmp(buf_str(&found), instance->cgroup) == 0;
}

/* The kernel takes its time with what is inside a system call. */
static bool cgroup_says(
	const struct instance *instance, const char *wanted, int within_ms, struct err *err)
{
	OWNED(buf_release) struct buf path = {0};
	if (!path_join(&path, instance->cgroup, "cgroup.events"))
		return buf_ok(&path, err);
	for (int waited = 0; waited < within_ms; waited += EVENTS_PAUSE_MS) {
		OWNED(buf_release) struct buf events = {0};
		if (!file_read(buf_str(&path), PROC_MAX, &events, err))
			return false;
		if (memmem(events.data, events.len, wanted, strlen(wanted)))
			return true;
		(void)poll(NULL, 0, EVENTS_PAUSE_MS);
	}
	return err_set(err, ERR_BUSY, "%s: %s did not come", buf_str(&path), wanted);
}

void instance_cgroup_empty(const struct instance *instance)
{
	struct err ignored;
	if (instance->cgroup && put(instance, "cgroup.kill", "1", &ignored) &&
		!cgroup_says(instance, "populated 0", EMPTY_MS, &ignored))
		return; /* killed all the same */
}

char *instance_cgroup_remove(struct instance *instance)
{
	char pid[16];
	struct err ignored;
	/* A caller who did not become the agent goes back to where he came from. */
	if (instance_cgroup_holds(instance)) {
		(void)snprintf(pid, sizeof(pid), "%d", instance->pid);
		(void)put(instance, "../cgroup.procs", pid, &ignored);
	}
	OWNED(free_ptr) char *path = TAKE(instance->cgroup);
	/* What the agent left running keeps it. */
	return path && rmdir(path) != 0 && errno == EBUSY ? TAKE(path) : NULL;
}

void instance_cgroup_make(struct instance *instance)
{
	OWNED(buf_release) struct buf path = {0};
	char pid[16];
	struct err ignored;
	if (!cgroup_of(instance->pid, &path))
		return;
	buf_printf(&path, "/" CGROUP_PREFIX "%s", instance->hex);
	if (!buf_str(&path) || mkdir(buf_str(&path), 0755) != 0)
		return;
	instance->cgroup = bytes_strdup(buf_bytes(&path));
	(void)snprintf(pid, sizeof(pid), "%d", instance->pid);
	if (!instance->cgroup || !put(instance, "cgroup.procs", pid, &ignored) ||
		!instance_cgroup_holds(instance)) {
		free(instance_cgroup_remove(instance));
	}
}

/* ---- freezing and ending ---- */

bool instance_signal(const struct instance *instance, int signal, struct err *err)
{
	return syscall(SYS_pidfd_send_signal, instance->pidfd, signal, NULL, 0) == 0 ||
	       err_errno(err, errno, "signal %d to instance %s", signal, instance->hex);
}

bool instance_freeze(const struct instance *instance, bool frozen, struct err *err)
{
	/* The process may have left its cgroup, and what it started stayed there. */
	bool alone = instance_cgroup_holds(instance) ||
		     instance_signal(instance, frozen ? SIGSTOP : SIGCONT, err);
	return (!instance->cgroup || (put(instance, "cgroup.freeze", frozen ? "1" : "0", err) &&
					     cgroup_says(instance, frozen ? "frozen 1" : "frozen 0",
						     FREEZE_MS, err))) &&
	       alone;
}

bool instance_kill(const struct instance *instance, struct err *err)
{
	struct err ignored;
	bool whole = instance->cgroup && put(instance, "cgroup.kill", "1", &ignored);
	/* And the process itself, which may have left its cgroup. */
	return instance_signal(instance, SIGKILL, err) || whole;
}

/* ---- what the policy says ---- */

static const char *acts_on(const struct instance *instance)
{
	return instance_cgroup_holds(instance) ? "cgroup"
	       : instance->cgroup              ? "cgroup and signal"
					       : "signal";
}

/* `by`: what was acted on, as of then. */
static void tell_hold(struct hostd *hostd, const struct instance *instance, const char *by, bool ok,
	const char *what, const char *reason, const struct err *why)
{
	log_event(hostd->log, ok ? LOG_LEVEL_WARNING : LOG_LEVEL_ERROR, what,
		{"instance", bytes_str(instance->hex)}, {"workload", bytes_str(instance->workload)},
		{"reason", bytes_str(reason)}, {"by", bytes_str(by)},
		{"error", bytes_str(ok ? "" : why->text)});
}

/* Under the lock. What stands still, or may, is not let run again to hear that it shall end. */
static bool stop_locked(struct hostd *hostd, struct instance *instance, struct err *err)
{
	bool still = instance->hold == HOLD_FROZEN;
	instance->hold = HOLD_STOPPING;
	instance->kill_at = clock_monotonic_ms(instance->clock) + hostd->stop_grace_ms;
	instance->renew_at = 0;
	return still ? instance_kill(instance, err) : instance_signal(instance, SIGTERM, err);
}

static bool freeze_locked(struct instance *instance, struct err *err)
{
	instance->hold = HOLD_FROZEN;
	instance->kill_at = 0;
	return instance_freeze(instance, true, err);
}

void instance_hold_as(
	struct hostd *hostd, struct instance *instance, enum end_action action, const char *reason)
{
	struct err unfrozen = {0}, err = {0};
	if (action == END_CONTINUE)
		return;
	(void)pthread_mutex_lock(&instance->mutex);
	bool stop = action == END_STOP;
	bool nothing = instance->state == INSTANCE_ENDED || instance->hold == HOLD_STOPPING ||
		       (instance->hold == HOLD_FROZEN && !stop);
	/* Done before it is to be seen. What should stand still and may not do so must not run either. */
	bool frozen = !nothing && !stop && freeze_locked(instance, &unfrozen);
	bool ok = nothing || frozen || stop_locked(hostd, instance, &err);
	const char *by = acts_on(instance);
	(void)pthread_mutex_unlock(&instance->mutex);
	if (nothing)
		return;
	if (!stop)
		tell_hold(hostd, instance, by, frozen,
			frozen ? "instance frozen" : "instance not frozen", reason, &unfrozen);
	if (!frozen)
		tell_hold(hostd, instance, by, ok, ok ? "instance stopped" : "instance not stopped",
			stop ? reason : "it could not be frozen", &err);
}

void instance_end_grace(struct hostd *hostd, struct instance *instance)
{
	struct err err = {0};
	(void)pthread_mutex_lock(&instance->mutex);
	bool over = instance->kill_at > 0;
	instance->kill_at = 0;
	bool ok = over && instance_kill(instance, &err);
	const char *by = acts_on(instance);
	(void)pthread_mutex_unlock(&instance->mutex);
	if (over)
		tell_hold(hostd, instance, by, ok, ok ? "instance killed" : "instance not killed",
			"it did not end when told", &err);
}
