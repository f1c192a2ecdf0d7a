/* SPDX-License-Identifier: Apache-2.0 */
/* Whose signatures stand under the tree that the record is in. */
#include "ledger/audit_case.h"

#include <stdio.h>

#include "base/text.h"

#define STEP           "tree root"
#define STEP_WITNESSES "witnesses"

static bool ours(const struct err *why)
{
	return why->code == ERR_NOMEM || why->code == ERR_CRYPTO || why->code == ERR_INTERNAL;
}

static bool same_tree(const struct audit_case *c, const struct checkpoint *checkpoint)
{
	return checkpoint->size == c->bundle.tree_size &&
	       memcmp(checkpoint->root, c->bundle.tree_root, SHA256_LEN) == 0;
}

static void witnesses_list(
	const struct tlog_policy *policy, uint64_t witnesses, char *out, size_t size)
{
	size_t at = 0;

	out[0] = '\0';
	for (size_t i = 0; i < policy->witness_count && at < size; i++)
		if (witnesses >> i & 1)
			at += (size_t)snprintf(out + at, size - at, "%s%s", at ? ", " : "",
				policy->witnesses[i].name);
}

/* Whoever cosigned another tree, or too few, said nothing of this one. */
static bool refused(struct audit_case *c, const char *why)
{
	audit_note(c, AUDIT_FAILED, STEP, "%s", why);
	audit_note(c, AUDIT_NOT_CHECKED, STEP_WITNESSES, "the checkpoint does not stand");
	return true;
}

/* Signed by one of the logs, whatever its witnesses are worth. False: the machine failed. */
static bool signed_by_log(const struct audit_case *c, const struct tlog_policy *policy,
	struct checkpoint *ret, bool *ret_signed, struct err *err)
{
	*ret_signed = false;
	for (size_t i = 0; i < policy->log_count && !*ret_signed; i++) {
		const struct note_key *key = &policy->logs[i].key;
		struct bytes text;
		struct err why = {0};

		if (note_open(c->bundle.checkpoint, key, &text, &why) &&
			checkpoint_parse(text, ret, &why))
			*ret_signed = bytes_equal_str(ret->origin, key->name) && same_tree(c, ret);
		else if (ours(&why))
			return err_set(err, why.code, "%s", why.text);
	}
	return true;
}

static void note_log(struct audit_case *c, const struct checkpoint *checkpoint, const char *seen,
	const char *names)
{
	audit_note(c, AUDIT_PROVED, STEP, "signed by log %s over %llu leaves%s%s",
		ESC(checkpoint->origin), (unsigned long long)checkpoint->size, seen,
		ESC(bytes_str(names)));
}

/* The log signed this tree; that enough of those who were to see it did is another matter. */
static bool unwitnessed(
	struct audit_case *c, const struct tlog_policy *policy, const char *why, struct err *err)
{
	struct checkpoint checkpoint;
	char detail[REASON_TEXT_MAX];
	bool signed_so;

	if (!signed_by_log(c, policy, &checkpoint, &signed_so, err))
		return false;
	text_escape(bytes_str(why), detail, sizeof(detail));
	if (!signed_so)
		return refused(c, detail);
	note_log(c, &checkpoint, "", "");
	audit_note(c, AUDIT_FAILED, STEP_WITNESSES, "%s", detail);
	return true;
}

static bool pinned(struct audit_case *c, const struct tlog_policy *policy, struct err *err)
{
	struct tlog_cosigned cosigned;
	struct err why = {0};
	char names[160];

	if (!tlog_policy_check(policy, NULL, c->bundle.checkpoint, &cosigned, &why))
		return ours(&why) ? err_set(err, why.code, "%s", why.text)
				  : unwitnessed(c, policy, why.text, err);
	if (!same_tree(c, &cosigned.checkpoint))
		return refused(c, "the checkpoint is of another tree");
	witnesses_list(policy, cosigned.witnesses, names, sizeof(names));
	note_log(c, &cosigned.checkpoint,
		cosigned.witnesses ? ", seen by witnesses " : "; no witness is demanded", names);
	if (cosigned.witnesses)
		audit_note(c, AUDIT_PROVED, STEP_WITNESSES, "%d of those that you pinned: %s",
			__builtin_popcountll(cosigned.witnesses), ESC(bytes_str(names)));
	else
		audit_note(c, AUDIT_NOT_CHECKED, STEP_WITNESSES, "the log policy demands none");
	return true;
}

bool audit_checkpoint(struct audit_case *c, struct err *err)
{
	const struct tlog_policy *policy = c->anchors->log_policy;
	struct checkpoint checkpoint;
	struct err why = {0};

	c->section = AUDIT_LEDGER;
	if (c->bundle.checkpoint.len == 0) {
		audit_note(c, policy ? AUDIT_FAILED : AUDIT_ASSERTED, STEP,
			policy ? "the bundle brings no checkpoint"
			       : "the verifier's word: nobody else has signed it");
		return true;
	}
	if (policy)
		return pinned(c, policy, err);
	/* A note begins with its text. */
	if (!checkpoint_parse(c->bundle.checkpoint, &checkpoint, &why) ||
		!same_tree(c, &checkpoint)) {
		if (ours(&why))
			return err_set(err, why.code, "%s", why.text);
		audit_note(c, AUDIT_FAILED, STEP, "the checkpoint is of another tree");
		return true;
	}
	audit_note(c, AUDIT_ASSERTED, STEP,
		"the checkpoint of log %s; pin its key and witnesses with --log-policy to prove it",
		ESC(checkpoint.origin));
	return true;
}
