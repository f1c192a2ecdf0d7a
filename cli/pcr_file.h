/* SPDX-License-Identifier: Apache-2.0 */
/* PCR value files: what tpm2-tools write beside a quote, or the bare values one behind the other.
 */
#ifndef ASSAY_CLI_PCR_FILE_H
#define ASSAY_CLI_PCR_FILE_H

#include "evidence/tpm.h"

/* Fills one bank per bank of the selection, in its order. Two layouts are told apart by size and
 * head: values: the selected PCRs' values in selection order, ascending index; serialized
 * (tpm2_quote -o, tpm2_pcrread -o): C structures in little-endian order: TPML_PCR_SELECTION (u32
 * count, 16 of {u16 hash, u8 size, u8 map[4], pad}), u32 lists, then lists of TPML_DIGEST (u32
 * count, 8 of {u16 size, 64 bytes}). The serialized selection must be the one given. ERR_FORMAT
 * otherwise. */
must_use bool pcr_file_parse(struct bytes in, const struct tpml_pcr_selection *selection,
	struct pcr_bank *ret_banks, size_t max, struct err *err);

#endif
