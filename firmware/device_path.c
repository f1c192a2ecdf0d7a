/* SPDX-License-Identifier: Apache-2.0 */
/* UEFI 2.10 section 10.3: a chain of nodes, each with type, subtype and length. */
#include "firmware/device_path.h"

#include "base/reader.h"
#include "base/text.h"
#include "firmware/uefi_variable.h"

#define NODE_HEADER_LEN 4u
#define END_TYPE        0x7fu
#define END_INSTANCE    0x01u
#define END_ENTIRE      0xffu
#define ANY_LENGTH      0xffffu

static void put_pci(struct reader *r, struct buf *out)
{
	unsigned function = rd_u8(r, "function"), device = rd_u8(r, "device");
	buf_printf(out, "Pci(0x%x,0x%x)", device, function);
}

static void put_memory(struct reader *r, struct buf *out)
{
	unsigned type = rd_le32(r, "memoryType");
	unsigned long long start = rd_le64(r, "startAddress"), end = rd_le64(r, "endAddress");
	buf_printf(out, "MemoryMapped(0x%x,0x%llx,0x%llx)", type, start, end);
}

static void put_guid_node(struct reader *r, const char *name, struct buf *out)
{
	struct efi_guid guid = {0};
	char text[EFI_GUID_TEXT];
	struct bytes bytes = rd_bytes(r, EFI_GUID_LEN, "guid");
	if (bytes.len)
		memcpy(guid.bytes, bytes.data, EFI_GUID_LEN);
	buf_printf(out, "%s(%s", name, efi_guid_text(&guid, text));
	size_t left = rd_left(r);
	if (left) {
		buf_put_str(out, ",");
		buf_put_hex(out, rd_bytes(r, left, "data"));
	}
	buf_put_str(out, ")");
}

static void put_vendor_hardware(struct reader *r, struct buf *out)
{
	put_guid_node(r, "VenHw", out);
}

static void put_vendor_media(struct reader *r, struct buf *out)
{
	put_guid_node(r, "VenMedia", out);
}

static void put_vendor_messaging(struct reader *r, struct buf *out)
{
	put_guid_node(r, "VenMsg", out);
}

static void put_fv_file(struct reader *r, struct buf *out)
{
	put_guid_node(r, "FvFile", out);
}

static void put_fv(struct reader *r, struct buf *out)
{
	put_guid_node(r, "Fv", out);
}

static void put_controller(struct reader *r, struct buf *out)
{
	buf_printf(out, "Ctrl(0x%x)", (unsigned)rd_le32(r, "controller"));
}

/* ACPI: _HID as an EISA id, "PNP0A03" in 32 bits. */
static void put_acpi(struct reader *r, struct buf *out)
{
	uint32_t hid = rd_le32(r, "hid");
	unsigned uid = rd_le32(r, "uid");
	if (hid == 0x0a0341d0)
		buf_printf(out, "PciRoot(0x%x)", uid);
	else if (hid == 0x0a0841d0)
		buf_printf(out, "PcieRoot(0x%x)", uid);
	else
		buf_printf(out, "Acpi(0x%08x,0x%x)", (unsigned)hid, uid);
}

static void put_ata(struct reader *r, struct buf *out)
{
	unsigned secondary = rd_u8(r, "primarySecondary"), slave = rd_u8(r, "slaveMaster");
	unsigned lun = rd_le16(r, "lun");
	buf_printf(out, "Ata(%s,%s,0x%x)", secondary ? "Secondary" : "Primary",
		slave ? "Slave" : "Master", lun);
}

static void put_scsi(struct reader *r, struct buf *out)
{
	unsigned target = rd_le16(r, "target"), lun = rd_le16(r, "lun");
	buf_printf(out, "Scsi(0x%x,0x%x)", target, lun);
}

static void put_usb(struct reader *r, struct buf *out)
{
	unsigned port = rd_u8(r, "port"), interface = rd_u8(r, "interface");
	buf_printf(out, "USB(0x%x,0x%x)", port, interface);
}

static void put_sata(struct reader *r, struct buf *out)
{
	unsigned port = rd_le16(r, "port"), multiplier = rd_le16(r, "multiplier");
	unsigned lun = rd_le16(r, "lun");
	buf_printf(out, "Sata(0x%x,0x%x,0x%x)", port, multiplier, lun);
}

static void put_nvme(struct reader *r, struct buf *out)
{
	unsigned namespace = rd_le32(r, "namespaceId");
	struct bytes id = rd_bytes(r, 8, "eui64");
	buf_printf(out, "NVMe(0x%x,", namespace);
	for (size_t i = id.len; i > 0; i--)
		buf_printf(out, "%02X%s", id.data[i - 1], i > 1 ? "-" : "");
	buf_put_str(out, ")");
}

static void put_mac(struct reader *r, struct buf *out)
{
	struct bytes mac = rd_bytes(r, 32, "macAddress");
	unsigned type = rd_u8(r, "ifType");
	buf_put_str(out, "MAC(");
	if (mac.len)
		buf_put_hex(out, bytes_of(mac.data, type <= 1 ? 6 : 32));
	buf_printf(out, ",0x%x)", type);
}

static void put_ipv4(struct reader *r, struct buf *out)
{
	(void)rd_bytes(r, 4, "localAddress");
	struct bytes remote = rd_bytes(r, 4, "remoteAddress");
	if (remote.len)
		buf_printf(out, "IPv4(%u.%u.%u.%u)", remote.data[0], remote.data[1], remote.data[2],
			remote.data[3]);
	(void)rd_bytes(r, rd_left(r), "rest");
}

static void put_ipv6(struct reader *r, struct buf *out)
{
	(void)rd_bytes(r, 16, "localAddress");
	struct bytes remote = rd_bytes(r, 16, "remoteAddress");
	buf_put_str(out, "IPv6(");
	for (size_t i = 0; i < remote.len; i += 2)
		buf_printf(out, "%s%02x%02x", i ? ":" : "", remote.data[i], remote.data[i + 1]);
	buf_put_str(out, ")");
	(void)rd_bytes(r, rd_left(r), "rest");
}

static void put_uri(struct reader *r, struct buf *out)
{
	char text[512];
	struct bytes uri = rd_bytes(r, rd_left(r), "uri");
	buf_printf(out, "Uri(%s)", text_escape(uri, text, sizeof(text)));
}

static void put_sd(struct reader *r, struct buf *out)
{
	buf_printf(out, "SD(0x%x)", rd_u8(r, "slot"));
}

static void put_emmc(struct reader *r, struct buf *out)
{
	buf_printf(out, "eMMC(0x%x)", rd_u8(r, "slot"));
}

static void put_disk(struct reader *r, struct buf *out)
{
	unsigned number = rd_le32(r, "partitionNumber");
	unsigned long long start = rd_le64(r, "partitionStart");
	unsigned long long size = rd_le64(r, "partitionSize");
	struct efi_guid guid = {0};
	char text[EFI_GUID_TEXT];
	struct bytes signature = rd_bytes(r, EFI_GUID_LEN, "signature");
	(void)rd_u8(r, "partitionFormat");
	unsigned type = rd_u8(r, "signatureType");
	if (signature.len)
		memcpy(guid.bytes, signature.data, EFI_GUID_LEN);
	if (type == 2)
		buf_printf(out, "HD(%u,GPT,%s,0x%llx,0x%llx)", number, efi_guid_text(&guid, text),
			start, size);
	else
		buf_printf(out, "HD(%u,%s,0x%02x%02x%02x%02x,0x%llx,0x%llx)", number,
			type == 1 ? "MBR" : "none", guid.bytes[3], guid.bytes[2], guid.bytes[1],
			guid.bytes[0], start, size);
}

static void put_cdrom(struct reader *r, struct buf *out)
{
	unsigned entry = rd_le32(r, "bootEntry");
	unsigned long long start = rd_le64(r, "partitionStart");
	unsigned long long size = rd_le64(r, "partitionSize");
	buf_printf(out, "CDROM(0x%x,0x%llx,0x%llx)", entry, start, size);
}

static void put_file(struct reader *r, struct buf *out)
{
	utf16_put(rd_bytes(r, rd_left(r), "pathName"), out);
}

static void put_offset(struct reader *r, struct buf *out)
{
	(void)rd_le32(r, "reserved");
	unsigned long long start = rd_le64(r, "start"), end = rd_le64(r, "end");
	buf_printf(out, "Offset(0x%llx,0x%llx)", start, end);
}

static void put_bbs(struct reader *r, struct buf *out)
{
	char text[128];
	unsigned type = rd_le16(r, "deviceType");
	(void)rd_le16(r, "statusFlag");
	struct bytes name = rd_bytes(r, rd_left(r), "description");
	if (name.len && name.data[name.len - 1] == 0)
		name.len--;
	buf_printf(out, "BBS(0x%x,%s)", type, text_escape(name, text, sizeof(text)));
}

static const struct node_kind {
	uint8_t type, subtype;
	uint16_t least, most; /* bytes behind the header */
	void (*put)(struct reader *r, struct buf *out);
} kinds[] = {
	{1, 1, 2, 2, put_pci},
	{1, 3, 20, 20, put_memory},
	{1, 4, 16, ANY_LENGTH, put_vendor_hardware},
	{1, 5, 4, 4, put_controller},
	{2, 1, 8, 8, put_acpi},
	{3, 1, 4, 4, put_ata},
	{3, 2, 4, 4, put_scsi},
	{3, 5, 2, 2, put_usb},
	{3, 10, 16, ANY_LENGTH, put_vendor_messaging},
	{3, 11, 33, 33, put_mac},
	{3, 12, 15, ANY_LENGTH, put_ipv4},
	{3, 13, 36, ANY_LENGTH, put_ipv6},
	{3, 18, 6, 6, put_sata},
	{3, 23, 12, 12, put_nvme},
	{3, 24, 0, ANY_LENGTH, put_uri},
	{3, 26, 1, 1, put_sd},
	{3, 29, 1, 1, put_emmc},
	{4, 1, 38, 38, put_disk},
	{4, 2, 20, 20, put_cdrom},
	{4, 3, 16, ANY_LENGTH, put_vendor_media},
	{4, 4, 2, ANY_LENGTH, put_file},
	{4, 6, 16, 16, put_fv_file},
	{4, 7, 16, 16, put_fv},
	{4, 8, 20, 20, put_offset},
	{5, 1, 4, ANY_LENGTH, put_bbs},
};

static void put_node(struct reader *r, unsigned type, unsigned subtype, struct buf *out)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		if (kinds[i].type != type || kinds[i].subtype != subtype)
			continue;
		if (rd_left(r) < kinds[i].least || rd_left(r) > kinds[i].most)
			rd_fail(r, "length", "not that of its kind");
		else
			kinds[i].put(r, out);
		return;
	}
	buf_printf(out, "Path(%u,%u,", type, subtype);
	buf_put_hex(out, rd_bytes(r, rd_left(r), "data"));
	buf_put_str(out, ")");
}

/* One node; *ret_end: it was the end of the whole path. */
static void node_take(struct reader *r, bool first, bool *ret_end, struct buf *out)
{
	unsigned type = rd_u8(r, "type"), subtype = rd_u8(r, "subType");
	unsigned len = rd_le16(r, "length");
	if (len < NODE_HEADER_LEN)
		rd_fail(r, "length", "less than a header");
	struct reader node = rd_sub(r, rd_failed(r) ? 0 : len - NODE_HEADER_LEN, "node");
	*ret_end = type == END_TYPE && subtype == END_ENTIRE;
	if (type == END_TYPE) {
		if (subtype != END_ENTIRE && subtype != END_INSTANCE)
			rd_fail(&node, "subType", "no end");
		else if (subtype == END_INSTANCE)
			buf_put_str(out, ",");
	} else if (!rd_failed(&node)) {
		buf_put_str(out, first ? "" : "/");
		put_node(&node, type, subtype, out);
	}
	rd_sub_finish(r, &node, "node");
}

bool device_path_text(struct bytes path, struct buf *out, struct err *err)
{
	OWNED(buf_release) struct buf text = {0};
	struct reader r = rd_of(path);
	bool end = path.len == 0;
	if (path.len > DEVICE_PATH_MAX)
		return err_set(err, ERR_LIMIT, "device path: more than %u bytes", DEVICE_PATH_MAX);
	for (size_t n = 0; !end; n++) {
		if (n == DEVICE_PATH_NODES_MAX)
			return err_set(err, ERR_LIMIT, "device path: more than %u nodes",
				DEVICE_PATH_NODES_MAX);
		node_take(&r, n == 0, &end, &text);
		if (rd_failed(&r))
			return rd_finish(&r, err) || err_wrap(err, "device path: node %zu", n);
	}
	if (!rd_finish(&r, err) || !buf_ok(&text, err))
		return err_wrap(err, "device path");
	buf_put(out, buf_bytes(&text));
	return true;
}
