/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state of Secure Boot, from covered events alone (PFP section 3.3.4.8, PCR 7). What the
 * firmware measured before the separator of PCR 7 counts as its configuration; authorities count
 * only after the configuration. Everything borrows from the log's bytes.
 */
#ifndef ASSAY_FIRMWARE_SECURE_BOOT_H
#define ASSAY_FIRMWARE_SECURE_BOOT_H

#include "firmware/event_log.h"
#include "firmware/uefi_variable.h"

#define SECURE_BOOT_AUTHORITIES_MAX 64u
#define SECURE_BOOT_IMAGES_MAX      512u
#define SECURE_BOOT_WHY_MAX         256u

enum secure_boot_flag { SECURE_BOOT_UNKNOWN = 0, SECURE_BOOT_OFF, SECURE_BOOT_ON };
const char *secure_boot_flag_name(enum secure_boot_flag flag); /* "unknown", "off", "on" */

enum secure_boot_variable {
	SECURE_BOOT_PK = 0,
	SECURE_BOOT_KEK,
	SECURE_BOOT_DB,
	SECURE_BOOT_DBX,
	SECURE_BOOT_DBT,
	SECURE_BOOT_DBR,
	SECURE_BOOT_VARIABLES
};
const char *secure_boot_variable_name(enum secure_boot_variable variable); /* "dbx" */

struct secure_boot_database {
	bool measured;
	uint32_t event;
	struct digest digest; /* SHA-256 of the variable's data */
	size_t count;
	struct efi_signature *entries; /* owned array */
};

/* An EV_EFI_VARIABLE_AUTHORITY event: what vouched for an image, or shim's own state. */
struct secure_boot_authority {
	uint32_t event;
	struct uefi_variable variable; /* "db", "Shim", "MokListRT", "SbatLevel", … */
	bool vouches; /* for images: holds a certificate or hash, unlike SbatLevel or MokSBState */
	struct bytes owner; /* 16 bytes; empty for shim's built-in certificate */
	struct bytes
		entry; /* certificate DER or hash; the variable's data where it does not vouch */
	bool certificate; /* entry has a certificate's outer form: crypto/x509.h reads it */
	struct digest digest; /* SHA-256 of entry */
};

/* One loaded image (EV_EFI_BOOT_SERVICES_APPLICATION, …_DRIVER, EV_EFI_RUNTIME_SERVICES_DRIVER). */
struct secure_boot_image {
	uint32_t event, pcr;
	struct digest digest; /* Authenticode digest in the bank */
	/* Which authority verified it. The log does not say, an authority is measured once and used
	 * again, and the order between PCRs is in no digest. certain: there is only one that can
	 * have. Otherwise the likeliest: so a policy judges all authorities that vouch, and this
	 * explains. -1: none can have. */
	int authority; /* index into authorities, or -1 */
	bool certain;
};

/* Shim's own state. The PCR 14 events are digests alone and their names are not covered: a policy
 * judges all of them. The authority events in PCR 7 hold data. */
struct secure_boot_shim {
	bool seen; /* any event by shim */
	struct {
		bool measured;
		uint32_t event;
		struct digest digest; /* in the bank: of the whole list */
	} mok_list, mok_list_x, mok_list_trusted;
	struct bytes sbat_level; /* text as measured, "sbat,1,…\n…"; empty: not measured */
	enum secure_boot_flag mok_validation; /* MokSBState: OFF = shim was told not to verify */
};

struct secure_boot {
	enum secure_boot_flag state; /* SecureBoot as measured */
	uint32_t state_event;
	enum secure_boot_flag setup_mode, audit_mode, deployed_mode; /* UNKNOWN: not measured */
	/* on, in user mode, configuration whole and unchanged, and what was booted in PCR 4 has its
	 * authority in PCR 7. Without this, "on" says nothing about what runs. */
	bool enforced;
	char why[SECURE_BOOT_WHY_MAX]; /* why it is not enforced; "" otherwise */
	struct secure_boot_database variables[SECURE_BOOT_VARIABLES];
	size_t authority_count;
	struct secure_boot_authority authorities[SECURE_BOOT_AUTHORITIES_MAX];
	size_t image_count;
	struct secure_boot_image images[SECURE_BOOT_IMAGES_MAX];
	struct secure_boot_shim shim;
};

/* The state that a log tells. The log must have been opened with this bank checked (or all).
 * ERR_FORMAT: a covered variable or signature list is malformed (the message names event, variable,
 * field, offset); ERR_LIMIT: more events than the maxima above. The struct is large: on the heap.
 * The caller releases it. */
must_use bool secure_boot_state(const struct event_log *log, enum digest_alg bank,
	struct secure_boot **ret, struct err *err);
void secure_boot_free(struct secure_boot **state);

/* An authority's data taken apart: EFI_SIGNATURE_DATA, or shim's built-in certificate alone. */
struct authority_entry {
	struct bytes owner, entry;
	bool certificate, hash;
};
struct authority_entry authority_entry_of(struct bytes data);
/* A person's words for it; returns out. */
const char *authority_entry_text(struct bytes data, char *out, size_t size);
/* A person's words for an entry: certificate subject, or "sha256 3f…"; returns out. */
const char *efi_signature_text(const struct efi_signature *signature, char *out, size_t size);

#endif
