/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware/glob.h"

enum kind { LITERAL, ANY, SET, STAR, STARS, MALFORMED };

/* One element of a pattern. */
struct token {
	enum kind kind;
	size_t len; /* bytes of the pattern that it takes */
	bool hit; /* it takes this byte */
	const char *why; /* of MALFORMED */
};

static struct token malformed(const char *why)
{
	return (struct token){.kind = MALFORMED, .why = why};
}

/* A byte of a set, or what a backslash makes of the next one. False at the end. */
static bool set_byte(struct bytes pattern, size_t *at, uint8_t *ret)
{
	if (*at < pattern.len && pattern.data[*at] == '\\')
		++*at;
	if (*at >= pattern.len)
		return false;
	*ret = pattern.data[(*at)++];
	return true;
}

/* The set that begins at `start`; whether it has the byte. A ']' that comes first is in the set, and
 * so is a '-' that comes first or last. */
static struct token read_set(struct bytes pattern, size_t start, uint8_t byte)
{
	size_t at = start + 1, first;
	bool negated = at < pattern.len && (pattern.data[at] == '!' || pattern.data[at] == '^');
	bool found = false;

	at += negated;
	for (first = at; at == first || at >= pattern.len || pattern.data[at] != ']';) {
		uint8_t low, high;

		if (!set_byte(pattern, &at, &low))
			return malformed("set is not closed");
		high = low;
		if (at + 1 < pattern.len && pattern.data[at] == '-' &&
			pattern.data[at + 1] != ']') {
			at++;
			if (!set_byte(pattern, &at, &high))
				return malformed("set is not closed");
		}
		if (low == '\0' || high == '\0')
			return malformed("NUL in a set");
		if (low == '/' || high == '/')
			return malformed("'/' in a set");
		if (low > high)
			return malformed("range runs backwards");
		found = found || (byte >= low && byte <= high);
	}
	return (struct token){
		.kind = SET, .len = at + 1 - start, .hit = found != negated && byte != '/'};
}

/* The token at `at`, which is inside the pattern, held against a byte. */
static struct token read_token(struct bytes pattern, size_t at, uint8_t byte)
{
	size_t stars = 0;

	switch (pattern.data[at]) {
	case '*':
		while (at + stars < pattern.len && pattern.data[at + stars] == '*')
			stars++;
		return (struct token){.kind = stars > 1 ? STARS : STAR,
			.len = stars,
			.hit = stars > 1 || byte != '/'};
	case '?':
		return (struct token){.kind = ANY, .len = 1, .hit = byte != '/'};
	case '[':
		return read_set(pattern, at, byte);
	case '\0':
		return malformed("NUL");
	case '\\':
		if (at + 1 == pattern.len || pattern.data[at + 1] == '\0')
			return malformed("backslash before nothing");
		return (struct token){
			.kind = LITERAL, .len = 2, .hit = byte == pattern.data[at + 1]};
	default:
		return (struct token){.kind = LITERAL, .len = 1, .hit = byte == pattern.data[at]};
	}
}

bool glob_check(struct bytes pattern, struct err *err)
{
	if (pattern.len == 0)
		return err_set(err, ERR_FORMAT, "pattern: empty");
	if (pattern.len > GLOB_MAX)
		return err_set(
			err, ERR_LIMIT, "pattern: %zu bytes, more than %d", pattern.len, GLOB_MAX);
	for (size_t at = 0; at < pattern.len;) {
		struct token token = read_token(pattern, at, 0);

		if (token.kind == MALFORMED)
			return err_set(err, ERR_FORMAT, "pattern: %s at offset %zu", token.why, at);
		at += token.len;
	}
	return true;
}

/* One byte of the path, or its end: positions in `now` lead to positions in `next`. A star leads on to
 * what follows it, in the same step. False when no position is left. */
static bool step(struct bytes pattern, bool end, uint8_t byte, bool *now, bool *next)
{
	bool left = false;

	memset(next, 0, pattern.len + 1);
	for (size_t at = 0; at < pattern.len; at++) {
		struct token token;

		if (!now[at])
			continue;
		token = read_token(pattern, at, byte);
		if (token.kind == MALFORMED)
			return false;
		if (token.kind == STAR || token.kind == STARS)
			now[at + token.len] = true;
		if (!token.hit || end)
			continue;
		next[token.kind == STAR || token.kind == STARS ? at : at + token.len] = true;
		left = true;
	}
	return left;
}

static bool is_literal(uint8_t c)
{
	return c != '*' && c != '?' && c != '[' && c != '\\' && c != '\0';
}

bool glob_match(struct bytes pattern, struct bytes path)
{
	bool sets[2][GLOB_MAX + 1];
	bool *now = sets[0], *next = sets[1];
	size_t start = 0;

	if (pattern.len == 0 || pattern.len > GLOB_MAX)
		return false;
	/* Most paths differ from most patterns before the first wildcard. */
	for (; start < pattern.len && is_literal(pattern.data[start]); start++)
		if (start == path.len || path.data[start] != pattern.data[start])
			return false;
	memset(now, 0, pattern.len + 1);
	now[start] = true;
	for (size_t i = start; i < path.len; i++) {
		bool *was = now;

		if (!step(pattern, false, path.data[i], now, next))
			return false;
		now = next;
		next = was;
	}
	(void)step(pattern, true, 0, now, next);
	return now[pattern.len];
}

size_t glob_literal_len(struct bytes pattern)
{
	size_t len = 0;

	while (len < pattern.len && is_literal(pattern.data[len]))
		len++;
	return len;
}
