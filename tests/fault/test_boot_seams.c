/* SPDX-License-Identifier: Apache-2.0 */
/*
 * S12: what the judgement of a boot stands on fails in its turn: memory, a parser, a replay, a digest, a signature check.
 * Nothing is decided then, and nothing is accepted.
 */
#include "tests/fault/seam.h"

#include <stdlib.h>

#include "firmware/baseline_private.h"
#include "firmware/boot_chain.h"
#include "firmware/secure_boot.h"
#include "firmware/systemd_log.h"
#include "policy/policy_file.h"
#include "tests/unit/policy/ima_scene.h"

enum { OF_THE_BOOT = 0, OF_REPLAY, OF_WORDS, OF_COPIES, OF_IMA, OF_DIGESTS };

SEAM(event_log_open,
	(struct bytes in, enum event_log_kind kind, enum digest_alg bank, struct event_log *ret,
		struct err *err),
	(in, kind, bank, ret, err))
SEAM_OF(OF_REPLAY, event_log_replay,
	(const struct event_log *log, enum digest_alg bank, struct pcr_bank *ret, struct err *err),
	(log, bank, ret, err))
SEAM(event_log_start,
	(const struct event_log *log, enum digest_alg bank, struct pcr_bank *ret, struct err *err),
	(log, bank, ret, err))
SEAM(boot_chain_of,
	(const struct event_log *log, enum digest_alg bank, struct boot_chain *ret,
		struct err *err),
	(log, bank, ret, err))
SEAM(secure_boot_state,
	(const struct event_log *log, enum digest_alg bank, struct secure_boot **ret,
		struct err *err),
	(log, bank, ret, err))
SEAM(systemd_log_walk, (struct bytes log, systemd_event_fn *fn, void *context, struct err *err),
	(log, fn, context, err))
SEAM(systemd_log_replay,
	(struct bytes log, enum digest_alg bank, struct digest pcrs[SYSTEMD_LOG_PCRS],
		uint32_t *ret_touched, struct err *err),
	(log, bank, pcrs, ret_touched, err))
SEAM(baseline_judge,
	(const struct baseline *baseline, const struct event_log *log, uint32_t vary,
		struct baseline_findings *ret, struct err *err),
	(baseline, log, vary, ret, err))
SEAM(baseline_run_of,
	(const struct event_log *log, enum digest_alg bank, uint32_t pcr, struct baseline_run *ret,
		struct err *err),
	(log, bank, pcr, ret, err))
SEAM(baseline_accepts,
	(const struct baseline_pcr *pcr, const struct baseline_run *run, bool *ret_accepted,
		struct err *err),
	(pcr, run, ret_accepted, err))
SEAM(baseline_run_texts, (struct baseline_run * run, struct err *err), (run, err))
SEAM(baseline_align,
	(const struct baseline_pcr *pcr, const struct baseline_run *run, struct align **ret,
		size_t *ret_count, struct err *err),
	(pcr, run, ret, ret_count, err))
SEAM(ima_state_start,
	(struct ima_state * ret, enum digest_alg bank, enum digest_alg log_alg, struct err *err),
	(ret, bank, log_alg, err))
SEAM(ima_appraise,
	(const struct ima_state *state, const struct ima_input *input, struct ima_state *ret_state,
		struct ima_result *ret, struct err *err),
	(state, input, ret_state, ret, err))
SEAM_OF(OF_IMA, ima_advance,
	(const struct ima_state *state, struct bytes log, uint64_t first,
		const struct bytes quoted[IMA_TRACKED], bool padded, struct ima_state *ret_state,
		struct ima_advance *ret, struct err *err),
	(state, log, first, quoted, padded, ret_state, ret, err))
SEAM_OF(OF_IMA, ima_log_open,
	(struct bytes in, enum digest_alg alg, uint64_t first, struct ima_log *ret,
		struct err *err),
	(in, alg, first, ret, err))
SEAM_OF(OF_IMA, ima_log_next, (struct ima_log * log, struct ima_entry *ret, struct err *err),
	(log, ret, err))
SEAM_OF(OF_IMA, ima_boot_check,
	(const struct ima_entry *entry, enum digest_alg bank, const struct bytes values[10],
		enum ima_boot *ret, struct err *err),
	(entry, bank, values, ret, err))
SEAM_OF(OF_IMA, ima_signature_check,
	(const struct ima_entry *entry, const struct ima_key *signers, size_t key_count,
		enum ima_signed *ret, size_t *ret_key, struct err *err),
	(entry, signers, key_count, ret, ret_key, err))
SEAM_OF(OF_IMA, ima_modsig_check,
	(const struct ima_entry *entry, const struct ima_key *signers, size_t key_count,
		enum ima_signed *ret, size_t *ret_key, struct err *err),
	(entry, signers, key_count, ret, ret_key, err))
SEAM_OF(OF_DIGESTS, digest_of,
	(enum digest_alg alg, struct bytes in, struct digest *ret, struct err *err),
	(alg, in, ret, err))

void *real_policy_alloc(size_t n, size_t size, struct err *err) __asm__("__real_policy_alloc");
void *seam_policy_alloc(size_t n, size_t size, struct err *err) __asm__("__wrap_policy_alloc");
void *seam_policy_alloc(size_t n, size_t size, struct err *err)
{
	return seam_fails(OF_THE_BOOT, err) ? NULL : real_policy_alloc(n, size, err);
}

const char *real_buf_str(struct buf *buf) __asm__("__real_buf_str");
const char *seam_buf_str(struct buf *buf) __asm__("__wrap_buf_str");
const char *seam_buf_str(struct buf *buf)
{
	return seam_fails(OF_WORDS, NULL) ? NULL : real_buf_str(buf);
}

char *real_bytes_strdup(struct bytes bytes) __asm__("__real_bytes_strdup");
char *seam_bytes_strdup(struct bytes bytes) __asm__("__wrap_bytes_strdup");
char *seam_bytes_strdup(struct bytes bytes)
{
	return seam_fails(OF_COPIES, NULL) ? NULL : real_bytes_strdup(bytes);
}

/* The log of the runtime hands over its records with one thing changed. */
static void (*edit_record)(struct runtime_record *record);
struct edited {
	runtime_visit visit;
	void *context;
};

static bool visit_edited(void *context, const struct runtime_record *record, struct err *err)
{
	const struct edited *to = context;
	struct runtime_record changed = *record;

	edit_record(&changed);
	return to->visit(to->context, &changed, err);
}

bool real_runtime_log_walk(struct bytes log, uint64_t first, uint32_t pcr, runtime_visit visit,
	void *context, struct err *err) __asm__("__real_runtime_log_walk");
bool seam_runtime_log_walk(struct bytes log, uint64_t first, uint32_t pcr, runtime_visit visit,
	void *context, struct err *err) __asm__("__wrap_runtime_log_walk");
bool seam_runtime_log_walk(struct bytes log, uint64_t first, uint32_t pcr, runtime_visit visit,
	void *context, struct err *err)
{
	struct edited to = {.visit = visit, .context = context};

	if (!edit_record)
		return real_runtime_log_walk(log, first, pcr, visit, context, err);
	return real_runtime_log_walk(log, first, pcr, visit_edited, &to, err);
}

static struct scene_keys keys;
static struct verdict verdict;
static struct policy_state state;

static int group_setup(void **ignored)
{
	(void)ignored;
	scene_keys_make(&keys);
	return 0;
}

static int group_teardown(void **ignored)
{
	(void)ignored;
	scene_keys_free(&keys);
	return 0;
}

static int setup(void **ignored)
{
	(void)ignored;
	seam.group = OF_THE_BOOT;
	ima_setup(&keys);
	return 0;
}

static int teardown(void **ignored)
{
	(void)ignored;
	seam.armed = false;
	edit_record = NULL;
	ima_teardown();
	return 0;
}

static bool run_appraise(struct err *err)
{
	memset(&verdict, 0xff, sizeof(verdict));
	memset(&state, 0xff, sizeof(state));
	return policy_appraise(buf_bytes(&boot.s->evidence), &boot.s->context, &boot.s->state_in,
		&verdict, &state, err);
}

static void no_verdict(void)
{
	assert_true(all_zero(&verdict, sizeof(verdict)));
	assert_true(all_zero(&state, sizeof(state)));
}

static void appraise_each(bool trusted)
{
	struct err err = {0};

	scene_attest(boot.s);
	assert_ok(run_appraise(&err), err);
	assert_int_equal(verdict.trusted, trusted);
	each_seam(run_appraise, no_verdict);
}

/* A parser that takes nothing: the evidence is refused, or nothing is decided. */
static void appraise_each_malformed(void)
{
	size_t refused = 0;

	seam.code = ERR_FORMAT;
	for (seam.at = 0;; seam.at++) {
		struct err err = {0};
		bool done;

		seam.armed = true;
		seam.seen = 0;
		done = run_appraise(&err);
		seam.armed = false;
		if (seam.seen <= seam.at)
			break;
		assert_false(verdict.trusted);
		assert_true(done || err.code == ERR_FORMAT);
		refused += done;
	}
	assert_true(refused > 0);
}

/* ---- the boot ---- */

static void boot_with_systemd(void)
{
	boot_systemd(0, "os-separator", "os-separator", BYTES_LIT("os-separator"));
	boot_systemd(11, "phase", "ready", BYTES_LIT("ready"));
}

static void S12__boot__undecided_where_a_call_fails(void **ignored)
{
	(void)ignored;
	boot_with_systemd();
	appraise_each(true);
}

static void S12__boot__never_trusted_where_a_parser_fails(void **ignored)
{
	(void)ignored;
	boot_with_systemd();
	scene_attest(boot.s);
	appraise_each_malformed();
}

static void S12__renewal__undecided_where_a_call_fails(void **ignored)
{
	(void)ignored;
	ima_renewal();
	appraise_each(true);
	appraise_each_malformed();
}

/* What is not replayed is held against nothing more. */
static void S12__firmware_log_not_replayed__refused_as_that(void **ignored)
{
	(void)ignored;
	boot_machine("other-command-line");
	scene_attest(boot.s);
	seam.group = OF_REPLAY;
	each_seam(run_appraise, no_verdict);
	seam.code = ERR_FORMAT;
	seam.at = seam.seen = 0;
	seam.armed = true;
	assert_true(run_appraise(NULL));
	assert_int_equal(verdict.reason_count, 1);
	assert_int_equal(verdict.reasons[0].code, REASON_FIRMWARE_LOG);
	assert_string_equal(verdict.reasons[0].subject, "firmware log");
}

/* Two classes, and the machine fits neither: findings are written down for both, and for both references of one. */
static void S12__boot_of_no_class__undecided_where_a_call_fails(void **ignored)
{
	struct buf golden = {0}, more = {0};
	uint8_t digest[SHA256_LEN];
	char hex[2 * SHA256_LEN + 1];

	(void)ignored;
	boot_read("other-command-line", "firmware.log", &golden);
	assert_ok(sha256_of(buf_bytes(&golden), digest, &boot.s->err), boot.s->err);
	hex_encode(BYTES_OF(digest), hex);
	buf_clear(&boot.lines);
	boot_read("other-initramfs", "firmware.log", &more);
	boot_reference("golden-log", buf_bytes(&golden), "");
	boot_reference("golden-log", buf_bytes(&more), "");
	buf_printf(&boot.lines,
		"  - name: edge\n    references: [ {kind: golden-log, sha256: %s} ]\n", hex);
	boot_policy(SCENE_CLASS_LINES "    host_classes: [server, edge]\n", "");
	boot_attach(buf_bytes(&golden));
	boot_attach(buf_bytes(&more));
	appraise_each(false);
	buf_release(&golden);
	buf_release(&more);
}

/* ---- words ---- */

static void each_word(unsigned group, size_t least)
{
	scene_attest(boot.s);
	seam.group = group;
	for (seam.at = 0;; seam.at++) {
		struct err err = {0};
		bool done;

		seam.armed = true;
		seam.seen = 0;
		done = run_appraise(&err);
		seam.armed = false;
		if (seam.seen <= seam.at)
			break;
		assert_false(done);
		assert_int_equal(err.code, ERR_NOMEM);
		no_verdict();
	}
	assert_true(seam.at >= least);
	assert_true(run_appraise(NULL));
}

static void S12__words_of_an_ima_finding__undecided_without_memory(void **ignored)
{
	(void)ignored;
	boot_machine("unlisted-program");
	each_word(OF_WORDS, 3);
	assert_int_equal(verdict.reasons[0].code, REASON_IMA_FILE);
}

static void S12__words_of_an_event__undecided_without_memory(void **ignored)
{
	(void)ignored;
	boot_machine("other-command-line");
	boot.send_ima = false;
	each_word(OF_WORDS, 1);
	each_word(OF_COPIES, 3);
	assert_int_equal(verdict.reasons[0].code, REASON_FIRMWARE_EVENT);
}

/* ---- the IMA log by itself ---- */

static struct {
	struct buf list;
	struct key *key;
	struct ima_key signer;
	struct ima_rules *rules;
	struct ima_input input;
	struct ima_state start, made;
	struct ima_result result;
	uint8_t pcr[SHA256_LEN];
} ima;

/* A file with a signature, a module with one appended, and a buffer known by its digest. */
static void ima_list(const char *rule_lines)
{
	struct err err = {0};

	memset(&ima, 0, sizeof(ima));
	assert_ok(key_generate(KEY_EC_P256, &ima.key, &err), err);
	ima.signer = (struct ima_key){.name = "distro", .key = ima.key};
	assert_ok(ima_keyid_of(ima.key, NULL, &ima.signer.keyid, &err), err);
	ima_make_many(&ima.list, 0, 1);
	ima_make_signed(&ima.list, "/usr/bin/x", "x", ima.key, ima.signer.keyid, false);
	ima_make_module(&ima.list, "/lib/modules/a.ko", "x", ima.key);
	ima_make_buffer(&ima.list, "selinux-state", BYTES_LIT("x"));
	ima_make_replay(buf_bytes(&ima.list), DIGEST_SHA1, DIGEST_SHA256, IMA_PCR, ima.pcr);
	assert_ok(ima_rules_parse(bytes_str(rule_lines), &ima.rules, &err), err);
	assert_ok(ima_state_start(&ima.start, DIGEST_SHA256, DIGEST_SHA1, &err), err);
	ima.input = (struct ima_input){
		.log = buf_bytes(&ima.list),
		.quoted = {BYTES_OF(ima.pcr)},
		.rules = ima.rules,
		.keys = &ima.signer,
		.key_count = 1,
	};
}

static void ima_release(void)
{
	ima_rules_free(&ima.rules);
	key_unref(&ima.key);
	buf_release(&ima.list);
}

static bool run_ima(struct err *err)
{
	memset(&ima.result, 0, sizeof(ima.result));
	memset(&ima.made, 0, sizeof(ima.made));
	return ima_appraise(&ima.start, &ima.input, &ima.made, &ima.result, err);
}

static void no_result(void)
{
	assert_true(all_zero(&ima.result, sizeof(ima.result)));
	assert_true(all_zero(&ima.made, sizeof(ima.made)));
}

/* sha256("x") */
#define X "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"

static void S12__ima__undecided_where_a_call_fails(void **ignored)
{
	(void)ignored;
	ima_list("signed distro /usr/**\nsigned distro /lib/**\nmodules signed\n"
		 "buffer selinux-state sha256:" X);
	seam.group = OF_IMA;
	each_seam(run_ima, no_result);
	assert_true(run_ima(NULL));
	assert_true(ima.result.advance.matched);
	assert_int_equal(ima.result.findings.total, 0);
	ima_release();
}

/* A digest that cannot be made is no digest that fits. */
static void S12__ima_digest_fails__nothing_is_accepted(void **ignored)
{
	(void)ignored;
	ima_list("signed distro /usr/**\nsigned distro /lib/**\nbuffer selinux-state sha256:" X);
	seam.group = OF_DIGESTS;
	seam.code = ERR_CRYPTO;
	for (seam.at = 0;; seam.at++) {
		struct err err = {0};
		bool done;

		seam.armed = true;
		seam.seen = 0;
		done = run_ima(&err);
		seam.armed = false;
		if (seam.seen <= seam.at)
			break;
		assert_true(!done || ima.result.findings.total == 1);
	}
	assert_true(seam.at > 0);
	ima_release();
}

/* ---- records of the runtime log ---- */

static void of_no_kind(struct runtime_record *record)
{
	if (record->recnum == 2)
		record->kind = (enum runtime_kind)77;
}

static void digest_cut(struct runtime_record *record)
{
	if (record->recnum == 2)
		record->digests[0].digest.len--;
}

static void pcr_before_cut(struct runtime_record *record)
{
	record->baseline.pcr_before.len--;
}

/* What its parser never hands over decides nothing, should it ever. */
static void S12__runtime_record_out_of_form__refused(void **ignored)
{
	static const struct {
		void (*edit)(struct runtime_record *record);
		enum reason_code code;
		const char *actual;
	} cases[] = {
		{of_no_kind, REASON_RUNTIME_LOG, "record 2: unknown kind"},
		{digest_cut, REASON_RUNTIME_LOG, "record 2: no sha256 digest"},
		{pcr_before_cut, REASON_RUNTIME_BASELINE, "00000000"},
	};

	(void)ignored;
	scene_attest(boot.s);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		edit_record = cases[i].edit;
		assert_true(run_appraise(NULL));
		assert_false(verdict.trusted);
		assert_int_equal(verdict.reasons[0].code, cases[i].code);
		assert_non_null(strstr(verdict.reasons[0].actual, cases[i].actual));
		edit_record = NULL;
	}
	assert_true(run_appraise(NULL));
	assert_true(verdict.trusted);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(S12__boot__undecided_where_a_call_fails),
		T(S12__boot__never_trusted_where_a_parser_fails),
		T(S12__renewal__undecided_where_a_call_fails),
		T(S12__firmware_log_not_replayed__refused_as_that),
		T(S12__boot_of_no_class__undecided_where_a_call_fails),
		T(S12__words_of_an_ima_finding__undecided_without_memory),
		T(S12__words_of_an_event__undecided_without_memory),
		T(S12__ima__undecided_where_a_call_fails),
		T(S12__ima_digest_fails__nothing_is_accepted),
		T(S12__runtime_record_out_of_form__refused),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
