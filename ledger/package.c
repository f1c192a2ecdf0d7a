/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger/package.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"

/* Places in a header. */
enum {
	AT_NAME = 0,
	AT_MODE = 100,
	AT_UID = 108,
	AT_GID = 116,
	AT_SIZE = 124,
	AT_MTIME = 136,
	AT_SUM = 148,
	AT_TYPE = 156,
	AT_MAGIC = 257,
	AT_MAJOR = 329,
	AT_MINOR = 337,
};
#define SIZE_DIGITS 11

bool package_path_ok(struct bytes path)
{
	bool begins = true;

	if (path.len == 0 || path.len > PACKAGE_PATH_MAX)
		return false;
	for (size_t i = 0; i < path.len; i++) {
		char c = (char)path.data[i];
		bool word = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');

		if (begins ? !word : !word && c != '/' && c != '.' && c != '_' && c != '-')
			return false;
		begins = c == '/';
	}
	return !begins;
}

size_t package_padding(size_t size)
{
	return (PACKAGE_BLOCK - size % PACKAGE_BLOCK) % PACKAGE_BLOCK;
}

/* ---- headers ---- */

static void put_text(uint8_t *header, size_t at, const char *text)
{
	memcpy(header + at, text, strlen(text));
}

/* The one form that a header has. path: package_path_ok. */
static void header_write(struct bytes path, size_t size, uint8_t header[PACKAGE_BLOCK])
{
	char text[SIZE_DIGITS + 2];
	unsigned sum = 0;

	memset(header, 0, PACKAGE_BLOCK);
	memcpy(header + AT_NAME, path.data, path.len);
	put_text(header, AT_MODE, "0000644");
	put_text(header, AT_UID, "0000000");
	put_text(header, AT_GID, "0000000");
	(void)snprintf(text, sizeof(text), "%0*zo", SIZE_DIGITS, size);
	put_text(header, AT_SIZE, text);
	put_text(header, AT_MTIME, "00000000000");
	memset(header + AT_SUM, ' ', 8);
	header[AT_TYPE] = '0';
	put_text(header, AT_MAGIC, "ustar");
	put_text(header, AT_MAGIC + 6, "00");
	put_text(header, AT_MAJOR, "0000000");
	put_text(header, AT_MINOR, "0000000");
	for (size_t i = 0; i < PACKAGE_BLOCK; i++)
		sum += header[i];
	(void)snprintf(text, sizeof(text), "%06o", sum);
	put_text(header, AT_SUM, text);
	header[AT_SUM + 6] = 0;
}

bool package_header(const char *path, size_t size, struct buf *out, struct err *err)
{
	uint8_t header[PACKAGE_BLOCK];

	if (!package_path_ok(bytes_str(path)) || size > PACKAGE_MEMBER_MAX)
		return err_set(
			err, ERR_USAGE, "package: %s: no path, or too large", ESC(bytes_str(path)));
	header_write(bytes_str(path), size, header);
	buf_put(out, BYTES_OF(header));
	return buf_ok(out, err);
}

/* ---- reading ---- */

struct cursor {
	struct bytes in;
	size_t at;
};

static bool fault(const struct cursor *c, struct err *err, const char *what)
{
	return err_set(err, ERR_FORMAT, "package: %s at offset %zu", what, c->at);
}

static bool is_zero(struct bytes in)
{
	for (size_t i = 0; i < in.len; i++)
		if (in.data[i] != 0)
			return false;
	return true;
}

static bool size_read(const uint8_t *header, size_t *ret)
{
	*ret = 0;
	for (size_t i = 0; i < SIZE_DIGITS; i++) {
		uint8_t c = header[AT_SIZE + i];

		if (c < '0' || c > '7')
			return false;
		*ret = *ret * 8 + (size_t)(c - '0');
	}
	return true;
}

/* What is read is written again: no field can say anything else. */
static bool header_read(
	const struct cursor *c, struct bytes *ret_path, size_t *ret_size, struct err *err)
{
	const uint8_t *header = c->in.data + c->at;
	uint8_t own[PACKAGE_BLOCK];
	struct bytes path = bytes_of(header, strnlen((const char *)header, PACKAGE_PATH_MAX + 1));

	if (!package_path_ok(path))
		return fault(c, err, "a path that a package does not have");
	if (!size_read(header, ret_size))
		return fault(c, err, "no size");
	if (*ret_size > PACKAGE_MEMBER_MAX)
		return err_set(err, ERR_LIMIT, "package: %s: more than %u bytes", ESC(path),
			PACKAGE_MEMBER_MAX);
	header_write(path, *ret_size, own);
	if (memcmp(own, header, sizeof(own)) != 0)
		return fault(c, err, "a header in another form than a package's");
	*ret_path = path;
	return true;
}

static bool member_read(struct cursor *c, struct package_member *ret, struct err *err)
{
	size_t size = 0, padding, left;

	if (!header_read(c, &ret->path, &size, err))
		return false;
	padding = package_padding(size);
	left = c->in.len - c->at - PACKAGE_BLOCK;
	if (size > left || padding > left - size)
		return fault(c, err, "a member that is cut short");
	c->at += PACKAGE_BLOCK;
	ret->content = bytes_of(c->in.data + c->at, size);
	c->at += size;
	if (!is_zero(bytes_of(c->in.data + c->at, padding)))
		return fault(c, err, "padding that is not zero");
	c->at += padding;
	return true;
}

static bool at_end(const struct cursor *c)
{
	return c->in.len - c->at == PACKAGE_END &&
	       is_zero(bytes_of(c->in.data + c->at, PACKAGE_END));
}

static bool members_read(struct cursor *c, struct package *package, struct err *err)
{
	size_t room = 0;

	while (!at_end(c)) {
		if (c->in.len - c->at < PACKAGE_BLOCK)
			return fault(c, err, "no end of the archive");
		if (package->count == PACKAGE_MEMBERS_MAX)
			return err_set(err, ERR_LIMIT, "package: more than %u members",
				PACKAGE_MEMBERS_MAX);
		if (package->count == room) {
			struct package_member *members;

			room = room ? 2 * room : 64;
			members = realloc(package->members, room * sizeof(*members));
			if (!members)
				return err_set(err, ERR_NOMEM, "package");
			package->members = members;
		}
		if (!member_read(c, &package->members[package->count], err))
			return false;
		package->count++;
	}
	return true;
}

static int path_order(const void *a, const void *b, void *members)
{
	const struct package_member *list = members;

	return bytes_compare(list[*(const size_t *)a].path, list[*(const size_t *)b].path);
}

static bool members_sort(struct package *package, struct err *err)
{
	if (package->count == 0)
		return err_set(err, ERR_FORMAT, "package: no members");
	package->sorted = calloc(package->count, sizeof(*package->sorted));
	if (!package->sorted)
		return err_set(err, ERR_NOMEM, "package");
	for (size_t i = 0; i < package->count; i++)
		package->sorted[i] = i;
	qsort_r(package->sorted, package->count, sizeof(*package->sorted), path_order,
		package->members);
	for (size_t i = 1; i < package->count; i++) {
		struct bytes path = package->members[package->sorted[i]].path;

		if (bytes_equal(path, package->members[package->sorted[i - 1]].path))
			return err_set(err, ERR_FORMAT, "package: %s: twice", ESC(path));
	}
	return true;
}

bool package_open(struct bytes in, struct package **ret, struct err *err)
{
	OWNED(package_free) struct package *package = calloc(1, sizeof(*package));
	struct cursor c = {.in = in};

	if (!package)
		return err_set(err, ERR_NOMEM, "package");
	if (!members_read(&c, package, err) || !members_sort(package, err))
		return false;
	*ret = TAKE(package);
	return true;
}

void package_free(struct package **package)
{
	if (!*package)
		return;
	free((*package)->members);
	free((*package)->sorted);
	free(*package);
	*package = NULL;
}

const struct package_member *package_find(const struct package *package, const char *path)
{
	size_t low = 0, high = package->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct package_member *member = &package->members[package->sorted[middle]];
		int order = bytes_compare(bytes_str(path), member->path);

		if (order == 0)
			return member;
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}
