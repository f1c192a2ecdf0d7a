/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses to listen at, as people write them. */
#include "base/address.h"

#include "tests/support/unit.h"

static struct err err;

static void address__forms__parsed_or_refused(void **state)
{
	(void)state;
	static const struct {
		const char *text, *address;
		unsigned port;
	} cases[] = {
		{"127.0.0.1:0", "127.0.0.1", 0},
		{"[::1]:65535", "::1", 65535},
		{"0.0.0.0:443", "0.0.0.0", 443},
		{"localhost:1", NULL, 0},
		{"127.0.0.1", NULL, 0},
		{":1", NULL, 0},
		{"127.0.0.1:", NULL, 0},
		{"127.0.0.1:65536", NULL, 0},
		{"127.0.0.1:-1", NULL, 0},
		{"127.0.0.1:1x", NULL, 0},
		{"::1:1", NULL, 0},
		{"[::1:1", NULL, 0},
		{"[]:1", NULL, 0},
		{"", NULL, 0},
		{"127.0.0.1: 1", NULL, 0},
		{"127.0.0.1:08443", NULL, 0},
		{"[fe80:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0001]:1", NULL, 0},
		{"127.0.0.1:99999999999999999999", NULL, 0},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char address[ADDRESS_TEXT_MAX];
		uint16_t port = 0;
		bool ok = address_parse(cases[i].text, address, &port, &err);
		if (ok != (cases[i].address != NULL))
			fail_msg("%s", cases[i].text);
		if (ok) {
			assert_string_equal(address, cases[i].address);
			assert_int_equal(port, cases[i].port);
		} else {
			assert_int_equal(err.code, ERR_CONFIG);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(address__forms__parsed_or_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
