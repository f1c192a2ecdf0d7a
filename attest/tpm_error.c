/* SPDX-License-Identifier: Apache-2.0 */
/* Response codes of the TPM and of the TSS's layers, mapped once. */
#include "attest/tpm_esys.h"

#include <tss2/tss2_rc.h>

#define RC_FORMAT_ONE      0x080u
#define RC_FORMAT_ONE_MASK 0x0bfu /* without the number of the handle, session or parameter */
#define RC_CODE_MASK       0xffffu

struct fault_row {
	TSS2_RC rc;
	enum esys_fault fault;
	enum err_code code;
	const char *words; /* what the TSS's text does not say; NULL: nothing to add */
};

static const struct fault_row TPM_ROWS[] = {
	{TPM2_RC_RETRY, ESYS_PATIENCE, ERR_BUSY, NULL},
	{TPM2_RC_YIELDED, ESYS_PATIENCE, ERR_BUSY, NULL},
	{TPM2_RC_TESTING, ESYS_PATIENCE, ERR_BUSY, NULL},
	{TPM2_RC_NV_RATE, ESYS_PATIENCE, ERR_BUSY, NULL},
	{TPM2_RC_NV_UNAVAILABLE, ESYS_PATIENCE, ERR_BUSY, NULL},
	{TPM2_RC_INITIALIZE, ESYS_GONE, ERR_TPM,
		"nobody has started it (the firmware does): reboot"},
	{TPM2_RC_REBOOT, ESYS_GONE, ERR_TPM, "it wants a reboot"},
	{TPM2_RC_FAILURE, ESYS_OTHER, ERR_TPM,
		"it is in failure mode: reboot; if that does not help it is broken"},
	{TPM2_RC_LOCKOUT, ESYS_LOCKED, ERR_DENIED,
		"it refuses passwords after too many wrong ones"},
	{TPM2_RC_AUTH_FAIL, ESYS_AUTH, ERR_DENIED, "wrong owner or endorsement password"},
	{TPM2_RC_BAD_AUTH, ESYS_AUTH, ERR_DENIED, "wrong owner or endorsement password"},
	{TPM2_RC_AUTH_UNAVAILABLE, ESYS_AUTH, ERR_DENIED, NULL},
	{TPM2_RC_HANDLE, ESYS_MISSING, ERR_TPM, NULL},
	{TPM2_RC_OBJECT_MEMORY, ESYS_OTHER, ERR_BUSY,
		"another program fills its slots: use the kernel's resource manager (/dev/tpmrm0)"},
	{TPM2_RC_SESSION_MEMORY, ESYS_OTHER, ERR_BUSY,
		"another program fills its slots: use the kernel's resource manager (/dev/tpmrm0)"},
	{TPM2_RC_MEMORY, ESYS_OTHER, ERR_BUSY,
		"another program fills its slots: use the kernel's resource manager (/dev/tpmrm0)"},
	{TPM2_RC_SESSION_HANDLES, ESYS_OTHER, ERR_BUSY,
		"too many sessions are saved: restart the resource manager or reboot"},
	{TPM2_RC_NV_SPACE, ESYS_OTHER, ERR_LIMIT,
		"its persistent memory is full: remove an object, or use a transient AK"},
	{TPM2_RC_HIERARCHY, ESYS_OTHER, ERR_UNSUPPORTED,
		"the hierarchy is disabled in the firmware's settings"},
	{TPM2_RC_DISABLED, ESYS_OTHER, ERR_UNSUPPORTED,
		"it is disabled in the firmware's settings"},
	{TPM2_RC_COMMAND_CODE, ESYS_UNSUPPORTED, ERR_UNSUPPORTED, NULL},
	{TPM2_RC_ASYMMETRIC, ESYS_UNSUPPORTED, ERR_UNSUPPORTED, NULL},
	{TPM2_RC_HASH, ESYS_UNSUPPORTED, ERR_UNSUPPORTED, NULL},
	{TPM2_RC_VALUE, ESYS_UNSUPPORTED, ERR_TPM, NULL},
	{TPM2_RC_KEY_SIZE, ESYS_UNSUPPORTED, ERR_UNSUPPORTED, NULL},
	{TPM2_RC_SCHEME, ESYS_UNSUPPORTED, ERR_UNSUPPORTED, NULL},
	{TPM2_RC_SYMMETRIC, ESYS_UNSUPPORTED, ERR_UNSUPPORTED, NULL},
	{TPM2_RC_CURVE, ESYS_UNSUPPORTED, ERR_UNSUPPORTED, NULL},
	{TPM2_RC_INTEGRITY, ESYS_OTHER, ERR_MISMATCH, NULL},
	{TPM2_RC_POLICY_FAIL, ESYS_OTHER, ERR_MISMATCH, NULL},
};
static const struct fault_row TSS_ROWS[] = {
	{TSS2_TCTI_RC_IO_ERROR, ESYS_GONE, ERR_TPM, NULL},
	{TSS2_TCTI_RC_NO_CONNECTION, ESYS_GONE, ERR_TPM, NULL},
	{TSS2_TCTI_RC_MALFORMED_RESPONSE, ESYS_GONE, ERR_TPM, NULL},
	{TSS2_TCTI_RC_GENERAL_FAILURE, ESYS_GONE, ERR_TPM, NULL},
	{TSS2_TCTI_RC_BAD_SEQUENCE, ESYS_GONE, ERR_TPM, NULL},
	{TSS2_ESYS_RC_IO_ERROR, ESYS_GONE, ERR_TPM, NULL},
	{TSS2_ESYS_RC_TRY_AGAIN, ESYS_PATIENCE, ERR_BUSY, NULL},
	{TSS2_ESYS_RC_BAD_SEQUENCE, ESYS_GONE, ERR_TPM, NULL},
	{TSS2_ESYS_RC_RSP_AUTH_FAILED, ESYS_OTHER, ERR_MISMATCH,
		"the answer is not the TPM's own: something on the bus changes it"},
	{TSS2_ESYS_RC_MEMORY, ESYS_OTHER, ERR_NOMEM, NULL},
};

static const struct fault_row OTHER_ROW = {0, ESYS_OTHER, ERR_TPM, NULL};
static const struct fault_row STALE_ROW = {0, ESYS_STALE, ERR_TPM, NULL};

/* TPM_RC_REFERENCE_H0..H6 and S0..S6: a transient object or session that is not there. */
static bool is_reference(TSS2_RC code)
{
	return code >= TPM2_RC_REFERENCE_H0 && code <= TPM2_RC_REFERENCE_S0 + 6;
}

static const struct fault_row *row_of(TSS2_RC rc)
{
	TSS2_RC layer = rc & TSS2_RC_LAYER_MASK;
	TSS2_RC code = rc & RC_CODE_MASK;
	bool from_tpm = layer == TSS2_TPM_RC_LAYER || layer == TSS2_RESMGR_TPM_RC_LAYER ||
			layer == TSS2_RESMGR_RC_LAYER;
	const struct fault_row *rows = from_tpm ? TPM_ROWS : TSS_ROWS;
	size_t n = from_tpm ? ARRAY_LEN(TPM_ROWS) : ARRAY_LEN(TSS_ROWS);

	if (from_tpm && is_reference(code))
		return &STALE_ROW;
	if (from_tpm && (code & RC_FORMAT_ONE))
		code &= RC_FORMAT_ONE_MASK;
	for (size_t i = 0; i < n; i++)
		if (rows[i].rc == (from_tpm ? code : rc))
			return &rows[i];
	return &OTHER_ROW;
}

enum esys_fault esys_fault_of(TSS2_RC rc)
{
	return rc == TSS2_RC_SUCCESS ? ESYS_OTHER : row_of(rc)->fault;
}

bool esys_fail(struct esys *t, TSS2_RC rc, const char *command, struct err *err)
{
	const struct fault_row *row = row_of(rc);

	t->rc = rc;
	return err_set(err, row->code, "%s: %s%s%s (0x%x)", command, Tss2_RC_Decode(rc),
		row->words ? ": " : "", row->words ? row->words : "", rc);
}
