/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/openssl_error.h"

#include <openssl/err.h>

bool openssl_fail(struct err *err, enum err_code code, const char *what)
{
	unsigned long first = ERR_get_error();
	const char *reason = first ? ERR_reason_error_string(first) : NULL;

	if (ERR_GET_REASON(first) == ERR_R_MALLOC_FAILURE)
		code = ERR_NOMEM;
	ERR_clear_error();
	return err_set(err, code, "%s: %s", what, reason ? reason : "OpenSSL gives no reason");
}

void openssl_forget(void)
{
	ERR_clear_error();
}
