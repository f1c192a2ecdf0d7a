/* SPDX-License-Identifier: Apache-2.0 */
/* Audit bundles judged by another policy. Whoever hands them over for a rehearsal supplies them; no signature is asked for, so
 * everything in them is reached. */
#include "ledger/audit_reappraise.h"

#include <stdlib.h>

#include "tests/fuzz/reappraise_policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct reappraisal again;
	static struct policy *policy;
	struct err err = {0};

	if (!policy && !policy_parse(BYTES_LIT(REAPPRAISE_POLICY), "policy.yaml", &policy, &err))
		abort();
	if (!audit_reappraise(bytes_of(data, size), policy, &again, &err)) {
		if (err.code == ERR_NONE || err.text[0] == '\0' || again.decided)
			abort();
		return 0;
	}
	if (again.decided == (again.why != NULL) || (!again.decided && again.after.trusted))
		abort();
	return 0;
}
