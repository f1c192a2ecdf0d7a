/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hostd's side of a launch before the verifier is asked: everything that the workload consists of is measured, copied where it
 * shall be a copy, and described for the runtime log.
 */
#ifndef ASSAY_ATTEST_LAUNCH_MEASURE_H
#define ASSAY_ATTEST_LAUNCH_MEASURE_H

#include "attest/closure.h"
#include "attest/instance.h"
#include "attest/launch_pack.h"
#include "attest/spec.h"

#define LAUNCH_COMPONENTS_MAX (SPEC_COMPONENTS_MAX + 1u) /* and the closure */

/* Name and role of the dynamic closure among the components. */
#define LAUNCH_CLOSURE "closure"

struct launch_component {
	struct buf content; /* of its record in the runtime log */
	uint8_t digest[SHA256_LEN]; /* SHA-256 of content */
	enum component_presence presence;
};
struct launch_material {
	struct launch_pack pack;
	int executable; /* sealed memfd: the program, or a script's interpreter */
	struct closure closure;
	size_t component_count;
	struct launch_component components[LAUNCH_COMPONENTS_MAX];
	uint64_t copied; /* bytes of components in the pack */
};
struct launch_measure_options {
	const uint8_t *instance; /* INSTANCE_ID_LEN bytes */
	uint64_t copy_limit;
	unsigned threads;
	int64_t time;
	void *context;
	/* "model: 1 file, 4.0 MiB, sha256 1f…, copy"; false ends the measuring. */
	bool (*progress)(void *context, const char *text, struct err *err);
};
/* Fills *ret, which the caller releases in any case; files that stay the host's own are appended to `instance`, to be watched. */
must_use bool launch_measure(const struct spec *spec, const struct launch_measure_options *options,
	struct launch_material *ret, struct instance *instance, struct err *err);
void launch_material_release(
	struct launch_material *material); /* cleanup; zero-initialised is fine */

#endif
