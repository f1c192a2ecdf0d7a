/* SPDX-License-Identifier: Apache-2.0 */
/*
 * At start: what an earlier hostd watched. An instance goes on under its identity only if its process is provably the one that
 * was launched and the runtime log of this boot holds its launch and no exit of it. Every other launch without an exit gets
 * one, its status unknown, whatever has become of its file: an exit is never forgotten.
 */
#include "attest/instance_saved.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "attest/hostd_state.h"
#include "base/file.h"
#include "base/text.h"
#include "base/time.h"

#define RENEW_WITHIN_MS 5000 /* after an adoption, spread over so long */

struct open_launch {
	uint8_t id[INSTANCE_ID_LEN];
	uint64_t record;
	bool adopted, recorded;
};
struct adoption {
	struct hostd *hostd;
	bool log_read; /* false: the log is broken, and says nothing */
	size_t count, room;
	struct open_launch *launches; /* without an exit */
	struct instance *ended; /* their ends are to be reported, once they are in the log */
};

static void adoption_release(struct adoption *a)
{
	while (a->ended) {
		struct instance *gone = a->ended;
		a->ended = gone->next;
		instance_unref(&gone);
	}
	free(a->launches);
}

/* ---- what the runtime log says ---- */

static struct open_launch *launch_find(struct adoption *a, const uint8_t id[INSTANCE_ID_LEN])
{
	for (size_t i = a->count; i > 0; i--)
		if (memcmp(a->launches[i - 1].id, id, INSTANCE_ID_LEN) == 0)
			return &a->launches[i - 1];
	return NULL;
}

static bool launch_note(
	struct adoption *a, const uint8_t id[INSTANCE_ID_LEN], uint64_t record, struct err *err)
{
	if (a->count == a->room) {
		size_t room = a->room ? 2 * a->room : 64;
		struct open_launch *grown = realloc(a->launches, room * sizeof(*grown));
		if (!grown)
			return err_set(err, ERR_NOMEM, "no memory for the launches of this boot");
		a->launches = grown;
		a->room = room;
	}
	struct open_launch *launch = &a->launches[a->count++];
	*launch = (struct open_launch){.record = record};
	memcpy(launch->id, id, INSTANCE_ID_LEN);
	return true;
}

static bool on_record(void *context, const struct runtime_record *record, struct err *err)
{
	struct adoption *a = context;
	if (record->kind == RUNTIME_LAUNCH)
		return launch_note(a, record->launch->instance, record->recnum, err);
	struct open_launch *ended =
		record->kind == RUNTIME_EXIT ? launch_find(a, record->exit.instance) : NULL;
	if (ended)
		*ended = a->launches[--a->count];
	return true;
}

static bool on_view(void *context, const struct host_log_view *view, struct err *err)
{
	return runtime_log_walk(view->records, 0, view->pcr, on_record, context, err);
}

/* ---- one instance ---- */

static void tell(const struct adoption *a, enum log_level level, const char *what,
	const struct instance *instance, const char *reason)
{
	log_event(a->hostd->log, level, what, {"instance", bytes_str(instance->hex)},
		{"workload", bytes_str(instance->workload)}, {"reason", bytes_str(reason)});
}

static bool log_agrees(struct adoption *a, const struct instance *instance, struct err *err)
{
	const struct open_launch *launch = launch_find(a, instance->id);
	if (!a->log_read)
		return true;
	if (!launch)
		return err_set(err, ERR_MISMATCH,
			"the runtime log of this boot has no launch of it that has not ended");
	if (launch->record >= instance->process.records)
		return err_set(err, ERR_MISMATCH,
			"record %llu of the runtime log is its launch, but it was saved when there "
			"were %llu",
			(unsigned long long)launch->record,
			(unsigned long long)instance->process.records);
	return true;
}

/* The key of an instance in software: what the service manager keeps for us, else what lies among the credentials. */
static bool find_key(struct adoption *a, struct instance_saved *saved, struct err *err)
{
	struct instance *instance = saved->instance;
	if (instance_protection(instance) == KEY_TPM)
		return true;
	return hostd_kept_key(a->hostd, instance, saved->key_id, &instance->key) ||
	       credentials_key(instance, saved->key_id, &instance->key, err);
}

/* For evidence that asks for no credential any more: where its own key is gone, another one does, and the verdict says so. */
static bool key_to_tell(struct adoption *a, struct instance_saved *saved, struct err *err)
{
	struct err ignored;
	return saved->instance->key || find_key(a, saved, &ignored) ||
	       instance_make_key(saved->instance, NULL, false, err);
}

/* Nothing but its trust is lost: it is watched, and its exit recorded. */
static void adopt_untrusted(struct adoption *a, struct instance *instance, const struct err *why)
{
	instance->state = INSTANCE_UNTRUSTED;
	(void)text_escape(bytes_str(why->text), instance->reason, sizeof(instance->reason));
	credentials_remove(instance);
	tell(a, LOG_LEVEL_ERROR, "instance untrusted", instance, why->text);
}

static void schedule(struct instance *instance)
{
	struct err ignored;
	bool asks = instance->state != INSTANCE_UNTRUSTED && instance->hold != HOLD_STOPPING;
	if (asks && !instance_schedule_within(instance, RENEW_WITHIN_MS, &ignored))
		instance->renew_at = clock_monotonic_ms(instance->clock) + RENEW_WITHIN_MS;
}

/* The verifier hears of it as if hostd had seen it happen; or what an earlier hostd could not tell it. */
static void tell_drift(struct adoption *a, struct instance_saved *saved, bool drifted)
{
	struct instance *instance = saved->instance;
	struct err err;
	if (drifted)
		instance->drift = DRIFT_TO_TELL;
	if (instance->drift == DRIFT_NONE)
		return;
	if (key_to_tell(a, saved, &err))
		instance->renew_at = clock_monotonic_ms(instance->clock);
	else
		tell(a, LOG_LEVEL_ERROR, "change of a file not reported", instance, err.text);
}

/* As it was held before, whatever became of it since. True: it is held otherwise now. */
static bool hold_again(struct adoption *a, struct instance *instance, bool distrusted)
{
	enum instance_hold hold = instance->hold;
	instance->hold = HOLD_NONE;
	if (hold != HOLD_NONE)
		instance_hold_as(a->hostd, instance, hold == HOLD_FROZEN ? END_FREEZE : END_STOP,
			instance->reason);
	else if (distrusted)
		instance_hold_as(a->hostd, instance, instance->on_refusal, instance->reason);
	return instance->hold != hold;
}

static bool adopt(struct adoption *a, struct instance_saved *saved, struct err *err)
{
	struct instance *instance = saved->instance;
	struct err why = {0};
	instance->clock = a->hostd->clock;
	if (!log_agrees(a, instance, err) || !instance_prove(instance, err))
		return false;
	/* The process may have left it, and what it started stayed there. */
	if (instance->cgroup && !instance_cgroup_holds(instance) &&
		(rmdir(instance->cgroup) == 0 || errno == ENOENT))
		free(TAKE(instance->cgroup));
	bool usable = credentials_reopen(
			      instance, saved->directory_device, saved->directory_inode, &why) &&
		      (instance->state == INSTANCE_UNTRUSTED || find_key(a, saved, &why));
	bool drifted = usable && instance->state != INSTANCE_UNTRUSTED &&
		       !instance_files_unchanged(instance, &why);
	usable = usable && !drifted;
	if (!usable)
		adopt_untrusted(a, instance, &why);
	schedule(instance);
	bool otherwise = hold_again(a, instance, !usable);
	tell_drift(a, saved, drifted);
	if (!usable || otherwise)
		instance_save_or_tell(a->hostd, instance);
	if (!instances_add(a->hostd->instances, instance, NULL, err))
		return false;
	struct open_launch *launch = launch_find(a, instance->id);
	if (launch)
		launch->adopted = true;
	tell(a, LOG_LEVEL_INFO, "instance adopted", instance, instance_state_name(instance->state));
	return true;
}

/* Its end, or a change before it, is wanted by the verifier, and this boot's log has it, or gets it: what is saved stays until it has been reported. */
static bool keep_to_report(struct adoption *a, struct instance_saved *saved)
{
	struct err ignored;
	struct instance *instance = saved->instance;
	bool wanted = instance->report_end || instance->drift != DRIFT_NONE;
	if (!wanted || !a->log_read || !key_to_tell(a, saved, &ignored))
		return false;
	/* Another process may have its number. */
	fd_close(&instance->pidfd);
	instance->state = INSTANCE_ENDED;
	instance->next = a->ended;
	a->ended = TAKE(saved->instance);
	return true;
}

/* Nobody has its identity any more: what it held goes. */
static void drop(struct adoption *a, struct instance_saved *saved, bool this_boot, const char *what,
	const char *reason)
{
	struct instance *instance = saved->instance;
	struct err ignored;
	tell(a, LOG_LEVEL_WARNING, what, instance, reason);
	if (instance->directory < 0 && !credentials_reopen(instance, saved->directory_device,
					       saved->directory_inode, &ignored))
		instance->own_directory = false; /* another one: not ours to touch */
	bool kept = this_boot && keep_to_report(a, saved);
	credentials_remove(instance);
	credentials_release(instance);
	if (instance->hold != HOLD_NONE)
		instance_cgroup_empty(instance);
	instances_cgroup_left(a->hostd->instances, TAKE(instance->cgroup));
	hostd_unkeep_key(a->hostd, instance);
	if (!kept)
		instance_forget(a->hostd, instance);
}

static bool read_saved(
	const char *directory, const char *name, struct instance_saved *ret, struct err *err)
{
	OWNED(buf_release) struct buf path = {0}, text = {0};
	if (!path_join(&path, directory, name))
		return buf_ok(&path, err);
	if (!file_read(buf_str(&path), INSTANCE_SAVED_MAX, &text, err) ||
		!instance_saved_decode(buf_bytes(&text), ret, err))
		return false;
	return strcmp(ret->instance->hex, name) == 0 ||
	       err_set(err, ERR_MISMATCH, "it is of instance %s", ret->instance->hex);
}

static void adopt_file(struct adoption *a, int directory, const char *path, const char *name)
{
	OWNED(instance_saved_release) struct instance_saved saved = {0};
	struct err err = {0};
	if (!read_saved(path, name, &saved, &err) || !saved.instance) {
		/* Half a file of a crash, or not ours: the log still knows its launch. */
		log_event(a->hostd->log, LOG_LEVEL_ERROR, "saved instance dropped",
			{"file", bytes_str(name)}, {"error", bytes_str(err.text)});
		(void)unlinkat(directory, name, 0);
		return;
	}
	if (memcmp(saved.boot_id, a->hostd->boot_id, sizeof(saved.boot_id)) != 0)
		drop(a, &saved, false, "instance of an earlier boot dropped",
			"this machine restarted");
	else if (!adopt(a, &saved, &err))
		drop(a, &saved, true, "instance not adopted", err.text);
}

static bool adopt_files(struct adoption *a, struct err *err)
{
	OWNED(buf_release) struct buf path = {0};
	if (!path_join(&path, a->hostd->config->state_dir, "instances") ||
		!file_make_dirs(buf_str(&path), 0700, err))
		return false;
	DIR *dir = opendir(buf_str(&path));
	if (!dir)
		return err_errno(err, errno, "%s", buf_str(&path));
	for (const struct dirent *entry = readdir(dir); entry; entry = readdir(dir))
		if (entry->d_name[0] != '.')
			adopt_file(a, dirfd(dir), buf_str(&path), entry->d_name);
	(void)closedir(dir);
	return true;
}

/* ---- together ---- */

static void record_end(struct adoption *a, struct open_launch *launch)
{
	OWNED(buf_release) struct buf content = {0};
	struct runtime_exit ended = {.status = RUNTIME_STATUS_UNKNOWN};
	char hex[INSTANCE_HEX];
	struct err err = {0};
	memcpy(ended.instance, launch->id, INSTANCE_ID_LEN);
	hex_encode(BYTES_OF(launch->id), hex);
	bool ok = runtime_exit_encode(&ended, clock_wall(a->hostd->clock), &content, &err) &&
		  host_log_append(a->hostd->events, buf_bytes(&content), &err);
	launch->recorded = ok;
	/* What could not be recorded has no exit in the log, and so its turn at the next start. */
	log_event(a->hostd->log, ok ? LOG_LEVEL_WARNING : LOG_LEVEL_ERROR,
		ok ? "instance ended" : "exit not recorded", {"instance", bytes_str(hex)},
		{"status", BYTES_LIT("unknown")},
		{"reason", BYTES_LIT("it ended while hostd did not run, or never began")},
		{"error", bytes_str(err.text)});
}

/* The log has them all now. What could not be recorded is tried again at the next start. */
static void report_ends(struct adoption *a)
{
	for (struct instance *i = a->ended; i; i = a->ended) {
		const struct open_launch *launch = launch_find(a, i->id);
		a->ended = i->next;
		if (!launch || launch->recorded)
			instances_report_end(a->hostd->instances, i);
		instance_unref(&i);
	}
}

static void record_ends(struct adoption *a)
{
	for (size_t i = 0; i < a->count; i++)
		if (!a->launches[i].adopted)
			record_end(a, &a->launches[i]);
}

bool instances_adopt(struct hostd *hostd, struct err *err)
{
	OWNED(adoption_release) struct adoption a = {.hostd = hostd};
	struct host_log_status status;
	host_log_status(hostd->events, &status);
	a.log_read = status.usable;
	if (a.log_read && !host_log_with(hostd->events, 0, on_view, &a, err))
		return err_wrap(err, "reading the launches of this boot");
	if (!adopt_files(&a, err))
		return false;
	record_ends(&a);
	report_ends(&a);
	return credentials_clean(hostd->config->run_dir, hostd->instances, err);
}
