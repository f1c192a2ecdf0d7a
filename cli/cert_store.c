/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cert_store.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/text.h"

void cert_store_free(struct cert_store **store)
{
	if (!*store)
		return;
	for (size_t i = 0; i < (*store)->root_count; i++)
		cert_unref(&(*store)->roots[i]);
	for (size_t i = 0; i < (*store)->intermediate_count; i++)
		cert_unref(&(*store)->intermediates[i]);
	free(*store);
	*store = NULL;
}

static bool self_issued(const struct cert *cert)
{
	char subject[512], issuer[512];
	return strcmp(cert_subject(cert, subject, sizeof(subject)),
		       cert_issuer(cert, issuer, sizeof(issuer))) == 0;
}

static bool store_put(struct cert_store *store, struct cert *cert, bool root, struct err *err)
{
	size_t *count = root ? &store->root_count : &store->intermediate_count;
	if (*count == CERT_STORE_MAX) {
		cert_unref(&cert);
		return err_set(err, ERR_LIMIT, "more than %u certificates", CERT_STORE_MAX);
	}
	(root ? store->roots : store->intermediates)[(*count)++] = cert;
	return true;
}

bool cert_store_add_file(struct cert_store *store, const char *path, bool trusted, struct err *err)
{
	OWNED(buf_release) struct buf text = {0};
	struct cert *certs[CERT_STORE_MAX];
	size_t n = 0;
	if (!file_read(path, CERT_STORE_FILE, &text, err) ||
		!certs_from_bytes(buf_bytes(&text), CERT_STORE_MAX, certs, &n, err))
		return err_wrap(err, "%s", path);
	bool ok = true;
	for (size_t i = 0; i < n; i++) {
		if (ok)
			ok = store_put(store, certs[i], trusted && self_issued(certs[i]), err);
		else
			cert_unref(&certs[i]);
	}
	return ok;
}

bool cert_store_add_directory(struct cert_store *store, const char *path, struct err *err)
{
	DIR *directory = opendir(path);
	if (!directory)
		return err_errno(err, errno, "--roots %s", path);
	bool ok = true;
	for (struct dirent *entry; ok && (entry = readdir(directory));) {
		OWNED(buf_release) struct buf file = {0};
		struct stat status;
		if (entry->d_name[0] == '.')
			continue;
		const char *name = path_join(&file, path, entry->d_name);
		ok = name && stat(name, &status) == 0;
		if (!ok)
			(void)err_errno(err, errno, "%s", ESC(bytes_str(entry->d_name)));
		else if (S_ISREG(status.st_mode))
			ok = cert_store_add_file(store, name, true, err);
	}
	(void)closedir(directory);
	return ok;
}
