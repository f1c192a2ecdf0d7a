/* SPDX-License-Identifier: Apache-2.0 */
/* Who put the policy in force: that keys signed exactly its bytes is recomputed; which persons hold
 * them, and that so many were enough, the verifier says, unless the auditor pinned them. */
#include "base/text.h"
#include "ledger/audit_case.h"

#define STEP         AUDIT_STEP_POLICY_SIGNATURE
#define STEP_PERSONS AUDIT_STEP_POLICY_SIGNERS

static bool ours(const struct err *err)
{
	return err->code == ERR_NOMEM || err->code == ERR_INTERNAL || err->code == ERR_CRYPTO;
}

/* "anna 3f09a2…, bert 77c1d0…" */
static void put_signers(const struct policy_signers *signers, uint64_t mask, struct buf *out)
{
	char hex[17];

	for (size_t i = 0; i < signers->count; i++)
		if (mask >> i & 1)
			buf_printf(out, "%s%s %s…", out->len ? ", " : "", signers->names[i],
				text_short_hex(
					bytes_of(key_id(signers->keys[i]), SHA256_LEN), hex));
}

/* *ret_mask 0: noted as failed. */
static bool judge(struct audit_case *c, struct bytes envelope, const struct policy_signers *signers,
	uint64_t *ret_mask, struct err *err)
{
	struct bytes text = {0};
	struct err why = {0};
	char detail[REASON_TEXT_MAX];

	*ret_mask = 0;
	/* The bytes that the verdict was computed under, whatever the record calls its policy. */
	if (audit_object(c, c->frozen.policy->digest, &text) &&
		policy_signature_verify(envelope, text, signers, ret_mask, &why) &&
		policy_signers_outside(signers, c->frozen.policy, &why))
		return true;
	*ret_mask = 0;
	if (ours(&why))
		return err_set(err, why.code, "%s", why.text);
	audit_note(c, AUDIT_FAILED, STEP, "%s",
		text_escape(bytes_str(why.text), detail, sizeof(detail)));
	return true;
}

static bool note_signers(struct audit_case *c, const struct policy_signers *signers, uint64_t mask,
	const char *whose, struct err *err)
{
	OWNED(buf_release) struct buf names = {0};

	put_signers(signers, mask, &names);
	if (!buf_ok(&names, err))
		return false;
	audit_note(c, AUDIT_PROVED, STEP,
		"over exactly this policy, by %d of %zu keys %s (%u needed): %s",
		__builtin_popcountll(mask), signers->count, whose, signers->threshold,
		buf_str(&names));
	return true;
}

/* The auditor knows the signers: what the verifier says of them is of no account. */
static bool audit_pinned(struct audit_case *c, struct bytes envelope, struct err *err)
{
	uint64_t mask;

	if (!judge(c, envelope, c->anchors->policy_signers, &mask, err))
		return false;
	return !mask || note_signers(c, c->anchors->policy_signers, mask, "that you pinned", err);
}

static bool audit_stated(struct audit_case *c, struct bytes envelope, struct err *err)
{
	OWNED(policy_signers_release) struct policy_signers signers = {0};
	struct bytes object;
	struct err why = {0};
	uint64_t mask;

	if (audit_input_withheld(c, "policy-signers")) {
		audit_note_withheld(c, STEP, "whose keys counted is not here");
		return true;
	}
	if (!audit_input(c, "policy-signers", &object) ||
		!policy_signers_decode(object, &signers, &why)) {
		if (ours(&why))
			return err_set(err, why.code, "%s", why.text);
		audit_note(c, AUDIT_FAILED, STEP,
			"the record says a signature, but not whose keys counted");
		return true;
	}
	if (!judge(c, envelope, &signers, &mask, err))
		return false;
	if (!mask)
		return true;
	audit_note(c, AUDIT_ASSERTED, STEP_PERSONS,
		"the verifier says that these keys are those persons', and that %u of %zu were "
		"enough; pin them (--policy-keys) to prove it",
		signers.threshold, signers.count);
	return note_signers(c, &signers, mask, "that the verifier names", err);
}

/* That the policy judged by is the one that the record names. */
static void note_policy(struct audit_case *c)
{
	const struct policy *policy = c->frozen.policy;
	const uint8_t *named = audit_named(c, "policy");
	char hex[17];

	text_short_hex(BYTES_OF(policy->digest), hex);
	if (named && memcmp(named, policy->digest, SHA256_LEN) != 0)
		audit_note(c, AUDIT_FAILED, "policy",
			"the record names another one than was judged by");
	else
		audit_note(c, AUDIT_PROVED, "policy",
			"version %lld, SHA-256 %s…: the one judged by%s",
			(long long)policy->version, hex, named ? " and named by the record" : "");
}

bool audit_policy(struct audit_case *c, struct err *err)
{
	struct bytes envelope;
	bool pinned = c->anchors->policy_signers && c->anchors->policy_signers->count > 0;

	c->section = AUDIT_POLICY;
	note_policy(c);
	if (audit_input_withheld(c, "policy-signature")) {
		audit_note_withheld(c, STEP, "the signature is not here");
		return true;
	}
	if (audit_input(c, "policy-signature", &envelope))
		return pinned ? audit_pinned(c, envelope, err) : audit_stated(c, envelope, err);
	if (pinned)
		audit_note(c, AUDIT_FAILED, STEP,
			"the record carries none: nobody signed this policy");
	else
		audit_note(c, AUDIT_NOT_CHECKED, STEP,
			"the record carries none: who wrote the policy is not known");
	return true;
}
