/* SPDX-License-Identifier: Apache-2.0 */
/* SQLite's files on the disk of power.h: a file system of its own in front of the one it brings along. Shared memory is no file:
 * it does not outlive the power, and whoever comes first makes it anew. */
#ifndef ASSAY_TESTS_FAULT_POWER_VFS_H
#define ASSAY_TESTS_FAULT_POWER_VFS_H

#include "tests/fault/power.h"

#include <sqlite3.h>

struct power_sqlite {
	sqlite3_file base;
	bool sync_directory; /* with its first sync: of journals that it made */
	char path[256]; /* empty: a temporary file */
	sqlite3_file *real; /* right behind */
};

static sqlite3_vfs *power_real_vfs;

/* Under the lock. SIZE_MAX: nothing of it is recorded. */
static size_t power_sqlite_file(const struct power_sqlite *self)
{
	const char *name = power_name(self->path);
	size_t i = name ? power_find(name) : SIZE_MAX;
	if (!name || name[0] == '\0')
		return SIZE_MAX;
	return i == SIZE_MAX ? power_make(name, 0) : power.live[i].file;
}

static sqlite3_file *power_real(sqlite3_file *base)
{
	return ((struct power_sqlite *)base)->real;
}

static int power_x_close(sqlite3_file *base)
{
	return power_real(base)->pMethods->xClose(power_real(base));
}

static int power_x_read(sqlite3_file *base, void *out, int len, sqlite3_int64 at)
{
	return power_real(base)->pMethods->xRead(power_real(base), out, len, at);
}

/* Recorded under the same lock as done: no two writers are taken for each other. */
static int power_x_write(sqlite3_file *base, const void *data, int len, sqlite3_int64 at)
{
	const struct power_sqlite *self = (const struct power_sqlite *)base;
	(void)pthread_mutex_lock(&power.lock);
	size_t file = power_sqlite_file(self);
	if (file != SIZE_MAX)
		power_write(file, data, (size_t)len, (uint64_t)at);
	int code = self->real->pMethods->xWrite(self->real, data, len, at);
	(void)pthread_mutex_unlock(&power.lock);
	return code;
}

static int power_x_truncate(sqlite3_file *base, sqlite3_int64 size)
{
	const struct power_sqlite *self = (const struct power_sqlite *)base;
	(void)pthread_mutex_lock(&power.lock);
	size_t file = power_sqlite_file(self);
	if (file != SIZE_MAX) {
		struct power_event *event = power_add(POWER_TRUNCATE);
		event->file = file;
		event->at = (uint64_t)size;
	}
	int code = self->real->pMethods->xTruncate(self->real, size);
	(void)pthread_mutex_unlock(&power.lock);
	return code;
}

static int power_x_sync(sqlite3_file *base, int flags)
{
	struct power_sqlite *self = (struct power_sqlite *)base;
	(void)pthread_mutex_lock(&power.lock);
	int code = self->real->pMethods->xSync(self->real, flags);
	size_t file = power_sqlite_file(self);
	if (file != SIZE_MAX) {
		power_add(POWER_SYNC)->file = file;
		if (self->sync_directory)
			power_sync_dir_of(power_name(self->path));
		self->sync_directory = false;
	}
	(void)pthread_mutex_unlock(&power.lock);
	return code;
}

static int power_x_size(sqlite3_file *base, sqlite3_int64 *ret)
{
	return power_real(base)->pMethods->xFileSize(power_real(base), ret);
}
static int power_x_lock(sqlite3_file *base, int level)
{
	return power_real(base)->pMethods->xLock(power_real(base), level);
}
static int power_x_unlock(sqlite3_file *base, int level)
{
	return power_real(base)->pMethods->xUnlock(power_real(base), level);
}
static int power_x_reserved(sqlite3_file *base, int *ret)
{
	return power_real(base)->pMethods->xCheckReservedLock(power_real(base), ret);
}
static int power_x_control(sqlite3_file *base, int op, void *arg)
{
	return power_real(base)->pMethods->xFileControl(power_real(base), op, arg);
}
static int power_x_sector(sqlite3_file *base)
{
	return power_real(base)->pMethods->xSectorSize(power_real(base));
}
static int power_x_device(sqlite3_file *base)
{
	return power_real(base)->pMethods->xDeviceCharacteristics(power_real(base));
}
static int power_x_shm_map(sqlite3_file *base, int page, int size, int extend, void volatile **ret)
{
	return power_real(base)->pMethods->xShmMap(power_real(base), page, size, extend, ret);
}
static int power_x_shm_lock(sqlite3_file *base, int offset, int n, int flags)
{
	return power_real(base)->pMethods->xShmLock(power_real(base), offset, n, flags);
}
static void power_x_shm_barrier(sqlite3_file *base)
{
	power_real(base)->pMethods->xShmBarrier(power_real(base));
}
static int power_x_shm_unmap(sqlite3_file *base, int remove_too)
{
	return power_real(base)->pMethods->xShmUnmap(power_real(base), remove_too);
}

static const sqlite3_io_methods power_methods = {
	.iVersion = 2,
	.xClose = power_x_close,
	.xRead = power_x_read,
	.xWrite = power_x_write,
	.xTruncate = power_x_truncate,
	.xSync = power_x_sync,
	.xFileSize = power_x_size,
	.xLock = power_x_lock,
	.xUnlock = power_x_unlock,
	.xCheckReservedLock = power_x_reserved,
	.xFileControl = power_x_control,
	.xSectorSize = power_x_sector,
	.xDeviceCharacteristics = power_x_device,
	.xShmMap = power_x_shm_map,
	.xShmLock = power_x_shm_lock,
	.xShmBarrier = power_x_shm_barrier,
	.xShmUnmap = power_x_shm_unmap,
};

static int power_vfs_open(
	sqlite3_vfs *vfs, const char *path, sqlite3_file *base, int flags, int *ret_flags)
{
	struct power_sqlite *self = (struct power_sqlite *)base;
	(void)vfs;
	*self = (struct power_sqlite){.real = (sqlite3_file *)(void *)(self + 1)};
	if (path)
		(void)snprintf(self->path, sizeof(self->path), "%s", path);
	(void)pthread_mutex_lock(&power.lock);
	bool made = path && access(path, F_OK) != 0;
	int code = power_real_vfs->xOpen(power_real_vfs, path, self->real, flags, ret_flags);
	if (code == SQLITE_OK)
		(void)power_sqlite_file(self);
	self->sync_directory = made && (flags & (SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_WAL)) != 0;
	(void)pthread_mutex_unlock(&power.lock);
	self->base.pMethods = self->real->pMethods ? &power_methods : NULL;
	return code;
}

static int power_vfs_delete(sqlite3_vfs *vfs, const char *path, int sync_directory)
{
	(void)vfs;
	(void)pthread_mutex_lock(&power.lock);
	int code = power_real_vfs->xDelete(power_real_vfs, path, sync_directory);
	const char *name = code == SQLITE_OK ? power_name(path) : NULL;
	if (name) {
		power_named(POWER_UNLINK, name, NULL);
		power_forget(name);
		if (sync_directory)
			power_sync_dir_of(name);
	}
	(void)pthread_mutex_unlock(&power.lock);
	return code;
}

/* From now on SQLite's default. */
static void power_vfs_init(void)
{
	static sqlite3_vfs vfs;
	power_real_vfs = sqlite3_vfs_find(NULL);
	assert_non_null(power_real_vfs);
	vfs = *power_real_vfs;
	vfs.zName = "power";
	vfs.pNext = NULL;
	vfs.szOsFile = (int)sizeof(struct power_sqlite) + power_real_vfs->szOsFile;
	vfs.xOpen = power_vfs_open;
	vfs.xDelete = power_vfs_delete;
	assert_int_equal(sqlite3_vfs_register(&vfs, 1), SQLITE_OK);
}

#endif
