/* SPDX-License-Identifier: Apache-2.0 */
/* Which releases name a digest: the index that admission asks. */
#include "verifier/rows.h"

#include "crypto/dsse.h"

bool subjects_put(struct sql *sql, const struct release *release, struct err *err)
{
	for (size_t i = 0; i < release->component_count; i++) {
		const struct release_component *c = &release->components[i];
		if (c->kind == COMPONENT_SHA256 &&
			!sql_exec(sql,
				"INSERT INTO subjects(digest, release) VALUES(?1, ?2) ON CONFLICT "
				"DO "
				"NOTHING",
				SQL_ARGS(sql_b(BYTES_OF(c->digest)),
					sql_b(BYTES_OF(release->digest))),
				NULL, err))
			return false;
	}
	return true;
}

/* The statement of an envelope stored before there was an index. */
static bool subjects_add(struct sql *sql, const uint8_t digest[SHA256_LEN], struct err *err)
{
	OWNED(release_row_release) struct release_row row = {0};
	OWNED(dsse_free) struct dsse *dsse = NULL;
	OWNED(release_free) struct release *release = NULL;
	bool found = false;
	struct err why = {0};
	if (!release_get(sql, digest, &row, &found, err))
		return false;
	if (dsse_parse(buf_bytes(&row.envelope), &dsse, &why) &&
		release_parse(buf_bytes(&dsse->payload), &release, &why))
		return subjects_put(sql, release, err);
	/* One that this program cannot read names nothing; it is refused wherever it is judged. */
	return why.code != ERR_NOMEM || err_set(err, why.code, "release: %s", why.text);
}

bool subjects_fill(struct sql *sql, struct err *err)
{
	OWNED(sql_finish) struct sql_query *q = NULL;
	bool more = false;
	if (!sql_start(sql, "SELECT digest FROM releases ORDER BY digest", SQL_NO_ARGS, &q, err))
		return false;
	while (sql_next(q, &more, err)) {
		uint8_t digest[SHA256_LEN];
		if (!more)
			return true;
		if (!sql_exact(q, 0, "release digest", digest, sizeof(digest), err) ||
			!subjects_add(sql, digest, err))
			return false;
	}
	return false;
}

bool subjects_find(struct sql *sql, const uint8_t digest[SHA256_LEN], struct bytes environment,
	uint8_t ret[][SHA256_LEN], size_t max, size_t *ret_count, struct err *err)
{
	OWNED(sql_finish) struct sql_query *q = NULL;
	bool more = false;
	*ret_count = 0;
	if (!sql_start(sql,
		    "SELECT r.digest FROM subjects s JOIN releases r ON r.digest=s.release"
		    " JOIN workloads w ON w.name=r.workload"
		    " WHERE s.digest=?1 AND w.environment=?2 AND r.state=?3 AND w.state=?4"
		    " ORDER BY EXISTS(SELECT 1 FROM instances i WHERE i.release=r.digest AND"
		    " i.state=?6) DESC, r.published DESC, r.digest LIMIT ?5",
		    SQL_ARGS(sql_b(bytes_of(digest, SHA256_LEN)), sql_t(environment),
			    sql_i(RELEASE_PUBLISHED), sql_i(WORKLOAD_ACTIVE), sql_i((int64_t)max),
			    sql_i(INSTANCE_TRUSTED)),
		    &q, err))
		return false;
	while (sql_next(q, &more, err)) {
		if (!more || *ret_count == max)
			return true;
		if (!sql_exact(q, 0, "release digest", ret[(*ret_count)++], SHA256_LEN, err))
			return false;
	}
	return false;
}
