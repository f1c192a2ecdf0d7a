/* SPDX-License-Identifier: Apache-2.0 */
/* From the auditor's anchor to the record: who signed it, and that the ledger holds it. */
#include "ledger/audit_case.h"

#include "base/text.h"
#include "ledger/record_signer.h"

#define SIGNATURE    AUDIT_STEP_SIGNATURE
#define CERTIFICATES "certificates"

static bool ours(const struct err *err)
{
	return err->code == ERR_NOMEM || err->code == ERR_INTERNAL;
}

/* A key that the auditor pinned. False: the machine failed, not the signature. */
static bool open_pinned(struct audit_case *c, bool *ret_opened, struct err *err)
{
	struct err why = {0};

	*ret_opened = false;
	for (size_t i = 0; i < c->anchors->key_count; i++) {
		if (record_open(c->bundle.record, c->anchors->keys[i], &c->report->record, &why)) {
			c->signer = key_ref(c->anchors->keys[i]);
			audit_note(
				c, AUDIT_PROVED, SIGNATURE, "verifies with a key that you pinned");
			*ret_opened = true;
			return true;
		}
		if (ours(&why))
			return err_set(err, why.code, "%s", why.text);
	}
	return true;
}

struct certs {
	struct cert *list[CREDENTIAL_CERTS_MAX];
	size_t count;
};

static void certs_release(struct certs *certs)
{
	for (size_t i = 0; i < certs->count; i++)
		cert_unref(&certs->list[i]);
}

/* The bundle's own certificates, the signer's first. */
static bool certs_read(const struct audit_case *c, struct certs *ret, struct err *err)
{
	for (; ret->count < c->bundle.cert_count; ret->count++)
		if (!cert_from_der(c->bundle.certs[ret->count], false, &ret->list[ret->count], err))
			return err_wrap(err, "certificate %zu", ret->count);
	return ret->count > 0 || err_set(err, ERR_NOT_FOUND, "the bundle brings no certificate");
}

static bool is_root(const struct audit_case *c, const struct cert *cert)
{
	for (size_t i = 0; i < c->anchors->root_count; i++)
		if (bytes_equal(cert_der(cert), cert_der(c->anchors->roots[i])))
			return true;
	return false;
}

/* Whether a certificate is a pinned root or lies below one. */
static bool is_below(
	const struct audit_case *c, const struct certs *certs, size_t i, bool *ret, struct err *err)
{
	OWNED(chain_result_release) struct chain_result chain = {0};
	const struct chain_options options = {
		.roots = c->anchors->roots,
		.root_count = c->anchors->root_count,
		.intermediates = certs->list,
		.intermediate_count = certs->count,
		.at = c->report->record.time,
	};

	*ret = is_root(c, certs->list[i]);
	if (*ret)
		return true;
	if (!chain_verify(certs->list[i], &options, &chain, err))
		return false;
	*ret = chain.fault == CHAIN_OK;
	return true;
}

/* The others of the file, which the signature may not need: what is in it is vouched for, or named. */
static bool note_certs(
	struct audit_case *c, const struct certs *certs, size_t first, struct err *err)
{
	bool below = true;

	for (size_t i = first; i < certs->count; i++) {
		if (!is_below(c, certs, i, &below, err))
			return false;
		if (!below)
			audit_note(c, AUDIT_NOT_CHECKED, CERTIFICATES,
				"certificate %zu of the file lies below no root that you pinned: "
				"nothing rests on it",
				i);
	}
	return true;
}

static const char *const signer_faults[] = {
	[RECORD_SIGNER_OTHER_USE] =
		"the certificate, below a root that you pinned, is for another use "
		"(extendedKeyUsage) than to sign records: any agent has such a one",
	[RECORD_SIGNER_OTHER_DOMAIN] =
		"the certificate, below a root that you pinned, is of another trust domain "
		"than the verifier that the record names",
};

/* Judged at the time of the decision: a certificate that expired since was good then. */
static bool note_chain(struct audit_case *c, const struct certs *certs, struct err *err)
{
	OWNED(chain_result_release) struct chain_result chain = {0};
	char detail[REASON_TEXT_MAX];
	const struct chain_options options = {
		.roots = c->anchors->roots,
		.root_count = c->anchors->root_count,
		.intermediates = certs->list + 1,
		.intermediate_count = certs->count - 1,
		.at = c->report->record.time,
	};

	if (c->anchors->root_count == 0 && c->anchors->key_count == 0) {
		audit_note(c, AUDIT_ASSERTED, SIGNATURE,
			"verifies with the key that the bundle brings; pin the verifier's to prove "
			"it");
		return true;
	}
	if (c->anchors->root_count == 0) {
		audit_note(c, AUDIT_FAILED, SIGNATURE, "not by a key that you pinned");
		return true;
	}
	if (!chain_verify(certs->list[0], &options, &chain, err))
		return false;
	enum record_signer_fault signer =
		record_signer_check(certs->list[0], c->report->record.verifier_id);
	if (chain.fault == CHAIN_OK && signer != RECORD_SIGNER_OK) {
		audit_note(c, AUDIT_FAILED, SIGNATURE, "%s", signer_faults[signer]);
		return true;
	}
	if (chain.fault == CHAIN_OK) {
		audit_note(c, AUDIT_PROVED, SIGNATURE,
			"verifies with a certificate below a root that you pinned, valid at the "
			"time");
		return note_certs(c, certs, 1, err);
	}
	audit_note(c, AUDIT_FAILED, SIGNATURE, "certificate: %s: %s", chain_fault_name(chain.fault),
		text_escape(bytes_str(chain.detail), detail, sizeof(detail)));
	return true;
}

/* The record was opened without them. */
static void certs_unneeded(struct audit_case *c)
{
	if (c->bundle.cert_count > 0)
		audit_note(c, AUDIT_NOT_CHECKED, CERTIFICATES,
			"%zu in the file: the verifier's key is pinned, and nothing rests on them",
			c->bundle.cert_count);
}

bool audit_record(struct audit_case *c, bool *ret_opened, struct err *err)
{
	OWNED(certs_release) struct certs certs = {0};
	struct err why = {0};

	c->section = AUDIT_RECORD;
	if (!open_pinned(c, ret_opened, err))
		return false;
	if (*ret_opened) {
		certs_unneeded(c);
		return true;
	}
	if (!certs_read(c, &certs, &why) || !cert_key(certs.list[0], &c->signer, &why) ||
		!record_open(c->bundle.record, c->signer, &c->report->record, &why)) {
		char detail[REASON_TEXT_MAX];

		if (ours(&why))
			return err_set(err, why.code, "%s", why.text);
		audit_note(c, AUDIT_FAILED, SIGNATURE, "%s",
			text_escape(bytes_str(why.text), detail, sizeof(detail)));
		return true;
	}
	*ret_opened = true;
	return note_chain(c, &certs, err);
}

static bool audit_commitment(struct audit_case *c, const struct leaf *leaf, struct err *err)
{
	uint8_t commitment[SHA256_LEN];

	if (!ledger_commitment(c->bundle.salt, c->bundle.record, commitment, err))
		return false;
	audit_judge(c, leaf->type == LEAF_DECISION, "leaf type", "a decision",
		"the leaf is not of a decision");
	audit_judge(c, memcmp(commitment, leaf->commitment, SHA256_LEN) == 0, "leaf commitment",
		"opens to this record", "opens to another record");
	audit_judge(c, memcmp(leaf->issuer, key_id(c->signer), SHA256_LEN) == 0, "leaf issuer",
		"the key that signed the record", "another key than the record's");
	audit_judge(c, leaf->time == c->report->record.time, "leaf time", "that of the record",
		"another one than the record's");
	return true;
}

bool audit_leaf(struct audit_case *c, struct err *err)
{
	struct leaf leaf;
	struct err why = {0};
	uint8_t hash[SHA256_LEN];
	bool included;

	c->section = AUDIT_LEDGER;
	if (!leaf_decode(c->bundle.leaf, &leaf, &why)) {
		audit_note(c, AUDIT_FAILED, "leaf", "%s", why.text);
		return !ours(&why) || err_set(err, why.code, "%s", why.text);
	}
	if (!audit_commitment(c, &leaf, err) || !leaf_hash(c->bundle.leaf, hash, err))
		return false;
	included = tree_inclusion_check(c->bundle.index, c->bundle.tree_size, hash, c->bundle.proof,
		c->bundle.tree_root, &why);
	if (!included && why.code != ERR_MISMATCH && why.code != ERR_FORMAT)
		return err_set(err, why.code, "%s", why.text);
	audit_judge(c, included, "inclusion in the ledger",
		"the leaf is in the tree of the stated root",
		"the leaf is not in the tree of the stated root");
	return true;
}
