/* SPDX-License-Identifier: Apache-2.0 */
/* Credentials for whom they are not meant: evidence for others, keys of others, names of others, and what stays behind. */
#include "base/file.h"
#include "tests/attack/attack.h"

static struct sw_workload guarded = {
	.name = "guarded", .seed = 0x50}; /* demands a key in the TPM */
static struct sw_workload neighbour = {.name = "neighbour", .seed = 0x70};

static int open_all(void **state)
{
	int done = attack_open(state);
	assert_ok(verifierd_publish(&attack.v, &guarded, "tpm", &attack.err), attack.err);
	assert_ok(verifierd_publish(&attack.v, &neighbour, "low", &attack.err), attack.err);
	return done;
}

static void forged(const char *wanted, struct sw_edit edit)
{
	struct sw_instance *instance = attack_instance(attack.host);
	char outcome[400];
	attack.host->edit = edit;
	(void)attack_outcome(attack.host, instance, outcome);
	attack.host->edit = (struct sw_edit){0};
	sw_instance_free(&instance);
	assert_string_equal(outcome, wanted);
	attack_honest(attack.host);
}

/* ---- for another verifier, connection or moment ---- */

static void for_another_verifier(void *context, struct claims *claims)
{
	(void)context;
	claims->verifier_id = BYTES_LIT("spiffe://other.example/verifier");
}
static void C1__evidence_for_another_verifier__refused(void **state)
{
	(void)state;
	forged("untrusted: verifier-other", (struct sw_edit){.claims = for_another_verifier});
}

static struct buf recorded;
static void record_it(void *context, struct buf *evidence)
{
	(void)context;
	buf_clear(&recorded);
	buf_put(&recorded, buf_bytes(evidence));
}
static void replay_it(void *context, struct buf *evidence)
{
	(void)context;
	buf_clear(evidence);
	buf_put(evidence, buf_bytes(&recorded));
}
static void C1__evidence_replayed__refused(void **state)
{
	struct sw_instance *instance = attack_instance(attack.host);
	char outcome[400];
	(void)state;
	attack.host->edit.encoded = record_it;
	assert_outcome(attack.host, instance, "trusted");
	attack.host->edit.encoded = replay_it;
	(void)attack_outcome(attack.host, instance, outcome);
	assert_string_equal(outcome, "untrusted: challenge-used");
	attack.host->edit.encoded = NULL;
	sw_instance_free(&instance);
	attack_honest(attack.host);
}

static void of_another_connection(void *context, struct claims *claims)
{
	(void)context;
	claims->exporter[31] ^= 1;
}
static void E26__evidence_of_another_connection__refused(void **state)
{
	(void)state;
	forged("untrusted: exporter", (struct sw_edit){.claims = of_another_connection});
}

static void C7__evidence_older_than_the_policy_allows__refused(void **state)
{
	struct sw_instance *instance = attack_instance(attack.host);
	const struct timespec late = {.tv_sec = 2, .tv_nsec = 100000000};
	(void)state;
	attack_policy(2, "challenge_lifetime: 1s\n");
	assert_ok(sw_host_challenge(attack.host, instance, &attack.err), attack.err);
	(void)nanosleep(&late, NULL);
	assert_outcome(attack.host, instance, "untrusted: challenge-expired");
	sw_instance_free(&instance);
	attack_policy(3, "");
	attack_honest(attack.host);
}

/* ---- for another key ---- */

static void C2__key_outside_the_tpm_where_one_inside_is_demanded__refused(void **state)
{
	struct sw_instance *instance = NULL;
	(void)state;
	assert_ok(sw_instance_new(attack.host, &guarded, &instance, &attack.err), attack.err);
	assert_outcome(attack.host, instance, "untrusted: key-protection");
	sw_instance_free(&instance);
	assert_ok(sw_instance_new(attack.host, &guarded, &instance, &attack.err), attack.err);
	assert_ok(tpm_sw_ak_new(TPM_SW_ECDSA_P256, TPM_SW_KEY_ATTRIBUTES, &instance->tpm_key,
			  &attack.err),
		attack.err);
	assert_outcome(attack.host, instance, "trusted");
	sw_instance_free(&instance);
}

static void says_tpm(void *context, struct claims *claims)
{
	(void)context;
	claims->key_protection = KEY_TPM;
}
static void C2__key_said_to_be_in_the_tpm_without_certification__refused(void **state)
{
	(void)state;
	forged("untrusted: key-certification", (struct sw_edit){.claims = says_tpm});
}

static struct key *thief;
static void for_the_thief(void *context, struct claims *claims)
{
	(void)context;
	claims->key = key_spki(thief);
}
static void C3__anothers_evidence_for_the_thiefs_key__refused(void **state)
{
	(void)state;
	assert_ok(key_generate(KEY_EC_P256, &thief, &attack.err), attack.err);
	forged("untrusted: key-possession", (struct sw_edit){.claims = for_the_thief});
	key_unref(&thief);
}

/* The genuine certification of a key in the TPM, put beside claims about another key. */
static struct tpm_sw_key *certified;
static void certified_instead(void *context, struct evidence *evidence)
{
	static struct buf message, signature;
	uint8_t nonce[SHA256_LEN];
	(void)context;
	assert_true(sha256_of(evidence->claims, nonce, NULL));
	buf_clear(&message);
	buf_clear(&signature);
	assert_true(tpm_sw_certify(
		attack.host->ak, certified, BYTES_OF(nonce), &message, &signature, NULL));
	evidence->key_certification = (struct key_certification){
		buf_bytes(&certified->public_area), buf_bytes(&message), buf_bytes(&signature)};
}
static void C3__certification_of_another_key__refused(void **state)
{
	(void)state;
	assert_ok(tpm_sw_ak_new(TPM_SW_ECDSA_P256, TPM_SW_KEY_ATTRIBUTES, &certified, &attack.err),
		attack.err);
	forged("untrusted: key-certification",
		(struct sw_edit){.claims = says_tpm, .evidence = certified_instead});
	tpm_sw_key_free(&certified);
}

/* ---- under another name ---- */

static void as_the_neighbour(void *context, struct claims *claims)
{
	(void)context;
	claims->workload = bytes_str(neighbour.name);
}
static void C9__asking_for_another_workloads_name__refused(void **state)
{
	char outcome[400];
	struct sw_instance *instance = attack_instance(attack.host);
	(void)state;
	attack.host->edit.claims = as_the_neighbour;
	(void)attack_outcome(attack.host, instance, outcome);
	attack.host->edit = (struct sw_edit){0};
	assert_non_null(strstr(outcome, "untrusted: "));
	assert_non_null(strstr(outcome, "runtime-launch"));
	assert_non_null(strstr(outcome, "release-workload"));
	sw_instance_free(&instance);
}

/* ---- what stays behind ---- */

static void assert_nowhere(const char *what, struct bytes secret)
{
	static const char *const files[] = {"log", "v/verifier.db", "v/verifier.db-wal"};
	assert_true(secret.len >= 16);
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		struct buf content = {0};
		char path[128];
		(void)snprintf(path, sizeof(path), "%s/%s", attack.v.dir, files[i]);
		assert_ok(file_read(path, 64u << 20, &content, &attack.err), attack.err);
		assert_true(content.len > 0);
		if (memmem(content.data, content.len, secret.data, secret.len))
			fail_msg("%s is in %s", what, files[i]);
		buf_release(&content);
	}
}

static void C11__tokens_and_secrets__not_in_the_store_nor_in_the_log(void **state)
{
	struct sw_host *host = attack_stranger();
	struct sw_instance *instance;
	struct buf buffer = {0}, secret = {0};
	struct enroll_offer offer;
	char *token = NULL;
	(void)state;
	assert_ok(verifierd_token(&attack.v, &token, &attack.err), attack.err);
	assert_nowhere("an unused join token", bytes_str(token));
	assert_ok(sw_host_begin(host, token, &buffer, &offer, &attack.err), attack.err);
	assert_ok(tpm_sw_activate_credential(host->ek, &host->ak->name, offer.id_object,
			  offer.encrypted_secret, &secret, &attack.err),
		attack.err);
	assert_nowhere("an activation secret", buf_bytes(&secret));
	assert_ok(sw_host_finish(host, &offer, &attack.err), attack.err);
	assert_int_equal(host->state, HOST_ACTIVE);
	assert_nowhere("a used join token", bytes_str(token));
	instance = attack_instance(host);
	instance->audience = "bank.example";
	assert_outcome(host, instance, "trusted");
	assert_int_equal(instance->result.token_count, 1);
	assert_nowhere("a JWT", instance->result.tokens[0]);
	free(token);
	buf_release(&buffer);
	buf_release(&secret);
	sw_instance_free(&instance);
	sw_host_free(&host);
}

static int close_all(void **state)
{
	buf_release(&recorded);
	return attack_close(state);
}

#define T(name) cmocka_unit_test(name)
int main(void)
{
	const struct CMUnitTest tests[] = {
		T(C1__evidence_for_another_verifier__refused),
		T(C1__evidence_replayed__refused),
		T(E26__evidence_of_another_connection__refused),
		T(C2__key_outside_the_tpm_where_one_inside_is_demanded__refused),
		T(C2__key_said_to_be_in_the_tpm_without_certification__refused),
		T(C3__anothers_evidence_for_the_thiefs_key__refused),
		T(C3__certification_of_another_key__refused),
		T(C9__asking_for_another_workloads_name__refused),
		T(C11__tokens_and_secrets__not_in_the_store_nor_in_the_log),
		T(C7__evidence_older_than_the_policy_allows__refused),
	};
	return cmocka_run_group_tests(tests, open_all, close_all);
}
