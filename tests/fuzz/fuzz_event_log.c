/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TCG event log. The bytes come from the host that sends evidence, which may be the attacker's; PCRs authenticate them only
 * later. The first byte chooses the kind of log. Oracles: what opens covers every byte of the input once, with events at
 * their offsets; replaying in pieces gives what replaying whole does; whatever opens can be told in words.
 */
#include <assert.h>

#include "base/text.h"
#include "firmware/boot_chain.h"
#include "firmware/secure_boot.h"

/* Offsets follow one another, and the events with their heads and digests are all there is. */
static void check_layout(const struct event_log *log, size_t size)
{
	size_t at = log->count ? log->events[0].offset : size;
	for (size_t i = 0; i < log->count; i++) {
		const struct firmware_event *event = &log->events[i];
		assert(event->offset == at && event->number == i);
		at += log->agile ? 16 : 12;
		for (size_t b = 0; b < log->bank_count; b++)
			if (event->digests[b])
				at += log->banks[b].len + (log->agile ? 2u : 0u);
		at += event->data.len;
		assert(event->coverage == EVENT_COVERED || event->covered.len == 0);
	}
	assert(log->kind == EVENT_LOG_CCEL ? at <= size : at == size);
}

static void check_replay(const struct event_log *log, enum digest_alg bank)
{
	struct pcr_bank whole, pieces;
	struct err err;
	if (!event_log_replay(log, bank, &whole, &err))
		return;
	assert(event_log_start(log, bank, &pieces, &err));
	for (size_t i = 0; i < log->count; i++)
		assert(event_extend(log, &log->events[i], &pieces, &err));
	assert(memcmp(&whole, &pieces, sizeof(whole)) == 0);
}

static void check_words(const struct event_log *log, enum digest_alg bank)
{
	OWNED(boot_chain_release) struct boot_chain chain = {0};
	OWNED(secure_boot_free) struct secure_boot *state = NULL;
	OWNED(firmware_differences_release) struct firmware_differences differences = {0};
	OWNED(buf_release) struct buf text = {0};
	struct err err;
	for (size_t i = 0; i < log->count; i++)
		event_text(&log->events[i], &text);
	assert(utf8_valid(buf_bytes(&text)));
	assert(boot_chain_of(log, bank, &chain, &err));
	assert(firmware_diff(log, log, bank, &differences, &err) && differences.count == 0);
	if (secure_boot_state(log, bank, &state, &err))
		assert(state->enforced == (state->why[0] == '\0'));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	OWNED(event_log_release) struct event_log log = {0};
	struct err err;
	if (size == 0)
		return 0;
	enum event_log_kind kind = data[0] & 1 ? EVENT_LOG_CCEL : EVENT_LOG_TPM;
	if (!event_log_open(bytes_of(data + 1, size - 1), kind, DIGEST_NONE, &log, &err))
		return 0;
	check_layout(&log, size - 1);
	for (size_t b = 0; b < log.bank_count; b++) {
		if (!log.banks[b].checked)
			continue;
		check_replay(&log, log.banks[b].alg);
		check_words(&log, log.banks[b].alg);
	}
	return 0;
}
