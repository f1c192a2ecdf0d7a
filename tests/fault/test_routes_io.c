/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every route that changes something, with the k-th write, sync or rename failing: the database's (below SQLite) and those of the
 * published log, counted together. Once, or from then on; the disk is full, or broken. Afterwards the verifier starts beside
 * what it published. See routes.h.
 */
#include <errno.h>

#include "tests/fault/routes.h"
#include "tests/fault/told.h"

ssize_t real_write(int fd, const void *data, size_t len) __asm__("__real_write");
int real_fsync(int fd) __asm__("__real_fsync");
int real_rename(const char *from, const char *to) __asm__("__real_rename");
ssize_t fault_write(int fd, const void *data, size_t len) __asm__("__wrap_write");
int fault_fsync(int fd) __asm__("__wrap_fsync");
int fault_rename(const char *from, const char *to) __asm__("__wrap_rename");

static const struct fault {
	int error, sqlite;
	bool for_good;
} kinds[] = {
	{ENOSPC, SQLITE_FULL, false},
	{EIO, SQLITE_IOERR, false},
	{ENOSPC, SQLITE_FULL, true},
	{EIO, SQLITE_IOERR, true},
};

static _Thread_local bool exempt; /* the client's own */

static bool fails_now(void)
{
	if (!told.armed || exempt)
		return false;
	size_t n = atomic_fetch_add(&told.seen, 1);
	bool fails = kinds[told.kind].for_good ? n >= told.at : n == told.at;
	told.failed += fails;
	return fails;
}

static bool call_fails(void)
{
	bool fails = fails_now();
	if (fails)
		errno = kinds[told.kind].error;
	return fails;
}

ssize_t fault_write(int fd, const void *data, size_t len)
{
	return call_fails() ? -1 : real_write(fd, data, len);
}
int fault_fsync(int fd)
{
	return call_fails() ? -1 : real_fsync(fd);
}
int fault_rename(const char *from, const char *to)
{
	return call_fails() ? -1 : real_rename(from, to);
}

/* ---- SQLite's file system, with three calls of our own in front of each table of methods that it has ---- */

static sqlite3_vfs *system_vfs, faulty_vfs;
static struct {
	const sqlite3_io_methods *system;
	sqlite3_io_methods faulty;
} tables[4];
static size_t table_count;
static pthread_mutex_t tables_lock = PTHREAD_MUTEX_INITIALIZER;

static const sqlite3_io_methods *system_of(const sqlite3_file *file)
{
	for (size_t i = 0; i < ARRAY_LEN(tables); i++)
		if (file->pMethods == &tables[i].faulty)
			return tables[i].system;
	abort();
}

static int x_write(sqlite3_file *file, const void *data, int len, sqlite3_int64 at)
{
	return fails_now() ? kinds[told.kind].sqlite : system_of(file)->xWrite(file, data, len, at);
}
static int x_sync(sqlite3_file *file, int flags)
{
	return fails_now() ? SQLITE_IOERR_FSYNC : system_of(file)->xSync(file, flags);
}
static int x_truncate(sqlite3_file *file, sqlite3_int64 size)
{
	return fails_now() ? SQLITE_IOERR_TRUNCATE : system_of(file)->xTruncate(file, size);
}

static const sqlite3_io_methods *faulty_of(const sqlite3_io_methods *system)
{
	size_t i = 0;
	(void)pthread_mutex_lock(&tables_lock);
	while (i < table_count && tables[i].system != system)
		i++;
	if (i == ARRAY_LEN(tables))
		abort();
	if (i == table_count) {
		tables[i].system = system;
		tables[i].faulty = *system;
		tables[i].faulty.xWrite = x_write;
		tables[i].faulty.xSync = x_sync;
		tables[i].faulty.xTruncate = x_truncate;
		table_count++;
	}
	(void)pthread_mutex_unlock(&tables_lock);
	return &tables[i].faulty;
}

static int x_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *ret_flags)
{
	(void)vfs;
	int code = system_vfs->xOpen(system_vfs, name, file, flags, ret_flags);
	if (code == SQLITE_OK)
		file->pMethods = faulty_of(file->pMethods);
	return code;
}

static void vfs_put(void)
{
	system_vfs = sqlite3_vfs_find(NULL);
	faulty_vfs = *system_vfs;
	faulty_vfs.zName = "faulty";
	faulty_vfs.xOpen = x_open;
	assert_int_equal(sqlite3_vfs_register(&faulty_vfs, 1), SQLITE_OK);
}

/* ---- */

static void S8__every_route_on_a_disk_that_fails__nothing_decided_or_whole(void **state)
{
	static const struct faults faults = {.kinds = ARRAY_LEN(kinds),
		.samples = 2,
		.arm = told_arm,
		.disarm = told_disarm,
		.seen = told_seen,
		.restarts = true};
	(void)state;
	exempt = true;
	vfs_put();
	routes_run(&faults, NULL, NULL, true);
	assert_int_equal(sqlite3_vfs_unregister(&faulty_vfs), SQLITE_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(S8__every_route_on_a_disk_that_fails__nothing_decided_or_whole),
	};
	(void)signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
