/* SPDX-License-Identifier: Apache-2.0 */
/* Which call of which kind is told to fail, and how many there were: what routes.h arms. */
#ifndef ASSAY_TESTS_FAULT_TOLD_H
#define ASSAY_TESTS_FAULT_TOLD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

/* One for the program: the seams have no room for a context. */
static struct {
	atomic_bool armed;
	size_t kind, at;
	atomic_size_t seen, failed;
} told;

static void told_arm(size_t kind, size_t at)
{
	told.kind = kind;
	told.at = at;
	told.seen = told.failed = 0;
	told.armed = true;
}

static size_t told_disarm(void)
{
	told.armed = false;
	return told.failed;
}

static size_t told_seen(void)
{
	return told.seen;
}

#endif
