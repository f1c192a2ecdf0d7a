/* SPDX-License-Identifier: Apache-2.0 */
/* Enrolment: who becomes a host, who has to wait, and what is never written over. */
#include "tests/unit/verifier/world.h"

#include <pthread.h>

#include "tests/unit/verifier/fakes.h"

static struct world w;
static struct tpm_sw_key *second_ek, *second_ak;
static struct cert *second_cert;
static struct shifted_clock clock_ = {.base = {&shifted_clock_ops}};

static int setup(void **state)
{
	(void)state;
	clock_.shift = 0;
	w.clock = &clock_.base;
	world_start(&w);
	assert_ok(tpm_sw_ek_new(EK_TEMPLATE_L2, &second_ek, &w.err), w.err);
	assert_ok(tpm_sw_ak_new(TPM_SW_ECDSA_P256, 0, &second_ak, &w.err), w.err);
	struct ek_ca_options ek = ek_ca_honest(second_ek->key);
	assert_ok(ek_ca_issue(&w.ek_ca, &ek, &second_cert, &w.err), w.err);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	tpm_sw_key_free(&second_ek);
	tpm_sw_key_free(&second_ak);
	cert_unref(&second_cert);
	world_stop(&w);
	return 0;
}

static struct world_enrolment second(void)
{
	struct world_enrolment e = world_enrolment_of(&w);
	e.ek = second_ek;
	e.ak = second_ak;
	e.ek_cert = second_cert;
	return e;
}

/* "200 200 active" or "403 0 …" with the error's code. */
static void check(struct world_enrolment *e, int begin, int finish, const char *wanted)
{
	const char *text = e->error.len ? buf_str(&e->error) : host_state_name(e->state);
	if (e->begin_status != begin || e->finish_status != finish || !strstr(text, wanted))
		fail_msg("%d %d %s, wanted %d %d %s", e->begin_status, e->finish_status, text,
			begin, finish, wanted);
}

static void run(struct world_enrolment e, int begin, int finish, const char *wanted)
{
	world_enroll_run(&w, &e);
	check(&e, begin, finish, wanted);
	assert_int_equal(e.cert != NULL, finish == 200 && e.state == HOST_ACTIVE);
	world_enrolment_release(&e);
}

static void host_do(const char *what, int status)
{
	char id[2 * HOST_ID_LEN + 1], path[128];
	hex_encode(BYTES_OF(w.host_id), id);
	(void)snprintf(path, sizeof(path), "/v1/hosts/%s%s%s", id, what[0] ? "/" : "", what);
	world_do(&w, &w.admin, what[0] ? "POST" : "GET", path,
		what[0] ? "{\"reason\":\"test\"}" : NULL, status);
}

static struct host_row row_of(const uint8_t id[HOST_ID_LEN], bool *found)
{
	struct sql *sql = NULL;
	struct host_row row = {0};
	assert_ok(store_read(w.app->store, &sql, &w.err), w.err);
	assert_ok(host_get(sql, id, &row, found, &w.err), w.err);
	store_read_done(w.app->store, &sql);
	return row;
}

/* ---- becoming a member ---- */

static void enroll__join_token__active(void **state)
{
	(void)state;
	bool found = false;
	world_enroll(&w);
	struct host_row row = row_of(w.host_id, &found);
	assert_true(found);
	assert_int_equal(row.state, HOST_ACTIVE);
	assert_string_equal(row.ek_template, "L-2");
	assert_string_equal(row.name, "host-1");
	host_row_release(&row);
	json_t *list = world_json(&w, &w.auditor, "GET", "/v1/hosts", NULL, 200);
	assert_int_equal(json_array_size(json_object_get(list, "hosts")), 1);
	json_decref(list);
}

static void enroll__nobody_invited__pending_until_confirmed(void **state)
{
	(void)state;
	run(world_enrolment_of(&w), 200, 200, "pending");
	run(world_enrolment_of(&w), 200, 200, "pending");
	host_do("confirm", 200);
	run(world_enrolment_of(&w), 200, 200, "active");
	host_do("confirm", 409);
}

static void enroll__pre_registered__active_without_token(void **state)
{
	(void)state;
	char id[2 * HOST_ID_LEN + 1], body[128];
	hex_encode(BYTES_OF(w.host_id), id);
	(void)snprintf(body, sizeof(body), "{\"ek_digest\":\"%s\"}", id);
	free(world_token(&w, body));
	run(second(), 200, 200, "pending");
	run(world_enrolment_of(&w), 200, 200, "active");
}

static void enroll__no_ek_certificate__pending_even_with_token(void **state)
{
	(void)state;
	struct world_enrolment e = world_enrolment_of(&w);
	char *token = world_token(&w, "{}");
	e.token = bytes_str(token);
	e.ek_cert = NULL;
	run(e, 200, 200, "pending");
	host_do("confirm", 200);
	run(e, 200, 200, "active");
	free(token);
}

static void enroll__pending_host_with_token__admitted(void **state)
{
	(void)state;
	struct world_enrolment e = world_enrolment_of(&w);
	run(e, 200, 200, "pending");
	char *token = world_token(&w, "{\"name\":\"rack-7\"}");
	e.token = bytes_str(token);
	run(e, 200, 200, "active");
	free(token);
}

static void enroll__again__same_row_new_certificate(void **state)
{
	(void)state;
	bool found;
	struct world_enrolment e = world_enrolment_of(&w);
	char *token = world_token(&w, "{}");
	e.token = bytes_str(token);
	run(e, 200, 200, "active");
	struct host_row before = row_of(w.host_id, &found);
	run(e, 200, 200, "active"); /* its own used token does not stand in its way */
	e.token = (struct bytes){0};
	run(e, 200, 200, "active");
	struct host_row after = row_of(w.host_id, &found);
	assert_int_equal(before.version, after.version);
	assert_int_equal(before.enrolled, after.enrolled);
	host_row_release(&before);
	host_row_release(&after);
	free(token);
}

/* Made while the clock ran ahead, they would be good for as long as it did. */
static void enroll__token_of_a_clock_that_ran_ahead__refused(void **state)
{
	(void)state;
	struct world_enrolment invited = second();
	char id[2 * HOST_ID_LEN + 1], body[128];
	hex_encode(BYTES_OF(w.host_id), id);
	(void)snprintf(body, sizeof(body), "{\"ek_digest\":\"%s\",\"expires_in\":60}", id);
	clock_.shift = 1800;
	char *token = world_token(&w, "{\"expires_in\":60}");
	free(world_token(&w, body));
	clock_.shift = 0;
	invited.token = bytes_str(token);
	run(invited, 403, 0, "join-token");
	run(world_enrolment_of(&w), 200, 200, "pending");
	free(token);
}

/* ---- strangers without end ---- */

static bool ahead_work(struct store_tx *tx, void *arg, struct err *err)
{
	struct session_room room = {.most = 1, .share = 1};
	int64_t now = clock_wall(w.clock);
	struct session_row row = {.issued = now + 1800, .expires = now + 2400};
	(void)arg;
	if (!session_put(tx->sql, &row, row.issued, false, &room, err))
		return false;
	row = (struct session_row){.id = {1}, .issued = now, .expires = now + 600};
	return session_put(tx->sql, &row, now, false, &room, err);
}

static void enrolments__begun_by_a_clock_that_ran_ahead__take_up_no_room(void **state)
{
	(void)state;
	assert_ok(store_run(w.app->store, ahead_work, NULL, &w.err), w.err);
}

static bool strangers_work(struct store_tx *tx, void *arg, struct err *err)
{
	static const struct session_room room = {.most = 4096, .share = 64};
	struct session_row row = {.issued = clock_wall(w.clock)};
	bool ok = true;
	(void)arg;
	row.expires = row.issued + 600;
	for (unsigned i = 0; ok && i < room.most / 2; i++) {
		memcpy(row.id, &i, sizeof(i));
		ok = session_put(tx->sql, &row, row.issued, true, &room, err);
	}
	return ok;
}

/* Whoever has no TPM can begin enrolments with keys that he makes up. */
static void S2__begun_by_strangers_without_end__hosts_and_the_invited_get_in(void **state)
{
	(void)state;
	world_enroll(&w);
	assert_ok(store_run(w.app->store, strangers_work, NULL, &w.err), w.err);
	run(second(), 429, 0, "busy");
	run(world_enrolment_of(&w), 200, 200, "active"); /* its certificate anew */
	struct world_enrolment e = second();
	e.token = BYTES_LIT("join-guessed");
	run(e, 403, 0, "join-token");
	char *token = world_token(&w, "{}");
	e = second();
	e.token = bytes_str(token);
	run(e, 200, 200, "active");
	free(token);
}

static void S2__begun_by_strangers_without_end__the_registered_gets_in(void **state)
{
	(void)state;
	char id[2 * HOST_ID_LEN + 1], body[128];
	hex_encode(BYTES_OF(w.host_id), id);
	(void)snprintf(body, sizeof(body), "{\"ek_digest\":\"%s\"}", id);
	free(world_token(&w, body));
	assert_ok(store_run(w.app->store, strangers_work, NULL, &w.err), w.err);
	run(second(), 429, 0, "busy");
	run(world_enrolment_of(&w), 200, 200, "active");
}

static int64_t number(const char *text)
{
	struct sql *sql = NULL;
	struct sql_query *q = NULL;
	assert_ok(store_read(w.app->store, &sql, &w.err), w.err);
	assert_ok(sql_first(sql, text, SQL_NO_ARGS, &q, &w.err), w.err);
	int64_t value = q ? sql_int(q, 0) : -1;
	sql_finish(&q);
	store_read_done(w.app->store, &sql);
	return value;
}

static bool waiting_work(struct store_tx *tx, void *arg, struct err *err)
{
	struct host_row row = {.enrolled = 1, .epoch = 1, .state = HOST_PENDING};
	bool ok = true;
	(void)arg;
	for (unsigned i = 0; ok && i < 4096; i++) {
		memcpy(row.id, &i, sizeof(i));
		memcpy(row.ak_name, &i, sizeof(i));
		buf_clear(&row.ek_public);
		buf_put(&row.ek_public, bytes_of((const uint8_t *)&i, sizeof(i)));
		ok = host_insert(tx->sql, &row, err);
	}
	host_row_release(&row);
	return ok;
}

/* What a host leaves is kept for ever. */
static void S2__enrolled_by_strangers_without_end__no_more_wait_than_may(void **state)
{
	(void)state;
	assert_ok(store_run(w.app->store, waiting_work, NULL, &w.err), w.err);
	run(second(), 200, 429, "busy");
	assert_int_equal(number("SELECT count(*) FROM hosts"), 4096);
	/* The invited: at once, or, without a certificate of the TPM's maker, to wait. */
	struct world_enrolment e = second();
	e.ek_cert = NULL;
	char *token = world_token(&w, "{}");
	e.token = bytes_str(token);
	run(e, 200, 200, "pending");
	free(token);
	world_enroll(&w);
	assert_int_equal(number("SELECT count(*) FROM hosts"), 4098);
}

/* Nobody vouched for what he quarrels with. */
static void S2__conflicts_with_a_host_that_waits__not_in_the_ledger(void **state)
{
	(void)state;
	struct world_enrolment e = second();
	run(world_enrolment_of(&w), 200, 200, "pending");
	e.ek = w.keys.ek;
	e.ek_cert = w.ek_cert;
	int64_t leaves = number("SELECT count(*) FROM leaves");
	run(e, 200, 409, "identity-conflict");
	e = second();
	e.ak = w.keys.ak;
	run(e, 200, 409, "identity-conflict");
	assert_int_equal(number("SELECT count(*) FROM leaves"), leaves);
	host_do("confirm", 200);
	leaves = number("SELECT count(*) FROM leaves");
	run(e, 200, 409, "identity-conflict");
	e = second();
	e.ek = w.keys.ek;
	e.ek_cert = w.ek_cert;
	run(e, 200, 409, "identity-conflict");
	assert_int_equal(number("SELECT count(*) FROM leaves"), leaves + 2);
}

/* ---- tokens ---- */

static void enroll__token_of_another__refused(void **state)
{
	(void)state;
	struct world_enrolment first = world_enrolment_of(&w), other = second();
	char *token = world_token(&w, "{}");
	first.token = other.token = bytes_str(token);
	run(first, 200, 200, "active");
	run(other, 403, 0, "join-token");
	free(token);
	char body[128], id[2 * HOST_ID_LEN + 1];
	hex_encode(BYTES_OF(w.host_id), id);
	(void)snprintf(body, sizeof(body), "{\"ek_digest\":\"%s\"}", id);
	token = world_token(&w, body);
	other.token = bytes_str(token);
	run(other, 403, 0, "join-token");
	free(token);
	other.token = BYTES_LIT("join-guessed");
	run(other, 403, 0, "join-token");
}

static void enroll__expired_token__refused(void **state)
{
	(void)state;
	struct world_enrolment e = world_enrolment_of(&w);
	char *token = world_token(&w, "{\"expires_in\":60}");
	e.token = bytes_str(token);
	clock_.shift = 61;
	run(e, 403, 0, "join-token");
	free(token);
}

/* ---- the proof ---- */

static const char not_proven[] =
	"\"message\":\"enrolment refused: the activation proof does not hold\"";

static void enroll__wrong_secret__one_try(void **state)
{
	(void)state;
	struct https c;
	struct https_answer answer = {0};
	struct enroll_offer offer;
	struct world_enrolment e = world_enrolment_of(&w);
	bool found = true;
	e.wrong_secret = true;
	assert_true(https_open(&c, w.port, w.ca, NULL, NULL));
	assert_true(world_enroll_begin(&w, &e, &c, &answer, &offer));
	world_enroll_finish(&w, &e, &c, &offer);
	check(&e, 200, 403, not_proven);
	https_close(&c);
	/* The right one comes too late. */
	e.wrong_secret = false;
	assert_true(https_open(&c, w.port, w.ca, NULL, NULL));
	world_enroll_finish(&w, &e, &c, &offer);
	check(&e, 200, 403, not_proven);
	struct host_row row = row_of(w.host_id, &found);
	assert_false(found);
	host_row_release(&row);
	buf_release(&answer.body);
	world_enrolment_release(&e);
	https_close(&c);
}

static void enroll__proof_replayed__refused(void **state)
{
	(void)state;
	struct https c;
	struct https_answer answer = {0};
	struct enroll_offer offer;
	struct world_enrolment e = world_enrolment_of(&w);
	assert_true(https_open(&c, w.port, w.ca, NULL, NULL));
	assert_true(world_enroll_begin(&w, &e, &c, &answer, &offer));
	world_enroll_finish(&w, &e, &c, &offer);
	check(&e, 200, 200, "pending");
	world_enroll_finish(&w, &e, &c, &offer);
	check(&e, 200, 403, not_proven);
	buf_release(&answer.body);
	world_enrolment_release(&e);
	https_close(&c);
}

static void enroll__session_expired__refused(void **state)
{
	(void)state;
	struct https c;
	struct https_answer answer = {0};
	struct enroll_offer offer;
	struct world_enrolment e = world_enrolment_of(&w);
	assert_true(https_open(&c, w.port, w.ca, NULL, NULL));
	assert_true(world_enroll_begin(&w, &e, &c, &answer, &offer));
	clock_.shift = 121;
	world_enroll_finish(&w, &e, &c, &offer);
	check(&e, 200, 403, not_proven);
	buf_release(&answer.body);
	world_enrolment_release(&e);
	https_close(&c);
}

static void enroll__other_connection__refused(void **state)
{
	(void)state;
	struct world_enrolment e = world_enrolment_of(&w);
	e.other_exporter = true;
	run(e, 200, 403, "enrolment refused: exporter");
}

/* The credential was made for AK-B's name; a quote by AK-A does not enrol B. */
static void enroll__quote_by_another_ak__refused(void **state)
{
	(void)state;
	struct https c;
	struct https_answer answer = {0};
	struct enroll_offer offer;
	struct world_enrolment e = world_enrolment_of(&w);
	struct buf secret = {0};
	assert_true(https_open(&c, w.port, w.ca, NULL, NULL));
	assert_true(world_enroll_begin(&w, &e, &c, &answer, &offer));
	assert_false(tpm_sw_activate_credential(w.keys.ek, &second_ak->name, offer.id_object,
		offer.encrypted_secret, &secret, NULL));
	struct buf evidence = {0}, body = {0};
	assert_ok(tpm_sw_activate_credential(w.keys.ek, &w.keys.ak->name, offer.id_object,
			  offer.encrypted_secret, &secret, &w.err),
		w.err);
	e.ak = second_ak;
	world_enroll_evidence(&w, &e, &c, &offer, &evidence);
	struct enroll_finish finish = {.session = offer.session,
		.secret = buf_bytes(&secret),
		.evidence = buf_bytes(&evidence)};
	assert_ok(enroll_finish_encode(&finish, &body, &w.err), w.err);
	buf_release(&answer.body);
	answer = https_request(&c, "POST", "/v1/enroll/finish", MEDIA_MESSAGE, buf_bytes(&body));
	assert_int_equal(answer.status, 403);
	assert_non_null(strstr(buf_str(&answer.body), "quote-signature"));
	buf_release(&answer.body);
	buf_release(&secret);
	buf_release(&evidence);
	buf_release(&body);
	world_enrolment_release(&e);
	https_close(&c);
}

/* ---- the TPM ---- */

static void enroll__unknown_maker__refused(void **state)
{
	(void)state;
	struct ek_ca other = {0};
	struct cert *cert = NULL;
	struct world_enrolment e = world_enrolment_of(&w);
	struct ek_ca_options options = ek_ca_honest(w.keys.ek->key);
	assert_ok(ek_ca_new(&other, &w.err), w.err);
	assert_ok(ek_ca_issue(&other, &options, &cert, &w.err), w.err);
	e.ek_cert = cert;
	run(e, 403, 0, "ek-cert");
	cert_unref(&cert);
	ek_ca_release(&other);
}

static void enroll__certificate_of_another_ek__refused(void **state)
{
	(void)state;
	struct world_enrolment e = world_enrolment_of(&w);
	e.ek_cert = second_cert;
	run(e, 403, 0, "ek-cert");
}

static void enroll__ak_that_signs_anything__refused(void **state)
{
	(void)state;
	struct world_enrolment e = world_enrolment_of(&w);
	e.ak = w.keys.tpm_key; /* not restricted */
	run(e, 403, 0, "ak-attributes");
}

/* ---- identities ---- */

static void conflict(struct world_enrolment e)
{
	bool found = false;
	struct store_tree before, after;
	struct host_row row = row_of(w.host_id, &found), now;
	store_tree(w.app->store, &before);
	run(e, 200, 409, "identity-conflict");
	store_tree(w.app->store, &after);
	assert_int_equal(after.size, before.size + 1); /* an event, and nothing else */
	now = row_of(w.host_id, &found);
	assert_true(found);
	assert_int_equal(now.version, row.version);
	assert_bytes(buf_bytes(&now.ak_public), buf_bytes(&row.ak_public));
	assert_bytes(buf_bytes(&now.ek_certs), buf_bytes(&row.ek_certs));
	host_row_release(&row);
	host_row_release(&now);
}

static void enroll__same_ek_other_ak__conflict(void **state)
{
	(void)state;
	struct world_enrolment e = world_enrolment_of(&w);
	world_enroll(&w);
	e.ak = second_ak;
	conflict(e);
}

static void enroll__ak_of_another_host__conflict(void **state)
{
	(void)state;
	struct world_enrolment e = second();
	world_enroll(&w);
	e.ak = w.keys.ak;
	conflict(e);
}

static void enroll__certificate_removed_or_added__conflict(void **state)
{
	(void)state;
	struct world_enrolment e = world_enrolment_of(&w);
	world_enroll(&w);
	e.ek_cert = NULL;
	conflict(e);
	struct world_enrolment bare = second();
	bare.ek_cert = NULL;
	run(bare, 200, 200, "pending");
	run(second(), 200, 409, "identity-conflict");
}

static void enroll__retired__never_again(void **state)
{
	(void)state;
	world_enroll(&w);
	host_do("quarantine", 200);
	run(world_enrolment_of(&w), 200, 403, "this host is quarantined");
	host_do("retire", 200);
	run(world_enrolment_of(&w), 200, 403, "this host is retired");
	host_do("confirm", 409);
	struct world_enrolment e = second();
	e.ak = w.keys.ak; /* its AK stays taken */
	run(e, 200, 409, "identity-conflict");
}

/* ---- races ---- */

static void *race_main(void *arg)
{
	world_enroll_run(&w, arg);
	return NULL;
}

static void race(struct world_enrolment *e, size_t n)
{
	pthread_t threads[4];
	for (size_t i = 0; i < n; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, race_main, &e[i]), 0);
	for (size_t i = 0; i < n; i++)
		(void)pthread_join(threads[i], NULL);
}

static void enroll__two_aks_at_once__one_wins_unmixed(void **state)
{
	(void)state;
	struct world_enrolment e[2] = {world_enrolment_of(&w), world_enrolment_of(&w)};
	bool found;
	e[1].ak = second_ak;
	race(e, 2);
	assert_int_equal((e[0].finish_status == 200) + (e[1].finish_status == 200), 1);
	assert_int_equal((e[0].finish_status == 409) + (e[1].finish_status == 409), 1);
	struct host_row row = row_of(w.host_id, &found);
	const struct tpm_sw_key *winner = e[0].finish_status == 200 ? e[0].ak : e[1].ak;
	assert_bytes(buf_bytes(&row.ak_public), buf_bytes(&winner->public_area));
	host_row_release(&row);
	world_enrolment_release(&e[0]);
	world_enrolment_release(&e[1]);
}

static void enroll__one_token_two_tpms_at_once__one_active(void **state)
{
	(void)state;
	struct world_enrolment e[2] = {world_enrolment_of(&w), second()};
	char *token = world_token(&w, "{}");
	e[0].token = e[1].token = bytes_str(token);
	race(e, 2);
	assert_int_equal((e[0].state == HOST_ACTIVE) + (e[1].state == HOST_ACTIVE), 1);
	world_enrolment_release(&e[0]);
	world_enrolment_release(&e[1]);
	free(token);
}

static void join_token__bad_requests__refused(void **state)
{
	(void)state;
	static const char *const bad[] = {"", "[]", "{\"x\":1}", "{\"expires_in\":0}",
		"{\"expires_in\":99999999}", "{\"name\":\"a/b\"}", "{\"ek_digest\":\"00\"}",
		"{\"name\":\"a\",\"name\":\"b\"}"};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		world_do(&w, &w.admin, "POST", "/v1/join-tokens", bad[i], 400);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(enroll__join_token__active),
		T(enroll__token_of_a_clock_that_ran_ahead__refused),
		T(enrolments__begun_by_a_clock_that_ran_ahead__take_up_no_room),
		T(enroll__nobody_invited__pending_until_confirmed),
		T(enroll__pre_registered__active_without_token),
		T(enroll__no_ek_certificate__pending_even_with_token),
		T(enroll__pending_host_with_token__admitted),
		T(enroll__again__same_row_new_certificate),
		T(S2__begun_by_strangers_without_end__hosts_and_the_invited_get_in),
		T(S2__begun_by_strangers_without_end__the_registered_gets_in),
		T(S2__enrolled_by_strangers_without_end__no_more_wait_than_may),
		T(S2__conflicts_with_a_host_that_waits__not_in_the_ledger),
		T(enroll__token_of_another__refused),
		T(enroll__expired_token__refused),
		T(enroll__wrong_secret__one_try),
		T(enroll__proof_replayed__refused),
		T(enroll__session_expired__refused),
		T(enroll__other_connection__refused),
		T(enroll__quote_by_another_ak__refused),
		T(enroll__unknown_maker__refused),
		T(enroll__certificate_of_another_ek__refused),
		T(enroll__ak_that_signs_anything__refused),
		T(enroll__same_ek_other_ak__conflict),
		T(enroll__ak_of_another_host__conflict),
		T(enroll__certificate_removed_or_added__conflict),
		T(enroll__retired__never_again),
		T(enroll__two_aks_at_once__one_wins_unmixed),
		T(enroll__one_token_two_tpms_at_once__one_active),
		T(join_token__bad_requests__refused),
	};
	fakes_used();
	(void)signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
