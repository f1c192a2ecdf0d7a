/* SPDX-License-Identifier: Apache-2.0 */
/* assay firmware replay | diff: PCR values that a boot's event log leads to; where two logs part. */
#include "cli/commands.h"

#include "cli/firmware_log.h"

static const struct option_spec log_options[] = {FIRMWARE_LOG_OPTIONS, OPTIONS_END};

static json_t *pcrs_json(const struct pcr_bank *pcrs)
{
	json_t *object = json_object();
	for (unsigned i = 0; i < TPM_PCRS; i++) {
		char name[4], hex[2 * DIGEST_LEN_MAX + 1];
		if (!(pcrs->present & 1u << i))
			continue;
		(void)snprintf(name, sizeof(name), "%u", i);
		hex_encode(bytes_of(pcrs->values[i], digest_alg_len(pcrs->alg)), hex);
		(void)json_object_set_new(object, name, json_string(hex));
	}
	return object;
}

/* The answer is data and JSON in either form. */
static enum status run_replay(struct cli *cli)
{
	OWNED(firmware_log_release) struct firmware_log file = {0};
	enum digest_alg bank;
	if (!firmware_bank_option(cli, &bank) ||
		!firmware_log_read(cli, cli->arguments->values[0], bank, &file))
		return cli_fail(cli);
	OWNED(json_release) json_t *banks = json_object();
	for (size_t i = 0; i < file.log.bank_count; i++) {
		struct pcr_bank pcrs;
		const struct event_bank *one = &file.log.banks[i];
		if (!one->checked)
			continue;
		if (!event_log_replay(&file.log, one->alg, &pcrs, &cli->err))
			return cli_fail(cli);
		(void)json_object_set_new(banks, digest_alg_name(one->alg), pcrs_json(&pcrs));
	}
	return cli_print_json(cli,
		json_pack("{s:O,s:I}", "banks", banks, "events", (json_int_t)file.log.count),
		STATUS_DONE);
}

static json_t *number_or_null(int64_t number)
{
	return number < 0 ? json_null() : json_integer(number);
}

static enum status print_differences(struct cli *cli, const struct firmware_differences *found)
{
	enum status status = found->count ? STATUS_REFUSED : STATUS_DONE;
	json_t *rows = json_array();
	for (size_t i = 0; i < found->count; i++) {
		const struct firmware_difference *d = &found->list[i];
		(void)json_array_append_new(
			rows, json_pack("{s:i,s:o,s:o,s:s}", "pcr", (int)d->pcr, "old_event",
				      number_or_null(d->old_event), "new_event",
				      number_or_null(d->new_event), "why", d->why));
		if (!cli->json)
			(void)printf("PCR %u: %s\n", d->pcr, d->why);
	}
	if (cli->json)
		return cli_print_json(cli,
			json_pack("{s:b,s:o}", "same", found->count == 0, "differences", rows),
			status);
	json_decref(rows);
	if (found->count == 0)
		(void)puts("the logs lead to the same PCR values");
	return status;
}

static enum status run_diff(struct cli *cli)
{
	struct firmware_log files[2] = {0};
	OWNED(firmware_differences_release) struct firmware_differences found = {0};
	enum digest_alg bank;
	bool ok = firmware_bank_option(cli, &bank);
	for (size_t i = 0; ok && i < 2; i++)
		ok = firmware_log_read(cli, cli->arguments->values[i], bank, &files[i]);
	if (ok && bank == DIGEST_NONE)
		ok = firmware_bank_common(files, 2, &bank, &cli->err);
	ok = ok && firmware_diff(&files[0].log, &files[1].log, bank, &found, &cli->err);
	enum status status = ok ? print_differences(cli, &found) : cli_fail(cli);
	firmware_log_release(&files[0]);
	firmware_log_release(&files[1]);
	return status;
}

const struct command cmd_firmware_replay = {
	.group = "firmware",
	.name = "replay",
	.synopsis = "LOG [--bank sha256]",
	.summary =
		"PCR values that a TCG event log leads to, as JSON; refuses a log whose data does "
		"not match its digests",
	.options = log_options,
	.least = 1,
	.most = 1,
	.run = run_replay,
};
const struct command cmd_firmware_diff = {
	.group = "firmware",
	.name = "diff",
	.synopsis = "OLD NEW",
	.summary = "the first event of each PCR from which two logs differ; exit status 1 when "
		   "they do",
	.options = log_options,
	.least = 2,
	.most = 2,
	.run = run_diff,
};
