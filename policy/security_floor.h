/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The security floor's statement (docs/formats/release.md, "Security floor"): what the policy's
 * signers say about one workload of one trust domain. A DSSE envelope of MEDIA_SECURITY_FLOOR over
 * strict JSON; as of a policy, what counts is keys, by their value.
 */
#ifndef ASSAY_POLICY_SECURITY_FLOOR_H
#define ASSAY_POLICY_SECURITY_FLOOR_H

#include "policy/signature.h"

#define SECURITY_FLOOR_ENVELOPE_MAX (128u << 10)
#define SECURITY_FLOOR_SEQUENCE_MAX ((INT64_C(1) << 53) - 1)

struct security_floor {
	char *trust_domain;
	char *workload; /* text_is_name: one workload, never a pattern */
	char *minimum; /* a version with an order; NULL: there is no floor any more */
	char *reason;
	int64_t sequence; /* 1..SECURITY_FLOOR_SEQUENCE_MAX: a later statement has a higher one */
	int64_t issued;
	uint8_t digest[SHA256_LEN]; /* of the payload as received; not written */
};
/* Of the payload. ERR_FORMAT, naming the member. */
must_use bool security_floor_parse(
	struct bytes payload, struct security_floor **ret, struct err *err);
void security_floor_free(struct security_floor **floor);
/* Canonical JSON; what could not be read back is refused. */
must_use bool security_floor_write(
	const struct security_floor *floor, struct buf *out, struct err *err);

/* What an envelope says, whoever signed it. */
must_use bool security_floor_open(
	struct bytes envelope, struct security_floor **ret, struct err *err);
/* The same, signed by at least the threshold: bit i of *ret_signed for signers->keys[i]. ERR_DENIED
 * when fewer of the keys signed. */
must_use bool security_floor_verify(struct bytes envelope, const struct policy_signers *signers,
	struct security_floor **ret, uint64_t *ret_signed, struct err *err);
/* Appends an envelope with the key's signature added to those of the given one, over the same
 * payload. ERR_CONFLICT when the key signed it already. */
must_use bool security_floor_sign_too(
	struct bytes envelope, struct key *key, struct buf *out, struct err *err);
/* A new envelope. */
must_use bool security_floor_sign(
	const struct security_floor *floor, struct key *key, struct buf *out, struct err *err);

#endif
