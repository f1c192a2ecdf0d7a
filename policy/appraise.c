/* SPDX-License-Identifier: Apache-2.0 */
/* The appraisal's three stages: parse, check, decide. What is checked, and in which order, stands
 * in tables. */
#include "policy/appraisal.h"

#include <stdlib.h>

#include "base/text.h"
#include "policy/policy_file.h"

struct appraisal *appraisal_new(const struct policy_context *context,
	const struct policy_state *state_in, struct verdict *verdict, struct err *err)
{
	struct appraisal *a;

	if (!context->policy) {
		(void)err_set(err, ERR_USAGE, "appraisal: no policy given");
		return NULL;
	}
	if (context->now < 0 || context->now > POLICY_TIME_MAX) {
		(void)err_set(err, ERR_USAGE, "appraisal: no time given");
		return NULL;
	}
	a = malloc(sizeof(*a));
	if (!a) {
		(void)err_set(err, ERR_NOMEM, "no memory");
		return NULL;
	}
	memset(a, 0, offsetof(struct appraisal, runtime.components));
	a->context = context;
	a->policy = context->policy;
	a->state_in = state_in;
	a->verdict = verdict;
	a->class = policy_class_find(context->policy, context->workload.risk_class);
	return a;
}

void appraisal_free(struct appraisal **appraisal)
{
	struct appraisal *a = *appraisal;

	if (!a)
		return;
	key_unref(&a->ak_key);
	key_unref(&a->key);
	release_free(&a->release);
	free(a);
	*appraisal = NULL;
}

static bool parse_evidence(
	struct appraisal *a, struct bytes evidence, bool *ret_ok, struct err *err)
{
	if (!evidence_decode(evidence, &a->evidence, err))
		return refuse_malformed(a->verdict, REASON_EVIDENCE_MALFORMED, "evidence", err);
	if (!claims_decode(a->evidence.claims, &a->claims, err))
		return refuse_malformed(a->verdict, REASON_CLAIMS_MALFORMED, "claims", err);
	if (!sha256_of(a->evidence.claims, a->claims_digest, err))
		return false;
	if (!key_from_spki(a->claims.key, &a->key, err))
		return refuse_malformed(a->verdict, REASON_CLAIMS_MALFORMED, "claims: key", err);
	*ret_ok = true;
	return true;
}

/* The keys as enrolled. They were judged then; a row that does not parse today was damaged, and
 * proves nothing. */
static bool parse_host(struct appraisal *a, bool *ret_ok, struct err *err)
{
	const struct context_host *host = &a->context->host;

	*ret_ok = false;
	if (host->ak_public.len == 0 || host->ek_public.len == 0) {
		verdict_refuse(a->verdict, REASON_HOST_UNKNOWN, "host", "an enrolled host",
			"no such host", NULL, NULL);
		return true;
	}
	if (!tpmt_public_parse(host->ek_public, &a->ek, err))
		return refuse_malformed(a->verdict, REASON_EK_TEMPLATE, "endorsement key", err);
	if (!tpmt_public_parse(host->ak_public, &a->ak, err) || !ak_check(&a->ak, err) ||
		!tpmt_public_key(&a->ak, &a->ak_key, err))
		return refuse_malformed(a->verdict, REASON_AK_ATTRIBUTES, "attestation key", err);
	verdict_held(a->verdict, PART_AK);
	*ret_ok = true;
	return true;
}

bool appraisal_parse(struct appraisal *a, struct bytes evidence, bool *ret_ok, struct err *err)
{
	*ret_ok = false;
	a->verdict->part = PART_EVIDENCE;
	if (!parse_evidence(a, evidence, ret_ok, err))
		return false;
	if (!*ret_ok)
		return true;
	a->verdict->part = PART_HOST;
	if (!parse_host(a, ret_ok, err))
		return false;
	a->full = !a->state_in->established || a->claims.runtime_first == 0 ||
		  a->claims.purpose == PURPOSE_LAUNCH;
	a->verdict->full = a->full;
	a->verdict->key_protection = (unsigned)a->claims.key_protection;
	return true;
}

bool appraisal_run(
	struct appraisal *a, const struct appraisal_check *checks, size_t n, struct err *err)
{
	for (size_t i = 0; i < n; i++) {
		a->verdict->part = checks[i].part;
		if (!checks[i].run(a, err))
			return false;
	}
	a->verdict->part = PART_OTHER;
	return true;
}

bool check_assurance(struct appraisal *a, struct err *err)
{
	(void)err;
	/* Evidence that proves nothing, or not its boot, has been refused for what is wrong with it;
	 * that it reaches no level is no news. */
	if (!a->class ||
		(a->verdict->assurance == ASSURANCE_NONE && a->verdict->reason_count > 0) ||
		(a->class->host_count > 0 && a->host_class == 0 && a->verdict->reason_count > 0))
		return true;
	if (a->verdict->assurance < (unsigned)a->class->minimum_assurance)
		verdict_refuse(a->verdict, REASON_ASSURANCE, "assurance",
			assurance_name(a->class->minimum_assurance),
			assurance_name((enum assurance)a->verdict->assurance), NULL, NULL);
	return true;
}

static bool note_limits(struct appraisal *a, struct err *err)
{
	struct verdict *v = a->verdict;

	(void)err;
	if (v->assurance < ASSURANCE_BOOTED)
		verdict_not_checked(v, "firmware, boot loader and kernel (PCRs 0-9): no firmware "
				       "log is appraised");
	if (!a->ima_judged)
		verdict_not_checked(
			v, "files loaded by the system (IMA, PCR 10): no IMA log is appraised");
	if (v->assurance < ASSURANCE_MEASURED)
		verdict_not_checked(
			v, "assay-hostd itself: what it reports is believed, not proven");
	verdict_not_checked(v, "the agent's memory, tracing by root, keys held in RAM");
	verdict_not_checked(v, "the agent's inputs and its model's behaviour");
	verdict_not_checked(v, "files outside the components that the release lists");
	verdict_not_checked(v, "physical attacks on the TPM");
	verdict_not_checked(v, "asserted by the verifier: that the attestation key lives in the "
			       "TPM of this endorsement key");
	return true;
}

static const struct appraisal_check attest_checks[] = {
	{check_challenge, PART_NONCE},
	{check_verifier, PART_NONCE},
	{check_exporter, PART_CONNECTION},
	{check_host_identity, PART_HOST},
	{check_host_state, PART_HOST_STATE},
	{check_host_ek, PART_EK},
	{check_quote, PART_QUOTE},
	{check_logs_sent, PART_FIRMWARE_LOG},
	{check_possession, PART_KEY},
	{check_key_protection, PART_KEY},
	{check_counters, PART_COUNTERS},
	{check_tpm_firmware, PART_COUNTERS},
	{check_continuity, PART_CONTINUITY},
	{check_other_pcrs, PART_CONTINUITY},
	{check_runtime, PART_RUNTIME_LOG},
	{check_boot, PART_BOOT},
	{check_workload, PART_WORKLOAD},
	{check_release, PART_RELEASE},
	{check_floors, PART_FLOORS},
	{check_rollout, PART_ROLLOUT},
	{check_launch, PART_COMPONENTS},
	{check_pinned, PART_COMPONENTS},
	{check_placement, PART_PLACEMENT},
	{check_sandbox, PART_SANDBOX},
	{check_environment, PART_ENVIRONMENT},
	{check_assurance, PART_ASSURANCE},
	{check_elevations, PART_ELEVATIONS},
	{note_limits, PART_OTHER},
};

static void decide(struct appraisal *a)
{
	struct verdict *v = a->verdict;

	if (a->class) {
		v->credential_lifetime = a->class->credential_lifetime;
		v->renew_after = a->class->renew_after;
		v->on_lease_end = a->class->on_lease_end;
		v->on_refusal = a->class->on_refusal;
		limit_lifetime(a);
	}
	text_escape(a->context->workload.risk_class, v->risk_class, sizeof(v->risk_class));
	verdict_conclude(v);
}

static bool purpose_fits(struct appraisal *a, bool enrolment)
{
	bool enroll = a->claims.purpose == PURPOSE_ENROLL;

	if (enroll == enrolment)
		return true;
	verdict_refuse(a->verdict, REASON_PURPOSE, "claims",
		enrolment ? "enroll" : "launch or renew", purpose_name(a->claims.purpose), NULL,
		NULL);
	return false;
}

static bool appraise(
	struct appraisal *a, struct bytes evidence, struct policy_state *out, struct err *err)
{
	bool ok = false;

	if (!appraisal_parse(a, evidence, &ok, err))
		return false;
	if (ok && purpose_fits(a, false) &&
		!appraisal_run(a, attest_checks, ARRAY_LEN(attest_checks), err))
		return false;
	decide(a);
	*out = *a->state_in;
	out->ended = out->ended || (a->runtime.replayed && a->runtime.ended);
	return !a->verdict->trusted || state_next(a, out, err);
}

bool policy_appraise(struct bytes evidence, const struct policy_context *context,
	const struct policy_state *state_in, struct verdict *ret_verdict,
	struct policy_state *ret_state_out, struct err *err)
{
	OWNED(appraisal_free) struct appraisal *a = NULL;
	struct err own = {0};

	if (!err)
		err = &own;
	verdict_clear(ret_verdict);
	a = appraisal_new(context, state_in, ret_verdict, err);
	if (a && appraise(a, evidence, ret_state_out, err))
		return true;
	memset(ret_verdict, 0, sizeof(*ret_verdict));
	memset(ret_state_out, 0, sizeof(*ret_state_out));
	return err_wrap(err, "appraisal");
}

/* An enrolment has no workload, release or runtime log yet, and its host no state: what is left is
 * the connection, the keys and the quote. */
static const struct appraisal_check enrolment_checks[] = {
	{check_challenge, PART_NONCE},
	{check_verifier, PART_NONCE},
	{check_exporter, PART_CONNECTION},
	{check_host_identity, PART_HOST},
	{check_quote, PART_QUOTE},
	{check_possession, PART_KEY},
	{check_key_protection, PART_KEY},
	{check_tpm_firmware, PART_COUNTERS},
};

bool policy_appraise_enrolment(struct bytes evidence, const struct policy_context *context,
	struct verdict *ret_verdict, struct err *err)
{
	static const struct policy_state nothing;
	OWNED(appraisal_free) struct appraisal *a = NULL;
	struct err own = {0};
	bool ok = false;

	if (!err)
		err = &own;
	verdict_clear(ret_verdict);
	a = appraisal_new(context, &nothing, ret_verdict, err);
	if (!a || !appraisal_parse(a, evidence, &ok, err) ||
		(ok && purpose_fits(a, true) &&
			!appraisal_run(a, enrolment_checks, ARRAY_LEN(enrolment_checks), err))) {
		memset(ret_verdict, 0, sizeof(*ret_verdict));
		return err_wrap(err, "enrolment");
	}
	verdict_not_checked(ret_verdict, "that the attestation key lives in the TPM of this "
					 "endorsement key: MakeCredential shows that");
	verdict_conclude(ret_verdict);
	return true;
}

bool policy_evidence_authentic(
	struct bytes evidence, const struct policy_context *context, bool *ret, struct err *err)
{
	static const struct policy_state nothing;
	OWNED(free_ptr) struct verdict *verdict = policy_alloc(1, sizeof(*verdict), err);
	OWNED(appraisal_free) struct appraisal *a = NULL;
	struct err own = {0};
	bool ok = false;

	*ret = false;
	if (!err)
		err = &own;
	if (!verdict)
		return err_set(err, ERR_NOMEM, "appraisal: no memory");
	a = appraisal_new(context, &nothing, verdict, err);
	if (!a || !appraisal_parse(a, evidence, &ok, err))
		return err_wrap(err, "appraisal");
	if (!ok)
		return true;
	if (!check_challenge(a, err) || !check_host_identity(a, err) || !check_quote(a, err))
		return err_wrap(err, "appraisal");
	/* The TPM signed these claims for this challenge; which PCRs it quoted is for the verdict
	 * to judge. An expired challenge is burned like any other. */
	for (size_t i = 0; i < verdict->reason_count; i++) {
		enum reason_code code = verdict->reasons[i].code;

		if (code != REASON_QUOTE_SELECTION && code != REASON_QUOTE_PCR_DIGEST &&
			code != REASON_CHALLENGE_EXPIRED)
			return true;
	}
	*ret = true;
	return true;
}
