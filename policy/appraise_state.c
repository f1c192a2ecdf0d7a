/* SPDX-License-Identifier: Apache-2.0 */
/* What earlier appraisals of this instance established: whether it still holds, and what the next
 * one stands on. */
#include "policy/appraisal.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/time.h"

static void stale(
	struct appraisal *a, const char *subject, struct bytes expected, struct bytes actual)
{
	if (!bytes_equal(expected, actual))
		refuse_hex(a->verdict, REASON_STATE_STALE, subject, expected, actual,
			"state of the last appraisal");
}

static void stale_number(
	struct appraisal *a, const char *subject, uint32_t expected, uint32_t actual)
{
	char want[16], got[16];

	if (expected == actual)
		return;
	snprintf(want, sizeof(want), "%u", expected);
	snprintf(got, sizeof(got), "%u", actual);
	verdict_refuse(a->verdict, REASON_STATE_STALE, subject, want, got,
		"state of the last appraisal", NULL);
}

/* However well it fits: what was seen so long ago is to be seen again. */
static void check_full_appraisal(struct appraisal *a)
{
	char got[64];

	if (a->context->full_ago == 0)
		return;
	snprintf(got, sizeof(got), "%" PRIu64 " renewals after the last one", a->context->full_ago);
	verdict_refuse(a->verdict, REASON_STATE_STALE, "full appraisal", "the whole runtime log",
		got, "state of the last appraisal", NULL);
}

static void check_not_stale(struct appraisal *a)
{
	const struct policy_state *s = a->state_in;

	stale(a, "policy", BYTES_OF(s->policy), BYTES_OF(a->policy->digest));
	stale(a, "release", BYTES_OF(s->release), BYTES_OF(a->claims.release));
	stale(a, "boot", BYTES_OF(s->boot_id), BYTES_OF(a->claims.boot_id));
	stale_number(a, "PCR bank", s->bank, a->policy->bank);
	if (a->quoted) {
		stale_number(a, "reset count of the TPM", s->reset_count, a->attest.reset_count);
		stale_number(
			a, "restart count of the TPM", s->restart_count, a->attest.restart_count);
	}
}

/* What was not renewed in time is not believed any more; whether evidence that comes later can
 * change that is the class's to say. */
static void check_lease(struct appraisal *a)
{
	const struct policy_context *c = a->context;
	bool relaunch = a->class && a->class->after_lease == AFTER_LEASE_RELAUNCH;
	char want[48], got[48], ended[TIME_TEXT_MAX];

	if (a->claims.purpose != PURPOSE_RENEW || c->lease == 0 || c->now < c->lease ||
		(!relaunch && c->now - c->lease <= LEASE_RETURN_MAX))
		return;
	snprintf(want, sizeof(want), "%s",
		relaunch ? "renewed before its lease ended" : "renewed within 7 days after it");
	snprintf(got, sizeof(got), "lease ended %s", time_format(c->lease, ended));
	verdict_refuse(a->verdict, REASON_LEASE_ENDED, "instance", want, got,
		"the verifier's clock", NULL);
}

bool check_continuity(struct appraisal *a, struct err *err)
{
	const struct policy_state *s = a->state_in;
	uint8_t key[SHA256_LEN];

	if (a->claims.purpose == PURPOSE_RENEW && !a->claims.running)
		verdict_refuse(a->verdict, REASON_INSTANCE_NOT_RUNNING, "instance", "running",
			"not running, says assay-hostd", "claims", NULL);
	if (s->ended)
		verdict_refuse(a->verdict, REASON_INSTANCE_ENDED, "instance", "alive",
			"its exit was recorded earlier", "state of the last appraisal", NULL);
	check_lease(a);
	if (!s->established)
		return true;
	if (!sha256_of(a->claims.key, key, err))
		return false;
	if (memcmp(key, s->key, SHA256_LEN) != 0)
		refuse_hex(a->verdict, REASON_KEY_CHANGED, "key of the instance", BYTES_OF(s->key),
			BYTES_OF(key), "claims");
	if (!a->full) {
		check_full_appraisal(a);
		check_not_stale(a);
	}
	return true;
}

bool other_pcrs_digest(const struct appraisal *a, uint8_t out[SHA256_LEN], struct err *err)
{
	struct bytes parts[TPM_PCRS];
	struct digest digest;
	size_t n = 0;

	for (unsigned pcr = 0; pcr < TPM_PCRS; pcr++)
		if (a->pcrs.present >> pcr & 1 && pcr != a->policy->runtime_pcr && pcr != IMA_PCR)
			parts[n++] = bytes_of(a->pcrs.values[pcr], digest_alg_len(a->pcrs.alg));
	if (!digest_of_parts(DIGEST_SHA256, parts, n, &digest, err))
		return false;
	memcpy(out, digest.bytes, SHA256_LEN);
	return true;
}

bool check_other_pcrs(struct appraisal *a, struct err *err)
{
	uint8_t now[SHA256_LEN];

	if (!a->quoted || a->full)
		return true;
	if (!other_pcrs_digest(a, now, err))
		return false;
	if (memcmp(now, a->state_in->pcrs_other, SHA256_LEN) != 0)
		refuse_hex(a->verdict, REASON_PCRS_CHANGED, "PCRs 0-15 but the runtime PCR and 10",
			BYTES_OF(a->state_in->pcrs_other), BYTES_OF(now), "quote");
	else
		verdict_checked(a->verdict,
			"PCRs 0-15 but the runtime PCR and 10: as in the last appraisal");
	return true;
}

bool state_next(const struct appraisal *a, struct policy_state *ret, struct err *err)
{
	struct policy_state s = {
		.established = true,
		.reset_count = a->attest.reset_count,
		.restart_count = a->attest.restart_count,
		.runtime_next = a->runtime.next,
		.bank = a->policy->bank,
		.assurance = (enum assurance)a->verdict->assurance,
		.unpinned = a->unpinned,
		.host_class = a->host_class,
		.boot_until = a->boot_until,
		.ima = a->ima,
	};

	memcpy(s.boot_id, a->claims.boot_id, sizeof(s.boot_id));
	memcpy(s.pcr, a->runtime.value, digest_alg_len(s.bank));
	memcpy(s.policy, a->policy->digest, SHA256_LEN);
	memcpy(s.release, a->claims.release, SHA256_LEN);
	memcpy(s.launch, a->full ? a->runtime.launch_digest : a->state_in->launch, SHA256_LEN);
	if (!other_pcrs_digest(a, s.pcrs_other, err) || !sha256_of(a->claims.key, s.key, err))
		return false;
	*ret = s;
	return true;
}
