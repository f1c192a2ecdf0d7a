/* SPDX-License-Identifier: Apache-2.0 */
/* S12: memory runs out at every allocation of reading reference values, baselines and systemd's log, of judging by them, and of
 * predicting. Nothing is accepted then that would not be, and no note is lost. */
#include "tests/support/ima_make.h"
#include "tests/fault/alloc.h"

#include "base/file.h"
#include "firmware/ima_rules.h"
#include "firmware/baseline.h"
#include "firmware/corim.h"
#include "firmware/pe.h"
#include "firmware/predict.h"
#include "firmware/systemd_log.h"
#include "tests/support/event_log_make.h"

static struct log_maker makers[2];
static struct event_log logs[2];
static struct buf image, unified, systemd, written, out, dbx;
static struct baseline baseline, learned, parsed;
static struct baseline_findings findings;
static struct corim corim;
static struct predict *predict;
static struct prediction prediction;
static struct key *key;
static struct err err;

static void open_golden(size_t i, const char *line)
{
	static const enum digest_alg banks[] = {DIGEST_SHA256};
	const struct golden golden = {
		.certificate = BYTES_LIT("certificate"), .command_line = line};

	log_maker_start(&makers[i], banks, 1);
	log_maker_golden(&makers[i], &golden);
	assert_ok(event_log_open(
			  buf_bytes(&makers[i].out), EVENT_LOG_TPM, DIGEST_SHA256, &logs[i], &err),
		err);
}

static int setup(void **state)
{
	(void)state;
	open_golden(0, NULL);
	open_golden(1, "another line");
	hash_list_put(3, &dbx);
	assert_ok(key_generate(KEY_EC_P256, &key, &err), err);
	assert_ok(file_read("tests/fuzz/corpus/pe/signed", PE_FILE_MAX, &image, &err), err);
	assert_ok(file_read("tests/fuzz/corpus/pe/uki", PE_FILE_MAX, &unified, &err), err);
	assert_ok(file_read("tests/fuzz/corpus/systemd_log/boot", SYSTEMD_LOG_MAX, &systemd, &err),
		err);
	assert_ok(baseline_learn(&baseline, &logs[0], DIGEST_SHA256, BASELINE_PCRS, &err), err);
	baseline_write(&baseline, &written);
	return 0;
}

static int teardown(void **state)
{
	struct buf *all[] = {
		&image, &unified, &systemd, &written, &out, &dbx, &makers[0].out, &makers[1].out};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		buf_release(all[i]);
	event_log_release(&logs[0]);
	event_log_release(&logs[1]);
	baseline_release(&baseline);
	key_unref(&key);
	return 0;
}

static void run(bool (*what)(struct err *why), void (*check)(void), void (*release)(void))
{
	const struct fault_case c = {what, check, release};

	fault_case_run(&c);
}

static void release_out(void)
{
	buf_release(&out);
}

/* ---- baselines ---- */

static bool learn_both(struct err *why)
{
	return baseline_learn(&learned, &logs[0], DIGEST_SHA256, BASELINE_PCRS, why) &&
	       baseline_learn(&learned, &logs[1], DIGEST_SHA256, BASELINE_PCRS, why);
}
static void check_learned(void)
{
	assert_int_equal(learned.logs, 2);
	for (size_t i = 0; i < 2; i++) {
		assert_ok(baseline_judge(&learned, &logs[i], 0, &findings, &err), err);
		assert_int_equal(findings.total, 0);
		baseline_findings_release(&findings);
	}
}
static void release_learned(void)
{
	baseline_release(&learned);
}
static void S12__baseline_learn__out_of_memory_or_whole(void **state)
{
	(void)state;
	run(learn_both, check_learned, release_learned);
}

static bool parse_baseline(struct err *why)
{
	return baseline_parse(buf_bytes(&written), &parsed, why);
}
static void check_parsed(void)
{
	baseline_write(&parsed, &out);
	assert_bytes(buf_bytes(&out), buf_bytes(&written));
}
static void release_parsed(void)
{
	baseline_release(&parsed);
	release_out();
}
static void S12__baseline_parse__out_of_memory_or_whole(void **state)
{
	(void)state;
	run(parse_baseline, check_parsed, release_parsed);
}

static bool judge_other(struct err *why)
{
	return baseline_judge(&baseline, &logs[1], 0, &findings, why);
}
static void check_refused(void)
{
	assert_true(findings.total > 0);
	assert_int_equal(findings.total, findings.count);
	for (size_t i = 0; i < findings.count; i++)
		assert_true(findings.list[i].accept[0] && findings.list[i].found_text[0]);
}
static void release_findings(void)
{
	baseline_findings_release(&findings);
}
static void S12__baseline_judge__out_of_memory_or_refused(void **state)
{
	(void)state;
	run(judge_other, check_refused, release_findings);
}

/* ---- CoRIM ---- */

static struct corim_value values[] = {
	{.pcr = 4, .digest = {DIGEST_SHA256, 32, {4}}},
	{.pcr = 7, .digest = {DIGEST_SHA256, 32, {7}}},
	{.pcr = 4, .digest = {DIGEST_SHA256, 32, {5}}},
};
static const struct corim_draft draft = {
	.id = "id", .vendor = "ACME", .model = "A1", .count = 3, .values = values};

static bool write_corim(struct err *why)
{
	return corim_write(&draft, &out, why);
}
static void check_written(void)
{
	assert_ok(corim_read(buf_bytes(&out), NULL, 0, &corim, &err), err);
	assert_int_equal(corim.count, 3);
	corim_release(&corim);
}
static void S12__corim_write__out_of_memory_or_whole(void **state)
{
	(void)state;
	run(write_corim, check_written, release_out);
}

static struct buf manifest;

static bool sign_corim(struct err *why)
{
	return corim_sign(key, "ACME", 1, 2000000000, buf_bytes(&manifest), &out, why);
}
static void check_signed(void)
{
	assert_ok(corim_read(buf_bytes(&out), key, 1, &corim, &err), err);
	assert_true(corim.verified);
	corim_release(&corim);
}
static void S12__corim_sign__out_of_memory_or_whole(void **state)
{
	(void)state;
	assert_ok(corim_write(&draft, &manifest, &err), err);
	run(sign_corim, check_signed, release_out);
	buf_release(&manifest);
}

static struct buf signed_manifest;

static bool read_corim(struct err *why)
{
	return corim_read(buf_bytes(&signed_manifest), key, 1, &corim, why);
}
static void check_read(void)
{
	assert_true(corim.verified);
	assert_int_equal(corim.count, 3);
	assert_string_equal(corim.environments[0], "vendor ACME, model A1");
}
static void release_corim(void)
{
	corim_release(&corim);
}
static void S12__corim_read__out_of_memory_or_whole(void **state)
{
	(void)state;
	assert_ok(corim_write(&draft, &manifest, &err), err);
	assert_ok(corim_sign(
			  key, "ACME", 1, 2000000000, buf_bytes(&manifest), &signed_manifest, &err),
		err);
	run(read_corim, check_read, release_corim);
	buf_release(&manifest);
	buf_release(&signed_manifest);
}

/* ---- systemd's log ---- */

static size_t covered;

static bool count_covered(void *context, const struct systemd_event *event, struct err *why)
{
	(void)context;
	(void)why;
	covered += event->coverage == SYSTEMD_COVERED;
	return true;
}
static bool walk_systemd(struct err *why)
{
	covered = 0;
	return systemd_log_walk(buf_bytes(&systemd), count_covered, NULL, why);
}
static void check_walked(void)
{
	assert_int_equal(covered, 4);
}
static void S12__systemd_log__out_of_memory_or_whole(void **state)
{
	(void)state;
	run(walk_systemd, check_walked, NULL);
}

/* ---- predictions ---- */

static bool predict_all(struct err *why)
{
	return predict_new(&logs[0], DIGEST_SHA256, &predict, why) &&
	       predict_replace(predict, "grubx64.efi", buf_bytes(&image), "image", why) &&
	       predict_replace(predict, "initrd.img", buf_bytes(&image), "initrd", why) &&
	       predict_uki(predict, buf_bytes(&unified), "unified", why) &&
	       predict_dbx(predict, buf_bytes(&dbx), why) &&
	       predict_sbat_level(predict, BYTES_LIT("sbat,1,2030010100\n"), why) &&
	       predict_finish(predict, &prediction, why);
}
static size_t notes, changes;
static struct pcr_bank foretold;

static void check_predicted(void)
{
	assert_int_equal(prediction.note_count, notes);
	assert_int_equal(prediction.change_count, changes);
	assert_memory_equal(&prediction.after, &foretold, sizeof(foretold));
}
static void release_predicted(void)
{
	predict_free(&predict);
	prediction_release(&prediction);
}
static void S12__predict__out_of_memory_or_whole(void **state)
{
	(void)state;
	assert_ok(predict_all(&err), err);
	notes = prediction.note_count;
	changes = prediction.change_count;
	foretold = prediction.after;
	assert_true(notes > 3 && changes > 5);
	release_predicted();
	run(predict_all, check_predicted, release_predicted);
}

static bool predict_line(struct err *why)
{
	return predict_new(&logs[1], DIGEST_SHA256, &predict, why) &&
	       predict_command_line(predict, BYTES_LIT("a third line"), why) &&
	       predict_finish(predict, &prediction, why);
}
static void S12__predict_command_line__out_of_memory_or_whole(void **state)
{
	(void)state;
	event_log_release(&logs[1]);
	buf_release(&makers[1].out);
	log_maker_start(&makers[1], (const enum digest_alg[]){DIGEST_SHA256}, 1);
	log_maker_put(&makers[1], 8, EV_IPL, BYTES_LIT("linux /vmlinuz a"),
		BYTES_LIT("grub_cmd: linux /vmlinuz a"));
	log_maker_put(&makers[1], 8, EV_IPL, BYTES_LIT("/vmlinuz a"),
		BYTES_LIT("kernel_cmdline: /vmlinuz a"));
	assert_ok(event_log_open(
			  buf_bytes(&makers[1].out), EVENT_LOG_TPM, DIGEST_SHA256, &logs[1], &err),
		err);
	assert_ok(predict_line(&err), err);
	notes = prediction.note_count;
	changes = prediction.change_count;
	foretold = prediction.after;
	release_predicted();
	run(predict_line, check_predicted, release_predicted);
}

/* ---- IMA rules ---- */

static struct ima_rules *rules;
static const char rule_lines[] =
	"0011223344556677001122334455667700112233445566770011223344556677  /usr/bin/a\n"
	"sha384:00112233445566770011223344556677001122334455667700112233445566770011223344556677"
	"0011223344556677  /usr/bin/b\n"
	"glob sha256:0011223344556677001122334455667700112233445566770011223344556677 /opt/**\n"
	"signed distribution /usr/**\nignore /var/log/**\nbuffer dm_table_load *\n"
	"keyring .ima *\npolicy /etc/ima/other\nkernel 6.1\nmodules signed\nkexec allow\n";
static bool parse_rules(struct err *why)
{
	return ima_rules_parse(bytes_str(rule_lines), &rules, why);
}
static void check_rules(void)
{
	assert_int_equal(ima_rules_file_count(rules), 2);
}
static void release_rules(void)
{
	ima_rules_free(&rules);
}
static void S12__ima_rules__out_of_memory_or_whole(void **state)
{
	(void)state;
	run(parse_rules, check_rules, release_rules);
}

/* A list with two signed entries, appraised: nothing is approved for want of memory. */
static struct ima_rules *signers;
static struct buf list;
static uint8_t quoted[SHA256_LEN];
static struct ima_state attested;
static struct ima_result appraised;
static bool appraise_list(struct err *why)
{
	struct ima_state start;
	const struct ima_key known = {.name = "distribution", .key = key, .keyid = 7};
	const struct ima_input input = {.log = buf_bytes(&list),
		.quoted = {BYTES_OF(quoted)},
		.rules = signers,
		.keys = &known,
		.key_count = 1};

	return ima_state_start(&start, DIGEST_SHA256, DIGEST_SHA1, why) &&
	       ima_appraise(&start, &input, &attested, &appraised, why);
}
static void check_appraised(void)
{
	assert_true(appraised.advance.matched);
	assert_int_equal(appraised.advance.attested, 2);
	/* The first entry is no boot_aggregate; both files are approved by their signer. */
	assert_int_equal(appraised.findings.total, appraised.findings.by_kind[IMA_BOOT_AGGREGATE]);
}
static void S12__ima_appraise__out_of_memory_or_judged(void **state)
{
	(void)state;
	ima_make_signed(&list, "/usr/bin/a", "content", key, 7, false);
	ima_make_signed(&list, "/usr/bin/b", "content", key, 7, true);
	ima_make_replay(buf_bytes(&list), DIGEST_SHA1, DIGEST_SHA256, IMA_PCR, quoted);
	assert_ok(ima_rules_parse(BYTES_LIT("signed distribution /usr/bin/*\n"), &signers, &err),
		err);
	run(appraise_list, check_appraised, release_out);
	ima_rules_free(&signers);
	buf_release(&list);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(S12__baseline_learn__out_of_memory_or_whole),
		cmocka_unit_test(S12__baseline_parse__out_of_memory_or_whole),
		cmocka_unit_test(S12__baseline_judge__out_of_memory_or_refused),
		cmocka_unit_test(S12__corim_write__out_of_memory_or_whole),
		cmocka_unit_test(S12__corim_sign__out_of_memory_or_whole),
		cmocka_unit_test(S12__corim_read__out_of_memory_or_whole),
		cmocka_unit_test(S12__systemd_log__out_of_memory_or_whole),
		cmocka_unit_test(S12__ima_rules__out_of_memory_or_whole),
		cmocka_unit_test(S12__ima_appraise__out_of_memory_or_judged),
		cmocka_unit_test(S12__predict__out_of_memory_or_whole),
		cmocka_unit_test(S12__predict_command_line__out_of_memory_or_whole),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
