/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/closure.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "attest/closure_internal.h"
#include "base/file.h"
#include "base/text.h"

#define PRELOAD "/etc/ld.so.preload"

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash ? slash + 1 : path;
}

/* One reading in the manifest, and in the loader's list. */
static bool is_plain(const char *text)
{
	for (const char *at = text; *at; at++)
		if ((unsigned char)*at <= ' ' || *at == 0x7f)
			return false;
	return text[0] != '\0' && utf8_valid(bytes_str(text));
}

/* No "." or ".." in it: a place that a link can stand at. */
static bool is_place(const char *path)
{
	size_t len = strlen(path);
	return !strstr(path, "/./") && !strstr(path, "/../") && !strstr(path, "//") &&
	       !(len >= 2 && strcmp(path + len - 2, "/.") == 0) &&
	       !(len >= 3 && strcmp(path + len - 3, "/..") == 0);
}

static void file_release(struct closure_file *file)
{
	free(file->soname);
	free(file->found);
	free(file->canonical);
	measured_file_release(&file->file);
	memset(file, 0, sizeof(*file));
}

static bool file_init(
	struct closure_file *file, const char *soname, const char *found, struct err *err)
{
	if (!is_plain(soname) || !is_plain(found))
		return err_set(err, ERR_FORMAT,
			"library \"%s\" at \"%s\": white space or control characters",
			ESC(bytes_str(soname)), ESC(bytes_str(found)));
	if (found[0] != '/')
		return err_set(err, ERR_FORMAT, "library %s: found at no absolute path: %s", soname,
			found);
	if (!measure_canonical(found, &file->canonical, err))
		return err_wrap(err, "library %s", soname);
	if (!is_plain(file->canonical))
		return err_set(err, ERR_FORMAT,
			"library %s: white space or control characters in %s", soname,
			ESC(bytes_str(file->canonical)));
	file->soname = strdup(soname);
	file->found = strdup(is_place(found) ? found : file->canonical);
	return (file->soname && file->found) || err_set(err, ERR_NOMEM, "out of memory");
}

/* The loader says one thing twice where it is needed by name and mapped already. */
static bool is_known(const struct closure *closure, const struct closure_file *file)
{
	for (size_t i = 0; i < closure->count; i++) {
		const struct closure_file *other = &closure->files[i];
		bool same = strcmp(other->canonical, file->canonical) == 0;
		if (same && (other->loader || strcmp(other->soname, file->soname) == 0))
			return true;
	}
	return false;
}

static bool add(struct closure *closure, struct closure_file file, struct err *err)
{
	struct closure_file *more = NULL;
	if (is_known(closure, &file)) {
		file_release(&file);
		return true;
	}
	if (closure->count == CLOSURE_FILES_MAX)
		err_set(err, ERR_LIMIT, "more than %u libraries", CLOSURE_FILES_MAX);
	else if (!(more = realloc(closure->files, (closure->count + 1) * sizeof(*more))))
		err_set(err, ERR_NOMEM, "out of memory");
	if (!more) {
		file_release(&file);
		return false;
	}
	closure->files = more;
	closure->files[closure->count++] = file;
	return true;
}

/* "libc.so.6 => /lib/…/libc.so.6 (0x…)", "/lib64/ld-linux-x86-64.so.2 (0x…)", "linux-vdso.so.1 (0x…)". */
static bool take_line(struct closure *closure, char *line, struct err *err)
{
	OWNED(file_release) struct closure_file file = {0};
	line += strspn(line, "\t ");
	if (*line == '\0' || strcmp(line, "statically linked") == 0)
		return true;
	char *arrow = strstr(line, " => ");
	const char *path = arrow ? arrow + 4 : line;
	if (arrow)
		*arrow = '\0';
	if (arrow && strcmp(path, "not found") == 0)
		return err_set(err, ERR_NOT_FOUND, "library %s: not found", ESC(bytes_str(line)));
	/* The last one: what stands before it is a path, with white space or not. */
	char *address = NULL;
	for (char *at = strstr(path, " (0x"); at; at = strstr(at + 1, " (0x"))
		address = at;
	if (!address || address[strlen(address) - 1] != ')')
		return err_set(
			err, ERR_FORMAT, "the dynamic loader printed \"%s\"", ESC(bytes_str(line)));
	*address = '\0';
	if (!arrow && !strchr(path, '/'))
		return true; /* the vdso is the kernel's */
	if (!file_init(&file, base_name(line), path, err))
		return false;
	return add(closure, TAKE_STRUCT(file), err);
}

static bool take_list(struct closure *closure, struct buf *out, struct err *err)
{
	if (out->len && memchr(out->data, 0, out->len))
		return err_set(err, ERR_FORMAT, "the dynamic loader printed NUL");
	buf_put_u8(out, 0);
	if (!buf_ok(out, err))
		return false;
	for (char *line = (char *)out->data, *next = NULL; line; line = next) {
		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		if (!take_line(closure, line, err))
			return false;
	}
	return true;
}

/* We are about to run it: nobody but root and ourselves may have written it. */
static bool check_loader(const char *canonical, struct err *err)
{
	OWNED(fd_close) int fd = -1;
	struct stat st;
	uid_t other;
	if (!measure_open(canonical, &fd, err))
		return false;
	if (fstat(fd, &st) != 0)
		return err_errno(err, errno, "%s", canonical);
	if ((st.st_mode & (S_IWGRP | S_IWOTH)) || (st.st_uid != 0 && st.st_uid != geteuid()))
		return err_set(err, ERR_DENIED, "dynamic loader %s: others than root may write it",
			canonical);
	return closure_place_is_ours(canonical, &other) ||
	       err_set(err, ERR_DENIED,
		       "dynamic loader %s: others than root may put another file in its place",
		       canonical);
}

static bool add_libraries(
	struct closure *closure, const char *executable, const char *loader, struct err *err)
{
	OWNED(file_release) struct closure_file file = {0};
	OWNED(free_ptr) char *canonical = NULL;
	OWNED(buf_release) struct buf out = {0};
	if (!file_init(&file, base_name(loader), loader, err) || !check_loader(file.canonical, err))
		return false;
	canonical = strdup(file.canonical);
	if (!canonical)
		return err_set(err, ERR_NOMEM, "out of memory");
	file.loader = true;
	return add(closure, TAKE_STRUCT(file), err) &&
	       closure_loader_list(canonical, executable, &out, err) &&
	       take_list(closure, &out, err);
}

static bool read_interpreter(int fd, const char *path, struct closure_head *head, struct err *err)
{
	uint8_t segment[CLOSURE_INTERPRETER_MAX];
	if (head->interpreter_len == 0)
		return true;
	ssize_t n = pread(fd, segment, head->interpreter_len, (off_t)head->interpreter_at);
	if (n < 0)
		return err_errno(err, errno, "%s", path);
	if ((size_t)n != head->interpreter_len)
		return err_set(err, ERR_FORMAT, "ELF: PT_INTERP beyond the end of the file");
	return closure_head_interpreter(bytes_of(segment, (size_t)n), head, err);
}

static bool check_dynamic(
	int fd, const char *path, const struct closure_head *head, struct err *err)
{
	/* Without a loader nobody looks at it. */
	if (head->kind != CLOSURE_DYNAMIC || head->dynamic_len == 0)
		return true;
	OWNED(free_ptr) uint8_t *segment = malloc(head->dynamic_len);
	if (!segment)
		return err_set(err, ERR_NOMEM, "out of memory");
	ssize_t n = pread(fd, segment, head->dynamic_len, (off_t)head->dynamic_at);
	if (n < 0)
		return err_errno(err, errno, "%s", path);
	if ((size_t)n != head->dynamic_len)
		return err_set(err, ERR_FORMAT, "ELF: PT_DYNAMIC beyond the end of the file");
	return closure_head_dynamic(bytes_of(segment, (size_t)n), err);
}

static bool head_of(const char *path, struct closure_head *ret, struct err *err)
{
	OWNED(fd_close) int fd = -1;
	OWNED(free_ptr) uint8_t *head = malloc(CLOSURE_HEAD_MAX);
	if (!head)
		return err_set(err, ERR_NOMEM, "out of memory");
	if (!measure_open(path, &fd, err))
		return false;
	ssize_t n = pread(fd, head, CLOSURE_HEAD_MAX, 0);
	if (n < 0)
		return err_errno(err, errno, "%s", path);
	return closure_head_parse(bytes_of(head, (size_t)n), ret, err) &&
	       read_interpreter(fd, path, ret, err) && check_dynamic(fd, path, ret, err);
}

static bool add_script(struct closure *closure, const struct closure_head *script, struct err *err)
{
	OWNED(file_release) struct closure_file file = {0};
	OWNED(free_ptr) char *canonical = NULL;
	struct closure_head head = {0};
	if (!file_init(&file, base_name(script->interpreter), script->interpreter, err))
		return false;
	if (strcmp(base_name(script->interpreter), "env") == 0 ||
		strcmp(base_name(file.canonical), "env") == 0)
		return err_set(err, ERR_DENIED,
			"#!%s: PATH would choose the interpreter: name it directly",
			script->interpreter);
	canonical = strdup(file.canonical);
	if (script->argument[0])
		closure->script_argument = strdup(script->argument);
	if (!canonical || (script->argument[0] && !closure->script_argument))
		return err_set(err, ERR_NOMEM, "out of memory");
	file.interpreter = true;
	if (!head_of(canonical, &head, err))
		return err_wrap(err, "interpreter %s", canonical);
	if (head.kind == CLOSURE_SCRIPT)
		return err_set(
			err, ERR_UNSUPPORTED, "interpreter %s is itself a script", canonical);
	return add(closure, TAKE_STRUCT(file), err) &&
	       (head.kind == CLOSURE_STATIC ||
		       add_libraries(closure, canonical, head.interpreter, err));
}

static int by_soname(const void *a, const void *b)
{
	const struct closure_file *x = a, *y = b;
	int order = strcmp(x->soname, y->soname);
	return order ? order : strcmp(x->canonical, y->canonical);
}

/* Room to measure n files in. */
struct batch {
	const char **paths;
	struct measured_file *files;
	bool *ok;
	struct err *errs;
};
static void batch_release(struct batch *batch)
{
	free(batch->paths);
	free(batch->files);
	free(batch->ok);
	free(batch->errs);
}

static bool measure_files(struct closure *closure, int threads, struct err *err)
{
	size_t n = closure->count;
	OWNED(batch_release)
	struct batch batch = {
		.paths = calloc(n + 1, sizeof(*batch.paths)),
		.files = calloc(n + 1, sizeof(*batch.files)),
		.ok = calloc(n + 1, sizeof(*batch.ok)),
		.errs = calloc(n + 1, sizeof(*batch.errs)),
	};
	if (!batch.paths || !batch.files || !batch.ok || !batch.errs)
		return err_set(err, ERR_NOMEM, "out of memory");
	for (size_t i = 0; i < n; i++)
		batch.paths[i] = closure->files[i].canonical;
	if (!measure_paths(batch.paths, n, MEASURE_SHA256, threads, false, batch.files, batch.ok,
		    batch.errs, err))
		return false;
	bool done = true;
	for (size_t i = 0; i < n; i++) {
		closure->files[i].file = batch.files[i];
		closure->bytes += batch.files[i].size;
		if (!batch.ok[i] && done)
			done = err_set(err, batch.errs[i].code, "%s", batch.errs[i].text);
	}
	return done;
}

static bool write_manifest(struct closure *closure, struct err *err)
{
	for (size_t i = 0; i < closure->count; i++) {
		const struct closure_file *file = &closure->files[i];
		buf_put_hex(&closure->manifest, BYTES_OF(file->file.digest));
		buf_printf(&closure->manifest, "  %s  %s\n", file->soname, file->canonical);
	}
	return buf_ok(&closure->manifest, err) &&
	       sha256_of(buf_bytes(&closure->manifest), closure->digest, err);
}

static bool collect(const char *path, struct closure *closure, struct err *err)
{
	struct closure_head head = {0};
	if (!head_of(path, &head, err))
		return false;
	closure->kind = head.kind;
	if (head.kind == CLOSURE_SCRIPT)
		return add_script(closure, &head, err);
	return head.kind == CLOSURE_STATIC || add_libraries(closure, path, head.interpreter, err);
}

/* ---- the loader saw what is measured ---- */

struct closure_stamp closure_stamp_of(const struct stat *st)
{
	return (struct closure_stamp){.device = st->st_dev,
		.inode = st->st_ino,
		.size = st->st_size,
		.modified = st->st_mtim,
		.changed = st->st_ctim};
}

static bool same_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

bool closure_stamp_same(const struct closure_stamp *a, const struct closure_stamp *b,
	const char *path, struct err *err)
{
	if (a->device == b->device && a->inode == b->inode && a->size == b->size &&
		same_time(&a->modified, &b->modified) && same_time(&a->changed, &b->changed))
		return true;
	return err_set(err, ERR_CONFLICT, "%s changed while it was being measured: start again",
		ESC(bytes_str(path)));
}

/* Two writes within one tick of the clock leave the same times: waits, some 20 ms at most, until the next would show. */
static void settle(const struct timespec *changed)
{
	const struct timespec millisecond = {.tv_nsec = 1000000};
	struct timespec now;
	for (int i = 0; i < 20 && clock_gettime(CLOCK_REALTIME_COARSE, &now) == 0; i++) {
		if (now.tv_sec > changed->tv_sec ||
			(now.tv_sec == changed->tv_sec && now.tv_nsec > changed->tv_nsec))
			return;
		/* From before the clock was set back: no write of now has that time. */
		if (changed->tv_sec > now.tv_sec + 1)
			return;
		(void)nanosleep(&millisecond, NULL);
	}
}

static bool look_at(const char *path, struct closure_stamp *ret, struct err *err)
{
	struct stat st;
	if (lstat(path, &st) != 0)
		return err_errno(err, errno, "%s", ESC(bytes_str(path)));
	*ret = closure_stamp_of(&st);
	settle(&ret->changed);
	return true;
}

/* Room for a stamp of each file; all are filled. */
static bool look_at_all(const struct closure *closure, struct closure_stamp **ret, struct err *err)
{
	*ret = calloc(closure->count + 1, sizeof(**ret));
	if (!*ret)
		return err_set(err, ERR_NOMEM, "out of memory");
	for (size_t i = 0; i < closure->count; i++)
		if (!look_at(closure->files[i].canonical, &(*ret)[i], err))
			return false;
	return true;
}

static bool same_list(const struct closure *a, const struct closure *b, struct err *err)
{
	bool same = a->kind == b->kind && a->count == b->count;
	for (size_t i = 0; same && i < a->count; i++)
		same = strcmp(a->files[i].soname, b->files[i].soname) == 0 &&
		       strcmp(a->files[i].found, b->files[i].found) == 0 &&
		       strcmp(a->files[i].canonical, b->files[i].canonical) == 0;
	return same || err_set(err, ERR_CONFLICT,
			       "its libraries changed while they were being listed: start again");
}

/* The first list says which files there are to look at. The second is made while they stay as they are, up to their
 * measuring: so it is the list of these very files, and not of what stood in their places for a moment. */
static bool collect_settled(const char *path, int threads, struct closure *closure, struct err *err)
{
	OWNED(closure_release) struct closure again = {0};
	OWNED(free_ptr) struct closure_stamp *stamps = NULL;
	struct closure_stamp now;
	if (!collect(path, closure, err) || !look_at(path, &closure->executable, err) ||
		!look_at_all(closure, &stamps, err) || !collect(path, &again, err) ||
		!same_list(closure, &again, err) || !closure_check_rpaths(path, closure, err) ||
		!measure_files(closure, threads, err))
		return false;
	for (size_t i = 0; i < closure->count; i++) {
		const char *file = closure->files[i].canonical;
		if (!look_at(file, &now, err) || !closure_stamp_same(&stamps[i], &now, file, err))
			return false;
	}
	return look_at(path, &now, err) &&
	       closure_stamp_same(&closure->executable, &now, path, err);
}

bool closure_of(const char *path, int threads, struct closure *ret, struct err *err)
{
	OWNED(closure_release) struct closure closure = {0};
	struct stat preload;
	closure.preload = stat(PRELOAD, &preload) == 0 && preload.st_size > 0;
	if (!collect_settled(path, threads, &closure, err))
		return err_wrap(err, "%s", ESC(bytes_str(path)));
	if (closure.count > 0)
		qsort(closure.files, closure.count, sizeof(*closure.files), by_soname);
	if (!write_manifest(&closure, err))
		return err_wrap(err, "%s", ESC(bytes_str(path)));
	*ret = TAKE_STRUCT(closure);
	return true;
}

void closure_release(struct closure *closure)
{
	if (!closure)
		return;
	for (size_t i = 0; i < closure->count; i++)
		file_release(&closure->files[i]);
	free(closure->files);
	free(closure->script_argument);
	buf_release(&closure->manifest);
	memset(closure, 0, sizeof(*closure));
}
