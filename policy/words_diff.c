/* SPDX-License-Identifier: Apache-2.0 */
/* What changes from one policy to the next, in words: how changes are noted, and the file's top. */
#include <stdlib.h>

#include "base/text.h"
#include "policy/words_private.h"

static const char *const direction_names[] = {
	[DIFF_OTHER] = "other",
	[DIFF_TIGHTER] = "tighter",
	[DIFF_LOOSER] = "looser",
};

static enum direction opposite(enum direction direction)
{
	static const enum direction table[] = {
		[DIFF_OTHER] = DIFF_OTHER,
		[DIFF_TIGHTER] = DIFF_LOOSER,
		[DIFF_LOOSER] = DIFF_TIGHTER,
	};

	return table[direction];
}

void diff_note(struct diff *d, enum direction direction, const char *subject, const char *effect,
	const char *format, ...)
{
	OWNED(free_ptr) char *text = NULL;
	va_list args;

	va_start(args, format);
	if (vasprintf(&text, format, args) < 0)
		text = NULL;
	va_end(args);
	if (!text ||
		json_array_append_new(d->w.lines,
			json_pack("{s:s,s:s,s:s,s:s}", "subject", subject, "text", text, "effect",
				effect, "direction", direction_names[direction])) != 0)
		d->w.failed = true;
}

void diff_flag(struct diff *d, const char *subject, const char *key, bool old, bool new,
	enum direction when_set, const char *effect)
{
	if (old != new)
		diff_note(d, new ? when_set : opposite(when_set), subject, effect, "%s: %s, was %s",
			key, new ? "true" : "false", old ? "true" : "false");
}

void diff_number(struct diff *d, const char *subject, const char *key, uint64_t old, uint64_t new,
	enum direction when_more, const char *effect)
{
	if (old != new)
		diff_note(d, new > old ? when_more : opposite(when_more), subject, effect,
			"%s: %llu, was %llu", key, (unsigned long long)new,
			(unsigned long long)old);
}

void diff_text(struct diff *d, const char *subject, const char *key, const char *old,
	const char *new, enum direction direction, const char *effect)
{
	if (strcmp(old, new) != 0)
		diff_note(d, direction, subject, effect, "%s: %s, was %s", key, new, old);
}

/* ---- sets ---- */

void diff_items_release(struct diff_items *items)
{
	free(items->list);
	memset(items, 0, sizeof(*items));
}

void diff_items_add(
	struct diff *d, struct diff_items *items, const uint8_t id[SHA256_LEN], const char *name)
{
	struct diff_item *item;

	if (items->count == items->room) {
		size_t room = items->room ? 2 * items->room : 16;
		struct diff_item *grown = reallocarray(items->list, room, sizeof(*grown));

		if (!grown) {
			d->w.failed = true;
			return;
		}
		items->list = grown;
		items->room = room;
	}
	item = &items->list[items->count++];
	memcpy(item->id, id, SHA256_LEN);
	text_escape(bytes_str(name ? name : ""), item->name, sizeof(item->name));
}

void diff_items_add_bytes(
	struct diff *d, struct diff_items *items, struct bytes of, const char *name)
{
	uint8_t id[SHA256_LEN];

	if (!sha256_of(of, id, NULL))
		d->w.failed = true;
	else
		diff_items_add(d, items, id, name);
}

static const struct diff_item *item_find(const struct diff_items *in, const struct diff_item *item)
{
	for (size_t i = 0; i < in->count; i++)
		if (memcmp(in->list[i].id, item->id, SHA256_LEN) == 0)
			return &in->list[i];
	return NULL;
}

static void note_member(struct diff *d, enum direction direction, const struct diff_set *set,
	const char *effect, const char *done, const struct diff_item *item)
{
	char hex[17];

	if (set->plain)
		diff_note(d, direction, set->subject, effect, "%s %s: %s", set->noun, done,
			item->name);
	else
		diff_note(d, direction, set->subject, effect, "%s %s: %s (%s…)", set->noun, done,
			item->name, text_short_hex(BYTES_OF(item->id), hex));
}

void diff_sets(struct diff *d, const struct diff_set *set, const struct diff_items *old,
	const struct diff_items *new)
{
	for (size_t i = 0; i < new->count; i++) {
		const struct diff_item *item = &new->list[i], *was = item_find(old, item);

		if (!was)
			note_member(d, set->added, set, set->added_effect, "added", item);
		else if (strcmp(was->name, item->name) != 0)
			diff_note(d, DIFF_OTHER, set->subject, "only its name changes",
				"%s %s is now called %s", set->noun, was->name, item->name);
	}
	for (size_t i = 0; i < old->count; i++)
		if (!item_find(new, &old->list[i]))
			note_member(d, opposite(set->added), set, set->removed_effect, "removed",
				&old->list[i]);
}

/* ---- the top ---- */

typedef void (*collect)(struct diff *d, const struct policy *policy, struct diff_items *ret);

static void collect_release_keys(
	struct diff *d, const struct policy *policy, struct diff_items *ret)
{
	for (size_t i = 0; i < policy->release_key_count; i++)
		diff_items_add(
			d, ret, key_id(policy->release_keys[i].key), policy->release_keys[i].name);
}

/* A key with what it is trusted for: another kind makes it another member. */
static void collect_statement_keys(
	struct diff *d, const struct policy *policy, struct diff_items *ret)
{
	for (size_t i = 0; i < policy->statement_key_count; i++) {
		const struct policy_statement_key *key = &policy->statement_keys[i];
		struct bytes parts[] = {{0}, bytes_of(&key->kinds, sizeof(key->kinds))};
		struct digest id;

		if (!key->key)
			continue;
		parts[0] = key_spki(key->key);
		if (digest_of_parts(DIGEST_SHA256, parts, ARRAY_LEN(parts), &id, NULL))
			diff_items_add(d, ret, id.bytes, key->name);
		else
			d->w.failed = true;
	}
}

static void collect_roots(struct diff *d, const struct policy *policy, struct diff_items *ret)
{
	for (size_t i = 0; i < policy->root_count; i++)
		diff_items_add_bytes(
			d, ret, cert_der(policy->roots[i].cert), policy->roots[i].name);
}

static void collect_intermediates(
	struct diff *d, const struct policy *policy, struct diff_items *ret)
{
	for (size_t i = 0; i < policy->intermediate_count; i++)
		diff_items_add_bytes(d, ret, cert_der(policy->intermediates[i]), "certificate");
}

static void collect_crls(struct diff *d, const struct policy *policy, struct diff_items *ret)
{
	for (size_t i = 0; i < crls_count(policy->ek_crls); i++) {
		OWNED(buf_release) struct buf der = {0};

		if (crls_der(policy->ek_crls, i, &der, NULL))
			diff_items_add_bytes(d, ret, buf_bytes(&der), "list");
		else
			d->w.failed = true;
	}
}

static void collect_distrusted(struct diff *d, const struct policy *policy, struct diff_items *ret)
{
	for (size_t i = 0; i < policy->ek_distrusted_count; i++)
		diff_items_add(
			d, ret, policy->ek_distrusted[i].sha256, policy->ek_distrusted[i].reason);
}

static void collect_templates(struct diff *d, const struct policy *policy, struct diff_items *ret)
{
	for (size_t i = 0; i < policy->ek_template_count; i++) {
		const char *name = ek_template_info(policy->ek_templates[i])->name;

		diff_items_add_bytes(d, ret, bytes_str(name), name);
	}
}

static void diff_collected(struct diff *d)
{
	static const struct {
		struct diff_set set;
		collect collect;
	} sets[] = {
		{{"ek_roots", "TPM maker", DIFF_LOOSER, "TPMs below it may enrol",
			 "its TPMs are refused at their next full appraisal"},
			collect_roots},
		{{"ek_intermediates", "intermediate", DIFF_OTHER,
			 "chains of TPMs may be completed with it",
			 "hosts that do not send it themselves are refused"},
			collect_intermediates},
		{{"ek_revocation", "revocation list", DIFF_OTHER,
			 "TPMs on it are refused; once stale it refuses all of its maker's",
			 "what it revoked is believed again unless another list says so"},
			collect_crls},
		{{"ek_distrusted", "distrusted key", DIFF_TIGHTER,
			 "its TPM is refused at its next full appraisal",
			 "its TPM is believed again"},
			collect_distrusted},
		{{"ek_templates", "EK template", DIFF_LOOSER, "TPMs with such keys may enrol",
			 "TPMs with such keys are refused", true},
			collect_templates},
		{{"release_keys", "release key", DIFF_LOOSER, "may sign releases from now on",
			 "releases that it alone signed are refused at the next full appraisal"},
			collect_release_keys},
		{{"statement_keys", "statement key", DIFF_LOOSER,
			 "its statements count for the kinds it is trusted for",
			 "what it alone stated counts no more"},
			collect_statement_keys},
	};

	for (size_t i = 0; i < ARRAY_LEN(sets); i++) {
		OWNED(diff_items_release) struct diff_items old = {0};
		OWNED(diff_items_release) struct diff_items new = {0};

		sets[i].collect(d, d->old, &old);
		sets[i].collect(d, d->new, &new);
		diff_sets(d, &sets[i].set, &old, &new);
	}
}

static void diff_general(struct diff *d)
{
	const struct policy *old = d->old, *new = d->new;
	const char *late = "a verifier with the old one in force refuses it: raise the version";

	if (new->version != old->version || memcmp(new->digest, old->digest, SHA256_LEN) != 0)
		diff_note(d, DIFF_OTHER, "version",
			new->version > old->version ? "every instance is appraised in full at its "
						      "next renewal"
						    : late,
			"version: %lld, was %lld", (long long)new->version,
			(long long)old->version);
	diff_text(d, "trust_domain", "trust_domain", old->trust_domain, new->trust_domain,
		DIFF_OTHER, "a verifier of another trust domain refuses it");
	diff_text(d, "pcr_bank", "pcr_bank", digest_alg_name(old->bank), digest_alg_name(new->bank),
		DIFF_OTHER,
		"hosts must quote this bank; golden logs and baselines of the other do "
		"not fit");
	diff_number(d, "runtime_pcr", "runtime_pcr", old->runtime_pcr, new->runtime_pcr, DIFF_OTHER,
		"hosts that extend another PCR are refused");
	diff_flag(d, "ek_ignore_expiry", "ek_ignore_expiry", old->ek_ignore_expiry,
		new->ek_ignore_expiry, DIFF_LOOSER, "expired EK certificates");
	diff_flag(d, "ek_ignore_stale_revocation", "ek_ignore_stale_revocation",
		old->ek_ignore_stale_revocation, new->ek_ignore_stale_revocation, DIFF_LOOSER,
		"revocation lists that have ended");
	diff_number(d, "tpm_firmware_minimum", "tpm_firmware_minimum", old->tpm_firmware_minimum,
		new->tpm_firmware_minimum, DIFF_TIGHTER, "TPMs with older firmware are refused");
	diff_number(d, "challenge_lifetime", "challenge_lifetime (s)",
		(uint64_t)old->challenge_lifetime, (uint64_t) new->challenge_lifetime, DIFF_LOOSER,
		"how old evidence may be");
}

/* ---- persons ---- */

static const struct policy_approver *approver_find(const struct policy *policy, const char *person)
{
	for (size_t i = 0; i < policy->approver_count; i++)
		if (strcmp(policy->approvers[i].person, person) == 0)
			return &policy->approvers[i];
	return NULL;
}

static void diff_person(
	struct diff *d, const struct policy_approver *old, const struct policy_approver *new)
{
	static const struct policy_approver nobody;
	struct diff_items roles[2] = {{0}}, keys[2] = {{0}};
	const struct policy_approver *both[] = {old ? old : &nobody, new ? new : &nobody};
	const struct policy_approver *named = new ? new : old;
	char subject[200];
	struct diff_set set = {subject, "role", DIFF_LOOSER, "approves in this role from now on",
		"approvals in this role no longer count", true};

	(void)snprintf(subject, sizeof(subject), "approver %s", ESC(bytes_str(named->person)));
	for (size_t i = 0; i < 2; i++) {
		for (size_t k = 0; k < both[i]->role_count; k++)
			diff_items_add_bytes(
				d, &roles[i], bytes_str(both[i]->roles[k]), both[i]->roles[k]);
		for (size_t k = 0; k < both[i]->key_count; k++)
			diff_items_add(d, &keys[i], key_id(both[i]->keys[k]), "key");
	}
	diff_sets(d, &set, &roles[0], &roles[1]);
	set = (struct diff_set){subject, "key", DIFF_LOOSER, "speaks for this person from now on",
		"approvals that it signed no longer count", false};
	diff_sets(d, &set, &keys[0], &keys[1]);
	for (size_t i = 0; i < 2; i++) {
		diff_items_release(&roles[i]);
		diff_items_release(&keys[i]);
	}
}

static void diff_approvers(struct diff *d)
{
	for (size_t i = 0; i < d->new->approver_count; i++)
		diff_person(d, approver_find(d->old, d->new->approvers[i].person),
			&d->new->approvers[i]);
	for (size_t i = 0; i < d->old->approver_count; i++)
		if (!approver_find(d->new, d->old->approvers[i].person))
			diff_person(d, &d->old->approvers[i], NULL);
}

bool policy_diff(const struct policy *old, const struct policy *new, json_t **ret, struct err *err)
{
	json_t *changes = json_array(), *approvals_void = json_array();
	struct diff d = {.old = old, .new = new, .w = {.lines = changes}};
	bool same = memcmp(old->digest, new->digest, SHA256_LEN) == 0;

	d.w.failed = !changes || !approvals_void;
	diff_general(&d);
	diff_collected(&d);
	diff_identities(&d);
	diff_approvers(&d);
	diff_host_classes(&d);
	diff_classes(&d, approvals_void);
	diff_retention(&d);
	if (!same && json_array_size(changes) == 1)
		diff_note(&d, DIFF_OTHER, "text", "nothing that is judged changes",
			"comments, order or layout differ");
	*ret = json_pack("{s:b,s:o,s:o}", "same", (int)same, "changes", changes, "approvals_void",
		approvals_void);
	if (*ret && !d.w.failed)
		return true;
	json_decref(*ret);
	*ret = NULL;
	return err_set(err, ERR_NOMEM, "no memory");
}
