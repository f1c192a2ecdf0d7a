/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/instance.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "base/time.h"

static const char *const state_names[INSTANCE_STATES] = {
	[INSTANCE_STARTING] = "starting",
	[INSTANCE_TRUSTED] = "trusted",
	[INSTANCE_UNREACHABLE] = "unreachable",
	[INSTANCE_STALE] = "stale",
	[INSTANCE_UNTRUSTED] = "untrusted",
	[INSTANCE_ENDED] = "ended",
};

static const char *const hold_names[INSTANCE_HOLDS] = {
	[HOLD_NONE] = "",
	[HOLD_FROZEN] = "frozen",
	[HOLD_STOPPING] = "stopping",
};

const char *instance_hold_name(enum instance_hold hold)
{
	return (size_t)hold < ARRAY_LEN(hold_names) ? hold_names[hold] : "unknown";
}

const char *instance_state_name(enum instance_state state)
{
	return (size_t)state < ARRAY_LEN(state_names) ? state_names[state] : "unknown";
}

bool instance_blank(struct instance **ret, struct err *err)
{
	struct instance *instance = calloc(1, sizeof(*instance));
	if (!instance)
		return err_set(err, ERR_NOMEM, "no memory for an instance");
	(void)pthread_mutex_init(&instance->mutex, NULL);
	instance->references = 1;
	instance->clock = &clock_system;
	instance->pidfd = instance->directory = -1;
	*ret = instance;
	return true;
}

bool instance_new(const char *workload, struct instance **ret, struct err *err)
{
	OWNED(instance_unref) struct instance *instance = NULL;
	if (!instance_blank(&instance, err))
		return false;
	instance->workload = strdup(workload);
	if (!instance->workload)
		return err_set(err, ERR_NOMEM, "no memory for an instance");
	if (!random_fill(&random_system, instance->id, sizeof(instance->id), err))
		return false;
	hex_encode(BYTES_OF(instance->id), instance->hex);
	*ret = TAKE(instance);
	return true;
}

void instance_unref(struct instance **pointer)
{
	struct instance *instance = *pointer;
	*pointer = NULL;
	if (!instance || __atomic_sub_fetch(&instance->references, 1, __ATOMIC_ACQ_REL) > 0)
		return;
	key_unref(&instance->key);
	tpm_key_release(&instance->tpm_key);
	fd_close(&instance->pidfd);
	fd_close(&instance->directory);
	buf_release(&instance->challenge);
	for (size_t i = 0; i < instance->audience_count; i++)
		free(instance->audiences[i]);
	for (size_t i = 0; i < instance->file_count; i++)
		free(instance->files[i].path);
	free(instance->files);
	free(instance->directory_path);
	free(instance->cgroup);
	free(instance->workload);
	(void)pthread_mutex_destroy(&instance->mutex);
	free(instance);
}

bool instance_make_key(struct instance *instance, struct tpm *tpm, bool in_tpm, struct err *err)
{
	return in_tpm ? tpm_key_new(tpm, &instance->tpm_key, err)
		      : key_generate(KEY_EC_P256, &instance->key, err);
}

enum key_protection instance_protection(const struct instance *instance)
{
	return instance->tpm_key.public_area.len > 0 ? KEY_TPM : KEY_SOFTWARE;
}

bool instance_alive(const struct instance *instance)
{
	struct pollfd entry = {.fd = instance->pidfd, .events = POLLIN};
	return instance->pidfd >= 0 && poll(&entry, 1, 0) == 0;
}

static bool same_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

bool instance_file_changed(const struct instance_file *file)
{
	struct stat st;
	return stat(file->path, &st) != 0 || st.st_dev != file->device ||
	       st.st_ino != file->inode || (uint64_t)st.st_size != file->size ||
	       !same_time(&st.st_mtim, &file->modified) || !same_time(&st.st_ctim, &file->changed);
}

bool instance_files_unchanged(const struct instance *instance, struct err *err)
{
	for (size_t i = 0; i < instance->file_count; i++) {
		const struct instance_file *file = &instance->files[i];
		if (file->copied || !instance_file_changed(file))
			continue;
		return err_set(err, ERR_CONFLICT, "%s was measured, not pinned, and %s",
			ESC(bytes_str(file->path)),
			access(file->path, F_OK) == 0 ? "has changed since" : "is gone");
	}
	return true;
}

/* Whatever a verifier says: what is further away than any lease may be counts as that. */
static uint64_t milliseconds(uint64_t seconds)
{
	return (seconds < LEASE_MAX ? seconds : LEASE_MAX) * 1000;
}

static uint64_t left_ms(int64_t until, int64_t wall)
{
	return until > wall ? milliseconds((uint64_t)until - (uint64_t)wall) : 0;
}

bool instance_schedule(struct instance *instance, int64_t after_seconds, struct err *err)
{
	uint16_t random = 0;
	if (!random_fill(&random_system, (uint8_t *)&random, sizeof(random), err))
		return false;
	uint64_t after = milliseconds(after_seconds > 0 ? (uint64_t)after_seconds : 1);
	uint64_t jitter = after / 5 * random / UINT16_MAX; /* 0..20 %, around 10 % below */
	instance->renew_at = clock_monotonic_ms(instance->clock) + after - after / 10 + jitter;
	return true;
}

bool instance_schedule_within(struct instance *instance, uint64_t within_ms, struct err *err)
{
	uint32_t random = 0;
	if (!random_fill(&random_system, (uint8_t *)&random, sizeof(random), err))
		return false;
	instance->renew_at =
		clock_monotonic_ms(instance->clock) + within_ms * random / UINT32_MAX + 1;
	return true;
}

void instance_take_terms(struct instance *instance, const struct attest_result *result)
{
	uint64_t left = left_ms(result->expires, clock_wall(instance->clock));
	uint64_t lease = result->lease > 0 ? milliseconds((uint64_t)result->lease) : left;
	instance->expires = result->expires;
	/* By a clock that nobody sets: neither a day lost nor a day won lengthens it. */
	instance->lease_at = clock_monotonic_ms(instance->clock) + lease;
	instance->on_lease_end = result->on_lease_end;
	instance->on_refusal = result->on_refusal;
	instance->report_end = result->report_end;
	hex_encode(BYTES_OF(result->record), instance->record);
	instance_not_beyond(instance);
}

void instance_not_beyond(struct instance *instance)
{
	uint64_t now = clock_monotonic_ms(instance->clock);
	uint64_t left = left_ms(instance->expires, clock_wall(instance->clock));
	uint64_t expiry = left > 0 ? now + left : UINT64_MAX;
	uint64_t lease = instance->lease_at > now ? instance->lease_at : UINT64_MAX;
	uint64_t next = expiry < lease ? expiry : lease;
	if (instance->renew_at > next)
		instance->renew_at = next;
}
