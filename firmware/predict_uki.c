/* SPDX-License-Identifier: Apache-2.0 */
/* A unified kernel image replaced: systemd-stub(7), section "TPM PCR Notes"; UAPI.5 UKI. */
#include "firmware/predict_private.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "firmware/pe.h"

#define PCR_KERNEL_IMAGE 11u

/* In the order in which the stub measures them, with the version of systemd that began to. .pcrsig
 * is not measured: it signs what is. */
static const struct {
	const char *name;
	unsigned since;
} sections[] = {
	{".linux", 252},
	{".osrel", 252},
	{".cmdline", 252},
	{".initrd", 252},
	{".ucode", 256},
	{".splash", 252},
	{".dtb", 252},
	{".uname", 254},
	{".sbat", 254},
	{".pcrpkey", 252},
	{".profile", 257},
	{".hwids", 257},
};

/* What the stub packs for the kernel behind the initrd, so that it is more than the section. */
static const char *const packed[] = {".ucode", ".pcrsig", ".pcrpkey", ".profile"};

struct uki {
	struct predict *predict;
	struct pe_image image;
	const char *name;
	unsigned version; /* of the stub; 0: not known */
	size_t profile; /* the first .profile section; section_count without */
	size_t next_profile;
};

static unsigned stub_version(const struct pe_image *image)
{
	static const char magic[] = "#### LoaderInfo: systemd-stub ";
	size_t i = pe_section_find(image, ".sdmagic", 0), len = sizeof(magic) - 1;
	unsigned version = 0;
	struct bytes text;

	if (i == image->section_count)
		return 0;
	text = image->sections[i].data;
	if (text.len < len || memcmp(text.data, magic, len) != 0)
		return 0;
	for (size_t at = len; at < text.len && at < len + 5; at++) {
		if (text.data[at] < '0' || text.data[at] > '9')
			break;
		version = version * 10 + (unsigned)(text.data[at] - '0');
	}
	return version;
}

/* Of an image with several profiles the first is booted when nothing else is chosen: its sections
 * stand before those that all profiles share. */
static const struct pe_section *section_of(const struct uki *uki, const char *name)
{
	size_t i = pe_section_find(&uki->image, name, uki->profile);

	if (i >= uki->next_profile)
		i = pe_section_find(&uki->image, name, 0);
	return i < uki->next_profile && i < uki->image.section_count ? &uki->image.sections[i]
								     : NULL;
}

static bool open_uki(struct uki *uki, struct bytes file, struct err *err)
{
	struct pe_image *image = &uki->image;

	if (!pe_parse(file, image, err))
		return err_wrap(err, "%s", uki->name);
	uki->version = stub_version(image);
	uki->profile = pe_section_find(image, ".profile", 0);
	uki->next_profile = uki->profile < image->section_count
				    ? pe_section_find(image, ".profile", uki->profile + 1)
				    : image->section_count;
	if (!section_of(uki, ".linux"))
		return err_set(err, ERR_FORMAT, "%s: no section .linux: no unified kernel image",
			uki->name);
	if (uki->version == 0)
		predict_note(uki->predict,
			"assumes that the stub of %s measures as systemd 257 does: it does not "
			"tell its "
			"version",
			uki->name);
	if (uki->next_profile < image->section_count)
		predict_note(
			uki->predict, "assumes that the first profile of %s is booted", uki->name);
	if (pe_section_find(image, ".dtbauto", 0) < image->section_count ||
		pe_section_find(image, ".efifw", 0) < image->section_count)
		predict_note(uki->predict,
			"assumes that no .dtbauto or .efifw section of %s is chosen for the "
			"hardware",
			uki->name);
	return true;
}

/* ---- the old boot ---- */

static const struct boot_item *old_section(const struct predict *predict, const char *name)
{
	for (size_t i = 0; i < predict->chain.count; i++)
		if (predict->chain.items[i].kind == BOOT_SECTION &&
			strcmp(predict->chain.items[i].text, name) == 0)
			return &predict->chain.items[i];
	return NULL;
}

/* The image before the first event in PCR 11, and the image behind it, if the stub's kernel was
 * measured. */
static bool old_images(const struct predict *predict, const struct boot_item **ret_uki,
	const struct boot_item **ret_kernel, struct err *err)
{
	bool stub = false;

	*ret_uki = *ret_kernel = NULL;
	for (size_t i = 0; i < predict->chain.count && !*ret_kernel; i++) {
		const struct boot_item *item = &predict->chain.items[i];

		stub = stub || item->kind == BOOT_SECTION;
		if (item->kind == BOOT_IMAGE && !stub)
			*ret_uki = item;
		else if (item->kind == BOOT_IMAGE)
			*ret_kernel = item;
	}
	return (stub && *ret_uki) || err_set(err, ERR_NOT_FOUND,
					     "the log tells of no unified kernel image: no image "
					     "before sections in PCR 11");
}

/* ---- PCR 11 ---- */

static bool is_section_event(const struct predict_event *event)
{
	return event->pcr == PCR_KERNEL_IMAGE && event->event && event->event->type == EV_IPL;
}

/* Where the first section was measured; all are dropped until they turn out to be there again. */
static bool drop_sections(struct predict *predict, size_t *ret_at, struct err *err)
{
	*ret_at = predict->count;
	for (size_t i = 0; i < predict->count; i++) {
		struct predict_event *event = &predict->events[i];

		if (!is_section_event(event))
			continue;
		if (*ret_at == predict->count)
			*ret_at = i;
		free(event->what);
		event->dropped = true;
		event->what = bytes_strdup(BYTES_LIT("no such section any more"));
		if (!event->what)
			return err_set(err, ERR_NOMEM, "prediction");
	}
	return true;
}

static void restore(struct predict_event *event)
{
	event->dropped = false;
	free(TAKE(event->what));
}

/* The index of the next section event at or after `at`; the count when there is none. */
static size_t next_section(const struct predict *predict, size_t at)
{
	while (at < predict->count && !is_section_event(&predict->events[at]))
		at++;
	return at;
}

/* The old events of this section, name and content, or nothing. */
static bool find_section(const struct predict *predict, size_t at, const struct digest *name,
	size_t *ret_name, size_t *ret_content)
{
	for (;;) {
		at = next_section(predict, at);
		*ret_name = at;
		*ret_content = next_section(predict, at + 1);
		if (*ret_content >= predict->count)
			return false;
		if (digest_equal(&predict->events[at].digest, name))
			return true;
		at = *ret_content + 1;
	}
}

static bool put_section(struct uki *uki, const struct pe_section *section, const char *name,
	size_t *at, struct err *err)
{
	struct predict *predict = uki->predict;
	struct digest name_digest, digest;
	size_t old_name, old_content;
	char what[256];

	(void)snprintf(what, sizeof(what), "section %s of %s", name, uki->name);
	if (!digest_of(predict->bank, bytes_of(name, strlen(name) + 1), &name_digest, err) ||
		!pe_section_digest(section, predict->bank, &digest, err))
		return false;
	if (find_section(predict, *at, &name_digest, &old_name, &old_content)) {
		restore(&predict->events[old_name]);
		restore(&predict->events[old_content]);
		*at = old_content + 1;
		return predict_change(&predict->events[old_content], &digest, what, err);
	}
	*at += 2;
	return predict_insert(predict, *at - 2, PCR_KERNEL_IMAGE, &name_digest, what, err) &&
	       predict_insert(predict, *at - 1, PCR_KERNEL_IMAGE, &digest, what, err);
}

static bool put_sections(struct uki *uki, struct err *err)
{
	size_t at;

	if (!drop_sections(uki->predict, &at, err))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(sections); i++) {
		const struct pe_section *section = section_of(uki, sections[i].name);

		if (!section || section->virtual_size == 0 ||
			(uki->version && uki->version < sections[i].since))
			continue;
		if (!put_section(uki, section, sections[i].name, &at, err))
			return false;
	}
	return true;
}

/* ---- PCR 4 ---- */

static bool put_image(struct uki *uki, const struct boot_item *item, const struct pe_image *image,
	const char *what, struct err *err)
{
	struct digest digest;

	return pe_authenticode(image, uki->predict->bank, &digest, err) &&
	       predict_change(predict_find(uki->predict, item->event), &digest, what, err);
}

static bool put_images(struct uki *uki, struct err *err)
{
	const struct boot_item *booted, *kernel;
	const struct pe_section *section = section_of(uki, ".linux");
	struct pe_image inner;
	size_t signatures = 0, len;
	char what[512];

	if (!old_images(uki->predict, &booted, &kernel, err))
		return false;
	(void)snprintf(what, sizeof(what), "image %s becomes %s", booted->text, uki->name);
	if (!put_image(uki, booted, &uki->image, what, err) ||
		!pe_signature_count(&uki->image, &signatures, err))
		return err_wrap(err, "%s", uki->name);
	if (predict_secure_boot(uki->predict))
		predict_note(uki->predict,
			signatures
				? "assumes that %s is verified by the authorities that verified "
				  "what it replaces (PCR 7)"
				: "%s is not signed: with Secure Boot on, as it was, nothing will "
				  "start it unless its digest is enrolled",
			uki->name);
	if (!kernel)
		return true;
	len = section->data.len < section->virtual_size ? section->data.len : section->virtual_size;
	(void)snprintf(what, sizeof(what), "the kernel inside %s", uki->name);
	if (!pe_parse(bytes_of(section->data.data, len), &inner, err) ||
		!put_image(uki, kernel, &inner, what, err))
		return err_wrap(err, "%s: section .linux", uki->name);
	predict_note(uki->predict,
		"assumes that the firmware measures the kernel inside %s as it did before (event "
		"%u)",
		uki->name, kernel->event);
	return true;
}

/* ---- PCR 9: what the kernel measured of what the stub gave it ---- */

static void cannot_tell(struct uki *uki, uint32_t pcr, const char *why)
{
	uki->predict->unknown |= UINT32_C(1) << pcr;
	predict_note(uki->predict, "cannot tell PCR %u: %s", pcr, why);
}

/* The command line as the stub hands it on: UTF-16 with NUL, without spaces at its end. */
static bool line_digest(const struct uki *uki, const struct pe_section *section, struct digest *ret,
	struct err *err)
{
	OWNED(buf_release) struct buf line = {0};
	size_t len = section->data.len < section->virtual_size ? section->data.len
							       : section->virtual_size;

	while (len > 0 && (section->data.data[len - 1] <= ' '))
		len--;
	for (size_t i = 0; i < len; i++) {
		buf_put_u8(&line, section->data.data[i]);
		buf_put_u8(&line, 0);
	}
	buf_put_u8(&line, 0);
	buf_put_u8(&line, 0);
	return buf_ok(&line, err) && digest_of(uki->predict->bank, buf_bytes(&line), ret, err);
}

static bool is_ascii(const struct pe_section *section)
{
	for (size_t i = 0; i < section->data.len; i++)
		if (section->data.data[i] >= 0x7f)
			return false;
	return true;
}

static bool put_options(struct uki *uki, const struct boot_item *item, struct err *err)
{
	const struct boot_item *before = old_section(uki->predict, ".cmdline");
	const struct pe_section *section = section_of(uki, ".cmdline");
	struct digest digest;

	if (section && before) {
		if (!pe_section_digest(section, uki->predict->bank, &digest, err))
			return false;
		if (digest_equal(&digest, &before->digest))
			return true;
	}
	if (!section || !before || !is_ascii(section)) {
		cannot_tell(uki, item->pcr,
			"the kernel's command line does not come from .cmdline alone");
		return true;
	}
	predict_note(uki->predict,
		"assumes that the kernel's command line is .cmdline of %s, with nothing added",
		uki->name);
	return line_digest(uki, section, &digest, err) &&
	       predict_change(predict_find(uki->predict, item->event), &digest,
		       "the kernel's command line", err);
}

static bool put_initrd(struct uki *uki, const struct boot_item *item, struct err *err)
{
	const struct boot_item *before = old_section(uki->predict, ".initrd");
	const struct pe_section *section = section_of(uki, ".initrd");
	struct digest digest;

	if (!section || !before || !digest_equal(&before->digest, &item->digest)) {
		cannot_tell(uki, item->pcr, "the initrd was more than the section .initrd");
		return true;
	}
	for (size_t i = 0; i < ARRAY_LEN(packed); i++)
		if (pe_section_find(&uki->image, packed[i], 0) < uki->image.section_count) {
			cannot_tell(uki, item->pcr,
				"the stub packs more sections than .initrd for the kernel");
			return true;
		}
	return pe_section_digest(section, uki->predict->bank, &digest, err) &&
	       predict_change(predict_find(uki->predict, item->event), &digest, "the initrd", err);
}

bool predict_uki(struct predict *predict, struct bytes file, const char *name, struct err *err)
{
	char shown[160];
	struct uki uki = {.predict = predict, .name = shown};

	(void)text_escape(bytes_str(name), shown, sizeof(shown));
	if (!open_uki(&uki, file, err) || !put_images(&uki, err))
		return false;
	for (size_t i = 0; i < predict->chain.count; i++) {
		const struct boot_item *item = &predict->chain.items[i];

		if ((item->kind == BOOT_LOAD_OPTIONS && !put_options(&uki, item, err)) ||
			(item->kind == BOOT_INITRD && !put_initrd(&uki, item, err)))
			return false;
	}
	predict_note(predict,
		"assumes that credentials, extensions, add-ons and overrides of the command line "
		"(PCR 12 and 13) stay as they are");
	predict->touched = true;
	return put_sections(&uki, err);
}
