/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/statement.h"

#include "base/text.h"
#include "crypto/dsse.h"
#include "policy/policy_file.h"

static const char *const statement_keys[] = {
	"_type", "subject", "predicateType", "predicate", NULL};
static const char *const subject_keys[] = {"name", "digest", NULL};
static const char *const digest_keys[] = {"sha256", NULL};

void statement_release(struct statement *statement)
{
	json_release(&statement->root);
	memset(statement, 0, sizeof(*statement));
}

bool statement_open(struct bytes in, const char *predicate_type, size_t subjects_max,
	struct statement *ret, struct err *err)
{
	OWNED(json_release) json_t *root = NULL;
	struct json_fields f = json_fields_of("statement");
	const json_t *subjects, *predicate;

	if (!json_open(in, DSSE_PAYLOAD_MAX, &root, err))
		return err_wrap(err, "statement");
	json_only_keys(&f, root, statement_keys);
	if (strcmp(json_need_str(&f, root, "_type", 64), STATEMENT_TYPE) != 0)
		json_fields_fail(&f, "_type", "not an in-toto Statement v1");
	if (strcmp(json_need_str(&f, root, "predicateType", 128), predicate_type) != 0)
		json_fields_fail(&f, "predicateType", "not the one expected here");
	subjects = json_need_array(&f, root, "subject", subjects_max);
	predicate = json_need_object(&f, root, "predicate");
	if (json_array_size(subjects) == 0)
		json_fields_fail(&f, "subject", "empty");
	if (!json_fields_ok(&f, err))
		return false;
	*ret = (struct statement){.subjects = subjects,
		.predicate = predicate,
		.subject_count = json_array_size(subjects)};
	ret->root = TAKE(root);
	return true;
}

const char *statement_subject(const struct statement *statement, size_t i, struct json_fields *f,
	uint8_t digest[SHA256_LEN])
{
	const json_t *subject = json_array_get(statement->subjects, i);
	const json_t *digests;

	if (!json_is_object(subject)) {
		json_fields_fail(f, "subject", "not an object");
		return "";
	}
	json_only_keys(f, subject, subject_keys);
	digests = json_need_object(f, subject, "digest");
	if (digests) {
		json_only_keys(f, digests, digest_keys);
		json_need_hex(f, digests, "sha256", digest, SHA256_LEN);
	}
	return json_need_str(f, subject, "name", 255);
}

bool statement_write(const char *predicate_type, json_t *subjects, json_t *predicate,
	struct buf *out, struct err *err)
{
	OWNED(json_release)
	json_t *root = json_pack("{s:s,s:o,s:s,s:o}", "_type", STATEMENT_TYPE, "subject", subjects,
		"predicateType", predicate_type, "predicate", predicate);

	if (!root)
		return err_set(err, ERR_NOMEM, "statement: no memory, or text that is not UTF-8");
	return json_write(root, false, out, err);
}

bool statement_put_str(json_t *object, const char *key, const char *value)
{
	return !value || json_object_set_new(object, key, json_string(value)) == 0;
}

bool statement_put_hex(json_t *object, const char *key, const uint8_t digest[SHA256_LEN])
{
	char text[2 * SHA256_LEN + 1];

	hex_encode(bytes_of(digest, SHA256_LEN), text);
	return statement_put_str(object, key, text);
}

json_t *statement_subject_new(const char *name, const uint8_t digest[SHA256_LEN])
{
	char text[2 * SHA256_LEN + 1];

	hex_encode(bytes_of(digest, SHA256_LEN), text);
	return json_pack("{s:s,s:{s:s}}", "name", name, "digest", "sha256", text);
}

bool statement_want_text(
	struct json_fields *f, const json_t *object, const char *key, size_t max, char **ret)
{
	const char *text = json_want_str(f, object, key, max);

	if (!text)
		return true;
	if (!policy_text_ok(text, max))
		json_fields_fail(f, key, "empty, too long or with control characters");
	*ret = bytes_strdup(bytes_str(text));
	return *ret != NULL;
}

bool statement_need_text(
	struct json_fields *f, const json_t *object, const char *key, size_t max, char **ret)
{
	if (!statement_want_text(f, object, key, max, ret))
		return false;
	if (!*ret)
		json_fields_fail(f, key, "missing");
	return true;
}

bool statement_need_name(struct json_fields *f, const json_t *object, const char *key, char **ret)
{
	if (!statement_need_text(f, object, key, 64, ret))
		return false;
	if (*ret && !text_is_name(bytes_str(*ret)))
		json_fields_fail(f, key, "not a name (a-z, 0-9, dot, dash, underscore)");
	return true;
}
