/* SPDX-License-Identifier: Apache-2.0 */
/* The elevations that a decision is made with, as one object: requests, whose word is beside them,
 * and where the ledger has them. */
#include <stdlib.h>

#include "base/time.h"
#include "policy/elevation.h"
#include "policy/policy_file.h"
#include "policy/statement.h"

#define SET_TYPE "assay/elevations/1"

static const char *const members[] = {"type", "elevations", NULL};
static const char *const parts[] = {
	"request", "entry", "activation", "activated", "approvals", NULL};

void elevation_release(struct elevation *e)
{
	elevation_request_free(&e->request);
	for (size_t i = 0; i < e->approval_count; i++)
		buf_release(&e->approvals[i]);
	memset(e, 0, sizeof(*e));
}

void elevation_set_release(struct elevation_set *set)
{
	for (size_t i = 0; i < set->count; i++)
		elevation_release(&set->list[i]);
	set->count = 0;
}

static bool approvals_read(const json_t *list, struct elevation *e, struct err *err)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		struct buf *to = &e->approvals[e->approval_count++];

		if (!json_write(json_array_get(list, i), false, to, err))
			return err_wrap(err, "approval %zu", i);
		if (to->len > ELEVATION_ENVELOPE_MAX)
			return err_set(err, ERR_LIMIT, "approval %zu: more than %u bytes", i,
				ELEVATION_ENVELOPE_MAX);
	}
	return true;
}

static bool one_read(const json_t *root, struct elevation *e, struct err *err)
{
	struct json_fields f = json_fields_of("elevation");
	const json_t *request = json_need_object(&f, root, "request");
	const json_t *approvals = json_need_array(&f, root, "approvals", ELEVATION_APPROVALS_MAX);
	OWNED(buf_release) struct buf text = {0};

	json_only_keys(&f, root, parts);
	json_need_hex(&f, root, "entry", e->entry, SHA256_LEN);
	json_need_hex(&f, root, "activation", e->activation, SHA256_LEN);
	if (!time_parse(bytes_str(json_need_str(&f, root, "activated", TIME_TEXT_MAX)),
		    &e->activated, NULL))
		json_fields_fail(&f, "activated", "not a time (2026-11-22T23:21:38Z)");
	return json_fields_ok(&f, err) && json_write(request, false, &text, err) &&
	       elevation_request_parse(buf_bytes(&text), &e->request, err) &&
	       approvals_read(approvals, e, err);
}

bool elevation_set_parse(struct bytes in, struct elevation_set *ret, struct err *err)
{
	OWNED(json_release) json_t *root = NULL;
	struct json_fields f = json_fields_of("elevations");
	const json_t *list;

	*ret = (struct elevation_set){0};
	if (!json_open(in, ELEVATION_SET_MAX, &root, err))
		return err_wrap(err, "elevations");
	json_only_keys(&f, root, members);
	if (strcmp(json_need_str(&f, root, "type", 64), SET_TYPE) != 0)
		json_fields_fail(&f, "type", "not " SET_TYPE);
	list = json_need_array(&f, root, "elevations", ELEVATIONS_MAX);
	if (!json_fields_ok(&f, err))
		return false;
	for (size_t i = 0; i < json_array_size(list); i++) {
		bool ok = one_read(json_array_get(list, i), &ret->list[ret->count++], err);

		if (!ok) {
			elevation_set_release(ret);
			return err_wrap(err, "elevations: %zu", i);
		}
	}
	return true;
}

static json_t *approvals_json(const struct elevation *e, struct err *err)
{
	OWNED(json_release) json_t *list = json_array();

	for (size_t i = 0; i < e->approval_count; i++) {
		json_t *one = NULL;

		if (!json_open(buf_bytes(&e->approvals[i]), ELEVATION_ENVELOPE_MAX, &one, err))
			return NULL;
		if (json_array_append_new(list, one) != 0) {
			(void)err_set(err, ERR_NOMEM, "no memory");
			return NULL;
		}
	}
	return TAKE(list);
}

static json_t *one_json(const struct elevation *e, struct err *err)
{
	OWNED(buf_release) struct buf text = {0};
	OWNED(json_release) json_t *one = json_object(), *approvals = NULL, *request = NULL;
	char activated[TIME_TEXT_MAX];

	if (!elevation_request_write(e->request, &text, err) ||
		!json_open(buf_bytes(&text), ELEVATION_REQUEST_MAX, &request, err))
		return NULL;
	approvals = approvals_json(e, err);
	if (!approvals)
		return NULL;
	if (json_object_set(one, "request", request) != 0 ||
		json_object_set(one, "approvals", approvals) != 0 ||
		!statement_put_hex(one, "entry", e->entry) ||
		!statement_put_hex(one, "activation", e->activation) ||
		!statement_put_str(one, "activated", time_format(e->activated, activated))) {
		(void)err_set(err, ERR_NOMEM, "no memory");
		return NULL;
	}
	return TAKE(one);
}

bool elevation_set_write(const struct elevation_set *set, struct buf *out, struct err *err)
{
	OWNED(json_release) json_t *root = json_object();
	OWNED(json_release) json_t *list = json_array();

	if (set->count == 0)
		return true;
	for (size_t i = 0; i < set->count; i++) {
		json_t *one = one_json(&set->list[i], err);

		if (!one)
			return err_wrap(err, "elevations");
		if (json_array_append_new(list, one) != 0)
			return err_set(err, ERR_NOMEM, "elevations: no memory");
	}
	if (!statement_put_str(root, "type", SET_TYPE) ||
		json_object_set(root, "elevations", list) != 0)
		return err_set(err, ERR_NOMEM, "elevations: no memory");
	return json_write(root, false, out, err);
}
