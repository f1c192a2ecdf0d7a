/* SPDX-License-Identifier: Apache-2.0 */
/* The host: who it is, what the register says of it, and whether its TPM went on from where it was
 * last seen. */
#include "policy/appraisal.h"

#include <inttypes.h>
#include <stdio.h>

bool check_host_identity(struct appraisal *a, struct err *err)
{
	const struct context_host *host = &a->context->host;
	struct tpm_name name;
	uint8_t id[HOST_ID_LEN];

	if (!tpm_name_of(&a->ek, &name, err) || !sha256_of(tpm_name_bytes(&name), id, err))
		return err_wrap(err, "endorsement key");
	if (memcmp(id, host->id, HOST_ID_LEN) != 0)
		refuse_hex(a->verdict, REASON_HOST_OTHER, "host: id and endorsement key",
			BYTES_OF(host->id), BYTES_OF(id), "enrolment");
	else if (memcmp(a->claims.host_id, host->id, HOST_ID_LEN) != 0)
		refuse_hex(a->verdict, REASON_HOST_OTHER, "host", BYTES_OF(host->id),
			BYTES_OF(a->claims.host_id), "claims");
	else
		verdict_checked(a->verdict, "host: its id is the name of its endorsement key");
	return true;
}

bool check_host_state(struct appraisal *a, struct err *err)
{
	enum host_state state = a->context->host.state;

	(void)err;
	if (state == HOST_NONE)
		verdict_refuse(a->verdict, REASON_HOST_UNKNOWN, "host", "an enrolled host",
			"no such host", NULL, NULL);
	else if (state != HOST_ACTIVE)
		verdict_refuse(a->verdict, REASON_HOST_STATE, "host", host_state_name(HOST_ACTIVE),
			host_state_name(state), "register of hosts", NULL);
	else
		verdict_checked(a->verdict, "host: active in the register");
	return true;
}

/* The certificate is judged by the time of enrolment, but under today's policy: a root taken out of
 * it takes its TPMs along, and what is revoked today is refused today. A changed policy forces a full appraisal, so an incremental one has
 * nothing new to learn here. */
bool check_host_ek(struct appraisal *a, struct err *err)
{
	const struct context_host *host = &a->context->host;
	const struct ek_times times = {.judged = host->enrolled, .now = a->context->now};
	struct bytes certs[EK_CERTS_MAX];
	size_t count = 0;

	if (!a->full)
		return true;
	if (!ek_certs_split(host->ek_certs, certs, &count, err))
		return refuse_malformed(a->verdict, REASON_EK_CERT, "EK certificate", err);
	if (count == 0) {
		if (!ek_key_appraise(&a->ek, a->policy, a->verdict, err))
			return false;
		verdict_not_checked(a->verdict, "maker of the TPM: the host has no EK certificate, "
						"an operator vouched for it");
		return true;
	}
	return ek_appraise(&a->ek, certs, count, a->policy, times, a->verdict, err);
}

static void refuse_count(struct appraisal *a, enum reason_code code, const char *subject,
	uint64_t least, uint64_t actual)
{
	char want[48], got[32];

	snprintf(want, sizeof(want), "at least %" PRIu64, least);
	snprintf(got, sizeof(got), "%" PRIu64, actual);
	verdict_refuse(a->verdict, code, subject, want, got, "quote", NULL);
}

/* How far, in milliseconds, an honest TPM's clock may stand behind the last accepted one: instances
 * of one host attest side by side, so quotes can overtake each other, but none is older than its
 * challenge. */
static uint64_t overtaking(const struct appraisal *a)
{
	int64_t since = a->context->now - a->context->challenge.issued;

	return since < 0 ? 1000 : (uint64_t)(since + 1) * 1000;
}

/* Only on the same TPM reset can restartCount and clock be compared: a reset zeroes the one and may
 * set the other back to its last saved value. */
static void check_same_reset(struct appraisal *a)
{
	const struct context_host *last = &a->context->host;
	uint64_t slack = overtaking(a);
	uint64_t least = last->clock > slack ? last->clock - slack : 0;

	if (a->attest.restart_count < last->restart_count)
		refuse_count(a, REASON_RESTART_COUNT, "restart count of the TPM",
			last->restart_count, a->attest.restart_count);
	if (a->attest.clock < least)
		refuse_count(
			a, REASON_CLOCK_BACKWARDS, "clock of the TPM (ms)", least, a->attest.clock);
}

bool check_counters(struct appraisal *a, struct err *err)
{
	const struct context_host *last = &a->context->host;
	size_t before = a->verdict->reason_count;

	(void)err;
	if (!a->quoted)
		return true;
	if (last->seen && a->attest.reset_count < last->reset_count)
		refuse_count(a, REASON_RESET_COUNT, "reset count of the TPM", last->reset_count,
			a->attest.reset_count);
	if (last->seen && a->attest.reset_count == last->reset_count)
		check_same_reset(a);
	if (!a->attest.safe && a->class && a->class->clock_safe)
		verdict_refuse(a->verdict, REASON_CLOCK_UNSAFE, "clock of the TPM", "safe",
			"not safe: the last stop was not clean", "quote", NULL);
	else if (!a->attest.safe)
		verdict_not_checked(a->verdict,
			"the TPM's clock over the last stop: it was not clean (safe = 0)");
	if (a->verdict->reason_count == before)
		verdict_checked(a->verdict,
			"TPM: reset count %" PRIu32 ", restart count %" PRIu32
			", clock: none went back since last seen",
			a->attest.reset_count, a->attest.restart_count);
	return true;
}

static void firmware_text(uint64_t version, char out[32])
{
	snprintf(out, 32, "%" PRIu64 ".%" PRIu64 ".%" PRIu64 ".%" PRIu64, version >> 48,
		version >> 32 & 0xffff, version >> 16 & 0xffff, version & 0xffff);
}

bool check_tpm_firmware(struct appraisal *a, struct err *err)
{
	const struct context_host *last = &a->context->host;
	uint64_t least = a->policy->tpm_firmware_minimum;
	const char *subject = "firmware version of the TPM: minimum of the policy";
	char want[32], got[32];

	(void)err;
	if (!a->quoted)
		return true;
	if (last->seen && last->firmware_version > least) {
		least = last->firmware_version;
		subject = "firmware version of the TPM: as last seen";
	}
	firmware_text(least, want);
	firmware_text(a->attest.firmware_version, got);
	if (a->attest.firmware_version < least)
		verdict_refuse(a->verdict, REASON_TPM_FIRMWARE, subject, want, got, "quote", NULL);
	else
		verdict_checked(a->verdict, "TPM firmware: %s", got);
	return true;
}
