/* SPDX-License-Identifier: Apache-2.0 */
/* Sigstore bundles. They lie beside a release or come with a model; whoever can write there supplies
 * these bytes, log entries and certificates included. */
#include <assert.h>

#include "policy/sigstore_private.h"

/* What an entry is about is read without regard to its proof here. */
static void look_at_entries(const struct sigstore_bundle *bundle)
{
	bool dsse = bundle->content == SIGSTORE_DSSE;
	struct sigstore_claim claim = {.is_dsse = dsse,
		.signature = dsse ? buf_bytes(&bundle->dsse->signatures[0].signature)
				  : buf_bytes(&bundle->signature)};
	struct err err = {0};

	claim.leaf = bundle->cert_count ? bundle->certs[0] : NULL;
	if (dsse && !sha256_of(buf_bytes(&bundle->dsse->payload), claim.payload, &err))
		return;
	memcpy(claim.message, bundle->message_digest, SHA256_LEN);
	for (size_t i = 0; i < bundle->entry_count; i++)
		if (!sigstore_entry_about(&bundle->entries[i], &claim, &err))
			assert(err.code != ERR_NONE);
}

/* Nobody but us has the keys that are trusted here, so nothing can verify. */
static void verify(const struct sigstore_bundle *bundle)
{
	static struct key *key;
	static struct note_key log;
	struct sigstore_verdict verdict;
	struct err err = {0};
	struct sigstore_trust trust = {.keys = &key, .key_count = 1, .now = 1750000000};

	if (!key && (!key_generate(KEY_ED25519, &key, &err) ||
			    !note_key_of("log.example", key, &log, &err)))
		return;
	trust.artefact = bundle->message_digest;
	for (int pinned = 0; pinned < 2; pinned++) {
		trust.log = pinned ? &log : NULL;
		if (sigstore_verify(bundle, &trust, &verdict, &err))
			assert(!verdict.verified && verdict.reason[0] && !verdict.logged);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sigstore_bundle *bundle = NULL;
	struct err err = {0};

	if (!sigstore_bundle_parse(bytes_of(data, size), &bundle, &err)) {
		assert(!bundle && err.code != ERR_NONE && err.text[0]);
		return 0;
	}
	assert((bundle->material == SIGSTORE_CERTIFICATE) == (bundle->cert_count > 0));
	assert((bundle->content == SIGSTORE_DSSE) == (bundle->dsse != NULL));
	look_at_entries(bundle);
	verify(bundle);
	sigstore_bundle_free(&bundle);
	return 0;
}
