/* SPDX-License-Identifier: Apache-2.0 */
/* The statement of one person on a request for an elevation (docs/formats/elevation.md). */
#include <stdlib.h>

#include "base/text.h"
#include "base/time.h"
#include "evidence/names.h"
#include "policy/elevation.h"
#include "policy/policy_file.h"
#include "policy/statement.h"

#define SUBJECT    "elevation-request"
#define TEXT_MAX   255u
#define PERSON_MAX 128u
#define APPROVED   "approved"
#define DENIED     "denied"

static const char *const members[] = {"id", "entry", "verifier", "workload", "right", "decision",
	"person", "role", "reason", "duration", "issued", "expires", NULL};

void elevation_approval_free(struct elevation_approval **approval)
{
	struct elevation_approval *a = *approval;

	if (!a)
		return;
	free(a->verifier);
	free(a->workload);
	free(a->right);
	free(a->person);
	free(a->role);
	free(a->reason);
	free(a);
	*approval = NULL;
}

static int64_t need_time(struct json_fields *f, const json_t *root, const char *key)
{
	int64_t seconds = 0;

	if (!time_parse(bytes_str(json_need_str(f, root, key, TIME_TEXT_MAX)), &seconds, NULL))
		json_fields_fail(f, key, "not a time (2026-11-22T23:21:38Z)");
	return seconds;
}

static bool approval_read(
	const struct statement *statement, struct elevation_approval *a, struct err *err)
{
	const json_t *p = statement->predicate;
	struct json_fields f = json_fields_of("elevation approval");
	const char *decision;

	if (strcmp(statement_subject(statement, 0, &f, a->request), SUBJECT) != 0)
		json_fields_fail(&f, "subject", "not a request for an elevation");
	json_only_keys(&f, p, members);
	if (!statement_need_text(&f, p, "verifier", TEXT_MAX, &a->verifier) ||
		!statement_need_name(&f, p, "workload", &a->workload) ||
		!statement_need_name(&f, p, "right", &a->right) ||
		!statement_need_text(&f, p, "person", PERSON_MAX, &a->person) ||
		!statement_need_name(&f, p, "role", &a->role) ||
		!statement_need_text(&f, p, "reason", ELEVATION_REASON_MAX, &a->reason))
		return err_set(err, ERR_NOMEM, "elevation approval: no memory");
	json_need_hex(&f, p, "id", a->id, sizeof(a->id));
	json_need_hex(&f, p, "entry", a->entry, sizeof(a->entry));
	a->duration =
		json_need_int(&f, p, "duration", ELEVATION_DURATION_MIN, ELEVATION_DURATION_MAX);
	a->issued = need_time(&f, p, "issued");
	a->expires = need_time(&f, p, "expires");
	if (a->expires <= a->issued)
		json_fields_fail(&f, "expires", "not after issued");
	decision = json_need_str(&f, p, "decision", 16);
	a->denied = strcmp(decision, DENIED) == 0;
	if (!a->denied && strcmp(decision, APPROVED) != 0)
		json_fields_fail(&f, "decision", "neither " APPROVED " nor " DENIED);
	return json_fields_ok(&f, err);
}

bool elevation_approval_parse(struct bytes in, struct elevation_approval **ret, struct err *err)
{
	OWNED(statement_release) struct statement statement = {0};
	OWNED(elevation_approval_free) struct elevation_approval *a = NULL;

	if (!statement_open(in, PREDICATE_ELEVATION, 1, &statement, err))
		return err_wrap(err, "elevation approval");
	a = policy_alloc(1, sizeof(*a), err);
	if (!a || !approval_read(&statement, a, err))
		return false;
	*ret = TAKE(a);
	return true;
}

bool elevation_approval_statement(
	const struct elevation_approval *a, struct buf *out, struct err *err)
{
	OWNED(json_release) json_t *predicate = json_object();
	OWNED(json_release) json_t *subjects = json_array();
	OWNED(elevation_approval_free) struct elevation_approval *check = NULL;
	OWNED(buf_release) struct buf text = {0};
	char issued[TIME_TEXT_MAX], expires[TIME_TEXT_MAX], id[2 * ELEVATION_ID_LEN + 1];

	hex_encode(BYTES_OF(a->id), id);
	/* Without memory for either, nothing can be put into it. */
	if (json_array_append_new(subjects, statement_subject_new(SUBJECT, a->request)) != 0 ||
		!statement_put_str(predicate, "id", id) ||
		!statement_put_hex(predicate, "entry", a->entry) ||
		!statement_put_str(predicate, "verifier", a->verifier) ||
		!statement_put_str(predicate, "workload", a->workload) ||
		!statement_put_str(predicate, "right", a->right) ||
		!statement_put_str(predicate, "decision", a->denied ? DENIED : APPROVED) ||
		!statement_put_str(predicate, "person", a->person) ||
		!statement_put_str(predicate, "role", a->role) ||
		!statement_put_str(predicate, "reason", a->reason) ||
		!statement_put_str(predicate, "issued", time_format(a->issued, issued)) ||
		!statement_put_str(predicate, "expires", time_format(a->expires, expires)) ||
		json_object_set_new(predicate, "duration", json_integer(a->duration)) != 0)
		return err_set(
			err, ERR_NOMEM, "elevation approval: no memory, or text that is not UTF-8");
	if (!statement_write(PREDICATE_ELEVATION, TAKE(subjects), TAKE(predicate), &text, err) ||
		!elevation_approval_parse(buf_bytes(&text), &check, err))
		return false;
	buf_put(out, buf_bytes(&text));
	return buf_ok(out, err);
}
