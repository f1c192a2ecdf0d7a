/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every message between host and verifier; the first byte of the input chooses which. The verifier's come from any host, or
 * from anybody while it enrols; the host's come from the verifier, or from who can stand in for it.
 */
#include "evidence/evidence.h"

#include <assert.h>

#define MESSAGE(type)                                                                              \
	static void type##_run(struct bytes in)                                                    \
	{                                                                                          \
		OWNED(buf_release) struct buf out = {0};                                           \
		struct type message;                                                               \
		struct err err;                                                                    \
                                                                                                   \
		if (!type##_decode(in, &message, &err))                                            \
			return;                                                                    \
		assert(type##_encode(&message, &out, &err));                                       \
		assert(bytes_equal(buf_bytes(&out), in));                                          \
	}
MESSAGE(enroll_begin)
MESSAGE(enroll_offer)
MESSAGE(enroll_finish)
MESSAGE(enroll_result)
MESSAGE(challenge_request)
MESSAGE(challenge_offer)
MESSAGE(attest_result)

static void (*const RUN[])(struct bytes in) = {enroll_begin_run, enroll_offer_run,
	enroll_finish_run, enroll_result_run, challenge_request_run, challenge_offer_run,
	attest_result_run};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size > 0)
		RUN[data[0] % ARRAY_LEN(RUN)](bytes_of(data + 1, size - 1));
	return 0;
}
