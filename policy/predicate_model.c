/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OpenSSF model signatures as statements about a component. The digest of their subject covers no
 * names, so it identifies nothing; what a release knows of a model is computed from the files that
 * are signed, and compared: docs/formats/policy.md, "Model signatures".
 */
#include "base/text.h"
#include "policy/model_signature.h"
#include "policy/predicate_read.h"

/* The manifest as a directory is measured: "hex  path\n" for each file, by path. */
static bool tree_digest(
	const struct model_manifest *manifest, struct predicate_model *ret, struct err *err)
{
	OWNED(hasher_free) struct hasher *hasher = NULL;
	struct digest digest;

	if (!hasher_new(DIGEST_SHA256, &hasher, err))
		return false;
	for (size_t i = 0; i < manifest->resource_count; i++) {
		const struct model_resource *file = &manifest->resources[i];
		char hex[2 * SHA256_LEN + 1];

		hex_encode(BYTES_OF(file->digest), hex);
		if (!hasher_update(hasher, bytes_str(hex), err) ||
			!hasher_update(hasher, BYTES_LIT("  "), err) ||
			!hasher_update(hasher, file->path, err) ||
			!hasher_update(hasher, BYTES_LIT("\n"), err))
			return false;
	}
	if (!hasher_final(hasher, &digest, err))
		return false;
	memcpy(ret->tree, digest.bytes, SHA256_LEN);
	ret->has_tree = true;
	return true;
}

/* A file in several shards has no digest of its own here. */
static bool has_whole_files(const struct model_manifest *manifest)
{
	for (size_t i = 0; i < manifest->resource_count; i++)
		if (manifest->resources[i].start != 0)
			return false;
	return true;
}

bool model_signature_read(struct bytes statement, struct predicate_model *ret, struct err *err)
{
	OWNED(model_manifest_free) struct model_manifest *manifest = NULL;

	if (!model_manifest_parse(statement, &manifest, err))
		return false;
	if (!has_whole_files(manifest))
		return true;
	ret->has_file = manifest->resource_count == 1;
	if (ret->has_file)
		memcpy(ret->file, manifest->resources[0].digest, SHA256_LEN);
	return manifest->single || tree_digest(manifest, ret, err);
}
