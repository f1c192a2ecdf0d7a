/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "attest/launch_exec.h"
#include "attest/launch_namespace.h"
#include "attest/spec.h"
#include "base/file.h"
#include "base/text.h"
#include "evidence/evidence.h"

#define EVENT_MS   (60 * 60 * 1000) /* a model of terabytes is hashed between two events */
#define SEND_MS    30000
#define RECORD_MAX (2u * SHA256_LEN)

/* One conversation with hostd. */
struct launch {
	const struct launch_options *options;
	int socket;
	int credentials; /* -1: none */
	char *credentials_path;
	size_t file_count;
	int files[LAUNCH_FILES_MAX];
	struct socket_fds plan; /* LAUNCH_FDS of them once trusted */
	bool refused;
};

static void launch_release(struct launch *launch)
{
	fd_close(&launch->socket);
	fd_close(&launch->credentials);
	for (size_t i = 0; i < launch->file_count; i++)
		fd_close(&launch->files[i]);
	socket_fds_release(&launch->plan);
	free(launch->credentials_path);
}

static void tell(const struct launch *launch, const char *text)
{
	if (launch->options->progress)
		launch->options->progress(launch->options->context, text);
}

/* ---- what is asked for ---- */

static bool open_credentials(struct launch *launch, struct err *err)
{
	const char *path = launch->options->credentials;
	if (!path)
		return true;
	launch->credentials = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (launch->credentials < 0)
		return err_errno(err, errno, "directory for credentials %s", path);
	launch->credentials_path = realpath(path, NULL);
	return launch->credentials_path ? true : err_errno(err, errno, "%s", path);
}

static bool set_text(json_t *object, const char *key, const char *text, struct err *err)
{
	if (json_object_set_new(object, key, json_string(text)) != 0)
		return err_set(err, ERR_USAGE, "%s: not valid UTF-8", key);
	return true;
}

static bool send_run(struct launch *launch, struct err *err)
{
	const struct launch_options *o = launch->options;
	OWNED(json_release) json_t *request = json_pack("{s:s,s:[]}", "op", "run", "arguments");
	if (!request)
		return err_set(err, ERR_NOMEM, "no memory for a request");
	if (!set_text(request, "workload", o->workload, err) ||
		(o->release && !set_text(request, "release", o->release, err)) ||
		(launch->credentials_path &&
			!set_text(request, "credentials", launch->credentials_path, err)))
		return false;
	json_t *arguments = json_object_get(request, "arguments");
	for (size_t i = 0; i < o->argument_count; i++) {
		if (json_array_append_new(arguments, json_string(o->arguments[i])) != 0)
			return err_set(err, ERR_USAGE, "argument %zu: not valid UTF-8", i + 1);
	}
	return socket_send(launch->socket, request, &launch->credentials, launch->credentials >= 0,
		SEND_MS, err);
}

/* ---- what hostd asks back ---- */

static bool open_argument(struct launch *launch, size_t index, struct err *err)
{
	const struct launch_options *o = launch->options;
	struct stat st;
	if (index >= o->argument_count || launch->file_count == LAUNCH_FILES_MAX)
		return err_set(
			err, ERR_FORMAT, "assay-hostd asks for file argument %zu", index + 1);
	const char *path = o->arguments[index];
	/* Not blocking, so that a FIFO is refused rather than waited for. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0) {
		err_errno(err, errno, "argument %zu: %s", index + 1, ESC(bytes_str(path)));
		if (err)
			err->code = ERR_USAGE;
		return false;
	}
	launch->files[launch->file_count++] = fd;
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
		return err_set(err, ERR_USAGE, "argument %zu: %s is not a regular file", index + 1,
			ESC(bytes_str(path)));
	if (fcntl(fd, F_SETFL, 0) != 0)
		return err_errno(err, errno, "argument %zu", index + 1);
	return true;
}

static bool put_variable(json_t *values, const char *name, struct err *err)
{
	/* The spec names what is taken from the caller; hostd asks for nothing else and is told nothing else. */
	const char *value = name ? secure_getenv(name) : NULL;
	if (!value)
		return true;
	if (json_object_set_new(values, name, json_string(value)) != 0)
		return err_set(err, ERR_USAGE, "environment variable %s: not valid UTF-8",
			ESC(bytes_str(name)));
	return true;
}

static bool on_ask(struct launch *launch, const json_t *event, struct err *err)
{
	struct json_fields f = json_fields_of("answer of assay-hostd");
	const json_t *files = json_need_array(&f, event, "files", LAUNCH_FILES_MAX);
	const json_t *names = json_need_array(&f, event, "environment", SPEC_ENVIRONMENT_MAX);
	if (!json_fields_ok(&f, err))
		return false;
	OWNED(json_release) json_t *reply = json_pack("{s:s,s:{}}", "op", "ready", "environment");
	if (!reply)
		return err_set(err, ERR_NOMEM, "no memory for a request");
	for (size_t i = 0; i < json_array_size(files); i++) {
		if (!open_argument(
			    launch, (size_t)json_integer_value(json_array_get(files, i)), err))
			return false;
	}
	for (size_t i = 0; i < json_array_size(names); i++) {
		if (!put_variable(json_object_get(reply, "environment"),
			    json_string_value(json_array_get(names, i)), err))
			return false;
	}
	return socket_send(launch->socket, reply, NULL, 0, SEND_MS, err);
}

static bool on_progress(struct launch *launch, const json_t *event, struct err *err)
{
	struct json_fields f = json_fields_of("answer of assay-hostd");
	const char *text = json_need_str(&f, event, "text", SOCKET_MESSAGE_MAX);
	if (!json_fields_ok(&f, err))
		return false;
	tell(launch, text);
	return true;
}

static bool read_memfd(int fd, const char *name, size_t max, struct buf *ret, struct err *err)
{
	if (lseek(fd, 0, SEEK_SET) != 0)
		return err_errno(err, errno, "%s", name);
	return file_read_fd(fd, name, max, ret, err);
}

static bool give_verdict(struct launch *launch, const json_t *event, bool trusted, struct err *err)
{
	OWNED(buf_release) struct buf verdict = {0};
	struct json_fields f = json_fields_of("answer of assay-hostd");
	const char *record = json_want_str(&f, event, "record", RECORD_MAX);
	if (!json_fields_ok(&f, err) || !read_memfd(launch->plan.fd[LAUNCH_FD_VERDICT], "verdict",
						VERDICT_TEXT_MAX, &verdict, err))
		return false;
	if (launch->options->verdict)
		launch->options->verdict(launch->options->context, buf_bytes(&verdict), trusted,
			record ? record : "");
	return true;
}

static bool expect_fds(const struct launch *launch, size_t count, struct err *err)
{
	return launch->plan.count == count ||
	       err_set(err, ERR_FORMAT, "answer of assay-hostd: %zu descriptors, expected %zu",
		       launch->plan.count, count);
}

static bool on_refused(struct launch *launch, const json_t *event, struct err *err)
{
	launch->refused = true;
	return expect_fds(launch, 1, err) && give_verdict(launch, event, false, err);
}

static bool on_plan(struct launch *launch, const json_t *event, struct err *err)
{
	return expect_fds(launch, LAUNCH_FDS, err) && give_verdict(launch, event, true, err);
}

struct on_event {
	const char *name;
	bool (*run)(struct launch *launch, const json_t *event, struct err *err);
	bool last;
};
static const struct on_event events[] = {
	{"ask", on_ask, false},
	{"progress", on_progress, false},
	{"refused", on_refused, true},
	{"plan", on_plan, true},
};

static const struct on_event *event_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(events); i++) {
		if (strcmp(events[i].name, name) == 0)
			return &events[i];
	}
	return NULL;
}

static bool next_event(struct launch *launch, bool *ret_last, struct err *err)
{
	OWNED(json_release) json_t *event = NULL;
	OWNED(socket_fds_release) struct socket_fds fds = {0};
	if (!socket_receive(launch->socket, EVENT_MS, LAUNCH_FDS, &event, &fds, err))
		return false;
	if (!event)
		return err_set(err, ERR_IO, "assay-hostd ended the conversation; its log says why");
	if (!socket_error_of(event, err))
		return false;
	struct json_fields f = json_fields_of("answer of assay-hostd");
	const char *name = json_need_str(&f, event, "event", 16);
	if (!json_fields_ok(&f, err))
		return false;
	const struct on_event *on = event_find(name);
	if (!on)
		return err_set(err, ERR_FORMAT, "answer of assay-hostd: event %s is unknown",
			ESC(bytes_str(name)));
	if (fds.count > 0) {
		socket_fds_release(&launch->plan);
		launch->plan = TAKE_STRUCT(fds);
	}
	*ret_last = on->last;
	return on->run(launch, event, err);
}

/* ---- becoming the agent ---- */

static bool become_agent(struct launch *launch, struct err *err)
{
	OWNED(buf_release) struct buf text = {0}, index = {0};
	OWNED(launch_plan_release) struct launch_plan plan = {0};
	struct launch_identity identity;
	const int *fds = launch->plan.fd;
	if (!read_memfd(fds[LAUNCH_FD_PLAN], "launch plan", LAUNCH_PLAN_MAX, &text, err) ||
		!launch_plan_read(buf_bytes(&text), &plan, err) ||
		!read_memfd(fds[LAUNCH_FD_INDEX], "launch index", LAUNCH_INDEX_MAX, &index, err) ||
		!launch_identity_of(plan.uid, plan.gid, &identity, err))
		return false;
	return launch_namespace_enter(buf_bytes(&index), fds[LAUNCH_FD_PACK], plan.sandbox, err) &&
	       launch_exec(fds[LAUNCH_FD_EXECUTABLE], &plan, &identity, launch->files,
		       launch->file_count, &launch->socket, err);
}

/* hostd withdraws the credential at once, rather than when the socket closes. */
static void tell_failure(const struct launch *launch, const struct err *why)
{
	struct err ignored;
	OWNED(json_release)
	json_t *message = json_pack("{s:s,s:s}", "op", "failed", "message", why->text);
	if (message && !socket_send(launch->socket, message, NULL, 0, SEND_MS, &ignored))
		return;
}

static bool converse(struct launch *launch, struct err *err)
{
	const char *path =
		launch->options->socket_path ? launch->options->socket_path : HOSTD_SOCKET_DEFAULT;
	if (!open_credentials(launch, err) || !socket_connect(path, &launch->socket, err) ||
		!send_run(launch, err))
		return false;
	for (bool last = false; !last;) {
		if (!next_event(launch, &last, err))
			return false;
	}
	return true;
}

bool launch_run(const struct launch_options *options, struct err *err)
{
	OWNED(launch_release)
	struct launch launch = {.options = options, .socket = -1, .credentials = -1};
	struct err own;
	struct err *why = err ? err : &own;
	if (!converse(&launch, why))
		return false;
	if (launch.refused)
		return true;
	if (!become_agent(&launch, why))
		tell_failure(&launch, why);
	return false;
}
