/* SPDX-License-Identifier: Apache-2.0 */
/* IMA lists recorded on machines and by projects that are not ours. */
#include "firmware/ima_rules.h"

#include <stdlib.h>

#include "base/text.h"
#include "tests/support/ima_make.h"
#include "tests/support/unit.h"
#include "tests/support/vectors.h"

static struct buf list, text, data, template_digest, digest, lines, decoded;
static struct cert *cert;
static struct key *key;
static struct ima_pcrs pcrs;
static struct err err;

static int teardown(void **state)
{
	struct buf *all[] = {&list, &text, &data, &template_digest, &digest, &lines, &decoded};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		buf_release(all[i]);
	cert_unref(&cert);
	key_unref(&key);
	return 0;
}

static void read_or_skip(const char *name, struct buf *out)
{
	if (!vectors_read(name, out))
		skip();
}

static void replay(enum digest_alg bank, enum ima_extend extend)
{
	assert_ok(ima_replay(buf_bytes(&list), DIGEST_NONE, bank, extend, &pcrs, &err), err);
}

static void check_value(const char *hex)
{
	char made[2 * DIGEST_LEN_MAX + 1];

	hex_encode(bytes_of(pcrs.value[IMA_PCR], digest_alg_len(pcrs.bank)), made);
	assert_string_equal(made, hex);
}

/* ---- tpm2-tss ---- */

/* These end in the first bytes of one more entry. */
static void tpm2_tss__three_templates__replay(void **state)
{
	static const struct {
		const char *file;
		size_t entries, left;
	} files[] = {{"tpm2-tss/sml-ima-sha1.bin", 12, 1}, {"tpm2-tss/sml-ima-ng-sha1.bin", 6, 1},
		{"tpm2-tss/sml-ima-sig-sha256.bin", 9, 6}};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		size_t whole;

		buf_clear(&list);
		read_or_skip(files[i].file, &list);
		assert_false(ima_replay(
			buf_bytes(&list), DIGEST_NONE, DIGEST_SHA256, IMA_EXTEND_OWN, &pcrs, &err));
		assert_non_null(strstr(err.text, "truncated"));
		whole = ima_log_whole(buf_bytes(&list), DIGEST_NONE);
		assert_int_equal(list.len - whole, files[i].left);
		list.len = whole;
		replay(DIGEST_SHA1, IMA_EXTEND_OWN);
		assert_int_equal(pcrs.entries, files[i].entries);
		assert_int_equal(pcrs.violations, 0);
	}
}

static void tpm2_tss__invalidated__violations_flagged(void **state)
{
	static const char *const files[] = {"tpm2-tss/sml-ima-sha1-invalidated.bin",
		"tpm2-tss/sml-ima-ng-sha1-invalidated.bin",
		"tpm2-tss/sml-ima-sig-sha256-invalidated.bin"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		buf_clear(&list);
		read_or_skip(files[i], &list);
		if (i == 1) /* lacks the last byte of its only entry */
			buf_put_u8(&list, 0);
		replay(DIGEST_SHA1, IMA_EXTEND_OWN);
		assert_int_equal(pcrs.violations, 1);
	}
}

/* ---- keylime and rust-keylime: lists as text, put into binary form ---- */

/* One line "pcr digest ima-ng alg:digest path"; the digest of the template data is that of the text. */
static void put_line(char *line, enum digest_alg log_alg)
{
	char *save = NULL;
	const char *pcr = strtok_r(line, " ", &save), *hex = strtok_r(NULL, " ", &save);
	const char *template = strtok_r(NULL, " ", &save), *file = strtok_r(NULL, " ", &save);
	const char *path = strtok_r(NULL, "", &save);
	char prefix[40];
	const char *colon = strchr(file, ':');
	uint8_t head[4] = {(uint8_t)atoi(pcr)};

	assert_string_equal(template, "ima-ng");
	(void)snprintf(prefix, sizeof(prefix), "%.*s", (int)(colon - file + 1), file);
	buf_clear(&data);
	assert_ok(hex_decode(bytes_str(colon + 1), 64, &digest, &err), err);
	assert_ok(hex_decode(bytes_str(hex), 64, &template_digest, &err), err);
	if (template_digest.len != digest_alg_len(log_alg))
		template_digest.len = digest_alg_len(log_alg);
	ima_make_digest(&data, prefix, buf_bytes(&digest));
	ima_make_path(&data, path);
	buf_put(&list, BYTES_OF(head));
	buf_put(&list, buf_bytes(&template_digest));
	ima_make_field(&list, bytes_str(template));
	ima_make_field(&list, buf_bytes(&data));
}

static void put_lines(const char *name)
{
	char *save = NULL;

	buf_clear(&text);
	read_or_skip(name, &text);
	(void)buf_str(&text);
	for (char *line = strtok_r((char *)text.data, "\n", &save); line;
		line = strtok_r(NULL, "\n", &save))
		put_line(line, DIGEST_SHA1);
}

static void rust_keylime__826_entries__the_machines_pcr_10(void **state)
{
	(void)state;
	put_lines("rust-keylime/ascii_runtime_measurements");
	replay(DIGEST_SHA1, IMA_EXTEND_OWN);
	assert_int_equal(pcrs.entries, 826);
	check_value("82231c67a69da98dc5b3aa10f6343d33109225fc");
}

static void keylime__by_hash__known_ones_accepted(void **state)
{
	static const char *const good[] = {"keylime/ima-log-sha1", "keylime/ima-log-sha256",
		"keylime/ima-log-sha384", "keylime/ima-log-sha512", "keylime/ima-log-sm3_256"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		struct ima_log log;
		struct ima_entry entry;

		buf_clear(&list);
		put_lines(good[i]);
		assert_ok(ima_log_open(buf_bytes(&list), DIGEST_SHA1, 0, &log, &err), err);
		while (!ima_log_end(&log))
			assert_ok(ima_log_next(&log, &entry, &err), err);
		assert_int_equal(log.next, 2);
	}
}

static void keylime__unknown_hash__refused_by_name(void **state)
{
	struct ima_log log;
	struct ima_entry entry;

	(void)state;
	put_lines("keylime/ima-log-unknown");
	assert_ok(ima_log_open(buf_bytes(&list), DIGEST_SHA1, 0, &log, &err), err);
	assert_fails(ima_log_next(&log, &entry, &err), err, ERR_UNSUPPORTED,
		"entry 0: hash algorithm \"unknown\" is not known");
}

/* ---- ibmtss ---- */

static void ibmtss__lists_by_hash__every_digest_matches(void **state)
{
	static const char *const files[] = {"ibmtss/sha256.log", "ibmtss/sha384.log"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		buf_clear(&list);
		read_or_skip(files[i], &list);
		replay(DIGEST_SHA256, IMA_EXTEND_OWN);
		assert_int_equal(pcrs.entries, 362);
		check_value("7fac48c81837d6d29046008aef0cdad8c2745cc98c3340cbba9bfdf39b4124b8");
	}
}

static void ibmtss__fourteen_templates__read_or_refused_by_name(void **state)
{
	static const char *const wanted[] = {"d-ng|sig", "n-ng|d-ng", "n-ng|sig|d-ng", "n-ng|sig",
		"n", "sig", "ima", "ima-ng", "ima-sig", "ima-modsig", "ima-sig", "ima-sig",
		"ima-sigv2", "ima-buf", "evm-sig", "ima-ngv2", "ima-modsig"};
	struct ima_log log;
	struct ima_entry entry;

	(void)state;
	read_or_skip("ibmtss/imatest.log", &list);
	replay(DIGEST_SHA256, IMA_EXTEND_OWN);
	assert_int_equal(pcrs.violations, 1);
	assert_ok(ima_log_open(buf_bytes(&list), DIGEST_NONE, 0, &log, &err), err);
	for (size_t i = 0; i < ARRAY_LEN(wanted); i++) {
		assert_ok(ima_log_next(&log, &entry, &err), err);
		assert_bytes(entry.name, bytes_str(wanted[i]));
	}
	assert_true(ima_log_end(&log));
	list.data[28] = 'e'; /* "e-ng|sig" */
	assert_fails(ima_replay(buf_bytes(&list), DIGEST_NONE, DIGEST_SHA256, IMA_EXTEND_OWN, &pcrs,
			     &err),
		err, ERR_UNSUPPORTED,
		"IMA log: entry 0: template \"e-ng|sig\": field \"e-ng\" is not known");
}

/* The key's certificate was made by OpenSSL, whose identifier is the hash of the key's bits. */
static void ibmtss__keyring_entry__its_key_ids_agree(void **state)
{
	struct ima_log log;
	struct ima_entry entry = {0};
	uint32_t by_cert = 0, by_key = 1;

	(void)state;
	read_or_skip("ibmtss/imatest.log", &list);
	assert_ok(ima_log_open(buf_bytes(&list), DIGEST_NONE, 0, &log, &err), err);
	for (int i = 0; i <= 13; i++)
		assert_ok(ima_log_next(&log, &entry, &err), err);
	assert_ok(cert_from_der(entry.field[IMA_FIELD_BUF], false, &cert, &err), err);
	assert_ok(cert_key(cert, &key, &err), err);
	assert_ok(ima_keyid_of(key, cert, &by_cert, &err), err);
	assert_ok(ima_keyid_of(key, NULL, &by_key, &err), err);
	assert_int_equal(by_cert, by_key);
}

static void ibmtss__firmware_log__is_no_ima_list(void **state)
{
	(void)state;
	read_or_skip("ibmtss/deb1.log", &list);
	assert_false(ima_replay(
		buf_bytes(&list), DIGEST_NONE, DIGEST_SHA256, IMA_EXTEND_OWN, &pcrs, &err));
}

/* ---- Machines of our own ---- */

/* The value of PCR `pcr` in a bank, from lines "bank index HEX". */
static bool pcr_of(const char *file, const char *bank, int pcr, uint8_t *out, size_t len)
{
	char wanted[32];
	const char *at;

	buf_clear(&lines);
	if (!vectors_read(file, &lines))
		return false;
	(void)snprintf(wanted, sizeof(wanted), "%s %d ", bank, pcr);
	at = buf_str(&lines);
	while (at && strncmp(at, wanted, strlen(wanted)) != 0) {
		at = strchr(at, '\n');
		at = at ? at + 1 : NULL;
	}
	if (!at || !hex_decode(bytes_of(at + strlen(wanted), 2 * len), len, &decoded, NULL))
		return false;
	memcpy(out, decoded.data, len);
	return true;
}

static void vm__final_list__the_machines_pcr_10_in_each_bank(void **state)
{
	static const struct {
		const char *folder, *bank;
		enum digest_alg alg;
		enum ima_extend extend;
	} cases[] = {
		{"grub-shim-secureboot-ms", "sha1", DIGEST_SHA1, IMA_EXTEND_OWN},
		{"grub-shim-secureboot-ms", "sha256", DIGEST_SHA256, IMA_EXTEND_OWN},
		{"ima-tcb-ng-sha384bank", "sha256", DIGEST_SHA256, IMA_EXTEND_OWN},
		{"ima-tcb-ng-sha384bank", "sha384", DIGEST_SHA384, IMA_EXTEND_PADDED},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		uint8_t value[DIGEST_LEN_MAX];
		char path[128];
		size_t len = digest_alg_len(cases[i].alg);

		buf_clear(&list);
		(void)snprintf(path, sizeof(path), "made/vm/%s/ima-final.bin", cases[i].folder);
		read_or_skip(path, &list);
		(void)snprintf(
			path, sizeof(path), "made/vm/%s/sysfs-pcrs-final.txt", cases[i].folder);
		if (!pcr_of(path, cases[i].bank, IMA_PCR, value, len))
			skip();
		replay(cases[i].alg, cases[i].extend);
		assert_int_equal(pcrs.entries, 57);
		assert_int_equal(pcrs.violations, 2);
		assert_memory_equal(pcrs.value[IMA_PCR], value, len);
	}
}

/* A machine whose boot_aggregate is checked against what its own PCRs were. */
static void check_machine(const char *folder, enum ima_boot wanted)
{
	uint8_t pcr[10][SHA256_LEN], ten[SHA256_LEN];
	struct bytes values[10], quoted[IMA_TRACKED] = {BYTES_OF(ten)};
	struct ima_state start, made;
	struct ima_advance result;
	struct ima_log log;
	struct ima_entry entry;
	enum ima_boot boot;
	char path[128];

	buf_clear(&list);
	(void)snprintf(path, sizeof(path), "made/vm/%s/ima.bin", folder);
	read_or_skip(path, &list);
	(void)snprintf(path, sizeof(path), "made/vm/%s/sysfs-pcrs.txt", folder);
	for (int i = 0; i < 10; i++) {
		if (!pcr_of(path, "sha256", i, pcr[i], SHA256_LEN))
			skip();
		values[i] = BYTES_OF(pcr[i]);
	}
	if (!pcr_of(path, "sha256", IMA_PCR, ten, SHA256_LEN))
		skip();
	assert_ok(ima_state_start(&start, DIGEST_SHA256, DIGEST_SHA1, &err), err);
	assert_ok(
		ima_advance(&start, buf_bytes(&list), 0, quoted, false, &made, &result, &err), err);
	assert_true(result.matched);
	assert_ok(ima_log_open(buf_bytes(&list), DIGEST_SHA1, 0, &log, &err), err);
	assert_ok(ima_log_next(&log, &entry, &err), err);
	assert_ok(ima_boot_check(&entry, DIGEST_SHA256, values, &boot, &err), err);
	assert_string_equal(ima_boot_name(boot), ima_boot_name(wanted));
}

static void vm__boot_aggregate__binds_the_boot(void **state)
{
	static const char *const folders[] = {"grub-shim-secureboot-ms", "ima-tcb-ng-sha384bank",
		"systemd-boot-no-secureboot", "uki-no-secureboot", "uki-secureboot-snakeoil"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(folders); i++)
		check_machine(folders[i], IMA_BOOT_MATCH_0_9);
}

#define TEST(name) cmocka_unit_test_teardown(name, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(tpm2_tss__three_templates__replay),
		TEST(tpm2_tss__invalidated__violations_flagged),
		TEST(rust_keylime__826_entries__the_machines_pcr_10),
		TEST(keylime__by_hash__known_ones_accepted),
		TEST(keylime__unknown_hash__refused_by_name),
		TEST(ibmtss__lists_by_hash__every_digest_matches),
		TEST(ibmtss__fourteen_templates__read_or_refused_by_name),
		TEST(ibmtss__keyring_entry__its_key_ids_agree),
		TEST(ibmtss__firmware_log__is_no_ima_list),
		TEST(vm__final_list__the_machines_pcr_10_in_each_bank),
		TEST(vm__boot_aggregate__binds_the_boot),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
