/* SPDX-License-Identifier: Apache-2.0 */
/* The CoMIDs in a CoRIM: reference values of PCRs, and the names of all else. */
#include "firmware/corim.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/cbor.h"
#include "base/text.h"
#include "firmware/corim_private.h"

enum {
	TRIPLES_MAX = 4096,
	DIGESTS_MAX = 16,
};

/* What walks through a CoMID: the result, and the error that is no fault of the bytes. */
struct walk {
	struct corim *corim;
	struct err *err;
	bool failed;
};

static void stop(struct walk *walk, enum err_code code, const char *why)
{
	if (!walk->failed)
		err_set(walk->err, code, "CoRIM: %s", why);
	walk->failed = true;
}

static void skip(struct walk *walk, const char *what)
{
	corim_skip_note(walk->corim, what, 0, false);
}

/* ---- values ---- */

static void add_value(struct walk *walk, uint64_t pcr, const struct digest *digest)
{
	struct corim *corim = walk->corim;

	if (corim->count == CORIM_VALUES_MAX) {
		stop(walk, ERR_LIMIT, "more than 4096 PCR values");
		return;
	}
	if ((corim->count & (corim->count - 1)) == 0) {
		size_t room = corim->count ? corim->count * 2 : 1;
		struct corim_value *more = realloc(corim->values, room * sizeof(*more));

		if (!more) {
			stop(walk, ERR_NOMEM, "values");
			return;
		}
		corim->values = more;
	}
	corim->values[corim->count++] = (struct corim_value){
		(uint8_t)pcr, (uint8_t)(corim->environment_count - 1), *digest};
}

/* [algorithm, bytes]: false for an algorithm that no bank has, or a faulty document. */
static bool read_digest(struct walk *walk, struct cbor_item item, struct digest *ret)
{
	struct cbor_item alg, value;

	if (cbor_array(item, 2, "digest") != 2) {
		cbor_fail(item, "digest", "expected an algorithm and a value");
		return false;
	}
	alg = cbor_at(item, 0, "algorithm");
	value = cbor_at(item, 1, "digest value");
	*ret = (struct digest){0};
	if (alg.kind == CBOR_TEXT) {
		ret->alg = corim_alg_of_name(cbor_text(alg, 0, CORIM_NAME_MAX, "algorithm"));
		if (ret->alg == DIGEST_NONE)
			skip(walk, "digest algorithm named in text");
	} else {
		uint64_t id = cbor_uint(alg, UINT32_MAX, "algorithm");

		ret->alg = corim_alg_of_id(id);
		if (ret->alg == DIGEST_NONE)
			corim_skip_note(walk->corim, "digest algorithm", id, true);
	}
	if (ret->alg == DIGEST_NONE) {
		(void)cbor_bytes(value, 0, CORIM_NAME_MAX, "digest value");
		return false;
	}
	ret->len = (uint8_t)digest_alg_len(ret->alg);
	cbor_copy(value, ret->bytes, ret->len, "digest value");
	return true;
}

static void read_digests(struct walk *walk, uint64_t pcr, struct cbor_item digests)
{
	size_t n = cbor_array(digests, DIGESTS_MAX, "digests");
	struct digest digest;

	if (n == 0)
		cbor_fail(digests, "digests", "empty");
	for (size_t i = 0; i < n && !walk->failed; i++)
		if (read_digest(walk, cbor_at(digests, i, "digest"), &digest))
			add_value(walk, pcr, &digest);
}

static void read_registers(struct walk *walk, struct cbor_item registers)
{
	size_t n = cbor_map(registers, 256, "integrity registers");

	for (size_t i = 0; i < n && !walk->failed; i++) {
		struct cbor_item key = cbor_map_key_at(registers, i, "register");

		if (key.kind == CBOR_UINT && key.value < CORIM_PCRS)
			read_digests(walk, key.value, cbor_map_value_at(registers, i, "register"));
		else
			skip(walk, "integrity register that is no PCR");
	}
}

/* ---- measurements ---- */

/* What a measurement demands besides is not compared: it is named, so that nobody believes it was. */
static void note_other_values(struct walk *walk, struct cbor_item values)
{
	size_t n = cbor_map(values, 64, "mval");

	for (size_t i = 0; i < n; i++) {
		struct cbor_item key = cbor_map_key_at(values, i, "mval");

		if (key.kind == CBOR_UINT && key.value != CORIM_MVAL_DIGESTS &&
			key.value != CORIM_MVAL_REGISTERS)
			corim_skip_note(walk->corim, "measurement value", key.value, true);
	}
}

static void read_measurement(struct walk *walk, struct cbor_item measurement)
{
	struct cbor_item key = cbor_key_optional(measurement, 0);
	struct cbor_item values = cbor_key(measurement, 1, "mval");
	struct cbor_item digests = cbor_key_optional(values, CORIM_MVAL_DIGESTS);
	struct cbor_item registers = cbor_key_optional(values, CORIM_MVAL_REGISTERS);

	cbor_map(measurement, 64, "measurement");
	note_other_values(walk, values);
	if (cbor_key_optional(measurement, 2).kind != CBOR_ABSENT)
		skip(walk, "authorized-by of a measurement");
	if (registers.kind != CBOR_ABSENT)
		read_registers(walk, registers);
	if (digests.kind == CBOR_ABSENT)
		return;
	if (key.kind == CBOR_UINT && key.value < CORIM_PCRS)
		read_digests(walk, key.value, digests);
	else
		skip(walk, "measurement whose key is no PCR");
}

static void describe(struct buf *out, const char *name, struct cbor_item item)
{
	if (item.kind == CBOR_ABSENT)
		return;
	buf_printf(out, "%s%s ", out->len ? ", " : "", name);
	if (item.kind == CBOR_TEXT)
		buf_put_str(out, ESC(item.bytes));
	else if (item.kind == CBOR_UINT)
		buf_printf(out, "%llu", (unsigned long long)item.value);
	else
		buf_put_hex(out, bytes_of(item.raw.data, item.raw.len < 48 ? item.raw.len : 48));
}

static void read_environment(struct walk *walk, struct cbor_item environment)
{
	static const char *const class_names[] = {"class", "vendor", "model", "layer", "index"};
	struct corim *corim = walk->corim;
	struct cbor_item class_ = cbor_key_optional(environment, 0);
	OWNED(buf_release) struct buf text = {0};
	char(*more)[CORIM_TEXT_MAX];

	if (cbor_map(environment, 16, "environment") == 0)
		cbor_fail(environment, "environment", "empty");
	for (size_t i = 0; class_.kind != CBOR_ABSENT && i < ARRAY_LEN(class_names); i++)
		describe(&text, class_names[i], cbor_key_optional(class_, (int64_t)i));
	describe(&text, "instance", cbor_key_optional(environment, 1));
	describe(&text, "group", cbor_key_optional(environment, 2));
	if (corim->environment_count == CORIM_ENVIRONMENTS_MAX) {
		stop(walk, ERR_LIMIT, "more than 256 environments");
		return;
	}
	more = buf_str(&text) ? realloc(corim->environments,
					(corim->environment_count + 1) * sizeof(*more))
			      : NULL;
	if (!more) {
		stop(walk, ERR_NOMEM, "environments");
		return;
	}
	corim->environments = more;
	(void)snprintf(more[corim->environment_count++], CORIM_TEXT_MAX, "%s", buf_str(&text));
}

static void read_reference(struct walk *walk, struct cbor_item triple)
{
	struct cbor_item measurements = cbor_at(triple, 1, "measurements");
	size_t n;

	if (cbor_array(triple, 2, "reference triple") != 2)
		cbor_fail(triple, "reference triple", "expected environment and measurements");
	read_environment(walk, cbor_at(triple, 0, "environment"));
	n = cbor_array(measurements, TRIPLES_MAX, "measurements");
	if (n == 0)
		cbor_fail(measurements, "measurements", "empty");
	for (size_t i = 0; i < n && !walk->failed; i++)
		read_measurement(walk, cbor_at(measurements, i, "measurement"));
}

/* ---- triples ---- */

static void read_triples(struct walk *walk, struct cbor_item triples)
{
	size_t kinds = cbor_map(triples, 32, "triples");
	struct cbor_item reference = cbor_key_optional(triples, 0);
	size_t n = reference.kind == CBOR_ABSENT
			   ? 0
			   : cbor_array(reference, TRIPLES_MAX, "reference triples");

	for (size_t i = 0; i < n && !walk->failed; i++)
		read_reference(walk, cbor_at(reference, i, "reference triple"));
	for (size_t i = 0; i < kinds; i++) {
		struct cbor_item key = cbor_map_key_at(triples, i, "triples");
		const char *name = key.kind == CBOR_UINT ? corim_triple_name(key.value) : NULL;

		if (key.kind == CBOR_UINT && key.value == 0)
			continue;
		if (name)
			skip(walk, name);
		else
			corim_skip_note(walk->corim, "triples", key.value, true);
	}
}

bool corim_comid_read(struct bytes in, struct corim *corim, struct err *err)
{
	struct walk walk = {.corim = corim, .err = err};
	struct cbor_doc doc;
	struct cbor_item root, identity;

	if (!cbor_open(in, false, "CoMID", &doc, &root, err))
		return false;
	identity = cbor_key(root, 1, "tag identity");
	(void)cbor_key(identity, 0, "tag id");
	read_triples(&walk, cbor_key(root, 4, "triples"));
	return !walk.failed && cbor_close(&doc, err);
}
