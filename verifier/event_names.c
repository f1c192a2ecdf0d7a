/* SPDX-License-Identifier: Apache-2.0 */
/* What events are called: whoever subscribes to one that there is not would never hear it. */
#include "verifier/event_names.h"

static const struct {
	enum leaf_type type;
	const char *name;
} events[] = {
	{LEAF_DECISION, "refused"},
	{LEAF_HOST_STATE, "host-state"},
	{LEAF_HOST_STATE, "host-invited"},
	{LEAF_HOST_STATE, "host-attributes"},
	{LEAF_INSTANCE_STATE, "instance-state"},
	{LEAF_INSTANCE_END, "instance-end"},
	{LEAF_WORKLOAD, "workload"},
	{LEAF_WORKLOAD, "workload-reviewed"},
	{LEAF_WORKLOAD, "workload-retired"},
	{LEAF_WORKLOAD, "version-floor"},
	{LEAF_WORKLOAD, "version-floor-rollback"},
	{LEAF_RELEASE, "release"},
	{LEAF_RELEASE, "release-revoked"},
	{LEAF_RELEASE, "statement"},
	{LEAF_RELEASE, "statement-withdrawn"},
	{LEAF_ROLLOUT, "rollout"},
	{LEAF_POLICY, "policy"},
	{LEAF_POLICY, "policy-staged"},
	{LEAF_POLICY, "policy-activation-set"},
	{LEAF_POLICY, "policy-withdrawn"},
	{LEAF_POLICY, "shadow-ended"},
	{LEAF_POLICY, "security-floor"},
	{LEAF_ELEVATION, "elevation"},
	{LEAF_ELEVATION, "elevation-asked"},
	{LEAF_ELEVATION, "elevation-approved"},
	{LEAF_ELEVATION, "elevation-denied"},
	{LEAF_ELEVATION, "elevation-begun"},
	{LEAF_ELEVATION, "elevation-lapsed"},
	{LEAF_ELEVATION, "elevation-ended"},
	{LEAF_ELEVATION, "elevation-revoked"},
};

const char *event_name_at(size_t i)
{
	return i < ARRAY_LEN(events) ? events[i].name : NULL;
}

bool event_known(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(events); i++)
		if (strcmp(events[i].name, name) == 0)
			return true;
	return false;
}

bool event_fits(enum leaf_type type, const char *name)
{
	bool told = false;
	for (size_t i = 0; i < ARRAY_LEN(events); i++) {
		if (events[i].type != type)
			continue;
		told = true;
		if (name && strcmp(events[i].name, name) == 0)
			return true;
	}
	return !told;
}
