/* SPDX-License-Identifier: Apache-2.0 */
/* Pages of hosts: each host once, whatever the page's size, with what is said of it and how its agents
 * stand; and two statements for a page. */
#include "verifier/host_page.h"

#include "tests/unit/verifier/world.h"

#define HOSTS 7u

static struct world w;
static struct sql_ops counting;
static atomic_int started;

static bool count_start(struct sql *sql, const char *text, const struct sql_value *args, size_t n,
	struct sql_query **ret, struct err *err)
{
	started++;
	return test_sql()->start(sql, text, args, n, ret, err);
}

static bool count_open(const char *location, bool writer, struct sql **ret, struct err *err)
{
	if (!test_sql()->open(location, writer, ret, err))
		return false;
	(*ret)->ops = &counting;
	return true;
}

/* Of a host: its id and keys begin with its number, and so many attributes are said of it. */
static bool hosts_work(struct store_tx *tx, void *arg, struct err *err)
{
	(void)arg;
	for (uint8_t i = 1; i <= HOSTS; i++) {
		/* Two at each time, so that the id decides. */
		struct host_row row = {
			.state = HOST_ACTIVE, .epoch = 1, .enrolled = 1000 - (i + 1) / 2};
		OWNED(json_release) json_t *set = json_object();
		const struct attribute_changes say = {
			.set = set, .by = "op", .reason = "r", .time = 5};
		row.id[0] = row.ak_name[0] = i;
		buf_put_u8(&row.ek_public, i);
		buf_put_u8(&row.ak_public, i);
		if (i == 2)
			buf_put_u8(&row.ek_certs, 1);
		(void)snprintf(row.name, sizeof(row.name), "h%u", i);
		bool ok = host_insert(tx->sql, &row, err);
		host_row_release(&row);
		for (unsigned k = 0; ok && k < i % 3u; k++) {
			char key[8];
			(void)snprintf(key, sizeof(key), "k%u", k);
			(void)json_object_set_new(set, key, json_string("old"));
			ok = attributes_change(w.app, tx, (uint8_t[32]){i}, &say, err);
			(void)json_object_set_new(set, key, json_string("new"));
			ok = ok && attributes_change(w.app, tx, (uint8_t[32]){i}, &say, err);
		}
		if (!ok)
			return false;
	}
	return true;
}

static int setup(void **state)
{
	(void)state;
	counting = *test_sql();
	counting.open = count_open;
	counting.start = count_start;
	w.sql = &counting;
	world_start(&w);
	assert_ok(store_run(w.app->store, hosts_work, NULL, &w.err), w.err);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	world_stop(&w);
	return 0;
}

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));
	return text ? text : "";
}

/* The names on all pages of that size, in order. */
static json_t *walk(unsigned limit, unsigned *ret_pages)
{
	json_t *all = json_array();
	char path[256];
	(void)snprintf(path, sizeof(path), "/v1/hosts?limit=%u", limit);
	for (*ret_pages = 0; path[0];) {
		json_t *page = world_json(&w, &w.auditor, "GET", path, NULL, 200);
		json_t *hosts = json_object_get(page, "hosts");
		assert_true(json_array_size(hosts) <= limit);
		assert_int_equal(json_array_extend(all, hosts), 0);
		(*ret_pages)++;
		path[0] = 0;
		if (!json_is_null(json_object_get(page, "next")))
			(void)snprintf(path, sizeof(path), "/v1/hosts?limit=%u&after=%s", limit,
				text_of(page, "next"));
		json_decref(page);
	}
	return all;
}

static void pages__of_any_size__each_host_once_the_oldest_first(void **state)
{
	static const char *const order[HOSTS] = {"h7", "h5", "h6", "h3", "h4", "h1", "h2"};
	(void)state;
	for (unsigned limit = 1; limit <= HOSTS + 1; limit++) {
		unsigned pages;
		json_t *all = walk(limit, &pages);
		assert_int_equal(json_array_size(all), HOSTS);
		assert_int_equal(pages, (HOSTS + limit - 1) / limit);
		for (size_t i = 0; i < HOSTS; i++)
			assert_string_equal(text_of(json_array_get(all, i), "name"), order[i]);
		json_decref(all);
	}
}

/* The newest word on each attribute, and no other host's. */
static void pages__attributes__each_hosts_own(void **state)
{
	unsigned pages;
	json_t *all = walk(3, &pages), *host;
	size_t i;
	(void)state;
	json_array_foreach(all, i, host)
	{
		unsigned number = (unsigned)text_of(host, "name")[1] - '0';
		json_t *said = json_object_get(host, "attributes");
		assert_int_equal(json_object_size(said), number % 3);
		if (number % 3 > 0)
			assert_string_equal(text_of(json_object_get(said, "k0"), "value"), "new");
		assert_int_equal(
			json_is_true(json_object_get(host, "ek_certificate")), number == 2);
		assert_string_equal(text_of(host, "agents"), "idle");
	}
	json_decref(all);
}

/* However many hosts a page has. */
static void pages__statements__two(void **state)
{
	struct host_place last;
	struct sql *sql = NULL;
	bool more;
	(void)state;
	assert_ok(store_read(w.app->store, &sql, &w.err), w.err);
	for (unsigned limit = 1; limit <= HOSTS; limit++) {
		json_t *list = json_array();
		int before = started;
		assert_ok(host_page_json(sql, NULL, limit, 0, list, &last, &more, &w.err), w.err);
		assert_int_equal(started - before, 2);
		assert_int_equal(json_array_size(list), limit);
		json_decref(list);
	}
	store_read_done(w.app->store, &sql);
}

/* What one host's agents are shown as is not its neighbour's. */
static void pages__agents__each_hosts_own(void **state)
{
	struct world_attestation a = {0};
	struct https c;
	unsigned pages;
	json_t *all, *host;
	size_t i, trusted = 0;
	(void)state;
	world_enroll(&w);
	assert_true(world_connect(&w, &c));
	world_launch(&w, &c, &a);
	for (unsigned limit = 1; limit <= HOSTS + 1; limit++) {
		all = walk(limit, &pages);
		trusted = 0;
		json_array_foreach(all, i, host)
		{
			bool own = strcmp(text_of(host, "name"), "host-1") == 0;
			assert_string_equal(text_of(host, "agents"), own ? "trusted" : "idle");
			trusted += own;
		}
		assert_int_equal(trusted, 1);
		assert_int_equal(json_array_size(all), HOSTS + 1);
		json_decref(all);
	}
	world_attestation_release(&a);
	https_close(&c);
}

static void pages__nonsense_asked__400(void **state)
{
	static const char *const queries[] = {"limit=0", "limit=501", "limit=x",
		"limit=", "after=", "after=zz", "after=00000000000003e7", "after=00000000000003e70",
		"after=00000000000003E701"};
	char path[160];
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(queries); i++) {
		(void)snprintf(path, sizeof(path), "/v1/hosts?%s", queries[i]);
		world_do(&w, &w.auditor, "GET", path, NULL, 400);
	}
}

static void place__as_text_and_back__the_same(void **state)
{
	struct host_place place = {.enrolled = INT64_MAX, .id_len = HOST_ID_RAW_MAX}, back;
	char text[HOST_AFTER_MAX];
	(void)state;
	memset(place.id, 0xab, sizeof(place.id));
	host_place_text(&place, text);
	assert_int_equal(strlen(text), HOST_AFTER_MAX - 1);
	assert_ok(host_place_read(bytes_str(text), &back, &w.err), w.err);
	assert_int_equal(back.enrolled, INT64_MAX);
	assert_memory_equal(back.id, place.id, sizeof(place.id));
	assert_fails(host_place_read(BYTES_LIT("00"), &back, &w.err), w.err, ERR_FORMAT,
		"after: expected next of the page before");
}

#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(pages__of_any_size__each_host_once_the_oldest_first),
		T(pages__attributes__each_hosts_own),
		T(pages__statements__two),
		T(pages__agents__each_hosts_own),
		T(pages__nonsense_asked__400),
		T(place__as_text_and_back__the_same),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
