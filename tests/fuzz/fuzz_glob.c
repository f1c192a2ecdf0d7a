/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Patterns come from rules, which are signed, and paths from a host's log, which anybody can shape. The
 * input is pattern, NUL, path. Held against a matcher that recurses plainly, and, where there is no
 * "**", against fnmatch.
 */
#include "firmware/glob.h"

#include <assert.h>
#include <fnmatch.h>

#define SHORT 14 /* the plain matcher is exponential */

/* Whether a set takes the byte; *ret_len is the length of the set. The pattern is well-formed. */
static bool plain_set(const char *p, unsigned char c, size_t *ret_len)
{
	const char *start = p++;
	bool negated = *p == '!' || *p == '^', found = false;
	const char *first = p += negated;

	while (*p != ']' || p == first) {
		unsigned char low, high;

		p += *p == '\\';
		low = high = (unsigned char)*p++;
		if (*p == '-' && p[1] != ']') {
			p++;
			p += *p == '\\';
			high = (unsigned char)*p++;
		}
		found |= low <= c && c <= high;
	}
	*ret_len = (size_t)(p + 1 - start);
	return found != negated && c != '/';
}

static bool plain(const char *p, const char *s)
{
	size_t len;

	if (*p == '\0')
		return *s == '\0';
	if (*p == '*') {
		bool many = p[1] == '*';
		const char *rest = p;

		while (*rest == '*')
			rest++;
		for (;; s++) {
			if (plain(rest, s))
				return true;
			if (*s == '\0' || (!many && *s == '/'))
				return false;
		}
	}
	if (*s == '\0')
		return false;
	if (*p == '?')
		return *s != '/' && plain(p + 1, s + 1);
	if (*p == '[')
		return plain_set(p, (unsigned char)*s, &len) && plain(p + len, s + 1);
	p += *p == '\\';
	return *p == *s && plain(p + 1, s + 1);
}

static size_t stars_of(const char *pattern)
{
	size_t stars = 0;

	for (; *pattern; pattern++)
		stars += *pattern == '*';
	return stars;
}

/* fnmatch knows classes "[:alpha:]", decodes bytes beyond ASCII, and reads a set with a second '-' in its
 * own way. */
static bool fnmatch_agrees(const char *pattern, const char *path)
{
	for (const char *p = pattern; *p; p++)
		if ((unsigned char)*p >= 0x80)
			return false;
	for (const char *p = path; *p; p++)
		if ((unsigned char)*p >= 0x80)
			return false;
	return !strstr(pattern, "**") && !strpbrk(pattern, "[");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *nul = size ? memchr(data, '\0', size) : NULL;
	size_t pattern_len = nul ? (size_t)(nul - data) : size;
	char pattern[GLOB_MAX + 1], path[256];
	size_t path_len = nul ? size - pattern_len - 1 : 0;
	struct err err;
	bool matched;

	if (pattern_len > GLOB_MAX || path_len >= sizeof(path))
		return 0;
	memcpy(pattern, data, pattern_len);
	pattern[pattern_len] = '\0';
	if (nul)
		memcpy(path, nul + 1, path_len);
	path[path_len] = '\0';
	path_len = strlen(path);
	matched = glob_match(bytes_of(pattern, pattern_len), bytes_of(path, path_len));
	assert(glob_literal_len(bytes_of(pattern, pattern_len)) <= pattern_len);
	if (!glob_check(bytes_of(pattern, pattern_len), &err)) {
		assert(!matched);
		return 0;
	}
	if (stars_of(pattern) < 5 || path_len <= SHORT)
		assert(matched == plain(pattern, path));
	if (fnmatch_agrees(pattern, path))
		assert(matched == (fnmatch(pattern, path, FNM_PATHNAME) == 0));
	return 0;
}
