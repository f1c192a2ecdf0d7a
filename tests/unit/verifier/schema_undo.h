/* SPDX-License-Identifier: Apache-2.0 */
/* SQL that makes of a database of the newest schema one as an earlier schema left it. */
#ifndef ASSAY_TESTS_UNIT_VERIFIER_SCHEMA_UNDO_H
#define ASSAY_TESTS_UNIT_VERIFIER_SCHEMA_UNDO_H

#define UNDO_13                                                                                    \
	"DROP TABLE turns; DROP TABLE writers; ALTER TABLE meta DROP COLUMN epoch; ALTER TABLE "   \
	"meta DROP COLUMN compatible_since;"
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

/* To schema N: what came after it, the newest first. */
#define UNDO_TO_12 UNDO_13 "PRAGMA user_version=12;"
#define UNDO_TO_11 UNDO_13 UNDO_12 "PRAGMA user_version=11;"
#define UNDO_TO_10 UNDO_13 UNDO_12 UNDO_11 "PRAGMA user_version=10;"
#define UNDO_TO_9  UNDO_13 UNDO_12 UNDO_11 UNDO_10 "PRAGMA user_version=9;"
#define UNDO_TO_8  UNDO_13 UNDO_12 UNDO_11 UNDO_10 UNDO_9 "PRAGMA user_version=8;"
#define UNDO_TO_7  UNDO_13 UNDO_12 UNDO_11 UNDO_10 UNDO_9 UNDO_8 "PRAGMA user_version=7;"
#define UNDO_TO_6  UNDO_13 UNDO_12 UNDO_11 UNDO_10 UNDO_9 UNDO_8 UNDO_7 "PRAGMA user_version=6;"
#define UNDO_TO_5                                                                                  \
	UNDO_13 UNDO_12 UNDO_11 UNDO_10 UNDO_9 UNDO_8 UNDO_7 UNDO_6 "PRAGMA user_version=5;"
#define UNDO_TO_4                                                                                  \
	UNDO_13 UNDO_12 UNDO_11 UNDO_10 UNDO_9 UNDO_8 UNDO_7 UNDO_6 UNDO_5 "PRAGMA "               \
									   "user_version=4;"
#define UNDO_TO_3                                                                                  \
	UNDO_13 UNDO_12 UNDO_11 UNDO_10 UNDO_9 UNDO_8 UNDO_7 UNDO_6 UNDO_5 UNDO_4                  \
		"PRAGMA user_version=3;"
#define UNDO_TO_2                                                                                  \
	UNDO_13 UNDO_12 UNDO_11 UNDO_10 UNDO_9 UNDO_8 UNDO_7 UNDO_6 UNDO_5 UNDO_4 UNDO_3           \
		"PRAGMA user_version=2;"
#define UNDO_TO_1                                                                                  \
	UNDO_13 UNDO_12 UNDO_11 UNDO_10 UNDO_9 UNDO_8 UNDO_7 UNDO_6 UNDO_5 UNDO_4 UNDO_3 UNDO_2    \
		"PRAGMA user_version=1;"

#endif
