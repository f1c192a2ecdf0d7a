/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/policy_read.h"

#include "base/file.h"
#include "base/text.h"
#include "cli/cli.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>

#define KEY_TEXT_MAX 65536u

bool policy_read(const char *path, struct buf *ret_text, struct policy **ret, struct err *err)
{
	OWNED(buf_release) struct buf text = {0};
	if (!cli_read(path, POLICY_TEXT_MAX, &text, err) ||
		!policy_parse(buf_bytes(&text), path, ret, err))
		return false;
	if (ret_text)
		*ret_text = TAKE_STRUCT(text);
	return true;
}

static void directory_close(DIR **directory)
{
	if (*directory)
		(void)closedir(*directory);
}

static bool attach(struct policy *policy, const char *path, struct err *err)
{
	OWNED(buf_release) struct buf content = {0};
	struct err why = {0};
	if (!file_read(path, REFERENCE_MAX, &content, err))
		return false;
	return policy_attach(policy, buf_bytes(&content), &why) || why.code == ERR_NOT_FOUND ||
	       err_set(err, why.code, "%s: %s", path, why.text);
}

bool policy_read_references(struct policy *policy, const char *path, struct err *err)
{
	OWNED(directory_close) DIR *directory = opendir(path);
	const struct dirent *entry;
	if (!directory)
		return err_errno(err, errno, "references: %s", path);
	while ((entry = readdir(directory))) {
		OWNED(buf_release) struct buf file = {0};
		if (entry->d_name[0] == '.')
			continue;
		if (!path_join(&file, path, entry->d_name))
			return buf_ok(&file, err);
		if (!attach(policy, buf_str(&file), err))
			return err_wrap(err, "references");
	}
	return true;
}

static bool threshold_parse(const char *text, struct policy_signers *signers, struct err *err)
{
	char *end = NULL;
	long long threshold;
	if (!text)
		return policy_signers_demand(signers, (int64_t)signers->count, err);
	errno = 0;
	threshold = strtoll(text, &end, 10);
	if (errno != 0 || *text == '\0' || *end != '\0')
		return err_set(err, ERR_USAGE, "--threshold is a number");
	if (!policy_signers_demand(signers, threshold, err)) {
		if (err)
			err->code = ERR_USAGE;
		return err_wrap(err, "--threshold");
	}
	return true;
}

bool policy_read_signers(const char *const *files, size_t n, const char *threshold,
	struct policy_signers *ret, struct err *err)
{
	for (size_t i = 0; i < n; i++) {
		OWNED(buf_release) struct buf pem = {0};
		const char *slash = strrchr(files[i], '/');
		const char *name = slash ? slash + 1 : files[i];
		char number[32];
		(void)snprintf(number, sizeof(number), "key-%zu", i + 1);
		if (!cli_read(files[i], KEY_TEXT_MAX, &pem, err) ||
			!policy_signers_add(ret, text_is_name(bytes_str(name)) ? name : number,
				buf_bytes(&pem), err))
			return err_wrap(err, "%s", files[i]);
	}
	return threshold_parse(threshold, ret, err);
}
