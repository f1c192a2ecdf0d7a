/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/context_floors.h"

#include "policy/context_parts.h"
#include "policy/release_version.h"

enum {
	FLOOR_SEQUENCE = 1,
	FLOOR_VERSION,
	FLOOR_RELEASE,
	FLOOR_PUBLISHED,
	FLOOR_JUDGED_PUBLISHED,
	FLOOR_PASSED
};
enum { SECURITY_SEQUENCE = 1, SECURITY_MINIMUM, SECURITY_STATEMENT };

static const int64_t FLOOR_KEYS[] = {FLOOR_SEQUENCE, FLOOR_VERSION, FLOOR_RELEASE, FLOOR_PUBLISHED,
	FLOOR_JUDGED_PUBLISHED, FLOOR_PASSED};
static const int64_t SECURITY_KEYS[] = {SECURITY_SEQUENCE, SECURITY_MINIMUM, SECURITY_STATEMENT};

size_t context_count_floors(const struct policy_context *c)
{
	return (size_t)(c->floor.sequence != 0) + (c->security_floor.sequence != 0);
}

void context_put_floors(struct cbor_writer *w, const struct policy_context *c)
{
	const struct context_floor *floor = &c->floor;
	const struct context_security_floor *security = &c->security_floor;

	if (floor->sequence != 0) {
		cbor_put_int(w, CONTEXT_KEY_FLOOR);
		cbor_put_map(w, ARRAY_LEN(FLOOR_KEYS));
		cbor_pair_uint(w, FLOOR_SEQUENCE, floor->sequence);
		cbor_pair_text(w, FLOOR_VERSION, floor->version);
		cbor_pair_bytes(w, FLOOR_RELEASE, BYTES_OF(floor->release));
		cbor_pair_uint(w, FLOOR_PUBLISHED, (uint64_t)floor->published);
		cbor_pair_uint(w, FLOOR_JUDGED_PUBLISHED, (uint64_t)floor->judged_published);
		cbor_pair_uint(w, FLOOR_PASSED, (uint64_t)floor->passed);
	}
	if (security->sequence != 0) {
		cbor_put_int(w, CONTEXT_KEY_SECURITY_FLOOR);
		cbor_put_map(w, ARRAY_LEN(SECURITY_KEYS));
		cbor_pair_uint(w, SECURITY_SEQUENCE, security->sequence);
		cbor_pair_text(w, SECURITY_MINIMUM, security->minimum);
		cbor_pair_bytes(w, SECURITY_STATEMENT, BYTES_OF(security->statement));
	}
}

/* A floor that is there was counted: sequence 0 is said by leaving the map out. */
static uint64_t read_sequence(struct cbor_item item, int64_t key, const char *field)
{
	uint64_t sequence = cbor_uint(cbor_key(item, key, field), UINT64_MAX, field);

	if (sequence == 0)
		cbor_fail(item, field, "0 is said by leaving the floor out");
	return sequence;
}

static void read_floor(struct cbor_item root, struct context_floor *floor)
{
	struct cbor_item item = cbor_key_optional(root, CONTEXT_KEY_FLOOR);

	if (item.kind == CBOR_ABSENT)
		return;
	cbor_only_keys(item, FLOOR_KEYS, ARRAY_LEN(FLOOR_KEYS), "version floor");
	floor->sequence = read_sequence(item, FLOOR_SEQUENCE, "floor's sequence");
	floor->version = cbor_text(cbor_key(item, FLOOR_VERSION, "floor's version"), 1,
		RELEASE_VERSION_MAX, "floor's version");
	cbor_copy(cbor_key(item, FLOOR_RELEASE, "floor's release"), floor->release, SHA256_LEN,
		"floor's release");
	floor->published = context_read_time(item, FLOOR_PUBLISHED, "floor's publication");
	floor->judged_published = context_read_time(item, FLOOR_JUDGED_PUBLISHED, "publication");
	floor->passed = context_read_time(item, FLOOR_PASSED, "passed");
}

static void read_security_floor(struct cbor_item root, struct context_security_floor *floor)
{
	struct cbor_item item = cbor_key_optional(root, CONTEXT_KEY_SECURITY_FLOOR);

	if (item.kind == CBOR_ABSENT)
		return;
	cbor_only_keys(item, SECURITY_KEYS, ARRAY_LEN(SECURITY_KEYS), "security floor");
	floor->sequence = read_sequence(item, SECURITY_SEQUENCE, "security floor's sequence");
	floor->minimum = cbor_text(cbor_key(item, SECURITY_MINIMUM, "security floor's minimum"), 0,
		RELEASE_VERSION_MAX, "security floor's minimum");
	cbor_copy(cbor_key(item, SECURITY_STATEMENT, "security floor's statement"),
		floor->statement, SHA256_LEN, "security floor's statement");
}

void context_read_floors(struct cbor_item root, struct policy_context *c)
{
	read_floor(root, &c->floor);
	read_security_floor(root, &c->security_floor);
}
