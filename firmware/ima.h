/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The IMA measurement list of Linux: the binary log read entry by entry, its template digests
 * recomputed, the list replayed onto quoted PCRs, and the state that lets a renewal go on where the
 * last one ended. What an entry is worth is judged in ima_rules.h; docs/formats/ima.md tells the
 * format and what no digest covers.
 *
 * Layout of an entry (securityfs ima/binary_runtime_measurements of a little-endian machine):
 *
 *   u32 pcr | template digest (20 bytes; in the lists by algorithm, as of Linux 6.10, 32, 48 or 64)
 *   | u32 name length, template name | u32 data length, template data
 *
 * and the data is a run of fields, each a u32 length and its bytes. The template "ima" has no data
 * length, no length before its digest, and a path without NUL.
 */
#ifndef ASSAY_FIRMWARE_IMA_H
#define ASSAY_FIRMWARE_IMA_H

#include "crypto/digest.h"

#include <assert.h>

#define IMA_PCR          10 /* where the kernel measures unless a rule says otherwise */
#define IMA_PCRS         24
#define IMA_ENTRIES_MAX  (1u << 24)
#define IMA_NAME_MAX     255 /* template name */
#define IMA_DATA_MAX     (1u << 20) /* template data */
#define IMA_FIELDS_MAX   16
#define IMA_PATH_MAX     4096
#define IMA_OLD_PATH_MAX 255 /* in the template "ima", whose digest covers 256 bytes of it */
#define IMA_ALG_NAME_MAX 32

/* Fields by which templates are made (Linux security/integrity/ima/ima_template.c). */
enum ima_field {
	IMA_FIELD_D = 0, /* "d": SHA-1 or MD5 of the content, 20 bytes */
	IMA_FIELD_N, /* "n": path */
	IMA_FIELD_D_NG, /* "d-ng": algorithm ':' NUL digest */
	IMA_FIELD_D_NGV2, /* "d-ngv2": "ima" or "verity" ':' algorithm ':' NUL digest */
	IMA_FIELD_N_NG, /* "n-ng": path NUL */
	IMA_FIELD_SIG, /* "sig": the content of security.ima when it is a signature */
	IMA_FIELD_BUF, /* "buf": the measured buffer itself */
	IMA_FIELD_D_MODSIG, /* "d-modsig": digest without the appended signature */
	IMA_FIELD_MODSIG, /* "modsig": the appended signature, PKCS#7 */
	IMA_FIELD_EVMSIG, /* "evmsig": portable EVM signature */
	IMA_FIELD_XATTRNAMES,
	IMA_FIELD_XATTRLENGTHS,
	IMA_FIELD_XATTRVALUES,
	IMA_FIELD_IUID,
	IMA_FIELD_IGID,
	IMA_FIELD_IMODE,
	IMA_FIELD_COUNT
};

/* What a file digest is over. */
enum ima_digest_type {
	IMA_DIGEST_NONE = 0, /* the template has no digest */
	IMA_DIGEST_FILE, /* the content */
	IMA_DIGEST_VERITY, /* the fs-verity descriptor */
};

/* One entry. Everything borrows from the log. */
struct ima_entry {
	uint64_t number; /* from 0, over the whole boot */
	size_t offset, len; /* of the entry in the bytes given */
	uint32_t pcr; /* 0..23 */
	bool violation; /* the template digest is zero: nothing below is covered by a digest */
	bool old; /* template "ima" */
	struct bytes name; /* of the template: "ima-sig", or a field list "d-ng|n-ng|sig" */
	struct bytes template_digest; /* as logged */
	struct bytes data; /* template data; of the template "ima" from its digest on */
	uint32_t fields; /* bit 1 << enum ima_field of those that the template has */
	struct bytes field[IMA_FIELD_COUNT]; /* their raw bytes */
	enum ima_digest_type digest_type;
	struct bytes digest_alg; /* "sha256": a name of the kernel's hash_algo_name */
	enum digest_alg alg; /* the same; DIGEST_NONE for one that is known and not ours (sm3) */
	struct bytes digest; /* as wide as its algorithm */
	struct bytes modsig_digest; /* without the appended signature; empty where there is none */
	enum digest_alg modsig_alg;
	struct bytes path; /* or the name of a buffer; any bytes but NUL: escape before showing */
};

/* A cursor over a log. */
struct ima_log {
	struct bytes in;
	enum digest_alg alg; /* of the template digests: as wide as that */
	uint64_t next; /* number of the entry at `at` */
	size_t at;
	struct bytes name; /* the last template seen and its fields, to look it up once */
	uint8_t field[IMA_FIELDS_MAX];
	size_t field_count;
};

/* Opens a log whose first entry is number `first`. alg: of the template digests, DIGEST_SHA1 for the
 * list that every kernel has; DIGEST_NONE: found out from the first entry, SHA-1 first. ERR_FORMAT
 * when no width gives a known template. An empty log is one without entries, of SHA-1. The bytes
 * must outlive the cursor and what is read from it. */
must_use bool ima_log_open(
	struct bytes in, enum digest_alg alg, uint64_t first, struct ima_log *ret, struct err *err);
/* Nothing is left. */
bool ima_log_end(const struct ima_log *log);
/* Reads the next entry exactly. ERR_FORMAT, ERR_LIMIT or, for a template, field or hash algorithm
 * that is not known, ERR_UNSUPPORTED: "entry 7: template \"x\" is not known". The template digest is
 * not checked here. On failure *ret holds nothing of use. */
must_use bool ima_log_next(struct ima_log *log, struct ima_entry *ret, struct err *err);
/* Length of the whole entries in front, when fewer bytes follow than an entry begins with: a list
 * that was read while it grew. Otherwise the length of the input, so that the fault is named. */
size_t ima_log_whole(struct bytes in, enum digest_alg alg);
/* Name of a field, "d-ng". */
const char *ima_field_name(enum ima_field field);

/* Digest of the template data in an algorithm: what the kernel extends in that bank (Linux 5.8 on).
 */
must_use bool ima_template_digest(
	const struct ima_entry *entry, enum digest_alg alg, struct digest *ret, struct err *err);
/* ERR_MISMATCH "entry 7: template digest does not match the template data" unless it is the digest
 * of the data, or the entry is a violation. */
must_use bool ima_entry_check(
	const struct ima_entry *entry, enum digest_alg log_alg, struct err *err);

/* What is extended in a bank. */
enum ima_extend {
	IMA_EXTEND_UNKNOWN = 0,
	IMA_EXTEND_OWN, /* the bank's own digest of the data; violations: all ones */
	/* SHA-1 of the data and zeros: a kernel without the bank's algorithm; violations: all ones.
	 * Only as strong as SHA-1. */
	IMA_EXTEND_PADDED,
	IMA_EXTEND_PADDED_OLD, /* the same before Linux 5.8; violations: 20 ones and zeros */
	IMA_EXTENDS
};
const char *ima_extend_name(enum ima_extend extend); /* "own", "padded", "padded-old" */

/* ---- Replay of a whole log ---- */

struct ima_pcrs {
	enum digest_alg bank;
	uint32_t used; /* bit per PCR that the log extends */
	uint8_t value[IMA_PCRS][DIGEST_LEN_MAX]; /* from zero; as wide as the bank */
	uint64_t entries, violations;
};
/* Walks a log that starts with entry 0, checks every template digest and extends from zero. */
must_use bool ima_replay(struct bytes log, enum digest_alg log_alg, enum digest_alg bank,
	enum ima_extend extend, struct ima_pcrs *ret, struct err *err);

/* ---- Incremental replay onto quoted values ---- */

#define IMA_TRACKED 2

/* What is kept of a host between renewals of one boot: fixed size, copied by value. Zeroed: nothing
 * known, and ima_advance refuses it. Valid for one boot only; the caller binds it to resetCount and
 * boot id. The lower half is kept by ima_rules.h. */
struct ima_state {
	uint64_t next; /* entries attested so far, which is the number of the next */
	uint16_t bank; /* enum digest_alg */
	uint16_t log_alg; /* enum digest_alg */
	uint8_t extend; /* enum ima_extend, unknown until entries were attested */
	uint8_t tracked; /* PCRs below that are in use */
	uint8_t pcr[IMA_TRACKED];
	uint8_t value[IMA_TRACKED][DIGEST_LEN_MAX]; /* running values */
	uint64_t seen; /* wanted files that were seen, bit per index */
	uint32_t violations, modules, modules_unsigned;
	uint32_t flags; /* IMA_FACT_* */
};
static_assert(sizeof(struct ima_state) <= 200, "the state of a host stays small");

/* A state before the first entry of a boot: PCR 10 at zero. log_alg as for ima_log_open, but not
 * DIGEST_NONE. ERR_UNSUPPORTED for a bank that is not SHA-256, SHA-384 or SHA-512. */
must_use bool ima_state_start(
	struct ima_state *ret, enum digest_alg bank, enum digest_alg log_alg, struct err *err);
/* Tracks one more PCR, from a start value as wide as the bank (what firmware and boot loader left in
 * it). Only before the first entry. */
must_use bool ima_state_track(
	struct ima_state *state, uint32_t pcr, struct bytes start, struct err *err);
/* Fixed encoding of the state, and back; ERR_FORMAT for what is no state. */
#define IMA_STATE_LEN 168
must_use bool ima_state_encode(const struct ima_state *state, struct buf *out, struct err *err);
must_use bool ima_state_decode(struct bytes in, struct ima_state *ret, struct err *err);

struct ima_advance {
	bool matched; /* false: no prefix of the log gives the quoted values; all else is zero but
			 `waiting` */
	uint64_t first, attested; /* entries first .. first+attested-1 were attested by the quote */
	size_t attested_len; /* bytes of the log that they take */
	uint64_t waiting; /* entries behind them, not attested yet */
	uint64_t violations; /* among the attested */
	enum ima_extend extend; /* as in the state */
};
/*
 * The longest prefix of the log whose replay from the state gives the quoted values. `first` is the
 * number of the entry that the log begins with and must be state->next: ERR_MISMATCH otherwise, for
 * a log with a hole in it proves nothing. quoted[i] is the value of state->pcr[i], as wide as the
 * bank. Entries of PCRs that are not tracked are counted in but attested by nothing: ima_rules.h
 * reports them. padded allows the banks filled with SHA-1.
 *
 * Template digests of the attested entries are checked (ERR_MISMATCH with the entry's number); the
 * entries that wait are read to their end but not checked, as nothing vouches for them yet. A log
 * that does not match is a result, not an error. *ret_state is written on a match only. No
 * allocation, whatever the length.
 */
must_use bool ima_advance(const struct ima_state *state, struct bytes log, uint64_t first,
	const struct bytes quoted[IMA_TRACKED], bool padded, struct ima_state *ret_state,
	struct ima_advance *ret, struct err *err);

/* ---- boot_aggregate ---- */

enum ima_boot {
	IMA_BOOT_ABSENT = 0, /* the entry is no boot_aggregate */
	IMA_BOOT_UNKNOWN_BANK, /* it is over a bank that was not quoted: not checked */
	IMA_BOOT_NO_PCRS, /* PCRs that it may cover were not quoted: not checked */
	IMA_BOOT_MISMATCH,
	IMA_BOOT_NO_TPM, /* zeros: the kernel had no TPM when IMA started */
	IMA_BOOT_MATCH_0_7, /* Linux before 5.8, and SHA-1 ever since */
	IMA_BOOT_MATCH_0_9,
};
/* Compares entry 0 with the hash over quoted PCRs 0..7 or 0..9 of one bank, in index order.
 * values[i] is PCR i, empty where it was not quoted. */
must_use bool ima_boot_check(const struct ima_entry *entry, enum digest_alg bank,
	const struct bytes values[10], enum ima_boot *ret, struct err *err);
const char *ima_boot_name(enum ima_boot boot); /* "match-0-9" */
/* The entry is named boot_aggregate. */
bool ima_entry_is_boot_aggregate(const struct ima_entry *entry);

/* ---- For people ---- */

/* One line, escaped, without a newline: number, PCR, template, digest, path, what else it has.
 * Appended. */
void ima_entry_text(const struct ima_entry *entry, struct buf *out);

#endif
