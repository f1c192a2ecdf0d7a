/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware/corim.h"

#include <stdlib.h>

#include "base/cbor.h"
#include "crypto/cose.h"
#include "firmware/corim_private.h"

static int compare(const void *a, const void *b)
{
	const struct corim_value *x = a, *y = b;

	if (x->pcr != y->pcr)
		return x->pcr < y->pcr ? -1 : 1;
	if (x->digest.alg != y->digest.alg)
		return x->digest.alg < y->digest.alg ? -1 : 1;
	return bytes_compare(digest_bytes(&x->digest), digest_bytes(&y->digest));
}

static bool same_register(const struct corim_value *a, const struct corim_value *b)
{
	return a->pcr == b->pcr && a->digest.alg == b->digest.alg;
}

/* In order, each once, each with a number in CoRIM. */
static bool check_values(const struct corim_value *values, size_t n, struct err *err)
{
	for (size_t i = 0; i < n; i++) {
		if (values[i].pcr >= CORIM_PCRS)
			return err_set(err, ERR_FORMAT, "CoRIM: PCR %u", values[i].pcr);
		if (corim_id_of_alg(values[i].digest.alg) == 0)
			return err_set(err, ERR_FORMAT, "CoRIM: no number for the bank %s",
				digest_alg_name(values[i].digest.alg));
		if (i > 0 && compare(&values[i - 1], &values[i]) == 0)
			return err_set(err, ERR_FORMAT,
				"CoRIM: the same value of PCR %u twice in the bank %s",
				values[i].pcr, digest_alg_name(values[i].digest.alg));
	}
	return true;
}

/* How many values of the same PCR and bank come before this one: the measurement it goes into. */
static size_t rank_of(const struct corim_value *values, size_t i)
{
	size_t rank = 0;

	while (rank < i && same_register(&values[i - rank - 1], &values[i]))
		rank++;
	return rank;
}

/* The digests of one PCR with this rank, in values[from..to). */
static void put_register(struct cbor_writer *w, const struct corim_value *values, size_t from,
	size_t to, size_t rank, size_t count)
{
	cbor_put_uint(w, values[from].pcr);
	cbor_put_array(w, count);
	for (size_t i = from; i < to; i++) {
		if (rank_of(values, i) != rank)
			continue;
		cbor_put_array(w, 2);
		cbor_put_uint(w, corim_id_of_alg(values[i].digest.alg));
		cbor_put_bytes(w, digest_bytes(&values[i].digest));
	}
}

/* By PCR, the number of values with this rank. */
static size_t count_ranks(
	const struct corim_value *values, size_t n, size_t rank, size_t counts[CORIM_PCRS])
{
	size_t pcrs = 0;

	memset(counts, 0, CORIM_PCRS * sizeof(*counts));
	for (size_t i = 0; i < n; i++)
		if (rank_of(values, i) == rank)
			pcrs += counts[values[i].pcr]++ == 0;
	return pcrs;
}

/* A measurement for each rank: alternatives of one register stand in measurements of their own. */
static void put_measurements(struct cbor_writer *w, const struct corim_value *values, size_t n)
{
	size_t counts[CORIM_PCRS], ranks = 0;

	for (size_t i = 0; i < n; i++)
		ranks = rank_of(values, i) >= ranks ? rank_of(values, i) + 1 : ranks;
	cbor_put_array(w, ranks);
	for (size_t rank = 0; rank < ranks; rank++) {
		cbor_put_map(w, 1);
		cbor_put_uint(w, 1); /* mval */
		cbor_put_map(w, 1);
		cbor_put_uint(w, CORIM_MVAL_REGISTERS);
		cbor_put_map(w, count_ranks(values, n, rank, counts));
		for (size_t from = 0, to; from < n; from = to) {
			for (to = from; to < n && values[to].pcr == values[from].pcr;)
				to++;
			if (counts[values[from].pcr])
				put_register(w, values, from, to, rank, counts[values[from].pcr]);
		}
	}
}

static void put_environment(struct cbor_writer *w, const struct corim_draft *draft)
{
	cbor_put_map(w, 1);
	cbor_put_uint(w, 0); /* class */
	cbor_put_map(w, (draft->vendor ? 1u : 0u) + (draft->model ? 1u : 0u));
	if (draft->vendor) {
		cbor_put_uint(w, 1);
		cbor_put_str(w, draft->vendor);
	}
	if (draft->model) {
		cbor_put_uint(w, 2);
		cbor_put_str(w, draft->model);
	}
}

static bool put_comid(const struct corim_draft *draft, const struct corim_value *values,
	struct buf *out, struct err *err)
{
	struct cbor_writer w = cbor_writer_of(out);

	cbor_put_map(&w, 2);
	cbor_put_uint(&w, 1); /* tag identity */
	cbor_put_map(&w, 1);
	cbor_put_uint(&w, 0);
	cbor_put_str(&w, draft->id);
	cbor_put_uint(&w, 4); /* triples */
	cbor_put_map(&w, 1);
	cbor_put_uint(&w, 0); /* reference */
	cbor_put_array(&w, 1);
	cbor_put_array(&w, 2);
	put_environment(&w, draft);
	put_measurements(&w, values, draft->count);
	return cbor_writer_finish(&w, err);
}

static void put_validity(struct cbor_writer *w, int64_t not_before, int64_t not_after)
{
	cbor_put_map(w, 2);
	cbor_put_uint(w, 0);
	cbor_put_tag(w, 1);
	cbor_pair_uint(w, not_before, 1);
	cbor_put_tag(w, 1);
	cbor_put_int(w, not_after);
}

static bool put_manifest(
	const struct corim_draft *draft, struct bytes comid, struct buf *out, struct err *err)
{
	struct cbor_writer w = cbor_writer_of(out);

	cbor_put_tag(&w, CORIM_TAG_MANIFEST);
	cbor_put_map(&w, draft->has_validity ? 3 : 2);
	cbor_put_uint(&w, 0);
	cbor_put_str(&w, draft->id);
	cbor_put_uint(&w, 1);
	cbor_put_array(&w, 1);
	cbor_put_tag(&w, CORIM_TAG_COMID);
	cbor_put_bytes(&w, comid);
	if (draft->has_validity) {
		cbor_put_uint(&w, 4);
		put_validity(&w, draft->not_before, draft->not_after);
	}
	return cbor_writer_finish(&w, err);
}

bool corim_write(const struct corim_draft *draft, struct buf *out, struct err *err)
{
	OWNED(buf_release) struct buf sorted = {0};
	OWNED(buf_release) struct buf comid = {0};
	struct corim_value *values;

	if (!draft->vendor && !draft->model)
		return err_set(err, ERR_FORMAT, "CoRIM: neither vendor nor model");
	if (draft->count > CORIM_VALUES_MAX)
		return err_set(err, ERR_LIMIT, "CoRIM: more than %d PCR values", CORIM_VALUES_MAX);
	buf_put(&sorted, bytes_of(draft->values, draft->count * sizeof(*values)));
	if (!buf_ok(&sorted, err))
		return false;
	if (draft->count == 0)
		return err_set(err, ERR_FORMAT, "CoRIM: no PCR values to write");
	values = (struct corim_value *)(void *)sorted.data;
	qsort(values, draft->count, sizeof(*values), compare);
	return check_values(values, draft->count, err) && put_comid(draft, values, &comid, err) &&
	       put_manifest(draft, buf_bytes(&comid), out, err);
}

static bool put_meta(
	const char *signer, int64_t not_before, int64_t not_after, struct buf *out, struct err *err)
{
	struct cbor_writer w = cbor_writer_of(out);

	cbor_put_map(&w, not_after ? 2 : 1);
	cbor_put_uint(&w, 0);
	cbor_put_map(&w, 1);
	cbor_put_uint(&w, 0);
	cbor_put_str(&w, signer);
	if (not_after) {
		cbor_put_uint(&w, 1);
		put_validity(&w, not_before, not_after);
	}
	return cbor_writer_finish(&w, err);
}

bool corim_sign(struct key *key, const char *signer, int64_t not_before, int64_t not_after,
	struct bytes manifest, struct buf *out, struct err *err)
{
	OWNED(buf_release) struct buf meta = {0};
	struct cose_sign_options options = {.content_type = CORIM_CONTENT_TYPE};

	if (!put_meta(signer, not_before, not_after, &meta, err))
		return err_wrap(err, "corim-meta");
	options.corim_meta = buf_bytes(&meta);
	return cose_sign1_sign(key, &options, manifest, (struct bytes){0}, out, err);
}
