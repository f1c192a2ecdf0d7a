/* SPDX-License-Identifier: Apache-2.0 */
/*
 * S12: what the gate stands on fails in its turn, in what is said of releases: approvals, withdrawals, signers by key and by
 * certificate, floors, rollouts, the gate's answer. The allocations below these calls are test_alloc_*.c's.
 */
#include "policy/checklist.h"
#include "policy/predicate.h"
#include "policy/security_floor.h"
#include "policy/statement.h"
#include "policy/statement_memo.h"
#include "policy/statement_signers.h"
#include "policy/withdrawal.h"
#include "tests/fault/seam.h"
#include "tests/unit/policy/identity_texts.h"

SEAM(verdict_json, (const struct verdict *verdict_, struct buf *out, struct err *err),
	(verdict_, out, err))
SEAM(json_open, (struct bytes in, size_t max, json_t **ret, struct err *err), (in, max, ret, err))
SEAM(json_write, (const json_t *value, bool pretty, struct buf *out, struct err *err),
	(value, pretty, out, err))
SEAM(sha256_of, (struct bytes in, uint8_t out[SHA256_LEN], struct err *err), (in, out, err))
SEAM(digest_of_parts,
	(enum digest_alg alg, const struct bytes *parts, size_t n, struct digest *ret,
		struct err *err),
	(alg, parts, n, ret, err))
SEAM(dsse_parse, (struct bytes json, struct dsse **ret, struct err *err), (json, ret, err))
SEAM(dsse_sign,
	(const char *type, struct bytes payload, struct key *key, struct buf *out, struct err *err),
	(type, payload, key, out, err))
SEAM(dsse_add_signature, (struct bytes envelope, struct key *key, struct buf *out, struct err *err),
	(envelope, key, out, err))
SEAM(dsse_verify,
	(const struct dsse *dsse, struct key *const *keys_, size_t n, uint64_t *ret_mask,
		struct err *err),
	(dsse, keys_, n, ret_mask, err))
SEAM(predicate_parse, (struct bytes in, struct predicate **ret, struct err *err), (in, ret, err))
SEAM(statement_open,
	(struct bytes in, const char *type, size_t max, struct statement *ret, struct err *err),
	(in, type, max, ret, err))
SEAM(statement_envelope_open, (struct bytes in, struct sigstore_bundle **ret, struct err *err),
	(in, ret, err))
SEAM(statement_signers_find,
	(const struct sigstore_bundle *bundle, const struct policy *policy, uint64_t asked,
		int64_t now, struct statement_signers *ret, struct err *err),
	(bundle, policy, asked, now, ret, err))
SEAM(sigstore_verify,
	(const struct sigstore_bundle *bundle, const struct sigstore_trust *trust,
		struct sigstore_verdict *ret, struct err *err),
	(bundle, trust, ret, err))
SEAM(sigstore_bundle_of_dsse,
	(struct bytes envelope, struct cert *const *chain, size_t n, struct sigstore_bundle **ret,
		struct err *err),
	(envelope, chain, n, ret, err))
SEAM(certs_from_bytes,
	(struct bytes in, size_t max, struct cert **ret, size_t *ret_count, struct err *err),
	(in, max, ret, ret_count, err))

/* It takes both values, whatever comes of it. */
bool real_statement_write(const char *type, json_t *subjects, json_t *predicate, struct buf *out,
	struct err *err) __asm__("__real_statement_write");
bool seam_statement_write(const char *type, json_t *subjects, json_t *predicate, struct buf *out,
	struct err *err) __asm__("__wrap_statement_write");
bool seam_statement_write(
	const char *type, json_t *subjects, json_t *predicate, struct buf *out, struct err *err)
{
	if (!seam_fails(0, err))
		return real_statement_write(type, subjects, predicate, out, err);
	json_decref(subjects);
	json_decref(predicate);
	return false;
}

/* Who asks whether the looks were whole has said when they began. */
static unsigned looks;
void real_cert_looks_begin(void) __asm__("__real_cert_looks_begin");
void seam_cert_looks_begin(void) __asm__("__wrap_cert_looks_begin");
bool real_cert_looks_whole(struct err *err) __asm__("__real_cert_looks_whole");
bool seam_cert_looks_whole(struct err *err) __asm__("__wrap_cert_looks_whole");
void seam_cert_looks_begin(void)
{
	looks++;
	real_cert_looks_begin();
}
bool seam_cert_looks_whole(struct err *err)
{
	assert_true(looks > 0);
	looks--;
	return !seam_fails(0, err) && real_cert_looks_whole(err);
}

SEAM(key_public_pem, (const struct key *key, struct buf *out, struct err *err), (key, out, err))
SEAM(policy_signers_add,
	(struct policy_signers * signers_, const char *name, struct bytes pem, struct err *err),
	(signers_, name, pem, err))
SEAM(policy_signers_demand, (struct policy_signers * signers_, int64_t threshold, struct err *err),
	(signers_, threshold, err))
SEAM(policy_signers_verify,
	(const struct dsse *dsse, const struct policy_signers *signers_, uint64_t *ret_signed,
		struct err *err),
	(dsse, signers_, ret_signed, err))

void *real_policy_alloc(size_t n, size_t size, struct err *err) __asm__("__real_policy_alloc");
void *seam_policy_alloc(size_t n, size_t size, struct err *err) __asm__("__wrap_policy_alloc");
void *seam_policy_alloc(size_t n, size_t size, struct err *err)
{
	return seam_fails(0, err) ? NULL : real_policy_alloc(n, size, err);
}

#define TEST_RESULT "https://in-toto.io/attestation/test-result/v0.1"
#define DEMANDS                                                                                    \
	SCENE_CLASS_LINES                                                                          \
	"    third_party_jurisdictions: [CH]\n"                                                    \
	"    statements:\n      - {kind: test-result, name: tests, passed: true}\n"
#define NAMED                                                                                      \
	"    kinds: [test-result]\n    identity: \"" SIGSTORE_NAME                                 \
	"\"\n    issuer: \"" SIGSTORE_ISSUER "\"\n    log: optional\n"
#define TEXT(...) ((char *)(uintptr_t)(__VA_ARGS__))

enum { SAID = 0, TAKEN_BACK, LOGGED, WITH_CERT, SAYINGS };

static struct scene_keys keys;
static struct sigstore_maker maker;
static struct cert *leaf, *long_leaf;
static struct scene *s;
static struct buf top, statement, envelopes[SAYINGS], out;
static struct bytes views[SAYINGS];
static struct verdict verdict;
static struct policy_signers signers;

static int group_setup(void **ignored)
{
	struct err err = {0};
	struct sigstore_cert_recipe long_lived = {.name = "signer",
		.begin = SIGSTORE_LEAF_BEGIN,
		.end = INT64_C(1850000000),
		.extensions = sigstore_leaf_extensions};

	(void)ignored;
	scene_keys_make(&keys);
	assert_ok(sigstore_maker_start(&maker, &err), err);
	assert_ok(sigstore_make_leaf(&maker, sigstore_leaf_extensions, &leaf, &err), err);
	long_lived.key = maker.signer_key;
	long_lived.issuer = maker.root;
	long_lived.issuer_key = maker.root_key;
	assert_ok(sigstore_make_cert(&long_lived, &long_leaf, &err), err);
	return 0;
}

static int group_teardown(void **ignored)
{
	(void)ignored;
	cert_unref(&leaf);
	cert_unref(&long_leaf);
	sigstore_maker_release(&maker);
	scene_keys_free(&keys);
	return 0;
}

static void say(size_t i, struct buf *text, struct key *key)
{
	assert_ok(
		dsse_sign(DSSE_INTOTO_TYPE, buf_bytes(text), key, &envelopes[i], &s->err), s->err);
}

static void say_withdrawal(void)
{
	struct withdrawal w = {.reason = TEXT("wrong"), .issued = SCENE_NOW};
	struct buf text = {0};

	assert_ok(sha256_of(buf_bytes(&statement), w.statement, &s->err), s->err);
	memcpy(w.release, s->release_digest, SHA256_LEN);
	assert_ok(withdrawal_statement(&w, &text, &s->err), s->err);
	say(TAKEN_BACK, &text, keys.other);
	buf_release(&text);
}

/* The envelope of a long-lived certificate, which no log knows. */
static void say_with_cert(void)
{
	struct buf pem = {0}, bare = {0};
	json_t *root = NULL;

	assert_ok(cert_pem(long_leaf, &pem, &s->err), s->err);
	assert_ok(sigstore_make_envelope(&maker, buf_str(&statement), &bare, &s->err), s->err);
	assert_ok(json_open(buf_bytes(&bare), JSON_INPUT_MAX, &root, &s->err), s->err);
	json_object_set_new(json_array_get(json_object_get(root, "signatures"), 0), "cert",
		json_string(buf_str(&pem)));
	assert_ok(json_write(root, false, &envelopes[WITH_CERT], &s->err), s->err);
	json_decref(root);
	buf_release(&bare);
	buf_release(&pem);
}

static void say_all(void)
{
	struct sigstore_recipe recipe = {.leaf = leaf};
	char hex[2 * SHA256_LEN + 1];

	hex_encode(BYTES_OF(s->components[0].digest), hex);
	buf_printf(&statement,
		"{\"_type\":\"https://in-toto.io/Statement/v1\",\"subject\":[{\"name\":\"x\","
		"\"digest\":{\"sha256\":\"%s\"}}],\"predicateType\":\"" TEST_RESULT
		"\",\"predicate\":{\"result\":\"PASSED\",\"configuration\":[]}}",
		hex);
	recipe.statement = buf_str(&statement);
	say(SAID, &statement, keys.other);
	say_withdrawal();
	assert_ok(sigstore_make(&maker, &recipe, &envelopes[LOGGED], &s->err), s->err);
	say_with_cert();
	for (size_t i = 0; i < SAYINGS; i++)
		views[i] = buf_bytes(&envelopes[i]);
}

/* Each run reads every statement and makes every key: what is remembered, and what shares a place there, is chance. */
static void forget(void)
{
	statement_memo_free(s->policy->memo);
	s->policy->memo = NULL;
	keys_forget();
}

static int setup(void **ignored)
{
	struct key *const signing[] = {keys.alice, keys.bob};

	(void)ignored;
	seam.strict = true;
	seam.before = forget;
	s = scene_new(&keys);
	identity_put_log(&top, &maker);
	buf_put_str(&top, "statement_identities:\n");
	identity_put(&top, &maker, "workflow", NAMED);
	buf_put_str(&top, "statement_keys:\n  - name: lab\n    kinds: [test-result]\n    pem: ");
	scene_put_pem(&top, keys.other, 6);
	s->class_lines = DEMANDS;
	s->top_lines = buf_str(&top);
	scene_policy(s);
	for (size_t i = 0; i < SCENE_APPROVALS; i++) {
		struct approval *a = &s->approvals[i].approval;

		memcpy(a->clause, s->policy->classes[0].clause, SHA256_LEN);
		a->workload = TEXT("ocr-agent");
		a->from = TEXT("1.5.0");
		a->change_request = TEXT("CR-1");
		a->floor = 3;
	}
	scene_approve(s);
	for (size_t i = 0; i < ARRAY_LEN(signing); i++) {
		struct buf pem = {0};

		assert_ok(key_public_pem(signing[i], &pem, &s->err), s->err);
		assert_ok(
			policy_signers_add(&signers, i ? "bert" : "anna", buf_bytes(&pem), &s->err),
			s->err);
		buf_release(&pem);
	}
	assert_ok(policy_signers_demand(&signers, 2, &s->err), s->err);
	say_all();
	return 0;
}

static int teardown(void **ignored)
{
	(void)ignored;
	seam.armed = false;
	policy_signers_release(&signers);
	buf_release(&top);
	buf_release(&statement);
	buf_release(&out);
	for (size_t i = 0; i < SAYINGS; i++)
		buf_release(&envelopes[i]);
	scene_free(s);
	return 0;
}

/* Nothing is left where a call failed. */
static void no_output(void)
{
	assert_int_equal(out.len, 0);
}

/* ---- approvals ---- */

static bool run_approval(struct err *err)
{
	bool ok;

	buf_clear(&out);
	ok = approval_statement(&s->approvals[0].approval, &out, err);
	if (ok)
		buf_clear(&out);
	return ok;
}

static bool run_rollback_approval(struct err *err)
{
	bool ok;

	buf_clear(&out);
	ok = rollback_approval_statement(&s->approvals[0].approval, &out, err);
	if (ok)
		buf_clear(&out);
	return ok;
}

static void S12__approval__not_written_where_a_call_fails(void **ignored)
{
	(void)ignored;
	each_seam(run_approval, no_output);
	each_seam(run_rollback_approval, no_output);
}

/* ---- withdrawals ---- */

static bool run_withdrawal(struct err *err)
{
	const struct withdrawal w = {.reason = TEXT("found wrong"), .issued = 1000};
	bool ok;

	buf_clear(&out);
	ok = withdrawal_statement(&w, &out, err);
	if (ok)
		buf_clear(&out);
	return ok;
}

static void S12__withdrawal__not_written_where_a_call_fails(void **ignored)
{
	(void)ignored;
	each_seam(run_withdrawal, no_output);
}

static bool run_check(struct err *err)
{
	bool withdraws = false;

	return withdrawal_check(views[TAKEN_BACK], s->release_digest, s->policy, SCENE_NOW,
		       &withdraws, err) &&
	       withdraws;
}

static void S12__withdrawal_check__refused_where_a_call_fails(void **ignored)
{
	(void)ignored;
	each_seam(run_check, NULL);
}

static bool is_new;

/* Beside what it withdraws, and beside another withdrawal. */
static bool run_place(struct err *err)
{
	const struct bytes stored[] = {views[SAID], views[TAKEN_BACK]};

	is_new = true;
	return withdrawal_place(
		views[TAKEN_BACK], stored, ARRAY_LEN(stored), s->policy, SCENE_NOW, &is_new, err);
}

static void not_new(void)
{
	assert_false(is_new);
}

static void S12__withdrawal_place__none_where_a_call_fails(void **ignored)
{
	(void)ignored;
	each_seam(run_place, not_new);
	assert_true(run_place(&s->err));
	assert_false(is_new);
}

/* ---- who signed ---- */

static struct sigstore_bundle *bundle;

static bool run_open(struct err *err)
{
	for (size_t i = 0; i < SAYINGS; i++) {
		sigstore_bundle_free(&bundle);
		if (!statement_envelope_open(views[i], &bundle, err))
			return false;
	}
	sigstore_bundle_free(&bundle);
	return true;
}

static void no_bundle(void)
{
	assert_null(bundle);
}

static void S12__envelope__not_open_where_a_call_fails(void **ignored)
{
	(void)ignored;
	each_seam(run_open, no_bundle);
}

static size_t which;

static bool run_signers(struct err *err)
{
	struct statement_signers by;

	return statement_signers_find(bundle, s->policy, UINT64_MAX, SCENE_NOW, &by, err) &&
	       by.mask != 0;
}

static void S12__signers__undecided_where_a_call_fails(void **ignored)
{
	(void)ignored;
	for (which = 0; which < SAYINGS; which++) {
		assert_ok(statement_envelope_open(views[which], &bundle, &s->err), s->err);
		each_seam(run_signers, NULL);
		sigstore_bundle_free(&bundle);
	}
}

/* ---- the gate ---- */

static struct checklist list;
static struct release *release;
static size_t statement_count = SAYINGS;

static bool run_checklist(struct err *err)
{
	const struct release_input input = {.envelope = s->context.release,
		.approvals = s->context.approvals,
		.approval_count = s->context.approval_count,
		.statements = views,
		.statement_count = statement_count,
		.environment = BYTES_LIT("prod")};
	bool ok;

	memset(&list, 0xff, sizeof(list));
	memset(&verdict, 0, sizeof(verdict));
	ok = release_checklist(&input, s->policy, SCENE_NOW, &list, &verdict, &release, err);
	if (!ok)
		assert_null(release);
	release_free(&release);
	return ok;
}

static void no_list(void)
{
	assert_true(all_zero(&list, sizeof(list)));
}

static void S12__checklist__empty_where_a_call_fails(void **ignored)
{
	(void)ignored;
	assert_ok(run_checklist(&s->err), s->err);
	assert_true(list.met);
	each_seam(run_checklist, no_list);
}

/* How many calls could have failed. */
static size_t calls_of(bool (*run)(struct err *err))
{
	seam.armed = true;
	seam.at = SIZE_MAX;
	seam.seen = 0;
	assert_ok(run(&s->err), s->err);
	seam.armed = false;
	return seam.seen;
}

/* A class that demands no statement: what lies beside the release costs nobody anything. */
/* An envelope without certificates is parsed once: what it costs is what DSSE costs. */
static bool run_open_plain(struct err *err)
{
	sigstore_bundle_free(&bundle);
	return statement_envelope_open(views[SAID], &bundle, err);
}

static bool run_dsse_alone(struct err *err)
{
	sigstore_bundle_free(&bundle);
	return sigstore_bundle_of_dsse(views[SAID], NULL, 0, &bundle, err);
}

static void P13__plain_envelope__read_once(void **ignored)
{
	size_t opened, read;

	(void)ignored;
	opened = calls_of(run_open_plain);
	read = calls_of(run_dsse_alone);
	sigstore_bundle_free(&bundle);
	assert_int_equal(opened, read + 1); /* the call itself */
}

/* A certificate that names nobody whom the policy names is looked at, and no signature of it judged. */
static void P13__certificate_of_somebody_else__no_signature_judged(void **ignored)
{
	struct statement_signers by;

	(void)ignored;
	assert_ok(statement_envelope_open(views[LOGGED], &bundle, &s->err), s->err);
	s->policy->statement_keys[1].identity->issuer[0] ^= 1;
	seam.armed = true;
	seam.at = SIZE_MAX;
	seam.seen = 0;
	assert_ok(statement_signers_find(bundle, s->policy, 2, SCENE_NOW, &by, &s->err), s->err);
	seam.armed = false;
	assert_int_equal(by.mask, 0);
	assert_int_equal(
		seam.seen, 3); /* the call itself, the keys: none, and whether the look was whole */
	sigstore_bundle_free(&bundle);
}

static void P13__statements_that_nobody_demands__not_looked_at(void **ignored)
{
	size_t with, without;

	(void)ignored;
	s->class_lines = SCENE_CLASS_LINES;
	scene_policy(s);
	with = calls_of(run_checklist);
	statement_count = 0;
	scene_policy(s); /* one that remembers nothing of the first time */
	without = calls_of(run_checklist);
	statement_count = SAYINGS;
	assert_int_equal(with, without);
}

static bool run_statement_check(struct err *err)
{
	struct release read = s->release;

	memcpy(read.digest, s->release_digest, SHA256_LEN);
	for (size_t i = 0; i < SAYINGS; i++)
		if (!release_statement_check(&read, views[i], s->policy, SCENE_NOW, err))
			return false;
	return true;
}

static void S12__statement_for_keeps__refused_where_a_call_fails(void **ignored)
{
	(void)ignored;
	each_seam(run_statement_check, NULL);
}

static json_t *answer;

static bool run_gate(struct err *err)
{
	bool ok = gate_json(&s->release, "prod", &list, &verdict, &answer, err);

	if (ok)
		json_release(&answer);
	return ok;
}

static void no_answer(void)
{
	assert_null(answer);
}

static void S12__gate_answer__none_where_a_call_fails(void **ignored)
{
	(void)ignored;
	assert_ok(run_checklist(&s->err), s->err);
	verdict_conclude(&verdict);
	each_seam(run_gate, no_answer);
}

/* ---- security floors, and who signs them ---- */

static struct security_floor *floor_read;
static uint64_t mask;

static bool run_sign(struct err *err)
{
	const struct security_floor said = {.trust_domain = TEXT("bank.example"),
		.workload = TEXT("ocr-agent"),
		.minimum = TEXT("1.4.1"),
		.reason = TEXT("CVE-2026-1"),
		.sequence = 7,
		.issued = SCENE_NOW};
	struct buf once = {0};
	bool ok;

	buf_clear(&out);
	ok = security_floor_sign(&said, keys.alice, &once, err) &&
	     security_floor_sign_too(buf_bytes(&once), keys.bob, &out, err);
	buf_release(&once);
	return ok;
}

static bool run_verify(struct err *err)
{
	bool ok;

	mask = 9;
	ok = security_floor_verify(buf_bytes(&out), &signers, &floor_read, &mask, err);
	if (ok)
		assert_int_equal(mask, 3);
	security_floor_free(&floor_read);
	return ok;
}

static void nobody_signed(void)
{
	assert_int_equal(mask, 0);
}

static void S12__security_floor__neither_signed_nor_verified_where_a_call_fails(void **ignored)
{
	(void)ignored;
	each_seam(run_sign, no_output);
	assert_ok(run_sign(&s->err), s->err);
	each_seam(run_verify, nobody_signed);
}

static bool run_encode(struct err *err)
{
	bool ok;

	buf_clear(&out);
	ok = policy_signers_encode(&signers, &out, err);
	if (ok)
		buf_clear(&out);
	return ok;
}

static struct buf encoded;

static bool run_decode(struct err *err)
{
	struct policy_signers read = {0};
	bool ok = policy_signers_decode(buf_bytes(&encoded), &read, err);

	assert_int_equal(read.count, ok ? 2 : 0);
	policy_signers_release(&read);
	return ok;
}

static void S12__policy_signers__neither_kept_nor_read_where_a_call_fails(void **ignored)
{
	(void)ignored;
	each_seam(run_encode, no_output);
	assert_ok(policy_signers_encode(&signers, &encoded, &s->err), s->err);
	each_seam(run_decode, NULL);
	buf_release(&encoded);
}

/* ---- a launch ---- */

static struct policy_state state;

static bool run_appraise(struct err *err)
{
	memset(&verdict, 0xff, sizeof(verdict));
	memset(&state, 0xff, sizeof(state));
	return policy_appraise(
		buf_bytes(&s->evidence), &s->context, &s->state_in, &verdict, &state, err);
}

static void no_verdict(void)
{
	assert_true(all_zero(&verdict, sizeof(verdict)));
	assert_true(all_zero(&state, sizeof(state)));
}

/* Of a release that a rollout brings, to a workload that talks to third parties. */
static void S12__launch_in_a_rollout__undecided_where_a_call_fails(void **ignored)
{
	struct rollout_view *r = &s->context.rollout;

	(void)ignored;
	*r = (struct rollout_view){
		.state = ROLLOUT_RUNNING, .share = ROLLOUT_SHARE_ALL, .changed = SCENE_NOW - 9};
	memcpy(r->release_new, s->release_digest, SHA256_LEN);
	s->context.workload.third_parties =
		BYTES_LIT("[{\"name\":\"acme\",\"jurisdiction\":\"CH\"}]");
	s->context.statements = views;
	s->context.statement_count = SAYINGS;
	scene_attest(s);
	assert_ok(run_appraise(&s->err), s->err);
	assert_true(verdict.trusted);
	each_seam(run_appraise, no_verdict);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(S12__approval__not_written_where_a_call_fails),
		T(S12__withdrawal__not_written_where_a_call_fails),
		T(S12__withdrawal_check__refused_where_a_call_fails),
		T(S12__withdrawal_place__none_where_a_call_fails),
		T(S12__envelope__not_open_where_a_call_fails),
		T(S12__signers__undecided_where_a_call_fails),
		T(S12__checklist__empty_where_a_call_fails),
		T(P13__plain_envelope__read_once),
		T(P13__certificate_of_somebody_else__no_signature_judged),
		T(P13__statements_that_nobody_demands__not_looked_at),
		T(S12__statement_for_keeps__refused_where_a_call_fails),
		T(S12__gate_answer__none_where_a_call_fails),
		T(S12__security_floor__neither_signed_nor_verified_where_a_call_fails),
		T(S12__policy_signers__neither_kept_nor_read_where_a_call_fails),
		T(S12__launch_in_a_rollout__undecided_where_a_call_fails),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
