/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DSSE v1 envelopes (JSON). The payload is taken as received; signatures are over PAE(payloadType,
 * payload). Key ids are hints and never decide. base64 standard or URL-safe is accepted, as the
 * specification asks.
 */
#ifndef ASSAY_CRYPTO_DSSE_H
#define ASSAY_CRYPTO_DSSE_H

#include "base/json.h"
#include "crypto/key.h"

#include <stdatomic.h>

#define DSSE_SIGNATURES_MAX 64
#define DSSE_PAYLOAD_MAX    (4u << 20)
#define DSSE_INTOTO_TYPE    "application/vnd.in-toto+json"

struct dsse {
	atomic_uint others; /* who hold it beside the first */
	char payload_type[128];
	struct buf payload;
	size_t count;
	struct dsse_signature {
		char keyid[129];
		struct buf signature;
	} signatures[DSSE_SIGNATURES_MAX];
};

/* Refuses more than DSSE_SIGNATURES_MAX signatures, none, and signatures of more than 1024 octets.
 * Unknown members are ignored. */
must_use bool dsse_parse(struct bytes json, struct dsse **ret, struct err *err);
/* The same of an envelope that stands inside a larger document. */
must_use bool dsse_from_json(const json_t *root, struct dsse **ret, struct err *err);
/* Shared from now on: freed by each holder, changed by none. */
struct dsse *dsse_ref(struct dsse *dsse);
void dsse_free(struct dsse **dsse);
/* Which of the keys verify at least one signature: bit i of *ret_mask for keys[i], n <= 64. ECDSA
 * signatures are DER or raw r||s (both occur); hash by the key's default. Never an error for a
 * signature that does not verify. */
must_use bool dsse_verify(const struct dsse *dsse, struct key *const *keys, size_t n,
	uint64_t *ret_mask, struct err *err);
/* Appends what the signatures are over: the pre-authentication encoding of type and payload. */
must_use bool dsse_pae(const struct dsse *dsse, struct buf *out, struct err *err);
/* A new envelope with one signature (ECDSA: DER; keyid: hex of key_id). */
must_use bool dsse_sign(const char *payload_type, struct bytes payload, struct key *key,
	struct buf *out, struct err *err);
/* Adds a signature to an envelope. */
must_use bool dsse_add_signature(
	struct bytes envelope, struct key *key, struct buf *out, struct err *err);

#endif
