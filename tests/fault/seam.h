/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls between files that fail when told to: one after the other, everything else as it is shipped. CMakeLists.txt tells
 * the linker which ones; a program names each with SEAM. Calls of another group than the one asked for never fail.
 */
#ifndef ASSAY_TESTS_FAULT_SEAM_H
#define ASSAY_TESTS_FAULT_SEAM_H

#include "tests/support/unit.h"

static struct {
	bool armed;
	unsigned group;
	enum err_code code;
	size_t at, seen;
	void (*before)(void); /* each run, nothing failing; NULL: nothing */
	bool strict; /* not even "no memory" in other words than those of the call that failed */
} seam;

static inline bool seam_fails(unsigned group, struct err *err)
{
	if (!seam.armed || seam.group != group || seam.seen++ != seam.at)
		return false;
	(void)err_set(err, seam.code, "told to fail");
	return true;
}

/* `name`(params) becomes the linker's __wrap_name. */
#define SEAM_OF(number, name, params, args)                                                        \
	bool real_##name params __asm__("__real_" #name);                                          \
	bool seam_##name params __asm__("__wrap_" #name);                                          \
	bool seam_##name params                                                                    \
	{                                                                                          \
		return !seam_fails(number, err) && real_##name args;                               \
	}
#define SEAM(name, params, args) SEAM_OF(0, name, params, args)

static inline void seam_begin(void)
{
	seam.armed = false;
	if (seam.before)
		seam.before();
	seam.seen = 0;
	seam.armed = true;
}

static inline void each_seam_with(
	enum err_code code, bool (*run)(struct err *err), void (*nothing_left)(void))
{
	struct err err = {0};
	size_t calls;

	seam.code = code;
	seam.at = SIZE_MAX;
	seam_begin();
	assert_ok(run(&err), err);
	calls = seam.seen;
	assert_true(calls > 0);
	for (seam.at = 0; seam.at < calls; seam.at++) {
		seam_begin();
		err = (struct err){0};
		if (run(&err))
			fail_msg("call %zu of %zu failed, and it was decided", seam.at, calls);
		if ((err.code != code || !strstr(err.text, "told to fail")) &&
			(seam.strict || err.code != ERR_NOMEM || !strstr(err.text, "no memory")))
			fail_msg("call %zu of %zu failed: %s: \"%s\"", seam.at, calls,
				err_code_name(err.code), err.text);
		if (nothing_left)
			nothing_left();
	}
	seam.armed = false;
}

/* Runs once with nothing failing, then with call 0, 1, … failing: undecided, for want of memory or for a fault of our own. */
static inline void each_seam(bool (*run)(struct err *err), void (*nothing_left)(void))
{
	each_seam_with(ERR_NOMEM, run, nothing_left);
	each_seam_with(ERR_INTERNAL, run, nothing_left);
}

static inline bool all_zero(const void *data, size_t size)
{
	const uint8_t *bytes = data;

	for (size_t i = 0; i < size; i++)
		if (bytes[i])
			return false;
	return true;
}

#endif
