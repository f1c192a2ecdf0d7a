/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Telling the verifier that a file changed below a running agent: what lies there now goes into the runtime log as a component
 * measured after the launch, which no renewal accepts, and evidence is sent once more. So the ledger has why the agent is not
 * trusted any more, and whoever asks for its status hears it before its credential expires.
 */
#include "attest/instance.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "attest/hostd_state.h"
#include "attest/instance_saved.h"
#include "base/file.h"
#include "base/text.h"
#include "base/time.h"

#define DRIFT_NAME "drift"
#define DRIFT_HASHED                                                                               \
	(256u << 20) /* larger files are not hashed while renewals wait: their digest is all zero */

static const struct instance_file *changed_file(const struct instance *instance)
{
	for (size_t i = 0; i < instance->file_count; i++)
		if (!instance->files[i].copied && instance_file_changed(&instance->files[i]))
			return &instance->files[i];
	return NULL;
}

/* What lies there now. A file that is gone, or no file any more, has no digest and no size. */
static void measure_now(const char *path, struct runtime_component *c)
{
	OWNED(buf_release) struct buf content = {0};
	OWNED(fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;
	struct err ignored;
	if (fd < 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
		return;
	c->size = (uint64_t)st.st_size;
	if (!file_read_fd(fd, path, DRIFT_HASHED, &content, &ignored) ||
		!sha256_of(buf_bytes(&content), c->digest, &ignored))
		memset(c->digest, 0, sizeof(c->digest));
}

static bool record_drift(struct hostd *hostd, const struct instance *instance, struct err *err)
{
	OWNED(buf_release) struct buf content = {0};
	const struct instance_file *file = changed_file(instance);
	if (!file)
		return err_set(err, ERR_NOT_FOUND, "the file is as it was measured again");
	struct runtime_component c = {.name = BYTES_LIT(DRIFT_NAME),
		.role = BYTES_LIT(DRIFT_NAME),
		.path = bytes_str(file->path),
		.canonical_path = bytes_str(file->path),
		.digest_kind = COMPONENT_SHA256,
		.files = 1,
		.presence = PRESENT_MEASURED_ONLY};
	memcpy(c.instance, instance->id, sizeof(c.instance));
	measure_now(file->path, &c);
	return runtime_component_encode(&c, clock_wall(hostd->clock), &content, err) &&
	       host_log_append(hostd->events, buf_bytes(&content), err);
}

bool instance_record_drift(struct hostd *hostd, const struct instance *instance, struct err *err)
{
	return instance->drift == DRIFT_RECORDED || record_drift(hostd, instance, err);
}

/* Under the lock. As long as the verifier, for want of an answer, would have trusted it. */
static bool again_later(struct instance *instance)
{
	uint64_t now = clock_monotonic_ms(instance->clock);
	instance_back_off(instance, now);
	if (instance->renew_at > instance->lease_at)
		instance->renew_at = 0;
	return instance->renew_at > 0;
}

void instance_report_drift(struct hostd *hostd, struct instance *instance)
{
	OWNED(buf_release) struct buf answer = {0};
	struct attest_result result = {0};
	struct err err = {0};
	bool recorded = instance_record_drift(hostd, instance, &err);
	bool told = recorded && instance_attest(hostd, instance, &answer, &result, &err);
	(void)pthread_mutex_lock(&instance->mutex);
	enum instance_drift before = instance->drift;
	instance->drift = recorded ? DRIFT_RECORDED : DRIFT_TO_TELL;
	instance->renew_at = 0;
	/* A refusal of whatever kind is what was to be reached. */
	bool later = !told && err.code != ERR_DENIED && err.code != ERR_NOT_FOUND &&
		     err.code != ERR_GONE && again_later(instance);
	if (!later)
		instance->drift = DRIFT_NONE;
	bool changed = instance->drift != before;
	(void)pthread_mutex_unlock(&instance->mutex);
	if (changed)
		instance_save_or_tell(hostd, instance);
	log_event(hostd->log, told ? LOG_LEVEL_INFO : LOG_LEVEL_WARNING,
		told ? "change of a file reported" : "change of a file not reported",
		{"instance", bytes_str(instance->hex)}, {"workload", bytes_str(instance->workload)},
		{"again", bytes_str(later ? "yes" : "no")}, {"error", bytes_str(err.text)});
}
