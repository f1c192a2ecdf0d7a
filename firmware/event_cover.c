/* SPDX-License-Identifier: Apache-2.0 */
/* Which part of an event's data its digest covers. PFP 1.06 section 10.4; for EV_IPL and
 * EV_EVENT_TAG what GRUB, shim, systemd, Linux and Windows do. */
#include "firmware/event_private.h"

#include "base/reader.h"
#include "base/text.h"
#include "firmware/uefi_variable.h"

#define TAG_SIPA_AGGREGATE 0x40010000u
#define SIPA_ID_MASK       0x7fff0000u /* without the bit for what is not measured */

static void candidate(struct cover *cover, struct bytes covered)
{
	cover->candidates[cover->count].covers = true;
	cover->candidates[cover->count].covered = covered;
	cover->candidates[cover->count++].hashed[0] = covered;
}

void cover_never(const struct firmware_event *event, struct cover *ret)
{
	(void)event;
	ret->rule = COVER_NEVER;
}

void cover_may(const struct firmware_event *event, struct cover *ret)
{
	ret->rule = COVER_MAY;
	candidate(ret, event->data);
}

void cover_must(const struct firmware_event *event, struct cover *ret)
{
	ret->rule = COVER_MUST;
	candidate(ret, event->data);
}

static struct bytes without_nuls(struct bytes text)
{
	while (text.len && text.data[text.len - 1] == 0)
		text.len--;
	return text;
}

/* A string without its NUL, which some firmware logs all the same. */
void cover_action(const struct firmware_event *event, struct cover *ret)
{
	struct bytes text = without_nuls(event->data);
	cover_must(event, ret);
	if (text.len < event->data.len)
		candidate(ret, text);
}

static void candidate_data(const struct firmware_event *event, struct cover *ret)
{
	struct uefi_variable variable;
	if (uefi_variable_parse(event->data, &variable, NULL) && variable.len == event->data.len)
		candidate(ret, variable.data);
}

/* The whole structure. Firmware with a TPM 1.2 (TCG EFI Platform Specification 1.22) may hash the
 * variable's data alone; then its name is not covered. */
void cover_variable(const struct firmware_event *event, struct cover *ret)
{
	cover_must(event, ret);
	if (!ret->agile)
		candidate_data(event, ret);
}

/* EV_EFI_VARIABLE_BOOT: the variable's data; older firmware hashes the whole structure, as
 * EV_EFI_VARIABLE_BOOT2 has it again. */
void cover_boot_variable(const struct firmware_event *event, struct cover *ret)
{
	cover_must(event, ret);
	candidate_data(event, ret);
}

/* Versions of shim before 15.3 log one byte more than they hash. */
void cover_authority(const struct firmware_event *event, struct cover *ret)
{
	struct uefi_variable variable;
	cover_variable(event, ret);
	if (uefi_variable_parse(event->data, &variable, NULL) && variable.len < event->data.len)
		candidate(ret, bytes_of(event->data.data, event->data.len - 1));
}

/* An error's separator is hashed over the value 1 while its data may say what happened: accepted
 * with nothing covered, and an error to event_is_error. */
void cover_separator(const struct firmware_event *event, struct cover *ret)
{
	cover_must(event, ret);
	ret->candidates[ret->count++].hashed[0] = bytes_of("\1\0\0\0", 4);
}

bool grub_text(struct bytes data, struct bytes *ret, bool *ret_line)
{
	/* The first three are GRUB's own, the others were Red Hat's. */
	static const struct {
		const char *prefix;
		bool line;
	} prefixes[] = {
		{"kernel_cmdline: ", true},
		{"grub_cmd: ", false},
		{"module_cmdline: ", false},
		{"grub_kernel_cmdline ", true},
		{"grub_cmd ", false},
	};
	for (size_t i = 0; i < ARRAY_LEN(prefixes); i++) {
		size_t len = strlen(prefixes[i].prefix);
		if (data.len < len || memcmp(data.data, prefixes[i].prefix, len) != 0)
			continue;
		*ret = without_nuls(bytes_of(data.data + len, data.len - len));
		*ret_line = prefixes[i].line;
		return true;
	}
	return false;
}

bool is_utf16_text(struct bytes data)
{
	if (data.len < 4 || data.len % 2 || data.data[data.len - 1] || data.data[data.len - 2])
		return false;
	for (size_t i = 0; i + 2 < data.len; i += 2)
		if (data.data[i] == 0 && data.data[i + 1] == 0)
			return false;
	return true;
}

static void cover_grub(const struct firmware_event *event, struct bytes text, struct cover *ret)
{
	ret->rule = COVER_MUST;
	candidate(ret, text);
	if (text.data + text.len < event->data.data + event->data.len)
		candidate(ret, bytes_of(text.data, text.len + 1));
}

/* systemd-stub hashes a section's name as ASCII with its NUL and logs it as UTF-16. */
static void cover_section_name(const struct firmware_event *event, struct cover *ret)
{
	size_t n = event->data.len / 2;
	if (!is_utf16_text(event->data) || n > COVER_NAME_MAX)
		return;
	for (size_t i = 0; i < n; i++) {
		if (event->data.data[2 * i + 1] != 0)
			return;
		ret->name[i] = event->data.data[2 * i];
	}
	candidate(ret, event->data);
	ret->candidates[ret->count - 1].hashed[0] = bytes_of(ret->name, n);
}

/* Text of GRUB (behind its prefix), UTF-16 text of systemd (whole; old versions log one byte less
 * than they hash); names of what was hashed are not covered. */
void cover_ipl(const struct firmware_event *event, struct cover *ret)
{
	struct bytes text;
	bool line;
	if (event->pcr == 8 && grub_text(event->data, &text, &line)) {
		cover_grub(event, text, ret);
		return;
	}
	cover_may(event, ret);
	cover_section_name(event, ret);
	if (event->data.len % 2 == 0 || event->data.data[event->data.len - 1] != 0)
		return;
	candidate(ret, event->data);
	ret->candidates[ret->count - 1].hashed[1] = bytes_of("\0", 1);
}

const char *tag_of_content(uint32_t id)
{
	static const struct {
		uint32_t id;
		const char *name;
	} tags[] = {
		{0x8f3b22ec, "Linux initrd"},
		{0x8f3b22ed, "Linux load options"},
		{0xf5bc582a, "systemd-boot loader.conf"},
		{0x6c46f751, "systemd-stub devicetree add-on"},
		{0x49dffe0f, "systemd-stub initrd add-on"},
		{0xdac08e1a, "systemd-stub microcode add-on"},
		{0x13aed6db, "systemd-stub profile of the unified kernel image"},
	};
	for (size_t i = 0; i < ARRAY_LEN(tags); i++)
		if (tags[i].id == id)
			return tags[i].name;
	return NULL;
}

bool tag_split(struct bytes data, uint32_t *ret_id, struct bytes *ret_data)
{
	struct reader r = rd_of(data);
	uint32_t id = rd_le32(&r, "taggedEventID");
	struct bytes content = rd_bytes(&r, rd_le32(&r, "taggedEventDataSize"), "taggedEventData");
	if (!rd_finish(&r, NULL))
		return false;
	*ret_id = id;
	*ret_data = content;
	return true;
}

/* Windows hashes its own tags whole; Linux and systemd hash what the tag is about. */
void cover_tag(const struct firmware_event *event, struct cover *ret)
{
	struct reader r = rd_of(event->data);
	uint32_t id = rd_le32(&r, "taggedEventID");
	if (!rd_failed(&r) && tag_of_content(id))
		return;
	if ((id & SIPA_ID_MASK) == TAG_SIPA_AGGREGATE)
		cover_must(event, ret);
	else
		cover_may(event, ret);
}

/* Does candidate i match in every checked bank that the event has, and has it one at all? */
static bool candidate_matches(const struct event_log *log, const struct firmware_event *event,
	const struct cover *cover, size_t i, bool *ret_match, struct err *err)
{
	bool some = false;
	*ret_match = false;
	for (size_t b = 0; b < log->bank_count; b++) {
		struct digest digest;
		if (!log->banks[b].checked || !event->digests[b])
			continue;
		if (!digest_of_parts(log->banks[b].alg, cover->candidates[i].hashed,
			    ARRAY_LEN(cover->candidates[i].hashed), &digest, err))
			return false;
		if (memcmp(digest.bytes, event->digests[b], digest.len) != 0)
			return true;
		some = true;
	}
	*ret_match = some;
	return true;
}

static bool has_checked_digest(const struct event_log *log, const struct firmware_event *event)
{
	for (size_t b = 0; b < log->bank_count; b++)
		if (log->banks[b].checked && event->digests[b])
			return true;
	return false;
}

bool event_check(const struct event_log *log, struct firmware_event *event, struct err *err)
{
	struct cover cover = {.agile = log->agile};
	const struct event_type *type = event_type_of(event->type);
	type->cover(event, &cover);
	for (size_t i = 0; i < cover.count; i++) {
		bool match;
		if (!candidate_matches(log, event, &cover, i, &match, err))
			return false;
		if (!match)
			continue;
		event->covered = cover.candidates[i].covered;
		event->coverage = cover.candidates[i].covers ? EVENT_COVERED : EVENT_UNCOVERED;
		return true;
	}
	if (cover.rule == COVER_MUST && has_checked_digest(log, event))
		return err_set(err, ERR_MISMATCH,
			"%s in PCR %u: the digest does not cover the data", type->name, event->pcr);
	return true;
}
