/* SPDX-License-Identifier: Apache-2.0 */
/* X.509: parse, look into, verify a chain at a given time against given roots, issue. Never fetches
 * anything. */
#ifndef ASSAY_CRYPTO_X509_H
#define ASSAY_CRYPTO_X509_H

#include "crypto/key.h"

#define X509_DER_MAX   16384
#define X509_CHAIN_MAX 8
#define X509_URI_MAX   512

struct cert; /* opaque, reference counted */

/* One certificate, DER. padded = true is for EK certificates read from NV: a TCG 1.2 header of seven
 * octets before it and zero or 0xff padding behind it are accepted, and then only. Refused with
 * ERR_FORMAT or ERR_LIMIT: explicit curve parameters (before any arithmetic), an extension that
 * occurs twice, more than 64 of them. */
must_use bool cert_from_der(struct bytes der, bool padded, struct cert **ret, struct err *err);
must_use bool cert_from_pem(struct bytes pem, struct cert **ret, struct err *err);
/* All certificates of a PEM text or of concatenated DER; at most max. The caller releases each. */
must_use bool certs_from_bytes(
	struct bytes in, size_t max, struct cert **ret, size_t *ret_count, struct err *err);
struct cert *cert_ref(struct cert *cert);
void cert_unref(struct cert **cert);

struct bytes cert_der(const struct cert *cert); /* borrowed */
must_use bool cert_pem(const struct cert *cert, struct buf *out, struct err *err);
/* The certified key; checked as key_from_spki does. The RSA key types of old certificates
 * (id-RSAES-OAEP, id-RSASSA-PSS) give a plain RSA key. */
must_use bool cert_key(const struct cert *cert, struct key **ret, struct err *err);
/* SHA-256 over the DER. */
must_use bool cert_digest(const struct cert *cert, uint8_t out[SHA256_LEN], struct err *err);
int64_t cert_not_before(const struct cert *cert);
int64_t cert_not_after(const struct cert *cert);
/* RFC 2253 text, escaped. Returns out. */
const char *cert_subject(const struct cert *cert, char *out, size_t size);
const char *cert_issuer(const struct cert *cert, char *out, size_t size);
/* Serial number as hex. */
const char *cert_serial(const struct cert *cert, char *out, size_t size);
/* The one URI SAN; false when there is none or more than one. */
bool cert_uri(const struct cert *cert, char *out, size_t size);
/* Who a TLS client is: the URI of an end-entity certificate for client authentication; "" for any other certificate.
 * Looked for once a certificate; borrowed from it. NULL: no memory to find it. */
const char *cert_client_uri(const struct cert *cert, struct err *err);
/* The one name in subjectAltName, a URI, an e-mail address or a DNS name; false when there is none,
 * one of another form, or more than one. */
bool cert_only_name(const struct cert *cert, char *out, size_t size);
/* An extension that is one UTF8String (DER), as text; false when absent, malformed or too long. */
bool cert_extension_text(const struct cert *cert, const char *oid, char *out, size_t size);
bool cert_is_ca(const struct cert *cert);
/* Issuer and subject are the same name: a root, whoever signed it. */
bool cert_is_self_issued(const struct cert *cert);
/* Extended key usage present, by dotted OID. */
bool cert_has_eku(const struct cert *cert, const char *oid);
/* Key usage bits as in RFC 5280 section 4.2.1.3 (KEY_USAGE_*), all ones when the extension is
 * absent. */
#define KEY_USAGE_DIGITAL_SIGNATURE 0x01u
#define KEY_USAGE_KEY_ENCIPHERMENT  0x04u
#define KEY_USAGE_KEY_AGREEMENT     0x10u
#define KEY_USAGE_CERT_SIGN         0x20u
unsigned cert_key_usage(const struct cert *cert);
/* DER value of an extension by dotted OID; false when absent. Borrowed. */
bool cert_extension(const struct cert *cert, const char *oid, struct bytes *ret);
/* The looks at names and extensions have no room for an error, and what could not be read for lack of memory looks absent.
 * A judgement that stands on them says when it begins, and asks at its end: false with ERR_NOMEM when memory ran out in this
 * thread meanwhile. */
void cert_looks_begin(void);
must_use bool cert_looks_whole(struct err *err);
/* Attribute of a directoryName in subjectAltName by dotted OID (TCG 2.23.133.2.x), as text; false
 * when absent, there more than once, or too long for out. */
bool cert_san_directory_attribute(const struct cert *cert, const char *oid, char *out, size_t size);

/* Certificate revocation lists as parsed; immutable once filled, so threads share them. */
struct crls;

#define CRLS_MAX       1024
#define CRLS_BYTES_MAX (64 << 20)

/* NULL on no memory. */
struct crls *crls_new(void);
void crls_free(struct crls **crls);
/* Adds every list of a PEM text (blocks "X509 CRL"; others are passed over) or of concatenated DER
 * (RFC 5280 section 5). ERR_FORMAT: no list in these bytes, or one that is malformed, has no
 * nextUpdate (it would never grow stale) or is a delta list, which is not understood. What was added
 * before an error stays.
 * ERR_LIMIT: more than CRLS_MAX lists, or more than CRLS_BYTES_MAX bytes at once. */
must_use bool crls_add(struct crls *crls, struct bytes in, struct err *err);
size_t crls_count(const struct crls *crls);
/* Appends the DER of the i-th. */
must_use bool crls_der(const struct crls *crls, size_t i, struct buf *out, struct err *err);

enum chain_fault {
	CHAIN_OK = 0,
	CHAIN_INCOMPLETE,
	CHAIN_UNTRUSTED_ROOT,
	CHAIN_SIGNATURE,
	CHAIN_EXPIRED,
	CHAIN_NOT_YET_VALID,
	CHAIN_REVOKED,
	CHAIN_PROFILE,
	CHAIN_REVOCATION_LIST, /* a list of an issuer is stale, from the future, forged or of a scope
				  that is not understood */
	CHAIN_OTHER
};
struct chain_options {
	struct cert *const *roots;
	size_t root_count;
	struct cert *const *intermediates; /* untrusted */
	size_t intermediate_count;
	const struct crls *crls; /* NULL: none checked */
	int64_t at; /* time of judgement */
	bool ignore_expiry; /* policy asked for it; the caller reports it */
	bool ignore_stale_crls; /* the same of lists whose nextUpdate has passed */
	bool handles_san; /* the caller has judged a critical subjectAltName itself (EK
			     certificates) */
};
struct chain_result {
	enum chain_fault fault;
	char detail[256]; /* which certificate, which OpenSSL reason */
	struct cert *chain[X509_CHAIN_MAX]; /* leaf first, root last; released with
					       chain_result_release */
	size_t count;
	size_t unlisted; /* with crls: certificates below the root whose issuer has no list there */
	bool stale_crl; /* with ignore_stale_crls: a list was */
};
/* A fault is a result, not an error; ret->chain then holds as much as was built. The chain must end
 * in one of the roots, which must be self-signed. All keys and digests of at least 112 bits (RSA-2048,
 * SHA-224). Extended key usage is the caller's to judge.
 * CRLs: every certificate whose issuer has a CRL among those given is checked against it, and a CRL
 * that is stale, forged or of a scope that is not understood is a fault; other issuers' certificates
 * are not checked, and counted. What a stale list revokes is revoked.
 * Critical extensions: those that OpenSSL does not process are a fault. A critical subjectAltName of
 * the leaf may hold URI, DNS and IP names; any other form is a fault unless handles_san. */
must_use bool chain_verify(struct cert *leaf, const struct chain_options *options,
	struct chain_result *ret, struct err *err);
const char *chain_fault_name(enum chain_fault fault); /* "incomplete-chain" */
void chain_result_release(struct chain_result *result);

#define CERT_OWN_EXTENSIONS_MAX 8u
struct cert_request {
	const char *common_name; /* NULL: empty subject */
	const char *uri; /* URI SAN; NULL: none */
	const char *const *dns; /* DNS SANs and, where they parse as such, IP SANs; NULL-terminated;
				   NULL: none */
	const struct key *subject; /* public key to certify */
	int64_t not_before, not_after;
	bool ca; /* CA:true, pathlen 0, keyCertSign|cRLSign; otherwise CA:false, digitalSignature */
	bool server_auth, client_auth;
	const uint8_t *serial; /* 16 bytes, first bit cleared by the callee; NULL: random */
	struct {
		const char *oid;
		struct bytes value;
	} extensions[CERT_OWN_EXTENSIONS_MAX]; /* non-critical; the value is DER */
	size_t extension_count;
};
/* Self-signed when issuer is NULL. The issuer's key signs wherever it lives (a TPM). */
must_use bool cert_issue(const struct cert_request *request, const struct cert *issuer,
	struct key *issuer_key, struct cert **ret, struct err *err);
/* The same, appended as DER and not parsed again: for an issuer that only hands it on. */
must_use bool cert_issue_der(const struct cert_request *request, const struct cert *issuer,
	struct key *issuer_key, struct buf *out, struct err *err);
/* The OpenSSL handle, borrowed, for TLS contexts. */
X509 *cert_x509(const struct cert *cert);

#endif
