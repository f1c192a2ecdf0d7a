/* SPDX-License-Identifier: Apache-2.0 */
/* assay policy shadow, shadow-end: stored decisions judged by a new policy; what would change, before it does. */
#include "cli/commands.h"

#include "base/time.h"
#include "cli/policy_read.h"
#include "cli/policy_stored.h"
#include "ledger/audit_reappraise.h"

#include <time.h>

static const struct option_spec options[] = {
	{"references", "DIR", OPTION_VALUE,
		"where the objects lie that the policy names by SHA-256"},
	{"server", NULL, OPTION_FLAG, "let the verifier judge the decisions that it keeps"},
	{"since", "SPAN", OPTION_VALUE, "with --server: those of the last 7d (default), 12h, …"},
	API_OPTIONS,
	OPTIONS_END,
};

static const struct option_spec end_options[] = {
	{"reason", "TEXT", OPTION_VALUE, "why; kept in the ledger"},
	API_OPTIONS,
	OPTIONS_END,
};

struct shadow {
	struct cli *cli;
	struct policy *policy;
	json_t *decisions;
	size_t same, changed, undecided;
};

static json_t *reasons_json(const struct verdict *v)
{
	json_t *array = json_array();
	for (size_t i = 0; array && i < v->reason_count; i++) {
		const struct reason *r = &v->reasons[i];
		(void)json_array_append_new(array,
			json_pack("{s:s,s:s,s:s,s:s}", "code", reason_code_name(r->code), "subject",
				r->subject, "expected", r->expected, "actual", r->actual));
	}
	return array;
}

static const char *outcome(const struct verdict *v)
{
	return v->trusted ? "trusted" : "untrusted";
}

static void print_decision(const struct shadow *s, const char *file, const struct reappraisal *r)
{
	char time[TIME_TEXT_MAX];
	(void)printf("%s\n    %s %s of %s: ", ESC(bytes_str(file)), time_format(r->time, time),
		purpose_name(r->purpose), r->workload);
	if (!r->decided) {
		(void)printf("was %s, cannot be told: %s\n", outcome(&r->before), r->why);
		return;
	}
	(void)printf("was %s, would be %s%s%s\n", outcome(&r->before),
		colour(s->cli, r->after.trusted ? "green" : "red"), outcome(&r->after),
		colour(s->cli, "off"));
	for (size_t i = 0; i < r->after.reason_count; i++)
		(void)printf("    %s: %s: expected %s, found %s\n",
			reason_code_name(r->after.reasons[i].code), r->after.reasons[i].subject,
			r->after.reasons[i].expected, r->after.reasons[i].actual);
	if (r->after.trusted && r->before.trusted)
		(void)printf("    %s, credentials of %lld s renewed after %lld s; was %s, %lld s, "
			     "%lld s\n",
			assurance_name((enum assurance)r->after.assurance),
			(long long)r->after.credential_lifetime, (long long)r->after.renew_after,
			assurance_name((enum assurance)r->before.assurance),
			(long long)r->before.credential_lifetime, (long long)r->before.renew_after);
}

static bool note(struct shadow *s, const char *file, const struct reappraisal *r)
{
	char time[TIME_TEXT_MAX];
	bool changed = reappraisal_differs(r);
	s->undecided += !r->decided;
	s->changed += changed;
	s->same += r->decided && !changed;
	if (!s->cli->json && (changed || !r->decided))
		print_decision(s, file, r);
	json_t *one = json_pack("{s:s,s:s,s:s,s:s,s:s,s:s,s:b,s:b,s:o}", "file", file, "time",
		time_format(r->time, time), "purpose", purpose_name(r->purpose), "workload",
		r->workload, "release", r->release, "before", outcome(&r->before), "decided",
		(int)r->decided, "changed", (int)changed, "before_reasons",
		reasons_json(&r->before));
	bool ok = one && json_array_append_new(s->decisions, one) == 0;
	if (ok && r->decided)
		ok = json_object_set_new(one, "after", json_string(outcome(&r->after))) == 0 &&
		     json_object_set_new(one, "after_reasons", reasons_json(&r->after)) == 0;
	else if (ok)
		ok = json_object_set_new(one, "why", json_string(r->why)) == 0;
	return ok || err_set(&s->cli->err, ERR_NOMEM, "no memory");
}

static bool judge(struct shadow *s, const char *file)
{
	OWNED(buf_release) struct buf bundle = {0};
	OWNED(free_ptr) struct reappraisal *again = calloc(1, sizeof(*again));
	if (!again)
		return err_set(&s->cli->err, ERR_NOMEM, "no memory");
	if (!cli_read(file, AUDIT_BUNDLE_MAX, &bundle, &s->cli->err) ||
		!audit_reappraise(buf_bytes(&bundle), s->policy, again, &s->cli->err))
		return err_wrap(&s->cli->err, "%s", ESC(bytes_str(file)));
	return note(s, file, again);
}

static void shadow_release(struct shadow *s)
{
	policy_free(&s->policy);
	json_decref(s->decisions);
}

/* ---- the verifier's own records ---- */

static bool server_begin(struct cli *cli, json_int_t *ret_job)
{
	OWNED(buf_release) struct buf text = {0}, path = {0};
	OWNED(policy_free) struct policy *policy = NULL;
	OWNED(json_release) json_t *answer = NULL;
	const char *since = option_or(cli, "since", "7d");
	if (!text_is_name(bytes_str(since)))
		return err_set(&cli->err, ERR_USAGE, "--since is a span: 7d, 12h, 90m");
	if (!policy_read(cli->arguments->values[0], &text, &policy, &cli->err))
		return false;
	buf_printf(&path, "/v1/shadow?since=%s", since);
	struct bytes body = buf_bytes(&text);
	if (!buf_ok(&path, &cli->err) ||
		!api_json(cli, buf_str(&path), "application/yaml", &body, &answer))
		return false;
	*ret_job = json_integer_value(json_object_get(answer, "job"));
	return true;
}

static long long number(const json_t *report, const char *key)
{
	return (long long)json_integer_value(json_object_get(report, key));
}

/* Until it has ended. */
static bool server_wait(struct cli *cli, json_int_t job, json_t **ret)
{
	static const struct timespec pause = {.tv_nsec = 300000000};
	for (;;) {
		OWNED(json_release) json_t *report = NULL;
		if (!api_json(cli, "/v1/shadow", NULL, NULL, &report))
			return false;
		const char *state = policy_stored_text(report, "state");
		if (json_integer_value(json_object_get(report, "job")) != job)
			return err_set(&cli->err, ERR_CONFLICT,
				"somebody has had another policy judged since");
		if (strcmp(state, "done") == 0) {
			*ret = TAKE(report);
			return true;
		}
		if (strcmp(state, "running") != 0)
			return err_set(&cli->err, ERR_IO, "the verifier: %s",
				ESC(bytes_str(policy_stored_text(report, "error"))));
		if (!cli->json)
			(void)fprintf(stderr, "\rjob %lld: %lld judged", (long long)job,
				number(report, "judged"));
		(void)nanosleep(&pause, NULL);
	}
}

static enum status run_server(struct cli *cli)
{
	OWNED(json_release) json_t *report = NULL;
	json_int_t job = 0;
	if (cli->arguments->count > 1) {
		(void)err_set(&cli->err, ERR_USAGE, "--server judges the verifier's own records");
		return cli_fail(cli);
	}
	if (!server_begin(cli, &job) || !server_wait(cli, job, &report))
		return cli_fail(cli);
	enum status status = number(report, "changed")     ? STATUS_REFUSED
			     : number(report, "undecided") ? STATUS_UNDECIDED
							   : STATUS_DONE;
	if (cli->json)
		return cli_print_json(cli, TAKE(report), status);
	(void)fprintf(stderr, "\r");
	policy_stored_differences(cli, json_object_get(report, "differences"));
	(void)printf(
		"of %lld decisions since %s, %lld would change, %lld would not, %lld cannot be "
		"told, %lld cannot be read\n",
		number(report, "judged"), ESC(bytes_str(policy_stored_text(report, "since"))),
		number(report, "changed"), number(report, "same"), number(report, "undecided"),
		number(report, "unreadable"));
	return status;
}

static enum status run(struct cli *cli)
{
	OWNED(shadow_release) struct shadow s = {.cli = cli, .decisions = json_array()};
	const char *references = option(cli, "references");
	if (option_given(cli, "server"))
		return run_server(cli);
	if (cli->arguments->count < 2) {
		(void)err_set(&cli->err, ERR_USAGE,
			"which decisions? give records (assay record get ID --out FILE), or "
			"--server");
		return cli_fail(cli);
	}
	if (!s.decisions || !policy_read(cli->arguments->values[0], NULL, &s.policy, &cli->err) ||
		(references && !policy_read_references(s.policy, references, &cli->err)))
		return cli_fail(cli);
	for (size_t i = 1; i < cli->arguments->count; i++)
		if (!judge(&s, cli->arguments->values[i]))
			return cli_fail(cli);
	enum status status = s.changed     ? STATUS_REFUSED
			     : s.undecided ? STATUS_UNDECIDED
					   : STATUS_DONE;
	if (cli->json)
		return cli_print_json(cli,
			json_pack("{s:I,s:I,s:I,s:O}", "changed", (json_int_t)s.changed, "same",
				(json_int_t)s.same, "undecided", (json_int_t)s.undecided,
				"decisions", s.decisions),
			status);
	(void)printf(
		"%zu would change, %zu would not, %zu cannot be told; not checked: whether the "
		"records are true (assay audit)\n",
		s.changed, s.same, s.undecided);
	return status;
}

const struct command cmd_policy_shadow = {
	.group = "policy",
	.name = "shadow",
	.synopsis = "NEW.yaml RECORD… | NEW.yaml --server [--since 7d]",
	.summary = "Judges stored decisions by a new policy; exit status 1: a verdict changes.",
	.options = options,
	.least = 1,
	.most = CLI_POSITIONALS_MAX,
	.run = run,
};

/* ---- ending the verifier's job ---- */

static enum status run_end(struct cli *cli)
{
	OWNED(json_release) json_t *answer = NULL;
	const char *reason = NULL, *text = cli->arguments->values[0];
	char path[64];
	uint64_t job = 0;
	if (!text_decimal(bytes_str(text), &job)) {
		(void)err_set(&cli->err, ERR_USAGE, "%s is no job's number", ESC(bytes_str(text)));
		return cli_fail(cli);
	}
	(void)snprintf(path, sizeof(path), "/v1/shadow/%llu/end", (unsigned long long)job);
	if (!option_required(cli, "reason", &reason) ||
		!api_post(cli, path, json_pack("{s:s}", "reason", reason), &answer))
		return cli_fail(cli);
	if (cli->json)
		return cli_print_json(cli, TAKE(answer), STATUS_DONE);
	(void)printf("job %llu is ended; %lld decisions were judged\n", (unsigned long long)job,
		number(answer, "judged"));
	return STATUS_DONE;
}

const struct command cmd_policy_shadow_end = {
	.group = "policy",
	.name = "shadow-end",
	.synopsis = "JOB --reason TEXT",
	.summary = "Ends what shadow --server began: one's own, an admin anybody's.",
	.options = end_options,
	.least = 1,
	.most = 1,
	.run = run_end,
};
