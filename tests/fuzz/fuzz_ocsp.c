/* SPDX-License-Identifier: Apache-2.0 */
/* Requests of OCSP: anybody may send one. What parses is answered, and the answer names nothing that was not asked about. */
#include <stdlib.h>

#include "base/text.h"
#include "crypto/revocation.h"

enum { BEGIN = 1700000000, END = 1800000000 };

static struct key *key;
static struct cert *ca, *responder;

static void make(void)
{
	struct cert_request request = {
		.common_name = "ca", .not_before = BEGIN, .not_after = END, .ca = true};
	struct err err = {0};

	if (ca)
		return;
	if (!key_generate(KEY_EC_P256, &key, &err))
		abort();
	request.subject = key;
	if (!cert_issue(&request, NULL, key, &ca, &err) ||
		!ocsp_responder_issue(key, BEGIN, END, ca, key, &responder, &err))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	OWNED(ocsp_request_free) struct ocsp_request *request = NULL;
	OWNED(buf_release) struct buf out = {0};
	static const struct ocsp_answer answers[OCSP_CERTS_MAX];
	struct err err = {0};

	make();
	if (!ocsp_request_parse(bytes_of(data, size), ca, &request, &err)) {
		if (err.code == ERR_NONE || err.text[0] == '\0')
			abort();
		return 0;
	}
	if (ocsp_request_count(request) < 1 || ocsp_request_count(request) > OCSP_CERTS_MAX)
		abort();
	for (size_t i = 0; i < ocsp_request_count(request); i++)
		if (strlen(ocsp_request_serial(request, i)) >= SERIAL_HEX_MAX)
			abort();
	if (!ocsp_respond(request, answers, BEGIN, END, responder, key, &out, &err))
		abort();
	return 0;
}
