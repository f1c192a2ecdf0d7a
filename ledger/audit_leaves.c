/* SPDX-License-Identifier: Apache-2.0 */
/* The verdict that was reached again, part by part: each one a leaf that holds, or does not hold as
 * recorded, or contradicts the record. What a part rests on besides signatures is somebody's word. */
#include "base/text.h"
#include "ledger/audit_case.h"
#include "policy/host_attribute.h"

#define VERDICT_MAX (256u << 10)
#define VERIFIER    "the verifier"
#define HOST        "assay-hostd of the host"

static const struct {
	const char *what;
	const char *by; /* whose word it is, if it holds; NULL: follows from what is signed */
	const char *held; /* where no line of the verdict says so */
	enum audit_section section;
	bool always; /* has a leaf in every audit */
} leaves[] = {
	[PART_OTHER] = {"by the verifier", NULL, NULL, AUDIT_VERDICT, false},
	[PART_EVIDENCE] = {"evidence", NULL, NULL, AUDIT_EVIDENCE, false},
	[PART_HOST] = {"host", NULL, NULL, AUDIT_EVIDENCE, false},
	[PART_HOST_STATE] = {"host state", VERIFIER, NULL, AUDIT_EVIDENCE, false},
	[PART_EK] = {"EK certificate chain", NULL, NULL, AUDIT_EVIDENCE, true},
	[PART_AK] = {"AK attributes", NULL, "restricted, signing, bound to its TPM", AUDIT_EVIDENCE,
		true},
	[PART_QUOTE] = {"quote", NULL, NULL, AUDIT_EVIDENCE, true},
	[PART_NONCE] = {"nonce", NULL, NULL, AUDIT_EVIDENCE, true},
	[PART_CONNECTION] = {"TLS connection", VERIFIER, NULL, AUDIT_EVIDENCE, false},
	[PART_KEY] = {"instance key", NULL, NULL, AUDIT_EVIDENCE, false},
	[PART_COUNTERS] = {"TPM counters", VERIFIER, NULL, AUDIT_EVIDENCE, false},
	[PART_CONTINUITY] = {"continuity", NULL, NULL, AUDIT_EVIDENCE, false},
	[PART_RUNTIME_LOG] = {"runtime log", NULL, NULL, AUDIT_EVIDENCE, true},
	[PART_FIRMWARE_LOG] = {"firmware log", NULL, "replays onto the quoted PCRs", AUDIT_EVIDENCE,
		true},
	[PART_IMA_LOG] = {"IMA log", NULL, NULL, AUDIT_EVIDENCE, true},
	[PART_BOOT] = {"boot", NULL, NULL, AUDIT_EVIDENCE, false},
	[PART_WORKLOAD] = {"workload", VERIFIER, NULL, AUDIT_RELEASE, false},
	[PART_RELEASE] = {"release signature", NULL, NULL, AUDIT_RELEASE, true},
	[PART_STATEMENTS] = {"statements", NULL, NULL, AUDIT_RELEASE, true},
	[PART_APPROVALS] = {"approvals", NULL, NULL, AUDIT_RELEASE, true},
	[PART_FLOORS] = {"floors", VERIFIER, NULL, AUDIT_RELEASE, false},
	[PART_ROLLOUT] = {"rollout", VERIFIER, NULL, AUDIT_RELEASE, false},
	[PART_COMPONENTS] = {"components", HOST, NULL, AUDIT_EVIDENCE, false},
	[PART_PLACEMENT] = {"placement", "operators", NULL, AUDIT_EVIDENCE, false},
	[PART_THIRD_PARTIES] = {"third parties", VERIFIER, NULL, AUDIT_RELEASE, false},
	[PART_SANDBOX] = {"sandbox", HOST, NULL, AUDIT_EVIDENCE, false},
	[PART_ENVIRONMENT] = {"environment values", HOST, NULL, AUDIT_EVIDENCE, false},
	[PART_ELEVATIONS] = {"elevations", NULL, NULL, AUDIT_RELEASE, false},
	[PART_ASSURANCE] = {"assurance", NULL, NULL, AUDIT_VERDICT, false},
};
static_assert(ARRAY_LEN(leaves) == VERDICT_PARTS, "every part has a leaf");

/* ---- what does not hold ---- */

static bool same_text(const json_t *reason, const char *key, const char *text)
{
	const char *recorded = json_string_value(json_object_get(reason, key));

	return strcmp(recorded ? recorded : "", text) == 0;
}

static bool recorded_too(const json_t *recorded, const struct reason *reason)
{
	const json_t *reasons = json_object_get(recorded, "reasons"), *r;
	size_t i;

	json_array_foreach(
		reasons, i, r) if (same_text(r, "code", reason_code_name(reason->code)) &&
				   same_text(r, "subject", reason->subject) &&
				   same_text(r, "expected", reason->expected) &&
				   same_text(r, "actual", reason->actual)) return true;
	return false;
}

/* A refusal that the record tells too is as proven as any other finding. */
static void note_reason(struct audit_case *c, const struct reason *r, const json_t *recorded)
{
	bool same = recorded_too(recorded, r);

	c->section = leaves[r->part].section;
	if (!same && audit_input_withheld(c, "verdict")) {
		audit_note(c, AUDIT_NOT_CHECKED, leaves[r->part].what,
			"withheld: whether it was recorded so: %s: expected %s, found %s",
			r->subject, r->expected, r->actual);
		return;
	}
	audit_note(c, same ? AUDIT_PROVED : AUDIT_FAILED, leaves[r->part].what,
		"%s: %s: expected %s, found %s", same ? "refused, as recorded" : "does not hold",
		r->subject, r->expected, r->actual);
}

/* ---- what holds ---- */

/* By one operator, if one set them all. */
static void operator_of(const struct audit_case *c, char *out, size_t size)
{
	const struct context_host *host = &c->frozen.context.host;
	struct bytes by = {0};

	for (size_t i = 0; i < host->attribute_count; i++)
		if (i > 0 && !bytes_equal(by, host->attributes[i].by)) {
			snprintf(out, size, "operators");
			return;
		} else {
			by = host->attributes[i].by;
		}
	snprintf(out, size, "operator %s", ESC(host_attribute_operator(by)));
}

static void note_held(struct audit_case *c, enum verdict_part part, const char *text)
{
	const char *by = leaves[part].by, *what = leaves[part].what;
	size_t named = strlen(what);
	char operator[96];

	/* Lines of a verdict stand alone; a leaf has said already what it is about. */
	if (strncmp(text, what, named) == 0 && strncmp(text + named, ": ", 2) == 0)
		text += named + 2;

	/* What a measured assay-hostd recorded is what happened. */
	if ((part == PART_COMPONENTS || part == PART_SANDBOX || part == PART_ENVIRONMENT) &&
		c->verdict.assurance == ASSURANCE_MEASURED)
		by = NULL;
	if (part == PART_PLACEMENT) {
		operator_of(c, operator, sizeof(operator));
		by = operator;
	}
	c->section = leaves[part].section;
	if (by)
		audit_assert(c, by, what, "%s", text);
	else
		audit_note(c, AUDIT_PROVED, what, "%s", text);
}

static bool has_line(const struct verdict *v, enum verdict_part part)
{
	for (size_t i = 0; i < v->checked_count; i++)
		if (v->checked_part[i] == part)
			return true;
	return false;
}

/* Held, but the verdict has no line for it, or had no room for one. */
static void note_silent(struct audit_case *c, enum verdict_part part)
{
	const struct verdict *v = &c->verdict;

	if (v->held >> part & 1 && !(v->refused >> part & 1) && part != PART_OTHER &&
		!has_line(v, part))
		note_held(c, part, leaves[part].held ? leaves[part].held : "holds");
}

/* Of one thing a verdict says that it is asserted, and has no other place to say so. */
static void note_not_checked(struct audit_case *c, enum verdict_part part, const char *text)
{
	static const char asserted[] = "asserted by the verifier: ";

	if (strncmp(text, asserted, sizeof(asserted) - 1) == 0)
		audit_note(c, AUDIT_ASSERTED, leaves[part].what, "%s", text + sizeof(asserted) - 1);
	else
		audit_note(c, AUDIT_NOT_CHECKED, leaves[part].what, "%s", text);
}

static const char *why_open(const struct audit_case *c, enum verdict_part part)
{
	const struct verdict *v = &c->verdict;

	if (c->frozen.context.challenge.purpose == PURPOSE_ENROLL)
		return "not part of an enrolment's evidence";
	if (v->refused >> PART_EVIDENCE & 1 || v->refused >> PART_AK & 1)
		return "nothing could be read that it could have been judged by";
	if ((part == PART_EK || part == PART_FIRMWARE_LOG) && !v->full)
		return "judged by the full appraisal that this one stands on";
	if (part == PART_STATEMENTS || part == PART_APPROVALS)
		return "the risk class demands none, or the release could not be judged";
	if (part == PART_FIRMWARE_LOG || part == PART_IMA_LOG)
		return "not appraised: the risk class names no host class that asks for it";
	return "not judged by this appraisal";
}

static bool verdict_recorded(const struct audit_case *c, json_t **ret, struct err *err)
{
	struct bytes text;
	struct err why = {0};

	*ret = NULL;
	if (!audit_input(c, "verdict", &text) || json_open(text, VERDICT_MAX, ret, &why))
		return true;
	return why.code != ERR_NOMEM || err_set(err, ERR_NOMEM, "%s", why.text);
}

bool audit_leaves(struct audit_case *c, struct err *err)
{
	const struct verdict *v = &c->verdict;
	OWNED(json_release) json_t *recorded = NULL;

	if (!verdict_recorded(c, &recorded, err))
		return false;
	for (enum verdict_part part = 0; part < VERDICT_PARTS; part++) {
		if (!audit_part_here(c, part)) {
			c->section = leaves[part].section;
			if (part != PART_OTHER)
				audit_note_withheld(
					c, leaves[part].what, "not all is here that it rests on");
			continue;
		}
		for (size_t i = 0; i < v->reason_count; i++)
			if (v->reasons[i].part == part)
				note_reason(c, &v->reasons[i], recorded);
		for (size_t i = 0; i < v->checked_count; i++)
			if (v->checked_part[i] == part)
				note_held(c, part, v->checked[i]);
		note_silent(c, part);
		c->section = leaves[part].section;
		for (size_t i = 0; i < v->not_checked_count; i++)
			if (v->not_checked_part[i] == part)
				note_not_checked(c, part, v->not_checked[i]);
		if (leaves[part].always && !((v->held | v->refused) >> part & 1))
			audit_note(
				c, AUDIT_NOT_CHECKED, leaves[part].what, "%s", why_open(c, part));
	}
	return true;
}

/* ---- what could not be asked ---- */

static bool has_leaf(const struct audit_case *c, const char *what)
{
	for (size_t i = 0; i < c->report->step_count; i++)
		if (c->report->steps[i].earlier == c->earlier &&
			strcmp(c->report->steps[i].what, what) == 0)
			return true;
	return false;
}

void audit_leaves_missing(struct audit_case *c)
{
	static const struct {
		const char *what;
		enum audit_section section;
		const char *why;
	} others[] = {
		{"record signature", AUDIT_RECORD, "nothing was reached"},
		{"policy", AUDIT_POLICY, "it could not be read"},
		{"policy signature", AUDIT_POLICY, "the policy could not be read"},
		{"verdict", AUDIT_VERDICT, "nothing could be judged again"},
		{"inclusion in the ledger", AUDIT_LEDGER, "there is no leaf to look for"},
		{"tree root", AUDIT_LEDGER, "there is no leaf to look for"},
		{"log host", AUDIT_LEDGER, "there is no leaf to look for"},
		{"witnesses", AUDIT_LEDGER,
			"nobody's word was counted: --log-policy names those who are to be "
			"believed"},
	};

	for (enum verdict_part part = 0; part < VERDICT_PARTS; part++) {
		c->section = leaves[part].section;
		if (leaves[part].always && !has_leaf(c, leaves[part].what))
			audit_note(c, AUDIT_NOT_CHECKED, leaves[part].what,
				"nothing could be judged again");
	}
	for (size_t i = 0; i < ARRAY_LEN(others); i++) {
		c->section = others[i].section;
		if (!has_leaf(c, others[i].what))
			audit_note(c, AUDIT_NOT_CHECKED, others[i].what, "%s", others[i].why);
	}
}
