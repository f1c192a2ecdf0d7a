/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A scene whose host booted one of the machines recorded in tests/data/vm: its PCRs 0-14 and its logs
 * are those of the recording, its runtime PCR and quote are the scene's own.
 */
#ifndef ASSAY_TESTS_UNIT_POLICY_BOOT_SCENE_H
#define ASSAY_TESTS_UNIT_POLICY_BOOT_SCENE_H

#include "base/file.h"
#include "firmware/ima_rules.h"
#include "tests/unit/policy/scene.h"
#include "tests/support/event_log_make.h"

#define BOOT_DATA     "tests/data/vm/"
#define BOOT_FILE_MAX (1u << 20)
#define BOOT_RISK     SCENE_CLASS_LINES "    host_classes: [server]\n"
#define BOOT_CLASS    "host_classes:\n  - name: server\n    references:\n"

struct boot_scene {
	struct scene *s;
	struct buf firmware, ima, systemd, lines;
	bool send_firmware, send_ima;
};
/* One for the program: the scene's hook has no other way to it. */
static struct boot_scene boot;

static inline void boot_read(const char *name, const char *file, struct buf *ret)
{
	char path[256];
	struct err err = {0};

	snprintf(path, sizeof(path), BOOT_DATA "%s/%s", name, file);
	assert_ok(file_read(path, BOOT_FILE_MAX, ret, &err), err);
}

/* PCRs 0-14 of the SHA-256 bank; 15 stays the scene's. */
static inline void boot_pcrs(const char *name)
{
	struct buf text = {0};
	char hex[65];
	unsigned pcr, found = 0;

	boot_read(name, "pcrs.txt", &text);
	for (const char *line = buf_str(&text); line && *line;
		line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
		if (sscanf(line, "sha256 %u %64s", &pcr, hex) != 2 || pcr >= SCENE_PCR)
			continue;
		assert_ok(hex_decode_exact(bytes_str(hex), boot.s->pcrs.values[pcr], SHA256_LEN,
				  &boot.s->err),
			boot.s->err);
		found++;
	}
	assert_int_equal(found, SCENE_PCR);
	buf_release(&text);
}

static inline void boot_edit(struct scene *s, struct evidence *e)
{
	(void)s;
	if (boot.send_firmware)
		e->firmware_log = buf_bytes(&boot.firmware);
	e->systemd_log = buf_bytes(&boot.systemd);
	if (boot.send_ima)
		e->ima_log = buf_bytes(&boot.ima);
}

/* The claims bind the firmware log as it is now. */
static inline void boot_claims(void)
{
	struct claims *c = &boot.s->claims;

	c->firmware_length = boot.send_firmware ? boot.firmware.len : 0;
	memset(c->firmware_digest, 0, SHA256_LEN);
	if (c->firmware_length)
		assert_ok(sha256_of(buf_bytes(&boot.firmware), c->firmware_digest, &boot.s->err),
			boot.s->err);
}

static inline void boot_machine(const char *name)
{
	boot_read(name, "firmware.log", &boot.firmware);
	boot_read(name, "ima.log", &boot.ima);
	boot_pcrs(name);
	boot.send_firmware = true;
	boot_claims();
}

static inline void boot_setup(const struct scene_keys *keys, const char *name)
{
	boot.s = scene_new(keys);
	boot.s->edit_evidence = boot_edit;
	boot_machine(name);
}

static inline void boot_teardown(void)
{
	scene_free(boot.s);
	buf_release(&boot.firmware);
	buf_release(&boot.ima);
	buf_release(&boot.systemd);
	buf_release(&boot.lines);
	memset(&boot, 0, sizeof(boot));
}

/* A line of `references:` for an object; extra: more keys, ", until: …". */
static inline void boot_reference(const char *kind, struct bytes object, const char *extra)
{
	uint8_t digest[SHA256_LEN];
	char hex[2 * SHA256_LEN + 1];

	assert_ok(sha256_of(object, digest, &boot.s->err), boot.s->err);
	hex_encode(BYTES_OF(digest), hex);
	if (boot.lines.len == 0)
		buf_put_str(&boot.lines, BOOT_CLASS);
	buf_printf(&boot.lines, "      - {kind: %s, sha256: %s%s}\n", kind, hex, extra);
}

/* The policy with the references so far and more lines of the class; approvals bind the new clause. */
static inline void boot_policy(const char *risk, const char *class_lines)
{
	struct scene *s = boot.s;

	buf_put_str(&boot.lines, class_lines);
	s->class_lines = risk;
	s->top_lines = buf_str(&boot.lines);
	assert_non_null(s->top_lines);
	scene_policy(s);
	for (size_t i = 0; i < SCENE_APPROVALS; i++)
		memcpy(s->approvals[i].approval.clause, s->policy->classes[0].clause, SHA256_LEN);
	scene_approve(s);
}

static inline void boot_attach(struct bytes object)
{
	assert_ok(policy_attach(boot.s->policy, object, &boot.s->err), boot.s->err);
}

/* The class `server` with one golden log: that of a recorded machine. */
static inline void boot_golden(const char *name, const char *extra, const char *class_lines)
{
	struct buf golden = {0};

	boot_read(name, "firmware.log", &golden);
	boot_reference("golden-log", buf_bytes(&golden), extra);
	boot_policy(BOOT_RISK, class_lines);
	boot_attach(buf_bytes(&golden));
	buf_release(&golden);
}

/* The log is what the host measured, and what its class expects. */
static inline void boot_made(struct log_maker *m, const char *risk, const char *class_lines)
{
	struct event_log log;
	struct pcr_bank pcrs;
	struct err err = {0};

	buf_clear(&boot.firmware);
	buf_put(&boot.firmware, buf_bytes(&m->out));
	for (unsigned pcr = 0; pcr < SCENE_PCR; pcr++)
		memset(boot.s->pcrs.values[pcr], 0, SHA256_LEN);
	assert_ok(
		event_log_open(buf_bytes(&boot.firmware), EVENT_LOG_TPM, DIGEST_SHA256, &log, &err),
		err);
	if (event_log_replay(&log, DIGEST_SHA256, &pcrs, &err))
		for (unsigned pcr = 0; pcr < SCENE_PCR; pcr++)
			memcpy(boot.s->pcrs.values[pcr], pcrs.values[pcr], SHA256_LEN);
	event_log_release(&log);
	boot_claims();
	buf_clear(&boot.lines);
	boot_reference("golden-log", buf_bytes(&boot.firmware), "");
	boot_policy(risk, class_lines);
	buf_release(&m->out);
}

/* One record of systemd's log, and what it extends: the hash of `measured`. */
static inline void boot_systemd(
	unsigned pcr, const char *type, const char *string, struct bytes measured)
{
	uint8_t digest[SHA256_LEN];
	char hex[2 * SHA256_LEN + 1];

	assert_ok(sha256_of(measured, digest, &boot.s->err), boot.s->err);
	hex_encode(BYTES_OF(digest), hex);
	buf_printf(&boot.systemd,
		"\x1e{\"pcr\":%u,\"digests\":[{\"hashAlg\":\"sha256\",\"digest\":\"%s\"}],"
		"\"content_type\":\"systemd\",\"content\":{\"string\":\"%s\",\"bootId\":"
		"\"00112233445566778899aabbccddeeff\",\"timestamp\":5,\"eventType\":\"%s\"}}\n",
		pcr, hex, string, type);
	assert_ok(pcr_extend(DIGEST_SHA256, boot.s->pcrs.values[pcr], digest, &boot.s->err),
		boot.s->err);
}

static inline const struct reason *boot_reason(enum reason_code code)
{
	for (size_t i = 0; i < boot.s->verdict->reason_count; i++)
		if (boot.s->verdict->reasons[i].code == code)
			return &boot.s->verdict->reasons[i];
	return NULL;
}

static inline bool boot_says(char (*lines)[REASON_TEXT_MAX], size_t count, const char *text)
{
	for (size_t i = 0; i < count; i++)
		if (strstr(lines[i], text))
			return true;
	return false;
}

#endif
