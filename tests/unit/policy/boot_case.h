/* SPDX-License-Identifier: Apache-2.0 */
/* What the test_decision_* programs about a machine's boot share: its log as it is written, what its class expects of it. */
#ifndef ASSAY_TESTS_UNIT_POLICY_BOOT_CASE_H
#define ASSAY_TESTS_UNIT_POLICY_BOOT_CASE_H

#include "boot_scene.h"
#include "policy/boot.h"

static const enum digest_alg banks[] = {DIGEST_SHA256};
static struct scene_keys keys;
static struct log_maker maker;

#define ANY "    secure_boot: any\n"

static inline int group_setup(void **state)
{
	(void)state;
	scene_keys_make(&keys);
	return 0;
}

static inline int group_teardown(void **state)
{
	(void)state;
	scene_keys_free(&keys);
	return 0;
}

static inline int setup(void **state)
{
	(void)state;
	boot_setup(&keys, "secure-boot");
	return 0;
}

static inline int teardown(void **state)
{
	(void)state;
	boot_teardown();
	return 0;
}

/* A log with every separator, to be added to; boot_made takes it. */
static inline void log_start(void)
{
	log_maker_start(&maker, banks, ARRAY_LEN(banks));
	log_maker_separators(&maker, 0, 7);
}

/* The log so far, as what a reference expects. */
static inline void take_golden(struct buf *golden)
{
	buf_put(golden, buf_bytes(&maker.out));
	buf_release(&maker.out);
}

/* The class expects `golden`; the machine has what `maker` has written. */
static inline void run_against(const struct buf *golden, const char *extra, const char *class_lines)
{
	boot_made(&maker, BOOT_RISK, class_lines);
	buf_clear(&boot.lines);
	boot_reference("golden-log", buf_bytes(golden), extra);
	boot_policy(BOOT_RISK, class_lines);
	boot_attach(buf_bytes(golden));
	scene_run(boot.s);
}

static inline bool checked(const char *text)
{
	return boot_says(boot.s->verdict->checked, boot.s->verdict->checked_count, text);
}

static inline bool not_checked(const char *text)
{
	return boot_says(boot.s->verdict->not_checked, boot.s->verdict->not_checked_count, text);
}

static inline void assert_first(
	enum reason_code code, const char *expected, const char *actual, const char *where)
{
	const struct reason *r = &boot.s->verdict->reasons[0];

	assert_true(boot.s->verdict->reason_count > 0);
	assert_int_equal(r->code, code);
	assert_string_equal(r->expected, expected);
	assert_string_equal(r->actual, actual);
	assert_string_equal(r->where, where);
}

#endif
