/* SPDX-License-Identifier: Apache-2.0 */
#include "verifier/floors.h"

#include "base/text.h"

void floors_context(const struct floors *floors, struct context_floor *ret_version,
	struct context_security_floor *ret_security)
{
	*ret_version = (struct context_floor){0};
	*ret_security = (struct context_security_floor){0};
	if (floors->version.sequence != 0) {
		*ret_version = (struct context_floor){
			.sequence = floors->version.sequence,
			.version = bytes_str(floors->version.version),
			.published = floors->version.published,
			.judged_published = floors->judged_published,
			.passed = floors->passed,
		};
		memcpy(ret_version->release, floors->version.release, SHA256_LEN);
	}
	if (floors->security.sequence != 0) {
		*ret_security = (struct context_security_floor){
			.sequence = floors->security.sequence,
			.minimum = bytes_str(floors->security.minimum),
		};
		memcpy(ret_security->statement, floors->security.statement, SHA256_LEN);
	}
}

static json_t *version_json(const struct floor_row *row)
{
	char hex[2 * SHA256_LEN + 1], since[TIME_TEXT_MAX];
	if (row->sequence == 0)
		return json_null();
	hex_encode(BYTES_OF(row->release), hex);
	return json_pack("{s:s, s:I, s:s, s:s, s:b}", "version", row->version, "sequence",
		(json_int_t)row->sequence, "release", hex, "since", time_json(row->time, since),
		"rolled_back", (int)row->rollback);
}

static json_t *security_json(const struct security_floor_row *row)
{
	char hex[2 * SHA256_LEN + 1], since[TIME_TEXT_MAX];
	if (row->sequence == 0)
		return json_null();
	hex_encode(BYTES_OF(row->statement), hex);
	return json_pack("{s:s?, s:I, s:s, s:s}", "minimum", row->minimum[0] ? row->minimum : NULL,
		"sequence", (json_int_t)row->sequence, "statement", hex, "since",
		time_json(row->time, since));
}

json_t *floors_json(const struct floors *floors)
{
	return json_pack("{s:o, s:o}", "version_floor", version_json(&floors->version),
		"security_floor", security_json(&floors->security));
}

bool floors_answer(struct call *call, int status, struct bytes workload, struct err *err)
{
	struct floors floors;
	struct sql *sql = NULL;
	if (!call_read(call, &sql, err))
		return false;
	bool ok = floors_load(sql, workload, NULL, &floors, err);
	store_read_done(call->app->store, &sql);
	return ok && call_json(call, status, floors_json(&floors), err);
}

bool floor_raise(struct app *app, struct store_tx *tx, const struct floors *floors,
	const struct release_row *release, int64_t now, struct err *err)
{
	struct floor_row row = {.sequence = floors->version.sequence + 1,
		.published = release->published,
		.time = now};
	char hex[2 * SHA256_LEN + 1];
	if (!floors->moves)
		return true;
	memcpy(row.workload, release->workload, sizeof(row.workload));
	memcpy(row.version, release->release_version, sizeof(row.version));
	memcpy(row.release, release->digest, sizeof(row.release));
	hex_encode(BYTES_OF(row.release), hex);
	return floor_insert(tx->sql, &row, err) &&
	       entry_append(app, tx, LEAF_WORKLOAD, now,
		       json_pack("{s:s, s:s, s:s, s:s, s:I, s:s}", "event", "version-floor", "name",
			       row.workload, "version", row.version, "release", hex, "sequence",
			       (json_int_t)row.sequence, "from", floors->version.version),
		       err);
}
