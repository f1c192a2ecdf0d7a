/* SPDX-License-Identifier: Apache-2.0 */
/* Enrolled hosts as rows: what the verifier would have stored of each and of one agent on it, without the work. */
#include "tests/bench/assay_bench/bench.h"

#include <stdio.h>

#include "base/text.h"
#include "base/time.h"
#include "verifier/rows.h"

#define FILL_BATCH 20000u

/* Different for each, and nothing else: nobody ever signs with it. */
static void bytes_fill(uint64_t number, uint8_t kind, uint8_t out[SHA256_LEN])
{
	uint8_t seed[9] = {kind};
	memcpy(seed + 1, &number, sizeof(number));
	if (!sha256_of(BYTES_OF(seed), out, NULL))
		memcpy(out, seed, sizeof(seed));
}

struct fill {
	struct host_row model; /* buffers as large as a real host's */
	uint8_t release[SHA256_LEN];
	char workload[ROW_NAME_MAX];
	int64_t now;
};

static bool host_fill(struct sql *sql, const struct fill *fill, uint64_t number, struct err *err)
{
	struct host_row row = fill->model;
	bytes_fill(number, 1, row.id);
	bytes_fill(number, 2, row.ak_name);
	bytes_fill(number, 3, row.ek_leaf);
	bytes_fill(number, 4, row.ek_public.data);
	bytes_fill(number, 5, row.ak_public.data);
	row.seen = fill->now;
	row.seen_index = 1;
	row.reset_count = 1;
	return host_insert(sql, &row, err) && host_set_seen(sql, &row, err);
}

static bool credential_fill(struct sql *sql, enum credential_kind kind,
	const struct instance_row *of, uint64_t number, int64_t now, struct err *err)
{
	struct credential_row row = {.kind = kind, .issued = now, .not_after = now + 86400};
	bytes_fill(number, (uint8_t)(16 + kind), row.spki);
	hex_encode(bytes_of(row.spki, 16), row.serial);
	memcpy(row.host, of->host, sizeof(row.host));
	memcpy(row.instance, of->instance, sizeof(row.instance));
	return credential_insert(sql, &row, err);
}

static bool instance_fill(
	struct sql *sql, const struct fill *fill, uint64_t number, struct err *err)
{
	struct instance_row row = {
		.state = INSTANCE_TRUSTED, .created = fill->now, .renewed = fill->now};
	uint8_t id[SHA256_LEN];
	bytes_fill(number, 1, row.host);
	bytes_fill(number, 6, id);
	memcpy(row.instance, id, sizeof(row.instance));
	memcpy(row.release, fill->release, sizeof(row.release));
	(void)snprintf(row.workload, sizeof(row.workload), "%s", fill->workload);
	row.policy_state = (struct policy_state){.established = true,
		.reset_count = 1,
		.runtime_next = 5,
		.bank = DIGEST_SHA256,
		.assurance = ASSURANCE_REPORTED};
	return instance_put(sql, &row, err) &&
	       counter_take(sql, row.host, row.instance, PURPOSE_LAUNCH, 0, err) &&
	       counter_take(sql, row.host, row.instance, PURPOSE_RENEW, 0, err) &&
	       credential_fill(sql, CREDENTIAL_HOST, &row, number, fill->now, err) &&
	       credential_fill(sql, CREDENTIAL_X509, &row, number, fill->now, err);
}

/* A maker's certificate and its issuer's have about that many bytes. */
#define CERTS_LEN  1000
#define PUBLIC_LEN 90

static bool model_make(struct host_row *model, struct err *err)
{
	struct buf *const parts[] = {&model->ek_public, &model->ak_public, &model->ek_certs};
	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		size_t len = i < 2 ? PUBLIC_LEN : CERTS_LEN;
		uint8_t *at = buf_extend(parts[i], len);
		if (at)
			memset(at, 0x5a, len);
		if (!buf_ok(parts[i], err))
			return false;
	}
	(void)snprintf(model->ek_template, sizeof(model->ek_template), "L-2");
	(void)snprintf(model->manufacturer, sizeof(model->manufacturer), "id:41535359");
	(void)snprintf(model->name, sizeof(model->name), "row");
	model->state = HOST_ACTIVE;
	model->enrolled = clock_wall(&clock_system);
	return true;
}

/* The workload and the release that the verifier knows. */
static bool register_read(struct sql *sql, struct fill *fill, struct err *err)
{
	OWNED(sql_finish) struct sql_query *q = NULL;
	if (!sql_first(sql, "SELECT digest, workload FROM releases LIMIT 1", SQL_NO_ARGS, &q, err))
		return false;
	return q ? sql_exact(q, 0, "release", fill->release, SHA256_LEN, err) &&
			       sql_text(q, 1, "workload", fill->workload, sizeof(fill->workload),
				       err)
		 : err_set(err, ERR_NOT_FOUND, "no release");
}

static bool batch(struct sql *sql, const struct fill *fill, size_t from, size_t to, struct err *err)
{
	bool ok = sql->ops->begin(sql, err);
	for (size_t i = from; i < to && ok; i++)
		ok = host_fill(sql, fill, i, err) && instance_fill(sql, fill, i, err);
	return ok && sql->ops->commit(sql, err);
}

static bool fill_all(struct sql *sql, struct fill *fill, size_t count, struct err *err)
{
	if (!register_read(sql, fill, err) || !model_make(&fill->model, err))
		return false;
	for (size_t at = 0; at < count; at += FILL_BATCH)
		if (!batch(sql, fill, at, at + FILL_BATCH < count ? at + FILL_BATCH : count, err))
			return err_wrap(err, "row %zu", at);
	return true;
}

bool fill_hosts(const struct bench *b, size_t count, struct err *err)
{
	OWNED(sql_close) struct sql *sql = NULL;
	struct fill fill = {.now = clock_wall(&clock_system)};
	bool ok = database_open(b, &sql, err) && fill_all(sql, &fill, count, err);
	host_row_release(&fill.model);
	return ok || err_wrap(err, "filling the store of %s", b->v.dir);
}
