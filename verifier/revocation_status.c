/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Status lists of tokens (IETF draft-ietf-oauth-status-list). A process takes a whole list for itself and fills it in a random
 * order, so that neighbours in a list say nothing about when tokens were issued or for whom, and no two verifiers meet. What a
 * process leaves unused when it ends stays unused: it cannot be told from tokens that are valid.
 */
#include "verifier/revocation.h"

#include <stdlib.h>
#include <zlib.h>

#include "base/text.h"
#include "crypto/jws.h"

static bool begin_work(struct store_tx *tx, void *arg, struct err *err)
{
	return status_list_begin(tx->sql, arg, err);
}

/* Fisher and Yates; 32 bits for at most 2^16 choices: the bias is below one in 2^16. */
static bool shuffle(struct revocation *r, struct err *err)
{
	OWNED(free_ptr) uint32_t *draws = malloc(STATUS_LIST_LEN * sizeof(*draws));
	if (!draws)
		return err_set(err, ERR_NOMEM, "status list");
	if (!random_fill(r->app->random, (uint8_t *)draws, STATUS_LIST_LEN * sizeof(*draws), err))
		return false;
	for (uint32_t i = 0; i < STATUS_LIST_LEN; i++)
		r->order[i] = (uint16_t)i;
	for (uint32_t i = STATUS_LIST_LEN - 1; i > 0; i--) {
		uint32_t k = draws[i] % (i + 1);
		uint16_t kept = r->order[i];
		r->order[i] = r->order[k];
		r->order[k] = kept;
	}
	return true;
}

static bool list_take(struct revocation *r, struct err *err)
{
	int64_t list = -1;
	if (!shuffle(r, err) || !store_run(r->app->store, begin_work, &list, err))
		return err_wrap(err, "status list");
	r->list = list;
	r->taken = 0;
	return true;
}

bool revocation_status_take(struct app *app, int64_t *ret, struct err *err)
{
	struct revocation *r = app->revocation;
	*ret = 0;
	if (!app->config.public_url)
		return true;
	(void)pthread_mutex_lock(&r->status_lock);
	bool ok = (r->list >= 0 && r->taken < STATUS_LIST_LEN) || list_take(r, err);
	if (ok)
		*ret = r->list * STATUS_LIST_LEN + r->order[r->taken++] + 1;
	(void)pthread_mutex_unlock(&r->status_lock);
	return ok;
}

void revocation_status_release(struct revocation *r)
{
	for (size_t i = 0; i < ARRAY_LEN(r->status_kept); i++)
		buf_release(&r->status_kept[i].token);
}

/* ---- the signed list ---- */

/* The bits as zlib has them (RFC 1950), in base64url. */
static bool bits_text(const uint8_t bits[STATUS_LIST_LEN / 8], struct buf *out, struct err *err)
{
	uLongf len = compressBound(STATUS_LIST_LEN / 8);
	OWNED(free_ptr) uint8_t *packed = malloc(len);
	if (!packed ||
		compress2(packed, &len, bits, STATUS_LIST_LEN / 8, Z_BEST_COMPRESSION) != Z_OK)
		return err_set(err, ERR_NOMEM, "status list");
	buf_put_base64(out, bytes_of(packed, len), true);
	return buf_str(out) || err_set(err, ERR_NOMEM, "status list");
}

static bool list_sign(struct app *app, int64_t list, int64_t now,
	const uint8_t bits[STATUS_LIST_LEN / 8], struct buf *out, struct err *err)
{
	OWNED(buf_release) struct buf lst = {0};
	OWNED(buf_release) struct buf uri = {0};
	OWNED(buf_release) struct buf text = {0};
	OWNED(json_release) json_t *claims = NULL;
	json_int_t lifetime = app->config.revocation_lifetime, begin = now;
	buf_printf(&uri, "%s/status/%lld", app->config.public_url, (long long)list);
	if (!buf_str(&uri) || !bits_text(bits, &lst, err))
		return err_set(err, ERR_NOMEM, "status list");
	claims =
		json_pack("{s:s, s:s, s:I, s:I, s:I, s:{s:i, s:s}}", "iss", app->config.verifier_id,
			"sub", buf_str(&uri), "iat", begin, "exp", begin + lifetime, "ttl",
			lifetime / 2, "status_list", "bits", 1, "lst", buf_str(&lst));
	if (!claims)
		return err_set(err, ERR_NOMEM, "status list");
	return json_write(claims, false, &text, err) &&
	       jws_sign(app->issuer.signing_key, "statuslist+jwt", buf_bytes(&text), out, err);
}

struct list_view {
	int64_t sequence, count;
	uint8_t bits[STATUS_LIST_LEN / 8];
};

static bool list_read(struct app *app, int64_t list, struct list_view *ret, struct err *err)
{
	struct sql *sql = NULL;
	if (!store_read(app->store, &sql, err))
		return false;
	/* The sequence first: what is revoked after it moves it on. */
	bool ok = revocation_sequence(sql, &ret->sequence, err) &&
		  status_lists_count(sql, &ret->count, err) &&
		  (list >= ret->count || status_list_bits(sql, list, ret->bits, err));
	store_read_done(app->store, &sql);
	if (ok && list >= ret->count)
		return err_set(err, ERR_NOT_FOUND, "no such status list");
	return ok;
}

static bool sequence_read(struct app *app, int64_t *ret, struct err *err)
{
	struct sql *sql = NULL;
	if (!store_read(app->store, &sql, err))
		return false;
	bool ok = revocation_sequence(sql, ret, err);
	store_read_done(app->store, &sql);
	return ok;
}

static bool list_make(struct revocation *r, struct status_kept *kept, int64_t list, struct err *err)
{
	OWNED(free_ptr) struct list_view *view = calloc(1, sizeof(*view));
	OWNED(buf_release) struct buf token = {0};
	int64_t now = clock_wall(r->app->clock);
	if (!view)
		return err_set(err, ERR_NOMEM, "status list");
	if (!list_read(r->app, list, view, err) ||
		!list_sign(r->app, list, now, view->bits, &token, err))
		return false;
	buf_release(&kept->token);
	kept->token = TAKE_STRUCT(token);
	kept->list = list;
	kept->sequence = view->sequence;
	kept->made = now;
	return true;
}

bool revocation_status_list(struct app *app, int64_t list, struct buf *out, struct err *err)
{
	struct revocation *r = app->revocation;
	struct status_kept *kept = &r->status_kept[(uint64_t)list % STATUS_KEPT_MAX];
	int64_t sequence = 0;
	if (list < 0 || !app->config.public_url)
		return err_set(err, ERR_NOT_FOUND, "no such status list");
	(void)pthread_mutex_lock(&r->status_lock);
	bool ok = sequence_read(app, &sequence, err);
	if (ok && (kept->token.len == 0 || kept->list != list ||
			  !revocation_good(app, kept->made, kept->sequence, sequence)))
		ok = list_make(r, kept, list, err);
	if (ok)
		buf_put(out, buf_bytes(&kept->token));
	(void)pthread_mutex_unlock(&r->status_lock);
	return ok && buf_ok(out, err);
}
