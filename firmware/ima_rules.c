/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware/ima_rules_private.h"

#include <stdlib.h>

#define BUCKETS 65536u

void ima_rules_free(struct ima_rules **rules)
{
	if (!*rules)
		return;
	buf_release(&(*rules)->text);
	free((*rules)->files);
	free((*rules)->by_path);
	free((*rules)->starts);
	free((*rules)->globs);
	free(*rules);
	*rules = NULL;
}

size_t ima_rules_file_count(const struct ima_rules *rules)
{
	return rules->file_count;
}

static uint64_t prefix_of(struct bytes digest)
{
	uint64_t prefix = 0;

	for (size_t i = 0; i < sizeof(prefix); i++)
		prefix = prefix << 8 | digest.data[i];
	return prefix;
}

static int compare_known(const void *a, const void *b)
{
	const struct ima_known *x = a, *y = b;
	int order = (x->prefix > y->prefix) - (x->prefix < y->prefix);

	if (order)
		return order;
	order = bytes_compare(ima_known_digest(x), ima_known_digest(y));
	return order ? order : bytes_compare(ima_known_path(x), ima_known_path(y));
}

static int compare_paths(const void *a, const void *b, void *files)
{
	const struct ima_known *x = (const struct ima_known *)files + *(const uint32_t *)a;
	const struct ima_known *y = (const struct ima_known *)files + *(const uint32_t *)b;
	int order = bytes_compare(ima_known_path(x), ima_known_path(y));

	return order ? order : bytes_compare(ima_known_digest(x), ima_known_digest(y));
}

static uint32_t bucket_of(const struct ima_known *known)
{
	return (uint32_t)(known->prefix >> 48);
}

bool ima_rules_index(struct ima_rules *rules, struct err *err)
{
	size_t bucket = 0;

	rules->by_path = calloc(rules->file_count + 1, sizeof(*rules->by_path));
	rules->starts = calloc(BUCKETS + 1, sizeof(*rules->starts));
	if (!rules->by_path || !rules->starts)
		return err_set(err, ERR_NOMEM, "IMA rules: out of memory");
	for (size_t i = 0; i < rules->file_count; i++)
		rules->files[i].prefix = prefix_of(ima_known_digest(&rules->files[i]));
	if (rules->file_count)
		qsort(rules->files, rules->file_count, sizeof(*rules->files), compare_known);
	for (uint32_t i = 0; i < rules->file_count; i++) {
		rules->by_path[i] = i;
		while (bucket <= bucket_of(&rules->files[i]))
			rules->starts[bucket++] = i;
	}
	while (bucket <= BUCKETS)
		rules->starts[bucket++] = (uint32_t)rules->file_count;
	if (rules->file_count)
		qsort_r(rules->by_path, rules->file_count, sizeof(*rules->by_path), compare_paths,
			rules->files);
	return true;
}

/* The first of files[low..high) that is not below the one sought. */
static size_t lower_bound(
	const struct ima_known *files, size_t low, size_t high, const struct ima_known *sought)
{
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (compare_known(&files[middle], sought) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

bool ima_rules_has(const struct ima_rules *rules, enum ima_digest_type type, enum digest_alg alg,
	struct bytes digest, struct bytes path)
{
	struct ima_known sought = {.prefix = prefix_of(digest),
		.digest = digest.data,
		.digest_len = (uint8_t)digest.len,
		.path = (const char *)path.data,
		.path_len = (uint32_t)path.len};
	size_t end = rules->starts[bucket_of(&sought) + 1];

	/* Two lines can differ in the kind of digest alone. */
	for (size_t at = lower_bound(rules->files, rules->starts[bucket_of(&sought)], end, &sought);
		at < end && compare_known(&rules->files[at], &sought) == 0; at++)
		if (rules->files[at].alg == alg && rules->files[at].type == type)
			return true;
	return false;
}

void ima_rules_prefetch(const struct ima_rules *rules, struct bytes digest, int step)
{
	struct ima_known sought = {0};
	uint32_t bucket;

	if (rules->file_count == 0 || digest.len < sizeof(sought.prefix))
		return;
	sought.prefix = prefix_of(digest);
	bucket = bucket_of(&sought);
	if (step == 0)
		__builtin_prefetch(&rules->starts[bucket]);
	if (step == 1)
		__builtin_prefetch(&rules->files[rules->starts[bucket]]);
	if (step < 2)
		return;
	for (size_t i = rules->starts[bucket]; i < rules->starts[bucket + 1]; i++)
		if (rules->files[i].prefix == sought.prefix) {
			__builtin_prefetch(rules->files[i].digest);
			__builtin_prefetch(rules->files[i].path);
		}
}

size_t ima_rules_nearest(
	const struct ima_rules *rules, struct bytes path, struct bytes *ret, size_t max)
{
	size_t low = 0, high = rules->file_count, count = 0;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (bytes_compare(ima_known_path(&rules->files[rules->by_path[middle]]), path) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < rules->file_count && count < max; low++) {
		const struct ima_known *known = &rules->files[rules->by_path[low]];

		if (!bytes_equal(ima_known_path(known), path))
			break;
		ret[count++] = ima_known_digest(known);
	}
	return count;
}

bool ima_kernel_version(struct bytes text, unsigned ret[3])
{
	size_t at = 0, parts = 0;

	ret[0] = ret[1] = ret[2] = 0;
	while (parts < 3) {
		size_t start = at;

		for (; at < text.len && text.data[at] >= '0' && text.data[at] <= '9'; at++) {
			if (at - start >= 6)
				return false;
			ret[parts] = ret[parts] * 10 + (unsigned)(text.data[at] - '0');
		}
		if (at == start)
			break;
		parts++;
		if (at == text.len || text.data[at] != '.')
			break;
		at++;
	}
	return parts >= 2;
}
