/* SPDX-License-Identifier: Apache-2.0 */
/* Checkpoints quoted by a TPM in software, with every part that a forger might choose. */
#ifndef ASSAY_TESTS_SUPPORT_QUOTED_MAKE_H
#define ASSAY_TESTS_SUPPORT_QUOTED_MAKE_H

#include "evidence/checkpoint_quote.h"
#include "evidence/evidence.h"
#include "tests/support/tpm_sw.h"
#include "tests/support/unit.h"

struct quoted_make {
	struct buf note, message, signature, file;
	struct checkpoint_quote quote; /* of the parts; change them, then quoted_encode */
};

static inline void quoted_release(struct quoted_make *m)
{
	buf_release(&m->note);
	buf_release(&m->message);
	buf_release(&m->signature);
	buf_release(&m->file);
}

static inline void quoted_encode(struct quoted_make *m)
{
	struct err err = {0};

	buf_clear(&m->file);
	assert_ok(checkpoint_quote_encode(&m->quote, &m->file, &err), err);
}

/* A quote by the AK over the note, with this qualifying data; PCR i holds i in every byte. */
static inline void quoted_over(struct quoted_make *m, const struct tpm_sw_key *ak,
	const struct buf *note, struct bytes nonce)
{
	struct tpml_pcr_selection selection;
	struct pcr_bank bank = {.alg = DIGEST_SHA256, .present = 0xffff};
	struct err err = {0};

	for (size_t i = 0; i < 16; i++)
		memset(bank.values[i], (int)i, SHA256_LEN);
	buf_clear(&m->message);
	buf_clear(&m->signature);
	assert_ok(evidence_selection(bank.alg, &selection, &err), err);
	assert_ok(
		tpm_sw_quote(ak, nonce, &selection, &bank, &m->message, &m->signature, &err), err);
	m->quote = (struct checkpoint_quote){.note = buf_bytes(note),
		.message = buf_bytes(&m->message),
		.signature = buf_bytes(&m->signature),
		.pcrs = bank,
		.ak = buf_bytes(&ak->public_area)};
	quoted_encode(m);
}

/* An honest one: over a checkpoint of this tree, signed with the log's key. */
static inline void quoted_honest(struct quoted_make *m, const struct tpm_sw_key *ak,
	const struct note_key *log, uint64_t size, const uint8_t root[SHA256_LEN])
{
	struct checkpoint checkpoint = {.origin = bytes_str(log->name), .size = size};
	struct buf text = {0};
	uint8_t nonce[SHA256_LEN];
	struct err err = {0};

	memcpy(checkpoint.root, root, SHA256_LEN);
	buf_clear(&m->note);
	assert_ok(checkpoint_write(&checkpoint, &text, &err), err);
	assert_ok(note_sign(buf_bytes(&text), log, &m->note, &err), err);
	assert_ok(checkpoint_quote_nonce(buf_bytes(&text), nonce, &err), err);
	quoted_over(m, ak, &m->note, BYTES_OF(nonce));
	buf_release(&text);
}

static inline void quoted_log_key(const char *name, struct note_key *ret)
{
	struct key *key = NULL;
	struct err err = {0};

	assert_ok(key_generate(KEY_ED25519, &key, &err), err);
	assert_ok(note_key_of(name, key, ret, &err), err);
	key_unref(&key);
}

#endif
