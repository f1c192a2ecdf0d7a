/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DT_RPATH. glibc's loader goes through its directories before those of LD_LIBRARY_PATH, where the agent finds what was
 * measured: a library that appears in one of them after the measuring, under the name of any that the program needs, is loaded
 * in its stead. So they have to be directories that only root and ourselves can fill, and hold nothing of these names but what
 * was measured. DT_RUNPATH comes after LD_LIBRARY_PATH and does no harm. (System V ABI, chapter 5; ld.so(8).)
 */
#include "attest/closure_internal.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/reader.h"
#include "base/text.h"

#define LOADS_MAX    128u
#define RPATH_MAX    4096u
#define MUSL_LOADERS "ld-musl-" /* DT_RPATH comes last with them */

struct object {
	int fd;
	const char *path;
	size_t load_count;
	Elf64_Phdr loads[LOADS_MAX];
	uint64_t dynamic_at, dynamic_len;
};

static bool read_at(
	const struct object *object, uint64_t at, void *out, size_t len, struct err *err)
{
	ssize_t n = at <= INT64_MAX ? pread(object->fd, out, len, (off_t)at) : 0;
	if (n < 0)
		return err_errno(err, errno, "%s", ESC(bytes_str(object->path)));
	return (size_t)n == len || err_set(err, ERR_FORMAT, "%s: cut short where its RPATH stands",
					   ESC(bytes_str(object->path)));
}

/* Where it is mapped from, and where its dynamic section stands; dynamic_len 0: it has none that could be read. */
static bool read_segments(struct object *object, struct err *err)
{
	Elf64_Ehdr header;
	if (!read_at(object, 0, &header, sizeof(header), err))
		return false;
	bool known = memcmp(header.e_ident, ELFMAG, SELFMAG) == 0 &&
		     header.e_ident[EI_CLASS] == ELFCLASS64 &&
		     header.e_phentsize == sizeof(Elf64_Phdr) && header.e_phnum <= LOADS_MAX;
	for (size_t i = 0; known && i < header.e_phnum; i++) {
		Elf64_Phdr segment;
		if (!read_at(object, header.e_phoff + i * sizeof(segment), &segment,
			    sizeof(segment), err))
			return false;
		if (segment.p_type == PT_LOAD)
			object->loads[object->load_count++] = segment;
		if (segment.p_type == PT_DYNAMIC) {
			object->dynamic_at = segment.p_offset;
			object->dynamic_len = segment.p_filesz;
		}
	}
	return object->dynamic_len <= CLOSURE_DYNAMIC_MAX ||
	       err_set(err, ERR_FORMAT, "%s: PT_DYNAMIC of %llu bytes",
		       ESC(bytes_str(object->path)), (unsigned long long)object->dynamic_len);
}

/* Where the loader's address lies in the file; false for one that it has not from there. */
static bool offset_of(const struct object *object, uint64_t address, uint64_t *ret)
{
	for (size_t i = 0; i < object->load_count; i++) {
		const Elf64_Phdr *load = &object->loads[i];
		if (address < load->p_vaddr || address - load->p_vaddr >= load->p_filesz)
			continue;
		*ret = load->p_offset + (address - load->p_vaddr);
		return true;
	}
	return false;
}

struct dynamic {
	bool has_rpath, has_runpath, has_strings;
	uint64_t rpath, strings;
};

static bool read_dynamic(const struct object *object, struct dynamic *ret, struct err *err)
{
	*ret = (struct dynamic){0};
	for (uint64_t at = 0; at + sizeof(Elf64_Dyn) <= object->dynamic_len;
		at += sizeof(Elf64_Dyn)) {
		Elf64_Dyn entry;
		if (!read_at(object, object->dynamic_at + at, &entry, sizeof(entry), err))
			return false;
		if (entry.d_tag == DT_NULL)
			break;
		ret->has_runpath = ret->has_runpath || entry.d_tag == DT_RUNPATH;
		if (entry.d_tag == DT_RPATH) {
			ret->has_rpath = true;
			ret->rpath = entry.d_un.d_val;
		}
		if (entry.d_tag == DT_STRTAB) {
			ret->has_strings = true;
			ret->strings = entry.d_un.d_ptr;
		}
	}
	return true;
}

/* *ret is empty when there is no DT_RPATH that counts: beside a DT_RUNPATH it does not. */
static bool read_rpath(struct object *object, char ret[RPATH_MAX], struct err *err)
{
	struct dynamic dynamic;
	uint64_t at = 0;
	ret[0] = '\0';
	if (!read_segments(object, err) || !read_dynamic(object, &dynamic, err))
		return false;
	if (!dynamic.has_rpath || dynamic.has_runpath)
		return true;
	ssize_t n = -1;
	if (dynamic.has_strings && offset_of(object, dynamic.strings, &at) &&
		at <= INT64_MAX - dynamic.rpath)
		n = pread(object->fd, ret, RPATH_MAX, (off_t)(at + dynamic.rpath));
	if (n > 0 && memchr(ret, 0, (size_t)n))
		return true;
	return err_set(
		err, ERR_FORMAT, "%s: its RPATH cannot be read", ESC(bytes_str(object->path)));
}

/* ---- one directory ---- */

static bool is_up(struct bytes path)
{
	return path.len >= 3 && memcmp(path.data, "/..", 3) == 0 &&
	       (path.len == 3 || path.data[3] == '/');
}

/* Takes `$ORIGIN` off the front, as the agent's loader does: the program is a memfd, whose directory is "/", and libraries lie
 * in /.assay/lib. *ret_ours: it stays there, where nothing but what was measured is. */
static bool expand(struct bytes entry, bool program, struct buf *ret, bool *ret_ours)
{
	static const char *const origins[] = {"$ORIGIN", "${ORIGIN}"};
	*ret_ours = false;
	for (size_t i = 0; i < ARRAY_LEN(origins); i++) {
		size_t len = strlen(origins[i]);
		if (entry.len < len || memcmp(entry.data, origins[i], len) != 0)
			continue;
		entry = bytes_of(entry.data + len, entry.len - len);
		*ret_ours = !program;
		/* Out of /.assay/lib it leads only by two steps up. */
		for (unsigned up = 0; *ret_ours && is_up(entry); up++) {
			entry = bytes_of(entry.data + 3, entry.len - 3);
			*ret_ours = up == 0;
		}
		buf_put_str(ret, "/");
	}
	buf_put(ret, entry);
	return buf_str(ret) && ret->data[0] == '/' && !memchr(ret->data, '$', ret->len);
}

/* The directory, or what there is above it: who may make it decides. */
static bool place_is_ours(const char *directory)
{
	char path[PATH_MAX], real[PATH_MAX + 8];
	struct stat st;
	uid_t other;
	if (strlen(directory) >= sizeof(path))
		return false;
	memcpy(path, directory, strlen(directory) + 1);
	while (!realpath(path, real)) {
		char *slash = strrchr(path, '/');
		if ((errno != ENOENT && errno != ENOTDIR) || !slash || slash == path)
			return slash == path && errno == ENOENT;
		*slash = '\0';
	}
	/* Above it, a sticky directory will do; into one anybody can put a new file. */
	if (stat(real, &st) != 0 || (st.st_mode & (S_IWGRP | S_IWOTH)))
		return false;
	memcpy(real + strlen(real), "/x", 3);
	return closure_place_is_ours(real, &other);
}

/* Something of this name that the loader would take for the library. */
static bool stands_before(const char *directory, const struct closure_file *file)
{
	OWNED(buf_release) struct buf path = {0};
	OWNED(fd_close) int fd = -1;
	unsigned char ident[EI_CLASS + 1];
	struct stat there, measured;
	if (!path_join(&path, directory, file->soname) ||
		(fd = open(buf_str(&path), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)) < 0 ||
		fstat(fd, &there) != 0 || stat(file->canonical, &measured) != 0 ||
		(there.st_dev == measured.st_dev && there.st_ino == measured.st_ino))
		return false;
	return S_ISREG(there.st_mode) && pread(fd, ident, sizeof(ident), 0) == sizeof(ident) &&
	       memcmp(ident, ELFMAG, SELFMAG) == 0 && ident[EI_CLASS] == ELFCLASS64;
}

static bool check_directory(const char *path, struct bytes entry, bool program,
	const struct closure *closure, struct err *err)
{
	OWNED(buf_release) struct buf directory = {0};
	bool ours = false;
	if (!expand(entry, program, &directory, &ours))
		return err_set(err, ERR_DENIED,
			"%s: RPATH \"%s\": it comes before what is measured, and is no absolute "
			"path: link with -Wl,--enable-new-dtags",
			ESC(bytes_str(path)), ESC(entry));
	if (ours)
		return true;
	if (!place_is_ours(buf_str(&directory)))
		return err_set(err, ERR_DENIED,
			"%s: RPATH \"%s\": it comes before what is measured, and others than root "
			"can put libraries there: link with -Wl,--enable-new-dtags, or leave it "
			"to root",
			ESC(bytes_str(path)), ESC(entry));
	for (size_t i = 0; i < closure->count; i++)
		if (!closure->files[i].loader &&
			stands_before(buf_str(&directory), &closure->files[i]))
			return err_set(err, ERR_DENIED,
				"%s: RPATH \"%s\": the agent would find another %s there than is "
				"measured: link with -Wl,--enable-new-dtags",
				ESC(bytes_str(path)), ESC(entry), closure->files[i].soname);
	return true;
}

static bool check_rpath(
	const char *path, bool program, const struct closure *closure, struct err *err)
{
	OWNED(fd_close) int fd = -1;
	OWNED(free_ptr) struct object *object = calloc(1, sizeof(*object));
	char rpath[RPATH_MAX];
	if (!object)
		return err_set(err, ERR_NOMEM, "out of memory");
	if (!measure_open(path, &fd, err))
		return false;
	object->fd = fd;
	object->path = path;
	if (!read_rpath(object, rpath, err))
		return false;
	/* An empty entry, at the end too, is the working directory; nothing at all is no RPATH. */
	for (const char *at = rpath; rpath[0] != '\0'; at++) {
		size_t len = strcspn(at, ":");
		if (!check_directory(path, bytes_of(at, len), program, closure, err))
			return false;
		at += len;
		if (*at == '\0')
			break;
	}
	return true;
}

bool closure_check_rpaths(const char *path, const struct closure *closure, struct err *err)
{
	for (size_t i = 0; i < closure->count; i++)
		if (closure->files[i].loader &&
			strncmp(closure->files[i].soname, MUSL_LOADERS, strlen(MUSL_LOADERS)) == 0)
			return true;
	if (closure->kind == CLOSURE_DYNAMIC && !check_rpath(path, true, closure, err))
		return false;
	for (size_t i = 0; i < closure->count; i++) {
		const struct closure_file *file = &closure->files[i];
		if (!file->loader && !check_rpath(file->canonical, file->interpreter, closure, err))
			return false;
	}
	return true;
}
