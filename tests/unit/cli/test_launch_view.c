/* SPDX-License-Identifier: Apache-2.0 */
/* cli/launch_view.c: what a launch left behind, and which of it is more than somebody's word. */
#include "cli/launch_view.h"

#include "evidence/kept_environment.h"
#include "firmware/event_log.h"
#include "tests/support/event_log_make.h"
#include "tests/unit/ledger/bundle.h"

static struct scene_keys keys;
static struct scene *s;
static struct key *verifier;
static struct buf bundle;
static struct audit_report report;
static struct err err;
static json_t *view;

static int setup(void **state)
{
	(void)state;
	scene_keys_make(&keys);
	s = scene_new(&keys);
	return key_generate(KEY_EC_P256, &verifier, &err) ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	json_decref(view);
	view = NULL;
	audit_report_release(&report);
	buf_release(&bundle);
	key_unref(&verifier);
	scene_free(s);
	scene_keys_free(&keys);
	return 0;
}

static void make(void)
{
	struct audit_anchors anchors = {.keys = &verifier, .key_count = 1};
	scene_log_default(s);
	scene_run(s);
	bundle_make(s, verifier, (struct bytes){0}, &bundle);
	assert_ok(audit_run(buf_bytes(&bundle), &anchors, &report, &err), err);
}

static const char *text(const json_t *object, const char *key)
{
	const char *found = json_string_value(json_object_get(object, key));
	return found ? found : "";
}

static void launch__viewed__everything_in_it(void **state)
{
	(void)state;
	s->launch.kernel = BYTES_LIT("6.1.0");
	s->launch.kernel_command_line = BYTES_LIT("quiet \x1b[2J");
	s->launch.sandbox = SANDBOX_NO_NEW_PRIVS | SANDBOX_NO_NETWORK;
	s->launch.environment_count = 1;
	s->launch.environment_names[0] = BYTES_LIT("MODE");
	make();
	assert_ok(launch_view(buf_bytes(&bundle), &report, NULL, &view, &err), err);
	/* The bundle is in no ledger: its audit does not hold. */
	assert_string_equal(text(view, "measured"), "asserted");
	assert_string_equal(text(view, "workload"), s->release.workload);
	assert_int_equal(
		json_array_size(json_object_get(view, "components")), s->release.component_count);
	assert_string_equal(text(json_array_get(json_object_get(view, "components"), 0), "name"),
		s->release.components[0].name);
	assert_int_equal(strlen(text(json_object_get(view, "environment"), "MODE")), 64);
	assert_int_equal(json_array_size(json_object_get(view, "sandbox")), 2);
	const json_t *kernel = json_object_get(view, "kernel");
	assert_string_equal(text(kernel, "release"), "6.1.0");
	assert_string_equal(text(kernel, "command_line"), "quiet \\x1b[2J");
	assert_string_equal(text(kernel, "standing"), "asserted");
	assert_string_equal(text(view, "model_version_standing"), "asserted: the release says so");
}

/* One variable with its value, kept for a key. */
static void launch__environment_kept__opened_with_the_key_alone(void **state)
{
	struct kept_environment kept = {.salt = {9}, .count = 1, .values = {BYTES_LIT("quiet")}};
	struct buf wrapped = {0}, sealed = {0};
	(void)state;
	s->launch.environment_count = 1;
	s->launch.environment_names[0] = BYTES_LIT("MODE");
	assert_ok(runtime_salted(kept.salt, kept.values[0], s->launch.environment[0], &err), err);
	assert_ok(kept_environment_seal(&kept, verifier, s->launch.instance, &random_system,
			  &wrapped, &sealed, &err),
		err);
	s->launch.kept = true;
	memcpy(s->launch.kept_for, key_id(verifier), SHA256_LEN);
	s->launch.kept_key = buf_bytes(&wrapped);
	s->launch.kept_values = buf_bytes(&sealed);
	make();
	assert_ok(launch_view(buf_bytes(&bundle), &report, NULL, &view, &err), err);
	assert_int_equal(
		strlen(text(json_object_get(view, "environment_kept"), "key")), 2 * SHA256_LEN);
	assert_null(json_object_get(view, "environment_values"));
	json_decref(view);
	view = NULL;
	assert_ok(launch_view(buf_bytes(&bundle), &report, verifier, &view, &err), err);
	assert_string_equal(text(json_object_get(view, "environment_values"), "MODE"), "quiet");
	/* Nothing at all is shown to a key that it was not kept for, or of values that are not the agent's. */
	struct key *other = NULL;
	json_t *none = NULL;
	assert_ok(key_generate(KEY_EC_P256, &other, &err), err);
	assert_false(launch_view(buf_bytes(&bundle), &report, other, &none, &err));
	assert_int_equal(err.code, ERR_MISMATCH);
	assert_non_null(strstr(err.text, "sealed for another key than this one"));
	s->launch.environment[0][0] ^= 1;
	audit_report_release(&report);
	make();
	assert_false(launch_view(buf_bytes(&bundle), &report, verifier, &none, &err));
	assert_non_null(strstr(err.text, "MODE: another value than the launch record has"));
	assert_null(none);
	key_unref(&other);
	buf_release(&wrapped);
	buf_release(&sealed);
}

static void launch__whose_audit_held__proven(void **state)
{
	(void)state;
	make();
	report.consistent = true;
	assert_ok(launch_view(buf_bytes(&bundle), &report, NULL, &view, &err), err);
	assert_string_equal(text(view, "measured"), "proven");
	assert_true(json_is_null(json_object_get(view, "kernel")));
}

static void launch__of_another_instance__not_this_one(void **state)
{
	(void)state;
	make();
	report.record.instance[0] ^= 1;
	assert_false(launch_view(buf_bytes(&bundle), &report, NULL, &view, &err));
	assert_int_equal(err.code, ERR_NOT_FOUND);
	assert_non_null(strstr(err.text, "this evidence holds no launch of instance"));
}

/* ---- the command line ---- */

#define LINE "root=/dev/vda1 ro quiet"

static void boot_log(struct buf *log, struct pcr_bank *quoted, const char *measured)
{
	const enum digest_alg banks[] = {DIGEST_SHA256};
	struct log_maker m = {0};
	struct event_log parsed = {0};
	log_maker_start(&m, banks, 1);
	log_maker_separators(&m, 0, 7);
	struct buf text_of_grub = {0};
	buf_printf(&text_of_grub, "kernel_cmdline: %s", measured);
	log_maker_put(&m, 8, EV_IPL, bytes_of(text_of_grub.data + 16, text_of_grub.len - 16),
		buf_bytes(&text_of_grub));
	buf_put(log, buf_bytes(&m.out));
	assert_ok(event_log_open(buf_bytes(log), EVENT_LOG_TPM, DIGEST_SHA256, &parsed, &err), err);
	assert_ok(event_log_replay(&parsed, DIGEST_SHA256, quoted, &err), err);
	event_log_release(&parsed);
	buf_release(&m.out);
	buf_release(&text_of_grub);
}

static void command_line__in_the_boot_log__measured(void **state)
{
	struct buf log = {0};
	struct pcr_bank quoted;
	(void)state;
	boot_log(&log, &quoted, "/vmlinuz " LINE);
	assert_true(launch_view_line_measured(buf_bytes(&log), &quoted, BYTES_LIT(LINE)));
	assert_true(launch_view_line_measured(
		buf_bytes(&log), &quoted, BYTES_LIT("BOOT_IMAGE=/vmlinuz " LINE)));
	assert_false(launch_view_line_measured(
		buf_bytes(&log), &quoted, BYTES_LIT(LINE " init=/bin/sh")));
	assert_false(launch_view_line_measured(buf_bytes(&log), &quoted, (struct bytes){0}));
	assert_false(launch_view_line_measured((struct bytes){0}, &quoted, BYTES_LIT(LINE)));
	buf_release(&log);
}

static void command_line__of_a_log_that_was_not_quoted__not_measured(void **state)
{
	struct buf log = {0};
	struct pcr_bank quoted;
	(void)state;
	boot_log(&log, &quoted, "/vmlinuz " LINE);
	quoted.values[8][0] ^= 1;
	assert_false(launch_view_line_measured(buf_bytes(&log), &quoted, BYTES_LIT(LINE)));
	quoted.values[8][0] ^= 1;
	quoted.present &= ~(1u << 8);
	assert_false(launch_view_line_measured(buf_bytes(&log), &quoted, BYTES_LIT(LINE)));
	buf_release(&log);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(launch__viewed__everything_in_it),
		TEST(launch__environment_kept__opened_with_the_key_alone),
		TEST(launch__whose_audit_held__proven),
		TEST(launch__of_another_instance__not_this_one),
		TEST(command_line__in_the_boot_log__measured),
		TEST(command_line__of_a_log_that_was_not_quoted__not_measured),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
