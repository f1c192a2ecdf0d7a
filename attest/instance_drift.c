/* SPDX-License-Identifier: Apache-2.0 */
/* A file that an instance was measured from may have changed. */
#include "attest/drift.h"
#include "attest/hostd_state.h"
#include "attest/instance_saved.h"
#include "base/text.h"
#include "base/time.h"

#define ASK_WITHIN_MS 2000 /* all instances at once, when events were lost */

static const struct instance_file *original_changed(const struct instance *instance)
{
	for (size_t i = 0; i < instance->file_count; i++)
		if (instance->files[i].copied && instance_file_changed(&instance->files[i]))
			return &instance->files[i];
	return NULL;
}

/* What runs is a copy, and is as it was measured: told once, and then no more listened to. */
static void note_original(struct hostd *hostd, struct drift *drift, struct instance *instance)
{
	struct err ignored;
	const struct instance_file *file = original_changed(instance);
	if (!file)
		return;
	(void)pthread_mutex_lock(&instance->mutex);
	bool known = instance->original_differs;
	instance->original_differs = true;
	(void)pthread_mutex_unlock(&instance->mutex);
	if (known)
		return;
	drift_remove(drift, instance);
	if (!drift_add(drift, instance, false, &ignored))
		instance_ask_soon(instance, 0);
	log_event(hostd->log, LOG_LEVEL_WARNING, "the host's file differs from what runs",
		{"instance", bytes_str(instance->hex)}, {"workload", bytes_str(instance->workload)},
		{"file", bytes_str(file->path)});
	instance_save_or_tell(hostd, instance);
}

void instance_watch_files(struct hostd *hostd, struct drift *drift, struct instance *instance)
{
	struct err err;
	(void)pthread_mutex_lock(&instance->mutex);
	bool originals = !instance->original_differs;
	(void)pthread_mutex_unlock(&instance->mutex);
	if (!drift_add(drift, instance, originals, &err))
		log_event(hostd->log, LOG_LEVEL_WARNING,
			"not all files are watched: changes are seen at renewals",
			{"instance", bytes_str(instance->hex)}, {"error", bytes_str(err.text)});
	/* What happened between the measuring and now was heard by nobody. */
	instance_look(hostd, drift, instance);
}

void instance_look(struct hostd *hostd, struct drift *drift, struct instance *instance)
{
	struct err err;
	if (instance_files_unchanged(instance, &err)) {
		note_original(hostd, drift, instance);
		return;
	}
	drift_remove(drift, instance);
	instance_distrust_file(hostd, instance, err.text);
}

void instance_ask_soon(struct instance *instance, uint64_t within_ms)
{
	struct err ignored;
	(void)pthread_mutex_lock(&instance->mutex);
	uint64_t was = instance->renew_at;
	/* What is not asked for any more is not asked for because of this. */
	if (was > 0 && (!instance_schedule_within(instance, within_ms, &ignored) ||
			       instance->renew_at > was))
		instance->renew_at = was;
	(void)pthread_mutex_unlock(&instance->mutex);
}

void instance_events_lost(struct hostd *hostd, struct drift *drift, struct instance *instance)
{
	instance_look(hostd, drift, instance);
	instance_ask_soon(instance, ASK_WITHIN_MS);
}
