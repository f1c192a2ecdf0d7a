/* SPDX-License-Identifier: Apache-2.0 */
/* assay gate --vsa: its answer as a signed SLSA Verification Summary. */
#ifndef ASSAY_CLI_GATE_VSA_H
#define ASSAY_CLI_GATE_VSA_H

#include "cli/release_input.h"

#define GATE_VSA_OPTIONS                                                                           \
	{"vsa", "FILE", OPTION_VALUE, "write the answer there, signed (SLSA VSA in DSSE)"},        \
		{"vsa-key", "URI", OPTION_VALUE,                                                   \
			"the key that signs it: a file, or an OSSL_STORE URI"},                    \
		{"vsa-verifier", "URI", OPTION_VALUE,                                              \
			"who says so: the name by which readers know that key"},                   \
	{                                                                                          \
		"vsa-resource", "URI", OPTION_VALUE,                                               \
			"what it is about (default: urn:assay:release:DIGEST:ENV)"                 \
	}

/* Before anything is judged: whether the options go together. */
must_use bool gate_vsa_ready(struct cli *cli);
/* Open or not, by the answer; policy: digest of the file judged by, NULL when a verifier was asked. */
must_use bool gate_vsa_write(struct cli *cli, const struct release_bundle *bundle,
	const json_t *answer, const uint8_t *policy, bool open);

#endif
