/* SPDX-License-Identifier: Apache-2.0 */
/* The policy in force. */
#include "verifier/app_policy.h"

#include "verifier/elevations.h"

#include "base/file.h"
#include "base/text.h"

static struct policy_ref *policy_held(struct app *app)
{
	(void)pthread_mutex_lock(&app->policy_lock);
	struct policy_ref *ref = app->policy;
	if (ref)
		(void)atomic_fetch_add(&ref->count, 1);
	(void)pthread_mutex_unlock(&app->policy_lock);
	return ref;
}

/* ---- where another verifier may have put one in force ---- */

static bool stored_open(
	struct app *app, const struct policy_row *row, struct policy_ref **ref, struct err *err);

/* *ret_other is false when it is the one that is held. */
static bool newest_read(struct app *app, const struct policy_ref *held, uint8_t digest[SHA256_LEN],
	struct policy_row *row, bool *ret_other, struct err *err)
{
	struct sql *sql = NULL;
	bool found = true;
	if (!store_read(app->store, &sql, err))
		return false;
	bool ok = policy_in_force_get(sql, digest, err);
	*ret_other = ok && memcmp(digest, held->policy->digest, SHA256_LEN) != 0;
	if (*ret_other)
		ok = policy_row_of_digest(sql, digest, row, &found, err);
	store_read_done(app->store, &sql);
	return ok && (found || err_set(err, ERR_NOT_FOUND, "the policy in force has no row"));
}

/* Once for each: it is met with every request. */
static bool is_said(struct app *app, const uint8_t digest[SHA256_LEN])
{
	(void)pthread_mutex_lock(&app->policy_lock);
	bool said = memcmp(app->policy_refused, digest, SHA256_LEN) == 0;
	memcpy(app->policy_refused, digest, SHA256_LEN);
	(void)pthread_mutex_unlock(&app->policy_lock);
	return said;
}

/* Held against what is in force in the database. One that cannot be opened here, signed by keys that do
 * not count here for instance, is not obeyed; nor is anything decided by the one before, for no
 * decision commits under it. */
static void policy_follow(struct app *app, const struct policy_ref *held)
{
	struct policy_row row = {0};
	struct policy_ref *ref = NULL;
	struct err err = {0};
	uint8_t digest[SHA256_LEN];
	bool other = false;
	if (!newest_read(app, held, digest, &row, &other, &err) || !other)
		return;
	if (!stored_open(app, &row, &ref, &err)) {
		if (is_said(app, digest))
			return;
		log_event(&app->log, LOG_LEVEL_ERROR, "policy-refused",
			{"error", bytes_str(err.text)},
			{"effect", BYTES_LIT("another verifier put it in force: nothing is decided "
					     "here until it can be read")});
		return;
	}
	app_policy_swap(app, &ref);
	log_event(&app->log, LOG_LEVEL_INFO, "policy-followed",
		{"effect", BYTES_LIT("another verifier put it in force")});
}

struct policy_ref *app_policy(struct app *app)
{
	struct policy_ref *held = policy_held(app);
	if (!held || !store_is_shared(app->store))
		return held;
	policy_follow(app, held);
	policy_ref_drop(&held);
	return policy_held(app);
}

struct policy_ref *app_policy_of(struct app *app, struct sql *sql)
{
	OWNED(policy_ref_drop) struct policy_ref *held = policy_held(app);
	uint8_t digest[SHA256_LEN];
	if (!held || !store_is_shared(app->store) ||
		(policy_in_force_get(sql, digest, NULL) &&
			memcmp(digest, held->policy->digest, SHA256_LEN) == 0))
		return TAKE(held);
	return app_policy(app);
}

void app_policy_swap(struct app *app, struct policy_ref **ref)
{
	struct policy_ref *old = NULL, *staged = NULL;
	(void)pthread_mutex_lock(&app->policy_lock);
	old = app->policy;
	app->policy = TAKE(*ref);
	/* It is this one, or one that it overtook. */
	if (app->staged && app->staged->policy->version <= app->policy->policy->version)
		staged = TAKE(app->staged);
	(void)pthread_mutex_unlock(&app->policy_lock);
	policy_ref_drop(&old);
	policy_ref_drop(&staged);
}

bool policy_enforce(struct app *app, struct store_tx *tx, const struct policy_ref *ref,
	const struct policy_row *staged, const char *by, const char *reason, struct err *err)
{
	const struct policy *policy = ref->policy;
	int64_t now = clock_wall(app->clock);
	struct policy_row row = {.version = policy->version, .state = POLICY_IN_FORCE};
	if (policy->version <= tx->policy_version)
		return err_set(err, ERR_CONFLICT,
			"version %lld: version %lld is in force with other content; raise the "
			"version",
			(long long)policy->version, (long long)tx->policy_version);
	if (staged)
		row = *staged;
	row.state = POLICY_IN_FORCE;
	row.in_force = now > 0 ? now : 1;
	row.activate_at = 0;
	(void)snprintf(row.by, sizeof(row.by), "%s", by);
	(void)snprintf(row.reason, sizeof(row.reason), "%s", reason);
	memcpy(row.digest, policy->digest, sizeof(row.digest));
	return policy_ref_keep(tx, ref, row.signature, err) &&
	       policies_supersede(tx->sql, policy->version, err) &&
	       (staged ? policy_row_set(tx->sql, &row, err)
		       : policy_row_insert(tx->sql, &row, err)) &&
	       policy_in_force_set(tx, policy->digest, policy->version, err) &&
	       entry_append(app, tx, LEAF_POLICY, now,
		       policy_ref_entry(app, ref, "policy", by, reason), err);
}

/* ---- the policy file ---- */

static bool file_open(struct app *app, struct policy_ref *ref, struct err *err)
{
	OWNED(buf_release) struct buf path = {0};
	const char *file = app->config.policy;
	if (!file_read(file, POLICY_TEXT_MAX, &ref->text, err))
		return err_wrap(err, "policy");
	buf_printf(&path, "%s.sig", file);
	if (!buf_ok(&path, err))
		return false;
	if (app->config.policy_signers.count > 0 &&
		!file_read(buf_str(&path), POLICY_ENVELOPE_MAX, &ref->signature, err))
		return err_wrap(err, "the policy's signature (assay policy sign makes it)");
	return policy_ref_open(app, file, NULL, ref, err);
}

bool app_policy_check(struct app *app, struct err *err)
{
	OWNED(policy_ref_drop) struct policy_ref *ref = policy_ref_new();
	if (!ref)
		return err_set(err, ERR_NOMEM, "policy");
	return file_open(app, ref, err);
}

struct enforcing {
	struct app *app;
	struct policy_ref *ref;
	bool changed;
	struct policy_row passed; /* in force instead of the file's: activated over the network */
	bool older;
};

/* A file that is older than what an operator activated is passed over, as is one that is older than
 * what another verifier on the database brought; older than what another file brought here, or of the
 * same version with other content, it is refused. */
static bool file_is_passed_over(
	struct enforcing *e, struct store_tx *tx, bool *ret, struct err *err)
{
	bool found = false;
	*ret = false;
	if (e->ref->policy->version >= tx->policy_version)
		return true;
	if (!policy_row_of_digest(tx->sql, tx->policy, &e->passed, &found, err))
		return false;
	*ret = e->older = found && (e->passed.staged != 0 || store_is_shared(e->app->store));
	return true;
}

static bool enforce_work(struct store_tx *tx, void *arg, struct err *err)
{
	struct enforcing *e = arg;
	uint8_t signature[SHA256_LEN];
	bool passed = false;
	e->changed = memcmp(tx->policy, e->ref->policy->digest, SHA256_LEN) != 0;
	/* Signatures may have been added to the file since. */
	if (!e->changed)
		return policy_ref_keep(tx, e->ref, signature, err);
	if (!file_is_passed_over(e, tx, &passed, err) || passed)
		return passed;
	if (policy_enforce(e->app, tx, e->ref, NULL, "", "", err))
		return true;
	if (err && err->code == ERR_CONFLICT)
		err->code = ERR_CONFIG;
	return err_wrap(err, "%s", e->app->config.policy);
}

static bool stored_open(
	struct app *app, const struct policy_row *row, struct policy_ref **ref, struct err *err)
{
	OWNED(policy_ref_drop) struct policy_ref *stored = NULL;
	struct sql *sql = NULL;
	if (!store_read(app->store, &sql, err))
		return false;
	bool ok = policy_ref_stored(app, sql, row, &stored, err);
	store_read_done(app->store, &sql);
	if (!ok)
		return err_wrap(err, "the policy in force, which the file does not hold");
	policy_ref_drop(ref);
	*ref = TAKE(stored);
	return true;
}

static bool load(struct app *app, struct enforcing *e, struct err *err)
{
	if (!file_open(app, e->ref, err) || !store_run(app->store, enforce_work, e, err))
		return false;
	if (e->older && !stored_open(app, &e->passed, &e->ref, err))
		return false;
	app_policy_swap(app, &e->ref);
	return true;
}

bool app_policy_load(struct app *app, struct err *err)
{
	struct enforcing e = {.app = app, .ref = policy_ref_new()};
	if (!e.ref)
		return err_set(err, ERR_NOMEM, "policy");
	(void)pthread_mutex_lock(&app->policy_change);
	bool ok = load(app, &e, err);
	(void)pthread_mutex_unlock(&app->policy_change);
	policy_ref_drop(&e.ref);
	if (!ok)
		return false;
	if (app->config.policy_signers.count == 0)
		log_event(&app->log, LOG_LEVEL_WARNING, "policy-unsigned",
			{"file", bytes_str(app->config.policy)},
			{"effect", BYTES_LIT("not checked: who wrote the policy; set policy_keys "
					     "and policy_threshold")});
	if (e.older)
		log_event(&app->log, LOG_LEVEL_WARNING, "policy-file-older",
			{"file", bytes_str(app->config.policy)},
			{"effect", BYTES_LIT("a version activated since stays in force (assay "
					     "policy list)")});
	else if (e.changed)
		log_event(&app->log, LOG_LEVEL_INFO, "policy-in-force",
			{"file", bytes_str(app->config.policy)});
	if (e.changed)
		elevations_settle_all(app);
	return true;
}
