/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/timestamp_make.h"

#include <openssl/ts.h>

const char *const timestamp_extensions[][2] = {
	{"basicConstraints", "critical,CA:FALSE"},
	{"keyUsage", "critical,digitalSignature"},
	{"extendedKeyUsage", "critical,timeStamping"},
	{NULL, NULL},
};

static int tell_time(TS_RESP_CTX *context, void *arg, long *seconds, long *microseconds)
{
	(void)context;
	*seconds = (long)*(const int64_t *)arg;
	*microseconds = *seconds % 2 ? 500000 : 0;
	return 1;
}

static TS_REQ *make_request(struct bytes message, struct err *err)
{
	TS_REQ *request = TS_REQ_new();
	TS_MSG_IMPRINT *imprint = TS_MSG_IMPRINT_new();
	X509_ALGOR *algorithm = X509_ALGOR_new();
	uint8_t digest[SHA256_LEN];

	if (sha256_of(message, digest, err)) {
		X509_ALGOR_set0(algorithm, OBJ_nid2obj(NID_sha256), V_ASN1_NULL, NULL);
		TS_MSG_IMPRINT_set_algo(imprint, algorithm);
		TS_MSG_IMPRINT_set_msg(imprint, digest, SHA256_LEN);
		TS_REQ_set_version(request, 1);
		TS_REQ_set_msg_imprint(request, imprint);
	}
	X509_ALGOR_free(algorithm);
	TS_MSG_IMPRINT_free(imprint);
	return request;
}

bool timestamp_make(struct key *key, const struct cert *cert, struct bytes message, int64_t time,
	struct buf *out, struct err *err)
{
	TS_REQ *request = make_request(message, err);
	TS_RESP_CTX *context = TS_RESP_CTX_new();
	ASN1_OBJECT *policy = OBJ_txt2obj("1.2.3.4", 1);
	BIO *bio = BIO_new(BIO_s_mem());
	TS_RESP *response;
	uint8_t *der = NULL;
	int len;

	i2d_TS_REQ_bio(bio, request);
	TS_RESP_CTX_set_signer_cert(context, cert_x509(cert));
	TS_RESP_CTX_set_signer_key(context, key_evp(key));
	TS_RESP_CTX_set_signer_digest(context, EVP_sha256());
	TS_RESP_CTX_set_def_policy(context, policy);
	TS_RESP_CTX_add_md(context, EVP_sha256());
	TS_RESP_CTX_set_clock_precision_digits(context, 3);
	TS_RESP_CTX_set_time_cb(context, tell_time, &time);
	response = TS_RESP_create_response(context, bio);
	len = i2d_TS_RESP(response, &der);
	if (len > 0)
		buf_put(out, bytes_of(der, (size_t)len));
	OPENSSL_free(der);
	TS_RESP_free(response);
	BIO_free(bio);
	ASN1_OBJECT_free(policy);
	TS_RESP_CTX_free(context);
	TS_REQ_free(request);
	return len > 0 ? buf_ok(out, err) : err_set(err, ERR_CRYPTO, "no time stamp was made");
}
