/* SPDX-License-Identifier: Apache-2.0 */
/* The audit: one honest bundle proves itself, and whatever is taken away or bent shows. */
#include "ledger/audit.h"

#include "tests/support/tree_proof.h"
#include "tests/unit/policy/extra_key.h"
#include "tests/unit/policy/scene.h"

static struct scene_keys keys;
static struct key *verifier, *ca_key, *stranger;
static struct cert *ca, *verifier_cert, *other_ca;
static struct scene *s;
static struct err err;

/* A record with all that it names, in a small ledger. */
static struct record record;
static struct buf verdict_json_text, context, state_out, signed_record, leaf_bytes, proof, bundle;
static struct audit_bundle b;
static struct leaf leaf;
static uint8_t hashes[5][SHA256_LEN];
static struct audit_report report;
static const struct audit_anchors *anchors;
static struct audit_anchors pinned_key, pinned_root;
static struct key *const *pinned_keys = &verifier;

static struct cert *certificate(const struct key *subject, const struct cert *issuer,
	struct key *issuer_key, bool authority, int64_t not_after)
{
	struct cert *cert = NULL;
	struct cert_request request = {
		.common_name = authority ? "Verifier CA" : "verifier",
		.subject = subject,
		.not_before = SCENE_NOW - 86400,
		.not_after = not_after,
		.ca = authority,
	};

	assert_ok(cert_issue(&request, issuer, issuer_key, &cert, &err), err);
	return cert;
}

static int group_setup(void **state)
{
	(void)state;
	scene_keys_make(&keys);
	assert_ok(key_generate(KEY_EC_P256, &verifier, &err), err);
	assert_ok(key_generate(KEY_EC_P256, &ca_key, &err), err);
	assert_ok(key_generate(KEY_EC_P256, &stranger, &err), err);
	ca = certificate(ca_key, NULL, ca_key, true, SCENE_NOW + 86400);
	other_ca = certificate(stranger, NULL, stranger, true, SCENE_NOW + 86400);
	verifier_cert = certificate(verifier, ca, ca_key, false, SCENE_NOW + 60);
	pinned_key = (struct audit_anchors){.keys = pinned_keys, .key_count = 1};
	pinned_root = (struct audit_anchors){.roots = &ca, .root_count = 1};
	return 0;
}

static int group_teardown(void **state)
{
	(void)state;
	scene_keys_free(&keys);
	key_unref(&verifier);
	key_unref(&ca_key);
	key_unref(&stranger);
	cert_unref(&ca);
	cert_unref(&other_ca);
	cert_unref(&verifier_cert);
	return 0;
}

static void name_input(const char *name, struct bytes object)
{
	struct record_input *input = &record.inputs[record.input_count++];

	strcpy(input->name, name);
	assert_ok(sha256_of(object, input->digest, &err), err);
	b.objects[b.object_count++] = object;
}

/* What the verifier keeps of the decision just made. */
static void keep(void)
{
	uint8_t key[SHA256_LEN];

	buf_clear(&verdict_json_text);
	buf_clear(&context);
	buf_clear(&state_out);
	assert_ok(verdict_json(s->verdict, &verdict_json_text, &err), err);
	assert_ok(policy_context_encode(
			  &s->context, buf_bytes(&s->evidence), &s->state_in, &context, &err),
		err);
	assert_ok(policy_state_encode(&s->state_out, &state_out, &err), err);
	b = (struct audit_bundle){0};
	record = (struct record){
		.time = SCENE_NOW,
		.purpose = s->context.challenge.purpose,
		.workload = s->claims.workload,
		.trusted = s->verdict->trusted,
		.assurance = s->verdict->assurance,
		.verifier_id = s->context.verifier_id,
	};
	memcpy(record.host_id, s->context.host.id, HOST_ID_LEN);
	memcpy(record.instance, s->context.challenge.instance, INSTANCE_ID_LEN);
	memcpy(record.release, s->claims.release, SHA256_LEN);
	assert_ok(sha256_of(s->claims.key, key, &err), err);
	memcpy(record.key, key, SHA256_LEN);
	name_input("context", buf_bytes(&context));
	name_input("evidence", buf_bytes(&s->evidence));
	name_input("policy", buf_bytes(&s->policy_text));
	name_input("release", s->context.release);
	name_input("verdict", buf_bytes(&verdict_json_text));
	name_input("state-out", buf_bytes(&state_out));
	for (size_t i = 0; i < s->context.approval_count; i++) {
		char name[40];

		snprintf(name, sizeof(name), "approval-%zu", i);
		name_input(name, s->context.approvals[i]);
	}
}

/* Signs the record and puts its leaf third of five into the tree. */
static void enter(void)
{
	struct tree_edge edge = {0};
	const struct bytes certs[] = {cert_der(verifier_cert), cert_der(ca)};

	buf_clear(&signed_record);
	buf_clear(&leaf_bytes);
	buf_clear(&proof);
	assert_ok(record_sign(&record, verifier, &signed_record, &err), err);
	b.record = buf_bytes(&signed_record);
	memset(b.salt, 0x5a, LEDGER_SALT_LEN);
	leaf = (struct leaf){.type = LEAF_DECISION, .time = record.time};
	memcpy(leaf.issuer, key_id(verifier), SHA256_LEN);
	assert_ok(ledger_commitment(b.salt, b.record, leaf.commitment, &err), err);
	assert_ok(leaf_encode(&leaf, &leaf_bytes, &err), err);
	b.leaf = buf_bytes(&leaf_bytes);
	b.index = 2;
	b.tree_size = 5;
	for (unsigned i = 0; i < 5; i++) {
		memset(hashes[i], (int)i, SHA256_LEN);
		if (i == b.index)
			assert_ok(leaf_hash(b.leaf, hashes[i], &err), err);
		assert_ok(tree_append(&edge, hashes[i], &err), err);
	}
	assert_ok(tree_root(&edge, b.tree_root, &err), err);
	assert_ok(tree_inclusion_proof(
			  (const uint8_t(*)[SHA256_LEN])hashes, 5, b.index, &proof, &err),
		err);
	b.proof = buf_bytes(&proof);
	memcpy(b.certs, certs, sizeof(certs));
	b.cert_count = 2;
}

static int setup(void **state)
{
	(void)state;
	s = scene_new(&keys);
	anchors = &pinned_key;
	scene_run(s);
	keep();
	enter();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	audit_report_release(&report);
	scene_free(s);
	buf_release(&verdict_json_text);
	buf_release(&context);
	buf_release(&state_out);
	buf_release(&signed_record);
	buf_release(&leaf_bytes);
	buf_release(&proof);
	buf_release(&bundle);
	return 0;
}

static void audit(void)
{
	audit_report_release(&report);
	buf_clear(&bundle);
	assert_ok(audit_bundle_encode(&b, &bundle, &err), err);
	assert_ok(audit_run(buf_bytes(&bundle), anchors, &report, &err), err);
}

static const struct audit_step *step_of(const char *what)
{
	for (size_t i = 0; i < report.step_count; i++)
		if (strcmp(report.steps[i].what, what) == 0)
			return &report.steps[i];
	fail_msg("no step %s", what);
	return NULL;
}

static size_t failures(void)
{
	size_t n = 0;

	for (size_t i = 0; i < report.step_count; i++)
		n += report.steps[i].result == AUDIT_FAILED;
	return n;
}

static void print_report(void)
{
	struct buf text = {0};

	assert_ok(audit_report_text(&report, false, &text, &err), err);
	print_message("%s", buf_str(&text));
	buf_release(&text);
}

#define assert_consistent()                                                                        \
	do {                                                                                       \
		if (!report.consistent)                                                            \
			print_report();                                                            \
		assert_true(report.consistent &&report.reproducible);                              \
	} while (0)

/* Exactly this step failed. */
#define assert_failed_at(step)                                                                     \
	do {                                                                                       \
		if (failures() != 1 || step_of(step)->result != AUDIT_FAILED)                      \
			print_report();                                                            \
		assert_int_equal(failures(), 1);                                                   \
		assert_int_equal(step_of(step)->result, AUDIT_FAILED);                             \
		assert_false(report.consistent);                                                   \
	} while (0)

static void audit__honest_bundle_and_pinned_key__consistent(void **state)
{
	(void)state;
	assert_trusted(s);
	audit();
	assert_consistent();
	assert_int_equal(step_of("record signature")->result, AUDIT_PROVED);
	assert_int_equal(step_of("inclusion in the ledger")->result, AUDIT_PROVED);
	assert_int_equal(step_of("verdict")->result, AUDIT_PROVED);
	assert_int_equal(step_of("state established")->result, AUDIT_PROVED);
	assert_int_equal(step_of("attestation key and endorsement key")->result, AUDIT_ASSERTED);
	assert_int_equal(step_of("tree root")->result, AUDIT_ASSERTED);
	assert_int_equal(step_of("time")->result, AUDIT_ASSERTED);
	assert_int_equal(step_of("by the verifier")->result, AUDIT_NOT_CHECKED);
	assert_bytes(buf_bytes(&report.verdict), buf_bytes(&verdict_json_text));
}

/* Of evidence that cannot be read nobody knows which workload, release or key it was about. */
static void audit__record_that_tells_more_than_malformed_evidence__fails(void **state)
{
	(void)state;
	buf_clear(&s->evidence);
	buf_put_u8(&s->evidence, 'x');
	scene_judge(s);
	assert_refused(s, REASON_EVIDENCE_MALFORMED);
	keep();
	enter();
	audit();
	assert_failed_at("record and its inputs");
	record.workload = (struct bytes){0};
	memset(record.release, 0, SHA256_LEN);
	enter();
	audit();
	assert_failed_at("record and its inputs");
	memset(record.key, 0, SHA256_LEN);
	enter();
	audit();
	assert_consistent();
}

/* Agents, hosts, operators and servers have certificates below the same root, and keys to sign with. */
static void audit__signed_by_an_agent_or_a_server__fails(void **state)
{
	struct cert *verifiers = verifier_cert;

	(void)state;
	anchors = &pinned_root;
	audit();
	assert_consistent();
	for (int server = 0; server < 2; server++) {
		struct cert_request request = {
			.uri = "spiffe://bank.example/verifier",
			.subject = verifier,
			.not_before = SCENE_NOW - 60,
			.not_after = SCENE_NOW + 60,
			.client_auth = !server,
			.server_auth = server,
		};

		verifier_cert = NULL;
		assert_ok(cert_issue(&request, ca, ca_key, &verifier_cert, &err), err);
		enter();
		audit();
		cert_unref(&verifier_cert);
		verifier_cert = verifiers;
		assert_failed_at("record signature");
		assert_non_null(strstr(step_of("record signature")->detail, "for another use"));
	}
}

/* The verifier of a test, below the root that the one of production is below, too. */
static void audit__signed_by_the_verifier_of_another_domain__fails(void **state)
{
	static const char *const uris[] = {
		"spiffe://test.example/verifier", "spiffe://bank.example.evil/verifier"};
	struct cert *verifiers = verifier_cert;

	(void)state;
	anchors = &pinned_root;
	s->context.verifier_id = s->claims.verifier_id =
		BYTES_LIT("spiffe://bank.example/verifier");
	scene_run(s);
	assert_trusted(s);
	keep();
	for (size_t i = 0; i <= ARRAY_LEN(uris); i++) {
		struct cert_request request = {
			.uri = i < ARRAY_LEN(uris) ? uris[i] : "spiffe://bank.example/other",
			.subject = verifier,
			.not_before = SCENE_NOW - 60,
			.not_after = SCENE_NOW + 60,
		};

		verifier_cert = NULL;
		assert_ok(cert_issue(&request, ca, ca_key, &verifier_cert, &err), err);
		enter();
		audit();
		cert_unref(&verifier_cert);
		verifier_cert = verifiers;
		if (i == ARRAY_LEN(uris)) {
			assert_consistent();
			continue;
		}
		assert_failed_at("record signature");
		assert_non_null(
			strstr(step_of("record signature")->detail, "of another trust domain"));
	}
}

static void audit__receipt_that_is_none__fails(void **state)
{
	(void)state;
	b.receipt = BYTES_LIT("x");
	audit();
	assert_failed_at("receipt");
}

static void audit__refusal_recorded__consistent_too(void **state)
{
	(void)state;
	s->context.host.state = HOST_QUARANTINED;
	scene_judge(s);
	assert_refused(s, REASON_HOST_STATE);
	keep();
	enter();
	audit();
	assert_consistent();
	assert_false(report.record.trusted);
}

static void audit__renewal__stands_on_the_record_before(void **state)
{
	(void)state;
	scene_renewal(s);
	scene_run(s);
	assert_trusted(s);
	keep();
	enter();
	audit();
	assert_consistent();
	assert_string_equal(step_of("earlier state")->detail,
		"taken from record 7e7e7e7e7e7e7e7e…: audit that one too");
	assert_int_equal(step_of("launch and EK certificate")->result, AUDIT_NOT_CHECKED);
}

static void audit__enrolment__judged_as_one(void **state)
{
	(void)state;
	s->context.challenge.purpose = s->claims.purpose = PURPOSE_ENROLL;
	memset(s->context.challenge.instance, 0, INSTANCE_ID_LEN);
	memset(s->claims.instance, 0, INSTANCE_ID_LEN);
	memset(s->claims.release, 0, SHA256_LEN);
	s->claims.workload = (struct bytes){0};
	scene_attest(s);
	assert_ok(policy_appraise_enrolment(buf_bytes(&s->evidence), &s->context, s->verdict, &err),
		err);
	assert_trusted(s);
	memset(&s->state_out, 0, sizeof(s->state_out));
	keep();
	enter();
	audit();
	assert_consistent();
}

/* ---- the signature ---- */

static void audit__no_anchor__asserted_only(void **state)
{
	(void)state;
	anchors = NULL;
	audit();
	assert_consistent();
	assert_int_equal(step_of("record signature")->result, AUDIT_ASSERTED);
}

/* T11: the verifier's certificate expired a minute after the decision; it is judged by the decision's time. */
static void T11__pinned_root__proved_by_the_time_of_the_decision(void **state)
{
	(void)state;
	anchors = &pinned_root;
	audit();
	assert_consistent();
	assert_int_equal(step_of("record signature")->result, AUDIT_PROVED);
	record.time = s->context.now = SCENE_NOW + 61;
	s->context.challenge.issued = SCENE_NOW + 60;
	scene_judge(s);
	keep();
	record.time = SCENE_NOW + 61;
	enter();
	audit();
	assert_failed_at("record signature");
	assert_non_null(strstr(step_of("record signature")->detail, "expired"));
}

/* Nothing rests on it, and nothing is said of it but that. */
static void audit__certificate_that_is_not_needed__named(void **state)
{
	(void)state;
	b.certs[b.cert_count++] = cert_der(other_ca);
	anchors = &pinned_root;
	audit();
	assert_consistent();
	assert_int_equal(step_of("certificates")->result, AUDIT_NOT_CHECKED);
	assert_string_equal(step_of("certificates")->detail,
		"certificate 2 of the file lies below no root that you pinned: nothing rests on "
		"it");
	anchors = &pinned_key;
	audit();
	assert_consistent();
	assert_int_equal(step_of("certificates")->result, AUDIT_NOT_CHECKED);
	assert_string_equal(step_of("certificates")->detail,
		"3 in the file: the verifier's key is pinned, and nothing rests on them");
}

static void T8__another_verifiers_key_or_root__refused(void **state)
{
	const struct audit_anchors other_root = {.roots = &other_ca, .root_count = 1};
	const struct audit_anchors other_key = {.keys = &stranger, .key_count = 1};

	(void)state;
	anchors = &other_root;
	audit();
	assert_failed_at("record signature");
	anchors = &other_key;
	audit();
	assert_failed_at("record signature");
	assert_string_equal(step_of("record signature")->detail, "not by a key that you pinned");
}

static void audit__record_altered__nothing_more_is_said(void **state)
{
	(void)state;
	signed_record.data[signed_record.len - 1] ^= 1;
	audit();
	assert_failed_at("record signature");
	/* Whatever could not be asked says so. */
	for (size_t i = 1; i < report.step_count; i++)
		assert_int_equal(report.steps[i].result, AUDIT_NOT_CHECKED);
	assert_int_equal(step_of("quote")->result, AUDIT_NOT_CHECKED);
	assert_false(report.reproducible);
}

static void audit__no_certificate_and_no_pinned_key__refused(void **state)
{
	(void)state;
	anchors = NULL;
	b.cert_count = 0;
	audit();
	assert_failed_at("record signature");
	b.cert_count = 1;
	b.certs[0] = BYTES_LIT("junk");
	audit();
	assert_failed_at("record signature");
}

/* ---- the ledger ---- */

static void T1__leaf_of_another_record__refused(void **state)
{
	(void)state;
	b.salt[0] ^= 1;
	audit();
	assert_failed_at("leaf commitment");
}

static void leaf_again(void)
{
	struct tree_edge edge = {0};

	buf_clear(&leaf_bytes);
	assert_ok(leaf_encode(&leaf, &leaf_bytes, &err), err);
	b.leaf = buf_bytes(&leaf_bytes);
	assert_ok(leaf_hash(b.leaf, hashes[2], &err), err);
	for (unsigned i = 0; i < 5; i++)
		assert_ok(tree_append(&edge, hashes[i], &err), err);
	assert_ok(tree_root(&edge, b.tree_root, &err), err);
}

static void T7__leaf_of_another_time_issuer_or_type__refused(void **state)
{
	(void)state;
	leaf.time--;
	leaf_again();
	audit();
	assert_failed_at("leaf time");
	leaf.time++;
	leaf.issuer[0] ^= 1;
	leaf_again();
	audit();
	assert_failed_at("leaf issuer");
	leaf.issuer[0] ^= 1;
	leaf.type = LEAF_ISSUED;
	leaf_again();
	audit();
	assert_failed_at("leaf type");
}

/* ---- the checkpoint ---- */

static struct key *log_pair, *witness_pair;
static struct note_key log_key, cosigner;
static struct tlog_policy *log_policy;
static struct buf note;

static void checkpoint_release(void)
{
	note_key_release(&log_key);
	note_key_release(&cosigner);
	key_unref(&log_pair);
	key_unref(&witness_pair);
	tlog_policy_free(&log_policy);
	buf_release(&note);
}

/* The bundle's tree, signed by a log; a policy that pins it, and demands a witness. */
static void checkpoint_make(bool witnessed)
{
	struct buf text = {0};
	struct checkpoint made = {.origin = BYTES_LIT("log.example"), .size = b.tree_size};

	assert_ok(key_generate(KEY_ED25519, &log_pair, &err), err);
	assert_ok(key_generate(KEY_ED25519, &witness_pair, &err), err);
	assert_ok(note_key_of("log.example", log_pair, &log_key, &err), err);
	assert_ok(note_cosigner_of("w.example", witness_pair, &cosigner, &err), err);
	buf_put_str(&text, "log ");
	assert_ok(note_key_write(&log_key, &text, &err), err);
	buf_put_str(&text, "\nwitness W ");
	assert_ok(note_key_write(&cosigner, &text, &err), err);
	buf_put_str(&text, "\nquorum W\n");
	assert_ok(tlog_policy_parse(buf_bytes(&text), &log_policy, &err), err);
	buf_clear(&text);
	memcpy(made.root, b.tree_root, SHA256_LEN);
	assert_ok(checkpoint_write(&made, &text, &err), err);
	assert_ok(note_sign(buf_bytes(&text), &log_key, &note, &err), err);
	if (witnessed)
		assert_ok(note_cosign(buf_bytes(&text), &cosigner, 1000, &note, &err), err);
	b.checkpoint = buf_bytes(&note);
	buf_release(&text);
}

static void audit_under(const struct tlog_policy *policy)
{
	struct audit_anchors with = *anchors;
	const struct audit_anchors *before = anchors;

	with.log_policy = policy;
	anchors = &with;
	audit();
	anchors = before;
}

static void checkpoint__seen_by_a_witness_and_pinned__proved(void **state)
{
	(void)state;
	checkpoint_make(true);
	audit_under(log_policy);
	assert_consistent();
	assert_int_equal(step_of("tree root")->result, AUDIT_PROVED);
	assert_string_equal(step_of("tree root")->detail,
		"signed by log log.example over 5 leaves, seen by witnesses W");
	/* Not pinned, it is what somebody says. */
	audit();
	assert_consistent();
	assert_int_equal(step_of("tree root")->result, AUDIT_ASSERTED);
	checkpoint_release();
}

static void T2__checkpoint_missing_or_unseen__refused_when_pinned(void **state)
{
	(void)state;
	checkpoint_make(false);
	audit_under(log_policy);
	assert_failed_at("witnesses");
	assert_string_equal(
		step_of("witnesses")->detail, "checkpoint: 0 of its witnesses are no quorum");
	assert_int_equal(step_of("tree root")->result, AUDIT_PROVED);
	b.checkpoint = (struct bytes){0};
	audit_under(log_policy);
	assert_failed_at("tree root");
	assert_string_equal(step_of("tree root")->detail, "the bundle brings no checkpoint");
	checkpoint_release();
}

/* Without a quorum, too, the log's signature is over this tree and in its own name, or it is none. */
static void T8__checkpoint_unseen_and_of_another_tree_or_name__refused(void **state)
{
	struct checkpoint other = {.origin = BYTES_LIT("other.example"), .size = b.tree_size};
	struct buf text = {0};

	(void)state;
	checkpoint_make(false);
	b.tree_size = 6;
	audit_under(log_policy);
	assert_int_equal(step_of("tree root")->result, AUDIT_FAILED);
	assert_int_equal(step_of("witnesses")->result, AUDIT_NOT_CHECKED);
	b.tree_size = 5;
	memcpy(other.root, b.tree_root, SHA256_LEN);
	buf_clear(&note);
	assert_ok(checkpoint_write(&other, &text, &err), err);
	assert_ok(note_sign(buf_bytes(&text), &log_key, &note, &err), err);
	b.checkpoint = buf_bytes(&note);
	audit_under(log_policy);
	assert_failed_at("tree root");
	buf_release(&text);
	checkpoint_release();
}

static void T8__checkpoint_of_another_tree_or_log__refused(void **state)
{
	(void)state;
	checkpoint_make(true);
	b.tree_size = 6;
	audit_under(log_policy);
	assert_int_equal(step_of("tree root")->result, AUDIT_FAILED);
	assert_string_equal(step_of("tree root")->detail, "the checkpoint is of another tree");
	audit();
	assert_int_equal(step_of("tree root")->result, AUDIT_FAILED);
	b.tree_size = 5;
	audit();
	assert_consistent();
	note.data[note.len - 150] ^= 1;
	audit_under(log_policy);
	assert_failed_at("tree root");
	b.checkpoint = BYTES_LIT("nothing");
	audit();
	assert_failed_at("tree root");
	checkpoint_release();
}

static void T1__leaf_not_in_the_tree__refused(void **state)
{
	(void)state;
	b.tree_root[0] ^= 1;
	audit();
	assert_failed_at("inclusion in the ledger");
	b.tree_root[0] ^= 1;
	b.index = 3;
	audit();
	assert_failed_at("inclusion in the ledger");
	b.index = 2;
	b.proof.len -= SHA256_LEN;
	audit();
	assert_failed_at("inclusion in the ledger");
}

static void audit__leaf_is_junk__refused(void **state)
{
	(void)state;
	b.leaf = BYTES_LIT("junk");
	audit();
	assert_failed_at("leaf");
}

/* ---- the inputs ---- */

/* T10: whatever input is missing, the audit names it and does not call the record reproducible. */
static void T10__input_missing__not_reproducible(void **state)
{
	static const char *const names[] = {"input context", "input evidence", "input policy",
		"input release", "input verdict", "input state-out", "input approval-0",
		"input approval-1"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		struct bytes kept = b.objects[i];

		b.objects[i] = BYTES_LIT("something else");
		audit();
		b.objects[i] = kept;
		assert_false(report.reproducible);
		assert_false(report.consistent);
		assert_int_equal(step_of(names[i])->result, AUDIT_FAILED);
		assert_string_equal(step_of(names[i])->detail,
			"not reproducible: the record names it, the bundle lacks it");
	}
}

static void T10__record_that_names_no_context_or_verdict__not_reproducible(void **state)
{
	(void)state;
	strcpy(record.inputs[0].name, "contest");
	enter();
	audit();
	assert_failed_at("context");
	assert_false(report.reproducible);
	strcpy(record.inputs[0].name, "context");
	strcpy(record.inputs[4].name, "verdikt");
	enter();
	audit();
	assert_failed_at("verdict");
	assert_false(report.reproducible);
}

/* The context names an object that the record does not; it is missed all the same. */
static void T10__object_that_only_the_context_names__not_reproducible(void **state)
{
	(void)state;
	record.input_count--; /* approval-1 */
	b.object_count--;
	enter();
	audit();
	assert_failed_at("context");
	assert_false(report.reproducible);
	assert_non_null(strstr(step_of("context")->detail, "approval"));
}

static void audit__context_is_junk__refused(void **state)
{
	(void)state;
	record.input_count = b.object_count = 0;
	name_input("context", BYTES_LIT("junk"));
	enter();
	audit();
	assert_failed_at("context");
	assert_true(report.reproducible);
}

static void audit__record_tells_another_story_than_its_inputs__refused(void **state)
{
	static const size_t fields[] = {
		offsetof(struct record, host_id),
		offsetof(struct record, instance),
		offsetof(struct record, release),
		offsetof(struct record, key),
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
		((uint8_t *)&record)[fields[i]] ^= 1;
		enter();
		audit();
		assert_failed_at("record and its inputs");
		((uint8_t *)&record)[fields[i]] ^= 1;
	}
	record.time++;
	enter();
	audit();
	assert_failed_at("record and its inputs");
	record.time--;
	record.purpose = PURPOSE_RENEW;
	enter();
	audit();
	assert_failed_at("record and its inputs");
	record.purpose = PURPOSE_LAUNCH;
	record.workload = BYTES_LIT("other");
	enter();
	audit();
	assert_failed_at("record and its inputs");
	record.workload = s->claims.workload;
	record.verifier_id = BYTES_LIT("other");
	enter();
	audit();
	assert_failed_at("record and its inputs");
}

/* Another evidence stands beside the one that the context froze. */
static void audit__record_names_other_objects_than_the_context__refused(void **state)
{
	static const char *const names[] = {"evidence", "release"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		size_t slot = i == 0 ? 1 : 3;
		struct record_input kept = record.inputs[slot];

		assert_ok(sha256_of(BYTES_LIT("another"), record.inputs[slot].digest, &err), err);
		b.objects[b.object_count++] = BYTES_LIT("another");
		enter();
		audit();
		assert_failed_at("record and its inputs");
		record.inputs[slot] = kept;
		b.object_count--;
	}
}

/* ---- the verdict ---- */

static void audit__verifier_trusted_what_it_should_not_have__shown(void **state)
{
	struct verdict *bent = s->verdict;

	(void)state;
	s->context.release_state = RELEASE_REVOKED;
	scene_judge(s);
	assert_refused(s, REASON_RELEASE_REVOKED);
	/* The verifier lied: it recorded trust. */
	bent->reason_count = 0;
	verdict_conclude(bent);
	keep();
	enter();
	audit();
	assert_int_equal(failures(), 2);
	assert_int_equal(step_of("verdict")->result, AUDIT_FAILED);
	assert_string_equal(step_of("release signature")->detail,
		"does not hold: release: expected published, found revoked");
	assert_non_null(strstr(buf_str(&report.verdict), "release-revoked"));
}

static void audit__outcome_in_the_record_differs_from_its_verdict__refused(void **state)
{
	(void)state;
	record.trusted = false;
	enter();
	audit();
	assert_failed_at("verdict");
	record.trusted = true;
	record.assurance = 3;
	enter();
	audit();
	assert_failed_at("verdict");
}

static void audit__another_state_recorded__refused(void **state)
{
	(void)state;
	s->state_out.runtime_next++;
	keep();
	enter();
	audit();
	assert_failed_at("state established");
}

/* ---- bundle and report ---- */

static void T12__truncated_bundle__error(void **state)
{
	(void)state;
	assert_ok(audit_bundle_encode(&b, &bundle, &err), err);
	for (size_t n = 0; n < bundle.len; n += 17) {
		err = (struct err){0};
		assert_false(audit_run(bytes_of(bundle.data, n), NULL, &report, &err));
		assert_int_equal(err.code, ERR_FORMAT);
	}
	buf_put_u8(&bundle, 0);
	assert_false(audit_run(buf_bytes(&bundle), NULL, &report, &err));
	assert_false(report.consistent);
}

static void bundle__encoded__read_back(void **state)
{
	static struct audit_bundle back;
	struct buf again = {0};

	(void)state;
	assert_ok(audit_bundle_encode(&b, &bundle, &err), err);
	assert_ok(audit_bundle_decode(buf_bytes(&bundle), &back, &err), err);
	assert_ok(audit_bundle_encode(&back, &again, &err), err);
	assert_bytes(buf_bytes(&again), buf_bytes(&bundle));
	assert_int_equal(back.object_count, b.object_count);
	assert_int_equal(back.tree_size, 5);
	extra_key_first(buf_bytes(&bundle), 0, &again);
	assert_false(audit_bundle_decode(buf_bytes(&again), &back, &err));
	buf_release(&again);
	assert_false(audit_bundle_decode(bytes_of(bundle.data, AUDIT_BUNDLE_MAX + 1), &back, &err));
	assert_int_equal(err.code, ERR_LIMIT);
	b.object_count = AUDIT_OBJECTS_MAX + 1;
	assert_false(audit_bundle_encode(&b, &bundle, &err));
}

/* 64 approvals, 64 statements, 16 inputs besides and 16 references of each of 16 host classes. */
static void bundle__with_all_that_a_record_can_name__read_back(void **state)
{
	static const uint8_t bytes[400];
	static struct audit_bundle back;

	(void)state;
	b.object_count = 0;
	for (size_t i = 0; i < sizeof(bytes); i++)
		b.objects[b.object_count++] = bytes_of(bytes, i);
	assert_ok(audit_bundle_encode(&b, &bundle, &err), err);
	assert_ok(audit_bundle_decode(buf_bytes(&bundle), &back, &err), err);
	assert_int_equal(back.object_count, 400);
	assert_int_equal(back.objects[399].len, 399);
}

static void report__json__holds_record_verdict_and_steps(void **state)
{
	struct buf json = {0};
	json_t *root = NULL;

	(void)state;
	audit();
	assert_ok(audit_report_json(&report, &json, &err), err);
	assert_ok(json_open(buf_bytes(&json), 1 << 20, &root, &err), err);
	assert_true(json_is_true(json_object_get(root, "consistent")));
	assert_true(json_is_true(json_object_get(root, "reproducible")));
	assert_string_equal(
		json_string_value(json_object_get(json_object_get(root, "record"), "workload")),
		"ocr-agent");
	assert_string_equal(
		json_string_value(json_object_get(json_object_get(root, "verdict"), "outcome")),
		"trusted");
	assert_int_equal(json_array_size(json_object_get(root, "steps")), report.step_count);
	json_release(&root);
	buf_release(&json);
}

static void report__without_a_record__still_prints(void **state)
{
	struct buf text = {0}, json = {0};

	(void)state;
	signed_record.data[0] ^= 1;
	audit();
	assert_ok(audit_report_json(&report, &json, &err), err);
	assert_non_null(strstr(buf_str(&json), "\"verdict\":null"));
	assert_ok(audit_report_text(&report, false, &text, &err), err);
	assert_int_equal(
		strncmp(buf_str(&text), "INCONSISTENT: the record cannot be read\n", 40), 0);
	buf_release(&text);
	buf_release(&json);
}

static void report__text__one_line_a_step(void **state)
{
	struct buf text = {0};

	(void)state;
	audit();
	assert_ok(audit_report_text(&report, false, &text, &err), err);
	assert_non_null(strstr(buf_str(&text), "consistent: launch of ocr-agent on host "));
	assert_non_null(strstr(buf_str(&text),
		"\n  proven       record signature: verifies with a key that you pinned\n"));
	assert_null(strchr(buf_str(&text), '\x1b'));
	buf_release(&text);
}

/* Whoever makes the file writes the policy in it, too: U+009B begins a command to a terminal, U+202E turns a line round. */
static void T12__names_in_the_files_policy__steer_no_terminal(void **state)
{
	struct buf text = {0}, policy = {0};
	const char *at = strstr(buf_str(&s->policy_text), "builder-1");

	(void)state;
	assert_non_null(at);
	buf_put(&policy, bytes_of(s->policy_text.data, (size_t)(at - buf_str(&s->policy_text))));
	buf_put_str(&policy, "\"b\\x9B\\u202Ex\"");
	buf_put_str(&policy, at + strlen("builder-1"));
	buf_release(&s->policy_text);
	s->policy_text = policy;
	policy_free(&s->policy);
	assert_ok(policy_parse(buf_bytes(&s->policy_text), "policy.yaml", &s->policy, &err), err);
	s->context.policy = s->policy;
	scene_judge(s);
	assert_trusted(s);
	keep();
	enter();
	audit();
	assert_consistent();
	assert_ok(audit_report_text(&report, false, &text, &err), err);
	assert_non_null(strstr(buf_str(&text), "signed by b?????x"));
	assert_null(strstr(buf_str(&text), "\xc2\x9b"));
	assert_null(strstr(buf_str(&text), "\xe2\x80\xae"));
	buf_release(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(audit__honest_bundle_and_pinned_key__consistent),
		T(audit__record_that_tells_more_than_malformed_evidence__fails),
		T(audit__signed_by_an_agent_or_a_server__fails),
		T(audit__signed_by_the_verifier_of_another_domain__fails),
		T(audit__receipt_that_is_none__fails),
		T(audit__refusal_recorded__consistent_too),
		T(audit__renewal__stands_on_the_record_before),
		T(audit__enrolment__judged_as_one),
		T(audit__no_anchor__asserted_only),
		T(T11__pinned_root__proved_by_the_time_of_the_decision),
		T(audit__certificate_that_is_not_needed__named),
		T(T8__another_verifiers_key_or_root__refused),
		T(audit__record_altered__nothing_more_is_said),
		T(audit__no_certificate_and_no_pinned_key__refused),
		T(T1__leaf_of_another_record__refused),
		T(T7__leaf_of_another_time_issuer_or_type__refused),
		T(T1__leaf_not_in_the_tree__refused),
		T(checkpoint__seen_by_a_witness_and_pinned__proved),
		T(T2__checkpoint_missing_or_unseen__refused_when_pinned),
		T(T8__checkpoint_unseen_and_of_another_tree_or_name__refused),
		T(T8__checkpoint_of_another_tree_or_log__refused),
		T(audit__leaf_is_junk__refused),
		T(T10__input_missing__not_reproducible),
		T(T10__record_that_names_no_context_or_verdict__not_reproducible),
		T(T10__object_that_only_the_context_names__not_reproducible),
		T(audit__context_is_junk__refused),
		T(audit__record_tells_another_story_than_its_inputs__refused),
		T(audit__record_names_other_objects_than_the_context__refused),
		T(audit__verifier_trusted_what_it_should_not_have__shown),
		T(audit__outcome_in_the_record_differs_from_its_verdict__refused),
		T(audit__another_state_recorded__refused),
		T(T12__truncated_bundle__error),
		T(bundle__encoded__read_back),
		T(bundle__with_all_that_a_record_can_name__read_back),
		T(report__json__holds_record_verdict_and_steps),
		T(report__without_a_record__still_prints),
		T(report__text__one_line_a_step),
		T(T12__names_in_the_files_policy__steer_no_terminal),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
