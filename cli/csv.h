/* SPDX-License-Identifier: Apache-2.0 */
/* Comma-separated values, RFC 4180: lines end with CR LF; a cell with a comma, a quote, a line end or
 * a space at its edge is quoted, quotes doubled. */
#ifndef ASSAY_CLI_CSV_H
#define ASSAY_CLI_CSV_H

#include "base/bytes.h"

/* Appends a cell, with a comma before it unless it is the line's first. A cell that a spreadsheet
 * would take for a formula (=, +, -, @, a tab or a line end first, full-width forms too) gets an
 * apostrophe before it, which shows it as text. Bytes that are not UTF-8, and NUL, become '?'. */
void csv_cell(struct buf *out, struct bytes text, bool first);
void csv_end(struct buf *out);

#endif
