/* SPDX-License-Identifier: Apache-2.0 */
/* POST /v1/elevations: an operator asks for a workload, an instance for itself. */
#include "verifier/elevations.h"

#include "base/text.h"
#include "verifier/floors.h"

#include <stdlib.h>

struct asking {
	struct call *call;
	struct policy_ref *policy;
	struct elevation_request *request; /* texts are owned */
	bool any_release;
	struct elevation_row row;
	uint8_t digest[SHA256_LEN];
};

static void asking_release(struct asking *a)
{
	policy_ref_drop(&a->policy);
	elevation_request_free(&a->request);
	elevation_row_release(&a->row);
}

/* ---- what was asked for ---- */

static bool want_hex(
	struct json_fields *f, const json_t *body, const char *key, uint8_t *out, size_t n)
{
	if (!json_object_get(body, key))
		return false;
	json_need_hex(f, body, key, out, n);
	return true;
}

static bool copy(char **to, const char *text, struct err *err)
{
	*to = text ? strdup(text) : NULL;
	return *to || err_set(err, ERR_NOMEM, "elevation");
}

static bool body_read(struct asking *a, struct err *err)
{
	static const char *const keys[] = {"workload", "right", "reason", "duration", "host",
		"instance", "release", "any_release", NULL};
	OWNED(json_release) json_t *body = NULL;
	struct elevation_request *r = a->request;
	if (!call_body_json(a->call, &body, err))
		return false;
	struct json_fields f = json_fields_of("body");
	json_only_keys(&f, body, keys);
	const char *workload = json_want_str(&f, body, "workload", ROW_NAME_MAX - 1);
	const char *right = json_need_str(&f, body, "right", ROW_NAME_MAX - 1);
	const char *reason = json_need_str(&f, body, "reason", ELEVATION_REASON_MAX);
	r->duration =
		json_need_int(&f, body, "duration", ELEVATION_DURATION_MIN, ELEVATION_DURATION_MAX);
	r->has_host = want_hex(&f, body, "host", r->host, sizeof(r->host));
	r->has_instance = want_hex(&f, body, "instance", r->instance, sizeof(r->instance));
	r->has_release = want_hex(&f, body, "release", r->release, sizeof(r->release));
	a->any_release = json_want_bool(&f, body, "any_release", false);
	if (!workload && a->call->who.kind == IDENTITY_WORKLOAD)
		workload = a->call->who.name;
	if (!workload || !text_is_name(bytes_str(workload)))
		json_fields_fail(&f, "workload", "not a name");
	if (a->any_release && r->has_release)
		json_fields_fail(&f, "any_release", "and a release");
	if (!reason[0])
		json_fields_fail(&f, "reason", "say why");
	return json_fields_ok(&f, err) && copy(&r->workload, workload, err) &&
	       copy(&r->right, right, err) && copy(&r->reason, reason, err);
}

/* An instance speaks for itself alone. */
static bool requester_fill(struct asking *a, struct err *err)
{
	const struct identity *who = &a->call->who;
	struct elevation_request *r = a->request;
	OWNED(key_unref) struct key *key = NULL;
	if (who->kind == IDENTITY_WORKLOAD) {
		if (strcmp(who->name, r->workload) != 0 ||
			(r->has_host && memcmp(r->host, who->host, HOST_ID_LEN) != 0) ||
			(r->has_instance &&
				memcmp(r->instance, who->instance, INSTANCE_ID_LEN) != 0))
			return err_set(err, ERR_DENIED, "an instance asks for itself alone");
		r->has_host = r->has_instance = true;
		memcpy(r->host, who->host, sizeof(r->host));
		memcpy(r->instance, who->instance, sizeof(r->instance));
	} else if (!copy(&r->person, who->name, err)) {
		return false;
	}
	if (!cert_key(http_peer_cert(a->call->exchange), &key, err) ||
		!copy(&r->requester, who->uri, err) ||
		!copy(&r->verifier, a->call->app->config.verifier_id, err))
		return false;
	memcpy(r->key, key_id(key), sizeof(r->key));
	return random_fill(a->call->app->random, r->id, sizeof(r->id), err);
}

/* ---- what there is ---- */

static bool instance_fits(struct asking *a, struct sql *sql, struct err *err)
{
	struct elevation_request *r = a->request;
	struct instance_row instance;
	bool found = false;
	if (!r->has_instance)
		return true;
	if (!r->has_host)
		return err_set(err, ERR_FORMAT, "body: instance: without its host");
	if (!instance_get(sql, r->host, r->instance, &instance, &found, err))
		return false;
	if (!found || strcmp(instance.workload, r->workload) != 0)
		return err_set(err, ERR_NOT_FOUND, "no such instance of workload %s", r->workload);
	if (instance.state != INSTANCE_TRUSTED)
		return err_set(err, ERR_CONFLICT, "the instance is %s",
			instance_state_name(instance.state));
	if (!r->has_release && !a->any_release) {
		memcpy(r->release, instance.release, sizeof(r->release));
		r->has_release = true;
	}
	return true;
}

/* Not said: the one that the workload reached. */
static bool release_fits(struct asking *a, struct sql *sql, struct err *err)
{
	struct elevation_request *r = a->request;
	OWNED(release_row_release) struct release_row release = {0};
	struct floors floors;
	bool found = false;
	if (a->any_release)
		return true;
	if (!r->has_release) {
		if (!floors_load(sql, bytes_str(r->workload), NULL, &floors, err))
			return false;
		if (floors.version.sequence == 0)
			return err_set(err, ERR_CONFLICT,
				"no release of workload %s has a credential yet: name the release",
				r->workload);
		memcpy(r->release, floors.version.release, sizeof(r->release));
		r->has_release = true;
	}
	if (!release_get(sql, r->release, &release, &found, err))
		return false;
	return (found && strcmp(release.workload, r->workload) == 0 &&
		       release.state == RELEASE_PUBLISHED) ||
	       err_set(err, ERR_NOT_FOUND, "no such release of workload %s stands", r->workload);
}

static bool right_fits(
	struct asking *a, struct sql *sql, const struct policy_elevation **ret, struct err *err)
{
	const struct elevation_request *r = a->request;
	struct workload_row workload;
	bool found = false;
	if (!workload_get(sql, bytes_str(r->workload), &workload, &found, err))
		return false;
	if (!found || workload.state != WORKLOAD_ACTIVE)
		return err_set(err, ERR_NOT_FOUND, "no active workload %s", r->workload);
	const struct policy_class *class =
		policy_class_find(a->policy->policy, bytes_str(workload.risk_class));
	const struct policy_elevation *rule =
		class ? policy_elevation_find(class, bytes_str(r->right)) : NULL;
	if (!rule)
		return err_set(err, ERR_NOT_FOUND, "risk class %s lends no right %s",
			workload.risk_class, ESC(bytes_str(r->right)));
	if (r->duration > rule->duration_max)
		return err_set(err, ERR_DENIED, "right %s is lent for at most %lld s", rule->name,
			(long long)rule->duration_max);
	if (!r->person && !rule->by_instance)
		return err_set(
			err, ERR_DENIED, "right %s: instances may not ask for it", rule->name);
	*ret = rule;
	return true;
}

/* ---- doing it ---- */

static json_t *entry_of(const struct asking *a)
{
	const struct elevation_request *r = a->request;
	char id[2 * ELEVATION_ID_LEN + 1], host[2 * HOST_ID_LEN + 1] = "";
	char instance[2 * INSTANCE_ID_LEN + 1] = "", release[2 * SHA256_LEN + 1] = "";
	char digest[2 * SHA256_LEN + 1], lapses[TIME_TEXT_MAX];
	hex_encode(BYTES_OF(r->id), id);
	hex_encode(BYTES_OF(a->digest), digest);
	if (r->has_host)
		hex_encode(BYTES_OF(r->host), host);
	if (r->has_instance)
		hex_encode(BYTES_OF(r->instance), instance);
	if (r->has_release)
		hex_encode(BYTES_OF(r->release), release);
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:s, s:s, s:s, s:s}", "event",
		"elevation-asked", "elevation", id, "workload", r->workload, "right", r->right,
		"host", host, "instance", instance, "release", release, "duration",
		(json_int_t)r->duration, "reason", r->reason, "by", r->requester, "request", digest,
		"lapses", time_format(r->lapses, lapses));
}

static bool row_fill(struct asking *a, struct err *err)
{
	const struct elevation_request *r = a->request;
	struct elevation_row *row = &a->row;
	buf_clear(&row->request);
	memcpy(row->id, r->id, sizeof(row->id));
	memcpy(row->clause, r->clause, sizeof(row->clause));
	(void)snprintf(row->workload, sizeof(row->workload), "%s", r->workload);
	(void)snprintf(row->right, sizeof(row->right), "%s", r->right);
	row->asked = r->asked;
	row->lapses = r->lapses;
	return elevation_request_write(r, &row->request, err) &&
	       sha256_of(buf_bytes(&row->request), a->digest, err);
}

static bool ask_work(struct store_tx *tx, void *arg, struct err *err)
{
	struct asking *a = arg;
	struct elevation_request *r = a->request;
	const struct policy_elevation *rule = NULL;
	struct app *app = a->call->app;
	if (memcmp(tx->policy, a->policy->policy->digest, SHA256_LEN) != 0)
		return err_set(err, ERR_CONFLICT, "the policy was changed meanwhile");
	r->asked = clock_wall(app->clock);
	if (!right_fits(a, tx->sql, &rule, err) || !instance_fits(a, tx->sql, err) ||
		!release_fits(a, tx->sql, err) ||
		!elevations_settle_in(
			app, tx, a->policy->policy, bytes_str(r->workload), r->asked, err))
		return false;
	memcpy(r->clause, rule->clause, sizeof(r->clause));
	r->lapses = r->asked + rule->unapproved_for;
	return row_fill(a, err) && elevation_room(tx->sql, &a->row, rule, r->asked, err) &&
	       object_put(tx->sql, a->digest, buf_bytes(&a->row.request), err) &&
	       entry_append_leaf(
		       app, tx, LEAF_ELEVATION, r->asked, entry_of(a), a->row.entry, err) &&
	       elevation_insert(tx->sql, &a->row, r, err);
}

bool serve_elevation_ask(struct call *call, struct err *err)
{
	OWNED(asking_release)
	struct asking a = {.call = call,
		.policy = app_policy(call->app),
		.request = calloc(1, sizeof(*a.request))};
	char id[2 * ELEVATION_ID_LEN + 1], entry[2 * SHA256_LEN + 1], lapses[TIME_TEXT_MAX];
	if (!a.request)
		return err_set(err, ERR_NOMEM, "elevation");
	if (!body_read(&a, err) || !requester_fill(&a, err) ||
		!store_run(call->app->store, ask_work, &a, err))
		return false;
	hex_encode(BYTES_OF(a.row.id), id);
	hex_encode(BYTES_OF(a.row.entry), entry);
	call_log(call, "elevation-asked", bytes_str(a.request->workload),
		bytes_str(a.request->reason));
	return call_json(call, 201,
		json_pack("{s:s, s:s, s:s, s:s, s:s}", "id", id, "state",
			elevation_state_name(ELEVATION_ASKED), "right", a.row.right, "lapses",
			time_json(a.row.lapses, lapses), "entry", entry),
		err);
}
