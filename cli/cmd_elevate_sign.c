/* SPDX-License-Identifier: Apache-2.0 */
/* assay elevate approve | deny: a person's signed word on a request, once it was shown. */
#include "cli/commands.h"

#include "base/time.h"
#include "cli/elevate.h"
#include "crypto/dsse.h"
#include "policy/elevation.h"

#define VIEW_MAX (1u << 20)

#define SIGN_OPTIONS                                                                               \
	{"person", "NAME", OPTION_VALUE, "you, as the policy names you"},                          \
		{"role", "ROLE", OPTION_VALUE, "in which role"},                                   \
		{"reason", "TEXT", OPTION_VALUE, "why"},                                           \
		{"key", "URI", OPTION_VALUE, "your private key: a file, or an OSSL_STORE URI"},    \
		{"request", "FILE", OPTION_VALUE,                                                  \
			"what `assay elevate show --json` printed (default: asked)"},              \
	{                                                                                          \
		"out", "FILE", OPTION_VALUE, "write it there; `elevate publish` hands it in"       \
	}

static const struct option_spec approve_options[] = {
	SIGN_OPTIONS,
	{"for", "DURATION", OPTION_VALUE, "shorter than was asked"},
	{"expires", "DURATION", OPTION_VALUE,
		"from now; it ends the elevation too (default: when that ends by itself)"},
	API_OPTIONS,
	OPTIONS_END,
};
static const struct option_spec deny_options[] = {SIGN_OPTIONS, API_OPTIONS, OPTIONS_END};

static bool view_of(struct cli *cli, json_t **ret)
{
	OWNED(buf_release) struct buf text = {0};
	const char *file = option(cli, "request"), *id = cli->arguments->values[0];
	const char *shown;
	char path[96];
	if (!elevation_path(cli, id, "", path))
		return false;
	if (!file)
		return api_json(cli, path, NULL, NULL, ret);
	if (!cli_read(file, VIEW_MAX, &text, &cli->err) ||
		!json_open(buf_bytes(&text), VIEW_MAX, ret, &cli->err))
		return err_wrap(&cli->err, "--request");
	shown = json_string_value(json_object_get(*ret, "id"));
	return (shown && strcmp(shown, id) == 0) ||
	       err_set(&cli->err, ERR_MISMATCH, "--request: of another elevation");
}

/* What is signed is what was read here, hashed here. */
static bool request_of(struct cli *cli, const json_t *view, struct elevation_request **ret)
{
	OWNED(buf_release) struct buf text = {0};
	char id[2 * ELEVATION_ID_LEN + 1];
	const json_t *request = json_object_get(view, "request");
	if (!request)
		return err_set(&cli->err, ERR_FORMAT, "elevation: request: missing");
	if (!json_write(request, false, &text, &cli->err) ||
		!elevation_request_parse(buf_bytes(&text), ret, &cli->err))
		return false;
	hex_encode(BYTES_OF((*ret)->id), id);
	return strcmp(id, cli->arguments->values[0]) == 0 ||
	       err_set(&cli->err, ERR_MISMATCH, "the verifier showed another request, %s", id);
}

static bool duration_of(struct cli *cli, const char *name, int64_t fallback, int64_t *ret)
{
	const char *text = option(cli, name);
	*ret = fallback;
	if (!text || time_parse_duration(bytes_str(text), 366 * (int64_t)86400, ret, &cli->err))
		return true;
	cli->err.code = ERR_USAGE;
	return err_wrap(&cli->err, "--%s", name);
}

static bool approval_fill(struct cli *cli, const json_t *view,
	const struct elevation_request *request, bool denied, struct elevation_approval *a)
{
	const char *person = NULL, *role = NULL, *reason = NULL;
	const char *entry = json_string_value(json_object_get(view, "entry"));
	int64_t lifetime = 0;
	a->issued = clock_wall(&clock_system);
	a->denied = denied;
	if (!option_required(cli, "person", &person) || !option_required(cli, "role", &role) ||
		!option_required(cli, "reason", &reason))
		return false;
	if (denied)
		a->duration = request->duration;
	else if (!duration_of(cli, "for", request->duration, &a->duration))
		return false;
	int64_t wait = request->lapses > a->issued ? request->lapses - a->issued : 0;
	if (denied)
		lifetime = wait + request->duration;
	else if (!duration_of(cli, "expires", wait + a->duration, &lifetime))
		return false;
	if (a->duration > request->duration)
		return err_set(&cli->err, ERR_USAGE, "--for: longer than was asked, %lld s",
			(long long)request->duration);
	a->expires = a->issued + lifetime;
	a->verifier = strdup(request->verifier);
	a->workload = strdup(request->workload);
	a->right = strdup(request->right);
	a->person = strdup(person);
	a->role = strdup(role);
	a->reason = strdup(reason);
	memcpy(a->request, request->digest, sizeof(a->request));
	memcpy(a->id, request->id, sizeof(a->id));
	if (!a->verifier || !a->workload || !a->right || !a->person || !a->role || !a->reason)
		return err_set(&cli->err, ERR_NOMEM, "elevation");
	return hex_decode_exact(bytes_str(entry), a->entry, sizeof(a->entry), NULL) ||
	       err_set(&cli->err, ERR_FORMAT, "elevation: entry: missing");
}

static void show(const json_t *view, const struct elevation_approval *a)
{
	char expires[TIME_TEXT_MAX];
	elevation_print(view, stderr);
	(void)fprintf(stderr, "  %s   %s, %s", a->denied ? "denying " : "approving",
		ESC(bytes_str(a->person)), ESC(bytes_str(a->role)));
	(void)fprintf(stderr, ", for %lld s, until %s at the latest\n", (long long)a->duration,
		time_format(a->expires, expires));
}

static bool word_sign(struct cli *cli, bool denied, struct buf *ret)
{
	OWNED(json_release) json_t *view = NULL;
	OWNED(elevation_request_free) struct elevation_request *request = NULL;
	OWNED(elevation_approval_free)
	struct elevation_approval *approval = calloc(1, sizeof(*approval));
	OWNED(buf_release) struct buf statement = {0};
	OWNED(key_unref) struct key *key = NULL;
	const char *uri = NULL;
	if (!approval)
		return err_set(&cli->err, ERR_NOMEM, "elevation");
	if (!option_required(cli, "key", &uri) || !view_of(cli, &view) ||
		!request_of(cli, view, &request) ||
		!approval_fill(cli, view, request, denied, approval))
		return false;
	if (!cli->json)
		show(view, approval);
	return key_from_uri(uri, &key, &cli->err) &&
	       elevation_approval_statement(approval, &statement, &cli->err) &&
	       dsse_sign(DSSE_INTOTO_TYPE, buf_bytes(&statement), key, ret, &cli->err);
}

static enum status sign(struct cli *cli, bool denied)
{
	OWNED(buf_release) struct buf envelope = {0};
	OWNED(json_release) json_t *answer = NULL;
	if (!word_sign(cli, denied, &envelope))
		return cli_fail(cli);
	if (option(cli, "out"))
		return cli_write(option(cli, "out"), buf_bytes(&envelope), false, &cli->err)
			       ? STATUS_DONE
			       : cli_fail(cli);
	if (!elevation_hand_in(cli, buf_bytes(&envelope), &answer))
		return cli_fail(cli);
	if (cli->json)
		return cli_print_json(cli, TAKE(answer), STATUS_DONE);
	const char *state = json_string_value(json_object_get(answer, "state"));
	const char *until = json_string_value(json_object_get(answer, "until"));
	(void)printf("%s%s%s\n", state ? ESC(bytes_str(state)) : "",
		until && *until ? ", until " : "", until ? ESC(bytes_str(until)) : "");
	return STATUS_DONE;
}

static enum status run_approve(struct cli *cli)
{
	return sign(cli, false);
}

static enum status run_deny(struct cli *cli)
{
	return sign(cli, true);
}

const struct command cmd_elevate_approve = {
	.group = "elevate",
	.name = "approve",
	.synopsis = "ID --person NAME --role ROLE --reason TEXT --key URI",
	.summary = "Shows a request for an elevation, signs an approval of it and hands that in.",
	.options = approve_options,
	.least = 1,
	.most = 1,
	.run = run_approve,
};
const struct command cmd_elevate_deny = {
	.group = "elevate",
	.name = "deny",
	.synopsis = "ID --person NAME --role ROLE --reason TEXT --key URI",
	.summary = "Signs a denial: the request is refused, or what is in force ends at once.",
	.options = deny_options,
	.least = 1,
	.most = 1,
	.run = run_deny,
};
