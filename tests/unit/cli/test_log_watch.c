/* SPDX-License-Identifier: Apache-2.0 */
/* Who may speak about what in a ledger: the watch of `assay log monitor` (log_watch.c, log_watch_file.c;
 * log_openings.c asks a verifier and is tested by tests/e2e/test_monitor.sh). */
#include "cli/log_watch.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "ledger/fields.h"
#include "policy/retention.h"
#include "tests/unit/policy/scene.h"

#define BUILD "spiffe://bank.example/operator/ci/build"

static struct scene_keys keys;
static struct scene *s;
static struct log_watch *watch;
static char dir[64], hex[2 * SHA256_LEN + 1];
static struct err err;

static int group_setup(void **state)
{
	(void)state;
	scene_keys_make(&keys);
	return 0;
}

static int group_teardown(void **state)
{
	(void)state;
	scene_keys_free(&keys);
	return 0;
}

static const char *path_of(const char *name, char out[128])
{
	(void)snprintf(out, 128, "%s/%s", dir, name);
	return out;
}

static bool load(const char *text)
{
	char path[128];

	assert_ok(file_write_atomic(path_of("watch.yaml", path), bytes_str(text), 0600, &err), err);
	err = (struct err){0};
	log_watch_free(&watch);
	return log_watch_load(path, &watch, &err);
}

static void key_file(const char *name, const struct key *key)
{
	struct buf pem = {0};
	char path[128];

	assert_ok(key_public_pem(key, &pem, &err), err);
	assert_ok(file_write_atomic(path_of(name, path), buf_bytes(&pem), 0600, &err), err);
	buf_release(&pem);
}

/* The scene's release is of ocr-agent, signed by builder. */
static int setup(void **state)
{
	(void)state;
	s = scene_new(&keys);
	hex_encode(BYTES_OF(s->release_digest), hex);
	strcpy(dir, "/tmp/assay-watch.XXXXXX");
	assert_non_null(mkdtemp(dir));
	key_file("builder.pub", keys.builder);
	key_file("alice.pub", keys.alice);
	assert_true(
		load("watch:\n  - workload: ocr-agent\n    operators: [\"" BUILD "\", verifier]\n"
		     "    release_keys: [builder.pub]\npolicies: [verifier]\n"));
	return 0;
}

static int teardown(void **state)
{
	static const char *const names[] = {"watch.yaml", "builder.pub", "alice.pub"};
	char path[128];

	(void)state;
	log_watch_free(&watch);
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		(void)unlink(path_of(names[i], path));
	(void)rmdir(dir);
	scene_free(s);
	return 0;
}

/* ---- entries ---- */

static struct bytes shown; /* what the verifier shows for any release */

static bool find(void *arg, const char *digest, struct buf *ret, struct err *why)
{
	(void)arg;
	(void)digest;
	buf_put(ret, shown);
	return buf_ok(ret, why);
}

static void judge(const char *type, const char *content)
{
	assert_ok(log_watch_judge(watch, 7, type, SCENE_NOW, bytes_str(content), find, NULL, &err),
		err);
}

static void assert_warned(const char *text)
{
	size_t n;
	const struct log_watch_warning *w = log_watch_warnings(watch, &n);

	assert_int_equal(n, 1);
	assert_int_equal(w[0].index, 7);
	assert_non_null(strstr(w[0].text, text));
}

static void assert_quiet(void)
{
	size_t n;

	(void)log_watch_warnings(watch, &n);
	assert_int_equal(n, 0);
}

/* An entry of one kind: @ is who made it, # the scene's release. */
static void judge_by(const char *type, const char *pattern, const char *by)
{
	struct buf content = {0};

	for (; *pattern; pattern++)
		if (*pattern == '@' || *pattern == '#')
			buf_put_str(&content, *pattern == '@' ? by : hex);
		else
			buf_put_u8(&content, (uint8_t)*pattern);
	judge(type, buf_str(&content));
	buf_release(&content);
}

static const struct {
	const char *type, *pattern;
} kinds[] = {
	{"workload", "{\"event\":\"workload\",\"by\":\"@\",\"workload\":{\"name\":\"ocr-agent\"}}"},
	{"workload", "{\"event\":\"workload-retired\",\"by\":\"@\",\"name\":\"ocr-agent\"}"},
	{"rollout", "{\"event\":\"rollout\",\"by\":\"@\",\"workload\":\"ocr-agent\"}"},
	{"release", "{\"event\":\"release\",\"by\":\"@\",\"digest\":\"#\","
		    "\"workload\":\"ocr-agent\"}"},
	{"release", "{\"event\":\"release-revoked\",\"by\":\"@\",\"digest\":\"#\"}"},
	{"release", "{\"event\":\"statement\",\"by\":\"@\",\"release\":\"#\",\"digest\":\"00\"}"},
	{"approval", "{\"event\":\"approval\",\"by\":\"@\",\"release\":\"#\",\"role\":\"x\"}"},
	{"policy", "{\"event\":\"security-floor\",\"by\":\"@\",\"workload\":\"ocr-agent\"}"},
};

static void watch__by_its_operators__quiet(void **state)
{
	(void)state;
	shown = buf_bytes(&s->release_envelope);
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		judge_by(kinds[i].type, kinds[i].pattern, BUILD);
	judge("workload", "{\"event\":\"version-floor\",\"name\":\"ocr-agent\"}");
	judge("policy", "{\"event\":\"policy\",\"digest\":\"00\"}");
	assert_quiet();
}

static void watch__by_somebody_else__warned_of(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		(void)teardown(state);
		(void)setup(state);
		shown = buf_bytes(&s->release_envelope);
		judge_by(kinds[i].type, kinds[i].pattern, "spiffe://x/operator/ci/eve");
		assert_warned(" about ocr-agent by spiffe://x/operator/ci/eve, who may not");
	}
}

static void watch__other_workload__quiet(void **state)
{
	(void)state;
	judge("workload", "{\"event\":\"workload-retired\",\"by\":\"eve\",\"name\":\"other\"}");
	assert_quiet();
}

static void watch__policy_by_somebody_else__warned_of_if_asked(void **state)
{
	(void)state;
	judge("policy", "{\"event\":\"policy\",\"by\":\"eve\",\"digest\":\"00\"}");
	assert_warned("policy about the policy by eve, who may not");
	assert_true(load("watch: []\n"));
	judge("policy", "{\"event\":\"policy\",\"by\":\"eve\",\"digest\":\"00\"}");
	assert_quiet();
}

static void watch__release_signed_by_another_key__warned_of(void **state)
{
	(void)state;
	assert_true(load("watch:\n  - workload: ocr-agent\n    operators: [\"" BUILD "\"]\n"
			 "    release_keys: [alice.pub]\n"));
	shown = buf_bytes(&s->release_envelope);
	judge_by("release", kinds[3].pattern, BUILD);
	assert_warned("not signed by a key of its owner");
}

/* The verifier calls a release of this workload another one's, so that nobody looks. */
static void watch__release_under_another_name__warned_of(void **state)
{
	size_t n;

	(void)state;
	shown = buf_bytes(&s->release_envelope);
	judge_by("release",
		"{\"event\":\"release\",\"by\":\"@\",\"digest\":\"#\",\"workload\":\"other\"}",
		"eve");
	(void)log_watch_warnings(watch, &n);
	assert_int_equal(n, 2);
	assert_non_null(strstr(log_watch_warnings(watch, &n)[0].text,
		"the entry names another workload than it is of"));
}

/* What an entry is about by its type counts, whatever workload is named beside it. */
static void watch__another_workload_named_besides__warned_of_all_the_same(void **state)
{
	static const struct {
		const char *type, *pattern, *why;
	} cases[] = {
		{"approval",
			"{\"event\":\"approval\",\"by\":\"@\",\"release\":\"#\","
			"\"workload\":\"other\"}",
			"the entry names another workload than it is of"},
		{"approval", "{\"event\":\"approval\",\"by\":\"@\",\"workload\":\"other\"}",
			"it does not say which release it is of"},
		{"release", "{\"event\":\"release\",\"by\":\"@\",\"workload\":\"other\"}",
			"it does not say which release it is of"},
		{"policy",
			"{\"event\":\"policy\",\"by\":\"@\",\"digest\":\"00\","
			"\"workload\":\"other\"}",
			"policy about the policy by eve, who may not"},
	};
	size_t n;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		(void)teardown(state);
		(void)setup(state);
		shown = buf_bytes(&s->release_envelope);
		judge_by(cases[i].type, cases[i].pattern, "eve");
		if (!log_watch_warnings(watch, &n) || n == 0)
			fail_msg("quiet: %s", cases[i].pattern);
		assert_string_equal(log_watch_warnings(watch, &n)[0].type, cases[i].type);
		assert_non_null(strstr(log_watch_warnings(watch, &n)[0].text, cases[i].why));
	}
	(void)teardown(state);
	(void)setup(state);
	judge("policy", "{\"event\":\"security-floor\",\"by\":\"eve\",\"workload\":\"other\"}");
	assert_quiet();
}

static void watch__release_not_shown_or_another__warned_of(void **state)
{
	static const struct {
		const char *shown, *why;
	} cases[] = {
		{"", "the verifier does not show it"},
		{"{\"payload\":\"\"}", "the verifier shows something else under its digest"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		(void)teardown(state);
		(void)setup(state);
		shown = bytes_str(cases[i].shown);
		judge_by("approval", kinds[6].pattern, BUILD);
		assert_warned(cases[i].why);
	}
	(void)teardown(state);
	(void)setup(state);
	shown = buf_bytes(&s->release_envelope);
	hex[0] = hex[0] == '0' ? '1' : '0';
	judge_by("approval", kinds[6].pattern, BUILD);
	assert_warned("the verifier shows something else under its digest");
}

static void watch__content_that_says_nothing__warned_of(void **state)
{
	(void)state;
	judge("approval", "{\"event\":\"approval\"}");
	assert_warned("it does not say which release it is of");
	(void)teardown(state);
	(void)setup(state);
	judge("workload", "no json");
	assert_warned("its content cannot be read");
}

/* ---- what is not opened ---- */

static void watch__not_opened__warned_of_unless_destroyed(void **state)
{
	size_t n;

	(void)state;
	assert_ok(log_watch_closed(
			  watch, 7, "approval", SCENE_NOW - RETENTION_MIN, "not opened", &err),
		err);
	assert_ok(log_watch_closed(
			  watch, 8, "approval", SCENE_NOW - RETENTION_MIN, "not opened", &err),
		err);
	judge("retention", "{\"event\":\"content-destroyed\",\"entries\":[3,8,\"x\"]}");
	assert_int_equal(log_watch_settle(watch), 1);
	assert_warned("not opened");
	(void)log_watch_warnings(watch, &n);
	assert_int_equal(n, 1);
}

/* No policy can have let it go so soon; and other entries of retention destroy nothing. */
static void T9__not_opened_and_said_to_be_destroyed_at_once__warned_of(void **state)
{
	(void)state;
	assert_ok(log_watch_closed(
			  watch, 7, "approval", SCENE_NOW - RETENTION_MIN + 1, "not opened", &err),
		err);
	judge("retention", "{\"event\":\"content-destroyed\",\"entries\":[7]}");
	assert_int_equal(log_watch_settle(watch), 0);
	assert_warned("not opened");
	(void)teardown(state);
	(void)setup(state);
	assert_ok(log_watch_closed(
			  watch, 7, "approval", SCENE_NOW - 2 * RETENTION_MIN, "not opened", &err),
		err);
	judge("retention", "{\"event\":\"hold-set\",\"entries\":[7]}");
	assert_int_equal(log_watch_settle(watch), 0);
	assert_warned("not opened");
}

/* An entry with salts, one field of it taken out. */
static void judge_without(const char *type, const char *content, const char *field)
{
	struct buf kept = {0}, rest = {0};
	json_t *root = NULL;
	uint8_t salts[FIELDS_MAX * FIELD_SALT_LEN];

	memset(salts, 7, sizeof(salts));
	assert_ok(json_open(bytes_str(content), 4096, &root, &err), err);
	assert_ok(fields_seal(root, bytes_of(salts, json_object_size(root) * FIELD_SALT_LEN), &kept,
			  &err),
		err);
	assert_ok(fields_redact(buf_bytes(&kept), field, &rest, &err), err);
	judge(type, buf_str(&rest));
	json_decref(root);
	buf_release(&kept);
	buf_release(&rest);
}

static void T20__field_that_says_who_or_what_is_not_shown__warned_of(void **state)
{
	static const char retired[] =
		"{\"by\":\"" BUILD "\",\"event\":\"workload-retired\",\"name\":\"ocr-agent\","
		"\"reason\":\"old\"}";
	static const char *const fields[] = {"by", "event", "name"};
	size_t n;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
		judge_without("workload", retired, fields[i]);
		assert_warned("are not shown");
		(void)teardown(state);
		(void)setup(state);
	}
	judge_without("workload", retired, "reason");
	(void)log_watch_warnings(watch, &n);
	assert_int_equal(n, 0);
}

/* Retention explains what is missing, and nothing that somebody said. */
static void watch__destroyed_entry_that_was_opened__still_warned_of(void **state)
{
	(void)state;
	judge("workload", "{\"event\":\"workload-retired\",\"by\":\"eve\",\"name\":\"ocr-agent\"}");
	judge("retention", "{\"event\":\"content-destroyed\",\"entries\":[7]}");
	assert_int_equal(log_watch_settle(watch), 0);
	assert_warned("by eve, who may not");
}

static void opens__what_speaks_of_things__and_no_decisions(void **state)
{
	(void)state;
	assert_true(log_watch_opens("release"));
	assert_true(log_watch_opens("retention"));
	assert_false(log_watch_opens("decision"));
	assert_false(log_watch_opens("issued"));
}

/* ---- the file ---- */

static void file__wrong__said_where(void **state)
{
	static const struct {
		const char *text, *why;
	} cases[] = {
		{"watch:\n  - workload: a\n", "operators"},
		{"watch:\n  - workload: \"A B\"\n    operators: []\n", "not the name of one"},
		{"watch:\n  - {workload: a, operators: []}\n  - {workload: a, operators: []}\n",
			"workload a: twice"},
		{"watch:\n  - {workload: a, operators: [], release_keys: [none.pub]}\n",
			"release_keys: none.pub"},
		{"watch:\n  - {workload: a, operators: [], release_keys: [watch.yaml]}\n",
			"release_keys: watch.yaml"},
		{"watch: []\ncolour: red\n", "unknown key"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_false(load(cases[i].text));
		assert_null(watch);
		assert_non_null(strstr(err.text, cases[i].why));
	}
}

#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(watch__by_its_operators__quiet),
		T(watch__by_somebody_else__warned_of),
		T(watch__other_workload__quiet),
		T(watch__policy_by_somebody_else__warned_of_if_asked),
		T(watch__release_signed_by_another_key__warned_of),
		T(watch__release_under_another_name__warned_of),
		T(watch__another_workload_named_besides__warned_of_all_the_same),
		T(watch__release_not_shown_or_another__warned_of),
		T(watch__content_that_says_nothing__warned_of),
		T(watch__not_opened__warned_of_unless_destroyed),
		T(T9__not_opened_and_said_to_be_destroyed_at_once__warned_of),
		T(T20__field_that_says_who_or_what_is_not_shown__warned_of),
		T(watch__destroyed_entry_that_was_opened__still_warned_of),
		T(opens__what_speaks_of_things__and_no_decisions),
		T(file__wrong__said_where),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
