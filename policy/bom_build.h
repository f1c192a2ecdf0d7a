/* SPDX-License-Identifier: Apache-2.0 */
/* A BOM while it is read: what CycloneDX and SPDX share. Private to policy/. */
#ifndef ASSAY_POLICY_BOM_BUILD_H
#define ASSAY_POLICY_BOM_BUILD_H

#include "policy/bom.h"
#include "policy/predicate_read.h"

struct bom_build {
	struct reading r;
	struct bom *bom;
	json_t *ids; /* id → place; see bom_id_put */
	size_t links; /* so far, of BOM_LINKS_MAX */
};

/* A list of `count` elements made to hold one more; grows by doubling. NULL and starved on no
 * memory, and then the old list stays. */
void *bom_grow(struct reading *r, void *list, size_t count, size_t size);
/* Adds an empty component and gives its index; 0 after a fault. */
size_t bom_add(struct bom_build *b);
void bom_add_license(struct bom_build *b, size_t component, const char *text, bool expression);
void bom_add_dataset(struct bom_build *b, size_t component, size_t dataset);
/* The SHA-256 of a component: lower-case hex, given once. */
void bom_set_sha256(struct bom_build *b, size_t component, const char *key, const char *hex);

/* Ids are unique: one that is known already is a fault of `key`. */
void bom_id_put(struct bom_build *b, const char *key, const char *id, size_t place);
void bom_id_move(struct bom_build *b, const char *id, size_t place); /* of one that is known */
bool bom_id_find(const struct bom_build *b, const char *id, size_t *ret_place);

/* RFC 3339 with Z or an offset; absent: 0. */
int64_t bom_want_time(struct bom_build *b, const json_t *object, const char *key);

/* cyclonedx.c, spdx3.c: reads a whole document into b->bom. */
void cyclonedx_read(struct bom_build *b, const json_t *root);
void spdx3_read(struct bom_build *b, const json_t *root);

#endif
