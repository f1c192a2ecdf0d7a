/* SPDX-License-Identifier: Apache-2.0 */
/* TCG event logs made for tests, conforming to the Platform Firmware Profile or wrong in one chosen way. */
#ifndef ASSAY_TESTS_SUPPORT_EVENT_LOG_MAKE_H
#define ASSAY_TESTS_SUPPORT_EVENT_LOG_MAKE_H

#include "crypto/digest.h"
#include "firmware/event_type.h"

#define LOG_MAKER_BANKS_MAX 4u

struct log_maker {
	struct buf out;
	bool legacy; /* SHA-1 form, without Spec ID event */
	size_t bank_count;
	enum digest_alg banks[LOG_MAKER_BANKS_MAX];
	size_t count; /* events so far, the Spec ID event not counted */
	size_t last; /* offset of the last event */
};

void put_le16(struct buf *out, uint16_t value);
void put_le32(struct buf *out, uint32_t value);
void put_le64(struct buf *out, uint64_t value);
/* ASCII as UTF-16LE, without NUL. */
void put_utf16le(struct buf *out, const char *ascii);

/* Starts a crypto-agile log with these banks, in this order; n = 0: a SHA-1 log. */
void log_maker_start(struct log_maker *m, const enum digest_alg *banks, size_t n);
/* Starts the log with a Spec ID event of the given body. */
void log_maker_start_with(struct log_maker *m, uint32_t pcr, struct bytes spec_id);
/* The body that log_maker_start writes. */
void spec_id_put(const enum digest_alg *banks, size_t n, struct buf *out);
/* One event whose digests are those of `hashed`. */
void log_maker_put(
	struct log_maker *m, uint32_t pcr, uint32_t type, struct bytes hashed, struct bytes data);
/* The same with digests of data itself. */
void log_maker_event(struct log_maker *m, uint32_t pcr, uint32_t type, struct bytes data);
/* EV_NO_ACTION with digests of zero. */
void log_maker_note(struct log_maker *m, uint32_t pcr, struct bytes data);
void log_maker_text(struct log_maker *m, uint32_t pcr, uint32_t type, const char *text);
/* A UEFI variable: guid is one of the two below. */
extern const uint8_t maker_global_guid[16], maker_database_guid[16], maker_shim_guid[16];
void variable_put(const uint8_t guid[16], const char *name, struct bytes data, struct buf *out);
void log_maker_variable(struct log_maker *m, uint32_t pcr, uint32_t type, const uint8_t guid[16],
	const char *name, struct bytes data);
void log_maker_separators(struct log_maker *m, uint32_t first, uint32_t last);
/* An image with a device path of one file name; digest over `content`. */
void log_maker_image(
	struct log_maker *m, uint32_t pcr, uint32_t type, const char *content, const char *file);
/* EFI_SIGNATURE_LIST with one certificate; with n hashes of 32 bytes (filled with i). */
void certificate_list_put(struct bytes der, struct buf *out);
void hash_list_put(size_t n, struct buf *out);
/* EFI_SIGNATURE_DATA, as an authority event holds it. */
void signature_data_put(struct bytes der, struct buf *out);

/* A whole boot, every part of it as the specifications have it. */
struct golden {
	struct bytes certificate; /* PK, KEK, db and authority at once */
	bool secure_boot_off; /* SecureBoot = 0 and no authority */
	const char *command_line; /* NULL: a default */
};
void log_maker_golden(struct log_maker *m, const struct golden *golden);
/* tests/data/firmware/<name>, read whole. */
must_use bool firmware_data_read(const char *name, struct buf *out);

#endif
