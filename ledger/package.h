/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The evidence package as a container: a POSIX ustar archive (IEEE 1003.1-2017, pax, "ustar
 * Interchange Format") of plain files, each header written in one way only, so that the same files
 * make the same bytes. docs/formats/package.md. Pure.
 *
 * The last two members are index.json, which names every other one with its size and SHA-256 in the
 * order of the archive, and index.dsse, a DSSE envelope over an in-toto statement whose subject is
 * index.json.
 */
#ifndef ASSAY_LEDGER_PACKAGE_H
#define ASSAY_LEDGER_PACKAGE_H

#include "base/json.h"
#include "crypto/digest.h"

#define PACKAGE_BLOCK       512u
#define PACKAGE_PATH_MAX    99u
#define PACKAGE_MEMBERS_MAX 262144u
#define PACKAGE_MEMBER_MAX  (64u << 20)
#define PACKAGE_INDEX_MAX   (64u << 20)
#define PACKAGE_INDEX       "index.json"
#define PACKAGE_SIGNATURE   "index.dsse"
#define PACKAGE_TYPE        "assay/package/1"

/* Segments of [a-z0-9._-] that do not begin with a dot, joined by '/': nothing leads out of a
 * directory. */
bool package_path_ok(struct bytes path);
/* Appends a member's header; its content and package_padding follow. ERR_USAGE for a path or a size
 * that a package does not have. */
must_use bool package_header(const char *path, size_t size, struct buf *out, struct err *err);
size_t package_padding(size_t size); /* zero bytes behind a content */
#define PACKAGE_END (2 * PACKAGE_BLOCK) /* zero bytes that end the archive */

struct package_member {
	struct bytes path, content; /* borrowed from the archive */
};
struct package {
	size_t count;
	struct package_member *members; /* in the order of the archive */
	size_t *sorted; /* places, by path */
};
/* ERR_FORMAT with the offset: a header that is not as we write it, a path that leads elsewhere, the
 * same path twice, a part missing, anything behind the end. ERR_LIMIT. */
must_use bool package_open(struct bytes in, struct package **ret, struct err *err);
void package_free(struct package **package); /* cleanup; NULL is fine */
/* NULL: there is none. */
const struct package_member *package_find(const struct package *package, const char *path);

/* ---- the index ---- */

/* A decision that the maker could not put in: what it was decided on was destroyed. */
struct package_destroyed {
	uint64_t entry; /* of the decision */
	uint8_t record[SHA256_LEN]; /* its id */
	uint64_t by; /* the ledger entry that says so; behind the decision */
};
struct package_index {
	char workload[65];
	int64_t from, to; /* of the decisions in it, both included */
	size_t destroyed_count;
	struct package_destroyed *destroyed; /* owned; by entry, each once */
	json_t *root; /* owned */
};
void package_index_release(struct package_index *index);
/* A new one without files; NULL: no memory. */
json_t *package_index_new(const char *workload, int64_t from, int64_t to);
/* What a member of that path is, by its directory: "decision", "object", …; NULL: nothing that a
 * package has. */
const char *package_what(struct bytes path);
must_use bool package_index_add(
	json_t *index, const char *path, struct bytes content, struct err *err);
/* A decision without its bundle; they come ascending. */
must_use bool package_index_add_destroyed(
	json_t *index, const struct package_destroyed *destroyed, struct err *err);
/* Reads index.json and holds it against every member before it. ERR_MISMATCH names the first that
 * is not as the index says. */
must_use bool package_index_check(
	const struct package *package, struct package_index *ret, struct err *err);

#endif
