/* SPDX-License-Identifier: Apache-2.0 */
/* What rows of sealed contents (vault.h) have in common, whatever is in them. Private to verifier/. */
#ifndef ASSAY_VERIFIER_ROWS_SEALED_H
#define ASSAY_VERIFIER_ROWS_SEALED_H

#include "verifier/rows.h"

/* The number of the data key that was stored last in this transaction, so that nobody has to wait for
 * it: numbers only grow, and keys stay. */
#define SEALED_NEWEST_KEY "(SELECT max(id) FROM data_keys)"

/* Borrowed. ERR_INTERNAL: the store has no content key. */
must_use bool sealed_vault(const struct sql *sql, struct vault **ret, struct err *err);
/* domain || 0 || name, appended: what a content is, for vault_seal. */
void sealed_identity(const char *domain, struct bytes name, struct buf *out);
/* Stores a data key: SEALED_NEWEST_KEY from here on. */
must_use bool sealed_key_put(
	struct sql *sql, const uint8_t wrapped[VAULT_WRAPPED_LEN], struct err *err);
/* The sealed content, appended; its data key is the newest. */
must_use bool sealed_make(struct sql *sql, const struct buf *identity, struct bytes content,
	struct buf *ret_sealed, struct err *err);
/* Columns of a query: destroyed, the data key (NULL: none any more), the sealed content, the data key's number. what: for
 * the error, "object". ERR_GONE: destroyed, and when. Appends. */
must_use bool sealed_open(struct sql *sql, const struct sql_query *q, const char *what,
	const struct buf *identity, struct buf *ret, struct err *err);
/* Overwritten, not deleted (rows_contents.c). The rest of it is the caller's row. */
must_use bool sealed_key_destroy(struct sql *sql, int64_t key, struct err *err);

#endif
