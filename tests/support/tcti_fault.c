/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/tcti_fault.h"

#define HEADER_LEN   10u
#define RESPONSE_MAX 4096u

static struct tcti_fault *of(TSS2_TCTI_CONTEXT *context)
{
	return (struct tcti_fault *)(void *)context;
}

static uint32_t be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static TSS2_RC run_before(const struct tcti_fault *fault)
{
	uint8_t response[RESPONSE_MAX];
	size_t len = sizeof(response);
	TSS2_RC rc = Tss2_Tcti_Transmit(fault->inner, fault->before.len, fault->before.data);

	return rc ? rc : Tss2_Tcti_Receive(fault->inner, &len, response, TSS2_TCTI_TIMEOUT_BLOCK);
}

/* The same command about another handle. */
static TSS2_RC redirect(const struct tcti_fault *fault, size_t size, const uint8_t *command)
{
	uint8_t changed[RESPONSE_MAX];

	if (size < HEADER_LEN + 4 || size > sizeof(changed))
		return TSS2_TCTI_RC_BAD_VALUE;
	memcpy(changed, command, size);
	for (unsigned i = 0; i < 4; i++)
		changed[HEADER_LEN + i] = (uint8_t)(fault->handle >> (24 - 8 * i));
	return Tss2_Tcti_Transmit(fault->inner, size, changed);
}

static TSS2_RC transmit(TSS2_TCTI_CONTEXT *context, size_t size, const uint8_t *command)
{
	struct tcti_fault *fault = of(context);
	bool meant = size >= HEADER_LEN && (!fault->command || be32(command + 6) == fault->command);

	fault->seen += meant;
	if (meant && fault->skip > 0) {
		fault->skip--;
	} else if (meant && fault->times > 0) {
		fault->times--;
		if (fault->broken)
			return TSS2_TCTI_RC_IO_ERROR;
		fault->answer_pending = fault->response != 0 || fault->answer.len > 0;
		if (fault->answer_pending)
			return TSS2_RC_SUCCESS;
		if (fault->before.len > 0 && run_before(fault) != TSS2_RC_SUCCESS)
			return TSS2_TCTI_RC_IO_ERROR;
		if (fault->handle != 0)
			return redirect(fault, size, command);
	}
	return Tss2_Tcti_Transmit(fault->inner, size, command);
}

static TSS2_RC receive(TSS2_TCTI_CONTEXT *context, size_t *size, uint8_t *response, int32_t timeout)
{
	struct tcti_fault *fault = of(context);
	uint8_t answer[HEADER_LEN] = {0x80, 0x01, 0, 0, 0, HEADER_LEN};

	if (!fault->answer_pending)
		return Tss2_Tcti_Receive(fault->inner, size, response, timeout);
	if (fault->answer.len > 0) {
		if (response) {
			memcpy(response, fault->answer.data, fault->answer.len);
			fault->answer_pending = false;
		}
		*size = fault->answer.len;
		return TSS2_RC_SUCCESS;
	}
	if (response) {
		for (unsigned i = 0; i < 4; i++)
			answer[6 + i] = (uint8_t)(fault->response >> (24 - 8 * i));
		memcpy(response, answer, sizeof(answer));
		fault->answer_pending = false;
	}
	*size = HEADER_LEN;
	return TSS2_RC_SUCCESS;
}

static void finalize(TSS2_TCTI_CONTEXT *context)
{
	(void)context;
}

static TSS2_RC cancel(TSS2_TCTI_CONTEXT *context)
{
	(void)context;
	return TSS2_TCTI_RC_NOT_IMPLEMENTED;
}

static TSS2_RC poll_handles(
	TSS2_TCTI_CONTEXT *context, TSS2_TCTI_POLL_HANDLE *handles, size_t *count)
{
	(void)context;
	(void)handles;
	(void)count;
	return TSS2_TCTI_RC_NOT_IMPLEMENTED;
}

static TSS2_RC locality(TSS2_TCTI_CONTEXT *context, uint8_t level)
{
	(void)context;
	(void)level;
	return TSS2_TCTI_RC_NOT_IMPLEMENTED;
}

void tcti_fault_init(struct tcti_fault *fault, TSS2_TCTI_CONTEXT *inner)
{
	memset(fault, 0, sizeof(*fault));
	fault->inner = inner;
	fault->common = (TSS2_TCTI_CONTEXT_COMMON_V1){.magic = 0x4153534159464c54ull,
		.version = 1,
		.transmit = transmit,
		.receive = receive,
		.finalize = finalize,
		.cancel = cancel,
		.getPollHandles = poll_handles,
		.setLocality = locality};
}
