/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attributes of hosts in the store: what operators said of a host, every word of it kept. A row is
 * never changed; the newest of a key counts. Private to verifier/.
 */
#ifndef ASSAY_VERIFIER_ATTRIBUTES_H
#define ASSAY_VERIFIER_ATTRIBUTES_H

#include "verifier/app.h"

#define ATTRIBUTES_HISTORY_MAX 100u /* shown, the newest first */

struct attribute_row {
	char key[HOST_ATTRIBUTE_KEY_MAX + 1];
	char value[HOST_ATTRIBUTE_VALUE_MAX + 1]; /* empty: the attribute was taken back */
	char by[ROW_URI_MAX], reason[ROW_TEXT_MAX];
	int64_t time;
};

/* What counts now: rows by key, ascending, and the same as the policy sees them. */
struct host_attributes {
	size_t count;
	struct attribute_row rows[HOST_ATTRIBUTES_MAX];
	struct host_attribute views[HOST_ATTRIBUTES_MAX];
};
must_use bool attributes_get(struct sql *sql, const uint8_t host[HOST_ID_LEN],
	struct host_attributes *ret, struct err *err);
typedef bool (*attribute_visit)(void *arg, const struct attribute_row *row, struct err *err);
must_use bool attributes_history(struct sql *sql, const uint8_t host[HOST_ID_LEN],
	attribute_visit visit, void *arg, struct err *err);
/* The host that is not retired and has this attribute; *ret_found false: none has. */
must_use bool attributes_host(struct sql *sql, const char *key, const char *value,
	uint8_t ret_id[HOST_ID_LEN], bool *ret_found, struct err *err);

/* Changes as a body has them: {"key": "value", …} and ["key", …], either may be NULL; borrowed. */
struct attribute_changes {
	const json_t *set, *unset;
	const char *by, *reason;
	int64_t time;
};
/* Faults of form, in the fields `set` and `unset`. */
void attributes_check(struct json_fields *f, const char *key, const json_t *set);
void attributes_check_unset(struct json_fields *f, const json_t *set, const json_t *unset);
/* In a job: appends the rows and a ledger entry, and moves the host's version, so that no decision
 * rests on what was said before. ERR_CONFLICT: a kubernetes-node that another host has, or nothing
 * there to take back. ERR_LIMIT beyond HOST_ATTRIBUTES_MAX. */
must_use bool attributes_change(struct app *app, struct store_tx *tx,
	const uint8_t host[HOST_ID_LEN], const struct attribute_changes *changes, struct err *err);
/* {"jurisdiction": {"value", "by", "since", "reason"}, …}; NULL: no memory. */
json_t *attributes_json(const struct host_attributes *attributes);
/* [{"key", "value" or null, "by", "reason", "time"}, …], the newest first. */
must_use bool attributes_history_json(
	struct sql *sql, const uint8_t host[HOST_ID_LEN], json_t **ret, struct err *err);

/* What the token's maker said, when the token (hash NULL: any that was made for this host) is about
 * to be used. To be called before join_token_use. */
must_use bool attributes_of_token(struct app *app, struct store_tx *tx, const uint8_t *hash,
	const uint8_t host[HOST_ID_LEN], int64_t now, struct err *err);

#endif
