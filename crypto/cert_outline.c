/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/cert_private.h"

#include "crypto/der.h"

/* id-ecPublicKey. */
static const uint8_t ec_oid[] = {0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01};

/* For an ECDSA key: the parameters are the OID of a curve, and nothing else. */
static void check_algorithm(struct reader *r)
{
	struct reader algorithm = der_enter(r, DER_SEQUENCE, "algorithm");
	struct bytes oid = der_value(&algorithm, DER_OID, "algorithm");

	if (bytes_equal(oid, BYTES_OF(ec_oid))) {
		if (der_peek(&algorithm) == DER_OID)
			der_value(&algorithm, DER_OID, "curve");
		else
			rd_fail(&algorithm, "curve", "explicit or missing curve parameters");
	} else {
		rd_bytes(&algorithm, rd_left(&algorithm), "parameters");
	}
	rd_sub_finish(r, &algorithm, "algorithm");
}

static void check_key(struct reader *tbs)
{
	struct reader spki = der_enter(tbs, DER_SEQUENCE, "subjectPublicKeyInfo");

	check_algorithm(&spki);
	der_value(&spki, DER_BIT_STRING, "subjectPublicKey");
	rd_sub_finish(tbs, &spki, "subjectPublicKeyInfo");
}

static struct bytes check_tbs(struct reader *r)
{
	struct reader tbs = der_enter(r, DER_SEQUENCE, "tbsCertificate");
	struct bytes spki;
	size_t start;

	if (der_peek(&tbs) == DER_CONTEXT_0)
		der_value(&tbs, DER_CONTEXT_0, "version");
	der_value(&tbs, DER_INTEGER, "serialNumber");
	der_value(&tbs, DER_SEQUENCE, "signature");
	der_value(&tbs, DER_SEQUENCE, "issuer");
	der_value(&tbs, DER_SEQUENCE, "validity");
	der_value(&tbs, DER_SEQUENCE, "subject");
	start = tbs.at;
	check_key(&tbs);
	spki = rd_failed(&tbs) ? (struct bytes){0} : bytes_of(tbs.in.data + start, tbs.at - start);
	rd_bytes(&tbs, rd_left(&tbs), "extensions");
	rd_sub_finish(r, &tbs, "tbsCertificate");
	return spki;
}

bool cert_outline(struct bytes der, struct bytes *ret_spki, struct err *err)
{
	struct reader r = rd_of(der), outer;
	struct bytes spki;

	outer = der_enter(&r, DER_SEQUENCE, "Certificate");
	spki = check_tbs(&outer);
	der_value(&outer, DER_SEQUENCE, "signatureAlgorithm");
	der_value(&outer, DER_BIT_STRING, "signatureValue");
	rd_sub_finish(&r, &outer, "Certificate");
	if (!rd_finish(&r, err))
		return false;
	*ret_spki = spki;
	return true;
}
