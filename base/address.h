/* SPDX-License-Identifier: Apache-2.0 */
/* Where a service listens, as people write it. */
#ifndef ASSAY_BASE_ADDRESS_H
#define ASSAY_BASE_ADDRESS_H

#include "base/err.h"

#define ADDRESS_TEXT_MAX 64u

/* "127.0.0.1:8443", "[::1]:8443": a numeric address, written without its brackets, and a port, 0 for any. ERR_CONFIG, naming
 * what was given. */
must_use bool address_parse(
	const char *text, char ret_address[ADDRESS_TEXT_MAX], uint16_t *ret_port, struct err *err);

#endif
