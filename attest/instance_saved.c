/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/instance_saved.h"

#include <limits.h>
#include <stdlib.h>

#include "base/cbor.h"
#include "base/reader.h"
#include "base/text.h"

#define FORMAT       1
#define STAT_COUNT   7u
#define FILE_MIN     (1u + 8 * STAT_COUNT + 1)
#define FILE_MAX     (1u + 8 * STAT_COUNT + PATH_MAX)
#define TPM_PART_MAX 2048u
#define AUDIENCE_MAX 4096u
#define NANOSECONDS  1000000000u
#define TRUST_COUNT  10u

void instance_saved_release(struct instance_saved *saved)
{
	instance_unref(&saved->instance);
}

/* ---- writing ---- */

static void put_key(struct cbor_writer *w, const struct instance_saved *saved)
{
	const struct instance *i = saved->instance;
	cbor_put_int(w, 8);
	if (instance_protection(i) == KEY_SOFTWARE) {
		cbor_put_bytes(w, BYTES_OF(saved->key_id));
		return;
	}
	cbor_put_array(w, 3);
	cbor_put_bytes(w, buf_bytes(&i->tpm_key.public_area));
	cbor_put_bytes(w, buf_bytes(&i->tpm_key.private_area));
	cbor_put_uint(w, i->tpm_key.parent);
}

static void put_process(struct cbor_writer *w, const struct instance *i)
{
	const struct instance_process *p = &i->process;
	const uint64_t process[] = {
		(uint64_t)i->pid, p->started, p->pidfd, i->uid, i->gid, p->sandbox, p->records};
	cbor_put_int(w, 9);
	cbor_put_array(w, ARRAY_LEN(process));
	for (size_t k = 0; k < ARRAY_LEN(process); k++)
		cbor_put_uint(w, process[k]);
	cbor_put_int(w, 10);
	cbor_put_array(w, 4);
	cbor_put_uint(w, p->device);
	cbor_put_uint(w, p->inode);
	cbor_put_uint(w, p->size);
	cbor_put_bytes(w, BYTES_OF(p->digest));
}

static void put_places(struct cbor_writer *w, const struct instance_saved *saved)
{
	const struct instance *i = saved->instance;
	cbor_put_int(w, 11);
	cbor_put_array(w, 4);
	cbor_put_bytes(w, bytes_str(i->directory_path));
	cbor_put_bool(w, i->own_directory);
	cbor_put_uint(w, saved->directory_device);
	cbor_put_uint(w, saved->directory_inode);
	cbor_pair_bytes(w, 12, bytes_str(i->cgroup));
}

static void put_file(struct buf *out, const struct instance_file *file)
{
	const uint64_t stat[STAT_COUNT] = {file->device, file->inode, file->size,
		(uint64_t)file->modified.tv_sec, (uint64_t)file->modified.tv_nsec,
		(uint64_t)file->changed.tv_sec, (uint64_t)file->changed.tv_nsec};
	buf_clear(out);
	buf_put_u8(out, file->copied);
	for (size_t k = 0; k < STAT_COUNT; k++)
		buf_put_be64(out, stat[k]);
	buf_put_str(out, file->path);
}

static void put_files(struct cbor_writer *w, const struct instance *i)
{
	OWNED(buf_release) struct buf file = {0};
	cbor_put_int(w, 13);
	cbor_put_array(w, i->file_count);
	for (size_t k = 0; k < i->file_count; k++) {
		put_file(&file, &i->files[k]);
		cbor_put_bytes(w, buf_bytes(&file));
	}
}

static void put_trust(struct cbor_writer *w, const struct instance *i)
{
	bool drift = i->drift != DRIFT_NONE;
	cbor_put_int(w, 14);
	cbor_put_array(w, TRUST_COUNT + drift);
	cbor_put_uint(w, i->state);
	cbor_put_uint(w, i->hold);
	cbor_put_str(w, i->reason);
	cbor_put_str(w, i->record);
	cbor_put_uint(w, (uint64_t)i->expires);
	cbor_put_uint(w, i->lease_at);
	cbor_put_uint(w, i->on_lease_end);
	cbor_put_uint(w, i->on_refusal);
	cbor_put_bool(w, i->report_end);
	cbor_put_bool(w, i->original_differs);
	if (drift)
		cbor_put_uint(w, i->drift);
}

static bool acceptable(struct bytes encoded, struct err *err)
{
	OWNED(instance_saved_release) struct instance_saved again = {0};
	return instance_saved_decode(encoded, &again, err);
}

bool instance_saved_encode(const struct instance_saved *saved, struct buf *out, struct err *err)
{
	const struct instance *i = saved->instance;
	struct cbor_writer w = cbor_writer_of(out);
	cbor_put_map(&w, 14);
	cbor_pair_uint(&w, 1, FORMAT);
	cbor_pair_bytes(&w, 2, BYTES_OF(saved->boot_id));
	cbor_pair_bytes(&w, 3, BYTES_OF(i->id));
	cbor_put_int(&w, 4);
	cbor_put_str(&w, i->workload);
	cbor_pair_bytes(&w, 5, BYTES_OF(i->release));
	cbor_pair_bool(&w, 6, i->want_x509);
	cbor_put_int(&w, 7);
	cbor_put_array(&w, i->audience_count);
	for (size_t k = 0; k < i->audience_count; k++)
		cbor_put_str(&w, i->audiences[k]);
	put_key(&w, saved);
	put_process(&w, i);
	put_places(&w, saved);
	put_files(&w, i);
	put_trust(&w, i);
	/* What could not be read back is not written. */
	return cbor_writer_finish(&w, err) && acceptable(buf_bytes(out), err);
}

/* ---- reading ---- */

static char *take_text(struct cbor_item item, struct bytes text, const char *field)
{
	bool whole = text.len > 0 && !memchr(text.data, '\0', text.len);
	char *copy = whole ? bytes_strdup(text) : NULL;
	if (!copy)
		cbor_fail(item, field, "no text, or no memory for it");
	return copy;
}

/* An absolute path, or nothing where that may be. */
static char *take_path(struct cbor_item item, size_t min, const char *field)
{
	struct bytes path = cbor_bytes(item, min, PATH_MAX, field);
	if (path.len == 0)
		return NULL;
	if (path.data[0] != '/')
		cbor_fail(item, field, "not absolute");
	return take_text(item, path, field);
}

static void read_what(struct cbor_item root, struct instance *i)
{
	struct cbor_item workload = cbor_key(root, 4, "workload"),
			 audiences = cbor_key(root, 7, "audiences");
	struct bytes name = cbor_text(workload, 1, 64, "workload");
	cbor_copy(cbor_key(root, 3, "instance"), i->id, sizeof(i->id), "instance");
	hex_encode(BYTES_OF(i->id), i->hex);
	if (!text_is_name(name))
		cbor_fail(workload, "workload", "not a name");
	i->workload = take_text(workload, name, "workload");
	cbor_copy(cbor_key(root, 5, "release"), i->release, SHA256_LEN, "release");
	i->want_x509 = cbor_bool(cbor_key(root, 6, "want_x509"), "want_x509");
	size_t count = cbor_array(audiences, AUDIENCES_MAX, "audiences");
	for (size_t k = 0; k < count; k++) {
		struct cbor_item one = cbor_at(audiences, k, "audience");
		i->audiences[k] =
			take_text(one, cbor_text(one, 1, AUDIENCE_MAX, "audience"), "audience");
		i->audience_count = k + 1;
	}
}

static void read_key(struct cbor_item root, struct instance_saved *saved)
{
	struct tpm_key *key = &saved->instance->tpm_key;
	struct cbor_item item = cbor_key(root, 8, "key");
	if (item.kind != CBOR_ARRAY) {
		cbor_copy(item, saved->key_id, SHA256_LEN, "key");
		return;
	}
	if (cbor_array(item, 3, "key") != 3)
		cbor_fail(item, "key", "expected public, private, parent");
	buf_put(&key->public_area, cbor_bytes(cbor_at(item, 0, "key"), 1, TPM_PART_MAX, "public"));
	buf_put(&key->private_area,
		cbor_bytes(cbor_at(item, 1, "key"), 1, TPM_PART_MAX, "private"));
	key->parent = (uint32_t)cbor_uint(cbor_at(item, 2, "key"), UINT32_MAX, "parent");
	if (key->public_area.failed || key->private_area.failed)
		cbor_fail(item, "key", "no memory");
}

static void read_process(struct cbor_item root, struct instance *i)
{
	struct instance_process *p = &i->process;
	struct cbor_item item = cbor_key(root, 9, "process"),
			 executable = cbor_key(root, 10, "executable");
	if (cbor_array(item, 7, "process") != 7)
		cbor_fail(item, "process", "expected 7 numbers");
	i->pid = (pid_t)cbor_uint(cbor_at(item, 0, "pid"), INT32_MAX, "pid");
	if (i->pid < 1)
		cbor_fail(item, "pid", "out of range");
	p->started = cbor_uint(cbor_at(item, 1, "started"), UINT64_MAX, "started");
	p->pidfd = cbor_uint(cbor_at(item, 2, "pidfd"), UINT64_MAX, "pidfd");
	i->uid = (uid_t)cbor_uint(cbor_at(item, 3, "uid"), UINT32_MAX - 1, "uid");
	i->gid = (gid_t)cbor_uint(cbor_at(item, 4, "gid"), UINT32_MAX - 1, "gid");
	p->sandbox = (unsigned)cbor_uint(cbor_at(item, 5, "sandbox"), SANDBOX_ALL, "sandbox");
	p->records = cbor_uint(cbor_at(item, 6, "records"), RUNTIME_LOG_MAX, "records");
	if (cbor_array(executable, 4, "executable") != 4)
		cbor_fail(executable, "executable", "expected device, inode, size, digest");
	p->device = cbor_uint(cbor_at(executable, 0, "device"), UINT64_MAX, "device");
	p->inode = cbor_uint(cbor_at(executable, 1, "inode"), UINT64_MAX, "inode");
	p->size = cbor_uint(cbor_at(executable, 2, "size"), INT64_MAX, "size");
	cbor_copy(cbor_at(executable, 3, "digest"), p->digest, SHA256_LEN, "digest");
}

static void read_places(struct cbor_item root, struct instance_saved *saved)
{
	struct instance *i = saved->instance;
	struct cbor_item item = cbor_key(root, 11, "credentials");
	if (cbor_array(item, 4, "credentials") != 4)
		cbor_fail(item, "credentials", "expected path, own, device, inode");
	i->directory_path = take_path(cbor_at(item, 0, "credentials"), 1, "credentials");
	i->own_directory = cbor_bool(cbor_at(item, 1, "own"), "own");
	saved->directory_device = cbor_uint(cbor_at(item, 2, "device"), UINT64_MAX, "device");
	saved->directory_inode = cbor_uint(cbor_at(item, 3, "inode"), UINT64_MAX, "inode");
	i->cgroup = take_path(cbor_key(root, 12, "cgroup"), 0, "cgroup");
}

static bool read_file(struct bytes in, struct instance_file *ret)
{
	struct reader r = rd_of(in);
	uint64_t stat[STAT_COUNT];
	uint8_t copied = rd_u8(&r, "copied");
	for (size_t k = 0; k < STAT_COUNT; k++)
		stat[k] = rd_be64(&r, "stat");
	size_t left = in.len > FILE_MIN - 1 ? in.len - (FILE_MIN - 1) : 0;
	struct bytes path = rd_bytes(&r, left, "path");
	if (!rd_finish(&r, NULL) || copied > 1 || left == 0 || path.data[0] != '/' ||
		memchr(path.data, '\0', path.len) || stat[2] > INT64_MAX ||
		stat[4] >= NANOSECONDS || stat[6] >= NANOSECONDS)
		return false;
	*ret = (struct instance_file){.path = bytes_strdup(path),
		.copied = copied,
		.device = stat[0],
		.inode = stat[1],
		.size = stat[2],
		.modified = {(time_t)stat[3], (long)stat[4]},
		.changed = {(time_t)stat[5], (long)stat[6]}};
	return ret->path != NULL;
}

static void read_files(struct cbor_item root, struct instance *i)
{
	struct cbor_item item = cbor_key(root, 13, "files");
	size_t count = cbor_array(item, INSTANCE_FILES_MAX, "files");
	i->files = count ? calloc(count, sizeof(*i->files)) : NULL;
	if (count && !i->files)
		cbor_fail(item, "files", "no memory");
	for (size_t k = 0; i->files && k < count; k++) {
		struct cbor_item one = cbor_at(item, k, "file");
		if (!read_file(cbor_bytes(one, FILE_MIN, FILE_MAX, "file"), &i->files[k])) {
			cbor_fail(one, "file", "not a file's description");
			return;
		}
		i->file_count = k + 1;
	}
}

/* Text that goes to terminals: as text_escape left it. */
static void read_line(struct cbor_item item, char *out, size_t size, const char *field)
{
	struct bytes text = cbor_text(item, 0, size - 1, field);
	if (text.len > 0 && memchr(text.data, '\0', text.len))
		cbor_fail(item, field, "holds a NUL");
	else if (text.len > 0)
		memcpy(out, text.data, text.len);
}

static void read_drift(struct cbor_item item, struct instance *i)
{
	i->drift = (enum instance_drift)cbor_uint(item, DRIFT_STATES - 1, "drift");
	if (i->drift == DRIFT_NONE)
		cbor_fail(item, "drift", "out of range");
}

static void read_trust(struct cbor_item root, struct instance *i)
{
	struct cbor_item item = cbor_key(root, 14, "trust"), record = cbor_at(item, 3, "record");
	uint8_t digest[SHA256_LEN];
	size_t count = cbor_array(item, TRUST_COUNT + 1, "trust");
	if (count < TRUST_COUNT)
		cbor_fail(item, "trust", "expected 10 or 11 values");
	i->state = (enum instance_state)cbor_uint(
		cbor_at(item, 0, "state"), INSTANCE_ENDED - 1, "state");
	i->hold =
		(enum instance_hold)cbor_uint(cbor_at(item, 1, "hold"), INSTANCE_HOLDS - 1, "hold");
	read_line(cbor_at(item, 2, "reason"), i->reason, sizeof(i->reason), "reason");
	read_line(record, i->record, sizeof(i->record), "record");
	if (i->record[0] && !hex_decode_exact(bytes_str(i->record), digest, sizeof(digest), NULL))
		cbor_fail(record, "record", "not an id");
	i->expires = (int64_t)cbor_uint(cbor_at(item, 4, "expires"), INT64_MAX, "expires");
	i->lease_at = cbor_uint(cbor_at(item, 5, "lease_at"), INT64_MAX, "lease_at");
	i->on_lease_end = (enum end_action)cbor_uint(
		cbor_at(item, 6, "on_lease_end"), END_ACTIONS - 1, "on_lease_end");
	i->on_refusal = (enum end_action)cbor_uint(
		cbor_at(item, 7, "on_refusal"), END_ACTIONS - 1, "on_refusal");
	i->report_end = cbor_bool(cbor_at(item, 8, "report_end"), "report_end");
	i->original_differs = cbor_bool(cbor_at(item, 9, "original_differs"), "original_differs");
	if (count > TRUST_COUNT)
		read_drift(cbor_at(item, 10, "drift"), i);
}

bool instance_saved_decode(struct bytes in, struct instance_saved *ret, struct err *err)
{
	static const int64_t keys[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14};
	OWNED(instance_saved_release) struct instance_saved saved = {0};
	struct cbor_doc doc;
	struct cbor_item root;
	if (in.len > INSTANCE_SAVED_MAX)
		return err_set(err, ERR_LIMIT, "saved instance: %zu bytes", in.len);
	if (!instance_blank(&saved.instance, err) ||
		!cbor_open(in, true, "saved instance", &doc, &root, err))
		return false;
	cbor_only_keys(root, keys, ARRAY_LEN(keys), "saved instance");
	if (cbor_uint(cbor_key(root, 1, "format"), FORMAT, "format") != FORMAT)
		cbor_fail(root, "format", "expected 1");
	cbor_copy(cbor_key(root, 2, "boot_id"), saved.boot_id, sizeof(saved.boot_id), "boot_id");
	read_what(root, saved.instance);
	read_key(root, &saved);
	read_process(root, saved.instance);
	read_places(root, &saved);
	read_files(root, saved.instance);
	read_trust(root, saved.instance);
	if (!cbor_close(&doc, err))
		return false;
	*ret = TAKE_STRUCT(saved);
	return true;
}
