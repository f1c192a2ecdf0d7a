/* SPDX-License-Identifier: Apache-2.0 */
/* Who this host is: enrolment, its certificate, the TPM keys behind it. */
#include "attest/hostd_state.h"

#include <unistd.h>

#include "base/text.h"
#include "base/time.h"

/* The certificate is renewed in the last third of its life. */
static bool certificate_ages(const struct hostd *hostd)
{
	const struct enrolment *e = &hostd->enrolment;
	int64_t life = e->not_after - e->not_before;
	return e->state == HOST_ACTIVE && life > 0 &&
	       clock_wall(hostd->clock) > e->not_after - life / 3;
}

static struct tpm_ek_options ek_options(const struct hostd *hostd)
{
	return (struct tpm_ek_options){.want = hostd->config->ek_template,
		.certificates = buf_bytes(&hostd->config->ek_certificates)};
}

static bool load_keys(struct hostd *hostd, const struct tpm_ak_options *ak, struct err *err)
{
	OWNED(tpm_ek_release) struct tpm_ek ek = {0};
	OWNED(buf_release) struct buf public_area = {0};
	struct tpm_ek_options options = ek_options(hostd);
	if (hostd->keys_loaded)
		return true;
	if (!tpm_ek(hostd->tpm, &options, &ek, err) || !tpm_ak(hostd->tpm, ak, &public_area, err))
		return false;
	hostd->keys_loaded = true;
	return true;
}

struct enroll_job {
	struct hostd *hostd;
	struct client *client;
	struct bytes token, name;
	struct enrolment *result;
};

static bool enroll_view(void *context, const struct host_log_view *view, struct err *err)
{
	const struct enroll_job *job = context;
	const struct hostd_config *config = job->hostd->config;
	struct enroll_options options = {.state_dir = config->state_dir,
		.join_token = job->token,
		.name = job->name,
		.ek = ek_options(job->hostd),
		.ak = config->ak,
		.bank = view->bank,
		.runtime_first = view->first,
		.runtime_next = view->next,
		.runtime_log = view->records};
	return enroll_run(job->hostd->tpm, job->client, &options, job->result, err);
}

/* Under identity_mutex. */
static bool enroll_locked(
	struct hostd *hostd, struct bytes token, struct bytes name, struct err *err)
{
	const struct hostd_config *config = hostd->config;
	struct client_options options = {
		.url = config->verifier, .ca = buf_bytes(&config->ca), .proxy = config->proxy};
	OWNED(client_free) struct client *client = NULL;
	OWNED(enrolment_release) struct enrolment result = {0};
	struct enroll_job job = {hostd, NULL, token, name, &result};
	if (!client_new(&options, &client, err))
		return false;
	job.client = client;
	if (!host_log_with(hostd->events, 0, enroll_view, &job, err))
		return false;
	enrolment_release(&hostd->enrolment);
	hostd->enrolment = TAKE_STRUCT(result);
	hostd->enrolled = true;
	hostd->keys_loaded = true;
	hostd_view_update(hostd);
	return true;
}

void hostd_view_update(struct hostd *hostd)
{
	(void)pthread_mutex_lock(&hostd->connections_mutex);
	hex_encode(BYTES_OF(hostd->enrolment.host_id), hostd->view.host);
	hostd->view.state = hostd->enrolment.state;
	hostd->view.not_after = hostd->enrolment.not_after;
	(void)pthread_mutex_unlock(&hostd->connections_mutex);
}

static void tell_enrolled(const struct hostd *hostd)
{
	char id[2 * HOST_ID_LEN + 1];
	hex_encode(BYTES_OF(hostd->enrolment.host_id), id);
	log_event(hostd->log, LOG_LEVEL_INFO, "enrolled", {"host", bytes_str(id)},
		{"state", bytes_str(host_state_name(hostd->enrolment.state))},
		{"verifier", bytes_str(hostd->enrolment.verifier_id)});
}

/* The name is for people, and a machine's own may have capitals: what is left of it must do. */
static void own_name(char out[65])
{
	size_t len = 0;
	char name[256] = "";
	(void)gethostname(name, sizeof(name) - 1);
	for (const char *c = name; *c && len < 63; c++) {
		char lower = *c >= 'A' && *c <= 'Z' ? (char)(*c - 'A' + 'a') : *c;
		if ((lower >= 'a' && lower <= 'z') || (lower >= '0' && lower <= '9') ||
			(len > 0 && lower == '-'))
			out[len++] = lower;
	}
	out[len] = '\0';
	if (len == 0)
		(void)memcpy(out, "host", sizeof("host"));
}

bool hostd_enroll(struct hostd *hostd, struct bytes join_token, struct bytes name,
	struct enrolment *ret, struct err *err)
{
	char own[65];
	own_name(own);
	if (name.len > 0 && !text_is_name(name))
		return err_set(err, ERR_USAGE,
			"name %s: 1 to 64 of a-z 0-9 . _ -, beginning with a letter or digit",
			ESC(name));
	(void)pthread_mutex_lock(&hostd->identity_mutex);
	bool ok = enroll_locked(hostd, join_token, name.len > 0 ? name : bytes_str(own), err);
	if (ok) {
		tell_enrolled(hostd);
		memcpy(ret->host_id, hostd->enrolment.host_id, sizeof(ret->host_id));
		ret->state = hostd->enrolment.state;
	}
	(void)pthread_mutex_unlock(&hostd->identity_mutex);
	if (ok)
		hostd_disconnect(hostd);
	return ok;
}

/* A pending host learns whether it has been confirmed; an ageing certificate is replaced. A renewal that fails is no reason to
 * stop while the certificate is still valid. */
static bool refresh(struct hostd *hostd, bool *ret_changed, struct err *err)
{
	char own[65];
	struct err why;
	*ret_changed = false;
	if (hostd->enrolment.state == HOST_ACTIVE && !certificate_ages(hostd))
		return true;
	own_name(own);
	*ret_changed = enroll_locked(hostd, (struct bytes){0}, bytes_str(own), &why);
	if (*ret_changed)
		tell_enrolled(hostd);
	else if (hostd->enrolment.state != HOST_ACTIVE ||
		 hostd->enrolment.not_after <= clock_wall(hostd->clock))
		return err_set(err, why.code, "%s", why.text);
	return true;
}

bool hostd_fault(struct err *err)
{
	if (err && (err->code == ERR_DENIED || err->code == ERR_NOT_FOUND))
		err->code = ERR_IO;
	return false;
}

static bool identity_locked(
	struct hostd *hostd, struct hostd_identity *ret, bool *ret_changed, struct err *err)
{
	if (!hostd->enrolled)
		return err_set(err, ERR_DENIED, "this host is not enrolled: run `assay enroll`");
	if (!refresh(hostd, ret_changed, err))
		return err_wrap(err, "this host's certificate");
	if (hostd->enrolment.state != HOST_ACTIVE)
		return err_set(err, ERR_DENIED,
			"this host is %s at the verifier: an operator has to confirm it",
			host_state_name(hostd->enrolment.state));
	if (!load_keys(hostd, &hostd->enrolment.ak, err))
		return hostd_fault(err);
	memcpy(ret->host_id, hostd->enrolment.host_id, sizeof(ret->host_id));
	memcpy(ret->verifier_id, hostd->enrolment.verifier_id, sizeof(ret->verifier_id));
	return true;
}

bool hostd_identity(struct hostd *hostd, struct hostd_identity *ret, struct err *err)
{
	bool changed = false;
	(void)pthread_mutex_lock(&hostd->identity_mutex);
	bool ok = identity_locked(hostd, ret, &changed, err);
	(void)pthread_mutex_unlock(&hostd->identity_mutex);
	if (changed)
		hostd_disconnect(hostd);
	return ok;
}

bool hostd_ak(struct hostd *hostd, struct buf *ret_public, struct err *err)
{
	struct hostd_identity identity;
	bool changed = false;
	(void)pthread_mutex_lock(&hostd->identity_mutex);
	bool ok = identity_locked(hostd, &identity, &changed, err) &&
		  tpm_ak(hostd->tpm, &hostd->enrolment.ak, ret_public, err);
	(void)pthread_mutex_unlock(&hostd->identity_mutex);
	if (changed)
		hostd_disconnect(hostd);
	return ok;
}
