/* SPDX-License-Identifier: Apache-2.0 */
/* Decisions over real TLS: what a challenge is good for, what a refusal costs, what a fault never lets out. */
#include "tests/unit/verifier/world.h"

#include <pthread.h>

#include "tests/unit/verifier/fakes.h"

static struct world w;
static struct shifted_clock clock_ = {.base = {&shifted_clock_ops}};
static struct fake_random random_ = {{&fake_random_ops}, false};
static struct https c;
static struct world_attestation a, b;

static int setup(void **state)
{
	(void)state;
	clock_.shift = 0;
	random_.broken = false;
	w.clock = &clock_.base;
	w.random = &random_.base;
	w.sql = fake_sql_init();
	world_start(&w);
	world_enroll(&w);
	assert_true(world_connect(&w, &c));
	a = b = (struct world_attestation){.purpose = PURPOSE_LAUNCH};
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	world_attestation_release(&a);
	world_attestation_release(&b);
	https_close(&c);
	world_stop(&w);
	return 0;
}

static void reconnect(void)
{
	https_close(&c);
	assert_true(world_connect(&w, &c));
}

static uint64_t tree_size(void)
{
	struct store_tree tree;
	store_tree(w.app->store, &tree);
	return tree.size;
}

static bool recorded(const struct world_attestation *of)
{
	static const uint8_t zeros[SHA256_LEN];
	return memcmp(of->result.record, zeros, SHA256_LEN) != 0;
}

static struct world_operator agent_of(const struct world_attestation *of)
{
	struct world_operator agent = {.key = w.keys.instance};
	assert_true(of->result.cert_count > 0);
	assert_ok(cert_from_der(of->result.certs[0], false, &agent.cert, &w.err), w.err);
	return agent;
}

static void whoami(struct world_operator agent, int status)
{
	world_do(&w, &agent, "GET", "/v1/whoami", NULL, status);
	cert_unref(&agent.cert);
}

static void assert_nothing_released(const struct world_attestation *of)
{
	assert_int_equal(of->result.trusted, false);
	assert_int_equal(of->result.cert_count, 0);
	assert_int_equal(of->result.token_count, 0);
	assert_int_equal(of->result.expires, 0);
	assert_int_equal(of->result.renew_after, 0);
}

/* ---- challenges ---- */

static void attest__evidence_replayed__challenge_used(void **state)
{
	(void)state;
	world_attest(&w, &c, &a);
	assert_outcome(&a, "trusted");
	uint64_t size = tree_size();
	world_send_evidence(&w, &c, &b, buf_bytes(&w.scene->evidence));
	assert_outcome(&b, "untrusted: challenge-used");
	assert_nothing_released(&b);
	assert_false(recorded(&b));
	assert_int_equal(tree_size(), size);
}

static void attest__refusal__consumes_the_challenge(void **state)
{
	(void)state;
	w.scene->presence = PRESENT_MEASURED_ONLY;
	w.scene->components[0].digest[0] ^=
		1; /* another binary was measured than the release has */
	scene_log_default(w.scene);
	world_attest(&w, &c, &a);
	assert_outcome(&a, "untrusted: component-digest");
	assert_true(recorded(&a));
	w.scene->components[0].digest[0] ^= 1;
	scene_log_default(w.scene);
	buf_put(&b.challenge, buf_bytes(&a.challenge));
	world_attest(&w, &c, &b);
	assert_outcome(&b, "untrusted: challenge-used");
}

static void attest__not_signed_by_the_ak__consumes_and_records_nothing(void **state)
{
	(void)state;
	uint64_t size = tree_size();
	w.scene->signer = w.keys.other_ak;
	world_attest(&w, &c, &a);
	assert_outcome(&a, "untrusted: quote-signature");
	assert_false(recorded(&a));
	assert_int_equal(tree_size(), size);
	w.scene->signer = w.keys.ak;
	buf_put(&b.challenge, buf_bytes(&a.challenge));
	world_attest(&w, &c, &b);
	assert_outcome(&b, "trusted");
}

static void attest__forged_challenge__unknown(void **state)
{
	(void)state;
	world_challenge(&w, &c, &a);
	a.challenge.data[10] ^= 1;
	world_attest(&w, &c, &a);
	assert_outcome(&a, "untrusted: challenge-unknown");
	assert_false(recorded(&a));
}

static void attest__challenge_of_another_host__refused(void **state)
{
	(void)state;
	struct tpm_sw_key *ek = NULL, *ak = NULL;
	struct world_enrolment e = world_enrolment_of(&w);
	struct cert *ek_cert = NULL;
	struct https other;
	assert_ok(tpm_sw_ek_new(EK_TEMPLATE_L2, &ek, &w.err), w.err);
	assert_ok(tpm_sw_ak_new(TPM_SW_ECDSA_P256, 0, &ak, &w.err), w.err);
	struct ek_ca_options options = ek_ca_honest(ek->key);
	assert_ok(ek_ca_issue(&w.ek_ca, &options, &ek_cert, &w.err), w.err);
	char *token = world_token(&w, "{}");
	e.ek = ek;
	e.ak = ak;
	e.ek_cert = ek_cert;
	e.token = bytes_str(token);
	world_enroll_run(&w, &e);
	assert_int_equal(e.state, HOST_ACTIVE);
	assert_true(https_open(&other, w.port, w.ca, e.cert, w.host_key));
	world_challenge(&w, &other, &a);
	world_attest(&w, &c, &a);
	assert_outcome(&a, "untrusted: challenge-other");
	/* And the other way round: this host's evidence, whole, over the other host's connection. */
	world_challenge(&w, &c, &b);
	world_attest(&w, &other, &b);
	assert_outcome(&b, "untrusted: challenge-other");
	https_close(&other);
	world_enrolment_release(&e);
	tpm_sw_key_free(&ek);
	tpm_sw_key_free(&ak);
	cert_unref(&ek_cert);
	free(token);
}

static void attest__challenge_too_old__refused_and_another_works(void **state)
{
	(void)state;
	world_challenge(&w, &c, &a);
	clock_.shift = 3600; /* the wall clock jumps an hour ahead */
	world_attest(&w, &c, &a);
	assert_outcome(&a, "untrusted: challenge-expired");
	assert_true(recorded(&a));
	world_attest(&w, &c, &b);
	assert_outcome(&b, "trusted");
	assert_true(b.result.expires <= clock_wall(&clock_.base) + 600);
}

static void attest__clock_set_back__challenge_refused_and_another_works(void **state)
{
	(void)state;
	clock_.shift = 3600;
	world_challenge(&w, &c, &a);
	clock_.shift = 0;
	world_attest(&w, &c, &a);
	assert_outcome(&a, "untrusted: challenge-expired");
	world_attest(&w, &c, &b);
	assert_outcome(&b, "trusted");
}

/* One renewal refused with the challenge of before the jump, one trusted with a new one: nobody is locked out, and nothing is
 * issued beyond what was asked for, or for longer. */
static void renew_over_a_jump(int64_t shift)
{
	struct buf log = {0};
	buf_put(&log, buf_bytes(&w.scene->log));
	world_attestation_release(&b);
	world_next(&w, &a, &b);
	clock_.shift = shift;
	world_attest(&w, &c, &b);
	assert_outcome(&b, "untrusted: challenge-expired");
	assert_nothing_released(&b);
	world_attestation_release(&a);
	a = (struct world_attestation){.purpose = PURPOSE_RENEW};
	world_challenge(&w, &c, &a);
	if (a.first == 0)
		buf_put(&w.scene->log, buf_bytes(&log));
	w.scene->attest.clock += 10;
	world_attest(&w, &c, &a);
	assert_outcome(&a, "trusted");
	buf_release(&log);
	assert_int_equal(a.result.cert_count, 1);
	assert_in_range(
		a.result.expires, clock_wall(&clock_.base) + 500, clock_wall(&clock_.base) + 600);
}

static void S11__clock_a_day_ahead_and_back__one_refusal_then_trusted(void **state)
{
	(void)state;
	world_launch(&w, &c, &a);
	uint64_t size = tree_size();
	renew_over_a_jump(82800); /* the approvals of this world last a day */
	renew_over_a_jump(0);
	/* A decision each, and a credential for each that was trusted. */
	assert_int_equal(tree_size() - size, 2 * (1 + 2));
	whoami(agent_of(&a), 200);
}

/* Before its own beginning no certificate is good, so nobody gets in; nothing is decided meanwhile, and then all is as before. */
static void S11__clock_a_day_behind__nothing_decided_then_as_before(void **state)
{
	(void)state;
	world_launch(&w, &c, &a);
	world_next(&w, &a, &b);
	uint64_t size = tree_size();
	clock_.shift = -86400;
	world_attest(&w, &c, &b);
	assert_int_equal(b.status, 401);
	assert_int_equal(tree_size(), size);
	clock_.shift = 0;
	reconnect();
	world_attest(&w, &c, &b);
	assert_outcome(&b, "trusted");
	whoami(agent_of(&b), 200);
}

static void attest__other_connection__refused(void **state)
{
	(void)state;
	struct https relay;
	world_challenge(&w, &c, &a);
	world_evidence(&w, &c, &a);
	assert_true(world_connect(&w, &relay));
	world_send_evidence(&w, &relay, &a, buf_bytes(&w.scene->evidence));
	assert_outcome(&a, "untrusted: exporter");
	assert_nothing_released(&a);
	https_close(&relay);
}

static void attest__garbage__no_verdict(void **state)
{
	(void)state;
	static const char *const bad[] = {"", "x", "\xa0", "\xa1\x01\x40"};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		world_send_evidence(&w, &c, &a, bytes_str(bad[i]));
		assert_int_equal(a.status, 400);
		reconnect();
	}
}

struct racer {
	struct https c;
	struct buf evidence;
	struct https_answer answer;
};

static void *racer_main(void *arg)
{
	struct racer *r = arg;
	r->answer =
		https_request(&r->c, "POST", "/v1/attest", MEDIA_EVIDENCE, buf_bytes(&r->evidence));
	return NULL;
}

/* Q25: one challenge, four connections at once, evidence made for each: one wins. */
static void attest__one_challenge_at_once__one_wins(void **state)
{
	(void)state;
	struct racer r[4] = {0};
	pthread_t threads[4];
	unsigned trusted = 0, used = 0;
	world_challenge(&w, &c, &a);
	for (size_t i = 0; i < ARRAY_LEN(r); i++) {
		assert_true(world_connect(&w, &r[i].c));
		world_evidence(&w, &r[i].c, &a);
		buf_put(&r[i].evidence, buf_bytes(&w.scene->evidence));
	}
	for (size_t i = 0; i < ARRAY_LEN(r); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, racer_main, &r[i]), 0);
	for (size_t i = 0; i < ARRAY_LEN(r); i++) {
		(void)pthread_join(threads[i], NULL);
		struct world_attestation one = {
			.status = r[i].answer.status, .answer = r[i].answer.body};
		char outcome[160];
		assert_int_equal(one.status, 200);
		assert_ok(attest_result_decode(buf_bytes(&one.answer), &one.result, &w.err), w.err);
		trusted += strcmp(world_outcome(&one, outcome), "trusted") == 0;
		used += strcmp(outcome, "untrusted: challenge-used") == 0;
		buf_release(&one.answer);
		buf_release(&r[i].evidence);
		https_close(&r[i].c);
	}
	assert_int_equal(trusted, 1);
	assert_int_equal(used, 3);
}

/* ---- renewals ---- */

static void renew__policy_changed__full_appraisal(void **state)
{
	(void)state;
	struct buf whole = {0};
	world_attest(&w, &c, &a);
	assert_outcome(&a, "trusted");
	buf_put(&whole, buf_bytes(&w.scene->log));
	world_policy_write(&w, 2, "challenge_lifetime: 119s\n");
	assert_ok(app_policy_load(w.app, &w.err), w.err);
	world_next(&w, &a, &b); /* its challenge expected the log from where it was */
	world_attest(&w, &c, &b);
	assert_outcome(&b, "untrusted: state-stale");
	assert_true(b.result.again);
	/* The refusal took nothing away, and the next challenge asks for the whole log. */
	whoami(agent_of(&a), 200);
	struct world_attestation full = {.purpose = PURPOSE_RENEW};
	world_challenge(&w, &c, &full);
	assert_int_equal(full.first, 0);
	buf_put(&w.scene->log, buf_bytes(&whole));
	w.scene->attest.clock += 10;
	world_attest(&w, &c, &full);
	assert_outcome(&full, "trusted");
	assert_int_equal(full.result.next.runtime_first, w.scene->log_next);
	buf_release(&whole);
	world_attestation_release(&full);
}

static void renew__log_with_a_gap__next_challenge_asks_for_all(void **state)
{
	(void)state;
	struct world_attestation again = {.purpose = PURPOSE_RENEW};
	world_attest(&w, &c, &a);
	world_next(&w, &a, &b);
	b.first++;
	w.scene->log_next++;
	world_attest(&w, &c, &b);
	w.scene->log_next--;
	assert_outcome(&b, "untrusted: runtime-gap");
	world_challenge(&w, &c, &again);
	assert_int_equal(again.first, 0);
	whoami(agent_of(&a), 200);
	world_attestation_release(&again);
}

static void renew__challenge_route__says_from_where(void **state)
{
	(void)state;
	world_attest(&w, &c, &a);
	b.purpose = PURPOSE_RENEW;
	world_challenge(&w, &c, &b);
	assert_int_equal(b.first, w.scene->log_next);
	world_policy_write(&w, 2, "challenge_lifetime: 119s\n");
	assert_ok(app_policy_load(w.app, &w.err), w.err);
	world_challenge(&w, &c, &b);
	assert_int_equal(b.first, 0);
}

static void renew__refused__credentials_revoked_until_trusted_again(void **state)
{
	(void)state;
	struct world_attestation again = {.purpose = PURPOSE_RENEW};
	world_attest(&w, &c, &a);
	struct world_operator agent = agent_of(&a);
	struct buf whole = {0};
	buf_put(&whole, buf_bytes(&w.scene->log));
	world_next(&w, &a, &b);
	w.scene->claims.running = false;
	w.scene->pcrs.values[SCENE_PCR][0] ^= 1;
	world_attest(&w, &c, &b);
	assert_outcome(&b, "untrusted: runtime-pcr");
	whoami(agent, 403);
	w.scene->pcrs.values[SCENE_PCR][0] ^= 1;
	world_challenge(&w, &c, &again);
	assert_int_equal(again.first, 0); /* after a refusal there is nothing to stand on */
	buf_put(&w.scene->log, buf_bytes(&whole));
	w.scene->attest.clock += 10;
	world_attest(&w, &c, &again);
	assert_outcome(&again, "trusted");
	whoami(agent_of(&again), 200);
	buf_release(&whole);
	world_attestation_release(&again);
}

static void renew__exit_recorded__ended_for_good(void **state)
{
	(void)state;
	struct world_attestation again = {.purpose = PURPOSE_LAUNCH};
	world_attest(&w, &c, &a);
	struct world_operator agent = agent_of(&a);
	world_next(&w, &a, &b);
	scene_log_exit(w.scene, w.scene->instance);
	world_attest(&w, &c, &b);
	assert_outcome(&b, "untrusted: instance-ended");
	whoami(agent, 403);
	/* As after a reboot, with a log that knows of no exit. */
	scene_log_default(w.scene);
	w.scene->attest.clock += 10;
	world_attest(&w, &c, &again);
	assert_outcome(&again, "untrusted: instance-ended");
	world_attestation_release(&again);
}

static void renew__two_instances_side_by_side__both_trusted(void **state)
{
	(void)state;
	world_attest(&w, &c, &a);
	assert_outcome(&a, "trusted");
	memset(w.scene->instance, 0x22, sizeof(w.scene->instance));
	memset(w.scene->claims.instance, 0x22, sizeof(w.scene->claims.instance));
	w.scene->launch.component_count = 0;
	memcpy(w.scene->launch.instance, w.scene->instance, INSTANCE_ID_LEN);
	for (size_t i = 0; i < SCENE_COMPONENTS; i++)
		scene_log_component(w.scene, &w.scene->components[i]);
	scene_log_launch(w.scene);
	w.scene->attest.clock += 10;
	world_attest(&w, &c, &b);
	assert_outcome(&b, "trusted");
	whoami(agent_of(&a), 200);
	whoami(agent_of(&b), 200);
}

static void renew__instance_of_another_workload__conflict(void **state)
{
	(void)state;
	world_attest(&w, &c, &a);
	world_do(&w, &w.admin, "POST", "/v1/workloads",
		"{\"name\":\"other\",\"risk_class\":\"low\",\"environment\":\"prod\",\"owner\":"
		"\"o\",\"purpose\":\"p\"}",
		201);
	w.scene->claims.workload = BYTES_LIT("other");
	world_attest(&w, &c, &b);
	assert_int_equal(b.status, 409);
}

/* ---- what operators do ---- */

static void attest__workload_or_release_gone__refused(void **state)
{
	(void)state;
	char digest[2 * SHA256_LEN + 1], path[128];
	hex_encode(BYTES_OF(w.scene->release_digest), digest);
	(void)snprintf(path, sizeof(path), "/v1/releases/%s/revoke", digest);
	world_do(&w, &w.admin, "POST", path, "{\"reason\":\"bad\"}", 200);
	world_attest(&w, &c, &a);
	assert_outcome(&a, "untrusted: release-revoked");
	world_do(&w, &w.admin, "POST", "/v1/workloads/ocr-agent/retire", "{\"reason\":\"over\"}",
		200);
	w.scene->attest.clock += 10;
	world_attest(&w, &c, &b);
	assert_outcome(&b, "untrusted: workload-retired");
}

static void attest__unknown_names__refused(void **state)
{
	(void)state;
	memset(w.scene->claims.release, 0x77, SHA256_LEN);
	world_attest(&w, &c, &a);
	assert_outcome(&a, "untrusted: release-unknown");
	w.scene->claims.workload = BYTES_LIT("nobody");
	world_attest(&w, &c, &b);
	assert_outcome(&b, "untrusted: workload-unknown");
}

static void attest__host_quarantined_meanwhile__no_decision(void **state)
{
	(void)state;
	char id[2 * HOST_ID_LEN + 1], path[128];
	world_challenge(&w, &c, &a);
	hex_encode(BYTES_OF(w.host_id), id);
	(void)snprintf(path, sizeof(path), "/v1/hosts/%s/quarantine", id);
	world_do(&w, &w.admin, "POST", path, "{\"reason\":\"stolen\"}", 200);
	world_attest(&w, &c, &a);
	assert_int_equal(a.status, 403);
}

static void attest__approval_withdrawn__refused_at_renewal(void **state)
{
	(void)state;
	struct buf statement = {0}, envelope = {0};
	struct approval taken_back = w.scene->approvals[0].approval;
	world_attest(&w, &c, &a);
	taken_back.withdrawn = true;
	taken_back.issued = clock_wall(&clock_.base);
	assert_ok(approval_statement(&taken_back, &statement, &w.err), w.err);
	assert_ok(
		dsse_sign(DSSE_INTOTO_TYPE, buf_bytes(&statement), w.keys.alice, &envelope, &w.err),
		w.err);
	world_post(&w, &w.admin, "/v1/approvals", MEDIA_DSSE, buf_bytes(&envelope), 201);
	world_post(&w, &w.admin, "/v1/approvals", MEDIA_DSSE, buf_bytes(&envelope), 200);
	world_next(&w, &a, &b);
	world_attest(&w, &c, &b);
	assert_outcome(&b, "untrusted: approval-missing");
	buf_release(&statement);
	buf_release(&envelope);
}

/* E27: the TPM's clock goes back on a challenge made after its last accepted quote: its state lives twice. */
static void attest__clock_of_the_tpm_goes_back__host_quarantined(void **state)
{
	(void)state;
	char id[2 * HOST_ID_LEN + 1], path[128];
	w.scene->attest.clock = 900000;
	world_attest(&w, &c, &a);
	assert_outcome(&a, "trusted");
	world_next(&w, &a, &b);
	w.scene->attest.clock = 100000;
	world_attest(&w, &c, &b);
	assert_outcome(&b, "untrusted: clock-backwards");
	hex_encode(BYTES_OF(w.host_id), id);
	(void)snprintf(path, sizeof(path), "/v1/hosts/%s", id);
	json_t *host = world_json(&w, &w.admin, "GET", path, NULL, 200);
	assert_string_equal(json_string_value(json_object_get(host, "state")), "quarantined");
	json_decref(host);
	whoami(agent_of(&a), 403);
}

/* ---- faults ---- */

static void attest__no_randomness__nothing_released(void **state)
{
	(void)state;
	world_challenge(&w, &c, &a);
	random_.broken = true;
	world_attest(&w, &c, &a);
	assert_int_equal(a.status, 500);
	reconnect();
	struct challenge_request request = {.purpose = PURPOSE_LAUNCH};
	struct buf body = {0};
	memcpy(request.instance, w.scene->instance, sizeof(request.instance));
	assert_ok(challenge_request_encode(&request, &body, &w.err), w.err);
	struct https_answer answer =
		https_request(&c, "POST", "/v1/challenge", MEDIA_MESSAGE, buf_bytes(&body));
	assert_int_equal(answer.status, 500);
	buf_release(&answer.body);
	buf_release(&body);
}

static void attest__commit_fails__nothing_released_and_not_consumed(void **state)
{
	(void)state;
	uint64_t size = tree_size();
	world_challenge(&w, &c, &a);
	fake_sql.fail_commit = 1000; /* others than this decision commit, too */
	world_attest(&w, &c, &a);
	fake_sql.fail_commit = 0;
	assert_int_equal(a.status, 503);
	assert_null(strstr(buf_str(&a.answer), "CERTIFICATE"));
	assert_int_equal(tree_size(), size);
	for (int i = 0; i < 3000 && !store_ready(w.app->store); i++)
		(void)usleep(10000);
	world_do(&w, NULL, "GET", "/readyz", NULL, 200);
	reconnect();
	buf_put(&b.challenge, buf_bytes(&a.challenge));
	world_attest(&w, &c, &b);
	assert_outcome(&b, "trusted");
}

static void readyz__store_broken__says_so(void **state)
{
	(void)state;
	fake_sql.fail_write = true;
	world_do(&w, &w.admin, "POST", "/v1/join-tokens", "{}", 503);
	world_do(&w, NULL, "GET", "/readyz", NULL, 503);
	world_do(&w, NULL, "GET", "/healthz", NULL, 200);
	fake_sql.fail_write = false;
	for (int i = 0; i < 3000 && !store_ready(w.app->store); i++)
		(void)usleep(10000);
	world_do(&w, NULL, "GET", "/readyz", NULL, 200);
}

static void attest__connection_gone__decided_all_the_same(void **state)
{
	(void)state;
	uint64_t size = tree_size();
	world_challenge(&w, &c, &a);
	world_evidence(&w, &c, &a);
	assert_true(https_send(
		&c, "POST", "/v1/attest", MEDIA_EVIDENCE, buf_bytes(&w.scene->evidence)));
	reconnect();
	for (int i = 0; i < 3000 && tree_size() == size; i++)
		(void)usleep(10000);
	assert_int_equal(tree_size(), size + 3); /* decided, issued, the workload's first floor */
	buf_put(&b.challenge, buf_bytes(&a.challenge));
	world_attest(&w, &c, &b);
	assert_outcome(&b, "untrusted: challenge-used");
}

static void service__started_again__knows_everything(void **state)
{
	(void)state;
	struct store_tree before, after;
	world_attest(&w, &c, &a);
	store_tree(w.app->store, &before);
	struct world_operator agent = agent_of(&a);
	app_close(&w.app);
	assert_true(world_open(&w));
	store_tree(w.app->store, &after);
	assert_memory_equal(&before, &after, sizeof(before));
	reconnect();
	world_next(&w, &a, &b);
	world_attest(&w, &c, &b);
	assert_outcome(&b, "trusted");
	whoami(agent, 200);
}

static void policy__rolled_back__refused(void **state)
{
	(void)state;
	world_policy_write(&w, 1, "challenge_lifetime: 60s\n");
	assert_false(app_policy_load(w.app, &w.err));
	assert_int_equal(w.err.code, ERR_CONFIG);
	assert_non_null(
		strstr(w.err.text, "version 1 is in force with other content; raise the version"));
	world_policy_write(&w, 3, "");
	assert_ok(app_policy_load(w.app, &w.err), w.err);
	world_policy_write(&w, 2, "");
	/* What was in force stays in force, and a start with the older file is refused; where there are more
	 * verifiers, another one may have brought the newer, and the older file is passed over. */
	assert_int_equal(app_policy_load(w.app, &w.err), test_sql_is_postgres());
	assert_int_equal(w.app->policy->policy->version, 3);
	app_close(&w.app);
	assert_int_equal(world_open(&w), test_sql_is_postgres());
	app_close(&w.app);
	world_policy_write(&w, 3, "");
	assert_true(world_open(&w));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(attest__evidence_replayed__challenge_used),
		T(attest__refusal__consumes_the_challenge),
		T(attest__not_signed_by_the_ak__consumes_and_records_nothing),
		T(attest__forged_challenge__unknown),
		T(attest__challenge_of_another_host__refused),
		T(attest__challenge_too_old__refused_and_another_works),
		T(attest__clock_set_back__challenge_refused_and_another_works),
		T(S11__clock_a_day_ahead_and_back__one_refusal_then_trusted),
		T(S11__clock_a_day_behind__nothing_decided_then_as_before),
		T(attest__other_connection__refused),
		T(attest__garbage__no_verdict),
		T(attest__one_challenge_at_once__one_wins),
		T(renew__policy_changed__full_appraisal),
		T(renew__log_with_a_gap__next_challenge_asks_for_all),
		T(renew__challenge_route__says_from_where),
		T(renew__refused__credentials_revoked_until_trusted_again),
		T(renew__exit_recorded__ended_for_good),
		T(renew__two_instances_side_by_side__both_trusted),
		T(renew__instance_of_another_workload__conflict),
		T(attest__workload_or_release_gone__refused),
		T(attest__unknown_names__refused),
		T(attest__host_quarantined_meanwhile__no_decision),
		T(attest__approval_withdrawn__refused_at_renewal),
		T(attest__clock_of_the_tpm_goes_back__host_quarantined),
		T(attest__no_randomness__nothing_released),
		T(attest__commit_fails__nothing_released_and_not_consumed),
		T(readyz__store_broken__says_so),
		T(attest__connection_gone__decided_all_the_same),
		T(service__started_again__knows_everything),
		T(policy__rolled_back__refused),
	};
	fakes_used();
	(void)signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
