/* SPDX-License-Identifier: Apache-2.0 */
/* The verdict over a bundle: signer, signature, log, in this order, and the certificate last, for
 * the log tells the time at which it is judged. */
#include <stdio.h>

#include "base/text.h"
#include "crypto/sct.h"
#include "policy/predicate.h"
#include "policy/sigstore_private.h"

#define OID_CODE_SIGNING   "1.3.6.1.5.5.7.3.3"
#define OID_EXTENDED_USAGE "2.5.29.37"

struct judging {
	const struct sigstore_bundle *bundle;
	const struct sigstore_trust *trust;
	struct sigstore_verdict verdict;
	struct key *leaf_key; /* certificate mode; owned */
	struct sigstore_claim claim;
	bool judged_now; /* certificate mode: nothing tells when it signed */
};

/* Reasons against are MISMATCH, FORMAT, UNSUPPORTED, LIMIT; what else went wrong decided nothing. */
static bool is_reason(enum err_code code)
{
	return code == ERR_MISMATCH || code == ERR_FORMAT || code == ERR_UNSUPPORTED ||
	       code == ERR_LIMIT;
}

static bool verify_dsse(
	struct judging *j, struct key *const *keys, size_t n, uint64_t *ret_mask, struct err *err)
{
	const struct dsse *dsse = j->bundle->dsse;
	OWNED(buf_release) struct buf pae = {0};

	if (!predicate_payload_type_ok(dsse->payload_type))
		return err_set(err, ERR_MISMATCH, "payload type \"%s\" is not in-toto",
			ESC(bytes_str(dsse->payload_type)));
	j->claim.is_dsse = true;
	j->claim.signature = buf_bytes(&dsse->signatures[0].signature);
	return dsse_verify(dsse, keys, n, ret_mask, err) && dsse_pae(dsse, &pae, err) &&
	       sha256_of(buf_bytes(&pae), j->claim.message, err) &&
	       sha256_of(buf_bytes(&dsse->payload), j->claim.payload, err);
}

/* Over the digest that the caller measured; the bundle's own is only compared with it. */
static bool verify_message(
	struct judging *j, struct key *const *keys, size_t n, uint64_t *ret_mask, struct err *err)
{
	const struct sigstore_bundle *b = j->bundle;
	const uint8_t *artefact = j->trust->artefact;
	struct err why = {0};

	if (!artefact)
		return err_set(err, ERR_MISMATCH, "a file is signed, and none was given");
	if (memcmp(artefact, b->message_digest, SHA256_LEN) != 0)
		return err_set(err, ERR_MISMATCH, "another file was signed");
	memcpy(j->claim.message, artefact, SHA256_LEN);
	j->claim.signature = buf_bytes(&b->signature);
	for (size_t i = 0; i < n; i++) {
		if (key_verify_digest(keys[i], key_default_scheme(keys[i]), DIGEST_SHA256,
			    bytes_of(artefact, SHA256_LEN), buf_bytes(&b->signature), &why))
			*ret_mask |= UINT64_C(1) << i;
		else if (!is_reason(why.code))
			return err_set(err, why.code, "%s", why.text);
	}
	return true;
}

static bool verify_signature(struct judging *j, struct err *err)
{
	bool by_cert = j->bundle->material == SIGSTORE_CERTIFICATE;
	struct key *const *keys = by_cert ? &j->leaf_key : j->trust->keys;
	size_t n = by_cert ? 1 : j->trust->key_count;
	uint64_t mask = 0;

	if (n > SIGSTORE_KEYS_MAX)
		return err_set(err, ERR_USAGE, "%zu keys, at most %d", n, SIGSTORE_KEYS_MAX);
	if (!(j->bundle->content == SIGSTORE_DSSE ? verify_dsse(j, keys, n, &mask, err)
						  : verify_message(j, keys, n, &mask, err)))
		return false;
	if (mask == 0)
		return err_set(err, ERR_MISMATCH, "no signature verifies with %s",
			by_cert ? "the certificate's key" : "a key that is trusted");
	j->claim.keys = keys;
	j->claim.key_count = n;
	j->claim.mask = mask;
	j->verdict.keys = by_cert ? 0 : mask;
	return true;
}

static bool entry_counts(struct judging *j, const struct sigstore_entry *entry, struct err *err)
{
	int64_t time = 0;

	if (!sigstore_entry_logged(entry, j->trust->log, &time, err) ||
		!sigstore_entry_about(entry, &j->claim, err))
		return false;
	if (time > j->trust->now + SIGSTORE_SKEW)
		return err_set(err, ERR_MISMATCH, "the log's time lies in the future");
	j->verdict.logged = true;
	j->verdict.log_index = entry->proof_index;
	j->verdict.logged_at = time;
	return true;
}

/* One entry of the pinned log that holds is enough; the last one's fault is told. */
static bool check_log(struct judging *j, struct err *err)
{
	struct err why = {.code = ERR_MISMATCH, .text = "no entry of it"};

	if (!j->trust->log)
		return true;
	for (size_t i = 0; i < j->bundle->entry_count; i++) {
		if (entry_counts(j, &j->bundle->entries[i], &why))
			return true;
		if (!is_reason(why.code))
			break;
	}
	return err_set(err, why.code, "log %s: %s", j->trust->log->name, why.text);
}

/* A CA below the root that names its purposes can certify for no other: one for TLS servers makes no
 * signer. */
static bool check_purposes(const struct chain_result *chain, struct err *err)
{
	struct bytes usage;

	for (size_t i = 1; i + 1 < chain->count; i++)
		if (cert_extension(chain->chain[i], OID_EXTENDED_USAGE, &usage) &&
			!cert_has_eku(chain->chain[i], OID_CODE_SIGNING))
			return err_set(
				err, ERR_MISMATCH, "its issuer %zu is not for code signing", i);
	return true;
}

static bool check_chain(struct judging *j, int64_t at, struct err *err)
{
	struct cert *intermediates[X509_CHAIN_MAX + SIGSTORE_KEYS_MAX];
	struct chain_options options = {.roots = j->trust->roots,
		.root_count = j->trust->root_count,
		.intermediates = intermediates,
		.at = at,
		.handles_san = true};
	struct chain_result result = {0};
	struct err why = {0};
	bool whole;

	if (j->trust->intermediate_count > SIGSTORE_KEYS_MAX)
		return err_set(err, ERR_USAGE, "more than %d intermediates", SIGSTORE_KEYS_MAX);
	for (size_t i = 1; i < j->bundle->cert_count; i++)
		intermediates[options.intermediate_count++] = j->bundle->certs[i];
	for (size_t i = 0; i < j->trust->intermediate_count; i++)
		intermediates[options.intermediate_count++] = j->trust->intermediates[i];
	if (!chain_verify(j->bundle->certs[0], &options, &result, err))
		return false;
	whole = result.fault == CHAIN_OK || err_set(&why, ERR_MISMATCH, "%s: %s",
						    chain_fault_name(result.fault), result.detail);
	/* A leaf is no CA's (check_usage), so there is an issuer above it. */
	if (whole && j->trust->ct_log_count)
		whole = result.count < 2 ? err_set(&why, ERR_MISMATCH, "is its own issuer")
					 : sct_check(j->bundle->certs[0], result.chain[1],
						   j->trust->ct_logs, j->trust->ct_log_count,
						   j->trust->now + SIGSTORE_SKEW, &why);
	whole = whole && check_purposes(&result, &why);
	for (size_t i = 0; whole && j->judged_now && i < result.count; i++) {
		int64_t end = cert_not_after(result.chain[i]);

		if (i == 0 || end < j->verdict.certificate_end)
			j->verdict.certificate_end = end;
	}
	chain_result_release(&result);
	return whole || err_set(err, why.code, "certificate: %s", why.text);
}

/* A leaf for signing: no CA, digitalSignature, and codeSigning where purposes are named, or must
 * be. */
static bool check_usage(const struct cert *leaf, bool named, struct err *err)
{
	struct bytes usage;

	if (cert_is_ca(leaf))
		return err_set(err, ERR_MISMATCH, "certificate: is a CA's");
	if (!(cert_key_usage(leaf) & KEY_USAGE_DIGITAL_SIGNATURE))
		return err_set(err, ERR_MISMATCH, "certificate: its key is not for signatures");
	if ((named || cert_extension(leaf, OID_EXTENDED_USAGE, &usage)) &&
		!cert_has_eku(leaf, OID_CODE_SIGNING))
		return err_set(err, ERR_MISMATCH, "certificate: is not for code signing");
	return true;
}

/* The time of a stamp over the signature, by an authority that is pinned; 0: none, and why. What is
 * no such stamp takes nothing from another. */
static bool stamped_at(struct judging *j, int64_t *ret, struct err *why, struct err *err)
{
	const struct sigstore_bundle *b = j->bundle;

	*ret = 0;
	for (size_t i = 0; i < b->stamp_count && *ret == 0; i++) {
		if (!timestamp_verify(buf_bytes(&b->stamps[i]), j->claim.signature,
			    j->trust->authorities, j->trust->authority_count, ret, why) &&
			!is_reason(why->code))
			return err_set(err, why->code, "%s", why->text);
		if (*ret > j->trust->now + SIGSTORE_SKEW)
			*ret = 0;
	}
	return true;
}

/* When the certificate signed: what the log signed, or an authority; without a log now, too. */
static bool find_time(struct judging *j, int64_t *ret, struct err *err)
{
	struct err why = {0};

	*ret = j->trust->log ? j->verdict.logged_at : 0;
	if (*ret)
		return true;
	if (!stamped_at(j, ret, &why, err))
		return false;
	j->verdict.stamped_at = *ret;
	j->judged_now = *ret == 0 && !j->trust->log;
	if (j->judged_now)
		*ret = j->trust->now;
	return *ret != 0 || err_set(err, ERR_MISMATCH,
				    "the log signed no time at which to judge the certificate%s%s",
				    why.code ? ": " : "", why.text);
}

static bool check_certificate(struct judging *j, struct err *err)
{
	const struct cert *leaf = j->bundle->certs[0];
	int64_t at;

	if (!find_time(j, &at, err))
		return false;
	return check_chain(j, at, err) && check_usage(leaf, j->trust->code_signing, err) &&
	       sigstore_leaf_named(leaf, j->trust, &j->verdict, err);
}

static bool judge(struct judging *j, struct err *err)
{
	bool verified;

	if (j->bundle->material != SIGSTORE_CERTIFICATE)
		return verify_signature(j, err) && check_log(j, err);
	if (!cert_key(j->bundle->certs[0], &j->leaf_key, err))
		return false;
	j->claim.leaf = j->bundle->certs[0];
	if (!verify_signature(j, err) || !check_log(j, err))
		return false;
	cert_looks_begin();
	verified = check_certificate(j, err);
	/* Either verdict stands on looks that may have failed. */
	return cert_looks_whole(err) && verified;
}

bool sigstore_verify(const struct sigstore_bundle *bundle, const struct sigstore_trust *trust,
	struct sigstore_verdict *ret, struct err *err)
{
	struct judging j = {.bundle = bundle, .trust = trust};
	struct err why = {0};

	*ret = (struct sigstore_verdict){0};
	j.verdict.verified = judge(&j, &why);
	key_unref(&j.leaf_key);
	if (!j.verdict.verified && !is_reason(why.code))
		return err_set(err, why.code, "Sigstore bundle: %s", why.text);
	if (!j.verdict.verified)
		j.verdict = (struct sigstore_verdict){0};
	(void)snprintf(j.verdict.reason, sizeof(j.verdict.reason), "%s", why.text);
	*ret = j.verdict;
	return true;
}
