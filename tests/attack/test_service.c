/* SPDX-License-Identifier: Apache-2.0 */
/* The service itself: configurations it must not start with, messages that are bombs, and answers that must be true at once. */
#include <sys/resource.h>

#include "base/file.h"
#include "evidence/names.h"
#include "tests/attack/attack.h"

/* ---- what it does not start with ---- */

static void replace_file(const char *name, struct bytes content)
{
	char path[128];
	(void)snprintf(path, sizeof(path), "%s/v/%s", attack.v.dir, name);
	assert_ok(file_write_atomic(path, content, 0600, &attack.err), attack.err);
}

/* Processor time of the programs that have ended: what else the machine does is not in it. */
static uint64_t spent_ms(void)
{
	struct rusage ended;
	assert_int_equal(getrusage(RUSAGE_CHILDREN, &ended), 0);
	return (uint64_t)(ended.ru_utime.tv_sec + ended.ru_stime.tv_sec) * 1000 +
	       (uint64_t)(ended.ru_utime.tv_usec + ended.ru_stime.tv_usec) / 1000;
}

/* Stopped, with another file in its place, and started again: it must not come up, and say why. */
static void not_started(const char *name, struct bytes content, const char *why)
{
	struct buf original = {0}, log = {0};
	char path[128];
	assert_int_equal(verifierd_stop(&attack.v, SIGTERM), 0);
	(void)snprintf(path, sizeof(path), "%s/v/%s", attack.v.dir, name);
	assert_ok(file_read(path, 1u << 20, &original, &attack.err), attack.err);
	replace_file(name, content);
	(void)snprintf(path, sizeof(path), "%s/log", attack.v.dir);
	assert_int_equal(truncate(path, 0), 0);
	uint64_t before = spent_ms();
	if (verifierd_start(&attack.v, &attack.err))
		fail_msg("started with a %s: wanted %s", name, why);
	uint64_t spent = spent_ms() - before;
	if (spent >= 5000)
		fail_msg("%s: %llu ms of the processor", name, (unsigned long long)spent);
	assert_ok(file_read(path, 1u << 20, &log, &attack.err), attack.err);
	if (!strstr(buf_str(&log), why))
		fail_msg("%s, wanted %s", buf_str(&log), why);
	replace_file(name, buf_bytes(&original));
	buf_release(&original);
	buf_release(&log);
	assert_ok(verifierd_start(&attack.v, &attack.err), attack.err);
	attack_honest(attack.host);
}

static void S14__configuration_missing_or_garbled__not_started(void **state)
{
	(void)state;
	not_started("verifierd.yaml", BYTES_LIT(""), "verifierd.yaml");
	not_started("verifierd.yaml", BYTES_LIT("listen: [\n"), "verifierd.yaml");
	not_started("verifierd.yaml", BYTES_LIT("anyone_may: true\n"), "verifierd.yaml");
	not_started("policy.yaml", BYTES_LIT(""), "policy");
	not_started("policy.yaml", BYTES_LIT("policy: 1\nversion: 9\n"), "policy");
	not_started("ca.key", BYTES_LIT("no key"), "ca.key");
	not_started("token.key", BYTES_LIT("short"), "token.key");
}

/* The policy in force with lines behind it. */
static void policy_not_started(const char *lines, const char *why)
{
	struct buf text = {0};
	char path[128];
	(void)snprintf(path, sizeof(path), "%s/v/policy.yaml", attack.v.dir);
	assert_ok(file_read(path, 1u << 20, &text, &attack.err), attack.err);
	buf_put_str(&text, lines);
	not_started("policy.yaml", buf_bytes(&text), why);
	buf_release(&text);
}

static void P6__threshold_of_nobody__not_started(void **state)
{
	(void)state;
	policy_not_started("  - name: open\n    approvals: [ {role: model-risk, count: 0} ]\n"
			   "    credential_lifetime: 10m\n",
		"count must be 1 or more");
	policy_not_started("  - name: open\n    approvals: [ {role: model-risk, count: -1} ]\n"
			   "    credential_lifetime: 10m\n",
		"count must be 1 or more");
	policy_not_started("  - name: open\n    approvals: [ {role: model-risk, count: 2} ]\n"
			   "    credential_lifetime: 10m\n",
		"2 demanded, but only 1 approvers have it");
}

static void C6__lifetime_without_end__not_started(void **state)
{
	(void)state;
	policy_not_started("  - name: long\n    approvals: []\n"
			   "    credential_lifetime: 9223372036854775807s\n",
		"credential_lifetime");
	policy_not_started("  - name: long\n    approvals: []\n    credential_lifetime: 31d\n",
		"credential_lifetime");
}

static void M13__pcr_that_anyone_resets__not_started(void **state)
{
	(void)state;
	policy_not_started("runtime_pcr: 16\n", "16 and 23 can be reset by anyone");
	policy_not_started("runtime_pcr: 23\n", "16 and 23 can be reset by anyone");
}

static void S18__policy_of_a_million_entries__not_started_and_at_once(void **state)
{
	struct buf lines = {0};
	(void)state;
	buf_put_str(&lines, "ek_distrusted:\n");
	for (int i = 0; i < 1000000; i++)
		buf_put_str(&lines, "  - {sha256: 00, reason: x}\n");
	policy_not_started(buf_str(&lines), "policy");
	/* As many as fit the size: bounded by their number. */
	buf_clear(&lines);
	buf_put_str(&lines, "ek_distrusted:\n");
	for (int i = 0; i < 30000; i++)
		buf_put_str(&lines, "  - {sha256: 00, reason: x}\n");
	policy_not_started(buf_str(&lines), "policy");
	buf_release(&lines);
}

/* ---- messages ---- */

static void refused_message(const char *what, struct bytes body)
{
	static const struct {
		const char *path, *type;
	} routes[] = {
		{"/v1/enroll/begin", MEDIA_MESSAGE},
		{"/v1/enroll/finish", MEDIA_MESSAGE},
		{"/v1/challenge", MEDIA_MESSAGE},
		{"/v1/attest", MEDIA_EVIDENCE},
	};
	struct buf answer = {0};
	for (size_t i = 0; i < ARRAY_LEN(routes); i++) {
		int status = 0;
		uint64_t before = clock_monotonic_ms(&clock_system);
		buf_clear(&answer);
		assert_ok(client_request(attack.host->client, routes[i].path, routes[i].type, body,
				  &answer, &status, &attack.err),
			attack.err);
		if (status < 400 || status > 499)
			fail_msg("%s at %s: %d %s", what, routes[i].path, status, buf_str(&answer));
		assert_true(clock_monotonic_ms(&clock_system) - before < 5000);
	}
	buf_release(&answer);
}

static void S6__cbor_bombs__refused_at_once(void **state)
{
	static const struct {
		const char *what;
		struct bytes bytes;
	} cases[] = {
		{"nothing", {0}},
		{"text instead of a map", BYTES_LIT("\x61x")},
		{"2^64-1 bytes", BYTES_LIT("\xa1\x01\x5b\xff\xff\xff\xff\xff\xff\xff\xff")},
		{"2^64-1 members", BYTES_LIT("\xbb\xff\xff\xff\xff\xff\xff\xff\xff")},
		{"2^63 elements", BYTES_LIT("\xa1\x02\x9b\x80\0\0\0\0\0\0\0")},
		{"indefinite map", BYTES_LIT("\xbf\x01\x40\xff")},
		{"indefinite bytes", BYTES_LIT("\xa1\x01\x5f\x40\xff")},
		{"key twice", BYTES_LIT("\xa2\x01\x40\x01\x40")},
		{"longer int than needed", BYTES_LIT("\xa1\x18\x01\x40")},
		{"NaN with a payload", BYTES_LIT("\xa1\x01\xfb\x7f\xf8\0\0\0\0\0\x01")},
		{"no UTF-8", BYTES_LIT("\xa1\x05\x62\xc3\x28")},
		{"one byte more", BYTES_LIT("\xa0\0")},
		{"cut", BYTES_LIT("\xa1\x01")},
	};
	struct buf deep = {0};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		refused_message(cases[i].what, cases[i].bytes);
	static const uint8_t nests[] = {0x81, 0xc6, 0xa1};
	for (size_t n = 0; n < ARRAY_LEN(nests); n++) {
		buf_clear(&deep);
		for (int i = 0; i < 100000; i++) {
			buf_put_u8(&deep, nests[n]);
			if (nests[n] == 0xa1)
				buf_put_u8(&deep, 1);
		}
		buf_put_u8(&deep, 0);
		refused_message("100000 levels", buf_bytes(&deep));
	}
	buf_release(&deep);
	attack_honest(attack.host);
}

/* Positions that a message brings are answered, not followed. */
static void far_away(void *context, struct claims *claims)
{
	claims->runtime_first = *(const uint64_t *)context;
	claims->runtime_next = claims->runtime_first + 5;
}
static void S7__positions_out_of_range__refused(void **state)
{
	static uint64_t positions[] = {1, 1000, UINT32_MAX, INT64_MAX - 5};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(positions); i++) {
		struct sw_instance *instance = attack_instance(attack.host);
		char outcome[400];
		attack.host->edit = (struct sw_edit){.context = &positions[i], .claims = far_away};
		(void)attack_outcome(attack.host, instance, outcome);
		attack.host->edit = (struct sw_edit){0};
		assert_string_equal(outcome, "untrusted: runtime-gap");
		sw_instance_free(&instance);
	}
	attack_honest(attack.host);
}

/* ---- what was answered is so ---- */

static void S10__quarantined_or_revoked__the_very_next_request_knows(void **state)
{
	(void)state;
	for (int i = 0; i < 5; i++) {
		struct sw_host *host = attack_host();
		struct sw_instance *instance = attack_instance(host);
		char path[160];
		assert_outcome(host, instance, "trusted");
		assert_ok(verifierd_json(&attack.v, attack_host_path(host, "/quarantine", path),
				  "{\"reason\":\"test\"}", 200, NULL, &attack.err),
			attack.err);
		assert_false(sw_host_attest(host, instance, &attack.err));
		assert_int_equal(attack.err.code, ERR_DENIED);
		sw_instance_free(&instance);
		sw_host_free(&host);
	}
}

#define T(name) cmocka_unit_test(name)
int main(void)
{
	const struct CMUnitTest tests[] = {
		T(S14__configuration_missing_or_garbled__not_started),
		T(P6__threshold_of_nobody__not_started),
		T(C6__lifetime_without_end__not_started),
		T(M13__pcr_that_anyone_resets__not_started),
		T(S18__policy_of_a_million_entries__not_started_and_at_once),
		T(S6__cbor_bombs__refused_at_once),
		T(S7__positions_out_of_range__refused),
		T(S10__quarantined_or_revoked__the_very_next_request_knows),
	};
	return cmocka_run_group_tests(tests, attack_open, attack_close);
}
