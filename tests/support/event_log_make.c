/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/event_log_make.h"

#include <assert.h>
#include <stdio.h>

#include "base/file.h"

#define SIGNATURE_OWNER_LEN 16u
#define LIST_HEADER_LEN     28u

const uint8_t maker_global_guid[16] = {0x61, 0xdf, 0xe4, 0x8b, 0xca, 0x93, 0xd2, 0x11, 0xaa, 0x0d,
	0x00, 0xe0, 0x98, 0x03, 0x2b, 0x8c};
const uint8_t maker_database_guid[16] = {0xcb, 0xb2, 0x19, 0xd7, 0x3a, 0x3d, 0x96, 0x45, 0xa3, 0xbc,
	0xda, 0xd0, 0x0e, 0x67, 0x65, 0x6f};
const uint8_t maker_shim_guid[16] = {0x50, 0xab, 0x5d, 0x60, 0x46, 0xe0, 0x00, 0x43, 0xab, 0xb6,
	0x3d, 0xd8, 0x10, 0xdd, 0x8b, 0x23};
static const uint8_t x509_type[16] = {0xa1, 0x59, 0xc0, 0xa5, 0xe4, 0x94, 0xa7, 0x4a, 0x87, 0xb5,
	0xab, 0x15, 0x5c, 0x2b, 0xf0, 0x72};
static const uint8_t sha256_type[16] = {0x26, 0x16, 0xc4, 0xc1, 0x4c, 0x50, 0x92, 0x40, 0xac, 0xa9,
	0x41, 0xf9, 0x36, 0x93, 0x43, 0x28};

void put_le16(struct buf *out, uint16_t value)
{
	buf_put_u8(out, (uint8_t)value);
	buf_put_u8(out, (uint8_t)(value >> 8));
}

void put_le32(struct buf *out, uint32_t value)
{
	put_le16(out, (uint16_t)value);
	put_le16(out, (uint16_t)(value >> 16));
}

void put_le64(struct buf *out, uint64_t value)
{
	put_le32(out, (uint32_t)value);
	put_le32(out, (uint32_t)(value >> 32));
}

void put_utf16le(struct buf *out, const char *ascii)
{
	for (; *ascii; ascii++)
		put_le16(out, (uint8_t)*ascii);
}

/* ---- the log ---- */

void spec_id_put(const enum digest_alg *banks, size_t n, struct buf *out)
{
	buf_put(out, bytes_of("Spec ID Event03", 16));
	put_le32(out, 0); /* platformClass */
	buf_put(out, bytes_of("\0\2\0\2", 4)); /* 2.0, errata 0, UINTN of 8 bytes */
	put_le32(out, (uint32_t)n);
	for (size_t i = 0; i < n; i++) {
		put_le16(out, (uint16_t)banks[i]);
		put_le16(out, (uint16_t)digest_alg_len(banks[i]));
	}
	buf_put_u8(out, 0); /* vendorInfoSize */
}

void log_maker_start_with(struct log_maker *m, uint32_t pcr, struct bytes spec_id)
{
	static const uint8_t zero[20];
	put_le32(&m->out, pcr);
	put_le32(&m->out, EV_NO_ACTION);
	buf_put(&m->out, BYTES_OF(zero));
	put_le32(&m->out, (uint32_t)spec_id.len);
	buf_put(&m->out, spec_id);
}

void log_maker_start(struct log_maker *m, const enum digest_alg *banks, size_t n)
{
	OWNED(buf_release) struct buf body = {0};
	struct log_maker made = {.legacy = n == 0, .bank_count = n ? n : 1, .banks = {DIGEST_SHA1}};
	for (size_t i = 0; i < n; i++)
		made.banks[i] = banks[i];
	*m = made;
	if (n == 0)
		return;
	spec_id_put(m->banks, n, &body);
	log_maker_start_with(m, 0, buf_bytes(&body));
}

static void event_put(struct log_maker *m, uint32_t pcr, uint32_t type, bool zero,
	struct bytes hashed, struct bytes data)
{
	m->last = m->out.len;
	m->count++;
	put_le32(&m->out, pcr);
	put_le32(&m->out, type);
	if (!m->legacy)
		put_le32(&m->out, (uint32_t)m->bank_count);
	for (size_t i = 0; i < m->bank_count; i++) {
		struct digest digest;
		struct err err;
		if (!digest_of(m->banks[i], hashed, &digest, &err))
			m->out.failed = true;
		if (!m->legacy)
			put_le16(&m->out, (uint16_t)m->banks[i]);
		if (zero)
			memset(digest.bytes, 0, sizeof(digest.bytes));
		buf_put(&m->out, digest_bytes(&digest));
	}
	put_le32(&m->out, (uint32_t)data.len);
	buf_put(&m->out, data);
	assert(!m->out.failed);
}

void log_maker_put(
	struct log_maker *m, uint32_t pcr, uint32_t type, struct bytes hashed, struct bytes data)
{
	event_put(m, pcr, type, false, hashed, data);
}

void log_maker_event(struct log_maker *m, uint32_t pcr, uint32_t type, struct bytes data)
{
	event_put(m, pcr, type, false, data, data);
}

void log_maker_note(struct log_maker *m, uint32_t pcr, struct bytes data)
{
	event_put(m, pcr, EV_NO_ACTION, true, data, data);
}

void log_maker_text(struct log_maker *m, uint32_t pcr, uint32_t type, const char *text)
{
	log_maker_event(m, pcr, type, bytes_str(text));
}

void variable_put(const uint8_t guid[16], const char *name, struct bytes data, struct buf *out)
{
	buf_put(out, bytes_of(guid, 16));
	put_le64(out, strlen(name));
	put_le64(out, data.len);
	put_utf16le(out, name);
	buf_put(out, data);
}

void log_maker_variable(struct log_maker *m, uint32_t pcr, uint32_t type, const uint8_t guid[16],
	const char *name, struct bytes data)
{
	OWNED(buf_release) struct buf variable = {0};
	variable_put(guid, name, data, &variable);
	log_maker_put(m, pcr, type, type == EV_EFI_VARIABLE_BOOT ? data : buf_bytes(&variable),
		buf_bytes(&variable));
}

void log_maker_separators(struct log_maker *m, uint32_t first, uint32_t last)
{
	for (uint32_t pcr = first; pcr <= last; pcr++)
		log_maker_event(m, pcr, EV_SEPARATOR, bytes_of("\0\0\0\0", 4));
}

void log_maker_image(
	struct log_maker *m, uint32_t pcr, uint32_t type, const char *content, const char *file)
{
	OWNED(buf_release) struct buf image = {0}, path = {0};
	buf_put(&path, bytes_of("\4\4", 2));
	put_le16(&path, (uint16_t)(4 + 2 * strlen(file) + 2));
	put_utf16le(&path, file);
	put_le16(&path, 0);
	buf_put(&path, bytes_of("\x7f\xff\4\0", 4));
	put_le64(&image, 0x1000);
	put_le64(&image, strlen(content));
	put_le64(&image, 0);
	put_le64(&image, path.len);
	buf_put(&image, buf_bytes(&path));
	log_maker_put(m, pcr, type, bytes_str(content), buf_bytes(&image));
}

/* ---- signature lists ---- */

static void list_head_put(const uint8_t type[16], size_t n, size_t len, struct buf *out)
{
	size_t one = SIGNATURE_OWNER_LEN + len;
	buf_put(out, bytes_of(type, 16));
	put_le32(out, (uint32_t)(LIST_HEADER_LEN + n * one));
	put_le32(out, 0);
	put_le32(out, (uint32_t)one);
}

void signature_data_put(struct bytes der, struct buf *out)
{
	buf_put(out, bytes_of("owner-of-the-key", SIGNATURE_OWNER_LEN));
	buf_put(out, der);
}

void certificate_list_put(struct bytes der, struct buf *out)
{
	list_head_put(x509_type, 1, der.len, out);
	signature_data_put(der, out);
}

void hash_list_put(size_t n, struct buf *out)
{
	list_head_put(sha256_type, n, SHA256_LEN, out);
	for (size_t i = 0; i < n; i++) {
		uint8_t hash[SHA256_LEN];
		memset(hash, (int)i, sizeof(hash));
		signature_data_put(BYTES_OF(hash), out);
	}
}

/* ---- one whole boot ---- */

static void golden_firmware(struct log_maker *m)
{
	OWNED(buf_release) struct buf version = {0}, blob = {0}, blob2 = {0};
	log_maker_note(m, 0, bytes_of("StartupLocality\0\3", 17));
	put_utf16le(&version, "Golden 1.0");
	put_le16(&version, 0);
	log_maker_event(m, 0, EV_S_CRTM_VERSION, buf_bytes(&version));
	put_le64(&blob, 0x820000);
	put_le64(&blob, 0xe0000);
	log_maker_put(m, 0, EV_EFI_PLATFORM_FIRMWARE_BLOB, BYTES_LIT("volume"), buf_bytes(&blob));
	buf_put(&blob2, BYTES_LIT("\4DXE "));
	buf_put(&blob2, buf_bytes(&blob));
	log_maker_put(m, 0, EV_EFI_PLATFORM_FIRMWARE_BLOB2, BYTES_LIT("dxe"), buf_bytes(&blob2));
	log_maker_put(m, 0, EV_POST_CODE, BYTES_LIT("tables"), BYTES_LIT("ACPI DATA"));
}

static void golden_keys(struct log_maker *m, const struct golden *golden)
{
	OWNED(buf_release) struct buf keys = {0}, hashes = {0};
	uint32_t config = EV_EFI_VARIABLE_DRIVER_CONFIG;
	const char *on = golden->secure_boot_off ? "\0" : "\1";
	certificate_list_put(golden->certificate, &keys);
	hash_list_put(2, &hashes);
	log_maker_variable(m, 7, config, maker_global_guid, "SecureBoot", bytes_of(on, 1));
	log_maker_variable(m, 7, config, maker_global_guid, "PK", buf_bytes(&keys));
	log_maker_variable(m, 7, config, maker_global_guid, "KEK", buf_bytes(&keys));
	log_maker_variable(m, 7, config, maker_database_guid, "db", buf_bytes(&keys));
	log_maker_variable(m, 7, config, maker_database_guid, "dbx", buf_bytes(&hashes));
	log_maker_separators(m, 7, 7);
}

static void golden_options(struct log_maker *m)
{
	OWNED(buf_release) struct buf option = {0}, tables = {0};
	put_le32(&option, 1);
	put_le16(&option, 4);
	put_utf16le(&option, "Linux");
	put_le16(&option, 0);
	buf_put(&option, bytes_of("\x7f\xff\4\0", 4));
	log_maker_variable(m, 1, EV_EFI_VARIABLE_BOOT, maker_global_guid, "BootOrder",
		bytes_of("\1\0\2\0", 4));
	log_maker_variable(
		m, 1, EV_EFI_VARIABLE_BOOT2, maker_global_guid, "Boot0001", buf_bytes(&option));
	put_le64(&tables, 1);
	buf_put(&tables, bytes_of(maker_shim_guid, 16));
	put_le64(&tables, 0x7000);
	log_maker_put(m, 1, EV_EFI_HANDOFF_TABLES, BYTES_LIT("smbios"), buf_bytes(&tables));
	log_maker_image(m, 2, EV_EFI_BOOT_SERVICES_DRIVER, "driver", "\\nic.efi");
	log_maker_text(m, 4, EV_EFI_ACTION, "Calling EFI Application from Boot Option");
	log_maker_separators(m, 0, 6);
}

static void golden_gpt(struct log_maker *m)
{
	OWNED(buf_release) struct buf gpt = {0};
	uint8_t *head = buf_extend(&gpt, 92);
	if (head) {
		memset(head, 0x11, 92);
		memcpy(head, "EFI PART", 8);
	}
	put_le64(&gpt, 1);
	uint8_t *entry = buf_extend(&gpt, 128);
	if (entry) {
		memset(entry, 0, 128);
		memcpy(entry + 56, "E\0S\0P", 5);
	}
	log_maker_event(m, 5, EV_EFI_GPT_EVENT, buf_bytes(&gpt));
}

static void golden_loaders(struct log_maker *m, const struct golden *golden)
{
	OWNED(buf_release) struct buf key = {0}, line = {0};
	signature_data_put(golden->certificate, &key);
	if (!golden->secure_boot_off)
		log_maker_variable(m, 7, EV_EFI_VARIABLE_AUTHORITY, maker_database_guid, "db",
			buf_bytes(&key));
	golden_gpt(m);
	log_maker_image(m, 4, EV_EFI_BOOT_SERVICES_APPLICATION, "shim", "\\EFI\\BOOT\\BOOTX64.EFI");
	log_maker_put(m, 14, EV_IPL, BYTES_LIT("mok list"), bytes_of("MokList", 8));
	log_maker_variable(m, 7, EV_EFI_VARIABLE_AUTHORITY, maker_shim_guid, "SbatLevel",
		BYTES_LIT("sbat,1,2025021800\n"));
	log_maker_image(
		m, 4, EV_EFI_BOOT_SERVICES_APPLICATION, "grub", "\\EFI\\debian\\grubx64.efi");
	log_maker_put(
		m, 8, EV_IPL, BYTES_LIT("set default=0"), bytes_of("grub_cmd: set default=0", 24));
	log_maker_put(m, 9, EV_IPL, BYTES_LIT("kernel"), bytes_of("(hd0,gpt1)/vmlinuz", 19));
	log_maker_image(m, 4, EV_EFI_BOOT_SERVICES_APPLICATION, "kernel", "\\vmlinuz");
	buf_put_str(&line, "kernel_cmdline: ");
	buf_put_str(&line,
		golden->command_line ? golden->command_line : "/vmlinuz root=/dev/vda quiet");
	struct bytes text = bytes_of(line.data + 16, line.len - 16);
	buf_put_u8(&line, 0);
	log_maker_put(m, 8, EV_IPL, bytes_of(line.data + 16, text.len), buf_bytes(&line));
	log_maker_put(m, 9, EV_IPL, BYTES_LIT("initrd"), bytes_of("(hd0,gpt1)/initrd.img", 22));
}

static void golden_tag(
	struct log_maker *m, uint32_t pcr, uint32_t id, const char *content, struct bytes text)
{
	OWNED(buf_release) struct buf tag = {0};
	put_le32(&tag, id);
	put_le32(&tag, (uint32_t)text.len);
	buf_put(&tag, text);
	log_maker_put(m, pcr, EV_EVENT_TAG, content ? bytes_str(content) : buf_bytes(&tag),
		buf_bytes(&tag));
}

static void golden_stub(struct log_maker *m)
{
	OWNED(buf_release) struct buf name = {0}, line = {0}, counter = {0};
	put_utf16le(&name, ".linux");
	put_le16(&name, 0);
	log_maker_put(m, 11, EV_IPL, bytes_of(".linux", 7), buf_bytes(&name));
	log_maker_put(m, 11, EV_IPL, BYTES_LIT("kernel"), buf_bytes(&name));
	put_utf16le(&line, "root=/dev/vda quiet");
	put_le16(&line, 0);
	log_maker_event(m, 12, EV_IPL, buf_bytes(&line));
	put_le32(&counter, 0x00020002);
	put_le32(&counter, 8);
	put_le64(&counter, 155);
	golden_tag(m, 12, 0x40010001, NULL, buf_bytes(&counter));
	golden_tag(m, 9, 0x8f3b22ed, "options", bytes_of("LOADED_IMAGE::LoadOptions", 26));
	golden_tag(m, 9, 0x8f3b22ec, "initrd", bytes_of("Linux initrd", 13));
	log_maker_text(m, 5, EV_EFI_ACTION, "Exit Boot Services Invocation");
	log_maker_text(m, 5, EV_EFI_ACTION, "Exit Boot Services Returned with Success");
}

void log_maker_golden(struct log_maker *m, const struct golden *golden)
{
	golden_firmware(m);
	golden_keys(m, golden);
	golden_options(m);
	golden_loaders(m, golden);
	golden_stub(m);
}

bool firmware_data_read(const char *name, struct buf *out)
{
	char path[512];
	struct err err = {0};
	(void)snprintf(path, sizeof(path), "%s/tests/data/firmware/%s", ASSAY_SOURCE_DIR, name);
	if (file_read(path, 1u << 20, out, &err))
		return true;
	(void)fprintf(stderr, "%s\n", err.text);
	return false;
}
