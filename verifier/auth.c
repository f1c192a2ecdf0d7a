/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may use a route. The handshake has verified the chain; here is judged what a connection that
 * stays open outlives: validity, and what the store says of the certificate's owner now. Every
 * doubt refuses.
 */
#include "verifier/leases.h"

enum { PASS = 0, NO_CERTIFICATE = 401, FORBIDDEN = 403, UNAVAILABLE = 503 };

static int credential_check(struct sql *sql, const struct cert *cert, enum credential_kind kind,
	struct credential_row *ret)
{
	char serial[ROW_SERIAL_MAX];
	bool found = false;
	/* No text of it: no memory, and no row of that name either. */
	if (cert_serial(cert, serial, sizeof(serial))[0] == '\0' ||
		!credential_get(sql, serial, ret, &found, NULL))
		return UNAVAILABLE;
	return found && ret->kind == kind && ret->revoked == 0 ? PASS : FORBIDDEN;
}

static int host_check(struct sql *sql, const uint8_t id[HOST_ID_LEN])
{
	enum host_state state;
	if (!host_gate(sql, id, &state, NULL))
		return UNAVAILABLE;
	return state == HOST_ACTIVE ? PASS : FORBIDDEN;
}

static int operator_rows(
	struct sql *sql, const struct cert *cert, struct identity *who, int64_t now)
{
	(void)now;
	(void)sql;
	(void)cert;
	(void)who;
	return PASS; /* an operator has no row: the certificate, and its end, is all there is */
}

static int host_rows(struct sql *sql, const struct cert *cert, struct identity *who, int64_t now)
{
	(void)now;
	struct credential_row row = {0};
	if (sql_ask(sql)) {
		(void)credential_check(sql, cert, CREDENTIAL_HOST, &row);
		(void)host_check(sql, who->host);
		sql_ask_end(sql);
	}
	int status = credential_check(sql, cert, CREDENTIAL_HOST, &row);
	if (status == PASS && memcmp(row.host, who->host, sizeof(row.host)) != 0)
		status = FORBIDDEN;
	return status == PASS ? host_check(sql, who->host) : status;
}

static int workload_rows(
	struct sql *sql, const struct cert *cert, struct identity *who, int64_t now)
{
	struct credential_row row = {0};
	struct instance_facts facts = {0};
	bool found = false;
	int status = credential_check(sql, cert, CREDENTIAL_X509, &row);
	if (status == PASS && memcmp(row.instance, who->instance, sizeof(row.instance)) != 0)
		status = FORBIDDEN;
	memcpy(who->host, row.host, sizeof(who->host));
	if (status == PASS)
		status = host_check(sql, row.host);
	if (status != PASS)
		return status;
	if (!instance_facts_get(sql, row.host, row.instance, &facts, &found, NULL))
		return UNAVAILABLE;
	/* Of the workload that the certificate names, and believed still: a credential may outlive
	 * its lease. */
	return found && strcmp(facts.workload, who->name) == 0 &&
			       instance_view_of(&facts, now) == VIEW_TRUSTED
		       ? PASS
		       : FORBIDDEN;
}

static int rows_check(struct app *app, const struct cert *cert, struct identity *who)
{
	static int (*const checks[])(
		struct sql * sql, const struct cert *cert, struct identity *who, int64_t now) = {
		[IDENTITY_OPERATOR] = operator_rows,
		[IDENTITY_HOST] = host_rows,
		[IDENTITY_WORKLOAD] = workload_rows,
	};
	struct sql *sql = NULL;
	if ((size_t)who->kind >= ARRAY_LEN(checks) || !checks[who->kind])
		return FORBIDDEN;
	if (!store_read_snapshot(app->store, &sql, NULL))
		return UNAVAILABLE;
	int status = checks[who->kind](sql, cert, who, clock_wall(app->clock));
	store_read_done(app->store, &sql);
	return status;
}

/* What the certificate itself says; who is filled when it passes. */
static int certificate_check(
	struct app *app, const struct cert *cert, unsigned roles, struct identity *who)
{
	if (!cert)
		return NO_CERTIFICATE;
	int64_t now = clock_wall(app->clock);
	if (now < cert_not_before(cert) || now >= cert_not_after(cert))
		return NO_CERTIFICATE;
	const char *uri = cert_client_uri(cert, NULL);
	if (!uri)
		return UNAVAILABLE;
	if (!identity_parse(uri, app->config.trust_domain, who, NULL))
		return FORBIDDEN;
	return (who->role & roles) != 0 ? PASS : FORBIDDEN;
}

int auth_check(struct app *app, const struct cert *cert, unsigned roles, struct identity *ret)
{
	struct identity who = {0};
	if (roles == 0)
		return PASS;
	int status = certificate_check(app, cert, roles, &who);
	if (status == PASS)
		status = rows_check(app, cert, &who);
	if (status == PASS && ret)
		*ret = who;
	return status;
}

/* The store is not asked on a connection's loop, where it would hold up every other connection: the worker that takes the
 * request asks it, before anything is done (call.c). */
int auth_authorize(const struct http_exchange *exchange, const struct http_route *route, void *app)
{
	struct identity who = {0};
	return route->roles == 0
		       ? PASS
		       : certificate_check(app, http_peer_cert(exchange), route->roles, &who);
}
