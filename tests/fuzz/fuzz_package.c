/* SPDX-License-Identifier: Apache-2.0 */
/* Evidence packages, all the way through their audit. Anybody can make one. What is read as a
 * container is written the same, byte for byte. */
#include "ledger/audit_package.h"

#include <assert.h>

#include "base/text.h"

#define INSIDE 4 /* members of a package around the input */

static void write_again(const struct package *package, struct bytes in)
{
	static const uint8_t zeros[PACKAGE_END];
	struct buf again = {0};

	for (size_t i = 0; i < package->count; i++) {
		const struct package_member *member = &package->members[i];
		char path[PACKAGE_PATH_MAX + 1] = {0};

		memcpy(path, member->path.data, member->path.len);
		assert(package_header(path, member->content.len, &again, NULL));
		buf_put(&again, member->content);
		buf_put(&again, bytes_of(zeros, package_padding(member->content.len)));
		assert(package_find(package, path) == member);
	}
	buf_put(&again, BYTES_OF(zeros));
	assert(again.failed || bytes_equal(buf_bytes(&again), in));
	buf_release(&again);
}

static const char *inside_path(size_t i, struct bytes content, char object[PACKAGE_PATH_MAX + 1])
{
	static const char *const paths[INSIDE - 1] = {
		"checkpoint", "entries/000001.json", "decisions/00000000000000000001.cbor"};
	uint8_t digest[SHA256_LEN];

	if (i < INSIDE - 1)
		return paths[i];
	assert(sha256_of(content, digest, NULL));
	memcpy(object, "objects/", sizeof("objects/"));
	hex_encode(BYTES_OF(digest), object + strlen(object));
	return object;
}

/* The container and the index under whatever else: built around the input, so that what lies behind
 * digests is reached. */
static void run_inside(struct bytes in)
{
	static const uint8_t zeros[PACKAGE_END];
	static const struct package_audit_options options;
	struct package_audit audit;
	struct buf archive = {0}, index = {0};
	json_t *files = package_index_new("w", 0, 1), *report;

	for (size_t i = 0; i < INSIDE; i++) {
		size_t n = in.len / (INSIDE - i);
		struct bytes part = bytes_of(in.data, n);
		char object[PACKAGE_PATH_MAX + 1];
		const char *path = inside_path(i, part, object);

		in = bytes_of(in.data + n, in.len - n);
		assert(package_header(path, n, &archive, NULL));
		buf_put(&archive, part);
		buf_put(&archive, bytes_of(zeros, package_padding(n)));
		assert(package_index_add(files, path, part, NULL));
	}
	assert(package_index_add_destroyed(
		files, &(struct package_destroyed){.entry = 1, .by = 2}, NULL));
	assert(json_write(files, false, &index, NULL));
	assert(package_header(PACKAGE_INDEX, index.len, &archive, NULL));
	buf_put(&archive, buf_bytes(&index));
	buf_put(&archive, bytes_of(zeros, package_padding(index.len)));
	assert(package_header(PACKAGE_SIGNATURE, 0, &archive, NULL));
	buf_put(&archive, BYTES_OF(zeros));
	assert(package_audit_run(buf_bytes(&archive), &options, &audit, NULL));
	assert(!audit.consistent && audit.step_count > 0);
	report = package_audit_json(&audit);
	assert(report);
	json_decref(report);
	json_decref(files);
	package_audit_release(&audit);
	buf_release(&archive);
	buf_release(&index);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct package_audit_options options;
	OWNED(package_free) struct package *package = NULL;
	struct package_audit audit;
	struct bytes in = bytes_of(data, size);

	if (package_open(in, &package, NULL))
		write_again(package, in);
	if (package_audit_run(in, &options, &audit, NULL))
		package_audit_release(&audit);
	run_inside(in);
	return 0;
}
