/* SPDX-License-Identifier: Apache-2.0 */
/* Statements beside a release, said by keys that the policy trusts for some kinds, and what a class demands of them. */
#ifndef ASSAY_TESTS_UNIT_POLICY_STATEMENT_SCENE_H
#define ASSAY_TESTS_UNIT_POLICY_STATEMENT_SCENE_H

#include "policy/checklist.h"

#include "base/time.h"
#include "scene.h"

#define CLASS_PLAIN "    approvals: []\n    credential_lifetime: 10m\n    statements:\n"
#define PROVENANCE  "https://slsa.dev/provenance/v1"
#define TEST_RESULT "https://in-toto.io/attestation/test-result/v0.1"
#define VSA         "https://slsa.dev/verification_summary/v1"
#define RED_TEAM    "https://assay.example/assessment/red-team/v1"
#define EVALUATION  "https://assay.example/assessment/evaluation/v1"
#define BINARY      0
#define MODEL       1 /* its digest is of fs-verity */
#define SETTINGS    2
#define RELEASE     3
#define ELSEWHERE   4
#define SAID_MAX    8

static struct scene_keys keys;
static struct scene *s;
static struct buf top, envelopes[SAID_MAX];
static struct bytes views[STATEMENTS_MAX + 1];
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

/* ci speaks of builds, lab of quality; nobody else of anything. */
static inline int setup(void **state)
{
	(void)state;
	s = scene_new(&keys);
	buf_put_str(&top,
		"statement_keys:\n  - name: ci\n    kinds: [provenance, test-result, bom]\n"
		"    pem: ");
	scene_put_pem(&top, keys.other, 6);
	buf_put_str(&top, "  - name: lab\n    kinds: [assessment, vsa, test-result]\n    pem: ");
	scene_put_pem(&top, keys.instance, 6);
	return 0;
}

static inline int teardown(void **state)
{
	(void)state;
	release_free(&release);
	buf_release(&top);
	for (size_t i = 0; i < SAID_MAX; i++)
		buf_release(&envelopes[i]);
	count = 0;
	scene_free(s);
	return 0;
}

static inline void subject_hex(int subject, char hex[2 * SHA256_LEN + 1])
{
	static const uint8_t elsewhere[SHA256_LEN] = {0xee};

	if (subject == RELEASE)
		hex_encode(BYTES_OF(s->release_digest), hex);
	else if (subject == ELSEWHERE)
		hex_encode(BYTES_OF(elsewhere), hex);
	else
		hex_encode(BYTES_OF(s->components[subject].digest), hex);
}

static inline void say(int subject, const char *type, const char *predicate, struct key *key)
{
	struct buf text = {0};
	char hex[2 * SHA256_LEN + 1];

	subject_hex(subject, hex);
	buf_printf(&text,
		"{\"_type\":\"https://in-toto.io/Statement/v1\",\"subject\":[{\"name\":\"x\","
		"\"digest\":{\"sha256\":\"%s\"}}],\"predicateType\":\"%s\",\"predicate\":%s}",
		hex, type, predicate);
	assert_true(count < SAID_MAX);
	assert_ok(dsse_sign(DSSE_INTOTO_TYPE, buf_bytes(&text), key, &envelopes[count], &s->err),
		s->err);
	views[count] = buf_bytes(&envelopes[count]);
	count++;
	buf_release(&text);
}

static inline void say_built(int subject, const char *builder, int64_t finished, struct key *key)
{
	struct buf text = {0};
	char time[TIME_TEXT_MAX];

	buf_printf(&text,
		"{\"buildDefinition\":{\"buildType\":\"t\",\"externalParameters\":{}},"
		"\"runDetails\":{\"builder\":{\"id\":\"%s\"}",
		builder);
	if (finished)
		buf_printf(&text, ",\"metadata\":{\"finishedOn\":\"%s\"}",
			time_format(finished, time));
	buf_put_str(&text, "}}");
	say(subject, PROVENANCE, buf_str(&text), key);
	buf_release(&text);
}

static inline void say_tested(const char *result, struct key *key)
{
	char text[128];

	snprintf(text, sizeof(text), "{\"result\":\"%s\",\"configuration\":[]}", result);
	say(BINARY, TEST_RESULT, text, key);
}

static inline void say_assessed(
	const char *type, const char *result, int64_t issued, int64_t expires, const char *metrics)
{
	char text[512], from[TIME_TEXT_MAX], until[TIME_TEXT_MAX];

	snprintf(text, sizeof(text),
		"{\"result\":\"%s\",\"by\":\"lab\",\"issued\":\"%s\",\"expires\":\"%s\","
		"\"report\":{\"digest\":{\"sha256\":\"%064d\"}},\"metrics\":{%s}}",
		result, time_format(issued, from), time_format(expires, until), 7, metrics);
	say(RELEASE, type, text, keys.instance);
}

static inline void judge_at(int64_t now)
{
	const struct release_input input = {
		.envelope = s->context.release,
		.approvals = s->context.approvals,
		.approval_count = s->context.approval_count,
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

static inline void demand(const char *lines)
{
	static char class_lines[2048];

	snprintf(class_lines, sizeof(class_lines), CLASS_PLAIN "%s", lines);
	s->class_lines = class_lines;
	s->top_lines = buf_str(&top);
	scene_policy(s);
	s->context.approval_count = 0;
	judge_at(SCENE_NOW);
}

/* Refused because this demand is not met, and because of this. */
static inline void assert_unmet(enum reason_code why, const char *actual)
{
	assert_false(s->verdict->trusted);
	assert_int_equal(s->verdict->reason_count, 2);
	assert_int_equal(s->verdict->reasons[0].code, REASON_STATEMENT_MISSING);
	assert_int_equal(s->verdict->reasons[1].code, why);
	assert_string_equal(s->verdict->reasons[1].actual, actual);
}

#endif
