/* SPDX-License-Identifier: Apache-2.0 */
/* Templates of the IMA measurement list and the fields that they are made of. */
#ifndef ASSAY_FIRMWARE_IMA_TEMPLATE_H
#define ASSAY_FIRMWARE_IMA_TEMPLATE_H

#include "base/reader.h"
#include "firmware/ima.h"

/* The fields of a template, by its name or, for one without a name, by its field list. ERR_UNSUPPORTED
 * names what is not known, ERR_FORMAT a list that says a thing twice. */
must_use bool ima_template_fields(
	struct bytes name, uint8_t ret_fields[IMA_FIELDS_MAX], size_t *ret_count, struct err *err);
/* Reads the fields of one entry, exactly what the reader holds, into ret->field and what follows from
 * them: digest, algorithm, path. Faults stay in the reader; true unless a hash algorithm is not
 * known. */
must_use bool ima_fields_read(struct reader *r, const uint8_t *fields, size_t count,
	struct ima_entry *ret, struct err *err);
/* The same for the data of the template "ima", which ends where its path ends. */
void ima_fields_read_old(struct reader *r, struct ima_entry *ret);
/* ERR_MISMATCH unless the template digest is the one made from the data. */
must_use bool ima_digest_is(
	const struct ima_entry *entry, const struct digest *made, struct err *err);

#endif
