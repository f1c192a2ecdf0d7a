/* SPDX-License-Identifier: Apache-2.0 */
/* Whether the agent is confined as its launch record says. The caller confines himself on his way to
 * becoming the agent, so hostd believes nobody and looks at what the kernel shows of the process. */
#include "attest/launch_host.h"

#include <stdio.h>

#include "base/file.h"
#include "base/text.h"

#define PROC_MAX        (16u << 20) /* mountinfo of thousands of mounts */
#define MOUNT_OPTIONS   5u /* of a line of mountinfo, counted from 0 */
#define DEVICES_HEADING 2u /* lines */

/* The next line, without its end; false behind the last. */
static bool line_next(struct bytes *text, struct bytes *ret)
{
	if (text->len == 0)
		return false;
	const uint8_t *end = memchr(text->data, '\n', text->len);
	size_t len = end ? (size_t)(end - text->data) : text->len;
	*ret = bytes_of(text->data, len);
	len += end != NULL;
	*text = bytes_of(text->data + len, text->len - len);
	return true;
}

/* ---- status ---- */

static bool status_says(struct bytes status, const char *wanted)
{
	struct bytes line;
	while (line_next(&status, &line))
		if (bytes_equal_str(line, wanted))
			return true;
	return false;
}

bool sandbox_status_ok(struct bytes status, unsigned sandbox, struct err *err)
{
	static const struct {
		unsigned bit;
		const char *line;
	} wanted[] = {
		{SANDBOX_NO_NEW_PRIVS, "NoNewPrivs:\t1"},
		{SANDBOX_NO_CAPABILITIES, "CapInh:\t0000000000000000"},
		{SANDBOX_NO_CAPABILITIES, "CapPrm:\t0000000000000000"},
		{SANDBOX_NO_CAPABILITIES, "CapEff:\t0000000000000000"},
		{SANDBOX_NO_CAPABILITIES, "CapBnd:\t0000000000000000"},
		{SANDBOX_NO_CAPABILITIES, "CapAmb:\t0000000000000000"},
	};
	for (size_t i = 0; i < ARRAY_LEN(wanted); i++)
		if ((sandbox & wanted[i].bit) && !status_says(status, wanted[i].line))
			return err_set(err, ERR_MISMATCH, "its process does not show %s",
				ESC(bytes_str(wanted[i].line)));
	return true;
}

/* ---- network ---- */

bool sandbox_network_ok(struct bytes devices, struct err *err)
{
	struct bytes line;
	size_t heading = 0;
	while (line_next(&devices, &line)) {
		if (heading < DEVICES_HEADING) {
			heading++;
			continue;
		}
		while (line.len > 0 && line.data[0] == ' ')
			line = bytes_of(line.data + 1, line.len - 1);
		if (line.len < 3 || memcmp(line.data, "lo:", 3) != 0)
			return err_set(err, ERR_MISMATCH,
				"its process sees another network device than loopback");
	}
	return heading == DEVICES_HEADING ||
	       err_set(err, ERR_MISMATCH, "the network devices of its process are not shown");
}

/* ---- mounts ---- */

/* "36 35 98:0 /mnt1 /mnt2 ro,noatime master:1 - ext3 /dev/root rw" */
static bool is_read_only(struct bytes line)
{
	for (unsigned field = 0; field < MOUNT_OPTIONS; field++) {
		const uint8_t *space = memchr(line.data, ' ', line.len);
		if (!space)
			return false;
		size_t len = (size_t)(space - line.data) + 1;
		line = bytes_of(line.data + len, line.len - len);
	}
	return line.len > 2 && memcmp(line.data, "ro", 2) == 0 &&
	       (line.data[2] == ',' || line.data[2] == ' ');
}

bool sandbox_mounts_ok(struct bytes mountinfo, struct err *err)
{
	struct bytes line;
	size_t mounts = 0;
	for (; line_next(&mountinfo, &line); mounts++)
		if (!is_read_only(line))
			return err_set(err, ERR_MISMATCH,
				"a mount that its process sees is not read-only: %s", ESC(line));
	return mounts > 0 || err_set(err, ERR_MISMATCH, "the mounts of its process are not shown");
}

/* ---- together ---- */

static bool read_proc(pid_t pid, const char *name, struct buf *ret, struct err *err)
{
	char path[64];
	(void)snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	return file_read(path, PROC_MAX, ret, err);
}

bool launch_host_is_confined(pid_t pid, unsigned sandbox, struct err *err)
{
	OWNED(buf_release) struct buf status = {0}, devices = {0}, mounts = {0};
	bool ok = read_proc(pid, "status", &status, err) &&
		  sandbox_status_ok(buf_bytes(&status), sandbox, err);
	if (ok && (sandbox & SANDBOX_NO_NETWORK))
		ok = read_proc(pid, "net/dev", &devices, err) &&
		     sandbox_network_ok(buf_bytes(&devices), err);
	if (ok && (sandbox & SANDBOX_READ_ONLY))
		ok = read_proc(pid, "mountinfo", &mounts, err) &&
		     sandbox_mounts_ok(buf_bytes(&mounts), err);
	return ok || err_wrap(err, "the agent's sandbox");
}
