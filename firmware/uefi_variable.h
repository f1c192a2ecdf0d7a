/* SPDX-License-Identifier: Apache-2.0 */
/* UEFI variables as firmware measures them, the signature lists inside, and UTF-16 as text. All
 * little endian; results borrow from the input. */
#ifndef ASSAY_FIRMWARE_UEFI_VARIABLE_H
#define ASSAY_FIRMWARE_UEFI_VARIABLE_H

#include "base/bytes.h"

#define EFI_GUID_LEN             16u
#define EFI_GUID_TEXT            37u /* with the NUL */
#define UEFI_NAME_MAX            512u /* characters */
#define UEFI_SIGNATURES_MAX      65536u /* entries in one variable */
#define UEFI_SIGNATURE_LISTS_MAX 4096u

struct efi_guid {
	uint8_t bytes[EFI_GUID_LEN]; /* as on the wire: the first three fields little endian */
};
/* "8be4df61-93ca-11d2-aa0d-00e098032b8c"; returns out. */
const char *efi_guid_text(const struct efi_guid *guid, char out[EFI_GUID_TEXT]);
/* What a well-known GUID stands for ("EFI_GLOBAL_VARIABLE"); NULL for others. */
const char *efi_guid_name(const struct efi_guid *guid);

/* Appends UTF-16LE as printable UTF-8, everything else as \uNNNN; a trailing NUL is left out, an
 * odd last byte is shown as \xNN. */
void utf16_put(struct bytes text, struct buf *out);
/* Equal to an ASCII text; a trailing NUL does not count. */
bool utf16_equal(struct bytes text, const char *ascii);

/* UEFI_VARIABLE_DATA, PFP section 10.2.6. */
struct uefi_variable {
	struct efi_guid guid;
	struct bytes name; /* UTF-16LE, without NUL, at most UEFI_NAME_MAX characters */
	struct bytes data;
	size_t len; /* of the structure as its own lengths say */
};
/* ERR_FORMAT unless the structure's lengths fit the input; bytes behind it (shim once logged one
 * too many) are the caller's to judge: ret->len against in.len. */
must_use bool uefi_variable_parse(struct bytes in, struct uefi_variable *ret, struct err *err);

enum signature_kind {
	SIGNATURE_OTHER = 0,
	SIGNATURE_X509,
	SIGNATURE_SHA256,
	SIGNATURE_X509_SHA256
};
/* One EFI_SIGNATURE_DATA, UEFI 2.10 section 32.4.1. */
struct efi_signature {
	struct efi_guid type, owner;
	enum signature_kind kind;
	struct bytes data; /* certificate DER, hash, … */
	size_t offset; /* of `data` in the variable's data */
};
/* Visits every entry of an EFI_SIGNATURE_LIST array, in order; the visitor stops with false and
 * err. ERR_FORMAT for sizes that lie (list below 28 bytes or beyond the input, signature below 17
 * bytes, a header beyond the list, a rest that is no whole signature, a hash of another size),
 * ERR_LIMIT for more than UEFI_SIGNATURES_MAX. Empty input has no entries. */
must_use bool signature_lists_walk(struct bytes in,
	bool (*visit)(void *context, const struct efi_signature *signature, struct err *err),
	void *context, struct err *err);

#endif
