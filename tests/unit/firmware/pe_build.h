/* SPDX-License-Identifier: Apache-2.0 */
/* Small PE images made to measure: the tests say which sections they hold and where. */
#ifndef ASSAY_TESTS_UNIT_FIRMWARE_PE_BUILD_H
#define ASSAY_TESTS_UNIT_FIRMWARE_PE_BUILD_H

#include "base/bytes.h"

enum {
	PE_BUILD_PE = 0x40, /* where the PE header lies */
	PE_BUILD_OPTIONAL = PE_BUILD_PE + 24,
	PE_BUILD_HEADERS = 0x400, /* SizeOfHeaders */
};

struct pe_build_section {
	const char *name;
	const char *data; /* the raw data */
	uint32_t virtual_size; /* 0: that of the data */
	uint32_t offset; /* 0: behind what was placed before */
};

struct pe_build {
	bool pe32; /* PE32, not PE32+ */
	bool few_directories; /* 4: no certificate table */
	const char *trailing; /* behind the sections */
	struct bytes certificates; /* the table's content, appended at the end */
	struct pe_build_section sections[16];
};

static inline void pe_put_le(struct buf *buf, size_t at, size_t n, uint64_t value)
{
	for (size_t i = 0; i < n; i++)
		buf->data[at + i] = (uint8_t)(value >> 8 * i);
}

static inline void pe_grow(struct buf *buf, size_t len)
{
	while (buf->len < len)
		buf_put_u8(buf, 0);
}

static inline size_t pe_build_optional_size(const struct pe_build *build)
{
	return (build->pe32 ? 96u : 112u) + (build->few_directories ? 4u : 16u) * 8u;
}

static inline size_t pe_build_security_at(const struct pe_build *build)
{
	return PE_BUILD_OPTIONAL + (build->pe32 ? 96u : 112u) + 32u;
}

static inline void pe_build_section_put(
	struct buf *out, size_t header, const struct pe_build_section *section, size_t *end)
{
	size_t len = section->data ? strlen(section->data) : 0;
	size_t at = section->offset ? section->offset : *end;
	uint32_t size = section->virtual_size ? section->virtual_size : (uint32_t)len;

	memcpy(out->data + header, section->name, strnlen(section->name, 8));
	pe_put_le(out, header + 8, 4, size);
	pe_put_le(out, header + 16, 4, len);
	pe_put_le(out, header + 20, 4, at);
	pe_grow(out, at + len);
	if (len)
		memcpy(out->data + at, section->data, len);
	if (at + len > *end)
		*end = at + len;
}

/* Replaces the content of out by the image. */
static inline struct bytes pe_build(const struct pe_build *build, struct buf *out)
{
	size_t optional = pe_build_optional_size(build), end = PE_BUILD_HEADERS, n = 0;

	buf_clear(out);
	pe_grow(out, PE_BUILD_HEADERS);
	while (n < ARRAY_LEN(build->sections) && build->sections[n].name)
		n++;
	memcpy(out->data, "MZ", 2);
	pe_put_le(out, 0x3c, 4, PE_BUILD_PE);
	memcpy(out->data + PE_BUILD_PE, "PE\0\0", 4);
	pe_put_le(out, PE_BUILD_PE + 4, 2, build->pe32 ? 0x14c : 0x8664);
	pe_put_le(out, PE_BUILD_PE + 6, 2, n);
	pe_put_le(out, PE_BUILD_PE + 20, 2, optional);
	pe_put_le(out, PE_BUILD_PE + 22, 2, 0x22);
	pe_put_le(out, PE_BUILD_OPTIONAL, 2, build->pe32 ? 0x10b : 0x20b);
	pe_put_le(out, PE_BUILD_OPTIONAL + 60, 4, PE_BUILD_HEADERS);
	pe_put_le(out, PE_BUILD_OPTIONAL + 64, 4, 0xdeadbeef); /* CheckSum */
	pe_put_le(out, PE_BUILD_OPTIONAL + (build->pe32 ? 92u : 108u), 4,
		build->few_directories ? 4 : 16);
	for (size_t i = 0; i < n; i++)
		pe_build_section_put(
			out, PE_BUILD_OPTIONAL + optional + 40 * i, &build->sections[i], &end);
	buf_put_str(out, build->trailing ? build->trailing : "");
	if (build->certificates.len) {
		pe_put_le(out, pe_build_security_at(build), 4, out->len);
		pe_put_le(out, pe_build_security_at(build) + 4, 4, build->certificates.len);
		buf_put(out, build->certificates);
	}
	return buf_bytes(out);
}

#endif
