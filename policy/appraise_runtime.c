/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The runtime log: that it is the one quoted, that it replays onto the runtime PCR, and what it
 * says of this instance. One walk does it all; what it found counts only if the replay came out
 * right.
 */
#include "policy/appraisal.h"

#include <inttypes.h>
#include <stdio.h>

struct walk {
	struct appraisal *a;
	struct runtime_findings *found;
	size_t length; /* of a digest in the bank */
};

static void where_of(uint64_t recnum, char out[48])
{
	snprintf(out, 48, "runtime log record %" PRIu64, recnum);
}

static bool is_ours(const struct walk *w, const uint8_t instance[INSTANCE_ID_LEN])
{
	return memcmp(instance, w->a->claims.instance, INSTANCE_ID_LEN) == 0;
}

static void refuse_baseline(struct walk *w, uint64_t recnum, const char *subject,
	struct bytes expected, struct bytes actual)
{
	char where[48];

	where_of(recnum, where);
	refuse_hex(w->a->verdict, REASON_RUNTIME_BASELINE, subject, expected, actual, where);
}

/* The state from which everything is replayed: this reset, this boot, this bank, and a PCR that
 * nobody had extended. */
static void visit_baseline(struct walk *w, const struct runtime_record *record)
{
	const struct runtime_baseline *b = &record->baseline;
	static const uint8_t zeros[DIGEST_LEN_MAX];
	const struct tpms_attest *attest = &w->a->attest;
	char where[48], want[48], got[48];

	where_of(record->recnum, where);
	if (record->recnum != 0) {
		verdict_refuse(w->a->verdict, REASON_RUNTIME_BASELINE, "baseline",
			"one, at record 0", "another one", where,
			"reboot the host: its runtime log was started over");
		return;
	}
	w->found->baseline = true;
	if (b->reset_count != attest->reset_count || b->restart_count > attest->restart_count) {
		snprintf(want, sizeof(want), "reset count %u", attest->reset_count);
		snprintf(got, sizeof(got), "reset count %u, restart count %u", b->reset_count,
			b->restart_count);
		verdict_refuse(w->a->verdict, REASON_RUNTIME_BASELINE, "baseline", want, got, where,
			"reboot the host: its runtime log is of another boot");
	}
	if (memcmp(b->boot_id, w->a->claims.boot_id, sizeof(b->boot_id)) != 0)
		refuse_hex(w->a->verdict, REASON_BOOT_ID, "boot id", BYTES_OF(w->a->claims.boot_id),
			BYTES_OF(b->boot_id), where);
	if (b->bank != (uint16_t)w->a->policy->bank) {
		verdict_refuse(w->a->verdict, REASON_RUNTIME_BASELINE, "baseline: PCR bank",
			digest_alg_name(w->a->policy->bank),
			digest_alg_name((enum digest_alg)b->bank), where,
			"configure the host for the PCR bank that the policy names");
		return;
	}
	if (b->pcr_before.len != w->length || memcmp(b->pcr_before.data, zeros, w->length) != 0)
		refuse_baseline(w, record->recnum, "baseline: runtime PCR before assay-hostd",
			bytes_of(zeros, w->length), b->pcr_before);
}

static bool visit_component(struct walk *w, const struct runtime_record *record, struct err *err)
{
	struct runtime_findings *found = w->found;
	struct found_component *c;

	if (found->component_count == RUNTIME_COMPONENTS_MAX) {
		found->components_cut = true;
		return true;
	}
	c = &found->components[found->component_count++];
	*c = (struct found_component){.component = record->component, .recnum = record->recnum};
	return sha256_of(record->content, c->digest, err);
}

static bool visit_launch(struct walk *w, const struct runtime_record *record, struct err *err)
{
	w->found->launches++; /* more than one refuses, whichever is kept */
	w->found->launch = *record->launch;
	w->found->launch_recnum = record->recnum;
	return sha256_of(record->content, w->found->launch_digest, err);
}

static bool visit_kind(struct walk *w, const struct runtime_record *record, struct err *err)
{
	switch (record->kind) {
	case RUNTIME_BASELINE:
		visit_baseline(w, record);
		return true;
	case RUNTIME_COMPONENT:
		return !is_ours(w, record->component.instance) || visit_component(w, record, err);
	case RUNTIME_LAUNCH:
		return !is_ours(w, record->launch->instance) || visit_launch(w, record, err);
	case RUNTIME_EXIT:
		w->found->ended = w->found->ended || is_ours(w, record->exit.instance);
		return true;
	}
	return err_set(err, ERR_FORMAT, "record %" PRIu64 ": unknown kind", record->recnum);
}

static bool visit(void *context, const struct runtime_record *record, struct err *err)
{
	struct walk *w = context;

	for (size_t i = 0; i < record->digest_count; i++) {
		if (record->digests[i].alg != w->a->policy->bank)
			continue;
		if (record->digests[i].digest.len != w->length)
			break;
		if (!pcr_extend(w->a->policy->bank, w->found->value, record->digests[i].digest.data,
			    err))
			return false;
		w->found->next = record->recnum + 1;
		return visit_kind(w, record, err);
	}
	return err_set(err, ERR_FORMAT, "record %" PRIu64 ": no %s digest", record->recnum,
		digest_alg_name(w->a->policy->bank));
}

static void refuse_range(struct appraisal *a, enum reason_code code, const char *subject,
	uint64_t expected, uint64_t actual)
{
	char want[32], got[32];

	snprintf(want, sizeof(want), "record %" PRIu64, expected);
	snprintf(got, sizeof(got), "record %" PRIu64, actual);
	verdict_refuse(a->verdict, code, subject, want, got, "claims", NULL);
}

/* That the bytes are those claimed, and begin where the last appraisal ended. */
static bool log_as_claimed(struct appraisal *a, bool *ret, struct err *err)
{
	uint64_t first = a->full ? 0 : a->state_in->runtime_next;
	uint8_t digest[SHA256_LEN];

	*ret = false;
	if (!sha256_of(a->evidence.runtime_log, digest, err))
		return false;
	if (memcmp(digest, a->claims.runtime_digest, SHA256_LEN) != 0 ||
		a->evidence.runtime_log.len != a->claims.runtime_length) {
		refuse_hex(a->verdict, REASON_RUNTIME_LOG, "runtime log",
			BYTES_OF(a->claims.runtime_digest), BYTES_OF(digest), "evidence");
		return true;
	}
	*ret = a->claims.runtime_first == first;
	if (!*ret)
		refuse_range(a, REASON_RUNTIME_GAP, "runtime log begins at", first,
			a->claims.runtime_first);
	return true;
}

static bool walk_log(struct appraisal *a, bool *ret, struct err *err)
{
	struct walk w = {
		.a = a,
		.found = &a->runtime,
		.length = digest_alg_len(a->policy->bank),
	};

	*ret = false;
	if (!a->full)
		memcpy(a->runtime.value, a->state_in->pcr, w.length);
	a->runtime.next = a->claims.runtime_first;
	if (!runtime_log_walk(a->evidence.runtime_log, a->claims.runtime_first,
		    a->policy->runtime_pcr, visit, &w, err))
		return refuse_error(
			a->verdict, REASON_RUNTIME_LOG, "runtime log", "well-formed", err);
	if (a->runtime.next != a->claims.runtime_next) {
		refuse_range(a, REASON_RUNTIME_LOG, "runtime log ends before",
			a->claims.runtime_next, a->runtime.next);
		return true;
	}
	if (a->full && !a->runtime.baseline) {
		verdict_refuse(a->verdict, REASON_RUNTIME_BASELINE, "baseline", "at record 0",
			"none", "runtime log",
			"reboot the host: its runtime log lost its beginning");
		return true;
	}
	*ret = true;
	return true;
}

bool check_runtime(struct appraisal *a, struct err *err)
{
	size_t length = digest_alg_len(a->policy->bank), before = a->verdict->reason_count;
	const uint8_t *quoted = a->pcrs.values[a->policy->runtime_pcr];
	bool ok;

	if (!a->quoted || verdict_has(a->verdict, REASON_STATE_STALE))
		return true; /* there is nothing to replay onto, or from */
	if (!log_as_claimed(a, &ok, err) || (ok && !walk_log(a, &ok, err)))
		return false;
	if (!ok || verdict_has(a->verdict, REASON_RUNTIME_BASELINE))
		return true; /* a replay from elsewhere cannot end in the right place */
	if (memcmp(a->runtime.value, quoted, length) != 0) {
		refuse_hex(a->verdict, REASON_RUNTIME_PCR, "runtime PCR", bytes_of(quoted, length),
			bytes_of(a->runtime.value, length), "replay of the runtime log");
		return true;
	}
	a->runtime.replayed = a->verdict->reason_count == before;
	if (a->runtime.ended)
		verdict_refuse(a->verdict, REASON_INSTANCE_ENDED, "instance", "alive",
			"its exit is recorded", "runtime log", NULL);
	if (a->runtime.replayed)
		verdict_checked(a->verdict,
			"runtime log: records %" PRIu64 " to %" PRIu64
			" replay onto PCR %u, and nothing else was extended into it",
			a->claims.runtime_first, a->runtime.next, a->policy->runtime_pcr);
	return true;
}
