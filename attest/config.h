/* SPDX-License-Identifier: Apache-2.0 */
/* hostd.yaml: what assay-hostd is told (docs/hostd.md lists every key). Strict: unknown keys are refused with their line. */
#ifndef ASSAY_ATTEST_CONFIG_H
#define ASSAY_ATTEST_CONFIG_H

#include "attest/tpm.h"
#include "base/log.h"

#define CONFIG_EK_FILES_MAX 8u
#define CONFIG_COPY_DEFAULT 256u /* MiB of one launch that are copied rather than only measured */
#define CONFIG_COPY_MAX     65536u
#define CONFIG_THREADS_MAX  64u

struct hostd_config {
	char *verifier; /* https URL */
	char *proxy; /* NULL: none */
	char *state_dir, *run_dir, *workloads_dir, *socket;
	char *socket_group; /* NULL: none; its members may connect */
	char *tcti; /* NULL: the kernel's device */
	char *firmware_log, *ima_log, *systemd_log; /* NULL: not sent */
	struct buf ca; /* PEM */
	struct buf ek_certificates; /* content of the files, empty: from NV */
	uint8_t owner_auth[TPM_AUTH_MAX], endorsement_auth[TPM_AUTH_MAX];
	size_t owner_auth_len, endorsement_auth_len;
	enum ek_template ek_template;
	struct tpm_ak_options ak;
	uint32_t pcr;
	enum digest_alg bank;
	bool tpm_keys; /* instances' keys are made in the TPM */
	uint64_t copy_limit; /* bytes */
	unsigned hash_threads; /* 0: one per core */
	enum log_level log_level;
	bool log_json;
};

/* Relative paths are relative to the file's directory. Password files: at most TPM_AUTH_MAX bytes without a trailing newline,
 * and readable for nobody but their owner. */
must_use bool hostd_config_load(const char *path, struct hostd_config *ret, struct err *err);
void hostd_config_release(struct hostd_config *config); /* wipes the passwords */

#endif
