/* SPDX-License-Identifier: Apache-2.0 */
/* assay elevate request | list | show | revoke | publish: a right beyond the release's own, for a
 * time and a reason. */
#include "cli/commands.h"

#include "base/time.h"
#include "cli/elevate.h"
#include "crypto/dsse.h"
#include "evidence/names.h"
#include "policy/elevation.h"

static const struct option_spec request_options[] = {
	{"workload", "NAME", OPTION_VALUE, "for this agent"},
	{"right", "NAME", OPTION_VALUE, "as its risk class calls it (assay policy explain)"},
	{"for", "DURATION", OPTION_VALUE, "how long, from when it is approved: 30m"},
	{"reason", "TEXT", OPTION_VALUE, "why"},
	{"host", "ID", OPTION_VALUE, "on this host alone"},
	{"instance", "ID", OPTION_VALUE, "this instance of that host alone"},
	{"release", "DIGEST", OPTION_VALUE, "running this release (default: the one it runs)"},
	{"any-release", NULL, OPTION_FLAG, "whatever release it runs"},
	API_OPTIONS,
	OPTIONS_END,
};
static const struct option_spec list_options[] = {
	{"workload", "NAME", OPTION_VALUE, "of this agent alone"},
	API_OPTIONS,
	OPTIONS_END,
};
static const struct option_spec show_options[] = {API_OPTIONS, OPTIONS_END};
static const struct option_spec revoke_options[] = {
	{"reason", "TEXT", OPTION_VALUE, "why"},
	API_OPTIONS,
	OPTIONS_END,
};

/* ---- asking ---- */

static bool put(json_t *body, const char *key, const char *value)
{
	return !value || json_object_set_new(body, key, json_string(value)) == 0;
}

static bool request_make(struct cli *cli, json_t *body)
{
	const char *workload = NULL, *right = NULL, *duration = NULL, *reason = NULL;
	int64_t seconds = 0;
	if (!option_required(cli, "workload", &workload) ||
		!option_required(cli, "right", &right) || !option_required(cli, "for", &duration) ||
		!option_required(cli, "reason", &reason))
		return false;
	if (!time_parse_duration(
		    bytes_str(duration), ELEVATION_DURATION_MAX, &seconds, &cli->err)) {
		cli->err.code = ERR_USAGE;
		return err_wrap(&cli->err, "--for");
	}
	if (option(cli, "instance") && !option(cli, "host"))
		return err_set(&cli->err, ERR_USAGE, "--instance goes with --host");
	if (option(cli, "release") && option_given(cli, "any-release"))
		return err_set(&cli->err, ERR_USAGE, "either --release or --any-release");
	if (!put(body, "workload", workload) || !put(body, "right", right) ||
		!put(body, "reason", reason) || !put(body, "host", option(cli, "host")) ||
		!put(body, "instance", option(cli, "instance")) ||
		!put(body, "release", option(cli, "release")) ||
		json_object_set_new(body, "duration", json_integer(seconds)) != 0 ||
		json_object_set_new(
			body, "any_release", json_boolean(option_given(cli, "any-release"))) != 0)
		return err_set(&cli->err, ERR_USAGE, "a text that is not valid UTF-8");
	return true;
}

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));
	return text ? text : "";
}

static enum status run_request(struct cli *cli)
{
	OWNED(json_release) json_t *request = json_object(), *answer = NULL;
	if (!request_make(cli, request) || !api_post(cli, "/v1/elevations", TAKE(request), &answer))
		return cli_fail(cli);
	if (cli->json)
		return cli_print_json(cli, TAKE(answer), STATUS_DONE);
	(void)printf("%s\n", ESC(bytes_str(text_of(answer, "id"))));
	(void)fprintf(stderr, "asked; it lapses at %s unless approved: assay elevate approve\n",
		ESC(bytes_str(text_of(answer, "lapses"))));
	return STATUS_DONE;
}

/* ---- looking ---- */

static enum status run_list(struct cli *cli)
{
	static const struct column columns[] = {
		{"id", "ID", 32},
		{"state", "STATE", 9},
		{"workload", "WORKLOAD", 24},
		{"right", "RIGHT", 24},
		{"until", "UNTIL", 20},
		{"asked", "ASKED", 20},
	};
	OWNED(json_release) json_t *answer = NULL;
	const char *workload = option(cli, "workload");
	char path[160];
	if (workload && !text_is_name(bytes_str(workload))) {
		(void)err_set(&cli->err, ERR_USAGE, "--workload: not a name");
		return cli_fail(cli);
	}
	(void)snprintf(path, sizeof(path), "/v1/elevations%s%s", workload ? "?workload=" : "",
		workload ? workload : "");
	if (!api_json(cli, path, NULL, NULL, &answer))
		return cli_fail(cli);
	if (cli->json)
		return cli_print_json(cli, TAKE(answer), STATUS_DONE);
	cli_print_table(json_object_get(answer, "elevations"), columns, ARRAY_LEN(columns));
	return STATUS_DONE;
}

bool elevation_path(struct cli *cli, const char *id, const char *tail, char out[96])
{
	uint8_t bytes[ELEVATION_ID_LEN];
	(void)snprintf(out, 96, "/v1/elevations/%.32s%s", id, tail);
	return hex_decode_exact(bytes_str(id), bytes, sizeof(bytes), NULL) ||
	       err_set(&cli->err, ERR_USAGE, "%s is no id: 32 lower-case hex digits",
		       ESC(bytes_str(id)));
}

static void print_word(const json_t *word)
{
	(void)printf("  %s by %s as %s, %lld s, %s: ", ESC(bytes_str(text_of(word, "decision"))),
		ESC(bytes_str(text_of(word, "person"))), ESC(bytes_str(text_of(word, "role"))),
		(long long)json_integer_value(json_object_get(word, "duration")),
		ESC(bytes_str(text_of(word, "issued"))));
	(void)printf("%s\n", ESC(bytes_str(text_of(word, "reason"))));
}

void elevation_print(const json_t *view, FILE *out)
{
	static const char *const keys[] = {
		"workload", "right", "reason", "requester", "host", "instance", "release"};
	const json_t *request = json_object_get(view, "request");
	(void)fprintf(out, "elevation %s: %s\n", ESC(bytes_str(text_of(view, "id"))),
		ESC(bytes_str(text_of(view, "state"))));
	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		if (*text_of(request, keys[i]))
			(void)fprintf(out, "  %-10s %s\n", keys[i],
				ESC(bytes_str(text_of(request, keys[i]))));
	(void)fprintf(out, "  duration   %lld s\n",
		(long long)json_integer_value(json_object_get(request, "duration")));
	(void)fprintf(out, "  entry      %s\n", ESC(bytes_str(text_of(view, "entry"))));
}

static enum status view_answered(struct cli *cli, json_t *answer)
{
	OWNED(json_release) json_t *view = answer;
	static const char *const times[] = {"lapses", "began", "until", "ended", "why", "approval"};
	if (cli->json)
		return cli_print_json(cli, TAKE(view), STATUS_DONE);
	elevation_print(view, stdout);
	for (size_t i = 0; i < ARRAY_LEN(times); i++)
		if (*text_of(view, times[i]))
			(void)printf(
				"  %-10s %s\n", times[i], ESC(bytes_str(text_of(view, times[i]))));
	const json_t *words = json_object_get(view, "words");
	for (size_t i = 0; i < json_array_size(words); i++)
		print_word(json_array_get(words, i));
	return STATUS_DONE;
}

static enum status run_show(struct cli *cli)
{
	json_t *answer = NULL;
	char path[96];
	if (!elevation_path(cli, cli->arguments->values[0], "", path) ||
		!api_json(cli, path, NULL, NULL, &answer))
		return cli_fail(cli);
	return view_answered(cli, answer);
}

static enum status run_revoke(struct cli *cli)
{
	json_t *answer = NULL;
	const char *reason = NULL;
	char path[96];
	if (!option_required(cli, "reason", &reason) ||
		!elevation_path(cli, cli->arguments->values[0], "/revoke", path) ||
		!api_post(cli, path, json_pack("{s:s}", "reason", reason), &answer))
		return cli_fail(cli);
	return view_answered(cli, answer);
}

/* ---- handing in ---- */

bool elevation_hand_in(struct cli *cli, struct bytes envelope, json_t **ret)
{
	OWNED(dsse_free) struct dsse *dsse = NULL;
	OWNED(elevation_approval_free) struct elevation_approval *approval = NULL;
	char path[96], id[2 * ELEVATION_ID_LEN + 1];
	if (!dsse_parse(envelope, &dsse, &cli->err) ||
		!elevation_approval_parse(buf_bytes(&dsse->payload), &approval, &cli->err))
		return false;
	hex_encode(BYTES_OF(approval->id), id);
	return elevation_path(cli, id, "/words", path) &&
	       api_json(cli, path, MEDIA_DSSE, &envelope, ret);
}

static enum status run_publish(struct cli *cli)
{
	OWNED(buf_release) struct buf envelope = {0};
	json_t *answer = NULL;
	const char *file = cli->arguments->values[0];
	if (!cli_read(file, ELEVATION_ENVELOPE_MAX, &envelope, &cli->err) ||
		!elevation_hand_in(cli, buf_bytes(&envelope), &answer))
		return cli_fail(cli);
	return view_answered(cli, answer);
}

#define ELEVATE_COMMAND(name_, synopsis_, summary_, options_, positionals_, run_)                  \
	{                                                                                          \
		.group = "elevate", .name = (name_), .synopsis = (synopsis_),                      \
		.summary = (summary_), .options = (options_), .least = (positionals_),             \
		.most = (positionals_), .run = (run_),                                             \
	}
const struct command cmd_elevate_request =
	ELEVATE_COMMAND("request", "--workload NAME --right NAME --for DURATION --reason TEXT",
		"Asks for a right beyond an agent's own, for a time; prints the request's id.",
		request_options, 0, run_request);
const struct command cmd_elevate_list = ELEVATE_COMMAND("list", "[--workload NAME]",
	"Elevations asked for, in force and ended, the newest first.", list_options, 0, run_list);
const struct command cmd_elevate_show = ELEVATE_COMMAND("show", "ID",
	"One elevation: what for, by whom, who approved, until when.", show_options, 1, run_show);
const struct command cmd_elevate_revoke = ELEVATE_COMMAND("revoke", "ID --reason TEXT",
	"Ends an elevation at once; credentials that carry it are revoked.", revoke_options, 1,
	run_revoke);
const struct command cmd_elevate_publish = ELEVATE_COMMAND("publish", "FILE",
	"Hands in an approval or a denial that was signed with --out.", show_options, 1,
	run_publish);
