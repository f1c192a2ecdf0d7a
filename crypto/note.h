/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signed notes (C2SP signed-note v1.0.0) and the checkpoints of transparency logs in them (C2SP
 * tlog-checkpoint v1.0.0). Keys of type 01 (Ed25519), 02 (ECDSA over SHA-256), and 04 (Ed25519
 * cosignatures of witnesses, C2SP tlog-cosignature v1.0.0).
 */
#ifndef ASSAY_CRYPTO_NOTE_H
#define ASSAY_CRYPTO_NOTE_H

#include "crypto/key.h"

#define NOTE_MAX            16384 /* bytes of a whole note */
#define NOTE_NAME_MAX       255
#define NOTE_SIGNATURES_MAX 64
#define NOTE_VKEY_MAX       2048

struct note_key {
	char name[NOTE_NAME_MAX + 1];
	uint8_t id[4];
	bool cosigner; /* type 04: its signatures are over the text and a time */
	struct key *key;
};
/* A verifier key, "name+hex(id)+base64(type || key)"; for ECDSA the key is its SPKI DER. The id must
 * be the key's own. */
must_use bool note_key_parse(struct bytes vkey, struct note_key *ret, struct err *err);
/* The other way; for a name that is not 1..NOTE_NAME_MAX printable ASCII characters without '+' and space, or a key of another kind, ERR_USAGE. */
must_use bool note_key_of(const char *name, struct key *key, struct note_key *ret, struct err *err);
/* The same for a witness's key, which must be Ed25519. */
must_use bool note_cosigner_of(
	const char *name, struct key *key, struct note_key *ret, struct err *err);
must_use bool note_key_write(const struct note_key *key, struct buf *out, struct err *err);
void note_key_release(struct note_key *key);

/* Whether a signature stands there under this key's name and id; nothing is verified. */
must_use bool note_names(
	struct bytes note, const struct note_key *key, bool *ret_named, struct err *err);
/* Appends the note with one signature, the first, under each of these keys' names and ids alone, at
 * most NOTE_SIGNATURES_MAX keys; nothing is verified. */
must_use bool note_reduce(struct bytes note, const struct note_key *const *keys, size_t count,
	struct buf *out, struct err *err);
/* The text, borrowed from the note, its last newline included; nothing is verified. */
must_use bool note_text(struct bytes note, struct bytes *ret_text, struct err *err);
/* The text that this key signed, borrowed from the note, its last newline included. Signatures by
 * others are ignored. ERR_MISMATCH: none by this key, or one that does not verify; ERR_FORMAT: not a
 * note; ERR_LIMIT. */
must_use bool note_open(
	struct bytes note, const struct note_key *key, struct bytes *ret_text, struct err *err);
/* Signs a text that ends with a newline. */
must_use bool note_sign(
	struct bytes text, const struct note_key *key, struct buf *out, struct err *err);

/* The same for a cosigner's key: *ret_time is when it signed, in seconds since 1970. */
must_use bool note_cosigned(struct bytes note, const struct note_key *key, struct bytes *ret_text,
	int64_t *ret_time, struct err *err);
/* Appends the line that a cosigner adds to a note of this text. */
must_use bool note_cosign(struct bytes text, const struct note_key *key, int64_t time,
	struct buf *out, struct err *err);

struct checkpoint {
	struct bytes origin; /* borrowed */
	uint64_t size;
	uint8_t root[SHA256_LEN];
};
/* The text of a note: origin, size in decimal without leading zeros, root in base64, further lines
 * that are not looked into. */
must_use bool checkpoint_parse(struct bytes text, struct checkpoint *ret, struct err *err);
/* Appends that text, without further lines. ERR_USAGE for an origin that cannot be a line. */
must_use bool checkpoint_write(
	const struct checkpoint *checkpoint, struct buf *out, struct err *err);

#endif
