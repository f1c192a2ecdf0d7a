/* SPDX-License-Identifier: Apache-2.0 */
/* What commands print: JSON for programs, short lines for people, errors with their chain, files in
 * and out. */
#include "cli/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

bool cli_streams_open(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 && errno == EBADF &&
			open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) != fd)
			return false;
	return true;
}

enum status cli_finish(enum status status)
{
	bool whole = fflush(stdout) == 0 && !ferror(stdout);
	return whole || status != STATUS_DONE ? status : STATUS_UNDECIDED;
}

enum status status_of_error(enum err_code code)
{
	switch (code) {
	case ERR_USAGE:
		return STATUS_USAGE;
	case ERR_MISMATCH:
	case ERR_DENIED:
		return STATUS_REFUSED;
	default:
		return STATUS_UNDECIDED;
	}
}

enum status cli_fail(struct cli *cli)
{
	if (cli->json) {
		json_t *error = json_pack("{s:{s:s,s:s}}", "error", "code",
			err_code_name(cli->err.code), "message", cli->err.text);
		return cli_print_json(cli, error, status_of_error(cli->err.code));
	}
	(void)fprintf(
		stderr, "assay: %s%s%s\n", colour(cli, "red"), cli->err.text, colour(cli, "off"));
	return status_of_error(cli->err.code);
}

enum status cli_print_json(struct cli *cli, json_t *value, enum status status)
{
	OWNED(buf_release) struct buf text = {0};
	bool ok = value && json_write(value, cli->environment->colour, &text, &cli->err);
	json_decref(value);
	if (!ok) {
		(void)fputs("assay: the answer could not be written as JSON\n", stderr);
		return STATUS_UNDECIDED;
	}
	(void)fwrite(text.data, 1, text.len, stdout);
	if (text.len && text.data[text.len - 1] != '\n')
		(void)fputc('\n', stdout);
	return status;
}

static const char *cell(const json_t *value, char *out, size_t size)
{
	if (json_is_string(value))
		return text_escape(
			bytes_of(json_string_value(value), json_string_length(value)), out, size);
	if (json_is_integer(value))
		(void)snprintf(out, size, "%lld", (long long)json_integer_value(value));
	else if (json_is_boolean(value))
		(void)snprintf(out, size, "%s", json_is_true(value) ? "yes" : "no");
	else
		(void)snprintf(out, size, "-");
	return out;
}

void cli_print_table(const json_t *rows, const struct column *columns, size_t n)
{
	for (size_t c = 0; c < n; c++)
		(void)printf(c + 1 < n ? "%-*s  " : "%-*s\n", c + 1 < n ? columns[c].width : 0,
			columns[c].title);
	size_t i;
	json_t *row;
	json_array_foreach(rows, i, row)
	{
		for (size_t c = 0; c < n; c++) {
			char text[512];
			const char *shown =
				cell(json_object_get(row, columns[c].key), text, sizeof(text));
			int width = columns[c].width;
			(void)printf(c + 1 < n ? "%-*.*s  " : "%-*.*s\n", c + 1 < n ? width : 0,
				width ? width : 500, shown);
		}
	}
	if (json_array_size(rows) == 0)
		(void)puts("(none)");
}

void cli_print_object(const json_t *object)
{
	const char *key;
	json_t *value;
	json_object_foreach((json_t *)(uintptr_t)object, key, value)
	{
		OWNED(buf_release) struct buf text = {0};
		char shown[2048];
		if ((json_is_object(value) || json_is_array(value)) &&
			json_write(value, false, &text, NULL))
			(void)text_escape(buf_bytes(&text), shown, sizeof(shown));
		else
			(void)cell(value, shown, sizeof(shown));
		(void)printf("%-16s %s\n", ESC(bytes_str(key)), shown);
	}
}

const char *colour(const struct cli *cli, const char *name)
{
	static const struct {
		const char *name, *code;
	} table[] = {{"bold", "\033[1m"}, {"red", "\033[31m"}, {"green", "\033[32m"},
		{"dim", "\033[2m"}, {"off", "\033[0m"}};
	for (size_t i = 0; cli->colour && i < ARRAY_LEN(table); i++)
		if (strcmp(table[i].name, name) == 0)
			return table[i].code;
	return "";
}

bool cli_read(const char *path, size_t max, struct buf *ret, struct err *err)
{
	bool done = strcmp(path, "-") == 0
			    ? file_read_fd(STDIN_FILENO, "standard input", max, ret, err)
			    : file_read(path, max, ret, err);
	/* A file that may not be read is no verdict against what it holds. */
	if (!done && err && err->code == ERR_DENIED)
		err->code = ERR_IO;
	return done;
}

bool cli_is_device(const char *path)
{
	static const char devices[] = "/dev/", files[] = "/dev/shm/";
	return strncmp(path, devices, sizeof(devices) - 1) == 0 &&
	       strncmp(path, files, sizeof(files) - 1) != 0;
}

static bool device_write(const char *path, struct bytes content, struct err *err)
{
	OWNED(fd_close) int fd = open(path, O_WRONLY | O_APPEND | O_NOCTTY | O_CLOEXEC);
	return fd < 0 ? err_errno(err, errno, "%s", ESC(bytes_str(path)))
		      : file_write_fd(fd, path, content, err);
}

bool cli_write(const char *path, struct bytes content, bool secret, struct err *err)
{
	if (path && cli_is_device(path))
		return device_write(path, content, err);
	if (path && strcmp(path, "-") != 0)
		return file_write_atomic(path, content, secret ? 0600 : 0644, err);
	(void)fflush(stdout);
	return file_write_fd(STDOUT_FILENO, "standard output", content, err);
}
