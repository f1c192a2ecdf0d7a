/* SPDX-License-Identifier: Apache-2.0 */
/* The policy file's revocation lists of TPM makers, and the endorsement keys that it distrusts. */
#include "base/text.h"
#include "policy/policy_file.h"

#define NAME_TEXT_MAX   128u
#define REASON_SAID_MAX 128u

static bool build_lists(struct policy *policy, const struct file_policy *file, struct err *err)
{
	policy->ek_ignore_stale_revocation = file->ek_ignore_stale_revocation;
	policy->ek_crls = crls_new();
	if (!policy->ek_crls)
		return err_set(err, ERR_NOMEM, "no memory");
	for (unsigned i = 0; i < file->ek_revocation_count; i++) {
		const struct file_pem *from = &file->ek_revocation[i];

		if (!policy_text_ok(from->name, NAME_TEXT_MAX))
			return policy_fault(
				err, &from->name, "%s: " NOT_A_LINE, ESC(bytes_str(from->name)));
		if (!crls_add(policy->ek_crls, bytes_str(from->pem), err))
			return policy_wrap(err, &from->pem, "%s", ESC(bytes_str(from->name)));
	}
	return true;
}

static bool build_distrusted(struct policy *policy, const struct file_policy *file, struct err *err)
{
	policy->ek_distrusted =
		policy_alloc(file->ek_distrusted_count, sizeof(*policy->ek_distrusted), err);
	if (!policy->ek_distrusted)
		return false;
	for (unsigned i = 0; i < file->ek_distrusted_count; i++) {
		const struct file_distrusted *from = &file->ek_distrusted[i];
		struct policy_distrusted *to = &policy->ek_distrusted[i];

		policy->ek_distrusted_count = i + 1;
		if (!hex_decode_exact(bytes_str(from->sha256), to->sha256, SHA256_LEN, err))
			return policy_wrap(err, &from->sha256, "%s", ESC(bytes_str(from->sha256)));
		if (!policy_text_ok(from->reason, REASON_SAID_MAX))
			return policy_fault(err, &from->reason,
				"%s: reason: not a short text (a line of 1 to 128 bytes)",
				from->sha256);
		if (policy_distrusted_find(policy, to->sha256) != to)
			return policy_fault(err, &from->sha256, "%s: given twice", from->sha256);
		to->reason = bytes_strdup(bytes_str(from->reason));
		if (!to->reason)
			return err_set(err, ERR_NOMEM, "no memory");
	}
	return true;
}

bool policy_build_revocation(struct policy *policy, const struct file_policy *file, struct err *err)
{
	if (!build_lists(policy, file, err))
		return err_wrap(err, "ek_revocation");
	return build_distrusted(policy, file, err) || err_wrap(err, "ek_distrusted");
}

const struct policy_distrusted *policy_distrusted_find(
	const struct policy *policy, const uint8_t sha256[SHA256_LEN])
{
	for (size_t i = 0; i < policy->ek_distrusted_count; i++)
		if (memcmp(policy->ek_distrusted[i].sha256, sha256, SHA256_LEN) == 0)
			return &policy->ek_distrusted[i];
	return NULL;
}
