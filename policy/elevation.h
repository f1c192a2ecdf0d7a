/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Elevations: a right beyond the release's own, lent for a time and a reason when enough persons
 * signed for it (docs/formats/elevation.md). A risk class lists what may be lent; a request names
 * one of these, by whom, for what and for how long; approvals are signed over the request. Whether
 * an elevation holds is judged anew at every decision, by the policy of that moment. Pure.
 */
#ifndef ASSAY_POLICY_ELEVATION_H
#define ASSAY_POLICY_ELEVATION_H

#include "policy/policy.h"

#define ELEVATION_RULES_MAX     16u /* of one risk class */
#define ELEVATION_AUDIENCES_MAX 4u /* of one rule */
#define ELEVATION_DURATION_MAX  (7 * 86400)
#define ELEVATION_DURATION_MIN  10
#define ELEVATION_AT_ONCE_MAX   1000
#define ELEVATION_ID_LEN        16
#define ELEVATION_APPROVALS_MAX 16u /* of one elevation, denials included */
#define ELEVATION_ENVELOPE_MAX  (32u << 10)
#define ELEVATION_REQUEST_MAX   (16u << 10)
#define ELEVATION_REASON_MAX    1024u
#define ELEVATION_SET_MAX       (2u << 20)
/* What is left of an elevation must last for a credential that carries it to be of use. */
#define ELEVATION_REMAINDER_MIN 5

/* What a risk class lends, and on which terms. */
struct policy_elevation {
	char *name; /* of the right; unique in its class */
	char *entitlement; /* what credentials carry: "tickets.erase"; NULL: none */
	char **audiences; /* tokens for these are issued besides, and to nobody else of the class */
	size_t audience_count;
	struct policy_approval_rule *approvals; /* sorted by role; at least one */
	size_t approval_count;
	int64_t duration_max; /* seconds */
	int64_t unapproved_for; /* seconds after which a request that lacks approvals lapses */
	int64_t cool_down; /* seconds between the end of one and the beginning of the next; 0 */
	unsigned at_once; /* in force for one workload at one time, at most */
	bool by_instance; /* an instance may ask for itself */
	uint8_t clause[SHA256_LEN]; /* of all of the above, as canonical JSON */
};
/* NULL: the class lends no such right. */
const struct policy_elevation *policy_elevation_find(
	const struct policy_class *class, struct bytes name);
/* Whether an audience is lent by the class, and so nobody's own. */
bool policy_elevation_reserves(const struct policy_class *class, struct bytes audience);

/* ---- the request: canonical JSON, made by the verifier ---- */

struct elevation_request {
	uint8_t id[ELEVATION_ID_LEN];
	char *verifier; /* its id: requests of another one are not its own */
	char *workload, *right, *reason;
	char *requester; /* URI of the certificate that asked */
	char *person; /* the name in it, where a person asked; NULL: an instance did */
	uint8_t key[SHA256_LEN]; /* SHA-256 of the SubjectPublicKeyInfo of that certificate */
	bool has_host, has_instance,
		has_release; /* whom it is for: all of the workload's otherwise */
	uint8_t host[HOST_ID_LEN], instance[INSTANCE_ID_LEN], release[SHA256_LEN];
	uint8_t clause[SHA256_LEN]; /* struct policy_elevation.clause */
	int64_t duration; /* seconds asked for */
	int64_t asked, lapses; /* lapses: unless approved before */
	uint8_t digest[SHA256_LEN]; /* of the bytes read; not written */
};
must_use bool elevation_request_parse(
	struct bytes in, struct elevation_request **ret, struct err *err);
void elevation_request_free(struct elevation_request **request);
/* Canonical JSON; what could not be read back is refused. */
must_use bool elevation_request_write(
	const struct elevation_request *request, struct buf *out, struct err *err);

/* ---- approvals and denials: in-toto Statements, the subject is the request ---- */

struct elevation_approval {
	uint8_t request[SHA256_LEN]; /* digest of the request's bytes */
	uint8_t id[ELEVATION_ID_LEN];
	uint8_t entry[SHA256_LEN]; /* leaf hash of the request's entry in the ledger */
	char *verifier, *workload, *right;
	char *person, *role, *reason;
	int64_t duration; /* seconds at most, from when it comes into force */
	int64_t issued, expires;
	bool denied; /* ends it, in force or not */
};
must_use bool elevation_approval_parse(
	struct bytes statement, struct elevation_approval **ret, struct err *err);
void elevation_approval_free(struct elevation_approval **approval);
must_use bool elevation_approval_statement(
	const struct elevation_approval *approval, struct buf *out, struct err *err);

/* ---- whether it holds ---- */

struct elevation {
	struct elevation_request *request;
	uint8_t entry[SHA256_LEN]; /* leaf hash of the request's entry */
	uint8_t activation[SHA256_LEN]; /* of the entry that says who approved */
	int64_t activated; /* since when it is in force; 0: not yet */
	struct buf approvals[ELEVATION_APPROVALS_MAX]; /* DSSE envelopes */
	size_t approval_count;
};
void elevation_release(struct elevation *elevation);

/* One signed word on a request. */
struct elevation_word {
	struct elevation_approval *approval; /* NULL: unreadable */
	size_t person; /* index into the policy's approvers */
	const char *why; /* it does not count; NULL: it does */
	int64_t end; /* first second at which it no longer does, if in force since `from` */
};
void elevation_word_release(struct elevation_word *word);
/* Of one envelope, at a time, were the elevation in force since `from`. */
must_use bool elevation_word_judge(const struct policy *policy, const struct policy_elevation *rule,
	const struct elevation *elevation, struct bytes envelope, int64_t from, int64_t now,
	struct elevation_word *ret, struct err *err);

struct elevation_judgement {
	bool holds;
	int64_t until; /* then: first second at which it does not */
	char why[REASON_TEXT_MAX]; /* otherwise */
	char persons[REASON_TEXT_MAX]; /* "alice as security, bob as owner"; escaped */
};
/* Whether the approvals suffice at a time, were it in force since `from`, which is not later. class:
 * the workload's. */
must_use bool elevation_judge(const struct policy *policy, const struct policy_class *class,
	const struct elevation *elevation, int64_t from, int64_t now,
	struct elevation_judgement *ret, struct err *err);

/* ---- all that are in force for an instance: what a context freezes ---- */

struct elevation_set {
	size_t count;
	struct elevation list[ELEVATIONS_MAX];
};
void elevation_set_release(struct elevation_set *set);
must_use bool elevation_set_parse(struct bytes in, struct elevation_set *ret, struct err *err);
/* Canonical JSON. Nothing is appended for an empty set. */
must_use bool elevation_set_write(
	const struct elevation_set *set, struct buf *out, struct err *err);

#endif
