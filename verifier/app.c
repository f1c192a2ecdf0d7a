/* SPDX-License-Identifier: Apache-2.0 */
/* The service put together, and taken apart in the opposite order. */
#include "verifier/webhooks.h"
#include "verifier/app_metrics.h"
#include "verifier/app_policy.h"
#include "verifier/decide_common.h"
#include "verifier/descriptors.h"

#include "base/file.h"

#include <openssl/ssl.h>
#include "verifier/events.h"
#include "verifier/leases.h"
#include "verifier/ledger_keys.h"
#include "verifier/retention.h"
#include "verifier/revocation.h"
#include "verifier/shadow.h"

#include <stdlib.h>

#define QUEUE_MAX        2048u
#define CONNECTIONS_MAX  20000u
#define OWN_FILES        8u
#define FILES_PER_READER 2u
#define FILES_PER_LOOP   4u

static bool token_key_load(struct app *app, struct err *err)
{
	OWNED(buf_release) struct buf text = {0};
	if (!file_read(app->config.token_key, 256, &text, err) ||
		!token_key_parse(buf_bytes(&text), app->random, &app->token_key, err))
		return err_wrap(err, "%s", app->config.token_key);
	return true;
}

/* There is no way to run without one: nothing is ever stored in clear. */
static bool content_key_load(struct app *app, struct err *err)
{
	const char *uri = app->config.content_key;
	struct err why = {0};
	if (key_from_uri(uri, &app->content_key, &why))
		return true;
	if (why.code == ERR_NOT_FOUND && strncmp(uri, "file:", 5) == 0)
		return err_set(err, ERR_CONFIG,
			"content_key: there is no %s, the key that stored contents are sealed "
			"for. Of a database that has one, put it back; otherwise make one and "
			"keep a copy: (umask 077; openssl genpkey -algorithm EC -pkeyopt "
			"ec_paramgen_curve:P-256 -out %s)",
			uri + 5, uri + 5);
	return err_set(err, why.code, "content_key: %.800s", why.text);
}

/* A database whose ledger was begun by this CA's service belongs to it; the file's own rights keep
 * others out. */
static bool store_load(struct app *app, const struct sql_ops *ops, struct err *err)
{
	struct store_config config = {
		.ops = ops ? ops : sql_ops_of(app->config.database),
		.location = app->config.database,
		.clock = app->clock,
		.random = app->random,
		.content_key = app->content_key,
		.seal = ledger_log_seal,
		.seal_arg = &app->ledger_log,
		.wait_max_ms = (unsigned)app->config.work_max * 1000,
		.observe = app_committed,
		.observe_arg = app,
	};
	return store_open(&config, &app->store, err) &&
	       ledger_log_check(&app->ledger_log, app->store, app->config.log_directory, err);
}

/* What is read from files alone. */
static bool keys_load(struct app *app, struct err *err)
{
	return token_key_load(app, err) && content_key_load(app, err) &&
	       issuer_load(&app->config, app->random, app->clock, &app->issuer, err) &&
	       app_tls_load(&app->config, &app->tls, err) &&
	       ledger_log_load(
		       app->config.log_key, app->config.log_origin, &app->ledger_log, err) &&
	       (!app->config.log_key_also ||
		       ledger_log_load_also(&app->ledger_log, app->config.log_key_also, err)) &&
	       receipt_signer_load(app->config.receipt_key, app->issuer.signing_key,
		       app->config.log_origin, &app->receipts, err) &&
	       (!app->config.log_policy ||
		       ledger_log_witnesses(&app->ledger_log, app->config.log_policy,
			       app->config.log_quorum_age, clock_wall(app->clock), err)) &&
	       (!app->config.log_host_ak ||
		       log_quote_pin(&app->ledger_log, app->config.log_host_ak, err));
}

static bool workers_load(struct app *app, struct err *err)
{
	struct workers_options options = {
		.count = app->config.workers,
		.queue_max = QUEUE_MAX,
		.wait_max_ms = (unsigned)app->config.queue_wait_max * 1000,
	};
	return random_fill(app->random, (uint8_t *)&options.seed, sizeof(options.seed), err) &&
	       workers_new(&options, &app->workers, err);
}

bool app_open(
	struct config *config, const struct app_options *options, struct app **ret, struct err *err)
{
	OWNED(app_close) struct app *app = calloc(1, sizeof(*app));
	if (!app)
		return err_set(err, ERR_NOMEM, "service");
	app->config = TAKE_STRUCT(*config);
	app->clock = options->clock;
	app->random = options->random;
	app->sockets = options->sockets;
	app->socket_count = options->socket_count;
	app->metrics_socket = options->metrics_socket;
	app->events_wait_ms = options->events_wait_ms ? options->events_wait_ms : EVENTS_WAIT_MS;
	app->log = (struct log){.fd = options->log_fd,
		.level = app->config.log_level,
		.json = app->config.log_json};
	if (pthread_mutex_init(&app->policy_lock, NULL) != 0 ||
		pthread_mutex_init(&app->policy_change, NULL) != 0)
		return err_set(err, ERR_NOMEM, "service");
	app->commons = decide_commons_new();
	if (!app->commons)
		return err_set(err, ERR_NOMEM, "service");
	if (!keys_load(app, err))
		return false;
	if (options->check) {
		*ret = TAKE(app);
		return webhooks_check(&(*ret)->config, err) && app_policy_check(*ret, err);
	}
	if (!app_metrics_new(app, err) || !store_load(app, options->sql, err) ||
		!ledger_keys_note(app, err) || !app_policy_load(app, err) ||
		!app_staged_load(app, err) || !shadow_new(app, &app->shadow, err) ||
		!revocation_start(app, &app->revocation, err) ||
		!leases_start(app, &app->leases, err) || !events_start(app, &app->events, err) ||
		!webhooks_start(app, &app->config, &app->webhooks, err) ||
		!reload_start(app, &app->reload, err) ||
		!retention_start(app, &app->retention, err) ||
		(app->config.log_directory &&
			!log_publisher_start(app->config.log_directory, app->store,
				app->ledger_log.policy &&
					app->ledger_log.policy->quorum != QUORUM_NONE,
				&app->log, &app->publisher, err)) ||
		!workers_load(app, err))
		return false;
	*ret = TAKE(app);
	return true;
}

static bool routes_make(struct app *app, struct err *err)
{
	size_t count = app_route_count();
	app->routes = calloc(count, sizeof(*app->routes));
	if (!app->routes)
		return err_set(err, ERR_NOMEM, "routes");
	for (size_t i = 0; i < count; i++)
		app->routes[i] = (struct http_route){
			.method = app_routes[i].method,
			.pattern = app_routes[i].pattern,
			.roles = app_routes[i].roles,
			.body_max = app_routes[i].body_max,
			.content_type = app_routes[i].content_type,
			.handle = call_begin,
		};
	return true;
}

/* What the service opens beside connections: each worker may read the store, each loop has its own few. */
static unsigned connections_for(const struct app *app)
{
	struct workers_state workers;
	const struct config *config = &app->config;
	unsigned wanted = config->connections_max ? config->connections_max : CONNECTIONS_MAX;
	workers_look(app->workers, &workers);
	unsigned own = OWN_FILES + FILES_PER_READER * (workers.threads + STORE_READERS_IDLE_MAX) +
		       FILES_PER_LOOP * (config->threads ? config->threads : FILES_PER_LOOP);
	unsigned room = descriptors_for(wanted, own);
	char text[16];
	(void)snprintf(text, sizeof(text), "%u", room);
	if (room < wanted)
		log_event(&app->log, LOG_LEVEL_WARNING, "few-descriptors",
			{"connections_max", bytes_str(text)},
			{"effect", BYTES_LIT("more connections than that are not kept: raise "
					     "LimitNOFILE")});
	return room;
}

bool app_listen(struct app *app, struct err *err)
{
	if (!routes_make(app, err))
		return false;
	struct http_config config = {
		.address = app->config.address,
		.port = app->config.port,
		.threads = app->config.threads,
		.tls = app->tls,
		.routes = app->routes,
		.route_count = app_route_count(),
		.app = app,
		.authorize = auth_authorize,
		.connections_max = connections_for(app),
		.connections_per_peer = app->config.connections_per_peer,
		.work_ms = (unsigned)app->config.work_max * 1000,
		.observe = app_observe,
		.answered = app_answered,
		.log = &app->log,
		.sockets = app->sockets,
		.socket_count = app->socket_count,
	};
	return http_server_new(&config, &app->server, err) && http_server_start(app->server, err) &&
	       ((!app->config.metrics_listen && app->metrics_socket <= 0) ||
		       metrics_serve(app, app->metrics_socket, &app->metrics_server, err));
}

uint16_t app_port(const struct app *app)
{
	return http_server_port(app->server);
}

void app_close(struct app **app)
{
	struct app *self = *app;
	if (!self)
		return;
	/* Nobody new is let in; then the workers end what they have begun, then the writer, whose completions may still ask for a
	 * worker; an exchange that is answered meanwhile still has a front to be answered through. */
	metrics_serve_end(&self->metrics_server);
	if (self->server)
		http_server_stop(self->server);
	workers_end(self->workers);
	reload_stop(&self->reload);
	webhooks_stop(&self->webhooks);
	retention_stop(&self->retention);
	leases_stop(&self->leases);
	events_stop(&self->events);
	if (self->shadow)
		shadow_stop(self->shadow);
	log_publisher_stop(&self->publisher);
	store_close(&self->store);
	workers_free(&self->workers);
	key_unref(&self->content_key);
	revocation_stop(&self->revocation);
	receipt_signer_release(&self->receipts);
	ledger_log_release(&self->ledger_log);
	/* The writer's last completions have woken it. */
	shadow_free(&self->shadow);
	http_server_free(&self->server);
	app_metrics_free(self);
	decide_commons_free(&self->commons);
	policy_ref_drop(&self->policy);
	policy_ref_drop(&self->staged);
	(void)pthread_mutex_destroy(&self->policy_change);
	(void)pthread_mutex_destroy(&self->policy_lock);
	SSL_CTX_free(self->tls);
	issuer_release(&self->issuer);
	token_key_wipe(&self->token_key);
	config_release(&self->config);
	keys_forget();
	free(self->routes);
	free(self);
	*app = NULL;
}
