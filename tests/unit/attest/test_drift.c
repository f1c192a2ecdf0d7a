/* SPDX-License-Identifier: Apache-2.0 */
/* Files that change below running agents: heard at once, with no renewal due for minutes. */
#include "tests/unit/attest/hostd_fixture.h"

#include "attest/drift.h"
#include "attest/instance_saved.h"

#include <sys/inotify.h>

#define WAITS ", -c, 'echo on; read x; echo off'"

static void start(struct hostd_fixture *f)
{
	fixture_spec(WAITS, "");
	fixture_run(f, NULL, 0);
	assert_string_equal(fixture_line(f), "on");
	eventually(fixture_state_is(f, "trusted"));
}

static void let_go(struct hostd_fixture *f)
{
	assert_int_equal(write(f->input[1], "\n", 1), 1);
	assert_exit(f, 0);
}

static void write_weights(void)
{
	int fd = open(tree_path("agent/model/weights"), O_WRONLY);
	assert_int_equal(pwrite(fd, "X", 1, 0), 1);
	(void)close(fd);
}
static void replace_weights(void)
{
	fixture_write("agent/model/weights", "measured weights\n", 0644);
}
static void remove_weights(void)
{
	assert_int_equal(unlink(tree_path("agent/model/weights")), 0);
}
static void touch_weights(void)
{
	assert_int_equal(chmod(tree_path("agent/model/weights"), 0600), 0);
}
static void rename_weights(void)
{
	char to[PATH_MAX];
	(void)snprintf(to, sizeof(to), "%s", tree_path("agent/model/other"));
	assert_int_equal(rename(tree_path("agent/model/weights"), to), 0);
}

static bool differs(struct hostd_fixture *f)
{
	bool more;
	json_t *all = instances_json(f->hostd->instances, true, 0, 0, &more);
	bool differs = json_is_true(json_object_get(json_array_get(all, 0), "original_differs"));
	json_decref(all);
	return differs;
}

static uint64_t now_ms(void)
{
	return clock_monotonic_ms(&fixture_clock);
}

static void (*const changes[])(void) = {
	write_weights, replace_weights, remove_weights, touch_weights, rename_weights};

static void unpinned_file__changed_in_any_way__untrusted_at_once(void **state)
{
	struct hostd_fixture *f = *state;
	f->config.copy_limit = 0;
	for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
		(void)unlink(tree_path("agent/model/other"));
		fixture_write("agent/model/weights", "measured weights\n", 0644);
		(void)usleep(20000);
		start(f);
		uint64_t began = now_ms();
		changes[i]();
		eventually(fixture_state_is(f, "untrusted"));
		assert_true(now_ms() - began <
			    3000); /* some 10 ms on a quiet machine; the renewal is minutes away */
		assert_non_null(strstr(fixture_instance(f, "reason"), "measured, not pinned"));
		assert_int_equal(fixture_entries(fixture_instance(f, "credentials")), 0);
		let_go(f);
		eventually(fixture_state_is(f, ""));
	}
}

/* The verifier hears of it at once: a component measured after the launch, and evidence that covers it. */
static bool drift_was_told(struct hostd_fixture *f, unsigned attestations, size_t components)
{
	struct fake_verifier *v = &f->verifier;
	(void)pthread_mutex_lock(&v->mutex);
	bool told = v->attestations == attestations && v->last.purpose == PURPOSE_RENEW &&
		    v->last.running && v->last.components == components;
	(void)pthread_mutex_unlock(&v->mutex);
	return told;
}

static void unpinned_file__changed__told_to_the_verifier_once(void **state)
{
	struct hostd_fixture *f = *state;
	f->config.copy_limit = 0;
	(void)usleep(20000);
	start(f);
	size_t measured = fixture_events(f).components;
	fake_set_answer(&f->verifier, FAKE_REFUSE);
	write_weights();
	eventually(drift_was_told(f, 2, measured + 1));
	assert_string_equal(f->verifier.failed, "");
	(void)usleep(50000);
	assert_int_equal(fake_attestations(&f->verifier), 2);
	assert_true(fixture_state_is(f, "untrusted"));
	let_go(f);
}

/* Not even an acceptance makes it trusted again; and one try without an answer is not the last. */
static void unpinned_file__changed_while_the_verifier_is_away__told_later(void **state)
{
	struct hostd_fixture *f = *state;
	f->config.copy_limit = 0;
	(void)usleep(20000);
	start(f);
	size_t measured = fixture_events(f).components;
	fake_set_answer(&f->verifier, FAKE_AWAY);
	remove_weights();
	eventually(fixture_events(f).components == measured + 1);
	assert_true(fixture_state_is(f, "untrusted"));
	fake_set_answer(&f->verifier, FAKE_TRUST);
	eventually(drift_was_told(f, 2, measured + 1));
	(void)usleep(50000);
	assert_true(fixture_state_is(f, "untrusted"));
	assert_int_equal(fixture_entries(fixture_instance(f, "credentials")), 0);
	assert_int_equal(fixture_events(f).components, measured + 1);
	let_go(f);
}

static unsigned busied(struct hostd_fixture *f)
{
	(void)pthread_mutex_lock(&f->verifier.mutex);
	unsigned count = f->verifier.busied;
	(void)pthread_mutex_unlock(&f->verifier.mutex);
	return count;
}

static bool end_was_told(struct hostd_fixture *f, size_t components)
{
	struct fake_verifier *v = &f->verifier;
	(void)pthread_mutex_lock(&v->mutex);
	bool told = v->attestations == 2 && !v->last.running && v->last.exits == 1 &&
		    v->last.components == components;
	(void)pthread_mutex_unlock(&v->mutex);
	return told;
}

/* The verifier asks for patience, and until then it is over: stopped because of the file, say. No time passes here. */
static void unpinned_file__agent_ends_before_it_is_told__told_with_its_end(void **state)
{
	struct hostd_fixture *f = *state;
	f->config.copy_limit = 0;
	(void)usleep(20000);
	start(f);
	size_t measured = fixture_events(f).components;
	fake_set_answer(&f->verifier, FAKE_BUSY);
	write_weights();
	eventually(busied(f) > 0);
	fake_set_answer(&f->verifier, FAKE_TRUST);
	assert_int_equal(kill(f->caller, SIGKILL), 0);
	(void)fixture_wait(f);
	for (int i = 0; i < 5000 && !end_was_told(f, measured + 1); i++)
		(void)usleep(1000);
	assert_true(end_was_told(f, measured + 1));
	eventually(fixture_entries(tree_path("state/instances")) == 0);
}

static void unpinned_file__class_says_stop__stopped_at_once(void **state)
{
	struct hostd_fixture *f = *state;
	f->config.copy_limit = 0;
	f->verifier.on_refusal = END_STOP;
	(void)usleep(20000);
	start(f);
	write_weights();
	int status = fixture_wait(f);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
}

/* The agent runs a copy: the host's file is of interest, and no reason to distrust. */
static void original_of_a_copy__changed__told_and_still_trusted(void **state)
{
	struct hostd_fixture *f = *state;
	for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
		(void)unlink(tree_path("agent/model/other"));
		fixture_write("agent/model/weights", "measured weights\n", 0644);
		start(f);
		assert_false(differs(f));
		changes[i]();
		eventually(differs(f));
		assert_true(fixture_state_is(f, "trusted"));
		fixture_hostd_stop(f);
		fixture_hostd_start(f);
		assert_true(differs(f));
		let_go(f);
		eventually(fixture_state_is(f, ""));
	}
}

/* Everything was measured, the verifier is asked, the file changes before anybody listens. */
static void change_now(void *context)
{
	(void)context;
	write_weights();
}

static void unpinned_file__changed_before_it_is_watched__untrusted(void **state)
{
	struct hostd_fixture *f = *state;
	f->config.copy_limit = 0;
	f->verifier.before_answer = change_now;
	(void)usleep(20000);
	fixture_spec(WAITS, "");
	fixture_run(f, NULL, 0);
	assert_string_equal(fixture_line(f), "on");
	eventually(fixture_state_is(f, "untrusted"));
	let_go(f);
}

/* ---- the watching itself ---- */

static void files_of(struct instance *instance, struct instance_file *file, const char *path)
{
	struct stat st;
	assert_int_equal(stat(path, &st), 0);
	*file = (struct instance_file){.path = (char *)(uintptr_t)path,
		.device = st.st_dev,
		.inode = st.st_ino,
		.size = (uint64_t)st.st_size,
		.modified = st.st_mtim,
		.changed = st.st_ctim};
	instance->files = file;
	instance->file_count = 1;
}

static void drift__two_instances_of_one_file__both_found_each_once(void **state)
{
	struct drift *drift = NULL;
	struct instance one = {.id = {1}}, two = {.id = {2}};
	struct instance_file files[2];
	struct drift_found found;
	struct err err;
	char path[PATH_MAX];
	(void)state;
	(void)snprintf(path, sizeof(path), "%s", tree_path("agent/model/weights"));
	assert_ok(drift_open(&drift, &err), err);
	files_of(&one, &files[0], path);
	files_of(&two, &files[1], path);
	assert_ok(drift_add(drift, &one, true, &err) && drift_add(drift, &two, true, &err), err);
	write_weights();
	touch_weights();
	drift_read(drift, &found);
	assert_int_equal(found.count, 2);
	assert_false(found.lost);
	drift_remove(drift, &one); /* the other one goes on listening */
	write_weights();
	drift_read(drift, &found);
	assert_int_equal(found.count, 1);
	assert_int_equal(found.ids[0][0], 2);
	drift_remove(drift, &two);
	write_weights();
	drift_read(drift, &found);
	assert_int_equal(found.count, 0);
	two.files[0].copied = true;
	assert_ok(drift_add(drift, &two, false, &err), err);
	write_weights();
	drift_read(drift, &found);
	assert_int_equal(found.count, 0);
	drift_free(&drift);
}

static void ask_soon__never_later_and_not_where_nobody_is_asked(void **state)
{
	struct instance instance = {.mutex = PTHREAD_MUTEX_INITIALIZER, .clock = &fixture_clock};
	(void)state;
	instance_ask_soon(&instance, 1000);
	assert_int_equal(instance.renew_at, 0);
	instance.renew_at = 1;
	instance_ask_soon(&instance, 1000);
	assert_int_equal(instance.renew_at, 1);
	instance.renew_at = now_ms() + 100000;
	instance_ask_soon(&instance, 1000);
	assert_true(instance.renew_at <= now_ms() + 1001);
}

/* The queue overflowed, or half an event was read: nobody knows what changed. */
static void drift__events_lost__said(void **state)
{
	struct drift *drift = NULL;
	struct inotify_event event = {.wd = -1, .mask = IN_Q_OVERFLOW};
	struct drift_found found = {0};
	struct err err;
	(void)state;
	assert_ok(drift_open(&drift, &err), err);
	drift_take(drift, BYTES_LIT(""), &found);
	assert_false(found.lost);
	drift_take(drift, bytes_of(&event, sizeof(event)), &found);
	assert_true(found.lost && found.count == 0);
	found = (struct drift_found){0};
	event = (struct inotify_event){.wd = 1, .mask = IN_MODIFY};
	drift_take(drift, bytes_of(&event, sizeof(event) - 1), &found);
	assert_true(found.lost);
	found = (struct drift_found){0};
	event.len = 16;
	drift_take(drift, bytes_of(&event, sizeof(event)), &found);
	assert_true(found.lost);
	drift_free(&drift);
}

static void events_lost__nothing_changed__attested_anew_and_trusted(void **state)
{
	struct hostd_fixture *f = *state;
	struct drift *drift = NULL;
	start(f);
	OWNED(instance_unref)
	struct instance *instance =
		instances_find(f->hostd->instances, fixture_instance(f, "instance"));
	uint64_t before = instance->renew_at, now = now_ms();
	assert_true(before > now + 100000);
	assert_ok(drift_open(&drift, &f->err), f->err);
	instance_events_lost(f->hostd, drift, instance);
	assert_true(instance->renew_at > 0 && instance->renew_at <= now_ms() + 2001);
	assert_true(fixture_state_is(f, "trusted"));
	drift_free(&drift);
	let_go(f);
}

static void events_lost__unpinned_file_changed_unheard__untrusted(void **state)
{
	struct hostd_fixture *f = *state;
	struct drift *drift = NULL;
	f->config.copy_limit = 0;
	(void)usleep(20000);
	start(f);
	OWNED(instance_unref)
	struct instance *instance =
		instances_find(f->hostd->instances, fixture_instance(f, "instance"));
	assert_ok(drift_open(&drift, &f->err), f->err);
	for (size_t i = 0; i < instance->file_count; i++)
		instance->files[i].size++;
	instance_events_lost(f->hostd, drift, instance);
	assert_true(fixture_state_is(f, "untrusted"));
	drift_free(&drift);
	let_go(f);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)

static int run_all(void)
{
	const struct CMUnitTest tests[] = {
		TEST(unpinned_file__changed_in_any_way__untrusted_at_once),
		TEST(unpinned_file__changed__told_to_the_verifier_once),
		TEST(unpinned_file__changed_while_the_verifier_is_away__told_later),
		TEST(unpinned_file__agent_ends_before_it_is_told__told_with_its_end),
		TEST(unpinned_file__class_says_stop__stopped_at_once),
		TEST(original_of_a_copy__changed__told_and_still_trusted),
		TEST(unpinned_file__changed_before_it_is_watched__untrusted),
		TEST(drift__two_instances_of_one_file__both_found_each_once),
		cmocka_unit_test(ask_soon__never_later_and_not_where_nobody_is_asked),
		TEST(drift__events_lost__said),
		TEST(events_lost__nothing_changed__attested_anew_and_trusted),
		TEST(events_lost__unpinned_file_changed_unheard__untrusted),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
BOTH_USERS(run_all)
