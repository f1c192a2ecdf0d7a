/* SPDX-License-Identifier: Apache-2.0 */
/* The key that a credential is asked for: who holds it, and where it lives. */
#include "policy/appraisal.h"

#include <stdio.h>

#include "base/text.h"

#define KEY_MUST                                                                                   \
	(TPMA_OBJECT_FIXED_TPM | TPMA_OBJECT_FIXED_PARENT | TPMA_OBJECT_SENSITIVE_DATA_ORIGIN |    \
		TPMA_OBJECT_SIGN)
#define KEY_MUST_NOT                                                                               \
	(TPMA_OBJECT_ENCRYPTED_DUPLICATION | TPMA_OBJECT_RESTRICTED | TPMA_OBJECT_DECRYPT)

bool check_possession(struct appraisal *a, struct err *err)
{
	enum digest_alg alg = key_default_digest(a->key);

	if (key_default_scheme(a->key) != SIGN_ECDSA) {
		verdict_refuse(a->verdict, REASON_KEY_POSSESSION, "key", "an ECDSA key",
			key_type_name(key_type_of(a->key)), "claims", NULL);
		return true;
	}
	if (!key_verify(a->key, SIGN_ECDSA, alg, a->evidence.claims, a->evidence.possession, err))
		return refuse_error(a->verdict, REASON_KEY_POSSESSION, "key",
			"a signature over the claims by the key that they ask for", err);
	verdict_checked(a->verdict, "key: its holder signed these claims");
	return true;
}

/* The certified object must be this key, made in this TPM, never to leave it, and free to sign. */
static bool check_certified_key(
	struct appraisal *a, const struct tpmt_public *certified, struct err *err)
{
	OWNED(key_unref) struct key *key = NULL;

	if (!tpmt_public_key(certified, &key, err))
		return refuse_malformed(a->verdict, REASON_KEY_CERTIFICATION, "certified key", err);
	if (!key_equal(key, a->key)) {
		refuse_hex(a->verdict, REASON_KEY_CERTIFICATION, "certified key",
			bytes_of(key_id(a->key), SHA256_LEN), bytes_of(key_id(key), SHA256_LEN),
			"key certification");
		return true;
	}
	if ((certified->attributes & KEY_MUST) != KEY_MUST ||
		(certified->attributes & KEY_MUST_NOT) != 0) {
		char actual[32];

		snprintf(actual, sizeof(actual), "attributes %08x", certified->attributes);
		verdict_refuse(a->verdict, REASON_KEY_PROTECTION, "certified key",
			"fixedTPM, fixedParent, sensitiveDataOrigin, sign; not restricted, "
			"decrypt, encryptedDuplication",
			actual, "key certification", NULL);
	}
	return true;
}

static bool check_certification(struct appraisal *a, struct err *err)
{
	const struct key_certification *c = &a->evidence.key_certification;
	struct tpmt_public certified;
	struct quote_result result;
	struct quote_input input = {
		.message = c->message,
		.signature = c->signature,
		.ak = &a->ak,
		.key = a->ak_key,
		.hierarchy = TPM_RH_ENDORSEMENT,
		.nonce = BYTES_OF(a->claims_digest),
	};
	size_t before = a->verdict->reason_count;

	if (c->public_area.len == 0) {
		verdict_refuse(a->verdict, REASON_KEY_CERTIFICATION, "key",
			"a certification by the attestation key", "none", NULL, NULL);
		return true;
	}
	if (!tpmt_public_parse(c->public_area, &certified, err))
		return refuse_malformed(a->verdict, REASON_KEY_CERTIFICATION, "certified key", err);
	if (!certify_check(&input, &certified, &result, err))
		return err_wrap(err, "key certification");
	if (result.fault != QUOTE_OK) {
		char subject[REASON_TEXT_MAX], actual[REASON_TEXT_MAX];

		/* The faults are named after quotes; here the last one means that another key was
		 * certified. */
		snprintf(subject, sizeof(subject), "key certification: %s",
			result.fault == QUOTE_PCR_DIGEST ? "name of the key"
							 : quote_fault_name(result.fault));
		verdict_refuse(a->verdict, REASON_KEY_CERTIFICATION, subject, result.expected,
			text_escape(bytes_str(result.actual), actual, sizeof(actual)), NULL, NULL);
		return true;
	}
	if (!check_certified_key(a, &certified, err))
		return false;
	if (a->verdict->reason_count == before)
		verdict_checked(a->verdict, "key: lives in this TPM and cannot leave it (certified "
					    "by the attestation key)");
	return true;
}

bool check_key_protection(struct appraisal *a, struct err *err)
{
	enum key_protection protection = a->claims.key_protection;

	if (protection == KEY_TPM)
		return check_certification(a, err);
	if (protection != KEY_SOFTWARE || (a->class && a->class->key == KEY_TPM))
		verdict_refuse(a->verdict, REASON_KEY_PROTECTION, "key",
			protection == KEY_SOFTWARE ? "a key in the TPM, by risk class"
						   : "software or tpm",
			key_protection_name(protection), "claims", NULL);
	else
		verdict_not_checked(a->verdict,
			"where the agent's key lives: it is in software, in memory only");
	return true;
}
