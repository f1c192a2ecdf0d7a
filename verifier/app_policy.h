/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How policies come into force. One is in force; at most one is staged, judged beside it without
 * effect, until it is activated or withdrawn. Which one is in force stands in the store and only ever
 * rises in version, so it survives restarts; the policy file brings in a newer one at start and on
 * SIGHUP, an operator one that was staged. Private to verifier/.
 */
#ifndef ASSAY_VERIFIER_APP_POLICY_H
#define ASSAY_VERIFIER_APP_POLICY_H

#include "verifier/app.h"

/* ---- policy_ref.c ---- */

struct policy_ref *policy_ref_new(void); /* NULL: no memory */
/* From ref->text and ref->signature: enough of policy_keys signed it, it parses, it is of this trust
 * domain, none of its signers has a part in it, and all it names is there, in the store (sql NULL:
 * not looked in) or the directory of references. */
must_use bool policy_ref_open(struct app *app, const char *name, struct sql *sql,
	struct policy_ref *ref, struct err *err);
/* The same without asking who signed it: for what decides nothing. */
must_use bool policy_ref_read(struct app *app, const char *name, struct sql *sql,
	struct policy_ref *ref, struct err *err);
/* One that the store keeps, opened by what counts now. */
must_use bool policy_ref_stored(struct app *app, struct sql *sql, const struct policy_row *row,
	struct policy_ref **ret, struct err *err);
/* Text, signature, signers and references, stored by digest; ret_signature zeros: unsigned. */
must_use bool policy_ref_keep(struct store_tx *tx, const struct policy_ref *ref,
	uint8_t ret_signature[SHA256_LEN], struct err *err);
/* Names of the signers; NULL: no memory. */
json_t *policy_ref_signed(const struct app *app, const struct policy_ref *ref);
/* A ledger entry about it; by and reason may be "". NULL: no memory. */
json_t *policy_ref_entry(const struct app *app, const struct policy_ref *ref, const char *event,
	const char *by, const char *reason);

/* ---- app_policy.c ---- */

/* In a job: puts a policy in force, with its leaf. ERR_CONFLICT unless its version is above the one
 * in force. The row, if it was staged, else NULL. */
must_use bool policy_enforce(struct app *app, struct store_tx *tx, const struct policy_ref *ref,
	const struct policy_row *staged, const char *by, const char *reason, struct err *err);
/* Hands over the reference: the policy in force from now on; app->policy_change is held. */
void app_policy_swap(struct app *app, struct policy_ref **ref);

/* ---- app_staged.c ---- */

/* At start: what the store has staged. One that cannot be used is logged and left where it is. */
must_use bool app_staged_load(struct app *app, struct err *err);
/* NULL: none. */
struct policy_ref *app_staged(struct app *app, int64_t *ret_seq);
/* Whether there is one that can be judged, as far as is known here; asks nobody. */
bool app_staged_known(struct app *app);

/* What an operator asks for. */
struct policy_order {
	int64_t version;
	uint8_t digest
		[SHA256_LEN]; /* of the file: nothing else is put in force under this version */
	const char *by, *reason;
	int64_t at; /* 0: now */
};
/* Takes a signed policy (a DSSE envelope) and stages it. *ret_new false: this very one is staged
 * already. ERR_CONFLICT: another one is, or its version is not above the one in force. */
must_use bool app_policy_stage(struct app *app, struct bytes envelope, const char *by,
	struct policy_row *ret, bool *ret_new, struct err *err);
/* Puts the staged policy in force, or says when. */
must_use bool app_policy_activate(
	struct app *app, const struct policy_order *order, struct policy_row *ret, struct err *err);
must_use bool app_policy_withdraw(
	struct app *app, const struct policy_order *order, struct policy_row *ret, struct err *err);
/* The staged policy whose time has come by `now` is put in force; *ret false: none was due. */
must_use bool app_policy_due(struct app *app, int64_t now, bool *ret, struct err *err);

#endif
