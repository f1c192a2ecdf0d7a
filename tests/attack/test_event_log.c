/* SPDX-License-Identifier: Apache-2.0 */
/* Group L: forged and damaged TCG event logs. The log comes from the host, which may be the attacker's. */
#include "tests/unit/firmware/log_fixture.h"

#include "firmware/boot_chain.h"
#include "firmware/device_path.h"
#include "firmware/event_text.h"
#include "firmware/secure_boot.h"

/* Byte of the last event, or of the header. */
static uint8_t *event_byte(size_t at)
{
	return f.m.out.data + f.m.last + at;
}

static void assert_refused(enum err_code code, const char *text)
{
	assert_fails(opens(DIGEST_NONE), f.err, code, text);
}

static bool replays(struct pcr_bank *pcrs)
{
	return opens(DIGEST_NONE) && event_log_replay(&f.log, DIGEST_SHA256, pcrs, &f.err);
}

/* The honest boot's PCRs. */
static void golden_pcrs(struct pcr_bank *pcrs)
{
	fixture_golden(false);
	assert_true(replays(pcrs));
}

static void L1__cut_at_every_byte__never_accepted_as_whole(void **state)
{
	struct pcr_bank whole, cut;
	(void)state;
	golden_pcrs(&whole);
	for (size_t len = f.m.out.len; len-- > 0;) {
		f.m.out.len = len;
		if (replays(&cut) && memcmp(&cut, &whole, sizeof(cut)) == 0)
			fail_msg("cut to %zu bytes", len);
	}
}

static void L2__event_size_beyond_the_log__refused(void **state)
{
	static const uint32_t sizes[] = {4, 0x7fffffff, 0xffffffff};
	(void)state;
	log_maker_text(&f.m, 4, EV_EFI_ACTION, "one");
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		memcpy(event_byte(68), &sizes[i], 4);
		assert_refused(ERR_FORMAT, "event 0: event: truncated at offset 141 of 144");
	}
}

static void L3__digest_counts_and_algorithms__refused(void **state)
{
	static const uint32_t counts[] = {0, 3, 0xffffffff};
	(void)state;
	log_maker_text(&f.m, 4, EV_EFI_ACTION, "one");
	for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
		memcpy(event_byte(8), &counts[i], 4);
		assert_refused(ERR_FORMAT, "event 0: digestCount: not 1 to the number of "
					   "algorithms at offset 81 of 144");
	}
	memcpy(event_byte(8), "\2\0\0\0", 4);
	*event_byte(46) = 0x0b;
	assert_refused(ERR_FORMAT, "event 0: algorithmId: twice in one event at offset 117 of 144");
	*event_byte(46) = 0x0c;
	assert_refused(ERR_FORMAT,
		"event 0: algorithmId: not declared in the Spec ID event at offset 117 of 144");
}

static void L4__algorithms_of_the_header__refused(void **state)
{
	static const uint32_t counts[] = {0, 9, 0xffffffff};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
		memcpy(f.m.out.data + 32 + 24, &counts[i], 4);
		assert_refused(ERR_FORMAT,
			"Spec ID event: numberOfAlgorithms: not 1..8 at offset 60 of 69");
	}
	memcpy(f.m.out.data + 32 + 24, "\2\0\0\0", 4);
	f.m.out.data[32 + 30] = 20; /* SHA-256 of 20 bytes */
	assert_refused(ERR_FORMAT,
		"Spec ID event: digestSize: not that of the algorithm at offset 64 of 69");
}

static void L5__header_a_byte_short_of_its_vendor_data__refused(void **state)
{
	(void)state;
	f.m.out.data[32 + 36] = 1;
	assert_refused(ERR_FORMAT, "Spec ID event: vendorInfo: truncated at offset 69 of 69");
}

static void L6__second_or_misplaced_header__refused(void **state)
{
	struct buf body = {0};
	(void)state;
	spec_id_put(f.m.banks, 2, &body);
	log_maker_note(&f.m, 0, buf_bytes(&body));
	assert_refused(ERR_FORMAT, "event 0 at offset 69: event: a second Spec ID event");
	fixture_banks(f.m.banks, 2);
	f.m.out.data[0] = 1;
	assert_refused(ERR_FORMAT,
		"Spec ID event: pcrIndex: not 0 in the Spec ID event at offset 0 of 69");
	/* Behind other events of a SHA-1 log. */
	fixture_banks(NULL, 0);
	log_maker_text(&f.m, 4, EV_EFI_ACTION, "one");
	log_maker_note(&f.m, 0, buf_bytes(&body));
	assert_refused(ERR_FORMAT, "event 1 at offset 35: event: a second Spec ID event");
	buf_release(&body);
}

static void L7__sha1_log_that_begins_with_a_note__is_a_sha1_log(void **state)
{
	struct pcr_bank pcrs;
	(void)state;
	fixture_banks(NULL, 0);
	log_maker_note(&f.m, 0, bytes_of("StartupLocality\0\3", 17));
	log_maker_text(&f.m, 0, EV_S_CRTM_VERSION, "1");
	assert_ok(opens(DIGEST_NONE), f.err);
	assert_false(f.log.agile);
	assert_int_equal(f.log.count, 2);
	assert_ok(event_log_start(&f.log, DIGEST_SHA1, &pcrs, &f.err), f.err);
	assert_int_equal(pcrs.values[0][19], 3);
}

static void L8__note_elsewhere_or_with_a_digest__flagged_and_ignored(void **state)
{
	struct pcr_bank pcrs;
	(void)state;
	log_maker_note(&f.m, 5, bytes_of("StartupLocality\0\3", 17));
	log_maker_event(&f.m, 0, EV_NO_ACTION, bytes_of("StartupLocality\0\3", 17));
	assert_true(replays(&pcrs));
	assert_true(f.log.events[0].odd);
	assert_true(f.log.events[1].odd);
	assert_int_equal(f.log.startup_locality, 0);
	assert_int_equal(pcrs.present, 0);
}

static void L10__hcrtm__starts_at_4_and_comes_first(void **state)
{
	static const uint8_t start[32] = {[31] = 4};
	struct pcr_bank pcrs;
	struct digest digest, wanted;
	(void)state;
	log_maker_put(&f.m, 0, EV_EFI_HCRTM_EVENT, BYTES_LIT("code"), BYTES_LIT("HCRTM"));
	assert_true(replays(&pcrs));
	assert_ok(digest_of(DIGEST_SHA256, BYTES_LIT("code"), &digest, &f.err), f.err);
	struct bytes parts[] = {BYTES_OF(start), digest_bytes(&digest)};
	assert_ok(digest_of_parts(DIGEST_SHA256, parts, 2, &wanted, &f.err), f.err);
	assert_memory_equal(pcrs.values[0], wanted.bytes, 32);
	log_maker_put(&f.m, 0, EV_EFI_HCRTM_EVENT, BYTES_LIT("code"), BYTES_LIT("HCRTM"));
	assert_refused(ERR_FORMAT, "event 1 at offset 146: H-CRTM: after PCR 0 was extended");
}

/* Every type becomes EV_UNUSED, the digests stay: replay still matches. Then a boot with Secure Boot is appended. */
static void L12__types_rewritten_and_events_appended__proves_nothing(void **state)
{
	struct pcr_bank honest, forged;
	struct boot_chain chain;
	struct secure_boot *secure = NULL;
	(void)state;
	fixture_golden(true);
	assert_true(replays(&honest));
	for (size_t i = 0; i < f.log.count; i++)
		if (f.log.events[i].type != EV_NO_ACTION)
			memcpy(f.m.out.data + f.log.events[i].offset + 4, "\2\0\0\0", 4);
	assert_true(replays(&forged));
	assert_memory_equal(&honest, &forged, sizeof(honest));
	struct buf keys = {0}, key = {0};
	certificate_list_put(buf_bytes(&f.certificate), &keys);
	signature_data_put(buf_bytes(&f.certificate), &key);
	log_maker_variable(&f.m, 7, EV_EFI_VARIABLE_DRIVER_CONFIG, maker_global_guid, "SecureBoot",
		BYTES_LIT("\1"));
	log_maker_variable(
		&f.m, 7, EV_EFI_VARIABLE_DRIVER_CONFIG, maker_global_guid, "PK", buf_bytes(&keys));
	log_maker_separators(&f.m, 0, 7);
	log_maker_variable(
		&f.m, 7, EV_EFI_VARIABLE_AUTHORITY, maker_database_guid, "db", buf_bytes(&key));
	log_maker_image(&f.m, 4, EV_EFI_BOOT_SERVICES_APPLICATION, "shim", "\\shim.efi");
	assert_ok(opens(DIGEST_NONE), f.err);
	assert_ok(boot_chain_of(&f.log, DIGEST_SHA256, &chain, &f.err), f.err);
	assert_int_not_equal(chain.unknown_types, 0);
	assert_int_equal(chain.disguised_separator, 10);
	assert_ok(secure_boot_state(&f.log, DIGEST_SHA256, &secure, &f.err), f.err);
	assert_false(secure->enforced);
	assert_string_equal(secure->why, "event 5: not one that belongs into PCR 7");
	secure_boot_free(&secure);
	boot_chain_release(&chain);
	buf_release(&keys);
	buf_release(&key);
}

static void L12__separator_renamed__pointed_out(void **state)
{
	struct secure_boot *secure = NULL;
	(void)state;
	fixture_golden(false);
	assert_ok(opens(DIGEST_NONE), f.err);
	size_t at = f.log.events[event_find(7, EV_SEPARATOR, 0)].offset;
	memcpy(f.m.out.data + at + 4, "\1\0\0\0", 4);
	assert_ok(opens(DIGEST_NONE), f.err);
	assert_ok(secure_boot_state(&f.log, DIGEST_SHA256, &secure, &f.err), f.err);
	assert_string_equal(secure->why, "event 10: a separator under another type");
	secure_boot_free(&secure);
}

static void L14__separator_of_an_error__refused(void **state)
{
	struct pcr_bank pcrs;
	(void)state;
	log_maker_separators(&f.m, 0, 3);
	log_maker_event(&f.m, 4, EV_SEPARATOR, BYTES_LIT("\1\0\0\0"));
	assert_ok(opens(DIGEST_NONE), f.err);
	assert_fails(event_log_replay(&f.log, DIGEST_SHA256, &pcrs, &f.err), f.err, ERR_MISMATCH,
		"event 4: EV_SEPARATOR in PCR 4: the firmware reports an error");
}

static void L15__covered_data_altered__refused(void **state)
{
	(void)state;
	fixture_golden(false);
	assert_ok(opens(DIGEST_NONE), f.err);
	size_t end = f.log.events[event_find(7, EV_EFI_VARIABLE_DRIVER_CONFIG, 1)].offset;
	f.m.out.data[end - 1] ^= 1; /* SecureBoot's value */
	assert_refused(ERR_MISMATCH, "event 5 at offset 514: EV_EFI_VARIABLE_DRIVER_CONFIG in PCR "
				     "7: the digest does not "
				     "cover the data");
}

/* The device path of an image and the name of a file may say anything: the facts are the digests. */
static void L15__uncovered_data_altered__decides_nothing(void **state)
{
	struct boot_chain before, after;
	(void)state;
	fixture_golden(false);
	assert_ok(opens(DIGEST_NONE), f.err);
	assert_ok(boot_chain_of(&f.log, DIGEST_SHA256, &before, &f.err), f.err);
	for (size_t i = 0; i < f.log.count; i++) {
		const struct firmware_event *event = &f.log.events[i];
		if (event->type == EV_EFI_BOOT_SERVICES_APPLICATION ||
			(event->type == EV_IPL && event->pcr == 9))
			memset((uint8_t *)(uintptr_t)event->data.data, 'x', event->data.len);
	}
	assert_ok(opens(DIGEST_NONE), f.err);
	assert_ok(boot_chain_of(&f.log, DIGEST_SHA256, &after, &f.err), f.err);
	assert_int_equal(before.count, after.count);
	for (size_t i = 0; i < before.count; i++) {
		assert_true(digest_equal(&before.items[i].digest, &after.items[i].digest));
		assert_int_equal(before.items[i].kind, after.items[i].kind);
		assert_int_equal(before.items[i].covered, after.items[i].covered);
		if (after.items[i].covered)
			assert_string_equal(before.items[i].text, after.items[i].text);
	}
	boot_chain_release(&before);
	boot_chain_release(&after);
}

static void L16__variable_hashed_the_other_way__refused(void **state)
{
	static const struct {
		uint32_t type;
		bool whole, data;
	} rules[] = {
		{EV_EFI_VARIABLE_DRIVER_CONFIG, true, false},
		{EV_EFI_VARIABLE_AUTHORITY, true, false},
		{EV_EFI_VARIABLE_BOOT2, true, false},
		{EV_EFI_VARIABLE_BOOT, true, true},
	};
	struct buf variable = {0};
	(void)state;
	variable_put(maker_global_guid, "SecureBoot", BYTES_LIT("\1"), &variable);
	for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
		fixture_banks((enum digest_alg[]){DIGEST_SHA256}, 1);
		log_maker_put(&f.m, 7, rules[i].type, buf_bytes(&variable), buf_bytes(&variable));
		assert_int_equal(opens(DIGEST_NONE), rules[i].whole);
		fixture_banks((enum digest_alg[]){DIGEST_SHA256}, 1);
		log_maker_put(&f.m, 7, rules[i].type, BYTES_LIT("\1"), buf_bytes(&variable));
		assert_int_equal(opens(DIGEST_NONE), rules[i].data);
	}
	buf_release(&variable);
}

static bool count_signature(void *context, const struct efi_signature *signature, struct err *err)
{
	(void)signature;
	(void)err;
	++*(size_t *)context;
	return true;
}

/* Every value of every size field but the right ones. */
static void L17__signature_list_sizes__refused(void **state)
{
	struct buf list = {0};
	(void)state;
	hash_list_put(2, &list);
	for (uint32_t size = 0; size < 28; size++) {
		size_t n = 0;
		memcpy(list.data + 16, &size, 4);
		assert_false(signature_lists_walk(buf_bytes(&list), count_signature, &n, &f.err));
		assert_int_equal(f.err.code, ERR_FORMAT);
	}
	memcpy(list.data + 16, "\x7c\0\0\0", 4);
	for (uint32_t size = 0; size <= 16; size++) {
		size_t n = 0;
		memcpy(list.data + 24, &size, 4);
		assert_false(signature_lists_walk(buf_bytes(&list), count_signature, &n, &f.err));
	}
	memcpy(list.data + 24, "\x30\0\0\0", 4);
	for (uint32_t header = 1; header < 200; header++) {
		size_t n = 0;
		memcpy(list.data + 20, &header, 4);
		bool ok = signature_lists_walk(buf_bytes(&list), count_signature, &n, &f.err);
		/* A header of whole entries leaves fewer: its bytes are no hashes. */
		assert_int_equal(ok, header == 48 || header == 96);
		assert_int_equal(n, header == 48 ? 1 : 0);
	}
	buf_release(&list);
}

static void L18__paths_and_tags_without_end__bounded(void **state)
{
	struct buf path = {0}, tags = {0};
	(void)state;
	for (size_t i = 0; i < 10000; i++)
		buf_put(&path, BYTES_LIT("\1\1\6\0\0\0"));
	assert_fails(device_path_text(buf_bytes(&path), &f.text, &f.err), f.err, ERR_LIMIT,
		"device path: more than 128 nodes");
	/* 10^5 aggregations, each within the one before. */
	for (size_t left = 100000; left > 0; left--) {
		put_le32(&tags, 0x40010001);
		put_le32(&tags, (uint32_t)((left - 1) * 8));
	}
	log_maker_event(&f.m, 12, EV_EVENT_TAG, buf_bytes(&tags));
	assert_ok(opens(DIGEST_NONE), f.err);
	assert_string_equal(
		text_of(0), "TrustBoundary {TrustBoundary {TrustBoundary {TrustBoundary {…}}}}");
	buf_release(&path);
	buf_release(&tags);
}

static void L20__pcr_without_an_event__absent_from_the_replay(void **state)
{
	struct pcr_bank pcrs;
	(void)state;
	golden_pcrs(&pcrs);
	assert_int_equal(pcrs.present, 0x5bff);
	assert_false(pcrs.present & 1u << 10);
	assert_false(pcrs.present & 1u << 13);
}

static void L21__extended_without_an_event__replay_differs(void **state)
{
	struct pcr_bank logged, machine;
	struct digest digest;
	(void)state;
	golden_pcrs(&logged);
	machine = logged;
	assert_ok(digest_of(DIGEST_SHA256, BYTES_LIT("unlogged"), &digest, &f.err), f.err);
	assert_ok(pcr_extend(DIGEST_SHA256, machine.values[4], digest.bytes, &f.err), f.err);
	assert_memory_not_equal(machine.values[4], logged.values[4], 32);
}

static void L22__event_appended_after_the_quote__replay_differs(void **state)
{
	struct pcr_bank quoted, replayed;
	(void)state;
	golden_pcrs(&quoted);
	log_maker_text(&f.m, 5, EV_EFI_ACTION, "late");
	assert_true(replays(&replayed));
	assert_memory_not_equal(quoted.values[5], replayed.values[5], 32);
}

static void L23__dynamic_launch_pcrs__start_at_all_ones(void **state)
{
	uint8_t ones[32];
	struct pcr_bank pcrs;
	struct digest digest, wanted;
	(void)state;
	memset(ones, 0xff, sizeof(ones));
	for (uint32_t pcr = 17; pcr <= 22; pcr++)
		log_maker_text(&f.m, pcr, EV_ACTION, "launch");
	log_maker_text(&f.m, 23, EV_ACTION, "launch");
	assert_true(replays(&pcrs));
	assert_ok(digest_of(DIGEST_SHA256, BYTES_LIT("launch"), &digest, &f.err), f.err);
	struct bytes parts[] = {BYTES_OF(ones), digest_bytes(&digest)};
	assert_ok(digest_of_parts(DIGEST_SHA256, parts, 2, &wanted, &f.err), f.err);
	for (uint32_t pcr = 17; pcr <= 22; pcr++)
		assert_memory_equal(pcrs.values[pcr], wanted.bytes, 32);
	assert_memory_not_equal(pcrs.values[23], wanted.bytes, 32);
}

static void L24__log_larger_than_the_limit__refused(void **state)
{
	(void)state;
	(void)buf_extend(&f.m.out, EVENT_LOG_MAX);
	assert_refused(ERR_LIMIT, "event log: 8388677 bytes, more than 8388608");
}

static void L25__exit_boot_services_missing__said_and_not_repaired(void **state)
{
	struct pcr_bank whole, cut;
	struct boot_chain chain;
	(void)state;
	golden_pcrs(&whole);
	f.m.out.len = f.log.events[f.log.count - 2].offset;
	assert_true(replays(&cut));
	assert_memory_not_equal(&whole, &cut, sizeof(whole));
	assert_ok(boot_chain_of(&f.log, DIGEST_SHA256, &chain, &f.err), f.err);
	assert_false(chain.exit_boot_services);
	boot_chain_release(&chain);
}

static void L26__padding__only_in_a_log_that_has_it(void **state)
{
	struct event_log log = {0};
	(void)state;
	log_maker_text(&f.m, 1, EV_EFI_ACTION, "one");
	size_t end = f.m.out.len;
	for (size_t i = 0; i < 100; i++)
		buf_put_u8(&f.m.out, 0xff);
	assert_refused(
		ERR_FORMAT, "event 1: pcrIndex: beyond the last register at offset 152 of 244");
	assert_ok(event_log_open(buf_bytes(&f.m.out), EVENT_LOG_CCEL, DIGEST_NONE, &log, &f.err),
		f.err);
	assert_int_equal(log.count, 1);
	event_log_release(&log);
	f.m.out.data[0] = 1; /* register of the Spec ID event */
	assert_ok(event_log_open(buf_bytes(&f.m.out), EVENT_LOG_CCEL, DIGEST_NONE, &log, &f.err),
		f.err);
	event_log_release(&log);
	f.m.out.data[0] = 2;
	assert_fails(event_log_open(buf_bytes(&f.m.out), EVENT_LOG_CCEL, DIGEST_NONE, &log, &f.err),
		f.err, ERR_FORMAT,
		"Spec ID event: pcrIndex: not 0 in the Spec ID event at offset 0 of 244");
	f.m.out.data[0] = 0;
	/* Padding is 0xff to the end and nothing else; registers are those of the log's kind. */
	f.m.out.data[f.m.out.len - 1] = 0;
	assert_false(
		event_log_open(buf_bytes(&f.m.out), EVENT_LOG_CCEL, DIGEST_NONE, &log, &f.err));
	f.m.out.len = end;
	log_maker_text(&f.m, 5, EV_EFI_ACTION, "two");
	assert_fails(event_log_open(buf_bytes(&f.m.out), EVENT_LOG_CCEL, DIGEST_NONE, &log, &f.err),
		f.err, ERR_FORMAT,
		"event 1: pcrIndex: beyond the last register at offset 152 of 219");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		log_test(L1__cut_at_every_byte__never_accepted_as_whole),
		log_test(L2__event_size_beyond_the_log__refused),
		log_test(L3__digest_counts_and_algorithms__refused),
		log_test(L4__algorithms_of_the_header__refused),
		log_test(L5__header_a_byte_short_of_its_vendor_data__refused),
		log_test(L6__second_or_misplaced_header__refused),
		log_test(L7__sha1_log_that_begins_with_a_note__is_a_sha1_log),
		log_test(L8__note_elsewhere_or_with_a_digest__flagged_and_ignored),
		log_test(L10__hcrtm__starts_at_4_and_comes_first),
		log_test(L12__types_rewritten_and_events_appended__proves_nothing),
		log_test(L12__separator_renamed__pointed_out),
		log_test(L14__separator_of_an_error__refused),
		log_test(L15__covered_data_altered__refused),
		log_test(L15__uncovered_data_altered__decides_nothing),
		log_test(L16__variable_hashed_the_other_way__refused),
		log_test(L17__signature_list_sizes__refused),
		log_test(L18__paths_and_tags_without_end__bounded),
		log_test(L20__pcr_without_an_event__absent_from_the_replay),
		log_test(L21__extended_without_an_event__replay_differs),
		log_test(L22__event_appended_after_the_quote__replay_differs),
		log_test(L23__dynamic_launch_pcrs__start_at_all_ones),
		log_test(L24__log_larger_than_the_limit__refused),
		log_test(L25__exit_boot_services_missing__said_and_not_repaired),
		log_test(L26__padding__only_in_a_log_that_has_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
