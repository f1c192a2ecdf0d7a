/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the workload spec share; private to attest/spec*.c. */
#ifndef ASSAY_ATTEST_SPEC_INTERNAL_H
#define ASSAY_ATTEST_SPEC_INTERNAL_H

#include "attest/spec.h"

/* One piece of a command word: text as it is, or the name of an argument. */
struct spec_piece {
	struct bytes text;
	bool argument;
};
/* The piece at *at, which moves behind it. False at the end of the word, and, with *ret_malformed
 * set, at a `$` that begins neither `${name}` nor `$$`. */
bool spec_piece_next(const char **at, struct spec_piece *ret, bool *ret_malformed);
/* The index of an argument, or SIZE_MAX. */
size_t spec_argument_of(const struct spec *spec, struct bytes name);

/* 1..max bytes, no control characters. */
bool spec_text_ok(const char *text, size_t max);
/* Absolute, no empty, "." or ".." component, no slash at the end ("/" itself is fine). */
bool spec_path_ok(const char *path);
/* Everything that the schema cannot say. */
must_use bool spec_check(struct spec *spec, struct err *err);
must_use bool spec_check_environment(const struct spec *spec, struct err *err);
/* pem NULL: none. A public key that something can be sealed for: EC or RSA. */
must_use bool spec_take_environment_key(const char *pem, struct spec *spec, struct err *err);

#endif
