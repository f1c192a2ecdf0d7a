/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How each route is used: by whom, with which path and body, after what. A route of the verifier's table without a line here
 * fails the tests of routes.h by name.
 */
#ifndef ASSAY_TESTS_FAULT_ROUTES_TABLE_H
#define ASSAY_TESTS_FAULT_ROUTES_TABLE_H

#include "tests/fault/routes_bodies.h"

enum caller { ANYONE, ADMIN, CI, AUDITOR, HOST, AGENT, CLUSTER };
struct recipe {
	enum http_method method;
	enum caller who;
	const char *pattern;
	const char *path; /* NULL: the pattern; {…} is filled in, here and in the body */
	const char *body;
	int status; /* 0: 200 */
	bool varies; /* two honest answers differ */
	const char *
		burns; /* a table of what a try uses up, whatever comes of it: places on lists, sessions */
	void (*prepare)(void); /* once: brings the world to where the route may be used */
	void (*before)(void); /* each time */
	void (*build)(struct https *c, struct buf *body); /* the body, for this connection */
	void (*check)(const struct https_answer *answer); /* of one that says yes */
};

/* ---- answers ---- */

static inline int64_t stored(const char *text, struct bytes value)
{
	struct sql *sql = NULL;
	struct sql_query *q = NULL;
	assert_ok(store_read(w.app->store, &sql, &w.err), w.err);
	assert_ok(sql_first(sql, text, SQL_ARGS(sql_t(value)), &q, &w.err), w.err);
	int64_t n = q ? sql_int(q, 0) : -1;
	sql_finish(&q);
	store_read_done(w.app->store, &sql);
	return n;
}

/* What leaves the verifier stands in its register, and is not revoked. */
static inline void credential_is_committed(struct bytes der)
{
	char serial[ROW_SERIAL_MAX];
	struct cert *cert = NULL;
	assert_ok(cert_from_der(der, false, &cert, &w.err), w.err);
	(void)cert_serial(cert, serial, sizeof(serial));
	if (stored("SELECT count(*) FROM credentials WHERE serial=?1", bytes_str(serial)) != 1)
		fail_msg("credential %s is in no register", serial);
	cert_unref(&cert);
}

static inline void check_attest(const struct https_answer *answer)
{
	struct attest_result result;
	assert_ok(attest_result_decode(buf_bytes(&answer->body), &result, &w.err), w.err);
	if (!result.trusted)
		fail_msg("honest evidence was refused: %.*s", (int)result.verdict.len,
			(const char *)result.verdict.data);
	assert_true(result.cert_count > 0);
	credential_is_committed(result.certs[0]);
}

static inline void check_enroll(const struct https_answer *answer)
{
	struct enroll_result result;
	assert_ok(enroll_result_decode(buf_bytes(&answer->body), &result, &w.err), w.err);
	assert_int_equal(result.state, HOST_ACTIVE);
	assert_true(result.cert_count > 0);
	credential_is_committed(result.certs[0]);
}

#define REASON "{\"reason\":\"odd\"}"
#define G(caller, pattern_, ...)                                                                   \
	{                                                                                          \
		HTTP_GET, caller, pattern_, __VA_ARGS__                                            \
	}
#define P(caller, pattern_, ...)                                                                   \
	{                                                                                          \
		HTTP_POST, caller, pattern_, __VA_ARGS__                                           \
	}

static const struct recipe recipes[] = {
	G(ANYONE, "/healthz", NULL),
	G(ANYONE, "/readyz", NULL),
	G(ANYONE, "/v1/bundle", NULL),
	G(ANYONE, "/v1/jwks", NULL),
	G(AGENT, "/v1/whoami", NULL),
	P(ANYONE, "/v1/enroll/begin", NULL, .build = build_enroll_begin, .varies = true),
	P(ANYONE, "/v1/enroll/finish", NULL, .build = build_enroll_finish, .check = check_enroll,
		.burns = "enroll_sessions"),
	P(HOST, "/v1/challenge", NULL, .build = build_challenge, .varies = true),
	P(HOST, "/v1/attest", NULL, .build = build_attest, .check = check_attest,
		.burns = "revocation"),
	P(ADMIN, "/v1/join-tokens", NULL, "{\"name\":\"next\"}", 201),
	G(AUDITOR, "/v1/hosts", NULL, .varies = true),
	G(AUDITOR, "/v1/hosts/{id}", "/v1/hosts/{host}", .varies = true),
	P(ADMIN, "/v1/hosts/{id}/confirm", "/v1/hosts/{host}/confirm", REASON,
		.prepare = in_quarantine),
	P(ADMIN, "/v1/hosts/{id}/quarantine", "/v1/hosts/{host}/quarantine", REASON),
	P(ADMIN, "/v1/hosts/{id}/retire", "/v1/hosts/{host}/retire", REASON),
	P(ADMIN, "/v1/hosts/{id}/attributes", "/v1/hosts/{host}/attributes",
		"{\"set\":{\"rack\":\"a\"},\"reason\":\"moved\"}"),
	/* One without events is as true: they come with the next. */
	G(AUDITOR, "/v1/events", "/v1/events?after=0", .varies = true),
	/* None is configured here: it would deliver in the background, and no two runs were the same. */
	G(AUDITOR, "/v1/webhooks", NULL),
	G(AUDITOR, "/v1/webhooks/{name}", "/v1/webhooks/siem", .status = 404),
	P(ADMIN, "/v1/webhooks/{name}/retry", "/v1/webhooks/siem/retry", REASON, 404),
	P(ADMIN, "/v1/webhooks/{name}/test", "/v1/webhooks/siem/test", "{}", 404),
	G(AUDITOR, "/v1/instances", NULL, .varies = true),
	G(AUDITOR, "/v1/instances/{host}/{instance}", "/v1/instances/{host}/{instance}",
		.varies = true),
	P(ADMIN, "/v1/workloads", NULL,
		"{\"name\":\"second\",\"risk_class\":\"low\",\"environment\":\"prod\","
		"\"owner\":\"o\",\"purpose\":\"p\"}",
		201),
	G(CI, "/v1/workloads", NULL),
	G(CI, "/v1/workloads/{name}", "/v1/workloads/ocr-agent"),
	P(ADMIN, "/v1/workloads/{name}/review", "/v1/workloads/ocr-agent/review",
		"{\"reason\":\"looked\",\"next_review\":\"2031-01-01T00:00:00Z\"}"),
	P(ADMIN, "/v1/workloads/{name}/retire", "/v1/workloads/ocr-agent/retire", REASON),
	P(ADMIN, "/v1/workloads/{name}/rollback", "/v1/workloads/ocr-agent/rollback",
		.prepare = launch_newer, .build = build_rollback),
	G(CI, "/v1/workloads/{name}/security-floor", "/v1/workloads/ocr-agent/security-floor",
		.prepare = with_floor),
	P(ADMIN, "/v1/security-floors", NULL, .status = 201, .build = build_floor),
	P(CI, "/v1/releases", NULL, .status = 201, .build = build_release),
	G(CI, "/v1/releases", NULL),
	G(CI, "/v1/releases/{digest}", "/v1/releases/{release}"),
	P(ADMIN, "/v1/releases/{digest}/revoke", "/v1/releases/{release}/revoke", REASON),
	G(CI, "/v1/releases/{digest}/gate", "/v1/releases/{newer}/gate?environment=prod",
		.varies = true),
	P(CI, "/v1/releases/{digest}/statements", "/v1/releases/{newer}/statements", .status = 201,
		.build = build_statement),
	P(CI, "/v1/approvals", NULL, .status = 201, .build = build_approval),
	P(ADMIN, "/v1/elevations", NULL,
		"{\"workload\":\"ocr-agent\",\"right\":\"delete\",\"duration\":60,\"reason\":"
		"\"r\"}",
		201),
	G(CI, "/v1/elevations", NULL),
	G(CI, "/v1/elevations/{id}", "/v1/elevations/{elevation}"),
	P(CI, "/v1/elevations/{id}/words", "/v1/elevations/{elevation}/words", .status = 201,
		.build = build_word),
	P(ADMIN, "/v1/elevations/{id}/revoke", "/v1/elevations/{elevation}/revoke", REASON),
	P(ADMIN, "/v1/rollouts", NULL, "{\"release\":\"{newer}\",\"canary\":5000,\"soak\":600}",
		201),
	G(CI, "/v1/rollouts", NULL, .prepare = with_rollout, .varies = true),
	G(CI, "/v1/rollouts/{workload}", "/v1/rollouts/ocr-agent", .prepare = with_rollout,
		.varies = true),
	P(ADMIN, "/v1/rollouts/{workload}/promote", "/v1/rollouts/ocr-agent/promote",
		"{\"override\":true,\"reason\":\"now\"}", .prepare = with_rollout),
	P(CI, "/v1/rollouts/{workload}/halt", "/v1/rollouts/ocr-agent/halt", REASON,
		.prepare = with_rollout),
	P(ADMIN, "/v1/rollouts/{workload}/rollback", "/v1/rollouts/ocr-agent/rollback", REASON,
		.prepare = with_rollout),
	P(CLUSTER, "/v1/kubernetes/admission", NULL, .build = build_admission),
	G(AUDITOR, "/v1/records", NULL),
	G(AUDITOR, "/v1/records/{id}", "/v1/records/{record}"),
	G(AUDITOR, "/v1/records/{id}/bundle", "/v1/records/{record}/bundle", .varies = true),
	G(AUDITOR, "/v1/retention", NULL, .varies = true),
	P(ADMIN, "/v1/retention/sweep", NULL, "{}", .varies = true),
	G(AUDITOR, "/v1/entries/{index}/proof", "/v1/entries/1/proof", .varies = true),
	P(ADMIN, "/v1/entries/{index}/redact", "/v1/entries/{entry}/redact",
		"{\"field\":\"reason\",\"reason\":\"asked\"}", .prepare = with_reason_entry),
	G(AUDITOR, "/v1/holds", NULL, .prepare = with_hold),
	P(ADMIN, "/v1/holds", NULL, "{\"workload\":\"ocr-agent\",\"reason\":\"court\"}", 201),
	P(ADMIN, "/v1/holds/{id}/lift", "/v1/holds/{hold}/lift", REASON, .prepare = with_hold),
	G(AUDITOR, "/v1/entries", NULL),
	G(AUDITOR, "/v1/objects/{digest}", "/v1/objects/{object}"),
	P(ADMIN, "/v1/incidents", NULL, "{\"title\":\"odd\",\"severity\":\"low\"}", 201),
	G(AUDITOR, "/v1/incidents", NULL),
	G(AUDITOR, "/v1/incidents/{id}", "/v1/incidents/{incident}"),
	P(ADMIN, "/v1/incidents/{id}/attach", "/v1/incidents/{incident}/attach",
		"{\"what\":\"workload\",\"id\":\"ocr-agent\"}"),
	P(ADMIN, "/v1/incidents/{id}/close", "/v1/incidents/{incident}/close", REASON),
	G(AUDITOR, "/v1/entries/{index}", "/v1/entries/1"),
	G(AUDITOR, "/v1/records/{id}/receipt", "/v1/records/{record}/receipt", .varies = true),
	G(AUDITOR, "/v1/records/{id}/proof", "/v1/records/{record}/proof", .varies = true),
	G(AUDITOR, "/v1/records/{id}/statement", "/v1/records/{record}/statement", .varies = true),
	G(AUDITOR, "/v1/policy", NULL),
	P(ADMIN, "/v1/policies", NULL, .status = 201, .build = build_policy),
	G(AUDITOR, "/v1/policies", NULL, .prepare = with_staged),
	G(AUDITOR, "/v1/policies/{version}", "/v1/policies/2", .prepare = with_staged),
	G(AUDITOR, "/v1/policies/{version}/signature", "/v1/policies/2/signature",
		.prepare = with_staged),
	G(AUDITOR, "/v1/policies/{version}/differences", "/v1/policies/2/differences",
		.prepare = with_staged),
	P(ADMIN, "/v1/policies/{version}/activate", "/v1/policies/2/activate",
		"{\"digest\":\"{staged}\",\"reason\":\"because\"}", .prepare = with_staged),
	P(ADMIN, "/v1/policies/{version}/withdraw", "/v1/policies/2/withdraw",
		"{\"digest\":\"{staged}\",\"reason\":\"because\"}", .prepare = with_staged),
	P(AUDITOR, "/v1/shadow", NULL, .status = 202, .varies = true, .before = shadow_rests,
		.build = build_shadow),
	G(AUDITOR, "/v1/shadow", NULL, .before = shadow_there, .varies = true),
	P(AUDITOR, "/v1/shadow/{job}/end", "/v1/shadow/{job}/end", "{\"reason\":\"because\"}",
		.before = shadow_goes_on, .varies = true),
	G(ANYONE, "/log/checkpoint", NULL),
	G(ANYONE, "/log/latest", NULL),
	P(CI, "/v1/log/cosigned", NULL, .build = build_cosigned),
	P(ADMIN, "/v1/log/quoted", NULL, .build = build_quoted),
	G(ANYONE, "/log/quote", NULL, .prepare = with_quote),
	G(ANYONE, "/log/tile/{path*}", "/log/tile/0/000.p/{size}"),
	G(ANYONE, "/log/receipt/{leaf}", "/log/receipt/1", .varies = true),
	G(ANYONE, "/log/proof/{leaf}", "/log/proof/1"),
	G(ANYONE, "/log/consistency/{size}", "/log/consistency/3", .varies = true),
	G(ANYONE, "/log/receipt-key", NULL),
	G(ANYONE, "/crl", NULL, .varies = true),
	G(ANYONE, "/crl/{ca}", "/crl/{ca}", .varies = true),
	P(ANYONE, "/ocsp", NULL, .build = build_ocsp, .varies = true),
	G(ANYONE, "/ocsp/{request*}", "/ocsp/{ocsp}", .prepare = ocsp_path, .varies = true),
	G(ANYONE, "/status/{list}", "/status/0", .varies = true),
};

#endif
