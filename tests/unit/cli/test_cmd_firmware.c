/* SPDX-License-Identifier: Apache-2.0 */
/* assay firmware …: what the commands print and how they end, run in this process with their output caught. */
#include "tests/support/unit.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/commands.h"
#include "firmware/event_type.h"
#include "tests/support/event_log_make.h"

static struct {
	char directory[32], log[64], other[64], ccel[64], sha1[64], caught[64];
	struct buf out;
	json_t *json;
} t;

static void write_log(const char *path, const struct log_maker *m)
{
	struct err err = {0};
	assert_ok(file_write_atomic(path, buf_bytes(&m->out), 0644, &err), err);
}

static int make_logs(void **state)
{
	static const enum digest_alg banks[] = {DIGEST_SHA256, DIGEST_SHA1};
	struct log_maker m;
	struct buf certificate = {0};
	(void)state;
	(void)snprintf(t.directory, sizeof(t.directory), "/tmp/assay-firmware-XXXXXX");
	if (!mkdtemp(t.directory) || !firmware_data_read("golden-ca.der", &certificate))
		return -1;
	(void)snprintf(t.log, sizeof(t.log), "%s/log", t.directory);
	(void)snprintf(t.other, sizeof(t.other), "%s/other", t.directory);
	(void)snprintf(t.ccel, sizeof(t.ccel), "%s/ccel", t.directory);
	(void)snprintf(t.sha1, sizeof(t.sha1), "%s/sha1", t.directory);
	(void)snprintf(t.caught, sizeof(t.caught), "%s/caught", t.directory);
	for (int i = 0; i < 2; i++) {
		struct golden golden = {
			.certificate = buf_bytes(&certificate), .secure_boot_off = i == 1};
		log_maker_start(&m, banks, 2);
		log_maker_golden(&m, &golden);
		write_log(i ? t.other : t.log, &m);
		buf_release(&m.out);
	}
	log_maker_start(&m, banks, 1);
	log_maker_put(&m, 1, 0x40e, BYTES_LIT("x"), BYTES_LIT("one"));
	log_maker_note(&m, 3, BYTES_LIT("odd"));
	buf_put(&m.out, BYTES_LIT("\xff\xff\xff\xff"));
	write_log(t.ccel, &m);
	buf_release(&m.out);
	log_maker_start(&m, NULL, 0);
	log_maker_text(&m, 1, EV_EFI_ACTION, "one");
	write_log(t.sha1, &m);
	buf_release(&m.out);
	buf_release(&certificate);
	return 0;
}

static int remove_logs(void **state)
{
	(void)state;
	const char *const files[] = {t.log, t.other, t.ccel, t.sha1, t.caught};
	for (size_t i = 0; i < ARRAY_LEN(files); i++)
		(void)unlink(files[i]);
	(void)rmdir(t.directory);
	json_decref(t.json);
	buf_release(&t.out);
	return 0;
}

/* Runs the command; its two outputs are caught together. */
static enum status run(const struct command *command, const char *const *words)
{
	struct environment environment = {0};
	struct arguments arguments = {0};
	struct cli cli = {.environment = &environment, .arguments = &arguments};
	int n = 0, kept[2];
	while (words[n])
		n++;
	assert_ok(arguments_parse(command, n, (char **)(uintptr_t)words, &arguments, &cli.err),
		cli.err);
	cli.json = option_given(&cli, "json");
	int fd = open(t.caught, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	(void)fflush(stdout);
	for (int i = 0; i < 2; i++) {
		kept[i] = dup(i + 1);
		(void)dup2(fd, i + 1);
	}
	enum status status = command->run(&cli);
	(void)fflush(stdout);
	for (int i = 0; i < 2; i++) {
		(void)dup2(kept[i], i + 1);
		(void)close(kept[i]);
	}
	(void)close(fd);
	arguments_release(&arguments);
	buf_clear(&t.out);
	assert_ok(file_read(t.caught, 1u << 22, &t.out, &cli.err), cli.err);
	return status;
}

#define RUN(command, ...) run(command, (const char *const[]){__VA_ARGS__, NULL})

static const json_t *parsed(void)
{
	struct err err = {0};
	json_decref(t.json);
	t.json = NULL;
	assert_ok(json_open(buf_bytes(&t.out), JSON_INPUT_MAX, &t.json, &err), err);
	return t.json;
}

static void assert_says(const char *text)
{
	if (!strstr(buf_str(&t.out), text))
		fail_msg("\"%s\" is not in:\n%s", text, buf_str(&t.out));
}

/* ---- replay ---- */

static void replay__log__banks_and_events(void **state)
{
	(void)state;
	assert_int_equal(RUN(&cmd_firmware_replay, t.log), STATUS_DONE);
	const json_t *answer = parsed();
	assert_int_equal(json_integer_value(json_object_get(answer, "events")), 42);
	const json_t *banks = json_object_get(answer, "banks");
	assert_int_equal(json_object_size(banks), 2);
	assert_string_equal(
		json_string_value(json_object_get(json_object_get(banks, "sha256"), "3")),
		"3d458cfe55cc03ea1f443f1562beec8df51c75e14a9fcf9a7234a13f198e7969");
	assert_string_equal(json_string_value(json_object_get(json_object_get(banks, "sha1"), "3")),
		"b2a83b0ebf2f8374299a5b2bdfc31ea955ad7236");
	assert_null(json_object_get(json_object_get(banks, "sha1"), "10"));
}

static void replay__one_bank__that_alone(void **state)
{
	(void)state;
	assert_int_equal(RUN(&cmd_firmware_replay, "--bank=sha1", t.log), STATUS_DONE);
	assert_int_equal(json_object_size(json_object_get(parsed(), "banks")), 1);
	assert_int_equal(RUN(&cmd_firmware_replay, "--bank=sha512", t.log), STATUS_UNDECIDED);
	assert_says("event log: no sha512 bank");
	assert_int_equal(RUN(&cmd_firmware_replay, "--bank=md5", t.log), STATUS_USAGE);
	assert_says("--bank is sha1, sha256, sha384 or sha512");
}

static void replay__type__decides_about_padding(void **state)
{
	(void)state;
	assert_int_equal(RUN(&cmd_firmware_replay, t.ccel), STATUS_UNDECIDED);
	assert_says("event 2: eventType: truncated");
	assert_int_equal(RUN(&cmd_firmware_replay, "--type=ccel", t.ccel), STATUS_DONE);
	assert_int_equal(RUN(&cmd_firmware_replay, "--type=other", t.ccel), STATUS_USAGE);
	assert_says("--type is tpm or ccel");
}

static void replay__altered_or_absent__refused_or_undecided(void **state)
{
	struct buf log = {0};
	struct err err = {0};
	(void)state;
	assert_ok(file_read(t.log, 1u << 20, &log, &err), err);
	log.data[log.len - 1] ^= 1;
	assert_ok(file_write_atomic(t.caught, buf_bytes(&log), 0644, &err), err);
	char path[64];
	(void)snprintf(path, sizeof(path), "%s/altered", t.directory);
	assert_int_equal(rename(t.caught, path), 0);
	assert_int_equal(RUN(&cmd_firmware_replay, "--json", path), STATUS_REFUSED);
	assert_says("the digest does not cover the data");
	(void)unlink(path);
	assert_int_equal(RUN(&cmd_firmware_replay, "/nonexistent"), STATUS_UNDECIDED);
	buf_release(&log);
}

static void replay__error_of_the_firmware__refused(void **state)
{
	struct log_maker m;
	char path[64];
	(void)state;
	log_maker_start(&m, NULL, 0);
	log_maker_event(&m, 1, EV_SEPARATOR, BYTES_LIT("\1\0\0\0"));
	(void)snprintf(path, sizeof(path), "%s/error", t.directory);
	write_log(path, &m);
	assert_int_equal(RUN(&cmd_firmware_replay, path), STATUS_REFUSED);
	assert_says("event 0: EV_SEPARATOR in PCR 1: the firmware reports an error");
	assert_int_equal(RUN(&cmd_firmware_show, path), STATUS_DONE);
	(void)unlink(path);
	buf_release(&m.out);
}

/* ---- show ---- */

static void show__log__one_line_an_event(void **state)
{
	(void)state;
	assert_int_equal(RUN(&cmd_firmware_show, t.log), STATUS_DONE);
	size_t lines = 0;
	for (size_t i = 0; i < t.out.len; i++)
		lines += t.out.data[i] == '\n';
	assert_int_equal(lines, 42);
	assert_says("   0  PCR -   EV_NO_ACTION                      PCR 0 starts at locality 3\n");
	assert_says("   5  PCR 7   EV_EFI_VARIABLE_DRIVER_CONFIG     SecureBoot: 1\n");
	assert_says("image \\EFI\\BOOT\\BOOTX64.EFI at 0x1000, 4 bytes  (sha256 04e666aa09809daf…, "
		    "text not covered)\n");
	assert_int_equal(RUN(&cmd_firmware_show, "--type=ccel", t.ccel), STATUS_DONE);
	assert_says("   0  PCR 1   0x0000040e                        one  (sha256 "
		    "2d711642b726b044…, text "
		    "not covered)\n");
	assert_says("odd  (odd: ignored)\n");
}

static void show__json__everything_of_an_event(void **state)
{
	(void)state;
	assert_int_equal(RUN(&cmd_firmware_show, "--json", t.log), STATUS_DONE);
	const json_t *events = json_object_get(parsed(), "events");
	assert_int_equal(json_array_size(events), 42);
	const json_t *event = json_array_get(events, 40);
	assert_string_equal(json_string_value(json_object_get(event, "name")), "EV_EFI_ACTION");
	assert_string_equal(json_string_value(json_object_get(event, "coverage")), "covered");
	assert_string_equal(
		json_string_value(json_object_get(event, "text")), "Exit Boot Services Invocation");
	assert_string_equal(json_string_value(json_object_get(event, "data")),
		"4578697420426f6f7420536572766963657320496e766f636174696f6e");
	assert_string_equal(
		json_string_value(json_object_get(json_object_get(event, "digests"), "sha1")),
		"443a6b7b82b7af564f2e393cd9d5a388b7fa4a98");
	assert_int_equal(json_integer_value(json_object_get(event, "pcr")), 5);
	assert_int_equal(RUN(&cmd_firmware_show, "--json", "/nonexistent"), STATUS_UNDECIDED);
}

/* ---- diff ---- */

static void diff__same_and_different__said(void **state)
{
	(void)state;
	assert_int_equal(RUN(&cmd_firmware_diff, t.log, t.log), STATUS_DONE);
	assert_says("the logs lead to the same PCR values\n");
	assert_int_equal(RUN(&cmd_firmware_diff, "--bank", "sha1", t.log, t.other), STATUS_REFUSED);
	assert_says("PCR 7: was event 5 EV_EFI_VARIABLE_DRIVER_CONFIG: SecureBoot: 1; is event 5 "
		    "EV_EFI_VARIABLE_DRIVER_CONFIG: SecureBoot: 0\n");
	assert_int_equal(RUN(&cmd_firmware_diff, "--json", t.log, t.other), STATUS_REFUSED);
	const json_t *differences = json_object_get(parsed(), "differences");
	assert_int_equal(json_array_size(differences), 1);
	assert_int_equal(
		json_integer_value(json_object_get(json_array_get(differences, 0), "old_event")),
		5);
}

static void diff__banks__one_that_both_have(void **state)
{
	(void)state;
	assert_int_equal(RUN(&cmd_firmware_diff, "--json", t.log, t.sha1), STATUS_REFUSED);
	const json_t *first = json_array_get(json_object_get(parsed(), "differences"), 0);
	assert_true(json_is_null(json_object_get(first, "new_event")));
	assert_int_equal(RUN(&cmd_firmware_diff, "--type=ccel", t.ccel, t.sha1), STATUS_UNDECIDED);
	assert_says("the logs have no bank in common");
}

/* ---- secureboot ---- */

static void secureboot__on_and_off__in_words(void **state)
{
	(void)state;
	assert_int_equal(RUN(&cmd_firmware_secureboot, t.log), STATUS_DONE);
	assert_says("Secure Boot: on, enforced\n");
	assert_says("dbx (event 9): 2 entries\n    sha256 0000");
	assert_says("authority (event 23): db: CN=Golden log CA\n");
	assert_says("state (event 27): SbatLevel: sbat,1,2025021800\\n\n");
	assert_says("image (event 25, PCR 4): authority of event 23\n");
	assert_int_equal(RUN(&cmd_firmware_secureboot, t.other), STATUS_DONE);
	assert_says("Secure Boot: off, not enforced: SecureBoot is off\n");
	assert_says("image (event 24, PCR 4): no authority\n");
	assert_int_equal(RUN(&cmd_firmware_secureboot, "--bank=sha384", t.other), STATUS_UNDECIDED);
}

static void secureboot__json__every_part(void **state)
{
	(void)state;
	assert_int_equal(RUN(&cmd_firmware_secureboot, "--json", t.log), STATUS_DONE);
	const json_t *answer = parsed();
	assert_string_equal(json_string_value(json_object_get(answer, "secure_boot")), "on");
	assert_string_equal(json_string_value(json_object_get(answer, "bank")), "sha256");
	assert_true(json_is_true(json_object_get(answer, "enforced")));
	const json_t *dbx = json_object_get(json_object_get(answer, "variables"), "dbx");
	assert_int_equal(json_integer_value(json_object_get(dbx, "count")), 2);
	const json_t *authority = json_array_get(json_object_get(answer, "authorities"), 0);
	assert_string_equal(
		json_string_value(json_object_get(authority, "entry")), "CN=Golden log CA");
	const json_t *image = json_array_get(json_object_get(answer, "images"), 1);
	assert_int_equal(json_integer_value(json_object_get(image, "authority_event")), 23);
	assert_int_equal(RUN(&cmd_firmware_secureboot, "--json", t.other), STATUS_DONE);
	image = json_array_get(json_object_get(parsed(), "images"), 1);
	assert_true(json_is_null(json_object_get(image, "authority_event")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(replay__log__banks_and_events),
		cmocka_unit_test(replay__one_bank__that_alone),
		cmocka_unit_test(replay__type__decides_about_padding),
		cmocka_unit_test(replay__altered_or_absent__refused_or_undecided),
		cmocka_unit_test(replay__error_of_the_firmware__refused),
		cmocka_unit_test(show__log__one_line_an_event),
		cmocka_unit_test(show__json__everything_of_an_event),
		cmocka_unit_test(diff__same_and_different__said),
		cmocka_unit_test(diff__banks__one_that_both_have),
		cmocka_unit_test(secureboot__on_and_off__in_words),
		cmocka_unit_test(secureboot__json__every_part),
	};
	return cmocka_run_group_tests(tests, make_logs, remove_logs);
}
