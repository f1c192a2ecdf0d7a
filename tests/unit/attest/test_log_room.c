/* SPDX-License-Identifier: Apache-2.0 */
/* Who gets how much of the runtime log. */
#include "tests/support/unit.h"

#include "attest/log_room.h"

#define ALICE 1000
#define BOB   1001
#define CAROL 1002

static struct log_room room;
static struct err err;

static int tear_down(void **state)
{
	(void)state;
	log_room_release(&room);
	return 0;
}

static struct host_log_place place_of(uid_t uid, uint64_t bytes)
{
	return (struct host_log_place){.uid = uid, .bounded = uid != 0, .left = bytes};
}

static bool take(struct host_log_place *place, uint64_t length)
{
	return log_room_take(&room, length, place, &err);
}

/* As if somebody had written so much. */
static void write_all(uid_t uid, uint64_t bytes)
{
	struct host_log_place place = place_of(uid, bytes);
	assert_ok(take(&place, 0), err);
	log_room_use(&room, &place, bytes);
}

static void user__has_his_share__no_more_for_him_and_others_have_room(void **state)
{
	struct host_log_place more = place_of(ALICE, 1), other = place_of(BOB, 1000),
			      root = place_of(0, 1000);
	(void)state;
	write_all(ALICE, HOST_LOG_OF_USER);
	assert_fails(take(&more, HOST_LOG_OF_USER), err, ERR_LIMIT,
		"launches of user 1000 have 2097152 bytes of this boot's runtime log, and this one "
		"may "
		"need 1: one user's stop at 2097152, until this machine restarts");
	assert_int_equal(more.left, 0);
	assert_ok(take(&other, HOST_LOG_OF_USER), err);
	assert_ok(take(&root, HOST_LOG_OF_USER), err);
}

/* What is taken is gone until it is given back; who has not taken it cannot have it. */
static void user__two_launches_at_once__not_both_get_the_last(void **state)
{
	struct host_log_place one = place_of(ALICE, HOST_LOG_OF_USER / 2 + 1);
	struct host_log_place two = place_of(ALICE, HOST_LOG_OF_USER / 2);
	(void)state;
	assert_ok(take(&one, 0), err);
	assert_false(take(&two, 0));
	log_room_give_back(&room, &one);
	assert_int_equal(one.left, 0);
	assert_int_equal(room.reserved, 0);
	two.left = HOST_LOG_OF_USER / 2;
	assert_ok(take(&two, 0), err);
	log_room_use(&room, &two, two.left);
	log_room_give_back(&room, &two);
	assert_int_equal(room.users[0].written, HOST_LOG_OF_USER / 2);
}

static void log__nearly_full__two_launches_at_once_not_both(void **state)
{
	struct host_log_place one = place_of(0, 1000), two = place_of(0, 1000);
	(void)state;
	assert_ok(take(&one, HOST_LOG_LAUNCH_MAX - 1999), err);
	assert_fails(take(&two, HOST_LOG_LAUNCH_MAX - 1999), err, ERR_LIMIT,
		"the runtime log of this boot has 7339033 bytes, with launches under way, and this "
		"launch may need 1000: launches stop at 7340032: restart this machine");
	log_room_give_back(&room, &one);
	two.left = 1000;
	assert_ok(take(&two, HOST_LOG_LAUNCH_MAX - 1999), err);
}

/* All ordinary users together do not keep root from launching. */
static void log__ordinary_users_have_theirs__room_for_root(void **state)
{
	struct host_log_place more = place_of(CAROL, 1), root = place_of(0, HOST_LOG_OF_USER);
	(void)state;
	assert_false(take(&more, HOST_LOG_LAUNCH_MAX - HOST_LOG_OF_USER));
	assert_int_equal(err.code, ERR_LIMIT);
	assert_non_null(strstr(err.text, "those of ordinary users stop at 5242880"));
	assert_ok(take(&root, HOST_LOG_LAUNCH_MAX - HOST_LOG_OF_USER), err);
}

static void log__begins_anew__what_was_written_is_forgotten(void **state)
{
	struct host_log_place under_way = place_of(BOB, 10), more = place_of(ALICE, 10);
	(void)state;
	write_all(ALICE, HOST_LOG_OF_USER);
	assert_ok(take(&under_way, 0), err);
	log_room_clear(&room);
	assert_ok(take(&more, 0), err);
	assert_int_equal(room.reserved, 20);
	log_room_give_back(&room, &under_way);
	assert_int_equal(room.reserved, 10);
}

static void read_component(uint8_t instance, size_t len)
{
	static uint8_t bytes[1000];
	struct runtime_record record = {
		.kind = RUNTIME_COMPONENT, .raw = bytes_of(bytes, len), .component = {{instance}}};
	assert_ok(log_room_read(&room, &record, &err), err);
}

static void read_launch(uint8_t instance, uid_t uid, size_t len)
{
	static uint8_t bytes[1000];
	static struct runtime_launch launch;
	launch.instance[0] = instance;
	launch.uid = uid;
	struct runtime_record record = {
		.kind = RUNTIME_LAUNCH, .raw = bytes_of(bytes, len), .launch = &launch};
	assert_ok(log_room_read(&room, &record, &err), err);
}

static uint64_t written(uid_t uid)
{
	for (size_t i = 0; i < room.user_count; i++)
		if (room.users[i].uid == uid)
			return room.users[i].written;
	return 0;
}

/* Each launch with the components of its own, whoever's stood between them. */
static void read__launches_of_two_users_mixed__each_has_his_own(void **state)
{
	(void)state;
	read_component(1, 100);
	read_component(2, 10);
	read_component(1, 200);
	read_launch(1, ALICE, 300);
	read_component(2, 20);
	read_launch(2, BOB, 30);
	read_component(1, 500); /* a file that changed: no launch */
	read_component(3, 7);
	read_launch(3, ALICE, 1);
	assert_int_equal(written(ALICE), 608);
	assert_int_equal(written(BOB), 60);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, NULL, tear_down)
		T(user__has_his_share__no_more_for_him_and_others_have_room),
		T(user__two_launches_at_once__not_both_get_the_last),
		T(log__nearly_full__two_launches_at_once_not_both),
		T(log__ordinary_users_have_theirs__room_for_root),
		T(log__begins_anew__what_was_written_is_forgotten),
		T(read__launches_of_two_users_mixed__each_has_his_own),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
