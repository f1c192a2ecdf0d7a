/* SPDX-License-Identifier: Apache-2.0 */
/* Test vectors kept outside the repository: below $ASSAY_VECTORS, or ../shared/vectors beside the
 * source tree. */
#ifndef ASSAY_TESTS_SUPPORT_VECTORS_H
#define ASSAY_TESTS_SUPPORT_VECTORS_H

#include "base/bytes.h"

#define VECTORS_FILE_MAX (64u << 20)

/* The path of a vector, or NULL when it is not on this machine: the test then calls skip(). The
 * text is good until four more calls on the same thread. */
const char *vectors_path(const char *name);
/* Reads a vector whole; false when it is absent or unreadable. The caller releases *out. */
must_use bool vectors_read(const char *name, struct buf *out);

#endif
