/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/hostd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include "attest/hostd_state.h"
#include "attest/quote.h"
#include "base/file.h"
#include "base/text.h"
#include "base/time.h"

/* ---- the verifier over HTTPS ---- */

struct https_link {
	struct verifier_link link;
	struct client *client;
};

static bool https_challenge(struct verifier_link *link, const struct challenge_request *request,
	struct buf *buffer, struct challenge_offer *ret, struct err *err)
{
	struct client *client = ((struct https_link *)link)->client;
	bool ok = client_challenge(client, request, buffer, ret, err);
	link->retry_after = client_retry_after(client);
	return ok;
}

static bool https_attest(struct verifier_link *link, client_build build, void *context,
	struct buf *buffer, struct attest_result *ret, struct err *err)
{
	struct client *client = ((struct https_link *)link)->client;
	bool ok = client_attest(client, build, context, buffer, ret, err);
	link->retry_after = client_retry_after(client);
	return ok;
}

static void https_free(struct verifier_link *link)
{
	struct https_link *https = (struct https_link *)link;
	client_free(&https->client);
	free(https);
}

static const struct verifier_link_ops https_ops = {https_challenge, https_attest, https_free};

static bool https_connect(void *context, struct verifier_link **ret, struct err *err)
{
	struct hostd *hostd = context;
	const struct hostd_config *config = hostd->config;
	struct https_link *https = calloc(1, sizeof(*https));
	if (!https)
		return err_set(err, ERR_NOMEM, "no memory for a connection");
	https->link.ops = &https_ops;
	struct client_options options = {
		.url = config->verifier, .ca = buf_bytes(&config->ca), .proxy = config->proxy};
	(void)pthread_mutex_lock(&hostd->identity_mutex);
	options.certificate = buf_bytes(&hostd->enrolment.certificate_pem);
	options.key = hostd->enrolment.key;
	bool ok = client_new(&options, &https->client, err);
	(void)pthread_mutex_unlock(&hostd->identity_mutex);
	if (!ok) {
		free(https);
		return false;
	}
	*ret = &https->link;
	return true;
}

/* ---- beginning and end ---- */

static bool lock_state(struct hostd *hostd, struct err *err)
{
	OWNED(buf_release) struct buf path = {0};
	if (!path_join(&path, hostd->config->state_dir, "lock"))
		return buf_ok(&path, err);
	if (!file_make_dirs(hostd->config->state_dir, 0700, err))
		return false;
	hostd->state_lock = open(buf_str(&path), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (hostd->state_lock < 0)
		return err_errno(err, errno, "%s", buf_str(&path));
	if (flock(hostd->state_lock, LOCK_EX | LOCK_NB) != 0)
		return err_set(
			err, ERR_CONFLICT, "another assay-hostd uses %s", hostd->config->state_dir);
	return true;
}

static bool open_tpm(struct hostd *hostd, struct err *err)
{
	const struct hostd_config *config = hostd->config;
	struct tpm_options options = {.tcti = config->tcti,
		.owner_auth = bytes_of(config->owner_auth, config->owner_auth_len),
		.endorsement_auth =
			bytes_of(config->endorsement_auth, config->endorsement_auth_len)};
	if (hostd->tpm)
		return true;
	hostd->own_tpm = true;
	return tpm_open(&options, &hostd->tpm, err);
}

static bool open_log(struct hostd *hostd, struct err *err)
{
	OWNED(buf_release) struct buf directory = {0};
	if (!path_join(&directory, hostd->config->state_dir, "log"))
		return buf_ok(&directory, err);
	struct host_log_options options = {.directory = buf_str(&directory),
		.tpm = hostd->tpm,
		.pcr = hostd->config->pcr,
		.bank = hostd->config->bank};
	struct host_log_status status;
	memcpy(options.boot_id, hostd->boot_id, sizeof(options.boot_id));
	if (!host_log_open(&options, &hostd->events, err))
		return false;
	host_log_status(hostd->events, &status);
	if (!status.usable)
		log_event(hostd->log, LOG_LEVEL_ERROR, "no agent can be launched",
			{"reason", bytes_str(status.reason)});
	return true;
}

static bool load_identity(struct hostd *hostd, struct enrolment *given, struct err *err)
{
	if (given)
		hostd->enrolment = TAKE_STRUCT(*given);
	else if (!enroll_load(hostd->config->state_dir, &hostd->enrolment, err))
		return err->code == ERR_NOT_FOUND;
	hostd->enrolled = true;
	hostd_view_update(hostd);
	return true;
}

static void init_locks(struct hostd *hostd)
{
	(void)pthread_mutex_init(&hostd->identity_mutex, NULL);
	(void)pthread_mutex_init(&hostd->launches.mutex, NULL);
	(void)pthread_mutex_init(&hostd->renewals.mutex, NULL);
	(void)pthread_mutex_init(&hostd->connections_mutex, NULL);
	(void)pthread_cond_init(&hostd->connections_cond, NULL);
}

bool hostd_new(const struct hostd_options *options, struct hostd **ret, struct err *err)
{
	OWNED(hostd_free) struct hostd *hostd = calloc(1, sizeof(*hostd));
	struct err own;
	struct err *why = err ? err : &own;
	if (!hostd)
		return err_set(err, ERR_NOMEM, "no memory for assay-hostd");
	init_locks(hostd);
	hostd->state_lock = -1;
	hostd->config = options->config;
	hostd->log = options->log;
	hostd->tpm = options->tpm;
	hostd->clock = options->clock ? options->clock : &clock_system;
	hostd->stop_grace_ms = HOSTD_STOP_GRACE_MS;
	hostd->idle_ms = HOSTD_IDLE_MS;
	hostd->notify = options->notify && options->notify[0] ? options->notify : NULL;
	hostd->kept_count = options->kept_count;
	hostd->kept_names = options->kept_names;
	hostd->connect = options->connect ? options->connect : https_connect;
	hostd->connect_context = options->connect ? options->context : hostd;
	if (!lock_state(hostd, why) || !quote_boot_id(hostd->boot_id, why) ||
		!open_tpm(hostd, why) || !open_log(hostd, why) ||
		!load_identity(hostd, options->enrolment, why))
		return false;
	*ret = TAKE(hostd);
	return true;
}

void hostd_free(struct hostd **pointer)
{
	struct hostd *hostd = *pointer;
	*pointer = NULL;
	if (!hostd)
		return;
	hostd_disconnect(hostd);
	host_log_free(&hostd->events);
	if (hostd->own_tpm)
		tpm_free(&hostd->tpm);
	enrolment_release(&hostd->enrolment);
	fd_close(&hostd->state_lock);
	free(hostd);
}
