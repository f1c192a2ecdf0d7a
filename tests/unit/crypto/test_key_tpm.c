/* SPDX-License-Identifier: Apache-2.0 */
/* Keys in a TPM, through OpenSSL's provider tpm2 and a software TPM on a unix socket. Skipped where one of them, or tpm2-tools, is
 * not installed. */
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include <openssl/x509.h>

#include "base/file.h"
#include "crypto/cose.h"
#include "crypto/x509.h"

extern char **environ;

static char directory[] = "/tmp/assay-tpm-XXXXXX";
static pid_t swtpm;
static bool absent; /* swtpm, tpm2-tools or the provider */

static struct key *key, *second;
static struct cert *ca, *leaf;
static struct buf a, b;
static struct err err;

static pid_t start(const char *const argv[])
{
	posix_spawn_file_actions_t actions;
	pid_t pid = 0;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
	posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
	if (posix_spawnp(&pid, argv[0], &actions, NULL, (char *const *)argv, environ) != 0)
		pid = 0;
	posix_spawn_file_actions_destroy(&actions);
	return pid;
}

static bool run(const char *const argv[])
{
	pid_t pid = start(argv);
	int status = -1;

	return pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) &&
	       WEXITSTATUS(status) == 0;
}

static bool start_tpm(void)
{
	char state[96], server[128], control[128], tcti[128], path[96];
	const char *const argv[] = {"swtpm", "socket", "--tpm2", "--tpmstate", state, "--server",
		server, "--ctrl", control, "--flags", "not-need-init,startup-clear", NULL};
	struct stat st;

	snprintf(state, sizeof(state), "dir=%s", directory);
	snprintf(path, sizeof(path), "%s/sock", directory);
	snprintf(server, sizeof(server), "type=unixio,path=%s", path);
	snprintf(control, sizeof(control), "type=unixio,path=%s.ctrl", path);
	snprintf(tcti, sizeof(tcti), "swtpm:path=%s", path);
	setenv("TPM2TOOLS_TCTI", tcti, 1);
	setenv("TPM2OPENSSL_TCTI", tcti, 1);
	swtpm = start(argv);
	for (int i = 0; swtpm > 0 && i < 200; i++) {
		if (stat(path, &st) == 0)
			return true;
		if (waitpid(swtpm, NULL, WNOHANG) == swtpm)
			swtpm = 0;
		usleep(10000);
	}
	return false;
}

/* A primary key at a persistent handle; use: "sign" or "decrypt". */
static bool make_key(const char *alg, const char *use, const char *handle)
{
	char context[96], attributes[96];
	const char *const create[] = {
		"tpm2_createprimary", "-C", "o", "-G", alg, "-a", attributes, "-c", context, NULL};
	const char *const persist[] = {"tpm2_evictcontrol", "-C", "o", "-c", context, handle, NULL};
	const char *const flush[] = {"tpm2_flushcontext", "-t", NULL};
	bool ok;

	snprintf(context, sizeof(context), "%s/key.ctx", directory);
	snprintf(attributes, sizeof(attributes),
		"%s|fixedtpm|fixedparent|sensitivedataorigin|userwithauth", use);
	ok = run(create) && run(persist);
	return run(flush) && ok;
}

static int group_setup(void **state)
{
	(void)state;
	if (!mkdtemp(directory))
		return -1;
	absent = access("/usr/bin/swtpm", X_OK) != 0 || !start_tpm() ||
		 !make_key("ecc256:ecdsa-sha256:null", "sign", "0x81000001") ||
		 !make_key("rsa2048:rsassa-sha256:null", "sign", "0x81000002") ||
		 !make_key("ecc384:ecdsa-sha384:null", "sign", "0x81000003") ||
		 !make_key("ecc256:null:null", "decrypt", "0x81000004") ||
		 !make_key("rsa2048:null:null", "decrypt", "0x81000005") ||
		 !make_key("ecc384:null:null", "decrypt", "0x81000006");
	if (!absent && !key_from_uri("handle:0x81000001", &key, &err))
		absent = err.code == ERR_UNSUPPORTED;
	key_unref(&key);
	return 0;
}

static int group_teardown(void **state)
{
	static const char *const files[] = {"sock", "sock.ctrl", "key.ctx", "tpm2-00.permall",
		"tpm2-00.volatilestate", ".lock"};
	struct buf path = {0};

	(void)state;
	if (swtpm > 0) {
		kill(swtpm, SIGTERM);
		waitpid(swtpm, NULL, 0);
	}
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		buf_clear(&path);
		unlink(path_join(&path, directory, files[i]));
	}
	buf_release(&path);
	return rmdir(directory);
}

static int setup(void **state)
{
	(void)state;
	err = (struct err){0};
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	cert_unref(&ca);
	cert_unref(&leaf);
	key_unref(&key);
	key_unref(&second);
	buf_release(&a);
	buf_release(&b);
	return 0;
}

static void load(const char *uri)
{
	if (absent)
		skip();
	if (!key_from_uri(uri, &key, &err))
		fail_msg("%s", err.text);
}

static const struct {
	const char *uri;
	enum key_type type;
	size_t bits;
} tpm_keys[] = {
	{"handle:0x81000001", KEY_EC_P256, 256},
	{"handle:0x81000002", KEY_RSA, 2048},
	{"handle:0x81000003", KEY_EC_P384, 384},
};

static void key_from_uri__tpm_handles__sign_and_verify(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(tpm_keys); i++) {
		load(tpm_keys[i].uri);
		assert_int_equal(key_type_of(key), tpm_keys[i].type);
		assert_int_equal(key_bits(key), tpm_keys[i].bits);
		assert_true(key_has_private(key));
		for (int n = 0; n < 2; n++) {
			buf_clear(&a);
			if (!key_sign(key, key_default_scheme(key), key_default_digest(key),
				    BYTES_LIT("measured"), &a, &err))
				fail_msg("%s: %s", tpm_keys[i].uri, err.text);
			assert_true(
				key_verify(key, key_default_scheme(key), key_default_digest(key),
					BYTES_LIT("measured"), buf_bytes(&a), &err));
			assert_false(
				key_verify(key, key_default_scheme(key), key_default_digest(key),
					BYTES_LIT("measureD"), buf_bytes(&a), &err));
			assert_int_equal(err.code, ERR_MISMATCH);
		}
		key_unref(&key);
	}
}

static void key_sign__tpm_raw_ecdsa__cose_round_trip(void **state)
{
	const struct cose_sign_options options = {.iss = "verifier"};
	struct cose_sign1 message;

	(void)state;
	load("handle:0x81000001");
	assert_true(
		cose_sign1_sign(key, &options, BYTES_LIT("record"), (struct bytes){0}, &a, &err));
	assert_true(cose_sign1_parse(buf_bytes(&a), &message, &err));
	assert_true(key_from_spki(key_spki(key), &second, &err));
	assert_true(
		cose_sign1_verify(&message, second, (struct bytes){0}, (struct bytes){0}, &err));
}

static void cert_issue__ca_key_in_tpm__chain_verifies(void **state)
{
	struct cert_request request = {.common_name = "TPM CA",
		.not_before = 1700000000,
		.not_after = 1800000000,
		.ca = true};
	struct chain_result result;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(tpm_keys); i++) {
		load(tpm_keys[i].uri);
		request.ca = true;
		request.subject = key;
		if (!cert_issue(&request, NULL, key, &ca, &err))
			fail_msg("%s: %s", tpm_keys[i].uri, err.text);
		assert_true(key_generate(KEY_EC_P256, &second, &err));
		request.ca = false;
		request.subject = second;
		assert_true(cert_issue(&request, ca, key, &leaf, &err));
		assert_true(chain_verify(leaf,
			&(struct chain_options){.roots = &ca, .root_count = 1, .at = 1750000000},
			&result, &err));
		assert_string_equal(result.detail, "");
		assert_int_equal(result.fault, CHAIN_OK);
		chain_result_release(&result);
		cert_unref(&ca);
		cert_unref(&leaf);
		key_unref(&key);
		key_unref(&second);
	}
}

/* One connection to the TPM serves all keys: a second one would hang on this socket. */
static void key_from_uri__two_tpm_keys_at_once__both_sign(void **state)
{
	(void)state;
	load("handle:0x81000001");
	assert_true(key_from_uri("handle:0x81000003", &second, &err));
	assert_false(key_equal(key, second));
	assert_true(key_sign(key, SIGN_ECDSA, DIGEST_SHA256, BYTES_LIT("x"), &a, &err));
	assert_true(key_sign(second, SIGN_ECDSA, DIGEST_SHA384, BYTES_LIT("x"), &b, &err));
	assert_true(
		key_verify(key, SIGN_ECDSA, DIGEST_SHA256, BYTES_LIT("x"), buf_bytes(&a), &err));
	assert_true(
		key_verify(second, SIGN_ECDSA, DIGEST_SHA384, BYTES_LIT("x"), buf_bytes(&b), &err));
}

static void *sign_in_thread(void *failed)
{
	struct buf signature = {0};
	struct err why = {0};

	for (int i = 0; i < 10; i++) {
		buf_clear(&signature);
		if (!key_sign(key, SIGN_ECDSA, DIGEST_SHA256, BYTES_LIT("x"), &signature, &why) ||
			!key_verify(key, SIGN_ECDSA, DIGEST_SHA256, BYTES_LIT("x"),
				buf_bytes(&signature), &why))
			*(bool *)failed = true;
	}
	buf_release(&signature);
	return NULL;
}

static void key_sign__tpm_key_shared_by_threads__taken_in_turn(void **state)
{
	pthread_t threads[3];
	bool failed[3] = {0};

	(void)state;
	load("handle:0x81000001");
	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, sign_in_thread, &failed[i]), 0);
	for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
		assert_false(failed[i]);
	}
}

static void key_private_pem__tpm_key__does_not_leave(void **state)
{
	(void)state;
	load("handle:0x81000001");
	assert_false(key_private_pem(key, &a, &err));
	assert_int_equal(err.code, ERR_UNSUPPORTED);
	assert_string_equal(err.text, "key: it lives in a TPM and does not leave it");
	assert_int_equal(a.len, 0);
	assert_true(key_public_pem(key, &a, &err));
}

static void key_unwrap__tpm_keys__open_what_their_public_halves_wrap(void **state)
{
	static const char *const uris[] = {"handle:0x81000004", "handle:0x81000006"};
	static const uint8_t secret[32] = {1, 2, 3};
	uint8_t out[32];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(uris); i++) {
		load(uris[i]);
		if (!key_from_spki(key_spki(key), &second, &err) ||
			!key_wrap(second, bytes_str("info"), secret, &random_system, &a, &err) ||
			!key_unwrap(key, bytes_str("info"), buf_bytes(&a), out, &err))
			fail_msg("%s: %s", uris[i], err.text);
		assert_memory_equal(out, secret, sizeof(secret));
		a.data[a.len - 1] ^= 1;
		assert_false(key_unwrap(key, bytes_str("info"), buf_bytes(&a), out, &err));
		assert_int_equal(err.code, ERR_MISMATCH);
		buf_clear(&a);
		key_unref(&key);
		key_unref(&second);
	}
}

/* tpm2-openssl knows OAEP from version 1.2 on. */
static void key_unwrap__tpm_rsa_key__opens_or_says_that_it_cannot(void **state)
{
	static const uint8_t secret[32] = {1, 2, 3};
	uint8_t out[32];

	(void)state;
	load("handle:0x81000005");
	assert_true(key_wrap(key, bytes_str("info"), secret, &random_system, &a, &err));
	if (key_unwrap(key, bytes_str("info"), buf_bytes(&a), out, &err)) {
		assert_memory_equal(out, secret, sizeof(secret));
		return;
	}
	assert_int_equal(err.code, ERR_UNSUPPORTED);
	assert_non_null(strstr(err.text, "OAEP: the provider of this key does not know it"));
}

/* A key that only signs is none that content can be wrapped for. */
static void key_unwrap__tpm_key_that_only_signs__refused(void **state)
{
	static const uint8_t secret[32] = {1};
	uint8_t out[32];

	(void)state;
	load("handle:0x81000001");
	assert_true(key_wrap(key, bytes_str("info"), secret, &random_system, &a, &err));
	assert_false(key_unwrap(key, bytes_str("info"), buf_bytes(&a), out, &err));
	assert_int_equal(err.code, ERR_TPM);
}

static void key_from_uri__empty_tpm_handle__not_found(void **state)
{
	(void)state;
	if (absent)
		skip();
	assert_false(key_from_uri("handle:0x810000ff", &key, &err));
	assert_int_equal(err.code, ERR_NOT_FOUND);
	assert_non_null(strstr(err.text, "handle:0x810000ff: "));
	assert_false(key_from_uri("handle:nonsense", &key, &err));
	assert_null(key);
}

static void key_from_uri__no_tpm_behind_the_tcti__said_so(void **state)
{
	(void)state;
	if (absent)
		skip();
	buf_put_str(&a, getenv("TPM2OPENSSL_TCTI"));
	setenv("TPM2OPENSSL_TCTI", "swtpm:path=/nonexistent/sock", 1);
	assert_false(key_from_uri("handle:0x81000001", &key, &err));
	setenv("TPM2OPENSSL_TCTI", buf_str(&a), 1);
	assert_int_equal(err.code, ERR_TPM);
	assert_string_equal(err.text,
		"handle:0x81000001: OpenSSL's provider \"tpm2\" does not start: is "
		"the TPM named by TPM2OPENSSL_TCTI there?");
	load("handle:0x81000001"); /* and afterwards all is well again */
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(key_from_uri__tpm_handles__sign_and_verify),
		TEST(key_sign__tpm_raw_ecdsa__cose_round_trip),
		TEST(cert_issue__ca_key_in_tpm__chain_verifies),
		TEST(key_from_uri__two_tpm_keys_at_once__both_sign),
		TEST(key_sign__tpm_key_shared_by_threads__taken_in_turn),
		TEST(key_private_pem__tpm_key__does_not_leave),
		TEST(key_unwrap__tpm_keys__open_what_their_public_halves_wrap),
		TEST(key_unwrap__tpm_rsa_key__opens_or_says_that_it_cannot),
		TEST(key_unwrap__tpm_key_that_only_signs__refused),
		TEST(key_from_uri__empty_tpm_handle__not_found),
		TEST(key_from_uri__no_tpm_behind_the_tcti__said_so),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
