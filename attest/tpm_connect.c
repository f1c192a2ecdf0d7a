/* SPDX-License-Identifier: Apache-2.0 */
/* Connecting: the TCTI by its text, stale objects flushed where nobody else does, a reset noticed.
 */
#include "attest/tpm_esys.h"

#include <errno.h>
#include <time.h>
#include <tss2/tss2_rc.h>
#include <tss2/tss2_tctildr.h>
#include <unistd.h>

#define DEVICE_PREFIX "device:"

/* The TSS says no more than "IO failure" for a device that is absent or forbidden. */
static bool check_device(const char *tcti, struct err *err)
{
	const char *path = tcti + sizeof(DEVICE_PREFIX) - 1;

	if (strncmp(tcti, DEVICE_PREFIX, sizeof(DEVICE_PREFIX) - 1) != 0 || !*path)
		return true;
	if (access(path, R_OK | W_OK) == 0)
		return true;
	if (errno == ENOENT)
		return err_set(err, ERR_NOT_FOUND,
			"%s: there is no such device: enable the TPM in the firmware's settings, "
			"or name another one",
			path);
	if (errno == EACCES || errno == EPERM)
		return err_set(err, ERR_DENIED,
			"%s: may not be opened: run as root, or as a member of group tss", path);
	return err_errno(err, errno, "%s", path);
}

static bool connect_tctildr(const struct esys_source *source, const char *tcti,
	TSS2_TCTI_CONTEXT **ret, struct err *err)
{
	TSS2_RC rc;

	(void)source;
	if (!check_device(tcti, err))
		return false;
	rc = Tss2_TctiLdr_Initialize(tcti, ret);
	if (rc == TSS2_RC_SUCCESS)
		return true;
	if (esys_fault_of(rc) == ESYS_GONE)
		return err_set(
			err, ERR_TPM, "the TPM is gone: \"%s\": %s", tcti, Tss2_RC_Decode(rc));
	return err_set(err, ERR_USAGE, "TCTI \"%s\": %s", tcti, Tss2_RC_Decode(rc));
}

static void disconnect_tctildr(const struct esys_source *source, TSS2_TCTI_CONTEXT **tcti)
{
	(void)source;
	Tss2_TctiLdr_Finalize(tcti);
}

static void pause_sleeping(const struct esys_source *source, unsigned ms)
{
	(void)source;
	nanosleep(&(struct timespec){ms / 1000, (long)(ms % 1000) * 1000000L}, NULL);
}

const struct esys_source esys_source_tctildr = {
	connect_tctildr, disconnect_tctildr, pause_sleeping};

/* Transient objects, then loaded and saved sessions: the ranges of handles that a TPM without
 * resource manager runs out of. Whoever left them is dead, as only one program can use such a TPM.
 */
static bool flush_stale(struct esys *t, struct err *err)
{
	static const struct {
		uint32_t first, last;
	} ranges[] = {
		{TPM2_TRANSIENT_FIRST, TPM2_TRANSIENT_LAST},
		{TPM2_LOADED_SESSION_FIRST, TPM2_LOADED_SESSION_LAST},
		{TPM2_ACTIVE_SESSION_FIRST, TPM2_ACTIVE_SESSION_LAST},
	};
	uint32_t handles[ESYS_HANDLES_MAX];

	for (size_t r = 0; r < ARRAY_LEN(ranges); r++) {
		size_t n = 0;
		if (!esys_handles(t, ranges[r].first, ranges[r].last, handles, ARRAY_LEN(handles),
			    &n, err))
			return false;
		for (size_t i = 0; i < n; i++) {
			ESYS_TR tr;
			TSS2_RC rc = Esys_TR_FromTPMPublic(t->context, handles[i], ESYS_TR_NONE,
				ESYS_TR_NONE, ESYS_TR_NONE, &tr);
			if (rc == TSS2_RC_SUCCESS)
				rc = Esys_FlushContext(t->context, tr);
			if (rc != TSS2_RC_SUCCESS)
				return esys_fail(t, rc, "TPM2_FlushContext", err);
		}
	}
	return true;
}

static bool set_passwords(struct esys *t, struct err *err)
{
	TSS2_RC rc = Esys_TR_SetAuth(t->context, ESYS_TR_RH_OWNER, &t->owner_auth);

	if (rc == TSS2_RC_SUCCESS)
		rc = Esys_TR_SetAuth(t->context, ESYS_TR_RH_ENDORSEMENT, &t->endorsement_auth);
	return rc == TSS2_RC_SUCCESS || esys_fail(t, rc, "passwords", err);
}

bool esys_check_counters(struct esys *t, struct err *err)
{
	OWNED(esys_memory_release) TPMS_TIME_INFO *info = NULL;
	uint32_t reset = t->reset_count, restart = t->restart_count;
	bool known = t->counted;
	TSS2_RC rc = Esys_ReadClock(t->context, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &info);

	if (rc != TSS2_RC_SUCCESS)
		return esys_fail(t, rc, "TPM2_ReadClock", err);
	t->counted = true;
	t->reset_count = info->clockInfo.resetCount;
	t->restart_count = info->clockInfo.restartCount;
	if (!known || (reset == t->reset_count && restart == t->restart_count))
		return true;
	return err_set(err, ERR_TPM,
		"the TPM was reset under us: resetCount %u, restartCount %u were %u, %u; its PCRs "
		"no longer hold what was extended",
		t->reset_count, t->restart_count, reset, restart);
}

static bool connect_context(struct esys *t, struct err *err)
{
	TSS2_RC rc;

	if (!t->source->connect(t->source, t->tcti_text, &t->tcti, err))
		return false;
	rc = Esys_Initialize(&t->context, t->tcti, NULL);
	if (rc != TSS2_RC_SUCCESS)
		return esys_fail(t, rc, "connecting", err);
	if (!set_passwords(t, err))
		return false;
	return t->resource_manager || flush_stale(t, err);
}

bool esys_connect(struct esys *t, struct err *err)
{
	if (t->context)
		return true;
	if (!connect_context(t, err)) {
		esys_disconnect(t);
		return false;
	}
	/* A reset is told once; the connection is good. */
	return esys_check_counters(t, err);
}

void esys_disconnect(struct esys *t)
{
	t->session = ESYS_TR_NONE;
	t->ak.object = ESYS_TR_NONE;
	if (t->context)
		Esys_Finalize(&t->context);
	if (t->tcti)
		t->source->disconnect(t->source, &t->tcti);
	t->context = NULL;
	t->tcti = NULL;
}
