/* SPDX-License-Identifier: Apache-2.0 */
/* assay measure: digests of files as sha256sum and fsverity print them; needs no daemon and no TPM.
 */
#include "cli/commands.h"

#include "attest/measure.h"

static const struct option_spec options[] = {
	{"digest", "ALG", OPTION_VALUE, "sha256 (default) or fsverity"},
	{"threads", "N", OPTION_VALUE, "threads to hash with (default: one per core)"},
	OPTIONS_END,
};

static bool alg_of(struct cli *cli, enum measure_alg *ret)
{
	const char *name = option_or(cli, "digest", "sha256");
	*ret = strcmp(name, "fsverity") == 0 ? MEASURE_FSVERITY : MEASURE_SHA256;
	if (*ret == MEASURE_SHA256 && strcmp(name, "sha256") != 0)
		return err_set(&cli->err, ERR_USAGE, "--digest is sha256 or fsverity, not %s",
			ESC(bytes_str(name)));
	return true;
}

static bool threads_of(struct cli *cli, int *ret)
{
	const char *text = option_or(cli, "threads", "0");
	char *end = NULL;
	long value = strtol(text, &end, 10);
	if (*text == '\0' || *end != '\0' || value < 0 || value > 1024)
		return err_set(&cli->err, ERR_USAGE, "--threads is a number from 0 to 1024");
	*ret = (int)value;
	return true;
}

static json_t *result_json(const char *path, enum measure_alg alg, const struct measured_file *file)
{
	char hex[2 * SHA256_LEN + 1];
	hex_encode(BYTES_OF(file->digest), hex);
	json_t *entry = json_pack("{s:s,s:s,s:I}", "alg", measure_alg_name(alg), "digest", hex,
		"size", (json_int_t)file->size);
	/* A name that is no UTF-8 is given escaped, and said to be. */
	json_t *name = json_stringn(path, strlen(path));
	if (entry && !name)
		(void)json_object_set_new(entry, "path_escaped", json_string(ESC(bytes_str(path))));
	else if (entry)
		(void)json_object_set_new(entry, "path", name);
	return entry;
}

static void result_line(
	struct buf *out, const char *path, enum measure_alg alg, const struct measured_file *file)
{
	char hex[2 * SHA256_LEN + 1];
	hex_encode(BYTES_OF(file->digest), hex);
	if (alg == MEASURE_FSVERITY) {
		buf_put_str(out, "sha256:");
		buf_put_str(out, hex);
		buf_put_str(out, " ");
		buf_put_str(out, path);
	} else {
		/* As sha256sum: a name with a newline or backslash is escaped, and the line says
		 * so. */
		bool escape = strpbrk(path, "\\\n\r") != NULL;
		buf_put_str(out, escape ? "\\" : "");
		buf_put_str(out, hex);
		buf_put_str(out, "  ");
		for (const char *at = path; *at; at++) {
			const char *as = *at == '\\'   ? "\\\\"
					 : *at == '\n' ? "\\n"
					 : *at == '\r' ? "\\r"
						       : NULL;
			if (as)
				buf_put_str(out, as);
			else
				buf_put_u8(out, (uint8_t)*at);
		}
	}
	buf_put_u8(out, '\n');
}

struct results {
	size_t n;
	struct measured_file *files;
	bool *ok;
	struct err *errs;
};

static void results_release(struct results *results)
{
	for (size_t i = 0; results->files && i < results->n; i++)
		measured_file_release(&results->files[i]);
	free(results->files);
	free(results->ok);
	free(results->errs);
}

static enum status print_results(
	struct cli *cli, const struct results *results, enum measure_alg alg)
{
	OWNED(buf_release) struct buf text = {0};
	json_t *list = cli->json ? json_array() : NULL;
	enum status status = STATUS_DONE;
	for (size_t i = 0; i < results->n; i++) {
		const char *path = cli->arguments->values[i];
		if (!results->ok[i]) {
			(void)fprintf(stderr, "assay: %s\n", results->errs[i].text);
			status = STATUS_UNDECIDED;
		} else if (cli->json) {
			(void)json_array_append_new(
				list, result_json(path, alg, &results->files[i]));
		} else {
			result_line(&text, path, alg, &results->files[i]);
		}
	}
	if (cli->json)
		return cli_print_json(cli, json_pack("{s:o}", "files", list), status);
	(void)fwrite(text.data, 1, text.len, stdout);
	return status;
}

static enum status run(struct cli *cli)
{
	enum measure_alg alg;
	int threads = 0;
	if (!alg_of(cli, &alg) || !threads_of(cli, &threads))
		return cli_fail(cli);
	size_t n = cli->arguments->count;
	OWNED(results_release)
	struct results results = {
		.n = n,
		.files = calloc(n, sizeof(*results.files)),
		.ok = calloc(n, sizeof(*results.ok)),
		.errs = calloc(n, sizeof(*results.errs)),
	};
	if (!results.files || !results.ok || !results.errs) {
		(void)err_set(&cli->err, ERR_NOMEM, "%zu files", n);
		return cli_fail(cli);
	}
	if (!measure_paths(cli->arguments->values, n, alg, threads, true, results.files, results.ok,
		    results.errs, &cli->err))
		return cli_fail(cli);
	return print_results(cli, &results, alg);
}

const struct command cmd_measure = {
	.name = "measure",
	.synopsis = "PATH… [--digest sha256|fsverity]",
	.summary = "Digests of files, as sha256sum and fsverity print them.",
	.options = options,
	.least = 1,
	.most = CLI_POSITIONALS_MAX,
	.run = run,
};
