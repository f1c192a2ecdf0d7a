/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/log_room.h"

#include <stdlib.h>

void log_room_release(struct log_room *room)
{
	free(room->users);
	free(room->pending);
	*room = (struct log_room){0};
}

void log_room_clear(struct log_room *room)
{
	for (size_t i = 0; i < room->user_count; i++)
		room->users[i].written = 0;
	room->pending_count = 0;
}

/* One more element of `size` bytes. */
static bool grow(void **array, size_t count, size_t *room, size_t size, struct err *err)
{
	size_t wanted = *room ? 2 * *room : 16;
	if (count < *room)
		return true;
	void *grown = realloc(*array, wanted * size);
	if (!grown)
		return err_set(err, ERR_NOMEM, "no memory for who has how much of the runtime log");
	*array = grown;
	*room = wanted;
	return true;
}

static struct log_room_user *user_find(const struct log_room *room, uid_t uid)
{
	for (size_t i = 0; i < room->user_count; i++)
		if (room->users[i].uid == uid)
			return &room->users[i];
	return NULL;
}

static bool user_of(struct log_room *room, uid_t uid, struct log_room_user **ret, struct err *err)
{
	void *users = room->users;
	*ret = user_find(room, uid);
	if (*ret)
		return true;
	if (!grow(&users, room->user_count, &room->user_room, sizeof(*room->users), err))
		return false;
	room->users = users;
	*ret = &room->users[room->user_count++];
	**ret = (struct log_room_user){.uid = uid};
	return true;
}

/* ---- what an earlier hostd wrote: the components of a launch stand before it, those of several launches mixed ---- */

static struct log_room_pending *pending_find(
	const struct log_room *room, const uint8_t instance[INSTANCE_ID_LEN])
{
	for (size_t i = room->pending_count; i > 0; i--)
		if (memcmp(room->pending[i - 1].instance, instance, INSTANCE_ID_LEN) == 0)
			return &room->pending[i - 1];
	return NULL;
}

static bool read_component(struct log_room *room, const uint8_t instance[INSTANCE_ID_LEN],
	uint64_t bytes, struct err *err)
{
	struct log_room_pending *found = pending_find(room, instance);
	void *pending = room->pending;
	if (found) {
		found->bytes += bytes;
		return true;
	}
	if (!grow(&pending, room->pending_count, &room->pending_room, sizeof(*room->pending), err))
		return false;
	room->pending = pending;
	found = &room->pending[room->pending_count++];
	found->bytes = bytes;
	memcpy(found->instance, instance, INSTANCE_ID_LEN);
	return true;
}

static bool read_launch(
	struct log_room *room, const struct runtime_launch *launch, uint64_t bytes, struct err *err)
{
	struct log_room_user *user;
	struct log_room_pending *found = pending_find(room, launch->instance);
	if (!user_of(room, launch->uid, &user, err))
		return false;
	user->written += bytes + (found ? found->bytes : 0);
	if (found)
		*found = room->pending[--room->pending_count];
	return true;
}

bool log_room_read(struct log_room *room, const struct runtime_record *record, struct err *err)
{
	if (record->kind == RUNTIME_COMPONENT)
		return read_component(room, record->component.instance, record->raw.len, err);
	return record->kind != RUNTIME_LAUNCH ||
	       read_launch(room, record->launch, record->raw.len, err);
}

/* ---- places ---- */

static bool has_room(const struct log_room *room, uint64_t length, const struct log_room_user *user,
	const struct host_log_place *place, struct err *err)
{
	uint64_t all = length + room->reserved, own = user->written + user->reserved;
	uint64_t max =
		place->bounded ? HOST_LOG_LAUNCH_MAX - HOST_LOG_OF_USER : HOST_LOG_LAUNCH_MAX;
	if (place->left > max || all > max - place->left)
		return err_set(err, ERR_LIMIT,
			"the runtime log of this boot has %llu bytes, with launches under way, and "
			"this launch may need %llu: %s stop at %llu: restart this machine",
			(unsigned long long)all, (unsigned long long)place->left,
			place->bounded ? "those of ordinary users" : "launches",
			(unsigned long long)max);
	if (place->bounded &&
		(place->left > HOST_LOG_OF_USER || own > HOST_LOG_OF_USER - place->left))
		return err_set(err, ERR_LIMIT,
			"launches of user %u have %llu bytes of this boot's runtime log, and this "
			"one may need %llu: one user's stop at %u, until this machine restarts",
			place->uid, (unsigned long long)own, (unsigned long long)place->left,
			HOST_LOG_OF_USER);
	return true;
}

bool log_room_take(
	struct log_room *room, uint64_t length, struct host_log_place *place, struct err *err)
{
	struct log_room_user *user;
	if (!user_of(room, place->uid, &user, err) || !has_room(room, length, user, place, err)) {
		place->left = 0;
		return false;
	}
	user->reserved += place->left;
	room->reserved += place->left;
	return true;
}

static void give(struct log_room *room, struct host_log_place *place, uint64_t bytes, bool written)
{
	struct log_room_user *user = user_find(room, place->uid);
	if (!user)
		return;
	user->reserved -= bytes;
	user->written += written ? bytes : 0;
	room->reserved -= bytes;
	place->left -= bytes;
}

void log_room_use(struct log_room *room, struct host_log_place *place, uint64_t bytes)
{
	give(room, place, bytes, true);
}

void log_room_give_back(struct log_room *room, struct host_log_place *place)
{
	give(room, place, place->left, false);
}
