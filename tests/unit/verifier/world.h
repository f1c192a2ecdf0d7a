/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A verifier in this process, in a temporary directory, with a policy, operators and one software host, reached over real
 * TLS on loopback.
 *
 *	world_start(&w);			a verifier with workload, release and approvals
 *	world_enroll(&w, &host, token);		the host's way in
 *	world_attest(&w, …);			evidence made by the scene of the policy tests, sent and answered
 */
#ifndef ASSAY_TESTS_UNIT_VERIFIER_WORLD_H
#define ASSAY_TESTS_UNIT_VERIFIER_WORLD_H

#include <ftw.h>
#include <signal.h>
#include <sys/statvfs.h>

#include "base/file.h"
#include "tests/support/ek_ca.h"
#include "tests/support/test_sql.h"
#include "tests/unit/policy/scene.h"
#include "tests/unit/verifier/https.h"
#include "verifier/app.h"
#include "verifier/init.h"

#define WORLD_DOMAIN "bank.example"
#define WORLD_ROOM   (UINT64_C(256) << 20)

struct world_operator {
	struct cert *cert;
	struct key *key;
};
struct world {
	char dir[64];
	struct init_authority authority;
	struct cert *ca;
	struct ek_ca ek_ca;
	struct world_operator admin, ci, auditor;
	struct scene_keys keys;
	struct scene
		*scene; /* makes evidence, release and approvals; its key material is the host's */
	struct cert *ek_cert;
	struct key *host_key;
	struct cert *host_cert; /* once enrolled and active */
	uint8_t host_id[HOST_ID_LEN];
	char verifier_id[64];
	struct app *app;
	const struct sql_ops *sql; /* NULL: SQLite itself */
	const struct clock *clock; /* NULL: the machine's */
	struct random *random; /* NULL: the machine's */
	unsigned events_wait_ms; /* 0: as it is shipped */
	uint16_t port;
	const char *workload_class;
	const char *class_lines, *top_lines; /* of the first policy; NULL: the scene's */
	void (*prepare)(struct world *w); /* before the verifier opens; NULL: nothing */
	struct err err;
};

static inline int world_remove_one(
	const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

static inline struct bytes world_path(const struct world *w, const char *name, char out[128])
{
	(void)snprintf(out, 128, "%s/%s", w->dir, name);
	return bytes_str(out);
}

static inline struct cert *world_cert(
	struct world *w, const char *uri, const struct key *key, int64_t from, int64_t until)
{
	struct cert *cert = NULL;
	struct cert_request request = {.uri = uri,
		.subject = key,
		.not_before = from,
		.not_after = until,
		.client_auth = true};
	assert_ok(cert_issue(&request, w->authority.ca, w->authority.key, &cert, &w->err), w->err);
	return cert;
}

static inline void world_operator_make(
	struct world *w, const char *role, struct world_operator *ret)
{
	char uri[X509_URI_MAX];
	int64_t now = clock_wall(&clock_system);
	assert_ok(identity_operator_uri(WORLD_DOMAIN, role, "test", uri, &w->err), w->err);
	assert_ok(key_generate(KEY_EC_P256, &ret->key, &w->err), w->err);
	ret->cert = world_cert(w, uri, ret->key, now - 60, now + 3600);
}

static inline void world_put_cert_pem(struct buf *out, const struct cert *cert, int indent)
{
	struct buf pem = {0};
	struct err err = {0};
	assert_ok(cert_pem(cert, &pem, &err), err);
	buf_put_str(out, "|\n");
	for (const char *line = buf_str(&pem); line && *line;) {
		size_t n = strcspn(line, "\n");
		buf_printf(out, "%*s%.*s\n", indent, "", (int)n, line);
		line += n + (line[n] == '\n');
	}
	buf_release(&pem);
}

/* The scene's policy, with this world's TPM maker as a root. */
static inline void world_policy_write(struct world *w, int version, const char *extra)
{
	struct buf scene = {0}, text = {0};
	char path[128];
	scene_policy_text(
		&w->keys, w->class_lines ? w->class_lines : SCENE_CLASS_LINES, extra, &scene);
	const char *from = strstr(buf_str(&scene), "release_keys:");
	buf_printf(&text,
		"policy: 1\nversion: %d\ntrust_domain: " WORLD_DOMAIN
		"\nek_roots:\n  - name: maker\n    pem: ",
		version);
	world_put_cert_pem(&text, w->ek_ca.root, 6);
	buf_put_str(&text, "ek_intermediates:\n  - name: maker-2\n    pem: ");
	world_put_cert_pem(&text, w->ek_ca.intermediate, 6);
	buf_put_str(&text, from);
	(void)world_path(w, "policy.yaml", path);
	assert_ok(file_write_atomic(path, buf_bytes(&text), 0600, &w->err), w->err);
	buf_clear(&w->scene->policy_text);
	buf_put(&w->scene->policy_text, buf_bytes(&text));
	policy_free(&w->scene->policy);
	assert_ok(
		policy_parse(buf_bytes(&text), "policy.yaml", &w->scene->policy, &w->err), w->err);
	w->scene->context.policy = w->scene->policy;
	buf_release(&scene);
	buf_release(&text);
}

static inline void world_files(struct world *w)
{
	struct buf config = {0}, token = {0};
	char path[128];
	struct init_names names = {.trust_domain = WORLD_DOMAIN,
		.listen = "127.0.0.1:0",
		.now = clock_wall(&clock_system)};
	assert_ok(init_authority_make(w->dir, &names, &w->authority, &w->err), w->err);
	assert_ok(init_services_make(w->dir, "127.0.0.1", &names, &w->authority, &w->err), w->err);
	assert_ok(init_log_key_make(w->dir, &names, &w->err), w->err);
	assert_ok(init_content_key_make(w->dir, &w->err), w->err);
	init_config_text(&names, &config);
	buf_put_str(&config, "workers: 2\nthreads: 2\n");
	(void)world_path(w, "verifierd.yaml", path);
	assert_ok(file_write_atomic(path, buf_bytes(&config), 0600, &w->err), w->err);
	for (int i = 0; i < 32; i++)
		buf_put_str(&token, "5a");
	(void)world_path(w, "token.key", path);
	assert_ok(file_write_atomic(path, buf_bytes(&token), 0600, &w->err), w->err);
	buf_release(&config);
	buf_release(&token);
	w->ca = cert_ref(w->authority.ca);
}

/* Starts the service over what lies in the directory. */
static inline bool world_open(struct world *w)
{
	char path[128];
	struct config config = {0};
	struct app_options options = {
		.clock = w->clock ? w->clock : &clock_system,
		.random = w->random ? w->random : &random_system,
		.sql = w->sql ? w->sql : test_sql(),
		.log_fd = getenv("ASSAY_TEST_LOG") ? 2 : -1,
		.events_wait_ms = w->events_wait_ms,
	};
	(void)world_path(w, "verifierd.yaml", path);
	w->err = (struct err){0};
	bool ok = config_load(path, &config, &w->err) &&
		  app_open(&config, &options, &w->app, &w->err) && app_listen(w->app, &w->err);
	config_release(&config);
	if (ok)
		w->port = app_port(w->app);
	return ok;
}

/* ---- requests ---- */

static inline struct https_answer world_call(struct world *w, const struct world_operator *who,
	const char *method, const char *path, const char *type, struct bytes body)
{
	struct https c;
	struct https_answer answer = {0};
	if (https_open(&c, w->port, w->ca, who ? who->cert : NULL, who ? who->key : NULL))
		answer = https_request(&c, method, path, type, body);
	https_close(&c);
	return answer;
}

static inline json_t *world_json(struct world *w, const struct world_operator *who,
	const char *method, const char *path, const char *body, int wanted_status)
{
	struct https_answer a =
		world_call(w, who, method, path, body ? "application/json" : NULL, bytes_str(body));
	json_t *root = NULL;
	if (a.status != wanted_status)
		fail_msg("%s %s: %d, wanted %d: %s", method, path, a.status, wanted_status,
			buf_str(&a.body));
	assert_ok(json_open(buf_bytes(&a.body), JSON_INPUT_MAX, &root, &w->err), w->err);
	buf_release(&a.body);
	return root;
}

static inline void world_do(struct world *w, const struct world_operator *who, const char *method,
	const char *path, const char *body, int wanted_status)
{
	json_decref(world_json(w, who, method, path, body, wanted_status));
}

static inline void world_post(struct world *w, const struct world_operator *who, const char *path,
	const char *type, struct bytes body, int wanted_status)
{
	struct https_answer a = world_call(w, who, "POST", path, type, body);
	if (a.status != wanted_status)
		fail_msg("POST %s: %d, wanted %d: %s", path, a.status, wanted_status,
			buf_str(&a.body));
	buf_release(&a.body);
}

/* The newest ledger entry with that event; NULL: the newest entry. The test fails where there is none. */
static inline json_t *world_entry(struct world *w, const char *event)
{
	struct sql *sql = NULL;
	struct store_tree tree;
	json_t *entry = NULL;
	store_tree(w->app->store, &tree);
	assert_ok(store_read(w->app->store, &sql, &w->err), w->err);
	for (uint64_t i = tree.size; i-- > 0 && !entry;) {
		struct leaf_row row = {0};
		bool found = false;
		assert_ok(leaf_get(sql, i, &row, &found, &w->err), w->err);
		/* What was issued is CBOR. */
		if (row.content.len > 0 && row.content.data[0] == '{')
			assert_ok(
				json_open(buf_bytes(&row.content), 65536, &entry, &w->err), w->err);
		leaf_row_release(&row);
		const char *is = json_string_value(json_object_get(entry, "event"));
		if (entry && event && (!is || strcmp(is, event) != 0)) {
			json_decref(entry);
			entry = NULL;
		}
	}
	store_read_done(w->app->store, &sql);
	assert_non_null(entry);
	return entry;
}

/* ---- setting up ---- */

/* The scene's release and approvals, at the time of now, published. */
static inline void world_publish(struct world *w)
{
	struct scene *s = w->scene;
	int64_t now = clock_wall(&clock_system);
	for (size_t i = 0; i < SCENE_APPROVALS; i++) {
		s->approvals[i].approval.issued = now - 10;
		s->approvals[i].approval.expires = now + 86400;
		memcpy(s->approvals[i].approval.clause, s->policy->classes[0].clause, SHA256_LEN);
	}
	scene_release(s);
	scene_approve(s);
	world_do(w, &w->admin, "POST", "/v1/workloads",
		"{\"name\":\"ocr-agent\",\"risk_class\":\"low\",\"environment\":\"prod\",\"owner\":"
		"\"docs\",\"purpose\":"
		"\"reads\"}",
		201);
	world_post(w, &w->ci, "/v1/releases", MEDIA_DSSE, buf_bytes(&s->release_envelope), 201);
	for (size_t i = 0; i < s->context.approval_count; i++)
		world_post(w, &w->ci, "/v1/approvals", MEDIA_DSSE, s->approval_list[i], 201);
}

/* In memory where there is room: what a test then waits for is not the disk. */
static inline const char *world_place(void)
{
	struct statvfs at;
	bool room = access("/dev/shm", W_OK) == 0 && statvfs("/dev/shm", &at) == 0 &&
		    (uint64_t)at.f_bavail * at.f_frsize >= WORLD_ROOM;
	return room ? "/dev/shm" : "/tmp";
}

static inline void world_start(struct world *w)
{
	(void)snprintf(w->dir, sizeof(w->dir), "%s/assay-verifier-XXXXXX", world_place());
	assert_non_null(mkdtemp(w->dir));
	(void)snprintf(
		w->verifier_id, sizeof(w->verifier_id), "spiffe://%s/verifier", WORLD_DOMAIN);
	world_files(w);
	assert_ok(ek_ca_new(&w->ek_ca, &w->err), w->err);
	scene_keys_make(&w->keys);
	w->scene = scene_new(&w->keys);
	struct ek_ca_options ek = ek_ca_honest(w->keys.ek->key);
	assert_ok(ek_ca_issue(&w->ek_ca, &ek, &w->ek_cert, &w->err), w->err);
	assert_ok(key_generate(KEY_EC_P256, &w->host_key, &w->err), w->err);
	world_operator_make(w, "admin", &w->admin);
	world_operator_make(w, "ci", &w->ci);
	world_operator_make(w, "auditor", &w->auditor);
	world_policy_write(w, 1, w->top_lines ? w->top_lines : "");
	if (w->prepare)
		w->prepare(w);
	memcpy(w->host_id, w->scene->context.host.id, HOST_ID_LEN);
	w->scene->claims.verifier_id = bytes_str(w->verifier_id);
	if (!world_open(w))
		fail_msg("%s", w->err.text);
	world_publish(w);
	scene_log_default(w->scene);
}

static inline void world_stop(struct world *w)
{
	app_close(&w->app);
	if (w->scene)
		scene_free(w->scene);
	scene_keys_free(&w->keys);
	ek_ca_release(&w->ek_ca);
	cert_unref(&w->ek_cert);
	cert_unref(&w->host_cert);
	cert_unref(&w->ca);
	key_unref(&w->host_key);
	init_authority_release(&w->authority);
	struct world_operator *operators[] = {&w->admin, &w->ci, &w->auditor};
	for (size_t i = 0; i < ARRAY_LEN(operators); i++) {
		cert_unref(&operators[i]->cert);
		key_unref(&operators[i]->key);
	}
	if (w->dir[0])
		(void)nftw(w->dir, world_remove_one, 8, FTW_DEPTH | FTW_PHYS);
	memset(w, 0, sizeof(*w));
}

/* ---- enrolling ---- */

struct world_enrolment {
	const struct tpm_sw_key *ek, *ak;
	struct cert *ek_cert; /* NULL: none sent */
	struct bytes token;
	struct key *host_key;
	struct key *ak_signer; /* unused; the AK signs */
	bool wrong_secret, other_exporter;
	/* what came of it */
	int begin_status, finish_status;
	struct buf session, error;
	enum host_state state;
	struct cert *cert;
};

static inline struct world_enrolment world_enrolment_of(const struct world *w)
{
	return (struct world_enrolment){
		.ek = w->keys.ek, .ak = w->keys.ak, .ek_cert = w->ek_cert, .host_key = w->host_key};
}

static inline void world_enrolment_release(struct world_enrolment *e)
{
	buf_release(&e->session);
	buf_release(&e->error);
	cert_unref(&e->cert);
}

static inline char *world_token(struct world *w, const char *body)
{
	json_t *answer = world_json(w, &w->admin, "POST", "/v1/join-tokens", body, 201);
	char *token = strdup(json_string_value(json_object_get(answer, "token")));
	json_decref(answer);
	return token;
}

/* Enrolment evidence: a quote by the AK over the session as challenge. */
static inline void world_enroll_evidence(struct world *w, struct world_enrolment *e,
	const struct https *c, const struct enroll_offer *offer, struct buf *out)
{
	struct claims claims = w->scene->claims;
	struct evidence evidence = {.challenge = offer->session};
	struct buf claims_bytes = {0}, message = {0}, signature = {0}, possession = {0};
	struct tpml_pcr_selection selection;
	uint8_t nonce[SHA256_LEN];
	struct pcr_bank pcrs = w->scene->pcrs;
	claims.purpose = PURPOSE_ENROLL;
	claims.workload = (struct bytes){0};
	claims.verifier_id = offer->verifier_id;
	claims.key = key_spki(e->host_key);
	claims.key_protection = KEY_SOFTWARE;
	claims.runtime_next = claims.runtime_length = claims.runtime_first = 0;
	claims.audience_count = 0;
	claims.want_x509 = claims.running = false;
	memset(claims.release, 0, sizeof(claims.release));
	memset(claims.instance, 0, sizeof(claims.instance));
	memcpy(claims.host_id, offer->host_id, sizeof(claims.host_id));
	memcpy(claims.exporter, c->exporter, sizeof(claims.exporter));
	if (e->other_exporter)
		claims.exporter[0] ^= 1;
	assert_true(sha256_of((struct bytes){0}, claims.runtime_digest, NULL));
	assert_true(sha256_of(offer->session, claims.nonce, NULL));
	assert_ok(claims_encode(&claims, &claims_bytes, &w->err), w->err);
	assert_true(sha256_of(buf_bytes(&claims_bytes), nonce, NULL));
	assert_true(evidence_selection(DIGEST_SHA256, &selection, NULL));
	assert_ok(tpm_sw_quote(
			  e->ak, BYTES_OF(nonce), &selection, &pcrs, &message, &signature, &w->err),
		w->err);
	assert_ok(key_sign(e->host_key, SIGN_ECDSA, DIGEST_SHA256, buf_bytes(&claims_bytes),
			  &possession, &w->err),
		w->err);
	evidence.claims = buf_bytes(&claims_bytes);
	evidence.message = buf_bytes(&message);
	evidence.signature = buf_bytes(&signature);
	evidence.pcrs = pcrs;
	evidence.possession = buf_bytes(&possession);
	assert_ok(evidence_encode(&evidence, out, &w->err), w->err);
	buf_release(&claims_bytes);
	buf_release(&message);
	buf_release(&signature);
	buf_release(&possession);
}

static inline void world_enroll_begin_body(
	struct world *w, const struct world_enrolment *e, struct buf *out)
{
	struct enroll_begin begin = {
		.ek_public = buf_bytes(&e->ek->public_area),
		.ak_public = buf_bytes(&e->ak->public_area),
		.join_token = e->token,
		.name = BYTES_LIT("host-1"),
	};
	if (e->ek_cert)
		begin.ek_certs[begin.ek_cert_count++] = cert_der(e->ek_cert);
	assert_ok(enroll_begin_encode(&begin, out, &w->err), w->err);
}

static inline bool world_enroll_begin(struct world *w, struct world_enrolment *e, struct https *c,
	struct https_answer *answer, struct enroll_offer *offer)
{
	struct buf body = {0};
	world_enroll_begin_body(w, e, &body);
	*answer = https_request(c, "POST", "/v1/enroll/begin", MEDIA_MESSAGE, buf_bytes(&body));
	buf_release(&body);
	e->begin_status = answer->status;
	if (answer->status != 200) {
		buf_put(&e->error, buf_bytes(&answer->body));
		return false;
	}
	assert_ok(enroll_offer_decode(buf_bytes(&answer->body), offer, &w->err), w->err);
	buf_put(&e->session, offer->session);
	return true;
}

static inline void world_enroll_finish_body(struct world *w, struct world_enrolment *e,
	const struct https *c, const struct enroll_offer *offer, struct buf *out)
{
	struct buf secret = {0}, evidence = {0};
	assert_ok(tpm_sw_activate_credential(e->ek, &e->ak->name, offer->id_object,
			  offer->encrypted_secret, &secret, &w->err),
		w->err);
	if (e->wrong_secret)
		secret.data[0] ^= 1;
	world_enroll_evidence(w, e, c, offer, &evidence);
	struct enroll_finish finish = {.session = offer->session,
		.secret = buf_bytes(&secret),
		.evidence = buf_bytes(&evidence)};
	assert_ok(enroll_finish_encode(&finish, out, &w->err), w->err);
	buf_release(&secret);
	buf_release(&evidence);
}

static inline void world_enroll_finish(struct world *w, struct world_enrolment *e, struct https *c,
	const struct enroll_offer *offer)
{
	struct buf body = {0};
	struct enroll_result result;
	world_enroll_finish_body(w, e, c, offer, &body);
	struct https_answer answer =
		https_request(c, "POST", "/v1/enroll/finish", MEDIA_MESSAGE, buf_bytes(&body));
	e->finish_status = answer.status;
	if (answer.status == 200) {
		assert_ok(enroll_result_decode(buf_bytes(&answer.body), &result, &w->err), w->err);
		e->state = result.state;
		if (result.cert_count > 0)
			assert_ok(cert_from_der(result.certs[0], false, &e->cert, &w->err), w->err);
	} else {
		buf_clear(&e->error);
		buf_put(&e->error, buf_bytes(&answer.body));
	}
	buf_release(&answer.body);
	buf_release(&body);
}

static inline void world_enroll_run(struct world *w, struct world_enrolment *e)
{
	struct https c;
	struct https_answer answer = {0};
	struct enroll_offer offer;
	assert_true(https_open(&c, w->port, w->ca, NULL, NULL));
	if (world_enroll_begin(w, e, &c, &answer, &offer))
		world_enroll_finish(w, e, &c, &offer);
	buf_release(&answer.body);
	https_close(&c);
}

/* An honest enrolment with a join token; the world then has a host certificate. */
static inline void world_enroll(struct world *w)
{
	struct world_enrolment e = world_enrolment_of(w);
	char *token = world_token(w, "{}");
	e.token = bytes_str(token);
	world_enroll_run(w, &e);
	if (e.finish_status != 200 || e.state != HOST_ACTIVE)
		fail_msg(
			"enrolment: %d %d: %s", e.begin_status, e.finish_status, buf_str(&e.error));
	cert_unref(&w->host_cert);
	w->host_cert = cert_ref(e.cert);
	world_enrolment_release(&e);
	free(token);
}

/* ---- attesting ---- */

struct world_attestation {
	enum purpose purpose;
	struct buf challenge; /* given: used; otherwise asked for */
	uint64_t first;
	bool ima_wanted; /* as the challenge route said */
	uint64_t ima_first;
	/* what came of it */
	int status;
	struct buf answer;
	struct attest_result result; /* borrows from answer */
};

static inline void world_attestation_release(struct world_attestation *a)
{
	buf_release(&a->challenge);
	buf_release(&a->answer);
}

static inline bool world_connect(struct world *w, struct https *c)
{
	return https_open(c, w->port, w->ca, w->host_cert, w->host_key);
}

static inline void world_challenge(struct world *w, struct https *c, struct world_attestation *a)
{
	struct challenge_request request = {.purpose = a->purpose};
	struct challenge_offer offer;
	struct buf body = {0};
	memcpy(request.instance, w->scene->instance, sizeof(request.instance));
	assert_ok(challenge_request_encode(&request, &body, &w->err), w->err);
	struct https_answer answer =
		https_request(c, "POST", "/v1/challenge", MEDIA_MESSAGE, buf_bytes(&body));
	if (answer.status != 200)
		fail_msg("challenge: %d: %s", answer.status, buf_str(&answer.body));
	assert_ok(challenge_offer_decode(buf_bytes(&answer.body), &offer, &w->err), w->err);
	buf_clear(&a->challenge);
	buf_put(&a->challenge, offer.challenge);
	a->first = offer.runtime_first;
	a->ima_wanted = offer.ima_wanted;
	a->ima_first = offer.ima_first;
	buf_release(&answer.body);
	buf_release(&body);
}

static struct bytes world_token_sent;
static inline void world_edit_evidence(struct scene *s, struct evidence *e)
{
	(void)s;
	e->challenge = world_token_sent;
}

/* The scene's evidence for this challenge on this connection. */
static inline void world_evidence(
	struct world *w, const struct https *c, const struct world_attestation *a)
{
	struct scene *s = w->scene;
	s->claims.purpose = a->purpose;
	s->claims.running = a->purpose == PURPOSE_RENEW;
	s->claims.runtime_first = a->first;
	assert_true(sha256_of(buf_bytes(&a->challenge), s->claims.nonce, NULL));
	memcpy(s->claims.exporter, c->exporter, sizeof(s->claims.exporter));
	world_token_sent = buf_bytes(&a->challenge);
	s->edit_evidence = s->edit_evidence ? s->edit_evidence : world_edit_evidence;
	scene_attest(s);
}

static inline void world_send_evidence(
	struct world *w, struct https *c, struct world_attestation *a, struct bytes evidence)
{
	struct https_answer answer =
		https_request(c, "POST", "/v1/attest", MEDIA_EVIDENCE, evidence);
	a->status = answer.status;
	buf_clear(&a->answer);
	buf_put(&a->answer, buf_bytes(&answer.body));
	buf_release(&answer.body);
	if (a->status == 200)
		assert_ok(attest_result_decode(buf_bytes(&a->answer), &a->result, &w->err), w->err);
}

static inline void world_attest(struct world *w, struct https *c, struct world_attestation *a)
{
	if (a->challenge.len == 0)
		world_challenge(w, c, a);
	world_evidence(w, c, a);
	world_send_evidence(w, c, a, buf_bytes(&w->scene->evidence));
}

/* "untrusted: challenge-used" */
static inline const char *world_outcome(const struct world_attestation *a, char out[160])
{
	json_t *verdict = NULL;
	if (a->status != 200) {
		(void)snprintf(out, 160, "status %d: %.100s", a->status,
			a->answer.data ? (const char *)a->answer.data : "");
		return out;
	}
	assert_true(json_open(a->result.verdict, JSON_INPUT_MAX, &verdict, NULL));
	const char *reason = json_string_value(
		json_object_get(json_array_get(json_object_get(verdict, "reasons"), 0), "code"));
	(void)snprintf(out, 160, "%s%s%s", json_string_value(json_object_get(verdict, "outcome")),
		reason ? ": " : "", reason ? reason : "");
	json_decref(verdict);
	return out;
}

#define assert_outcome(attestation, wanted)                                                        \
	do {                                                                                       \
		char outcome_[160];                                                                \
		assert_string_equal(world_outcome((attestation), outcome_), wanted);               \
	} while (0)

/* Launch, and a renewal ready to be made: the scene's log holds nothing new. */
static inline void world_launch(struct world *w, struct https *c, struct world_attestation *a)
{
	*a = (struct world_attestation){.purpose = PURPOSE_LAUNCH};
	world_attest(w, c, a);
	assert_outcome(a, "trusted");
}

/* Takes the next challenge out of an answer. */
static inline void world_next(
	struct world *w, struct world_attestation *from, struct world_attestation *next)
{
	*next = (struct world_attestation){
		.purpose = PURPOSE_RENEW, .first = from->result.next.runtime_first};
	buf_put(&next->challenge, from->result.next.challenge);
	buf_clear(&w->scene->log);
	w->scene->claims.runtime_first = next->first;
	w->scene->attest.clock += 10;
}

#endif
