/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The runtime event log: what hostd measured and launched, one record per PCR extend, in the TCG
 * Canonical Event Log's CBOR form: {0: recnum, 1: pcr, 3: [{0: hashAlg, 1: digest}], 9:
 * content_type, 10: content}. content_type is CEL_CONTENT_ASSAY and content a byte string holding
 * one deterministic CBOR event; each digest is H(content bytes), so nothing in a record that is
 * judged is outside its digest. The log on the wire and on disk is the records one behind the other
 * (a CBOR sequence), so it can be appended to and sent from any record on. recnum counts from 0 in
 * one boot's log.
 */
#ifndef ASSAY_EVIDENCE_RUNTIME_LOG_H
#define ASSAY_EVIDENCE_RUNTIME_LOG_H

#include "evidence/tpm.h"

#define RUNTIME_LOG_MAX        (8u << 20)
#define RUNTIME_RECORD_MAX     65536u
#define RUNTIME_COMPONENTS_MAX 256u
#define RUNTIME_ARGUMENTS_MAX  256u
#define INSTANCE_ID_LEN        16
#define COMPONENT_NAME_MAX     64
#define RUNTIME_PATH_MAX       4096
#define RUNTIME_KERNEL_MAX     128
#define RUNTIME_CMDLINE_MAX    4096
#define RUNTIME_KEPT_KEY_MAX   1024 /* a data key wrapped for an EC or RSA key */
#define RUNTIME_KEPT_MAX       16412 /* KEPT_ENVIRONMENT_MAX, nonce and tag */

enum runtime_kind {
	RUNTIME_BASELINE = 1, /* first record of a boot */
	RUNTIME_COMPONENT = 2, /* one component measured */
	RUNTIME_LAUNCH = 3, /* what decides what runs */
	RUNTIME_EXIT = 4, /* an instance ended */
};
/* How the launched agent gets the component's bytes. */
enum component_presence {
	PRESENT_COPY = 1,
	PRESENT_PINNED = 2,
	PRESENT_MEASURED_ONLY = 3,
	PRESENT_SEALED = 4
};
const char *component_presence_name(
	enum component_presence presence); /* "copy", "pinned", "measured-not-pinned", "sealed" */

/* Values: 1 = SHA-256 of the file; 2 = fs-verity SHA-256; 3 = tree (directory) of sha256; 4 = tree
 * of fs-verity; 5 = closure manifest. */
enum component_digest_kind {
	COMPONENT_SHA256 = 1,
	COMPONENT_FSVERITY = 2,
	COMPONENT_TREE_SHA256 = 3,
	COMPONENT_TREE_FSVERITY = 4,
	COMPONENT_CLOSURE = 5
};
const char *component_digest_kind_name(
	enum component_digest_kind kind); /* "sha256", "fs-verity-sha256", "tree-sha256", … */
enum component_digest_kind component_digest_kind_of_name(struct bytes name); /* 0 when unknown */

struct runtime_component {
	uint8_t instance[INSTANCE_ID_LEN];
	struct bytes name, role;
	struct bytes path, canonical_path;
	enum component_digest_kind digest_kind;
	uint8_t digest[SHA256_LEN];
	uint64_t size;
	uint64_t files; /* 1 for a file */
	enum component_presence presence;
};
/* How the agent is confined, in bits: hostd looks at the agent's process before it hands over a
 * credential. */
enum runtime_sandbox {
	SANDBOX_NO_NEW_PRIVS = 1u << 0, /* no execve gives it more rights */
	SANDBOX_NO_CAPABILITIES = 1u << 1, /* every set empty, the bounding set too */
	SANDBOX_NO_NETWORK =
		1u << 2, /* a network namespace with loopback alone; implies the above */
	SANDBOX_READ_ONLY = 1u << 3, /* every mount it sees; implies no capabilities */
	SANDBOX_ALL = (1u << 4) - 1
};
/* A value that is not shown: SHA-256(salt || value); the salt stays with hostd and goes into the
 * evidence's disclosure only. */
struct runtime_launch {
	uint8_t instance[INSTANCE_ID_LEN];
	struct bytes workload;
	uint8_t release[SHA256_LEN]; /* digest of the release statement's payload claimed for it */
	uint8_t spec[SHA256_LEN]; /* SHA-256 of the spec file's bytes */
	size_t component_count;
	uint8_t components[RUNTIME_COMPONENTS_MAX]
			  [SHA256_LEN]; /* SHA-256 of each component record's content, in order */
	size_t argument_count;
	uint8_t arguments[RUNTIME_ARGUMENTS_MAX][SHA256_LEN]; /* salted */
	size_t environment_count;
	/* Encoded, and so decoded, in ascending bytewise order; a name that stands twice is refused. */
	struct bytes environment_names[RUNTIME_ARGUMENTS_MAX];
	uint8_t environment[RUNTIME_ARGUMENTS_MAX][SHA256_LEN]; /* salted */
	struct bytes working_directory;
	uint32_t uid, gid;
	size_t descriptor_count;
	struct bytes descriptors[64]; /* what each inherited descriptor beyond 0..2 is: "argument
					 image" */
	unsigned sandbox; /* enum runtime_sandbox; 0: the record says nothing of it */
	/* As the host's own kernel says, and nobody proves: its release (text) and command line.
	 * kernel empty: the record says nothing of either. */
	struct bytes kernel, kernel_command_line;
	/* The environment's values, for whoever holds a key (evidence/kept_environment.h). */
	bool kept;
	uint8_t kept_for[SHA256_LEN]; /* id of that key; zeros where none are kept */
	struct bytes kept_key, kept_values;
};
struct runtime_baseline {
	uint8_t boot_id[16];
	uint32_t reset_count, restart_count;
	uint16_t bank; /* TPM_ALG_ID */
	struct bytes pcr_before; /* value of the runtime PCR before us */
};
struct runtime_exit {
	uint8_t instance[INSTANCE_ID_LEN];
	bool signaled;
	uint32_t status; /* exit status or signal number, or: */
#define RUNTIME_STATUS_UNKNOWN UINT32_MAX
};
struct runtime_record {
	uint64_t recnum;
	uint32_t pcr;
	struct bytes raw; /* the whole record */
	struct bytes content; /* what the digests cover */
	size_t digest_count;
	struct {
		enum digest_alg alg;
		struct bytes digest;
	} digests[4];
	enum runtime_kind kind;
	int64_t time; /* seconds, as hostd saw it; not trusted */
	struct runtime_baseline baseline;
	struct runtime_component component;
	struct runtime_launch
		*launch; /* only while the callback runs (it is large); NULL for other kinds */
	struct runtime_exit exit;
};

/* One record appended in the given banks; *ret_digests gets the digest per bank, to be extended. */
must_use bool runtime_record_put(struct buf *out, uint64_t recnum, uint32_t pcr,
	const enum digest_alg *banks, size_t bank_count, struct bytes content,
	struct digest *ret_digests, struct err *err);
/* Contents: one deterministic CBOR map each, kind under key 0, time under key 1. */
must_use bool runtime_baseline_encode(
	const struct runtime_baseline *baseline, int64_t time, struct buf *out, struct err *err);
must_use bool runtime_component_encode(
	const struct runtime_component *component, int64_t time, struct buf *out, struct err *err);
must_use bool runtime_launch_encode(
	const struct runtime_launch *launch, int64_t time, struct buf *out, struct err *err);
must_use bool runtime_exit_encode(
	const struct runtime_exit *exit, int64_t time, struct buf *out, struct err *err);

/* Walks a log (a suffix of one): strict, each digest checked against the content, recnum
 * consecutive from first_recnum, pcr equal to `pcr`. Calls visit per record (false stops with the
 * visitor's err). */
typedef bool (*runtime_visit)(void *context, const struct runtime_record *record, struct err *err);
must_use bool runtime_log_walk(struct bytes log, uint64_t first_recnum, uint32_t pcr,
	runtime_visit visit, void *context, struct err *err);
/* Running value of the runtime PCR: extends *value by every record's digest in that bank. */
must_use bool runtime_log_replay(struct bytes log, uint64_t first_recnum, uint32_t pcr,
	enum digest_alg bank, uint8_t *value, uint64_t *ret_next_recnum, struct err *err);
/* Length of the longest whole-record prefix: what a torn tail on disk is cut to. */
size_t runtime_log_whole(struct bytes log);
/* SHA-256(salt || value). */
must_use bool runtime_salted(
	const uint8_t salt[16], struct bytes value, uint8_t out[SHA256_LEN], struct err *err);

#endif
