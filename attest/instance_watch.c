/* SPDX-License-Identifier: Apache-2.0 */
/* The table of instances and its two threads: one waits for exits, one for renewals that are due. */
#include "attest/instance.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "attest/drift.h"
#include "attest/hostd_state.h"
#include "attest/instance_saved.h"
#include "base/file.h"
#include "base/text.h"
#include "base/thread.h"
#include "base/time.h"

#define ANSWER_ROOM                                                                                \
	(128u << 10) /* for instances, of SOCKET_MESSAGE_MAX; one takes some 60 KiB at most */
#define EXIT_TRIES  20
#define EXIT_TRY_NS 5000000L
/* More of them are not removed. */
#define CGROUPS_LEFT_MAX 256u
#define CGROUPS_LOOK_MS  1000

struct instances {
	struct hostd *hostd;
	pthread_mutex_t mutex;
	pthread_cond_t changed; /* for the renewing thread; monotonic */
	int wake; /* eventfd, for the watching thread */
	struct drift *drift;
	bool lost; /* events were; the watching thread's own */
	bool stop;
	struct instance *first;
	struct instance *ended; /* to be reported, by the renewing thread */
	size_t count;
	struct instance_place *places; /* of launches under way */
	char *left[CGROUPS_LEFT_MAX]; /* directories of cgroups in which something ran still */
	size_t left_count;
	bool watching, renewing;
	pthread_t watcher, renewer;
};

static struct instance *instance_ref(struct instance *instance)
{
	(void)__atomic_add_fetch(&instance->references, 1, __ATOMIC_RELAXED);
	return instance;
}

static void wake_both(struct instances *all)
{
	uint64_t one = 1;
	(void)pthread_cond_signal(&all->changed);
	while (write(all->wake, &one, sizeof(one)) < 0 && errno == EINTR)
		;
}

/* ---- the table ---- */

/* Under the lock: those that run, and those that are being launched; of one user, or of all. */
static size_t taken(const struct instances *all, const uid_t *uid)
{
	size_t n = 0;
	for (const struct instance *i = all->first; i; i = i->next)
		n += !uid || i->uid == *uid;
	for (const struct instance_place *p = all->places; p; p = p->next)
		n += !uid || p->uid == *uid;
	return n;
}

static bool has_room(
	const struct instances *all, const struct instance_place *place, struct err *err)
{
	unsigned max = place->bounded ? INSTANCES_MAX - INSTANCES_OF_USER : INSTANCES_MAX;
	size_t n = taken(all, NULL);
	if (n >= max)
		return err_set(err, ERR_LIMIT,
			"%zu instances run on this host or are being launched: %s", n,
			place->bounded ? "the rest is root's" : "more are not watched");
	if (place->bounded && taken(all, &place->uid) >= INSTANCES_OF_USER)
		return err_set(err, ERR_LIMIT,
			"%u instances of user %u run on this host or are being launched: one user "
			"may have no more",
			INSTANCES_OF_USER, place->uid);
	return true;
}

bool instances_reserve(struct instances *all, struct instance_place *place, struct err *err)
{
	(void)pthread_mutex_lock(&all->mutex);
	place->held = has_room(all, place, err);
	if (place->held) {
		place->next = all->places;
		all->places = place;
	}
	(void)pthread_mutex_unlock(&all->mutex);
	return place->held;
}

static void give_back_locked(struct instances *all, struct instance_place *place)
{
	for (struct instance_place **at = &all->places; *at; at = &(*at)->next) {
		if (*at == place) {
			*at = place->next;
			break;
		}
	}
	place->held = false;
}

void instances_give_back(struct instances *all, struct instance_place *place)
{
	if (!place->held)
		return;
	(void)pthread_mutex_lock(&all->mutex);
	give_back_locked(all, place);
	(void)pthread_mutex_unlock(&all->mutex);
}

bool instances_add(struct instances *all, struct instance *instance, struct instance_place *place,
	struct err *err)
{
	(void)pthread_mutex_lock(&all->mutex);
	bool room = place ? place->held : taken(all, NULL) < INSTANCES_MAX;
	if (room && place)
		give_back_locked(all, place);
	if (room) {
		instance->next = all->first;
		all->first = instance_ref(instance);
		all->count++;
		wake_both(all);
	}
	(void)pthread_mutex_unlock(&all->mutex);
	if (!room)
		return err_set(err, ERR_LIMIT,
			"%u instances run on this host, more are not watched", INSTANCES_MAX);
	instance_watch_files(all->hostd, all->drift, instance);
	(void)pthread_mutex_lock(&all->mutex);
	(void)pthread_cond_signal(&all->changed); /* what was seen just now may be due */
	(void)pthread_mutex_unlock(&all->mutex);
	return true;
}

static bool end_is_wanted(struct instance *instance)
{
	(void)pthread_mutex_lock(&instance->mutex);
	bool wanted = instance->report_end || instance->drift != DRIFT_NONE;
	(void)pthread_mutex_unlock(&instance->mutex);
	return wanted;
}

/* Under the lock; takes over the reference. */
static void report_locked(struct instances *all, struct instance *ended)
{
	ended->next = all->ended;
	all->ended = ended;
	(void)pthread_cond_signal(&all->changed);
}

void instances_report_end(struct instances *all, struct instance *instance)
{
	(void)pthread_mutex_lock(&all->mutex);
	report_locked(all, instance_ref(instance));
	(void)pthread_mutex_unlock(&all->mutex);
}

/* What is saved of it stays until its end has been reported. */
static void take_out(struct instances *all, struct instance *instance)
{
	struct instance *out = NULL;
	(void)pthread_mutex_lock(&all->mutex);
	for (struct instance **at = &all->first; *at; at = &(*at)->next) {
		if (*at == instance) {
			out = *at;
			*at = out->next;
			all->count--;
			break;
		}
	}
	bool reported = out && end_is_wanted(out);
	if (reported)
		report_locked(all, TAKE(out));
	(void)pthread_mutex_unlock(&all->mutex);
	if (!reported)
		instance_forget(all->hostd, instance);
	instance_unref(&out);
}

struct instance *instances_find(struct instances *all, const char *hex)
{
	struct instance *found = NULL;
	(void)pthread_mutex_lock(&all->mutex);
	for (struct instance *i = all->first; i && !found; i = i->next) {
		if (strcmp(i->hex, hex) == 0)
			found = instance_ref(i);
	}
	(void)pthread_mutex_unlock(&all->mutex);
	return found;
}

static json_t *instance_json(struct instance *i)
{
	char expires[TIME_TEXT_MAX], cgroup[PATH_MAX];
	(void)pthread_mutex_lock(&i->mutex);
	/* Of whatever bytes its user named the directory above it. */
	(void)text_escape(bytes_str(i->cgroup ? i->cgroup : ""), cgroup, sizeof(cgroup));
	int not_pinned = 0;
	for (size_t k = 0; k < i->file_count; k++)
		not_pinned += !i->files[k].copied;
	json_t *json = json_pack("{s:s,s:s,s:i,s:I,s:s,s:s,s:s,s:s?,s:s,s:s,s:i,s:s,s:s,s:b}",
		"instance", i->hex, "workload", i->workload, "pid", (int)i->pid, "uid",
		(json_int_t)i->uid, "state", instance_state_name(i->state), "reason", i->reason,
		"record", i->record, "expires",
		i->expires ? time_format(i->expires, expires) : NULL, "credentials",
		i->directory_path ? i->directory_path : "", "key",
		key_protection_name(instance_protection(i)), "not_pinned", not_pinned, "held",
		instance_hold_name(i->hold), "cgroup", cgroup, "original_differs",
		(int)i->original_differs);
	(void)pthread_mutex_unlock(&i->mutex);
	return json;
}

json_t *instances_json(
	struct instances *all, bool everybody, uid_t uid, size_t from, bool *ret_more)
{
	json_t *array = json_array();
	size_t room = ANSWER_ROOM;
	*ret_more = false;
	(void)pthread_mutex_lock(&all->mutex);
	for (struct instance *i = all->first; array && i && !*ret_more; i = i->next) {
		if ((!everybody && i->uid != uid) || (from > 0 && from--))
			continue;
		OWNED(json_release) json_t *one = instance_json(i);
		size_t size = one ? json_dumpb(one, NULL, 0, JSON_COMPACT) + 1 : 0;
		*ret_more = size > room;
		room -= *ret_more ? 0 : size;
		if (!*ret_more && json_array_append(array, one) != 0) {
			json_decref(array);
			array = NULL;
		}
	}
	(void)pthread_mutex_unlock(&all->mutex);
	return array;
}

/* ---- exits ---- */

/* struct pidfd_info of Linux 6.13, as far as its first version goes. */
struct exit_info {
	uint64_t mask, cgroup;
	uint32_t ids[11];
	int32_t exit_code;
};
#define EXIT_INFO_GET _IOWR(0xFF, 11, struct exit_info)
#define EXIT_INFO_BIT (1u << 3)

/* Only a parent can wait for a process; since Linux 6.15 a pidfd tells how it ended, once it has been reaped. */
static void exit_status(const struct instance *instance, struct runtime_exit *ret)
{
	ret->status = RUNTIME_STATUS_UNKNOWN;
	for (int i = 0; i < EXIT_TRIES; i++) {
		struct exit_info info = {.mask = EXIT_INFO_BIT};
		if (ioctl(instance->pidfd, EXIT_INFO_GET, &info) != 0 && errno != ESRCH)
			return;
		if (info.mask & EXIT_INFO_BIT) {
			unsigned code = (unsigned)info.exit_code;
			ret->signaled = (code & 0x7f) != 0;
			ret->status = ret->signaled ? code & 0x7f : code >> 8 & 0xff;
			return;
		}
		(void)nanosleep(&(struct timespec){.tv_nsec = EXIT_TRY_NS}, NULL);
	}
}

static void record_exit(
	struct hostd *hostd, const struct instance *instance, const struct runtime_exit *ended)
{
	OWNED(buf_release) struct buf content = {0};
	struct err err;
	if (!runtime_exit_encode(ended, clock_wall(hostd->clock), &content, &err) ||
		!host_log_append(hostd->events, buf_bytes(&content), &err))
		log_event(hostd->log, LOG_LEVEL_ERROR, "exit not recorded",
			{"instance", bytes_str(instance->hex)}, {"error", bytes_str(err.text)});
}

void instance_end(struct hostd *hostd, struct instance *instance)
{
	struct runtime_exit ended = {0};
	char status[16];
	memcpy(ended.instance, instance->id, sizeof(ended.instance));
	(void)pthread_mutex_lock(&instance->mutex);
	instance->state = INSTANCE_ENDED;
	instance->renew_at = instance->kill_at = 0;
	credentials_release(instance);
	bool held = instance->hold != HOLD_NONE;
	(void)pthread_mutex_unlock(&instance->mutex);
	/* Nobody could kill what it started, or let it go on, once it is no more known. */
	if (held)
		instance_cgroup_empty(instance);
	exit_status(instance, &ended);
	record_exit(hostd, instance, &ended);
	hostd_unkeep_key(hostd, instance);
	(void)pthread_mutex_lock(&instance->mutex);
	char *left = instance_cgroup_remove(instance);
	(void)pthread_mutex_unlock(&instance->mutex);
	instances_cgroup_left(hostd->instances, left);
	(void)snprintf(status, sizeof(status), "%u", ended.status);
	log_event(hostd->log, LOG_LEVEL_INFO, "instance ended",
		{"instance", bytes_str(instance->hex)}, {"workload", bytes_str(instance->workload)},
		{ended.signaled ? "signal" : "status",
			bytes_str(ended.status == RUNTIME_STATUS_UNKNOWN ? "unknown" : status)});
}

/* ---- what ended agents left ---- */

void instances_cgroup_left(struct instances *all, char *path)
{
	if (!path)
		return;
	(void)pthread_mutex_lock(&all->mutex);
	if (all->left_count < CGROUPS_LEFT_MAX)
		all->left[all->left_count++] = TAKE(path);
	wake_both(all);
	(void)pthread_mutex_unlock(&all->mutex);
	free(path);
}

static void remove_left(struct instances *all)
{
	(void)pthread_mutex_lock(&all->mutex);
	for (size_t i = 0; i < all->left_count;) {
		if (rmdir(all->left[i]) != 0 && errno == EBUSY) {
			i++;
			continue;
		}
		free(all->left[i]);
		all->left[i] = all->left[--all->left_count];
	}
	(void)pthread_mutex_unlock(&all->mutex);
}

/* ---- the watching thread ---- */

/* The descriptors to wait for, with a reference to each instance; first those for waking up and for files. */
#define WATCHED_OWN 2u
struct watched {
	size_t count;
	int ms; /* how long at most; -1: until something happens */
	struct pollfd *entries;
	struct instance **instances;
};

static void watched_release(struct watched *watched)
{
	for (size_t i = WATCHED_OWN; i < watched->count; i++)
		instance_unref(&watched->instances[i]);
	free(watched->entries);
	free(watched->instances);
	*watched = (struct watched){0};
}

/* False when the table is closing, or there is no memory. */
static bool watched_fill(struct instances *all, struct watched *ret)
{
	(void)pthread_mutex_lock(&all->mutex);
	bool go = !all->stop;
	ret->ms = all->left_count > 0 ? CGROUPS_LOOK_MS : -1;
	ret->entries = calloc(all->count + WATCHED_OWN, sizeof(*ret->entries));
	ret->instances = calloc(all->count + WATCHED_OWN, sizeof(*ret->instances));
	if (go && ret->entries && ret->instances) {
		ret->entries[ret->count++] = (struct pollfd){.fd = all->wake, .events = POLLIN};
		ret->entries[ret->count++] =
			(struct pollfd){.fd = drift_fd(all->drift), .events = POLLIN};
		for (struct instance *i = all->first; i; i = i->next) {
			ret->entries[ret->count] =
				(struct pollfd){.fd = i->pidfd, .events = POLLIN};
			ret->instances[ret->count++] = instance_ref(i);
		}
	}
	(void)pthread_mutex_unlock(&all->mutex);
	return go;
}

/* Without memory for the list it stays so until the next time. */
static void look_at_all(struct instances *all)
{
	OWNED(watched_release) struct watched now = {0};
	(void)watched_fill(all, &now);
	for (size_t i = WATCHED_OWN; i < now.count; i++)
		instance_events_lost(all->hostd, all->drift, now.instances[i]);
	all->lost = now.count == 0;
}

/* Each instance once, however many events it was; and as the table is now, for the file of one that has just been added may
 * already have changed. */
static void look_at_files(struct instances *all)
{
	struct drift_found found;
	drift_read(all->drift, &found);
	all->lost = all->lost || found.lost;
	if (all->lost)
		look_at_all(all);
	for (size_t i = 0; i < found.count; i++) {
		char hex[INSTANCE_HEX];
		hex_encode(BYTES_OF(found.ids[i]), hex);
		OWNED(instance_unref) struct instance *instance = instances_find(all, hex);
		if (instance)
			instance_look(all->hostd, all->drift, instance);
	}
	(void)pthread_mutex_lock(&all->mutex);
	(void)pthread_cond_signal(&all->changed); /* times may have changed */
	(void)pthread_mutex_unlock(&all->mutex);
}

static void watch_once(struct instances *all, const struct watched *watched)
{
	uint64_t drained;
	/* Without memory for the list: try again shortly. */
	if (poll(watched->entries, watched->count, watched->count ? watched->ms : 1000) <= 0)
		return;
	if (watched->entries[0].revents & POLLIN)
		while (read(all->wake, &drained, sizeof(drained)) < 0 && errno == EINTR)
			;
	if (all->lost || (watched->entries[1].revents & POLLIN))
		look_at_files(all);
	for (size_t i = WATCHED_OWN; i < watched->count; i++) {
		if (watched->entries[i].revents == 0)
			continue;
		drift_remove(all->drift, watched->instances[i]);
		instance_end(all->hostd, watched->instances[i]);
		take_out(all, watched->instances[i]);
	}
}

static void *watch(void *context)
{
	struct instances *all = context;
	for (;;) {
		OWNED(watched_release) struct watched watched = {0};
		remove_left(all);
		if (!watched_fill(all, &watched))
			return NULL;
		watch_once(all, &watched);
	}
}

/* ---- renewals ---- */

/* Of the next renewal, or of the end of its grace. */
static uint64_t due_time(struct instance *instance)
{
	(void)pthread_mutex_lock(&instance->mutex);
	uint64_t at = instance->renew_at;
	if (instance->kill_at && (!at || instance->kill_at < at))
		at = instance->kill_at;
	(void)pthread_mutex_unlock(&instance->mutex);
	return at;
}

/* Waits until a renewal is due, or an end is to be reported; NULL when the table is closing. Called and returning with the
 * lock held. */
static struct instance *next_due(struct instances *all, bool *ret_ended)
{
	while (!all->stop) {
		*ret_ended = all->ended != NULL;
		if (*ret_ended) {
			struct instance *ended = all->ended;
			all->ended = ended->next;
			return ended;
		}
		uint64_t now = clock_monotonic_ms(all->hostd->clock);
		uint64_t next = now + all->hostd->idle_ms;
		struct instance *due = NULL;
		for (struct instance *i = all->first; i; i = i->next) {
			uint64_t at = due_time(i);
			if (at > 0 && at < next) {
				next = at;
				due = i;
			}
		}
		if (due && next <= now)
			return instance_ref(due);
		/* Its clock counts while the machine sleeps, that of the condition does not. */
		struct timespec until = clock_deadline((int64_t)(next - now));
		(void)pthread_cond_timedwait(&all->changed, &all->mutex, &until);
	}
	return NULL;
}

/* What is due of it. */
static void serve(struct hostd *hostd, struct instance *instance)
{
	(void)pthread_mutex_lock(&instance->mutex);
	bool grace_over =
		instance->kill_at && instance->kill_at <= clock_monotonic_ms(instance->clock);
	bool drift = instance->drift != DRIFT_NONE;
	(void)pthread_mutex_unlock(&instance->mutex);
	if (grace_over)
		instance_end_grace(hostd, instance);
	else if (drift)
		instance_report_drift(hostd, instance);
	else
		instance_renew(hostd, instance);
}

static void *renew(void *context)
{
	struct instances *all = context;
	(void)pthread_mutex_lock(&all->mutex);
	for (;;) {
		bool ended = false;
		OWNED(instance_unref) struct instance *due = next_due(all, &ended);
		if (!due)
			break;
		(void)pthread_mutex_unlock(&all->mutex);
		if (ended)
			instance_report_end(all->hostd, due);
		else
			serve(all->hostd, due);
		(void)pthread_mutex_lock(&all->mutex);
	}
	(void)pthread_mutex_unlock(&all->mutex);
	return NULL;
}

/* ---- beginning and end ---- */

bool instances_start(struct hostd *hostd, struct instances **ret, struct err *err)
{
	OWNED(instances_stop) struct instances *all = calloc(1, sizeof(*all));
	if (!all)
		return err_set(err, ERR_NOMEM, "no memory for instances");
	all->hostd = hostd;
	(void)pthread_mutex_init(&all->mutex, NULL);
	if (!thread_wake_init(&all->changed, err))
		return false;
	all->wake = eventfd(0, EFD_CLOEXEC);
	if (all->wake < 0)
		return err_errno(err, errno, "eventfd");
	if (!drift_open(&all->drift, err))
		return false;
	if (!thread_start(&all->watcher, "watcher", HOSTD_STACK, watch, all, err))
		return false;
	all->watching = true;
	if (!thread_start(&all->renewer, "renewer", HOSTD_STACK, renew, all, err))
		return false;
	all->renewing = true;
	*ret = TAKE(all);
	return true;
}

static void release_list(struct instance **list)
{
	while (*list) {
		struct instance *gone = *list;
		*list = gone->next;
		instance_unref(&gone);
	}
}

void instances_stop(struct instances **pointer)
{
	struct instances *all = *pointer;
	*pointer = NULL;
	if (!all)
		return;
	(void)pthread_mutex_lock(&all->mutex);
	all->stop = true;
	wake_both(all);
	(void)pthread_mutex_unlock(&all->mutex);
	if (all->watching)
		(void)pthread_join(all->watcher, NULL);
	if (all->renewing)
		(void)pthread_join(all->renewer, NULL);
	for (size_t i = 0; i < all->left_count; i++)
		free(all->left[i]);
	release_list(&all->first);
	release_list(&all->ended);
	fd_close(&all->wake);
	drift_free(&all->drift);
	(void)pthread_cond_destroy(&all->changed);
	(void)pthread_mutex_destroy(&all->mutex);
	free(all);
}
