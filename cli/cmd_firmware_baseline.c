/* SPDX-License-Identifier: Apache-2.0 */
/* assay firmware learn | check: a baseline from accepted logs, for a person to approve; a log held
 * against a baseline or reference values. */
#include "cli/commands.h"

#include "cli/firmware_corim.h"
#include "cli/firmware_log.h"
#include "firmware/baseline.h"

static const struct option_spec learn_options[] = {
	{"log", "LOG", OPTION_REPEATED, "an accepted log; more can follow as arguments"},
	{"pcrs", "LIST", OPTION_VALUE, "PCRs to learn (default: 0-9 and 11-14)"},
	{"out", "FILE", OPTION_VALUE, "where the baseline goes (default: standard output)"},
	FIRMWARE_LOG_OPTIONS,
	FIRMWARE_CORIM_OPTIONS,
	OPTIONS_END,
};
static const struct option_spec check_options[] = {
	{"baseline", "FILE", OPTION_VALUE, "the baseline that the log is held against"},
	{"vary", "LIST", OPTION_VALUE, "PCRs that may differ"},
	{"type", "TYPE", OPTION_VALUE, "tpm (default), or ccel"},
	OPTIONS_END,
};

/* ---- learn ---- */

/* What is learned from each log: the baseline and the PCR values. */
struct learning {
	struct baseline baseline;
	struct buf values; /* of struct corim_value */
	size_t count;
	uint32_t pcrs;
	enum digest_alg bank;
};

static void learning_release(struct learning *learning)
{
	baseline_release(&learning->baseline);
	buf_release(&learning->values);
}

static bool is_known(const struct learning *learning, const struct corim_value *value)
{
	const struct corim_value *known = (const void *)learning->values.data;

	for (size_t i = 0; i < learning->count; i++)
		if (known[i].pcr == value->pcr && digest_equal(&known[i].digest, &value->digest))
			return true;
	return false;
}

static bool add_values(struct learning *learning, const struct event_log *log, struct err *err)
{
	struct pcr_bank pcrs;

	if (!event_log_replay(log, learning->bank, &pcrs, err))
		return false;
	for (uint8_t pcr = 0; pcr < TPM_PCRS; pcr++) {
		struct corim_value value = {.pcr = pcr, .digest = {.alg = learning->bank}};

		if (!((pcrs.present & learning->pcrs) >> pcr & 1))
			continue;
		value.digest.len = (uint8_t)digest_alg_len(learning->bank);
		memcpy(value.digest.bytes, pcrs.values[pcr], value.digest.len);
		if (is_known(learning, &value))
			continue;
		buf_put(&learning->values, bytes_of(&value, sizeof(value)));
		learning->count++;
	}
	return buf_ok(&learning->values, err);
}

static bool learn_file(struct cli *cli, struct learning *learning, const char *path)
{
	OWNED(firmware_log_release) struct firmware_log file = {0};

	if (!firmware_log_read(cli, path, learning->bank, &file))
		return false;
	return (baseline_learn(&learning->baseline, &file.log, learning->bank, learning->pcrs,
			&cli->err) &&
		       add_values(learning, &file.log, &cli->err)) ||
	       err_wrap(&cli->err, "%s", ESC(bytes_str(path)));
}

static bool learn_files(struct cli *cli, struct learning *learning)
{
	const struct option_value *named = option_all(cli, "log");

	for (size_t i = 0; named && i < named->count; i++)
		if (!learn_file(cli, learning, named->values[i]))
			return false;
	for (size_t i = 0; i < cli->arguments->count; i++)
		if (!learn_file(cli, learning, cli->arguments->values[i]))
			return false;
	return learning->baseline.logs > 0 || err_set(&cli->err, ERR_USAGE, "--log is needed");
}

static enum status run_learn(struct cli *cli)
{
	OWNED(learning_release) struct learning learning = {0};
	OWNED(buf_release) struct buf text = {0};

	if (!firmware_bank_option(cli, &learning.bank) ||
		!firmware_pcrs_option(cli, "pcrs", BASELINE_PCRS, &learning.pcrs))
		return cli_fail(cli);
	if (learning.bank == DIGEST_NONE)
		learning.bank = DIGEST_SHA256;
	if (!learn_files(cli, &learning))
		return cli_fail(cli);
	baseline_write(&learning.baseline, &text);
	if (!buf_ok(&text, &cli->err) ||
		!firmware_corim_write(cli, (const void *)learning.values.data, learning.count))
		return cli_fail(cli);
	if (cli->json)
		return cli_print_json(cli,
			json_pack("{s:s,s:I,s:s}", "bank", digest_alg_name(learning.bank), "logs",
				(json_int_t)learning.baseline.logs, "baseline", buf_str(&text)),
			STATUS_DONE);
	return cli_write(option(cli, "out"), buf_bytes(&text), false, &cli->err) ? STATUS_DONE
										 : cli_fail(cli);
}

/* ---- check ---- */

static json_t *hex_json(const struct digest *digest)
{
	char hex[2 * DIGEST_LEN_MAX + 1];

	hex_encode(digest_bytes(digest), hex);
	return digest->len ? json_string(hex) : json_null();
}

static json_t *finding_json(const struct baseline_finding *finding)
{
	const char *type = event_type_name(finding->type);

	return json_pack("{s:s,s:i,s:o,s:s,s:o,s:s,s:o,s:s,s:s}", "fault",
		baseline_fault_name(finding->fault), "pcr", (int)finding->pcr, "event",
		finding->event < 0 ? json_null() : json_integer(finding->event), "type",
		type ? type : "unknown", "expected", hex_json(&finding->expected), "expected_text",
		finding->expected_text, "found", hex_json(&finding->found), "found_text",
		finding->found_text, "accept", finding->accept);
}

static void print_finding(const struct baseline_finding *finding)
{
	char hex[2 * DIGEST_LEN_MAX + 1];
	const char *type = event_type_name(finding->type);

	(void)printf("PCR %u", finding->pcr);
	if (finding->event >= 0)
		(void)printf(", event %lld", (long long)finding->event);
	(void)printf(
		", %s: %s\n", type ? type : "unknown type", baseline_fault_name(finding->fault));
	if (finding->expected.len) {
		hex_encode(digest_bytes(&finding->expected), hex);
		(void)printf("  expected %s %s\n", hex, finding->expected_text);
	}
	if (finding->found.len) {
		hex_encode(digest_bytes(&finding->found), hex);
		(void)printf("  found    %s %s\n", hex, finding->found_text);
	}
	(void)printf("  to accept it, %s\n", finding->accept);
}

static enum status print_findings(struct cli *cli, const struct baseline_findings *findings)
{
	enum status status = findings->total ? STATUS_REFUSED : STATUS_DONE;
	json_t *list = json_array();

	for (size_t i = 0; i < findings->count; i++) {
		if (cli->json)
			(void)json_array_append_new(list, finding_json(&findings->list[i]));
		else
			print_finding(&findings->list[i]);
	}
	if (cli->json)
		return cli_print_json(cli,
			json_pack("{s:b,s:I,s:o}", "accepted", findings->total == 0, "total",
				(json_int_t)findings->total, "findings", list),
			status);
	json_decref(list);
	if (findings->total > findings->count)
		(void)printf("and %zu more\n", findings->total - findings->count);
	if (findings->total == 0)
		(void)printf("%saccepted%s: the log fits the baseline\n", colour(cli, "green"),
			colour(cli, "off"));
	return status;
}

static enum status run_check(struct cli *cli)
{
	OWNED(firmware_log_release) struct firmware_log file = {0};
	OWNED(baseline_release) struct baseline baseline = {0};
	OWNED(baseline_findings_release) struct baseline_findings findings = {0};
	OWNED(buf_release) struct buf text = {0};
	const char *path;
	uint32_t vary;

	if (!option_required(cli, "baseline", &path) ||
		!firmware_pcrs_option(cli, "vary", 0, &vary) ||
		!cli_read(path, BASELINE_MAX, &text, &cli->err))
		return cli_fail(cli);
	if (!baseline_parse(buf_bytes(&text), &baseline, &cli->err)) {
		(void)err_wrap(&cli->err, "%s", ESC(bytes_str(path)));
		return cli_fail(cli);
	}
	if (!firmware_log_read(cli, cli->arguments->values[0], baseline.bank, &file) ||
		!baseline_judge(&baseline, &file.log, vary, &findings, &cli->err))
		return cli_fail(cli);
	return print_findings(cli, &findings);
}

const struct command cmd_firmware_learn = {
	.group = "firmware",
	.name = "learn",
	.synopsis = "--log LOG…",
	.summary = "a baseline from the logs of accepted boots, for a person to approve",
	.options = learn_options,
	.most = CLI_REPEATS_MAX,
	.run = run_learn,
};
const struct command cmd_firmware_check = {
	.group = "firmware",
	.name = "check",
	.synopsis = "LOG --baseline FILE",
	.summary = "holds a log against a baseline and names each event that differs",
	.options = check_options,
	.least = 1,
	.most = 1,
	.run = run_check,
};
