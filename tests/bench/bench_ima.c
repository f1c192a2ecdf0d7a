/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench_ima [ENTRIES] [RUNS]: an IMA log replayed and judged the first time, and a renewal with ten new
 * entries, beside plain hashing of the same bytes with this library: for each entry SHA-1 and the
 * bank's hash of its template data, and the extension. Processor time of one core.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/text.h"
#include "firmware/ima_rules.h"
#include "tests/support/ima_make.h"

#define RENEWAL 10

static double now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void die(const struct err *err)
{
	(void)fprintf(stderr, "bench_ima: %s\n", err->text);
	exit(EXIT_FAILURE);
}

struct world {
	struct buf first, renewal, both, text;
	struct ima_rules *rules;
	uint8_t value_first[DIGEST_LEN_MAX], value_both[DIGEST_LEN_MAX];
	size_t entries;
};

/* The rules allow each file of the log, and know as many others. */
static void make_rules(struct world *w)
{
	struct ima_log log;
	struct ima_entry entry;
	struct err err;

	if (!ima_log_open(buf_bytes(&w->both), DIGEST_SHA1, 0, &log, &err))
		die(&err);
	while (!ima_log_end(&log)) {
		struct digest other;

		if (!ima_log_next(&log, &entry, &err) ||
			!digest_of(DIGEST_SHA256, entry.digest, &other, &err))
			die(&err);
		buf_put_hex(&w->text, entry.digest);
		buf_put_str(&w->text, "  ");
		buf_put(&w->text, entry.path);
		buf_put_u8(&w->text, '\n');
		buf_put_hex(&w->text, digest_bytes(&other));
		buf_put_str(&w->text, "  ");
		buf_put(&w->text, entry.path);
		buf_put_u8(&w->text, '\n');
	}
	if (!ima_rules_parse(buf_bytes(&w->text), &w->rules, &err))
		die(&err);
}

static void world_make(struct world *w)
{
	ima_make_many(&w->first, 0, w->entries);
	ima_make_many(&w->renewal, w->entries, RENEWAL);
	buf_put(&w->both, buf_bytes(&w->first));
	buf_put(&w->both, buf_bytes(&w->renewal));
	ima_make_replay(buf_bytes(&w->first), DIGEST_SHA1, DIGEST_SHA256, IMA_PCR, w->value_first);
	ima_make_replay(buf_bytes(&w->both), DIGEST_SHA1, DIGEST_SHA256, IMA_PCR, w->value_both);
	make_rules(w);
}

/* The template data of each entry, so that nothing but hashing is timed. */
static struct bytes *data_of(struct bytes in, size_t count)
{
	struct bytes *list = calloc(count, sizeof(*list));
	struct ima_log log;
	struct ima_entry entry;
	struct err err;

	if (!list || !ima_log_open(in, DIGEST_SHA1, 0, &log, &err))
		exit(EXIT_FAILURE);
	for (size_t i = 0; i < count; i++) {
		if (!ima_log_next(&log, &entry, &err))
			die(&err);
		list[i] = entry.data;
	}
	return list;
}

static double hash_alone(const struct bytes *data, size_t count)
{
	uint8_t both[2 * SHA256_LEN] = {0};
	struct digest sha1, sha256, value;
	struct err err;
	double start = now_us();

	for (size_t i = 0; i < count; i++) {
		if (!digest_of(DIGEST_SHA1, data[i], &sha1, &err) ||
			!digest_of(DIGEST_SHA256, data[i], &sha256, &err))
			die(&err);
		memcpy(both + SHA256_LEN, sha256.bytes, SHA256_LEN);
		if (!digest_of(DIGEST_SHA256, BYTES_OF(both), &value, &err))
			die(&err);
		memcpy(both, value.bytes, SHA256_LEN);
	}
	return now_us() - start;
}

static double appraise(const struct world *w, const struct ima_state *state, struct bytes log,
	const uint8_t *value, struct ima_state *ret)
{
	struct ima_input input = {.log = log,
		.first = state->next,
		.quoted = {{value, SHA256_LEN}},
		.rules = w->rules};
	struct ima_result result;
	struct err err = {0};
	double start = now_us();

	if (!ima_appraise(state, &input, ret, &result, &err))
		die(&err);
	start = now_us() - start;
	if (!result.advance.matched || result.findings.total) {
		(void)err_set(&err, ERR_INTERNAL, "not accepted: %llu findings",
			(unsigned long long)result.findings.total);
		die(&err);
	}
	return start;
}

static double least(double a, double b)
{
	return a < b ? a : b;
}

int main(int argc, char **argv)
{
	struct world w = {.entries = argc > 1 ? strtoul(argv[1], NULL, 10) : 100000};
	size_t runs = argc > 2 ? strtoul(argv[2], NULL, 10) : 5;
	double first = 1e12, renewal = 1e12, hashing = 1e12, few = 1e12;
	struct ima_state zero, middle, last;
	struct bytes *data, *data_few;
	struct err err;

	world_make(&w);
	data = data_of(buf_bytes(&w.first), w.entries);
	data_few = data_of(buf_bytes(&w.renewal), RENEWAL);
	if (!ima_state_start(&zero, DIGEST_SHA256, DIGEST_SHA1, &err))
		die(&err);
	for (size_t i = 0; i < runs; i++) {
		hashing = least(hashing, hash_alone(data, w.entries));
		few = least(few, hash_alone(data_few, RENEWAL));
		first = least(
			first, appraise(&w, &zero, buf_bytes(&w.first), w.value_first, &middle));
		renewal = least(
			renewal, appraise(&w, &middle, buf_bytes(&w.renewal), w.value_both, &last));
	}
	printf("%zu entries, %zu bytes, %zu files in the rules, best of %zu\n", w.entries,
		w.first.len, ima_rules_file_count(w.rules), runs);
	printf("first time        %10.1f us   hashing alone %10.1f us   ratio %.2f\n", first,
		hashing, first / hashing);
	printf("%d new entries    %10.1f us   hashing alone %10.1f us   ratio %.2f\n", RENEWAL,
		renewal, few, renewal / few);
	printf("state of a host: %zu bytes\n", sizeof(struct ima_state));
	buf_release(&w.first);
	buf_release(&w.renewal);
	buf_release(&w.both);
	buf_release(&w.text);
	ima_rules_free(&w.rules);
	free(data);
	free(data_few);
	return EXIT_SUCCESS;
}
