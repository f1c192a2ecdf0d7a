/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/approval_options.h"

#include "base/time.h"

#define APPROVAL_LIFETIME_MAX (366 * 86400)

bool approval_class(struct cli *cli, const struct release *release, const struct policy *policy,
	const struct policy_class **ret)
{
	*ret = policy_class_find(policy, bytes_str(release->risk_class));
	return *ret || err_set(&cli->err, ERR_CONFIG, "the policy has no risk class %s",
			       ESC(bytes_str(release->risk_class)));
}

bool approval_of_options(struct cli *cli, const struct release *release,
	const struct policy_class *class, const char *lifetime_default, struct approval *ret)
{
	const char *person = NULL, *role = NULL, *environment = NULL, *reason = NULL;
	int64_t lifetime = 0;
	if (!option_required(cli, "person", &person) || !option_required(cli, "role", &role) ||
		!option_required(cli, "env", &environment) ||
		!option_required(cli, "reason", &reason))
		return false;
	if (!time_parse_duration(bytes_str(option_or(cli, "expires", lifetime_default)),
		    APPROVAL_LIFETIME_MAX, &lifetime, &cli->err)) {
		cli->err.code = ERR_USAGE;
		return err_wrap(&cli->err, "--expires");
	}
	const char *change = option(cli, "change-request");
	*ret = (struct approval){
		.environment = strdup(environment),
		.person = strdup(person),
		.role = strdup(role),
		.reason = strdup(reason),
		.change_request = change ? strdup(change) : NULL,
		.issued = clock_wall(&clock_system),
	};
	ret->expires = ret->issued + lifetime;
	memcpy(ret->release, release->digest, SHA256_LEN);
	memcpy(ret->clause, class->clause, SHA256_LEN);
	return (ret->environment && ret->person && ret->role && ret->reason &&
		       (!change || ret->change_request)) ||
	       err_set(&cli->err, ERR_NOMEM, "approval");
}
