/* SPDX-License-Identifier: Apache-2.0 */
/* assay workload add | review | retire: the register of agents changed. */
#include "base/time.h"
#include "cli/commands.h"

#define REVIEW_MAX (100 * 366 * (int64_t)86400)

#define FACT_OPTIONS                                                                               \
	{"unit", "NAME", OPTION_VALUE, "business unit"},                                           \
		{"control", "ID", OPTION_REPEATED, "a control it is subject to"},                  \
		{"third-party", "NAME/CC", OPTION_REPEATED, "whom it talks to, and the country"},  \
	{                                                                                          \
		"review-every", "DURATION", OPTION_VALUE, "how often it is reviewed (90d)"         \
	}

static const struct option_spec add_options[] = {
	{"class", "NAME", OPTION_VALUE, "risk class of the policy"},
	{"env", "NAME", OPTION_VALUE, "environment (prod)"},
	{"owner", "NAME", OPTION_VALUE, "who answers for it"},
	{"purpose", "TEXT", OPTION_VALUE, "what it is for"},
	FACT_OPTIONS,
	{"review", "DATE", OPTION_VALUE, "next review (2027-06-01)"},
	API_OPTIONS,
	OPTIONS_END,
};
static const struct option_spec review_options[] = {
	{"reason", "TEXT", OPTION_VALUE, "what was found"},
	{"next", "DATE", OPTION_VALUE, "next review (default: after its interval)"},
	FACT_OPTIONS,
	API_OPTIONS,
	OPTIONS_END,
};
static const struct option_spec retire_options[] = {
	{"reason", "TEXT", OPTION_VALUE, "why"}, API_OPTIONS, OPTIONS_END};

static bool name_of(struct cli *cli, const char **ret)
{
	*ret = cli->arguments->values[0];
	return text_is_name(bytes_str(*ret))
		       ? true
		       : err_set(&cli->err, ERR_USAGE, "%s is no name: 1 to 64 of a-z 0-9 . _ -",
				 ESC(bytes_str(*ret)));
}

static enum status post(struct cli *cli, const char *path, json_t *request)
{
	OWNED(json_release) json_t *answer = NULL;
	if (!api_post(cli, path, request, &answer))
		return cli_fail(cli);
	if (cli->json)
		return cli_print_json(cli, TAKE(answer), STATUS_DONE);
	cli_print_object(answer);
	return STATUS_DONE;
}

/* ---- the facts that options give ---- */

/* "2027-06-01", or with a time. */
static bool put_date(struct cli *cli, json_t *request, const char *name)
{
	const char *text = option(cli, name);
	char whole[TIME_TEXT_MAX + 16];
	int64_t time = 0;
	if (!text)
		return true;
	(void)snprintf(
		whole, sizeof(whole), strlen(text) == 10 ? "%.30sT00:00:00Z" : "%.30s", text);
	if (!time_parse(bytes_str(whole), &time, NULL))
		return err_set(&cli->err, ERR_USAGE, "--%s %s: expected a date like 2027-06-01",
			name, ESC(bytes_str(text)));
	return json_object_set_new(request, "next_review", json_string(whole)) == 0 ||
	       err_set(&cli->err, ERR_NOMEM, "request");
}

static bool put_interval(struct cli *cli, json_t *request)
{
	const char *text = option(cli, "review-every");
	int64_t seconds = 0;
	if (!text)
		return true;
	if (!time_parse_duration(bytes_str(text), REVIEW_MAX, &seconds, &cli->err)) {
		cli->err.code = ERR_USAGE;
		return err_wrap(&cli->err, "--review-every");
	}
	return json_object_set_new(request, "review_interval", json_integer(seconds)) == 0 ||
	       err_set(&cli->err, ERR_NOMEM, "request");
}

/* NAME/CC; a name may hold slashes itself. */
static json_t *party_of(const char *text)
{
	const char *slash = strrchr(text, '/');
	return slash ? json_pack("{s:s%,s:s}", "name", text, (size_t)(slash - text), "jurisdiction",
			       slash + 1)
		     : NULL;
}

/* An option given once empty empties the list. */
static bool put_list(struct cli *cli, json_t *request, const char *name, const char *key,
	json_t *(*entry)(const char *text))
{
	const struct option_value *given = option_all(cli, name);
	if (!given)
		return true;
	json_t *list = json_array();
	for (size_t i = 0; list && i < given->count; i++) {
		if (given->count == 1 && !given->values[0][0])
			break;
		if (json_array_append_new(list, entry(given->values[i])) != 0) {
			json_decref(list);
			return err_set(&cli->err, ERR_USAGE, "--%s %s: cannot be read", name,
				ESC(bytes_str(given->values[i])));
		}
	}
	return json_object_set_new(request, key, list) == 0 ||
	       err_set(&cli->err, ERR_NOMEM, "request");
}

static bool put_facts(struct cli *cli, json_t *request, const char *date)
{
	const char *unit = option(cli, "unit");
	if (unit && json_object_set_new(request, "unit", json_string(unit)) != 0)
		return err_set(&cli->err, ERR_USAGE, "--unit is not valid UTF-8");
	return put_list(cli, request, "control", "controls", json_string) &&
	       put_list(cli, request, "third-party", "third_parties", party_of) &&
	       put_interval(cli, request) && put_date(cli, request, date);
}

/* ---- the commands ---- */

static enum status post_with_facts(
	struct cli *cli, const char *path, json_t *request, const char *date)
{
	OWNED(json_release) json_t *owned = request;
	if (owned && !put_facts(cli, owned, date))
		return cli_fail(cli);
	return post(cli, path, TAKE(owned));
}

static enum status run_add(struct cli *cli)
{
	const char *name = NULL, *class = NULL, *environment = NULL, *owner = NULL, *purpose = NULL;
	if (!name_of(cli, &name) || !option_required(cli, "class", &class) ||
		!option_required(cli, "env", &environment) ||
		!option_required(cli, "owner", &owner) ||
		!option_required(cli, "purpose", &purpose))
		return cli_fail(cli);
	return post_with_facts(cli, "/v1/workloads",
		json_pack("{s:s,s:s,s:s,s:s,s:s}", "name", name, "risk_class", class, "environment",
			environment, "owner", owner, "purpose", purpose),
		"review");
}

static enum status run_review(struct cli *cli)
{
	const char *name = NULL, *reason = NULL;
	char path[160];
	if (!name_of(cli, &name) || !option_required(cli, "reason", &reason))
		return cli_fail(cli);
	(void)snprintf(path, sizeof(path), "/v1/workloads/%s/review", name);
	return post_with_facts(cli, path, json_pack("{s:s}", "reason", reason), "next");
}

static enum status run_retire(struct cli *cli)
{
	const char *name = NULL, *reason = NULL;
	char path[160];
	if (!name_of(cli, &name) || !option_required(cli, "reason", &reason))
		return cli_fail(cli);
	(void)snprintf(path, sizeof(path), "/v1/workloads/%s/retire", name);
	return post(cli, path, json_pack("{s:s}", "reason", reason));
}

const struct command cmd_workload_add = {
	.group = "workload",
	.name = "add",
	.synopsis = "NAME --class CLASS --env ENV --owner NAME --purpose TEXT",
	.summary = "Registers an agent.",
	.options = add_options,
	.least = 1,
	.most = 1,
	.run = run_add,
};
const struct command cmd_workload_review = {
	.group = "workload",
	.name = "review",
	.synopsis = "NAME --reason TEXT [--next DATE]",
	.summary = "Records that an agent was reviewed, and when it is due again.",
	.options = review_options,
	.least = 1,
	.most = 1,
	.run = run_review,
};
const struct command cmd_workload_retire = {
	.group = "workload",
	.name = "retire",
	.synopsis = "NAME --reason TEXT",
	.summary = "Ends an agent: nothing launches or renews as it any more.",
	.options = retire_options,
	.least = 1,
	.most = 1,
	.run = run_retire,
};
