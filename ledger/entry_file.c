/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger/entry_file.h"

#include "base/text.h"
#include "crypto/note.h"

#define TYPE_ENTRY "assay/entry/1"
#define PROOF_MAX  64u /* nodes */

/* ---- writing ---- */

static json_t *hex_json(struct bytes in)
{
	OWNED(buf_release) struct buf text = {0};
	for (size_t i = 0; i < in.len; i++)
		buf_printf(&text, "%02x", in.data[i]);
	return json_string(in.len > 0 ? buf_str(&text) : "");
}

static json_t *proof_json(struct bytes proof)
{
	json_t *list = json_array();

	for (size_t at = 0; list && at + SHA256_LEN <= proof.len; at += SHA256_LEN)
		if (json_array_append_new(list, hex_json(bytes_of(proof.data + at, SHA256_LEN))) !=
			0) {
			json_decref(list);
			return NULL;
		}
	return list;
}

bool entry_file_write(const struct entry_file *file, struct buf *out, struct err *err)
{
	OWNED(json_release) json_t *content = NULL;
	OWNED(json_release) json_t *root = NULL;
	OWNED(free_ptr) char *note = bytes_strdup(file->checkpoint);

	if (!json_open(file->content, FIELDS_TEXT_MAX, &content, NULL))
		return err_set(err, ERR_UNSUPPORTED, "this entry has no named fields");
	if (!note)
		return err_set(err, ERR_NOMEM, "no memory");
	root = json_pack("{s:s, s:I, s:o, s:o, s:O, s:o, s:s}", "type", TYPE_ENTRY, "index",
		(json_int_t)file->index, "leaf", hex_json(file->leaf), "salt",
		hex_json(BYTES_OF(file->salt)), "content", content, "proof",
		proof_json(file->proof), "checkpoint", note);
	if (!root)
		return err_set(err, ERR_NOMEM, "no memory");
	if (!json_write(root, false, out, err))
		return false;
	buf_put_str(out, "\n");
	return buf_ok(out, err);
}

/* ---- reading ---- */

void entry_opened_release(struct entry_opened *entry)
{
	buf_release(&entry->leaf_bytes);
	buf_release(&entry->content);
	buf_release(&entry->proof);
	buf_release(&entry->checkpoint);
	fields_release(&entry->fields);
	memset(entry, 0, sizeof(*entry));
}

static void read_hex(
	struct json_fields *f, const json_t *value, const char *key, size_t max, struct buf *out)
{
	const char *text = json_string_value(value);
	uint8_t bytes[LEDGER_LEAF_MAX];
	size_t len = text ? strlen(text) : 0;

	if (len == 0 || len % 2 != 0 || len / 2 > max || len / 2 > sizeof(bytes) ||
		!hex_decode_exact(bytes_str(text), bytes, len / 2, NULL))
		json_fields_fail(f, key, "expected lower-case hex");
	else
		buf_put(out, bytes_of(bytes, len / 2));
}

static void read_proof(struct json_fields *f, const json_t *root, struct buf *out)
{
	const json_t *list = json_need_array(f, root, "proof", PROOF_MAX);
	json_t *node;
	size_t i;

	json_array_foreach(list, i, node)
	{
		size_t before = out->len;

		read_hex(f, node, "proof", SHA256_LEN, out);
		if (out->len != before + SHA256_LEN)
			json_fields_fail(f, "proof", "expected digests");
	}
}

static bool read_root(const json_t *root, struct entry_opened *e, struct err *err)
{
	static const char *const keys[] = {
		"type", "index", "leaf", "salt", "content", "proof", "checkpoint", NULL};
	struct json_fields f = json_fields_of("entry");

	json_only_keys(&f, root, keys);
	if (strcmp(json_need_str(&f, root, "type", 64), TYPE_ENTRY) != 0)
		json_fields_fail(&f, "type", "expected " TYPE_ENTRY);
	e->index = (uint64_t)json_need_int(&f, root, "index", 0, INT64_MAX);
	read_hex(&f, json_object_get(root, "leaf"), "leaf", LEDGER_LEAF_MAX, &e->leaf_bytes);
	json_need_hex(&f, root, "salt", e->salt, sizeof(e->salt));
	read_proof(&f, root, &e->proof);
	buf_put_str(&e->checkpoint, json_need_str(&f, root, "checkpoint", NOTE_MAX));
	const json_t *content = json_need_object(&f, root, "content");
	return json_fields_ok(&f, err) && json_write(content, false, &e->content, err);
}

bool entry_file_read(struct bytes in, struct entry_opened *ret, struct err *err)
{
	OWNED(entry_opened_release) struct entry_opened e = {0};
	OWNED(json_release) json_t *root = NULL;

	if (!json_open(in, ENTRY_FILE_MAX, &root, err))
		return err_wrap(err, "entry");
	if (!json_is_object(root))
		return err_set(err, ERR_FORMAT, "entry: not a JSON object");
	if (!read_root(root, &e, err) || !leaf_decode(buf_bytes(&e.leaf_bytes), &e.leaf, err) ||
		!fields_open(buf_bytes(&e.content), &e.fields, err))
		return false;
	*ret = TAKE_STRUCT(e);
	return true;
}

bool entry_file_prove(const struct entry_opened *e, struct err *err)
{
	struct checkpoint checkpoint;
	uint8_t commitment[SHA256_LEN], hash[SHA256_LEN];

	if (!ledger_commitment(e->salt, buf_bytes(&e->fields.committed), commitment, err) ||
		!leaf_hash(buf_bytes(&e->leaf_bytes), hash, err))
		return false;
	if (memcmp(commitment, e->leaf.commitment, sizeof(commitment)) != 0)
		return err_set(err, ERR_MISMATCH,
			"the fields are not what the leaf commits to: one was changed, added or "
			"left out");
	if (!checkpoint_parse(buf_bytes(&e->checkpoint), &checkpoint, err))
		return err_wrap(err, "the entry's checkpoint");
	return tree_inclusion_check(e->index, checkpoint.size, hash, buf_bytes(&e->proof),
		       checkpoint.root, err) ||
	       err_wrap(err, "the entry in the checkpoint's tree");
}
