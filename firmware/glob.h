/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Patterns over paths, byte by byte:
 *
 *   *      any run of bytes but '/'
 *   **     any run of bytes, '/' too; also an empty one
 *   ?      one byte but '/'
 *   [a-z]  one byte of the set, never '/'; [!a-z] or [^a-z] one that is not in it
 *   \c     the byte c itself, in a set too
 *
 * Matching keeps the set of positions in the pattern that are still possible, so it takes at most
 * length of path times length of pattern steps whatever the pattern: nothing backtracks.
 */
#ifndef ASSAY_FIRMWARE_GLOB_H
#define ASSAY_FIRMWARE_GLOB_H

#include "base/bytes.h"

#define GLOB_MAX 512

/* ERR_FORMAT for a set that is not closed, holds '/' or a range that runs backwards, for a backslash
 * at the end and for a NUL; ERR_LIMIT above GLOB_MAX bytes; ERR_FORMAT for an empty pattern. */
must_use bool glob_check(struct bytes pattern, struct err *err);
/* The whole path matches. A pattern that glob_check refuses matches nothing. */
bool glob_match(struct bytes pattern, struct bytes path);
/* Length of the text in front of the first wildcard, escapes not resolved: what every match begins
 * with when the pattern has no backslash. */
size_t glob_literal_len(struct bytes pattern);

#endif
