/* SPDX-License-Identifier: Apache-2.0 */
/* assay policy …: what the commands print and how they end, run in this process with their output
 * caught; and the file of cases that one of them reads. */
#include "cli/commands.h"
#include "cli/policy_cases.h"
#include "cli/policy_read.h"

#include <fcntl.h>
#include <unistd.h>

#include "tests/support/event_log_make.h"
#include "tests/unit/ledger/bundle.h"

static struct scene_keys keys;
static struct scene *s;
static struct {
	char directory[32];
	char files[20][80];
	size_t count;
	struct buf out;
	struct key *anna, *bert, *verifier;
} t;

static const char *path(const char *name)
{
	static char out[16][80];
	static unsigned next;
	char *one = out[next++ % 16];

	(void)snprintf(one, sizeof(out[0]), "%.31s/%.40s", t.directory, name);
	return one;
}

static void put(const char *name, struct bytes content)
{
	struct err err = {0};

	assert_ok(file_write_atomic(path(name), content, 0600, &err), err);
	assert_true(t.count < ARRAY_LEN(t.files));
	(void)snprintf(t.files[t.count++], sizeof(t.files[0]), "%s", path(name));
}

static void put_key(const char *name, const struct key *key)
{
	struct buf pem = {0};
	struct err err = {0};
	char public[48];

	assert_ok(key_private_pem(key, &pem, &err), err);
	put(name, buf_bytes(&pem));
	buf_clear(&pem);
	assert_ok(key_public_pem(key, &pem, &err), err);
	(void)snprintf(public, sizeof(public), "%.40s.pub", name);
	put(public, buf_bytes(&pem));
	buf_release(&pem);
}

static int setup(void **state)
{
	struct err err = {0};

	(void)state;
	(void)snprintf(t.directory, sizeof(t.directory), "/tmp/assay-policy-XXXXXX");
	assert_non_null(mkdtemp(t.directory));
	scene_keys_make(&keys);
	assert_ok(key_generate(KEY_EC_P256, &t.anna, &err), err);
	assert_ok(key_generate(KEY_ED25519, &t.bert, &err), err);
	assert_ok(key_generate(KEY_EC_P256, &t.verifier, &err), err);
	s = scene_new(&keys);
	put_key("anna", t.anna);
	put_key("bert", t.bert);
	put("policy.yaml", buf_bytes(&s->policy_text));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	for (size_t i = 0; i < t.count; i++)
		(void)unlink(t.files[i]);
	(void)unlink(path("caught"));
	(void)unlink(path("policy.yaml.sig"));
	(void)rmdir(path("references"));
	(void)rmdir(t.directory);
	scene_free(s);
	scene_keys_free(&keys);
	key_unref(&t.anna);
	key_unref(&t.bert);
	key_unref(&t.verifier);
	buf_release(&t.out);
	t.count = 0;
	return 0;
}

static enum status run(const struct command *command, const char *const *words)
{
	struct environment environment = {0};
	struct arguments arguments = {0};
	struct cli cli = {.environment = &environment, .arguments = &arguments};
	int n = 0, kept[2];

	while (words[n])
		n++;
	assert_ok(arguments_parse(command, n, (char **)(uintptr_t)words, &arguments, &cli.err),
		cli.err);
	cli.json = option_given(&cli, "json");
	int fd = open(path("caught"), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	(void)fflush(stdout);
	for (int i = 0; i < 2; i++) {
		kept[i] = dup(i + 1);
		(void)dup2(fd, i + 1);
	}
	enum status status = command->run(&cli);
	(void)fflush(stdout);
	for (int i = 0; i < 2; i++) {
		(void)dup2(kept[i], i + 1);
		(void)close(kept[i]);
	}
	(void)close(fd);
	arguments_release(&arguments);
	buf_clear(&t.out);
	assert_ok(file_read(path("caught"), 1u << 22, &t.out, &cli.err), cli.err);
	return status;
}

#define RUN(command, ...) run(command, (const char *const[]){__VA_ARGS__, NULL})

static void assert_says(const char *text)
{
	if (!strstr(buf_str(&t.out), text))
		fail_msg("\"%s\" is not in:\n%s", text, buf_str(&t.out));
}

/* ---- sign and check ---- */

static void sign__two_persons__check_counts_both(void **state)
{
	(void)state;
	assert_int_equal(
		RUN(&cmd_policy_sign, path("policy.yaml"), "--key", path("anna")), STATUS_DONE);
	assert_int_equal(
		RUN(&cmd_policy_check, path("policy.yaml"), "--signature", path("policy.yaml.sig"),
			"--key", path("anna.pub"), "--key", path("bert.pub")),
		STATUS_REFUSED);
	assert_says("1 of the keys that count signed: anna.pub; 2 must");
	assert_int_equal(
		RUN(&cmd_policy_sign, path("policy.yaml"), "--key", path("bert")), STATUS_DONE);
	assert_int_equal(RUN(&cmd_policy_check, "--json", path("policy.yaml"), "--signature",
				 path("policy.yaml.sig"), "--key", path("anna.pub"), "--key",
				 path("bert.pub")),
		STATUS_DONE);
	assert_says("\"signed_by\":[\"anna.pub\",\"bert.pub\"]");
	assert_says("\"threshold\":2");
	assert_int_equal(
		RUN(&cmd_policy_check, path("policy.yaml"), "--signature", path("policy.yaml.sig"),
			"--key", path("anna.pub"), "--threshold", "x"),
		STATUS_USAGE);
}

static void sign__garbled_policy_or_signatures__refused(void **state)
{
	(void)state;
	put("bad.yaml", BYTES_LIT("policy: 1\n"));
	assert_int_equal(
		RUN(&cmd_policy_sign, path("bad.yaml"), "--key", path("anna")), STATUS_UNDECIDED);
	put("policy.yaml.sig", BYTES_LIT("{}"));
	assert_int_equal(RUN(&cmd_policy_sign, path("policy.yaml"), "--key", path("anna")),
		STATUS_UNDECIDED);
	assert_says("signature: DSSE envelope");
	assert_int_equal(RUN(&cmd_policy_sign, path("policy.yaml")), STATUS_USAGE);
	assert_int_equal(RUN(&cmd_policy_sign, "-", "--key", path("anna")), STATUS_USAGE);
}

/* A key of the release's own builder may not sign, and does not count. */
static void check__a_signer_inside_the_policy__refused(void **state)
{
	(void)state;
	put_key("builder", keys.builder);
	assert_int_equal(RUN(&cmd_policy_sign, path("policy.yaml"), "--key", path("builder")),
		STATUS_REFUSED);
	assert_says("policy key given is the release key builder-1");
	assert_int_equal(access(path("policy.yaml.sig"), F_OK), -1);
	assert_int_equal(
		RUN(&cmd_policy_sign, path("policy.yaml"), "--key", path("anna")), STATUS_DONE);
	assert_int_equal(RUN(&cmd_policy_check, path("policy.yaml"), "--signature",
				 path("policy.yaml.sig"), "--key", path("anna.pub"), "--key",
				 path("builder.pub"), "--threshold", "1"),
		STATUS_REFUSED);
	assert_says("policy key builder.pub is the release key builder-1");
}

static void check__references__found_missing_or_damaged(void **state)
{
	struct buf log = {0}, text = {0}, top = {0};
	uint8_t digest[SHA256_LEN];
	char hex[2 * SHA256_LEN + 1];

	(void)state;
	assert_true(firmware_data_read("golden.log", &log));
	assert_true(sha256_of(buf_bytes(&log), digest, NULL));
	hex_encode(BYTES_OF(digest), hex);
	buf_printf(&top,
		"host_classes:\n  - name: server\n    references: [ {kind: golden-log, sha256: %s} "
		"]\n",
		hex);
	scene_policy_text(&keys, SCENE_CLASS_LINES, buf_str(&top), &text);
	put("hosts.yaml", buf_bytes(&text));
	assert_int_equal(RUN(&cmd_policy_check, path("hosts.yaml")), STATUS_DONE);
	assert_says("not looked for: --references DIR");
	assert_says("host class server: reaches");
	assert_ok(file_make_dirs(path("references"), 0700, &s->err), s->err);
	assert_int_equal(
		RUN(&cmd_policy_check, path("hosts.yaml"), "--references", path("references")),
		STATUS_REFUSED);
	assert_says("named by the policy and not found");
	put("references/any-name", buf_bytes(&log));
	assert_int_equal(
		RUN(&cmd_policy_check, path("hosts.yaml"), "--references", path("references")),
		STATUS_DONE);
	assert_int_equal(RUN(&cmd_policy_check, path("hosts.yaml"), "--references", "/nonexistent"),
		STATUS_UNDECIDED);
	buf_release(&log);
	buf_release(&text);
	buf_release(&top);
}

/* ---- cases ---- */

static struct err err;

static bool cases(const char *text, struct policy_cases *ret)
{
	err = (struct err){0};
	return policy_cases_parse(bytes_str(text), "cases.yaml", "/dir", ret, &err);
}

static void cases__good__taken(void **state)
{
	struct policy_cases c = {0};

	(void)state;
	assert_ok(cases("cases:\n  - {name: a, release: r, environment: prod, approvals: [x, /y], "
			"time: 2027-01-15T08:00:00Z, expect: refused, reasons: "
			"[approval-missing]}\n"
			"  - {name: b, record: z, expect: accepted}\n",
			  &c),
		err);
	assert_int_equal(c.count, 2);
	assert_string_equal(c.list[0].release, "/dir/r");
	assert_string_equal(c.list[0].approvals[1], "/y");
	assert_int_equal(c.list[0].time, SCENE_NOW);
	assert_true(c.list[0].reasons_given && c.list[0].reasons[REASON_APPROVAL_MISSING]);
	assert_string_equal(c.list[1].record, "/dir/z");
	assert_false(c.list[1].reasons_given);
	policy_cases_release(&c);
}

static void cases__garbled__refused(void **state)
{
	static const struct {
		const char *text, *message;
	} bad[] = {
		{"", "cases.yaml"},
		{"cases: []\n", "cases.yaml"},
		{"cases:\n  - {name: a, expect: accepted}\n",
			"case a: either a release or a record"},
		{"cases:\n  - {name: a, expect: accepted, release: r, record: z}\n",
			"case a: either a release or a record"},
		{"cases:\n  - {name: a, expect: accepted, release: r}\n", "both are needed"},
		{"cases:\n  - {name: a, expect: accepted, release: r, environment: p, time: "
		 "noon}\n",
			"case a: time"},
		{"cases:\n  - {name: a, expect: accepted, record: z, environment: p}\n",
			"a record brings its own"},
		{"cases:\n  - {name: a, expect: perhaps, record: z}\n", "cases.yaml"},
		{"cases:\n  - {name: a, expect: refused, record: z, reasons: [nonsense]}\n",
			"reasons: nonsense: no such code"},
		{"cases:\n  - {name: a, expect: refused, record: z, reasons: [none]}\n",
			"no such code"},
		{"cases:\n  - {name: a, expect: accepted, record: z, reasons: "
		 "[approval-missing]}\n",
			"an accepted release has none"},
		{"cases:\n  - {name: a, expect: accepted, record: z, other: 1}\n", "cases.yaml"},
	};
	struct policy_cases c = {0};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		if (cases(bad[i].text, &c))
			fail_msg("accepted: %s", bad[i].text);
		assert_int_equal(err.code, ERR_CONFIG);
		if (!strstr(err.text, bad[i].message))
			fail_msg("\"%s\" is not in: %s", bad[i].message, err.text);
		assert_int_equal(c.count, 0);
	}
}

#define CASE_TIME "    environment: prod\n    time: 2027-01-15T08:00:00Z\n"
#define CASES_GOOD                                                                                 \
	"cases:\n  - name: both\n    release: release\n    approvals: [one, two]\n" CASE_TIME      \
	"    expect: accepted\n"                                                                   \
	"  - name: one\n    release: release\n    approvals: [one]\n" CASE_TIME                    \
	"    expect: refused\n    reasons: [approval-missing]\n"                                   \
	"  - name: stored\n    record: record\n    expect: accepted\n"

static void put_world(void)
{
	struct buf bundle = {0};

	scene_run(s);
	bundle_make(s, t.verifier, (struct bytes){0}, &bundle);
	put("record", buf_bytes(&bundle));
	put("release", buf_bytes(&s->release_envelope));
	put("one", buf_bytes(&s->approvals[0].envelope));
	put("two", buf_bytes(&s->approvals[1].envelope));
	buf_release(&bundle);
}

static void test__verdicts_as_expected__done(void **state)
{
	(void)state;
	put_world();
	put("cases.yaml", BYTES_LIT(CASES_GOOD));
	assert_int_equal(RUN(&cmd_policy_test, path("cases.yaml"), "--policy", path("policy.yaml")),
		STATUS_DONE);
	assert_says("3 as expected, 0 not");
	assert_int_equal(RUN(&cmd_policy_test, path("cases.yaml")), STATUS_USAGE);
}

/* Other reasons than the ones given are another verdict, though both refuse. */
static void test__another_reason_or_outcome__failed(void **state)
{
	(void)state;
	put_world();
	put("cases.yaml",
		BYTES_LIT("cases:\n  - name: reason\n    release: release\n" CASE_TIME
			  "    expect: refused\n    reasons: [approval-expired]\n"
			  "  - name: more\n    release: release\n" CASE_TIME
			  "    expect: refused\n    reasons: [approval-missing, approval-expired]\n"
			  "  - name: outcome\n    record: record\n    expect: refused\n"
			  "  - name: good\n    release: release\n" CASE_TIME
			  "    expect: refused\n"));
	assert_int_equal(RUN(&cmd_policy_test, path("cases.yaml"), "--policy", path("policy.yaml"),
				 "--json"),
		STATUS_REFUSED);
	assert_says("\"failed\":3");
	assert_says("\"passed\":1");
	assert_int_equal(RUN(&cmd_policy_test, path("cases.yaml"), "--policy", path("policy.yaml")),
		STATUS_REFUSED);
	assert_says("expected: refused approval-expired");
}

static void test__a_file_that_is_not_there__undecided(void **state)
{
	(void)state;
	put("cases.yaml", BYTES_LIT(CASES_GOOD));
	assert_int_equal(RUN(&cmd_policy_test, path("cases.yaml"), "--policy", path("policy.yaml")),
		STATUS_UNDECIDED);
	assert_says("case both: ");
}

/* ---- shadow ---- */

static void shadow__what_changes__said(void **state)
{
	struct buf text = {0};

	(void)state;
	put_world();
	assert_int_equal(RUN(&cmd_policy_shadow, path("policy.yaml"), path("record")), STATUS_DONE);
	assert_says("0 would change, 1 would not, 0 cannot be told");
	scene_policy_text(&keys, SCENE_CLASS_LINES "    key: tpm\n", "", &text);
	put("new.yaml", buf_bytes(&text));
	assert_int_equal(RUN(&cmd_policy_shadow, path("new.yaml"), path("record")), STATUS_REFUSED);
	assert_says("was trusted, would be untrusted");
	assert_says("key-protection: ");
	buf_clear(&text);
	scene_policy_text(&keys, "    approvals: []\n    credential_lifetime: 5m\n", "", &text);
	put("short.yaml", buf_bytes(&text));
	assert_int_equal(RUN(&cmd_policy_shadow, path("short.yaml"), path("record"), "--json"),
		STATUS_REFUSED);
	assert_says("\"after\":\"trusted\"");
	assert_int_equal(
		RUN(&cmd_policy_shadow, path("short.yaml"), path("record")), STATUS_REFUSED);
	assert_says("credentials of 300 s renewed after 150 s; was reported, 600 s, 300 s");
	buf_release(&text);
}

static void shadow__a_renewal_that_cannot_be_told__undecided(void **state)
{
	struct buf bundle = {0}, text = {0};

	(void)state;
	scene_run(s);
	scene_renewal(s);
	s->top_lines = "challenge_lifetime: 90s\n";
	scene_policy(s);
	scene_run(s);
	bundle_make(s, t.verifier, (struct bytes){0}, &bundle);
	put("record", buf_bytes(&bundle));
	scene_policy_text(&keys, SCENE_CLASS_LINES, "challenge_lifetime: 80s\n", &text);
	put("new.yaml", buf_bytes(&text));
	assert_int_equal(
		RUN(&cmd_policy_shadow, path("new.yaml"), path("record")), STATUS_UNDECIDED);
	assert_says("cannot be told: a renewal");
	assert_says("1 cannot be told");
	buf_release(&bundle);
	buf_release(&text);
}

#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(sign__two_persons__check_counts_both),
		T(sign__garbled_policy_or_signatures__refused),
		T(check__a_signer_inside_the_policy__refused),
		T(check__references__found_missing_or_damaged),
		cmocka_unit_test(cases__good__taken),
		cmocka_unit_test(cases__garbled__refused),
		T(test__verdicts_as_expected__done),
		T(test__another_reason_or_outcome__failed),
		T(test__a_file_that_is_not_there__undecided),
		T(shadow__what_changes__said),
		T(shadow__a_renewal_that_cannot_be_told__undecided),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
