/* SPDX-License-Identifier: Apache-2.0 */
/* Policy files. An operator writes them; whoever reaches the verifier's configuration, or an auditor's bundle, can supply others. */
#include "policy/policy.h"

#include "policy/words.h"

#include <stdlib.h>

/* Any policy can be told in words, and is no different from itself. */
static void tell(const struct policy *policy)
{
	json_t *json = NULL;

	if (!policy_summary(policy, &json, NULL))
		abort();
	json_release(&json);
	for (size_t i = 0; i < policy->class_count; i++) {
		if (!policy_class_explain(policy, &policy->classes[i], &json, NULL))
			abort();
		json_release(&json);
	}
	if (!policy_diff(policy, policy, &json, NULL) ||
		json_array_size(json_object_get(json, "changes")) != 0)
		abort();
	json_release(&json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct policy *policy = NULL;
	struct err err = {0};

	if (!policy_parse(bytes_of(data, size), "policy.yaml", &policy, &err)) {
		if (err.code == ERR_NONE || err.text[0] == '\0' || policy)
			abort();
		return 0;
	}
	for (size_t i = 0; i < policy->class_count; i++) {
		const struct policy_class *c = &policy->classes[i];

		if (policy_class_find(policy, bytes_str(c->name)) != c || c->renew_after < 1 ||
			c->renew_after >= c->credential_lifetime ||
			c->credential_lifetime > CREDENTIAL_LIFETIME_MAX)
			abort();
	}
	tell(policy);
	policy_free(&policy);
	return 0;
}
