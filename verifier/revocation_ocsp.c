/* SPDX-License-Identifier: Apache-2.0 */
/* Answers of OCSP, by a responder that each CA whose key is here certified for this process. */
#include "verifier/revocation.h"
#include "verifier/serials.h"

/* ---- the responder ---- */

/* What a CA issued ends with it: nobody needs to ask any more, and nothing could be certified for answering. */
static bool answers_for(const struct issuer *issuer, unsigned which, int64_t now)
{
	return which == CA_OF_NOW || (issuer->before && now < cert_not_after(issuer->before));
}

static const struct cert *ca_of(const struct issuer *issuer, unsigned which)
{
	return which == CA_OF_NOW ? issuer->ca[0] : issuer->before;
}

static struct key *ca_key_of(const struct issuer *issuer, unsigned which)
{
	return which == CA_OF_NOW ? issuer->ca_key : issuer->before_key;
}

static bool responder_make(struct revocation *r, unsigned which, int64_t now, struct err *err)
{
	const struct issuer *issuer = &r->app->issuer;
	const struct cert *ca = ca_of(issuer, which);
	struct key *ca_key = ca_key_of(issuer, which);
	struct cert *cert = NULL;
	int64_t until = now + OCSP_RESPONDER_LIFETIME, last = cert_not_after(ca);
	if (!ocsp_responder_issue(r->responder_key, now - ISSUE_SKEW, until < last ? until : last,
		    ca, ca_key, &cert, err))
		return false;
	cert_unref(&r->responder[which]);
	r->responder[which] = cert;
	return true;
}

bool revocation_responders_make(struct revocation *r, int64_t now, struct err *err)
{
	for (unsigned which = 0; which < CAS; which++)
		if (answers_for(&r->app->issuer, which, now) && !responder_make(r, which, now, err))
			return false;
	return true;
}

void revocation_ocsp_release(struct revocation *r)
{
	for (size_t i = 0; i < ARRAY_LEN(r->ocsp_kept); i++)
		buf_release(&r->ocsp_kept[i].reply);
	for (size_t i = 0; i < CAS; i++)
		cert_unref(&r->responder[i]);
	key_unref(&r->responder_key);
}

/* Until half of its lifetime; one that ends with its CA is the last there can be and is good until then. */
static bool responder_good(const struct cert *cert, const struct cert *ca, int64_t now)
{
	int64_t end = cert_not_after(cert);
	return now >= cert_not_before(cert) && now < end &&
	       (now < end - OCSP_RESPONDER_LIFETIME / 2 || end == cert_not_after(ca));
}

/* Under the lock; references for whoever signs outside it. */
static bool responder_take(struct revocation *r, unsigned which, struct cert **ret_cert,
	struct key **ret_key, struct err *err)
{
	int64_t now = clock_wall(r->app->clock);
	(void)pthread_mutex_lock(&r->ocsp_lock);
	const struct cert *cert = r->responder[which];
	bool good = cert && responder_good(cert, ca_of(&r->app->issuer, which), now);
	bool ok = good || responder_make(r, which, now, err);
	if (ok) {
		*ret_cert = cert_ref(r->responder[which]);
		*ret_key = key_ref(r->responder_key);
	}
	(void)pthread_mutex_unlock(&r->ocsp_lock);
	return ok;
}

/* ---- answers kept ---- */

static struct ocsp_kept *place_of(struct revocation *r, const uint8_t digest[SHA256_LEN])
{
	return &r->ocsp_kept[digest[0] % OCSP_KEPT_MAX];
}

static bool kept_find(
	struct revocation *r, const uint8_t digest[SHA256_LEN], int64_t sequence, struct buf *out)
{
	(void)pthread_mutex_lock(&r->ocsp_lock);
	const struct ocsp_kept *kept = place_of(r, digest);
	bool found = kept->reply.len > 0 &&
		     memcmp(kept->request, digest, sizeof(kept->request)) == 0 &&
		     revocation_good(r->app, kept->made, kept->sequence, sequence);
	if (found)
		buf_put(out, buf_bytes(&kept->reply));
	(void)pthread_mutex_unlock(&r->ocsp_lock);
	return found;
}

static void kept_put(struct revocation *r, const uint8_t digest[SHA256_LEN], int64_t sequence,
	int64_t made, struct bytes reply)
{
	(void)pthread_mutex_lock(&r->ocsp_lock);
	struct ocsp_kept *kept = place_of(r, digest);
	memcpy(kept->request, digest, sizeof(kept->request));
	kept->sequence = sequence;
	kept->made = made;
	buf_release(&kept->reply);
	buf_put(&kept->reply, reply);
	if (kept->reply.failed)
		buf_release(&kept->reply);
	(void)pthread_mutex_unlock(&r->ocsp_lock);
}

/* ---- one answer ---- */

/* A serial that this CA (key_id) never issued here is unknown, not good: a certificate by a stolen key has no row. */
static bool judge(struct sql *sql, const uint8_t ca[SHA256_LEN], const char *serial,
	struct ocsp_answer *ret, struct err *err)
{
	struct credential_row row = {0};
	bool found = false;
	*ret = (struct ocsp_answer){.status = OCSP_UNKNOWN};
	if (!serial[0])
		return true;
	if (!credential_get(sql, serial, &row, &found, err))
		return false;
	if (!found || (row.kind != CREDENTIAL_HOST && row.kind != CREDENTIAL_X509) ||
		!serial_may_be_of(serial, row.issued, ca))
		return true;
	*ret = (struct ocsp_answer){.status = row.revoked ? OCSP_REVOKED : OCSP_GOOD,
		.revoked = row.revoked,
		.reason = row.reason};
	return true;
}

struct ocsp_view {
	int64_t sequence;
	struct ocsp_answer answers[OCSP_CERTS_MAX];
	bool known; /* every one of them */
};

static bool judge_all(struct app *app, const struct ocsp_request *request, unsigned which,
	struct ocsp_view *ret, struct err *err)
{
	const uint8_t *ca = key_id(ca_key_of(&app->issuer, which));
	struct sql *sql = NULL;
	if (!store_read(app->store, &sql, err))
		return false;
	bool ok = revocation_sequence(sql, &ret->sequence, err);
	ret->known = true;
	for (size_t i = 0; ok && i < ocsp_request_count(request); i++) {
		ok = judge(sql, ca, ocsp_request_serial(request, i), &ret->answers[i], err);
		ret->known = ret->known && ret->answers[i].status != OCSP_UNKNOWN;
	}
	store_read_done(app->store, &sql);
	return ok;
}

static bool sequence_now(struct app *app, int64_t *ret, struct err *err)
{
	struct sql *sql = NULL;
	if (!store_read(app->store, &sql, err))
		return false;
	bool ok = revocation_sequence(sql, ret, err);
	store_read_done(app->store, &sql);
	return ok;
}

/* As questions to the CA whose certificate the first one is about; to the one that issues where that is none of ours. */
static bool request_read(struct app *app, struct bytes der, struct ocsp_request **ret,
	unsigned *ret_which, struct err *err)
{
	const struct issuer *issuer = &app->issuer;
	OWNED(ocsp_request_free) struct ocsp_request *now = NULL;
	OWNED(ocsp_request_free) struct ocsp_request *before = NULL;
	if (!ocsp_request_parse(der, issuer->ca[0], &now, err))
		return false;
	bool other = !ocsp_request_serial(now, 0)[0] &&
		     answers_for(issuer, CA_OF_BEFORE, clock_wall(app->clock));
	if (other && !ocsp_request_parse(der, issuer->before, &before, err))
		return false;
	other = other && ocsp_request_serial(before, 0)[0];
	*ret_which = other ? CA_OF_BEFORE : CA_OF_NOW;
	*ret = other ? TAKE(before) : TAKE(now);
	return true;
}

static bool answer(struct app *app, const struct ocsp_request *request, unsigned which,
	const uint8_t digest[SHA256_LEN], struct buf *out, struct err *err)
{
	OWNED(cert_unref) struct cert *cert = NULL;
	OWNED(key_unref) struct key *key = NULL;
	struct ocsp_view view = {0};
	int64_t now = clock_wall(app->clock);
	size_t before = out->len;
	if (!judge_all(app, request, which, &view, err) ||
		!responder_take(app->revocation, which, &cert, &key, err) ||
		!ocsp_respond(request, view.answers, now, now + app->config.revocation_lifetime,
			cert, key, out, err))
		return false;
	/* What is unknown now may be issued in a moment. */
	if (view.known && !ocsp_request_nonce(request))
		kept_put(app->revocation, digest, view.sequence, now,
			bytes_of(out->data + before, out->len - before));
	return true;
}

bool revocation_ocsp(struct app *app, struct bytes der, struct buf *out, struct err *err)
{
	OWNED(ocsp_request_free) struct ocsp_request *request = NULL;
	uint8_t digest[SHA256_LEN];
	int64_t sequence = 0;
	unsigned which = 0;
	struct err why = {0};
	if (!sha256_of(der, digest, err) || !sequence_now(app, &sequence, err))
		return false;
	if (kept_find(app->revocation, digest, sequence, out))
		return buf_ok(out, err);
	if (!request_read(app, der, &request, &which, &why)) {
		if (why.code == ERR_NOMEM)
			return err_set(err, ERR_NOMEM, "OCSP");
		return ocsp_refuse(OCSP_MALFORMED, out, err);
	}
	return answer(app, request, which, digest, out, err);
}
