/* SPDX-License-Identifier: Apache-2.0 */
/* The policy in force. */
#include "verifier/app.h"

#include "base/file.h"
#include "base/text.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>

void policy_ref_drop(struct policy_ref **ref)
{
	struct policy_ref *self = *ref;
	*ref = NULL;
	if (!self || atomic_fetch_sub(&self->count, 1) != 1)
		return;
	policy_free(&self->policy);
	buf_release(&self->text);
	buf_release(&self->signature);
	for (size_t i = 0; i < self->reference_count; i++)
		buf_release(&self->references[i]);
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

static void directory_close(DIR **directory)
{
	if (*directory)
		(void)closedir(*directory);
}

/* One file of the directory: attached if the policy names it, and passed over if not. */
static bool reference_read(const char *path, struct policy_ref *ref, struct err *err)
{
	OWNED(buf_release) struct buf content = {0};
	struct err why = {0};
	if (!file_read(path, REFERENCE_MAX, &content, err))
		return false;
	if (!policy_attach(ref->policy, buf_bytes(&content), &why))
		return why.code == ERR_NOT_FOUND ||
		       err_set(err, why.code, "%s: %s", path, why.text);
	for (size_t i = 0; i < ref->reference_count; i++)
		if (bytes_equal(buf_bytes(&ref->references[i]), buf_bytes(&content)))
			return true; /* the same content under another name */
	if (ref->reference_count == ARRAY_LEN(ref->references))
		return err_set(
			err, ERR_INTERNAL, "%s: more references than a policy can name", path);
	ref->references[ref->reference_count++] = TAKE_STRUCT(content);
	return true;
}

static bool references_read(const char *path, struct policy_ref *ref, struct err *err)
{
	OWNED(directory_close) DIR *directory = NULL;
	const struct dirent *entry;
	if (!policy_reference(ref->policy, 0))
		return true;
	directory = opendir(path);
	if (!directory)
		return err_errno(err, errno, "references: %s", path);
	while ((entry = readdir(directory))) {
		OWNED(buf_release) struct buf file = {0};
		if (entry->d_name[0] == '.')
			continue;
		if (!path_join(&file, path, entry->d_name))
			return buf_ok(&file, err);
		if (!reference_read(buf_str(&file), ref, err))
			return err_wrap(err, "references");
	}
	return policy_complete(ref->policy, err) || err_wrap(err, "%s", path);
}

/* Before anything of the policy is parsed. */
static bool signature_check(const struct config *config, struct policy_ref *ref, struct err *err)
{
	OWNED(buf_release) struct buf path = {0};
	if (config->policy_signers.count == 0)
		return true;
	buf_printf(&path, "%s.sig", config->policy);
	if (!buf_ok(&path, err) ||
		!file_read(buf_str(&path), POLICY_ENVELOPE_MAX, &ref->signature, err))
		return err_wrap(err, "the policy's signature (assay policy sign makes it)");
	return policy_signature_verify(buf_bytes(&ref->signature), buf_bytes(&ref->text),
		       &config->policy_signers, &ref->signed_by, err) ||
	       err_wrap(err, "%s", buf_str(&path));
}

static bool ref_read(const struct app *app, struct policy_ref *ref, struct err *err)
{
	if (!file_read(app->config.policy, POLICY_TEXT_MAX, &ref->text, err))
		return err_wrap(err, "policy");
	if (!signature_check(&app->config, ref, err))
		return false;
	if (!policy_parse(buf_bytes(&ref->text), app->config.policy, &ref->policy, err)) {
		if (err && strstr(err->text, "Insufficient entries"))
			return err_wrap(err, "the policy is not filled in: add at least one "
					     "release key and one risk class");
		return false;
	}
	if (strcmp(ref->policy->trust_domain, app->config.trust_domain) != 0)
		return err_set(err, ERR_CONFIG, "%s: trust_domain: %s is not this verifier's, %s",
			app->config.policy, ref->policy->trust_domain, app->config.trust_domain);
	if (!policy_signers_outside(&app->config.policy_signers, ref->policy, err))
		return err_wrap(err, "%s", app->config.policy);
	return references_read(app->config.references, ref, err);
}

struct enforcing {
	struct app *app;
	struct policy_ref *ref;
	bool changed;
};

/* The leaf of a policy: what it is, and whose keys put it in force. */
static json_t *entry_of(const struct enforcing *e, const uint8_t signature[SHA256_LEN])
{
	const struct policy_ref *ref = e->ref;
	const struct policy_signers *signers = &e->app->config.policy_signers;
	char digest[2 * SHA256_LEN + 1];
	hex_encode(BYTES_OF(ref->policy->digest), digest);
	json_t *entry = json_pack("{s:s, s:s, s:I}", "event", "policy", "digest", digest, "version",
		(json_int_t)ref->policy->version);
	if (!entry || ref->signature.len == 0)
		return entry;
	json_t *names = json_array();
	hex_encode(bytes_of(signature, SHA256_LEN), digest);
	bool ok = json_object_set_new(entry, "signature", json_string(digest)) == 0 &&
		  json_object_set_new(
			  entry, "threshold", json_integer((json_int_t)signers->threshold)) == 0 &&
		  json_object_set_new(entry, "signed_by", names) == 0;
	for (size_t i = 0; ok && i < signers->count; i++)
		ok = !(ref->signed_by >> i & 1) ||
		     json_array_append_new(names, json_string(signers->names[i])) == 0;
	if (ok)
		return entry;
	json_decref(entry);
	return NULL;
}

/* What the policy names and what signs it, kept as objects by digest. */
static bool objects_put(struct store_tx *tx, const struct policy_ref *ref,
	uint8_t ret_signature[SHA256_LEN], struct err *err)
{
	struct bytes signature = buf_bytes(&ref->signature);
	for (size_t i = 0; i < ref->reference_count; i++) {
		uint8_t reference[SHA256_LEN];
		struct bytes content = buf_bytes(&ref->references[i]);
		if (!sha256_of(content, reference, err) ||
			!object_put(tx->sql, reference, content, err))
			return false;
	}
	if (signature.len > 0 && (!sha256_of(signature, ret_signature, err) ||
					 !object_put(tx->sql, ret_signature, signature, err)))
		return false;
	return object_put(tx->sql, ref->policy->digest, buf_bytes(&ref->text), err);
}

static bool enforce_work(struct store_tx *tx, void *arg, struct err *err)
{
	struct enforcing *e = arg;
	const struct policy *policy = e->ref->policy;
	uint8_t signature[SHA256_LEN] = {0};
	e->changed = memcmp(tx->policy, policy->digest, SHA256_LEN) != 0;
	if (!e->changed)
		return true;
	if (policy->version <= tx->policy_version)
		return err_set(err, ERR_CONFIG,
			"%s: version %lld: version %lld is in force with other content; raise the "
			"version",
			e->app->config.policy, (long long)policy->version,
			(long long)tx->policy_version);
	return objects_put(tx, e->ref, signature, err) &&
	       policy_in_force_set(tx, policy->digest, policy->version, err) &&
	       entry_append(e->app, tx, LEAF_POLICY, clock_wall(e->app->clock),
		       entry_of(e, signature), err);
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
	if (app->config.policy_signers.count == 0)
		log_event(&app->log, LOG_LEVEL_WARNING, "policy-unsigned",
			{"file", bytes_str(app->config.policy)},
			{"effect", BYTES_LIT("not checked: who wrote the policy; set policy_keys "
					     "and policy_threshold")});
	if (enforcing.changed)
		log_event(&app->log, LOG_LEVEL_INFO, "policy-in-force",
			{"file", bytes_str(app->config.policy)});
	return true;
}
