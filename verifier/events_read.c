/* SPDX-License-Identifier: Apache-2.0 */
/* Events as the ledger has them. */
#include "verifier/entries.h"
#include "verifier/events.h"

#include "base/text.h"

void event_release(struct event *event)
{
	buf_release(&event->data);
	memset(event, 0, sizeof(*event));
}

void event_put(const struct event *event, struct buf *out)
{
	buf_printf(out, "id: %llu\nevent: %s\ndata: ", (unsigned long long)event->id, event->name);
	buf_put(out, buf_bytes(&event->data));
	buf_put_str(out, "\n\n");
}

/* Names go into a line of their own: nothing but what our own events are called. */
static void name_take(struct event *event, const char *name)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyz-";
	bool fits = name && name[0] && strspn(name, plain) == strlen(name);
	(void)snprintf(event->name, sizeof(event->name), "%s", fits ? name : "entry");
}

static bool finish(struct sql *sql, struct event *event, enum leaf_type type, json_t *object,
	int64_t time, struct err *err)
{
	OWNED(json_release) json_t *owned = object;
	char text[TIME_TEXT_MAX];
	if (!owned || json_object_set_new(owned, "id", json_integer((json_int_t)event->id)) != 0 ||
		json_object_set_new(owned, "time", json_string(time_json(time, text))) != 0)
		return err_set(err, ERR_NOMEM, "event");
	return event_serials_add(sql, type, time, owned, err) &&
	       json_write(owned, false, &event->data, err);
}

static bool read_refusal(
	struct sql *sql, const struct sql_query *q, struct event *event, struct err *err)
{
	uint8_t host[HOST_ID_LEN], instance[INSTANCE_ID_LEN], record[SHA256_LEN];
	char host_hex[2 * HOST_ID_LEN + 1], instance_hex[2 * INSTANCE_ID_LEN + 1],
		record_hex[2 * SHA256_LEN + 1], workload[ROW_NAME_MAX];
	if (!sql_exact(q, 2, "host id", host, sizeof(host), err) ||
		!sql_exact(q, 3, "instance id", instance, sizeof(instance), err) ||
		!sql_text(q, 4, "workload", workload, sizeof(workload), err) ||
		!sql_exact(q, 5, "record id", record, sizeof(record), err))
		return false;
	hex_encode(BYTES_OF(host), host_hex);
	hex_encode(BYTES_OF(instance), instance_hex);
	hex_encode(BYTES_OF(record), record_hex);
	name_take(event, "refused");
	return finish(sql, event, LEAF_DECISION,
		json_pack("{s:s, s:s, s:s, s:s, s:s}", "event", "refused", "host", host_hex,
			"instance", instance_hex, "workload", workload, "record", record_hex),
		sql_int(q, 1), err);
}

/* What retention destroyed is told of by its type alone. */
static bool read_entry(struct sql *sql, struct event *event, struct err *err)
{
	OWNED(ledger_entry_release) struct ledger_entry entry = {0};
	if (!entry_load(sql, event->id, &entry, err))
		return false;
	const char *name = json_string_value(json_object_get(entry.said, "event"));
	name_take(event, name ? name : leaf_type_name(entry.type));
	return finish(sql, event, entry.type,
		entry.said ? json_incref(entry.said)
			   : json_pack("{s:s}", "event", leaf_type_name(entry.type)),
		entry.time, err);
}

static bool end_read(struct sql *sql, uint64_t *ret, struct err *err)
{
	OWNED(sql_finish) struct sql_query *q = NULL;
	if (!sql_first(sql, "SELECT coalesce(max(idx)+1, 0) FROM leaves", SQL_NO_ARGS, &q, err))
		return false;
	*ret = q ? (uint64_t)sql_int(q, 0) : 0;
	return true;
}

static bool read_rows(struct sql *sql, struct sql_query *q, struct event *ret, size_t max,
	size_t *ret_count, struct err *err)
{
	bool more = false;
	while (*ret_count < max) {
		if (!sql_next(q, &more, err))
			return false;
		if (!more)
			return true;
		struct event *event = &ret[(*ret_count)++];
		event->id = (uint64_t)sql_int(q, 0);
		if (!(sql_int(q, 6) ? read_refusal(sql, q, event, err)
				    : read_entry(sql, event, err)))
			return false;
	}
	return true;
}

bool events_read(struct sql *sql, uint64_t from, struct event *ret, size_t max, size_t *ret_count,
	uint64_t *ret_next, struct err *err)
{
	OWNED(sql_finish) struct sql_query *q = NULL;
	uint64_t end = 0;
	*ret_count = 0;
	/* The end first: what is appended afterwards is read next time. */
	if (!end_read(sql, &end, err))
		return false;
	*ret_next = from > end ? from : end;
	if (from >= end)
		return true;
	if (!sql_start(sql,
		    "SELECT idx, 0, NULL, NULL, NULL, NULL, 0 FROM entry_subjects WHERE kind=0 AND "
		    "subject IN ('host-state', 'instance-end', 'instance-state', 'policy', "
		    "'release', 'rollout', 'workload', 'elevation') AND idx>=?1 AND idx<?2 "
		    "UNION ALL SELECT idx, time, host, instance, workload, id, 1 FROM records "
		    "WHERE trusted=0 AND idx>=?1 AND idx<?2 ORDER BY 1 LIMIT ?3",
		    SQL_ARGS(sql_u(from), sql_u(end), sql_i((int64_t)max)), &q, err))
		return false;
	if (!read_rows(sql, q, ret, max, ret_count, err)) {
		while (*ret_count > 0)
			event_release(&ret[--*ret_count]);
		return false;
	}
	if (*ret_count == max)
		*ret_next = ret[max - 1].id + 1;
	return true;
}
