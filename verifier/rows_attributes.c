/* SPDX-License-Identifier: Apache-2.0 */
#include "verifier/attributes.h"

#include "base/text.h"

#include <stdlib.h>

#define COLUMNS "attribute, coalesce(value, ''), operator, reason, time"
/* The newest word on each attribute. */
#define CURRENT                                                                                    \
	" value IS NOT NULL AND seq=(SELECT max(seq) FROM host_attributes AS b WHERE"              \
	" b.host=a.host AND b.attribute=a.attribute)"

static bool row_read(const struct sql_query *q, struct attribute_row *ret, struct err *err)
{
	ret->time = sql_int(q, 4);
	return sql_text(q, 0, "attribute", ret->key, sizeof(ret->key), err) &&
	       sql_text(q, 1, "attribute value", ret->value, sizeof(ret->value), err) &&
	       sql_text(q, 2, "operator", ret->by, sizeof(ret->by), err) &&
	       sql_text(q, 3, "reason", ret->reason, sizeof(ret->reason), err);
}

static bool rows_read(struct sql_query *q, struct host_attributes *ret, struct err *err)
{
	bool more = false;
	while (sql_next(q, &more, err)) {
		if (!more)
			return true;
		if (ret->count == HOST_ATTRIBUTES_MAX)
			return err_set(err, ERR_STORE, "a host has more than %u attributes",
				HOST_ATTRIBUTES_MAX);
		struct attribute_row *row = &ret->rows[ret->count];
		if (!row_read(q, row, err))
			return false;
		ret->views[ret->count++] = (struct host_attribute){
			.key = bytes_str(row->key),
			.value = bytes_str(row->value),
			.by = bytes_str(row->by),
		};
	}
	return false;
}

bool attributes_get(struct sql *sql, const uint8_t host[HOST_ID_LEN], struct host_attributes *ret,
	struct err *err)
{
	OWNED(sql_finish) struct sql_query *q = NULL;
	ret->count = 0;
	return sql_start(sql,
		       "SELECT " COLUMNS " FROM host_attributes AS a WHERE host=?1 AND" CURRENT
		       " ORDER BY attribute",
		       SQL_ARGS(sql_b(bytes_of(host, HOST_ID_LEN))), &q, err) &&
	       rows_read(q, ret, err);
}

bool attributes_history(struct sql *sql, const uint8_t host[HOST_ID_LEN], attribute_visit visit,
	void *arg, struct err *err)
{
	OWNED(sql_finish) struct sql_query *q = NULL;
	bool more = false;
	if (!sql_start(sql,
		    "SELECT " COLUMNS
		    " FROM host_attributes WHERE host=?1 ORDER BY seq DESC LIMIT ?2",
		    SQL_ARGS(sql_b(bytes_of(host, HOST_ID_LEN)), sql_i(ATTRIBUTES_HISTORY_MAX)), &q,
		    err))
		return false;
	while (sql_next(q, &more, err)) {
		struct attribute_row row = {0};
		if (!more)
			return true;
		if (!row_read(q, &row, err) || !visit(arg, &row, err))
			return false;
	}
	return false;
}

bool attributes_host(struct sql *sql, const char *key, const char *value,
	uint8_t ret_id[HOST_ID_LEN], bool *ret_found, struct err *err)
{
	OWNED(sql_finish) struct sql_query *q = NULL;
	if (!sql_first(sql,
		    "SELECT a.host FROM host_attributes AS a JOIN hosts ON hosts.id=a.host WHERE"
		    " a.attribute=?1 AND a.value=?2 AND hosts.state<>?3 AND" CURRENT,
		    SQL_ARGS(sql_t(bytes_str(key)), sql_t(bytes_str(value)), sql_i(HOST_RETIRED)),
		    &q, err))
		return false;
	*ret_found = q != NULL;
	return q ? sql_exact(q, 0, "host id", ret_id, HOST_ID_LEN, err) : true;
}

static bool row_put(struct sql *sql, const uint8_t host[HOST_ID_LEN], const char *key,
	const char *value, const struct attribute_changes *changes, struct err *err)
{
	return sql_exec(sql,
		"INSERT INTO host_attributes(host, seq, attribute, value, operator, reason, time)"
		" VALUES(?1, (SELECT coalesce(max(seq), 0)+1 FROM host_attributes WHERE host=?1),"
		" ?2, ?3, ?4, ?5, ?6)",
		SQL_ARGS(sql_b(bytes_of(host, HOST_ID_LEN)), sql_t(bytes_str(key)),
			value ? sql_t(bytes_str(value)) : sql_null(), sql_t(bytes_str(changes->by)),
			sql_t(bytes_str(changes->reason)), sql_i(changes->time)),
		NULL, err);
}

/* One name, one node: whoever asks by the name must not be answered with another machine. */
static bool node_is_free(struct sql *sql, const uint8_t host[HOST_ID_LEN], const char *key,
	const char *value, struct err *err)
{
	uint8_t other[HOST_ID_LEN];
	char hex[17];
	bool found = false;
	if (strcmp(key, HOST_KUBERNETES_NODE) != 0)
		return true;
	if (!attributes_host(sql, key, value, other, &found, err))
		return false;
	if (found && memcmp(other, host, HOST_ID_LEN) != 0)
		return err_set(err, ERR_CONFLICT, "kubernetes-node %s is host %s…", value,
			text_short_hex(BYTES_OF(other), hex));
	return true;
}

static bool set_rows(struct sql *sql, const uint8_t host[HOST_ID_LEN],
	const struct attribute_changes *changes, struct err *err)
{
	const char *key;
	json_t *value;
	json_object_foreach((json_t *)(uintptr_t)changes->set, key, value)
	{
		const char *text = json_string_value(value);
		if (!node_is_free(sql, host, key, text, err) ||
			!row_put(sql, host, key, text, changes, err))
			return false;
	}
	return true;
}

static bool unset_rows(struct sql *sql, const uint8_t host[HOST_ID_LEN],
	const struct host_attributes *present, const struct attribute_changes *changes,
	struct err *err)
{
	for (size_t i = 0; i < json_array_size(changes->unset); i++) {
		const char *key = json_string_value(json_array_get(changes->unset, i));
		if (!host_attribute_find(present->views, present->count, key))
			return err_set(err, ERR_CONFLICT, "this host has no attribute %s", key);
		if (!row_put(sql, host, key, NULL, changes, err))
			return false;
	}
	return true;
}

static bool host_touch(struct sql *sql, const uint8_t host[HOST_ID_LEN], struct err *err)
{
	return sql_exec(sql, "UPDATE hosts SET version=version+1 WHERE id=?1",
		SQL_ARGS(sql_b(bytes_of(host, HOST_ID_LEN))), NULL, err);
}

static bool count_ok(struct sql *sql, const uint8_t host[HOST_ID_LEN], struct err *err)
{
	OWNED(sql_finish) struct sql_query *q = NULL;
	if (!sql_first(sql, "SELECT count(*) FROM host_attributes AS a WHERE host=?1 AND" CURRENT,
		    SQL_ARGS(sql_b(bytes_of(host, HOST_ID_LEN))), &q, err))
		return false;
	return (q && sql_int(q, 0) <= (int64_t)HOST_ATTRIBUTES_MAX) ||
	       err_set(err, ERR_LIMIT, "a host has at most %u attributes", HOST_ATTRIBUTES_MAX);
}

static bool put_entry(struct app *app, struct store_tx *tx, const uint8_t host[HOST_ID_LEN],
	const struct attribute_changes *changes, struct err *err)
{
	char hex[2 * HOST_ID_LEN + 1];
	hex_encode(bytes_of(host, HOST_ID_LEN), hex);
	return entry_append(app, tx, LEAF_HOST_STATE, changes->time,
		json_pack("{s:s, s:s, s:o, s:o, s:s, s:s}", "event", "host-attributes", "host", hex,
			"set",
			changes->set ? json_incref((json_t *)(uintptr_t)changes->set)
				     : json_object(),
			"unset",
			changes->unset ? json_incref((json_t *)(uintptr_t)changes->unset)
				       : json_array(),
			"by", changes->by, "reason", changes->reason),
		err);
}

static bool change(struct app *app, struct store_tx *tx, const uint8_t host[HOST_ID_LEN],
	const struct attribute_changes *changes, struct err *err)
{
	OWNED(free_ptr) struct host_attributes *present = calloc(1, sizeof(*present));
	if (!present)
		return err_set(err, ERR_NOMEM, "attributes");
	return attributes_get(tx->sql, host, present, err) &&
	       unset_rows(tx->sql, host, present, changes, err) &&
	       set_rows(tx->sql, host, changes, err) && count_ok(tx->sql, host, err) &&
	       put_entry(app, tx, host, changes, err);
}

bool attributes_change(struct app *app, struct store_tx *tx, const uint8_t host[HOST_ID_LEN],
	const struct attribute_changes *changes, struct err *err)
{
	return change(app, tx, host, changes, err) && host_touch(tx->sql, host, err);
}

/* ---- tokens: of a host that nothing rests on yet, so its version stays ---- */

static bool token_say(struct app *app, struct store_tx *tx, const struct sql_query *q,
	const uint8_t host[HOST_ID_LEN], int64_t now, struct err *err)
{
	OWNED(json_release) json_t *set = NULL;
	char text[ROW_FACTS_MAX], creator[ROW_TEXT_MAX];
	if (!sql_text(q, 0, "token attributes", text, sizeof(text), err) ||
		!sql_text(q, 1, "token maker", creator, sizeof(creator), err) ||
		!json_open(bytes_str(text), sizeof(text), &set, err))
		return err_wrap(err, "join token");
	const struct attribute_changes changes = {
		.set = set, .by = creator, .reason = "join token", .time = now};
	return json_object_size(set) == 0 || change(app, tx, host, &changes, err);
}

bool attributes_of_token(struct app *app, struct store_tx *tx, const uint8_t *hash,
	const uint8_t host[HOST_ID_LEN], int64_t now, struct err *err)
{
	OWNED(sql_finish) struct sql_query *q = NULL;
	bool more = false;
	if (!sql_start(tx->sql,
		    "SELECT attributes, creator FROM join_tokens WHERE used_by IS NULL AND "
		    "expires>?3"
		    " AND ((hash=?1 AND (host IS NULL OR host=?2)) OR"
		    " (?1 IS NULL AND host=?2)) ORDER BY created, hash",
		    SQL_ARGS(hash ? sql_b(bytes_of(hash, SHA256_LEN)) : sql_null(),
			    sql_b(bytes_of(host, HOST_ID_LEN)), sql_i(now)),
		    &q, err))
		return false;
	while (sql_next(q, &more, err)) {
		if (!more)
			return true;
		if (!token_say(app, tx, q, host, now, err))
			return false;
	}
	return false;
}
