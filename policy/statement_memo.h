/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Releases and approvals as read, remembered beside the policy they are judged by: the same few envelopes come with every
 * renewal of every agent. Reading depends on the bytes alone, so that what is remembered under their digest is what reading
 * would give; whether it counts is judged anew each time. Private to policy/. Safe to share between threads.
 */
#ifndef ASSAY_POLICY_STATEMENT_MEMO_H
#define ASSAY_POLICY_STATEMENT_MEMO_H

#include "crypto/dsse.h"
#include "policy/policy.h"

#define STATEMENT_MEMO_PLACES 128u
#define STATEMENT_MEMO_BYTES  (64u << 10) /* of an envelope; larger ones are read each time */

struct statement_memo;
void statement_memo_free(struct statement_memo *memo); /* NULL is fine */

/* The envelope opened (release_open_intoto) and its statement parsed. What is returned is shared: it is freed as its own, and
 * not changed. Errors are those of reading. */
must_use bool release_of_envelope(const struct policy *policy, struct bytes envelope,
	struct dsse **ret_dsse, struct release **ret_release, struct err *err);
/* rollback: an approval of a rollback is expected, and no other is one. */
must_use bool approval_of_envelope(const struct policy *policy, struct bytes envelope,
	bool rollback, struct dsse **ret_dsse, struct approval **ret_approval, struct err *err);

#endif
