/* SPDX-License-Identifier: Apache-2.0 */
#include "verifier/receipts.h"

bool receipt_signer_load(const char *uri, struct key *signing, const char *origin,
	struct receipt_signer *ret, struct err *err)
{
	OWNED(key_unref) struct key *key = NULL;

	if (!uri)
		key = key_ref(signing);
	else if (!key_from_uri(uri, &key, err))
		return err_wrap(err, "receipt_key: %s", uri);
	if (!key_has_private(key) || key_type_of(key) != KEY_EC_P256)
		return err_set(err, ERR_CONFIG,
			"receipt_key: %s: receipts are signed with a P-256 private key", uri);
	if (pthread_mutex_init(&ret->lock, NULL) != 0)
		return err_set(err, ERR_NOMEM, "receipt_key");
	ret->key = TAKE(key);
	ret->origin = origin;
	return true;
}

void receipt_signer_release(struct receipt_signer *signer)
{
	if (signer->key)
		(void)pthread_mutex_destroy(&signer->lock);
	key_unref(&signer->key);
	for (size_t i = 0; i < ARRAY_LEN(signer->sealed); i++)
		buf_release(&signer->sealed[i].seal);
	memset(signer, 0, sizeof(*signer));
}

bool log_tree_choose(struct sql *sql, uint64_t index, struct buf *ret_note, struct checkpoint *ret,
	struct err *err)
{
	*ret = (struct checkpoint){0};
	if (!cosigned_get(sql, ret_note, err) ||
		(ret_note->len > 0 && !checkpoint_parse(buf_bytes(ret_note), ret, err)))
		return false;
	if (ret->size > index)
		return true;
	if (!checkpoint_get(sql, ret_note, err))
		return false;
	if (ret_note->len <= 1)
		return err_set(err, ERR_NOT_FOUND, "the ledger is empty");
	if (!checkpoint_parse(buf_bytes(ret_note), ret, err))
		return false;
	return ret->size > index || err_set(err, ERR_NOT_FOUND, "the ledger has %llu leaves",
					    (unsigned long long)ret->size);
}

/* What was signed before is taken again where it has the leaf and is no larger than the tree: that is
 * what the caller's snapshot of the database has, or what witnesses saw. A tree beyond all others takes
 * the first place, one between the two the second: both places only ever grow. */
static bool seal_take(struct receipt_signer *signer, const struct checkpoint *tree, uint64_t index,
	struct buf *out, uint64_t *ret_size, struct err *err)
{
	OWNED(buf_release) struct buf seal = {0};

	for (size_t i = 0; i < ARRAY_LEN(signer->sealed); i++) {
		const struct receipt_sealed *known = &signer->sealed[i];
		if (index < known->size && known->size <= tree->size) {
			*ret_size = known->size;
			buf_put(out, buf_bytes(&known->seal));
			return buf_ok(out, err);
		}
	}
	if (!receipt_seal(signer->key, signer->origin, tree->size, tree->root, &seal, err))
		return false;
	*ret_size = tree->size;
	buf_put(out, buf_bytes(&seal));
	struct receipt_sealed *place = &signer->sealed[tree->size > signer->sealed[0].size ? 0 : 1];
	if (tree->size > place->size) {
		buf_release(&place->seal);
		place->seal = TAKE_STRUCT(seal);
		place->size = tree->size;
	}
	return buf_ok(out, err);
}

bool receipt_make(struct receipt_signer *signer, struct sql *sql, enum receipt_kind kind,
	uint64_t from, struct buf *out, struct err *err)
{
	OWNED(buf_release) struct buf note = {0};
	OWNED(buf_release) struct buf seal = {0};
	OWNED(buf_release) struct buf hashes = {0};
	struct receipt_proof proof = {.kind = kind, .from = from};
	struct checkpoint tree;
	bool inclusion = kind == RECEIPT_INCLUSION;
	uint64_t last = inclusion ? from : from - 1; /* the leaf that the tree must have */

	if (!inclusion && from == 0)
		return err_set(err, ERR_NOT_FOUND, "nothing is said of an empty ledger");
	if (!log_tree_choose(sql, last, &note, &tree, err))
		return false;
	(void)pthread_mutex_lock(&signer->lock);
	bool ok = seal_take(signer, &tree, last, &seal, &proof.size, err);
	(void)pthread_mutex_unlock(&signer->lock);
	if (!ok)
		return false;
	struct tile_source source = tile_rows(sql, proof.size);
	if (!(inclusion ? tiles_inclusion(&source, from, proof.size, &hashes, err)
			: tiles_consistency(&source, from, proof.size, &hashes, err)))
		return false;
	proof.hashes = buf_bytes(&hashes);
	return receipt_write(buf_bytes(&seal), &proof, out, err);
}

bool log_proof_make(
	struct sql *sql, uint64_t index, struct bytes extra, struct buf *out, struct err *err)
{
	OWNED(buf_release) struct buf note = {0};
	OWNED(tlog_proof_release) struct tlog_proof proof = {.index = index};
	struct checkpoint tree;

	if (!log_tree_choose(sql, index, &note, &tree, err))
		return false;
	struct tile_source source = tile_rows(sql, tree.size);
	if (!tiles_inclusion(&source, index, tree.size, &proof.hashes, err))
		return false;
	buf_put(&proof.extra, extra);
	proof.checkpoint = buf_bytes(&note);
	return buf_ok(&proof.extra, err) && tlog_proof_write(&proof, out, err);
}
