/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/predicate.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "crypto/dsse.h"
#include "evidence/names.h"
#include "policy/model_signature.h"
#include "policy/predicate_read.h"
#include "policy/statement.h"

static const char *const kind_names[] = {
	[PREDICATE_OTHER] = "other",
	[PREDICATE_PROVENANCE] = "provenance",
	[PREDICATE_TEST_RESULT] = "test-result",
	[PREDICATE_VSA] = "vsa",
	[PREDICATE_ASSESSMENT] = "assessment",
	[PREDICATE_BOM] = "bom",
	[PREDICATE_MODEL_SIGNATURE] = "model-signature",
};
static_assert(ARRAY_LEN(kind_names) == PREDICATE_KINDS, "every kind has a name");

static const char *const result_names[] = {
	[PREDICATE_FAILED] = "failed",
	[PREDICATE_WARNED] = "warned",
	[PREDICATE_PASSED] = "passed",
};

static const struct {
	const char *type;
	enum predicate_kind kind;
} types[] = {
	{"https://slsa.dev/provenance/v1", PREDICATE_PROVENANCE},
	{"https://in-toto.io/attestation/test-result/v0.1", PREDICATE_TEST_RESULT},
	{"https://slsa.dev/verification_summary/v1", PREDICATE_VSA},
	{MODEL_PREDICATE, PREDICATE_MODEL_SIGNATURE},
};
const char *predicate_kind_name(enum predicate_kind kind)
{
	return (unsigned)kind < PREDICATE_KINDS ? kind_names[kind] : "unknown";
}

const char *predicate_result_name(enum predicate_result result)
{
	return (unsigned)result < ARRAY_LEN(result_names) ? result_names[result] : "unknown";
}

bool predicate_payload_type_ok(const char *payload_type)
{
	struct bytes type = bytes_str(payload_type);
	const struct bytes head = BYTES_LIT("application/vnd.in-toto"), tail = BYTES_LIT("+json");
	struct bytes name;

	if (type.len < head.len + tail.len || memcmp(type.data, head.data, head.len) != 0 ||
		memcmp(type.data + type.len - tail.len, tail.data, tail.len) != 0)
		return false;
	name = bytes_of(type.data + head.len, type.len - head.len - tail.len);
	return name.len == 0 ||
	       (name.data[0] == '.' && text_is_name(bytes_of(name.data + 1, name.len - 1)));
}

void predicate_free(struct predicate **predicate)
{
	struct predicate *gone = TAKE(*predicate);

	if (!gone)
		return;
	free(gone->type);
	for (size_t i = 0; i < gone->subject_count; i++)
		free(gone->subjects[i].name);
	free(gone->subjects);
	provenance_release(&gone->provenance);
	test_result_release(&gone->test_result);
	vsa_release(&gone->vsa);
	assessment_release(&gone->assessment);
	bom_free(&gone->bom);
	free(gone->bom_fault);
	free(gone);
}

/* What stands between our prefix and "/v1"; a type below the prefix that has no such form is a
 * fault, for its sense would be open. */
static struct bytes assessment_name(struct reading *r, const char *type)
{
	const size_t prefix = sizeof(PREDICATE_ASSESSMENT_PREFIX) - 1, suffix = 3;
	size_t len = strlen(type);
	struct bytes name =
		bytes_of(type + prefix, len > prefix + suffix ? len - prefix - suffix : 0);

	if (!text_is_name(name) || strcmp(type + len - suffix, "/v1") != 0)
		json_fields_fail(&r->f, "predicateType", "not an assessment/<name>/v1");
	return name;
}

static enum predicate_kind kind_of(const char *type)
{
	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if (strcmp(type, types[i].type) == 0)
			return types[i].kind;
	if (bom_is_type(type))
		return PREDICATE_BOM;
	if (strncmp(type, PREDICATE_ASSESSMENT_PREFIX, strlen(PREDICATE_ASSESSMENT_PREFIX)) == 0)
		return PREDICATE_ASSESSMENT;
	return PREDICATE_OTHER;
}

static void subjects_read(struct reading *r, const json_t *root, struct predicate *ret)
{
	const json_t *array = json_need_array(&r->f, root, "subject", PREDICATE_SUBJECTS_MAX);
	size_t n = json_array_size(array);

	if (n == 0)
		json_fields_fail(&r->f, "subject", "empty");
	ret->subjects = reading_alloc(r, n, sizeof(*ret->subjects));
	if (!ret->subjects)
		return;
	ret->subject_count = n;
	r->list = "subject";
	for (r->index = 0; r->index < n; r->index++) {
		const json_t *subject = json_array_get(array, r->index);

		read_want_text(
			r, subject, "name", PREDICATE_URI_MAX, &ret->subjects[r->index].name);
		read_digest(r, subject, true, &ret->subjects[r->index].digest);
		if (!reading_goes_on(r))
			return;
	}
	r->list = NULL;
}

static void bom_content_read(struct reading *r, const json_t *content, struct predicate *ret)
{
	struct err why = {0};

	if (bom_read(ret->type, content, &ret->bom, &why))
		return;
	ret->bom_fault = why.code == ERR_NOMEM ? NULL : bytes_strdup(bytes_str(why.text));
	r->starved = !ret->bom_fault;
}

static void content_read(struct reading *r, const json_t *root, struct predicate *ret)
{
	const json_t *content = read_want_object(r, root, "predicate");

	if (!reading_goes_on(r))
		return;
	ret->kind = kind_of(ret->type);
	switch (ret->kind) {
	case PREDICATE_PROVENANCE:
		provenance_read(r, content, &ret->provenance);
		break;
	case PREDICATE_TEST_RESULT:
		test_result_read(r, content, &ret->test_result);
		break;
	case PREDICATE_VSA:
		vsa_read(r, content, &ret->vsa);
		break;
	case PREDICATE_ASSESSMENT:
		assessment_read(r, assessment_name(r, ret->type), content, &ret->assessment);
		break;
	case PREDICATE_BOM:
		bom_content_read(r, content, ret);
		break;
	default:
		break;
	}
}

/* Version 0.1 has the same members; cosign and SLSA's GitHub generators still write it. */
static bool is_statement(const char *type)
{
	return strcmp(type, STATEMENT_TYPE) == 0 ||
	       strcmp(type, "https://in-toto.io/Statement/v0.1") == 0;
}

bool predicate_parse(struct bytes statement, struct predicate **ret, struct err *err)
{
	OWNED(json_release) json_t *root = NULL;
	OWNED(predicate_free) struct predicate *made = NULL;
	struct reading r = reading_of("statement");

	if (!json_open(statement, DSSE_PAYLOAD_MAX, &root, err))
		return err_wrap(err, "statement");
	made = reading_alloc(&r, 1, sizeof(*made));
	if (!made)
		return err_set(err, ERR_NOMEM, "statement: no memory");
	if (!is_statement(json_need_str(&r.f, root, "_type", 64)))
		json_fields_fail(&r.f, "_type", "not an in-toto Statement v1 or v0.1");
	read_need_text(&r, root, "predicateType", PREDICATE_URI_MAX, &made->type);
	subjects_read(&r, root, made);
	content_read(&r, root, made);
	if (!reading_ok(&r, err))
		return false;
	if (made->kind == PREDICATE_MODEL_SIGNATURE &&
		!model_signature_read(statement, &made->model, err))
		return err_wrap(err, "statement");
	*ret = TAKE(made);
	return true;
}

bool predicate_has_subject(const struct predicate *predicate, const uint8_t sha256[SHA256_LEN])
{
	for (size_t i = 0; i < predicate->subject_count; i++) {
		const struct predicate_digest *digest = &predicate->subjects[i].digest;

		if (digest->has_sha256 && memcmp(digest->sha256, sha256, SHA256_LEN) == 0)
			return true;
	}
	return false;
}

static bool is_subject(const void *predicate, const uint8_t sha256[SHA256_LEN])
{
	return predicate_has_subject(predicate, sha256);
}

bool predicate_bom_fits(const struct predicate *predicate, char ret_why[PREDICATE_TEXT_MAX])
{
	const struct bom_component *other = bom_other(predicate->bom, is_subject, NULL, predicate);

	if (!other)
		return true;
	(void)snprintf(ret_why, PREDICATE_TEXT_MAX, "the BOM describes another %s: %s",
		bom_kind_name(other->kind), ESC(bytes_str(other->name)));
	return false;
}

bool predicate_metric_of(const struct predicate *predicate, const char *name, double *ret)
{
	const struct predicate_assessment *assessment = &predicate->assessment;

	for (size_t i = 0; i < assessment->metric_count; i++)
		if (strcmp(assessment->metrics[i].name, name) == 0) {
			*ret = assessment->metrics[i].value;
			return true;
		}
	return false;
}
