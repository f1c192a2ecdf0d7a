/* SPDX-License-Identifier: Apache-2.0 */
/* Credentials as files in a directory of the agent's user. */
#include "attest/instance.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "crypto/x509.h"

#define NAME_LEN_MAX 32
#define KEY_PEM_MAX  4096u
#define TEMPORARY    ".assay-new"

static const char *const fixed_names[] = {"svid.pem", "key.pem", "bundle.pem", TEMPORARY};

static void token_name(size_t i, char out[NAME_LEN_MAX])
{
	(void)snprintf(out, NAME_LEN_MAX, "jwt-%zu.token", i);
}

static bool own(int fd, const struct instance *instance, const char *what, struct err *err)
{
	if (geteuid() == 0 && fchown(fd, instance->uid, instance->gid) != 0)
		return err_errno(err, errno, "giving %s to user %u", what, instance->uid);
	return true;
}

/* ---- directories ---- */

/* Whoever was there first, or may still change what lies there, could have our keys written where he
 * reads: it must be a directory that only we and root can change. */
static bool only_ours(int fd, const char *path, struct err *err)
{
	struct stat st;
	if (fd < 0 || fstat(fd, &st) != 0)
		return err_errno(err, errno, "%s", path);
	if (st.st_uid != geteuid() && st.st_uid != 0)
		return err_set(
			err, ERR_DENIED, "%s: belongs to user %u: remove it", path, st.st_uid);
	if (st.st_mode & (S_IWGRP | S_IWOTH))
		return err_set(err, ERR_DENIED, "%s: others may write in it: chmod go-w", path);
	return true;
}

/* Makes both, checks both; *ret_fd: of the lower one. */
static bool instances_directory(const char *run_dir, struct buf *path, int *ret_fd, struct err *err)
{
	OWNED(fd_close) int above = -1, fd = -1;
	if (!path_join(path, run_dir, "instances"))
		return buf_ok(path, err);
	if (!file_make_dirs(run_dir, 0755, err) || !file_make_dirs(buf_str(path), 0711, err))
		return false;
	above = open(run_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (!only_ours(above, run_dir, err))
		return false;
	fd = openat(above, "instances", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (!only_ours(fd, buf_str(path), err))
		return false;
	*ret_fd = fd;
	fd = -1;
	return true;
}

bool credentials_prepare(const char *run_dir, struct err *err)
{
	OWNED(buf_release) struct buf path = {0};
	OWNED(fd_close) int fd = -1;
	return instances_directory(run_dir, &path, &fd, err);
}

bool credentials_directory(struct instance *instance, const char *run_dir, struct err *err)
{
	OWNED(buf_release) struct buf above = {0};
	OWNED(fd_close) int above_fd = -1;
	if (!instances_directory(run_dir, &above, &above_fd, err))
		return false;
	buf_put_str(&above, "/");
	buf_put_str(&above, instance->hex);
	instance->directory_path = buf_str(&above) ? bytes_strdup(buf_bytes(&above)) : NULL;
	if (!instance->directory_path)
		return err_set(err, ERR_NOMEM, "no memory for a path");
	if (mkdirat(above_fd, instance->hex, 0700) != 0)
		return err_errno(err, errno, "%s", instance->directory_path);
	instance->own_directory = true;
	instance->directory =
		openat(above_fd, instance->hex, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (instance->directory < 0)
		return err_errno(err, errno, "%s", instance->directory_path);
	return own(instance->directory, instance, instance->directory_path, err);
}

bool credentials_directory_given(
	struct instance *instance, int fd, const char *path, uid_t caller, struct err *err)
{
	struct stat st;
	if (fstat(fd, &st) != 0)
		return err_errno(err, errno, "directory for credentials");
	if (!S_ISDIR(st.st_mode))
		return err_set(err, ERR_USAGE, "directory for credentials: %s is no directory",
			ESC(bytes_str(path)));
	if (caller != 0 && st.st_uid != caller)
		return err_set(err, ERR_DENIED, "directory for credentials: %s is not yours",
			ESC(bytes_str(path)));
	if (st.st_mode & (S_IWGRP | S_IWOTH))
		return err_set(err, ERR_DENIED,
			"directory for credentials: others may write in %s: chmod go-w",
			ESC(bytes_str(path)));
	instance->directory_path = strdup(path);
	instance->directory = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (instance->directory < 0 || !instance->directory_path)
		return err_errno(err, errno, "directory for credentials");
	return true;
}

/* ---- files ---- */

static bool put_new(
	const struct instance *instance, const char *name, struct bytes content, struct err *err)
{
	int dir = instance->directory;
	OWNED(fd_close)
	int fd = openat(dir, TEMPORARY, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_errno(err, errno, "credential %s", name);
	if (!own(fd, instance, name, err) || !file_write_fd(fd, name, content, err))
		return false;
	if (renameat(dir, TEMPORARY, dir, name) != 0)
		return err_errno(err, errno, "credential %s", name);
	return true;
}

static bool put_file(
	const struct instance *instance, const char *name, struct bytes content, struct err *err)
{
	/* Never through what lies there: the name is new, then takes the old one's place. */
	(void)unlinkat(instance->directory, TEMPORARY, 0);
	if (put_new(instance, name, content, err))
		return true;
	/* It may be half a key. */
	(void)unlinkat(instance->directory, TEMPORARY, 0);
	return false;
}

static bool put_certs(const struct instance *instance, const char *name, const struct bytes *certs,
	size_t count, struct err *err)
{
	OWNED(buf_release) struct buf pem = {0};
	for (size_t i = 0; i < count; i++) {
		OWNED(cert_unref) struct cert *cert = NULL;
		if (!cert_from_der(certs[i], false, &cert, err) || !cert_pem(cert, &pem, err))
			return err_wrap(err, "%s", name);
	}
	return count == 0 || put_file(instance, name, buf_bytes(&pem), err);
}

static bool put_key(const struct instance *instance, struct err *err)
{
	OWNED(buf_release) struct buf pem = {0};
	bool ok = instance_protection(instance) == KEY_TPM
			  ? tpm_key_pem(&instance->tpm_key, &pem, err)
			  : key_private_pem(instance->key, &pem, err);
	return ok && put_file(instance, "key.pem", buf_bytes(&pem), err);
}

static bool own_key(const struct instance *instance, struct key **ret, struct err *err)
{
	if (instance_protection(instance) == KEY_SOFTWARE) {
		*ret = key_ref(instance->key);
		return true;
	}
	struct tpmt_public area;
	return tpmt_public_parse(buf_bytes(&instance->tpm_key.public_area), &area, err) &&
	       tpmt_public_key(&area, ret, err);
}

static bool check_leaf(
	const struct instance *instance, const struct attest_result *result, struct err *err)
{
	OWNED(cert_unref) struct cert *leaf = NULL;
	OWNED(key_unref) struct key *certified = NULL, *own = NULL;
	if (!cert_from_der(result->certs[0], false, &leaf, err) ||
		!cert_key(leaf, &certified, err) || !own_key(instance, &own, err))
		return err_wrap(err, "credential");
	if (!key_equal(certified, own))
		return err_set(err, ERR_MISMATCH,
			"credential: the verifier certified another key than this instance's");
	return true;
}

bool credentials_write(
	const struct instance *instance, const struct attest_result *result, struct err *err)
{
	if (result->cert_count > 0 &&
		(!check_leaf(instance, result, err) || !put_key(instance, err) ||
			!put_certs(instance, "svid.pem", result->certs, result->cert_count, err)))
		return false;
	for (size_t i = 0; i < result->token_count; i++) {
		char name[NAME_LEN_MAX];
		token_name(i, name);
		if (!put_file(instance, name, result->tokens[i], err))
			return false;
	}
	return put_certs(instance, "bundle.pem", result->bundle, result->bundle_count, err);
}

void credentials_remove(const struct instance *instance)
{
	if (instance->directory < 0)
		return;
	for (size_t i = 0; i < ARRAY_LEN(fixed_names); i++)
		(void)unlinkat(instance->directory, fixed_names[i], 0);
	for (size_t i = 0; i < AUDIENCES_MAX; i++) {
		char name[NAME_LEN_MAX];
		token_name(i, name);
		(void)unlinkat(instance->directory, name, 0);
	}
}

void credentials_release(struct instance *instance)
{
	if (!instance->own_directory)
		return;
	credentials_remove(instance);
	(void)rmdir(instance->directory_path);
	instance->own_directory = false;
}

static bool is_instance(const char *name)
{
	uint8_t id[INSTANCE_ID_LEN];
	struct err ignored;
	return hex_decode_exact(bytes_str(name), id, sizeof(id), &ignored);
}

bool credentials_reopen(struct instance *instance, uint64_t device, uint64_t inode, struct err *err)
{
	struct stat st;
	OWNED(fd_close)
	int fd = open(instance->directory_path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) != 0)
		return err_errno(err, errno, "directory for credentials %s",
			ESC(bytes_str(instance->directory_path)));
	if (st.st_dev != device || st.st_ino != inode || (st.st_mode & (S_IWGRP | S_IWOTH)))
		return err_set(err, ERR_MISMATCH,
			"directory for credentials %s is another one, or open to others",
			ESC(bytes_str(instance->directory_path)));
	instance->directory = fd;
	fd = -1;
	return true;
}

bool credentials_key(const struct instance *instance, const uint8_t id[SHA256_LEN],
	struct key **ret, struct err *err)
{
	OWNED(buf_release) struct buf pem = {0};
	OWNED(key_unref) struct key *key = NULL;
	/* It lies in the agent's reach: whatever it is now, it is read without waiting, and only this very key counts. */
	OWNED(fd_close)
	int fd = openat(
		instance->directory, "key.pem", O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return err_set(err, ERR_NOT_FOUND,
			"its key did not outlive the restart of assay-hostd: start the agent "
			"again");
	bool read = file_read_fd(fd, "key.pem", KEY_PEM_MAX, &pem, err) &&
		    key_from_pem(buf_bytes(&pem), &key, err);
	if (pem.data)
		secret_wipe(pem.data, pem.len);
	if (!read)
		return err_wrap(err, "its key");
	if (!key_has_private(key) || memcmp(key_id(key), id, SHA256_LEN) != 0)
		return err_set(err, ERR_MISMATCH,
			"the key among its credentials is not the one it was launched with");
	*ret = TAKE(key);
	return true;
}

bool credentials_clean(const char *run_dir, struct instances *keep, struct err *err)
{
	OWNED(buf_release) struct buf path = {0};
	OWNED(fd_close) int fd = -1;
	if (!instances_directory(run_dir, &path, &fd, err))
		return false;
	DIR *dir = fdopendir(fd);
	if (!dir)
		return err_errno(err, errno, "%s", buf_str(&path));
	fd = -1; /* dir's */
	for (const struct dirent *entry = readdir(dir); entry; entry = readdir(dir)) {
		OWNED(instance_unref) struct instance *kept = NULL;
		if (!is_instance(entry->d_name) ||
			(kept = instances_find(keep, entry->d_name)) != NULL)
			continue;
		struct instance left = {.directory = openat(dirfd(dir), entry->d_name,
						O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)};
		credentials_remove(&left);
		fd_close(&left.directory);
		(void)unlinkat(dirfd(dir), entry->d_name, AT_REMOVEDIR);
	}
	(void)closedir(dir);
	return true;
}
