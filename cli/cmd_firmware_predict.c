/* SPDX-License-Identifier: Apache-2.0 */
/* assay firmware predict: the PCR values of the next boot, told before the reboot. */
#include "cli/commands.h"

#include "cli/firmware_corim.h"
#include "cli/firmware_log.h"
#include "firmware/baseline.h"
#include "firmware/pe.h"
#include "firmware/predict.h"
#include "firmware/systemd_log.h"

enum { LINE_FILE_MAX = 8192, DBX_FILE_MAX = 1 << 20 };

static const struct option_spec options[] = {
	{"log", "LOG", OPTION_VALUE, "the event log of the last boot"},
	{"replace", "OLD=FILE", OPTION_REPEATED,
		"what changes: an event's number, end of its path, or digest"},
	{"uki", "FILE", OPTION_VALUE, "the new unified kernel image"},
	{"dbx", "FILE", OPTION_VALUE, "an update that will be appended to dbx"},
	{"sbat-level", "FILE", OPTION_VALUE, "the new SbatLevel of shim"},
	{"cmdline", "TEXT", OPTION_VALUE, "the new kernel command line, as its loader measures it"},
	{"systemd-log", "FILE", OPTION_VALUE,
		"systemd's measurement log of the last boot: PCRs 11-14 up to its end"},
	{"pcrs", "LIST", OPTION_VALUE,
		"which PCRs go into --corim (default: all that can be told)"},
	FIRMWARE_LOG_OPTIONS,
	FIRMWARE_CORIM_OPTIONS,
	OPTIONS_END,
};

typedef bool change_fn(
	struct predict *predict, struct bytes file, const char *name, struct err *err);

static bool change_dbx(
	struct predict *predict, struct bytes file, const char *name, struct err *err)
{
	return predict_dbx(predict, file, err) || err_wrap(err, "%s", ESC(bytes_str(name)));
}

static bool change_sbat_level(
	struct predict *predict, struct bytes file, const char *name, struct err *err)
{
	return predict_sbat_level(predict, file, err) || err_wrap(err, "%s", ESC(bytes_str(name)));
}

static bool from_file(
	struct cli *cli, struct predict *predict, const char *name, size_t max, change_fn *change)
{
	OWNED(buf_release) struct buf file = {0};
	const char *path = option(cli, name);

	return !path || (cli_read(path, max, &file, &cli->err) &&
				change(predict, buf_bytes(&file), path, &cli->err));
}

/* OLD=FILE, split at the last "=": a path as logged may hold one. */
static bool replace(struct cli *cli, struct predict *predict, const char *text)
{
	const char *equals = strrchr(text, '=');
	OWNED(buf_release) struct buf file = {0};
	OWNED(free_ptr) char *old = NULL;

	if (!equals || equals == text || equals[1] == '\0')
		return err_set(&cli->err, ERR_USAGE, "--replace is OLD=FILE");
	old = bytes_strdup(bytes_of(text, (size_t)(equals - text)));
	if (!old)
		return err_set(&cli->err, ERR_NOMEM, "--replace");
	if (!cli_read(equals + 1, PE_FILE_MAX, &file, &cli->err))
		return false;
	return predict_replace(predict, old, buf_bytes(&file), equals + 1, &cli->err) ||
	       err_wrap(&cli->err, "--replace");
}

static bool apply(struct cli *cli, struct predict *predict)
{
	const struct option_value *replaced = option_all(cli, "replace");
	const char *line = option(cli, "cmdline");

	for (size_t i = 0; replaced && i < replaced->count; i++)
		if (!replace(cli, predict, replaced->values[i]))
			return false;
	return from_file(cli, predict, "uki", PE_FILE_MAX, predict_uki) &&
	       from_file(cli, predict, "dbx", DBX_FILE_MAX, change_dbx) &&
	       from_file(cli, predict, "sbat-level", LINE_FILE_MAX, change_sbat_level) &&
	       (!line || predict_command_line(predict, bytes_str(line), &cli->err));
}

/* ---- what systemd extends after the firmware's log has ended ---- */

static const char systemd_note[] =
	"assumes that systemd measures what it measured after the last boot (PCR 11 to 14)";

/* PCR 15 is left out: the runtime's own. */
#define SYSTEMD_PCRS 0x7800u

static bool extend_bank(
	struct bytes log, struct pcr_bank *bank, uint32_t *ret_touched, struct err *err)
{
	struct digest pcrs[SYSTEMD_LOG_PCRS];
	uint32_t touched = 0;

	for (size_t i = 0; i < SYSTEMD_LOG_PCRS; i++) {
		pcrs[i] = (struct digest){
			.alg = bank->alg, .len = (uint8_t)digest_alg_len(bank->alg)};
		memcpy(pcrs[i].bytes, bank->values[i], pcrs[i].len);
	}
	if (!systemd_log_replay(log, bank->alg, pcrs, &touched, err))
		return false;
	touched &= SYSTEMD_PCRS;
	for (size_t i = 0; i < SYSTEMD_LOG_PCRS; i++)
		if (touched >> i & 1)
			memcpy(bank->values[i], pcrs[i].bytes, pcrs[i].len);
	bank->present |= touched;
	*ret_touched = touched;
	return true;
}

/* The same words are measured at the next boot, so that a value changes when it changed before. */
static bool extend_systemd(struct cli *cli, struct prediction *prediction)
{
	OWNED(buf_release) struct buf log = {0};
	const char *path = option(cli, "systemd-log");
	uint32_t touched;

	return !path ||
	       (cli_read(path, SYSTEMD_LOG_MAX, &log, &cli->err) &&
		       extend_bank(buf_bytes(&log), &prediction->before, &touched, &cli->err) &&
		       extend_bank(buf_bytes(&log), &prediction->after, &touched, &cli->err));
}

static bool write_corim(struct cli *cli, const struct prediction *prediction)
{
	struct corim_value values[TPM_PCRS];
	size_t n = 0, len = digest_alg_len(prediction->bank);
	uint32_t pcrs;

	if (!firmware_pcrs_option(
		    cli, "pcrs", prediction->after.present & ~prediction->unknown, &pcrs))
		return false;
	if (pcrs & prediction->unknown)
		return err_set(&cli->err, ERR_USAGE, "--pcrs: one of them cannot be told");
	for (uint8_t pcr = 0; pcr < TPM_PCRS; pcr++) {
		if (!(pcrs >> pcr & 1))
			continue;
		values[n] = (struct corim_value){
			.pcr = pcr, .digest = {.alg = prediction->bank, .len = (uint8_t)len}};
		memcpy(values[n++].digest.bytes, prediction->after.values[pcr], len);
	}
	return firmware_corim_write(cli, values, n);
}

/* ---- output ---- */

static const char *state_of(const struct prediction *prediction, uint32_t pcr)
{
	if (prediction->unknown >> pcr & 1)
		return "unknown";
	return prediction->changed >> pcr & 1 ? "changes" : "stays";
}

static const char *hex_of(struct bytes value, char out[2 * DIGEST_LEN_MAX + 1])
{
	hex_encode(value, out);
	return out;
}

static json_t *digest_json(const struct digest *digest)
{
	char hex[2 * DIGEST_LEN_MAX + 1];

	return digest->len ? json_string(hex_of(digest_bytes(digest), hex)) : json_null();
}

static json_t *pcrs_json(const struct prediction *prediction)
{
	json_t *pcrs = json_object();
	size_t len = digest_alg_len(prediction->bank);

	for (uint32_t pcr = 0; pcr < TPM_PCRS; pcr++) {
		char name[4], old[2 * DIGEST_LEN_MAX + 1], new_[2 * DIGEST_LEN_MAX + 1];
		bool unknown = prediction->unknown >> pcr & 1;

		if (!((prediction->before.present | prediction->after.present) >> pcr & 1))
			continue;
		(void)snprintf(name, sizeof(name), "%u", pcr);
		(void)json_object_set_new(pcrs, name,
			json_pack("{s:s,s:s,s:o}", "state", state_of(prediction, pcr), "old",
				hex_of(bytes_of(prediction->before.values[pcr], len), old), "new",
				unknown ? json_null()
					: json_string(hex_of(
						  bytes_of(prediction->after.values[pcr], len),
						  new_))));
	}
	return pcrs;
}

static enum status print_json(struct cli *cli, const struct prediction *prediction)
{
	json_t *changes = json_array(), *notes = json_array();

	for (size_t i = 0; i < prediction->change_count; i++) {
		const struct prediction_change *change = &prediction->changes[i];

		(void)json_array_append_new(changes,
			json_pack("{s:o,s:i,s:o,s:o,s:s}", "event",
				change->event < 0 ? json_null() : json_integer(change->event),
				"pcr", (int)change->pcr, "old", digest_json(&change->old), "new",
				digest_json(&change->new_), "what", change->what));
	}
	for (size_t i = 0; i < prediction->note_count; i++)
		(void)json_array_append_new(notes, json_string(prediction->notes[i]));
	if (option_given(cli, "systemd-log"))
		(void)json_array_append_new(notes, json_string(systemd_note));
	return cli_print_json(cli,
		json_pack("{s:s,s:o,s:o,s:o}", "bank", digest_alg_name(prediction->bank), "pcrs",
			pcrs_json(prediction), "changes", changes, "notes", notes),
		STATUS_DONE);
}

static void print_pcr(struct cli *cli, const struct prediction *prediction, uint32_t pcr)
{
	char hex[2 * DIGEST_LEN_MAX + 1];
	size_t len = digest_alg_len(prediction->bank);
	struct bytes old = bytes_of(prediction->before.values[pcr], len);
	struct bytes new_ = bytes_of(prediction->after.values[pcr], len);

	if (prediction->unknown >> pcr & 1)
		(void)printf("PCR %-2u %sunknown%s\n  old %s\n", pcr, colour(cli, "red"),
			colour(cli, "off"), hex_of(old, hex));
	else if (prediction->changed >> pcr & 1) {
		(void)printf("PCR %-2u %schanges%s\n  old %s\n", pcr, colour(cli, "bold"),
			colour(cli, "off"), hex_of(old, hex));
		(void)printf("  new %s\n", hex_of(new_, hex));
	} else
		(void)printf("PCR %-2u stays\n      %s\n", pcr, hex_of(old, hex));
}

static enum status print_text(struct cli *cli, const struct prediction *prediction)
{
	for (size_t i = 0; i < prediction->change_count; i++) {
		const struct prediction_change *change = &prediction->changes[i];
		const char *how = change->event < 0       ? "new"
				  : change->new_.len == 0 ? "dropped"
							  : "changed";

		(void)printf("PCR %u, ", change->pcr);
		if (change->event >= 0)
			(void)printf("event %lld, ", (long long)change->event);
		(void)printf("%s: %s\n", how, change->what);
	}
	(void)printf("\n%s bank\n", digest_alg_name(prediction->bank));
	for (uint32_t pcr = 0; pcr < TPM_PCRS; pcr++)
		if ((prediction->before.present | prediction->after.present) >> pcr & 1)
			print_pcr(cli, prediction, pcr);
	(void)puts("");
	for (size_t i = 0; i < prediction->note_count; i++)
		(void)printf("%s\n", prediction->notes[i]);
	if (option_given(cli, "systemd-log"))
		(void)printf("%s\n", systemd_note);
	return STATUS_DONE;
}

static enum status run(struct cli *cli)
{
	OWNED(firmware_log_release) struct firmware_log log = {0};
	OWNED(predict_free) struct predict *predict = NULL;
	OWNED(prediction_release) struct prediction prediction = {0};
	enum digest_alg bank;
	const char *path;

	if (!option_required(cli, "log", &path) || !firmware_bank_option(cli, &bank))
		return cli_fail(cli);
	bank = bank == DIGEST_NONE ? DIGEST_SHA256 : bank;
	if (!firmware_log_read(cli, path, bank, &log) ||
		!predict_new(&log.log, bank, &predict, &cli->err) || !apply(cli, predict) ||
		!predict_finish(predict, &prediction, &cli->err) ||
		!extend_systemd(cli, &prediction) || !write_corim(cli, &prediction))
		return cli_fail(cli);
	return cli->json ? print_json(cli, &prediction) : print_text(cli, &prediction);
}

const struct command cmd_firmware_predict = {
	.group = "firmware",
	.name = "predict",
	.synopsis = "--log LOG [--replace OLD=FILE]… [--uki FILE] [--dbx FILE] …",
	.summary = "the PCR values that the next boot will have after an update",
	.options = options,
	.run = run,
};
