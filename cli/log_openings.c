/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/log_openings.h"
#include "ledger/entry.h"

#define CONTENT_MAX (1u << 20)

/* Of what is not there nothing is shown; any other failure is one. */
static bool absent(struct cli *cli)
{
	if (cli->err.code != ERR_NOT_FOUND)
		return false;
	cli->err = (struct err){0};
	return true;
}

static bool release_find(void *arg, const char *digest, struct buf *ret, struct err *err)
{
	struct cli *cli = arg;
	OWNED(json_release) json_t *answer = NULL;
	char path[128];
	const json_t *envelope;
	(void)err; /* that of cli */
	(void)snprintf(path, sizeof(path), "/v1/releases/%s", digest);
	if (!api_json(cli, path, NULL, NULL, &answer))
		return absent(cli);
	envelope = json_object_get(answer, "envelope");
	return !json_is_object(envelope) || json_write(envelope, false, ret, &cli->err);
}

/* False: it is no opening at all. */
static bool opening_read(
	const json_t *answer, uint8_t salt[LEDGER_SALT_LEN], struct buf *ret_content)
{
	const char *salt_text = json_string_value(json_object_get(answer, "salt"));
	const char *content = json_string_value(json_object_get(answer, "content"));
	return salt_text && content &&
	       hex_decode_exact(bytes_str(salt_text), salt, LEDGER_SALT_LEN, NULL) &&
	       base64_decode(bytes_str(content), false, CONTENT_MAX, ret_content, NULL);
}

bool log_opening_judge(
	struct cli *cli, struct log_watch *watch, uint64_t index, const struct leaf *leaf)
{
	OWNED(json_release) json_t *answer = NULL;
	OWNED(buf_release) struct buf content = {0};
	const char *type = leaf_type_name(leaf->type);
	uint8_t salt[LEDGER_SALT_LEN], commitment[SHA256_LEN];
	struct err why = {0};
	char path[64];
	(void)snprintf(path, sizeof(path), "/v1/entries/%llu", (unsigned long long)index);
	if (!api_json(cli, path, NULL, NULL, &answer) && !absent(cli))
		return false;
	if (!opening_read(answer, salt, &content))
		return log_watch_closed(
			watch, index, type, leaf->time, "the verifier does not open it", &cli->err);
	bool opened = entry_commitment(leaf->type, salt, buf_bytes(&content), commitment, &why);
	if (!opened && why.code != ERR_MISMATCH)
		return err_set(&cli->err, why.code, "%s", why.text);
	if (!opened || memcmp(commitment, leaf->commitment, SHA256_LEN) != 0)
		return log_watch_closed(watch, index, type, leaf->time,
			"the verifier opens it to something else than it committed to", &cli->err);
	return log_watch_judge(
		watch, index, type, leaf->time, buf_bytes(&content), release_find, cli, &cli->err);
}
