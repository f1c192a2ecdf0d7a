/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/floor_text.h"

#include "policy/security_floor.h"

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));
	return text ? text : "";
}

static void put(struct buf *out, const json_t *floor, const char *value, const char *what)
{
	if (!json_is_object(floor))
		buf_put_str(out, "none");
	else
		buf_printf(out, "%s (%s %lld, since %s)", value, what,
			(long long)json_integer_value(json_object_get(floor, "sequence")),
			text_of(floor, "since"));
}

void version_floor_text(struct buf *out, const json_t *floor)
{
	put(out, floor, text_of(floor, "version"),
		json_is_true(json_object_get(floor, "rolled_back")) ? "rolled back, move" : "move");
}

void security_floor_text(struct buf *out, const json_t *floor)
{
	const char *minimum = text_of(floor, "minimum");
	put(out, floor, *minimum ? minimum : "lifted", "statement");
}

void floors_print(const json_t *object, FILE *out)
{
	OWNED(buf_release) struct buf version = {0}, security = {0};
	version_floor_text(&version, json_object_get(object, "version_floor"));
	security_floor_text(&security, json_object_get(object, "security_floor"));
	(void)fprintf(out, "version floor    %s\n", ESC(buf_bytes(&version)));
	(void)fprintf(out, "security floor   %s\n", ESC(buf_bytes(&security)));
}

bool floor_next_sequence(const json_t *view, int64_t *ret, struct err *err)
{
	const json_t *floor = json_object_get(view, "security_floor");
	json_int_t last = json_integer_value(json_object_get(floor, "sequence"));
	if (last < 0 || last >= SECURITY_FLOOR_SEQUENCE_MAX - 1)
		return err_set(err, ERR_FORMAT,
			"security_floor: sequence: none can follow it: give --sequence");
	*ret = last + 1;
	return true;
}
