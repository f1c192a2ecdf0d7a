/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger/record_signer.h"

#include <string.h>

#define OID_EKU "2.5.29.37"

/* "spiffe://bank.example" of a SPIFFE ID; empty: it is none. */
static struct bytes domain_of(struct bytes id)
{
	static const char scheme[] = "spiffe://";
	size_t n = sizeof(scheme) - 1;

	if (id.len < n || memcmp(id.data, scheme, n) != 0)
		return (struct bytes){0};
	while (n < id.len && id.data[n] != '/')
		n++;
	return bytes_of(id.data, n);
}

/* The CA certifies agents, hosts, operators and servers too, each for a use that is named. Records are none of those: else
 * whoever it gave a key's certificate could write them. And one root may stand above verifiers of several trust domains. */
enum record_signer_fault record_signer_check(const struct cert *cert, struct bytes verifier_id)
{
	char uri[X509_URI_MAX];
	struct bytes use, domain = domain_of(verifier_id), own = {0};

	if (cert_extension(cert, OID_EKU, &use))
		return RECORD_SIGNER_OTHER_USE;
	if (cert_uri(cert, uri, sizeof(uri)))
		own = domain_of(bytes_str(uri));
	return domain.len > 0 && own.len > 0 && !bytes_equal(domain, own)
		       ? RECORD_SIGNER_OTHER_DOMAIN
		       : RECORD_SIGNER_OK;
}
