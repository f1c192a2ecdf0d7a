/* SPDX-License-Identifier: Apache-2.0 */
#include "evidence/checkpoint_quote.h"

#include "parse_check.h"
#include "tests/support/quoted_make.h"

#define ORIGIN "bank.example/log"

static struct tpm_sw_key *ak, *other;
static struct note_key log_key;
static struct quoted_make made;
static struct checkpoint_quoted quoted;
static struct err err;
static const uint8_t root[SHA256_LEN] = {0x77};

static int group_setup(void **state)
{
	(void)state;
	quoted_log_key(ORIGIN, &log_key);
	assert_ok(tpm_sw_ak_new(TPM_SW_ECDSA_P256, 0, &ak, &err), err);
	assert_ok(tpm_sw_ak_new(TPM_SW_ECDSA_P256, 0, &other, &err), err);
	return 0;
}

static int group_teardown(void **state)
{
	(void)state;
	note_key_release(&log_key);
	tpm_sw_key_free(&ak);
	tpm_sw_key_free(&other);
	return 0;
}

static int setup(void **state)
{
	(void)state;
	err = (struct err){0};
	quoted_honest(&made, ak, &log_key, 13, root);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	quoted_release(&made);
	memset(&made, 0, sizeof(made));
	return 0;
}

static void assert_refused(const struct key *pinned, enum err_code code, const char *message)
{
	struct checkpoint_quote read;

	assert_ok(checkpoint_quote_decode(buf_bytes(&made.file), &read, &err), err);
	assert_false(checkpoint_quote_check(&read, pinned, NULL, &err));
	assert_int_equal(err.code, code);
	assert_non_null(strstr(err.text, message));
}

static void quote__honest__holds_and_tells_what_was_signed(void **state)
{
	struct checkpoint_quote read;

	(void)state;
	assert_ok(checkpoint_quote_decode(buf_bytes(&made.file), &read, &err), err);
	assert_ok(checkpoint_quote_check(&read, ak->key, &quoted, &err), err);
	assert_int_equal(quoted.checkpoint.size, 13);
	assert_true(bytes_equal_str(quoted.checkpoint.origin, ORIGIN));
	assert_memory_equal(quoted.checkpoint.root, root, SHA256_LEN);
	assert_int_equal(quoted.attest.reset_count, 1);
	assert_bytes(tpm_name_bytes(&quoted.ak_name), tpm_name_bytes(&ak->name));
	assert_ok(checkpoint_quote_check(&read, NULL, NULL, &err), err);
}

static void quote__encoded__has_one_form(void **state)
{
	struct checkpoint_quote read;
	struct buf again = {0};

	(void)state;
	assert_ok(checkpoint_quote_decode(buf_bytes(&made.file), &read, &err), err);
	assert_ok(checkpoint_quote_encode(&read, &again, &err), err);
	assert_bytes(buf_bytes(&again), buf_bytes(&made.file));
	buf_release(&again);
}

static bool parse(struct bytes in, struct err *e)
{
	struct checkpoint_quote read;

	return checkpoint_quote_decode(in, &read, e);
}

static void quote__cut_or_lengthened__refused(void **state)
{
	struct buf longer = {0};

	(void)state;
	for (size_t len = 0; len < made.file.len; len++)
		assert_false(parse(bytes_of(made.file.data, len), &err));
	buf_put(&longer, buf_bytes(&made.file));
	buf_put_u8(&longer, 0);
	assert_false(parse(buf_bytes(&longer), &err));
	assert_int_equal(err.code, ERR_FORMAT);
	buf_release(&longer);
}

static void quote__too_large__refused_before_it_is_read(void **state)
{
	struct buf large = {0};

	(void)state;
	memset(buf_extend(&large, CHECKPOINT_QUOTE_MAX + 1), 0, CHECKPOINT_QUOTE_MAX + 1);
	assert_fails(parse(buf_bytes(&large), &err), err, ERR_LIMIT,
		"checkpoint quote: 32769 bytes, more than 32768");
	buf_release(&large);
}

static void quote__bank_of_sha1__refused(void **state)
{
	(void)state;
	made.quote.pcrs.alg = DIGEST_SHA1;
	buf_clear(&made.file);
	assert_false(checkpoint_quote_encode(&made.quote, &made.file, &err));
	assert_non_null(strstr(err.text, "bank: neither SHA-256 nor SHA-384"));
	assert_int_equal(made.file.len, 0);
}

static void Q24__quote_of_a_checkpoint_by_another_key_than_the_pinned__refused(void **state)
{
	(void)state;
	assert_refused(
		other->key, ERR_MISMATCH, "by another attestation key than the one that is pinned");
}

static void checkpoint_quote__public_area_exchanged__refused(void **state)
{
	(void)state;
	made.quote.ak = buf_bytes(&other->public_area);
	quoted_encode(&made);
	assert_refused(NULL, ERR_MISMATCH, "quote-signature");
}

/* The same key, said to be something else: the qualified signer is of the name. */
static void Q3__checkpoint_quoted_by_a_free_key__refused(void **state)
{
	struct tpm_sw_key *free_signer = NULL, *twin = NULL;
	struct tpmt_public area = ak->view;

	(void)state;
	assert_ok(tpm_sw_ak_new(TPM_SW_ECDSA_P256, TPM_SW_KEY_ATTRIBUTES, &free_signer, &err), err);
	quoted_honest(&made, free_signer, &log_key, 13, root);
	assert_refused(NULL, ERR_MISMATCH, "not an attestation key");
	area.attributes &= ~TPMA_OBJECT_NO_DA;
	assert_ok(tpm_sw_key_of_public(ak->key, &area, &twin, &err), err);
	quoted_honest(&made, ak, &log_key, 13, root);
	made.quote.ak = buf_bytes(&twin->public_area);
	quoted_encode(&made);
	assert_refused(ak->key, ERR_MISMATCH, "quote-signer");
	tpm_sw_key_free(&free_signer);
	tpm_sw_key_free(&twin);
}

static void Q4__quote_put_beside_another_checkpoint__refused(void **state)
{
	struct quoted_make larger = {0};

	(void)state;
	quoted_honest(&larger, ak, &log_key, 14, root);
	made.quote.note = larger.quote.note;
	quoted_encode(&made);
	assert_refused(ak->key, ERR_MISMATCH, "quote-nonce");
	quoted_release(&larger);
}

/* Witnesses' lines come and go; the quote is over the text. */
static void quote__note_with_another_signature_line__holds(void **state)
{
	struct buf more = {0};
	struct checkpoint_quote read;

	(void)state;
	buf_put(&more, buf_bytes(&made.note));
	buf_put_str(&more, "\xe2\x80\x94 w.example AAAAAAAAAAA=\n");
	made.quote.note = buf_bytes(&more);
	quoted_encode(&made);
	assert_ok(checkpoint_quote_decode(buf_bytes(&made.file), &read, &err), err);
	assert_ok(checkpoint_quote_check(&read, ak->key, &quoted, &err), err);
	buf_release(&more);
}

static void quote__values_of_other_pcrs__refused(void **state)
{
	(void)state;
	made.quote.pcrs.values[4][0] ^= 1;
	quoted_encode(&made);
	assert_refused(ak->key, ERR_MISMATCH, "quote-pcr-digest");
	made.quote.pcrs.values[4][0] ^= 1;
	made.quote.pcrs.present = 0x7fff;
	quoted_encode(&made);
	assert_refused(ak->key, ERR_MISMATCH, "quote-pcr-digest");
}

static void Q7__checkpoint_quote_of_fewer_pcrs__refused(void **state)
{
	struct tpml_pcr_selection selection;
	uint8_t nonce[SHA256_LEN];
	struct bytes text;

	(void)state;
	assert_ok(evidence_selection(DIGEST_SHA256, &selection, &err), err);
	selection.banks[0].pcrs = 1;
	made.quote.pcrs.present = 1;
	assert_ok(note_text(made.quote.note, &text, &err), err);
	assert_ok(checkpoint_quote_nonce(text, nonce, &err), err);
	buf_clear(&made.message);
	buf_clear(&made.signature);
	assert_ok(tpm_sw_quote(ak, BYTES_OF(nonce), &selection, &made.quote.pcrs, &made.message,
			  &made.signature, &err),
		err);
	made.quote.message = buf_bytes(&made.message);
	made.quote.signature = buf_bytes(&made.signature);
	quoted_encode(&made);
	assert_refused(ak->key, ERR_MISMATCH, "quote-selection");
}

/* A certification commits to the same qualifying data, and says nothing of PCRs. */
static void Q2__certification_of_a_checkpoint__refused(void **state)
{
	uint8_t nonce[SHA256_LEN];
	struct bytes text;

	(void)state;
	assert_ok(note_text(made.quote.note, &text, &err), err);
	assert_ok(checkpoint_quote_nonce(text, nonce, &err), err);
	buf_clear(&made.message);
	buf_clear(&made.signature);
	assert_ok(tpm_sw_certify(ak, other, BYTES_OF(nonce), &made.message, &made.signature, &err),
		err);
	made.quote.message = buf_bytes(&made.message);
	made.quote.signature = buf_bytes(&made.signature);
	quoted_encode(&made);
	assert_refused(ak->key, ERR_MISMATCH, "quote-type");
}

/* What evidence commits to is SHA-256 of claims; what a checkpoint's quote commits to begins with a
 * byte that no claims begin with, and is the text of a checkpoint behind it. */
static void qualifying_data__never_that_of_claims(void **state)
{
	static const uint8_t label[] = CHECKPOINT_QUOTE_LABEL;
	const char *text = ORIGIN "\n13\nd3cAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n";
	uint8_t nonce[SHA256_LEN], plain[SHA256_LEN], labelled[SHA256_LEN];
	struct buf bytes = {0};
	struct claims claims;

	(void)state;
	assert_ok(checkpoint_quote_nonce(bytes_str(text), nonce, &err), err);
	buf_put(&bytes, BYTES_OF(label));
	assert_int_equal(bytes.data[bytes.len - 1], 0);
	buf_put_str(&bytes, text);
	assert_ok(sha256_of(buf_bytes(&bytes), labelled, &err), err);
	assert_ok(sha256_of(bytes_str(text), plain, &err), err);
	assert_memory_equal(nonce, labelled, SHA256_LEN);
	assert_memory_not_equal(nonce, plain, SHA256_LEN);
	assert_false(claims_decode(buf_bytes(&bytes), &claims, &err));
	assert_in_range(label[0], 0x60, 0x7f); /* CBOR: a text string; a map has a0 to bf */
	buf_release(&bytes);
}

static void qualifying_data__anything_but_a_checkpoint__has_no_qualifying_data(void **state)
{
	static const uint8_t claims[] = {0xa1, 0x0a, 0x41, 0x00};
	uint8_t nonce[SHA256_LEN];
	struct buf long_text = {0};

	(void)state;
	assert_false(checkpoint_quote_nonce(BYTES_OF(claims), nonce, &err));
	assert_int_equal(err.code, ERR_FORMAT);
	assert_false(checkpoint_quote_nonce((struct bytes){0}, nonce, &err));
	buf_put_str(&long_text, ORIGIN "\n13\nd3cAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n");
	while (long_text.len <= NOTE_MAX)
		buf_put_str(&long_text, "further\n");
	assert_false(checkpoint_quote_nonce(buf_bytes(&long_text), nonce, &err));
	assert_int_equal(err.code, ERR_LIMIT);
	buf_release(&long_text);
}

static void ak_file__three_forms__one_key(void **state)
{
	struct buf pem = {0}, sized = {0};
	struct key *key = NULL;

	(void)state;
	assert_ok(key_public_pem(ak->key, &pem, &err), err);
	buf_put_be16(&sized, (uint16_t)ak->public_area.len);
	buf_put(&sized, buf_bytes(&ak->public_area));
	const struct bytes forms[] = {
		buf_bytes(&pem), buf_bytes(&sized), buf_bytes(&ak->public_area)};
	for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
		assert_ok(checkpoint_quote_ak(forms[i], &key, &err), err);
		assert_true(key_equal(key, ak->key));
		key_unref(&key);
	}
	assert_false(checkpoint_quote_ak(BYTES_LIT("\x00\x23"), &key, &err));
	assert_int_equal(err.code, ERR_FORMAT);
	assert_non_null(strstr(err.text, "attestation key"));
	buf_release(&pem);
	buf_release(&sized);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(quote__honest__holds_and_tells_what_was_signed),
		TEST(quote__encoded__has_one_form),
		TEST(quote__cut_or_lengthened__refused),
		TEST(quote__too_large__refused_before_it_is_read),
		TEST(quote__bank_of_sha1__refused),
		TEST(Q24__quote_of_a_checkpoint_by_another_key_than_the_pinned__refused),
		TEST(checkpoint_quote__public_area_exchanged__refused),
		TEST(Q3__checkpoint_quoted_by_a_free_key__refused),
		TEST(Q4__quote_put_beside_another_checkpoint__refused),
		TEST(quote__note_with_another_signature_line__holds),
		TEST(quote__values_of_other_pcrs__refused),
		TEST(Q7__checkpoint_quote_of_fewer_pcrs__refused),
		TEST(Q2__certification_of_a_checkpoint__refused),
		TEST(qualifying_data__never_that_of_claims),
		TEST(qualifying_data__anything_but_a_checkpoint__has_no_qualifying_data),
		TEST(ak_file__three_forms__one_key),
	};
	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
