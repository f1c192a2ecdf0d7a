/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/spec_internal.h"

#include <assert.h>

#include "base/text.h"

bool spec_text_ok(const char *text, size_t max)
{
	size_t len = strlen(text);
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
			return false;
	return len > 0 && len <= max;
}

bool spec_path_ok(const char *path)
{
	if (path[0] != '/' || !spec_text_ok(path, SPEC_TEXT_MAX - 1))
		return false;
	if (path[1] == '\0')
		return true;
	for (const char *at = path; *at == '/';) {
		size_t len = strcspn(++at, "/");
		if (len == 0 || (len == 1 && at[0] == '.') ||
			(len == 2 && at[0] == '.' && at[1] == '.'))
			return false;
		at += len;
	}
	return true;
}

bool spec_piece_next(const char **at, struct spec_piece *ret, bool *ret_malformed)
{
	const char *text = *at;
	size_t len = strcspn(text, "$");
	*ret_malformed = false;
	if (len > 0) {
		*ret = (struct spec_piece){.text = bytes_of(text, len)};
		*at = text + len;
		return true;
	}
	if (text[0] == '\0')
		return false;
	if (text[1] == '$') {
		*ret = (struct spec_piece){.text = bytes_of(text, 1)};
		*at = text + 2;
		return true;
	}
	len = text[1] == '{' ? strcspn(text + 2, "}") : 0;
	if (len == 0 || text[2 + len] != '}') {
		*ret_malformed = true;
		return false;
	}
	*ret = (struct spec_piece){.text = bytes_of(text + 2, len), .argument = true};
	*at = text + 2 + len + 1;
	return true;
}

size_t spec_argument_of(const struct spec *spec, struct bytes name)
{
	for (size_t i = 0; i < spec->argument_count; i++)
		if (bytes_equal_str(name, spec->arguments[i].name))
			return i;
	return SIZE_MAX;
}

static bool check_argument(const struct spec_argument *argument, struct err *err)
{
	if (argument->type == SPEC_TYPE_INTEGER &&
		(argument->min < 0 || argument->max < argument->min))
		return err_set(err, ERR_CONFIG,
			"min %lld, max %lld: needed are 0 <= min <= max (a value may not begin "
			"with '-')",
			(long long)argument->min, (long long)argument->max);
	for (size_t i = 0; i < argument->choice_count; i++) {
		const char *choice = argument->choices[i];
		if (choice[0] == '-' || !spec_text_ok(choice, SPEC_TEXT_MAX - 1))
			return err_set(err, ERR_CONFIG,
				"choice \"%s\": begins with '-' or has control characters",
				ESC(bytes_str(choice)));
		for (size_t k = 0; k < i; k++)
			if (strcmp(argument->choices[k], choice) == 0)
				return err_set(err, ERR_CONFIG, "choice \"%s\": twice",
					ESC(bytes_str(choice)));
	}
	return true;
}

static bool check_arguments(const struct spec *spec, struct err *err)
{
	for (size_t i = 0; i < spec->argument_count; i++) {
		const struct spec_argument *argument = &spec->arguments[i];
		if (!text_is_name(bytes_str(argument->name)))
			return err_set(err, ERR_CONFIG,
				"argument \"%s\": not a name (a-z 0-9 . _ -)",
				ESC(bytes_str(argument->name)));
		if (spec_argument_of(spec, bytes_str(argument->name)) != i)
			return err_set(err, ERR_CONFIG, "argument %s: twice", argument->name);
		if (!check_argument(argument, err))
			return err_wrap(err, "argument %s", argument->name);
	}
	return true;
}

static bool check_components(const struct spec *spec, struct err *err)
{
	for (size_t i = 0; i < spec->component_count; i++) {
		const struct spec_component *component = &spec->components[i];
		if (!text_is_name(bytes_str(component->name)))
			return err_set(err, ERR_CONFIG,
				"component \"%s\": not a name (a-z 0-9 . _ -)",
				ESC(bytes_str(component->name)));
		if (!spec_path_ok(component->path) || component->path[1] == '\0')
			return err_set(err, ERR_CONFIG,
				"component %s: path \"%s\": needed is an absolute path without "
				"\".\", \"..\", "
				"\"//\" or a slash at its end",
				component->name, ESC(bytes_str(component->path)));
		for (size_t k = 0; k < i; k++) {
			if (strcmp(spec->components[k].name, component->name) == 0)
				return err_set(
					err, ERR_CONFIG, "component %s: twice", component->name);
			if (strcmp(spec->components[k].path, component->path) == 0)
				return err_set(err, ERR_CONFIG,
					"components %s and %s: the same path",
					spec->components[k].name, component->name);
		}
	}
	return true;
}

/* Word 0: literally the path of a component of role binary, so that nothing unmeasured can be
 * started. */
static bool check_program(struct spec *spec, struct err *err)
{
	const char *program = spec->command[0];
	for (size_t i = 0; i < spec->component_count; i++) {
		if (strcmp(spec->components[i].path, program) != 0)
			continue;
		if (spec->components[i].role != SPEC_BINARY)
			return err_set(err, ERR_CONFIG,
				"command: %s is component %s of role %s; needed is binary",
				ESC(bytes_str(program)), spec->components[i].name,
				spec_role_name(spec->components[i].role));
		spec->binary = i;
		return true;
	}
	return err_set(err, ERR_CONFIG,
		"command: \"%s\" is not the path of a component of role binary",
		ESC(bytes_str(program)));
}

static bool check_word(const struct spec *spec, const char *word, uint64_t *used, struct err *err)
{
	struct spec_piece piece;
	bool malformed = false;
	if (!spec_text_ok(word, SPEC_TEXT_MAX - 1))
		return err_set(err, ERR_CONFIG,
			"command: \"%s\": empty, too long or with control characters",
			ESC(bytes_str(word)));
	for (const char *at = word; spec_piece_next(&at, &piece, &malformed);) {
		size_t i = piece.argument ? spec_argument_of(spec, piece.text) : 0;
		if (i == SIZE_MAX)
			return err_set(err, ERR_CONFIG, "command: ${%s}: no such argument",
				ESC(piece.text));
		if (piece.argument)
			*used |= (uint64_t)1 << i;
	}
	if (malformed)
		return err_set(err, ERR_CONFIG,
			"command: \"%s\": a `$` must begin ${argument} or be doubled",
			ESC(bytes_str(word)));
	return true;
}

static bool check_command(struct spec *spec, struct err *err)
{
	uint64_t used = 0;
	static_assert(SPEC_ARGUMENTS_MAX <= 64, "one bit each");
	if (!check_program(spec, err))
		return false;
	/* Word 0 is taken as it stands; a `$` in it is no template. */
	for (size_t i = 1; i < spec->command_count; i++)
		if (!check_word(spec, spec->command[i], &used, err))
			return false;
	for (size_t i = 0; i < spec->argument_count; i++)
		if (!(used >> i & 1))
			return err_set(err, ERR_CONFIG, "argument %s: not used in the command",
				spec->arguments[i].name);
	return true;
}

static bool check_user(const char *user, struct err *err)
{
	if (!user || text_is_name(bytes_str(user)))
		return true;
	return err_set(
		err, ERR_CONFIG, "user \"%s\": neither a name nor a number", ESC(bytes_str(user)));
}

bool spec_check(struct spec *spec, struct err *err)
{
	if (!text_is_name(bytes_str(spec->workload)))
		return err_set(err, ERR_CONFIG, "workload \"%s\": not a name (a-z 0-9 . _ -)",
			ESC(bytes_str(spec->workload)));
	if (!spec_path_ok(spec->working_directory))
		return err_set(err, ERR_CONFIG, "working_directory \"%s\": not an absolute path",
			ESC(bytes_str(spec->working_directory)));
	for (size_t i = 0; i < spec->audience_count; i++)
		if (!spec_text_ok(spec->audiences[i], 255))
			return err_set(err, ERR_CONFIG,
				"audience \"%s\": longer than 255 bytes or with control characters",
				ESC(bytes_str(spec->audiences[i])));
	return check_arguments(spec, err) && check_components(spec, err) &&
	       check_command(spec, err) && check_user(spec->user, err) &&
	       spec_check_environment(spec, err);
}
