/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/audit_pins.h"

#include "cli/policy_read.h"
#include "evidence/checkpoint_quote.h"

void audit_pins_release(struct audit_pins *pins)
{
	for (size_t i = 0; i < pins->key_count; i++)
		key_unref(&pins->keys[i]);
	for (size_t i = 0; i < pins->root_count; i++)
		cert_unref(&pins->roots[i]);
	tlog_policy_free(&pins->log_policy);
	key_unref(&pins->receipt_key);
	key_unref(&pins->log_host_ak);
	policy_signers_release(&pins->policy_signers);
}

bool audit_log_policy_load(struct cli *cli, struct tlog_policy **ret)
{
	OWNED(buf_release) struct buf text = {0};
	const char *path = option(cli, "log-policy");
	if (!path)
		return true;
	return (cli_read(path, TLOG_POLICY_MAX, &text, &cli->err) &&
		       tlog_policy_parse(buf_bytes(&text), ret, &cli->err)) ||
	       err_wrap(&cli->err, "--log-policy %s", path);
}

static bool receipt_key_load(struct cli *cli, struct audit_pins *ret)
{
	OWNED(buf_release) struct buf pem = {0};
	const char *path = option(cli, "receipt-key");
	return !path ||
	       (cli_read(path, 65536, &pem, &cli->err) &&
		       key_from_pem(buf_bytes(&pem), &ret->receipt_key, &cli->err)) ||
	       err_wrap(&cli->err, "--receipt-key %s", path);
}

bool audit_log_host_load(struct cli *cli, struct key **ret)
{
	OWNED(buf_release) struct buf file = {0};
	const char *path = option(cli, "log-host-ak");
	return !path ||
	       (cli_read(path, 65536, &file, &cli->err) &&
		       checkpoint_quote_ak(buf_bytes(&file), ret, &cli->err)) ||
	       err_wrap(&cli->err, "--log-host-ak %s", path);
}

static bool signers_load(struct cli *cli, struct audit_pins *ret)
{
	const struct option_value *keys = option_all(cli, "policy-keys");
	if (keys)
		return policy_read_signers(keys->values, keys->count,
			option(cli, "policy-threshold"), &ret->policy_signers, &cli->err);
	return !option_given(cli, "policy-threshold") ||
	       err_set(&cli->err, ERR_USAGE, "--policy-threshold is of --policy-keys");
}

bool audit_pins_load(struct cli *cli, struct audit_pins *ret)
{
	const struct option_value *keys = option_all(cli, "key"), *roots = option_all(cli, "ca");
	for (size_t i = 0; keys && i < keys->count; i++) {
		OWNED(buf_release) struct buf pem = {0};
		if (!file_read(keys->values[i], 65536, &pem, &cli->err) ||
			!key_from_pem(buf_bytes(&pem), &ret->keys[i], &cli->err))
			return err_wrap(&cli->err, "--key %s", keys->values[i]);
		ret->key_count++;
	}
	for (size_t i = 0; roots && i < roots->count; i++) {
		OWNED(buf_release) struct buf pem = {0};
		if (!file_read(roots->values[i], 65536, &pem, &cli->err) ||
			!cert_from_pem(buf_bytes(&pem), &ret->roots[i], &cli->err))
			return err_wrap(&cli->err, "--ca %s", roots->values[i]);
		ret->root_count++;
	}
	return audit_log_policy_load(cli, &ret->log_policy) && receipt_key_load(cli, ret) &&
	       audit_log_host_load(cli, &ret->log_host_ak) && signers_load(cli, ret);
}

struct audit_anchors audit_pins_anchors(const struct audit_pins *pins)
{
	return (struct audit_anchors){
		.keys = pins->keys,
		.key_count = pins->key_count,
		.roots = pins->roots,
		.root_count = pins->root_count,
		.log_policy = pins->log_policy,
		.policy_signers = &pins->policy_signers,
		.receipt_key = pins->receipt_key,
		.log_host_ak = pins->log_host_ak,
	};
}
