/* SPDX-License-Identifier: Apache-2.0 */
/* assay policy shadow: stored decisions judged by a new policy; what would change, before it does. */
#include "cli/commands.h"

#include "base/time.h"
#include "cli/policy_read.h"
#include "ledger/audit_reappraise.h"

static const struct option_spec options[] = {
	{"references", "DIR", OPTION_VALUE,
		"where the objects lie that the policy names by SHA-256"},
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

static enum status run(struct cli *cli)
{
	OWNED(shadow_release) struct shadow s = {.cli = cli, .decisions = json_array()};
	const char *references = option(cli, "references");
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
	.synopsis = "NEW.yaml RECORD…",
	.summary = "Judges stored decisions by a new policy; exit status 1: a verdict changes.",
	.options = options,
	.least = 2,
	.most = CLI_POSITIONALS_MAX,
	.run = run,
};
