/* SPDX-License-Identifier: Apache-2.0 */
/* Bills of materials beside a release, said by a key that the policy trusts for them, and what a class demands of them. */
#ifndef ASSAY_TESTS_UNIT_POLICY_BOM_SCENE_H
#define ASSAY_TESTS_UNIT_POLICY_BOM_SCENE_H

#include "base/time.h"
#include "policy/checklist.h"
#include "scene.h"

#define CLASS_PLAIN "    approvals: []\n    credential_lifetime: 10m\n    statements:\n"
#define CYCLONEDX   "https://cyclonedx.org/bom"
#define BINARY      0
#define MODEL       1
#define RELEASE     3
#define ELSEWHERE   4
#define SAID_MAX    4

static struct scene_keys keys;
static struct scene *s;
static struct buf top, envelopes[SAID_MAX], predicate;
static struct bytes views[SAID_MAX];
static size_t count;
static struct release *release;
static struct checklist list;

static inline int group_setup(void **state)
{
	(void)state;
	scene_keys_make(&keys);
	return 0;
}

static inline int group_teardown(void **state)
{
	(void)state;
	scene_keys_free(&keys);
	return 0;
}

/* The model is known by its SHA-256; ci and lab speak of materials. */
static inline int setup(void **state)
{
	(void)state;
	s = scene_new(&keys);
	s->components[MODEL].kind = COMPONENT_SHA256;
	scene_release(s);
	buf_put_str(&top, "statement_keys:\n  - name: ci\n    kinds: [bom, provenance]\n    pem: ");
	scene_put_pem(&top, keys.other, 6);
	return 0;
}

static inline int teardown(void **state)
{
	(void)state;
	release_free(&release);
	buf_release(&top);
	buf_release(&predicate);
	for (size_t i = 0; i < SAID_MAX; i++)
		buf_release(&envelopes[i]);
	count = 0;
	scene_free(s);
	return 0;
}

static inline const char *hex_of(int subject)
{
	static const uint8_t elsewhere[SHA256_LEN] = {0xee};
	static char hex[SAID_MAX][2 * SHA256_LEN + 1];
	static size_t turn;
	char *out = hex[turn++ % SAID_MAX];

	if (subject == RELEASE)
		hex_encode(BYTES_OF(s->release_digest), out);
	else if (subject == ELSEWHERE)
		hex_encode(BYTES_OF(elsewhere), out);
	else
		hex_encode(BYTES_OF(s->components[subject].digest), out);
	return out;
}

static void say(int subject, const char *type)
{
	struct buf text = {0};

	assert_ok(buf_ok(&predicate, &s->err), s->err);
	buf_printf(&text,
		"{\"_type\":\"https://in-toto.io/Statement/v1\",\"subject\":[{\"name\":\"x\","
		"\"digest\":{\"sha256\":\"%s\"}}],\"predicateType\":\"%s\",\"predicate\":%s}",
		hex_of(subject), type, buf_str(&predicate));
	assert_true(count < SAID_MAX);
	buf_clear(&envelopes[count]);
	assert_ok(dsse_sign(DSSE_INTOTO_TYPE, buf_bytes(&text), keys.other, &envelopes[count],
			  &s->err),
		s->err);
	views[count] = buf_bytes(&envelopes[count]);
	count++;
	buf_release(&text);
}

/* A BOM whose root is of this type and digest; rest: what follows in the root, its end, that of the
 * metadata, and what stands behind. */
static void say_bom(int subject, const char *root, int digest, const char *made, const char *rest)
{
	buf_clear(&predicate);
	buf_printf(&predicate,
		"{\"bomFormat\":\"CycloneDX\",\"specVersion\":\"1.6\",\"metadata\":{%s%s%s"
		"\"component\":{\"type\":\"%s\",\"name\":\"llm\",\"hashes\":[{\"alg\":\"SHA-256\","
		"\"content\":\"%s\"}]%s}",
		made ? "\"timestamp\":\"" : "", made ? made : "", made ? "\"," : "", root,
		hex_of(digest), rest);
	say(subject, CYCLONEDX);
}

#define MODEL_TYPE "machine-learning-model"
#define PLAIN      "}}"
#define UNDER(licences, datasets)                                                                  \
	",\"licenses\":[" licences "],\"modelCard\":{\"modelParameters\":{\"datasets\":[" datasets \
	"]}}}}"

static void judge_at(int64_t now)
{
	const struct release_input input = {
		.envelope = s->context.release,
		.statements = views,
		.statement_count = count,
		.environment = bytes_str("prod"),
	};

	release_free(&release);
	memset(s->verdict, 0, sizeof(*s->verdict));
	assert_ok(release_checklist(&input, s->policy, now, &list, s->verdict, &release, &s->err),
		s->err);
	verdict_conclude(s->verdict);
	assert_int_equal(s->verdict->trusted, list.met);
}

static void demand(const char *terms)
{
	static char class_lines[1024];

	snprintf(class_lines, sizeof(class_lines), CLASS_PLAIN "      - {kind: bom, name: bom%s}\n",
		terms);
	s->class_lines = class_lines;
	s->top_lines = buf_str(&top);
	scene_policy(s);
	s->context.approval_count = 0;
	judge_at(SCENE_NOW);
}

/* Refused because no BOM counts, and the one there is for this reason. */
static void assert_unmet(const char *expected, const char *actual)
{
	assert_false(s->verdict->trusted);
	assert_int_equal(s->verdict->reason_count, 2);
	assert_int_equal(s->verdict->reasons[0].code, REASON_STATEMENT_MISSING);
	assert_int_equal(s->verdict->reasons[1].code, REASON_STATEMENT_CONTENT);
	assert_string_equal(s->verdict->reasons[1].expected, expected);
	assert_string_equal(s->verdict->reasons[1].actual, actual);
}

/* Refused because those that count do not show this. */
static void assert_lacking(const char *actual)
{
	assert_refused(s, REASON_STATEMENT_MISSING);
	assert_int_equal(s->verdict->reason_count, 1);
	assert_string_equal(s->verdict->reasons[0].actual, actual);
}

/* A BOM of a program with a model in it. */
static inline void say_program(int subject, int model)
{
	buf_clear(&predicate);
	buf_printf(&predicate,
		"{\"bomFormat\":\"CycloneDX\",\"specVersion\":\"1.6\",\"metadata\":{\"component\":"
		"{\"type\":\"application\",\"name\":\"agent\"}},\"components\":[{\"type\":"
		"\"" MODEL_TYPE "\",\"name\":\"inner\",\"hashes\":[{\"alg\":\"SHA-256\","
		"\"content\":\"%s\"}]}]}",
		hex_of(model));
	say(subject, CYCLONEDX);
}

static inline const char *ago(int64_t seconds)
{
	static char text[TIME_TEXT_MAX];

	return time_format(SCENE_NOW - seconds, text);
}

#endif
