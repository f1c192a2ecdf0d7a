/* SPDX-License-Identifier: Apache-2.0 */
/* A log under construction and what it opens to. */
#ifndef ASSAY_TESTS_UNIT_FIRMWARE_LOG_FIXTURE_H
#define ASSAY_TESTS_UNIT_FIRMWARE_LOG_FIXTURE_H

#include "tests/support/unit.h"

#include <stdlib.h>

#include "base/text.h"
#include "firmware/event_log.h"
#include "tests/support/event_log_make.h"

struct fixture {
	struct log_maker m;
	struct event_log log;
	struct buf certificate, text;
	struct err err;
};
static struct fixture f;

static inline int fixture_open(void **state)
{
	static const enum digest_alg banks[] = {DIGEST_SHA256, DIGEST_SHA1};
	(void)state;
	memset(&f, 0, sizeof(f));
	log_maker_start(&f.m, banks, 2);
	return firmware_data_read("golden-ca.der", &f.certificate) ? 0 : -1;
}

static inline int fixture_close(void **state)
{
	(void)state;
	event_log_release(&f.log);
	buf_release(&f.m.out);
	buf_release(&f.certificate);
	buf_release(&f.text);
	return 0;
}

/* Starts over with other banks; n = 0: a SHA-1 log. */
static inline void fixture_banks(const enum digest_alg *banks, size_t n)
{
	buf_release(&f.m.out);
	log_maker_start(&f.m, banks, n);
}

static inline void fixture_golden(bool secure_boot_off)
{
	struct golden golden = {
		.certificate = buf_bytes(&f.certificate), .secure_boot_off = secure_boot_off};
	log_maker_golden(&f.m, &golden);
}

static inline bool opens(enum digest_alg bank)
{
	event_log_release(&f.log);
	return event_log_open(buf_bytes(&f.m.out), EVENT_LOG_TPM, bank, &f.log, &f.err);
}

/* The text of one event of the opened log. */
static inline const char *text_of(size_t event)
{
	assert_true(event < f.log.count);
	buf_clear(&f.text);
	event_text(&f.log.events[event], &f.text);
	return buf_str(&f.text);
}

/* The index of the nth event of this type and PCR. */
static inline size_t event_find(uint32_t pcr, uint32_t type, size_t n)
{
	for (size_t i = 0; i < f.log.count; i++)
		if (f.log.events[i].pcr == pcr && f.log.events[i].type == type && n-- == 0)
			return i;
	fail_msg("no such event");
	return 0;
}

#define log_test(name) cmocka_unit_test_setup_teardown(name, fixture_open, fixture_close)

#endif
