/* SPDX-License-Identifier: Apache-2.0 */
#include "verifier/retention_rows.h"

/* The key of the one before is destroyed; the new one is sealed under a key of its own. */
bool leaf_content_replace(
	struct sql *sql, const struct leaf_row *row, struct bytes content, struct err *err)
{
	return leaf_content_destroy(sql, row->index, err) &&
	       sql_exec(sql, "DELETE FROM leaf_contents WHERE idx=?1", SQL_ARGS(sql_u(row->index)),
		       NULL, err) &&
	       leaf_content_put(sql, row->index, BYTES_OF(row->salt), content, err);
}
