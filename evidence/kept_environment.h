/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The values of an agent's environment, kept in its launch record for whoever holds the private half of
 * the auditors' key, as docs/formats/runtime-log.md lists them. Pure.
 *
 * A fresh data key is wrapped for the recipient (key_wrap), and seals with AES-256-GCM the salt of the
 * launch record's digests and the values, in the order of the record's names: so whoever opens it can
 * hold each value against the salted digest that the TPM vouches for. Both are bound to the instance.
 * What is sealed is filled up to a multiple of KEPT_ENVIRONMENT_STEP bytes and so tells no lengths.
 */
#ifndef ASSAY_EVIDENCE_KEPT_ENVIRONMENT_H
#define ASSAY_EVIDENCE_KEPT_ENVIRONMENT_H

#include "crypto/key.h"
#include "evidence/runtime_log.h"

#define KEPT_ENVIRONMENT_STEP 256u
#define KEPT_ENVIRONMENT_MAX  16384u /* bytes of what is sealed, filling included */
#define KEPT_SALT_LEN         16u

struct kept_environment {
	uint8_t salt[KEPT_SALT_LEN];
	size_t count;
	struct bytes values[RUNTIME_ARGUMENTS_MAX];
};
/* What is sealed, appended: u32 big-endian length, deterministic CBOR {1: salt, 2: [values]}, zeros.
 * ERR_LIMIT when it would be more than KEPT_ENVIRONMENT_MAX. */
must_use bool kept_environment_encode(
	const struct kept_environment *kept, struct buf *out, struct err *err);
/* Borrows from the input; ERR_FORMAT, ERR_LIMIT. */
must_use bool kept_environment_decode(
	struct bytes in, struct kept_environment *ret, struct err *err);

/* The wrapped key and what it seals, for the launch record of that instance. recipient: EC or RSA. */
must_use bool kept_environment_seal(const struct kept_environment *kept,
	const struct key *recipient, const uint8_t instance[INSTANCE_ID_LEN], struct random *random,
	struct buf *ret_wrapped, struct buf *ret_sealed, struct err *err);
/* Opens what a launch record keeps, and holds each value against its salted digest there: on true all
 * of them are what the agent was given. *plain owns what *ret borrows from. ERR_NOT_FOUND: it keeps
 * none; ERR_MISMATCH: for another key, changed, or other values than the digests are of. */
must_use bool kept_environment_open(const struct runtime_launch *launch, struct key *recipient,
	struct buf *plain, struct kept_environment *ret, struct err *err);

#endif
