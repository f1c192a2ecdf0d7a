/* SPDX-License-Identifier: Apache-2.0 */
/* C4: revoking against issuing, in every order: after a revocation was answered, nothing unrevoked is left. */
#include "tests/unit/verifier/world.h"

#include <pthread.h>

static struct world w;

static int setup(void **state)
{
	(void)state;
	world_start(&w);
	world_enroll(&w);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	world_stop(&w);
	return 0;
}

/* ---- at the store, thousands of times ---- */

static atomic_bool stop;
static atomic_uint issued_count, refused_count;
static uint8_t instance[INSTANCE_ID_LEN] = {7};

/* What a decision does: the row is read, much later rechecked in the transaction that stores the credential. */
static bool issue_work(struct store_tx *tx, void *arg, struct err *err)
{
	static atomic_uint serial;
	const struct host_row *row = arg;
	struct credential_row credential = {.kind = CREDENTIAL_X509,
		.issued = row->enrolled,
		.not_after = row->enrolled + 100000};
	memcpy(credential.host, row->id, sizeof(credential.host));
	memcpy(credential.instance, instance, sizeof(credential.instance));
	(void)snprintf(credential.serial, sizeof(credential.serial), "t%u", serial++);
	return host_recheck(tx->sql, row, err) && credential_insert(tx->sql, &credential, err);
}

static void *issuer_main(void *arg)
{
	(void)arg;
	while (!stop) {
		struct sql *sql = NULL;
		struct host_row row = {0};
		bool found = false;
		if (!store_read(w.app->store, &sql, NULL))
			continue;
		bool ok = host_get(sql, w.host_id, &row, &found, NULL);
		store_read_done(w.app->store, &sql);
		if (ok && found && row.state == HOST_ACTIVE) {
			if (store_run(w.app->store, issue_work, &row, NULL))
				issued_count++;
			else
				refused_count++;
		}
		host_row_release(&row);
	}
	return NULL;
}

static bool revoke_work(struct store_tx *tx, void *arg, struct err *err)
{
	struct host_row row = {0};
	enum host_state *to = arg;
	bool found = false;
	bool ok = host_get(tx->sql, w.host_id, &row, &found, err) &&
		  host_set_state(tx->sql, w.host_id, row.version, *to, err) &&
		  (*to == HOST_ACTIVE || credentials_revoke_host(tx->sql, w.host_id, row.enrolled,
						 REVOKED_PRIVILEGE, err));
	host_row_release(&row);
	return ok;
}

static int64_t unrevoked(void)
{
	struct sql *sql = NULL;
	struct sql_query *q = NULL;
	assert_ok(store_read(w.app->store, &sql, &w.err), w.err);
	assert_ok(sql_first(sql, "SELECT count(*) FROM credentials WHERE host=?1 AND revoked=0",
			  SQL_ARGS(sql_b(BYTES_OF(w.host_id))), &q, &w.err),
		w.err);
	int64_t count = sql_int(q, 0);
	sql_finish(&q);
	store_read_done(w.app->store, &sql);
	return count;
}

static void revoke__against_issuing__nothing_left(void **state)
{
	(void)state;
	pthread_t threads[3];
	enum host_state quarantined = HOST_QUARANTINED, active = HOST_ACTIVE;
	stop = false;
	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, issuer_main, NULL), 0);
	for (int round = 0; round < 400; round++) {
		assert_ok(store_run(w.app->store, revoke_work, &quarantined, &w.err), w.err);
		assert_int_equal(unrevoked(), 0);
		assert_ok(store_run(w.app->store, revoke_work, &active, &w.err), w.err);
		(void)usleep((useconds_t)(round * 37 % 1500));
	}
	stop = true;
	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		(void)pthread_join(threads[i], NULL);
	print_message("%u issued, %u refused\n", issued_count, refused_count);
	assert_true(issued_count > 100);
	assert_true(refused_count > 0);
}

/* ---- over the wire ---- */

static void *quarantine_main(void *arg)
{
	char id[2 * HOST_ID_LEN + 1], path[128];
	hex_encode(BYTES_OF(w.host_id), id);
	(void)usleep(*(unsigned *)arg);
	(void)snprintf(path, sizeof(path), "/v1/hosts/%s/quarantine", id);
	struct https_answer a = world_call(
		&w, &w.admin, "POST", path, "application/json", BYTES_LIT("{\"reason\":\"race\"}"));
	buf_release(&a.body);
	return NULL;
}

static void quarantine__while_attesting__refused_or_revoked(void **state)
{
	(void)state;
	unsigned trusted = 0, refused = 0;
	for (unsigned round = 0; round < 30; round++) {
		struct https c;
		struct world_attestation a = {.purpose = PURPOSE_LAUNCH};
		pthread_t thread;
		unsigned wait = 0;
		struct world_enrolment e = world_enrolment_of(&w);
		world_enroll_run(&w, &e);
		assert_int_equal(e.state, HOST_ACTIVE);
		cert_unref(&w.host_cert);
		w.host_cert = cert_ref(e.cert);
		world_enrolment_release(&e);
		assert_true(world_connect(&w, &c));
		world_challenge(&w, &c, &a);
		w.scene->attest.clock += 10;
		world_evidence(&w, &c, &a);
		assert_int_equal(pthread_create(&thread, NULL, quarantine_main, &wait), 0);
		(void)usleep(round * 400);
		world_send_evidence(&w, &c, &a, buf_bytes(&w.scene->evidence));
		(void)pthread_join(thread, NULL);
		trusted += a.status == 200 && a.result.trusted;
		refused += a.status != 200 || !a.result.trusted;
		assert_int_equal(unrevoked(), 0);
		world_attestation_release(&a);
		https_close(&c);
		enum host_state active = HOST_ACTIVE;
		assert_ok(store_run(w.app->store, revoke_work, &active, &w.err), w.err);
	}
	print_message("%u before, %u after the quarantine\n", trusted, refused);
	assert_int_equal(trusted + refused, 30);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			revoke__against_issuing__nothing_left, setup, teardown),
		cmocka_unit_test_setup_teardown(
			quarantine__while_attesting__refused_or_revoked, setup, teardown),
	};
	(void)signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
