/* SPDX-License-Identifier: Apache-2.0 */
/* Crypto-agile event logs made to measure, with SHA-256 and SHA-1 banks or SHA-256 alone. */
#ifndef ASSAY_TESTS_UNIT_FIRMWARE_LOG_BUILD_H
#define ASSAY_TESTS_UNIT_FIRMWARE_LOG_BUILD_H

#include "tests/support/unit.h"

#include "firmware/event_log.h"

static inline void log_put_le(struct buf *out, size_t n, uint64_t value)
{
	for (size_t i = 0; i < n; i++)
		buf_put_u8(out, (uint8_t)(value >> 8 * i));
}

/* The Spec ID event, with one bank: SHA-256. */
static inline void log_begin(struct buf *out)
{
	static const uint8_t zeros[20];

	buf_clear(out);
	log_put_le(out, 4, 0);
	log_put_le(out, 4, EV_NO_ACTION);
	buf_put(out, BYTES_OF(zeros));
	log_put_le(out, 4, 16 + 4 + 4 + 4 + 4 + 1);
	buf_put(out, bytes_of("Spec ID Event03\0", 16));
	log_put_le(out, 4, 0);
	buf_put(out, bytes_of("\0\2\0\2", 4));
	log_put_le(out, 4, 1);
	log_put_le(out, 2, DIGEST_SHA256);
	log_put_le(out, 2, 32);
	buf_put_u8(out, 0);
}

/* An event whose digest is the hash of `hashed`. */
static inline void log_event(
	struct buf *out, uint32_t pcr, uint32_t type, struct bytes hashed, struct bytes data)
{
	struct digest digest;

	assert_true(digest_of(DIGEST_SHA256, hashed, &digest, NULL));
	log_put_le(out, 4, pcr);
	log_put_le(out, 4, type);
	log_put_le(out, 4, 1);
	log_put_le(out, 2, DIGEST_SHA256);
	buf_put(out, digest_bytes(&digest));
	log_put_le(out, 4, data.len);
	buf_put(out, data);
}

/* An event with a digest of its own. */
static inline void log_event_digest(struct buf *out, uint32_t pcr, uint32_t type,
	const struct digest *digest, struct bytes data)
{
	log_event(out, pcr, type, data, data);
	memcpy(out->data + out->len - data.len - 4 - 32, digest->bytes, 32);
}

/* An event whose digest covers its data. */
static inline void log_text(struct buf *out, uint32_t pcr, uint32_t type, const char *text)
{
	log_event(out, pcr, type, bytes_str(text), bytes_str(text));
}

#endif
