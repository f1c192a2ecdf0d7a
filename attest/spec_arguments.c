/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/spec_internal.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/text.h"

/* What a person is told that the type wants. */
#define FILE_WANTED    "a path"
#define INTEGER_WANTED "an integer in decimal digits"
#define WORD_WANTED    "1 to 64 of A-Z a-z 0-9 . _ -"

static bool value_error(const struct spec_argument *argument, const char *value, const char *wanted,
	struct err *err)
{
	return err_set(err, ERR_USAGE, "argument %s: \"%s\": needed is %s", argument->name,
		ESC(bytes_str(value)), wanted);
}

static bool check_file(const struct spec_argument *argument, const char *value, struct err *err)
{
	/* Whatever the path is, the caller opens it with his own rights; it never reaches the
	 * agent. */
	return value[0] != '\0' || value_error(argument, value, FILE_WANTED, err);
}

static bool check_choice(const struct spec_argument *argument, const char *value, struct err *err)
{
	OWNED(buf_release) struct buf choices = {0};
	for (size_t i = 0; i < argument->choice_count; i++) {
		if (strcmp(argument->choices[i], value) == 0)
			return true;
		buf_printf(&choices, "%s%s", i ? ", " : "one of ",
			ESC(bytes_str(argument->choices[i])));
	}
	const char *text = buf_str(&choices);
	return value_error(argument, value, text ? text : "one of its choices", err);
}

/* One spelling a number: no sign, no leading zeros, no spaces. */
static bool check_integer(const struct spec_argument *argument, const char *value, struct err *err)
{
	size_t digits = strspn(value, "0123456789");
	uint64_t number = 0;
	if (digits == 0 || digits > 18 || value[digits] != '\0' || (value[0] == '0' && digits > 1))
		return value_error(argument, value, INTEGER_WANTED, err);
	for (size_t i = 0; i < digits; i++)
		number = number * 10 + (uint64_t)(value[i] - '0');
	if (number < (uint64_t)argument->min || number > (uint64_t)argument->max)
		return err_set(err, ERR_USAGE, "argument %s: %s: needed is %" PRId64 " to %" PRId64,
			argument->name, value, argument->min, argument->max);
	return true;
}

static bool check_word(const struct spec_argument *argument, const char *value, struct err *err)
{
	static const char letters[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
	size_t len = strspn(value, letters);
	if (len >= 1 && len <= SPEC_WORD_MAX && value[len] == '\0')
		return true;
	return value_error(argument, value, WORD_WANTED, err);
}

static bool check_value(const struct spec_argument *argument, const char *value, struct err *err)
{
	static bool (*const checks[])(const struct spec_argument *, const char *, struct err *) = {
		[SPEC_TYPE_FILE] = check_file,
		[SPEC_TYPE_CHOICE] = check_choice,
		[SPEC_TYPE_INTEGER] = check_integer,
		[SPEC_TYPE_WORD] = check_word,
	};
	/* The agent would read it as an option. */
	if (value[0] == '-')
		return err_set(err, ERR_USAGE,
			"argument %s: \"%s\": a value may not begin with '-'", argument->name,
			ESC(bytes_str(value)));
	if (value[0] != '\0' && !spec_text_ok(value, SPEC_TEXT_MAX - 1))
		return err_set(err, ERR_USAGE, "argument %s: too long or with control characters",
			argument->name);
	return checks[argument->type](argument, value, err);
}

/* "image (file), lang (choice)" */
static const char *usage(const struct spec *spec, struct buf *out)
{
	for (size_t i = 0; i < spec->argument_count; i++)
		buf_printf(out, "%s%s (%s)", i ? ", " : "", spec->arguments[i].name,
			spec_type_name(spec->arguments[i].type));
	if (spec->argument_count == 0)
		buf_put_str(out, "none");
	const char *text = buf_str(out);
	return text ? text : "";
}

bool spec_arguments(const struct spec *spec, const char *const *values, size_t count,
	struct spec_values *ret, struct err *err)
{
	OWNED(buf_release) struct buf wanted = {0};
	struct spec_values result = {.count = count};
	if (count != spec->argument_count)
		return err_set(err, ERR_USAGE, "workload %s: %zu arguments given, %zu needed: %s",
			spec->workload, count, spec->argument_count, usage(spec, &wanted));
	for (size_t i = 0; i < count; i++) {
		if (!check_value(&spec->arguments[i], values[i], err))
			return err_wrap(err, "workload %s", spec->workload);
		result.values[i] = values[i];
		if (spec->arguments[i].type == SPEC_TYPE_FILE)
			result.files[result.file_count++] = i;
	}
	*ret = result;
	return true;
}

/* What an argument becomes in the vector. */
static void put_value(const struct spec *spec, const struct spec_values *values,
	const int *descriptors, size_t i, struct buf *out)
{
	if (spec->arguments[i].type != SPEC_TYPE_FILE) {
		buf_put_str(out, values->values[i]);
		return;
	}
	for (size_t k = 0; k < values->file_count; k++)
		if (values->files[k] == i)
			buf_printf(out, "/proc/self/fd/%d", descriptors[k]);
}

static char *expand(const struct spec *spec, const struct spec_values *values,
	const int *descriptors, const char *word)
{
	OWNED(buf_release) struct buf out = {0};
	struct spec_piece piece;
	bool malformed = false;
	for (const char *at = word; spec_piece_next(&at, &piece, &malformed);) {
		if (piece.argument)
			put_value(spec, values, descriptors, spec_argument_of(spec, piece.text),
				&out);
		else
			buf_put(&out, piece.text);
	}
	return buf_str(&out) ? bytes_strdup(buf_bytes(&out)) : NULL;
}

bool spec_argv(const struct spec *spec, const struct spec_values *values, const int *descriptors,
	size_t count, char ***ret, struct err *err)
{
	OWNED(spec_argv_free) char **argv = NULL;
	if (count != values->file_count || values->count != spec->argument_count)
		return err_set(err, ERR_INTERNAL,
			"workload %s: %zu descriptors for %zu file arguments", spec->workload,
			count, values->file_count);
	for (size_t i = 0; i < count; i++)
		if (descriptors[i] < 0)
			return err_set(err, ERR_INTERNAL,
				"workload %s: no descriptor for argument %s", spec->workload,
				spec->arguments[values->files[i]].name);
	argv = calloc(spec->command_count + 1, sizeof(*argv));
	if (!argv)
		return err_set(err, ERR_NOMEM, "out of memory");
	for (size_t i = 0; i < spec->command_count; i++) {
		argv[i] = i == 0 ? strdup(spec->command[0])
				 : expand(spec, values, descriptors, spec->command[i]);
		if (!argv[i])
			return err_set(err, ERR_NOMEM, "out of memory");
	}
	*ret = TAKE(argv);
	return true;
}

void spec_argv_free(char ***argv)
{
	if (!argv || !*argv)
		return;
	for (char **at = *argv; *at; at++)
		free(*at);
	free(*argv);
	*argv = NULL;
}
