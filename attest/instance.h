/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Instances: agents that run with credentials. Each is watched through a pidfd, its exit is recorded and extended, its
 * credential is renewed by attesting again, and taken away when that is refused.
 */
#ifndef ASSAY_ATTEST_INSTANCE_H
#define ASSAY_ATTEST_INSTANCE_H

#include "attest/tpm.h"
#include "base/json.h"
#include "evidence/evidence.h"

#include <pthread.h>
#include <sys/types.h>

#define INSTANCE_HEX    (2 * INSTANCE_ID_LEN + 1)
#define INSTANCES_MAX   1024u
#define INSTANCE_REASON 256u

struct hostd;

enum instance_state {
	INSTANCE_STARTING = 0,
	INSTANCE_TRUSTED, /* holds a credential that the verifier renewed when it was due */
	INSTANCE_UNREACHABLE, /* could not be renewed; what it holds is still valid */
	INSTANCE_STALE, /* could not be renewed until it expired: taken away */
	INSTANCE_UNTRUSTED, /* the verifier, or this host, refused it: taken away, for good */
	INSTANCE_ENDED,
	INSTANCE_STATES
};
const char *instance_state_name(enum instance_state state); /* "trusted" */

/* A file that the agent maps from the host's own disk: measured, not pinned. */
struct instance_file {
	char *path;
	dev_t device;
	ino_t inode;
	uint64_t size;
	struct timespec modified, changed;
};

struct instance {
	uint8_t id[INSTANCE_ID_LEN];
	char hex[INSTANCE_HEX];
	char *workload;
	uint8_t release[SHA256_LEN];
	bool want_x509;
	size_t audience_count;
	char *audiences[AUDIENCES_MAX];

	struct key *key; /* KEY_SOFTWARE */
	struct tpm_key tpm_key; /* KEY_TPM when its public area is not empty */

	pid_t pid;
	int pidfd;
	uid_t uid;
	gid_t gid;

	int directory; /* where the credentials lie */
	char *directory_path;
	bool own_directory; /* made by hostd and removed with the instance */

	size_t file_count;
	struct instance_file *files;

	/* What follows changes while the instance runs, under `mutex`. */
	pthread_mutex_t mutex;
	enum instance_state state;
	char reason[INSTANCE_REASON]; /* of the last failure, escaped */
	char record[2 * SHA256_LEN + 1];
	int64_t expires; /* of the credential, wall clock; 0: none */
	uint64_t renew_at; /* monotonic milliseconds; 0: never again */
	unsigned failures; /* in a row */
	struct buf challenge; /* for the next renewal; empty: to be asked for */
	int64_t challenge_expires;
	uint64_t runtime_first;
	bool ima_wanted; /* by the verifier, from entry ima_first on */
	uint64_t ima_first;

	bool report_end; /* the verifier wants to be told when it has ended */

	struct instance *next;
	unsigned references;
};
/* A new one with a random id; STARTING. */
must_use bool instance_new(const char *workload, struct instance **ret, struct err *err);
void instance_unref(struct instance **instance); /* cleanup; under no lock */
/* A software key (P-256), or one in the TPM. */
must_use bool instance_make_key(
	struct instance *instance, struct tpm *tpm, bool in_tpm, struct err *err);
enum key_protection instance_protection(const struct instance *instance);
bool instance_alive(const struct instance *instance);
/* ERR_CONFLICT naming the first file that is not as it was measured. */
must_use bool instance_files_unchanged(const struct instance *instance, struct err *err);

/* ---- credentials as files: svid.pem, key.pem, bundle.pem, jwt-N.token; 0600, the agent's user's ---- */

/* run_dir/instances/<hex>, 0700, the agent's user's. */
must_use bool credentials_directory(
	struct instance *instance, const char *run_dir, struct err *err);
/* ERR_DENIED unless the directory belongs to the caller (any, for root) and nobody else may write it. */
must_use bool credentials_directory_given(
	struct instance *instance, int fd, const char *path, uid_t caller, struct err *err);
/* Replaces each file atomically. The certificate must be for the instance's key. */
must_use bool credentials_write(
	const struct instance *instance, const struct attest_result *result, struct err *err);
void credentials_remove(const struct instance *instance);
/* Removes hostd's own directory of it; a given one is left as it is. */
void credentials_release(struct instance *instance);
/* At start: what instances of an earlier hostd, which nobody watches any more, left behind. */
must_use bool credentials_clean(const char *run_dir, struct err *err);

/* ---- all instances ---- */

struct instances;
/* Starts the two threads that watch and renew. */
must_use bool instances_start(struct hostd *hostd, struct instances **ret, struct err *err);
/* Ends the threads. Agents go on; their credentials stay until they expire. */
void instances_stop(struct instances **instances);
/* Takes a reference: watched and renewed from now on. ERR_LIMIT when there are INSTANCES_MAX. */
must_use bool instances_add(
	struct instances *instances, struct instance *instance, struct err *err);
/* Finds by hex id; the caller unrefs. NULL when there is none. */
struct instance *instances_find(struct instances *instances, const char *hex);
/* [{"instance","workload","pid","uid","state",…}]; those of one user only, unless all. NULL: no memory. */
json_t *instances_json(struct instances *instances, bool all, uid_t uid);

/* ---- for instance*.c ---- */

/* One renewal now; sets state, files and the time of the next. */
void instance_renew(struct hostd *hostd, struct instance *instance);
/* When the next renewal is due, seconds from now with ±10 % of jitter. */
must_use bool instance_schedule(struct instance *instance, int64_t after_seconds, struct err *err);
/* Evidence once more of an instance that has ended: the verifier reads how out of its log. Tried once;
 * the host's next evidence says the same. */
void instance_report_end(struct hostd *hostd, struct instance *instance);
/* Exit: recorded, extended, credentials removed. */
void instance_end(struct hostd *hostd, struct instance *instance);

#endif
