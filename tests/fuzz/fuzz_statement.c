/* SPDX-License-Identifier: Apache-2.0 */
/* in-toto statements of releases, approvals, rollback approvals and withdrawals. CI jobs and approvers publish them; they are parsed before their signatures are
 * judged, so anybody who may publish can supply these bytes. */
#include "policy/policy.h"
#include "policy/withdrawal.h"

#include <stdlib.h>

static void same(struct bytes first, struct buf *again)
{
	if (!bytes_equal(first, buf_bytes(again)))
		abort();
}

/* What was read can be written, and what was written reads and writes the same. */
static void release_twice(const struct release *release)
{
	struct buf first = {0}, second = {0};
	struct release *back = NULL;
	struct err err = {0};

	if (!release_statement(release, &first, &err) ||
		!release_parse(buf_bytes(&first), &back, &err) ||
		!release_statement(back, &second, &err))
		abort();
	same(buf_bytes(&first), &second);
	release_free(&back);
	buf_release(&first);
	buf_release(&second);
}

static void approval_twice(const struct approval *approval, bool rollback)
{
	struct buf first = {0}, second = {0};
	struct approval *back = NULL;
	struct err err = {0};

	if (!(rollback ? rollback_approval_statement : approval_statement)(
		    approval, &first, &err) ||
		!(rollback ? rollback_approval_parse : approval_parse)(
			buf_bytes(&first), &back, &err) ||
		!(rollback ? rollback_approval_statement : approval_statement)(back, &second, &err))
		abort();
	same(buf_bytes(&first), &second);
	approval_free(&back);
	buf_release(&first);
	buf_release(&second);
}

static void withdrawal_twice(const struct withdrawal *withdrawal)
{
	struct buf first = {0}, second = {0};
	struct withdrawal back = {0};
	struct err err = {0};

	if (!withdrawal_statement(withdrawal, &first, &err) ||
		!withdrawal_parse(buf_bytes(&first), &back, &err) ||
		!withdrawal_statement(&back, &second, &err))
		abort();
	same(buf_bytes(&first), &second);
	withdrawal_release(&back);
	buf_release(&first);
	buf_release(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct release *release = NULL;
	struct approval *approval = NULL;
	struct withdrawal withdrawal = {0};
	struct err err = {0};

	if (release_parse(bytes_of(data, size), &release, &err))
		release_twice(release);
	if (approval_parse(bytes_of(data, size), &approval, &err))
		approval_twice(approval, false);
	approval_free(&approval);
	if (rollback_approval_parse(bytes_of(data, size), &approval, &err))
		approval_twice(approval, true);
	if (withdrawal_parse(bytes_of(data, size), &withdrawal, &err))
		withdrawal_twice(&withdrawal);
	withdrawal_release(&withdrawal);
	release_free(&release);
	approval_free(&approval);
	return 0;
}
