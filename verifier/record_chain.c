/* SPDX-License-Identifier: Apache-2.0 */
#include "verifier/record_chain.h"

#include "base/json.h"

#include <stdlib.h>

/* What a policy names besides, the decoder knows; each policy is asked once. */
static bool take_references(struct record_chain *c, struct bytes context,
	const uint8_t policy[SHA256_LEN], struct err *err)
{
	OWNED(policy_frozen_release) struct policy_frozen frozen = {0};
	if (memcmp(policy, c->policy, SHA256_LEN) == 0)
		return true;
	c->objects.err = (struct err){0};
	if (!policy_context_decode(context, record_objects_find, &c->objects, &frozen, err))
		return c->objects.err.code == ERR_NONE ||
		       err_set(err, c->objects.err.code, "%s", c->objects.err.text);
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
		if (!record_objects_get(&c->objects, input->digest, &object, err))
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
	struct tile_source source = tile_rows(c->objects.sql, c->tree_size);
	bool found = false;
	if (!leaf_get(c->objects.sql, row->index, &leaf, &found, err))
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
	if (!record_get(c->objects.sql, id, &stored, &found, err))
		return false;
	if (!found)
		return err_set(err, ERR_NOT_FOUND, "no such record");
	row->index = stored.index;
	row->cose = TAKE_STRUCT(stored.cose);
	c->bytes += row->cose.len;
	return record_open(buf_bytes(&row->cose), c->key, &step->record, err) &&
	       record_objects_of(&c->objects, row->index, err) && take_inputs(c, step, err) &&
	       take_leaf(c, row, err);
}

/* ---- the walk ---- */

/* Objects that came with a record which is not taken go again. */
static void forget(struct record_chain *c, struct chain_row *row, size_t objects, size_t bytes)
{
	row_release(row);
	memset(row, 0, sizeof(*row));
	record_objects_cut(&c->objects, objects);
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
	/* One record's more: that it is too many is seen when it is there. */
	c->objects.max = AUDIT_LINK_OBJECTS_MAX + AUDIT_OBJECTS_MAX;
	while (more && c->count < c->limit) {
		struct chain_row *row = &c->rows[c->count];
		size_t objects = c->objects.count, bytes = c->bytes;
		struct err why = {0};
		bool taken = take_record(c, id, row, step, &why);
		if (!taken && !ends_here(&why))
			return err_set(err, why.code, "audit chain: %.200s", why.text);
		if (!taken || c->bytes + c->objects.bytes > RECORD_CHAIN_BYTES_MAX ||
			c->objects.count > AUDIT_LINK_OBJECTS_MAX) {
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
	links.objects = calloc(c->objects.count + 1, sizeof(*links.objects));
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
	for (; links.object_count < c->objects.count; links.object_count++)
		links.objects[links.object_count] =
			buf_bytes(&c->objects.list[links.object_count].bytes);
	return audit_links_encode(&links, out, err);
}

void record_chain_release(struct record_chain *c)
{
	for (size_t i = 0; c->rows && i <= c->count && i <= c->limit; i++)
		row_release(&c->rows[i]);
	record_objects_release(&c->objects);
	free(c->rows);
	c->rows = NULL;
	c->count = 0;
}
