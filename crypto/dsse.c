/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/dsse.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/text.h"

enum { KEYS_MAX = 64, SIGNATURE_MAX = 1024 };

#define BASE64_MAX(len) (((len) + 2) / 3 * 4)

/* Pre-authentication encoding: what is signed. */
static bool put_pae(const char *type, struct bytes payload, struct buf *out, struct err *err)
{
	buf_printf(out, "DSSEv1 %zu %s %zu ", strlen(type), type, payload.len);
	buf_put(out, payload);
	return buf_ok(out, err);
}

/* Either alphabet, as the specification asks. One that uses neither '+/' nor '-_' is the same in
 * both but for its padding. */
static bool decode(
	const char *text, size_t max, const char *field, struct buf *out, struct err *err)
{
	struct bytes in = bytes_str(text);
	bool url = strpbrk(text, "-_") != NULL || in.len % 4 != 0;
	size_t padding = 0;

	while (url && padding < 2 && padding < in.len && in.data[in.len - 1 - padding] == '=')
		padding++;
	/* base64url with padding occurs: Python's urlsafe_b64encode writes it. */
	if (url && padding && in.len % 4 == 0)
		in.len -= padding;
	return base64_decode(in, url, max, out, err) || err_wrap(err, "DSSE envelope: %s", field);
}

static bool read_signature(const json_t *entry, struct dsse_signature *signature, struct err *err)
{
	struct json_fields f = json_fields_of("DSSE envelope: signature");
	const char *sig = json_need_str(&f, entry, "sig", BASE64_MAX(SIGNATURE_MAX));
	const char *keyid = NULL;

	/* Older OpenSSF Model Signing bundles write null. */
	if (!json_is_null(json_object_get(entry, "keyid")))
		keyid = json_want_str(&f, entry, "keyid", sizeof(signature->keyid) - 1);
	if (!json_fields_ok(&f, err))
		return false;
	snprintf(signature->keyid, sizeof(signature->keyid), "%s", keyid ? keyid : "");
	return decode(sig, SIGNATURE_MAX, "sig", &signature->signature, err);
}

static bool read_envelope(const json_t *root, struct dsse *dsse, struct err *err)
{
	struct json_fields f = json_fields_of("DSSE envelope");
	const char *type = json_need_str(&f, root, "payloadType", sizeof(dsse->payload_type) - 1);
	const char *payload = json_need_str(&f, root, "payload", BASE64_MAX(DSSE_PAYLOAD_MAX));
	const json_t *signatures = json_need_array(&f, root, "signatures", DSSE_SIGNATURES_MAX);

	if (signatures && json_array_size(signatures) == 0)
		json_fields_fail(&f, "signatures", "empty");
	if (!json_fields_ok(&f, err))
		return false;
	snprintf(dsse->payload_type, sizeof(dsse->payload_type), "%s", type);
	if (!decode(payload, DSSE_PAYLOAD_MAX, "payload", &dsse->payload, err))
		return false;
	for (size_t i = 0; i < json_array_size(signatures); i++) {
		if (!read_signature(json_array_get(signatures, i), &dsse->signatures[i], err))
			return false;
		dsse->count++;
	}
	return true;
}

bool dsse_from_json(const json_t *root, struct dsse **ret, struct err *err)
{
	OWNED(dsse_free) struct dsse *made = calloc(1, sizeof(*made));

	if (!made) {
		err_set(err, ERR_NOMEM, "DSSE envelope: out of memory");
		return false;
	}
	if (!read_envelope(root, made, err))
		return false;
	*ret = TAKE(made);
	return true;
}

bool dsse_parse(struct bytes json, struct dsse **ret, struct err *err)
{
	OWNED(json_release) json_t *root = NULL;

	if (!json_open(json, JSON_INPUT_MAX, &root, err))
		return err_wrap(err, "DSSE envelope");
	return dsse_from_json(root, ret, err);
}

struct dsse *dsse_ref(struct dsse *dsse)
{
	if (dsse)
		atomic_fetch_add_explicit(&dsse->others, 1, memory_order_relaxed);
	return dsse;
}

void dsse_free(struct dsse **dsse)
{
	struct dsse *gone = TAKE(*dsse);

	if (!gone || atomic_fetch_sub_explicit(&gone->others, 1, memory_order_acq_rel) != 0)
		return;
	/* Not up to count: a signature that broke off while it was read counts no more, but holds
	 * memory. */
	for (size_t i = 0; i < DSSE_SIGNATURES_MAX; i++)
		buf_release(&gone->signatures[i].signature);
	buf_release(&gone->payload);
	free(gone);
}

bool dsse_pae(const struct dsse *dsse, struct buf *out, struct err *err)
{
	return put_pae(dsse->payload_type, buf_bytes(&dsse->payload), out, err);
}

/* 1 verified, 0 not, -1 a primitive failed. */
static int verify_as(const struct key *key, enum signature_scheme scheme, struct bytes message,
	struct bytes signature, struct err *err)
{
	struct err why = {0};

	if (key_verify_remembered(key, scheme, key_default_digest(key), message, signature, &why))
		return 1;
	if (why.code == ERR_MISMATCH || why.code == ERR_FORMAT)
		return 0;
	*err = why;
	return -1;
}

static int verify_one(
	const struct key *key, struct bytes message, struct bytes signature, struct err *err)
{
	int verified = verify_as(key, key_default_scheme(key), message, signature, err);

	/* DSSE leaves the encoding of ECDSA open; raw and DER never verify as each other. */
	if (verified == 0 && key_default_scheme(key) == SIGN_ECDSA)
		verified = verify_as(key, SIGN_ECDSA_RAW, message, signature, err);
	return verified;
}

bool dsse_verify(const struct dsse *dsse, struct key *const *keys, size_t n, uint64_t *ret_mask,
	struct err *err)
{
	OWNED(buf_release) struct buf message = {0};
	uint64_t mask = 0;
	struct err why = {0};

	if (n > KEYS_MAX)
		return err_set(err, ERR_USAGE, "DSSE envelope: %zu keys, at most %d", n, KEYS_MAX);
	if (!dsse_pae(dsse, &message, err))
		return false;
	for (size_t i = 0; i < n; i++) {
		int verified = 0;

		for (size_t j = 0; j < dsse->count && verified == 0; j++)
			verified = verify_one(keys[i], buf_bytes(&message),
				buf_bytes(&dsse->signatures[j].signature), &why);
		if (verified < 0)
			return err_set(err, why.code, "DSSE envelope: %s", why.text);
		mask |= (uint64_t)verified << i;
	}
	*ret_mask = mask;
	return true;
}

/* {"keyid", "sig"} over type and payload, by the key's default scheme. */
static json_t *make_signature(
	const char *type, struct bytes payload, struct key *key, struct err *err)
{
	OWNED(buf_release) struct buf message = {0};
	OWNED(buf_release) struct buf signature = {0};
	OWNED(buf_release) struct buf sig = {0};
	char keyid[2 * SHA256_LEN + 1];
	json_t *made;

	if (!put_pae(type, payload, &message, err) ||
		!key_sign(key, key_default_scheme(key), key_default_digest(key),
			buf_bytes(&message), &signature, err))
		return NULL;
	buf_put_base64(&sig, buf_bytes(&signature), false);
	if (!buf_ok(&sig, err))
		return NULL;
	hex_encode(bytes_of(key_id(key), SHA256_LEN), keyid);
	made = json_pack("{s:s, s:s}", "keyid", keyid, "sig", buf_str(&sig));
	if (!made)
		err_set(err, ERR_NOMEM, "DSSE envelope: out of memory");
	return made;
}

static bool check_sizes(const char *type, struct bytes payload, struct err *err)
{
	if (!utf8_valid(bytes_str(type)) ||
		strlen(type) >= sizeof(((struct dsse *)0)->payload_type))
		return err_set(
			err, ERR_USAGE, "DSSE envelope: payload type \"%s\"", ESC(bytes_str(type)));
	if (payload.len > DSSE_PAYLOAD_MAX)
		return err_set(err, ERR_LIMIT, "DSSE envelope: a payload of %zu bytes, at most %u",
			payload.len, DSSE_PAYLOAD_MAX);
	return true;
}

bool dsse_sign(const char *payload_type, struct bytes payload, struct key *key, struct buf *out,
	struct err *err)
{
	OWNED(buf_release) struct buf encoded = {0};
	OWNED(json_release) json_t *root = NULL;
	json_t *signature;

	if (!check_sizes(payload_type, payload, err))
		return false;
	signature = make_signature(payload_type, payload, key, err);
	if (!signature)
		return err_wrap(err, "DSSE envelope");
	buf_put_base64(&encoded, payload, false);
	root = json_pack("{s:s, s:s, s:[o]}", "payload", encoded.len ? buf_str(&encoded) : "",
		"payloadType", payload_type, "signatures", signature);
	if (!root || encoded.failed)
		return err_set(err, ERR_NOMEM, "DSSE envelope: out of memory");
	return json_write(root, false, out, err);
}

bool dsse_add_signature(struct bytes envelope, struct key *key, struct buf *out, struct err *err)
{
	OWNED(json_release) json_t *root = NULL;
	OWNED(dsse_free) struct dsse *dsse = NULL;
	json_t *signature;

	if (!json_open(envelope, JSON_INPUT_MAX, &root, err))
		return err_wrap(err, "DSSE envelope");
	if (!dsse_from_json(root, &dsse, err))
		return false;
	if (dsse->count == DSSE_SIGNATURES_MAX)
		return err_set(err, ERR_LIMIT, "DSSE envelope: has %d signatures already",
			DSSE_SIGNATURES_MAX);
	signature = make_signature(dsse->payload_type, buf_bytes(&dsse->payload), key, err);
	if (!signature)
		return err_wrap(err, "DSSE envelope");
	if (json_array_append_new(json_object_get(root, "signatures"), signature) != 0)
		return err_set(err, ERR_NOMEM, "DSSE envelope: out of memory");
	return json_write(root, false, out, err);
}
