/* SPDX-License-Identifier: Apache-2.0 */
/* The quote that a bundle brings: what the verifier's host had booted when its ledger held the leaf. */
#include "ledger/audit_case.h"

#include "base/text.h"
#include "evidence/checkpoint_quote.h"

#include <stdio.h>

#define STEP "log host"

static bool ours(const struct err *why)
{
	return why->code == ERR_NOMEM || why->code == ERR_CRYPTO || why->code == ERR_INTERNAL;
}

/* By one of the logs that the auditor knows; without any nobody's signature is asked for. */
static bool signature_check(
	const struct audit_case *c, const struct checkpoint_quote *quote, struct err *why)
{
	const struct tlog_policy *policy = c->anchors->log_policy;
	struct checkpoint checkpoint;
	struct bytes text;

	for (size_t i = 0; policy && i < policy->log_count; i++) {
		const struct note_key *key = &policy->logs[i].key;

		if (note_open(quote->note, key, &text, why) &&
			checkpoint_parse(text, &checkpoint, why) &&
			bytes_equal_str(checkpoint.origin, key->name))
			return true;
		if (ours(why))
			return false;
	}
	return !policy || err_set(why, ERR_MISMATCH,
				  "the checkpoint quoted is not signed by a log that you pinned");
}

/* The leaf is in the tree quoted, and that is a tree of the ledger that the bundle speaks of. */
static bool tree_check(
	const struct audit_case *c, const struct checkpoint *checkpoint, struct err *why)
{
	const struct audit_bundle *b = &c->bundle;
	struct checkpoint other;
	uint8_t hash[SHA256_LEN];

	if (b->checkpoint.len > 0 && (!checkpoint_parse(b->checkpoint, &other, why) ||
					     !bytes_equal(other.origin, checkpoint->origin)))
		return err_set(why, ERR_MISMATCH, "the checkpoint quoted is of another log");
	if (checkpoint->size == b->tree_size &&
		memcmp(checkpoint->root, b->tree_root, SHA256_LEN) != 0)
		return err_set(why, ERR_MISMATCH,
			"the checkpoint quoted is of another tree of the same size: a fork");
	return leaf_hash(b->leaf, hash, why) &&
	       (tree_inclusion_check(
			b->index, checkpoint->size, hash, b->quote_proof, checkpoint->root, why) ||
		       err_wrap(why, "the leaf is not in the tree that was quoted"));
}

/* By a key that only the bundle vouches for, anybody's TPM could have quoted, or none. */
static void note_held(struct audit_case *c, const struct checkpoint_quoted *quoted)
{
	char pcrs[2 * DIGEST_LEN_MAX + 1], name[2 * TPM_NAME_MAX + 1], by[96];
	unsigned long long leaves = quoted->checkpoint.size;

	hex_encode(quoted->attest.quote_pcr_digest, pcrs);
	hex_encode(tpm_name_bytes(&quoted->ak_name), name);
	if (c->anchors->log_host_ak) {
		audit_note(c, AUDIT_PROVED, STEP,
			"the TPM whose key you pinned quoted PCRs 0-15 (digest %.16s…, reset %u) "
			"over "
			"a tree of %llu leaves that has this one%s",
			pcrs, quoted->attest.reset_count, leaves,
			c->anchors->log_policy ? ""
					       : "; that the log signed it was not asked "
						 "(--log-policy)");
		return;
	}
	(void)snprintf(by, sizeof(by), "the attestation key %.16s…", name + 4);
	audit_assert(c, by, STEP,
		"a quote of PCRs 0-15 (digest %.16s…, reset %u) over a tree of %llu leaves that "
		"has "
		"this one, by a key that the bundle brings; pin it with --log-host-ak to prove it",
		pcrs, quoted->attest.reset_count, leaves);
}

bool audit_log_host(struct audit_case *c, struct err *err)
{
	struct checkpoint_quote quote;
	struct checkpoint_quoted quoted;
	struct err why = {0};

	c->section = AUDIT_LEDGER;
	if (c->bundle.quote.len == 0) {
		audit_note(c, AUDIT_NOT_CHECKED, STEP,
			"the bundle brings no checkpoint that the verifier's host quoted");
		return true;
	}
	if (checkpoint_quote_decode(c->bundle.quote, &quote, &why) &&
		checkpoint_quote_check(&quote, c->anchors->log_host_ak, &quoted, &why) &&
		signature_check(c, &quote, &why) && tree_check(c, &quoted.checkpoint, &why)) {
		note_held(c, &quoted);
		return true;
	}
	if (ours(&why))
		return err_set(err, why.code, "%s", why.text);
	audit_note(c, AUDIT_FAILED, STEP, "%s", ESC(bytes_str(why.text)));
	return true;
}
