/* SPDX-License-Identifier: Apache-2.0 */
/*
 * T1: every bit of a whole audit file counts. Each is flipped in its turn, and with the verifier's CA and the log's policy pinned
 * the audit must refuse the file or find the record inconsistent. docs/formats/record.md says which bits do not matter: none.
 *
 * Every 97th bit; ASSAY_LONG=1: every bit, by as many processes as there are processors.
 */
#include "tests/unit/ledger/whole_bundle.h"

#include <sys/wait.h>
#include <unistd.h>

#define STRIDE 97u /* a prime: each bit of a byte has its turn */

static struct scene_keys keys;
static struct scene *s;
static struct whole whole;
static struct buf statement;
static struct bytes statements[1];

static void statement_make(void)
{
	struct buf text = {0};
	char hex[2 * SHA256_LEN + 1];
	hex_encode(BYTES_OF(s->components[0].digest), hex);
	buf_printf(&text,
		"{\"_type\":\"https://in-toto.io/Statement/v1\",\"subject\":[{\"name\":\"c\","
		"\"digest\":{\"sha256\":\"%s\"}}],\"predicateType\":"
		"\"https://in-toto.io/attestation/test-result/v0.1\",\"predicate\":"
		"{\"result\":\"PASSED\",\"configuration\":[]}}",
		hex);
	assert_ok(dsse_sign(DSSE_INTOTO_TYPE, buf_bytes(&text), keys.other, &statement, &s->err),
		s->err);
	statements[0] = buf_bytes(&statement);
	s->context.statements = statements;
	s->context.statement_count = 1;
	buf_release(&text);
}

static int setup(void **state)
{
	(void)state;
	scene_keys_make(&keys);
	s = scene_new(&keys);
	statement_make();
	scene_run(s);
	assert_trusted(s);
	whole_make(&whole, s, NULL, 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	scene_free(s);
	whole_release(&whole);
	buf_release(&statement);
	scene_keys_free(&keys);
	return 0;
}

/* An auditor who knows the verifier's CA and the log. */
static bool consistent(struct bytes file)
{
	static struct audit_report report;
	const struct audit_anchors anchors = {
		.roots = &whole.ca, .root_count = 1, .log_policy = whole.policy};
	struct err err = {0};
	bool ok = audit_run(file, &anchors, &report, &err) && report.consistent;
	audit_report_release(&report);
	return ok;
}

/* The bits from `first` on, `step` apart. How many are not found; each is named. */
static unsigned flip(size_t first, size_t step)
{
	struct buf file = {0};
	unsigned missed = 0;
	buf_put(&file, buf_bytes(&whole.file));
	for (size_t bit = first; bit < file.len * 8; bit += step) {
		file.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
		if (consistent(buf_bytes(&file))) {
			print_message("byte %zu, bit %zu: nobody sees it\n", bit / 8, bit % 8);
			missed++;
		}
		file.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	assert_memory_equal(file.data, whole.file.data, file.len);
	buf_release(&file);
	return missed;
}

static unsigned flip_all(void)
{
	long processes = sysconf(_SC_NPROCESSORS_ONLN);
	unsigned missed = 0;
	for (long i = 0; i < processes; i++) {
		pid_t pid = fork();
		assert_true(pid >= 0);
		if (pid == 0)
			_exit(flip((size_t)i, (size_t)processes) != 0);
	}
	for (long i = 0; i < processes; i++) {
		int status = 0;
		assert_true(wait(&status) > 0);
		missed += !WIFEXITED(status) || WEXITSTATUS(status) != 0;
	}
	return missed;
}

static void T1__any_bit_of_an_audit_file_flipped__found(void **state)
{
	(void)state;
	assert_true(consistent(buf_bytes(&whole.file)));
	assert_int_equal(getenv("ASSAY_LONG") ? flip_all() : flip(0, STRIDE), 0);
	print_message("%zu bytes\n", whole.file.len);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(T1__any_bit_of_an_audit_file_flipped__found),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
