/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a renewal stands on. Its context holds the state that an earlier record established and names
 * that record by its leaf hash. Where the bundle brings the record, it is audited like the first one,
 * must have come out as trusted, and must have established that very state, byte for byte; and so on
 * to a full appraisal, which stands on nothing.
 */
#include <stdlib.h>

#include "base/text.h"
#include "base/time.h"
#include "ledger/audit_case.h"

#define STATE "earlier state"
#define FULL  "launch and EK certificate"

/* ---- objects ---- */

static int pool_order(const void *a, const void *b)
{
	return memcmp(((const struct audit_pooled *)a)->digest,
		((const struct audit_pooled *)b)->digest, SHA256_LEN);
}

static void pool_release(struct audit_pool *pool)
{
	free(pool->objects);
	memset(pool, 0, sizeof(*pool));
}

static bool pool_make(const struct audit_case *c, const struct audit_links *links,
	struct audit_pool *ret, struct err *err)
{
	size_t own = c->bundle.object_count;

	ret->objects = calloc(own + links->object_count + 1, sizeof(*ret->objects));
	if (!ret->objects)
		return err_set(err, ERR_NOMEM, "chain: no memory");
	for (; ret->count < own + links->object_count; ret->count++) {
		struct audit_pooled *p = &ret->objects[ret->count];

		p->object = ret->count < own ? c->bundle.objects[ret->count]
					     : links->objects[ret->count - own];
		if (!sha256_of(p->object, p->digest, err))
			return false;
	}
	qsort(ret->objects, ret->count, sizeof(*ret->objects), pool_order);
	return true;
}

bool audit_pool_find(
	const struct audit_pool *pool, const uint8_t digest[SHA256_LEN], struct bytes *ret)
{
	struct audit_pooled key;
	const struct audit_pooled *found;

	memcpy(key.digest, digest, SHA256_LEN);
	found = bsearch(&key, pool->objects, pool->count, sizeof(key), pool_order);
	if (found)
		*ret = found->object;
	return found != NULL;
}

/* ---- one record ---- */

/* The walk: `state` is what the record next looked at must have established. */
struct walk {
	struct audit_case *c;
	struct audit_pool pool;
	struct audit_links links;
	struct audit_case *link; /* the record in hand */
	struct audit_report *report; /* its own */
	struct policy *policy; /* owned: that of the records, where it is not the first one's */
	struct policy_state state;
	uint64_t index; /* of the record that stands on that state */
	size_t passed;
	bool full, ended;
	char why[REASON_TEXT_MAX]; /* why the chain does not hold; empty: it does so far */
};

static void walk_release(struct walk *w)
{
	if (w->link)
		audit_case_clear(w->link);
	if (w->report)
		audit_report_release(w->report);
	free(w->link);
	free(w->report);
	policy_free(&w->policy);
	pool_release(&w->pool);
	audit_links_release(&w->links);
}

static bool broken(struct walk *w, const char *format, ...) __attribute__((format(printf, 2, 3)));
static bool broken(struct walk *w, const char *format, ...)
{
	char text[REASON_TEXT_MAX];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	snprintf(w->why, sizeof(w->why), "%s", text);
	return true;
}

/* Audits one record of the chain by itself, into the walk's own report. */
static bool link_run(struct walk *w, const struct audit_link *link, struct err *err)
{
	const struct audit_bundle *b = &w->c->bundle;
	struct audit_case *l = w->link;
	bool opened = false;

	audit_case_clear(l);
	audit_report_release(w->report);
	l->report = w->report;
	l->anchors = w->c->anchors;
	l->pool = &w->pool;
	l->known = w->policy ? w->policy : w->c->frozen.policy;
	l->bundle = (struct audit_bundle){
		.record = link->record,
		.leaf = link->leaf,
		.proof = link->proof,
		.index = link->index,
		.tree_size = b->tree_size,
		.cert_count = b->cert_count,
	};
	memcpy(l->bundle.salt, link->salt, LEDGER_SALT_LEN);
	memcpy(l->bundle.tree_root, b->tree_root, SHA256_LEN);
	memcpy(l->bundle.certs, b->certs, sizeof(b->certs));
	return audit_record(l, &opened, err) &&
	       (!opened || (audit_leaf(l, err) && audit_verdict(l, err)));
}

static const struct audit_step *first_failure(const struct audit_report *report)
{
	for (size_t i = 0; i < report->step_count; i++)
		if (report->steps[i].result == AUDIT_FAILED)
			return &report->steps[i];
	return NULL;
}

/* The state as the record established it, before it was told which record that is. What is said of an
 * instance later can only take away: that it ended, or that its whole log is asked for. */
static bool link_state(struct walk *w, struct err *err)
{
	OWNED(buf_release) struct buf stood_on = {0}, established = {0};
	struct policy_state was = w->state, made = w->link->state_out;

	memset(was.record, 0, sizeof(was.record));
	memset(made.record, 0, sizeof(made.record));
	w->ended = w->ended || (was.ended && !made.ended);
	was.ended = made.ended;
	if (!policy_state_encode(&was, &stood_on, err) ||
		!policy_state_encode(&made, &established, err))
		return false;
	return bytes_equal(buf_bytes(&stood_on), buf_bytes(&established)) ||
	       broken(w, "record %zu back established another state than is stood on",
		       w->passed + 1);
}

static bool link_check(struct walk *w, const struct audit_link *link, struct err *err)
{
	const struct record *r = &w->report->record, *first = &w->c->report->record;
	const struct audit_step *failed = first_failure(w->report);
	size_t back = w->passed + 1;
	uint8_t hash[SHA256_LEN];

	if (failed)
		return broken(w, "record %zu back: %s: %s", back, failed->what, failed->detail);
	if (!w->link->judged || !w->report->reproducible)
		return broken(w, "record %zu back cannot be judged again", back);
	if (!leaf_hash(link->leaf, hash, err))
		return false;
	if (memcmp(hash, w->state.record, SHA256_LEN) != 0)
		return broken(w, "record %zu back is another one than the state names", back);
	if (link->index >= w->index)
		return broken(w, "record %zu back stands in the ledger behind this one", back);
	if (!r->trusted || !w->link->verdict.trusted)
		return broken(w, "record %zu back is a refusal: it established nothing", back);
	if (memcmp(r->host_id, first->host_id, HOST_ID_LEN) != 0 ||
		memcmp(r->instance, first->instance, INSTANCE_ID_LEN) != 0)
		return broken(w, "record %zu back is of another host or instance", back);
	return link_state(w, err);
}

/* Parsed once for all the records that were judged by it. */
static void keep_policy(struct walk *w)
{
	struct policy_frozen *frozen = &w->link->frozen;

	if (frozen->lent)
		return;
	policy_free(&w->policy);
	w->policy = frozen->policy;
	frozen->lent = true;
}

static bool links_walk(struct walk *w, struct err *err)
{
	for (size_t i = 0; i < w->links.count && !w->full; i++) {
		const struct audit_link *link = &w->links.links[i];

		if (!link_run(w, link, err) || !link_check(w, link, err))
			return false;
		if (w->why[0])
			return true;
		keep_policy(w);
		w->full = w->link->verdict.full;
		w->passed++;
		w->state = w->link->frozen.state_in;
		w->index = link->index;
	}
	if (w->full && w->passed < w->links.count)
		return broken(
			w, "%zu records lie behind the full appraisal", w->links.count - w->passed);
	return true;
}

/* ---- what comes of it ---- */

/* The leaves of the full appraisal hang below this branch. */
static void adopt_full(struct walk *w)
{
	struct audit_report *to = w->c->report;

	for (size_t i = 0; i < w->report->step_count && to->step_count < AUDIT_STEPS_MAX; i++) {
		struct audit_step *step = &to->steps[to->step_count++];

		*step = w->report->steps[i];
		step->earlier = true;
	}
}

static void note_ungrounded(struct walk *w)
{
	struct audit_case *c = w->c;
	enum audit_step_result result = c->anchors->demand_full ? AUDIT_FAILED : AUDIT_ASSERTED;
	char hex[17];

	text_short_hex(BYTES_OF(w->state.record), hex);
	if (w->passed == 0)
		audit_note(c, result, STATE, "taken from record %s…: audit that one too", hex);
	else
		audit_note(c, result, STATE,
			"%zu records back it is reached again; what record %s… established is not "
			"here",
			w->passed, hex);
	audit_note(
		c, AUDIT_NOT_CHECKED, FULL, "judged by the full appraisal that this one stands on");
}

static void note_walk(struct walk *w)
{
	struct audit_case *c = w->c;
	char hex[17], time[TIME_TEXT_MAX];
	uint8_t hash[SHA256_LEN];

	c->section = AUDIT_CHAIN;
	if (w->why[0]) {
		audit_note(c, AUDIT_FAILED, STATE, "%s", w->why);
		audit_note(c, AUDIT_NOT_CHECKED, FULL, "the chain to it does not hold");
		return;
	}
	if (w->ended)
		audit_note(c, AUDIT_ASSERTED, "end of the instance",
			"the verifier says that it ended since");
	if (!w->full) {
		note_ungrounded(w);
		return;
	}
	if (!leaf_hash(w->link->bundle.leaf, hash, NULL))
		memset(hash, 0, sizeof(hash));
	audit_note(c, AUDIT_PROVED, STATE,
		"%zu records back to the full appraisal %s…: each verdict reached again, each "
		"state the one that the next stands on",
		w->passed, text_short_hex(BYTES_OF(hash), hex));
	audit_note(c, AUDIT_PROVED, FULL, "of %s, a %s: see below",
		time_format(w->report->record.time, time), purpose_name(w->report->record.purpose));
	adopt_full(w);
	c->report->grounded = true;
}

static bool links_open(struct walk *w, struct err *err)
{
	struct err why = {0};
	char detail[REASON_TEXT_MAX];

	if (w->c->bundle.chain.len == 0)
		return true;
	if (!audit_links_decode(w->c->bundle.chain, &w->links, &why)) {
		if (why.code == ERR_NOMEM || why.code == ERR_INTERNAL)
			return err_set(err, why.code, "%s", why.text);
		return broken(w, "%s", text_escape(bytes_str(why.text), detail, sizeof(detail)));
	}
	w->link = calloc(1, sizeof(*w->link));
	w->report = calloc(1, sizeof(*w->report));
	if (!w->link || !w->report)
		return err_set(err, ERR_NOMEM, "chain: no memory");
	return pool_make(w->c, &w->links, &w->pool, err) && links_walk(w, err);
}

bool audit_earlier(struct audit_case *c, struct err *err)
{
	OWNED(walk_release) struct walk w = {.c = c, .index = c->bundle.index};

	if (!c->judged)
		return true;
	c->section = AUDIT_CHAIN;
	if (c->verdict.full || !c->frozen.state_in.established ||
		c->frozen.context.challenge.purpose == PURPOSE_ENROLL) {
		c->report->grounded = c->verdict.full;
		if (c->bundle.chain.len > 0)
			audit_note(c, AUDIT_FAILED, STATE,
				"records are brought along, and it stands on none");
		return true;
	}
	w.state = c->frozen.state_in;
	if (!links_open(&w, err))
		return err_wrap(err, "chain");
	note_walk(&w);
	return true;
}
