/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signatures appended to kernel modules, as an IMA entry carries them: whoever can have a module measured
 * supplies the bytes. Where OpenSSL reads them too, it must find the same signature.
 */
#include "crypto/pkcs7.h"

#include <assert.h>
#include <openssl/cms.h>
#include <openssl/err.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pkcs7_detached p;
	struct err err;
	const uint8_t *at = data;
	CMS_ContentInfo *cms;

	if (!pkcs7_detached_parse(bytes_of(data, size), &p, &err)) {
		assert(err.text[0] != '\0');
		return 0;
	}
	assert(p.signature.len <= size && digest_alg_len(p.alg) != 0);
	cms = d2i_CMS_ContentInfo(NULL, &at, (long)size);
	if (cms && CMS_get0_SignerInfos(cms)) {
		ASN1_OCTET_STRING *signature = CMS_SignerInfo_get0_signature(
			sk_CMS_SignerInfo_value(CMS_get0_SignerInfos(cms), 0));

		assert(bytes_equal(bytes_of(ASN1_STRING_get0_data(signature),
					   (size_t)ASN1_STRING_length(signature)),
			p.signature));
	}
	CMS_ContentInfo_free(cms);
	ERR_clear_error();
	return 0;
}
