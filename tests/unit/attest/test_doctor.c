/* SPDX-License-Identifier: Apache-2.0 */
/* What `assay doctor` says of a host with a TPM, and of one without. */
#include "tests/support/unit.h"

#include <stdlib.h>

#include "attest/doctor.h"
#include "base/json.h"
#include "tests/support/swtpm.h"

static const struct doctor_item *find(const struct doctor_report *report, const char *name)
{
	for (size_t i = 0; i < report->count; i++)
		if (strcmp(report->items[i].name, name) == 0)
			return &report->items[i];
	fail_msg("no item %s", name);
	return NULL;
}

static void examine__no_tpm__missing_with_what_to_do(void **state)
{
	(void)state;
	const struct doctor_options options = {
		.tcti = "swtpm:path=/nonexistent/socket", .now = 1800000000};
	struct doctor_report report;
	doctor_examine(&options, &report);
	assert_int_equal(find(&report, "tpm")->level, DOCTOR_MISSING);
	assert_true(find(&report, "tpm")->todo[0] != '\0');
	assert_int_equal(doctor_worst(&report), DOCTOR_MISSING);
}

static void examine__clock_before_the_build__missing(void **state)
{
	(void)state;
	const struct doctor_options options = {
		.tcti = "swtpm:path=/nonexistent/socket", .now = 5, .built = 1700000000};
	struct doctor_report report;
	doctor_examine(&options, &report);
	assert_int_equal(find(&report, "clock")->level, DOCTOR_MISSING);
}

static void examine__software_tpm__its_keys_and_pcr_found(void **state)
{
	(void)state;
	struct swtpm swtpm = {0};
	struct err err = {0};
	if (!swtpm_available())
		skip();
	assert_true(swtpm_start(NULL, &swtpm, &err));
	const struct doctor_options options = {.tcti = swtpm.tcti, .now = 1800000000};
	struct doctor_report report;
	doctor_examine(&options, &report);
	swtpm_stop(&swtpm);
	assert_int_equal(find(&report, "tpm")->level, DOCTOR_OK);
	assert_string_equal(find(&report, "ek-certificate")->found, "L-1, H-3");
	assert_string_equal(find(&report, "ek")->found, "L-1");
	assert_string_equal(find(&report, "runtime-pcr")->found, "PCR 15 is untouched");
	assert_string_equal(
		find(&report, "ak")->found, "none yet, enrolling makes it at 0x81018001");
}

/* What was done to the TPM between two examinations. */
static void prepare(const struct swtpm *swtpm)
{
	struct tpm *tpm = NULL;
	struct buf public_area = {0};
	struct err err = {0};
	const struct digest digest = {.alg = DIGEST_SHA256, .len = SHA256_LEN, .bytes = {1}};
	const struct tpm_options options = {.tcti = swtpm->tcti};
	const struct tpm_ak_options rsa = {.kind = AK_RSA_2048};
	bool ok = tpm_open(&options, &tpm, &err) && tpm_ak(tpm, &rsa, &public_area, &err) &&
		  tpm_pcr_extend(tpm, 15, &digest, 1, &err);
	tpm_free(&tpm);
	buf_release(&public_area);
	if (!ok)
		fail_msg("%s", err.text);
}

static void examine__twice__changes_nothing_and_sees_what_changed(void **state)
{
	(void)state;
	struct swtpm swtpm = {0};
	struct err err = {0};
	if (!swtpm_available())
		skip();
	assert_true(
		swtpm_start(&(struct swtpm_options){.without_certificates = true}, &swtpm, &err));
	const struct doctor_options options = {.tcti = swtpm.tcti, .now = 1800000000};
	struct doctor_report before, again, after;
	doctor_examine(&options, &before);
	doctor_examine(&options, &again);
	prepare(&swtpm);
	doctor_examine(&options, &after);
	swtpm_stop(&swtpm);
	assert_int_equal(find(&before, "ek-certificate")->level, DOCTOR_WARN);
	assert_string_equal(find(&before, "ek-certificate")->found, "none in the TPM");
	assert_true(find(&before, "ek-certificate")->todo[0] != '\0');
	assert_string_equal(
		find(&again, "ak")->found, "none yet, enrolling makes it at 0x81018001");
	assert_string_equal(find(&again, "runtime-pcr")->found, "PCR 15 is untouched");
	assert_string_equal(find(&after, "ak")->found, "rsa-2048 at 0x81018001");
	assert_int_equal(find(&after, "runtime-pcr")->level, DOCTOR_WARN);
}

static void examine__any_host__kernel_is_looked_at(void **state)
{
	(void)state;
	static const char *const names[] = {
		"namespaces", "openat2", "memfd", "pidfd", "fs-verity", "ima", "firmware-log"};
	const struct doctor_options options = {.tcti = "swtpm:path=/nonexistent/socket",
		.components_dir = "/nonexistent/components",
		.now = 1800000000};
	struct doctor_report report;
	doctor_examine(&options, &report);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const struct doctor_item *item = find(&report, names[i]);
		assert_true(item->found[0] != '\0');
		assert_int_equal(item->todo[0] != '\0', item->level != DOCTOR_OK);
	}
	assert_int_equal(find(&report, "fs-verity")->level, DOCTOR_WARN);
	assert_string_equal(doctor_level_name(DOCTOR_MISSING), "missing");
}

static void examine__pcr_that_is_not_quoted__missing(void **state)
{
	(void)state;
	struct swtpm swtpm = {0};
	struct err err = {0};
	if (!swtpm_available())
		skip();
	assert_true(swtpm_start(NULL, &swtpm, &err));
	const struct doctor_options options = {
		.tcti = swtpm.tcti, .runtime_pcr = 16, .now = 1800000000};
	struct doctor_report report;
	doctor_examine(&options, &report);
	swtpm_stop(&swtpm);
	assert_int_equal(find(&report, "runtime-pcr")->level, DOCTOR_MISSING);
}

static void report__as_json__level_and_items(void **state)
{
	(void)state;
	const struct doctor_report report = {
		.count = 2,
		.items = {{.name = "tpm", .level = DOCTOR_OK, .found = "one"},
			{.name = "ima", .level = DOCTOR_WARN, .found = "none", .todo = "boot so"}},
	};
	struct buf text = {0};
	json_t *json = NULL;
	assert_true(doctor_json(&report, &text, NULL));
	assert_true(json_open(bytes_of(text.data, text.len - 1), 4096, &json, NULL));
	assert_string_equal(json_string_value(json_object_get(json, "level")), "warn");
	assert_int_equal(json_array_size(json_object_get(json, "items")), 2);
	json_decref(json);
	buf_clear(&text);
	assert_true(doctor_text(&report, false, &text, NULL));
	assert_non_null(strstr(buf_str(&text), "warn    ima"));
	assert_non_null(strstr(buf_str(&text), "boot so"));
	assert_null(strchr(buf_str(&text), '\033'));
	buf_release(&text);
}

int main(void)
{
	(void)setenv("TSS2_LOG", "all+none", 1);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(examine__no_tpm__missing_with_what_to_do),
		cmocka_unit_test(examine__clock_before_the_build__missing),
		cmocka_unit_test(examine__software_tpm__its_keys_and_pcr_found),
		cmocka_unit_test(examine__twice__changes_nothing_and_sees_what_changed),
		cmocka_unit_test(examine__any_host__kernel_is_looked_at),
		cmocka_unit_test(examine__pcr_that_is_not_quoted__missing),
		cmocka_unit_test(report__as_json__level_and_items),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
