/* SPDX-License-Identifier: Apache-2.0 */
/* How all hosts stand, for a list of them: a query for each host would be some for each line. */
#include "verifier/leases.h"

#include <stdlib.h>

void host_standings_release(struct host_standings *all)
{
	free(all->list);
	memset(all, 0, sizeof(*all));
}

static int order(const void *a, const void *b)
{
	return memcmp(a, ((const struct host_standing *)b)->host, HOST_ID_LEN);
}

static struct host_standing *find(const struct host_standings *all, const uint8_t *host)
{
	return all->count ? bsearch(host, all->list, all->count, sizeof(*all->list), order) : NULL;
}

const struct host_standing *host_standings_find(
	const struct host_standings *all, const uint8_t host[HOST_ID_LEN])
{
	return find(all, host);
}

static bool add(
	struct host_standings *all, size_t *room, const struct host_standing *one, struct err *err)
{
	if (all->count == *room) {
		size_t more = *room ? 2 * *room : 64;
		struct host_standing *list = realloc(all->list, more * sizeof(*list));
		if (!list)
			return err_set(err, ERR_NOMEM, "hosts");
		all->list = list;
		*room = more;
	}
	all->list[all->count++] = *one;
	return true;
}

/* A row whose id is damaged is left out: the list shows it as such. */
static bool hosts_load(struct sql *sql, struct host_standings *all, struct err *err)
{
	OWNED(sql_finish) struct sql_query *q = NULL;
	size_t room = 0;
	bool more = false;
	if (!sql_start(sql,
		    "SELECT h.id, coalesce(s.seen, 0), coalesce(b.heard, 0), (SELECT count(*) FROM "
		    "host_attributes a WHERE a.host=h.id) FROM hosts h LEFT JOIN host_seen s ON "
		    "s.host=h.id LEFT JOIN host_heard b ON b.host=h.id ORDER BY h.id",
		    SQL_NO_ARGS, &q, err))
		return false;
	while (sql_next(q, &more, err)) {
		struct host_standing one = {0};
		int64_t seen, heard;
		if (!more)
			return true;
		if (!sql_exact(q, 0, "host id", one.host, sizeof(one.host), NULL))
			continue;
		seen = sql_int(q, 1);
		heard = sql_int(q, 2);
		one.heard = seen > heard ? seen : heard;
		one.attributes = sql_int(q, 3) != 0;
		if (!add(all, &room, &one, err))
			return false;
	}
	return false;
}

struct showing {
	const struct host_standings *all;
	int64_t now;
};

static bool show(void *arg, const struct instance_facts *facts, struct err *err)
{
	const struct showing *s = arg;
	struct host_standing *one = find(s->all, facts->host);
	enum instance_view view = instance_view_of(facts, s->now);
	(void)err;
	if (one && (one->agents == VIEW_UNKNOWN || view < one->agents))
		one->agents = view;
	return true;
}

bool host_standings_load(struct sql *sql, int64_t now, struct host_standings *ret, struct err *err)
{
	OWNED(host_standings_release) struct host_standings all = {0};
	struct showing showing = {.all = &all, .now = now};
	if (!hosts_load(sql, &all, err) || !instance_facts_each(sql, show, &showing, err))
		return false;
	*ret = TAKE_STRUCT(all);
	return true;
}
