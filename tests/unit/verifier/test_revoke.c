/* SPDX-License-Identifier: Apache-2.0 */
/* C4: revoking against issuing, in every order: after a revocation was answered, nothing unrevoked is left. */
#include "tests/unit/verifier/world.h"

#include <pthread.h>

static struct world w;

#include "tests/unit/verifier/issue_race.h"

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
	race_begin(issue_work);
	for (unsigned round = 0; race_goes_on(round, 400); round++) {
		race_set_state(HOST_QUARANTINED);
		assert_int_equal(unrevoked(), 0);
		race_set_state(HOST_ACTIVE);
		race_pause(round);
	}
	race_end();
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
		race_set_state(HOST_ACTIVE);
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
