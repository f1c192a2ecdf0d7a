/* SPDX-License-Identifier: Apache-2.0 */
/* release.yaml: what a release manager writes; measured, it becomes the release statement. */
#ifndef ASSAY_CLI_RELEASE_FILE_H
#define ASSAY_CLI_RELEASE_FILE_H

#include "policy/policy.h"

/* Reads the file and the workload spec it names (relative to it), measures every component and the
 * binary's dynamic closure on this machine. progress may be NULL. */
must_use bool release_file_measure(const char *path,
	void (*progress)(void *context, const char *text), void *context, struct release **ret,
	struct err *err);

#endif
