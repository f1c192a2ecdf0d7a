/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bills of materials, as one view of two formats: CycloneDX 1.6 and 1.7 (ML-BOM) and SPDX 3.0.1 (AI
 * profile). What is read here is only said; who said it is the envelope's matter.
 * Formats: docs/formats/bom.md.
 */
#ifndef ASSAY_POLICY_BOM_H
#define ASSAY_POLICY_BOM_H

#include "base/json.h"
#include "crypto/digest.h"

#define BOM_COMPONENTS_MAX 16384u
#define BOM_LINKS_MAX      65536u /* licences and data sets of all components together */
#define BOM_NAME_MAX       1024u
#define BOM_ID_MAX         2048u /* bom-ref, spdxId */

enum bom_format { BOM_CYCLONEDX = 0, BOM_SPDX, BOM_FORMATS };
const char *bom_format_name(enum bom_format format); /* "cyclonedx", "spdx" */

enum bom_kind { BOM_OTHER = 0, BOM_SOFTWARE, BOM_MODEL, BOM_DATASET, BOM_KINDS };
const char *bom_kind_name(enum bom_kind kind); /* "other", "software", "model", "dataset" */

struct bom_license {
	char *text;
	bool expression; /* an SPDX license expression; otherwise one licence, by this name */
};
struct bom_component {
	enum bom_kind kind;
	bool root; /* what the BOM is about */
	char *name;
	char *version; /* NULL: none */
	bool has_sha256;
	uint8_t sha256[SHA256_LEN];
	size_t license_count;
	struct bom_license *licenses; /* all of them hold */
	size_t dataset_count;
	size_t *datasets; /* it was trained on: indices into struct bom.components */
};
struct bom {
	enum bom_format format;
	char *spec_version; /* "1.6", "1.7", "3.0.1" */
	char *id; /* serialNumber, or the SpdxDocument's spdxId; NULL: none */
	int64_t version; /* of a CycloneDX BOM; 0: none */
	int64_t made_at; /* its own time; 0: not said */
	size_t component_count;
	struct bom_component *components;
};

/* Whether a predicate type is that of a BOM: "https://cyclonedx.org/bom" or
 * "https://spdx.dev/Document", each alone or with "/…" behind. */
bool bom_is_type(const char *predicate_type);
/* Reads the predicate of a statement of this type; content NULL: none was there. A version in the
 * type must be that of the content. ERR_FORMAT names the member, ERR_LIMIT, ERR_NOMEM. The caller
 * owns *ret. */
must_use bool bom_read(
	const char *predicate_type, const json_t *content, struct bom **ret, struct err *err);
void bom_free(struct bom **bom);

/* Whether a SHA-256 is of something that the asker has in mind. */
typedef bool (*bom_is)(const void *arg, const uint8_t sha256[SHA256_LEN]);
/* What the BOM describes instead of its subject; NULL: nothing else. A root that gives a SHA-256
 * must be a subject. Where models give one, one of them must be a subject, or, in the BOM of a
 * program, a part of it (part NULL: not known, so not asked). Of several roots or models one
 * suffices, and the first of the others is told. */
const struct bom_component *bom_other(
	const struct bom *bom, bom_is subject, bom_is part, const void *arg);
/* Whether a data set is called this: "name", or "name@version". */
bool bom_names_dataset(const struct bom *bom, const char *name);

#endif
