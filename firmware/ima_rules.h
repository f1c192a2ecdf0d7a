/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What may stand in an IMA measurement list, and the judgement of a list against it. Rules are a text
 * of lines, described in docs/formats/ima.md; the output of sha256sum and of `assay measure` is one.
 * A file is allowed by its path and digest together, never by one of them.
 */
#ifndef ASSAY_FIRMWARE_IMA_RULES_H
#define ASSAY_FIRMWARE_IMA_RULES_H

#include "firmware/ima_signature.h"

#define IMA_RULES_TEXT_MAX  (256u << 20)
#define IMA_RULES_FILES_MAX (1u << 21)
#define IMA_RULES_GLOBS_MAX 1024
#define IMA_FINDINGS_MAX    32 /* told one by one */
#define IMA_FINDINGS_COUNT  1000 /* counted: no entry is judged after so many */
#define IMA_NEAREST_MAX     3
#define IMA_WANTED_MAX      64

struct ima_rules; /* opaque, immutable once made; safe to share between threads */

/* ERR_CONFIG with the line's number, ERR_LIMIT above the limits. Copies what it needs. */
must_use bool ima_rules_parse(struct bytes text, struct ima_rules **ret, struct err *err);
void ima_rules_free(struct ima_rules **rules); /* cleanup; NULL is fine */
/* Files that the rules allow by path and digest. */
size_t ima_rules_file_count(const struct ima_rules *rules);

enum ima_finding_kind {
	IMA_FINDING_NONE = 0,
	IMA_UNKNOWN_FILE, /* no rule knows the path */
	IMA_OTHER_DIGEST, /* the rules know the path with another digest */
	IMA_WEAK_DIGEST, /* measured by MD5 or SHA-1: no rule can allow it */
	IMA_NO_DIGEST, /* the template has no digest or no path */
	IMA_BAD_SIGNATURE,
	IMA_UNKNOWN_KEY, /* signed, by a key that was not given */
	IMA_VIOLATION, /* changed while it was measured: what ran is not known */
	IMA_POLICY_CHANGED, /* an IMA policy that no rule knows was loaded */
	IMA_UNKNOWN_KEYRING, /* a key was added to a keyring that the rules do not open to it */
	IMA_UNKNOWN_BUFFER, /* kernel data that no rule knows */
	IMA_BUFFER_DIGEST, /* the buffer logged is not the one that was measured */
	IMA_MODULE_UNSIGNED, /* rules want modules signed */
	IMA_KEXEC, /* another kernel was loaded or started */
	IMA_BOOT_AGGREGATE, /* entry 0 does not bind the boot that was quoted */
	IMA_PCR_NOT_QUOTED, /* extended a PCR that no quoted value vouches for */
	IMA_PADDED_BANK, /* the bank holds SHA-1 digests, padded */
	IMA_KERNEL_OLD, /* kernel version below the minimum, or not measured */
	IMA_FINDING_KINDS
};
const char *ima_finding_name(enum ima_finding_kind kind); /* "unknown-file": stable */

/* Borrows from the log and the rules. */
struct ima_finding {
	enum ima_finding_kind kind;
	uint64_t entry;
	struct bytes path; /* or name of a buffer or keyring */
	enum ima_digest_type digest_type;
	struct bytes digest_alg, digest;
	size_t nearest_count; /* digests that the rules know for this path */
	struct bytes nearest[IMA_NEAREST_MAX];
};
struct ima_findings {
	uint64_t total; /* of all kinds; what does not fit the list is counted here only */
	bool cut; /* IMA_FINDINGS_COUNT was reached: later entries were not judged */
	uint64_t by_kind[IMA_FINDING_KINDS];
	size_t count;
	struct ima_finding list[IMA_FINDINGS_MAX];
	uint64_t ignored; /* entries that a rule leaves out: not checked */
};
/* One sentence: "entry 57: /usr/bin/x: no rule knows this file (sha256:…)". Appended, escaped. */
void ima_finding_text(const struct ima_finding *finding, struct buf *out);
/* A line of rules that would allow it, for a person to approve; nothing is appended where no line
 * can. Without a newline. */
void ima_finding_rule(const struct ima_finding *finding, struct buf *out);

/* The same for an entry of a list that a person trusts: its rules are a baseline. Nothing for
 * boot_aggregate, violations, and what no rule can allow. */
void ima_entry_rule(const struct ima_entry *entry, struct buf *out);

/* Facts in the flags of struct ima_state, which outlive the entry that showed them. */
#define IMA_FACT_KEXEC          0x01u /* another kernel was loaded or started */
#define IMA_FACT_POLICY         0x02u /* an IMA policy was loaded at run time */
#define IMA_FACT_KEYRING        0x04u /* a key was added to a keyring */
#define IMA_FACT_BOOT_AGGREGATE 0x08u /* boot_aggregate matched quoted PCRs */
#define IMA_FACT_IGNORED        0x10u /* entries were left out by a rule */
#define IMA_FACT_REFUSED        0x20u /* there were findings */
#define IMA_FACT_KERNEL         0x40u /* the kernel's version was measured and is not below the minimum */

/* A file that a level of assurance wants to have seen, by its path on disk and SHA-256: bit i of
 * state.seen is wanted[i]. The list must be the same for all of a boot. */
struct ima_wanted {
	struct bytes path;
	uint8_t digest[SHA256_LEN];
};

struct ima_input {
	struct bytes log;
	uint64_t first; /* number of the log's first entry */
	struct bytes quoted[IMA_TRACKED]; /* as for ima_advance */
	struct bytes boot[10]; /* quoted PCRs 0..9 of the same bank, empty where not quoted */
	const struct ima_rules *rules;
	const struct ima_key *keys; /* to verify signatures with */
	size_t key_count;
	const struct ima_wanted *wanted;
	size_t wanted_count; /* at most IMA_WANTED_MAX */
};
struct ima_result {
	struct ima_advance advance;
	enum ima_boot boot; /* of this call; IMA_BOOT_ABSENT when entry 0 is not in it */
	struct ima_findings findings; /* about the attested entries */
};
/*
 * The whole of it: advances the state over what the quote attests and judges those entries. Accepted
 * when ret->advance.matched and no finding. Errors as ima_advance. *ret_state is written on a match,
 * whatever the findings (they leave IMA_FACT_REFUSED). No allocation by the number of entries.
 */
must_use bool ima_appraise(const struct ima_state *state, const struct ima_input *input,
	struct ima_state *ret_state, struct ima_result *ret, struct err *err);
/* Judges entries first .. first+count-1 without asking what vouches for them: for a log at rest. Adds
 * to state and *ret. */
must_use bool ima_judge(const struct ima_input *input, uint64_t count, struct ima_state *state,
	struct ima_findings *ret, struct err *err);

/* What an IMA log never shows, one sentence each, for the list of what was not checked. NULL ends it. */
extern const char *const ima_not_measured[];

#endif
