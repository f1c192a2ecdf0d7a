/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A real software TPM for tests: swtpm with EK certificates (RSA-2048 at 0x1c00002, ECC P-384 at
 * 0x1c00016) from swtpm_setup and a local CA of its own, all in one private temporary directory.
 * Its processes end with the test.
 */
#ifndef ASSAY_TESTS_SUPPORT_SWTPM_H
#define ASSAY_TESTS_SUPPORT_SWTPM_H

#include "base/bytes.h"

#include <sys/types.h>

struct swtpm_options {
	const char *ca_dir; /* CA of another swtpm (swtpm_ca_dir): both are of one manufacturer;
			       NULL: a CA of its own */
	const char *banks; /* "sha1,sha256" when NULL */
	bool without_certificates; /* neither EK nor certificate: what many a cloud shows */
	bool clear_state_only; /* swtpm_setup is not run at all: an empty TPM, started in a tenth of
				  the time */
};

struct swtpm {
	pid_t pid; /* 0: not running */
	char directory[64];
	char ca_dir[128];
	char tcti[160]; /* "swtpm:path=…" */
	char socket[128];
};

/* False when swtpm or its tools are not installed: skip() by name. */
bool swtpm_available(void);
/* Makes the state and starts it. options may be NULL. */
must_use bool swtpm_start(const struct swtpm_options *options, struct swtpm *ret, struct err *err);
/* TPM2_Shutdown(CLEAR), power off, power on: PCRs zero, resetCount one higher. */
must_use bool swtpm_power_cycle(struct swtpm *swtpm, struct err *err);
/* Orderly off and on, apart. */
must_use bool swtpm_power_off(struct swtpm *swtpm, struct err *err);
must_use bool swtpm_power_on(struct swtpm *swtpm, struct err *err);
/* Off without TPM2_Shutdown. */
void swtpm_power_cut(struct swtpm *swtpm);
/* One raw command, to do to the TPM what no library of ours would. */
must_use bool swtpm_command(
	const struct swtpm *swtpm, struct bytes command, struct buf *ret_response, struct err *err);
/* PEM of the CA certificates: root, then issuer. */
must_use bool swtpm_ca_certificates(
	const struct swtpm *swtpm, struct buf *ret_root, struct buf *ret_issuer, struct err *err);
/* Stops it and removes the directory (a shared CA's only with its owner). Safe on a zeroed struct,
 * and twice. */
void swtpm_stop(struct swtpm *swtpm);

#endif
