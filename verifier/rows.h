/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rows of the store, typed. Every function works on whichever connection it is given: a
 * reader's, or a job's, where what it reads gates what the job commits. *_get leaves *ret_found
 * false when there is no row. Owned parts are released with
 * *_release. Counts and clocks of the TPM are kept bit for bit.
 */
#ifndef ASSAY_VERIFIER_ROWS_H
#define ASSAY_VERIFIER_ROWS_H

#include "ledger/tile.h"
#include "policy/policy.h"
#include "crypto/revocation.h"
#include "verifier/store.h"
#include "verifier/vault.h"

#define ROW_NAME_MAX   65 /* text_is_name, and a NUL */
#define ROW_TEXT_MAX   257 /* owner, purpose: free text, escaped when shown */
#define ROW_URI_MAX    512 /* X509_URI_MAX */
#define ROW_SERIAL_MAX 72
#define ROW_LIST_MAX   1000u
#define ROW_AHEAD_MAX  300 /* seconds by which another verifier's clock may be ahead of ours */
#define ROW_FACTS_MAX  4097 /* a list of the register as JSON, and a NUL */

/* ---- hosts ---- */

struct host_row {
	uint8_t id[HOST_ID_LEN];
	struct buf ek_public, ak_public; /* TPMT_PUBLIC */
	struct buf ek_certs; /* concatenated DER, leaf first */
	uint8_t ak_name[SHA256_LEN]; /* SHA-256 of the AK's Name: unique over all hosts that ever
					were */
	uint8_t ek_leaf[SHA256_LEN]; /* SHA-256 of the EK certificate; zeros when there is none */
	char ek_template[16], manufacturer[64], name[ROW_NAME_MAX];
	int64_t enrolled;
	uint64_t epoch;
	/* what changes */
	enum host_state state;
	int64_t version; /* of the state */
	int64_t seen; /* time of the last accepted quote; 0: none yet, and then the rest is nothing
		       */
	uint64_t seen_index; /* ledger index of the decision that accepted it */
	uint32_t reset_count, restart_count;
	uint64_t clock, firmware_version;
	uint8_t boot_id[16]; /* zeros: not known */
};
void host_row_release(struct host_row *row);
must_use bool host_get(struct sql *sql, const uint8_t id[HOST_ID_LEN], struct host_row *ret,
	bool *ret_found, struct err *err);
/* ERR_CONFLICT when the id, the EK or the AK is or was another row's. */
must_use bool host_insert(struct sql *sql, const struct host_row *row, struct err *err);
/* ERR_CONFLICT when the row's version is no longer the one given. */
must_use bool host_set_state(struct sql *sql, const uint8_t id[HOST_ID_LEN], int64_t version,
	enum host_state state, struct err *err);
must_use bool host_set_seen(struct sql *sql, const struct host_row *row, struct err *err);
/* ERR_CONFLICT unless state and last-seen values are still those of the row. */
must_use bool host_recheck(struct sql *sql, const struct host_row *row, struct err *err);
/* Only what gates a request; HOST_NONE when there is no such host. */
must_use bool host_gate(struct sql *sql, const uint8_t id[HOST_ID_LEN], enum host_state *ret_state,
	struct err *err);
/* How many are pending. */
must_use bool hosts_waiting(struct sql *sql, int64_t *ret, struct err *err);
/* The host that has this AK; *ret_found false when there is none. */
must_use bool host_of_ak(struct sql *sql, const uint8_t ak_name[SHA256_LEN],
	uint8_t ret_id[HOST_ID_LEN], bool *ret_found, struct err *err);

/* ---- enrolment ---- */

struct session_row {
	uint8_t id[SHA256_LEN]; /* SHA-256 of the session as sent */
	uint8_t secret[SHA256_LEN]; /* SHA-256 of the credential */
	struct buf ek_public, ak_public, ek_certs;
	uint8_t token[SHA256_LEN]; /* SHA-256 of the join token; zeros: none */
	char name[ROW_NAME_MAX];
	int64_t issued, expires;
};
void session_row_release(struct session_row *row);
/* Enrolments under way at one time. Nobody knows who a stranger is, so all of them together have half of the room: whoever was
 * invited, or is a host, gets in all the same, and of these each has a share of its own. */
struct session_room {
	unsigned most, share;
};
/* Forgets those that ended, or were begun by a clock that ran ahead: they would take up the room for as long. ERR_BUSY when there
 * is none. */
must_use bool session_put(struct sql *sql, const struct session_row *row, int64_t now,
	bool stranger, const struct session_room *room, struct err *err);
/* Whether this TPM is one that an operator knows: a host that is active, or one that was registered beforehand. */
must_use bool session_expected(struct sql *sql, const uint8_t host[HOST_ID_LEN], int64_t now,
	bool *ret_expected, struct err *err);
/* Uses the session up, whatever comes of it. *ret_found is false when it is unknown, used or
 * expired. */
must_use bool session_burn(struct sql *sql, const uint8_t id[SHA256_LEN], int64_t now,
	struct session_row *ret, bool *ret_found, struct err *err);

struct token_row {
	uint8_t hash[SHA256_LEN];
	char name[ROW_NAME_MAX], creator[ROW_TEXT_MAX];
	bool bound; /* to one host */
	uint8_t host[HOST_ID_LEN];
	int64_t created, expires;
	char attributes
		[ROW_FACTS_MAX]; /* of the host that uses it, JSON: {"site":"zrh1"}; empty: none */
};
must_use bool join_token_put(struct sql *sql, const struct token_row *row, struct err *err);
/* Whether the token would be accepted for the host now, or was by this very host before: it may
 * enrol again with it. */
must_use bool join_token_check(struct sql *sql, const uint8_t hash[SHA256_LEN],
	const uint8_t host[HOST_ID_LEN], int64_t now, bool *ret_valid, struct err *err);
/* Uses it up: *ret_used says whether it was there to be used. hash NULL: the host's own
 * pre-registration, if any. */
must_use bool join_token_use(struct sql *sql, const uint8_t *hash, const uint8_t host[HOST_ID_LEN],
	int64_t now, bool *ret_used, struct err *err);
/* Deletes what has expired: sessions, unused tokens, credentials a day after their end. */
must_use bool rows_expire(struct sql *sql, int64_t now, struct err *err);

/* ---- workloads, releases, approvals ---- */

struct workload_row {
	char name[ROW_NAME_MAX], risk_class[ROW_NAME_MAX], environment[ROW_NAME_MAX];
	char owner[ROW_TEXT_MAX], purpose[ROW_TEXT_MAX];
	int64_t created, version;
	enum workload_state state;
	char unit[ROW_TEXT_MAX]; /* business unit; may be empty */
	char controls[ROW_FACTS_MAX]; /* JSON: ["EU-AI-Act/12", …] */
	char third_parties[ROW_FACTS_MAX]; /* JSON: [{"name":…, "jurisdiction":"CH"}, …] */
	int64_t review_interval; /* seconds; 0: what the risk class says */
	int64_t reviewed; /* last review, or else the registration */
	int64_t review_next; /* date set for the next one; 0: none */
	char reviewer[ROW_URI_MAX], review_reason[ROW_TEXT_MAX]; /* empty: never reviewed */
};
/* As the policy wants them: empty where there are none. Borrowed. */
struct bytes workload_third_parties(const struct workload_row *row);
const char *workload_state_name(enum workload_state state);
must_use bool workload_get(struct sql *sql, struct bytes name, struct workload_row *ret,
	bool *ret_found, struct err *err);
/* ERR_CONFLICT unless the row of that name still has that version (0: still none). */
must_use bool workload_recheck(
	struct sql *sql, struct bytes name, int64_t version, struct err *err);
/* Moves its version: whoever read its floors or elevations before reads them again. ERR_NOT_FOUND: no such workload. */
must_use bool workload_touch(struct sql *sql, const char *workload, struct err *err);
must_use bool workload_insert(struct sql *sql, const struct workload_row *row, struct err *err);
/* Everything from unit on. ERR_CONFLICT when the row's version is no longer the one given. */
must_use bool workload_set_facts(struct sql *sql, const struct workload_row *row, struct err *err);
must_use bool workload_set_state(struct sql *sql, struct bytes name, int64_t version,
	enum workload_state state, struct err *err);
typedef bool (*workload_visit)(void *arg, const struct workload_row *row, struct err *err);
must_use bool workloads_each(struct sql *sql, workload_visit visit, void *arg, struct err *err);

struct release_row {
	uint8_t digest[SHA256_LEN];
	char workload[ROW_NAME_MAX];
	char name[ROW_TEXT_MAX], release_version[ROW_TEXT_MAX];
	struct buf envelope; /* DSSE; left empty by releases_each */
	int64_t published, version; /* the version moves with every approval too */
	enum release_state state;
};
const char *release_state_name(enum release_state state);
void release_row_release(struct release_row *row);
must_use bool release_get(struct sql *sql, const uint8_t digest[SHA256_LEN],
	struct release_row *ret, bool *ret_found, struct err *err);
/* ERR_CONFLICT unless the release, its state and its approvals are still those of that version (0:
 * still none). */
must_use bool release_recheck(
	struct sql *sql, const uint8_t digest[SHA256_LEN], int64_t version, struct err *err);
must_use bool release_insert(struct sql *sql, const struct release_row *row, struct err *err);
must_use bool release_set_state(struct sql *sql, const uint8_t digest[SHA256_LEN], int64_t version,
	enum release_state state, struct err *err);
typedef bool (*release_visit)(void *arg, const struct release_row *row, struct err *err);
/* workload empty: all. Newest first. */
must_use bool releases_each(
	struct sql *sql, struct bytes workload, release_visit visit, void *arg, struct err *err);

struct approval_row {
	uint8_t release[SHA256_LEN];
	struct bytes envelope; /* borrowed */
	char person[ROW_TEXT_MAX], role[ROW_NAME_MAX];
	bool withdrawn;
	int64_t time;
};
/* Of APPROVALS_MAX. Each place holds an approval and its withdrawal: whatever else lies beside a
 * release, what a person approved that person can take back. */
#define APPROVAL_PLACES_MAX     (APPROVALS_MAX / 2)
#define APPROVALS_OF_PERSON_MAX 8u /* places; withdrawals in advance take some, too */
/* Appends it and moves the release's version. *ret_new is false when this very envelope is there
 * already. ERR_LIMIT without a place for it. */
must_use bool approval_insert(
	struct sql *sql, const struct approval_row *row, bool *ret_new, struct err *err);
/* Envelopes in the order they came; the caller releases each. */
must_use bool approvals_get(struct sql *sql, const uint8_t release[SHA256_LEN],
	struct buf ret[APPROVALS_MAX], size_t *ret_count, struct err *err);

struct statement_row {
	uint8_t release[SHA256_LEN];
	struct bytes envelope; /* borrowed */
	int64_t time;
	bool withdrawal; /* of another statement: kept from now on as one */
};
/* Room beside a release that only withdrawals may fill: what takes away is not kept out by what is there. */
#define STATEMENTS_FOR_WITHDRAWALS       8u
#define STATEMENTS_BYTES_FOR_WITHDRAWALS (64u << 10)
/* As of approvals; ERR_LIMIT beyond STATEMENTS_MAX or STATEMENTS_BYTES_MAX, less the room for withdrawals. */
must_use bool statement_insert(
	struct sql *sql, const struct statement_row *row, bool *ret_new, struct err *err);
must_use bool statements_get(struct sql *sql, const uint8_t release[SHA256_LEN],
	struct buf ret[STATEMENTS_MAX], size_t *ret_count, struct err *err);

/* The digests that a release names: its components by SHA-256. */
must_use bool subjects_put(struct sql *sql, const struct release *release, struct err *err);
/* Those of every release stored. */
must_use bool subjects_fill(struct sql *sql, struct err *err);
/* Releases that name the digest, published and of an active workload in that environment, at most
 * max: those first that a trusted instance runs, then the newest. */
must_use bool subjects_find(struct sql *sql, const uint8_t digest[SHA256_LEN],
	struct bytes environment, uint8_t ret[][SHA256_LEN], size_t max, size_t *ret_count,
	struct err *err);

/* ---- instances, counters, credentials ---- */

enum instance_state {
	INSTANCE_NONE = 0,
	INSTANCE_TRUSTED = 1,
	INSTANCE_REFUSED = 2,
	INSTANCE_ENDED = 3
};
const char *instance_state_name(enum instance_state state);
struct instance_row {
	uint8_t host[HOST_ID_LEN], instance[INSTANCE_ID_LEN];
	char workload[ROW_NAME_MAX];
	uint8_t release[SHA256_LEN];
	enum instance_state state;
	int64_t version, created, renewed;
	int64_t lease; /* when what was last decided is not believed any more */
	int64_t told; /* enum instance_view (leases.h): what its history says of its lease */
	uint64_t
		full_counter; /* where the counter of its renewals stood after the last full appraisal */
	struct policy_state policy_state; /* zero: nothing to stand on */
};
must_use bool instance_get(struct sql *sql, const uint8_t host[HOST_ID_LEN],
	const uint8_t instance[INSTANCE_ID_LEN], struct instance_row *ret, bool *ret_found,
	struct err *err);
/* Inserts (version 0) or replaces the row of that version; the row then has version + 1.
 * ERR_CONFLICT otherwise. */
must_use bool instance_put(struct sql *sql, const struct instance_row *row, struct err *err);
/* Those of the release that have not ended: refused, and with nothing left that a renewal stands on,
 * so that what they send next is judged as a launch. */
must_use bool instances_refuse_release(
	struct sql *sql, const uint8_t release[SHA256_LEN], struct err *err);
must_use bool instance_gate(struct sql *sql, const uint8_t host[HOST_ID_LEN],
	const uint8_t instance[INSTANCE_ID_LEN], enum instance_state *ret_state, struct err *err);

must_use bool counter_get(struct sql *sql, const uint8_t host[HOST_ID_LEN],
	const uint8_t instance[INSTANCE_ID_LEN], enum purpose purpose, uint64_t *ret,
	struct err *err);
/* Compare and set; ERR_CONFLICT: the counter is not at `expected` any more. */
must_use bool counter_take(struct sql *sql, const uint8_t host[HOST_ID_LEN],
	const uint8_t instance[INSTANCE_ID_LEN], enum purpose purpose, uint64_t expected,
	struct err *err);

enum credential_kind {
	CREDENTIAL_NONE = 0,
	CREDENTIAL_HOST = 1,
	CREDENTIAL_X509 = 2,
	CREDENTIAL_JWT = 3
};
struct credential_row {
	char serial[ROW_SERIAL_MAX]; /* of the certificate as hex, or the token's jti */
	enum credential_kind kind;
	uint8_t host[HOST_ID_LEN], instance[INSTANCE_ID_LEN];
	uint8_t spki[SHA256_LEN];
	int64_t issued, not_after, revoked;
	enum revocation_reason reason; /* of what is revoked */
	int64_t status; /* of a token: its place in the status lists, from 1; 0: none */
};
must_use bool credential_insert(struct sql *sql, const struct credential_row *row, struct err *err);
must_use bool credential_get(struct sql *sql, const char *serial, struct credential_row *ret,
	bool *ret_found, struct err *err);
/* rows_revocation.c: puts what is still valid on the revocation lists: of a host, of one instance, of a
 * workload, of a release, of what carries an elevation (privilegeWithdrawn). The sequence that lists are made by moves on when anything was. */
must_use bool credentials_revoke_host(struct sql *sql, const uint8_t host[HOST_ID_LEN], int64_t now,
	enum revocation_reason reason, struct err *err);
must_use bool credentials_revoke_instance(struct sql *sql, const uint8_t host[HOST_ID_LEN],
	const uint8_t instance[INSTANCE_ID_LEN], int64_t now, enum revocation_reason reason,
	struct err *err);
must_use bool credentials_revoke_workload(struct sql *sql, struct bytes workload, int64_t now,
	enum revocation_reason reason, struct err *err);
must_use bool credentials_revoke_release(struct sql *sql, const uint8_t release[SHA256_LEN],
	int64_t now, enum revocation_reason reason, struct err *err);
must_use bool credentials_revoke_elevation(
	struct sql *sql, struct bytes elevation, int64_t now, struct err *err);

/* ---- objects, leaves, records ---- */

/* Content-addressed: stored once, sealed under a key of its own (rows_contents.c). What was destroyed
 * and comes again is stored under a new key: somebody brought it, and something new refers to it; the
 * row keeps when it was destroyed last. */
must_use bool object_put(
	struct sql *sql, const uint8_t digest[SHA256_LEN], struct bytes content, struct err *err);
/* ERR_NOT_FOUND; ERR_GONE: destroyed, and when; ERR_STORE: it does not open. The digest is checked
 * again. Appends. */
must_use bool object_get(
	struct sql *sql, const uint8_t digest[SHA256_LEN], struct buf *ret, struct err *err);
/* Its key and its bytes, for good; the row stays. On the writer's connection: once committed, they are
 * taken out of the database's files too. What is destroyed already stays as it is. ERR_NOT_FOUND. */
must_use bool object_destroy(struct sql *sql, const uint8_t digest[SHA256_LEN], struct err *err);

struct leaf_row {
	uint64_t index;
	uint8_t hash[SHA256_LEN];
	struct buf bytes;
	uint8_t salt[LEDGER_SALT_LEN];
	struct buf content; /* empty for decisions: their content is the record */
	/* Salt and content as leaf_seal made them of what stands above; empty: not yet. */
	uint8_t wrapped[VAULT_WRAPPED_LEN];
	struct buf sealed;
};
void leaf_row_release(struct leaf_row *row);
/* Seals ahead of leaf_append and off the writer's thread, which has enough to do: row->hash, salt and content
 * stay as they are from here on. A content too large to stand in the leaf's own row is left to
 * leaf_append. */
must_use bool leaf_seal(struct vault *vault, struct leaf_row *row, struct err *err);
/* Appends; row->index is set, row->hash checked by nobody: it is leaf_hash(bytes). Seals what is not
 * sealed, or was under an older master key. */
must_use bool leaf_append(struct store_tx *tx, struct leaf_row *row, struct err *err);
/* ERR_GONE: its salt and content were destroyed, and when. Its hash and bytes stay in the tiles. */
must_use bool leaf_get(
	struct sql *sql, uint64_t index, struct leaf_row *ret, bool *ret_found, struct err *err);
/* Salt and content, for good, as object_destroy does: nobody can open the commitment any more. */
must_use bool leaf_content_destroy(struct sql *sql, uint64_t index, struct err *err);
/* The parts of leaf_append and leaf_get that are sealed, in rows of their own: of large contents, of those that
 * were replaced, and of ledgers from before leaves had theirs in their own row. */
must_use bool leaf_content_put(
	struct sql *sql, uint64_t index, struct bytes salt, struct bytes content, struct err *err);
must_use bool leaf_content_get(struct sql *sql, struct leaf_row *row, struct err *err);
/* Of the leaf's own row: what leaf_seal made. */
must_use bool leaf_content_open(struct sql *sql, struct leaf_row *row, struct bytes wrapped,
	struct bytes sealed, struct err *err);
/* Of a leaf whose content is there: another takes its place under the same salt, and the one before is
 * gone for good. */
must_use bool leaf_content_replace(
	struct sql *sql, const struct leaf_row *row, struct bytes content, struct err *err);
/* Seals what a database from before there were content keys holds in clear, in batches, and clears
 * its pages; interrupted, it goes on where it was. For the start. */
must_use bool contents_seal(struct sql *sql, struct err *err);

/* Where the decision whose leaf has this hash stands. Decisions alone are found by hash: an index over
 * every leaf would cost the ledger more than its leaves. */
must_use bool decision_find(struct sql *sql, const uint8_t hash[SHA256_LEN], uint64_t *ret_index,
	bool *ret_found, struct err *err);

/* ---- tiles and the checkpoint (rows_tiles.c) ---- */

/* Stores the roots of the tiles that the last of `size` leaves completed. */
must_use bool tiles_put(
	struct sql *sql, uint64_t size, const struct tree_completed *completed, struct err *err);
/* The same for every leaf there is: for the step of the schema that brought tiles. */
must_use bool tiles_fill(struct sql *sql, struct err *err);
/* Hashes of a tile, or a bundle of leaves, appended. ERR_NOT_FOUND when the ledger has not grown so
 * far. */
must_use bool tile_get(struct sql *sql, const struct tile *tile, struct buf *out, struct err *err);
/* What proofs are made from; for trees of at most `size` leaves. */
struct tile_source tile_rows(struct sql *sql, uint64_t size);
/* The signed note over the ledger as of the last commit; empty when none was ever signed. */
must_use bool checkpoint_get(struct sql *sql, struct buf *ret_note, struct err *err);
must_use bool checkpoint_set(struct sql *sql, struct bytes note, struct err *err);
/* The newest note that a quorum of witnesses cosigned, with their lines; empty when there is none. */
must_use bool cosigned_get(struct sql *sql, struct buf *ret_note, struct err *err);
must_use bool cosigned_set(struct sql *sql, struct bytes note, struct err *err);

struct record_row {
	uint64_t index;
	uint8_t id[SHA256_LEN]; /* leaf hash */
	int64_t time;
	enum purpose purpose;
	uint8_t host[HOST_ID_LEN], instance[INSTANCE_ID_LEN];
	char workload[ROW_NAME_MAX];
	uint8_t release[SHA256_LEN];
	bool trusted;
	struct buf cose; /* left empty by records_each */
	const struct record *opened; /* what cose says, where that is at hand; borrowed */
	/* Its own objects, as record_seal made them (record_contents.h); empty: they stand one by one. Left empty by
	 * whatever reads. */
	uint8_t wrapped[VAULT_WRAPPED_LEN];
	struct buf sealed;
};
void record_row_release(struct record_row *row);
must_use bool record_insert(struct sql *sql, const struct record_row *row, struct err *err);
must_use bool record_get(struct sql *sql, const uint8_t id[SHA256_LEN], struct record_row *ret,
	bool *ret_found, struct err *err);
struct record_filter {
	struct bytes workload; /* empty: any */
	const uint8_t *host; /* NULL: any */
	uint64_t before; /* index; 0: from the newest */
	unsigned limit; /* 1..ROW_LIST_MAX */
};
typedef bool (*record_visit)(void *arg, const struct record_row *row, struct err *err);
must_use bool records_each(struct sql *sql, const struct record_filter *filter, record_visit visit,
	void *arg, struct err *err);

/* ---- the policy in force ---- */

/* Zeros: none yet. */
must_use bool policy_in_force_get(struct sql *sql, uint8_t ret_digest[SHA256_LEN], struct err *err);
must_use bool policy_in_force_set(
	struct store_tx *tx, const uint8_t digest[SHA256_LEN], int64_t version, struct err *err);

/* ---- rows_policies.c: every policy that was ever in force or staged ---- */

enum policy_row_state {
	POLICY_NONE = 0,
	POLICY_STAGED = 1, /* judged beside the one in force; at most one */
	POLICY_IN_FORCE = 2,
	POLICY_SUPERSEDED = 3, /* was in force, or staged and overtaken */
	POLICY_WITHDRAWN = 4
};
const char *policy_row_state_name(enum policy_row_state state);
struct policy_row {
	int64_t seq; /* of the row; a version may have been staged, withdrawn and staged again */
	int64_t version;
	uint8_t digest[SHA256_LEN]; /* of the file; the text is an object */
	uint8_t signature[SHA256_LEN]; /* of the envelope, an object too; zeros: none */
	enum policy_row_state state;
	int64_t staged; /* time; 0: it came as a file */
	int64_t activate_at; /* 0: not yet asked for */
	int64_t in_force; /* time; 0: never */
	char staged_by[ROW_URI_MAX];
	char by[ROW_URI_MAX], reason[ROW_TEXT_MAX]; /* the last step's */
	/* what the staged one would have said of the decisions since */
	uint64_t judged_from, judged_to; /* ledger indices: the first one, and behind the last */
	int64_t same, changed, undecided, unreadable;
};
/* Newest first; at most ROW_LIST_MAX. */
typedef bool (*policy_visit)(void *arg, const struct policy_row *row, struct err *err);
must_use bool policies_each(struct sql *sql, policy_visit visit, void *arg, struct err *err);
/* The newest of that version. */
must_use bool policy_row_get(
	struct sql *sql, int64_t version, struct policy_row *ret, bool *ret_found, struct err *err);
must_use bool policy_row_of_digest(struct sql *sql, const uint8_t digest[SHA256_LEN],
	struct policy_row *ret, bool *ret_found, struct err *err);
must_use bool policy_row_staged(
	struct sql *sql, struct policy_row *ret, bool *ret_found, struct err *err);
/* ret->seq is set. */
must_use bool policy_row_insert(struct sql *sql, struct policy_row *row, struct err *err);
/* State, times, by, reason, signature. */
must_use bool policy_row_set(struct sql *sql, const struct policy_row *row, struct err *err);
/* What is in force, and what is staged with this version or a lower one. */
must_use bool policies_supersede(struct sql *sql, int64_t version, struct err *err);
/* Those of the ledger's entries, for a database from before there were rows. */
must_use bool policies_fill(struct sql *sql, struct err *err);

#define DIFFERENCES_MAX 4096u /* of one policy; beyond, they are counted together */
struct difference_row {
	char workload[ROW_NAME_MAX]; /* empty: an enrolment, or beyond the maximum */
	uint8_t host[HOST_ID_LEN];
	bool before, after; /* trusted */
	char reason[64];
	int64_t count, last; /* time of the last */
	uint8_t record[SHA256_LEN]; /* the last */
};
/* Adds the counts, and moves the policy's own to what its row says; ERR_CONFLICT unless it is still
 * staged and had judged up to `from`. */
must_use bool differences_add(struct sql *sql, const struct policy_row *row, uint64_t from,
	const struct difference_row *rows, size_t n, struct err *err);
typedef bool (*difference_visit)(void *arg, const struct difference_row *row, struct err *err);
/* Most frequent first. */
must_use bool differences_each(
	struct sql *sql, int64_t seq, difference_visit visit, void *arg, struct err *err);

/* Records from a ledger index on, oldest first, with their envelopes; the caller releases each.
 * *ret_count may be 0. */
/* Where records of that time and later begin: behind the last one that is older. Reads back from the
 * newest only. */
must_use bool records_since(struct sql *sql, int64_t time, uint64_t *ret_index, struct err *err);
must_use bool records_from(struct sql *sql, uint64_t index, struct record_row *ret, size_t max,
	size_t *ret_count, struct err *err);

#endif
