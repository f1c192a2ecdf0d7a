/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/signature.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "crypto/dsse.h"
#include "crypto/note.h"
#include "evidence/names.h"
#include "policy/policy_file.h"

static_assert(POLICY_SIGNERS_MAX <= 64, "one bit of a uint64_t for each");

bool policy_signers_add(
	struct policy_signers *signers, const char *name, struct bytes pem, struct err *err)
{
	OWNED(key_unref) struct key *key = NULL;
	char shown[160];

	if (!text_is_name(bytes_str(name)))
		return err_set(err, ERR_CONFIG, "%s: not a name",
			text_escape(bytes_str(name), shown, sizeof(shown)));
	if (signers->count == POLICY_SIGNERS_MAX)
		return err_set(err, ERR_CONFIG, "%s: more than %u keys", name, POLICY_SIGNERS_MAX);
	if (!key_from_pem(pem, &key, err))
		return err_wrap(err, "%s", name);
	if (key_has_private(key))
		return err_set(err, ERR_CONFIG, "%s: a private key: give its public part", name);
	for (size_t i = 0; i < signers->count; i++) {
		if (strcmp(signers->names[i], name) == 0)
			return err_set(err, ERR_CONFIG, "%s: given twice", name);
		if (key_equal(signers->keys[i], key))
			return err_set(
				err, ERR_CONFIG, "%s: the same key as %s", name, signers->names[i]);
	}
	signers->names[signers->count] = bytes_strdup(bytes_str(name));
	if (!signers->names[signers->count])
		return err_set(err, ERR_NOMEM, "no memory");
	signers->keys[signers->count++] = TAKE(key);
	return true;
}

bool policy_signers_demand(struct policy_signers *signers, int64_t threshold, struct err *err)
{
	if (threshold < 1)
		return err_set(err, ERR_CONFIG, "%lld: must be 1 or more", (long long)threshold);
	if ((uint64_t)threshold > signers->count)
		return err_set(err, ERR_CONFIG, "%lld: there are only %zu keys",
			(long long)threshold, signers->count);
	signers->threshold = (unsigned)threshold;
	return true;
}

void policy_signers_release(struct policy_signers *signers)
{
	for (size_t i = 0; i < signers->count; i++) {
		free(signers->names[i]);
		key_unref(&signers->keys[i]);
	}
	memset(signers, 0, sizeof(*signers));
}

/* An envelope over exactly these bytes, whoever signed it. */
static bool envelope_open(
	struct bytes envelope, struct bytes policy, struct dsse **ret, struct err *err)
{
	OWNED(dsse_free) struct dsse *dsse = NULL;

	if (envelope.len > POLICY_ENVELOPE_MAX)
		return err_set(err, ERR_LIMIT, "signature: %zu bytes: more than %u", envelope.len,
			POLICY_ENVELOPE_MAX);
	if (!dsse_parse(envelope, &dsse, err))
		return err_wrap(err, "signature");
	if (strcmp(dsse->payload_type, MEDIA_POLICY) != 0)
		return err_set(err, ERR_MISMATCH, "signature: over %s, not over a policy",
			ESC(bytes_str(dsse->payload_type)));
	if (!bytes_equal(buf_bytes(&dsse->payload), policy))
		return err_set(
			err, ERR_MISMATCH, "signature: over other bytes than this policy file's");
	*ret = TAKE(dsse);
	return true;
}

/* "anna, bert" */
static void put_names(const struct policy_signers *signers, uint64_t signed_by, struct buf *out)
{
	const char *between = "";

	for (size_t i = 0; i < signers->count; i++)
		if (signed_by >> i & 1) {
			buf_printf(out, "%s%s", between, signers->names[i]);
			between = ", ";
		}
}

bool policy_signers_verify(const struct dsse *dsse, const struct policy_signers *signers,
	uint64_t *ret_signed, struct err *err)
{
	OWNED(buf_release) struct buf names = {0};
	uint64_t mask = 0;
	unsigned n;

	*ret_signed = 0;
	if (signers->threshold < 1 || signers->threshold > signers->count)
		return err_set(err, ERR_INTERNAL, "signature: no threshold");
	if (!dsse_verify(dsse, signers->keys, signers->count, &mask, err))
		return false;
	n = (unsigned)__builtin_popcountll(mask);
	put_names(signers, mask, &names);
	if (!buf_ok(&names, err))
		return false;
	if (n < signers->threshold)
		return err_set(err, ERR_DENIED,
			"signature: %u of the keys that count signed%s%s; %u must", n,
			n ? ": " : "", n ? buf_str(&names) : "", signers->threshold);
	*ret_signed = mask;
	return true;
}

bool policy_signature_verify(struct bytes envelope, struct bytes policy,
	const struct policy_signers *signers, uint64_t *ret_signed, struct err *err)
{
	OWNED(dsse_free) struct dsse *dsse = NULL;

	*ret_signed = 0;
	return envelope_open(envelope, policy, &dsse, err) &&
	       policy_signers_verify(dsse, signers, ret_signed, err);
}

/* ---- none of them has a part in the policy ---- */

/* The name of the signer with this key; NULL: none. */
static const char *signer_with(const struct policy_signers *signers, const struct key *key)
{
	for (size_t i = 0; key && i < signers->count; i++)
		if (key_equal(signers->keys[i], key))
			return signers->names[i];
	return NULL;
}

static bool outside(const struct policy_signers *signers, const struct key *key, const char *part,
	const char *name, struct err *err)
{
	const char *signer = signer_with(signers, key);

	return !signer ||
	       err_set(err, ERR_DENIED,
		       "policy key %s is %s %s of this policy: its signers must stand outside it",
		       signer, part, name);
}

static bool outside_cert(const struct policy_signers *signers, const struct cert *cert,
	const char *part, const char *name, struct err *err)
{
	OWNED(key_unref) struct key *key = NULL;
	struct err why = {0};

	/* A key of a kind that is none of ours is none of the signers'. */
	if (!cert_key(cert, &key, &why))
		return why.code == ERR_UNSUPPORTED || why.code == ERR_FORMAT ||
		       err_set(err, why.code, "%s %s: %s", part, name, why.text);
	return outside(signers, key, part, name, err);
}

static bool outside_hosts(
	const struct policy_signers *signers, const struct host_class *class, struct err *err)
{
	for (size_t i = 0; i < class->reference_count; i++)
		if (!outside(signers, class->references[i].key, "a CoRIM's signer for", class->name,
			    err))
			return false;
	for (size_t i = 0; i < class->ima.key_count; i++)
		if (!outside(signers, class->ima.keys[i].key, "the file signer",
			    class->ima.keys[i].name, err))
			return false;
	return true;
}

static bool outside_identity(const struct policy_signers *signers,
	const struct policy_statement_key *of, struct err *err)
{
	const struct policy_identity *identity = of->identity;

	for (size_t i = 0; identity && i < identity->root_count; i++)
		if (!outside_cert(signers, identity->roots[i], "a root of identity", of->name, err))
			return false;
	for (size_t i = 0; identity && i < identity->intermediate_count; i++)
		if (!outside_cert(signers, identity->intermediates[i],
			    "an intermediate of identity", of->name, err))
			return false;
	return true;
}

bool policy_signers_outside(
	const struct policy_signers *signers, const struct policy *policy, struct err *err)
{
	for (size_t i = 0; i < policy->release_key_count; i++)
		if (!outside(signers, policy->release_keys[i].key, "the release key",
			    policy->release_keys[i].name, err))
			return false;
	for (size_t i = 0; i < policy->statement_key_count; i++)
		if (!outside(signers, policy->statement_keys[i].key, "the statement key",
			    policy->statement_keys[i].name, err) ||
			!outside_identity(signers, &policy->statement_keys[i], err))
			return false;
	for (size_t i = 0; i < policy->authority_count; i++)
		if (!outside_cert(signers, policy->authorities[i].cert,
			    "the time-stamping authority", policy->authorities[i].name, err))
			return false;
	for (size_t i = 0; i < policy->log_count; i++)
		if (!outside(signers, policy->logs[i].key, "the transparency log",
			    policy->logs[i].name, err))
			return false;
	for (size_t i = 0; i < policy->approver_count; i++)
		for (size_t k = 0; k < policy->approvers[i].key_count; k++)
			if (!outside(signers, policy->approvers[i].keys[k], "a key of approver",
				    policy->approvers[i].person, err))
				return false;
	for (size_t i = 0; i < policy->root_count; i++)
		if (!outside_cert(signers, policy->roots[i].cert, "the EK root",
			    policy->roots[i].name, err))
			return false;
	for (size_t i = 0; i < policy->intermediate_count; i++) {
		char number[24];

		snprintf(number, sizeof(number), "%zu", i + 1);
		if (!outside_cert(
			    signers, policy->intermediates[i], "EK intermediate", number, err))
			return false;
	}
	for (size_t i = 0; i < policy->host_class_count; i++)
		if (!outside_hosts(signers, &policy->host_classes[i], err))
			return false;
	return true;
}

/* ---- signing ---- */

bool policy_signature_add(struct bytes envelope, struct bytes policy, struct key *key,
	struct buf *out, struct err *err)
{
	OWNED(dsse_free) struct dsse *dsse = NULL;
	struct key *const keys[] = {key};
	uint64_t mask = 0;

	if (envelope.len == 0)
		return dsse_sign(MEDIA_POLICY, policy, key, out, err);
	if (!envelope_open(envelope, policy, &dsse, err) || !dsse_verify(dsse, keys, 1, &mask, err))
		return false;
	if (mask)
		return err_set(err, ERR_CONFLICT, "this key has signed it already");
	return dsse_add_signature(envelope, key, out, err);
}
