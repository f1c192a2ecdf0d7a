/* SPDX-License-Identifier: Apache-2.0 */
/* SLSA Provenance v1. */
#include <stdlib.h>

#include "policy/predicate_read.h"

/* The object as canonical JSON text: what a policy compares and a person reads. */
static void read_parameters(struct reading *r, const json_t *definition, char **ret)
{
	const json_t *parameters = json_need_object(&r->f, definition, "externalParameters");
	struct buf text = {0};

	if (!reading_goes_on(r))
		return;
	if (json_write(parameters, false, &text, NULL))
		*ret = bytes_strdup(buf_bytes(&text));
	r->starved = !*ret;
	buf_release(&text);
}

/* Two commits would leave it open which one was built. */
static const struct predicate_resource *only_source(const struct predicate_provenance *provenance)
{
	const struct predicate_resource *source = NULL;

	for (size_t i = 0; i < provenance->dependency_count; i++) {
		const struct predicate_resource *dependency = &provenance->dependencies[i];

		if (!*dependency->digest.commit)
			continue;
		if (source)
			return NULL;
		source = dependency;
	}
	return source;
}

void provenance_read(struct reading *r, const json_t *object, struct predicate_provenance *ret)
{
	const json_t *definition = json_need_object(&r->f, object, "buildDefinition");
	const json_t *details = json_need_object(&r->f, object, "runDetails");
	const json_t *builder = json_need_object(&r->f, details, "builder");
	const json_t *metadata = read_want_object(r, details, "metadata");

	read_need_text(r, builder, "id", PREDICATE_URI_MAX, &ret->builder_id);
	read_need_text(r, definition, "buildType", PREDICATE_URI_MAX, &ret->build_type);
	read_parameters(r, definition, &ret->external_parameters);
	if (metadata) {
		read_want_text(r, metadata, "invocationId", PREDICATE_URI_MAX, &ret->invocation_id);
		ret->started_on = read_want_time(r, metadata, "startedOn");
		ret->finished_on = read_want_time(r, metadata, "finishedOn");
	}
	read_resources(r, definition, "resolvedDependencies", PREDICATE_DEPENDENCIES_MAX, false,
		&ret->dependencies, &ret->dependency_count);
	ret->source = only_source(ret);
}

void provenance_release(struct predicate_provenance *provenance)
{
	free(provenance->builder_id);
	free(provenance->build_type);
	free(provenance->external_parameters);
	free(provenance->invocation_id);
	resources_free(&provenance->dependencies, provenance->dependency_count);
}
