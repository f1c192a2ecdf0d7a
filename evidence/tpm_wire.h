/* SPDX-License-Identifier: Apache-2.0 */
/* What the TPM structures' files share: parts that occur inside several structures. Private to
 * evidence/. */
#ifndef ASSAY_EVIDENCE_TPM_WIRE_H
#define ASSAY_EVIDENCE_TPM_WIRE_H

#include "base/reader.h"
#include "evidence/tpm.h"

#define TPM_DIGEST_MAX 64u
#define TPM_DATA_MAX   66u /* TPM2B_DATA: as large as a TPMT_HA */
#define TPM_RSA_MAX    512u
#define TPM_ECC_MAX    66u
#define TPM_SELECT_LEN 3u /* sizeofSelect of every PC Client TPM: 24 PCRs */
#define TPM_TEXT_MAX   160u

/* Reads a TPML_PCR_SELECTION. */
void tpml_pcr_selection_read(struct reader *r, struct tpml_pcr_selection *ret);
/* u16 size and the bytes, appended; a size beyond 65535 makes the buffer fail. */
void tpm2b_put(struct buf *out, struct bytes value);
/* "ecdsa with sha256", for messages. Returns out. */
const char *tpm_scheme_text(uint16_t scheme, uint16_t hash, char out[TPM_TEXT_MAX]);
/* The scheme and hash of a signature fit the key, and equal the public area's own (signer may be
 * NULL). ERR_MISMATCH. */
must_use bool tpmt_signature_scheme_check(const struct tpmt_signature *signature,
	const struct tpmt_public *signer, const struct key *key, struct err *err);

#endif
