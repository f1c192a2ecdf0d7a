/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/jws.h"

#include "base/json.h"
#include "base/text.h"

enum { HEADER_MAX = 4096, SIGNATURE_LEN = 64, TYP_MAX = 128, KEYS_MAX = 256 };

static bool check_key(const struct key *key, struct err *err)
{
	if (key_type_of(key) == KEY_EC_P256)
		return true;
	return err_set(err, ERR_FORMAT, "JWS: an %s key, expected ECDSA P-256",
		key_type_name(key_type_of(key)));
}

/* x and y in base64url. */
struct jwk {
	struct buf x, y;
};

static void jwk_release(struct jwk *jwk)
{
	buf_release(&jwk->x);
	buf_release(&jwk->y);
}

static bool jwk_of(const struct key *key, struct jwk *jwk, struct err *err)
{
	OWNED(buf_release) struct buf x = {0};
	OWNED(buf_release) struct buf y = {0};

	if (!check_key(key, err) || !key_ec_point(key, &x, &y, err))
		return false;
	buf_put_base64(&jwk->x, buf_bytes(&x), true);
	buf_put_base64(&jwk->y, buf_bytes(&y), true);
	/* Ends both with a NUL, for the texts below. */
	if (!buf_str(&jwk->x) || !buf_str(&jwk->y))
		return buf_ok(&jwk->x, err) && buf_ok(&jwk->y, err);
	return true;
}

bool jwk_thumbprint(const struct key *key, struct buf *out, struct err *err)
{
	OWNED(jwk_release) struct jwk jwk = {0};
	OWNED(buf_release) struct buf members = {0};
	uint8_t digest[SHA256_LEN];

	if (!jwk_of(key, &jwk, err))
		return false;
	/* The required members in lexicographic order, without white space. */
	buf_printf(&members, "{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"%s\",\"y\":\"%s\"}",
		buf_str(&jwk.x), buf_str(&jwk.y));
	if (!buf_ok(&members, err) || !sha256_of(buf_bytes(&members), digest, err))
		return false;
	buf_put_base64(out, BYTES_OF(digest), true);
	return buf_ok(out, err);
}

static json_t *jwk_json(const struct key *key, struct err *err)
{
	OWNED(jwk_release) struct jwk jwk = {0};
	OWNED(buf_release) struct buf kid = {0};
	json_t *made;

	if (!jwk_of(key, &jwk, err) || !jwk_thumbprint(key, &kid, err))
		return NULL;
	made = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "kty", "EC", "crv", "P-256", "x",
		buf_str(&jwk.x), "y", buf_str(&jwk.y), "kid", buf_str(&kid), "use", "jwt-svid",
		"alg", "ES256");
	if (!made)
		err_set(err, ERR_NOMEM, "JWK: out of memory");
	return made;
}

bool jwk_set(struct key *const *keys, size_t n, struct buf *out, struct err *err)
{
	OWNED(json_release) json_t *list = json_array();
	OWNED(json_release) json_t *set = json_pack("{s:O}", "keys", list);

	if (!list || !set)
		return err_set(err, ERR_NOMEM, "JWK set: out of memory");
	if (n > KEYS_MAX)
		return err_set(err, ERR_LIMIT, "JWK set: %zu keys, at most %d", n, KEYS_MAX);
	for (size_t i = 0; i < n; i++) {
		json_t *jwk = jwk_json(keys[i], err);

		if (!jwk)
			return err_wrap(err, "key %zu", i);
		if (json_array_append_new(list, jwk) != 0)
			return err_set(err, ERR_NOMEM, "JWK set: out of memory");
	}
	return json_write(set, false, out, err);
}

static bool put_header(const struct key *key, const char *typ, struct buf *out, struct err *err)
{
	OWNED(buf_release) struct buf kid = {0};
	OWNED(buf_release) struct buf text = {0};
	OWNED(json_release) json_t *header = NULL;

	if (!jwk_thumbprint(key, &kid, err))
		return false;
	header = json_pack("{s:s, s:s}", "alg", "ES256", "kid", buf_str(&kid));
	if (!header || (typ && json_object_set_new(header, "typ", json_string(typ)) != 0))
		return err_set(err, ERR_NOMEM, "JWS: out of memory");
	if (!json_write(header, false, &text, err))
		return false;
	buf_put_base64(out, buf_bytes(&text), true);
	return buf_ok(out, err);
}

bool jws_sign(struct key *key, const char *typ, struct bytes claims_json, struct buf *out,
	struct err *err)
{
	OWNED(buf_release) struct buf token = {0};
	OWNED(buf_release) struct buf signature = {0};

	if (!check_key(key, err) || !put_header(key, typ, &token, err))
		return false;
	buf_put_u8(&token, '.');
	buf_put_base64(&token, claims_json, true);
	if (!buf_ok(&token, err) ||
		!key_sign(key, SIGN_ECDSA_RAW, DIGEST_SHA256, buf_bytes(&token), &signature, err))
		return err_wrap(err, "JWS");
	buf_put_u8(&token, '.');
	buf_put_base64(&token, buf_bytes(&signature), true);
	if (token.len > JWS_MAX)
		return err_set(err, ERR_LIMIT, "JWS: %zu bytes, at most %d", token.len, JWS_MAX);
	buf_put(out, buf_bytes(&token));
	return buf_ok(out, err);
}

struct jws_parts {
	struct bytes header, payload, signature, signed_bytes;
};

static bool split(struct bytes token, struct jws_parts *ret, struct err *err)
{
	const uint8_t *first = token.len ? memchr(token.data, '.', token.len) : NULL;
	size_t header = first ? (size_t)(first - token.data) : 0;
	const uint8_t *second = first ? memchr(first + 1, '.', token.len - header - 1) : NULL;
	size_t end = second ? (size_t)(second - token.data) : 0;

	/* A third dot is caught as a character that base64url does not have. */
	if (!second)
		return err_set(err, ERR_FORMAT, "JWS: expected three parts");
	ret->header = bytes_of(token.data, header);
	ret->payload = bytes_of(first + 1, end - header - 1);
	ret->signed_bytes = bytes_of(token.data, end);
	ret->signature = bytes_of(second + 1, token.len - end - 1);
	return true;
}

/* alg decides nothing: it must say what we do in any case. */
static bool check_header(struct bytes json, const char *typ, struct err *err)
{
	OWNED(json_release) json_t *root = NULL;
	struct json_fields f = json_fields_of("JWS header");
	const char *found_alg, *found_typ;

	if (!json_open(json, HEADER_MAX, &root, err))
		return err_wrap(err, "JWS header");
	found_alg = json_need_str(&f, root, "alg", TYP_MAX);
	found_typ = json_want_str(&f, root, "typ", TYP_MAX);
	if (json_object_get(root, "crit"))
		json_fields_fail(&f, "crit", "extensions are not understood");
	if (!json_fields_ok(&f, err))
		return false;
	if (strcmp(found_alg, "ES256") != 0)
		return err_set(err, ERR_UNSUPPORTED, "JWS header: alg: \"%s\", expected ES256",
			ESC(bytes_str(found_alg)));
	if (typ && (!found_typ || strcmp(found_typ, typ) != 0))
		return err_set(err, ERR_FORMAT, "JWS header: typ: \"%s\", expected %s",
			ESC(bytes_str(found_typ)), typ);
	return true;
}

bool jws_verify(struct bytes token, const struct key *key, const char *typ, struct buf *ret_claims,
	struct err *err)
{
	OWNED(buf_release) struct buf header = {0};
	OWNED(buf_release) struct buf claims = {0};
	OWNED(buf_release) struct buf signature = {0};
	struct jws_parts parts = {0};

	if (token.len > JWS_MAX)
		return err_set(err, ERR_LIMIT, "JWS: %zu bytes, at most %d", token.len, JWS_MAX);
	if (!check_key(key, err) || !split(token, &parts, err))
		return false;
	if (!base64_decode(parts.header, true, HEADER_MAX, &header, err))
		return err_wrap(err, "JWS header");
	if (!check_header(buf_bytes(&header), typ, err))
		return false;
	if (!base64_decode(parts.signature, true, SIGNATURE_LEN, &signature, err))
		return err_wrap(err, "JWS signature");
	if (!base64_decode(parts.payload, true, JWS_MAX, &claims, err))
		return err_wrap(err, "JWS claims");
	if (!key_verify(key, SIGN_ECDSA_RAW, DIGEST_SHA256, parts.signed_bytes,
		    buf_bytes(&signature), err))
		return err_wrap(err, "JWS");
	buf_put(ret_claims, buf_bytes(&claims));
	return buf_ok(ret_claims, err);
}
