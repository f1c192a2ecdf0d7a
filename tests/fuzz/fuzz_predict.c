/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Predictions. Who supplies the bytes: whoever ships the boot image, the dbx update or the SbatLevel whose effect an operator
 * asks for. The first byte chooses which of them the rest is. Oracle: only the PCRs that such a change can touch change, and
 * the prediction without its changes is what the log replays to.
 */
#include "firmware/predict.h"

#include <assert.h>

#include "tests/support/event_log_make.h"

enum { IMAGE = 0, FILE_READ, UNIFIED, DBX, SBAT, LINE, KINDS };

/* The boot loader and the kernel's file, by their events in the log of a whole boot. */
static bool change(struct predict *predict, unsigned kind, struct bytes in, struct err *err)
{
	switch (kind) {
	case IMAGE:
		return predict_replace(predict, "grubx64.efi", in, "image", err);
	case FILE_READ:
		return predict_replace(predict, "initrd.img", in, "file", err);
	case UNIFIED:
		return predict_uki(predict, in, "unified", err);
	case DBX:
		return predict_dbx(predict, in, err);
	case SBAT:
		return predict_sbat_level(predict, in, err);
	default:
		return predict_command_line(predict, in, err);
	}
}

static void check(const struct event_log *log, unsigned kind, struct bytes in)
{
	static const uint32_t touches[KINDS] = {[IMAGE] = 1u << 4,
		[FILE_READ] = 1u << 4 | 1u << 9,
		[UNIFIED] = 1u << 4 | 1u << 9 | 1u << 11,
		[DBX] = 1u << 7,
		[SBAT] = 1u << 7,
		[LINE] = 1u << 8 | 1u << 9 | 1u << 12};
	OWNED(predict_free) struct predict *predict = NULL;
	OWNED(prediction_release) struct prediction prediction = {0};
	struct pcr_bank replayed;
	struct err err;

	assert(predict_new(log, DIGEST_SHA256, &predict, &err));
	if (!change(predict, kind, in, &err))
		return;
	assert(predict_finish(predict, &prediction, &err));
	assert(event_log_replay(log, DIGEST_SHA256, &replayed, &err));
	assert(memcmp(&replayed, &prediction.before, sizeof(replayed)) == 0);
	assert(((prediction.changed | prediction.unknown) & ~touches[kind]) == 0);
	assert(prediction.changed == 0 || prediction.change_count > 0);
	for (size_t i = 0; i < prediction.change_count; i++)
		assert(prediction.changes[i].what && prediction.changes[i].pcr < TPM_PCRS);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const enum digest_alg banks[] = {DIGEST_SHA256};
	static const struct golden golden = {.certificate = {(const uint8_t *)"certificate", 11}};
	OWNED(event_log_release) struct event_log log = {0};
	struct log_maker maker = {0};
	struct err err;

	if (size == 0 || data[0] >= KINDS)
		return 0;
	log_maker_start(&maker, banks, 1);
	log_maker_golden(&maker, &golden);
	assert(event_log_open(buf_bytes(&maker.out), EVENT_LOG_TPM, DIGEST_SHA256, &log, &err));
	check(&log, data[0], bytes_of(data + 1, size - 1));
	buf_release(&maker.out);
	return 0;
}
