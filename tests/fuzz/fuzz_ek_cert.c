/* SPDX-License-Identifier: Apache-2.0 */
/* EK certificates. They come from whoever asks to be enrolled, before anything about them is known. */
#include "evidence/ek_cert.h"

#include <assert.h>

#include "base/text.h"

static void assert_printable(const char *text)
{
	for (const char *c = text; *c; c++)
		assert((unsigned char)*c >= 0x20);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	OWNED(cert_unref) struct cert *cert = NULL;
	/* The certificate as its own root: the profile is judged behind the chain. */
	struct ek_cert_options options = {
		.roots = &cert, .root_count = 1, .at = 1800000000, .ignore_expiry = true};
	struct ek_cert_result result;
	struct err err;

	if (!cert_from_der(bytes_of(data, size), true, &cert, &err))
		return 0;
	if (ek_cert_verify(cert, &options, &result, &err)) {
		assert((result.fault == EK_CERT_OK) == (result.detail[0] == '\0'));
		assert_printable(result.detail);
		assert_printable(result.manufacturer);
		assert_printable(result.model);
		assert_printable(result.version);
	}
	ek_cert_result_release(&result);
	return 0;
}
