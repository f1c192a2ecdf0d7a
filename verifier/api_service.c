/* SPDX-License-Identifier: Apache-2.0 */
/* Routes about the service itself: health, trust bundle, keys, policy, and who the caller is. */
#include "verifier/app.h"

#include "base/text.h"

bool serve_health(struct call *call, struct err *err)
{
	return call_json(call, 200, json_pack("{s:s}", "status", "ok"), err);
}

/* On the connection's own loop: nothing here waits. */
bool serve_ready(struct call *call, struct err *err)
{
	struct app *app = call->app;
	struct err why = {0};
	struct store_state store = {0};
	struct workers_state workers = {0};
	bool draining = atomic_load(&app->draining), writes = store_ready(app->store);
	bool witnessed = ledger_log_fresh(&app->ledger_log, clock_wall(app->clock), &why);
	bool ready = writes && witnessed && !draining;
	store_look(app->store, &store);
	workers_look(app->workers, &workers);
	const char *reason = draining  ? "the service is being stopped"
			     : !writes ? "the store cannot be written"
				       : why.text;
	json_t *checks = json_pack("{s:b, s:b, s:b, s:I, s:I}", "store", writes, "witnesses",
		witnessed, "draining", draining, "queued", (json_int_t)workers.queued,
		"writer_queued", (json_int_t)store.queued);
	json_t *answer =
		json_pack("{s:s, s:o}", "status", ready ? "ready" : "not-ready", "checks", checks);
	if (answer && !ready)
		(void)json_object_set_new(answer, "error",
			json_pack("{s:s, s:s}", "code", "not-ready", "message", reason));
	return call_json(call, ready ? 200 : 503, answer, err);
}

bool serve_bundle(struct call *call, struct err *err)
{
	return call_bytes(
		call, 200, "application/x-pem-file", buf_bytes(&call->app->issuer.bundle), err);
}

bool serve_jwks(struct call *call, struct err *err)
{
	return call_bytes(
		call, 200, "application/jwk-set+json", buf_bytes(&call->app->issuer.jwks), err);
}

bool serve_policy(struct call *call, struct err *err)
{
	OWNED(policy_ref_drop) struct policy_ref *policy = app_policy(call->app);
	return call_bytes(call, 200, "application/yaml", buf_bytes(&policy->text), err);
}

static bool put_hex(json_t *object, const char *key, struct bytes value)
{
	char hex[2 * SHA256_LEN + 1];
	hex_encode(value, hex);
	return json_object_set_new(object, key, json_string(hex)) == 0;
}

static bool put_text(json_t *object, const char *key, const char *value)
{
	return json_object_set_new(object, key, json_string(value)) == 0;
}

static bool put_workload(json_t *object, const struct identity *who, const struct cert *cert)
{
	uint8_t decision[SHA256_LEN];
	struct bytes protection;
	bool ok = put_text(object, "workload", who->name) &&
		  put_hex(object, "host", BYTES_OF(who->host)) &&
		  put_hex(object, "instance", BYTES_OF(who->instance));
	if (issued_decision(cert, decision))
		ok = ok && put_hex(object, "decision", BYTES_OF(decision));
	if (issued_protection(cert, &protection))
		ok = ok &&
		     json_object_set_new(object, "key",
			     json_stringn((const char *)protection.data, protection.len)) == 0;
	return ok;
}

/* That the route was reached says that owner and certificate are good: auth_check asked the store
 * just now. */
bool serve_whoami(struct call *call, struct err *err)
{
	const struct cert *cert = http_peer_cert(call->exchange);
	const struct identity *who = &call->who;
	char serial[ROW_SERIAL_MAX], end[TIME_TEXT_MAX];
	OWNED(json_release)
	json_t *object = json_pack("{s:s, s:s, s:s, s:s, s:s}", "id", who->uri, "kind",
		identity_kind_name(who->kind), "serial", cert_serial(cert, serial, sizeof(serial)),
		"not_after", time_format(cert_not_after(cert), end), "state",
		who->kind == IDENTITY_WORKLOAD ? "trusted" : "active");
	bool ok = object != NULL;
	if (who->kind == IDENTITY_WORKLOAD)
		ok = ok && put_workload(object, who, cert);
	else if (who->kind == IDENTITY_HOST)
		ok = ok && put_hex(object, "host", BYTES_OF(who->host));
	else
		ok = ok && put_text(object, "name", who->name);
	if (!ok)
		return err_set(err, ERR_NOMEM, "answer");
	return call_json(call, 200, TAKE(object), err);
}
