/* SPDX-License-Identifier: Apache-2.0 */
/* Envelopes of statements beside a release, in every form. A pipeline, or whoever reaches its files,
 * supplies these bytes, the signer's certificates and log entries included. */
#include "policy/statement_signers.h"

#include <assert.h>

#include "policy/predicate.h"

/* Roots, key and log that nobody else has: nothing can vouch. */
static bool make(struct cert **root, struct key **key, struct note_key *log)
{
	struct err err = {0};
	struct cert_request request = {.common_name = "root",
		.not_before = 1600000000,
		.not_after = 1900000000,
		.ca = true};

	if (!key_generate(KEY_EC_P256, key, &err) || !note_key_of("log.example", *key, log, &err))
		return false;
	request.subject = *key;
	return cert_issue(&request, NULL, *key, root, &err);
}

/* Whatever a leaf calls itself is pinned, so that chain and log are judged as well. */
static void judge(const struct sigstore_bundle *bundle)
{
	static struct cert *root;
	static struct key *key;
	static struct note_key log;
	char name[X509_URI_MAX] = "x", issuer[X509_URI_MAX] = "";
	struct policy_identity identity = {.identity = name, .log_optional = true, .root_count = 1};
	struct policy_statement_key signers[2] = {{.name = name}, {.name = name}};
	const struct policy policy = {
		.statement_keys = signers, .statement_key_count = 2, .logs = &log, .log_count = 1};
	struct statement_signers by;
	struct err err = {0};

	if (!root && !make(&root, &key, &log))
		return;
	signers[0].key = key;
	signers[1].identity = &identity;
	identity.roots[0] = root;
	if (bundle->cert_count) {
		if (!cert_only_name(bundle->certs[0], name, sizeof(name)))
			name[0] = '\0';
		if (cert_extension_text(
			    bundle->certs[0], "1.3.6.1.4.1.57264.1.8", issuer, sizeof(issuer)))
			identity.issuer = issuer;
	}
	if (statement_signers_find(bundle, &policy, 3, 1750000000, &by, &err))
		assert(by.mask == 0 && by.lasting == 0 && by.end == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sigstore_bundle *bundle = NULL;
	struct predicate *predicate = NULL;
	struct err err = {0};

	if (!statement_envelope_open(bytes_of(data, size), &bundle, &err)) {
		assert(!bundle && err.code != ERR_NONE && err.text[0]);
		return 0;
	}
	assert(bundle->dsse && bundle->dsse->count > 0);
	assert((bundle->material == SIGSTORE_CERTIFICATE) == (bundle->cert_count > 0));
	judge(bundle);
	if (predicate_parse(buf_bytes(&bundle->dsse->payload), &predicate, &err))
		assert(predicate->kind == PREDICATE_MODEL_SIGNATURE ||
			!(predicate->model.has_tree || predicate->model.has_file));
	predicate_free(&predicate);
	sigstore_bundle_free(&bundle);
	return 0;
}
