/* SPDX-License-Identifier: Apache-2.0 */
/* Endorsement keys: made from a template the policy accepts, and certified by a maker it trusts. */
#include "policy/appraisal.h"

#include "base/text.h"

#define SEQUENCE 0x30

/* Length of the DER SEQUENCE at the head of `in`, header included; 0 if there is none that fits. */
static size_t der_length(struct bytes in)
{
	size_t header = 2, length;

	if (in.len < 2 || in.data[0] != SEQUENCE)
		return 0;
	length = in.data[1];
	if (length >= 0x80) {
		size_t n = length & 0x7f;

		if (n < 1 || n > 2 || in.len < 2 + n)
			return 0;
		length = n == 1 ? in.data[2] : (size_t)(in.data[2] << 8 | in.data[3]);
		header += n;
	}
	return length <= in.len - header ? header + length : 0;
}

bool ek_certs_split(
	struct bytes in, struct bytes certs[EK_CERTS_MAX], size_t *ret_count, struct err *err)
{
	size_t at = 0, count = 0;

	while (at < in.len) {
		size_t n = der_length(bytes_of(in.data + at, in.len - at));

		if (in.data[at] == 0x00 || in.data[at] == 0xff) {
			at++;
			continue;
		}
		if (n == 0)
			return err_set(err, ERR_FORMAT, "not DER at offset %zu of %zu", at, in.len);
		if (count == EK_CERTS_MAX)
			return err_set(err, ERR_LIMIT, "more than %u certificates", EK_CERTS_MAX);
		certs[count++] = bytes_of(in.data + at, n);
		at += n;
	}
	*ret_count = count;
	return true;
}

static void template_appraise(
	const struct tpmt_public *ek, const struct policy *policy, struct verdict *verdict)
{
	const char *why = "not made from a TCG template";
	enum ek_template id = ek_template_of(ek, &why);
	const struct ek_template_info *info;

	if (id == EK_TEMPLATE_NONE) {
		verdict_refuse(verdict, REASON_EK_TEMPLATE, "endorsement key",
			"made from a TCG template", why, NULL, NULL);
		return;
	}
	info = ek_template_info(id);
	for (size_t i = 0; i < policy->ek_template_count; i++)
		if (policy->ek_templates[i] == id) {
			verdict_checked(verdict, "endorsement key: template %s", info->name);
			return;
		}
	verdict_refuse(verdict, REASON_EK_TEMPLATE, "endorsement key",
		"a template that the policy accepts", info->name, NULL, NULL);
}

static void refuse_distrusted(
	const struct policy_distrusted *entry, const char *subject, struct verdict *verdict)
{
	char why[REASON_TEXT_MAX];

	verdict_refuse(verdict, REASON_EK_REVOKED, subject, "not distrusted by the policy",
		text_escape(bytes_str(entry->reason), why, sizeof(why)), "ek_distrusted", NULL);
}

/* The key itself, so that another certificate for it helps nobody. */
static bool distrust_appraise(const struct tpmt_public *ek, const struct policy *policy,
	struct verdict *verdict, struct err *err)
{
	OWNED(key_unref) struct key *key = NULL;
	const struct policy_distrusted *entry;
	uint8_t digest[SHA256_LEN];

	if (policy->ek_distrusted_count == 0)
		return true;
	if (!tpmt_public_key(ek, &key, err))
		return refuse_malformed(verdict, REASON_EK_TEMPLATE, "endorsement key", err);
	if (!sha256_of(key_spki(key), digest, err))
		return err_wrap(err, "endorsement key");
	entry = policy_distrusted_find(policy, digest);
	if (entry)
		refuse_distrusted(entry, "endorsement key", verdict);
	else
		verdict_checked(verdict, "endorsement key: not among those the policy distrusts");
	return true;
}

bool ek_key_appraise(const struct tpmt_public *ek, const struct policy *policy,
	struct verdict *verdict, struct err *err)
{
	template_appraise(ek, policy, verdict);
	return distrust_appraise(ek, policy, verdict, err);
}

struct ek_chain {
	struct cert *roots[POLICY_ROOTS_MAX]; /* borrowed from the policy */
	struct cert *intermediates[POLICY_ROOTS_MAX + EK_CERTS_MAX];
	size_t intermediate_count, borrowed; /* the first ones are the policy's */
};

static void ek_chain_release(struct ek_chain *chain)
{
	for (size_t i = chain->borrowed; i < chain->intermediate_count; i++)
		cert_unref(&chain->intermediates[i]);
}

/* Intermediates help or do not help; one that does not parse is as good as one that was not sent. One for which there was
 * no memory is not: without it an honest certificate would be refused. */
static bool ek_chain_fill(struct ek_chain *chain, const struct policy *policy,
	const struct bytes *certs, size_t cert_count, struct err *err)
{
	struct err why = {0};

	for (size_t i = 0; i < policy->root_count; i++)
		chain->roots[i] = policy->roots[i].cert;
	for (size_t i = 0; i < policy->intermediate_count; i++)
		chain->intermediates[i] = policy->intermediates[i];
	chain->borrowed = chain->intermediate_count = policy->intermediate_count;
	for (size_t i = 1; i < cert_count && i < EK_CERTS_MAX; i++) {
		struct cert *cert = NULL;

		if (cert_from_der(certs[i], true, &cert, &why))
			chain->intermediates[chain->intermediate_count++] = cert;
		else if (why.code == ERR_NOMEM || why.code == ERR_INTERNAL)
			return err_set(err, why.code, "intermediate certificate: %s", why.text);
	}
	return true;
}

/* *expected is left alone where nothing special was. */
static enum reason_code reason_of(const struct ek_cert_result *result, const char **expected)
{
	if (result->chain.fault == CHAIN_REVOKED) {
		*expected = "on no revocation list of its issuer, nor those above it";
		return REASON_EK_REVOKED;
	}
	if (result->chain.fault == CHAIN_REVOCATION_LIST) {
		*expected = "a current revocation list that the issuer signed";
		return REASON_EK_REVOCATION_LIST;
	}
	return REASON_EK_CERT;
}

/* What was not looked up is said. */
static void note_revocation(
	const struct ek_cert_result *result, const struct policy *policy, struct verdict *verdict)
{
	size_t below = result->chain.count - 1, unlisted = result->chain.unlisted;

	if (crls_count(policy->ek_crls) == 0) {
		verdict_not_checked(
			verdict, "revocation lists of the TPM's maker: none were given");
		return;
	}
	if (unlisted < below)
		verdict_checked(verdict,
			"EK certificate and those above it: %zu of %zu looked up in revocation "
			"lists, none revoked",
			below - unlisted, below);
	if (unlisted > 0)
		verdict_not_checked(verdict,
			"revocation lists of the TPM's maker: none was given for the issuers of "
			"%zu of %zu certificates",
			unlisted, below);
	if (result->chain.stale_crl)
		verdict_not_checked(verdict, "revocation since the lists of the TPM's maker ended: "
					     "they are stale, and the policy ignores that");
}

static void note_certificate(
	const struct ek_cert_result *result, const struct policy *policy, struct verdict *verdict)
{
	const char *expected = "issued for this endorsement key by a maker that the policy trusts";
	char actual[REASON_TEXT_MAX];

	if (result->fault != EK_CERT_OK) {
		enum reason_code code = reason_of(result, &expected);

		verdict_refuse(verdict, code, "EK certificate", expected,
			text_escape(bytes_str(result->detail), actual, sizeof(actual)),
			result->fault == EK_CERT_CHAIN ? chain_fault_name(result->chain.fault)
						       : ek_cert_fault_name(result->fault),
			NULL);
		return;
	}
	verdict_checked(verdict, "EK certificate: a TPM by %s, model %s", result->manufacturer,
		result->model);
	if (result->expired)
		verdict_not_checked(verdict, "validity period of the EK certificate: expired, and "
					     "the policy ignores that");
	note_revocation(result, policy, verdict);
}

static bool distrusted_certificate(const struct cert *cert, const char *subject,
	const struct policy *policy, struct verdict *verdict, struct err *err)
{
	const struct policy_distrusted *entry;
	uint8_t digest[SHA256_LEN];

	if (!cert_digest(cert, digest, err))
		return err_wrap(err, "EK certificate");
	entry = policy_distrusted_find(policy, digest);
	if (entry)
		refuse_distrusted(entry, subject, verdict);
	return true;
}

/* The certificate and those above it, as far as a chain was found. */
static bool distrusted_certificates(const struct cert *leaf, const struct ek_cert_result *result,
	const struct policy *policy, struct verdict *verdict, struct err *err)
{
	if (!distrusted_certificate(leaf, "EK certificate", policy, verdict, err))
		return false;
	for (size_t i = 1; i < result->chain.count; i++)
		if (!distrusted_certificate(result->chain.chain[i], "certificate above the EK's",
			    policy, verdict, err))
			return false;
	return true;
}

static bool check_certificate(const struct tpmt_public *ek, const struct bytes *certs,
	size_t cert_count, const struct policy *policy, struct ek_times times,
	struct verdict *verdict, struct err *err)
{
	OWNED(ek_chain_release) struct ek_chain chain = {0};
	OWNED(ek_cert_result_release) struct ek_cert_result result = {0};
	OWNED(cert_unref) struct cert *leaf = NULL;
	OWNED(key_unref) struct key *key = NULL;
	struct ek_cert_options options = {
		.roots = chain.roots,
		.root_count = policy->root_count,
		.intermediates = chain.intermediates,
		.at = times.judged,
		.ignore_expiry = policy->ek_ignore_expiry,
		.crls = policy->ek_crls,
		.crls_at = times.now,
		.ignore_stale_crls = policy->ek_ignore_stale_revocation,
	};

	if (!tpmt_public_key(ek, &key, err))
		return refuse_malformed(verdict, REASON_EK_TEMPLATE, "endorsement key", err);
	if (!cert_from_der(certs[0], true, &leaf, err))
		return refuse_malformed(verdict, REASON_EK_CERT, "EK certificate", err);
	if (!ek_chain_fill(&chain, policy, certs, cert_count, err))
		return err_wrap(err, "EK certificate");
	options.intermediate_count = chain.intermediate_count;
	options.ek = key;
	if (!ek_cert_verify(leaf, &options, &result, err))
		return err_wrap(err, "EK certificate");
	note_certificate(&result, policy, verdict);
	return distrusted_certificates(leaf, &result, policy, verdict, err);
}

bool ek_appraise(const struct tpmt_public *ek, const struct bytes *certs, size_t cert_count,
	const struct policy *policy, struct ek_times times, struct verdict *verdict,
	struct err *err)
{
	if (!ek_key_appraise(ek, policy, verdict, err))
		return false;
	if (cert_count == 0) {
		verdict_refuse(verdict, REASON_EK_CERT_MISSING, "EK certificate", "one", "none",
			NULL, NULL);
		return true;
	}
	return check_certificate(ek, certs, cert_count, policy, times, verdict, err);
}

bool policy_appraise_ek(struct bytes ek_public, const struct bytes *certs, size_t cert_count,
	struct bytes ak_public, const struct policy *policy, int64_t now,
	struct verdict *ret_verdict, struct err *err)
{
	const struct ek_times times = {.judged = now, .now = now};
	struct tpmt_public ek, ak;
	struct err own = {0};

	if (!err)
		err = &own;
	verdict_clear(ret_verdict);
	if (!tpmt_public_parse(ek_public, &ek, err)) {
		if (!refuse_malformed(ret_verdict, REASON_EK_TEMPLATE, "endorsement key", err)) {
			memset(ret_verdict, 0, sizeof(*ret_verdict));
			return false;
		}
	} else if (!ek_appraise(&ek, certs, cert_count, policy, times, ret_verdict, err)) {
		memset(ret_verdict, 0, sizeof(*ret_verdict));
		return false;
	}
	if (tpmt_public_parse(ak_public, &ak, err) && ak_check(&ak, err))
		verdict_checked(
			ret_verdict, "attestation key: restricted, signing, bound to its TPM");
	else if (!refuse_malformed(ret_verdict, REASON_AK_ATTRIBUTES, "attestation key", err)) {
		memset(ret_verdict, 0, sizeof(*ret_verdict));
		return false;
	}
	verdict_conclude(ret_verdict);
	return true;
}
