/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signatures in IMA entries (fields "sig"): the content of the extended attribute security.ima, as
 * ima-evm-utils writes and Linux checks it (security/integrity/integrity.h, struct signature_v2_hdr):
 *
 *   u8 type | u8 version | u8 hash algorithm (enum hash_algo) | be32 key id | be16 length | signature
 *
 * Version 2 signs the file digest itself, version 3 the hash of {u8 type, u8 hash algorithm, digest}.
 * RSA is PKCS#1 v1.5, ECDSA is DER.
 */
#ifndef ASSAY_FIRMWARE_IMA_SIGNATURE_H
#define ASSAY_FIRMWARE_IMA_SIGNATURE_H

#include "crypto/x509.h"
#include "firmware/ima.h"

#define IMA_SIGNATURE_MAX 1024

enum ima_signature_type {
	IMA_SIGNATURE_FILE = 3, /* EVM_IMA_XATTR_DIGSIG */
	IMA_SIGNATURE_EVM = 5, /* EVM_XATTR_PORTABLE_DIGSIG: over metadata too, not judged here */
	IMA_SIGNATURE_VERITY = 6, /* IMA_VERITY_DIGSIG, version 3 only */
};

struct ima_signature {
	enum ima_signature_type type;
	uint8_t version; /* 2 or 3 */
	uint8_t hash_algo; /* as in the header */
	enum digest_alg alg;
	uint32_t keyid;
	struct bytes signature; /* borrowed */
};
/* ERR_FORMAT names the field and offset; ERR_UNSUPPORTED a type, version or algorithm that is not
 * judged (HMAC, DSA of version 1, SM3). */
must_use bool ima_signature_parse(struct bytes in, struct ima_signature *ret, struct err *err);

/* A key that may sign files, by the name that rules call it. */
struct ima_key {
	const char *name; /* borrowed */
	struct key *key; /* borrowed */
	uint32_t keyid;
};
/* The key id that Linux knows a key by: the last four bytes, big-endian, of the certificate's subject
 * key identifier; without a certificate (or without that extension) of the SHA-1 of the public key's
 * bits. cert may be NULL. */
must_use bool ima_keyid_of(
	const struct key *key, const struct cert *cert, uint32_t *ret, struct err *err);

enum ima_signed {
	IMA_SIGNED_NOT = 0, /* no signature in the entry */
	IMA_SIGNED_UNKNOWN_KEY, /* by a key id that is not among the keys */
	IMA_SIGNED_BAD, /* does not verify, or is over another kind of digest */
	IMA_SIGNED_UNSUPPORTED, /* of a kind that is not judged */
	IMA_SIGNED_GOOD,
};
/* Verifies the appended signature of a kernel module or image (field "modsig") over its digest without
 * it, with each of the keys. */
must_use bool ima_modsig_check(const struct ima_entry *entry, const struct ima_key *keys,
	size_t key_count, enum ima_signed *ret, size_t *ret_key, struct err *err);
/* Verifies the signature of an entry over its own digest with those of the keys that have its key id;
 * *ret_key is the index of the one that verified. A bad signature is a result; errors are failures of
 * primitives. */
must_use bool ima_signature_check(const struct ima_entry *entry, const struct ima_key *keys,
	size_t key_count, enum ima_signed *ret, size_t *ret_key, struct err *err);

#endif
