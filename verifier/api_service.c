/* SPDX-License-Identifier: Apache-2.0 */
/* Routes about the service itself: health, trust bundle, keys, policy, and who the caller is. */
#include "verifier/app.h"

#include "base/text.h"

bool serve_health(struct call *call, struct err *err)
{
	return call_json(call, 200, json_pack("{s:s}", "status", "ok"), err);
}

bool serve_ready(struct call *call, struct err *err)
{
	call->code = "not-ready";
	if (!store_ready(call->app->store))
		return err_set(err, ERR_STORE, "the store cannot be written");
	if (!ledger_log_fresh(&call->app->ledger_log, clock_wall(call->app->clock), err))
		return false;
	return call_json(call, 200, json_pack("{s:s}", "status", "ready"), err);
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
