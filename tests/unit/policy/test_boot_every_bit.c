/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The firmware log of a recorded machine under a golden log of its own: each single bit flipped is
 * refused, unless it is one that no digest of the quoted bank covers. ASSAY_LONG=1: every recorded
 * machine, through the whole appraisal too.
 */
#include "boot_scene.h"

#include "policy/appraisal.h"

static struct scene_keys keys;
/* Bytes of the log of which nothing vouches. */
static uint8_t *uncovered;

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

static int teardown(void **state)
{
	(void)state;
	if (boot.s)
		boot_teardown();
	free(uncovered);
	uncovered = NULL;
	return 0;
}

static void leave_out(struct bytes part)
{
	memset(uncovered + (part.data - boot.firmware.data), 1, part.len);
}

/* Data that no digest covers in the log as it is now, digests of other banks, events that are extended
 * nowhere. */
static void find_uncovered(void)
{
	struct event_log log;

	assert_ok(event_log_open(buf_bytes(&boot.firmware), EVENT_LOG_TPM, DIGEST_SHA256, &log,
			  &boot.s->err),
		boot.s->err);
	memset(uncovered, 0, boot.firmware.len);
	assert_true(log.count > 0);
	leave_out(bytes_of(boot.firmware.data, log.events[0].offset));
	for (size_t i = 0; i < log.count; i++) {
		const struct firmware_event *event = &log.events[i];
		struct bytes data = event->data;
		size_t end = (size_t)(data.data - boot.firmware.data) + data.len;

		if (event->type == EV_NO_ACTION) {
			leave_out(
				bytes_of(boot.firmware.data + event->offset, end - event->offset));
			continue;
		}
		for (size_t b = 0; b < log.bank_count; b++)
			if (log.banks[b].alg != DIGEST_SHA256 && event->digests[b])
				leave_out(bytes_of(event->digests[b], log.banks[b].len));
		leave_out(data);
		if (event->coverage == EVENT_COVERED)
			memset(uncovered + (event->covered.data - boot.firmware.data), 0,
				event->covered.len);
	}
	event_log_release(&log);
}

/* What is judged of the boot, without the signatures around it. */
static bool boot_accepted(void)
{
	struct scene *s = boot.s;
	struct appraisal *a;
	bool accepted;

	memset(s->verdict, 0, sizeof(*s->verdict));
	a = appraisal_new(&s->context, &s->state_in, s->verdict, &s->err);
	assert_non_null(a);
	a->evidence.firmware_log = buf_bytes(&boot.firmware);
	a->quoted = a->full = a->runtime.replayed = true;
	a->pcrs = s->pcrs;
	assert_ok(check_boot(a, &s->err), s->err);
	accepted = s->verdict->reason_count == 0 && a->host_class == 1;
	assert_int_equal(s->verdict->assurance, accepted ? ASSURANCE_BOOTED : ASSURANCE_REPORTED);
	appraisal_free(&a);
	return accepted;
}

static bool all_accepted(void)
{
	boot_claims();
	scene_run(boot.s);
	return boot.s->verdict->trusted;
}

static void check_flips(const char *name, const char *class_lines, bool (*accepted)(void))
{
	size_t passed = 0;

	boot_setup(&keys, name);
	boot_golden(name, "", class_lines);
	uncovered = malloc(boot.firmware.len);
	assert_non_null(uncovered);
	scene_run(boot.s);
	assert_trusted(boot.s);
	assert_true(accepted());
	for (size_t at = 0; at < boot.firmware.len; at++)
		for (int bit = 0; bit < 8; bit++) {
			boot.firmware.data[at] ^= (uint8_t)(1u << bit);
			if (accepted()) {
				passed++;
				/* A flip may be what takes the digest from the data. */
				find_uncovered();
				if (!uncovered[at])
					fail_msg("%s: bit %d of byte %zu", name, bit, at);
			}
			boot.firmware.data[at] ^= (uint8_t)(1u << bit);
		}
	/* The list of what is not covered is no idle one. */
	assert_true(passed > 0);
}

static void every_bit__of_a_firmware_log__refused_or_uncovered(void **state)
{
	(void)state;
	check_flips("secure-boot", "", boot_accepted);
}

static void every_bit__of_all_machines__refused_or_uncovered(void **state)
{
	static const struct {
		const char *name, *class_lines;
	} machines[] = {
		{"other-command-line", ""},
		{"other-initramfs", ""},
		{"fs-verity", ""},
		{"unlisted-program", ""},
		{"secure-boot-off", "    secure_boot: any\n"},
	};

	(void)state;
	if (!getenv("ASSAY_LONG"))
		skip();
	for (size_t i = 0; i < ARRAY_LEN(machines); i++) {
		check_flips(machines[i].name, machines[i].class_lines, boot_accepted);
		(void)teardown(NULL);
	}
	check_flips("secure-boot", "", all_accepted);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(
			every_bit__of_a_firmware_log__refused_or_uncovered, teardown),
		cmocka_unit_test_teardown(
			every_bit__of_all_machines__refused_or_uncovered, teardown),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
