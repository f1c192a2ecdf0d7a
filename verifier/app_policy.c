/* SPDX-License-Identifier: Apache-2.0 */
/* The policy in force. */
#include "verifier/app.h"

#include "base/file.h"
#include "base/text.h"

#include <stdlib.h>

void policy_ref_drop(struct policy_ref **ref)
{
	struct policy_ref *self = *ref;
	*ref = NULL;
	if (!self || atomic_fetch_sub(&self->count, 1) != 1)
		return;
	policy_free(&self->policy);
	buf_release(&self->text);
	free(self);
}

struct policy_ref *app_policy(struct app *app)
{
	(void)pthread_mutex_lock(&app->policy_lock);
	struct policy_ref *ref = app->policy;
	if (ref)
		(void)atomic_fetch_add(&ref->count, 1);
	(void)pthread_mutex_unlock(&app->policy_lock);
	return ref;
}

static bool ref_read(const struct app *app, struct policy_ref *ref, struct err *err)
{
	if (!file_read(app->config.policy, POLICY_TEXT_MAX, &ref->text, err))
		return err_wrap(err, "policy");
	if (!policy_parse(buf_bytes(&ref->text), app->config.policy, &ref->policy, err)) {
		if (err && strstr(err->text, "Insufficient entries"))
			return err_wrap(err, "the policy is not filled in: add at least one "
					     "release key and one risk class");
		return false;
	}
	if (strcmp(ref->policy->trust_domain, app->config.trust_domain) != 0)
		return err_set(err, ERR_CONFIG, "%s: trust_domain: %s is not this verifier's, %s",
			app->config.policy, ref->policy->trust_domain, app->config.trust_domain);
	return true;
}

struct enforcing {
	struct app *app;
	struct policy_ref *ref;
	bool changed;
};

static bool enforce_work(struct store_tx *tx, void *arg, struct err *err)
{
	struct enforcing *e = arg;
	const struct policy *policy = e->ref->policy;
	char digest[2 * SHA256_LEN + 1];
	e->changed = memcmp(tx->policy, policy->digest, SHA256_LEN) != 0;
	if (!e->changed)
		return true;
	if (policy->version <= tx->policy_version)
		return err_set(err, ERR_CONFIG,
			"%s: version %lld: version %lld is in force with other content; raise the "
			"version",
			e->app->config.policy, (long long)policy->version,
			(long long)tx->policy_version);
	hex_encode(BYTES_OF(policy->digest), digest);
	return object_put(tx->sql, policy->digest, buf_bytes(&e->ref->text), err) &&
	       policy_in_force_set(tx, policy->digest, policy->version, err) &&
	       entry_append(e->app, tx, LEAF_POLICY, clock_wall(e->app->clock),
		       json_pack("{s:s, s:s, s:I}", "event", "policy", "digest", digest, "version",
			       (json_int_t)policy->version),
		       err);
}

bool app_policy_load(struct app *app, struct err *err)
{
	OWNED(policy_ref_drop) struct policy_ref *ref = calloc(1, sizeof(*ref));
	if (!ref)
		return err_set(err, ERR_NOMEM, "policy");
	atomic_init(&ref->count, 1);
	struct enforcing enforcing = {.app = app, .ref = ref};
	if (!ref_read(app, ref, err) || !store_run(app->store, enforce_work, &enforcing, err))
		return false;
	(void)pthread_mutex_lock(&app->policy_lock);
	struct policy_ref *old = app->policy;
	app->policy = TAKE(ref);
	(void)pthread_mutex_unlock(&app->policy_lock);
	policy_ref_drop(&old);
	if (enforcing.changed)
		log_event(&app->log, LOG_LEVEL_INFO, "policy-in-force",
			{"file", bytes_str(app->config.policy)});
	return true;
}
