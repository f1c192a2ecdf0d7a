/* SPDX-License-Identifier: Apache-2.0 */
/* The decisions of a package: each put together from its stripped bundle and the shared objects,
 * audited by itself, and then renewals held against what they stand on. */
#include "ledger/audit_package_private.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "base/time.h"

#define DIRECTORY "decisions/"
#define SHOWN_MAX 16 /* failures told one by one */

/* ---- bundles ---- */

bool package_strip(struct bytes bundle,
	bool (*keep)(
		void *arg, const uint8_t digest[SHA256_LEN], struct bytes object, struct err *err),
	void *arg, struct buf *out, struct err *err)
{
	OWNED(free_ptr) struct audit_bundle *b = calloc(1, sizeof(*b));
	OWNED(free_ptr) uint8_t(*digests)[SHA256_LEN] = calloc(AUDIT_OBJECTS_MAX, SHA256_LEN);

	if (!b || !digests)
		return err_set(err, ERR_NOMEM, "package");
	if (!audit_bundle_decode(bundle, b, err))
		return false;
	for (size_t i = 0; i < b->object_count; i++) {
		if (!sha256_of(b->objects[i], digests[i], err) ||
			!keep(arg, digests[i], b->objects[i], err))
			return false;
		b->objects[i] = BYTES_OF(digests[i]);
	}
	return audit_bundle_encode(b, out, err);
}

/* ERR_NOT_FOUND names the object that the package lacks. */
static bool restore(
	const struct package *package, struct audit_bundle *b, struct buf *out, struct err *err)
{
	for (size_t i = 0; i < b->object_count; i++) {
		char path[sizeof("objects/") + 2 * SHA256_LEN] = "objects/";

		if (b->objects[i].len != SHA256_LEN)
			return err_set(err, ERR_FORMAT, "object %zu: no digest", i);
		hex_encode(b->objects[i], path + strlen(path));
		const struct package_member *member = package_find(package, path);

		if (!member)
			return err_set(err, ERR_NOT_FOUND, "%s is not in the package", path);
		b->objects[i] = member->content;
	}
	return audit_bundle_encode(b, out, err);
}

/* ---- one decision ---- */

static bool input_of(const struct audit_bundle *b, const struct record *record, const char *name,
	struct bytes *ret, uint8_t digest[SHA256_LEN], struct err *err)
{
	for (size_t i = 0; i < record->input_count; i++) {
		if (strcmp(record->inputs[i].name, name) != 0)
			continue;
		memcpy(digest, record->inputs[i].digest, SHA256_LEN);
		for (size_t k = 0; k < b->object_count; k++) {
			uint8_t own[SHA256_LEN];

			if (!sha256_of(b->objects[k], own, err))
				return false;
			if (memcmp(own, digest, sizeof(own)) == 0) {
				*ret = b->objects[k];
				return true;
			}
		}
	}
	return true;
}

static bool take_facts(struct package_decision *d, const struct audit_bundle *b,
	const struct record *record, struct err *err)
{
	static const uint8_t none[SHA256_LEN];
	struct bytes evidence = {0}, verdict = {0}, state = {0};
	uint8_t digest[SHA256_LEN];

	if (!input_of(b, record, "evidence", &evidence, digest, err) ||
		!input_of(b, record, "verdict", &verdict, digest, err) ||
		!input_of(b, record, "state-out", &state, d->state_out, err))
		return false;
	d->time = record->time;
	d->established = memcmp(d->state_out, none, sizeof(none)) != 0;
	return decision_facts_of(record, evidence, verdict, &d->facts, err);
}

/* Of the decision itself, not of one that it stands on. */
static bool step_is(const struct audit_report *report, enum audit_section section, const char *what,
	enum audit_step_result result)
{
	for (size_t i = 0; i < report->step_count; i++) {
		const struct audit_step *step = &report->steps[i];

		if (step->section == section && !step->earlier && step->result == result &&
			strcmp(step->what, what) == 0)
			return true;
	}
	return false;
}

static void take_standing(struct package_decision *d, const struct audit_anchors *anchors,
	const struct audit_report *report)
{
	bool pinned = anchors->policy_signers && anchors->policy_signers->count > 0;

	d->signer_proven = step_is(report, AUDIT_RECORD, AUDIT_STEP_SIGNATURE, AUDIT_PROVED);
	d->policy_signed = step_is(report, AUDIT_POLICY, AUDIT_STEP_POLICY_SIGNATURE, AUDIT_PROVED);
	d->policy_proven = d->policy_signed && pinned;
	d->by = d->signer_proven ? "" : "the key that the package brings";
}

bool package_decision_proven(const struct package_decision *d)
{
	return d->consistent && d->signer_proven;
}

const char *package_decisions_by(const struct package_audit *audit)
{
	const char *by = audit->decision_count > 0 ? "" : NULL;

	for (size_t i = 0; i < audit->decision_count; i++)
		if (!package_decision_proven(&audit->decisions[i]))
			return audit->decisions[i].by;
	return audit->gone_count > 0 ? "the verifier where their content was destroyed" : by;
}

static void take_report(struct package_decision *d, const struct audit_report *report)
{
	d->consistent = report->consistent;
	d->reproducible = report->reproducible;
	d->grounded = report->grounded;
	d->rests_on_earlier = report->rests_on_earlier;
	memcpy(d->earlier, report->earlier, sizeof(d->earlier));
	memcpy(d->earlier_state, report->earlier_state, sizeof(d->earlier_state));
	for (size_t i = 0; i < report->step_count && !d->failed[0]; i++)
		if (report->steps[i].result == AUDIT_FAILED)
			(void)snprintf(d->failed, sizeof(d->failed), "%.60s: %.120s",
				report->steps[i].what, report->steps[i].detail);
	if (!d->consistent && !d->failed[0])
		(void)snprintf(d->failed, sizeof(d->failed), "an input is missing");
}

/* Who signed a record whose audit held: the leaf names the key, and the audit found it so. */
static void take_signer(struct package_case *c, const struct audit_bundle *b)
{
	OWNED(cert_unref) struct cert *cert = NULL;
	OWNED(key_unref) struct key *key = NULL;
	struct leaf leaf;

	if (b->cert_count == 0 || c->signer_count == PACKAGE_SIGNERS_MAX ||
		!leaf_decode(b->leaf, &leaf, NULL))
		return;
	for (size_t i = 0; i < c->signer_count; i++)
		if (memcmp(key_id(c->signers[i]), leaf.issuer, SHA256_LEN) == 0)
			return;
	if (!cert_from_der(b->certs[0], false, &cert, NULL) || !cert_key(cert, &key, NULL))
		return;
	if (memcmp(key_id(key), leaf.issuer, SHA256_LEN) == 0)
		c->signers[c->signer_count++] = TAKE(key);
}

static bool audit_one(struct package_case *c, const struct package_member *member,
	struct package_decision *d, struct err *err)
{
	OWNED(audit_report_release) struct audit_report report = {0};
	OWNED(free_ptr) struct audit_bundle *b = calloc(1, sizeof(*b));
	OWNED(buf_release) struct buf whole = {0};

	if (!b)
		return err_set(err, ERR_NOMEM, "package");
	if (!audit_bundle_decode(member->content, b, err) || !restore(c->package, b, &whole, err) ||
		!audit_run(buf_bytes(&whole), c->anchors, &report, err) ||
		!leaf_hash(b->leaf, d->id, err))
		return false;
	d->index = b->index;
	take_report(d, &report);
	take_standing(d, c->anchors, &report);
	if (d->consistent)
		take_signer(c, b);
	/* Of a record that nobody signed nothing was read. */
	return !report.record.verifier_id.data || take_facts(d, b, &report.record, err);
}

bool package_belongs(
	const struct package_case *c, const char *workload, int64_t time, struct err *err)
{
	const struct package_index *index = &c->audit->index;
	char at[TIME_TEXT_MAX];

	if (workload && strcmp(workload, index->workload) != 0)
		return err_set(err, ERR_MISMATCH, "of workload %s, and the package is of %s",
			workload[0] ? workload : "(none)", index->workload);
	return (time >= index->from && time <= index->to) ||
	       err_set(err, ERR_MISMATCH, "made at %s, outside the time of the package",
		       time_format(time, at));
}

/* What nobody signed has failed already. */
static void belong(const struct package_case *c, struct package_decision *d)
{
	struct err why = {0};

	if (!d->consistent || package_belongs(c, d->facts.workload, d->time, &why))
		return;
	d->consistent = false;
	(void)snprintf(d->failed, sizeof(d->failed), "%.180s", why.text);
}

static bool name_is(const struct package_member *member, uint64_t index)
{
	char path[48];

	(void)snprintf(path, sizeof(path), DIRECTORY "%020llu.cbor", (unsigned long long)index);
	return bytes_equal_str(member->path, path);
}

static bool decision_add(
	struct package_case *c, const struct package_member *member, struct err *err)
{
	struct package_audit *audit = c->audit;
	struct err why = {0};
	struct package_decision d = {0};

	if (audit->decision_count == c->decision_room) {
		size_t room = c->decision_room ? 2 * c->decision_room : 64;
		struct package_decision *list = realloc(audit->decisions, room * sizeof(*list));

		if (!list)
			return err_set(err, ERR_NOMEM, "package");
		audit->decisions = list;
		c->decision_room = room;
	}
	if (!audit_one(c, member, &d, &why)) {
		if (why.code == ERR_NOMEM || why.code == ERR_INTERNAL)
			return err_set(err, why.code, "%s", why.text);
		package_note(
			c, AUDIT_FAILED, "decision", "%s: %.150s", ESC(member->path), why.text);
		return true;
	}
	/* The name is the index: so they come in the ledger's order, each once. */
	if (!name_is(member, d.index) ||
		(audit->decision_count > 0 &&
			audit->decisions[audit->decision_count - 1].index >= d.index)) {
		package_note(c, AUDIT_FAILED, "decision",
			"%s: not under its own index, or out of order", ESC(member->path));
		return true;
	}
	belong(c, &d);
	audit->decisions[audit->decision_count++] = d;
	return true;
}

struct package_decision *package_decision_find(const struct package_case *c, uint64_t index)
{
	size_t low = 0, high = c->audit->decision_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		struct package_decision *d = &c->audit->decisions[middle];

		if (d->index == index)
			return d;
		if (d->index < index)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

/* ---- what they stand on ---- */

static int id_order(const void *a, const void *b)
{
	return memcmp((*(const struct package_decision *const *)a)->id,
		(*(const struct package_decision *const *)b)->id, SHA256_LEN);
}

static bool is_id(const struct package_decision *d, const uint8_t id[SHA256_LEN], int *ret_order)
{
	*ret_order = memcmp(d->id, id, SHA256_LEN);
	return *ret_order == 0;
}

static const struct package_decision *by_id(
	const struct package_decision *const *sorted, size_t n, const uint8_t id[SHA256_LEN])
{
	size_t low = 0, high = n;
	int order = 0;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (is_id(sorted[middle], id, &order))
			return sorted[middle];
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

/* Renewals, by what is known of what they stand on. */
struct standing {
	size_t held, chained, away;
};

/* What another instance established is that one's. */
static bool stands_on(const struct package_decision *d, const struct package_decision *earlier)
{
	return earlier->consistent && earlier->index < d->index &&
	       memcmp(earlier->facts.host, d->facts.host, HOST_ID_LEN) == 0 &&
	       memcmp(earlier->facts.instance, d->facts.instance, INSTANCE_ID_LEN) == 0 &&
	       earlier->established &&
	       memcmp(earlier->state_out, d->earlier_state, SHA256_LEN) == 0;
}

/* A renewal that was refused may stand on a state that was ended meanwhile: nobody trusted it. */
static void walk_one(struct package_case *c, struct package_decision *d,
	const struct package_decision *earlier, struct standing *count)
{
	if (!earlier && d->consistent && d->grounded) {
		count->chained++;
		return;
	}
	if (!earlier || (!d->facts.trusted &&
				memcmp(earlier->state_out, d->earlier_state, SHA256_LEN) != 0)) {
		count->away++;
		return;
	}
	if (stands_on(d, earlier)) {
		count->held++;
		return;
	}
	package_note(c, AUDIT_FAILED, "earlier state",
		"entry %llu stands on entry %llu, which did not establish that",
		(unsigned long long)d->index, (unsigned long long)earlier->index);
	d->consistent = false;
}

static bool walk_back(struct package_case *c, struct err *err)
{
	size_t n = c->audit->decision_count;
	struct standing count = {0};
	enum audit_step_result standing = package_pinned(c) ? AUDIT_PROVED : AUDIT_ASSERTED;
	OWNED(free_ptr)
	const struct package_decision **sorted = calloc(n ? n : 1, sizeof(*sorted));

	if (!sorted)
		return err_set(err, ERR_NOMEM, "package");
	for (size_t i = 0; i < n; i++)
		sorted[i] = &c->audit->decisions[i];
	qsort(sorted, n, sizeof(sorted[0]), id_order);
	for (size_t i = 0; i < n; i++) {
		struct package_decision *d = &c->audit->decisions[i];

		if (d->rests_on_earlier)
			walk_one(c, d, by_id(sorted, n, d->earlier), &count);
	}
	if (count.held > 0)
		package_note(c, standing, "earlier states",
			"%zu renewals stand on what decisions in this package established",
			count.held);
	if (count.chained > 0)
		package_note(c, standing, "earlier states",
			"%zu renewals bring the chain back to the full appraisal that they stand "
			"on",
			count.chained);
	if (count.away > 0)
		package_note(c, AUDIT_ASSERTED, "earlier states",
			"%zu renewals stand on decisions that are not in this package", count.away);
	return true;
}

/* ---- whose word they are ---- */

static void note_signers(struct package_case *c)
{
	size_t proven = 0, asserted = 0;

	for (size_t i = 0; i < c->audit->decision_count; i++) {
		const struct package_decision *d = &c->audit->decisions[i];

		proven += d->consistent && d->signer_proven;
		asserted += d->consistent && !d->signer_proven;
	}
	if (proven > 0)
		package_note(c, AUDIT_PROVED, "record signer",
			"of %zu decisions: a key that you pinned, or one below a root that you "
			"pinned",
			proven);
	if (asserted > 0)
		package_note(c, AUDIT_ASSERTED, "record signer",
			"of %zu decisions: the key that the package brings, which anybody can "
			"make; pin the verifier's with --ca or --key to prove it",
			asserted);
}

static void note_policies(struct package_case *c)
{
	size_t proven = 0, asserted = 0, open = 0;

	for (size_t i = 0; i < c->audit->decision_count; i++) {
		const struct package_decision *d = &c->audit->decisions[i];

		proven += d->consistent && d->policy_proven;
		asserted += d->consistent && d->policy_signed && !d->policy_proven;
		open += d->consistent && !d->policy_signed;
	}
	if (proven > 0)
		package_note(c, AUDIT_PROVED, AUDIT_STEP_POLICY_SIGNERS,
			"of %zu decisions: persons whom you pinned", proven);
	if (asserted > 0)
		package_note(c, AUDIT_ASSERTED, AUDIT_STEP_POLICY_SIGNERS,
			"of %zu decisions: persons whom the verifier names; pin them with "
			"--policy-keys to prove it",
			asserted);
	if (open > 0)
		package_note(c, AUDIT_NOT_CHECKED, AUDIT_STEP_POLICY_SIGNERS,
			"of %zu decisions: nobody signed the policy", open);
}

bool package_decisions(struct package_case *c, struct err *err)
{
	size_t held = 0, shown = 0;

	for (size_t i = 0; i < c->package->count; i++) {
		const struct package_member *member = &c->package->members[i];
		const char *what = package_what(member->path);

		if (what && strcmp(what, "decision") == 0 && !decision_add(c, member, err))
			return false;
	}
	if (!walk_back(c, err))
		return false;
	for (size_t i = 0; i < c->audit->decision_count; i++) {
		const struct package_decision *d = &c->audit->decisions[i];

		held += d->consistent;
		if (!d->consistent && d->failed[0] && shown++ < SHOWN_MAX)
			package_note(c, AUDIT_FAILED, "decision", "entry %llu: %s",
				(unsigned long long)d->index, d->failed);
	}
	package_note(c,
		held != c->audit->decision_count ? AUDIT_FAILED
		: package_pinned(c)              ? AUDIT_PROVED
						 : AUDIT_ASSERTED,
		"decisions", "%zu of %zu reach the verdict again that was recorded", held,
		c->audit->decision_count);
	note_signers(c);
	note_policies(c);
	return true;
}
