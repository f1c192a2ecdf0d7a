/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/quote.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"

#define BOOT_ID_PATH "/proc/sys/kernel/random/boot_id"
#define IMA_NAME_MAX 256u
#define IMA_DATA_MAX (1u << 20)
#define IMA_CHUNK    16384u

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
					 IMA_LOG_MAX, &q->ima, err))
		return false;
	struct evidence evidence = {
		.claims = buf_bytes(&q->encoded),
		.message = buf_bytes(&q->quote.message),
		.signature = buf_bytes(&q->quote.signature),
		.pcrs = q->quote.pcrs,
		.runtime_log = request->runtime_log,
		.firmware_log = request->firmware_log,
		.systemd_log = request->systemd_log,
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

/* The log as a stream: it may be long, and hostd is small. */
struct ima_stream {
	int fd;
	const char *path;
	uint64_t entry; /* number of the one being read */
	struct buf head; /* of that entry, up to its data */
	size_t at, len; /* what of the chunk is read, and filled */
	uint8_t chunk[IMA_CHUNK];
};

static bool ima_torn(const struct ima_stream *s, struct err *err)
{
	return err_set(err, ERR_FORMAT, "%s: entry %" PRIu64 " is not whole", s->path, s->entry);
}

static bool ima_fill(struct ima_stream *s, bool *ret_end, struct err *err)
{
	ssize_t n = 1;
	if (s->at == s->len) {
		do
			n = read(s->fd, s->chunk, sizeof(s->chunk));
		while (n < 0 && errno == EINTR);
		s->at = 0;
		s->len = n > 0 ? (size_t)n : 0;
	}
	*ret_end = n == 0;
	return n >= 0 || err_errno(err, errno, "%s", s->path);
}

/* The next len bytes, appended to out; NULL: passed over. */
static bool ima_take(struct ima_stream *s, size_t len, struct buf *out, struct err *err)
{
	while (len > 0) {
		bool end;
		if (!ima_fill(s, &end, err))
			return false;
		if (end)
			return ima_torn(s, err);
		size_t n = s->len - s->at < len ? s->len - s->at : len;
		if (out)
			buf_put(out, bytes_of(s->chunk + s->at, n));
		s->at += n;
		len -= n;
	}
	return !out || buf_ok(out, err);
}

/* A length of at most max, native byte order, itself appended to the head. */
static bool ima_length(struct ima_stream *s, size_t max, size_t *ret, struct err *err)
{
	uint32_t value;
	if (!ima_take(s, sizeof(value), &s->head, err))
		return false;
	memcpy(&value, s->head.data + s->head.len - sizeof(value), sizeof(value));
	*ret = value;
	return value <= max || ima_torn(s, err);
}

/* Layout: pcr u32, digest 20 bytes, name length u32, name, then data length u32 and data; the old template "ima" has a
 * digest and a length-prefixed path in their place. */
static bool ima_head(struct ima_stream *s, size_t *ret_data, struct err *err)
{
	size_t name;
	buf_clear(&s->head);
	if (!ima_take(s, 4 + 20, &s->head, err) || !ima_length(s, IMA_NAME_MAX, &name, err) ||
		!ima_take(s, name, &s->head, err))
		return false;
	bool old = name == 3 && memcmp(s->head.data + s->head.len - 3, "ima", 3) == 0;
	if (name == 0)
		return ima_torn(s, err);
	return (!old || ima_take(s, 20, &s->head, err)) &&
	       ima_length(s, IMA_DATA_MAX, ret_data, err);
}

static bool ima_entries(
	struct ima_stream *s, uint64_t start, size_t max, struct buf *ret, struct err *err)
{
	bool end = false;
	for (; ima_fill(s, &end, err) && !end; s->entry++) {
		size_t data;
		bool wanted = s->entry >= start;
		if (!ima_head(s, &data, err))
			return false;
		if (wanted && s->head.len + data > max - ret->len)
			return true;
		if (wanted)
			buf_put(ret, buf_bytes(&s->head));
		if (!ima_take(s, data, wanted ? ret : NULL, err))
			return false;
	}
	return end;
}

bool quote_ima_read(const char *path, uint64_t start, size_t max, struct buf *ret, struct err *err)
{
	OWNED(fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct ima_stream stream = {.fd = fd, .path = path};
	buf_clear(ret);
	if (fd < 0)
		return errno == ENOENT ? true : err_errno(err, errno, "%s", path);
	bool ok = ima_entries(&stream, start, max, ret, err) && buf_ok(ret, err);
	buf_release(&stream.head);
	return ok;
}
