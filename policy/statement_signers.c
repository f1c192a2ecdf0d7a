/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/statement_signers.h"

#include <stdio.h>

#include "base/text.h"
#include "policy/instant.h"

#define CERT_TEXT_MAX (X509_CHAIN_MAX * 2 * X509_DER_MAX)

static void certs_release(struct cert **certs, size_t n)
{
	for (size_t i = 0; i < n; i++)
		cert_unref(&certs[i]);
}

/* The certificates in an envelope's one signature; none is no error. Beside several signatures they
 * would leave open whose they are. */
static bool read_certs(
	const json_t *envelope, struct cert *certs[X509_CHAIN_MAX], size_t *count, struct err *err)
{
	const json_t *signatures = json_object_get(envelope, "signatures");
	const json_t *signature = json_array_get(signatures, 0);
	struct json_fields f = json_fields_of("DSSE envelope: signature");
	const char *pem = json_object_get(signature, "cert")
				  ? json_need_str(&f, signature, "cert", CERT_TEXT_MAX)
				  : "";

	if (json_array_size(signatures) != 1 || !*pem)
		return json_fields_ok(&f, err);
	if (!certs_from_bytes(bytes_str(pem), X509_CHAIN_MAX, certs, count, err))
		return err_wrap(err, "DSSE envelope: cert");
	return *count > 0 || err_set(err, ERR_FORMAT, "DSSE envelope: cert: no certificate in it");
}

static bool open_dsse(
	struct bytes in, const json_t *root, struct sigstore_bundle **ret, struct err *err)
{
	struct cert *certs[X509_CHAIN_MAX] = {0};
	size_t n = 0;
	bool ok =
		read_certs(root, certs, &n, err) && sigstore_bundle_of_dsse(in, certs, n, ret, err);

	certs_release(certs, ARRAY_LEN(certs));
	return ok;
}

static bool mentions(struct bytes in, struct bytes word)
{
	return memmem(in.data, in.len, word.data, word.len) != NULL;
}

/* Which of the forms it is. Most envelopes are plain DSSE, and are read once only: one that spells
 * these members with escapes is taken for one, in which no certificate vouches for anything. */
static bool open_form(struct bytes in, struct sigstore_bundle **ret, struct err *err)
{
	OWNED(json_release) json_t *root = NULL;

	if (!mentions(in, BYTES_LIT("\"mediaType\"")) && !mentions(in, BYTES_LIT("\"cert\"")))
		return sigstore_bundle_of_dsse(in, NULL, 0, ret, err);
	if (!json_open(in, JSON_INPUT_MAX, &root, err))
		return err_wrap(err, "statement");
	return json_object_get(root, "mediaType") ? sigstore_bundle_parse(in, ret, err)
						  : open_dsse(in, root, ret, err);
}

bool statement_envelope_open(struct bytes in, struct sigstore_bundle **ret, struct err *err)
{
	OWNED(sigstore_bundle_free) struct sigstore_bundle *made = NULL;

	if (!open_form(in, &made, err))
		return false;
	if (!made->dsse)
		return err_set(err, ERR_FORMAT, "Sigstore bundle: signs a file and no statement");
	if (!predicate_payload_type_ok(made->dsse->payload_type))
		return err_set(err, ERR_FORMAT, "payload type %s: expected " DSSE_INTOTO_TYPE,
			ESC(bytes_str(made->dsse->payload_type)));
	*ret = TAKE(made);
	return true;
}

/* ---- keys ---- */

static bool find_keys(const struct dsse *dsse, const struct policy *policy, uint64_t asked,
	struct statement_signers *ret, struct err *err)
{
	struct key *keys[POLICY_KEYS_MAX] = {0};
	size_t at[POLICY_KEYS_MAX], n = 0;
	uint64_t mask = 0;

	for (size_t i = 0; i < policy->statement_key_count; i++)
		if ((asked >> i & 1) && policy->statement_keys[i].key) {
			at[n] = i;
			keys[n++] = policy->statement_keys[i].key;
		}
	if (!dsse_verify(dsse, keys, n, &mask, err))
		return err_wrap(err, "statement");
	for (size_t i = 0; i < n; i++)
		ret->mask |= (mask >> i & 1) << at[i];
	ret->lasting = ret->mask;
	return true;
}

/* ---- identities ---- */

/* What an identity pins, for one judgement. */
struct pinned {
	struct sigstore_trust trust;
	struct sigstore_extension extensions[IDENTITY_EXTENSIONS];
};

static void pin(const struct policy *policy, const struct policy_identity *identity, int64_t now,
	struct pinned *ret)
{
	size_t n = 0;

	for (size_t i = 0; i < IDENTITY_EXTENSIONS; i++)
		if (identity->extensions[i])
			ret->extensions[n++] =
				(struct sigstore_extension){.oid = identity_extensions[i].oid,
					.name = identity_extensions[i].name,
					.text = identity->extensions[i]};
	ret->trust = (struct sigstore_trust){.roots = identity->roots,
		.root_count = identity->root_count,
		.intermediates = identity->intermediates,
		.intermediate_count = identity->intermediate_count,
		.identity = identity->identity,
		.identity_is_prefix = identity->prefix,
		.issuer = identity->issuer,
		.extensions = ret->extensions,
		.extension_count = n,
		.code_signing = true,
		.authorities = policy->authority_certs,
		.authority_count = policy->authority_count,
		.now = now};
}

/* By any log of the policy; *ret tells of the last one asked. */
static bool verify_logged(const struct sigstore_bundle *bundle, const struct policy *policy,
	struct sigstore_trust *trust, struct sigstore_verdict *ret, struct err *err)
{
	(void)snprintf(ret->reason, sizeof(ret->reason),
		"no entry of a transparency log: nothing proves when the certificate signed");
	if (bundle->entry_count == 0)
		return true;
	for (size_t i = 0; i < policy->log_count && !ret->verified; i++) {
		trust->log = &policy->logs[i];
		if (!sigstore_verify(bundle, trust, ret, err))
			return false;
	}
	return true;
}

/* Without a log: when an authority stamped it, or now. */
static bool verify_unlogged(const struct sigstore_bundle *bundle, struct sigstore_trust *trust,
	struct sigstore_verdict *ret, struct err *err)
{
	const struct cert *leaf = bundle->certs[0];
	bool short_lived = cert_not_after(leaf) - cert_not_before(leaf) < SIGNER_LONG_LIVED;

	if (short_lived && bundle->stamp_count == 0)
		return true; /* the reason of the logs stands */
	trust->log = NULL;
	if (!sigstore_verify(bundle, trust, ret, err))
		return false;
	if (short_lived && ret->certificate_end) {
		*ret = (struct sigstore_verdict){0};
		(void)snprintf(ret->reason, sizeof(ret->reason),
			"no time stamp of an authority that is pinned: nothing proves when the "
			"certificate signed");
	}
	return true;
}

static bool verify_identity(const struct sigstore_bundle *bundle, const struct policy *policy,
	size_t at, int64_t now, struct statement_signers *ret, struct err *err)
{
	const struct policy_identity *identity = policy->statement_keys[at].identity;
	struct sigstore_verdict verdict = {0};
	struct pinned pinned;

	pin(policy, identity, now, &pinned);
	if (!verify_logged(bundle, policy, &pinned.trust, &verdict, err))
		return false;
	if (!verdict.verified && identity->log_optional &&
		!verify_unlogged(bundle, &pinned.trust, &verdict, err))
		return false;
	if (!verdict.verified) {
		(void)snprintf(ret->why, sizeof(ret->why), "%s", verdict.reason);
		return true;
	}
	ret->mask |= UINT64_C(1) << at;
	if (verdict.certificate_end == 0)
		ret->lasting |= UINT64_C(1) << at;
	else
		ret->end = ret->end ? earlier_of(ret->end, verdict.certificate_end)
				    : verdict.certificate_end;
	return true;
}

/* Whom the certificate names costs no signature to see, so only those are judged whom it does. */
static bool find_identities(const struct sigstore_bundle *bundle, const struct policy *policy,
	uint64_t asked, int64_t now, struct statement_signers *ret, struct err *err)
{
	for (size_t i = 0; i < policy->statement_key_count; i++) {
		const struct policy_identity *identity = policy->statement_keys[i].identity;
		struct sigstore_verdict named = {0};
		struct pinned pinned;
		struct err why = {0};
		bool is_named;

		if (!(asked >> i & 1) || !identity)
			continue;
		pin(policy, identity, now, &pinned);
		cert_looks_begin();
		is_named = sigstore_leaf_named(bundle->certs[0], &pinned.trust, &named, &why);
		if (!cert_looks_whole(err))
			return false;
		if (!*ret->why)
			(void)snprintf(ret->why, sizeof(ret->why), "%s", why.text);
		if (is_named && !verify_identity(bundle, policy, i, now, ret, err))
			return false;
	}
	return true;
}

bool statement_signers_find(const struct sigstore_bundle *bundle, const struct policy *policy,
	uint64_t asked, int64_t now, struct statement_signers *ret, struct err *err)
{
	*ret = (struct statement_signers){0};
	if (!find_keys(bundle->dsse, policy, asked, ret, err))
		return false;
	return bundle->material != SIGSTORE_CERTIFICATE ||
	       find_identities(bundle, policy, asked, now, ret, err);
}
