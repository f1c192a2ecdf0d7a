/* SPDX-License-Identifier: Apache-2.0 */
/* assay audit timeline: what happened to a host or an agent, told from the ledger's entries. */
#include "cli/audit_pins.h"
#include "cli/commands.h"
#include "cli/host_id.h"
#include "cli/story.h"

static const struct option_spec options[] = {
	{"log-policy", "FILE", OPTION_VALUE,
		"the ledger's key, witnesses and quorum, as you know them (tlog-policy)"},
	{"from", "TIME", OPTION_VALUE, "from that time on (2026-11-22T23:21:38Z)"},
	{"to", "TIME", OPTION_VALUE, "up to that time (default: now)"},
	API_OPTIONS,
	OPTIONS_END,
};

struct span {
	const char *from, *to; /* NULL: open */
	int64_t until;
};

static bool span_read(struct cli *cli, struct span *ret)
{
	int64_t from = 0;
	ret->from = option(cli, "from");
	ret->to = option(cli, "to");
	ret->until = clock_wall(&clock_system);
	return (!ret->from || time_parse(bytes_str(ret->from), &from, &cli->err) ||
		       err_wrap(&cli->err, "--from")) &&
	       (!ret->to || time_parse(bytes_str(ret->to), &ret->until, &cli->err) ||
		       err_wrap(&cli->err, "--to"));
}

static bool fetch(struct cli *cli, struct story *story, const struct span *span,
	const struct tlog_policy *policy, const char *key, const char *value, const char *type)
{
	OWNED(buf_release) struct buf query = {0};
	const struct {
		const char *key, *value;
	} parts[] = {{key, value}, {"type", type}, {"from", span->from}, {"to", span->to}};
	for (size_t i = 0; i < ARRAY_LEN(parts); i++)
		if (parts[i].key && parts[i].value)
			buf_printf(&query, "%s%s=%s", query.len ? "&" : "", parts[i].key,
				parts[i].value);
	return buf_str(&query) ? story_fetch(cli, story, buf_str(&query), policy)
			       : err_set(&cli->err, ERR_NOMEM, "timeline");
}

/* What became of the hosts that ran a workload belongs to its story. */
static bool fetch_hosts(struct cli *cli, struct story *story, const struct span *span,
	const struct tlog_policy *policy)
{
	OWNED(json_release) json_t *seen = json_object();
	size_t count = story->count;
	for (size_t i = 0; seen && i < count; i++) {
		char host[2 * HOST_ID_LEN + 1];
		const struct ledger_entry *e = &story->entries[i].entry;
		if (!e->decided)
			continue;
		hex_encode(BYTES_OF(e->facts.host), host);
		if (json_object_get(seen, host))
			continue;
		if (json_object_set_new(seen, host, json_true()) != 0)
			return err_set(&cli->err, ERR_NOMEM, "timeline");
		if (!fetch(cli, story, span, policy, "host", host, "host-state") ||
			!fetch(cli, story, span, policy, "host", host, "enrolment"))
			return false;
	}
	return true;
}

/* A workload by its name, or a host by its id or the beginning of it. */
static bool subject_find(struct cli *cli, char host[2 * HOST_ID_LEN + 1], bool *ret_host)
{
	OWNED(json_release) json_t *workload = NULL;
	const char *name = cli->arguments->values[0];
	char path[128];
	*ret_host = strlen(name) == 2 * HOST_ID_LEN;
	if (!*ret_host) {
		if (!text_is_name(bytes_str(name)))
			return err_set(&cli->err, ERR_USAGE, "%s is neither a host nor a workload",
				ESC(bytes_str(name)));
		(void)snprintf(path, sizeof(path), "/v1/workloads/%s", name);
		if (api_json(cli, path, NULL, NULL, &workload))
			return true;
		if (cli->err.code != ERR_NOT_FOUND ||
			strspn(name, "0123456789abcdef") != strlen(name))
			return false;
		cli->err = (struct err){0};
		*ret_host = true;
	}
	return host_id_resolve(cli, host);
}

static bool gather(struct cli *cli, struct story *story, const struct span *span,
	const struct tlog_policy *policy, const char *host)
{
	return fetch(cli, story, span, policy, host ? "host" : "workload",
		       host ? host : cli->arguments->values[0], NULL) &&
	       fetch(cli, story, span, policy, NULL, NULL, "policy") &&
	       (host || fetch_hosts(cli, story, span, policy));
}

static enum status run(struct cli *cli)
{
	OWNED(tlog_policy_free) struct tlog_policy *policy = NULL;
	OWNED(story_release) struct story story = {0};
	OWNED(json_release) json_t *lines = NULL;
	char host[2 * HOST_ID_LEN + 1] = "", subject[128];
	uint8_t id[HOST_ID_LEN];
	struct span span;
	bool is_host = false;
	if (!audit_log_policy_load(cli, &policy) || !span_read(cli, &span) ||
		!subject_find(cli, host, &is_host) ||
		!gather(cli, &story, &span, policy, is_host ? host : NULL) ||
		(is_host && !hex_decode_exact(bytes_str(host), id, sizeof(id), &cli->err)))
		return cli_fail(cli);
	story_sort(&story);
	if (!story_lines(&story, is_host ? id : NULL, span.until, &lines, &cli->err))
		return cli_fail(cli);
	(void)snprintf(subject, sizeof(subject), "%s %s", is_host ? "host" : "workload",
		is_host ? host : cli->arguments->values[0]);
	return story_print(cli, &story, subject, lines);
}

const struct command cmd_audit_timeline = {
	.group = "audit",
	.name = "timeline",
	.synopsis = "HOST|WORKLOAD [--from TIME] [--to TIME]",
	.summary = "Tells the story of a host or an agent: boots, gaps, launches, refusals, ends.",
	.options = options,
	.least = 1,
	.most = 1,
	.run = run,
};
