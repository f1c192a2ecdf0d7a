/* SPDX-License-Identifier: Apache-2.0 */
/* What hostd keeps of an instance: both ways, and nothing that could not have been written. */
#include "tests/support/unit.h"

#include "attest/instance_saved.h"
#include "base/cbor.h"
#include "base/file.h"

#include <stdlib.h>

static struct instance_saved sample;
static struct buf text;

static int setup(void **state)
{
	struct err err;
	(void)state;
	assert_ok(instance_new("agent", &sample.instance, &err), err);
	struct instance *i = sample.instance;
	memset(sample.boot_id, 7, sizeof(sample.boot_id));
	memset(sample.key_id, 8, sizeof(sample.key_id));
	memset(i->release, 9, sizeof(i->release));
	sample.directory_device = 10;
	sample.directory_inode = 11;
	i->want_x509 = true;
	i->audience_count = 1;
	i->audiences[0] = strdup("one.test");
	i->pid = 4711;
	i->uid = 1;
	i->gid = 2;
	i->process = (struct instance_process){.started = 3,
		.pidfd = 4,
		.device = 5,
		.inode = 6,
		.size = 7,
		.digest = {8},
		.sandbox = SANDBOX_ALL,
		.records = 9};
	i->directory_path = strdup("/run/assay/instances/x");
	i->own_directory = true;
	i->cgroup = strdup("/sys/fs/cgroup/x/assay-y");
	i->files = calloc(1, sizeof(*i->files));
	i->file_count = 1;
	i->files[0] = (struct instance_file){.path = strdup("/opt/m\xff"),
		.copied = true,
		.device = 1,
		.inode = 2,
		.size = 3,
		.modified = {-4, 5},
		.changed = {6, 999999999}};
	i->state = INSTANCE_UNTRUSTED;
	i->hold = HOLD_FROZEN;
	(void)strcpy(i->reason, "component-digest");
	memset(i->record, 'a', 2 * SHA256_LEN);
	i->expires = 100;
	i->lease_at = 200;
	i->on_lease_end = END_STOP;
	i->on_refusal = END_FREEZE;
	i->report_end = true;
	i->original_differs = true;
	assert_ok(instance_saved_encode(&sample, &text, &err), err);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	instance_saved_release(&sample);
	buf_release(&text);
	return 0;
}

static void saved__decoded__all_of_it_and_the_same_bytes_again(void **state)
{
	struct instance_saved read = {0};
	struct buf again = {0};
	struct err err;
	(void)state;
	assert_ok(instance_saved_decode(buf_bytes(&text), &read, &err), err);
	const struct instance *a = sample.instance, *b = read.instance;
	assert_memory_equal(read.boot_id, sample.boot_id, 16);
	assert_memory_equal(read.key_id, sample.key_id, SHA256_LEN);
	assert_string_equal(b->hex, a->hex);
	assert_memory_equal(b->id, a->id, INSTANCE_ID_LEN);
	assert_memory_equal(&b->process, &a->process, sizeof(a->process));
	assert_true(b->pid == 4711 && b->uid == 1 && b->gid == 2);
	assert_string_equal(b->directory_path, a->directory_path);
	assert_true(b->own_directory && read.directory_device == 10 && read.directory_inode == 11);
	assert_string_equal(b->cgroup, a->cgroup);
	assert_int_equal(b->file_count, 1);
	assert_string_equal(b->files[0].path, a->files[0].path);
	assert_true(b->files[0].copied && b->files[0].modified.tv_sec == -4 &&
		    b->files[0].changed.tv_nsec == 999999999);
	assert_true(b->state == INSTANCE_UNTRUSTED && b->hold == HOLD_FROZEN);
	assert_string_equal(b->reason, a->reason);
	assert_string_equal(b->record, a->record);
	assert_true(b->expires == 100 && b->lease_at == 200 && b->on_lease_end == END_STOP &&
		    b->on_refusal == END_FREEZE && b->report_end && b->original_differs);
	assert_true(b->pidfd == -1 && b->directory == -1 && !b->key && b->renew_at == 0);
	assert_ok(instance_saved_encode(&read, &again, &err), err);
	assert_bytes(buf_bytes(&again), buf_bytes(&text));
	buf_release(&again);
	instance_saved_release(&read);
}

static void saved__key_of_a_tpm__its_blob(void **state)
{
	struct instance_saved read = {0};
	struct buf again = {0};
	struct err err;
	(void)state;
	buf_put_str(&sample.instance->tpm_key.public_area, "public");
	buf_put_str(&sample.instance->tpm_key.private_area, "encrypted");
	sample.instance->tpm_key.parent = 0x81000001;
	assert_ok(instance_saved_encode(&sample, &again, &err), err);
	assert_ok(instance_saved_decode(buf_bytes(&again), &read, &err), err);
	assert_int_equal(instance_protection(read.instance), KEY_TPM);
	assert_bytes(buf_bytes(&read.instance->tpm_key.private_area), BYTES_LIT("encrypted"));
	assert_int_equal(read.instance->tpm_key.parent, 0x81000001);
	buf_release(&again);
	instance_saved_release(&read);
}

/* Ten values as ever where there is nothing to tell: an older hostd reads them, and this one reads its. */
static void saved__change_not_told_yet__kept_and_else_left_out(void **state)
{
	struct buf out = {0}, again = {0};
	struct err err;
	(void)state;
	for (int drift = DRIFT_TO_TELL; drift < DRIFT_STATES; drift++) {
		struct instance_saved read = {0};
		sample.instance->drift = (enum instance_drift)drift;
		buf_clear(&out);
		buf_clear(&again);
		assert_ok(instance_saved_encode(&sample, &out, &err), err);
		assert_int_equal(out.len, text.len + 1);
		assert_ok(instance_saved_decode(buf_bytes(&out), &read, &err), err);
		assert_int_equal(read.instance->drift, drift);
		assert_ok(instance_saved_encode(&read, &again, &err), err);
		assert_bytes(buf_bytes(&again), buf_bytes(&out));
		instance_saved_release(&read);
		out.data[out.len - 1] = DRIFT_NONE;
		assert_false(instance_saved_decode(buf_bytes(&out), &read, &err));
		assert_non_null(strstr(err.text, "drift: out of range"));
	}
	buf_release(&out);
	buf_release(&again);
}

static void saved__cut_or_longer__refused(void **state)
{
	struct instance_saved read = {0};
	struct err err;
	(void)state;
	for (size_t len = 0; len < text.len; len++) {
		assert_false(instance_saved_decode(bytes_of(text.data, len), &read, &err));
		assert_null(read.instance);
	}
	buf_put_u8(&text, 0);
	assert_false(instance_saved_decode(buf_bytes(&text), &read, &err));
}

/* One that nobody wrote is told with its field, and nothing of it is taken over. */
static void saved__one_value_wrong__refused_by_field(void **state)
{
	struct err err;
	struct buf out = {0};
	(void)state;
#define WRONG(change, back, message)                                                               \
	buf_clear(&out);                                                                           \
	change;                                                                                    \
	assert_false(instance_saved_encode(&sample, &out, &err));                                  \
	if (!strstr(err.text, message))                                                            \
		fail_msg("%s, wanted %s", err.text, message);                                      \
	back
	struct instance *i = sample.instance;
	WRONG(i->pid = 0, i->pid = 1, "pid: out of range");
	WRONG(i->state = INSTANCE_ENDED, i->state = INSTANCE_STALE, "state: out of range");
	WRONG(i->hold = INSTANCE_HOLDS, i->hold = HOLD_NONE, "hold: out of range");
	WRONG(i->on_refusal = END_ACTIONS, i->on_refusal = END_CONTINUE,
		"on_refusal: out of range");
	WRONG(i->workload[0] = '/', i->workload[0] = 'a', "workload: not a name");
	WRONG(i->record[3] = 'X', i->record[3] = 'a', "record: not an id");
	WRONG(i->directory_path[0] = '.', i->directory_path[0] = '/', "credentials: not absolute");
	WRONG(i->cgroup[0] = '.', i->cgroup[0] = '/', "cgroup: not absolute");
	WRONG(i->files[0].path[0] = '.', i->files[0].path[0] = '/', "file: not a file's");
	WRONG(i->files[0].changed.tv_nsec = 1000000000, i->files[0].changed.tv_nsec = 0,
		"file: not a file's");
	WRONG(i->process.sandbox = SANDBOX_ALL + 1, i->process.sandbox = 0,
		"sandbox: out of range");
	WRONG(i->drift = DRIFT_STATES, i->drift = DRIFT_NONE, "drift: out of range");
	WRONG(i->expires = -1, i->expires = 0, "expires: out of range");
#undef WRONG
	buf_clear(&out);
	assert_ok(instance_saved_encode(&sample, &out, &err), err);
	buf_release(&out);
}

/* The private key of an instance in software is nowhere in what is written. */
static void saved__software_key__not_in_the_file(void **state)
{
	struct key *key = NULL;
	struct buf out = {0};
	struct err err;
	(void)state;
	assert_ok(key_generate(KEY_EC_P256, &key, &err), err);
	sample.instance->key = key;
	assert_ok(instance_saved_encode(&sample, &out, &err), err);
	assert_bytes(buf_bytes(&out), buf_bytes(&text)); /* as without a key */
	buf_release(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(saved__decoded__all_of_it_and_the_same_bytes_again),
		T(saved__key_of_a_tpm__its_blob),
		T(saved__change_not_told_yet__kept_and_else_left_out),
		T(saved__cut_or_longer__refused),
		T(saved__one_value_wrong__refused_by_field),
		T(saved__software_key__not_in_the_file),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
