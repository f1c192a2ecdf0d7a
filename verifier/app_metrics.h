/* SPDX-License-Identifier: Apache-2.0 */
/* What of the service is counted where, and what is looked up when somebody asks. Private to verifier/. */
#ifndef ASSAY_VERIFIER_APP_METRICS_H
#define ASSAY_VERIFIER_APP_METRICS_H

#include "verifier/app.h"
#include "verifier/metrics.h"

/* The counters of this service's routes; before anything is served. */
must_use bool app_metrics_new(struct app *app, struct err *err);
void app_metrics_free(struct app *app);

/* As struct http_config and struct store_config want them; app is a struct app. */
void app_observe(void *app, enum http_event event, uint64_t value);
void app_answered(const struct http_exchange *exchange, int status, uint64_t us, void *app);
void app_committed(void *app, size_t jobs, uint64_t us, bool committed);

/* Looks up what is no counter (the store's own counts at most every ten seconds) and appends the text. */
must_use bool app_metrics_text(struct app *app, struct buf *out, struct err *err);

/* metrics_serve.c: GET /metrics on a listener of its own: plain HTTP on a loopback address or a unix socket, else the front's
 * TLS, and an administrator's or auditor's certificate. shared: a listening socket that was handed over; -1: none. */
struct metrics_server;
must_use bool metrics_serve(
	struct app *app, int shared, struct metrics_server **ret, struct err *err);
/* As http_server_set_tls; server may be NULL. */
must_use bool metrics_serve_set_tls(struct metrics_server *server, SSL_CTX *tls);
void metrics_serve_end(struct metrics_server **server);

#endif
