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

#define INSTANCE_HEX  (2 * INSTANCE_ID_LEN + 1)
#define INSTANCES_MAX 1024u
/* So many of them for one ordinary user, and so many that only root and hostd's own user may have. */
#define INSTANCES_OF_USER 256u
#define INSTANCE_REASON   256u

struct hostd;
struct instances;

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

/* What is done to the process beside its credentials. */
enum instance_hold {
	HOLD_NONE = 0,
	HOLD_FROZEN,
	HOLD_STOPPING, /* told to end; killed when it does not */
	INSTANCE_HOLDS
};
const char *instance_hold_name(enum instance_hold hold); /* "", "frozen", "stopping" */

/* A file of the host's that was measured. The agent maps it from the host's own disk (not pinned), or runs a copy of it. */
struct instance_file {
	char *path;
	bool copied;
	dev_t device;
	ino_t inode;
	uint64_t size;
	struct timespec modified, changed;
};

/* How a process is known again, within one boot. */
struct instance_process {
	uint64_t started; /* field 22 of /proc/PID/stat: clock ticks since boot */
	uint64_t pidfd; /* inode of a pidfd of it: its own since Linux 6.9 */
	uint64_t device, inode, size; /* of the sealed copy that it executes */
	uint8_t digest[SHA256_LEN]; /* of that copy's bytes */
	unsigned sandbox; /* as its launch record says */
	uint64_t
		records; /* so many had the runtime log when it was launched: its launch is among them */
};

/* A file changed below it: the verifier is to hear of it. */
enum instance_drift {
	DRIFT_NONE = 0,
	DRIFT_TO_TELL,
	DRIFT_RECORDED, /* in the runtime log */
	DRIFT_STATES
};

struct instance {
	uint8_t id[INSTANCE_ID_LEN];
	char hex[INSTANCE_HEX];
	const struct clock *clock;
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
	struct instance_process process;
	char *cgroup; /* a directory of its own, which is removed with it; NULL: none could be made, or it has
			 ended. Once the instance is in the table, under `mutex` */

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
	unsigned retry_after; /* seconds that the verifier asked to wait; 0: it did not */
	struct buf challenge; /* for the next renewal; empty: to be asked for */
	int64_t challenge_expires;
	uint64_t runtime_first;
	bool ima_wanted; /* by the verifier, from entry ima_first on */
	uint64_t ima_first;

	bool report_end; /* the verifier wants to be told when it has ended */

	uint64_t lease_at; /* monotonic milliseconds: it may run until then without being renewed */
	enum end_action on_lease_end, on_refusal; /* as the verifier said last */
	enum instance_hold hold;
	uint64_t kill_at; /* monotonic milliseconds; 0: it is not being stopped */
	enum instance_drift drift;
	bool original_differs; /* a file that it runs a copy of is another one now */

	struct instance *next;
	unsigned references;
};
/* One with nothing in it, not even an id; by the machine's clock. */
must_use bool instance_blank(struct instance **ret, struct err *err);
/* A new one with a random id; STARTING. */
must_use bool instance_new(const char *workload, struct instance **ret, struct err *err);
void instance_unref(struct instance **instance); /* cleanup; under no lock */
/* A software key (P-256), or one in the TPM. */
must_use bool instance_make_key(
	struct instance *instance, struct tpm *tpm, bool in_tpm, struct err *err);
enum key_protection instance_protection(const struct instance *instance);
bool instance_alive(const struct instance *instance);
/* Whether the file is not the one that was measured, as far as its inode tells. */
bool instance_file_changed(const struct instance_file *file);
/* ERR_CONFLICT naming the first file that is not pinned and not as it was measured. */
must_use bool instance_files_unchanged(const struct instance *instance, struct err *err);

/* ---- the process: instance_hold.c ---- */

/* Puts the process into a cgroup of its own below the one it is in, where this host and hostd's rights allow it; all that it
 * starts from then on is in there too. Elsewhere only the process itself can be frozen and killed. */
void instance_cgroup_make(struct instance *instance);
/* Whether the process is in the cgroup that was made for it. */
bool instance_cgroup_holds(const struct instance *instance);
/* NULL: its directory is gone. Else something in there keeps it: its path, which the caller frees. */
must_use char *instance_cgroup_remove(struct instance *instance);
/* SIGKILL to everything that is in its cgroup; waits a moment for it to be gone. */
void instance_cgroup_empty(const struct instance *instance);
/* The instance is, or is no more, allowed to run: the cgroup's freezer, and SIGSTOP and SIGCONT to its process where that is in
 * no cgroup of its own. */
must_use bool instance_freeze(const struct instance *instance, bool frozen, struct err *err);
must_use bool instance_signal(const struct instance *instance, int signal, struct err *err);
/* SIGKILL to everything in its cgroup, or to its process. */
must_use bool instance_kill(const struct instance *instance, struct err *err);
/* Field 22 of /proc/PID/stat. */
must_use bool process_started(pid_t pid, uint64_t *ret, struct err *err);
must_use bool process_started_of(struct bytes stat, uint64_t *ret, struct err *err);
/* "0::/…" of /proc/PID/cgroup; false when there is none, or it leads out of what is seen here. */
bool cgroup_path_of(struct bytes text, struct bytes *ret);
/* Where cgroup2 is mounted, out of /proc/self/mountinfo. */
bool cgroup_mount_of(struct bytes mountinfo, struct bytes *ret);

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
/* At start, before the socket: run_dir and the directory of credentials in it, made where they are missing. Refused where
 * they belong to somebody else, or others may write in them. */
must_use bool credentials_prepare(const char *run_dir, struct err *err);
/* At start: what instances that nobody watches any more left behind. Those of the table are kept. */
must_use bool credentials_clean(const char *run_dir, struct instances *keep, struct err *err);
/* The directory of an instance of an earlier hostd, if it is still the same one. */
must_use bool credentials_reopen(
	struct instance *instance, uint64_t device, uint64_t inode, struct err *err);
/* The key that lies there, if it is the one with this key_id. */
must_use bool credentials_key(const struct instance *instance, const uint8_t id[SHA256_LEN],
	struct key **ret, struct err *err);

/* ---- all instances ---- */

/* Starts the two threads that watch and renew. */
must_use bool instances_start(struct hostd *hostd, struct instances **ret, struct err *err);
/* Ends the threads. Agents go on; their credentials stay until they expire. */
void instances_stop(struct instances **instances);
/* Room for one more, taken before anything is measured. */
struct instance_place {
	uid_t uid; /* whom it will run as */
	bool bounded; /* an ordinary user asks */
	bool held;
	struct instance_place *next;
};
/* ERR_LIMIT when there is none: for him, or at all. What runs and what is being launched counts. */
must_use bool instances_reserve(
	struct instances *instances, struct instance_place *place, struct err *err);
void instances_give_back(struct instances *instances, struct instance_place *place);
/* Takes a reference: watched and renewed from now on, in its place. ERR_LIMIT when there is none for it (NULL) and INSTANCES_MAX
 * are there. */
must_use bool instances_add(struct instances *instances, struct instance *instance,
	struct instance_place *place, struct err *err);
/* Takes a reference to one that has ended and is not in the table: the renewing thread reports its end. */
void instances_report_end(struct instances *instances, struct instance *instance);
/* Takes the path of a cgroup's directory (NULL: nothing), and removes it once nothing is in there. */
void instances_cgroup_left(struct instances *instances, char *path);
/* Finds by hex id; the caller unrefs. NULL when there is none. */
struct instance *instances_find(struct instances *instances, const char *hex);
/* [{"instance","workload","pid","uid","state",…}]; those of one user only, unless all. As many as have room in an answer, after
 * the first `from`; *ret_more: there are others. NULL: no memory. */
json_t *instances_json(
	struct instances *instances, bool all, uid_t uid, size_t from, bool *ret_more);

/* ---- for instance*.c ---- */

/* One renewal now; sets state, files and the time of the next. */
void instance_renew(struct hostd *hostd, struct instance *instance);
/* Takes over what a trusted answer says beside the credentials: how long, what then, whether its end is of interest. */
void instance_take_terms(struct instance *instance, const struct attest_result *result);
/* The end of the credential and that of the lease come when they come, not at the next renewal or the next try. */
void instance_not_beyond(struct instance *instance);
/* At a time chosen evenly from now to so many milliseconds from now. */
must_use bool instance_schedule_within(
	struct instance *instance, uint64_t within_ms, struct err *err);
/* When the next renewal is due, seconds from now with ±10 % of jitter. */
must_use bool instance_schedule(struct instance *instance, int64_t after_seconds, struct err *err);
/* Evidence once more of an instance that has ended: the verifier reads how out of its log, and which file changed before, if it
 * has not heard of that. Tried once;
 * the host's next evidence says the same. What is saved of it goes. */
void instance_report_end(struct hostd *hostd, struct instance *instance);
/* What the policy says is to become of an instance that is trusted no longer. */
void instance_hold_as(
	struct hostd *hostd, struct instance *instance, enum end_action action, const char *reason);
/* Of instances that are being stopped: the time is over. */
void instance_end_grace(struct hostd *hostd, struct instance *instance);
/* For good: what it holds goes, nothing is asked again, and its process is held as `action` says, or if that is
 * END_CONTINUE as the verifier said last for a refusal. */
void instance_distrust(
	struct hostd *hostd, struct instance *instance, enum end_action action, const char *reason);

/* The same because of a file, of which the verifier is told: with the next turn of the renewing thread. */
void instance_distrust_file(struct hostd *hostd, struct instance *instance, const char *reason);
void instance_report_drift(struct hostd *hostd, struct instance *instance);
/* Where it is not there yet, into the runtime log; true when it is. */
bool instance_record_drift(struct hostd *hostd, const struct instance *instance, struct err *err);
/* Evidence for a renewal, over a fresh challenge where the verifier wants another. False: no answer. */
must_use bool instance_attest(struct hostd *hostd, struct instance *instance, struct buf *answer,
	struct attest_result *ret, struct err *err);
/* The next try after one without an answer; under the lock. */
void instance_back_off(struct instance *instance, uint64_t now);

/* Files: instance_drift.c. */
struct drift;
void instance_watch_files(struct hostd *hostd, struct drift *drift, struct instance *instance);
/* Looks at its files now: one that is not pinned and changed is the end of its trust. */
void instance_look(struct hostd *hostd, struct drift *drift, struct instance *instance);
/* Anything may have changed: looks, and attests anew. */
void instance_events_lost(struct hostd *hostd, struct drift *drift, struct instance *instance);
/* The next renewal not later than that, if there is to be one. */
void instance_ask_soon(struct instance *instance, uint64_t within_ms);
/* Exit: recorded, extended, credentials removed. What is saved of it stays. */
void instance_end(struct hostd *hostd, struct instance *instance);

#endif
