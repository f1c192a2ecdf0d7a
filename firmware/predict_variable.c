/* SPDX-License-Identifier: Apache-2.0 */
/* Variables that PCR 7 holds, with new content: dbx after an update, shim's SbatLevel. */
#include "firmware/predict_private.h"

#include <stdio.h>

#include "base/reader.h"
#include "firmware/uefi_variable.h"

enum {
	TIME_LEN = 16, /* EFI_TIME */
	CERTIFICATE_HEAD = 24, /* WIN_CERTIFICATE and the type's GUID */
	LIST_HEAD = 28, /* EFI_SIGNATURE_LIST */
	SBAT_MAX = 4096,
};

/* EFI_CERT_TYPE_PKCS7_GUID, 4aafd29d-68df-49ee-8aa9-347d375665a7. */
static const uint8_t pkcs7_guid[EFI_GUID_LEN] = {0x9d, 0xd2, 0xaf, 0x4a, 0xdf, 0x68, 0xee, 0x49,
	0x8a, 0xa9, 0x34, 0x7d, 0x37, 0x56, 0x65, 0xa7};

/* The event that measured a variable, with its content. */
static struct predict_event *variable_event(
	struct predict *predict, uint32_t type, const char *name, struct uefi_variable *ret)
{
	for (size_t i = 0; i < predict->count; i++) {
		const struct firmware_event *event = predict->events[i].event;

		if (event && event->pcr == 7 && event->type == type &&
			event->coverage == EVENT_COVERED &&
			uefi_variable_parse(event->covered, ret, NULL) &&
			utf16_equal(ret->name, name))
			return &predict->events[i];
	}
	return NULL;
}

static void put_le64(struct buf *out, uint64_t value)
{
	for (size_t i = 0; i < 8; i++)
		buf_put_u8(out, (uint8_t)(value >> 8 * i));
}

/* The digest of UEFI_VARIABLE_DATA with new content. */
static bool change_variable(struct predict *predict, struct predict_event *event,
	const struct uefi_variable *variable, struct bytes data, const char *what, struct err *err)
{
	OWNED(buf_release) struct buf out = {0};
	struct digest digest;

	buf_put(&out, BYTES_OF(variable->guid.bytes));
	put_le64(&out, variable->name.len / 2);
	put_le64(&out, data.len);
	buf_put(&out, variable->name);
	buf_put(&out, data);
	predict->touched = true;
	return buf_ok(&out, err) && digest_of(predict->bank, buf_bytes(&out), &digest, err) &&
	       predict_change(event, &digest, what, err);
}

/* ---- dbx ---- */

/* What is behind EFI_VARIABLE_AUTHENTICATION_2, when that is there: EFI_TIME, then le32 length, le16
 * revision 0x0200, le16 type 0x0ef1, GUID, PKCS#7. */
static bool strip_authentication(struct bytes *update, struct err *err)
{
	struct reader r = rd_of(*update);
	struct bytes guid;
	uint32_t length;
	bool is_header;

	(void)rd_bytes(&r, TIME_LEN, "time");
	length = rd_le32(&r, "dwLength");
	is_header = rd_le16(&r, "wRevision") == 0x0200;
	is_header = rd_le16(&r, "wCertificateType") == 0x0ef1 && is_header;
	guid = rd_bytes(&r, EFI_GUID_LEN, "CertType");
	if (rd_failed(&r) || !is_header || !bytes_equal(guid, BYTES_OF(pkcs7_guid)))
		return true;
	if (length < CERTIFICATE_HEAD || length - CERTIFICATE_HEAD > rd_left(&r))
		return err_set(err, ERR_FORMAT,
			"dbx update: dwLength: %u does not fit the file of %zu bytes", length,
			update->len);
	*update = bytes_of(update->data + TIME_LEN + length, update->len - TIME_LEN - length);
	return true;
}

struct search {
	const struct efi_guid *type;
	struct bytes entry; /* owner and data */
	bool found;
};

/* EDK2 compares type, size and the whole entry, its owner included. */
static bool search_one(void *context, const struct efi_signature *signature, struct err *err)
{
	struct search *search = context;
	struct bytes entry =
		bytes_of(signature->data.data - EFI_GUID_LEN, signature->data.len + EFI_GUID_LEN);

	(void)err;
	search->found = search->found ||
			(memcmp(&signature->type, search->type, sizeof(signature->type)) == 0 &&
				bytes_equal(entry, search->entry));
	return true;
}

/* Appends the list without the entries that are in old already; nothing when none is left. */
static bool append_list(
	struct bytes list, struct bytes old, struct buf *out, size_t *added, struct err *err)
{
	struct reader r = rd_of(list);
	struct efi_guid type;
	size_t start = out->len, kept = 0;
	uint32_t header, size;
	struct bytes head;

	memcpy(type.bytes, rd_bytes(&r, EFI_GUID_LEN, "type").data, EFI_GUID_LEN);
	(void)rd_le32(&r, "list size");
	header = rd_le32(&r, "header size");
	size = rd_le32(&r, "signature size");
	head = bytes_of(list.data, LIST_HEAD + header);
	buf_put(out, head);
	(void)rd_bytes(&r, header, "header");
	while (rd_left(&r) >= size) {
		struct search search = {&type, rd_bytes(&r, size, "signature"), false};

		if (!signature_lists_walk(old, search_one, &search, err))
			return false;
		if (search.found)
			continue;
		buf_put(out, search.entry);
		kept++;
	}
	if (!buf_ok(out, err))
		return false;
	if (kept == 0)
		out->len = start;
	for (size_t i = 0; kept && i < 4; i++)
		out->data[start + EFI_GUID_LEN + i] = (uint8_t)((out->len - start) >> 8 * i);
	*added += kept;
	return true;
}

static bool count_one(void *context, const struct efi_signature *signature, struct err *err)
{
	(void)signature;
	(void)err;
	++*(size_t *)context;
	return true;
}

/* The lists were checked as a whole: their sizes hold. */
static bool append_lists(
	struct bytes update, struct bytes old, struct buf *out, size_t *added, struct err *err)
{
	for (size_t at = 0; at < update.len;) {
		struct reader r = rd_of(bytes_of(update.data + at, update.len - at));
		uint32_t size;

		(void)rd_bytes(&r, EFI_GUID_LEN, "type");
		size = rd_le32(&r, "list size");
		if (!append_list(bytes_of(update.data + at, size), old, out, added, err))
			return false;
		at += size;
	}
	return true;
}

bool predict_dbx(struct predict *predict, struct bytes update, struct err *err)
{
	OWNED(buf_release) struct buf content = {0};
	struct uefi_variable variable;
	struct predict_event *event =
		variable_event(predict, EV_EFI_VARIABLE_DRIVER_CONFIG, "dbx", &variable);
	size_t entries = 0, added = 0;
	char what[128];

	if (!event)
		return err_set(err, ERR_NOT_FOUND, "the log has no dbx that its digest covers");
	if (!strip_authentication(&update, err))
		return false;
	if (!signature_lists_walk(update, count_one, &entries, err))
		return err_wrap(err, "dbx update");
	if (entries == 0)
		return err_set(err, ERR_FORMAT, "dbx update: no entries");
	buf_put(&content, variable.data);
	if (!append_lists(update, variable.data, &content, &added, err))
		return err_wrap(err, "dbx update");
	predict_note(predict,
		"assumes that the firmware appends the dbx update and drops what is there already, "
		"as EDK2 does: %zu of %zu entries are new",
		added, entries);
	(void)snprintf(what, sizeof(what), "dbx with %zu new entries", added);
	return change_variable(predict, event, &variable, buf_bytes(&content), what, err);
}

/* ---- SbatLevel ---- */

uint32_t predict_sbat_event(struct predict *predict)
{
	struct uefi_variable variable;
	const struct predict_event *event =
		variable_event(predict, EV_EFI_VARIABLE_AUTHORITY, "SbatLevel", &variable);

	return event ? event->event->number : UINT32_MAX;
}

bool predict_sbat_level(struct predict *predict, struct bytes level, struct err *err)
{
	struct uefi_variable variable;
	struct predict_event *event =
		variable_event(predict, EV_EFI_VARIABLE_AUTHORITY, "SbatLevel", &variable);

	if (!event)
		return err_set(
			err, ERR_NOT_FOUND, "the log has no SbatLevel that its digest covers");
	if (level.len < 5 || level.len > SBAT_MAX || memcmp(level.data, "sbat,", 5) != 0)
		return err_set(err, ERR_FORMAT, "SbatLevel: expected a text that begins \"sbat,\"");
	return change_variable(predict, event, &variable, level, "shim's SbatLevel", err);
}
