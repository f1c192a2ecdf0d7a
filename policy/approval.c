/* SPDX-License-Identifier: Apache-2.0 */
/* The approval statement (docs/formats/release.md), read and written. */
#include <stdlib.h>

#include "base/time.h"
#include "policy/policy_file.h"
#include "policy/release_version.h"
#include "policy/statement.h"

#define APPROVAL_TEXT_MAX   128u
#define APPROVAL_REASON_MAX 2048u
#define APPROVAL_SUBJECT    "release"

static const char *const predicate_keys[] = {"environment", "clause", "person", "role", "reason",
	"change_request", "issued", "expires", "withdrawn", NULL};
static const char *const rollback_keys[] = {"environment", "clause", "person", "role", "reason",
	"change_request", "issued", "expires", "workload", "from", "floor", NULL};

struct approval *approval_ref(struct approval *approval)
{
	if (approval)
		atomic_fetch_add_explicit(&approval->others, 1, memory_order_relaxed);
	return approval;
}

void approval_free(struct approval **approval)
{
	struct approval *a = TAKE(*approval);

	if (!a || atomic_fetch_sub_explicit(&a->others, 1, memory_order_acq_rel) != 0)
		return;
	free(a->environment);
	free(a->person);
	free(a->role);
	free(a->reason);
	free(a->change_request);
	free(a->workload);
	free(a->from);
	free(a);
}

static int64_t need_time(struct json_fields *f, const json_t *object, const char *key)
{
	int64_t seconds = 0;

	if (!time_parse(bytes_str(json_need_str(f, object, key, TIME_TEXT_MAX)), &seconds, NULL))
		json_fields_fail(f, key, "not a time (2026-11-22T23:21:38Z)");
	return seconds;
}

static bool rollback_read(struct json_fields *f, const json_t *p, struct approval *a)
{
	a->floor = (uint64_t)json_need_int(f, p, "floor", 1, INT64_MAX);
	return statement_need_name(f, p, "workload", &a->workload) &&
	       statement_need_text(f, p, "from", RELEASE_VERSION_MAX, &a->from);
}

static bool approval_read(
	const struct statement *statement, bool rollback, struct approval *a, struct err *err)
{
	const json_t *p = statement->predicate;
	struct json_fields f = json_fields_of(rollback ? "rollback approval" : "approval");
	const char *subject = statement_subject(statement, 0, &f, a->release);

	if (strcmp(subject, APPROVAL_SUBJECT) != 0)
		json_fields_fail(&f, "subject", "not a release");
	json_only_keys(&f, p, rollback ? rollback_keys : predicate_keys);
	if ((rollback && !rollback_read(&f, p, a)) ||
		!statement_need_name(&f, p, "environment", &a->environment) ||
		!statement_need_text(&f, p, "person", APPROVAL_TEXT_MAX, &a->person) ||
		!statement_need_name(&f, p, "role", &a->role) ||
		!statement_need_text(&f, p, "reason", APPROVAL_REASON_MAX, &a->reason) ||
		!statement_want_text(
			&f, p, "change_request", APPROVAL_TEXT_MAX, &a->change_request))
		return err_set(err, ERR_NOMEM, "approval: no memory");
	json_need_hex(&f, p, "clause", a->clause, SHA256_LEN);
	a->issued = need_time(&f, p, "issued");
	a->expires = need_time(&f, p, "expires");
	a->withdrawn = json_want_bool(&f, p, "withdrawn", false); /* of a rollback: unknown above */
	if (a->expires <= a->issued)
		json_fields_fail(&f, "expires", "not after issued");
	return json_fields_ok(&f, err);
}

static bool parse(struct bytes in, bool rollback, struct approval **ret, struct err *err)
{
	OWNED(statement_release) struct statement statement = {0};
	OWNED(approval_free) struct approval *a = NULL;

	if (!statement_open(
		    in, rollback ? PREDICATE_ROLLBACK : PREDICATE_APPROVAL, 1, &statement, err))
		return err_wrap(err, rollback ? "rollback approval" : "approval");
	a = policy_alloc(1, sizeof(*a), err);
	if (!a || !approval_read(&statement, rollback, a, err))
		return false;
	*ret = TAKE(a);
	return true;
}

bool approval_parse(struct bytes in, struct approval **ret, struct err *err)
{
	return parse(in, false, ret, err);
}

bool rollback_approval_parse(struct bytes in, struct approval **ret, struct err *err)
{
	return parse(in, true, ret, err);
}

static bool put_kind(json_t *predicate, bool rollback, const struct approval *a)
{
	if (!rollback)
		return json_object_set_new(predicate, "withdrawn", json_boolean(a->withdrawn)) == 0;
	return statement_put_str(predicate, "workload", a->workload) &&
	       statement_put_str(predicate, "from", a->from) &&
	       json_object_set_new(predicate, "floor", json_integer((json_int_t)a->floor)) == 0;
}

static bool write(const struct approval *a, bool rollback, struct buf *out, struct err *err)
{
	OWNED(json_release) json_t *predicate = json_object();
	OWNED(json_release) json_t *subjects = json_array();
	OWNED(approval_free) struct approval *check = NULL;
	OWNED(buf_release) struct buf text = {0};
	char issued[TIME_TEXT_MAX], expires[TIME_TEXT_MAX];

	/* Without memory for either, nothing can be put into it. */
	if (json_array_append_new(subjects, statement_subject_new(APPROVAL_SUBJECT, a->release)) !=
			0 ||
		!statement_put_str(predicate, "environment", a->environment) ||
		!statement_put_str(predicate, "person", a->person) ||
		!statement_put_str(predicate, "role", a->role) ||
		!statement_put_str(predicate, "reason", a->reason) ||
		!statement_put_str(predicate, "change_request", a->change_request) ||
		!statement_put_str(predicate, "issued", time_format(a->issued, issued)) ||
		!statement_put_str(predicate, "expires", time_format(a->expires, expires)) ||
		!statement_put_hex(predicate, "clause", a->clause) ||
		!put_kind(predicate, rollback, a))
		return err_set(err, ERR_NOMEM, "approval: no memory, or text that is not UTF-8");
	if (!statement_write(rollback ? PREDICATE_ROLLBACK : PREDICATE_APPROVAL, TAKE(subjects),
		    TAKE(predicate), &text, err) ||
		!parse(buf_bytes(&text), rollback, &check, err))
		return false;
	buf_put(out, buf_bytes(&text));
	return buf_ok(out, err);
}

bool approval_statement(const struct approval *a, struct buf *out, struct err *err)
{
	return write(a, false, out, err);
}

bool rollback_approval_statement(const struct approval *a, struct buf *out, struct err *err)
{
	return write(a, true, out, err);
}
