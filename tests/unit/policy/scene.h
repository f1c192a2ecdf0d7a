/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One whole attestation in memory: a host with a software TPM, a policy, a release with its
 * approvals, a runtime log, evidence and the verifier's context. scene_setup makes an honest one
 * that is trusted; a test then changes one thing.
 *
 * What the host says is changed in `claims` (before scene_attest) or by the edit hooks, which see
 * the attestation or the evidence just before it is signed or encoded. What the verifier knows is
 * changed in `context`.
 */
#ifndef ASSAY_TESTS_UNIT_POLICY_SCENE_H
#define ASSAY_TESTS_UNIT_POLICY_SCENE_H

#include <stdlib.h>

#include "base/text.h"
#include "crypto/dsse.h"
#include "policy/policy.h"
#include "tests/support/tpm_sw.h"
#include "tests/support/unit.h"

#define SCENE_NOW        INT64_C(1800000000)
#define SCENE_VERIFIER   "https://verifier.bank.example"
#define SCENE_APPROVALS  4
#define SCENE_COMPONENTS 3
#define SCENE_PCR        15
#define SCENE_TOKEN      "a challenge token"
#define SCENE_CLASS_LINES                                                                          \
	"    approvals: [ {role: model-risk, count: 1}, {role: security, count: 1} ]\n"            \
	"    credential_lifetime: 10m\n"

/* Keys are slow to make, so a test program makes them once. */
struct scene_keys {
	struct tpm_sw_key *ek, *ak, *other_ak, *tpm_key;
	struct key *instance, *other, *builder, *alice, *bob;
};

struct scene_approval {
	struct approval approval;
	struct key *key; /* signs it; NULL: no such approval */
	struct buf envelope;
};

struct scene {
	const struct scene_keys *keys;
	const char *class_lines, *top_lines; /* of the policy; set before scene_policy */
	struct buf policy_text;
	struct policy *policy;
	struct release_component components[SCENE_COMPONENTS];
	struct release release;
	uint8_t release_digest[SHA256_LEN];
	struct buf release_envelope;
	struct scene_approval approvals[SCENE_APPROVALS];
	struct bytes approval_list[SCENE_APPROVALS];

	struct buf log; /* records from claims.runtime_first on */
	uint64_t log_next;
	struct pcr_bank pcrs;
	enum component_presence presence;
	uint8_t instance[INSTANCE_ID_LEN], boot_id[16];
	struct runtime_launch launch;

	struct claims claims;
	struct tpms_attest attest; /* template: clock, counters, firmware are taken from it */
	const struct tpm_sw_key *signer;
	void (*edit_attest)(struct tpms_attest *attest);
	void (*edit_evidence)(struct scene *s, struct evidence *evidence);
	struct buf claims_bytes, message, signature, possession, evidence;
	struct buf certify_message, certify_signature;

	struct policy_context context;
	struct policy_state state_in, state_out;
	struct verdict *verdict;
	struct err err;
};

static inline void scene_keys_make(struct scene_keys *k)
{
	struct err err = {0};

	assert_ok(tpm_sw_ek_new(EK_TEMPLATE_L2, &k->ek, &err), err);
	assert_ok(tpm_sw_ak_new(TPM_SW_ECDSA_P256, 0, &k->ak, &err), err);
	assert_ok(tpm_sw_ak_new(TPM_SW_ECDSA_P256, 0, &k->other_ak, &err), err);
	assert_ok(tpm_sw_ak_new(TPM_SW_ECDSA_P256, TPM_SW_KEY_ATTRIBUTES, &k->tpm_key, &err), err);
	assert_ok(key_generate(KEY_EC_P256, &k->instance, &err), err);
	assert_ok(key_generate(KEY_EC_P256, &k->other, &err), err);
	assert_ok(key_generate(KEY_EC_P256, &k->builder, &err), err);
	assert_ok(key_generate(KEY_EC_P256, &k->alice, &err), err);
	assert_ok(key_generate(KEY_EC_P256, &k->bob, &err), err);
}

static inline void scene_keys_free(struct scene_keys *k)
{
	tpm_sw_key_free(&k->ek);
	tpm_sw_key_free(&k->ak);
	tpm_sw_key_free(&k->other_ak);
	tpm_sw_key_free(&k->tpm_key);
	key_unref(&k->instance);
	key_unref(&k->other);
	key_unref(&k->builder);
	key_unref(&k->alice);
	key_unref(&k->bob);
}

/* A PEM text as a YAML block scalar below `indent` spaces. */
static inline void scene_put_pem(struct buf *out, const struct key *key, int indent)
{
	struct buf pem = {0};
	struct err err = {0};
	const char *line;

	assert_ok(key_public_pem(key, &pem, &err), err);
	buf_put_str(out, "|\n");
	for (line = buf_str(&pem); line && *line;) {
		size_t n = strcspn(line, "\n");

		buf_printf(out, "%*s%.*s\n", indent, "", (int)n, line);
		line += n + (line[n] == '\n');
	}
	buf_release(&pem);
}

/* "policy.yaml:14:20: …" becomes "policy.yaml: …": for tests that ask what is wrong, not where. */
static inline void scene_unplace(struct err *err)
{
	size_t name = strcspn(err->text, ":"), n = name;

	for (int i = 0; i < 2 && err->text[n] == ':' && err->text[n + 1] != ' '; i++)
		n += 1 + strspn(err->text + n + 1, "0123456789");
	memmove(err->text + name, err->text + n, strlen(err->text + n) + 1);
}

static inline void scene_policy_text(
	const struct scene_keys *k, const char *class_lines, const char *top_lines, struct buf *out)
{
	buf_put_str(out, "policy: 1\nversion: 7\ntrust_domain: bank.example\nek_roots: []\n");
	buf_put_str(out, "release_keys:\n  - name: builder-1\n    pem: ");
	scene_put_pem(out, k->builder, 6);
	buf_put_str(out, "approvers:\n  - person: alice\n    roles: [model-risk, security]\n    "
			 "keys:\n      - ");
	scene_put_pem(out, k->alice, 8);
	buf_put_str(out, "  - person: bob\n    roles: [security]\n    keys:\n      - ");
	scene_put_pem(out, k->bob, 8);
	buf_put_str(out, "risk_classes:\n  - name: low\n");
	buf_put_str(out, class_lines);
	buf_put_str(out, top_lines);
}

/* Parses the policy again, after class_lines or top_lines changed. */
static inline void scene_policy(struct scene *s)
{
	policy_free(&s->policy);
	buf_clear(&s->policy_text);
	scene_policy_text(s->keys, s->class_lines, s->top_lines, &s->policy_text);
	assert_ok(policy_parse(buf_bytes(&s->policy_text), "policy.yaml", &s->policy, &s->err),
		s->err);
	s->context.policy = s->policy;
}

static inline void scene_release_default(struct scene *s)
{
	static const char *const names[] = {"binary", "model", "settings"};
	static const char *const roles[] = {"binary", "model", "config"};

	for (size_t i = 0; i < SCENE_COMPONENTS; i++) {
		s->components[i] = (struct release_component){
			.name = (char *)(uintptr_t)names[i],
			.role = (char *)(uintptr_t)roles[i],
			.path = (char *)(uintptr_t) "/opt/agent",
			.kind = i == 1 ? COMPONENT_FSVERITY : COMPONENT_SHA256,
			.size = 100 * i,
			.files = 1,
		};
		memset(s->components[i].digest, 0xc0 + (int)i, SHA256_LEN);
	}
	s->release = (struct release){
		.name = (char *)(uintptr_t) "ocr",
		.version = (char *)(uintptr_t) "1.4.0",
		.workload = (char *)(uintptr_t) "ocr-agent",
		.owner = (char *)(uintptr_t) "documents team",
		.author = (char *)(uintptr_t) "dave",
		.purpose = (char *)(uintptr_t) "read invoices",
		.risk_class = (char *)(uintptr_t) "low",
		.components = s->components,
		.component_count = SCENE_COMPONENTS,
	};
	memset(s->release.spec, 0x5e, SHA256_LEN);
}

/* Writes and signs the release, and binds approvals, claims and launch to it. */
static inline void scene_release(struct scene *s)
{
	struct buf statement = {0};

	assert_ok(release_statement(&s->release, &statement, &s->err), s->err);
	assert_ok(sha256_of(buf_bytes(&statement), s->release_digest, &s->err), s->err);
	buf_clear(&s->release_envelope);
	assert_ok(dsse_sign(DSSE_INTOTO_TYPE, buf_bytes(&statement), s->keys->builder,
			  &s->release_envelope, &s->err),
		s->err);
	buf_release(&statement);
	s->context.release = buf_bytes(&s->release_envelope);
	memcpy(s->claims.release, s->release_digest, SHA256_LEN);
	for (size_t i = 0; i < SCENE_APPROVALS; i++)
		memcpy(s->approvals[i].approval.release, s->release_digest, SHA256_LEN);
}

static inline struct scene_approval scene_approval_by(
	const struct scene *s, const char *person, const char *role, struct key *key)
{
	struct scene_approval a = {
		.key = key,
		.approval =
			{
				.environment = (char *)(uintptr_t) "prod",
				.person = (char *)(uintptr_t)person,
				.role = (char *)(uintptr_t)role,
				.reason = (char *)(uintptr_t) "tested",
				.issued = SCENE_NOW - 1000,
				.expires = SCENE_NOW + 1000,
			},
	};

	memcpy(a.approval.release, s->release_digest, SHA256_LEN);
	memcpy(a.approval.clause, s->policy->classes[0].clause, SHA256_LEN);
	return a;
}

static inline void scene_approval_set(
	struct scene *s, size_t i, const char *person, const char *role, struct key *key)
{
	buf_release(&s->approvals[i].envelope);
	s->approvals[i] = scene_approval_by(s, person, role, key);
}

/* Signs the approvals as they stand. */
static inline void scene_approve(struct scene *s)
{
	size_t n = 0;

	for (size_t i = 0; i < SCENE_APPROVALS; i++) {
		struct scene_approval *a = &s->approvals[i];
		struct buf statement = {0};

		buf_clear(&a->envelope);
		if (!a->key)
			continue;
		assert_ok(approval_statement(&a->approval, &statement, &s->err), s->err);
		assert_ok(dsse_sign(DSSE_INTOTO_TYPE, buf_bytes(&statement), a->key, &a->envelope,
				  &s->err),
			s->err);
		buf_release(&statement);
		s->approval_list[n++] = buf_bytes(&a->envelope);
	}
	s->context.approvals = s->approval_list;
	s->context.approval_count = n;
}

/* ---- the host ---- */

static inline void scene_log_put(struct scene *s, struct bytes content)
{
	const enum digest_alg banks[] = {DIGEST_SHA256};
	struct digest digest;

	assert_ok(runtime_record_put(
			  &s->log, s->log_next++, SCENE_PCR, banks, 1, content, &digest, &s->err),
		s->err);
	assert_ok(pcr_extend(DIGEST_SHA256, s->pcrs.values[SCENE_PCR], digest.bytes, &s->err),
		s->err);
}

static inline struct runtime_baseline scene_baseline(const struct scene *s)
{
	static const uint8_t zeros[SHA256_LEN];
	struct runtime_baseline b = {
		.reset_count = 1, .bank = DIGEST_SHA256, .pcr_before = BYTES_OF(zeros)};

	memcpy(b.boot_id, s->boot_id, sizeof(b.boot_id));
	return b;
}

static inline void scene_log_baseline(struct scene *s, const struct runtime_baseline *baseline)
{
	struct buf content = {0};

	assert_ok(runtime_baseline_encode(baseline, SCENE_NOW, &content, &s->err), s->err);
	scene_log_put(s, buf_bytes(&content));
	buf_release(&content);
}

/* Writes a component record and lists it in the launch to come. */
static inline void scene_log_component(struct scene *s, const struct release_component *c)
{
	struct buf content = {0};
	struct runtime_component component = {
		.name = bytes_str(c->name),
		.role = bytes_str(c->role),
		.path = bytes_str(c->path),
		.canonical_path = bytes_str(c->path),
		.digest_kind = c->kind,
		.size = c->size,
		.files = c->files,
		.presence = s->presence,
	};

	memcpy(component.instance, s->instance, INSTANCE_ID_LEN);
	memcpy(component.digest, c->digest, SHA256_LEN);
	assert_ok(runtime_component_encode(&component, SCENE_NOW, &content, &s->err), s->err);
	assert_ok(sha256_of(buf_bytes(&content), s->launch.components[s->launch.component_count++],
			  &s->err),
		s->err);
	scene_log_put(s, buf_bytes(&content));
	buf_release(&content);
}

static inline void scene_log_launch(struct scene *s)
{
	struct buf content = {0};

	assert_ok(runtime_launch_encode(&s->launch, SCENE_NOW, &content, &s->err), s->err);
	scene_log_put(s, buf_bytes(&content));
	buf_release(&content);
}

static inline void scene_log_exit(struct scene *s, const uint8_t *instance)
{
	struct runtime_exit e = {.status = 0};
	struct buf content = {0};

	memcpy(e.instance, instance, INSTANCE_ID_LEN);
	assert_ok(runtime_exit_encode(&e, SCENE_NOW, &content, &s->err), s->err);
	scene_log_put(s, buf_bytes(&content));
	buf_release(&content);
}

/* Starts the log over, as after a reboot. */
static inline void scene_log_clear(struct scene *s)
{
	buf_clear(&s->log);
	s->log_next = 0;
	s->claims.runtime_first = 0;
	memset(s->pcrs.values[SCENE_PCR], 0, DIGEST_LEN_MAX);
	s->launch.component_count = 0;
}

/* Baseline, the release's components, launch. */
static inline void scene_log_default(struct scene *s)
{
	struct runtime_baseline baseline = scene_baseline(s);

	scene_log_clear(s);
	memcpy(s->launch.instance, s->instance, INSTANCE_ID_LEN);
	s->launch.workload = bytes_str(s->release.workload);
	s->launch.working_directory = bytes_str("/");
	memcpy(s->launch.release, s->release_digest, SHA256_LEN);
	memcpy(s->launch.spec, s->release.spec, SHA256_LEN);
	scene_log_baseline(s, &baseline);
	for (size_t i = 0; i < s->release.component_count; i++)
		scene_log_component(s, &s->release.components[i]);
	scene_log_launch(s);
}

/* The key of the instance is in the TPM, or not. */
static inline void scene_key(struct scene *s, struct key *key, enum key_protection protection)
{
	s->claims.key = key_spki(key);
	s->claims.key_protection = protection;
}

static inline void scene_quote(struct scene *s, struct bytes nonce)
{
	struct tpml_pcr_selection selection;
	struct tpms_attest a = tpm_sw_attest(s->keys->ak, TPM_ST_ATTEST_QUOTE, nonce);
	struct digest digest;

	assert_ok(evidence_selection(DIGEST_SHA256, &selection, &s->err), s->err);
	assert_ok(tpm_sw_pcr_digest(s->keys->ak, &selection, &s->pcrs, &digest, &s->err), s->err);
	a.clock = s->attest.clock;
	a.reset_count = s->attest.reset_count;
	a.restart_count = s->attest.restart_count;
	a.safe = s->attest.safe;
	a.firmware_version = s->attest.firmware_version;
	a.quote_selection = selection;
	a.quote_pcr_digest = digest_bytes(&digest);
	if (s->edit_attest)
		s->edit_attest(&a);
	buf_clear(&s->message);
	buf_clear(&s->signature);
	tpms_attest_put(&s->message, &a);
	assert_ok(tpm_sw_sign(s->signer, buf_bytes(&s->message), &s->signature, &s->err), s->err);
}

static inline void scene_certify(struct scene *s, struct bytes nonce, struct evidence *e)
{
	buf_clear(&s->certify_message);
	buf_clear(&s->certify_signature);
	assert_ok(tpm_sw_certify(s->keys->ak, s->keys->tpm_key, nonce, &s->certify_message,
			  &s->certify_signature, &s->err),
		s->err);
	e->key_certification = (struct key_certification){
		.public_area = buf_bytes(&s->keys->tpm_key->public_area),
		.message = buf_bytes(&s->certify_message),
		.signature = buf_bytes(&s->certify_signature),
	};
}

static inline void scene_claims(struct scene *s)
{
	s->claims.runtime_next = s->log_next;
	s->claims.runtime_length = s->log.len;
	assert_ok(sha256_of(buf_bytes(&s->log), s->claims.runtime_digest, &s->err), s->err);
	buf_clear(&s->claims_bytes);
	assert_ok(claims_encode(&s->claims, &s->claims_bytes, &s->err), s->err);
}

/* Makes evidence of everything above. */
static inline void scene_attest_with(struct scene *s, struct key *key)
{
	struct evidence e = {.challenge = BYTES_LIT(SCENE_TOKEN)};
	uint8_t nonce[SHA256_LEN];

	scene_claims(s);
	assert_ok(sha256_of(buf_bytes(&s->claims_bytes), nonce, &s->err), s->err);
	scene_quote(s, BYTES_OF(nonce));
	buf_clear(&s->possession);
	assert_ok(key_sign(key, SIGN_ECDSA, DIGEST_SHA256, buf_bytes(&s->claims_bytes),
			  &s->possession, &s->err),
		s->err);
	e.claims = buf_bytes(&s->claims_bytes);
	e.message = buf_bytes(&s->message);
	e.signature = buf_bytes(&s->signature);
	e.pcrs = s->pcrs;
	e.runtime_log = buf_bytes(&s->log);
	e.possession = buf_bytes(&s->possession);
	if (s->claims.key_protection == KEY_TPM)
		scene_certify(s, BYTES_OF(nonce), &e);
	if (s->edit_evidence)
		s->edit_evidence(s, &e);
	buf_clear(&s->evidence);
	assert_ok(evidence_encode(&e, &s->evidence, &s->err), s->err);
}

static inline void scene_attest(struct scene *s)
{
	scene_attest_with(
		s, s->claims.key_protection == KEY_TPM ? s->keys->tpm_key->key : s->keys->instance);
}

/* ---- the verifier ---- */

static inline void scene_context_default(struct scene *s)
{
	struct policy_context *c = &s->context;

	c->now = SCENE_NOW;
	c->verifier_id = bytes_str(SCENE_VERIFIER);
	c->host.state = HOST_ACTIVE;
	c->host.epoch = 1;
	c->host.ek_public = buf_bytes(&s->keys->ek->public_area);
	c->host.ak_public = buf_bytes(&s->keys->ak->public_area);
	c->host.enrolled = SCENE_NOW - 86400;
	assert_ok(sha256_of(tpm_name_bytes(&s->keys->ek->name), c->host.id, &s->err), s->err);
	assert_ok(sha256_of(BYTES_LIT(SCENE_TOKEN), c->challenge.nonce, &s->err), s->err);
	memcpy(c->challenge.host_id, c->host.id, HOST_ID_LEN);
	memcpy(c->challenge.instance, s->instance, INSTANCE_ID_LEN);
	c->challenge.purpose = PURPOSE_LAUNCH;
	c->challenge.counter = 5;
	c->challenge.issued = SCENE_NOW - 2;
	c->challenge.expires = SCENE_NOW + 118;
	c->challenge.tree_size = 9;
	memset(c->exporter, 0xee, TLS_EXPORTER_LEN);
	c->workload.name = bytes_str("ocr-agent");
	c->workload.state = WORKLOAD_ACTIVE;
	c->workload.risk_class = bytes_str("low");
	c->workload.environment = bytes_str("prod");
	c->release_state = RELEASE_PUBLISHED;
	c->ledger_index = 9;
}

static inline void scene_claims_default(struct scene *s)
{
	struct claims *c = &s->claims;

	memcpy(c->nonce, s->context.challenge.nonce, SHA256_LEN);
	c->verifier_id = bytes_str(SCENE_VERIFIER);
	c->purpose = PURPOSE_LAUNCH;
	memcpy(c->host_id, s->context.host.id, HOST_ID_LEN);
	memcpy(c->instance, s->instance, INSTANCE_ID_LEN);
	c->workload = bytes_str("ocr-agent");
	scene_key(s, s->keys->instance, KEY_SOFTWARE);
	memcpy(c->boot_id, s->boot_id, sizeof(c->boot_id));
	memcpy(c->exporter, s->context.exporter, TLS_EXPORTER_LEN);
	c->want_x509 = true;
}

static inline struct scene *scene_new(const struct scene_keys *keys)
{
	struct scene *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	s->verdict = calloc(1, sizeof(*s->verdict));
	assert_non_null(s->verdict);
	s->keys = keys;
	s->signer = keys->ak;
	s->class_lines = SCENE_CLASS_LINES;
	s->top_lines = "";
	s->presence = PRESENT_COPY;
	s->pcrs = (struct pcr_bank){.alg = DIGEST_SHA256, .present = 0xffff};
	for (unsigned i = 0; i < SCENE_PCR; i++)
		memset(s->pcrs.values[i], (int)i, SHA256_LEN);
	memset(s->instance, 0x11, sizeof(s->instance));
	memset(s->boot_id, 0xb0, sizeof(s->boot_id));
	s->attest = (struct tpms_attest){.clock = 1000000,
		.reset_count = 1,
		.safe = true,
		.firmware_version = TPM_SW_FIRMWARE};
	scene_context_default(s);
	scene_claims_default(s);
	scene_policy(s);
	scene_release_default(s);
	scene_release(s);
	scene_approval_set(s, 0, "alice", "model-risk", keys->alice);
	scene_approval_set(s, 1, "bob", "security", keys->bob);
	scene_approve(s);
	scene_log_default(s);
	return s;
}

static inline void scene_free(struct scene *s)
{
	policy_free(&s->policy);
	buf_release(&s->policy_text);
	buf_release(&s->release_envelope);
	for (size_t i = 0; i < SCENE_APPROVALS; i++)
		buf_release(&s->approvals[i].envelope);
	buf_release(&s->log);
	buf_release(&s->claims_bytes);
	buf_release(&s->message);
	buf_release(&s->signature);
	buf_release(&s->possession);
	buf_release(&s->evidence);
	buf_release(&s->certify_message);
	buf_release(&s->certify_signature);
	free(s->verdict);
	free(s);
}

static inline void scene_print(const struct scene *s)
{
	struct buf json = {0}, text = {0};
	struct err err = {0};

	if (verdict_json(s->verdict, &json, &err) &&
		verdict_explain(buf_bytes(&json), false, &text, &err))
		print_message("%s\n", buf_str(&text));
	buf_release(&json);
	buf_release(&text);
}

/* Appraises what scene_attest made. */
static inline void scene_judge(struct scene *s)
{
	assert_ok(policy_appraise(buf_bytes(&s->evidence), &s->context, &s->state_in, s->verdict,
			  &s->state_out, &s->err),
		s->err);
}

static inline void scene_run(struct scene *s)
{
	scene_attest(s);
	scene_judge(s);
}

#define assert_trusted(s)                                                                          \
	do {                                                                                       \
		if (!(s)->verdict->trusted) {                                                      \
			scene_print(s);                                                            \
			fail_msg("not trusted");                                                   \
		}                                                                                  \
		assert_int_equal((s)->verdict->reason_count, 0);                                   \
	} while (0)

/* Refused for exactly this one reason. */
#define assert_refused(s, wanted)                                                                  \
	do {                                                                                       \
		if ((s)->verdict->reason_count != 1 ||                                             \
			(s)->verdict->reasons[0].code != (wanted)) {                               \
			scene_print(s);                                                            \
			fail_msg("wanted %s alone", reason_code_name(wanted));                     \
		}                                                                                  \
		assert_false((s)->verdict->trusted);                                               \
		assert_int_equal((s)->verdict->credential_lifetime, 0);                            \
		assert_int_equal((s)->verdict->assurance, ASSURANCE_NONE);                         \
		assert_string_not_equal((s)->verdict->reasons[0].hint, "");                        \
	} while (0)

/* Refused, and for this reason among others. */
#define assert_refused_among(s, wanted)                                                            \
	do {                                                                                       \
		if (!verdict_has((s)->verdict, wanted)) {                                          \
			scene_print(s);                                                            \
			fail_msg("wanted %s", reason_code_name(wanted));                           \
		}                                                                                  \
		assert_false((s)->verdict->trusted);                                               \
	} while (0)

/* Accepts what stands, keeps its state, and begins a renewal with what the log gained since. */
static inline void scene_renewal(struct scene *s)
{
	scene_run(s);
	assert_trusted(s);
	s->state_in = s->state_out;
	memset(s->state_in.record, 0x7e, SHA256_LEN);
	s->context.challenge.purpose = s->claims.purpose = PURPOSE_RENEW;
	s->context.challenge.counter++;
	s->claims.running = true;
	s->claims.runtime_first = s->log_next;
	buf_clear(&s->log);
	s->attest.clock += 1000;
	s->context.host.seen = true;
	s->context.host.reset_count = s->attest.reset_count;
	s->context.host.restart_count = s->attest.restart_count;
	s->context.host.clock = s->attest.clock;
	s->context.host.firmware_version = s->attest.firmware_version;
}

#endif
