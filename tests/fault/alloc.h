/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory that runs out at an allocation of the test's choice: those of our own code, of jansson and of libcyaml,
 * and of OpenSSL. The linker's --wrap leads the calls here (tests/fault/CMakeLists.txt).
 */
#ifndef ASSAY_TESTS_FAULT_ALLOC_H
#define ASSAY_TESTS_FAULT_ALLOC_H

#include "tests/support/unit.h"

#include <cyaml/cyaml.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

void *real_malloc(size_t size) __asm__("__real_malloc");
void *real_calloc(size_t n, size_t size) __asm__("__real_calloc");
void *real_realloc(void *old, size_t size) __asm__("__real_realloc");
void *real_reallocarray(void *old, size_t n, size_t size) __asm__("__real_reallocarray");
char *real_strdup(const char *text) __asm__("__real_strdup");
void *real_cyaml_mem(void *context, void *old, size_t size) __asm__("__real_cyaml_mem");

void *fault_malloc(size_t size) __asm__("__wrap_malloc");
void *fault_calloc(size_t n, size_t size) __asm__("__wrap_calloc");
void *fault_realloc(void *old, size_t size) __asm__("__wrap_realloc");
void *fault_reallocarray(void *old, size_t n, size_t size) __asm__("__wrap_reallocarray");
char *fault_strdup(const char *text) __asm__("__wrap_strdup");
void *fault_cyaml_mem(void *context, void *old, size_t size) __asm__("__wrap_cyaml_mem");

static struct fault_alloc {
	atomic_bool armed;
	bool for_good; /* every allocation from that one on fails, not it alone */
	size_t at;
	atomic_size_t seen, failed;
} fault_alloc;
/* A thread of the test itself: its allocations are no part of this. */
static _Thread_local bool fault_exempt;

static bool fault_now(void)
{
	if (!fault_alloc.armed || fault_exempt)
		return false;
	size_t n = atomic_fetch_add(&fault_alloc.seen, 1);
	bool fails = fault_alloc.for_good ? n >= fault_alloc.at : n == fault_alloc.at;
	if (fails)
		fault_alloc.failed++;
	return fails;
}

void *fault_malloc(size_t size)
{
	return fault_now() ? NULL : real_malloc(size);
}
void *fault_calloc(size_t n, size_t size)
{
	return fault_now() ? NULL : real_calloc(n, size);
}
void *fault_realloc(void *old, size_t size)
{
	return fault_now() ? NULL : real_realloc(old, size);
}
void *fault_reallocarray(void *old, size_t n, size_t size)
{
	return fault_now() ? NULL : real_reallocarray(old, n, size);
}
char *fault_strdup(const char *text)
{
	return fault_now() ? NULL : real_strdup(text);
}
void *fault_cyaml_mem(void *context, void *old, size_t size)
{
	return size > 0 && fault_now() ? NULL : real_cyaml_mem(context, old, size);
}

static void fault_alloc_arm(size_t at, bool for_good)
{
	fault_alloc.at = at;
	fault_alloc.for_good = for_good;
	fault_alloc.seen = fault_alloc.failed = 0;
	fault_alloc.armed = true;
}

/* Whether one failed since. */
static bool fault_alloc_disarm(void)
{
	fault_alloc.armed = false;
	return fault_alloc.failed > 0;
}

/* One thing that is tried with each of its allocations failing in turn. */
struct fault_case {
	/* Does it; whatever it made is kept by the test. */
	bool (*run)(struct err *err);
	/* It said yes: what was made is what is made when memory does not run out. */
	void (*check)(void);
	/* Frees what was made, half of it or all; NULL: nothing. */
	void (*release)(void);
};

static inline void fault_case_once(
	const struct fault_case *c, size_t at, bool for_good, bool *ret_more)
{
	struct err err = {0};
	fault_alloc_arm(at, for_good);
	bool ok = c->run(&err);
	*ret_more = fault_alloc_disarm();
	if (!ok && !*ret_more)
		fail_msg("nothing failed, and yet: %s", err.text);
	if (ok)
		c->check();
	else if (err.code != ERR_NOMEM || err.text[0] == '\0')
		fail_msg("allocation %zu failed%s: %s: \"%s\" instead of out of memory", at,
			for_good ? ", and all after it" : "", err_code_name(err.code), err.text);
	if (c->release)
		c->release();
}

/* The sanitizers make each several times as slow: every fifth there, another one alone than with those after it. */
#ifdef ASSAY_SANITIZED
#define FAULT_STEP 5u
#else
#define FAULT_STEP 1u
#endif

/* For k = 0, 1, …: until no allocation is left that could fail. Once with that one failing alone, once with all after it. */
static inline void fault_case_run(const struct fault_case *c)
{
	for (int for_good = 0; for_good < 2; for_good++) {
		bool more = true;
		for (size_t at = (size_t)for_good % FAULT_STEP; more; at += FAULT_STEP)
			fault_case_once(c, at, for_good, &more);
	}
	assert_true(fault_alloc.seen > 0);
}

#endif
