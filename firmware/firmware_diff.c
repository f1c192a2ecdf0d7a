/* SPDX-License-Identifier: Apache-2.0 */
/* Two logs, PCR by PCR: the first event from which they differ, and why. */
#include "firmware/event_log.h"

#include <stdlib.h>

#include "base/text.h"

#define DIGEST_SHOWN 8u /* bytes */

/* One log's events of one PCR, in order. */
struct walk {
	const struct event_log *log;
	enum digest_alg bank;
	uint32_t pcr;
	size_t at; /* index into log->events */
	const struct firmware_event *event; /* NULL at the end */
	struct digest digest;
};

static void walk_next(struct walk *w)
{
	for (w->event = NULL; w->at < w->log->count && !w->event; w->at++) {
		const struct firmware_event *event = &w->log->events[w->at];
		if (event->pcr == w->pcr && event->type != EV_NO_ACTION &&
			event_digest(w->log, event, w->bank, &w->digest))
			w->event = event;
	}
}

/* Does the walk come to this digest later? */
static bool comes_to(struct walk w, const struct digest *digest)
{
	while (w.event) {
		if (digest_equal(&w.digest, digest))
			return true;
		walk_next(&w);
	}
	return false;
}

static void put_event(const struct walk *w, struct buf *out)
{
	const char *name = event_type_name(w->event->type);
	if (name)
		buf_printf(out, "event %u %s: ", w->event->number, name);
	else
		buf_printf(out, "event %u type 0x%x: ", w->event->number, w->event->type);
	event_text(w->event, out);
	if (w->event->coverage != EVENT_UNCOVERED)
		return;
	buf_put_str(out, " (digest ");
	buf_put_hex(out, bytes_of(w->digest.bytes, DIGEST_SHOWN));
	buf_put_str(out, "…)");
}

static void put_why(const struct walk *old, const struct walk *new, struct buf *out)
{
	if (!old->event || (new->event &&comes_to(*new, &old->digest))) {
		buf_put_str(out, "added: ");
		put_event(new, out);
	} else if (!new->event || comes_to(*old, &new->digest)) {
		buf_put_str(out, "gone: ");
		put_event(old, out);
	} else {
		buf_put_str(out, "was ");
		put_event(old, out);
		buf_put_str(out, "; is ");
		put_event(new, out);
	}
}

static void put_start(const struct event_log *old, const struct event_log *new, struct buf *out)
{
	buf_printf(out, "PCR 0 started at locality %u%s, now at %u%s", old->startup_locality,
		old->hcrtm ? " (H-CRTM)" : "", new->startup_locality,
		new->hcrtm ? " (H-CRTM)" : "");
}

static bool difference_put(struct firmware_differences *differences, const struct walk *old,
	const struct walk *new, struct buf *why, struct err *err)
{
	const char *text = buf_str(why);
	struct firmware_difference *d = &differences->list[differences->count];
	d->pcr = old->pcr;
	d->old_event = old->event ? (int64_t)old->event->number : -1;
	d->new_event = new->event ? (int64_t) new->event->number : -1;
	d->why = text ? bytes_strdup(bytes_str(text)) : NULL;
	if (!d->why)
		return err_set(err, ERR_NOMEM, "difference");
	differences->count++;
	return true;
}

static bool pcr_diff(
	struct firmware_differences *differences, struct walk old, struct walk new, struct err *err)
{
	OWNED(buf_release) struct buf why = {0};
	bool start = old.pcr == 0 && old.log->startup_locality != new.log->startup_locality;
	walk_next(&old);
	walk_next(&new);
	if (start) {
		put_start(old.log, new.log, &why);
		return difference_put(differences, &old, &new, &why, err);
	}
	while (old.event && new.event && digest_equal(&old.digest, &new.digest)) {
		walk_next(&old);
		walk_next(&new);
	}
	if (!old.event && !new.event)
		return true;
	put_why(&old, &new, &why);
	return difference_put(differences, &old, &new, &why, err);
}

bool firmware_diff(const struct event_log *old, const struct event_log *new, enum digest_alg bank,
	struct firmware_differences *ret, struct err *err)
{
	OWNED(firmware_differences_release) struct firmware_differences differences = {0};
	struct pcr_bank start;
	if (!event_log_start(old, bank, &start, err))
		return err_wrap(err, "old log");
	if (!event_log_start(new, bank, &start, err))
		return err_wrap(err, "new log");
	for (uint32_t pcr = 0; pcr < TPM_PCRS; pcr++)
		if (!pcr_diff(&differences, (struct walk){.log = old, .bank = bank, .pcr = pcr},
			    (struct walk){.log = new, .bank = bank, .pcr = pcr}, err))
			return false;
	*ret = TAKE_STRUCT(differences);
	return true;
}

void firmware_differences_release(struct firmware_differences *differences)
{
	for (size_t i = 0; i < differences->count; i++)
		free(differences->list[i].why);
	memset(differences, 0, sizeof(*differences));
}
