/* SPDX-License-Identifier: Apache-2.0 */
/* A boot_scene whose class judges the IMA log too: rules that approve what the recorded machine ran, and one of its programs
 * in the place of assay-hostd. */
#ifndef ASSAY_TESTS_UNIT_POLICY_IMA_SCENE_H
#define ASSAY_TESTS_UNIT_POLICY_IMA_SCENE_H

#include "tests/unit/policy/boot_scene.h"

#include "tests/support/ima_make.h"

#define GOOD              "secure-boot"
#define IMA_SCENE_ENTRIES 41

static struct buf rules, class_lines;

/* Rules that approve a log as it is: what the findings themselves propose, a person not asked. */
static inline void ima_rules_of(struct bytes log, struct buf *out)
{
	struct err err = {0};

	for (unsigned round = 0; round < 10; round++) {
		struct ima_rules *so_far = NULL;
		struct ima_findings *findings = calloc(1, sizeof(*findings));
		struct ima_input in = {.log = log};
		struct ima_state state;
		size_t before = out->len;

		assert_non_null(findings);
		assert_ok(ima_rules_parse(buf_bytes(out), &so_far, &err), err);
		assert_ok(ima_state_start(&state, DIGEST_SHA256, DIGEST_SHA1, &err), err);
		in.rules = so_far;
		assert_ok(ima_judge(&in, IMA_SCENE_ENTRIES, &state, findings, &err), err);
		for (size_t i = 0; i < findings->count; i++) {
			size_t at = out->len;

			ima_finding_rule(&findings->list[i], out);
			if (out->len > at)
				buf_put_str(out, "\n");
		}
		ima_rules_free(&so_far);
		free(findings);
		if (out->len == before)
			return;
	}
	fail_msg("the rules never end");
}

/* A program that the machine ran, in the place of assay-hostd. */
static inline void ima_hostd_line(struct bytes log, const char *path, struct buf *out)
{
	struct err err = {0};
	struct ima_log cursor;
	struct ima_entry entry;
	char hex[2 * SHA256_LEN + 1];

	assert_ok(ima_log_open(log, DIGEST_SHA1, 0, &cursor, &err), err);
	while (!ima_log_end(&cursor)) {
		assert_ok(ima_log_next(&cursor, &entry, &err), err);
		if (!bytes_equal_str(entry.path, path))
			continue;
		hex_encode(entry.digest, hex);
		buf_printf(out,
			"    ima:\n      lockdown: secure-boot\n      hostd: [ {path: %s, sha256: "
			"%s} ]\n",
			path, hex);
		return;
	}
	fail_msg("%s is not in the log", path);
}

/* The class `server`: golden log, rules, hostd. */
static inline void policy_with(const char *rules_extra)
{
	struct buf golden = {0};

	boot_read(GOOD, "firmware.log", &golden);
	buf_clear(&boot.lines);
	boot_reference("golden-log", buf_bytes(&golden), "");
	boot_reference("ima-rules", buf_bytes(&rules), rules_extra);
	boot_policy(BOOT_RISK "    minimum_assurance: measured\n", buf_str(&class_lines));
	boot_attach(buf_bytes(&golden));
	boot_attach(buf_bytes(&rules));
	buf_release(&golden);
}

static inline void ima_setup(const struct scene_keys *keys)
{
	boot_setup(keys, GOOD);
	boot.send_ima = true;
	ima_rules_of(buf_bytes(&boot.ima), &rules);
	ima_hostd_line(buf_bytes(&boot.ima), "/usr/bin/busybox", &class_lines);
	policy_with("");
}

static inline void ima_teardown(void)
{
	boot_teardown();
	buf_release(&rules);
	buf_release(&class_lines);
}

/* Renewal after the machine wrote more: the log from the state's next entry on. */
static inline void ima_renewal(void)
{
	scene_renewal(boot.s);
	boot.send_firmware = false;
	boot_claims();
	boot.s->claims.ima_start = boot.s->state_in.ima.next;
	buf_clear(&boot.ima);
}

/* What the kernel extends for the last entry. */
static inline void ima_extend_last(void)
{
	struct ima_log cursor;
	struct ima_entry entry;
	struct digest digest;
	struct err err = {0};

	assert_ok(ima_log_open(buf_bytes(&boot.ima), DIGEST_SHA1, 0, &cursor, &err), err);
	while (!ima_log_end(&cursor))
		assert_ok(ima_log_next(&cursor, &entry, &err), err);
	assert_ok(ima_template_digest(&entry, DIGEST_SHA256, &digest, &err), err);
	assert_ok(pcr_extend(DIGEST_SHA256, boot.s->pcrs.values[IMA_PCR], digest.bytes, &err), err);
}

#endif
