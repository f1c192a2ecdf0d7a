/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The golden log, tests/data/firmware/golden.log: every single-bit flip and every truncation is refused, or it is in a
 * byte that no digest covers. Those bytes are computed here from what the format says and held against the written list,
 * golden-uncovered.txt. "Accepted" means: parses, covered data matches, and the PCRs are those of the golden log.
 * `test_event_golden --write DIRECTORY` writes both files anew.
 */
#include "tests/unit/firmware/log_fixture.h"

#include "base/file.h"
#include "firmware/secure_boot.h"

#define SPEC_ID_BODY 32u /* behind the head of the first event */

/* Why a byte is in no digest. */
enum why { COVERED = 0, HEADER, TYPE, NOTE, DATA, WHYS };
static const char *const why_names[WHYS] = {
	[HEADER] = "header: versions and vendor",
	[TYPE] = "type of event or tag",
	[NOTE] = "EV_NO_ACTION",
	[DATA] = "data of something measured elsewhere",
};

static struct pcr_bank golden_pcrs[2];
static uint8_t *whys; /* for each byte of the log */

static void mark(size_t at, size_t n, enum why why)
{
	memset(whys + at, (int)why, n);
}

/* What firmware may log freely although here it is what was hashed: the digest of another thing is as good. */
static bool is_free(const struct firmware_event *event)
{
	return event->coverage == EVENT_UNCOVERED || event->type == EV_S_CRTM_VERSION ||
	       (event->type == EV_IPL && event->pcr != 8);
}

static void mark_event(const struct firmware_event *event, size_t end)
{
	size_t data = end - event->data.len, note = event->offset;
	if (event->type == EV_NO_ACTION) {
		bool startup = memcmp(event->data.data, "StartupLocality", 15) == 0;
		/* Type and locality decide PCR 0; what makes it odd is refused with it. */
		if (!startup)
			mark(note, end - note, NOTE);
		return;
	}
	mark(event->offset + 4, 4, TYPE);
	/* Which tag it is decides whether Windows hashed it. */
	if (event->type == EV_EVENT_TAG && event->coverage == EVENT_COVERED)
		mark(data, 4, TYPE);
	else if (is_free(event))
		mark(data, event->data.len, DATA);
	else if (event->covered.data && event->covered.len < event->data.len &&
		 event->type != EV_EFI_VARIABLE_BOOT) {
		size_t covered = (size_t)(event->covered.data - f.m.out.data);
		mark(data, covered - data, DATA);
		mark(covered + event->covered.len, end - covered - event->covered.len, DATA);
	} else if (event->type == EV_EFI_VARIABLE_BOOT) {
		mark(data, 16,
			DATA); /* the vendor's GUID; lengths and name hold the structure together */
		mark(data + 32, event->data.len - 32 - event->covered.len, DATA);
	}
}

static int golden_open(void **state)
{
	struct golden golden = {0};
	int failed = fixture_open(state);
	golden.certificate = buf_bytes(&f.certificate);
	log_maker_golden(&f.m, &golden);
	whys = calloc(f.m.out.len, 1);
	if (failed || !whys || !opens(DIGEST_NONE))
		return -1;
	mark(SPEC_ID_BODY + 16, 5, HEADER); /* platformClass, specVersionMinor */
	mark(SPEC_ID_BODY + 22, 2, HEADER); /* specErrata, uintnSize */
	for (size_t i = 0; i < f.log.count; i++)
		mark_event(&f.log.events[i],
			i + 1 < f.log.count ? f.log.events[i + 1].offset : f.m.out.len);
	return event_log_replay(&f.log, DIGEST_SHA256, &golden_pcrs[0], &f.err) &&
			       event_log_replay(&f.log, DIGEST_SHA1, &golden_pcrs[1], &f.err)
		       ? 0
		       : -1;
}

static int golden_close(void **state)
{
	free(whys);
	return fixture_close(state);
}

/* The list: one run of bytes a line, "offset length why". */
static void list_put(struct buf *out)
{
	for (size_t at = 0; at < f.m.out.len;) {
		size_t n = 1;
		while (at + n < f.m.out.len && whys[at + n] == whys[at])
			n++;
		if (whys[at])
			buf_printf(out, "%zu %zu %s\n", at, n, why_names[whys[at]]);
		at += n;
	}
}

static bool same_pcrs(const struct event_log *log)
{
	for (size_t i = 0; i < ARRAY_LEN(golden_pcrs); i++) {
		struct pcr_bank pcrs;
		struct err err;
		if (!event_log_replay(log, golden_pcrs[i].alg, &pcrs, &err) ||
			memcmp(&pcrs, &golden_pcrs[i], sizeof(pcrs)) != 0)
			return false;
	}
	return true;
}

static bool accepted(struct bytes in, struct event_log *log)
{
	struct err err;
	return event_log_open(in, EVENT_LOG_TPM, DIGEST_NONE, log, &err) && same_pcrs(log);
}

/* What Secure Boot comes to, as bytes: what a policy would judge. Nothing when it is not enforced. */
struct facts {
	struct buf state, images;
};

static void facts_release(struct facts *facts)
{
	buf_release(&facts->state);
	buf_release(&facts->images);
}

static void facts_take(const struct event_log *log, struct facts *ret)
{
	struct secure_boot *s = NULL;
	struct err err;
	if (!secure_boot_state(log, DIGEST_SHA256, &s, &err) || !s->enforced) {
		secure_boot_free(&s);
		return;
	}
	buf_printf(&ret->state, "on %zu", s->authority_count);
	for (size_t i = 0; i < SECURE_BOOT_VARIABLES; i++)
		if (s->variables[i].measured)
			buf_put(&ret->state, digest_bytes(&s->variables[i].digest));
	for (size_t i = 0; i < s->authority_count; i++)
		buf_put(&ret->state, digest_bytes(&s->authorities[i].digest));
	for (size_t i = 0; i < s->image_count; i++)
		if (s->images[i].pcr == 4)
			buf_put(&ret->images, digest_bytes(&s->images[i].digest));
	secure_boot_free(&s);
}

static bool has_image(const struct buf *images, const uint8_t *digest)
{
	for (size_t i = 0; i < images->len; i += SHA256_LEN)
		if (memcmp(images->data + i, digest, SHA256_LEN) == 0)
			return true;
	return false;
}

/* A renamed event may make the state a refused one, or a remark an image more; it may change or hide nothing of what goes
 * on being enforced. */
static void check_facts(const struct event_log *log, const struct facts *wanted, size_t at)
{
	struct facts facts = {0};
	facts_take(log, &facts);
	if (facts.state.len && !bytes_equal(buf_bytes(&facts.state), buf_bytes(&wanted->state)))
		fail_msg("byte %zu: other facts", at);
	for (size_t i = 0; facts.state.len && i < wanted->images.len; i += SHA256_LEN)
		if (!has_image(&facts.images, wanted->images.data + i))
			fail_msg("byte %zu: an image is hidden", at);
	facts_release(&facts);
}

static void golden__file__is_what_is_made(void **state)
{
	struct buf file = {0}, list = {0}, wanted = {0};
	(void)state;
	assert_true(firmware_data_read("golden.log", &file));
	assert_bytes(buf_bytes(&f.m.out), buf_bytes(&file));
	assert_true(firmware_data_read("golden-uncovered.txt", &wanted));
	list_put(&list);
	assert_bytes(buf_bytes(&list), buf_bytes(&wanted));
	buf_release(&file);
	buf_release(&list);
	buf_release(&wanted);
}

static void golden__every_bit_flipped__refused_or_not_covered(void **state)
{
	struct facts facts = {0};
	size_t tolerated = 0;
	(void)state;
	facts_take(&f.log, &facts);
	assert_int_equal(facts.images.len, 3 * SHA256_LEN);
	for (size_t bit = 0; bit < f.m.out.len * 8; bit++) {
		struct event_log log = {0};
		f.m.out.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
		if (accepted(buf_bytes(&f.m.out), &log)) {
			if (!whys[bit / 8])
				fail_msg("bit %zu of byte %zu: accepted", bit % 8, bit / 8);
			check_facts(&log, &facts, bit / 8);
			tolerated++;
		}
		event_log_release(&log);
		f.m.out.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	/* The list is not there for nothing. */
	assert_in_range(tolerated, 4000, f.m.out.len * 8);
	facts_release(&facts);
}

static void golden__cut_anywhere__refused(void **state)
{
	(void)state;
	for (size_t len = 0; len < f.m.out.len; len++) {
		struct event_log log = {0};
		/* A block of exactly this size: the sanitizer sees a read behind it. */
		uint8_t *cut = malloc(len ? len : 1);
		assert_non_null(cut);
		memcpy(cut, f.m.out.data, len);
		if (accepted(bytes_of(cut, len), &log))
			fail_msg("cut to %zu bytes: accepted", len);
		event_log_release(&log);
		free(cut);
	}
}

/* Every type that is known, and one that is not. */
static size_t types_all(uint32_t types[64])
{
	size_t n = 0;
	for (uint32_t high = 0; high < 2; high++)
		for (uint32_t low = 0; low < 0x100; low++)
			if (event_type_name(high << 31 | low))
				types[n++] = high << 31 | low;
	types[n++] = 0x40e;
	return n;
}

static void rename_and_check(const struct event_log *from, struct buf *bytes, size_t i,
	uint32_t type, const struct facts *wanted)
{
	struct event_log log = {0};
	size_t at = from->events[i].offset + 4;
	uint8_t kept[4];
	memcpy(kept, bytes->data + at, 4);
	memcpy(bytes->data + at, &type, 4);
	struct err err;
	if (event_log_open(buf_bytes(bytes), EVENT_LOG_TPM, DIGEST_SHA256, &log, &err))
		check_facts(&log, wanted, at);
	event_log_release(&log);
	memcpy(bytes->data + at, kept, 4);
}

static void golden__every_event_renamed__hides_nothing(void **state)
{
	struct facts facts = {0};
	uint32_t types[64];
	size_t n = types_all(types);
	(void)state;
	facts_take(&f.log, &facts);
	for (size_t i = 0; i < f.log.count; i++)
		for (size_t k = 0; k < n; k++)
			if (f.log.events[i].type != EV_NO_ACTION && types[k] != EV_NO_ACTION)
				rename_and_check(&f.log, &f.m.out, i, types[k], &facts);
	facts_release(&facts);
}

/* The same boot with Secure Boot off: no renaming turns it on. */
static void golden_off__every_event_renamed__stays_off(void **state)
{
	static const enum digest_alg banks[] = {DIGEST_SHA256};
	struct golden golden = {.certificate = buf_bytes(&f.certificate), .secure_boot_off = true};
	struct facts none = {0};
	struct event_log log = {0};
	struct log_maker m;
	uint32_t types[64];
	size_t n = types_all(types);
	(void)state;
	log_maker_start(&m, banks, 1);
	log_maker_golden(&m, &golden);
	assert_ok(
		event_log_open(buf_bytes(&m.out), EVENT_LOG_TPM, DIGEST_NONE, &log, &f.err), f.err);
	for (size_t i = 0; i < log.count; i++)
		for (size_t k = 0; k < n; k++)
			if (types[k] != EV_NO_ACTION)
				rename_and_check(&log, &m.out, i, types[k], &none);
	event_log_release(&log);
	buf_release(&m.out);
}

static int write_files(const char *directory)
{
	struct buf list = {0}, path = {0}, path2 = {0};
	struct err err = {0};
	if (golden_open(NULL) != 0) {
		(void)fprintf(stderr, "%s\n", f.err.text);
		return EXIT_FAILURE;
	}
	list_put(&list);
	bool ok = file_write_atomic(path_join(&path, directory, "golden.log"), buf_bytes(&f.m.out),
			  0644, &err) &&
		  file_write_atomic(path_join(&path2, directory, "golden-uncovered.txt"),
			  buf_bytes(&list), 0644, &err);
	if (!ok)
		(void)fprintf(stderr, "%s\n", err.text);
	buf_release(&list);
	buf_release(&path);
	buf_release(&path2);
	(void)golden_close(NULL);
	return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(golden__file__is_what_is_made),
		cmocka_unit_test(golden__every_bit_flipped__refused_or_not_covered),
		cmocka_unit_test(golden__cut_anywhere__refused),
		cmocka_unit_test(golden__every_event_renamed__hides_nothing),
		cmocka_unit_test(golden_off__every_event_renamed__stays_off),
	};
	if (argc == 3 && strcmp(argv[1], "--write") == 0)
		return write_files(argv[2]);
	return cmocka_run_group_tests(tests, golden_open, golden_close);
}
