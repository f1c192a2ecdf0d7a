/* SPDX-License-Identifier: Apache-2.0 */
/* Whose word on a request counts, whether enough persons gave theirs, and until when it holds. */
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "base/time.h"
#include "policy/elevation.h"
#include "policy/instant.h"
#include "policy/policy_file.h"
#include "policy/release_case.h"

void elevation_word_release(struct elevation_word *word)
{
	elevation_approval_free(&word->approval);
	memset(word, 0, sizeof(*word));
}

static void fault(struct elevation_word *word, bool wrong, const char *why)
{
	if (wrong && !word->why)
		word->why = why;
}

static bool person_has_role(const struct policy_approver *approver, const char *role)
{
	for (size_t i = 0; i < approver->role_count; i++)
		if (strcmp(approver->roles[i], role) == 0)
			return true;
	return false;
}

static bool rule_names(const struct policy_elevation *rule, const char *role)
{
	for (size_t i = 0; i < rule->approval_count; i++)
		if (strcmp(rule->approvals[i].role, role) == 0)
			return true;
	return false;
}

/* By name, or by a key: whoever asked holds no second vote, whatever name the policy has for it. */
static bool is_requester(
	const struct policy_approver *approver, const struct elevation_request *request)
{
	if (request->person && strcmp(approver->person, request->person) == 0)
		return true;
	for (size_t i = 0; i < approver->key_count; i++)
		if (memcmp(key_id(approver->keys[i]), request->key, SHA256_LEN) == 0)
			return true;
	return false;
}

static bool judge_signature(const struct policy *policy, const struct dsse *dsse,
	struct elevation_word *word, struct err *err)
{
	const struct policy_approver *approver;
	uint64_t mask = 0;

	for (word->person = 0; word->person < policy->approver_count; word->person++)
		if (strcmp(policy->approvers[word->person].person, word->approval->person) == 0)
			break;
	word->why = "by a person whom the policy does not name";
	if (word->person == policy->approver_count)
		return true;
	approver = &policy->approvers[word->person];
	if (!dsse_verify(dsse, approver->keys, approver->key_count, &mask, err))
		return err_wrap(err, "elevation approval");
	word->why = mask ? NULL : "not signed by a key of this person";
	return true;
}

/* The request's digest names all of it. What the statement says besides is for whoever reads it
 * alone, and must be no lie. */
static void judge_subject(const struct elevation *e, struct elevation_word *word)
{
	const struct elevation_request *r = e->request;
	const struct elevation_approval *a = word->approval;

	fault(word, memcmp(a->request, r->digest, SHA256_LEN) != 0, "of another request");
	fault(word, memcmp(a->id, r->id, sizeof(r->id)) != 0, "of a request with another id");
	fault(word, memcmp(a->entry, e->entry, SHA256_LEN) != 0,
		"of a request that stands elsewhere in the ledger");
	fault(word, strcmp(a->verifier, r->verifier) != 0, "for another verifier");
	fault(word, strcmp(a->workload, r->workload) != 0, "for another workload");
	fault(word, strcmp(a->right, r->right) != 0, "of another right");
	fault(word, a->duration > r->duration, "for longer than was asked");
}

static void judge_terms(const struct policy *policy, const struct policy_elevation *rule,
	const struct elevation *e, int64_t from, int64_t now, struct elevation_word *word)
{
	const struct elevation_approval *a = word->approval;
	const struct policy_approver *approver = &policy->approvers[word->person];

	fault(word, !person_has_role(approver, a->role),
		"in a role that this person does not have");
	fault(word, !rule_names(rule, a->role), "in a role that the right does not ask for");
	fault(word, !a->denied && is_requester(approver, e->request), "by the one who asked");
	fault(word, a->issued > now + CLOCK_SKEW_MAX, "issued in the future");
	word->end = earlier_of(a->expires, instant_after(from, a->duration));
	fault(word, now >= word->end, "expired");
}

/* Bytes that cannot be read are somebody's word no more. */
static bool unreadable(struct elevation_word *word, const struct err *why, struct err *err)
{
	word->why = "not an approval that this program can read";
	return (why->code != ERR_NOMEM && why->code != ERR_INTERNAL) ||
	       err_set(err, why->code, "elevation approval: %s", why->text);
}

bool elevation_word_judge(const struct policy *policy, const struct policy_elevation *rule,
	const struct elevation *elevation, struct bytes envelope, int64_t from, int64_t now,
	struct elevation_word *ret, struct err *err)
{
	OWNED(dsse_free) struct dsse *dsse = NULL;
	struct err why = {0};

	*ret = (struct elevation_word){0};
	if (envelope.len > ELEVATION_ENVELOPE_MAX || !release_open_intoto(envelope, &dsse, &why) ||
		!elevation_approval_parse(buf_bytes(&dsse->payload), &ret->approval, &why))
		return unreadable(ret, &why, err);
	if (!judge_signature(policy, dsse, ret, err)) {
		elevation_word_release(ret);
		return false;
	}
	if (!ret->why) {
		judge_subject(elevation, ret);
		judge_terms(policy, rule, elevation, from, now, ret);
	}
	return true;
}

/* ---- all of them ---- */

/* Denials that count are none of them: the first one has decided. */
struct words {
	size_t count;
	struct elevation_word list[ELEVATION_APPROVALS_MAX];
};

static void words_release(struct words *words)
{
	for (size_t i = 0; i < words->count; i++)
		elevation_word_release(&words->list[i]);
}

static int end_order(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x < y) - (x > y);
}

/* First second at which fewer persons than demanded approve in the role; 0: too few do. Several
 * approvals by one person are one, that lasts as long as the last of them. */
static int64_t rule_end(const struct words *words, const struct policy_approval_rule *rule)
{
	int64_t ends[POLICY_KEYS_MAX] = {0};

	for (size_t i = 0; i < words->count; i++) {
		const struct elevation_word *word = &words->list[i];

		if (!word->why && strcmp(word->approval->role, rule->role) == 0)
			ends[word->person] = later_of(ends[word->person], word->end);
	}
	qsort(ends, POLICY_KEYS_MAX, sizeof(*ends), end_order);
	return ends[rule->count - 1];
}

static void put_persons(
	const struct policy *policy, const struct words *words, char out[REASON_TEXT_MAX])
{
	for (size_t i = 0; i < words->count; i++)
		if (!words->list[i].why)
			text_append(out, REASON_TEXT_MAX, "%s%s as %s", *out ? ", " : "",
				ESC(bytes_str(policy->approvers[words->list[i].person].person)),
				words->list[i].approval->role);
}

static void judge_rules(const struct policy_elevation *rule, const struct words *words,
	int64_t from, int64_t duration, int64_t now, struct elevation_judgement *ret)
{
	ret->until = instant_after(from, earlier_of(duration, rule->duration_max));
	if (now >= ret->until) {
		(void)snprintf(ret->why, sizeof(ret->why), "its time is over");
		return;
	}
	for (size_t i = 0; i < rule->approval_count; i++) {
		const struct policy_approval_rule *r = &rule->approvals[i];
		int64_t end = rule_end(words, r);

		if (end == 0) {
			(void)snprintf(ret->why, sizeof(ret->why), "not approved by %u as %s",
				r->count, r->role);
			return;
		}
		ret->until = earlier_of(ret->until, end);
	}
	ret->holds = true;
}

bool elevation_judge(const struct policy *policy, const struct policy_class *class,
	const struct elevation *elevation, int64_t from, int64_t now,
	struct elevation_judgement *ret, struct err *err)
{
	OWNED(words_release) struct words words = {0};
	const struct elevation_request *r = elevation->request;
	const struct policy_elevation *rule = policy_elevation_find(class, bytes_str(r->right));

	*ret = (struct elevation_judgement){0};
	if (!rule || memcmp(rule->clause, r->clause, SHA256_LEN) != 0) {
		(void)snprintf(ret->why, sizeof(ret->why),
			rule ? "asked for on other terms than the policy's"
			     : "no longer lent by the policy");
		return true;
	}
	for (size_t i = 0; i < elevation->approval_count; i++) {
		if (!elevation_word_judge(policy, rule, elevation,
			    buf_bytes(&elevation->approvals[i]), from, now, &words.list[i], err))
			return false;
		words.count = i + 1;
		if (!words.list[i].why && words.list[i].approval->denied) {
			(void)snprintf(ret->why, sizeof(ret->why), "denied by %s",
				ESC(bytes_str(words.list[i].approval->person)));
			return true;
		}
	}
	put_persons(policy, &words, ret->persons);
	judge_rules(rule, &words, from, r->duration, now, ret);
	return true;
}
