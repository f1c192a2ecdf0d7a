/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/host_attribute.h"

#include "base/text.h"

#define COUNTRY_LEN         2u
#define SUBDIVISION_LEN_MAX 3u

static bool is_capital(uint8_t c)
{
	return c >= 'A' && c <= 'Z';
}

static bool is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

bool jurisdiction_ok(struct bytes code)
{
	if (code.len < COUNTRY_LEN || !is_capital(code.data[0]) || !is_capital(code.data[1]))
		return false;
	if (code.len == COUNTRY_LEN)
		return true;
	if (code.data[COUNTRY_LEN] != '-' || code.len < COUNTRY_LEN + 2 ||
		code.len > COUNTRY_LEN + 1 + SUBDIVISION_LEN_MAX)
		return false;
	for (size_t i = COUNTRY_LEN + 1; i < code.len; i++)
		if (!is_capital(code.data[i]) && !is_digit(code.data[i]))
			return false;
	return true;
}

bool jurisdiction_covers(const char *wanted, struct bytes actual)
{
	size_t len = strlen(wanted);

	if (actual.len < len || memcmp(actual.data, wanted, len) != 0)
		return false;
	return actual.len == len || actual.data[len] == '-';
}

/* RFC 1123, as Kubernetes wants the names of nodes. */
static bool is_node_name(struct bytes name)
{
	uint8_t before = '.';

	for (size_t i = 0; i < name.len; i++) {
		uint8_t c = name.data[i];
		bool plain = (c >= 'a' && c <= 'z') || is_digit(c);

		if (!plain && (c != '-' || before == '.') &&
			(c != '.' || before == '.' || before == '-'))
			return false;
		before = c;
	}
	return before != '.' && before != '-';
}

static bool is_plain(struct bytes value)
{
	for (size_t i = 0; i < value.len; i++)
		if (value.data[i] < 0x20 || value.data[i] == 0x7f)
			return false;
	return utf8_valid(value);
}

bool host_attribute_check(struct bytes key, struct bytes value, struct err *err)
{
	if (!text_is_name(key))
		return err_set(
			err, ERR_FORMAT, "attribute %s: not a name (a-z 0-9 . _ -)", ESC(key));
	if (value.len == 0 || value.len > HOST_ATTRIBUTE_VALUE_MAX || !is_plain(value))
		return err_set(err, ERR_FORMAT,
			"attribute %s: expected 1 to %u bytes of text without control characters",
			ESC(key), HOST_ATTRIBUTE_VALUE_MAX);
	if (bytes_equal_str(key, HOST_JURISDICTION) && !jurisdiction_ok(value))
		return err_set(err, ERR_FORMAT,
			"attribute jurisdiction: %s: expected a code as CH or CH-ZH", ESC(value));
	if (bytes_equal_str(key, HOST_KUBERNETES_NODE) && !is_node_name(value))
		return err_set(err, ERR_FORMAT,
			"attribute kubernetes-node: %s: expected a node's name: a-z 0-9 . -",
			ESC(value));
	return true;
}

struct bytes host_attribute_operator(struct bytes by)
{
	size_t at = by.len;

	if (at == 0)
		return by;
	while (at > 0 && by.data[at - 1] != '/')
		at--;
	return bytes_of(by.data + at, by.len - at);
}

const struct host_attribute *host_attribute_find(
	const struct host_attribute *attributes, size_t count, const char *key)
{
	for (size_t i = 0; i < count; i++)
		if (bytes_equal_str(attributes[i].key, key))
			return &attributes[i];
	return NULL;
}
