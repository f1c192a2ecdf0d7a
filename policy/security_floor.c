/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/security_floor.h"

#include <stdlib.h>

#include "base/text.h"
#include "base/time.h"
#include "crypto/dsse.h"
#include "evidence/names.h"
#include "policy/policy_file.h"
#include "policy/release_version.h"
#include "policy/statement.h"

#define FLOOR_TYPE       "assay/security-floor/1"
#define FLOOR_PAYLOAD    (64u << 10)
#define FLOOR_REASON_MAX 2048u
#define DOMAIN_MAX       255u

static const char *const members[] = {
	"type", "trust_domain", "workload", "minimum", "sequence", "reason", "issued", NULL};

void security_floor_free(struct security_floor **floor)
{
	struct security_floor *f = *floor;

	if (!f)
		return;
	free(f->trust_domain);
	free(f->workload);
	free(f->minimum);
	free(f->reason);
	free(f);
	*floor = NULL;
}

static bool floor_read(const json_t *root, struct security_floor *floor, struct err *err)
{
	struct json_fields f = json_fields_of("security floor");
	struct release_version version;

	json_only_keys(&f, root, members);
	if (strcmp(json_need_str(&f, root, "type", 64), FLOOR_TYPE) != 0)
		json_fields_fail(&f, "type", "not " FLOOR_TYPE);
	if (!statement_need_text(&f, root, "trust_domain", DOMAIN_MAX, &floor->trust_domain) ||
		!statement_need_name(&f, root, "workload", &floor->workload) ||
		!statement_want_text(&f, root, "minimum", RELEASE_VERSION_MAX, &floor->minimum) ||
		!statement_need_text(&f, root, "reason", FLOOR_REASON_MAX, &floor->reason))
		return err_set(err, ERR_NOMEM, "security floor: no memory");
	if (floor->minimum && !release_version_parse(bytes_str(floor->minimum), &version))
		json_fields_fail(
			&f, "minimum", "not a version that has an order (1.4.0, 1.4.0-rc.1, 1.4)");
	floor->sequence = json_need_int(&f, root, "sequence", 1, SECURITY_FLOOR_SEQUENCE_MAX);
	if (!time_parse(bytes_str(json_need_str(&f, root, "issued", TIME_TEXT_MAX)), &floor->issued,
		    NULL))
		json_fields_fail(&f, "issued", "not a time (2026-11-22T23:21:38Z)");
	return json_fields_ok(&f, err);
}

bool security_floor_parse(struct bytes payload, struct security_floor **ret, struct err *err)
{
	OWNED(json_release) json_t *root = NULL;
	OWNED(security_floor_free) struct security_floor *floor = NULL;

	if (!json_open(payload, FLOOR_PAYLOAD, &root, err))
		return err_wrap(err, "security floor");
	floor = policy_alloc(1, sizeof(*floor), err);
	if (!floor || !sha256_of(payload, floor->digest, err) || !floor_read(root, floor, err))
		return false;
	*ret = TAKE(floor);
	return true;
}

bool security_floor_write(const struct security_floor *floor, struct buf *out, struct err *err)
{
	OWNED(json_release) json_t *root = json_object();
	OWNED(security_floor_free) struct security_floor *check = NULL;
	OWNED(buf_release) struct buf text = {0};
	char issued[TIME_TEXT_MAX];

	/* Without memory for the object, nothing can be put into it. */
	if (!statement_put_str(root, "type", FLOOR_TYPE) ||
		!statement_put_str(root, "trust_domain", floor->trust_domain) ||
		!statement_put_str(root, "workload", floor->workload) ||
		!statement_put_str(root, "minimum", floor->minimum) ||
		!statement_put_str(root, "reason", floor->reason) ||
		!statement_put_str(root, "issued", time_format(floor->issued, issued)) ||
		json_object_set_new(root, "sequence", json_integer(floor->sequence)) != 0)
		return err_set(
			err, ERR_NOMEM, "security floor: no memory, or text that is not UTF-8");
	if (!json_write(root, false, &text, err) ||
		!security_floor_parse(buf_bytes(&text), &check, err))
		return false;
	buf_put(out, buf_bytes(&text));
	return buf_ok(out, err);
}

static bool envelope_open(
	struct bytes envelope, struct dsse **ret_dsse, struct security_floor **ret, struct err *err)
{
	OWNED(dsse_free) struct dsse *dsse = NULL;

	if (envelope.len > SECURITY_FLOOR_ENVELOPE_MAX)
		return err_set(err, ERR_LIMIT, "security floor: %zu bytes: more than %u",
			envelope.len, SECURITY_FLOOR_ENVELOPE_MAX);
	if (!dsse_parse(envelope, &dsse, err))
		return err_wrap(err, "security floor");
	if (strcmp(dsse->payload_type, MEDIA_SECURITY_FLOOR) != 0)
		return err_set(err, ERR_FORMAT,
			"security floor: payload type %s: expected " MEDIA_SECURITY_FLOOR,
			ESC(bytes_str(dsse->payload_type)));
	if (!security_floor_parse(buf_bytes(&dsse->payload), ret, err))
		return false;
	*ret_dsse = TAKE(dsse);
	return true;
}

bool security_floor_open(struct bytes envelope, struct security_floor **ret, struct err *err)
{
	OWNED(dsse_free) struct dsse *dsse = NULL;

	return envelope_open(envelope, &dsse, ret, err);
}

bool security_floor_verify(struct bytes envelope, const struct policy_signers *signers,
	struct security_floor **ret, uint64_t *ret_signed, struct err *err)
{
	OWNED(dsse_free) struct dsse *dsse = NULL;
	OWNED(security_floor_free) struct security_floor *floor = NULL;

	*ret_signed = 0;
	if (!envelope_open(envelope, &dsse, &floor, err))
		return false;
	if (!policy_signers_verify(dsse, signers, ret_signed, err))
		return err_wrap(err, "security floor");
	*ret = TAKE(floor);
	return true;
}

bool security_floor_sign_too(
	struct bytes envelope, struct key *key, struct buf *out, struct err *err)
{
	OWNED(dsse_free) struct dsse *dsse = NULL;
	OWNED(security_floor_free) struct security_floor *floor = NULL;
	struct key *const keys[] = {key};
	uint64_t mask = 0;

	if (!envelope_open(envelope, &dsse, &floor, err) ||
		!dsse_verify(dsse, keys, ARRAY_LEN(keys), &mask, err))
		return false;
	if (mask)
		return err_set(err, ERR_CONFLICT, "this key has signed it already");
	return dsse_add_signature(envelope, key, out, err);
}

bool security_floor_sign(
	const struct security_floor *floor, struct key *key, struct buf *out, struct err *err)
{
	OWNED(buf_release) struct buf payload = {0};

	return security_floor_write(floor, &payload, err) &&
	       dsse_sign(MEDIA_SECURITY_FLOOR, buf_bytes(&payload), key, out, err);
}
