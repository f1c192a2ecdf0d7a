/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The schema, as the list of steps that lead to it. A step once released never changes;
 * the database keeps the number of steps taken. The text is SQLite's; PostgreSQL's is made of it. Identity rows, leaves and records are immutable, and
 * triggers hold even this program to it.
 */
#include "verifier/entries.h"
#include "verifier/floors.h"
#include "verifier/retention_rows.h"

static const char schema_1[] =
	"CREATE TABLE meta(id INTEGER PRIMARY KEY CHECK(id=1), edge BLOB NOT NULL, policy BLOB NOT "
	"NULL,"
	" policy_version INTEGER NOT NULL, probe INTEGER NOT NULL) STRICT;"

	"CREATE TABLE leaves(idx INTEGER PRIMARY KEY, hash BLOB NOT NULL, bytes BLOB NOT NULL,"
	" salt BLOB NOT NULL, content BLOB) STRICT;"

	"CREATE TABLE objects(digest BLOB PRIMARY KEY NOT NULL, bytes BLOB NOT NULL) STRICT;"

	"CREATE TABLE hosts(id BLOB PRIMARY KEY NOT NULL, ek_public BLOB NOT NULL UNIQUE, "
	"ak_public BLOB NOT NULL,"
	" ak_name BLOB NOT NULL UNIQUE, ek_certs BLOB NOT NULL, ek_leaf BLOB NOT NULL, ek_template "
	"TEXT NOT NULL,"
	" manufacturer TEXT NOT NULL, name TEXT NOT NULL, enrolled INTEGER NOT NULL, epoch INTEGER "
	"NOT NULL,"
	" state INTEGER NOT NULL, version INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
	/* Apart, because it is written with every decision and the row above is large. */
	"CREATE TABLE host_seen(host BLOB PRIMARY KEY NOT NULL REFERENCES hosts(id), seen INTEGER "
	"NOT NULL,"
	" seen_index INTEGER NOT NULL, reset_count INTEGER NOT NULL, restart_count INTEGER NOT "
	"NULL,"
	" clock INTEGER NOT NULL, firmware_version INTEGER NOT NULL) STRICT, WITHOUT ROWID;"

	"CREATE TABLE enroll_sessions(id BLOB PRIMARY KEY NOT NULL, secret BLOB NOT NULL, "
	"ek_public BLOB NOT NULL,"
	" ak_public BLOB NOT NULL, ek_certs BLOB NOT NULL, token BLOB NOT NULL, name TEXT NOT NULL,"
	" issued INTEGER NOT NULL, expires INTEGER NOT NULL, used INTEGER NOT NULL) STRICT;"
	"CREATE INDEX enroll_sessions_expires ON enroll_sessions(expires);"

	"CREATE TABLE join_tokens(hash BLOB PRIMARY KEY NOT NULL, name TEXT NOT NULL, host BLOB, "
	"creator TEXT NOT NULL,"
	" created INTEGER NOT NULL, expires INTEGER NOT NULL, used_by BLOB) STRICT;"
	"CREATE INDEX join_tokens_host ON join_tokens(host);"

	"CREATE TABLE workloads(name TEXT PRIMARY KEY NOT NULL, risk_class TEXT NOT NULL, "
	"environment TEXT NOT NULL,"
	" owner TEXT NOT NULL, purpose TEXT NOT NULL, created INTEGER NOT NULL, state INTEGER NOT "
	"NULL,"
	" version INTEGER NOT NULL) STRICT;"

	"CREATE TABLE releases(digest BLOB PRIMARY KEY NOT NULL, workload TEXT NOT NULL REFERENCES "
	"workloads(name),"
	" name TEXT NOT NULL, release_version TEXT NOT NULL, envelope BLOB NOT NULL, published "
	"INTEGER NOT NULL,"
	" state INTEGER NOT NULL, version INTEGER NOT NULL) STRICT;"
	"CREATE INDEX releases_workload ON releases(workload, published);"

	"CREATE TABLE approvals(release BLOB NOT NULL REFERENCES releases(digest), seq INTEGER NOT "
	"NULL,"
	" digest BLOB NOT NULL, envelope BLOB NOT NULL, person TEXT NOT NULL, role TEXT NOT NULL,"
	" withdrawn INTEGER NOT NULL, time INTEGER NOT NULL, PRIMARY KEY(release, seq), "
	"UNIQUE(release, digest)) STRICT;"

	"CREATE TABLE instances(host BLOB NOT NULL REFERENCES hosts(id), instance BLOB NOT NULL, "
	"workload TEXT NOT NULL,"
	" release BLOB NOT NULL, state INTEGER NOT NULL, version INTEGER NOT NULL, policy_state "
	"BLOB NOT NULL,"
	" created INTEGER NOT NULL, renewed INTEGER NOT NULL, PRIMARY KEY(host, instance)) STRICT, "
	"WITHOUT ROWID;"
	"CREATE INDEX instances_workload ON instances(workload);"
	"CREATE INDEX instances_release ON instances(release);"

	"CREATE TABLE counters(host BLOB NOT NULL, instance BLOB NOT NULL, purpose INTEGER NOT "
	"NULL,"
	" next INTEGER NOT NULL, PRIMARY KEY(host, instance, purpose)) STRICT, WITHOUT ROWID;"

	"CREATE TABLE credentials(serial TEXT PRIMARY KEY NOT NULL, kind INTEGER NOT NULL, host "
	"BLOB NOT NULL,"
	" instance BLOB NOT NULL, spki BLOB NOT NULL, issued INTEGER NOT NULL, not_after INTEGER "
	"NOT NULL,"
	" revoked INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
	"CREATE INDEX credentials_owner ON credentials(host, instance);"

	"CREATE TABLE records(idx INTEGER PRIMARY KEY REFERENCES leaves(idx), id BLOB NOT NULL "
	"UNIQUE,"
	" time INTEGER NOT NULL, purpose INTEGER NOT NULL, host BLOB NOT NULL, instance BLOB NOT "
	"NULL,"
	" workload TEXT NOT NULL, release BLOB NOT NULL, trusted INTEGER NOT NULL, cose BLOB NOT "
	"NULL) STRICT;"
	"CREATE INDEX records_host ON records(host);"
	"CREATE INDEX records_workload ON records(workload);"

	"CREATE TRIGGER hosts_identity BEFORE UPDATE OF id, ek_public, ak_public, ak_name, "
	"ek_certs, ek_leaf, enrolled"
	" ON hosts BEGIN SELECT RAISE(ABORT, 'an identity row is immutable'); END;"
	"CREATE TRIGGER hosts_kept BEFORE DELETE ON hosts BEGIN SELECT RAISE(ABORT, 'an identity "
	"row is kept'); END;"
	"CREATE TRIGGER leaves_fixed BEFORE UPDATE ON leaves BEGIN SELECT RAISE(ABORT, 'a leaf is "
	"immutable'); END;"
	"CREATE TRIGGER leaves_kept BEFORE DELETE ON leaves BEGIN SELECT RAISE(ABORT, 'a leaf is "
	"kept'); END;"
	"CREATE TRIGGER records_fixed BEFORE UPDATE ON records BEGIN SELECT RAISE(ABORT, 'a record "
	"is immutable'); END;"
	"CREATE TRIGGER records_kept BEFORE DELETE ON records BEGIN SELECT RAISE(ABORT, 'a record "
	"is kept'); END;"
	"CREATE TRIGGER releases_fixed BEFORE UPDATE OF digest, workload, envelope ON releases"
	" BEGIN SELECT RAISE(ABORT, 'a release is immutable'); END;"
	"CREATE TRIGGER approvals_fixed BEFORE UPDATE ON approvals"
	" BEGIN SELECT RAISE(ABORT, 'an approval is immutable'); END;";

static const char schema_2[] =
	"CREATE TABLE statements(release BLOB NOT NULL REFERENCES releases(digest), seq INTEGER "
	"NOT NULL,"
	" digest BLOB NOT NULL, envelope BLOB NOT NULL, time INTEGER NOT NULL, PRIMARY "
	"KEY(release, seq), UNIQUE(release, digest)) STRICT;"
	"CREATE TRIGGER statements_fixed BEFORE UPDATE ON statements"
	" BEGIN SELECT RAISE(ABORT, 'a statement is immutable'); END;";

/* The register's facts. Whoever was registered before counts as reviewed then. */
static const char schema_3[] =
	"ALTER TABLE workloads ADD COLUMN unit TEXT NOT NULL DEFAULT '';"
	"ALTER TABLE workloads ADD COLUMN controls TEXT NOT NULL DEFAULT '[]';"
	"ALTER TABLE workloads ADD COLUMN third_parties TEXT NOT NULL DEFAULT '[]';"
	"ALTER TABLE workloads ADD COLUMN review_interval INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE workloads ADD COLUMN reviewed INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE workloads ADD COLUMN review_next INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE workloads ADD COLUMN reviewer TEXT NOT NULL DEFAULT '';"
	"ALTER TABLE workloads ADD COLUMN review_reason TEXT NOT NULL DEFAULT '';"
	"UPDATE workloads SET reviewed=created;";

/* Which releases name a digest. */
static const char schema_4[] =
	"CREATE TABLE subjects(digest BLOB NOT NULL, release BLOB NOT NULL REFERENCES "
	"releases(digest), PRIMARY KEY(digest, release)) STRICT, WITHOUT ROWID;";

/* The ledger's tiles above the leaves, and the note that was last signed over it. */
static const char schema_5[] =
	"CREATE TABLE tile_hashes(level INTEGER NOT NULL, idx INTEGER NOT NULL, hash BLOB NOT "
	"NULL, PRIMARY KEY(level, idx)) STRICT, WITHOUT ROWID;"
	"CREATE TRIGGER tile_hashes_fixed BEFORE UPDATE ON tile_hashes"
	" BEGIN SELECT RAISE(ABORT, 'a tile is immutable'); END;"
	"CREATE TRIGGER tile_hashes_kept BEFORE DELETE ON tile_hashes"
	" BEGIN SELECT RAISE(ABORT, 'a tile is kept'); END;"
	"ALTER TABLE meta ADD COLUMN checkpoint BLOB NOT NULL DEFAULT x'';"
	"ALTER TABLE meta ADD COLUMN cosigned BLOB NOT NULL DEFAULT x'';"
	/* Leaves from before there were checkpoints: the next start signs them. */
	"UPDATE meta SET checkpoint=x'00' WHERE EXISTS(SELECT 1 FROM leaves);";
/* What operators say of hosts: every word of it is kept, the newest on an attribute counts. */
static const char schema_6[] =
	/* Deferred: a join token speaks of its host in the job that makes the row. */
	"CREATE TABLE host_attributes(host BLOB NOT NULL REFERENCES hosts(id) DEFERRABLE INITIALLY "
	"DEFERRED, seq INTEGER NOT NULL,"
	" attribute TEXT NOT NULL, value TEXT, operator TEXT NOT NULL, reason TEXT NOT NULL, time "
	"INTEGER NOT NULL, PRIMARY KEY(host, seq)) STRICT, WITHOUT ROWID;"
	"CREATE INDEX host_attributes_value ON host_attributes(attribute, value);"
	"CREATE TRIGGER host_attributes_fixed BEFORE UPDATE ON host_attributes"
	" BEGIN SELECT RAISE(ABORT, 'what was said of a host is immutable'); END;"
	"CREATE TRIGGER host_attributes_kept BEFORE DELETE ON host_attributes"
	" BEGIN SELECT RAISE(ABORT, 'what was said of a host is kept'); END;"
	"ALTER TABLE join_tokens ADD COLUMN attributes TEXT NOT NULL DEFAULT '{}';";
/* Floors: moves are added, never changed. A database from before there were any begins with the
 * newest release that a trusted instance runs, reached now. */
static const char schema_7[] =
	"CREATE TABLE floors(workload TEXT NOT NULL REFERENCES workloads(name), sequence INTEGER "
	"NOT NULL, version TEXT NOT NULL, release BLOB NOT NULL REFERENCES releases(digest),"
	" published INTEGER NOT NULL, time INTEGER NOT NULL, rollback INTEGER NOT NULL, PRIMARY "
	"KEY(workload, sequence)) STRICT, WITHOUT ROWID;"
	"CREATE TABLE security_floors(workload TEXT NOT NULL REFERENCES workloads(name), sequence "
	"INTEGER NOT NULL, minimum TEXT NOT NULL, statement BLOB NOT NULL, payload BLOB NOT NULL,"
	" time INTEGER NOT NULL, PRIMARY KEY(workload, sequence)) STRICT, WITHOUT ROWID;"
	"CREATE TRIGGER floors_fixed BEFORE UPDATE ON floors BEGIN SELECT RAISE(ABORT, 'a move of "
	"a floor is immutable'); END;"
	"CREATE TRIGGER floors_kept BEFORE DELETE ON floors BEGIN SELECT RAISE(ABORT, 'a move of a "
	"floor is kept'); END;"
	"CREATE TRIGGER security_floors_fixed BEFORE UPDATE ON security_floors BEGIN SELECT "
	"RAISE(ABORT, 'a security floor is immutable'); END;"
	"CREATE TRIGGER security_floors_kept BEFORE DELETE ON security_floors BEGIN SELECT "
	"RAISE(ABORT, 'a security floor is kept'); END;";
/* Rollouts, their history, and what is known of their canaries. */
static const char schema_rollouts[] =
	"CREATE TABLE rollouts(id BLOB PRIMARY KEY NOT NULL, seq INTEGER NOT NULL, workload TEXT "
	"NOT NULL REFERENCES workloads(name), release_new BLOB NOT NULL REFERENCES "
	"releases(digest), release_old BLOB NOT NULL REFERENCES releases(digest), state INTEGER "
	"NOT NULL, share INTEGER NOT NULL, soak INTEGER NOT NULL, drain INTEGER NOT NULL, "
	"automatic INTEGER NOT NULL, refusals_max INTEGER NOT NULL, refusals_share INTEGER NOT "
	"NULL, failures_max INTEGER NOT NULL, failures_share INTEGER NOT NULL, sample INTEGER NOT "
	"NULL, decisions INTEGER NOT NULL, refusals INTEGER NOT NULL, launches INTEGER NOT NULL, "
	"ended INTEGER NOT NULL, failures INTEGER NOT NULL, unknown INTEGER NOT NULL, started "
	"INTEGER NOT NULL, soak_from INTEGER NOT NULL, changed INTEGER NOT NULL, version INTEGER "
	"NOT NULL, UNIQUE(workload, seq), CHECK(release_new<>release_old)) STRICT;"
	"CREATE UNIQUE INDEX rollouts_open ON rollouts(workload) WHERE state IN (1, 2);"
	"CREATE TABLE rollout_events(rollout BLOB NOT NULL REFERENCES rollouts(id), number INTEGER "
	"NOT NULL, time INTEGER NOT NULL, event TEXT NOT NULL, who TEXT NOT NULL, reason TEXT NOT "
	"NULL, share INTEGER NOT NULL, PRIMARY KEY(rollout, number)) STRICT, WITHOUT ROWID;"
	"CREATE TABLE rollout_hosts(rollout BLOB NOT NULL REFERENCES rollouts(id), host BLOB NOT "
	"NULL, decisions INTEGER NOT NULL, refusals INTEGER NOT NULL, PRIMARY KEY(rollout, host)) "
	"STRICT, WITHOUT ROWID;"
	"CREATE TABLE rollout_instances(host BLOB NOT NULL, instance BLOB NOT NULL, rollout BLOB "
	"NOT NULL REFERENCES rollouts(id), ending INTEGER NOT NULL, PRIMARY KEY(host, instance, "
	"rollout)) STRICT, WITHOUT ROWID;"
	"CREATE TRIGGER rollouts_fixed BEFORE UPDATE OF id, seq, workload, release_new, "
	"release_old, started ON rollouts BEGIN SELECT RAISE(ABORT, 'a rollout is immutable'); END;"
	"CREATE TRIGGER rollouts_kept BEFORE DELETE ON rollouts BEGIN SELECT RAISE(ABORT, 'a "
	"rollout is kept'); END;"
	"CREATE TRIGGER rollout_events_fixed BEFORE UPDATE ON rollout_events BEGIN SELECT "
	"RAISE(ABORT, 'an event is immutable'); END;";
/* Policies by version, and what a staged one would have changed. */
static const char schema_9[] =
	"CREATE TABLE policies(seq INTEGER PRIMARY KEY, version INTEGER NOT NULL, digest BLOB NOT "
	"NULL, signature BLOB NOT NULL, state INTEGER NOT NULL, staged INTEGER NOT NULL, "
	"activate_at INTEGER NOT NULL, in_force INTEGER NOT NULL, staged_by TEXT NOT NULL, by_whom "
	"TEXT NOT NULL, reason TEXT NOT NULL, judged_from INTEGER NOT NULL, judged_to INTEGER NOT "
	"NULL, same INTEGER NOT NULL, changed INTEGER NOT NULL, undecided INTEGER NOT NULL, "
	"unreadable INTEGER NOT NULL) STRICT;"
	"CREATE INDEX policies_version ON policies(version);"
	"CREATE INDEX policies_digest ON policies(digest);"
	"CREATE UNIQUE INDEX policies_staged ON policies(state) WHERE state IN (1, 2);"
	"CREATE TRIGGER policies_fixed BEFORE UPDATE OF seq, version, digest ON policies"
	" BEGIN SELECT RAISE(ABORT, 'a policy is immutable'); END;"
	"CREATE TRIGGER policies_kept BEFORE DELETE ON policies"
	" BEGIN SELECT RAISE(ABORT, 'a policy is kept'); END;"
	"CREATE TABLE policy_differences(policy INTEGER NOT NULL REFERENCES policies(seq), "
	"workload "
	"TEXT NOT NULL, host BLOB NOT NULL, before INTEGER NOT NULL, after INTEGER NOT NULL, "
	"reason "
	"TEXT NOT NULL, count INTEGER NOT NULL, last INTEGER NOT NULL, record BLOB NOT NULL, "
	"PRIMARY "
	"KEY(policy, workload, host, before, after, reason)) STRICT, WITHOUT ROWID;";
/* What entries of the ledger are about. */
static const char schema_entries[] =
	"CREATE TABLE entry_subjects(kind INTEGER NOT NULL, subject TEXT NOT NULL, idx INTEGER NOT "
	"NULL REFERENCES leaves(idx), type INTEGER NOT NULL, PRIMARY KEY(kind, subject, idx)) "
	"STRICT, WITHOUT ROWID;"
	"CREATE TRIGGER entry_subjects_fixed BEFORE UPDATE ON entry_subjects"
	" BEGIN SELECT RAISE(ABORT, 'what an entry is about is immutable'); END;";
/* Contents are sealed (vault.h). What there is in clear goes out of the immutable rows here, and is
 * sealed when the content key is at hand (contents_seal). A data key's row is overwritten in place and
 * never deleted. */
static const char schema_contents[] =
	"ALTER TABLE meta ADD COLUMN scrub INTEGER NOT NULL DEFAULT 0;"
	"UPDATE meta SET scrub=1 WHERE EXISTS(SELECT 1 FROM objects) OR EXISTS(SELECT 1 FROM "
	"leaves);"
	"ALTER TABLE objects RENAME TO clear_objects;"
	"CREATE TABLE clear_leaves(idx INTEGER PRIMARY KEY, salt BLOB NOT NULL, content BLOB) "
	"STRICT;"
	"INSERT INTO clear_leaves(idx, salt, content) SELECT idx, salt, content FROM leaves;"
	"ALTER TABLE leaves DROP COLUMN salt;"
	"ALTER TABLE leaves DROP COLUMN content;"
	"CREATE TABLE content_keys(generation INTEGER PRIMARY KEY, recipient BLOB NOT NULL, "
	"wrapped "
	"BLOB NOT NULL, created INTEGER NOT NULL) STRICT;"
	"CREATE TABLE data_keys(id INTEGER PRIMARY KEY, wrapped BLOB NOT NULL) STRICT;"
	"CREATE TABLE objects(digest BLOB PRIMARY KEY NOT NULL, key INTEGER REFERENCES "
	"data_keys(id), destroyed INTEGER NOT NULL, sealed BLOB NOT NULL) STRICT;"
	"CREATE TABLE leaf_contents(idx INTEGER PRIMARY KEY REFERENCES leaves(idx), key INTEGER "
	"REFERENCES data_keys(id), destroyed INTEGER NOT NULL, sealed BLOB NOT NULL) STRICT;"
	"CREATE TRIGGER data_keys_kept BEFORE DELETE ON data_keys BEGIN SELECT RAISE(ABORT, 'a "
	"data "
	"key is overwritten in place'); END;";

/* Retention: what rests on what, what has gone, holds. */
static const char schema_retention[] =
	"CREATE TABLE histories(host BLOB NOT NULL, instance BLOB NOT NULL, workload TEXT NOT "
	"NULL, first INTEGER NOT NULL, last INTEGER NOT NULL, launch INTEGER NOT NULL, renew "
	"INTEGER NOT NULL, refused INTEGER NOT NULL, kept INTEGER NOT NULL CHECK(kept>=0), PRIMARY "
	"KEY(host, instance, workload)) STRICT, WITHOUT ROWID;"
	"CREATE INDEX histories_old ON histories(last, host, instance) WHERE kept>0;"
	"CREATE INDEX records_history ON records(host, instance, idx);"
	"CREATE TABLE record_gone(idx INTEGER PRIMARY KEY REFERENCES records(idx), entry INTEGER "
	"NOT NULL REFERENCES leaves(idx) DEFERRABLE INITIALLY DEFERRED, time INTEGER NOT NULL) "
	"STRICT;"
	"CREATE TABLE object_refs(digest BLOB PRIMARY KEY NOT NULL, count INTEGER NOT NULL "
	"CHECK(count>0)) STRICT, WITHOUT ROWID;"
	"CREATE TABLE policy_references(policy BLOB NOT NULL, digest BLOB NOT NULL, PRIMARY "
	"KEY(policy, digest)) STRICT, WITHOUT ROWID;"
	"CREATE INDEX policy_references_digest ON policy_references(digest);"
	"CREATE TABLE entries(idx INTEGER PRIMARY KEY REFERENCES leaves(idx), type INTEGER NOT "
	"NULL, time INTEGER NOT NULL, gone INTEGER REFERENCES leaves(idx) DEFERRABLE INITIALLY "
	"DEFERRED, gone_time INTEGER NOT NULL DEFAULT 0) STRICT;"
	"CREATE INDEX entries_old ON entries(type, idx) WHERE gone IS NULL;"
	"ALTER TABLE policies ADD COLUMN gone INTEGER NOT NULL DEFAULT 0;"
	"CREATE TABLE policies_seen(seq INTEGER PRIMARY KEY, digest BLOB NOT NULL, version INTEGER "
	"NOT NULL, seen INTEGER NOT NULL) STRICT;"
	"CREATE TABLE retention(id INTEGER PRIMARY KEY CHECK(id=1), time INTEGER NOT NULL, "
	"finished INTEGER NOT NULL) STRICT;"
	"INSERT INTO retention(id, time, finished) VALUES(1, 0, 0);"
	"CREATE TABLE holds(id INTEGER PRIMARY KEY, host BLOB, workload TEXT NOT NULL, release "
	"BLOB, time_from INTEGER NOT NULL, time_to INTEGER NOT NULL, reason TEXT NOT NULL, by_whom "
	"TEXT NOT NULL, set_at INTEGER NOT NULL, lift_by TEXT NOT NULL DEFAULT '', lift_reason "
	"TEXT NOT NULL DEFAULT '', lift_asked INTEGER NOT NULL DEFAULT 0, lifted_by TEXT NOT NULL "
	"DEFAULT '', lifted INTEGER NOT NULL DEFAULT 0) STRICT;"
	"CREATE TRIGGER holds_fixed BEFORE UPDATE OF id, host, workload, release, time_from, "
	"time_to, reason, by_whom, set_at ON holds BEGIN SELECT RAISE(ABORT, 'a hold is "
	"immutable'); END;"
	"CREATE TRIGGER holds_kept BEFORE DELETE ON holds BEGIN SELECT RAISE(ABORT, 'a hold is "
	"kept'); END;"
	"CREATE TRIGGER record_gone_fixed BEFORE UPDATE ON record_gone BEGIN SELECT RAISE(ABORT, "
	"'what has gone stays gone'); END;"
	"CREATE TRIGGER record_gone_kept BEFORE DELETE ON record_gone BEGIN SELECT RAISE(ABORT, "
	"'what has gone stays gone'); END;";

/* A leaf's content in the leaf's own row, where it is small; up to which leaf retention has noted what
 * there is, and what it knows of the machine's clocks. */
static const char schema_leaf_rows[] =
	"ALTER TABLE leaves ADD COLUMN wrapped BLOB;"
	"ALTER TABLE leaves ADD COLUMN sealed BLOB;"
	"DROP TRIGGER leaves_fixed;"
	"CREATE TRIGGER leaves_fixed BEFORE UPDATE OF idx, hash, bytes ON leaves BEGIN SELECT "
	"RAISE(ABORT, 'a leaf is immutable'); END;"
	"CREATE TRIGGER leaves_in_place BEFORE UPDATE OF wrapped, sealed ON leaves WHEN "
	"(coalesce(length(NEW.wrapped), -1)<>coalesce(length(OLD.wrapped), -1) OR "
	"coalesce(length(NEW.sealed), -1)<>coalesce(length(OLD.sealed), -1)) BEGIN SELECT "
	"RAISE(ABORT, 'a data key is overwritten in place'); END;"
	"ALTER TABLE retention ADD COLUMN anchor INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE retention ADD COLUMN anchor_ms INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE retention ADD COLUMN time_ms INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE retention ADD COLUMN allowance INTEGER NOT NULL DEFAULT 86400;"
	"ALTER TABLE retention ADD COLUMN boot BLOB;"
	"ALTER TABLE retention ADD COLUMN noted INTEGER NOT NULL DEFAULT 0;"
	"UPDATE retention SET noted=(SELECT coalesce(max(idx)+1, 0) FROM leaves);";
/* The newest checkpoint with a TPM quote of the verifier's host (log_quote.h). */
static const char schema_log_quote[] =
	"CREATE TABLE log_quote(id INTEGER PRIMARY KEY CHECK(id=1), size INTEGER NOT NULL, quote "
	"BLOB NOT NULL) STRICT;";
/* What is published of revoked credentials. */
static const char schema_revocation[] =
	"ALTER TABLE credentials ADD COLUMN reason INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE credentials ADD COLUMN status INTEGER NOT NULL DEFAULT 0;"
	"CREATE INDEX credentials_revoked ON credentials(not_after) WHERE revoked>0;"
	"CREATE INDEX credentials_status ON credentials(status) WHERE revoked>0 AND status>0;"
	"CREATE TABLE revocation(id INTEGER PRIMARY KEY CHECK(id=1), sequence INTEGER NOT NULL, "
	"lists INTEGER NOT NULL) STRICT;"
	"INSERT INTO revocation(id, sequence, lists) VALUES(1, 1, 0);"
	"CREATE TABLE crls(issuer BLOB PRIMARY KEY NOT NULL, number INTEGER NOT NULL, sequence "
	"INTEGER NOT NULL, made INTEGER NOT NULL, until INTEGER NOT NULL, der BLOB NOT NULL) "
	"STRICT;";
/* Leases: what agents are shown as, and its history; what TPMs went through. */
static const char schema_leases[] =
	"ALTER TABLE instances ADD COLUMN lease INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE instances ADD COLUMN lease_check INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE instances ADD COLUMN told INTEGER NOT NULL DEFAULT 1;"
	"UPDATE instances SET lease=coalesce((SELECT max(c.not_after) FROM credentials c WHERE "
	"c.host=instances.host AND c.instance=instances.instance), renewed);"
	"UPDATE instances SET lease_check=lease WHERE state=1;"
	"CREATE INDEX instances_lease ON instances(lease_check) WHERE state=1 AND lease_check>0;"
	"ALTER TABLE host_seen ADD COLUMN boot_id BLOB NOT NULL DEFAULT x'';"
	"CREATE TABLE host_heard(host BLOB PRIMARY KEY NOT NULL REFERENCES hosts(id), heard "
	"INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
	"CREATE TABLE instance_states(host BLOB NOT NULL, instance BLOB NOT NULL, seq INTEGER NOT "
	"NULL, time INTEGER NOT NULL, state INTEGER NOT NULL, why TEXT NOT NULL, PRIMARY KEY(host, "
	"instance, seq)) STRICT, WITHOUT ROWID;"
	"CREATE TRIGGER instance_states_fixed BEFORE UPDATE ON instance_states"
	" BEGIN SELECT RAISE(ABORT, 'history is immutable'); END;"
	"CREATE TABLE tpm_sightings(host BLOB NOT NULL REFERENCES hosts(id), seq INTEGER NOT NULL, "
	"time INTEGER NOT NULL, reset_count INTEGER NOT NULL, restart_count INTEGER NOT NULL, "
	"clock INTEGER NOT NULL, safe INTEGER NOT NULL, firmware_version INTEGER NOT NULL, epoch "
	"INTEGER NOT NULL, boot_id BLOB NOT NULL, steps INTEGER NOT NULL, accepted INTEGER NOT "
	"NULL, PRIMARY KEY(host, seq)) STRICT, WITHOUT ROWID;"
	"CREATE TRIGGER tpm_sightings_fixed BEFORE UPDATE ON tpm_sightings"
	" BEGIN SELECT RAISE(ABORT, 'what was seen is immutable'); END;";

static bool meta_make(struct sql *sql, struct err *err)
{
	static const uint8_t none[SHA256_LEN];
	OWNED(buf_release) struct buf edge = {0};
	struct tree_edge empty = {0};
	return tree_edge_encode(&empty, &edge, err) &&
	       sql_exec(sql,
		       "INSERT INTO meta(id, edge, policy, policy_version, probe) VALUES(1, ?1, "
		       "?2, 0, 0)"
		       " ON CONFLICT DO NOTHING",
		       SQL_ARGS(sql_b(buf_bytes(&edge)), sql_b(BYTES_OF(none))), NULL, err);
}

/* Elevations, what persons said of them, and the credentials that carry them. host, instance: empty
 * where it is for all of the workload's. */
static const char schema_elevations[] =
	"CREATE TABLE elevations(id BLOB PRIMARY KEY NOT NULL, workload TEXT NOT NULL REFERENCES "
	"workloads(name), lent TEXT NOT NULL, clause BLOB NOT NULL, state INTEGER NOT NULL, asked "
	"INTEGER NOT NULL, lapses INTEGER NOT NULL, activated INTEGER NOT NULL, ends INTEGER NOT "
	"NULL, ended INTEGER NOT NULL, entry BLOB NOT NULL, activation BLOB NOT NULL, why TEXT NOT "
	"NULL, host BLOB NOT NULL, instance BLOB NOT NULL, request BLOB NOT NULL, policy BLOB NOT "
	"NULL) STRICT;"
	"CREATE INDEX elevations_open ON elevations(workload, state);"
	"CREATE INDEX elevations_asked ON elevations(asked);"
	"CREATE TABLE elevation_words(elevation BLOB NOT NULL REFERENCES elevations(id), number "
	"INTEGER NOT NULL, envelope BLOB NOT NULL, PRIMARY KEY(elevation, number)) STRICT;"
	"CREATE TABLE elevation_credentials(elevation BLOB NOT NULL REFERENCES elevations(id), "
	"serial TEXT NOT NULL, not_after INTEGER NOT NULL, PRIMARY KEY(elevation, serial)) STRICT;"
	"CREATE INDEX elevation_credentials_end ON elevation_credentials(not_after);"
	"CREATE TRIGGER elevations_fixed BEFORE UPDATE OF id, workload, lent, clause, asked, "
	"lapses, entry, host, instance, request ON elevations BEGIN SELECT RAISE(ABORT, 'a request "
	"for an elevation is immutable'); END;"
	"CREATE TRIGGER elevations_kept BEFORE DELETE ON elevations BEGIN SELECT RAISE(ABORT, 'an "
	"elevation is kept'); END;"
	"CREATE TRIGGER elevation_words_fixed BEFORE UPDATE ON elevation_words BEGIN SELECT "
	"RAISE(ABORT, 'an approval is immutable'); END;"
	"CREATE TRIGGER elevation_words_kept BEFORE DELETE ON elevation_words BEGIN SELECT "
	"RAISE(ABORT, 'an approval is kept'); END;";
/* More than one verifier on a database. compatible_since: the newest step that a program from before
 * it cannot work with. */
static const char schema_nodes[] =
	"ALTER TABLE meta ADD COLUMN epoch INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE meta ADD COLUMN compatible_since INTEGER NOT NULL DEFAULT 0;"
	"CREATE TABLE writers(id BLOB PRIMARY KEY NOT NULL, batch INTEGER NOT NULL, seen INTEGER "
	"NOT NULL) STRICT, WITHOUT ROWID;"
	"CREATE TABLE turns(name TEXT PRIMARY KEY NOT NULL, holder BLOB NOT NULL, until INTEGER "
	"NOT NULL) STRICT, WITHOUT ROWID;"
	/* What retention knows of the clocks of machines that did not sweep last. */
	"CREATE TABLE retention_boots(boot BLOB PRIMARY KEY NOT NULL, anchor INTEGER NOT NULL, "
	"anchor_ms INTEGER NOT NULL, time_ms INTEGER NOT NULL, time INTEGER NOT NULL) STRICT, "
	"WITHOUT ROWID;";

/* Where each webhook stands, and what was acknowledged. */
static const char schema_webhooks[] =
	"CREATE TABLE webhooks(name TEXT PRIMARY KEY NOT NULL, state INTEGER NOT NULL, position "
	"INTEGER NOT NULL, attempts INTEGER NOT NULL, first_try INTEGER NOT NULL, next_try INTEGER "
	"NOT NULL, last_status INTEGER NOT NULL, last_error TEXT NOT NULL, acked INTEGER NOT NULL, "
	"acked_time INTEGER NOT NULL, owner BLOB NOT NULL, owner_until INTEGER NOT NULL) STRICT;"
	"CREATE TABLE webhook_acks(name TEXT NOT NULL, entry INTEGER NOT NULL, time INTEGER NOT "
	"NULL, status INTEGER NOT NULL, attempts INTEGER NOT NULL, PRIMARY KEY(name, entry)) "
	"STRICT;"
	"CREATE INDEX webhook_acks_time ON webhook_acks(name, time);";

/* Where each instance's renewals stood at its last full appraisal. What there was before counts from
 * here on: not all of them are asked at once. And the order in which hosts are listed. */
static const char schema_full_appraisals[] =
	"CREATE INDEX hosts_listed ON hosts(enrolled, id);"
	"ALTER TABLE instances ADD COLUMN full_counter INTEGER NOT NULL DEFAULT 0;"
	"UPDATE instances SET full_counter=coalesce((SELECT c.next FROM counters c WHERE "
	"c.host=instances.host AND c.instance=instances.instance AND c.purpose=3), 0);";

/* What is a record's own stands with it, in one row (record_contents.h). A program that does not know of that destroys no record:
 * it would leave these rows. */
static const char schema_record_contents[] =
	"CREATE TABLE record_contents(idx INTEGER PRIMARY KEY REFERENCES records(idx), key INTEGER "
	"REFERENCES data_keys(id), destroyed INTEGER NOT NULL, sealed BLOB NOT NULL) STRICT;"
	"ALTER TABLE record_gone ADD COLUMN contents INTEGER NOT NULL DEFAULT 0;"
	"CREATE TRIGGER record_gone_whole BEFORE INSERT ON record_gone WHEN (NEW.contents<>1) "
	"BEGIN "
	"SELECT RAISE(ABORT, 'a program from before record_contents destroys no record'); END;";

/* Hosts that wait are counted when another one comes that nobody invited. 1 is HOST_PENDING: an index of a part is found by what is
 * written, and not by what is given along. */
static const char schema_hosts_waiting[] = "CREATE INDEX hosts_waiting ON hosts(id) WHERE state=1;";

/* How long an event has been tried, by no clock that can be set. A program from before it leaves what is there, and gives up by
 * the clock. */
static const char schema_webhook_tried[] =
	"ALTER TABLE webhooks ADD COLUMN tried INTEGER NOT NULL DEFAULT 0;";

static const struct {
	const char *script;
	bool (*fill)(struct sql *sql, struct err *err); /* what the script cannot; may be NULL */
	bool compatible; /* a program that does not know the step can work beside those that do */
} steps[] = {
	{schema_1, meta_make, false},
	{schema_2, NULL, false},
	{schema_3, NULL, false},
	{schema_4, subjects_fill, false},
	{schema_5, tiles_fill, false},
	{schema_6, NULL, false},
	{schema_7, floors_fill, false},
	{schema_rollouts, NULL, false},
	{schema_9, policies_fill, false},
	{schema_entries, entry_subjects_fill, false},
	{schema_contents, NULL, false},
	{schema_retention, retention_fill, false},
	{schema_leaf_rows, NULL, false},
	{schema_log_quote, NULL, false},
	{schema_revocation, NULL, false},
	{schema_leases, NULL, false},
	{schema_elevations, NULL, false},
	{schema_nodes, NULL, false},
	{schema_webhooks, NULL, false},
	{schema_full_appraisals, NULL, true},
	{schema_record_contents, NULL, true},
	{schema_hosts_waiting, NULL, true},
	{schema_webhook_tried, NULL, true},
};

int store_schema_version(void)
{
	return (int)ARRAY_LEN(steps);
}

static int64_t compatible_since(void)
{
	int64_t step = store_schema_version();
	while (step > 1 && steps[step - 1].compatible)
		step--;
	return step;
}

static bool step_take(struct sql *sql, int64_t step, struct err *err)
{
	if (!sql->ops->script(sql, steps[step].script, err) ||
		(steps[step].fill && !steps[step].fill(sql, err)) ||
		!sql->ops->version_set(sql, step + 1, err))
		return err_wrap(err, "schema step %lld", (long long)step + 1);
	return true;
}

/* Schema N and N+1 side by side, while one node after the other gets the newer program. */
static bool newer_check(struct sql *sql, int64_t version, struct err *err)
{
	OWNED(sql_finish) struct sql_query *query = NULL;
	if (!sql_first(
		    sql, "SELECT compatible_since FROM meta WHERE id=1", SQL_NO_ARGS, &query, err))
		return false;
	int64_t since = query ? sql_int(query, 0) : 0;
	return (since > 0 && since <= store_schema_version()) ||
	       err_set(err, ERR_STORE,
		       "the database has schema %lld, this program knows %d: use a newer one",
		       (long long)version, store_schema_version());
}

static bool steps_take(struct sql *sql, int64_t version, struct err *err)
{
	for (int64_t step = version; step < store_schema_version(); step++)
		if (!step_take(sql, step, err))
			return false;
	return version == store_schema_version() ||
	       sql_exec(sql, "UPDATE meta SET compatible_since=?1 WHERE id=1",
		       SQL_ARGS(sql_i(compatible_since())), NULL, err);
}

bool store_migrate(struct sql *sql, struct err *err)
{
	int64_t version = 0;
	if (!sql->ops->begin(sql, err))
		return false;
	bool ok = sql->ops->version(sql, &version, err) &&
		  (version > store_schema_version() ? newer_check(sql, version, err)
						    : steps_take(sql, version, err));
	if (ok)
		return sql->ops->commit(sql, err);
	sql->ops->rollback(sql);
	return false;
}
