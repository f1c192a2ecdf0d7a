/* SPDX-License-Identifier: Apache-2.0 */
/* The record of one decision (docs/formats/record.md): read, written, signed, opened. */
#include "ledger/ledger.h"

#include <stdlib.h>

#include "base/cbor.h"
#include "base/text.h"

#define INPUTS_MAX      (RECORD_INPUTS_MAX + APPROVALS_IN_RECORD_MAX + STATEMENTS_IN_RECORD_MAX)
#define INPUT_NAME_MAX  (sizeof(((struct record_input *)NULL)->name) - 1)
#define VERIFIER_ID_MAX 255u
#define SUBJECT_PREFIX  "host/"
#define SUBJECT_LEN     (sizeof(SUBJECT_PREFIX) + 2 * HOST_ID_LEN)
#define ASSURANCE_LAST  3u

enum {
	KEY_TIME = 1,
	KEY_PURPOSE = 2,
	KEY_HOST = 3,
	KEY_INSTANCE = 4,
	KEY_WORKLOAD = 5,
	KEY_RELEASE = 6,
	KEY_TRUSTED = 7,
	KEY_ASSURANCE = 8,
	KEY_KEY = 9,
	KEY_INPUTS = 10,
	KEY_VERIFIER_ID = 11,
};
static const int64_t KEYS[] = {KEY_TIME, KEY_PURPOSE, KEY_HOST, KEY_INSTANCE, KEY_WORKLOAD,
	KEY_RELEASE, KEY_TRUSTED, KEY_ASSURANCE, KEY_KEY, KEY_INPUTS, KEY_VERIFIER_ID};

/* Deterministic CBOR orders text keys by length first. */
static int input_order(const void *a, const void *b)
{
	const char *x = ((const struct record_input *)a)->name;
	const char *y = ((const struct record_input *)b)->name;
	size_t nx = strlen(x), ny = strlen(y);

	if (nx != ny)
		return nx < ny ? -1 : 1;
	return strcmp(x, y);
}

static void put_inputs(struct cbor_writer *w, const struct record *record)
{
	struct record_input sorted[INPUTS_MAX];

	memcpy(sorted, record->inputs, record->input_count * sizeof(sorted[0]));
	qsort(sorted, record->input_count, sizeof(sorted[0]), input_order);
	cbor_put_int(w, KEY_INPUTS);
	cbor_put_map(w, record->input_count);
	for (size_t i = 0; i < record->input_count; i++) {
		cbor_put_str(w, sorted[i].name);
		cbor_put_bytes(w, BYTES_OF(sorted[i].digest));
	}
}

bool record_encode(const struct record *record, struct buf *out, struct err *err)
{
	struct cbor_writer w = cbor_writer_of(out);

	if (record->input_count > INPUTS_MAX || record->time < 0)
		return err_set(err, ERR_USAGE, "record: no time, or too many inputs");
	cbor_put_map(&w, ARRAY_LEN(KEYS));
	cbor_pair_uint(&w, KEY_TIME, (uint64_t)record->time);
	cbor_pair_uint(&w, KEY_PURPOSE, record->purpose);
	cbor_pair_bytes(&w, KEY_HOST, BYTES_OF(record->host_id));
	cbor_pair_bytes(&w, KEY_INSTANCE, BYTES_OF(record->instance));
	cbor_pair_text(&w, KEY_WORKLOAD, record->workload);
	cbor_pair_bytes(&w, KEY_RELEASE, BYTES_OF(record->release));
	cbor_pair_bool(&w, KEY_TRUSTED, record->trusted);
	cbor_pair_uint(&w, KEY_ASSURANCE, record->assurance);
	cbor_pair_bytes(&w, KEY_KEY, BYTES_OF(record->key));
	put_inputs(&w, record);
	cbor_pair_text(&w, KEY_VERIFIER_ID, record->verifier_id);
	return cbor_writer_finish(&w, err) || err_wrap(err, "record");
}

static void read_inputs(struct cbor_item map, struct record *record)
{
	record->input_count = cbor_map(map, INPUTS_MAX, "inputs");
	for (size_t i = 0; i < record->input_count; i++) {
		struct record_input *input = &record->inputs[i];
		struct cbor_item key = cbor_map_key_at(map, i, "input");
		struct bytes name = cbor_text(key, 1, INPUT_NAME_MAX, "input");

		if (!text_is_name(name))
			cbor_fail(key, "input", "not a name");
		if (name.len > 0)
			memcpy(input->name, name.data, name.len);
		cbor_copy(cbor_map_value_at(map, i, "input"), input->digest, SHA256_LEN, "input");
	}
}

bool record_decode(struct bytes in, struct record *ret, struct err *err)
{
	struct record record = {0};
	struct cbor_doc doc;
	struct cbor_item root;

	if (!cbor_open(in, true, "record", &doc, &root, err))
		return false;
	cbor_only_keys(root, KEYS, ARRAY_LEN(KEYS), "record");
	record.time = (int64_t)cbor_uint(cbor_key(root, KEY_TIME, "time"), INT64_MAX, "time");
	record.purpose = (enum purpose)cbor_uint(
		cbor_key(root, KEY_PURPOSE, "purpose"), PURPOSE_RENEW, "purpose");
	cbor_copy(cbor_key(root, KEY_HOST, "host"), record.host_id, HOST_ID_LEN, "host");
	cbor_copy(cbor_key(root, KEY_INSTANCE, "instance"), record.instance, INSTANCE_ID_LEN,
		"instance");
	record.workload = cbor_text(
		cbor_key(root, KEY_WORKLOAD, "workload"), 0, COMPONENT_NAME_MAX, "workload");
	cbor_copy(cbor_key(root, KEY_RELEASE, "release"), record.release, SHA256_LEN, "release");
	record.trusted = cbor_bool(cbor_key(root, KEY_TRUSTED, "trusted"), "trusted");
	record.assurance = (unsigned)cbor_uint(
		cbor_key(root, KEY_ASSURANCE, "assurance"), ASSURANCE_LAST, "assurance");
	cbor_copy(cbor_key(root, KEY_KEY, "key"), record.key, SHA256_LEN, "key");
	read_inputs(cbor_key(root, KEY_INPUTS, "inputs"), &record);
	record.verifier_id = cbor_text(
		cbor_key(root, KEY_VERIFIER_ID, "verifier id"), 1, VERIFIER_ID_MAX, "verifier id");
	if (!cbor_close(&doc, err))
		return false;
	*ret = record;
	return true;
}

static void subject_of(const struct record *record, char out[SUBJECT_LEN])
{
	memcpy(out, SUBJECT_PREFIX, sizeof(SUBJECT_PREFIX) - 1);
	hex_encode(BYTES_OF(record->host_id), out + sizeof(SUBJECT_PREFIX) - 1);
}

bool record_sign(const struct record *record, struct key *key, struct buf *out, struct err *err)
{
	OWNED(buf_release) struct buf payload = {0};
	OWNED(free_ptr) char *issuer = bytes_strdup(record->verifier_id);
	char subject[SUBJECT_LEN];
	const struct cose_sign_options options = {
		.content_type = MEDIA_RECORD,
		.iss = issuer,
		.sub = subject,
		.iat = &record->time,
	};

	if (!issuer)
		return err_set(err, ERR_NOMEM, "record: no memory, or a verifier id with a NUL");
	subject_of(record, subject);
	return record_encode(record, &payload, err) &&
	       cose_sign1_sign(key, &options, buf_bytes(&payload), (struct bytes){0}, out, err);
}

bool record_open(struct bytes cose, const struct key *key, struct record *ret, struct err *err)
{
	struct cose_sign1 message;
	struct record record;
	char subject[SUBJECT_LEN];

	if (!cose_sign1_parse(cose, &message, err))
		return err_wrap(err, "record");
	/* The type is signed too: no other thing that the verifier signs can pose as a record. */
	if (message.detached || !bytes_equal_str(message.content_type, MEDIA_RECORD))
		return err_set(err, ERR_FORMAT, "record: content type: not " MEDIA_RECORD);
	/* As it was registered (RFC 9943): receipts and the like are put there by whoever carries it. */
	if (!bytes_equal(message.unprotected, bytes_of("\xa0", 1)))
		return err_set(err, ERR_FORMAT, "record: unprotected header: not empty");
	if (!cose_sign1_verify(&message, key, (struct bytes){0}, (struct bytes){0}, err) ||
		!record_decode(message.payload, &record, err))
		return err_wrap(err, "record");
	/* Older records have no such claim. */
	if (message.has_iat && message.iat != record.time)
		return err_set(
			err, ERR_MISMATCH, "record: header and content name different times");
	subject_of(&record, subject);
	if (!bytes_equal(message.iss, record.verifier_id) || !bytes_equal_str(message.sub, subject))
		return err_set(
			err, ERR_MISMATCH, "record: header and content name different parties");
	*ret = record;
	return true;
}
