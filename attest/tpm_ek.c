/* SPDX-License-Identifier: Apache-2.0 */
/* The endorsement key and its certificates, from NV or from a file (TCG EK Credential Profile 2.5,
 * section 2.2.1). */
#include "attest/tpm_esys.h"

#include "crypto/x509.h"

/* tss2's own names shift a signed int into its sign. */
#define PERSISTENT_FIRST 0x81000000u
#define PERSISTENT_LAST  0x81ffffffu
#define NV_EK_FIRST      0x01c00000u
#define NV_CHAIN_FIRST   0x01c00100u
#define NV_CHAIN_LAST    0x01c001ffu
#define FILE_CERTS_MAX   16u
/* TCG_PCCLIENT_STORED_CERT of TPM 1.2, still written by some: tag 0x1001, type 0, size, tag 0x1002.
 */
#define STORED_HEADER_LEN 7u

static const enum ek_template ORDER[TPM_EK_TEMPLATES] = {EK_TEMPLATE_L1, EK_TEMPLATE_L2,
	EK_TEMPLATE_H1, EK_TEMPLATE_H2, EK_TEMPLATE_H3, EK_TEMPLATE_H6};

static struct bytes without_header(struct bytes in)
{
	static const uint8_t header[] = {0x10, 0x01, 0x00};

	if (in.len > STORED_HEADER_LEN && memcmp(in.data, header, sizeof(header)) == 0)
		return bytes_of(in.data + STORED_HEADER_LEN, in.len - STORED_HEADER_LEN);
	return in;
}

/* Whole length of the DER SEQUENCE that `in` begins with; 0 when there is none. */
static size_t der_len(struct bytes in)
{
	size_t len;

	if (in.len < 4 || in.data[0] != 0x30)
		return 0;
	if (in.data[1] < 0x80)
		len = 2u + in.data[1];
	else if (in.data[1] == 0x81)
		len = 3u + in.data[2];
	else if (in.data[1] == 0x82)
		len = 4u + ((size_t)in.data[2] << 8 | in.data[3]);
	else
		return 0;
	return len <= in.len ? len : 0;
}

struct ek_nv {
	uint32_t handles[ESYS_HANDLES_MAX];
	size_t count;
};

static bool nv_has(const struct ek_nv *nv, uint32_t index)
{
	for (size_t i = 0; i < nv->count; i++)
		if (nv->handles[i] == index)
			return true;
	return false;
}

static bool nv_list(struct esys *t, struct ek_nv *ret, struct err *err)
{
	return esys_handles(t, NV_EK_FIRST, NV_CHAIN_LAST, ret->handles, ARRAY_LEN(ret->handles),
		&ret->count, err);
}

/* *ret stays NULL when the index does not exist. */
static bool nv_certificate(struct esys *t, const struct ek_nv *nv,
	const struct ek_template_info *info, struct cert **ret, struct err *err)
{
	OWNED(buf_release) struct buf content = {0};

	if (!nv_has(nv, info->cert_index))
		return true;
	if (!esys_nv_read(t, info->cert_index, &content, err))
		return false;
	if (!cert_from_der(without_header(buf_bytes(&content)), true, ret, err))
		return err_wrap(err, "EK certificate in NV index 0x%08x", info->cert_index);
	return true;
}

/* Not the TPM, but what it holds: an index that may not be read, bytes that are no certificate,
 * another key. */
static bool is_about_this_one(enum err_code code)
{
	return code == ERR_MISMATCH || code == ERR_FORMAT || code == ERR_DENIED ||
	       code == ERR_NOT_FOUND || code == ERR_UNSUPPORTED;
}

/* A template that this TPM cannot make, or whose certificate is not its key's, leaves the next one
 * to be tried. */
static bool next_may_be_tried(struct esys *t, const struct err *err)
{
	bool next = t->rc == TSS2_RC_SUCCESS ? is_about_this_one(err->code)
					     : esys_fault_of(t->rc) == ESYS_UNSUPPORTED;

	if (next)
		esys_forgive(t);
	return next;
}

/* Certificates one behind the other over the whole range, an index ending where it likes; padding
 * in between. */
static bool nv_chain(struct esys *t, const struct ek_nv *nv, struct buf *ret, struct err *err)
{
	for (size_t i = 0; i < nv->count; i++) {
		OWNED(buf_release) struct buf part = {0};

		if (nv->handles[i] < NV_CHAIN_FIRST)
			continue;
		if (!esys_nv_read(t, nv->handles[i], &part, err)) {
			if (!next_may_be_tried(t, err))
				return false;
			continue;
		}
		if (part.len > ESYS_NV_MAX - ret->len)
			return err_set(
				err, ERR_LIMIT, "EK chain in NV: more than %u bytes", ESYS_NV_MAX);
		buf_put(ret, buf_bytes(&part));
	}
	return buf_ok(ret, err);
}

static size_t split_chain(struct bytes in, struct bytes *ret, size_t max)
{
	size_t n = 0;

	for (size_t at = 0; at < in.len && n < max;) {
		size_t len = der_len(bytes_of(in.data + at, in.len - at));
		if (len > 0)
			ret[n++] = bytes_of(in.data + at, len);
		else if (in.data[at] != 0x00 && in.data[at] != 0xff)
			break;
		at += len > 0 ? len : 1;
	}
	return n;
}

struct ek_find {
	const struct tpm_ek_options *options;
	struct tpm_ek *ret;
	struct ek_nv nv;
	struct cert *file_certs[FILE_CERTS_MAX];
	size_t file_count;
};

static void find_release(struct ek_find *find)
{
	for (size_t i = 0; i < find->file_count; i++)
		cert_unref(&find->file_certs[i]);
}

static size_t order_of(const struct tpm_ek_options *options, enum ek_template *ret)
{
	size_t n = 0;

	if (options->want != EK_TEMPLATE_NONE) {
		ret[0] = options->want;
		return 1;
	}
	while (n < TPM_EK_TEMPLATES && options->preference[n] != EK_TEMPLATE_NONE) {
		ret[n] = options->preference[n];
		n++;
	}
	if (n > 0)
		return n;
	memcpy(ret, ORDER, sizeof(ORDER));
	return ARRAY_LEN(ORDER);
}

/* A key of this size could be the template's. */
static bool key_fits(const struct ek_template_info *info, const struct key *key)
{
	switch (key_type_of(key)) {
	case KEY_RSA:
		return info->type == TPM_ALG_RSA && key_bits(key) == info->bits_or_curve;
	case KEY_EC_P256:
		return info->type == TPM_ALG_ECC && info->bits_or_curve == TPM_ECC_NIST_P256;
	case KEY_EC_P384:
		return info->type == TPM_ALG_ECC && info->bits_or_curve == TPM_ECC_NIST_P384;
	default:
		return false;
	}
}

/* Takes the EK of this template with this certificate (NULL: without) if the TPM has it. */
static bool try_certificate(struct esys *t, struct ek_find *find,
	const struct ek_template_info *info, const struct cert *cert, bool *ret_done,
	struct err *err)
{
	OWNED(key_unref) struct key *key = NULL;
	OWNED(buf_release) struct buf area = {0};
	struct esys_ek ek;

	if (cert && !cert_key(cert, &key, err))
		return err_wrap(err, "EK certificate");
	if (key && !key_fits(info, key))
		return err_set(err, ERR_MISMATCH,
			"EK %s: its certificate is for a key of another kind", info->name);
	if (!esys_ek_make(t, info, key, &ek, &area, err))
		return false;
	if (cert)
		buf_put(&find->ret->certificate, cert_der(cert));
	find->ret->public_area = TAKE_STRUCT(area);
	find->ret->template_id = info->id;
	find->ret->handle = ek.handle;
	t->ek = ek;
	*ret_done = true;
	return buf_ok(&find->ret->certificate, err);
}

static bool try_file(struct esys *t, struct ek_find *find, const struct ek_template_info *info,
	bool *ret_done, struct err *err)
{
	for (size_t i = 0; i < find->file_count && !*ret_done; i++) {
		OWNED(key_unref) struct key *key = NULL;
		struct err unfit = {0};

		if (cert_is_ca(find->file_certs[i]) ||
			!cert_key(find->file_certs[i], &key, &unfit) || !key_fits(info, key))
			continue;
		if (!try_certificate(t, find, info, find->file_certs[i], ret_done, err) &&
			!next_may_be_tried(t, err))
			return false;
	}
	return true;
}

static bool try_nv(struct esys *t, struct ek_find *find, const struct ek_template_info *info,
	bool *ret_done, struct err *err)
{
	OWNED(cert_unref) struct cert *cert = NULL;

	if (!nv_certificate(t, &find->nv, info, &cert, err))
		return next_may_be_tried(t, err);
	return !cert || try_certificate(t, find, info, cert, ret_done, err) ||
	       next_may_be_tried(t, err);
}

static bool put_chain(struct esys *t, struct ek_find *find, struct err *err)
{
	OWNED(buf_release) struct buf content = {0};
	struct bytes parts[TPM_EK_CHAIN_MAX];
	struct tpm_ek *ek = find->ret;
	size_t n = 0;

	if (find->file_count == 0) {
		if (!nv_chain(t, &find->nv, &content, err))
			return false;
		n = split_chain(buf_bytes(&content), parts, ARRAY_LEN(parts));
	}
	for (size_t i = 0; i < find->file_count && n < ARRAY_LEN(parts); i++) {
		struct bytes der = cert_der(find->file_certs[i]);
		if (cert_is_ca(find->file_certs[i]) &&
			!bytes_equal(der, buf_bytes(&ek->certificate)))
			parts[n++] = der;
	}
	for (size_t i = 0; i < n; i++) {
		buf_put(&ek->chain[i], parts[i]);
		if (!buf_ok(&ek->chain[i], err))
			return false;
	}
	ek->chain_count = n;
	return true;
}

/* First every template with a certificate, then any that can be made. */
static bool find_ek(struct esys *t, struct ek_find *find, struct err *err)
{
	enum ek_template order[TPM_EK_TEMPLATES];
	size_t n = order_of(find->options, order);
	struct err first = {0};
	bool done = false;

	for (size_t pass = 0; pass < 2 && !done; pass++) {
		for (size_t i = 0; i < n && !done; i++) {
			const struct ek_template_info *info = ek_template_info(order[i]);
			bool ok;
			err->code = ERR_NONE;
			if (pass == 1)
				ok = try_certificate(t, find, info, NULL, &done, err) ||
				     next_may_be_tried(t, err);
			else if (find->file_count > 0)
				ok = try_file(t, find, info, &done, err);
			else
				ok = try_nv(t, find, info, &done, err);
			if (!ok)
				return false;
			if (!done && err->code != ERR_NONE && first.code == ERR_NONE)
				first = *err;
		}
		/* A certificate that does not fit is not passed over in silence. */
		if (!done && (first.code != ERR_NONE || find->file_count > 0))
			break;
	}
	if (done)
		return true;
	if (first.code != ERR_NONE)
		*err = first;
	else if (find->file_count > 0)
		err_set(err, ERR_MISMATCH,
			"none of the certificates in the file is of this TPM's EK");
	else
		err_set(err, ERR_NOT_FOUND,
			"no EK certificate, and no EK template that this TPM can make");
	return false;
}

static bool run_ek(struct esys *t, void *arguments, struct err *err)
{
	struct ek_find *find = arguments;

	tpm_ek_release(find->ret);
	t->ek.known = false;
	if (!nv_list(t, &find->nv, err) || !find_ek(t, find, err) || !put_chain(t, find, err))
		return false;
	/* It was salted with a key that nobody vouched for: the next one is with this. */
	esys_session_drop(t);
	return true;
}

bool esys_ek(
	struct tpm *tpm, const struct tpm_ek_options *options, struct tpm_ek *ret, struct err *err)
{
	OWNED(find_release) struct ek_find find = {.options = options, .ret = ret};

	memset(ret, 0, sizeof(*ret));
	if (options->certificates.len > 0 &&
		!certs_from_bytes(options->certificates, FILE_CERTS_MAX, find.file_certs,
			&find.file_count, err))
		return err_wrap(err, "EK certificates");
	if (esys_run(tpm, "endorsement key", run_ek, &find, err))
		return true;
	tpm_ek_release(ret);
	return false;
}

struct ek_list {
	struct tpm_ek_present *ret;
	size_t *ret_count, *ret_chain;
};

static bool run_ek_list(struct esys *t, void *arguments, struct err *err)
{
	const struct ek_list *a = arguments;
	struct ek_nv nv = {0}, persistent = {0};
	OWNED(buf_release) struct buf chain = {0};
	struct bytes parts[TPM_EK_CHAIN_MAX];
	size_t n = 0;

	if (!nv_list(t, &nv, err) || !nv_chain(t, &nv, &chain, err) ||
		!esys_handles(t, PERSISTENT_FIRST, PERSISTENT_LAST, persistent.handles,
			ARRAY_LEN(persistent.handles), &persistent.count, err))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(ORDER); i++) {
		const struct ek_template_info *info = ek_template_info(ORDER[i]);
		struct tpm_ek_present row = {
			ORDER[i], nv_has(&nv, info->cert_index), nv_has(&persistent, info->handle)};
		if (row.certificate || row.persistent)
			a->ret[n++] = row;
	}
	*a->ret_count = n;
	*a->ret_chain = split_chain(buf_bytes(&chain), parts, ARRAY_LEN(parts));
	return true;
}

bool esys_ek_list(struct tpm *tpm, struct tpm_ek_present *ret, size_t *ret_count, size_t *ret_chain,
	struct err *err)
{
	struct ek_list a = {ret, ret_count, ret_chain};

	return esys_run(tpm, "EK certificates", run_ek_list, &a, err);
}
