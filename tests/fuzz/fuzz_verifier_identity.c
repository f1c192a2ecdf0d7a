/* SPDX-License-Identifier: Apache-2.0 */
/* SPIFFE URIs: whoever holds a certificate of the CA presents the URI in it; what is accepted must be written back the same. */
#include <stdint.h>
#include <stdlib.h>

#include "verifier/identity.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	OWNED(free_ptr) char *uri = bytes_strdup(bytes_of(data, size));
	static const char *const roles[] = {"admin", "ci", "auditor"};
	struct identity who;
	char again[X509_URI_MAX] = "";
	if (!uri || !identity_parse(uri, "d", &who, NULL))
		return 0;
	bool same = false;
	if (who.kind == IDENTITY_HOST)
		same = identity_host_uri("d", who.host, again, NULL) && strcmp(again, uri) == 0;
	if (who.kind == IDENTITY_WORKLOAD)
		same = identity_workload_uri("d", bytes_str(who.name), who.instance, again, NULL) &&
		       strcmp(again, uri) == 0;
	for (size_t i = 0; who.kind == IDENTITY_OPERATOR && i < ARRAY_LEN(roles); i++)
		if (who.role == role_of_name(bytes_str(roles[i])))
			same = identity_operator_uri("d", roles[i], who.name, again, NULL) &&
			       strcmp(again, uri) == 0;
	if (!same)
		abort();
	return 0;
}
