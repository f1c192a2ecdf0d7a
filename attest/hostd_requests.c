/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/hostd_state.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "attest/spec.h"
#include "base/file.h"
#include "base/text.h"
#include "base/time.h"
#include "base/yaml.h"

#define WORKLOADS_MAX 256u
#define RELEASE_MAX   4096u

static bool only_op(const json_t *request, const char *what, struct err *err)
{
	static const char *const keys[] = {"op", NULL};
	struct json_fields f = json_fields_of(what);
	json_only_keys(&f, request, keys);
	return json_fields_ok(&f, err);
}

static bool give(json_t *reply, json_t **ret, struct err *err)
{
	*ret = reply;
	return reply ? true : err_set(err, ERR_NOMEM, "no memory for an answer");
}

/* ---- status ---- */

static json_t *log_json(struct hostd *hostd)
{
	struct host_log_status s;
	host_log_status(hostd->events, &s);
	return json_pack("{s:I,s:I,s:i,s:s,s:I,s:b,s:s}", "records", (json_int_t)s.records, "bytes",
		(json_int_t)s.bytes, "pcr", (int)s.pcr, "bank", digest_alg_name(s.bank),
		"reset_count", (json_int_t)s.reset_count, "usable", s.usable, "reason", s.reason);
}

bool hostd_request_status(
	struct connection *c, const json_t *request, json_t **ret, struct err *err)
{
	static const char *const keys[] = {"op", "from", NULL};
	struct hostd *hostd = c->hostd;
	char expires[TIME_TEXT_MAX];
	bool more = false;
	struct json_fields f = json_fields_of("status");
	json_only_keys(&f, request, keys);
	size_t from = (size_t)json_want_int(&f, request, "from", 0, INSTANCES_MAX, 0);
	if (!json_fields_ok(&f, err))
		return false;
	json_t *instances = instances_json(
		hostd->instances, hostd_peer_is_operator(c), c->peer.uid, from, &more);
	(void)pthread_mutex_lock(&hostd->connections_mutex);
	struct hostd_view view = hostd->view;
	(void)pthread_mutex_unlock(&hostd->connections_mutex);
	bool enrolled = view.host[0] != '\0';
	json_t *reply = json_pack("{s:b,s:s?,s:s,s:s,s:s?,s:s,s:o,s:o,s:b}", "ok", true, "host",
		enrolled ? view.host : NULL, "state",
		enrolled ? host_state_name(view.state) : "not enrolled", "verifier",
		hostd->config->verifier, "certificate_expires",
		view.not_after ? time_format(view.not_after, expires) : NULL, "version",
		ASSAY_VERSION, "log", log_json(hostd), "instances", instances, "more", more);
	return give(reply, ret, err);
}

/* ---- enrol ---- */

bool hostd_request_enroll(
	struct connection *c, const json_t *request, json_t **ret, struct err *err)
{
	static const char *const keys[] = {"op", "join_token", "name", NULL};
	OWNED(enrolment_release) struct enrolment result = {0};
	struct json_fields f = json_fields_of("enroll");
	json_only_keys(&f, request, keys);
	const char *token = json_want_str(&f, request, "join_token", JOIN_TOKEN_MAX);
	const char *name = json_want_str(&f, request, "name", 64);
	char host[2 * HOST_ID_LEN + 1];
	if (!json_fields_ok(&f, err) ||
		!hostd_enroll(c->hostd, bytes_str(token), bytes_str(name), &result, err))
		return false;
	hex_encode(BYTES_OF(result.host_id), host);
	return give(json_pack("{s:b,s:s,s:s}", "ok", true, "host", host, "state",
			    host_state_name(result.state)),
		ret, err);
}

/* ---- workloads ---- */

static json_t *release_json(const char *directory, const char *name)
{
	OWNED(buf_release) struct buf path = {0}, text = {0};
	uint8_t digest[SHA256_LEN];
	struct err ignored;
	buf_printf(&path, "%s/%s.release", directory, name);
	if (!buf_str(&path) || !file_read(buf_str(&path), RELEASE_MAX, &text, &ignored))
		return json_null();
	if (text.len > 0 && text.data[text.len - 1] == '\n')
		text.len--;
	return hex_decode_exact(buf_bytes(&text), digest, sizeof(digest), &ignored)
		       ? json_stringn((const char *)text.data, text.len)
		       : json_null();
}

static bool spec_problem(const char *path, const char *name, struct err *err)
{
	OWNED(buf_release) struct buf text = {0};
	OWNED(spec_release) struct spec spec = {0};
	if (!file_read(path, YAML_INPUT_MAX, &text, err) ||
		!spec_parse(buf_bytes(&text), path, &spec, err) || !spec_accept(&spec, err))
		return true;
	return strcmp(spec.workload, name) != 0 &&
	       !err_set(err, ERR_CONFIG, "the spec is of workload %s",
		       ESC(bytes_str(spec.workload)));
}

static json_t *workload_json(const char *directory, const char *name)
{
	OWNED(buf_release) struct buf path = {0};
	struct err why;
	buf_printf(&path, "%s/%s.yaml", directory, name);
	if (!buf_str(&path))
		return NULL;
	json_t *workload = json_pack("{s:s,s:s,s:o}", "name", name, "spec", buf_str(&path),
		"release", release_json(directory, name));
	if (workload && spec_problem(buf_str(&path), name, &why))
		(void)json_object_set_new(workload, "error", json_string(why.text));
	return workload;
}

/* "name.yaml" to "name"; false for anything else that lies there. */
static bool workload_name(const char *file, char out[65])
{
	size_t len = strlen(file);
	if (len < 6 || len - 5 > 64 || strcmp(file + len - 5, ".yaml") != 0)
		return false;
	memcpy(out, file, len - 5);
	out[len - 5] = '\0';
	return text_is_name(bytes_str(out));
}

bool hostd_request_workloads(
	struct connection *c, const json_t *request, json_t **ret, struct err *err)
{
	const char *directory = c->hostd->config->workloads_dir;
	if (!only_op(request, "workloads", err))
		return false;
	DIR *dir = opendir(directory);
	if (!dir)
		return err_errno(err, errno, "%s", directory);
	json_t *workloads = json_array();
	for (const struct dirent *entry = readdir(dir);
		entry && json_array_size(workloads) < WORKLOADS_MAX; entry = readdir(dir)) {
		char name[65];
		if (workload_name(entry->d_name, name))
			(void)json_array_append_new(workloads, workload_json(directory, name));
	}
	(void)closedir(dir);
	return give(json_pack("{s:b,s:o}", "ok", true, "workloads", workloads), ret, err);
}

/* ---- stop ---- */

bool hostd_request_stop(struct connection *c, const json_t *request, json_t **ret, struct err *err)
{
	static const char *const keys[] = {"op", "instance", NULL};
	struct json_fields f = json_fields_of("stop");
	json_only_keys(&f, request, keys);
	const char *hex = json_need_str(&f, request, "instance", 2 * INSTANCE_ID_LEN);
	if (!json_fields_ok(&f, err))
		return false;
	OWNED(instance_unref) struct instance *instance = instances_find(c->hostd->instances, hex);
	/* Another user's instance is as unknown as none. */
	if (!instance || (!hostd_peer_is_operator(c) && instance->uid != c->peer.uid))
		return err_set(err, ERR_NOT_FOUND, "no instance %s runs here", ESC(bytes_str(hex)));
	(void)pthread_mutex_lock(&instance->mutex);
	/* What is frozen does not hear, and is not let run again for it. */
	bool ok = instance->hold == HOLD_FROZEN ? instance_kill(instance, err)
						: instance_signal(instance, SIGTERM, err);
	(void)pthread_mutex_unlock(&instance->mutex);
	if (!ok)
		return false;
	return give(json_pack("{s:b}", "ok", true), ret, err);
}
