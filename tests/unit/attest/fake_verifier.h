/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A verifier behind the seam of attest/hostd.h: it reads the evidence as a verifier would (quote, log, PCR, challenge), issues
 * real certificates, and says yes, no or nothing as the test wishes.
 */
#ifndef ASSAY_TESTS_FAKE_VERIFIER_H
#define ASSAY_TESTS_FAKE_VERIFIER_H

#include "attest/hostd.h"
#include "base/time.h"
#include "crypto/x509.h"
#include "tests/unit/attest/fake_tpm.h"

#include <stdlib.h>
#include <time.h>

/* FAKE_BUSY: it asks to wait four seconds. FAKE_LOST: it decides, and the answer does not arrive. FAKE_LATE: the challenge is too old, once. FAKE_STRANGE: it does not
 * know the host's certificate. */
enum fake_answer {
	FAKE_TRUST = 0,
	FAKE_REFUSE,
	FAKE_AWAY,
	FAKE_FORBID,
	FAKE_LOST,
	FAKE_LATE,
	FAKE_STRANGE,
	FAKE_BUSY,
	FAKE_NO_MORE
};

#define FAKE_VERDICT_TRUSTED "{\"outcome\":\"trusted\",\"reasons\":[]}"
#define FAKE_VERDICT_UNTRUSTED                                                                     \
	"{\"outcome\":\"untrusted\",\"reasons\":[{\"code\":\"component-digest\",\"subject\":"      \
	"\"component model\"}]}"

#define FAKE_VERDICT_LATE                                                                          \
	"{\"outcome\":\"untrusted\",\"reasons\":[{\"code\":\"challenge-expired\","                 \
	"\"subject\":\"challenge\"}]}"

struct fake_verifier {
	struct fake_tpm *tpm;
	const struct clock *clock;
	struct key *ca_key;
	struct cert *ca;
	pthread_mutex_t mutex;
	enum fake_answer answer;
	int64_t lifetime, renew_after;
	unsigned agains; /* as many attestations are refused for nothing against the host */
	bool report_end; /* wants to be told when an instance ends */
	int64_t lease; /* and what an acceptance says beside */
	enum end_action on_lease_end, on_refusal;
	bool thaw;
	enum end_action refusal; /* what a refusal says */
	bool other_key; /* certifies a key that nobody asked for */
	void (*before_answer)(void *context); /* when all is measured and nothing decided */
	void *context;

	/* What it saw. */
	unsigned challenges, attestations, busied;
	uint64_t busied_at[2];
	uint8_t challenge[16];
	struct {
		enum purpose purpose;
		bool running, want_x509;
		size_t audiences, records, components, launches, exits;
		uint8_t instance[INSTANCE_ID_LEN];
	} last;
	char failed[256]; /* what was wrong with the evidence */
};

struct fake_link {
	struct verifier_link link;
	struct fake_verifier *verifier;
};

/* What the test changes and reads while hostd runs. */
static inline void fake_set_answer(struct fake_verifier *v, enum fake_answer answer)
{
	(void)pthread_mutex_lock(&v->mutex);
	v->answer = answer;
	(void)pthread_mutex_unlock(&v->mutex);
}

static inline void fake_set_agains(struct fake_verifier *v, unsigned agains)
{
	(void)pthread_mutex_lock(&v->mutex);
	v->agains = agains;
	(void)pthread_mutex_unlock(&v->mutex);
}

static inline unsigned fake_attestations(struct fake_verifier *v)
{
	(void)pthread_mutex_lock(&v->mutex);
	unsigned count = v->attestations;
	(void)pthread_mutex_unlock(&v->mutex);
	return count;
}

static bool fake_challenge_locked(struct verifier_link *link,
	const struct challenge_request *request, struct buf *buffer, struct challenge_offer *ret,
	struct err *err)
{
	struct fake_verifier *v = ((struct fake_link *)link)->verifier;
	struct challenge_offer offer = {.expires = clock_wall(v->clock) + 1000};
	(void)request;
	link->retry_after = 0;
	if (v->answer == FAKE_AWAY)
		return err_set(err, ERR_NET, "injected: connection refused");
	if (v->answer == FAKE_BUSY) {
		if (v->busied < ARRAY_LEN(v->busied_at))
			v->busied_at[v->busied] = clock_monotonic_ms(v->clock);
		v->busied++;
		link->retry_after = 4;
		return err_set(err, ERR_BUSY, "injected: too many");
	}
	if (v->answer == FAKE_NO_MORE)
		return err_set(err, ERR_GONE, "injected: this host is no more");
	v->challenges++;
	if (!random_fill(&random_system, v->challenge, sizeof(v->challenge), err))
		return false;
	offer.challenge = BYTES_OF(v->challenge);
	return challenge_offer_encode(&offer, buffer, err) &&
	       challenge_offer_decode(buf_bytes(buffer), ret, err);
}

static bool fake_challenge(struct verifier_link *link, const struct challenge_request *request,
	struct buf *buffer, struct challenge_offer *ret, struct err *err)
{
	struct fake_verifier *v = ((struct fake_link *)link)->verifier;
	(void)pthread_mutex_lock(&v->mutex);
	bool ok = fake_challenge_locked(link, request, buffer, ret, err);
	(void)pthread_mutex_unlock(&v->mutex);
	return ok;
}

static bool fake_count(void *context, const struct runtime_record *record, struct err *err)
{
	struct fake_verifier *v = context;
	(void)err;
	v->last.records++;
	bool mine =
		(record->kind == RUNTIME_COMPONENT &&
			memcmp(record->component.instance, v->last.instance, INSTANCE_ID_LEN) ==
				0) ||
		(record->kind == RUNTIME_LAUNCH &&
			memcmp(record->launch->instance, v->last.instance, INSTANCE_ID_LEN) == 0) ||
		(record->kind == RUNTIME_EXIT &&
			memcmp(record->exit.instance, v->last.instance, INSTANCE_ID_LEN) == 0);
	v->last.components += mine && record->kind == RUNTIME_COMPONENT;
	v->last.launches += mine && record->kind == RUNTIME_LAUNCH;
	v->last.exits += mine && record->kind == RUNTIME_EXIT;
	return true;
}

/* The checks that hostd must make pass; a first failure is kept in words. */
static bool fake_check(
	struct fake_verifier *v, struct bytes in, struct claims *claims, struct err *err)
{
	struct evidence e;
	struct tpmt_public ak;
	struct key *key = NULL;
	struct quote_result result = {0};
	uint8_t value[DIGEST_LEN_MAX] = {0}, claimed[SHA256_LEN], nonce[SHA256_LEN];
	uint64_t next = 0;
	if (!evidence_decode(in, &e, err) || !claims_decode(e.claims, claims, err))
		return false;
	memcpy(v->last.instance, claims->instance, INSTANCE_ID_LEN);
	v->last.purpose = claims->purpose;
	v->last.running = claims->running;
	v->last.want_x509 = claims->want_x509;
	v->last.audiences = claims->audience_count;
	v->last.records = v->last.components = v->last.launches = v->last.exits = 0;
	if (!sha256_of(e.claims, claimed, err) || !sha256_of(BYTES_OF(v->challenge), nonce, err) ||
		!tpmt_public_parse(buf_bytes(&v->tpm->ak->public_area), &ak, err) ||
		!tpmt_public_key(&ak, &key, err))
		return false;
	struct quote_input input = {.message = e.message,
		.signature = e.signature,
		.ak = &ak,
		.key = key,
		.nonce = BYTES_OF(claimed),
		.banks = &e.pcrs,
		.bank_count = 1};
	bool ok = quote_check(&input, &result, err);
	key_unref(&key);
	if (!ok)
		return false;
	if (result.fault != QUOTE_OK)
		return err_set(err, ERR_MISMATCH, "quote: %s", quote_fault_name(result.fault));
	if (memcmp(nonce, claims->nonce, SHA256_LEN) != 0)
		return err_set(err, ERR_MISMATCH, "another challenge");
	if (!runtime_log_walk(e.runtime_log, 0, 15, fake_count, v, err) ||
		!runtime_log_replay(e.runtime_log, 0, 15, DIGEST_SHA256, value, &next, err))
		return false;
	if (memcmp(value, e.pcrs.values[15], SHA256_LEN) != 0 || next != claims->runtime_next)
		return err_set(err, ERR_MISMATCH, "the log does not replay to the quoted PCR");
	return true;
}

static bool fake_issue(
	struct fake_verifier *v, const struct claims *claims, struct cert **ret, struct err *err)
{
	struct key *subject = NULL;
	int64_t now = clock_wall(v->clock);
	if (!(v->other_key ? key_generate(KEY_EC_P256, &subject, err)
			   : key_from_spki(claims->key, &subject, err)))
		return false;
	struct cert_request request = {.uri = "spiffe://test/workload/agent/1",
		.subject = subject,
		.not_before = now,
		.not_after = now + v->lifetime,
		.client_auth = true};
	bool ok = cert_issue(&request, v->ca, v->ca_key, ret, err);
	key_unref(&subject);
	return ok;
}

static bool fake_answer_put(
	struct fake_verifier *v, const struct claims *claims, struct buf *buffer, struct err *err)
{
	struct cert *leaf = NULL;
	struct attest_result result = {.trusted = v->answer == FAKE_TRUST, .record = {0xab}};
	if (v->agains > 0) {
		v->agains--;
		result.trusted = false;
		result.again = true;
	}
	result.again = result.again || v->answer == FAKE_LATE;
	result.on_refusal = result.trusted ? v->on_refusal : v->refusal;
	result.verdict = result.trusted           ? BYTES_LIT(FAKE_VERDICT_TRUSTED)
			 : v->answer == FAKE_LATE ? BYTES_LIT(FAKE_VERDICT_LATE)
						  : BYTES_LIT(FAKE_VERDICT_UNTRUSTED);
	if (v->answer == FAKE_LATE)
		v->answer = FAKE_TRUST;
	if (result.trusted) {
		if (!fake_issue(v, claims, &leaf, err) ||
			!random_fill(&random_system, v->challenge, sizeof(v->challenge), err))
			return false;
		result.cert_count = 2;
		result.certs[0] = cert_der(leaf);
		result.certs[1] = result.bundle[0] = cert_der(v->ca);
		result.bundle_count = 1;
		result.token_count = claims->audience_count;
		for (size_t i = 0; i < result.token_count; i++)
			result.tokens[i] = BYTES_LIT("aa.bb.cc");
		result.expires = clock_wall(v->clock) + v->lifetime;
		result.renew_after = v->renew_after;
		result.report_end = v->report_end;
		result.lease = v->lease;
		result.on_lease_end = v->on_lease_end;
		result.thaw = v->thaw;
		result.next = (struct challenge_offer){.challenge = BYTES_OF(v->challenge),
			.expires = clock_wall(v->clock) + 1000};
	}
	buf_clear(buffer);
	bool ok = attest_result_encode(&result, buffer, err);
	cert_unref(&leaf);
	return ok;
}

static bool fake_attest_locked(struct fake_verifier *v, client_build build, void *context,
	struct buf *buffer, struct attest_result *ret, struct err *err)
{
	OWNED(buf_release) struct buf evidence = {0};
	static const uint8_t exporter[TLS_EXPORTER_LEN] = {1};
	struct claims claims;
	if (v->answer == FAKE_AWAY)
		return err_set(err, ERR_NET, "injected: connection refused");
	if (v->answer == FAKE_NO_MORE)
		return err_set(err, ERR_GONE, "injected: this host is no more");
	if (v->answer == FAKE_BUSY)
		return err_set(err, ERR_BUSY, "injected: too many");
	if (v->answer == FAKE_FORBID)
		return err_set(err, ERR_DENIED, "injected: this host is quarantined");
	if (v->answer == FAKE_STRANGE)
		return err_set(err, ERR_MISMATCH, "injected: no certificate of mine, now");
	v->attestations++;
	if (!build(context, exporter, &evidence, err))
		return false;
	if (!fake_check(v, buf_bytes(&evidence), &claims, err)) {
		(void)snprintf(v->failed, sizeof(v->failed), "%.200s", err->text);
		return false;
	}
	if (v->before_answer)
		v->before_answer(v->context);
	if (v->answer == FAKE_LOST)
		return random_fill(&random_system, v->challenge, sizeof(v->challenge), err) &&
		       err_set(err, ERR_NET, "injected: connection reset");
	return fake_answer_put(v, &claims, buffer, err) &&
	       attest_result_decode(buf_bytes(buffer), ret, err);
}

static bool fake_attest(struct verifier_link *link, client_build build, void *context,
	struct buf *buffer, struct attest_result *ret, struct err *err)
{
	struct fake_verifier *v = ((struct fake_link *)link)->verifier;
	(void)pthread_mutex_lock(&v->mutex);
	bool ok = fake_attest_locked(v, build, context, buffer, ret, err);
	(void)pthread_mutex_unlock(&v->mutex);
	return ok;
}

static void fake_link_free(struct verifier_link *link)
{
	free(link);
}

static const struct verifier_link_ops fake_link_ops = {fake_challenge, fake_attest, fake_link_free};

static bool fake_connect(void *context, struct verifier_link **ret, struct err *err)
{
	struct fake_link *link = calloc(1, sizeof(*link));
	(void)err;
	*link = (struct fake_link){{&fake_link_ops}, context};
	*ret = &link->link;
	return true;
}

static inline bool fake_verifier_init(
	struct fake_verifier *v, struct fake_tpm *tpm, struct err *err)
{
	*v = (struct fake_verifier){
		.tpm = tpm, .clock = &clock_system, .lifetime = 600, .renew_after = 300};
	(void)pthread_mutex_init(&v->mutex, NULL);
	if (!key_generate(KEY_EC_P256, &v->ca_key, err))
		return false;
	struct cert_request request = {.common_name = "test CA",
		.subject = v->ca_key,
		.not_before = clock_wall(v->clock) - 10,
		.not_after = clock_wall(v->clock) + 3600,
		.ca = true};
	return cert_issue(&request, NULL, v->ca_key, &v->ca, err);
}

static inline void fake_verifier_release(struct fake_verifier *v)
{
	cert_unref(&v->ca);
	key_unref(&v->ca_key);
	(void)pthread_mutex_destroy(&v->mutex);
}

#endif
