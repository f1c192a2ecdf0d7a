/* SPDX-License-Identifier: Apache-2.0 */
/* What an auditor knows from elsewhere and pins: the verifier's key or CA, the ledger's key and
 * witnesses, who may sign policies. */
#ifndef ASSAY_CLI_AUDIT_PINS_H
#define ASSAY_CLI_AUDIT_PINS_H

#include "cli/cli.h"
#include "ledger/audit.h"

#define AUDIT_PIN_OPTIONS                                                                          \
	{"ca", "FILE", OPTION_REPEATED, "the verifier's CA certificate, as you know it"},          \
		{"key", "PEM", OPTION_REPEATED, "the verifier's signing key, as you know it"},     \
		{"log-policy", "FILE", OPTION_VALUE,                                               \
			"the ledger's key, witnesses and quorum, as you know them (tlog-policy)"}, \
		{"log-host-ak", "FILE", OPTION_VALUE,                                              \
			"the attestation key of the verifier's host, as you know it"},             \
		{"receipt-key", "PEM", OPTION_VALUE, "the ledger's receipt key, as you know it"},  \
		{"policy-keys", "PEM", OPTION_REPEATED,                                            \
			"public key of a person who may sign policies, as you know it"},           \
	{                                                                                          \
		"policy-threshold", "N", OPTION_VALUE,                                             \
			"how many of them must have signed (default: all)"                         \
	}

struct audit_pins {
	struct key *keys[CLI_REPEATS_MAX];
	struct cert *roots[CLI_REPEATS_MAX];
	size_t key_count, root_count;
	struct tlog_policy *log_policy;
	struct key *receipt_key, *log_host_ak;
	struct policy_signers policy_signers;
};

/* Reads the options; what was read is released by the caller, also after an error in cli->err. */
must_use bool audit_pins_load(struct cli *cli, struct audit_pins *ret);
/* --log-policy alone; NULL: not given. */
must_use bool audit_log_policy_load(struct cli *cli, struct tlog_policy **ret);
/* --log-host-ak alone: PEM, TPMT_PUBLIC or TPM2B_PUBLIC; NULL: not given. */
must_use bool audit_log_host_load(struct cli *cli, struct key **ret);
void audit_pins_release(struct audit_pins *pins);
/* Borrows from pins. */
struct audit_anchors audit_pins_anchors(const struct audit_pins *pins);

#endif
