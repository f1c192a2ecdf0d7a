/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/note.h"

#include "base/text.h"

enum {
	TYPE_ED25519 = 0x01,
	TYPE_ECDSA = 0x02,
	TYPE_COSIGNATURE = 0x04,
	ID_LEN = 4,
	TIME_LEN = 8,
	BLOB_MAX = 4096
};

static const struct bytes dash = {(const uint8_t *)"\xe2\x80\x94 ", 4};

/* Names stand in lines between spaces and in vkeys between plus signs. */
static bool name_ok(struct bytes name)
{
	if (name.len == 0 || name.len > NOTE_NAME_MAX || !utf8_valid(name))
		return false;
	for (size_t i = 0; i < name.len; i++)
		if (name.data[i] <= ' ' || name.data[i] == '+' || name.data[i] >= 0x7f)
			return false;
	return true;
}

static bool is_ecdsa(enum key_type type)
{
	return type == KEY_EC_P256 || type == KEY_EC_P384 || type == KEY_EC_P521;
}

/* type || key as in a vkey. */
static bool put_material(const struct key *key, bool cosigner, struct buf *out, struct err *err)
{
	if (key_type_of(key) == KEY_ED25519) {
		buf_put_u8(out, cosigner ? TYPE_COSIGNATURE : TYPE_ED25519);
		buf_put(out, key_public_bits(key));
	} else if (is_ecdsa(key_type_of(key)) && !cosigner) {
		buf_put_u8(out, TYPE_ECDSA);
		buf_put(out, key_spki(key));
	} else {
		return err_set(err, ERR_USAGE, "note key: an %s key signs no notes",
			key_type_name(key_type_of(key)));
	}
	return buf_ok(out, err);
}

static bool key_of(
	const char *name, struct key *key, bool cosigner, struct note_key *ret, struct err *err)
{
	OWNED(buf_release) struct buf hashed = {0};
	uint8_t digest[SHA256_LEN];

	if (!name_ok(bytes_str(name)))
		return err_set(err, ERR_USAGE, "note key: \"%s\" is no name", ESC(bytes_str(name)));
	if (key_type_of(key) == KEY_ED25519) {
		buf_put_str(&hashed, name);
		buf_put_u8(&hashed, '\n');
		if (!put_material(key, cosigner, &hashed, err))
			return false;
	} else if (is_ecdsa(key_type_of(key)) && !cosigner) {
		buf_put(&hashed, key_spki(key));
	} else {
		return put_material(key, cosigner, &hashed, err);
	}
	if (!buf_ok(&hashed, err) || !sha256_of(buf_bytes(&hashed), digest, err))
		return false;
	*ret = (struct note_key){.key = key_ref(key), .cosigner = cosigner};
	memcpy(ret->name, name, strlen(name));
	memcpy(ret->id, digest, ID_LEN);
	return true;
}

bool note_key_of(const char *name, struct key *key, struct note_key *ret, struct err *err)
{
	return key_of(name, key, false, ret, err);
}

bool note_cosigner_of(const char *name, struct key *key, struct note_key *ret, struct err *err)
{
	return key_of(name, key, true, ret, err);
}

void note_key_release(struct note_key *key)
{
	key_unref(&key->key);
	memset(key, 0, sizeof(*key));
}

bool note_key_write(const struct note_key *key, struct buf *out, struct err *err)
{
	OWNED(buf_release) struct buf material = {0};

	if (!put_material(key->key, key->cosigner, &material, err))
		return false;
	buf_printf(out, "%s+", key->name);
	buf_put_hex(out, BYTES_OF(key->id));
	buf_put_u8(out, '+');
	buf_put_base64(out, buf_bytes(&material), false);
	return buf_ok(out, err);
}

static bool key_of_material(struct bytes material, struct key **ret, struct err *err)
{
	/* AlgorithmIdentifier and BIT STRING head of an Ed25519 key, RFC 8410. */
	static const uint8_t head[] = {
		0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00};
	OWNED(buf_release) struct buf spki = {0};
	uint8_t type = material.len ? material.data[0] : 0;
	struct bytes rest = bytes_of(material.data + 1, material.len ? material.len - 1 : 0);

	if (type == TYPE_ED25519 || type == TYPE_COSIGNATURE)
		buf_put(&spki, BYTES_OF(head));
	else if (type != TYPE_ECDSA)
		return err_set(err, ERR_UNSUPPORTED, "note key: type %u, not 1, 2 or 4", type);
	buf_put(&spki, rest);
	return buf_ok(&spki, err) && key_from_spki(buf_bytes(&spki), ret, err);
}

bool note_key_parse(struct bytes vkey, struct note_key *ret, struct err *err)
{
	OWNED(buf_release) struct buf material = {0};
	OWNED(key_unref) struct key *key = NULL;
	OWNED(note_key_release) struct note_key made = {0};
	char name[NOTE_NAME_MAX + 1] = "";
	const uint8_t *plus = vkey.len ? memchr(vkey.data, '+', vkey.len) : NULL;
	size_t len = plus ? (size_t)(plus - vkey.data) : 0;
	uint8_t id[ID_LEN];

	if (vkey.len > NOTE_VKEY_MAX)
		return err_set(err, ERR_LIMIT, "note key: longer than %d", NOTE_VKEY_MAX);
	if (!plus || len > NOTE_NAME_MAX || vkey.len - len < 2 + 2 * ID_LEN + 1 ||
		plus[1 + 2 * ID_LEN] != '+' ||
		!hex_decode_exact(bytes_of(plus + 1, 2 * ID_LEN), id, ID_LEN, NULL))
		return err_set(err, ERR_FORMAT, "note key: not name+id+key");
	/* Before a NUL in it could end it early: an ECDSA key's id does not cover the name. */
	if (!name_ok(bytes_of(vkey.data, len)))
		return err_set(err, ERR_FORMAT, "note key: \"%s\" is no name",
			ESC(bytes_of(vkey.data, len)));
	memcpy(name, vkey.data, len);
	len += 2 + 2 * ID_LEN;
	if (!base64_decode(bytes_of(vkey.data + len, vkey.len - len), false, NOTE_VKEY_MAX,
		    &material, err) ||
		!key_of_material(buf_bytes(&material), &key, err))
		return err_wrap(err, "note key");
	if (!key_of(name, key, material.data[0] == TYPE_COSIGNATURE, &made, err))
		return false;
	if (memcmp(made.id, id, ID_LEN) != 0)
		return err_set(err, ERR_MISMATCH, "note key: the id is not this key's");
	*ret = TAKE_STRUCT(made);
	return true;
}

/* Text and signature lines, parted by the last empty line. */
static bool split(struct bytes note, struct bytes *text, struct bytes *lines, struct err *err)
{
	if (note.len > NOTE_MAX)
		return err_set(err, ERR_LIMIT, "note: %zu bytes, at most %d", note.len, NOTE_MAX);
	if (!utf8_valid(note))
		return err_set(err, ERR_FORMAT, "note: not UTF-8");
	for (size_t i = 0; i < note.len; i++)
		if (note.data[i] < ' ' && note.data[i] != '\n')
			return err_set(err, ERR_FORMAT, "note: control character at offset %zu", i);
	for (size_t i = note.len; i >= 3; i--)
		if (note.data[i - 1] == '\n' && note.data[i - 2] == '\n' && i < note.len) {
			*text = bytes_of(note.data, i - 1);
			*lines = bytes_of(note.data + i, note.len - i);
			return true;
		}
	return err_set(err, ERR_FORMAT, "note: no signatures behind an empty line");
}

bool note_text(struct bytes note, struct bytes *ret_text, struct err *err)
{
	struct bytes text, lines;

	if (!split(note, &text, &lines, err))
		return false;
	*ret_text = text;
	return true;
}

/* "— name base64(id || signature)". */
static bool read_signature(struct bytes line, struct bytes *name, struct buf *blob, struct err *err)
{
	const uint8_t *space;

	if (line.len < dash.len || memcmp(line.data, dash.data, dash.len) != 0)
		return err_set(
			err, ERR_FORMAT, "note: a signature line does not begin with a dash");
	line = bytes_of(line.data + dash.len, line.len - dash.len);
	space = line.len ? memchr(line.data, ' ', line.len) : NULL;
	*name = bytes_of(line.data, space ? (size_t)(space - line.data) : 0);
	if (!space || !name_ok(*name))
		return err_set(err, ERR_FORMAT, "note: a signature line has no name");
	if (!base64_decode(
		    bytes_of(space + 1, line.len - name->len - 1), false, BLOB_MAX, blob, err))
		return err_wrap(err, "note: signature");
	if (blob->len <= ID_LEN)
		return err_set(err, ERR_FORMAT, "note: signature: too short");
	return true;
}

/* ECDSA in notes is over SHA-256, whatever the curve. */
static enum digest_alg digest_of_key(const struct key *key)
{
	return key_type_of(key) == KEY_ED25519 ? DIGEST_NONE : DIGEST_SHA256;
}

/* What a cosigner signs: the text, and when. */
static bool put_cosigned(struct bytes text, uint64_t time, struct buf *out, struct err *err)
{
	buf_printf(out, "cosignature/v1\ntime %llu\n", (unsigned long long)time);
	buf_put(out, text);
	return buf_ok(out, err);
}

static uint64_t be64(const uint8_t *at)
{
	uint64_t value = 0;

	for (size_t i = 0; i < TIME_LEN; i++)
		value = value << 8 | at[i];
	return value;
}

static bool check_signature(struct bytes blob, struct bytes text, const struct note_key *key,
	int64_t *ret_time, struct err *err)
{
	OWNED(buf_release) struct buf signed_text = {0};
	struct bytes signature = bytes_of(blob.data + ID_LEN, blob.len - ID_LEN);
	uint64_t time;

	if (key->cosigner) {
		if (signature.len < TIME_LEN || (time = be64(signature.data)) > INT64_MAX)
			return err_set(err, ERR_MISMATCH, "no cosignature");
		if (!put_cosigned(text, time, &signed_text, err))
			return false;
		*ret_time = (int64_t)time;
		text = buf_bytes(&signed_text);
		signature = bytes_of(signature.data + TIME_LEN, signature.len - TIME_LEN);
	}
	return key_verify(key->key, key_default_scheme(key->key), digest_of_key(key->key), text,
		signature, err);
}

static bool check_line(struct bytes line, struct bytes text, const struct note_key *key,
	bool *verified, int64_t *ret_time, struct err *err)
{
	OWNED(buf_release) struct buf blob = {0};
	struct bytes name;

	if (!read_signature(line, &name, &blob, err))
		return false;
	if (!bytes_equal_str(name, key->name) || memcmp(blob.data, key->id, ID_LEN) != 0)
		return true;
	if (!check_signature(buf_bytes(&blob), text, key, ret_time, err))
		return err_wrap(err, "note: signature by %s", key->name);
	*verified = true;
	return true;
}

/* Whether a signature line is under the key's name and id. */
static bool line_names(
	struct bytes line, const struct note_key *key, bool *ret_named, struct err *err)
{
	OWNED(buf_release) struct buf blob = {0};
	struct bytes name;

	if (!read_signature(line, &name, &blob, err))
		return false;
	*ret_named = bytes_equal_str(name, key->name) && memcmp(blob.data, key->id, ID_LEN) == 0;
	return true;
}

bool note_names(struct bytes note, const struct note_key *key, bool *ret_named, struct err *err)
{
	struct bytes text, lines, line;
	bool any = false, named;

	if (!split(note, &text, &lines, err))
		return false;
	while (text_next_line(&lines, &line)) {
		if (!line_names(line, key, &named, err))
			return false;
		any = any || named;
	}
	*ret_named = any;
	return true;
}

bool note_reduce(struct bytes note, const struct note_key *const *keys, size_t count,
	struct buf *out, struct err *err)
{
	struct bytes text, lines, line;
	bool taken[NOTE_SIGNATURES_MAX] = {false};

	if (count > NOTE_SIGNATURES_MAX)
		return err_set(err, ERR_USAGE, "note: more than %d keys", NOTE_SIGNATURES_MAX);
	if (!split(note, &text, &lines, err))
		return false;
	buf_put(out, text);
	buf_put_u8(out, '\n');
	while (text_next_line(&lines, &line))
		for (size_t i = 0; i < count; i++) {
			bool named = false;

			if (!line_names(line, keys[i], &named, err))
				return false;
			if (!named || taken[i])
				continue;
			taken[i] = true;
			buf_put(out, line);
			buf_put_u8(out, '\n');
		}
	return buf_ok(out, err);
}

static bool open_note(struct bytes note, const struct note_key *key, struct bytes *ret_text,
	int64_t *ret_time, struct err *err)
{
	struct bytes text, lines, line;
	bool verified = false;
	size_t n = 0;

	if (!split(note, &text, &lines, err))
		return false;
	while (text_next_line(&lines, &line)) {
		if (++n > NOTE_SIGNATURES_MAX)
			return err_set(err, ERR_LIMIT, "note: more than %d signatures",
				NOTE_SIGNATURES_MAX);
		if (!check_line(line, text, key, &verified, ret_time, err))
			return false;
	}
	if (lines.len)
		return err_set(err, ERR_FORMAT, "note: the last line has no end");
	if (!verified)
		return err_set(err, ERR_MISMATCH, "note: no signature by %s", key->name);
	*ret_text = text;
	return true;
}

bool note_open(
	struct bytes note, const struct note_key *key, struct bytes *ret_text, struct err *err)
{
	int64_t time;

	if (key->cosigner)
		return err_set(err, ERR_USAGE, "note: %s is a cosigner", key->name);
	return open_note(note, key, ret_text, &time, err);
}

bool note_cosigned(struct bytes note, const struct note_key *key, struct bytes *ret_text,
	int64_t *ret_time, struct err *err)
{
	if (!key->cosigner)
		return err_set(err, ERR_USAGE, "note: %s is no cosigner", key->name);
	return open_note(note, key, ret_text, ret_time, err);
}

static bool put_line(
	const struct note_key *key, struct bytes blob, struct buf *out, struct err *err)
{
	buf_put(out, dash);
	buf_printf(out, "%s ", key->name);
	buf_put_base64(out, blob, false);
	buf_put_u8(out, '\n');
	return buf_ok(out, err);
}

bool note_cosign(struct bytes text, const struct note_key *key, int64_t time, struct buf *out,
	struct err *err)
{
	OWNED(buf_release) struct buf signed_text = {0};
	OWNED(buf_release) struct buf signature = {0};
	OWNED(buf_release) struct buf blob = {0};

	if (!key->cosigner || time < 0)
		return err_set(err, ERR_USAGE, "note: %s cannot cosign", key->name);
	if (!put_cosigned(text, (uint64_t)time, &signed_text, err) ||
		!key_sign(key->key, key_default_scheme(key->key), DIGEST_NONE,
			buf_bytes(&signed_text), &signature, err))
		return err_wrap(err, "note");
	buf_put(&blob, BYTES_OF(key->id));
	buf_put_be64(&blob, (uint64_t)time);
	buf_put(&blob, buf_bytes(&signature));
	return buf_ok(&blob, err) && put_line(key, buf_bytes(&blob), out, err);
}

bool note_sign(struct bytes text, const struct note_key *key, struct buf *out, struct err *err)
{
	OWNED(buf_release) struct buf signature = {0};
	OWNED(buf_release) struct buf blob = {0};

	if (key->cosigner)
		return err_set(err, ERR_USAGE, "note: %s is a cosigner", key->name);
	if (text.len == 0 || text.data[text.len - 1] != '\n')
		return err_set(err, ERR_USAGE, "note: the text does not end its line");
	if (!key_sign(key->key, key_default_scheme(key->key), digest_of_key(key->key), text,
		    &signature, err))
		return err_wrap(err, "note");
	buf_put(&blob, BYTES_OF(key->id));
	buf_put(&blob, buf_bytes(&signature));
	if (!buf_ok(&blob, err))
		return false;
	buf_put(out, text);
	buf_put_u8(out, '\n');
	return put_line(key, buf_bytes(&blob), out, err);
}

bool checkpoint_parse(struct bytes text, struct checkpoint *ret, struct err *err)
{
	OWNED(buf_release) struct buf root = {0};
	struct checkpoint made = {0};
	struct bytes size, hash;
	struct err why = {0};

	if (!text_next_line(&text, &made.origin) || made.origin.len == 0)
		return err_set(err, ERR_FORMAT, "checkpoint: origin: missing");
	if (!text_next_line(&text, &size) || !text_decimal(size, &made.size))
		return err_set(err, ERR_FORMAT, "checkpoint: size: not a number");
	if (!text_next_line(&text, &hash) || !base64_decode(hash, false, SHA256_LEN, &root, &why) ||
		root.len != SHA256_LEN) {
		if (why.code == ERR_NOMEM)
			return err_set(err, why.code, "checkpoint: %s", why.text);
		return err_set(err, ERR_FORMAT, "checkpoint: root: not a SHA-256 in base64");
	}
	memcpy(made.root, root.data, SHA256_LEN);
	*ret = made;
	return true;
}

bool checkpoint_write(const struct checkpoint *checkpoint, struct buf *out, struct err *err)
{
	if (!name_ok(checkpoint->origin))
		return err_set(err, ERR_USAGE, "checkpoint: origin: \"%s\" is no name",
			ESC(checkpoint->origin));
	buf_put(out, checkpoint->origin);
	buf_printf(out, "\n%llu\n", (unsigned long long)checkpoint->size);
	buf_put_base64(out, BYTES_OF(checkpoint->root), false);
	buf_put_u8(out, '\n');
	return buf_ok(out, err);
}
