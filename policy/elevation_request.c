/* SPDX-License-Identifier: Apache-2.0 */
/* The request, read and written: strict canonical JSON, so that its digest names it. */
#include <stdlib.h>

#include "base/text.h"
#include "base/time.h"
#include "policy/elevation.h"
#include "policy/policy_file.h"
#include "policy/statement.h"

#define REQUEST_TYPE "assay/elevation-request/1"
#define VERIFIER_MAX 255u
#define URI_MAX      511u

static const char *const members[] = {"type", "id", "verifier", "workload", "right", "reason",
	"requester", "person", "key", "host", "instance", "release", "clause", "duration", "asked",
	"lapses", NULL};

void elevation_request_free(struct elevation_request **request)
{
	struct elevation_request *r = *request;

	if (!r)
		return;
	free(r->verifier);
	free(r->workload);
	free(r->right);
	free(r->reason);
	free(r->requester);
	free(r->person);
	free(r);
	*request = NULL;
}

static bool want_hex(
	struct json_fields *f, const json_t *root, const char *key, uint8_t *out, size_t n)
{
	if (!json_object_get(root, key))
		return false;
	json_need_hex(f, root, key, out, n);
	return true;
}

static int64_t need_time(struct json_fields *f, const json_t *root, const char *key)
{
	int64_t seconds = 0;

	if (!time_parse(bytes_str(json_need_str(f, root, key, TIME_TEXT_MAX)), &seconds, NULL))
		json_fields_fail(f, key, "not a time (2026-11-22T23:21:38Z)");
	return seconds;
}

static bool request_read(const json_t *root, struct elevation_request *r, struct err *err)
{
	struct json_fields f = json_fields_of("elevation request");

	json_only_keys(&f, root, members);
	if (strcmp(json_need_str(&f, root, "type", 64), REQUEST_TYPE) != 0)
		json_fields_fail(&f, "type", "not " REQUEST_TYPE);
	if (!statement_need_text(&f, root, "verifier", VERIFIER_MAX, &r->verifier) ||
		!statement_need_name(&f, root, "workload", &r->workload) ||
		!statement_need_name(&f, root, "right", &r->right) ||
		!statement_need_text(&f, root, "reason", ELEVATION_REASON_MAX, &r->reason) ||
		!statement_need_text(&f, root, "requester", URI_MAX, &r->requester) ||
		!statement_want_text(&f, root, "person", VERIFIER_MAX, &r->person))
		return err_set(err, ERR_NOMEM, "elevation request: no memory");
	json_need_hex(&f, root, "id", r->id, sizeof(r->id));
	json_need_hex(&f, root, "key", r->key, sizeof(r->key));
	json_need_hex(&f, root, "clause", r->clause, sizeof(r->clause));
	r->has_host = want_hex(&f, root, "host", r->host, sizeof(r->host));
	r->has_instance = want_hex(&f, root, "instance", r->instance, sizeof(r->instance));
	r->has_release = want_hex(&f, root, "release", r->release, sizeof(r->release));
	if (r->has_instance && !r->has_host)
		json_fields_fail(&f, "instance", "without its host");
	r->duration =
		json_need_int(&f, root, "duration", ELEVATION_DURATION_MIN, ELEVATION_DURATION_MAX);
	r->asked = need_time(&f, root, "asked");
	r->lapses = need_time(&f, root, "lapses");
	return json_fields_ok(&f, err);
}

bool elevation_request_parse(struct bytes in, struct elevation_request **ret, struct err *err)
{
	OWNED(json_release) json_t *root = NULL;
	OWNED(elevation_request_free) struct elevation_request *r = NULL;

	if (!json_open(in, ELEVATION_REQUEST_MAX, &root, err))
		return err_wrap(err, "elevation request");
	r = policy_alloc(1, sizeof(*r), err);
	if (!r || !sha256_of(in, r->digest, err) || !request_read(root, r, err))
		return false;
	*ret = TAKE(r);
	return true;
}

static bool put_hex(json_t *root, const char *key, struct bytes value)
{
	char hex[2 * SHA256_LEN + 1];

	hex_encode(value, hex);
	return statement_put_str(root, key, hex);
}

bool elevation_request_write(const struct elevation_request *r, struct buf *out, struct err *err)
{
	OWNED(json_release) json_t *root = json_object();
	OWNED(elevation_request_free) struct elevation_request *check = NULL;
	OWNED(buf_release) struct buf text = {0};
	char asked[TIME_TEXT_MAX], lapses[TIME_TEXT_MAX];

	/* Without memory for the object, nothing can be put into it. */
	if (!statement_put_str(root, "type", REQUEST_TYPE) ||
		!statement_put_str(root, "verifier", r->verifier) ||
		!statement_put_str(root, "workload", r->workload) ||
		!statement_put_str(root, "right", r->right) ||
		!statement_put_str(root, "reason", r->reason) ||
		!statement_put_str(root, "requester", r->requester) ||
		!statement_put_str(root, "person", r->person) ||
		!statement_put_str(root, "asked", time_format(r->asked, asked)) ||
		!statement_put_str(root, "lapses", time_format(r->lapses, lapses)) ||
		!put_hex(root, "id", BYTES_OF(r->id)) || !put_hex(root, "key", BYTES_OF(r->key)) ||
		!put_hex(root, "clause", BYTES_OF(r->clause)) ||
		(r->has_host && !put_hex(root, "host", BYTES_OF(r->host))) ||
		(r->has_instance && !put_hex(root, "instance", BYTES_OF(r->instance))) ||
		(r->has_release && !put_hex(root, "release", BYTES_OF(r->release))) ||
		json_object_set_new(root, "duration", json_integer(r->duration)) != 0)
		return err_set(
			err, ERR_NOMEM, "elevation request: no memory, or text that is not UTF-8");
	if (!json_write(root, false, &text, err) ||
		!elevation_request_parse(buf_bytes(&text), &check, err))
		return false;
	buf_put(out, buf_bytes(&text));
	return buf_ok(out, err);
}
