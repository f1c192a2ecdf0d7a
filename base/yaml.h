/* SPDX-License-Identifier: Apache-2.0 */
/*
 * YAML configuration through libcyaml, made strict: unknown and duplicate keys refused with file
 * and line, more than one document refused, anchors, aliases and tags refused, size and depth
 * limited. The schema is libcyaml's own (cyaml_schema_value_t); a mapping has at most 64 fields in
 * it. libcyaml alone would take "15m" for 15, "010" for 8 and "off" for true: integers are decimal
 * or 0x hexadecimal to their last character, booleans are true or false, an enumeration is one of
 * its words.
 */
#ifndef ASSAY_BASE_YAML_H
#define ASSAY_BASE_YAML_H

#include "base/bytes.h"

#include <cyaml/cyaml.h>

#define YAML_INPUT_MAX (1u << 20)
#define YAML_DEPTH_MAX 32

/* Loads text by schema, which must be a pointer to a mapping; a text without content is refused.
 * ERR_CONFIG "policy.yaml:3:1: unknown key \"colour\"". *ret is freed with yaml_free and the same
 * schema. name stands in messages ("policy.yaml"). */
must_use bool yaml_load(struct bytes text, const char *name, const cyaml_schema_value_t *schema,
	void **ret, struct err *err);
/* Sequences: as yaml_load, *ret_count gets the number of entries of a top-level sequence. */
must_use bool yaml_load_sequence(struct bytes text, const char *name,
	const cyaml_schema_value_t *schema, void **ret, unsigned *ret_count, struct err *err);
/* Puts the file's name in front of an error about what was loaded from it, with line and column
 * where err->place lies in the data: of the value at that address, else of the mapping around it
 * that was to hold it. "policy.yaml:14:20: …". The text is read once more for it. Is false. */
bool yaml_wrap(struct err *err, struct bytes text, const char *name,
	const cyaml_schema_value_t *schema, const void *data);
void yaml_free(const cyaml_schema_value_t *schema, void *data, unsigned count);

#endif
