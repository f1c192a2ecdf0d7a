/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asking the dynamic loader. It maps the executable before anybody has judged it, and a malicious one can take over a loader
 * that maps it; so the loader runs in a child that can read files and print, and nothing else: as root another user, in any
 * case no new privileges, no descriptors but its output, limits, and a system call filter without sockets, signals, processes
 * or opening for writing. What it read it can tell, if only by the paths that it prints. So it may read what its owner may, and
 * everything only where nobody but root and ourselves can have written the executable, or can put another in its place.
 */
#include "attest/closure_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "base/time.h"

#define NOBODY       65534
#define DATA_MAX     (256u << 20)
#define FILES_MAX    64
#define CHILD_FAILED 126

/* ---- the filter ---- */

#define LOAD(field)  BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define RETURN(what) BPF_STMT(BPF_RET | BPF_K, (what))
#define ALLOW(name)  BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##name, 0, 1), RETURN(SECCOMP_RET_ALLOW)
#define WRITE_FLAGS  (O_WRONLY | O_RDWR | O_CREAT | O_TRUNC | O_APPEND)
/* Opening to read only; `argument` is the one that holds the flags. */
#define ALLOW_READ(name, argument)                                                                 \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##name, 0, 4), LOAD(args[argument]),               \
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, WRITE_FLAGS, 0, 1),                           \
		RETURN(SECCOMP_RET_ERRNO | EPERM), RETURN(SECCOMP_RET_ALLOW)

#if defined(__x86_64__)
#define FILTER_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define FILTER_ARCH AUDIT_ARCH_AARCH64
#endif

#ifdef FILTER_ARCH
static const struct sock_filter filter[] = {
	LOAD(arch),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, FILTER_ARCH, 1, 0),
	RETURN(SECCOMP_RET_KILL_PROCESS),
	LOAD(nr),
	ALLOW_READ(openat, 2),
	ALLOW(read),
	ALLOW(pread64),
	ALLOW(readv),
	ALLOW(write),
	ALLOW(writev),
	ALLOW(close),
	ALLOW(fstat),
	ALLOW(newfstatat),
	ALLOW(statx),
	ALLOW(lseek),
	ALLOW(mmap),
	ALLOW(mprotect),
	ALLOW(munmap),
	ALLOW(mremap),
	ALLOW(madvise),
	ALLOW(brk),
	ALLOW(faccessat),
	ALLOW(readlinkat),
	ALLOW(getcwd),
	ALLOW(uname),
	ALLOW(set_tid_address),
	ALLOW(set_robust_list),
	ALLOW(rseq),
	ALLOW(prlimit64),
	ALLOW(getrandom),
	ALLOW(futex),
	ALLOW(rt_sigreturn),
	ALLOW(exit),
	ALLOW(exit_group),
	ALLOW(execve), /* the loader itself; what else it might start stays in the filter */
#if defined(__x86_64__)
	ALLOW_READ(open, 1),
	ALLOW(arch_prctl),
	ALLOW(access),
	ALLOW(stat),
	ALLOW(lstat),
	ALLOW(readlink),
#endif
	/* Not a signal: a loader asks whether its output is a terminal, and does without an answer. */
	RETURN(SECCOMP_RET_ERRNO | EPERM),
};
static bool enter_filter(void)
{
	const struct sock_fprog program = {.len = sizeof(filter) / sizeof(filter[0]),
		.filter = (struct sock_filter *)(uintptr_t)filter};
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) == 0;
}
#else
/* No list of this architecture's calls: the other limits hold. */
static bool enter_filter(void)
{
	return true;
}
#endif

/* ---- the child: between fork and execve, so system calls alone ---- */

/* What the child may read: as the executable's owner, or every file (an agent's directory may be private). */
struct rights {
	uid_t uid;
	bool everything;
};

/* Another user, where we may become one, who can read every file if he shall and we could, and has no other capability. In a
 * user namespace without that user we stay who we are: the filter holds either way. The calls are
 * made bare: the C library's would make every thread follow, and after fork there are none. */
static bool become_reader(const struct rights *rights)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct had[2] = {{0}}, left[2] = {{0}};
	if (geteuid() == 0 && prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) == 0) {
		(void)syscall(SYS_setgroups, 0, NULL);
		(void)syscall(SYS_setresgid, NOBODY, NOBODY, NOBODY);
		(void)syscall(SYS_setresuid, rights->uid, rights->uid, rights->uid);
	}
	if (syscall(SYS_capget, &header, had) != 0)
		return false;
	uint32_t reading = rights->everything ? had[0].permitted & (1u << CAP_DAC_READ_SEARCH) : 0;
	left[0] = (struct __user_cap_data_struct){reading, reading, reading};
	return prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) == 0 &&
	       syscall(SYS_capset, &header, left) == 0 &&
	       (reading == 0 ||
		       prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_DAC_READ_SEARCH, 0, 0) == 0);
}

static bool set_limits(void)
{
	static const struct {
		int resource;
		rlim_t limit;
	} limits[] = {
		{RLIMIT_CORE, 0},
		{RLIMIT_FSIZE, 0},
		{RLIMIT_NPROC, 0},
		{RLIMIT_NOFILE, FILES_MAX},
		{RLIMIT_DATA,
			DATA_MAX}, /* not AS: libraries of gigabytes exist, and are only mapped */
		{RLIMIT_CPU, CLOSURE_SECONDS_MAX},
	};
	for (size_t i = 0; i < ARRAY_LEN(limits); i++) {
		const struct rlimit limit = {limits[i].limit, limits[i].limit};
		if (syscall(SYS_prlimit64, 0, limits[i].resource, &limit, NULL) != 0)
			return false;
	}
	return true;
}

static bool set_descriptors(int output)
{
	int input = open("/dev/null", O_RDONLY);
	/* Above 2 first, so that none is overwritten before it is used. */
	int high = fcntl(output, F_DUPFD, 3);
	return input >= 0 && high >= 0 && dup2(input, STDIN_FILENO) >= 0 &&
	       dup2(high, STDOUT_FILENO) >= 0 && dup2(high, STDERR_FILENO) >= 0 &&
	       syscall(SYS_close_range, 3, ~0u, 0) == 0;
}

static void child(pid_t parent, const char *loader, const char *executable,
	const struct rights *rights, int output)
{
	char *const argv[] = {(char *)(uintptr_t)loader, (char *)(uintptr_t) "--list",
		(char *)(uintptr_t)executable, NULL};
	char *const envp[] = {NULL};
	/* The signal of the parent's death is forgotten when the user changes: ask for it after that. */
	if (set_descriptors(output) && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
		become_reader(rights) && prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 &&
		getppid() == parent && set_limits() && enter_filter())
		(void)execve(loader, argv, envp);
	_exit(CHILD_FAILED);
}

/* ---- the parent ---- */

static bool read_some(int fd, uint64_t deadline, struct buf *ret, bool *ret_end, struct err *err)
{
	struct pollfd wait = {.fd = fd, .events = POLLIN};
	uint8_t chunk[4096];
	uint64_t now = clock_monotonic_ms(&clock_system);
	int ready = now < deadline ? poll(&wait, 1, (int)(deadline - now)) : 0;
	if (ready == 0)
		return err_set(err, ERR_BUSY, "no answer in %d s", CLOSURE_SECONDS_MAX);
	ssize_t n = ready > 0 ? read(fd, chunk, sizeof(chunk)) : -1;
	if (n < 0)
		return errno == EINTR || err_errno(err, errno, "its output");
	*ret_end = n == 0;
	if (ret->len + (size_t)n > CLOSURE_OUTPUT_MAX)
		return err_set(err, ERR_LIMIT, "it printed more than %u bytes", CLOSURE_OUTPUT_MAX);
	buf_put(ret, bytes_of(chunk, (size_t)n));
	return buf_ok(ret, err);
}

/* It closed its output; that it also ended is another matter. */
static bool await(pid_t pid, uint64_t deadline, int *ret_status, struct err *err)
{
	const struct timespec millisecond = {.tv_nsec = 1000000};
	for (;;) {
		pid_t ended = waitpid(pid, ret_status, WNOHANG);
		if (ended == pid)
			return true;
		if (ended < 0 && errno != EINTR)
			return err_errno(err, errno, "its exit");
		if (clock_monotonic_ms(&clock_system) >= deadline)
			return err_set(err, ERR_BUSY, "did not end in %d s", CLOSURE_SECONDS_MAX);
		(void)nanosleep(&millisecond, NULL);
	}
}

static void end(pid_t pid)
{
	(void)kill(pid, SIGKILL);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		continue;
}

/* The last line it printed: on a failure the loader's own reason. */
static struct bytes last_line(struct bytes out)
{
	while (out.len > 0 && out.data[out.len - 1] == '\n')
		out.len--;
	for (size_t i = out.len; i > 0; i--)
		if (out.data[i - 1] == '\n')
			return bytes_of(out.data + i, out.len - i);
	return out;
}

static bool listen(pid_t pid, int fd, struct buf *ret, struct err *err)
{
	uint64_t deadline = clock_monotonic_ms(&clock_system) + CLOSURE_SECONDS_MAX * 1000;
	bool ended = false;
	int status = 0;
	while (!ended)
		if (!read_some(fd, deadline, ret, &ended, err)) {
			end(pid);
			return false;
		}
	if (!await(pid, deadline, &status, err)) {
		end(pid);
		return false;
	}
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return true;
	if (WIFEXITED(status) && WEXITSTATUS(status) == CHILD_FAILED && ret->len == 0)
		return err_set(err, ERR_IO, "could not be started in its sandbox");
	return err_set(err, ERR_FORMAT, "ended with %s %d: %s",
		WIFEXITED(status) ? "status" : "signal",
		WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status),
		ESC(last_line(buf_bytes(ret))));
}

/* What is sticky, as /tmp is, lets nobody but a file's owner move it. */
static bool is_ours(const struct stat *st)
{
	bool owner = st->st_uid == 0 || st->st_uid == geteuid();
	return owner && (!(st->st_mode & (S_IWGRP | S_IWOTH)) || (st->st_mode & S_ISVTX));
}

bool closure_place_is_ours(const char *canonical, uid_t *ret_other)
{
	char path[PATH_MAX];
	struct stat st;
	size_t len = strlen(canonical);
	*ret_other = 0;
	if (len >= sizeof(path))
		return false;
	memcpy(path, canonical, len + 1);
	for (char *slash = strrchr(path, '/'); slash; slash = strrchr(path, '/')) {
		*slash = '\0';
		if (lstat(path[0] ? path : "/", &st) != 0 || !S_ISDIR(st.st_mode))
			return false;
		if (is_ours(&st))
			continue;
		*ret_other = st.st_uid;
		return false;
	}
	return true;
}

static bool rights_of(const char *executable, struct rights *ret, struct err *err)
{
	uid_t other = 0;
	OWNED(fd_close) int fd = -1;
	struct stat st;
	if (!measure_open(executable, &fd, err))
		return false;
	if (fstat(fd, &st) != 0)
		return err_errno(err, errno, "%s", executable);
	ret->everything =
		(st.st_uid == 0 || st.st_uid == geteuid()) && !(st.st_mode & (S_IWGRP | S_IWOTH));
	ret->uid = st.st_uid;
	/* Whoever may put another file there is the owner of what the loader gets. */
	if (!closure_place_is_ours(executable, &other)) {
		ret->everything = false;
		ret->uid = other ? other : st.st_uid;
	}
	if (ret->uid == 0)
		ret->uid = NOBODY;
	return true;
}

bool closure_loader_list(
	const char *loader, const char *executable, struct buf *ret, struct err *err)
{
	struct rights rights;
	int ends[2];
	if (!rights_of(executable, &rights, err))
		return false;
	if (pipe2(ends, O_CLOEXEC) != 0)
		return err_errno(err, errno, "pipe");
	pid_t parent = getpid();
	pid_t pid = fork();
	int error_number = errno;
	if (pid == 0)
		child(parent, loader, executable, &rights, ends[1]);
	fd_close(&ends[1]);
	bool done = pid > 0 ? listen(pid, ends[0], ret, err) : err_errno(err, error_number, "fork");
	fd_close(&ends[0]);
	return done || err_wrap(err, "%s: dynamic loader %s", executable, loader);
}
