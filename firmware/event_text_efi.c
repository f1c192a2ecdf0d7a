/* SPDX-License-Identifier: Apache-2.0 */
/* UEFI's structures in words. PFP 1.06 section 10.2. */
#include "firmware/event_text.h"

#include "base/reader.h"
#include "base/text.h"
#include "firmware/device_path.h"
#include "firmware/event_private.h"
#include "firmware/secure_boot.h"

#define GPT_HEADER_LEN    92u
#define GPT_DISK_GUID_AT  56u
#define GPT_ENTRY_LEN     128u
#define GPT_ENTRY_NAME_AT 56u
#define GPT_ENTRIES_SHOWN 16u
#define HANDOFF_SHOWN_MAX 8u
#define BOOT_ORDER_SHOWN  32u
#define SUBJECT_SHOWN_MAX 256u

static void put_address(const char *what, uint64_t base, uint64_t len, struct buf *out)
{
	buf_printf(out, "%s at 0x%llx, %llu bytes", what, (unsigned long long)base,
		(unsigned long long)len);
}

/* UEFI_PLATFORM_FIRMWARE_BLOB, or a description alone. */
void text_blob(const struct firmware_event *event, struct buf *out)
{
	struct reader r = rd_of(event->data);
	uint64_t base = rd_le64(&r, "blobBase"), len = rd_le64(&r, "blobLength");
	if (rd_finish(&r, NULL) && base)
		put_address("firmware volume", base, len, out);
	else
		put_data(event->data, out);
}

void text_post_code(const struct firmware_event *event, struct buf *out)
{
	text_blob(event, out);
}

/* UEFI_PLATFORM_FIRMWARE_BLOB2: a description in front. */
void text_blob2(const struct firmware_event *event, struct buf *out)
{
	struct reader r = rd_of(event->data);
	struct bytes name = rd_bytes(&r, rd_u8(&r, "blobDescriptionSize"), "blobDescription");
	uint64_t base = rd_le64(&r, "blobBase"), len = rd_le64(&r, "blobLength");
	if (!rd_finish(&r, NULL)) {
		put_data(event->data, out);
		return;
	}
	put_string(name, out);
	put_address("", base, len, out);
}

/* UEFI_IMAGE_LOAD_EVENT. */
void text_image(const struct firmware_event *event, struct buf *out)
{
	struct reader r = rd_of(event->data);
	uint64_t base = rd_le64(&r, "imageLocationInMemory");
	uint64_t len = rd_le64(&r, "imageLengthInMemory");
	(void)rd_le64(&r, "imageLinkTimeAddress");
	uint64_t path_len = rd_le64(&r, "lengthOfDevicePath");
	struct bytes path =
		rd_bytes(&r, path_len > SIZE_MAX ? SIZE_MAX : (size_t)path_len, "devicePath");
	if (rd_failed(&r)) {
		put_hex_cut(event->data, out);
		return;
	}
	buf_put_str(out, "image ");
	if (path.len == 0)
		buf_put_str(out, "without a path");
	else if (!device_path_text(path, out, NULL))
		put_hex_cut(path, out);
	put_address("", base, len, out);
}

/* ---- variables ---- */

static bool count_entry(void *context, const struct efi_signature *signature, struct err *err)
{
	(void)err;
	++((size_t *)context)[signature->kind];
	return true;
}

static void put_database(struct bytes data, struct buf *out)
{
	size_t counts[SIGNATURE_X509_SHA256 + 1] = {0};
	struct err err = {0};
	if (!signature_lists_walk(data, count_entry, counts, &err)) {
		buf_printf(out, "malformed: %s", err.text);
		return;
	}
	if (data.len == 0) {
		buf_put_str(out, "empty");
		return;
	}
	buf_printf(out, "%zu certificate%s, %zu hash%s", counts[SIGNATURE_X509],
		counts[SIGNATURE_X509] == 1 ? "" : "s", counts[SIGNATURE_SHA256],
		counts[SIGNATURE_SHA256] == 1 ? "" : "es");
	if (counts[SIGNATURE_X509_SHA256] || counts[SIGNATURE_OTHER])
		buf_printf(out, ", %zu certificate hashes, %zu others",
			counts[SIGNATURE_X509_SHA256], counts[SIGNATURE_OTHER]);
}

static void put_boolean(struct bytes data, struct buf *out)
{
	if (data.len == 0)
		buf_put_str(out, "absent");
	else if (data.len == 1 && data.data[0] <= 1)
		buf_put_str(out, data.data[0] ? "1" : "0");
	else
		put_data(data, out);
}

static void put_order(struct bytes data, struct buf *out)
{
	struct reader r = rd_of(data);
	for (size_t i = 0; rd_left(&r) > 1 && i < BOOT_ORDER_SHOWN; i++)
		buf_printf(out, "%s%04X", i ? " " : "", rd_le16(&r, "option"));
	if (rd_left(&r) > 0)
		buf_put_str(out, " …");
}

/* EFI_LOAD_OPTION, UEFI 2.10 section 3.1.3. */
static void put_load_option(struct bytes data, struct buf *out)
{
	struct reader r = rd_of(data);
	uint32_t attributes = rd_le32(&r, "attributes");
	uint16_t path_len = rd_le16(&r, "filePathListLength");
	size_t start = r.at, end = start;
	while (end + 1 < data.len && (data.data[end] || data.data[end + 1]))
		end += 2;
	struct bytes name = rd_bytes(&r, end - start, "description");
	(void)rd_le16(&r, "terminator");
	struct bytes path = rd_bytes(&r, path_len, "filePathList");
	if (rd_failed(&r)) {
		put_hex_cut(data, out);
		return;
	}
	put_utf16(name, out);
	buf_put_str(out, attributes & 1 ? ", " : " (inactive), ");
	if (!device_path_text(path, out, NULL))
		put_hex_cut(path, out);
}

static bool is_boot_option(struct bytes name)
{
	static const char digits[] = "0123456789ABCDEF";
	if (name.len != 16 || !utf16_equal(bytes_of(name.data, 8), "Boot"))
		return false;
	for (size_t i = 8; i < 16; i += 2)
		if (!name.data[i] || name.data[i + 1] || !strchr(digits, name.data[i]))
			return false;
	return true;
}

static void put_authority(struct bytes data, struct buf *out)
{
	char text[SUBJECT_SHOWN_MAX];
	buf_put_str(out, authority_entry_text(data, text, sizeof(text)));
}

static const struct {
	const char *name;
	void (*put)(struct bytes data, struct buf *out);
} variables[] = {
	{"SecureBoot", put_boolean},
	{"SetupMode", put_boolean},
	{"AuditMode", put_boolean},
	{"DeployedMode", put_boolean},
	{"MokListTrusted", put_boolean},
	{"MokSBState", put_boolean},
	{"SbatLevel", put_string},
	{"BootOrder", put_order},
	{"BootNext", put_order},
	{"PK", put_database},
	{"KEK", put_database},
	{"db", put_database},
	{"dbx", put_database},
	{"dbt", put_database},
	{"dbr", put_database},
	{"devdb", put_database},
};

/* UEFI_VARIABLE_DATA: the name, then what is known of its content. */
void text_variable(const struct firmware_event *event, struct buf *out)
{
	struct uefi_variable v;
	bool authority = event->type == EV_EFI_VARIABLE_AUTHORITY;
	void (*put)(struct bytes data, struct buf * out) = authority ? put_authority : put_data;
	if (!uefi_variable_parse(event->data, &v, NULL)) {
		buf_put_str(out, "malformed variable ");
		put_hex_cut(event->data, out);
		return;
	}
	put_utf16(v.name, out);
	buf_put_str(out, ": ");
	for (size_t i = 0; i < ARRAY_LEN(variables); i++)
		if (utf16_equal(v.name, variables[i].name) &&
			!(authority && variables[i].put == put_database))
			put = variables[i].put;
	if (is_boot_option(v.name))
		put = put_load_option;
	put(v.data, out);
}

/* ---- tables ---- */

static void put_guid(struct bytes bytes, struct buf *out)
{
	struct efi_guid guid;
	char text[EFI_GUID_TEXT];
	memcpy(guid.bytes, bytes.data, EFI_GUID_LEN);
	const char *name = efi_guid_name(&guid);
	buf_put_str(out, name ? name : efi_guid_text(&guid, text));
}

/* UEFI_GPT_DATA: the disk's header, then its partitions. */
void text_gpt(const struct firmware_event *event, struct buf *out)
{
	struct reader r = rd_of(event->data);
	struct bytes header = rd_bytes(&r, GPT_HEADER_LEN, "uefiPartitionHeader");
	uint64_t n = rd_le64(&r, "numberOfPartitions");
	if (rd_failed(&r)) {
		put_hex_cut(event->data, out);
		return;
	}
	buf_put_str(out, "disk ");
	put_guid(bytes_of(header.data + GPT_DISK_GUID_AT, EFI_GUID_LEN), out);
	buf_printf(out, ", %llu partitions", (unsigned long long)n);
	for (uint64_t i = 0; i < n && i < GPT_ENTRIES_SHOWN; i++) {
		struct bytes entry = rd_bytes(&r, GPT_ENTRY_LEN, "partition");
		if (rd_failed(&r))
			return;
		size_t len = GPT_ENTRY_NAME_AT;
		while (len < GPT_ENTRY_LEN && (entry.data[len] || entry.data[len + 1]))
			len += 2;
		buf_put_str(out, i ? ", " : ": ");
		put_utf16(bytes_of(entry.data + GPT_ENTRY_NAME_AT, len - GPT_ENTRY_NAME_AT), out);
	}
}

static void put_tables(struct reader *r, const struct firmware_event *event, struct buf *out)
{
	uint64_t n = rd_le64(r, "numberOfTables");
	if (rd_failed(r) || n > rd_left(r) / (EFI_GUID_LEN + 8)) {
		put_hex_cut(event->data, out);
		return;
	}
	buf_printf(out, "%llu tables", (unsigned long long)n);
	for (uint64_t i = 0; i < n && i < HANDOFF_SHOWN_MAX; i++) {
		buf_put_str(out, i ? ", " : ": ");
		put_guid(rd_bytes(r, EFI_GUID_LEN, "vendorGuid"), out);
		(void)rd_le64(r, "vendorTable");
	}
}

void text_handoff(const struct firmware_event *event, struct buf *out)
{
	struct reader r = rd_of(event->data);
	put_tables(&r, event, out);
}

void text_handoff2(const struct firmware_event *event, struct buf *out)
{
	struct reader r = rd_of(event->data);
	struct bytes name = rd_bytes(&r, rd_u8(&r, "tableDescriptionSize"), "tableDescription");
	put_string(name, out);
	buf_put_str(out, ": ");
	put_tables(&r, event, out);
}

/* TCG_DEVICE_SECURITY_EVENT_DATA_HEADER and …_HEADER2. */
void text_spdm(const struct firmware_event *event, struct buf *out)
{
	struct reader r = rd_of(event->data);
	struct bytes signature = rd_bytes(&r, 16, "signature");
	unsigned version = rd_le16(&r, "version");
	if (rd_failed(&r)) {
		put_hex_cut(event->data, out);
		return;
	}
	put_string(signature, out);
	buf_printf(out, " version %u, ", version);
	put_hex_cut(bytes_of(event->data.data + r.at, event->data.len - r.at), out);
}
