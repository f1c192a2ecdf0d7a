/* SPDX-License-Identifier: Apache-2.0 */
/* assay record show: one decision's record, from a verifier or a file, and with --launch what the
 * launch left behind. */
#include "base/time.h"
#include "cli/commands.h"
#include "cli/launch_view.h"

#include <stdlib.h>

#define VERDICT_MAX (256u << 10)

static const struct option_spec options[] = {
	{"launch", NULL, OPTION_FLAG,
		"components, arguments, environment, sandbox, kernel and model of the launch"},
	{"decrypt", "KEY", OPTION_VALUE,
		"with --launch: open the values kept of its environment, by this private key"},
	API_OPTIONS,
	OPTIONS_END,
};

static bool bundle_get(struct cli *cli, const char *what, struct buf *ret)
{
	char path[128];
	if (strlen(what) != 2 * SHA256_LEN || strspn(what, "0123456789abcdef") != strlen(what))
		return cli_read(what, AUDIT_BUNDLE_MAX, ret, &cli->err);
	(void)snprintf(path, sizeof(path), "/v1/records/%s/bundle", what);
	return api_bytes(cli, path, NULL, NULL, ret);
}

static json_t *record_json(const struct audit_report *report)
{
	const struct record *r = &report->record;
	char host[2 * HOST_ID_LEN + 1], instance[2 * INSTANCE_ID_LEN + 1];
	char release[2 * SHA256_LEN + 1], time[TIME_TEXT_MAX];
	OWNED(json_release) json_t *inputs = json_object();
	for (size_t i = 0; i < r->input_count; i++) {
		char hex[2 * SHA256_LEN + 1];
		hex_encode(BYTES_OF(r->inputs[i].digest), hex);
		if (json_object_set_new(inputs, r->inputs[i].name, json_string(hex)) != 0)
			return NULL;
	}
	hex_encode(BYTES_OF(r->host_id), host);
	hex_encode(BYTES_OF(r->instance), instance);
	hex_encode(BYTES_OF(r->release), release);
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:b, s:s, s:s, s:b, s:O}", "time",
		time_format(r->time, time), "purpose", purpose_name(r->purpose), "host", host,
		"instance", instance, "release", release, "trusted", (int)r->trusted, "workload",
		ESC(r->workload), "verifier", ESC(r->verifier_id), "consistent",
		(int)report->consistent, "inputs", inputs);
}

/* Rights lent for a time that the decision's credentials carry: what the verdict says, whose digest
 * the record holds. Nothing where there are none. */
static bool lent_put(
	struct bytes bundle, const struct audit_report *report, json_t *view, struct err *err)
{
	OWNED(free_ptr) struct audit_bundle *b = calloc(1, sizeof(*b));
	const struct record *r = &report->record;
	if (!b)
		return err_set(err, ERR_NOMEM, "record");
	if (!audit_bundle_decode(bundle, b, err))
		return false;
	for (size_t i = 0; i < r->input_count; i++) {
		if (strcmp(r->inputs[i].name, "verdict") != 0)
			continue;
		for (size_t k = 0; k < b->object_count; k++) {
			OWNED(json_release) json_t *verdict = NULL;
			uint8_t digest[SHA256_LEN];
			if (!sha256_of(b->objects[k], digest, err))
				return false;
			if (memcmp(digest, r->inputs[i].digest, SHA256_LEN) != 0)
				continue;
			if (!json_open(b->objects[k], VERDICT_MAX, &verdict, err))
				return err_wrap(err, "verdict");
			json_t *lent = json_object_get(verdict, "elevations");
			return !lent || json_object_set(view, "elevations", lent) == 0 ||
			       err_set(err, ERR_NOMEM, "record");
		}
	}
	return true;
}

/* ---- for people ---- */

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));
	return text ? text : "";
}

static void print_kept(const json_t *launch)
{
	const json_t *kept = json_object_get(launch, "environment_kept");
	const json_t *values = json_object_get(launch, "environment_values");
	const char *name;
	json_t *value;
	if (!json_is_object(kept))
		return;
	(void)printf("  its values are kept for key %s%s\n", text_of(kept, "key"),
		values ? ", and are those that the digests are of:" : " (--decrypt opens them)");
	json_object_foreach((json_t *)(uintptr_t)values, name, value)
	{
		OWNED(free_ptr) char *text = malloc(4 * json_string_length(value) + 1);
		if (text)
			(void)printf("  environment  %s=%s\n", name,
				text_escape(bytes_str(json_string_value(value)), text,
					4 * json_string_length(value) + 1));
	}
}

static void print_lists(const json_t *launch)
{
	const json_t *components = json_object_get(launch, "components");
	const json_t *arguments = json_object_get(launch, "arguments");
	const char *name;
	json_t *value;
	for (size_t i = 0; i < json_array_size(components); i++) {
		const json_t *c = json_array_get(components, i);
		(void)printf("  component  %s (%s) %s %s, %lld bytes, %s\n", text_of(c, "name"),
			text_of(c, "role"), text_of(c, "kind"), text_of(c, "digest"),
			(long long)json_integer_value(json_object_get(c, "size")),
			text_of(c, "presence"));
	}
	for (size_t i = 0; i < json_array_size(arguments); i++)
		(void)printf("  argument %zu  salted %s\n", i,
			json_string_value(json_array_get(arguments, i)));
	json_object_foreach(json_object_get(launch, "environment"), name, value)(void)
		printf("  environment  %s = salted %s\n", name, json_string_value(value));
	print_kept(launch);
}

static void print_launch(const json_t *launch)
{
	const json_t *kernel = json_object_get(launch, "kernel");
	const json_t *sandbox = json_object_get(launch, "sandbox");
	(void)printf("launch, measured into the runtime log (%s):\n", text_of(launch, "measured"));
	(void)printf("  spec %s\n  in %s as uid %lld, gid %lld\n  sandbox:",
		text_of(launch, "spec"), text_of(launch, "working_directory"),
		(long long)json_integer_value(json_object_get(launch, "uid")),
		(long long)json_integer_value(json_object_get(launch, "gid")));
	for (size_t i = 0; i < json_array_size(sandbox); i++)
		(void)printf(" %s", json_string_value(json_array_get(sandbox, i)));
	(void)puts(json_array_size(sandbox) ? "" : " nothing is said of one");
	print_lists(launch);
	if (json_is_object(kernel))
		(void)printf("kernel %s, command line: %s\n  (%s: %s)\n",
			text_of(kernel, "release"), text_of(kernel, "command_line"),
			text_of(kernel, "standing"), text_of(kernel, "why"));
	else
		(void)puts("kernel: the launch record says nothing of it");
	(void)printf("model version: %s (%s)\n",
		json_is_string(json_object_get(launch, "model_version"))
			? ESC(bytes_str(text_of(launch, "model_version")))
			: "none",
		text_of(launch, "model_version_standing"));
}

static enum status run(struct cli *cli)
{
	OWNED(buf_release) struct buf bundle = {0};
	OWNED(audit_report_release) struct audit_report report = {0};
	if (option(cli, "decrypt") && !option_given(cli, "launch")) {
		(void)err_set(&cli->err, ERR_USAGE, "--decrypt is of --launch");
		return cli_fail(cli);
	}
	OWNED(json_release) json_t *view = NULL, *launch = NULL;
	OWNED(key_unref) struct key *opener = NULL;
	if (!bundle_get(cli, cli->arguments->values[0], &bundle) ||
		!audit_run(buf_bytes(&bundle), NULL, &report, &cli->err))
		return cli_fail(cli);
	if (!report.record.verifier_id.data) {
		(void)err_set(
			&cli->err, ERR_MISMATCH, "the record is signed by nobody: see assay audit");
		return cli_fail(cli);
	}
	if (option(cli, "decrypt") && !key_from_uri(option(cli, "decrypt"), &opener, &cli->err)) {
		(void)err_wrap(&cli->err, "--decrypt");
		return cli_fail(cli);
	}
	if (option_given(cli, "launch") &&
		!launch_view(buf_bytes(&bundle), &report, opener, &launch, &cli->err))
		return cli_fail(cli);
	view = record_json(&report);
	if (view && !lent_put(buf_bytes(&bundle), &report, view, &cli->err))
		return cli_fail(cli);
	if (cli->json) {
		if (launch && json_object_set(view, "launch", launch) != 0)
			return cli_print_json(cli, NULL, STATUS_UNDECIDED);
		return cli_print_json(cli, TAKE(view), STATUS_DONE);
	}
	cli_print_object(view);
	if (launch)
		print_launch(launch);
	return STATUS_DONE;
}

const struct command cmd_record_show = {
	.group = "record",
	.name = "show",
	.synopsis = "ID|FILE [--launch [--decrypt KEY]]",
	.summary = "A decision's record, and what its launch left behind.",
	.options = options,
	.least = 1,
	.most = 1,
	.run = run,
};
