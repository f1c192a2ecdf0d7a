/* SPDX-License-Identifier: Apache-2.0 */
/*
 * S8 on the host: the disk below the runtime log fails at every call. What was acknowledged is there after a restart, the log
 * replays to the PCR, and nothing is extended that could not be made durable.
 */
#include "tests/fault/io.h"

#include "attest/log.h"

#include <dirent.h>

#include "tests/unit/attest/fake_tpm.h"

static char directory[64];
static struct fake_tpm tpm;
static struct host_log *host_log;
static struct err err;

static bool open_log(void)
{
	struct host_log_options options = {.directory = directory,
		.tpm = &tpm.tpm,
		.bank = DIGEST_SHA256,
		.boot_id = {1, 2, 3}};
	return host_log_open(&options, &host_log, &err);
}

static void begin(void)
{
	(void)snprintf(directory, sizeof(directory), "/tmp/assay-io.XXXXXX");
	assert_non_null(mkdtemp(directory));
	fake_tpm_init(&tpm);
}

static void end(void)
{
	host_log_free(&host_log);
	DIR *dir = opendir(directory);
	assert_non_null(dir);
	for (const struct dirent *e = readdir(dir); e; e = readdir(dir))
		(void)unlinkat(dirfd(dir), e->d_name, 0);
	(void)closedir(dir);
	(void)rmdir(directory);
}

static bool append(uint32_t status)
{
	OWNED(buf_release) struct buf content = {0};
	struct runtime_exit e = {.status = status};
	return runtime_exit_encode(&e, 1, &content, &err) &&
	       host_log_append(host_log, buf_bytes(&content), &err);
}

struct seen {
	uint64_t next;
	uint8_t value[DIGEST_LEN_MAX];
};
static bool see(void *context, const struct host_log_view *view, struct err *why)
{
	struct seen *seen = context;
	return runtime_log_replay(
		view->records, 0, view->pcr, view->bank, seen->value, &seen->next, why);
}

/* The log is whole and says what the PCR says; the number of its records. */
static uint64_t assert_consistent(void)
{
	struct seen seen = {0};
	assert_ok(host_log_usable(host_log, &err), err);
	assert_ok(host_log_with(host_log, 0, see, &seen, &err), err);
	assert_memory_equal(seen.value, tpm.pcrs[15], SHA256_LEN);
	assert_int_equal(tpm.extends, seen.next);
	return seen.next;
}

static void restart(void)
{
	host_log_free(&host_log);
	assert_ok(open_log(), err);
}

/* ---- a record ---- */

/* With the disk well again, in the same hostd: it goes on, unless it could not make something durable; then not before a
 * restart, and it says so. */
static void append_afterwards(bool done)
{
	bool went_on = append(3);
	if (!fault_io.sync_failed) {
		if (!went_on && !strstr(err.text, "restart assay-hostd"))
			fail_msg("does not go on: %s", err.text);
		return;
	}
	assert_false(done);
	assert_false(went_on);
	assert_int_equal(err.code, ERR_IO);
	assert_non_null(strstr(err.text, "restart assay-hostd"));
	assert_false(host_log_usable(host_log, &err));
}

static bool append_once(struct fault_kind kind, size_t at)
{
	begin();
	assert_ok(open_log(), err);
	assert_true(append(1));
	unsigned extends = tpm.extends;
	fault_io_arm(kind, at);
	bool done = append(2);
	bool failed = fault_io_disarm();
	assert_true(done || failed);
	/* Durable first: what was not is not in the PCR either. */
	assert_int_equal(tpm.extends, extends + done);
	if (!done && err.code != ERR_IO)
		fail_msg("%s: %s", err_code_name(err.code), err.text);
	append_afterwards(done);
	bool third = !fault_io.sync_failed && tpm.extends == extends + done + 1;
	restart();
	uint64_t records = assert_consistent();
	assert_true(records >= 2u + done + third);
	assert_true(append(4));
	assert_int_equal(assert_consistent(), records + 1);
	end();
	return failed;
}

static void S8__runtime_log_append__disk_fails_at_every_call(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(fault_kinds); i++)
		for (size_t at = 0; append_once(fault_kinds[i], at); at++)
			assert_true(at < 16);
}

/* A short write is no error, and neither is a signal. */
static void S8__runtime_log_append__short_writes_and_signals_are_no_faults(void **state)
{
	static const struct fault_kind kinds[] = {{EINTR, false}, {0, false}, {0, true}};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		begin();
		assert_ok(open_log(), err);
		fault_io_arm(kinds[i], 0);
		assert_true(append(1));
		assert_true(fault_io_disarm());
		assert_int_equal(assert_consistent(), 2);
		end();
	}
}

/* ---- the first record ---- */

static bool open_once(struct fault_kind kind, size_t at)
{
	begin();
	fault_io_arm(kind, at);
	bool opened = open_log();
	bool usable = opened && host_log_usable(host_log, &err);
	bool failed = fault_io_disarm();
	assert_true(usable || failed);
	assert_true(tpm.extends <= 1);
	if (usable)
		assert_int_equal(tpm.extends, 1);
	if (opened && !usable)
		assert_false(append(1));
	restart();
	assert_int_equal(assert_consistent(), 1);
	end();
	return failed;
}

static void S8__runtime_log_open__disk_fails_at_every_call(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(fault_kinds); i++)
		for (size_t at = 0; open_once(fault_kinds[i], at); at++)
			assert_true(at < 16);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(S8__runtime_log_append__disk_fails_at_every_call),
		cmocka_unit_test(S8__runtime_log_append__short_writes_and_signals_are_no_faults),
		cmocka_unit_test(S8__runtime_log_open__disk_fails_at_every_call),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
