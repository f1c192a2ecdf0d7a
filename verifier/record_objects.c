/* SPDX-License-Identifier: Apache-2.0 */
#include "verifier/record_objects.h"

#include "verifier/record_contents.h"

bool record_objects_of(struct record_objects *o, uint64_t index, struct err *err)
{
	OWNED(record_contents_release) struct record_contents own = {0};
	if (!record_contents_get(o->sql, index, &own, err))
		return false;
	for (size_t i = 0; i < own.count && o->count < AUDIT_OBJECTS_MAX; i++) {
		buf_put(&o->objects[o->count], own.contents[i]);
		if (!buf_ok(&o->objects[o->count], err))
			return false;
		memcpy(o->digests[o->count++], own.digests[i], SHA256_LEN);
	}
	return true;
}

bool record_objects_get(struct record_objects *o, const uint8_t digest[SHA256_LEN],
	struct bytes *ret, struct err *err)
{
	for (size_t i = 0; i < o->count; i++)
		if (memcmp(o->digests[i], digest, SHA256_LEN) == 0) {
			*ret = buf_bytes(&o->objects[i]);
			return true;
		}
	if (o->count == AUDIT_OBJECTS_MAX)
		return err_set(
			err, ERR_LIMIT, "a bundle has at most %u objects", AUDIT_OBJECTS_MAX);
	if (!object_get(o->sql, digest, &o->objects[o->count], err))
		return false;
	memcpy(o->digests[o->count], digest, SHA256_LEN);
	*ret = buf_bytes(&o->objects[o->count++]);
	return true;
}

bool record_objects_find(void *objects, const uint8_t digest[SHA256_LEN], struct bytes *ret)
{
	struct record_objects *o = objects;
	return record_objects_get(o, digest, ret, &o->err);
}

void record_objects_release(struct record_objects *o)
{
	/* One more may have been begun and not finished. */
	for (size_t i = 0; i <= o->count && i < AUDIT_OBJECTS_MAX; i++)
		buf_release(&o->objects[i]);
	o->count = 0;
}

const uint8_t *record_input_digest(const struct record *record, const char *name)
{
	for (size_t i = 0; i < record->input_count; i++)
		if (strcmp(record->inputs[i].name, name) == 0)
			return record->inputs[i].digest;
	return NULL;
}
