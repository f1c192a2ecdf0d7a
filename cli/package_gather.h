/* SPDX-License-Identifier: Apache-2.0 */
/* What an evidence package of a workload holds, asked from the verifier and written as it comes. */
#ifndef ASSAY_CLI_PACKAGE_GATHER_H
#define ASSAY_CLI_PACKAGE_GATHER_H

#include "cli/package_make.h"

struct package_span {
	const char *workload;
	const char *from, *to; /* RFC 3339, as given */
};
/* Errors are put into cli->err. */
must_use bool package_gather(
	struct cli *cli, struct package_file *file, const struct package_span *span);

#endif
