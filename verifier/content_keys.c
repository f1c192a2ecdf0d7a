/* SPDX-License-Identifier: Apache-2.0 */
#include "verifier/content_keys.h"

#include "base/text.h"
#include "verifier/store_private.h"

#define ROTATE_BATCH 512u

/* What is wrapped says of which generation it is, so that two rows cannot be exchanged. */
static bool info_of(uint32_t generation, struct buf *out, struct err *err)
{
	static const char name[] = "assay content key"; /* with its NUL */
	buf_put(out, bytes_of(name, sizeof(name)));
	buf_put_be32(out, generation);
	return buf_ok(out, err);
}

static bool wrap(const struct key *kek, uint32_t generation, const uint8_t master[AES_KEY_LEN],
	struct random *random, struct buf *out, struct err *err)
{
	OWNED(buf_release) struct buf info = {0};
	return (info_of(generation, &info, err) &&
		       key_wrap(kek, buf_bytes(&info), master, random, out, err)) ||
	       err_wrap(err, "content key of generation %u", generation);
}

/* A key that wraps and does not open (one that only signs, a provider that cannot) would make all that
 * is sealed lost at the next start: it is tried before anything depends on it. */
bool content_key_try(struct key *kek, struct random *random, struct err *err)
{
	OWNED(buf_release) struct buf info = {0};
	OWNED(buf_release) struct buf wrapped = {0};
	uint8_t secret[AES_KEY_LEN], again[AES_KEY_LEN];
	bool ok = random_fill(random, secret, sizeof(secret), err) && info_of(0, &info, err) &&
		  key_wrap(kek, buf_bytes(&info), secret, random, &wrapped, err) &&
		  key_unwrap(kek, buf_bytes(&info), buf_bytes(&wrapped), again, err) &&
		  (secret_equal(BYTES_OF(secret), BYTES_OF(again)) ||
			  err_set(err, ERR_MISMATCH, "it does not open what it wraps"));
	secret_wipe(secret, sizeof(secret));
	secret_wipe(again, sizeof(again));
	return ok || err_wrap(err, "content key");
}

static bool row_insert(struct sql *sql, const struct key *kek, uint32_t generation,
	const uint8_t master[AES_KEY_LEN], struct random *random, int64_t now, struct err *err)
{
	OWNED(buf_release) struct buf wrapped = {0};
	return wrap(kek, generation, master, random, &wrapped, err) &&
	       sql_exec(sql,
		       "INSERT INTO content_keys(generation, recipient, wrapped, created) "
		       "VALUES(?1,?2,?3,?4)",
		       SQL_ARGS(sql_i(generation), sql_b(bytes_of(key_id(kek), SHA256_LEN)),
			       sql_b(buf_bytes(&wrapped)), sql_i(now)),
		       NULL, err);
}

/* ---- at start ---- */

static bool recipient_check(struct bytes recipient, const struct key *kek, struct err *err)
{
	char ours[2 * SHA256_LEN + 1], theirs[2 * SHA256_LEN + 1];
	if (recipient.len != SHA256_LEN)
		return err_set(
			err, ERR_STORE, "content keys: a recipient of %zu bytes", recipient.len);
	if (memcmp(recipient.data, key_id(kek), SHA256_LEN) == 0)
		return true;
	hex_encode(bytes_of(key_id(kek), SHA256_LEN), ours);
	hex_encode(recipient, theirs);
	return err_set(err, ERR_CONFIG,
		"content_key: it is the key %.16s…, and what is stored is sealed for the key "
		"%.16s…: name that one (after rotate-content-key --new-key: the new one)",
		ours, theirs);
}

static bool row_open(
	const struct sql_query *q, struct vault *vault, struct key *kek, struct err *err)
{
	OWNED(buf_release) struct buf info = {0};
	uint8_t master[AES_KEY_LEN];
	int64_t generation = sql_int(q, 0);
	if (generation < 1 || generation > UINT32_MAX)
		return err_set(err, ERR_STORE, "content keys: there is no generation %lld",
			(long long)generation);
	if (!recipient_check(sql_bytes(q, 1), kek, err))
		return false;
	bool ok = info_of((uint32_t)generation, &info, err) &&
		  key_unwrap(kek, buf_bytes(&info), sql_bytes(q, 2), master, err) &&
		  vault_add(vault, (uint32_t)generation, master, err);
	secret_wipe(master, sizeof(master));
	return ok || err_wrap(err, "content key of generation %lld", (long long)generation);
}

static bool rows_open(struct sql *sql, struct vault *vault, struct key *kek, struct err *err)
{
	OWNED(sql_finish) struct sql_query *q = NULL;
	bool more = false;
	if (!sql_start(sql,
		    "SELECT generation, recipient, wrapped FROM content_keys ORDER BY generation",
		    SQL_NO_ARGS, &q, err))
		return false;
	while (sql_next(q, &more, err)) {
		if (!more)
			return true;
		if (!row_open(q, vault, kek, err))
			return false;
	}
	return false;
}

/* Nothing was ever sealed: there is nothing that a first key could be missing for. */
static bool first_make(struct sql *sql, struct vault *vault, struct key *kek, struct random *random,
	struct err *err)
{
	OWNED(sql_finish) struct sql_query *q = NULL;
	uint8_t master[AES_KEY_LEN];
	if (!sql_first(sql,
		    "SELECT 1 WHERE EXISTS(SELECT 1 FROM data_keys) OR EXISTS(SELECT 1 FROM leaves "
		    "WHERE wrapped IS NOT NULL)",
		    SQL_NO_ARGS, &q, err))
		return false;
	if (q)
		return err_set(err, ERR_STORE,
			"contents are sealed, and no content key is stored: put the database back "
			"from a backup");
	bool ok = content_key_try(kek, random, err) &&
		  random_fill(random, master, sizeof(master), err) &&
		  row_insert(sql, kek, 1, master, random, vault_now(vault), err) &&
		  vault_add(vault, 1, master, err);
	secret_wipe(master, sizeof(master));
	return ok;
}

bool content_keys_open(struct sql *sql, struct vault *vault, struct key *kek, struct random *random,
	struct err *err)
{
	return rows_open(sql, vault, kek, err) &&
	       (vault_newest(vault) != 0 || first_make(sql, vault, kek, random, err));
}

/* ---- rotation ---- */

struct place;
struct step {
	struct content_rotation *rotation;
	struct vault *vault;
	uint8_t master[AES_KEY_LEN];
	const struct place *place;
	int64_t at; /* the last data key of it that was looked at */
	uint64_t changed;
	bool more;
};

/* Another key-encryption key gets the generations that are still needed, too. */
static bool recipient_change(struct store_tx *tx, const struct step *s, struct err *err)
{
	for (uint32_t generation = 1; generation < s->rotation->generation; generation++) {
		OWNED(buf_release) struct buf wrapped = {0};
		uint8_t master[AES_KEY_LEN];
		if (!vault_key(s->vault, generation, master, NULL))
			continue;
		bool ok = wrap(
			s->rotation->kek, generation, master, s->rotation->random, &wrapped, err);
		secret_wipe(master, sizeof(master));
		if (!ok || !sql_exec(tx->sql,
				   "UPDATE content_keys SET recipient=?1, wrapped=?2 WHERE "
				   "generation=?3",
				   SQL_ARGS(sql_b(bytes_of(key_id(s->rotation->kek), SHA256_LEN)),
					   sql_b(buf_bytes(&wrapped)), sql_i(generation)),
				   NULL, err))
			return false;
	}
	tx->sql->scrub = true;
	return true;
}

static bool generation_work(struct store_tx *tx, void *arg, struct err *err)
{
	struct step *s = arg;
	struct content_rotation *r = s->rotation;
	return recipient_change(tx, s, err) &&
	       row_insert(tx->sql, r->kek, r->generation, s->master, r->random, vault_now(s->vault),
		       err) &&
	       (!r->note || r->note(tx, r->note_arg, r->generation, err));
}

/* Where data keys stand: one text each, so that each finds its statement again. */
static const struct place {
	const char *name, *next, *put, *behind;
} places[] = {
	{"data key", "SELECT id, wrapped FROM data_keys WHERE id>?1 ORDER BY id LIMIT 1",
		"UPDATE data_keys SET wrapped=?1 WHERE id=?2",
		"SELECT id FROM data_keys WHERE substr(wrapped,1,4) NOT IN (?1, x'00000000') "
		"LIMIT 1"},
	{"leaf",
		"SELECT idx, wrapped FROM leaves WHERE idx>?1 AND wrapped IS NOT NULL ORDER BY idx "
		"LIMIT 1",
		"UPDATE leaves SET wrapped=?1 WHERE idx=?2",
		"SELECT idx FROM leaves WHERE substr(wrapped,1,4) NOT IN (?1, x'00000000') LIMIT "
		"1"},
};

static bool key_rewrap(
	struct store_tx *tx, struct step *s, int64_t id, struct bytes stored, struct err *err)
{
	uint8_t wrapped[VAULT_WRAPPED_LEN];
	bool changed = false;
	if (stored.len != sizeof(wrapped))
		return err_set(err, ERR_STORE, "%s %lld has %zu bytes", s->place->name,
			(long long)id, stored.len);
	memcpy(wrapped, stored.data, sizeof(wrapped));
	if (!vault_rewrap(s->vault, wrapped, &changed, err))
		return err_wrap(err, "%s %lld", s->place->name, (long long)id);
	s->changed += changed;
	return !changed || sql_exec(tx->sql, s->place->put,
				   SQL_ARGS(sql_b(BYTES_OF(wrapped)), sql_i(id)), NULL, err);
}

/* Each row by itself: nothing is written under an open query. */
static bool batch_work(struct store_tx *tx, void *arg, struct err *err)
{
	struct step *s = arg;
	s->changed = 0;
	s->more = true;
	for (unsigned i = 0; i < ROTATE_BATCH && s->more; i++) {
		OWNED(sql_finish) struct sql_query *q = NULL;
		if (!sql_first(tx->sql, s->place->next, SQL_ARGS(sql_i(s->at)), &q, err))
			return false;
		s->more = q != NULL;
		if (!q)
			return true;
		s->at = sql_int(q, 0);
		if (!key_rewrap(tx, s, s->at, sql_bytes(q, 1), err))
			return false;
	}
	return true;
}

static bool nothing_behind(
	struct sql *sql, const struct place *place, struct bytes newest, struct err *err)
{
	OWNED(sql_finish) struct sql_query *q = NULL;
	if (!sql_first(sql, place->behind, SQL_ARGS(sql_b(newest)), &q, err))
		return false;
	return !q || err_set(err, ERR_STORE, "%s %lld is under another generation", place->name,
			     (long long)sql_int(q, 0));
}

/* Asked once more of the rows themselves: a generation that is deleted too early takes content with
 * it. */
static bool forget_work(struct store_tx *tx, void *arg, struct err *err)
{
	const struct step *s = arg;
	OWNED(buf_release) struct buf newest = {0};
	buf_put_be32(&newest, s->rotation->generation);
	if (!buf_ok(&newest, err))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(places); i++)
		if (!nothing_behind(tx->sql, &places[i], buf_bytes(&newest), err))
			return false;
	tx->sql->scrub = true;
	return sql_exec(tx->sql, "DELETE FROM content_keys WHERE generation<?1",
		SQL_ARGS(sql_i(s->rotation->generation)), NULL, err);
}

static bool rewrap_all(struct store *store, struct step *s, struct err *err)
{
	for (size_t i = 0; i < ARRAY_LEN(places); i++) {
		s->place = &places[i];
		s->at = -1;
		for (s->more = true; s->more;) {
			if (!store_run(store, batch_work, s, err))
				return err_wrap(err, "wrapping data keys anew");
			s->rotation->rewrapped += s->changed;
		}
	}
	return true;
}

/* A verifier that is running knows nothing of a key that comes to be meanwhile. */
static bool alone_work(struct store_tx *tx, void *arg, struct err *err)
{
	bool alone = true;
	(void)arg;
	if (tx->sql->ops->alone && !tx->sql->ops->alone(tx->sql, &alone, err))
		return false;
	return alone ||
	       err_set(err, ERR_BUSY,
		       "another assay-verifierd serves this database: stop all of them first");
}

bool content_keys_rotate(struct store *store, struct content_rotation *rotation, struct err *err)
{
	struct step s = {.rotation = rotation, .vault = store->vault};
	rotation->generation = vault_newest(store->vault) + 1;
	rotation->rewrapped = 0;
	bool ok = store_run(store, alone_work, NULL, err) &&
		  random_fill(rotation->random, s.master, sizeof(s.master), err) &&
		  store_run(store, generation_work, &s, err) &&
		  vault_add(store->vault, rotation->generation, s.master, err) &&
		  rewrap_all(store, &s, err) && store_run(store, forget_work, &s, err);
	secret_wipe(&s, sizeof(s));
	return ok || err_wrap(err, "rotating the content key");
}
