/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Host classes: what a machine's boot and its IMA log must show. A class belongs to no list of
 * hosts: a host is of the class that its evidence satisfies, and a risk class names those that it
 * accepts. docs/formats/policy.md lists the keys.
 *
 * Large reference material (event logs, baselines, CoRIMs, manifests) stands outside the policy
 * file, which names it by SHA-256; it is parsed once, when it is attached.
 */
#ifndef ASSAY_POLICY_HOST_CLASS_H
#define ASSAY_POLICY_HOST_CLASS_H

#include "firmware/baseline.h"
#include "firmware/corim.h"
#include "firmware/ima_rules.h"

enum assurance {
	ASSURANCE_NONE = 0,
	ASSURANCE_REPORTED = 1, /* what hostd says, hostd itself unproven */
	ASSURANCE_BOOTED = 2, /* firmware, boot loader, kernel and command line appraised */
	ASSURANCE_MEASURED =
		3 /* besides, IMA shows hostd and everything else that ran to be approved */
};
const char *assurance_name(enum assurance assurance);

#define HOST_CLASSES_MAX    16u
#define HOST_REFERENCES_MAX 16u
#define HOST_LIST_MAX       IMA_WANTED_MAX
#define REFERENCE_MAX       (16u << 20)

/* Where loaders measure kernel command lines: GRUB, systemd. */
#define COMMAND_LINE_PCRS (1u << 8 | 1u << 12)

enum reference_kind {
	REFERENCE_NONE = 0,
	REFERENCE_GOLDEN_LOG = 1, /* a TCG event log */
	REFERENCE_BASELINE = 2, /* what `assay firmware learn` writes, approved by a person */
	REFERENCE_CORIM = 3, /* reference values of PCRs */
	REFERENCE_IMA_RULES = 4, /* what may stand in the IMA log (docs/formats/ima.md) */
};
struct host_reference {
	enum reference_kind kind;
	uint8_t digest[SHA256_LEN];
	int64_t until; /* accepted up to this time; 0: no end */
	struct key *key; /* CoRIM: its signer; NULL: an unsigned one */
	/* Set once attached; which one, the kind says. */
	bool attached;
	struct baseline *baseline;
	struct corim *corim;
	struct ima_rules *rules;
};
enum secure_boot_rule {
	SECURE_BOOT_REQUIRED = 0, /* on, and shown to have verified what was booted */
	SECURE_BOOT_ANY = 1
};
enum lockdown_rule {
	LOCKDOWN_NONE = 0, /* kexec and modules are not judged: `measured` is out of reach */
	LOCKDOWN_COMMAND_LINE = 1, /* the command line says lockdown=integrity or confidentiality */
	LOCKDOWN_SECURE_BOOT = 2, /* this policy's word: its reference kernels lock down under
				     Secure Boot */
};
struct host_command_line {
	size_t allow_count, require_count, forbid_count;
	char *allow[HOST_LIST_MAX]; /* globs of whole lines; none: any line */
	char *require[HOST_LIST_MAX]; /* words that must stand in it */
	char *forbid[HOST_LIST_MAX]; /* globs of words that may not */
};
struct host_ima {
	bool judged;
	enum lockdown_rule lockdown;
	size_t key_count;
	struct ima_key keys[HOST_LIST_MAX]; /* signers of files; names and keys owned */
	size_t hostd_count;
	struct ima_wanted hostd[HOST_LIST_MAX]; /* builds of assay-hostd, as IMA names them; one of
						 * them must have been measured; paths owned */
};
struct host_class {
	char *name;
	enum secure_boot_rule secure_boot;
	size_t authority_count;
	uint8_t authorities[HOST_LIST_MAX][SHA256_LEN]; /* SHA-256 of the DER certificates that may
							 * verify boot images; none: whatever db holds */
	uint32_t may_vary; /* PCRs not held against a reference, as a mask */
	uint64_t dbx_minimum; /* entries in dbx; 0: not judged */
	struct host_command_line command_line;
	struct host_ima ima;
	size_t reference_count;
	struct host_reference references[HOST_REFERENCES_MAX];
	enum assurance ceiling; /* the most that this class can show, given what it leaves open */
};

#endif
