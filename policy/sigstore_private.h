/* SPDX-License-Identifier: Apache-2.0 */
/* Private to policy/: the parts of a Sigstore bundle. */
#ifndef ASSAY_POLICY_SIGSTORE_PRIVATE_H
#define ASSAY_POLICY_SIGSTORE_PRIVATE_H

#include "base/json.h"
#include "policy/sigstore_bundle.h"

/* Protocol buffers' JSON: 64-bit numbers are texts of digits, bytes are base64 (either alphabet is
 * not needed: every writer uses the standard one), and what is zero may be left out. */
int64_t sigstore_int(struct json_fields *f, const json_t *object, const char *key);
void sigstore_bytes(
	struct json_fields *f, const json_t *object, const char *key, size_t max, struct buf *ret);
/* Decodes a text; a fault of the field unless it is base64 of at most max bytes. */
void sigstore_decode(
	struct json_fields *f, const char *key, const char *text, size_t max, struct buf *ret);
/* As json_fields_ok, but tells want of memory in sigstore_decode apart. */
must_use bool sigstore_fields_ok(const struct json_fields *f, struct err *err);
/* The member as an object; NULL when absent or null. */
const json_t *sigstore_object(struct json_fields *f, const json_t *object, const char *key);

must_use bool sigstore_entry_read(
	const json_t *object, struct sigstore_entry *ret, struct err *err);
void sigstore_entry_release(struct sigstore_entry *entry);

/* What a log entry must be about: this signature by this signer over this content. */
struct sigstore_claim {
	uint8_t payload[SHA256_LEN]; /* of a DSSE payload */
	uint8_t message[SHA256_LEN]; /* of what was signed: PAE, or the file */
	bool is_dsse;
	struct bytes signature;
	const struct cert *leaf; /* certificate mode; NULL: */
	struct key *const *keys; /* key mode: one of these verified it */
	size_t key_count;
	uint64_t mask;
};
/* Whether the entry's body is about the claim: ERR_MISMATCH, ERR_FORMAT, ERR_UNSUPPORTED. */
must_use bool sigstore_entry_about(
	const struct sigstore_entry *entry, const struct sigstore_claim *claim, struct err *err);
/* Whether the pinned log holds the entry; *ret_time is the time it signed, 0 for none. */
must_use bool sigstore_entry_logged(const struct sigstore_entry *entry, const struct note_key *log,
	int64_t *ret_time, struct err *err);

#endif
