/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private to firmware/: the numbers of CoRIM and CoMID (draft-ietf-rats-corim) with their names,
 * and the part of the reader that reads CoMIDs.
 */
#ifndef ASSAY_FIRMWARE_CORIM_PRIVATE_H
#define ASSAY_FIRMWARE_CORIM_PRIVATE_H

#include "firmware/corim.h"

enum {
	CORIM_NAME_MAX = 1024,
	CORIM_TAG_MANIFEST = 501,
	CORIM_TAG_COMID = 506,
	CORIM_MVAL_DIGESTS = 2,
	CORIM_MVAL_REGISTERS = 14,
};

#define CORIM_CONTENT_TYPE     "application/rim+cbor"
#define CORIM_CONTENT_TYPE_OLD "application/corim-unsigned+cbor" /* of early drafts */

/* DIGEST_NONE for what no PCR bank has. */
enum digest_alg corim_alg_of_id(uint64_t id);
enum digest_alg corim_alg_of_name(struct bytes name);
/* 0 when the Named Information registry has no number for it. */
uint64_t corim_id_of_alg(enum digest_alg alg);
/* "triple attest-key"; NULL when not known. */
const char *corim_triple_name(uint64_t number);
/* "tag coswid"; NULL when not known. */
const char *corim_tag_name(uint64_t tag);

/* Counts what was passed over, with its number when it has one. */
void corim_skip_note(struct corim *corim, const char *what, uint64_t number, bool numbered);
/* Adds the values of one CoMID. */
must_use bool corim_comid_read(struct bytes in, struct corim *corim, struct err *err);

#endif
