/* SPDX-License-Identifier: Apache-2.0 */
/* Prints lines as sha256sum does: bench_measure [--digest sha256|fsverity] [--threads N] PATH…; `-`
 * reads paths from standard input, one a line. What tests/bench/measure.sh times where there is no
 * `assay measure`. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attest/measure.h"
#include "base/text.h"
#include "crypto/sha256_lanes.h"

struct paths {
	char **list;
	size_t count, cap;
};

static bool add(struct paths *paths, const char *path)
{
	if (paths->count == paths->cap) {
		size_t cap = paths->cap ? 2 * paths->cap : 256;
		char **list = realloc(paths->list, cap * sizeof(*list));
		if (!list)
			return false;
		paths->list = list;
		paths->cap = cap;
	}
	paths->list[paths->count] = strdup(path);
	return paths->list[paths->count++] != NULL;
}

static bool add_lines(struct paths *paths)
{
	char *line = NULL;
	size_t cap = 0;
	bool done = true;
	for (ssize_t n; done && (n = getline(&line, &cap, stdin)) > 0;) {
		if (line[n - 1] == '\n')
			line[n - 1] = '\0';
		done = add(paths, line);
	}
	free(line);
	return done;
}

static int print(const struct measured_file *files, const bool *ok, const struct err *errs,
	size_t n, bool fsverity)
{
	int status = EXIT_SUCCESS;
	for (size_t i = 0; i < n; i++) {
		char hex[2 * SHA256_LEN + 1];
		if (!ok[i]) {
			fprintf(stderr, "%s\n", errs[i].text);
			status = 3;
			continue;
		}
		hex_encode(BYTES_OF(files[i].digest), hex);
		printf("%s%s%s%s\n", fsverity ? "sha256:" : "", hex, fsverity ? " " : "  ",
			files[i].path);
	}
	return status;
}

static int run(const struct paths *paths, enum measure_alg alg, int threads)
{
	struct measured_file *files = calloc(paths->count, sizeof(*files));
	bool *ok = calloc(paths->count, sizeof(*ok));
	struct err *errs = calloc(paths->count, sizeof(*errs));
	struct err err = {0};
	int status = 3;
	if (files && ok && errs &&
		measure_paths((const char *const *)paths->list, paths->count, alg, threads, true,
			files, ok, errs, &err))
		status = print(files, ok, errs, paths->count, alg == MEASURE_FSVERITY);
	else
		fprintf(stderr, "%s\n", err.text);
	for (size_t i = 0; files && i < paths->count; i++)
		measured_file_release(&files[i]);
	free(files);
	free(ok);
	free(errs);
	return status;
}

int main(int argc, char **argv)
{
	struct paths paths = {0};
	enum measure_alg alg = MEASURE_SHA256;
	int threads = 0;
	bool done = true;
	for (int i = 1; done && i < argc; i++) {
		if (strcmp(argv[i], "--digest") == 0 && i + 1 < argc)
			alg = strcmp(argv[++i], "fsverity") == 0 ? MEASURE_FSVERITY
								 : MEASURE_SHA256;
		else if (strcmp(argv[i], "--threads") == 0 && i + 1 < argc)
			threads = atoi(argv[++i]);
		else if (strcmp(argv[i], "--kernel") == 0)
			printf("%s\n", sha256_lanes_name());
		else
			done = strcmp(argv[i], "-") == 0 ? add_lines(&paths) : add(&paths, argv[i]);
	}
	int status = done ? run(&paths, alg, threads) : 3;
	for (size_t i = 0; i < paths.count; i++)
		free(paths.list[i]);
	free(paths.list);
	return status;
}
