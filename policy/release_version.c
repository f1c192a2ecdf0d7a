/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/release_version.h"

#define NUMBERS_OF_SEMVER 3u

static bool is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

static bool is_word(uint8_t c)
{
	return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-';
}

static bool all(struct bytes text, bool (*is)(uint8_t c))
{
	for (size_t i = 0; i < text.len; i++)
		if (!is(text.data[i]))
			return false;
	return text.len > 0;
}

static bool is_number(struct bytes text)
{
	return all(text, is_digit) && (text.len == 1 || text.data[0] != '0');
}

/* What comes before the first c, which is taken off too; everything when there is none. */
static struct bytes cut(struct bytes *rest, uint8_t c, bool *ret_found)
{
	struct bytes before = {rest->data, 0};

	while (before.len < rest->len && rest->data[before.len] != c)
		before.len++;
	*ret_found = before.len < rest->len;
	*rest = *ret_found ? bytes_of(rest->data + before.len + 1, rest->len - before.len - 1)
			   : (struct bytes){0};
	return before;
}

static bool numbers_read(struct bytes text, struct release_version *v)
{
	for (bool more = true; more;) {
		struct bytes number = cut(&text, '.', &more);

		if (!is_number(number) || v->number_count == RELEASE_VERSION_NUMBERS_MAX)
			return false;
		v->numbers[v->number_count++] = number;
	}
	return true;
}

/* Identifiers between dots, none of them empty; pre: numbers among them without leading zeros. */
static bool identifiers_ok(struct bytes text, bool pre)
{
	for (bool more = true; more;) {
		struct bytes one = cut(&text, '.', &more);

		if (!all(one, is_word) || (pre && all(one, is_digit) && !is_number(one)))
			return false;
	}
	return true;
}

bool release_version_parse(struct bytes text, struct release_version *ret)
{
	struct release_version v = {0};
	bool has_build, has_pre;
	struct bytes rest = text, build = {0}, core = {0};

	*ret = v;
	if (text.len > RELEASE_VERSION_MAX)
		return false;
	core = cut(&rest, '+', &has_build);
	build = rest;
	rest = core;
	core = cut(&rest, '-', &has_pre);
	v.pre = rest;
	if (!numbers_read(core, &v) || (has_pre && !identifiers_ok(v.pre, true)) ||
		(has_build && !identifiers_ok(build, false)))
		return false;
	if ((has_pre || has_build) && v.number_count != NUMBERS_OF_SEMVER)
		return false;
	*ret = v;
	return true;
}

static int length_order(struct bytes a, struct bytes b)
{
	return (a.len > b.len) - (a.len < b.len);
}

/* Neither is empty. */
static int text_order(struct bytes a, struct bytes b)
{
	size_t n = a.len < b.len ? a.len : b.len;
	int order = memcmp(a.data, b.data, n);

	return order != 0 ? order : length_order(a, b);
}

/* Without leading zeros the longer number is the greater. */
static int number_order(struct bytes a, struct bytes b)
{
	int order = length_order(a, b);

	return order != 0 ? order : text_order(a, b);
}

/* Numbers come before words. */
static int identifier_order(struct bytes a, struct bytes b)
{
	bool number_a = all(a, is_digit), number_b = all(b, is_digit);

	if (number_a != number_b)
		return (int)number_b - (int)number_a;
	return number_a ? number_order(a, b) : text_order(a, b);
}

/* Of two lists that begin alike the longer comes after. */
static int pre_order(struct bytes a, struct bytes b)
{
	bool more_a = true, more_b = true;

	while (more_a && more_b) {
		int order = identifier_order(cut(&a, '.', &more_a), cut(&b, '.', &more_b));

		if (order != 0)
			return order;
	}
	return (int)more_a - (int)more_b;
}

int release_version_order(const struct release_version *a, const struct release_version *b)
{
	const struct bytes zero = BYTES_LIT("0");

	for (size_t i = 0; i < RELEASE_VERSION_NUMBERS_MAX; i++) {
		int order = number_order(i < a->number_count ? a->numbers[i] : zero,
			i < b->number_count ? b->numbers[i] : zero);

		if (order != 0)
			return order;
	}
	if (a->pre.len == 0 || b->pre.len == 0)
		return (int)(a->pre.len == 0) - (int)(b->pre.len == 0);
	return pre_order(a->pre, b->pre);
}
