/* SPDX-License-Identifier: Apache-2.0 */
/* Endorsement keys: found by certificate, made again, proven by ActivateCredential. */
#include "attest/tpm.h"

#include "crypto/x509.h"
#include "tests/unit/attest/tpm_fixture.h"

static struct tpm_ek ek;
static struct buf ak_public, id_object, encrypted_secret, secret, text;
static struct cert *certificate;
static struct key *certified;
static struct swtpm other;

static int release_results(void **state)
{
	tpm_ek_release(&ek);
	buf_release(&ak_public);
	buf_release(&id_object);
	buf_release(&encrypted_secret);
	buf_release(&secret);
	buf_release(&text);
	cert_unref(&certificate);
	key_unref(&certified);
	swtpm_stop(&other);
	return fixture_teardown(state);
}

/* The key in the EK's certificate is the EK's. */
static void assert_certified(struct tpm_fixture *f)
{
	struct tpmt_public area;
	struct key *key = NULL;
	bool equal;

	assert_ok(cert_from_der(buf_bytes(&ek.certificate), false, &certificate, &f->err), f->err);
	assert_ok(cert_key(certificate, &certified, &f->err), f->err);
	assert_ok(tpmt_public_parse(buf_bytes(&ek.public_area), &area, &f->err), f->err);
	assert_int_equal(ek_template_of(&area, NULL), ek.template_id);
	assert_ok(tpmt_public_key(&area, &key, &f->err), f->err);
	equal = key_equal(key, certified);
	key_unref(&key);
	assert_true(equal);
}

static void activate(struct tpm_fixture *f, const struct tpm_ak_options *ak_options)
{
	struct tpmt_public ek_area, ak_area;
	struct tpm_name name;

	assert_ok(tpm_ak(f->tpm, ak_options, &ak_public, &f->err), f->err);
	assert_ok(tpmt_public_parse(buf_bytes(&ek.public_area), &ek_area, &f->err), f->err);
	assert_ok(tpmt_public_parse(buf_bytes(&ak_public), &ak_area, &f->err), f->err);
	assert_ok(tpm_name_of(&ak_area, &name, &f->err), f->err);
	assert_ok(
		tpm_make_credential(&ek_area, &name, BYTES_LIT("a secret of 32 bytes, as it were"),
			&random_system, &id_object, &encrypted_secret, &f->err),
		f->err);
	assert_ok(tpm_activate(f->tpm, buf_bytes(&id_object), buf_bytes(&encrypted_secret), &secret,
			  &f->err),
		f->err);
	assert_bytes(buf_bytes(&secret), BYTES_LIT("a secret of 32 bytes, as it were"));
}

static void ek__rsa_low__certified_persistent_activates(void **state)
{
	struct tpm_fixture *f = fixture_of(state);

	assert_ok(tpm_ek(f->tpm, &(struct tpm_ek_options){0}, &ek, &f->err), f->err);
	assert_int_equal(ek.template_id, EK_TEMPLATE_L1);
	assert_int_equal(ek.handle, 0x81010001);
	assert_int_equal(ek.chain_count, 0);
	assert_certified(f);
	activate(f, &(struct tpm_ak_options){0});
}

static void ek__p384_high__certified_activates(void **state)
{
	struct tpm_fixture *f = fixture_of(state);

	assert_ok(tpm_ek(f->tpm, &(struct tpm_ek_options){.want = EK_TEMPLATE_H3}, &ek, &f->err),
		f->err);
	assert_int_equal(ek.handle, 0x81010016);
	assert_certified(f);
	activate(f, &(struct tpm_ak_options){0});
}

static void ek__preference__decides(void **state)
{
	struct tpm_fixture *f = fixture_of(state);
	struct tpm_ek_options options = {
		.preference = {EK_TEMPLATE_H2, EK_TEMPLATE_H3, EK_TEMPLATE_L1}};

	assert_ok(tpm_ek(f->tpm, &options, &ek, &f->err), f->err);
	assert_int_equal(ek.template_id, EK_TEMPLATE_H3);
}

/* TPM2_EvictControl with the owner's empty password. */
static void evict(struct tpm_fixture *f, uint8_t high, uint8_t low)
{
	const uint8_t command[] = {0x80, 0x02, 0, 0, 0, 35, 0, 0, 0x01, 0x20, 0x40, 0, 0, 0x0c,
		0x81, 0x01, high, low, 0, 0, 0, 9, 0x40, 0, 0, 0x09, 0, 0, 0, 0, 0, 0x81, 0x01,
		high, low};
	struct buf answer = {0};
	int code;

	assert_ok(swtpm_command(&f->swtpm, BYTES_OF(command), &answer, &f->err), f->err);
	code = answer.data[8] << 8 | answer.data[9];
	buf_release(&answer);
	assert_int_equal(code, 0);
}

/* Last of those that use the shared TPM: its persistent EKs are gone afterwards. */
static void ek__not_persistent__made_again_and_activates(void **state)
{
	struct tpm_fixture *f = fixture_of(state);
	static const enum ek_template wanted[] = {EK_TEMPLATE_L1, EK_TEMPLATE_H3};

	evict(f, 0x00, 0x01);
	evict(f, 0x00, 0x16);
	for (size_t i = 0; i < ARRAY_LEN(wanted); i++) {
		assert_ok(tpm_ek(f->tpm, &(struct tpm_ek_options){.want = wanted[i]}, &ek, &f->err),
			f->err);
		assert_int_equal(ek.handle, 0);
		assert_certified(f);
		activate(f, &(struct tpm_ak_options){.transient = true});
		tpm_ek_release(&ek);
		buf_release(&id_object);
		buf_release(&encrypted_secret);
		cert_unref(&certificate);
		key_unref(&certified);
	}
}

static void ek__persistent_copy_vanishes__still_activates(void **state)
{
	struct tpm_fixture *f = fixture_of(state);
	struct swtpm shared = f->swtpm;

	assert_ok(swtpm_start(NULL, &other, &f->err), f->err);
	tpm_free(&f->tpm);
	f->swtpm = other;
	if (fixture_open(f, "", "") && tpm_ek(f->tpm, &(struct tpm_ek_options){0}, &ek, &f->err))
		evict(f, 0x00, 0x01);
	f->swtpm = shared;
	assert_non_null(f->tpm);
	assert_int_equal(ek.template_id, EK_TEMPLATE_L1);
	activate(f, &(struct tpm_ak_options){0});
}

static void ek__other_templates__made_without_certificate(void **state)
{
	struct tpm_fixture *f = fixture_of(state);
	static const enum ek_template wanted[] = {
		EK_TEMPLATE_L2, EK_TEMPLATE_H1, EK_TEMPLATE_H2, EK_TEMPLATE_H6};
	struct tpmt_public area;

	for (size_t i = 0; i < ARRAY_LEN(wanted); i++) {
		assert_ok(tpm_ek(f->tpm, &(struct tpm_ek_options){.want = wanted[i]}, &ek, &f->err),
			f->err);
		assert_int_equal(ek.certificate.len, 0);
		assert_ok(tpmt_public_parse(buf_bytes(&ek.public_area), &area, &f->err), f->err);
		assert_int_equal(ek_template_of(&area, NULL), wanted[i]);
		activate(f, &(struct tpm_ak_options){0});
		tpm_ek_release(&ek);
		buf_release(&id_object);
		buf_release(&encrypted_secret);
	}
}

static void activate__for_another_ak__refused(void **state)
{
	struct tpm_fixture *f = fixture_of(state);

	assert_ok(tpm_ek(f->tpm, &(struct tpm_ek_options){0}, &ek, &f->err), f->err);
	activate(f, &(struct tpm_ak_options){0});
	assert_ok(tpm_ak(f->tpm, &(struct tpm_ak_options){.generation = 3, .transient = true},
			  &ak_public, &f->err),
		f->err);
	assert_false(tpm_activate(
		f->tpm, buf_bytes(&id_object), buf_bytes(&encrypted_secret), &secret, &f->err));
	assert_int_equal(f->err.code, ERR_MISMATCH);
	assert_non_null(strstr(f->err.text,
		"credential activation: the credential was not made for this AK "
		"and this EK: TPM2_ActivateCredential: "));
	assert_int_equal(secret.len, 0);
}

static void activate__for_another_ek__refused(void **state)
{
	struct tpm_fixture *f = fixture_of(state);

	assert_ok(tpm_ek(f->tpm, &(struct tpm_ek_options){.want = EK_TEMPLATE_L2}, &ek, &f->err),
		f->err);
	activate(f, &(struct tpm_ak_options){0});
	tpm_ek_release(&ek);
	assert_ok(tpm_ek(f->tpm, &(struct tpm_ek_options){.want = EK_TEMPLATE_H2}, &ek, &f->err),
		f->err);
	assert_false(tpm_activate(
		f->tpm, buf_bytes(&id_object), buf_bytes(&encrypted_secret), &secret, &f->err));
	assert_int_equal(f->err.code, ERR_MISMATCH);
}

static void activate__garbled_or_early__refused(void **state)
{
	struct tpm_fixture *f = fixture_of(state);

	assert_fails(tpm_activate(f->tpm, BYTES_LIT("\0\1"), BYTES_LIT("\0\0"), &secret, &f->err),
		f->err, ERR_FORMAT, "credential: no TPM2B_ID_OBJECT");
	assert_fails(
		tpm_activate(f->tpm, BYTES_LIT("\0\1x"), BYTES_LIT("\0\0\0"), &secret, &f->err),
		f->err, ERR_FORMAT, "credential: no TPM2B_ENCRYPTED_SECRET");
	assert_fails(tpm_activate(f->tpm, BYTES_LIT("\0\1x"), BYTES_LIT("\0\1x"), &secret, &f->err),
		f->err, ERR_USAGE, "credential activation: the EK and the AK come first");
}

static void ek__certificate_from_file__found_with_chain(void **state)
{
	struct tpm_fixture *f = fixture_of(state);
	struct buf root = {0}, issuer = {0};
	struct tpm_ek_options options = {0};

	assert_ok(tpm_ek(f->tpm, &(struct tpm_ek_options){.want = EK_TEMPLATE_H3}, &ek, &f->err),
		f->err);
	assert_certified(f);
	assert_ok(swtpm_ca_certificates(&f->swtpm, &root, &issuer, &f->err), f->err);
	buf_put(&text, buf_bytes(&issuer));
	buf_release(&root);
	buf_release(&issuer);
	assert_ok(cert_pem(certificate, &text, &f->err), f->err);
	cert_unref(&certificate);
	key_unref(&certified);
	tpm_ek_release(&ek);
	options.certificates = buf_bytes(&text);
	assert_ok(tpm_ek(f->tpm, &options, &ek, &f->err), f->err);
	assert_int_equal(ek.template_id, EK_TEMPLATE_H3);
	assert_int_equal(ek.chain_count, 1);
	assert_certified(f);
}

static void ek__certificate_of_another_tpm__refused(void **state)
{
	struct tpm_fixture *f = fixture_of(state);
	struct tpm *tpm = NULL;
	struct tpm_ek_options options = {0};

	assert_ok(swtpm_start(NULL, &other, &f->err), f->err);
	assert_ok(tpm_open(&(struct tpm_options){.tcti = other.tcti}, &tpm, &f->err), f->err);
	if (tpm_ek(tpm, &options, &ek, &f->err))
		buf_put(&text, buf_bytes(&ek.certificate));
	tpm_ek_release(&ek);
	tpm_free(&tpm);
	assert_true(text.len > 0);
	options.certificates = buf_bytes(&text);
	assert_fails(tpm_ek(f->tpm, &options, &ek, &f->err), f->err, ERR_MISMATCH,
		"endorsement key: EK L-1: none of the ways to make it gives the key in its "
		"certificate: "
		"the certificate is of another TPM, or the endorsement seed was changed");
	assert_int_equal(ek.public_area.len, 0);
}

static void ek_list__software_tpm__two_certificates(void **state)
{
	struct tpm_fixture *f = fixture_of(state);
	struct tpm_ek_present present[TPM_EK_TEMPLATES];
	size_t count = 0, chain = 9;

	assert_ok(tpm_ek_list(f->tpm, present, &count, &chain, &f->err), f->err);
	assert_int_equal(count, 2);
	assert_int_equal(chain, 0);
	assert_int_equal(present[0].template_id, EK_TEMPLATE_L1);
	assert_true(present[0].certificate && present[0].persistent);
	assert_int_equal(present[1].template_id, EK_TEMPLATE_H3);
	assert_true(present[1].certificate);
}

static void nv_define(struct esys *t, uint32_t index, struct bytes content)
{
	static const TPM2B_AUTH no_password;
	TPM2B_NV_PUBLIC area = {.nvPublic = {.nvIndex = index,
					.nameAlg = TPM2_ALG_SHA256,
					.attributes = TPMA_NV_OWNERWRITE | TPMA_NV_OWNERREAD |
						      TPMA_NV_AUTHREAD | TPMA_NV_NO_DA,
					.dataSize = (UINT16)content.len}};
	ESYS_TR tr;

	assert_int_equal(Esys_NV_DefineSpace(t->context, ESYS_TR_RH_OWNER, ESYS_TR_PASSWORD,
				 ESYS_TR_NONE, ESYS_TR_NONE, &no_password, &area, &tr),
		0);
	for (size_t at = 0; at < content.len;) {
		TPM2B_MAX_NV_BUFFER data = {
			.size = (UINT16)(content.len - at < 512 ? content.len - at : 512)};
		memcpy(data.buffer, content.data + at, data.size);
		assert_int_equal(Esys_NV_Write(t->context, ESYS_TR_RH_OWNER, tr, ESYS_TR_PASSWORD,
					 ESYS_TR_NONE, ESYS_TR_NONE, &data, (UINT16)at),
			0);
		at += data.size;
	}
	Esys_TR_Close(t->context, &tr);
}

/* A certificate over any key, as a manufacturer would write one. */
static void issue(struct tpm_fixture *f, const struct key *subject, struct cert **ret)
{
	struct key *maker_key = NULL;
	struct cert *maker = NULL;
	struct cert_request request = {.common_name = "Maker",
		.not_before = 1700000000,
		.not_after = 4000000000,
		.ca = true};
	bool ok = key_generate(KEY_EC_P256, &maker_key, &f->err);

	request.subject = maker_key;
	ok = ok && cert_issue(&request, NULL, maker_key, &maker, &f->err);
	request.common_name = "EK";
	request.subject = subject;
	request.ca = false;
	ok = ok && cert_issue(&request, maker, maker_key, ret, &f->err);
	key_unref(&maker_key);
	cert_unref(&maker);
	if (!ok)
		fail_msg("%s", f->err.text);
}

/* A TPM as some makers ship it: nonce in NV, certificate with the old header and padding, chain
 * over two indices. */
static void ek__nonce_header_padding_chain__all_honoured(void **state)
{
	struct tpm_fixture *f = fixture_of(state);
	static const uint8_t nonce[] = {0xaa, 0xbb, 0xcc, 0xdd};
	struct swtpm shared = f->swtpm;
	struct buf content = {0};
	struct tpmt_public area;
	struct bytes der;

	tpm_free(&f->tpm);
	assert_ok(
		swtpm_start(&(struct swtpm_options){.without_certificates = true}, &other, &f->err),
		f->err);
	f->swtpm = other;
	fixture_open(f, "", "");
	f->swtpm = shared;
	assert_non_null(f->tpm);
	nv_define((struct esys *)f->tpm, 0x01c0000b, BYTES_OF(nonce));
	assert_ok(tpm_ek(f->tpm, &(struct tpm_ek_options){.want = EK_TEMPLATE_L2}, &ek, &f->err),
		f->err);
	assert_ok(tpmt_public_parse(buf_bytes(&ek.public_area), &area, &f->err), f->err);
	assert_ok(tpmt_public_key(&area, &certified, &f->err), f->err);
	issue(f, certified, &certificate);
	der = cert_der(certificate);
	buf_put(&content, BYTES_LIT("\x10\x01\x00\x02\x00\x10\x02"));
	buf_put(&content, der);
	buf_put(&content, BYTES_LIT("\xff\xff\xff\xff\xff\xff\xff\xff"));
	nv_define((struct esys *)f->tpm, 0x01c0000a, buf_bytes(&content));
	buf_release(&content);
	nv_define((struct esys *)f->tpm, 0x01c00100, bytes_of(der.data, der.len - 20));
	buf_put(&content, bytes_of(der.data + der.len - 20, 20));
	buf_put(&content, BYTES_LIT("\0\0\0\0"));
	buf_put(&content, der);
	nv_define((struct esys *)f->tpm, 0x01c00101, buf_bytes(&content));
	buf_release(&content);
	tpm_ek_release(&ek);
	assert_ok(tpm_ek(f->tpm, &(struct tpm_ek_options){0}, &ek, &f->err), f->err);
	assert_int_equal(ek.template_id, EK_TEMPLATE_L2);
	assert_bytes(buf_bytes(&ek.certificate), der);
	assert_int_equal(ek.chain_count, 2);
	assert_bytes(buf_bytes(&ek.chain[0]), der);
	assert_bytes(buf_bytes(&ek.chain[1]), der);
}

/* A template of the maker's own, with a `unique` nobody could guess. */
static void ek__template_in_nv__honoured(void **state)
{
	struct tpm_fixture *f = fixture_of(state);
	struct swtpm shared = f->swtpm;
	struct tpmt_public area;
	struct buf content = {0};
	uint8_t plain_x[32];
	bool same;

	tpm_free(&f->tpm);
	assert_ok(
		swtpm_start(&(struct swtpm_options){.without_certificates = true}, &other, &f->err),
		f->err);
	f->swtpm = other;
	fixture_open(f, "", "");
	f->swtpm = shared;
	assert_non_null(f->tpm);
	assert_ok(tpm_ek(f->tpm, &(struct tpm_ek_options){.want = EK_TEMPLATE_H2}, &ek, &f->err),
		f->err);
	assert_ok(tpmt_public_parse(buf_bytes(&ek.public_area), &area, &f->err), f->err);
	assert_int_equal(area.x.len, 32);
	memcpy(plain_x, area.x.data, 32);
	/* The public area of another key does as a template: its point is the odd `unique`. */
	nv_define((struct esys *)f->tpm, 0x01c00015, buf_bytes(&ek.public_area));
	tpm_ek_release(&ek);
	assert_ok(tpm_ek(f->tpm, &(struct tpm_ek_options){.want = EK_TEMPLATE_H2}, &ek, &f->err),
		f->err);
	assert_ok(tpmt_public_parse(buf_bytes(&ek.public_area), &area, &f->err), f->err);
	same = memcmp(plain_x, area.x.data, 32) == 0;
	buf_release(&content);
	assert_false(same);
	activate(f, &(struct tpm_ak_options){0});
}

/* ---- who salts the session ---- */

/* One ReadPublic is answered with another key, the next with the right one: the session would be salted with the first. */
static void session__other_key_in_the_ek_s_place__refused(void **state)
{
	struct tpm_fixture *f = fixture_of(state);
	struct err err = {0};

	assert_ok(tpm_ak(f->tpm, &(struct tpm_ak_options){0}, &ak_public, &f->err), f->err);
	assert_ok(tpm_ek(f->tpm, &(struct tpm_ek_options){.want = EK_TEMPLATE_H3}, &ek, &f->err),
		f->err);
	assert_int_not_equal(ek.handle, 0);
	fixture_respond(f, TPM2_CC_ReadPublic, 1, 0);
	f->fault.handle = TPM_AK_HANDLE_DEFAULT;
	assert_false(tpm_ak(f->tpm, &(struct tpm_ak_options){.transient = true}, &ak_public, &err));
	assert_int_equal(err.code, ERR_MISMATCH);
	assert_non_null(strstr(err.text, "TPM2_ReadPublic: another key than a moment ago"));
}

static void session__from_before_the_ek__not_used_for_the_secret(void **state)
{
	struct tpm_fixture *f = fixture_of(state);

	assert_ok(tpm_ak(f->tpm, &(struct tpm_ak_options){0}, &ak_public, &f->err), f->err);
	assert_ok(tpm_ek(f->tpm, &(struct tpm_ek_options){0}, &ek, &f->err), f->err);
	fixture_respond(f, TPM2_CC_StartAuthSession, 0, 0);
	activate(f, &(struct tpm_ak_options){0});
	/* One that is salted with the EK, one for its policy. */
	assert_int_equal(f->fault.seen, 2);
}

int main(void)
{
#define ROW(name) cmocka_unit_test_setup_teardown(name, fixture_setup, release_results)
	const struct CMUnitTest tests[] = {
		ROW(ek_list__software_tpm__two_certificates),
		ROW(ek__rsa_low__certified_persistent_activates),
		ROW(ek__p384_high__certified_activates),
		ROW(ek__preference__decides),
		ROW(session__other_key_in_the_ek_s_place__refused),
		ROW(ek__other_templates__made_without_certificate),
		ROW(ek__persistent_copy_vanishes__still_activates),
		ROW(activate__for_another_ak__refused),
		ROW(activate__for_another_ek__refused),
		ROW(activate__garbled_or_early__refused),
		ROW(ek__certificate_from_file__found_with_chain),
		ROW(ek__certificate_of_another_tpm__refused),
		ROW(ek__nonce_header_padding_chain__all_honoured),
		ROW(ek__template_in_nv__honoured),
		ROW(ek__not_persistent__made_again_and_activates),
		ROW(session__from_before_the_ek__not_used_for_the_secret),
	};

	setenv("TSS2_LOG", "all+NONE", 0);
	return cmocka_run_group_tests(tests, fixture_group_setup, fixture_group_teardown);
}
