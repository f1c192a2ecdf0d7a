/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether a process is the one that was launched. A number says nothing: another process may have it by now, or the same one
 * may have become another program. What is looked at after the pidfd was opened, while the pidfd still says that its process
 * lives, was looked at in that very process.
 */
#include "attest/instance_saved.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "attest/launch_host.h"
#include "base/file.h"
#include "base/text.h"

#define CHUNK      (64u << 10)
#define STATUS_MAX (64u << 10)
#define SEALS      (F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL)

static bool digest_fd(int fd, uint64_t size, uint8_t out[SHA256_LEN], struct err *err)
{
	OWNED(hasher_free) struct hasher *hasher = NULL;
	OWNED(free_ptr) uint8_t *chunk = malloc(CHUNK);
	struct digest digest;
	if (!chunk)
		return err_set(err, ERR_NOMEM, "no memory for an executable");
	if (!hasher_new(DIGEST_SHA256, &hasher, err))
		return false;
	for (uint64_t at = 0; at < size;) {
		ssize_t n = pread(fd, chunk, CHUNK, (off_t)at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return err_errno(err, n < 0 ? errno : EIO, "reading an executable");
		if (!hasher_update(hasher, bytes_of(chunk, (size_t)n), err))
			return false;
		at += (uint64_t)n;
	}
	if (!hasher_final(hasher, &digest, err))
		return false;
	memcpy(out, digest.bytes, SHA256_LEN);
	return true;
}

static bool pidfd_inode(int pidfd, uint64_t *ret, struct err *err)
{
	struct stat st;
	if (fstat(pidfd, &st) != 0)
		return err_errno(err, errno, "pidfd");
	*ret = st.st_ino;
	return true;
}

bool instance_know(struct instance *instance, int executable, struct err *err)
{
	struct instance_process *process = &instance->process;
	struct stat st;
	if (fstat(executable, &st) != 0)
		return err_errno(err, errno, "the sealed executable");
	process->device = st.st_dev;
	process->inode = st.st_ino;
	process->size = (uint64_t)st.st_size;
	return digest_fd(executable, process->size, process->digest, err) &&
	       process_started(instance->pid, &process->started, err) &&
	       pidfd_inode(instance->pidfd, &process->pidfd, err) &&
	       (instance_alive(instance) || err_set(err, ERR_MISMATCH, "the agent ended at once"));
}

/* All four of its user ids: /proc/PID itself may show root's as its owner. */
static bool same_user(const struct instance *instance, struct err *err)
{
	OWNED(buf_release) struct buf status = {0};
	char path[64], wanted[64];
	struct bytes rest, line;
	(void)snprintf(path, sizeof(path), "/proc/%d/status", instance->pid);
	(void)snprintf(wanted, sizeof(wanted), "Uid:\t%u\t%u\t%u\t%u", instance->uid, instance->uid,
		instance->uid, instance->uid);
	if (!file_read(path, STATUS_MAX, &status, err))
		return false;
	for (rest = buf_bytes(&status); text_next_line(&rest, &line);)
		if (bytes_equal_str(line, wanted))
			return true;
	return err_set(
		err, ERR_MISMATCH, "process %d is not user %u's", instance->pid, instance->uid);
}

static bool same_process(const struct instance *instance, struct err *err)
{
	uint64_t started = 0, inode = 0;
	if (!process_started(instance->pid, &started, err) ||
		!pidfd_inode(instance->pidfd, &inode, err))
		return false;
	if (started != instance->process.started || inode != instance->process.pidfd)
		return err_set(err, ERR_MISMATCH, "process %d is another one than was launched",
			instance->pid);
	return true;
}

/* The descriptor of what the process executes stays open while its bytes are read. */
static bool same_program(const struct instance *instance, struct err *err)
{
	const struct instance_process *process = &instance->process;
	uint8_t digest[SHA256_LEN];
	char exe[64];
	struct stat st;
	(void)snprintf(exe, sizeof(exe), "/proc/%d/exe", instance->pid);
	OWNED(fd_close) int fd = open(exe, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &st) != 0)
		return err_errno(err, errno, "%s", exe);
	int seals = fcntl(fd, F_GET_SEALS); /* -1, which has every bit, where there can be none */
	if (st.st_dev != process->device || st.st_ino != process->inode ||
		(uint64_t)st.st_size != process->size || seals < 0 || (seals & SEALS) != SEALS)
		return err_set(err, ERR_MISMATCH,
			"process %d executes something else than the sealed copy", instance->pid);
	if (!digest_fd(fd, process->size, digest, err))
		return false;
	if (memcmp(digest, process->digest, SHA256_LEN) != 0)
		return err_set(err, ERR_MISMATCH,
			"process %d executes other bytes than were measured", instance->pid);
	return same_user(instance, err);
}

bool instance_prove(struct instance *instance, struct err *err)
{
	instance->pidfd = (int)syscall(SYS_pidfd_open, instance->pid, 0);
	if (instance->pidfd < 0)
		return err_errno(err, errno, "process %d", instance->pid);
	if (!same_process(instance, err) || !same_program(instance, err) ||
		!launch_host_is_confined(instance->pid, instance->process.sandbox, err))
		return false;
	return instance_alive(instance) || err_set(err, ERR_MISMATCH, "it has ended");
}
