/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/csv.h"

#include "base/text.h"

static bool begins(struct bytes text, const char *with)
{
	size_t n = strlen(with);
	return text.len >= n && memcmp(text.data, with, n) == 0;
}

/* What spreadsheets begin a formula with, as they are and in full width (U+FF1D, FF0B, FF0D, FF20). */
static bool is_formula(struct bytes text)
{
	static const char *const starts[] = {"=", "+", "-", "@", "\t", "\r", "\n", "\xef\xbc\x9d",
		"\xef\xbc\x8b", "\xef\xbc\x8d", "\xef\xbc\xa0"};
	/* Some look behind spaces. */
	while (text.len && text.data[0] == ' ') {
		text.data++;
		text.len--;
	}
	for (size_t i = 0; i < ARRAY_LEN(starts); i++)
		if (begins(text, starts[i]))
			return true;
	return false;
}

static bool needs_quotes(struct bytes text)
{
	for (size_t i = 0; i < text.len; i++)
		if (text.data[i] && strchr("\",\r\n", text.data[i]))
			return true;
	return text.len && (text.data[0] == ' ' || text.data[text.len - 1] == ' ');
}

void csv_cell(struct buf *out, struct bytes text, bool first)
{
	bool quoted = needs_quotes(text), readable = utf8_valid(text);
	if (!first)
		buf_put_u8(out, ',');
	if (quoted)
		buf_put_u8(out, '"');
	if (is_formula(text))
		buf_put_u8(out, '\'');
	for (size_t i = 0; i < text.len; i++) {
		uint8_t c = text.data[i];
		if (c == '"')
			buf_put_u8(out, '"');
		buf_put_u8(out, c == 0 || (!readable && c >= 0x80) ? '?' : c);
	}
	if (quoted)
		buf_put_u8(out, '"');
}

void csv_end(struct buf *out)
{
	buf_put_str(out, "\r\n");
}
