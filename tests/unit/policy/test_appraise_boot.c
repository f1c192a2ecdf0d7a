/* SPDX-License-Identifier: Apache-2.0 */
/* The boot below the agent, judged under host classes: recorded machines against golden logs, rules
 * and windows. */
#include "boot_scene.h"

#include "firmware/secure_boot.h"

#define GOOD "secure-boot"

static struct scene_keys keys;

static int group_setup(void **state)
{
	(void)state;
	scene_keys_make(&keys);
	return 0;
}

static int group_teardown(void **state)
{
	(void)state;
	scene_keys_free(&keys);
	return 0;
}

static int setup(void **state)
{
	(void)state;
	boot_setup(&keys, GOOD);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	boot_teardown();
	return 0;
}

static void boot__as_the_golden_log__trusted_as_booted(void **state)
{
	(void)state;
	boot_golden(GOOD, "", "");
	scene_run(boot.s);
	assert_trusted(boot.s);
	assert_int_equal(boot.s->verdict->assurance, ASSURANCE_BOOTED);
	assert_int_equal(boot.s->state_out.host_class, 1);
	assert_int_equal(boot.s->state_out.boot_until, 0);
	assert_true(boot_says(boot.s->verdict->checked, boot.s->verdict->checked_count,
		"Secure Boot: on, in user mode"));
	assert_true(boot_says(
		boot.s->verdict->checked, boot.s->verdict->checked_count, "host class server"));
	assert_false(boot_says(boot.s->verdict->not_checked, boot.s->verdict->not_checked_count,
		"no firmware log is appraised"));
	assert_true(boot_says(boot.s->verdict->not_checked, boot.s->verdict->not_checked_count,
		"no IMA log is appraised"));
}

static void boot__no_class_demanded__not_judged(void **state)
{
	(void)state;
	scene_run(boot.s);
	assert_trusted(boot.s);
	assert_int_equal(boot.s->verdict->assurance, ASSURANCE_REPORTED);
	assert_true(boot_says(boot.s->verdict->not_checked, boot.s->verdict->not_checked_count,
		"no firmware log is appraised"));
}

static void boot__reference_not_attached__accepts_nothing(void **state)
{
	struct buf golden = {0};

	(void)state;
	boot_read(GOOD, "firmware.log", &golden);
	boot_reference("golden-log", buf_bytes(&golden), "");
	boot_policy(BOOT_RISK, "");
	scene_run(boot.s);
	assert_refused_among(boot.s, REASON_FIRMWARE_EVENT);
	buf_release(&golden);
}

static void boot__no_log__refused(void **state)
{
	(void)state;
	boot_golden(GOOD, "", "");
	boot.send_firmware = false;
	boot_claims();
	scene_run(boot.s);
	assert_refused(boot.s, REASON_FIRMWARE_LOG);
	assert_string_equal(boot.s->verdict->reasons[0].actual, "none");
}

static void boot__another_machine__the_event_is_named(void **state)
{
	static const struct {
		const char *name, *subject;
	} cases[] = {
		/* The sections of the unified kernel image in PCR 11 are where it changed. */
		{"other-command-line", "PCR 11, EV_IPL"},
		{"other-initramfs", "PCR 11, EV_IPL"},
	};

	(void)state;
	boot_golden(GOOD, "", "");
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		bool found = false;

		boot_machine(cases[i].name);
		scene_run(boot.s);
		assert_refused_among(boot.s, REASON_FIRMWARE_EVENT);
		for (size_t k = 0; k < boot.s->verdict->reason_count; k++) {
			const struct reason *r = &boot.s->verdict->reasons[k];

			assert_int_equal(r->code, REASON_FIRMWARE_EVENT);
			assert_non_null(strstr(r->where, "firmware log event "));
			found = found || strcmp(r->subject, cases[i].subject) == 0;
		}
		if (!found)
			scene_print(boot.s);
		assert_true(found);
	}
}

static void boot__secure_boot_off__refused_by_rule_and_reference(void **state)
{
	(void)state;
	boot_golden(GOOD, "", "");
	boot_machine("secure-boot-off");
	scene_run(boot.s);
	assert_refused_among(boot.s, REASON_SECURE_BOOT);
	assert_string_equal(boot_reason(REASON_SECURE_BOOT)->actual, "off");
	assert_non_null(boot_reason(REASON_FIRMWARE_EVENT));
}

/* Its own golden log does not help a machine whose class demands Secure Boot. */
static void boot__secure_boot_off_and_golden_log_of_it__refused_unless_any(void **state)
{
	(void)state;
	boot_machine("secure-boot-off");
	boot_golden("secure-boot-off", "", "");
	scene_run(boot.s);
	assert_refused(boot.s, REASON_SECURE_BOOT);
	buf_clear(&boot.lines);
	boot_golden("secure-boot-off", "", "    secure_boot: any\n");
	scene_run(boot.s);
	assert_trusted(boot.s);
	assert_true(boot_says(boot.s->verdict->not_checked, boot.s->verdict->not_checked_count,
		"Secure Boot is off"));
}

static void boot__log_of_another_boot__pcrs_named(void **state)
{
	(void)state;
	boot_golden(GOOD, "", "");
	boot_read("other-command-line", "firmware.log", &boot.firmware);
	boot_claims();
	scene_run(boot.s);
	assert_refused_among(boot.s, REASON_FIRMWARE_PCR);
	assert_null(boot_reason(REASON_FIRMWARE_EVENT));
	assert_non_null(
		strstr(boot_reason(REASON_FIRMWARE_PCR)->where, "its last event there is "));
}

static void L21__pcr_extended_without_an_event__refused(void **state)
{
	static const uint8_t more[SHA256_LEN] = {1};

	(void)state;
	boot_golden(GOOD, "", "");
	assert_ok(
		pcr_extend(DIGEST_SHA256, boot.s->pcrs.values[4], more, &boot.s->err), boot.s->err);
	assert_ok(pcr_extend(DIGEST_SHA256, boot.s->pcrs.values[13], more, &boot.s->err),
		boot.s->err);
	scene_run(boot.s);
	assert_int_equal(boot.s->verdict->reason_count, 2);
	assert_string_equal(boot.s->verdict->reasons[0].subject, "PCR 4");
	assert_string_equal(boot.s->verdict->reasons[1].subject, "PCR 13");
	assert_string_equal(
		boot.s->verdict->reasons[1].where, "firmware log: no event in this PCR");
	assert_int_equal(boot.s->verdict->reasons[1].code, REASON_FIRMWARE_PCR);
}

static void boot__log_cut_or_junk__refused_in_words(void **state)
{
	(void)state;
	boot_golden(GOOD, "", "");
	boot.firmware.len -= 3;
	boot_claims();
	scene_run(boot.s);
	assert_refused(boot.s, REASON_FIRMWARE_LOG);
	assert_non_null(strstr(boot.s->verdict->reasons[0].actual, "event "));
}

static void boot__window__until_its_end(void **state)
{
	(void)state;
	/* 2027-01-15T08:00:00Z is the scene's now. */
	boot_golden(GOOD, ", until: 2027-01-15T08:00:00Z", "");
	scene_run(boot.s);
	assert_trusted(boot.s);
	assert_int_equal(boot.s->state_out.boot_until, SCENE_NOW);
	boot.s->context.now++;
	scene_run(boot.s);
	assert_refused_among(boot.s, REASON_REFERENCE_EXPIRED);
	assert_null(boot_reason(REASON_FIRMWARE_EVENT));
}

/* An update: what was, until a date, and what comes. Both are accepted meanwhile. */
static void boot__old_and_new__both_accepted_then_the_new(void **state)
{
	struct buf old = {0}, new = {0};

	(void)state;
	boot_read(GOOD, "firmware.log", &old);
	boot_read("other-initramfs", "firmware.log", &new);
	boot_reference("golden-log", buf_bytes(&old), ", until: 2027-01-15T08:00:00Z");
	boot_reference("golden-log", buf_bytes(&new), "");
	boot_policy(BOOT_RISK, "");
	boot_attach(buf_bytes(&old));
	boot_attach(buf_bytes(&new));
	scene_run(boot.s);
	assert_trusted(boot.s);
	boot_machine("other-initramfs");
	scene_run(boot.s);
	assert_trusted(boot.s);
	boot.s->context.now++;
	scene_run(boot.s);
	assert_trusted(boot.s);
	boot_machine(GOOD);
	scene_run(boot.s);
	assert_refused_among(boot.s, REASON_REFERENCE_EXPIRED);
	buf_release(&old);
	buf_release(&new);
}

/* Left open: what changed is not judged, and the level says so. */
static void boot__pcrs_left_open__reported_and_listed(void **state)
{
	(void)state;
	boot_golden(GOOD, "", "    may_vary: [4, 7, 9, 11]\n");
	boot_machine("other-initramfs");
	scene_run(boot.s);
	assert_trusted(boot.s);
	assert_int_equal(boot.s->verdict->assurance, ASSURANCE_REPORTED);
	assert_true(boot_says(boot.s->verdict->not_checked, boot.s->verdict->not_checked_count,
		"PCRs 4 7 9 11: host class server leaves it open"));
}

static void boot__minimum_booted__reached_only_by_a_class(void **state)
{
	struct buf golden = {0};

	(void)state;
	boot_read(GOOD, "firmware.log", &golden);
	boot_reference("golden-log", buf_bytes(&golden), "");
	boot_policy(BOOT_RISK "    minimum_assurance: booted\n", "");
	boot_attach(buf_bytes(&golden));
	scene_run(boot.s);
	assert_trusted(boot.s);
	buf_release(&golden);
}

/* Of two classes the host fits the one that leaves the kernel open: that is less than is demanded. */
static void boot__only_an_open_class_fits__too_little_assurance(void **state)
{
	struct buf other = {0}, good = {0};
	uint8_t digest[SHA256_LEN];
	char hex[2 * SHA256_LEN + 1];

	(void)state;
	boot_read("other-initramfs", "firmware.log", &other);
	boot_read(GOOD, "firmware.log", &good);
	boot_reference("golden-log", buf_bytes(&other), "");
	assert_ok(sha256_of(buf_bytes(&good), digest, &boot.s->err), boot.s->err);
	hex_encode(BYTES_OF(digest), hex);
	buf_printf(&boot.lines,
		"  - name: open\n    references: [ {kind: golden-log, sha256: %s} ]\n"
		"    may_vary: [11]\n",
		hex);
	boot_policy(SCENE_CLASS_LINES
		"    host_classes: [server, open]\n    minimum_assurance: booted\n",
		"");
	boot_attach(buf_bytes(&other));
	boot_attach(buf_bytes(&good));
	scene_run(boot.s);
	assert_refused(boot.s, REASON_ASSURANCE);
	assert_string_equal(boot.s->verdict->reasons[0].actual, "reported");
	buf_release(&other);
	buf_release(&good);
}

/* The certificate in db that verified the image, as its SHA-256. */
static void authority_of_machine(char hex[2 * SHA256_LEN + 1])
{
	struct event_log log;
	struct secure_boot *sb = NULL;
	struct err err = {0};

	assert_ok(
		event_log_open(buf_bytes(&boot.firmware), EVENT_LOG_TPM, DIGEST_SHA256, &log, &err),
		err);
	assert_ok(secure_boot_state(&log, DIGEST_SHA256, &sb, &err), err);
	assert_true(sb->authority_count > 0);
	for (size_t i = 0; i < sb->authority_count; i++)
		if (sb->authorities[i].vouches)
			hex_encode(bytes_of(sb->authorities[i].digest.bytes, SHA256_LEN), hex);
	secure_boot_free(&sb);
	event_log_release(&log);
}

static void boot__authorities__those_named_and_no_others(void **state)
{
	char hex[2 * SHA256_LEN + 1] = "", lines[256];

	(void)state;
	authority_of_machine(hex);
	snprintf(lines, sizeof(lines), "    may_vary: [4]\n    authorities: [ %s ]\n", hex);
	boot_golden(GOOD, "", lines);
	scene_run(boot.s);
	assert_trusted(boot.s);
	assert_int_equal(boot.s->verdict->assurance, ASSURANCE_BOOTED);
	hex[0] = hex[0] == '0' ? '1' : '0';
	snprintf(lines, sizeof(lines), "    may_vary: [4]\n    authorities: [ %s ]\n", hex);
	buf_clear(&boot.lines);
	boot_golden(GOOD, "", lines);
	scene_run(boot.s);
	assert_refused_among(boot.s, REASON_BOOT_AUTHORITY);
}

static void boot__dbx_too_short__refused(void **state)
{
	(void)state;
	boot_golden(GOOD, "", "    dbx_minimum: 100000\n");
	scene_run(boot.s);
	assert_refused(boot.s, REASON_DBX_OLD);
	assert_string_equal(boot.s->verdict->reasons[0].expected, "100000 entries or more");
}

/* A unified kernel image's command line is known by digest: rules over text find none. */
static void boot__command_line_rules_without_a_covered_line__refused(void **state)
{
	(void)state;
	boot_golden(GOOD, "", "    command_line: {forbid: [\"init=*\"]}\n");
	scene_run(boot.s);
	assert_refused(boot.s, REASON_COMMAND_LINE);
	assert_string_equal(boot.s->verdict->reasons[0].actual, "none");
}

/* ---- reference values, and what systemd measured ---- */

/* A CoRIM with the values of these PCRs, as the host has them now. */
static void corim_of(uint32_t pcrs, int64_t not_after, struct key *key, struct buf *out)
{
	struct corim_value values[TPM_PCRS];
	struct corim_draft draft = {.id = "server-1", .vendor = "ACME", .values = values};
	struct buf plain = {0};
	struct err err = {0};

	for (unsigned pcr = 0; pcr < TPM_PCRS; pcr++) {
		struct corim_value *v = &values[draft.count];

		if (!(pcrs >> pcr & 1))
			continue;
		*v = (struct corim_value){
			.pcr = (uint8_t)pcr, .digest = {.alg = DIGEST_SHA256, .len = SHA256_LEN}};
		memcpy(v->digest.bytes, boot.s->pcrs.values[pcr], SHA256_LEN);
		draft.count++;
	}
	draft.has_validity = not_after > 0;
	draft.not_after = not_after;
	assert_ok(corim_write(&draft, &plain, &err), err);
	if (key)
		assert_ok(corim_sign(key, "ACME", 0, 0, buf_bytes(&plain), out, &err), err);
	else
		buf_put(out, buf_bytes(&plain));
	buf_release(&plain);
}

#define FIRMWARE_PCRS 0x3ffu
#define ALL_PCRS      (FIRMWARE_PCRS | 0x7800u)

static void boot__values_of_a_corim__all_of_them(void **state)
{
	struct buf values = {0};

	(void)state;
	corim_of(ALL_PCRS, 0, NULL, &values);
	boot_reference("corim", buf_bytes(&values), "");
	boot_policy(BOOT_RISK, "");
	boot_attach(buf_bytes(&values));
	scene_run(boot.s);
	assert_trusted(boot.s);
	assert_int_equal(boot.s->verdict->assurance, ASSURANCE_BOOTED);
	boot_machine("other-initramfs");
	scene_run(boot.s);
	assert_refused_among(boot.s, REASON_FIRMWARE_EVENT);
	assert_non_null(strstr(boot_reason(REASON_FIRMWARE_EVENT)->subject, "PCR "));
	buf_release(&values);
}

/* Vendor's values for his firmware, and a golden log for the rest, left open where the vendor speaks. */
static void boot__values_for_some_pcrs__the_others_still_refused(void **state)
{
	struct buf values = {0};

	(void)state;
	corim_of(0x5, 0, NULL, &values);
	boot_reference("corim", buf_bytes(&values), "");
	boot_policy(BOOT_RISK, "");
	boot_attach(buf_bytes(&values));
	scene_run(boot.s);
	assert_refused_among(boot.s, REASON_FIRMWARE_EVENT);
	for (size_t i = 0; i < boot.s->verdict->reason_count; i++) {
		assert_string_not_equal(boot.s->verdict->reasons[i].subject, "PCR 0");
		assert_string_not_equal(boot.s->verdict->reasons[i].subject, "PCR 2");
	}
	buf_release(&values);
}

static void boot__corim_over__expired(void **state)
{
	struct buf values = {0};

	(void)state;
	corim_of(ALL_PCRS, SCENE_NOW, NULL, &values);
	boot_reference("corim", buf_bytes(&values), "");
	boot_policy(BOOT_RISK, "");
	boot_attach(buf_bytes(&values));
	scene_run(boot.s);
	assert_trusted(boot.s);
	assert_int_equal(boot.s->state_out.boot_until, SCENE_NOW);
	boot.s->context.now++;
	scene_run(boot.s);
	assert_refused_among(boot.s, REASON_REFERENCE_EXPIRED);
	buf_release(&values);
}

static void corim_with_key(const struct buf *values, const struct key *key)
{
	uint8_t digest[SHA256_LEN];
	char hex[2 * SHA256_LEN + 1];

	assert_ok(sha256_of(buf_bytes(values), digest, &boot.s->err), boot.s->err);
	hex_encode(BYTES_OF(digest), hex);
	buf_clear(&boot.lines);
	buf_printf(&boot.lines,
		BOOT_CLASS "      - kind: corim\n        sha256: %s\n        key: ", hex);
	scene_put_pem(&boot.lines, key, 10);
	boot_policy(BOOT_RISK, "");
}

static void boot__corim_by_another_key__never_attached(void **state)
{
	struct buf values = {0};

	(void)state;
	corim_of(ALL_PCRS, 0, keys.builder, &values);
	corim_with_key(&values, keys.alice);
	assert_false(policy_attach(boot.s->policy, buf_bytes(&values), &boot.s->err));
	assert_int_equal(boot.s->err.code, ERR_CONFIG);
	assert_false(policy_complete(boot.s->policy, &boot.s->err));
	/* A verifier does not serve with such a policy; an appraisal under it accepts nothing either. */
	scene_run(boot.s);
	assert_refused_among(boot.s, REASON_FIRMWARE_EVENT);
	corim_with_key(&values, keys.builder);
	boot_attach(buf_bytes(&values));
	scene_run(boot.s);
	assert_trusted(boot.s);
	buf_release(&values);
}

static void systemd_phase(const char *phase)
{
	boot_systemd(11, "phase", phase, bytes_str(phase));
}

static void boot__systemds_phases__explained_by_its_log(void **state)
{
	(void)state;
	boot_golden(GOOD, "", "");
	systemd_phase("enter-initrd");
	systemd_phase("ready");
	scene_run(boot.s);
	assert_trusted(boot.s);
	assert_true(boot_says(boot.s->verdict->not_checked, boot.s->verdict->not_checked_count,
		"what systemd measured after the firmware"));
	/* Without its log nothing explains the PCR. */
	buf_clear(&boot.systemd);
	scene_run(boot.s);
	assert_refused(boot.s, REASON_FIRMWARE_PCR);
	assert_string_equal(boot.s->verdict->reasons[0].subject, "PCR 11");
	buf_put_str(&boot.systemd, "\x1e{}\n");
	scene_run(boot.s);
	assert_refused(boot.s, REASON_FIRMWARE_LOG);
	assert_string_equal(boot.s->verdict->reasons[0].subject, "systemd's measurement log");
}

/* ---- logs made for the occasion ---- */

/* A bank that the firmware did not fill to the end proves nothing, whatever replays onto it. */
static void Q12__bank_without_separators__refused(void **state)
{
	static const enum digest_alg banks[] = {DIGEST_SHA256};
	struct log_maker m = {0};

	(void)state;
	log_maker_start(&m, banks, ARRAY_LEN(banks));
	log_maker_text(&m, 0, EV_S_CRTM_VERSION, "1");
	log_maker_separators(&m, 0, 6);
	boot_made(&m, BOOT_RISK, "    secure_boot: any\n");
	boot_attach(buf_bytes(&boot.firmware));
	scene_run(boot.s);
	assert_refused(boot.s, REASON_FIRMWARE_LOG);
	assert_string_equal(boot.s->verdict->reasons[0].actual, "no separator in PCR 7");
}

/* Types of events are in no digest: the log replays, and is not the one that the firmware wrote. */
static void L12__events_renamed__refused(void **state)
{
	static const enum digest_alg banks[] = {DIGEST_SHA256};
	static const struct {
		uint32_t type;
		const char *actual;
	} cases[] = {
		{EV_EVENT_TAG, "a separator under another type"},
		{EV_UNUSED, "an unknown or unused one"},
		{0x12345, "an unknown or unused one"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct log_maker m = {0};

		log_maker_start(&m, banks, ARRAY_LEN(banks));
		log_maker_separators(&m, 0, 7);
		if (i == 0)
			log_maker_event(&m, 4, cases[i].type, BYTES_LIT("\0\0\0\0"));
		else
			log_maker_text(&m, 4, cases[i].type, "whatever");
		boot_made(&m, BOOT_RISK, "    secure_boot: any\n");
		boot_attach(buf_bytes(&boot.firmware));
		scene_run(boot.s);
		assert_refused(boot.s, REASON_FIRMWARE_LOG);
		assert_string_equal(boot.s->verdict->reasons[0].actual, cases[i].actual);
	}
}

/* A vendor's own type, in a PCR that references hold: it has to be the one that they know. */
static void boot__vendors_event_type__held_by_type_and_digest(void **state)
{
	static const enum digest_alg banks[] = {DIGEST_SHA256};
	struct buf golden = {0};
	struct log_maker m = {0};

	(void)state;
	log_maker_start(&m, banks, ARRAY_LEN(banks));
	log_maker_text(&m, 1, 0x8401, "the vendor's");
	log_maker_separators(&m, 0, 7);
	boot_made(&m, BOOT_RISK, "    secure_boot: any\n");
	buf_put(&golden, buf_bytes(&boot.firmware));
	boot_attach(buf_bytes(&golden));
	scene_run(boot.s);
	assert_trusted(boot.s);
	log_maker_start(&m, banks, ARRAY_LEN(banks));
	log_maker_text(&m, 1, 0x8402, "the vendor's");
	log_maker_separators(&m, 0, 7);
	boot_made(&m, BOOT_RISK, "    secure_boot: any\n");
	buf_clear(&boot.lines);
	boot_reference("golden-log", buf_bytes(&golden), "");
	boot_policy(BOOT_RISK, "    secure_boot: any\n");
	boot_attach(buf_bytes(&golden));
	scene_run(boot.s);
	assert_refused_among(boot.s, REASON_FIRMWARE_EVENT);
	assert_non_null(
		strstr(boot_reason(REASON_FIRMWARE_EVENT)->subject, "PCR 1, event type 0x"));
	/* Left open, it could be anything. */
	buf_clear(&boot.lines);
	boot_reference("golden-log", buf_bytes(&golden), "");
	boot_policy(BOOT_RISK, "    secure_boot: any\n    may_vary: [1]\n");
	boot_attach(buf_bytes(&golden));
	scene_run(boot.s);
	assert_refused(boot.s, REASON_FIRMWARE_LOG);
	buf_release(&golden);
}

static void L14__separator_of_an_error__refused(void **state)
{
	static const enum digest_alg banks[] = {DIGEST_SHA256};
	struct log_maker m = {0};
	struct buf good = {0};

	(void)state;
	log_maker_start(&m, banks, ARRAY_LEN(banks));
	log_maker_separators(&m, 0, 7);
	buf_put(&good, buf_bytes(&m.out));
	log_maker_event(&m, 5, EV_SEPARATOR, BYTES_LIT("\1\0\0\0"));
	boot_made(&m, BOOT_RISK, "    secure_boot: any\n");
	buf_clear(&boot.lines);
	boot_reference("golden-log", buf_bytes(&good), "");
	boot_policy(BOOT_RISK, "    secure_boot: any\n");
	boot_attach(buf_bytes(&good));
	scene_run(boot.s);
	assert_refused(boot.s, REASON_FIRMWARE_LOG);
	assert_string_equal(boot.s->verdict->reasons[0].actual, "the firmware reports one");
	buf_release(&good);
}

/* ---- classes ---- */

static void boot__second_class_fits__is_the_hosts(void **state)
{
	struct buf first = {0}, second = {0};
	uint8_t digest[SHA256_LEN];
	char hex[2 * SHA256_LEN + 1];

	(void)state;
	boot_read("other-initramfs", "firmware.log", &first);
	boot_read(GOOD, "firmware.log", &second);
	boot_reference("golden-log", buf_bytes(&first), "");
	assert_ok(sha256_of(buf_bytes(&second), digest, &boot.s->err), boot.s->err);
	hex_encode(BYTES_OF(digest), hex);
	buf_printf(&boot.lines,
		"  - name: edge\n    references: [ {kind: golden-log, sha256: %s} ]\n", hex);
	boot_policy(SCENE_CLASS_LINES "    host_classes: [server, edge]\n", "");
	boot_attach(buf_bytes(&first));
	boot_attach(buf_bytes(&second));
	scene_run(boot.s);
	assert_trusted(boot.s);
	assert_int_equal(boot.s->state_out.host_class, 2);
	/* Fitting neither, the reasons are those of the nearest. */
	boot_machine("other-command-line");
	scene_run(boot.s);
	assert_refused_among(boot.s, REASON_FIRMWARE_EVENT);
	buf_release(&first);
	buf_release(&second);
}

/* ---- renewals ---- */

static void renewal(void)
{
	scene_renewal(boot.s);
	boot.send_firmware = false;
	boot_claims();
}

static void renewal__pcrs_as_they_were__stands_on_the_last_boot(void **state)
{
	(void)state;
	boot_golden(GOOD, ", until: 2027-01-15T08:00:10Z", "");
	renewal();
	scene_run(boot.s);
	assert_trusted(boot.s);
	assert_false(boot.s->verdict->full);
	assert_int_equal(boot.s->verdict->assurance, ASSURANCE_BOOTED);
	assert_int_equal(boot.s->state_out.host_class, 1);
	assert_int_equal(boot.s->state_out.boot_until, SCENE_NOW + 10);
	/* The reference that it stood on is over: judged anew. */
	boot.s->context.now = SCENE_NOW + 11;
	scene_run(boot.s);
	assert_refused(boot.s, REASON_STATE_STALE);
}

static void renewal__boot_pcr_moved__refused(void **state)
{
	(void)state;
	boot_golden(GOOD, "", "");
	renewal();
	boot.s->pcrs.values[4][0] ^= 1;
	scene_run(boot.s);
	assert_refused(boot.s, REASON_PCRS_CHANGED);
}

static void renewal__state_without_a_class__judged_anew(void **state)
{
	(void)state;
	boot_golden(GOOD, "", "");
	renewal();
	boot.s->state_in.host_class = 0;
	scene_run(boot.s);
	assert_refused(boot.s, REASON_STATE_STALE);
	boot.s->state_in.host_class = 9;
	scene_run(boot.s);
	assert_refused(boot.s, REASON_STATE_STALE);
}

static void renewal__in_full__judges_the_boot_again(void **state)
{
	struct buf log = {0};

	(void)state;
	boot_golden(GOOD, "", "");
	buf_put(&log, buf_bytes(&boot.s->log));
	scene_renewal(boot.s);
	boot.s->claims.runtime_first = 0;
	buf_put(&boot.s->log, buf_bytes(&log));
	scene_run(boot.s);
	assert_trusted(boot.s);
	assert_int_equal(boot.s->verdict->assurance, ASSURANCE_BOOTED);
	boot_machine("other-command-line");
	scene_run(boot.s);
	assert_refused_among(boot.s, REASON_FIRMWARE_EVENT);
	buf_release(&log);
}

/* The frozen context finds its references again, and the same verdict comes out. */
static bool find_reference(void *arg, const uint8_t digest[SHA256_LEN], struct bytes *ret)
{
	struct bytes *objects = arg;
	uint8_t is[SHA256_LEN];
	struct err err = {0};

	for (; objects->data; objects++)
		if (sha256_of(*objects, is, &err) && memcmp(is, digest, SHA256_LEN) == 0) {
			*ret = *objects;
			return true;
		}
	return false;
}

static void context__frozen__brings_its_references_along(void **state)
{
	struct buf golden = {0}, frozen = {0};
	struct policy_frozen again;
	struct verdict *verdict = calloc(1, sizeof(*verdict));
	struct policy_state out;
	struct scene *s = boot.s;

	(void)state;
	boot_read(GOOD, "firmware.log", &golden);
	boot_golden(GOOD, "", "");
	scene_run(s);
	assert_ok(policy_context_encode(
			  &s->context, buf_bytes(&s->evidence), &s->state_in, &frozen, &s->err),
		s->err);
	struct bytes objects[] = {buf_bytes(&s->policy_text), buf_bytes(&s->release_envelope),
		s->approval_list[0], s->approval_list[1], buf_bytes(&s->evidence),
		buf_bytes(&golden), {0}};
	assert_ok(
		policy_context_decode(buf_bytes(&frozen), find_reference, objects, &again, &s->err),
		s->err);
	assert_ok(policy_appraise(
			  again.evidence, &again.context, &again.state_in, verdict, &out, &s->err),
		s->err);
	assert_true(verdict->trusted);
	assert_int_equal(verdict->assurance, ASSURANCE_BOOTED);
	policy_frozen_release(&again);
	objects[5] = (struct bytes){0};
	assert_false(policy_context_decode(
		buf_bytes(&frozen), find_reference, objects, &again, &s->err));
	assert_int_equal(s->err.code, ERR_NOT_FOUND);
	assert_non_null(strstr(s->err.text, "reference "));
	free(verdict);
	buf_release(&golden);
	buf_release(&frozen);
}

#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(boot__as_the_golden_log__trusted_as_booted),
		T(boot__no_class_demanded__not_judged),
		T(boot__reference_not_attached__accepts_nothing),
		T(boot__no_log__refused),
		T(boot__another_machine__the_event_is_named),
		T(boot__secure_boot_off__refused_by_rule_and_reference),
		T(boot__secure_boot_off_and_golden_log_of_it__refused_unless_any),
		T(boot__log_of_another_boot__pcrs_named),
		T(L21__pcr_extended_without_an_event__refused),
		T(boot__log_cut_or_junk__refused_in_words),
		T(boot__window__until_its_end),
		T(boot__old_and_new__both_accepted_then_the_new),
		T(boot__pcrs_left_open__reported_and_listed),
		T(boot__minimum_booted__reached_only_by_a_class),
		T(boot__only_an_open_class_fits__too_little_assurance),
		T(boot__authorities__those_named_and_no_others),
		T(boot__dbx_too_short__refused),
		T(boot__command_line_rules_without_a_covered_line__refused),
		T(boot__values_of_a_corim__all_of_them),
		T(boot__values_for_some_pcrs__the_others_still_refused),
		T(boot__corim_over__expired),
		T(boot__corim_by_another_key__never_attached),
		T(boot__systemds_phases__explained_by_its_log),
		T(Q12__bank_without_separators__refused),
		T(L12__events_renamed__refused),
		T(boot__vendors_event_type__held_by_type_and_digest),
		T(L14__separator_of_an_error__refused),
		T(boot__second_class_fits__is_the_hosts),
		T(renewal__pcrs_as_they_were__stands_on_the_last_boot),
		T(renewal__boot_pcr_moved__refused),
		T(renewal__state_without_a_class__judged_anew),
		T(renewal__in_full__judges_the_boot_again),
		T(context__frozen__brings_its_references_along),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
