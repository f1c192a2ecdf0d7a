/* SPDX-License-Identifier: Apache-2.0 */
/* The boots that tests/vm/record recorded, tests/data/vm: firmware log, IMA log and quote of one moment each. */
#include <stdlib.h>

#include "base/file.h"
#include "base/text.h"
#include "evidence/tpm.h"
#include "firmware/boot_chain.h"
#include "firmware/ima.h"
#include "firmware/secure_boot.h"
#include "tests/support/unit.h"

#define NONCE    "\x00\x11\x22\x33\x44\x55\x66\x77\x88\x99\xaa\xbb\xcc\xdd\xee\xff"
#define FILE_MAX (1u << 20)

static const char *const boots[] = {"secure-boot", "secure-boot-off", "other-command-line",
	"other-initramfs", "unlisted-program", "fs-verity"};

static struct boot {
	struct buf firmware, ima, message, signature, ak;
	struct event_log log;
	struct pcr_bank sha1, sha256; /* of pcrs.txt */
} one, two;
static struct key *key;
static struct secure_boot *state;
static struct boot_chain chain;
static struct firmware_differences differences;
static struct err err;

static void boot_release(struct boot *boot)
{
	struct buf *all[] = {
		&boot->firmware, &boot->ima, &boot->message, &boot->signature, &boot->ak};
	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		buf_release(all[i]);
	event_log_release(&boot->log);
	*boot = (struct boot){0};
}

static int teardown(void **unused)
{
	(void)unused;
	boot_release(&one);
	boot_release(&two);
	key_unref(&key);
	secure_boot_free(&state);
	boot_chain_release(&chain);
	firmware_differences_release(&differences);
	return 0;
}

static void read_part(const char *boot, const char *file, struct buf *ret)
{
	char path[128];
	(void)snprintf(path, sizeof(path), "tests/data/vm/%s/%s", boot, file);
	assert_ok(file_read(path, FILE_MAX, ret, &err), err);
}

/* "bank number value", a line each. */
static void read_pcrs(const char *name, struct boot *boot)
{
	struct buf text = {0};
	char *next = NULL;

	read_part(name, "pcrs.txt", &text);
	boot->sha1.alg = DIGEST_SHA1;
	boot->sha256.alg = DIGEST_SHA256;
	for (char *line = strtok_r((char *)(uintptr_t)buf_str(&text), "\n", &next); line;
		line = strtok_r(NULL, "\n", &next)) {
		char *field = NULL, *bank = strtok_r(line, " ", &field);
		char *index = strtok_r(NULL, " ", &field), *hex = strtok_r(NULL, " ", &field);
		struct pcr_bank *to = strcmp(bank, "sha1") == 0 ? &boot->sha1 : &boot->sha256;
		assert_non_null(hex);
		unsigned long pcr = strtoul(index, NULL, 10);
		assert_in_range(pcr, 0, TPM_PCRS - 1);
		assert_ok(hex_decode_exact(
				  bytes_str(hex), to->values[pcr], digest_alg_len(to->alg), &err),
			err);
		to->present |= 1u << pcr;
	}
	buf_release(&text);
	assert_int_equal(boot->sha1.present, 0xffffff);
	assert_int_equal(boot->sha256.present, 0xffffff);
}

static void boot_open(const char *name, struct boot *boot)
{
	boot_release(boot);
	read_part(name, "firmware.log", &boot->firmware);
	read_part(name, "ima.log", &boot->ima);
	read_part(name, "quote.msg", &boot->message);
	read_part(name, "quote.sig", &boot->signature);
	read_part(name, "ak.pem", &boot->ak);
	read_pcrs(name, boot);
	assert_ok(event_log_open(
			  buf_bytes(&boot->firmware), EVENT_LOG_TPM, DIGEST_NONE, &boot->log, &err),
		err);
}

static void check_replay(const struct boot *boot, const struct pcr_bank *recorded)
{
	struct pcr_bank replayed;
	struct ima_pcrs ima;
	size_t len = digest_alg_len(recorded->alg);

	assert_ok(event_log_replay(&boot->log, recorded->alg, &replayed, &err), err);
	assert_int_equal(replayed.present, 0xaff); /* 0-7, 9, 11 */
	for (unsigned i = 0; i < TPM_PCRS; i++)
		if (replayed.present & 1u << i)
			assert_memory_equal(replayed.values[i], recorded->values[i], len);
	assert_ok(ima_replay(buf_bytes(&boot->ima), DIGEST_NONE, recorded->alg, IMA_EXTEND_OWN,
			  &ima, &err),
		err);
	assert_int_equal(ima.used, 1u << IMA_PCR);
	assert_int_equal(ima.violations, 0);
	assert_memory_equal(ima.value[IMA_PCR], recorded->values[IMA_PCR], len);
}

static void recorded__each_boot__logs_replay_onto_its_pcrs(void **unused)
{
	(void)unused;
	for (size_t i = 0; i < ARRAY_LEN(boots); i++) {
		boot_open(boots[i], &one);
		check_replay(&one, &one.sha1);
		check_replay(&one, &one.sha256);
	}
}

static void recorded__each_quote__over_the_pcrs_of_its_boot(void **unused)
{
	struct tpml_pcr_selection selection;

	(void)unused;
	assert_ok(tpml_pcr_selection_of_text(
			  bytes_str("sha256:0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15"), &selection,
			  &err),
		err);
	for (size_t i = 0; i < ARRAY_LEN(boots); i++) {
		struct quote_result result;
		boot_open(boots[i], &one);
		key_unref(&key);
		assert_ok(key_from_pem(buf_bytes(&one.ak), &key, &err), err);
		one.sha256.present = 0xffff;
		struct quote_input input = {.message = buf_bytes(&one.message),
			.signature = buf_bytes(&one.signature),
			.key = key,
			.nonce = bytes_of(NONCE, sizeof(NONCE) - 1),
			.selection = &selection,
			.banks = &one.sha256,
			.bank_count = 1};
		assert_ok(quote_check(&input, &result, &err), err);
		assert_int_equal(result.fault, QUOTE_OK);
		one.sha256.values[4][0] ^= 1;
		assert_ok(quote_check(&input, &result, &err), err);
		assert_int_equal(result.fault, QUOTE_PCR_DIGEST);
	}
}

static void recorded__secure_boot__enforced_only_where_it_was_on(void **unused)
{
	(void)unused;
	for (size_t i = 0; i < ARRAY_LEN(boots); i++) {
		bool off = strcmp(boots[i], "secure-boot-off") == 0;
		boot_open(boots[i], &one);
		secure_boot_free(&state);
		assert_ok(secure_boot_state(&one.log, DIGEST_SHA256, &state, &err), err);
		assert_int_equal(state->state, off ? SECURE_BOOT_OFF : SECURE_BOOT_ON);
		assert_int_equal(state->enforced, !off);
		assert_int_equal(state->variables[SECURE_BOOT_DB].count, 1);
		assert_int_equal(state->variables[SECURE_BOOT_DBX].count, 1);
		assert_int_equal(state->authority_count, off ? 0 : 1);
		/* With Secure Boot off the kernel inside is loaded, and measured, as an image of its own. */
		assert_int_equal(state->image_count, off ? 2 : 1);
	}
}

/* The PCRs that differ from those of the first boot, and the event that differs first in each. */
static void check_differences(const char *boot, uint32_t wanted)
{
	uint32_t found = 0;

	boot_open("secure-boot", &one);
	boot_open(boot, &two);
	firmware_differences_release(&differences);
	assert_ok(firmware_diff(&one.log, &two.log, DIGEST_SHA256, &differences, &err), err);
	for (size_t i = 0; i < differences.count; i++)
		found |= 1u << differences.list[i].pcr;
	assert_int_equal(found, wanted);
}

static void recorded__each_change__in_the_pcrs_that_it_concerns(void **unused)
{
	(void)unused;
	check_differences("secure-boot", 0);
	check_differences("secure-boot-off", 1u << 4 | 1u << 7);
	check_differences("other-command-line", 1u << 4 | 1u << 9 | 1u << 11);
	check_differences("other-initramfs", 1u << 4 | 1u << 9 | 1u << 11);
	check_differences("unlisted-program", 0);
	check_differences("fs-verity", 0);
}

static void section_of(const struct boot *boot, const char *name, struct digest *ret)
{
	size_t n = 0;

	boot_chain_release(&chain);
	assert_ok(boot_chain_of(&boot->log, DIGEST_SHA256, &chain, &err), err);
	for (size_t i = 0; i < chain.count; i++)
		if (chain.items[i].kind == BOOT_SECTION && strcmp(chain.items[i].text, name) == 0) {
			*ret = chain.items[i].digest;
			n++;
		}
	assert_int_equal(n, 1);
}

static void recorded__command_line__the_section_has_its_digest(void **unused)
{
	static const char line[] = "console=ttyS0 loglevel=4 panic=-1 ima_policy=tcb";
	static const char other[] = "console=ttyS0 loglevel=4 panic=-1 ima_policy=tcb init=/bin/sh";
	uint8_t wanted[SHA256_LEN];
	struct digest found = {0};

	(void)unused;
	boot_open("secure-boot", &one);
	section_of(&one, ".cmdline", &found);
	assert_ok(sha256_of(bytes_str(line), wanted, &err), err);
	assert_memory_equal(found.bytes, wanted, SHA256_LEN);
	boot_open("other-command-line", &one);
	section_of(&one, ".cmdline", &found);
	assert_ok(sha256_of(bytes_str(other), wanted, &err), err);
	assert_memory_equal(found.bytes, wanted, SHA256_LEN);
}

static void entry_of(const struct boot *boot, uint64_t number, struct ima_entry *ret)
{
	struct ima_log log;

	assert_ok(ima_log_open(buf_bytes(&boot->ima), DIGEST_SHA1, 0, &log, &err), err);
	do
		assert_ok(ima_log_next(&log, ret, &err), err);
	while (ret->number < number);
	assert_int_equal(ret->number, number);
}

static void recorded__boot_aggregate__over_the_pcrs_of_the_boot(void **unused)
{
	(void)unused;
	for (size_t i = 0; i < ARRAY_LEN(boots); i++) {
		struct ima_entry entry;
		struct bytes pcrs[10];
		enum ima_boot found;
		boot_open(boots[i], &one);
		entry_of(&one, 0, &entry);
		assert_true(ima_entry_is_boot_aggregate(&entry));
		for (size_t k = 0; k < ARRAY_LEN(pcrs); k++)
			pcrs[k] = bytes_of(one.sha256.values[k], SHA256_LEN);
		assert_ok(ima_boot_check(&entry, DIGEST_SHA256, pcrs, &found, &err), err);
		assert_int_equal(found, IMA_BOOT_MATCH_0_9);
		one.sha256.values[9][0] ^= 1;
		assert_ok(ima_boot_check(&entry, DIGEST_SHA256, pcrs, &found, &err), err);
		assert_int_equal(found, IMA_BOOT_MISMATCH);
	}
}

static void recorded__programs_and_fs_verity__in_the_ima_log(void **unused)
{
	struct ima_entry entry;

	(void)unused;
	boot_open("unlisted-program", &one);
	entry_of(&one, 3, &entry);
	assert_true(bytes_equal_str(entry.path, "/opt/unlisted"));
	boot_open("fs-verity", &one);
	entry_of(&one, 3, &entry);
	assert_true(bytes_equal_str(entry.path, "/var/model/weights"));
	assert_int_equal(entry.digest_type, IMA_DIGEST_VERITY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(recorded__each_boot__logs_replay_onto_its_pcrs, teardown),
		cmocka_unit_test_teardown(
			recorded__each_quote__over_the_pcrs_of_its_boot, teardown),
		cmocka_unit_test_teardown(
			recorded__secure_boot__enforced_only_where_it_was_on, teardown),
		cmocka_unit_test_teardown(
			recorded__each_change__in_the_pcrs_that_it_concerns, teardown),
		cmocka_unit_test_teardown(
			recorded__command_line__the_section_has_its_digest, teardown),
		cmocka_unit_test_teardown(
			recorded__boot_aggregate__over_the_pcrs_of_the_boot, teardown),
		cmocka_unit_test_teardown(
			recorded__programs_and_fs_verity__in_the_ima_log, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
