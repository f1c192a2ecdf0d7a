/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/firmware_corim.h"

bool firmware_corim_write(struct cli *cli, const struct corim_value *values, size_t count)
{
	const char *path = option(cli, "corim"), *key_uri = option(cli, "corim-key");
	struct corim_draft draft = {
		.id = option_or(cli, "corim-id", "assay-firmware"),
		.vendor = option(cli, "vendor"),
		.model = option(cli, "model"),
		.count = count,
		.values = values,
	};
	OWNED(buf_release) struct buf manifest = {0};
	OWNED(buf_release) struct buf signed_ = {0};
	OWNED(key_unref) struct key *key = NULL;

	if (!path)
		return !key_uri || err_set(&cli->err, ERR_USAGE, "--corim-key goes with --corim");
	if (!draft.vendor && !draft.model)
		return err_set(&cli->err, ERR_USAGE,
			"--corim needs --vendor or --model: what the values are for");
	if (!corim_write(&draft, &manifest, &cli->err))
		return false;
	if (!key_uri)
		return cli_write(path, buf_bytes(&manifest), false, &cli->err);
	return key_from_uri(key_uri, &key, &cli->err) &&
	       corim_sign(key, draft.vendor ? draft.vendor : draft.model, 0, 0,
		       buf_bytes(&manifest), &signed_, &cli->err) &&
	       cli_write(path, buf_bytes(&signed_), false, &cli->err);
}

bool firmware_pcrs_option(struct cli *cli, const char *name, uint32_t fallback, uint32_t *ret)
{
	const char *text = option(cli, name);
	uint32_t mask = 0;

	for (const char *at = text; at;) {
		char *end = NULL;
		unsigned long pcr = *at >= '0' && *at <= '9' ? strtoul(at, &end, 10) : 24;

		if (pcr > 23 || (*end != ',' && *end != '\0'))
			return err_set(&cli->err, ERR_USAGE,
				"--%s is a list of PCRs from 0 to 23, as in 0,2,7", name);
		mask |= UINT32_C(1) << pcr;
		at = *end ? end + 1 : NULL;
	}
	*ret = text ? mask : fallback;
	return true;
}
