/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is published of revoked credentials. The sequence moves with every transaction that revokes something, so that any
 * verifier on the same database knows whether what it has signed still says everything. The list of certificates is stored:
 * all verifiers give the same one, and no number is given twice.
 */
#ifndef ASSAY_VERIFIER_REVOCATION_ROWS_H
#define ASSAY_VERIFIER_REVOCATION_ROWS_H

#include "verifier/rows.h"

/* Tokens have their places in lists of this many: list (status - 1) / STATUS_LIST_LEN, bit (status - 1) % STATUS_LIST_LEN. */
#define STATUS_LIST_LEN 65536u

must_use bool revocation_sequence(struct sql *sql, int64_t *ret, struct err *err);
/* How many lists of tokens were begun. */
must_use bool status_lists_count(struct sql *sql, int64_t *ret, struct err *err);
/* Inside a job: a list that nobody else puts tokens in. */
must_use bool status_list_begin(struct sql *sql, int64_t *ret_list, struct err *err);
/* Sets the bits of revoked tokens, the lowest bit of a byte first; `bits` is zeroed by the caller. */
must_use bool status_list_bits(
	struct sql *sql, int64_t list, uint8_t bits[STATUS_LIST_LEN / 8], struct err *err);

/* Certificates that are revoked, end later than `after` and may be of the CA whose key has that name (key_id): of some from before
 * that stood in their serial numbers nobody knows (serials.h). The caller frees. ERR_LIMIT beyond CRL_ENTRIES_MAX. */
#define CRL_ENTRIES_MAX 1000000u
must_use bool revoked_certificates(struct sql *sql, const uint8_t ca[SHA256_LEN], int64_t after,
	struct crl_entry **ret, size_t *ret_count, struct err *err);

struct crl_row {
	int64_t number; /* 0: none yet */
	int64_t sequence; /* everything revoked up to it is on the list */
	int64_t made, until;
};
/* Of the CA whose key has that name (key_id). der may be NULL; appended. */
must_use bool crl_row_get(struct sql *sql, const uint8_t issuer[SHA256_LEN], struct crl_row *ret,
	struct buf *der, struct err *err);
/* Inside a job: takes the place of number row->number - 1. *ret_put is false when that is not the last one any more. */
must_use bool crl_row_put(struct sql *sql, const uint8_t issuer[SHA256_LEN],
	const struct crl_row *row, struct bytes der, bool *ret_put, struct err *err);

#endif
