/* SPDX-License-Identifier: Apache-2.0 */
/* The values of the agent's environment: kept in the launch record, for the key that the class names. */
#include <stdio.h>

#include "base/text.h"
#include "policy/appraisal.h"

static void refuse(struct appraisal *a)
{
	const struct runtime_launch *launch = &a->runtime.launch;
	char expected[96], actual[96], hex[2 * SHA256_LEN + 1], where[48];

	hex_encode(bytes_of(key_id(a->class->environment_key), SHA256_LEN), hex);
	snprintf(expected, sizeof(expected), "kept for key %s", hex);
	hex_encode(BYTES_OF(launch->kept_for), hex);
	snprintf(actual, sizeof(actual), "kept for key %s", hex);
	snprintf(where, sizeof(where), "runtime log record %llu",
		(unsigned long long)a->runtime.launch_recnum);
	verdict_refuse(a->verdict, REASON_ENVIRONMENT_NOT_KEPT, "environment values", expected,
		launch->kept ? actual : "not kept", where, NULL);
}

/* The launch record of a renewal is the one accepted under this very policy. That the record is in the
 * log, and what it holds, the TPM vouches for; what is sealed in it only the key's holder can see. */
bool check_environment(struct appraisal *a, struct err *err)
{
	const struct runtime_launch *launch = &a->runtime.launch;

	(void)err;
	if (!a->class || !a->class->environment_key || !a->runtime.replayed)
		return true;
	if (a->full && a->runtime.launches != 1)
		return true; /* refused for that */
	/* Of a record that keeps none it is zeros. */
	if (a->full &&
		memcmp(launch->kept_for, key_id(a->class->environment_key), SHA256_LEN) != 0) {
		refuse(a);
		return true;
	}
	verdict_checked(a->verdict,
		a->full ? "environment values: kept in the launch record for the class's key"
			: "environment values: kept by the launch accepted earlier");
	verdict_not_checked(a->verdict,
		"what was kept of the environment: sealed; whoever holds the key can hold it "
		"against the record");
	return true;
}
