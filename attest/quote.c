/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/quote.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"

#define BOOT_ID_PATH  "/proc/sys/kernel/random/boot_id"
#define IMA_NAME_MAX  256u
#define IMA_DATA_MAX  (1u << 20)
#define IMA_FIXED     52u /* all else of an entry, at most */
#define IMA_ENTRY_MAX (IMA_FIXED + IMA_NAME_MAX + IMA_DATA_MAX)
#define IMA_CHUNK     65536u

bool quote_tpm_key_spki(const struct tpm_key *tpm_key, struct buf *ret_spki, struct err *err)
{
	struct tpmt_public public_area;
	OWNED(key_unref) struct key *key = NULL;
	if (!tpmt_public_parse(buf_bytes(&tpm_key->public_area), &public_area, err) ||
		!tpmt_public_key(&public_area, &key, err))
		return false;
	buf_clear(ret_spki);
	buf_put(ret_spki, key_spki(key));
	return buf_ok(ret_spki, err);
}

bool quote_boot_id(uint8_t out[16], struct err *err)
{
	OWNED(buf_release) struct buf text = {0};
	char hex[33];
	size_t n = 0;
	if (!file_read(BOOT_ID_PATH, 64, &text, err))
		return false;
	for (size_t i = 0; i < text.len && n < 32; i++)
		if (text.data[i] != '-' && text.data[i] != '\n')
			hex[n++] = (char)text.data[i];
	if (!hex_decode_exact(bytes_of(hex, n), out, 16, err))
		return err_wrap(err, BOOT_ID_PATH);
	return true;
}

struct quoting {
	struct claims claims;
	struct buf spki, encoded, possession;
	uint8_t digest[SHA256_LEN];
	struct tpm_quote quote;
	struct tpm_certification certification;
	struct buf ima;
};

static void quoting_free(struct quoting **quoting)
{
	struct quoting *q = *quoting;
	if (!q)
		return;
	buf_release(&q->spki);
	buf_release(&q->encoded);
	buf_release(&q->possession);
	buf_release(&q->ima);
	tpm_quote_release(&q->quote);
	tpm_certification_release(&q->certification);
	free(q);
	*quoting = NULL;
}

static bool claims_fill(const struct quote_request *request, const uint8_t *exporter,
	struct quoting *q, struct err *err)
{
	struct claims *claims = &q->claims;
	*claims = request->claims;
	if (request->tpm_key) {
		if (!quote_tpm_key_spki(request->tpm_key, &q->spki, err))
			return false;
	} else {
		buf_put(&q->spki, key_spki(request->key));
	}
	claims->key = buf_bytes(&q->spki);
	claims->key_protection = request->tpm_key ? KEY_TPM : KEY_SOFTWARE;
	memcpy(claims->exporter, exporter, TLS_EXPORTER_LEN);
	claims->runtime_length = request->runtime_log.len;
	claims->firmware_length = request->firmware_log.len;
	memset(claims->firmware_digest, 0, SHA256_LEN);
	if (request->firmware_log.len &&
		!sha256_of(request->firmware_log, claims->firmware_digest, err))
		return false;
	return sha256_of(request->challenge, claims->nonce, err) &&
	       sha256_of(request->runtime_log, claims->runtime_digest, err) &&
	       claims_encode(claims, &q->encoded, err) &&
	       sha256_of(buf_bytes(&q->encoded), q->digest, err);
}

static bool prove_possession(
	struct tpm *tpm, const struct quote_request *request, struct quoting *q, struct err *err)
{
	struct bytes claims = buf_bytes(&q->encoded);
	if (!request->tpm_key)
		return key_sign(
			request->key, SIGN_ECDSA, DIGEST_SHA256, claims, &q->possession, err);
	return tpm_key_sign(tpm, request->tpm_key, claims, &q->possession, err) &&
	       tpm_key_certify(tpm, request->tpm_key, BYTES_OF(q->digest), &q->certification, err);
}

bool quote_evidence(struct tpm *tpm, const struct quote_request *request,
	const uint8_t exporter[TLS_EXPORTER_LEN], struct buf *out, struct err *err)
{
	OWNED(quoting_free) struct quoting *q = calloc(1, sizeof(*q));
	if (!q)
		return err_set(err, ERR_NOMEM, "quote");
	if (!request->tpm_key && !request->key)
		return err_set(err, ERR_INTERNAL, "quote: no key to be certified");
	if (!claims_fill(request, exporter, q, err) || !prove_possession(tpm, request, q, err) ||
		!tpm_quote(tpm, BYTES_OF(q->digest), request->bank, &q->quote, err))
		return false;
	if (request->ima_path && !quote_ima_read(request->ima_path, request->claims.ima_start,
					 QUOTE_IMA_MAX, &q->ima, err))
		return false;
	struct evidence evidence = {
		.claims = buf_bytes(&q->encoded),
		.message = buf_bytes(&q->quote.message),
		.signature = buf_bytes(&q->quote.signature),
		.pcrs = q->quote.pcrs,
		.runtime_log = request->runtime_log,
		.firmware_log = request->firmware_log,
		.ima_log = buf_bytes(&q->ima),
		.challenge = request->challenge,
		.possession = buf_bytes(&q->possession),
	};
	if (request->tpm_key)
		evidence.key_certification = (struct key_certification){
			.public_area = buf_bytes(&request->tpm_key->public_area),
			.message = buf_bytes(&q->certification.message),
			.signature = buf_bytes(&q->certification.signature),
		};
	return evidence_encode(&evidence, out, err);
}

/* Length of the entry at the front of `in`, 0 when it is not whole. Layout (native byte order): pcr u32, digest 20 bytes,
 * name length u32, name, then data length u32 and data; the old template "ima" has a digest and a length-prefixed path. */
static size_t ima_entry(struct bytes in)
{
	uint32_t name_len, data_len;
	size_t at = 24;
	if (in.len < at + 4)
		return 0;
	memcpy(&name_len, in.data + at, 4);
	at += 4;
	if (name_len == 0 || name_len > IMA_NAME_MAX || in.len - at < name_len)
		return 0;
	if (name_len == 3 && memcmp(in.data + at, "ima", 3) == 0)
		at += 20;
	at += name_len;
	if (in.len < at + 4)
		return 0;
	memcpy(&data_len, in.data + at, 4);
	at += 4;
	return data_len <= IMA_DATA_MAX && in.len - at >= data_len ? at + data_len : 0;
}

/* What was read of the log and not yet passed on. */
struct ima_window {
	const char *path;
	int fd;
	struct buf data;
	size_t at;
	bool end;
};

static void ima_window_release(struct ima_window *window)
{
	fd_close(&window->fd);
	buf_release(&window->data);
}

static bool ima_read_more(struct ima_window *window, struct err *err)
{
	struct buf *data = &window->data;
	if (window->at > 0)
		memmove(data->data, data->data + window->at, data->len - window->at);
	data->len -= window->at;
	window->at = 0;
	uint8_t *room = buf_extend(data, IMA_CHUNK);
	if (!room)
		return buf_ok(data, err);
	ssize_t n;
	do
		n = read(window->fd, room, IMA_CHUNK);
	while (n < 0 && errno == EINTR);
	data->len -= IMA_CHUNK - (n > 0 ? (size_t)n : 0);
	window->end = n == 0;
	return n >= 0 || err_errno(err, errno, "%s", window->path);
}

/* The next whole entry, good until the next call; empty at the end of the log. */
static bool ima_next(struct ima_window *window, uint64_t number, struct bytes *ret, struct err *err)
{
	for (;;) {
		struct bytes left = buf_bytes(&window->data);
		if (window->at > 0)
			left = bytes_of(left.data + window->at, left.len - window->at);
		size_t len = ima_entry(left);
		if (len == 0 && (window->end || left.len > IMA_ENTRY_MAX)) {
			*ret = (struct bytes){0};
			return left.len == 0 ||
			       err_set(err, ERR_FORMAT, "%s: entry %" PRIu64 " is not whole",
				       window->path, number);
		}
		if (len > 0) {
			*ret = bytes_of(left.data, len);
			window->at += len;
			return true;
		}
		if (!ima_read_more(window, err))
			return false;
	}
}

bool quote_ima_read(const char *path, uint64_t start, size_t max, struct buf *ret, struct err *err)
{
	OWNED(ima_window_release)
	struct ima_window window = {
		.path = path, .fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
	struct bytes entry;
	buf_clear(ret);
	if (window.fd < 0)
		return errno == ENOENT || err_errno(err, errno, "%s", path);
	for (uint64_t number = 0;; number++) {
		if (!ima_next(&window, number, &entry, err))
			return false;
		if (entry.len == 0 || (number >= start && entry.len > max - ret->len))
			return buf_ok(ret, err);
		if (number >= start)
			buf_put(ret, entry);
	}
}
