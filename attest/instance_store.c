/* SPDX-License-Identifier: Apache-2.0 */
/* Saved instances as files. */
#include "attest/instance_saved.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "attest/hostd_state.h"
#include "base/file.h"

static const char *path_of(
	const struct hostd *hostd, const struct instance *instance, struct buf *path)
{
	buf_printf(path, "%s/instances/%s", hostd->config->state_dir, instance->hex);
	return buf_str(path);
}

static bool describe(const struct hostd *hostd, struct instance *instance,
	struct instance_saved *ret, struct err *err)
{
	struct stat st;
	*ret = (struct instance_saved){.instance = instance};
	memcpy(ret->boot_id, hostd->boot_id, sizeof(ret->boot_id));
	if (instance->key)
		memcpy(ret->key_id, key_id(instance->key), SHA256_LEN);
	if (instance->directory < 0)
		return true;
	if (fstat(instance->directory, &st) != 0)
		return err_errno(err, errno, "%s", instance->directory_path);
	ret->directory_device = st.st_dev;
	ret->directory_inode = st.st_ino;
	return true;
}

static bool save_locked(struct hostd *hostd, struct instance *instance, struct err *err)
{
	OWNED(buf_release) struct buf path = {0}, directory = {0}, text = {0};
	struct instance_saved saved;
	if (instance->state == INSTANCE_ENDED)
		return true;
	buf_printf(&directory, "%s/instances", hostd->config->state_dir);
	if (!path_of(hostd, instance, &path) || !buf_str(&directory))
		return buf_ok(&path, err);
	return describe(hostd, instance, &saved, err) &&
	       instance_saved_encode(&saved, &text, err) &&
	       file_make_dirs(buf_str(&directory), 0700, err) &&
	       file_write_atomic(buf_str(&path), buf_bytes(&text), 0600, err);
}

bool instance_save(struct hostd *hostd, struct instance *instance, struct err *err)
{
	(void)pthread_mutex_lock(&instance->mutex);
	bool ok = save_locked(hostd, instance, err);
	(void)pthread_mutex_unlock(&instance->mutex);
	return ok || err_wrap(err, "keeping what is known of the instance");
}

void instance_save_or_tell(struct hostd *hostd, struct instance *instance)
{
	struct err err;
	if (!instance_save(hostd, instance, &err))
		log_event(hostd->log, LOG_LEVEL_ERROR, "instance not saved",
			{"instance", bytes_str(instance->hex)}, {"error", bytes_str(err.text)});
}

void instance_forget(struct hostd *hostd, const struct instance *instance)
{
	OWNED(buf_release) struct buf path = {0};
	if (path_of(hostd, instance, &path))
		(void)unlink(buf_str(&path));
}
