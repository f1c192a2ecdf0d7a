/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/compliance.h"

#include "base/text.h"
#include "crypto/dsse.h"
#include "ledger/audit.h"
#include "policy/policy.h"

#include <stdarg.h>
#include <stdlib.h>

#define LINE_MAX_LEN 2048 /* more than the texts of the API that go into one line */

/* What one kind came to while it is found. */
struct finding {
	json_t *by; /* owned */
	char why[LINE_MAX_LEN];
};

static void finding_release(struct finding *f)
{
	json_decref(f->by);
}

static void found(struct finding *f, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void found(struct finding *f, const char *format, ...)
{
	char line[LINE_MAX_LEN];
	va_list args;
	va_start(args, format);
	(void)vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	(void)json_array_append_new(f->by, json_string(line));
}

static void missing(struct finding *f, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
static void missing(struct finding *f, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	(void)vsnprintf(f->why, sizeof(f->why), format, args);
	va_end(args);
}

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));
	return text ? text : "";
}

static bool is_text(const json_t *object, const char *key, const char *wanted)
{
	return strcmp(text_of(object, key), wanted) == 0;
}

/* ---- the register ---- */

static void find_registered(const struct compliance_facts *facts, struct finding *f)
{
	const json_t *w = facts->workload;
	if (!text_of(w, "owner")[0] || !text_of(w, "purpose")[0] || !text_of(w, "risk_class")[0])
		missing(f, "the register names no owner, purpose or risk class");
	else
		found(f, "register: owner %s, risk class %s, purpose \"%s\", since %s",
			text_of(w, "owner"), text_of(w, "risk_class"), text_of(w, "purpose"),
			text_of(w, "created"));
}

static void find_reviewed(const struct compliance_facts *facts, struct finding *f)
{
	const json_t *w = facts->workload, *review = json_object_get(w, "review");
	if (!text_of(w, "reviewed_by")[0])
		missing(f, "no review is recorded");
	else if (is_text(review, "state", "due") || is_text(review, "state", "overdue"))
		missing(f, "a review is due since %s", text_of(review, "due"));
	else
		found(f, "review: %s by %s: %s", text_of(w, "reviewed"), text_of(w, "reviewed_by"),
			text_of(w, "review_reason"));
}

static void find_third_parties(const struct compliance_facts *facts, struct finding *f)
{
	const json_t *list = json_object_get(facts->workload, "third_parties");
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *party = json_array_get(list, i);
		found(f, "register: third party %s in %s", text_of(party, "name"),
			text_of(party, "jurisdiction"));
	}
	missing(f, "the register lists no third party");
}

/* ---- the release ---- */

/* Whether the verdict has a reason whose code begins so. */
static bool refused_for(const json_t *verdict, const char *prefix)
{
	const json_t *reasons = json_object_get(verdict, "reasons");
	for (size_t i = 0; i < json_array_size(reasons); i++)
		if (strncmp(text_of(json_array_get(reasons, i), "code"), prefix, strlen(prefix)) ==
			0)
			return true;
	return false;
}

static bool release_known(const struct compliance_facts *facts, struct finding *f)
{
	if (!facts->release)
		missing(f, "no release is published and not revoked");
	return facts->release != NULL;
}

static bool release_stands(const struct compliance_facts *facts, struct finding *f)
{
	const json_t *appraisal =
		facts->release ? json_object_get(facts->release, "appraisal") : NULL;
	if (!release_known(facts, f))
		return false;
	if (json_is_object(appraisal) && !refused_for(appraisal, "release-signature") &&
		!refused_for(appraisal, "release-malformed") &&
		!refused_for(appraisal, "risk-class"))
		return true;
	missing(f, "release %s: not signed by a key of the policy in force, or of no class of it",
		text_of(facts->release, "digest"));
	return false;
}

static void find_signed(const struct compliance_facts *facts, struct finding *f)
{
	if (release_stands(facts, f))
		found(f, "release %s: %s %s, published %s", text_of(facts->release, "digest"),
			text_of(facts->release, "name"), text_of(facts->release, "version"),
			text_of(facts->release, "published"));
}

static void find_approved(const struct compliance_facts *facts, struct finding *f)
{
	static const char role[] = "approval as ";
	if (!release_stands(facts, f))
		return;
	const json_t *appraisal = json_object_get(facts->release, "appraisal");
	const json_t *checked = json_object_get(appraisal, "checked");
	if (refused_for(appraisal, "approval-")) {
		missing(f, "release %s: approvals that its risk class asks for are missing",
			text_of(facts->release, "digest"));
		return;
	}
	for (size_t i = 0; i < json_array_size(checked); i++) {
		const char *line = json_string_value(json_array_get(checked, i));
		if (line && strncmp(line, role, sizeof(role) - 1) == 0)
			found(f, "release %s: %s", text_of(facts->release, "digest"), line);
	}
	missing(f, "the risk class asks for no approval");
}

/* The statement inside the envelope that the verifier sent. */
static struct release *statement_of(const struct compliance_facts *facts)
{
	OWNED(buf_release) struct buf text = {0};
	OWNED(dsse_free) struct dsse *dsse = NULL;
	struct release *release = NULL;
	if (!json_write(json_object_get(facts->release, "envelope"), false, &text, NULL) ||
		!dsse_parse(buf_bytes(&text), &dsse, NULL) ||
		!release_parse(buf_bytes(&dsse->payload), &release, NULL))
		return NULL;
	return release;
}

static void find_in_statement(const struct compliance_facts *facts, struct finding *f, bool change)
{
	if (!release_stands(facts, f))
		return;
	const char *digest = text_of(facts->release, "digest");
	OWNED(release_free) struct release *r = statement_of(facts);
	if (!r) {
		missing(f, "release %s cannot be read", digest);
		return;
	}
	if (change && r->code_commit)
		found(f, "release %s: code commit %s", digest, r->code_commit);
	if (change && r->change_request)
		found(f, "release %s: change request %s", digest, r->change_request);
	for (size_t i = 0; !change && i < r->dataset_count; i++)
		found(f, "release %s: data set %s", digest, r->dataset_snapshots[i]);
	missing(f, "release %s names no %s", digest,
		change ? "commit and no change request" : "data set");
}

static void find_change(const struct compliance_facts *facts, struct finding *f)
{
	find_in_statement(facts, f, true);
}

static void find_datasets(const struct compliance_facts *facts, struct finding *f)
{
	find_in_statement(facts, f, false);
}

/* ---- decisions ---- */

static bool decision_known(const struct compliance_facts *facts, struct finding *f)
{
	if (!facts->record)
		missing(f, "no trusted decision about the current release is among the newest "
			   "records");
	return facts->record != NULL;
}

static void found_record(const struct compliance_facts *facts, struct finding *f, const char *what)
{
	found(f, "record %s: %s at %s, assurance %s", text_of(facts->record, "id"), what,
		text_of(facts->record, "time"),
		text_of(json_object_get(facts->record, "verdict"), "assurance"));
}

static void find_measured(const struct compliance_facts *facts, struct finding *f)
{
	if (decision_known(facts, f))
		found_record(facts, f, "what ran was the release");
}

static void find_boot(const struct compliance_facts *facts, struct finding *f)
{
	if (!decision_known(facts, f))
		return;
	const json_t *verdict = json_object_get(facts->record, "verdict");
	if (is_text(verdict, "assurance", "booted") || is_text(verdict, "assurance", "measured"))
		found_record(facts, f, "the host's boot was appraised");
	else
		missing(f, "record %s: nothing of the host's boot was appraised",
			text_of(facts->record, "id"));
}

static void find_records(const struct compliance_facts *facts, struct finding *f)
{
	size_t n = json_array_size(facts->records), refused = 0;
	for (size_t i = 0; i < n; i++)
		refused += !json_is_true(
			json_object_get(json_array_get(facts->records, i), "trusted"));
	if (n == 0)
		missing(f, "no decision is recorded");
	else
		found(f, "records: %zu read, %zu of them refusals, newest %s of %s", n, refused,
			text_of(json_array_get(facts->records, 0), "id"),
			text_of(json_array_get(facts->records, 0), "time"));
}

/* A record is named by the hash of its leaf. */
static bool is_bundle_of(struct bytes bundle, const char *id)
{
	OWNED(free_ptr) struct audit_bundle *b = calloc(1, sizeof(*b));
	uint8_t hash[SHA256_LEN];
	char hex[2 * SHA256_LEN + 1];
	if (!b || !audit_bundle_decode(bundle, b, NULL) || !leaf_hash(b->leaf, hash, NULL))
		return false;
	hex_encode(BYTES_OF(hash), hex);
	return strcmp(hex, id) == 0;
}

static void find_audit(const struct compliance_facts *facts, struct finding *f)
{
	OWNED(audit_report_release) struct audit_report report = {0};
	struct err err = {0};
	if (!decision_known(facts, f))
		return;
	if (!audit_run(facts->bundle, NULL, &report, &err) || !report.consistent)
		missing(f, "record %s: its verdict was not reached again from its bundle",
			text_of(facts->record, "id"));
	else if (!is_bundle_of(facts->bundle, text_of(facts->record, "id")))
		missing(f, "record %s: the bundle that was sent is of another record",
			text_of(facts->record, "id"));
	else
		found(f,
			"record %s: its verdict was reached again from its bundle, by the key in "
			"it",
			text_of(facts->record, "id"));
}

static void (*const finders[EVIDENCE_KINDS])(const struct compliance_facts *, struct finding *) = {
	[EVIDENCE_REGISTERED] = find_registered,
	[EVIDENCE_REVIEWED] = find_reviewed,
	[EVIDENCE_THIRD_PARTIES] = find_third_parties,
	[EVIDENCE_RELEASE_SIGNED] = find_signed,
	[EVIDENCE_RELEASE_APPROVED] = find_approved,
	[EVIDENCE_CHANGE] = find_change,
	[EVIDENCE_DATASETS] = find_datasets,
	[EVIDENCE_MEASURED] = find_measured,
	[EVIDENCE_BOOT] = find_boot,
	[EVIDENCE_RECORDS] = find_records,
	[EVIDENCE_AUDIT] = find_audit,
};

bool compliance_evidence(const struct compliance_facts *facts, enum evidence_kind kind,
	json_t **ret, struct err *err)
{
	OWNED(finding_release) struct finding f = {.by = json_array()};
	if (!f.by)
		return err_set(err, ERR_NOMEM, "report");
	if (kind > EVIDENCE_NONE && kind < EVIDENCE_KINDS)
		finders[kind](facts, &f);
	bool evidenced = json_array_size(f.by) > 0;
	*ret = evidenced ? json_pack("{s:s, s:b, s:O}", "kind", evidence_kind_name(kind),
				   "evidenced", 1, "by", f.by)
			 : json_pack("{s:s, s:b, s:s}", "kind", evidence_kind_name(kind),
				   "evidenced", 0, "why", f.why);
	return *ret || err_set(err, ERR_NOMEM, "report");
}

/* ---- the report ---- */

static bool is_declared(const json_t *workload, const char *id)
{
	const json_t *list = json_object_get(workload, "controls");
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *text = json_string_value(json_array_get(list, i));
		if (text && strcmp(text, id) == 0)
			return true;
	}
	return false;
}

static bool put_control(const struct compliance_facts *facts, const struct control *control,
	json_t *const kinds[EVIDENCE_KINDS], json_t *list, struct err *err)
{
	json_t *evidence = json_array();
	unsigned n = 0;
	bool ok = evidence != NULL;
	for (unsigned i = 0; ok && i < control->evidence_count; i++) {
		json_t *one = kinds[control->evidence[i]];
		n += json_is_true(json_object_get(one, "evidenced"));
		ok = json_array_append(evidence, one) == 0;
	}
	const char *status = n == 0                         ? "not evidenced here"
			     : n == control->evidence_count ? "evidenced"
							    : "partly evidenced";
	return json_array_append_new(
		       list, json_pack("{s:s, s:s, s:s, s:s, s:b, s:s, s:o}", "id", control->id,
				     "framework", control->framework, "clause", control->clause,
				     "title", control->title, "declared",
				     (int)is_declared(facts->workload, control->id), "status",
				     status, "evidence", evidence)) == 0 &&
			       ok
		       ? true
		       : err_set(err, ERR_NOMEM, "report");
}

/* Declared controls that the map does not know: nothing can be said about them. */
static json_t *not_in_map(const json_t *workload, const struct control_map *map)
{
	const json_t *list = json_object_get(workload, "controls");
	json_t *unknown = json_array();
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *id = json_string_value(json_array_get(list, i));
		if (id && !control_map_find(map, id))
			(void)json_array_append_new(unknown, json_string(id));
	}
	return unknown;
}

struct kinds {
	json_t *of[EVIDENCE_KINDS]; /* owned */
};

static void kinds_release(struct kinds *kinds)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds->of); i++)
		json_decref(kinds->of[i]);
}

bool compliance_report(const struct compliance_facts *facts, const struct control_map *map,
	json_t **ret, struct err *err)
{
	OWNED(kinds_release) struct kinds kinds = {0};
	OWNED(json_release) json_t *controls = json_array();
	if (!controls)
		return err_set(err, ERR_NOMEM, "report");
	for (int kind = EVIDENCE_NONE + 1; kind < EVIDENCE_KINDS; kind++)
		if (!compliance_evidence(facts, (enum evidence_kind)kind, &kinds.of[kind], err))
			return false;
	for (unsigned i = 0; i < map->controls_count; i++)
		if (!put_control(facts, &map->controls[i], kinds.of, controls, err))
			return false;
	*ret = json_pack("{s:s, s:s, s:s, s:O, s:o}", "workload", text_of(facts->workload, "name"),
		"risk_class", text_of(facts->workload, "risk_class"), "environment",
		text_of(facts->workload, "environment"), "controls", controls, "not_in_map",
		not_in_map(facts->workload, map));
	return *ret || err_set(err, ERR_NOMEM, "report");
}
