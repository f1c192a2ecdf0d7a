/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/package_make.h"

#include "ledger/audit_package.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define BYTES_MAX (4ull << 30)

bool package_file_begin(struct package_file *p, const char *path, const char *workload,
	int64_t from, int64_t to, struct err *err)
{
	OWNED(buf_release) struct buf beside = {0};
	int fd;
	if (cli_is_device(path))
		return err_set(
			err, ERR_USAGE, "%s: a package is made as a file", ESC(bytes_str(path)));
	buf_printf(&beside, "%s.XXXXXX", path);
	if (!buf_str(&beside))
		return err_set(err, ERR_NOMEM, "package");
	p->path = bytes_strdup(bytes_str(path));
	p->index = package_index_new(workload, from, to);
	p->paths = json_object();
	if (!p->path || !p->index || !p->paths)
		return err_set(err, ERR_NOMEM, "package");
	fd = mkostemp((char *)beside.data, O_CLOEXEC);
	if (fd < 0)
		return err_errno(err, errno, "%s", ESC(bytes_str(path)));
	p->beside = bytes_strdup(buf_bytes(&beside));
	p->file = fdopen(fd, "wb");
	if (p->file && p->beside && fchmod(fd, 0644) == 0)
		return true;
	if (!p->file)
		(void)close(fd);
	(void)unlink(buf_str(&beside));
	return err_set(err, ERR_IO, "%s: cannot be written", ESC(bytes_str(path)));
}

static bool put(struct package_file *p, struct bytes content, struct err *err)
{
	return content.len == 0 || fwrite(content.data, 1, content.len, p->file) == content.len ||
	       err_errno(err, errno, "%s", ESC(bytes_str(p->path)));
}

/* A member without an entry in the index. */
static bool member(struct package_file *p, const char *path, struct bytes content, struct err *err)
{
	static const uint8_t zeros[PACKAGE_BLOCK];
	OWNED(buf_release) struct buf header = {0};
	return package_header(path, content.len, &header, err) && put(p, buf_bytes(&header), err) &&
	       put(p, content, err) && put(p, bytes_of(zeros, package_padding(content.len)), err);
}

bool package_file_has(const struct package_file *p, const char *path)
{
	return json_object_get(p->paths, path) != NULL;
}

bool package_file_add(
	struct package_file *p, const char *path, struct bytes content, struct err *err)
{
	if (package_file_has(p, path))
		return true;
	return member(p, path, content, err) && package_index_add(p->index, path, content, err) &&
	       (json_object_set_new(p->paths, path, json_true()) == 0 ||
		       err_set(err, ERR_NOMEM, "package"));
}

bool package_file_add_json(
	struct package_file *p, const char *path, const json_t *value, struct err *err)
{
	OWNED(buf_release) struct buf text = {0};
	return json_write(value, false, &text, err) &&
	       package_file_add(p, path, buf_bytes(&text), err);
}

bool package_file_finish(
	struct package_file *p, const char *workload, struct key *key, struct err *err)
{
	static const uint8_t zeros[PACKAGE_END];
	OWNED(buf_release) struct buf pem = {0}, index = {0}, signature = {0};
	if (!key_public_pem(key, &pem, err) ||
		!package_file_add(p, "maker.pem", buf_bytes(&pem), err) ||
		!json_write(p->index, false, &index, err) ||
		!package_sign(buf_bytes(&index), workload, key, &signature, err) ||
		!member(p, PACKAGE_INDEX, buf_bytes(&index), err) ||
		!member(p, PACKAGE_SIGNATURE, buf_bytes(&signature), err) ||
		!put(p, BYTES_OF(zeros), err))
		return false;
	bool flushed = fflush(p->file) == 0 && fsync(fileno(p->file)) == 0;
	bool closed = fclose(p->file) == 0;
	p->file = NULL;
	if (!flushed || !closed || rename(p->beside, p->path) != 0)
		return err_errno(err, errno, "%s", ESC(bytes_str(p->path)));
	free(p->beside);
	p->beside = NULL;
	return true;
}

void package_file_release(struct package_file *p)
{
	if (p->file)
		(void)fclose(p->file);
	if (p->beside)
		(void)unlink(p->beside);
	free(p->beside);
	free(p->path);
	json_decref(p->index);
	json_decref(p->paths);
	memset(p, 0, sizeof(*p));
}

bool package_map_open(const char *path, struct package_map *ret, struct err *err)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	void *at = NULL;
	if (fd < 0 || fstat(fd, &st) != 0) {
		(void)err_errno(err, errno, "%s", ESC(bytes_str(path)));
	} else if (!S_ISREG(st.st_mode) || (unsigned long long)st.st_size > BYTES_MAX) {
		(void)err_set(err, ERR_LIMIT, "%s: no file, or more than %llu bytes",
			ESC(bytes_str(path)), BYTES_MAX);
	} else if (st.st_size == 0) {
		(void)err_set(err, ERR_FORMAT, "%s: empty", ESC(bytes_str(path)));
	} else {
		at = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
		if (at == MAP_FAILED) {
			(void)err_errno(err, errno, "%s", ESC(bytes_str(path)));
			at = NULL;
		}
	}
	if (fd >= 0)
		(void)close(fd);
	if (at)
		*ret = (struct package_map){at, (size_t)st.st_size};
	return at != NULL;
}

void package_map_close(struct package_map *map)
{
	if (map->at)
		(void)munmap(map->at, map->len);
	memset(map, 0, sizeof(*map));
}
