/* SPDX-License-Identifier: Apache-2.0 */
/* Offline proofs, requests to witnesses and policies of logs, as anybody may send them. */
#include <assert.h>

#include "ledger/tlog_policy.h"
#include "ledger/tlog_proof.h"

/* What was read is written as it came: there is one form. */
static void proof_twice(struct bytes in, const struct note_key *key)
{
	static const uint8_t leaf[SHA256_LEN];
	struct tlog_proof proof = {0};
	struct buf again = {0};
	struct err err = {0};

	if (tlog_proof_parse(in, &proof, &err)) {
		assert(tlog_proof_write(&proof, &again, &err));
		assert(bytes_equal(in, buf_bytes(&again)) || proof.extra.len == 0);
		assert(!tlog_proof_verify(&proof, key, leaf, NULL, &err));
	}
	buf_release(&again);
	tlog_proof_release(&proof);
}

static void request_twice(struct bytes in, const struct note_key *key)
{
	struct witness_request request = {0};
	struct witness_state state = {0}, after = {0};
	enum witness_answer answer = WITNESS_COSIGNS;
	struct buf again = {0};
	struct bytes text;
	struct err err = {0};

	if (witness_request_parse(in, &request, &err)) {
		assert(witness_request_write(&request, &again, &err));
		assert(bytes_equal(in, buf_bytes(&again)));
		assert(witness_judge(&request, key, &state, &answer, &after, &text, &err));
		/* Nobody but us has this key. */
		assert(answer == WITNESS_UNSIGNED);
	}
	buf_release(&again);
	witness_request_release(&request);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct key *pair;
	static struct note_key key;
	struct bytes in = bytes_of(data, size);
	struct tlog_policy *policy = NULL;
	struct tlog_cosigned cosigned;
	struct err err = {0};

	if (!pair && (!key_generate(KEY_ED25519, &pair, &err) ||
			     !note_key_of("log.example", pair, &key, &err)))
		return 0;
	proof_twice(in, &key);
	request_twice(in, &key);
	if (tlog_policy_parse(in, &policy, &err)) {
		assert(tlog_policy_quorum(policy, UINT64_MAX) || policy->quorum != QUORUM_NONE);
		assert(!tlog_policy_check(policy, &key, in, &cosigned, &err));
	}
	tlog_policy_free(&policy);
	return 0;
}
