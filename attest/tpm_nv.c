/* SPDX-License-Identifier: Apache-2.0 */
/* Reading NV indices. What is read here is public and signed by others: certificates, templates,
 * nonces. */
#include "attest/tpm_esys.h"

#define NV_CHUNK_DEFAULT 512u

static uint16_t chunk_size(struct esys *t)
{
	OWNED(esys_memory_release) TPMS_CAPABILITY_DATA *data = NULL;
	const TPML_TAGGED_TPM_PROPERTY *properties;
	struct err unsaid = {0};

	if (!esys_capability(
		    t, TPM2_CAP_TPM_PROPERTIES, TPM2_PT_NV_BUFFER_MAX, 1, NULL, &data, &unsaid)) {
		esys_forgive(t);
		return NV_CHUNK_DEFAULT;
	}
	properties = &data->data.tpmProperties;
	if (properties->count == 0 ||
		properties->tpmProperty[0].property != TPM2_PT_NV_BUFFER_MAX ||
		properties->tpmProperty[0].value == 0)
		return NV_CHUNK_DEFAULT;
	if (properties->tpmProperty[0].value > TPM2_MAX_NV_BUFFER_SIZE)
		return TPM2_MAX_NV_BUFFER_SIZE;
	return (uint16_t)properties->tpmProperty[0].value;
}

static bool read_chunks(struct esys *t, ESYS_TR index, ESYS_TR authorised_by, ESYS_TR session,
	uint16_t size, struct buf *ret, struct err *err)
{
	uint16_t chunk = chunk_size(t);

	for (uint16_t at = 0; at < size;) {
		OWNED(esys_memory_release) TPM2B_MAX_NV_BUFFER *data = NULL;
		uint16_t want = (uint16_t)(size - at) < chunk ? (uint16_t)(size - at) : chunk;
		TSS2_RC rc = Esys_NV_Read(t->context, authorised_by, index, session, ESYS_TR_NONE,
			ESYS_TR_NONE, want, at, &data);

		if (rc != TSS2_RC_SUCCESS)
			return esys_fail(t, rc, "TPM2_NV_Read", err);
		if (data->size == 0 || data->size > want)
			return err_set(
				err, ERR_TPM, "TPM2_NV_Read: %u bytes for %u", data->size, want);
		buf_put(ret, bytes_of(data->buffer, data->size));
		at = (uint16_t)(at + data->size);
	}
	return buf_ok(ret, err);
}

bool esys_nv_read(struct esys *t, uint32_t index, struct buf *ret, struct err *err)
{
	OWNED(esys_object_release) struct esys_object object = ESYS_OBJECT_NONE(t);
	OWNED(esys_memory_release) TPM2B_NV_PUBLIC *area = NULL;
	OWNED(esys_auth_end) struct esys_auth auth = {t, ESYS_TR_NONE};
	static const TPM2B_AUTH no_password;
	TPMA_NV attributes;
	TSS2_RC rc;
	bool by_index;

	if (!esys_object_open(t, index, &object, err))
		return false;
	rc = Esys_NV_ReadPublic(
		t->context, object.tr, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &area, NULL);
	if (rc != TSS2_RC_SUCCESS)
		return esys_fail(t, rc, "TPM2_NV_ReadPublic", err);
	attributes = area->nvPublic.attributes;
	if (!(attributes & TPMA_NV_WRITTEN))
		return err_set(err, ERR_NOT_FOUND, "NV index 0x%08x: never written", index);
	by_index = attributes & TPMA_NV_AUTHREAD;
	if (!by_index && !(attributes & TPMA_NV_OWNERREAD))
		return err_set(err, ERR_DENIED,
			"NV index 0x%08x: neither the index's nor the owner's "
			"password may read it",
			index);
	if (!esys_auth_begin(t, by_index ? &no_password : &t->owner_auth, &auth, err))
		return false;
	if (!read_chunks(t, object.tr, by_index ? object.tr : ESYS_TR_RH_OWNER, auth.session,
		    area->nvPublic.dataSize, ret, err))
		return err_wrap(err, "NV index 0x%08x", index);
	return true;
}
