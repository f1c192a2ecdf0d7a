/* SPDX-License-Identifier: Apache-2.0 */
/* What a policy says, and what one of its classes demands. */
#include "policy/words.h"

#include "base/text.h"
#include "policy/words_private.h"

const char *words_duration(int64_t seconds, char out[WORDS_DURATION_MAX])
{
	static const struct {
		int64_t seconds;
		char unit;
	} units[] = {{86400, 'd'}, {3600, 'h'}, {60, 'm'}, {1, 's'}};
	size_t i = 0;

	while (seconds % units[i].seconds != 0)
		i++;
	(void)snprintf(out, WORDS_DURATION_MAX, "%lld%c", (long long)(seconds / units[i].seconds),
		units[i].unit);
	return out;
}

void words_say(struct words *w, const char *format, ...)
{
	OWNED(free_ptr) char *text = NULL;
	va_list args;

	va_start(args, format);
	if (vasprintf(&text, format, args) < 0)
		text = NULL;
	va_end(args);
	if (!text || json_array_append_new(w->lines, json_string(text)) != 0)
		w->failed = true;
}

void words_put_name(struct buf *out, const char *name)
{
	buf_printf(out, "%s%s", out->len ? ", " : "", ESC(bytes_str(name)));
}

/* The names put together, or what stands for none of them. */
static const char *names_or(struct words *w, struct buf *names, const char *none)
{
	if (!buf_ok(names, NULL))
		w->failed = true;
	return !w->failed && names->len > 0 ? buf_str(names) : none;
}

/* ---- one class ---- */

static void explain_approvals(struct words *w, const struct policy *p, const struct policy_class *c)
{
	char age[WORDS_DURATION_MAX];

	if (c->approval_count == 0)
		words_say(w, "release: nobody has to approve it");
	for (size_t i = 0; i < c->approval_count; i++) {
		OWNED(buf_release) struct buf persons = {0};
		const char *role = c->approvals[i].role;

		for (size_t k = 0; k < p->approver_count; k++)
			for (size_t r = 0; r < p->approvers[k].role_count; r++)
				if (strcmp(p->approvers[k].roles[r], role) == 0)
					words_put_name(&persons, p->approvers[k].person);
		words_say(w,
			"release: approved by %u as %s, for its environment and this clause; "
			"who may: %s",
			c->approvals[i].count, role, names_or(w, &persons, "nobody"));
	}
	if (c->approval_count > 0)
		words_say(w, c->differ_from_author
				     ? "release: no approver is its author or signer"
				     : "release: its author and signer may approve it too");
	if (c->approval_count > 0 && c->approval_age_max > 0)
		words_say(w, "release: no approval is older than %s",
			words_duration(c->approval_age_max, age));
}

static void explain_bom(struct words *w, const struct policy_demand *demand)
{
	const struct policy_bom *bom = &demand->bom;
	OWNED(buf_release) struct buf formats = {0}, licenses = {0}, forbidden = {0};

	for (unsigned f = 0; f < BOM_FORMATS; f++)
		if (bom->formats >> f & 1)
			words_put_name(&formats, bom_format_name(f));
	for (size_t i = 0; i < bom->license_count; i++)
		words_put_name(&licenses, bom->licenses[i]);
	for (size_t i = 0; i < bom->forbidden_count; i++)
		words_put_name(&forbidden, bom->forbidden[i]);
	if (bom->formats)
		words_say(w, "release: %s is of format %s", demand->name,
			names_or(w, &formats, "none"));
	if (bom->models)
		words_say(w, "release: %s describes each model by its SHA-256", demand->name);
	if (bom->datasets)
		words_say(w, "release: %s names each data set snapshot", demand->name);
	if (bom->license_count > 0)
		words_say(w, "release: models and data sets in %s come under one of: %s",
			demand->name, names_or(w, &licenses, "none"));
	if (bom->forbidden_count > 0)
		words_say(w, "release: nothing in %s has to come under: %s", demand->name,
			names_or(w, &forbidden, "none"));
}

/* Who a signer is whom a certificate names. */
static void explain_identity(struct words *w, const struct policy_statement_key *signer)
{
	const struct policy_identity *identity = signer->identity;
	OWNED(buf_release) struct buf more = {0};

	if (identity->issuer)
		buf_printf(&more, ", vouched for by %s", identity->issuer);
	for (size_t i = 0; i < IDENTITY_EXTENSIONS; i++)
		if (identity->extensions[i])
			buf_printf(&more, ", %s %s", identity_extensions[i].name,
				identity->extensions[i]);
	words_say(w, "release: %s is whose certificate names %s%s%s, %s", signer->name,
		identity->identity, identity->prefix ? "…" : "", names_or(w, &more, ""),
		identity->log_optional
			? "in a log or stamped, or while a certificate of a day or more is valid"
			: "in a log");
}

static void explain_demands(struct words *w, const struct policy *p, const struct policy_class *c)
{
	for (size_t i = 0; i < c->demand_count; i++) {
		const struct policy_demand *demand = &c->demands[i];
		OWNED(buf_release) struct buf keys = {0};
		char age[WORDS_DURATION_MAX];

		for (size_t k = 0; k < p->statement_key_count; k++)
			if (demand->keys >> k & 1)
				words_put_name(&keys, p->statement_keys[k].name);
		words_say(w, "release: %s %s, signed by one of: %s",
			predicate_kind_name(demand->kind), demand->name,
			names_or(w, &keys, "nobody"));
		for (size_t k = 0; k < p->statement_key_count; k++)
			if ((demand->keys >> k & 1) && p->statement_keys[k].identity)
				explain_identity(w, &p->statement_keys[k]);
		if (demand->age_max > 0)
			words_say(w, "release: %s is not older than %s", demand->name,
				words_duration(demand->age_max, age));
		if (demand->builder_count > 0)
			words_say(w, "release: %s was made by one of %zu builders", demand->name,
				demand->builder_count);
		if (demand->metric_count > 0)
			words_say(w, "release: %s keeps %zu metrics within bounds", demand->name,
				demand->metric_count);
		explain_bom(w, demand);
	}
}

static void explain_release(struct words *w, const struct policy *p, const struct policy_class *c)
{
	OWNED(buf_release) struct buf keys = {0};

	for (size_t i = 0; i < p->release_key_count; i++)
		words_put_name(&keys, p->release_keys[i].name);
	words_say(w, "release: signed by one of: %s", names_or(w, &keys, "nobody"));
	explain_demands(w, p, c);
	explain_approvals(w, p, c);
	words_say(w, c->pinned ? "agent: every component is pinned, not only measured"
			       : "agent: every component is measured; pinning is not demanded");
	words_say(w, c->key == KEY_TPM ? "agent: its key lives in the TPM"
				       : "agent: its key may live in memory");
}

static void explain_hosts(struct words *w, const struct policy *p, const struct policy_class *c)
{
	OWNED(buf_release) struct buf names = {0};

	for (size_t i = 0; i < c->host_count; i++)
		words_put_name(&names, p->host_classes[c->hosts[i]].name);
	if (c->host_count == 0)
		words_say(w, "host: any that is enrolled; nothing of its boot is judged");
	else
		words_say(w, "host: of the first class that its boot satisfies: %s",
			names_or(w, &names, "none"));
	words_say(w, "host: shown to be at least %s", assurance_name(c->minimum_assurance));
	if (c->clock_safe)
		words_say(w, "host: its TPM was shut down in order (clock safe)");
}

static void explain_review(struct words *w, const struct policy_class *c)
{
	char every[WORDS_DURATION_MAX], grace[WORDS_DURATION_MAX];

	if (c->review_every > 0)
		words_say(w, "workload: reviewed every %s, with a grace of %s",
			words_duration(c->review_every, every),
			c->review_grace ? words_duration(c->review_grace, grace) : "none");
}

static const char *const end_words[END_ACTIONS] = {
	[END_CONTINUE] = "goes on", [END_FREEZE] = "frozen", [END_STOP] = "stopped"};

bool policy_class_explain(const struct policy *policy, const struct policy_class *class,
	json_t **ret, struct err *err)
{
	OWNED(json_release) json_t *lines = json_array();
	struct words w = {.lines = lines, .failed = !lines};
	char hex[2 * SHA256_LEN + 1];
	char lifetime[WORDS_DURATION_MAX], renew[WORDS_DURATION_MAX], drain[WORDS_DURATION_MAX],
		lease[WORDS_DURATION_MAX];

	explain_release(&w, policy, class);
	explain_hosts(&w, policy, class);
	words_explain_placement(&w, class);
	words_explain_environment(&w, class);
	explain_review(&w, class);
	words_say(&w, "workload: releases that its version floor passed renew for %s more",
		words_duration(class->drain, drain));
	words_say(&w, "credential: lives %s, renewed after %s",
		words_duration(class->credential_lifetime, lifetime),
		words_duration(class->renew_after, renew));
	words_say(&w, "agent: believed for %s after its last appraisal; after that %s",
		words_duration(class->lease, lease),
		class->after_lease == AFTER_LEASE_RELAUNCH ? "it must be launched again"
							   : "a renewal within 7d brings it back");
	if (class->on_lease_end != END_CONTINUE || class->on_refusal != END_CONTINUE)
		words_say(&w, "agent: %s when not renewed in time, %s when refused",
			end_words[class->on_lease_end], end_words[class->on_refusal]);
	words_explain_elevations(&w, class);
	words_explain_retention(&w, policy, class);
	hex_encode(BYTES_OF(class->clause), hex);
	words_say(&w, "clause: %s", hex);
	if (w.failed)
		return err_set(err, ERR_NOMEM, "no memory");
	*ret = TAKE(lines);
	return true;
}

/* ---- the whole ---- */

static void say_keys(struct words *w, const struct policy *p)
{
	OWNED(buf_release) struct buf roots = {0}, keys = {0};

	for (size_t i = 0; i < p->root_count; i++)
		words_put_name(&roots, p->roots[i].name);
	words_say(w, "TPM makers: %s", names_or(w, &roots, "none: an operator confirms each host"));
	words_say(w, "TPM makers: %zu intermediates, %zu revocation lists, %zu keys distrusted",
		p->intermediate_count, crls_count(p->ek_crls), p->ek_distrusted_count);
	for (size_t i = 0; i < p->release_key_count; i++)
		words_put_name(&keys, p->release_keys[i].name);
	words_say(w, "release keys: %s", names_or(w, &keys, "none"));
}

static void say_approvers(struct words *w, const struct policy *p)
{
	for (size_t i = 0; i < p->approver_count; i++) {
		const struct policy_approver *a = &p->approvers[i];
		OWNED(buf_release) struct buf roles = {0};

		for (size_t k = 0; k < a->role_count; k++)
			words_put_name(&roles, a->roles[k]);
		words_say(w, "approver %s: %s; %zu key%s", ESC(bytes_str(a->person)),
			names_or(w, &roles, "no role"), a->key_count, a->key_count == 1 ? "" : "s");
	}
}

static void say_classes(struct words *w, const struct policy *p)
{
	char lifetime[WORDS_DURATION_MAX];

	for (size_t i = 0; i < p->class_count; i++) {
		const struct policy_class *c = &p->classes[i];
		OWNED(buf_release) struct buf who = {0}, hosts = {0};

		for (size_t k = 0; k < c->approval_count; k++)
			buf_printf(&who, "%s%u %s", k ? ", " : "", c->approvals[k].count,
				c->approvals[k].role);
		for (size_t k = 0; k < c->host_count; k++)
			words_put_name(&hosts, p->host_classes[c->hosts[k]].name);
		words_say(w,
			"risk class %s: approvals: %s; hosts: %s; at least %s; credentials of %s",
			c->name, names_or(w, &who, "none"), names_or(w, &hosts, "any enrolled"),
			assurance_name(c->minimum_assurance),
			words_duration(c->credential_lifetime, lifetime));
	}
	for (size_t i = 0; i < p->host_class_count; i++) {
		const struct host_class *h = &p->host_classes[i];

		words_say(w, "host class %s: reaches %s at most; Secure Boot %s; %zu reference%s%s",
			ESC(bytes_str(h->name)), assurance_name(h->ceiling),
			h->secure_boot == SECURE_BOOT_REQUIRED ? "required" : "any",
			h->reference_count, h->reference_count == 1 ? "" : "s",
			h->ima.judged ? "; IMA judged" : "");
	}
}

static json_t *references_json(const struct policy *policy)
{
	json_t *array = json_array();
	const uint8_t *digest;

	for (size_t i = 0; array && (digest = policy_reference(policy, i)); i++) {
		char hex[2 * SHA256_LEN + 1];

		hex_encode(bytes_of(digest, SHA256_LEN), hex);
		if (json_array_append_new(array, json_string(hex)) != 0) {
			json_decref(array);
			return NULL;
		}
	}
	return array;
}

bool policy_summary(const struct policy *policy, json_t **ret, struct err *err)
{
	json_t *lines = json_array();
	struct words w = {.lines = lines, .failed = !lines};
	char hex[2 * SHA256_LEN + 1];

	say_keys(&w, policy);
	say_approvers(&w, policy);
	say_classes(&w, policy);
	words_say_retention(&w, policy);
	hex_encode(BYTES_OF(policy->digest), hex);
	/* json_pack frees what it was given when it fails. */
	*ret = json_pack("{s:I,s:s,s:s,s:o,s:o}", "version", (json_int_t)policy->version, "sha256",
		hex, "trust_domain", policy->trust_domain, "summary", lines, "references",
		references_json(policy));
	if (*ret && !w.failed)
		return true;
	json_decref(*ret);
	*ret = NULL;
	return err_set(err, ERR_NOMEM, "no memory");
}
