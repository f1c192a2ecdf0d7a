/* SPDX-License-Identifier: Apache-2.0 */
/* assay ima replay, show, check: what they answer, and with which status. */
#include "cli/commands.h"

#include <stdlib.h>
#include <unistd.h>

#include "firmware/ima_signature.h"
#include "tests/support/ima_make.h"
#include "tests/support/unit.h"

static char directory[64], log_path[96], rules_path[96], key_path[96], out_path[96];
static struct buf list, answer;
static struct key *key;
static struct err err;
static json_t *json;

static int setup(void **state)
{
	(void)state;
	(void)strcpy(directory, "/tmp/assay-ima-XXXXXX");
	if (!mkdtemp(directory))
		return -1;
	(void)snprintf(log_path, sizeof(log_path), "%s/log", directory);
	(void)snprintf(rules_path, sizeof(rules_path), "%s/rules", directory);
	(void)snprintf(key_path, sizeof(key_path), "%s/distro.pem", directory);
	(void)snprintf(out_path, sizeof(out_path), "%s/out", directory);
	return 0;
}

static int teardown(void **state)
{
	const char *const paths[] = {log_path, rules_path, key_path, out_path};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(paths); i++)
		(void)unlink(paths[i]);
	(void)rmdir(directory);
	buf_release(&list);
	buf_release(&answer);
	key_unref(&key);
	json_release(&json);
	return 0;
}

static void write_file(const char *path, struct bytes content)
{
	assert_ok(file_write_atomic(path, content, 0600, &err), err);
}

/* Runs a command with its words; what it printed is in `answer`, and in `json` when it is. */
static enum status run(const struct command *command, const char *const *words, bool as_json)
{
	static const struct environment environment;
	struct arguments arguments = {0};
	struct cli cli = {.environment = &environment, .arguments = &arguments, .json = as_json};
	enum status status = STATUS_USAGE;
	int n = 0, saved;

	while (words[n])
		n++;
	(void)fflush(stdout);
	saved = dup(STDOUT_FILENO);
	assert_non_null(freopen(out_path, "w", stdout));
	if (arguments_parse(command, n, (char **)(uintptr_t)words, &arguments, &cli.err))
		status = command->run(&cli);
	(void)fflush(stdout);
	(void)dup2(saved, STDOUT_FILENO);
	(void)close(saved);
	arguments_release(&arguments);
	buf_clear(&answer);
	assert_ok(file_read(out_path, 1 << 20, &answer, &err), err);
	(void)buf_str(&answer);
	json_release(&json);
	json = NULL;
	if (as_json)
		assert_ok(json_open(buf_bytes(&answer), 1 << 20, &json, &err), err);
	return status;
}

#define RUN(command, as_json, ...)                                                                 \
	run(&(command), (const char *const[]){__VA_ARGS__, NULL}, as_json)

static bool says(const char *text)
{
	return strstr((const char *)answer.data, text) != NULL;
}

static void put_golden(void)
{
	ima_make_golden(&list);
	write_file(log_path, buf_bytes(&list));
}

static const char *value_of(const char *pcr)
{
	const json_t *value = json_object_get(json_object_get(json, "pcrs"), pcr);

	return value ? json_string_value(value) : "";
}

static void replay__golden__values_and_counts(void **state)
{
	uint8_t value[DIGEST_LEN_MAX];
	char hex[2 * DIGEST_LEN_MAX + 1];

	(void)state;
	put_golden();
	assert_int_equal(RUN(cmd_ima_replay, true, log_path), STATUS_DONE);
	ima_make_replay(buf_bytes(&list), DIGEST_SHA1, DIGEST_SHA256, 10, value);
	hex_encode(bytes_of(value, 32), hex);
	assert_string_equal(value_of("10"), hex);
	assert_int_equal(json_object_size(json_object_get(json, "pcrs")), 2);
	assert_int_equal(json_integer_value(json_object_get(json, "entries")), 12);
	assert_int_equal(json_integer_value(json_object_get(json, "violations")), 1);
	assert_int_equal(json_object_size(json), 3);
	assert_int_equal(RUN(cmd_ima_replay, false, log_path, "--bank", "sha384"), STATUS_DONE);
	ima_make_replay(buf_bytes(&list), DIGEST_SHA1, DIGEST_SHA384, 11, value);
	hex_encode(bytes_of(value, 48), hex);
	assert_true(says(hex));
	assert_true(says("12 entries, 1 violations\n"));
	assert_int_equal(RUN(cmd_ima_replay, true, log_path, "--extend", "padded"), STATUS_DONE);
}

static void replay__beginnings_of_an_entry_behind__left_out_and_said(void **state)
{
	(void)state;
	ima_make_many(&list, 0, 2);
	buf_put(&list, BYTES_LIT("\x0a\0\0"));
	write_file(log_path, buf_bytes(&list));
	assert_int_equal(RUN(cmd_ima_replay, true, log_path), STATUS_DONE);
	assert_int_equal(json_integer_value(json_object_get(json, "incomplete")), 3);
}

static void replay__malformed_or_mismatching__refused(void **state)
{
	(void)state;
	put_golden();
	list.data[list.len - 3] ^= 1;
	write_file(log_path, buf_bytes(&list));
	assert_int_equal(RUN(cmd_ima_replay, true, log_path), STATUS_REFUSED);
	assert_true(says("entry 11: template digest does not match"));
	write_file(log_path, bytes_of(list.data, list.len - 1));
	assert_int_equal(RUN(cmd_ima_replay, true, log_path), STATUS_REFUSED);
	write_file(log_path, BYTES_LIT("no such list, but text of some length"));
	assert_int_equal(RUN(cmd_ima_replay, true, log_path), STATUS_REFUSED);
}

static void replay__wrong_words__usage(void **state)
{
	(void)state;
	put_golden();
	assert_int_equal(RUN(cmd_ima_replay, true, log_path, "--bank", "md5"), STATUS_USAGE);
	assert_int_equal(RUN(cmd_ima_replay, true, log_path, "--extend", "x"), STATUS_USAGE);
	assert_int_equal(RUN(cmd_ima_replay, true, "/nonexistent"), STATUS_UNDECIDED);
}

static void show__golden__one_line_an_entry(void **state)
{
	size_t lines = 0;

	(void)state;
	put_golden();
	assert_int_equal(RUN(cmd_ima_show, false, log_path), STATUS_DONE);
	for (size_t i = 0; i < answer.len; i++)
		lines += answer.data[i] == '\n';
	assert_int_equal(lines, 12);
	assert_true(says("7  PCR 10  ima-buf sha256:"));
	assert_int_equal(RUN(cmd_ima_show, true, log_path), STATUS_DONE);
	assert_int_equal(json_array_size(json_object_get(json, "entries")), 12);
	assert_true(says("\"evmsig\":\"0502"));
}

static void show__rules__allow_the_list_they_came_from(void **state)
{
	(void)state;
	ima_make_many(&list, 0, 5);
	ima_make_buffer(&list, "selinux-state", BYTES_LIT("x"));
	ima_make_buffer(&list, ".ima", BYTES_LIT("\x30\x82"));
	write_file(log_path, buf_bytes(&list));
	assert_int_equal(RUN(cmd_ima_show, false, log_path, "--rules"), STATUS_DONE);
	assert_false(says("boot_aggregate"));
	write_file(rules_path, buf_bytes(&answer));
	assert_int_equal(RUN(cmd_ima_check, true, log_path, "--rules", rules_path), STATUS_DONE);
	ima_make_file(&list, "/bin/x", "x");
	write_file(log_path, buf_bytes(&list));
	assert_int_equal(RUN(cmd_ima_check, true, log_path, "--rules", rules_path), STATUS_REFUSED);
}

static void check__boot_aggregate__against_pcrs_given(void **state)
{
	uint8_t pcr[SHA256_LEN] = {0}, ten[SHA256_LEN];
	char text[11][80];
	struct bytes values[10];
	struct digest digest;
	struct buf data = {0};

	(void)state;
	for (size_t i = 0; i < 10; i++)
		values[i] = BYTES_OF(pcr);
	assert_ok(digest_of_parts(DIGEST_SHA256, values, 10, &digest, &err), err);
	ima_make_digest(&data, "sha256:", digest_bytes(&digest));
	ima_make_path(&data, "boot_aggregate");
	ima_make_entry(&list, DIGEST_SHA1, 10, "ima-ng", buf_bytes(&data));
	buf_release(&data);
	ima_make_replay(buf_bytes(&list), DIGEST_SHA1, DIGEST_SHA256, 10, ten);
	for (int i = 0; i <= 10; i++) {
		int n = snprintf(text[i], sizeof(text[i]), "%d:", i);

		hex_encode(i == 10 ? BYTES_OF(ten) : BYTES_OF(pcr), text[i] + n);
	}
	write_file(log_path, buf_bytes(&list));
	write_file(rules_path, (struct bytes){0});
#define PCR(i) "--pcr", text[i]
#define ALL    PCR(1), PCR(2), PCR(3), PCR(4), PCR(5), PCR(6), PCR(7), PCR(8), PCR(9), PCR(10)
	assert_int_equal(RUN(cmd_ima_check, true, log_path, "--rules", rules_path, PCR(0), ALL),
		STATUS_DONE);
	assert_false(says("whether boot_aggregate"));
	text[0][2] = 'f';
	assert_int_equal(RUN(cmd_ima_check, true, log_path, "--rules", rules_path, PCR(0), ALL),
		STATUS_REFUSED);
	assert_true(says("\"kind\":\"boot-aggregate\""));
	assert_int_equal(
		RUN(cmd_ima_check, true, log_path, "--rules", rules_path, ALL), STATUS_DONE);
	assert_true(says("whether boot_aggregate"));
	assert_int_equal(RUN(cmd_ima_check, true, log_path, "--rules", rules_path, PCR(1), ALL),
		STATUS_USAGE);
	text[0][0] = '-';
	assert_int_equal(
		RUN(cmd_ima_check, true, log_path, "--rules", rules_path, PCR(0)), STATUS_USAGE);
}

static void show__digest_that_does_not_match__said_and_refused(void **state)
{
	(void)state;
	put_golden();
	list.data[list.len - 3] ^= 1;
	write_file(log_path, buf_bytes(&list));
	assert_int_equal(RUN(cmd_ima_show, false, log_path), STATUS_REFUSED);
	assert_true(says("TEMPLATE DIGEST DOES NOT MATCH"));
	assert_int_equal(RUN(cmd_ima_show, true, log_path), STATUS_REFUSED);
	write_file(log_path, bytes_of(list.data, list.len - 1));
	assert_int_equal(RUN(cmd_ima_show, true, log_path), STATUS_REFUSED);
	assert_int_equal(RUN(cmd_ima_show, true, "/nonexistent"), STATUS_UNDECIDED);
}

/* sha256("x") */
#define X "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"

static void check__finding__rule_offered_then_accepted(void **state)
{
	char pcr[2 * SHA256_LEN + 1];
	uint8_t value[SHA256_LEN];

	(void)state;
	ima_make_many(&list, 0, 1);
	ima_make_file(&list, "/bin/x", "x");
	ima_make_replay(buf_bytes(&list), DIGEST_SHA1, DIGEST_SHA256, 10, value);
	hex_encode(BYTES_OF(value), pcr);
	write_file(log_path, buf_bytes(&list));
	write_file(rules_path, BYTES_LIT("# none\n"));
	assert_int_equal(RUN(cmd_ima_check, false, log_path, "--rules", rules_path, "--pcr", pcr),
		STATUS_REFUSED);
	assert_true(says("unknown-file: entry 1: /bin/x: no rule knows this file"));
	assert_true(says("  a rule that would allow it: sha256:" X "  /bin/x\n"));
	assert_true(says("not checked: scripts given to an interpreter"));
	assert_true(says("\nrefused\n"));
	write_file(rules_path, BYTES_LIT("sha256:" X "  /bin/x\n"));
	assert_int_equal(RUN(cmd_ima_check, true, log_path, "--rules", rules_path, "--pcr", pcr),
		STATUS_DONE);
	assert_true(says("\"accepted\":true") && says("\"attested\":true"));
	assert_int_equal(RUN(cmd_ima_check, false, log_path, "--rules", rules_path), STATUS_DONE);
	assert_true(says("not checked: whether the log is the one that the TPM holds: no --pcr"));
	pcr[0] = pcr[0] == '0' ? '1' : '0';
	assert_int_equal(RUN(cmd_ima_check, true, log_path, "--rules", rules_path, "--pcr", pcr),
		STATUS_REFUSED);
	assert_true(says("\"accepted\":false") && says("\"attested\":false"));
	assert_int_equal(RUN(cmd_ima_check, false, log_path, "--rules", rules_path, "--pcr", pcr),
		STATUS_REFUSED);
	assert_true(says("no prefix of the log leads to this value of PCR 10"));
}

static void check__alone__digests_must_match(void **state)
{
	(void)state;
	ima_make_many(&list, 0, 40);
	write_file(log_path, buf_bytes(&list));
	write_file(rules_path, (struct bytes){0});
	assert_int_equal(
		RUN(cmd_ima_check, false, log_path, "--rules", rules_path), STATUS_REFUSED);
	assert_true(says("and 7 more\n"));
	assert_int_equal(RUN(cmd_ima_check, true, log_path, "--rules", rules_path), STATUS_REFUSED);
	assert_int_equal(json_array_size(json_object_get(json, "findings")), 32);
	write_file(rules_path, BYTES_LIT("ignore /usr/bin/**\n"));
	assert_int_equal(RUN(cmd_ima_check, true, log_path, "--rules", rules_path), STATUS_DONE);
	assert_true(says("39 entries that a rule leaves out"));
	list.data[list.len - 3] ^= 1;
	write_file(log_path, buf_bytes(&list));
	assert_int_equal(RUN(cmd_ima_check, true, log_path, "--rules", rules_path), STATUS_REFUSED);
}

static void check__signed__by_a_key_or_certificate(void **state)
{
	struct cert_request request = {
		.common_name = "signer", .not_before = 1700000000, .not_after = 1900000000};
	struct buf pem = {0};
	struct cert *cert = NULL;
	uint32_t keyid;

	(void)state;
	assert_ok(key_generate(KEY_EC_P256, &key, &err), err);
	assert_ok(ima_keyid_of(key, NULL, &keyid, &err), err);
	ima_make_many(&list, 0, 1);
	ima_make_signed(&list, "/usr/bin/x", "x", key, keyid, false);
	write_file(log_path, buf_bytes(&list));
	write_file(rules_path, BYTES_LIT("signed distro /usr/**\n"));
	assert_int_equal(RUN(cmd_ima_check, true, log_path, "--rules", rules_path), STATUS_REFUSED);
	assert_ok(key_public_pem(key, &pem, &err), err);
	write_file(key_path, buf_bytes(&pem));
	assert_int_equal(
		RUN(cmd_ima_check, true, log_path, "--rules", rules_path, "--key", key_path),
		STATUS_DONE);
	buf_clear(&pem);
	request.subject = key;
	assert_ok(cert_issue_der(&request, NULL, key, &pem, &err), err);
	write_file(key_path, buf_bytes(&pem));
	/* The certificate's key identifier is another one than that of the key alone. */
	assert_int_equal(
		RUN(cmd_ima_check, true, log_path, "--rules", rules_path, "--key", key_path),
		STATUS_REFUSED);
	assert_ok(cert_from_der(buf_bytes(&pem), false, &cert, &err), err);
	assert_ok(ima_keyid_of(key, cert, &keyid, &err), err);
	cert_unref(&cert);
	buf_clear(&list);
	ima_make_many(&list, 0, 1);
	ima_make_signed(&list, "/usr/bin/x", "x", key, keyid, false);
	write_file(log_path, buf_bytes(&list));
	assert_int_equal(
		RUN(cmd_ima_check, true, log_path, "--rules", rules_path, "--key", key_path),
		STATUS_DONE);
	write_file(key_path, BYTES_LIT("no key"));
	assert_int_equal(
		RUN(cmd_ima_check, true, log_path, "--rules", rules_path, "--key", key_path),
		STATUS_UNDECIDED);
	assert_true(says("--key"));
	buf_release(&pem);
}

static void check__wrong_words__told(void **state)
{
	(void)state;
	put_golden();
	write_file(rules_path, BYTES_LIT("hello\n"));
	assert_int_equal(RUN(cmd_ima_check, true, log_path), STATUS_USAGE);
	assert_int_equal(
		RUN(cmd_ima_check, true, log_path, "--rules", rules_path), STATUS_UNDECIDED);
	assert_true(says("line 1: neither a rule nor a digest"));
	assert_int_equal(RUN(cmd_ima_check, true, log_path, "--rules", rules_path, "--pcr", "aa"),
		STATUS_USAGE);
	write_file(rules_path, (struct bytes){0});
	assert_int_equal(
		RUN(cmd_ima_check, true, log_path, "--rules", rules_path, "--bank", "sha1"),
		STATUS_REFUSED);
	assert_true(says("sha1 bank is not appraised"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(replay__golden__values_and_counts),
		TEST(replay__beginnings_of_an_entry_behind__left_out_and_said),
		TEST(replay__malformed_or_mismatching__refused),
		TEST(replay__wrong_words__usage),
		TEST(show__golden__one_line_an_entry),
		TEST(show__rules__allow_the_list_they_came_from),
		TEST(check__boot_aggregate__against_pcrs_given),
		TEST(show__digest_that_does_not_match__said_and_refused),
		TEST(check__finding__rule_offered_then_accepted),
		TEST(check__alone__digests_must_match),
		TEST(check__signed__by_a_key_or_certificate),
		TEST(check__wrong_words__told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
