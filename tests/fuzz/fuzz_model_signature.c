/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signatures of models and the statements in them. Who supplies the bytes: whoever hands over a
 * model with its signature; the bundle is read before anything is verified.
 */
#include <stdlib.h>

#include "policy/model_signature.h"

/* What was read can be written in both dialects, reads back as the same, and differs in nothing. */
static void write_twice(struct model_manifest *manifest)
{
	struct model_differences differences;
	model_compare(manifest, manifest->resources, manifest->resource_count, &differences);
	if (differences.missing || differences.extra || differences.changed)
		abort();
	for (enum model_form form = MODEL_FORM_SPEC; form <= MODEL_FORM_REFERENCE; form++) {
		struct model_manifest *back = NULL;
		struct buf text = {0};
		struct err err = {0};
		if (!model_manifest_write(manifest, form, &text, &err)) {
			if (err.code != ERR_LIMIT)
				abort();
			buf_release(&text);
			continue;
		}
		if (!model_manifest_parse(buf_bytes(&text), &back, &err))
			abort();
		model_compare(manifest, back->resources, back->resource_count, &differences);
		if (differences.missing || differences.extra || differences.changed ||
			memcmp(back->root, manifest->root, SHA256_LEN) != 0)
			abort();
		model_manifest_free(&back);
		buf_release(&text);
	}
}

static void statement(struct bytes in)
{
	struct model_manifest *manifest = NULL;
	struct err err = {0};
	if (!model_manifest_parse(in, &manifest, &err))
		return;
	for (size_t i = 0; i < manifest->resource_count; i++)
		if (!manifest->single && !model_path_ok(manifest->resources[i].path))
			abort();
	for (size_t i = 0; i < manifest->ignore_count; i++)
		if (!model_ignore_ok(bytes_str(manifest->ignores[i])))
			abort();
	write_twice(manifest);
	model_manifest_free(&manifest);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct model_bundle *bundle = NULL;
	struct err err = {0};

	statement(bytes_of(data, size));
	if (!model_bundle_parse(bytes_of(data, size), &bundle, &err))
		return 0;
	if (bundle->dsse->count != 1 ||
		(bundle->mode == MODEL_MODE_CERTIFICATE) != (bundle->chain_count > 0))
		abort();
	for (size_t i = 0; i < bundle->chain_count; i++)
		if (!bundle->chain[i] ||
			(!model_cert_may_sign(bundle->chain[i], &err) && err.code == ERR_NONE))
			abort();
	statement(buf_bytes(&bundle->dsse->payload));
	model_bundle_free(&bundle);
	return 0;
}
