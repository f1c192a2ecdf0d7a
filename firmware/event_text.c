/* SPDX-License-Identifier: Apache-2.0 */
/* Strings, values and tags; what UEFI lays out as structures is in event_text_efi.c. */
#include "firmware/event_text.h"

#include "base/reader.h"
#include "base/text.h"
#include "firmware/event_private.h"
#include "firmware/uefi_variable.h"

#define CRTM_GUID_LEN 16u

void event_text(const struct firmware_event *event, struct buf *out)
{
	event_type_of(event->type)->text(event, out);
}

static bool needs_escape(struct bytes text)
{
	for (size_t i = 0; i < text.len; i++)
		if (text.data[i] < 0x20 || text.data[i] > 0x7e || text.data[i] == '\\')
			return true;
	return false;
}

void put_string(struct bytes text, struct buf *out)
{
	char shown[TEXT_SHOWN_MAX];
	while (text.len && text.data[text.len - 1] == 0)
		text.len--;
	if (text.len < sizeof(shown) && !needs_escape(text)) {
		buf_put(out, text);
		return;
	}
	buf_put_str(out, text_escape(text, shown, sizeof(shown)));
}

void put_hex_cut(struct bytes data, struct buf *out)
{
	bool cut = data.len > HEX_SHOWN_MAX;
	buf_put_hex(out, bytes_of(data.data, cut ? HEX_SHOWN_MAX : data.len));
	if (cut)
		buf_printf(out, "… (%zu bytes)", data.len);
}

void put_utf16(struct bytes text, struct buf *out)
{
	bool cut = text.len > TEXT_SHOWN_MAX;
	utf16_put(bytes_of(text.data, cut ? TEXT_SHOWN_MAX : text.len), out);
	if (cut)
		buf_put_str(out, "…");
}

static bool is_ascii_text(struct bytes data)
{
	while (data.len && data.data[data.len - 1] == 0)
		data.len--;
	for (size_t i = 0; i < data.len; i++)
		if (data.data[i] < 0x20 || data.data[i] > 0x7e)
			return false;
	return data.len > 0;
}

/* UTF-16 that is ASCII for the most part: anything else is more likely a number. */
static bool is_shown_utf16(struct bytes data)
{
	if (data.len < 6 || !is_utf16_text(data))
		return false;
	for (size_t i = 0; i + 2 < data.len; i += 2)
		if (data.data[i + 1] == 0 && data.data[i] < 0x20)
			return false;
	return data.data[1] == 0;
}

void put_data(struct bytes data, struct buf *out)
{
	if (data.len == 0)
		buf_put_str(out, "(no data)");
	else if (is_ascii_text(data))
		put_string(data, out);
	else if (is_shown_utf16(data))
		put_utf16(data, out);
	else
		put_hex_cut(data, out);
}

void text_data(const struct firmware_event *event, struct buf *out)
{
	put_data(event->data, out);
}

void text_action(const struct firmware_event *event, struct buf *out)
{
	put_string(event->data, out);
}

void text_separator(const struct firmware_event *event, struct buf *out)
{
	struct reader r = rd_of(event->data);
	uint32_t value = event->data.len == 4 ? rd_le32(&r, "value") : 2;
	if (event_is_error(event)) {
		buf_put_str(out, "the firmware reports an error: ");
		put_data(event->data, out);
	} else if (value == 0 || value == UINT32_MAX) {
		buf_put_str(out, "firmware hands over");
	} else {
		put_data(event->data, out);
	}
}

void text_crtm_version(const struct firmware_event *event, struct buf *out)
{
	struct efi_guid guid;
	char text[EFI_GUID_TEXT];
	buf_put_str(out, "firmware version ");
	if (event->data.len == CRTM_GUID_LEN && !is_utf16_text(event->data)) {
		memcpy(guid.bytes, event->data.data, EFI_GUID_LEN);
		buf_put_str(out, efi_guid_text(&guid, text));
	} else {
		put_data(event->data, out);
	}
}

void text_ipl(const struct firmware_event *event, struct buf *out)
{
	struct bytes data = event->data, text;
	bool line;
	if (event->pcr == 8 && grub_text(data, &text, &line)) {
		buf_put_str(out, line ? "kernel command line: " : "command: ");
		put_string(text, out);
	} else if (is_utf16_text(data) || (data.len % 2 && event->covered.len == data.len &&
						  data.len > 2 && data.data[1] == 0)) {
		/* Older systemd-boot logs all but the last byte. */
		bool name = event->coverage == EVENT_COVERED;
		buf_put_str(out, event->pcr != 11 ? "text: "
				 : name           ? "name of section "
						  : "content of section ");
		put_utf16(bytes_of(data.data, data.len - data.len % 2), out);
	} else {
		buf_put_str(out, event->pcr == 9 ? "file " : "");
		put_data(data, out);
	}
}

void text_tag(const struct firmware_event *event, struct buf *out)
{
	uint32_t id = 0;
	struct bytes content;
	if (!tag_split(event->data, &id, &content)) {
		put_sipa(event->data, out);
		return;
	}
	const char *name = tag_of_content(id);
	if (!name) {
		put_sipa(event->data, out);
		return;
	}
	buf_printf(out, "%s: ", name);
	put_data(content, out);
}

/* ---- EV_NO_ACTION ---- */

static void put_reference_manifest(struct bytes data, struct buf *out)
{
	struct reader r = rd_of(data);
	struct efi_guid guid = {0};
	char text[EFI_GUID_TEXT];
	(void)rd_bytes(&r, 16, "signature");
	uint32_t vendor = rd_le32(&r, "platformManufacturerId");
	struct bytes id = rd_bytes(&r, EFI_GUID_LEN, "referenceManifestGuid");
	if (rd_failed(&r)) {
		buf_put_str(out, "malformed");
		return;
	}
	memcpy(guid.bytes, id.data, EFI_GUID_LEN);
	buf_printf(out, "vendor %u, reference manifest %s", vendor, efi_guid_text(&guid, text));
}

void text_no_action(const struct firmware_event *event, struct buf *out)
{
	static const struct {
		char signature[17];
		const char *shown;
		void (*put)(struct bytes data, struct buf *out);
	} kinds[] = {
		{"StartupLocality\0", "PCR 0 starts at locality ", NULL},
		{"SP800-155 Event\0", "SP800-155: ", put_reference_manifest},
		{"SP800-155 Event2", "SP800-155, second form: ", put_reference_manifest},
		{"SP800-155 Event3", "SP800-155, third form: ", put_reference_manifest},
		{"Spec ID Event00\0", "conventional firmware's log", NULL},
		{"Spec ID Event02\0", "UEFI firmware's log", NULL},
		{"NvIndexInstance\0", "measurement in an NV index", NULL},
		{"NvIndexDynamic\0", "measurement in a changing NV index", NULL},
	};
	struct bytes data = event->data;
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		if (data.len < 16 || memcmp(data.data, kinds[i].signature, 16) != 0)
			continue;
		buf_put_str(out, kinds[i].shown);
		if (kinds[i].put)
			kinds[i].put(data, out);
		else if (i == 0)
			buf_printf(out, "%u", data.data[data.len - 1]);
		return;
	}
	if (event->pcr == UINT32_MAX)
		put_sipa(data, out);
	else
		put_data(data, out);
}
