/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PE/COFF images as UEFI firmware loads them: sections, embedded signatures, and the Authenticode
 * digest that is extended into PCR 4 (Windows Authenticode Portable Executable Signature Format 1.0;
 * TCG PC Client Platform Firmware Profile 1.06 section 3.3.4.5).
 *
 *   0      MZ header; le32 at 0x3c: offset of the PE header
 *   pe     "PE\0\0", COFF header (20 bytes), optional header (PE32 or PE32+) with the directories
 *   then   one header of 40 bytes for each section
 *
 * All views borrow from the file, which must stay as it is.
 */
#ifndef ASSAY_FIRMWARE_PE_H
#define ASSAY_FIRMWARE_PE_H

#include "crypto/digest.h"

#define PE_SECTIONS_MAX 256
#define PE_NAME_MAX     8
#define PE_FILE_MAX     (1u << 30)

struct pe_section {
	char name[PE_NAME_MAX + 1]; /* NUL-terminated here, up to 8 characters in the file */
	uint32_t virtual_size; /* bytes in memory: beyond data they are zero */
	uint32_t file_offset;
	struct bytes data; /* raw data in the file, may be longer than virtual_size */
};

struct pe_image {
	struct bytes file;
	uint16_t machine; /* 0x8664 x86-64, 0xaa64 AArch64, 0x014c i386 */
	size_t checksum_at; /* offset of the optional header's CheckSum, 4 bytes */
	size_t security_at; /* offset of the certificate table's directory entry, 8 bytes; 0: none */
	uint32_t headers_size; /* SizeOfHeaders */
	struct bytes certificates; /* the certificate table; empty when there is none */
	uint32_t certificates_size; /* the directory entry's size, 0 without an entry */
	size_t section_count;
	struct pe_section sections[PE_SECTIONS_MAX]; /* in the order of the section table */
};

enum pe_signature_type {
	PE_SIGNATURE_X509 = 0x0001,
	PE_SIGNATURE_PKCS7 = 0x0002,
	PE_SIGNATURE_PKCS1 = 0x0ef0,
	PE_SIGNATURE_GUID = 0x0ef1,
};

/* One WIN_CERTIFICATE: le32 length with this header, le16 revision (0x0100 or 0x0200), le16 type,
 * content; the next one begins at a multiple of 8. */
struct pe_signature {
	uint16_t revision;
	uint16_t type; /* one of pe_signature_type, or another value */
	struct bytes content;
};

/* Reads the headers. Refused (ERR_FORMAT, ERR_LIMIT) with the field and offset: what is no PE image,
 * headers or raw data outside the file, an optional header whose size does not fit its directories,
 * a certificate table outside the file or over the headers. */
must_use bool pe_parse(struct bytes file, struct pe_image *ret, struct err *err);

/* The Authenticode digest as firmware computes it (EDK2's DxeTpm2MeasureBootLib and
 * DxeImageVerificationLib): the headers without CheckSum and without the certificate table's
 * directory entry, the raw data of the sections by rising file offset (of equal offsets in table
 * order), then what follows as many bytes as were hashed so far up to the certificate table's size
 * before the end. Nothing is padded: sbsign pads a file to a multiple of 8 when it signs it, so the
 * digest of the signed file may differ from that of the unsigned one. ERR_FORMAT where sections
 * overlap so far that firmware refuses the image. */
must_use bool pe_authenticode(
	const struct pe_image *image, enum digest_alg alg, struct digest *ret, struct err *err);

/* Index of the first section of that name at or after `from`; section_count when there is none. */
size_t pe_section_find(const struct pe_image *image, const char *name, size_t from);
/* Hashes a section as it lies in memory: virtual_size bytes, zeros where the file has no data. */
must_use bool pe_section_digest(
	const struct pe_section *section, enum digest_alg alg, struct digest *ret, struct err *err);

/* Walks the certificate table: *at begins at 0 and moves on. Returns false at its end (err untouched)
 * or at a malformed entry (ERR_FORMAT). */
bool pe_signature_next(
	const struct pe_image *image, size_t *at, struct pe_signature *ret, struct err *err);
/* The number of embedded signatures. ERR_FORMAT for a malformed table. */
must_use bool pe_signature_count(const struct pe_image *image, size_t *ret, struct err *err);

#endif
