/* SPDX-License-Identifier: Apache-2.0 */
/* The chain of records behind a renewal, as it lies in a bundle. */
#include <stdlib.h>

#include "base/cbor.h"
#include "ledger/audit.h"

#define LINK_PARTS 5u

enum { KEY_LINKS = 1, KEY_OBJECTS = 2 };
static const int64_t KEYS[] = {KEY_LINKS, KEY_OBJECTS};

bool audit_links_encode(const struct audit_links *links, struct buf *out, struct err *err)
{
	struct cbor_writer w = cbor_writer_of(out);

	if (links->count > AUDIT_LINKS_MAX || links->object_count > AUDIT_LINK_OBJECTS_MAX)
		return err_set(err, ERR_LIMIT, "audit chain: too many records or objects");
	cbor_put_map(&w, ARRAY_LEN(KEYS));
	cbor_put_int(&w, KEY_LINKS);
	cbor_put_array(&w, links->count);
	for (size_t i = 0; i < links->count; i++) {
		const struct audit_link *link = &links->links[i];

		cbor_put_array(&w, LINK_PARTS);
		cbor_put_bytes(&w, link->record);
		cbor_put_bytes(&w, link->leaf);
		cbor_put_bytes(&w, BYTES_OF(link->salt));
		cbor_put_uint(&w, link->index);
		cbor_put_bytes(&w, link->proof);
	}
	cbor_put_int(&w, KEY_OBJECTS);
	cbor_put_array(&w, links->object_count);
	for (size_t i = 0; i < links->object_count; i++)
		cbor_put_bytes(&w, links->objects[i]);
	return cbor_writer_finish(&w, err) || err_wrap(err, "audit chain");
}

static void read_link(struct cbor_item item, struct audit_link *ret)
{
	if (cbor_array(item, LINK_PARTS, "record of the chain") != LINK_PARTS)
		cbor_fail(item, "record of the chain", "not five parts");
	ret->record = cbor_bytes(cbor_at(item, 0, "record"), 1, AUDIT_RECORD_MAX, "record");
	ret->leaf = cbor_bytes(cbor_at(item, 1, "leaf"), 1, LEDGER_LEAF_MAX, "leaf");
	cbor_copy(cbor_at(item, 2, "salt"), ret->salt, LEDGER_SALT_LEN, "salt");
	ret->index = cbor_uint(cbor_at(item, 3, "index"), UINT64_MAX, "index");
	ret->proof =
		cbor_bytes(cbor_at(item, 4, "proof"), 0, LEDGER_EDGE_MAX * SHA256_LEN, "proof");
}

static bool read_links(struct cbor_item root, struct audit_links *ret, struct err *err)
{
	struct cbor_item links = cbor_key(root, KEY_LINKS, "records");
	struct cbor_item objects = cbor_key(root, KEY_OBJECTS, "objects");

	cbor_only_keys(root, KEYS, ARRAY_LEN(KEYS), "audit chain");
	ret->count = cbor_array(links, AUDIT_LINKS_MAX, "records");
	ret->object_count = cbor_array(objects, AUDIT_LINK_OBJECTS_MAX, "objects");
	ret->links = calloc(ret->count + 1, sizeof(*ret->links));
	ret->objects = calloc(ret->object_count + 1, sizeof(*ret->objects));
	if (!ret->links || !ret->objects)
		return err_set(err, ERR_NOMEM, "audit chain: no memory");
	for (size_t i = 0; i < ret->count; i++)
		read_link(cbor_at(links, i, "records"), &ret->links[i]);
	for (size_t i = 0; i < ret->object_count; i++)
		ret->objects[i] =
			cbor_bytes(cbor_at(objects, i, "objects"), 0, AUDIT_BUNDLE_MAX, "object");
	return true;
}

bool audit_links_decode(struct bytes in, struct audit_links *ret, struct err *err)
{
	OWNED(audit_links_release) struct audit_links links = {0};
	struct cbor_doc doc;
	struct cbor_item root;

	if (in.len > AUDIT_BUNDLE_MAX)
		return err_set(err, ERR_LIMIT, "audit chain: %zu bytes: more than %u", in.len,
			AUDIT_BUNDLE_MAX);
	if (!cbor_open(in, true, "audit chain", &doc, &root, err) ||
		!read_links(root, &links, err) || !cbor_close(&doc, err))
		return false;
	*ret = TAKE_STRUCT(links);
	return true;
}

void audit_links_release(struct audit_links *links)
{
	free(links->links);
	free(links->objects);
	memset(links, 0, sizeof(*links));
}
