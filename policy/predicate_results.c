/* SPDX-License-Identifier: Apache-2.0 */
/* What somebody found out about an artefact: test results, verification summaries, assessments. */
#include <stdlib.h>

#include "base/text.h"
#include "policy/policy_file.h"
#include "policy/predicate_read.h"

enum { METRIC_NAME_MAX = 128, BY_MAX = 256 };

static const char *const assessment_keys[] = {
	"result", "by", "issued", "expires", "report", "metrics", NULL};
static const char *const report_keys[] = {"digest", NULL};
static const char *const report_digest_keys[] = {"sha256", NULL};

void test_result_read(struct reading *r, const json_t *object, struct predicate_test_result *ret)
{
	ret->result = read_result(r, object, "result", true, false);
	(void)json_need_array(&r->f, object, "configuration", PREDICATE_DEPENDENCIES_MAX);
	read_want_text(r, object, "url", PREDICATE_URI_MAX, &ret->url);
	read_names(r, object, "passedTests", &ret->passed);
	read_names(r, object, "warnedTests", &ret->warned);
	read_names(r, object, "failedTests", &ret->failed);
	read_resources(r, object, "configuration", PREDICATE_DEPENDENCIES_MAX, false,
		&ret->configuration, &ret->configuration_count);
	if (ret->failed.count > 0 && ret->result != PREDICATE_FAILED)
		json_fields_fail(&r->f, "result", "not FAILED, though tests failed");
}

void test_result_release(struct predicate_test_result *test_result)
{
	free(test_result->url);
	names_release(&test_result->passed);
	names_release(&test_result->warned);
	names_release(&test_result->failed);
	resources_free(&test_result->configuration, test_result->configuration_count);
}

void vsa_read(struct reading *r, const json_t *object, struct predicate_vsa *ret)
{
	const json_t *verifier = json_need_object(&r->f, object, "verifier");
	const json_t *policy = json_need_object(&r->f, object, "policy");

	read_need_text(r, verifier, "id", PREDICATE_URI_MAX, &ret->verifier_id);
	read_need_text(r, object, "resourceUri", PREDICATE_URI_MAX, &ret->resource_uri);
	ret->time_verified = read_want_time(r, object, "timeVerified");
	if (policy)
		read_resource(r, policy, false, &ret->policy);
	if (reading_goes_on(r) && !ret->policy.uri)
		json_fields_fail(&r->f, "policy", "has no uri");
	ret->result = read_result(r, object, "verificationResult", false, false);
	(void)json_need_array(&r->f, object, "verifiedLevels", PREDICATE_NAMES_MAX);
	read_names(r, object, "verifiedLevels", &ret->levels);
	read_resources(r, object, "inputAttestations", PREDICATE_NAMES_MAX, true, &ret->inputs,
		&ret->input_count);
}

void vsa_release(struct predicate_vsa *vsa)
{
	free(vsa->verifier_id);
	free(vsa->resource_uri);
	resource_release(&vsa->policy);
	resources_free(&vsa->inputs, vsa->input_count);
	names_release(&vsa->levels);
}

static int metric_order(const void *a, const void *b)
{
	return strcmp(((const struct predicate_metric *)a)->name,
		((const struct predicate_metric *)b)->name);
}

static void read_metric(
	struct reading *r, const char *name, const json_t *value, struct predicate_metric *ret)
{
	if (!json_is_number(value))
		json_fields_fail(&r->f, name, "expected a number");
	if (!policy_text_ok(name, METRIC_NAME_MAX))
		json_fields_fail(
			&r->f, "metrics", "a name empty, too long or with control characters");
	if (!reading_goes_on(r))
		return;
	ret->name = bytes_strdup(bytes_str(name));
	ret->value = json_number_value(value);
	r->starved = !ret->name;
}

static void read_metrics(struct reading *r, const json_t *object, struct predicate_assessment *ret)
{
	json_t *metrics = (json_t *)read_want_object(r, object, "metrics");
	const char *name;
	json_t *value;

	if (json_object_size(metrics) > PREDICATE_NAMES_MAX)
		json_fields_fail(&r->f, "metrics", "too many items");
	ret->metrics = reading_alloc(r, json_object_size(metrics), sizeof(*ret->metrics));
	if (!ret->metrics)
		return;
	json_object_foreach(metrics, name, value)
	{
		read_metric(r, name, value, &ret->metrics[ret->metric_count]);
		if (!reading_goes_on(r))
			return;
		ret->metric_count++;
	}
	qsort(ret->metrics, ret->metric_count, sizeof(*ret->metrics), metric_order);
}

void assessment_read(struct reading *r, struct bytes name, const json_t *object,
	struct predicate_assessment *ret)
{
	const json_t *report = json_need_object(&r->f, object, "report");
	const json_t *digest = json_need_object(&r->f, report, "digest");

	ret->name = bytes_strdup(name);
	r->starved = r->starved || !ret->name;
	json_only_keys(&r->f, object, assessment_keys);
	json_only_keys(&r->f, report, report_keys);
	json_only_keys(&r->f, digest, report_digest_keys);
	json_need_hex(&r->f, digest, "sha256", ret->report, SHA256_LEN);
	ret->result = read_result(r, object, "result", false, true);
	read_need_text(r, object, "by", BY_MAX, &ret->by);
	ret->issued = read_need_time(r, object, "issued");
	ret->expires = read_need_time(r, object, "expires");
	if (ret->expires <= ret->issued)
		json_fields_fail(&r->f, "expires", "not after issued");
	read_metrics(r, object, ret);
}

void assessment_release(struct predicate_assessment *assessment)
{
	free(assessment->name);
	free(assessment->by);
	for (size_t i = 0; i < assessment->metric_count; i++)
		free(assessment->metrics[i].name);
	free(assessment->metrics);
}
