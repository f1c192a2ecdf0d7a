/* SPDX-License-Identifier: Apache-2.0 */
/* release.yaml: what a release manager writes; measured, it becomes the release statement. */
#ifndef ASSAY_CLI_RELEASE_FILE_H
#define ASSAY_CLI_RELEASE_FILE_H

#include "policy/policy.h"

typedef void (*release_progress)(void *context, const char *text);

/* Reads the file and the workload spec it names (relative to it), measures every component and the
 * binary's dynamic closure on this machine, and collects the statements about them: those of the
 * files listed under `statements`, which must be statements about a component, and those in
 * *.intoto.jsonl, *.sigstore.json and *.sigstore beside the file that are. Certificates in
 * FILE.chain.pem go with the envelope in FILE. ret_statements gets one envelope or bundle a line.
 * progress may be NULL. */
must_use bool release_file_measure(const char *path, release_progress progress, void *context,
	struct release **ret, struct buf *ret_statements, struct err *err);
/* The collecting alone (release_beside.c); path is release.yaml's. */
must_use bool release_beside_collect(const char *path, char *const *listed, size_t listed_count,
	const struct release *release, release_progress progress, void *context,
	struct buf *ret_statements, struct err *err);

#endif
