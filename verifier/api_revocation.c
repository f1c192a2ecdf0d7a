/* SPDX-License-Identifier: Apache-2.0 */
/* Revocation for everyone: what is on these lists is no secret, and who checks a credential may be anybody. */
#include "verifier/revocation.h"

#include <stdlib.h>

#include "base/text.h"

bool serve_crl(struct call *call, struct err *err)
{
	call->status = 200;
	call->type = MEDIA_CRL;
	return revocation_crl(call->app, NULL, &call->shared, err);
}

bool serve_crl_of(struct call *call, struct err *err)
{
	uint8_t ca[SHA256_LEN];
	call->status = 200;
	call->type = MEDIA_CRL;
	return call_param_digest(call, 0, ca, err) &&
	       revocation_crl(call->app, ca, &call->shared, err);
}

static bool ocsp_answer(struct call *call, struct bytes request, struct err *err)
{
	call->status = 200;
	call->type = MEDIA_OCSP_RESPONSE;
	return revocation_ocsp(call->app, request, &call->reply, err);
}

bool serve_ocsp(struct call *call, struct err *err)
{
	return ocsp_answer(call, http_body(call->exchange), err);
}

/* RFC 6960 appendix A.1: base64, with what a path cannot hold escaped; some escape nothing. Text of what is there is put at the
 * front of `text`. */
static bool unescape(char *text, struct err *err)
{
	char *out = text;
	for (const char *at = text; *at; at++) {
		if (*at != '%') {
			*out++ = *at;
			continue;
		}
		OWNED(buf_release) struct buf byte = {0};
		if (!at[1] || !at[2])
			return err_set(err, ERR_FORMAT, "path: a broken escape");
		if (!hex_decode(bytes_of((const uint8_t *)at + 1, 2), 1, &byte, err))
			return err_wrap(err, "path: an escape");
		*out++ = (char)byte.data[0];
		at += 2;
	}
	*out = '\0';
	return true;
}

bool serve_ocsp_get(struct call *call, struct err *err)
{
	char text[HTTP_PARAM_MAX];
	OWNED(buf_release) struct buf request = {0};
	(void)snprintf(text, sizeof(text), "%s", http_path_param(call->exchange, 0));
	if (!unescape(text, err) ||
		!base64_decode(bytes_str(text), false, OCSP_REQUEST_MAX, &request, err))
		return err_wrap(err, "OCSP");
	return ocsp_answer(call, buf_bytes(&request), err);
}

bool serve_status_list(struct call *call, struct err *err)
{
	const char *text = http_path_param(call->exchange, 0);
	size_t len = strlen(text);
	if (len == 0 || len > 12 || strspn(text, "0123456789") != len)
		return err_set(err, ERR_NOT_FOUND, "no such status list");
	call->status = 200;
	call->type = MEDIA_STATUS_LIST;
	return revocation_status_list(call->app, strtoll(text, NULL, 10), &call->reply, err);
}
