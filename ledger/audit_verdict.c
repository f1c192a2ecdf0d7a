/* SPDX-License-Identifier: Apache-2.0 */
/* From the record to the verdict: every input there, the appraisal made again, the same verdict
 * byte for byte. */
#include <stdio.h>

#include "base/text.h"
#include "evidence/message.h"
#include "ledger/audit_case.h"

/* The last object that was asked for decides whether decoding ended because one was withheld. */
static bool find(void *arg, const uint8_t digest[SHA256_LEN], struct bytes *ret)
{
	struct audit_case *c = arg;
	bool found = audit_object(c, digest, ret);

	c->policy_withheld = !found && audit_withheld(c, digest);
	return found;
}

static bool withheld(void *arg, const uint8_t digest[SHA256_LEN])
{
	struct audit_case *c = arg;

	if (!audit_withheld(c, digest))
		return false;
	c->partial = true;
	return true;
}

static void not_reproducible(struct audit_case *c, const char *what, const char *detail)
{
	c->report->reproducible = false;
	audit_note(c, AUDIT_FAILED, what, "not reproducible: %s", detail);
}

/* The branch that an input belongs to. */
static enum audit_section section_of(const char *input)
{
	static const struct {
		const char *begin;
		enum audit_section section;
	} sections[] = {
		{"evidence", AUDIT_EVIDENCE},
		{"ek-certs", AUDIT_EVIDENCE},
		{"release", AUDIT_RELEASE},
		{"approval", AUDIT_RELEASE},
		{"statement", AUDIT_RELEASE},
		{"policy", AUDIT_POLICY},
	};

	for (size_t i = 0; i < ARRAY_LEN(sections); i++)
		if (strncmp(input, sections[i].begin, strlen(sections[i].begin)) == 0)
			return sections[i].section;
	return AUDIT_VERDICT;
}

static void audit_inputs(struct audit_case *c)
{
	const struct record *record = &c->report->record;
	struct bytes object;

	c->report->reproducible = true;
	for (size_t i = 0; i < record->input_count; i++)
		if (!audit_input(c, record->inputs[i].name, &object)) {
			char what[sizeof(record->inputs[i].name) + 8];

			snprintf(what, sizeof(what), "input %s", record->inputs[i].name);
			c->section = section_of(record->inputs[i].name);
			if (audit_withheld(c, record->inputs[i].digest)) {
				c->report->reproducible = false;
				audit_note_withheld(c, what, "the record names it");
				continue;
			}
			not_reproducible(c, what, "the record names it, the bundle lacks it");
		}
	c->section = AUDIT_VERDICT;
	if (c->report->reproducible)
		audit_note(c, AUDIT_PROVED, "inputs", "all %zu that the record names are here",
			record->input_count);
}

static bool audit_context(struct audit_case *c, bool *ret, struct err *err)
{
	struct bytes context;
	struct err why = {0};
	char detail[REASON_TEXT_MAX];

	*ret = false;
	if (audit_input_withheld(c, "context")) {
		audit_note_withheld(c, "context", "nothing can be judged without it");
		return true;
	}
	if (!audit_input(c, "context", &context)) {
		not_reproducible(c, "context", "the record freezes none, or the bundle lacks it");
		return true;
	}
	if (policy_context_decode_withheld(
		    context, find, withheld, c, c->known, &c->frozen, &why)) {
		*ret = true;
		return true;
	}
	if (why.code == ERR_NOMEM || why.code == ERR_INTERNAL || why.code == ERR_CRYPTO)
		return err_set(err, why.code, "%s", why.text);
	text_escape(bytes_str(why.text), detail, sizeof(detail));
	if (why.code == ERR_NOT_FOUND && c->policy_withheld)
		audit_note_withheld(c, "context", "nothing can be judged without its policy");
	else if (why.code == ERR_NOT_FOUND)
		not_reproducible(c, "context", detail);
	else
		audit_note(c, AUDIT_FAILED, "context", "%s", detail);
	return true;
}

/* What the record says about itself must be what the frozen inputs say. */
static bool audit_same(struct audit_case *c, struct err *err)
{
	const struct record *r = &c->report->record;
	const struct policy_context *x = &c->frozen.context;
	const struct {
		const char *name;
		struct bytes object;
	} named[] = {
		{"evidence", c->frozen.evidence},
		{"release", x->release},
		{"ek-certs", x->host.ek_certs},
	};
	bool same = r->time == x->now && r->purpose == x->challenge.purpose &&
		    bytes_equal(r->verifier_id, x->verifier_id) &&
		    memcmp(r->host_id, x->host.id, HOST_ID_LEN) == 0 &&
		    memcmp(r->instance, x->challenge.instance, INSTANCE_ID_LEN) == 0;
	struct evidence evidence;
	struct claims claims;
	struct bytes object;
	uint8_t key[SHA256_LEN];

	for (size_t i = 0; i < ARRAY_LEN(named); i++)
		if (audit_input(c, named[i].name, &object))
			same = same && bytes_equal(object, named[i].object);
	if (evidence_decode(c->frozen.evidence, &evidence, NULL) &&
		claims_decode(evidence.claims, &claims, NULL)) {
		if (!sha256_of(claims.key, key, err))
			return false;
		same = same && bytes_equal(r->workload, claims.workload) &&
		       memcmp(r->release, claims.release, SHA256_LEN) == 0 &&
		       memcmp(r->key, key, SHA256_LEN) == 0;
	} else if (!audit_input_withheld(c, "evidence")) {
		/* A record of malformed evidence has nothing to say about it. */
		same = same && r->workload.len == 0 && bytes_all_zero(BYTES_OF(r->release)) &&
		       bytes_all_zero(BYTES_OF(r->key));
	}
	audit_judge(c, same, "record and its inputs",
		c->frozen.evidence.len > 0
			? "time, verifier, host, instance, purpose, workload, release and key agree"
			: "time, verifier, host, instance and purpose agree",
		"the record and its inputs speak of different things");
	return true;
}

static bool appraise_again(struct audit_case *c, struct err *err)
{
	const struct policy_frozen *f = &c->frozen;
	bool done = f->context.challenge.purpose == PURPOSE_ENROLL
			    ? policy_appraise_enrolment(f->evidence, &f->context, &c->verdict, err)
			    : policy_appraise(f->evidence, &f->context, &f->state_in, &c->verdict,
				      &c->state_out, err);

	return done && verdict_json(&c->verdict, &c->report->verdict, err);
}

static bool audit_state_out(struct audit_case *c, struct err *err)
{
	OWNED(buf_release) struct buf state = {0};
	struct bytes recorded;

	if (audit_input_withheld(c, "state-out")) {
		audit_note_withheld(c, "state established", "the one recorded is not here");
		return true;
	}
	if (!audit_input(c, "state-out", &recorded))
		return true;
	if (!policy_state_encode(&c->state_out, &state, err))
		return false;
	audit_judge(c, bytes_equal(buf_bytes(&state), recorded), "state established", "as recorded",
		"differs from the one recorded");
	return true;
}

static bool audit_compare(struct audit_case *c, struct err *err)
{
	const struct record *r = &c->report->record;
	struct bytes recorded;

	if (c->partial) {
		audit_note_withheld(c, "verdict", "not all is here that it rests on");
		return true;
	}
	if (audit_input_withheld(c, "verdict")) {
		audit_note_withheld(c, "verdict",
			"the one recorded is not here to be held against what comes out");
		return audit_state_out(c, err);
	}
	if (!audit_input(c, "verdict", &recorded)) {
		not_reproducible(c, "verdict", "the record names none, or the bundle lacks it");
		return true;
	}
	audit_judge(c,
		bytes_equal(buf_bytes(&c->report->verdict), recorded) &&
			r->trusted == c->verdict.trusted && r->assurance == c->verdict.assurance,
		"verdict", "reached again from the evidence up, byte for byte the one recorded",
		"another one than recorded comes out");
	return audit_state_out(c, err);
}

/* Recorded before the record itself had a hash. */
static bool earlier_state(struct audit_case *c, struct err *err)
{
	OWNED(buf_release) struct buf state = {0};
	struct policy_state in = c->frozen.state_in;
	struct audit_report *report = c->report;

	if (c->partial || c->verdict.full || !in.established)
		return true;
	report->rests_on_earlier = true;
	memcpy(report->earlier, in.record, sizeof(report->earlier));
	memset(in.record, 0, sizeof(in.record));
	return policy_state_encode(&in, &state, err) &&
	       sha256_of(buf_bytes(&state), report->earlier_state, err);
}

static void note_assertions(struct audit_case *c)
{
	c->section = AUDIT_EVIDENCE;
	audit_note(c, AUDIT_ASSERTED, "attestation key and endorsement key",
		"the verifier says that it saw them in one TPM: its MakeCredential does not "
		"transfer");
	audit_note(c, AUDIT_ASSERTED, "challenge", "the verifier says that it was used once");
	audit_note(c, AUDIT_ASSERTED, "time", "the clock is the verifier's");
	c->section = AUDIT_RELEASE;
	audit_note(c, AUDIT_ASSERTED, "registers, floors and approvals",
		"as the verifier read them at ledger index %llu; that no withdrawal is left out is "
		"its word",
		(unsigned long long)c->frozen.context.ledger_index);
}

bool audit_verdict(struct audit_case *c, struct err *err)
{
	bool ok;

	audit_inputs(c);
	if (!audit_context(c, &ok, err))
		return false;
	if (!ok)
		return true;
	if (!audit_policy(c, err))
		return false;
	c->section = AUDIT_VERDICT;
	if (!audit_same(c, err))
		return false;
	/* Without evidence there is nothing to appraise. */
	if (audit_input_withheld(c, "evidence")) {
		audit_note_withheld(c, "verdict", "the evidence that it rests on is not here");
		return true;
	}
	if (!appraise_again(c, err) || !audit_compare(c, err) || !earlier_state(c, err) ||
		!audit_leaves(c, err))
		return false;
	note_assertions(c);
	c->judged = !c->partial;
	/* What came out of less than there was is no verdict. */
	if (c->partial)
		buf_release(&c->report->verdict);
	return true;
}
