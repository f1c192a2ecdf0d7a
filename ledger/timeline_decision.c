/* SPDX-License-Identifier: Apache-2.0 */
/* Decisions as a story: machines that boot, instances that launch, renew, fall silent, are refused
 * and end. */
#include "ledger/timeline_private.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/cbor.h"
#include "base/text.h"

#define MISSED         2 /* renewals in a row that nobody made are a gap */
#define MISSED_SLACK_S 60

/* ---- who was seen ---- */

static bool grow(void *list, size_t count, size_t *room, size_t size, size_t max, const char *what,
	struct err *err)
{
	void **at = list;
	void *grown;

	if (count < *room)
		return true;
	if (count >= max)
		return err_set(err, ERR_LIMIT, "timeline: more than %zu %s", max, what);
	*room = *room ? 2 * *room : 16;
	grown = realloc(*at, *room * size);
	if (!grown)
		return err_set(err, ERR_NOMEM, "timeline");
	*at = grown;
	return true;
}

static bool host_find(
	struct timeline *t, const uint8_t id[HOST_ID_LEN], struct host_seen **ret, struct err *err)
{
	for (size_t i = 0; i < t->host_count; i++)
		if (memcmp(t->hosts[i].facts.host, id, HOST_ID_LEN) == 0) {
			*ret = &t->hosts[i];
			return true;
		}
	if (!grow(&t->hosts, t->host_count, &t->host_room, sizeof(*t->hosts), TIMELINE_HOSTS_MAX,
		    "hosts", err))
		return false;
	*ret = &t->hosts[t->host_count++];
	memset(*ret, 0, sizeof(**ret));
	memcpy((*ret)->facts.host, id, HOST_ID_LEN);
	return true;
}

static bool is_instance(const struct instance_seen *seen, const struct decision_facts *facts)
{
	return memcmp(seen->facts.instance, facts->instance, INSTANCE_ID_LEN) == 0 &&
	       memcmp(seen->facts.host, facts->host, HOST_ID_LEN) == 0;
}

static bool instance_find(struct timeline *t, const struct decision_facts *facts,
	struct instance_seen **ret, struct err *err)
{
	/* The newest are at the end, and they are who renews. */
	for (size_t i = t->instance_count; i > 0; i--)
		if (is_instance(&t->instances[i - 1], facts)) {
			*ret = &t->instances[i - 1];
			return true;
		}
	if (!grow(&t->instances, t->instance_count, &t->instance_room, sizeof(*t->instances),
		    TIMELINE_INSTANCES_MAX, "instances", err))
		return false;
	*ret = &t->instances[t->instance_count++];
	memset(*ret, 0, sizeof(**ret));
	(*ret)->facts = *facts;
	return true;
}

/* ---- renewals, told together ---- */

static bool renewals_tell(struct timeline *t, struct instance_seen *seen, struct err *err)
{
	char text[TIMELINE_TEXT_MAX], instance[17];
	struct telling telling = {.place = PLACE_AT,
		.time = seen->first_time,
		.until = seen->time,
		.kind = "renewals",
		.text = text,
		.proven = seen->audited,
		.facts = &seen->facts,
		.rests = {seen->first, seen->rest},
		.rest_count = seen->renewals > 1 ? 2 : 1,
		.count = seen->renewals};

	if (seen->renewals == 0)
		return true;
	(void)snprintf(text, sizeof(text), "instance %s… renewed %u time%s, %u credential%s issued",
		text_short_hex(BYTES_OF(seen->facts.instance), instance), seen->renewals,
		seen->renewals == 1 ? "" : "s", seen->credentials,
		seen->credentials == 1 ? "" : "s");
	seen->renewals = seen->credentials = 0;
	return timeline_tell(t, &telling, err);
}

static bool host_renewals_tell(struct timeline *t, const uint8_t host[HOST_ID_LEN], struct err *err)
{
	for (size_t i = 0; i < t->instance_count; i++)
		if (memcmp(t->instances[i].facts.host, host, HOST_ID_LEN) == 0 &&
			!renewals_tell(t, &t->instances[i], err))
			return false;
	return true;
}

/* ---- boots ---- */

/* A quote that its own judge did not believe tells nothing of the machine. */
static bool believable(const struct decision_facts *facts)
{
	if (!facts->booted)
		return false;
	for (size_t i = 0; i < facts->reason_count; i++)
		if (strncmp(facts->reasons[i], "quote-", 6) == 0 ||
			strcmp(facts->reasons[i], "evidence-malformed") == 0 ||
			strcmp(facts->reasons[i], "claims-malformed") == 0)
			return false;
	return true;
}

/* Of a refused quote and of the accepted one after it the same boot is told once. */
static bool told_before(const struct host_seen *seen, const struct decision_facts *facts)
{
	return seen->told.booted && seen->told.reset_count == facts->reset_count &&
	       seen->told.restart_count == facts->restart_count &&
	       memcmp(seen->told.boot_id, facts->boot_id, sizeof(facts->boot_id)) == 0;
}

static bool first_tell(
	struct timeline *t, const struct ledger_entry *entry, bool audited, struct err *err)
{
	char text[TIMELINE_TEXT_MAX];
	struct telling telling = {.place = PLACE_BEFORE,
		.time = entry->time,
		.kind = "boot",
		.text = text,
		.proven = audited,
		.host = entry->facts.host,
		.rests = {rest_of(entry)},
		.rest_count = 1};

	(void)snprintf(text, sizeof(text), "first seen: reset count %u, restart count %u",
		entry->facts.reset_count, entry->facts.restart_count);
	return timeline_tell(t, &telling, err);
}

/* A clear and an older state are told apart by the verifier's clock: that is its word. */
static bool boot_tell(struct timeline *t, const struct ledger_entry *entry, bool audited,
	struct host_seen *seen, struct err *err)
{
	char text[TIMELINE_TEXT_MAX];
	const struct decision_facts *before = &seen->facts, *after = &entry->facts;
	unsigned steps = timeline_steps(before, seen->time, after, entry->time);
	struct telling telling = {.place = PLACE_BEFORE,
		.time = entry->time,
		.text = text,
		.proven = audited && seen->audited,
		.host = after->host,
		.rests = {rest_of(entry), seen->rest},
		.rest_count = 2};

	telling.kind = timeline_firmware_words(steps, before, after, text);
	if (telling.kind && !timeline_tell(t, &telling, err))
		return false;
	telling.kind = timeline_boot_words(steps, before, after, text);
	if (!telling.kind || (!(steps & TIMELINE_STEPS_AGAINST) && told_before(seen, after)))
		return true;
	if (!(steps & TIMELINE_STEPS_AGAINST))
		seen->told = *after;
	telling.proven = telling.proven && !(steps & (TPM_STEP_CLEAR | TPM_STEP_ROLLBACK));
	return host_renewals_tell(t, after->host, err) && timeline_tell(t, &telling, err);
}

/* Only what was accepted moves what is known of a machine: of two states of one TPM the other one
 * stays the stranger. */
static bool boot(
	struct timeline *t, const struct ledger_entry *entry, bool audited, struct err *err)
{
	struct host_seen *seen = NULL;

	if (!believable(&entry->facts))
		return true;
	if (!host_find(t, entry->facts.host, &seen, err) ||
		!(seen->time ? boot_tell(t, entry, audited, seen, err)
			     : first_tell(t, entry, audited, err)))
		return false;
	if (!entry->facts.trusted && seen->time)
		return true;
	bool older = seen->time && entry->facts.reset_count == seen->facts.reset_count &&
		     entry->facts.clock_ms < seen->facts.clock_ms;
	uint64_t clock = seen->facts.clock_ms;

	seen->facts = entry->facts;
	if (older)
		seen->facts.clock_ms = clock;
	seen->rest = rest_of(entry);
	seen->time = entry->time;
	seen->audited = audited;
	return true;
}

/* ---- silence ---- */

static int64_t patience(const struct decision_facts *facts)
{
	return MISSED * facts->renew_after + MISSED_SLACK_S;
}

static const char *gap_cause(const struct instance_seen *seen, const struct ledger_entry *entry,
	int64_t silent, char out[128])
{
	const struct decision_facts *before = &seen->facts, *after = &entry->facts;
	unsigned steps;
	uint64_t ran;

	if (!before->booted || !after->booted)
		return "";
	steps = timeline_steps(before, seen->time, after, entry->time);
	if (steps & TIMELINE_STEPS_AGAINST)
		return "; the TPM's state changed meanwhile";
	if (steps & TPM_STEP_REBOOT)
		return "; the machine was rebooted meanwhile";
	if (steps & TPM_STEP_RESUME)
		return "; the machine was suspended meanwhile";
	ran = after->clock_ms > before->clock_ms ? (after->clock_ms - before->clock_ms) / 1000 : 0;
	(void)snprintf(out, 128, "; its TPM ran for %llu s of the %lld s", (unsigned long long)ran,
		(long long)silent);
	return out;
}

/* after: the decision that ended the silence; NULL: nothing did. */
static bool gap_tell(struct timeline *t, struct instance_seen *seen, int64_t until,
	const struct ledger_entry *after, struct err *err)
{
	char text[TIMELINE_TEXT_MAX], cause[128], instance[17];
	int64_t silent = until - seen->time;
	struct telling telling = {.place = PLACE_BEHIND,
		.time = seen->time,
		.until = until,
		.kind = "gap",
		.text = text,
		.facts = &seen->facts,
		.rests = {seen->rest},
		.rest_count = 1};

	if (!seen->running || seen->facts.renew_after == 0 || silent <= patience(&seen->facts))
		return true;
	if (after)
		telling.rests[telling.rest_count++] = rest_of(after);
	(void)snprintf(text, sizeof(text),
		"instance %s… silent for %lld s; it was to renew every %lld s%s%s",
		text_short_hex(BYTES_OF(seen->facts.instance), instance), (long long)silent,
		(long long)seen->facts.renew_after,
		after ? gap_cause(seen, after, silent, cause) : "",
		after ? "" : "; nothing was heard since");
	return renewals_tell(t, seen, err) && timeline_tell(t, &telling, err);
}

/* ---- the decision itself ---- */

static bool outcome_tell(
	struct timeline *t, const struct ledger_entry *entry, bool audited, struct err *err)
{
	const struct decision_facts *f = &entry->facts;
	char text[TIMELINE_TEXT_MAX], instance[17];
	struct telling telling = {.place = PLACE_AT,
		.time = entry->time,
		.kind = !f->trusted                    ? "refusal"
			: f->purpose == PURPOSE_LAUNCH ? "launch"
						       : "renewal",
		.text = text,
		.proven = audited,
		.facts = f,
		.rests = {rest_of(entry)},
		.rest_count = 1};
	int n = snprintf(text, sizeof(text), "%s of instance %s… of %s %s",
		purpose_name(f->purpose), text_short_hex(BYTES_OF(f->instance), instance),
		f->workload[0] ? f->workload : "an unnamed workload",
		f->trusted ? "trusted" : "refused");

	for (size_t i = 0; i < f->reason_count && n > 0 && (size_t)n < sizeof(text); i++)
		n += snprintf(
			text + n, sizeof(text) - (size_t)n, "%s%s", i ? ", " : ": ", f->reasons[i]);
	return timeline_tell(t, &telling, err);
}

static bool accepted(struct timeline *t, struct instance_seen *seen,
	const struct ledger_entry *entry, bool audited, struct err *err)
{
	bool renewal = entry->facts.purpose == PURPOSE_RENEW;

	if (!renewal && (!renewals_tell(t, seen, err) || !outcome_tell(t, entry, audited, err)))
		return false;
	if (renewal && seen->renewals++ == 0) {
		seen->first = rest_of(entry);
		seen->first_time = entry->time;
		seen->audited = true;
	}
	seen->audited = seen->audited && audited;
	seen->facts = entry->facts;
	seen->rest = rest_of(entry);
	seen->time = entry->time;
	seen->running = true;
	return true;
}

bool timeline_decision(
	struct timeline *t, const struct ledger_entry *entry, bool audited, struct err *err)
{
	struct instance_seen *seen = NULL;

	memcpy(t->issued_on, entry->id, sizeof(t->issued_on));
	t->issued_launch = entry->facts.purpose != PURPOSE_RENEW;
	if (!instance_find(t, &entry->facts, &seen, err) ||
		!gap_tell(t, seen, entry->time, entry, err) || !boot(t, entry, audited, err))
		return false;
	if (entry->facts.trusted)
		return accepted(t, seen, entry, audited, err);
	seen->running = false;
	return renewals_tell(t, seen, err) && outcome_tell(t, entry, audited, err);
}

/* ---- credentials ---- */

static bool issued_read(struct bytes in, uint8_t decision[SHA256_LEN], size_t *ret_count)
{
	struct cbor_doc doc;
	struct cbor_item root;

	if (!cbor_open(in, true, "issued", &doc, &root, NULL))
		return false;
	cbor_copy(cbor_key(root, 0, "decision"), decision, SHA256_LEN, "decision");
	*ret_count = cbor_array(cbor_key(root, 1, "credentials"), 64, "credentials");
	return cbor_close(&doc, NULL);
}

bool timeline_issued(struct timeline *t, const struct ledger_entry *entry, struct err *err)
{
	uint8_t decision[SHA256_LEN];
	char text[TIMELINE_TEXT_MAX];
	size_t count = 0;
	struct telling telling = {.place = PLACE_AT,
		.time = entry->time,
		.kind = "credentials",
		.text = text,
		.rests = {rest_of(entry)},
		.rest_count = 1};

	/* Of a decision that is not told here, nor what came of it. */
	if (!issued_read(buf_bytes(&entry->content), decision, &count) ||
		memcmp(decision, t->issued_on, sizeof(decision)) != 0)
		return true;
	for (size_t i = t->instance_count; i > 0; i--) {
		struct instance_seen *seen = &t->instances[i - 1];

		if (memcmp(seen->rest.id, decision, sizeof(decision)) != 0)
			continue;
		telling.facts = &seen->facts;
		seen->credentials += t->issued_launch ? 0 : (unsigned)count;
		if (!t->issued_launch)
			return true;
	}
	(void)snprintf(
		text, sizeof(text), "%zu credential%s issued on it", count, count == 1 ? "" : "s");
	return timeline_tell(t, &telling, err);
}

/* ---- ends ---- */

bool timeline_stop(struct timeline *t, const struct ledger_entry *entry, struct err *err)
{
	uint8_t host[HOST_ID_LEN], instance[INSTANCE_ID_LEN];
	const char *state = json_string_value(json_object_get(entry->said, "state"));
	bool one = entry->type == LEAF_INSTANCE_END;
	bool all = entry->type == LEAF_HOST_STATE && state && strcmp(state, "active") != 0;

	if ((!one && !all) || !hex_decode_exact(bytes_str(json_string_value(
							json_object_get(entry->said, "host"))),
				      host, sizeof(host), NULL))
		return true;
	if (one && !hex_decode_exact(
			   bytes_str(json_string_value(json_object_get(entry->said, "instance"))),
			   instance, sizeof(instance), NULL))
		return true;
	for (size_t i = 0; i < t->instance_count; i++) {
		struct instance_seen *seen = &t->instances[i];

		if (memcmp(seen->facts.host, host, sizeof(host)) != 0 ||
			(one && memcmp(seen->facts.instance, instance, sizeof(instance)) != 0))
			continue;
		seen->running = false;
		if (!renewals_tell(t, seen, err))
			return false;
	}
	return true;
}

bool timeline_close(struct timeline *t, struct err *err)
{
	for (size_t i = 0; i < t->instance_count; i++)
		if ((t->options.until &&
			    !gap_tell(t, &t->instances[i], t->options.until, NULL, err)) ||
			!renewals_tell(t, &t->instances[i], err))
			return false;
	return true;
}
