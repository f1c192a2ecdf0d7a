/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/swtpm.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SETUP_TOOL   "/usr/bin/swtpm_setup"
#define CERT_TOOL    "/usr/bin/swtpm_localca"
#define SWTPM        "/usr/bin/swtpm"
#define FILE_MAX     65536u
#define RESPONSE_MAX 4096u
#define START_TRIES  500

static const uint8_t shutdown_clear[] = {
	0x80, 0x01, 0x00, 0x00, 0x00, 0x0c, 0x00, 0x00, 0x01, 0x45, 0x00, 0x00};

static void pause_ms(long ms)
{
	nanosleep(&(struct timespec){ms / 1000, ms % 1000 * 1000000L}, NULL);
}

/* Starts a program with its output in directory/log, so that a failing test can show it. It dies
 * with the parent. */
static pid_t spawn(const char *directory, char *const argv[])
{
	char path[160];
	pid_t parent = getpid();
	pid_t pid = fork();
	int fd;

	if (pid != 0)
		return pid;
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent)
		_exit(126);
	snprintf(path, sizeof(path), "%s/log", directory);
	fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (fd < 0 || dup2(fd, 1) < 0 || dup2(fd, 2) < 0)
		_exit(126);
	fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (fd < 0 || dup2(fd, 0) < 0)
		_exit(126);
	execv(argv[0], argv);
	_exit(127);
}

static bool write_text(const char *directory, const char *name, const char *text, struct err *err)
{
	char path[192];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	file = fopen(path, "we");
	if (!file)
		return err_errno(err, errno, "%s", path);
	fputs(text, file);
	if (fclose(file) != 0)
		return err_errno(err, errno, "%s", path);
	return true;
}

static bool write_configuration(const struct swtpm *swtpm, struct err *err)
{
	char text[1024];

	snprintf(text, sizeof(text),
		"create_certs_tool = " CERT_TOOL "\ncreate_certs_tool_config = %s/localca.conf\n"
		"create_certs_tool_options = %s/localca.options\nactive_pcr_banks = sha256\n",
		swtpm->directory, swtpm->directory);
	if (!write_text(swtpm->directory, "setup.conf", text, err))
		return false;
	snprintf(text, sizeof(text),
		"statedir = %s\nsigningkey = %s/signkey.pem\nissuercert = %s/issuercert.pem\n"
		"certserial = %s/certserial\n",
		swtpm->ca_dir, swtpm->ca_dir, swtpm->ca_dir, swtpm->ca_dir);
	if (!write_text(swtpm->directory, "localca.conf", text, err))
		return false;
	return write_text(swtpm->directory, "localca.options",
		"--platform-manufacturer Test\n--platform-version 1\n--platform-model Test\n", err);
}

static bool setup(const struct swtpm *swtpm, const struct swtpm_options *options, struct err *err)
{
	char state[96], config[96];
	char *argv[16] = {(char *)SETUP_TOOL, (char *)"--tpm2", (char *)"--tpmstate", state,
		(char *)"--config", config, (char *)"--vmid", (char *)"assay-test",
		(char *)"--pcr-banks", (char *)(options->banks ? options->banks : "sha1,sha256"),
		(char *)"--overwrite"};
	size_t n = 11;
	pid_t pid;
	int status = 0;

	if (!write_configuration(swtpm, err))
		return false;
	snprintf(state, sizeof(state), "dir://%s", swtpm->directory);
	snprintf(config, sizeof(config), "%s/setup.conf", swtpm->directory);
	if (!options->without_certificates) {
		argv[n++] = (char *)"--create-ek-cert";
		argv[n++] = (char *)"--create-platform-cert";
		argv[n++] = (char *)"--lock-nvram";
	}
	pid = spawn(swtpm->directory, argv);
	if (pid < 0)
		return err_errno(err, errno, "fork");
	if (waitpid(pid, &status, 0) != pid || status != 0)
		return err_set(err, ERR_INTERNAL, "swtpm_setup ended with %d, see %s/log", status,
			swtpm->directory);
	return true;
}

static int connect_to(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd;

	if (strlen(path) >= sizeof(address.sun_path))
		return -1;
	memcpy(address.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && connect(fd, (const struct sockaddr *)&address, sizeof(address)) != 0) {
		close(fd);
		return -1;
	}
	return fd;
}

bool swtpm_available(void)
{
	return access(SWTPM, X_OK) == 0 && access(SETUP_TOOL, X_OK) == 0 &&
	       access(CERT_TOOL, X_OK) == 0;
}

bool swtpm_power_on(struct swtpm *swtpm, struct err *err)
{
	char state[96], server[192], control[192];
	char *argv[] = {(char *)SWTPM, (char *)"socket", (char *)"--tpm2", (char *)"--tpmstate",
		state, (char *)"--server", server, (char *)"--ctrl", control, (char *)"--flags",
		(char *)"not-need-init,startup-clear", NULL};
	int fd;

	snprintf(state, sizeof(state), "dir=%s", swtpm->directory);
	snprintf(server, sizeof(server), "type=unixio,path=%s", swtpm->socket);
	snprintf(control, sizeof(control), "type=unixio,path=%s.ctrl", swtpm->socket);
	unlink(swtpm->socket);
	swtpm->pid = spawn(swtpm->directory, argv);
	if (swtpm->pid < 0) {
		swtpm->pid = 0;
		return err_errno(err, errno, "fork");
	}
	for (int i = 0; i < START_TRIES; i++) {
		fd = connect_to(swtpm->socket);
		if (fd >= 0) {
			close(fd);
			return true;
		}
		if (waitpid(swtpm->pid, NULL, WNOHANG) == swtpm->pid) {
			swtpm->pid = 0;
			break;
		}
		pause_ms(10);
	}
	return err_set(err, ERR_INTERNAL, "swtpm does not start, see %s/log", swtpm->directory);
}

void swtpm_power_cut(struct swtpm *swtpm)
{
	if (swtpm->pid <= 0)
		return;
	kill(swtpm->pid, SIGKILL);
	while (waitpid(swtpm->pid, NULL, 0) < 0 && errno == EINTR) {
	}
	swtpm->pid = 0;
}

/* swtpm serves one connection at a time: another client's has to end before ours is answered. */
bool swtpm_command(
	const struct swtpm *swtpm, struct bytes command, struct buf *ret_response, struct err *err)
{
	uint8_t response[RESPONSE_MAX];
	ssize_t n;
	int fd = connect_to(swtpm->socket);

	if (fd < 0)
		return err_errno(err, errno, "%s", swtpm->socket);
	if (write(fd, command.data, command.len) != (ssize_t)command.len ||
		poll(&(struct pollfd){fd, POLLIN, 0}, 1, 30000) != 1) {
		close(fd);
		return err_set(err, ERR_IO, "%s: no answer", swtpm->socket);
	}
	n = read(fd, response, sizeof(response));
	close(fd);
	if (n < 10)
		return err_set(err, ERR_IO, "%s: short answer", swtpm->socket);
	buf_put(ret_response, bytes_of(response, (size_t)n));
	return buf_ok(ret_response, err);
}

bool swtpm_power_off(struct swtpm *swtpm, struct err *err)
{
	OWNED(buf_release) struct buf response = {0};
	bool ok = true;

	if (swtpm->pid <= 0)
		return true;
	ok = swtpm_command(swtpm, BYTES_OF(shutdown_clear), &response, err);
	swtpm_power_cut(swtpm);
	return ok;
}

bool swtpm_power_cycle(struct swtpm *swtpm, struct err *err)
{
	return swtpm_power_off(swtpm, err) && swtpm_power_on(swtpm, err);
}

bool swtpm_start(const struct swtpm_options *options, struct swtpm *ret, struct err *err)
{
	static const struct swtpm_options none;
	const char *base = getenv("TMPDIR");

	options = options ? options : &none;
	memset(ret, 0, sizeof(*ret));
	/* Socket paths are short: a long TMPDIR is passed over. */
	if (!base || strlen(base) > 40)
		base = "/tmp";
	snprintf(ret->directory, sizeof(ret->directory), "%s/assay-tpm-XXXXXX", base);
	if (!mkdtemp(ret->directory)) {
		ret->directory[0] = '\0';
		return err_errno(err, errno, "%s", base);
	}
	snprintf(ret->socket, sizeof(ret->socket), "%s/tpm", ret->directory);
	snprintf(ret->tcti, sizeof(ret->tcti), "swtpm:path=%s", ret->socket);
	if (options->ca_dir)
		snprintf(ret->ca_dir, sizeof(ret->ca_dir), "%s", options->ca_dir);
	else
		snprintf(ret->ca_dir, sizeof(ret->ca_dir), "%s/ca", ret->directory);
	if (!options->ca_dir && mkdir(ret->ca_dir, 0700) != 0)
		return err_errno(err, errno, "%s", ret->ca_dir);
	if (!options->clear_state_only && !setup(ret, options, err))
		return false;
	return swtpm_power_on(ret, err);
}

static bool read_file(const char *directory, const char *name, struct buf *ret, struct err *err)
{
	char path[192];
	uint8_t content[FILE_MAX];
	size_t n;
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	file = fopen(path, "re");
	if (!file)
		return err_errno(err, errno, "%s", path);
	n = fread(content, 1, sizeof(content), file);
	fclose(file);
	buf_put(ret, bytes_of(content, n));
	return buf_ok(ret, err);
}

bool swtpm_ca_certificates(
	const struct swtpm *swtpm, struct buf *ret_root, struct buf *ret_issuer, struct err *err)
{
	return read_file(swtpm->ca_dir, "swtpm-localca-rootca-cert.pem", ret_root, err) &&
	       read_file(swtpm->ca_dir, "issuercert.pem", ret_issuer, err);
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	remove(path);
	return 0;
}

void swtpm_stop(struct swtpm *swtpm)
{
	swtpm_power_cut(swtpm);
	if (swtpm->directory[0])
		nftw(swtpm->directory, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
	memset(swtpm, 0, sizeof(*swtpm));
}
