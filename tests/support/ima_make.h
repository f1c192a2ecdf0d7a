/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes IMA measurement lists as Linux writes them, and replays them in the plainest way: what the
 * tests hold the library against. Appends to `log`; entries go to PCR 10 unless it says otherwise.
 * Failures are those of the buffer.
 */
#ifndef ASSAY_TESTS_SUPPORT_IMA_MAKE_H
#define ASSAY_TESTS_SUPPORT_IMA_MAKE_H

#include "crypto/key.h"

/* Parts of template data. */
void ima_make_field(struct buf *data, struct bytes content); /* u32 length, content */
void ima_make_digest(struct buf *data, const char *prefix, struct bytes digest); /* "sha256:" */
void ima_make_path(struct buf *data, const char *path); /* with its NUL */

/* An entry of any template but "ima", its digest made in log_alg. */
void ima_make_entry(struct buf *log, enum digest_alg log_alg, uint32_t pcr, const char *template,
	struct bytes data);
/* The same with a template digest of zeros. */
void ima_make_violation(struct buf *log, enum digest_alg log_alg, uint32_t pcr,
	const char *template, struct bytes data);
/* Template "ima". */
void ima_make_old(struct buf *log, uint32_t pcr, struct bytes sha1, const char *path);
/* "ima-ng" with the SHA-256 of the content. */
void ima_make_file(struct buf *log, const char *path, const char *content);
/* "ima-buf". */
void ima_make_buffer(struct buf *log, const char *name, struct bytes content);
/* "ima-sig" over the SHA-256 of the content, version 2; "ima-sigv2" with an fs-verity digest, version
 * 3. alg is the key's own digest or SHA-256. */
void ima_make_signed(struct buf *log, const char *path, const char *content, struct key *key,
	uint32_t keyid, bool verity);
/* "ima-modsig": a kernel module with a signature appended as Linux's sign-file makes it; the module that
 * is measured is the content and the signature. */
void ima_make_module(struct buf *log, const char *path, const char *content, struct key *key);
/* The header and signature alone, over a digest given: what stands in security.ima. */
void ima_make_signature(struct buf *out, uint8_t type, uint8_t version, struct bytes sha256,
	struct key *key, uint32_t keyid);

/* A list with each template that Linux has, a custom one, a violation, and entries for PCR 11. */
void ima_make_golden(struct buf *log);
/* n files "/usr/bin/tool-<i>", and boot_aggregate before them. */
void ima_make_many(struct buf *log, size_t first, size_t n);

/* Value of a PCR after the list, from zeros, each entry extended by the bank's own digest. */
void ima_make_replay(struct bytes log, enum digest_alg log_alg, enum digest_alg bank, uint32_t pcr,
	uint8_t *out);

#endif
