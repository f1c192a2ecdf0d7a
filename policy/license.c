/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/license.h"

/* One level of parentheses: alternatives before, and the conjunction being read. */
struct level {
	bool any; /* an alternative before is acceptable */
	bool all; /* what was read of this one is */
};
struct walk {
	const char *at;
	struct level levels[LICENSE_DEPTH_MAX];
	size_t depth; /* of levels[] in use: 1 at least */
	license_ok ok;
	const void *arg;
};

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

bool license_id_equal(struct bytes id, const char *other)
{
	if (id.len != strlen(other))
		return false;
	for (size_t i = 0; i < id.len; i++)
		if (lower((char)id.data[i]) != lower(other[i]))
			return false;
	return true;
}

static bool in_word(char c)
{
	return (lower(c) >= 'a' && lower(c) <= 'z') || (c >= '0' && c <= '9') || c == '.' ||
	       c == '-' || c == '+' || c == ':';
}

/* Empty: no word stands here. */
static struct bytes next_word(struct walk *w)
{
	const char *start;

	while (*w->at == ' ')
		w->at++;
	start = w->at;
	while (in_word(*w->at))
		w->at++;
	return bytes_of(start, (size_t)(w->at - start));
}

static bool take_char(struct walk *w, char c)
{
	while (*w->at == ' ')
		w->at++;
	if (*w->at != c)
		return false;
	w->at++;
	return true;
}

static bool is_operator(struct bytes word)
{
	return license_id_equal(word, "and") || license_id_equal(word, "or") ||
	       license_id_equal(word, "with");
}

/* An operator, or else nothing is taken. */
static bool take_operator(struct walk *w, const char *name)
{
	const char *before = w->at;

	if (license_id_equal(next_word(w), name))
		return true;
	w->at = before;
	return false;
}

/* A licence, with its exception, behind any number of opening parentheses. */
static bool take_operand(struct walk *w)
{
	struct bytes id;

	while (take_char(w, '(')) {
		if (w->depth == LICENSE_DEPTH_MAX)
			return false;
		w->levels[w->depth++] = (struct level){.all = true};
	}
	id = next_word(w);
	if (id.len == 0 || is_operator(id))
		return false;
	w->levels[w->depth - 1].all &= w->ok(w->arg, id);
	if (!take_operator(w, "with"))
		return true;
	id = next_word(w);
	return id.len > 0 && !is_operator(id);
}

/* Closing parentheses: what stood within them is one operand of the level outside. */
static bool take_ends(struct walk *w)
{
	while (take_char(w, ')')) {
		const struct level *within = &w->levels[w->depth - 1];

		if (w->depth == 1)
			return false;
		w->levels[w->depth - 2].all &= within->any || within->all;
		w->depth--;
	}
	return true;
}

bool license_expression_ok(const char *expression, license_ok ok, const void *arg)
{
	struct walk w = {
		.at = expression, .levels = {{.all = true}}, .depth = 1, .ok = ok, .arg = arg};

	if (strlen(expression) > LICENSE_TEXT_MAX)
		return false;
	for (;;) {
		struct level *level;

		if (!take_operand(&w) || !take_ends(&w))
			return false;
		level = &w.levels[w.depth - 1];
		if (take_operator(&w, "or")) {
			level->any |= level->all;
			level->all = true;
		} else if (!take_operator(&w, "and")) {
			break;
		}
	}
	return w.depth == 1 && take_char(&w, '\0') && (w.levels[0].any || w.levels[0].all);
}
