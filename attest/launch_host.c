/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/launch_host.h"

#include <stdlib.h>

#include "attest/instance_saved.h"
#include "base/text.h"
#include "base/time.h"

void launch_host_release(struct launch_host *launch)
{
	/* Not handed over: what was made for it goes with it. */
	if (launch->instance && !launch->handed)
		credentials_release(launch->instance);
	instances_give_back(launch->hostd->instances, &launch->place);
	host_log_give_back(launch->hostd->events, &launch->log_place);
	instance_unref(&launch->instance);
	launch_material_release(&launch->material);
	if (launch->argv)
		spec_argv_free(&launch->argv);
	for (size_t i = 0; i < ARRAY_LEN(launch->variables); i++)
		buf_release(&launch->variables[i]);
	spec_release(&launch->spec);
	json_release(&launch->arguments);
	json_release(&launch->ready);
	free(launch->workload);
	free(launch->credentials);
}

static bool send_progress(void *context, const char *text, struct err *err)
{
	const struct launch_host *launch = context;
	OWNED(json_release)
	json_t *message = json_pack("{s:s,s:s}", "event", "progress", "text", text);
	if (!message)
		return err_set(err, ERR_NOMEM, "no memory for a message");
	return socket_send(launch->connection->fd, message, NULL, 0, HOSTD_SEND_MS, err);
}

static bool send_refused(
	struct launch_host *launch, const struct attest_result *result, struct err *err)
{
	char record[2 * SHA256_LEN + 1];
	hex_encode(BYTES_OF(result->record), record);
	log_event(launch->hostd->log, LOG_LEVEL_WARNING, "launch refused",
		{"workload", bytes_str(launch->workload)},
		{"instance", bytes_str(launch->instance->hex)}, {"record", bytes_str(record)});
	return launch_host_verdict(launch, "refused", result, &launch->connection->fd, 0, err);
}

/* ---- measuring, a few at a time ---- */

/* One user's launches cannot keep out another's, nor all of them root's. */
bool launch_may_measure(const struct connection *c)
{
	unsigned all = 0, same = 0;
	for (const struct connection *other = c->hostd->connections; other; other = other->next) {
		all += other->measuring;
		same += other->measuring && other->peer.uid == c->peer.uid;
	}
	if (hostd_peer_is_operator(c))
		return all < HOSTD_LAUNCHES_MAX;
	return same < HOSTD_LAUNCHES_OF_USER && all < HOSTD_LAUNCHES_MAX - 1;
}

void launch_measuring_begin(struct connection *c)
{
	struct hostd *hostd = c->hostd;
	(void)pthread_mutex_lock(&hostd->connections_mutex);
	while (!launch_may_measure(c))
		(void)pthread_cond_wait(&hostd->connections_cond, &hostd->connections_mutex);
	c->measuring = true;
	(void)pthread_mutex_unlock(&hostd->connections_mutex);
}

void launch_measuring_end(struct connection *c)
{
	struct hostd *hostd = c->hostd;
	(void)pthread_mutex_lock(&hostd->connections_mutex);
	c->measuring = false;
	(void)pthread_cond_broadcast(&hostd->connections_cond);
	(void)pthread_mutex_unlock(&hostd->connections_mutex);
}

static bool measure(struct launch_host *launch, struct err *err)
{
	const struct hostd_config *config = launch->hostd->config;
	struct launch_measure_options options = {.instance = launch->instance->id,
		.copy_limit = config->copy_limit,
		.threads = config->hash_threads,
		.time = clock_wall(launch->hostd->clock),
		.context = launch,
		.progress = send_progress};
	launch_measuring_begin(launch->connection);
	bool ok = launch_measure(&launch->spec, &options, &launch->material, launch->instance, err);
	launch_measuring_end(launch->connection);
	return ok;
}

/* ---- the order of things ---- */

static bool prepare(
	struct launch_host *launch, const json_t *request, struct socket_fds *fds, struct err *err)
{
	struct hostd *hostd = launch->hostd;
	struct hostd_identity identity;
	return launch_host_request(launch, request, fds, err) && launch_host_ask(launch, err) &&
	       hostd_identity(hostd, &identity, err) && host_log_usable(hostd->events, err) &&
	       launch_host_reserve(launch, err) &&
	       instance_make_key(launch->instance, hostd->tpm, hostd->config->tpm_keys, err) &&
	       measure(launch, err) && launch_host_plan(launch, err) &&
	       launch_host_record(launch, err);
}

/* Its credential was made out, so the log says that it ended, even if it never began; and if it began, it ends: nobody would
 * watch it. A caller who did not become the agent is left alone. */
static void withdraw(struct launch_host *launch, const struct err *why)
{
	struct err ignored;
	bool ends = launch_host_is_agent(launch->instance, launch->material.executable, &ignored) &&
		    instance_kill(launch->instance, &ignored);
	log_event(launch->hostd->log, LOG_LEVEL_ERROR,
		"launch failed, no credential left this host",
		{"workload", bytes_str(launch->workload)},
		{"instance", bytes_str(launch->instance->hex)}, {"error", bytes_str(why->text)},
		{"agent", bytes_str(ends ? "killed" : "left alone")});
	if (!launch->instance->own_directory)
		credentials_remove(launch->instance);
	instance_end(launch->hostd, launch->instance);
	instance_forget(launch->hostd, launch->instance);
}

static bool conclude(
	struct launch_host *launch, const struct attest_result *result, struct err *err)
{
	char record[2 * SHA256_LEN + 1];
	if (!result->trusted)
		return send_refused(launch, result, err);
	if (!launch_host_hand(launch, result, err)) {
		withdraw(launch, err);
		return false;
	}
	hex_encode(BYTES_OF(result->record), record);
	log_event(launch->hostd->log, LOG_LEVEL_INFO, "launched",
		{"workload", bytes_str(launch->workload)},
		{"instance", bytes_str(launch->instance->hex)}, {"record", bytes_str(record)});
	return true;
}

bool hostd_launch(
	struct connection *c, const json_t *request, struct socket_fds *fds, struct err *err)
{
	/* Several times a thread's stack is worth of it. */
	OWNED(free_ptr) struct launch_host *launch = calloc(1, sizeof(*launch));
	OWNED(buf_release) struct buf answer = {0};
	struct attest_result result;
	if (!launch)
		return err_set(err, ERR_NOMEM, "no memory for a launch");
	launch->connection = c;
	launch->hostd = c->hostd;
	bool ok = prepare(launch, request, fds, err) &&
		  send_progress(launch, "asking the verifier", err) &&
		  hostd_attest(c->hostd, &c->hostd->launches, launch->instance, PURPOSE_LAUNCH,
			  &answer, &result, err) &&
		  conclude(launch, &result, err);
	launch_host_release(launch);
	return ok;
}
