/* SPDX-License-Identifier: Apache-2.0 */
/* What an event ended: the serials of the credentials that were revoked with it. They are revoked in the transaction that
 * writes the entry, at the entry's time, so that the rows tell which they were. */
#include "verifier/events.h"

#include "base/text.h"

struct serials {
	json_t *list; /* owned */
	bool more;
};

static void serials_release(struct serials *serials)
{
	json_decref(serials->list);
}

static bool read_all(struct sql *sql, const char *text, const struct sql_value *args, size_t count,
	struct serials *ret, struct err *err)
{
	OWNED(sql_finish) struct sql_query *q = NULL;
	char serial[ROW_SERIAL_MAX];
	bool row = false;
	if (!sql_start(sql, text, args, count, &q, err))
		return false;
	for (;;) {
		if (!sql_next(q, &row, err))
			return false;
		if (!row)
			return true;
		if (json_array_size(ret->list) == EVENT_SERIALS_MAX) {
			ret->more = true;
			return true;
		}
		if (!sql_text(q, 0, "serial", serial, sizeof(serial), err))
			return false;
		if (json_array_append_new(ret->list, json_string(serial)) != 0)
			return err_set(err, ERR_NOMEM, "event");
	}
}

#define LIMIT " ORDER BY serial LIMIT 101"
static_assert(EVENT_SERIALS_MAX == 100, "one more is asked for, to know whether there are more");

static bool of_host(struct sql *sql, const char *host_hex, const char *instance_hex, int64_t time,
	struct serials *ret, struct err *err)
{
	uint8_t host[HOST_ID_LEN], instance[INSTANCE_ID_LEN];
	if (!hex_decode_exact(bytes_str(host_hex), host, sizeof(host), NULL))
		return true;
	if (!instance_hex)
		return read_all(sql,
			"SELECT serial FROM credentials WHERE host=?1 AND revoked=?2" LIMIT,
			SQL_ARGS(sql_b(BYTES_OF(host)), sql_i(time)), ret, err);
	if (!hex_decode_exact(bytes_str(instance_hex), instance, sizeof(instance), NULL))
		return true;
	return read_all(sql,
		"SELECT serial FROM credentials WHERE host=?1 AND instance=?2 AND revoked=?3" LIMIT,
		SQL_ARGS(sql_b(BYTES_OF(host)), sql_b(BYTES_OF(instance)), sql_i(time)), ret, err);
}

static bool of_release(
	struct sql *sql, const char *hex, int64_t time, struct serials *ret, struct err *err)
{
	uint8_t release[SHA256_LEN];
	return !hex_decode_exact(bytes_str(hex), release, sizeof(release), NULL) ||
	       read_all(sql,
		       "SELECT c.serial FROM credentials c JOIN instances i ON i.host=c.host AND "
		       "i.instance=c.instance WHERE i.release=?1 AND c.revoked=?2" LIMIT,
		       SQL_ARGS(sql_b(BYTES_OF(release)), sql_i(time)), ret, err);
}

static bool of_workload(
	struct sql *sql, const char *name, int64_t time, struct serials *ret, struct err *err)
{
	return read_all(sql,
		"SELECT c.serial FROM credentials c JOIN instances i ON i.host=c.host AND "
		"i.instance=c.instance WHERE i.workload=?1 AND c.revoked=?2" LIMIT,
		SQL_ARGS(sql_t(bytes_str(name)), sql_i(time)), ret, err);
}

/* The others end nothing, and may fall into the second in which something was ended. */
static bool ends(const json_t *data)
{
	const char *event = json_string_value(json_object_get(data, "event"));
	const char *step = json_string_value(json_object_get(data, "step"));
	static const char *const names[] = {"host-state", "instance-end", "instance-state",
		"workload-retired", "release-revoked", "elevation-ended", "elevation-revoked",
		"refused"};
	for (size_t i = 0; event && i < ARRAY_LEN(names); i++)
		if (strcmp(event, names[i]) == 0)
			return true;
	return event && step && strcmp(event, "rollout") == 0 && strcmp(step, "rolled-back") == 0;
}

bool event_serials_add(
	struct sql *sql, enum leaf_type type, int64_t time, json_t *data, struct err *err)
{
	OWNED(serials_release) struct serials s = {.list = json_array()};
	const char *host = json_string_value(json_object_get(data, "host"));
	const char *instance = json_string_value(json_object_get(data, "instance"));
	const char *release = entry_release(type, data), *workload = entry_workload(type, data);
	bool ok = true;
	if (!ends(data))
		return true;
	if (!s.list)
		return err_set(err, ERR_NOMEM, "event");
	if (host)
		ok = of_host(sql, host, instance, time, &s, err);
	else if (release)
		ok = of_release(sql, release, time, &s, err);
	else if (workload)
		ok = of_workload(sql, workload, time, &s, err);
	if (!ok || json_array_size(s.list) == 0)
		return ok;
	return (json_object_set(data, "revoked_serials", s.list) == 0 &&
		       (!s.more || json_object_set_new(data, "revoked_more", json_true()) == 0)) ||
	       err_set(err, ERR_NOMEM, "event");
}
