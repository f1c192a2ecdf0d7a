/* SPDX-License-Identifier: Apache-2.0 */
/* assay measure: digests of files, and of every file below a directory, as sha256sum and fsverity
 * print them; needs no daemon and no TPM. In JSON "kernel" says whether an fs-verity digest is the
 * kernel's word, so that the file was not read. */
#include "cli/commands.h"

#include <sys/stat.h>

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

/* A name that is no UTF-8 is given escaped, and said to be. */
static void put_path(json_t *entry, const char *path)
{
	json_t *name = json_stringn(path, strlen(path));
	if (entry && !name)
		(void)json_object_set_new(entry, "path_escaped", json_string(ESC(bytes_str(path))));
	else if (entry)
		(void)json_object_set_new(entry, "path", name);
}

static json_t *file_json(const char *path, enum measure_alg alg, const struct measured_file *file)
{
	char hex[2 * SHA256_LEN + 1];
	hex_encode(BYTES_OF(file->digest), hex);
	json_t *entry = json_pack("{s:s,s:s,s:I}", "alg", measure_alg_name(alg), "digest", hex,
		"size", (json_int_t)file->size);
	if (entry && alg == MEASURE_FSVERITY)
		(void)json_object_set_new(entry, "kernel", json_boolean(file->kernel_verity));
	put_path(entry, path);
	return entry;
}

static json_t *tree_json(const char *path, enum measure_alg alg, const struct measured_tree *tree)
{
	char hex[2 * SHA256_LEN + 1];
	hex_encode(BYTES_OF(tree->manifest_digest), hex);
	json_t *entry =
		json_pack("{s:s,s:s,s:I,s:I}", "alg", measure_alg_name(alg), "manifest_digest", hex,
			"files", (json_int_t)tree->count, "bytes", (json_int_t)tree->bytes);
	put_path(entry, path);
	return entry;
}

static void file_line(
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

/* Files are hashed together, so that threads are shared; directories one after the other. */
struct results {
	size_t n; /* arguments */
	bool *directory, *tree_ok; /* one an argument */
	struct measured_tree *trees;
	size_t file_count; /* arguments that are no directories, in their order */
	const char **paths;
	struct measured_file *files;
	bool *ok;
	struct err *errs; /* files' first, then directories' */
};

static void results_release(struct results *results)
{
	for (size_t i = 0; results->files && i < results->file_count; i++)
		measured_file_release(&results->files[i]);
	for (size_t i = 0; results->trees && i < results->n; i++)
		measured_tree_release(&results->trees[i]);
	free(results->directory);
	free(results->tree_ok);
	free(results->trees);
	free(results->paths);
	free(results->files);
	free(results->ok);
	free(results->errs);
}

static bool results_make(struct cli *cli, struct results *results)
{
	size_t n = cli->arguments->count;
	results->directory = calloc(n, sizeof(*results->directory));
	results->tree_ok = calloc(n, sizeof(*results->tree_ok));
	results->trees = calloc(n, sizeof(*results->trees));
	results->paths = calloc(n, sizeof(*results->paths));
	results->files = calloc(n, sizeof(*results->files));
	results->ok = calloc(n, sizeof(*results->ok));
	results->errs = calloc(n, sizeof(*results->errs));
	if (!results->directory || !results->tree_ok || !results->trees || !results->paths ||
		!results->files || !results->ok || !results->errs)
		return err_set(&cli->err, ERR_NOMEM, "%zu files", n);
	results->n = n;
	for (size_t i = 0; i < n; i++) {
		struct stat st;
		const char *path = cli->arguments->values[i];
		results->directory[i] = stat(path, &st) == 0 && S_ISDIR(st.st_mode);
		if (!results->directory[i])
			results->paths[results->file_count++] = path;
	}
	return true;
}

static bool tree_of(const char *path, enum measure_alg alg, int threads, struct measured_tree *ret,
	struct err *err)
{
	OWNED(free_ptr) char *canonical = NULL;
	return measure_canonical(path, &canonical, err) &&
	       measure_tree(canonical, alg, threads, ret, err);
}

/* A file's path as a tool given the same directory prints it. */
static const char *below(const char *directory, const char *relative, struct buf *path)
{
	size_t len = strlen(directory);
	while (len > 0 && directory[len - 1] == '/')
		len--;
	buf_clear(path);
	buf_put(path, bytes_of(directory, len));
	buf_put_u8(path, '/');
	buf_put_str(path, relative);
	const char *text = buf_str(path);
	return text ? text : "";
}

struct shown {
	struct buf text;
	json_t *files, *trees;
};

static void show_file(struct shown *shown, const char *path, enum measure_alg alg,
	const struct measured_file *file)
{
	if (shown->files)
		(void)json_array_append_new(shown->files, file_json(path, alg, file));
	else
		file_line(&shown->text, path, alg, file);
}

static void show_tree(struct shown *shown, const char *path, enum measure_alg alg,
	const struct measured_tree *tree)
{
	OWNED(buf_release) struct buf whole = {0};
	for (size_t i = 0; i < tree->count; i++)
		show_file(shown, below(path, tree->files[i].path, &whole), alg, &tree->files[i]);
	if (shown->trees)
		(void)json_array_append_new(shown->trees, tree_json(path, alg, tree));
}

static enum status print_results(
	struct cli *cli, const struct results *results, enum measure_alg alg)
{
	struct shown shown = {
		.files = cli->json ? json_array() : NULL, .trees = cli->json ? json_array() : NULL};
	enum status status = STATUS_DONE;
	size_t file = 0, tree = results->file_count;
	for (size_t i = 0; i < results->n; i++) {
		const char *path = cli->arguments->values[i];
		size_t at = results->directory[i] ? tree++ : file++;
		if (results->directory[i] ? !results->tree_ok[i] : !results->ok[at]) {
			(void)fprintf(stderr, "assay: %s\n", results->errs[at].text);
			status = STATUS_UNDECIDED;
		} else if (results->directory[i]) {
			show_tree(&shown, path, alg, &results->trees[i]);
		} else {
			show_file(&shown, path, alg, &results->files[at]);
		}
	}
	if (cli->json)
		return cli_print_json(cli,
			json_pack("{s:o,s:o}", "files", shown.files, "trees", shown.trees), status);
	if (!buf_ok(&shown.text, &cli->err))
		status = cli_fail(cli);
	else if (shown.text.len > 0)
		(void)fwrite(shown.text.data, 1, shown.text.len, stdout);
	buf_release(&shown.text);
	return status;
}

static enum status run(struct cli *cli)
{
	OWNED(results_release) struct results results = {0};
	enum measure_alg alg;
	int threads = 0;
	if (!alg_of(cli, &alg) || !threads_of(cli, &threads) || !results_make(cli, &results) ||
		!measure_paths(results.paths, results.file_count, alg, threads, true, results.files,
			results.ok, results.errs, &cli->err))
		return cli_fail(cli);
	size_t err = results.file_count;
	for (size_t i = 0; i < results.n; i++)
		if (results.directory[i])
			results.tree_ok[i] = tree_of(cli->arguments->values[i], alg, threads,
				&results.trees[i], &results.errs[err++]);
	return print_results(cli, &results, alg);
}

const struct command cmd_measure = {
	.name = "measure",
	.synopsis = "PATH… [--digest sha256|fsverity]",
	.summary = "Digests of files and whole directories, as sha256sum and fsverity print them.",
	.options = options,
	.least = 1,
	.most = CLI_POSITIONALS_MAX,
	.run = run,
};
