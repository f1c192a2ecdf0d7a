/* SPDX-License-Identifier: Apache-2.0 */
/* The CA's list of revoked certificates, made when it is asked for and stored for all verifiers. */
#include "verifier/revocation.h"

#include <stdlib.h>

#define CRL_ATTEMPTS 8u

bool revocation_good(const struct app *app, int64_t made, int64_t sequence, int64_t sequence_now)
{
	int64_t now = clock_wall(app->clock);
	/* A clock that went back would give out what begins in the future. */
	return sequence == sequence_now && made <= now &&
	       now - made < app->config.revocation_lifetime / 2;
}

struct publication {
	const uint8_t *issuer; /* name of the key */
	const struct cert *ca;
	struct key *key;
	struct crl_row row;
	struct buf der;
	bool put;
};

static void publication_release(struct publication *p)
{
	buf_release(&p->der);
}

static bool publish_work(struct store_tx *tx, void *arg, struct err *err)
{
	struct publication *p = arg;
	return crl_row_put(tx->sql, p->issuer, &p->row, buf_bytes(&p->der), &p->put, err);
}

/* Whoever was revoked after the sequence was read may be on the list already, and is on the next one in any case. An entry
 * outlives its certificate by one lifetime of lists (RFC 5280 section 3.3: until it stood on one issued after that). */
static bool make(struct app *app, struct sql *sql, const struct crl_row *last, int64_t sequence,
	struct publication *p, struct err *err)
{
	OWNED(free_ptr) struct crl_entry *entries = NULL;
	int64_t now = clock_wall(app->clock), lifetime = app->config.revocation_lifetime;
	struct crl_request request = {.number = (uint64_t)last->number + 1,
		.this_update = now,
		.next_update = now + lifetime};
	p->row = (struct crl_row){.number = last->number + 1,
		.sequence = sequence,
		.made = now,
		.until = now + lifetime};
	if (!revoked_certificates(sql, p->issuer, now - lifetime, &entries, &request.count, err))
		return false;
	request.entries = entries;
	buf_clear(&p->der);
	return crl_issue(&request, p->ca, p->key, &p->der, err);
}

/* Takes the list over. Whoever is being sent the one before has it still. */
static bool keep(struct crl_kept *kept, const struct crl_row *row, struct buf *der, struct err *err)
{
	struct http_shared *list = NULL;
	if (!http_shared_new(der, &list, err))
		return false;
	http_shared_unref(&kept->der);
	kept->der = list;
	kept->row = *row;
	return true;
}

/* The list that counts, from here or from the store; *ret_good is false when one has to be made, and *ret_last then says after
 * which. */
static bool look(struct revocation *r, struct crl_kept *kept, const uint8_t *issuer,
	struct sql *sql, int64_t *ret_sequence, struct crl_row *ret_last, bool *ret_good,
	struct err *err)
{
	if (!revocation_sequence(sql, ret_sequence, err) ||
		!crl_row_get(sql, issuer, ret_last, NULL, err))
		return false;
	*ret_good = ret_last->number > 0 &&
		    revocation_good(r->app, ret_last->made, ret_last->sequence, *ret_sequence);
	if (!*ret_good || ret_last->number == kept->row.number)
		return true;
	OWNED(buf_release) struct buf der = {0};
	struct crl_row row;
	return crl_row_get(sql, issuer, &row, &der, err) && keep(kept, &row, &der, err);
}

/* *ret_done is false when another verifier was faster. */
static bool step(
	struct revocation *r, unsigned which, struct sql **sql, bool *ret_done, struct err *err)
{
	const struct issuer *issuer = &r->app->issuer;
	bool now = which == CA_OF_NOW;
	struct key *key = now ? issuer->ca_key : issuer->before_key;
	OWNED(publication_release)
	struct publication p = {
		.issuer = key_id(key), .ca = now ? issuer->ca[0] : issuer->before, .key = key};
	struct crl_kept *kept = &r->crls[which];
	struct crl_row last;
	int64_t sequence = 0;
	if (!look(r, kept, p.issuer, *sql, &sequence, &last, ret_done, err) || *ret_done)
		return *ret_done;
	if (!make(r->app, *sql, &last, sequence, &p, err))
		return false;
	store_read_done(r->app->store, sql);
	if (!store_run(r->app->store, publish_work, &p, err))
		return false;
	*ret_done = p.put;
	return !p.put || keep(kept, &p.row, &p.der, err);
}

static bool crl_get(struct revocation *r, unsigned which, struct http_shared **ret, struct err *err)
{
	bool done = false;
	for (unsigned i = 0; i < CRL_ATTEMPTS && !done; i++) {
		struct sql *sql = NULL;
		if (!store_read(r->app->store, &sql, err))
			return false;
		bool ok = step(r, which, &sql, &done, err);
		if (sql)
			store_read_done(r->app->store, &sql);
		if (!ok)
			return err_wrap(err, "revocation list");
	}
	if (!done)
		return err_set(err, ERR_BUSY, "the revocation list is being made elsewhere");
	*ret = http_shared_ref(r->crls[which].der);
	return true;
}

static bool which_of(const struct issuer *issuer, const uint8_t *ca, unsigned *ret, struct err *err)
{
	*ret = CA_OF_NOW;
	if (!ca || memcmp(ca, key_id(issuer->ca_key), SHA256_LEN) == 0)
		return true;
	*ret = CA_OF_BEFORE;
	if (issuer->before_key && memcmp(ca, key_id(issuer->before_key), SHA256_LEN) == 0)
		return true;
	for (size_t i = 1; i < issuer->ca_count; i++) {
		OWNED(key_unref) struct key *key = NULL;
		if (cert_key(issuer->ca[i], &key, NULL) && memcmp(ca, key_id(key), SHA256_LEN) == 0)
			return err_set(err, ERR_NOT_FOUND,
				"the key of this CA is not here: its last list was published "
				"elsewhere, if at all");
	}
	return err_set(err, ERR_NOT_FOUND, "no such CA");
}

bool revocation_crl(struct app *app, const uint8_t *ca, struct http_shared **ret, struct err *err)
{
	struct revocation *r = app->revocation;
	unsigned which = 0;
	if (!which_of(&app->issuer, ca, &which, err))
		return false;
	(void)pthread_mutex_lock(&r->crl_lock);
	bool ok = crl_get(r, which, ret, err);
	(void)pthread_mutex_unlock(&r->crl_lock);
	return ok;
}

/* ---- start and stop ---- */

bool revocation_start(struct app *app, struct revocation **ret, struct err *err)
{
	OWNED(revocation_stop) struct revocation *r = calloc(1, sizeof(*r));
	if (!r)
		return err_set(err, ERR_NOMEM, "revocation");
	r->app = app;
	r->list = -1;
	(void)pthread_mutex_init(&r->crl_lock, NULL);
	(void)pthread_mutex_init(&r->ocsp_lock, NULL);
	(void)pthread_mutex_init(&r->status_lock, NULL);
	if (!key_generate(KEY_EC_P256, &r->responder_key, err) ||
		!revocation_responders_make(r, clock_wall(app->clock), err))
		return false;
	*ret = TAKE(r);
	return true;
}

void revocation_stop(struct revocation **revocation)
{
	struct revocation *r = TAKE(*revocation);
	if (!r)
		return;
	revocation_ocsp_release(r);
	revocation_status_release(r);
	for (size_t i = 0; i < ARRAY_LEN(r->crls); i++)
		http_shared_unref(&r->crls[i].der);
	(void)pthread_mutex_destroy(&r->crl_lock);
	(void)pthread_mutex_destroy(&r->ocsp_lock);
	(void)pthread_mutex_destroy(&r->status_lock);
	free(r);
}
