/* SPDX-License-Identifier: Apache-2.0 */
/* What holds of every BOM that was read, whatever the bytes were. */
#ifndef ASSAY_TESTS_SUPPORT_BOM_FUZZ_H
#define ASSAY_TESTS_SUPPORT_BOM_FUZZ_H

#include "policy/bom.h"

#include <stdlib.h>

#include "crypto/dsse.h"

static inline bool bom_fuzz_is(const void *sha256, const uint8_t other[SHA256_LEN])
{
	return memcmp(sha256, other, SHA256_LEN) == 0;
}

static inline void bom_fuzz_component(const struct bom *bom, const struct bom_component *c)
{
	if (!c->name || !*c->name || (c->kind != BOM_MODEL && c->dataset_count != 0))
		abort();
	for (size_t i = 0; i < c->dataset_count; i++)
		if (c->datasets[i] >= bom->component_count ||
			bom->components[c->datasets[i]].kind != BOM_DATASET)
			abort();
	for (size_t i = 0; i < c->license_count; i++)
		if (!c->licenses[i].text)
			abort();
	if (c->kind == BOM_DATASET && !bom_names_dataset(bom, c->name))
		abort();
	/* One that gives no other digest than this describes this. */
	if (c->root && c->has_sha256 && bom->component_count == 1 &&
		bom_other(bom, bom_fuzz_is, NULL, c->sha256))
		abort();
}

static inline void bom_fuzz(const char *type, enum bom_format format, struct bytes in)
{
	json_t *root = NULL;
	struct bom *bom = NULL;
	struct err err = {0};

	if (!json_open(in, DSSE_PAYLOAD_MAX, &root, &err))
		return;
	if (!bom_read(type, root, &bom, &err)) {
		if (bom || err.code == ERR_NONE || !err.text[0])
			abort();
	} else {
		if (bom->format != format || !bom->spec_version ||
			bom->component_count > BOM_COMPONENTS_MAX)
			abort();
		for (size_t i = 0; i < bom->component_count; i++)
			bom_fuzz_component(bom, &bom->components[i]);
		bom_free(&bom);
	}
	json_decref(root);
}

#endif
