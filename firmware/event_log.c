/* SPDX-License-Identifier: Apache-2.0 */
/* The log's two forms. PFP 1.06 section 10.2: TCG_PCR_EVENT2 behind a Spec ID event, or
 * TCG_PCR_EVENT. */
#include "firmware/event_log.h"

#include <assert.h>
#include <stdlib.h>

#include "base/reader.h"
#include "firmware/event_private.h"

#define PCR_LAST          23u
#define CCEL_LAST         4u
#define PCR_WINDOWS_TAIL  0xffffffffu
#define SIGNATURE_LEN     16u
#define SHA1_LEN          20u
#define STARTUP_EVENT_LEN 17u

static const struct event_bank known_banks[] = {
	{.id = DIGEST_SHA1, .alg = DIGEST_SHA1, .len = 20},
	{.id = DIGEST_SHA256, .alg = DIGEST_SHA256, .len = 32},
	{.id = DIGEST_SHA384, .alg = DIGEST_SHA384, .len = 48},
	{.id = DIGEST_SHA512, .alg = DIGEST_SHA512, .len = 64},
	{.id = 0x0012, .len = 32}, /* SM3_256 */
	{.id = 0x0027, .len = 32}, /* SHA3_256 */
	{.id = 0x0028, .len = 48}, /* SHA3_384 */
	{.id = 0x0029, .len = 64}, /* SHA3_512 */
};

/* While a log is being read. */
struct opening {
	struct reader r;
	struct event_log *log;
	size_t capacity;
	bool pcr0_extended, startup_seen;
};

static bool begins(struct bytes data, const char signature[SIGNATURE_LEN])
{
	return data.len >= SIGNATURE_LEN && memcmp(data.data, signature, SIGNATURE_LEN) == 0;
}

/* "Spec ID Event00", …02, …03. */
static bool is_spec_id(struct bytes data)
{
	return data.len >= SIGNATURE_LEN && memcmp(data.data, "Spec ID Event0", 14) == 0 &&
	       data.data[15] == 0;
}

static bool all_bytes(struct bytes data, uint8_t value)
{
	for (size_t i = 0; i < data.len; i++)
		if (data.data[i] != value)
			return false;
	return true;
}

/* ---- the header ---- */

static void bank_take(struct reader *r, struct event_log *log)
{
	struct event_bank bank = {.id = rd_le16(r, "algorithmId")};
	bank.len = rd_le16(r, "digestSize");
	for (size_t i = 0; i < ARRAY_LEN(known_banks); i++) {
		if (known_banks[i].id != bank.id)
			continue;
		bank.alg = known_banks[i].alg;
		if (known_banks[i].len != bank.len)
			rd_fail(r, "digestSize", "not that of the algorithm");
	}
	if (bank.len == 0 || bank.len > DIGEST_LEN_MAX)
		rd_fail(r, "digestSize", "not 1..64");
	for (size_t i = 0; i < log->bank_count; i++)
		if (log->banks[i].id == bank.id)
			rd_fail(r, "algorithmId", "declared twice");
	log->banks[log->bank_count++] = bank;
}

/* TCG_EfiSpecIdEvent, whole. */
static void spec_id_take(struct reader *r, struct event_log *log)
{
	(void)rd_bytes(r, SIGNATURE_LEN, "signature");
	(void)rd_le32(r, "platformClass");
	(void)rd_u8(r, "specVersionMinor");
	uint8_t major = rd_u8(r, "specVersionMajor");
	(void)rd_u8(r, "specErrata");
	(void)rd_u8(r, "uintnSize");
	uint32_t n = rd_le32(r, "numberOfAlgorithms");
	if (major != 2)
		rd_fail(r, "specVersionMajor", "not 2");
	if (n == 0 || n > EVENT_BANKS_MAX)
		rd_fail(r, "numberOfAlgorithms", "not 1..8");
	for (uint32_t i = 0; i < n && !rd_failed(r); i++)
		bank_take(r, log);
	(void)rd_bytes(r, rd_u8(r, "vendorInfoSize"), "vendorInfo");
}

/* The first event of a crypto-agile log, in the old form. False and nothing consumed when the log
 * is a SHA-1 one. */
static bool header_take(struct reader *r, struct event_log *log)
{
	struct reader look = *r;
	uint32_t pcr = rd_le32(&look, "pcrIndex"), type = rd_le32(&look, "eventType");
	struct bytes digest = rd_bytes(&look, SHA1_LEN, "digest");
	struct reader body = rd_sub(&look, rd_le32(&look, "eventSize"), "event");
	if (rd_failed(&look) || type != EV_NO_ACTION || !begins(body.in, "Spec ID Event03"))
		return false;
	/* In a CCEL area it names the first register, which is 1. */
	if (pcr > (log->kind == EVENT_LOG_CCEL ? 1 : 0))
		rd_fail(r, "pcrIndex", "not 0 in the Spec ID event");
	if (!all_bytes(digest, 0))
		rd_fail(r, "digest", "not zero in the Spec ID event");
	spec_id_take(&body, log);
	rd_sub_finish(&look, &body, "event");
	if (!rd_failed(r))
		*r = look;
	return true;
}

static bool open_header(struct opening *o, struct err *err)
{
	o->log->agile = header_take(&o->r, o->log);
	if (!o->log->agile)
		o->log->banks[o->log->bank_count++] = known_banks[0];
	if (rd_failed(&o->r))
		return rd_finish(&o->r, err) || err_wrap(err, "Spec ID event");
	return true;
}

/* ---- events ---- */

static void digest_take(struct reader *r, const struct event_log *log, struct firmware_event *event)
{
	uint16_t id = rd_le16(r, "algorithmId");
	for (size_t i = 0; i < log->bank_count && !rd_failed(r); i++) {
		if (log->banks[i].id != id)
			continue;
		if (event->digests[i])
			rd_fail(r, "algorithmId", "twice in one event");
		event->digests[i] = rd_bytes(r, log->banks[i].len, "digest").data;
		return;
	}
	rd_fail(r, "algorithmId", "not declared in the Spec ID event");
}

static void event_take(struct reader *r, const struct event_log *log, struct firmware_event *event)
{
	uint32_t last = log->kind == EVENT_LOG_CCEL ? CCEL_LAST : PCR_LAST;
	event->offset = (uint32_t)r->at;
	event->pcr = rd_le32(r, "pcrIndex");
	event->type = rd_le32(r, "eventType");
	if (event->pcr > last && event->type != EV_NO_ACTION)
		rd_fail(r, "pcrIndex", "beyond the last register");
	if (log->agile) {
		uint32_t n = rd_le32(r, "digestCount");
		if (n == 0 || n > log->bank_count)
			rd_fail(r, "digestCount", "not 1 to the number of algorithms");
		for (uint32_t i = 0; i < n && !rd_failed(r); i++)
			digest_take(r, log, event);
	} else {
		event->digests[0] = rd_bytes(r, SHA1_LEN, "digest").data;
	}
	event->data = rd_bytes(r, rd_le32(r, "eventSize"), "event");
}

static bool has_digest_set(const struct event_log *log, const struct firmware_event *event)
{
	for (size_t i = 0; i < log->bank_count; i++)
		if (event->digests[i] &&
			!all_bytes(bytes_of(event->digests[i], log->banks[i].len), 0))
			return true;
	return false;
}

/* EV_NO_ACTION is in no PCR: one thing in it counts, where PCR 0 started, since replay proves it.
 */
static bool no_action(struct opening *o, struct firmware_event *event, struct err *err)
{
	event->coverage = EVENT_NOT_EXTENDED;
	event->odd = event->pcr != PCR_WINDOWS_TAIL &&
		     (event->pcr != 0 || has_digest_set(o->log, event));
	if (is_spec_id(event->data) && (o->log->agile || event->number > 0))
		return err_set(err, ERR_FORMAT, "event: a second Spec ID event");
	if (event->odd || event->pcr != 0 || !begins(event->data, "StartupLocality"))
		return true;
	uint8_t locality = event->data.data[event->data.len - 1];
	if (event->data.len != STARTUP_EVENT_LEN ||
		(locality != 0 && locality != 3 && locality != 4))
		return err_set(err, ERR_FORMAT, "StartupLocality: not 0, 3 or 4");
	if (o->startup_seen || o->pcr0_extended)
		return err_set(err, ERR_FORMAT, "StartupLocality: %s",
			o->startup_seen ? "given twice" : "after PCR 0 was extended");
	o->startup_seen = true;
	o->log->startup_locality = locality;
	return true;
}

static bool hcrtm(struct opening *o, const struct firmware_event *event, struct err *err)
{
	if (event->pcr != 0 || o->pcr0_extended)
		return err_set(err, ERR_FORMAT, "H-CRTM: %s",
			event->pcr ? "not in PCR 0" : "after PCR 0 was extended");
	if (o->startup_seen && o->log->startup_locality == 3)
		return err_set(err, ERR_FORMAT, "H-CRTM: together with StartupLocality 3");
	o->log->hcrtm = true;
	o->log->startup_locality = 4;
	return true;
}

static bool event_judge(struct opening *o, struct firmware_event *event, struct err *err)
{
	if (event->type == EV_NO_ACTION)
		return no_action(o, event, err);
	if (event->type == EV_EFI_HCRTM_EVENT && !hcrtm(o, event, err))
		return false;
	o->pcr0_extended = o->pcr0_extended || event->pcr == 0;
	return event_check(o->log, event, err);
}

static struct firmware_event *event_room(struct opening *o, struct err *err)
{
	struct event_log *log = o->log;
	if (log->count == EVENTS_MAX) {
		(void)err_set(err, ERR_LIMIT, "event log: more than %u events", EVENTS_MAX);
		return NULL;
	}
	if (log->count == o->capacity) {
		size_t capacity = o->capacity ? o->capacity * 2 : 128;
		void *grown = realloc(log->events, capacity * sizeof(*log->events));
		if (!grown) {
			(void)err_set(err, ERR_NOMEM, "event log");
			return NULL;
		}
		log->events = grown;
		o->capacity = capacity;
	}
	struct firmware_event *event = &log->events[log->count];
	*event = (struct firmware_event){.number = (uint32_t)log->count};
	return event;
}

static bool open_event(struct opening *o, struct err *err)
{
	struct firmware_event *event = event_room(o, err);
	if (!event)
		return false;
	event_take(&o->r, o->log, event);
	if (rd_failed(&o->r))
		return rd_finish(&o->r, err) || err_wrap(err, "event %u", event->number);
	if (!event_judge(o, event, err))
		return err_wrap(
			err, "event %u at offset %u", event->number, (unsigned)event->offset);
	o->log->count++;
	return true;
}

static bool only_padding(const struct opening *o)
{
	return o->log->kind == EVENT_LOG_CCEL &&
	       all_bytes(bytes_of(o->r.in.data + o->r.at, o->r.in.len - o->r.at), 0xff);
}

/* Which banks data is held against. */
static bool banks_choose(struct event_log *log, enum digest_alg bank, struct err *err)
{
	bool found = false;
	for (size_t i = 0; i < log->bank_count; i++) {
		struct event_bank *one = &log->banks[i];
		one->checked = one->alg != DIGEST_NONE && (!bank || one->alg == bank);
		found = found || one->checked;
	}
	if (!found)
		return err_set(err, ERR_NOT_FOUND, "event log: no %s bank",
			bank ? digest_alg_name(bank) : "known");
	return true;
}

bool event_log_open(struct bytes in, enum event_log_kind kind, enum digest_alg bank,
	struct event_log *ret, struct err *err)
{
	OWNED(event_log_release) struct event_log log = {.kind = kind};
	struct opening o = {.r = rd_of(in), .log = &log};
	if (in.len == 0)
		return err_set(err, ERR_FORMAT, "event log: empty");
	if (in.len > EVENT_LOG_MAX)
		return err_set(err, ERR_LIMIT, "event log: %zu bytes, more than %u", in.len,
			EVENT_LOG_MAX);
	if (!open_header(&o, err) || !banks_choose(&log, bank, err))
		return false;
	while (rd_left(&o.r) > 0 && !only_padding(&o))
		if (!open_event(&o, err))
			return false;
	*ret = TAKE_STRUCT(log);
	return true;
}

void event_log_release(struct event_log *log)
{
	free(log->events);
	memset(log, 0, sizeof(*log));
}

bool event_digest(const struct event_log *log, const struct firmware_event *event,
	enum digest_alg bank, struct digest *ret)
{
	for (size_t i = 0; i < log->bank_count; i++) {
		if (log->banks[i].alg != bank || !event->digests[i])
			continue;
		*ret = (struct digest){.alg = bank, .len = (uint8_t)log->banks[i].len};
		memcpy(ret->bytes, event->digests[i], ret->len);
		return true;
	}
	return false;
}
