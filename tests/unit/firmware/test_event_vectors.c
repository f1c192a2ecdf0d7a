/* SPDX-License-Identifier: Apache-2.0 */
/* Logs of real machines: replay_expected.json, and the PCRs that our own recorded machines had. */
#include "tests/unit/firmware/log_fixture.h"

#include "base/json.h"
#include "firmware/boot_chain.h"
#include "firmware/secure_boot.h"
#include "tests/support/vectors.h"

static void check_bank(
	const char *file, const struct event_log *log, const char *name, const json_t *wanted)
{
	struct pcr_bank pcrs;
	struct err err = {0};
	assert_ok(event_log_replay(log, digest_alg_of_name(bytes_str(name)), &pcrs, &err), err);
	size_t n = 0;
	for (unsigned i = 0; i < TPM_PCRS; i++) {
		char pcr[4], hex[2 * DIGEST_LEN_MAX + 1];
		if (!(pcrs.present & 1u << i))
			continue;
		(void)snprintf(pcr, sizeof(pcr), "%u", i);
		hex_encode(bytes_of(pcrs.values[i], digest_alg_len(pcrs.alg)), hex);
		const char *value = json_string_value(json_object_get(wanted, pcr));
		if (!value || strcmp(value, hex) != 0)
			fail_msg("%s: %s PCR %u", file, name, i);
		n++;
	}
	assert_int_equal(n, json_object_size(wanted));
}

/* Everything that looks at a log takes this one. */
static void check_words(const char *file, const struct event_log *log)
{
	struct buf text = {0};
	struct err err = {0};
	struct boot_chain chain;
	struct secure_boot *state = NULL;
	for (size_t i = 0; i < log->count; i++) {
		buf_clear(&text);
		event_text(&log->events[i], &text);
		assert_false(text.failed);
		if (text.len == 0 && log->events[i].data.len)
			fail_msg("%s: event %zu: no text", file, i);
		if (!utf8_valid(buf_bytes(&text)))
			fail_msg("%s: event %zu: odd text", file, i);
	}
	for (size_t i = 0; i < log->bank_count; i++) {
		if (!log->banks[i].checked)
			continue;
		assert_ok(boot_chain_of(log, log->banks[i].alg, &chain, &err), err);
		assert_true(chain.disguised_separator < 0);
		assert_false(chain.separator_error);
		boot_chain_release(&chain);
		assert_ok(secure_boot_state(log, log->banks[i].alg, &state, &err), err);
		assert_int_equal(state->enforced, state->why[0] == '\0');
		secure_boot_free(&state);
	}
	buf_release(&text);
}

static void check_log(const char *file, const json_t *wanted)
{
	struct buf bytes = {0};
	struct event_log log = {0};
	struct err err = {0};
	const char *name;
	json_t *value;
	assert_true(vectors_read(file, &bytes));
	bool ok = event_log_open(buf_bytes(&bytes), EVENT_LOG_TPM, DIGEST_NONE, &log, &err);
	bool accept = strcmp(json_string_value(json_object_get(wanted, "expect")), "accept") == 0;
	if (ok != accept)
		fail_msg("%s: %s", file, ok ? "accepted" : err.text);
	if (ok) {
		assert_int_equal(log.count, json_integer_value(json_object_get(wanted, "events")));
		assert_int_equal(log.agile, json_is_true(json_object_get(wanted, "agile")));
		json_t *banks = json_object_get(wanted, "replayed_pcrs");
		json_object_foreach(banks, name, value) check_bank(file, &log, name, value);
		check_words(file, &log);
	}
	event_log_release(&log);
	buf_release(&bytes);
}

static void vectors__of_other_projects__as_expected(void **state)
{
	struct buf text = {0};
	struct err err = {0};
	json_t *expected = NULL, *wanted;
	const char *file;
	(void)state;
	if (!vectors_read("replay_expected.json", &text)) {
		skip();
		return;
	}
	assert_ok(json_open(buf_bytes(&text), JSON_INPUT_MAX, &expected, &err), err);
	json_object_foreach(expected, file, wanted) check_log(file, wanted);
	assert_in_range(json_object_size(expected), 30, 1000);
	json_decref(expected);
	buf_release(&text);
}

static const char *const machines[] = {"grub-shim-secureboot-ms", "uki-no-secureboot",
	"uki-secureboot-snakeoil", "systemd-boot-no-secureboot", "ima-tcb-ng-sha384bank"};

static bool machine_open(const char *machine, struct buf *bytes, struct event_log *log)
{
	char name[128];
	struct err err = {0};
	(void)snprintf(name, sizeof(name), "made/vm/%s/binary_bios_measurements", machine);
	if (!vectors_read(name, bytes))
		return false;
	assert_ok(event_log_open(buf_bytes(bytes), EVENT_LOG_TPM, DIGEST_NONE, log, &err), err);
	return true;
}

/* Lines "bank index HEX". PCR 10 and above 12 the kernel and systemd extend later. */
static void check_sysfs(const char *machine, const struct event_log *log)
{
	char name[128];
	struct buf text = {0};
	(void)snprintf(name, sizeof(name), "made/vm/%s/sysfs-pcrs.txt", machine);
	assert_true(vectors_read(name, &text));
	size_t compared = 0;
	char *next = NULL;
	for (char *line = strtok_r((char *)(uintptr_t)buf_str(&text), "\n", &next); line;
		line = strtok_r(NULL, "\n", &next)) {
		char *field = NULL, *bank = strtok_r(line, " ", &field);
		char *index = strtok_r(NULL, " ", &field), *hex = strtok_r(NULL, " ", &field);
		struct pcr_bank pcrs;
		struct err err;
		struct buf value = {0};
		assert_non_null(hex);
		unsigned long pcr = strtoul(index, NULL, 10);
		if (!event_log_replay(log, digest_alg_of_name(bytes_str(bank)), &pcrs, &err) ||
			pcr >= TPM_PCRS || !(pcrs.present & 1u << pcr))
			continue;
		assert_ok(hex_decode(bytes_str(hex), DIGEST_LEN_MAX, &value, &err), err);
		assert_bytes(buf_bytes(&value), bytes_of(pcrs.values[pcr], value.len));
		compared++;
		buf_release(&value);
	}
	assert_in_range(compared, 8, 100);
	buf_release(&text);
}

static void vectors__of_our_machines__the_pcrs_they_had(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(machines); i++) {
		struct buf bytes = {0};
		struct event_log log = {0};
		if (!machine_open(machines[i], &bytes, &log)) {
			skip();
			return;
		}
		check_sysfs(machines[i], &log);
		check_words(machines[i], &log);
		event_log_release(&log);
		buf_release(&bytes);
	}
}

static void vectors__secure_boot__on_and_off_as_their_names_say(void **state)
{
	static const bool on[] = {true, false, true, false, false};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(machines); i++) {
		struct buf bytes = {0};
		struct event_log log = {0};
		struct secure_boot *secure = NULL;
		struct err err = {0};
		if (!machine_open(machines[i], &bytes, &log)) {
			skip();
			return;
		}
		assert_ok(secure_boot_state(&log, DIGEST_SHA256, &secure, &err), err);
		assert_int_equal(secure->enforced, on[i]);
		assert_int_equal(secure->state, on[i] ? SECURE_BOOT_ON : SECURE_BOOT_OFF);
		secure_boot_free(&secure);
		event_log_release(&log);
		buf_release(&bytes);
	}
}

/* The item of this kind and text, which must be there. */
static const struct boot_item *item(
	const struct boot_chain *chain, enum boot_item_kind kind, const char *text)
{
	for (size_t i = 0; i < chain->count; i++)
		if (chain->items[i].kind == kind &&
			(!text || strcmp(chain->items[i].text, text) == 0))
			return &chain->items[i];
	fail_msg("no %s %s", boot_item_kind_name(kind), text ? text : "");
	return NULL;
}

static void check_chain(const char *machine, const char *const *wanted, size_t n)
{
	struct buf bytes = {0};
	struct event_log log = {0};
	struct boot_chain chain;
	struct err err = {0};
	if (!machine_open(machine, &bytes, &log)) {
		skip();
		return;
	}
	assert_ok(boot_chain_of(&log, DIGEST_SHA256, &chain, &err), err);
	assert_int_equal(chain.separators, 0xff);
	assert_true(chain.exit_boot_services);
	for (size_t i = 0; i < n; i++)
		for (int kind = 0; kind < BOOT_ITEM_KINDS; kind++) {
			const char *name = boot_item_kind_name((enum boot_item_kind)kind);
			size_t len = strlen(name);
			if (strncmp(wanted[i], name, len) == 0 && wanted[i][len] == ' ')
				(void)item(&chain, (enum boot_item_kind)kind, wanted[i] + len + 1);
		}
	boot_chain_release(&chain);
	event_log_release(&log);
	buf_release(&bytes);
}

static void vectors__grub__command_line_kernel_and_initrd(void **state)
{
	static const char *const wanted[] = {
		"command-line /vmlinuz console=ttyS0 panic=-1 quiet ima_policy=tcb ima_hash=sha256 "
		"ima_template=ima-ng",
		"file /vmlinuz", "file /initrd.img", "image \\EFI\\BOOT\\grubx64.efi",
		"config MokList"};
	(void)state;
	check_chain("grub-shim-secureboot-ms", wanted, ARRAY_LEN(wanted));
}

static void vectors__unified_kernel__its_sections(void **state)
{
	static const char *const wanted[] = {"section .linux", "section .cmdline",
		"section .initrd", "load-options Linux load options: LOADED_IMAGE::LoadOptions",
		"initrd Linux initrd: Linux initrd"};
	(void)state;
	check_chain("uki-secureboot-snakeoil", wanted, ARRAY_LEN(wanted));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(vectors__of_other_projects__as_expected),
		cmocka_unit_test(vectors__of_our_machines__the_pcrs_they_had),
		cmocka_unit_test(vectors__secure_boot__on_and_off_as_their_names_say),
		cmocka_unit_test(vectors__grub__command_line_kernel_and_initrd),
		cmocka_unit_test(vectors__unified_kernel__its_sections),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
