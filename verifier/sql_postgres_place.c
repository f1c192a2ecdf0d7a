/* SPDX-License-Identifier: Apache-2.0 */
/* Where a PostgreSQL database is, how it is reached, and what its session has to promise. */
#include "verifier/sql_postgres.h"

#include <assert.h>
#include <stdlib.h>

/* libpq's own default on Debian, said aloud: the environment does not choose the server. */
#define SOCKET_DIRECTORY "/var/run/postgresql"
#define KEYWORDS_MAX     64u

/* What holds where the URI says nothing else. A server that is gone is noticed within about half a
 * minute, waiting or sending. */
static const struct {
	const char *keyword, *value;
} defaults[] = {
	{"connect_timeout", "5"},
	{"keepalives", "1"},
	{"keepalives_idle", "10"},
	{"keepalives_interval", "5"},
	{"keepalives_count", "3"},
	{"tcp_user_timeout", "20000"},
	{"target_session_attrs", "read-write"}, /* what is read is what was acknowledged */
	{"fallback_application_name", "assay-verifierd"},
	{"gssencmode", "disable"},
};

struct place {
	const char *keywords[KEYWORDS_MAX + 1], *values[KEYWORDS_MAX + 1];
	size_t count;
};

static bool host_is_local(const char *host, size_t len)
{
	static const char *const names[] = {"", "localhost", "::1"};
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (len == strlen(names[i]) && memcmp(host, names[i], len) == 0)
			return true;
	return host[0] == '/' || host[0] == '@' ||
	       (len > 4 && memcmp(host, "127.", 4) == 0 && strspn(host, "0123456789.") >= len);
}

/* Every one of a list that commas divide. */
static bool hosts_are_local(const char *hosts)
{
	for (const char *at = hosts;; at++) {
		size_t len = strcspn(at, ",");
		if (!host_is_local(at, len))
			return false;
		at += len;
		if (!*at)
			return true;
	}
}

static const char *option(const PQconninfoOption *options, const char *keyword)
{
	for (; options->keyword; options++)
		if (strcmp(options->keyword, keyword) == 0)
			return options->val;
	return NULL;
}

static bool is_local(const PQconninfoOption *options)
{
	const char *host = option(options, "host"), *address = option(options, "hostaddr");
	return (!host || hosts_are_local(host)) && (!address || hosts_are_local(address));
}

static bool options_judge(const PQconninfoOption *options, struct err *err)
{
	const char *sslmode = option(options, "sslmode");
	if (option(options, "password"))
		return err_set(err, ERR_CONFIG,
			"a password does not belong here: passfile=FILE names a file that has it");
	if (option(options, "service"))
		return err_set(err, ERR_CONFIG,
			"service: what it would say is not read here; give a whole URI");
	if (sslmode && strcmp(sslmode, "verify-full") != 0 && !is_local(options))
		return err_set(err, ERR_CONFIG,
			"sslmode=%s: over a network only verify-full, or somebody else may be the "
			"database",
			sslmode);
	return true;
}

/* The text is never shown: it may hold what it must not. */
static PQconninfoOption *options_parse(const char *location, struct err *err)
{
	char *why = NULL;
	PQconninfoOption *options = PQconninfoParse(location, &why);
	if (!options)
		(void)err_set(err, why ? ERR_CONFIG : ERR_NOMEM, "not a URI that libpq takes");
	PQfreemem(why);
	if (options && !options_judge(options, err)) {
		PQconninfoFree(options);
		return NULL;
	}
	return options;
}

bool sql_postgres_place_check(const char *location, struct err *err)
{
	PQconninfoOption *options = options_parse(location, err);
	PQconninfoFree(options);
	return options != NULL;
}

static void place_put(struct place *place, const char *keyword, const char *value)
{
	if (place->count == KEYWORDS_MAX)
		return;
	place->keywords[place->count] = keyword;
	place->values[place->count++] = value;
}

static void place_fill(struct place *place, const PQconninfoOption *options)
{
	for (const PQconninfoOption *o = options; o->keyword; o++)
		if (o->val)
			place_put(place, o->keyword, o->val);
	for (size_t i = 0; i < ARRAY_LEN(defaults); i++)
		if (!option(options, defaults[i].keyword))
			place_put(place, defaults[i].keyword, defaults[i].value);
	if (!option(options, "host") && !option(options, "hostaddr"))
		place_put(place, "host", SOCKET_DIRECTORY);
	if (!option(options, "sslmode"))
		place_put(place, "sslmode", is_local(options) ? "prefer" : "verify-full");
	if (!option(options, "client_encoding"))
		place_put(place, "client_encoding", "UTF8");
}

bool pg_connect(const char *location, PGconn **ret, struct err *err)
{
	struct place place = {0};
	PQconninfoOption *options = options_parse(location, err);
	if (!options)
		return false;
	place_fill(&place, options);
	*ret = PQconnectdbParams(place.keywords, place.values, 0);
	PQconninfoFree(options);
	if (!*ret)
		return err_set(err, ERR_NOMEM, "database connection");
	if (PQstatus(*ret) == CONNECTION_OK)
		return true;
	(void)err_set(err, ERR_STORE, "%.600s", PQerrorMessage(*ret));
	PQfinish(*ret);
	*ret = NULL;
	return false;
}

/* Commits wait at least for this server's disk. A statement or a lock that takes long is given up;
 * so is a transaction whose client has fallen silent, for it may hold what others wait for.
 * Plans are kept as long as their session: one that reads a whole table, made while the table was small,
 * would do so when it has grown. What is not found by an index is read so all the same, but not worth
 * being compiled. */
#define SESSION                                                                                    \
	"SELECT set_config('synchronous_commit', CASE current_setting('synchronous_commit') WHEN " \
	"'remote_apply' THEN 'remote_apply' ELSE 'on' END, false), "                               \
	"set_config('statement_timeout', '30s', false), set_config('lock_timeout', '10s', "        \
	"false), set_config('idle_in_transaction_session_timeout', '30s', false), "                \
	"set_config('standard_conforming_strings', 'on', false), "                                 \
	"set_config('enable_seqscan', 'off', false), set_config('jit', 'off', false)"

/* What is read in one transaction is of one moment. */
#define READER                                                                                     \
	"SELECT set_config('default_transaction_read_only', 'on', false), "                        \
	"set_config('default_transaction_isolation', 'repeatable read', false)"

struct promise {
	const char *name, *wanted, *why;
};
static const struct promise promises[] = {
	{"fsync", "on", "what was acknowledged would be lost with the power"},
	{"full_page_writes", "on", "a page half written would be lost with the power"},
	{"server_encoding", "UTF8",
		"text is stored as UTF-8: make the database with ENCODING 'UTF8'"},
};

static bool promise_check(struct pg *self, size_t i, struct err *err)
{
	static const char *const texts[] = {
		"SHOW fsync", "SHOW full_page_writes", "SHOW server_encoding"};
	OWNED(sql_finish) struct sql_query *q = NULL;
	static_assert(ARRAY_LEN(texts) == ARRAY_LEN(promises), "one text each");
	if (!sql_first(&self->base, texts[i], SQL_NO_ARGS, &q, err))
		return false;
	struct bytes is = q ? sql_bytes(q, 0) : (struct bytes){0};
	return bytes_equal_str(is, promises[i].wanted) ||
	       err_set(err, ERR_CONFIG, "the server has %s=%.*s: %s", promises[i].name, (int)is.len,
		       (const char *)is.data, promises[i].why);
}

bool pg_session(struct pg *self, struct err *err)
{
	if (PQserverVersion(self->connection) < 150000)
		return err_set(err, ERR_CONFIG,
			"the server is PostgreSQL %d.%d: 15 or newer is needed",
			PQserverVersion(self->connection) / 10000,
			PQserverVersion(self->connection) % 10000);
	if (!pg_do(self, SESSION, err))
		return false;
	if (!self->writer)
		return pg_do(self, READER, err);
	for (size_t i = 0; i < ARRAY_LEN(promises); i++)
		if (!promise_check(self, i, err))
			return false;
	return pg_do(self, "SELECT pg_advisory_lock_shared" PG_PRESENT, err) ||
	       err_wrap(err, "another program has this database to itself");
}
