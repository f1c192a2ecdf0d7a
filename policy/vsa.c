/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/vsa.h"

#include <ctype.h>

#include "base/text.h"
#include "base/time.h"
#include "policy/predicate.h"
#include "policy/statement.h"

#define PREDICATE_SUMMARY "https://slsa.dev/verification_summary/v1"
#define LEVEL_MAX         128u

/* ASSAY_CLASS_ and the class in capitals, as levels are written. */
static json_t *levels(const struct vsa *vsa)
{
	char level[LEVEL_MAX] = "FAILED";

	if (vsa->passed)
		(void)snprintf(level, sizeof(level), VSA_LEVEL_PREFIX "%s", vsa->risk_class);
	for (char *at = level; *at; at++)
		*at = *at == '-' || *at == '.' ? '_' : (char)toupper((unsigned char)*at);
	return json_pack("[s]", level);
}

static json_t *resource(const char *uri, const uint8_t *digest)
{
	char hex[2 * SHA256_LEN + 1];

	if (!digest)
		return json_pack("{s:s}", "uri", uri);
	hex_encode(bytes_of(digest, SHA256_LEN), hex);
	return json_pack("{s:s, s:{s:s}}", "uri", uri, "digest", "sha256", hex);
}

static bool inputs(const struct vsa *vsa, json_t *list, struct err *err)
{
	uint8_t digest[SHA256_LEN];
	char hex[2 * SHA256_LEN + 1], uri[sizeof("urn:sha256:") + 2 * SHA256_LEN];

	if (vsa->input_count > VSA_INPUTS_MAX)
		return err_set(err, ERR_LIMIT, "verification summary: more than %u inputs",
			VSA_INPUTS_MAX);
	for (size_t i = 0; i < vsa->input_count; i++) {
		if (!sha256_of(vsa->inputs[i], digest, err))
			return false;
		hex_encode(BYTES_OF(digest), hex);
		(void)snprintf(uri, sizeof(uri), "urn:sha256:%s", hex);
		if (json_array_append_new(list, resource(uri, digest)) != 0)
			return err_set(err, ERR_NOMEM, "verification summary");
	}
	return true;
}

static json_t *predicate_new(const struct vsa *vsa, json_t *list)
{
	char time[TIME_TEXT_MAX];
	json_t *predicate = json_pack("{s:{s:s}, s:s, s:s, s:o, s:s, s:o, s:s}", "verifier", "id",
		vsa->verifier_id, "timeVerified", time_format(vsa->time, time), "resourceUri",
		vsa->resource_uri, "policy", resource(vsa->policy_uri, vsa->policy_digest),
		"verificationResult", vsa->passed ? "PASSED" : "FAILED", "verifiedLevels",
		levels(vsa), "slsaVersion", "1.0");

	if (predicate && json_array_size(list) > 0 &&
		json_object_set(predicate, "inputAttestations", list) != 0) {
		json_decref(predicate);
		return NULL;
	}
	return predicate;
}

bool vsa_statement(const struct vsa *vsa, struct buf *out, struct err *err)
{
	OWNED(json_release) json_t *release = NULL;
	OWNED(json_release) json_t *list = json_array();
	OWNED(json_release) json_t *predicate = NULL;
	OWNED(buf_release) struct buf text = {0};
	OWNED(predicate_free) struct predicate *check = NULL;

	if (!list)
		return err_set(err, ERR_NOMEM, "verification summary");
	if (!json_open(vsa->release, JSON_INPUT_MAX, &release, err) || !inputs(vsa, list, err))
		return false;
	predicate = predicate_new(vsa, list);
	if (!predicate)
		return err_set(err, ERR_NOMEM,
			"verification summary: no memory, or text that is not UTF-8");
	if (!statement_write(PREDICATE_SUMMARY, json_incref(json_object_get(release, "subject")),
		    TAKE(predicate), &text, err) ||
		!predicate_parse(buf_bytes(&text), &check, err))
		return err_wrap(err, "verification summary");
	buf_put(out, buf_bytes(&text));
	return buf_ok(out, err);
}
