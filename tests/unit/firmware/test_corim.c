/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/unit.h"

#include <stdlib.h>

#include "base/cbor.h"
#include "base/text.h"
#include "crypto/cose.h"
#include "firmware/corim.h"

static struct key *keys[2];
static struct buf a, b, c;
static struct corim corim;
static struct err err;

#define NOW INT64_C(1800000000)

static int group_setup(void **state)
{
	(void)state;
	return key_generate(KEY_EC_P256, &keys[0], &err) &&
			       key_generate(KEY_ED25519, &keys[1], &err)
		       ? 0
		       : -1;
}

static int group_teardown(void **state)
{
	(void)state;
	key_unref(&keys[0]);
	key_unref(&keys[1]);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	corim_release(&corim);
	buf_release(&a);
	buf_release(&b);
	buf_release(&c);
	return 0;
}

#define H32 "1111111111111111111111111111111111111111111111111111111111111111"
#define G32 "2222222222222222222222222222222222222222222222222222222222222222"
#define H48 H32 "33333333333333333333333333333333"
#define H64 H32 G32

#define ENVIRONMENT                                                                                \
	"a1"                                                                                       \
	"00"                                                                                       \
	"a2"                                                                                       \
	"01"                                                                                       \
	"6441434d45"                                                                               \
	"02"                                                                                       \
	"624131" /* vendor ACME, model A1 */
#define IDENTITY                                                                                   \
	"01"                                                                                       \
	"a1"                                                                                       \
	"00"                                                                                       \
	"6174"
#define D256(hex)                                                                                  \
	"82"                                                                                       \
	"01"                                                                                       \
	"5820" hex
#define D384(hex)                                                                                  \
	"82"                                                                                       \
	"07"                                                                                       \
	"5830" hex
/* A CoMID with one reference triple of the given measurements (an array). */
#define COMID(measurements)                                                                        \
	"a2" IDENTITY "04"                                                                         \
	"a1"                                                                                       \
	"00"                                                                                       \
	"81"                                                                                       \
	"82" ENVIRONMENT measurements

static void put_hex(struct buf *out, const char *hex)
{
	OWNED(buf_release) struct buf bytes = {0};

	assert_true(hex_decode(bytes_str(hex), 65536, &bytes, &err));
	buf_put(out, buf_bytes(&bytes));
}

/* 501({1: [506(comid)], 0: "x", …}), keys in no order. */
static struct bytes manifest_more(const char *comid, unsigned pairs, const char *more)
{
	buf_clear(&a);
	buf_clear(&b);
	put_hex(&b, comid);
	put_hex(&a, "d901f5");
	buf_put_u8(&a, (uint8_t)(0xa2 + pairs));
	put_hex(&a, "0181d901fa59");
	buf_put_be16(&a, (uint16_t)b.len);
	buf_put(&a, buf_bytes(&b));
	put_hex(&a, "006178");
	put_hex(&a, more);
	return buf_bytes(&a);
}

static struct bytes manifest(const char *comid)
{
	return manifest_more(comid, 0, "");
}

static void read_ok(struct bytes in)
{
	corim_release(&corim);
	assert_ok(corim_read(in, NULL, NOW, &corim, &err), err);
}

static void assert_value(size_t i, unsigned pcr, enum digest_alg alg, uint8_t first)
{
	assert_true(i < corim.count);
	assert_int_equal(corim.values[i].pcr, pcr);
	assert_int_equal(corim.values[i].digest.alg, alg);
	assert_int_equal(corim.values[i].digest.len, digest_alg_len(alg));
	assert_int_equal(corim.values[i].digest.bytes[0], first);
}

static void read__integrity_registers__values_and_environment(void **state)
{
	(void)state;
	/* 14: {7: [sha-256, sha-384], 0: [sha-256]}: keys not in order. */
	read_ok(manifest(COMID("81a101a10ea2"
			       "0782" D256(H32) D384(H48) "0081" D256(G32))));
	assert_string_equal(corim.id, "x");
	assert_int_equal(corim.count, 3);
	assert_value(0, 7, DIGEST_SHA256, 0x11);
	assert_value(1, 7, DIGEST_SHA384, 0x11);
	assert_value(2, 0, DIGEST_SHA256, 0x22);
	assert_int_equal(corim.environment_count, 1);
	assert_string_equal(corim.environments[0], "vendor ACME, model A1");
	assert_false(corim.verified);
	assert_int_equal(corim.skip_count, 0);
}

static void read__one_measurement_for_each_pcr__values(void **state)
{
	(void)state;
	read_ok(manifest(COMID("82"
			       "a20004"
			       "01a10281" D256(H32) "a2"
						    "01a10282" D256(G32) "8208"
									 "5840" H64 "0005")));
	assert_int_equal(corim.count, 3);
	assert_value(0, 4, DIGEST_SHA256, 0x11);
	assert_value(1, 5, DIGEST_SHA256, 0x22);
	assert_value(2, 5, DIGEST_SHA512, 0x11);
}

static void read__algorithm_by_name__accepted(void **state)
{
	(void)state;
	read_ok(manifest(COMID("81a101a10ea10081"
			       "82"
			       "677368612d323536"
			       "5820" H32)));
	assert_value(0, 0, DIGEST_SHA256, 0x11);
}

static void read__what_says_nothing_about_pcrs__skipped_by_name(void **state)
{
	static const struct {
		const char *measurements, *what;
	} cases[] = {
		{"81a101a10ea1181881" D256(H32), "integrity register that is no PCR"},
		{"81a101a10ea1617081" D256(H32), "integrity register that is no PCR"},
		{"81a101a10ea10081820a"
		 "5820" H32,
			"digest algorithm 10"},
		{"81a101a10ea1008182"
		 "617a"
		 "5820" H32,
			"digest algorithm named in text"},
		{"81a101a10281" D256(H32), "measurement whose key is no PCR"},
		{"81a200181801a10281" D256(H32), "measurement whose key is no PCR"},
		{"81a101a10105", "measurement value 1"},
		{"81a301a10ea0"
		 "0280"
		 "0000",
			"authorized-by of a measurement"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		OWNED(buf_release) struct buf comid = {0};

		buf_put_str(&comid, "a2" IDENTITY "04"
				    "a1"
				    "00"
				    "81"
				    "82" ENVIRONMENT);
		buf_put_str(&comid, cases[i].measurements);
		read_ok(manifest(buf_str(&comid)));
		assert_int_equal(corim.count, 0);
		assert_true(corim.skip_count >= 1);
		assert_string_equal(corim.skips[0].what, cases[i].what);
		assert_int_equal(corim.skips[0].count, 1);
	}
}

static void read__other_triples_and_tags__skipped_by_name(void **state)
{
	(void)state;
	/* Triples 3 (attest-key), 1 (endorsed), 6 (coswid), 77; the second CoMID repeats one. */
	read_ok(manifest("a2" IDENTITY "04"
			 "a4"
			 "0380"
			 "0180"
			 "0680"
			 "184d80"));
	assert_int_equal(corim.count, 0);
	assert_int_equal(corim.skip_count, 4);
	assert_string_equal(corim.skips[0].what, "triple attest-key");
	assert_string_equal(corim.skips[1].what, "triple endorsed");
	assert_string_equal(corim.skips[2].what, "triple coswid");
	assert_string_equal(corim.skips[3].what, "triples 77");
	buf_clear(&c);
	put_hex(&c, "d901f5a20061780185"
		    "d901f941a0"
		    "d901fc41a0"
		    "d901f941a0"
		    "d901fe41a0"
		    "00");
	read_ok(buf_bytes(&c));
	assert_int_equal(corim.skip_count, 4);
	assert_string_equal(corim.skips[0].what, "tag coswid");
	assert_int_equal(corim.skips[0].count, 2);
	assert_string_equal(corim.skips[1].what, "tag cotl");
	assert_string_equal(corim.skips[2].what, "tag 510");
	assert_string_equal(corim.skips[3].what, "untagged tag");
}

static void read__more_kinds_of_skips_than_kept__last_counts_them(void **state)
{
	(void)state;
	buf_clear(&c);
	put_hex(&c, "d901f5a2006178019828");
	for (unsigned i = 0; i < 40; i++) {
		put_hex(&c, "d903");
		buf_put_u8(&c, (uint8_t)(0xf0 - i));
		put_hex(&c, "41a0");
	}
	read_ok(buf_bytes(&c));
	assert_int_equal(corim.skip_count, CORIM_SKIPS_MAX);
	assert_int_equal(corim.skips[CORIM_SKIPS_MAX - 1].count, 9);
}

static void read__environment_of_every_kind__in_words(void **state)
{
	(void)state;
	/* class {0: 111(…), 3: 1, 4: 2}, instance 550(…), group 37(…) */
	read_ok(manifest("a2" IDENTITY "04a1008182a3"
			 "00a300d86f4155"
			 "0301"
			 "0402"
			 "01d902264101"
			 "02d8254102"
			 "81a101a10ea10081" D256(H32)));
	assert_string_equal(corim.environments[0],
		"class d86f4155, layer 1, index 2, instance d902264101, group d8254102");
}

static void read__profile_and_uuid__shown(void **state)
{
	static const struct {
		const char *profile, *shown;
	} cases[] = {
		{"03d8206474616731", "tag1"},
		{"03d86f4155", "d86f4155"},
		{"03816474616732", "tag2"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		read_ok(manifest_more(COMID("81a101a10ea10081" D256(H32)), 1, cases[i].profile));
		assert_string_equal(corim.profile, cases[i].shown);
	}
	buf_clear(&c);
	put_hex(&c, "d901f5a20050000102030405060708090a0b0c0d0e0f0181d901fe41a0");
	read_ok(buf_bytes(&c));
	assert_string_equal(corim.id, "000102030405060708090a0b0c0d0e0f");
}

static void read__malformed__field_and_offset_named(void **state)
{
	static const struct {
		const char *hex, *text;
	} cases[] = {
		{"", "CoRIM: truncated at offset 0"},
		{"d901f5", "CoRIM: truncated at offset 0"},
		{"a0", "CoRIM: tag 501: expected a tag at offset 0"},
		{"d901f5a0", "CoRIM: id: missing at offset 3"},
		{"d901f5a1006178", "CoRIM: tags: missing at offset 3"},
		{"d901f5a2006178"
		 "0180",
			"CoRIM: tags: empty at offset 8"},
		{"d901f5a2006178"
		 "0181d901fa00",
			"CoRIM: CoMID: expected a byte string at offset 12"},
		{"d901f5a2006178"
		 "0181d901fa41ff",
			"CoMID: indefinite length at offset 0"},
		{"d901f5a2006178"
		 "0181d901fa41a0",
			"CoMID: tag identity: missing at offset 0"},
		{"d901f5a2006178"
		 "006178",
			"CoRIM: duplicate map key at offset 7"},
		{"d901f5bf006178ff", "CoRIM: indefinite length at offset 3"},
		{"d901f5a20061780181d901fe41a000", "CoRIM: trailing bytes at offset 14"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		buf_clear(&a);
		put_hex(&a, cases[i].hex);
		assert_fails(corim_read(buf_bytes(&a), NULL, NOW, &corim, &err), err, ERR_FORMAT,
			cases[i].text);
	}
}

static void read__malformed_measurement__field_named(void **state)
{
	static const struct {
		const char *measurements, *text;
	} cases[] = {
		{"80", "CoMID: measurements: empty at offset 24"},
		{"00", "CoMID: measurements: expected an array at offset 24"},
		{"81a0", "CoMID: mval: missing at offset 25"},
		{"81a101a10ea10080", "CoMID: digests: empty at offset 31"},
		{"81a101a10ea100818101",
			"CoMID: digest: expected an algorithm and a value at offset 32"},
		{"81a101a10ea1008182014100", "CoMID: digest value: expected 32 bytes at offset 34"},
		{"81a101a10ea10081820a00",
			"CoMID: digest value: expected a byte string at offset 34"},
		{"81a101a10ea1008182f4"
		 "4100",
			"CoMID: algorithm: expected an unsigned integer at offset 33"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		OWNED(buf_release) struct buf comid = {0};

		buf_put_str(&comid, "a2" IDENTITY "04"
				    "a1"
				    "00"
				    "81"
				    "82" ENVIRONMENT);
		buf_put_str(&comid, cases[i].measurements);
		assert_fails(corim_read(manifest(buf_str(&comid)), NULL, NOW, &corim, &err), err,
			ERR_FORMAT, cases[i].text);
		assert_null(corim.values);
	}
	assert_fails(corim_read(manifest("a2" IDENTITY "04"
					 "a1"
					 "00"
					 "81"
					 "81" ENVIRONMENT),
			     NULL, NOW, &corim, &err),
		err, ERR_FORMAT, "CoMID: measurements: missing at offset 10");
	assert_fails(corim_read(manifest("a2" IDENTITY "04"
					 "a1"
					 "00"
					 "81"
					 "82"
					 "a0"
					 "81a0"),
			     NULL, NOW, &corim, &err),
		err, ERR_FORMAT, "CoMID: environment: empty at offset 11");
}

static void read__truncated_anywhere__refused(void **state)
{
	struct bytes whole = manifest(COMID("81a101a10ea2"
					    "0782" D256(H32) D384(H48) "0081" D256(G32)));

	(void)state;
	for (size_t len = 0; len < whole.len; len++)
		assert_false(corim_read(bytes_of(whole.data, len), NULL, NOW, &corim, &err));
}

static void read__validity__judged_against_the_time(void **state)
{
	/* 4: {0: 1(1700000000), 1: 1(1900000000)}; the second without tags. */
	static const char *const validities[] = {
		"04a200c11a6553f10001c11a713fb300", "04a2001a6553f100011a713fb300"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(validities); i++) {
		struct bytes in =
			manifest_more(COMID("81a101a10ea10081" D256(H32)), 1, validities[i]);

		assert_ok(corim_read(in, NULL, 1700000000, &corim, &err), err);
		assert_true(corim.has_not_before && corim.has_not_after);
		assert_int_equal(corim.not_after, 1900000000);
		corim_release(&corim);
		assert_ok(corim_read(in, NULL, 1900000000, &corim, &err), err);
		corim_release(&corim);
		assert_fails(corim_read(in, NULL, 1699999999, &corim, &err), err, ERR_MISMATCH,
			"CoRIM: not valid before 2023-11-14T22:13:20Z, it is 2023-11-14T22:13:19Z");
		assert_fails(corim_read(in, NULL, 1900000001, &corim, &err), err, ERR_MISMATCH,
			"CoRIM: expired at 2030-03-17T17:46:40Z, it is 2030-03-17T17:46:41Z");
	}
}

static void read__too_long__refused(void **state)
{
	(void)state;
	assert_fails(corim_read(bytes_of("x", CORIM_MAX + 1u), NULL, NOW, &corim, &err), err,
		ERR_LIMIT, "CoRIM: more than 4194304 bytes");
}

/* ---- written and read again ---- */

static struct corim_value values[] = {
	{.pcr = 11, .digest = {DIGEST_SHA256, 32, {11}}},
	{.pcr = 4, .digest = {DIGEST_SHA384, 48, {5}}},
	{.pcr = 4, .digest = {DIGEST_SHA256, 32, {4}}},
};
static const struct corim_draft draft = {
	.id = "fleet-7", .vendor = "ACME", .model = "A1", .count = 3, .values = values};

static void write__values__read_again_by_pcr_and_bank(void **state)
{
	struct cbor_doc doc;
	struct cbor_item root;

	(void)state;
	assert_ok(corim_write(&draft, &a, &err), err);
	assert_ok(cbor_open(buf_bytes(&a), true, "written", &doc, &root, &err), err);
	read_ok(buf_bytes(&a));
	assert_string_equal(corim.id, "fleet-7");
	assert_string_equal(corim.environments[0], "vendor ACME, model A1");
	assert_int_equal(corim.count, 3);
	assert_value(0, 4, DIGEST_SHA256, 4);
	assert_value(1, 4, DIGEST_SHA384, 5);
	assert_value(2, 11, DIGEST_SHA256, 11);
	assert_false(corim.has_not_after);
}

static void write__alternatives__measurements_of_their_own(void **state)
{
	static const struct corim_value several[] = {
		{.pcr = 9, .digest = {DIGEST_SHA256, 32, {2}}},
		{.pcr = 9, .digest = {DIGEST_SHA256, 32, {1}}},
		{.pcr = 9, .digest = {DIGEST_SHA384, 48, {7}}},
		{.pcr = 4, .digest = {DIGEST_SHA256, 32, {4}}},
	};
	struct corim_draft more = draft;

	(void)state;
	more.values = several;
	more.count = ARRAY_LEN(several);
	assert_ok(corim_write(&more, &a, &err), err);
	read_ok(buf_bytes(&a));
	assert_int_equal(corim.count, 4);
	assert_value(0, 4, DIGEST_SHA256, 4);
	assert_value(1, 9, DIGEST_SHA256, 1);
	assert_value(2, 9, DIGEST_SHA384, 7);
	assert_value(3, 9, DIGEST_SHA256, 2);
	for (size_t i = 0; i < more.count; i++)
		assert_int_equal(
			corim_match(&corim, several[i].pcr, &several[i].digest), CORIM_EQUAL);
}

static void write__validity_and_model_alone__read_again(void **state)
{
	struct corim_draft timed = draft;

	(void)state;
	timed.vendor = NULL;
	timed.has_validity = true;
	timed.not_before = NOW - 1;
	timed.not_after = NOW + 1;
	assert_ok(corim_write(&timed, &a, &err), err);
	read_ok(buf_bytes(&a));
	assert_string_equal(corim.environments[0], "model A1");
	assert_int_equal(corim.not_before, NOW - 1);
	assert_int_equal(corim.not_after, NOW + 1);
}

static void write__what_cannot_be_said__refused(void **state)
{
	static const struct corim_value sha1 = {.pcr = 0, .digest = {DIGEST_SHA1, 20, {0}}};
	static const struct corim_value high = {.pcr = 24, .digest = {DIGEST_SHA256, 32, {0}}};
	static const struct corim_value twice[] = {{.pcr = 1, .digest = {DIGEST_SHA256, 32, {1}}},
		{.pcr = 1, .digest = {DIGEST_SHA256, 32, {1}}}};
	struct corim_draft bad = draft;

	(void)state;
	bad.values = &sha1;
	bad.count = 1;
	assert_fails(
		corim_write(&bad, &a, &err), err, ERR_FORMAT, "CoRIM: no number for the bank sha1");
	bad.values = &high;
	assert_fails(corim_write(&bad, &a, &err), err, ERR_FORMAT, "CoRIM: PCR 24");
	bad.values = twice;
	bad.count = 2;
	assert_fails(corim_write(&bad, &a, &err), err, ERR_FORMAT,
		"CoRIM: the same value of PCR 1 twice in the bank sha256");
	bad.count = 0;
	assert_fails(corim_write(&bad, &a, &err), err, ERR_FORMAT, "CoRIM: no PCR values to write");
	bad.count = CORIM_VALUES_MAX + 1;
	assert_fails(
		corim_write(&bad, &a, &err), err, ERR_LIMIT, "CoRIM: more than 4096 PCR values");
	bad.vendor = bad.model = NULL;
	assert_fails(
		corim_write(&bad, &a, &err), err, ERR_FORMAT, "CoRIM: neither vendor nor model");
	assert_int_equal(a.len, 0);
}

/* ---- signed ---- */

static struct bytes signed_by(size_t key, int64_t not_before, int64_t not_after)
{
	buf_clear(&a);
	buf_clear(&c);
	assert_ok(corim_write(&draft, &a, &err), err);
	assert_ok(corim_sign(keys[key], "ACME signing", not_before, not_after, buf_bytes(&a), &c,
			  &err),
		err);
	return buf_bytes(&c);
}

static void read__signed_by_the_key__verified(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		struct bytes in = signed_by(i, NOW - 5, NOW + 5);

		assert_ok(corim_read(in, keys[i], NOW, &corim, &err), err);
		assert_true(corim.verified);
		assert_string_equal(corim.signer, "ACME signing");
		assert_int_equal(corim.count, 3);
		assert_int_equal(corim.not_after, NOW + 5);
		corim_release(&corim);
	}
}

static void read__signed_but_no_key_given__not_verified(void **state)
{
	(void)state;
	read_ok(signed_by(0, 0, 0));
	assert_false(corim.verified);
	assert_int_equal(corim.count, 3);
}

static void read__signed_by_another_key__refused(void **state)
{
	struct bytes in = signed_by(0, 0, 0);
	struct key *other = NULL;

	(void)state;
	assert_true(key_generate(KEY_EC_P256, &other, &err));
	assert_fails(corim_read(in, other, NOW, &corim, &err), err, ERR_MISMATCH,
		"signed CoRIM: COSE_Sign1: signature: does not verify with this ECDSA P-256 key");
	key_unref(&other);
	assert_false(corim.verified);
}

static void read__unsigned_where_a_key_is_given__refused(void **state)
{
	(void)state;
	assert_ok(corim_write(&draft, &a, &err), err);
	assert_fails(corim_read(buf_bytes(&a), keys[0], NOW, &corim, &err), err, ERR_MISMATCH,
		"CoRIM: not signed");
}

static void read__any_bit_of_a_signed_one_changed__refused(void **state)
{
	struct bytes in = signed_by(0, 0, 0);
	uint8_t *bytes = c.data;

	(void)state;
	for (size_t at = 0; at < in.len; at++) {
		bytes[at] ^= 1;
		assert_false(corim_read(in, keys[0], NOW, &corim, &err));
		bytes[at] ^= 1;
	}
	assert_ok(corim_read(in, keys[0], NOW, &corim, &err), err);
}

static void read__expired_signature__refused(void **state)
{
	struct bytes in = signed_by(0, NOW - 5, NOW - 1);

	(void)state;
	assert_fails(corim_read(in, keys[0], NOW, &corim, &err), err, ERR_MISMATCH,
		"CoRIM: expired at 2027-01-15T07:59:59Z, it is 2027-01-15T08:00:00Z");
}

static void read__legacy_tags_around__read(void **state)
{
	struct bytes in = signed_by(0, 0, 0);

	(void)state;
	buf_clear(&b);
	put_hex(&b, "d901f4d901f6");
	buf_put(&b, in);
	assert_ok(corim_read(buf_bytes(&b), keys[0], NOW, &corim, &err), err);
	corim_release(&corim);
	buf_clear(&b);
	put_hex(&b, "d901f4");
	buf_put(&b, buf_bytes(&a));
	read_ok(buf_bytes(&b));
	assert_int_equal(corim.count, 3);
}

/* A COSE_Sign1 over the draft, protected header given in hex, no good signature. */
static struct bytes with_protected(const char *hex, bool detached)
{
	struct cbor_writer w;

	buf_clear(&a);
	buf_clear(&b);
	buf_clear(&c);
	assert_ok(corim_write(&draft, &a, &err), err);
	put_hex(&b, hex);
	w = cbor_writer_of(&c);
	cbor_put_tag(&w, 18);
	cbor_put_array(&w, 4);
	cbor_put_bytes(&w, buf_bytes(&b));
	cbor_put_map(&w, 0);
	if (detached)
		cbor_put_null(&w);
	else
		cbor_put_bytes(&w, buf_bytes(&a));
	cbor_put_bytes(&w, BYTES_LIT("sig"));
	assert_ok(cbor_writer_finish(&w, &err), err);
	return buf_bytes(&c);
}

#define RIM                                                                                        \
	"0374"                                                                                     \
	"6170706c69636174696f6e2f72696d2b63626f72" /* 3: "application/rim+cbor" */
#define META_S                                                                                     \
	"0846"                                                                                     \
	"a100a1006153" /* 8: {0: {0: "S"}} */

static void read__cwt_claims__signer_and_times(void **state)
{
	(void)state;
	/* 15: {1: "S", 4: 1900000000, 5: 1700000000} */
	read_ok(with_protected("a30126" RIM "0fa3016153"
			       "041a713fb300"
			       "051a6553f100",
		false));
	assert_string_equal(corim.signer, "S");
	assert_int_equal(corim.not_before, 1700000000);
	assert_int_equal(corim.not_after, 1900000000);
	/* Beside corim-meta: the same signer, the narrower time. */
	corim_release(&corim);
	read_ok(with_protected("a40126" RIM "0856"
			       "a200a100615301a200c11a6553f00001c11a713fb400"
			       "0fa3016153"
			       "041a713fb300"
			       "051a6553f100",
		false));
	assert_int_equal(corim.not_before, 1700000000);
	assert_int_equal(corim.not_after, 1900000000);
}

static void read__protected_header_at_fault__refused(void **state)
{
	static const struct {
		const char *hex;
		bool detached;
		enum err_code code;
		const char *text;
	} cases[] = {
		{"a20126" RIM, false, ERR_FORMAT,
			"signed CoRIM: neither corim-meta nor CWT claims"},
		{"a20126" META_S, false, ERR_FORMAT,
			"signed CoRIM: content type \"\", expected application/rim+cbor"},
		{"a30126"
		 "0361"
		 "78" META_S,
			false, ERR_FORMAT,
			"signed CoRIM: content type \"x\", expected application/rim+cbor"},
		{"a30126" RIM META_S, true, ERR_UNSUPPORTED,
			"signed CoRIM: the manifest is detached"},
		{"a40126" RIM META_S "1901022f", false, ERR_UNSUPPORTED,
			"signed CoRIM: a signed digest in the manifest's place"},
		{"a40126" RIM META_S "0fa1016154", false, ERR_FORMAT,
			"signed CoRIM: protected header: iss: not the signer named in corim-meta "
			"at offset 34"},
		{"a30126" RIM "0841a0", false, ERR_FORMAT,
			"signed CoRIM: corim-meta: signer: missing at offset 0"},
		{"a30126" RIM "0841ff", false, ERR_FORMAT,
			"signed CoRIM: corim-meta: indefinite length at offset 0"},
		{"a30126" RIM "0800", false, ERR_FORMAT,
			"signed CoRIM: protected header: corim-meta: expected a byte string at "
			"offset 26"},
		{"a30126" RIM "0fa0", false, ERR_FORMAT,
			"signed CoRIM: protected header: iss: missing at offset 26"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_fails(corim_read(with_protected(cases[i].hex, cases[i].detached), NULL, NOW,
				     &corim, &err),
			err, cases[i].code, cases[i].text);
}

static void sign__signer_that_is_no_text__refused(void **state)
{
	(void)state;
	assert_false(corim_sign(keys[0], "\xff", 0, 0, BYTES_LIT("x"), &c, &err));
}

/* ---- matching ---- */

static void match__alternatives_of_one_bank__any_equals(void **state)
{
	struct digest value = {DIGEST_SHA256, 32, {0}};

	(void)state;
	read_ok(manifest(COMID("81a101a10ea1"
			       "0783" D256(H32) D384(H48) D256(G32))));
	memset(value.bytes, 0x11, 32);
	assert_int_equal(corim_match(&corim, 7, &value), CORIM_EQUAL);
	memset(value.bytes, 0x22, 32);
	assert_int_equal(corim_match(&corim, 7, &value), CORIM_EQUAL);
	value.bytes[31] ^= 1;
	assert_int_equal(corim_match(&corim, 7, &value), CORIM_DIFFERENT);
	assert_int_equal(corim_match(&corim, 8, &value), CORIM_ABSENT);
	value.alg = DIGEST_SHA512;
	assert_int_equal(corim_match(&corim, 7, &value), CORIM_ABSENT);
}

/* ---- limits ---- */

static void read__more_values_than_allowed__refused(void **state)
{
	struct cbor_writer w;

	(void)state;
	/* 18 triples of 16 PCRs with 15 digests each: 4320 values. */
	w = cbor_writer_of(&b);
	cbor_put_map(&w, 2);
	cbor_put_uint(&w, 1);
	cbor_put_map(&w, 1);
	cbor_put_uint(&w, 0);
	cbor_put_str(&w, "t");
	cbor_put_uint(&w, 4);
	cbor_put_map(&w, 1);
	cbor_put_uint(&w, 0);
	cbor_put_array(&w, 18);
	for (size_t i = 0; i < 18; i++) {
		cbor_put_array(&w, 2);
		cbor_put_map(&w, 1);
		cbor_put_uint(&w, 1);
		cbor_put_uint(&w, i);
		cbor_put_array(&w, 1);
		cbor_put_map(&w, 1);
		cbor_put_uint(&w, 1);
		cbor_put_map(&w, 1);
		cbor_put_uint(&w, 14);
		cbor_put_map(&w, 16);
		for (unsigned pcr = 0; pcr < 16; pcr++) {
			cbor_put_uint(&w, pcr);
			cbor_put_array(&w, 15);
			for (size_t k = 0; k < 15; k++) {
				uint8_t value[32] = {(uint8_t)k};

				cbor_put_array(&w, 2);
				cbor_put_uint(&w, 1);
				cbor_put_bytes(&w, BYTES_OF(value));
			}
		}
	}
	assert_ok(cbor_writer_finish(&w, &err), err);
	w = cbor_writer_of(&a);
	cbor_put_tag(&w, 501);
	cbor_put_map(&w, 2);
	cbor_put_uint(&w, 0);
	cbor_put_str(&w, "x");
	cbor_put_uint(&w, 1);
	cbor_put_array(&w, 1);
	cbor_put_tag(&w, 506);
	cbor_put_bytes(&w, buf_bytes(&b));
	assert_ok(cbor_writer_finish(&w, &err), err);
	assert_fails(corim_read(buf_bytes(&a), NULL, NOW, &corim, &err), err, ERR_LIMIT,
		"CoRIM: more than 4096 PCR values");
}

static void read__more_environments_than_allowed__refused(void **state)
{
	(void)state;
	buf_put_str(&c, "a2" IDENTITY "04"
			"a1"
			"00"
			"990101");
	for (size_t i = 0; i < CORIM_ENVIRONMENTS_MAX + 1; i++)
		buf_put_str(&c, "82" ENVIRONMENT "81a101a0");
	assert_fails(corim_read(manifest(buf_str(&c)), NULL, NOW, &corim, &err), err, ERR_LIMIT,
		"CoRIM: more than 256 environments");
}

#define TEST(name) cmocka_unit_test_teardown(name, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(read__integrity_registers__values_and_environment),
		TEST(read__one_measurement_for_each_pcr__values),
		TEST(read__algorithm_by_name__accepted),
		TEST(read__what_says_nothing_about_pcrs__skipped_by_name),
		TEST(read__other_triples_and_tags__skipped_by_name),
		TEST(read__more_kinds_of_skips_than_kept__last_counts_them),
		TEST(read__environment_of_every_kind__in_words),
		TEST(read__profile_and_uuid__shown),
		TEST(read__malformed__field_and_offset_named),
		TEST(read__malformed_measurement__field_named),
		TEST(read__truncated_anywhere__refused),
		TEST(read__validity__judged_against_the_time),
		TEST(read__too_long__refused),
		TEST(write__values__read_again_by_pcr_and_bank),
		TEST(write__alternatives__measurements_of_their_own),
		TEST(write__validity_and_model_alone__read_again),
		TEST(write__what_cannot_be_said__refused),
		TEST(read__signed_by_the_key__verified),
		TEST(read__signed_but_no_key_given__not_verified),
		TEST(read__signed_by_another_key__refused),
		TEST(read__unsigned_where_a_key_is_given__refused),
		TEST(read__any_bit_of_a_signed_one_changed__refused),
		TEST(read__expired_signature__refused),
		TEST(read__legacy_tags_around__read),
		TEST(read__cwt_claims__signer_and_times),
		TEST(read__protected_header_at_fault__refused),
		TEST(sign__signer_that_is_no_text__refused),
		TEST(match__alternatives_of_one_bank__any_equals),
		TEST(read__more_values_than_allowed__refused),
		TEST(read__more_environments_than_allowed__refused),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
