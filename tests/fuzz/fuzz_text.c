/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text forms of bytes and times: hex, base64 and base64url, RFC 3339, durations, escaping. They
 * stand in every message, so anyone supplies them. What decodes must encode to the same text; what
 * is escaped must be printable.
 */
#include "base/text.h"

#include <stdlib.h>

#include "base/time.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_base64(struct bytes in, bool url)
{
	struct buf decoded = {0}, encoded = {0};

	if (base64_decode(in, url, in.len, &decoded, NULL)) {
		buf_put_base64(&encoded, buf_bytes(&decoded), url);
		if (!bytes_equal(buf_bytes(&encoded), in))
			abort();
	}
	buf_release(&decoded);
	buf_release(&encoded);
}

static void check_hex(struct bytes in)
{
	struct buf decoded = {0}, encoded = {0};

	if (hex_decode(in, in.len, &decoded, NULL)) {
		buf_put_hex(&encoded, buf_bytes(&decoded));
		if (encoded.len != in.len ||
			!hex_decode(buf_bytes(&encoded), in.len, &decoded, NULL))
			abort();
	}
	buf_release(&decoded);
	buf_release(&encoded);
}

static void check_escape(struct bytes in)
{
	char out[200];

	for (size_t room = 1; room <= sizeof(out); room += 33) {
		text_escape(in, out, room);
		if (strlen(out) >= room || !utf8_valid(bytes_str(out)))
			abort();
		for (const char *c = out; *c; c++)
			if ((unsigned char)*c < 0x20 || *c == 0x7f)
				abort();
	}
}

static void check_time(struct bytes in)
{
	char text[TIME_TEXT_MAX];
	int64_t seconds, again;

	if (time_parse(in, &seconds, NULL)) {
		time_format(seconds, text);
		if (memcmp(text, in.data, 19) != 0 || !time_parse(bytes_str(text), &again, NULL) ||
			again != seconds)
			abort();
	}
	if (time_parse_duration(in, 86400, &seconds, NULL) && (seconds < 0 || seconds > 86400))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes in = bytes_of(data, size);

	check_base64(in, false);
	check_base64(in, true);
	check_hex(in);
	check_escape(in);
	check_time(in);
	text_is_name(in);
	return 0;
}
