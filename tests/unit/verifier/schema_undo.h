/* SPDX-License-Identifier: Apache-2.0 */
/* SQL that makes of a database of the newest schema one as an earlier schema left it. */
#ifndef ASSAY_TESTS_UNIT_VERIFIER_SCHEMA_UNDO_H
#define ASSAY_TESTS_UNIT_VERIFIER_SCHEMA_UNDO_H

#include "tests/support/test_sql.h"
#include "tests/support/unit.h"
#include "verifier/store.h"

#define UNDO_23 "ALTER TABLE webhooks DROP COLUMN tried;"
#define UNDO_22 "DROP INDEX hosts_waiting;"
#define UNDO_21                                                                                    \
	"DROP TABLE record_contents; DROP TRIGGER record_gone_whole; ALTER TABLE record_gone "     \
	"DROP "                                                                                    \
	"COLUMN contents;"
#define UNDO_20 "DROP INDEX hosts_listed; ALTER TABLE instances DROP COLUMN full_counter;"
#define UNDO_19 "DROP TABLE webhook_acks; DROP TABLE webhooks;"
#define UNDO_18                                                                                    \
	"DROP TABLE retention_boots; DROP TABLE turns; DROP TABLE writers; ALTER TABLE meta DROP " \
	"COLUMN epoch; ALTER TABLE "                                                               \
	"meta DROP COLUMN compatible_since;"
#define UNDO_17                                                                                    \
	"DROP TABLE elevation_credentials; DROP TABLE elevation_words; DROP TABLE elevations;"
#define UNDO_16                                                                                    \
	"DROP INDEX instances_lease; ALTER TABLE instances DROP COLUMN lease; ALTER TABLE "        \
	"instances DROP COLUMN lease_check; ALTER TABLE instances DROP COLUMN told; ALTER TABLE "  \
	"host_seen DROP COLUMN boot_id; DROP TABLE host_heard; DROP TABLE instance_states; DROP "  \
	"TABLE tpm_sightings;"
#define UNDO_15                                                                                    \
	"DROP INDEX credentials_revoked; DROP INDEX credentials_status; ALTER TABLE credentials "  \
	"DROP COLUMN reason; ALTER TABLE credentials DROP COLUMN status; DROP TABLE revocation; "  \
	"DROP TABLE crls;"
#define UNDO_14 "DROP TABLE log_quote;"
#define UNDO_13                                                                                    \
	"ALTER TABLE retention DROP COLUMN anchor; ALTER TABLE retention DROP COLUMN anchor_ms; "  \
	"ALTER TABLE retention DROP COLUMN time_ms; ALTER TABLE retention DROP COLUMN allowance; " \
	"ALTER TABLE retention DROP COLUMN boot; "                                                 \
	"ALTER TABLE retention DROP COLUMN noted; DROP TRIGGER leaves_in_place; DROP TRIGGER "     \
	"leaves_fixed; ALTER TABLE leaves DROP COLUMN wrapped; ALTER TABLE leaves DROP COLUMN "    \
	"sealed; CREATE TRIGGER leaves_fixed BEFORE UPDATE ON leaves BEGIN SELECT RAISE(ABORT, "   \
	"'a leaf is immutable'); END;"
#define UNDO_12                                                                                    \
	"DROP TABLE histories; DROP TABLE record_gone; DROP TABLE object_refs; DROP TABLE "        \
	"policy_references; DROP TABLE entries; DROP TABLE policies_seen; DROP TABLE retention; "  \
	"DROP TABLE holds; DROP INDEX records_history; ALTER TABLE policies DROP COLUMN gone;"
/* What content_unseal put back goes along. */
#define UNDO_11                                                                                    \
	"DROP TABLE objects; DROP TABLE leaf_contents; DROP TRIGGER data_keys_kept; DROP TABLE "   \
	"data_keys; DROP TABLE content_keys; ALTER TABLE clear_objects RENAME TO objects;"         \
	"ALTER TABLE leaves ADD COLUMN salt BLOB NOT NULL DEFAULT x'';"                            \
	"ALTER TABLE leaves ADD COLUMN content BLOB; DROP TRIGGER leaves_fixed;"                   \
	"UPDATE leaves SET salt=c.salt, content=c.content FROM clear_leaves c WHERE "              \
	"c.idx=leaves.idx;"                                                                        \
	"CREATE TRIGGER leaves_fixed BEFORE UPDATE ON leaves BEGIN SELECT RAISE(ABORT, 'a leaf "   \
	"is immutable'); END;"                                                                     \
	"DROP TABLE clear_leaves; ALTER TABLE meta DROP COLUMN scrub;"
#define UNDO_10 "DROP TABLE entry_subjects;"
#define UNDO_9  "DROP TABLE policy_differences; DROP TABLE policies;"
#define UNDO_8                                                                                     \
	"DROP TABLE rollout_instances; DROP TABLE rollout_hosts; DROP TABLE rollout_events; DROP " \
	"TABLE rollouts;"
#define UNDO_7 "DROP TABLE floors; DROP TABLE security_floors;"
#define UNDO_6 "DROP TABLE host_attributes; ALTER TABLE join_tokens DROP COLUMN attributes;"
#define UNDO_5                                                                                     \
	"DROP TABLE tile_hashes; ALTER TABLE meta DROP COLUMN checkpoint; ALTER TABLE meta DROP "  \
	"COLUMN cosigned;"
#define UNDO_4 "DROP TABLE subjects;"
#define UNDO_3                                                                                     \
	"ALTER TABLE workloads DROP COLUMN unit;"                                                  \
	"ALTER TABLE workloads DROP COLUMN controls;"                                              \
	"ALTER TABLE workloads DROP COLUMN third_parties;"                                         \
	"ALTER TABLE workloads DROP COLUMN review_interval;"                                       \
	"ALTER TABLE workloads DROP COLUMN reviewed;"                                              \
	"ALTER TABLE workloads DROP COLUMN review_next;"                                           \
	"ALTER TABLE workloads DROP COLUMN reviewer;"                                              \
	"ALTER TABLE workloads DROP COLUMN review_reason;"
#define UNDO_2 "DROP TABLE statements;"

static const char *const schema_undos[] = {
	[2] = UNDO_2,
	[3] = UNDO_3,
	[4] = UNDO_4,
	[5] = UNDO_5,
	[6] = UNDO_6,
	[7] = UNDO_7,
	[8] = UNDO_8,
	[9] = UNDO_9,
	[10] = UNDO_10,
	[11] = UNDO_11,
	[12] = UNDO_12,
	[13] = UNDO_13,
	[14] = UNDO_14,
	[15] = UNDO_15,
	[16] = UNDO_16,
	[17] = UNDO_17,
	[18] = UNDO_18,
	[19] = UNDO_19,
	[20] = UNDO_20,
	[21] = UNDO_21,
	[22] = UNDO_22,
	[23] = UNDO_23,
};

/* A trigger belongs to its table: where PostgreSQL wants to hear of it. The product's own text knows leaves_fixed. */
static inline const char *schema_undo_text(const char *undo, char *out, size_t size)
{
	static const char *const triggers[][2] = {
		{"DROP TRIGGER record_gone_whole;",
			"DROP TRIGGER record_gone_whole ON record_gone;"},
		{"DROP TRIGGER leaves_in_place;", "DROP TRIGGER leaves_in_place ON leaves;"},
		{"DROP TRIGGER data_keys_kept;", "DROP TRIGGER data_keys_kept ON data_keys;"}};
	for (size_t i = 0; test_sql_is_postgres() && i < ARRAY_LEN(triggers); i++) {
		const char *at = strstr(undo, triggers[i][0]);
		if (!at)
			continue;
		int n = snprintf(out, size, "%.*s%s%s", (int)(at - undo), undo, triggers[i][1],
			at + strlen(triggers[i][0]));
		assert_in_range(n, 1, size - 1);
		return out;
	}
	return undo;
}

/* To an earlier schema: what came after it, the newest first. */
static inline void schema_undo(struct sql *sql, int64_t to)
{
	char text[4096];
	struct err why = {0};
	assert_int_equal(ARRAY_LEN(schema_undos), store_schema_version() + 1);
	for (int64_t step = store_schema_version(); step > to; step--)
		assert_ok(sql->ops->script(sql,
				  schema_undo_text(schema_undos[step], text, sizeof(text)), &why),
			why);
	assert_ok(sql->ops->version_set(sql, to, &why), why);
}

#endif
