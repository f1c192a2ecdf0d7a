/* SPDX-License-Identifier: Apache-2.0 */
/* The second half of enrolment: the proof, the register's rules, the host's certificate. */
#include "verifier/enroll.h"

#include "base/text.h"
#include "verifier/attributes.h"

#include <stdlib.h>

#define HOSTS_WAITING_MAX 4096

struct finish {
	struct call *call;
	struct app *app;
	struct enroll_finish message;
	struct policy_ref *policy;
	int64_t now;
	uint8_t session_id[SHA256_LEN];
	bool session_found;
	struct session_row session;
	struct claims claims;
	struct host_row host; /* as it shall be */
	struct issued certificate;
	uint8_t key[SHA256_LEN];
	/* what the register said */
	enum host_state state;
	bool known, invited;
	bool conflict; /* keep the event even though the enrolment is refused */
};

static void finish_release(struct finish *f)
{
	policy_ref_drop(&f->policy);
	session_row_release(&f->session);
	host_row_release(&f->host);
	issued_release(&f->certificate);
}

/* ---- the proof ---- */

static bool burn_work(struct store_tx *tx, void *arg, struct err *err)
{
	struct finish *f = arg;
	return session_burn(tx->sql, f->session_id, f->now, &f->session, &f->session_found, err);
}

/* One text for every way in which it can fail: which one it was is nobody's business. */
static bool not_proven(struct finish *f, struct err *err)
{
	f->call->code = "activation";
	f->call->hint = "begin the enrolment again";
	return err_set(err, ERR_DENIED, "enrolment refused: the activation proof does not hold");
}

static bool prove_secret(struct finish *f, struct err *err)
{
	uint8_t given[SHA256_LEN];
	static const struct session_row none;
	if (!sha256_of(f->message.session, f->session_id, err) ||
		!store_run(f->app->store, burn_work, f, err) ||
		!sha256_of(f->message.secret, given, err))
		return false;
	const struct session_row *row = f->session_found ? &f->session : &none;
	bool same = secret_equal(BYTES_OF(given), BYTES_OF(row->secret));
	return same && f->session_found ? true : not_proven(f, err);
}

static void fill_context(const struct finish *f, struct policy_context *c)
{
	const struct session_row *s = &f->session;
	*c = (struct policy_context){
		.now = f->now,
		.verifier_id = bytes_str(f->app->config.verifier_id),
		.policy = f->policy->policy,
		.host = {.state = HOST_PENDING,
			.epoch = 1,
			.ek_public = buf_bytes(&s->ek_public),
			.ak_public = buf_bytes(&s->ak_public),
			.ek_certs = buf_bytes(&s->ek_certs),
			.enrolled = f->now},
		.challenge = {.purpose = PURPOSE_ENROLL,
			.issued = s->issued,
			.expires = s->expires},
	};
	memcpy(c->host.id, f->host.id, sizeof(c->host.id));
	memcpy(c->challenge.host_id, f->host.id, sizeof(c->challenge.host_id));
	memcpy(c->challenge.nonce, f->session_id, sizeof(c->challenge.nonce));
	memcpy(c->exporter, http_exporter(f->call->exchange), sizeof(c->exporter));
}

static bool prove_evidence(struct finish *f, struct err *err)
{
	OWNED(free_ptr) struct verdict *verdict = calloc(1, sizeof(*verdict));
	struct policy_context context;
	struct evidence evidence;
	if (!verdict)
		return err_set(err, ERR_NOMEM, "enrolment");
	fill_context(f, &context);
	if (!policy_appraise_enrolment(f->message.evidence, &context, verdict, err))
		return false;
	if (!verdict->trusted)
		return enroll_refused(verdict, err);
	return evidence_decode(f->message.evidence, &evidence, err) &&
	       claims_decode(evidence.claims, &f->claims, err) &&
	       sha256_of(f->claims.key, f->key, err);
}

/* ---- the row ---- */

struct ek_certs {
	struct cert *list[EK_CERTS_MAX];
	struct bytes views[EK_CERTS_MAX];
	size_t count;
};

static void ek_certs_release(struct ek_certs *certs)
{
	for (size_t i = 0; i < certs->count; i++)
		cert_unref(&certs->list[i]);
}

/* The keys and certificates of the session, judged by the policy of now: it may be another one than
 * at the beginning. */
static bool judge_ek(struct finish *f, struct err *err)
{
	OWNED(ek_certs_release) struct ek_certs certs = {0};
	char text[64];
	struct session_row *s = &f->session;
	if (s->ek_certs.len > 0 && !certs_from_bytes(buf_bytes(&s->ek_certs), EK_CERTS_MAX,
					   certs.list, &certs.count, err))
		return err_wrap(err, "EK certificates");
	for (size_t i = 0; i < certs.count; i++)
		certs.views[i] = cert_der(certs.list[i]);
	if (!enroll_judge_ek(buf_bytes(&s->ek_public), certs.views, certs.count,
		    buf_bytes(&s->ak_public), f->policy->policy, f->now, err))
		return false;
	if (certs.count == 0)
		return true;
	if (cert_san_directory_attribute(certs.list[0], "2.23.133.2.1", text, sizeof(text)))
		(void)text_escape(
			bytes_str(text), f->host.manufacturer, sizeof(f->host.manufacturer));
	return cert_digest(certs.list[0], f->host.ek_leaf, err);
}

static bool fill_host(struct finish *f, struct err *err)
{
	struct host_row *h = &f->host;
	struct tpmt_public ek, ak;
	struct tpm_name name;
	const char *why = NULL;
	if (!tpmt_public_parse(buf_bytes(&f->session.ek_public), &ek, err) ||
		!tpmt_public_parse(buf_bytes(&f->session.ak_public), &ak, err) ||
		!enroll_host_id(&ek, h->id, err) || !tpm_name_of(&ak, &name, err) ||
		!sha256_of(tpm_name_bytes(&name), h->ak_name, err))
		return false;
	const struct ek_template_info *info = ek_template_info(ek_template_of(&ek, &why));
	(void)snprintf(
		h->ek_template, sizeof(h->ek_template), "%s", info && info->name ? info->name : "");
	buf_put(&h->ek_public, buf_bytes(&f->session.ek_public));
	buf_put(&h->ak_public, buf_bytes(&f->session.ak_public));
	buf_put(&h->ek_certs, buf_bytes(&f->session.ek_certs));
	memcpy(h->name, f->session.name, sizeof(h->name));
	h->enrolled = f->now;
	h->epoch = 1;
	return judge_ek(f, err) && buf_ok(&h->ek_public, err) && buf_ok(&h->ak_public, err) &&
	       buf_ok(&h->ek_certs, err);
}

/* ---- the register's rules, inside the transaction ---- */

static bool entry(struct finish *f, struct store_tx *tx, const char *event, struct err *err)
{
	char host[2 * HOST_ID_LEN + 1], ak[2 * SHA256_LEN + 1];
	hex_encode(BYTES_OF(f->host.id), host);
	hex_encode(BYTES_OF(f->host.ak_name), ak);
	return entry_append(f->app, tx, LEAF_ENROLMENT, f->now,
		json_pack("{s:s, s:s, s:s, s:s, s:s, s:b}", "event", event, "host", host, "ak_name",
			ak, "state", host_state_name(f->state), "ek_template", f->host.ek_template,
			"ek_certificate", f->host.ek_certs.len > 0),
		err);
}

/* with: the state of the host that it would be. Of one that nobody vouched for the service's log alone tells: it may be
 * whoever tries again, without end. */
static bool refuse_conflict(
	struct finish *f, struct store_tx *tx, enum host_state with, struct err *err)
{
	f->conflict = true;
	return with == HOST_PENDING || entry(f, tx, "enrolment-conflict", err);
}

static bool put_certificate(struct finish *f, struct store_tx *tx, struct err *err)
{
	struct credential_row row = {
		.kind = CREDENTIAL_HOST, .issued = f->now, .not_after = f->certificate.not_after};
	memcpy(row.serial, f->certificate.serial, sizeof(row.serial));
	memcpy(row.host, f->host.id, sizeof(row.host));
	memcpy(row.spki, f->key, sizeof(row.spki));
	return credential_insert(tx->sql, &row, err);
}

/* A join token, or its pre-registration, makes a certified TPM a member; one without a certificate
 * waits all the same. A token that was good at the beginning and has gone since is refused, not
 * passed over. */
static bool admit(struct finish *f, struct store_tx *tx, bool *ret_admitted, struct err *err)
{
	static const uint8_t none[SHA256_LEN];
	bool given = memcmp(f->session.token, none, sizeof(none)) != 0, used = false;
	const uint8_t *token = given ? f->session.token : NULL;
	if (!attributes_of_token(f->app, tx, token, f->host.id, f->now, err) ||
		!join_token_use(tx->sql, token, f->host.id, f->now, &used, err))
		return false;
	if (given && !used) {
		bool own = false;
		if (!join_token_check(tx->sql, f->session.token, f->host.id, f->now, &own, err))
			return false;
		f->call->code = own ? NULL : "join-token";
		if (!own)
			return err_set(err, ERR_DENIED,
				"the join token is unknown, used, expired or for another host");
	}
	f->invited = given || used;
	*ret_admitted = used && f->host.ek_certs.len > 0;
	return true;
}

/* A row of a host is kept for ever, and its entry in the ledger: anybody could make as many as he has keys. */
static bool may_wait(const struct finish *f, struct sql *sql, struct err *err)
{
	int64_t waiting = 0;
	if (f->invited)
		return true;
	if (!hosts_waiting(sql, &waiting, err))
		return false;
	return waiting < HOSTS_WAITING_MAX ||
	       err_set(err, ERR_BUSY,
		       "%lld hosts wait for an operator: no other one may that nobody invited",
		       (long long)waiting);
}

static bool enroll_new(struct finish *f, struct store_tx *tx, struct err *err)
{
	bool admitted = false, taken = false;
	uint8_t other[HOST_ID_LEN];
	enum host_state with = HOST_NONE;
	if (!host_of_ak(tx->sql, f->host.ak_name, other, &taken, err) ||
		(taken && !host_gate(tx->sql, other, &with, err)))
		return false;
	if (taken)
		return refuse_conflict(f, tx, with, err);
	if (!admit(f, tx, &admitted, err) || (!admitted && !may_wait(f, tx->sql, err)))
		return false;
	f->state = f->host.state = admitted ? HOST_ACTIVE : HOST_PENDING;
	if (!host_insert(tx->sql, &f->host, err) || !entry(f, tx, "enrolment", err))
		return false;
	if (f->host.ek_certs.len > 0) {
		uint8_t digest[SHA256_LEN];
		if (!sha256_of(buf_bytes(&f->host.ek_certs), digest, err) ||
			!object_put(tx->sql, digest, buf_bytes(&f->host.ek_certs), err))
			return false;
	}
	return f->state != HOST_ACTIVE || put_certificate(f, tx, err);
}

/* The same TPM again: its row is never touched, and nothing about it may differ. What it may get is
 * a new certificate, or, while it waits, be admitted by a token. */
static bool enroll_again(
	struct finish *f, struct store_tx *tx, const struct host_row *row, struct err *err)
{
	bool admitted = false;
	f->known = true;
	f->state = row->state;
	if (memcmp(row->ak_name, f->host.ak_name, sizeof(row->ak_name)) != 0 ||
		memcmp(row->ek_leaf, f->host.ek_leaf, sizeof(row->ek_leaf)) != 0 ||
		!bytes_equal(buf_bytes(&row->ek_public), buf_bytes(&f->host.ek_public)))
		return refuse_conflict(f, tx, row->state, err);
	if (row->state != HOST_PENDING && row->state != HOST_ACTIVE)
		return err_set(err, ERR_DENIED, "this host is %s", host_state_name(row->state));
	if (row->state == HOST_PENDING) {
		if (!admit(f, tx, &admitted, err))
			return false;
		if (!admitted)
			return true;
		f->state = HOST_ACTIVE;
		if (!host_set_state(tx->sql, row->id, row->version, HOST_ACTIVE, err) ||
			!entry(f, tx, "enrolment-admitted", err))
			return false;
	}
	return put_certificate(f, tx, err);
}

static bool register_work(struct store_tx *tx, void *arg, struct err *err)
{
	struct finish *f = arg;
	OWNED(host_row_release) struct host_row row = {0};
	bool found = false;
	if (memcmp(tx->policy, f->policy->policy->digest, SHA256_LEN) != 0)
		return err_set(err, ERR_CONFLICT, "the policy was changed meanwhile");
	if (!host_get(tx->sql, f->host.id, &row, &found, err))
		return false;
	return found ? enroll_again(f, tx, &row, err) : enroll_new(f, tx, err);
}

/* ---- together ---- */

static bool make_certificate(struct finish *f, struct err *err)
{
	struct issue issue = {
		.spki = f->claims.key,
		.now = f->now,
		.lifetime = f->app->config.host_certificate_lifetime,
	};
	return identity_host_uri(f->app->config.trust_domain, f->host.id, issue.uri, err) &&
	       issue_x509(&f->app->issuer, &issue, &f->certificate, err);
}

static bool answer(struct finish *f, struct err *err)
{
	struct enroll_result result = {.state = f->state};
	struct bytes chain[X509_CHAIN_MAX];
	memcpy(result.host_id, f->host.id, sizeof(result.host_id));
	if (f->state == HOST_ACTIVE) {
		size_t n = issuer_chain(&f->app->issuer, chain);
		result.certs[result.cert_count++] = buf_bytes(&f->certificate.bytes);
		for (size_t i = 0; i < n && result.cert_count < CREDENTIAL_CERTS_MAX; i++)
			result.certs[result.cert_count++] = chain[i];
	}
	f->call->status = 200;
	f->call->type = MEDIA_MESSAGE;
	return enroll_result_encode(&result, &f->call->reply, err);
}

static bool finish_run(struct finish *f, struct err *err)
{
	if (!enroll_finish_decode(http_body(f->call->exchange), &f->message, err) ||
		!prove_secret(f, err) || !fill_host(f, err) || !prove_evidence(f, err) ||
		!make_certificate(f, err) || !store_run(f->app->store, register_work, f, err))
		return false;
	if (f->conflict) {
		f->call->code = "identity-conflict";
		f->call->hint = "an identity is never written over; retire the old host, or have "
				"an operator look into it";
		return err_set(err, ERR_CONFLICT,
			"enrolment refused: this endorsement or attestation key is enrolled with "
			"another partner or certificate");
	}
	return answer(f, err);
}

bool serve_enroll_finish(struct call *call, struct err *err)
{
	OWNED(finish_release)
	struct finish f = {.call = call, .app = call->app, .now = clock_wall(call->app->clock)};
	char host[2 * HOST_ID_LEN + 1];
	f.policy = app_policy(call->app);
	bool ok = ledger_log_fresh(&call->app->ledger_log, f.now, err) && finish_run(&f, err);
	hex_encode(BYTES_OF(f.host.id), host);
	metric_add(call->app->metrics, METRIC_ENROLMENTS,
		ok ? METRIC_ENROLLED : METRIC_ENROLMENT_REFUSED, 1);
	log_event(&call->app->log, ok ? LOG_LEVEL_INFO : LOG_LEVEL_WARNING,
		ok ? "enrolled" : "enrolment-refused",
		{"request", bytes_str(http_request_id(call->exchange))}, {"host", bytes_str(host)},
		{"from", bytes_str(http_peer_address(call->exchange))},
		{"state", bytes_str(host_state_name(f.state))}, {"name", bytes_str(f.session.name)},
		{"error", bytes_str(ok ? "" : err->text)});
	return ok;
}
