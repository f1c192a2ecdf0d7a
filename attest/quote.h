/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Evidence: a quote over claims, the logs, the proof that the key in the claims is held. Whoever
 * owns the runtime log holds its lock from the moment it fills the log's fields until
 * quote_evidence has returned, so that the quoted PCR and the log sent are the same.
 */
#ifndef ASSAY_ATTEST_QUOTE_H
#define ASSAY_ATTEST_QUOTE_H

#include "attest/tpm.h"
#include "evidence/evidence.h"

#define QUOTE_IMA_PATH      "/sys/kernel/security/ima/binary_runtime_measurements"
#define QUOTE_FIRMWARE_PATH "/sys/kernel/security/tpm0/binary_bios_measurements"
#define QUOTE_SYSTEMD_PATH  "/run/log/systemd/tpm2-measure.log"

struct quote_request {
	/* The caller fills: verifier_id, purpose, host_id, instance, workload, release,
	 * key_protection, runtime_first, runtime_next, ima_start, boot_id, want_x509, audiences,
	 * running. Filled in here: nonce, exporter, key, digests and lengths of the logs. */
	struct claims claims;
	struct bytes challenge; /* the token */
	enum digest_alg bank;
	struct bytes runtime_log; /* records runtime_first .. runtime_next - 1 */
	struct bytes firmware_log, systemd_log; /* empty: not sent */
	const char *
		ima_path; /* read after the quote, from entry claims.ima_start on; NULL: not sent */
	struct key *key; /* KEY_SOFTWARE: private */
	const struct tpm_key *tpm_key; /* KEY_TPM: made by tpm_key_new; certified by the AK over the
					  same claims */
};
/* Quotes with the AK of tpm_ak and encodes the evidence message, appended to out. */
must_use bool quote_evidence(struct tpm *tpm, const struct quote_request *request,
	const uint8_t exporter[TLS_EXPORTER_LEN], struct buf *out, struct err *err);

/* SPKI of a key in the TPM, for the claims and for comparing. */
must_use bool quote_tpm_key_spki(
	const struct tpm_key *tpm_key, struct buf *ret_spki, struct err *err);
/* Entries from number `start` on of an IMA log in the kernel's binary form, at most max bytes of
 * whole entries. An absent file gives nothing: this kernel has no IMA. */
must_use bool quote_ima_read(
	const char *path, uint64_t start, size_t max, struct buf *ret, struct err *err);
/* The kernel's boot id, /proc/sys/kernel/random/boot_id. */
must_use bool quote_boot_id(uint8_t out[16], struct err *err);

#endif
