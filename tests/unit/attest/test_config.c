/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/unit.h"

#include "attest/config.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

struct fixture {
	char directory[64], path[96], ca[96], auth[96];
	struct hostd_config config;
	struct err err;
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	strcpy(f->directory, "/tmp/assay-config.XXXXXX");
	if (!mkdtemp(f->directory))
		return -1;
	(void)snprintf(f->path, sizeof(f->path), "%s/hostd.yaml", f->directory);
	(void)snprintf(f->ca, sizeof(f->ca), "%s/ca.pem", f->directory);
	(void)snprintf(f->auth, sizeof(f->auth), "%s/auth", f->directory);
	*state = f;
	return file_write_atomic(f->ca, BYTES_LIT("the ca\n"), 0644, &f->err) ? 0 : -1;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	hostd_config_release(&f->config);
	(void)unlink(f->path);
	(void)unlink(f->ca);
	(void)unlink(f->auth);
	(void)rmdir(f->directory);
	free(f);
	return 0;
}

static bool load(struct fixture *f, const char *text)
{
	return file_write_atomic(f->path, bytes_str(text), 0644, &f->err) &&
	       hostd_config_load(f->path, &f->config, &f->err);
}

static void config_load__least__has_the_defaults(void **state)
{
	struct fixture *f = *state;
	assert_ok(load(f, "verifier: https://v.example:8443\nca: ca.pem\n"), f->err);
	assert_string_equal(f->config.verifier, "https://v.example:8443");
	assert_string_equal(f->config.state_dir, "/var/lib/assay");
	assert_string_equal(f->config.run_dir, "/run/assay");
	assert_string_equal(f->config.workloads_dir, "/etc/assay/workloads");
	assert_string_equal(f->config.socket, "/run/assay/hostd.sock");
	assert_bytes(buf_bytes(&f->config.ca), BYTES_LIT("the ca\n"));
	assert_null(f->config.tcti);
	assert_int_equal(f->config.bank, DIGEST_SHA256);
	assert_int_equal(f->config.ak.kind, AK_ECC_P256);
	assert_int_equal(f->config.copy_limit, 256u << 20);
	assert_int_equal(f->config.log_level, LOG_LEVEL_INFO);
	assert_false(f->config.tpm_keys);
	assert_non_null(f->config.ima_log);
	assert_string_equal(f->config.systemd_log, "/run/log/systemd/tpm2-measure.log");
}

static void config_load__everything__is_taken(void **state)
{
	struct fixture *f = *state;
	assert_ok(file_write_atomic(f->auth, BYTES_LIT("secret\n"), 0600, &f->err), f->err);
	assert_ok(load(f, "verifier: https://v\nca: ca.pem\nproxy: http://p:1\ntcti: "
			  "swtpm:path=/x\nstate_dir: state\n"
			  "run_dir: /r\nworkloads_dir: w\nsocket: /s\nsocket_group: "
			  "agents\nowner_auth_file: auth\n"
			  "endorsement_auth_file: auth\nek_template: H-1\nek_certificates: "
			  "[ca.pem, ca.pem]\nak: rsa-2048\n"
			  "ak_handle: 0x81018002\nak_generation: 2\npcr: 14\nbank: sha384\nkey: "
			  "tpm\ncopy_limit_mib: 0\n"
			  "hash_threads: 2\nfirmware_log: none\nima_log: /ima\nsystemd_log: "
			  "none\nlog_level: "
			  "error\nlog_json: true\n"),
		f->err);
	char expected[128];
	(void)snprintf(expected, sizeof(expected), "%s/state", f->directory);
	assert_string_equal(f->config.state_dir, expected);
	assert_string_equal(f->config.socket, "/s");
	assert_string_equal(f->config.socket_group, "agents");
	assert_bytes(bytes_of(f->config.owner_auth, f->config.owner_auth_len), BYTES_LIT("secret"));
	assert_bytes(buf_bytes(&f->config.ek_certificates), BYTES_LIT("the ca\nthe ca\n"));
	assert_int_equal(f->config.ek_template, EK_TEMPLATE_H1);
	assert_int_equal(f->config.ak.kind, AK_RSA_2048);
	assert_int_equal(f->config.ak.handle, 0x81018002u);
	assert_int_equal(f->config.ak.generation, 2);
	assert_int_equal(f->config.pcr, 14);
	assert_int_equal(f->config.bank, DIGEST_SHA384);
	assert_true(f->config.tpm_keys);
	assert_int_equal(f->config.copy_limit, 0);
	assert_null(f->config.firmware_log);
	assert_string_equal(f->config.ima_log, "/ima");
	assert_null(f->config.systemd_log);
	assert_int_equal(f->config.log_level, LOG_LEVEL_ERROR);
	assert_true(f->config.log_json);
}

static const struct {
	const char *text, *why;
} refused[] = {
	{"ca: ca.pem\n", "verifier"},
	{"verifier: https://v\nca: ca.pem\ncolour: red\n", ":3:1: unknown key \"colour\""},
	{"verifier: https://v\nca: ca.pem\nca: ca.pem\n", "ca"},
	{"verifier: https://v\nca: missing.pem\n", "missing.pem"},
	{"verifier: https://v\nca: ca.pem\npcr: 16\n", "pcr: 16: PCRs above 15 are not quoted"},
	{"verifier: https://v\nca: ca.pem\npcr: 23\n", "pcr: 23"},
	{"verifier: https://v\nca: ca.pem\nbank: sha1\n", "unknown word \"sha1\""},
	{"verifier: https://v\nca: ca.pem\nak: dsa\n", "unknown word \"dsa\""},
	{"verifier: https://v\nca: ca.pem\ncopy_limit_mib: 65537\n",
		"copy_limit_mib: 65537, at most 65536"},
	{"verifier: https://v\nca: ca.pem\nhash_threads: 65\n", "hash_threads: 65, at most 64"},
	{"verifier: https://v\nca: ca.pem\nowner_auth_file: ca.pem\n",
		"may be read by others: chmod 0600"},
	{"", "hostd.yaml"},
	{"[1, 2]\n", "hostd.yaml"},
};

static void config_load__wrong__refused_with_the_reason(void **state)
{
	struct fixture *f = *state;
	for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
		f->err.text[0] = '\0';
		assert_false(load(f, refused[i].text));
		if (!strstr(f->err.text, refused[i].why))
			fail_msg("%s: wanted \"%s\"", f->err.text, refused[i].why);
		assert_non_null(strstr(f->err.text, "hostd.yaml"));
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(config_load__least__has_the_defaults),
		TEST(config_load__everything__is_taken),
		TEST(config_load__wrong__refused_with_the_reason),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
