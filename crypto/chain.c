/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/cert_private.h"

#include <assert.h>
#include <openssl/x509v3.h>
#include <stdio.h>

#include "base/text.h"
#include "crypto/openssl_error.h"

enum {
	CHAIN_ROOTS_MAX = 4096,
	CHAIN_INTERMEDIATES_MAX = 4096,
	SECURITY_LEVEL = 2, /* 112 bits: RSA-2048, SHA-224 */
};

struct judgement {
	const struct chain_options *options;
	size_t unlisted;
	bool stale;
	int stale_depth;
};

static const struct {
	int openssl;
	enum chain_fault fault;
} faults[] = {
	{X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT, CHAIN_INCOMPLETE},
	{X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, CHAIN_INCOMPLETE},
	{X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, CHAIN_INCOMPLETE},
	{X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, CHAIN_UNTRUSTED_ROOT},
	{X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, CHAIN_UNTRUSTED_ROOT},
	{X509_V_ERR_CERT_UNTRUSTED, CHAIN_UNTRUSTED_ROOT},
	{X509_V_ERR_CERT_REJECTED, CHAIN_UNTRUSTED_ROOT},
	{X509_V_ERR_CERT_SIGNATURE_FAILURE, CHAIN_SIGNATURE},
	{X509_V_ERR_UNABLE_TO_DECRYPT_CERT_SIGNATURE, CHAIN_SIGNATURE},
	{X509_V_ERR_UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY, CHAIN_SIGNATURE},
	{X509_V_ERR_CERT_HAS_EXPIRED, CHAIN_EXPIRED},
	{X509_V_ERR_CERT_NOT_YET_VALID, CHAIN_NOT_YET_VALID},
	{X509_V_ERR_CERT_REVOKED, CHAIN_REVOKED},
	{X509_V_ERR_INVALID_CA, CHAIN_PROFILE},
	{X509_V_ERR_PATH_LENGTH_EXCEEDED, CHAIN_PROFILE},
	{X509_V_ERR_KEYUSAGE_NO_CERTSIGN, CHAIN_PROFILE},
	{X509_V_ERR_UNHANDLED_CRITICAL_EXTENSION, CHAIN_PROFILE},
	{X509_V_ERR_INVALID_EXTENSION, CHAIN_PROFILE},
	{X509_V_ERR_PERMITTED_VIOLATION, CHAIN_PROFILE},
	{X509_V_ERR_EXCLUDED_VIOLATION, CHAIN_PROFILE},
	{X509_V_ERR_SUBTREE_MINMAX, CHAIN_PROFILE},
	{X509_V_ERR_UNSUPPORTED_CONSTRAINT_TYPE, CHAIN_PROFILE},
	{X509_V_ERR_UNSUPPORTED_CONSTRAINT_SYNTAX, CHAIN_PROFILE},
	{X509_V_ERR_UNSUPPORTED_NAME_SYNTAX, CHAIN_PROFILE},
	{X509_V_ERR_EE_KEY_TOO_SMALL, CHAIN_PROFILE},
	{X509_V_ERR_CA_KEY_TOO_SMALL, CHAIN_PROFILE},
	{X509_V_ERR_CA_MD_TOO_WEAK, CHAIN_PROFILE},
	{X509_V_ERR_EC_KEY_EXPLICIT_PARAMS, CHAIN_PROFILE},
	{X509_V_ERR_UNABLE_TO_GET_CRL, CHAIN_REVOCATION_LIST},
	{X509_V_ERR_UNABLE_TO_GET_CRL_ISSUER, CHAIN_REVOCATION_LIST},
	{X509_V_ERR_UNABLE_TO_DECRYPT_CRL_SIGNATURE, CHAIN_REVOCATION_LIST},
	{X509_V_ERR_CRL_SIGNATURE_FAILURE, CHAIN_REVOCATION_LIST},
	{X509_V_ERR_CRL_NOT_YET_VALID, CHAIN_REVOCATION_LIST},
	{X509_V_ERR_CRL_HAS_EXPIRED, CHAIN_REVOCATION_LIST},
	{X509_V_ERR_ERROR_IN_CRL_LAST_UPDATE_FIELD, CHAIN_REVOCATION_LIST},
	{X509_V_ERR_ERROR_IN_CRL_NEXT_UPDATE_FIELD, CHAIN_REVOCATION_LIST},
	{X509_V_ERR_KEYUSAGE_NO_CRL_SIGN, CHAIN_REVOCATION_LIST},
	{X509_V_ERR_UNHANDLED_CRITICAL_CRL_EXTENSION, CHAIN_REVOCATION_LIST},
	{X509_V_ERR_DIFFERENT_CRL_SCOPE, CHAIN_REVOCATION_LIST},
	{X509_V_ERR_CRL_PATH_VALIDATION_ERROR, CHAIN_REVOCATION_LIST},
};

static const char *const fault_names[] = {
	[CHAIN_OK] = "ok",
	[CHAIN_INCOMPLETE] = "incomplete-chain",
	[CHAIN_UNTRUSTED_ROOT] = "untrusted-root",
	[CHAIN_SIGNATURE] = "bad-signature",
	[CHAIN_EXPIRED] = "expired",
	[CHAIN_NOT_YET_VALID] = "not-yet-valid",
	[CHAIN_REVOKED] = "revoked",
	[CHAIN_PROFILE] = "certificate-profile",
	[CHAIN_REVOCATION_LIST] = "revocation-list",
	[CHAIN_OTHER] = "other",
};
static_assert(ARRAY_LEN(fault_names) == CHAIN_OTHER + 1, "a name for each fault");

const char *chain_fault_name(enum chain_fault fault)
{
	return (unsigned)fault < ARRAY_LEN(fault_names) ? fault_names[fault] : "unknown";
}

static enum chain_fault fault_of(int openssl_error)
{
	for (size_t i = 0; i < ARRAY_LEN(faults); i++)
		if (faults[i].openssl == openssl_error)
			return faults[i].fault;
	return CHAIN_OTHER;
}

static void certs_free(STACK_OF(X509) * *certs)
{
	sk_X509_free(*certs);
}

static void store_free(X509_STORE **store)
{
	X509_STORE_free(*store);
}

static void context_free(X509_STORE_CTX **context)
{
	X509_STORE_CTX_free(*context);
}

/* Issuers without a CRL are not checked; one that cannot be used is not as if there was none. */
static int no_crl(struct judgement *judgement, X509_STORE_CTX *context)
{
	const X509 *cert = X509_STORE_CTX_get_current_cert(context);
	int last = sk_X509_num(X509_STORE_CTX_get0_chain(context)) - 1;

	if (!cert || crls_of_issuer(judgement->options->crls, X509_get_issuer_name(cert)))
		return 0;
	if (X509_STORE_CTX_get_error_depth(context) < last)
		judgement->unlisted++;
	return 1;
}

/* Called for each fault found; 1 = go on. */
static int on_fault(int ok, X509_STORE_CTX *context)
{
	struct judgement *judgement = X509_STORE_CTX_get_app_data(context);

	if (ok)
		return 1;
	switch (X509_STORE_CTX_get_error(context)) {
	case X509_V_ERR_CERT_HAS_EXPIRED:
		return judgement->options->ignore_expiry;
	case X509_V_ERR_UNABLE_TO_GET_CRL:
		return no_crl(judgement, context);
	case X509_V_ERR_CRL_HAS_EXPIRED:
		/* What is on it is revoked all the same: look, and refuse afterwards. */
		judgement->stale = true;
		judgement->stale_depth = X509_STORE_CTX_get_error_depth(context);
		return 1;
	default:
		return 0;
	}
}

static bool fill_store(X509_STORE *store, const struct chain_options *options, struct err *err)
{
	size_t crls = crls_count(options->crls);

	for (size_t i = 0; i < options->root_count; i++)
		if (X509_STORE_add_cert(store, options->roots[i]->x509) != 1)
			return openssl_fail(err, ERR_NOMEM, "trust store");
	for (size_t i = 0; i < crls; i++)
		if (X509_STORE_add_crl(store, sk_X509_CRL_value(options->crls->list, (int)i)) != 1)
			return openssl_fail(err, ERR_NOMEM, "trust store");
	return true;
}

static void set_parameters(X509_STORE_CTX *context, struct judgement *judgement)
{
	X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(context);

	X509_VERIFY_PARAM_set_time(param, (time_t)judgement->options->at);
	/* OpenSSL counts what lies between leaf and root. */
	X509_VERIFY_PARAM_set_depth(param, X509_CHAIN_MAX - 2);
	X509_VERIFY_PARAM_set_auth_level(param, SECURITY_LEVEL);
	if (crls_count(judgement->options->crls) > 0)
		X509_VERIFY_PARAM_set_flags(
			param, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL);
	X509_STORE_CTX_set_app_data(context, judgement);
	X509_STORE_CTX_set_verify_cb(context, on_fault);
}

static void describe(struct chain_result *result, int depth, X509 *x509, const char *why)
{
	char subject[128] = "";

	if (x509)
		cert_name_text(X509_get_subject_name(x509), subject, sizeof(subject));
	snprintf(result->detail, sizeof(result->detail), "certificate %d (%s): %s", depth, subject,
		why);
}

/* A critical subjectAltName is handled by whoever reads its names: cert_uri and TLS read URI, DNS
 * and IP; any other name is nobody's business but the caller's. OpenSSL takes every form for
 * handled. */
static bool san_handled(const X509 *leaf)
{
	int critical = 0;
	GENERAL_NAMES *names = X509_get_ext_d2i(leaf, NID_subject_alt_name, &critical, NULL);
	bool handled = true;

	openssl_forget();
	for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
		int type = sk_GENERAL_NAME_value(names, i)->type;

		handled = handled && (type == GEN_URI || type == GEN_DNS || type == GEN_IPADD);
	}
	if (!names && critical != -1)
		handled = false; /* there, and not to be read */
	GENERAL_NAMES_free(names);
	return handled || critical == 0;
}

static struct cert *find_cert(
	struct cert *leaf, const struct chain_options *options, const X509 *x509)
{
	if (leaf->x509 == x509)
		return leaf;
	for (size_t i = 0; i < options->root_count; i++)
		if (options->roots[i]->x509 == x509)
			return options->roots[i];
	for (size_t i = 0; i < options->intermediate_count; i++)
		if (options->intermediates[i]->x509 == x509)
			return options->intermediates[i];
	return NULL;
}

/* OpenSSL's chain is made of the very objects it was given. */
static void keep_chain(X509_STORE_CTX *context, struct cert *leaf,
	const struct chain_options *options, struct chain_result *result)
{
	STACK_OF(X509) *chain = X509_STORE_CTX_get0_chain(context);

	for (int i = 0; i < sk_X509_num(chain) && result->count < X509_CHAIN_MAX; i++) {
		struct cert *cert = find_cert(leaf, options, sk_X509_value(chain, i));

		if (cert)
			result->chain[result->count++] = cert_ref(cert);
	}
}

static bool judge(X509_STORE_CTX *context, const struct judgement *judgement, struct cert *leaf,
	struct chain_result *result, struct err *err)
{
	int verified, error;

	openssl_begin();
	verified = X509_verify_cert(context);
	error = X509_STORE_CTX_get_error(context);
	if (verified < 0)
		return openssl_fail(err, ERR_CRYPTO, "certificate chain");
	if (error == X509_V_ERR_OUT_OF_MEM)
		return openssl_fail(err, ERR_NOMEM, "certificate chain");
	if (!openssl_answer(err, "certificate chain"))
		return false;
	if (X509_check_purpose(leaf->x509, -1, 0) != 1) {
		if (!openssl_answer(err, "certificate chain"))
			return false;
		result->fault = CHAIN_PROFILE;
		describe(result, 0, leaf->x509, "an extension is malformed");
	} else if (verified == 0) {
		result->fault = fault_of(error);
		describe(result, X509_STORE_CTX_get_error_depth(context),
			X509_STORE_CTX_get_current_cert(context),
			X509_verify_cert_error_string(error));
	} else if (!judgement->options->handles_san && !san_handled(leaf->x509)) {
		result->fault = CHAIN_PROFILE;
		describe(result, 0, leaf->x509,
			"critical subjectAltName with names that nobody judged");
	} else if (judgement->stale && !judgement->options->ignore_stale_crls) {
		result->fault = CHAIN_REVOCATION_LIST;
		describe(result, judgement->stale_depth,
			sk_X509_value(X509_STORE_CTX_get0_chain(context), judgement->stale_depth),
			X509_verify_cert_error_string(X509_V_ERR_CRL_HAS_EXPIRED));
	} else {
		result->fault = CHAIN_OK;
	}
	result->unlisted = judgement->unlisted;
	result->stale_crl = judgement->stale;
	keep_chain(context, leaf, judgement->options, result);
	return true;
}

static bool check_limits(const struct chain_options *options, struct err *err)
{
	if (options->root_count > CHAIN_ROOTS_MAX)
		return err_set(
			err, ERR_LIMIT, "certificate chain: more than %d roots", CHAIN_ROOTS_MAX);
	if (options->intermediate_count > CHAIN_INTERMEDIATES_MAX)
		return err_set(err, ERR_LIMIT, "certificate chain: more than %d intermediates",
			CHAIN_INTERMEDIATES_MAX);
	return true;
}

bool chain_verify(struct cert *leaf, const struct chain_options *options, struct chain_result *ret,
	struct err *err)
{
	OWNED(store_free) X509_STORE *store = X509_STORE_new();
	OWNED(context_free) X509_STORE_CTX *context = X509_STORE_CTX_new();
	OWNED(certs_free) STACK_OF(X509) *intermediates = sk_X509_new_null();
	struct judgement judgement = {.options = options};

	*ret = (struct chain_result){.fault = CHAIN_OTHER};
	if (!store || !context || !intermediates)
		return openssl_fail(err, ERR_NOMEM, "certificate chain");
	if (!check_limits(options, err) || !fill_store(store, options, err))
		return false;
	for (size_t i = 0; i < options->intermediate_count; i++)
		if (sk_X509_push(intermediates, options->intermediates[i]->x509) <= 0)
			return openssl_fail(err, ERR_NOMEM, "certificate chain");
	if (X509_STORE_CTX_init(context, store, leaf->x509, intermediates) != 1)
		return openssl_fail(err, ERR_NOMEM, "certificate chain");
	set_parameters(context, &judgement);
	return judge(context, &judgement, leaf, ret, err);
}

void chain_result_release(struct chain_result *result)
{
	for (size_t i = 0; i < result->count; i++)
		cert_unref(&result->chain[i]);
	result->count = 0;
}
