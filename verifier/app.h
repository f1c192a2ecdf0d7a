/* SPDX-License-Identifier: Apache-2.0 */
/* The service: what all handlers share, how requests reach them and how they answer. Private to
 * verifier/. */
#ifndef ASSAY_VERIFIER_APP_H
#define ASSAY_VERIFIER_APP_H

#include "base/json.h"
#include "verifier/config.h"
#include "verifier/http.h"
#include "verifier/identity.h"
#include "verifier/issuer.h"
#include "verifier/ledger_log.h"
#include "verifier/log_quote.h"
#include "verifier/log_publish.h"
#include "verifier/metrics.h"
#include "verifier/receipts.h"
#include "verifier/rows.h"
#include "verifier/token.h"
#include "verifier/workers.h"

#include <pthread.h>
#include <stdatomic.h>

/* ---- the policy in force: parsed once, shared by whoever is deciding ---- */

struct policy_ref {
	atomic_uint count;
	struct policy *policy;
	struct buf text;
	struct buf signature; /* the envelope beside it; empty: need not be signed */
	struct buf signers; /* whose keys counted then (policy_signers_encode); empty likewise */
	uint8_t signature_digest[SHA256_LEN], signers_digest[SHA256_LEN]; /* zeros likewise */
	uint64_t signed_by; /* bit i: config.policy_signers.keys[i] */
	size_t reference_count; /* what it names by digest, attached; kept for the store */
	struct buf references[HOST_CLASSES_MAX * HOST_REFERENCES_MAX];
};
void policy_ref_drop(struct policy_ref **ref); /* cleanup; NULL is fine */

struct revocation;
struct leases;
struct events;
struct webhooks;
struct reload;

struct app {
	struct config config;
	const struct clock *clock;
	struct random *random;
	struct log log;
	struct key *content_key; /* wraps; once the store is open it is asked to open nothing */
	struct store *store;
	struct workers *workers;
	struct decide_commons *commons; /* what decisions of one release share */
	struct token_key token_key;
	struct issuer issuer;
	struct ledger_log ledger_log;
	struct receipt_signer receipts;
	struct log_publisher *publisher; /* NULL: no log_directory */
	pthread_mutex_t
		policy_change; /* held by whoever changes which policy is in force or staged */
	pthread_mutex_t policy_lock; /* of the pointers below */
	struct policy_ref *policy;
	struct policy_ref *staged; /* NULL: none, or none that can be read */
	int64_t staged_seq; /* its row */
	uint8_t policy_refused[SHA256_LEN]; /* another verifier's, said to be unreadable here */
	struct retention *retention; /* destroys what is past its time */
	struct events *events; /* answers those who wait for them */
	unsigned events_wait_ms; /* how long they do */
	struct webhooks *webhooks; /* sends them to subscribers */
	struct reload *reload; /* reads again what needs the store */
	struct leases *leases; /* writes down which have ended */
	struct revocation *revocation; /* what is published of revoked credentials */
	struct shadow *shadow; /* judges stored decisions by other policies */
	SSL_CTX *tls;
	struct app_metrics *counted; /* app_metrics.c */
	struct metrics *metrics; /* its counters */
	struct metrics_server *metrics_server; /* NULL: no metrics_listen */
	const int *sockets; /* app_options */
	size_t socket_count;
	int metrics_socket;
	struct http_server *server;
	atomic_bool draining; /* not ready any more, by order */
	struct http_route *routes; /* the table, in the front's words */
};

struct app_options {
	const struct clock *clock;
	struct random *random;
	const struct sql_ops *sql; /* NULL: whose the configured location is */
	int log_fd;
	/* Everything is read and judged but the database, which is left alone: an older program may
	 * be at work on it. Nothing can be served then. */
	bool check;
	/* Listening sockets that were handed over, instead of the configured address; borrowed until app_close. */
	const int *sockets;
	size_t socket_count;
	int metrics_socket; /* likewise, for metrics; 0: none */
	unsigned events_wait_ms; /* 0: EVENTS_WAIT_MS */
};
/* Everything but the listening: keys, store, policy, workers. The configuration is handed over. */
must_use bool app_open(struct config *config, const struct app_options *options, struct app **ret,
	struct err *err);
must_use bool app_listen(struct app *app, struct err *err);
uint16_t app_port(const struct app *app);
/* app_reload.c: log level, TLS certificate, key and client CAs are read again from the file at `path`, at once; policy and webhooks,
 * which need the store, by a thread of its own, once the store answers. Each part that cannot be used is logged and stays as it was.
 * told (NULL: nobody) is called when all is done, from any thread; all: every part was taken. It is not called when another reload
 * is asked for before that, or the service ends. */
typedef void (*reload_told)(void *arg, bool all);
void app_reload(struct app *app, const char *path, reload_told told, void *arg);
must_use bool reload_start(struct app *app, struct reload **ret, struct err *err);
/* What waits for the store is given up. */
void reload_stop(struct reload **reload);
/* The TLS context of a configuration: certificate, key, and the CAs of clients. */
must_use bool app_tls_load(const struct config *config, SSL_CTX **ret, struct err *err);
/* From now on not ready; last: nothing new is accepted either. */
void app_drain(struct app *app, bool last);
/* Requests begun and not answered. */
unsigned app_busy(const struct app *app);

/* Stops listening, finishes what is under way, closes the store. */
void app_close(struct app **app);

/* app_policy.c: reads the policy file and puts it in force, with a leaf when it is another one than
 * before; where an operator has activated a later version since (app_policy.h), that one. With policy_keys configured only a policy that enough of them signed, in FILE.sig beside
 * it. A version below the one in force is refused, as is another policy under the same version:
 * a rollback is old content under a new number. */
must_use bool app_policy_load(struct app *app, struct err *err);
/* Reads and judges the file alone. */
must_use bool app_policy_check(struct app *app, struct err *err);
struct policy_ref *app_policy(struct app *app);
/* The same, held against what a reader's snapshot says is in force. */
struct policy_ref *app_policy_of(struct app *app, struct sql *sql);

/* ---- ledger entries (ledger_entry.c) ---- */

/* Fills a leaf over content: salt, bytes, hash; not yet appended. keep: the content is stored
 * beside the leaf. */
must_use bool entry_make(struct app *app, enum leaf_type type, int64_t time, struct bytes content,
	bool keep, struct leaf_row *ret, struct err *err);
/* A state change, as canonical JSON with a salt for each field (ledger/fields.h), appended in a job. Takes the reference to `content`; NULL is
 * ERR_NOMEM. */
must_use bool entry_append(struct app *app, struct store_tx *tx, enum leaf_type type, int64_t time,
	json_t *content, struct err *err);

/* The same, and the leaf's hash. */
must_use bool entry_append_leaf(struct app *app, struct store_tx *tx, enum leaf_type type,
	int64_t time, json_t *content, uint8_t ret_hash[SHA256_LEN], struct err *err);

/* ---- who may (auth.c) ---- */

/* 0, or the HTTP status to answer. ret may be NULL. */
int auth_check(struct app *app, const struct cert *cert, unsigned roles, struct identity *ret);
int auth_authorize(const struct http_exchange *exchange, const struct http_route *route, void *app);

/* ---- requests (call.c) ---- */

struct call;
struct route {
	enum http_method method;
	const char *pattern;
	unsigned roles; /* 0: anyone */
	size_t body_max;
	const char *content_type;
	/* On a worker. Fills the answer, or says in err why there is none. */
	bool (*serve)(struct call *call, struct err *err);
	/* Having returned true, serve has handed the call to whoever ends it, with call_answer or
	 * call_refuse. */
	bool later;
	/* Served on the connection's own loop, without waiting for anybody: it must not block. */
	bool at_once;
};
struct call {
	struct work work;
	struct app *app;
	struct http_exchange *exchange;
	const struct route *route;
	struct identity who;
	/* the answer */
	int status;
	const char *type;
	struct buf reply;
	struct http_shared *shared; /* instead of reply; NULL: none */
	const char *hint; /* static text that goes with an error */
	const char *code; /* static: instead of the error's own code */
	void *data; /* whose answer comes later */
};
/* The front's handler of every route. */
void call_begin(struct http_exchange *exchange, void *app);
/* Both end the call and free it; from any thread. */
void call_answer(struct call *call);
void call_refuse(struct call *call, const struct err *err);

/* Takes the reference; NULL is ERR_NOMEM. */
must_use bool call_json(struct call *call, int status, json_t *value, struct err *err);
must_use bool call_bytes(
	struct call *call, int status, const char *type, struct bytes body, struct err *err);
must_use bool call_body_json(struct call *call, json_t **ret, struct err *err);
/* The i-th part of the path as a digest; ERR_NOT_FOUND when it is none. */
must_use bool call_param_digest(
	struct call *call, size_t i, uint8_t out[SHA256_LEN], struct err *err);
/* {"reason": …} of a state change: required, 1..256 bytes of text. Appended with a NUL. */
must_use bool call_reason(struct call *call, struct buf *ret, struct err *err);
must_use bool call_read(struct call *call, struct sql **ret, struct err *err);
/* One line: who did what to what. */
void call_log(struct call *call, const char *event, struct bytes subject, struct bytes reason);
const char *time_json(int64_t seconds, char out[TIME_TEXT_MAX]); /* "" for 0 */

/* ---- routes.c ---- */

extern const struct route app_routes[];
size_t app_route_count(void);

/* api_*.c, enroll.c, decide.c: what the table names. */
bool serve_health(struct call *call, struct err *err);
bool serve_ready(struct call *call, struct err *err);
bool serve_bundle(struct call *call, struct err *err);
bool serve_jwks(struct call *call, struct err *err);
bool serve_whoami(struct call *call, struct err *err);
bool serve_policy(struct call *call, struct err *err);
bool serve_checkpoint(struct call *call, struct err *err);
bool serve_checkpoint_latest(struct call *call, struct err *err);
bool serve_cosigned(struct call *call, struct err *err);
bool serve_log_quoted(struct call *call, struct err *err);
bool serve_log_quote(struct call *call, struct err *err);
bool serve_tile(struct call *call, struct err *err);
bool serve_log_receipt(struct call *call, struct err *err);
bool serve_log_proof(struct call *call, struct err *err);
bool serve_log_consistency(struct call *call, struct err *err);
bool serve_receipt_key(struct call *call, struct err *err);
bool serve_policies(struct call *call, struct err *err);
bool serve_policy_text(struct call *call, struct err *err);
bool serve_policy_signature(struct call *call, struct err *err);
bool serve_policy_differences(struct call *call, struct err *err);
bool serve_policy_stage(struct call *call, struct err *err);
bool serve_policy_activate(struct call *call, struct err *err);
bool serve_policy_withdraw(struct call *call, struct err *err);
bool serve_shadow_start(struct call *call, struct err *err);
bool serve_shadow(struct call *call, struct err *err);
bool serve_shadow_end(struct call *call, struct err *err);
bool serve_enroll_begin(struct call *call, struct err *err);
bool serve_enroll_finish(struct call *call, struct err *err);
bool serve_challenge(struct call *call, struct err *err);
bool serve_attest(struct call *call, struct err *err);
bool serve_join_token(struct call *call, struct err *err);
bool serve_hosts(struct call *call, struct err *err);
bool serve_host(struct call *call, struct err *err);
bool serve_host_confirm(struct call *call, struct err *err);
bool serve_host_quarantine(struct call *call, struct err *err);
bool serve_host_retire(struct call *call, struct err *err);
bool serve_host_attributes(struct call *call, struct err *err);
bool serve_admission(struct call *call, struct err *err);
/* api_releases.c: whether a release would be trusted now in its workload's environment: signed,
 * approved, not revoked, its workload active and reviewed, not below a floor. why: the first
 * thing against it. rollback: the version floor is to go down to it, and is not asked. grounds: what
 * it was judged by; may be NULL. */
#define RELEASE_WHY_MAX 512u
struct release_grounds {
	uint8_t release[SHA256_LEN], policy[SHA256_LEN];
	char workload[ROW_NAME_MAX];
	int64_t release_version, workload_version;
};
must_use bool release_stands(struct call *call, const uint8_t digest[SHA256_LEN], bool rollback,
	bool *ret_stands, char why[RELEASE_WHY_MAX], struct release_grounds *ret_grounds,
	struct err *err);
/* Inside a job: ERR_CONFLICT when policy, workload or release are no longer those it was judged by. */
must_use bool release_grounds_hold(
	struct store_tx *tx, const struct release_grounds *grounds, struct err *err);
bool serve_webhooks(struct call *call, struct err *err);
bool serve_webhook(struct call *call, struct err *err);
bool serve_webhook_retry(struct call *call, struct err *err);
bool serve_webhook_test(struct call *call, struct err *err);
bool serve_workload_add(struct call *call, struct err *err);
bool serve_workloads(struct call *call, struct err *err);
bool serve_workload(struct call *call, struct err *err);
bool serve_workload_review(struct call *call, struct err *err);
bool serve_workload_retire(struct call *call, struct err *err);
#define ROLLBACK_MAX (512u << 10) /* bytes of a rollback's body: approvals, mostly */
bool serve_rollback(struct call *call, struct err *err);
bool serve_security_floor(struct call *call, struct err *err);
bool serve_security_floor_get(struct call *call, struct err *err);
bool serve_release_publish(struct call *call, struct err *err);
bool serve_releases(struct call *call, struct err *err);
bool serve_release(struct call *call, struct err *err);
bool serve_release_revoke(struct call *call, struct err *err);
bool serve_release_gate(struct call *call, struct err *err);
bool serve_elevation_ask(struct call *call, struct err *err);
bool serve_elevations(struct call *call, struct err *err);
bool serve_elevation(struct call *call, struct err *err);
bool serve_elevation_word(struct call *call, struct err *err);
bool serve_elevation_revoke(struct call *call, struct err *err);
bool serve_rollout_start(struct call *call, struct err *err);
bool serve_rollouts(struct call *call, struct err *err);
bool serve_rollout(struct call *call, struct err *err);
bool serve_rollout_promote(struct call *call, struct err *err);
bool serve_rollout_halt(struct call *call, struct err *err);
bool serve_rollout_rollback(struct call *call, struct err *err);
bool serve_statement(struct call *call, struct err *err);
bool serve_approval(struct call *call, struct err *err);
bool serve_records(struct call *call, struct err *err);
bool serve_record(struct call *call, struct err *err);
bool serve_record_bundle(struct call *call, struct err *err);
bool serve_retention(struct call *call, struct err *err);
bool serve_retention_sweep(struct call *call, struct err *err);
bool serve_holds(struct call *call, struct err *err);
bool serve_hold_set(struct call *call, struct err *err);
bool serve_hold_lift(struct call *call, struct err *err);
bool serve_entry_export(struct call *call, struct err *err);
bool serve_entry_redact(struct call *call, struct err *err);
bool serve_entries(struct call *call, struct err *err);
bool serve_object(struct call *call, struct err *err);
bool serve_incident_open(struct call *call, struct err *err);
bool serve_incident_attach(struct call *call, struct err *err);
bool serve_incident_close(struct call *call, struct err *err);
bool serve_incident(struct call *call, struct err *err);
bool serve_incidents(struct call *call, struct err *err);
bool serve_entry(struct call *call, struct err *err);
bool serve_instances(struct call *call, struct err *err);
bool serve_instance(struct call *call, struct err *err);
bool serve_events(struct call *call, struct err *err);
bool serve_crl(struct call *call, struct err *err);
bool serve_crl_of(struct call *call, struct err *err);
bool serve_ocsp(struct call *call, struct err *err);
bool serve_ocsp_get(struct call *call, struct err *err);
bool serve_status_list(struct call *call, struct err *err);
bool serve_record_receipt(struct call *call, struct err *err);
bool serve_record_proof(struct call *call, struct err *err);
bool serve_record_statement(struct call *call, struct err *err);

#endif
