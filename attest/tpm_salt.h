/* SPDX-License-Identifier: Apache-2.0 */
/* The storage key: parent of instances' keys, and what sessions are salted with before the EK is
 * known. Private. */
#ifndef ASSAY_ATTEST_TPM_SALT_H
#define ASSAY_ATTEST_TPM_SALT_H

#include "attest/tpm_esys.h"

/* The persistent storage key at 0x81000001; *ret_there = false when there is none fit for it. */
must_use bool esys_storage_open(
	struct esys *t, struct esys_object *ret, bool *ret_there, struct err *err);
/* The standard P-256 storage primary of a hierarchy, transient. */
must_use bool esys_storage_make(struct esys *t, ESYS_TR hierarchy, const TPM2B_AUTH *password,
	struct esys_object *ret, struct err *err);

#endif
