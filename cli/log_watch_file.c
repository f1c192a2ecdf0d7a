/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/log_watch_file.h"

#include <stdlib.h>

#include "base/file.h"
#include "base/text.h"
#include "base/yaml.h"

#define TEXT_MAX 512u
#define PEM_MAX  65536u

/* As libcyaml loads it. */
struct file_watched {
	char *workload;
	char **operators, **release_keys;
	unsigned operators_count, release_keys_count;
};
struct file_watch {
	struct file_watched *watch;
	char **policies;
	unsigned watch_count, policies_count;
};

static const cyaml_schema_value_t text_entry = {
	CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 1, TEXT_MAX),
};
static const cyaml_schema_field_t watched_fields[] = {
	CYAML_FIELD_STRING_PTR(
		"workload", CYAML_FLAG_POINTER, struct file_watched, workload, 1, TEXT_MAX),
	CYAML_FIELD_SEQUENCE("operators", CYAML_FLAG_POINTER, struct file_watched, operators,
		&text_entry, 0, LOG_WATCH_WHO_MAX),
	CYAML_FIELD_SEQUENCE("release_keys", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL,
		struct file_watched, release_keys, &text_entry, 1, LOG_WATCH_WHO_MAX),
	CYAML_FIELD_END,
};
static const cyaml_schema_value_t watched_entry = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct file_watched, watched_fields),
};
static const cyaml_schema_field_t fields[] = {
	CYAML_FIELD_SEQUENCE("watch", CYAML_FLAG_POINTER, struct file_watch, watch, &watched_entry,
		0, LOG_WATCH_MAX),
	CYAML_FIELD_SEQUENCE("policies", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL,
		struct file_watch, policies, &text_entry, 0, LOG_WATCH_WHO_MAX),
	CYAML_FIELD_END,
};
static const cyaml_schema_value_t schema = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct file_watch, fields),
};

static bool names_take(char *const *from, unsigned count, struct watch_names *to, struct err *err)
{
	to->list = calloc(count + 1u, sizeof(*to->list));
	if (!to->list)
		return err_set(err, ERR_NOMEM, "watch: no memory");
	for (; to->count < count; to->count++) {
		to->list[to->count] = bytes_strdup(bytes_str(from[to->count]));
		if (!to->list[to->count])
			return err_set(err, ERR_NOMEM, "watch: no memory");
	}
	return true;
}

/* "keys/watch.yaml" names its keys from keys/ on. */
static bool key_take(const char *file, const char *name, struct key **ret, struct err *err)
{
	OWNED(buf_release) struct buf path = {0}, pem = {0};
	const char *slash = strrchr(file, '/');

	if (slash && name[0] != '/')
		buf_printf(&path, "%.*s", (int)(slash - file + 1), file);
	buf_put_str(&path, name);
	return buf_ok(&path, err) && ((file_read(buf_str(&path), PEM_MAX, &pem, err) &&
					      key_from_pem(buf_bytes(&pem), ret, err)) ||
					     err_wrap(err, "release_keys: %s", name));
}

static bool watched_take(
	const char *file, const struct file_watched *from, struct watched *to, struct err *err)
{
	if (!text_is_name(bytes_str(from->workload)))
		return err_set(err, ERR_CONFIG, "workload: %s: not the name of one",
			ESC(bytes_str(from->workload)));
	to->workload = bytes_strdup(bytes_str(from->workload));
	if (!to->workload)
		return err_set(err, ERR_NOMEM, "watch: no memory");
	if (!names_take(from->operators, from->operators_count, &to->operators, err))
		return false;
	for (; to->key_count < from->release_keys_count; to->key_count++)
		if (!key_take(
			    file, from->release_keys[to->key_count], &to->keys[to->key_count], err))
			return false;
	return true;
}

static bool twice(const struct log_watch *w, const char *workload)
{
	for (size_t i = 0; i < w->count; i++)
		if (strcmp(w->list[i].workload, workload) == 0)
			return true;
	return false;
}

static bool take(
	const char *path, const struct file_watch *from, struct log_watch *to, struct err *err)
{
	for (unsigned i = 0; i < from->watch_count; i++) {
		if (twice(to, from->watch[i].workload))
			return err_set(err, ERR_CONFIG, "workload %s: twice",
				ESC(bytes_str(from->watch[i].workload)));
		/* Counted first, so that half of one is freed too. */
		if (!watched_take(path, &from->watch[i], &to->list[to->count++], err))
			return false;
	}
	to->policies_watched = from->policies != NULL;
	return names_take(from->policies, from->policies_count, &to->policies, err);
}

bool log_watch_load(const char *path, struct log_watch **ret, struct err *err)
{
	OWNED(buf_release) struct buf text = {0};
	OWNED(log_watch_free) struct log_watch *watch = calloc(1, sizeof(*watch));
	void *file = NULL;
	bool ok;

	if (!watch)
		return err_set(err, ERR_NOMEM, "watch: no memory");
	if (!file_read(path, LOG_WATCH_FILE_MAX, &text, err) ||
		!yaml_load(buf_bytes(&text), path, &schema, &file, err))
		return false;
	ok = take(path, file, watch, err);
	yaml_free(&schema, file, 0);
	if (!ok)
		return err_wrap(err, "%s", path);
	*ret = TAKE(watch);
	return true;
}

static void names_release(struct watch_names *names)
{
	for (size_t i = 0; i < names->count; i++)
		free(names->list[i]);
	free(names->list);
}

void log_watch_free(struct log_watch **watch)
{
	struct log_watch *w = *watch;

	if (!w)
		return;
	for (size_t i = 0; i < w->count; i++) {
		free(w->list[i].workload);
		names_release(&w->list[i].operators);
		for (size_t k = 0; k < w->list[i].key_count; k++)
			key_unref(&w->list[i].keys[k]);
	}
	names_release(&w->policies);
	free(w->warnings);
	free(w->destroyed);
	free(w);
	*watch = NULL;
}
