/* SPDX-License-Identifier: Apache-2.0 */
/* Policy files as commands take them: the text, what it says, and the objects it names. */
#ifndef ASSAY_CLI_POLICY_READ_H
#define ASSAY_CLI_POLICY_READ_H

#include "policy/signature.h"

/* Errors name the file. *ret_text may be NULL. */
must_use bool policy_read(
	const char *path, struct buf *ret_text, struct policy **ret, struct err *err);
/* Attaches the files of a directory that the policy names. None missing is not asked here
 * (policy_complete). */
must_use bool policy_read_references(struct policy *policy, const char *directory, struct err *err);
/* Public keys from files, by the files' names, and how many of them must have signed (NULL: all). */
must_use bool policy_read_signers(const char *const *files, size_t n, const char *threshold,
	struct policy_signers *ret, struct err *err);

#endif
