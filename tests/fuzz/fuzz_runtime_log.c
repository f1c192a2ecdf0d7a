/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The runtime log. The verifier gets it from a host, hostd reads its own from disk: the bytes come from whoever is root
 * on the host. The checks of digests are in the way of a fuzzer, so the input is taken twice: as a log, and as the content
 * of a record that is put into one.
 */
#include "evidence/runtime_log.h"

#include <assert.h>

static bool put_again(void *context, const struct runtime_record *record, struct err *err)
{
	enum digest_alg banks[4];
	struct digest digests[4];

	for (size_t i = 0; i < record->digest_count; i++)
		banks[i] = record->digests[i].alg;
	return runtime_record_put(context, record->recnum, record->pcr, banks, record->digest_count,
		record->content, digests, err);
}

static void assert_round_trip(struct bytes log, uint64_t first)
{
	OWNED(buf_release) struct buf out = {0};
	struct err err;

	if (!runtime_log_walk(log, first, 15, NULL, NULL, &err))
		return;
	assert(runtime_log_walk(log, first, 15, put_again, &out, &err));
	assert(bytes_equal(buf_bytes(&out), log));
	assert(runtime_log_whole(log) == log.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const enum digest_alg banks[] = {DIGEST_SHA256};
	OWNED(buf_release) struct buf log = {0};
	struct digest digest;
	struct err err;
	size_t whole = runtime_log_whole(bytes_of(data, size));

	assert(whole <= size);
	assert(runtime_log_whole(bytes_of(data, whole)) == whole);
	assert_round_trip(bytes_of(data, size), 0);
	if (runtime_record_put(&log, 7, 15, banks, 1, bytes_of(data, size), &digest, &err))
		assert_round_trip(buf_bytes(&log), 7);
	return 0;
}
