/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/launch_host.h"

#include <errno.h>
#include <limits.h>
#include <pwd.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "base/yaml.h"
#include "crypto/dsse.h"

#define ENVELOPE_MAX (8u << 20)

static bool copy_text(const char *text, char **ret, struct err *err)
{
	if (!text)
		return true;
	*ret = strdup(text);
	return *ret ? true : err_set(err, ERR_NOMEM, "no memory for a request");
}

static bool texts_of(
	const json_t *array, const char **out, size_t *ret_count, const char *what, struct err *err)
{
	for (size_t i = 0; i < json_array_size(array); i++) {
		out[i] = json_string_value(json_array_get(array, i));
		if (!out[i])
			return err_set(err, ERR_USAGE, "%s %zu is not a text", what, i + 1);
	}
	*ret_count = json_array_size(array);
	return true;
}

/* ---- the release claimed ---- */

/* <workload>.release beside the spec: a digest in hex, or the release's own DSSE envelope. */
static bool release_of_file(
	const struct launch_host *launch, uint8_t out[SHA256_LEN], struct err *err)
{
	OWNED(buf_release) struct buf path = {0}, text = {0};
	buf_printf(&path, "%s/%s.release", launch->hostd->config->workloads_dir, launch->workload);
	if (!buf_str(&path))
		return buf_ok(&path, err);
	if (!file_read(buf_str(&path), ENVELOPE_MAX, &text, err))
		return err_wrap(
			err, "which release is launched? Give --release or write its digest");
	struct bytes content = buf_bytes(&text);
	while (content.len > 0 && strchr(" \r\n\t", content.data[content.len - 1]))
		content.len--;
	if (content.len == 0 || content.data[0] != '{')
		return hex_decode_exact(content, out, SHA256_LEN, err)
			       ? true
			       : err_wrap(err, "%s", buf_str(&path));
	OWNED(dsse_free) struct dsse *envelope = NULL;
	return dsse_parse(content, &envelope, err) &&
			       sha256_of(buf_bytes(&envelope->payload), out, err)
		       ? true
		       : err_wrap(err, "%s", buf_str(&path));
}

static bool set_release(struct launch_host *launch, const char *given, struct err *err)
{
	if (!given)
		return release_of_file(launch, launch->instance->release, err);
	if (hex_decode_exact(bytes_str(given), launch->instance->release, SHA256_LEN, err))
		return true;
	err_wrap(err, "release");
	if (err)
		err->code = ERR_USAGE;
	return false;
}

/* ---- the spec ---- */

static bool load_spec(struct launch_host *launch, struct err *err)
{
	OWNED(buf_release) struct buf path = {0}, text = {0};
	buf_printf(&path, "%s/%s.yaml", launch->hostd->config->workloads_dir, launch->workload);
	if (!buf_str(&path))
		return buf_ok(&path, err);
	if (!file_read(buf_str(&path), YAML_INPUT_MAX, &text, err))
		return err_wrap(err, "workload %s", launch->workload);
	if (!spec_parse(buf_bytes(&text), buf_str(&path), &launch->spec, err))
		return false;
	if (strcmp(launch->spec.workload, launch->workload) != 0)
		return err_set(err, ERR_CONFIG, "%s is the spec of workload %s", buf_str(&path),
			ESC(bytes_str(launch->spec.workload)));
	return spec_accept(&launch->spec, err) ? true : err_wrap(err, "%s", buf_str(&path));
}

bool launch_host_authorise(const struct launch_host *launch, struct err *err)
{
	const struct socket_peer *peer = &launch->connection->peer;
	const struct spec *spec = &launch->spec;
	uid_t own = geteuid();
	if (own != 0 && peer->uid != own)
		return err_set(err, ERR_DENIED,
			"this assay-hostd runs as user %u and launches for nobody else", own);
	if (own != 0 && spec->has_user && spec->uid != own)
		return err_set(err, ERR_DENIED,
			"workload %s runs as user %u; an assay-hostd of user %u cannot launch it",
			launch->workload, spec->uid, own);
	if (own != 0 || peer->uid == 0 || (spec->has_user && spec->uid == peer->uid))
		return true;
	return spec->has_user ? err_set(err, ERR_DENIED,
					"workload %s may be launched by root and by user %s",
					launch->workload, ESC(bytes_str(spec->user)))
			      : err_set(err, ERR_DENIED,
					"workload %s may be launched by root only: its spec names "
					"no `user`",
					launch->workload);
}

static bool new_instance(struct launch_host *launch, struct err *err)
{
	const struct spec *spec = &launch->spec;
	struct socket_peer *peer = &launch->connection->peer;
	if (!instance_new(launch->workload, &launch->instance, err))
		return false;
	struct instance *instance = launch->instance;
	instance->clock = launch->hostd->clock;
	instance->uid = spec->has_user ? spec->uid : peer->uid;
	instance->gid = spec->has_user ? spec->gid : peer->gid;
	instance->pid = peer->pid;
	instance->pidfd = peer->pidfd;
	peer->pidfd = -1;
	instance->want_x509 = spec->want_x509;
	for (size_t i = 0; spec->want_jwt && i < spec->audience_count; i++) {
		if (!copy_text(spec->audiences[i], &instance->audiences[i], err))
			return false;
		instance->audience_count = i + 1;
	}
	if (!instance_alive(instance))
		return err_set(err, ERR_NET, "the caller has gone");
	return true;
}

static bool set_credentials(struct launch_host *launch, struct socket_fds *fds, struct err *err)
{
	struct instance *instance = launch->instance;
	if (!launch->credentials)
		return credentials_directory(instance, launch->hostd->config->run_dir, err);
	OWNED(fd_close) int fd = socket_fds_take(fds, 0);
	if (fd < 0 || launch->credentials[0] != '/')
		return err_set(err, ERR_USAGE,
			"credentials: a directory's descriptor and absolute path are needed");
	return credentials_directory_given(
		instance, fd, launch->credentials, launch->connection->peer.uid, err);
}

bool launch_host_request(
	struct launch_host *launch, const json_t *request, struct socket_fds *fds, struct err *err)
{
	static const char *const keys[] = {
		"op", "workload", "arguments", "release", "credentials", NULL};
	struct json_fields f = json_fields_of("run");
	json_only_keys(&f, request, keys);
	const char *workload = json_need_str(&f, request, "workload", 64);
	const char *release = json_want_str(&f, request, "release", 2 * SHA256_LEN);
	const char *credentials = json_want_str(&f, request, "credentials", PATH_MAX);
	const json_t *arguments = json_need_array(&f, request, "arguments", SPEC_ARGUMENTS_MAX);
	if (!json_fields_ok(&f, err))
		return false;
	if (!text_is_name(bytes_str(workload)))
		return err_set(err, ERR_USAGE, "workload %s: not a name", ESC(bytes_str(workload)));
	launch->arguments = json_incref((json_t *)(uintptr_t)arguments);
	return copy_text(workload, &launch->workload, err) &&
	       copy_text(credentials, &launch->credentials, err) &&
	       texts_of(arguments, launch->arguments_given, &launch->argument_count, "argument",
		       err) &&
	       load_spec(launch, err) && launch_host_authorise(launch, err) &&
	       spec_arguments(&launch->spec, launch->arguments_given, launch->argument_count,
		       &launch->values, err) &&
	       new_instance(launch, err) && set_release(launch, release, err) &&
	       set_credentials(launch, fds, err);
}

/* ---- what only the caller has ---- */

static json_t *ask_message(const struct launch_host *launch)
{
	json_t *files = json_array(), *names = json_array();
	for (size_t i = 0; i < launch->values.file_count; i++)
		(void)json_array_append_new(
			files, json_integer((json_int_t)launch->values.files[i]));
	for (size_t i = 0; i < launch->spec.environment_count; i++) {
		if (!launch->spec.environment[i].value)
			(void)json_array_append_new(
				names, json_string(launch->spec.environment[i].name));
	}
	return json_pack("{s:s,s:o,s:o}", "event", "ask", "files", files, "environment", names);
}

static bool check_ready(const json_t *ready, struct err *err)
{
	static const char *const keys[] = {"op", "environment", "message", NULL};
	struct json_fields f = json_fields_of("ready");
	json_only_keys(&f, ready, keys);
	const char *op = json_need_str(&f, ready, "op", 16);
	const json_t *environment = json_need_object(&f, ready, "environment");
	if (!json_fields_ok(&f, err))
		return false;
	if (strcmp(op, "ready") != 0)
		return err_set(err, ERR_FORMAT, "ready: op: expected ready");
	const char *name;
	json_t *value;
	json_object_foreach((json_t *)(uintptr_t)environment, name, value)
	{
		const char *text = json_string_value(value);
		if (!text || strlen(text) > SPEC_TEXT_MAX)
			return err_set(err, ERR_USAGE,
				"environment variable %s: not a text of at most %u bytes",
				ESC(bytes_str(name)), SPEC_TEXT_MAX);
	}
	return true;
}

bool launch_host_ask(struct launch_host *launch, struct err *err)
{
	int fd = launch->connection->fd;
	OWNED(json_release) json_t *ask = ask_message(launch);
	if (!ask)
		return err_set(err, ERR_NOMEM, "no memory for an answer");
	if (!socket_send(fd, ask, NULL, 0, HOSTD_SEND_MS, err) ||
		!socket_receive(fd, HOSTD_READY_MS, 0, &launch->ready, NULL, err))
		return false;
	if (!launch->ready)
		return err_set(err, ERR_NET, "the caller has gone");
	return check_ready(launch->ready, err);
}
