/* SPDX-License-Identifier: Apache-2.0 */
/* assay dsse verify: which of the given keys signed an envelope. */
#include "cli/commands.h"

#include "crypto/dsse.h"

static const struct option_spec options[] = {
	{"key", "PEM", OPTION_REPEATED, "public key to verify with"},
	{"payload", "FILE", OPTION_VALUE, "write the payload there once it is verified"},
	OPTIONS_END,
};

struct keys {
	size_t n;
	struct key *key[CLI_REPEATS_MAX];
};

static void keys_release(struct keys *keys)
{
	for (size_t i = 0; i < keys->n; i++)
		key_unref(&keys->key[i]);
}

static bool keys_load(struct cli *cli, const struct option_value *files, struct keys *ret)
{
	for (size_t i = 0; i < files->count; i++) {
		OWNED(buf_release) struct buf pem = {0};
		if (!cli_read(files->values[i], 65536, &pem, &cli->err) ||
			!key_from_pem(buf_bytes(&pem), &ret->key[i], &cli->err))
			return err_wrap(&cli->err, "--key %s", files->values[i]);
		ret->n++;
	}
	return true;
}

static enum status print_result(
	struct cli *cli, const struct dsse *dsse, const struct keys *keys, uint64_t mask)
{
	const struct option_value *files = option_all(cli, "key");
	enum status status = mask ? STATUS_DONE : STATUS_REFUSED;
	json_t *list = json_array();
	for (size_t i = 0; i < keys->n; i++) {
		char hex[2 * SHA256_LEN + 1];
		if (!(mask >> i & 1))
			continue;
		hex_encode(bytes_of(key_id(keys->key[i]), SHA256_LEN), hex);
		(void)json_array_append_new(
			list, json_pack("{s:s,s:s}", "file", files->values[i], "id", hex));
		if (!cli->json)
			(void)printf("verified by %s (%s)\n", files->values[i], hex);
	}
	if (cli->json)
		return cli_print_json(cli,
			json_pack("{s:b,s:s,s:o}", "verified", mask != 0, "payload_type",
				dsse->payload_type, "keys", list),
			status);
	json_decref(list);
	(void)printf("payload type %s, %zu bytes, %zu signature%s\n",
		ESC(bytes_str(dsse->payload_type)), dsse->payload.len, dsse->count,
		dsse->count == 1 ? "" : "s");
	if (!mask)
		(void)printf("%srefused%s: no signature verifies with the key%s given\n",
			colour(cli, "red"), colour(cli, "off"), keys->n == 1 ? "" : "s");
	return status;
}

static enum status run(struct cli *cli)
{
	OWNED(buf_release) struct buf text = {0};
	OWNED(dsse_free) struct dsse *dsse = NULL;
	OWNED(keys_release) struct keys keys = {0};
	uint64_t mask = 0;
	const char *first = NULL;
	if (!option_required(cli, "key", &first) ||
		!keys_load(cli, option_all(cli, "key"), &keys) ||
		!cli_read(cli->arguments->values[0], JSON_INPUT_MAX, &text, &cli->err) ||
		!dsse_parse(buf_bytes(&text), &dsse, &cli->err) ||
		!dsse_verify(dsse, keys.key, keys.n, &mask, &cli->err))
		return cli_fail(cli);
	const char *payload = option(cli, "payload");
	if (mask && payload && !cli_write(payload, buf_bytes(&dsse->payload), false, &cli->err))
		return cli_fail(cli);
	return print_result(cli, dsse, &keys, mask);
}

const struct command cmd_dsse_verify = {
	.group = "dsse",
	.name = "verify",
	.synopsis = "FILE --key PEM",
	.summary = "Which of the given keys signed a DSSE envelope.",
	.options = options,
	.least = 1,
	.most = 1,
	.run = run,
};
