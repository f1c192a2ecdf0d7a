/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may speak about what in a ledger. The owner of a workload lists those through whom entries about
 * it may come, and the keys that may sign its releases; any other entry about it is a warning.
 *
 *	watch:
 *	  - workload: ocr-agent
 *	    operators: ["spiffe://bank.example/operator/ci/build", verifier]
 *	    release_keys: [builder.pub]
 *	policies: ["spiffe://bank.example/operator/admin/olga", verifier]
 *
 * "verifier" is the verifier by itself: floors that rise, rollouts that go on. Without release_keys
 * every signature will do; without policies nobody is asked who put one in force.
 */
#ifndef ASSAY_CLI_LOG_WATCH_H
#define ASSAY_CLI_LOG_WATCH_H

#include "base/json.h"
#include "crypto/key.h"

#define LOG_WATCH_FILE_MAX (256u << 10)
#define LOG_WATCH_MAX      256u /* workloads */
#define LOG_WATCH_WHO_MAX  64u /* operators, or keys, of one */

struct log_watch;
/* The path is the file's: keys are looked for beside it. Errors name the line. */
must_use bool log_watch_load(const char *path, struct log_watch **ret, struct err *err);
void log_watch_free(struct log_watch **watch);
/* Whether entries of a type have to be opened: those that speak of somebody's thing. */
bool log_watch_opens(const char *type);

struct log_watch_warning {
	uint64_t index;
	char type[24];
	char text[512];
	bool closed; /* the entry was not opened; what retention destroyed explains it */
	int64_t time; /* of the entry */
};
/* The envelope of a release, as JSON: what the verifier shows under its digest (64 hex digits). It is
 * believed only as far as it has that digest. An empty one: not shown. */
typedef bool (*log_watch_release)(
	void *arg, const char *digest, struct buf *ret_envelope, struct err *err);

/* An entry whose content has been held against its commitment; time: its leaf's. Fields that are not
 * shown must not be those that say who or about what. False: it could not be judged. */
must_use bool log_watch_judge(struct log_watch *watch, uint64_t index, const char *type,
	int64_t time, struct bytes content, log_watch_release find, void *arg, struct err *err);
/* One that the verifier did not open, or opened to something else. */
must_use bool log_watch_closed(struct log_watch *watch, uint64_t index, const char *type,
	int64_t time, const char *why, struct err *err);
/* Takes the warnings back that are explained by what retention destroyed: never what is younger than
 * the shortest time that a policy can say. Returns how many. */
size_t log_watch_settle(struct log_watch *watch);
const struct log_watch_warning *log_watch_warnings(
	const struct log_watch *watch, size_t *ret_count);

#endif
