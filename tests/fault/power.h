/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A disk that remembers in which order it was written, so that a test can pull the plug at any moment of it. Recorded is what
 * our own code does to files below one directory (the linker's --wrap leads it here, tests/fault/CMakeLists.txt) and what SQLite
 * does to its files (power_vfs.h).
 *
 * What is there after a cut: everything that a sync of its file, or of its directory for names, made durable before it. Of the
 * rest each write, truncation and name may be there or not, whatever came before or behind it, and a write may be torn: any of
 * its sectors, or its first bytes alone.
 */
#ifndef ASSAY_TESTS_FAULT_POWER_H
#define ASSAY_TESTS_FAULT_POWER_H

#include "tests/support/unit.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

#define POWER_SECTOR    512u
#define POWER_FILES_MAX 4096u
#define POWER_NAME_MAX  160u
#define POWER_SIZE_MAX  (64u << 20)

enum power_kind {
	POWER_MAKE,
	POWER_MKDIR,
	POWER_RENAME,
	POWER_UNLINK,
	POWER_WRITE,
	POWER_TRUNCATE,
	POWER_SYNC,
	POWER_SYNC_DIR,
	POWER_SAID, /* something was promised to somebody */
};

struct power_event {
	enum power_kind kind;
	size_t file;
	uint64_t at; /* offset, size, or what was said */
	int said; /* about what */
	char *name, *to;
	uint8_t *data;
	size_t len;
};

static struct power {
	pthread_mutex_t lock;
	bool on;
	char root[96];
	size_t count, room, start; /* events; the plug is pulled behind `start` at the earliest */
	struct power_event *events;
	size_t files;
	struct { /* names as they are now */
		char name[POWER_NAME_MAX];
		size_t file;
		ino_t inode;
	} live[POWER_FILES_MAX];
	size_t live_count;
} power = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* ---- chance, the same for the same seed ---- */

static uint64_t power_seed = 1;

static uint64_t power_random(uint64_t below)
{
	power_seed ^= power_seed >> 12;
	power_seed ^= power_seed << 25;
	power_seed ^= power_seed >> 27;
	return (power_seed * UINT64_C(2685821657736338717) >> 16) % below;
}

/* ---- recording; all under the lock ---- */

/* The name below the root, or NULL. */
static const char *power_name(const char *path)
{
	size_t len = strlen(power.root);
	if (!power.on || !path || strncmp(path, power.root, len) != 0)
		return NULL;
	return path[len] == '/' ? path + len + 1 : path[len] == '\0' ? "" : NULL;
}

static struct power_event *power_add(enum power_kind kind)
{
	if (power.count == power.room) {
		power.room = power.room ? 2 * power.room : 1024;
		power.events = realloc(power.events, power.room * sizeof(*power.events));
		assert_non_null(power.events);
	}
	struct power_event *event = &power.events[power.count++];
	*event = (struct power_event){.kind = kind};
	return event;
}

static size_t power_find(const char *name)
{
	for (size_t i = 0; i < power.live_count; i++)
		if (strcmp(power.live[i].name, name) == 0)
			return i;
	return SIZE_MAX;
}

static void power_forget(const char *name)
{
	size_t i = power_find(name);
	if (i != SIZE_MAX)
		power.live[i] = power.live[--power.live_count];
}

static size_t power_make(const char *name, ino_t inode)
{
	power_forget(name);
	assert_true(power.live_count < POWER_FILES_MAX && strlen(name) < POWER_NAME_MAX);
	(void)snprintf(power.live[power.live_count].name, POWER_NAME_MAX, "%s", name);
	power.live[power.live_count].inode = inode;
	power.live[power.live_count++].file = power.files;
	struct power_event *event = power_add(POWER_MAKE);
	event->name = strdup(name);
	event->file = power.files;
	return power.files++;
}

static void power_write(size_t file, const void *data, size_t len, uint64_t at)
{
	struct power_event *event = power_add(POWER_WRITE);
	event->file = file;
	event->at = at;
	event->len = len;
	event->data = malloc(len ? len : 1);
	assert_non_null(event->data);
	memcpy(event->data, data, len);
}

static void power_named(enum power_kind kind, const char *name, const char *to)
{
	struct power_event *event = power_add(kind);
	event->name = strdup(name);
	event->to = to ? strdup(to) : NULL;
}

static void power_sync_dir_of(const char *name)
{
	const char *slash = strrchr(name, '/');
	struct power_event *event = power_add(POWER_SYNC_DIR);
	event->name = strndup(name, slash ? (size_t)(slash - name) : 0);
}

/* Somebody was told: from now on it counts. */
static inline void power_say(int about, uint64_t value)
{
	(void)pthread_mutex_lock(&power.lock);
	if (power.on) {
		struct power_event *event = power_add(POWER_SAID);
		event->said = about;
		event->at = value;
	}
	(void)pthread_mutex_unlock(&power.lock);
}

/* ---- our own calls ---- */

int real_mkostemp(char *path, int flags) __asm__("__real_mkostemp");
ssize_t real_write(int fd, const void *data, size_t len) __asm__("__real_write");
int real_fsync(int fd) __asm__("__real_fsync");
int real_rename(const char *from, const char *to) __asm__("__real_rename");
int real_unlink(const char *path) __asm__("__real_unlink");
int real_mkdir(const char *path, mode_t mode) __asm__("__real_mkdir");

int power_mkostemp(char *path, int flags) __asm__("__wrap_mkostemp");
ssize_t power_write_fd(int fd, const void *data, size_t len) __asm__("__wrap_write");
int power_fsync(int fd) __asm__("__wrap_fsync");
int power_rename(const char *from, const char *to) __asm__("__wrap_rename");
int power_unlink(const char *path) __asm__("__wrap_unlink");
int power_mkdir(const char *path, mode_t mode) __asm__("__wrap_mkdir");

int power_mkostemp(char *path, int flags)
{
	struct stat st;
	int fd = real_mkostemp(path, flags);
	(void)pthread_mutex_lock(&power.lock);
	if (fd >= 0 && power_name(path) && fstat(fd, &st) == 0)
		(void)power_make(power_name(path), st.st_ino);
	(void)pthread_mutex_unlock(&power.lock);
	return fd;
}

/* Of the file behind a descriptor, or SIZE_MAX. */
static size_t power_file_of(int fd)
{
	struct stat st;
	if (!power.on || fstat(fd, &st) != 0)
		return SIZE_MAX;
	for (size_t i = 0; i < power.live_count; i++)
		if (power.live[i].inode == st.st_ino && power.live[i].inode != 0)
			return power.live[i].file;
	return SIZE_MAX;
}

ssize_t power_write_fd(int fd, const void *data, size_t len)
{
	off_t at = lseek(fd, 0, SEEK_CUR);
	ssize_t n = real_write(fd, data, len);
	(void)pthread_mutex_lock(&power.lock);
	size_t file = n > 0 ? power_file_of(fd) : SIZE_MAX;
	if (file != SIZE_MAX)
		power_write(file, data, (size_t)n, (uint64_t)at);
	(void)pthread_mutex_unlock(&power.lock);
	return n;
}

int power_fsync(int fd)
{
	char link[48], path[256] = {0};
	struct stat st;
	(void)pthread_mutex_lock(&power.lock);
	size_t file = power_file_of(fd);
	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	if (file != SIZE_MAX)
		power_add(POWER_SYNC)->file = file;
	else if (power.on && fstat(fd, &st) == 0 && S_ISDIR(st.st_mode) &&
		 readlink(link, path, sizeof(path) - 1) > 0 && power_name(path))
		power_named(POWER_SYNC_DIR, power_name(path), NULL);
	(void)pthread_mutex_unlock(&power.lock);
	return real_fsync(fd);
}

int power_rename(const char *from, const char *to)
{
	(void)pthread_mutex_lock(&power.lock);
	int code = real_rename(from, to);
	size_t i = code == 0 && power_name(from) ? power_find(power_name(from)) : SIZE_MAX;
	if (i != SIZE_MAX && power_name(to)) {
		power_named(POWER_RENAME, power_name(from), power_name(to));
		power_forget(power_name(to));
		i = power_find(power_name(from));
		(void)snprintf(power.live[i].name, POWER_NAME_MAX, "%s", power_name(to));
	}
	(void)pthread_mutex_unlock(&power.lock);
	return code;
}

int power_unlink(const char *path)
{
	(void)pthread_mutex_lock(&power.lock);
	int code = real_unlink(path), saved = errno;
	if (code == 0 && power_name(path)) {
		power_named(POWER_UNLINK, power_name(path), NULL);
		power_forget(power_name(path));
	}
	(void)pthread_mutex_unlock(&power.lock);
	errno = saved;
	return code;
}

int power_mkdir(const char *path, mode_t mode)
{
	(void)pthread_mutex_lock(&power.lock);
	int code = real_mkdir(path, mode), saved = errno;
	if (code == 0 && power_name(path))
		power_named(POWER_MKDIR, power_name(path), NULL);
	(void)pthread_mutex_unlock(&power.lock);
	errno = saved;
	return code;
}

/* ---- begin and end ---- */

static int power_take_in(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	const char *name = power_name(path);
	(void)ftw;
	if (!name || name[0] == '\0')
		return 0;
	if (flag == FTW_D)
		power_named(POWER_MKDIR, name, NULL);
	if (flag == FTW_F) {
		struct buf content = {0};
		struct err err;
		assert_ok(file_read(path, POWER_SIZE_MAX, &content, &err), err);
		size_t file = power_make(name, st->st_ino);
		power_write(file, content.data, content.len, 0);
		power_add(POWER_SYNC)->file = file;
		buf_release(&content);
	}
	power_sync_dir_of(name);
	return 0;
}

/* What is in the directory already is durable. */
static void power_begin(const char *root)
{
	assert_false(power.on);
	(void)snprintf(power.root, sizeof(power.root), "%s", root);
	power.on = true;
	assert_int_equal(nftw(root, power_take_in, 16, FTW_PHYS), 0);
	power.start = power.count;
}

static void power_end(void)
{
	(void)pthread_mutex_lock(&power.lock);
	power.on = false;
	(void)pthread_mutex_unlock(&power.lock);
}

static void power_release(void)
{
	for (size_t i = 0; i < power.count; i++) {
		free(power.events[i].name);
		free(power.events[i].to);
		free(power.events[i].data);
	}
	free(power.events);
	power.events = NULL;
	power.count = power.room = power.files = power.live_count = 0;
}

/* The most that was said about something before the cut. */
static inline uint64_t power_said(int about, size_t cut)
{
	uint64_t most = 0;
	for (size_t i = 0; i < cut; i++)
		if (power.events[i].kind == POWER_SAID && power.events[i].said == about &&
			power.events[i].at > most)
			most = power.events[i].at;
	return most;
}

/* ---- the cut ---- */

struct power_cut {
	size_t at;
	unsigned kept; /* of 100 things that were not durable */
	size_t *synced; /* by file: events before this are durable */
	struct buf *content; /* by file */
	struct {
		const char *name;
		size_t file;
	} names[POWER_FILES_MAX];
	size_t name_count;
};

static bool power_survives(const struct power_cut *cut, bool durable)
{
	return durable || power_random(100) < cut->kept;
}

static void power_put(struct buf *content, uint64_t at, const uint8_t *data, size_t len)
{
	size_t end = (size_t)at + len;
	if (end > content->len)
		assert_non_null(
			memset(buf_extend(content, end - content->len), 0, end - content->len));
	if (len > 0)
		memcpy(content->data + at, data, len);
}

/* Its first bytes, or some of the sectors that it touches. */
static void power_tear(struct buf *content, const struct power_event *event)
{
	uint64_t end = event->at + event->len;
	if (power_random(2)) {
		power_put(content, event->at, event->data, power_random(event->len + 1));
		return;
	}
	for (uint64_t at = event->at, next; at < end; at = next) {
		next = (at / POWER_SECTOR + 1) * POWER_SECTOR;
		next = next < end ? next : end;
		if (power_random(2))
			power_put(content, at, event->data + (at - event->at), (size_t)(next - at));
	}
	if (power_random(2))
		power_put(content, end, NULL, 0); /* its length alone is there */
}

static void power_content(struct power_cut *cut)
{
	for (size_t i = 0; i < cut->at; i++) {
		const struct power_event *event = &power.events[i];
		if (event->kind != POWER_WRITE && event->kind != POWER_TRUNCATE)
			continue;
		struct buf *content = &cut->content[event->file];
		bool durable = i < cut->synced[event->file];
		if (!power_survives(cut, durable))
			continue;
		if (event->kind == POWER_TRUNCATE)
			content->len = event->at < content->len ? (size_t)event->at : content->len;
		else if (!durable && power_random(4) == 0)
			power_tear(content, event);
		else
			power_put(content, event->at, event->data, event->len);
	}
}

static bool power_in(const char *name, const char *directory)
{
	size_t len = strlen(directory);
	const char *slash = strrchr(name, '/');
	return slash ? (size_t)(slash - name) == len && strncmp(name, directory, len) == 0
		     : len == 0;
}

static bool power_name_durable(const struct power_cut *cut, size_t i)
{
	for (size_t k = i + 1; k < cut->at; k++)
		if (power.events[k].kind == POWER_SYNC_DIR &&
			power_in(power.events[i].name, power.events[k].name))
			return true;
	return false;
}

static size_t power_cut_find(const struct power_cut *cut, const char *name)
{
	for (size_t i = 0; i < cut->name_count; i++)
		if (strcmp(cut->names[i].name, name) == 0)
			return i;
	return SIZE_MAX;
}

static void power_cut_name(struct power_cut *cut, const char *name, size_t file)
{
	size_t i = power_cut_find(cut, name);
	if (i == SIZE_MAX) {
		assert_true(cut->name_count < POWER_FILES_MAX);
		i = cut->name_count++;
	}
	cut->names[i].name = name;
	cut->names[i].file = file;
}

/* What a name stood for when it was renamed, whether or not that name itself survived. */
static size_t power_named_before(const char *name, size_t i)
{
	while (i-- > 0) {
		const struct power_event *event = &power.events[i];
		if (event->kind == POWER_MAKE && strcmp(event->name, name) == 0)
			return event->file;
		if (event->kind == POWER_RENAME && strcmp(event->to, name) == 0)
			return power_named_before(event->name, i);
	}
	fail_msg("%s was never made", name);
	return 0;
}

static void power_names(struct power_cut *cut, const char *target)
{
	for (size_t i = 0; i < cut->at; i++) {
		const struct power_event *event = &power.events[i];
		char path[2 * POWER_NAME_MAX];
		size_t old;
		if (event->kind > POWER_UNLINK || !power_survives(cut, power_name_durable(cut, i)))
			continue;
		(void)snprintf(path, sizeof(path), "%s/%s", target, event->name);
		if (event->kind == POWER_MKDIR)
			(void)real_mkdir(path, 0755); /* fails where the one above it is lost */
		if (event->kind == POWER_MAKE)
			power_cut_name(cut, event->name, event->file);
		if (event->kind == POWER_RENAME || event->kind == POWER_UNLINK) {
			old = power_cut_find(cut, event->name);
			if (old != SIZE_MAX)
				cut->names[old] = cut->names[--cut->name_count];
		}
		if (event->kind == POWER_RENAME)
			power_cut_name(cut, event->to, power_named_before(event->name, i));
	}
}

/* Writes what is left of the recorded directory, when power goes before event `at`, into a directory that is empty. */
static inline void power_cut(size_t at, const char *target)
{
	static const unsigned moods[] = {0, 10, 50, 90, 100};
	static struct power_cut cut;
	cut = (struct power_cut){.at = at, .kept = moods[power_random(ARRAY_LEN(moods))]};
	cut.synced = calloc(power.files + 1, sizeof(*cut.synced));
	cut.content = calloc(power.files + 1, sizeof(*cut.content));
	assert_true(cut.synced && cut.content);
	for (size_t i = 0; i < at; i++)
		if (power.events[i].kind == POWER_SYNC)
			cut.synced[power.events[i].file] = i;
	power_content(&cut);
	power_names(&cut, target);
	for (size_t i = 0; i < cut.name_count; i++) {
		char path[2 * POWER_NAME_MAX];
		(void)snprintf(path, sizeof(path), "%s/%s", target, cut.names[i].name);
		const struct buf *content = &cut.content[cut.names[i].file];
		int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
		if (fd < 0 && errno == ENOENT)
			continue; /* its directory is lost */
		assert_true(fd >= 0);
		assert_int_equal(real_write(fd, content->data, content->len), content->len);
		(void)close(fd);
	}
	for (size_t i = 0; i < power.files; i++)
		buf_release(&cut.content[i]);
	free(cut.content);
	free(cut.synced);
}

/* ---- places ---- */

static int power_remove_one(const char *name, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(name);
}

static void power_place_remove(const char *path)
{
	(void)nftw(path, power_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* In memory where there is such a place: what these tests call durable is theirs to say. */
static void power_place_make(char out[64])
{
	(void)snprintf(out, 64, "%s/assay-power-XXXXXX",
		access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	assert_non_null(mkdtemp(out));
}

/* How many cuts: a few hundred, or with ASSAY_LONG=1 ten thousand; ASSAY_LONG=N: N. */
static inline size_t power_cuts_wanted(size_t few)
{
	const char *wanted = getenv("ASSAY_LONG");
	if (!wanted)
		return few;
	size_t n = strtoul(wanted, NULL, 10);
	return n > 1 ? n : 10000;
}

#endif
