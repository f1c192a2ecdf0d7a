/* SPDX-License-Identifier: Apache-2.0 */
/* Routes about records: what was decided, why, and the bundle with which anybody can decide it
 * again. */
#include "verifier/app.h"

#include "base/text.h"
#include "verifier/record_chain.h"
#include "verifier/record_contents.h"
#include "verifier/retention_rows.h"

#include <stdlib.h>

#define RECORDS_DEFAULT 50u

static json_t *record_json(const struct record_row *row)
{
	char id[2 * SHA256_LEN + 1], host[2 * HOST_ID_LEN + 1], instance[2 * INSTANCE_ID_LEN + 1];
	char release[2 * SHA256_LEN + 1], time[TIME_TEXT_MAX];
	hex_encode(BYTES_OF(row->id), id);
	hex_encode(BYTES_OF(row->host), host);
	hex_encode(BYTES_OF(row->instance), instance);
	hex_encode(BYTES_OF(row->release), release);
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:b, s:s, s:I}", "id", id, "time",
		time_format(row->time, time), "host", host, "instance", instance, "workload",
		row->workload, "release", release, "trusted", (int)row->trusted, "purpose",
		purpose_name(row->purpose), "index", (json_int_t)row->index);
}

/* ---- the list ---- */

static bool number_query(
	struct call *call, const char *name, uint64_t max, uint64_t *value, struct err *err)
{
	const char *text = http_query(call->exchange, name);
	uint64_t n = 0;
	if (!text)
		return true;
	size_t len = strlen(text);
	for (size_t i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9' || len > 18)
			return err_set(err, ERR_FORMAT, "%s: expected a number", name);
		n = n * 10 + (uint64_t)(text[i] - '0');
	}
	if (len == 0 || n < 1 || n > max)
		return err_set(
			err, ERR_FORMAT, "%s: expected 1 to %llu", name, (unsigned long long)max);
	*value = n;
	return true;
}

static bool filter_read(
	struct call *call, struct record_filter *filter, uint8_t host[HOST_ID_LEN], struct err *err)
{
	const char *id = http_query(call->exchange, "host");
	uint64_t limit = RECORDS_DEFAULT;
	filter->workload = bytes_str(http_query(call->exchange, "workload"));
	if (id && !hex_decode_exact(bytes_str(id), host, HOST_ID_LEN, NULL))
		return err_set(err, ERR_FORMAT, "host: expected 64 lower-case hex digits");
	filter->host = id ? host : NULL;
	if (!number_query(call, "limit", ROW_LIST_MAX, &limit, err) ||
		!number_query(call, "before", INT64_MAX, &filter->before, err))
		return false;
	filter->limit = (unsigned)limit;
	return true;
}

/* "content": "kept", or "destroyed" with when, and by which ledger entry. */
static bool add_content(struct sql *sql, json_t *record, uint64_t index, struct err *err)
{
	struct gone gone = {0};
	char time[TIME_TEXT_MAX];
	bool is = false;
	if (!record_gone(sql, index, &gone, &is, err))
		return false;
	bool ok =
		json_object_set_new(record, "content", json_string(is ? "destroyed" : "kept")) == 0;
	if (is)
		ok = ok &&
		     json_object_set_new(
			     record, "destroyed", json_string(time_format(gone.time, time))) == 0 &&
		     json_object_set_new(record, "destroyed_by_entry",
			     json_integer((json_int_t)gone.entry)) == 0;
	return ok || err_set(err, ERR_NOMEM, "records");
}

struct listing {
	struct sql *sql;
	json_t *list;
};

static bool record_visited(void *arg, const struct record_row *row, struct err *err)
{
	const struct listing *listing = arg;
	OWNED(json_release) json_t *record = record_json(row);
	return (record && json_array_append(listing->list, record) == 0)
		       ? add_content(listing->sql, record, row->index, err)
		       : err_set(err, ERR_NOMEM, "records");
}

bool serve_records(struct call *call, struct err *err)
{
	OWNED(json_release) json_t *list = json_array();
	struct sql *sql = NULL;
	struct record_filter filter = {0};
	uint8_t host[HOST_ID_LEN];
	if (!list)
		return err_set(err, ERR_NOMEM, "records");
	if (!filter_read(call, &filter, host, err) || !call_read(call, &sql, err))
		return false;
	struct listing listing = {.sql = sql, .list = list};
	bool ok = records_each(sql, &filter, record_visited, &listing, err);
	store_read_done(call->app->store, &sql);
	return ok && call_json(call, 200, json_pack("{s:O}", "records", list), err);
}

/* ---- one ---- */

/* A record as it was signed, opened. */
struct opened {
	struct record_row row;
	struct record record;
};

static void opened_free(struct opened **o)
{
	if (!*o)
		return;
	record_row_release(&(*o)->row);
	free(*o);
	*o = NULL;
}

static bool record_load(struct call *call, struct sql *sql, struct opened *o, struct err *err)
{
	uint8_t id[SHA256_LEN];
	bool found = false;
	if (!call_param_digest(call, 0, id, err) || !record_get(sql, id, &o->row, &found, err))
		return false;
	if (!found)
		return err_set(err, ERR_NOT_FOUND, "no such record");
	if (!record_open(buf_bytes(&o->row.cose), call->app->issuer.signing_key, &o->record, err))
		return err_set(
			err, ERR_STORE, "the stored record was not signed by this verifier's key");
	return true;
}

static bool record_answer(struct call *call, struct sql *sql, struct opened *o, struct err *err)
{
	OWNED(buf_release) struct buf text = {0};
	OWNED(json_release) json_t *verdict = NULL;
	OWNED(json_release) json_t *answer = NULL;
	if (!record_load(call, sql, o, err))
		return false;
	answer = record_json(&o->row);
	if (!answer)
		return err_set(err, ERR_NOMEM, "record");
	if (!add_content(sql, answer, o->row.index, err))
		return false;
	if (json_object_get(answer, "destroyed"))
		return call_json(call, 200, TAKE(answer), err);
	const uint8_t *digest = record_input_digest(&o->record, "verdict");
	if (!digest || !record_object_get(sql, o->row.index, digest, &text, err) ||
		!json_open(buf_bytes(&text), JSON_INPUT_MAX, &verdict, err))
		return err->code == ERR_GONE
			       ? err_wrap(err, "the record's verdict")
			       : err_set(err, ERR_STORE, "the record's verdict is not stored");
	if (json_object_set(answer, "verdict", verdict) != 0)
		return err_set(err, ERR_NOMEM, "record");
	return call_json(call, 200, TAKE(answer), err);
}

bool serve_record(struct call *call, struct err *err)
{
	OWNED(opened_free) struct opened *o = calloc(1, sizeof(*o));
	struct sql *sql = NULL;
	if (!o)
		return err_set(err, ERR_NOMEM, "record");
	if (!call_read(call, &sql, err))
		return false;
	bool ok = record_answer(call, sql, o, err);
	store_read_done(call->app->store, &sql);
	return ok;
}

/* ---- the audit bundle ---- */

struct collection {
	struct sql *sql;
	struct record_objects objects;
	struct opened opened;
	struct policy_frozen frozen;
	struct audit_bundle bundle;
	struct leaf_row leaf;
	struct record_chain chain;
	struct buf proof, checkpoint, chain_bytes, receipt, receipt_key, quote, quote_proof;
};

static void collection_free(struct collection **c)
{
	if (!*c)
		return;
	policy_frozen_release(&(*c)->frozen);
	record_objects_release(&(*c)->objects);
	record_row_release(&(*c)->opened.row);
	leaf_row_release(&(*c)->leaf);
	buf_release(&(*c)->proof);
	buf_release(&(*c)->checkpoint);
	buf_release(&(*c)->chain_bytes);
	record_chain_release(&(*c)->chain);
	buf_release(&(*c)->receipt);
	buf_release(&(*c)->receipt_key);
	buf_release(&(*c)->quote);
	buf_release(&(*c)->quote_proof);
	free(*c);
	*c = NULL;
}

/* What the record names, and whatever the context asks for besides: the decoder says what that is.
 */
static bool collect_all(struct collection *c, struct err *err)
{
	const struct record *record = &c->opened.record;
	struct bytes object, context = {0};
	if (!record_objects_of(&c->objects, c->opened.row.index, err))
		return false;
	for (size_t i = 0; i < record->input_count; i++) {
		if (!record_objects_get(&c->objects, record->inputs[i].digest, &object, err))
			return err_wrap(err, "input %s", record->inputs[i].name);
		if (strcmp(record->inputs[i].name, "context") == 0)
			context = object;
	}
	return policy_context_decode(context, record_objects_find, &c->objects, &c->frozen, err);
}

static bool prove(struct collection *c, struct err *err)
{
	struct checkpoint tree;
	bool found = false;
	if (!leaf_get(c->sql, c->opened.row.index, &c->leaf, &found, err))
		return false;
	if (!found)
		return err_set(err, ERR_STORE, "the record's leaf is not stored");
	if (!log_tree_choose(c->sql, c->leaf.index, &c->checkpoint, &tree, err))
		return false;
	struct tile_source source = tile_rows(c->sql, tree.size);
	c->bundle.tree_size = tree.size;
	memcpy(c->bundle.tree_root, tree.root, SHA256_LEN);
	return tiles_inclusion(&source, c->leaf.index, tree.size, &c->proof, err);
}

/* A launch, and a renewal that was appraised in full, stand on no record before. */
static bool stands_alone(struct collection *c)
{
	OWNED(json_release) json_t *verdict = NULL;
	const uint8_t *digest = record_input_digest(&c->opened.record, "verdict");
	struct bytes text = {0};
	return c->frozen.context.challenge.purpose == PURPOSE_ENROLL || !digest ||
	       !record_objects_get(&c->objects, digest, &text, NULL) ||
	       !json_open(text, JSON_INPUT_MAX, &verdict, NULL) ||
	       json_is_true(json_object_get(verdict, "full"));
}

/* chain=N: at most so many records of those before; 0: none; not given: all. */
static bool chain_collect(struct call *call, struct collection *c, struct err *err)
{
	uint64_t limit = AUDIT_LINKS_MAX;
	const char *text = http_query(call->exchange, "chain");
	if (text && (!text_decimal(bytes_str(text), &limit) || limit > AUDIT_LINKS_MAX))
		return err_set(err, ERR_FORMAT, "chain: expected 0 to %u", AUDIT_LINKS_MAX);
	if (stands_alone(c))
		return true;
	c->chain = (struct record_chain){
		.objects = {.sql = c->sql, .shared = &c->objects},
		.key = call->app->issuer.signing_key,
		.tree_size = c->bundle.tree_size,
		.limit = (size_t)limit,
	};
	return record_chain_collect(&c->chain, &c->frozen.state_in, err) &&
	       record_chain_encode(&c->chain, &c->chain_bytes, err);
}

/* The receipt, and its key where that is not the one that signs records. */
static bool vouch(struct app *app, struct collection *c, struct err *err)
{
	const struct key *key = app->receipts.key;
	if (!key_equal(key, app->issuer.signing_key))
		buf_put(&c->receipt_key, key_spki(key));
	return buf_ok(&c->receipt_key, err) &&
	       receipt_make(
		       &app->receipts, c->sql, RECEIPT_INCLUSION, c->leaf.index, &c->receipt, err);
}

/* The newest checkpoint that the host quoted, if its tree has the leaf. */
static bool quote_collect(struct collection *c, struct err *err)
{
	uint64_t size = 0;
	if (!log_quote_get(c->sql, &c->quote, &size, err))
		return false;
	if (size <= c->leaf.index) {
		buf_clear(&c->quote);
		return true;
	}
	struct tile_source source = tile_rows(c->sql, size);
	return tiles_inclusion(&source, c->leaf.index, size, &c->quote_proof, err);
}

static void fill(struct collection *c, const struct issuer *issuer)
{
	struct audit_bundle *b = &c->bundle;
	b->record = buf_bytes(&c->opened.row.cose);
	b->leaf = buf_bytes(&c->leaf.bytes);
	b->index = c->leaf.index;
	b->proof = buf_bytes(&c->proof);
	b->checkpoint = buf_bytes(&c->checkpoint);
	b->chain = buf_bytes(&c->chain_bytes);
	b->receipt = buf_bytes(&c->receipt);
	b->receipt_key = buf_bytes(&c->receipt_key);
	b->quote = buf_bytes(&c->quote);
	b->quote_proof = buf_bytes(&c->quote_proof);
	memcpy(b->salt, c->leaf.salt, sizeof(b->salt));
	for (size_t i = 0; i < c->objects.count; i++)
		b->objects[b->object_count++] = buf_bytes(&c->objects.list[i].bytes);
	struct leaf leaf = {0};
	bool known = leaf_decode(b->leaf, &leaf, NULL);
	b->certs[b->cert_count++] = cert_der(
		known ? issuer_signer_of(issuer, leaf.issuer, leaf.time) : issuer->signing_cert);
	/* The root is the auditor's to bring. */
	struct bytes chain[X509_CHAIN_MAX];
	size_t chain_count = issuer_chain(issuer, chain);
	for (size_t i = 0; i < chain_count && b->cert_count < CREDENTIAL_CERTS_MAX; i++)
		b->certs[b->cert_count++] = chain[i];
}

static bool content_there(struct sql *sql, uint64_t index, struct err *err)
{
	struct gone gone;
	char time[TIME_TEXT_MAX];
	bool is = false;
	if (!record_gone(sql, index, &gone, &is, err))
		return false;
	return !is || err_set(err, ERR_GONE,
			      "what this record was decided on was destroyed at %s, as ledger "
			      "entry %llu says",
			      time_format(gone.time, time), (unsigned long long)gone.entry);
}

static bool bundle_make(struct call *call, struct collection *c, struct err *err)
{
	if (!record_load(call, c->sql, &c->opened, err) ||
		!content_there(c->sql, c->opened.row.index, err))
		return false;
	if (!collect_all(c, err) || !prove(c, err) || !vouch(call->app, c, err) ||
		!quote_collect(c, err))
		return err_set(err, err->code == ERR_GONE ? ERR_GONE : ERR_STORE,
			"audit bundle: %.200s", err->text);
	if (!chain_collect(call, c, err))
		return false;
	fill(c, &call->app->issuer);
	buf_clear(&call->reply);
	call->status = 200;
	call->type = MEDIA_AUDIT;
	return audit_bundle_encode(&c->bundle, &call->reply, err);
}

bool serve_record_bundle(struct call *call, struct err *err)
{
	OWNED(collection_free) struct collection *c = calloc(1, sizeof(*c));
	if (!c)
		return err_set(err, ERR_NOMEM, "audit bundle");
	if (!call_read(call, &c->sql, err))
		return false;
	c->objects.sql = c->sql;
	c->objects.max = AUDIT_OBJECTS_MAX;
	bool ok = bundle_make(call, c, err);
	store_read_done(call->app->store, &c->sql);
	return ok;
}
