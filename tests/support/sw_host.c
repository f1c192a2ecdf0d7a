/* SPDX-License-Identifier: Apache-2.0 */
/* The host: keys, boots, enrolment. Evidence is made in sw_host_evidence.c. */
#include "tests/support/sw_host.h"

#include <stdlib.h>

#include "tests/support/sw_host_private.h"

static void boot_clear(struct sw_host *host)
{
	host->pcrs = (struct pcr_bank){.alg = DIGEST_SHA256, .present = 0xffff};
	for (unsigned i = 0; i < SW_PCR; i++)
		memset(host->pcrs.values[i], (int)(i + 1), SHA256_LEN);
	buf_clear(&host->log);
	buf_clear(&host->offsets);
	host->log_next = 0;
}

static bool host_keys(struct sw_host *host, const struct ek_ca *maker, struct err *err)
{
	if (!tpm_sw_ek_new(EK_TEMPLATE_L2, &host->ek, err) ||
		!tpm_sw_ak_new(TPM_SW_ECDSA_P256, 0, &host->ak, err) ||
		!key_generate(KEY_EC_P256, &host->tls_key, err) ||
		!random_fill(&random_system, host->boot_id, sizeof(host->boot_id), err) ||
		!sha256_of(tpm_name_bytes(&host->ek->name), host->id, err))
		return false;
	host->signer = host->ak;
	if (!maker)
		return true;
	struct ek_ca_options options = ek_ca_honest(host->ek->key);
	return ek_ca_issue(maker, &options, &host->ek_cert, err);
}

bool sw_host_new(const struct ek_ca *maker, struct sw_host **ret, struct err *err)
{
	OWNED(sw_host_free) struct sw_host *host = calloc(1, sizeof(*host));
	if (!host)
		return err_set(err, ERR_NOMEM, "host");
	host->name = "soft-host";
	host->clock = 1000000;
	host->reset_count = 1;
	host->safe = true;
	host->firmware = TPM_SW_FIRMWARE;
	boot_clear(host);
	if (!host_keys(host, maker, err))
		return err_wrap(err, "software host");
	*ret = TAKE(host);
	return true;
}

bool sw_host_twin(const struct sw_host *host, struct sw_host **ret, struct err *err)
{
	OWNED(sw_host_free) struct sw_host *twin = calloc(1, sizeof(*twin));
	if (!twin)
		return err_set(err, ERR_NOMEM, "host");
	*twin = *host;
	twin->twin = true;
	twin->client = NULL;
	twin->log = twin->offsets = twin->url = twin->ca_pem = twin->chain = (struct buf){0};
	twin->ek_cert = host->ek_cert ? cert_ref(host->ek_cert) : NULL;
	twin->tls_key = key_ref(host->tls_key);
	buf_put(&twin->log, buf_bytes(&host->log));
	buf_put(&twin->offsets, buf_bytes(&host->offsets));
	buf_put(&twin->chain, buf_bytes(&host->chain));
	OWNED(buf_release) struct buf url = {0};
	buf_put(&url, buf_bytes(&host->url));
	if (!buf_ok(&twin->log, err) || !buf_ok(&twin->chain, err) || !buf_str(&url) ||
		!sw_host_connect(twin, buf_str(&url), buf_bytes(&host->ca_pem), err))
		return false;
	*ret = TAKE(twin);
	return true;
}

void sw_host_free(struct sw_host **host)
{
	struct sw_host *h = *host;
	if (!h)
		return;
	if (!h->twin) {
		tpm_sw_key_free(&h->ek);
		tpm_sw_key_free(&h->ak);
	}
	client_free(&h->client);
	cert_unref(&h->ek_cert);
	key_unref(&h->tls_key);
	buf_release(&h->log);
	buf_release(&h->offsets);
	buf_release(&h->url);
	buf_release(&h->ca_pem);
	buf_release(&h->chain);
	free(h);
	*host = NULL;
}

void sw_host_reboot(struct sw_host *host)
{
	boot_clear(host);
	host->reset_count++;
	host->restart_count = 0;
	host->clock += 60000;
	host->boot_id[0]++;
}

bool sw_host_connect(struct sw_host *host, const char *url, struct bytes ca_pem, struct err *err)
{
	struct client_options options = {.ca = ca_pem, .timeout_ms = 20000};
	struct client *client = NULL;
	if (!buf_str(&host->url) || strcmp(buf_str(&host->url), url) != 0) {
		buf_clear(&host->url);
		buf_put_str(&host->url, url);
	}
	if (host->ca_pem.data != ca_pem.data) {
		buf_clear(&host->ca_pem);
		buf_put(&host->ca_pem, ca_pem);
	}
	options.url = buf_str(&host->url);
	options.certificate = buf_bytes(&host->chain);
	options.key = host->tls_key;
	if (!buf_ok(&host->url, err) || !buf_ok(&host->ca_pem, err) ||
		!client_new(&options, &client, err))
		return false;
	client_free(&host->client);
	host->client = client;
	return true;
}

/* ---- enrolment ---- */

static struct enroll_begin begin_of(struct sw_host *host, const char *token)
{
	struct enroll_begin begin = {
		.ek_public = buf_bytes(&host->ek->public_area),
		.ak_public = buf_bytes(&host->ak->public_area),
		.join_token = bytes_str(token),
		.name = bytes_str(host->name),
	};
	if (host->ek_cert)
		begin.ek_certs[begin.ek_cert_count++] = cert_der(host->ek_cert);
	if (host->edit.begin)
		host->edit.begin(host->edit.context, &begin);
	return begin;
}

bool sw_host_begin(struct sw_host *host, const char *token, struct buf *buffer,
	struct enroll_offer *ret, struct err *err)
{
	struct enroll_begin begin = begin_of(host, token);
	return client_enroll_begin(host->client, &begin, buffer, ret, err);
}

bool sw_host_begin_message(
	struct sw_host *host, const char *token, struct buf *out, struct err *err)
{
	struct enroll_begin begin = begin_of(host, token);
	return enroll_begin_encode(&begin, out, err);
}

bool sw_host_finish_message(struct sw_host *host, const struct enroll_offer *offer,
	const uint8_t exporter[TLS_EXPORTER_LEN], struct buf *out, struct err *err)
{
	OWNED(buf_release) struct buf secret = {0}, evidence = {0};
	struct claims claims = {
		.purpose = PURPOSE_ENROLL,
		.verifier_id = offer->verifier_id,
		.key = key_spki(host->tls_key),
		.key_protection = KEY_SOFTWARE,
	};
	memcpy(claims.host_id, offer->host_id, sizeof(claims.host_id));
	memcpy(claims.exporter, exporter, sizeof(claims.exporter));
	if (!tpm_sw_activate_credential(host->ek, &host->ak->name, offer->id_object,
		    offer->encrypted_secret, &secret, err) ||
		!sw_evidence_put(host, &claims, offer->session, (struct bytes){0}, host->tls_key,
			NULL, &evidence, err))
		return false;
	struct enroll_finish finish = {.session = offer->session,
		.secret = buf_bytes(&secret),
		.evidence = buf_bytes(&evidence)};
	if (host->edit.finish)
		host->edit.finish(host->edit.context, &finish);
	return enroll_finish_encode(&finish, out, err);
}

struct finishing {
	struct sw_host *host;
	const struct enroll_offer *offer;
};

static bool build_finish(
	void *context, const uint8_t exporter[TLS_EXPORTER_LEN], struct buf *out, struct err *err)
{
	struct finishing *f = context;
	return sw_host_finish_message(f->host, f->offer, exporter, out, err);
}

bool sw_host_enrolled(struct sw_host *host, const struct enroll_result *result, struct err *err)
{
	host->state = result->state;
	memcpy(host->id, result->host_id, sizeof(host->id));
	buf_clear(&host->chain);
	for (size_t i = 0; i < result->cert_count; i++) {
		OWNED(cert_unref) struct cert *cert = NULL;
		if (!cert_from_der(result->certs[i], false, &cert, err) ||
			!cert_pem(cert, &host->chain, err))
			return err_wrap(err, "host certificate");
	}
	return host->chain.len == 0 || !host->client ||
	       client_set_identity(host->client, buf_bytes(&host->chain), host->tls_key, err);
}

bool sw_host_finish(struct sw_host *host, const struct enroll_offer *offer, struct err *err)
{
	OWNED(buf_release) struct buf buffer = {0};
	struct finishing finishing = {host, offer};
	struct enroll_result result;
	if (!client_enroll_finish(host->client, build_finish, &finishing, &buffer, &result, err))
		return false;
	return sw_host_enrolled(host, &result, err);
}

bool sw_host_enroll(struct sw_host *host, const char *token, struct err *err)
{
	OWNED(buf_release) struct buf buffer = {0};
	struct enroll_offer offer;
	return sw_host_begin(host, token, &buffer, &offer, err) &&
	       sw_host_finish(host, &offer, err);
}
