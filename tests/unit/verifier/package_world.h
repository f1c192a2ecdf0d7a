/* SPDX-License-Identifier: Apache-2.0 */
/* A package as it is put together from a verifier's answers, and bent by a test. Whoever includes this
 * has the world w. */
#ifndef ASSAY_TESTS_UNIT_VERIFIER_PACKAGE_WORLD_H
#define ASSAY_TESTS_UNIT_VERIFIER_PACKAGE_WORLD_H

#include "ledger/audit_package.h"

#define MEMBERS_MAX 64

static struct key *maker;
/* The honest members, and those of the test at hand. */
static struct test_member {
	char path[PACKAGE_PATH_MAX + 1];
	struct buf content;
} honest[MEMBERS_MAX], members[MEMBERS_MAX];
static size_t honest_count, member_count;
static struct package_destroyed honest_marks[4], marks[4]; /* of the index */
static size_t honest_mark_count, mark_count;
static struct buf archive;
static struct package_audit audit;
static struct package_audit_options options;
/* Of the index. */
static const char *about;
static int64_t about_from, about_to;

static inline void put(const char *path, struct bytes content)
{
	for (size_t i = 0; i < honest_count; i++)
		if (strcmp(honest[i].path, path) == 0)
			return;
	assert_true(honest_count < MEMBERS_MAX);
	(void)snprintf(honest[honest_count].path, sizeof(honest[0].path), "%s", path);
	buf_put(&honest[honest_count++].content, content);
}

static inline bool keep(
	void *arg, const uint8_t digest[SHA256_LEN], struct bytes object, struct err *err)
{
	char path[PACKAGE_PATH_MAX + 1] = "objects/";
	(void)arg;
	(void)err;
	hex_encode(bytes_of(digest, SHA256_LEN), path + strlen(path));
	put(path, object);
	return true;
}

static inline struct buf get(const char *path)
{
	struct https_answer a = world_call(&w, &w.auditor, "GET", path, NULL, (struct bytes){0});
	if (a.status != 200)
		fail_msg("%s: %d", path, a.status);
	return a.body;
}

static inline void put_entries(const char *path, const char *query)
{
	char ask[128];
	(void)snprintf(ask, sizeof(ask), "/v1/entries?%s&limit=200", query);
	struct buf page = get(ask);
	put(path, buf_bytes(&page));
	buf_release(&page);
}

/* As the verifier says of the record. */
static inline void put_mark(const json_t *entry)
{
	char path[128];
	struct package_destroyed *mark = &honest_marks[honest_mark_count++];
	assert_true(honest_mark_count <= ARRAY_LEN(honest_marks));
	(void)snprintf(path, sizeof(path), "/v1/records/%s",
		json_string_value(json_object_get(entry, "id")));
	json_t *record = world_json(&w, &w.auditor, "GET", path, NULL, 200);
	mark->entry = (uint64_t)json_integer_value(json_object_get(entry, "index"));
	mark->by = (uint64_t)json_integer_value(json_object_get(record, "destroyed_by_entry"));
	assert_ok(hex_decode_exact(bytes_str(path + strlen("/v1/records/")), mark->record,
			  sizeof(mark->record), &w.err),
		w.err);
	json_decref(record);
}

static inline void put_decisions(void)
{
	json_t *page = world_json(&w, &w.auditor, "GET", "/v1/entries?type=decision", NULL, 200);
	const json_t *list = json_object_get(page, "entries");
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *e = json_array_get(list, i);
		char path[160], name[PACKAGE_PATH_MAX + 1];
		struct buf stripped = {0};
		(void)snprintf(path, sizeof(path), "/v1/records/%s/bundle?chain=0",
			json_string_value(json_object_get(e, "id")));
		struct https_answer answer =
			world_call(&w, &w.auditor, "GET", path, NULL, (struct bytes){0});
		if (answer.status == 410) {
			buf_release(&answer.body);
			put_mark(e);
			continue;
		}
		assert_int_equal(answer.status, 200);
		struct buf bundle = answer.body;
		assert_ok(package_strip(buf_bytes(&bundle), keep, NULL, &stripped, &w.err), w.err);
		(void)snprintf(name, sizeof(name), "decisions/%020lld.cbor",
			(long long)json_integer_value(json_object_get(e, "index")));
		put(name, buf_bytes(&stripped));
		buf_release(&stripped);
		buf_release(&bundle);
	}
	json_decref(page);
}

static inline void members_copy(void)
{
	member_count = honest_count;
	for (size_t i = 0; i < honest_count; i++) {
		memcpy(members[i].path, honest[i].path, sizeof(members[i].path));
		buf_put(&members[i].content, buf_bytes(&honest[i].content));
	}
	memcpy(marks, honest_marks, sizeof(marks));
	mark_count = honest_mark_count;
	options = (struct package_audit_options){0};
	about = "ocr-agent";
	about_from = 0;
	about_to = 4000000000;
}

static inline void members_release(void)
{
	for (size_t i = 0; i < member_count; i++)
		buf_release(&members[i].content);
	member_count = 0;
	buf_release(&archive);
	package_audit_release(&audit);
}

static inline void honest_release(void)
{
	for (size_t i = 0; i < honest_count; i++)
		buf_release(&honest[i].content);
	memset(honest, 0, sizeof(honest));
	honest_count = honest_mark_count = 0;
}

static inline struct test_member *find(const char *prefix, unsigned nth)
{
	for (size_t i = 0; i < member_count; i++)
		if (strncmp(members[i].path, prefix, strlen(prefix)) == 0 && nth-- == 0)
			return &members[i];
	fail_msg("no member %s", prefix);
	return NULL;
}

static inline void take_out(struct test_member *gone)
{
	buf_release(&gone->content);
	memmove(gone, gone + 1, (size_t)(&members[member_count] - (gone + 1)) * sizeof(*gone));
	memset(&members[--member_count], 0, sizeof(members[0]));
}

static inline void replace(struct test_member *m, struct bytes content)
{
	buf_clear(&m->content);
	buf_put(&m->content, content);
}

static inline void append(const char *path, struct bytes content)
{
	static const uint8_t zeros[PACKAGE_BLOCK];
	assert_ok(package_header(path, content.len, &archive, &w.err), w.err);
	buf_put(&archive, content);
	buf_put(&archive, bytes_of(zeros, package_padding(content.len)));
}

/* Indexed, signed, audited. */
static inline void run_signed(const char *over)
{
	static const uint8_t zeros[PACKAGE_END];
	json_t *files = package_index_new(about, about_from, about_to);
	struct buf index = {0}, signature = {0};
	buf_clear(&archive);
	for (size_t i = 0; i < member_count; i++) {
		append(members[i].path, buf_bytes(&members[i].content));
		assert_ok(package_index_add(
				  files, members[i].path, buf_bytes(&members[i].content), &w.err),
			w.err);
	}
	for (size_t i = 0; i < mark_count; i++)
		assert_ok(package_index_add_destroyed(files, &marks[i], &w.err), w.err);
	assert_ok(json_write(files, false, &index, &w.err), w.err);
	assert_ok(package_sign(over ? bytes_str(over) : buf_bytes(&index), "ocr-agent", maker,
			  &signature, &w.err),
		w.err);
	append(PACKAGE_INDEX, buf_bytes(&index));
	append(PACKAGE_SIGNATURE, buf_bytes(&signature));
	buf_put(&archive, BYTES_OF(zeros));
	assert_ok(package_audit_run(buf_bytes(&archive), &options, &audit, &w.err), w.err);
	json_decref(files);
	buf_release(&index);
	buf_release(&signature);
}

static inline const struct audit_step *step(const char *what, enum audit_step_result result)
{
	for (size_t i = 0; i < audit.step_count; i++)
		if (strcmp(audit.steps[i].what, what) == 0 && audit.steps[i].result == result)
			return &audit.steps[i];
	return NULL;
}

static inline void assert_step(const char *what, enum audit_step_result result, const char *part)
{
	for (size_t i = 0; i < audit.step_count; i++)
		if (strcmp(audit.steps[i].what, what) == 0 && audit.steps[i].result == result &&
			strstr(audit.steps[i].detail, part))
			return;
	for (size_t i = 0; i < audit.step_count; i++)
		print_message("%d %s: %s\n", (int)audit.steps[i].result, audit.steps[i].what,
			audit.steps[i].detail);
	fail_msg("no step %s: %s", what, part);
}

static inline void assert_failed(const char *what, const char *part)
{
	run_signed(NULL);
	assert_false(audit.consistent);
	assert_step(what, AUDIT_FAILED, part);
}

/* Of the first member with that prefix, to be bent and put back. */
static inline json_t *page_open(const char *prefix)
{
	json_t *page = NULL;
	assert_ok(json_open(buf_bytes(&find(prefix, 0)->content), JSON_INPUT_MAX, &page, &w.err),
		w.err);
	return page;
}

static inline void page_close(const char *prefix, json_t *page)
{
	struct buf text = {0};
	assert_ok(json_write(page, false, &text, &w.err), w.err);
	replace(find(prefix, 0), buf_bytes(&text));
	buf_release(&text);
	json_decref(page);
}

#endif
