/* SPDX-License-Identifier: Apache-2.0 */
/* Which key sessions are salted with, and the standard storage primary. */
#include "attest/tpm_salt.h"

static const TPM2B_PUBLIC STORAGE_TEMPLATE = {
	.publicArea = {.type = TPM2_ALG_ECC,
		.nameAlg = TPM2_ALG_SHA256,
		.objectAttributes = TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT |
				    TPMA_OBJECT_SENSITIVEDATAORIGIN | TPMA_OBJECT_USERWITHAUTH |
				    TPMA_OBJECT_NODA | TPMA_OBJECT_RESTRICTED | TPMA_OBJECT_DECRYPT,
		.parameters.eccDetail = {.symmetric = {.algorithm = TPM2_ALG_AES,
						 .keyBits.aes = 128,
						 .mode.aes = TPM2_ALG_CFB},
			.scheme.scheme = TPM2_ALG_NULL,
			.curveID = TPM2_ECC_NIST_P256,
			.kdf.scheme = TPM2_ALG_NULL}}};

#define STORAGE_ATTRIBUTES                                                                         \
	(TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT | TPMA_OBJECT_USERWITHAUTH |               \
		TPMA_OBJECT_RESTRICTED | TPMA_OBJECT_DECRYPT)

bool esys_storage_open(struct esys *t, struct esys_object *ret, bool *ret_there, struct err *err)
{
	TPM2B_PUBLIC area;
	struct tpm_name name, qualified;

	*ret_there = false;
	if (!esys_object_open(t, ESYS_SRK_HANDLE, ret, err)) {
		if (esys_fault_of(t->rc) != ESYS_MISSING)
			return false;
		esys_forgive(t);
		return true;
	}
	if (!esys_object_public(t, ret->tr, &area, &name, &qualified, err))
		return false;
	*ret_there = (area.publicArea.objectAttributes & STORAGE_ATTRIBUTES) == STORAGE_ATTRIBUTES;
	if (!*ret_there)
		esys_object_release(ret);
	return true;
}

bool esys_storage_make(struct esys *t, ESYS_TR hierarchy, const TPM2B_AUTH *password,
	struct esys_object *ret, struct err *err)
{
	OWNED(esys_auth_end) struct esys_auth auth = {t, ESYS_TR_NONE};

	if (!esys_auth_begin(t, password, &auth, err) ||
		!esys_create_primary(t, hierarchy, &STORAGE_TEMPLATE, auth.session, ret, NULL, err))
		return err_wrap(err, "storage key");
	return true;
}

/* The EK once it is known: the one key whose public part a certificate vouches for. Before that the
 * storage key, and on a TPM that has none a primary made for this. */
bool esys_salt_key(struct esys *t, struct esys_object *ret, struct err *err)
{
	bool there = false;

	if (t->ek.known)
		return esys_ek_load(t, ret, err);
	if (!esys_storage_open(t, ret, &there, err))
		return false;
	return there ||
	       esys_storage_make(t, ESYS_TR_RH_ENDORSEMENT, &t->endorsement_auth, ret, err);
}
