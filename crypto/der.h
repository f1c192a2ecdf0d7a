/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private to crypto/: strict DER (X.690) over the bounded reader, only as much as public keys,
 * signatures and the outline of a certificate need. Single-byte tags, definite lengths in their
 * shortest form.
 */
#ifndef ASSAY_CRYPTO_DER_H
#define ASSAY_CRYPTO_DER_H

#include "base/reader.h"
#include "crypto/digest.h"

enum der_tag {
	DER_INTEGER = 0x02,
	DER_BIT_STRING = 0x03,
	DER_OCTET_STRING = 0x04,
	DER_NULL = 0x05,
	DER_OID = 0x06,
	DER_SEQUENCE = 0x30,
	DER_SET = 0x31,
	DER_CONTEXT_0 = 0xa0,
	DER_CONTEXT_1 = 0xa1,
};

/* Whether bytes begin as a SEQUENCE of more than 127 octets does, which no text can: tells DER from
 * PEM. */
bool der_looks_long(struct bytes in);
/* The tag of the next element; 0 at the end. Reads nothing. */
uint8_t der_peek(const struct reader *r);
/* The content of the next element, which must have this tag. */
struct bytes der_value(struct reader *r, uint8_t tag, const char *field);
/* The next element whole, tag and length included. */
struct bytes der_element(struct reader *r, uint8_t tag, const char *field);
/* The next element's content as a reader of its own; finish it with rd_sub_finish. */
struct reader der_enter(struct reader *r, uint8_t tag, const char *field);
/* A positive INTEGER's magnitude, without the sign octet. Zero, negative and padded ones fail. */
struct bytes der_unsigned(struct reader *r, const char *field);
/* A BIT STRING of whole octets. */
struct bytes der_bits(struct reader *r, const char *field);
/* Fails unless the next element is this OBJECT IDENTIFIER; `oid` is its content. */
void der_expect_oid(struct reader *r, struct bytes oid, const char *field);
/* AlgorithmIdentifier of a digest, its parameters absent or NULL (RFC 5754 section 2). DIGEST_NONE
 * for one other than SHA-256, SHA-384 and SHA-512. */
enum digest_alg der_digest_alg(struct reader *r, const char *field);

/* Appends tag, length and content. */
void der_put(struct buf *out, uint8_t tag, struct bytes content);
/* Appends a positive INTEGER from a big-endian magnitude; leading zeros are dropped. */
void der_put_unsigned(struct buf *out, struct bytes magnitude);

#endif
