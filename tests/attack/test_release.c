/* SPDX-License-Identifier: Apache-2.0 */
/* Releases and approvals that say one thing and mean another. Each is signed by the key that may sign: only the content is bad. */
#include "base/file.h"
#include "crypto/dsse.h"
#include "policy/policy.h"
#include "tests/attack/attack.h"

static struct buf envelope, statement;

/* The statement of another release of the agent's workload, as text that may be changed. */
static void another_release(uint8_t seed)
{
	struct sw_workload workload = {.name = "agent", .seed = seed};
	struct dsse *parsed = NULL;
	buf_clear(&envelope);
	buf_clear(&statement);
	assert_ok(verifierd_release_envelope(&attack.v, &workload, "low", &envelope, &attack.err),
		attack.err);
	assert_ok(dsse_parse(buf_bytes(&envelope), &parsed, &attack.err), attack.err);
	buf_put(&statement, buf_bytes(&parsed->payload));
	dsse_free(&parsed);
	assert_non_null(buf_str(&statement));
}

static void sign(const char *type, const char *text)
{
	buf_clear(&envelope);
	assert_ok(dsse_sign(type, bytes_str(text), attack.v.builder, &envelope, &attack.err),
		attack.err);
}

/* Handed in by the admin, who may publish. */
static void answers(int wanted, const char *text)
{
	struct buf answer = {0};
	int status = 0;
	assert_ok(verifierd_call(&attack.v, "/v1/releases", MEDIA_DSSE, buf_bytes(&envelope),
			  &status, &answer, &attack.err),
		attack.err);
	if (status != wanted || !strstr(buf_str(&answer), text))
		fail_msg("%d %s, wanted %d %s", status, buf_str(&answer), wanted, text);
	buf_release(&answer);
}

/* The statement with the first `from` replaced; to be freed. */
static char *changed(const char *from, const char *to)
{
	const char *whole = buf_str(&statement), *at = strstr(whole, from);
	char *out = NULL;
	assert_non_null(at);
	assert_true(
		asprintf(&out, "%.*s%s%s", (int)(at - whole), whole, to, at + strlen(from)) > 0);
	return out;
}

static void refused(const char *from, const char *to, const char *text)
{
	char *bad = changed(from, to);
	sign(DSSE_INTOTO_TYPE, bad);
	free(bad);
	answers(400, text);
}

static void P1__payload_type_swapped__refused(void **state)
{
	(void)state;
	another_release(0x41);
	sign("application/vnd.other+json", buf_str(&statement));
	char *at = strstr(buf_str(&envelope), "application/vnd.other+json");
	answers(400, "payload type application/vnd.other+json");
	/* The type rewritten to the one expected: then the signature is of something else. */
	assert_non_null(at);
	struct buf swapped = {0};
	buf_printf(&swapped, "%.*s%s%s", (int)(at - buf_str(&envelope)), buf_str(&envelope),
		DSSE_INTOTO_TYPE, at + strlen("application/vnd.other+json"));
	buf_clear(&envelope);
	buf_put(&envelope, buf_bytes(&swapped));
	buf_release(&swapped);
	answers(403, "release-signature");
}

static void P2__approval_in_place_of_a_release__refused(void **state)
{
	struct approval approval;
	(void)state;
	assert_ok(verifierd_approval(&attack.v, &attack.workload, "low", &approval, &attack.err),
		attack.err);
	buf_clear(&envelope);
	assert_ok(verifierd_approval_envelope(
			  &attack.v, &approval, attack.v.builder, &envelope, &attack.err),
		attack.err);
	answers(400, "predicateType");
}

static void P3__signed_junk__refused(void **state)
{
	static const char *const junk[] = {"junk", "{}", "[]", "\"\"", "{\"_type\":7}"};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(junk); i++) {
		sign(DSSE_INTOTO_TYPE, junk[i]);
		answers(400, "release-malformed");
	}
}

static void P4__duplicate_key_in_what_is_signed__refused(void **state)
{
	(void)state;
	another_release(0x42);
	refused("{", "{\"_type\":\"https://in-toto.io/Statement/v1\",", "duplicate object key");
	refused("\"author\":", "\"author\":\"eve\",\"author\":", "duplicate object key");
}

static void P11__digest_in_another_form__refused(void **state)
{
	char digest[65];
	(void)state;
	another_release(0xab);
	const char *at = strstr(buf_str(&statement), "\"sha256\":\"");
	assert_non_null(at);
	(void)snprintf(digest, sizeof(digest), "%.64s", at + strlen("\"sha256\":\""));
	char upper[65], shorter[64], prefixed[80];
	(void)snprintf(upper, sizeof(upper), "%s", digest);
	memset(upper, 'A', 1);
	(void)snprintf(shorter, sizeof(shorter), "%.62s", digest);
	(void)snprintf(prefixed, sizeof(prefixed), "sha256:%s", digest);
	refused(digest, upper, "lower-case hex of the right length");
	refused(digest, shorter, "lower-case hex of the right length");
	refused(digest, prefixed, "lower-case hex of the right length");
	refused("\"sha256\":\"", "\"sha512\":\"", "sha512: unknown key");
}

static void P13__signatures_without_end__capped(void **state)
{
	(void)state;
	another_release(0x44);
	const char *whole = buf_str(&envelope), *list = strstr(whole, "\"signatures\":[");
	struct buf many = {0};
	assert_non_null(list);
	list += strlen("\"signatures\":[");
	const char *end = strrchr(list, ']');
	buf_printf(&many, "%.*s", (int)(list - whole), whole);
	for (int i = 0; i < 20000; i++)
		buf_printf(&many, "%.*s,", (int)(end - list), list);
	buf_printf(&many, "%s", list);
	buf_clear(&envelope);
	buf_put(&envelope, buf_bytes(&many));
	buf_release(&many);
	uint64_t before = clock_monotonic_ms(&clock_system);
	answers(400, "signatures: too many items");
	assert_true(clock_monotonic_ms(&clock_system) - before < 5000);
}

static int close_all(void **state)
{
	buf_release(&envelope);
	buf_release(&statement);
	return attack_close(state);
}

#define T(name) cmocka_unit_test(name)
int main(void)
{
	const struct CMUnitTest tests[] = {
		T(P1__payload_type_swapped__refused),
		T(P2__approval_in_place_of_a_release__refused),
		T(P3__signed_junk__refused),
		T(P4__duplicate_key_in_what_is_signed__refused),
		T(P11__digest_in_another_form__refused),
		T(P13__signatures_without_end__capped),
	};
	return cmocka_run_group_tests(tests, attack_open, close_all);
}
