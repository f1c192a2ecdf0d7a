/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/launch_host.h"

#include <stdlib.h>
#include <sys/utsname.h>

#include "base/file.h"
#include "base/text.h"
#include "base/time.h"

/* ---- argument vector ---- */

static const struct closure_file *interpreter_of(const struct closure *closure)
{
	for (size_t i = 0; i < closure->count; i++) {
		if (closure->files[i].interpreter)
			return &closure->files[i];
	}
	return NULL;
}

static bool put_argument(struct launch_plan *plan, const char *word, struct err *err)
{
	if (plan->argument_count == LAUNCH_WORDS_MAX)
		return err_set(err, ERR_LIMIT, "more than %u arguments", LAUNCH_WORDS_MAX);
	plan->arguments[plan->argument_count++] = word;
	return true;
}

/* A script runs as its measured interpreter, with the words that the kernel would give it. */
static bool plan_arguments(struct launch_host *launch, struct err *err)
{
	const struct closure *closure = &launch->material.closure;
	const struct closure_file *interpreter = interpreter_of(closure);
	int numbers[SPEC_ARGUMENTS_MAX];
	for (size_t i = 0; i < launch->values.file_count; i++)
		numbers[i] = LAUNCH_FIRST_FD + (int)i;
	if (!spec_argv(&launch->spec, &launch->values, numbers, launch->values.file_count,
		    &launch->argv, err))
		return false;
	if (interpreter && !put_argument(&launch->plan, interpreter->found, err))
		return false;
	if (interpreter && closure->script_argument &&
		!put_argument(&launch->plan, closure->script_argument, err))
		return false;
	for (char **word = launch->argv; *word; word++) {
		if (!put_argument(&launch->plan, *word, err))
			return false;
	}
	return true;
}

/* ---- environment: empty but for what the spec names and the two that the launch itself needs ---- */

static bool put_variable(
	struct launch_host *launch, const char *name, const char *value, struct err *err)
{
	struct launch_plan *plan = &launch->plan;
	struct buf *text = &launch->variables[plan->environment_count];
	buf_printf(text, "%s=%s", name, value);
	if (!buf_str(text))
		return buf_ok(text, err);
	plan->environment[plan->environment_count++] = buf_str(text);
	return true;
}

static bool plan_environment(struct launch_host *launch, struct err *err)
{
	const json_t *given = json_object_get(launch->ready, "environment");
	for (size_t i = 0; i < launch->spec.environment_count; i++) {
		const struct spec_variable *variable = &launch->spec.environment[i];
		const char *value =
			variable->value ? variable->value
					: json_string_value(json_object_get(given, variable->name));
		if (strcmp(variable->name, "ASSAY_CREDENTIALS") == 0)
			return err_set(err, ERR_CONFIG,
				"ASSAY_CREDENTIALS is set by the launch, not by the spec");
		if (value && !put_variable(launch, variable->name, value, err))
			return false;
	}
	if (!put_variable(launch, "ASSAY_CREDENTIALS", launch->instance->directory_path, err))
		return false;
	return launch->material.closure.count == 0 ||
	       put_variable(launch, "LD_LIBRARY_PATH", LAUNCH_LIBRARIES, err);
}

bool launch_host_plan(struct launch_host *launch, struct err *err)
{
	struct launch_plan *plan = &launch->plan;
	memcpy(plan->instance, launch->instance->hex, sizeof(plan->instance));
	plan->uid = launch->instance->uid;
	plan->gid = launch->instance->gid;
	plan->sandbox = launch->spec.sandbox;
	plan->directory = launch->spec.working_directory_canonical;
	return plan_arguments(launch, err) && plan_environment(launch, err);
}

/* ---- records ---- */

static bool salt_arguments(const struct launch_plan *plan, const uint8_t salt[16],
	struct runtime_launch *record, struct err *err)
{
	record->argument_count = plan->argument_count;
	for (size_t i = 0; i < plan->argument_count; i++) {
		if (!runtime_salted(salt, bytes_str(plan->arguments[i]), record->arguments[i], err))
			return false;
	}
	return true;
}

static bool salt_environment(const struct launch_plan *plan, const uint8_t salt[16],
	struct runtime_launch *record, struct err *err)
{
	record->environment_count = plan->environment_count;
	for (size_t i = 0; i < plan->environment_count; i++) {
		const char *name = plan->environment[i], *value = strchr(name, '=');
		record->environment_names[i] = bytes_of(name, (size_t)(value - name));
		if (!runtime_salted(salt, bytes_str(value + 1), record->environment[i], err))
			return false;
	}
	return true;
}

static bool fill_record(const struct launch_host *launch, struct runtime_launch *record,
	struct buf *names, struct err *err)
{
	uint8_t salt[16];
	const struct instance *instance = launch->instance;
	memcpy(record->instance, instance->id, sizeof(record->instance));
	memcpy(record->release, instance->release, SHA256_LEN);
	memcpy(record->spec, launch->spec.digest, SHA256_LEN);
	record->workload = bytes_str(instance->workload);
	record->working_directory = bytes_str(launch->plan.directory);
	record->uid = instance->uid;
	record->gid = instance->gid;
	record->sandbox = launch->plan.sandbox;
	record->component_count = launch->material.component_count;
	for (size_t i = 0; i < record->component_count; i++)
		memcpy(record->components[i], launch->material.components[i].digest, SHA256_LEN);
	for (size_t i = 0; i < launch->values.file_count; i++) {
		buf_printf(&names[i], "argument %s",
			launch->spec.arguments[launch->values.files[i]].name);
		record->descriptors[record->descriptor_count++] = buf_bytes(&names[i]);
	}
	return random_fill(&random_system, salt, sizeof(salt), err) &&
	       salt_arguments(&launch->plan, salt, record, err) &&
	       salt_environment(&launch->plan, salt, record, err);
}

/* Which kernel runs here, as it says itself. A command line that cannot be had is none. */
static void put_kernel(const struct utsname *name, struct buf *line, struct runtime_launch *record)
{
	if (name->release[0] == '\0')
		return;
	if (!file_read("/proc/cmdline", RUNTIME_CMDLINE_MAX, line, NULL))
		buf_clear(line);
	while (line->len > 0 && line->data[line->len - 1] == '\n')
		line->len--;
	record->kernel = bytes_str(name->release);
	record->kernel_command_line = buf_bytes(line);
}

static bool encode_launch(struct launch_host *launch, struct buf *out, struct err *err)
{
	struct buf names[SPEC_ARGUMENTS_MAX] = {0};
	OWNED(buf_release) struct buf line = {0};
	struct utsname kernel = {0};
	OWNED(free_ptr) struct runtime_launch *record = calloc(1, sizeof(*record));
	if (!record)
		return err_set(err, ERR_NOMEM, "no memory for the launch record");
	if (uname(&kernel) == 0)
		put_kernel(&kernel, &line, record);
	bool ok = fill_record(launch, record, names, err) &&
		  runtime_launch_encode(record, clock_wall(&clock_system), out, err);
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		buf_release(&names[i]);
	return ok;
}

bool launch_host_record(struct launch_host *launch, struct err *err)
{
	OWNED(buf_release) struct buf content = {0};
	if (!encode_launch(launch, &content, err))
		return false;
	for (size_t i = 0; i < launch->material.component_count; i++) {
		if (!host_log_append(launch->hostd->events,
			    buf_bytes(&launch->material.components[i].content), err))
			return false;
	}
	return host_log_append(launch->hostd->events, buf_bytes(&content), err);
}
