/* SPDX-License-Identifier: Apache-2.0 */
#include "verifier/host_page.h"

#include <stdlib.h>

#include "base/text.h"

/* By (enrolled, id): that is an index, so a page costs the same however many came before. */
#define PAGE " FROM hosts WHERE (enrolled, id)>(?1, ?2) ORDER BY enrolled, id LIMIT ?3"

/* ---- as text ---- */

void host_place_text(const struct host_place *place, char out[HOST_AFTER_MAX])
{
	uint8_t raw[8 + HOST_ID_RAW_MAX];
	for (unsigned i = 0; i < 8; i++)
		raw[i] = (uint8_t)((uint64_t)place->enrolled >> (56 - 8 * i));
	memcpy(raw + 8, place->id, place->id_len);
	hex_encode(bytes_of(raw, 8 + place->id_len), out);
}

bool host_place_read(struct bytes text, struct host_place *ret, struct err *err)
{
	uint8_t raw[8 + HOST_ID_RAW_MAX];
	struct host_place place = {0};
	size_t len = text.len / 2;
	if (text.len % 2 != 0 || len <= 8 || len > sizeof(raw) ||
		!hex_decode_exact(text, raw, len, NULL))
		return err_set(err, ERR_FORMAT, "after: expected next of the page before");
	for (unsigned i = 0; i < 8; i++)
		place.enrolled = (int64_t)((uint64_t)place.enrolled << 8 | raw[i]);
	place.id_len = len - 8;
	memcpy(place.id, raw + 8, place.id_len);
	*ret = place;
	return true;
}

json_t *host_view_json(const struct host_view *v)
{
	const struct host_row *row = &v->row;
	char id[2 * HOST_ID_LEN + 1], enrolled[TIME_TEXT_MAX], seen[TIME_TEXT_MAX],
		heard[TIME_TEXT_MAX];
	hex_encode(BYTES_OF(row->id), id);
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:b, s:o}", "id", id,
		"name", row->name, "state",
		row->state == HOST_NONE ? "damaged" : host_state_name(row->state), "enrolled",
		time_json(row->enrolled, enrolled), "last_seen", time_json(row->seen, seen),
		"agents", instance_view_name(v->agents), "last_heard", time_json(v->heard, heard),
		"ek_template", row->ek_template, "manufacturer", row->manufacturer, "epoch",
		(json_int_t)row->epoch, "ek_certificate", (int)v->certificate, "attributes",
		attributes_json(&v->attributes));
}

/* ---- agents ---- */

struct agents {
	uint8_t host[HOST_ID_LEN];
	enum instance_view best;
};
struct page {
	struct sql *sql;
	struct sql_value from[3]; /* what PAGE asks for */
	unsigned limit;
	int64_t now;
	json_t *list;
	struct agents *agents; /* of the hosts that have any, in the page's order */
	size_t agent_count, agent_at;
	struct host_place *last;
	struct host_view *view; /* being read */
	struct host_place at; /* its own */
	bool reading, said /* its attributes could be read */;
};

static bool agents_put(void *arg, const struct instance_facts *facts, struct err *err)
{
	struct page *p = arg;
	size_t n = p->agent_count;
	enum instance_view view = instance_view_of(facts, p->now);
	(void)err;
	if (n > 0 && memcmp(p->agents[n - 1].host, facts->host, HOST_ID_LEN) == 0) {
		if (view < p->agents[n - 1].best)
			p->agents[n - 1].best = view;
	} else if (n <= p->limit) {
		memcpy(p->agents[n].host, facts->host, HOST_ID_LEN);
		p->agents[n].best = view;
		p->agent_count++;
	}
	return true;
}

/* Both are in one order: what stands before the host found is of hosts before it. */
static enum instance_view agents_of(struct page *p, const uint8_t host[HOST_ID_LEN])
{
	for (size_t i = p->agent_at; i < p->agent_count; i++)
		if (memcmp(p->agents[i].host, host, HOST_ID_LEN) == 0) {
			p->agent_at = i + 1;
			return p->agents[i].best;
		}
	return VIEW_UNKNOWN;
}

/* ---- hosts ---- */

static struct bytes id_raw(const struct sql_query *q)
{
	struct bytes id = sql_bytes(q, 0);
	id.len = id.len < HOST_ID_RAW_MAX ? id.len : HOST_ID_RAW_MAX;
	return id;
}

static bool row_read(const struct sql_query *q, struct host_view *v)
{
	struct host_row *row = &v->row;
	int64_t state = sql_int(q, 3);
	row->enrolled = sql_int(q, 1);
	row->epoch = (uint64_t)sql_int(q, 6);
	v->certificate = sql_int(q, 7) > 0;
	row->seen = sql_int(q, 8);
	v->heard = sql_int(q, 9) > row->seen ? sql_int(q, 9) : row->seen;
	if (state < HOST_PENDING || state > HOST_RETIRED)
		return false;
	row->state = (enum host_state)state;
	return sql_exact(q, 0, "host id", row->id, sizeof(row->id), NULL) &&
	       sql_text(q, 2, "host name", row->name, sizeof(row->name), NULL) &&
	       sql_text(q, 4, "EK template", row->ek_template, sizeof(row->ek_template), NULL) &&
	       sql_text(q, 5, "manufacturer", row->manufacturer, sizeof(row->manufacturer), NULL);
}

static void host_begin(struct page *p, const struct sql_query *q)
{
	struct bytes id = id_raw(q);
	struct host_view *v = p->view;
	v->attributes.count = 0;
	v->row = (struct host_row){0};
	v->heard = 0;
	v->certificate = false;
	if (!row_read(q, v)) {
		v->row = (struct host_row){0};
		memcpy(v->row.id, id.data, id.len < HOST_ID_LEN ? id.len : HOST_ID_LEN);
	}
	v->agents = agents_of(p, v->row.id);
	p->at = (struct host_place){.enrolled = sql_int(q, 1), .id_len = id.len};
	memcpy(p->at.id, id.data, id.len);
	p->reading = p->said = true;
}

static bool host_end(struct page *p, struct err *err)
{
	if (!p->reading)
		return true;
	p->reading = false;
	if (!p->said)
		p->view->attributes.count = 0;
	*p->last = p->at;
	return json_array_append_new(p->list, host_view_json(p->view)) == 0 ||
	       err_set(err, ERR_NOMEM, "hosts");
}

static void attribute_read(struct page *p, const struct sql_query *q)
{
	struct host_attributes *all = &p->view->attributes;
	struct attribute_row *row = &all->rows[all->count];
	if (sql_bytes(q, 10).len == 0 || !p->said)
		return;
	p->said = all->count < HOST_ATTRIBUTES_MAX &&
		  sql_text(q, 10, "attribute", row->key, sizeof(row->key), NULL) &&
		  sql_text(q, 11, "attribute value", row->value, sizeof(row->value), NULL) &&
		  sql_text(q, 12, "operator", row->by, sizeof(row->by), NULL) &&
		  sql_text(q, 13, "reason", row->reason, sizeof(row->reason), NULL);
	row->time = sql_int(q, 14);
	all->count += p->said;
}

static bool same_host(const struct page *p, const struct sql_query *q)
{
	return p->reading && bytes_equal(id_raw(q), bytes_of(p->at.id, p->at.id_len)) &&
	       sql_int(q, 1) == p->at.enrolled;
}

/* One row for each attribute that counts, or one without. */
static bool row_take(struct page *p, const struct sql_query *q, bool *ret_more, struct err *err)
{
	if (!same_host(p, q)) {
		if (!host_end(p, err))
			return false;
		*ret_more = json_array_size(p->list) == p->limit;
		if (*ret_more)
			return true;
		host_begin(p, q);
	}
	attribute_read(p, q);
	return true;
}

static bool rows_read(struct page *p, bool *ret_more, struct err *err)
{
	OWNED(sql_finish) struct sql_query *q = NULL;
	bool more = false;
	if (!sql_start(p->sql,
		    "SELECT p.id, p.enrolled, p.name, p.state, p.ek_template, p.manufacturer, "
		    "p.epoch, p.certificates, coalesce(s.seen, 0), coalesce(b.heard, 0), "
		    "coalesce(a.attribute, ''), coalesce(a.value, ''), coalesce(a.operator, ''), "
		    "coalesce(a.reason, ''), coalesce(a.time, 0) FROM (SELECT id, enrolled, name, "
		    "state, ek_template, manufacturer, epoch, length(ek_certs) AS "
		    "certificates" PAGE ") AS p LEFT JOIN host_seen s ON s.host=p.id LEFT JOIN "
		    "host_heard b ON b.host=p.id LEFT JOIN host_attributes a ON a.host=p.id AND "
		    "a.value IS NOT NULL AND a.seq=(SELECT max(n.seq) FROM host_attributes n WHERE "
		    "n.host=a.host AND n.attribute=a.attribute) ORDER BY p.enrolled, p.id, "
		    "a.attribute",
		    p->from, ARRAY_LEN(p->from), &q, err))
		return false;
	while (sql_next(q, &more, err)) {
		if (!more)
			return host_end(p, err);
		if (!row_take(p, q, ret_more, err))
			return false;
		if (*ret_more)
			return true;
	}
	return false;
}

bool host_page_json(struct sql *sql, const struct host_place *after, unsigned limit, int64_t now,
	json_t *list, struct host_place *ret_last, bool *ret_more, struct err *err)
{
	OWNED(free_ptr) struct agents *agents = calloc(limit + 1, sizeof(*agents));
	OWNED(free_ptr) struct host_view *view = calloc(1, sizeof(*view));
	struct page page = {.sql = sql,
		.from = {sql_i(after ? after->enrolled : INT64_MIN),
			sql_b(after ? bytes_of(after->id, after->id_len) : (struct bytes){0}),
			sql_i((int64_t)limit + 1)},
		.limit = limit,
		.now = now,
		.list = list,
		.agents = agents,
		.last = ret_last,
		.view = view};
	*ret_more = false;
	if (!agents || !view)
		return err_set(err, ERR_NOMEM, "hosts");
	return instances_of_hosts(sql, page.from, agents_put, &page, err) &&
	       rows_read(&page, ret_more, err);
}
