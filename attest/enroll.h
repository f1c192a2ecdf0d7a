/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Enrolment: how a host becomes known. Proves to the verifier that AK and EK live in one TPM, and
 * brings back the host's certificate. Can be repeated: the same TPM gets the same identity, a
 * pending host learns whether it has been confirmed, an expiring certificate is renewed.
 *
 * The state directory (0700) holds host.key (P-256, PKCS#8 PEM, made once), host.pem (host
 * certificate, then its issuers) and host.json (what `struct enrolment` holds, in words), all 0600
 * and replaced atomically, host.json last.
 */
#ifndef ASSAY_ATTEST_ENROLL_H
#define ASSAY_ATTEST_ENROLL_H

#include "attest/client.h"
#include "attest/quote.h"
#include "attest/tpm.h"

struct enrolment {
	uint8_t host_id[HOST_ID_LEN];
	enum host_state state; /* PENDING: no certificate yet */
	char verifier_id[256];
	enum ek_template ek_template;
	struct tpm_ak_options ak; /* how to find the AK again */
	struct tpm_name ak_name;
	struct key *key; /* host TLS key */
	struct buf certificate_pem; /* for client_set_identity; empty while pending */
	int64_t not_before, not_after; /* of the host certificate; 0 while pending */
};
void enrolment_release(struct enrolment *enrolment);

struct enroll_options {
	const char *state_dir;
	struct bytes join_token; /* empty: none */
	struct bytes name; /* for people: text_is_name */
	struct tpm_ek_options ek;
	struct tpm_ak_options ak;
	/* Logs as of now, under the lock of the runtime log; bank 0: SHA-256. All may stay zero. */
	enum digest_alg bank;
	uint64_t runtime_first, runtime_next;
	struct bytes runtime_log, firmware_log;
	const char *ima_path;
};
/* The whole exchange, through a client that needs no identity. On success the client has the new
 * identity, unless pending. Nothing in the state directory changes before the verifier's answer,
 * but for the host key made on the first call. */
must_use bool enroll_run(struct tpm *tpm, struct client *client,
	const struct enroll_options *options, struct enrolment *ret, struct err *err);
/* What an earlier enroll_run left. ERR_NOT_FOUND when this host is not enrolled. */
must_use bool enroll_load(const char *state_dir, struct enrolment *ret, struct err *err);

#endif
