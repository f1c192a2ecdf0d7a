/* SPDX-License-Identifier: Apache-2.0 */
/* Attributes of hosts as the API takes and shows them. */
#include "verifier/attributes.h"

#include "base/text.h"

void attributes_check(struct json_fields *f, const char *key, const json_t *set)
{
	const char *name;
	json_t *value;
	OWNED(buf_release) struct buf text = {0};
	if (!set)
		return;
	if (!json_is_object(set)) {
		json_fields_fail(f, key, "expected an object of texts");
		return;
	}
	json_object_foreach((json_t *)(uintptr_t)set, name, value)
	{
		struct bytes word = bytes_of(json_string_value(value), json_string_length(value));
		if (!host_attribute_check(bytes_str(name), word, NULL))
			json_fields_fail(f, key,
				"expected names (a-z 0-9 . _ -) and texts of 1 to 253 bytes; a "
				"jurisdiction as CH or CH-ZH, a kubernetes-node as a DNS name");
	}
	if (json_object_size(set) > HOST_ATTRIBUTES_MAX || !json_write(set, false, &text, NULL) ||
		text.len >= ROW_FACTS_MAX)
		json_fields_fail(f, key, "more than 32 attributes, or 4096 bytes");
}

void attributes_check_unset(struct json_fields *f, const json_t *set, const json_t *unset)
{
	for (size_t i = 0; i < json_array_size(unset); i++) {
		const json_t *key = json_array_get(unset, i);
		if (!text_is_name(bytes_of(json_string_value(key), json_string_length(key))))
			json_fields_fail(f, "unset", "expected names (a-z 0-9 . _ -)");
		else if (json_object_get(set, json_string_value(key)))
			json_fields_fail(f, "unset", "an attribute is both set and unset");
		for (size_t k = 0; k < i; k++)
			if (json_equal(json_array_get(unset, k), key))
				json_fields_fail(f, "unset", "an attribute is given twice");
	}
	if (json_object_size(set) + json_array_size(unset) == 0)
		json_fields_fail(f, "set", "nothing is set and nothing unset");
}

json_t *attributes_json(const struct host_attributes *attributes)
{
	json_t *all = json_object();
	for (size_t i = 0; all && i < attributes->count; i++) {
		const struct attribute_row *row = &attributes->rows[i];
		char since[TIME_TEXT_MAX];
		if (json_object_set_new(all, row->key,
			    json_pack("{s:s, s:s, s:s, s:s}", "value", row->value, "by", row->by,
				    "since", time_json(row->time, since), "reason", row->reason)) !=
			0) {
			json_decref(all);
			return NULL;
		}
	}
	return all;
}

static bool row_visited(void *arg, const struct attribute_row *row, struct err *err)
{
	char time[TIME_TEXT_MAX];
	return json_array_append_new(
		       arg, json_pack("{s:s, s:s?, s:s, s:s, s:s}", "key", row->key, "value",
				    row->value[0] ? row->value : NULL, "by", row->by, "reason",
				    row->reason, "time", time_json(row->time, time))) == 0 ||
	       err_set(err, ERR_NOMEM, "attributes");
}

bool attributes_history_json(
	struct sql *sql, const uint8_t host[HOST_ID_LEN], json_t **ret, struct err *err)
{
	OWNED(json_release) json_t *list = json_array();
	if (!list)
		return err_set(err, ERR_NOMEM, "attributes");
	if (!attributes_history(sql, host, row_visited, list, err))
		return false;
	*ret = TAKE(list);
	return true;
}
