/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The main of a fuzz target built without libFuzzer: runs every file named, and every file of the
 * directories named, through the target once. No input at all is a failure, so that a lost corpus
 * is noticed.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/file.h"

#define REPLAY_INPUT_MAX (16u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool replay_file(const char *path, size_t *count)
{
	OWNED(buf_release) struct buf content = {0};
	struct err err = {0};
	uint8_t *exact;

	if (!file_read(path, REPLAY_INPUT_MAX, &content, &err)) {
		fprintf(stderr, "%s\n", err.text);
		return false;
	}
	/* A block of exactly this size, so that the sanitizer sees a read behind its end. */
	exact = malloc(content.len ? content.len : 1);
	if (!exact)
		return false;
	if (content.len)
		memcpy(exact, content.data, content.len);
	LLVMFuzzerTestOneInput(exact, content.len);
	free(exact);
	++*count;
	return true;
}

static bool replay_directory(const char *path, size_t *count)
{
	struct dirent **names = NULL;
	bool ok = true;
	int n = scandir(path, &names, NULL, alphasort);

	for (int i = 0; i < n; i++) {
		OWNED(buf_release) struct buf file = {0};

		if (names[i]->d_name[0] != '.')
			ok = replay_file(path_join(&file, path, names[i]->d_name), count) && ok;
		free(names[i]);
	}
	free(names);
	return ok && n >= 0;
}

int main(int argc, char **argv)
{
	size_t count = 0;
	bool ok = true;

	for (int i = 1; i < argc; i++) {
		struct stat st;
		bool directory = stat(argv[i], &st) == 0 && S_ISDIR(st.st_mode);

		ok = (directory ? replay_directory(argv[i], &count)
				: replay_file(argv[i], &count)) &&
		     ok;
	}
	printf("%zu inputs\n", count);
	if (count == 0)
		fprintf(stderr, "no input: give a corpus directory\n");
	return ok && count > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
