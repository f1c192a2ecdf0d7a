/* SPDX-License-Identifier: Apache-2.0 */
#include "verifier/record_objects.h"

#include "verifier/record_contents.h"

#include <stdlib.h>

static const struct buf *known(const struct record_objects *o, const uint8_t digest[SHA256_LEN])
{
	for (; o; o = o->shared)
		for (size_t i = 0; i < o->count; i++)
			if (memcmp(o->list[i].digest, digest, SHA256_LEN) == 0)
				return &o->list[i].bytes;
	return NULL;
}

static bool make_room(struct record_objects *o, struct err *err)
{
	size_t room = o->room ? 2 * o->room : 16;
	if (o->count >= o->max)
		return err_set(err, ERR_LIMIT, "more than %zu objects", o->max);
	if (o->count < o->room)
		return true;
	struct record_object *more = realloc(o->list, room * sizeof(*more));
	if (!more)
		return err_set(err, ERR_NOMEM, "objects of records");
	o->list = more;
	o->room = room;
	return true;
}

/* Takes bytes over, whatever comes of it. */
static bool keep(struct record_objects *o, const uint8_t digest[SHA256_LEN], struct buf *bytes,
	struct err *err)
{
	if (!buf_ok(bytes, err) || !make_room(o, err)) {
		buf_release(bytes);
		return false;
	}
	struct record_object *object = &o->list[o->count++];
	memcpy(object->digest, digest, SHA256_LEN);
	object->bytes = TAKE_STRUCT(*bytes);
	o->bytes += object->bytes.len;
	return true;
}

bool record_objects_of(struct record_objects *o, uint64_t index, struct err *err)
{
	OWNED(record_contents_release) struct record_contents own = {0};
	if (!record_contents_get(o->sql, index, &own, err))
		return false;
	for (size_t i = 0; i < own.count; i++) {
		struct buf copy = {0};
		if (known(o, own.digests[i]))
			continue;
		buf_put(&copy, own.contents[i]);
		if (!keep(o, own.digests[i], &copy, err))
			return false;
	}
	return true;
}

bool record_objects_get(struct record_objects *o, const uint8_t digest[SHA256_LEN],
	struct bytes *ret, struct err *err)
{
	const struct buf *found = known(o, digest);
	if (!found) {
		OWNED(buf_release) struct buf read = {0};
		if (!object_get(o->sql, digest, &read, err) || !keep(o, digest, &read, err))
			return false;
		found = &o->list[o->count - 1].bytes;
	}
	*ret = buf_bytes(found);
	return true;
}

bool record_objects_find(void *objects, const uint8_t digest[SHA256_LEN], struct bytes *ret)
{
	struct record_objects *o = objects;
	return record_objects_get(o, digest, ret, &o->err);
}

void record_objects_cut(struct record_objects *o, size_t count)
{
	while (o->count > count) {
		struct buf *bytes = &o->list[--o->count].bytes;
		o->bytes -= bytes->len;
		buf_release(bytes);
	}
}

void record_objects_release(struct record_objects *o)
{
	record_objects_cut(o, 0);
	free(o->list);
	o->list = NULL;
	o->room = 0;
}

const uint8_t *record_input_digest(const struct record *record, const char *name)
{
	for (size_t i = 0; i < record->input_count; i++)
		if (strcmp(record->inputs[i].name, name) == 0)
			return record->inputs[i].digest;
	return NULL;
}
