/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/drift.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"

#define EVENTS (IN_MODIFY | IN_ATTRIB | IN_MOVE_SELF | IN_DELETE_SELF)
#define ROOM   16384u /* of one reading */

struct watch {
	int wd; /* the inode's, so perhaps of several instances */
	uint8_t id[INSTANCE_ID_LEN];
};
struct drift {
	pthread_mutex_t mutex;
	int fd;
	size_t count, room;
	struct watch *watches;
};

bool drift_open(struct drift **ret, struct err *err)
{
	OWNED(drift_free) struct drift *drift = calloc(1, sizeof(*drift));
	if (!drift)
		return err_set(err, ERR_NOMEM, "no memory for watching files");
	(void)pthread_mutex_init(&drift->mutex, NULL);
	drift->fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (drift->fd < 0)
		return err_errno(err, errno, "inotify");
	*ret = TAKE(drift);
	return true;
}

void drift_free(struct drift **pointer)
{
	struct drift *drift = *pointer;
	*pointer = NULL;
	if (!drift)
		return;
	fd_close(&drift->fd);
	(void)pthread_mutex_destroy(&drift->mutex);
	free(drift->watches);
	free(drift);
}

int drift_fd(const struct drift *drift)
{
	return drift->fd;
}

/* ---- the table, under its lock ---- */

static bool is_watched(const struct drift *drift, int wd)
{
	for (size_t i = 0; i < drift->count; i++)
		if (drift->watches[i].wd == wd)
			return true;
	return false;
}

static bool note(struct drift *drift, int wd, const uint8_t id[INSTANCE_ID_LEN], struct err *err)
{
	if (drift->count == DRIFT_WATCHES_MAX)
		return err_set(err, ERR_LIMIT, "more than %u files are watched", DRIFT_WATCHES_MAX);
	if (drift->count == drift->room) {
		size_t room = drift->room ? 2 * drift->room : 64;
		struct watch *grown = realloc(drift->watches, room * sizeof(*grown));
		if (!grown)
			return err_set(err, ERR_NOMEM, "no memory for watching files");
		drift->watches = grown;
		drift->room = room;
	}
	struct watch *watch = &drift->watches[drift->count++];
	watch->wd = wd;
	memcpy(watch->id, id, INSTANCE_ID_LEN);
	return true;
}

static bool add_file(struct drift *drift, const struct instance *instance,
	const struct instance_file *file, struct err *err)
{
	int wd = inotify_add_watch(drift->fd, file->path, EVENTS);
	if (wd < 0)
		return err_errno(err, errno, "watching %s", ESC(bytes_str(file->path)));
	if (note(drift, wd, instance->id, err))
		return true;
	if (!is_watched(drift, wd))
		(void)inotify_rm_watch(drift->fd, wd);
	return false;
}

bool drift_add(
	struct drift *drift, const struct instance *instance, bool originals, struct err *err)
{
	bool ok = true;
	(void)pthread_mutex_lock(&drift->mutex);
	for (size_t i = 0; ok && i < instance->file_count; i++)
		if (originals || !instance->files[i].copied)
			ok = add_file(drift, instance, &instance->files[i], err);
	(void)pthread_mutex_unlock(&drift->mutex);
	return ok;
}

void drift_remove(struct drift *drift, const struct instance *instance)
{
	(void)pthread_mutex_lock(&drift->mutex);
	for (size_t i = drift->count; i > 0; i--) {
		int wd = drift->watches[i - 1].wd;
		if (memcmp(drift->watches[i - 1].id, instance->id, INSTANCE_ID_LEN) != 0)
			continue;
		drift->watches[i - 1] = drift->watches[--drift->count];
		if (!is_watched(drift, wd))
			(void)inotify_rm_watch(drift->fd, wd);
	}
	(void)pthread_mutex_unlock(&drift->mutex);
}

/* ---- events ---- */

static void found(struct drift_found *ret, const uint8_t id[INSTANCE_ID_LEN])
{
	for (size_t i = 0; i < ret->count; i++)
		if (memcmp(ret->ids[i], id, INSTANCE_ID_LEN) == 0)
			return;
	if (ret->count == DRIFT_FOUND_MAX)
		ret->lost = true;
	else
		memcpy(ret->ids[ret->count++], id, INSTANCE_ID_LEN);
}

void drift_take(struct drift *drift, struct bytes events, struct drift_found *ret)
{
	(void)pthread_mutex_lock(&drift->mutex);
	while (events.len >= sizeof(struct inotify_event)) {
		struct inotify_event event;
		memcpy(&event, events.data, sizeof(event));
		size_t len = sizeof(event) + event.len;
		if (len > events.len)
			break;
		events = bytes_of(events.data + len, events.len - len);
		ret->lost = ret->lost || (event.mask & IN_Q_OVERFLOW) != 0;
		for (size_t i = 0; i < drift->count; i++)
			if (drift->watches[i].wd == event.wd)
				found(ret, drift->watches[i].id);
	}
	(void)pthread_mutex_unlock(&drift->mutex);
	/* Half an event is one that is not known. */
	ret->lost = ret->lost || events.len > 0;
}

void drift_read(struct drift *drift, struct drift_found *ret)
{
	_Alignas(struct inotify_event) uint8_t room[ROOM];
	ssize_t n;
	*ret = (struct drift_found){0};
	do
		n = read(drift->fd, room, sizeof(room));
	while (n < 0 && errno == EINTR);
	if (n > 0)
		drift_take(drift, bytes_of(room, (size_t)n), ret);
	else if (n < 0 && errno != EAGAIN)
		ret->lost = true;
}
