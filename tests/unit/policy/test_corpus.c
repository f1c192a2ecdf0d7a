/* SPDX-License-Identifier: Apache-2.0 */
/* The corpora of the fuzz targets of frozen contexts and states are what they say: a format that goes on and leaves them behind
 * would have the targets start from inputs that are refused at once. */
#include "tests/support/unit.h"

#include <dirent.h>

#include "base/file.h"
#include "policy/policy.h"

#define CORPUS "tests/fuzz/corpus/"

static bool policy_alone(void *arg, const uint8_t digest[SHA256_LEN], struct bytes *ret)
{
	const struct bytes *policy = arg;
	uint8_t own[SHA256_LEN];
	assert_true(sha256_of(*policy, own, NULL));
	if (memcmp(own, digest, sizeof(own)) != 0)
		return false;
	*ret = *policy;
	return true;
}

/* As tests/fuzz/fuzz_context.c divides it. */
static bool context_read(struct bytes in, struct policy_frozen *frozen, struct err *err)
{
	assert_true(in.len > 2);
	size_t n = (size_t)(in.data[0] << 8 | in.data[1]);
	assert_true(n <= in.len - 2);
	struct bytes policy = bytes_of(in.data + 2, n);
	return policy_context_decode(
		bytes_of(in.data + 2 + n, in.len - 2 - n), policy_alone, &policy, frozen, err);
}

/* How many files there are; each is read by `check`. */
static size_t each(const char *directory, void (*check)(const char *name, struct bytes in))
{
	char path[512];
	size_t count = 0;
	DIR *list = opendir(directory);
	assert_non_null(list);
	for (struct dirent *entry; (entry = readdir(list));) {
		struct buf in = {0};
		struct err err = {0};
		if (entry->d_name[0] == '.')
			continue;
		(void)snprintf(path, sizeof(path), "%s/%s", directory, entry->d_name);
		assert_ok(file_read(path, 65536, &in, &err), err);
		check(entry->d_name, buf_bytes(&in));
		buf_release(&in);
		count++;
	}
	(void)closedir(list);
	return count;
}

static uint64_t full_ago, rollouts;

static void context_check(const char *name, struct bytes in)
{
	static struct policy_frozen frozen;
	struct err err = {0};
	if (!context_read(in, &frozen, &err))
		fail_msg("%s: %s", name, err.text);
	full_ago += frozen.context.full_ago;
	rollouts += frozen.context.rollout.state != ROLLOUT_NONE;
	policy_frozen_release(&frozen);
}

static void contexts__of_the_corpus__read_and_with_every_kind_of_part(void **state)
{
	(void)state;
	assert_true(each(CORPUS "context", context_check) >= 7);
	assert_int_equal(full_ago, 576); /* key 20 */
	assert_true(rollouts > 0);
}

static void state_check(const char *name, struct bytes in)
{
	struct policy_state read;
	struct err err = {0};
	bool old = strncmp(name, "before-", 7) == 0;
	if (policy_state_decode(in, &read, &err) == old)
		fail_msg("%s: %s", name, err.text);
}

static void states__of_the_corpus__read_but_for_old_ones(void **state)
{
	(void)state;
	assert_true(each(CORPUS "policy_state", state_check) >= 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(contexts__of_the_corpus__read_and_with_every_kind_of_part),
		cmocka_unit_test(states__of_the_corpus__read_but_for_old_ones),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
