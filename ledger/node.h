/* SPDX-License-Identifier: Apache-2.0 */
/* Private to ledger/. */
#ifndef ASSAY_LEDGER_NODE_H
#define ASSAY_LEDGER_NODE_H

#include "crypto/digest.h"

/* SHA-256(0x01 || left || right), RFC 9162 section 2.1.1: no leaf can be read as a node, nor a node
 * as a leaf. out may be left or right. */
must_use bool tree_node_hash(const uint8_t left[SHA256_LEN], const uint8_t right[SHA256_LEN],
	uint8_t out[SHA256_LEN], struct err *err);

#endif
