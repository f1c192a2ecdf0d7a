/* SPDX-License-Identifier: Apache-2.0 */
#include "verifier/config_webhooks.h"

#include "base/file.h"
#include "base/text.h"
#include "verifier/event_names.h"

#include <stdlib.h>

#define TEXT_MAX        1024u
#define EVENT_NAME_MAX  63u
#define GIVE_UP_DEFAULT (INT64_C(3) * 86400)
#define GIVE_UP_MIN     10
#define GIVE_UP_MAX     (INT64_C(30) * 86400)

#define TEXT(name)                                                                                 \
	CYAML_FIELD_STRING_PTR(#name, CYAML_FLAG_POINTER, struct file_webhook, name, 1, TEXT_MAX)
#define TEXT_OPTIONAL(name)                                                                        \
	CYAML_FIELD_STRING_PTR(#name, CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL,                    \
		struct file_webhook, name, 1, TEXT_MAX)

static const cyaml_schema_value_t event_entry = {
	CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 1, EVENT_NAME_MAX),
};
static const cyaml_schema_field_t webhook_fields[] = {
	TEXT(name),
	TEXT(url),
	TEXT_OPTIONAL(secret_file),
	TEXT_OPTIONAL(key),
	TEXT_OPTIONAL(ca),
	TEXT_OPTIONAL(give_up_after),
	CYAML_FIELD_SEQUENCE("events", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL,
		struct file_webhook, events, &event_entry, 1, WEBHOOK_EVENTS_MAX),
	CYAML_FIELD_END,
};
const cyaml_schema_value_t config_webhook_entry = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct file_webhook, webhook_fields),
};

static bool copy(const char *text, char **ret, struct err *err)
{
	*ret = text ? bytes_strdup(bytes_str(text)) : NULL;
	return !text || *ret || err_set(err, ERR_NOMEM, "configuration");
}

static bool path_copy(const char *directory, const char *path, char **ret, struct err *err)
{
	OWNED(buf_release) struct buf out = {0};
	if (!path || path[0] == '/')
		return copy(path, ret, err);
	const char *full = path_join(&out, directory, path);
	return full ? copy(full, ret, err) : err_set(err, ERR_NOMEM, "configuration");
}

/* A key is an OSSL_STORE URI; of a file the path is relative to the configuration. */
static bool key_copy(const char *directory, const char *uri, char **ret, struct err *err)
{
	OWNED(buf_release) struct buf out = {0};
	OWNED(free_ptr) char *path = NULL;
	if (!uri || (strncmp(uri, "file:", 5) != 0 && strchr(uri, ':')))
		return copy(uri, ret, err);
	if (!path_copy(directory, strncmp(uri, "file:", 5) == 0 ? uri + 5 : uri, &path, err))
		return false;
	buf_printf(&out, "file:%s", path);
	return buf_str(&out) ? copy(buf_str(&out), ret, err)
			     : err_set(err, ERR_NOMEM, "configuration");
}

/* Nothing that would have to be escaped, no user and password: those would stand in logs. */
static bool url_ok(const char *url)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789-._~:/[]?&=%+";
	return strncmp(url, "https://", 8) == 0 && url[8] && url[8] != '/' &&
	       strspn(url, plain) == strlen(url);
}

static bool event_unknown(const char *event, struct err *err)
{
	OWNED(buf_release) struct buf known = {0};
	for (size_t i = 0; event_name_at(i); i++)
		buf_printf(&known, "%s%s", i ? ", " : "", event_name_at(i));
	return err_set(err, ERR_CONFIG, "events: %s: there is no such event; there are %s",
		ESC(bytes_str(event)), buf_str(&known) ? buf_str(&known) : "others");
}

static bool events_take(const struct file_webhook *from, struct config_webhook *to, struct err *err)
{
	for (unsigned i = 0; i < from->events_count; i++) {
		const char *event = from->events[i];
		if (!event_known(event))
			return event_unknown(event, err);
		to->event_count = i + 1;
		if (!copy(event, &to->events[i], err))
			return false;
	}
	return true;
}

static bool one_take(const struct file_webhook *from, const char *directory,
	struct config_webhook *to, struct err *err)
{
	if (!text_is_name(bytes_str(from->name)))
		return err_set(err, ERR_CONFIG, "name: expected 1 to 64 of a-z 0-9 . _ -");
	if (!url_ok(from->url))
		return err_set(err, ERR_CONFIG, "url: %s: expected https://host[:port][/path]",
			ESC(bytes_str(from->url)));
	if (!from->secret_file && !from->key)
		return err_set(err, ERR_CONFIG, "give a secret_file, a key, or both");
	to->give_up_after = GIVE_UP_DEFAULT;
	if (from->give_up_after && !time_parse_duration(bytes_str(from->give_up_after), GIVE_UP_MAX,
					   &to->give_up_after, err))
		return err_wrap(err, "give_up_after");
	if (to->give_up_after < GIVE_UP_MIN)
		return err_set(err, ERR_CONFIG, "give_up_after: at least 10s");
	return copy(from->name, &to->name, err) && copy(from->url, &to->url, err) &&
	       path_copy(directory, from->secret_file, &to->secret_file, err) &&
	       key_copy(directory, from->key, &to->key, err) &&
	       path_copy(directory, from->ca, &to->ca, err) && events_take(from, to, err);
}

bool config_webhooks_take(const struct file_webhook *file, size_t count, const char *directory,
	struct config *config, struct err *err)
{
	config->webhooks = calloc(count + 1, sizeof(*config->webhooks));
	if (!config->webhooks)
		return err_set(err, ERR_NOMEM, "configuration");
	for (size_t i = 0; i < count; i++) {
		config->webhook_count = i + 1;
		if (!one_take(&file[i], directory, &config->webhooks[i], err))
			return err_wrap(err, "webhooks: %s", ESC(bytes_str(file[i].name)));
		for (size_t k = 0; k < i; k++)
			if (strcmp(file[k].name, file[i].name) == 0)
				return err_set(
					err, ERR_CONFIG, "webhooks: %s: given twice", file[i].name);
	}
	return true;
}

void config_webhook_release(struct config_webhook *webhook)
{
	char *const texts[] = {
		webhook->name, webhook->url, webhook->secret_file, webhook->key, webhook->ca};
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		free(texts[i]);
	for (size_t i = 0; i < webhook->event_count; i++)
		free(webhook->events[i]);
	memset(webhook, 0, sizeof(*webhook));
}

void config_webhooks_release(struct config *config)
{
	for (size_t i = 0; i < config->webhook_count; i++)
		config_webhook_release(&config->webhooks[i]);
	free(config->webhooks);
}
