/* SPDX-License-Identifier: Apache-2.0 */
/* assay ima replay, show, check: IMA measurement lists outside of an attestation. */
#include "cli/commands.h"

#include "firmware/ima_rules.h"

#include <stdlib.h>

#define LOG_MAX (1u << 30)

static const struct option_spec replay_options[] = {
	{"bank", "ALG", OPTION_VALUE, "sha1, sha256 (default), sha384 or sha512"},
	{"extend", "HOW", OPTION_VALUE,
		"own (default), padded: a bank filled with SHA-1, padded-old: by Linux before 5.8"},
	OPTIONS_END,
};
static const struct option_spec show_options[] = {
	{"rules", NULL, OPTION_FLAG,
		"print the rules that allow what is in the log, for a person to approve"},
	OPTIONS_END,
};
static const struct option_spec check_options[] = {
	{"rules", "FILE", OPTION_VALUE, "what may stand in the log; sha256sum's output is enough"},
	{"pcr", "[INDEX:]HEX", OPTION_REPEATED,
		"PCR 10 as the log must lead to it; PCRs 0 to 9 for boot_aggregate"},
	{"bank", "ALG", OPTION_VALUE, "of those values: sha256 (default), sha384 or sha512"},
	{"key", "FILE", OPTION_REPEATED,
		"signer of files; rules call it by the file's name without ending"},
	OPTIONS_END,
};

/* What a log says is refused; what keeps it from being read is not a refusal. */
static enum status log_fail(struct cli *cli)
{
	enum status status = cli_fail(cli);

	switch (cli->err.code) {
	case ERR_FORMAT:
	case ERR_LIMIT:
	case ERR_UNSUPPORTED:
		return STATUS_REFUSED;
	default:
		return status;
	}
}

/* Reads the log without the beginnings of an entry that it may end in: a list that grew while it was
 * read. *ret_left is how many bytes that are. */
static bool log_read(struct cli *cli, struct buf *ret, size_t *ret_left)
{
	size_t whole;

	if (!cli_read(cli->arguments->values[0], LOG_MAX, ret, &cli->err))
		return false;
	whole = ima_log_whole(buf_bytes(ret), DIGEST_NONE);
	*ret_left = ret->len - whole;
	ret->len = whole;
	if (*ret_left)
		(void)fprintf(stderr,
			"assay: the last %zu bytes are the beginning of an entry: left out\n",
			*ret_left);
	return true;
}

static bool bank_of(struct cli *cli, enum digest_alg *ret)
{
	const char *name = option_or(cli, "bank", "sha256");

	*ret = digest_alg_of_name(bytes_str(name));
	return *ret != DIGEST_NONE ||
	       err_set(&cli->err, ERR_USAGE, "--bank: %s is not known", ESC(bytes_str(name)));
}

static bool extend_of(struct cli *cli, enum ima_extend *ret)
{
	const char *name = option_or(cli, "extend", "own");

	for (int i = IMA_EXTEND_OWN; i < IMA_EXTENDS; i++)
		if (strcmp(name, ima_extend_name((enum ima_extend)i)) == 0) {
			*ret = (enum ima_extend)i;
			return true;
		}
	return err_set(&cli->err, ERR_USAGE, "--extend is own, padded or padded-old, not %s",
		ESC(bytes_str(name)));
}

/* ---- replay ---- */

static enum status print_replay(struct cli *cli, const struct ima_pcrs *pcrs, size_t left)
{
	json_t *values = json_object();
	json_t *answer;

	for (unsigned i = 0; i < IMA_PCRS; i++) {
		char index[4], hex[2 * DIGEST_LEN_MAX + 1];

		if (!(pcrs->used >> i & 1))
			continue;
		(void)snprintf(index, sizeof(index), "%u", i);
		hex_encode(bytes_of(pcrs->value[i], digest_alg_len(pcrs->bank)), hex);
		(void)json_object_set_new(values, index, json_string(hex));
		if (!cli->json)
			(void)printf("PCR %s  %s\n", index, hex);
	}
	if (!cli->json) {
		json_decref(values);
		(void)printf("%llu entries, %llu violations\n", (unsigned long long)pcrs->entries,
			(unsigned long long)pcrs->violations);
		return STATUS_DONE;
	}
	answer = json_pack("{s:o,s:I,s:I}", "pcrs", values, "entries", (json_int_t)pcrs->entries,
		"violations", (json_int_t)pcrs->violations);
	if (left)
		(void)json_object_set_new(answer, "incomplete", json_integer((json_int_t)left));
	return cli_print_json(cli, answer, STATUS_DONE);
}

static enum status replay_run(struct cli *cli)
{
	OWNED(buf_release) struct buf log = {0};
	struct ima_pcrs pcrs;
	enum digest_alg bank;
	enum ima_extend extend;
	size_t left = 0;

	if (!bank_of(cli, &bank) || !extend_of(cli, &extend) || !log_read(cli, &log, &left))
		return cli_fail(cli);
	if (!ima_replay(buf_bytes(&log), DIGEST_NONE, bank, extend, &pcrs, &cli->err))
		return log_fail(cli);
	return print_replay(cli, &pcrs, left);
}

/* ---- show ---- */

static void set_escaped(json_t *object, const char *key, struct bytes value)
{
	OWNED(free_ptr) char *text = malloc(4 * value.len + 1);

	if (text)
		(void)json_object_set_new(
			object, key, json_string(text_escape(value, text, 4 * value.len + 1)));
}

static void set_hex(json_t *object, const char *key, struct bytes value)
{
	OWNED(buf_release) struct buf hex = {0};

	buf_put_hex(&hex, value);
	(void)json_object_set_new(object, key, json_string(buf_str(&hex)));
}

static json_t *entry_json(const struct ima_entry *entry, bool matches)
{
	static const enum ima_field shown[] = {IMA_FIELD_SIG, IMA_FIELD_BUF, IMA_FIELD_D_MODSIG,
		IMA_FIELD_MODSIG, IMA_FIELD_EVMSIG, IMA_FIELD_XATTRNAMES, IMA_FIELD_XATTRLENGTHS,
		IMA_FIELD_XATTRVALUES, IMA_FIELD_IUID, IMA_FIELD_IGID, IMA_FIELD_IMODE};
	json_t *object = json_pack("{s:I,s:I,s:b,s:b}", "entry", (json_int_t)entry->number, "pcr",
		(json_int_t)entry->pcr, "violation", entry->violation, "template_digest_matches",
		matches);

	set_escaped(object, "template", entry->name);
	set_hex(object, "template_digest", entry->template_digest);
	set_escaped(object, "path", entry->path);
	if (entry->digest_type != IMA_DIGEST_NONE) {
		set_escaped(object, "alg", entry->digest_alg);
		set_hex(object, "digest", entry->digest);
		(void)json_object_set_new(object, "digest_type",
			json_string(entry->digest_type == IMA_DIGEST_VERITY ? "verity" : "ima"));
	}
	for (size_t i = 0; i < ARRAY_LEN(shown); i++)
		if (entry->field[shown[i]].len)
			set_hex(object, ima_field_name(shown[i]), entry->field[shown[i]]);
	return object;
}

static bool print_entry(const struct ima_entry *entry, bool matches, struct err *err)
{
	OWNED(buf_release) struct buf line = {0};

	ima_entry_text(entry, &line);
	if (!matches)
		buf_put_str(&line, "  TEMPLATE DIGEST DOES NOT MATCH");
	if (!buf_ok(&line, err))
		return false;
	(void)puts(buf_str(&line));
	return true;
}

static bool print_rule(const struct ima_entry *entry, struct err *err)
{
	OWNED(buf_release) struct buf line = {0};

	ima_entry_rule(entry, &line);
	if (!buf_ok(&line, err))
		return false;
	if (line.len)
		(void)puts(buf_str(&line));
	return true;
}

static bool show_entries(struct cli *cli, struct bytes in, json_t *list, bool *ret_matches)
{
	bool rules = option_given(cli, "rules");
	struct ima_log log;
	struct ima_entry entry;

	if (!ima_log_open(in, DIGEST_NONE, 0, &log, &cli->err))
		return false;
	*ret_matches = true;
	while (!ima_log_end(&log)) {
		bool matches;

		if (!ima_log_next(&log, &entry, &cli->err))
			return err_wrap(&cli->err, "IMA log");
		matches = ima_entry_check(&entry, log.alg, NULL);
		*ret_matches = *ret_matches && matches;
		if (cli->json)
			(void)json_array_append_new(list, entry_json(&entry, matches));
		else if (rules ? matches && !print_rule(&entry, &cli->err)
			       : !print_entry(&entry, matches, &cli->err))
			return false;
	}
	return true;
}

static enum status show_run(struct cli *cli)
{
	OWNED(buf_release) struct buf log = {0};
	OWNED(json_release) json_t *list = json_array();
	size_t left = 0;
	bool matches = false;

	if (!log_read(cli, &log, &left))
		return cli_fail(cli);
	if (!show_entries(cli, buf_bytes(&log), list, &matches))
		return log_fail(cli);
	if (cli->json)
		return cli_print_json(cli, json_pack("{s:O}", "entries", list),
			matches ? STATUS_DONE : STATUS_REFUSED);
	return matches ? STATUS_DONE : STATUS_REFUSED;
}

/* ---- check ---- */

struct check {
	struct buf log, pcrs[IMA_PCR + 1];
	struct ima_rules *rules;
	size_t key_count;
	struct ima_key keys[CLI_REPEATS_MAX];
	char names[CLI_REPEATS_MAX][65];
	struct ima_state state;
	struct ima_result result;
	bool attested; /* a PCR value was given, and the log leads to it */
};

static void check_release(struct check **check)
{
	if (!*check)
		return;
	buf_release(&(*check)->log);
	for (size_t i = 0; i < ARRAY_LEN((*check)->pcrs); i++)
		buf_release(&(*check)->pcrs[i]);
	ima_rules_free(&(*check)->rules);
	for (size_t i = 0; i < (*check)->key_count; i++)
		key_unref(&(*check)->keys[i].key);
	free(*check);
}

/* "/etc/keys/distro.pem" is "distro". */
static void name_key(const char *path, char *out, size_t size)
{
	const char *slash = strrchr(path, '/');
	const char *base = slash ? slash + 1 : path;
	const char *dot = strrchr(base, '.');
	size_t len = dot && dot != base ? (size_t)(dot - base) : strlen(base);

	(void)snprintf(out, size, "%.*s", (int)len, base);
}

static bool key_load(struct cli *cli, const char *path, struct ima_key *ret)
{
	OWNED(buf_release) struct buf in = {0};
	OWNED(cert_unref) struct cert *cert = NULL;
	struct bytes bytes;

	if (!cli_read(path, 65536, &in, &cli->err))
		return false;
	bytes = buf_bytes(&in);
	if (!cert_from_pem(bytes, &cert, NULL) && !cert_from_der(bytes, false, &cert, NULL)) {
		if (!key_from_pem(bytes, &ret->key, &cli->err))
			return false;
	} else if (!cert_key(cert, &ret->key, &cli->err)) {
		return false;
	}
	return ima_keyid_of(ret->key, cert, &ret->keyid, &cli->err);
}

static bool keys_load(struct cli *cli, struct check *check)
{
	const struct option_value *files = option_all(cli, "key");

	for (size_t i = 0; files && i < files->count; i++) {
		struct ima_key *key = &check->keys[i];

		name_key(files->values[i], check->names[i], sizeof(check->names[i]));
		key->name = check->names[i];
		check->key_count++;
		if (!key_load(cli, files->values[i], key))
			return err_wrap(&cli->err, "--key %s", files->values[i]);
	}
	return true;
}

/* "HEX" or "INDEX:HEX". */
static bool pcr_load(struct cli *cli, const char *text, enum digest_alg bank, struct check *check)
{
	const char *colon = strchr(text, ':');
	char *end = NULL;
	unsigned long index = colon ? strtoul(text, &end, 10) : IMA_PCR;
	struct bytes hex = bytes_str(colon ? colon + 1 : text);

	if (colon && (end != colon || end == text || *text == '-' || index > IMA_PCR))
		return err_set(&cli->err, ERR_USAGE, "--pcr is about PCRs 0 to %d", IMA_PCR);
	if (check->pcrs[index].len)
		return err_set(&cli->err, ERR_USAGE, "--pcr: PCR %lu twice", index);
	if (!hex_decode(hex, DIGEST_LEN_MAX, &check->pcrs[index], &cli->err) ||
		check->pcrs[index].len != digest_alg_len(bank))
		return err_set(&cli->err, ERR_USAGE, "--pcr: no value of the %s bank",
			digest_alg_name(bank));
	return true;
}

static bool pcrs_load(struct cli *cli, enum digest_alg bank, struct check *check)
{
	const struct option_value *given = option_all(cli, "pcr");

	for (size_t i = 0; given && i < given->count; i++)
		if (!pcr_load(cli, given->values[i], bank, check))
			return false;
	return true;
}

static bool check_load(struct cli *cli, struct check *check, enum digest_alg *bank)
{
	OWNED(buf_release) struct buf text = {0};
	const char *rules = NULL;
	size_t left = 0;

	if (!option_required(cli, "rules", &rules) || !bank_of(cli, bank))
		return false;
	if (!pcrs_load(cli, *bank, check) || !keys_load(cli, check))
		return false;
	if (!cli_read(rules, IMA_RULES_TEXT_MAX, &text, &cli->err) ||
		!ima_rules_parse(buf_bytes(&text), &check->rules, &cli->err))
		return err_wrap(&cli->err, "--rules %s", rules);
	return log_read(cli, &check->log, &left);
}

/* Without a quoted value the log speaks for itself alone: its digests must match. */
static bool check_alone(struct check *check, const struct ima_input *input, struct err *err)
{
	struct ima_pcrs pcrs;

	if (!ima_replay(input->log, (enum digest_alg)check->state.log_alg, DIGEST_SHA256,
		    IMA_EXTEND_OWN, &pcrs, err))
		return false;
	check->result.advance.attested = pcrs.entries;
	check->result.advance.violations = pcrs.violations;
	return ima_judge(input, pcrs.entries, &check->state, &check->result.findings, err);
}

static bool check_judge(struct cli *cli, struct check *check, enum digest_alg bank)
{
	struct ima_input input = {.log = buf_bytes(&check->log),
		.quoted = {buf_bytes(&check->pcrs[IMA_PCR])},
		.rules = check->rules,
		.keys = check->keys,
		.key_count = check->key_count};
	struct ima_log log;
	struct ima_state made;

	if (!ima_log_open(input.log, DIGEST_NONE, 0, &log, &cli->err) ||
		!ima_state_start(&check->state, bank, log.alg, &cli->err))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(input.boot); i++)
		input.boot[i] = buf_bytes(&check->pcrs[i]);
	if (check->pcrs[IMA_PCR].len == 0)
		return check_alone(check, &input, &cli->err);
	if (!ima_appraise(&check->state, &input, &made, &check->result, &cli->err))
		return false;
	check->attested = check->result.advance.matched;
	return true;
}

static json_t *findings_json(const struct ima_findings *findings)
{
	json_t *list = json_array();

	for (size_t i = 0; i < findings->count; i++) {
		OWNED(buf_release) struct buf text = {0}, rule = {0};
		json_t *item =
			json_pack("{s:s,s:I}", "kind", ima_finding_name(findings->list[i].kind),
				"entry", (json_int_t)findings->list[i].entry);

		ima_finding_text(&findings->list[i], &text);
		ima_finding_rule(&findings->list[i], &rule);
		set_escaped(item, "path", findings->list[i].path);
		(void)json_object_set_new(item, "text", json_string(buf_str(&text)));
		if (rule.len)
			(void)json_object_set_new(item, "rule", json_string(buf_str(&rule)));
		(void)json_array_append_new(list, item);
	}
	return list;
}

static json_t *not_checked_json(const struct check *check)
{
	json_t *list = json_array();

	if (check->pcrs[IMA_PCR].len == 0)
		(void)json_array_append_new(list,
			json_string("whether the log is the one that the TPM holds: no --pcr"));
	if (check->result.boot < IMA_BOOT_MISMATCH)
		(void)json_array_append_new(list,
			json_string("whether boot_aggregate is that of the machine's PCRs 0 to 9"));
	if (check->result.findings.ignored)
		(void)json_array_append_new(
			list, json_sprintf("%llu entries that a rule leaves out",
				      (unsigned long long)check->result.findings.ignored));
	for (size_t i = 0; ima_not_measured[i]; i++)
		(void)json_array_append_new(list, json_string(ima_not_measured[i]));
	return list;
}

static void print_findings(const struct ima_findings *findings)
{
	for (size_t i = 0; i < findings->count; i++) {
		OWNED(buf_release) struct buf text = {0}, rule = {0};

		ima_finding_text(&findings->list[i], &text);
		ima_finding_rule(&findings->list[i], &rule);
		(void)printf("%s: %s\n", ima_finding_name(findings->list[i].kind), buf_str(&text));
		if (rule.len)
			(void)printf("  a rule that would allow it: %s\n", buf_str(&rule));
	}
	if (findings->total > findings->count)
		(void)printf(
			"and %llu more\n", (unsigned long long)(findings->total - findings->count));
}

static void print_check(struct cli *cli, const struct check *check, bool accepted)
{
	OWNED(json_release) json_t *not_checked = not_checked_json(check);
	const struct ima_advance *advance = &check->result.advance;
	size_t i;
	json_t *line;

	if (check->pcrs[IMA_PCR].len && !check->attested)
		(void)puts("no prefix of the log leads to this value of PCR 10");
	print_findings(&check->result.findings);
	json_array_foreach(not_checked, i, line)(void)
		printf("not checked: %s\n", json_string_value(line));
	(void)printf("%llu entries, %llu violations, %llu after the value given\n%s%s%s\n",
		(unsigned long long)advance->attested, (unsigned long long)advance->violations,
		(unsigned long long)advance->waiting, colour(cli, accepted ? "green" : "red"),
		accepted ? "accepted" : "refused", colour(cli, "off"));
}

static enum status check_answer(struct cli *cli, const struct check *check)
{
	const struct ima_advance *advance = &check->result.advance;
	const struct ima_findings *findings = &check->result.findings;
	bool accepted = findings->total == 0 && (check->pcrs[IMA_PCR].len == 0 || check->attested);
	enum status status = accepted ? STATUS_DONE : STATUS_REFUSED;

	if (!cli->json) {
		print_check(cli, check, accepted);
		return status;
	}
	return cli_print_json(cli,
		json_pack("{s:b,s:b,s:I,s:I,s:I,s:I,s:s,s:I,s:o,s:o}", "accepted", accepted,
			"attested", check->attested, "entries", (json_int_t)advance->attested,
			"waiting", (json_int_t)advance->waiting, "violations",
			(json_int_t)advance->violations, "ignored", (json_int_t)findings->ignored,
			"extend", ima_extend_name(advance->extend), "total",
			(json_int_t)findings->total, "findings", findings_json(findings),
			"not_checked", not_checked_json(check)),
		status);
}

static enum status check_run(struct cli *cli)
{
	OWNED(check_release) struct check *check = calloc(1, sizeof(*check));
	enum digest_alg bank = DIGEST_NONE;

	if (!check) {
		(void)err_set(&cli->err, ERR_NOMEM, "out of memory");
		return cli_fail(cli);
	}
	if (!check_load(cli, check, &bank))
		return cli_fail(cli);
	if (!check_judge(cli, check, bank))
		return log_fail(cli);
	return check_answer(cli, check);
}

const struct command cmd_ima_replay = {
	.group = "ima",
	.name = "replay",
	.synopsis = "LOG [--bank ALG]",
	.summary = "PCR values that an IMA measurement list leads to.",
	.options = replay_options,
	.least = 1,
	.most = 1,
	.run = replay_run,
};
const struct command cmd_ima_show = {
	.group = "ima",
	.name = "show",
	.synopsis = "LOG [--rules]",
	.summary = "Every entry of an IMA measurement list, one a line.",
	.options = show_options,
	.least = 1,
	.most = 1,
	.run = show_run,
};
const struct command cmd_ima_check = {
	.group = "ima",
	.name = "check",
	.synopsis = "LOG --rules FILE [--pcr HEX] [--key FILE…]",
	.summary = "Holds an IMA measurement list against rules; tells what they do not allow.",
	.options = check_options,
	.least = 1,
	.most = 1,
	.run = check_run,
};
