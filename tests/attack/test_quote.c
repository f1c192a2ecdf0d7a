/* SPDX-License-Identifier: Apache-2.0 */
/* Forged quotes. The AK is the enrolled one and signs whatever it is given, as no TPM would: only the checks are left. */
#include "tests/attack/forge.h"

#define TPM_ST_ATTEST_NV            0x8014u
#define TPM_ST_ATTEST_SESSION_AUDIT 0x8016u
#define TPM_ST_ATTEST_TIME          0x8019u
#define TPM_ST_ATTEST_CREATION      0x801au
#define TPM_ST_ATTEST_NV_DIGEST     0x801cu

/* ---- the attestation's header ---- */

static void magic_tss(void *context, struct tpms_attest *a)
{
	(void)context;
	a->magic = 0x54435447;
}
static void magic_zero(void *context, struct tpms_attest *a)
{
	(void)context;
	a->magic = 0;
}
static void magic_swapped(void *context, struct tpms_attest *a)
{
	(void)context;
	a->magic = 0x474354ff;
}

static void Q1__another_magic_than_a_tpms__refused(void **state)
{
	static const struct forgery cases[] = {
		{"TCTG", "untrusted: quote-magic", {.attest = magic_tss}},
		{"zero", "untrusted: quote-magic", {.attest = magic_zero}},
		{"byte order", "untrusted: quote-magic", {.attest = magic_swapped}},
	};
	(void)state;
	forge(cases, ARRAY_LEN(cases));
}

static void type_of(void *context, struct tpms_attest *a)
{
	a->type = *(const uint16_t *)context;
	a->attested = BYTES_LIT("\0\4name\0\0");
}

static void Q2__another_attestation_as_a_quote__refused(void **state)
{
	static uint16_t types[] = {TPM_ST_ATTEST_NV, TPM_ST_ATTEST_SESSION_AUDIT,
		TPM_ST_ATTEST_CERTIFY, TPM_ST_ATTEST_TIME, TPM_ST_ATTEST_CREATION,
		TPM_ST_ATTEST_NV_DIGEST, 0x8015, 0};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		const struct forgery one[] = {{"type", "untrusted: quote-type",
			{.context = &types[i], .attest = type_of}}};
		forge(one, 1);
	}
}

static struct tpm_sw_key *attack_key; /* signs instead of the AK */
static void forge_signed(struct tpm_sw_key *key, const char *wanted)
{
	struct sw_instance *instance = attack_instance(attack.host);
	char outcome[400];
	attack.host->signer = key;
	(void)attack_outcome(attack.host, instance, outcome);
	attack.host->signer = attack.host->ak;
	sw_instance_free(&instance);
	tpm_sw_key_free(&attack_key);
	assert_string_equal(outcome, wanted);
	attack_honest(attack.host);
}

static void Q3__signed_by_a_key_that_is_not_restricted__refused(void **state)
{
	(void)state;
	assert_ok(tpm_sw_ak_new(TPM_SW_ECDSA_P256, TPM_SW_KEY_ATTRIBUTES, &attack_key, &attack.err),
		attack.err);
	forge_signed(attack_key, "untrusted: quote-signature");
}

static void Q24__quote_by_the_ak_of_another_host__refused(void **state)
{
	struct sw_host *other = attack_host();
	struct sw_instance *instance = attack_instance(attack.host);
	(void)state;
	attack.host->signer = other->ak;
	assert_outcome(attack.host, instance, "untrusted: quote-signature");
	attack.host->signer = attack.host->ak;
	sw_instance_free(&instance);
	attack_honest(attack.host);
	attack_honest(other);
	sw_host_free(&other);
}

/* ---- the nonce ---- */

static struct bytes nonce_other;
static void nonce_set(void *context, struct tpms_attest *a)
{
	(void)context;
	a->extra_data = nonce_other;
}
static void nonce_shorter(void *context, struct tpms_attest *a)
{
	(void)context;
	a->extra_data.len--;
}
static void nonce_longer(void *context, struct tpms_attest *a)
{
	static uint8_t longer[33];
	(void)context;
	memcpy(longer, a->extra_data.data, 32);
	a->extra_data = BYTES_OF(longer);
}

static void Q4__nonce_missing_shorter_longer_or_another__refused(void **state)
{
	static const uint8_t zeros[32], one[1];
	const struct forgery edited[] = {
		{"shorter", "untrusted: quote-nonce", {.attest = nonce_shorter}},
		{"longer", "untrusted: quote-nonce", {.attest = nonce_longer}},
	};
	const struct bytes others[] = {{0}, BYTES_OF(zeros), BYTES_OF(one)};
	(void)state;
	forge(edited, ARRAY_LEN(edited));
	for (size_t i = 0; i < ARRAY_LEN(others); i++) {
		const struct forgery set[] = {
			{"another", "untrusted: quote-nonce", {.attest = nonce_set}}};
		nonce_other = others[i];
		forge(set, 1);
	}
}

static void Q4__challenge_of_before_of_another_instance_or_host__refused(void **state)
{
	struct sw_instance *a = attack_instance(attack.host), *b = attack_instance(attack.host);
	struct sw_host *host = attack_host();
	struct sw_instance *c = attack_instance(host);
	struct buf used = {0};
	(void)state;
	assert_ok(sw_host_challenge(attack.host, a, &attack.err), attack.err);
	buf_put(&used, buf_bytes(&a->challenge));
	assert_outcome(attack.host, a, "trusted");
	buf_put(&b->challenge, buf_bytes(&used)); /* used, and another instance's */
	assert_outcome(attack.host, b, "untrusted: challenge-used");
	buf_clear(&a->challenge);
	buf_put(&a->challenge, buf_bytes(&used)); /* for a launch, used for a renewal */
	a->first = 0;
	assert_outcome(attack.host, a, "untrusted: challenge-used");
	buf_put(&c->challenge, buf_bytes(&used));
	assert_outcome(host, c, "untrusted: challenge-other");
	sw_instance_free(&a);
	sw_instance_free(&b);
	sw_instance_free(&c);
	sw_host_free(&host);
	buf_release(&used);
}

/* ---- what is quoted ---- */

static void selection_none(void *context, struct tpms_attest *a)
{
	(void)context;
	a->quote_selection.count = 0;
}
static void selection_no_pcrs(void *context, struct tpms_attest *a)
{
	(void)context;
	a->quote_selection.banks[0].pcrs = 0;
}
static void selection_fewer(void *context, struct tpms_attest *a)
{
	(void)context;
	a->quote_selection.banks[0].pcrs &= ~(1u << SW_PCR);
}
static void selection_more(void *context, struct tpms_attest *a)
{
	(void)context;
	a->quote_selection.banks[0].pcrs |= 1u << 16;
}
static void selection_sha1(void *context, struct tpms_attest *a)
{
	(void)context;
	a->quote_selection.banks[0].hash = TPM_ALG_SHA1;
}
static void selection_two_banks(void *context, struct tpms_attest *a)
{
	(void)context;
	a->quote_selection.banks[1] = a->quote_selection.banks[0];
	a->quote_selection.banks[1].hash = TPM_ALG_SHA1;
	a->quote_selection.count = 2;
}

static void Q6__empty_selection__refused(void **state)
{
	static const struct forgery cases[] = {
		{"no banks", "untrusted: quote-selection", {.attest = selection_none}},
		{"no PCRs", "untrusted: quote-selection", {.attest = selection_no_pcrs}},
	};
	(void)state;
	forge(cases, ARRAY_LEN(cases));
}

static void Q7__selection_of_fewer_more_or_other_pcrs__refused(void **state)
{
	static const struct forgery cases[] = {
		{"fewer", "untrusted: quote-selection", {.attest = selection_fewer}},
		{"more", "untrusted: quote-selection", {.attest = selection_more}},
		{"another bank besides", "untrusted: quote-selection",
			{.attest = selection_two_banks}},
	};
	(void)state;
	forge(cases, ARRAY_LEN(cases));
}

static void Q11__sha1_bank__refused(void **state)
{
	static const struct forgery cases[] = {
		{"SHA-1", "untrusted: quote-selection", {.attest = selection_sha1}},
	};
	(void)state;
	forge(cases, ARRAY_LEN(cases));
}

static void values_swapped(void *context, struct evidence *e)
{
	uint8_t value[DIGEST_LEN_MAX];
	(void)context;
	memcpy(value, e->pcrs.values[3], sizeof(value));
	memcpy(e->pcrs.values[3], e->pcrs.values[4], sizeof(value));
	memcpy(e->pcrs.values[4], value, sizeof(value));
}
static void values_one_more(void *context, struct evidence *e)
{
	(void)context;
	e->pcrs.present |= 1u << 16;
}
static void values_one_less(void *context, struct evidence *e)
{
	(void)context;
	e->pcrs.present &= ~1u;
}

static void Q7__value_of_a_quoted_pcr_missing__refused_and_of_another__discarded(void **state)
{
	static const struct forgery cases[] = {
		{"one less", "untrusted: quote-selection", {.evidence = values_one_less}},
		{"one more", "trusted", {.evidence = values_one_more}},
	};
	(void)state;
	forge(cases, ARRAY_LEN(cases));
}

static void Q9__values_reordered__refused(void **state)
{
	static const struct forgery cases[] = {
		{"swapped", "untrusted: quote-pcr-digest", {.evidence = values_swapped}},
	};
	(void)state;
	forge(cases, ARRAY_LEN(cases));
}

/* ---- the signature ---- */

static uint16_t signature_field;
static void signature_scheme(void *context, struct buf *s)
{
	(void)context;
	s->data[0] = (uint8_t)(signature_field >> 8);
	s->data[1] = (uint8_t)signature_field;
}
static void signature_hash(void *context, struct buf *s)
{
	(void)context;
	s->data[2] = (uint8_t)(signature_field >> 8);
	s->data[3] = (uint8_t)signature_field;
}
static void forge_field(void (*edit)(void *, struct buf *), uint16_t value, const char *wanted)
{
	const struct forgery cases[] = {{"field", wanted, {.signature = edit}}};
	signature_field = value;
	forge(cases, 1);
}

static void Q11__signature_that_says_sha1__refused(void **state)
{
	(void)state;
	forge_field(signature_hash, TPM_ALG_SHA1, "untrusted: quote-scheme");
}

static void Q13__signature_of_another_scheme_than_the_keys__refused(void **state)
{
	(void)state;
	forge_field(signature_scheme, TPM_ALG_RSASSA, "untrusted: quote-malformed");
	forge_field(signature_scheme, TPM_ALG_RSAPSS, "untrusted: quote-malformed");
	forge_field(signature_scheme, TPM_ALG_NULL, "untrusted: quote-malformed");
	forge_field(signature_scheme, 0x001a, "untrusted: quote-malformed"); /* ECDAA */
}

static void Q14__signature_that_says_another_hash__refused(void **state)
{
	(void)state;
	forge_field(signature_hash, TPM_ALG_SHA384, "untrusted: quote-scheme");
}

/* A host whose AK is of another kind. */
static struct sw_host *host_with_ak(enum tpm_sw_kind kind)
{
	struct sw_host *host = attack_stranger();
	char *token = NULL;
	tpm_sw_key_free(&host->ak);
	assert_ok(tpm_sw_ak_new(kind, 0, &host->ak, &attack.err), attack.err);
	host->signer = host->ak;
	assert_ok(verifierd_token(&attack.v, &token, &attack.err), attack.err);
	assert_ok(sw_host_enroll(host, token, &attack.err), attack.err);
	assert_int_equal(host->state, HOST_ACTIVE);
	free(token);
	return host;
}

/* TPMT_SIGNATURE of RSA: scheme, hash, size, and the number from here on. */
#define RSA_NUMBER 6u
static void rsa_first_bit(void *context, struct buf *s)
{
	(void)context;
	s->data[RSA_NUMBER] ^= 1;
}
static void rsa_last_bit(void *context, struct buf *s)
{
	(void)context;
	s->data[s->len - 1] ^= 1;
}
static void rsa_zero(void *context, struct buf *s)
{
	(void)context;
	memset(s->data + RSA_NUMBER, 0, s->len - RSA_NUMBER);
}
static void rsa_one(void *context, struct buf *s)
{
	rsa_zero(context, s);
	s->data[s->len - 1] = 1;
}
static void rsa_beyond_the_modulus(void *context, struct buf *s)
{
	(void)context;
	memset(s->data + RSA_NUMBER, 0xff, s->len - RSA_NUMBER);
}
static void rsa_shorter(void *context, struct buf *s)
{
	(void)context;
	s->len--;
	s->data[RSA_NUMBER - 1]--;
	if (s->data[RSA_NUMBER - 1] == 0xff)
		s->data[RSA_NUMBER - 2]--;
}
/* PKCS#1 v1.5 and PSS under each other's tag. */
static void rsa_other_tag(void *context, struct buf *s)
{
	(void)context;
	s->data[1] = s->data[1] == TPM_ALG_RSASSA ? TPM_ALG_RSAPSS : TPM_ALG_RSASSA;
}

static void Q16__rsa_signature_bent_degenerate_or_of_another_padding__refused(void **state)
{
	static const struct forgery cases[] = {
		{"first bit", "untrusted: quote-signature", {.signature = rsa_first_bit}},
		{"last bit", "untrusted: quote-signature", {.signature = rsa_last_bit}},
		{"zero", "untrusted: quote-signature", {.signature = rsa_zero}},
		{"one", "untrusted: quote-signature", {.signature = rsa_one}},
		{"beyond the modulus", "untrusted: quote-signature",
			{.signature = rsa_beyond_the_modulus}},
		{"shorter", "untrusted: quote-signature", {.signature = rsa_shorter}},
		{"another padding", "untrusted: quote-scheme", {.signature = rsa_other_tag}},
	};
	static const enum tpm_sw_kind kinds[] = {TPM_SW_RSASSA, TPM_SW_RSAPSS};
	struct sw_host *before = attack.host;
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		attack.host = host_with_ak(kinds[i]);
		forge(cases, ARRAY_LEN(cases));
		sw_host_free(&attack.host);
	}
	attack.host = before;
}

static void one_more(void *context, struct buf *b)
{
	(void)context;
	buf_put_u8(b, 0);
}

static void Q17__trailing_byte__refused(void **state)
{
	static const struct forgery cases[] = {
		{"attestation", "untrusted: quote-malformed", {.message = one_more}},
		{"signature", "untrusted: quote-malformed", {.signature = one_more}},
	};
	(void)state;
	forge(cases, ARRAY_LEN(cases));
}

/* TPM2B sizes of TPMS_ATTEST: signer behind magic and type, extraData behind it; of the signature: r, s. */
static size_t size_at;
static uint16_t size_value;
static void size_lies(void *context, struct buf *b)
{
	(void)context;
	b->data[size_at] = (uint8_t)(size_value >> 8);
	b->data[size_at + 1] = (uint8_t)size_value;
}

static void Q27__sizes_that_lie__refused(void **state)
{
	static const uint16_t values[] = {0, 1, 0x7fff, 0xffff};
	static const size_t in_message[] = {6, 42}, in_signature[] = {4};
	(void)state;
	for (size_t v = 0; v < ARRAY_LEN(values); v++) {
		size_value = values[v];
		for (size_t i = 0; i < ARRAY_LEN(in_message); i++) {
			const struct forgery cases[] = {{"attestation",
				"untrusted: quote-malformed", {.message = size_lies}}};
			size_at = in_message[i];
			forge(cases, 1);
		}
		for (size_t i = 0; i < ARRAY_LEN(in_signature); i++) {
			const struct forgery cases[] = {{"signature", "untrusted: quote-malformed",
				{.signature = size_lies}}};
			size_at = in_signature[i];
			forge(cases, 1);
		}
	}
}

static void signer_other(void *context, struct tpms_attest *a)
{
	static uint8_t name[34];
	(void)context;
	memcpy(name, a->qualified_signer.data, sizeof(name));
	name[33] ^= 1;
	a->qualified_signer = BYTES_OF(name);
}
static void signer_none(void *context, struct tpms_attest *a)
{
	(void)context;
	a->qualified_signer = (struct bytes){0};
}
/* The AK's name itself, or below the owner: a key with the same public part elsewhere in the hierarchies. */
static void signer_owner(void *context, struct tpms_attest *a)
{
	static struct tpm_name qualified;
	(void)context;
	assert_true(tpm_qualified_name_of_primary(
		TPM_RH_OWNER, &attack.host->ak->name, &qualified, NULL));
	a->qualified_signer = tpm_name_bytes(&qualified);
}

static void Q18__qualified_signer_of_another_or_elsewhere__refused(void **state)
{
	static const struct forgery cases[] = {
		{"another", "untrusted: quote-signer", {.attest = signer_other}},
		{"none", "untrusted: quote-signer", {.attest = signer_none}},
		{"owner hierarchy", "untrusted: quote-signer", {.attest = signer_owner}},
	};
	(void)state;
	forge(cases, ARRAY_LEN(cases));
}

#define T(name) cmocka_unit_test(name)
int main(void)
{
	const struct CMUnitTest tests[] = {
		T(Q1__another_magic_than_a_tpms__refused),
		T(Q2__another_attestation_as_a_quote__refused),
		T(Q3__signed_by_a_key_that_is_not_restricted__refused),
		T(Q24__quote_by_the_ak_of_another_host__refused),
		T(Q4__nonce_missing_shorter_longer_or_another__refused),
		T(Q4__challenge_of_before_of_another_instance_or_host__refused),
		T(Q6__empty_selection__refused),
		T(Q7__selection_of_fewer_more_or_other_pcrs__refused),
		T(Q11__sha1_bank__refused),
		T(Q7__value_of_a_quoted_pcr_missing__refused_and_of_another__discarded),
		T(Q9__values_reordered__refused),
		T(Q11__signature_that_says_sha1__refused),
		T(Q13__signature_of_another_scheme_than_the_keys__refused),
		T(Q14__signature_that_says_another_hash__refused),
		T(Q16__rsa_signature_bent_degenerate_or_of_another_padding__refused),
		T(Q17__trailing_byte__refused),
		T(Q27__sizes_that_lie__refused),
		T(Q18__qualified_signer_of_another_or_elsewhere__refused),
	};
	return cmocka_run_group_tests(tests, attack_open, attack_close);
}
