/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/closure.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/reader.h"
#include "base/text.h"
#include "base/time.h"

#define NOBODY          65534
#define ELF_HEADERS_MAX 128u
#define PT_INTERP       3u

/* ---- what the first bytes say: pure ---- */

static bool interpreter_take(struct bytes in, char *out, size_t size, struct err *err)
{
	if (in.len == 0 || in.len >= size || in.data[0] != '/' || memchr(in.data, 0, in.len))
		return err_set(err, ERR_FORMAT, "executable: its interpreter is no absolute path");
	memcpy(out, in.data, in.len);
	out[in.len] = '\0';
	return true;
}

static bool parse_script(struct bytes head, struct closure_head *ret, struct err *err)
{
	const uint8_t *end = memchr(head.data, '\n', head.len);
	size_t len = end ? (size_t)(end - head.data) : head.len, at = 2, start;
	if (!end || len > 4096)
		return err_set(err, ERR_FORMAT, "script: its first line does not end");
	while (at < len && (head.data[at] == ' ' || head.data[at] == '\t'))
		at++;
	for (start = at; at < len && head.data[at] != ' ' && head.data[at] != '\t';)
		at++;
	ret->kind = CLOSURE_SCRIPT;
	if (!interpreter_take(bytes_of(head.data + start, at - start), ret->interpreter,
		    sizeof(ret->interpreter), err))
		return false;
	while (at < len && (head.data[at] == ' ' || head.data[at] == '\t'))
		at++;
	while (len > at && (head.data[len - 1] == ' ' || head.data[len - 1] == '\t' ||
				   head.data[len - 1] == '\r'))
		len--;
	if (len - at >= sizeof(ret->argument) || memchr(head.data + at, 0, len - at))
		return err_set(
			err, ERR_FORMAT, "script: the argument after its interpreter is too long");
	memcpy(ret->argument, head.data + at, len - at);
	return true;
}

struct elf_layout {
	uint64_t offset;
	uint16_t size, count;
};

static bool parse_program_header(struct bytes head, const struct elf_layout *layout, size_t i,
	struct closure_head *ret, struct err *err)
{
	uint64_t at = layout->offset + (uint64_t)i * layout->size;
	if (at > head.len || head.len - at < 56)
		return err_set(err, ERR_FORMAT,
			"ELF: program header %zu is beyond the first %u bytes", i,
			CLOSURE_HEAD_MAX);
	struct reader r = rd_of(bytes_of(head.data + at, 56));
	uint32_t type = rd_le32(&r, "p_type");
	(void)rd_le32(&r, "p_flags");
	uint64_t offset = rd_le64(&r, "p_offset");
	(void)rd_bytes(&r, 16, "p_vaddr");
	uint64_t size = rd_le64(&r, "p_filesz");
	if (type != PT_INTERP)
		return true;
	if (ret->kind == CLOSURE_DYNAMIC || offset > head.len || size > head.len - offset ||
		size < 2 || size > 4096 || head.data[offset + size - 1] != 0)
		return err_set(err, ERR_FORMAT, "ELF: PT_INTERP is malformed");
	ret->kind = CLOSURE_DYNAMIC;
	return interpreter_take(bytes_of(head.data + offset, (size_t)size - 1), ret->interpreter,
		sizeof(ret->interpreter), err);
}

static bool parse_elf(struct bytes head, struct closure_head *ret, struct err *err)
{
	struct reader r = rd_of(bytes_of(head.data, head.len < 64 ? head.len : 64));
	struct bytes ident = rd_bytes(&r, 16, "e_ident");
	(void)rd_bytes(&r, 16, "e_type");
	struct elf_layout layout = {.offset = rd_le64(&r, "e_phoff")};
	(void)rd_bytes(&r, 14, "e_shoff");
	layout.size = rd_le16(&r, "e_phentsize");
	layout.count = rd_le16(&r, "e_phnum");
	(void)rd_bytes(&r, 6, "e_shentsize");
	if (!rd_finish(&r, err))
		return err_wrap(err, "ELF");
	if (ident.data[4] != 2 || ident.data[5] != 1)
		return err_set(err, ERR_UNSUPPORTED,
			"ELF: only 64-bit little-endian executables are supported");
	if (layout.size != 56 || layout.count == 0 || layout.count > ELF_HEADERS_MAX)
		return err_set(err, ERR_FORMAT, "ELF: %u program headers of %u bytes", layout.count,
			layout.size);
	ret->kind = CLOSURE_STATIC;
	for (size_t i = 0; i < layout.count; i++)
		if (!parse_program_header(head, &layout, i, ret, err))
			return false;
	return true;
}

bool closure_head_parse(struct bytes head, struct closure_head *ret, struct err *err)
{
	memset(ret, 0, sizeof(*ret));
	if (head.len >= 2 && head.data[0] == '#' && head.data[1] == '!')
		return parse_script(head, ret, err);
	if (head.len >= 4 && memcmp(head.data, "\177ELF", 4) == 0)
		return parse_elf(head, ret, err);
	return err_set(err, ERR_FORMAT, "neither an ELF executable nor a script with #!");
}

/* ---- the loader's own answer ---- */

/* As root: another user, who can read every file (an agent's directory may be private) and write none. */
static bool become_reader(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	const uint32_t read_only = 1u << CAP_DAC_READ_SEARCH;
	const struct __user_cap_data_struct reader[2] = {
		{read_only, read_only, read_only}, {0, 0, 0}};
	if (geteuid() != 0)
		return true;
	return setgroups(0, NULL) == 0 && prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) == 0 &&
	       setresgid(NOBODY, NOBODY, NOBODY) == 0 && setresuid(NOBODY, NOBODY, NOBODY) == 0 &&
	       syscall(SYS_capset, &header, reader) == 0 &&
	       prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_DAC_READ_SEARCH, 0, 0) == 0;
}

/* In the child: nothing but the loader, its input and its output. */
static void child(const char *loader, const char *executable, int output)
{
	struct rlimit processes = {0, 0}, memory = {1u << 30, 1u << 30},
		      seconds = {CLOSURE_SECONDS_MAX, CLOSURE_SECONDS_MAX};
	char *const argv[] = {(char *)(uintptr_t)loader, (char *)(uintptr_t) "--list",
		(char *)(uintptr_t)executable, NULL};
	char *const envp[] = {NULL};
	if (dup2(output, STDOUT_FILENO) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
		prctl(PR_SET_PDEATHSIG, SIGKILL) != 0)
		_exit(127);
	(void)close(STDIN_FILENO);
	(void)close(STDERR_FILENO);
	(void)close_range(3, ~0u, 0);
	if (!become_reader())
		_exit(127);
	(void)setrlimit(RLIMIT_NPROC, &processes);
	(void)setrlimit(RLIMIT_AS, &memory);
	(void)setrlimit(RLIMIT_CPU, &seconds);
	(void)execve(loader, argv, envp);
	_exit(127);
}

static bool read_all(int fd, struct buf *ret, struct err *err)
{
	uint64_t deadline = clock_monotonic_ms(&clock_system) + CLOSURE_SECONDS_MAX * 1000;
	for (;;) {
		struct pollfd wait = {.fd = fd, .events = POLLIN};
		uint64_t now = clock_monotonic_ms(&clock_system);
		uint8_t chunk[4096];
		if (now >= deadline || poll(&wait, 1, (int)(deadline - now)) <= 0)
			return err_set(err, ERR_BUSY, "the dynamic loader did not answer in %d s",
				CLOSURE_SECONDS_MAX);
		ssize_t n = read(fd, chunk, sizeof(chunk));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(err, errno, "the dynamic loader's output");
		if (n == 0)
			return buf_ok(ret, err);
		if (ret->len + (size_t)n > CLOSURE_OUTPUT_MAX)
			return err_set(err, ERR_LIMIT,
				"the dynamic loader printed more than %u bytes",
				CLOSURE_OUTPUT_MAX);
		buf_put(ret, bytes_of(chunk, (size_t)n));
	}
}

static bool loader_list(
	const char *loader, const char *executable, struct buf *ret, struct err *err)
{
	int ends[2];
	if (pipe2(ends, O_CLOEXEC) != 0)
		return err_errno(err, errno, "pipe");
	pid_t pid = fork();
	if (pid == 0)
		child(loader, executable, ends[1]);
	(void)close(ends[1]);
	bool ok = pid > 0 ? read_all(ends[0], ret, err) : err_errno(err, errno, "fork");
	(void)close(ends[0]);
	if (pid <= 0)
		return false;
	if (!ok)
		(void)kill(pid, SIGKILL);
	int status = 0;
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		continue;
	if (ok && (!WIFEXITED(status) || WEXITSTATUS(status) != 0))
		return err_set(err, ERR_FORMAT,
			"%s: the dynamic loader %s refused it: a library may be missing",
			executable, loader);
	return ok;
}

/* ---- the list ---- */

static bool add(struct closure *closure, const char *soname, const char *found,
	struct closure_file **ret, struct err *err)
{
	if (closure->count == CLOSURE_FILES_MAX)
		return err_set(err, ERR_LIMIT, "more than %u libraries", CLOSURE_FILES_MAX);
	struct closure_file *more = realloc(closure->files, (closure->count + 1) * sizeof(*more));
	if (!more)
		return err_set(err, ERR_NOMEM, "closure");
	closure->files = more;
	struct closure_file *file = &more[closure->count++];
	memset(file, 0, sizeof(*file));
	file->soname = strdup(soname);
	file->found = strdup(found);
	if (!file->soname || !file->found)
		return err_set(err, ERR_NOMEM, "closure");
	*ret = file;
	return measure_canonical(found, &file->canonical, err);
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash ? slash + 1 : path;
}

/* "\tlibc.so.6 => /lib/…/libc.so.6 (0x…)", "\t/lib64/ld-linux-x86-64.so.2 (0x…)", "\tlinux-vdso.so.1 (0x…)". */
static bool line_take(struct closure *closure, char *line, const char *loader, struct err *err)
{
	struct closure_file *file = NULL;
	while (*line == '\t' || *line == ' ')
		line++;
	char *address = strstr(line, " (0x"), *arrow = strstr(line, " => ");
	if (*line == '\0' || strcmp(line, "statically linked") == 0)
		return true;
	if (arrow && strncmp(arrow + 4, "not found", 9) == 0) {
		*arrow = '\0';
		return err_set(err, ERR_NOT_FOUND, "library %s is not found", ESC(bytes_str(line)));
	}
	if (!address)
		return err_set(
			err, ERR_FORMAT, "the dynamic loader printed %s", ESC(bytes_str(line)));
	*address = '\0';
	if (arrow)
		*arrow = '\0';
	const char *path = arrow ? arrow + 4 : line;
	if (!arrow && path[0] != '/')
		return true; /* the vdso is the kernel's */
	if (path[0] != '/')
		return err_set(err, ERR_FORMAT, "library %s is found at no absolute path",
			ESC(bytes_str(line)));
	if (strcmp(path, loader) == 0 || strcmp(line, loader) == 0)
		return true; /* in the list already */
	return add(closure, base_name(line), path, &file, err);
}

static bool add_loader(struct closure *closure, const char *path, struct err *err)
{
	struct closure_file *file = NULL;
	struct stat status;
	if (!add(closure, base_name(path), path, &file, err))
		return false;
	file->loader = true;
	if (stat(file->canonical, &status) != 0)
		return err_errno(err, errno, "%s", path);
	if ((status.st_mode & (S_IWGRP | S_IWOTH)) ||
		(status.st_uid != 0 && status.st_uid != geteuid()))
		return err_set(
			err, ERR_DENIED, "loader %s may be written by others than root", path);
	return true;
}

static bool add_libraries(
	struct closure *closure, const char *executable, const char *loader, struct err *err)
{
	OWNED(buf_release) struct buf out = {0};
	if (!add_loader(closure, loader, err) || !loader_list(loader, executable, &out, err))
		return false;
	buf_put_u8(&out, 0);
	if (!buf_ok(&out, err) || memchr(out.data, 0, out.len - 1))
		return err_set(err, ERR_FORMAT, "the dynamic loader printed a NUL");
	for (char *line = (char *)out.data, *next; line; line = next) {
		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		if (!line_take(closure, line, loader, err))
			return false;
	}
	return true;
}

static bool head_of(const char *path, struct closure_head *ret, struct err *err)
{
	OWNED(fd_close) int fd = -1;
	OWNED(free_ptr) uint8_t *head = malloc(CLOSURE_HEAD_MAX);
	if (!head)
		return err_set(err, ERR_NOMEM, "closure");
	if (!measure_open(path, &fd, err))
		return false;
	ssize_t n = pread(fd, head, CLOSURE_HEAD_MAX, 0);
	if (n < 0)
		return err_errno(err, errno, "%s", path);
	return closure_head_parse(bytes_of(head, (size_t)n), ret, err) ? true
								       : err_wrap(err, "%s", path);
}

static bool add_script(struct closure *closure, const struct closure_head *script, struct err *err)
{
	struct closure_file *file = NULL;
	struct closure_head interpreter = {0};
	if (strcmp(base_name(script->interpreter), "env") == 0)
		return err_set(err, ERR_DENIED,
			"#!%s: the interpreter would depend on PATH: name it directly",
			script->interpreter);
	if (!add(closure, base_name(script->interpreter), script->interpreter, &file, err))
		return false;
	file->interpreter = true;
	closure->script_argument = script->argument[0] ? strdup(script->argument) : NULL;
	OWNED(free_ptr) char *canonical = strdup(file->canonical);
	if (!canonical || (script->argument[0] && !closure->script_argument))
		return err_set(err, ERR_NOMEM, "closure");
	if (!head_of(canonical, &interpreter, err))
		return false;
	if (interpreter.kind == CLOSURE_SCRIPT)
		return err_set(err, ERR_UNSUPPORTED, "%s: an interpreter that is itself a script",
			script->interpreter);
	return interpreter.kind == CLOSURE_STATIC ||
	       add_libraries(closure, canonical, interpreter.interpreter, err);
}

static int by_soname(const void *a, const void *b)
{
	const struct closure_file *x = a, *y = b;
	int order = strcmp(x->soname, y->soname);
	return order ? order : strcmp(x->canonical, y->canonical);
}

static bool measure_all(struct closure *closure, int threads, struct err *err)
{
	size_t n = closure->count;
	const char **paths = calloc(n + 1, sizeof(*paths));
	struct measured_file *files = calloc(n + 1, sizeof(*files));
	bool *ok = calloc(n + 1, sizeof(*ok));
	struct err *errs = calloc(n + 1, sizeof(*errs));
	bool done = paths && files && ok && errs;
	if (!done)
		(void)err_set(err, ERR_NOMEM, "closure");
	for (size_t i = 0; done && i < n; i++)
		paths[i] = closure->files[i].canonical;
	done = done && (n == 0 || measure_paths(paths, n, MEASURE_SHA256, threads, false, files, ok,
					  errs, err));
	for (size_t i = 0; files && i < n; i++) {
		if (done && !ok[i])
			done = err_set(err, errs[i].code, "%s", errs[i].text);
		closure->files[i].file = files[i];
		closure->bytes += files[i].size;
	}
	free(paths);
	free(files);
	free(ok);
	free(errs);
	return done;
}

static bool manifest_write(struct closure *closure, struct err *err)
{
	for (size_t i = 0; i < closure->count; i++) {
		const struct closure_file *file = &closure->files[i];
		if (strpbrk(file->soname, " \n") || strchr(file->canonical, '\n'))
			return err_set(err, ERR_FORMAT, "library %s: a name with white space",
				ESC(bytes_str(file->canonical)));
		buf_put_hex(&closure->manifest, BYTES_OF(file->file.digest));
		buf_printf(&closure->manifest, "  %s  %s\n", file->soname, file->canonical);
	}
	return buf_ok(&closure->manifest, err) &&
	       sha256_of(buf_bytes(&closure->manifest), closure->digest, err);
}

bool closure_of(const char *path, int threads, struct closure *ret, struct err *err)
{
	OWNED(closure_release) struct closure closure = {0};
	struct closure_head head = {0};
	struct stat preload;
	if (!head_of(path, &head, err))
		return false;
	closure.kind = head.kind;
	closure.preload = stat("/etc/ld.so.preload", &preload) == 0 && preload.st_size > 0;
	bool ok = head.kind == CLOSURE_STATIC ? true
		  : head.kind == CLOSURE_SCRIPT
			  ? add_script(&closure, &head, err)
			  : add_libraries(&closure, path, head.interpreter, err);
	if (!ok)
		return err_wrap(err, "%s", path);
	if (closure.count)
		qsort(closure.files, closure.count, sizeof(*closure.files), by_soname);
	if (!measure_all(&closure, threads, err) || !manifest_write(&closure, err))
		return false;
	*ret = TAKE_STRUCT(closure);
	return true;
}

void closure_release(struct closure *closure)
{
	for (size_t i = 0; i < closure->count; i++) {
		free(closure->files[i].soname);
		free(closure->files[i].found);
		free(closure->files[i].canonical);
		measured_file_release(&closure->files[i].file);
	}
	free(closure->files);
	free(closure->script_argument);
	buf_release(&closure->manifest);
	memset(closure, 0, sizeof(*closure));
}
