/* SPDX-License-Identifier: Apache-2.0 */
#include "verifier/shadow_judge.h"

#include "base/text.h"
#include "ledger/audit_reappraise.h"
#include "verifier/record_objects.h"

#include <stdlib.h>

struct page {
	struct record_objects objects;
	struct record record;
	struct reappraisal again;
	size_t count;
	struct record_row rows[SHADOW_PAGE_MAX];
};

static void page_free(struct page **page)
{
	if (!*page)
		return;
	record_objects_release(&(*page)->objects);
	for (size_t i = 0; i < (*page)->count; i++)
		record_row_release(&(*page)->rows[i]);
	free(*page);
	*page = NULL;
}

static bool same_group(const struct difference_row *a, const struct difference_row *b)
{
	return a->before == b->before && a->after == b->after &&
	       memcmp(a->host, b->host, sizeof(a->host)) == 0 &&
	       strcmp(a->workload, b->workload) == 0 && strcmp(a->reason, b->reason) == 0;
}

void shadow_tally_add(struct shadow_tally *tally, const struct difference_row *one)
{
	struct difference_row *group = NULL;
	for (size_t i = 0; i < tally->group_count && !group; i++)
		if (same_group(&tally->groups[i], one))
			group = &tally->groups[i];
	if (!group && tally->group_count < tally->group_max) {
		group = &tally->groups[tally->group_count++];
		*group = *one;
		group->count = 0;
	}
	if (!group) {
		group = &tally->groups[tally->group_max];
		tally->group_count = tally->group_max + 1;
		memcpy(group->reason, "others", sizeof("others"));
	}
	group->count++;
	group->last = one->last;
	memcpy(group->record, one->record, sizeof(group->record));
}

static bool reappraise(struct app *app, const struct policy *policy, struct page *p,
	const struct record_row *row, struct err *err)
{
	const uint8_t *digest;
	struct bytes context = {0};
	if (!record_open(buf_bytes(&row->cose), app->issuer.signing_key, &p->record, err))
		return false;
	digest = record_input_digest(&p->record, "context");
	if (!digest)
		return err_set(err, ERR_NOT_FOUND, "the record has no context");
	return record_objects_of(&p->objects, row->index, err) &&
	       record_objects_get(&p->objects, digest, &context, err) &&
	       audit_reappraise_context(
		       context, record_objects_find, &p->objects, policy, &p->again, err);
}

/* A record that cannot be read is counted and passed over: nothing waits for this. */
static void judge_one(struct app *app, const struct policy *policy, struct page *p,
	const struct record_row *row, struct shadow_tally *tally)
{
	struct difference_row one = {.last = row->time};
	struct err why = {0};
	if (!reappraise(app, policy, p, row, &why)) {
		tally->unreadable++;
	} else if (!p->again.decided) {
		tally->undecided++;
	} else if (!reappraisal_differs(&p->again)) {
		tally->same++;
	} else {
		tally->changed++;
		one.before = p->again.before.trusted;
		one.after = p->again.after.trusted;
		memcpy(one.workload, row->workload, sizeof(one.workload));
		memcpy(one.host, row->host, sizeof(one.host));
		memcpy(one.record, row->id, sizeof(one.record));
		reappraisal_cause(&p->again, one.reason);
		shadow_tally_add(tally, &one);
	}
	record_objects_release(&p->objects);
}

bool shadow_page(struct app *app, const struct policy *policy, uint64_t *index, uint64_t end,
	struct shadow_tally *tally, size_t *ret_count, struct err *err)
{
	OWNED(page_free) struct page *p = calloc(1, sizeof(*p));
	struct sql *sql = NULL;
	*ret_count = 0;
	if (!p)
		return err_set(err, ERR_NOMEM, "shadow mode");
	if (!store_read(app->store, &sql, err))
		return false;
	p->objects.sql = sql;
	p->objects.max = AUDIT_OBJECTS_MAX;
	bool ok = records_from(sql, *index, p->rows, SHADOW_PAGE_MAX, &p->count, err);
	for (size_t i = 0; ok && i < p->count && p->rows[i].index < end; i++) {
		judge_one(app, policy, p, &p->rows[i], tally);
		*index = p->rows[i].index + 1;
		(*ret_count)++;
	}
	store_read_done(app->store, &sql);
	return ok;
}
