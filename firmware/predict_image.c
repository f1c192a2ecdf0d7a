/* SPDX-License-Identifier: Apache-2.0 */
/* A boot loader, a kernel, an initrd or another file replaced by a new one. */
#include "firmware/predict_private.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "firmware/pe.h"

static bool is_number(const char *text)
{
	return *text && strspn(text, "0123456789") == strlen(text) && strlen(text) < 8;
}

static char fold(char c)
{
	if (c >= 'A' && c <= 'Z')
		return (char)(c - 'A' + 'a');
	return c == '/' ? '\\' : c;
}

static bool ends_in(const char *text, const char *end)
{
	size_t len = strlen(text), n = strlen(end);

	if (n > len)
		return false;
	for (size_t i = 0; i < n; i++)
		if (fold(text[len - n + i]) != fold(end[i]))
			return false;
	return true;
}

static bool replaceable(const struct boot_item *item)
{
	return item->kind == BOOT_IMAGE || item->kind == BOOT_FILE || item->kind == BOOT_INITRD;
}

static bool named(const struct boot_item *item, const char *old, const struct digest *digest)
{
	if (is_number(old))
		return item->event == strtoul(old, NULL, 10);
	if (digest->len)
		return digest_equal(digest, &item->digest);
	return ends_in(item->text, old);
}

/* The one thing that is named: several events only if they are of one kind and digest. */
static const struct boot_item *find(struct predict *predict, const char *old, struct err *err)
{
	struct digest digest = {.alg = predict->bank};
	size_t len = digest_alg_len(predict->bank);
	const struct boot_item *found = NULL;
	char shown[160];

	if (hex_decode_exact(bytes_str(old), digest.bytes, len, NULL))
		digest.len = (uint8_t)len;
	(void)text_escape(bytes_str(old), shown, sizeof(shown));
	for (size_t i = 0; *old && i < predict->chain.count; i++) {
		const struct boot_item *item = &predict->chain.items[i];

		if (!replaceable(item) || !named(item, old, &digest))
			continue;
		if (found && !digest_equal(&found->digest, &item->digest)) {
			err_set(err, ERR_USAGE,
				"\"%s\" names event %u and event %u: name one by its number", shown,
				found->event, item->event);
			return NULL;
		}
		if (!found)
			found = item;
	}
	if (!found)
		err_set(err, ERR_NOT_FOUND,
			"\"%s\": no image, file or initrd of that name, digest or "
			"number in the log",
			shown);
	return found;
}

static bool image_digest(const struct predict *predict, struct bytes file, const char *name,
	struct digest *ret, size_t *ret_signatures, struct err *err)
{
	struct pe_image image;

	return (pe_parse(file, &image, err) && pe_authenticode(&image, predict->bank, ret, err) &&
		       pe_signature_count(&image, ret_signatures, err)) ||
	       err_wrap(err, "%s", name);
}

static void note_signature(struct predict *predict, const char *name, size_t signatures)
{
	if (!predict_secure_boot(predict))
		return;
	if (signatures == 0)
		predict_note(predict,
			"%s is not signed: with Secure Boot on, as it was, nothing will start it "
			"unless "
			"its digest is enrolled",
			name);
	else
		predict_note(predict,
			"assumes that %s is verified by the authorities that verified what it "
			"replaces (PCR 7)",
			name);
}

/* The last image before SbatLevel is shim, which may raise it. */
static void note_shim(struct predict *predict, const struct boot_item *item, const char *name)
{
	const struct boot_item *end = predict->chain.items + predict->chain.count;
	uint32_t sbat = predict_sbat_event(predict);

	if (sbat == UINT32_MAX || item->event > sbat)
		return;
	for (const struct boot_item *next = item + 1; next < end && next->event < sbat; next++)
		if (next->kind == BOOT_IMAGE)
			return;
	predict_note(predict,
		"assumes that %s does not raise SbatLevel and holds the same certificate (PCR 7 "
		"and 14)",
		name);
}

/* All image events that had this digest: one image is often loaded more than once. */
static bool change_images(struct predict *predict, const struct digest *old,
	const struct digest *digest, const char *what, struct err *err)
{
	for (size_t i = 0; i < predict->chain.count; i++) {
		const struct boot_item *item = &predict->chain.items[i];

		if (item->kind == BOOT_IMAGE && digest_equal(&item->digest, old) &&
			!predict_change(predict_find(predict, item->event), digest, what, err))
			return false;
	}
	return true;
}

static bool replace_image(struct predict *predict, const struct boot_item *item, struct bytes file,
	const char *name, struct err *err)
{
	struct digest digest;
	size_t signatures = 0;
	char what[512];

	if (!image_digest(predict, file, name, &digest, &signatures, err))
		return false;
	note_signature(predict, name, signatures);
	note_shim(predict, item, name);
	(void)snprintf(what, sizeof(what), "image %s becomes %s",
		item->text[0] ? item->text : "without a path", name);
	return change_images(predict, &item->digest, &digest, what, err);
}

/* GRUB reads a kernel as a file and then has it verified and started: images without a path that
 * come before the next file. */
static bool replace_started(struct predict *predict, const struct boot_item *file_item,
	struct bytes file, const char *name, struct err *err)
{
	const struct boot_item *end = predict->chain.items + predict->chain.count;

	for (const struct boot_item *item = file_item + 1; item < end; item++) {
		if (item->kind == BOOT_FILE)
			return true;
		if (item->kind != BOOT_IMAGE || item->text[0] != '\0')
			continue;
		predict_note(predict,
			"assumes that event %u, an image without a path, is %s, which was read "
			"before "
			"it",
			item->event, file_item->text);
		if (!replace_image(predict, item, file, name, err))
			return false;
	}
	return true;
}

static bool replace_file(struct predict *predict, const struct boot_item *found, struct bytes file,
	const char *name, struct err *err)
{
	struct digest digest;
	char what[512];

	if (!digest_of(predict->bank, file, &digest, err))
		return false;
	for (size_t i = 0; i < predict->chain.count; i++) {
		const struct boot_item *item = &predict->chain.items[i];

		if (item->kind == BOOT_IMAGE || !replaceable(item) ||
			!digest_equal(&item->digest, &found->digest))
			continue;
		(void)snprintf(what, sizeof(what), "%s %s becomes %s",
			boot_item_kind_name(item->kind), item->text, name);
		if (!predict_change(predict_find(predict, item->event), &digest, what, err) ||
			(item->kind == BOOT_FILE &&
				!replace_started(predict, item, file, name, err)))
			return false;
	}
	return true;
}

bool predict_replace(struct predict *predict, const char *old, struct bytes file, const char *name,
	struct err *err)
{
	const struct boot_item *item = find(predict, old, err);
	char shown[200];

	(void)text_escape(bytes_str(name), shown, sizeof(shown));
	if (!item || !(item->kind == BOOT_IMAGE ? replace_image(predict, item, file, shown, err)
						: replace_file(predict, item, file, shown, err)))
		return false;
	predict->touched = true;
	return true;
}
