/* SPDX-License-Identifier: Apache-2.0 */
/* Each prediction is held against the replay of the log that the next boot would write. */
#include "tests/support/unit.h"

#include <stdlib.h>

#include "base/file.h"
#include "base/text.h"
#include "firmware/pe.h"
#include "firmware/predict.h"
#include "tests/unit/firmware/log_build.h"
#include "tests/unit/firmware/pe_build.h"

static struct buf before_bytes, after_bytes, files[8], scratch;
static struct event_log before, after;
static struct predict *predict;
static struct prediction prediction;
static struct err err;

/* ---- the files ---- */

enum { SHIM, GRUB, GRUB2, KERNEL, KERNEL2, UNSIGNED, UKI, UKI2 };

static const uint8_t certificate[] = {9, 0, 0, 0, 0, 2, 2, 0, 'x', 0, 0, 0, 0, 0, 0, 0};

static struct bytes file(size_t i)
{
	return buf_bytes(&files[i]);
}

static void build_image(size_t i, const char *text, bool is_signed)
{
	struct pe_build build = {.sections = {{".text", text, 0, 0}}};

	if (is_signed)
		build.certificates = BYTES_OF(certificate);
	(void)pe_build(&build, &files[i]);
}

/* The kernels in unified images are PE images themselves, and hold NULs: put in afterwards. */
static void build_uki(size_t i, struct pe_build *build, size_t kernel)
{
	static char room[4096];
	struct pe_image image;

	memset(room, 'x', files[kernel].len);
	room[files[kernel].len] = '\0';
	build->sections[0] = (struct pe_build_section){".linux", room, 0, 0};
	build->certificates = BYTES_OF(certificate);
	assert_ok(pe_parse(pe_build(build, &files[i]), &image, &err), err);
	memcpy(files[i].data + image.sections[0].file_offset, files[kernel].data,
		files[kernel].len);
}

#define MAGIC(version) "#### LoaderInfo: systemd-stub " version " ####"

static int setup(void **state)
{
	(void)state;
	build_image(SHIM, "shim", true);
	build_image(GRUB, "grub", true);
	build_image(GRUB2, "grub 2", true);
	build_image(KERNEL, "kernel", true);
	build_image(KERNEL2, "kernel 2", true);
	build_image(UNSIGNED, "unsigned", false);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	predict_free(&predict);
	prediction_release(&prediction);
	event_log_release(&before);
	event_log_release(&after);
	before = after = (struct event_log){0};
	for (size_t i = 0; i < ARRAY_LEN(files); i++)
		buf_release(&files[i]);
	buf_release(&before_bytes);
	buf_release(&after_bytes);
	buf_release(&scratch);
	return 0;
}

/* ---- the boots ---- */

static void put_utf16_text(struct buf *out, const char *text, bool nul)
{
	for (; *text; text++)
		log_put_le(out, 2, (uint8_t)*text);
	if (nul)
		log_put_le(out, 2, 0);
}

static void image_at(struct buf *log, const uint8_t *path, size_t len, struct bytes image_file)
{
	OWNED(buf_release) struct buf data = {0};
	struct pe_image image;
	struct digest digest;

	assert_ok(pe_parse(image_file, &image, &err), err);
	assert_ok(pe_authenticode(&image, DIGEST_SHA256, &digest, &err), err);
	log_put_le(&data, 8, 0x1000);
	log_put_le(&data, 8, image_file.len);
	log_put_le(&data, 8, 0);
	log_put_le(&data, 8, len);
	buf_put(&data, bytes_of(path, len));
	log_event_digest(log, 4, EV_EFI_BOOT_SERVICES_APPLICATION, &digest, buf_bytes(&data));
}

/* With a file path, or without any. */
static void image(struct buf *log, const char *path, struct bytes image_file)
{
	OWNED(buf_release) struct buf node = {0};

	if (path) {
		log_put_le(&node, 2, 0x0404);
		log_put_le(&node, 2, 4 + 2 * (strlen(path) + 1));
		put_utf16_text(&node, path, true);
		buf_put(&node, bytes_of("\x7f\xff\x04\x00", 4));
	}
	image_at(log, node.data, node.len, image_file);
}

static void variable(struct buf *log, uint32_t type, const char *name, struct bytes content)
{
	OWNED(buf_release) struct buf data = {0};

	for (size_t i = 0; i < 16; i++)
		buf_put_u8(&data, (uint8_t)i);
	log_put_le(&data, 8, strlen(name));
	log_put_le(&data, 8, content.len);
	put_utf16_text(&data, name, false);
	buf_put(&data, content);
	log_event(log, 7, type, buf_bytes(&data), buf_bytes(&data));
}

/* What GRUB measures: the digest of the text behind the prefix. */
static void grub_event(struct buf *log, const char *prefix, const char *text)
{
	OWNED(buf_release) struct buf data = {0};

	buf_printf(&data, "%s%s", prefix, text);
	buf_put_u8(&data, 0);
	log_event(log, 8, EV_IPL, bytes_str(text), buf_bytes(&data));
}

static void grub_file(struct buf *log, const char *name, struct bytes content)
{
	log_event(log, 9, EV_IPL, content, bytes_of(name, strlen(name) + 1));
}

/* A tagged event of the Linux EFI stub. */
static void tag(struct buf *log, uint32_t id, struct bytes content)
{
	OWNED(buf_release) struct buf data = {0};

	log_put_le(&data, 4, id);
	log_put_le(&data, 4, 6);
	buf_put(&data, bytes_of("Linux", 6));
	log_event(log, 9, EV_EVENT_TAG, content, buf_bytes(&data));
}

static void tag_line(struct buf *log, const char *line)
{
	OWNED(buf_release) struct buf text = {0};

	put_utf16_text(&text, line, true);
	tag(log, 0x8f3b22ed, buf_bytes(&text));
}

struct grub_boot {
	size_t loader, kernel;
	const char *initrd, *line;
	struct bytes dbx;
	const char *sbat;
	bool insecure;
};
static const struct grub_boot plain = {.loader = GRUB,
	.kernel = KERNEL,
	.initrd = "initrd",
	.line = "/vmlinuz quiet",
	.sbat = "sbat,1,2022\n"};

static void secure_boot(struct buf *log, bool on, struct bytes dbx)
{
	variable(log, EV_EFI_VARIABLE_DRIVER_CONFIG, "SecureBoot", bytes_of(on ? "\1" : "\0", 1));
	variable(log, EV_EFI_VARIABLE_DRIVER_CONFIG, "dbx", dbx);
}

static void grub_boot(struct buf *log, const struct grub_boot *boot)
{
	char text[200];

	log_begin(log);
	secure_boot(log, !boot->insecure, boot->dbx);
	image(log, "\\EFI\\BOOT\\BOOTX64.EFI", file(SHIM));
	variable(log, EV_EFI_VARIABLE_AUTHORITY, "SbatLevel", bytes_str(boot->sbat));
	image(log, "\\EFI\\BOOT\\grubx64.efi", file(boot->loader));
	grub_file(log, "(hd0,gpt1)/grub.cfg", BYTES_LIT("configuration"));
	(void)snprintf(text, sizeof(text), "menuentry x { linux %s }", boot->line);
	grub_event(log, "grub_cmd: ", text);
	(void)snprintf(text, sizeof(text), "linux %s", boot->line);
	grub_event(log, "grub_cmd: ", text);
	grub_file(log, "/vmlinuz", file(boot->kernel));
	image(log, NULL, file(boot->kernel));
	image(log, NULL, file(boot->kernel));
	grub_event(log, "kernel_cmdline: ", boot->line);
	grub_event(log, "grub_cmd: ", "initrd /initrd.img");
	grub_file(log, "/initrd.img", bytes_str(boot->initrd));
}

static void open_log(struct buf *bytes, struct event_log *log)
{
	event_log_release(log);
	assert_ok(event_log_open(buf_bytes(bytes), EVENT_LOG_TPM, DIGEST_SHA256, log, &err), err);
}

static void start(void)
{
	open_log(&before_bytes, &before);
	assert_ok(predict_new(&before, DIGEST_SHA256, &predict, &err), err);
}

static void start_grub(void)
{
	grub_boot(&before_bytes, &plain);
	start();
}

/* The prediction is what the next boot replays to, PCRs `unknown` apart. */
static void assert_next(uint32_t unknown)
{
	struct pcr_bank replayed;

	open_log(&after_bytes, &after);
	assert_ok(event_log_replay(&after, DIGEST_SHA256, &replayed, &err), err);
	assert_ok(predict_finish(predict, &prediction, &err), err);
	assert_int_equal(prediction.unknown, unknown);
	for (uint32_t pcr = 0; pcr < TPM_PCRS; pcr++) {
		bool same = memcmp(prediction.before.values[pcr], replayed.values[pcr], 32) == 0;

		if (unknown >> pcr & 1)
			continue;
		assert_memory_equal(prediction.after.values[pcr], replayed.values[pcr], 32);
		assert_int_equal(prediction.changed >> pcr & 1, !same);
	}
}

static void assert_next_grub(const struct grub_boot *boot)
{
	grub_boot(&after_bytes, boot);
	assert_next(0);
}

static bool noted(const char *part)
{
	for (size_t i = 0; i < prediction.note_count; i++)
		if (strstr(prediction.notes[i], part))
			return true;
	return false;
}

/* ---- images and files ---- */

static void replace__boot_loader_by_the_end_of_its_path__pcr_4(void **state)
{
	static const char *const names[] = {
		"grubx64.efi", "/EFI/BOOT/GRUBX64.EFI", "\\efi\\boot\\grubx64.efi"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		struct grub_boot next = plain;

		next.loader = GRUB2;
		start_grub();
		assert_ok(predict_replace(predict, names[i], file(GRUB2), "new.efi", &err), err);
		assert_next_grub(&next);
		assert_int_equal(prediction.changed, 1u << 4);
		assert_int_equal(prediction.change_count, 1);
		assert_int_equal(prediction.changes[0].event, 4);
		assert_string_equal(prediction.changes[0].what,
			"image \\EFI\\BOOT\\grubx64.efi becomes new.efi");
		assert_true(noted("assumes that new.efi is verified by the authorities"));
		predict_free(&predict);
		prediction_release(&prediction);
	}
}

static void replace__by_number_and_by_digest__same(void **state)
{
	struct grub_boot next = plain;
	char hex[65];

	(void)state;
	next.loader = GRUB2;
	start_grub();
	hex_encode(bytes_of(before.events[4].digests[0], 32), hex);
	assert_ok(predict_replace(predict, hex, file(GRUB2), "new", &err), err);
	assert_next_grub(&next);
	predict_free(&predict);
	prediction_release(&prediction);
	start_grub();
	assert_ok(predict_replace(predict, "4", file(GRUB2), "new", &err), err);
	assert_next_grub(&next);
}

static void replace__kernel_read_by_grub__pcr_9_and_the_images_of_it(void **state)
{
	struct grub_boot next = plain;

	(void)state;
	next.kernel = KERNEL2;
	start_grub();
	assert_ok(predict_replace(predict, "/vmlinuz", file(KERNEL2), "vmlinuz-2", &err), err);
	assert_next_grub(&next);
	assert_int_equal(prediction.changed, 1u << 4 | 1u << 9);
	assert_int_equal(prediction.change_count, 3);
	assert_true(noted("assumes that event 9, an image without a path, is /vmlinuz"));
}

static void replace__initrd__its_hash(void **state)
{
	struct grub_boot next = plain;

	(void)state;
	next.initrd = "initrd 2";
	start_grub();
	assert_ok(predict_replace(predict, "initrd.img", BYTES_LIT("initrd 2"), "new", &err), err);
	assert_next_grub(&next);
	assert_int_equal(prediction.changed, 1u << 9);
}

static void replace__by_the_same_file__nothing_changes(void **state)
{
	(void)state;
	start_grub();
	assert_ok(predict_replace(predict, "grubx64.efi", file(GRUB), "same", &err), err);
	assert_next_grub(&plain);
	assert_int_equal(prediction.changed, 0);
	assert_int_equal(prediction.change_count, 0);
}

static void replace__unsigned_image__noted_where_secure_boot_is_on(void **state)
{
	struct grub_boot next = plain;

	(void)state;
	next.loader = UNSIGNED;
	start_grub();
	assert_ok(predict_replace(predict, "grubx64.efi", file(UNSIGNED), "new", &err), err);
	assert_next_grub(&next);
	assert_true(noted("new is not signed"));
	predict_free(&predict);
	prediction_release(&prediction);
	next = plain;
	next.insecure = true;
	grub_boot(&before_bytes, &next);
	start();
	assert_ok(predict_replace(predict, "grubx64.efi", file(UNSIGNED), "new", &err), err);
	assert_ok(predict_finish(predict, &prediction, &err), err);
	assert_false(noted("not signed"));
}

static void replace__shim__what_it_may_raise_is_noted(void **state)
{
	static const struct {
		const char *name;
		bool noted;
	} cases[] = {{"BOOTX64.EFI", true}, {"grubx64.efi", false}};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		start_grub();
		assert_ok(predict_replace(predict, cases[i].name, file(GRUB2), "new", &err), err);
		assert_ok(predict_finish(predict, &prediction, &err), err);
		assert_int_equal(noted("does not raise SbatLevel"), cases[i].noted);
		predict_free(&predict);
		prediction_release(&prediction);
	}
}

static void replace__what_is_not_there__refused(void **state)
{
	static const struct {
		const char *old;
		enum err_code code;
		const char *text;
	} cases[] = {
		{"nothing.efi", ERR_NOT_FOUND,
			"\"nothing.efi\": no image, file or initrd of that name, digest or number "
			"in "
			"the log"},
		{"", ERR_NOT_FOUND,
			"\"\": no image, file or initrd of that name, digest or number in the log"},
		{"1", ERR_NOT_FOUND,
			"\"1\": no image, file or initrd of that name, digest or number in the "
			"log"},
		{"123456789", ERR_NOT_FOUND,
			"\"123456789\": no image, file or initrd of that name, digest or number in "
			"the "
			"log"},
		{".efi", ERR_USAGE, "\".efi\" names event 2 and event 4: name one by its number"},
	};

	(void)state;
	start_grub();
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_fails(predict_replace(predict, cases[i].old, file(GRUB2), "new", &err), err,
			cases[i].code, cases[i].text);
	assert_fails(predict_replace(predict, "grubx64.efi", BYTES_LIT("no"), "new", &err), err,
		ERR_FORMAT, "new: PE image: MZ header: not a PE image at offset 2");
	assert_fails(predict_finish(predict, &prediction, &err), err, ERR_USAGE,
		"prediction: nothing is to be changed");
}

static void new__log_that_does_not_replay__refused(void **state)
{
	(void)state;
	grub_boot(&before_bytes, &plain);
	log_event(&before_bytes, 4, EV_SEPARATOR, bytes_of("\1\0\0\0", 4), bytes_of("\1\0\0\0", 4));
	open_log(&before_bytes, &before);
	assert_false(predict_new(&before, DIGEST_SHA256, &predict, &err));
	assert_int_equal(err.code, ERR_MISMATCH);
	assert_null(predict);
}

/* ---- the command line ---- */

static void command_line__grub__line_and_commands(void **state)
{
	struct grub_boot next = plain;

	(void)state;
	next.line = "/vmlinuz verbose debug";
	start_grub();
	assert_ok(predict_command_line(predict, bytes_str(next.line), &err), err);
	assert_next_grub(&next);
	assert_int_equal(prediction.changed, 1u << 8);
	assert_int_equal(prediction.change_count, 3);
	assert_true(noted("GRUB's configuration file"));
}

static void systemd_boot(struct buf *log, const char *line, const char *options)
{
	OWNED(buf_release) struct buf text = {0};

	log_begin(log);
	secure_boot(log, false, (struct bytes){0});
	image(log, "\\EFI\\systemd\\systemd-bootx64.efi", file(GRUB));
	image(log, "\\vmlinuz", file(KERNEL));
	put_utf16_text(&text, line, true);
	log_event(log, 12, EV_IPL, buf_bytes(&text), buf_bytes(&text));
	tag_line(log, options);
	tag(log, 0x8f3b22ec, BYTES_LIT("initrd"));
}

static void command_line__systemd_boot__line_and_load_options(void **state)
{
	(void)state;
	systemd_boot(&before_bytes, "quiet", "quiet");
	start();
	assert_ok(predict_command_line(predict, BYTES_LIT("verbose"), &err), err);
	systemd_boot(&after_bytes, "verbose", "verbose");
	assert_next(0);
	assert_int_equal(prediction.changed, 1u << 9 | 1u << 12);
}

static void command_line__kernel_measured_another__cannot_tell(void **state)
{
	(void)state;
	systemd_boot(&before_bytes, "quiet", "quiet and more");
	start();
	assert_ok(predict_command_line(predict, BYTES_LIT("verbose"), &err), err);
	systemd_boot(&after_bytes, "verbose", "verbose and more");
	assert_next(1u << 9);
	assert_true(noted("cannot tell PCR 9"));
}

static void command_line__impossible__refused(void **state)
{
	static const char room[8193];

	(void)state;
	systemd_boot(&before_bytes, "quiet", "quiet");
	start();
	assert_fails(predict_command_line(predict, BYTES_LIT(""), &err), err, ERR_USAGE,
		"command line: expected 1 to 8192 bytes");
	assert_fails(predict_command_line(predict, bytes_of(room, sizeof(room)), &err), err,
		ERR_USAGE, "command line: expected 1 to 8192 bytes");
	assert_fails(predict_command_line(predict, BYTES_LIT("\xc3\xa4"), &err), err,
		ERR_UNSUPPORTED, "command line: not ASCII");
	predict_free(&predict);
	log_begin(&before_bytes);
	image(&before_bytes, "\\vmlinuz", file(KERNEL));
	start();
	assert_fails(predict_command_line(predict, BYTES_LIT("x"), &err), err, ERR_NOT_FOUND,
		"command line: the log has none that a digest covers");
	predict_free(&predict);
	log_begin(&before_bytes);
	grub_event(&before_bytes, "kernel_cmdline: ", "a");
	grub_event(&before_bytes, "kernel_cmdline: ", "b");
	start();
	assert_fails(predict_command_line(predict, BYTES_LIT("x"), &err), err, ERR_USAGE,
		"command line: the log has several, events 0 and 1");
}

static void command_line__hashed_in_an_unknown_way__refused(void **state)
{
	(void)state;
	log_begin(&before_bytes);
	/* The NUL is hashed too. */
	log_event(
		&before_bytes, 12, EV_IPL, bytes_of("q\0\0\0\0\0", 6), bytes_of("q\0\0\0\0\0", 6));
	start();
	assert_fails(predict_command_line(predict, BYTES_LIT("x"), &err), err, ERR_UNSUPPORTED,
		"command line: event 0 hashes its text in a way that is not known");
}

static void command_line__in_more_commands_than_told__refused(void **state)
{
	(void)state;
	log_begin(&before_bytes);
	for (size_t i = 0; i < PREDICT_CHANGES_MAX; i++)
		grub_event(&before_bytes, "grub_cmd: ", "linux /vmlinuz");
	grub_event(&before_bytes, "kernel_cmdline: ", "/vmlinuz");
	start();
	assert_ok(predict_command_line(predict, BYTES_LIT("/vmlinuz quiet"), &err), err);
	assert_fails(predict_finish(predict, &prediction, &err), err, ERR_LIMIT,
		"prediction: more than 512 changes");
}

static void replace__log_without_secure_boot__no_word_of_authorities(void **state)
{
	(void)state;
	log_begin(&before_bytes);
	image(&before_bytes, "\\vmlinuz", file(KERNEL));
	start();
	assert_ok(predict_replace(predict, "vmlinuz", file(KERNEL2), "new", &err), err);
	assert_ok(predict_finish(predict, &prediction, &err), err);
	assert_int_equal(prediction.note_count, 1);
	assert_false(noted("authorities"));
}

static void replace__initrd_of_the_kernels_stub__by_its_name(void **state)
{
	struct pcr_bank replayed;

	(void)state;
	systemd_boot(&before_bytes, "quiet", "quiet");
	start();
	assert_ok(predict_replace(predict, "6", BYTES_LIT("initrd 2"), "new", &err), err);
	log_begin(&after_bytes);
	tag_line(&after_bytes, "quiet");
	tag(&after_bytes, 0x8f3b22ec, BYTES_LIT("initrd 2"));
	open_log(&after_bytes, &after);
	assert_ok(event_log_replay(&after, DIGEST_SHA256, &replayed, &err), err);
	assert_ok(predict_finish(predict, &prediction, &err), err);
	assert_memory_equal(prediction.after.values[9], replayed.values[9], 32);
	assert_int_equal(prediction.changed, 1u << 9);
}

/* ---- dbx and SbatLevel ---- */

/* One EFI_SIGNATURE_LIST of SHA-256 hashes, each of one byte repeated, all of one owner. */
static void put_list(struct buf *out, const char *hashes)
{
	static const uint8_t sha256_guid[] = {0x26, 0x16, 0xc4, 0xc1, 0x4c, 0x50, 0x92, 0x40, 0xac,
		0xa9, 0x41, 0xf9, 0x36, 0x93, 0x43, 0x28};

	buf_put(out, BYTES_OF(sha256_guid));
	log_put_le(out, 4, 28 + 48 * strlen(hashes));
	log_put_le(out, 4, 0);
	log_put_le(out, 4, 48);
	for (; *hashes; hashes++) {
		for (size_t i = 0; i < 16; i++)
			buf_put_u8(out, 'o');
		for (size_t i = 0; i < 32; i++)
			buf_put_u8(out, (uint8_t)*hashes);
	}
}

static void put_authentication(struct buf *out, uint32_t length)
{
	static const uint8_t guid[] = {0x9d, 0xd2, 0xaf, 0x4a, 0xdf, 0x68, 0xee, 0x49, 0x8a, 0xa9,
		0x34, 0x7d, 0x37, 0x56, 0x65, 0xa7};

	for (size_t i = 0; i < 16; i++)
		buf_put_u8(out, 0);
	log_put_le(out, 4, length);
	log_put_le(out, 2, 0x0200);
	log_put_le(out, 2, 0x0ef1);
	buf_put(out, BYTES_OF(guid));
	buf_put_str(out, "pkcs7");
}

static void dbx__update_with_known_entries__new_ones_appended(void **state)
{
	OWNED(buf_release) struct buf old = {0};
	OWNED(buf_release) struct buf wanted = {0};

	(void)state;
	for (size_t signed_ = 0; signed_ < 2; signed_++) {
		struct grub_boot first = plain, next = plain;

		buf_clear(&scratch);
		buf_clear(&old);
		buf_clear(&wanted);
		put_list(&old, "ab");
		put_list(&old, "c");
		if (signed_)
			put_authentication(&scratch, 24 + 5);
		put_list(&scratch, "bcd"); /* d is new */
		put_list(&scratch, "a"); /* nothing is new: the list is left out */
		put_list(&scratch, "ef");
		buf_put(&wanted, buf_bytes(&old));
		put_list(&wanted, "d");
		put_list(&wanted, "ef");
		first.dbx = buf_bytes(&old);
		next.dbx = buf_bytes(&wanted);
		grub_boot(&before_bytes, &first);
		start();
		assert_ok(predict_dbx(predict, buf_bytes(&scratch), &err), err);
		assert_next_grub(&next);
		assert_int_equal(prediction.changed, 1u << 7);
		assert_true(noted("3 of 6 entries are new"));
		assert_string_equal(prediction.changes[0].what, "dbx with 3 new entries");
		predict_free(&predict);
		prediction_release(&prediction);
	}
}

/* Two bytes of the header of an update that make it none. */
static void dbx__header_of_another_kind__no_header(void **state)
{
	static const size_t places[] = {20, 22, 24};

	(void)state;
	start_grub();
	for (size_t i = 0; i < ARRAY_LEN(places); i++) {
		buf_clear(&scratch);
		put_authentication(&scratch, 24 + 5);
		put_list(&scratch, "a");
		assert_ok(predict_dbx(predict, buf_bytes(&scratch), &err), err);
		scratch.data[places[i]] ^= 1;
		assert_false(predict_dbx(predict, buf_bytes(&scratch), &err));
		assert_int_equal(err.code, ERR_FORMAT);
	}
}

/* The same 48 bytes under another type are another entry. */
static void dbx__entry_of_another_type__new(void **state)
{
	OWNED(buf_release) struct buf old = {0};
	struct grub_boot first = plain, next = plain;

	(void)state;
	put_list(&old, "a");
	put_list(&scratch, "a");
	scratch.data[0] ^= 1;
	first.dbx = buf_bytes(&old);
	grub_boot(&before_bytes, &first);
	start();
	assert_ok(predict_dbx(predict, buf_bytes(&scratch), &err), err);
	buf_put(&old, buf_bytes(&scratch));
	next.dbx = buf_bytes(&old);
	assert_next_grub(&next);
}

static void dbx__first_update__the_update_itself(void **state)
{
	struct grub_boot next = plain;

	(void)state;
	put_list(&scratch, "ab");
	next.dbx = buf_bytes(&scratch);
	start_grub();
	assert_ok(predict_dbx(predict, buf_bytes(&scratch), &err), err);
	assert_next_grub(&next);
}

static void dbx__malformed_update__refused(void **state)
{
	(void)state;
	start_grub();
	assert_fails(predict_dbx(predict, (struct bytes){0}, &err), err, ERR_FORMAT,
		"dbx update: no entries");
	put_authentication(&scratch, 24 + 6);
	assert_fails(predict_dbx(predict, buf_bytes(&scratch), &err), err, ERR_FORMAT,
		"dbx update: dwLength: 30 does not fit the file of 45 bytes");
	buf_clear(&scratch);
	put_authentication(&scratch, 23);
	assert_fails(predict_dbx(predict, buf_bytes(&scratch), &err), err, ERR_FORMAT,
		"dbx update: dwLength: 23 does not fit the file of 45 bytes");
	buf_clear(&scratch);
	put_list(&scratch, "a");
	assert_ok(predict_dbx(predict, buf_bytes(&scratch), &err), err);
	scratch.data[20] = 1; /* neither a list nor an authentication header of another revision */
	assert_false(predict_dbx(predict, bytes_of(scratch.data, 30), &err));
	scratch.data[20] = 0;
	scratch.len--;
	assert_false(predict_dbx(predict, buf_bytes(&scratch), &err));
	assert_int_equal(err.code, ERR_FORMAT);
	predict_free(&predict);
	log_begin(&before_bytes);
	image(&before_bytes, "\\vmlinuz", file(KERNEL));
	start();
	assert_fails(predict_dbx(predict, buf_bytes(&scratch), &err), err, ERR_NOT_FOUND,
		"the log has no dbx that its digest covers");
}

static void sbat_level__new_text__pcr_7(void **state)
{
	struct grub_boot next = plain;

	(void)state;
	next.sbat = "sbat,1,2024\nshim,4\n";
	start_grub();
	for (size_t i = 0; i < 3; i++) {
		static char long_text[5000] = "sbat,";
		struct bytes bad[] = {BYTES_LIT("shim,4\n"), BYTES_LIT("sbat"),
			bytes_of(long_text, sizeof(long_text))};

		assert_fails(predict_sbat_level(predict, bad[i], &err), err, ERR_FORMAT,
			"SbatLevel: expected a text that begins \"sbat,\"");
	}
	assert_ok(predict_sbat_level(predict, bytes_str(next.sbat), &err), err);
	assert_next_grub(&next);
	assert_int_equal(prediction.changed, 1u << 7);
	predict_free(&predict);
	systemd_boot(&before_bytes, "a", "a");
	start();
	assert_fails(predict_sbat_level(predict, bytes_str(next.sbat), &err), err, ERR_NOT_FOUND,
		"the log has no SbatLevel that its digest covers");
}

/* ---- unified kernel images ---- */

static void section_events(struct buf *log, const char *name, const struct pe_section *section)
{
	OWNED(buf_release) struct buf data = {0};
	OWNED(buf_release) struct buf content = {0};

	put_utf16_text(&data, name, true);
	log_event(log, 11, EV_IPL, bytes_of(name, strlen(name) + 1), buf_bytes(&data));
	buf_put(&content, section->data);
	while (content.len < section->virtual_size)
		buf_put_u8(&content, 0);
	content.len = section->virtual_size;
	log_event(log, 11, EV_IPL, buf_bytes(&content), buf_bytes(&data));
}

/* A boot of a unified image whose stub measured the sections named, in that order. */
static void uki_boot(struct buf *log, size_t uki, size_t kernel, const char *const names[],
	const char *line, const char *initrd)
{
	static const uint8_t memory[] = {0x04, 0x03, 0x14, 0x00, 0xf8, 0xd1, 0xc5, 0x55, 0xcd, 0x04,
		0xb5, 0x46, 0x8a, 0x20, 0xe5, 0x6c, 0xbb, 0x30, 0x52, 0xd0, 0x7f, 0xff, 0x04, 0x00};
	struct pe_image parsed;

	assert_ok(pe_parse(file(uki), &parsed, &err), err);
	log_begin(log);
	secure_boot(log, false, (struct bytes){0});
	image(log, "\\EFI\\BOOT\\BOOTX64.EFI", file(uki));
	for (size_t i = 0; names[i]; i++)
		section_events(
			log, names[i], &parsed.sections[pe_section_find(&parsed, names[i], 0)]);
	if (kernel != SIZE_MAX)
		image_at(log, memory, sizeof(memory), file(kernel));
	if (line)
		tag_line(log, line);
	if (initrd)
		tag(log, 0x8f3b22ec, bytes_str(initrd));
}

#define LIST(...) ((const char *const[]){__VA_ARGS__, NULL})
#define OLD_NAMES LIST(".linux", ".osrel", ".cmdline", ".initrd")

static void build_old_uki(void)
{
	struct pe_build build = {
		.sections = {{0}, {".osrel", "ID=x", 0, 0}, {".cmdline", "quiet ", 0, 0},
			{".initrd", "initrd", 0, 0}, {".uname", "6.1", 0, 0},
			{".sdmagic", MAGIC("252.39-1"), 0, 0}}};

	build_uki(UKI, &build, KERNEL);
}

static void start_uki(size_t kernel, const char *line, const char *initrd)
{
	build_old_uki();
	uki_boot(&before_bytes, UKI, kernel, OLD_NAMES, line, initrd);
	start();
}

static void uki__new_kernel_and_line__pcrs_4_9_and_11(void **state)
{
	struct pe_build build = {
		.sections = {{0}, {".osrel", "ID=x", 0, 0}, {".initrd", "initrd 2", 0, 0},
			{".cmdline", "verbose \n", 0, 0}, {".uname", "6.2", 0, 0},
			{".sdmagic", MAGIC("252.40"), 0, 0}}};

	(void)state;
	start_uki(KERNEL, "quiet", "initrd");
	build_uki(UKI2, &build, KERNEL2);
	assert_ok(predict_uki(predict, file(UKI2), "new.efi", &err), err);
	uki_boot(&after_bytes, UKI2, KERNEL2, OLD_NAMES, "verbose", "initrd 2");
	assert_next(0);
	assert_int_equal(prediction.changed, 1u << 4 | 1u << 9 | 1u << 11);
	/* .osrel stays as it was and is not told. */
	for (size_t i = 0; i < prediction.change_count; i++)
		assert_null(strstr(prediction.changes[i].what, "osrel"));
	assert_true(noted("assumes that the firmware measures the kernel inside new.efi"));
	assert_true(noted("PCR 12 and 13"));
}

static void uki__newer_stub__more_sections_in_its_order(void **state)
{
	struct pe_build build = {
		.sections = {{0}, {".sbat", "sbat,1", 0, 0}, {".pcrpkey", "key", 0, 0},
			{".osrel", "ID=y", 8, 0}, {".cmdline", "quiet ", 0, 0},
			{".initrd", "initrd", 0, 0}, {".uname", "6.1", 0, 0},
			{".pcrsig", "sig", 0, 0}, {".ucode", "u", 0, 0}, {".splash", "", 0, 0},
			{".sdmagic", MAGIC("257"), 0, 0}}};

	(void)state;
	start_uki(SIZE_MAX, "quiet", "initrd");
	build_uki(UKI2, &build, KERNEL);
	assert_ok(predict_uki(predict, file(UKI2), "new.efi", &err), err);
	uki_boot(&after_bytes, UKI2, SIZE_MAX,
		LIST(".linux", ".osrel", ".cmdline", ".initrd", ".ucode", ".uname", ".sbat",
			".pcrpkey"),
		"quiet", NULL);
	assert_next(1u << 9);
	assert_true(noted("cannot tell PCR 9: the stub packs more sections"));
}

static void uki__fewer_sections__dropped(void **state)
{
	struct pe_build build = {
		.sections = {{0}, {".cmdline", "quiet ", 0, 0}, {".initrd", "initrd", 0, 0},
			{".sdmagic", MAGIC("254"), 0, 0}}};

	(void)state;
	start_uki(SIZE_MAX, "quiet", "initrd");
	build_uki(UKI2, &build, KERNEL);
	assert_ok(predict_uki(predict, file(UKI2), "new.efi", &err), err);
	uki_boot(&after_bytes, UKI2, SIZE_MAX, LIST(".linux", ".cmdline", ".initrd"), "quiet",
		"initrd");
	assert_next(0);
	assert_int_equal(prediction.change_count, 3);
	assert_string_equal(prediction.changes[1].what, "no such section any more");
	assert_int_equal(prediction.changes[1].new_.len, 0);
	assert_int_equal(prediction.changes[1].old.len, 32);
}

static void uki__several_profiles__the_first(void **state)
{
	struct pe_build build = {
		.sections = {{0}, {".cmdline", "base", 0, 0}, {".initrd", "initrd", 0, 0},
			{".sdmagic", MAGIC("257"), 0, 0}, {".profile", "ID=one", 0, 0},
			{".cmdline", "first", 0, 0}, {".profile", "ID=two", 0, 0},
			{".cmdline", "second", 0, 0}, {".dtbauto", "d", 0, 0}}};
	struct pe_image parsed;

	(void)state;
	start_uki(SIZE_MAX, NULL, NULL);
	build_uki(UKI2, &build, KERNEL);
	assert_ok(predict_uki(predict, file(UKI2), "new.efi", &err), err);
	assert_ok(pe_parse(file(UKI2), &parsed, &err), err);
	uki_boot(&after_bytes, UKI2, SIZE_MAX, LIST(".linux"), NULL, NULL);
	section_events(&after_bytes, ".cmdline", &parsed.sections[5]);
	section_events(&after_bytes, ".initrd", &parsed.sections[2]);
	section_events(&after_bytes, ".profile", &parsed.sections[4]);
	assert_next(0);
	assert_true(noted("the first profile"));
	assert_true(noted(".dtbauto"));
}

static void uki__stub_without_version__assumed(void **state)
{
	static const char *const magics[] = {
		NULL, "something else", "#### LoaderInfo: systemd-stub x"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(magics); i++) {
		struct pe_build build = {
			.sections = {{0}, {".cmdline", "quiet ", 0, 0}, {".initrd", "initrd", 0, 0},
				{".uname", "6", 0, 0}}};

		if (magics[i])
			build.sections[4] = (struct pe_build_section){".sdmagic", magics[i], 0, 0};
		start_uki(SIZE_MAX, NULL, NULL);
		build_uki(UKI2, &build, KERNEL);
		assert_ok(predict_uki(predict, file(UKI2), "new.efi", &err), err);
		uki_boot(&after_bytes, UKI2, SIZE_MAX,
			LIST(".linux", ".cmdline", ".initrd", ".uname"), NULL, NULL);
		assert_next(0);
		assert_true(noted("does not tell its version"));
		predict_free(&predict);
		prediction_release(&prediction);
	}
}

static void uki__line_or_initrd_from_elsewhere__cannot_tell(void **state)
{
	struct pe_build build = {
		.sections = {{0}, {".initrd", "initrd 2", 0, 0}, {".sdmagic", MAGIC("252"), 0, 0}}};

	(void)state;
	start_uki(SIZE_MAX, "overridden", NULL);
	build_uki(UKI2, &build, KERNEL);
	assert_ok(predict_uki(predict, file(UKI2), "new.efi", &err), err);
	uki_boot(&after_bytes, UKI2, SIZE_MAX, LIST(".linux", ".initrd"), NULL, NULL);
	assert_next(1u << 9);
	assert_true(noted("cannot tell PCR 9: the kernel's command line"));
	predict_free(&predict);
	prediction_release(&prediction);
	start_uki(SIZE_MAX, NULL, "initrd and credentials");
	assert_ok(predict_uki(predict, file(UKI2), "new.efi", &err), err);
	assert_next(1u << 9);
	assert_true(noted("cannot tell PCR 9: the initrd was more"));
}

static void uki__line_not_ascii_or_no_initrd__cannot_tell(void **state)
{
	struct pe_build build = {.sections = {{0}, {".cmdline", "\xc3\xa4", 0, 0},
					 {".initrd", "initrd", 0, 0}, {".efifw", "f", 0, 0}}};

	(void)state;
	start_uki(SIZE_MAX, "quiet", "initrd");
	build_uki(UKI2, &build, KERNEL);
	assert_ok(predict_uki(predict, file(UKI2), "new.efi", &err), err);
	uki_boot(&after_bytes, UKI2, SIZE_MAX, LIST(".linux", ".cmdline", ".initrd"), NULL, NULL);
	assert_next(1u << 9);
	assert_true(noted(".efifw"));
	predict_free(&predict);
	prediction_release(&prediction);
	build.sections[1].data = " ";
	build.sections[2].name = ".splash";
	start_uki(SIZE_MAX, "quiet", "initrd");
	build_uki(UKI2, &build, KERNEL);
	assert_ok(predict_uki(predict, file(UKI2), "new.efi", &err), err);
	uki_boot(&after_bytes, UKI2, SIZE_MAX, LIST(".linux", ".cmdline", ".splash"), NULL, NULL);
	assert_next(1u << 9);
	assert_true(noted("cannot tell PCR 9: the initrd was more"));
}

static void uki__malformed_certificate_table__refused(void **state)
{
	(void)state;
	start_uki(SIZE_MAX, NULL, NULL);
	files[UKI].data[files[UKI].len - sizeof(certificate)] = 7;
	assert_fails(predict_uki(predict, file(UKI), "new.efi", &err), err, ERR_FORMAT,
		"new.efi: certificate table: PE image: dwLength: less than its own header at "
		"offset 8");
}

static void uki__secure_boot_on__signature_noted(void **state)
{
	(void)state;
	build_old_uki();
	log_begin(&before_bytes);
	secure_boot(&before_bytes, true, (struct bytes){0});
	image(&before_bytes, "\\EFI\\BOOT\\BOOTX64.EFI", file(UKI));
	log_event(&before_bytes, 11, EV_IPL, bytes_of(".linux", 7),
		bytes_of(".\0l\0i\0n\0u\0x\0\0\0", 14));
	log_event(&before_bytes, 11, EV_IPL, BYTES_LIT("kernel"), BYTES_LIT("x"));
	start();
	assert_ok(predict_uki(predict, file(UKI), "new.efi", &err), err);
	assert_ok(predict_finish(predict, &prediction, &err), err);
	assert_true(noted("assumes that new.efi is verified by the authorities"));
}

/* The value that systemd's own `systemd-measure calculate --phase=` of version 252 gives for the
 * sections of this image. */
static void uki__image_signed_by_sbsign__what_systemd_measure_says(void **state)
{
	OWNED(buf_release) struct buf uki = {0};
	char hex[65];

	(void)state;
	start_uki(SIZE_MAX, NULL, NULL);
	assert_ok(file_read("tests/fuzz/corpus/pe/uki", PE_FILE_MAX, &uki, &err), err);
	assert_ok(predict_uki(predict, buf_bytes(&uki), "uki", &err), err);
	assert_ok(predict_finish(predict, &prediction, &err), err);
	hex_encode(bytes_of(prediction.after.values[11], 32), hex);
	assert_string_equal(
		hex, "c1ade125161c54bf38eee8bbefa631866296359d866144592ad0cb331e05d12c");
}

static void uki__no_such_boot_or_image__refused(void **state)
{
	(void)state;
	build_old_uki();
	start_grub();
	assert_fails(predict_uki(predict, file(UKI), "new.efi", &err), err, ERR_NOT_FOUND,
		"the log tells of no unified kernel image: no image before sections in PCR 11");
	assert_fails(predict_uki(predict, file(KERNEL), "new.efi", &err), err, ERR_FORMAT,
		"new.efi: no section .linux: no unified kernel image");
	assert_fails(predict_uki(predict, BYTES_LIT("x"), "new.efi", &err), err, ERR_FORMAT,
		"new.efi: PE image: MZ header: truncated at offset 0");
	predict_free(&predict);
	start_uki(KERNEL, NULL, NULL);
	memcpy(files[UKI].data + PE_BUILD_HEADERS, "XX", 2); /* .linux is no image any more */
	assert_fails(predict_uki(predict, file(UKI), "new.efi", &err), err, ERR_FORMAT,
		"new.efi: section .linux: PE image: MZ header: not a PE image at offset 2");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(replace__boot_loader_by_the_end_of_its_path__pcr_4),
		TEST(replace__by_number_and_by_digest__same),
		TEST(replace__kernel_read_by_grub__pcr_9_and_the_images_of_it),
		TEST(replace__initrd__its_hash),
		TEST(replace__by_the_same_file__nothing_changes),
		TEST(replace__unsigned_image__noted_where_secure_boot_is_on),
		TEST(replace__shim__what_it_may_raise_is_noted),
		TEST(replace__what_is_not_there__refused),
		TEST(new__log_that_does_not_replay__refused),
		TEST(command_line__grub__line_and_commands),
		TEST(command_line__systemd_boot__line_and_load_options),
		TEST(command_line__kernel_measured_another__cannot_tell),
		TEST(command_line__impossible__refused),
		TEST(command_line__hashed_in_an_unknown_way__refused),
		TEST(command_line__in_more_commands_than_told__refused),
		TEST(replace__log_without_secure_boot__no_word_of_authorities),
		TEST(replace__initrd_of_the_kernels_stub__by_its_name),
		TEST(dbx__update_with_known_entries__new_ones_appended),
		TEST(dbx__header_of_another_kind__no_header),
		TEST(dbx__entry_of_another_type__new),
		TEST(dbx__first_update__the_update_itself),
		TEST(dbx__malformed_update__refused),
		TEST(sbat_level__new_text__pcr_7),
		TEST(uki__new_kernel_and_line__pcrs_4_9_and_11),
		TEST(uki__newer_stub__more_sections_in_its_order),
		TEST(uki__fewer_sections__dropped),
		TEST(uki__several_profiles__the_first),
		TEST(uki__stub_without_version__assumed),
		TEST(uki__line_or_initrd_from_elsewhere__cannot_tell),
		TEST(uki__line_not_ascii_or_no_initrd__cannot_tell),
		TEST(uki__malformed_certificate_table__refused),
		TEST(uki__secure_boot_on__signature_noted),
		TEST(uki__image_signed_by_sbsign__what_systemd_measure_says),
		TEST(uki__no_such_boot_or_image__refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
