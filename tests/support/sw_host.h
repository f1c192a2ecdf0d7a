/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A host in software that speaks to a real verifier: endorsement and attestation key, a maker's certificate, PCRs, a runtime
 * log and instances, all in memory, over attest/client.h (TLS 1.3, evidence bound to the connection). What an honest host
 * would say can be changed in every part just before it is signed, encoded or sent: struct sw_edit. A host belongs to one
 * thread at a time; a twin is the same TPM in the hands of another thread.
 *
 *	sw_host_new(&maker, &host, &err);
 *	sw_host_connect(host, "https://127.0.0.1:8443", ca_pem, &err);
 *	sw_host_enroll(host, token, &err);			host->state, host->chain
 *	sw_instance_new(host, &workload, &instance, &err);	measured and launched, as far as the log says
 *	sw_host_attest(host, instance, &err);			instance->result; again: a renewal
 */
#ifndef ASSAY_TESTS_SUPPORT_SW_HOST_H
#define ASSAY_TESTS_SUPPORT_SW_HOST_H

#include "attest/client.h"
#include "tests/support/ek_ca.h"
#include "tests/support/tpm_sw.h"

#define SW_COMPONENTS  3
#define SW_PCR         15
#define SW_VERIFIER_ID "spiffe://bank.example/verifier"

extern const char *const sw_component_names[SW_COMPONENTS],
	*const sw_component_roles[SW_COMPONENTS];

/* What a release says of an agent: a binary, a model and settings, whose digests are made from `seed`. */
struct sw_workload {
	const char *name;
	uint8_t seed;
	uint8_t release[SHA256_LEN];
};

/* Each may be NULL. They are called in this order, each time evidence is made. */
struct sw_edit {
	void *context;
	void (*begin)(void *context, struct enroll_begin *begin);
	void (*claims)(void *context, struct claims *claims);
	void (*attest)(void *context, struct tpms_attest *attest);
	void (*message)(void *context, struct buf *message); /* TPMS_ATTEST, before it is signed */
	void (*signature)(void *context, struct buf *signature);
	void (*evidence)(void *context, struct evidence *evidence);
	void (*encoded)(void *context, struct buf *evidence);
	void (*finish)(void *context, struct enroll_finish *finish);
};

struct sw_host {
	struct tpm_sw_key *ek, *ak;
	const struct tpm_sw_key *signer; /* of quotes; the AK */
	struct cert *ek_cert; /* NULL: none is sent */
	struct key *tls_key;
	const char *name;
	bool twin; /* the keys are another's */
	/* what the TPM holds */
	struct pcr_bank pcrs;
	uint64_t clock, firmware;
	uint32_t reset_count, restart_count;
	bool safe;
	uint8_t boot_id[16];
	/* the log of this boot, and where each record begins */
	struct buf log, offsets;
	uint64_t log_next;
	struct sw_edit edit;
	/* what the verifier said */
	struct client *client;
	struct buf url, ca_pem;
	uint8_t id[HOST_ID_LEN];
	enum host_state state;
	struct buf chain; /* PEM: certificate and issuers; empty: none yet */
};

struct sw_instance {
	const struct sw_workload *workload;
	uint8_t id[INSTANCE_ID_LEN];
	struct key *key; /* a software key, or certified below */
	struct tpm_sw_key *tpm_key; /* NULL: the key is a software key */
	bool want_x509;
	const char *audience; /* NULL: no JWT */
	enum purpose purpose; /* of the next attestation */
	struct buf challenge; /* for the next one; empty: one is asked for */
	uint64_t first; /* record from which the log is sent */
	struct buf answer;
	struct attest_result result; /* borrows from answer */
};

/* A P-256 host with an honest certificate; maker NULL: without. */
must_use bool sw_host_new(const struct ek_ca *maker, struct sw_host **ret, struct err *err);
/* The same TPM for another thread, with a connection of its own. Freed before the first. */
must_use bool sw_host_twin(const struct sw_host *host, struct sw_host **ret, struct err *err);
void sw_host_free(struct sw_host **host);
/* Nothing is sent yet. Again: another connection. */
must_use bool sw_host_connect(
	struct sw_host *host, const char *url, struct bytes ca_pem, struct err *err);
/* token may be NULL. An answer is a success, whatever the state. */
must_use bool sw_host_enroll(struct sw_host *host, const char *token, struct err *err);
/* The two halves, for what happens in between; the offer borrows from *buffer. */
must_use bool sw_host_begin(struct sw_host *host, const char *token, struct buf *buffer,
	struct enroll_offer *ret, struct err *err);
must_use bool sw_host_finish(
	struct sw_host *host, const struct enroll_offer *offer, struct err *err);
/* The messages alone, appended, for who brings them over a connection of its own; and what came back. */
must_use bool sw_host_begin_message(
	struct sw_host *host, const char *token, struct buf *out, struct err *err);
must_use bool sw_host_finish_message(struct sw_host *host, const struct enroll_offer *offer,
	const uint8_t exporter[TLS_EXPORTER_LEN], struct buf *out, struct err *err);
must_use bool sw_host_enrolled(
	struct sw_host *host, const struct enroll_result *result, struct err *err);
/* Starts the TPM anew: counters, PCRs and log, as a reboot does. */
void sw_host_reboot(struct sw_host *host);
/* One record into log and PCR. */
must_use bool sw_host_log(struct sw_host *host, struct bytes content, struct err *err);

/* Records of components and launch are in the log when this returns; the first purpose is launch. */
must_use bool sw_instance_new(struct sw_host *host, const struct sw_workload *workload,
	struct sw_instance **ret, struct err *err);
void sw_instance_free(struct sw_instance **instance);
/* Asks for a challenge unless there is one. */
must_use bool sw_host_challenge(
	struct sw_host *host, struct sw_instance *instance, struct err *err);
/* Evidence, and what came of it; a trusted answer turns the instance to its next renewal. */
must_use bool sw_host_attest(struct sw_host *host, struct sw_instance *instance, struct err *err);
/* The evidence alone, for a connection with this exporter. */
must_use bool sw_host_evidence(struct sw_host *host, const struct sw_instance *instance,
	const uint8_t exporter[TLS_EXPORTER_LEN], struct buf *out, struct err *err);

#endif
