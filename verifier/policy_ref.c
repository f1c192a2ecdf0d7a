/* SPDX-License-Identifier: Apache-2.0 */
/* A policy made ready to decide: signatures first, then what it says, then what it names. */
#include "verifier/app_policy.h"

#include "base/file.h"
#include "base/text.h"
#include "verifier/retention_rows.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>

struct policy_ref *policy_ref_new(void)
{
	struct policy_ref *ref = calloc(1, sizeof(*ref));
	if (ref)
		atomic_init(&ref->count, 1);
	return ref;
}

void policy_ref_drop(struct policy_ref **ref)
{
	struct policy_ref *self = *ref;
	*ref = NULL;
	if (!self || atomic_fetch_sub(&self->count, 1) != 1)
		return;
	policy_free(&self->policy);
	buf_release(&self->text);
	buf_release(&self->signature);
	buf_release(&self->signers);
	for (size_t i = 0; i < self->reference_count; i++)
		buf_release(&self->references[i]);
	free(self);
}

static void directory_close(DIR **directory)
{
	if (*directory)
		(void)closedir(*directory);
}

/* Attached, and the content taken, if the policy names it; passed over if not. */
static bool reference_take(
	const char *path, struct policy_ref *ref, struct buf *content, struct err *err)
{
	struct err why = {0};
	if (!policy_attach(ref->policy, buf_bytes(content), &why))
		return why.code == ERR_NOT_FOUND ||
		       err_set(err, why.code, "%s: %s", path, why.text);
	for (size_t i = 0; i < ref->reference_count; i++)
		if (bytes_equal(buf_bytes(&ref->references[i]), buf_bytes(content)))
			return true; /* the same content under another name */
	if (ref->reference_count == ARRAY_LEN(ref->references))
		return err_set(
			err, ERR_INTERNAL, "%s: more references than a policy can name", path);
	ref->references[ref->reference_count++] = TAKE_STRUCT(*content);
	return true;
}

/* One file of the directory. */
static bool reference_read(const char *path, struct policy_ref *ref, struct err *err)
{
	OWNED(buf_release) struct buf content = {0};
	return file_read(path, REFERENCE_MAX, &content, err) &&
	       reference_take(path, ref, &content, err);
}

/* What the store holds from an earlier policy, or from this one. */
static bool references_stored(struct sql *sql, struct policy_ref *ref, struct err *err)
{
	const uint8_t *digest;
	for (size_t i = 0; (digest = policy_reference(ref->policy, i)) != NULL; i++) {
		OWNED(buf_release) struct buf content = {0};
		struct err why = {0};
		if (object_get(sql, digest, &content, &why)) {
			if (!reference_take("the store", ref, &content, err))
				return false;
		} else if (why.code != ERR_NOT_FOUND && why.code != ERR_GONE) {
			return err_set(err, why.code, "%s", why.text);
		}
	}
	return true;
}

static bool references_in(const char *path, struct policy_ref *ref, struct err *err)
{
	OWNED(directory_close) DIR *directory = NULL;
	const struct dirent *entry;
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
static bool signature_check(
	const struct config *config, const char *name, struct policy_ref *ref, struct err *err)
{
	const struct policy_signers *signers = &config->policy_signers;
	if (signers->count == 0)
		return true;
	if (!policy_signature_verify(buf_bytes(&ref->signature), buf_bytes(&ref->text), signers,
		    &ref->signed_by, err))
		return err_wrap(err, "%s.sig", name);
	return policy_signers_encode(signers, &ref->signers, err) &&
	       sha256_of(buf_bytes(&ref->signature), ref->signature_digest, err) &&
	       sha256_of(buf_bytes(&ref->signers), ref->signers_digest, err);
}

bool policy_ref_open(
	struct app *app, const char *name, struct sql *sql, struct policy_ref *ref, struct err *err)
{
	return signature_check(&app->config, name, ref, err) &&
	       policy_ref_read(app, name, sql, ref, err);
}

bool policy_ref_read(
	struct app *app, const char *name, struct sql *sql, struct policy_ref *ref, struct err *err)
{
	const struct config *config = &app->config;
	if (!policy_parse(buf_bytes(&ref->text), name, &ref->policy, err)) {
		if (err && strstr(err->text, "Insufficient entries"))
			return err_wrap(err, "the policy is not filled in: add at least one "
					     "release key and one risk class");
		return false;
	}
	if (strcmp(ref->policy->trust_domain, config->trust_domain) != 0)
		return err_set(err, ERR_CONFIG, "%s: trust_domain: %s is not this verifier's, %s",
			name, ref->policy->trust_domain, config->trust_domain);
	if (!policy_signers_outside(&config->policy_signers, ref->policy, err))
		return err_wrap(err, "%s", name);
	if (!policy_reference(ref->policy, 0))
		return true;
	if (sql && !references_stored(sql, ref, err))
		return false;
	return (sql && policy_complete(ref->policy, NULL)) ||
	       references_in(config->references, ref, err);
}

bool policy_ref_stored(struct app *app, struct sql *sql, const struct policy_row *row,
	struct policy_ref **ret, struct err *err)
{
	static const uint8_t none[SHA256_LEN];
	OWNED(policy_ref_drop) struct policy_ref *ref = policy_ref_new();
	char name[48];
	(void)snprintf(name, sizeof(name), "stored policy %lld", (long long)row->version);
	if (!ref)
		return err_set(err, ERR_NOMEM, "policy");
	if (!object_get(sql, row->digest, &ref->text, err) ||
		(memcmp(row->signature, none, sizeof(none)) != 0 &&
			!object_get(sql, row->signature, &ref->signature, err)))
		return err_wrap(err, "%s", name);
	if (!policy_ref_open(app, name, sql, ref, err))
		return false;
	if (ref->policy->version != row->version)
		return err_set(err, ERR_STORE, "%s: says that it is version %lld", name,
			(long long)ref->policy->version);
	*ret = TAKE(ref);
	return true;
}

json_t *policy_ref_signed(const struct app *app, const struct policy_ref *ref)
{
	const struct policy_signers *signers = &app->config.policy_signers;
	json_t *names = json_array();
	for (size_t i = 0; names && i < signers->count; i++)
		if ((ref->signed_by >> i & 1) &&
			json_array_append_new(names, json_string(signers->names[i])) != 0) {
			json_decref(names);
			return NULL;
		}
	return names;
}

static bool put_one(struct store_tx *tx, const struct buf *content, struct err *err)
{
	uint8_t digest[SHA256_LEN];
	return content->len == 0 || (sha256_of(buf_bytes(content), digest, err) &&
					    object_put(tx->sql, digest, buf_bytes(content), err));
}

bool policy_ref_keep(struct store_tx *tx, const struct policy_ref *ref,
	uint8_t ret_signature[SHA256_LEN], struct err *err)
{
	memcpy(ret_signature, ref->signature_digest, SHA256_LEN);
	for (size_t i = 0; i < ref->reference_count; i++)
		if (!put_one(tx, &ref->references[i], err))
			return false;
	return retention_note_policy(tx->sql, ref->policy, err) &&
	       put_one(tx, &ref->signature, err) && put_one(tx, &ref->signers, err) &&
	       put_one(tx, &ref->text, err);
}

/* What it is, whose keys signed it, and who does something with it. */
json_t *policy_ref_entry(const struct app *app, const struct policy_ref *ref, const char *event,
	const char *by, const char *reason)
{
	char digest[2 * SHA256_LEN + 1];
	hex_encode(BYTES_OF(ref->policy->digest), digest);
	OWNED(json_release)
	json_t *entry = json_pack("{s:s, s:s, s:I}", "event", event, "digest", digest, "version",
		(json_int_t)ref->policy->version);
	bool ok = entry != NULL;
	if (ok && ref->signature.len > 0) {
		hex_encode(BYTES_OF(ref->signature_digest), digest);
		ok = json_object_set_new(entry, "signature", json_string(digest)) == 0 &&
		     json_object_set_new(entry, "threshold",
			     json_integer((json_int_t)app->config.policy_signers.threshold)) == 0 &&
		     json_object_set_new(entry, "signed_by", policy_ref_signed(app, ref)) == 0;
	}
	if (ok && by[0])
		ok = json_object_set_new(entry, "by", json_string(by)) == 0;
	if (ok && reason[0])
		ok = json_object_set_new(entry, "reason", json_string(reason)) == 0;
	return ok ? TAKE(entry) : NULL;
}
