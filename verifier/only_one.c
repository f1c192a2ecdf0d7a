/* SPDX-License-Identifier: Apache-2.0 */
#include "verifier/only_one.h"

#include "verifier/sql.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

bool only_one_take(const char *database, int *ret_fd, struct err *err)
{
	OWNED(buf_release) struct buf path = {0};
	if (sql_ops_of(database)->shared)
		return true;
	buf_printf(&path, "%s.lock", database);
	if (!buf_ok(&path, err))
		return false;
	int fd = open(buf_str(&path), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return err_set(err, ERR_IO, "%s: %s", buf_str(&path), strerror(errno));
	if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
		*ret_fd = fd;
		return true;
	}
	bool held = errno == EWOULDBLOCK;
	(void)err_set(err, held ? ERR_BUSY : ERR_IO, "%s: %s", buf_str(&path),
		held ? "another assay-verifierd serves this database: stop it first, or give this "
		       "one a "
		       "database of its own"
		     : strerror(errno));
	(void)close(fd);
	return false;
}
