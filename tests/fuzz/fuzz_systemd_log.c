/* SPDX-License-Identifier: Apache-2.0 */
/*
 * systemd's measurement log. The verifier gets it from a host: the bytes come from whoever is root there.
 */
#include "firmware/systemd_log.h"

#include <assert.h>

#include "base/text.h"

static bool check(void *context, const struct systemd_event *event, struct err *err)
{
	OWNED(buf_release) struct buf line = {0};
	size_t *count = context;

	(void)err;
	assert(event->number == ++*count);
	assert(event->nv || event->pcr < SYSTEMD_LOG_PCRS);
	assert(event->digest_count <= SYSTEMD_LOG_BANKS_MAX);
	systemd_event_line(event, &line);
	assert(utf8_valid(buf_bytes(&line)));
	for (size_t i = 0; i < line.len; i++)
		assert(line.data[i] >= 0x20);
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct digest pcrs[SYSTEMD_LOG_PCRS];
	uint32_t touched = 0;
	size_t count = 0;
	struct err err;

	if (!systemd_log_walk(bytes_of(data, size), check, &count, &err))
		return 0;
	for (size_t i = 0; i < SYSTEMD_LOG_PCRS; i++)
		pcrs[i] = (struct digest){DIGEST_SHA256, SHA256_LEN, {0}};
	if (systemd_log_replay(bytes_of(data, size), DIGEST_SHA256, pcrs, &touched, &err))
		assert(touched < UINT32_C(1) << SYSTEMD_LOG_PCRS);
	return 0;
}
