/* SPDX-License-Identifier: Apache-2.0 */
#include "verifier/descriptors.h"

#include <dirent.h>
#include <sys/resource.h>

#define CONNECTIONS_MIN 8u

static unsigned open_now(void)
{
	unsigned n = 0;
	DIR *directory = opendir("/proc/self/fd");
	if (!directory)
		return 0;
	while (readdir(directory))
		n++;
	(void)closedir(directory);
	return n;
}

unsigned descriptors_for(unsigned wanted, unsigned own)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return wanted;
	if (limit.rlim_cur < limit.rlim_max) {
		struct rlimit raised = {limit.rlim_max, limit.rlim_max};
		if (setrlimit(RLIMIT_NOFILE, &raised) == 0)
			limit = raised;
	}
	rlim_t taken = (rlim_t)open_now() + own;
	rlim_t room = limit.rlim_cur > taken ? limit.rlim_cur - taken : 0;
	if (room < CONNECTIONS_MIN)
		room = CONNECTIONS_MIN;
	return room < wanted ? (unsigned)room : wanted;
}
