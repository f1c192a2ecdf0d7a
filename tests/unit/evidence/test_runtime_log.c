/* SPDX-License-Identifier: Apache-2.0 */
#include "evidence/runtime_log.h"

#include <time.h>

#include "base/cbor.h"
#include "evidence/names.h"
#include "parse_check.h"

#define PCR 15u

static const enum digest_alg BANKS[] = {DIGEST_SHA256, DIGEST_SHA384};
static struct buf log_, content, scratch;
static struct digest digests[16][4]; /* of each record put */
static uint64_t records;

static const uint8_t ZEROS[32];
static const struct runtime_baseline BASELINE = {
	.boot_id = {1}, .reset_count = 4, .bank = TPM_ALG_SHA256, .pcr_before = {ZEROS, 32}};
static const struct runtime_component COMPONENT = {
	.instance = {2},
	.name = {(const uint8_t *)"model", 5},
	.role = {(const uint8_t *)"model", 5},
	.path = {(const uint8_t *)"/usr/share/m", 12},
	.canonical_path = {(const uint8_t *)"/usr/share/m-1", 14},
	.digest_kind = COMPONENT_FSVERITY,
	.digest = {3},
	.size = 4096,
	.files = 1,
	.presence = PRESENT_PINNED,
};
static const struct runtime_exit EXIT = {.instance = {2}, .signaled = true, .status = 9};

static int setup(void **state)
{
	(void)state;
	buf_clear(&log_);
	records = 0;
	return 0;
}

static int group_teardown(void **state)
{
	(void)state;
	buf_release(&log_);
	buf_release(&content);
	buf_release(&scratch);
	return 0;
}

/* Appends the content that stands in the buffer. */
static void put(void)
{
	struct err err = {0};

	assert_ok(runtime_record_put(&log_, records, PCR, BANKS, ARRAY_LEN(BANKS),
			  buf_bytes(&content), digests[records % 16], &err),
		err);
	records++;
	buf_clear(&content);
}

static void put_baseline(void)
{
	struct err err = {0};

	assert_ok(runtime_baseline_encode(&BASELINE, 1700000000, &content, &err), err);
	put();
}

static void put_component(void)
{
	struct err err = {0};

	assert_ok(runtime_component_encode(&COMPONENT, 1700000001, &content, &err), err);
	put();
}

static void put_launch(void)
{
	struct runtime_launch *l = calloc(1, sizeof(*l));
	struct err err = {0};

	assert_non_null(l);
	l->instance[0] = 2;
	l->workload = BYTES_LIT("ocr-agent");
	l->release[0] = 1;
	l->spec[0] = 2;
	l->component_count = 2;
	l->components[1][31] = 3;
	l->argument_count = 3;
	l->arguments[2][0] = 4;
	l->environment_count = 2;
	l->environment_names[0] = BYTES_LIT("LANG");
	l->environment_names[1] = BYTES_LIT("OMP_THREAD_LIMIT");
	l->environment[1][0] = 5;
	l->working_directory = BYTES_LIT("/");
	l->uid = 1000;
	l->gid = 1001;
	l->descriptor_count = 1;
	l->descriptors[0] = BYTES_LIT("argument image");
	assert_ok(runtime_launch_encode(l, 1700000002, &content, &err), err);
	free(l);
	put();
}

static void put_exit(void)
{
	struct err err = {0};

	assert_ok(runtime_exit_encode(&EXIT, -5, &content, &err), err);
	put();
}

static void put_all(void)
{
	put_baseline();
	put_component();
	put_launch();
	put_exit();
}

static bool walk(struct bytes in, struct err *err)
{
	return runtime_log_walk(in, 0, PCR, NULL, NULL, err);
}

/* ---- what is put comes back ---- */

static bool compare(void *context, const struct runtime_record *r, struct err *err)
{
	uint64_t *seen = context;

	(void)err;
	assert_true(r->recnum == *seen);
	assert_int_equal(r->pcr, PCR);
	assert_int_equal(r->digest_count, 2);
	assert_bytes(r->digests[0].digest, digest_bytes(&digests[*seen][0]));
	assert_bytes(r->digests[1].digest, digest_bytes(&digests[*seen][1]));
	assert_int_equal(r->kind, (int)*seen + 1);
	++*seen;
	if (r->kind == RUNTIME_BASELINE) {
		assert_int_equal(r->baseline.reset_count, 4);
		assert_int_equal(r->baseline.bank, TPM_ALG_SHA256);
		assert_bytes(r->baseline.pcr_before, BYTES_OF(ZEROS));
		assert_true(r->time == 1700000000);
	} else if (r->kind == RUNTIME_COMPONENT) {
		assert_bytes(r->component.name, COMPONENT.name);
		assert_bytes(r->component.role, COMPONENT.role);
		assert_bytes(r->component.path, COMPONENT.path);
		assert_bytes(r->component.canonical_path, COMPONENT.canonical_path);
		assert_int_equal(r->component.digest_kind, COMPONENT_FSVERITY);
		assert_memory_equal(r->component.digest, COMPONENT.digest, 32);
		assert_true(r->component.size == 4096 && r->component.files == 1);
		assert_int_equal(r->component.presence, PRESENT_PINNED);
	} else if (r->kind == RUNTIME_LAUNCH) {
		assert_non_null(r->launch);
		assert_bytes(r->launch->workload, BYTES_LIT("ocr-agent"));
		assert_int_equal(r->launch->component_count, 2);
		assert_int_equal(r->launch->components[1][31], 3);
		assert_int_equal(r->launch->argument_count, 3);
		assert_int_equal(r->launch->arguments[2][0], 4);
		assert_int_equal(r->launch->environment_count, 2);
		assert_bytes(r->launch->environment_names[0], BYTES_LIT("LANG"));
		assert_int_equal(r->launch->environment[1][0], 5);
		assert_bytes(r->launch->working_directory, BYTES_LIT("/"));
		assert_int_equal(r->launch->uid, 1000);
		assert_int_equal(r->launch->gid, 1001);
		assert_bytes(r->launch->descriptors[0], BYTES_LIT("argument image"));
	} else {
		assert_null(r->launch);
		assert_true(r->exit.signaled);
		assert_int_equal(r->exit.status, 9);
		assert_true(r->time == -5);
	}
	return true;
}

static void log__every_kind__returns_as_put(void **state)
{
	uint64_t seen = 0;
	struct err err = {0};

	(void)state;
	put_all();
	assert_ok(runtime_log_walk(buf_bytes(&log_), 0, PCR, compare, &seen, &err), err);
	assert_true(seen == 4);
}

static bool put_again(void *context, const struct runtime_record *r, struct err *err)
{
	const enum digest_alg banks[] = {r->digests[0].alg, r->digests[1].alg};
	struct digest ignored[2];

	return runtime_record_put(context, r->recnum, r->pcr, banks, 2, r->content, ignored, err);
}

static void log__put_of_walk__same_bytes(void **state)
{
	struct err err = {0};

	(void)state;
	put_all();
	buf_clear(&scratch);
	assert_ok(runtime_log_walk(buf_bytes(&log_), 0, PCR, put_again, &scratch, &err), err);
	assert_bytes(buf_bytes(&scratch), buf_bytes(&log_));
}

static void log__empty__is_a_log(void **state)
{
	uint8_t value[32] = {1};
	uint64_t next = 0;
	struct err err = {0};

	(void)state;
	assert_ok(runtime_log_replay((struct bytes){0}, 7, PCR, DIGEST_SHA256, value, &next, &err),
		err);
	assert_true(next == 7 && value[0] == 1);
}

/* ---- replay ---- */

/* M15: the log alone, in its order, explains the PCR. */
static void replay__both_banks__equals_the_extends(void **state)
{
	(void)state;
	put_all();
	for (size_t b = 0; b < ARRAY_LEN(BANKS); b++) {
		uint8_t wanted[DIGEST_LEN_MAX] = {0}, value[DIGEST_LEN_MAX] = {0};
		uint64_t next;
		struct err err = {0};

		for (size_t i = 0; i < records; i++)
			assert_ok(pcr_extend(BANKS[b], wanted, digests[i][b].bytes, &err), err);
		assert_ok(
			runtime_log_replay(buf_bytes(&log_), 0, PCR, BANKS[b], value, &next, &err),
			err);
		assert_true(next == 4);
		assert_memory_equal(value, wanted, sizeof(value));
	}
}

static void replay__in_two_parts__equals_the_whole(void **state)
{
	uint8_t whole[32] = {0}, parts[32] = {0};
	uint64_t next;
	size_t cut;
	struct err err = {0};

	(void)state;
	put_baseline();
	put_component();
	cut = log_.len;
	put_launch();
	put_exit();
	assert_ok(runtime_log_replay(buf_bytes(&log_), 0, PCR, DIGEST_SHA256, whole, &next, &err),
		err);
	assert_ok(runtime_log_replay(
			  bytes_of(log_.data, cut), 0, PCR, DIGEST_SHA256, parts, &next, &err),
		err);
	assert_true(next == 2);
	assert_ok(runtime_log_replay(bytes_of(log_.data + cut, log_.len - cut), next, PCR,
			  DIGEST_SHA256, parts, &next, &err),
		err);
	assert_true(next == 4);
	assert_memory_equal(parts, whole, 32);
}

static void replay__bank_not_in_the_log__refused(void **state)
{
	uint8_t value[64] = {7};
	uint64_t next = 99;
	struct err err;

	(void)state;
	put_baseline();
	assert_fails(
		runtime_log_replay(buf_bytes(&log_), 0, PCR, DIGEST_SHA512, value, &next, &err),
		err, ERR_MISMATCH, "runtime log: record 0 has no sha512 digest");
	assert_true(next == 99 && value[0] == 7);
}

/* ---- what is no log ---- */

static void log__prefixes__only_whole_records(void **state)
{
	size_t ends[5] = {0}, n = 0;
	struct err err;

	(void)state;
	put_baseline();
	ends[1] = log_.len;
	put_component();
	ends[2] = log_.len;
	put_launch();
	ends[3] = log_.len;
	put_exit();
	ends[4] = log_.len;
	for (size_t len = 0; len <= log_.len; len++) {
		bool at_end = len == ends[n + (len > ends[n])];

		n += len > ends[n] && len == ends[n + 1];
		err = (struct err){0};
		assert_int_equal(parse_exact(walk, bytes_of(log_.data, len), &err), at_end);
		assert_int_equal(runtime_log_whole(bytes_of(log_.data, len)), ends[n]);
	}
	parse_all_changes(walk, buf_bytes(&log_));
}

static void log__any_bit_changed__refused(void **state)
{
	(void)state;
	put_baseline();
	put_component();
	for (size_t at = 0; at < log_.len; at++) {
		struct err err = {0};

		if (parse_changed(walk, buf_bytes(&log_), at, log_.data[at] ^ 1, &err))
			fail_msg("byte %zu changed and the log still stands", at);
	}
}

static void log__record_missing_or_twice__refused(void **state)
{
	size_t first;
	struct err err;

	(void)state;
	put_baseline();
	first = log_.len;
	put_component();
	put_exit();
	assert_fails(walk(bytes_of(log_.data + first, log_.len - first), &err), err, ERR_MISMATCH,
		"runtime log: record 0: recnum is 1");
	buf_clear(&scratch);
	buf_put(&scratch, bytes_of(log_.data, first));
	buf_put(&scratch, bytes_of(log_.data, first));
	assert_fails(walk(buf_bytes(&scratch), &err), err, ERR_MISMATCH,
		"runtime log: record 1: recnum is 0");
}

static void log__other_pcr__refused(void **state)
{
	struct err err;

	(void)state;
	put_baseline();
	assert_fails(runtime_log_walk(buf_bytes(&log_), 0, 16, NULL, NULL, &err), err, ERR_MISMATCH,
		"runtime log: record 0: pcr is 15, not 16");
}

/* The attack this log must not allow: extend one thing, show another. */
static void log__content_not_what_was_extended__refused(void **state)
{
	struct err err;

	(void)state;
	put_baseline();
	log_.data[log_.len - 1] ^= 1; /* in pcr_before */
	assert_fails(walk(buf_bytes(&log_), &err), err, ERR_MISMATCH,
		"runtime log: record 0: sha256 digest is not that of the content");
}

/* A record written by hand: keys 0, 1, 3, 9, 10 with one thing wrong. */
static struct bytes odd_record(
	unsigned long type, size_t digests_count, enum digest_alg alg, int64_t extra_key)
{
	struct cbor_writer w;
	struct digest d = {0};
	struct err err = {0};

	buf_clear(&content);
	assert_ok(runtime_baseline_encode(&BASELINE, 0, &content, &err), err);
	if (!digest_of(alg, buf_bytes(&content), &d, &err))
		d.len = 32;
	buf_clear(&log_);
	w = cbor_writer_of(&log_);
	cbor_put_map(&w, extra_key ? 6 : 5);
	cbor_put_int(&w, 0);
	cbor_put_uint(&w, 0);
	cbor_put_int(&w, 1);
	cbor_put_uint(&w, PCR);
	cbor_put_int(&w, 3);
	cbor_put_array(&w, digests_count);
	for (size_t i = 0; i < digests_count; i++) {
		cbor_put_map(&w, 2);
		cbor_put_int(&w, 0);
		cbor_put_uint(&w, alg);
		cbor_put_int(&w, 1);
		cbor_put_bytes(&w, digest_bytes(&d));
	}
	cbor_put_int(&w, 9);
	cbor_put_uint(&w, type);
	cbor_put_int(&w, 10);
	cbor_put_bytes(&w, buf_bytes(&content));
	if (extra_key) {
		cbor_put_int(&w, extra_key);
		cbor_put_uint(&w, 0);
	}
	assert_ok(cbor_writer_finish(&w, &err), err);
	buf_clear(&content);
	return buf_bytes(&log_);
}

static void log__odd_record__refused_by_name(void **state)
{
	static const struct {
		unsigned long type;
		size_t count;
		enum digest_alg alg;
		int64_t extra;
		const char *text;
	} cases[] = {
		{9, 1, DIGEST_SHA256, 0, "content_type: not a record of this log"},
		{CEL_CONTENT_ASSAY, 0, DIGEST_SHA256, 0, "digests: none"},
		{CEL_CONTENT_ASSAY, 2, DIGEST_SHA256, 0, "hashAlg: stands twice"},
		{CEL_CONTENT_ASSAY, 5, DIGEST_SHA256, 0, "digests: "},
		{CEL_CONTENT_ASSAY, 1, (enum digest_alg)0x12, 0, "hashAlg: unknown"},
		{CEL_CONTENT_ASSAY, 1, DIGEST_SHA256, 11, "record: record: "},
	};
	struct err err = {0};

	(void)state;
	assert_ok(walk(odd_record(CEL_CONTENT_ASSAY, 1, DIGEST_SHA256, 0), &err), err);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct bytes in =
			odd_record(cases[i].type, cases[i].count, cases[i].alg, cases[i].extra);

		assert_false(walk(in, &err));
		if (!strstr(err.text, cases[i].text))
			fail_msg("\"%s\" lacks \"%s\"", err.text, cases[i].text);
	}
}

/* Heads that promise more than there is, nest, or have no length: refused without a loop or an
 * allocation. */
static void log__lying_heads__refused(void **state)
{
	static const char *const inputs[] = {"9bffffffffffffffff", "bbffffffffffffffff",
		"5bffffffffffffffff", "9f", "bf", "5f", "ff", "1c", "9a00100000",
		"818181818181818181818181818181818181818181818181", "c0c0c0c0c0c0", "a5", "00",
		"f6"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(inputs); i++) {
		struct err err = {0};

		assert_false(parse_exact(walk, unhex(inputs[i], &scratch), &err));
		assert_int_equal(runtime_log_whole(buf_bytes(&scratch)), 0);
	}
}

static void log__beyond_the_limit__refused(void **state)
{
	uint8_t *large = calloc(1, RUNTIME_LOG_MAX + 1);
	struct err err;

	(void)state;
	assert_non_null(large);
	assert_fails(walk(bytes_of(large, RUNTIME_LOG_MAX + 1), &err), err, ERR_LIMIT,
		"runtime log: 8388609 bytes, more than 8388608");
	free(large);
}

static void record__content_that_is_no_event__not_put(void **state)
{
	struct digest d[4];
	struct err err = {0};

	(void)state;
	assert_false(runtime_record_put(&log_, 0, PCR, BANKS, 1, BYTES_LIT("\xa0"), d, &err));
	assert_false(runtime_record_put(&log_, 0, 24, BANKS, 1, BYTES_LIT("\xa0"), d, &err));
	assert_false(runtime_record_put(&log_, 0, PCR, BANKS, 5, BYTES_LIT("\xa0"), d, &err));
	assert_int_equal(err.code, ERR_LIMIT);
	assert_int_equal(log_.len, 0);
}

static bool refuse_second(void *context, const struct runtime_record *r, struct err *err)
{
	++*(int *)context;
	return r->recnum == 0 || err_set(err, ERR_DENIED, "the visitor's own words");
}

static void walk__visitor_says_no__stops_with_its_error(void **state)
{
	int calls = 0;
	struct err err;

	(void)state;
	put_all();
	assert_fails(runtime_log_walk(buf_bytes(&log_), 0, PCR, refuse_second, &calls, &err), err,
		ERR_DENIED, "the visitor's own words");
	assert_int_equal(calls, 2);
}

/* A log eight times as long is walked in about eight times the time, not in sixty-four. */
static void walk__long_log__linear(void **state)
{
	struct timespec start, end;
	double part, whole;
	uint64_t n;
	struct err err = {0};

	(void)state;
	put_baseline();
	while (log_.len < RUNTIME_LOG_MAX / 64)
		put_component();
	n = records;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &start);
	assert_ok(walk(buf_bytes(&log_), &err), err);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);
	part = (double)(end.tv_sec - start.tv_sec) + (double)(end.tv_nsec - start.tv_nsec) / 1e9;
	while (records < 8 * n)
		put_component();
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &start);
	assert_ok(walk(buf_bytes(&log_), &err), err);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);
	whole = (double)(end.tv_sec - start.tv_sec) + (double)(end.tv_nsec - start.tv_nsec) / 1e9;
	assert_true(whole < 20 * part + 0.05);
}

static void salted__known_answer(void **state)
{
	static const uint8_t salt[16];
	uint8_t value[32];
	struct err err = {0};

	(void)state;
	assert_ok(runtime_salted(salt, BYTES_OF(ZEROS), value, &err), err);
	/* SHA-256 of 48 zero bytes. */
	assert_bytes(BYTES_OF(value),
		unhex("17b0761f87b081d5cf10757ccc89f12be355c70e2e29df288b65b30710dcbcd1",
			&scratch));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(log__every_kind__returns_as_put, setup),
		cmocka_unit_test_setup(log__put_of_walk__same_bytes, setup),
		cmocka_unit_test_setup(log__empty__is_a_log, setup),
		cmocka_unit_test_setup(replay__both_banks__equals_the_extends, setup),
		cmocka_unit_test_setup(replay__in_two_parts__equals_the_whole, setup),
		cmocka_unit_test_setup(replay__bank_not_in_the_log__refused, setup),
		cmocka_unit_test_setup(log__prefixes__only_whole_records, setup),
		cmocka_unit_test_setup(log__any_bit_changed__refused, setup),
		cmocka_unit_test_setup(log__record_missing_or_twice__refused, setup),
		cmocka_unit_test_setup(log__other_pcr__refused, setup),
		cmocka_unit_test_setup(log__content_not_what_was_extended__refused, setup),
		cmocka_unit_test_setup(log__odd_record__refused_by_name, setup),
		cmocka_unit_test_setup(log__lying_heads__refused, setup),
		cmocka_unit_test_setup(log__beyond_the_limit__refused, setup),
		cmocka_unit_test_setup(record__content_that_is_no_event__not_put, setup),
		cmocka_unit_test_setup(walk__visitor_says_no__stops_with_its_error, setup),
		cmocka_unit_test_setup(walk__long_log__linear, setup),
		cmocka_unit_test_setup(salted__known_answer, setup),
	};

	return cmocka_run_group_tests(tests, NULL, group_teardown);
}
