/* SPDX-License-Identifier: Apache-2.0 */
/*
 * S12 on the host: memory runs out at every allocation of a record in the runtime log (attest/log.c, attest/log_room.c). What was
 * refused is not on the disk either: after a restart it would be extended, and nobody knows of it.
 */
#include "tests/fault/alloc.h"

#include "attest/log.h"

#include <dirent.h>
#include <unistd.h>

#include "tests/unit/attest/fake_tpm.h"

#define GROWS_AT 64 /* records: then the index of them needs more memory */

static char directory[64];
static struct fake_tpm tpm;
static struct host_log *host_log;
static struct err err;

static void open_log(void)
{
	struct host_log_options options = {.directory = directory,
		.tpm = &tpm.tpm,
		.bank = DIGEST_SHA256,
		.boot_id = {1, 2, 3}};
	assert_ok(host_log_open(&options, &host_log, &err), err);
}

static bool append(uint32_t status)
{
	OWNED(buf_release) struct buf content = {0};
	struct runtime_exit e = {.status = status};
	return runtime_exit_encode(&e, 1, &content, &err) &&
	       host_log_append(host_log, buf_bytes(&content), &err);
}

static int set_up(void **state)
{
	(void)state;
	(void)snprintf(directory, sizeof(directory), "/tmp/assay-alloc-log.XXXXXX");
	if (!mkdtemp(directory))
		return -1;
	fake_tpm_init(&tpm);
	open_log();
	for (uint32_t i = 1; i < GROWS_AT; i++)
		assert_ok(append(i), err);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	host_log_free(&host_log);
	DIR *dir = opendir(directory);
	for (const struct dirent *e = dir ? readdir(dir) : NULL; e; e = readdir(dir))
		(void)unlinkat(dirfd(dir), e->d_name, 0);
	if (dir)
		(void)closedir(dir);
	return rmdir(directory);
}

static uint64_t records(void)
{
	struct host_log_status status;
	host_log_status(host_log, &status);
	return status.records;
}

/* Every time the index has to grow: it does not remember that it had memory for it. */
static bool append_once(size_t at)
{
	fault_alloc_arm(at, false);
	bool done = append(77);
	bool failed = fault_alloc_disarm();
	assert_true(done || failed);
	if (!done)
		assert_int_equal(err.code, ERR_NOMEM);
	host_log_free(&host_log);
	open_log();
	assert_ok(host_log_usable(host_log, &err), err);
	assert_int_equal(records(), GROWS_AT + done);
	assert_int_equal(tpm.extends, GROWS_AT + done);
	return !done;
}

static void S12__runtime_log_append__memory_fails_at_every_call__nothing_half_done(void **state)
{
	size_t at = 0;
	(void)state;
	while (append_once(at))
		at++;
	assert_true(at > 2 && at < 32);
	assert_ok(append(78), err);
	assert_int_equal(records(), GROWS_AT + 2);
}

static void S12__runtime_log_reserve__no_memory__nothing_taken(void **state)
{
	struct host_log_place place = {.uid = 1000, .bounded = true, .left = 1000};
	(void)state;
	fault_alloc_arm(0, true);
	bool taken = host_log_reserve(host_log, &place, &err);
	assert_true(fault_alloc_disarm());
	assert_false(taken);
	assert_int_equal(err.code, ERR_NOMEM);
	assert_int_equal(place.left, 0);
	place.left = HOST_LOG_OF_USER;
	assert_ok(host_log_reserve(host_log, &place, &err), err);
	host_log_give_back(host_log, &place);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		T(S12__runtime_log_append__memory_fails_at_every_call__nothing_half_done),
		T(S12__runtime_log_reserve__no_memory__nothing_taken),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
