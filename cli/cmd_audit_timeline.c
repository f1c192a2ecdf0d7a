/* SPDX-License-Identifier: Apache-2.0 */
/* assay audit timeline: what happened to a host or an agent, told from the ledger's entries. */
#include "cli/audit_pins.h"
#include "cli/commands.h"
#include "cli/host_id.h"
#include "cli/package_make.h"
#include "cli/story.h"
#include "ledger/audit_package.h"

static const struct option_spec options[] = {
	AUDIT_PIN_OPTIONS,
	{"from", "TIME", OPTION_VALUE, "from that time on (2026-11-22T23:21:38Z)"},
	{"to", "TIME", OPTION_VALUE, "up to that time (default: now)"},
	{"package", "FILE", OPTION_VALUE, "from an evidence package, offline; no name: its agent"},
	{"config", "FILE", OPTION_VALUE,
		"connection settings (default: $ASSAY_CONFIG, ~/.config/assay/config.yaml)"},
	{"verifier", "URL", OPTION_VALUE, "the verifier, https://host:port"},
	{"client-cert", "FILE", OPTION_VALUE, "client certificate"},
	{"client-key", "FILE", OPTION_VALUE, "its private key"},
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

/* ---- from a package ---- */

struct offline {
	struct story story;
	struct package_audit audit;
};

static void offline_release(struct offline *offline)
{
	story_release(&offline->story);
	package_audit_release(&offline->audit);
}

static bool visit(void *arg, struct ledger_entry *entry, bool audited, struct err *err)
{
	struct offline *offline = arg;
	struct story *story = &offline->story;
	story->tree_size = offline->audit.tree_size;
	memcpy(story->tree_root, offline->audit.tree_root, sizeof(story->tree_root));
	return story_take(story, entry, audited, err);
}

/* A host that a decision of the package is about, by its id or the beginning of it; a workload is
 * the package's own. */
static bool offline_subject(
	struct cli *cli, const struct offline *o, uint8_t host[HOST_ID_LEN], bool *ret_host)
{
	const char *name = cli->arguments->count > 0 ? cli->arguments->values[0] : NULL;
	*ret_host = false;
	if (!name || strcmp(name, o->audit.index.workload) == 0)
		return true;
	for (size_t i = 0; i < o->story.count && !*ret_host; i++) {
		const struct ledger_entry *e = &o->story.entries[i].entry;
		char hex[2 * HOST_ID_LEN + 1];
		hex_encode(BYTES_OF(e->facts.host), hex);
		if (!e->decided || strlen(name) < 4 || strncmp(hex, name, strlen(name)) != 0)
			continue;
		memcpy(host, e->facts.host, HOST_ID_LEN);
		*ret_host = true;
	}
	return *ret_host ||
	       err_set(&cli->err, ERR_NOT_FOUND,
		       "the package is of workload %s, and no host in it begins with %s",
		       o->audit.index.workload, ESC(bytes_str(name)));
}

static bool offline_read(
	struct cli *cli, const struct audit_pins *pins, const char *path, struct offline *ret)
{
	OWNED(package_map_close) struct package_map map = {0};
	const struct audit_anchors anchors = audit_pins_anchors(pins);
	const struct package_audit_options how = {
		.anchors = &anchors, .visit = visit, .visit_arg = ret};
	if (!package_map_open(path, &map, &cli->err) ||
		!package_audit_run(bytes_of(map.at, map.len), &how, &ret->audit, &cli->err))
		return err_wrap(&cli->err, "%s", ESC(bytes_str(path)));
	ret->story.records = package_decisions_by(&ret->audit);
	ret->story.tree_proven = pins->log_policy != NULL;
	(void)snprintf(ret->story.tree, sizeof(ret->story.tree), "%s",
		pins->log_policy ? "signed as you demand" : "the word of the log in the package");
	return ret->audit.consistent ||
	       err_set(&cli->err, ERR_MISMATCH,
		       "%s is not consistent: see assay audit package verify",
		       ESC(bytes_str(path)));
}

static enum status run_offline(struct cli *cli, const char *path)
{
	OWNED(audit_pins_release) struct audit_pins pins = {0};
	OWNED(offline_release) struct offline o = {0};
	OWNED(json_release) json_t *lines = NULL;
	uint8_t host[HOST_ID_LEN];
	char hex[2 * HOST_ID_LEN + 1], subject[128];
	bool is_host = false;
	if (!audit_pins_load(cli, &pins) || !offline_read(cli, &pins, path, &o) ||
		!offline_subject(cli, &o, host, &is_host))
		return cli_fail(cli);
	story_sort(&o.story);
	if (!story_lines(&o.story, is_host ? host : NULL, o.audit.index.to, &lines, &cli->err))
		return cli_fail(cli);
	if (is_host)
		hex_encode(BYTES_OF(host), hex);
	(void)snprintf(subject, sizeof(subject), "%s %s", is_host ? "host" : "workload",
		is_host ? hex : o.audit.index.workload);
	return story_print(cli, &o.story, subject, lines);
}

/* ---- from a verifier ---- */

/* What is told from a verifier is its word, whoever signed it. */
static bool pins_of_package(struct cli *cli)
{
	static const char *const pins[] = {"key", "receipt-key", "policy-keys", "policy-threshold"};
	for (size_t i = 0; i < ARRAY_LEN(pins); i++)
		if (option_given(cli, pins[i]))
			return err_set(&cli->err, ERR_USAGE, "--%s is of --package", pins[i]);
	return true;
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
	if (option(cli, "package"))
		return run_offline(cli, option(cli, "package"));
	if (!pins_of_package(cli) || !audit_log_policy_load(cli, &policy))
		return cli_fail(cli);
	if (cli->arguments->count == 0) {
		(void)err_set(&cli->err, ERR_USAGE, "name a host or a workload, or a --package");
		return cli_fail(cli);
	}
	if (!span_read(cli, &span) || !subject_find(cli, host, &is_host) ||
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
	.synopsis = "HOST|WORKLOAD [--from TIME] [--to TIME] [--package FILE]",
	.summary = "Tells the story of a host or an agent: boots, gaps, launches, refusals, ends.",
	.options = options,
	.least = 0,
	.most = 1,
	.run = run,
};
