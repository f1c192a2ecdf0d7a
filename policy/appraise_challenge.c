/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/appraisal.h"

#include <stdio.h>

#include "base/time.h"

#define CLOCK_SKEW_MAX 60 /* seconds between the clocks of two verifiers */

static bool same(struct appraisal *a, enum reason_code code, const char *subject,
	struct bytes expected, struct bytes actual)
{
	if (bytes_equal(expected, actual))
		return true;
	refuse_hex(a->verdict, code, subject, expected, actual, "claims");
	return false;
}

/* A challenge is good as long as it says, and never for longer than the policy lets evidence of its
 * purpose be old. */
static int64_t age_max(const struct appraisal *a)
{
	int64_t lifetime = a->policy->challenge_lifetime;

	if (a->claims.purpose == PURPOSE_RENEW && a->class)
		lifetime += a->class->credential_lifetime;
	return lifetime;
}

static bool check_freshness(struct appraisal *a)
{
	const struct context_challenge *c = &a->context->challenge;
	int64_t now = a->context->now, until = c->expires;
	char expected[2 * TIME_TEXT_MAX], actual[2 * TIME_TEXT_MAX], time[TIME_TEXT_MAX];

	if (c->issued < 0 || c->issued > now + CLOCK_SKEW_MAX) {
		verdict_refuse(a->verdict, REASON_CHALLENGE_EXPIRED, "challenge",
			"issued in the past", "issued in the future", NULL,
			"compare the clocks of the verifiers");
		return false;
	}
	if (until > c->issued + age_max(a))
		until = c->issued + age_max(a);
	if (now <= until)
		return true;
	snprintf(expected, sizeof(expected), "evidence by %s", time_format(until, time));
	snprintf(actual, sizeof(actual), "received at %s", time_format(now, time));
	verdict_refuse(
		a->verdict, REASON_CHALLENGE_EXPIRED, "challenge", expected, actual, NULL, NULL);
	return false;
}

bool check_challenge(struct appraisal *a, struct err *err)
{
	const struct context_challenge *c = &a->context->challenge;
	uint8_t token[SHA256_LEN];
	bool ok;

	if (digest_is_zero(BYTES_OF(c->nonce))) {
		verdict_refuse(a->verdict, REASON_CHALLENGE_UNKNOWN, "challenge",
			"one that this verifier made", "none", NULL, NULL);
		return true;
	}
	if (!sha256_of(a->evidence.challenge, token, err))
		return false;
	ok = same(
		a, REASON_CHALLENGE_OTHER, "challenge token", BYTES_OF(c->nonce), BYTES_OF(token));
	ok &= same(a, REASON_CHALLENGE_OTHER, "challenge nonce", BYTES_OF(c->nonce),
		BYTES_OF(a->claims.nonce));
	ok &= same(a, REASON_CHALLENGE_OTHER, "challenge: host", BYTES_OF(c->host_id),
		BYTES_OF(a->claims.host_id));
	ok &= same(a, REASON_CHALLENGE_OTHER, "challenge: instance", BYTES_OF(c->instance),
		BYTES_OF(a->claims.instance));
	if (c->purpose != a->claims.purpose) {
		verdict_refuse(a->verdict, REASON_PURPOSE, "challenge", purpose_name(c->purpose),
			purpose_name(a->claims.purpose), "claims", NULL);
		ok = false;
	}
	ok &= check_freshness(a);
	if (ok)
		verdict_checked(a->verdict,
			"challenge: fresh, and made for this host, instance and purpose (%s)",
			purpose_name(c->purpose));
	return true;
}

bool check_verifier(struct appraisal *a, struct err *err)
{
	(void)err;
	if (a->context->verifier_id.len == 0 ||
		!bytes_equal(a->context->verifier_id, a->claims.verifier_id))
		refuse_text(a->verdict, REASON_VERIFIER_OTHER, "verifier", a->context->verifier_id,
			a->claims.verifier_id, "claims");
	else
		verdict_checked(a->verdict, "verifier: the evidence was made for this one");
	return true;
}

bool check_exporter(struct appraisal *a, struct err *err)
{
	(void)err;
	if (digest_is_zero(BYTES_OF(a->context->exporter))) {
		verdict_refuse(a->verdict, REASON_EXPORTER, "TLS connection",
			"a connection with an exporter", "none", NULL, NULL);
		return true;
	}
	if (same(a, REASON_EXPORTER, "TLS connection", BYTES_OF(a->context->exporter),
		    BYTES_OF(a->claims.exporter)))
		verdict_checked(
			a->verdict, "connection: the quote was made for this very TLS connection");
	return true;
}
