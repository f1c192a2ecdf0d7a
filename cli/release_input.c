/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/release_input.h"

#include "base/time.h"
#include "crypto/dsse.h"
#include "policy/floor.h"

#include <unistd.h>

void release_bundle_release(struct release_bundle *bundle)
{
	buf_release(&bundle->envelope);
	release_free(&bundle->release);
	for (size_t i = 0; i < bundle->approval_count; i++)
		buf_release(&bundle->approvals[i]);
	for (size_t i = 0; i < bundle->statement_count; i++)
		buf_release(&bundle->statements[i]);
	*bundle = (struct release_bundle){0};
}

static bool envelopes_of_answer(
	const json_t *list, size_t max, struct buf *ret, size_t *ret_count, struct err *err)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		if (*ret_count == max)
			return err_set(err, ERR_LIMIT, "more than %zu envelopes", max);
		if (!json_write(json_array_get(list, i), false, &ret[(*ret_count)++], err))
			return false;
	}
	return true;
}

bool release_bundle_load(struct cli *cli, const char *name, struct release_bundle *ret)
{
	OWNED(dsse_free) struct dsse *dsse = NULL;
	OWNED(json_release) json_t *answer = NULL;
	uint8_t digest[SHA256_LEN];
	char path[128];
	if (hex_decode_exact(bytes_str(name), digest, SHA256_LEN, NULL)) {
		(void)snprintf(path, sizeof(path), "/v1/releases/%s", name);
		if (!api_json(cli, path, NULL, NULL, &answer) ||
			!json_write(json_object_get(answer, "envelope"), false, &ret->envelope,
				&cli->err) ||
			!envelopes_of_answer(json_object_get(answer, "approvals"), APPROVALS_MAX,
				ret->approvals, &ret->approval_count, &cli->err) ||
			!envelopes_of_answer(json_object_get(answer, "statements"), STATEMENTS_MAX,
				ret->statements, &ret->statement_count, &cli->err))
			return false;
	} else if (!cli_read(name, JSON_INPUT_MAX, &ret->envelope, &cli->err)) {
		return false;
	}
	if (!dsse_parse(buf_bytes(&ret->envelope), &dsse, &cli->err) ||
		!release_parse(buf_bytes(&dsse->payload), &ret->release, &cli->err))
		return err_wrap(&cli->err, "%s", ESC(bytes_str(name)));
	/* Asked for by digest, it must be the release with that digest, whatever the verifier sent.
	 */
	if (answer && memcmp(ret->release->digest, digest, SHA256_LEN) != 0)
		return err_set(&cli->err, ERR_MISMATCH,
			"the verifier sent another release than the one asked for");
	return true;
}

static bool envelope_add(
	struct bytes text, size_t max, struct buf *list, size_t *count, struct err *err)
{
	if (*count == max)
		return err_set(err, ERR_LIMIT, "more than %zu envelopes", max);
	buf_put(&list[*count], text);
	return buf_ok(&list[(*count)++], err);
}

static bool ends_with(const char *text, const char *end)
{
	size_t len = strlen(text), n = strlen(end);
	return len >= n && strcmp(text + len - n, end) == 0;
}

bool envelopes_read(const char *path, size_t max, struct buf *list, size_t *count, struct err *err)
{
	OWNED(buf_release) struct buf text = {0};
	if (!cli_read(path, JSON_INPUT_MAX, &text, err))
		return false;
	if (!ends_with(path, ".jsonl"))
		return envelope_add(buf_bytes(&text), max, list, count, err) ||
		       err_wrap(err, "%s", path);
	for (size_t at = 0; at < text.len;) {
		const uint8_t *line = text.data + at;
		const uint8_t *end = memchr(line, '\n', text.len - at);
		size_t len = end ? (size_t)(end - line) : text.len - at;
		if (len > 0 && !envelope_add(bytes_of(line, len), max, list, count, err))
			return err_wrap(err, "%s", path);
		at += len + 1;
	}
	return true;
}

static bool envelopes_of_option(
	struct cli *cli, const char *name, size_t max, struct buf *list, size_t *count)
{
	const struct option_value *files = option_all(cli, name);
	for (size_t i = 0; files && i < files->count; i++)
		if (!envelopes_read(files->values[i], max, list, count, &cli->err))
			return err_wrap(&cli->err, "--%s", name);
	return true;
}

bool statements_beside(struct cli *cli, const char *name, struct release_bundle *b)
{
	OWNED(buf_release) struct buf beside = {0};
	buf_printf(&beside, "%s" STATEMENTS_SUFFIX, name);
	if (!buf_str(&beside))
		return err_set(&cli->err, ERR_NOMEM, "release");
	return access(buf_str(&beside), F_OK) != 0 ||
	       envelopes_read(buf_str(&beside), STATEMENTS_MAX, b->statements, &b->statement_count,
		       &cli->err);
}

bool release_bundle_gather(struct cli *cli, const char *name, struct release_bundle *b)
{
	return statements_beside(cli, name, b) &&
	       envelopes_of_option(
		       cli, "approval", APPROVALS_MAX, b->approvals, &b->approval_count) &&
	       envelopes_of_option(
		       cli, "statement", STATEMENTS_MAX, b->statements, &b->statement_count);
}

bool policy_of_option(struct cli *cli, struct policy **ret)
{
	OWNED(buf_release) struct buf text = {0};
	const char *file = option(cli, "policy");
	if (!(file ? cli_read(file, POLICY_TEXT_MAX, &text, &cli->err)
		   : api_bytes(cli, "/v1/policy", NULL, NULL, &text)))
		return err_wrap(&cli->err, "policy");
	return policy_parse(buf_bytes(&text), file ? file : "policy", ret, &cli->err);
}

static void verdict_free(struct verdict **verdict)
{
	free(*verdict);
}

static void checklist_free(struct checklist **list)
{
	free(*list);
}

static void judge_floor(
	const struct security_floor *given, const struct release *release, struct verdict *verdict)
{
	const struct context_security_floor floor = {
		.sequence = (uint64_t)given->sequence, .minimum = bytes_str(given->minimum)};
	policy_security_floor_appraise(&floor, release, verdict);
}

/* What only the verifier knows. A withdrawal that was given counts as anywhere. */
static void note_offline(struct verdict *verdict, bool floor_given)
{
	verdict_not_checked(verdict, "asked of no verifier: whether the release was revoked or its "
				     "workload retired");
	verdict_not_checked(verdict, "asked of no verifier: the third parties registered for the "
				     "workload and their jurisdictions");
	verdict_not_checked(verdict,
		"asked of no verifier: approvals and statements withdrawn, but for "
		"withdrawals given here");
	verdict_not_checked(
		verdict, "asked of no verifier: whether a review of the workload is overdue");
	verdict_not_checked(
		verdict, floor_given ? "asked of no verifier: the version floor and rollouts"
				     : "asked of no verifier: version and security floors, "
				       "rollouts");
}

bool release_bundle_judge(struct cli *cli, const struct release_bundle *bundle,
	const struct policy *policy, const char *environment, json_t **ret)
{
	OWNED(verdict_free) struct verdict *verdict = calloc(1, sizeof(*verdict));
	OWNED(checklist_free) struct checklist *list = calloc(1, sizeof(*list));
	OWNED(release_free) struct release *release = NULL;
	struct bytes approvals[APPROVALS_MAX], statements[STATEMENTS_MAX];
	const struct release_input input = {
		.envelope = buf_bytes(&bundle->envelope),
		.approvals = approvals,
		.approval_count = bundle->approval_count,
		.statements = statements,
		.statement_count = bundle->statement_count,
		.environment = bytes_str(environment),
	};
	if (!verdict || !list)
		return err_set(&cli->err, ERR_NOMEM, "release");
	for (size_t i = 0; i < bundle->approval_count; i++)
		approvals[i] = buf_bytes(&bundle->approvals[i]);
	for (size_t i = 0; i < bundle->statement_count; i++)
		statements[i] = buf_bytes(&bundle->statements[i]);
	if (!release_checklist(
		    &input, policy, clock_wall(&clock_system), list, verdict, &release, &cli->err))
		return false;
	if (bundle->floor && release)
		judge_floor(bundle->floor, release, verdict);
	note_offline(verdict, bundle->floor != NULL);
	verdict_conclude(verdict);
	return gate_json(release, environment, list, verdict, ret, &cli->err);
}

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));
	return text ? text : "";
}

void checklist_print(struct cli *cli, const json_t *checklist, FILE *out)
{
	const json_t *items = json_object_get(checklist, "items");
	for (size_t i = 0; i < json_array_size(items); i++) {
		const json_t *item = json_array_get(items, i);
		bool met = json_is_true(json_object_get(item, "met"));
		const char *until = text_of(item, "expires");
		(void)fprintf(out, "  %s%-7s%s  %-44s  %s%s%s\n",
			colour(cli, met ? "green" : "red"), met ? "met" : "not met",
			colour(cli, "off"), ESC(bytes_str(text_of(item, "demand"))),
			ESC(bytes_str(text_of(item, "by"))), *until ? ", until " : "",
			ESC(bytes_str(until)));
	}
}

void diff_print(const json_t *diff, FILE *out)
{
	for (size_t i = 0; i < json_array_size(diff); i++) {
		const json_t *one = json_array_get(diff, i);
		const char *from = text_of(one, "from"), *to = text_of(one, "to");
		(void)fprintf(out, "  %-24s %s\n", ESC(bytes_str(text_of(one, "subject"))),
			ESC(bytes_str(text_of(one, "change"))));
		if (*from)
			(void)fprintf(out, "    from  %s\n", ESC(bytes_str(from)));
		if (*to)
			(void)fprintf(out, "    to    %s\n", ESC(bytes_str(to)));
	}
	if (json_array_size(diff) == 0)
		(void)fputs("  (nothing differs)\n", out);
}
