/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CBOR as cbor_open sees it. Anyone who can reach the verifier's port supplies these bytes:
 * evidence, claims, enrolment; and whoever hands over an audit bundle. What opens as deterministic
 * must re-encode to the same bytes, and what opens so must open leniently too.
 */
#include "base/cbor.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void copy(struct cbor_writer *w, struct cbor_item item);

static void copy_array(struct cbor_writer *w, struct cbor_item item)
{
	size_t n = cbor_array(item, CBOR_ITEMS_MAX, "array");

	cbor_put_array(w, n);
	for (size_t i = 0; i < n; i++)
		copy(w, cbor_at(item, i, "entry"));
}

static void copy_map(struct cbor_writer *w, struct cbor_item item)
{
	size_t n = cbor_map(item, CBOR_ITEMS_MAX, "map");

	cbor_put_map(w, n);
	for (size_t i = 0; i < n; i++) {
		struct cbor_item key = cbor_map_key_at(item, i, "key");
		struct cbor_item value = cbor_map_value_at(item, i, "value");

		copy(w, key);
		copy(w, value);
		/* The lookup by key finds what the walk finds; only early pairs, as it walks the
		 * map. */
		if (i < 8 && (key.kind == CBOR_UINT || key.kind == CBOR_NINT) &&
			key.value <= INT64_MAX) {
			struct cbor_item found = cbor_key(item, cbor_int(key, "key"), "found");

			if (cbor_close(item.doc, NULL) && found.raw.data != value.raw.data)
				abort();
		}
	}
}

static void copy(struct cbor_writer *w, struct cbor_item item)
{
	switch (item.kind) {
	case CBOR_UINT:
		cbor_put_uint(w, cbor_uint(item, UINT64_MAX, "uint"));
		break;
	case CBOR_NINT:
		if (item.value <= INT64_MAX)
			cbor_put_int(w, cbor_int(item, "nint"));
		else
			cbor_put_raw(w, item.raw);
		break;
	case CBOR_BYTES:
		cbor_put_bytes(w, cbor_bytes(item, 0, SIZE_MAX, "bytes"));
		break;
	case CBOR_TEXT:
		cbor_put_text(w, cbor_text(item, 0, SIZE_MAX, "text"));
		break;
	case CBOR_ARRAY:
		copy_array(w, item);
		break;
	case CBOR_MAP:
		copy_map(w, item);
		break;
	case CBOR_TAG:
		cbor_put_tag(w, item.value);
		copy(w, cbor_untag(item, item.value, "tag"));
		break;
	case CBOR_BOOL:
		cbor_put_bool(w, cbor_bool(item, "bool"));
		break;
	case CBOR_NULL:
		cbor_put_null(w);
		break;
	default:
		cbor_fail(item, "item", "cannot be copied");
	}
}

static void check_round_trip(struct bytes in)
{
	struct buf out = {0};
	struct cbor_writer w = cbor_writer_of(&out);
	struct cbor_doc doc;
	struct cbor_item root;

	if (!cbor_open(in, true, "fuzz", &doc, &root, NULL))
		return;
	copy(&w, root);
	if (!cbor_writer_finish(&w, NULL) || !cbor_close(&doc, NULL))
		abort();
	if (!bytes_equal(buf_bytes(&out), in) || !bytes_equal(root.raw, in))
		abort();
	buf_release(&out);
	if (!cbor_open(in, false, "fuzz", &doc, &root, NULL))
		abort();
}

/* Foreign CBOR is walked as far as it can be read. */
static void walk_lenient(struct bytes in)
{
	struct buf out = {0};
	struct cbor_writer w = cbor_writer_of(&out);
	struct cbor_doc doc;
	struct cbor_item root;

	if (cbor_open(in, false, "fuzz", &doc, &root, NULL))
		copy(&w, root);
	buf_release(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	check_round_trip(bytes_of(data, size));
	walk_lenient(bytes_of(data, size));
	return 0;
}
