/* SPDX-License-Identifier: Apache-2.0 */
/* assay policy check: whether a policy would come into force, and what it says. */
#include "cli/commands.h"

#include "cli/policy_read.h"
#include "policy/words.h"

static const struct option_spec options[] = {
	{"references", "DIR", OPTION_VALUE,
		"where the objects lie that the policy names by SHA-256"},
	{"signature", "FILE", OPTION_VALUE, "its signatures (assay policy sign)"},
	{"key", "PEM", OPTION_REPEATED, "public key of a person who may sign policies"},
	{"threshold", "N", OPTION_VALUE, "how many of the keys must have signed (default: all)"},
	OPTIONS_END,
};

struct check {
	struct cli *cli;
	struct buf text;
	struct policy *policy;
	struct policy_signers signers;
	uint64_t signed_by;
	json_t *answer;
	bool refused;
};

static void check_release(struct check *c)
{
	buf_release(&c->text);
	policy_free(&c->policy);
	policy_signers_release(&c->signers);
	json_decref(c->answer);
}

/* Something is wrong with what was given: a verdict, and one for each fault. */
static bool refuse(struct check *c, const struct err *why)
{
	json_t *faults = json_object_get(c->answer, "faults");
	if (why->code == ERR_IO || why->code == ERR_NOMEM || why->code == ERR_CRYPTO ||
		why->code == ERR_USAGE || why->code == ERR_INTERNAL)
		return err_set(&c->cli->err, why->code, "%s", why->text);
	c->refused = true;
	return json_array_append_new(faults, json_string(why->text)) == 0 ||
	       err_set(&c->cli->err, ERR_NOMEM, "answer");
}

static bool check_policy(struct check *c)
{
	const char *file = c->cli->arguments->values[0];
	struct err why = {0};
	json_t *summary = NULL;
	/* A file that is not there is no verdict. */
	if (!cli_read(file, POLICY_TEXT_MAX, &c->text, &c->cli->err))
		return false;
	if (!policy_parse(buf_bytes(&c->text), file, &c->policy, &why))
		return refuse(c, &why);
	if (!policy_summary(c->policy, &summary, &c->cli->err))
		return false;
	bool ok = json_object_update(c->answer, summary) == 0;
	json_decref(summary);
	return ok || err_set(&c->cli->err, ERR_NOMEM, "answer");
}

static bool check_references(struct check *c)
{
	const char *directory = option(c->cli, "references");
	struct err why = {0};
	if (!directory || !c->policy)
		return true;
	if (!policy_read_references(c->policy, directory, &why)) {
		/* The directory is not there, or holds what cannot be read. */
		if (why.code == ERR_NOT_FOUND)
			return err_set(&c->cli->err, ERR_IO, "%s", why.text);
		return refuse(c, &why);
	}
	return policy_complete(c->policy, &why) || refuse(c, &why);
}

static bool signed_names(struct check *c)
{
	json_t *names = json_array();
	bool ok = json_object_set_new(c->answer, "signed_by", names) == 0 &&
		  json_object_set_new(c->answer, "threshold",
			  json_integer((json_int_t)c->signers.threshold)) == 0;
	for (size_t i = 0; ok && i < c->signers.count; i++)
		ok = !(c->signed_by >> i & 1) ||
		     json_array_append_new(names, json_string(c->signers.names[i])) == 0;
	return ok || err_set(&c->cli->err, ERR_NOMEM, "answer");
}

static bool check_signature(struct check *c)
{
	OWNED(buf_release) struct buf envelope = {0};
	const char *file = option(c->cli, "signature");
	const struct option_value *keys = option_all(c->cli, "key");
	struct err why = {0};
	if (!file && !keys)
		return true;
	if (!file || !keys)
		return err_set(&c->cli->err, ERR_USAGE, "--signature and --key go together");
	if (!policy_read_signers(keys->values, keys->count, option(c->cli, "threshold"),
		    &c->signers, &c->cli->err) ||
		!cli_read(file, POLICY_ENVELOPE_MAX, &envelope, &c->cli->err))
		return false;
	if (!policy_signature_verify(
		    buf_bytes(&envelope), buf_bytes(&c->text), &c->signers, &c->signed_by, &why) &&
		!refuse(c, &why))
		return false;
	why = (struct err){0};
	if (c->policy && !policy_signers_outside(&c->signers, c->policy, &why) && !refuse(c, &why))
		return false;
	return signed_names(c);
}

static void print_lines(const json_t *array, const char *before, const char *behind)
{
	size_t i;
	json_t *line;
	json_array_foreach(array, i, line)(void)
		printf("%s%s%s\n", before, json_string_value(line), behind);
}

static void print_answer(const struct check *c)
{
	const struct cli *cli = c->cli;
	size_t i;
	json_t *fault;
	if (c->policy) {
		(void)printf("%s: version %lld, trust domain %s\nsha256 %s\n",
			ESC(bytes_str(cli->arguments->values[0])), (long long)c->policy->version,
			c->policy->trust_domain,
			json_string_value(json_object_get(c->answer, "sha256")));
		print_lines(json_object_get(c->answer, "summary"), "  ", "");
		print_lines(json_object_get(c->answer, "references"), "  reference ",
			option(cli, "references") ? "" : " (not looked for: --references DIR)");
	}
	print_lines(json_object_get(c->answer, "signed_by"), "  signed by ", "");
	json_array_foreach(json_object_get(c->answer, "faults"), i, fault)(void)
		printf("%srefused%s: %s\n", colour(cli, "red"), colour(cli, "off"),
			json_string_value(fault));
	if (!c->refused)
		(void)printf("%sin order%s%s\n", colour(cli, "green"), colour(cli, "off"),
			option(cli, "signature") ? "" : "; not checked: signatures");
}

static enum status run(struct cli *cli)
{
	OWNED(check_release) struct check c = {.cli = cli, .answer = json_pack("{s:[]}", "faults")};
	if (!c.answer) {
		(void)err_set(&cli->err, ERR_NOMEM, "answer");
		return cli_fail(cli);
	}
	if (!check_policy(&c) || !check_references(&c) || !check_signature(&c) ||
		(json_object_set_new(c.answer, "accepted", json_boolean(!c.refused)) != 0 &&
			!err_set(&cli->err, ERR_NOMEM, "answer")))
		return cli_fail(cli);
	enum status status = c.refused ? STATUS_REFUSED : STATUS_DONE;
	if (cli->json)
		return cli_print_json(cli, json_incref(c.answer), status);
	print_answer(&c);
	return status;
}

const struct command cmd_policy_check = {
	.group = "policy",
	.name = "check",
	.synopsis = "POLICY.yaml [--references DIR] [--signature FILE --key PEM]",
	.summary = "Whether a verifier would take a policy, and what it says.",
	.options = options,
	.least = 1,
	.most = 1,
	.run = run,
};
