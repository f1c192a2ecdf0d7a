/* SPDX-License-Identifier: Apache-2.0 */
/* Another kernel command line, as GRUB (PCR 8) or systemd-boot (PCR 12) measures it. */
#include "firmware/predict_private.h"

#include <stdio.h>

#include "base/text.h"

enum { COMMAND_LINE_MAX = 8192 };

static struct predict_event *event_of(struct predict *predict, const struct boot_item *item)
{
	return predict_find(predict, item->event);
}

static bool is_utf16(struct bytes raw)
{
	return raw.len >= 2 && raw.data[1] == 0;
}

/* As the old line was measured: bytes, or UTF-16 with NUL. */
static bool line_digest(const struct predict *predict, bool wide, struct bytes line,
	struct digest *ret, struct err *err)
{
	OWNED(buf_release) struct buf text = {0};

	for (size_t i = 0; i < line.len; i++) {
		buf_put_u8(&text, line.data[i]);
		if (wide)
			buf_put_u8(&text, 0);
	}
	if (wide) {
		buf_put_u8(&text, 0);
		buf_put_u8(&text, 0);
	}
	return buf_ok(&text, err) && digest_of(predict->bank, buf_bytes(&text), ret, err);
}

/* The old line hashed as the new one will be gives the old digest. */
static bool check_manner(
	const struct predict *predict, const struct boot_item *item, bool wide, struct err *err)
{
	OWNED(buf_release) struct buf narrow = {0};
	struct digest digest;

	for (size_t i = 0; i < item->raw.len; i += wide ? 2 : 1)
		if (item->raw.data[i] != 0)
			buf_put_u8(&narrow, item->raw.data[i]);
	if (!buf_ok(&narrow, err) || !line_digest(predict, wide, buf_bytes(&narrow), &digest, err))
		return false;
	return digest_equal(&digest, &item->digest) ||
	       err_set(err, ERR_UNSUPPORTED,
		       "command line: event %u hashes its text in a way that is not known",
		       item->event);
}

/* Puts line in the place of every `old` in text. */
static bool substitute(
	struct bytes text, struct bytes old, struct bytes line, struct buf *out, struct err *err)
{
	for (size_t at = 0; at < text.len;) {
		if (text.len - at >= old.len && memcmp(text.data + at, old.data, old.len) == 0) {
			buf_put(out, line);
			at += old.len;
		} else {
			buf_put_u8(out, text.data[at++]);
		}
	}
	return buf_ok(out, err);
}

/* GRUB measures its commands too, and the line is an argument of one of them. */
static bool change_commands(
	struct predict *predict, struct bytes old, struct bytes line, struct err *err)
{
	for (size_t i = 0; i < predict->chain.count; i++) {
		const struct boot_item *item = &predict->chain.items[i];
		OWNED(buf_release) struct buf text = {0};
		struct digest digest;

		if (item->kind != BOOT_COMMAND || !item->covered)
			continue;
		if (!substitute(item->raw, old, line, &text, err) ||
			!digest_of(predict->bank, buf_bytes(&text), &digest, err) ||
			!predict_change(event_of(predict, item), &digest,
				"the command with the new command line", err))
			return false;
	}
	predict_note(predict,
		"assumes that GRUB's configuration file, where it is measured into PCR 9, "
		"is replaced by name if it changes");
	return true;
}

/* The Linux EFI stub measures the same line once more. */
static bool change_options(struct predict *predict, const struct digest *old,
	const struct digest *digest, struct err *err)
{
	for (size_t i = 0; i < predict->chain.count; i++) {
		const struct boot_item *item = &predict->chain.items[i];

		if (item->kind != BOOT_LOAD_OPTIONS)
			continue;
		if (digest_equal(&item->digest, old)) {
			if (!predict_change(event_of(predict, item), digest,
				    "the kernel's command line", err))
				return false;
			continue;
		}
		predict->unknown |= UINT32_C(1) << item->pcr;
		predict_note(predict,
			"cannot tell PCR %u: the kernel measured another command line than its "
			"loader",
			item->pcr);
	}
	return true;
}

bool predict_command_line(struct predict *predict, struct bytes line, struct err *err)
{
	const struct boot_item *found = NULL;
	struct digest digest;
	char what[512];
	bool wide;

	if (line.len == 0 || line.len > COMMAND_LINE_MAX)
		return err_set(
			err, ERR_USAGE, "command line: expected 1 to %d bytes", COMMAND_LINE_MAX);
	for (size_t i = 0; i < predict->chain.count; i++) {
		const struct boot_item *item = &predict->chain.items[i];

		if (item->kind != BOOT_COMMAND_LINE || !item->covered || item->raw.len == 0)
			continue;
		if (found && !digest_equal(&found->digest, &item->digest))
			return err_set(err, ERR_USAGE,
				"command line: the log has several, events %u and %u", found->event,
				item->event);
		found = found ? found : item;
	}
	if (!found)
		return err_set(
			err, ERR_NOT_FOUND, "command line: the log has none that a digest covers");
	wide = is_utf16(found->raw);
	for (size_t i = 0; wide && i < line.len; i++)
		if (line.data[i] >= 0x80)
			return err_set(err, ERR_UNSUPPORTED, "command line: not ASCII");
	(void)snprintf(what, sizeof(what), "command line becomes %s", ESC(line));
	if (!check_manner(predict, found, wide, err) ||
		!line_digest(predict, wide, line, &digest, err))
		return false;
	predict->touched = true;
	for (size_t i = 0; i < predict->chain.count; i++)
		if (predict->chain.items[i].kind == BOOT_COMMAND_LINE &&
			!predict_change(
				event_of(predict, &predict->chain.items[i]), &digest, what, err))
			return false;
	return (wide || change_commands(predict, found->raw, line, err)) &&
	       change_options(predict, &found->digest, &digest, err);
}
