/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware/boot_chain.h"

#include <stdlib.h>

#include "base/reader.h"
#include "base/text.h"
#include "firmware/device_path.h"
#include "firmware/event_private.h"
#include "firmware/event_text.h"
#include "firmware/uefi_variable.h"

#define TAG_LINUX_INITRD  0x8f3b22ecu
#define TAG_LINUX_OPTIONS 0x8f3b22edu
#define ITEMS_AT_FIRST    32u
#define PCR_BOOT_CODE     4u
#define PCR_COMMANDS      8u /* and the first of the loader's */
#define PCR_FILES         9u
#define PCR_SECTIONS      11u
#define PCR_SYSTEMD       12u

struct building {
	const struct event_log *log;
	enum digest_alg bank;
	struct boot_chain *chain;
	size_t room;
	const struct firmware_event *section; /* the name in PCR 11 whose content comes next */
	struct digest separators[2]; /* of 0 and 0xffffffff */
	uint32_t separators_twice;
	bool exit_invoked, exit_returned;
};

/* Puts an item; text is what `put` appends for it. */
static bool item_put(
	struct building *b, const struct boot_item *item, const struct buf *text, struct err *err)
{
	struct boot_chain *chain = b->chain;
	if (chain->count == b->room) {
		size_t room = b->room ? b->room * 2 : ITEMS_AT_FIRST;
		void *grown = realloc(chain->items, room * sizeof(*chain->items));
		if (!grown)
			return err_set(err, ERR_NOMEM, "boot chain");
		chain->items = grown;
		b->room = room;
	}
	char *shown = text->failed ? NULL : bytes_strdup(buf_bytes(text));
	if (!shown)
		return err_set(err, ERR_NOMEM, "boot chain");
	chain->items[chain->count] = *item;
	chain->items[chain->count++].text = shown;
	return true;
}

/* The device path of UEFI_IMAGE_LOAD_EVENT; nothing when the data is odd. */
static void image_path(const struct firmware_event *event, struct buf *out)
{
	struct reader r = rd_of(event->data);
	(void)rd_bytes(&r, 24, "image");
	uint64_t len = rd_le64(&r, "lengthOfDevicePath");
	struct bytes path = rd_bytes(&r, len > SIZE_MAX ? SIZE_MAX : (size_t)len, "devicePath");
	struct err why = {0};
	if (rd_failed(&r) || device_path_text(path, out, &why))
		return;
	put_hex_cut(path, out);
	out->failed = out->failed || why.code == ERR_NOMEM;
}

static bool image_put(struct building *b, struct boot_item *item,
	const struct firmware_event *event, struct err *err)
{
	OWNED(buf_release) struct buf text = {0};
	item->kind = BOOT_IMAGE;
	image_path(event, &text);
	return item_put(b, item, &text, err);
}

static bool is_section_name(const struct firmware_event *event)
{
	return event->coverage == EVENT_COVERED && is_utf16_text(event->data) &&
	       event->data.data[0] == '.' && event->data.data[1] == 0;
}

/* PCR 11: the name of a section, then its content, whatever the type of either. */
static bool section_put(struct building *b, struct boot_item *item,
	const struct firmware_event *event, struct err *err)
{
	OWNED(buf_release) struct buf text = {0};
	if (!b->section && is_section_name(event)) {
		b->section = event;
		return true;
	}
	item->kind = b->section ? BOOT_SECTION : BOOT_CONFIG;
	item->covered = b->section != NULL;
	if (b->section) {
		item->raw = b->section->covered;
		utf16_put(b->section->covered, &text);
	} else {
		put_data(event->data, &text);
	}
	b->section = NULL;
	return item_put(b, item, &text, err);
}

static bool ipl_put(struct building *b, struct boot_item *item, const struct firmware_event *event,
	struct err *err)
{
	OWNED(buf_release) struct buf text = {0};
	struct bytes grub;
	bool line, covered = event->coverage == EVENT_COVERED;
	item->kind = event->pcr == PCR_BOOT_CODE ? BOOT_IMAGE
		     : event->pcr == PCR_FILES   ? BOOT_FILE
						 : BOOT_CONFIG;
	if (event->pcr == PCR_COMMANDS && covered && grub_text(event->data, &grub, &line)) {
		item->kind = line ? BOOT_COMMAND_LINE : BOOT_COMMAND;
		item->covered = true;
		item->raw = grub;
		put_string(grub, &text);
	} else if (covered && (event->pcr == PCR_COMMANDS || event->pcr == PCR_SYSTEMD)) {
		item->kind = BOOT_COMMAND_LINE;
		item->covered = true;
		item->raw = event->covered;
		put_utf16(bytes_of(event->data.data, event->data.len & ~(size_t)1), &text);
	} else {
		put_data(event->data, &text);
	}
	return item_put(b, item, &text, err);
}

static enum boot_item_kind tag_kind(const struct firmware_event *event)
{
	uint32_t id = 0;
	struct bytes content;
	if (event->pcr == PCR_BOOT_CODE)
		return BOOT_IMAGE;
	if (event->pcr != PCR_FILES || !tag_split(event->data, &id, &content))
		return BOOT_CONFIG;
	return id == TAG_LINUX_INITRD    ? BOOT_INITRD
	       : id == TAG_LINUX_OPTIONS ? BOOT_LOAD_OPTIONS
					 : BOOT_CONFIG;
}

static bool tag_put(struct building *b, struct boot_item *item, const struct firmware_event *event,
	struct err *err)
{
	OWNED(buf_release) struct buf text = {0};
	item->kind = tag_kind(event);
	text_tag(event, &text);
	return item_put(b, item, &text, err);
}

static void separator_see(struct building *b, const struct firmware_event *event)
{
	uint32_t bit = 1u << event->pcr;
	bool value = event->coverage == EVENT_COVERED &&
		     (bytes_equal(event->data, bytes_of("\0\0\0\0", 4)) ||
			     bytes_equal(event->data, bytes_of("\xff\xff\xff\xff", 4)));
	if (event_is_error(event))
		b->chain->separator_error = true;
	if (!value || b->chain->separators & bit)
		b->separators_twice |= bit;
	b->chain->separators |= bit;
}

static void action_see(struct building *b, const struct firmware_event *event)
{
	if (event->pcr != 5 || event->coverage != EVENT_COVERED)
		return;
	if (bytes_equal_str(event->covered, "Exit Boot Services Invocation"))
		b->exit_invoked = true;
	if (bytes_equal_str(event->covered, "Exit Boot Services Returned with Success"))
		b->exit_returned = true;
}

static bool crtm_see(struct building *b, const struct firmware_event *event, struct err *err)
{
	OWNED(buf_release) struct buf text = {0};
	if (b->chain->crtm_event >= 0 || event->pcr != 0)
		return true;
	put_data(event->data, &text);
	free(b->chain->crtm_version);
	b->chain->crtm_version = text.failed ? NULL : bytes_strdup(buf_bytes(&text));
	b->chain->crtm_event = event->number;
	b->chain->crtm_covered = event->coverage == EVENT_COVERED;
	return b->chain->crtm_version ? true : err_set(err, ERR_NOMEM, "boot chain");
}

/* Types are in no digest: what looks renamed is pointed out. */
static void suspicion_see(
	struct building *b, const struct firmware_event *event, const struct digest *digest)
{
	struct boot_chain *chain = b->chain;
	if (!event_type_name(event->type) || event->type == EV_UNUSED) {
		if (chain->unknown_types++ == 0)
			chain->unknown_event = event->number;
		chain->unknown_pcrs |= 1u << event->pcr;
	}
	if (event->pcr < 8 && event->type != EV_SEPARATOR && chain->disguised_separator < 0 &&
		(digest_equal(digest, &b->separators[0]) ||
			digest_equal(digest, &b->separators[1])))
		chain->disguised_separator = event->number;
}

/* PCR 4 and those of loader and system: every event is something, whatever its type says. */
static bool other_put(struct building *b, struct boot_item *item,
	const struct firmware_event *event, struct err *err)
{
	OWNED(buf_release) struct buf text = {0};
	if (event->type == EV_SEPARATOR || event_is_remark(event) ||
		(event->pcr != PCR_BOOT_CODE && event->pcr < PCR_COMMANDS))
		return true;
	item->kind = event->pcr == PCR_BOOT_CODE ? BOOT_IMAGE : BOOT_CONFIG;
	put_data(event->data, &text);
	return item_put(b, item, &text, err);
}

static bool event_see(struct building *b, const struct firmware_event *event, struct err *err)
{
	struct boot_item item = {.event = event->number, .pcr = event->pcr, .type = event->type};
	if (event->type == EV_NO_ACTION || !event_digest(b->log, event, b->bank, &item.digest))
		return true;
	suspicion_see(b, event, &item.digest);
	if (event_is_separator(event))
		separator_see(b, event);
	if (event->pcr == PCR_SECTIONS && event->type != EV_SEPARATOR)
		return section_put(b, &item, event, err);
	switch (event->type) {
	case EV_EFI_BOOT_SERVICES_APPLICATION:
	case EV_EFI_BOOT_SERVICES_DRIVER:
	case EV_EFI_RUNTIME_SERVICES_DRIVER:
		return image_put(b, &item, event, err);
	case EV_IPL:
		return ipl_put(b, &item, event, err);
	case EV_EVENT_TAG:
		return tag_put(b, &item, event, err);
	case EV_S_CRTM_VERSION:
		return crtm_see(b, event, err) && other_put(b, &item, event, err);
	case EV_EFI_ACTION:
		action_see(b, event);
		return other_put(b, &item, event, err);
	default:
		return other_put(b, &item, event, err);
	}
}

bool boot_chain_of(
	const struct event_log *log, enum digest_alg bank, struct boot_chain *ret, struct err *err)
{
	OWNED(boot_chain_release)
	struct boot_chain chain = {
		.crtm_event = -1, .disguised_separator = -1, .unknown_event = -1};
	struct building b = {.log = log, .bank = bank, .chain = &chain};
	struct pcr_bank start;
	chain.crtm_version = calloc(1, 1);
	if (!chain.crtm_version)
		return err_set(err, ERR_NOMEM, "boot chain");
	if (!event_log_start(log, bank, &start, err) ||
		!digest_of(bank, bytes_of("\0\0\0\0", 4), &b.separators[0], err) ||
		!digest_of(bank, bytes_of("\xff\xff\xff\xff", 4), &b.separators[1], err))
		return false;
	for (size_t i = 0; i < log->count; i++)
		if (!event_see(&b, &log->events[i], err))
			return false;
	chain.separators &= ~b.separators_twice;
	chain.exit_boot_services = b.exit_invoked && b.exit_returned;
	*ret = TAKE_STRUCT(chain);
	return true;
}

void boot_chain_release(struct boot_chain *chain)
{
	for (size_t i = 0; i < chain->count; i++)
		free(chain->items[i].text);
	free(chain->items);
	free(chain->crtm_version);
	memset(chain, 0, sizeof(*chain));
}

const char *boot_item_kind_name(enum boot_item_kind kind)
{
	static const char *const names[BOOT_ITEM_KINDS] = {
		[BOOT_IMAGE] = "image",
		[BOOT_COMMAND_LINE] = "command-line",
		[BOOT_LOAD_OPTIONS] = "load-options",
		[BOOT_COMMAND] = "command",
		[BOOT_FILE] = "file",
		[BOOT_INITRD] = "initrd",
		[BOOT_SECTION] = "section",
		[BOOT_CONFIG] = "config",
	};
	return names[kind];
}
