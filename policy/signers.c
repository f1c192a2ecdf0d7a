/* SPDX-License-Identifier: Apache-2.0 */
/* The signers as a record keeps them: who counted when a policy came into force. */
#include <stdlib.h>

#include "policy/policy_file.h"
#include "policy/signature.h"

#define SIGNERS_TYPE "assay/policy-signers/1"
#define KEY_PEM_MAX  4096u

static json_t *keys_json(const struct policy_signers *signers, struct err *err)
{
	OWNED(json_release) json_t *keys = json_array();
	bool ok = keys != NULL;

	for (size_t i = 0; ok && i < signers->count; i++) {
		OWNED(buf_release) struct buf pem = {0};

		if (!key_public_pem(signers->keys[i], &pem, err))
			return NULL;
		/* Without memory there is no text, and json_pack packs none. */
		ok = json_array_append_new(keys, json_pack("{s:s,s:s}", "name", signers->names[i],
							 "key", buf_str(&pem))) == 0;
	}
	if (ok)
		return TAKE(keys);
	(void)err_set(err, ERR_NOMEM, "no memory");
	return NULL;
}

bool policy_signers_encode(const struct policy_signers *signers, struct buf *out, struct err *err)
{
	OWNED(json_release) json_t *root = NULL;
	json_t *keys = keys_json(signers, err);

	if (!keys)
		return false;
	root = json_pack("{s:s,s:I,s:o}", "type", SIGNERS_TYPE, "threshold",
		(json_int_t)signers->threshold, "keys", keys);
	return root ? json_write(root, false, out, err) : err_set(err, ERR_NOMEM, "no memory");
}

static bool key_read(const json_t *item, struct policy_signers *ret, struct err *err)
{
	static const char *const members[] = {"name", "key", NULL};
	struct json_fields f = json_fields_of("signers: key");
	const char *name = json_need_str(&f, item, "name", POLICY_SIGNER_NAME_MAX);
	const char *pem = json_need_str(&f, item, "key", KEY_PEM_MAX);

	json_only_keys(&f, item, members);
	return json_fields_ok(&f, err) && policy_signers_add(ret, name, bytes_str(pem), err);
}

static bool signers_read(const json_t *root, struct policy_signers *ret, struct err *err)
{
	static const char *const members[] = {"type", "threshold", "keys", NULL};
	struct json_fields f = json_fields_of("signers");
	const char *type = json_need_str(&f, root, "type", 64);
	int64_t threshold = json_need_int(&f, root, "threshold", 1, POLICY_SIGNERS_MAX);
	const json_t *keys = json_need_array(&f, root, "keys", POLICY_SIGNERS_MAX);

	json_only_keys(&f, root, members);
	if (!json_fields_ok(&f, err))
		return false;
	if (strcmp(type, SIGNERS_TYPE) != 0)
		return err_set(err, ERR_FORMAT, "type: not " SIGNERS_TYPE);
	for (size_t i = 0; i < json_array_size(keys); i++)
		if (!key_read(json_array_get(keys, i), ret, err))
			return false;
	return policy_signers_demand(ret, threshold, err);
}

bool policy_signers_decode(struct bytes in, struct policy_signers *ret, struct err *err)
{
	OWNED(policy_signers_release) struct policy_signers signers = {0};
	OWNED(json_release) json_t *root = NULL;

	if (!json_open(in, POLICY_SIGNERS_TEXT_MAX, &root, err) ||
		!signers_read(root, &signers, err))
		return err_wrap(err, "policy signers");
	*ret = TAKE_STRUCT(signers);
	return true;
}
