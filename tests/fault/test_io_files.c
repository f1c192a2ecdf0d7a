/* SPDX-License-Identifier: Apache-2.0 */
/*
 * S8 on the host: the disk below state files and credentials fails at every call. A file is the old one or the new one, whole;
 * what was not done is said; and no half of a key is left beside it.
 */
#include "tests/fault/io.h"

#include "attest/instance.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/time.h"
#include "crypto/x509.h"

static char directory[64], path[96];
static struct err err;

static void begin(void)
{
	(void)snprintf(directory, sizeof(directory), "/tmp/assay-io.XXXXXX");
	assert_non_null(mkdtemp(directory));
	(void)snprintf(path, sizeof(path), "%s/file", directory);
}

static size_t entries(void)
{
	DIR *dir = opendir(directory);
	size_t n = 0;
	assert_non_null(dir);
	for (const struct dirent *e = readdir(dir); e; e = readdir(dir))
		n += e->d_name[0] != '.' || strlen(e->d_name) > 2;
	(void)closedir(dir);
	return n;
}

static void end(void)
{
	DIR *dir = opendir(directory);
	assert_non_null(dir);
	for (const struct dirent *e = readdir(dir); e; e = readdir(dir))
		(void)unlinkat(dirfd(dir), e->d_name, 0);
	(void)closedir(dir);
	(void)rmdir(directory);
}

/* ---- state files ---- */

static bool holds(const char *text)
{
	struct buf content = {0};
	assert_ok(file_read(path, 4096, &content, &err), err);
	bool same = bytes_equal_str(buf_bytes(&content), text);
	buf_release(&content);
	return same;
}

static bool write_once(struct fault_kind kind, size_t at)
{
	begin();
	assert_ok(file_write_atomic(path, BYTES_LIT("old content"), 0600, &err), err);
	fault_io_arm(kind, at);
	bool done = file_write_atomic(path, BYTES_LIT("new and longer content"), 0600, &err);
	bool failed = fault_io_disarm();
	assert_true(done || failed);
	assert_true(done ? holds("new and longer content")
			 : holds("old content") || holds("new and longer content"));
	if (fault_io.sync_failed)
		assert_false(done);
	assert_int_equal(entries(), 1);
	end();
	return failed;
}

static void S8__state_file__disk_fails_at_every_call__old_or_new_and_said(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(fault_kinds); i++)
		for (size_t at = 0; write_once(fault_kinds[i], at); at++)
			assert_true(at < 16);
}

/* ---- credentials ---- */

static struct instance *instance;
static struct cert *leaf, *ca;
static struct key *ca_key;
static struct attest_result result;

static void credentials_make(void)
{
	int64_t now = clock_wall(&clock_system);
	struct cert_request request = {
		.common_name = "CA", .not_before = now - 10, .not_after = now + 3600, .ca = true};
	assert_ok(instance_new("agent", &instance, &err), err);
	assert_ok(instance_make_key(instance, NULL, false, &err), err);
	assert_ok(key_generate(KEY_EC_P256, &ca_key, &err), err);
	request.subject = ca_key;
	assert_ok(cert_issue(&request, NULL, ca_key, &ca, &err), err);
	request = (struct cert_request){.uri = "spiffe://test/workload/agent/1",
		.subject = instance->key,
		.not_before = now - 10,
		.not_after = now + 600,
		.client_auth = true};
	assert_ok(cert_issue(&request, ca, ca_key, &leaf, &err), err);
	instance->uid = geteuid();
	instance->gid = getegid();
	result = (struct attest_result){.trusted = true,
		.cert_count = 1,
		.certs = {cert_der(leaf)},
		.token_count = 1,
		.tokens = {BYTES_LIT("aa.bb.cc")},
		.bundle_count = 1,
		.bundle = {cert_der(ca)}};
}

static void credentials_unmake(void)
{
	instance_unref(&instance);
	cert_unref(&leaf);
	cert_unref(&ca);
	key_unref(&ca_key);
}

static bool is_whole(const char *name, const char *last)
{
	struct buf content = {0};
	(void)snprintf(path, sizeof(path), "%s/%s", directory, name);
	if (access(path, F_OK) != 0)
		return true;
	assert_ok(file_read(path, 8192, &content, &err), err);
	const char *text = buf_str(&content);
	bool whole = text && strlen(text) >= strlen(last) &&
		     strcmp(text + strlen(text) - strlen(last), last) == 0;
	buf_release(&content);
	return whole;
}

static bool credentials_once(struct fault_kind kind, size_t at)
{
	begin();
	instance->directory = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(instance->directory >= 0);
	fault_io_arm(kind, at);
	bool done = credentials_write(instance, &result, &err);
	bool failed = fault_io_disarm();
	assert_true(done || failed);
	size_t n = entries();
	if (done)
		assert_int_equal(n, 4);
	(void)snprintf(path, sizeof(path), "%s/.assay-new", directory);
	assert_int_not_equal(access(path, F_OK), 0);
	assert_true(is_whole("key.pem", "-----END PRIVATE KEY-----\n"));
	assert_true(is_whole("svid.pem", "-----END CERTIFICATE-----\n"));
	assert_true(is_whole("bundle.pem", "-----END CERTIFICATE-----\n"));
	assert_true(is_whole("jwt-0.token", "aa.bb.cc"));
	/* With room again it is written whole; and all of it goes when it has to. */
	assert_ok(credentials_write(instance, &result, &err), err);
	assert_int_equal(entries(), 4);
	credentials_remove(instance);
	assert_int_equal(entries(), 0);
	fd_close(&instance->directory);
	end();
	return failed;
}

static void S8__credentials__disk_fails_at_every_call__each_file_whole_or_absent(void **state)
{
	(void)state;
	credentials_make();
	for (size_t i = 0; i < ARRAY_LEN(fault_kinds); i++)
		for (size_t at = 0; credentials_once(fault_kinds[i], at); at++)
			assert_true(at < 32);
	credentials_unmake();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(S8__state_file__disk_fails_at_every_call__old_or_new_and_said),
		cmocka_unit_test(
			S8__credentials__disk_fails_at_every_call__each_file_whole_or_absent),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
