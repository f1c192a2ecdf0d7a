/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

static const char *const code_names[] = {
	[ERR_NONE] = "none",
	[ERR_USAGE] = "usage",
	[ERR_IO] = "io",
	[ERR_FORMAT] = "format",
	[ERR_LIMIT] = "limit",
	[ERR_CRYPTO] = "crypto",
	[ERR_MISMATCH] = "mismatch",
	[ERR_TPM] = "tpm",
	[ERR_NET] = "net",
	[ERR_STORE] = "store",
	[ERR_CONFIG] = "config",
	[ERR_DENIED] = "denied",
	[ERR_NOT_FOUND] = "not-found",
	[ERR_GONE] = "gone",
	[ERR_CONFLICT] = "conflict",
	[ERR_BUSY] = "busy",
	[ERR_NOMEM] = "no-memory",
	[ERR_UNSUPPORTED] = "unsupported",
	[ERR_INTERNAL] = "internal",
};
static_assert(sizeof(code_names) / sizeof(code_names[0]) == ERR_CODES, "a name for every code");

static const struct {
	int number;
	enum err_code code;
} errno_codes[] = {
	{ENOENT, ERR_NOT_FOUND},
	{EACCES, ERR_DENIED},
	{EPERM, ERR_DENIED},
	{ENOMEM, ERR_NOMEM},
};

const char *err_code_name(enum err_code code)
{
	return (unsigned)code < ERR_CODES ? code_names[code] : "unknown";
}

/* Arguments may point into err->text, so the new text is made beside it. */
static void text_store(struct err *err, const char *text)
{
	size_t len = strnlen(text, ERR_TEXT_MAX - 1);

	memcpy(err->text, text, len);
	err->text[len] = '\0';
	/* It ends on a terminal, in a log or in JSON, and what was cut off may have been half a character. */
	(void)text_disarm(err->text);
}

void err_put_set(struct err *err, enum err_code code, const char *format, ...)
{
	char text[ERR_TEXT_MAX] = "";
	va_list args;

	if (!err)
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	err->code = code;
	err->place = NULL;
	text_store(err, text);
}

void err_put_place(struct err *err, const void *place)
{
	if (err && !err->place)
		err->place = place;
}

void err_put_wrap(struct err *err, const char *format, ...)
{
	char context[ERR_TEXT_MAX] = "";
	char text[2 * ERR_TEXT_MAX + 2] = "";
	va_list args;

	if (!err)
		return;
	va_start(args, format);
	vsnprintf(context, sizeof(context), format, args);
	va_end(args);
	snprintf(text, sizeof(text), "%s%s%s", context, err->text[0] ? ": " : "", err->text);
	/* A failure that nobody named must not read as success. */
	if (err->code == ERR_NONE)
		err->code = ERR_INTERNAL;
	text_store(err, text);
}

void err_put_errno(struct err *err, int error_number, const char *format, ...)
{
	char context[ERR_TEXT_MAX] = "";
	char reason[128];
	enum err_code code = ERR_IO;
	va_list args;

	if (!err)
		return;
	va_start(args, format);
	vsnprintf(context, sizeof(context), format, args);
	va_end(args);
	for (size_t i = 0; i < sizeof(errno_codes) / sizeof(errno_codes[0]); i++)
		if (errno_codes[i].number == error_number)
			code = errno_codes[i].code;
	err_put_set(err, code, "%s", strerror_r(error_number, reason, sizeof(reason)));
	err_put_wrap(err, "%s", context);
}
