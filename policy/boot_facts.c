/* SPDX-License-Identifier: Apache-2.0 */
/* The logs of a boot against the quote: every PCR that the boot fills is explained, or the reason
 * says which is not. */
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "firmware/systemd_log.h"
#include "policy/boot.h"
#include "policy/policy_file.h"

#define BOOT_PCRS       (0x3ffu | 0x7800u) /* 0-9, 11-14 */
#define FIRMWARE_PCRS   0xffu
#define FIRMWARE_PCRS_N 8u
#define PHASES_PCR      11u
#define SEPARATED_PCRS  (0xffu | 1u << 9 | 0x7000u)

void boot_facts_free(struct boot_facts **facts)
{
	struct boot_facts *f = *facts;

	if (!f)
		return;
	secure_boot_free(&f->secure_boot);
	boot_chain_release(&f->chain);
	event_log_release(&f->log);
	free(f);
	*facts = NULL;
}

/* Text of which the digest is known to be the hash, and in which no name of a unified kernel image's
 * section can stand: those are measured with their NUL. */
static bool is_phase(const struct systemd_event *event)
{
	if (event->coverage != SYSTEMD_COVERED || event->string.len == 0)
		return false;
	for (size_t i = 0; i < event->string.len; i++)
		if (event->string.data[i] <= ' ' || event->string.data[i] > '~' ||
			event->string.data[i] == '\\')
			return false;
	return true;
}

/* The word by which systemd (259 and later) closes the PCRs of firmware and boot loader. */
static bool is_os_separator(const struct systemd_event *event)
{
	return event->coverage == SYSTEMD_COVERED && bytes_equal_str(event->string, "os-separator");
}

/* No reference judges systemd's log, so it may explain nothing that decides what boots: else whoever
 * writes it moves events there from the firmware's. What is left are phases of the boot in PCR 11 and
 * separators. */
static bool systemd_event_fits(void *context, const struct systemd_event *event, struct err *err)
{
	const struct boot_facts *f = context;

	if (event->nv || !(f->judged >> event->pcr & 1))
		return true;
	if ((event->pcr == PHASES_PCR && is_phase(event)) ||
		(SEPARATED_PCRS >> event->pcr & 1 && is_os_separator(event)))
		return true;
	return err_set(err, ERR_MISMATCH,
		"PCR %u: explains nothing here but separators, and phases of the boot in PCR 11",
		event->pcr);
}

/* systemd goes on where the firmware's log ends; one that is not sent is an empty one. */
static bool replay_systemd(struct appraisal *a, struct boot_facts *f, struct pcr_bank *pcrs,
	bool *ret_ok, struct err *err)
{
	struct digest values[SYSTEMD_LOG_PCRS];
	size_t len = digest_alg_len(pcrs->alg);

	for (size_t i = 0; i < ARRAY_LEN(values); i++) {
		values[i] = (struct digest){.alg = pcrs->alg, .len = (uint8_t)len};
		memcpy(values[i].bytes, pcrs->values[i], len);
	}
	if (!systemd_log_walk(a->evidence.systemd_log, systemd_event_fits, f, err) ||
		!systemd_log_replay(a->evidence.systemd_log, pcrs->alg, values, &f->later, err)) {
		*ret_ok = false;
		return refuse_malformed(
			a->verdict, REASON_FIRMWARE_LOG, "systemd's measurement log", err);
	}
	for (size_t i = 0; i < ARRAY_LEN(values); i++)
		memcpy(pcrs->values[i], values[i].bytes, len);
	return true;
}

static void pcr_differs(
	struct appraisal *a, const struct boot_facts *f, unsigned pcr, const uint8_t *replayed)
{
	size_t len = digest_alg_len(f->bank);
	char subject[24], where[64];
	long last = -1;

	for (size_t i = 0; i < f->log.count; i++)
		if (f->log.events[i].pcr == pcr)
			last = (long)f->log.events[i].number;
	snprintf(subject, sizeof(subject), "PCR %u", pcr);
	if (last < 0)
		snprintf(where, sizeof(where), "firmware log: no event in this PCR");
	else
		snprintf(where, sizeof(where), "firmware log: its last event there is %ld", last);
	refuse_hex(a->verdict, REASON_FIRMWARE_PCR, subject, bytes_of(replayed, len),
		bytes_of(f->quoted.values[pcr], len), where);
}

/* Whatever was extended without an event stands here as a difference. */
static bool compare(struct appraisal *a, struct boot_facts *f, bool *ret_ok, struct err *err)
{
	struct pcr_bank pcrs;

	if (!event_log_replay(&f->log, f->bank, &pcrs, err)) {
		*ret_ok = false;
		return refuse_malformed(a->verdict, REASON_FIRMWARE_LOG, "firmware log", err);
	}
	f->firmware = pcrs;
	if (!replay_systemd(a, f, &pcrs, ret_ok, err))
		return false;
	/* Separators are everywhere and say nothing. */
	f->logged = pcrs.present | (f->later & 1u << PHASES_PCR);
	if (!*ret_ok)
		return true;
	for (unsigned pcr = 0; pcr < TPM_PCRS; pcr++) {
		if (!(f->judged >> pcr & 1) || memcmp(pcrs.values[pcr], f->quoted.values[pcr],
						       digest_alg_len(f->bank)) == 0)
			continue;
		pcr_differs(a, f, pcr, pcrs.values[pcr]);
		*ret_ok = false;
	}
	return true;
}

static void not_whole(struct appraisal *a, const char *expected, const char *actual, int64_t event)
{
	char where[48] = "";

	if (event >= 0)
		snprintf(where, sizeof(where), "firmware log event %lld", (long long)event);
	verdict_refuse(
		a->verdict, REASON_FIRMWARE_LOG, "firmware log", expected, actual, where, NULL);
}

/* The first event in a PCR that is not held against the quote: it could say anything. -1: none. */
static int64_t unproven_event(const struct boot_facts *f)
{
	struct digest digest;

	for (size_t i = 0; i < f->log.count; i++) {
		const struct firmware_event *event = &f->log.events[i];

		if (event->type != EV_NO_ACTION && !(f->judged >> event->pcr & 1) &&
			event_digest(&f->log, event, f->bank, &digest))
			return event->number;
	}
	return -1;
}

/* A log may replay and still not be the one that the firmware wrote: types of events are in no
 * digest. The separators show where firmware ended in each PCR, and that the bank was filled by it. */
static bool check_whole(struct appraisal *a, const struct boot_facts *f)
{
	const struct boot_chain *chain = &f->chain;
	char missing[64] = "no separator in PCR";
	size_t at = strlen(missing);
	int64_t unproven = unproven_event(f);

	if (unproven >= 0)
		not_whole(a, "events in PCRs 0-9 and 11-14 without the runtime PCR",
			"one in another PCR, which no quote proves", unproven);
	else if (chain->separator_error)
		not_whole(a, "separators without an error", "the firmware reports one", -1);
	else if ((chain->separators & FIRMWARE_PCRS) != FIRMWARE_PCRS) {
		for (unsigned pcr = 0; pcr < FIRMWARE_PCRS_N; pcr++)
			if (!(chain->separators >> pcr & 1))
				at += (size_t)snprintf(
					missing + at, sizeof(missing) - at, " %u", pcr);
		not_whole(a, "one separator in each of PCRs 0-7", missing, -1);
	} else if (chain->disguised_separator >= 0)
		not_whole(a, "events under their own types", "a separator under another type",
			chain->disguised_separator);
	else
		return true;
	return false;
}

/* *ret_ok is left alone where the log is refused. */
static bool parse(struct appraisal *a, struct boot_facts *f, bool *ret_ok, struct err *err)
{
	if (a->evidence.firmware_log.len == 0) {
		verdict_refuse(a->verdict, REASON_FIRMWARE_LOG, "firmware log", "a log", "none",
			"evidence", NULL);
		return true;
	}
	if (!event_log_open(a->evidence.firmware_log, EVENT_LOG_TPM, f->bank, &f->log, err) ||
		!boot_chain_of(&f->log, f->bank, &f->chain, err) ||
		!secure_boot_state(&f->log, f->bank, &f->secure_boot, err))
		return refuse_malformed(a->verdict, REASON_FIRMWARE_LOG, "firmware log", err);
	*ret_ok = check_whole(a, f);
	return true;
}

bool boot_facts_of(struct appraisal *a, struct boot_facts **ret, struct err *err)
{
	OWNED(boot_facts_free) struct boot_facts *f = policy_alloc(1, sizeof(*f), err);
	bool ok = false;

	if (!f)
		return false;
	f->bank = a->policy->bank;
	f->quoted = a->pcrs;
	f->judged = BOOT_PCRS & ~(1u << a->policy->runtime_pcr);
	if (!parse(a, f, &ok, err) || (ok && !compare(a, f, &ok, err)))
		return false;
	if (ok)
		*ret = TAKE(f);
	return true;
}
