/* SPDX-License-Identifier: Apache-2.0 */
/* Objects and handles as every operation needs them, and the way from the TSS's structures to
 * bytes. */
#include "attest/tpm_esys.h"

#include <tss2/tss2_mu.h>

void esys_object_release(struct esys_object *object)
{
	if (object->tr == ESYS_TR_NONE || !object->t->context)
		return;
	if (!object->transient ||
		Esys_FlushContext(object->t->context, object->tr) != TSS2_RC_SUCCESS)
		Esys_TR_Close(object->t->context, &object->tr);
	object->tr = ESYS_TR_NONE;
}

void esys_memory_release(void *pointer_to_pointer)
{
	void **pointer = pointer_to_pointer;

	Esys_Free(*pointer);
	*pointer = NULL;
}

bool esys_object_open(struct esys *t, uint32_t handle, struct esys_object *ret, struct err *err)
{
	ESYS_TR tr;
	TSS2_RC rc = Esys_TR_FromTPMPublic(
		t->context, handle, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &tr);

	if (rc != TSS2_RC_SUCCESS) {
		esys_fail(t, rc, "TPM2_ReadPublic", err);
		return err_wrap(err, "handle 0x%08x", handle);
	}
	*ret = (struct esys_object){t, tr, false};
	return true;
}

static bool copy_name(const TPM2B_NAME *in, struct tpm_name *out, struct err *err)
{
	if (in->size > sizeof(out->bytes))
		return err_set(err, ERR_TPM, "a name of %u bytes", in->size);
	out->len = (uint8_t)in->size;
	memcpy(out->bytes, in->name, in->size);
	return true;
}

/* Whoever sits on the bus may answer one question with one key and the next with another: what ESYS salts sessions with and
 * computes HMACs over is the first. */
static bool check_same(struct esys *t, ESYS_TR tr, const TPM2B_NAME *name, struct err *err)
{
	OWNED(esys_memory_release) TPM2B_NAME *opened = NULL;
	TSS2_RC rc = Esys_TR_GetName(t->context, tr, &opened);

	if (rc != TSS2_RC_SUCCESS)
		return esys_fail(t, rc, "name of an object", err);
	if (bytes_equal(bytes_of(opened->name, opened->size), bytes_of(name->name, name->size)))
		return true;
	return err_set(err, ERR_MISMATCH,
		"TPM2_ReadPublic: another key than a moment ago: something on the bus changes the "
		"answers");
}

bool esys_object_public(struct esys *t, ESYS_TR tr, TPM2B_PUBLIC *ret, struct tpm_name *ret_name,
	struct tpm_name *ret_qualified, struct err *err)
{
	OWNED(esys_memory_release) TPM2B_PUBLIC *area = NULL;
	OWNED(esys_memory_release) TPM2B_NAME *name = NULL, *qualified = NULL;
	TSS2_RC rc = Esys_ReadPublic(
		t->context, tr, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &area, &name, &qualified);

	if (rc != TSS2_RC_SUCCESS)
		return esys_fail(t, rc, "TPM2_ReadPublic", err);
	*ret = *area;
	return check_same(t, tr, name, err) && copy_name(name, ret_name, err) &&
	       copy_name(qualified, ret_qualified, err);
}

bool esys_create_primary(struct esys *t, ESYS_TR hierarchy, const TPM2B_PUBLIC *template_public,
	ESYS_TR session, struct esys_object *ret, TPM2B_PUBLIC *ret_public, struct err *err)
{
	static const TPM2B_SENSITIVE_CREATE no_sensitive;
	static const TPM2B_DATA no_data;
	static const TPML_PCR_SELECTION no_pcrs;
	OWNED(esys_memory_release) TPM2B_PUBLIC *area = NULL;
	ESYS_TR tr;
	TSS2_RC rc = Esys_CreatePrimary(t->context, hierarchy, session, ESYS_TR_NONE, ESYS_TR_NONE,
		&no_sensitive, template_public, &no_data, &no_pcrs, &tr, &area, NULL, NULL, NULL);

	if (rc != TSS2_RC_SUCCESS)
		return esys_fail(t, rc, "TPM2_CreatePrimary", err);
	*ret = (struct esys_object){t, tr, true};
	if (ret_public)
		*ret_public = *area;
	return true;
}

bool esys_public_bytes(const TPM2B_PUBLIC *in, struct buf *out, struct err *err)
{
	uint8_t bytes[sizeof(TPMT_PUBLIC)];
	size_t len = 0;

	if (Tss2_MU_TPMT_PUBLIC_Marshal(&in->publicArea, bytes, sizeof(bytes), &len) !=
		TSS2_RC_SUCCESS)
		return err_set(err, ERR_TPM, "a public area that cannot be written");
	buf_put(out, bytes_of(bytes, len));
	return buf_ok(out, err);
}

bool esys_public_name(const TPM2B_PUBLIC *in, struct tpm_name *ret, struct err *err)
{
	OWNED(buf_release) struct buf bytes = {0};
	struct tpmt_public area;

	return esys_public_bytes(in, &bytes, err) &&
	       tpmt_public_parse(buf_bytes(&bytes), &area, err) && tpm_name_of(&area, ret, err);
}

bool esys_public_same_kind(const TPM2B_PUBLIC *a, const TPM2B_PUBLIC *b, bool *ret, struct err *err)
{
	OWNED(buf_release) struct buf first = {0}, second = {0};
	TPM2B_PUBLIC x = *a, y = *b;

	memset(&x.publicArea.unique, 0, sizeof(x.publicArea.unique));
	memset(&y.publicArea.unique, 0, sizeof(y.publicArea.unique));
	if (!esys_public_bytes(&x, &first, err) || !esys_public_bytes(&y, &second, err))
		return false;
	*ret = bytes_equal(buf_bytes(&first), buf_bytes(&second));
	return true;
}

bool esys_signature_bytes(const TPMT_SIGNATURE *in, struct buf *out, struct err *err)
{
	uint8_t bytes[sizeof(TPMT_SIGNATURE)];
	size_t len = 0;

	if (Tss2_MU_TPMT_SIGNATURE_Marshal(in, bytes, sizeof(bytes), &len) != TSS2_RC_SUCCESS)
		return err_set(err, ERR_TPM, "a signature that cannot be written");
	buf_put(out, bytes_of(bytes, len));
	return buf_ok(out, err);
}

bool esys_capability(struct esys *t, TPM2_CAP capability, UINT32 property, UINT32 count,
	TPMI_YES_NO *ret_more, TPMS_CAPABILITY_DATA **ret, struct err *err)
{
	TSS2_RC rc = Esys_GetCapability(t->context, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE,
		capability, property, count, ret_more, ret);

	if (rc != TSS2_RC_SUCCESS)
		return esys_fail(t, rc, "TPM2_GetCapability", err);
	return (*ret)->capability == capability ||
	       err_set(err, ERR_TPM, "TPM2_GetCapability: not what was asked for");
}

bool esys_handles(struct esys *t, uint32_t first, uint32_t last, uint32_t *ret, size_t max,
	size_t *ret_count, struct err *err)
{
	TPMI_YES_NO more = TPM2_YES;
	size_t n = 0;

	while (more == TPM2_YES && n < max && first <= last) {
		OWNED(esys_memory_release) TPMS_CAPABILITY_DATA *data = NULL;
		const TPML_HANDLE *handles;

		if (!esys_capability(
			    t, TPM2_CAP_HANDLES, first, (UINT32)(max - n), &more, &data, err))
			return false;
		handles = &data->data.handles;
		if (handles->count == 0)
			break;
		for (uint32_t i = 0; i < handles->count && n < max && handles->handle[i] <= last;
			i++)
			ret[n++] = handles->handle[i];
		if (handles->handle[handles->count - 1] >= last)
			break;
		first = handles->handle[handles->count - 1] + 1;
	}
	*ret_count = n;
	return true;
}
