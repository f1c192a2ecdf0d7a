/* SPDX-License-Identifier: Apache-2.0 */
/* The process. What it is asked for is in verifierd_calls.c. */
#include "tests/support/verifierd.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"

#define START_TRIES 600 /* of 25 ms */

static bool program_find(struct verifierd *v, struct err *err)
{
	const char *bin = getenv("ASSAY_BIN");
	char self[400];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	self[n > 0 ? n : 0] = '\0';
	char *slash = strrchr(self, '/');
	if (slash)
		*slash = '\0';
	(void)snprintf(v->program, sizeof(v->program), "%s/assay-verifierd", bin ? bin : self);
	return access(v->program, X_OK) == 0
		       ? true
		       : err_errno(err, errno, "%s (ASSAY_BIN says where)", v->program);
}

static bool port_find(struct verifierd *v, struct err *err)
{
	struct sockaddr_in at = {.sin_family = AF_INET};
	socklen_t len = sizeof(at);
	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool ok = fd >= 0 && bind(fd, (struct sockaddr *)&at, sizeof(at)) == 0 &&
		  getsockname(fd, (struct sockaddr *)&at, &len) == 0;
	int problem = errno;
	if (fd >= 0)
		(void)close(fd);
	v->port = ntohs(at.sin_port);
	(void)snprintf(v->url, sizeof(v->url), "https://127.0.0.1:%u", v->port);
	return ok ? true : err_errno(err, problem, "a free port");
}

/* ---- processes ---- */

static void limit(__rlimit_resource_t resource, rlim_t value)
{
	struct rlimit limit = {value, value};
	if (value > 0 && setrlimit(resource, &limit) != 0)
		_exit(126);
}

/* Between fork and exec: nothing but system calls. */
static void child(const struct verifierd *v, int out, const char *program, char **argv)
{
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)signal(SIGXFSZ, SIG_IGN);
	limit(RLIMIT_NOFILE, v->files_max);
	limit(RLIMIT_FSIZE, v->size_max);
	if (dup2(out, 1) >= 0 && dup2(out, 2) >= 0)
		(void)execv(program, argv);
	_exit(127);
}

static pid_t spawn(const struct verifierd *v, const char *output, const char *program,
	const char *const *argv, bool limited)
{
	struct verifierd unlimited = *v;
	if (!limited)
		unlimited.files_max = unlimited.size_max = 0;
	int out = open(output, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	pid_t pid = out >= 0 ? fork() : -1;
	if (pid == 0)
		child(&unlimited, out, program, (char **)(uintptr_t)argv);
	if (out >= 0)
		(void)close(out);
	return pid;
}

int verifierd_run(const struct verifierd *v, const char *output, const char *const *argv)
{
	char program[600];
	int status = -1;
	int dir = (int)(strrchr(v->program, '/') - v->program);
	(void)snprintf(program, sizeof(program), "%.*s/%s", dir, v->program, argv[0]);
	pid_t pid = spawn(v, output, program, argv, false);
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return -1;
	return WEXITSTATUS(status);
}

static bool ready(struct verifierd *v)
{
	OWNED(buf_release) struct buf answer = {0};
	int status = 0;
	return verifierd_call(v, "/readyz", NULL, (struct bytes){0}, &status, &answer, NULL) &&
	       status == 200;
}

bool verifierd_start(struct verifierd *v, struct err *err)
{
	char log[128], config[128];
	const struct timespec pause = {.tv_nsec = 25000000};
	(void)snprintf(log, sizeof(log), "%s/log", v->dir);
	(void)snprintf(config, sizeof(config), "%s/v/verifierd.yaml", v->dir);
	const char *argv[] = {v->program, "--config", config, NULL};
	v->pid = spawn(v, log, v->program, argv, true);
	if (v->pid < 0)
		return err_set(err, ERR_IO, "assay-verifierd: not started");
	for (int i = 0; i < START_TRIES; i++) {
		int status;
		if (waitpid(v->pid, &status, WNOHANG) == v->pid) {
			v->pid = 0;
			return err_set(err, ERR_IO, "assay-verifierd ended with %d, see %s",
				WIFEXITED(status) ? WEXITSTATUS(status) : -1, log);
		}
		if (ready(v))
			return true;
		(void)nanosleep(&pause, NULL);
	}
	return err_set(err, ERR_IO, "assay-verifierd: not ready, see %s", log);
}

int verifierd_stop(struct verifierd *v, int signal)
{
	int status = 0;
	if (v->pid <= 0)
		return 0;
	(void)kill(v->pid, signal);
	while (waitpid(v->pid, &status, 0) < 0 && errno == EINTR) {
	}
	v->pid = 0;
	return status;
}

/* ---- made and taken away ---- */

static bool read_file(const struct verifierd *v, const char *name, struct buf *ret, struct err *err)
{
	char path[160];
	(void)snprintf(path, sizeof(path), "%s/v/%s", v->dir, name);
	return file_read(path, 65536, ret, err);
}

static bool keys_read(struct verifierd *v, struct err *err)
{
	OWNED(buf_release) struct buf ca_key = {0}, admin_key = {0};
	return read_file(v, "ca.pem", &v->ca_pem, err) && read_file(v, "ca.key", &ca_key, err) &&
	       read_file(v, "operator/cert.pem", &v->admin_pem, err) &&
	       read_file(v, "operator/key.pem", &admin_key, err) &&
	       cert_from_pem(buf_bytes(&v->ca_pem), &v->ca, err) &&
	       key_from_pem(buf_bytes(&ca_key), &v->ca_key, err) &&
	       key_from_pem(buf_bytes(&admin_key), &v->admin_key, err);
}

static bool init(struct verifierd *v, struct err *err)
{
	char dir[80], log[80], listen[32];
	(void)snprintf(dir, sizeof(dir), "%s/v", v->dir);
	(void)snprintf(log, sizeof(log), "%s/log", v->dir);
	(void)snprintf(listen, sizeof(listen), "127.0.0.1:%u", v->port);
	const char *argv[] = {"assay-verifierd", "init", "--dir", dir, "--trust-domain",
		VERIFIERD_DOMAIN, "--listen", listen, "--operator", "olga", NULL};
	return verifierd_run(v, log, argv) == 0
		       ? true
		       : err_set(err, ERR_IO, "assay-verifierd init failed, see %s", log);
}

bool verifierd_new(struct verifierd *v, struct err *err)
{
	memset(v, 0, sizeof(*v));
	(void)snprintf(v->dir, sizeof(v->dir), "%s/assay-attack-XXXXXX",
		getenv("TMPDIR") && strlen(getenv("TMPDIR")) < 40 ? getenv("TMPDIR") : "/tmp");
	if (!mkdtemp(v->dir))
		return err_errno(err, errno, "%s", v->dir);
	if (!program_find(v, err) || !port_find(v, err) || !init(v, err) || !keys_read(v, err) ||
		!ek_ca_new(&v->maker, err) || !key_generate(KEY_EC_P256, &v->builder, err) ||
		!key_generate(KEY_EC_P256, &v->alice, err) ||
		!key_generate(KEY_EC_P256, &v->bob, err) || !verifierd_policy(v, 1, "", err))
		return false;
	struct client_options options = {.url = v->url,
		.ca = buf_bytes(&v->ca_pem),
		.certificate = buf_bytes(&v->admin_pem),
		.key = v->admin_key};
	return client_new(&options, &v->admin, err);
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

void verifierd_release(struct verifierd *v)
{
	(void)verifierd_stop(v, SIGTERM);
	client_free(&v->admin);
	ek_ca_release(&v->maker);
	struct key **keys[] = {&v->builder, &v->alice, &v->bob, &v->ca_key, &v->admin_key};
	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		key_unref(keys[i]);
	cert_unref(&v->ca);
	buf_release(&v->ca_pem);
	buf_release(&v->admin_pem);
	if (v->dir[0] && !getenv("ASSAY_KEEP"))
		(void)nftw(v->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	memset(v, 0, sizeof(*v));
}
