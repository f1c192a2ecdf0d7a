/* SPDX-License-Identifier: Apache-2.0 */
/* The four events of the runtime log, each one deterministic CBOR map: 0 kind, 1 time, the rest by
 * kind. */
#include "evidence/runtime_content.h"

#include <stdlib.h>

#include "base/text.h"
#include "evidence/message.h"

#define ENVIRONMENT_NAME_MAX 255
#define DESCRIPTOR_TEXT_MAX  128

static const char *const PRESENCES[] = {
	[PRESENT_COPY] = "copy",
	[PRESENT_PINNED] = "pinned",
	[PRESENT_MEASURED_ONLY] = "measured-not-pinned",
	[PRESENT_SEALED] = "sealed",
};
static const char *const DIGEST_KINDS[] = {
	[COMPONENT_SHA256] = "sha256",
	[COMPONENT_FSVERITY] = "fs-verity-sha256",
	[COMPONENT_TREE_SHA256] = "tree-sha256",
	[COMPONENT_TREE_FSVERITY] = "tree-fs-verity-sha256",
	[COMPONENT_CLOSURE] = "closure",
};

const char *component_presence_name(enum component_presence presence)
{
	return presence >= PRESENT_COPY && (size_t)presence < ARRAY_LEN(PRESENCES)
		       ? PRESENCES[presence]
		       : "unknown";
}

const char *component_digest_kind_name(enum component_digest_kind kind)
{
	return kind >= COMPONENT_SHA256 && (size_t)kind < ARRAY_LEN(DIGEST_KINDS)
		       ? DIGEST_KINDS[kind]
		       : "unknown";
}

enum component_digest_kind component_digest_kind_of_name(struct bytes name)
{
	for (size_t i = COMPONENT_SHA256; i < ARRAY_LEN(DIGEST_KINDS); i++)
		if (bytes_equal_str(name, DIGEST_KINDS[i]))
			return (enum component_digest_kind)i;
	return (enum component_digest_kind)0;
}

/* ---- parts ---- */

static void begin(struct cbor_writer *w, size_t pairs, enum runtime_kind kind, int64_t time)
{
	cbor_put_map(w, pairs);
	cbor_pair_uint(w, 0, kind);
	cbor_put_int(w, 1);
	cbor_put_int(w, time);
}

static void copy(struct cbor_item root, int64_t key, uint8_t *out, size_t len, const char *field)
{
	cbor_copy(cbor_key(root, key, field), out, len, field);
}

static uint32_t u32(struct cbor_item root, int64_t key, const char *field)
{
	return (uint32_t)cbor_uint(cbor_key(root, key, field), UINT32_MAX, field);
}

/* A path as the kernel takes it: any bytes but NUL. */
static struct bytes path(struct cbor_item root, int64_t key, const char *field)
{
	struct cbor_item item = cbor_key(root, key, field);
	struct bytes value = cbor_bytes(item, 1, RUNTIME_PATH_MAX, field);

	if (value.len && memchr(value.data, 0, value.len))
		cbor_fail(item, field, "NUL in a path");
	return value;
}

/* Digests one behind the other in one byte string. */
static size_t digests(struct cbor_item root, int64_t key, uint8_t (*ret)[SHA256_LEN], size_t max,
	const char *field)
{
	struct cbor_item item = cbor_key(root, key, field);
	struct bytes value = cbor_bytes(item, 0, max * SHA256_LEN, field);

	if (value.len % SHA256_LEN != 0)
		cbor_fail(item, field, "not whole digests");
	else if (value.len)
		memcpy(ret, value.data, value.len);
	return value.len / SHA256_LEN;
}

static void put_digests(
	struct cbor_writer *w, int64_t key, const uint8_t (*value)[SHA256_LEN], size_t count)
{
	cbor_pair_bytes(w, key, bytes_of(value, count * SHA256_LEN));
}

/* The decoder's opinion on what an encoder wrote. */
static bool content_acceptable(struct bytes encoded, struct err *err)
{
	OWNED(free_ptr) struct runtime_launch *launch = calloc(1, sizeof(*launch));
	struct runtime_record record = {0};

	if (!launch)
		return err_set(err, ERR_NOMEM, "runtime log");
	return runtime_content_read(encoded, &record, launch, err);
}

/* ---- baseline ---- */

bool runtime_baseline_encode(
	const struct runtime_baseline *baseline, int64_t time, struct buf *out, struct err *err)
{
	struct message m = message_begin(out);

	begin(&m.w, 7, RUNTIME_BASELINE, time);
	cbor_pair_bytes(&m.w, 2, BYTES_OF(baseline->boot_id));
	cbor_pair_uint(&m.w, 3, baseline->reset_count);
	cbor_pair_uint(&m.w, 4, baseline->restart_count);
	cbor_pair_uint(&m.w, 5, baseline->bank);
	cbor_pair_bytes(&m.w, 6, baseline->pcr_before);
	return message_finish(&m, content_acceptable, err);
}

static void baseline_read(
	struct cbor_item root, struct runtime_record *record, struct runtime_launch *launch)
{
	struct runtime_baseline *b = &record->baseline;
	struct cbor_item bank = cbor_key(root, 5, "bank");

	(void)launch;
	copy(root, 2, b->boot_id, sizeof(b->boot_id), "boot_id");
	b->reset_count = u32(root, 3, "reset_count");
	b->restart_count = u32(root, 4, "restart_count");
	b->bank = (uint16_t)cbor_uint(bank, UINT16_MAX, "bank");
	if (digest_alg_len(b->bank) < SHA256_LEN)
		cbor_fail(bank, "bank", "not a bank of SHA-256 or better");
	b->pcr_before = cbor_bytes(cbor_key(root, 6, "pcr_before"), digest_alg_len(b->bank),
		digest_alg_len(b->bank), "pcr_before");
}

/* ---- component ---- */

bool runtime_component_encode(
	const struct runtime_component *c, int64_t time, struct buf *out, struct err *err)
{
	struct message m = message_begin(out);

	begin(&m.w, 12, RUNTIME_COMPONENT, time);
	cbor_pair_bytes(&m.w, 2, BYTES_OF(c->instance));
	cbor_pair_text(&m.w, 3, c->name);
	cbor_pair_text(&m.w, 4, c->role);
	cbor_pair_bytes(&m.w, 5, c->path);
	cbor_pair_bytes(&m.w, 6, c->canonical_path);
	cbor_pair_uint(&m.w, 7, c->digest_kind);
	cbor_pair_bytes(&m.w, 8, BYTES_OF(c->digest));
	cbor_pair_uint(&m.w, 9, c->size);
	cbor_pair_uint(&m.w, 10, c->files);
	cbor_pair_uint(&m.w, 11, c->presence);
	return message_finish(&m, content_acceptable, err);
}

static void component_read(
	struct cbor_item root, struct runtime_record *record, struct runtime_launch *launch)
{
	struct runtime_component *c = &record->component;
	struct cbor_item files = cbor_key(root, 10, "files");

	(void)launch;
	copy(root, 2, c->instance, sizeof(c->instance), "instance");
	c->name = message_name(cbor_key(root, 3, "name"), "name");
	c->role = message_name(cbor_key(root, 4, "role"), "role");
	c->path = path(root, 5, "path");
	c->canonical_path = path(root, 6, "canonical_path");
	c->digest_kind =
		message_enum(cbor_key(root, 7, "digest_kind"), COMPONENT_CLOSURE, "digest_kind");
	copy(root, 8, c->digest, sizeof(c->digest), "digest");
	c->size = cbor_uint(cbor_key(root, 9, "size"), INT64_MAX, "size");
	c->files = cbor_uint(files, INT64_MAX, "files");
	if (c->files == 0 || (c->digest_kind <= COMPONENT_FSVERITY && c->files != 1))
		cbor_fail(files, "files", "not the number of files of its kind");
	c->presence = message_enum(cbor_key(root, 11, "presence"), PRESENT_SEALED, "presence");
}

/* ---- launch ---- */

static bool launch_counts_ok(const struct runtime_launch *l, struct err *err)
{
	return message_count_ok(
		       l->component_count, RUNTIME_COMPONENTS_MAX, "launch: components", err) &&
	       message_count_ok(
		       l->argument_count, RUNTIME_ARGUMENTS_MAX, "launch: arguments", err) &&
	       message_count_ok(
		       l->environment_count, RUNTIME_ARGUMENTS_MAX, "launch: environment", err) &&
	       message_count_ok(
		       l->descriptor_count, ARRAY_LEN(l->descriptors), "launch: descriptors", err);
}

struct variable {
	struct bytes name;
	const uint8_t *digest;
};

static int variable_compare(const void *a, const void *b)
{
	return bytes_compare(
		((const struct variable *)a)->name, ((const struct variable *)b)->name);
}

/* An environment is a set: written in ascending order, whatever order it came in. */
static void put_environment(struct cbor_writer *w, const struct runtime_launch *l)
{
	struct variable variables[RUNTIME_ARGUMENTS_MAX];
	uint8_t sorted[RUNTIME_ARGUMENTS_MAX][SHA256_LEN];
	size_t n = l->environment_count;

	for (size_t i = 0; i < n; i++)
		variables[i] = (struct variable){l->environment_names[i], l->environment[i]};
	if (n > 0)
		qsort(variables, n, sizeof(variables[0]), variable_compare);
	cbor_put_int(w, 8);
	cbor_put_array(w, n);
	for (size_t i = 0; i < n; i++) {
		cbor_put_text(w, variables[i].name);
		memcpy(sorted[i], variables[i].digest, SHA256_LEN);
	}
	put_digests(w, 9, sorted, n);
}

bool runtime_launch_encode(
	const struct runtime_launch *l, int64_t time, struct buf *out, struct err *err)
{
	struct message m = message_begin(out);

	if (!launch_counts_ok(l, err))
		return false;
	begin(&m.w,
		14u + (l->sandbox ? 1u : 0u) + (l->kernel.len > 0 ? 2u : 0u) + (l->kept ? 1u : 0u),
		RUNTIME_LAUNCH, time);
	cbor_pair_bytes(&m.w, 2, BYTES_OF(l->instance));
	cbor_pair_text(&m.w, 3, l->workload);
	cbor_pair_bytes(&m.w, 4, BYTES_OF(l->release));
	cbor_pair_bytes(&m.w, 5, BYTES_OF(l->spec));
	put_digests(&m.w, 6, l->components, l->component_count);
	put_digests(&m.w, 7, l->arguments, l->argument_count);
	put_environment(&m.w, l);
	cbor_pair_bytes(&m.w, 10, l->working_directory);
	cbor_pair_uint(&m.w, 11, l->uid);
	cbor_pair_uint(&m.w, 12, l->gid);
	cbor_put_int(&m.w, 13);
	message_put_text_array(&m.w, l->descriptors, l->descriptor_count);
	if (l->sandbox)
		cbor_pair_uint(&m.w, 14, l->sandbox);
	if (l->kernel.len > 0) {
		cbor_pair_text(&m.w, 15, l->kernel);
		cbor_pair_bytes(&m.w, 16, l->kernel_command_line);
	}
	if (l->kept) {
		const struct bytes parts[] = {BYTES_OF(l->kept_for), l->kept_key, l->kept_values};

		cbor_put_int(&m.w, 17);
		message_put_bytes_array(&m.w, parts, ARRAY_LEN(parts));
	}
	return message_finish(&m, content_acceptable, err);
}

/* Names ascend, so that none stands twice and one environment has one encoding. */
static void environment_read(struct cbor_item root, struct runtime_launch *l)
{
	struct cbor_item names = cbor_key(root, 8, "environment");
	size_t count = message_text_array(names, RUNTIME_ARGUMENTS_MAX, ENVIRONMENT_NAME_MAX,
		l->environment_names, "environment name");

	for (size_t i = 0; i < count; i++) {
		struct bytes name = l->environment_names[i];

		if (name.len &&
			(memchr(name.data, '=', name.len) || memchr(name.data, 0, name.len)))
			cbor_fail(names, "environment name", "holds '=' or NUL");
		if (i > 0 && bytes_compare(l->environment_names[i - 1], name) >= 0)
			cbor_fail(names, "environment name", "not in ascending order");
	}
	l->environment_count =
		digests(root, 9, l->environment, RUNTIME_ARGUMENTS_MAX, "environment");
	if (l->environment_count != count)
		cbor_fail(names, "environment", "not one digest for each name");
}

/* Absent in records from before there were settings; nothing is said in no other way. */
static void sandbox_read(struct cbor_item root, struct runtime_launch *l)
{
	struct cbor_item sandbox = cbor_key_optional(root, 14);

	if (sandbox.kind == CBOR_ABSENT)
		return;
	l->sandbox = (unsigned)cbor_uint(sandbox, SANDBOX_ALL, "sandbox");
	if (l->sandbox == 0)
		cbor_fail(sandbox, "sandbox", "0 is said by leaving it out");
}

/* Likewise; the one does not stand without the other. */
static void kernel_read(struct cbor_item root, struct runtime_launch *l)
{
	struct cbor_item kernel = cbor_key_optional(root, 15);
	struct cbor_item line = cbor_key_optional(root, 16);

	if (kernel.kind == CBOR_ABSENT && line.kind == CBOR_ABSENT)
		return;
	l->kernel = cbor_text(cbor_key(root, 15, "kernel"), 1, RUNTIME_KERNEL_MAX, "kernel");
	l->kernel_command_line = cbor_bytes(cbor_key(root, 16, "kernel command line"), 0,
		RUNTIME_CMDLINE_MAX, "kernel command line");
}

static void kept_read(struct cbor_item root, struct runtime_launch *l)
{
	static const char *const field = "kept environment";
	struct cbor_item kept = cbor_key_optional(root, 17);

	l->kept = kept.kind != CBOR_ABSENT;
	if (!l->kept)
		return;
	if (cbor_array(kept, 3, field) != 3)
		cbor_fail(kept, field, "not three parts");
	cbor_copy(cbor_at(kept, 0, field), l->kept_for, sizeof(l->kept_for), field);
	l->kept_key = cbor_bytes(cbor_at(kept, 1, field), 1, RUNTIME_KEPT_KEY_MAX, field);
	l->kept_values = cbor_bytes(cbor_at(kept, 2, field), 1, RUNTIME_KEPT_MAX, field);
}

static void launch_read(
	struct cbor_item root, struct runtime_record *record, struct runtime_launch *l)
{
	memset(l, 0, sizeof(*l));
	record->launch = l;
	copy(root, 2, l->instance, sizeof(l->instance), "instance");
	l->workload = message_name(cbor_key(root, 3, "workload"), "workload");
	copy(root, 4, l->release, sizeof(l->release), "release");
	copy(root, 5, l->spec, sizeof(l->spec), "spec");
	l->component_count = digests(root, 6, l->components, RUNTIME_COMPONENTS_MAX, "components");
	l->argument_count = digests(root, 7, l->arguments, RUNTIME_ARGUMENTS_MAX, "arguments");
	environment_read(root, l);
	l->working_directory = path(root, 10, "working_directory");
	l->uid = u32(root, 11, "uid");
	l->gid = u32(root, 12, "gid");
	l->descriptor_count = message_text_array(cbor_key(root, 13, "descriptors"),
		ARRAY_LEN(l->descriptors), DESCRIPTOR_TEXT_MAX, l->descriptors, "descriptors");
	sandbox_read(root, l);
	kernel_read(root, l);
	kept_read(root, l);
}

/* ---- exit ---- */

bool runtime_exit_encode(
	const struct runtime_exit *e, int64_t time, struct buf *out, struct err *err)
{
	struct message m = message_begin(out);

	begin(&m.w, 5, RUNTIME_EXIT, time);
	cbor_pair_bytes(&m.w, 2, BYTES_OF(e->instance));
	cbor_put_int(&m.w, 3);
	cbor_put_bool(&m.w, e->signaled);
	cbor_pair_uint(&m.w, 4, e->status);
	return message_finish(&m, content_acceptable, err);
}

static void exit_read(
	struct cbor_item root, struct runtime_record *record, struct runtime_launch *launch)
{
	struct runtime_exit *e = &record->exit;

	(void)launch;
	copy(root, 2, e->instance, sizeof(e->instance), "instance");
	e->signaled = cbor_bool(cbor_key(root, 3, "signaled"), "signaled");
	e->status = u32(root, 4, "status");
}

/* ---- any ---- */

/* Keys run from 0 without a gap, so their number says which are allowed; what reads them says which
 * must be there. */
static const struct {
	size_t keys;
	void (*read)(struct cbor_item root, struct runtime_record *record,
		struct runtime_launch *launch);
} KINDS[] = {
	[RUNTIME_BASELINE] = {7, baseline_read},
	[RUNTIME_COMPONENT] = {12, component_read},
	[RUNTIME_LAUNCH] = {18, launch_read},
	[RUNTIME_EXIT] = {5, exit_read},
};

bool runtime_content_read(struct bytes content, struct runtime_record *ret,
	struct runtime_launch *launch, struct err *err)
{
	static const int64_t keys[] = {
		0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17};
	struct cbor_doc doc;
	struct cbor_item root;

	if (!cbor_open(content, true, "content", &doc, &root, err))
		return false;
	ret->kind = message_enum(cbor_key(root, 0, "kind"), RUNTIME_EXIT, "kind");
	ret->time = cbor_int(cbor_key(root, 1, "time"), "time");
	cbor_only_keys(root, keys, KINDS[ret->kind].keys, "content");
	if (KINDS[ret->kind].read)
		KINDS[ret->kind].read(root, ret, launch);
	return cbor_close(&doc, err);
}
