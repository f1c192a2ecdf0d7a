/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware/uefi_variable.h"

#include <stdio.h>

#include "base/reader.h"
#include "base/text.h"

#define LIST_HEADER_LEN      28u
#define SIGNATURE_OWNER_LEN  16u
#define X509_SHA256_DATA_LEN 48u /* hash of the TBSCertificate and a time of revocation */

struct known_guid {
	struct efi_guid guid;
	const char *name;
	enum signature_kind kind;
	uint32_t data_len; /* 0: any */
};

/* First three fields little endian. */
static const struct known_guid known_guids[] = {
	{{{0xa1, 0x59, 0xc0, 0xa5, 0xe4, 0x94, 0xa7, 0x4a, 0x87, 0xb5, 0xab, 0x15, 0x5c, 0x2b, 0xf0,
		 0x72}},
		"EFI_CERT_X509", SIGNATURE_X509, 0},
	{{{0x26, 0x16, 0xc4, 0xc1, 0x4c, 0x50, 0x92, 0x40, 0xac, 0xa9, 0x41, 0xf9, 0x36, 0x93, 0x43,
		 0x28}},
		"EFI_CERT_SHA256", SIGNATURE_SHA256, 32},
	{{{0x92, 0xa4, 0xd2, 0x3b, 0xc0, 0x96, 0x79, 0x40, 0xb4, 0x20, 0xfc, 0xf9, 0x8e, 0xf1, 0x03,
		 0xed}},
		"EFI_CERT_X509_SHA256", SIGNATURE_X509_SHA256, X509_SHA256_DATA_LEN},
	{{{0x61, 0xdf, 0xe4, 0x8b, 0xca, 0x93, 0xd2, 0x11, 0xaa, 0x0d, 0x00, 0xe0, 0x98, 0x03, 0x2b,
		 0x8c}},
		"EFI_GLOBAL_VARIABLE", SIGNATURE_OTHER, 0},
	{{{0xcb, 0xb2, 0x19, 0xd7, 0x3a, 0x3d, 0x96, 0x45, 0xa3, 0xbc, 0xda, 0xd0, 0x0e, 0x67, 0x65,
		 0x6f}},
		"EFI_IMAGE_SECURITY_DATABASE", SIGNATURE_OTHER, 0},
	{{{0x50, 0xab, 0x5d, 0x60, 0x46, 0xe0, 0x00, 0x43, 0xab, 0xb6, 0x3d, 0xd8, 0x10, 0xdd, 0x8b,
		 0x23}},
		"SHIM", SIGNATURE_OTHER, 0},
	{{{0xbd, 0x9a, 0xfa, 0x77, 0x59, 0x03, 0x32, 0x4d, 0xbd, 0x60, 0x28, 0xf4, 0xe7, 0x8f, 0x78,
		 0x4b}},
		"MICROSOFT", SIGNATURE_OTHER, 0},
	{{{0x31, 0x2d, 0x9d, 0xeb, 0x88, 0x2d, 0xd3, 0x11, 0x9a, 0x16, 0x00, 0x90, 0x27, 0x3f, 0xc1,
		 0x4d}},
		"SMBIOS_TABLE", SIGNATURE_OTHER, 0},
	{{{0x44, 0x15, 0xfd, 0xf2, 0x94, 0x97, 0x2c, 0x4a, 0x99, 0x2e, 0xe5, 0xbb, 0xcf, 0x20, 0xe3,
		 0x94}},
		"SMBIOS3_TABLE", SIGNATURE_OTHER, 0},
	{{{0x71, 0xe8, 0x68, 0x88, 0xf1, 0xe4, 0xd3, 0x11, 0xbc, 0x22, 0x00, 0x80, 0xc7, 0x3c, 0x88,
		 0x81}},
		"ACPI_20_TABLE", SIGNATURE_OTHER, 0},
};

static const struct known_guid *guid_find(const struct efi_guid *guid)
{
	for (size_t i = 0; i < ARRAY_LEN(known_guids); i++)
		if (memcmp(known_guids[i].guid.bytes, guid->bytes, EFI_GUID_LEN) == 0)
			return &known_guids[i];
	return NULL;
}

const char *efi_guid_name(const struct efi_guid *guid)
{
	const struct known_guid *known = guid_find(guid);
	return known ? known->name : NULL;
}

const char *efi_guid_text(const struct efi_guid *guid, char out[EFI_GUID_TEXT])
{
	const uint8_t *b = guid->bytes;
	(void)snprintf(out, EFI_GUID_TEXT,
		"%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[3], b[2],
		b[1], b[0], b[5], b[4], b[7], b[6], b[8], b[9], b[10], b[11], b[12], b[13], b[14],
		b[15]);
	return out;
}

/* ---- UTF-16 ---- */

static uint32_t unit_at(struct bytes text, size_t i)
{
	return text.data[i] | (uint32_t)text.data[i + 1] << 8;
}

static size_t utf8_of(uint32_t c, char out[5])
{
	size_t n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
	static const uint8_t first[] = {[2] = 0xc0, [3] = 0xe0, [4] = 0xf0};
	for (size_t i = n; i > 1; i--, c >>= 6)
		out[i - 1] = (char)(0x80 | (c & 0x3f));
	out[0] = (char)(first[n] | c);
	out[n] = '\0';
	return n;
}

/* Printable as it stands; what lays out text or hides is not (see text_escape). A backslash stays
 * single: here it parts the names of a path. */
static void put_code_point(uint32_t c, struct buf *out)
{
	char utf8[5], escaped[16];
	if (c >= 0x20 && c < 0x7f) {
		buf_put_u8(out, (uint8_t)c);
		return;
	}
	size_t n = c < 0x80 ? 0 : utf8_of(c, utf8);
	if (n && strcmp(text_escape(bytes_of(utf8, n), escaped, sizeof(escaped)), utf8) == 0)
		buf_put_str(out, utf8);
	else
		buf_printf(out, "\\u%04x", (unsigned)c);
}

void utf16_put(struct bytes text, struct buf *out)
{
	size_t len = text.len & ~(size_t)1;
	if (text.len % 2 == 0 && len >= 2 && unit_at(text, len - 2) == 0)
		len -= 2;
	for (size_t i = 0; i < len; i += 2) {
		uint32_t c = unit_at(text, i);
		if (c >= 0xd800 && c < 0xdc00 && i + 4 <= len) {
			uint32_t low = unit_at(text, i + 2);
			if (low >= 0xdc00 && low < 0xe000) {
				c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
				i += 2;
			}
		}
		put_code_point(c, out);
	}
	if (text.len % 2)
		buf_printf(out, "\\x%02x", text.data[text.len - 1]);
}

bool utf16_equal(struct bytes text, const char *ascii)
{
	size_t n = strlen(ascii);
	if (text.len == 2 * n + 2 && unit_at(text, 2 * n) == 0)
		text.len -= 2;
	if (text.len != 2 * n)
		return false;
	for (size_t i = 0; i < n; i++)
		if (unit_at(text, 2 * i) != (uint8_t)ascii[i])
			return false;
	return true;
}

/* ---- UEFI_VARIABLE_DATA ---- */

static void guid_take(struct reader *r, struct efi_guid *ret, const char *field)
{
	struct bytes bytes = rd_bytes(r, EFI_GUID_LEN, field);
	if (bytes.len)
		memcpy(ret->bytes, bytes.data, EFI_GUID_LEN);
}

bool uefi_variable_parse(struct bytes in, struct uefi_variable *ret, struct err *err)
{
	struct reader r = rd_of(in);
	struct uefi_variable v = {0};
	guid_take(&r, &v.guid, "variableName");
	uint64_t name_len = rd_le64(&r, "unicodeNameLength");
	uint64_t data_len = rd_le64(&r, "variableDataLength");
	if (name_len > UEFI_NAME_MAX)
		rd_fail(&r, "unicodeNameLength", "too long");
	v.name = rd_bytes(&r, (size_t)name_len * 2, "unicodeName");
	v.data = rd_bytes(&r, data_len > SIZE_MAX ? SIZE_MAX : (size_t)data_len, "variableData");
	if (rd_failed(&r))
		return rd_finish(&r, err);
	v.len = r.at;
	*ret = v;
	return true;
}

/* ---- EFI_SIGNATURE_LIST ---- */

struct walk {
	bool (*visit)(void *context, const struct efi_signature *signature, struct err *err);
	void *context;
	size_t count;
};

static bool list_visit(struct walk *w, struct reader *list, const struct efi_guid *type,
	uint32_t size, struct err *err)
{
	const struct known_guid *known = guid_find(type);
	while (rd_left(list) > 0) {
		struct efi_signature s = {
			.type = *type, .kind = known ? known->kind : SIGNATURE_OTHER};
		guid_take(list, &s.owner, "signatureOwner");
		s.offset = list->base + list->at;
		s.data = rd_bytes(list, size - SIGNATURE_OWNER_LEN, "signatureData");
		if (rd_failed(list))
			return rd_finish(list, err);
		if (++w->count > UEFI_SIGNATURES_MAX)
			return err_set(err, ERR_LIMIT, "signature list: more than %u entries",
				UEFI_SIGNATURES_MAX);
		if (!w->visit(w->context, &s, err))
			return false;
	}
	return true;
}

static bool list_walk(struct reader *r, struct walk *w, struct err *err)
{
	struct efi_guid type = {0};
	guid_take(r, &type, "signatureType");
	uint32_t list_size = rd_le32(r, "signatureListSize");
	uint32_t header_size = rd_le32(r, "signatureHeaderSize");
	uint32_t size = rd_le32(r, "signatureSize");
	const struct known_guid *known = guid_find(&type);
	if (list_size < LIST_HEADER_LEN)
		rd_fail(r, "signatureListSize", "less than its header");
	if (header_size > list_size - LIST_HEADER_LEN)
		rd_fail(r, "signatureHeaderSize", "beyond the list");
	if (size <= SIGNATURE_OWNER_LEN)
		rd_fail(r, "signatureSize", "less than an owner and a byte");
	if (known && known->data_len && size - SIGNATURE_OWNER_LEN != known->data_len)
		rd_fail(r, "signatureSize", "not that of the type");
	struct reader list = rd_sub(r, list_size - LIST_HEADER_LEN, "signatures");
	if (rd_failed(r))
		return rd_finish(r, err);
	(void)rd_bytes(&list, header_size, "signatureHeader");
	if (rd_left(&list) % size != 0)
		rd_fail(&list, "signatureListSize", "no whole number of signatures");
	if (rd_failed(&list))
		return rd_finish(&list, err);
	return list_visit(w, &list, &type, size, err);
}

bool signature_lists_walk(struct bytes in,
	bool (*visit)(void *context, const struct efi_signature *signature, struct err *err),
	void *context, struct err *err)
{
	struct walk w = {.visit = visit, .context = context};
	struct reader r = rd_of(in);
	for (size_t n = 0; rd_left(&r) > 0; n++) {
		if (n == UEFI_SIGNATURE_LISTS_MAX)
			return err_set(err, ERR_LIMIT, "signature list: more than %u lists",
				UEFI_SIGNATURE_LISTS_MAX);
		if (!list_walk(&r, &w, err))
			return err_wrap(err, "signature list %zu", n);
	}
	return true;
}
