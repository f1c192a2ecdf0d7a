/* SPDX-License-Identifier: Apache-2.0 */
/* in-toto statements by others. They lie beside a release and in bundles; whoever can write there
 * can supply these bytes, and the gate reads them once a key that it trusts has signed. */
#include "policy/predicate.h"

#include <assert.h>

static void source_is_a_dependency(const struct predicate_provenance *provenance)
{
	const struct predicate_resource *source = provenance->source;

	if (!source)
		return;
	assert(source >= provenance->dependencies);
	assert(source < provenance->dependencies + provenance->dependency_count);
	assert(source->digest.commit[0]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct predicate *p = NULL;
	struct err err = {0};
	char why[PREDICATE_TEXT_MAX] = "";

	if (!predicate_parse(bytes_of(data, size), &p, &err)) {
		assert(!p && err.code != ERR_NONE && err.text[0]);
		return 0;
	}
	assert(p->type && p->subject_count > 0 && p->subject_count <= PREDICATE_SUBJECTS_MAX);
	for (size_t i = 0; i < p->subject_count; i++)
		assert(!p->subjects[i].digest.has_sha256 ||
			predicate_has_subject(p, p->subjects[i].digest.sha256));
	assert(p->kind != PREDICATE_PROVENANCE ||
		(p->provenance.builder_id && p->provenance.external_parameters));
	assert(p->kind != PREDICATE_VSA || (p->vsa.verifier_id && p->vsa.policy.uri));
	assert(p->kind != PREDICATE_ASSESSMENT ||
		(p->assessment.by && p->assessment.expires > p->assessment.issued));
	assert((p->kind == PREDICATE_BOM) == (p->bom || p->bom_fault));
	assert(!p->bom || !p->bom_fault);
	assert(!p->bom || predicate_bom_fits(p, why) || why[0]);
	source_is_a_dependency(&p->provenance);
	predicate_free(&p);
	return 0;
}
