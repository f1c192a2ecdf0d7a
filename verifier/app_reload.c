/* SPDX-License-Identifier: Apache-2.0 */
/* What changes in a service that runs: certificates, policy, webhooks and log level by SIGHUP, readiness by SIGTERM. */
#include "verifier/app_metrics.h"
#include "verifier/webhooks.h"

#include "base/file.h"
#include "base/thread.h"

#include <limits.h>
#include <openssl/ssl.h>
#include <stdlib.h>

#define TLS_PEM_MAX     (256u << 10)
#define RELOAD_AGAIN_MS 1000
#define RELOAD_TRIES    3u

static bool roots_load(
	const char *path, struct cert *certs[X509_CHAIN_MAX], size_t *count, struct err *err)
{
	OWNED(buf_release) struct buf text = {0};
	if (!file_read(path, TLS_PEM_MAX, &text, err) ||
		!certs_from_bytes(buf_bytes(&text), X509_CHAIN_MAX, certs, count, err))
		return err_wrap(err, "client CAs %s", path);
	return true;
}

bool app_tls_load(const struct config *config, SSL_CTX **ret, struct err *err)
{
	OWNED(buf_release) struct buf chain = {0};
	OWNED(key_unref) struct key *key = NULL;
	struct cert *roots[X509_CHAIN_MAX] = {0};
	size_t count = 0;
	bool ok = file_read(config->tls_certificate, TLS_PEM_MAX, &chain, err) &&
		  key_from_uri(config->tls_key, &key, err) &&
		  roots_load(config->ca_certificate, roots, &count, err) &&
		  http_tls_context(buf_bytes(&chain), key, roots, count, ret, err);
	for (size_t i = 0; i < X509_CHAIN_MAX; i++)
		cert_unref(&roots[i]);
	return ok ? true : err_wrap(err, "TLS");
}

/* ---- reload, part by part: each gives what it did, or why not ---- */

static bool tls_reload(struct app *app, struct config *config, struct err *err)
{
	SSL_CTX *tls = NULL;
	if (!app_tls_load(config, &tls, err))
		return false;
	bool ok = http_server_set_tls(app->server, tls) &&
		  metrics_serve_set_tls(app->metrics_server, tls);
	SSL_CTX_free(tls);
	return ok ? true : err_set(err, ERR_NOMEM, "TLS");
}

static bool policy_reload(struct app *app, struct config *config, struct err *err)
{
	(void)config;
	return app_policy_load(app, err);
}

static bool webhooks_reload(struct app *app, struct config *config, struct err *err)
{
	return webhooks_change(app->webhooks, config, err);
}

static bool log_reload(struct app *app, struct config *config, struct err *err)
{
	(void)err;
	app->log.level = config->log_level;
	return true;
}

struct part {
	const char *done, *refused; /* events of the log */
	bool (*reload)(struct app *app, struct config *config, struct err *err);
};
static const struct part at_once[] = {
	{"log-reloaded", "log-refused", log_reload},
	{"tls-reloaded", "tls-refused", tls_reload},
};
static const struct part by_the_store[] = {
	{"policy-reloaded", "policy-refused", policy_reload},
	{"webhooks-reloaded", "webhooks-refused", webhooks_reload},
};

/* What is asked for; the thread takes it. */
struct order {
	char path[PATH_MAX];
	reload_told told;
	void *arg;
	bool all; /* of what was done at once */
};
struct reload {
	struct app *app;
	pthread_t thread;
	pthread_mutex_t lock; /* of what follows */
	pthread_cond_t wake;
	bool closing, wanted;
	struct order order;
};

static void part_tell(
	struct app *app, const struct part *part, const char *path, bool ok, const struct err *why)
{
	if (ok)
		log_event(&app->log, LOG_LEVEL_INFO, part->done, {"file", bytes_str(path)});
	else
		log_event(&app->log, LOG_LEVEL_ERROR, part->refused,
			{"error", bytes_str(why->text)},
			{"effect", BYTES_LIT("what was in force before stays so")});
}

static void file_tell(struct app *app, const struct err *err)
{
	log_event(&app->log, LOG_LEVEL_ERROR, "reload-refused", {"error", bytes_str(err->text)},
		{"effect", BYTES_LIT("everything stays as it was")});
}

static void end_tell(struct app *app, const struct order *order)
{
	metric_add(app->metrics, METRIC_RELOADS, order->all ? 0 : 1, 1);
	if (order->told)
		order->told(order->arg, order->all);
}

/* ---- what needs the store: by a thread of its own, for it may wait for long ---- */

static bool is_over(struct reload *r)
{
	(void)pthread_mutex_lock(&r->lock);
	bool over = r->closing || r->wanted;
	(void)pthread_mutex_unlock(&r->lock);
	return over;
}

/* True: there is no use in going on with what was ordered. */
static bool over_after(struct reload *r, int64_t ms)
{
	struct timespec until = clock_deadline(ms);
	(void)pthread_mutex_lock(&r->lock);
	while (!r->closing && !r->wanted && pthread_cond_timedwait(&r->wake, &r->lock, &until) == 0)
		continue;
	(void)pthread_mutex_unlock(&r->lock);
	return is_over(r);
}

/* The store may be back by the time that this is asked: then once more does no harm. */
static bool is_away(struct app *app, const struct err *why, unsigned tries)
{
	return (why->code == ERR_STORE || why->code == ERR_BUSY) &&
	       (!store_ready(app->store) || tries < RELOAD_TRIES);
}

/* False: another order came, or the end. The file is read each time, for a part takes over what it is given. */
static bool part_run(struct reload *r, const struct part *part, struct order *order)
{
	struct app *app = r->app;
	for (unsigned tries = 1;; tries++) {
		OWNED(config_release) struct config config = {0};
		struct err why = {0};
		bool ok =
			config_load(order->path, &config, &why) && part->reload(app, &config, &why);
		if (ok || !is_away(app, &why, tries)) {
			part_tell(app, part, order->path, ok, &why);
			order->all = order->all && ok;
			return true;
		}
		if (tries == 1)
			log_event(&app->log, LOG_LEVEL_WARNING, "reload-waits",
				{"for", bytes_str(part->done)}, {"error", bytes_str(why.text)});
		if (over_after(r, RELOAD_AGAIN_MS))
			return false;
	}
}

static void order_run(struct reload *r, struct order *order)
{
	for (size_t i = 0; i < ARRAY_LEN(by_the_store); i++)
		if (is_over(r) || !part_run(r, &by_the_store[i], order))
			return;
	end_tell(r->app, order);
}

static void *reload_main(void *arg)
{
	struct reload *r = arg;
	struct order order;
	for (;;) {
		(void)pthread_mutex_lock(&r->lock);
		while (!r->closing && !r->wanted)
			(void)pthread_cond_wait(&r->wake, &r->lock);
		bool closing = r->closing;
		r->wanted = false;
		order = r->order;
		(void)pthread_mutex_unlock(&r->lock);
		if (closing)
			return NULL;
		order_run(r, &order);
	}
}

bool reload_start(struct app *app, struct reload **ret, struct err *err)
{
	struct reload *r = calloc(1, sizeof(*r));
	if (!r)
		return err_set(err, ERR_NOMEM, "reload");
	r->app = app;
	(void)pthread_mutex_init(&r->lock, NULL);
	if (!thread_wake_init(&r->wake, err) ||
		!thread_start(&r->thread, "reload", 0, reload_main, r, err)) {
		free(r);
		return false;
	}
	*ret = r;
	return true;
}

void reload_stop(struct reload **reload)
{
	struct reload *r = TAKE(*reload);
	if (!r)
		return;
	(void)pthread_mutex_lock(&r->lock);
	r->closing = true;
	(void)pthread_cond_signal(&r->wake);
	(void)pthread_mutex_unlock(&r->lock);
	(void)pthread_join(r->thread, NULL);
	(void)pthread_cond_destroy(&r->wake);
	(void)pthread_mutex_destroy(&r->lock);
	free(r);
}

/* ---- the order ---- */

void app_reload(struct app *app, const char *path, reload_told told, void *arg)
{
	OWNED(config_release) struct config config = {0};
	struct reload *r = app->reload;
	struct order order = {.told = told, .arg = arg, .all = true};
	struct err err = {0};
	(void)snprintf(order.path, sizeof(order.path), "%s", path);
	if (!config_load(path, &config, &err)) {
		file_tell(app, &err);
		order.all = false;
		end_tell(app, &order);
		return;
	}
	for (size_t i = 0; i < ARRAY_LEN(at_once); i++) {
		struct err why = {0};
		bool ok = at_once[i].reload(app, &config, &why);
		part_tell(app, &at_once[i], path, ok, &why);
		order.all = order.all && ok;
	}
	(void)pthread_mutex_lock(&r->lock);
	r->order = order;
	r->wanted = true;
	(void)pthread_cond_signal(&r->wake);
	(void)pthread_mutex_unlock(&r->lock);
}

/* ---- drain ---- */

void app_drain(struct app *app, bool last)
{
	atomic_store(&app->draining, true);
	http_server_drain(app->server, last);
}

unsigned app_busy(const struct app *app)
{
	struct http_state state = {0};
	http_server_look(app->server, &state);
	return state.busy;
}
