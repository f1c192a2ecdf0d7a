/* SPDX-License-Identifier: Apache-2.0 */
#include "verifier/serials.h"

#include "base/text.h"

#define TIME_LEN 5u /* with the three bits that go before */
#define CA_LEN   3u

static void time_put(int64_t time, uint8_t out[TIME_LEN])
{
	uint64_t seconds = time > 0 ? (uint64_t)time : 0;
	out[0] = (uint8_t)(0x20 | (seconds >> 32 & 0x1f));
	for (size_t i = 1; i < TIME_LEN; i++)
		out[i] = (uint8_t)(seconds >> (8 * (TIME_LEN - 1 - i)));
}

bool serial_make(struct random *random, int64_t now, const uint8_t ca[SHA256_LEN],
	uint8_t ret[SERIAL_LEN], struct err *err)
{
	time_put(now, ret);
	memcpy(ret + TIME_LEN, ca, CA_LEN);
	return random_fill(random, ret + TIME_LEN + CA_LEN, SERIAL_LEN - TIME_LEN - CA_LEN, err);
}

/* The time is compared as well: nothing else that was ever issued is taken for one that names its CA. */
bool serial_may_be_of(const char *serial, int64_t issued, const uint8_t ca[SHA256_LEN])
{
	uint8_t bytes[SERIAL_LEN], time[TIME_LEN];
	time_put(issued, time);
	return !hex_decode_exact(bytes_str(serial), bytes, sizeof(bytes), NULL) ||
	       memcmp(bytes, time, sizeof(time)) != 0 || memcmp(bytes + TIME_LEN, ca, CA_LEN) == 0;
}
