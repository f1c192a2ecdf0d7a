/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/unit.h"

#include "attest/log.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "tests/unit/attest/fake_tpm.h"

struct fixture {
	char directory[64];
	struct fake_tpm tpm;
	struct host_log *log;
	struct err err;
};

static struct host_log_options options_of(struct fixture *f)
{
	return (struct host_log_options){.directory = f->directory,
		.tpm = &f->tpm.tpm,
		.bank = DIGEST_SHA256,
		.boot_id = {1, 2, 3}};
}

static void open_log(struct fixture *f)
{
	struct host_log_options options = options_of(f);
	assert_ok(host_log_open(&options, &f->log, &f->err), f->err);
}

/* hostd killed: nothing is flushed, nothing said goodbye to. */
static void reopen_log(struct fixture *f)
{
	host_log_free(&f->log);
	open_log(f);
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	strcpy(f->directory, "/tmp/assay-log.XXXXXX");
	if (!mkdtemp(f->directory))
		return -1;
	fake_tpm_init(&f->tpm);
	*state = f;
	return 0;
}

static bool log_path(struct fixture *f, char *out, size_t size)
{
	DIR *dir = opendir(f->directory);
	bool found = false;
	for (const struct dirent *e = readdir(dir); e; e = readdir(dir)) {
		if (strstr(e->d_name, ".cel")) {
			(void)snprintf(out, size, "%s/%s", f->directory, e->d_name);
			found = true;
		}
	}
	(void)closedir(dir);
	return found;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	char path[512];
	host_log_free(&f->log);
	while (log_path(f, path, sizeof(path)))
		(void)unlink(path);
	(void)rmdir(f->directory);
	free(f);
	return 0;
}

static bool append(struct fixture *f, uint32_t status)
{
	OWNED(buf_release) struct buf content = {0};
	struct runtime_exit e = {.status = status};
	return runtime_exit_encode(&e, 1, &content, &f->err) &&
	       host_log_append(f->log, buf_bytes(&content), &f->err);
}

struct seen {
	uint64_t next;
	uint8_t value[DIGEST_LEN_MAX];
	size_t len;
};

static bool see(void *context, const struct host_log_view *view, struct err *err)
{
	struct seen *seen = context;
	seen->next = view->next;
	seen->len = view->records.len;
	uint64_t next;
	if (view->first > 0)
		return true;
	return runtime_log_replay(view->records, 0, view->pcr, view->bank, seen->value, &next, err);
}

/* The invariant of all of this: the log, replayed, is what the PCR says. */
static void assert_consistent(struct fixture *f, uint64_t records)
{
	struct seen seen = {0};
	assert_ok(host_log_usable(f->log, &f->err), f->err);
	assert_ok(host_log_with(f->log, 0, see, &seen, &f->err), f->err);
	assert_int_equal(seen.next, records);
	assert_memory_equal(seen.value, f->tpm.pcrs[15], SHA256_LEN);
}

static void log_open__first_in_boot__makes_one_baseline(void **state)
{
	struct fixture *f = *state;
	open_log(f);
	assert_consistent(f, 1);
	reopen_log(f);
	assert_consistent(f, 1);
	assert_int_equal(f->tpm.extends, 1);
}

static void log_open__pcr_used_by_others__refuses_to_append(void **state)
{
	struct fixture *f = *state;
	f->tpm.pcrs[15][0] = 1;
	open_log(f);
	assert_false(host_log_usable(f->log, &f->err));
	assert_int_equal(f->err.code, ERR_CONFLICT);
	assert_non_null(strstr(f->err.text, "PCR 15 is 0100000000000000…, not zero"));
	assert_non_null(strstr(f->err.text, "systemd-pcrphase"));
	assert_false(append(f, 1));
	assert_int_equal(f->tpm.extends, 0);
}

static void log_append__three_records__replay_equals_pcr_after_reopen(void **state)
{
	struct fixture *f = *state;
	open_log(f);
	for (uint32_t i = 0; i < 3; i++)
		assert_true(append(f, i));
	assert_consistent(f, 4);
	reopen_log(f);
	assert_consistent(f, 4);
	assert_int_equal(f->tpm.extends, 4);
}

/* M14: the command was lost on the way, or its answer: either way the record is extended once. */
static void log_append__answer_lost_or_command_lost__extended_once(void **state)
{
	struct fixture *f = *state;
	open_log(f);
	for (int fault = FAKE_FAIL_BEFORE; fault <= FAKE_FAIL_AFTER; fault++) {
		f->tpm.extend = (enum fake_fault)fault;
		assert_true(append(f, 9));
	}
	assert_consistent(f, 3);
	assert_int_equal(f->tpm.extends, 3);
}

static void log_append__tpm_gone_then_back__last_record_extended_once(void **state)
{
	struct fixture *f = *state;
	open_log(f);
	f->tpm.extend = FAKE_GONE;
	assert_false(append(f, 1));
	assert_int_equal(f->err.code, ERR_TPM);
	f->tpm.extend = FAKE_OK;
	assert_true(append(f, 2));
	assert_consistent(f, 3);
}

/* M14: killed between the durable record and the extend. */
static void log_open__killed_between_record_and_extend__extends_once(void **state)
{
	struct fixture *f = *state;
	open_log(f);
	f->tpm.extend = FAKE_GONE;
	assert_false(append(f, 1));
	f->tpm.extend = FAKE_OK;
	assert_int_equal(f->tpm.extends, 1);
	reopen_log(f);
	assert_consistent(f, 2);
	reopen_log(f);
	assert_consistent(f, 2);
	assert_int_equal(f->tpm.extends, 2);
}

static void log_open__killed_before_baseline_extended__extends_it(void **state)
{
	struct fixture *f = *state;
	struct host_log_options options = options_of(f);
	f->tpm.extend = FAKE_FAIL_BEFORE;
	open_log(f);
	assert_consistent(f, 1);
	host_log_free(&f->log);
	memset(f->tpm.pcrs, 0, sizeof(f->tpm.pcrs)); /* as if the extend had never happened */
	assert_ok(host_log_open(&options, &f->log, &f->err), f->err);
	assert_consistent(f, 1);
}

/* Killed while writing: at every byte of the record. */
static void log_open__torn_tail_at_every_byte__cut(void **state)
{
	struct fixture *f = *state;
	char path[512];
	struct stat before, after;
	open_log(f);
	assert_true(append(f, 1));
	assert_true(log_path(f, path, sizeof(path)));
	assert_int_equal(stat(path, &before), 0);
	f->tpm.extend = FAKE_GONE;
	assert_false(append(f, 2));
	f->tpm.extend = FAKE_OK;
	assert_int_equal(stat(path, &after), 0);
	for (off_t at = after.st_size - 1; at > before.st_size; at--) {
		host_log_free(&f->log);
		assert_int_equal(truncate(path, at), 0);
		open_log(f);
		assert_consistent(f, 2);
		struct stat cut;
		assert_int_equal(stat(path, &cut), 0);
		assert_int_equal(cut.st_size, before.st_size);
		host_log_free(&f->log);
		assert_int_equal(truncate(path, at),
			0); /* sparse garbage behind whole records is a torn tail, too */
	}
}

static void log_usable__extended_by_somebody_else__refused_until_reset(void **state)
{
	struct fixture *f = *state;
	open_log(f);
	f->tpm.pcrs[15][3] ^= 1;
	assert_false(host_log_usable(f->log, &f->err));
	assert_int_equal(f->err.code, ERR_CONFLICT);
	assert_non_null(strstr(f->err.text, "something else extended it, or a log was lost"));
	assert_false(append(f, 1));
	reopen_log(f);
	assert_false(host_log_usable(f->log, &f->err));
	struct seen seen;
	assert_false(host_log_with(f->log, 0, see, &seen, &f->err));
	fake_tpm_reset(&f->tpm);
	assert_consistent(f, 1);
}

static void log_open__log_lost__no_new_baseline(void **state)
{
	struct fixture *f = *state;
	char path[512];
	open_log(f);
	host_log_free(&f->log);
	assert_true(log_path(f, path, sizeof(path)));
	assert_int_equal(unlink(path), 0);
	open_log(f);
	assert_false(host_log_usable(f->log, &f->err));
	assert_non_null(strstr(f->err.text, "the log was lost"));
	assert_int_equal(f->tpm.extends, 1);
}

static void log_open__record_removed_from_the_end__refused(void **state)
{
	struct fixture *f = *state;
	char path[512];
	struct stat one;
	open_log(f);
	assert_true(append(f, 1));
	assert_true(log_path(f, path, sizeof(path)));
	assert_int_equal(stat(path, &one), 0);
	assert_true(append(f, 2));
	host_log_free(&f->log);
	assert_int_equal(truncate(path, one.st_size), 0);
	open_log(f);
	assert_false(host_log_usable(f->log, &f->err));
	assert_int_equal(f->err.code, ERR_CONFLICT);
}

static void log_usable__tpm_reset_under_us__new_log_and_baseline(void **state)
{
	struct fixture *f = *state;
	open_log(f);
	assert_true(append(f, 1));
	fake_tpm_reset(&f->tpm);
	assert_consistent(f, 1);
}

static void log_usable__new_log_cannot_be_made__refuses_then_tries_again(void **state)
{
	struct fixture *f = *state;
	if (geteuid() == 0)
		skip(); /* whom no mode keeps from writing */
	open_log(f);
	fake_tpm_reset(&f->tpm);
	assert_int_equal(chmod(f->directory, 0500), 0);
	assert_false(host_log_usable(f->log, &f->err));
	assert_int_equal(f->err.code, ERR_DENIED);
	assert_false(append(f, 1));
	assert_int_equal(chmod(f->directory, 0700), 0);
	assert_consistent(f, 1);
}

static void log_open__second_hostd__refused(void **state)
{
	struct fixture *f = *state;
	struct host_log *second = NULL;
	struct host_log_options options = options_of(f);
	open_log(f);
	assert_false(host_log_open(&options, &second, &f->err));
	assert_int_equal(f->err.code, ERR_CONFLICT);
	assert_non_null(strstr(f->err.text, "another assay-hostd"));
}

static void log_open__pcr_or_bank_that_cannot_serve__refused(void **state)
{
	struct fixture *f = *state;
	static const uint32_t pcrs[] = {1, 7, 10, 16, 23, 31};
	for (size_t i = 0; i < ARRAY_LEN(pcrs); i++) {
		struct host_log_options options = options_of(f);
		options.pcr = pcrs[i];
		assert_false(host_log_open(&options, &f->log, &f->err));
		assert_int_equal(f->err.code, ERR_CONFIG);
	}
	struct host_log_options options = options_of(f);
	options.bank = DIGEST_SHA1;
	assert_fails(host_log_open(&options, &f->log, &f->err), f->err, ERR_CONFIG,
		"bank sha1 cannot hold the runtime log: sha256 and sha384 can");
}

static void log_with__from_a_record_on__gives_the_suffix(void **state)
{
	struct fixture *f = *state;
	struct seen all = {0}, rest = {0}, none = {0};
	open_log(f);
	assert_true(append(f, 1));
	assert_ok(host_log_with(f->log, 0, see, &all, &f->err), f->err);
	assert_ok(host_log_with(f->log, 1, see, &rest, &f->err), f->err);
	assert_ok(host_log_with(f->log, 2, see, &none, &f->err), f->err);
	assert_true(rest.len > 0 && rest.len < all.len);
	assert_int_equal(none.len, 0);
	assert_false(host_log_with(f->log, 3, see, &none, &f->err));
}

static bool ask_status(void *context, const struct host_log_view *view, struct err *err)
{
	struct fixture *f = context;
	struct host_log_status status;
	(void)err;
	host_log_status(f->log, &status);
	return status.usable && status.records == view->next && status.bytes > 0;
}

static void log_status__while_the_log_is_held__does_not_wait(void **state)
{
	struct fixture *f = *state;
	open_log(f);
	assert_true(append(f, 1));
	assert_ok(host_log_with(f->log, 0, ask_status, f, &f->err), f->err);
}

static void *append_many(void *context)
{
	struct fixture *f = context;
	for (uint32_t i = 0; i < 50; i++) {
		OWNED(buf_release) struct buf content = {0};
		struct runtime_exit e = {.status = i};
		struct err err;
		if (!runtime_exit_encode(&e, 1, &content, &err) ||
			!host_log_append(f->log, buf_bytes(&content), &err))
			return f;
	}
	return NULL;
}

/* M15 */
static void log_append__four_threads__replay_equals_pcr(void **state)
{
	struct fixture *f = *state;
	pthread_t threads[4];
	open_log(f);
	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, append_many, f), 0);
	for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
		void *failed;
		assert_int_equal(pthread_join(threads[i], &failed), 0);
		assert_null(failed);
	}
	assert_consistent(f, 201);
}

static bool append_launch(struct fixture *f, struct host_log_place *place)
{
	OWNED(buf_release) struct buf component = {0}, content = {0};
	OWNED(free_ptr) struct runtime_launch *launch = calloc(1, sizeof(*launch));
	struct runtime_component c = {.instance = {1},
		.name = BYTES_LIT("model"),
		.role = BYTES_LIT("model"),
		.path = BYTES_LIT("/m"),
		.canonical_path = BYTES_LIT("/m"),
		.digest_kind = COMPONENT_SHA256,
		.files = 1,
		.presence = PRESENT_COPY};
	launch->instance[0] = 1;
	launch->workload = BYTES_LIT("agent");
	launch->working_directory = BYTES_LIT("/");
	launch->uid = place->uid;
	launch->component_count = launch->argument_count = 1;
	return runtime_component_encode(&c, 1, &component, &f->err) &&
	       runtime_launch_encode(launch, 1, &content, &f->err) &&
	       host_log_append_at(f->log, place, buf_bytes(&component), &f->err) &&
	       host_log_append_at(f->log, place, buf_bytes(&content), &f->err);
}

/* What a user has of the log does not become less by a restart of hostd. */
static void log_open__launches_of_a_user__counted_as_before(void **state)
{
	struct fixture *f = *state;
	struct host_log_place place = {.uid = 1000, .bounded = true, .left = 4096};
	open_log(f);
	assert_ok(host_log_reserve(f->log, &place, &f->err), f->err);
	assert_ok(append_launch(f, &place), f->err);
	uint64_t written = 4096 - place.left;
	host_log_give_back(f->log, &place);
	assert_int_equal(place.left, 0);
	for (int restarted = 0; restarted < 2; restarted++) {
		place.left = HOST_LOG_OF_USER - written + 1;
		assert_false(host_log_reserve(f->log, &place, &f->err));
		place.left = HOST_LOG_OF_USER - written;
		assert_ok(host_log_reserve(f->log, &place, &f->err), f->err);
		host_log_give_back(f->log, &place);
		reopen_log(f);
	}
}

static void log_append_at__more_than_was_reserved__refused(void **state)
{
	struct fixture *f = *state;
	struct host_log_place place = {.uid = 1000, .bounded = true, .left = 300};
	open_log(f);
	assert_ok(host_log_reserve(f->log, &place, &f->err), f->err);
	assert_false(append_launch(f, &place));
	assert_int_equal(f->err.code, ERR_LIMIT);
	assert_non_null(strstr(f->err.text, "more of the runtime log than was reserved"));
	assert_consistent(f, 2); /* the component had room */
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(log_open__first_in_boot__makes_one_baseline),
		TEST(log_open__pcr_used_by_others__refuses_to_append),
		TEST(log_append__three_records__replay_equals_pcr_after_reopen),
		TEST(log_append__answer_lost_or_command_lost__extended_once),
		TEST(log_append__tpm_gone_then_back__last_record_extended_once),
		TEST(log_open__killed_between_record_and_extend__extends_once),
		TEST(log_open__killed_before_baseline_extended__extends_it),
		TEST(log_open__torn_tail_at_every_byte__cut),
		TEST(log_usable__extended_by_somebody_else__refused_until_reset),
		TEST(log_open__log_lost__no_new_baseline),
		TEST(log_open__record_removed_from_the_end__refused),
		TEST(log_usable__tpm_reset_under_us__new_log_and_baseline),
		TEST(log_usable__new_log_cannot_be_made__refuses_then_tries_again),
		TEST(log_status__while_the_log_is_held__does_not_wait),
		TEST(log_open__second_hostd__refused),
		TEST(log_open__pcr_or_bank_that_cannot_serve__refused),
		TEST(log_with__from_a_record_on__gives_the_suffix),
		TEST(log_append__four_threads__replay_equals_pcr),
		TEST(log_open__launches_of_a_user__counted_as_before),
		TEST(log_append_at__more_than_was_reserved__refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
