/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The newest checkpoint with a TPM quote of the verifier's own host. The service makes none: it has no
 * TPM. `assay log attest`, run beside it, asks assay-hostd and brings the quote here.
 */
#ifndef ASSAY_VERIFIER_LOG_QUOTE_H
#define ASSAY_VERIFIER_LOG_QUOTE_H

#include "evidence/checkpoint_quote.h"
#include "verifier/ledger_log.h"

#define LOG_QUOTE_FILE "quote"

/* Reads the attestation key whose quotes alone are taken from now on: PEM, TPMT_PUBLIC or TPM2B_PUBLIC. */
must_use bool log_quote_pin(struct ledger_log *log, const char *path, struct err *err);
/* Takes a file of evidence/checkpoint_quote.h: a checkpoint signed with this log's key, of a tree that
 * this ledger contains, quoted by an attestation key (by the pinned one, where one is). The size of its
 * tree is written. ERR_FORMAT, ERR_LIMIT, ERR_MISMATCH: it is none; ERR_CONFLICT: of no tree of this
 * ledger, or a quote over a larger one is kept already. */
must_use bool log_quote_accept(const struct ledger_log *log, struct store *store, struct bytes file,
	uint64_t *ret_size, struct err *err);
/* What was taken last, and the size of its tree; 0: nothing yet. */
must_use bool log_quote_get(
	struct sql *sql, struct buf *ret_file, uint64_t *ret_size, struct err *err);

#endif
