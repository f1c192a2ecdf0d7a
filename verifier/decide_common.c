/* SPDX-License-Identifier: Apache-2.0 */
#include "verifier/decide_common.h"

#include "base/text.h"
#include "verifier/elevations.h"

#include <pthread.h>
#include <stdlib.h>

#define PLACES 64u
/* More than this is read each time: so all places hold 16 MiB at most. */
#define KEPT_BYTES_MAX (256u << 10)

const struct decide_common decide_common_none;

struct decide_commons {
	pthread_mutex_t lock;
	struct decide_common *places[PLACES];
};

struct decide_commons *decide_commons_new(void)
{
	struct decide_commons *commons = calloc(1, sizeof(*commons));
	if (!commons || pthread_mutex_init(&commons->lock, NULL) != 0) {
		free(commons);
		return NULL;
	}
	return commons;
}

static void common_unref(struct decide_common **common)
{
	struct decide_common *gone = TAKE(*common);
	if (!gone || atomic_fetch_sub_explicit(&gone->refs, 1, memory_order_acq_rel) != 1)
		return;
	release_row_release(&gone->release);
	for (size_t i = 0; i < gone->approval_count; i++)
		buf_release(&gone->approvals[i]);
	for (size_t i = 0; i < gone->statement_count; i++)
		buf_release(&gone->statements[i]);
	free(gone);
}

static struct decide_common *common_ref(struct decide_common *common)
{
	if (common)
		atomic_fetch_add_explicit(&common->refs, 1, memory_order_relaxed);
	return common;
}

void decide_common_drop(const struct decide_common **common)
{
	struct decide_common *gone = (struct decide_common *)*common;
	*common = &decide_common_none;
	if (gone != &decide_common_none)
		common_unref(&gone);
}

void decide_commons_free(struct decide_commons **commons)
{
	struct decide_commons *gone = TAKE(*commons);
	if (!gone)
		return;
	for (size_t i = 0; i < PLACES; i++)
		common_unref(&gone->places[i]);
	(void)pthread_mutex_destroy(&gone->lock);
	free(gone);
}

static struct decide_common **place_of(
	struct decide_commons *commons, const uint8_t release[SHA256_LEN])
{
	return &commons->places[release[0] % PLACES];
}

static bool same(const struct decide_common *common, struct bytes workload,
	const uint8_t release[SHA256_LEN])
{
	return common && bytes_equal_str(workload, common->workload.name) &&
	       memcmp(common->release.digest, release, SHA256_LEN) == 0;
}

const struct decide_common *decide_common_kept(
	struct decide_commons *commons, struct bytes workload, const uint8_t release[SHA256_LEN])
{
	struct decide_common **place = place_of(commons, release), *found = NULL;
	(void)pthread_mutex_lock(&commons->lock);
	if (same(*place, workload, release))
		found = common_ref(*place);
	(void)pthread_mutex_unlock(&commons->lock);
	return found;
}

/* What was kept before is out of date, or this one keeps: in its place comes the one, or nothing. */
static void keep(struct decide_commons *commons, struct decide_common *common,
	struct bytes workload, const uint8_t release[SHA256_LEN])
{
	struct decide_common **place = place_of(commons, release), *gone = NULL;
	(void)pthread_mutex_lock(&commons->lock);
	if (common->keeps || same(*place, workload, release)) {
		gone = *place;
		*place = common->keeps ? common_ref(common) : NULL;
	}
	(void)pthread_mutex_unlock(&commons->lock);
	common_unref(&gone);
}

static size_t bytes_of_all(const struct decide_common *common)
{
	size_t sum = common->release.envelope.len;
	for (size_t i = 0; i < common->approval_count; i++)
		sum += common->approvals[i].len;
	for (size_t i = 0; i < common->statement_count; i++)
		sum += common->statements[i].len;
	return sum;
}

static bool load_release(struct decide_common *c, struct sql *sql,
	const uint8_t release[SHA256_LEN], bool *ret_found, struct err *err)
{
	if (!release_get(sql, release, &c->release, ret_found, err) ||
		!approvals_get(sql, release, c->approvals, &c->approval_count, err) ||
		!statements_get(sql, release, c->statements, &c->statement_count, err))
		return false;
	for (size_t i = 0; i < c->approval_count; i++)
		c->approval_views[i] = buf_bytes(&c->approvals[i]);
	for (size_t i = 0; i < c->statement_count; i++)
		c->statement_views[i] = buf_bytes(&c->statements[i]);
	return true;
}

/* Whether anything of it ends, or is judged anew, by itself. */
static bool may_keep(
	struct decide_common *c, struct sql *sql, struct bytes workload, bool *ret, struct err *err)
{
	bool any = false;
	*ret = false;
	if (c->rollout_known && c->rollout.state == ROLLOUT_RUNNING)
		return true;
	if (!elevations_any_open(sql, workload, &any, err))
		return false;
	*ret = !any && bytes_of_all(c) <= KEPT_BYTES_MAX;
	return true;
}

static bool load(struct decide_common *c, struct sql *sql, struct bytes workload,
	const uint8_t release[SHA256_LEN], struct err *err)
{
	bool release_known = false;
	/* The workload's row first: its version vouches for its floors and elevations. */
	if (text_is_name(workload) &&
		!workload_get(sql, workload, &c->workload, &c->workload_known, err))
		return false;
	if (!load_release(c, sql, release, &release_known, err))
		return false;
	if (!c->workload_known)
		return true;
	return floors_load(sql, workload, release_known ? &c->release : NULL, &c->floors, err) &&
	       rollout_last(sql, workload, &c->rollout, &c->rollout_known, err) &&
	       (!release_known || may_keep(c, sql, workload, &c->keeps, err));
}

bool decide_common_ask(
	struct sql *sql, struct bytes workload, const uint8_t release[SHA256_LEN], struct err *err)
{
	OWNED(common_unref) struct decide_common *asked = calloc(1, sizeof(*asked));
	bool found = false;
	if (!asked)
		return err_set(err, ERR_NOMEM, "what is known of the workload");
	atomic_init(&asked->refs, 1);
	return workload_get(sql, workload, &asked->workload, &found, err) &&
	       load_release(asked, sql, release, &found, err) &&
	       floors_load(sql, workload, NULL, &asked->floors, err) &&
	       rollout_last(sql, workload, &asked->rollout, &asked->rollout_known, err) &&
	       elevations_any_open(sql, workload, &found, err);
}

bool decide_common_load(struct decide_commons *commons, struct sql *sql, struct bytes workload,
	const uint8_t release[SHA256_LEN], const struct decide_common **ret, struct err *err)
{
	OWNED(common_unref) struct decide_common *made = calloc(1, sizeof(*made));
	if (!made)
		return err_set(err, ERR_NOMEM, "what is known of the workload");
	atomic_init(&made->refs, 1);
	if (!load(made, sql, workload, release, err))
		return false;
	keep(commons, made, workload, release);
	*ret = TAKE(made);
	return true;
}
