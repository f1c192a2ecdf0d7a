/* SPDX-License-Identifier: Apache-2.0 */
/* What is counted of a canary, and how a rollout halts by itself: refusals, agents that end badly,
 * decisions that come at once. */
#include <pthread.h>

#include "tests/unit/verifier/rollout_world.h"

static void launch_spoiled(uint8_t number, const char *wanted)
{
	struct agent bad;
	agent_spoil(&bad, number, new_release);
	agent_attest(&bad, PURPOSE_LAUNCH);
	assert_outcome(&bad.last, wanted);
	agent_release(&bad);
}

static void refusals__limit_reached__halted_and_the_next_one_refused_for_that(void **state)
{
	(void)state;
	struct agent good;
	start(true, ",\"refusals\":2");
	launch_spoiled(0x21, "untrusted: component-digest");
	assert_state("running");
	launch_spoiled(0x22, "untrusted: component-digest");
	assert_state("halted");
	assert_last_event("halted", "verifier", "refusals: 2, the limit is 2");
	agent_launch(&good, 0x23, new_release);
	assert_outcome(&good.last, "untrusted: rollout-halted");
	assert_int_equal(count_of("counts", "refusals"), 2);
	assert_int_equal(count_of("counts", "decisions"), 2);
	agent_release(&good);
}

static void refusals__as_a_share__counted_from_the_sample_on(void **state)
{
	(void)state;
	struct agent good;
	start(true, ",\"refusals_share\":2500,\"sample\":4");
	launch_spoiled(0x21, "untrusted: component-digest");
	agent_launch(&good, 0x22, new_release);
	agent_attest(&good, PURPOSE_RENEW);
	assert_state("running"); /* 1 of 3 */
	agent_attest(&good, PURPOSE_RENEW);
	assert_state("halted"); /* 1 of 4 */
	assert_last_event("halted", "verifier", "refusals: 1 of 4 decisions, the limit is 25%");
	agent_release(&good);
}

/* Of the old release, of another workload's rollout, and before the rollout. */
static void refusals__not_of_the_canary__not_counted(void **state)
{
	(void)state;
	struct agent bad;
	launch_spoiled(0x21, "untrusted: component-digest");
	start(true, ",\"refusals\":1");
	agent_spoil(&bad, 0x22, old_release);
	agent_attest(&bad, PURPOSE_LAUNCH);
	assert_outcome(&bad.last, "untrusted: component-digest");
	assert_int_equal(count_of("counts", "decisions"), 0);
	assert_state("running");
	agent_release(&bad);
}

/* Evidence that nobody signed for is nobody's refusal. */
static void refusals__evidence_not_authentic__not_counted(void **state)
{
	(void)state;
	struct agent bad;
	start(true, ",\"refusals\":1");
	w.scene->signer = w.keys.other_ak;
	agent_launch(&bad, 0x21, new_release);
	assert_int_equal(bad.last.result.trusted, false);
	w.scene->signer = w.keys.ak;
	assert_state("running");
	assert_int_equal(count_of("counts", "decisions"), 0);
	agent_release(&bad);
}

static void refusals__that_say_nothing__not_counted(void **state)
{
	(void)state;
	struct agent agent;
	start(true, ",\"refusals\":1");
	agent_launch(&agent, 0x21, new_release);
	w.scene->claims.exporter[0] = 0;
	struct https other;
	assert_true(world_connect(&w, &other));
	struct world_attestation a = {.purpose = PURPOSE_RENEW};
	speak_of(&agent);
	world_challenge(&w, &c, &a);
	a.first = 0;
	world_evidence(&w, &c, &a);
	world_send_evidence(&w, &other, &a, buf_bytes(&w.scene->evidence));
	assert_outcome(&a, "untrusted: exporter");
	https_close(&other);
	assert_int_equal(count_of("counts", "decisions"), 1);
	assert_state("running");
	world_attestation_release(&a);
	agent_release(&agent);
}

/* ---- at once ---- */

struct sender {
	struct https connection;
	struct world_attestation attestation;
	struct buf evidence;
	pthread_t thread;
};

static void *send_main(void *arg)
{
	struct sender *s = arg;
	world_send_evidence(&w, &s->connection, &s->attestation, buf_bytes(&s->evidence));
	return NULL;
}

static void sender_make(struct sender *s, struct agent *agent, enum purpose purpose)
{
	*s = (struct sender){.attestation = {.purpose = purpose}};
	assert_true(world_connect(&w, &s->connection));
	speak_of(agent);
	world_challenge(&w, &s->connection, &s->attestation);
	s->attestation.first = 0;
	world_evidence(&w, &s->connection, &s->attestation);
	buf_put(&s->evidence, buf_bytes(&w.scene->evidence));
}

static void senders_run(struct sender senders[2])
{
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(
			pthread_create(&senders[i].thread, NULL, send_main, &senders[i]), 0);
	for (size_t i = 0; i < 2; i++)
		(void)pthread_join(senders[i].thread, NULL);
}

static void sender_release(struct sender *s)
{
	https_close(&s->connection);
	world_attestation_release(&s->attestation);
	buf_release(&s->evidence);
}

/* A good launch and one that reaches the limit: either the launch came first, or it is refused. In no order is it trusted
 * by a rollout that was halted already. */
static void at_once__a_refusal_that_halts_and_a_launch__in_one_order_or_the_other(void **state)
{
	(void)state;
	unsigned first = 0, second = 0;
	for (uint8_t round = 0; round < 8; round++) {
		struct agent bad, good;
		struct sender senders[2];
		start(true, ",\"refusals\":1");
		agent_spoil(&bad, (uint8_t)(0x40 + 2 * round), new_release);
		agent_log(&good, (uint8_t)(0x41 + 2 * round), new_release);
		sender_make(&senders[round & 1], &bad, PURPOSE_LAUNCH);
		sender_make(&senders[!(round & 1)], &good, PURPOSE_LAUNCH);
		senders_run(senders);
		const struct world_attestation *launch = &senders[!(round & 1)].attestation;
		assert_state("halted");
		assert_int_equal(count_of("counts", "refusals"), 1);
		assert_int_equal(count_of("counts", "decisions"), launch->result.trusted ? 2 : 1);
		assert_int_equal(count_of("counts", "launches"), launch->result.trusted);
		if (!launch->result.trusted)
			assert_outcome(launch, "untrusted: rollout-halted");
		first += launch->result.trusted;
		second += !launch->result.trusted;
		for (size_t i = 0; i < 2; i++)
			sender_release(&senders[i]);
		roll_back();
	}
	print_message("%u launches before, %u after the halt\n", first, second);
}

static void at_once__two_refusals_at_the_limit__one_counted_one_finds_it_halted(void **state)
{
	(void)state;
	for (uint8_t round = 0; round < 6; round++) {
		struct agent bad[2];
		struct sender senders[2];
		start(true, ",\"refusals\":1");
		for (uint8_t i = 0; i < 2; i++) {
			agent_spoil(&bad[i], (uint8_t)(0x60 + 2 * round + i), new_release);
		}
		for (size_t i = 0; i < 2; i++)
			sender_make(&senders[i], &bad[i], PURPOSE_LAUNCH);
		senders_run(senders);
		assert_state("halted");
		assert_int_equal(count_of("counts", "refusals"), 1);
		unsigned halted = 0;
		for (size_t i = 0; i < 2; i++) {
			const struct attest_result *r = &senders[i].attestation.result;
			assert_int_equal(senders[i].attestation.status, 200);
			assert_false(r->trusted);
			halted += memmem(r->verdict.data, r->verdict.len, "rollout-halted", 14) !=
				  NULL;
			sender_release(&senders[i]);
		}
		assert_int_equal(halted, 1);
		roll_back();
	}
}

static void *roll_back_main(void *arg)
{
	struct https_answer a = https_request(arg, "POST", ROLLOUT "/rollback", "application/json",
		BYTES_LIT("{\"reason\":\"race\"}"));
	assert_int_equal(a.status, 200);
	buf_release(&a.body);
	return NULL;
}

static int64_t unrevoked(void)
{
	struct sql *sql = NULL;
	struct sql_query *q = NULL;
	assert_ok(store_read(w.app->store, &sql, &w.err), w.err);
	assert_ok(sql_first(sql, "SELECT count(*) FROM credentials WHERE kind<>1 AND revoked=0",
			  SQL_NO_ARGS, &q, &w.err),
		w.err);
	int64_t count = sql_int(q, 0);
	sql_finish(&q);
	store_read_done(w.app->store, &sql);
	return count;
}

/* Once a rollback was answered, nothing that the new release was given is good any more. */
static void C4__rollback_against_issuing__nothing_left(void **state)
{
	(void)state;
	unsigned before = 0;
	for (uint8_t round = 0; round < 10; round++) {
		struct agent agent;
		struct sender sender;
		struct https admin;
		pthread_t thread;
		start(true, "");
		agent_log(&agent, (uint8_t)(0x80 + round), new_release);
		sender_make(&sender, &agent, PURPOSE_LAUNCH);
		assert_true(https_open(&admin, w.port, w.ca, w.admin.cert, w.admin.key));
		assert_int_equal(pthread_create(&thread, NULL, roll_back_main, &admin), 0);
		(void)usleep(round % 4 * 300u);
		assert_int_equal(pthread_create(&sender.thread, NULL, send_main, &sender), 0);
		(void)pthread_join(thread, NULL);
		(void)pthread_join(sender.thread, NULL);
		https_close(&admin);
		assert_int_equal(unrevoked(), 0);
		before += sender.attestation.result.trusted;
		if (!sender.attestation.result.trusted)
			assert_outcome(&sender.attestation, "untrusted: rollout-rolled-back");
		sender_release(&sender);
	}
	print_message("%u of 10 before the rollback\n", before);
}

/* ---- how agents end ---- */

static void ends__each_kind__counted_once_from_the_next_evidence(void **state)
{
	(void)state;
	static const struct {
		bool signaled;
		uint32_t status;
	} ends[] = {{false, 0}, {false, 3}, {true, 9}, {false, RUNTIME_STATUS_UNKNOWN}};
	struct agent agents[ARRAY_LEN(ends)], witness;
	start(true, "");
	for (uint8_t i = 0; i < ARRAY_LEN(ends); i++)
		agent_launch(&agents[i], (uint8_t)(0x21 + i), new_release);
	for (uint8_t i = 0; i < ARRAY_LEN(ends); i++)
		log_exit((uint8_t)(0x21 + i), ends[i].signaled, ends[i].status);
	assert_int_equal(count_of("counts", "ended"), 0);
	/* An agent of the old release of the same host brings the news. */
	agent_launch(&witness, 0x31, old_release);
	assert_outcome(&witness.last, "trusted");
	for (unsigned again = 0; again < 2; again++) {
		assert_int_equal(count_of("counts", "ended"), 4);
		assert_int_equal(count_of("counts", "failures"), 2);
		assert_int_equal(count_of("counts", "unknown"), 1);
		agent_attest(&witness, PURPOSE_RENEW);
		assert_outcome(&witness.last, "trusted");
	}
	assert_int_equal(count_of("counts", "decisions"), 4);
	for (size_t i = 0; i < ARRAY_LEN(ends); i++)
		agent_release(&agents[i]);
	agent_release(&witness);
}

/* Two agents that ended say so at once, each with the log that tells of both. */
static void ends__told_twice_at_once__counted_once(void **state)
{
	(void)state;
	start(true, "");
	for (uint8_t round = 0; round < 8; round++) {
		struct agent agents[2];
		struct sender senders[2];
		for (uint8_t i = 0; i < 2; i++) {
			agent_launch(&agents[i], (uint8_t)(0x20 + 2 * round + i), new_release);
			assert_outcome(&agents[i].last, "trusted");
			agent_release(&agents[i]);
		}
		for (uint8_t i = 0; i < 2; i++)
			log_exit((uint8_t)(0x20 + 2 * round + i), true, 11);
		for (size_t i = 0; i < 2; i++)
			sender_make(&senders[i], &agents[i], PURPOSE_RENEW);
		senders_run(senders);
		for (size_t i = 0; i < 2; i++) {
			assert_outcome(&senders[i].attestation, "untrusted: instance-ended");
			sender_release(&senders[i]);
		}
		assert_int_equal(count_of("counts", "failures"), 2 * (round + 1));
	}
}

static void ends__of_the_old_release_and_of_strangers__not_counted(void **state)
{
	(void)state;
	struct agent old, witness;
	start(true, ",\"failures\":1");
	agent_launch(&old, 0x21, old_release);
	log_exit(0x21, true, 11);
	log_exit(0x77, true, 11);
	agent_launch(&witness, 0x22, new_release);
	assert_outcome(&witness.last, "trusted");
	assert_int_equal(count_of("counts", "ended"), 0);
	agent_release(&old);
	agent_release(&witness);
}

/* Its own last word: refused, because it ended; no refusal of the release. */
static void ends__said_by_the_instance_itself__counted_and_no_refusal(void **state)
{
	(void)state;
	struct agent agent;
	start(true, ",\"refusals\":1");
	agent_launch(&agent, 0x21, new_release);
	log_exit(0x21, false, 1);
	agent_attest(&agent, PURPOSE_RENEW);
	assert_outcome(&agent.last, "untrusted: instance-ended");
	assert_int_equal(count_of("counts", "failures"), 1);
	assert_int_equal(count_of("counts", "refusals"), 0);
	assert_state("running");
	agent_release(&agent);
}

/* The launch whose own log brings the failure that halts the rollout gets nothing any more. */
static void failures__limit_reached_by_the_log_of_a_launch__that_launch_refused(void **state)
{
	(void)state;
	struct agent first, second;
	start(true, ",\"failures\":1");
	agent_launch(&first, 0x21, new_release);
	log_exit(0x21, true, 11);
	agent_launch(&second, 0x22, new_release);
	assert_outcome(&second.last, "untrusted: rollout-halted");
	assert_state("halted");
	assert_last_event("halted", "verifier", "failures: 1, the limit is 1");
	assert_int_equal(count_of("counts", "failures"), 1);
	assert_int_equal(count_of("counts", "launches"), 1);
	agent_release(&first);
	agent_release(&second);
}

/* The first of them halts; the others are counted and stand against nobody's answer. */
static void failures__several_in_one_log__halted_once_and_the_host_answered(void **state)
{
	(void)state;
	struct agent agents[3], witness, old;
	start(true, ",\"failures\":1");
	for (uint8_t i = 0; i < ARRAY_LEN(agents); i++)
		agent_launch(&agents[i], (uint8_t)(0x21 + i), new_release);
	for (uint8_t i = 0; i < ARRAY_LEN(agents); i++)
		log_exit((uint8_t)(0x21 + i), true, 11);
	agent_launch(&witness, 0x31, new_release);
	assert_int_equal(witness.last.status, 200);
	assert_outcome(&witness.last, "untrusted: rollout-halted");
	assert_state("halted");
	assert_last_event("halted", "verifier", "failures: 1, the limit is 1");
	assert_int_equal(count_of("counts", "failures"), 3);
	agent_launch(&old, 0x32, old_release);
	assert_outcome(&old.last, "trusted");
	for (size_t i = 0; i < ARRAY_LEN(agents); i++)
		agent_release(&agents[i]);
	agent_release(&witness);
	agent_release(&old);
}

/* A log that does not replay onto the quoted PCR tells nothing. */
static void failures__in_a_log_that_the_tpm_does_not_vouch_for__not_counted(void **state)
{
	(void)state;
	struct agent first, second;
	start(true, ",\"failures\":1");
	agent_launch(&first, 0x21, new_release);
	uint8_t value[DIGEST_LEN_MAX];
	memcpy(value, w.scene->pcrs.values[SCENE_PCR], sizeof(value));
	log_exit(0x21, true, 11);
	memcpy(w.scene->pcrs.values[SCENE_PCR], value, sizeof(value));
	agent_launch(&second, 0x22, new_release);
	assert_outcome(&second.last, "untrusted: runtime-pcr");
	assert_int_equal(count_of("counts", "ended"), 0);
	assert_state("running");
	agent_release(&first);
	agent_release(&second);
}

static void ends__after_the_rollout__not_counted(void **state)
{
	(void)state;
	struct agent agent, witness;
	start(true, "");
	agent_launch(&agent, 0x21, new_release);
	promote("{\"override\":true,\"reason\":\"urgent\"}", 200);
	log_exit(0x21, true, 11);
	agent_launch(&witness, 0x22, new_release);
	assert_outcome(&witness.last, "trusted");
	assert_int_equal(count_of("counts", "ended"), 0);
	assert_int_equal(count_of("counts", "decisions"), 1);
	agent_release(&agent);
	agent_release(&witness);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(refusals__limit_reached__halted_and_the_next_one_refused_for_that),
		T(refusals__as_a_share__counted_from_the_sample_on),
		T(refusals__not_of_the_canary__not_counted),
		T(refusals__evidence_not_authentic__not_counted),
		T(refusals__that_say_nothing__not_counted),
		T(at_once__a_refusal_that_halts_and_a_launch__in_one_order_or_the_other),
		T(at_once__two_refusals_at_the_limit__one_counted_one_finds_it_halted),
		T(C4__rollback_against_issuing__nothing_left),
		T(ends__each_kind__counted_once_from_the_next_evidence),
		T(ends__told_twice_at_once__counted_once),
		T(ends__of_the_old_release_and_of_strangers__not_counted),
		T(ends__said_by_the_instance_itself__counted_and_no_refusal),
		T(failures__limit_reached_by_the_log_of_a_launch__that_launch_refused),
		T(failures__several_in_one_log__halted_once_and_the_host_answered),
		T(failures__in_a_log_that_the_tpm_does_not_vouch_for__not_counted),
		T(ends__after_the_rollout__not_counted),
#undef T
	};
	(void)signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
