/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger/fields.h"

#include <stdlib.h>

#include "base/text.h"

#define KEY_SALTS    "salts"
#define KEY_REDACTED "redacted"
#define TYPE_FIELDS  "assay/fields/1"
#define HEX_LEN      (2 * SHA256_LEN)

static bool is_reserved(const char *name)
{
	return strcmp(name, KEY_SALTS) == 0 || strcmp(name, KEY_REDACTED) == 0;
}

void fields_release(struct fields *fields)
{
	json_release(&fields->shown);
	buf_release(&fields->committed);
	memset(fields, 0, sizeof(*fields));
}

/* ---- one field ---- */

static bool field_digest(
	const char *salt, const char *name, json_t *value, char ret[HEX_LEN + 1], struct err *err)
{
	OWNED(json_release) json_t *field = json_pack("[s, s, O]", salt, name, value);
	OWNED(buf_release) struct buf text = {0};
	uint8_t digest[SHA256_LEN];

	if (!field)
		return err_set(err, ERR_NOMEM, "no memory");
	if (!json_write(field, false, &text, err) || !sha256_of(buf_bytes(&text), digest, err))
		return false;
	hex_encode(BYTES_OF(digest), ret);
	return true;
}

bool fields_seal(const json_t *content, struct bytes salts, struct buf *ret_kept, struct err *err)
{
	OWNED(json_release) json_t *kept = json_object();
	OWNED(json_release) json_t *list = json_object();
	size_t n = json_object_size(content), i = 0;
	const char *name;
	json_t *value;

	/* Not json_copy: without memory that leaves out a field and says nothing. */
	if (!kept || !list || json_object_update(kept, (json_t *)(uintptr_t)content) != 0)
		return err_set(err, ERR_NOMEM, "no memory");
	if (n > FIELDS_MAX)
		return err_set(err, ERR_LIMIT, "an entry has at most %u fields", FIELDS_MAX);
	if (salts.len != n * FIELD_SALT_LEN)
		return err_set(err, ERR_USAGE, "a salt of %u bytes for each field", FIELD_SALT_LEN);
	json_object_foreach((json_t *)(uintptr_t)content, name, value)
	{
		char hex[2 * FIELD_SALT_LEN + 1];

		if (is_reserved(name))
			return err_set(err, ERR_USAGE, "%s is no field's name", name);
		hex_encode(bytes_of(salts.data + FIELD_SALT_LEN * i++, FIELD_SALT_LEN), hex);
		if (json_object_set_new(list, name, json_string(hex)) != 0)
			return err_set(err, ERR_NOMEM, "no memory");
	}
	if (json_object_set(kept, KEY_SALTS, list) != 0)
		return err_set(err, ERR_NOMEM, "no memory");
	return json_write(kept, false, ret_kept, err);
}

/* ---- reading ---- */

struct digests {
	size_t count;
	char hex[FIELDS_MAX][HEX_LEN + 1];
};

static int hex_order(const void *a, const void *b)
{
	return memcmp(a, b, HEX_LEN);
}

static bool add(struct digests *d, const char *hex, struct err *err)
{
	if (d->count == FIELDS_MAX)
		return err_set(err, ERR_LIMIT, "an entry has at most %u fields", FIELDS_MAX);
	memcpy(d->hex[d->count++], hex, HEX_LEN + 1);
	return true;
}

static bool read_redacted(const json_t *list, struct digests *d, struct err *err)
{
	uint8_t digest[SHA256_LEN];
	json_t *item;
	size_t i;

	if (list && (!json_is_array(list) || json_array_size(list) == 0))
		return err_set(err, ERR_FORMAT, KEY_REDACTED ": not a list of digests");
	json_array_foreach(list, i, item)
	{
		const char *hex = json_string_value(item);

		if (!hex || !hex_decode_exact(bytes_str(hex), digest, sizeof(digest), NULL))
			return err_set(
				err, ERR_FORMAT, KEY_REDACTED ": %zu: not the hex of a digest", i);
		if (!add(d, hex, err))
			return false;
	}
	return true;
}

static bool read_field(
	const json_t *salts, const char *name, json_t *value, struct digests *d, struct err *err)
{
	const char *salt = json_string_value(json_object_get(salts, name));
	uint8_t bytes[FIELD_SALT_LEN];
	char hex[HEX_LEN + 1];

	if (!salt || !hex_decode_exact(bytes_str(salt), bytes, sizeof(bytes), NULL))
		return err_set(err, ERR_FORMAT, KEY_SALTS ": %s: not the hex of a salt",
			ESC(bytes_str(name)));
	return field_digest(salt, name, value, hex, err) && add(d, hex, err);
}

static bool committed(struct digests *d, struct buf *out, struct err *err)
{
	OWNED(json_release) json_t *list = json_array();
	OWNED(json_release) json_t *root = NULL;

	qsort(d->hex, d->count, sizeof(d->hex[0]), hex_order);
	for (size_t i = 0; i < d->count; i++) {
		if (i > 0 && memcmp(d->hex[i - 1], d->hex[i], HEX_LEN) == 0)
			return err_set(err, ERR_FORMAT, "a digest is there twice");
		if (json_array_append_new(list, json_string(d->hex[i])) != 0)
			return err_set(err, ERR_NOMEM, "no memory");
	}
	root = json_pack("{s:O, s:s}", "digests", list, "type", TYPE_FIELDS);
	return root ? json_write(root, false, out, err) : err_set(err, ERR_NOMEM, "no memory");
}

static bool open_salted(json_t *root, struct fields *ret, struct err *err)
{
	OWNED(free_ptr) struct digests *d = calloc(1, sizeof(*d));
	const json_t *salts = json_object_get(root, KEY_SALTS);
	const json_t *redacted = json_object_get(root, KEY_REDACTED);
	const char *name;
	json_t *value;
	size_t shown = 0;

	ret->shown = json_object();
	if (!d || !ret->shown)
		return err_set(err, ERR_NOMEM, "no memory");
	if (!json_is_object(salts))
		return err_set(err, ERR_FORMAT, KEY_SALTS ": not an object");
	if (!read_redacted(redacted, d, err))
		return false;
	ret->redacted = d->count;
	json_object_foreach(root, name, value)
	{
		if (is_reserved(name))
			continue;
		if (!read_field(salts, name, value, d, err))
			return false;
		if (json_object_set(ret->shown, name, value) != 0)
			return err_set(err, ERR_NOMEM, "no memory");
		shown++;
	}
	if (json_object_size(salts) != shown)
		return err_set(err, ERR_FORMAT, KEY_SALTS ": one is no field's");
	return committed(d, &ret->committed, err);
}

static bool is_committed_form(const json_t *root)
{
	const char *type = json_string_value(json_object_get(root, "type"));

	return type && strcmp(type, TYPE_FIELDS) == 0;
}

bool fields_open(struct bytes kept, struct fields *ret, struct err *err)
{
	OWNED(fields_release) struct fields fields = {0};
	OWNED(json_release) json_t *root = NULL;

	if (!json_open(kept, FIELDS_TEXT_MAX, &root, err))
		return err_wrap(err, "entry");
	if (!json_is_object(root))
		return err_set(err, ERR_FORMAT, "entry: not a JSON object");
	fields.salted = json_object_get(root, KEY_SALTS) != NULL;
	if (!fields.salted) {
		/* What a leaf commits to is no content: it would show nothing and hide all. */
		if (is_committed_form(root))
			return err_set(
				err, ERR_FORMAT, "entry: digests of fields without the fields");
		fields.shown = json_incref(root);
		buf_put(&fields.committed, kept);
		if (!buf_ok(&fields.committed, err))
			return false;
	} else if (!open_salted(root, &fields, err)) {
		return err_wrap(err, "entry");
	}
	*ret = TAKE_STRUCT(fields);
	return true;
}

/* ---- taking out ---- */

bool fields_redact(struct bytes kept, const char *name, struct buf *ret_kept, struct err *err)
{
	OWNED(fields_release) struct fields before = {0};
	OWNED(json_release) json_t *root = NULL;
	char hex[HEX_LEN + 1];

	if (!fields_open(kept, &before, err) || !json_open(kept, FIELDS_TEXT_MAX, &root, err))
		return false;
	if (!before.salted)
		return err_set(err, ERR_UNSUPPORTED,
			"this entry is from before fields could be taken out");
	json_t *value = json_object_get(before.shown, name), *list = NULL;
	if (!value)
		return err_set(
			err, ERR_NOT_FOUND, "the entry shows no field %s", ESC(bytes_str(name)));
	json_t *salts = json_object_get(root, KEY_SALTS);
	if (!field_digest(json_string_value(json_object_get(salts, name)), name, value, hex, err))
		return false;
	list = json_object_get(root, KEY_REDACTED);
	if (!list) {
		if (json_object_set_new(root, KEY_REDACTED, json_array()) != 0)
			return err_set(err, ERR_NOMEM, "no memory");
		list = json_object_get(root, KEY_REDACTED);
	}
	if (json_array_append_new(list, json_string(hex)) != 0)
		return err_set(err, ERR_NOMEM, "no memory");
	(void)json_object_del(root, name);
	(void)json_object_del(salts, name);
	return json_write(root, false, ret_kept, err);
}
