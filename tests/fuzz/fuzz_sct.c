/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificate timestamps as they lie in a signer's certificate: whoever hands in a bundle supplies the bytes. Where OpenSSL
 * reads the list, it must find the same logs and times.
 */
#include "crypto/sct.h"

#include <assert.h>
#include <openssl/ct.h>
#include <openssl/err.h>

static void compare(const struct sct *scts, size_t n, const STACK_OF(SCT) * theirs)
{
	size_t at = 0;

	for (int i = 0; i < sk_SCT_num(theirs); i++) {
		const SCT *sct = sk_SCT_value(theirs, i);
		uint8_t *id = NULL;
		size_t len = SCT_get0_log_id(sct, &id);

		if (SCT_get_version(sct) != SCT_VERSION_V1)
			continue;
		assert(at < n && bytes_equal(scts[at].log_id, bytes_of(id, len)));
		assert(scts[at].timestamp == SCT_get_timestamp(sct));
		at++;
	}
	assert(at == n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sct scts[SCT_MAX];
	struct err err = {0};
	const uint8_t *at = data;
	STACK_OF(SCT) * theirs;
	size_t n = 0;

	if (!sct_list_parse(bytes_of(data, size), SCT_MAX, scts, &n, &err)) {
		assert(err.text[0] != '\0');
		return 0;
	}
	for (size_t i = 0; i < n; i++)
		assert(scts[i].log_id.len == SHA256_LEN && scts[i].signature.len < size);
	theirs = o2i_SCT_LIST(NULL, &at, size);
	if (theirs)
		compare(scts, n, theirs);
	SCT_LIST_free(theirs);
	ERR_clear_error();
	return 0;
}
