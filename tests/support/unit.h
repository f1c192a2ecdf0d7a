/* SPDX-License-Identifier: Apache-2.0 */
/* cmocka with what it wants included before it, and the asserts that our error convention asks for.
 */
#ifndef ASSAY_TESTS_SUPPORT_UNIT_H
#define ASSAY_TESTS_SUPPORT_UNIT_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/bytes.h"

/* The call succeeds; prints the error otherwise. `error` is the struct err that the call is given.
 */
#define assert_ok(call, error)                                                                     \
	do {                                                                                       \
		(error).text[0] = '\0';                                                            \
		if (!(call))                                                                       \
			fail_msg("%s: %s", #call, (error).text);                                   \
	} while (0)

/* The call fails with this code and exactly this text. */
#define assert_fails(call, error, wanted_code, wanted_text)                                        \
	do {                                                                                       \
		(error) = (struct err){0};                                                         \
		if (call)                                                                          \
			fail_msg("%s: succeeded, wanted \"%s\"", #call, wanted_text);              \
		assert_string_equal((error).text, wanted_text);                                    \
		assert_int_equal((error).code, wanted_code);                                       \
	} while (0)

#define assert_bytes(actual, wanted)                                                               \
	do {                                                                                       \
		struct bytes actual_ = (actual), wanted_ = (wanted);                               \
		assert_int_equal(actual_.len, wanted_.len);                                        \
		if (actual_.len)                                                                   \
			assert_memory_equal(actual_.data, wanted_.data, actual_.len);              \
	} while (0)

#endif
