/* SPDX-License-Identifier: Apache-2.0 */
/* Requests for elevations, persons' words on them and sets of both: an approver hands words in, records carry sets, a verifier
 * shows requests. And the extension of certificates, which anybody may show. What is read is written again and says the same. */
#include "evidence/issued.h"
#include "policy/elevation.h"

#include <stdlib.h>

static void request(struct bytes in)
{
	struct elevation_request *r = NULL, *again = NULL;
	struct buf text = {0};
	struct err err = {0};

	if (!elevation_request_parse(in, &r, &err)) {
		if (err.text[0] == '\0')
			abort();
		return;
	}
	if (!elevation_request_write(r, &text, &err) ||
		!elevation_request_parse(buf_bytes(&text), &again, &err) ||
		again->duration != r->duration || again->has_instance != r->has_instance ||
		strcmp(again->right, r->right) != 0 || memcmp(again->id, r->id, sizeof(r->id)) != 0)
		abort();
	elevation_request_free(&r);
	elevation_request_free(&again);
	buf_release(&text);
}

static void approval(struct bytes in)
{
	struct elevation_approval *a = NULL, *again = NULL;
	struct buf text = {0};
	struct err err = {0};

	if (!elevation_approval_parse(in, &a, &err)) {
		if (err.text[0] == '\0')
			abort();
		return;
	}
	if (!elevation_approval_statement(a, &text, &err) ||
		!elevation_approval_parse(buf_bytes(&text), &again, &err) ||
		again->denied != a->denied || again->duration != a->duration ||
		memcmp(again->request, a->request, SHA256_LEN) != 0)
		abort();
	elevation_approval_free(&a);
	elevation_approval_free(&again);
	buf_release(&text);
}

static void set(struct bytes in)
{
	struct elevation_set read, again;
	struct buf text = {0};
	struct err err = {0};

	if (!elevation_set_parse(in, &read, &err)) {
		if (err.text[0] == '\0')
			abort();
		return;
	}
	if (!elevation_set_write(&read, &text, &err))
		abort();
	if (read.count > 0) {
		if (!elevation_set_parse(buf_bytes(&text), &again, &err) ||
			again.count != read.count)
			abort();
		elevation_set_release(&again);
	}
	elevation_set_release(&read);
	buf_release(&text);
}

static void extension(struct bytes in)
{
	struct issued_elevation list[ISSUED_ELEVATIONS_MAX];
	struct buf again = {0};
	struct err err = {0};
	size_t count = 0;

	if (!issued_elevations_decode(in, list, &count, &err)) {
		if (err.text[0] == '\0')
			abort();
		return;
	}
	if (!issued_elevations_encode(list, count, &again, &err) ||
		!bytes_equal(buf_bytes(&again), in))
		abort();
	buf_release(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes in = bytes_of(data, size);

	request(in);
	approval(in);
	set(in);
	extension(in);
	return 0;
}
