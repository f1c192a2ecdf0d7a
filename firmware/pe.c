/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware/pe.h"

#include "base/reader.h"

enum {
	PE_OFFSET_AT = 0x3c,
	COFF_SIZE = 24, /* with the signature */
	MAGIC_PE32 = 0x10b,
	MAGIC_PE32_PLUS = 0x20b,
	DIRECTORY_SIZE = 8,
	DIRECTORIES_MAX = 16,
	DIRECTORY_SECURITY = 4,
	SECTION_SIZE = 40,
	WIN_CERTIFICATE_SIZE = 8,
	SIGNATURES_MAX = 64,
};

/* Where the walk over the headers stands. */
struct pe_layout {
	size_t optional_at;
	uint16_t optional_size;
	uint16_t section_count;
	size_t sections_at;
};

static struct reader reader_at(struct bytes in, size_t at)
{
	struct reader r = rd_of(in);

	if (at > in.len)
		rd_fail(&r, "offset", "outside the file");
	else
		r.at = at;
	return r;
}

static bool failed(const struct reader *r, struct err *err)
{
	if (!rd_failed(r))
		return false;
	err_set(err, ERR_FORMAT, "PE image: %s: %s at offset %zu", r->field, r->why, r->failed_at);
	return true;
}

static bool parse_coff(struct pe_image *image, struct pe_layout *layout, struct err *err)
{
	struct reader r = rd_of(image->file);
	uint32_t pe_at;

	if (rd_le16(&r, "MZ header") != 0x5a4d)
		rd_fail(&r, "MZ header", "not a PE image");
	(void)rd_bytes(&r, PE_OFFSET_AT - 2, "MZ header");
	pe_at = rd_le32(&r, "PE header offset");
	if (failed(&r, err))
		return false;
	r = reader_at(image->file, pe_at);
	if (rd_le32(&r, "PE signature") != 0x00004550)
		rd_fail(&r, "PE signature", "not a PE image");
	image->machine = rd_le16(&r, "Machine");
	layout->section_count = rd_le16(&r, "NumberOfSections");
	(void)rd_bytes(&r, 12, "COFF header");
	layout->optional_size = rd_le16(&r, "SizeOfOptionalHeader");
	(void)rd_le16(&r, "Characteristics");
	layout->optional_at = (size_t)pe_at + COFF_SIZE;
	layout->sections_at = layout->optional_at + layout->optional_size;
	if (failed(&r, err))
		return false;
	if (layout->section_count == 0 || layout->section_count > PE_SECTIONS_MAX)
		return err_set(err, ERR_LIMIT, "PE image: %u sections, expected 1 to %d",
			layout->section_count, PE_SECTIONS_MAX);
	return true;
}

/* The directory entry of the certificate table holds a file offset, unlike all others. */
static bool parse_security(struct pe_image *image, struct err *err)
{
	struct reader r = reader_at(image->file, image->security_at);
	uint32_t at = rd_le32(&r, "certificate table offset");
	uint32_t size = rd_le32(&r, "certificate table size");

	if (failed(&r, err))
		return false;
	if (size == 0)
		return true;
	if (at < image->headers_size || at > image->file.len || size > image->file.len - at)
		return err_set(err, ERR_FORMAT,
			"PE image: certificate table: %u bytes at %u do not lie in the %zu bytes "
			"after the headers",
			size, at, image->file.len);
	image->certificates_size = size;
	image->certificates = bytes_of(image->file.data + at, size);
	return true;
}

static bool parse_optional(struct pe_image *image, const struct pe_layout *layout, struct err *err)
{
	struct reader file = reader_at(image->file, layout->optional_at);
	struct reader r = rd_sub(&file, layout->optional_size, "optional header");
	uint16_t magic = rd_le16(&r, "Magic");
	uint32_t directories;

	if (failed(&file, err))
		return false;
	if (magic != MAGIC_PE32 && magic != MAGIC_PE32_PLUS)
		rd_fail(&r, "Magic", "neither PE32 nor PE32+");
	(void)rd_bytes(&r, 58, "optional header");
	image->headers_size = rd_le32(&r, "SizeOfHeaders");
	image->checksum_at = layout->optional_at + 64;
	(void)rd_le32(&r, "CheckSum");
	(void)rd_bytes(&r, magic == MAGIC_PE32 ? 24 : 40, "optional header");
	directories = rd_le32(&r, "NumberOfRvaAndSizes");
	if (directories > DIRECTORIES_MAX)
		rd_fail(&r, "NumberOfRvaAndSizes", "more than 16");
	else if (directories > DIRECTORY_SECURITY)
		image->security_at =
			layout->optional_at + r.at + DIRECTORY_SECURITY * DIRECTORY_SIZE;
	(void)rd_bytes(&r, (size_t)directories * DIRECTORY_SIZE, "directories");
	rd_sub_finish(&file, &r, "SizeOfOptionalHeader");
	if (failed(&file, err))
		return false;
	if (image->headers_size > image->file.len ||
		image->headers_size <
			layout->sections_at + (size_t)layout->section_count * SECTION_SIZE)
		return err_set(err, ERR_FORMAT,
			"PE image: SizeOfHeaders: %u does not hold the section table or exceeds "
			"the file",
			image->headers_size);
	return image->security_at == 0 || parse_security(image, err);
}

static bool parse_section(struct reader *r, size_t i, struct pe_image *image, struct err *err)
{
	struct pe_section *section = &image->sections[i];
	struct bytes name = rd_bytes(r, PE_NAME_MAX, "section name");
	uint32_t size;

	if (name.len)
		memcpy(section->name, name.data, name.len);
	section->virtual_size = rd_le32(r, "VirtualSize");
	(void)rd_le32(r, "VirtualAddress");
	size = rd_le32(r, "SizeOfRawData");
	section->file_offset = rd_le32(r, "PointerToRawData");
	(void)rd_bytes(r, 16, "section header");
	if (failed(r, err))
		return false;
	if (size == 0)
		return true;
	if (section->file_offset > image->file.len || size > image->file.len - section->file_offset)
		return err_set(err, ERR_FORMAT,
			"PE image: section %zu: %u bytes at %u exceed the file of %zu", i, size,
			section->file_offset, image->file.len);
	section->data = bytes_of(image->file.data + section->file_offset, size);
	return true;
}

bool pe_parse(struct bytes file, struct pe_image *ret, struct err *err)
{
	struct pe_layout layout = {0};
	struct reader r;

	if (file.len > PE_FILE_MAX)
		return err_set(err, ERR_LIMIT, "PE image: more than %u bytes", PE_FILE_MAX);
	*ret = (struct pe_image){.file = file};
	if (!parse_coff(ret, &layout, err) || !parse_optional(ret, &layout, err))
		return false;
	r = reader_at(file, layout.sections_at);
	for (size_t i = 0; i < layout.section_count; i++)
		if (!parse_section(&r, i, ret, err))
			return false;
	ret->section_count = layout.section_count;
	return true;
}

/* Insertion sort: stable, as the order of sections with equal offsets is the table's. */
static void sections_sort(const struct pe_image *image, size_t order[PE_SECTIONS_MAX])
{
	for (size_t i = 0; i < image->section_count; i++) {
		size_t at = i;

		for (; at > 0 &&
			image->sections[order[at - 1]].file_offset > image->sections[i].file_offset;
			at--)
			order[at] = order[at - 1];
		order[at] = i;
	}
}

static bool hash_range(struct hasher *hasher, const struct pe_image *image, size_t from, size_t to,
	struct err *err)
{
	return from >= to ||
	       hasher_update(hasher, bytes_of(image->file.data + from, to - from), err);
}

static bool hash_headers(struct hasher *hasher, const struct pe_image *image, struct err *err)
{
	size_t after_checksum = image->checksum_at + 4;

	if (!hash_range(hasher, image, 0, image->checksum_at, err))
		return false;
	if (image->security_at == 0)
		return hash_range(hasher, image, after_checksum, image->headers_size, err);
	return hash_range(hasher, image, after_checksum, image->security_at, err) &&
	       hash_range(hasher, image, image->security_at + DIRECTORY_SIZE, image->headers_size,
		       err);
}

static bool hash_image(struct hasher *hasher, const struct pe_image *image, struct err *err)
{
	size_t order[PE_SECTIONS_MAX];
	size_t hashed = image->headers_size;

	if (!hash_headers(hasher, image, err))
		return false;
	sections_sort(image, order);
	for (size_t i = 0; i < image->section_count; i++) {
		struct bytes data = image->sections[order[i]].data;

		if (data.len && !hasher_update(hasher, data, err))
			return false;
		hashed += data.len;
	}
	if (image->file.len < image->certificates_size ||
		hashed > image->file.len - image->certificates_size)
		return err_set(err, ERR_FORMAT,
			"PE image: headers, sections and certificate table are %zu bytes, the file "
			"%zu",
			hashed + image->certificates_size, image->file.len);
	return hash_range(hasher, image, hashed, image->file.len - image->certificates_size, err);
}

bool pe_authenticode(
	const struct pe_image *image, enum digest_alg alg, struct digest *ret, struct err *err)
{
	OWNED(hasher_free) struct hasher *hasher = NULL;

	return hasher_new(alg, &hasher, err) && hash_image(hasher, image, err) &&
	       hasher_final(hasher, ret, err);
}

size_t pe_section_find(const struct pe_image *image, const char *name, size_t from)
{
	for (size_t i = from; i < image->section_count; i++)
		if (strcmp(image->sections[i].name, name) == 0)
			return i;
	return image->section_count;
}

bool pe_section_digest(
	const struct pe_section *section, enum digest_alg alg, struct digest *ret, struct err *err)
{
	static const uint8_t zeros[4096];
	OWNED(hasher_free) struct hasher *hasher = NULL;
	size_t in_file = section->data.len < section->virtual_size ? section->data.len
								   : section->virtual_size;

	if (section->virtual_size > PE_FILE_MAX)
		return err_set(err, ERR_LIMIT, "PE image: section %s: more than %u bytes",
			section->name, PE_FILE_MAX);
	if (!hasher_new(alg, &hasher, err) ||
		(in_file && !hasher_update(hasher, bytes_of(section->data.data, in_file), err)))
		return false;
	for (size_t left = section->virtual_size - in_file; left > 0;) {
		size_t n = left < sizeof(zeros) ? left : sizeof(zeros);

		if (!hasher_update(hasher, bytes_of(zeros, n), err))
			return false;
		left -= n;
	}
	return hasher_final(hasher, ret, err);
}

bool pe_signature_next(
	const struct pe_image *image, size_t *at, struct pe_signature *ret, struct err *err)
{
	struct reader r = rd_of(image->certificates);
	uint32_t length;

	if (*at >= image->certificates.len)
		return false;
	r.at = *at;
	length = rd_le32(&r, "dwLength");
	ret->revision = rd_le16(&r, "wRevision");
	ret->type = rd_le16(&r, "wCertificateType");
	if (!rd_failed(&r) && length < WIN_CERTIFICATE_SIZE)
		rd_fail(&r, "dwLength", "less than its own header");
	ret->content = rd_bytes(&r, length - WIN_CERTIFICATE_SIZE, "bCertificate");
	if (failed(&r, err))
		return err_wrap(err, "certificate table");
	*at += ((size_t)length + 7) & ~(size_t)7;
	return true;
}

bool pe_signature_count(const struct pe_image *image, size_t *ret, struct err *err)
{
	struct pe_signature signature;
	size_t at = 0, count = 0;
	struct err fault = {0};

	while (pe_signature_next(image, &at, &signature, &fault))
		if (++count > SIGNATURES_MAX)
			return err_set(err, ERR_LIMIT,
				"PE image: certificate table: more than %d signatures",
				SIGNATURES_MAX);
	if (fault.code != ERR_NONE)
		return err_set(err, fault.code, "%s", fault.text);
	*ret = count;
	return true;
}
