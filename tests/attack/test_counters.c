/* SPDX-License-Identifier: Apache-2.0 */
/* Counters, clocks and firmware of a TPM that goes back, stops or is copied. On hosts of their own, because they end badly. */
#include "tests/attack/forge.h"

static void host_state_is(const struct sw_host *host, const char *wanted)
{
	char path[160];
	char *text = attack_get(attack_host_path(host, "", path), "state");
	assert_string_equal(text, wanted);
	free(text);
}

/* Refused, and quarantined: with a clock that went on, its counters can only go back where its state lives twice. */
static void Q19__reset_or_restart_count_goes_back__refused(void **state)
{
	(void)state;
	for (int reset = 0; reset < 2; reset++) {
		struct sw_host *host = attack_host();
		host->reset_count = 7;
		host->restart_count = 3;
		attack_honest(host);
		if (reset) {
			sw_host_reboot(host);
			host->reset_count = 6;
		} else {
			host->restart_count = 2;
		}
		struct sw_instance *instance = attack_instance(host);
		assert_outcome(host, instance,
			reset ? "untrusted: reset-count"
			      : "untrusted: restart-count, runtime-baseline");
		host_state_is(host, "\"quarantined\"");
		sw_instance_free(&instance);
		sw_host_free(&host);
	}
}

/* An older state was put back, clock and all: refused, and said so; it is not known to live twice. */
static void Q19__older_state_put_back__refused_and_said(void **state)
{
	struct sw_host *host = attack_host();
	char path[160];
	(void)state;
	host->reset_count = 7;
	host->clock += 90000000;
	attack_honest(host);
	sw_host_reboot(host);
	host->reset_count = 6;
	host->clock -= 10000000;
	struct sw_instance *instance = attack_instance(host);
	assert_outcome(host, instance, "untrusted: reset-count");
	host_state_is(host, "\"active\"");
	char *tpm = attack_get(attack_host_path(host, "", path), "tpm");
	assert_non_null(strstr(tpm, "rollback"));
	free(tpm);
	sw_instance_free(&instance);
	sw_host_free(&host);
}

/* Both copies go on: the one is booted once more, the other attests as it was. Its agents end, those of the copy too. */
static void E27__copy_booted_once_more__both_end(void **state)
{
	struct sw_host *host = attack_host();
	(void)state;
	attack_honest(host);
	uint32_t reset = host->reset_count;
	sw_host_reboot(host);
	struct sw_instance *copy = attack_instance(host);
	assert_outcome(host, copy, "trusted");
	host->reset_count = reset;
	host->clock += 5000;
	struct sw_instance *original = attack_instance(host);
	char outcome[400];
	(void)attack_outcome(host, original, outcome);
	assert_non_null(strstr(outcome, "reset-count"));
	host_state_is(host, "\"quarantined\"");
	host->reset_count++;
	struct sw_instance *again = attack_instance(host);
	(void)attack_outcome(host, again, outcome);
	if (strncmp(outcome, "trusted", 7) == 0)
		fail_msg("a host in quarantine is trusted");
	sw_instance_free(&copy);
	sw_instance_free(&original);
	sw_instance_free(&again);
	sw_host_free(&host);
}

static void Q20__clock_goes_back__refused_and_quarantined(void **state)
{
	struct sw_host *host = attack_host();
	char path[160];
	(void)state;
	attack_honest(host);
	host->clock -= 900000;
	struct sw_instance *instance = attack_instance(host);
	assert_outcome(host, instance, "untrusted: clock-backwards");
	sw_instance_free(&instance);
	char *text = attack_get(attack_host_path(host, "", path), "state");
	assert_string_equal(text, "\"quarantined\"");
	free(text);
	sw_host_free(&host);
}

static void Q21__reset_between_renewals__old_instance_is_not_trusted(void **state)
{
	struct sw_host *host = attack_host();
	struct sw_instance *instance = attack_instance(host);
	(void)state;
	assert_outcome(host, instance, "trusted");
	/* The TPM was reset; the log of the old boot and its PCR value are replayed by software. */
	host->reset_count++;
	host->clock += 1000;
	char outcome[400];
	(void)attack_outcome(host, instance, outcome);
	assert_non_null(strstr(outcome, "untrusted: "));
	sw_instance_free(&instance);
	/* A launch in the new boot is. */
	sw_host_reboot(host);
	attack_honest(host);
	sw_host_free(&host);
}

/* S3 resume with a TPM that forgot its PCRs (CVE-2018-6622): restartCount tells that there was one. */
static void Q22__resumed_from_suspend__appraised_in_full_and_old_log_no_help(void **state)
{
	struct sw_host *host = attack_host();
	struct sw_instance *instance = attack_instance(host);
	char outcome[400];
	(void)state;
	assert_outcome(host, instance, "trusted");
	host->restart_count++;
	(void)attack_outcome(host, instance, outcome);
	assert_string_equal(outcome, "untrusted: state-stale");
	/* In full, but without the values that the log led to. */
	buf_clear(&instance->challenge);
	memset(host->pcrs.values[SW_PCR], 0, SHA256_LEN);
	assert_ok(sw_host_challenge(host, instance, &attack.err), attack.err);
	assert_int_equal(instance->first, 0);
	(void)attack_outcome(host, instance, outcome);
	assert_non_null(strstr(outcome, "untrusted: "));
	assert_non_null(strstr(outcome, "runtime-pcr"));
	sw_instance_free(&instance);
	sw_host_free(&host);
}

static void firmware_older(void *context, struct tpms_attest *a)
{
	(void)context;
	a->firmware_version--;
}

static void Q23__tpm_firmware_goes_back__refused(void **state)
{
	static const struct forgery cases[] = {
		{"older", "untrusted: tpm-firmware", {.attest = firmware_older}},
	};
	(void)state;
	attack_honest(attack.host);
	forge(cases, ARRAY_LEN(cases));
}

/* Clock and counters in a quote that nobody signed for: they are neither believed nor kept. */
static void clock_far(void *context, struct tpms_attest *a)
{
	(void)context;
	a->clock = UINT64_MAX / 4;
	a->reset_count = 1000000;
}
static void signature_broken(void *context, struct buf *s)
{
	(void)context;
	s->data[s->len - 1] ^= 1;
}

static void Q26__clock_in_an_unsigned_quote__not_kept(void **state)
{
	static const struct forgery cases[] = {
		{"unsigned", "untrusted: quote-signature",
			{.attest = clock_far, .signature = signature_broken}},
	};
	(void)state;
	forge(cases,
		ARRAY_LEN(
			cases)); /* and an honest launch, whose counters are smaller, is trusted */
}

#define T(name) cmocka_unit_test(name)
int main(void)
{
	const struct CMUnitTest tests[] = {
		T(Q19__older_state_put_back__refused_and_said),
		T(E27__copy_booted_once_more__both_end),
		T(Q19__reset_or_restart_count_goes_back__refused),
		T(Q20__clock_goes_back__refused_and_quarantined),
		T(Q21__reset_between_renewals__old_instance_is_not_trusted),
		T(Q22__resumed_from_suspend__appraised_in_full_and_old_log_no_help),
		T(Q23__tpm_firmware_goes_back__refused),
		T(Q26__clock_in_an_unsigned_quote__not_kept),
	};
	return cmocka_run_group_tests(tests, attack_open, attack_close);
}
