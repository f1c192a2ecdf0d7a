/* SPDX-License-Identifier: Apache-2.0 */
/* Private to crypto/: the seam at which OpenSSL's error queue becomes a struct err. */
#ifndef ASSAY_CRYPTO_OPENSSL_ERROR_H
#define ASSAY_CRYPTO_OPENSSL_ERROR_H

#include "base/err.h"

/* Sets `code` (ERR_NOMEM when memory ran out) with "what: OpenSSL's first reason" and empties the queue. Returns
 * false. */
bool openssl_fail(struct err *err, enum err_code code, const char *what);
/* Empties the queue after a failure that is an answer (a signature that does not verify). False with ERR_NOMEM when it is
 * none, because memory ran out. */
must_use bool openssl_answer(struct err *err, const char *what);
/* Empties the queue, whatever it says. */
void openssl_forget(void);
/* Before what openssl_fail or openssl_answer will judge: memory that ran out earlier is forgotten. */
void openssl_begin(void);

#endif
