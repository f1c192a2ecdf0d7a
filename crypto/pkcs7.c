/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/pkcs7.h"

#include "crypto/der.h"

static const struct bytes oid_signed_data = BYTES_LIT("\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02");
static const struct bytes oid_data = BYTES_LIT("\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01");

static void read_signer(struct reader *r, struct pkcs7_detached *ret)
{
	struct reader signer = der_enter(r, DER_SEQUENCE, "signerInfo");

	(void)der_unsigned(&signer, "signerInfo version");
	if (der_peek(&signer) == 0x80) /* subjectKeyIdentifier; else issuer and serial number */
		(void)der_value(&signer, 0x80, "sid");
	else
		(void)der_value(&signer, DER_SEQUENCE, "sid");
	ret->alg = der_digest_alg(&signer, "digestAlgorithm");
	(void)der_value(&signer, DER_SEQUENCE, "signatureAlgorithm");
	ret->signature = der_value(&signer, DER_OCTET_STRING, "signature");
	rd_sub_finish(r, &signer, "signerInfo");
}

static void read_signed_data(struct reader *r, struct pkcs7_detached *ret)
{
	struct reader data = der_enter(r, DER_SEQUENCE, "signedData"), content, signers;

	(void)der_unsigned(&data, "version");
	(void)der_value(&data, DER_SET, "digestAlgorithms");
	content = der_enter(&data, DER_SEQUENCE, "contentInfo");
	der_expect_oid(&content, oid_data, "contentType");
	rd_sub_finish(&data, &content, "content");
	if (der_peek(&data) == DER_CONTEXT_0)
		(void)der_value(&data, DER_CONTEXT_0, "certificates");
	if (der_peek(&data) == DER_CONTEXT_1)
		(void)der_value(&data, DER_CONTEXT_1, "crls");
	signers = der_enter(&data, DER_SET, "signerInfos");
	read_signer(&signers, ret);
	rd_sub_finish(&data, &signers, "signerInfos");
	rd_sub_finish(r, &data, "signedData");
}

bool pkcs7_detached_parse(struct bytes der, struct pkcs7_detached *ret, struct err *err)
{
	struct reader r = rd_of(der), outer, inner;
	struct pkcs7_detached made = {0};

	outer = der_enter(&r, DER_SEQUENCE, "PKCS#7");
	der_expect_oid(&outer, oid_signed_data, "contentType");
	inner = der_enter(&outer, DER_CONTEXT_0, "content");
	read_signed_data(&inner, &made);
	rd_sub_finish(&outer, &inner, "content");
	rd_sub_finish(&r, &outer, "PKCS#7");
	if (!rd_finish(&r, err))
		return err_wrap(err, "PKCS#7");
	if (made.alg == DIGEST_NONE)
		return err_set(err, ERR_UNSUPPORTED, "PKCS#7: digest algorithm is not SHA-2");
	*ret = made;
	return true;
}
