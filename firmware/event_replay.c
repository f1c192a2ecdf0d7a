/* SPDX-License-Identifier: Apache-2.0 */
/* Onto PCRs. TPM 2.0 Part 1 section 34 (H-CRTM, localities), PC Client Platform TPM Profile (start
 * values). */
#include "firmware/event_log.h"

#define PCR_DRTM_FIRST 17u
#define PCR_DRTM_LAST  22u
#define SEPARATOR_PCRS 8u
#define SEPARATOR_LEN  4u
#define REMARK_MAX     128u

bool event_is_separator(const struct firmware_event *event)
{
	return event->type == EV_SEPARATOR && event->pcr < SEPARATOR_PCRS;
}

bool event_is_remark(const struct firmware_event *event)
{
	if (event->coverage != EVENT_COVERED || event->covered.len == 0 ||
		event->covered.len > REMARK_MAX)
		return false;
	for (size_t i = 0; i < event->covered.len; i++)
		if (event->covered.data[i] < 0x20 || event->covered.data[i] > 0x7e)
			return false;
	return true;
}

/* PFP section 3.3.3.2: 1 is an error; then the data may instead tell of it while the digest is that
 * of the value, which event_check leaves uncovered. */
bool event_is_error(const struct firmware_event *event)
{
	return event_is_separator(event) &&
	       (event->coverage != EVENT_COVERED ||
		       bytes_equal(event->data, bytes_of("\1\0\0\0", SEPARATOR_LEN)));
}

static bool bank_find(const struct event_log *log, enum digest_alg bank, struct err *err)
{
	for (size_t i = 0; i < log->bank_count; i++) {
		if (log->banks[i].alg != bank || bank == DIGEST_NONE)
			continue;
		if (!log->banks[i].checked)
			return err_set(err, ERR_USAGE, "event log: the %s bank was not checked",
				digest_alg_name(bank));
		return true;
	}
	return err_set(err, ERR_NOT_FOUND, "event log: no %s bank", digest_alg_name(bank));
}

bool event_log_start(
	const struct event_log *log, enum digest_alg bank, struct pcr_bank *ret, struct err *err)
{
	if (!bank_find(log, bank, err))
		return false;
	size_t len = digest_alg_len(bank);
	*ret = (struct pcr_bank){.alg = bank};
	if (log->kind == EVENT_LOG_CCEL)
		return true;
	ret->values[0][len - 1] = log->startup_locality;
	for (size_t i = PCR_DRTM_FIRST; i <= PCR_DRTM_LAST; i++)
		memset(ret->values[i], 0xff, len);
	return true;
}

bool event_extend(const struct event_log *log, const struct firmware_event *event,
	struct pcr_bank *pcrs, struct err *err)
{
	if (event->type == EV_NO_ACTION)
		return true;
	for (size_t i = 0; i < log->bank_count; i++) {
		if (log->banks[i].alg != pcrs->alg || !event->digests[i])
			continue;
		pcrs->present |= 1u << event->pcr;
		return pcr_extend(pcrs->alg, pcrs->values[event->pcr], event->digests[i], err);
	}
	return true;
}

bool event_log_replay(
	const struct event_log *log, enum digest_alg bank, struct pcr_bank *ret, struct err *err)
{
	struct pcr_bank pcrs;
	if (!event_log_start(log, bank, &pcrs, err))
		return false;
	for (size_t i = 0; i < log->count; i++) {
		const struct firmware_event *event = &log->events[i];
		if (event_is_error(event))
			return err_set(err, ERR_MISMATCH,
				"event %u: EV_SEPARATOR in PCR %u: the firmware reports an error",
				event->number, event->pcr);
		if (!event_extend(log, event, &pcrs, err))
			return err_wrap(err, "event %u", event->number);
	}
	*ret = pcrs;
	return true;
}

const char *event_coverage_name(enum event_coverage coverage)
{
	static const char *const names[] = {
		[EVENT_UNCOVERED] = "uncovered",
		[EVENT_COVERED] = "covered",
		[EVENT_NOT_EXTENDED] = "not-extended",
	};
	return names[coverage];
}
