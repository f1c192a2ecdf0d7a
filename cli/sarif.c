/* SPDX-License-Identifier: Apache-2.0 */
/* The gate's reasons as SARIF 2.1.0 (OASIS Static Analysis Results Interchange Format), for sites
 * that show findings beside code. */
#include "cli/release_input.h"

#define SARIF_SCHEMA "https://json.schemastore.org/sarif-2.1.0.json"
#define SARIF_TEXT   2048

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));
	return text ? text : "";
}

/* RFC 3986, section 2.3: what is not unreserved is encoded; slashes stay. */
static void uri_put(struct buf *out, const char *path)
{
	for (const unsigned char *at = (const unsigned char *)path; *at; at++) {
		if ((*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z') ||
			(*at >= '0' && *at <= '9') || strchr("-._~/", *at))
			buf_put_u8(out, *at);
		else
			buf_printf(out, "%%%02X", *at);
	}
}

static json_t *rule_json(enum reason_code code)
{
	return json_pack("{s:s,s:{s:s},s:{s:s}}", "id", reason_code_name(code), "shortDescription",
		"text", reason_code_name(code), "help", "text", reason_code_hint(code));
}

/* The place of a rule in the list, which it joins if it is new; -1: no memory. */
static int rule_index(json_t *rules, const char *id)
{
	enum reason_code code = reason_code_of_name(bytes_str(id));
	for (size_t i = 0; i < json_array_size(rules); i++)
		if (strcmp(text_of(json_array_get(rules, i), "id"), reason_code_name(code)) == 0)
			return (int)i;
	if (json_array_append_new(rules, rule_json(code)) != 0)
		return -1;
	return (int)json_array_size(rules) - 1;
}

static bool result_put(json_t *results, json_t *rules, const json_t *reason, const char *uri)
{
	char message[SARIF_TEXT];
	int rule = rule_index(rules, text_of(reason, "code"));
	(void)snprintf(message, sizeof(message), "%s: expected %s, found %s. %s",
		text_of(reason, "subject"), text_of(reason, "expected"), text_of(reason, "actual"),
		text_of(reason, "hint"));
	return rule >= 0 &&
	       json_array_append_new(results,
		       json_pack("{s:s,s:i,s:s,s:{s:s},s:[{s:{s:{s:s}}}]}", "ruleId",
			       text_of(json_array_get(rules, (size_t)rule), "id"), "ruleIndex",
			       rule, "level", "error", "message", "text", message, "locations",
			       "physicalLocation", "artifactLocation", "uri", uri)) == 0;
}

json_t *gate_sarif(const json_t *answer, const char *location)
{
	OWNED(json_release) json_t *rules = json_array();
	OWNED(json_release) json_t *results = json_array();
	OWNED(buf_release) struct buf uri = {0};
	const json_t *reasons = json_object_get(json_object_get(answer, "verdict"), "reasons");
	uri_put(&uri, location);
	if (!rules || !results || !buf_str(&uri))
		return NULL;
	for (size_t i = 0; i < json_array_size(reasons); i++)
		if (!result_put(results, rules, json_array_get(reasons, i), buf_str(&uri)))
			return NULL;
	return json_pack("{s:s,s:s,s:[{s:{s:{s:s,s:s,s:O}},s:O}]}", "$schema", SARIF_SCHEMA,
		"version", "2.1.0", "runs", "tool", "driver", "name", "assay gate", "version",
		ASSAY_VERSION, "rules", rules, "results", results);
}
