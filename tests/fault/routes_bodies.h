/* SPDX-License-Identifier: Apache-2.0 */
/* What routes_table.h says is done before a route is used, and the bodies that are made for it. */
#ifndef ASSAY_TESTS_FAULT_ROUTES_BODIES_H
#define ASSAY_TESTS_FAULT_ROUTES_BODIES_H

#include <openssl/ocsp.h>

#include "base/text.h"
#include "tests/fault/routes_world.h"
#include "tests/support/quoted_make.h"
#include "verifier/shadow.h"

/* ---- preparing ---- */

static inline void host_do(const char *what)
{
	char path[128];
	(void)snprintf(path, sizeof(path), "/v1/hosts/%s/%s", made.hex_host, what);
	world_do(&w, &w.admin, "POST", path, "{\"reason\":\"odd\"}", 200);
}
static inline void in_quarantine(void)
{
	host_do("quarantine");
}
static inline void with_hold(void)
{
	ask_for("/v1/holds", "{\"workload\":\"ocr-agent\",\"reason\":\"court\"}", "id", made.hold,
		sizeof(made.hold));
}
static inline void with_staged(void)
{
	stage(2, "", 201, made.hex_staged);
}
static inline void with_rollout(void)
{
	char body[256];
	(void)snprintf(body, sizeof(body), "{\"release\":\"%s\",\"canary\":5000,\"soak\":600}",
		made.hex_newer);
	json_decref(world_json(&w, &w.admin, "POST", "/v1/rollouts", body, 201));
}
static inline void with_reason_entry(void)
{
	char path[128];
	struct store_tree tree;
	(void)snprintf(path, sizeof(path), "/v1/hosts/%s/attributes", made.hex_host);
	world_do(&w, &w.admin, "POST", path, "{\"set\":{\"rack\":\"b\"},\"reason\":\"odd\"}", 200);
	store_tree(w.app->store, &tree);
	(void)snprintf(made.entry, sizeof(made.entry), "%llu", (unsigned long long)tree.size - 1);
}
/* The newer release has been launched: the floor has moved. */
static inline void launch_newer(void)
{
	launch_agent(false);
}

static inline json_t *shadow_now(int *ret_status)
{
	struct https_answer a =
		world_call(&w, &w.auditor, "GET", "/v1/shadow", NULL, (struct bytes){0});
	json_t *answer = NULL;
	*ret_status = a.status;
	if (a.status == 200)
		assert_ok(json_open(buf_bytes(&a.body), JSON_INPUT_MAX, &answer, &w.err), w.err);
	buf_release(&a.body);
	return answer;
}
static inline void shadow_rests(void)
{
	for (int i = 0; i < WAIT_ROUNDS; i++) {
		int status = 0;
		json_t *answer = shadow_now(&status);
		const char *state =
			answer ? json_string_value(json_object_get(answer, "state")) : "";
		bool running = state && strcmp(state, "running") == 0;
		json_decref(answer);
		if (!running && status != 503)
			return;
		(void)usleep(10000);
	}
	fail_msg("the shadow does not end");
}
static inline void shadow_there(void)
{
	int status = 0;
	struct buf text = {0};
	json_decref(shadow_now(&status));
	if (status == 404) {
		text_of(2, TIGHTER, &text);
		world_post(&w, &w.auditor, "/v1/shadow", "application/yaml", buf_bytes(&text), 202);
		buf_release(&text);
	}
	shadow_rests();
}
/* One that does not end by itself: nobody works at it. */
static inline void shadow_goes_on(void)
{
	int status = 0;
	struct buf text = {0};
	shadow_stop(w.app->shadow);
	json_t *answer = shadow_now(&status);
	const char *state = answer ? json_string_value(json_object_get(answer, "state")) : NULL;
	if (!state || strcmp(state, "running") != 0) {
		json_decref(answer);
		text_of(2, TIGHTER, &text);
		world_post(&w, &w.auditor, "/v1/shadow", "application/yaml", buf_bytes(&text), 202);
		buf_release(&text);
		answer = shadow_now(&status);
	}
	(void)snprintf(made.job, sizeof(made.job), "%lld",
		(long long)json_integer_value(json_object_get(answer, "job")));
	json_decref(answer);
}

/* ---- bodies ---- */

static inline void build_challenge(struct https *c, struct buf *body)
{
	struct challenge_request request = {.purpose = PURPOSE_LAUNCH};
	(void)c;
	memcpy(request.instance, w.scene->instance, sizeof(request.instance));
	assert_ok(challenge_request_encode(&request, body, &w.err), w.err);
}

static inline void build_attest(struct https *c, struct buf *body)
{
	struct world_attestation a = {.purpose = PURPOSE_LAUNCH};
	world_challenge(&w, c, &a);
	world_evidence(&w, c, &a);
	buf_put(body, buf_bytes(&w.scene->evidence));
	world_attestation_release(&a);
}

static inline void build_enroll_begin(struct https *c, struct buf *body)
{
	struct world_enrolment e = world_enrolment_of(&w);
	char *token = world_token(&w, "{}");
	(void)c;
	e.token = bytes_str(token);
	world_enroll_begin_body(&w, &e, body);
	free(token);
}

static inline void build_enroll_finish(struct https *c, struct buf *body)
{
	struct world_enrolment e = world_enrolment_of(&w);
	struct https_answer answer = {0};
	struct enroll_offer offer;
	char *token = world_token(&w, "{}");
	e.token = bytes_str(token);
	assert_true(world_enroll_begin(&w, &e, c, &answer, &offer));
	world_enroll_finish_body(&w, &e, c, &offer, body);
	buf_release(&answer.body);
	world_enrolment_release(&e);
	free(token);
}

static inline void build_release(struct https *c, struct buf *body)
{
	struct scene *s = w.scene;
	(void)c;
	s->release.version = TEXT("1.6.0");
	scene_release(s);
	buf_put(body, buf_bytes(&s->release_envelope));
	s->release.version = TEXT("1.5.0");
	scene_release(s);
}

static inline void build_approval(struct https *c, struct buf *body)
{
	(void)c;
	w.scene->approvals[0].approval.issued++;
	scene_approve(w.scene);
	buf_put(body, w.scene->approval_list[0]);
	w.scene->approvals[0].approval.issued--;
}

static inline void build_statement(struct https *c, struct buf *body)
{
	struct buf text = {0};
	char hex[2 * SHA256_LEN + 1];
	(void)c;
	hex_encode(BYTES_OF(w.scene->components[0].digest), hex);
	buf_printf(&text,
		"{\"_type\":\"https://in-toto.io/Statement/v1\",\"subject\":[{\"name\":\"a\","
		"\"digest\":{\"sha256\":\"%s\"}}],\"predicateType\":\"https://slsa.dev/provenance/"
		"v1\",\"predicate\":{\"buildDefinition\":{\"buildType\":\"t\","
		"\"externalParameters\":{}},\"runDetails\":{\"builder\":{\"id\":\"b\"}}}}",
		hex);
	assert_ok(dsse_sign(DSSE_INTOTO_TYPE, buf_bytes(&text), made.ci, body, &w.err), w.err);
	buf_release(&text);
}

static inline void build_floor(struct https *c, struct buf *body)
{
	struct security_floor floor = {.trust_domain = TEXT(WORLD_DOMAIN),
		.workload = TEXT("ocr-agent"),
		.minimum = TEXT("1.4.1"),
		.reason = TEXT("a hole"),
		.sequence = 1,
		.issued = clock_wall(w.clock)};
	struct buf one = {0};
	(void)c;
	assert_ok(security_floor_sign(&floor, anna, &one, &w.err), w.err);
	assert_ok(security_floor_sign_too(buf_bytes(&one), bert, body, &w.err), w.err);
	buf_release(&one);
}

static inline void with_floor(void)
{
	struct buf body = {0};
	build_floor(NULL, &body);
	world_post(&w, &w.admin, "/v1/security-floors", MEDIA_DSSE, buf_bytes(&body), 201);
	buf_release(&body);
}

static inline void put_rollback(
	struct buf *out, const char *person, const char *role, struct key *key)
{
	struct buf statement = {0}, envelope = {0};
	struct approval approval = {.environment = TEXT("prod"),
		.person = TEXT(person),
		.role = TEXT(role),
		.reason = TEXT("worse"),
		.issued = clock_wall(w.clock) - 5,
		.expires = clock_wall(w.clock) + 3600,
		.workload = TEXT("ocr-agent"),
		.from = TEXT("1.5.0"),
		.floor = 2};
	assert_ok(
		hex_decode_exact(bytes_str(made.hex_release), approval.release, SHA256_LEN, &w.err),
		w.err);
	memcpy(approval.clause, w.scene->policy->classes[0].clause, SHA256_LEN);
	assert_ok(rollback_approval_statement(&approval, &statement, &w.err), w.err);
	assert_ok(
		dsse_sign(DSSE_INTOTO_TYPE, buf_bytes(&statement), key, &envelope, &w.err), w.err);
	buf_put(out, buf_bytes(&envelope));
	buf_release(&statement);
	buf_release(&envelope);
}

static inline void build_rollback(struct https *c, struct buf *body)
{
	(void)c;
	buf_printf(
		body, "{\"release\":\"%s\",\"reason\":\"pages\",\"approvals\":[", made.hex_release);
	put_rollback(body, "alice", "model-risk", w.keys.alice);
	buf_put_str(body, ",");
	put_rollback(body, "bob", "security", w.keys.bob);
	buf_put_str(body, "]}");
}

static inline void build_word(struct https *c, struct buf *body)
{
	char path[96];
	struct buf text = {0}, statement = {0};
	struct elevation_request *request = NULL;
	(void)c;
	(void)snprintf(path, sizeof(path), "/v1/elevations/%s", made.elevation);
	json_t *view = world_json(&w, &w.auditor, "GET", path, NULL, 200);
	assert_ok(json_write(json_object_get(view, "request"), false, &text, &w.err), w.err);
	assert_ok(elevation_request_parse(buf_bytes(&text), &request, &w.err), w.err);
	int64_t now = clock_wall(w.clock);
	struct elevation_approval approval = {.verifier = request->verifier,
		.workload = request->workload,
		.right = request->right,
		.person = TEXT("bob"),
		.role = TEXT("security"),
		.reason = TEXT("looked at it"),
		.duration = request->duration,
		.issued = now,
		.expires = now + 86400};
	memcpy(approval.request, request->digest, SHA256_LEN);
	memcpy(approval.id, request->id, sizeof(approval.id));
	assert_ok(hex_decode_exact(
			  bytes_str(answered(view, "entry")), approval.entry, SHA256_LEN, &w.err),
		w.err);
	assert_ok(elevation_approval_statement(&approval, &statement, &w.err), w.err);
	assert_ok(dsse_sign(DSSE_INTOTO_TYPE, buf_bytes(&statement), w.keys.bob, body, &w.err),
		w.err);
	elevation_request_free(&request);
	buf_release(&text);
	buf_release(&statement);
	json_decref(view);
}

static inline void build_admission(struct https *c, struct buf *body)
{
	(void)c;
	assert_ok(file_read("tests/fuzz/corpus/admission/create.json", 1u << 20, body, &w.err),
		w.err);
}

static inline void build_policy(struct https *c, struct buf *body)
{
	struct buf text = {0};
	(void)c;
	text_of(2, "", &text);
	envelope(buf_bytes(&text), BY(anna, bert), body);
	buf_release(&text);
}

static inline void build_shadow(struct https *c, struct buf *body)
{
	(void)c;
	text_of(2, TIGHTER, body);
}

static inline void build_cosigned(struct https *c, struct buf *body)
{
	struct buf note = checkpoint_cosigned();
	(void)c;
	buf_put(body, buf_bytes(&note));
	buf_release(&note);
}

static inline void build_quoted(struct https *c, struct buf *body)
{
	struct quoted_make quoted = {0};
	struct store_tree tree;
	(void)c;
	store_tree(w.app->store, &tree);
	quoted_honest(&quoted, w.keys.ak, &w.app->ledger_log.key, tree.size, tree.root);
	buf_put(body, buf_bytes(&quoted.file));
	quoted_release(&quoted);
}

static inline void with_quote(void)
{
	struct buf body = {0};
	build_quoted(NULL, &body);
	world_post(&w, &w.admin, "/v1/log/quoted", MEDIA_CHECKPOINT_QUOTE, buf_bytes(&body), 200);
	buf_release(&body);
}

static inline void build_ocsp(struct https *c, struct buf *body)
{
	OCSP_REQUEST *request = OCSP_REQUEST_new();
	uint8_t *der = NULL;
	(void)c;
	assert_non_null(OCSP_request_add0_id(
		request, OCSP_cert_to_id(EVP_sha1(), cert_x509(w.host_cert), cert_x509(w.ca))));
	int len = i2d_OCSP_REQUEST(request, &der);
	assert_true(len > 0);
	buf_put(body, bytes_of(der, (size_t)len));
	OPENSSL_free(der);
	OCSP_REQUEST_free(request);
}

/* The same for a path; one character at least is escaped. */
static inline void ocsp_path(void)
{
	struct buf der = {0}, text = {0};
	build_ocsp(NULL, &der);
	buf_put_base64(&text, buf_bytes(&der), false);
	made.ocsp[0] = 0;
	for (const char *at = buf_str(&text); *at; at++) {
		size_t n = strlen(made.ocsp);
		bool plain = n > 0 && !strchr("+/=", *at);
		(void)snprintf(made.ocsp + n, sizeof(made.ocsp) - n, plain ? "%c" : "%%%02X", *at);
	}
	buf_release(&der);
	buf_release(&text);
}

#endif
