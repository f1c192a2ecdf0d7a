/* SPDX-License-Identifier: Apache-2.0 */
/*
 * YAML configuration through libcyaml, made strict: unknown and duplicate keys refused with file and line, more than
 * one document refused, aliases refused, size limited. The schema is libcyaml's own (cyaml_schema_value_t).
 */
#ifndef ASSAY_BASE_YAML_H
#define ASSAY_BASE_YAML_H

#include "base/bytes.h"

#include <cyaml/cyaml.h>

#define YAML_INPUT_MAX (1u << 20)

/* Loads text by schema; *ret is freed with yaml_free and the same schema. name stands in messages ("policy.yaml"). */
must_use bool yaml_load(struct bytes text, const char *name, const cyaml_schema_value_t *schema, void **ret,
	struct err *err);
/* Sequences: as yaml_load, *ret_count gets the number of entries of a top-level sequence. */
must_use bool yaml_load_sequence(struct bytes text, const char *name, const cyaml_schema_value_t *schema, void **ret,
	unsigned *ret_count, struct err *err);
void yaml_free(const cyaml_schema_value_t *schema, void *data, unsigned count);

#endif
