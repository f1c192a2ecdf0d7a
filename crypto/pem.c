/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/pem.h"

#include <openssl/err.h>
#include <openssl/pem.h>

#include "crypto/openssl_error.h"

enum { PEM_TEXT_MAX = 64 << 20 };

static void bio_free(BIO **bio)
{
	BIO_free_all(*bio);
}

bool pem_each(struct bytes text, pem_visit *visit, void *context, struct err *err)
{
	OWNED(bio_free) BIO *bio = NULL;
	char *name, *header;
	uint8_t *data;
	bool ok = true;
	long len;

	if (text.len > PEM_TEXT_MAX)
		return err_set(
			err, ERR_LIMIT, "PEM: %zu bytes, at most %d", text.len, PEM_TEXT_MAX);
	bio = BIO_new_mem_buf(text.len ? (const void *)text.data : "", (int)text.len);
	if (!bio)
		return openssl_fail(err, ERR_NOMEM, "PEM");
	while (ok && PEM_read_bio(bio, &name, &header, &data, &len) == 1) {
		struct pem_block block = {name, header, bytes_of(data, (size_t)len)};

		ok = visit(&block, context, err);
		OPENSSL_free(name);
		OPENSSL_free(header);
		OPENSSL_clear_free(data, (size_t)len);
	}
	if (ok && ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
		return openssl_fail(err, ERR_FORMAT, "PEM");
	openssl_forget();
	return ok;
}

bool pem_put(struct buf *out, const char *name, struct bytes der, struct err *err)
{
	OWNED(bio_free) BIO *bio = BIO_new(BIO_s_mem());
	char *text = NULL;
	long len;

	if (!bio || PEM_write_bio(bio, name, "", der.data, (long)der.len) <= 0)
		return openssl_fail(err, ERR_CRYPTO, name);
	len = BIO_get_mem_data(bio, &text);
	buf_put(out, bytes_of(text, (size_t)len));
	return buf_ok(out, err);
}
