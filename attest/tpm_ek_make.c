/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making endorsement keys again: a primary is a function of the seed and its template, so the
 * template has to be the manufacturer's to the byte. The profile leaves `unique` open enough for
 * several in practice (TCG EK Credential Profile 2.5, sections 2.2.1.4, 2.2.1.5, B.3, B.4): each is
 * tried until the key is the one the certificate names.
 */
#include "attest/tpm_esys.h"

#include <assert.h>
#include <tss2/tss2_mu.h>

#define EK_HANDLE_FIRST 0x81010000u
#define EK_HANDLE_LAST  0x8101ffffu
#define TEMPLATE_MAX    1024u

enum unique_form { UNIQUE_NV_TEMPLATE = 0, UNIQUE_ZEROS, UNIQUE_EMPTY };
static_assert(UNIQUE_EMPTY + 1 == ESYS_UNIQUE_FORMS, "every form is tried");

static const struct {
	bool high;
	enum unique_form order[ESYS_UNIQUE_FORMS];
} FORMS[] = {
	{false, {UNIQUE_NV_TEMPLATE, UNIQUE_ZEROS, UNIQUE_EMPTY}},
	{true, {UNIQUE_NV_TEMPLATE, UNIQUE_EMPTY, UNIQUE_ZEROS}},
};

static bool is_high(const struct ek_template_info *info)
{
	return info->nonce_index == 0;
}

static uint16_t coordinate_len(uint16_t curve)
{
	return curve == TPM_ECC_NIST_P256 ? 32 : 48;
}

static void fill_parameters(const struct ek_template_info *info, TPMT_PUBLIC *area)
{
	const TPMT_SYM_DEF_OBJECT cipher = {.algorithm = TPM2_ALG_AES,
		.keyBits.aes = info->symmetric_bits,
		.mode.aes = TPM2_ALG_CFB};

	if (info->type == TPM_ALG_RSA)
		area->parameters.rsaDetail = (TPMS_RSA_PARMS){.symmetric = cipher,
			.scheme.scheme = TPM2_ALG_NULL,
			.keyBits = info->bits_or_curve};
	else
		area->parameters.eccDetail = (TPMS_ECC_PARMS){.symmetric = cipher,
			.scheme.scheme = TPM2_ALG_NULL,
			.curveID = info->bits_or_curve,
			.kdf.scheme = TPM2_ALG_NULL};
}

/* The nonce stands left in the first field, zeros behind it. */
static bool fill_unique(const struct ek_template_info *info, struct bytes nonce, TPMT_PUBLIC *area)
{
	uint8_t *first =
		info->type == TPM_ALG_RSA ? area->unique.rsa.buffer : area->unique.ecc.x.buffer;
	size_t room = info->type == TPM_ALG_RSA ? info->bits_or_curve / 8u
						: coordinate_len(info->bits_or_curve);

	if (nonce.len > room)
		return false;
	if (nonce.len > 0)
		memcpy(first, nonce.data, nonce.len);
	if (info->type == TPM_ALG_RSA) {
		area->unique.rsa.size = (UINT16)room;
		return true;
	}
	area->unique.ecc.x.size = (UINT16)room;
	area->unique.ecc.y.size = (UINT16)room;
	return true;
}

/* An optional NV index: absent is empty. */
static bool read_optional(struct esys *t, uint32_t index, struct buf *ret, struct err *err)
{
	if (index == 0 || esys_nv_read(t, index, ret, err))
		return true;
	if (esys_fault_of(t->rc) != ESYS_MISSING && err->code != ERR_NOT_FOUND)
		return false;
	esys_forgive(t);
	buf_clear(ret);
	return true;
}

/* The template as the manufacturer stored it, TPMT_PUBLIC; *ret_there = false when there is none.
 */
static bool read_template(struct esys *t, const struct ek_template_info *info, struct bytes nonce,
	TPM2B_PUBLIC *ret, bool *ret_there, struct err *err)
{
	OWNED(buf_release) struct buf stored = {0};
	size_t at = 0;

	*ret_there = false;
	if (!read_optional(t, info->template_index, &stored, err))
		return false;
	if (stored.len == 0 || stored.len > TEMPLATE_MAX)
		return true;
	if (Tss2_MU_TPMT_PUBLIC_Unmarshal(stored.data, stored.len, &at, &ret->publicArea) !=
		TSS2_RC_SUCCESS)
		return err_set(
			err, ERR_FORMAT, "NV index 0x%08x: no EK template", info->template_index);
	*ret_there = nonce.len == 0 || fill_unique(info, nonce, &ret->publicArea);
	return true;
}

static bool template_of_form(struct esys *t, const struct ek_template_info *info, size_t form,
	TPM2B_PUBLIC *ret, bool *ret_there, struct err *err)
{
	OWNED(buf_release) struct buf nonce = {0};
	enum unique_form unique = FORMS[is_high(info)].order[form];

	memset(ret, 0, sizeof(*ret));
	*ret_there = true;
	if (unique != UNIQUE_EMPTY && !read_optional(t, info->nonce_index, &nonce, err))
		return false;
	if (unique == UNIQUE_NV_TEMPLATE)
		return read_template(t, info, buf_bytes(&nonce), ret, ret_there, err);
	ret->publicArea.type = info->type;
	ret->publicArea.nameAlg = info->name_alg;
	ret->publicArea.objectAttributes = info->attributes;
	ret->publicArea.authPolicy.size = (UINT16)info->auth_policy_len;
	memcpy(ret->publicArea.authPolicy.buffer, info->auth_policy, info->auth_policy_len);
	fill_parameters(info, &ret->publicArea);
	if (unique == UNIQUE_ZEROS)
		*ret_there = fill_unique(info, buf_bytes(&nonce), &ret->publicArea);
	return true;
}

static bool make_form(struct esys *t, const struct ek_template_info *info, size_t form,
	struct esys_object *ret, TPM2B_PUBLIC *ret_public, bool *ret_there, struct err *err)
{
	OWNED(esys_auth_end) struct esys_auth auth = {t, ESYS_TR_NONE};
	TPM2B_PUBLIC template_public;

	if (!template_of_form(t, info, form, &template_public, ret_there, err))
		return false;
	if (!*ret_there)
		return true;
	return esys_auth_begin(t, &t->endorsement_auth, &auth, err) &&
	       esys_create_primary(t, ESYS_TR_RH_ENDORSEMENT, &template_public, auth.session, ret,
		       ret_public, err);
}

static bool key_matches(
	const TPM2B_PUBLIC *area, const struct key *want, bool *ret, struct err *err)
{
	OWNED(buf_release) struct buf bytes = {0};
	OWNED(key_unref) struct key *key = NULL;
	struct tpmt_public parsed;

	*ret = true;
	if (!want)
		return true;
	if (!esys_public_bytes(area, &bytes, err) ||
		!tpmt_public_parse(buf_bytes(&bytes), &parsed, err) ||
		!tpmt_public_key(&parsed, &key, err))
		return false;
	*ret = key_equal(key, want);
	return true;
}

/* Fills what is remembered of a key that was found. */
static bool remember(const struct ek_template_info *info, const TPM2B_PUBLIC *area, uint32_t handle,
	size_t form, struct esys_ek *ret, struct buf *ret_public, struct err *err)
{
	*ret = (struct esys_ek){.known = true,
		.template_id = info->id,
		.handle = handle,
		.form = form,
		.name_alg = area->publicArea.nameAlg,
		.policy.alg = (enum digest_alg)area->publicArea.nameAlg,
		.policy.len = (uint8_t)area->publicArea.authPolicy.size};
	if (area->publicArea.authPolicy.size > DIGEST_LEN_MAX)
		return err_set(err, ERR_TPM, "an EK with a policy of %u bytes",
			area->publicArea.authPolicy.size);
	memcpy(ret->policy.bytes, area->publicArea.authPolicy.buffer,
		area->publicArea.authPolicy.size);
	return esys_public_name(area, &ret->name, err) && esys_public_bytes(area, ret_public, err);
}

static bool is_of_template(
	const TPM2B_PUBLIC *area, enum ek_template id, bool *ret, struct err *err)
{
	OWNED(buf_release) struct buf bytes = {0};
	struct tpmt_public parsed;
	struct err unparsable = {0};

	*ret = false;
	if (!esys_public_bytes(area, &bytes, err))
		return false;
	if (tpmt_public_parse(buf_bytes(&bytes), &parsed, &unparsable))
		*ret = ek_template_of(&parsed, NULL) == id;
	return true;
}

/* A primary of the endorsement hierarchy, as its qualified name proves. */
static bool is_endorsement_primary(
	const struct tpm_name *name, const struct tpm_name *qualified, bool *ret, struct err *err)
{
	struct tpm_name expected;

	if (!tpm_qualified_name_of_primary(TPM_RH_ENDORSEMENT, name, &expected, err))
		return false;
	*ret = bytes_equal(tpm_name_bytes(&expected), tpm_name_bytes(qualified));
	return true;
}

/* A persistent copy spares making the key, which takes seconds for RSA. Without a certificate to
 * compare with, one that anybody could have put there is not taken for the usual key. */
static bool find_persistent(struct esys *t, const struct ek_template_info *info,
	const struct key *want, struct esys_ek *ret, struct buf *ret_public, bool *ret_found,
	struct err *err)
{
	uint32_t handles[ESYS_HANDLES_MAX];
	size_t n = 0;

	*ret_found = false;
	if (!want)
		return true;
	if (!esys_handles(t, EK_HANDLE_FIRST, EK_HANDLE_LAST, handles, ARRAY_LEN(handles), &n, err))
		return false;
	for (size_t i = 0; i < n && !*ret_found; i++) {
		OWNED(esys_object_release) struct esys_object object = ESYS_OBJECT_NONE(t);
		TPM2B_PUBLIC area;
		struct tpm_name name, qualified;
		bool kind = false, key = false, primary = false;

		if (!esys_object_open(t, handles[i], &object, err) ||
			!esys_object_public(t, object.tr, &area, &name, &qualified, err) ||
			!is_of_template(&area, info->id, &kind, err))
			return false;
		if (!kind)
			continue;
		if (!key_matches(&area, want, &key, err) ||
			!is_endorsement_primary(&name, &qualified, &primary, err))
			return false;
		*ret_found = key && primary;
		if (*ret_found && !remember(info, &area, handles[i], 0, ret, ret_public, err))
			return false;
	}
	return true;
}

bool esys_ek_make(struct esys *t, const struct ek_template_info *info, const struct key *want,
	struct esys_ek *ret, struct buf *ret_public, struct err *err)
{
	bool found = false;

	if (!find_persistent(t, info, want, ret, ret_public, &found, err))
		return false;
	for (size_t form = 0; form < ESYS_UNIQUE_FORMS && !found; form++) {
		OWNED(esys_object_release) struct esys_object object = ESYS_OBJECT_NONE(t);
		TPM2B_PUBLIC area;
		bool there = false;

		if (!make_form(t, info, form, &object, &area, &there, err) ||
			(there && !key_matches(&area, want, &found, err)))
			return err_wrap(err, "EK %s", info->name);
		found = found && there;
		if (found && !remember(info, &area, 0, form, ret, ret_public, err))
			return false;
	}
	if (!found)
		return err_set(err, ERR_MISMATCH,
			"EK %s: none of the ways to make it gives the key in its certificate: the "
			"certificate is of another TPM, or the endorsement seed was changed",
			info->name);
	return true;
}

/* True when what was opened is still the key remembered. */
static bool is_remembered(
	struct esys *t, const struct esys_object *object, bool *ret, struct err *err)
{
	TPM2B_PUBLIC area;
	struct tpm_name name, qualified;

	if (!esys_object_public(t, object->tr, &area, &name, &qualified, err))
		return false;
	*ret = bytes_equal(tpm_name_bytes(&name), tpm_name_bytes(&t->ek.name));
	return true;
}

bool esys_ek_load(struct esys *t, struct esys_object *ret, struct err *err)
{
	const struct ek_template_info *info = ek_template_info(t->ek.template_id);
	bool there = false, same = false;

	if (t->ek.handle != 0 && esys_object_open(t, t->ek.handle, ret, err)) {
		if (!is_remembered(t, ret, &same, err))
			return false;
		if (same)
			return true;
		esys_object_release(ret);
	}
	/* TPM2_Clear takes the persistent copy away, not the key. */
	if (t->rc != TSS2_RC_SUCCESS && esys_fault_of(t->rc) != ESYS_MISSING)
		return false;
	esys_forgive(t);
	for (size_t i = 0; i < ESYS_UNIQUE_FORMS; i++) {
		TPM2B_PUBLIC area;
		struct tpm_name name;
		size_t form = (t->ek.form + i) % ESYS_UNIQUE_FORMS;

		if (!make_form(t, info, form, ret, &area, &there, err))
			return err_wrap(err, "EK %s", info->name);
		if (!there)
			continue;
		if (!esys_public_name(&area, &name, err))
			return false;
		t->ek.handle = 0;
		t->ek.form = form;
		if (bytes_equal(tpm_name_bytes(&name), tpm_name_bytes(&t->ek.name)))
			return true;
		esys_object_release(ret);
	}
	return err_set(err, ERR_MISMATCH,
		"EK %s: it is no longer the key it was: another TPM, or its "
		"endorsement seed was changed",
		info->name);
}
