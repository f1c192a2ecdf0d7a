/* SPDX-License-Identifier: Apache-2.0 */
/* What all messages' encoders and decoders share. Private to evidence/. */
#ifndef ASSAY_EVIDENCE_MESSAGE_H
#define ASSAY_EVIDENCE_MESSAGE_H

#include "base/cbor.h"
#include "evidence/tpm.h"

/* One message while it is written: where it began in the buffer, so that a failed one can be taken
 * back. */
struct message {
	struct buf *out;
	size_t start;
	struct cbor_writer w;
};
/* Decodes what was written, into nothing: the decoder's rules are the encoder's, so they stand in
 * one place. */
typedef bool (*message_check)(struct bytes encoded, struct err *err);

struct message message_begin(struct buf *out);
/* True when the encoding is complete and its own decoder takes it; otherwise the buffer is as
 * before. */
must_use bool message_finish(struct message *m, message_check check, struct err *err);
/* A count of array members beyond its maximum would be read past the array: false and ERR_LIMIT. */
must_use bool message_count_ok(size_t count, size_t max, const char *field, struct err *err);

void message_put_bytes_array(struct cbor_writer *w, const struct bytes *items, size_t count);
void message_put_text_array(struct cbor_writer *w, const struct bytes *items, size_t count);
/* An array of at most max byte strings (texts) of 1..len_max bytes; gives their number. */
size_t message_bytes_array(
	struct cbor_item item, size_t max, size_t len_max, struct bytes *ret, const char *field);
size_t message_text_array(
	struct cbor_item item, size_t max, size_t len_max, struct bytes *ret, const char *field);
/* Text that is a name (text_is_name). */
struct bytes message_name(struct cbor_item item, const char *field);
/* An enumerator from 1 to max. */
unsigned message_enum(struct cbor_item item, unsigned max, const char *field);
/* One bank of PCR values: its algorithm, and {pcr: value}. Read: SHA-256 or SHA-384. */
void message_put_pcrs(
	struct cbor_writer *w, int64_t key_bank, int64_t key_pcrs, const struct pcr_bank *bank);
void message_pcrs(struct cbor_item root, int64_t key_bank, int64_t key_pcrs, struct pcr_bank *ret);
bool bytes_all_zero(struct bytes bytes);

#endif
