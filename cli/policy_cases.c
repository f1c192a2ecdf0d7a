/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/policy_cases.h"

#include "base/file.h"
#include "base/text.h"
#include "base/time.h"
#include "base/yaml.h"

#include <stdlib.h>

#define TEXT_MAX 1024u

/* As libcyaml loads it. */
struct file_case {
	char *name, *release, *environment, *time, *record;
	char **approvals, **reasons;
	unsigned approvals_count, reasons_count;
	enum case_expect expect;
};
struct file_cases {
	struct file_case *cases;
	unsigned cases_count;
};

static const cyaml_strval_t expectations[] = {
	{"accepted", CASE_ACCEPTED},
	{"refused", CASE_REFUSED},
};
static const cyaml_schema_value_t text_entry = {
	CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 1, TEXT_MAX),
};
#define TEXT(name, flags)                                                                          \
	CYAML_FIELD_STRING_PTR(                                                                    \
		#name, CYAML_FLAG_POINTER | (flags), struct file_case, name, 1, TEXT_MAX)
static const cyaml_schema_field_t case_fields[] = {
	TEXT(name, 0),
	TEXT(release, CYAML_FLAG_OPTIONAL),
	CYAML_FIELD_SEQUENCE("approvals", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL,
		struct file_case, approvals, &text_entry, 0, APPROVALS_MAX),
	TEXT(environment, CYAML_FLAG_OPTIONAL),
	TEXT(time, CYAML_FLAG_OPTIONAL),
	TEXT(record, CYAML_FLAG_OPTIONAL),
	CYAML_FIELD_ENUM("expect", CYAML_FLAG_STRICT, struct file_case, expect, expectations,
		ARRAY_LEN(expectations)),
	CYAML_FIELD_SEQUENCE("reasons", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct file_case,
		reasons, &text_entry, 1, REASONS_MAX),
	CYAML_FIELD_END,
};
static const cyaml_schema_value_t case_entry = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct file_case, case_fields),
};
static const cyaml_schema_field_t cases_fields[] = {
	CYAML_FIELD_SEQUENCE("cases", CYAML_FLAG_POINTER, struct file_cases, cases, &case_entry, 1,
		POLICY_CASES_MAX),
	CYAML_FIELD_END,
};
static const cyaml_schema_value_t schema = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct file_cases, cases_fields),
};

static bool text_take(const char *from, char **to, struct err *err)
{
	*to = bytes_strdup(bytes_str(from));
	return *to || err_set(err, ERR_NOMEM, "no memory");
}

static bool path_take(const char *directory, const char *from, char **to, struct err *err)
{
	OWNED(buf_release) struct buf path = {0};
	const char *full = from[0] == '/' ? from : path_join(&path, directory, from);
	return full ? text_take(full, to, err) : err_set(err, ERR_NOMEM, "no memory");
}

static bool reasons_take(const struct file_case *from, struct policy_case *to, struct err *err)
{
	to->reasons_given = from->reasons_count > 0;
	if (to->reasons_given && from->expect == CASE_ACCEPTED)
		return err_set(err, ERR_CONFIG, "reasons: an accepted release has none");
	for (unsigned i = 0; i < from->reasons_count; i++) {
		enum reason_code code = reason_code_of_name(bytes_str(from->reasons[i]));
		if (code == REASON_NONE)
			return err_set(err, ERR_CONFIG, "reasons: %s: no such code",
				ESC(bytes_str(from->reasons[i])));
		to->reasons[code] = true;
	}
	return true;
}

static bool release_take(const struct file_case *from, const char *directory,
	struct policy_case *to, struct err *err)
{
	if (!from->environment || !from->time)
		return err_set(err, ERR_CONFIG,
			"a release is judged for an environment at a time: both are needed");
	if (!path_take(directory, from->release, &to->release, err) ||
		!text_take(from->environment, &to->environment, err))
		return false;
	if (!time_parse(bytes_str(from->time), &to->time, err))
		return err_wrap(err, "time");
	to->approvals = calloc(from->approvals_count + 1, sizeof(*to->approvals));
	if (!to->approvals)
		return err_set(err, ERR_NOMEM, "no memory");
	for (; to->approval_count < from->approvals_count; to->approval_count++)
		if (!path_take(directory, from->approvals[to->approval_count],
			    &to->approvals[to->approval_count], err))
			return false;
	return true;
}

static bool case_take(const struct file_case *from, const char *directory, struct policy_case *to,
	struct err *err)
{
	to->expect = from->expect;
	if (!text_take(from->name, &to->name, err) || !reasons_take(from, to, err))
		return false;
	if (!from->release == !from->record)
		return err_set(err, ERR_CONFIG, "either a release or a record");
	if (from->release)
		return release_take(from, directory, to, err);
	if (from->environment || from->time || from->approvals_count > 0)
		return err_set(
			err, ERR_CONFIG, "a record brings its own environment, time and approvals");
	return path_take(directory, from->record, &to->record, err);
}

bool policy_cases_parse(struct bytes yaml, const char *name, const char *directory,
	struct policy_cases *ret, struct err *err)
{
	OWNED(policy_cases_release) struct policy_cases cases = {0};
	void *data = NULL;
	bool ok;
	if (!yaml_load(yaml, name, &schema, &data, err))
		return false;
	const struct file_cases *file = data;
	cases.list = calloc(file->cases_count, sizeof(*cases.list));
	ok = cases.list || err_set(err, ERR_NOMEM, "no memory");
	for (unsigned i = 0; ok && i < file->cases_count; i++) {
		cases.count = i + 1;
		ok = case_take(&file->cases[i], directory, &cases.list[i], err) ||
		     err_wrap(err, "%s: case %s", name, ESC(bytes_str(file->cases[i].name)));
	}
	yaml_free(&schema, data, 0);
	if (!ok) {
		if (err && err->code != ERR_NOMEM)
			err->code = ERR_CONFIG;
		return false;
	}
	*ret = TAKE_STRUCT(cases);
	return true;
}

void policy_cases_release(struct policy_cases *cases)
{
	for (size_t i = 0; i < cases->count; i++) {
		struct policy_case *c = &cases->list[i];
		for (size_t k = 0; k < c->approval_count; k++)
			free(c->approvals[k]);
		free(c->approvals);
		free(c->name);
		free(c->release);
		free(c->environment);
		free(c->record);
	}
	free(cases->list);
	memset(cases, 0, sizeof(*cases));
}
