/* SPDX-License-Identifier: Apache-2.0 */
/* The host's evidence: runtime log, quote, claims. */
#include <stdlib.h>

#include "tests/support/sw_host_private.h"

#define LOG_TIME 1770000000

const char *const sw_component_names[SW_COMPONENTS] = {"binary", "model", "settings"};
const char *const sw_component_roles[SW_COMPONENTS] = {"binary", "model", "config"};

/* ---- the runtime log ---- */

bool sw_host_log(struct sw_host *host, struct bytes content, struct err *err)
{
	const enum digest_alg banks[] = {DIGEST_SHA256};
	struct digest digest;
	size_t offset = host->log.len;
	buf_put(&host->offsets, bytes_of(&offset, sizeof(offset)));
	return buf_ok(&host->offsets, err) &&
	       runtime_record_put(
		       &host->log, host->log_next++, SW_PCR, banks, 1, content, &digest, err) &&
	       pcr_extend(DIGEST_SHA256, host->pcrs.values[SW_PCR], digest.bytes, err);
}

static struct bytes log_from(const struct sw_host *host, uint64_t first)
{
	size_t offset = host->log.len;
	if (first < host->log_next)
		memcpy(&offset, host->offsets.data + first * sizeof(offset), sizeof(offset));
	return host->log.len == 0 ? (struct bytes){0}
				  : bytes_of(host->log.data + offset, host->log.len - offset);
}

static bool log_baseline(struct sw_host *host, struct err *err)
{
	static const uint8_t zeros[SHA256_LEN];
	OWNED(buf_release) struct buf content = {0};
	struct runtime_baseline baseline = {.reset_count = host->reset_count,
		.restart_count = host->restart_count,
		.bank = TPM_ALG_SHA256,
		.pcr_before = BYTES_OF(zeros)};
	memcpy(baseline.boot_id, host->boot_id, sizeof(baseline.boot_id));
	return runtime_baseline_encode(&baseline, LOG_TIME, &content, err) &&
	       sw_host_log(host, buf_bytes(&content), err);
}

static bool log_component(struct sw_host *host, const struct sw_instance *instance, unsigned i,
	uint8_t digest[SHA256_LEN], struct err *err)
{
	OWNED(buf_release) struct buf content = {0};
	struct runtime_component c = {
		.name = bytes_str(sw_component_names[i]),
		.role = bytes_str(sw_component_roles[i]),
		.path = BYTES_LIT("/opt/agent"),
		.canonical_path = BYTES_LIT("/opt/agent"),
		.digest_kind = COMPONENT_SHA256,
		.size = 100,
		.files = 1,
		.presence = PRESENT_COPY,
	};
	memcpy(c.instance, instance->id, sizeof(c.instance));
	memset(c.digest, instance->workload->seed + (int)i, sizeof(c.digest));
	return runtime_component_encode(&c, LOG_TIME, &content, err) &&
	       sha256_of(buf_bytes(&content), digest, err) &&
	       sw_host_log(host, buf_bytes(&content), err);
}

static bool log_launch(struct sw_host *host, const struct sw_instance *instance, struct err *err)
{
	OWNED(buf_release) struct buf content = {0};
	OWNED(free_ptr) struct runtime_launch *launch = calloc(1, sizeof(*launch));
	if (!launch)
		return err_set(err, ERR_NOMEM, "launch");
	memcpy(launch->instance, instance->id, sizeof(launch->instance));
	memcpy(launch->release, instance->workload->release, sizeof(launch->release));
	memset(launch->spec, instance->workload->seed, sizeof(launch->spec));
	launch->workload = bytes_str(instance->workload->name);
	launch->working_directory = BYTES_LIT("/");
	for (unsigned i = 0; i < SW_COMPONENTS; i++)
		if (!log_component(
			    host, instance, i, launch->components[launch->component_count++], err))
			return false;
	return runtime_launch_encode(launch, LOG_TIME, &content, err) &&
	       sw_host_log(host, buf_bytes(&content), err);
}

/* ---- instances ---- */

bool sw_instance_new(struct sw_host *host, const struct sw_workload *workload,
	struct sw_instance **ret, struct err *err)
{
	OWNED(sw_instance_free) struct sw_instance *instance = calloc(1, sizeof(*instance));
	if (!instance)
		return err_set(err, ERR_NOMEM, "instance");
	instance->workload = workload;
	instance->purpose = PURPOSE_LAUNCH;
	instance->want_x509 = true;
	if (!random_fill(&random_system, instance->id, sizeof(instance->id), err) ||
		!key_generate(KEY_EC_P256, &instance->key, err) ||
		(host->log_next == 0 && !log_baseline(host, err)) ||
		!log_launch(host, instance, err))
		return err_wrap(err, "software instance");
	*ret = TAKE(instance);
	return true;
}

void sw_instance_free(struct sw_instance **instance)
{
	if (!*instance)
		return;
	key_unref(&(*instance)->key);
	tpm_sw_key_free(&(*instance)->tpm_key);
	buf_release(&(*instance)->challenge);
	buf_release(&(*instance)->answer);
	free(*instance);
	*instance = NULL;
}

/* ---- evidence ---- */

struct parts {
	struct buf claims, message, signature, possession, certify_message, certify_signature;
};

static void parts_release(struct parts *p)
{
	buf_release(&p->claims);
	buf_release(&p->message);
	buf_release(&p->signature);
	buf_release(&p->possession);
	buf_release(&p->certify_message);
	buf_release(&p->certify_signature);
}

static bool quote(struct sw_host *host, struct bytes nonce, struct parts *p, struct err *err)
{
	struct tpml_pcr_selection selection;
	struct tpms_attest a = tpm_sw_attest(host->ak, TPM_ST_ATTEST_QUOTE, nonce);
	struct digest digest;
	if (!evidence_selection(DIGEST_SHA256, &selection, err) ||
		!tpm_sw_pcr_digest(host->ak, &selection, &host->pcrs, &digest, err))
		return false;
	a.clock = host->clock += 5;
	a.reset_count = host->reset_count;
	a.restart_count = host->restart_count;
	a.safe = host->safe;
	a.firmware_version = host->firmware;
	a.quote_selection = selection;
	a.quote_pcr_digest = digest_bytes(&digest);
	if (host->edit.attest)
		host->edit.attest(host->edit.context, &a);
	tpms_attest_put(&p->message, &a);
	if (host->edit.message)
		host->edit.message(host->edit.context, &p->message);
	if (!tpm_sw_sign(host->signer, buf_bytes(&p->message), &p->signature, err))
		return false;
	if (host->edit.signature)
		host->edit.signature(host->edit.context, &p->signature);
	return true;
}

static bool claims_complete(const struct sw_host *host, struct claims *claims,
	struct bytes challenge, struct bytes log, struct err *err)
{
	memcpy(claims->boot_id, host->boot_id, sizeof(claims->boot_id));
	claims->runtime_length = log.len;
	return sha256_of(challenge, claims->nonce, err) &&
	       sha256_of(log, claims->runtime_digest, err);
}

bool sw_evidence_put(struct sw_host *host, struct claims *claims, struct bytes challenge,
	struct bytes log, struct key *key, const struct tpm_sw_key *tpm_key, struct buf *out,
	struct err *err)
{
	OWNED(parts_release) struct parts p = {0};
	uint8_t nonce[SHA256_LEN];
	if (!claims_complete(host, claims, challenge, log, err))
		return false;
	if (host->edit.claims)
		host->edit.claims(host->edit.context, claims);
	if (!claims_encode(claims, &p.claims, err) ||
		!sha256_of(buf_bytes(&p.claims), nonce, err) ||
		!quote(host, BYTES_OF(nonce), &p, err) ||
		!key_sign(key, SIGN_ECDSA, DIGEST_SHA256, buf_bytes(&p.claims), &p.possession, err))
		return false;
	struct evidence e = {.claims = buf_bytes(&p.claims),
		.message = buf_bytes(&p.message),
		.signature = buf_bytes(&p.signature),
		.pcrs = host->pcrs,
		.runtime_log = log,
		.challenge = challenge,
		.possession = buf_bytes(&p.possession)};
	if (tpm_key) {
		if (!tpm_sw_certify(host->ak, tpm_key, BYTES_OF(nonce), &p.certify_message,
			    &p.certify_signature, err))
			return false;
		e.key_certification = (struct key_certification){buf_bytes(&tpm_key->public_area),
			buf_bytes(&p.certify_message), buf_bytes(&p.certify_signature)};
	}
	if (host->edit.evidence)
		host->edit.evidence(host->edit.context, &e);
	if (!evidence_encode(&e, out, err))
		return false;
	if (host->edit.encoded)
		host->edit.encoded(host->edit.context, out);
	return true;
}

bool sw_host_evidence(struct sw_host *host, const struct sw_instance *instance,
	const uint8_t exporter[TLS_EXPORTER_LEN], struct buf *out, struct err *err)
{
	struct key *key = instance->tpm_key ? instance->tpm_key->key : instance->key;
	struct claims claims = {
		.verifier_id = BYTES_LIT(SW_VERIFIER_ID),
		.purpose = instance->purpose,
		.workload = bytes_str(instance->workload->name),
		.key = key_spki(key),
		.key_protection = instance->tpm_key ? KEY_TPM : KEY_SOFTWARE,
		.runtime_first = instance->first,
		.runtime_next = host->log_next,
		.want_x509 = instance->want_x509,
		.running = instance->purpose == PURPOSE_RENEW,
	};
	memcpy(claims.host_id, host->id, sizeof(claims.host_id));
	memcpy(claims.instance, instance->id, sizeof(claims.instance));
	memcpy(claims.release, instance->workload->release, sizeof(claims.release));
	memcpy(claims.exporter, exporter, sizeof(claims.exporter));
	if (instance->audience)
		claims.audiences[claims.audience_count++] = bytes_str(instance->audience);
	return sw_evidence_put(host, &claims, buf_bytes(&instance->challenge),
		log_from(host, instance->first), key, instance->tpm_key, out, err);
}

/* ---- sent ---- */

bool sw_host_challenge(struct sw_host *host, struct sw_instance *instance, struct err *err)
{
	OWNED(buf_release) struct buf buffer = {0};
	struct challenge_request request = {.purpose = instance->purpose};
	struct challenge_offer offer;
	memcpy(request.instance, instance->id, sizeof(request.instance));
	if (!client_challenge(host->client, &request, &buffer, &offer, err))
		return false;
	buf_clear(&instance->challenge);
	buf_put(&instance->challenge, offer.challenge);
	instance->first = offer.runtime_first;
	return buf_ok(&instance->challenge, err);
}

struct attesting {
	struct sw_host *host;
	const struct sw_instance *instance;
};

static bool build_evidence(
	void *context, const uint8_t exporter[TLS_EXPORTER_LEN], struct buf *out, struct err *err)
{
	struct attesting *a = context;
	return sw_host_evidence(a->host, a->instance, exporter, out, err);
}

bool sw_host_attest(struct sw_host *host, struct sw_instance *instance, struct err *err)
{
	struct attesting attesting = {host, instance};
	if (instance->challenge.len == 0 && !sw_host_challenge(host, instance, err))
		return false;
	buf_clear(&instance->answer);
	if (!client_attest(host->client, build_evidence, &attesting, &instance->answer,
		    &instance->result, err))
		return false;
	buf_clear(&instance->challenge);
	if (!instance->result.trusted)
		return true;
	instance->purpose = PURPOSE_RENEW;
	buf_put(&instance->challenge, instance->result.next.challenge);
	instance->first = instance->result.next.runtime_first;
	return buf_ok(&instance->challenge, err);
}
