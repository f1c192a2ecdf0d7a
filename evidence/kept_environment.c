/* SPDX-License-Identifier: Apache-2.0 */
#include "evidence/kept_environment.h"

#include "base/reader.h"
#include "base/text.h"
#include "evidence/message.h"

#define VALUE_MAX 8192u

enum { KEY_SALT = 1, KEY_VALUES = 2 };
static const int64_t KEYS[] = {KEY_SALT, KEY_VALUES};
static const char label[] = "assay environment"; /* with its NUL */

/* ---- what is sealed ---- */

static bool body_decode(struct bytes in, struct kept_environment *ret, struct err *err)
{
	struct kept_environment k = {0};
	struct cbor_doc doc;
	struct cbor_item root, values;

	if (!cbor_open(in, true, "kept environment", &doc, &root, err))
		return false;
	cbor_only_keys(root, KEYS, ARRAY_LEN(KEYS), "kept environment");
	cbor_copy(cbor_key(root, KEY_SALT, "salt"), k.salt, sizeof(k.salt), "salt");
	values = cbor_key(root, KEY_VALUES, "values");
	k.count = cbor_array(values, RUNTIME_ARGUMENTS_MAX, "values");
	for (size_t i = 0; i < k.count; i++)
		k.values[i] = cbor_bytes(cbor_at(values, i, "value"), 0, VALUE_MAX, "value");
	if (!cbor_close(&doc, err))
		return false;
	*ret = k;
	return true;
}

static bool body_acceptable(struct bytes encoded, struct err *err)
{
	struct kept_environment kept;

	return body_decode(encoded, &kept, err);
}

bool kept_environment_encode(const struct kept_environment *k, struct buf *out, struct err *err)
{
	OWNED(buf_release) struct buf body = {0};
	struct message m = message_begin(&body);

	if (!message_count_ok(k->count, RUNTIME_ARGUMENTS_MAX, "kept environment: values", err))
		return false;
	cbor_put_map(&m.w, ARRAY_LEN(KEYS));
	cbor_pair_bytes(&m.w, KEY_SALT, BYTES_OF(k->salt));
	cbor_put_int(&m.w, KEY_VALUES);
	message_put_bytes_array(&m.w, k->values, k->count);
	if (!message_finish(&m, body_acceptable, err))
		return false;
	size_t len = body.len + 4, filled = (len + KEPT_ENVIRONMENT_STEP - 1) /
					    KEPT_ENVIRONMENT_STEP * KEPT_ENVIRONMENT_STEP;
	if (filled > KEPT_ENVIRONMENT_MAX)
		return err_set(err, ERR_LIMIT,
			"kept environment: its values take %zu bytes, at most %u can be kept", len,
			KEPT_ENVIRONMENT_MAX);
	buf_put_be32(out, (uint32_t)body.len);
	buf_put(out, buf_bytes(&body));
	uint8_t *rest = buf_extend(out, filled - len);
	if (rest)
		memset(rest, 0, filled - len);
	return buf_ok(out, err);
}

bool kept_environment_decode(struct bytes in, struct kept_environment *ret, struct err *err)
{
	struct reader r = rd_of(in);
	struct bytes body, rest;

	if (in.len == 0 || in.len > KEPT_ENVIRONMENT_MAX || in.len % KEPT_ENVIRONMENT_STEP != 0)
		return err_set(err, ERR_LIMIT,
			"kept environment: %zu bytes: expected a multiple of %u, at most %u",
			in.len, KEPT_ENVIRONMENT_STEP, KEPT_ENVIRONMENT_MAX);
	body = rd_bytes(&r, rd_be32(&r, "length"), "body");
	rest = rd_bytes(&r, rd_left(&r), "filling");
	if (rest.len >= KEPT_ENVIRONMENT_STEP)
		rd_fail(&r, "filling", "more than is needed");
	for (size_t i = 0; i < rest.len; i++)
		if (rest.data[i] != 0)
			rd_fail(&r, "filling", "not zeros");
	if (!rd_finish(&r, err))
		return err_wrap(err, "kept environment");
	return body_decode(body, ret, err);
}

/* ---- sealed ---- */

/* What key and values belong to. */
static bool bind(const uint8_t instance[INSTANCE_ID_LEN], struct buf *out, struct err *err)
{
	buf_put(out, bytes_of(label, sizeof(label)));
	buf_put(out, bytes_of(instance, INSTANCE_ID_LEN));
	return buf_ok(out, err);
}

bool kept_environment_seal(const struct kept_environment *kept, const struct key *recipient,
	const uint8_t instance[INSTANCE_ID_LEN], struct random *random, struct buf *ret_wrapped,
	struct buf *ret_sealed, struct err *err)
{
	OWNED(buf_release) struct buf plain = {0};
	OWNED(buf_release) struct buf info = {0};
	uint8_t key[AES_KEY_LEN];
	bool ok = bind(instance, &info, err) && kept_environment_encode(kept, &plain, err) &&
		  random_fill(random, key, sizeof(key), err) &&
		  key_wrap(recipient, buf_bytes(&info), key, random, ret_wrapped, err) &&
		  aes_gcm_seal(BYTES_OF(key), buf_bytes(&info), buf_bytes(&plain), random,
			  ret_sealed, err);

	secret_wipe(key, sizeof(key));
	return ok || err_wrap(err, "kept environment");
}

static bool values_check(
	const struct runtime_launch *launch, const struct kept_environment *kept, struct err *err)
{
	uint8_t digest[SHA256_LEN];

	if (kept->count != launch->environment_count)
		return err_set(err, ERR_MISMATCH,
			"kept environment: %zu values for %zu names: not those of this launch",
			kept->count, launch->environment_count);
	for (size_t i = 0; i < kept->count; i++) {
		if (!runtime_salted(kept->salt, kept->values[i], digest, err))
			return false;
		if (memcmp(digest, launch->environment[i], SHA256_LEN) != 0)
			return err_set(err, ERR_MISMATCH,
				"kept environment: %s: another value than the launch record has a "
				"digest of",
				ESC(launch->environment_names[i]));
	}
	return true;
}

bool kept_environment_open(const struct runtime_launch *launch, struct key *recipient,
	struct buf *plain, struct kept_environment *ret, struct err *err)
{
	OWNED(buf_release) struct buf info = {0};
	uint8_t key[AES_KEY_LEN];

	if (!launch->kept)
		return err_set(err, ERR_NOT_FOUND, "this launch record keeps no values");
	if (memcmp(launch->kept_for, key_id(recipient), SHA256_LEN) != 0)
		return err_set(err, ERR_MISMATCH,
			"kept environment: it was sealed for another key than this one");
	if (!bind(launch->instance, &info, err))
		return false;
	bool ok = key_unwrap(recipient, buf_bytes(&info), launch->kept_key, key, err) &&
		  aes_gcm_open(BYTES_OF(key), buf_bytes(&info), launch->kept_values, plain, err);
	secret_wipe(key, sizeof(key));
	return (ok && kept_environment_decode(buf_bytes(plain), ret, err) &&
		       values_check(launch, ret, err)) ||
	       err_wrap(err, "kept environment");
}
