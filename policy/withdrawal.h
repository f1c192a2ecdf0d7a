/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A statement taken back by whoever signed it: an in-toto Statement in DSSE that lies beside a release as other statements
 * do, with two subjects, "statement" (SHA-256 of the payload that is withdrawn) and "release" (beside which it is handed in).
 * It takes each of its signers' word out of that statement, wherever both lie beside a release, for good: what was wrong is
 * said anew, not said again. Nothing else can stand in its way: neither its age nor the release it names. Format:
 * docs/formats/release.md.
 */
#ifndef ASSAY_POLICY_WITHDRAWAL_H
#define ASSAY_POLICY_WITHDRAWAL_H

#include "policy/policy.h"

#define WITHDRAWAL_REASON_MAX 2048u

struct withdrawal {
	uint8_t statement[SHA256_LEN]; /* SHA-256 of the withdrawn statement's DSSE payload */
	uint8_t release[SHA256_LEN];
	char *reason;
	int64_t issued;
};
/* Of a DSSE payload. The caller releases it. ERR_FORMAT names the field; ERR_NOMEM. */
must_use bool withdrawal_parse(struct bytes statement, struct withdrawal *ret, struct err *err);
void withdrawal_release(struct withdrawal *withdrawal);
/* Appends the statement in canonical JSON. ERR_FORMAT, ERR_NOMEM. */
must_use bool withdrawal_statement(
	const struct withdrawal *withdrawal, struct buf *out, struct err *err);

/* For keeping it beside a release: it names this release, and a signer whom the policy trusts for any kind of statement
 * vouches for it, and will at any later time: what a certificate takes back stays taken back when it has expired. *ret_is says whether the envelope is a withdrawal at all: where it is not, nothing else was checked.
 * ERR_MISMATCH, ERR_DENIED, ERR_FORMAT. */
must_use bool withdrawal_check(struct bytes envelope, const uint8_t release[SHA256_LEN],
	const struct policy *policy, int64_t now, bool *ret_is, struct err *err);

/* Whether it has a place beside the statements stored there: at least one of its signers vouches for
 * a statement among them that has the digest, and has not taken it back by another of them (*ret_new
 * false: each has). Envelopes among them that cannot be read count for nothing. withdrawal_check
 * comes first. ERR_MISMATCH: there is no such statement. */
must_use bool withdrawal_place(struct bytes envelope, const struct bytes *stored, size_t count,
	const struct policy *policy, int64_t now, bool *ret_new, struct err *err);

/* The same of a statement: *ret_new is false where those stored there say what it says, by every signer that vouches for it,
 * and for as long. The same in other bytes around it is not another one: anybody can write those. */
must_use bool statement_adds(struct bytes envelope, const struct bytes *stored, size_t count,
	const struct policy *policy, int64_t now, bool *ret_new, struct err *err);

#endif
