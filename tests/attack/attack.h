/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the attack tests share: one verifier for each program, with a workload that is released and approved, and one honest
 * host. Every attack goes over the wire to that verifier.
 */
#ifndef ASSAY_TESTS_ATTACK_ATTACK_H
#define ASSAY_TESTS_ATTACK_ATTACK_H

#include "tests/support/unit.h"

#include <stdlib.h>
#include <time.h>

#include "base/json.h"
#include "base/text.h"
#include "base/time.h"
#include "tests/support/verifierd.h"
#include "tests/unit/verifier/https.h"

struct attack {
	struct verifierd v;
	struct sw_workload workload;
	struct sw_host *host; /* honest, active */
	struct err err;
};
static struct attack attack;

/* A verifier and its workload, without a host. */
static inline int attack_open(void **state)
{
	(void)state;
	attack.workload = (struct sw_workload){.name = "agent", .seed = 0x30};
	assert_ok(verifierd_new(&attack.v, &attack.err), attack.err);
	assert_ok(verifierd_start(&attack.v, &attack.err), attack.err);
	assert_ok(verifierd_publish(&attack.v, &attack.workload, "low", &attack.err), attack.err);
	assert_ok(verifierd_host(&attack.v, &attack.host, &attack.err), attack.err);
	return 0;
}

/* The verifier still stands and ends when it is told to. */
static inline int attack_close(void **state)
{
	(void)state;
	sw_host_free(&attack.host);
	int status = verifierd_stop(&attack.v, SIGTERM);
	verifierd_release(&attack.v);
	return status == 0 ? 0 : -1;
}

static inline struct sw_host *attack_host(void)
{
	struct sw_host *host = NULL;
	assert_ok(verifierd_host(&attack.v, &host, &attack.err), attack.err);
	return host;
}

/* A host that has not enrolled yet, with an honest certificate. */
static inline struct sw_host *attack_stranger(void)
{
	struct sw_host *host = NULL;
	assert_ok(sw_host_new(&attack.v.maker, &host, &attack.err), attack.err);
	assert_ok(sw_host_connect(host, attack.v.url, buf_bytes(&attack.v.ca_pem), &attack.err),
		attack.err);
	return host;
}

static inline struct sw_instance *attack_instance(struct sw_host *host)
{
	struct sw_instance *instance = NULL;
	assert_ok(sw_instance_new(host, &attack.workload, &instance, &attack.err), attack.err);
	return instance;
}

/* "trusted", "untrusted: quote-magic, …", or the error: "error: 403 …" */
static inline const char *attack_outcome(
	struct sw_host *host, struct sw_instance *instance, char out[400])
{
	json_t *verdict = NULL, *reason;
	size_t i;
	attack.err = (struct err){0};
	if (!sw_host_attest(host, instance, &attack.err)) {
		(void)snprintf(out, 400, "error: %.300s", attack.err.text);
		return out;
	}
	assert_true(json_open(instance->result.verdict, JSON_INPUT_MAX, &verdict, NULL));
	(void)snprintf(out, 400, "%s", json_string_value(json_object_get(verdict, "outcome")));
	json_array_foreach(json_object_get(verdict, "reasons"), i, reason)
	{
		size_t n = strlen(out);
		(void)snprintf(out + n, 400 - n, "%s%s", i ? ", " : ": ",
			json_string_value(json_object_get(reason, "code")));
	}
	json_decref(verdict);
	/* What is not trusted gets nothing. */
	if (!instance->result.trusted &&
		(instance->result.cert_count || instance->result.token_count ||
			instance->result.next.challenge.len || instance->result.expires))
		(void)snprintf(out, 400, "REFUSED WITH A CREDENTIAL");
	return out;
}

#define assert_outcome(host, instance, wanted)                                                     \
	do {                                                                                       \
		char outcome_[400];                                                                \
		assert_string_equal(attack_outcome((host), (instance), outcome_), (wanted));       \
	} while (0)

/* An honest launch by this host is trusted: what came before did no harm. */
static inline void attack_honest(struct sw_host *host)
{
	struct sw_instance *instance = attack_instance(host);
	assert_outcome(host, instance, "trusted");
	sw_instance_free(&instance);
}

/* A member of an answer to the admin, as text; to be freed. */
static inline char *attack_get(const char *path, const char *key)
{
	struct buf answer = {0};
	json_t *root = NULL;
	assert_ok(verifierd_json(&attack.v, path, NULL, 200, &answer, &attack.err), attack.err);
	assert_ok(json_open(buf_bytes(&answer), JSON_INPUT_MAX, &root, &attack.err), attack.err);
	json_t *value = json_object_get(root, key);
	char *text = value ? json_dumps(value, JSON_ENCODE_ANY | JSON_SORT_KEYS | JSON_COMPACT)
			   : strdup("");
	json_decref(root);
	buf_release(&answer);
	return text;
}

static inline size_t attack_count(const char *path, const char *key)
{
	struct buf answer = {0};
	json_t *root = NULL;
	assert_ok(verifierd_json(&attack.v, path, NULL, 200, &answer, &attack.err), attack.err);
	assert_ok(json_open(buf_bytes(&answer), JSON_INPUT_MAX, &root, &attack.err), attack.err);
	size_t n = json_array_size(json_object_get(root, key));
	json_decref(root);
	buf_release(&answer);
	return n;
}

/* From now on this policy: the usual one with lines behind it. The version only rises. */
static inline void attack_policy(int version, const char *extra)
{
	const struct timespec pause = {.tv_nsec = 10000000};
	struct buf answer = {0};
	char wanted[32];
	bool there = false;
	(void)snprintf(wanted, sizeof(wanted), "\nversion: %d\n", version);
	assert_ok(verifierd_policy(&attack.v, version, extra, &attack.err), attack.err);
	assert_int_equal(kill(attack.v.pid, SIGHUP), 0);
	for (int i = 0; i < 1000 && !there; i++) {
		assert_ok(verifierd_json(&attack.v, "/v1/policy", NULL, 200, &answer, &attack.err),
			attack.err);
		there = strstr(buf_str(&answer), wanted) != NULL;
		(void)nanosleep(&pause, NULL);
	}
	buf_release(&answer);
	if (!there)
		fail_msg("policy %d was not taken, see %s/log", version, attack.v.dir);
}

static inline const char *attack_host_path(
	const struct sw_host *host, const char *tail, char out[160])
{
	char hex[2 * HOST_ID_LEN + 1];
	hex_encode(BYTES_OF(host->id), hex);
	(void)snprintf(out, 160, "/v1/hosts/%s%s", hex, tail);
	return out;
}

#endif
