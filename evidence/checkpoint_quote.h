/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A checkpoint of the ledger with a TPM quote of the host that it was fetched on, as
 * docs/formats/record.md lists it: deterministic CBOR {1: signed note, 2: TPMS_ATTEST,
 * 3: TPMT_SIGNATURE, 4: bank, 5: {pcr: value}, 6: the AK, TPMT_PUBLIC}. It says what the verifier's
 * host had booted when the ledger stood so. Pure.
 *
 * The qualifying data is SHA-256("assay checkpoint quote" 00 || the note's text), and whoever quotes
 * makes it himself out of the text: he is never handed a digest. Evidence commits to SHA-256(claims),
 * and claims are a CBOR map, whose first byte is a0 or more; that of the label is 61. So no text makes
 * qualifying data that evidence could carry, short of a collision of SHA-256.
 */
#ifndef ASSAY_EVIDENCE_CHECKPOINT_QUOTE_H
#define ASSAY_EVIDENCE_CHECKPOINT_QUOTE_H

#include "crypto/note.h"
#include "evidence/names.h"
#include "evidence/tpm.h"

#define CHECKPOINT_QUOTE_MAX 32768u /* bytes of the whole file */

struct checkpoint_quote {
	struct bytes note; /* signatures and all; 1..NOTE_MAX */
	struct bytes message, signature; /* TPMS_ATTEST, TPMT_SIGNATURE */
	struct pcr_bank pcrs; /* SHA-256 or SHA-384 */
	struct bytes ak; /* TPMT_PUBLIC */
};
/* Appended. ERR_FORMAT or ERR_LIMIT for what the decoder would not take. */
must_use bool checkpoint_quote_encode(
	const struct checkpoint_quote *quote, struct buf *out, struct err *err);
/* Borrows from the input. ERR_FORMAT, ERR_LIMIT. Only the outer form is read; what the parts are worth
 * checkpoint_quote_check says. */
must_use bool checkpoint_quote_decode(
	struct bytes in, struct checkpoint_quote *ret, struct err *err);
/* The qualifying data of a quote over the text of a checkpoint, its last newline included, at most
 * NOTE_MAX bytes. ERR_FORMAT: not the text of a checkpoint, and then nobody may quote over it. */
must_use bool checkpoint_quote_nonce(struct bytes text, uint8_t out[SHA256_LEN], struct err *err);

/* An attestation key as it is pinned: PEM, TPMT_PUBLIC or TPM2B_PUBLIC. ERR_FORMAT, ERR_UNSUPPORTED: none of
 * them, or no key that signs. */
must_use bool checkpoint_quote_ak(struct bytes file, struct key **ret, struct err *err);

struct checkpoint_quoted {
	struct checkpoint checkpoint; /* borrows from the note */
	struct bytes text;
	struct tpms_attest attest; /* what the TPM signed: clock, resets, firmware */
	struct tpm_name ak_name;
};
/* Whether the AK in it is an attestation key, a primary of the endorsement hierarchy, that quoted PCRs
 * 0-15 over this checkpoint, and the values are those PCRs'. pinned: the AK must be this key; NULL:
 * whose it is remains open. The note's own signatures are not looked at. ERR_MISMATCH: it does not hold;
 * ERR_FORMAT: parts that cannot be read. *ret may be NULL. */
must_use bool checkpoint_quote_check(const struct checkpoint_quote *quote, const struct key *pinned,
	struct checkpoint_quoted *ret, struct err *err);

#endif
