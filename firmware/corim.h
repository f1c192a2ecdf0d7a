/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CoRIM (draft-ietf-rats-corim): reference values for PCRs, read from manifests of others and
 * written for them.
 *
 *   501(corim-map) unsigned; 18(COSE_Sign1) around it signed; 500(501(…)) and 500(502(18(…))) of
 *   early drafts. corim-map {0: id, 1: [+ 506(bstr .cbor comid)], ?4: validity}, comid {4: {0: [+
 *   [environment, [+ measurement]]]}}. A PCR's value stands in a measurement
 *     {1: {14: {pcr index => [+ digest]}}}        integrity registers, or
 *     {0: pcr index, 1: {2: [+ digest]}}          one measurement for each PCR,
 *   digest = [algorithm, bytes], algorithms of the IANA Named Information registry (1 sha-256, 7
 *   sha-384, 8 sha-512).
 *
 * Any order of keys is read; definite lengths and unique keys are demanded. What is written is
 * deterministic. A signature is checked over the bytes received.
 */
#ifndef ASSAY_FIRMWARE_CORIM_H
#define ASSAY_FIRMWARE_CORIM_H

#include "crypto/key.h"

#define CORIM_MAX              (4u << 20)
#define CORIM_VALUES_MAX       4096
#define CORIM_ENVIRONMENTS_MAX 256
#define CORIM_SKIPS_MAX        32
#define CORIM_TEXT_MAX         192
#define CORIM_PCRS             24

/* One accepted value of one PCR. Several values of a PCR in one bank are alternatives. */
struct corim_value {
	uint8_t pcr;
	uint8_t environment; /* index into the manifest's environments */
	struct digest digest;
};

/* Something in the manifest that says nothing about PCRs, or nothing that is understood here. */
struct corim_skip {
	char what[64]; /* "triple attest-key", "digest algorithm 10", … */
	size_t count;
};

struct corim {
	char id[CORIM_TEXT_MAX]; /* escaped; a UUID in hex */
	char profile[CORIM_TEXT_MAX]; /* escaped; "" when absent */
	char signer[CORIM_TEXT_MAX]; /* escaped name of the signer; "" when unsigned */
	bool verified; /* signed by the key that was given */
	bool has_not_before, has_not_after; /* the narrower of the manifest's and the signature's */
	int64_t not_before, not_after; /* seconds since 1970 UTC */
	size_t environment_count;
	char (*environments)[CORIM_TEXT_MAX]; /* in words, escaped: "vendor ACME, model A1" */
	size_t count;
	struct corim_value *values;
	size_t skip_count;
	struct corim_skip skips[CORIM_SKIPS_MAX];
};

#define CORIM_ANY_TIME (-1) /* as `now`: validities are kept for later, not judged */

/* Reads a manifest. With a key it must be signed and verify (ERR_MISMATCH); without one a signature
 * is parsed, not judged, and verified stays false. now (seconds since 1970) must lie within every
 * validity (ERR_MISMATCH). ERR_FORMAT and ERR_LIMIT name the field and offset. The hash-envelope form
 * is ERR_UNSUPPORTED. The caller releases ret, which is empty on failure. */
must_use bool corim_read(
	struct bytes in, const struct key *key, int64_t now, struct corim *ret, struct err *err);
void corim_release(struct corim *corim);

enum corim_match {
	CORIM_ABSENT = 0, /* no value for this PCR in this bank */
	CORIM_DIFFERENT, /* values, but not this one */
	CORIM_EQUAL,
};
/* Looks for a PCR's value among the alternatives of its bank. */
enum corim_match corim_match(const struct corim *corim, uint32_t pcr, const struct digest *value);

struct corim_draft {
	const char *id; /* of the manifest and of the tag in it */
	const char *vendor, *model; /* the environment's class; one of them at least */
	bool has_validity;
	int64_t not_before, not_after;
	size_t count; /* at least one; several of a PCR in one bank are alternatives */
	const struct corim_value *values; /* environment is ignored */
};
/* Appends the unsigned manifest, tag 501, with integrity registers, deterministic. ERR_FORMAT for a
 * bank that CoRIM has no number for (SHA-1) or the same value twice. */
must_use bool corim_write(const struct corim_draft *draft, struct buf *out, struct err *err);
/* Appends the COSE_Sign1 over a manifest as written by corim_write: protected content type
 * application/rim+cbor, kid, and corim-meta (label 8) with the signer's name and, if not_after is not
 * 0, the validity. */
must_use bool corim_sign(struct key *key, const char *signer, int64_t not_before, int64_t not_after,
	struct bytes manifest, struct buf *out, struct err *err);

#endif
