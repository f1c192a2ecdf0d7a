/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/log.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "attest/log_room.h"
#include "base/file.h"
#include "base/text.h"
#include "base/time.h"

#define LOG_SUFFIX       ".cel"
#define LOG_KEPT_SECONDS (30 * 86400)

struct host_log {
	pthread_mutex_t mutex;
	char *directory;
	struct tpm *tpm;
	uint32_t pcr;
	enum digest_alg bank;
	uint8_t boot_id[16];

	int fd;
	uint32_t reset_count;
	bool opened; /* for this resetCount */
	uint32_t *offsets; /* where each record begins */
	size_t count, room;
	uint64_t length; /* of all whole records */
	uint8_t value[DIGEST_LEN_MAX]; /* what the records replay to */
	uint8_t before[DIGEST_LEN_MAX]; /* the same without the last one */
	struct digest last; /* of the last record */
	bool pending; /* the last record may not have reached the PCR */
	struct log_room places;
	struct err broken; /* why nothing may be appended; ERR_NONE while all is well */

	/* What host_log_status says: it must not wait for a quote, or for an enrolment. */
	pthread_mutex_t view_mutex;
	struct host_log_status view;
};

static bool refuse_broken(const struct host_log *log, struct err *err)
{
	return err_set(err, log->broken.code, "%s", log->broken.text);
}

static bool break_log(struct host_log *log, const struct err *why, struct err *err)
{
	log->broken = *why;
	return refuse_broken(log, err);
}

/* ---- the PCR ---- */

static bool pcr_value(struct host_log *log, uint8_t out[DIGEST_LEN_MAX], struct err *err)
{
	struct pcr_bank bank = {0};
	if (!tpm_pcr_read(log->tpm, log->bank, 1u << log->pcr, &bank, err))
		return err_wrap(err, "reading PCR %u", log->pcr);
	memcpy(out, bank.values[log->pcr], DIGEST_LEN_MAX);
	return true;
}

static bool value_is(const struct host_log *log, const uint8_t *a, const uint8_t *b)
{
	size_t len = digest_alg_len(log->bank);
	return bytes_equal(bytes_of(a, len), bytes_of(b, len));
}

static bool break_mismatch(struct host_log *log, const uint8_t *found, struct err *err)
{
	char expected[17], actual[17];
	struct err why;
	err_set(&why, ERR_CONFLICT,
		"PCR %u is %s… but the runtime log of this boot replays to %s…: something else "
		"extended it, "
		"or a log was lost; no agent can be launched until this machine restarts",
		log->pcr, text_short_hex(bytes_of(found, 8), actual),
		text_short_hex(bytes_of(log->value, 8), expected));
	return break_log(log, &why, err);
}

static bool extend_last(struct host_log *log, struct err *err)
{
	if (!tpm_pcr_extend(log->tpm, log->pcr, &log->last, 1, err))
		return err_wrap(err, "extending PCR %u", log->pcr);
	log->pending = false;
	return true;
}

/* Brings PCR and log together again: extends the last record if, and only if, the PCR lacks exactly that one. */
static bool settle(struct host_log *log, struct err *err)
{
	uint8_t found[DIGEST_LEN_MAX];
	if (log->broken.code != ERR_NONE)
		return refuse_broken(log, err);
	if (!pcr_value(log, found, err))
		return false;
	if (log->count > 0 && value_is(log, found, log->value)) {
		log->pending = false;
		return true;
	}
	if (!log->pending || log->count == 0 || !value_is(log, found, log->before))
		return break_mismatch(log, found, err);
	return extend_last(log, err);
}

/* ---- records in memory ---- */

/* All that may fail of remembering one more record: before it is written, for what is durable is extended one day. `next`:
 * what the log replays to with it. */
static bool make_room(struct host_log *log, const struct digest *digest,
	uint8_t next[DIGEST_LEN_MAX], struct err *err)
{
	if (log->count == log->room) {
		size_t room = log->room ? 2 * log->room : 64;
		uint32_t *grown = realloc(log->offsets, room * sizeof(*grown));
		if (!grown)
			return err_set(err, ERR_NOMEM, "no memory for the runtime log's index");
		log->offsets = grown;
		log->room = room;
	}
	memcpy(next, log->value, sizeof(log->value));
	return pcr_extend(log->bank, next, digest->bytes, err);
}

static void remember(struct host_log *log, uint64_t offset, const struct digest *digest,
	const uint8_t next[DIGEST_LEN_MAX])
{
	memcpy(log->before, log->value, sizeof(log->before));
	memcpy(log->value, next, sizeof(log->value));
	log->offsets[log->count++] = (uint32_t)offset;
	log->last = *digest;
}

struct loading {
	struct host_log *log;
	const uint8_t *base;
};

static bool load_record(void *context, const struct runtime_record *record, struct err *err)
{
	struct loading *loading = context;
	enum digest_alg bank = loading->log->bank;
	if (!log_room_read(&loading->log->places, record, err))
		return false;
	for (size_t i = 0; i < record->digest_count; i++) {
		if (record->digests[i].alg != bank)
			continue;
		struct digest digest = {.alg = bank, .len = (uint8_t)digest_alg_len(bank)};
		uint8_t next[DIGEST_LEN_MAX];
		memcpy(digest.bytes, record->digests[i].digest.data, digest.len);
		if (!make_room(loading->log, &digest, next, err))
			return false;
		remember(loading->log, (uint64_t)(record->raw.data - loading->base), &digest, next);
		return true;
	}
	return err_set(err, ERR_CONFIG,
		"record %llu of this boot's runtime log is not in bank %s: the bank can be changed "
		"only with a restart",
		(unsigned long long)record->recnum, digest_alg_name(bank));
}

static void forget(struct host_log *log)
{
	fd_close(&log->fd);
	log->count = 0;
	log->length = 0;
	log->pending = false;
	log_room_clear(&log->places);
	log->broken = (struct err){0};
	memset(log->value, 0, sizeof(log->value));
	memset(log->before, 0, sizeof(log->before));
}

/* ---- the file ---- */

/* Writes behind the last record and makes it durable. Whatever fsync failed on may or may not be there later, so nothing is
 * appended behind it: the next start finds out from the PCR. */
static bool write_durable(struct host_log *log, struct bytes record, struct err *err)
{
	uint64_t at = log->length;
	struct bytes left = record;
	while (left.len > 0) {
		ssize_t n = pwrite(log->fd, left.data, left.len, (off_t)at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			int why = n < 0 ? errno : EIO;
			struct err broken;
			if (ftruncate(log->fd, (off_t)log->length) == 0)
				return err_errno(err, why, "writing the runtime log");
			err_errno(&broken, why, "writing the runtime log; restart assay-hostd");
			return break_log(log, &broken, err);
		}
		left.data += n;
		left.len -= (size_t)n;
		at += (uint64_t)n;
	}
	if (fdatasync(log->fd) != 0) {
		struct err broken;
		err_errno(&broken, errno, "making the runtime log durable; restart assay-hostd");
		return break_log(log, &broken, err);
	}
	return true;
}

/* `place`: of a launch; NULL: of what is recorded in any case. */
static bool append_locked(
	struct host_log *log, struct host_log_place *place, struct bytes content, struct err *err)
{
	OWNED(buf_release) struct buf record = {0};
	struct digest digest = {0};
	uint8_t next[DIGEST_LEN_MAX];
	if (!runtime_record_put(
		    &record, log->count, log->pcr, &log->bank, 1, content, &digest, err))
		return false;
	if (log->length + record.len > RUNTIME_LOG_MAX)
		return err_set(err, ERR_LIMIT,
			"the runtime log of this boot is full (%u bytes): restart this machine",
			RUNTIME_LOG_MAX);
	if (place && record.len > place->left)
		return err_set(err, ERR_LIMIT,
			"this launch needs more of the runtime log than was "
			"reserved for it");
	if (!make_room(log, &digest, next, err) || !write_durable(log, buf_bytes(&record), err))
		return false;
	remember(log, log->length, &digest, next);
	if (place)
		log_room_use(&log->places, place, record.len);
	log->length += record.len;
	log->pending = true;
	if (extend_last(log, err))
		return true;
	/* The command may have done its work before it failed. */
	struct err again;
	if (settle(log, &again))
		return true;
	return log->broken.code != ERR_NONE && refuse_broken(log, err);
}

static bool put_baseline(struct host_log *log, const struct tpm_clock *clock, struct err *err)
{
	uint8_t found[DIGEST_LEN_MAX], zero[DIGEST_LEN_MAX] = {0};
	if (!pcr_value(log, found, err))
		return false;
	if (!value_is(log, found, zero)) {
		struct err why;
		char actual[17];
		err_set(&why, ERR_CONFLICT,
			"PCR %u is %s…, not zero, and there is no runtime log of this boot: either "
			"systemd-pcrphase, "
			"systemd-pcrmachine or another program uses this PCR (then give another "
			"with `pcr:`), or the log "
			"was lost (then restart this machine)",
			log->pcr, text_short_hex(bytes_of(found, 8), actual));
		log->broken = why;
		return true;
	}
	struct runtime_baseline baseline = {.reset_count = clock->reset_count,
		.restart_count = clock->restart_count,
		.bank = (uint16_t)log->bank,
		.pcr_before = bytes_of(found, digest_alg_len(log->bank))};
	memcpy(baseline.boot_id, log->boot_id, sizeof(baseline.boot_id));
	OWNED(buf_release) struct buf content = {0};
	return runtime_baseline_encode(&baseline, clock_wall(&clock_system), &content, err) &&
	       append_locked(log, NULL, buf_bytes(&content), err);
}

static bool sync_directory(const char *path, struct err *err)
{
	OWNED(fd_close) int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fsync(fd) != 0)
		return err_errno(err, errno, "%s", path);
	return true;
}

static bool open_file(struct host_log *log, struct err *err)
{
	char boot[33];
	OWNED(buf_release) struct buf path = {0};
	hex_encode(BYTES_OF(log->boot_id), boot);
	buf_printf(&path, "%s/%s-%u-%s" LOG_SUFFIX, log->directory, boot, log->reset_count,
		digest_alg_name(log->bank));
	if (!buf_ok(&path, err))
		return false;
	log->fd = open(buf_str(&path), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (log->fd < 0)
		return err_errno(err, errno, "%s", buf_str(&path));
	if (flock(log->fd, LOCK_EX | LOCK_NB) != 0)
		return err_set(err, ERR_CONFLICT, "%s: another assay-hostd has this log open",
			buf_str(&path));
	return sync_directory(log->directory, err);
}

/* Reads what an earlier run of hostd left. Only a tail that never became a whole record is cut, and only when the rest is
 * what the TPM says. */
static bool load(struct host_log *log, struct err *err)
{
	OWNED(buf_release) struct buf text = {0};
	if (!file_read_fd(log->fd, "runtime log", RUNTIME_LOG_MAX, &text, err))
		return false;
	size_t whole = runtime_log_whole(buf_bytes(&text));
	struct loading loading = {log, text.data};
	if (!runtime_log_walk(bytes_of(text.data, whole), 0, log->pcr, load_record, &loading, err))
		return err_wrap(err, "runtime log of this boot");
	log->length = whole;
	log->pending = log->count > 0;
	struct err why;
	if (log->count > 0 && !settle(log, &why))
		return log->broken.code != ERR_NONE ? true : err_set(err, why.code, "%s", why.text);
	if (whole < text.len && ftruncate(log->fd, (off_t)whole) != 0)
		return err_errno(err, errno, "cutting the torn tail of the runtime log");
	return true;
}

/* Opens or begins the log of the TPM's current resetCount. What fails here is tried again by host_log_usable; until then
 * nothing is appended. */
static bool open_boot(struct host_log *log, const struct tpm_clock *clock, struct err *err)
{
	struct err why;
	forget(log);
	log->reset_count = clock->reset_count;
	log->opened =
		open_file(log, &why) && load(log, &why) &&
		(log->count > 0 || log->broken.code != ERR_NONE || put_baseline(log, clock, &why));
	return log->opened || break_log(log, &why, err);
}

/* Logs of boots that are over stay for a while, for whoever wants to look; nothing depends on them. */
static void remove_old(const char *directory)
{
	DIR *dir = opendir(directory);
	if (!dir)
		return;
	int64_t oldest = clock_wall(&clock_system) - LOG_KEPT_SECONDS;
	for (const struct dirent *entry = readdir(dir); entry; entry = readdir(dir)) {
		size_t len = strlen(entry->d_name);
		struct stat st;
		if (len > 4 && strcmp(entry->d_name + len - 4, LOG_SUFFIX) == 0 &&
			fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
			S_ISREG(st.st_mode) && st.st_mtime < oldest)
			(void)unlinkat(dirfd(dir), entry->d_name, 0);
	}
	(void)closedir(dir);
}

static bool pcr_allowed(uint32_t pcr)
{
	/* Below 8 the firmware measures, 10 is IMA's, and above 15 anyone with the device can reset. */
	return pcr >= 8 && pcr <= 15 && pcr != 10;
}

void host_log_free(struct host_log **log)
{
	if (!log || !*log)
		return;
	fd_close(&(*log)->fd);
	(void)pthread_mutex_destroy(&(*log)->mutex);
	(void)pthread_mutex_destroy(&(*log)->view_mutex);
	log_room_release(&(*log)->places);
	free((*log)->offsets);
	free((*log)->directory);
	free(*log);
	*log = NULL;
}

/* ---- use ---- */

static void lock(struct host_log *log)
{
	(void)pthread_mutex_lock(&log->mutex);
}

static void unlock(struct host_log *log)
{
	struct host_log_status view = {.records = log->count,
		.bytes = log->length,
		.pcr = log->pcr,
		.bank = log->bank,
		.reset_count = log->reset_count,
		.usable = log->broken.code == ERR_NONE};
	(void)text_escape(bytes_str(log->broken.text), view.reason, sizeof(view.reason));
	(void)pthread_mutex_lock(&log->view_mutex);
	log->view = view;
	(void)pthread_mutex_unlock(&log->view_mutex);
	(void)pthread_mutex_unlock(&log->mutex);
}

bool host_log_open(const struct host_log_options *options, struct host_log **ret, struct err *err)
{
	uint32_t pcr = options->pcr ? options->pcr : HOST_LOG_PCR_DEFAULT;
	if (!pcr_allowed(pcr))
		return err_set(err, ERR_CONFIG,
			"PCR %u cannot hold the runtime log: 8, 9 and 11 to 15 can", pcr);
	if (options->bank != DIGEST_SHA256 && options->bank != DIGEST_SHA384)
		return err_set(err, ERR_CONFIG,
			"bank %s cannot hold the runtime log: sha256 and sha384 can",
			digest_alg_name(options->bank));
	if (!file_make_dirs(options->directory, 0700, err))
		return false;
	OWNED(host_log_free) struct host_log *log = calloc(1, sizeof(*log));
	if (!log)
		return err_set(err, ERR_NOMEM, "no memory for the runtime log");
	(void)pthread_mutex_init(&log->mutex, NULL);
	(void)pthread_mutex_init(&log->view_mutex, NULL);
	log->fd = -1;
	log->tpm = options->tpm;
	log->pcr = pcr;
	log->bank = options->bank;
	memcpy(log->boot_id, options->boot_id, sizeof(log->boot_id));
	log->directory = strdup(options->directory);
	if (!log->directory)
		return err_set(err, ERR_NOMEM, "no memory for the runtime log");
	remove_old(log->directory);
	struct tpm_clock clock;
	lock(log);
	bool ok = tpm_clock(log->tpm, &clock, err) && open_boot(log, &clock, err);
	unlock(log);
	if (!ok)
		return false;
	*ret = TAKE(log);
	return true;
}

static bool usable_locked(struct host_log *log, struct err *err)
{
	struct tpm_clock clock;
	if (!tpm_clock(log->tpm, &clock, err))
		return err_wrap(err, "runtime log");
	bool current = log->opened && clock.reset_count == log->reset_count;
	if (!current && !open_boot(log, &clock, err))
		return err_wrap(err, "beginning the runtime log of this boot");
	return settle(log, err);
}

bool host_log_usable(struct host_log *log, struct err *err)
{
	lock(log);
	bool ok = usable_locked(log, err);
	unlock(log);
	return ok;
}

bool host_log_reserve(struct host_log *log, struct host_log_place *place, struct err *err)
{
	lock(log);
	bool ok = log_room_take(&log->places, log->length, place, err);
	unlock(log);
	return ok;
}

void host_log_give_back(struct host_log *log, struct host_log_place *place)
{
	if (place->left == 0)
		return;
	lock(log);
	log_room_give_back(&log->places, place);
	unlock(log);
}

bool host_log_append_at(
	struct host_log *log, struct host_log_place *place, struct bytes content, struct err *err)
{
	lock(log);
	bool ok = log->broken.code == ERR_NONE ? !log->pending || settle(log, err)
					       : refuse_broken(log, err);
	ok = ok && append_locked(log, place, content, err);
	unlock(log);
	return ok;
}

bool host_log_append(struct host_log *log, struct bytes content, struct err *err)
{
	return host_log_append_at(log, NULL, content, err);
}

static bool with_locked(
	struct host_log *log, uint64_t first, host_log_use use, void *context, struct err *err)
{
	OWNED(buf_release) struct buf records = {0};
	if (log->broken.code != ERR_NONE)
		return refuse_broken(log, err);
	if (log->pending && !settle(log, err))
		return false;
	if (first > log->count)
		return err_set(err, ERR_CONFLICT,
			"record %llu of the runtime log is wanted, it has %zu",
			(unsigned long long)first, log->count);
	uint64_t from = first == log->count ? log->length : log->offsets[first];
	size_t len = (size_t)(log->length - from);
	uint8_t *room = buf_extend(&records, len);
	if (len > 0 && !room)
		return buf_ok(&records, err);
	for (size_t at = 0; at < len;) {
		ssize_t n = pread(log->fd, room + at, len - at, (off_t)(from + at));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return err_errno(err, n < 0 ? errno : EIO, "reading the runtime log");
		at += (size_t)n;
	}
	struct host_log_view view = {.records = buf_bytes(&records),
		.first = first,
		.next = log->count,
		.pcr = log->pcr,
		.bank = log->bank};
	memcpy(view.boot_id, log->boot_id, sizeof(view.boot_id));
	return use(context, &view, err);
}

bool host_log_with(
	struct host_log *log, uint64_t first, host_log_use use, void *context, struct err *err)
{
	lock(log);
	bool ok = with_locked(log, first, use, context, err);
	unlock(log);
	return ok;
}

void host_log_status(struct host_log *log, struct host_log_status *ret)
{
	(void)pthread_mutex_lock(&log->view_mutex);
	*ret = log->view;
	(void)pthread_mutex_unlock(&log->view_mutex);
}
