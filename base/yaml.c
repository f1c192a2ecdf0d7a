/* SPDX-License-Identifier: Apache-2.0 */
#include "base/yaml.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "base/yaml_scan.h"

/* What libcyaml said: the first error, and the first place that its backtrace names. */
struct complaint {
	char text[256];
	size_t line, column;
};

__attribute__((format(printf, 3, 0))) static void on_log(
	cyaml_log_t level, void *context, const char *format, va_list args)
{
	static const char prefix[] = "Load: ";
	struct complaint *complaint = context;
	char text[256] = "";
	char *start = text, *place;

	(void)level;
	vsnprintf(text, sizeof(text), format, args);
	text[strcspn(text, "\n")] = '\0';
	place = strstr(text, "(line: ");
	if (strncmp(text, "  in ", 5) == 0) {
		if (place && complaint->line == 0) {
			char *end = NULL;
			complaint->line = strtoul(place + 7, &end, 10);
			if (strncmp(end, ", column: ", 10) == 0)
				complaint->column = strtoul(end + 10, NULL, 10);
		}
		return;
	}
	if (strncmp(text, prefix, sizeof(prefix) - 1) == 0)
		start += sizeof(prefix) - 1;
	if (complaint->text[0] == '\0' && strcmp(start, "Backtrace:") != 0)
		snprintf(complaint->text, sizeof(complaint->text), "%s", start);
}

static cyaml_config_t config_of(struct complaint *complaint)
{
	return (cyaml_config_t){
		.log_fn = complaint ? on_log : NULL,
		.log_ctx = complaint,
		.mem_fn = cyaml_mem,
		.log_level = CYAML_LOG_ERROR,
		.flags = CYAML_CFG_NO_ALIAS,
	};
}

static bool load(struct bytes text, const char *name, const cyaml_schema_value_t *schema,
	void **ret, unsigned *ret_count, struct err *err)
{
	struct complaint complaint = {0};
	cyaml_config_t config = config_of(&complaint);
	cyaml_data_t *data = NULL;
	cyaml_err_t result;

	if (text.len > YAML_INPUT_MAX)
		return err_set(err, ERR_LIMIT, "%s: %zu bytes, more than %u", name, text.len,
			YAML_INPUT_MAX);
	if (!yaml_scan(text, name, schema, err))
		return false;
	result = cyaml_load_data(text.data, text.len, &config, schema, &data, ret_count);
	if (result == CYAML_ERR_OOM)
		return err_set(err, ERR_NOMEM, "%s: out of memory", name);
	if (result != CYAML_OK)
		return err_set(err, ERR_CONFIG, "%s:%zu:%zu: %s", name,
			complaint.line ? complaint.line : 1,
			complaint.column ? complaint.column : 1,
			ESC(bytes_str(
				complaint.text[0] ? complaint.text : cyaml_strerror(result))));
	/* libcyaml may answer so to a text that sets nothing; callers need not think of it. */
	if (!data && !ret_count)
		return err_set(err, ERR_CONFIG, "%s: nothing in it", name);
	*ret = data;
	return true;
}

bool yaml_load(struct bytes text, const char *name, const cyaml_schema_value_t *schema, void **ret,
	struct err *err)
{
	return load(text, name, schema, ret, NULL, err);
}

bool yaml_load_sequence(struct bytes text, const char *name, const cyaml_schema_value_t *schema,
	void **ret, unsigned *ret_count, struct err *err)
{
	unsigned count = 0;

	if (!load(text, name, schema, ret, &count, err))
		return false;
	*ret_count = count;
	return true;
}

/* libyaml has a function of this name inside; hidden visibility keeps the two apart. */
void yaml_free(const cyaml_schema_value_t *schema, void *data, unsigned count)
{
	cyaml_config_t config = config_of(NULL);

	if (data)
		(void)cyaml_free(&config, schema, data, count);
}
