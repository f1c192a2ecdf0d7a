/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/host_id.h"

bool hosts_fetch(struct cli *cli, json_t *all)
{
	char path[256] = "/v1/hosts?limit=500", after[160] = "";
	do {
		OWNED(json_release) json_t *answer = NULL;
		if (!api_json(cli, path, NULL, NULL, &answer))
			return false;
		if (json_array_extend(all, json_object_get(answer, "hosts")) != 0)
			return err_set(&cli->err, ERR_FORMAT, "hosts: expected a list");
		const char *next = json_string_value(json_object_get(answer, "next"));
		if (next && (strspn(next, "0123456789abcdef") != strlen(next) ||
				    strlen(next) >= sizeof(after) || strcmp(next, after) <= 0))
			return err_set(&cli->err, ERR_FORMAT, "next: does not move on");
		(void)snprintf(after, sizeof(after), "%s", next ? next : "");
		(void)snprintf(path, sizeof(path), "/v1/hosts?limit=500&after=%s", after);
	} while (after[0]);
	return true;
}

bool host_id_resolve(struct cli *cli, char out[2 * SHA256_LEN + 1])
{
	const char *id = cli->arguments->values[0];
	size_t len = strlen(id), i;
	if (len < 4 || len > 64 || strspn(id, "0123456789abcdef") != len)
		return err_set(&cli->err, ERR_USAGE,
			"a host is named by its id: at least 4 of its 64 hex digits");
	(void)snprintf(out, 65, "%s", id);
	if (len == 64)
		return true;
	OWNED(json_release) json_t *all = json_array();
	if (!all || !hosts_fetch(cli, all))
		return false;
	json_t *row;
	size_t found = 0;
	json_array_foreach(all, i, row)
	{
		const char *full = json_string_value(json_object_get(row, "id"));
		if (full && strlen(full) == 64 && strncmp(full, id, len) == 0) {
			(void)snprintf(out, 65, "%s", full);
			found++;
		}
	}
	if (found != 1)
		return err_set(&cli->err, ERR_NOT_FOUND, "%zu hosts begin with %s", found, id);
	return true;
}

bool host_attributes_put(struct cli *cli, const char *name, json_t *request, const char *key)
{
	const struct option_value *given = option_all(cli, name);
	OWNED(json_release) json_t *set = json_object();
	if (!given)
		return true;
	for (size_t i = 0; i < given->count; i++) {
		const char *text = given->values[i], *equals = strchr(text, '=');
		if (!equals || equals == text)
			return err_set(&cli->err, ERR_USAGE, "--%s %s: expected KEY=VALUE", name,
				ESC(bytes_str(text)));
		OWNED(free_ptr) char *word = bytes_strdup(bytes_of(text, (size_t)(equals - text)));
		if (word && json_object_get(set, word))
			return err_set(&cli->err, ERR_USAGE, "--%s %s: given twice", name,
				ESC(bytes_str(word)));
		if (!word || json_object_set_new(set, word, json_string(equals + 1)) != 0)
			return err_set(
				&cli->err, ERR_USAGE, "--%s: not valid UTF-8, or no memory", name);
	}
	return json_object_set(request, key, set) == 0 || err_set(&cli->err, ERR_NOMEM, "request");
}

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));
	return text ? text : "";
}

/* "spiffe://bank.example/operator/admin/olga" is olga. */
static const char *operator_of(const json_t *object)
{
	const char *by = text_of(object, "by"), *slash = strrchr(by, '/');
	return slash ? slash + 1 : by;
}

static void print_said(const json_t *row, const char *key, const char *value, const char *time)
{
	(void)printf("  %-20s %-20s %s by %s: %s\n", ESC(bytes_str(key)), ESC(bytes_str(value)),
		ESC(bytes_str(text_of(row, time))), ESC(bytes_str(operator_of(row))),
		ESC(bytes_str(text_of(row, "reason"))));
}

/* What its TPM went through, the oldest first. */
static void print_tpm(const json_t *list)
{
	const json_t *row, *step;
	size_t i, k;
	(void)puts("TPM, from its counters and clock:");
	json_array_foreach(list, i, row)
	{
		const json_t *steps = json_object_get(row, "steps");
		(void)printf("  %-20s ", ESC(bytes_str(text_of(row, "time"))));
		json_array_foreach(steps, k, step)
		{
			const char *name = json_string_value(step);
			(void)printf("%s%s", k ? ", " : "", ESC(bytes_str(name ? name : "")));
		}
		(void)printf("%s (reset %lld, restart %lld)%s\n",
			json_array_size(steps) ? "" : "first seen",
			(long long)json_integer_value(json_object_get(row, "reset_count")),
			(long long)json_integer_value(json_object_get(row, "restart_count")),
			json_is_true(json_object_get(row, "accepted")) ? "" : ": refused");
	}
	if (json_array_size(list) == 0)
		(void)puts("  (nothing seen)");
}

enum status host_print(struct cli *cli, json_t *host)
{
	OWNED(json_release) json_t *owned = host;
	if (cli->json)
		return cli_print_json(cli, TAKE(owned), STATUS_DONE);
	OWNED(json_release) json_t *said = json_incref(json_object_get(owned, "attributes"));
	OWNED(json_release)
	json_t *history = json_incref(json_object_get(owned, "attribute_history"));
	const char *key;
	json_t *row;
	size_t i;
	OWNED(json_release) json_t *tpm = json_incref(json_object_get(owned, "tpm"));
	(void)json_object_del(owned, "tpm");
	(void)json_object_del(owned, "attributes");
	(void)json_object_del(owned, "attribute_history");
	cli_print_object(owned);
	print_tpm(tpm);
	(void)puts("attributes, asserted by operators:");
	json_object_foreach(said, key, row) print_said(row, key, text_of(row, "value"), "since");
	if (json_object_size(said) == 0)
		(void)puts("  (none)");
	if (json_array_size(history) > json_object_size(said))
		(void)puts("what was said before, the newest first:");
	for (i = 0;
		json_array_size(history) > json_object_size(said) && i < json_array_size(history);
		i++) {
		row = json_array_get(history, i);
		print_said(row, text_of(row, "key"),
			json_is_null(json_object_get(row, "value")) ? "taken back"
								    : text_of(row, "value"),
			"time");
	}
	return STATUS_DONE;
}
