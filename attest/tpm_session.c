/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sessions. The one that is kept is salted with a key of this TPM, so that whoever listens on the
 * bus can neither read what it encrypts nor change what it authorises (TPM 2.0 Library, Part 1,
 * section 19).
 */
#include "attest/tpm_esys.h"

static const TPMT_SYM_DEF SESSION_CIPHER = {
	.algorithm = TPM2_ALG_AES, .keyBits.aes = 128, .mode.aes = TPM2_ALG_CFB};
static const TPMT_SYM_DEF NO_CIPHER = {.algorithm = TPM2_ALG_NULL};

#define SESSION_ATTRIBUTES_ALL 0xffu

static bool start_salted(struct esys *t, ESYS_TR salt, struct err *err)
{
	TSS2_RC rc = Esys_StartAuthSession(t->context, salt, ESYS_TR_NONE, ESYS_TR_NONE,
		ESYS_TR_NONE, ESYS_TR_NONE, NULL, TPM2_SE_HMAC, &SESSION_CIPHER, ESYS_SESSION_ALG,
		&t->session);

	if (rc == TSS2_RC_SUCCESS)
		return true;
	t->session = ESYS_TR_NONE;
	return esys_fail(t, rc, "TPM2_StartAuthSession", err);
}

static bool start_with_own_salt(struct esys *t, struct err *err)
{
	OWNED(esys_object_release) struct esys_object salt = ESYS_OBJECT_NONE(t);

	return esys_salt_key(t, &salt, err) && start_salted(t, salt.tr, err);
}

bool esys_session(
	struct esys *t, ESYS_TR salt, TPMA_SESSION attributes, ESYS_TR *ret, struct err *err)
{
	TSS2_RC rc;

	if (t->session == ESYS_TR_NONE) {
		bool ok = salt == ESYS_TR_NONE ? start_with_own_salt(t, err)
					       : start_salted(t, salt, err);
		if (!ok)
			return err_wrap(err, "encrypted session");
	}
	rc = Esys_TRSess_SetAttributes(t->context, t->session,
		(TPMA_SESSION)(attributes | TPMA_SESSION_CONTINUESESSION), SESSION_ATTRIBUTES_ALL);
	if (rc != TSS2_RC_SUCCESS)
		return esys_fail(t, rc, "session attributes", err);
	*ret = t->session;
	return true;
}

void esys_session_drop(struct esys *t)
{
	/* It may be gone already: then ESYS forgets it with the connection. */
	if (t->session != ESYS_TR_NONE &&
		Esys_FlushContext(t->context, t->session) != TSS2_RC_SUCCESS)
		Esys_TR_Close(t->context, &t->session);
	t->session = ESYS_TR_NONE;
}

bool esys_auth_begin(struct esys *t, const TPM2B_AUTH *auth, struct esys_auth *ret, struct err *err)
{
	TSS2_RC rc;

	*ret = (struct esys_auth){t, ESYS_TR_PASSWORD};
	if (auth->size == 0)
		return true;
	/* Not salted: the first key cannot be asked for before it is made. The password itself does
	 * not cross the bus. */
	rc = Esys_StartAuthSession(t->context, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE,
		ESYS_TR_NONE, ESYS_TR_NONE, NULL, TPM2_SE_HMAC, &NO_CIPHER, ESYS_SESSION_ALG,
		&ret->session);
	if (rc == TSS2_RC_SUCCESS)
		rc = Esys_TRSess_SetAttributes(t->context, ret->session,
			TPMA_SESSION_CONTINUESESSION, SESSION_ATTRIBUTES_ALL);
	if (rc == TSS2_RC_SUCCESS)
		return true;
	esys_auth_end(ret);
	return esys_fail(t, rc, "TPM2_StartAuthSession", err);
}

void esys_auth_end(struct esys_auth *auth)
{
	if (auth->session != ESYS_TR_PASSWORD && auth->session != ESYS_TR_NONE)
		Esys_FlushContext(auth->t->context, auth->session);
	auth->session = ESYS_TR_NONE;
}
