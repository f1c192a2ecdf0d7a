/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger/audit_reappraise.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "crypto/cose.h"

/* The bundle in hand. */
struct again {
	struct audit_bundle bundle;
	uint8_t digests[AUDIT_OBJECTS_MAX][SHA256_LEN];
	struct record record;
	struct policy_frozen frozen;
};

static void again_free(struct again **a)
{
	if (*a)
		policy_frozen_release(&(*a)->frozen);
	free(*a);
	*a = NULL;
}

static bool find(void *arg, const uint8_t digest[SHA256_LEN], struct bytes *ret)
{
	const struct again *a = arg;

	for (size_t i = 0; i < a->bundle.object_count; i++)
		if (memcmp(a->digests[i], digest, SHA256_LEN) == 0) {
			*ret = a->bundle.objects[i];
			return true;
		}
	return false;
}

static bool record_read(struct bytes cose, struct record *ret, struct err *err)
{
	struct cose_sign1 message;

	return (cose_sign1_parse(cose, &message, err) &&
		       record_decode(message.payload, ret, err)) ||
	       err_wrap(err, "record");
}

/* The record says which object is the context; by which key it is signed is the audit's to ask. */
static bool open_context(struct again *a, struct err *err)
{
	struct bytes context;

	for (size_t i = 0; i < a->record.input_count; i++)
		if (strcmp(a->record.inputs[i].name, "context") == 0) {
			if (!find(a, a->record.inputs[i].digest, &context))
				break;
			return policy_context_decode(context, find, a, &a->frozen, err);
		}
	return err_set(err, ERR_NOT_FOUND, "context: the bundle has none");
}

static bool attach_objects(const struct again *a, struct policy *policy, struct err *err)
{
	struct err why = {0};

	for (size_t i = 0; i < a->bundle.object_count; i++)
		if (a->bundle.objects[i].len <= REFERENCE_MAX &&
			!policy_attach(policy, a->bundle.objects[i], &why) &&
			why.code != ERR_NOT_FOUND)
			return err_set(err, why.code, "%s", why.text);
	return policy_complete(policy, err);
}

static bool judge(const struct policy_frozen *frozen, const struct policy_context *context,
	const struct policy_state *state, struct verdict *ret, struct err *err)
{
	struct policy_state state_out;

	if (context->challenge.purpose == PURPOSE_ENROLL)
		return policy_appraise_enrolment(frozen->evidence, context, ret, err);
	return policy_appraise(frozen->evidence, context, state, ret, &state_out, err);
}

static bool judges_boot(const struct policy *policy, struct bytes class)
{
	const struct policy_class *c = policy_class_find(policy, class);

	return c && c->host_count > 0;
}

/* Of a sandbox only the launch shows anything; what the old class asked for held then. */
static bool confines_further(
	const struct policy *policy, const struct policy *old, struct bytes class)
{
	const struct policy_class *new = policy_class_find(policy, class),
				  *was = policy_class_find(old, class);

	return new && (new->sandbox & ~(was ? was->sandbox : 0u)) != 0;
}

/* Nor does anything but the launch show whom the environment was kept for. */
static bool keeps_otherwise(
	const struct policy *policy, const struct policy *old, struct bytes class)
{
	const struct policy_class *new = policy_class_find(policy, class),
				  *was = policy_class_find(old, class);

	return new &&new->environment_key &&
	       !(was && was->environment_key &&
		       key_equal(new->environment_key, was->environment_key));
}

static bool judge_after(const struct policy_frozen *frozen, const struct policy *policy,
	struct reappraisal *ret, struct err *err)
{
	struct policy_context context = frozen->context;
	struct policy_state state = frozen->state_in;
	bool renewal = context.challenge.purpose != PURPOSE_ENROLL && !ret->before.full &&
		       state.established;

	context.policy = policy;
	if (renewal && (state.host_class > 0 || judges_boot(policy, context.workload.risk_class))) {
		ret->why = "a renewal: the boot was judged at its launch; take that record";
		return true;
	}
	if (renewal && confines_further(policy, frozen->policy, context.workload.risk_class)) {
		ret->why = "a renewal: the sandbox was judged at its launch; take that record";
		return true;
	}
	if (renewal && keeps_otherwise(policy, frozen->policy, context.workload.risk_class)) {
		ret->why = "a renewal: what was kept of the environment was judged at its launch; "
			   "take that record";
		return true;
	}
	/* As if the launch that it stands on had been judged by this policy too. */
	if (renewal && memcmp(state.policy, frozen->policy->digest, SHA256_LEN) == 0)
		memcpy(state.policy, policy->digest, SHA256_LEN);
	if (!judge(frozen, &context, &state, &ret->after, err))
		return err_wrap(err, "under the other policy");
	if (renewal && verdict_wants_full(&ret->after)) {
		memset(&ret->after, 0, sizeof(ret->after));
		ret->why =
			"a renewal: this policy asks for the whole log; take its launch's record";
		return true;
	}
	ret->decided = true;
	return true;
}

static bool judge_both(const struct policy_frozen *frozen, const struct policy *policy,
	struct reappraisal *ret, struct err *err)
{
	ret->purpose = frozen->context.challenge.purpose;
	ret->time = frozen->context.now;
	return judge(frozen, &frozen->context, &frozen->state_in, &ret->before, err) &&
	       judge_after(frozen, policy, ret, err);
}

bool audit_reappraise_context(struct bytes context, policy_find find_object, void *arg,
	const struct policy *policy, struct reappraisal *ret, struct err *err)
{
	OWNED(policy_frozen_release) struct policy_frozen frozen = {0};

	memset(ret, 0, sizeof(*ret));
	return policy_context_decode(context, find_object, arg, &frozen, err) &&
	       judge_both(&frozen, policy, ret, err);
}

bool audit_reappraise(
	struct bytes bundle, struct policy *policy, struct reappraisal *ret, struct err *err)
{
	OWNED(again_free) struct again *a = calloc(1, sizeof(*a));

	memset(ret, 0, sizeof(*ret));
	if (!a)
		return err_set(err, ERR_NOMEM, "no memory");
	if (!audit_bundle_decode(bundle, &a->bundle, err))
		return false;
	for (size_t i = 0; i < a->bundle.object_count; i++)
		if (!sha256_of(a->bundle.objects[i], a->digests[i], err))
			return false;
	if (!record_read(a->bundle.record, &a->record, err) || !open_context(a, err) ||
		!attach_objects(a, policy, err) || !judge_both(&a->frozen, policy, ret, err))
		return false;
	text_escape(a->record.workload, ret->workload, sizeof(ret->workload));
	hex_encode(BYTES_OF(a->record.release), ret->release);
	return true;
}

static bool same_reason(const struct reason *a, const struct reason *b)
{
	return a->code == b->code && strcmp(a->subject, b->subject) == 0;
}

bool reappraisal_differs(const struct reappraisal *again)
{
	const struct verdict *a = &again->before, *b = &again->after;

	if (!again->decided)
		return false;
	if (a->trusted != b->trusted || a->reason_count != b->reason_count ||
		a->assurance != b->assurance || a->credential_lifetime != b->credential_lifetime ||
		a->renew_after != b->renew_after)
		return true;
	for (size_t i = 0; i < a->reason_count; i++)
		if (!same_reason(&a->reasons[i], &b->reasons[i]))
			return true;
	return false;
}

/* The first reason of one verdict that the other does not give; NULL: none. */
static const struct reason *only_in(const struct verdict *of, const struct verdict *other)
{
	for (size_t i = 0; i < of->reason_count; i++) {
		bool found = false;

		for (size_t k = 0; k < other->reason_count; k++)
			found = found || same_reason(&of->reasons[i], &other->reasons[k]);
		if (!found)
			return &of->reasons[i];
	}
	return NULL;
}

void reappraisal_cause(const struct reappraisal *again, char ret[REAPPRAISAL_WHY_MAX])
{
	const struct reason *added = only_in(&again->after, &again->before);
	const struct reason *gone = only_in(&again->before, &again->after);

	if (added)
		snprintf(ret, REAPPRAISAL_WHY_MAX, "%s", reason_code_name(added->code));
	else if (gone)
		snprintf(ret, REAPPRAISAL_WHY_MAX, "no longer %s", reason_code_name(gone->code));
	else
		snprintf(ret, REAPPRAISAL_WHY_MAX, "credential");
}
