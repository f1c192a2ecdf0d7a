/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Structured log lines to a descriptor: "2026-11-22T23:21:38Z info enrolled host=3f… reason=…".
 * Only programs log; libraries return errors. Values are escaped and cut; nothing secret is ever
 * passed here.
 */
#ifndef ASSAY_BASE_LOG_H
#define ASSAY_BASE_LOG_H

#include "base/bytes.h"

#include <stdatomic.h>

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

struct log_field {
	const char *key;
	struct bytes value;
};
struct log {
	int fd;
	_Atomic enum log_level level; /* may be set while others write */
	bool json; /* one JSON object a line */
};
/* One write(2) a line, so that lines of several threads do not mix. */
void log_write(const struct log *log, enum log_level level, const char *event,
	const struct log_field *fields, size_t n);
#define LOG_FIELDS(...)                                                                            \
	(const struct log_field[]){__VA_ARGS__},                                                   \
		ARRAY_LEN(((const struct log_field[]){__VA_ARGS__}))
/* log_event(log, LOG_LEVEL_INFO, "enrolled", {"host", id}, {"class", class}); */
#define log_event(log_, level_, event_, ...)                                                       \
	log_write((log_), (level_), (event_), LOG_FIELDS(__VA_ARGS__))

#endif
