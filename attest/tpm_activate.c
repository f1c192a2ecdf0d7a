/* SPDX-License-Identifier: Apache-2.0 */
/* TPM2_ActivateCredential: the EK's policy satisfied, the secret encrypted on its way over the bus.
 */
#include "attest/tpm_esys.h"

#include <tss2/tss2_mu.h>

/* The two branches of PolicyB (TCG EK Credential Profile 2.5, B.6): PolicySecret of the endorsement
 * hierarchy, and the authorised policy in NV. */
struct policy_row {
	enum digest_alg alg;
	uint8_t a[DIGEST_LEN_MAX], c[DIGEST_LEN_MAX];
};
static const struct policy_row POLICIES[] = {
	{DIGEST_SHA256,
		{0x83, 0x71, 0x97, 0x67, 0x44, 0x84, 0xb3, 0xf8, 0x1a, 0x90, 0xcc, 0x8d, 0x46, 0xa5,
			0xd7, 0x24, 0xfd, 0x52, 0xd7, 0x6e, 0x06, 0x52, 0x0b, 0x64, 0xf2, 0xa1,
			0xda, 0x1b, 0x33, 0x14, 0x69, 0xaa},
		{0x37, 0x67, 0xe2, 0xed, 0xd4, 0x3f, 0xf4, 0x5a, 0x3a, 0x7e, 0x1e, 0xae, 0xfc, 0xef,
			0x78, 0x64, 0x3d, 0xca, 0x96, 0x46, 0x32, 0xe7, 0xaa, 0xd8, 0x2c, 0x67,
			0x3a, 0x30, 0xd8, 0x63, 0x3f, 0xde}},
	{DIGEST_SHA384,
		{0x8b, 0xbf, 0x22, 0x66, 0x53, 0x7c, 0x17, 0x1c, 0xb5, 0x6e, 0x40, 0x3c, 0x4d, 0xc1,
			0xd4, 0xb6, 0x4f, 0x43, 0x26, 0x11, 0xdc, 0x38, 0x6e, 0x6f, 0x53, 0x20,
			0x50, 0xc3, 0x27, 0x8c, 0x93, 0x0e, 0x14, 0x3e, 0x8b, 0xb1, 0x13, 0x38,
			0x24, 0xcc, 0xb4, 0x31, 0x05, 0x38, 0x71, 0xc6, 0xdb, 0x53},
		{0xd6, 0x03, 0x2c, 0xe6, 0x1f, 0x2f, 0xb3, 0xc2, 0x40, 0xeb, 0x3c, 0xf6, 0xa3, 0x32,
			0x37, 0xef, 0x2b, 0x6a, 0x16, 0xf4, 0x29, 0x3c, 0x22, 0xb4, 0x55, 0xe2,
			0x61, 0xcf, 0xfd, 0x21, 0x7a, 0xd5, 0xb4, 0x94, 0x7c, 0x2d, 0x73, 0xe6,
			0x30, 0x05, 0xee, 0xd2, 0xdc, 0x2b, 0x35, 0x93, 0xd1, 0x65}},
};

struct activate_call {
	TPM2B_ID_OBJECT id_object;
	TPM2B_ENCRYPTED_SECRET encrypted_secret;
	struct buf *ret_secret;
};

static const struct policy_row *policy_row(uint16_t name_alg)
{
	for (size_t i = 0; i < ARRAY_LEN(POLICIES); i++)
		if (POLICIES[i].alg == (enum digest_alg)name_alg)
			return &POLICIES[i];
	return NULL;
}

static TPM2B_DIGEST digest_2b(const uint8_t *bytes, size_t len)
{
	TPM2B_DIGEST out = {.size = (UINT16)len};

	memcpy(out.buffer, bytes, len);
	return out;
}

static void policy_session_end(struct esys_auth *policy)
{
	esys_auth_end(policy);
}

/* PolicySecret(endorsement), and PolicyOR for a key of a high template. */
static bool satisfy_policy(
	struct esys *t, ESYS_TR session, struct esys_auth *policy, struct err *err)
{
	static const TPMT_SYM_DEF no_cipher = {.algorithm = TPM2_ALG_NULL};
	const struct policy_row *row = policy_row(t->ek.name_alg);
	TPML_DIGEST branches;
	bool low;
	TSS2_RC rc;

	if (!row || t->ek.policy.len != digest_alg_len(row->alg))
		return err_set(
			err, ERR_UNSUPPORTED, "the EK has a policy that is none of the profile's");
	low = memcmp(t->ek.policy.bytes, row->a, t->ek.policy.len) == 0;
	rc = Esys_StartAuthSession(t->context, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE,
		ESYS_TR_NONE, ESYS_TR_NONE, NULL, TPM2_SE_POLICY, &no_cipher, t->ek.name_alg,
		&policy->session);
	if (rc != TSS2_RC_SUCCESS)
		return esys_fail(t, rc, "TPM2_StartAuthSession", err);
	rc = Esys_PolicySecret(t->context, ESYS_TR_RH_ENDORSEMENT, policy->session, session,
		ESYS_TR_NONE, ESYS_TR_NONE, NULL, NULL, NULL, 0, NULL, NULL);
	if (rc != TSS2_RC_SUCCESS)
		return esys_fail(t, rc, "TPM2_PolicySecret", err);
	if (low)
		return true;
	branches = (TPML_DIGEST){.count = 2,
		.digests = {
			digest_2b(row->a, t->ek.policy.len), digest_2b(row->c, t->ek.policy.len)}};
	rc = Esys_PolicyOR(
		t->context, policy->session, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &branches);
	return rc == TSS2_RC_SUCCESS || esys_fail(t, rc, "TPM2_PolicyOR", err);
}

/* The TPM's codes for a credential made for another AK or another EK, or garbled. */
static bool is_wrong_credential(TSS2_RC rc)
{
	TSS2_RC code = rc & 0x0bfu;

	return (rc & TSS2_RC_LAYER_MASK) == 0 && (rc & TPM2_RC_FMT1) &&
	       (code == TPM2_RC_INTEGRITY || code == TPM2_RC_VALUE || code == TPM2_RC_SIZE ||
		       code == TPM2_RC_ECC_POINT || code == TPM2_RC_HASH);
}

static bool activate(struct esys *t, const struct activate_call *a, ESYS_TR ak, ESYS_TR ek,
	ESYS_TR policy, struct err *err)
{
	TPM2B_DIGEST *secret = NULL;
	ESYS_TR session;
	TSS2_RC rc;

	if (!esys_session(t, ek, TPMA_SESSION_ENCRYPT | TPMA_SESSION_DECRYPT, &session, err))
		return false;
	rc = Esys_ActivateCredential(t->context, ak, ek, session, policy, ESYS_TR_NONE,
		&a->id_object, &a->encrypted_secret, &secret);
	if (rc != TSS2_RC_SUCCESS && is_wrong_credential(rc)) {
		esys_fail(t, rc, "TPM2_ActivateCredential", err);
		esys_forgive(t);
		err->code = ERR_MISMATCH;
		return err_wrap(err, "the credential was not made for this AK and this EK");
	}
	if (rc != TSS2_RC_SUCCESS)
		return esys_fail(t, rc, "TPM2_ActivateCredential", err);
	buf_put(a->ret_secret, bytes_of(secret->buffer, secret->size));
	secret_wipe(secret, sizeof(*secret));
	Esys_Free(secret);
	return buf_ok(a->ret_secret, err);
}

static bool run_activate(struct esys *t, void *arguments, struct err *err)
{
	OWNED(esys_object_release) struct esys_object ek = ESYS_OBJECT_NONE(t);
	OWNED(esys_object_release) struct esys_object hold = ESYS_OBJECT_NONE(t);
	OWNED(policy_session_end) struct esys_auth policy = {t, ESYS_TR_NONE};
	const struct activate_call *a = arguments;
	ESYS_TR ak, session;

	buf_clear(a->ret_secret);
	if (!t->ek.known || !t->ak.known)
		return err_set(err, ERR_USAGE, "the EK and the AK come first");
	return esys_ek_load(t, &ek, err) && esys_session(t, ek.tr, 0, &session, err) &&
	       esys_ak_load(t, &hold, &ak, err) && esys_session(t, ek.tr, 0, &session, err) &&
	       satisfy_policy(t, session, &policy, err) &&
	       activate(t, a, ak, ek.tr, policy.session, err);
}

bool esys_activate(struct tpm *tpm, struct bytes id_object, struct bytes encrypted_secret,
	struct buf *ret_secret, struct err *err)
{
	struct activate_call a = {.ret_secret = ret_secret};
	size_t at = 0, end = 0;

	if (Tss2_MU_TPM2B_ID_OBJECT_Unmarshal(id_object.data, id_object.len, &at, &a.id_object) !=
			TSS2_RC_SUCCESS ||
		at != id_object.len)
		return err_set(err, ERR_FORMAT, "credential: no TPM2B_ID_OBJECT");
	if (Tss2_MU_TPM2B_ENCRYPTED_SECRET_Unmarshal(encrypted_secret.data, encrypted_secret.len,
		    &end, &a.encrypted_secret) != TSS2_RC_SUCCESS ||
		end != encrypted_secret.len)
		return err_set(err, ERR_FORMAT, "credential: no TPM2B_ENCRYPTED_SECRET");
	return esys_run(tpm, "credential activation", run_activate, &a, err);
}
