/* SPDX-License-Identifier: Apache-2.0 */
/* Floors in one line each, as the verifier answers them. */
#ifndef ASSAY_CLI_FLOOR_TEXT_H
#define ASSAY_CLI_FLOOR_TEXT_H

#include "cli/cli.h"

/* Appends "1.5.0 (move 2, since 2026-…)"; "none" for null. Not escaped. */
void version_floor_text(struct buf *out, const json_t *floor);
/* Appends "1.4.1 (statement 3, since 2026-…)", "lifted (…)"; "none" for null. Not escaped. */
void security_floor_text(struct buf *out, const json_t *floor);
/* Both, from an object that has them as version_floor and security_floor; escaped. */
void floors_print(const json_t *object, FILE *out);
/* The sequence of the security floor behind the one in force, as the register's view of a workload tells of that. ERR_FORMAT
 * where there is none: nobody signs the last one that there is because a verifier says so. */
must_use bool floor_next_sequence(const json_t *view, int64_t *ret, struct err *err);

#endif
