/* SPDX-License-Identifier: Apache-2.0 */
/* What the firmware commands share: PCR values as a CoRIM file, lists of PCRs. */
#ifndef ASSAY_CLI_FIRMWARE_CORIM_H
#define ASSAY_CLI_FIRMWARE_CORIM_H

#include "cli/cli.h"
#include "firmware/corim.h"

/* Five options. */
#define FIRMWARE_CORIM_OPTIONS                                                                     \
	{"corim", "FILE", OPTION_VALUE, "write the values as reference values (CoRIM)"},           \
		{"corim-id", "ID", OPTION_VALUE, "identity of the manifest"},                      \
		{"vendor", "NAME", OPTION_VALUE, "vendor of the machines it is for"},              \
		{"model", "NAME", OPTION_VALUE, "model of the machines it is for"},                \
	{                                                                                          \
		"corim-key", "KEY", OPTION_VALUE, "sign the manifest: PEM file, or URI of a key"   \
	}

/* Writes --corim, when it is given. */
must_use bool firmware_corim_write(struct cli *cli, const struct corim_value *values, size_t count);
/* A list of PCRs, "0,2,7", as a mask; fallback when the option is not given. */
must_use bool firmware_pcrs_option(
	struct cli *cli, const char *name, uint32_t fallback, uint32_t *ret);

#endif
