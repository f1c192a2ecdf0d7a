/* SPDX-License-Identifier: Apache-2.0 */
/* What was measured against the references of a host class: which accepts, until when, and what is told where none does. */
#include "boot_case.h"

static void reference__events_that_differ__in_its_words_and_the_logs(void **state)
{
	struct buf golden = {0};
	const struct reason *r = boot.s->verdict->reasons;
	/* sha256 of "x", "y" */
	static const char x[] = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881";
	static const char y[] = "a1fce4363854ff888cff4b8e7875d600c2682390412a8cf79b37d0b11148b0fa";

	(void)state;
	log_start();
	log_maker_text(&maker, 9, EV_IPL, "x");
	take_golden(&golden);
	log_start();
	log_maker_text(&maker, 9, EV_IPL, "y");
	run_against(&golden, "", ANY);
	assert_refused(boot.s, REASON_FIRMWARE_EVENT);
	assert_string_equal(r->subject, "PCR 9, EV_IPL");
	assert_string_equal(r->where, "firmware log event 8");
	assert_false(checked("PCRs as references accept them"));
	assert_memory_equal(r->expected, x, 64);
	assert_memory_equal(r->actual, y, 64);
	assert_memory_equal(r->expected + 64, "  ", 2);
	assert_memory_equal(r->actual + 64, "  ", 2);
	assert_non_null(strstr(r->hint, "pcr 9: below step 1: or "));
	log_start();
	run_against(&golden, "", ANY);
	assert_refused(boot.s, REASON_FIRMWARE_EVENT);
	assert_string_equal(r->actual, "no such event");
	assert_string_equal(r->where, "firmware log: no event");
	assert_memory_equal(r->expected, x, 64);
	assert_non_null(strstr(r->hint, "pcr 9: step 1: maybe "));
	log_start();
	log_maker_text(&maker, 9, EV_IPL, "x");
	log_maker_text(&maker, 9, EV_IPL, "y");
	run_against(&golden, "", ANY);
	assert_refused(boot.s, REASON_FIRMWARE_EVENT);
	assert_memory_equal(r->expected, "no such event", 13);
	assert_memory_equal(r->actual, y, 64);
	assert_string_equal(r->where, "firmware log event 9");
	/* The very first event. */
	log_maker_start(&maker, banks, ARRAY_LEN(banks));
	log_maker_text(&maker, 9, EV_IPL, "y");
	log_maker_separators(&maker, 0, 7);
	run_against(&golden, "", ANY);
	assert_refused(boot.s, REASON_FIRMWARE_EVENT);
	assert_string_equal(r->where, "firmware log event 0");
	buf_release(&golden);
}

static void corim_of(uint32_t pcrs, int64_t not_before, struct buf *out)
{
	struct corim_value values[TPM_PCRS];
	struct corim_draft draft = {.id = "1",
		.vendor = "ACME",
		.values = values,
		.has_validity = not_before > 0,
		.not_before = not_before,
		.not_after = SCENE_NOW + 100};

	for (unsigned pcr = 0; pcr < TPM_PCRS; pcr++) {
		struct corim_value *value = &values[draft.count];

		if (!(pcrs >> pcr & 1))
			continue;
		*value = (struct corim_value){
			.pcr = (uint8_t)pcr, .digest = {.alg = DIGEST_SHA256, .len = SHA256_LEN}};
		memcpy(value->digest.bytes, boot.s->pcrs.values[pcr], SHA256_LEN);
		draft.count++;
	}
	assert_ok(corim_write(&draft, out, &boot.s->err), boot.s->err);
}

static void reference__values_not_yet_valid__accept_nothing(void **state)
{
	(void)state;
	for (int64_t before = SCENE_NOW; before <= SCENE_NOW + 1; before++) {
		struct buf values = {0};

		corim_of(0x7bff, before, &values);
		buf_clear(&boot.lines);
		boot_reference("corim", buf_bytes(&values), "");
		boot_policy(BOOT_RISK, "");
		boot_attach(buf_bytes(&values));
		scene_run(boot.s);
		if (before == SCENE_NOW) {
			assert_trusted(boot.s);
		} else {
			assert_refused_among(boot.s, REASON_REFERENCE_EXPIRED);
			assert_string_equal(boot.s->verdict->reasons[0].subject, "PCR 0");
			assert_first(REASON_REFERENCE_EXPIRED,
				"accepted by a reference whose time is not over",
				"accepted only by one whose time is over", "");
		}
		buf_release(&values);
	}
}

/* Nothing was measured into PCR 8, and the values say that something should be. */
static void reference__value_for_an_empty_pcr__still_refused(void **state)
{
	struct buf values = {0};

	(void)state;
	log_start();
	boot_made(&maker, BOOT_RISK, ANY);
	boot.s->pcrs.values[8][0] = 1;
	corim_of(0x7bff, 0, &values);
	boot.s->pcrs.values[8][0] = 0;
	buf_clear(&boot.lines);
	boot_reference("corim", buf_bytes(&values), "");
	boot_policy(BOOT_RISK, ANY);
	boot_attach(buf_bytes(&values));
	scene_run(boot.s);
	assert_refused(boot.s, REASON_FIRMWARE_EVENT);
	assert_string_equal(boot.s->verdict->reasons[0].subject, "PCR 8");
	buf_release(&values);
}

/* A reference that only a PCR left open would need ends nothing. */
static void reference__for_a_pcr_left_open__its_end_is_no_matter(void **state)
{
	struct buf values = {0}, golden = {0};

	(void)state;
	corim_of(1u << 4, 0, &values);
	boot_read("secure-boot", "firmware.log", &golden);
	boot_reference("corim", buf_bytes(&values), ", until: 2027-01-15T08:00:10Z");
	boot_reference("golden-log", buf_bytes(&golden), "");
	boot_policy(BOOT_RISK, "    may_vary: [4]\n");
	boot_attach(buf_bytes(&values));
	boot_attach(buf_bytes(&golden));
	scene_run(boot.s);
	assert_trusted(boot.s);
	assert_int_equal(boot.s->state_out.boot_until, 0);
	buf_release(&values);
	buf_release(&golden);
}

/* What another, earlier in the list, accepts without an end needs no second one. */
static void reference__of_what_is_accepted_already__its_end_is_no_matter(void **state)
{
	struct buf values = {0}, golden = {0};

	(void)state;
	corim_of(1u << 4, 0, &values);
	boot_read("secure-boot", "firmware.log", &golden);
	boot_reference("golden-log", buf_bytes(&golden), "");
	boot_reference("corim", buf_bytes(&values), ", until: 2027-01-15T08:00:10Z");
	boot_policy(BOOT_RISK, "");
	boot_attach(buf_bytes(&values));
	boot_attach(buf_bytes(&golden));
	scene_run(boot.s);
	assert_trusted(boot.s);
	assert_int_equal(boot.s->state_out.boot_until, 0);
	buf_release(&values);
	buf_release(&golden);
}

static void reference__narrow__to_the_earlier_end(void **state)
{
	static const struct {
		int64_t end, before, after;
	} cases[] = {{0, 0, 0}, {0, 5, 5}, {1, 0, 1}, {1, 5, 1}, {5, 1, 1}, {5, 5, 5}};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct host_reference reference = {.until = cases[i].end};
		int64_t until = cases[i].before;

		reference_narrow(&reference, &until);
		assert_int_equal(until, cases[i].after);
	}
}

/* Two baselines as near: the first is told. */
static void reference__two_as_near__the_first_is_told(void **state)
{
	struct buf eight = {0}, nine = {0};

	(void)state;
	log_start();
	log_maker_text(&maker, 8, EV_IPL, "x");
	take_golden(&eight);
	log_start();
	log_maker_text(&maker, 9, EV_IPL, "x");
	take_golden(&nine);
	for (unsigned swap = 0; swap < 2; swap++) {
		log_start();
		log_maker_text(&maker, 8, EV_IPL, "y");
		log_maker_text(&maker, 9, EV_IPL, "y");
		boot_made(&maker, BOOT_RISK, ANY);
		buf_clear(&boot.lines);
		boot_reference("golden-log", buf_bytes(swap ? &nine : &eight), "");
		boot_reference("golden-log", buf_bytes(swap ? &eight : &nine), "");
		boot_policy(BOOT_RISK, ANY);
		boot_attach(buf_bytes(&eight));
		boot_attach(buf_bytes(&nine));
		scene_run(boot.s);
		assert_int_equal(boot.s->verdict->reason_count, 2);
		/* x was expected in the PCR of the first one, nothing in the other. */
		assert_memory_equal(boot.s->verdict->reasons[swap].expected, "2d711642", 8);
		assert_memory_equal(
			boot.s->verdict->reasons[1 - swap].expected, "no such event", 13);
	}
	buf_release(&eight);
	buf_release(&nine);
}

static void reference__value_that_none_accepts__said(void **state)
{
	struct buf values = {0};
	char hex[2 * SHA256_LEN + 1];

	(void)state;
	corim_of(0x7bff & ~(1u << 3), 0, &values);
	boot_reference("corim", buf_bytes(&values), "");
	boot_policy(BOOT_RISK, "");
	boot_attach(buf_bytes(&values));
	scene_run(boot.s);
	assert_refused(boot.s, REASON_FIRMWARE_EVENT);
	hex_encode(bytes_of(boot.s->pcrs.values[3], SHA256_LEN), hex);
	assert_string_equal(boot.s->verdict->reasons[0].subject, "PCR 3");
	assert_first(REASON_FIRMWARE_EVENT, "a value that a reference of the host class accepts",
		hex, "quote");
	buf_release(&values);
}

/* Of two baselines that refuse, the nearer one is told; its order does not matter. */
static void reference__two_that_refuse__the_nearer_is_told(void **state)
{
	struct buf near = {0}, far = {0};

	(void)state;
	log_start();
	log_maker_text(&maker, 9, EV_IPL, "x");
	take_golden(&near);
	log_start();
	log_maker_text(&maker, 8, EV_IPL, "x");
	log_maker_text(&maker, 9, EV_IPL, "y");
	log_maker_text(&maker, 9, EV_IPL, "z");
	take_golden(&far);
	for (unsigned swap = 0; swap < 2; swap++) {
		log_start();
		boot_made(&maker, BOOT_RISK, ANY);
		buf_clear(&boot.lines);
		boot_reference("golden-log", buf_bytes(swap ? &far : &near), "");
		boot_reference("golden-log", buf_bytes(swap ? &near : &far), "");
		boot_policy(BOOT_RISK, ANY);
		boot_attach(buf_bytes(&near));
		boot_attach(buf_bytes(&far));
		scene_run(boot.s);
		assert_int_equal(boot.s->verdict->reason_count, 1);
		assert_string_equal(boot.s->verdict->reasons[0].subject, "PCR 9, EV_IPL");
	}
	buf_release(&near);
	buf_release(&far);
}

static void reference__accepted__counted(void **state)
{
	(void)state;
	log_start();
	log_maker_text(&maker, 9, EV_IPL, "x");
	boot_made(&maker, BOOT_RISK, ANY "    may_vary: [3]\n");
	boot_attach(buf_bytes(&boot.firmware));
	scene_run(boot.s);
	assert_trusted(boot.s);
	assert_true(
		checked("boot: 9 events of the firmware log; 13 PCRs as references accept them"));
	assert_true(not_checked("what was measured into PCRs 3: host class server leaves it open"));
}

static void may_vary__first_and_last__listed(void **state)
{
	(void)state;
	boot_golden("secure-boot", "", "    may_vary: [0, 14]\n");
	scene_run(boot.s);
	assert_trusted(boot.s);
	assert_true(not_checked("what was measured into PCRs 0 14: host class server"));
	buf_clear(&boot.lines);
	boot_golden("secure-boot", "", "");
	scene_run(boot.s);
	assert_false(not_checked("what was measured into PCRs"));
}

#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(reference__events_that_differ__in_its_words_and_the_logs),
		T(reference__values_not_yet_valid__accept_nothing),
		T(reference__value_for_an_empty_pcr__still_refused),
		T(reference__for_a_pcr_left_open__its_end_is_no_matter),
		T(reference__of_what_is_accepted_already__its_end_is_no_matter),
		T(reference__narrow__to_the_earlier_end),
		T(reference__two_as_near__the_first_is_told),
		T(reference__value_that_none_accepts__said),
		T(reference__two_that_refuse__the_nearer_is_told),
		T(reference__accepted__counted),
		T(may_vary__first_and_last__listed),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
