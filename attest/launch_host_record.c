/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/launch_host.h"

#include <stdlib.h>
#include <sys/utsname.h>

#include "base/file.h"
#include "base/text.h"
#include "base/time.h"
#include "evidence/kept_environment.h"

/* A component's record beside its texts: numbers, digests, names of the closure. */
#define COMPONENT_MORE (HOST_LOG_RECORD_MORE + 256u)

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

/* The texts that a launch record borrows. */
struct record_texts {
	struct buf names[SPEC_ARGUMENTS_MAX];
	struct buf line, wrapped, sealed;
};

static void record_texts_release(struct record_texts *texts)
{
	for (size_t i = 0; i < ARRAY_LEN(texts->names); i++)
		buf_release(&texts->names[i]);
	buf_release(&texts->line);
	buf_release(&texts->wrapped);
	buf_release(&texts->sealed);
}

static int variable_order(const void *a, const void *b)
{
	const char *x = *(const char *const *)a, *y = *(const char *const *)b;
	return bytes_compare(bytes_of(x, strcspn(x, "=")), bytes_of(y, strcspn(y, "=")));
}

/* The values in the order in which the record has their names, sealed for whom the spec says. */
static bool keep_environment(const struct launch_host *launch, const uint8_t salt[16],
	struct runtime_launch *record, struct record_texts *texts, struct err *err)
{
	const struct key *recipient = launch->spec.environment_key;
	const struct launch_plan *plan = &launch->plan;
	const char *variables[ARRAY_LEN(plan->environment)];
	struct kept_environment kept = {.count = plan->environment_count};
	if (!recipient)
		return true;
	memcpy(kept.salt, salt, sizeof(kept.salt));
	memcpy(variables, plan->environment, kept.count * sizeof(variables[0]));
	qsort(variables, kept.count, sizeof(variables[0]), variable_order);
	for (size_t i = 0; i < kept.count; i++)
		kept.values[i] = bytes_str(strchr(variables[i], '=') + 1);
	record->kept = true;
	memcpy(record->kept_for, key_id(recipient), SHA256_LEN);
	bool ok = kept_environment_seal(&kept, recipient, record->instance, &random_system,
		&texts->wrapped, &texts->sealed, err);
	secret_wipe(kept.salt, sizeof(kept.salt));
	record->kept_key = buf_bytes(&texts->wrapped);
	record->kept_values = buf_bytes(&texts->sealed);
	return ok;
}

static bool fill_record(const struct launch_host *launch, struct runtime_launch *record,
	struct record_texts *texts, struct err *err)
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
		buf_printf(&texts->names[i], "argument %s",
			launch->spec.arguments[launch->values.files[i]].name);
		record->descriptors[record->descriptor_count++] = buf_bytes(&texts->names[i]);
	}
	return random_fill(&random_system, salt, sizeof(salt), err) &&
	       salt_arguments(&launch->plan, salt, record, err) &&
	       salt_environment(&launch->plan, salt, record, err) &&
	       keep_environment(launch, salt, record, texts, err);
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
	OWNED(record_texts_release) struct record_texts texts = {0};
	struct utsname kernel = {0};
	OWNED(free_ptr) struct runtime_launch *record = calloc(1, sizeof(*record));
	if (!record)
		return err_set(err, ERR_NOMEM, "no memory for the launch record");
	if (uname(&kernel) == 0)
		put_kernel(&kernel, &texts.line, record);
	return fill_record(launch, record, &texts, err) &&
	       runtime_launch_encode(record, clock_wall(launch->hostd->clock), out, err);
}

/* The texts of its record, and its numbers. */
static uint64_t component_bytes(const struct spec_component *c)
{
	return COMPONENT_MORE + strlen(c->name) + strlen(c->path) + strlen(c->canonical);
}

/* At most, whatever is found when it is measured. */
static uint64_t log_bytes(const struct spec *spec)
{
	uint64_t closure = COMPONENT_MORE + 2 * strlen(spec->components[spec->binary].canonical);
	uint64_t all = closure + HOST_LOG_RECORD_MORE + RUNTIME_RECORD_MAX;
	for (size_t i = 0; i < spec->component_count; i++)
		all += component_bytes(&spec->components[i]);
	return all;
}

bool launch_host_reserve(struct launch_host *launch, struct err *err)
{
	bool bounded = !hostd_peer_is_operator(launch->connection);
	launch->place = (struct instance_place){.uid = launch->instance->uid, .bounded = bounded};
	launch->log_place = (struct host_log_place){
		.uid = launch->instance->uid, .bounded = bounded, .left = log_bytes(&launch->spec)};
	if (instances_reserve(launch->hostd->instances, &launch->place, err))
		return host_log_reserve(launch->hostd->events, &launch->log_place, err);
	launch->log_place.left = 0;
	return false;
}

bool launch_host_record(struct launch_host *launch, struct err *err)
{
	OWNED(buf_release) struct buf content = {0};
	struct host_log *log = launch->hostd->events;
	if (!encode_launch(launch, &content, err))
		return false;
	bool ok = true;
	for (size_t i = 0; ok && i < launch->material.component_count; i++)
		ok = host_log_append_at(log, &launch->log_place,
			buf_bytes(&launch->material.components[i].content), err);
	ok = ok && host_log_append_at(log, &launch->log_place, buf_bytes(&content), err);
	host_log_give_back(log, &launch->log_place);
	return ok;
}
