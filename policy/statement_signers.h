/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The envelopes that statements come in, and who vouches for one. An envelope is DSSE; or DSSE whose
 * one signature carries the signer's certificates (member "cert": PEM, leaf first); or a Sigstore
 * bundle v0.3 around DSSE. docs/formats/release.md, "Statements".
 */
#ifndef ASSAY_POLICY_STATEMENT_SIGNERS_H
#define ASSAY_POLICY_STATEMENT_SIGNERS_H

#include "policy/policy.h"
#include "policy/sigstore_bundle.h"

/* A certificate that is valid for less is worth nothing without a log that tells when it signed. */
#define SIGNER_LONG_LIVED 86400

/* The envelope of an in-toto statement; *ret has a DSSE envelope in it. ERR_FORMAT, ERR_UNSUPPORTED,
 * ERR_LIMIT, ERR_NOMEM. */
must_use bool statement_envelope_open(
	struct bytes in, struct sigstore_bundle **ret, struct err *err);

struct statement_signers {
	uint64_t mask; /* bit i: policy->statement_keys[i] vouches for it */
	uint64_t lasting; /* those of them that do so at any later time, too */
	int64_t end; /* the others: first second at which they do no more */
	char why[ERR_TEXT_MAX]; /* of an identity that could have been meant and does not vouch; ""
				   otherwise */
};
/* Which of the signers asked for vouch for the statement at this time: keys by their signature,
 * identities by certificate and log. False is for want of memory and broken primitives. */
must_use bool statement_signers_find(const struct sigstore_bundle *bundle,
	const struct policy *policy, uint64_t asked, int64_t now, struct statement_signers *ret,
	struct err *err);

#endif
