/* SPDX-License-Identifier: Apache-2.0 */
/* Time-stamp responses as OpenSSL's authority makes them. */
#ifndef ASSAY_TESTS_SUPPORT_TIMESTAMP_MAKE_H
#define ASSAY_TESTS_SUPPORT_TIMESTAMP_MAKE_H

#include "crypto/x509.h"

/* The extensions of an authority's certificate, as of sigstore_make_cert. */
extern const char *const timestamp_extensions[][2];

/* A granted response over the SHA-256 of a message, at this time; half a second later at odd ones. */
must_use bool timestamp_make(struct key *key, const struct cert *cert, struct bytes message,
	int64_t time, struct buf *out, struct err *err);

#endif
