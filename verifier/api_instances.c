/* SPDX-License-Identifier: Apache-2.0 */
/* Routes about agents: what each is now, and how it came to that. */
#include "verifier/leases.h"

#include <stdlib.h>

#include "base/text.h"

static json_t *facts_json(const struct instance_facts *f, int64_t now)
{
	char host[2 * HOST_ID_LEN + 1], instance[2 * INSTANCE_ID_LEN + 1],
		release[2 * SHA256_LEN + 1];
	char created[TIME_TEXT_MAX], renewed[TIME_TEXT_MAX], lease[TIME_TEXT_MAX],
		heard[TIME_TEXT_MAX];
	hex_encode(BYTES_OF(f->host), host);
	hex_encode(BYTES_OF(f->instance), instance);
	hex_encode(BYTES_OF(f->release), release);
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "instance", instance,
		"state", instance_view_name(instance_view_of(f, now)), "workload", f->workload,
		"host", host, "host_name", f->host_name, "release", release, "created",
		time_json(f->created, created), "renewed", time_json(f->renewed, renewed), "lease",
		time_json(f->lease, lease), "last_heard", time_json(f->heard, heard));
}

/* ---- the list ---- */

struct page {
	json_t *list;
	int64_t now;
	unsigned limit;
	const char *state; /* NULL: any */
	struct instance_facts last;
	unsigned seen;
};

static bool page_put(void *arg, const struct instance_facts *f, struct err *err)
{
	struct page *p = arg;
	if (p->seen++ == p->limit)
		return true; /* only tells that there is more */
	p->last = *f;
	if (p->state && strcmp(p->state, instance_view_name(instance_view_of(f, p->now))) != 0)
		return true;
	return json_array_append_new(p->list, facts_json(f, p->now)) == 0 ||
	       err_set(err, ERR_NOMEM, "agents");
}

struct wish {
	uint8_t host[HOST_ID_LEN], instance[INSTANCE_ID_LEN];
	uint8_t after[HOST_ID_LEN + INSTANCE_ID_LEN];
	struct instance_filter filter;
};

static bool query_id(struct call *call, const char *name, uint8_t *out, size_t len,
	const uint8_t **ret, struct err *err)
{
	const char *text = http_query(call->exchange, name);
	if (!text)
		return true;
	*ret = out;
	return hex_decode_exact(bytes_str(text), out, len, NULL) ||
	       err_set(err, ERR_FORMAT, "%s: expected %zu lower-case hex digits", name, 2 * len);
}

static bool wish_read(struct call *call, struct wish *w, struct err *err)
{
	const char *workload = http_query(call->exchange, "workload");
	const char *limit = http_query(call->exchange, "limit");
	const uint8_t *after = NULL;
	uint64_t number = INSTANCE_PAGE_MAX;
	if (limit && (!text_decimal(bytes_str(limit), &number) || number < 1 ||
			     number > INSTANCE_PAGE_MAX))
		return err_set(err, ERR_FORMAT, "limit: expected 1 to %u", INSTANCE_PAGE_MAX);
	if (!query_id(call, "host", w->host, sizeof(w->host), &w->filter.host, err) ||
		!query_id(call, "instance", w->instance, sizeof(w->instance), &w->filter.instance,
			err) ||
		!query_id(call, "after", w->after, sizeof(w->after), &after, err))
		return false;
	w->filter.workload = bytes_str(workload ? workload : "");
	w->filter.after_host = after;
	w->filter.after_instance = after ? after + HOST_ID_LEN : NULL;
	w->filter.limit = (unsigned)number + 1;
	return true;
}

bool serve_instances(struct call *call, struct err *err)
{
	OWNED(json_release) json_t *list = json_array();
	struct wish wish = {0};
	struct page page = {.list = list,
		.now = clock_wall(call->app->clock),
		.state = http_query(call->exchange, "state")};
	struct sql *sql = NULL;
	char next[2 * (HOST_ID_LEN + INSTANCE_ID_LEN) + 1] = "";
	if (!list)
		return err_set(err, ERR_NOMEM, "agents");
	if (!wish_read(call, &wish, err) || !call_read(call, &sql, err))
		return false;
	page.limit = wish.filter.limit - 1;
	bool ok = instances_each(sql, &wish.filter, page_put, &page, err);
	store_read_done(call->app->store, &sql);
	if (ok && page.seen > page.limit) {
		hex_encode(BYTES_OF(page.last.host), next);
		hex_encode(BYTES_OF(page.last.instance), next + 2 * HOST_ID_LEN);
	}
	return ok &&
	       call_json(call, 200,
		       json_pack("{s:O, s:s?}", "instances", list, "next", next[0] ? next : NULL),
		       err);
}

/* ---- one ---- */

static bool history_put(
	void *arg, int64_t time, enum instance_view view, const char *why, struct err *err)
{
	char text[TIME_TEXT_MAX];
	return json_array_append_new(
		       arg, json_pack("{s:s, s:s, s:s}", "time", time_json(time, text), "state",
				    instance_view_name(view), "why", why)) == 0 ||
	       err_set(err, ERR_NOMEM, "history");
}

bool serve_instance(struct call *call, struct err *err)
{
	uint8_t host[HOST_ID_LEN], instance[INSTANCE_ID_LEN];
	OWNED(json_release) json_t *history = json_array();
	OWNED(json_release) json_t *view = NULL;
	struct instance_facts facts;
	struct sql *sql = NULL;
	bool found = false;
	if (!history)
		return err_set(err, ERR_NOMEM, "history");
	if (!call_param_digest(call, 0, host, err))
		return false;
	if (!hex_decode_exact(bytes_str(http_path_param(call->exchange, 1)), instance,
		    sizeof(instance), NULL))
		return err_set(err, ERR_NOT_FOUND, "no such agent");
	if (!call_read(call, &sql, err))
		return false;
	bool ok = instance_facts_get(sql, host, instance, &facts, &found, err) &&
		  (!found || instance_history_each(sql, host, instance, history_put, history, err));
	store_read_done(call->app->store, &sql);
	if (ok && !found)
		return err_set(err, ERR_NOT_FOUND, "no such agent");
	if (!ok)
		return false;
	view = facts_json(&facts, clock_wall(call->app->clock));
	if (!view || json_object_set(view, "history", history) != 0)
		return err_set(err, ERR_NOMEM, "agent");
	return call_json(call, 200, TAKE(view), err);
}
