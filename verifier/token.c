/* SPDX-License-Identifier: Apache-2.0 */
#include "verifier/token.h"

#include "base/cbor.h"
#include "base/text.h"

#define MAC_LEN    SHA256_LEN
#define RANDOM_LEN 16
#define FIELDS     11

enum field {
	FIELD_HOST,
	FIELD_INSTANCE,
	FIELD_PURPOSE,
	FIELD_COUNTER,
	FIELD_ISSUED,
	FIELD_EXPIRES,
	FIELD_TREE_SIZE,
	FIELD_TREE_ROOT,
	FIELD_RANDOM,
	FIELD_PROCESS,
	FIELD_DEADLINE,
};

bool token_key_parse(
	struct bytes text, struct random *random, struct token_key *ret, struct err *err)
{
	while (text.len > 0 && (text.data[text.len - 1] == '\n' || text.data[text.len - 1] == '\r'))
		text.len--;
	if (!hex_decode_exact(text, ret->key, sizeof(ret->key), NULL))
		return err_set(
			err, ERR_CONFIG, "expected %d bytes as lower-case hex", TOKEN_KEY_LEN);
	return random_fill(random, ret->process, sizeof(ret->process), err);
}

void token_key_wipe(struct token_key *key)
{
	secret_wipe(key, sizeof(*key));
}

static bool mac_of(
	const struct token_key *key, struct bytes body, uint8_t out[MAC_LEN], struct err *err)
{
	static const char label[] = "assay challenge 1";
	OWNED(buf_release) struct buf labelled = {0};
	struct digest mac;
	buf_put(&labelled, bytes_of(label, sizeof(label)));
	buf_put(&labelled, body);
	if (!buf_ok(&labelled, err) ||
		!hmac_of(DIGEST_SHA256, BYTES_OF(key->key), buf_bytes(&labelled), &mac, err))
		return false;
	memcpy(out, mac.bytes, MAC_LEN);
	return true;
}

bool challenge_issue(const struct token_key *key, struct random *random, const struct clock *clock,
	int64_t lifetime, struct context_challenge *what, struct buf *out, struct err *err)
{
	uint8_t fresh[RANDOM_LEN], mac[MAC_LEN];
	OWNED(buf_release) struct buf token = {0};
	if (lifetime < 1)
		return err_set(err, ERR_INTERNAL, "challenge without a lifetime");
	if (!random_fill(random, fresh, sizeof(fresh), err))
		return err_wrap(err, "challenge");
	what->issued = clock_wall(clock);
	what->expires = what->issued + lifetime;
	struct cbor_writer w = cbor_writer_of(&token);
	cbor_put_map(&w, FIELDS);
	cbor_pair_bytes(&w, FIELD_HOST, BYTES_OF(what->host_id));
	cbor_pair_bytes(&w, FIELD_INSTANCE, BYTES_OF(what->instance));
	cbor_pair_uint(&w, FIELD_PURPOSE, what->purpose);
	cbor_pair_uint(&w, FIELD_COUNTER, what->counter);
	cbor_pair_uint(&w, FIELD_ISSUED, (uint64_t)what->issued);
	cbor_pair_uint(&w, FIELD_EXPIRES, (uint64_t)what->expires);
	cbor_pair_uint(&w, FIELD_TREE_SIZE, what->tree_size);
	cbor_pair_bytes(&w, FIELD_TREE_ROOT, BYTES_OF(what->tree_root));
	cbor_pair_bytes(&w, FIELD_RANDOM, BYTES_OF(fresh));
	cbor_pair_bytes(&w, FIELD_PROCESS, BYTES_OF(key->process));
	cbor_pair_uint(&w, FIELD_DEADLINE, clock_monotonic_ms(clock) + (uint64_t)lifetime * 1000u);
	if (!cbor_writer_finish(&w, err) || !mac_of(key, buf_bytes(&token), mac, err))
		return err_wrap(err, "challenge");
	buf_put(&token, BYTES_OF(mac));
	if (!buf_ok(&token, err) || !sha256_of(buf_bytes(&token), what->nonce, err))
		return err_wrap(err, "challenge");
	buf_put(out, buf_bytes(&token));
	return buf_ok(out, err);
}

/* The body is ours, since its MAC held; a fault in it is a fault of ours. */
static bool body_read(struct bytes body, struct context_challenge *ret,
	uint8_t process[TOKEN_PROCESS_LEN], uint64_t *ret_deadline, struct err *err)
{
	struct cbor_doc doc;
	struct cbor_item map;
	uint8_t fresh[RANDOM_LEN];
	if (!cbor_open(body, true, "challenge", &doc, &map, err))
		return false;
	(void)cbor_map(map, FIELDS, "challenge");
	cbor_copy(cbor_key(map, FIELD_HOST, "host"), ret->host_id, HOST_ID_LEN, "host");
	cbor_copy(cbor_key(map, FIELD_INSTANCE, "instance"), ret->instance, INSTANCE_ID_LEN,
		"instance");
	ret->purpose = (enum purpose)cbor_uint(
		cbor_key(map, FIELD_PURPOSE, "purpose"), PURPOSE_RENEW, "purpose");
	ret->counter = cbor_uint(cbor_key(map, FIELD_COUNTER, "counter"), INT64_MAX, "counter");
	ret->issued =
		(int64_t)cbor_uint(cbor_key(map, FIELD_ISSUED, "issued"), INT64_MAX, "issued");
	ret->expires =
		(int64_t)cbor_uint(cbor_key(map, FIELD_EXPIRES, "expires"), INT64_MAX, "expires");
	ret->tree_size =
		cbor_uint(cbor_key(map, FIELD_TREE_SIZE, "tree size"), UINT64_MAX, "tree size");
	cbor_copy(cbor_key(map, FIELD_TREE_ROOT, "tree root"), ret->tree_root, SHA256_LEN,
		"tree root");
	cbor_copy(cbor_key(map, FIELD_RANDOM, "random"), fresh, sizeof(fresh), "random");
	cbor_copy(cbor_key(map, FIELD_PROCESS, "process"), process, TOKEN_PROCESS_LEN, "process");
	*ret_deadline =
		cbor_uint(cbor_key(map, FIELD_DEADLINE, "deadline"), UINT64_MAX, "deadline");
	return cbor_close(&doc, err);
}

bool challenge_open(const struct token_key *key, const struct clock *clock, struct bytes token,
	struct context_challenge *ret, enum challenge_fault *ret_fault, struct err *err)
{
	uint8_t mac[MAC_LEN], process[TOKEN_PROCESS_LEN];
	uint64_t deadline = 0;
	*ret_fault = CHALLENGE_FORGED;
	memset(ret, 0, sizeof(*ret));
	if (token.len <= MAC_LEN || token.len > CHALLENGE_MAX)
		return true;
	struct bytes body = bytes_of(token.data, token.len - MAC_LEN);
	if (!mac_of(key, body, mac, err))
		return false;
	if (!secret_equal(BYTES_OF(mac), bytes_of(token.data + body.len, MAC_LEN)))
		return true;
	if (!body_read(body, ret, process, &deadline, err) || !sha256_of(token, ret->nonce, err))
		return false;
	bool ours = secret_equal(BYTES_OF(process), BYTES_OF(key->process));
	*ret_fault =
		ours && clock_monotonic_ms(clock) >= deadline ? CHALLENGE_LATE : CHALLENGE_GOOD;
	return true;
}
