/* SPDX-License-Identifier: Apache-2.0 */
#include "verifier/identity.h"

#include "base/text.h"

#include <stdio.h>

#define SCHEME       "spiffe://"
#define SEGMENTS_MAX 3u

static const struct {
	const char *name;
	unsigned role;
} roles[] = {
	{"admin", ROLE_ADMIN},
	{"ci", ROLE_CI},
	{"auditor", ROLE_AUDITOR},
	{"admission", ROLE_ADMISSION},
};

static const char *const kinds[] = {
	[IDENTITY_NONE] = "none",
	[IDENTITY_OPERATOR] = "operator",
	[IDENTITY_HOST] = "host",
	[IDENTITY_WORKLOAD] = "workload",
};

const char *identity_kind_name(enum identity_kind kind)
{
	return kinds[(size_t)kind < ARRAY_LEN(kinds) ? kind : IDENTITY_NONE];
}

unsigned role_of_name(struct bytes name)
{
	for (size_t i = 0; i < ARRAY_LEN(roles); i++)
		if (bytes_equal_str(name, roles[i].name))
			return roles[i].role;
	return 0;
}

bool trust_domain_ok(struct bytes name)
{
	for (size_t i = 0; i < name.len; i++) {
		uint8_t c = name.data[i];
		if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-' ||
			    c == '_'))
			return false;
	}
	return name.len > 0 && name.len <= 255;
}

/* Splits a path "/a/b/c" into its segments; 0 when there are too many, or an empty one. */
static size_t path_split(struct bytes path, struct bytes out[SEGMENTS_MAX])
{
	size_t count = 0;
	while (path.len > 0) {
		if (path.data[0] != '/' || count == SEGMENTS_MAX)
			return 0;
		path = bytes_of(path.data + 1, path.len - 1);
		const uint8_t *slash = path.len > 0 ? memchr(path.data, '/', path.len) : NULL;
		size_t len = slash ? (size_t)(slash - path.data) : path.len;
		if (len == 0)
			return 0;
		out[count++] = bytes_of(path.data, len);
		path = bytes_of(path.data + len, path.len - len);
	}
	return count;
}

static bool name_take(struct bytes name, char out[65])
{
	if (!text_is_name(name) || name.len > 64)
		return false;
	memcpy(out, name.data, name.len);
	out[name.len] = 0;
	return true;
}

static bool operator_parse(const struct bytes *segments, size_t n, struct identity *ret)
{
	if (n != 3)
		return false;
	ret->kind = IDENTITY_OPERATOR;
	ret->role = role_of_name(segments[1]);
	return ret->role != 0 && name_take(segments[2], ret->name);
}

static bool host_parse(const struct bytes *segments, size_t n, struct identity *ret)
{
	ret->kind = IDENTITY_HOST;
	ret->role = ROLE_HOST;
	return n == 2 && hex_decode_exact(segments[1], ret->host, sizeof(ret->host), NULL);
}

static bool workload_parse(const struct bytes *segments, size_t n, struct identity *ret)
{
	ret->kind = IDENTITY_WORKLOAD;
	ret->role = ROLE_WORKLOAD;
	return n == 3 && name_take(segments[1], ret->name) &&
	       hex_decode_exact(segments[2], ret->instance, sizeof(ret->instance), NULL);
}

bool identity_parse(
	const char *uri, const char *trust_domain, struct identity *ret, struct err *err)
{
	static const struct {
		const char *first;
		bool (*parse)(const struct bytes *segments, size_t n, struct identity *ret);
	} forms[] = {
		{"operator", operator_parse},
		{"host", host_parse},
		{"workload", workload_parse},
	};
	struct bytes segments[SEGMENTS_MAX];
	struct identity identity = {0};
	size_t scheme = strlen(SCHEME), domain = strlen(trust_domain), len = strlen(uri);
	if (len >= sizeof(identity.uri) || strncmp(uri, SCHEME, scheme) != 0 ||
		strncmp(uri + scheme, trust_domain, domain) != 0)
		return err_set(
			err, ERR_DENIED, "the certificate is not of trust domain %s", trust_domain);
	size_t n = path_split(bytes_of(uri + scheme + domain, len - scheme - domain), segments);
	for (size_t i = 0; n > 0 && i < ARRAY_LEN(forms); i++) {
		if (!bytes_equal_str(segments[0], forms[i].first))
			continue;
		if (!forms[i].parse(segments, n, &identity))
			break;
		memcpy(identity.uri, uri, len + 1);
		*ret = identity;
		return true;
	}
	return err_set(err, ERR_DENIED, "the certificate's identity is none of this service's");
}

bool identity_operator_uri(const char *trust_domain, const char *role, const char *name,
	char out[X509_URI_MAX], struct err *err)
{
	if (role_of_name(bytes_str(role)) == 0)
		return err_set(err, ERR_USAGE, "role %s: expected admin, ci, auditor or admission",
			ESC(bytes_str(role)));
	if (!text_is_name(bytes_str(name)))
		return err_set(err, ERR_USAGE,
			"operator name %s: expected 1 to 64 of a-z 0-9 . _ -",
			ESC(bytes_str(name)));
	(void)snprintf(out, X509_URI_MAX, SCHEME "%s/operator/%s/%s", trust_domain, role, name);
	return true;
}

bool identity_host_uri(const char *trust_domain, const uint8_t host[HOST_ID_LEN],
	char out[X509_URI_MAX], struct err *err)
{
	char hex[2 * HOST_ID_LEN + 1];
	hex_encode(bytes_of(host, HOST_ID_LEN), hex);
	int n = snprintf(out, X509_URI_MAX, SCHEME "%s/host/%s", trust_domain, hex);
	return n > 0 && n < X509_URI_MAX ? true
					 : err_set(err, ERR_LIMIT, "the trust domain is too long");
}

bool identity_workload_uri(const char *trust_domain, struct bytes workload,
	const uint8_t instance[INSTANCE_ID_LEN], char out[X509_URI_MAX], struct err *err)
{
	char hex[2 * INSTANCE_ID_LEN + 1];
	if (!text_is_name(workload))
		return err_set(err, ERR_FORMAT, "workload name %s", ESC(workload));
	hex_encode(bytes_of(instance, INSTANCE_ID_LEN), hex);
	int n = snprintf(out, X509_URI_MAX, SCHEME "%s/workload/%.*s/%s", trust_domain,
		(int)workload.len, (const char *)workload.data, hex);
	return n > 0 && n < X509_URI_MAX ? true
					 : err_set(err, ERR_LIMIT, "the trust domain is too long");
}
