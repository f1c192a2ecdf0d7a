/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include <assert.h>
#include <errno.h>
#include <unistd.h>

#include "base/text.h"
#include "base/time.h"

#define LOG_LINE_MAX  4096 /* below PIPE_BUF, so that a write to a pipe is one piece */
#define LOG_VALUE_MAX 512
#define LOG_KEY_MAX   64

static const char *const level_names[] = {
	[LOG_LEVEL_ERROR] = "error",
	[LOG_LEVEL_WARNING] = "warning",
	[LOG_LEVEL_INFO] = "info",
	[LOG_LEVEL_DEBUG] = "debug",
};

struct line {
	size_t len;
	bool full;
	char text[LOG_LINE_MAX];
};

/* Room is kept for the closing brace and the newline. */
static void line_put(struct line *line, const char *text, size_t len)
{
	if (line->full || len > sizeof(line->text) - 2 - line->len) {
		line->full = true;
		return;
	}
	memcpy(line->text + line->len, text, len);
	line->len += len;
}

static void line_put_str(struct line *line, const char *text)
{
	line_put(line, text, strlen(text));
}

/* Text in quotes. It went through text_escape: quotes are all that is left to escape, and for JSON
 * the backslash. */
static void line_put_quoted(struct line *line, const char *text, bool json)
{
	line_put_str(line, "\"");
	for (; *text; text++) {
		if (*text == '"' || (json && *text == '\\'))
			line_put_str(line, "\\");
		line_put(line, text, 1);
	}
	line_put_str(line, "\"");
}

static bool needs_quotes(const char *text)
{
	return *text == '\0' || strpbrk(text, " =\"") != NULL;
}

/* A pair is written whole or not at all. */
static void line_put_pair(struct line *line, const char *key, struct bytes value, bool json)
{
	char value_text[LOG_VALUE_MAX], key_text[LOG_KEY_MAX];
	size_t start = line->len;

	text_escape(value, value_text, sizeof(value_text));
	text_escape(bytes_str(key), key_text, sizeof(key_text));
	if (json) {
		line_put_str(line, start > 1 ? "," : "");
		line_put_quoted(line, key_text, true);
		line_put_str(line, ":");
		line_put_quoted(line, value_text, true);
	} else {
		line_put_str(line, " ");
		line_put_str(line, key_text);
		line_put_str(line, "=");
		if (needs_quotes(value_text))
			line_put_quoted(line, value_text, false);
		else
			line_put_str(line, value_text);
	}
	if (line->full)
		line->len = start;
}

void log_write(const struct log *log, enum log_level level, const char *event,
	const struct log_field *fields, size_t n)
{
	struct line line = {0};
	char when[TIME_TEXT_MAX], event_text[LOG_VALUE_MAX];
	ssize_t written;

	static_assert(LOG_LINE_MAX <= 4096, "more than PIPE_BUF");
	if (!log || log->fd < 0 || level > log->level)
		return;
	time_format(clock_wall(&clock_system), when);
	if (log->json) {
		line_put_str(&line, "{");
		line_put_pair(&line, "time", bytes_str(when), true);
		line_put_pair(&line, "level", bytes_str(level_names[level]), true);
		line_put_pair(&line, "event", bytes_str(event), true);
	} else {
		line_put_str(&line, when);
		line_put_str(&line, " ");
		line_put_str(&line, level_names[level]);
		line_put_str(&line, " ");
		line_put_str(&line, text_escape(bytes_str(event), event_text, sizeof(event_text)));
	}
	for (size_t i = 0; i < n; i++)
		line_put_pair(&line, fields[i].key, fields[i].value, log->json);
	if (log->json)
		line.text[line.len++] = '}';
	line.text[line.len++] = '\n';
	/* A log that cannot be written must not stop the program: there is nowhere left to say so.
	 */
	do
		written = write(log->fd, line.text, line.len);
	while (written < 0 && errno == EINTR);
}
