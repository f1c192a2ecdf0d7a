/* SPDX-License-Identifier: Apache-2.0 */
/* SQL in SQLite's words put into PostgreSQL's, word by word. */
#ifndef ASSAY_VERIFIER_SQL_POSTGRES_TEXT_H
#define ASSAY_VERIFIER_SQL_POSTGRES_TEXT_H

#include "base/bytes.h"

/*
 * Appends the text with ?1 as $1 and x'00' as '\x00'::bytea. schema: also the types and clauses that
 * tables and triggers are made with:
 *   INTEGER PRIMARY KEY  bigint that counts by itself      INTEGER  bigint
 *   BLOB                 bytea                             TEXT     text that sorts by its bytes
 *   STRICT, WITHOUT ROWID  nothing
 *   BEGIN SELECT RAISE(ABORT, 'why'); END  the function assay_refuse('why'), for each row
 *   WHEN (condition) BEGIN …  the same, for each row of which that holds
 *   DROP TRIGGER leaves_fixed  of its table
 * What is between quotes stays as it is. ERR_NOMEM.
 */
must_use bool postgres_text(const char *text, bool schema, struct buf *out, struct err *err);

#endif
