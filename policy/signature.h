/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may put a policy in force: keys that stand outside it, and how many of them must have signed
 * it. A signature is a DSSE envelope whose payload is the policy file's bytes, exactly. What counts
 * is keys, by their value: neither signatures nor key ids nor names.
 */
#ifndef ASSAY_POLICY_SIGNATURE_H
#define ASSAY_POLICY_SIGNATURE_H

#include "policy/policy.h"

#define POLICY_SIGNERS_MAX 32u
#define POLICY_ENVELOPE_MAX                                                                        \
	(2u << 20) /* bytes of the envelope: a policy in base64, and signatures */
#define POLICY_SIGNER_NAME_MAX 64u

struct policy_signers {
	size_t count;
	unsigned threshold; /* 1..count */
	char *names[POLICY_SIGNERS_MAX]; /* owned */
	struct key *keys[POLICY_SIGNERS_MAX]; /* owned; public */
};
/* Adds a key under a name (text_is_name) from a PEM text. ERR_CONFIG: a name or a key that is there
 * already, a private key, a name that is none, too many. */
must_use bool policy_signers_add(
	struct policy_signers *signers, const char *name, struct bytes pem, struct err *err);
/* ERR_CONFIG unless 1 <= threshold <= count. */
must_use bool policy_signers_demand(
	struct policy_signers *signers, int64_t threshold, struct err *err);
void policy_signers_release(struct policy_signers *signers);

/* The signers as an object that records name: canonical JSON {"type":"assay/policy-signers/1",
 * "threshold":2, "keys":[{"name":"anna","key":PEM}, …]}. Decoding is strict; ERR_FORMAT, ERR_CONFIG. */
#define POLICY_SIGNERS_TEXT_MAX (256u << 10)
must_use bool policy_signers_encode(
	const struct policy_signers *signers, struct buf *out, struct err *err);
must_use bool policy_signers_decode(struct bytes in, struct policy_signers *ret, struct err *err);

/* Bit i of *ret_signed: signers->keys[i] signed. ERR_MISMATCH: another payload type, or the envelope
 * is over other bytes. ERR_DENIED: fewer keys than the threshold signed; the message says which
 * did. */
must_use bool policy_signature_verify(struct bytes envelope, struct bytes policy,
	const struct policy_signers *signers, uint64_t *ret_signed, struct err *err);
/* The counting alone, for an envelope whose payload the caller has judged. ERR_DENIED as above. */
struct dsse;
must_use bool policy_signers_verify(const struct dsse *dsse, const struct policy_signers *signers,
	uint64_t *ret_signed, struct err *err);
/* ERR_DENIED naming the first of the signers' keys that this policy itself gives a part: release
 * key, statement key, root or intermediate of an identity, transparency log, approver's key, EK root
 * or intermediate, signer of a CoRIM or of files. Whoever signs the rules is not whom they bind. */
must_use bool policy_signers_outside(
	const struct policy_signers *signers, const struct policy *policy, struct err *err);

/* Appends an envelope with one signature more: the given one's signatures (empty: none) and the
 * key's. ERR_MISMATCH when the envelope is over other bytes, ERR_CONFLICT when the key has signed it
 * already. */
must_use bool policy_signature_add(struct bytes envelope, struct bytes policy, struct key *key,
	struct buf *out, struct err *err);

#endif
