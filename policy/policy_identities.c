/* SPDX-License-Identifier: Apache-2.0 */
/* Whoever signs with a certificate, and the transparency logs that tell when: the part of the policy
 * file under statement_identities and transparency_logs. */
#include <stdlib.h>

#include "base/text.h"
#include "policy/policy_file.h"
#include "policy/sigstore_bundle.h"

#define IDENTITY_NAME_MAX 255u
#define OID_TIME_STAMPING "1.3.6.1.5.5.7.3.8"

const struct identity_extension identity_extensions[IDENTITY_EXTENSIONS] = {
	[IDENTITY_RUNNER] = {"1.3.6.1.4.1.57264.1.11", "runner environment", "runner_environment"},
	[IDENTITY_REPOSITORY] = {"1.3.6.1.4.1.57264.1.12", "source repository",
		"source_repository"},
	[IDENTITY_REF] = {"1.3.6.1.4.1.57264.1.14", "source reference", "source_ref"},
	[IDENTITY_REPOSITORY_ID] = {"1.3.6.1.4.1.57264.1.15", "source repository's number",
		"source_repository_id"},
	[IDENTITY_OWNER_ID] = {"1.3.6.1.4.1.57264.1.17", "source owner's number",
		"source_owner_id"},
};

/* ---- logs ---- */

bool policy_build_logs(struct policy *policy, const struct file_policy *file, struct err *err)
{
	policy->logs = policy_alloc(file->transparency_logs_count, sizeof(*policy->logs), err);
	if (!policy->logs)
		return false;
	for (unsigned i = 0; i < file->transparency_logs_count; i++) {
		const struct file_pem *from = &file->transparency_logs[i];
		OWNED(key_unref) struct key *key = NULL;

		if (!policy_public_key(from->pem, &key, err) ||
			!note_key_of(from->name, key, &policy->logs[i], err))
			return policy_wrap(
				err, from, "transparency_logs: %s", ESC(bytes_str(from->name)));
		policy->log_count = i + 1;
		for (unsigned k = 0; k < i; k++)
			if (key_equal(policy->logs[k].key, key))
				return policy_fault(err, from,
					"transparency_logs: %s: key given twice", from->name);
	}
	return true;
}

/* ---- authorities ---- */

static bool build_authority(const struct policy *policy, const struct file_pem *from,
	struct policy_root *to, struct err *err)
{
	if (!policy_text_ok(from->name, IDENTITY_NAME_MAX))
		return policy_fault(err, &from->name, "not a name");
	to->name = bytes_strdup(bytes_str(from->name));
	if (!to->name)
		return err_set(err, ERR_NOMEM, "no memory");
	if (!cert_from_pem(bytes_str(from->pem), &to->cert, err))
		return false;
	for (const struct policy_root *other = policy->authorities; other < to; other++)
		if (bytes_equal(cert_der(other->cert), cert_der(to->cert)))
			return policy_fault(err, &from->pem, "certificate given twice");
	return cert_has_eku(to->cert, OID_TIME_STAMPING) ||
	       policy_fault(err, &from->pem,
		       "not a certificate for time stamping: its issuers are not needed");
}

bool policy_build_authorities(
	struct policy *policy, const struct file_policy *file, struct err *err)
{
	unsigned count = file->timestamp_authorities_count;

	policy->authorities = policy_alloc(count, sizeof(*policy->authorities), err);
	policy->authority_certs = policy_alloc(count, sizeof(*policy->authority_certs), err);
	if (!policy->authorities || !policy->authority_certs)
		return false;
	for (unsigned i = 0; i < count; i++) {
		const struct file_pem *from = &file->timestamp_authorities[i];
		bool built;

		policy->authority_count = i + 1;
		cert_looks_begin();
		built = build_authority(policy, from, &policy->authorities[i], err);
		if (!cert_looks_whole(err) || !built)
			return policy_wrap(err, &from->pem, "timestamp_authorities: %s",
				ESC(bytes_str(from->name)));
		policy->authority_certs[i] = policy->authorities[i].cert;
	}
	return true;
}

/* ---- identities ---- */

static bool read_certs(char *const *pem, const char *key, struct cert *certs[IDENTITY_CERTS_MAX],
	size_t *count, struct err *err)
{
	if (!certs_from_bytes(bytes_str(*pem), IDENTITY_CERTS_MAX, certs, count, err))
		return policy_wrap(err, pem, "%s", key);
	for (size_t i = 0; i < *count; i++)
		if (!cert_is_ca(certs[i]))
			return policy_fault(
				err, pem, "%s: certificate %zu is not a CA's", key, i + 1);
	return *count > 0 || policy_fault(err, pem, "%s: no certificate in it", key);
}

static bool self_issued(const struct cert *cert)
{
	char subject[512], issuer[512];

	return strcmp(cert_subject(cert, subject, sizeof(subject)),
		       cert_issuer(cert, issuer, sizeof(issuer))) == 0;
}

static bool build_anchors(
	const struct file_identity *from, struct policy_identity *to, struct err *err)
{
	if (!read_certs(&from->roots, "roots", to->roots, &to->root_count, err))
		return false;
	for (size_t i = 0; i < to->root_count; i++)
		if (!self_issued(to->roots[i]))
			return policy_fault(err, &from->roots,
				"roots: certificate %zu is not self-signed: it belongs under "
				"intermediates",
				i + 1);
	return !from->intermediates || read_certs(&from->intermediates, "intermediates",
					       to->intermediates, &to->intermediate_count, err);
}

static bool copy_text(char *const *from, const char *key, char **ret, struct err *err)
{
	if (!*from)
		return true;
	if (!policy_text_ok(*from, X509_URI_MAX - 1))
		return policy_fault(err, from, "%s: not a text", key);
	*ret = bytes_strdup(bytes_str(*from));
	return *ret || err_set(err, ERR_NOMEM, "no memory");
}

static bool build_names(
	const struct file_identity *from, struct policy_identity *to, struct err *err)
{
	if (!from->identity == !from->identity_prefix)
		return policy_fault(
			err, &from->identity, "one of identity and identity_prefix is needed");
	if (from->identity_prefix && !sigstore_prefix_ok(from->identity_prefix))
		return policy_fault(err, &from->identity_prefix,
			"identity_prefix: %s: must name the file whole, then @refs/, and end with "
			"'/'",
			ESC(bytes_str(from->identity_prefix)));
	to->prefix = from->identity_prefix != NULL;
	if (!copy_text(to->prefix ? &from->identity_prefix : &from->identity,
		    to->prefix ? "identity_prefix" : "identity", &to->identity, err) ||
		!copy_text(&from->issuer, "issuer", &to->issuer, err))
		return false;
	for (size_t i = 0; i < IDENTITY_EXTENSIONS; i++)
		if (!copy_text(&from->extensions[i], identity_extensions[i].key, &to->extensions[i],
			    err))
			return false;
	return true;
}

static bool build_identity(const struct policy *policy, const struct file_identity *from,
	struct policy_identity *to, struct err *err)
{
	bool anchored;

	to->log_optional = from->log == IDENTITY_LOG_OPTIONAL;
	if (!to->log_optional && policy->log_count == 0)
		return policy_fault(err, &from->log,
			"log: required, and no transparency_logs are given: nothing could meet "
			"this");
	cert_looks_begin();
	anchored = build_anchors(from, to, err);
	return cert_looks_whole(err) && anchored && build_names(from, to, err);
}

bool policy_build_identities(struct policy *policy, const struct file_policy *file, struct err *err)
{
	for (unsigned i = 0; i < file->statement_identities_count; i++) {
		const struct file_identity *from = &file->statement_identities[i];
		struct policy_statement_key *to =
			&policy->statement_keys[policy->statement_key_count++];

		if (!policy_statement_signer(
			    policy, &from->name, from->kinds, from->kinds_count, to, err))
			return err_wrap(err, "statement_identities");
		to->identity = policy_alloc(1, sizeof(*to->identity), err);
		if (!to->identity)
			return false;
		if (!build_identity(policy, from, to->identity, err))
			return policy_wrap(err, from, "statement_identities: %s", to->name);
	}
	return true;
}

void policy_identity_free(struct policy_identity **identity)
{
	struct policy_identity *gone = TAKE(*identity);

	if (!gone)
		return;
	for (size_t i = 0; i < IDENTITY_CERTS_MAX; i++) {
		cert_unref(&gone->roots[i]);
		cert_unref(&gone->intermediates[i]);
	}
	for (size_t i = 0; i < IDENTITY_EXTENSIONS; i++)
		free(gone->extensions[i]);
	free(gone->identity);
	free(gone->issuer);
	free(gone);
}

void policy_logs_release(struct policy *policy)
{
	for (size_t i = 0; i < policy->log_count; i++)
		note_key_release(&policy->logs[i]);
	free(policy->logs);
	for (size_t i = 0; i < policy->authority_count; i++) {
		free(policy->authorities[i].name);
		cert_unref(&policy->authorities[i].cert);
	}
	free(policy->authorities);
	free(policy->authority_certs);
}
