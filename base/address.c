/* SPDX-License-Identifier: Apache-2.0 */
#include "base/address.h"

#include <arpa/inet.h>

#include "base/text.h"

bool address_parse(
	const char *text, char ret_address[ADDRESS_TEXT_MAX], uint16_t *ret_port, struct err *err)
{
	struct in6_addr scratch;
	const char *colon = strrchr(text, ':');
	bool six = text[0] == '[';
	size_t skip = six ? 1 : 0, len = colon ? (size_t)(colon - text) : 0;
	uint64_t port = 0;
	if (!colon || len < 2 * skip + 1 || (six && colon[-1] != ']'))
		return err_set(err, ERR_CONFIG,
			"listen: %s: expected ADDRESS:PORT or [ADDRESS]:PORT",
			ESC(bytes_str(text)));
	len -= 2 * skip;
	if (len < ADDRESS_TEXT_MAX) {
		memcpy(ret_address, text + skip, len);
		ret_address[len] = '\0';
	}
	if (len >= ADDRESS_TEXT_MAX ||
		inet_pton(six ? AF_INET6 : AF_INET, ret_address, &scratch) != 1 ||
		!text_decimal(bytes_str(colon + 1), &port) || port > UINT16_MAX)
		return err_set(err, ERR_CONFIG, "listen: %s: expected a numeric address and a port",
			ESC(bytes_str(text)));
	*ret_port = (uint16_t)port;
	return true;
}
