/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/policy_stored.h"

#include "policy/policy.h"

bool policy_stored_version(struct cli *cli, int64_t *ret)
{
	const char *text = cli->arguments->values[0];
	size_t len = strlen(text);
	int64_t version = 0;
	if (len == 0 || len > 18 || text[0] == '0' || strspn(text, "0123456789") != len)
		return err_set(&cli->err, ERR_USAGE,
			"a policy is named by its version, a number (assay policy list)");
	for (size_t i = 0; i < len; i++)
		version = version * 10 + (text[i] - '0');
	*ret = version;
	return true;
}

bool policy_stored_list(struct cli *cli, json_t **ret)
{
	return api_json(cli, "/v1/policies", NULL, NULL, ret);
}

bool policy_stored_row(struct cli *cli, int64_t version, json_t **ret)
{
	OWNED(json_release) json_t *list = NULL;
	json_t *row;
	size_t i;
	if (!policy_stored_list(cli, &list))
		return false;
	json_array_foreach(json_object_get(list, "policies"), i, row)
	{
		if (json_integer_value(json_object_get(row, "version")) != version)
			continue;
		*ret = json_incref(row);
		return true;
	}
	return err_set(&cli->err, ERR_NOT_FOUND, "the verifier has no policy of version %lld",
		(long long)version);
}

const char *policy_stored_text(const json_t *row, const char *key)
{
	const char *text = json_string_value(json_object_get(row, key));
	return text ? text : "";
}

void policy_stored_differences(const struct cli *cli, const json_t *differences)
{
	json_t *row;
	size_t i;
	json_array_foreach(differences, i, row)
	{
		char workload[160], host[80], reason[160];
		const char *name = policy_stored_text(row, "workload");
		const char *after = policy_stored_text(row, "after");
		(void)printf("%6lld  %s on %.16s: was %s, would be %s%s%s: %s\n",
			(long long)json_integer_value(json_object_get(row, "count")),
			name[0] ? text_escape(bytes_str(name), workload, sizeof(workload))
				: "(no workload)",
			text_escape(bytes_str(policy_stored_text(row, "host")), host, sizeof(host)),
			strcmp(policy_stored_text(row, "before"), "trusted") == 0 ? "trusted"
										  : "untrusted",
			colour(cli, strcmp(after, "trusted") == 0 ? "green" : "red"),
			strcmp(after, "trusted") == 0 ? "trusted" : "untrusted", colour(cli, "off"),
			text_escape(bytes_str(policy_stored_text(row, "reason")), reason,
				sizeof(reason)));
	}
}

/* Where a line of its own begins with the key; NULL: none, or more than one. */
static const char *only_line(struct bytes text, const char *key, const char **ret_end)
{
	const char *at = (const char *)text.data, *end = at + text.len, *found = NULL;
	size_t len = strlen(key), count = 0;
	while (at < end) {
		const char *next = memchr(at, '\n', (size_t)(end - at));
		const char *line_end = next ? next : end;
		if ((size_t)(line_end - at) >= len && memcmp(at, key, len) == 0) {
			found = at;
			*ret_end = line_end;
			count++;
		}
		at = next ? next + 1 : end;
	}
	return count == 1 ? found : NULL;
}

bool policy_version_set(struct bytes text, int64_t version, struct buf *out, struct err *err)
{
	static const char key[] = "version:";
	OWNED(policy_free) struct policy *policy = NULL;
	const char *line_end = NULL, *line = only_line(text, key, &line_end);
	if (!line)
		return err_set(err, ERR_CONFIG,
			"version: not on a line of its own: write the new version there by hand");
	buf_put(out, bytes_of(text.data, (size_t)(line - (const char *)text.data)));
	buf_printf(out, "%s %lld", key, (long long)version);
	buf_put(out, bytes_of(line_end, (size_t)((const char *)text.data + text.len - line_end)));
	/* What was no key after all would show here. */
	if (!buf_ok(out, err) || !policy_parse(buf_bytes(out), "policy", &policy, err))
		return false;
	return policy->version == version ||
	       err_set(err, ERR_CONFIG, "version: is not what the line that begins so says");
}
