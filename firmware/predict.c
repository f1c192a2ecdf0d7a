/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware/predict_private.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "firmware/uefi_variable.h"

#define PCR_SECURE_BOOT 7u
#define NOTE_MAX        1024

static bool take_events(struct predict *predict, struct err *err)
{
	const struct event_log *log = predict->log;

	predict->events = calloc(PREDICT_EVENTS_MAX, sizeof(*predict->events));
	if (!predict->events)
		return err_set(err, ERR_NOMEM, "prediction");
	for (size_t i = 0; i < log->count; i++) {
		struct predict_event *event = &predict->events[predict->count++];

		event->event = &log->events[i];
		event->pcr = log->events[i].pcr;
		if (log->events[i].type != EV_NO_ACTION)
			(void)event_digest(log, &log->events[i], predict->bank, &event->digest);
	}
	return true;
}

bool predict_new(
	const struct event_log *log, enum digest_alg bank, struct predict **ret, struct err *err)
{
	OWNED(predict_free) struct predict *predict = calloc(1, sizeof(*predict));

	if (!predict)
		return err_set(err, ERR_NOMEM, "prediction");
	predict->log = log;
	predict->bank = bank;
	if (!event_log_replay(log, bank, &predict->before, err) ||
		!boot_chain_of(log, bank, &predict->chain, err) || !take_events(predict, err))
		return err_wrap(err, "prediction");
	predict_note(predict, "assumes that firmware, its settings, boot entries and partitions "
			      "stay as they are");
	*ret = TAKE(predict);
	return true;
}

void predict_free(struct predict **predict)
{
	struct predict *p = *predict;

	if (!p)
		return;
	for (size_t i = 0; i < p->count; i++)
		free(p->events[i].what);
	for (size_t i = 0; i < p->note_count; i++)
		free(p->notes[i]);
	free(p->events);
	boot_chain_release(&p->chain);
	free(p);
	*predict = NULL;
}

struct predict_event *predict_find(struct predict *predict, uint32_t number)
{
	for (size_t i = 0; i < predict->count; i++)
		if (predict->events[i].event && predict->events[i].event->number == number)
			return &predict->events[i];
	return NULL;
}

static bool say(char **what, const char *text, struct err *err)
{
	free(*what);
	*what = bytes_strdup(bytes_str(text));
	return *what ? true : err_set(err, ERR_NOMEM, "prediction");
}

bool predict_change(
	struct predict_event *event, const struct digest *digest, const char *what, struct err *err)
{
	if (digest_equal(&event->digest, digest))
		return true;
	event->digest = *digest;
	event->changed = true;
	return say(&event->what, what, err);
}

bool predict_insert(struct predict *predict, size_t index, uint32_t pcr,
	const struct digest *digest, const char *what, struct err *err)
{
	struct predict_event *event = &predict->events[index];

	if (predict->count == PREDICT_EVENTS_MAX)
		return err_set(err, ERR_LIMIT, "prediction: too many events");
	memmove(event + 1, event, (predict->count - index) * sizeof(*event));
	predict->count++;
	*event = (struct predict_event){.pcr = pcr, .digest = *digest, .changed = true};
	return say(&event->what, what, err);
}

void predict_note(struct predict *predict, const char *format, ...)
{
	char text[NOTE_MAX];
	va_list list;

	va_start(list, format);
	(void)vsnprintf(text, sizeof(text), format, list);
	va_end(list);
	for (size_t i = 0; i < predict->note_count; i++)
		if (strcmp(predict->notes[i], text) == 0)
			return;
	if (predict->note_count == PREDICT_NOTES_MAX)
		return;
	predict->notes[predict->note_count] = bytes_strdup(bytes_str(text));
	if (predict->notes[predict->note_count])
		predict->note_count++;
	else
		predict->note_lost = true;
}

bool predict_secure_boot(const struct predict *predict)
{
	for (size_t i = 0; i < predict->log->count; i++) {
		const struct firmware_event *event = &predict->log->events[i];
		struct uefi_variable variable;

		if (event->pcr == PCR_SECURE_BOOT && event->type == EV_EFI_VARIABLE_DRIVER_CONFIG &&
			event->coverage == EVENT_COVERED &&
			uefi_variable_parse(event->covered, &variable, NULL) &&
			utf16_equal(variable.name, "SecureBoot"))
			return variable.data.len == 1 && variable.data.data[0] == 1;
	}
	return false;
}

/* ---- the result ---- */

static bool replay(const struct predict *predict, struct pcr_bank *ret, struct err *err)
{
	if (!event_log_start(predict->log, predict->bank, ret, err))
		return false;
	for (size_t i = 0; i < predict->count; i++) {
		const struct predict_event *event = &predict->events[i];

		if (event->dropped || event->digest.len == 0)
			continue;
		if (!pcr_extend(predict->bank, ret->values[event->pcr], event->digest.bytes, err))
			return false;
		ret->present |= UINT32_C(1) << event->pcr;
	}
	return true;
}

static bool list_changes(struct predict *predict, struct prediction *ret, struct err *err)
{
	ret->changes = calloc(PREDICT_CHANGES_MAX, sizeof(*ret->changes));
	if (!ret->changes)
		return err_set(err, ERR_NOMEM, "prediction");
	for (size_t i = 0; i < predict->count; i++) {
		struct predict_event *event = &predict->events[i];
		struct prediction_change *change = &ret->changes[ret->change_count];

		if (!event->changed && !event->dropped)
			continue;
		if (ret->change_count == PREDICT_CHANGES_MAX)
			return err_set(err, ERR_LIMIT, "prediction: more than %u changes",
				PREDICT_CHANGES_MAX);
		change->event = event->event ? (int64_t)event->event->number : -1;
		change->pcr = event->pcr;
		if (event->event)
			(void)event_digest(predict->log, event->event, predict->bank, &change->old);
		if (!event->dropped)
			change->new_ = event->digest;
		change->what = TAKE(event->what);
		ret->change_count++;
	}
	return true;
}

bool predict_finish(struct predict *predict, struct prediction *ret, struct err *err)
{
	OWNED(prediction_release) struct prediction out = {.bank = predict->bank};
	size_t len = digest_alg_len(predict->bank);

	if (!predict->touched)
		return err_set(err, ERR_USAGE, "prediction: nothing is to be changed");
	if (predict->note_lost)
		return err_set(err, ERR_NOMEM, "prediction: a note");
	out.before = predict->before;
	if (!replay(predict, &out.after, err) || !list_changes(predict, &out, err))
		return false;
	out.unknown = predict->unknown;
	for (uint32_t pcr = 0; pcr < TPM_PCRS; pcr++)
		if (memcmp(out.before.values[pcr], out.after.values[pcr], len) != 0)
			out.changed |= UINT32_C(1) << pcr;
	out.notes = calloc(PREDICT_NOTES_MAX, sizeof(*out.notes));
	if (!out.notes)
		return err_set(err, ERR_NOMEM, "prediction");
	for (; out.note_count < predict->note_count; out.note_count++)
		out.notes[out.note_count] = TAKE(predict->notes[out.note_count]);
	predict->note_count = 0;
	*ret = TAKE_STRUCT(out);
	return true;
}

void prediction_release(struct prediction *prediction)
{
	for (size_t i = 0; i < prediction->change_count; i++)
		free(prediction->changes[i].what);
	free(prediction->changes);
	for (size_t i = 0; i < prediction->note_count; i++)
		free(prediction->notes[i]);
	free(prediction->notes);
	memset(prediction, 0, sizeof(*prediction));
}
