/* SPDX-License-Identifier: Apache-2.0 */
/* Evidence of an instance, from challenge to verdict. */
#include "attest/hostd_state.h"

#include <errno.h>

#include "attest/quote.h"
#include "base/file.h"
#include "base/time.h"

#define CHALLENGE_SPARE_S 5 /* a challenge with less left is not worth a quote */

/* ---- the connection ---- */

static bool link_open(struct hostd *hostd, struct hostd_link *link, struct err *err)
{
	return link->link || hostd->connect(hostd->connect_context, &link->link, err);
}

static void link_drop(struct hostd_link *link)
{
	if (link->link)
		link->link->ops->free(link->link);
	link->link = NULL;
}

void hostd_disconnect(struct hostd *hostd)
{
	struct hostd_link *const links[] = {&hostd->launches, &hostd->renewals};
	for (size_t i = 0; i < ARRAY_LEN(links); i++) {
		(void)pthread_mutex_lock(&links[i]->mutex);
		link_drop(links[i]);
		(void)pthread_mutex_unlock(&links[i]->mutex);
	}
}

/* ---- evidence ---- */

struct evidence_job {
	struct hostd *hostd;
	struct instance *instance;
	struct hostd_identity identity;
	enum purpose purpose;
	bool full; /* the verifier wants everything */
	const uint8_t *exporter;
	struct buf *out;
};

/* The logs of the boot go where everything is judged anew; IMA's as far as the verifier wants it. */
static bool read_boot_log(const char *path, size_t max, struct buf *out, struct err *err)
{
	struct err why;
	if (!path || file_read(path, max, out, &why))
		return true;
	buf_clear(out);
	/* Absent, or not for us to read: the verdict then says that it was not checked. */
	return why.code == ERR_NOT_FOUND || why.code == ERR_DENIED ||
	       err_set(err, why.code, "%s", why.text);
}

static void fill_claims(
	const struct evidence_job *job, const struct host_log_view *view, struct claims *claims)
{
	const struct instance *instance = job->instance;
	*claims = (struct claims){.verifier_id = bytes_str(job->identity.verifier_id),
		.purpose = job->purpose,
		.workload = bytes_str(instance->workload),
		.key_protection = instance_protection(instance),
		.runtime_first = view->first,
		.runtime_next = view->next,
		.want_x509 = instance->want_x509,
		.audience_count = instance->audience_count,
		.ima_start = instance->ima_wanted ? instance->ima_first : 0,
		.running = job->purpose == PURPOSE_RENEW && instance_alive(instance)};
	memcpy(claims->host_id, job->identity.host_id, sizeof(claims->host_id));
	memcpy(claims->instance, instance->id, sizeof(claims->instance));
	memcpy(claims->release, instance->release, sizeof(claims->release));
	memcpy(claims->boot_id, view->boot_id, sizeof(claims->boot_id));
	for (size_t i = 0; i < instance->audience_count; i++)
		claims->audiences[i] = bytes_str(instance->audiences[i]);
}

/* Under the runtime log's lock: what is sent is what the PCR holds while it is quoted. */
static bool quote_view(void *context, const struct host_log_view *view, struct err *err)
{
	struct evidence_job *job = context;
	const struct hostd_config *config = job->hostd->config;
	OWNED(buf_release) struct buf firmware = {0};
	OWNED(buf_release) struct buf systemd = {0};
	if (job->full &&
		(!read_boot_log(config->firmware_log, FIRMWARE_LOG_MAX, &firmware, err) ||
			!read_boot_log(config->systemd_log, SYSTEMD_LOG_MAX, &systemd, err)))
		return false;
	struct quote_request request = {.challenge = buf_bytes(&job->instance->challenge),
		.bank = view->bank,
		.runtime_log = view->records,
		.firmware_log = buf_bytes(&firmware),
		.systemd_log = buf_bytes(&systemd),
		.ima_path = job->instance->ima_wanted ? config->ima_log : NULL,
		.key = job->instance->key};
	if (instance_protection(job->instance) == KEY_TPM)
		request.tpm_key = &job->instance->tpm_key;
	fill_claims(job, view, &request.claims);
	return quote_evidence(job->hostd->tpm, &request, job->exporter, job->out, err);
}

static bool build_evidence(
	void *context, const uint8_t exporter[TLS_EXPORTER_LEN], struct buf *out, struct err *err)
{
	struct evidence_job *job = context;
	job->exporter = exporter;
	job->out = out;
	return host_log_with(
		       job->hostd->events, job->instance->runtime_first, quote_view, job, err) ||
	       hostd_fault(err);
}

/* ---- challenge and verdict ---- */

static bool keep_challenge(
	struct instance *instance, const struct challenge_offer *offer, struct err *err)
{
	buf_clear(&instance->challenge);
	buf_put(&instance->challenge, offer->challenge);
	instance->challenge_expires = offer->expires;
	instance->runtime_first = offer->runtime_first;
	instance->ima_wanted = offer->ima_wanted;
	instance->ima_first = offer->ima_first;
	return buf_ok(&instance->challenge, err);
}

static bool ask_challenge(struct verifier_link *link, struct instance *instance,
	enum purpose purpose, struct err *err)
{
	OWNED(buf_release) struct buf answer = {0};
	struct challenge_request request = {.purpose = purpose};
	struct challenge_offer offer;
	int64_t soonest = clock_wall(instance->clock) + CHALLENGE_SPARE_S;
	if (instance->challenge.len > 0 && instance->challenge_expires >= soonest)
		return true;
	memcpy(request.instance, instance->id, sizeof(request.instance));
	return link->ops->challenge(link, &request, &answer, &offer, err) &&
	       keep_challenge(instance, &offer, err);
}

static bool attest_locked(struct hostd_link *link, struct evidence_job *job, struct buf *buffer,
	struct attest_result *ret, struct err *err)
{
	struct instance *instance = job->instance;
	instance->retry_after = 0;
	if (!link_open(job->hostd, link, err))
		return false;
	if (!ask_challenge(link->link, instance, job->purpose, err)) {
		instance->retry_after = link->link->retry_after;
		return false;
	}
	job->full = job->purpose == PURPOSE_LAUNCH || instance->runtime_first == 0;
	bool decided = link->link->ops->attest(link->link, build_evidence, job, buffer, ret, err);
	/* Used up now, or perhaps used up: a broken connection does not say whether the verdict was committed. */
	buf_clear(&instance->challenge);
	if (!decided) {
		instance->retry_after = link->link->retry_after;
		/* An answer that asks for patience came over a connection that works: another one would cost what is short
		 * there. */
		if (instance->retry_after == 0)
			link_drop(link);
		return false;
	}
	return !ret->trusted || ret->next.challenge.len == 0 ||
	       keep_challenge(instance, &ret->next, err);
}

bool hostd_attest(struct hostd *hostd, struct hostd_link *link, struct instance *instance,
	enum purpose purpose, struct buf *buffer, struct attest_result *ret, struct err *err)
{
	struct evidence_job job = {.hostd = hostd, .instance = instance, .purpose = purpose};
	if (!hostd_identity(hostd, &job.identity, err))
		return false;
	(void)pthread_mutex_lock(&link->mutex);
	bool ok = attest_locked(link, &job, buffer, ret, err);
	(void)pthread_mutex_unlock(&link->mutex);
	return ok;
}
