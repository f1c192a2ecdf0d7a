/* SPDX-License-Identifier: Apache-2.0 */
/* How often the store waits for the disk: a lone append for one sync, a trusted decision with its two leaves for one as well. */
#include "tests/fault/power_vfs.h"

#include "tests/unit/verifier/world.h"

/* Syncs of the write-ahead log since `from`, and of any other file of the database. */
static void syncs_since(size_t from, size_t *ret_log, size_t *ret_other)
{
	*ret_log = *ret_other = 0;
	(void)pthread_mutex_lock(&power.lock);
	for (size_t i = from; i < power.count; i++)
		for (size_t k = 0; power.events[i].kind == POWER_SYNC && k < power.live_count;
			k++) {
			const char *name = power.live[k].name;
			size_t len = strlen(name);
			if (power.live[k].file != power.events[i].file)
				continue;
			*ret_log += len > 4 && strcmp(name + len - 4, "-wal") == 0;
			*ret_other += len > 3 && strcmp(name + len - 3, ".db") == 0;
		}
	(void)pthread_mutex_unlock(&power.lock);
}

static size_t events(void)
{
	(void)pthread_mutex_lock(&power.lock);
	size_t count = power.count;
	(void)pthread_mutex_unlock(&power.lock);
	return count;
}

/* ---- a store alone ---- */

static char place[64], db[96];
static struct store *store;
static struct err err;

static bool append_work(struct store_tx *tx, void *arg, struct err *e)
{
	struct leaf_row row = {0};
	(void)arg;
	buf_printf(&row.bytes, "leaf %llu", (unsigned long long)tx->edge.size);
	bool ok = leaf_hash(buf_bytes(&row.bytes), row.hash, e) && leaf_append(tx, &row, e);
	leaf_row_release(&row);
	return ok;
}

static void store__idle__lone_append_waits_for_one_sync(void **state)
{
	struct store_config config = {.ops = &sql_sqlite, .location = db, .clock = &clock_system};
	size_t log, other;
	(void)state;
	power_place_make(place);
	(void)snprintf(db, sizeof(db), "%s/v.db", place);
	power_begin(place);
	assert_ok(store_open(&config, &store, &err), err);
	/* The first writes the head of the log too. */
	assert_ok(store_run(store, append_work, NULL, &err), err);
	for (int i = 0; i < 20; i++) {
		size_t before = events();
		assert_ok(store_run(store, append_work, NULL, &err), err);
		syncs_since(before, &log, &other);
		assert_int_equal(log, 1);
		assert_int_equal(other, 0);
	}
	store_close(&store);
	power_end();
	power_release();
	power_place_remove(place);
}

/* ---- the whole service ---- */

static uint64_t tree_size(const struct world *w)
{
	struct store_tree tree;
	store_tree(w->app->store, &tree);
	return tree.size;
}

static void decision__trusted__both_leaves_with_one_sync(void **state)
{
	static struct world w;
	struct world_attestation a, next;
	struct https c;
	size_t log, other;
	(void)state;
	world_start(&w);
	world_enroll(&w);
	assert_true(world_connect(&w, &c));
	world_launch(&w, &c, &a);
	power_begin(w.dir);
	for (int i = 0; i < 5; i++) {
		uint64_t size = tree_size(&w);
		world_next(&w, &a, &next);
		world_attestation_release(&a);
		world_evidence(&w, &c, &next);
		size_t before = events();
		world_send_evidence(&w, &c, &next, buf_bytes(&w.scene->evidence));
		assert_outcome(&next, "trusted");
		syncs_since(before, &log, &other);
		assert_int_equal(log, 1);
		assert_int_equal(other, 0);
		assert_int_equal(tree_size(&w), size + 2);
		a = next;
	}
	power_end();
	world_attestation_release(&a);
	https_close(&c);
	world_stop(&w);
	power_release();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(store__idle__lone_append_waits_for_one_sync),
		cmocka_unit_test(decision__trusted__both_leaves_with_one_sync),
	};
	power_vfs_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
