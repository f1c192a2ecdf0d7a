/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/unit.h"

#include <stdlib.h>

#include "base/text.h"
#include "firmware/systemd_log.h"

static struct buf log_, lines;
static struct err err;

static int teardown(void **state)
{
	(void)state;
	buf_release(&log_);
	buf_release(&lines);
	return 0;
}

#define BOOT "0123456789abcdef0123456789abcdef"

/* The digest of the text in hex, as a JSON array with SHA-256 and SHA-1. */
static const char *digests_of(const char *text, char out[256])
{
	struct digest sha256, sha1;
	char hex256[65], hex1[41];

	assert_true(digest_of(DIGEST_SHA256, bytes_str(text), &sha256, &err));
	assert_true(digest_of(DIGEST_SHA1, bytes_str(text), &sha1, &err));
	hex_encode(digest_bytes(&sha256), hex256);
	hex_encode(digest_bytes(&sha1), hex1);
	(void)snprintf(out, 256,
		"[{\"hashAlg\":\"sha1\",\"digest\":\"%s\"},{\"hashAlg\":\"sha256\",\"digest\":"
		"\"%s\"}]",
		hex1, hex256);
	return out;
}

/* A record as systemd writes it: the string as logged (JSON), and what was extended. */
static void put(const char *target, const char *type, const char *string, const char *extended)
{
	char digests[256];

	buf_printf(&log_,
		"\x1e{%s,\"digests\":%s,\"content_type\":\"systemd\",\"content\":{\"string\":\"%"
		"s\","
		"\"bootId\":\"" BOOT "\",\"timestamp\":1234567,\"eventType\":\"%s\"}}\n",
		target, digests_of(extended, digests), string, type);
}

static struct bytes text(const char *record)
{
	buf_clear(&log_);
	buf_printf(&log_, "\x1e%s\n", record);
	return buf_bytes(&log_);
}

static bool put_line(void *context, const struct systemd_event *event, struct err *error)
{
	struct buf *out = context;

	systemd_event_line(event, out);
	buf_put_u8(out, '\n');
	return buf_ok(out, error);
}

static void assert_lines(const char *wanted)
{
	assert_ok(systemd_log_walk(buf_bytes(&log_), put_line, &lines, &err), err);
	assert_string_equal(buf_str(&lines), wanted);
}

static void walk__a_boot__one_readable_line_an_entry(void **state)
{
	(void)state;
	put("\"pcr\":11", "phase", "enter-initrd", "enter-initrd");
	put("\"pcr\":15", "machine-id", "machine-id:00", "machine-id:00");
	put("\"pcr\":15", "filesystem", "file-system:/:ext4:\\\\\\\\x2d",
		"file-system:/:ext4:\\x2d");
	put("\"pcr\":15", "volume-key", "cryptsetup:root:7", "the key's HMAC");
	put("\"nv_index\":29624832", "product-id", "product-id:9", "product-id:9");
	assert_lines("1 PCR 11 phase: enter-initrd\n"
		     "2 PCR 15 machine-id: machine-id:00\n"
		     "3 PCR 15 filesystem: file-system:/:ext4:\\\\\\\\x2d\n"
		     "4 PCR 15 volume-key: cryptsetup:root:7 (not covered by its digest)\n"
		     "5 NV index 0x1c40a00 product-id: product-id:9\n");
}

static void walk__escapes_of_systemd__undone(void **state)
{
	(void)state;
	put("\"pcr\":15", "filesystem", "a\\\\nb\\\\\\\\c\\\\\\\"d\\\\303\\\\244\\\\001",
		"a\nb\\c\"d\xc3\xa4\x01");
	assert_ok(systemd_log_walk(buf_bytes(&log_), NULL, NULL, &err), err);
}

static void walk__string_altered__refused(void **state)
{
	static const char *const types[] = {"phase", "filesystem", "machine-id"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		char wanted[200];

		buf_clear(&log_);
		put("\"pcr\":11", "phase", "enter-initrd", "enter-initrd");
		put("\"pcr\":11", types[i], "ready", "shutdown");
		(void)snprintf(wanted, sizeof(wanted),
			"systemd log, event 2: string: \"ready\" is not what was extended for the "
			"event \"%s\"",
			types[i]);
		assert_fails(systemd_log_walk(buf_bytes(&log_), NULL, NULL, &err), err,
			ERR_MISMATCH, wanted);
	}
}

static void walk__one_bank_altered__refused(void **state)
{
	char *digest;

	(void)state;
	put("\"pcr\":11", "phase", "ready", "ready");
	digest = strstr((char *)log_.data, "sha1\",\"digest\":\"");
	digest[16] = digest[16] == '0' ? '1' : '0';
	assert_fails(systemd_log_walk(buf_bytes(&log_), NULL, NULL, &err), err, ERR_MISMATCH,
		"systemd log, event 1: string: \"ready\" is not what was extended for the event "
		"\"phase\"");
}

static void walk__escape_that_systemd_never_writes__refused(void **state)
{
	static const char *const strings[] = {"a\\\\q", "a\\\\", "a\\\\77", "a\\\\888", "a\\\\777"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(strings); i++) {
		buf_clear(&log_);
		put("\"pcr\":11", "phase", strings[i], "a");
		assert_false(systemd_log_walk(buf_bytes(&log_), NULL, NULL, &err));
		assert_int_equal(err.code, ERR_MISMATCH);
	}
}

static void walk__word_longer_than_systemd_logs__not_covered(void **state)
{
	char word[1100], cut[1100];

	(void)state;
	memset(word, 'x', sizeof(word));
	word[1050] = '\0';
	memset(cut, 'x', 1024);
	memcpy(cut + 1024, "...", 4);
	put("\"pcr\":15", "filesystem", cut, word);
	assert_ok(systemd_log_walk(buf_bytes(&log_), put_line, &lines, &err), err);
	assert_non_null(strstr(buf_str(&lines), "(not covered by its digest)"));
	/* One byte less is no cut: then it has to hash to the digest. */
	buf_clear(&log_);
	put("\"pcr\":15", "filesystem", cut + 1, word);
	assert_false(systemd_log_walk(buf_bytes(&log_), NULL, NULL, &err));
	assert_int_equal(err.code, ERR_MISMATCH);
}

#define CONTENT  "\"content\":{\"bootId\":\"" BOOT "\",\"timestamp\":1}"
#define DIGESTS  "\"digests\":[{\"hashAlg\":\"sha3_256\",\"digest\":\"00\"}]"
#define TYPE     "\"content_type\":\"systemd\""
#define SHA1_OF0 "{\"hashAlg\":\"sha1\",\"digest\":\"0000000000000000000000000000000000000000\"}"

static void walk__no_string_and_unknown_bank__shown(void **state)
{
	(void)state;
	text("{\"pcr\":12,\"recnum\":1," DIGESTS "," TYPE "," CONTENT "}");
	assert_lines("1 PCR 12 event:  (not covered by its digest)\n");
}

static void walk__malformed__record_and_field_named(void **state)
{
	static const struct {
		const char *record, *text;
	} cases[] = {
		{"[]", "systemd log, event 1: record: digests: expected inside an object"},
		{"{}", "systemd log, event 1: record: digests: missing"},
		{"{\"pcr\":24," DIGESTS "," TYPE "," CONTENT "}",
			"systemd log, event 1: record: pcr: out of range"},
		{"{\"pcr\":-1," DIGESTS "," TYPE "," CONTENT "}",
			"systemd log, event 1: record: pcr: out of range"},
		{"{\"pcr\":1,\"nv_index\":1," DIGESTS "," TYPE "," CONTENT "}",
			"systemd log, event 1: record: nv_index: beside a PCR"},
		{"{\"pcr\":1,\"more\":1," DIGESTS "," TYPE "," CONTENT "}",
			"systemd log, event 1: record: more: unknown key"},
		{"{\"pcr\":1,\"digests\":[]," TYPE "," CONTENT "}",
			"systemd log, event 1: record: digests: empty"},
		{"{\"pcr\":1,\"digests\":[1]," TYPE "," CONTENT "}",
			"systemd log, event 1: record: hashAlg: expected inside an object"},
		{"{\"pcr\":1,\"digests\":[" SHA1_OF0 "," SHA1_OF0 "]," TYPE "," CONTENT "}",
			"systemd log, event 1: record: hashAlg: repeated"},
		{"{\"pcr\":1,\"digests\":[{\"hashAlg\":\"sha1\",\"digest\":\"00\"}]," TYPE
		 "," CONTENT "}",
			"systemd log, event 1: record: digest: expected lower-case hex of the "
			"right length"},
		{"{\"pcr\":1," DIGESTS ",\"content_type\":\"cel\"," CONTENT "}",
			"systemd log, event 1: record: content_type: not \"systemd\""},
		{"{\"pcr\":1," DIGESTS "," TYPE ",\"content\":{\"timestamp\":1}}",
			"systemd log, event 1: record: bootId: missing"},
		{"{\"pcr\":1," DIGESTS "," TYPE
		 ",\"content\":{\"bootId\":\"0g23456789abcdef0123456789abcdef\",\"timestamp\":1}}",
			"systemd log, event 1: record: bootId: expected lower-case hex of the "
			"right length"},
		{"{\"pcr\":1," DIGESTS "," TYPE ",\"content\":{\"bootId\":\"" BOOT "\"}}",
			"systemd log, event 1: record: timestamp: missing"},
		{"{\"pcr\":1," DIGESTS "," TYPE ",\"content\":{\"bootId\":\"" BOOT
		 "\",\"timestamp\":1,\"x\":1}}",
			"systemd log, event 1: record: x: unknown key"},
		{"{\"pcr\":1,\"pcr\":1," DIGESTS "," TYPE "," CONTENT "}",
			"systemd log, event 1: JSON: line 1, column 14: duplicate object key near "
			"'\"pcr\"'"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_fails(systemd_log_walk(text(cases[i].record), NULL, NULL, &err), err,
			ERR_FORMAT, cases[i].text);
}

static void walk__not_a_text_sequence__refused(void **state)
{
	(void)state;
	assert_fails(systemd_log_walk(BYTES_LIT("{}\n"), NULL, NULL, &err), err, ERR_FORMAT,
		"systemd log: no record separator at offset 0");
	put("\"pcr\":11", "phase", "ready", "ready");
	log_.len--;
	assert_fails(systemd_log_walk(buf_bytes(&log_), NULL, NULL, &err), err, ERR_FORMAT,
		"systemd log: the record at offset 0 has no end");
	assert_ok(systemd_log_walk((struct bytes){0}, NULL, NULL, &err), err);
}

static void walk__another_boot_in_the_log__refused(void **state)
{
	(void)state;
	put("\"pcr\":11", "phase", "enter-initrd", "enter-initrd");
	put("\"pcr\":11", "phase", "ready", "ready");
	*(strstr((char *)log_.data + log_.len / 2, BOOT)) = 'f';
	assert_fails(systemd_log_walk(buf_bytes(&log_), NULL, NULL, &err), err, ERR_FORMAT,
		"systemd log, event 2: record: bootId: not that of the events before");
}

static void walk__too_much__refused(void **state)
{
	(void)state;
	assert_fails(systemd_log_walk(bytes_of("x", SYSTEMD_LOG_MAX + 1u), NULL, NULL, &err), err,
		ERR_LIMIT, "systemd log: more than 1048576 bytes");
	for (size_t i = 0; i < SYSTEMD_LOG_EVENTS_MAX + 1; i++)
		buf_printf(&log_, "\x1e{\"pcr\":1," DIGESTS "," TYPE "," CONTENT "}\n");
	assert_fails(systemd_log_walk(buf_bytes(&log_), NULL, NULL, &err), err, ERR_LIMIT,
		"systemd log, event 4097: more than 4096 events");
}

static void walk__truncated_anywhere__refused_or_whole_records(void **state)
{
	size_t first;

	(void)state;
	put("\"pcr\":11", "phase", "enter-initrd", "enter-initrd");
	first = log_.len;
	put("\"pcr\":11", "phase", "ready", "ready");
	for (size_t len = 1; len < log_.len; len++)
		assert_int_equal(
			systemd_log_walk(bytes_of(log_.data, len), NULL, NULL, &err), len == first);
}

static bool stop(void *context, const struct systemd_event *event, struct err *error)
{
	(void)context;
	return event->number < 2 || err_set(error, ERR_INTERNAL, "stopped");
}

static void walk__callback_refuses__stops(void **state)
{
	(void)state;
	put("\"pcr\":11", "phase", "a", "a");
	put("\"pcr\":11", "phase", "b", "b");
	assert_fails(systemd_log_walk(buf_bytes(&log_), stop, NULL, &err), err, ERR_INTERNAL,
		"systemd log, event 2: stopped");
}

static void replay__two_pcrs_and_an_nv_index__extended_in_order(void **state)
{
	struct digest pcrs[SYSTEMD_LOG_PCRS] = {0}, wanted = {DIGEST_SHA256, 32, {0}}, hash;
	uint32_t touched = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(pcrs); i++)
		pcrs[i] = wanted;
	put("\"pcr\":11", "phase", "enter-initrd", "enter-initrd");
	put("\"nv_index\":1", "product-id", "p", "p");
	put("\"pcr\":11", "phase", "leave-initrd", "leave-initrd");
	put("\"pcr\":15", "machine-id", "m", "m");
	assert_ok(systemd_log_replay(buf_bytes(&log_), DIGEST_SHA256, pcrs, &touched, &err), err);
	assert_int_equal(touched, 1u << 11 | 1u << 15);
	for (size_t i = 0; i < 2; i++) {
		struct bytes parts[2];

		assert_true(digest_of(DIGEST_SHA256,
			bytes_str(i == 0 ? "enter-initrd" : "leave-initrd"), &hash, &err));
		parts[0] = digest_bytes(&wanted);
		parts[1] = digest_bytes(&hash);
		assert_true(digest_of_parts(DIGEST_SHA256, parts, 2, &wanted, &err));
	}
	assert_true(digest_equal(&pcrs[11], &wanted));
}

static void replay__bank_not_in_the_log__refused(void **state)
{
	struct digest pcrs[SYSTEMD_LOG_PCRS] = {0};
	uint32_t touched = 0;

	(void)state;
	put("\"pcr\":11", "phase", "ready", "ready");
	assert_fails(systemd_log_replay(buf_bytes(&log_), DIGEST_SHA384, pcrs, &touched, &err), err,
		ERR_FORMAT, "systemd log, event 1: no sha384 digest");
}

#define TEST(name) cmocka_unit_test_teardown(name, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(walk__a_boot__one_readable_line_an_entry),
		TEST(walk__escapes_of_systemd__undone),
		TEST(walk__string_altered__refused),
		TEST(walk__one_bank_altered__refused),
		TEST(walk__escape_that_systemd_never_writes__refused),
		TEST(walk__word_longer_than_systemd_logs__not_covered),
		TEST(walk__no_string_and_unknown_bank__shown),
		TEST(walk__malformed__record_and_field_named),
		TEST(walk__not_a_text_sequence__refused),
		TEST(walk__another_boot_in_the_log__refused),
		TEST(walk__too_much__refused),
		TEST(walk__truncated_anywhere__refused_or_whole_records),
		TEST(walk__callback_refuses__stops),
		TEST(replay__two_pcrs_and_an_nv_index__extended_in_order),
		TEST(replay__bank_not_in_the_log__refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
