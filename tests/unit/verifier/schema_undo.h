/* SPDX-License-Identifier: Apache-2.0 */
/* SQL that makes of a database of the newest schema one as an earlier schema left it. */
#ifndef ASSAY_TESTS_UNIT_VERIFIER_SCHEMA_UNDO_H
#define ASSAY_TESTS_UNIT_VERIFIER_SCHEMA_UNDO_H

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

/* To schema N: what came after it, the newest first. */
#define UNDO_AFTER_20 UNDO_21
#define UNDO_AFTER_19 UNDO_AFTER_20 UNDO_20
#define UNDO_AFTER_18 UNDO_AFTER_19 UNDO_19
#define UNDO_AFTER_17 UNDO_AFTER_18 UNDO_18
#define UNDO_AFTER_16 UNDO_AFTER_17 UNDO_17
#define UNDO_AFTER_15 UNDO_AFTER_16 UNDO_16
#define UNDO_AFTER_14 UNDO_AFTER_15 UNDO_15
#define UNDO_AFTER_13 UNDO_AFTER_14 UNDO_14
#define UNDO_AFTER_12 UNDO_AFTER_13 UNDO_13
#define UNDO_AFTER_11 UNDO_AFTER_12 UNDO_12
#define UNDO_AFTER_10 UNDO_AFTER_11 UNDO_11
#define UNDO_AFTER_9  UNDO_AFTER_10 UNDO_10
#define UNDO_AFTER_8  UNDO_AFTER_9 UNDO_9
#define UNDO_AFTER_7  UNDO_AFTER_8 UNDO_8
#define UNDO_AFTER_6  UNDO_AFTER_7 UNDO_7
#define UNDO_AFTER_5  UNDO_AFTER_6 UNDO_6
#define UNDO_AFTER_4  UNDO_AFTER_5 UNDO_5
#define UNDO_AFTER_3  UNDO_AFTER_4 UNDO_4
#define UNDO_AFTER_2  UNDO_AFTER_3 UNDO_3
#define UNDO_AFTER_1  UNDO_AFTER_2 UNDO_2

#define UNDO_TO_20 UNDO_AFTER_20 "PRAGMA user_version=20;"
#define UNDO_TO_19 UNDO_AFTER_19 "PRAGMA user_version=19;"
#define UNDO_TO_18 UNDO_AFTER_18 "PRAGMA user_version=18;"
#define UNDO_TO_17 UNDO_AFTER_17 "PRAGMA user_version=17;"
#define UNDO_TO_16 UNDO_AFTER_16 "PRAGMA user_version=16;"
#define UNDO_TO_15 UNDO_AFTER_15 "PRAGMA user_version=15;"
#define UNDO_TO_14 UNDO_AFTER_14 "PRAGMA user_version=14;"
#define UNDO_TO_13 UNDO_AFTER_13 "PRAGMA user_version=13;"
#define UNDO_TO_12 UNDO_AFTER_12 "PRAGMA user_version=12;"
#define UNDO_TO_11 UNDO_AFTER_11 "PRAGMA user_version=11;"
#define UNDO_TO_10 UNDO_AFTER_10 "PRAGMA user_version=10;"
#define UNDO_TO_9  UNDO_AFTER_9 "PRAGMA user_version=9;"
#define UNDO_TO_8  UNDO_AFTER_8 "PRAGMA user_version=8;"
#define UNDO_TO_7  UNDO_AFTER_7 "PRAGMA user_version=7;"
#define UNDO_TO_6  UNDO_AFTER_6 "PRAGMA user_version=6;"
#define UNDO_TO_5  UNDO_AFTER_5 "PRAGMA user_version=5;"
#define UNDO_TO_4  UNDO_AFTER_4 "PRAGMA user_version=4;"
#define UNDO_TO_3  UNDO_AFTER_3 "PRAGMA user_version=3;"
#define UNDO_TO_2  UNDO_AFTER_2 "PRAGMA user_version=2;"
#define UNDO_TO_1  UNDO_AFTER_1 "PRAGMA user_version=1;"

#endif
