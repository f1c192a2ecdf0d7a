/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The attestation key: a primary of the endorsement hierarchy, so that it needs no blob and its
 * attestations show resetCount and firmwareVersion in clear; noDA with empty password, so that
 * unclean shutdowns do not lock it out.
 */
#include "attest/tpm_esys.h"

#include <assert.h>

#define AK_ATTRIBUTES                                                                              \
	(TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT | TPMA_OBJECT_SENSITIVEDATAORIGIN |        \
		TPMA_OBJECT_USERWITHAUTH | TPMA_OBJECT_NODA | TPMA_OBJECT_RESTRICTED |             \
		TPMA_OBJECT_SIGN_ENCRYPT)
static_assert(AK_ATTRIBUTES == 0x00050472u, "as DESIGN says");

static const struct {
	TPMI_ALG_PUBLIC type;
	TPMI_ALG_HASH hash; /* name and scheme */
	TPMI_ECC_CURVE curve;
	TPMI_RSA_KEY_BITS bits;
} KINDS[AK_KINDS] = {
	[AK_ECC_P256] = {TPM2_ALG_ECC, TPM2_ALG_SHA256, TPM2_ECC_NIST_P256, 0},
	[AK_RSA_2048] = {TPM2_ALG_RSA, TPM2_ALG_SHA256, 0, 2048},
	[AK_ECC_P384] = {TPM2_ALG_ECC, TPM2_ALG_SHA384, TPM2_ECC_NIST_P384, 0},
};

/* The number of the generation stands in `unique`, which makes it another key of the same seed. */
static void put_generation(uint32_t generation, uint8_t *buffer, UINT16 *size)
{
	if (generation == 0)
		return;
	for (int i = 0; i < 4; i++)
		buffer[i] = (uint8_t)(generation >> (24 - 8 * i));
	*size = 4;
}

static TPM2B_PUBLIC template_of(const struct tpm_ak_options *options)
{
	TPM2B_PUBLIC out = {.publicArea = {.type = KINDS[options->kind].type,
				    .nameAlg = KINDS[options->kind].hash,
				    .objectAttributes = AK_ATTRIBUTES}};
	TPMT_PUBLIC *area = &out.publicArea;

	if (area->type == TPM2_ALG_RSA) {
		area->parameters.rsaDetail = (TPMS_RSA_PARMS){.symmetric.algorithm = TPM2_ALG_NULL,
			.scheme.scheme = TPM2_ALG_RSASSA,
			.scheme.details.rsassa.hashAlg = area->nameAlg,
			.keyBits = KINDS[options->kind].bits};
		put_generation(
			options->generation, area->unique.rsa.buffer, &area->unique.rsa.size);
		return out;
	}
	area->parameters.eccDetail = (TPMS_ECC_PARMS){.symmetric.algorithm = TPM2_ALG_NULL,
		.scheme.scheme = TPM2_ALG_ECDSA,
		.scheme.details.ecdsa.hashAlg = area->nameAlg,
		.curveID = KINDS[options->kind].curve,
		.kdf.scheme = TPM2_ALG_NULL};
	put_generation(options->generation, area->unique.ecc.x.buffer, &area->unique.ecc.x.size);
	return out;
}

enum digest_alg esys_ak_digest(const struct esys *t)
{
	return (enum digest_alg)KINDS[t->ak.options.kind].hash;
}

void esys_ak_drop(struct esys *t)
{
	if (t->ak.object != ESYS_TR_NONE && t->context)
		Esys_TR_Close(t->context, &t->ak.object);
	t->ak.object = ESYS_TR_NONE;
}

static bool make(struct esys *t, const struct tpm_ak_options *options, struct esys_object *ret,
	TPM2B_PUBLIC *ret_public, struct err *err)
{
	TPM2B_PUBLIC template_public = template_of(options);
	ESYS_TR session;

	return esys_session(t, ESYS_TR_NONE, TPMA_SESSION_DECRYPT | TPMA_SESSION_ENCRYPT, &session,
		       err) &&
	       esys_create_primary(
		       t, ESYS_TR_RH_ENDORSEMENT, &template_public, session, ret, ret_public, err);
}

static bool occupied(uint32_t handle, const char *by, struct err *err)
{
	return err_set(err, ERR_CONFLICT,
		"persistent handle 0x%08x holds %s, and is left alone: choose another handle for "
		"the AK, "
		"or remove what is there with tpm2_evictcontrol -c 0x%08x",
		handle, by, handle);
}

/* The name of the key at the handle, if it is of our kind and a primary of the endorsement
 * hierarchy. */
static bool inspect(struct esys *t, const struct tpm_ak_options *options, uint32_t handle,
	struct tpm_name *ret_name, TPM2B_PUBLIC *ret_public, bool *ret_there, struct err *err)
{
	OWNED(esys_object_release) struct esys_object object = ESYS_OBJECT_NONE(t);
	TPM2B_PUBLIC template_public = template_of(options);
	struct tpm_name qualified, expected;
	bool kind = false;

	*ret_there = false;
	if (!esys_object_open(t, handle, &object, err)) {
		if (esys_fault_of(t->rc) != ESYS_MISSING)
			return false;
		esys_forgive(t);
		return true;
	}
	if (!esys_object_public(t, object.tr, ret_public, ret_name, &qualified, err))
		return false;
	if (!esys_public_same_kind(ret_public, &template_public, &kind, err) ||
		!tpm_qualified_name_of_primary(TPM_RH_ENDORSEMENT, ret_name, &expected, err))
		return false;
	if (!kind)
		return occupied(handle, "a key of another kind", err);
	if (!bytes_equal(tpm_name_bytes(&expected), tpm_name_bytes(&qualified)))
		return occupied(handle, "a key of another hierarchy", err);
	*ret_there = true;
	return true;
}

static bool persist(struct esys *t, ESYS_TR object, uint32_t handle, struct err *err)
{
	ESYS_TR session, persistent = ESYS_TR_NONE;
	TSS2_RC rc;

	if (!esys_session(t, ESYS_TR_NONE, 0, &session, err))
		return false;
	rc = Esys_EvictControl(t->context, ESYS_TR_RH_OWNER, object, session, ESYS_TR_NONE,
		ESYS_TR_NONE, handle, &persistent);
	if (rc != TSS2_RC_SUCCESS) {
		esys_fail(t, rc, "TPM2_EvictControl", err);
		return err_wrap(err, "making the AK persistent at 0x%08x", handle);
	}
	Esys_TR_Close(t->context, &persistent);
	return true;
}

/* Makes the key, compares it with what the handle holds, or puts it there. */
static bool establish(struct esys *t, const struct tpm_ak_options *options,
	TPM2B_PUBLIC *ret_public, struct tpm_name *ret_name, struct err *err)
{
	OWNED(esys_object_release) struct esys_object object = ESYS_OBJECT_NONE(t);
	TPM2B_PUBLIC found;
	struct tpm_name name = {0};
	bool there = false;

	if (!options->transient &&
		!inspect(t, options, options->handle, &name, &found, &there, err))
		return false;
	if (there && options->expected.len > 0 &&
		bytes_equal(tpm_name_bytes(&name), tpm_name_bytes(&options->expected))) {
		*ret_public = found;
		*ret_name = name;
		return true;
	}
	if (!make(t, options, &object, ret_public, err) ||
		!esys_public_name(ret_public, ret_name, err))
		return false;
	if (there && !bytes_equal(tpm_name_bytes(&name), tpm_name_bytes(ret_name)))
		return occupied(options->handle, "another AK (of another generation?)", err);
	return there || options->transient || persist(t, object.tr, options->handle, err);
}

static bool is_known_ak(const struct esys *t, const TPM2B_PUBLIC *area, struct err *err)
{
	struct tpm_name name;

	if (!esys_public_name(area, &name, err))
		return false;
	if (!bytes_equal(tpm_name_bytes(&name), tpm_name_bytes(&t->ak.name)))
		return err_set(err, ERR_MISMATCH,
			"the AK is no longer the key it was: another TPM, or its endorsement seed "
			"was changed");
	return true;
}

/* Opens the persistent handle and keeps it open until something fails: opening costs a command. */
static bool open_persistent(struct esys *t, struct err *err)
{
	OWNED(esys_object_release) struct esys_object object = ESYS_OBJECT_NONE(t);
	struct tpm_name name, qualified;
	TPM2B_PUBLIC area;

	if (!esys_object_open(t, t->ak.options.handle, &object, err)) {
		/* TPM2_Clear takes the persistent copy away, not the key. */
		if (esys_fault_of(t->rc) != ESYS_MISSING)
			return false;
		esys_forgive(t);
		if (!establish(t, &t->ak.options, &area, &name, err) ||
			!is_known_ak(t, &area, err) ||
			!esys_object_open(t, t->ak.options.handle, &object, err))
			return false;
	}
	if (!esys_object_public(t, object.tr, &area, &name, &qualified, err) ||
		!is_known_ak(t, &area, err))
		return false;
	t->ak.object = object.tr;
	object.tr = ESYS_TR_NONE;
	return true;
}

bool esys_ak_load(struct esys *t, struct esys_object *hold, ESYS_TR *ret, struct err *err)
{
	TPM2B_PUBLIC area;

	if (!t->ak.known)
		return err_set(err, ERR_USAGE, "no AK was made yet");
	if (t->ak.options.transient) {
		if (!make(t, &t->ak.options, hold, &area, err) || !is_known_ak(t, &area, err))
			return false;
		*ret = hold->tr;
		return true;
	}
	if (t->ak.object == ESYS_TR_NONE && !open_persistent(t, err))
		return err_wrap(err, "AK");
	*ret = t->ak.object;
	return true;
}

struct ak_call {
	struct tpm_ak_options options;
	struct buf *ret_public;
};

static bool run_ak(struct esys *t, void *arguments, struct err *err)
{
	const struct ak_call *a = arguments;
	OWNED(buf_release) struct buf bytes = {0};
	TPM2B_PUBLIC area;
	struct tpm_name name;

	esys_ak_drop(t);
	t->ak.known = false;
	if (!establish(t, &a->options, &area, &name, err) || !esys_public_bytes(&area, &bytes, err))
		return false;
	t->ak = (struct esys_ak){true, a->options, name, ESYS_TR_NONE};
	buf_release(a->ret_public); /* what an earlier call left there */
	*a->ret_public = TAKE_STRUCT(bytes);
	return true;
}

bool esys_ak(struct tpm *tpm, const struct tpm_ak_options *options, struct buf *ret_public,
	struct err *err)
{
	struct ak_call a = {*options, ret_public};

	if (options->kind >= AK_KINDS)
		return err_set(err, ERR_USAGE, "AK: no such kind");
	if (a.options.handle == 0)
		a.options.handle = TPM_AK_HANDLE_DEFAULT;
	return esys_run(tpm, "attestation key", run_ak, &a, err);
}

struct look_call {
	struct tpm_ak_options options;
	bool *ret_there;
};

static bool run_ak_look(struct esys *t, void *arguments, struct err *err)
{
	const struct look_call *a = arguments;
	TPM2B_PUBLIC area;
	struct tpm_name name;

	return inspect(t, &a->options, a->options.handle, &name, &area, a->ret_there, err);
}

bool esys_ak_look(
	struct tpm *tpm, const struct tpm_ak_options *options, bool *ret_there, struct err *err)
{
	struct look_call a = {*options, ret_there};

	if (options->kind >= AK_KINDS)
		return err_set(err, ERR_USAGE, "AK: no such kind");
	if (a.options.handle == 0)
		a.options.handle = TPM_AK_HANDLE_DEFAULT;
	return esys_run(tpm, "attestation key", run_ak_look, &a, err);
}
