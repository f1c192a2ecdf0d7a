/* SPDX-License-Identifier: Apache-2.0 */
/* What a person says in an approval, of a release or of a rollback, as options. */
#ifndef ASSAY_CLI_APPROVAL_OPTIONS_H
#define ASSAY_CLI_APPROVAL_OPTIONS_H

#include "cli/cli.h"
#include "policy/policy.h"

#define APPROVAL_OPTIONS(lifetime)                                                                 \
	{"key", "URI", OPTION_VALUE, "the approver's private key: a file, or an OSSL_STORE URI"},  \
		{"person", "NAME", OPTION_VALUE, "who approves, as the policy names him"},         \
		{"role", "ROLE", OPTION_VALUE, "in which role"},                                   \
		{"env", "NAME", OPTION_VALUE, "for which environment (prod)"},                     \
		{"reason", "TEXT", OPTION_VALUE, "why"},                                           \
		{"change-request", "ID", OPTION_VALUE, "under which change request"},              \
		{"expires", "DURATION", OPTION_VALUE, "how long it holds (default " lifetime ")"}, \
		{"policy", "FILE", OPTION_VALUE,                                                   \
			"policy file that holds the clause (default: asked of the verifier)"},     \
	{                                                                                          \
		"out", "FILE", OPTION_VALUE,                                                       \
			"write the signed statement there (default: standard output)"              \
	}

/* The class that the release names. */
must_use bool approval_class(struct cli *cli, const struct release *release,
	const struct policy *policy, const struct policy_class **ret);
/* Person, role, environment, reason, times, release and clause; lifetime: without --expires. */
must_use bool approval_of_options(struct cli *cli, const struct release *release,
	const struct policy_class *class, const char *lifetime, struct approval *ret);

#endif
