/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What hostd keeps of a running instance across its own restart: state_dir/instances/HEX, 0600, one deterministic CBOR map.
 * It says which process the instance is, and holds no private key: the public one's digest, or the TPM's encrypted blob.
 *
 *   1 format, 1          2 boot id, 16 bytes    3 instance, 16 bytes   4 workload             5 release, 32 bytes
 *   6 wants X.509        7 audiences            8 key: 32 bytes, or [public, private, parent]
 *   9 process: [pid, started, pidfd inode, uid, gid, sandbox, records]
 *   10 executable: [device, inode, size, digest]                       11 credentials: [path, own, device, inode]
 *   12 cgroup (empty: none)                     13 files: one byte string each
 *   14 trust: [state, hold, reason, record, expires, lease_at, on_lease_end, on_refusal, report_end, original_differs]
 *      and, where the verifier is still to be told of a file that changed, [… drift]: 1 not recorded yet, 2 in the runtime log
 *
 * A file: copied u8 | device, inode, size, modified s, ns, changed s, ns: u64 each, big-endian | path.
 */
#ifndef ASSAY_ATTEST_INSTANCE_SAVED_H
#define ASSAY_ATTEST_INSTANCE_SAVED_H

#include "attest/instance.h"

#define INSTANCE_SAVED_MAX     (24u << 20)
#define INSTANCE_FILES_MAX     8192u /* more than one launch can have */
#define INSTANCE_ORIGINALS_MAX 1024u /* of copies; more are not watched */

struct instance_saved {
	uint8_t boot_id[16];
	uint8_t key_id[SHA256_LEN]; /* of a key in software */
	uint64_t directory_device, directory_inode;
	struct instance *instance; /* pidfd and directory are -1; key is NULL */
};
void instance_saved_release(struct instance_saved *saved); /* cleanup */

/* Under the instance's mutex, or where nobody else has it. */
must_use bool instance_saved_encode(
	const struct instance_saved *saved, struct buf *out, struct err *err);
/* At most INSTANCE_SAVED_MAX bytes; ERR_FORMAT with the field. */
must_use bool instance_saved_decode(struct bytes in, struct instance_saved *ret, struct err *err);

/* ---- the files: instance_store.c ---- */

/* Durably. An instance that has ended is not saved again. */
must_use bool instance_save(struct hostd *hostd, struct instance *instance, struct err *err);
/* The same, and a failure goes to the log: what is lost with it is the adoption. */
void instance_save_or_tell(struct hostd *hostd, struct instance *instance);
void instance_forget(struct hostd *hostd, const struct instance *instance);
/* Takes over what an earlier hostd of this boot was watching, each if it is provably the same process, and records the end of
 * all others; drops what earlier boots left. */
must_use bool instances_adopt(struct hostd *hostd, struct err *err);
/* ERR_MISMATCH with the reason unless the process with the saved number is the very one that was launched. Fills pidfd. */
must_use bool instance_prove(struct instance *instance, struct err *err);
/* Notes by what the process is known again. `executable`: the sealed copy. */
must_use bool instance_know(struct instance *instance, int executable, struct err *err);

#endif
