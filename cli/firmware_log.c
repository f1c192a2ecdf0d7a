/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/firmware_log.h"

bool firmware_bank_option(struct cli *cli, enum digest_alg *ret)
{
	const char *name = option(cli, "bank");
	*ret = name ? digest_alg_of_name(bytes_str(name)) : DIGEST_NONE;
	if (name && *ret == DIGEST_NONE)
		return err_set(&cli->err, ERR_USAGE, "--bank is sha1, sha256, sha384 or sha512");
	return true;
}

static bool kind_of(struct cli *cli, enum event_log_kind *ret)
{
	const char *type = option_or(cli, "type", "tpm");
	*ret = strcmp(type, "ccel") == 0 ? EVENT_LOG_CCEL : EVENT_LOG_TPM;
	if (*ret == EVENT_LOG_TPM && strcmp(type, "tpm") != 0)
		return err_set(&cli->err, ERR_USAGE, "--type is tpm or ccel");
	return true;
}

bool firmware_log_read(
	struct cli *cli, const char *path, enum digest_alg bank, struct firmware_log *ret)
{
	enum event_log_kind kind;
	if (!kind_of(cli, &kind))
		return false;
	if (!cli_read(path, EVENT_LOG_MAX, &ret->bytes, &cli->err))
		return false;
	if (!event_log_open(buf_bytes(&ret->bytes), kind, bank, &ret->log, &cli->err))
		return err_wrap(&cli->err, "%s", ESC(bytes_str(path)));
	return true;
}

void firmware_log_release(struct firmware_log *log)
{
	event_log_release(&log->log);
	buf_release(&log->bytes);
}

static bool has_bank(const struct event_log *log, enum digest_alg bank)
{
	for (size_t i = 0; i < log->bank_count; i++)
		if (log->banks[i].alg == bank)
			return true;
	return false;
}

bool firmware_bank_common(
	const struct firmware_log *logs, size_t n, enum digest_alg *ret, struct err *err)
{
	static const enum digest_alg order[] = {
		DIGEST_SHA256, DIGEST_SHA384, DIGEST_SHA512, DIGEST_SHA1};
	for (size_t i = 0; i < ARRAY_LEN(order); i++) {
		size_t with = 0;
		while (with < n && has_bank(&logs[with].log, order[i]))
			with++;
		if (with < n)
			continue;
		*ret = order[i];
		return true;
	}
	return err_set(err, ERR_NOT_FOUND, "the logs have no bank in common");
}
