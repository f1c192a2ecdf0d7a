/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificate revocation lists. An operator puts those of TPM makers into the policy; whoever stands between maker and
 * operator, or an auditor's bundle, can supply others.
 */
#include <stdlib.h>

#include "crypto/x509.h"

enum { BEGIN = 1700000000, NOW = 1750000000, END = 1800000000 };

/* An authority and what it certified; no list in the corpus is signed by its key. */
static struct key *key;
static struct cert *root, *leaf;

static void make(void)
{
	struct cert_request request = {
		.common_name = "ca", .not_before = BEGIN, .not_after = END, .ca = true};
	struct err err = {0};

	if (root)
		return;
	if (!key_generate(KEY_EC_P256, &key, &err))
		abort();
	request.subject = key;
	if (!cert_issue(&request, NULL, key, &root, &err))
		abort();
	request.common_name = "leaf";
	request.ca = false;
	if (!cert_issue(&request, root, key, &leaf, &err))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	OWNED(crls_free) struct crls *crls = crls_new();
	struct chain_options options = {.roots = &root, .root_count = 1, .crls = crls, .at = NOW};
	struct chain_result result;
	struct err err = {0};
	bool added;

	make();
	if (!crls)
		abort();
	added = crls_add(crls, bytes_of(data, size), &err);
	if (crls_count(crls) > CRLS_MAX || (added && crls_count(crls) == 0) ||
		(!added && (err.code == ERR_NONE || err.text[0] == '\0')))
		abort();
	if (!chain_verify(leaf, &options, &result, &err))
		abort();
	/* Nobody but the issuer revokes, and a list in its name that it did not sign is no list. */
	if (result.fault != CHAIN_OK && result.fault != CHAIN_REVOCATION_LIST)
		abort();
	chain_result_release(&result);
	return 0;
}
