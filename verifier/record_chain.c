/* SPDX-License-Identifier: Apache-2.0 */
#include "verifier/record_chain.h"

#include "base/json.h"
#include "verifier/record_contents.h"

#include <stdlib.h>

/* ---- objects: each once, whichever records name it ---- */

static struct buf *object_find(const struct record_chain *c, const uint8_t digest[SHA256_LEN])
{
	for (size_t i = 0; i < c->object_count; i++)
		if (memcmp(c->objects[i].digest, digest, SHA256_LEN) == 0)
			return &c->objects[i].bytes;
	return NULL;
}

static bool object_room(struct record_chain *c, struct err *err)
{
	size_t room = c->object_room ? 2 * c->object_room : 64;
	if (c->object_count < c->object_room)
		return true;
	struct chain_object *more = realloc(c->objects, room * sizeof(*more));
	if (!more)
		return err_set(err, ERR_NOMEM, "audit chain");
	c->objects = more;
	c->object_room = room;
	return true;
}

static bool is_shared(
	const struct record_chain *c, const uint8_t digest[SHA256_LEN], struct bytes *ret)
{
	const struct record_objects *shared = c->shared;
	for (size_t i = 0; i < shared->count; i++)
		if (memcmp(shared->digests[i], digest, SHA256_LEN) == 0) {
			*ret = buf_bytes(&shared->objects[i]);
			return true;
		}
	return false;
}

/* Room for one more, empty yet; NULL: no memory. It counts once object_keep has it. */
static struct chain_object *object_begin(struct record_chain *c, struct err *err)
{
	if (!object_room(c, err))
		return NULL;
	struct chain_object *o = &c->objects[c->object_count];
	memset(o, 0, sizeof(*o));
	return o;
}

static void object_keep(
	struct record_chain *c, struct chain_object *o, const uint8_t digest[SHA256_LEN])
{
	memcpy(o->digest, digest, SHA256_LEN);
	c->bytes += o->bytes.len;
	c->object_count++;
}

/* What is the record's own, first of all. */
static bool take_own(struct record_chain *c, uint64_t index, struct err *err)
{
	OWNED(record_contents_release) struct record_contents own = {0};
	struct bytes known;
	if (!record_contents_get(c->sql, index, &own, err))
		return false;
	for (size_t i = 0; i < own.count; i++) {
		if (is_shared(c, own.digests[i], &known) || object_find(c, own.digests[i]))
			continue;
		struct chain_object *o = object_begin(c, err);
		if (!o)
			return false;
		buf_put(&o->bytes, own.contents[i]);
		if (!buf_ok(&o->bytes, err)) {
			buf_release(&o->bytes);
			return false;
		}
		object_keep(c, o, own.digests[i]);
	}
	return true;
}

static bool object_take(struct record_chain *c, const uint8_t digest[SHA256_LEN], struct bytes *ret,
	struct err *err)
{
	if (is_shared(c, digest, ret))
		return true;
	const struct buf *known = object_find(c, digest);
	if (!known) {
		struct chain_object *o = object_begin(c, err);
		if (!o)
			return false;
		if (!object_get(c->sql, digest, &o->bytes, err)) {
			buf_release(&o->bytes);
			return false;
		}
		object_keep(c, o, digest);
		known = &o->bytes;
	}
	*ret = buf_bytes(known);
	return true;
}

struct lookup {
	struct record_chain *chain;
	struct err err;
};

static bool lookup_find(void *arg, const uint8_t digest[SHA256_LEN], struct bytes *ret)
{
	struct lookup *lookup = arg;
	return object_take(lookup->chain, digest, ret, &lookup->err);
}

/* What a policy names besides, the decoder knows; each policy is asked once. */
static bool take_references(struct record_chain *c, struct bytes context,
	const uint8_t policy[SHA256_LEN], struct err *err)
{
	OWNED(policy_frozen_release) struct policy_frozen frozen = {0};
	struct lookup lookup = {.chain = c};
	if (memcmp(policy, c->policy, SHA256_LEN) == 0)
		return true;
	if (!policy_context_decode(context, lookup_find, &lookup, &frozen, err))
		return lookup.err.code == ERR_NONE ||
		       err_set(err, lookup.err.code, "%s", lookup.err.text);
	memcpy(c->policy, policy, SHA256_LEN);
	return true;
}

/* ---- one record ---- */

/* What the next step needs to know of it. */
struct step {
	struct record record;
	struct policy_state state;
	bool full;
};

static bool verdict_full(struct bytes text, bool *ret, struct err *err)
{
	OWNED(json_release) json_t *verdict = NULL;
	if (!json_open(text, JSON_INPUT_MAX, &verdict, err))
		return false;
	*ret = json_is_true(json_object_get(verdict, "full"));
	return true;
}

static bool take_inputs(struct record_chain *c, struct step *step, struct err *err)
{
	struct bytes object, context = {0}, verdict = {0};
	uint8_t policy[SHA256_LEN];
	for (size_t i = 0; i < step->record.input_count; i++) {
		const struct record_input *input = &step->record.inputs[i];
		if (!object_take(c, input->digest, &object, err))
			return false;
		if (strcmp(input->name, "context") == 0)
			context = object;
		if (strcmp(input->name, "verdict") == 0)
			verdict = object;
	}
	return verdict_full(verdict, &step->full, err) &&
	       policy_context_state(context, &step->state, policy, err) &&
	       take_references(c, context, policy, err);
}

static void row_release(struct chain_row *row)
{
	buf_release(&row->cose);
	buf_release(&row->leaf);
	buf_release(&row->proof);
}

static bool take_leaf(struct record_chain *c, struct chain_row *row, struct err *err)
{
	OWNED(leaf_row_release) struct leaf_row leaf = {0};
	struct tile_source source = tile_rows(c->sql, c->tree_size);
	bool found = false;
	if (!leaf_get(c->sql, row->index, &leaf, &found, err))
		return false;
	if (!found || row->index >= c->tree_size)
		return err_set(err, ERR_NOT_FOUND, "the record's leaf is not in the tree");
	memcpy(row->salt, leaf.salt, sizeof(row->salt));
	row->leaf = TAKE_STRUCT(leaf.bytes);
	return tiles_inclusion(&source, row->index, c->tree_size, &row->proof, err);
}

static bool take_record(struct record_chain *c, const uint8_t id[SHA256_LEN], struct chain_row *row,
	struct step *step, struct err *err)
{
	OWNED(record_row_release) struct record_row stored = {0};
	bool found = false;
	if (!record_get(c->sql, id, &stored, &found, err))
		return false;
	if (!found)
		return err_set(err, ERR_NOT_FOUND, "no such record");
	row->index = stored.index;
	row->cose = TAKE_STRUCT(stored.cose);
	c->bytes += row->cose.len;
	return record_open(buf_bytes(&row->cose), c->key, &step->record, err) &&
	       take_own(c, row->index, err) && take_inputs(c, step, err) && take_leaf(c, row, err);
}

/* ---- the walk ---- */

/* Objects that came with a record which is not taken go again. */
static void forget(struct record_chain *c, struct chain_row *row, size_t objects, size_t bytes)
{
	row_release(row);
	memset(row, 0, sizeof(*row));
	while (c->object_count > objects)
		buf_release(&c->objects[--c->object_count].bytes);
	c->bytes = bytes;
}

/* Not kept, or signed by a key of before: the chain goes no further, and an audit says so. */
static bool ends_here(const struct err *err)
{
	return err->code == ERR_NOT_FOUND || err->code == ERR_GONE || err->code == ERR_MISMATCH;
}

bool record_chain_collect(struct record_chain *c, const struct policy_state *state, struct err *err)
{
	OWNED(free_ptr) struct step *step = calloc(1, sizeof(*step));
	uint8_t id[SHA256_LEN];
	bool more = state->established && c->limit > 0;
	if (!step)
		return err_set(err, ERR_NOMEM, "audit chain");
	if (c->limit > AUDIT_LINKS_MAX)
		c->limit = AUDIT_LINKS_MAX;
	c->rows = calloc(c->limit + 1, sizeof(*c->rows));
	if (!c->rows)
		return err_set(err, ERR_NOMEM, "audit chain");
	memcpy(id, state->record, sizeof(id));
	while (more && c->count < c->limit) {
		struct chain_row *row = &c->rows[c->count];
		size_t objects = c->object_count, bytes = c->bytes;
		struct err why = {0};
		bool taken = take_record(c, id, row, step, &why);
		if (!taken && !ends_here(&why))
			return err_set(err, why.code, "audit chain: %.200s", why.text);
		if (!taken || c->bytes > RECORD_CHAIN_BYTES_MAX ||
			c->object_count > AUDIT_LINK_OBJECTS_MAX) {
			forget(c, row, objects, bytes);
			return true;
		}
		c->count++;
		more = !step->full && step->state.established;
		memcpy(id, step->state.record, sizeof(id));
	}
	return true;
}

bool record_chain_encode(const struct record_chain *c, struct buf *out, struct err *err)
{
	OWNED(audit_links_release) struct audit_links links = {0};
	if (c->count == 0)
		return true;
	links.links = calloc(c->count, sizeof(*links.links));
	links.objects = calloc(c->object_count + 1, sizeof(*links.objects));
	if (!links.links || !links.objects)
		return err_set(err, ERR_NOMEM, "audit chain");
	for (; links.count < c->count; links.count++) {
		const struct chain_row *row = &c->rows[links.count];
		struct audit_link *link = &links.links[links.count];
		*link = (struct audit_link){.record = buf_bytes(&row->cose),
			.leaf = buf_bytes(&row->leaf),
			.proof = buf_bytes(&row->proof),
			.index = row->index};
		memcpy(link->salt, row->salt, sizeof(link->salt));
	}
	for (; links.object_count < c->object_count; links.object_count++)
		links.objects[links.object_count] =
			buf_bytes(&c->objects[links.object_count].bytes);
	return audit_links_encode(&links, out, err);
}

void record_chain_release(struct record_chain *c)
{
	for (size_t i = 0; c->rows && i <= c->count && i <= c->limit; i++)
		row_release(&c->rows[i]);
	for (size_t i = 0; i < c->object_count; i++)
		buf_release(&c->objects[i].bytes);
	free(c->rows);
	free(c->objects);
	c->rows = NULL;
	c->objects = NULL;
	c->count = c->object_count = 0;
}
