/* SPDX-License-Identifier: Apache-2.0 */
/* Objects that the policy file names by digest: found by the caller, parsed and attached here, once
 * for all appraisals. */
#include <stdlib.h>

#include "base/text.h"
#include "policy/policy_file.h"

static struct host_reference *reference_at(const struct policy *policy, size_t i)
{
	for (size_t k = 0; k < policy->host_class_count; k++) {
		struct host_class *class = &policy->host_classes[k];

		if (i < class->reference_count)
			return &class->references[i];
		i -= class->reference_count;
	}
	return NULL;
}

const uint8_t *policy_reference(const struct policy *policy, size_t i)
{
	const struct host_reference *reference = reference_at(policy, i);

	return reference ? reference->digest : NULL;
}

static bool attach_golden_log(
	struct host_reference *to, struct bytes object, enum digest_alg bank, struct err *err)
{
	struct event_log log = {0};
	bool ok;

	to->baseline = policy_alloc(1, sizeof(*to->baseline), err);
	if (!to->baseline || !event_log_open(object, EVENT_LOG_TPM, bank, &log, err))
		return false;
	ok = baseline_learn(to->baseline, &log, bank, BASELINE_PCRS, err);
	event_log_release(&log);
	return ok;
}

static bool attach_baseline(
	struct host_reference *to, struct bytes object, enum digest_alg bank, struct err *err)
{
	to->baseline = policy_alloc(1, sizeof(*to->baseline), err);
	if (!to->baseline || !baseline_parse(object, to->baseline, err))
		return false;
	return to->baseline->bank == bank ||
	       err_set(err, ERR_CONFIG, "learned in bank %s, but the policy quotes %s",
		       digest_alg_name(to->baseline->bank), digest_alg_name(bank));
}

/* Its times are judged at each appraisal, by the appraisal's clock. */
static bool attach_corim(
	struct host_reference *to, struct bytes object, enum digest_alg bank, struct err *err)
{
	(void)bank;
	to->corim = policy_alloc(1, sizeof(*to->corim), err);
	return to->corim && corim_read(object, to->key, CORIM_ANY_TIME, to->corim, err);
}

static bool attach_ima_rules(
	struct host_reference *to, struct bytes object, enum digest_alg bank, struct err *err)
{
	(void)bank;
	return ima_rules_parse(object, &to->rules, err);
}

static bool (*const attachers[])(
	struct host_reference *to, struct bytes object, enum digest_alg bank, struct err *err) = {
	[REFERENCE_GOLDEN_LOG] = attach_golden_log,
	[REFERENCE_BASELINE] = attach_baseline,
	[REFERENCE_CORIM] = attach_corim,
	[REFERENCE_IMA_RULES] = attach_ima_rules,
};

void policy_reference_detach(struct host_reference *reference)
{
	if (reference->baseline)
		baseline_release(reference->baseline);
	free(reference->baseline);
	reference->baseline = NULL;
	if (reference->corim)
		corim_release(reference->corim);
	free(reference->corim);
	reference->corim = NULL;
	ima_rules_free(&reference->rules);
	reference->attached = false;
}

bool policy_attach(struct policy *policy, struct bytes object, struct err *err)
{
	uint8_t digest[SHA256_LEN];
	char hex[2 * SHA256_LEN + 1];
	struct host_reference *to;
	bool found = false;

	if (object.len > REFERENCE_MAX)
		return err_set(err, ERR_LIMIT, "reference: %zu bytes: more than %u", object.len,
			REFERENCE_MAX);
	if (!sha256_of(object, digest, err))
		return false;
	hex_encode(BYTES_OF(digest), hex);
	for (size_t i = 0; (to = reference_at(policy, i)); i++) {
		if (memcmp(to->digest, digest, SHA256_LEN) != 0)
			continue;
		found = true;
		if (to->attached)
			continue;
		if (!attachers[to->kind](to, object, policy->bank, err)) {
			/* Another try begins afresh. Whatever is wrong with it: not that it was not
			 * named. */
			policy_reference_detach(to);
			if (err && err->code != ERR_NOMEM)
				err->code = ERR_CONFIG;
			return err_wrap(err, "reference %s", hex);
		}
		to->attached = true;
	}
	return found ||
	       err_set(err, ERR_NOT_FOUND, "reference %s: the policy names no such object", hex);
}

bool policy_complete(const struct policy *policy, struct err *err)
{
	const struct host_reference *reference;
	char hex[2 * SHA256_LEN + 1];

	for (size_t i = 0; (reference = reference_at(policy, i)); i++) {
		if (reference->attached)
			continue;
		hex_encode(BYTES_OF(reference->digest), hex);
		return err_set(
			err, ERR_NOT_FOUND, "reference %s: named by the policy and not found", hex);
	}
	return true;
}

bool policy_wants_ima(const struct policy *policy)
{
	for (size_t i = 0; i < policy->class_count; i++)
		for (size_t k = 0; k < policy->classes[i].host_count; k++)
			if (policy->host_classes[policy->classes[i].hosts[k]].ima.judged)
				return true;
	return false;
}
