/* SPDX-License-Identifier: Apache-2.0 */
/* assay policy test: a policy judges a file of cases, and each verdict is the expected one or not. */
#include "cli/commands.h"

#include "cli/policy_cases.h"
#include "cli/policy_read.h"
#include "ledger/audit_reappraise.h"

#define CASES_TEXT_MAX (1u << 20)

static const struct option_spec options[] = {
	{"policy", "FILE", OPTION_VALUE, "the policy that is tested"},
	{"references", "DIR", OPTION_VALUE,
		"where the objects lie that the policy names by SHA-256"},
	OPTIONS_END,
};

struct test {
	struct cli *cli;
	struct policy *policy;
	json_t *results;
	size_t failed;
};

static bool judge_release(
	struct test *t, const struct policy_case *c, struct verdict *verdict, struct err *err)
{
	struct buf approvals[APPROVALS_MAX] = {0};
	struct bytes views[APPROVALS_MAX];
	OWNED(buf_release) struct buf envelope = {0};
	OWNED(release_free) struct release *release = NULL;
	size_t n = 0;
	bool ok = file_read(c->release, JSON_INPUT_MAX, &envelope, err);
	for (; ok && n < c->approval_count; n++) {
		ok = file_read(c->approvals[n], JSON_INPUT_MAX, &approvals[n], err);
		views[n] = buf_bytes(&approvals[n]);
	}
	const struct release_input input = {.envelope = buf_bytes(&envelope),
		.approvals = views,
		.approval_count = n,
		.environment = bytes_str(c->environment)};
	ok = ok && release_appraise(&input, t->policy, c->time, verdict, &release, err);
	for (size_t i = 0; i < n; i++)
		buf_release(&approvals[i]);
	if (ok)
		verdict_conclude(verdict);
	return ok;
}

static bool judge_record(
	struct test *t, const struct policy_case *c, struct verdict *verdict, struct err *err)
{
	OWNED(buf_release) struct buf bundle = {0};
	OWNED(free_ptr) struct reappraisal *again = calloc(1, sizeof(*again));
	if (!again)
		return err_set(err, ERR_NOMEM, "no memory");
	if (!file_read(c->record, AUDIT_BUNDLE_MAX, &bundle, err) ||
		!audit_reappraise(buf_bytes(&bundle), t->policy, again, err))
		return false;
	if (!again->decided)
		return err_set(err, ERR_NOT_FOUND, "%s: %s", c->record, again->why);
	*verdict = again->after;
	return true;
}

static bool as_expected(const struct policy_case *c, const struct verdict *v)
{
	bool found[REASON_CODES] = {0};
	if (v->trusted != (c->expect == CASE_ACCEPTED))
		return false;
	for (size_t i = 0; i < v->reason_count; i++)
		found[v->reasons[i].code] = true;
	return !c->reasons_given || memcmp(found, c->reasons, sizeof(found)) == 0;
}

static json_t *codes_json(const struct verdict *v)
{
	bool found[REASON_CODES] = {0};
	json_t *codes = json_array();
	for (size_t i = 0; codes && i < v->reason_count; i++)
		if (!found[v->reasons[i].code]) {
			found[v->reasons[i].code] = true;
			(void)json_array_append_new(
				codes, json_string(reason_code_name(v->reasons[i].code)));
		}
	return codes;
}

static void print_case(
	const struct test *t, const struct policy_case *c, const struct verdict *v, bool ok)
{
	const struct cli *cli = t->cli;
	(void)printf("%s%s%s  %s: %s\n", colour(cli, ok ? "green" : "red"),
		ok ? "ok    " : "FAILED", colour(cli, "off"), ESC(bytes_str(c->name)),
		v->trusted ? "accepted" : "refused");
	if (ok)
		return;
	(void)printf("        expected: %s", c->expect == CASE_ACCEPTED ? "accepted" : "refused");
	for (int code = 0; code < REASON_CODES; code++)
		if (c->reasons[code])
			(void)printf(" %s", reason_code_name((enum reason_code)code));
	(void)putchar('\n');
	for (size_t i = 0; i < v->reason_count; i++)
		(void)printf("        %s: %s: expected %s, found %s\n",
			reason_code_name(v->reasons[i].code), v->reasons[i].subject,
			v->reasons[i].expected, v->reasons[i].actual);
}

static bool run_case(struct test *t, const struct policy_case *c)
{
	OWNED(free_ptr) struct verdict *verdict = calloc(1, sizeof(*verdict));
	struct err *err = &t->cli->err;
	if (!verdict)
		return err_set(err, ERR_NOMEM, "no memory");
	if (!(c->release ? judge_release(t, c, verdict, err) : judge_record(t, c, verdict, err)))
		return err_wrap(err, "case %s", ESC(bytes_str(c->name)));
	bool ok = as_expected(c, verdict);
	t->failed += !ok;
	if (!t->cli->json)
		print_case(t, c, verdict, ok);
	return json_array_append_new(
		       t->results, json_pack("{s:s,s:b,s:b,s:o}", "name", c->name, "as_expected",
					   (int)ok, "accepted", (int)verdict->trusted, "reasons",
					   codes_json(verdict))) == 0 ||
	       err_set(err, ERR_NOMEM, "no memory");
}

static bool load(struct test *t, struct policy_cases *cases)
{
	struct err *err = &t->cli->err;
	const char *file = t->cli->arguments->values[0], *policy = NULL;
	const char *references = option(t->cli, "references"), *slash = strrchr(file, '/');
	OWNED(buf_release) struct buf text = {0}, directory = {0};
	if (slash)
		buf_put(&directory, bytes_of(file, (size_t)(slash - file) + 1));
	else
		buf_put_str(&directory, ".");
	t->results = json_array();
	if (!t->results || !buf_ok(&directory, err))
		return err_set(err, ERR_NOMEM, "no memory");
	return option_required(t->cli, "policy", &policy) &&
	       policy_read(policy, NULL, &t->policy, err) &&
	       (!references || policy_read_references(t->policy, references, err)) &&
	       cli_read(file, CASES_TEXT_MAX, &text, err) &&
	       policy_cases_parse(buf_bytes(&text), file, buf_str(&directory), cases, err);
}

static void test_release(struct test *t)
{
	policy_free(&t->policy);
	json_decref(t->results);
}

static enum status run(struct cli *cli)
{
	OWNED(test_release) struct test t = {.cli = cli};
	OWNED(policy_cases_release) struct policy_cases cases = {0};
	if (!load(&t, &cases))
		return cli_fail(cli);
	for (size_t i = 0; i < cases.count; i++)
		if (!run_case(&t, &cases.list[i]))
			return cli_fail(cli);
	enum status status = t.failed ? STATUS_REFUSED : STATUS_DONE;
	if (cli->json)
		return cli_print_json(cli,
			json_pack("{s:I,s:I,s:O}", "passed", (json_int_t)(cases.count - t.failed),
				"failed", (json_int_t)t.failed, "cases", t.results),
			status);
	(void)printf("%zu as expected, %zu not\n", cases.count - t.failed, t.failed);
	return status;
}

const struct command cmd_policy_test = {
	.group = "policy",
	.name = "test",
	.synopsis = "CASES.yaml --policy FILE",
	.summary = "Judges a file of cases by a policy: is each verdict the expected one?",
	.options = options,
	.least = 1,
	.most = 1,
	.run = run,
};
