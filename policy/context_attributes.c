/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/context_attributes.h"

void context_put_attributes(struct cbor_writer *w, const struct context_host *host)
{
	cbor_put_array(w, host->attribute_count);
	for (size_t i = 0; i < host->attribute_count; i++) {
		const struct host_attribute *attribute = &host->attributes[i];

		cbor_put_array(w, 3);
		cbor_put_text(w, attribute->key);
		cbor_put_text(w, attribute->value);
		cbor_put_text(w, attribute->by);
	}
}

/* Ascending, so that no key stands twice and one set has one encoding. */
void context_read_attributes(
	struct cbor_item item, struct context_host *host, struct host_attribute *ret)
{
	size_t count;

	if (item.kind == CBOR_ABSENT)
		return;
	count = cbor_array(item, HOST_ATTRIBUTES_MAX, "host attributes");
	if (count == 0)
		cbor_fail(item, "host attributes", "empty: left out where there are none");
	for (size_t i = 0; i < count; i++) {
		struct cbor_item one = cbor_at(item, i, "host attribute");

		if (cbor_array(one, 3, "host attribute") != 3)
			cbor_fail(one, "host attribute", "expected key, value and who set it");
		ret[i].key = cbor_text(cbor_at(one, 0, "host attribute key"), 1,
			HOST_ATTRIBUTE_KEY_MAX, "host attribute key");
		ret[i].value = cbor_text(cbor_at(one, 1, "host attribute value"), 1,
			HOST_ATTRIBUTE_VALUE_MAX, "host attribute value");
		ret[i].by = cbor_text(cbor_at(one, 2, "host attribute: by"), 1,
			HOST_ATTRIBUTE_BY_MAX, "host attribute: by");
		if (i > 0 && bytes_compare(ret[i - 1].key, ret[i].key) >= 0)
			cbor_fail(one, "host attributes", "not in ascending order");
	}
	host->attributes = ret;
	host->attribute_count = count;
}
