/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who has how much of the runtime log of this boot. What a launch may need is taken before it begins, so that two at once cannot
 * both have the last of it. Private to attest/log*.c; under the log's lock.
 */
#ifndef ASSAY_ATTEST_LOG_ROOM_H
#define ASSAY_ATTEST_LOG_ROOM_H

#include "attest/log.h"

struct log_room_user {
	uid_t uid;
	uint64_t written, reserved;
};
/* Components whose launch has not been read yet. */
struct log_room_pending {
	uint8_t instance[INSTANCE_ID_LEN];
	uint64_t bytes;
};
struct log_room {
	uint64_t reserved; /* by launches under way, of all users */
	size_t user_count, user_room, pending_count, pending_room;
	struct log_room_user *users;
	struct log_room_pending *pending;
};
void log_room_release(struct log_room *room);
/* Nothing is written any more: another log begins. What is reserved stays so. */
void log_room_clear(struct log_room *room);
/* A record that an earlier hostd wrote. */
must_use bool log_room_read(
	struct log_room *room, const struct runtime_record *record, struct err *err);
/* place->left bytes, of a log that has `length`; ERR_LIMIT with the reason, and place->left is 0. */
must_use bool log_room_take(
	struct log_room *room, uint64_t length, struct host_log_place *place, struct err *err);
/* So many of a place's bytes have been written. */
void log_room_use(struct log_room *room, struct host_log_place *place, uint64_t bytes);
void log_room_give_back(struct log_room *room, struct host_log_place *place);

#endif
