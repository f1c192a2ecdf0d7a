/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/ima_make.h"

#include <stdio.h>
#include <stdlib.h>

#include <openssl/cms.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include "base/reader.h"
#include "crypto/x509.h"

static void put_le32(struct buf *out, uint32_t value)
{
	for (int i = 0; i < 4; i++)
		buf_put_u8(out, (uint8_t)(value >> 8 * i));
}

void ima_make_field(struct buf *data, struct bytes content)
{
	put_le32(data, (uint32_t)content.len);
	buf_put(data, content);
}

void ima_make_digest(struct buf *data, const char *prefix, struct bytes digest)
{
	put_le32(data, (uint32_t)(strlen(prefix) + 1 + digest.len));
	buf_put(data, bytes_of(prefix, strlen(prefix) + 1));
	buf_put(data, digest);
}

void ima_make_path(struct buf *data, const char *path)
{
	ima_make_field(data, bytes_of(path, strlen(path) + 1));
}

static void put_entry(struct buf *log, uint32_t pcr, struct bytes template_digest,
	const char *template, struct bytes data)
{
	put_le32(log, pcr);
	buf_put(log, template_digest);
	ima_make_field(log, bytes_str(template));
	ima_make_field(log, data);
}

void ima_make_entry(struct buf *log, enum digest_alg log_alg, uint32_t pcr, const char *template,
	struct bytes data)
{
	struct digest digest;

	if (!digest_of(log_alg, data, &digest, NULL))
		abort();
	put_entry(log, pcr, digest_bytes(&digest), template, data);
}

void ima_make_violation(struct buf *log, enum digest_alg log_alg, uint32_t pcr,
	const char *template, struct bytes data)
{
	const uint8_t zeros[DIGEST_LEN_MAX] = {0};

	put_entry(log, pcr, bytes_of(zeros, digest_alg_len(log_alg)), template, data);
}

void ima_make_old(struct buf *log, uint32_t pcr, struct bytes sha1, const char *path)
{
	uint8_t hashed[20 + 256] = {0};
	struct digest digest;

	memcpy(hashed, sha1.data, 20);
	memcpy(hashed + 20, path, strlen(path));
	if (!digest_of(DIGEST_SHA1, BYTES_OF(hashed), &digest, NULL))
		abort();
	put_le32(log, pcr);
	buf_put(log, digest_bytes(&digest));
	ima_make_field(log, BYTES_LIT("ima"));
	buf_put(log, sha1);
	ima_make_field(log, bytes_str(path));
}

static struct digest hash(enum digest_alg alg, struct bytes content)
{
	struct digest digest;

	if (!digest_of(alg, content, &digest, NULL))
		abort();
	return digest;
}

void ima_make_file(struct buf *log, const char *path, const char *content)
{
	struct digest digest = hash(DIGEST_SHA256, bytes_str(content));
	struct buf data = {0};

	ima_make_digest(&data, "sha256:", digest_bytes(&digest));
	ima_make_path(&data, path);
	ima_make_entry(log, DIGEST_SHA1, 10, "ima-ng", buf_bytes(&data));
	buf_release(&data);
}

void ima_make_buffer(struct buf *log, const char *name, struct bytes content)
{
	struct digest digest = hash(DIGEST_SHA256, content);
	struct buf data = {0};

	ima_make_digest(&data, "sha256:", digest_bytes(&digest));
	ima_make_path(&data, name);
	ima_make_field(&data, content);
	ima_make_entry(log, DIGEST_SHA1, 10, "ima-buf", buf_bytes(&data));
	buf_release(&data);
}

void ima_make_signature(struct buf *out, uint8_t type, uint8_t version, struct bytes sha256,
	struct key *key, uint32_t keyid)
{
	const uint8_t head[] = {type, version, 4};
	struct buf id = {0};
	struct digest digest = {.alg = DIGEST_SHA256, .len = SHA256_LEN};
	struct buf signature = {0};
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, key_evp(key), NULL);
	size_t len = 0;

	memcpy(digest.bytes, sha256.data, SHA256_LEN);
	buf_put_u8(&id, type);
	buf_put_u8(&id, 4);
	buf_put(&id, sha256);
	if (version == 3)
		digest = hash(DIGEST_SHA256, buf_bytes(&id));
	if (!ctx || EVP_PKEY_sign_init(ctx) != 1 ||
		(key_type_of(key) == KEY_RSA &&
			EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) != 1) ||
		EVP_PKEY_CTX_set_signature_md(ctx, EVP_sha256()) != 1 ||
		EVP_PKEY_sign(ctx, NULL, &len, digest.bytes, digest.len) != 1 ||
		!buf_extend(&signature, len) ||
		EVP_PKEY_sign(ctx, signature.data, &len, digest.bytes, digest.len) != 1)
		abort();
	buf_put(out, BYTES_OF(head));
	buf_put_be32(out, keyid);
	buf_put_be16(out, (uint16_t)len);
	buf_put(out, bytes_of(signature.data, len));
	EVP_PKEY_CTX_free(ctx);
	buf_release(&signature);
	buf_release(&id);
}

void ima_make_signed(struct buf *log, const char *path, const char *content, struct key *key,
	uint32_t keyid, bool verity)
{
	struct digest digest = hash(DIGEST_SHA256, bytes_str(content));
	struct buf data = {0}, signature = {0};

	ima_make_signature(
		&signature, verity ? 6 : 3, verity ? 3 : 2, digest_bytes(&digest), key, keyid);
	ima_make_digest(&data, verity ? "verity:sha256:" : "sha256:", digest_bytes(&digest));
	ima_make_path(&data, path);
	ima_make_field(&data, buf_bytes(&signature));
	ima_make_entry(log, DIGEST_SHA1, 10, verity ? "ima-sigv2" : "ima-sig", buf_bytes(&data));
	buf_release(&data);
	buf_release(&signature);
}

static void put_cms(struct buf *out, struct bytes content, struct key *key)
{
	struct cert_request request = {.common_name = "modules",
		.subject = key,
		.not_before = 1700000000,
		.not_after = 1900000000};
	const unsigned flags = CMS_NOCERTS | CMS_PARTIAL | CMS_BINARY | CMS_DETACHED | CMS_STREAM;
	BIO *in = BIO_new_mem_buf(content.data, (int)content.len);
	CMS_ContentInfo *cms = CMS_sign(NULL, NULL, NULL, NULL, flags);
	struct cert *cert = NULL;
	uint8_t *der = NULL;
	int len;

	if (!in || !cms || !cert_issue(&request, NULL, key, &cert, NULL) ||
		!CMS_add1_signer(cms, cert_x509(cert), key_evp(key), EVP_sha256(),
			CMS_NOCERTS | CMS_BINARY | CMS_NOSMIMECAP | CMS_NOATTR) ||
		CMS_final(cms, in, NULL, CMS_NOCERTS | CMS_BINARY) != 1)
		abort();
	len = i2d_CMS_ContentInfo(cms, &der);
	if (len <= 0)
		abort();
	buf_put(out, bytes_of(der, (size_t)len));
	OPENSSL_free(der);
	CMS_ContentInfo_free(cms);
	BIO_free(in);
	cert_unref(&cert);
}

void ima_make_module(struct buf *log, const char *path, const char *content, struct key *key)
{
	struct digest bare = hash(DIGEST_SHA256, bytes_str(content)), whole;
	struct buf data = {0}, file = {0}, signature = {0};

	put_cms(&signature, bytes_str(content), key);
	buf_put_str(&file, content);
	buf_put(&file, buf_bytes(&signature));
	whole = hash(DIGEST_SHA256, buf_bytes(&file));
	ima_make_digest(&data, "sha256:", digest_bytes(&whole));
	ima_make_path(&data, path);
	ima_make_field(&data, (struct bytes){0});
	ima_make_digest(&data, "sha256:", digest_bytes(&bare));
	ima_make_field(&data, buf_bytes(&signature));
	ima_make_entry(log, DIGEST_SHA1, 10, "ima-modsig", buf_bytes(&data));
	buf_release(&data);
	buf_release(&file);
	buf_release(&signature);
}

static void put_of_template(struct buf *log, uint32_t pcr, const char *template, const char *prefix,
	const char *path, const struct bytes *more, size_t count)
{
	struct digest digest = hash(DIGEST_SHA256, bytes_str(path));
	struct buf data = {0};

	ima_make_digest(&data, prefix, digest_bytes(&digest));
	ima_make_path(&data, path);
	for (size_t i = 0; i < count; i++)
		ima_make_field(&data, more[i]);
	ima_make_entry(log, DIGEST_SHA1, pcr, template, buf_bytes(&data));
	buf_release(&data);
}

static void put_modsig(struct buf *log)
{
	struct digest digest = hash(DIGEST_SHA256, BYTES_LIT("module"));
	struct buf data = {0};

	ima_make_digest(&data, "sha256:", digest_bytes(&digest));
	ima_make_path(&data, "/lib/modules/6.1.0/kernel/fs/fuse/fuse.ko");
	ima_make_field(&data, (struct bytes){0});
	ima_make_digest(&data, "sha256:", digest_bytes(&digest));
	ima_make_field(&data, BYTES_LIT("\x30\x03\x02\x01\x01"));
	ima_make_entry(log, DIGEST_SHA1, 10, "ima-modsig", buf_bytes(&data));
	buf_release(&data);
}

static void put_custom_and_violation(struct buf *log)
{
	struct digest digest = hash(DIGEST_SHA256, BYTES_LIT("custom"));
	struct buf data = {0};

	ima_make_path(&data, "/usr/bin/custom");
	ima_make_field(&data, (struct bytes){0});
	ima_make_digest(&data, "sha256:", digest_bytes(&digest));
	ima_make_entry(log, DIGEST_SHA1, 11, "n-ng|sig|d-ng", buf_bytes(&data));
	buf_clear(&data);
	ima_make_digest(&data, "sha1:", bytes_of((const uint8_t[20]){0}, 20));
	ima_make_path(&data, "/var/log/written-while-read");
	ima_make_violation(log, DIGEST_SHA1, 10, "ima-ng", buf_bytes(&data));
	buf_release(&data);
}

void ima_make_golden(struct buf *log)
{
	const uint8_t sha1[20] = {1, 2, 3};
	const struct bytes empty[] = {{0}};
	const struct bytes evm[] = {BYTES_LIT("\x05\x02\x04\x11\x22\x33\x44\x00\x01\x55"),
		BYTES_LIT("security.ima"), BYTES_LIT("\x22\x00\x00\x00"), BYTES_LIT("\x04\x04"),
		BYTES_LIT("\x00\x00\x00\x00"), BYTES_LIT("\x00\x00\x00\x00"),
		BYTES_LIT("\xed\x81")};

	put_of_template(log, 10, "ima-ng", "sha256:", "boot_aggregate", NULL, 0);
	ima_make_old(log, 10, BYTES_OF(sha1), "/sbin/init");
	put_of_template(log, 10, "ima-sig", "sha256:", "/usr/bin/sh", empty, 1);
	put_of_template(log, 10, "ima-ngv2", "ima:sha256:", "/usr/bin/env", NULL, 0);
	put_of_template(log, 10, "ima-sigv2", "verity:sha256:", "/usr/bin/python3", empty, 1);
	put_of_template(log, 11, "ima-ng", "sha256:", "/usr/bin/other-pcr", NULL, 0);
	put_of_template(log, 10, "evm-sig", "sha256:", "/usr/bin/evm", evm, ARRAY_LEN(evm));
	ima_make_buffer(log, "kexec-cmdline", BYTES_LIT("root=/dev/sda1 ro"));
	put_modsig(log);
	put_custom_and_violation(log);
	put_of_template(log, 10, "ima-ng", "sha256:", "/usr/bin/last", NULL, 0);
}

void ima_make_many(struct buf *log, size_t first, size_t n)
{
	for (size_t i = first; i < first + n; i++) {
		char path[64];

		(void)snprintf(path, sizeof(path), i ? "/usr/bin/tool-%zu" : "boot_aggregate", i);
		ima_make_file(log, path, path);
	}
}

/* What an entry is extended by; the reader stands behind its template digest. */
static struct digest extended(struct reader *r, bool zero, enum digest_alg bank)
{
	struct bytes name = rd_bytes(r, rd_le32(r, "name"), "name");
	struct digest digest = {.alg = bank, .len = (uint8_t)digest_alg_len(bank)};
	uint8_t old[20 + 256] = {0};
	struct bytes data = BYTES_OF(old), part;

	if (bytes_equal_str(name, "ima")) {
		part = rd_bytes(r, 20, "digest");
		memcpy(old, part.data, part.len);
		part = rd_bytes(r, rd_le32(r, "path"), "path");
		memcpy(old + 20, part.data, part.len);
	} else {
		data = rd_bytes(r, rd_le32(r, "data"), "data");
	}
	if (zero)
		memset(digest.bytes, 0xff, digest.len);
	else
		digest = hash(bank, data);
	return digest;
}

void ima_make_replay(
	struct bytes log, enum digest_alg log_alg, enum digest_alg bank, uint32_t pcr, uint8_t *out)
{
	const uint8_t zeros[DIGEST_LEN_MAX] = {0};
	struct digest value = {.alg = bank, .len = (uint8_t)digest_alg_len(bank)};
	struct reader r = rd_of(log);

	while (rd_left(&r)) {
		uint32_t at = rd_le32(&r, "pcr");
		struct bytes logged = rd_bytes(&r, digest_alg_len(log_alg), "template digest");
		struct digest with =
			extended(&r, memcmp(logged.data, zeros, logged.len) == 0, bank);
		struct bytes parts[] = {digest_bytes(&value), digest_bytes(&with)};

		if (at == pcr && !digest_of_parts(bank, parts, 2, &value, NULL))
			abort();
	}
	memcpy(out, value.bytes, value.len);
}
