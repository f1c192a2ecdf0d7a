/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Enrolment: how a TPM becomes a host. begin: the EK is judged and a credential is made that only
 * the TPM with both keys can open. finish: the session is burned first, whatever comes of it; then
 * the secret, the enrolment evidence over this very connection, and the register's rules.
 */
#include "verifier/enroll.h"

#include "base/text.h"

#include <stdlib.h>

#define SESSION_LEN 32
#define SECRET_LEN  32

/* ---- begin ---- */

struct begin {
	struct call *call;
	struct enroll_begin message;
	struct tpmt_public ek, ak;
	uint8_t host_id[HOST_ID_LEN];
	struct session_row session;
};

static void begin_release(struct begin *b)
{
	session_row_release(&b->session);
}

bool enroll_host_id(const struct tpmt_public *ek, uint8_t out[HOST_ID_LEN], struct err *err)
{
	struct tpm_name name;
	return tpm_name_of(ek, &name, err) && sha256_of(tpm_name_bytes(&name), out, err);
}

static bool verdict_passes(const struct verdict *verdict)
{
	/* A TPM without a certificate may wait for an operator's word; nothing else may be wrong
	 * with it. */
	for (size_t i = 0; i < verdict->reason_count; i++)
		if (verdict->reasons[i].code != REASON_EK_CERT_MISSING)
			return false;
	return verdict->trusted || (verdict->reason_count > 0 && !verdict->reasons_cut);
}

bool enroll_refused(const struct verdict *verdict, struct err *err)
{
	const struct reason *r = &verdict->reasons[0];
	if (verdict->reason_count == 0)
		return err_set(err, ERR_DENIED, "enrolment refused");
	return err_set(err, ERR_DENIED, "enrolment refused: %s: %s: expected %s, found %s%s%s%s",
		reason_code_name(r->code), r->subject, r->expected[0] ? r->expected : "-",
		r->actual[0] ? r->actual : "-", r->where[0] ? " (" : "", r->where,
		r->where[0] ? ")" : "");
}

bool enroll_judge_ek(struct bytes ek_public, const struct bytes *certs, size_t cert_count,
	struct bytes ak_public, const struct policy *policy, int64_t now, struct err *err)
{
	OWNED(free_ptr) struct verdict *verdict = calloc(1, sizeof(*verdict));
	if (!verdict)
		return err_set(err, ERR_NOMEM, "enrolment");
	if (!policy_appraise_ek(ek_public, certs, cert_count, ak_public, policy, now, verdict, err))
		return false;
	return verdict_passes(verdict) ? true : enroll_refused(verdict, err);
}

static bool begin_judge(struct begin *b, const struct policy *policy, struct err *err)
{
	const struct enroll_begin *m = &b->message;
	return enroll_judge_ek(m->ek_public, m->ek_certs, m->ek_cert_count, m->ak_public, policy,
		       clock_wall(b->call->app->clock), err) &&
	       tpmt_public_parse(m->ek_public, &b->ek, err) &&
	       tpmt_public_parse(m->ak_public, &b->ak, err) &&
	       enroll_host_id(&b->ek, b->host_id, err);
}

/* Early, so that a mistyped token is told at once; it is used up only at the end. */
static bool begin_token(struct begin *b, struct err *err)
{
	bool valid = false;
	struct sql *sql = NULL;
	if (b->message.join_token.len == 0)
		return true;
	if (!sha256_of(b->message.join_token, b->session.token, err) ||
		!call_read(b->call, &sql, err))
		return false;
	bool ok = join_token_check(
		sql, b->session.token, b->host_id, clock_wall(b->call->app->clock), &valid, err);
	store_read_done(b->call->app->store, &sql);
	if (ok && !valid) {
		b->call->code = "join-token";
		b->call->hint = "ask an operator for a new one: assay host invite";
		return err_set(err, ERR_DENIED,
			"the join token is unknown, used, expired or for another host");
	}
	return ok;
}

/* Without the padding that NV has, so that the row is a plain sequence of DER. What does not parse
 * helps no chain. */
static void put_certs(const struct enroll_begin *m, struct buf *out)
{
	for (size_t i = 0; i < m->ek_cert_count; i++) {
		OWNED(cert_unref) struct cert *cert = NULL;
		if (cert_from_der(m->ek_certs[i], true, &cert, NULL))
			buf_put(out, cert_der(cert));
	}
}

static bool begin_session(struct begin *b, const uint8_t secret[SECRET_LEN], struct bytes session,
	int64_t lifetime, struct err *err)
{
	const struct enroll_begin *m = &b->message;
	struct session_row *row = &b->session;
	row->issued = clock_wall(b->call->app->clock);
	row->expires = row->issued + lifetime;
	buf_put(&row->ek_public, m->ek_public);
	buf_put(&row->ak_public, m->ak_public);
	put_certs(m, &row->ek_certs);
	if (m->name.len >= sizeof(row->name))
		return err_set(err, ERR_FORMAT, "enrolment: the name is too long");
	memcpy(row->name, m->name.data ? m->name.data : (const uint8_t *)"", m->name.len);
	return sha256_of(session, row->id, err) &&
	       sha256_of(bytes_of(secret, SECRET_LEN), row->secret, err) &&
	       buf_ok(&row->ek_public, err) && buf_ok(&row->ak_public, err) &&
	       buf_ok(&row->ek_certs, err);
}

/* The token was found good just before. */
static bool begin_work(struct store_tx *tx, void *arg, struct err *err)
{
	static const struct session_room room = {.most = 4096, .share = 64};
	const struct begin *b = arg;
	const struct session_row *row = &b->session;
	bool invited = b->message.join_token.len > 0, expected = false;
	return session_expected(tx->sql, b->host_id, row->issued, &expected, err) &&
	       session_put(tx->sql, row, row->issued, !invited && !expected, &room, err);
}

static bool begin_offer(struct begin *b, int64_t lifetime, struct err *err)
{
	OWNED(buf_release) struct buf id_object = {0};
	OWNED(buf_release) struct buf encrypted = {0};
	struct app *app = b->call->app;
	struct enroll_offer offer = {.verifier_id = bytes_str(app->config.verifier_id)};
	uint8_t session[SESSION_LEN], secret[SECRET_LEN];
	struct tpm_name ak_name;
	bool ok = random_fill(app->random, session, sizeof(session), err) &&
		  random_fill(app->random, secret, sizeof(secret), err) &&
		  tpm_name_of(&b->ak, &ak_name, err) &&
		  tpm_make_credential(&b->ek, &ak_name, BYTES_OF(secret), app->random, &id_object,
			  &encrypted, err) &&
		  begin_session(b, secret, BYTES_OF(session), lifetime, err);
	secret_wipe(secret, sizeof(secret));
	if (!ok || !store_run(app->store, begin_work, b, err))
		return false;
	offer.session = BYTES_OF(session);
	offer.id_object = buf_bytes(&id_object);
	offer.encrypted_secret = buf_bytes(&encrypted);
	memcpy(offer.host_id, b->host_id, sizeof(offer.host_id));
	b->call->status = 200;
	b->call->type = MEDIA_MESSAGE;
	return enroll_offer_encode(&offer, &b->call->reply, err);
}

bool serve_enroll_begin(struct call *call, struct err *err)
{
	OWNED(begin_release) struct begin b = {.call = call};
	OWNED(policy_ref_drop) struct policy_ref *policy = app_policy(call->app);
	bool ok = enroll_begin_decode(http_body(call->exchange), &b.message, err) &&
		  begin_judge(&b, policy->policy, err) && begin_token(&b, err) &&
		  begin_offer(&b, policy->policy->challenge_lifetime, err);
	if (!ok)
		metric_add(call->app->metrics, METRIC_ENROLMENTS, METRIC_ENROLMENT_REFUSED, 1);
	if (!ok)
		log_event(&call->app->log, LOG_LEVEL_WARNING, "enrolment-refused",
			{"request", bytes_str(http_request_id(call->exchange))},
			{"from", bytes_str(http_peer_address(call->exchange))},
			{"step", BYTES_LIT("begin")}, {"error", bytes_str(err->text)});
	return ok;
}
