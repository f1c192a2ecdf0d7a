/* SPDX-License-Identifier: Apache-2.0 */
/* Private to base/yaml*.c: the strict scan of a text before libcyaml loads it. */
#ifndef ASSAY_BASE_YAML_SCAN_H
#define ASSAY_BASE_YAML_SCAN_H

#include "base/yaml.h"

/* Refuses what libcyaml would let pass; ERR_CONFIG "name:line:column: …". */
must_use bool yaml_scan(
	struct bytes text, const char *name, const cyaml_schema_value_t *schema, struct err *err);

#endif
