/* SPDX-License-Identifier: Apache-2.0 */
/* Private to the IMA rules: how they are kept. */
#ifndef ASSAY_FIRMWARE_IMA_RULES_PRIVATE_H
#define ASSAY_FIRMWARE_IMA_RULES_PRIVATE_H

#include "firmware/ima_rules.h"

/* A path with a digest. Both lie in the rules' own text, the digest decoded in place. */
struct ima_known {
	uint64_t prefix; /* first eight bytes of the digest, big-endian: most lookups end here */
	const uint8_t *digest;
	const char *path;
	uint32_t path_len;
	uint8_t digest_len;
	uint8_t alg; /* enum digest_alg: below 256 */
	uint8_t type; /* enum ima_digest_type */
};
static inline struct bytes ima_known_path(const struct ima_known *known)
{
	return bytes_of(known->path, known->path_len);
}
static inline struct bytes ima_known_digest(const struct ima_known *known)
{
	return bytes_of(known->digest, known->digest_len);
}

enum ima_glob_kind {
	IMA_GLOB_FILE = 0, /* pattern over paths, with a digest */
	IMA_GLOB_SIGNED, /* pattern over paths, with the name of a key */
	IMA_GLOB_IGNORE, /* pattern over paths */
	IMA_GLOB_KEYRING, /* name of a keyring, with the digest of a key or any */
	IMA_GLOB_BUFFER, /* name of a buffer, with the digest of its content or any */
	IMA_GLOB_POLICY, /* path of an IMA policy */
	IMA_GLOB_KINDS
};
struct ima_glob {
	enum ima_glob_kind kind;
	bool any; /* no digest asked for */
	struct ima_known known; /* path is the pattern or name */
	struct bytes key; /* of IMA_GLOB_SIGNED */
};

struct ima_rules {
	struct buf text; /* what all the rest points into */
	struct ima_known *files; /* by digest, then path */
	uint32_t *by_path; /* indices into files, by path, then digest */
	size_t file_count;
	uint32_t *starts; /* first file by the first two bytes of its digest; 65537 of them */
	struct ima_glob *globs;
	size_t glob_count;
	bool report_violations, allow_kexec, allow_padded, signed_modules;
	bool kernel_min_given;
	unsigned kernel_min[3];
};

/* Sorts what was read and makes the indices. */
must_use bool ima_rules_index(struct ima_rules *rules, struct err *err);
/* A line allows exactly this path with this digest. */
bool ima_rules_has(const struct ima_rules *rules, enum ima_digest_type type, enum digest_alg alg,
	struct bytes digest, struct bytes path);
/* Brings into the caches what ima_rules_has will look at for this digest, step by step (0, 1, 2) so that
 * no step waits for memory: a large list of rules is read all over. */
void ima_rules_prefetch(const struct ima_rules *rules, struct bytes digest, int step);
/* Digests that the rules know for a path, at most max; how many. */
size_t ima_rules_nearest(
	const struct ima_rules *rules, struct bytes path, struct bytes *ret, size_t max);
/* Keys are measured as buffers by the name of their keyring. */
bool ima_entry_is_keyring(const struct ima_entry *entry);
/* "6.1.0-18-amd64" into three numbers; false when it does not begin with two. */
bool ima_kernel_version(struct bytes text, unsigned ret[3]);

#endif
