/* SPDX-License-Identifier: Apache-2.0 */
/* The policy file's keys, roots and persons. One key stands for one signer and one person, or
 * thresholds would lie. */
#include <stdlib.h>

#include "base/text.h"
#include "policy/policy_file.h"

#define NAME_TEXT_MAX 128u

/* Copies the certificates of one PEM text behind *count; owner is NULL for intermediates. */
static bool certs_append(
	const struct file_pem *from, struct cert **certs, size_t *count, struct err *err)
{
	size_t n = 0;

	if (!policy_text_ok(from->name, NAME_TEXT_MAX))
		return policy_fault(
			err, &from->name, "%s: " NOT_A_LINE, ESC(bytes_str(from->name)));
	if (!certs_from_bytes(
		    bytes_str(from->pem), POLICY_ROOTS_MAX - *count, certs + *count, &n, err))
		return policy_wrap(err, &from->pem, "%s", ESC(bytes_str(from->name)));
	if (n == 0)
		return policy_fault(
			err, &from->pem, "%s: no certificate in it", ESC(bytes_str(from->name)));
	*count += n;
	return true;
}

static bool build_roots(struct policy *policy, const struct file_policy *file, struct err *err)
{
	struct cert *certs[POLICY_ROOTS_MAX] = {0};
	size_t count = 0;
	bool ok = true;

	policy->roots = policy_alloc(POLICY_ROOTS_MAX, sizeof(*policy->roots), err);
	if (!policy->roots)
		return false;
	for (unsigned i = 0; ok && i < file->ek_roots_count; i++) {
		ok = certs_append(&file->ek_roots[i], certs, &count, err) ||
		     err_wrap(err, "ek_roots");
		for (; policy->root_count < count; policy->root_count++) {
			struct policy_root *root = &policy->roots[policy->root_count];

			root->cert = TAKE(certs[policy->root_count]);
			root->name = bytes_strdup(bytes_str(file->ek_roots[i].name));
			if (!root->name)
				ok = err_set(err, ERR_NOMEM, "no memory");
		}
	}
	return ok;
}

static bool build_intermediates(
	struct policy *policy, const struct file_policy *file, struct err *err)
{
	policy->intermediates = policy_alloc(POLICY_ROOTS_MAX, sizeof(struct cert *), err);
	if (!policy->intermediates)
		return false;
	for (unsigned i = 0; i < file->ek_intermediates_count; i++)
		if (!certs_append(&file->ek_intermediates[i], policy->intermediates,
			    &policy->intermediate_count, err))
			return err_wrap(err, "ek_intermediates");
	return true;
}

bool policy_public_key(const char *pem, struct key **ret, struct err *err)
{
	OWNED(key_unref) struct key *key = NULL;

	if (!key_from_pem(bytes_str(pem), &key, err))
		return false;
	if (key_has_private(key))
		return err_set(err, ERR_CONFIG, "a private key: put the public key here");
	*ret = TAKE(key);
	return true;
}

static bool build_release_keys(
	struct policy *policy, const struct file_policy *file, struct err *err)
{
	policy->release_keys =
		policy_alloc(file->release_keys_count, sizeof(*policy->release_keys), err);
	if (!policy->release_keys)
		return false;
	for (unsigned i = 0; i < file->release_keys_count; i++) {
		const struct file_pem *from = &file->release_keys[i];
		struct policy_release_key *to = &policy->release_keys[i];

		policy->release_key_count = i + 1;
		if (!policy_text_ok(from->name, NAME_TEXT_MAX))
			return policy_fault(
				err, &from->name, "%s: " NOT_A_LINE, ESC(bytes_str(from->name)));
		to->name = bytes_strdup(bytes_str(from->name));
		if (!to->name)
			return err_set(err, ERR_NOMEM, "no memory");
		if (!policy_public_key(from->pem, &to->key, err))
			return policy_wrap(err, &from->pem, "%s", to->name);
		for (unsigned k = 0; k < i; k++)
			if (strcmp(policy->release_keys[k].name, to->name) == 0 ||
				key_equal(policy->release_keys[k].key, to->key))
				return policy_fault(
					err, from, "%s: name or key given twice", to->name);
	}
	return true;
}

bool policy_build_anchors(struct policy *policy, const struct file_policy *file, struct err *err)
{
	if (!build_roots(policy, file, err) || !build_intermediates(policy, file, err))
		return false;
	return build_release_keys(policy, file, err) || err_wrap(err, "release_keys");
}

static bool approver_roles(
	struct policy_approver *to, const struct file_approver *from, struct err *err)
{
	for (unsigned i = 0; i < from->roles_count; i++) {
		if (!text_is_name(bytes_str(from->roles[i])))
			return policy_fault(err, &from->roles[i], "role %s: " NOT_A_NAME,
				ESC(bytes_str(from->roles[i])));
		for (unsigned k = 0; k < i; k++)
			if (strcmp(from->roles[k], from->roles[i]) == 0)
				return policy_fault(err, &from->roles[i], "role %s: given twice",
					from->roles[i]);
		to->roles[i] = bytes_strdup(bytes_str(from->roles[i]));
		if (!to->roles[i])
			return err_set(err, ERR_NOMEM, "no memory");
		to->role_count = i + 1;
	}
	return true;
}

static bool key_of_anybody(const struct policy *policy, const struct key *key)
{
	for (size_t i = 0; i < policy->approver_count; i++)
		for (size_t k = 0; k < policy->approvers[i].key_count; k++)
			if (key_equal(policy->approvers[i].keys[k], key))
				return true;
	return false;
}

static bool approver_keys(const struct policy *policy, struct policy_approver *to,
	const struct file_approver *from, struct err *err)
{
	for (unsigned i = 0; i < from->keys_count; i++) {
		OWNED(key_unref) struct key *key = NULL;

		if (!policy_public_key(from->keys[i], &key, err))
			return policy_wrap(err, &from->keys[i], "key %u", i + 1);
		if (key_of_anybody(policy, key))
			return policy_fault(err, &from->keys[i],
				"key %u: stands for somebody already: one key, one person", i + 1);
		to->keys[to->key_count++] = TAKE(key);
	}
	return true;
}

bool policy_build_approvers(struct policy *policy, const struct file_policy *file, struct err *err)
{
	policy->approvers = policy_alloc(file->approvers_count, sizeof(*policy->approvers), err);
	if (!policy->approvers)
		return false;
	for (unsigned i = 0; i < file->approvers_count; i++) {
		const struct file_approver *from = &file->approvers[i];
		struct policy_approver *to = &policy->approvers[i];

		policy->approver_count = i + 1;
		if (!policy_text_ok(from->person, NAME_TEXT_MAX))
			return policy_fault(err, &from->person, "approvers: %s: " NOT_A_LINE,
				ESC(bytes_str(from->person)));
		to->person = bytes_strdup(bytes_str(from->person));
		if (!to->person)
			return err_set(err, ERR_NOMEM, "no memory");
		for (unsigned k = 0; k < i; k++)
			if (strcmp(policy->approvers[k].person, to->person) == 0)
				return policy_fault(err, &from->person,
					"approvers: %s: given twice", to->person);
		if (!approver_roles(to, from, err) || !approver_keys(policy, to, from, err))
			return policy_wrap(err, from, "approvers: %s", to->person);
	}
	return true;
}
