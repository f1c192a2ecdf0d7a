/* SPDX-License-Identifier: Apache-2.0 */
/* A watch file as it is read. Private to cli/. */
#ifndef ASSAY_CLI_LOG_WATCH_FILE_H
#define ASSAY_CLI_LOG_WATCH_FILE_H

#include "cli/log_watch.h"

struct watch_names {
	size_t count;
	char **list; /* owned */
};
struct watched {
	char *workload;
	struct watch_names operators;
	size_t key_count; /* 0: any */
	struct key *keys[LOG_WATCH_WHO_MAX];
};
struct log_watch {
	size_t count;
	struct watched list[LOG_WATCH_MAX];
	bool policies_watched;
	struct watch_names policies;
	/* what came of it */
	size_t warning_count, destroyed_count;
	struct log_watch_warning *warnings;
	struct destroyed_entry {
		uint64_t index;
		int64_t time; /* of the entry that says so */
	} * destroyed; /* entries whose content retention destroyed */
};

#endif
