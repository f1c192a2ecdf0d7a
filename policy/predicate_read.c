/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/predicate_read.h"

#include <stdlib.h>

#include "base/text.h"
#include "base/time.h"
#include "policy/policy_file.h"

enum { DIGESTS_MAX = 32, ALGORITHM_MAX = 32 };

/* in-toto's DigestSet: hex digits of each algorithm; two lengths where git has two. */
static const struct algorithm {
	const char *name;
	size_t len, other;
} algorithms[] = {
	{"sha256", 64, 0},
	{"sha224", 56, 0},
	{"sha384", 96, 0},
	{"sha512", 128, 0},
	{"sha512_224", 56, 0},
	{"sha512_256", 64, 0},
	{"sha3_224", 56, 0},
	{"sha3_256", 64, 0},
	{"sha3_384", 96, 0},
	{"sha3_512", 128, 0},
	{"blake2b", 128, 0},
	{"blake2s", 64, 0},
	{"blake3", 64, 0},
	{"ripemd160", 40, 0},
	{"sm3", 64, 0},
	{"gost", 64, 0},
	{"sha1", 40, 0},
	{"md5", 32, 0},
	{"dirHash", 64, 0},
	{"gitCommit", 40, 64},
	{"gitTree", 40, 64},
	{"gitBlob", 40, 64},
	{"gitTag", 40, 64},
};

struct reading reading_of(const char *what)
{
	return (struct reading){.f = json_fields_of(what)};
}

bool reading_goes_on(const struct reading *r)
{
	return !r->f.why && !r->starved;
}

bool reading_ok(const struct reading *r, struct err *err)
{
	if (r->starved)
		return err_set(err, ERR_NOMEM, "%s: no memory", r->f.what);
	if (r->f.why && r->list)
		return err_set(err, ERR_FORMAT, "%s: %s %zu: %s: %s", r->f.what, r->list, r->index,
			r->f.where, r->f.why);
	return json_fields_ok(&r->f, err);
}

void *reading_alloc(struct reading *r, size_t n, size_t size)
{
	void *made = reading_goes_on(r) ? calloc(n ? n : 1, size) : NULL;

	r->starved = r->starved || (!made && !r->f.why);
	return made;
}

static bool is_null(const json_t *object, const char *key)
{
	return json_is_null(json_object_get(object, key));
}

static void copy_text(struct reading *r, const char *key, const char *text, size_t max, char **ret)
{
	if (!reading_goes_on(r))
		return;
	if (!policy_text_ok(text, max)) {
		json_fields_fail(&r->f, key, "empty, too long or with control characters");
		return;
	}
	*ret = bytes_strdup(bytes_str(text));
	r->starved = !*ret;
}

void read_want_text(
	struct reading *r, const json_t *object, const char *key, size_t max, char **ret)
{
	const char *text = is_null(object, key) ? NULL : json_want_str(&r->f, object, key, max);

	if (text && *text)
		copy_text(r, key, text, max, ret);
}

void read_need_text(
	struct reading *r, const json_t *object, const char *key, size_t max, char **ret)
{
	read_want_text(r, object, key, max, ret);
	if (!*ret && reading_goes_on(r))
		json_fields_fail(&r->f, key, "missing");
}

int64_t read_want_time(struct reading *r, const json_t *object, const char *key)
{
	const char *text =
		is_null(object, key) ? NULL : json_want_str(&r->f, object, key, TIME_TEXT_MAX);
	int64_t seconds = 0;

	if (text && *text && !time_parse(bytes_str(text), &seconds, NULL))
		json_fields_fail(&r->f, key, "not a time (2026-11-22T23:21:38Z)");
	return seconds;
}

int64_t read_need_time(struct reading *r, const json_t *object, const char *key)
{
	int64_t seconds = 0;

	if (!time_parse(
		    bytes_str(json_need_str(&r->f, object, key, TIME_TEXT_MAX)), &seconds, NULL))
		json_fields_fail(&r->f, key, "not a time (2026-11-22T23:21:38Z)");
	return seconds;
}

const json_t *read_want_object(struct reading *r, const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);

	return value && !json_is_null(value) ? json_need_object(&r->f, object, key) : NULL;
}

const json_t *read_want_array(struct reading *r, const json_t *object, const char *key, size_t max)
{
	return is_null(object, key) ? NULL : json_want_array(&r->f, object, key, max);
}

enum predicate_result read_result(
	struct reading *r, const json_t *object, const char *key, bool warned, bool lower)
{
	const char *text = json_need_str(&r->f, object, key, 16);

	if (strcmp(text, lower ? "passed" : "PASSED") == 0)
		return PREDICATE_PASSED;
	if (warned && strcmp(text, "WARNED") == 0)
		return PREDICATE_WARNED;
	if (strcmp(text, lower ? "failed" : "FAILED") != 0)
		json_fields_fail(&r->f, key, "no result that is known");
	return PREDICATE_FAILED;
}

/* Letters and digits only, in lower case: "SHA-256:" and "sha256" read alike to people. */
static void skeleton(const char *name, char out[ALGORITHM_MAX])
{
	size_t n = 0;

	for (; *name && n < ALGORITHM_MAX - 1; name++) {
		char c = *name;

		if (c >= 'A' && c <= 'Z')
			c = (char)(c - 'A' + 'a');
		if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'))
			out[n++] = c;
	}
	out[n] = '\0';
}

/* NULL for an algorithm that is not known; one that only looks like a known one is a fault. */
static const struct algorithm *algorithm_of(struct reading *r, const char *name)
{
	char wanted[ALGORITHM_MAX], known[ALGORITHM_MAX];

	for (size_t i = 0; i < ARRAY_LEN(algorithms); i++)
		if (strcmp(algorithms[i].name, name) == 0)
			return &algorithms[i];
	skeleton(name, wanted);
	for (size_t i = 0; i < ARRAY_LEN(algorithms); i++) {
		skeleton(algorithms[i].name, known);
		if (strcmp(wanted, known) == 0)
			json_fields_fail(&r->f, name, "a known algorithm, spelt otherwise");
	}
	return NULL;
}

static bool is_lower_hex(const char *text)
{
	return text[strspn(text, "0123456789abcdef")] == '\0';
}

static void read_one_digest(
	struct reading *r, const char *name, const json_t *value, struct predicate_digest *ret)
{
	const struct algorithm *algorithm = algorithm_of(r, name);
	const char *text = json_string_value(value);

	if (!text) {
		json_fields_fail(&r->f, name, "expected a string");
		return;
	}
	if (!algorithm)
		return; /* not known, so never matched */
	if ((strlen(text) != algorithm->len && strlen(text) != algorithm->other) ||
		!is_lower_hex(text)) {
		json_fields_fail(&r->f, name, "expected lower-case hex of the right length");
		return;
	}
	if (strcmp(name, "sha256") == 0)
		ret->has_sha256 = hex_decode_exact(bytes_str(text), ret->sha256, SHA256_LEN, NULL);
	else if (strcmp(name, "gitCommit") == 0)
		memcpy(ret->commit, text, strlen(text) + 1);
}

void read_digest(struct reading *r, const json_t *object, bool need, struct predicate_digest *ret)
{
	json_t *walked = (json_t *)read_want_object(r, object, "digest");
	const char *name;
	json_t *value;

	if (need && json_object_size(walked) == 0)
		json_fields_fail(&r->f, "digest", "missing");
	if (json_object_size(walked) > DIGESTS_MAX)
		json_fields_fail(&r->f, "digest", "too many items");
	if (!reading_goes_on(r))
		return;
	json_object_foreach(walked, name, value)
	{
		read_one_digest(r, name, value, ret);
	}
}

void read_resource(
	struct reading *r, const json_t *object, bool need_digest, struct predicate_resource *ret)
{
	if (!json_is_object(object)) {
		json_fields_fail(&r->f, "descriptor", "expected an object");
		return;
	}
	read_want_text(r, object, "name", PREDICATE_URI_MAX, &ret->name);
	read_want_text(r, object, "uri", PREDICATE_URI_MAX, &ret->uri);
	read_digest(r, object, need_digest, &ret->digest);
}

void read_resources(struct reading *r, const json_t *object, const char *key, size_t max,
	bool need_digest, struct predicate_resource **ret, size_t *ret_count)
{
	const json_t *array = read_want_array(r, object, key, max);
	size_t n = json_array_size(array);

	if (n == 0)
		return;
	*ret = reading_alloc(r, n, sizeof(**ret));
	if (!*ret)
		return;
	*ret_count = n;
	r->list = key;
	for (r->index = 0; r->index < n; r->index++) {
		read_resource(r, json_array_get(array, r->index), need_digest, &(*ret)[r->index]);
		if (!reading_goes_on(r))
			return;
	}
	r->list = NULL;
}

void resource_release(struct predicate_resource *resource)
{
	free(resource->name);
	free(resource->uri);
}

void resources_free(struct predicate_resource **resources, size_t count)
{
	for (size_t i = 0; i < count; i++)
		resource_release(&(*resources)[i]);
	free(*resources);
	*resources = NULL;
}

void read_names(
	struct reading *r, const json_t *object, const char *key, struct predicate_names *ret)
{
	const json_t *array = read_want_array(r, object, key, PREDICATE_NAMES_MAX);
	size_t n = json_array_size(array);

	if (n == 0)
		return;
	ret->names = reading_alloc(r, n, sizeof(*ret->names));
	if (!ret->names)
		return;
	for (size_t i = 0; i < n && reading_goes_on(r); i++) {
		const char *text = json_string_value(json_array_get(array, i));

		if (!text) {
			json_fields_fail(&r->f, key, "expected strings");
			return;
		}
		copy_text(r, key, text, PREDICATE_TEXT_MAX, &ret->names[i]);
		ret->count = i + 1;
	}
}

void names_release(struct predicate_names *names)
{
	for (size_t i = 0; i < names->count; i++)
		free(names->names[i]);
	free(names->names);
}
