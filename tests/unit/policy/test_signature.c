/* SPDX-License-Identifier: Apache-2.0 */
/* Who may put a policy in force: thresholds over keys that stand outside it. */
#include "policy/signature.h"

#include "evidence/names.h"
#include "scene.h"
#include "tests/support/ek_ca.h"

#define SIGNERS 3

static struct scene_keys keys;
static struct key *anna, *bert, *carl, *stranger;
static struct ek_ca ca;
static struct policy_signers signers;
static struct buf text, envelope, next;
static struct policy *policy;
static struct err err;

static int group_setup(void **state)
{
	struct key **const made[] = {&anna, &bert, &carl, &stranger};

	(void)state;
	scene_keys_make(&keys);
	assert_ok(ek_ca_new(&ca, &err), err);
	for (size_t i = 0; i < ARRAY_LEN(made); i++)
		assert_ok(key_generate(i == 1 ? KEY_ED25519 : KEY_EC_P256, made[i], &err), err);
	return 0;
}

static int group_teardown(void **state)
{
	(void)state;
	scene_keys_free(&keys);
	ek_ca_release(&ca);
	key_unref(&anna);
	key_unref(&bert);
	key_unref(&carl);
	key_unref(&stranger);
	return 0;
}

static bool add(const char *name, const struct key *key)
{
	struct buf pem = {0};
	bool ok;

	assert_ok(key_public_pem(key, &pem, &err), err);
	err = (struct err){0};
	ok = policy_signers_add(&signers, name, buf_bytes(&pem), &err);
	buf_release(&pem);
	return ok;
}

static int setup(void **state)
{
	(void)state;
	assert_ok(add("anna", anna), err);
	assert_ok(add("bert", bert), err);
	assert_ok(add("carl", carl), err);
	assert_ok(policy_signers_demand(&signers, 2, &err), err);
	scene_policy_text(&keys, SCENE_CLASS_LINES, "", &text);
	assert_ok(policy_parse(buf_bytes(&text), "policy.yaml", &policy, &err), err);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	policy_signers_release(&signers);
	policy_free(&policy);
	buf_release(&text);
	buf_release(&envelope);
	buf_release(&next);
	return 0;
}

/* Signs the text beside what stands in the envelope. */
static bool sign(struct key *key)
{
	buf_clear(&next);
	err = (struct err){0};
	if (!policy_signature_add(buf_bytes(&envelope), buf_bytes(&text), key, &next, &err))
		return false;
	buf_clear(&envelope);
	buf_put(&envelope, buf_bytes(&next));
	return true;
}

static bool verify(uint64_t *mask)
{
	err = (struct err){0};
	return policy_signature_verify(
		buf_bytes(&envelope), buf_bytes(&text), &signers, mask, &err);
}

static void assert_not_in_force(enum err_code code, const char *message)
{
	uint64_t mask = 99;

	if (verify(&mask))
		fail_msg("in force, wanted \"%s\"", message);
	assert_string_equal(err.text, message);
	assert_int_equal(err.code, code);
	assert_int_equal(mask, 0);
}

static void verify__two_of_three__those_two(void **state)
{
	uint64_t mask = 0;

	(void)state;
	assert_true(sign(bert) && sign(carl));
	assert_ok(verify(&mask), err);
	assert_int_equal(mask, 6);
	assert_true(sign(anna));
	assert_ok(verify(&mask), err);
	assert_int_equal(mask, 7);
}

static void verify__one_of_two_demanded__refused_by_name(void **state)
{
	(void)state;
	assert_true(sign(bert) && sign(stranger));
	assert_not_in_force(ERR_DENIED, "signature: 1 of the keys that count signed: bert; 2 must");
	buf_clear(&envelope);
	assert_true(sign(stranger));
	assert_not_in_force(ERR_DENIED, "signature: 0 of the keys that count signed; 2 must");
}

/* One signature put in twice, and two by one key under two key ids: ECDSA makes them differ. */
static void P5__two_signatures_by_one_key__count_once(void **state)
{
	struct dsse *a = NULL;
	struct buf sig = {0}, payload = {0};
	const char *id[2] = {"one", "two"};

	(void)state;
	buf_put_base64(&payload, buf_bytes(&text), false);
	for (int i = 0; i < 2; i++) {
		struct buf one = {0};

		assert_ok(dsse_sign(MEDIA_POLICY, buf_bytes(&text), anna, &one, &err), err);
		assert_ok(dsse_parse(buf_bytes(&one), &a, &err), err);
		buf_printf(&sig, "%s{\"keyid\":\"%s\",\"sig\":\"", i ? "," : "", id[i]);
		buf_put_base64(&sig, buf_bytes(&a->signatures[0].signature), false);
		buf_put_str(&sig, "\"}");
		dsse_free(&a);
		buf_release(&one);
	}
	buf_printf(&envelope,
		"{\"payload\":\"%s\",\"payloadType\":\"" MEDIA_POLICY "\",\"signatures\":[%s]}",
		buf_str(&payload), buf_str(&sig));
	assert_not_in_force(ERR_DENIED, "signature: 1 of the keys that count signed: anna; 2 must");
	buf_release(&sig);
	buf_release(&payload);
}

static void P5__one_key_under_two_names__refused(void **state)
{
	(void)state;
	assert_false(add("anna-again", anna));
	assert_int_equal(err.code, ERR_CONFIG);
	assert_string_equal(err.text, "anna-again: the same key as anna");
	assert_false(add("anna", stranger));
	assert_int_equal(err.code, ERR_CONFIG);
	assert_string_equal(err.text, "anna: given twice");
	assert_int_equal(signers.count, SIGNERS);
}

static void P5__signed_twice_by_one_key__refused(void **state)
{
	(void)state;
	assert_true(sign(anna) && sign(bert));
	assert_false(sign(anna));
	assert_int_equal(err.code, ERR_CONFLICT);
	assert_string_equal(err.text, "this key has signed it already");
}

static void P6__threshold_zero_negative_or_too_high__refused(void **state)
{
	static const struct {
		int64_t threshold;
		const char *message;
	} cases[] = {
		{0, "0: must be 1 or more"},
		{-1, "-1: must be 1 or more"},
		{INT64_MIN, "-9223372036854775808: must be 1 or more"},
		{4, "4: there are only 3 keys"},
		{(INT64_C(1) << 32) + 1, "4294967297: there are only 3 keys"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_fails(policy_signers_demand(&signers, cases[i].threshold, &err), err,
			ERR_CONFIG, cases[i].message);
	assert_int_equal(signers.threshold, 2);
}

static void P6__no_threshold__verifies_nothing(void **state)
{
	(void)state;
	assert_true(sign(anna) && sign(bert) && sign(carl));
	signers.threshold = 0;
	assert_not_in_force(ERR_INTERNAL, "signature: no threshold");
	signers.threshold = SIGNERS + 1;
	assert_not_in_force(ERR_INTERNAL, "signature: no threshold");
}

static void verify__other_bytes__refused(void **state)
{
	(void)state;
	assert_true(sign(anna) && sign(bert));
	buf_put_str(&text, "\n");
	assert_not_in_force(ERR_MISMATCH, "signature: over other bytes than this policy file's");
	assert_false(sign(carl));
	assert_int_equal(err.code, ERR_MISMATCH);
}

static void P1__another_payload_type__refused(void **state)
{
	(void)state;
	assert_ok(dsse_sign(DSSE_INTOTO_TYPE, buf_bytes(&text), anna, &envelope, &err), err);
	assert_ok(dsse_add_signature(buf_bytes(&envelope), bert, &next, &err), err);
	buf_clear(&envelope);
	buf_put(&envelope, buf_bytes(&next));
	assert_not_in_force(
		ERR_MISMATCH, "signature: over application/vnd.in-toto+json, not over a policy");
}

static void verify__not_an_envelope_or_too_long__refused(void **state)
{
	uint64_t mask;

	(void)state;
	buf_put_str(&envelope, "{}");
	assert_false(verify(&mask));
	assert_int_equal(err.code, ERR_FORMAT);
	assert_non_null(strstr(err.text, "signature: DSSE envelope"));
	while (envelope.len <= POLICY_ENVELOPE_MAX)
		buf_put_str(&envelope, "                                                    ");
	assert_false(verify(&mask));
	assert_int_equal(err.code, ERR_LIMIT);
}

static void add__what_is_no_public_key_or_no_name__refused(void **state)
{
	struct buf pem = {0};

	(void)state;
	assert_ok(key_private_pem(stranger, &pem, &err), err);
	assert_fails(policy_signers_add(&signers, "dora", buf_bytes(&pem), &err), err, ERR_CONFIG,
		"dora: a private key: give its public part");
	assert_false(policy_signers_add(&signers, "dora", BYTES_LIT("nothing"), &err));
	assert_false(add("Dora!", stranger));
	assert_string_equal(err.text, "Dora!: not a name");
	buf_release(&pem);
}

static void add__more_than_the_most__refused(void **state)
{
	(void)state;
	policy_signers_release(&signers);
	signers.count = POLICY_SIGNERS_MAX;
	assert_false(add("dora", stranger));
	assert_non_null(strstr(err.text, "dora: more than 32 keys"));
	signers.count = 0;
}

/* ---- none of the signers has a part in the policy ---- */

static void reparse(const char *top_lines)
{
	policy_free(&policy);
	buf_clear(&text);
	scene_policy_text(&keys, SCENE_CLASS_LINES, top_lines, &text);
	assert_ok(policy_parse(buf_bytes(&text), "policy.yaml", &policy, &err), err);
}

static void outside__strangers__fine(void **state)
{
	(void)state;
	assert_ok(policy_signers_outside(&signers, policy, &err), err);
}

static void outside__release_key__refused_by_name(void **state)
{
	(void)state;
	assert_ok(add("builder", keys.builder), err);
	assert_fails(policy_signers_outside(&signers, policy, &err), err, ERR_DENIED,
		"policy key builder is the release key builder-1 of this policy: its signers must "
		"stand outside it");
}

static void outside__statement_key__refused_by_name(void **state)
{
	struct buf lines = {0};

	(void)state;
	buf_put_str(&lines, "statement_keys:\n  - name: ci\n    kinds: [test-result]\n    pem: ");
	scene_put_pem(&lines, keys.other, 6);
	reparse(buf_str(&lines));
	assert_ok(policy_signers_outside(&signers, policy, &err), err);
	assert_ok(add("pipeline", keys.other), err);
	assert_fails(policy_signers_outside(&signers, policy, &err), err, ERR_DENIED,
		"policy key pipeline is the statement key ci of this policy: its signers must "
		"stand outside it");
	buf_release(&lines);
}

static void outside__approver__refused_by_name(void **state)
{
	(void)state;
	assert_ok(add("robert", keys.bob), err);
	assert_fails(policy_signers_outside(&signers, policy, &err), err, ERR_DENIED,
		"policy key robert is a key of approver bob of this policy: its signers must stand "
		"outside it");
}

static void put_cert(struct buf *out, const char *list, const struct cert *cert)
{
	struct buf pem = {0};
	const char *line;

	assert_ok(cert_pem(cert, &pem, &err), err);
	buf_printf(out, "%s:\n  - name: maker\n    pem: |\n", list);
	for (line = buf_str(&pem); line && *line;) {
		size_t n = strcspn(line, "\n");

		buf_printf(out, "      %.*s\n", (int)n, line);
		line += n + (line[n] == '\n');
	}
	buf_release(&pem);
}

static void add_cert_key(const char *name, const struct cert *cert)
{
	struct key *key = NULL;

	assert_ok(cert_key(cert, &key, &err), err);
	assert_ok(add(name, key), err);
	key_unref(&key);
}

static void outside__ek_root__refused_by_name(void **state)
{
	struct buf roots = {0}, whole = {0};
	const char *rest;

	(void)state;
	put_cert(&roots, "ek_roots", ca.root);
	rest = strstr(buf_str(&text), "release_keys:");
	buf_printf(&whole, "policy: 1\nversion: 7\ntrust_domain: bank.example\n%s%s",
		buf_str(&roots), rest);
	policy_free(&policy);
	assert_ok(policy_parse(buf_bytes(&whole), "policy.yaml", &policy, &err), err);
	assert_ok(policy_signers_outside(&signers, policy, &err), err);
	add_cert_key("maker-key", ca.root);
	assert_fails(policy_signers_outside(&signers, policy, &err), err, ERR_DENIED,
		"policy key maker-key is the EK root maker of this policy: its signers must stand "
		"outside it");
	buf_release(&roots);
	buf_release(&whole);
}

static void outside__ek_intermediate__refused(void **state)
{
	struct buf top = {0};

	(void)state;
	put_cert(&top, "ek_intermediates", ca.intermediate);
	reparse(buf_str(&top));
	assert_ok(policy_signers_outside(&signers, policy, &err), err);
	add_cert_key("maker-key", ca.intermediate);
	assert_fails(policy_signers_outside(&signers, policy, &err), err, ERR_DENIED,
		"policy key maker-key is EK intermediate 1 of this policy: its signers must stand "
		"outside it");
	buf_release(&top);
}

#define HOST_TOP                                                                                   \
	"host_classes:\n  - name: server\n    secure_boot: any\n    references:\n"                 \
	"      - kind: corim\n        sha256: "                                                    \
	"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n"

static void outside__corim_signer__refused(void **state)
{
	struct buf top = {0};

	(void)state;
	buf_put_str(&top, HOST_TOP "        key: ");
	scene_put_pem(&top, anna, 10);
	reparse(buf_str(&top));
	assert_fails(policy_signers_outside(&signers, policy, &err), err, ERR_DENIED,
		"policy key anna is a CoRIM's signer for server of this policy: its signers must "
		"stand outside it");
	buf_release(&top);
}

static void outside__file_signer__refused(void **state)
{
	struct buf top = {0};

	(void)state;
	buf_put_str(&top,
		HOST_TOP "      - kind: ima-rules\n        sha256: "
			 "10112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n"
			 "    ima:\n      hostd:\n        - path: /usr/bin/assay-hostd\n          "
			 "sha256: "
			 "20112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n"
			 "      keys:\n        - name: distribution\n          pem: ");
	scene_put_pem(&top, carl, 12);
	reparse(buf_str(&top));
	assert_fails(policy_signers_outside(&signers, policy, &err), err, ERR_DENIED,
		"policy key carl is the file signer distribution of this policy: its signers must "
		"stand outside it");
	buf_release(&top);
}

#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(verify__two_of_three__those_two),
		T(verify__one_of_two_demanded__refused_by_name),
		T(P5__two_signatures_by_one_key__count_once),
		T(P5__one_key_under_two_names__refused),
		T(P5__signed_twice_by_one_key__refused),
		T(P6__threshold_zero_negative_or_too_high__refused),
		T(P6__no_threshold__verifies_nothing),
		T(verify__other_bytes__refused),
		T(P1__another_payload_type__refused),
		T(verify__not_an_envelope_or_too_long__refused),
		T(add__what_is_no_public_key_or_no_name__refused),
		T(add__more_than_the_most__refused),
		T(outside__strangers__fine),
		T(outside__release_key__refused_by_name),
		T(outside__statement_key__refused_by_name),
		T(outside__approver__refused_by_name),
		T(outside__ek_root__refused_by_name),
		T(outside__ek_intermediate__refused),
		T(outside__corim_signer__refused),
		T(outside__file_signer__refused),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
