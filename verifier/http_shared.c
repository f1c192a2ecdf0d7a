/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes that many answers have in common. */
#include "verifier/http_private.h"

#include <stdlib.h>

struct http_shared {
	atomic_uint refs;
	struct buf bytes;
};

bool http_shared_new(struct buf *bytes, struct http_shared **ret, struct err *err)
{
	struct http_shared *shared = calloc(1, sizeof(*shared));
	if (!shared)
		return err_set(err, ERR_NOMEM, "answer");
	atomic_init(&shared->refs, 1);
	shared->bytes = TAKE_STRUCT(*bytes);
	*ret = shared;
	return true;
}

struct http_shared *http_shared_ref(struct http_shared *shared)
{
	(void)atomic_fetch_add(&shared->refs, 1);
	return shared;
}

void http_shared_unref(struct http_shared **shared)
{
	struct http_shared *gone = TAKE(*shared);
	if (!gone || atomic_fetch_sub(&gone->refs, 1) != 1)
		return;
	buf_release(&gone->bytes);
	free(gone);
}

struct bytes http_shared_bytes(const struct http_shared *shared)
{
	return buf_bytes(&shared->bytes);
}

static void on_written(const void *data, size_t len, void *arg)
{
	struct http_shared *shared = arg;
	(void)data;
	(void)len;
	http_shared_unref(&shared);
}

bool http_shared_put(struct http_shared *shared, struct evbuffer *out)
{
	struct bytes bytes = http_shared_bytes(shared);
	struct http_shared *own = http_shared_ref(shared);
	if (evbuffer_add_reference(out, bytes.data, bytes.len, on_written, own) == 0)
		return true;
	http_shared_unref(&own);
	return false;
}
