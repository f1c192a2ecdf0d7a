/* SPDX-License-Identifier: Apache-2.0 */
/* A list that a test makes, judged under the rules that it gives, the quote being that of the whole list. */
#ifndef ASSAY_TESTS_UNIT_FIRMWARE_IMA_CASE_H
#define ASSAY_TESTS_UNIT_FIRMWARE_IMA_CASE_H

#include "firmware/ima_rules.h"

#include "base/text.h"
#include "tests/support/ima_make.h"
#include "tests/support/unit.h"

static struct buf list, rules_text, data, text;
static struct ima_rules *rules;
static struct key *key;
static struct ima_key signer = {.name = "distro"};
static struct ima_input input;
static struct ima_state state, made;
static struct ima_result result;
static struct err err;
static uint8_t value[SHA256_LEN];

static inline int group_setup(void **unused)
{
	(void)unused;
	return key_generate(KEY_EC_P256, &key, &err) && ima_keyid_of(key, NULL, &signer.keyid, &err)
		       ? 0
		       : -1;
}

static inline int group_teardown(void **unused)
{
	(void)unused;
	key_unref(&key);
	return 0;
}

static inline int setup(void **unused)
{
	(void)unused;
	signer.key = key;
	memset(value, 0, sizeof(value));
	input = (struct ima_input){.keys = &signer, .key_count = 1};
	ima_make_many(&list, 0, 1);
	return ima_state_start(&state, DIGEST_SHA256, DIGEST_SHA1, &err) ? 0 : -1;
}

static inline int teardown(void **unused)
{
	struct buf *all[] = {&list, &rules_text, &data, &text};

	(void)unused;
	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		buf_release(all[i]);
	ima_rules_free(&rules);
	return 0;
}

/* Appraises the list under these rules, the quote being that of the whole list. */
static inline void appraise(const char *rule_lines)
{
	ima_rules_free(&rules);
	assert_ok(ima_rules_parse(bytes_str(rule_lines), &rules, &err), err);
	ima_make_replay(buf_bytes(&list), DIGEST_SHA1, DIGEST_SHA256, IMA_PCR, value);
	input.log = buf_bytes(&list);
	input.quoted[0] = BYTES_OF(value);
	input.rules = rules;
	assert_ok(ima_appraise(&state, &input, &made, &result, &err), err);
	assert_true(result.advance.matched);
}

static inline void check_accepted(const char *rule_lines)
{
	appraise(rule_lines);
	if (result.findings.total)
		ima_finding_text(&result.findings.list[0], &text);
	if (result.findings.total)
		fail_msg("%s", buf_str(&text));
	assert_int_equal(made.flags & IMA_FACT_REFUSED, 0);
}

/* One finding, with these words and this rule to allow it ("" for none). */
static inline void check_finding(
	const char *rule_lines, enum ima_finding_kind kind, const char *words, const char *rule)
{
	appraise(rule_lines);
	assert_int_equal(result.findings.total, 1);
	assert_int_equal(result.findings.by_kind[kind], 1);
	assert_string_equal(ima_finding_name(result.findings.list[0].kind), ima_finding_name(kind));
	buf_clear(&text);
	ima_finding_text(&result.findings.list[0], &text);
	assert_string_equal(buf_str(&text), words);
	buf_clear(&text);
	ima_finding_rule(&result.findings.list[0], &text);
	assert_string_equal(buf_str(&text), rule);
	assert_int_equal(made.flags & IMA_FACT_REFUSED, IMA_FACT_REFUSED);
}

/* sha256("x") */
#define X      "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"
#define OTHER  "aa00000000000000000000000000000000000000000000000000000000000000"
#define RULE_X "sha256:" X "  /bin/x"

static inline size_t found(enum ima_finding_kind kind)
{
	return result.findings.by_kind[kind];
}

/* The list anew: boot_aggregate alone. */
static inline void list_again(void)
{
	buf_clear(&list);
	buf_clear(&data);
	ima_make_many(&list, 0, 1);
}

/* An entry of ima-ng with a digest as given. */
static inline void put_digest(const char *prefix, struct bytes digest, const char *path)
{
	buf_clear(&data);
	ima_make_digest(&data, prefix, digest);
	ima_make_path(&data, path);
	ima_make_entry(&list, DIGEST_SHA1, IMA_PCR, "ima-ng", buf_bytes(&data));
}

static const uint8_t ones[64] = {1, 1, 1, 1, 1, 1, 1, 1};

#endif
