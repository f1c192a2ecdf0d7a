/* SPDX-License-Identifier: Apache-2.0 */
/* The COSE receipt that a bundle brings: that the ledger's receipt key vouched for the leaf. */
#include "ledger/audit_case.h"

#include "base/text.h"
#include "ledger/receipt.h"

#include <stdlib.h>

#define STEP "receipt"

static bool ours(const struct err *why)
{
	return why->code == ERR_NOMEM || why->code == ERR_CRYPTO || why->code == ERR_INTERNAL;
}

/* The log that the checkpoint names; without one that which the receipt itself does. */
static bool origin_of(
	const struct audit_case *c, const struct receipt *receipt, char **ret, struct err *err)
{
	struct bytes origin = receipt->message.iss;
	struct checkpoint checkpoint;

	if (c->bundle.checkpoint.len > 0) {
		if (!checkpoint_parse(c->bundle.checkpoint, &checkpoint, err))
			return false;
		origin = checkpoint.origin;
	}
	if (origin.len > 0 && memchr(origin.data, '\0', origin.len))
		return err_set(err, ERR_FORMAT, "receipt: issuer: not a name");
	*ret = bytes_strdup(origin);
	return *ret || err_set(err, ERR_NOMEM, "receipt");
}

/* The key to verify with: the auditor's, the one that the bundle brings, or the record's signer's. */
static bool key_find(const struct audit_case *c, struct key **ret, struct err *err)
{
	if (c->anchors->receipt_key || c->bundle.receipt_key.len == 0)
		*ret = key_ref(c->anchors->receipt_key ? c->anchors->receipt_key : c->signer);
	return *ret || key_from_spki(c->bundle.receipt_key, ret, err) ||
	       err_wrap(err, "receipt key");
}

static bool verify(const struct audit_case *c, const struct receipt *receipt, const struct key *key,
	struct err *why)
{
	OWNED(free_ptr) char *origin = NULL;
	uint8_t hash[SHA256_LEN], root[SHA256_LEN];

	if (receipt->proof.kind != RECEIPT_INCLUSION)
		return err_set(why, ERR_MISMATCH, "it is none of inclusion");
	if (!origin_of(c, receipt, &origin, why) || !leaf_hash(c->bundle.leaf, hash, why) ||
		!receipt_verify(receipt, key, origin, hash, root, why))
		return false;
	/* Both signed for one size, and not the same tree. */
	return receipt->proof.size != c->bundle.tree_size ||
	       memcmp(root, c->bundle.tree_root, SHA256_LEN) == 0 ||
	       err_set(why, ERR_MISMATCH, "it is of another tree of the same size: a fork");
}

/* By a key that only the bundle vouches for, anybody could have signed. */
static void note_proved(struct audit_case *c, uint64_t size)
{
	unsigned long long leaves = size;
	bool pinned = c->anchors->key_count + c->anchors->root_count > 0;

	if (!c->anchors->receipt_key && c->bundle.receipt_key.len > 0)
		audit_note(c, AUDIT_ASSERTED, STEP,
			"verifies with the receipt key that the bundle brings, in a tree of %llu; "
			"pin it with --receipt-key to prove it",
			leaves);
	else if (!c->anchors->receipt_key && !pinned)
		audit_note(c, AUDIT_ASSERTED, STEP,
			"verifies with the key that signed the record, in a tree of %llu; pin that "
			"to prove it",
			leaves);
	else
		audit_note(c, AUDIT_PROVED, STEP, "%s vouched for the leaf in a tree of %llu",
			c->anchors->receipt_key ? "the receipt key that you pinned"
						: "the key that signed the record",
			leaves);
}

bool audit_receipt(struct audit_case *c, struct err *err)
{
	OWNED(receipt_release) struct receipt receipt = {0};
	OWNED(key_unref) struct key *key = NULL;
	struct err why = {0};

	c->section = AUDIT_LEDGER;
	if (c->bundle.receipt.len == 0) {
		if (c->anchors->receipt_key || c->bundle.receipt_key.len > 0)
			audit_note(c, AUDIT_FAILED, STEP, "the bundle brings no receipt");
		return true;
	}
	if (receipt_parse(c->bundle.receipt, &receipt, &why) && key_find(c, &key, &why) &&
		verify(c, &receipt, key, &why)) {
		note_proved(c, receipt.proof.size);
		return true;
	}
	if (ours(&why))
		return err_set(err, why.code, "%s", why.text);
	audit_note(c, AUDIT_FAILED, STEP, "%s", ESC(bytes_str(why.text)));
	return true;
}
