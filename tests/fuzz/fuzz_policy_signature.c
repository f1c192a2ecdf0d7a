/* SPDX-License-Identifier: Apache-2.0 */
/* Signatures of a policy: the envelope beside the file. Whoever can write beside the verifier's policy supplies it. */
#include "policy/signature.h"

#include "crypto/dsse.h"

#include <stdlib.h>

#define PEM(text) "-----BEGIN PUBLIC KEY-----\n" text "\n-----END PUBLIC KEY-----\n"
#define POLICY    "policy: 1\nversion: 7\n"

static const char *const pems[] = {
	PEM("MCowBQYDK2VwAyEATrjwCqutnUKh+q/Wien3yJ4TVqMV7O6IU7HI7itSOQs="),
	PEM("MCowBQYDK2VwAyEAhTnq/xJH78dgDor3t4sjVzz7N/UDu6OBY8+nyTcFH3o="),
};

/* What came into force is over these bytes, signed by two different keys. */
static void must_hold(struct bytes envelope, uint64_t mask)
{
	struct dsse *dsse = NULL;

	if (mask != 3 || !dsse_parse(envelope, &dsse, NULL) ||
		!bytes_equal(buf_bytes(&dsse->payload), BYTES_LIT(POLICY)) || dsse->count < 2)
		abort();
	dsse_free(&dsse);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct policy_signers signers = {0};
	struct bytes envelope = bytes_of(data, size);
	struct err err = {0};
	uint64_t mask = 99;

	for (size_t i = 0; i < ARRAY_LEN(pems); i++)
		if (!policy_signers_add(&signers, i ? "bert" : "anna", bytes_str(pems[i]), &err))
			abort();
	if (!policy_signers_demand(&signers, 2, &err))
		abort();
	if (policy_signature_verify(envelope, BYTES_LIT(POLICY), &signers, &mask, &err))
		must_hold(envelope, mask);
	else if (err.code == ERR_NONE || err.text[0] == '\0' || mask != 0)
		abort();
	policy_signers_release(&signers);
	return 0;
}
