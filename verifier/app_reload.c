/* SPDX-License-Identifier: Apache-2.0 */
/* What changes in a service that runs: certificates, policy, webhooks and log level by SIGHUP, readiness by SIGTERM. */
#include "verifier/app_metrics.h"
#include "verifier/webhooks.h"

#include "base/file.h"

#include <openssl/ssl.h>

#define TLS_PEM_MAX (256u << 10)

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

/* ---- reload: each gives what it did, or why not ---- */

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

static const struct {
	const char *done, *refused; /* events of the log */
	bool (*reload)(struct app *app, struct config *config, struct err *err);
} parts[] = {
	{"log-reloaded", "log-refused", log_reload},
	{"tls-reloaded", "tls-refused", tls_reload},
	{"policy-reloaded", "policy-refused", policy_reload},
	{"webhooks-reloaded", "webhooks-refused", webhooks_reload},
};

bool app_reload(struct app *app, const char *path)
{
	OWNED(config_release) struct config config = {0};
	struct err err = {0};
	bool all = true;
	if (!config_load(path, &config, &err)) {
		log_event(&app->log, LOG_LEVEL_ERROR, "reload-refused",
			{"error", bytes_str(err.text)},
			{"effect", BYTES_LIT("everything stays as it was")});
		metric_add(app->metrics, METRIC_RELOADS, 1, 1);
		return false;
	}
	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		struct err why = {0};
		bool ok = parts[i].reload(app, &config, &why);
		if (ok)
			log_event(&app->log, LOG_LEVEL_INFO, parts[i].done,
				{"file", bytes_str(path)});
		else
			log_event(&app->log, LOG_LEVEL_ERROR, parts[i].refused,
				{"error", bytes_str(why.text)},
				{"effect", BYTES_LIT("what was in force before stays so")});
		all = all && ok;
	}
	metric_add(app->metrics, METRIC_RELOADS, all ? 0 : 1, 1);
	return all;
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
