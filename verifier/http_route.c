/* SPDX-License-Identifier: Apache-2.0 */
/* Which route a request takes, and whether its framing headers can be believed. Pure. */
#include "verifier/http_private.h"

#include <strings.h>

static bool unreserved(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '-' || c == '.' || c == '_' || c == '~';
}

static size_t segment_len(const char *text)
{
	return strcspn(text, "/");
}

/* A parameter: 1..127 unreserved characters, in one segment that is no dot-segment; of "{…*}" the
 * whole rest of the path, whose form its handler checks. */
static bool param_take(const char *path, size_t len, bool rest, char *out)
{
	if (len == 0 || len >= (rest ? HTTP_PARAM_MAX : HTTP_SEGMENT_MAX))
		return false;
	for (size_t i = 0; i < len; i++)
		if (!unreserved(path[i]) && !(rest && strchr("/%+=", path[i])))
			return false;
	if (path[0] == '.' && (len == 1 || (len == 2 && path[1] == '.')))
		return false;
	memcpy(out, path, len);
	out[len] = '\0';
	return true;
}

static bool pattern_match(
	const char *pattern, const char *path, char params[HTTP_PARAMS_MAX][HTTP_PARAM_MAX])
{
	size_t param = 0;
	while (*pattern == '/' && *path == '/') {
		pattern++;
		path++;
		size_t want = segment_len(pattern), have = segment_len(path);
		if (*pattern == '{') {
			bool rest = pattern[want - 2] == '*';
			if (rest)
				have = strlen(path);
			if (param == HTTP_PARAMS_MAX ||
				!param_take(path, have, rest, params[param++]))
				return false;
		} else if (want != have || memcmp(pattern, path, want) != 0) {
			return false;
		}
		pattern += want;
		path += have;
	}
	return *pattern == '\0' && *path == '\0';
}

const struct http_route *http_route_find(const struct http_route *routes, size_t count,
	enum http_method method, const char *path, char params[HTTP_PARAMS_MAX][HTTP_PARAM_MAX],
	int *ret_status)
{
	*ret_status = 404;
	for (size_t i = 0; i < count; i++) {
		char found[HTTP_PARAMS_MAX][HTTP_PARAM_MAX] = {{0}};
		if (!pattern_match(routes[i].pattern, path, found))
			continue;
		if (routes[i].method == method) {
			memcpy(params, found, sizeof(found));
			return &routes[i];
		}
		*ret_status = 405;
	}
	return NULL;
}

const char *http_framing_fault(const struct http_framing *framing)
{
	if (framing->headers > HTTP_HEADERS_MAX)
		return "too many header fields";
	if (framing->content_lengths > 1)
		return "more than one Content-Length";
	if (framing->transfer_encodings > 1)
		return "more than one Transfer-Encoding";
	if (framing->content_lengths && framing->transfer_encodings)
		return "Content-Length together with Transfer-Encoding";
	if (framing->transfer_encoding && strcasecmp(framing->transfer_encoding, "chunked") != 0)
		return "a Transfer-Encoding other than chunked";
	if (framing->content_length) {
		size_t len = strlen(framing->content_length);
		if (len == 0 || len > 12 || strspn(framing->content_length, "0123456789") != len)
			return "a Content-Length that is no plain number";
	}
	if (framing->content_encoding)
		return "a Content-Encoding: bodies are taken as they are";
	return NULL;
}

bool http_content_type_is(const char *value, const char *wanted)
{
	size_t len = strlen(wanted);
	if (!value || strncasecmp(value, wanted, len) != 0)
		return false;
	const char *rest = value + len;
	rest += strspn(rest, " \t");
	return *rest == '\0' || *rest == ';';
}
